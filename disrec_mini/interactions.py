"""Users' click sequences as two flat arrays.

    items    x x x x x | x x x | x x x x x x        all clicks, user after user
    offsets  0           5       8             14   user u owns offsets[u]:offsets[u+1]

Item ids run from 1 to n_items; 0 is padding and never a click. Users count from 0.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import numpy as np

from disrec_mini.checks import (
    check_categories,
    check_ids,
    check_item_names,
    check_names,
    check_offsets,
    check_sequences,
    check_user,
    check_whole,
    int_array,
)
from disrec_mini.errors import DisrecError, DisrecIndexError


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
        set_(self, "items", int_array(self.items, "items"))
        set_(self, "offsets", int_array(self.offsets, "offsets"))
        check_offsets(self.offsets, len(self.items))
        check_ids(self.items, self.n_items)
        n = self.n_items + 1
        set_(self, "item_names", check_item_names(self.item_names, self.n_items))
        set_(
            self, "user_names", check_names(self.user_names, "user_names", self.n_users)
        )
        categories = check_categories(self.item_categories, "item_categories", n)
        set_(self, "item_categories", categories)

    @classmethod
    def from_sequences(
        cls, sequences: Iterable[Iterable[int]], n_items: int | None = None
    ) -> "Interactions":
        """From one list of item ids per user; n_items defaults to the largest id."""
        lists = check_sequences(sequences)
        rows = [int_array(row, f"user {u}") for u, row in enumerate(lists)]
        items = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        if n_items is None and len(items) == 0:
            raise DisrecError(
                "There is no click to count items from; pass n_items as well."
            )
        offsets = np.cumsum([0, *(len(row) for row in rows)])
        return cls(items, offsets, max(1, items.max()) if n_items is None else n_items)

    @classmethod
    def from_frame(cls, frame: Any, **options: Any) -> "Interactions":
        """From a pandas or polars frame, a pyarrow table or a dict of arrays; options
        of `read_events` but `path` and `sep`."""
        from disrec_mini.arranging import arrange_frame

        return cls(**arrange_frame(frame, **options))

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
        u = check_user(user, self.n_users)
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
        chosen = int_array(chosen, "users")
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
