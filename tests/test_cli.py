"""The command line: what it writes and prints, and a sentence for each mistake."""

import gzip
import json
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import disrec_mini as dm
from disrec_mini import cli, datasets
from disrec_mini.interactions import Interactions
from disrec_mini.synthetic import make_world

QUICK = ["--dim", "8", "--blocks", "1", "--max-len", "10", "--quiet", "--device", "cpu"]
QUICK += ["--group-size", "32", "--groups", "2", "--learning-rate", "0.01"]
COMMAND = [sys.executable, "-m", "disrec_mini"]


def clicks(n_users: int = 60) -> Interactions:
    world = make_world(n_users, (4, 14), 2, 60, noise=0.1, seed=7)
    return world.interactions  # of sixty users: clicks on all 120 items


def write_clicks(path: Path, format: str = "pairs", n_users: int = 60) -> Path:
    rows = [row.tolist() for row in clicks(n_users)]
    if format == "pairs":
        lines = [f"{u} {j}" for u, row in enumerate(rows, 1) for j in row]
    elif format == "user-first":
        lines = [" ".join(map(str, [u, *row])) for u, row in enumerate(rows, 1)]
    else:
        lines = [" ".join(map(str, row)) for row in rows]
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no way out to the network, and a folder of its own."""
    monkeypatch.setenv("DISREC_DATA", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two epochs, shared: nobody may change it."""
    folder = tmp_path_factory.mktemp("shared")
    data = write_clicks(folder / "clicks.txt")
    words = ["train", str(data), "--epochs", "2", "--out", str(folder / "run"), *QUICK]
    assert cli.main(words) == 0
    return folder / "run"


Say = Callable[..., str]


