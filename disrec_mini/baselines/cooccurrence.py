"""Counting who clicked both: no training at all.

C_ij counts the users whose training clicks hold both i and j; C_i those that hold i.
"""

import math

import numpy as np
import torch
from torch import Tensor

from disrec_mini.interactions import Interactions


class Cooccurrence:
    """score(j | x_1..x_t) = sum over the different clicks i of C_ij."""

    def __init__(self, train: Interactions) -> None:
        self.width = train.n_items + 1
        user = np.repeat(np.arange(train.n_users), train.lengths)
        pair = np.unique(user * self.width + train.items)  # a user counts once
        user, item = np.divmod(pair, self.width)
        size = np.bincount(user, minlength=train.n_users)
        self.users_of = np.bincount(item, minlength=self.width)  # C_i
        first, second = _neighbours(item, size)
        pair, count = np.unique(first * self.width + second, return_counts=True)
        row, self.column = np.divmod(pair, self.width)
        self.start = np.searchsorted(row, np.arange(self.width + 1))
        self.value = self.weigh(row, count)

    def weigh(self, i: np.ndarray, count: np.ndarray) -> np.ndarray:
        """(n,) what each pair that occurs adds to the score."""
        return count.astype(np.float64)

    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """items (B, T), lengths (B,) -> (B, n_items + 1); column 0 is -inf."""
        batch = len(items)
        row = np.repeat(np.arange(batch), items.shape[1])
        key = np.unique(row * self.width + items.cpu().numpy().ravel())
        row, item = np.divmod(key, self.width)
        row, item = row[item > 0], item[item > 0]
        size = self.start[item + 1] - self.start[item]
        entry = np.repeat(self.start[item] - np.cumsum(size) + size, size)
        entry = entry + np.arange(len(entry))
        cell = np.repeat(row, size) * self.width + self.column[entry]
        total = np.bincount(cell, self.value[entry], batch * self.width)
        scores = torch.from_numpy(total).float().view(batch, self.width)
        scores[:, 0] = -math.inf
        return scores


class PMI(Cooccurrence):
    """How much likelier j is beside these clicks than by itself.

    score(j | x_1..x_t) = ln( s + sum over the different clicks i of C_ij / C_i )
                          - ln( C_j + 1 )

    The pointwise mutual information ln P(j | clicks) / P(j), up to constants. The
    smoothing s ranks items that never met a click: rare before popular.
    """

    def __init__(self, train: Interactions, smoothing: float = 1e-3) -> None:
        super().__init__(train)
        self.smoothing = smoothing
        self.log_popularity = torch.from_numpy(np.log(self.users_of + 1)).float()

    def weigh(self, i: np.ndarray, count: np.ndarray) -> np.ndarray:
        """(n,) share of the users of i who also clicked j."""
        return count / self.users_of[i]

    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """items (B, T), lengths (B,) -> (B, n_items + 1); column 0 is -inf."""
        together = super().score(items, lengths, users).clamp_min(0)
        scores = torch.log(together + self.smoothing) - self.log_popularity
        scores[:, 0] = -math.inf
        return scores


def _neighbours(item: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of different places inside each user's block of items."""
    first = np.repeat(item, np.repeat(size, size))
    start = np.repeat(np.cumsum(size) - size, size * size)
    within = np.arange(len(first)) - np.repeat(
        np.cumsum(size * size) - size * size, size * size
    )
    second = item[start + within % np.repeat(size, size * size)]
    different = first != second
    return first[different], second[different]
