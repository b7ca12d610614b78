"""Tables of events: columns, ids, times, order, and what is dropped."""

import gzip
import json
import warnings
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import disrec_mini as dm
from disrec_mini import tables
from disrec_mini.arranging import _order
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.orders import scrambled
from disrec_mini.tables import is_table

EVENTS = [  # user, item, rating, time: rows in no order
    ("b", "z9", 4, 30),
    ("a", "x1", 5, 10),
    ("a", "y é", 1, 5),
    ("b", "x1", 3, 20),
    ("a", "x1", 2, 40),
]
EXPECTED = {"a": ["y é", "x1", "x1"], "b": ["x1", "z9"]}


def clicks(data: Interactions) -> dict[str, list[str]]:
    """{user: items}, as the file calls them."""
    names, users = data.item_names, data.user_names
    assert names is not None
    assert users is not None
    return {
        user: [names[item] for item in row]
        for user, row in zip(users, data, strict=True)
    }


def put(path: Path, text: str | bytes) -> Path:
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def table(header: str, sep: str = ",") -> str:
    lines = [header, *(sep.join(map(str, event)) for event in EVENTS)]
    return "\n".join(lines) + "\n"


def as_json(names: tuple[str, ...] = ("reviewerID", "asin", "overall", "ts")) -> str:
    rows = [dict(zip(names, event, strict=True)) for event in EVENTS]
    return "\n".join(map(json.dumps, rows))


