"""Click sequences from text files of whole numbers, checked line by line."""

import os
from pathlib import Path
from typing import NoReturn

import numpy as np

from disrec_mini.checks import check_path
from disrec_mini.errors import DisrecError
from disrec_mini.files import read_text
from disrec_mini.ids import numbered
from disrec_mini.interactions import Interactions
from disrec_mini.orders import warn_if_sorted

FORMATS = {
    "pairs": "`user item` on every line",
    "user-first": "`user item item ...` on every line",
    "items-only": "`item item ...` on every line",
}


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
        Items numbered from 1 in the order of their ids in the file, which are
        `item_names`; ids that are 1 to M already stay, without names. Users in order
        of first appearance, their numbers in the file as `user_names`. Empty lines are
        skipped. Pairs that seem sorted by item are warned about.

    Raises
    ------
    DisrecError : naming the file, the line and what was expected.
    """
    ids, offsets, users, format = _read(path, format)
    if format == "pairs":
        warn_if_sorted(ids, offsets)
    items, n_items, names = numbered(ids)
    return Interactions(items, offsets, n_items, names, users)


def read_rows(path: str | os.PathLike[str], format: str = "auto") -> Interactions:
    """The same for a published set, whose ids are rows already: n_items is the largest,
    an item may have no click, and 0 is none."""
    ids, offsets, users, _ = _read(path, format)
    return Interactions(ids, offsets, max(1, int(ids.max())), None, users)


def _read(
    path: str | os.PathLike[str], format: str
) -> tuple[np.ndarray, np.ndarray, list[str] | None, str]:
    """Ids of the clicks, offsets, names of the users if there are, and the format."""
    if format not in ("auto", *FORMATS):
        known = "; ".join(f'"{name}": {what}' for name, what in FORMATS.items())
        raise DisrecError(f'Unknown format {format!r}: use "auto" or one of {known}.')
    table = _Table(check_path(path, "a file of clicks"))
    if format == "auto":
        format = "pairs" if (table.columns == 2).all() else "user-first"
        table.check_no_ratings()
    table.check_columns(format)
    if format == "pairs":
        return (*_from_pairs(table.values[0::2], table.values[1::2]), format)
    starts = np.cumsum(table.columns) - table.columns
    if format == "items-only":
        offsets = np.concatenate([starts, [len(table.values)]])
        return table.values, offsets, None, format
    table.check_unique_users(starts)
    is_item = np.ones(len(table.values), bool)
    is_item[starts] = False
    offsets = np.concatenate([[0], np.cumsum(table.columns - 1)])
    users = [str(user) for user in table.values[starts].tolist()]
    return table.values[is_item], offsets, users, format


def _from_pairs(
    users: np.ndarray, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Group clicks by user, users and their clicks in order of appearance."""
    names, first, inverse = np.unique(users, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    rank = np.empty_like(by_appearance)
    rank[by_appearance] = np.arange(len(rank))
    user_of_click = rank[inverse]
    return (
        items[np.argsort(user_of_click, kind="stable")],
        np.concatenate([[0], np.cumsum(np.bincount(user_of_click))]),
        [str(name) for name in names[by_appearance].tolist()],
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
            from disrec_mini.delimited import separator
            from disrec_mini.tables import by_numbers, no_header

            first = self.text.partition(b"\n")[0].decode()
            cells = first.split(separator([first]))
            hint = " (tables with columns: read_events)" if line == 1 else ""
            if hint and len(cells) > 1 and no_header(cells):
                hint = f" (of a table of events, {by_numbers(cells)})"
            self.fail(line, f"expected whole numbers separated by blanks{hint}")
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

    def check_no_ratings(self) -> None:
        """Lines of three or four numbers, users again and again, are no sequences."""
        n = int(self.columns[0])
        if n not in (3, 4) or (self.columns != n).any():
            return
        if len(np.unique(self.values[::n])) < len(self.columns):
            from disrec_mini.tables import by_numbers

            first = [str(value) for value in self.values[:n].tolist()]
            raise DisrecError(
                f"{self.path} has {n} numbers on every line and users on several, as a "
                f"table of events: {by_numbers(first)}; if lines hold items alone, "
                'pass format="items-only".'
            )

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
