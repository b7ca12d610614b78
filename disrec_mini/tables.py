"""Tables with named columns: CSV, TSV, .inter, JSON lines, Parquet, frames."""

import csv
import importlib
import io
import json
import math
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from disrec_mini.errors import DisrecError
from disrec_mini.files import read_text

SUFFIXES = (".csv", ".tsv", ".inter", ".jsonl", ".json", ".parquet")
USUAL: dict[str, tuple[str, ...]] = {  # kind -> names, the surest first
    "user": (
        "user userid reviewerid uid visitorid customerid customer memberid playerid",
        "username sessionid session",
    ),
    "item": (
        "item itemid iid movieid asin parentasin product productid bookid businessid "
        "trackid songid artistid gameid newsid articleid sku",
        "movie book track song artist game article",
    ),
    "time": (
        "time timestamp unixreviewtime ts datetime unixtime eventtime timestampms "
        "createdat",
        "date day",
    ),
    "rating": ("rating ratings stars overall score",),
}
_TYPED = re.compile(r"(.+):(token|float)(_seq)?")  # RecBole's headers


@dataclass(frozen=True)
class Table:
    """A table whose columns are read when they are chosen.

    name : what sentences call it. columns : names, in order; texts of their numbers
    where there is no header. pick : numbers of columns -> their cells.
    """

    name: str
    columns: list[str]
    pick: Callable[[Sequence[int]], list[Any]]


def is_table(path: str | os.PathLike[str]) -> bool:
    """By its name's end, or by a first line that is a header."""
    path = Path(path)
    if path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        return True
    try:
        with path.open("rb") as file:
            head = file.read(65536)
        if head.startswith(b"\x1f\x8b"):
            head = zlib.decompressobj(31).decompress(head, 65536)
    except (OSError, zlib.error):
        return False
    line = head.decode("utf-8-sig", "ignore").strip().partition("\n")[0].strip()
    cells = line.split(_separator(line) if _separator(line) != " " else None)
    names = [cell.strip().strip('"') for cell in cells]
    return len(names) > 1 and all(re.fullmatch(r"[A-Za-z_][\w:]*", n) for n in names)


def read_table(
    path: str | os.PathLike[str], sep: str | None = None, by_number: bool = False
) -> Table:
    """A file's table, or a sentence.

    sep : what stands between cells, else the first line tells. by_number : columns are
        chosen by number, so there may be no header.
    """
    path = Path(path)
    ends = path.name.lower().removesuffix(".gz")
    if ends.endswith(".parquet"):
        return _from_parquet(path)
    text = read_text(path, "a table of events in UTF-8").decode("utf-8")
    if not text.strip():
        raise DisrecError(f"{path} is empty: expected a header and lines of events.")
    if ends.endswith((".json", ".jsonl")) or text.lstrip()[:1] in "[{":
        return _from_json(path, text)
    if sep is not None and (not isinstance(sep, str) or sep in ("", '"', "\n", "\r")):
        raise DisrecError(f"sep must be a sign that parts cells, not {sep!r}.")
    return _from_text(path, text, sep, by_number)


def plain(name: str) -> str:
    """A column's name without case and signs."""
    return re.sub(r"[\W_]", "", name.lower())


def is_number(text: str) -> bool:
    """Finite ones only."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


# -- text ------------------------------------------------------------------------------


def _separator(line: str) -> str:
    return next((sep for sep in ("\t", "::", ",", ";", "|") if sep in line), " ")


def _rows(text: str, sep: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Number of a line, its cells; lines without any are left out."""
    if len(sep) == 1 and sep != " ":
        csv.field_size_limit(2**31 - 1)
        lines = io.StringIO(text)
        reader = csv.reader(lines, delimiter=sep)
        if not quoted:
            reader = csv.reader(lines, delimiter=sep, quoting=csv.QUOTE_NONE)
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield reader.line_num, row
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.split(None if sep == " " else sep)


def _from_text(path: Path, text: str, sep: str | None, by_number: bool) -> Table:
    sep = sep or _separator(text.lstrip("\n").partition("\n")[0])
    quoted = not path.name.lower().removesuffix(".gz").endswith(".inter")
    first = [cell.strip() for cell in next(_rows(text, sep, quoted))[1]]
    usual = {name for tier in USUAL.values() for name in " ".join(tier).split()}
    typed = [match[1] if (match := _TYPED.fullmatch(n)) else n for n in first]
    headed = any(plain(name) in usual for name in typed) or not by_number
    if headed and any(map(is_number, first)):
        raise DisrecError(f"{path} has no header: {_by_number(first)}.")
    columns = typed if headed else [str(n) for n in range(len(first))]

    def pick(chosen: Sequence[int]) -> list[list[str]]:
        picked: list[list[str]] = [[] for _ in chosen]
        pairs = list(zip(picked, chosen, strict=True))
        rows = _rows(text, sep, quoted)
        if headed:
            next(rows)
        try:
            for line, row in rows:
                if len(row) != len(columns):
                    raise DisrecError(
                        f"{path}, line {line}: has {len(row)} cells and the first line "
                        f"{len(columns)}; cells with {sep!r} in them need quotes."
                    )
                for column, n in pairs:
                    column.append(row[n])
        except csv.Error as error:
            raise DisrecError(f"{path} is no table of cells: {error}.") from None
        return picked

    return Table(str(path), columns, pick)


