"""Odd cells, names, times and files of events: the right value, or one sentence."""

import csv
import gzip
import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_events import clicks, put, sentence

import disrec_mini as dm
from disrec_mini import delimited, files
from disrec_mini.delimited import Delimited

HEAD = "user,item,time\n"
LONG, DIGITS = "x" * 10**5, "7" * 10**5
VALUES: dict[str, tuple[str | bytes, list[str]]] = {  # the items of user u, in order
    "a tab": ('u,"a\tb",1\nu,c,2', ["a\tb", "c"]),
    "a line end": ('u,"a\nb",1\nu,c,2', ["a\nb", "c"]),
    "an escape": ("u,a\x1b[1m,1\nu,c,2", ["a\x1b[1m", "c"]),
    "a separator": ('u,"a, b",1\nu, "c, d", 2', ["a, b", "c, d"]),
    "doubled quotes": ('u,"say ""hi""",1', ['say "hi"']),
    "quotes as signs": ('u,7" x,1\nu,"y" (z),2', ['7" x', '"y" (z)']),
    "blanks around": ("u, a ,1\nu,a,2\n u ,b,3", ["a", "a", "b"]),
    "blanks within": ("u,a  b,1\nu,a b,2", ["a  b", "a b"]),
    "one one": (
        "u,1,1\nu,1.0,2\nu,01,3\nu,+1,4\nu,1e0,5",
        ["1", "1.0", "01", "+1", "1e0"],
    ),
    "cases": ("u,A,1\nu,a,2", ["A", "a"]),
    "accents": ("u,\u00e9,1\nu,e\u0301,2", ["\u00e9", "e\u0301"]),
    "a mark within": ("u,\ufeffa,1\nu,a,2", ["\ufeffa", "a"]),
    "long names": (f"u,{LONG},1\nu,{LONG}y,2", [LONG, LONG + "y"]),
    "long numbers": (f"u,{DIGITS},1\nu,5,2", [DIGITS, "5"]),
    "exponents": ("u,a,1e18\nu,b,2000000000000000000", ["a", "b"]),
    "19 digits": ("u,b,1000000000000000001\nu,a,1000000000000000000", ["a", "b"]),
    "missing times": ("u,a,\nu,b,2\nu,c, ", ["b"]),
    "offsets": (
        "u,c,2014-07-18T10:00:00+0200\nu,d,2014-07-18T08:30Z\nu,a,2014-07-17\n"
        "u,b,2014-07-18 07:59:59.25 UTC",
        ["a", "b", "c", "d"],
    ),
    "fractions": (
        "u,c,2014-07-18T10:00:00.5Z\nu,b,2014-07-18T10:00:00.49Z\n"
        "u,a,2014-07-18T10:00:00.123456789Z",
        ["a", "b", "c"],
    ),
    "a year beside days": (
        "u,b,0999-12-31\nu,c,1969-12-31\nu,a,0001-01-01",
        ["a", *"bc"],
    ),
    "since a start": ("u,b,0.5\nu,a,-3\nu,c,99999999", ["a", "b", "c"]),
    "no last line end": ("u,a,1\r\nu,b,2\ru,c,3", ["a", "b", "c"]),
    "empty lines": ("\nu,a,1\n\n \nu,b,2\n\n", ["a", "b"]),
    "empty rows": (",,\nu,a,1\n,,\n", ["a"]),
}


@pytest.mark.parametrize("name", VALUES)
def test_odd_cells(name: str, tmp_path: Path) -> None:
    text, expected = VALUES[name]
    heard: list[str] = []
    data = dm.read_events(put(tmp_path / "a.csv", HEAD + text), said=heard.append)
    assert clicks(data) == {"u": expected}
    gone = {"missing times": 2, "empty rows": 2}.get(name, 0)  # counted, not lost
    dropped = f"dropped {gone} with an empty cell" if gone else "dropped none"
    assert f"{len(expected) + gone} events " in heard[0]
    assert f"; {dropped}; {len(expected)} clicks of 1 users" in heard[0]


