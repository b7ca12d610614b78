"""A run knows what it was made from: it finds it, and says how other data differ."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import disrec_mini as dm
from disrec_mini import cli, ids, origin
from disrec_mini.synthetic import make_world

CLICKS = make_world(40, (4, 9), 2, 20, noise=0.1, seed=5).interactions
ROWS = {f"{100 + u}": [7 * j for j in row.tolist()] for u, row in enumerate(CLICKS)}
N_ITEMS = len(np.unique(CLICKS.items))
QUICK = ["--dim", "4", "--blocks", "1", "--max-len", "6", "--device", "cpu"]
QUICK += ["--epochs", "1", "--quiet"]
Rows = dict[str, list[int]]


def write(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{u} {j}\n" for u, row in rows.items() for j in row))
    return path


def read(rows: Rows, tmp_path: Path) -> dm.Interactions:
    return dm.read_interactions(write(tmp_path / "read.txt", rows))


def says(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    """What a command says on the way."""
    capsys.readouterr()
    assert cli.main([str(word) for word in words]) == 0
    lines = capsys.readouterr().err.splitlines()
    lines = [line for line in lines if not line.startswith("written to ")]
    assert all(line.startswith("disrec_mini: ") for line in lines), lines
    return [line.removeprefix("disrec_mini: ") for line in lines]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `clicks.txt` and `run`, trained there by relative names."""
    folder, here = tmp_path_factory.mktemp("origin"), Path.cwd()
    write(folder / "clicks.txt", ROWS)
    os.chdir(folder)
    try:
        assert cli.main(["train", "clicks.txt", *QUICK, "--out", "run"]) == 0
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def place(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it at a place of its own, which run.json names; we are elsewhere."""
    folder = tmp_path / "work"
    shutil.copytree(shared, folder)
    change_run(folder, data=str(folder / "clicks.txt"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


def change_run(folder: Path, **changes: object) -> None:
    path = folder / "run" / "run.json"
    run = {**json.loads(path.read_text()), **changes}
    gone = {name for name, value in changes.items() if value is None}
    path.write_text(json.dumps({k: v for k, v in run.items() if k not in gone}))


# -- fingerprints ----------------------------------------------------------------------


def test_the_order_of_users_is_no_difference(tmp_path: Path) -> None:
    one = origin.made_from(read(ROWS, tmp_path))
    backwards = dict(reversed(ROWS.items()))
    two = origin.made_from(read(backwards, tmp_path))
    assert origin.differences(one, two) == ""
    assert one["user_order"] != two["user_order"]
    assert origin.is_origin(json.loads(json.dumps(one)))
    # numbers without names are their own names
    plain = dm.Interactions.from_sequences([[1, 2], [2, 1]])
    named = dm.Interactions(
        plain.items, plain.offsets, 2, ["", "1", "2"], user_names=["1", "2"]
    )
    assert origin.made_from(plain) == origin.made_from(named)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (
            lambda r: r.update({"100": r["100"][::-1]}),
            "as many users, items and clicks",
        ),
        (lambda r: r.update({"100": r["101"], "101": r["100"]}), "as many users"),
        (lambda r: r["100"].append(9999), "1 item more, 1 click more"),
        (lambda r: r.update(new=[7, 14]), "1 user more, 2 clicks more"),
        (lambda r: [r.pop("100"), r.pop("101")], "2 users fewer, "),
        (lambda r: r["100"].append(r["100"][0]), "1 click more"),
    ],
)
def test_every_difference_is_seen(
    change: Callable[[Rows], object], differs: str, tmp_path: Path
) -> None:
    rows = {u: list(row) for u, row in ROWS.items()}
    before = origin.made_from(read(rows, tmp_path))
    change(rows)
    rows = {u.replace("new", "999"): row for u, row in rows.items()}
    assert origin.differences(
        before, origin.made_from(read(rows, tmp_path))
    ).startswith(differs)


def test_leaks_are_counted_as_a_loop_counts_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        old, new = (
            [rng.integers(1, 6, rng.integers(0, 9)).tolist() for _ in range(8)]
            for _ in range(2)
        )
        before, now = (
            dm.leave_one_out(dm.Interactions.from_sequences(x, 5)) for x in (old, new)
        )
        clicks = origin.trained(before)
        for on, last in (("valid", 2), ("test", 1)):
            n = sum(
                old_row.tolist().count(row[-last]) > row[:-last].count(row[-last])
                for old_row, row in zip(before.train, new, strict=True)
                if len(row) >= 3
            )
            assert origin.n_leaked(clicks, now, on) == n
            assert origin.n_leaked(clicks, before, on) == 0


def test_kept_clicks_that_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / origin.FILE
    assert origin.kept_clicks(tmp_path) is None
    origin.keep_clicks(tmp_path, dm.leave_one_out(CLICKS))
    whole = path.read_bytes()
    assert len(origin.kept_clicks(tmp_path)) == dm.leave_one_out(CLICKS).train.n_clicks
    for text in (b"", whole[:50], whole[:-1], b"PK\x03\x04", b"hello"):
        path.write_bytes(text)
        with pytest.raises(dm.DisrecError, match=r"clicks.npy is damaged: remove it"):
            origin.kept_clicks(tmp_path)
    np.save(path, np.zeros(3))
    with pytest.raises(dm.DisrecError, match=r"clicks.npy is damaged"):
        origin.kept_clicks(tmp_path)


# -- the commands ----------------------------------------------------------------------


def test_a_run_works_from_any_folder(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("clicks.txt"), {"1": [1, 2, 3]})  # of the same name, here
    data = place / "clicks.txt"
    counts = f"{len(ROWS)} users, {N_ITEMS} items, {CLICKS.n_clicks} clicks"
    wanted = [f"read {data}: {counts}"]
    assert says(capsys, "evaluate", "--model", place / "run") == wanted
    file = place / "run" / "model.safetensors"
    assert says(capsys, "evaluate", "--model", file) == wanted
    user = ["--user", "100"]
    assert says(capsys, "recommend", "--model", place / "run", *user) == wanted
    words = ["train", "--resume", str(place / "run"), "--epochs", "2"]
    assert cli.main(words) == 0
    assert f"disrec_mini: {wanted[0]}\n" in capsys.readouterr().err
    assert json.loads((place / "run/result.json").read_text())["epochs"] == 2
    stored = json.loads((place / "run/run.json").read_text())
    assert stored["data"] == str(data)
    assert stored["threads"] >= 1
    model = dm.Recommender.load(place / "run")
    assert model.made_from == stored["made_from"]


def test_a_path_of_before_is_relative(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_run(place, data="clicks.txt", made_from=None, threads=None)
    monkeypatch.chdir(place)
    found = says(capsys, "evaluate", "--model", "run")
    assert found[0].startswith(f"read {place / 'clicks.txt'}: ")
    says(capsys, "train", "clicks.txt", "--resume", "run", "--epochs", 2, "--quiet")


@pytest.mark.parametrize("relative", [False, True])
def test_data_that_are_gone(
    relative: bool, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = place / "moved.txt"
    (place / "clicks.txt").rename(moved)
    if relative:
        change_run(place, data="clicks.txt")
    for words, advice in (
        (["evaluate", "--model"], "--data FILE."),
        (["recommend", "--user", "100", "--model"], "--data FILE."),
        (["train", "--resume"], f"as in train FILE --resume {place / 'run'}."),
    ):
        assert cli.main([*words, str(place / "run")]) == 2
        said = capsys.readouterr().err
        assert said.startswith("disrec_mini: the run's data are no longer at /")
        assert said.endswith(f"clicks.txt: name the file, {advice}\n")
    model = ["--model", place / "run", "--data", moved]
    assert len(says(capsys, "evaluate", *model)) == 1
    says(capsys, "train", moved, "--resume", place / "run", "--epochs", 2, "--quiet")
    assert json.loads((place / "run/run.json").read_text())["data"] == str(moved)


def test_other_data_are_compared(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without each user's last two clicks, two that were trained on are held out."""
    rows = {u: row[:-2] for u, row in ROWS.items()}
    asked = sum(len(row) >= 3 for row in rows.values())
    write(place / "clicks.txt", rows)  # in its place
    read, differs, leak = says(capsys, "evaluate", "--model", place / "run")
    assert read.startswith(f"read {place / 'clicks.txt'}: {len(ROWS)} users, ")
    n = 2 * len(ROWS)
    assert differs.startswith("that is not what the model was made from: ")
    assert differs.endswith(f"{n} clicks fewer")
    assert leak.startswith("it was trained on ")
    assert leak.endswith(f" of the {asked} clicks that are measured now")
    split = dm.leave_one_out(dm.read_interactions(place / "clicks.txt"))
    train = dm.leave_one_out(CLICKS).train
    n = sum(
        list(train[u]).count(row[-1] // 7) > row[:-1].count(row[-1])
        for u, row in enumerate(rows.values())
        if len(row) >= 3
    )
    assert n > split.n_users // 2
    assert leak.split()[4] == str(n)
    (place / "run/clicks.npy").unlink()  # as in runs of before
    *_, leak = says(capsys, "evaluate", "--model", place / "run")
    assert leak == "whether it was trained on clicks that are measured now is not known"
    assert cli.main(["train", "--resume", str(place / "run"), "--quiet"]) == 2
    assert "A run goes on with the clicks it began with." in capsys.readouterr().err


def test_users_with_a_new_item_are_left_out_and_counted(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {u: list(row) for u, row in ROWS.items()}
    rows["100"].insert(0, 9999)
    rows["103"].append(8888)
    write(place / "clicks.txt", rows)
    said = says(capsys, "evaluate", "--model", place / "run")
    left = f"2 of {len(ROWS)} users are left out: they clicked on items that the model "
    assert said[2] == left + "does not know, such as 9999"
    assert said[3].endswith(f"of the {len(ROWS) - 2} clicks that are measured now")
    # a list is made from the clicks that are known
    out = place / "lists.tsv"
    said = says(capsys, "recommend", "--model", place / "run", "--all", "--out", out)
    left = "2 clicks of 2 users are left out: they are on items that the model does not"
    assert said[2] == left + " know, such as 9999"
    lists = [line.split("\t") for line in out.read_text().splitlines()[1:]]
    assert {user for user, *_ in lists} == ROWS.keys()
    assert not any(reason for *_, reason in lists)
    answers = []
    for who in (["--user", "103"], ["--items", *map(str, ROWS["103"])]):
        capsys.readouterr()
        assert cli.main(["recommend", "--model", str(place / "run"), *who]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    write(place / "clicks.txt", {"5": [9999], "6": [8888]})
    assert cli.main(["recommend", "--model", str(place / "run"), "--all"]) == 2
    assert "it was trained on other data" in capsys.readouterr().err


def test_a_user_by_number_is_nobody_else(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first user more, and everybody would get another's list."""
    words = ["train", str(place / "clicks.txt"), "--model", "bpr-mf", "--dim", "4"]
    words += ["--epochs", "1", "--quiet", "--out", str(place / "people")]
    assert cli.main(words) == 0
    more = write(place / "more.txt", {"1": [7, 14], **ROWS})
    words = ["recommend", "--model", str(place / "people"), "--data", str(more)]
    for who in (["--user", "103"], ["--all"]):
        capsys.readouterr()
        assert cli.main([*words, *who]) == 2
        assert "knows its users by number" in capsys.readouterr().err


def test_values_of_ones_own_in_a_model_are_no_origin(
    place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = dm.Recommender.load(place / "run")
    model.made_from = {"note": "spring"}
    model.save(tmp_path / "own.safetensors")
    words = ["--model", tmp_path / "own.safetensors", "--data", place / "clicks.txt"]
    assert says(capsys, "evaluate", *words)
    model.made_from = {"note": tmp_path}
    with pytest.raises(dm.DisrecError, match="must be plain values"):
        model.save(tmp_path / "no.safetensors")


def test_clicks_are_kept_by_a_run_that_had_not_begun(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "late").mkdir()
    words = ["train", place / "clicks.txt", *QUICK, "--resume", place / "late"]
    assert cli.main([str(word) for word in words]) == 0
    kept = [(place / run / origin.FILE).read_bytes() for run in ("late", "run")]
    assert kept[0] == kept[1]


def test_a_model_file_alone_knows_how_it_was_trained(
    place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = str(place / "clicks.txt")
    words = ["train", data, *QUICK, "--include-seen", "--out", str(place / "shop")]
    assert cli.main(words) == 0
    shutil.copy(place / "shop" / "model.safetensors", tmp_path / "one.safetensors")
    found = []
    for model in (place / "shop", tmp_path / "one.safetensors"):
        capsys.readouterr()
        assert cli.main(["evaluate", "--model", str(model), "--data", data]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    assert cli.main(["evaluate", "--model", str(model), "--data", data,
                     "--exclude-seen"]) == 0  # fmt: skip
    assert capsys.readouterr().out != found[0]


def test_a_table_is_read_as_one_whatever_form_the_run_had(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_run(place, format="items-only")
    table = place / "events.csv"
    rows = [f"{u},{j},{n}" for u, row in ROWS.items() for n, j in enumerate(row)]
    table.write_text("\n".join(["user_id,item_id,time", *rows]))
    assert says(capsys, "evaluate", "--model", place / "run", "--data", table)


def test_those_left_out_keep_their_numbers() -> None:
    data = dm.Interactions.from_sequences([[1, 2], [3, 1], [], [2, 2]], 3)
    said: list[str] = []
    found = ids.as_known(data, None, 2, False, said.append)
    assert [row.tolist() for row in found] == [[1, 2], [], [], [2, 2]]
    assert found.n_items == 2
    assert said[0].startswith("1 of 4 users are left out")


def test_a_form_is_remembered_for_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one.txt", "two.txt"):
        text = "".join(" ".join(map(str, row)) + "\n" for row in CLICKS)
        Path(name).write_text(text)
    words = ["--format", "items-only", *QUICK, "--out", "run"]
    says(capsys, "train", "one.txt", *words)
    found = says(capsys, "evaluate", "--model", "run", "--data", "two.txt")
    counts = f"{len(ROWS)} users, {N_ITEMS} items, {CLICKS.n_clicks} clicks"
    assert found == [f"read {tmp_path / 'two.txt'} (items-only): {counts}"]


def test_models_with_a_vector_for_each_user_ask_for_the_same_users(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = place / "clicks.txt"
    words = ["--model", "bpr-mf", "--dim", "4", "--epochs", "1", "--quiet"]
    says(capsys, "train", data, *words, "--out", place / "bpr")
    write(data, dict(reversed(ROWS.items())))
    assert cli.main(["evaluate", "--model", str(place / "bpr")]) == 2
    assert "knows its users by number, and those of" in capsys.readouterr().err
    says(capsys, "evaluate", "--model", place / "run")  # others only read clicks


def test_a_file_with_the_name_of_a_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "ml-100k", ROWS)
    taken: list[str] = []
    load = "disrec_mini.datasets.load_dataset"
    monkeypatch.setattr(load, lambda name: taken.append(name) or CLICKS)
    few = ["--model", "pop", "--quiet", "--out"]
    said = says(capsys, "train", "ml-100k", *few, "one")
    assert said[0] == "ml-100k is the data set; the file of that name is ./ml-100k"
    assert taken == ["ml-100k"]
    assert json.loads(Path("one/run.json").read_text())["data"] == "ml-100k"
    assert says(capsys, "train", "./ml-100k", *few, "two") == []
    assert taken == ["ml-100k"]
    place = str(tmp_path / "ml-100k")
    assert json.loads(Path("two/run.json").read_text())["data"] == place


def test_stored_results_name_no_place_of_a_machine() -> None:
    book = Path(__file__).parents[1] / "book/results"
    files = [p for p in book.rglob("*.json") if "quality" not in p.parts]
    assert len(files) > 100

    def texts(value: object) -> list[str]:
        if isinstance(value, dict):
            return [t for x in value.values() for t in texts(x)]
        if isinstance(value, list):
            return [t for x in value for t in texts(x)]
        return value.split() if isinstance(value, str) else []

    for path in files:
        for word in texts(json.loads(path.read_text())):
            assert not re.match(r"/\w|~/", word), (path, word)
