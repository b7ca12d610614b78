"""Everybody's lists: what `recommend` says, in tables, also of a stopped export."""

import contextlib
import csv
import errno
import gzip
import io
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import disrec_mini as dm
from disrec_mini import cli, exports
from disrec_mini.baselines import FPMC, Popularity, SASRec

M = 12
ROWS = [[1, 2, 3], [], [5, 6, 5, 6, 7, 8], [*range(1, M + 1)], [12], [4, 4], [2, 9, 1]]
ODD = ("=1+2", 'say "hi", twice', "tab\there", "two\nlines", "old\rmac", " Котик ")
ODD += ("0012", "NA", "null", "1e5", "caf\x85é\u2028", "it's;|^")
USERS = ("'a,b'", "-", "\t", "Ж", "a\r\nb", '"', "007")


@pytest.fixture(scope="module")
def clicks() -> dm.Interactions:
    """One without a click, one who has clicked everything; names of all sorts."""
    plain = dm.Interactions.from_sequences(ROWS, M)
    return dm.Interactions(plain.items, plain.offsets, M, ("", *ODD), USERS)


def made(kind: str, clicks: dm.Interactions) -> Any:
    torch.manual_seed(3)
    if kind == "pop":
        return Popularity(clicks)
    types: dict[str, Any] = {"disrec": dm.DisRec, "sasrec": SASRec, "fpmc": FPMC}
    config = types[kind].config_type(M, dim=4)
    if kind == "disrec":
        config = config.replace(n_intents=3, max_len=4)
    if kind == "sasrec":
        config = config.replace(max_len=4)
    return types[kind].untrained(config, clicks).eval()


@pytest.fixture(scope="module", params=["disrec", "sasrec", "pop", "fpmc"])
def model(request: pytest.FixtureRequest, clicks: dm.Interactions) -> Any:
    return made(request.param, clicks)


@pytest.fixture(scope="module")
def pop(clicks: dm.Interactions) -> Any:
    return made("pop", clicks)


def read(path: Path) -> list[list[str]]:
    """The cells of a table, by Python's csv module."""
    opened = gzip.open if path.suffix == ".gz" else open
    sep = "\t" if ".tsv" in path.name else ","
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=sep))


def refused(what: Callable[[], object]) -> str:
    with pytest.raises(dm.DisrecError) as caught:
        what()
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def loop(
    model: Any, clicks: dm.Interactions, k: int, exclude_seen: bool, least: float | None
) -> list[tuple[Any, ...]]:
    """(user, item, place, score, reason), user by user."""
    rows: list[tuple[Any, ...]] = []
    for u, row in enumerate(clicks):
        if not len(row):
            rows.append((u, None, None, None, "no known clicks"))
            continue
        try:
            best = model.recommend(row, k, exclude_seen, u)
        except dm.DisrecError:
            rows.append((u, None, None, None, "nothing left"))
            continue
        read = torch.tensor(row[-(model.max_len or 99) :])[None]
        about = torch.tensor([read.shape[1]]), torch.tensor([u])
        scores = model.score(read, *about)[0]
        kept = [j for j in best if least is None or scores[j] >= least]
        if not kept:
            rows.append((u, None, None, None, "all below min_score"))
        rows += [(u, j, n, float(scores[j]), None) for n, j in enumerate(kept, 1)]
    return rows


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("k", [1, 4, 50])
def test_everybodys_lists_are_those_of_recommend(
    model: Any,
    clicks: dm.Interactions,
    k: int,
    exclude: bool,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exports, "USERS", at_once)
    names = range(len(clicks)), range(M + 1)
    scores = [row[3] for row in loop(model, clicks, k, exclude, None) if row[1]]
    # between two scores, so that rounding decides nothing
    cut = sorted({round(x, 3) for x in scores})
    middle = (cut[len(cut) // 2 - 1] + cut[len(cut) // 2]) / 2
    for least in (None, middle, max(scores) + 1):
        how: dict[str, Any] = {"exclude_seen": exclude, "min_score": least}
        parts = list(dm.recommend_all(model, clicks, k, **how))
        assert [len(part.users) for part in parts[:-1]] == [at_once] * (len(parts) - 1)
        rows = [row for part in parts for row in exports.as_rows(part, names)]
        expected = loop(model, clicks, k, exclude, least)
        assert [(*r[:3], r[4]) for r in rows] == [(*r[:3], r[4]) for r in expected]
        found, wanted = ([r[3] for r in some if r[1]] for some in (rows, expected))
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_some_users_in_their_order(model: Any, clicks: dm.Interactions) -> None:
    (whole,) = dm.recommend_all(model, clicks, 3)
    (some,) = dm.recommend_all(model, clicks, 3, users=[6, 1, 0])
    assert some.users.tolist() == [6, 1, 0]
    assert np.array_equal(some.items, whole.items[[6, 1, 0]])
    assert list(dm.recommend_all(model, clicks, 3, users=[])) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"k": 0}, "k must be a whole number >= 1, not 0"),
        ({"exclude_seen": 1}, "exclude_seen must be True or False"),
        ({"min_score": math.nan}, "min_score must be a finite number or None, not nan"),
        ({"min_score": -math.inf}, "min_score must be a finite number"),
        ({"min_score": "0.1"}, "min_score must be a finite number"),
        ({"users": [7]}, "There is no user 7"),
        ({"clicks": ROWS}, "clicks must be Interactions, not list"),
        ({"clicks": dm.Interactions.from_sequences(ROWS, 40)}, "trained on other data"),
        ({"model": FPMC}, "model must be Recommender, not the class FPMC"),
    ],
)
def test_arguments_are_checked_at_once(
    changes: dict[str, Any], sentence: str, clicks: dm.Interactions, pop: Any
) -> None:
    given = {"model": pop, "clicks": clicks, **changes}
    assert sentence in refused(lambda: dm.recommend_all(**given))