def test_names_that_look_like_gaps_are_told(tmp_path: Path) -> None:
    text = "user;item;rating;time\nNA;nan;4,5;1\nNA;None;3,5;2\n-1;0;2,5;3\n"
    path, heard = put(tmp_path / "a.csv", text), []
    assert clicks(dm.read_events(path, said=heard.append)) == {
        "-1": ["0"],
        "NA": ["nan", "None"],
    }
    assert (
        "3 clicks of 2 users on 3 items; 'NA' is taken for a name, of 2 clicks"
        in heard[0]
    )
    assert "'nan' is taken for a name, of 1 click" in heard[0]
    assert "must hold ratings, numbers, not '4,5'" in sentence(path, min_rating=3)


def test_numbers_are_in_their_order(tmp_path: Path) -> None:
    rows = [f"{user},{user},1" for user in (10, -5, 9, -10, 0, "07", 7)]
    data = dm.read_events(put(tmp_path / "a.csv", HEAD + "\n".join(rows)))
    assert data.user_names == ("-10", "-5", "0", "07", "7", "9", "10")


def test_units_that_are_one_scale(tmp_path: Path) -> None:
    """From below a unit to above it, without a jump: what a program counted."""
    rows = [f"u,{n},{10**n}" for n in range(18, -1, -1)]
    data = dm.read_events(put(tmp_path / "a.csv", HEAD + "\n".join(rows)))
    assert clicks(data) == {"u": [str(n) for n in range(19)]}


WRONG: list[tuple[str | bytes, dict[str, Any], str]] = [
    (HEAD + "u,a,1400000000\nu,b,1400000000500\n", {}, "mix seconds and milliseconds"),
    (HEAD + "u,a,1.4e9\nu,b,1400000000500000", {}, "mix seconds and microseconds"),
    (HEAD + "u,a,1400000000500\nu,b,1400000000500000000", {}, "milli.* and nanosec"),
    (HEAD + "u,a,18/07/2014\n", {}, "has '18/07/2014', which is no time: write"),
    (HEAD + "u,a,07.18.2014\n", {}, "has '07.18.2014', which is no time"),
    (HEAD + "u,a,10:15\n", {}, "has '10:15', which is no time"),
    (HEAD + "u,a,NaT\nu,b,2020-01-01\n", {}, "has 'NaT', which is no time"),
    (HEAD + "u,a,2014-13-01\n", {}, "has '2014-13-01', which is no time"),
    (HEAD + "u,a,1369699200,0\n", {}, "line 2: has 4 cells and the first line 3"),
    (HEAD + 'u,"a\nx",1\n\nu,b\n', {}, "line 5: has 2 cells and the first line 3"),
    (HEAD + 'u,"a, b",1\nu,"c, d,1\n', {}, r"line 3: quotes that open do not close"),
    (HEAD + 'u,"a, b",1\nu,"c, d" e,1\n', {}, r"line 3: quotes that open do not close"),
    (HEAD.encode() + b"u,a,1\nu,caf\xe9,2", {}, "line 3 is in another encoding: save"),
    ((HEAD + "u,a,1").encode("utf-16"), {}, "seems to be UTF-16: save it as UTF-8"),
    (HEAD + "u,a\0,1", {}, "is not a text file: expected a table of events in UTF-8."),
    ("user,item,rating\nu,a,nan\n", {"min_rating": 3}, "ratings, numbers, not 'nan'"),
    ("user,item,rating\nu,a,5 stars\n", {"min_rating": 3}, "numbers, not '5 stars'"),
    ('{"user": {"id": 1}, "item": 2}', {}, "'user' of .* has lists or objects"),
    ('{"user": 1e17, "item": 2}', {}, "'user' of .* broken numbers"),
    ('{"user": "u", "item": "\\ud83d"}', {}, r"has '\\ud83d', which is no text"),
    ('{"user": 1,\n "item": 2}', {}, "line 1: is not JSON; expected one object"),
    ("{'user': 1, 'item': open('x')}", {}, "line 1: is not JSON"),
    ("{" * 10**5, {}, "line 1: is not JSON"),
]


