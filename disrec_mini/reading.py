"""Click sequences from text files of whole numbers, checked line by line."""

import os
from pathlib import Path
from typing import NoReturn

import numpy as np

from disrec_mini.errors import DisrecError
from disrec_mini.files import read_text
from disrec_mini.interactions import Interactions

FORMATS = {
    "pairs": "`user item` on every line",
    "user-first": "`user item item ...` on every line",
    "items-only": "`item item ...` on every line",
}
LARGEST_ID = 50_000_000


def read_interactions(
    path: str | os.PathLike[str], format: str = "auto"
) -> Interactions:
    """Read click sequences from a text file of whole numbers, plain or gzipped.

    Parameters
    ----------
    path : the file. Gzip is recognised by its content, not by its name.
    format : "pairs" (`user item` lines, oldest click first; a user's lines need not
        follow each other), "user-first" (`user item item ...`), "items-only"
        (`item item ...`), or "auto": two columns everywhere mean "pairs", different
        first numbers mean "user-first".

    Returns
    -------
    Interactions
        Item ids as in the file, n_items the largest of them. Users in order of first
        appearance, their numbers in the file as `user_names`. Empty lines are skipped.

    Raises
    ------
    DisrecError : naming the file, the line and what was expected.
    """
    if format not in ("auto", *FORMATS):
        known = "; ".join(f'"{name}": {what}' for name, what in FORMATS.items())
        raise DisrecError(f'Unknown format {format!r}: use "auto" or one of {known}.')
    table = _Table(Path(path))
    if format == "auto":
        format = "pairs" if (table.columns == 2).all() else "user-first"
    table.check_columns(format)
    if format == "pairs":
        return _from_pairs(table.values[0::2], table.values[1::2])
    starts = np.cumsum(table.columns) - table.columns
    if format == "items-only":
        offsets = np.concatenate([starts, [len(table.values)]])
        return Interactions(table.values, offsets, int(table.values.max()))
    table.check_unique_users(starts)
    is_item = np.ones(len(table.values), bool)
    is_item[starts] = False
    items = table.values[is_item]
    return Interactions(
        items,
        np.concatenate([[0], np.cumsum(table.columns - 1)]),
        int(items.max()),
        user_names=[str(user) for user in table.values[starts].tolist()],
    )


def _from_pairs(users: np.ndarray, items: np.ndarray) -> Interactions:
    """Group clicks by user, users and their clicks in order of appearance."""
    names, first, inverse = np.unique(users, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    rank = np.empty_like(by_appearance)
    rank[by_appearance] = np.arange(len(rank))
    user_of_click = rank[inverse]
    return Interactions(
        items[np.argsort(user_of_click, kind="stable")],
        np.concatenate([[0], np.cumsum(np.bincount(user_of_click))]),
        int(items.max()),
        user_names=[str(name) for name in names[by_appearance].tolist()],
    )


class _Table:
    """The whole numbers of a text file: `values`, all of them in reading order, and
    for each line that is not empty its number `lines` and how many it has, `columns`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = read_text(path)
        kinds = _KIND[np.frombuffer(self.text, np.uint8)]
        wrong = np.flatnonzero(kinds == 2)
        if len(wrong):
            line = self.text.count(b"\n", 0, int(wrong[0])) + 1
            self.fail(line, "expected positive whole numbers separated by blanks")
        edges = np.diff(kinds == 1, prepend=False, append=False)
        starts, ends = np.flatnonzero(edges).reshape(-1, 2).T
        newlines = np.flatnonzero(np.frombuffer(self.text, np.uint8) == ord("\n"))
        line_of = np.searchsorted(newlines, starts) + 1
        if len(starts) == 0:
            raise DisrecError(f"{path} is empty: expected lines of clicks.")
        long = np.flatnonzero(ends - starts > 18)
        if len(long):
            self.fail(line_of[long[0]], "has a number of more than 18 digits")
        self.values = np.fromstring(self.text.decode("ascii"), np.int64, sep=" ")
        self.lines, self.columns = np.unique(line_of, return_counts=True)
        zero = np.flatnonzero(self.values == 0)
        if len(zero):
            self.fail(line_of[zero[0]], "ids must be at least 1 (0 is padding)")
        self.line_of = line_of

    def fail(self, line: int, sentence: str) -> NoReturn:
        text = self.text.split(b"\n")[line - 1].decode("utf-8", "replace").strip()
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise DisrecError(f"{self.path}, line {line}: {sentence}, found {shown!r}.")

    def check_columns(self, format: str) -> None:
        wrong = self.columns < (1 if format == "items-only" else 2)
        if format == "pairs":
            wrong = self.columns != 2
        if wrong.any():
            hint = "" if format == "pairs" else ' (items alone: format="items-only")'
            sentence = f'format "{format}" expects {FORMATS[format]}{hint}'
            self.fail(int(self.lines[wrong.argmax()]), sentence)
        is_item = np.ones(len(self.values), bool)
        if format != "items-only":
            is_item[np.cumsum(self.columns) - self.columns] = False
        large = np.flatnonzero(is_item & (self.values > LARGEST_ID))
        if len(large):
            sentence = (
                f"item {self.values[large[0]]} is above {LARGEST_ID:,}, too large to "
                "be a row of a table: renumber the items from 1"
            )
            self.fail(int(self.line_of[large[0]]), sentence)

    def check_unique_users(self, starts: np.ndarray) -> None:
        users = self.values[starts]
        order = np.argsort(users, kind="stable")
        repeated = order[1:][np.diff(users[order]) == 0]
        if len(repeated):
            row = repeated.min()
            self.fail(
                int(self.lines[row]),
                f"its first number, {users[row]}, began an earlier line too, so it is "
                'no user; pass format="items-only" if lines hold items alone, or '
                "join each user's clicks in one line",
            )


_KIND = np.full(256, 2, np.uint8)  # 0 blank, 1 digit, 2 anything else
_KIND[list(b" \t\n\r\v\f")] = 0
_KIND[list(b"0123456789")] = 1