def sentence(path: Path, **options: object) -> str:
    with pytest.raises(DisrecError) as raised:
        dm.read_events(path, **options)  # type: ignore[arg-type]
    text = str(raised.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text


# -- layouts ---------------------------------------------------------------------------

LAYOUTS = {
    "a.csv": table("user_id,movieId,rating,timestamp"),
    "b.csv.gz": table("reviewerID,asin,overall,unixReviewTime"),
    "c.tsv": table("uid\titemid\tstars\tts", "\t"),
    "d.inter": table(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float", "\t"
    ),
    "e.jsonl": as_json(),
    "f.json.gz": as_json(),
    "g.json": "[" + as_json().replace("\n", ",\n") + "]",
    "h.csv": table("User Name;Product ID;Stars;Date", ";"),
    "i.txt": table("visitorid::itemid::rating::time", "::"),
    "j.csv": "\ufeff" + table("user,item,rating,time").replace("\n", "\r\n"),
    "k.csv": table("user,item,rating,time").replace("y é", '"y é"'),
    "l.csv": table(",user,item,time").replace("b,z9", "0,b,z9"),
}


@pytest.mark.parametrize("name", list(LAYOUTS)[:-1])
def test_layouts(name: str, tmp_path: Path) -> None:
    path = put(tmp_path / name, LAYOUTS[name])
    assert is_table(path)
    data = dm.read_events(path)
    assert clicks(data) == EXPECTED
    assert data.item_names == ("", "x1", "y é", "z9")
    assert [row.tolist() for row in data] == [[2, 1, 1], [1, 3]]


def test_columns_by_name_and_by_number(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", table("who,what,how,when"))
    names = {"user": "who", "item": "what", "time": "when"}
    assert clicks(dm.read_events(path, **names)) == EXPECTED
    numbers = {"user": 0, "item": 1, "time": 3}
    assert clicks(dm.read_events(path, **{**names, "item": 1})) == EXPECTED
    lines = "\n".join("\t".join(map(str, event)) for event in EVENTS)
    bare = put(tmp_path / "u.data", lines)
    assert not is_table(bare)
    assert clicks(dm.read_events(bare, **numbers)) == EXPECTED
    texts = {kind: str(n) for kind, n in numbers.items()}
    assert clicks(dm.read_events(bare, **texts)) == EXPECTED
    headed = put(tmp_path / "headed.csv", table("user,item,rating,time"))
    assert clicks(dm.read_events(headed, **numbers)) == EXPECTED
    blanks = put(tmp_path / "blanks", lines.replace("y é", "y").replace("\t", "  "))
    assert clicks(dm.read_events(blanks, **numbers))["a"] == ["y", "x1", "x1"]
    strange = put(tmp_path / "strange.csv", lines.replace("\t", "~"))
    assert clicks(dm.read_events(strange, **numbers, sep="~")) == EXPECTED


def test_frames_and_dicts() -> None:
    user, item, rating, time = zip(*EVENTS, strict=True)
    columns = {"user": user, "item": item, "rating": rating, "time": time}
    assert clicks(Interactions.from_frame(columns)) == EXPECTED
    arrays = {name: np.array(cells) for name, cells in columns.items()}
    assert clicks(Interactions.from_frame(arrays)) == EXPECTED
    moments = np.array(time).astype("datetime64[D]")
    assert clicks(Interactions.from_frame({**arrays, "time": moments})) == EXPECTED
    days = [date(2020, 1, 1) + timedelta(t) for t in time]
    assert clicks(Interactions.from_frame({**columns, "time": days})) == EXPECTED
    some = Interactions.from_frame(columns, min_rating=3)
    assert clicks(some) == {"a": ["x1"], "b": ["x1", "z9"]}
    with pytest.raises(DisrecError, match="a pandas or polars frame or a dict of arr"):
        Interactions.from_frame(EVENTS)
    with pytest.raises(DisrecError, match="different lengths: 2, 1"):
        Interactions.from_frame({"user": [1, 2], "item": [1]})
    with pytest.raises(DisrecError, match="one dimension, not 2"):
        Interactions.from_frame({"user": [[1, 2]], "item": [1]})
    with pytest.raises(DisrecError, match="lists or objects"):
        Interactions.from_frame({"user": [1, 2], "item": [[1], [2, 3]]})


def test_pandas_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(EVENTS, columns=["user", "item", "rating", "time"])
    assert clicks(Interactions.from_frame(frame)) == EXPECTED
    frame["time"] = pandas.to_datetime(frame["time"], unit="s", utc=True)
    assert clicks(Interactions.from_frame(frame)) == EXPECTED
    frame["user"] = [7, 3, None, 7, 3]  # whole numbers beside a gap are floats there
    assert clicks(Interactions.from_frame(frame)) == {
        "3": ["x1", "x1"],
        "7": ["x1", "z9"],
    }
    frame["item"] = ["q", None, "q", "r", float("nan")]
    assert clicks(Interactions.from_frame(frame)) == {"7": ["r", "q"]}


def test_parquet_needs_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "a.parquet", b"PAR1")
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    assert "needs pyarrow or polars: pip install pyarrow" in sentence(path)
    assert "does not exist" in sentence(tmp_path / "b.parquet")


# -- ids -------------------------------------------------------------------------------


def test_ids_are_names_in_their_order(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "user,item,time\n10,30,1\n9,4,2\n10,4,3\n9,500,4\n")
    data = dm.read_events(path)
    assert data.user_names == ("9", "10")
    assert data.item_names == ("", "4", "30", "500")
    far = "123456789012345678901234567890"
    path = put(tmp_path / "b.csv", f"user,item,time\n 0 ,{far},1\n0,007,2\n0,7,3\n")
    data = dm.read_events(path)
    assert data.user_names == ("0",)
    assert sorted(clicks(data)["0"]) == ["007", far, "7"]
    one = dm.read_events(put(tmp_path / "c.jsonl", '{"user": 1, "item": 2, "ts": 3}'))
    assert clicks(one) == {"1": ["2"]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8),
        min_size=1,
        max_size=9,
        unique=True,
    )
)
def test_names_come_back(tmp_path: Path, names: list[str]) -> None:
    rows = [
        f'"u","{name.replace(chr(34), chr(34) * 2)}",{n}'
        for n, name in enumerate(names)
    ]
    path = put(tmp_path / "a.csv", "user,item,time\n" + "\n".join(rows))
    assert clicks(dm.read_events(path)) == {"u": names}
    lines = [
        json.dumps({"user": "u", "item": name, "ts": n}) for n, name in enumerate(names)
    ]
    path = put(tmp_path / "a.jsonl", "\n".join(lines))
    assert clicks(dm.read_events(path)) == {"u": names}


