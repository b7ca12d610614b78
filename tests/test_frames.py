"""Frames and Parquet by the libraries that make them: the same clicks from each.

pandas comes with the plots, pyarrow and polars with the tests (see pyproject.toml).
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from test_events import clicks

import disrec_mini as dm
from disrec_mini import tables
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions

Column = list[Any]
COLUMNS: dict[str, Column] = {
    "user": ["a", "b", "a"],
    "item": ["x", "y", "z"],
    "time": [30, 10, 20],
}
PLAIN = {"a": ["z", "x"], "b": ["y"]}
TOKYO = timezone(timedelta(hours=9))


def to_pandas(columns: dict[str, Column]) -> Any:
    return pytest.importorskip("pandas").DataFrame(columns)


def to_polars(columns: dict[str, Column]) -> Any:
    pl = pytest.importorskip("polars")
    made = {}
    for name, cells in columns.items():
        kind = pl.Object if isinstance(cells[0], UUID) else None
        if getattr(cells, "dtype", "") == "M8[s]":  # it knows no seconds
            cells = cells.astype("M8[ms]")  # type: ignore[attr-defined]
        made[name] = pl.Series(cells, dtype=kind)
    return pl.DataFrame(made)


def to_arrow(columns: dict[str, Column]) -> Any:
    made = {  # it knows no UUIDs
        name: [str(cell) if isinstance(cell, UUID) else cell for cell in cells]
        for name, cells in columns.items()
    }
    return pytest.importorskip("pyarrow").table(made)


FRAMES = [to_pandas, to_polars, to_arrow, dict]
BIG = [2**63 + 5, 2**63 + 1, 2**63 + 5]  # a float would make one of both
ONE, TWO = UUID(int=1), UUID(int=2)
DAYS = [date(2020, 1, 30), date(2020, 1, 10), date(2020, 1, 20)]
CASES: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "texts": ({}, PLAIN),
    "18 digits": (
        {"user": [10**17 + 1, 5, 10**17 + 1]},
        {"5": ["y"], str(10**17 + 1): ["z", "x"]},
    ),
    "unsigned": (
        {"user": np.array(BIG, np.uint64)},
        {str(BIG[1]): ["y"], str(BIG[0]): ["z", "x"]},
    ),
    "a gap": ({"user": [5.0, None, 3.0]}, {"3": ["z"], "5": ["x"]}),
    "negative": ({"user": [-5, 4, -10]}, {"-10": ["z"], "-5": ["x"], "4": ["y"]}),
    "uuid": ({"user": [ONE, TWO, ONE]}, {str(ONE): ["z", "x"], str(TWO): ["y"]}),
    "bytes": ({"user": [b"a", b"b", b"a"]}, PLAIN),
    "floats": ({"user": [1.0, 2.5, 1.0]}, {"1": ["z", "x"], "2.5": ["y"]}),
    "decimals": (
        {"user": [Decimal("5.00"), Decimal("6.50"), Decimal("5.00")]},
        {"5": ["z", "x"], "6.50": ["y"]},
    ),
    "text gap": ({"item": ["x", None, "z"]}, {"a": ["z", "x"]}),
    "dates": ({"time": DAYS}, PLAIN),
    "moments": ({"time": [datetime(2020, 1, day.day) for day in DAYS]}, PLAIN),
    "a missing moment": (
        {"time": [datetime(2020, 1, 30), None, datetime(2020, 1, 20)]},
        {"a": ["z", "x"]},
    ),
    "zones": ({"time": [datetime(2020, 1, d.day, tzinfo=TOKYO) for d in DAYS]}, PLAIN),
    "decimal times": ({"time": [Decimal("3.5"), Decimal("1"), Decimal("2.5")]}, PLAIN),
    "a missing number": ({"time": [3.0, float("nan"), 1.0]}, {"a": ["z", "x"]}),
    **{
        f"64 bits, {unit}": ({"time": np.array([3, 1, 2], f"M8[{unit}]")}, PLAIN)
        for unit in ("s", "ms", "us", "ns")
    },
    "a nanosecond": (
        {
            "user": ["a", "a", "a"],
            "time": np.array([10**18 + 2, 10**18, 10**18 + 1], "M8[ns]"),
        },
        {"a": ["y", "z", "x"]},
    ),
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", CASES)
def test_frames(name: str, frame: Callable[[Any], Any]) -> None:
    columns, expected = CASES[name]
    data = Interactions.from_frame(frame({**COLUMNS, **columns}))
    assert clicks(data) == expected
    assert list(data.user_names or ()) == list(expected)  # in their order


def pandas_column(name: str) -> dict[str, Any]:
    pd = pytest.importorskip("pandas")
    if "arrow" in name:
        pytest.importorskip("pyarrow")
    moments = pd.to_datetime([10**18 + 2, 10**18, 10**18 + 1])
    return {
        "Int64": lambda: {"user": pd.array([10**17 + 1, None, 10**17 + 3], "Int64")},
        "Int64, arrow": lambda: {
            "user": pd.array([10**17 + 1, None, 10**17 + 3], "int64[pyarrow]")
        },
        "Int64 times": lambda: {"time": pd.array([10**17 + 1, None, 10**17], "Int64")},
        "UInt64": lambda: {"user": pd.array(BIG, "UInt64")},
        "Float64": lambda: {"user": pd.array([1.0, None, 3.0], "Float64")},
        "string": lambda: {"user": pd.array(["a", None, "a"], "string")},
        "category": lambda: {"user": pd.Categorical(["a", None, "a"])},
        "category of numbers": lambda: {"item": pd.Categorical([30, 4, 30])},
        "ns, Tokyo": lambda: {
            "user": ["a"] * 3,
            "time": moments.tz_localize("UTC").tz_convert("Asia/Tokyo"),
        },
        "ns, arrow": lambda: {
            "user": ["a"] * 3,
            "time": pd.array(moments, dtype="timestamp[ns][pyarrow]"),
        },
        "date, arrow": lambda: {"time": pd.array(DAYS, dtype="date32[day][pyarrow]")},
        "timedelta": lambda: {"time": pd.to_timedelta([3, 1, 2], unit="D")},
        "NaT": lambda: {
            "time": [pd.Timestamp(2020, 1, 2), pd.NaT, pd.Timestamp(1, 1, 1)]
        },
        "texts and numbers": lambda: {
            "user": pd.Series([1, "1", 1.0], dtype=object),
            "time": [3, 1, 2],
        },
    }[name]()


WIDE = {str(10**17 + 1): ["x"], str(10**17 + 3): ["z"]}
NANO = {"a": ["y", "z", "x"]}
OF_PANDAS = {
    "Int64": WIDE,
    "Int64, arrow": WIDE,
    "Int64 times": {"a": ["z", "x"]},
    "UInt64": {str(BIG[1]): ["y"], str(BIG[0]): ["z", "x"]},
    "Float64": {"1": ["x"], "3": ["z"]},
    "string": {"a": ["z", "x"]},
    "category": {"a": ["z", "x"]},
    "category of numbers": {"a": ["30", "30"], "b": ["4"]},
    "ns, Tokyo": NANO,
    "ns, arrow": NANO,
    "date, arrow": PLAIN,
    "timedelta": PLAIN,
    "NaT": {"a": ["z", "x"]},
    "texts and numbers": {"1": ["y", "z", "x"]},
}


@pytest.mark.parametrize("name", OF_PANDAS)
def test_columns_of_pandas(name: str) -> None:
    columns = pandas_column(name)
    data = Interactions.from_frame(to_pandas({**COLUMNS, **columns}))
    assert clicks(data) == OF_PANDAS[name]


def test_columns_of_polars_and_arrow() -> None:
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    late = [10**17 + 1, None, 10**17]
    for columns, expected in [
        ({"user": pl.Series(["a", "b", "a"], dtype=pl.Categorical)}, PLAIN),
        ({"user": pl.Series(["a", "b", "a"], dtype=pl.Enum(["b", "a"]))}, PLAIN),
        ({"user": pl.Series([2**70, 1, None], dtype=pl.Int128)}, None),
        ({"time": pl.Series(late)}, {"a": ["z", "x"]}),
        (
            {"time": pl.Series([3, None, 1]).cast(pl.Datetime("us", "Asia/Tokyo"))},
            {"a": ["z", "x"]},
        ),
    ]:
        found = clicks(Interactions.from_frame(pl.DataFrame({**COLUMNS, **columns})))
        assert found == (expected or {"1": ["y"], str(2**70): ["x"]})
    ids = [Decimal(5), Decimal(10**25), None]
    for columns, expected in [
        ({"user": pa.array(["a", "b", "a"]).dictionary_encode()}, PLAIN),
        ({"user": pa.array(["a", "b", "a"], pa.large_string())}, PLAIN),
        (
            {"user": pa.array(ids, pa.decimal128(38, 0))},
            {"5": ["x"], str(10**25): ["y"]},
        ),
        ({"time": pa.array(late)}, {"a": ["z", "x"]}),
        ({"time": pa.array([3, 1, 2], pa.timestamp("ms", "Asia/Tokyo"))}, PLAIN),
        ({"time": pa.array([3, None, 2], pa.timestamp("ns"))}, {"a": ["z", "x"]}),
    ]:
        assert (
            clicks(Interactions.from_frame(pa.table({**COLUMNS, **columns})))
            == expected
        )
    with pytest.raises(DisrecError, match=r"not LazyFrame; collect\(\) it first"):
        Interactions.from_frame(pl.DataFrame(COLUMNS).lazy())
    with pytest.raises(DisrecError, match="dropped 3 with an empty cell"):
        Interactions.from_frame(pl.DataFrame({**COLUMNS, "user": [None] * 3}))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {"user": [1e17, 2.0, 1.0]},
            r"'user' .*broken numbers \(float64\) with too few",
        ),
        ({"user": np.array([2**24, 2, 1], np.float32)}, r"broken numbers \(float32\)"),
        ({"user": [[1], [2, 3], [1]]}, "'user' of the table has lists or objects"),
        ({"time": [[1], [2, 3], [1]]}, r"has '\[1\]', which is no time"),
        ({"time": [1.4e9, 1.4e12, 1.4e9]}, "mix seconds and milliseconds, such as 140"),
        ({"time": [1.0, float("inf"), 2.0]}, "has 'inf', which is no time"),
    ],
)
@pytest.mark.parametrize("frame", [to_pandas, dict])
def test_sentences(
    frame: Callable[[Any], Any], columns: dict[str, Column], expected: str
) -> None:
    columns = {name: list(cells) for name, cells in columns.items()}  # as they are
    made = frame({**COLUMNS, **columns})
    with pytest.raises(DisrecError, match=expected):
        Interactions.from_frame(made)


def test_half_a_sign_is_no_name() -> None:
    with pytest.raises(DisrecError, match=r"has '\\ud83d', which is no text"):
        Interactions.from_frame({**COLUMNS, "user": ["a", "b", "\ud83d"]})


# -- Parquet ---------------------------------------------------------------------------

BY = {
    "pyarrow": lambda frame, path: pytest.importorskip("pyarrow.parquet").write_table(
        frame, path
    ),
    "polars": lambda frame, path: frame.write_parquet(path),
}


@pytest.mark.parametrize("reader", BY)
@pytest.mark.parametrize("writer", BY)
@pytest.mark.parametrize("name", ["texts", "18 digits", "unsigned", "a gap", "dates"])
def test_parquet(
    name: str, writer: str, reader: str, tmp_path: Path, monkeypatch: Any
) -> None:
    pytest.importorskip(reader)
    columns, expected = CASES[name]
    make = {"pyarrow": to_arrow, "polars": to_polars}[writer]
    path = tmp_path / ("a.parquet" if reader == "polars" else "without-a-suffix")
    BY[writer](make({**COLUMNS, **columns, "more": [[1], [2], [3]]}), path)
    found = tables.find_spec
    monkeypatch.setattr(
        tables, "find_spec", lambda n: found(n) if n == reader else None
    )
    assert tables.is_table(path)
    heard: list[str] = []
    assert clicks(dm.read_events(path, said=heard.append)) == expected
    gone = "1 with an empty cell" if name == "a gap" else "none"
    assert (
        f"3 events (user 'user', item 'item', time 'time'); dropped {gone}" in heard[0]
    )
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DisrecError, match="is damaged or not Parquet"):
        dm.read_events(path)


def test_parts_of_parquet_are_one_table(tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(tables, "PART", 7)
    users, times = np.arange(100) % 3, np.arange(100)[::-1]
    frame = {"user": users, "item": 10**17 + times // 2, "time": times}
    BY["pyarrow"](to_arrow(frame), path := tmp_path / "a.parquet")
    assert clicks(dm.read_events(path)) == clicks(Interactions.from_frame(frame))