@pytest.fixture
def sentence(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command that must fail with one line, and return the line."""

    def run_it(*words: object) -> str:
        capsys.readouterr()
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as stop:  # argparse leaves by itself
            code = int(str(stop.code))
        shown = capsys.readouterr()
        assert code == 2
        assert shown.out == ""
        assert shown.err.count("\n") == 1, shown.err
        assert shown.err.startswith("disrec_mini: ")
        assert shown.err.endswith(".\n")
        assert "Traceback" not in shown.err
        return shown.err[len("disrec_mini: ") :].strip()

    return run_it


def prints(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert cli.main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def same_weights(one: Path, two: Path) -> bool:
    a, b = (dm.DisRec.load(path).state_dict() for path in (one, two))
    return a.keys() == b.keys() and all(torch.equal(v, b[k]) for k, v in a.items())


# -- at once ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--help", 0),
        ("train --help", 0),
        ("data list", 0),
        ("data info ml-100k", 0),
        ("data info beuty", 2),
        ("", 2),
        ("train", 2),
        ("train x.txt --dim much", 2),
        ("train x.txt --keep 1.5", 2),
        ("train missing.txt", 2),
        ("evaluate", 2),
        ("recommend --model m --user 1 --items 2", 2),
        ("evaluate --model missing", 2),
    ],
)
def test_help_and_mistakes_do_not_wait_for_torch(words: str, code: int) -> None:
    script = (
        "import sys\nfrom disrec_mini import cli\n"
        "try:\n    code = cli.main(sys.argv[1:])\n"
        "except SystemExit as stop:\n    code = stop.code\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "sys.exit(code)"
    )
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", script, *words.split()], capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - began.ru_utime - began.ru_stime
    assert seconds < 1  # about 0.15 s
    assert (done.stderr.count("\n"), bool(done.stdout)) == (
        (1, False) if code else (0, True)
    )


def test_python_m_and_a_reader_that_leaves_early() -> None:
    listed = subprocess.run([*COMMAND, "data", "list"], capture_output=True, text=True)
    assert listed.returncode == 0
    assert len(listed.stdout.splitlines()) == len(datasets.dataset_names())
    left = subprocess.run(
        ["bash", "-c", f"sleep 1 | {shlex.join(COMMAND)} data list | true"],
        capture_output=True,
        text=True,
    )
    assert left.stderr == ""


def test_data_list_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    listed = prints(capsys, "data", "list").splitlines()
    assert [line.split()[0] for line in listed] == list(datasets.dataset_names())
    shown = prints(capsys, "data", "info", "beauty")
    for part in ("40,226", "54,542", "353,962", "licence", "citation", "https://"):
        assert part in shown


# -- mistakes in files -----------------------------------------------------------------

BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty: expected lines of clicks"),
    "blank": (b"\n \n", "is empty"),
    "binary": (bytes(range(256)), "is not a text file"),
    "three columns": (b"1 2\n1 2 3\n", "line 2: its first number, 1, began an earlier"),
    "one column": (b"5\n6\n", 'line 1: format "user-first" expects'),
    "word": (b"1 2\n1 two\n", "line 2: expected whole numbers"),
    "fraction": (b"1 2.5\n", "line 1: expected whole numbers"),
    "negative": (b"1 -2\n", "line 1: expected whole numbers"),
    "ratings": (b"1 2 5\n1 3 4\n", "--user 0 --item 1 --rating 2"),
    "long number": (b"1 1234567890123456789\n", "more than 18 digits"),
    "cut off gzip": (gzip.compress(b"1 2\n" * 999)[:20], "cut off gzip file"),
    "one click each": (b"1 2\n2 3\n3 4\n", "has no user with 3 clicks or more"),
    "two clicks each": (b"1 2\n1 3\n2 1\n2 2\n", "has no user with 3 clicks or more"),
    "three clicks each": (b"1 2\n1 3\n1 4\n", "no user has 2 training clicks"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used(name: str, tmp_path: Path, sentence: Say) -> None:
    content, expected = BAD_FILES[name]
    (tmp_path / "clicks.txt").write_bytes(content)
    found = sentence("train", tmp_path / "clicks.txt", "--out", "run", *QUICK)
    assert expected in found
    assert name == "three clicks each" or "clicks.txt" in found
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_missing_file_and_a_folder(tmp_path: Path, sentence: Say) -> None:
    assert "does not exist: expected a file" in sentence("train", "missing.txt")
    assert "is a folder: expected a file of clicks" in sentence("train", tmp_path)
    long = "x" * 5000 + ".txt"
    assert "File name too long" in sentence("train", long)


def test_wrong_format_asked_for(tmp_path: Path, sentence: Say) -> None:
    data = write_clicks(tmp_path / "clicks.txt", "items-only")
    assert 'format "pairs" expects `user item`' in sentence(
        "train", data, "--format", "pairs"
    )
    assert 'format="items-only"' in sentence("train", data)
    assert "invalid choice: 'csv'" in sentence("train", data, "--format", "csv")


# -- mistakes in data sets -------------------------------------------------------------


def test_an_unknown_data_set_suggests_near_names(sentence: Say) -> None:
    for words in (["data", "info", "beuty"], ["data", "fetch", "beuty"]):
        assert "Unknown data set 'beuty'. Did you mean beauty" in sentence(*words)
    assert "Did you mean ml-1m" in sentence("train", "ml1m")
    assert "Known: beauty" in sentence("train", "zzz")


def test_a_log_gets_lines_and_no_bar(tmp_path: Path) -> None:
    """And what is closed, such as by `>&-`, is written to nobody."""
    data = write_clicks(tmp_path / "clicks.txt")
    words = ["train", str(data), "--epochs", "2", "--out", "run"]
    words += [word for word in QUICK if word != "--quiet"]
    ran = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=True)
    assert "\r" not in ran.stderr
    assert "%|" not in ran.stderr
    assert re.findall(r"^epoch +(\d)", ran.stderr, re.MULTILINE) == ["1", "2"]
    closed = f"{shlex.join([*COMMAND, 'evaluate', '--model', 'run'])} >&- 2>&-"
    assert subprocess.run(closed, shell=True, check=False).returncode == 0


def test_a_wrong_checksum_sets_the_file_aside(tmp_path: Path, sentence: Say) -> None:
    folder = tmp_path / "cache" / "beauty"
    folder.mkdir(parents=True)
    (folder / "beauty.txt").write_text("1 1\n")
    found = sentence("train", "beauty")
    assert "beauty.txt is not the published file: its sha256 is" in found
    assert "run again" in found
    assert [p.name for p in folder.iterdir()] == ["beauty.txt.wrong-checksum"]


def test_no_network(
    sentence: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:9/nothing.txt"
    source = datasets.Source(url, "nothing.txt", "sha256:0", dm.read_interactions)
    entry = datasets.Dataset("nothing", "", (source,), None, None, None, "", "")
    monkeypatch.setitem(datasets._REGISTRY, "nothing", entry)
    found = sentence("data", "fetch", "nothing")
    assert "could not be downloaded" in found
    assert "check the network, or put the file" in found
    assert str(tmp_path / "cache" / "nothing" / "nothing.txt") in found
    assert "could not be downloaded" in sentence("train", "nothing")


# -- mistakes in settings --------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--keep 1.5", "keep must be between 0 and 1, not 1.5"),
        ("--keep -0.1", "keep must be between 0 and 1, not -0.1"),
        ("--keep nan", "keep must be between 0 and 1, not nan"),
        ("--intents 0", "n_intents must be a whole number >= 1, not 0"),
        ("--max-len 1", "max_len must be a whole number >= 2, not 1"),
        ("--dim 0", "dim must be a whole number >= 1, not 0"),
        ("--dim 2.5", "argument --dim: invalid int value: '2.5'"),
        ("--dropout 1", "dropout must be between 0 and 0.99"),
        ("--learning-rate 0", "learning_rate must be a number above 0"),
        ("--temperature -1", "temperature must be a number above 0"),
        ("--variant 4", "variant must be 0, 1, 2 or 3"),
        ("--epochs 0", "--epochs must be at least 1, not 0"),
        ("--epochs -3", "--epochs must be at least 1, not -3"),
        ("--validate-every 0", "--validate-every must be at least 1"),
        ("--patience 0", "--patience must be at least 1"),
        ("--threads 0", "--threads must be at least 1"),
        ("--minutes 0", "--minutes must be above 0"),
        ("--seed -1", "--seed must be 0 or more, not -1"),
        ("--sampler other", "sampler must be 'packed' or 'pairs'"),
        ("--l2 1", "add --item-decay 0 to use --l2"),
        ("--l2 1 --item-decay 1", "both decay the item table: choose one"),
        ("--out a --resume b", "not allowed with argument"),
        ("--colour red", "unrecognized arguments: --colour red"),
    ],
)
def test_contradictory_settings(words: str, expected: str, sentence: Say) -> None:
    # the file is missing too: settings are checked first
    assert expected in sentence("train", "missing.txt", *words.split())


def test_l2_instead_of_the_recommended_item_decay(
    tmp_path: Path, sentence: Say
) -> None:
    for words in (["--l2", "1", "--item-decay", "0"], ["--paper", "--l2", "1"]):
        assert "does not exist" in sentence("train", "missing.txt", *words)


def test_an_unknown_device(tmp_path: Path, sentence: Say) -> None:
    data = write_clicks(tmp_path / "clicks.txt")
    found = sentence("train", data, "--out", "run", *QUICK, "--device", "nowhere")
    assert "device 'nowhere' is not available here" in found


def test_a_diverging_run(tmp_path: Path, sentence: Say) -> None:
    data = write_clicks(tmp_path / "clicks.txt")
    words = ["--out", "run", *QUICK, "--learning-rate", "1e30"]
    assert "epoch 1: the loss is not finite" in sentence("train", data, *words)


def test_a_full_memory(
    tmp_path: Path, sentence: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_clicks(tmp_path / "clicks.txt")
    words = ["train", data, "--out", "run", *QUICK, "--dim", "100000000000"]
    assert "the memory is full: choose a smaller --dim" in sentence(*words)

    def breaks(*args: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli, "_data", breaks)
    with pytest.raises(RuntimeError, match="a bug"):  # bugs are not hidden
        cli.main([str(word) for word in words])


# -- mistakes with folders -------------------------------------------------------------


def test_a_folder_that_cannot_be_written(tmp_path: Path, sentence: Say) -> None:
    data = write_clicks(tmp_path / "clicks.txt")
    (tmp_path / "file").write_text("no folder")
    for out in ("file", "file/run"):
        found = sentence("train", data, "--out", tmp_path / out, *QUICK)
        assert f"Cannot write {tmp_path / out}: " in found


def test_out_of_a_folder_that_holds_a_run(run: Path, sentence: Say) -> None:
    found = sentence("train", run.parent / "clicks.txt", "--out", run, *QUICK)
    assert f"{run} already holds a run: go on with --resume {run}" in found


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """The shared run's settings and checkpoint, free to be spoilt."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("run.json", "checkpoint.pt", "model.safetensors"):
        (folder / name).write_bytes((run / name).read_bytes())
    return folder


def test_resume_of_another_run(run: Path, copy: Path, sentence: Say) -> None:
    data = run.parent / "clicks.txt"
    before = (copy / "run.json").read_bytes()
    resume = ["--resume", copy, "--quiet"]
    assert "missing" in sentence("train", data, "--resume", copy / "nothing")
    other = write_clicks(copy.parent / "other.txt", n_users=40)
    differs = "20 users fewer, 11 items fewer, 197 clicks fewer. A run goes on with"
    found = sentence("train", other, *resume)
    assert f"{other} is not what the run in {copy} was made from: {differs}" in found
    assert f"is a run on {data}, not beauty" in sentence("train", "beauty", *resume)
    for words, expected in (
        ("--dim 16", "dim was 8; only --epochs may change"),
        ("--seed 5", "seed was 0"),
        ("--include-seen", "exclude_seen was True"),
        ("--patience 3", "patience was None"),
        ("--logq --keep 0.9", "keep was 0.3, logq was False"),
        ("--paper", "base was 'recommended'"),
        ("--format items-only", "format was 'auto'"),
    ):
        found = sentence("train", data, *resume, *words.split())
        assert "was started with other settings" in found
        assert expected in found
    assert (copy / "run.json").read_bytes() == before  # a refusal changes nothing


def test_resume_after_the_data_changed(copy: Path, sentence: Say) -> None:
    changed = write_clicks(copy.parent / "clicks.txt", n_users=59)
    stored = json.loads((copy / "run.json").read_text())
    words = ["train", changed, "--resume", copy, "--quiet"]
    (copy / "run.json").write_text(json.dumps({**stored, "data": str(changed)}))
    assert "made from: 1 user fewer, 1 item fewer, 8 clicks fewer. A run" in sentence(
        *words
    )
    del stored["made_from"]  # older runs do not say
    (copy / "run.json").write_text(json.dumps({**stored, "data": str(changed)}))
    assert "checkpoint.pt belongs to a run on other data" in sentence(*words)


def test_resume_of_a_damaged_run(run: Path, copy: Path, sentence: Say) -> None:
    words = ["train", run.parent / "clicks.txt", "--resume", copy, "--quiet"]
    sound = (copy / "run.json").read_text()
    stored = json.loads(sound)
    for text in (
        "",
        "{",
        "[1]",
        '"run"',
        "{}",
        json.dumps({**stored, "settings": {"colour": "red"}}),
        json.dumps({**stored, "settings": {"dim": "wide"}}),
        json.dumps({k: v for k, v in stored.items() if k != "data"}),
    ):
        (copy / "run.json").write_text(text)
        assert "run.json is missing, damaged or not of a run" in sentence(*words)
    (copy / "run.json").write_bytes(b"\xff\xfe")
    assert "run.json is missing, damaged" in sentence(*words)
    (copy / "run.json").unlink()
    assert "run.json is missing, damaged" in sentence(*words)
    (copy / "run.json").write_text(sound)
    checkpoint = (copy / "checkpoint.pt").read_bytes()
    (copy / "checkpoint.pt").write_bytes(checkpoint[:1000])
    assert "checkpoint.pt is damaged or not a checkpoint" in sentence(*words)


# -- mistakes with models --------------------------------------------------------------


def test_a_model_that_cannot_be_read(run: Path, copy: Path, sentence: Say) -> None:
    data = run.parent / "clicks.txt"
    evaluate = ["evaluate", "--data", data, "--model"]
    recommend = ["recommend", "--items", "1", "--model"]
    for words in (evaluate, recommend):
        assert "does not exist" in sentence(*words, copy / "nothing")
        assert "does not exist" in sentence(*words, copy.parent)  # no model in it
        assert "is not a model" in sentence(*words, copy / "checkpoint.pt")
        assert "is damaged or not a model" in sentence(*words, data)
    (copy / "model.safetensors").write_bytes(
        (copy / "model.safetensors").read_bytes()[:999]
    )
    for words in (evaluate, recommend):
        assert "model.safetensors is damaged or not a model" in sentence(*words, copy)
    (copy / "model.safetensors").write_bytes(b"")
    assert "model.safetensors is damaged" in sentence(
        *recommend, copy / "model.safetensors"
    )
    assert "required: --model" in sentence("evaluate")


def test_evaluate_without_knowing_the_data(copy: Path, sentence: Say) -> None:
    for spoil in ("{", "{}", "[]"):
        (copy / "run.json").write_text(spoil)
        assert "--data is needed" in sentence("evaluate", "--model", copy)
    (copy / "run.json").unlink()
    assert "--data is needed" in sentence(
        "evaluate", "--model", copy / "model.safetensors"
    )
    assert "--data is needed" in sentence("recommend", "--model", copy, "--user", "1")


def test_evaluate_on_other_data(run: Path, tmp_path: Path, sentence: Say) -> None:
    other = tmp_path / "other.txt"
    other.write_text("1 1\n1 2\n1 3\n1 999\n")
    found = sentence("evaluate", "--model", run, "--data", other)
    assert "item 999 of the data is unknown to the model, which knows 120 i" in found
    other.write_text("1 1\n1 2\n")
    found = sentence("evaluate", "--model", run, "--data", other)
    assert "no user has a test click" in found


def test_unknown_users_and_items(run: Path, sentence: Say) -> None:
    recommend = ["recommend", "--model", run]
    for items in ("0", "121", "3 500", "-4", "x"):
        found = sentence(*recommend, "--items", *items.split())
        unknown = items.split()[-1]
        assert found == f"item '{unknown}' is unknown: ids run from 1 to 120."
    for user in ("0", "61", "Ann", "²"):
        assert f"user '{user}' is unknown" in sentence(*recommend, "--user", user)
    assert "one of the arguments" in sentence(*recommend)
    assert "k must be a whole number" in sentence(*recommend, "--items", "1", "-k", "0")


# -- what it writes --------------------------------------------------------------------


def test_train_writes_a_complete_run(run: Path) -> None:
    assert {p.name for p in run.iterdir()} == {
        "model.safetensors",
        "checkpoint.pt",
        "checkpoint.previous.pt",
        "run.json",
        "clicks.npy",
        "result.json",
    }
    result = json.loads((run / "result.json").read_text())
    words = ["train", str(run.parent / "clicks.txt"), "--epochs", "2", "--out"]
    assert shlex.split(result["command"]) == [
        *("python", "-m", "disrec_mini"),
        *words,
        str(run),
        *QUICK,
    ]
    assert result["settings"]["dim"] == 8
    assert result["settings"]["n_items"] == 120
    dm.DisRecConfig(**result["settings"])
    assert result["seed"] == 0
    assert set(result["versions"]) >= {"disrec_mini", "torch", "numpy", "python"}
    assert result["versions"]["torch"] == torch.__version__
    assert result["git"] is None or re.match(r"[0-9a-f]{7}|v?\d", result["git"])
    assert result["seconds"] >= result["training_seconds"] > 0
    assert result["epochs"] == len(result["history"]["epochs"]) == 2
    assert result["history"]["stopped_by"] == "epochs"
    assert re.fullmatch("[0-9a-f]{64}", result["negatives_sha256"])
    for part in ("valid", "test"):
        for protocol in ("sampled", "full"):
            row = result[part][protocol]
            for name in ("recall@1", "recall@5", "recall@10", "ndcg@5", "ndcg@10"):
                assert 0 <= row[name] <= 1
                assert 0 <= row["warm"][name] <= 1
            assert 0 < row["mrr"] <= 1
            assert row["n_users"] == 60
            assert 0 < row["warm_share"] <= 1
    stored = json.loads((run / "run.json").read_text())
    assert stored["settings"] == result["settings"]
    assert (stored["seed"], stored["epochs"]) == (0, 2)


def test_the_numbers_are_those_of_the_model(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    split = dm.leave_one_out(dm.read_interactions(run.parent / "clicks.txt"))
    model = dm.DisRec.load(run)
    for protocol in ("sampled", "full"):
        metrics = dm.evaluate(model, split, protocol, "test")
        assert metrics["recall@10"] == result["test"][protocol]["recall@10"]
        assert metrics["mrr"] == result["test"][protocol]["mrr"]
    digest = dm.evaluate(model, split, "sampled", "test").negatives_sha256
    assert result["negatives_sha256"] == digest
    best = result["history"]["best_epoch"]
    valid = result["history"]["epochs"][best - 1]["valid"]
    best = result["valid"]["sampled"]["ndcg@10"]
    assert valid["ndcg@10"] == pytest.approx(
        best, rel=1e-5
    )  # histories have six digits
    for part in ("valid", "test"):
        drawn = dm.evaluate(model, split, "sampled", part).negatives_sha256
        assert result[part]["negatives_sha256"] == drawn


def test_every_file_format_gives_the_same_model(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, format in (
        ("clicks.txt.gz", "pairs"),
        ("first clicks.gz", "user-first"),
        ("alone.txt", "items-only"),
    ):
        data = write_clicks(tmp_path / name, format)
        words = ["--epochs", 2, "--out", tmp_path / format, *QUICK]
        chosen = ["--format", format] if format == "items-only" else []
        prints(capsys, "train", data, *words, *chosen)
        assert same_weights(run, tmp_path / format)
        result = json.loads((tmp_path / format / "result.json").read_text())
        assert str(data) in shlex.split(result["command"])
        prints(capsys, "evaluate", "--model", tmp_path / format)  # format remembered


def test_where_people_buy_again(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], sentence: Say
) -> None:
    data, out = run.parent / "clicks.txt", tmp_path / "again"
    words = ["--epochs", 1, "--out", out, *QUICK]
    prints(capsys, "train", data, "--include-seen", *words)
    assert json.loads((out / "run.json").read_text())["exclude_seen"] is False
    result = json.loads((out / "result.json").read_text())
    clicks, model = dm.read_interactions(data), dm.DisRec.load(out)
    split = dm.leave_one_out(clicks)
    own, left_out = ([], ["--exclude-seen"])
    assert "not allowed with" in sentence(
        "evaluate", "--model", out, "--include-seen", "--exclude-seen"
    )
    for words, exclude in ((own, False), (left_out, True)):
        shown = table(prints(capsys, "evaluate", "--model", out, *words))
        for protocol in ("sampled", "full"):
            found = dm.evaluate(model, split, protocol, "test", exclude_seen=exclude)
            assert shown[f"test {protocol}"][4] == f"{found['ndcg@10']:.4f}"
            if not exclude:
                assert result["test"][protocol] == found.as_dict()
        lines = prints(capsys, "recommend", "--model", out, "--user", 7, *words)
        best = model.recommend(clicks[6], 10, exclude_seen=exclude)
        assert [int(line.split()[1]) for line in lines.splitlines()] == best
    words = ["--include-seen", "--items", 1, "-k", 500]
    lines = prints(capsys, "recommend", "--model", run, *words)
    assert len(lines.splitlines()) == 120
    every = ["--items", *range(1, 121)]
    found = sentence("recommend", "--model", run, *every)
    assert found == (
        "nothing is left to recommend: every item was clicked or scored -inf; with "
        "exclude_seen=False (--include-seen) clicked items come back."
    )


def test_the_default_folder_is_new_each_time(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = run.parent / "clicks.txt"
    for _ in range(2):
        prints(capsys, "train", data, "--epochs", 1, *QUICK)
    folders = sorted(p.name for p in (tmp_path / "runs").iterdir())
    assert len(folders) == 2
    assert all(name.startswith("clicks-2") for name in folders)


def test_paper_and_recommended_settings(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = run.parent / "clicks.txt"
    words = ["--epochs", 1, "--seed", 4, "--keep", 0.75, "--logq", *QUICK]
    prints(capsys, "train", data, "--paper", "--out", "paper", *words)
    result = json.loads((tmp_path / "paper" / "result.json").read_text())
    changes = {"dim": 8, "n_blocks": 1, "max_len": 10, "keep": 0.75, "logq": True}
    changes |= {"group_size": 32, "groups": 2, "learning_rate": 0.01}
    expected = dm.DisRecConfig(120, **changes)
    assert dm.DisRecConfig(**result["settings"]) == expected
    assert result["seed"] == 4
    recommended = json.loads((run / "result.json").read_text())["settings"]
    del changes["keep"], changes["logq"]
    expected = dm.DisRecConfig.recommended(120, **changes)
    assert dm.DisRecConfig(**recommended) == expected


def table(printed: str) -> dict[str, list[str]]:
    lines = printed.splitlines()
    assert lines[0].split()[-2:] == ["mrr", "users"]
    return {line[:18].strip(): line[18:].split() for line in lines[1:]}


def test_evaluate_prints_the_numbers_of_the_run(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = json.loads((run / "result.json").read_text())
    names = ("recall@1", "recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr")
    expected = {}
    for protocol in ("sampled", "full"):
        row = result["test"][protocol]
        expected[f"test {protocol}"] = [f"{row[n]:.4f}" for n in names] + ["60"]
    both = table(prints(capsys, "evaluate", "--model", run, "--protocol", "both"))
    assert {k: v for k, v in both.items() if "warm" not in k} == expected
    assert both["test full warm"][-1] == str(round(60 * row["warm_share"]))
    one = ["evaluate", "--model", run / "model.safetensors", "--protocol", "full"]
    assert set(table(prints(capsys, *one))) == {"test full", "test full warm"}
    data = ["--data", run.parent / "clicks.txt", "--on", "valid"]
    valid = table(prints(capsys, *one, *data))["valid full"]
    assert valid[0] == f"{result['valid']['full']['recall@1']:.4f}"


def test_recommend_prints_k_lines(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, model = dm.read_interactions(run.parent / "clicks.txt"), dm.DisRec.load(run)
    lines = prints(capsys, "recommend", "--model", run, "--user", 7).splitlines()
    best = model.recommend(data[6], 10)
    assert [line.split() for line in lines] == [
        [str(place), str(item)] for place, item in enumerate(best, 1)
    ]
    words = [
        "recommend",
        "--model",
        run / "model.safetensors",
        "--items",
        3,
        1,
        2,
        "-k",
        4,
    ]
    lines = prints(capsys, *words).splitlines()
    assert [int(line.split()[1]) for line in lines] == model.recommend([3, 1, 2], 4)
    many = prints(capsys, *words[:-1], 500).splitlines()
    assert len(many) == 120 - 3
    named = dm.DisRec(model.config, ["", *(f"thing {j}" for j in range(1, 121))])
    named.load_state_dict(model.state_dict())
    named.save(tmp_path / "named.safetensors")
    words[2] = tmp_path / "named.safetensors"
    for line in prints(capsys, *words).splitlines():
        assert line.split()[2:] == ["thing", line.split()[1]]
    every = prints(capsys, *words[:3], "--data", run.parent / "clicks.txt", "--all")
    rows = [line.split("\t") for line in every.splitlines()[1:]]
    assert [row[1] for row in rows[60:70]] == [f"thing {j}" for j in best]


def test_lists_of_all_go_to_a_file_only_for_all(run: Path, sentence: Say) -> None:
    words = ("recommend", "--model", run, "--user", 7, "--out", "lists.tsv")
    assert "--out is for --all" in sentence(*words)


def test_users_are_called_as_in_the_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], sentence: Say
) -> None:
    (tmp_path / "named.txt").write_text("900 1\n900 2\n40 5\n40 6\n40 7\n")
    words = ["recommend", "--model", run, "--data", tmp_path / "named.txt", "--user"]
    lines = prints(capsys, *words, "40").splitlines()
    best = dm.DisRec.load(run).recommend([5, 6, 7], 10)
    assert [int(line.split()[1]) for line in lines] == best
    assert "user '2' is unknown: the data have 2 users, first '900'" in sentence(
        *words, "2"
    )


GAPS = "1 3/1 500/1 3000/1 40/2 500/2 3000/2 40/2 3/3 3000/3 40/3 3/3 500/4 40/4 3/"
GAPS += "4 500/4 3000/5 3/5 500"


def test_items_are_called_as_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sentence: Say
) -> None:
    data, out = tmp_path / "clicks.txt", tmp_path / "run"
    data.write_text(GAPS.replace("/", "\n"))
    words = ["--model", "pop", "--epochs", 1, "--out", out, "--quiet"]
    prints(capsys, "train", data, *words)
    recommend = ["recommend", "--model", out, "--items"]

    def shown(*words: object) -> list[str]:
        return [line.split()[1] for line in prints(capsys, *words).splitlines()]

    assert sorted(shown(*recommend, 3)) == ["3000", "40", "500"]
    assert shown(*recommend, 3, 40, 3000) == ["500"]
    assert sorted(shown(*recommend[:3], "--user", 5)) == ["3000", "40"]
    found = sentence(*recommend, 3, 4)
    assert found == (
        "item '4' is unknown: the model knows 4 items, first '3', '40', '500'."
    )
    every = prints(capsys, *recommend[:3], "--all").splitlines()[1:]
    assert [line.split("\t")[0] for line in every] == list("123455")
    assert sorted(line.split("\t")[1] for line in every[4:]) == ["3000", "40"]
    table = prints(capsys, "evaluate", "--model", out)
    other = tmp_path / "other.txt"  # some of the items: numbered apart, called the same
    other.write_text("8 3000\n8 500\n9 40\n9 7\n")
    assert sorted(shown(*recommend[:3], "--data", other, "--user", 8)) == ["3", "40"]
    left = [*recommend[:3], "--data", other, "--user", 9]  # 7 is not known: left out
    assert sorted(shown(*left)) == ["3", "3000", "500"]
    assert prints(capsys, "evaluate", "--model", out, "--data", data) == table


def write_events(path: Path) -> Path:
    """`clicks` as a table whose rows are in no order and whose ids are texts."""
    rows = [
        f"u{u},{1_600_000_000 + t},B{j:04},{1 + j % 5}"
        for u, row in enumerate(clicks())
        for t, j in enumerate(row.tolist())
    ]
    random.Random(3).shuffle(rows)
    path.write_text("\n".join(["who,timestamp,asin,stars", *rows]) + "\n")
    return path


@pytest.mark.parametrize(("sign", "flag"), [("~", "~"), ("\t", "tab"), ("\t", "\\t")])
def test_a_table_whose_first_line_does_not_tell_its_separator(
    sign: str, flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_events(tmp_path / "events.csv")
    table.write_text(table.read_text().replace(",", sign))
    words = ["train", table, *QUICK, "--epochs", 1, "--out", tmp_path / "run"]
    prints(capsys, *words, "--user", "who", "--sep", flag)
    reading = json.loads((tmp_path / "run" / "run.json").read_text())["reading"]
    assert reading == {"user": "who", "sep": sign}
    assert prints(capsys, "evaluate", "--model", tmp_path / "run")


def test_names_cannot_steer_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_events(tmp_path / "events.csv")
    table.write_text(table.read_text().replace("B00", "\x1b[31mB"))
    words = ["train", table, *QUICK, "--epochs", 1, "--out", tmp_path / "run"]
    prints(capsys, *words, "--user", "who")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for who in (["--user", "u4"], ["--all"]):
        found = prints(capsys, "recommend", "--model", tmp_path / "run", *who)
        assert "\x1b" not in found
        assert r"\x1b[31mB" in found


def test_a_table_of_events_from_training_to_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sentence: Say
) -> None:
    data, out = write_events(tmp_path / "events.csv"), tmp_path / "run"
    flags = ["--user", "who", "--min-rating", 2, "--k-core", 2, "--no-repeats"]
    quick = ["--epochs", 1, *(word for word in QUICK if word != "--quiet")]
    capsys.readouterr()
    words = ["train", data, *flags, *quick, "--out", out]
    assert cli.main([str(word) for word in words]) == 0
    shown = capsys.readouterr()
    read = dm.read_events(data, user="who", min_rating=2, k_core=2, keep_repeats=False)
    assert "rated below 2, " in shown.err
    assert f"{read.n_clicks:,} clicks of {read.n_users} users on" in shown.err
    reading = {"user": "who", "min_rating": 2, "k_core": 2, "keep_repeats": False}
    assert json.loads((out / "run.json").read_text())["reading"] == reading
    names, users = read.item_names, read.user_names
    assert names is not None
    assert users is not None
    model = dm.DisRec.load(out)
    assert model.item_names == list(names)
    recommend = ["recommend", "--model", out]
    best = [names[j] for j in model.recommend(read[4], 10)]
    found = prints(capsys, *recommend, "--user", users[4]).splitlines()
    assert [line.split() for line in found] == [
        [str(place), name] for place, name in enumerate(best, 1)
    ]
    items = [names[j] for j in read[4]]
    assert prints(capsys, *recommend, "--items", *items).splitlines() == found
    assert "item '7' is unknown: the model knows" in sentence(*recommend, "--items", 7)
    every = prints(capsys, *recommend, "--all").splitlines()
    assert any(line.startswith(f"{users[4]}\t{best[0]}\t1\t") for line in every)
    table = prints(capsys, "evaluate", "--model", out).splitlines()
    assert table == shown.out.splitlines()[:1] + shown.out.splitlines()[-4:]
    (moved := tmp_path / "moved.csv").write_bytes(data.read_bytes())
    moved_table = prints(capsys, "evaluate", "--model", out, "--data", moved)
    assert moved_table.splitlines() == table
    resume = ["train", data, "--resume", out, "--quiet", "--epochs", 2]
    found = sentence(*resume, "--k-core", 3)
    assert "was started with other settings: k_core was 2" in found
    prints(capsys, *resume, "--k-core", 2)
    assert len(dm.DisRec.load(out).item_names or ()) == read.n_items + 1
    run = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**run, "reading": {"what": 1}}))
    assert "damaged or not of a run" in sentence("evaluate", "--model", out)