# -- times -----------------------------------------------------------------------------

MOMENTS = {
    "seconds": [3, 1, 2],
    "negative": [-1, -9, -3],
    "nanoseconds": [10**18 + 2, 10**18, 10**18 + 1],
    "decimals": [1.5, -0.5, 0.25],
    "mixed decimals": [3, 1.5, 2],
    "exponents": ["3e9", "1e9", "2000000000"],
    "days": ["2014-03-02", "2013-12-31", "2014-03-01"],
    "whole days": [20140302, 20131231, 20140301],
    "zones": [
        "2014-03-02T00:00:00Z",
        "2014-03-02T00:00:00+02:00",
        "2014-03-01T23:00:00",
    ],
    "fractions": [
        "2014-03-02 00:00:00.000002",
        "2014-03-02",
        "2014-03-02T00:00:00.000001",
    ],
}


@pytest.mark.parametrize("name", MOMENTS)
def test_times(name: str, tmp_path: Path) -> None:
    rows = [f"u,{i},{t}" for i, t in zip("cab", MOMENTS[name], strict=True)]
    path = put(tmp_path / "a.csv", "user,item,time\n" + "\n".join(rows))
    assert clicks(dm.read_events(path)) == {"u": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2014-03-02", "5"], "has numbers and dates, such as '2014-03-02'"),
        (["5", "2014-03-02"], "has numbers and dates, such as '2014-03-02'"),
        (["5", "soon"], "has 'soon', which is no time"),
        (["soon", "later"], "has 'soon', which is no time"),
        (["03/02/2014", "x"], "'03/02/2014', which is no time: write numbers or dates"),
        (["1", "nan"], "has 'nan', which is no time"),
        (["1", "inf"], "has 'inf', which is no time"),
    ],
)
def test_wrong_times(cells: list[str], expected: str, tmp_path: Path) -> None:
    rows = [f"u,{n},{cell}" for n, cell in enumerate(cells)]
    path = put(tmp_path / "a.csv", "user,item,time\n" + "\n".join(rows))
    assert f"column 'time' of {path} {expected}" in sentence(path).replace(
        "has '03", "'03"
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_order_of_rows_does_not_matter(tmp_path: Path, data: st.DataObject) -> None:
    pairs = data.draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=25
        )
    )
    ties = data.draw(st.booleans())  # also at one time, in the drawn order
    times = [n // 4 if ties else n for n in range(len(pairs))]
    rows = [f"{u},{i},{t}" for (u, i), t in zip(pairs, times, strict=True)]
    mixed = data.draw(st.permutations(rows))
    one = dm.read_events(put(tmp_path / "a.csv", "\n".join(["user,item,time", *rows])))
    two = dm.read_events(put(tmp_path / "b.csv", "\n".join(["user,item,time", *mixed])))
    assert clicks(one) == clicks(two)
    assert one.item_names == two.item_names
    if not ties:
        users = sorted({u for u, _ in pairs})
        expected = {str(u): [str(i) for v, i in pairs if v == u] for u in users}
        assert clicks(one) == expected


def test_ties_have_no_meaning(tmp_path: Path) -> None:
    rows = [f"{u},{i},7" for u in range(300) for i in range(1, 4)]
    path = put(tmp_path / "a.csv", "\n".join(["user,item,time", *rows]))
    data = dm.read_events(path)
    orders = ["".join(items) for items in clicks(data).values()]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert min(counts) > 25  # 50 expected; below 25 once in 10,000
    other = dm.read_events(path, seed=1)
    assert clicks(other) != clicks(data)
    assert clicks(dm.read_events(path)) == clicks(data)


def test_the_drawn_order_by_a_plain_sort() -> None:
    rng = np.random.default_rng(0)
    users, items, times = rng.integers(0, [[5], [9], [6]], (3, 500))
    kept = np.flatnonzero(rng.random(500) < 0.8)
    drawn = scrambled(users[kept], items[kept], 7)
    plain = np.lexsort((drawn, times[kept], users[kept]))
    assert (_order(users, items, times, kept, 7) == plain).all()
    assert (_order(users, items, times / 4, kept, 7) == plain).all()


def test_without_times_rows_stand_in_their_order(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "user,item\na,z\nb,y\na,x\na,z\n")
    heard: list[str] = []
    data = dm.read_events(path, said=heard.append)
    assert clicks(data) == {"a": ["z", "x", "z"], "b": ["y"]}
    assert "no time: in the order of the rows" in heard[0]
    rows = [f"{user},{item}" for user in range(4) for item in (2, 5, 10)]
    path = put(tmp_path / "b.csv", "\n".join(["user,item", *rows]))
    with pytest.warns(UserWarning, match="sorted by item") as warned:
        dm.read_events(path)
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="sorted by item") as warned:
        Interactions.from_frame({"user": [1, 2] * 5, "item": list(range(10))})
    assert warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dm.read_events(put(tmp_path / "c.csv", "\n".join(["user,item", *rows[::-1]])))
        timed = [f"{row},{n}" for n, row in enumerate(rows)]
        dm.read_events(put(tmp_path / "d.csv", "\n".join(["user,item,ts", *timed])))