def _by_number(cells: list[str]) -> str:
    """Advice for a table without a header."""
    kinds: tuple[str, ...] = ("user", "item", "rating", "time")
    kinds = kinds[: max(2, len(cells))]
    if len(cells) == 3 and is_number(cells[2]) and float(cells[2]) > 1e6:
        kinds = ("user", "item", "time")  # seconds, or days as 20140723
    python = ", ".join(f"{kind}={n}" for n, kind in enumerate(kinds))
    shell = " ".join(f"--{kind} {n}" for n, kind in enumerate(kinds))
    line = " ".join(cells)
    shown = line if len(line) <= 40 else line[:37] + "..."
    return (
        f"its first line is {shown!r}; choose columns by number, such as {python} in "
        f"Python or {shell} on the command line"
    )


# -- JSON, Parquet, frames -------------------------------------------------------------


def _from_json(path: Path, text: str) -> Table:
    whole = text.lstrip().startswith("[")
    rows: list[Any] = []
    for number, line in enumerate([text] if whole else text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            where = str(path) if whole else f"{path}, line {number}"
            raise DisrecError(
                f"{where}: is not JSON; expected one object on every line, or a list "
                "of them."
            ) from None
        rows += found if whole else [found]
    wrong = [n for n, row in enumerate(rows, 1) if not isinstance(row, dict)]
    if wrong or not rows:
        what = f"event {wrong[0]} is no object" if wrong else "it holds none"
        raise DisrecError(f"{path} must hold JSON objects with named values: {what}.")
    columns = list(dict.fromkeys(name for row in rows for name in row))

    def pick(chosen: Sequence[int]) -> list[list[Any]]:
        return [[row.get(columns[n]) for row in rows] for n in chosen]

    return Table(str(path), columns, pick)


def _from_parquet(path: Path) -> Table:
    if not path.exists():
        raise DisrecError(f"{path} does not exist: expected a table of events.")
    readers = (("polars", "read_parquet"), ("pyarrow.parquet", "read_table"))
    for module, read in readers:
        if find_spec(module.partition(".")[0]) is None:
            continue
        try:
            frame = getattr(importlib.import_module(module), read)(path)
        except Exception:  # each has kinds of its own for a damaged file
            raise DisrecError(f"{path} is damaged or not Parquet.") from None
        names = getattr(frame, "column_names", None) or list(frame.columns)
        return frame_table({name: frame[name] for name in names}, str(path))
    raise DisrecError(f"{path} needs pyarrow or polars: pip install pyarrow.")


def frame_table(frame: Any, name: str = "the table") -> Table:
    """A pandas or polars frame, or a dict of arrays, as a table; or a sentence."""
    labels = frame if isinstance(frame, Mapping) else getattr(frame, "columns", None)
    if labels is None or isinstance(frame, np.ndarray):
        raise DisrecError(
            "events come as a pandas or polars frame or a dict of arrays, not "
            f"{type(frame).__name__}."
        )
    labels = list(labels)

    def pick(chosen: Sequence[int]) -> list[Any]:
        picked = [_cells(frame[labels[n]]) for n in chosen]
        lengths = [len(column) for column in picked]
        if len(set(lengths)) > 1:
            listed = ", ".join(map(str, lengths))
            raise DisrecError(
                f"the columns of {name} have different lengths: {listed}."
            )
        return picked

    return Table(name, [str(label) for label in labels], pick)


def _cells(column: Any) -> Any:
    """An array of whole or broken numbers or of times, else a list."""
    for method in ("to_pylist", "to_list"):  # pyarrow; polars and pandas
        if hasattr(column, method):
            column = getattr(column, method)()
            break
    try:
        array = np.asarray(column)
    except ValueError:  # rows of unequal length
        array = np.empty(len(column), object)
    if array.ndim != 1:
        raise DisrecError(f"a column must have one dimension, not {array.ndim}.")
    # as they are: an array would make texts of numbers and of gaps beside texts
    return array if array.dtype.kind in "iufM" else list(column)
