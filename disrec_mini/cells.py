"""From the cells of a column to numbers, part by part: ids, times, ratings."""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from numbers import Number
from typing import Any

import numpy as np

from disrec_mini.errors import DisrecError

Cells = np.ndarray | Sequence[Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_WHOLE = re.compile("-?[0-9]{1,4000}")  # longer ones are no numbers to Python
_UNITS = {  # since 1970, until 2286; without 1970 to 1973
    "seconds": (1e8, 1e10),
    "milliseconds": (1e11, 1e13),
    "microseconds": (1e14, 1e16),
    "nanoseconds": (1e17, 1e19),
}


class Ids:
    """Distinct cells of a column, numbered as they come."""

    def __init__(self, table: str, column: str) -> None:
        self.where = f"column {column!r} of {table}"
        self.seen: defaultdict[Any, int] = defaultdict()
        self.seen.default_factory = self.seen.__len__  # a new one's number
        self.parts: list[np.ndarray] = []

    def add(self, cells: Cells) -> None:
        """The next rows' cells."""
        back: Any = slice(None)
        if isinstance(cells, np.ndarray):
            if cells.dtype.kind == "f":
                self._check_exact(cells)
            if cells.dtype.kind in "mM":
                cells = np.where(np.isnat(cells), "", cells.astype(str))
            cells, back = np.unique(cells, return_inverse=True)
            cells = cells.tolist()
        try:
            codes = np.fromiter(map(self.seen.__getitem__, cells), np.int32, len(cells))
        except TypeError:
            raise DisrecError(
                f"{self.where} has lists or objects: ids are texts or numbers."
            ) from None
        self.parts.append(codes[back])

    def finish(self) -> tuple[np.ndarray, list[str]]:
        """(n,) numbers of ids in their order, -1 where there is none, and their names.

        The order is that of numbers if all are whole numbers, else that of texts.
        """
        texts = [
            cell.strip() if isinstance(cell, str) else self._text(cell)
            for cell in self.seen
        ]
        known = sorted(set(texts) - {""})
        self._check_texts(known)
        if all(map(_WHOLE.fullmatch, known)):
            known.sort(key=int)
        number = {text: n for n, text in enumerate(known)} | {"": -1}
        codes = np.concatenate([np.zeros(0, np.int32), *self.parts])
        return np.array([number[text] for text in texts], np.int64)[codes], known

    def _text(self, cell: Any) -> str:
        if is_gap(cell):
            return ""
        if isinstance(cell, bytes):
            try:
                return cell.decode("utf-8").strip()
            except UnicodeDecodeError:
                return cell.hex()
        if isinstance(cell, float):
            self._check_exact(np.array([cell]))
        whole = isinstance(cell, int | np.integer)
        if isinstance(cell, float | np.floating | Decimal):  # such as 3.0 beside gaps
            whole = math.isfinite(cell) and cell == int(cell)
        return str(int(cell)) if whole else str(cell).strip()

    def _check_texts(self, known: list[str]) -> None:
        """Halves of signs, as JSON may have, cannot be written."""
        for text in known:
            if not text.isascii() and re.search("[\ud800-\udfff]", text):
                raise DisrecError(f"{self.where} has {text!r}, which is no text.")

    def _check_exact(self, cells: np.ndarray) -> None:
        """Broken numbers skip whole ones beyond 2**53: two ids could be one."""
        if (np.abs(cells) >= 2.0 ** (np.finfo(cells.dtype).nmant + 1)).any():
            raise DisrecError(
                f"{self.where} has ids as broken numbers ({cells.dtype}) with too few "
                "digits for them: keep them as whole numbers (Int64) or texts."
            )


class Times:
    """Numbers that rise with time.

    Whole numbers stay exact, dates become microseconds since 1970.
    """

    def __init__(self, table: str, column: str) -> None:
        self.where = f"column {column!r} of {table}"
        self.parts: list[tuple[np.ndarray, np.ndarray]] = []
        self.day: str | None = None  # a date
        self.number = False  # whether there was one

    def add(self, cells: Cells) -> None:
        """The next rows' cells, or a sentence."""
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "mM":
            there = ~np.isnat(cells)
            self.day = str(cells[there][0]) if there.any() else self.day
            self.parts.append((cells.astype(np.int64), there))
            return
        there, some, values = _read(cells)
        if values is None:
            values = self._dates(some)
        else:
            self.number |= len(values) > 0
        if self.number and self.day is not None:
            raise DisrecError(
                f"{self.where} has numbers and dates, such as {self.day!r}: write "
                "all of its times in one way."
            )
        spread = np.zeros(len(there), values.dtype)
        spread[there] = values
        self.parts.append((spread, there))

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) int64 or float64, and where there is one; or a sentence."""
        values, there = map(np.concatenate, zip(*self.parts, strict=True))
        if self.number:
            self._check_unit(values)
        return values, there

    def _dates(self, cells: Cells) -> np.ndarray:
        texts = [str(cell) for cell in cells]
        dates = [text for text in texts if not is_number(text)]
        self.number |= len(dates) < len(texts)
        self.day = dates[0]
        of = {text: moment(text) for text in dict.fromkeys(dates)}
        for text, when in of.items():
            if when is None:
                raise DisrecError(
                    f"{self.where} has {text!r}, which is no time: write "
                    "numbers or dates such as 2014-07-23 or 2014-07-23T18:05:00Z."
                )
        return np.array([of[text] for text in dates], np.int64)

    def _check_unit(self, values: np.ndarray) -> None:
        """Seconds beside milliseconds would be sorted wrongly."""
        seen = {}
        for unit, (low, high) in _UNITS.items():
            inside = (values >= low) & (values < high)
            if inside.any():
                seen[unit] = values[inside.argmax()]
            between = (values >= high) & (values < 10 * high)
            if between.any():  # no unit: one scale of its own
                return
        if len(seen) > 1:
            (one, first), (other, second) = list(seen.items())[:2]
            raise DisrecError(
                f"{self.where} seems to mix {one} and {other}, such as {first} and "
                f"{second}: write all of its times in one unit."
            )


class Ratings:
    """Numbers."""

    def __init__(self, table: str, column: str) -> None:
        self.where = f"column {column!r} of {table}"
        self.parts: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, cells: Cells) -> None:
        """The next rows' cells, or a sentence."""
        there, some, values = _read(cells)
        if values is None:
            wrong = next(text for text in map(str, some) if not is_number(text))
            raise DisrecError(
                f"{self.where} must hold ratings, numbers, not {wrong!r}."
            )
        spread = np.zeros(len(there))
        spread[there] = values
        self.parts.append((spread, there))

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) float64, and where there is one."""
        values, there = map(np.concatenate, zip(*self.parts, strict=True))
        return values, there


def is_gap(cell: Any) -> bool:
    """None, "", NaN, and the gaps of pandas."""
    if isinstance(cell, str):
        return not cell or cell.isspace()
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, Number | np.generic) and bool(cell != cell)


def is_number(text: str) -> bool:
    """Finite ones only."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def moment(text: str) -> int | None:
    """Microseconds since 1970 of a date, UTC without a zone; None if it is no date."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:  # also what Python 3.10 does not know
        text = re.sub(r"( ?[Zz]| UTC)$", "+00:00", text.strip())
        text = re.sub(r"\.(\d+)", lambda match: f".{match[1]:0<6.6}", text)
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            return None
    zoned = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return (zoned - _EPOCH) // timedelta(microseconds=1)


def _read(cells: Cells) -> tuple[np.ndarray, Cells, np.ndarray | None]:
    """(n,) where there is a cell, these, and they as numbers if all of them are."""
    values = _numbers(cells)
    if values is not None:
        return np.ones(len(values), bool), cells, values
    if isinstance(cells, np.ndarray):
        there = cells == cells
        return there, cells[there], _numbers(cells[there])
    there = np.array([not is_gap(cell) for cell in cells], bool)
    some = [cell for cell, is_there in zip(cells, there, strict=True) if is_there]
    return there, some, _numbers(some)


def _numbers(cells: Cells) -> np.ndarray | None:
    """Cells as whole numbers if all of them are, else as broken ones, else None."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind != "u":
        if not np.isfinite(cells).all():
            return None
        return cells.astype(np.int64 if cells.dtype.kind == "i" else np.float64)
    if not set(map(type, cells)) <= {str, int}:
        cells = [str(cell) for cell in cells]  # int(1.5) would be 1
    for convert, kind in ((int, np.int64), (float, np.float64)):
        try:
            values = np.fromiter(map(convert, cells), kind, len(cells))
        except (ValueError, OverflowError):
            continue
        if np.isfinite(values).all():
            return values
    return None