@pytest.mark.parametrize(
    ("text", "options", "expected"), WRONG, ids=[case[2] for case in WRONG]
)
def test_odd_files(
    text: str | bytes, options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    path = put(tmp_path / "events", text)
    with pytest.raises(dm.DisrecError, match=expected):
        raise dm.DisrecError(sentence(path, **options))
    assert str(path) in sentence(path, **options)


def test_gzips_that_are_empty_or_cut(tmp_path: Path) -> None:
    whole = gzip.compress(HEAD.encode() + b"u,a,1\n" * 99)
    for data, expected in [
        (b"", "is empty"),
        (gzip.compress(b""), "is empty"),
        (whole[:-9], "cut off gzip"),
        (whole[:3], "cut off gzip"),
    ]:
        (path := tmp_path / "a.csv.gz").write_bytes(data)
        assert expected in sentence(path)


def test_a_separator_that_all_lines_share(tmp_path: Path) -> None:
    numbers = {"user": 0, "item": 1, "time": 3}
    for text, expected in [
        ("1;2;4,5;8\n1;3;3,5;9\n", ["2", "3"]),
        ("1|a,b|5|8\n1|c;d|5|9\n", ["a,b", "c;d"]),
        ("1,a;b,5,8\n1,c|d,5,9\n", ["a;b", "c|d"]),
    ]:
        path = put(tmp_path / "bare", text)
        assert clicks(dm.read_events(path, **numbers)) == {"1": expected}


CELL = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=4)
CELL = CELL.map(lambda text: text.replace('"', "'").replace(",", ";"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.one_of(st.tuples(CELL, CELL, CELL), st.just(())), min_size=1, max_size=30
    ),
    block=st.integers(1, 40),
    part=st.integers(1, 5),
    quoted=st.booleans(),
)
def test_parts_are_the_whole(
    rows: list[tuple[str, ...]], block: int, part: int, quoted: bool, monkeypatch: Any
) -> None:
    """Any size of blocks and parts, and with quotes, against the csv module at once."""
    monkeypatch.setattr(delimited, "_BLOCK", block)
    monkeypatch.setattr(delimited, "PART", part)
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_NONE
    writer = csv.writer(made := io.StringIO(), quoting=quoting, lineterminator="\n")
    writer.writerow("abc")
    for row in rows:
        made.write("\n") if not row else writer.writerow(row)
    lines = Delimited.of(Path("x"), made.getvalue().encode(), ",")
    columns: list[list[str]] = [[], []]
    for some in lines.parts([2, 0], 3, True):
        for column, cells in zip(columns, some, strict=True):
            column += cells
    full = [row for row in rows if row]
    assert columns == [[row[2] for row in full], [row[0] for row in full]]


def test_a_wrong_row_is_named_by_its_line_in_any_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", 50)
    for wrong in (2, 40, 99):
        rows = [f"u,{n},{n}" for n in range(2, 100)]
        rows[wrong - 2] += ",5"
        path = put(tmp_path / "a.csv", HEAD + "\n".join(rows))
        assert f"line {wrong}: has 4 cells" in sentence(path)


@pytest.mark.parametrize("read", [dm.read_events, dm.read_interactions])
def test_a_pipe_or_a_device_is_refused_before_it_is_read(
    tmp_path: Path, read: Any
) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes: reading would wait for ever
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(
            dm.DisrecError, match=r"is a pipe or a device: .* one first"
        ):
            read(path)
    with pytest.raises(dm.DisrecError, match="no path"):
        read("clicks\0.csv")


def test_gzip_that_grows_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_UNZIPS", (400, 2**16))
    rows = ["u,i,1\n"] * 3
    path = tmp_path / "clicks.csv.gz"
    path.write_bytes(gzip.compress((HEAD + "".join(rows)).encode()))
    assert len(dm.read_events(path, keep_repeats=True).items) == 3
    path.write_bytes(gzip.compress((HEAD + "".join(rows * 100_000)).encode()))
    assert path.stat().st_size * 400 < 6 * 300_000
    with pytest.raises(dm.DisrecError, match="more than 400 times its size"):
        dm.read_events(path)