def test_a_model_that_knows_users_wants_its_own(clicks: dm.Interactions) -> None:
    fewer = clicks.select(range(5))
    model = made("fpmc", clicks)
    assert "the model knows 7 users" in refused(lambda: dm.recommend_all(model, fewer))


# -- tables ----------------------------------------------------------------------------

TEXT = ["a.csv", "a.tsv", "a.csv.gz", "a.TSV.gz", "sub/folder/a.csv"]


def cells(model: Any, clicks: dm.Interactions, k: int) -> list[list[str]]:
    """What a table should hold, as text, by name."""
    parts = dm.recommend_all(model, clicks, k)
    rows = [row for x in parts for row in exports.as_rows(x, (USERS, ("", *ODD)))]
    return [["" if x is None else str(x) for x in row] for row in rows]


@pytest.mark.parametrize("name", TEXT)
def test_names_survive_a_table(
    name: str, clicks: dm.Interactions, pop: Any, tmp_path: Path
) -> None:
    path = tmp_path / name
    found = exports.write_lists(path, pop, clicks, M)
    header, *rows = read(path.rename(path.with_name(path.name.lower())))
    assert header == ["user", "item", "place", "score", "reason"]
    assert rows == cells(pop, clicks, M)
    assert {row[1] for row in rows} == {"", *ODD}
    assert found == {"users": 7, "rows": len(rows) - 2} | dict.fromkeys(
        ["no known clicks", "nothing left"], 1
    )
    assert [p.name for p in path.parent.iterdir()] == [path.name.lower()]


def test_pandas_reads_the_names_again(
    clicks: dm.Interactions, pop: Any, tmp_path: Path
) -> None:
    pandas = pytest.importorskip("pandas")
    exports.write_lists(tmp_path / "a.csv.gz", pop, clicks, M)
    frame = pandas.read_csv(
        tmp_path / "a.csv.gz",
        dtype={"user": str, "item": str, "reason": str, "place": "Int64"},
        keep_default_na=False,
        na_values={"place": [""], "score": [""]},
    )
    rows = cells(pop, clicks, M)
    for column, n in (("user", 0), ("item", 1), ("reason", 4)):
        assert frame[column].tolist() == [row[n] for row in rows]
    places = [None if row[2] == "" else int(row[2]) for row in rows]
    assert [None if pandas.isna(x) else x for x in frame["place"]] == places


