"""Lines of cells with a sign between them: CSV, TSV, .inter and their like."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from disrec_mini.errors import DisrecError

PART = 2**16  # rows at a time
_BLOCK = 2**22  # bytes at a time


@dataclass(frozen=True)
class Delimited:
    """A file's bytes and how they are parted.

    sep : what stands between cells; " " is any number of blanks. quoted : whether
    quotes enclose cells; they are signs like others in `7\\t"Heroes" (live)`.
    """

    path: Path
    data: bytes
    sep: str
    quoted: bool

    @classmethod
    def of(cls, path: Path, data: bytes, sep: str | None) -> "Delimited":
        """Separator and quotes from what stands in the file."""
        data = data if data.endswith(b"\n") else data + b"\n"
        sep = sep or separator(_first_lines(data))
        lines = cls(path, data, sep, True)
        inter = path.name.lower().removesuffix(".gz").endswith(".inter")
        if lines.is_csv and b'"' in data and not inter and lines._has_quotes():
            return lines
        return cls(path, data, sep, False)

    @property
    def is_csv(self) -> bool:
        """Whether one sign parts cells."""
        return len(self.sep) == 1 and self.sep != " "

    def first(self) -> list[str]:
        """The cells of the first line that has any."""
        return next(self._rows(self.data))[1]

    def parts(
        self, chosen: Sequence[int], width: int, headed: bool
    ) -> Iterator[list[list[str]]]:
        """Columns, some rows after the other, or a sentence about a row that has not
        `width` cells."""
        data, start = self.data, 0
        if headed and not self.quoted:
            start = re.match(rb"\s*[^\n]*\n", data).end()  # type: ignore[union-attr]
        while start < len(data):
            end = len(data)
            if not self.quoted:  # else a cell may have several lines
                end = data.rfind(b"\n", start, start + _BLOCK) + 1
                end = end or data.index(b"\n", start) + 1
            block = data[start:end]
            cells = None if self.quoted else self._even(block, width)
            if cells is not None:
                yield [cells[n::width] for n in chosen]
            else:
                rows = self._rows(block, start)
                if headed and self.quoted:
                    next(rows)
                yield from self._uneven(rows, chosen, width)
            start = end

    def _even(self, block: bytes, width: int) -> list[str] | None:
        """The cells of a block of lines that have `width` each; None of others."""
        if not self.is_csv or not self.sep.isascii():
            return None
        signs = np.frombuffer(block, np.uint8)
        signs = signs[(signs == ord(self.sep)) | (signs == ord("\n"))]
        ends = signs == ord("\n")
        line = np.arange(width) == width - 1
        if len(signs) % width or (ends.reshape(-1, width) != line).any():
            return None
        return block[:-1].decode().replace("\n", self.sep).split(self.sep)

    def _uneven(
        self, rows: Iterator[tuple[int, list[str]]], chosen: Sequence[int], width: int
    ) -> Iterator[list[list[str]]]:
        """The same for lines that are empty, have quotes or other separators."""
        while True:
            part: list[list[str]] = [[] for _ in chosen]
            pairs = list(zip(part, chosen, strict=True))
            for number, row in islice(rows, PART):
                if len(row) != width:
                    raise DisrecError(
                        f"{self.path}, line {number}: has {len(row)} cells and the "
                        f"first line {width}; cells with {self.sep!r} in them need "
                        "quotes."
                    )
                for column, n in pairs:
                    column.append(row[n])
            if not part[0]:
                return
            yield part

    def _rows(self, block: bytes, start: int = 0) -> Iterator[tuple[int, list[str]]]:
        """Number of a line, its cells; lines without any are left out.

        start : of the block in the file.
        """
        lines = io.TextIOWrapper(io.BytesIO(block), "utf-8", newline="\n")
        before = self.data.count(b"\n", 0, start)
        if not self.is_csv:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    cells = line.rstrip("\n").split(
                        None if self.sep == " " else self.sep
                    )
                    yield before + number, cells
            return
        csv.field_size_limit(2**31 - 1)
        reader = csv.reader(
            lines,
            delimiter=self.sep,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            strict=True,
            skipinitialspace=self.sep != "\t",
        )
        try:
            for row in reader:
                if len(row) > 1 or (row and row[0].strip()):
                    yield before + reader.line_num, row
        except csv.Error as error:
            raise DisrecError(
                f"{self.path}, line {before + reader.line_num}: quotes that open do "
                f"not close as they should ({error})."
            ) from None

    def _has_quotes(self) -> bool:
        """Whether quotes enclose cells: then lines have as many cells as the first.

        A table with tabs has them rarely: lines that fit either way are lines.
        """
        fits, n_rows = self._fit()
        if fits and self.sep != "\t":
            return True
        fits_plain, n_lines = replace(self, quoted=False)._fit()
        return not fits_plain or (fits and n_rows == n_lines)

    def _fit(self) -> tuple[bool, int]:
        """Whether all rows are as long as the first, and how many they are."""
        try:
            widths = Counter(len(row) for _, row in self._rows(self.data))
        except DisrecError:
            return False, 0
        return len(widths) == 1, widths.total()


def separator(lines: Sequence[str]) -> str:
    """Of a file's first lines: a tab or ::, else what parts all alike, and most."""
    for sep in ("\t", "::"):
        if sep in lines[0]:
            return sep
    count = {sep: lines[0].count(sep) for sep in (",", ";", "|") if sep in lines[0]}
    alike = [s for s, n in count.items() if all(line.count(s) == n for line in lines)]
    return max(alike, key=count.__getitem__) if alike else next(iter(count), " ")


def _first_lines(data: bytes) -> list[str]:
    text = data[: max(65536, data.find(b"\n", 65536) + 1)].decode("utf-8", "ignore")
    lines = [line for line in text.split("\n")[:-1] if line.strip()]
    return lines[:20] or [text]