def test_tables_without_a_header_and_flags_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sentence: Say
) -> None:
    data, out = tmp_path / "u.data", tmp_path / "run"
    rows = write_events(tmp_path / "events.csv").read_text().splitlines()[1:]
    cells = [row.replace("u", "").replace("B", "").split(",") for row in rows]
    data.write_text("\n".join("\t".join((u, j, s, t)) for u, t, j, s in cells))
    words = ["train", data, "--out", out, *QUICK]
    assert "--user 0 --item 1 --rating 2 --time 3" in sentence(*words)
    few = ["--model", "pop", "--epochs", 1, "--quiet", "--out", out]
    prints(capsys, "train", data, "--user", 0, "--item", 1, "--time", 3, *few)
    lines = prints(capsys, "recommend", "--model", out, "--user", 3).splitlines()
    assert len(lines) == 10
    assert all(len(line.split()[1]) == 4 for line in lines)  # such as 0042
    assert "--k-core is for tables" in sentence("train", "ml-100k", "--k-core", 2)
    words = ["train", data, "--format", "pairs", "--no-repeats"]
    assert "--no-repeats is for tables of events" in sentence(*words)


def test_pairs_sorted_by_item_are_warned_about_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{user} {item}" for user in range(9) for item in range(1, 6)]
    (tmp_path / "clicks.txt").write_text("\n".join(lines))
    few = ["--model", "pop", "--epochs", "1", "--quiet", "--out", "run"]
    assert cli.main(["train", "clicks.txt", *few]) == 0
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("disrec_mini: clicks.txt: the clicks of nearly every user")
    monkeypatch.setenv("RANK", "1")  # the first of several processes says it
    cli._data("clicks.txt")
    assert capsys.readouterr().err == ""


