"""Tables with named columns: CSV, TSV, .inter, JSON lines, Parquet, frames."""

import ast
import contextlib
import importlib
import io
import json
import os
import re
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from disrec_mini.cells import Cells, is_number, moment
from disrec_mini.checks import check_path
from disrec_mini.delimited import PART, Delimited, separator
from disrec_mini.errors import DisrecError
from disrec_mini.files import read_text

_PARQUET = b"PAR1"
SUFFIXES = (".csv", ".tsv", ".inter", ".jsonl", ".json", ".parquet")
USUAL: dict[str, tuple[str, ...]] = {  # kind -> names, the surest first
    "user": (
        "user userid reviewerid uid visitorid customerid customer memberid playerid",
        "username sessionid session",
    ),
    "item": (
        "item itemid iid movieid asin parentasin product productid bookid isbn "
        "businessid trackid songid artistid gameid newsid videoid articleid sku",
        "movie book track song artist game video article",
    ),
    "time": (
        "time timestamp unixreviewtime ts datetime unixtime eventtime timestampms "
        "timems createdat",
        "date day tdat eventdate",
    ),
    "rating": ("rating ratings stars overall score bookrating",),
}
_ARRAYS = r"u?int\d\d?\b|float|double|date|time(stamp|delta)|duration"
_TYPED = re.compile(r"(.+):(token|float)(_seq)?")  # RecBole's headers


@dataclass(frozen=True)
class Table:
    """A table whose columns are read when they are chosen.

    name : what sentences call it. columns : names, in order; texts of their numbers
    where there is no header. parts : numbers of columns -> their cells, some rows after
    the other, so that memory holds a part of them. notes : what was assumed.
    """

    name: str
    columns: list[str]
    parts: Callable[[Sequence[int]], Iterator[Sequence[Cells]]]
    notes: tuple[str, ...] = ()


def is_table(path: str | os.PathLike[str]) -> bool:
    """By its name's end, or by a first line that is a header."""
    path = check_path(path, "a table of events")
    if path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        return True
    try:
        with path.open("rb") as file:
            head = file.read(65536)
        if head.startswith(b"\x1f\x8b"):
            head = zlib.decompressobj(31).decompress(head, 65536)
    except (OSError, zlib.error):
        return False
    if head.startswith(_PARQUET):
        return True
    line = head.decode("utf-8-sig", "ignore").strip().partition("\n")[0].strip()
    sep = separator([line])
    names = [
        cell.strip().strip('"') for cell in line.split(None if sep == " " else sep)
    ]
    word = r"[^\W\d]\w*(:\w+)?" if sep == " " else r"[^\W\d][\w .:-]*"
    return len(names) > 1 and all(re.fullmatch(word, name) for name in names)


def read_table(
    path: str | os.PathLike[str], sep: str | None = None, by_number: bool = False
) -> Table:
    """A file's table, or a sentence.

    sep : what stands between cells, else the first line tells. by_number : columns are
        chosen by number, so there may be no header.
    """
    path = check_path(path, "a table of events")
    ends = path.name.lower().removesuffix(".gz")
    if ends.endswith(".parquet") or _starts(path, _PARQUET):
        return _from_parquet(path)
    data = read_text(path, "a table of events in UTF-8")
    start = data[:65536].lstrip()[:1] or data.lstrip()[:1]
    if not start:
        raise DisrecError(f"{path} is empty: expected a header and lines of events.")
    if ends.endswith((".json", ".jsonl")) or start in b"[{":
        return _from_json(path, data)
    if sep is not None and (not isinstance(sep, str) or sep in ("", '"', "\n", "\r")):
        raise DisrecError(f"sep must be a sign that parts cells, not {sep!r}.")
    return _from_text(path, data, sep, by_number)


def plain(name: str) -> str:
    """A column's name without case and signs."""
    return re.sub(r"[\W_]", "", name.lower())


