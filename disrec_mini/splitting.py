"""What is learned from and what is asked: leave-one-out, histories, noise.

clicks of a user      a b c d e f
training              a b c d
validation asks e     given a b c d
test asks f           given a b c d e
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from disrec_mini import checks
from disrec_mini.checks import check_held_out
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions

Array = np.ndarray


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
            found = checks.short(self.train)
            raise DisrecError(f"train must be Interactions, not {found}.")
        for name in ("valid_items", "test_items"):
            ids = check_held_out(getattr(self, name), name, self.n_users, self.n_items)
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
        asked = np.concatenate([self.valid_items, self.test_items])  # (2 N,)
        counts = self.train.counts() + np.bincount(asked, minlength=self.n_items + 1)
        counts[0] = 0  # "none" is no item
        return counts

    def __repr__(self) -> str:
        valid, test = (int((x > 0).sum()) for x in (self.valid_items, self.test_items))
        return f"Split(train={self.train!r}, {valid:,} valid, {test:,} test)"


def leave_one_out(interactions: Interactions) -> Split:
    """Last click for test, the one before for validation, the rest for training.

    Users with fewer than 3 clicks stay in training whole and have no validation or
    test item (0). Source: the paper, section 4.1.

    >>> from disrec_mini import Interactions
    >>> split = leave_one_out(Interactions.from_sequences([[1, 2, 3, 4], [2, 1]]))
    >>> [row.tolist() for row in split.train]
    [[1, 2], [2, 1]]
    >>> split.valid_items.tolist(), split.test_items.tolist()
    ([3, 0], [4, 0])
    """
    checks.check_is(interactions, Interactions, "interactions", checks.CLICKS)
    lengths = interactions.lengths
    long_enough = lengths >= 3
    ends = interactions.offsets[1:]
    test, valid = np.zeros((2, interactions.n_users), np.int64)
    test[long_enough] = interactions.items[ends[long_enough] - 1]
    valid[long_enough] = interactions.items[ends[long_enough] - 2]
    kept = np.ones(interactions.n_clicks, bool)
    kept[ends[long_enough] - 1] = kept[ends[long_enough] - 2] = False
    offsets = np.concatenate([[0], np.cumsum(lengths - 2 * long_enough)])
    train = replace(interactions, items=interactions.items[kept], offsets=offsets)
    return Split(train, valid, test)


def corrupt(interactions: Interactions, rate: float, seed: int) -> Interactions:
    """Replace exactly round(rate * n) of the n clicks by a different item.

    Which clicks: drawn without replacement. By what: uniformly among the other
    n_items - 1 items. Everything else stays. Source: the paper, Figure 4, where the
    training part is corrupted and the test part is not: pass `split.train`.
    """
    checks.check_is(interactions, Interactions, "interactions", checks.CLICKS)
    checks.check_share(rate, "rate", " (0.1 replaces 10 %)")
    if rate > 0 and interactions.n_items < 2:
        raise DisrecError(
            "Corrupting needs at least 2 items: with n_items = 1 there is no "
            "different item to put in."
        )
    rng = np.random.default_rng(checks.check_whole(seed, "seed", 0))
    n = interactions.n_clicks
    where = rng.choice(n, size=round(rate * n), replace=False)
    items = interactions.items.copy()
    drawn = rng.integers(1, max(2, interactions.n_items), size=len(where))
    items[where] = drawn + (drawn >= items[where])  # skips the item that was there
    return replace(interactions, items=items)


def held_out(split: Split, on: str) -> Array:
    """(n_users,) ids of the clicks to find on "valid" or "test"; 0: none."""
    checks.check_split(split)
    checks.check_choice(on, "on", ("valid", "test"))
    return split.valid_items if on == "valid" else split.test_items


@dataclass(frozen=True)
class Histories:
    """What may be read of each user: training, and for test the validation click."""

    split: Split
    on: str

    def batch(self, users: Array, max_len: int | None) -> tuple[Tensor, Tensor]:
        """Right-padded last clicks (B, T), and lengths (B,)."""
        train, valid = self.split.train, self.split.valid_items[users]  # (B,)
        extra = (valid > 0) & (self.on == "test")  # (B,), one click more to read
        full = train.lengths[users] + extra  # (B,)
        lengths = full if max_len is None else np.minimum(full, max_len)  # (B,)
        column = np.arange(int(lengths.max()))  # (T,)
        place = column + (full - lengths)[:, None]  # (B, T), in the whole history
        inside = column < lengths[:, None]  # (B, T)
        learned = place < train.lengths[users][:, None]  # (B, T), of training
        index = train.offsets[users][:, None] + place  # (B, T)
        items = train.items[np.where(learned, index, 0)]  # (B, T)
        items = np.where(inside, np.where(learned, items, valid[:, None]), 0)
        return torch.from_numpy(items), torch.from_numpy(lengths)

    def seen(self, users: Array) -> tuple[Array, Array]:
        """(row, item) of every earlier click of these users, with repeats."""
        train = self.split.train
        lengths = train.lengths[users]  # (B,)
        row = np.repeat(np.arange(len(users)), lengths)  # (n,)
        first = np.repeat(train.offsets[users] - np.cumsum(lengths) + lengths, lengths)
        item = train.items[first + np.arange(len(row))]  # (n,)
        if self.on == "test":
            valid = self.split.valid_items[users]
            row = np.r_[row, np.flatnonzero(valid)]  # (n + users with one,)
            item = np.r_[item, valid[valid > 0]]
        return row, item