# -- resume ----------------------------------------------------------------------------


def test_resume_remembers_the_settings_and_trains_longer(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = run.parent / "clicks.txt", tmp_path / "run"
    words = [*QUICK, "--seed", 3, "--patience", 9, "--validate-every", 2]
    prints(capsys, "train", data, "--epochs", 4, "--out", tmp_path / "whole", *words)
    prints(capsys, "train", data, "--epochs", 2, "--out", out, *words)
    prints(capsys, "train", data, "--epochs", 4, "--resume", out, "--quiet")
    assert same_weights(tmp_path / "whole", out)
    result = json.loads((out / "result.json").read_text())
    assert (result["epochs"], result["seed"]) == (4, 3)
    epochs = result["history"]["epochs"]
    assert [e["epoch"] for e in epochs if "valid" in e] == [2, 4]
    prints(capsys, "train", data, "--resume", out, "--quiet")  # four stay four
    assert json.loads((out / "result.json").read_text())["epochs"] == 4


def test_resume_remembers_the_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_clicks(tmp_path / "alone.txt", "items-only")
    words = ["--format", "items-only", "--out", "run", "--epochs", 1, *QUICK]
    prints(capsys, "train", data, *words)
    prints(capsys, "train", data, "--resume", "run", "--epochs", 2, "--quiet")


def test_an_interrupt_says_how_to_go_on(
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from disrec_mini import training

    data = run.parent / "clicks.txt"
    out = tmp_path / "run"
    store, stored = training._Trainer.store, []

    def second_time(self: Any, out: Path) -> None:
        store(self, out)
        stored.append(1)
        if len(stored) == 2:  # after the first epoch
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training._Trainer, "store", second_time)
        words = ["train", data, "--epochs", 2, "--out", out, *QUICK]
        assert cli.main([str(word) for word in words]) == 130
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"disrec_mini: go on with --resume {out}\n"
    assert not (out / "model.safetensors").exists()
    prints(capsys, "train", data, "--resume", out, "--quiet")
    assert same_weights(run, out)


def test_an_interrupt_elsewhere_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_data", interrupt)
    assert cli.main(["train", "x.txt"]) == 130
    assert capsys.readouterr().err == "disrec_mini: interrupted.\n"


@pytest.mark.killing
def test_a_kill_while_the_checkpoint_is_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = (
        "import os, signal, sys\nimport torch\nfrom disrec_mini import cli\n"
        "save, calls = torch.save, []\n"
        "def dies_the_third_time(content, file):\n"
        "    save(content, file)\n"
        "    calls.append(1)\n"
        "    if len(calls) == 3:\n"
        "        file.truncate(file.tell() // 2)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "torch.save = dies_the_third_time\n"
        "cli.main(sys.argv[1:])"
    )
    data, out = run.parent / "clicks.txt", tmp_path / "run"
    words = ["train", str(data), "--epochs", "2", "--out", str(out), *QUICK]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert epochs_stored(out) == 1
    assert len(list(out.glob(".checkpoint.pt.*.tmp"))) == 1
    prints(capsys, "train", data, "--resume", out, "--quiet")
    assert same_weights(run, out)
    assert {p.name for p in out.iterdir()} == {p.name for p in run.iterdir()}


def epochs_stored(folder: Path) -> int:
    """Epochs in the checkpoint, which is complete at any moment."""
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    return len(content["history"]["epochs"])


def kill_in_training(seconds: float, words: list[str], log: Path) -> bool:
    """Kill -9 a command so long after its first step; False if it ended before."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=stderr
        )
    while process.poll() is None and b"epoch" not in log.read_bytes():
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def kill_and_resume(n_kills: int, epochs: int, n_users: int, tmp_path: Path) -> None:
    """After every kill the run goes on; it ends bit for bit as an undisturbed one."""
    data = write_clicks(tmp_path / "clicks.txt", n_users=n_users)
    whole, out = tmp_path / "whole", tmp_path / "run"
    settings = [word for word in QUICK if word != "--quiet"]
    start = ["train", str(data), "--epochs", str(epochs), *settings, "--out"]
    subprocess.run([*COMMAND, *start, str(whole)], check=True, capture_output=True)
    expected = json.loads((whole / "result.json").read_text())
    resume, draw = ["train", str(data), "--resume", str(out)], random.Random(n_kills)
    words, hits = [*start, str(out)], 0
    for nth in range(1, n_kills + 1):
        # on average an epoch a kill, so that the run goes on but does not end
        seconds = draw.uniform(0, 2) * expected["training_seconds"] / epochs
        if not kill_in_training(seconds, words, tmp_path / "log"):
            break  # it ended before: the machine is faster now than it was
        hits = nth
        left = len(list(out.glob(".*.tmp")))
        print(f"kill {nth} after {seconds:.2f} s: ", end="")
        print(f"{epochs_stored(out)} epochs, {left} temporary files")
        words = resume
    assert hits >= n_kills / 2, "the run ended before half of the kills"
    assert cli.main([*resume, "--quiet"]) == 0
    assert same_weights(whole, out)
    assert {p.name for p in out.iterdir()} == {p.name for p in whole.iterdir()}
    found = json.loads((out / "result.json").read_text())
    for part in ("valid", "test", "epochs", "negatives_sha256", "settings"):
        assert found[part] == expected[part]
    for epoch in (*found["history"]["epochs"], *expected["history"]["epochs"]):
        del epoch["seconds"], epoch["pairs_per_second"]
    assert found["history"] == expected["history"]


@pytest.mark.killing
def test_two_kills_change_nothing(tmp_path: Path) -> None:
    kill_and_resume(2, 10, 400, tmp_path)


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    kill_and_resume(20, 40, 800, tmp_path)