# -- what is dropped -------------------------------------------------------------------


def test_ratings_repeats_and_gaps(tmp_path: Path) -> None:
    text = (
        table("user,item,rating,time") + 'a,,5,1\n,x1,5,1\na," ",4,2\nb,q,,3\nb,q,5,\n'
    )
    path = put(tmp_path / "a.csv", text)
    heard: list[str] = []
    data = dm.read_events(path, said=heard.append)
    assert clicks(data) == {"a": ["y é", "x1", "x1"], "b": ["q", "x1", "z9"]}
    assert heard == [
        f"{path}: 10 events (user 'user', item 'item', time 'time'); dropped 4 with an "
        "empty cell; 6 clicks of 2 users on 4 items"
    ]
    data = dm.read_events(path, min_rating=2, keep_repeats=False, said=heard.append)
    assert clicks(data) == {"a": ["x1"], "b": ["x1", "z9"]}
    assert data.item_names == ("", "x1", "z9")
    assert "dropped 5 with an empty cell, 1 rated below 2, 1 repeated; 3 " in heard[1]
    assert "5 with an empty cell, 5 rated below 6" in sentence(path, min_rating=6)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40),
    st.integers(0, 4),
)
def test_k_core_by_a_loop(pairs: list[tuple[int, int]], k: int) -> None:
    left = pairs
    while True:
        users, items = [u for u, _ in left], [i for _, i in left]
        some = [p for p in left if users.count(p[0]) >= k and items.count(p[1]) >= k]
        if some == left:
            break
        left = some
    frame = {"user": [u for u, _ in pairs], "item": [i for _, i in pairs]}
    frame["time"] = list(range(len(pairs)))
    if not left:
        with pytest.raises(DisrecError, match=f"{len(pairs)} outside the {k}-core"):
            Interactions.from_frame(frame, k_core=k)
        return
    expected = {str(u): [str(i) for v, i in left if v == u] for u, _ in sorted(left)}
    assert clicks(Interactions.from_frame(frame, k_core=k)) == expected