def test_parquet_holds_the_same(
    clicks: dm.Interactions, pop: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(exports, "USERS", 2)
    monkeypatch.setattr(exports, "ROWS", 40)  # two groups
    for name in ("a.parquet", "b.parquet"):
        exports.write_lists(tmp_path / name, pop, clicks, 5)
    table = parquet.read_table(tmp_path / "a.parquet").to_pydict()
    rows = zip(*table.values(), strict=True)
    shown = [["" if x is None else x for x in row] for row in rows]
    wanted = cells(pop, clicks, 5)
    assert [[*map(str, row[:3]), row[4]] for row in shown] == [
        [*row[:3], row[4]] for row in wanted
    ]
    for row, text in zip(shown, wanted, strict=True):
        assert text[3] == ("" if row[3] == "" else str(np.float32(row[3])))
    assert (tmp_path / "a.parquet").read_bytes() == (
        tmp_path / "b.parquet"
    ).read_bytes()


def test_without_pyarrow_a_sentence(
    clicks: dm.Interactions, pop: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(exports, "find_spec", lambda name: None)
    found = refused(lambda: exports.write_lists(tmp_path / "a.parquet", pop, clicks))
    assert "needs pyarrow: pip install pyarrow" in found
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("names", [("a", "a"), ("", "b"), None])
def test_names_that_tell_nothing_apart_are_not_used(names: Any, tmp_path: Path) -> None:
    data = dm.Interactions.from_sequences([[1, 1, 1], [2]], 2)
    named = None if names is None else ("", *names)
    data = dm.Interactions(data.items, data.offsets, 2, named)
    exports.write_lists(tmp_path / "a.csv", Popularity(data), data)
    assert [row[:2] for row in read(tmp_path / "a.csv")[1:]] == [["1", "2"], ["2", "1"]]


def test_a_name_that_no_file_can_hold(tmp_path: Path) -> None:
    data = dm.Interactions.from_sequences([[1, 2], [2]], 2)
    data = dm.Interactions(data.items, data.offsets, 2, ("", "a", "\ud800"))
    found = refused(
        lambda: exports.write_lists(tmp_path / "a.csv", Popularity(data), data)
    )
    assert r"the name '\ud800' cannot be written in UTF-8" in found


def test_nobody_to_recommend_to(
    pop: Any, clicks: dm.Interactions, tmp_path: Path
) -> None:
    some = clicks.select([1, 3])
    found = refused(lambda: exports.write_lists(tmp_path / "a.csv", pop, some))
    assert found == (
        "nobody can be recommended anything: no known clicks: 1 users, nothing left: 1 "
        "users; with exclude_seen=False (--include-seen) clicked items come back."
    )
    how: dict[str, Any] = {"exclude_seen": False, "min_score": 1e9}
    found = refused(lambda: exports.write_lists(tmp_path / "a.csv", pop, clicks, **how))
    assert found.endswith("no known clicks: 1 users, all below min_score: 6 users.")


# -- stopped exports -------------------------------------------------------------------


def stopped(path: Path, model: Any, clicks: dm.Interactions, n: int) -> bytes:
    """An export that is interrupted after n blocks; what it has stored."""
    best, calls = model.best, []

    def interrupted(*words: Any) -> Any:
        calls.append(1)
        if len(calls) > n:
            raise KeyboardInterrupt
        return best(*words)

    model.best = interrupted
    try:
        with pytest.raises(KeyboardInterrupt):
            exports.write_lists(path, model, clicks, 5)
    finally:
        del model.best
    assert not path.exists()
    return (path.with_name(f"{path.name}.part") / "lists").read_bytes()


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.parquet"])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_stopped_export_goes_on(
    n: int,
    name: str,
    model: Any,
    clicks: dm.Interactions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where its last block, its first line or a bit was lost."""
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    monkeypatch.setattr(exports, "USERS", 2)
    exports.write_lists(tmp_path / "whole" / name, model, clicks, 5)
    whole = (tmp_path / "whole" / name).read_bytes()
    path = tmp_path / name
    stored = stopped(path, model, clicks, n)
    part = tmp_path / f"{name}.part" / "lists"
    first = stored.index(b"\n") + 1
    block = 2 * (8 * 5 + 1) + 4
    assert len(stored) == first + n * block
    flipped = bytearray(stored)
    flipped[-1] ^= 1
    calls: list[int] = []
    best = model.best
    monkeypatch.setattr(
        model, "best", lambda *x: calls.append(1) or best(*x), raising=False
    )
    cases = {stored: n, stored + b"x" * 30: n, stored[: first - 1]: 0, b"": 0}
    if n:
        cases |= {stored[:-1]: n - 1, bytes(flipped): n - 1}
    for text, kept in cases.items():
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(text)
        for left in (name, "other.csv"):  # by one killed while it wrote the table
            (tmp_path / f".{left}.0123456789ab.tmp").touch()
        calls.clear()
        exports.write_lists(path, model, clicks, 5)
        assert len(calls) == 4 - kept
        assert path.read_bytes() == whole
        assert {p.name for p in tmp_path.iterdir()} == {
            *("whole", name, ".other.csv.0123456789ab.tmp")
        }
        path.unlink()


def test_an_export_of_something_else_is_kept(
    clicks: dm.Interactions, pop: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(exports, "USERS", 2)
    path = tmp_path / "a.csv"
    stored = stopped(path, pop, clicks, 2)
    other = dm.Interactions.from_sequences([*ROWS[:-1], [2, 9, 3]], M)
    for given, changed in (
        ((pop, clicks, 6), "k was 5;"),
        ((pop, other, 5), "clicks was '"),
        ((made("sasrec", clicks), clicks, 5), "model was '"),
    ):
        found = refused(lambda x=given: exports.write_lists(path, *x))
        assert "holds a stopped export of something else: " in found
        assert changed in found
    part = tmp_path / "a.csv.part" / "lists"
    assert part.read_bytes() == stored
    part.write_bytes(b"[]\n" + stored)
    assert "is damaged" in refused(lambda: exports.write_lists(path, pop, clicks, 5))


def test_lists_that_vanish_before_the_table_is_written(
    clicks: dm.Interactions, pop: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    def lose(self: Any, *_: Any) -> dict[str, int]:
        self.path.write_bytes(self.header)
        return {"rows": 1}

    monkeypatch.setattr(exports._Part, "fill", lose)
    found = refused(lambda: exports.write_lists(tmp_path / "a.csv", pop, clicks))
    assert "is damaged: start the export again" in found
    assert not (tmp_path / "a.csv").exists()


class Full(io.FileIO):
    """A disk without room behind a place."""

    room = 200

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
@pytest.mark.parametrize("where", ["lists", ".tmp"])
def test_a_full_disk_is_a_sentence_and_the_lists_stay(
    where: str,
    name: str,
    clicks: dm.Interactions,
    pop: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    opened, path = Path.open, tmp_path / name
    with monkeypatch.context() as patch:
        patch.setattr(
            Path,
            "open",
            lambda self, mode: (
                Full(self, mode.replace("b", ""))
                if self.name.endswith(where)
                else opened(self, mode)
            ),
        )
        patch.setattr(Full, "room", 20 if where == ".tmp" else 200)
        found = refused(lambda: exports.write_lists(path, pop, clicks, 5))
    assert found.startswith("Cannot write ")
    assert "the disk is full (No space left on device); free some space" in found
    assert [p.name for p in tmp_path.iterdir()] == [f"{name}.part"]
    exports.write_lists(path, pop, clicks, 5)
    exports.write_lists(tmp_path / f"b{name}", pop, clicks, 5)
    assert path.read_bytes() == (tmp_path / f"b{name}").read_bytes()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(
    clicks: dm.Interactions, pop: Any, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    found = refused(lambda: exports.write_lists(tmp_path / "a.csv", pop, clicks))
    assert "choose a folder that can be written to" in found


def test_paths_that_cannot_be_a_table(
    clicks: dm.Interactions, pop: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("mine")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("")
    for name, sentence in (
        ("a.csv", "exists: remove it, or choose another name"),
        ("folder.csv", "exists"),
        ("a.xlsx", "must end in .csv, .tsv, .csv.gz, .tsv.gz or .parquet"),
        ("csv", "must end in"),
        ("file/a.csv", "Cannot write"),
    ):
        path = tmp_path / name
        found = refused(lambda p=path: exports.write_lists(p, pop, clicks))
        assert sentence in found
    assert (tmp_path / "a.csv").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


# -- the shell -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; its users are named, one has clicked everything."""
    folder = tmp_path_factory.mktemp("shell")
    rows = ["who,item,stars", *(f"Ж{u},й{j},5" for u in range(5) for j in range(u + 4))]
    rows += [f"all,й{j},5" for j in range(20)]
    (folder / "shop.csv").write_text("\n".join(rows), "utf-8")
    words = ["--model", "pop", "--user", "who", "--out", str(folder / "run"), "--quiet"]
    with contextlib.redirect_stderr(io.StringIO()) as said:
        assert cli.main(["train", str(folder / "shop.csv"), *words]) == 0
    assert "disrec_mini: recall@10 is 1 by construction" in said.getvalue()
    assert "Warning" not in said.getvalue()  # a sentence, no place in the code
    return folder / "run"


def test_the_shell_writes_what_python_does(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = ["recommend", "--model", str(run), "--all", "-k", "4"]
    assert cli.main(words) == 0
    screen = capsys.readouterr()
    assert screen.err.startswith("disrec_mini: read ")
    assert screen.err.count("\n") == 1
    assert screen.out.splitlines()[0] == "user\titem\tplace\tscore\treason"
    out = tmp_path / "a.tsv"
    assert cli.main([*words, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[1:] == [
        f"disrec_mini: 20 rows for 6 users written to {out}; nothing left: 1 users"
    ]
    assert out.read_text("utf-8") == screen.out
    clicks, model = dm.read_events(run.parent / "shop.csv", user="who"), None
    model = dm.Recommender.load(run)
    exports.write_lists(tmp_path / "b.tsv", model, clicks, 4)
    assert (tmp_path / "b.tsv").read_bytes() == out.read_bytes()
    assert cli.main([*words, "--include-seen"]) == 0
    everybody = capsys.readouterr().out
    assert "nothing left" not in everybody
    assert len(everybody.splitlines()) == 1 + 6 * 4
    for more, sentence in (
        (["--out", str(out)], "exists: remove it"),
        (["--out", "a.txt"], "must end in"),
        (["--min-score", "nan"], "min_score must be a finite number or None, not nan"),
        (
            ["--min-score", "1e9", "--out", "b.csv"],
            "nobody can be recommended anything",
        ),
    ):
        assert cli.main([*words, *more]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("disrec_mini: ")
        assert sentence in shown.err
    assert cli.main([*words[:3], "--user", "all", "--min-score", "1"]) == 2
    assert "--min-score is for --all" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--all"], ["--user", "Ж0"], ["--items", "й1"]])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_may_lack_the_signs_and_a_pipe_gets_names_whole(
    words: list[str], terminal: bool, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.BytesIO()
    stream = io.TextIOWrapper(screen, "cp1252")
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", stream)
    assert cli.main(["recommend", "--model", str(run), *words]) == 0
    stream.flush()
    assert (rb"\u0439" in screen.getvalue()) == terminal
    assert ("й".encode() in screen.getvalue()) != terminal


@pytest.mark.killing
def test_kill_9_again_and_again(run: Path, tmp_path: Path) -> None:
    """A slow model, killed at moments of the clock, ends with the same bytes."""
    script = (
        "import sys, time\nfrom disrec_mini import cli, exports, recommender\n"
        "exports.USERS, best = 1, recommender.Recommender.best\n"
        "def slow(*words):\n    time.sleep(0.15)\n    return best(*words)\n"
        "recommender.Recommender.best = slow\nsys.exit(cli.main(sys.argv[1:]))"
    )
    words = ["recommend", "--model", str(run), "--all", "--out"]
    assert cli.main([*words, str(tmp_path / "whole.csv")]) == 0
    out, part = tmp_path / "a.csv", tmp_path / "a.csv.part" / "lists"
    command = [sys.executable, "-c", script, *words, str(out)]
    sizes, numbers = [0], [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL]
    for number in numbers:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        ends = time.monotonic() + 60
        while not part.exists() or part.stat().st_size <= sizes[-1] + 50:
            assert time.monotonic() < ends
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        errors = process.communicate(timeout=60)[1]
        sizes.append(part.stat().st_size)
        if number == signal.SIGTERM:
            assert process.returncode == 143
            assert errors.splitlines()[1:] == ["disrec_mini: the same command goes on."]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not part.parent.exists()


# -- what a cold reader found ----------------------------------------------------------


def test_another_number_of_threads_is_told_how_to_go_on(tmp_path: Path) -> None:
    about = {"threads": 1, "k": 2}
    part = exports._Part(tmp_path / "lists", about, 1, 2)
    other = exports._Part(tmp_path / "lists", {**about, "threads": 2}, 1, 2)
    with pytest.raises(dm.DisrecError, match="set OMP_NUM_THREADS=1 to go on"):
        other._is_new(part.header)
    other = exports._Part(tmp_path / "lists", {**about, "k": 3}, 1, 2)
    with pytest.raises(dm.DisrecError, match="k was 2; remove its folder"):
        other._is_new(part.header)


def test_targets_and_scores_of_any_kind() -> None:
    with pytest.raises(dm.DisrecError, match="a table of lists"):
        exports.check_target(5)  # type: ignore[arg-type]
    clicks = dm.Interactions.from_sequences([[1, 2], [2, 3]])
    model = Popularity(clicks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lists = list(dm.recommend_all(model, clicks, 2, min_score=1e300))
    assert not any(x.items.any() for x in lists)
