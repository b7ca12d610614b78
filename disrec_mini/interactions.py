"""Users' click sequences as two flat arrays, their files, their split, their noise.

    items    x x x x x | x x x | x x x x x x        all clicks, user after user
    offsets  0           5       8             14   user u owns offsets[u]:offsets[u+1]

Item ids run from 1 to n_items; 0 is padding and never a click. Users count from 0.
"""

import gzip
import math
import operator
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, SupportsIndex

import numpy as np

from disrec_mini.errors import DisrecError, DisrecIndexError

FORMATS = {
    "pairs": "`user item` on every line",
    "user-first": "`user item item ...` on every line",
    "items-only": "`item item ...` on every line",
}
LARGEST_ID = 50_000_000


@dataclass(frozen=True, repr=False, eq=False)
class Interactions:
    """Click sequences of N users over M items, oldest click first.

    Parameters
    ----------
    items : (n_clicks,) whole numbers 1..n_items, user after user.
    offsets : (n_users + 1,) whole numbers from 0 up to n_clicks, never falling.
    n_items : M. An item may have no click.
    item_names : n_items + 1 strings, the first one "", so that item_names[id] works.
    user_names : n_users strings, what the users were called in the file.
    item_categories : n_items + 1 tuples of strings, the first one empty.

    Raises
    ------
    DisrecError : naming the first thing that does not fit.

    Notes
    -----
    Arrays are copied to int64 and made read-only: nothing can change under a model.
    """

    items: np.ndarray
    offsets: np.ndarray
    n_items: int
    item_names: Sequence[str] | None = None
    user_names: Sequence[str] | None = None
    item_categories: Sequence[Sequence[str]] | None = None

    def __post_init__(self) -> None:
        set_ = object.__setattr__  # the dataclass is frozen for everybody else
        set_(self, "n_items", check_whole(self.n_items, "n_items", 1))
        set_(self, "items", _int_array(self.items, "items"))
        set_(self, "offsets", _int_array(self.offsets, "offsets"))
        self._check_offsets()
        _check_ids(self.items, self.n_items)
        n = self.n_items + 1
        set_(self, "item_names", _names(self.item_names, "item_names", n))
        set_(self, "user_names", _names(self.user_names, "user_names", self.n_users))
        if self.item_names is not None and self.item_names[0] != "":
            raise DisrecError(
                f'item_names[0] belongs to padding and must be "", not '
                f"{self.item_names[0]!r}; put the name of item 1 at index 1."
            )
        if self.item_categories is not None:
            categories = tuple(tuple(entry) for entry in self.item_categories)
            _check_length(categories, "item_categories", n)
            set_(self, "item_categories", categories)

    def _check_offsets(self) -> None:
        offsets, n = self.offsets, len(self.items)
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != n:
            ends = f"{offsets[0]} to {offsets[-1]}" if len(offsets) else "nothing"
            raise DisrecError(
                f"offsets must run from 0 to the number of clicks, {n}, not {ends}."
            )
        falls = np.flatnonzero(np.diff(offsets) < 0)
        if len(falls):
            raise DisrecError(
                f"offsets must never fall, but offsets[{falls[0] + 1}] is smaller "
                f"than offsets[{falls[0]}]."
            )

    @classmethod
    def from_sequences(
        cls, sequences: Iterable[Iterable[int]], n_items: int | None = None
    ) -> "Interactions":
        """From one list of item ids per user; n_items defaults to the largest id."""
        rows = [_int_array(list(row), f"user {u}") for u, row in enumerate(sequences)]
        items = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        if n_items is None and len(items) == 0:
            raise DisrecError(
                "There is no click to count items from; pass n_items as well."
            )
        offsets = np.cumsum([0, *(len(row) for row in rows)])
        return cls(items, offsets, max(1, items.max()) if n_items is None else n_items)

    @property
    def n_users(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_clicks(self) -> int:
        return len(self.items)

    @property
    def lengths(self) -> np.ndarray:
        """(n_users,) int64: clicks per user, T_u."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return self.n_users

    def __getitem__(self, user: SupportsIndex) -> np.ndarray:
        """User's clicks, (T_u,) int64, oldest first; users count from 0."""
        try:
            u = operator.index(user)
        except TypeError:
            raise DisrecError(
                f"A user is a whole number, not {user!r}; use select() for several."
            ) from None
        if not 0 <= u < self.n_users:
            raise DisrecIndexError(
                f"There is no user {u}: users are 0 to {self.n_users - 1}."
            )
        return self.items[self.offsets[u] : self.offsets[u + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[u] for u in range(self.n_users))

    def __repr__(self) -> str:
        mean = self.n_clicks / max(1, self.n_users)
        names = ", named" if self.item_names is not None else ""
        return (
            f"Interactions({self.n_users:,} users, {self.n_items:,} items{names}, "
            f"{self.n_clicks:,} clicks, {mean:.2f} per user)"
        )

    def counts(self) -> np.ndarray:
        """(n_items + 1,) int64: clicks per item; [0] is 0."""
        return np.bincount(self.items, minlength=self.n_items + 1)

    def select(self, users: Sequence[int] | np.ndarray) -> "Interactions":
        """The same items, only these users (numbers or an n_users mask), in order."""
        chosen = np.asarray(users)
        if chosen.dtype == bool and chosen.shape == (self.n_users,):
            chosen = np.flatnonzero(chosen)
        chosen = _int_array(chosen, "users")
        outside = chosen[(chosen < 0) | (chosen >= self.n_users)]
        if len(outside):
            raise DisrecIndexError(
                f"There is no user {outside[0]}: users are 0 to {self.n_users - 1}."
            )
        lengths = self.lengths[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        shift = np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        names = self.user_names
        return replace(
            self,
            items=self.items[np.arange(offsets[-1]) + shift],
            offsets=offsets,
            user_names=None if names is None else [names[u] for u in chosen],
        )

    def summary(self) -> dict[str, float]:
        """Numbers that describe the set; shares and density lie between 0 and 1.

        `top_1_percent_share` is the share of all clicks that goes to the most clicked
        ceil(n_items / 100) items; `density` is clicks / (users * items).
        """
        lengths, counts = self.lengths, self.counts()[1:]
        top = np.sort(counts)[-math.ceil(self.n_items / 100) :].sum()
        some = self.n_users > 0
        return {
            "n_users": self.n_users,
            "n_items": self.n_items,
            "n_clicks": self.n_clicks,
            "mean_length": float(lengths.mean()) if some else 0.0,
            "median_length": float(np.median(lengths)) if some else 0.0,
            "min_length": int(lengths.min()) if some else 0,
            "max_length": int(lengths.max()) if some else 0,
            "items_without_clicks_share": float((counts == 0).mean()),
            "items_under_5_clicks_share": float((counts < 5).mean()),
            "top_1_percent_share": float(top / max(1, self.n_clicks)),
            "density": self.n_clicks / max(1, self.n_users * self.n_items),
        }


def check_whole(value: object, name: str, least: int) -> int:
    """`value` as an int of at least `least`, or a sentence."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:  # type: ignore[operator]
        raise DisrecError(f"{name} must be a whole number >= {least}, not {value!r}.")
    return int(value)  # type: ignore[call-overload]


def _int_array(values: object, name: str) -> np.ndarray:
    """A read-only one-dimensional int64 copy, or a sentence."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of unequal length
        array = np.zeros((0, 0))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DisrecError(
            f"{name} must be a one-dimensional array of whole numbers, not one of "
            f"type {array.dtype} and shape {array.shape}."
        )
    array = np.array(array, dtype=np.int64)
    array.setflags(write=False)
    return array


def _check_ids(items: np.ndarray, n_items: int) -> None:
    wrong = np.flatnonzero((items < 1) | (items > n_items))
    if len(wrong):
        raise DisrecError(
            f"Item ids must lie between 1 and n_items = {n_items} (0 is padding), but "
            f"the click at position {wrong[0]} is {items[wrong[0]]}."
        )


def _check_length(values: Sequence[object], name: str, n: int) -> None:
    if len(values) != n:
        zero = ", index 0 being padding" if name.startswith("item") else ""
        raise DisrecError(f"{name} must have {n} entries{zero}, not {len(values)}.")


def _names(values: Sequence[str] | None, name: str, n: int) -> tuple[str, ...] | None:
    if values is None:
        return None
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise DisrecError(f"{name} must be a sequence of strings.")
    _check_length(values, name, n)
    return tuple(values)


@dataclass(frozen=True, repr=False, eq=False)
class Split:
    """Training clicks and the two held-out clicks of every user.

    Parameters
    ----------
    train : the training clicks of all users.
    valid_items, test_items : (n_users,) int64 item ids, 0 where a user has none.
    """

    train: Interactions
    valid_items: np.ndarray
    test_items: np.ndarray

    def __post_init__(self) -> None:
        if not isinstance(self.train, Interactions):
            raise DisrecError(f"train must be Interactions, not {self.train!r}.")
        for name in ("valid_items", "test_items"):
            ids = _int_array(getattr(self, name), name)
            if len(ids) != self.n_users:
                raise DisrecError(
                    f"{name} must have one entry for each of the {self.n_users} users, "
                    f"not {len(ids)}."
                )
            wrong = np.flatnonzero((ids < 0) | (ids > self.n_items))
            if len(wrong):
                raise DisrecError(
                    f"{name} must lie between 0 (none) and n_items = {self.n_items}, "
                    f"but user {wrong[0]} has {ids[wrong[0]]}."
                )
            object.__setattr__(self, name, ids)

    @property
    def n_items(self) -> int:
        return self.train.n_items

    @property
    def n_users(self) -> int:
        return self.train.n_users

    def counts(self) -> np.ndarray:
        """(n_items + 1,) int64: clicks per item over training, validation AND test.

        The popularity of protocol `sampled` counts all clicks, as BERT4Rec's code does.
        """
        held_out = np.concatenate([self.valid_items, self.test_items])
        counts = self.train.counts() + np.bincount(held_out, minlength=self.n_items + 1)
        counts[0] = 0  # "none" is no item
        return counts

    def __repr__(self) -> str:
        valid, test = (int((x > 0).sum()) for x in (self.valid_items, self.test_items))
        return f"Split(train={self.train!r}, {valid:,} valid, {test:,} test)"


def leave_one_out(interactions: Interactions) -> Split:
    """Last click for test, the one before for validation, the rest for training.

    Users with fewer than 3 clicks stay in training whole and have no validation or
    test item (0). Source: the paper, section 4.1; `method.md`, "Pairs".
    """
    lengths = interactions.lengths
    held_out = lengths >= 3
    ends = interactions.offsets[1:]
    test, valid = np.zeros((2, interactions.n_users), np.int64)
    test[held_out] = interactions.items[ends[held_out] - 1]
    valid[held_out] = interactions.items[ends[held_out] - 2]
    kept = np.ones(interactions.n_clicks, bool)
    kept[ends[held_out] - 1] = kept[ends[held_out] - 2] = False
    offsets = np.concatenate([[0], np.cumsum(lengths - 2 * held_out)])
    train = replace(interactions, items=interactions.items[kept], offsets=offsets)
    return Split(train, valid, test)


def corrupt(interactions: Interactions, rate: float, seed: int) -> Interactions:
    """Replace exactly round(rate * n) of the n clicks by a different item.

    Which clicks: drawn without replacement. By what: uniformly among the other
    n_items - 1 items. Everything else stays. Source: the paper, Figure 4, where the
    training part is corrupted and the test part is not: pass `split.train`.
    """
    number = isinstance(rate, float | int | np.floating | np.integer)
    if not number or not 0 <= rate <= 1:
        raise DisrecError(
            f"rate must be a share between 0 and 1 (0.1 replaces 10 %), not {rate!r}."
        )
    if rate > 0 and interactions.n_items < 2:
        raise DisrecError(
            "Corrupting needs at least 2 items: with n_items = 1 there is no "
            "different item to put in."
        )
    rng = np.random.default_rng(check_whole(seed, "seed", 0))
    n = interactions.n_clicks
    where = rng.choice(n, size=round(rate * n), replace=False)
    items = interactions.items.copy()
    drawn = rng.integers(1, max(2, interactions.n_items), size=len(where))
    items[where] = drawn + (drawn >= items[where])  # skips the item that was there
    return replace(interactions, items=items)


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
        self.text = _read_text(path)
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
        wrong = {
            "pairs": self.columns != 2,
            "user-first": self.columns < 2,
            "items-only": self.columns < 1,
        }[format]
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


def _read_text(path: Path) -> bytes:
    """The file's bytes, unzipped, with newlines as "\\n", or a sentence."""
    try:
        if path.is_dir():
            raise DisrecError(f"{path} is a folder: expected a file of clicks.")
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise DisrecError(
            f"{path} does not exist: expected a file of clicks."
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DisrecError(
            f"{path} is a damaged or cut off gzip file: fetch or write it again."
        ) from None
    except OSError as error:
        raise DisrecError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        data.decode("utf-8")
        binary = b"\0" in data
    except UnicodeDecodeError:
        binary = True
    if binary:
        raise DisrecError(
            f"{path} is not a text file: expected lines of whole numbers, plain or "
            "gzipped."
        )
    return (
        data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    )