def _starts(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError:
        return False


# -- text ------------------------------------------------------------------------------


def _from_text(path: Path, data: bytes, sep: str | None, by_number: bool) -> Table:
    lines = Delimited.of(path, data, sep)
    first = [cell.strip() for cell in lines.first()]
    usual = {name for tier in USUAL.values() for name in " ".join(tier).split()}
    typed = [match[1] if (match := _TYPED.fullmatch(n)) else n for n in first]
    headed = any(plain(name) in usual for name in typed) or not by_number
    if headed and no_header(first):
        raise DisrecError(f"{path} has no header: {by_numbers(first)}.")
    columns = typed if headed else [str(n) for n in range(len(first))]
    notes = [] if headed else ["no header"]
    if b'"' in data and not lines.quoted:
        notes.append("quotes are signs like others")

    def parts(chosen: Sequence[int]) -> Iterator[Sequence[Cells]]:
        return lines.parts(chosen, len(columns), headed)

    return Table(str(path), columns, parts, tuple(notes))


def no_header(cells: Sequence[str]) -> bool:
    """Whether a first line's cells are values, numbers or dates."""
    return any(is_number(cell) or _is_date(cell) for cell in cells)


def by_numbers(cells: Sequence[str]) -> str:
    """Advice for a table without a header, from its first line."""
    kinds = {"user": 0, "item": 1, "rating": 2, "time": 3}
    dates = [n for n, cell in enumerate(cells) if _is_date(cell)]
    late = [n for n, c in enumerate(cells) if n > 1 and is_number(c) and float(c) > 1e6]
    time = dates[0] if dates else late[-1] if late else len(cells)
    user, *rest = [n for n in range(len(cells)) if n != time] or [0]
    if rest and time < len(cells):  # seconds, or days as 20140723
        item = next((n for n in rest if "." not in cells[n]), rest[0])
        stars = [n for n in rest if n > item and is_number(cells[n])]
        stars = [n for n in stars if 0 <= float(cells[n]) <= 10]
        rating = stars[0] if stars else len(cells)
        kinds = {"user": user, "item": item, "rating": rating, "time": time}
    found = {kind: n for kind, n in kinds.items() if n < max(2, len(cells))}
    python = ", ".join(f"{kind}={n}" for kind, n in found.items())
    shell = " ".join(f"--{kind} {n}" for kind, n in found.items())
    line = " ".join(cells)
    shown = line if len(line) <= 40 else line[:37] + "..."
    return (
        f"its first line is {shown!r}; choose columns by number, such as "
        f"read_events(path, {python}) or on the command line {shell}"
    )


def _is_date(cell: str) -> bool:
    return not is_number(cell) and moment(cell.strip()) is not None


# -- JSON, Parquet, frames -------------------------------------------------------------


def _from_json(path: Path, data: bytes) -> Table:
    columns: dict[str, None] = {}
    for number, row in enumerate(_objects(path, data), 1):
        if not isinstance(row, dict):
            what = f"event {number} is no object"
            raise DisrecError(
                f"{path} must hold JSON objects with named values: {what}."
            )
        columns.update(dict.fromkeys(row))
    if not columns:
        raise DisrecError(
            f"{path} must hold JSON objects with named values: it holds none."
        )
    names = list(columns)

    def parts(chosen: Sequence[int]) -> Iterator[list[list[Any]]]:
        rows = _objects(path, data)
        while part := list(islice(rows, PART)):
            yield [[row.get(names[n]) for row in part] for n in chosen]

    return Table(str(path), names, parts)


def _objects(path: Path, data: bytes) -> Iterator[Any]:
    """What stands in a list, or on every line."""
    whole = data[:65536].lstrip().startswith(b"[")
    lines = [data.decode()] if whole else io.TextIOWrapper(io.BytesIO(data), "utf-8")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = _object(line)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            where = str(path) if whole else f"{path}, line {number}"
            raise DisrecError(
                f"{where}: is not JSON; expected one object on every line, or a list "
                "of them."
            ) from None
        yield from found if whole else [found]


def _object(line: str) -> Any:
    """JSON, or a literal of Python as in older sets: {u'username': u'Ann', ...}."""
    try:
        return json.loads(line)
    except ValueError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about signs such as "\\d"
            return ast.literal_eval(line.strip())


def _from_parquet(path: Path) -> Table:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DisrecError(f"{path} {what}: expected a table of events.")
    modules = {"pyarrow": _by_pyarrow, "polars": _by_polars}
    for module, read in modules.items():
        if find_spec(module) is not None:
            importlib.import_module(module)
            return read(path)
    raise DisrecError(f"{path} needs pyarrow or polars: pip install pyarrow.")


@contextlib.contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Each library has kinds of its own for a damaged file: one sentence."""
    try:
        yield
    except (DisrecError, MemoryError):
        raise
    except Exception:
        raise DisrecError(f"{path} is damaged or not Parquet.") from None


def _by_pyarrow(path: Path) -> Table:
    from pyarrow import Table as Rows
    from pyarrow.parquet import ParquetFile

    with _sound(path), ParquetFile(path) as file:
        names = file.schema_arrow.names

    def parts(chosen: Sequence[int]) -> Iterator[list[Cells]]:
        wanted = [names[n] for n in chosen]
        for name in wanted:
            if names.count(name) > 1:
                raise DisrecError(f"{path} has several columns {name!r}: rename one.")
        with _sound(path), ParquetFile(path) as file:
            for batch in file.iter_batches(PART, columns=wanted):
                rows = Rows.from_batches([batch])
                yield [_cells(rows[name]) for name in wanted]

    return Table(str(path), names, parts)


def _by_polars(path: Path) -> Table:
    import polars

    with _sound(path):
        names = list(polars.read_parquet_schema(path))

    def parts(chosen: Sequence[int]) -> Iterator[Sequence[Cells]]:
        wanted = [names[n] for n in chosen]
        with _sound(path):
            frame = polars.read_parquet(path, columns=wanted)
            rows = frame_table({name: frame[name] for name in wanted}, str(path))
        yield from rows.parts(range(len(wanted)))

    return Table(str(path), names, parts)


def frame_table(frame: Any, name: str = "the table") -> Table:
    """A pandas or polars frame or a pyarrow table, or a dict of arrays; or a
    sentence."""
    labels = None  # of a lazy frame, and of whatever is no frame
    if hasattr(frame, "__len__"):
        labels = (
            frame if isinstance(frame, Mapping) else getattr(frame, "columns", None)
        )
        labels = getattr(frame, "column_names", labels)  # pyarrow
    if labels is None:
        lazy = "; collect() it first" if hasattr(frame, "collect") else ""
        raise DisrecError(
            "events come as a pandas or polars frame or a dict of arrays, not "
            f"{type(frame).__name__}{lazy}."
        )
    labels = list(labels)

    def column(n: int) -> Cells:
        return _cells(frame.iloc[:, n] if hasattr(frame, "iloc") else frame[labels[n]])

    def parts(chosen: Sequence[int]) -> Iterator[list[Cells]]:
        columns = [column(n) for n in chosen]
        lengths = [len(cells) for cells in columns]
        if len(set(lengths)) > 1:
            listed = ", ".join(map(str, lengths))
            raise DisrecError(
                f"the columns of {name} have different lengths: {listed}."
            )
        for start in range(0, lengths[0], 16 * PART):
            yield [cells[start : start + 16 * PART] for cells in columns]

    return Table(name, [str(label) for label in labels], parts)


def _cells(column: Any) -> Cells:
    """An array of numbers or times where nothing is rounded by it, else a list."""
    kind = str(getattr(column, "dtype", getattr(column, "type", ""))).lower()
    if "," in kind and hasattr(getattr(column, "dt", None), "tz_convert"):  # pandas
        column = column.dt.tz_convert(None)
    if hasattr(column, "to_numpy") and re.match(_ARRAYS, kind):
        array = column.to_numpy()
        broken = kind.startswith(("float", "double"))  # else whole ones beside gaps
        if array.dtype.kind in ("iufmM" if broken else "iumM"):
            return array
    for method in ("to_pylist", "to_list"):  # pyarrow; polars and pandas
        if hasattr(column, method):
            return getattr(column, method)()
    try:
        array = np.asarray(column)
    except ValueError:  # rows of unequal length
        array = np.empty(len(column), object)
    if array.ndim != 1:
        raise DisrecError(f"a column must have one dimension, not {array.ndim}.")
    # as they are: an array would make texts of numbers and of gaps beside texts
    return array if array.dtype.kind in "iufmM" else list(column)