# -- sentences -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("", {}, "is empty: expected a header and lines of events"),
        (" \n\n", {}, "is empty"),
        ("user,item,time\n", {}, "has a header and no events under it"),
        ("user,thing\na,b", {}, "no column with a usual name for the item: say item=N"),
        ("user,thing\na,b", {}, "of the columns 'user', 'thing'"),
        (
            "user,asin,parent_asin\na,b,c",
            {},
            "several columns for the item, 'asin' and",
        ),
        (
            "user,item,item\na,b,c",
            {},
            "several columns for the item, 'item' and 'item'",
        ),
        (
            "user,x,x\na,b,c",
            {"item": "x"},
            "2 columns called 'x': rename one, or choose",
        ),
        (
            "user,item\na,b",
            {"item": "itme"},
            "no column 'itme' for the item.*mean item",
        ),
        ("user,item\na,b", {"item": 2}, "no column 2 for the item"),
        ("user,item\na,b", {"item": -1}, "no column -1 for the item"),
        ("user,item\na,b", {"item": "user"}, "cannot be both user and item"),
        ("user,item\na,b", {"min_rating": 4}, "min_rating needs a column of ratings"),
        ("user,item,stars\na,b,c", {"min_rating": 4}, "ratings, numbers, not 'c'"),
        ("user,item\na,b", {"min_rating": "4"}, "min_rating must be a number"),
        ("user,item\na,b", {"k_core": -1}, "k_core must be a whole number >= 0"),
        ("user,item\na,b", {"seed": 0.5}, "seed must be a whole number >= 0"),
        ("user,item\na,b", {"sep": ""}, "sep must be a sign that parts cells"),
        ("user,item\na,b\na,b,c", {}, "line 3: has 3 cells and the first line 2"),
        (
            "1\t2\t5\t9\n1\t3\t4\t8",
            {},
            "has no header.*user=0, item=1, rating=2, time=3",
        ),
        (
            "1\t2\t881250949\n1\t3\t9",
            {},
            r"read_events\(path, user=0, item=1, time=2\) or",
        ),
        ("1::2::5::9\n1::3::4::8", {}, "line --user 0 --item 1 --rating 2 --time 3"),
        (
            "user,item\n,\n,b",
            {},
            "no event of .* is left: dropped 2 with an empty cell",
        ),
        (b"user,item\na,\xff", {}, "is not a text file: expected a table of events in"),
        ("{}\n[]", {}, "must hold JSON objects with named values: event 2 is no"),
        ("[]", {}, "must hold JSON objects with named values: it holds none"),
        ('{"user": 1}\n{"user"', {}, "line 2: is not JSON"),
    ],
)
def test_sentences(
    text: str | bytes, options: dict[str, object], expected: str, tmp_path: Path
) -> None:
    found = sentence(put(tmp_path / "events", text), **options)
    with pytest.raises(DisrecError, match=expected):
        raise DisrecError(found)
    assert str(tmp_path) in found or "must be a" in found or "min_rating needs" in found


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert "does not exist" in sentence(tmp_path / "a.csv")
    assert "is a folder" in sentence(tmp_path)
    assert not is_table(tmp_path)
    cut = gzip.compress(table("user,item,r,time").encode())[:30]
    (tmp_path / "a.csv.gz").write_bytes(cut)
    assert "cut off gzip" in sentence(tmp_path / "a.csv.gz")


def test_what_looks_like_a_table(tmp_path: Path) -> None:
    for name, text, expected in [
        ("a.txt", "user item\n1 2\n", True),
        ("b.txt", "user_id:token\titem_id:token\n", True),
        ("c.txt", "1 2\n", False),
        ("d.txt", "user 2\n", False),
        ("e.csv", "", True),
        ("f.txt", "", False),
        ("g.txt.gz", '"user","item"\n', True),
    ]:
        assert is_table(put(tmp_path / name, text)) is expected, name


def test_moments_are_exact() -> None:
    """Dates against timestamps of the standard library."""
    texts = ["1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00+00:00", "0001-01-01"]
    order = sorted(
        range(3),
        key=lambda n: datetime.fromisoformat(texts[n].replace("Z", "+00:00")).replace(
            tzinfo=timezone.utc
        ),
    )
    frame = {"user": [1, 1, 1], "item": [0, 1, 2], "time": texts}
    assert clicks(Interactions.from_frame(frame))["1"] == [str(n) for n in order]
