"""Counting who clicked both: no training at all.

C_ij counts the users whose training clicks hold both i and j; C_i those that hold i.
"""

import math
import warnings

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
        self.users_of = np.bincount(item, minlength=self.width)  # C_i
        row, self.column, count = _pairs(user, item, train.n_users, self.width)
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


def _pairs(
    user: np.ndarray, item: np.ndarray, n_users: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """i, j and C_ij > 0 of all i != j, sorted: C = X^T X with X_ui = 1 for a click.

    A sparse product: a list of all pairs of clicks would not fit for long histories.
    """
    place = torch.from_numpy(np.stack([user, item]))
    ones = torch.ones(len(user), dtype=torch.float64)
    clicked = torch.sparse_coo_tensor(
        place, ones, (n_users, width), check_invariants=True
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        both = torch.sparse.mm(clicked.t(), clicked).coalesce()
    first, second = both.indices().numpy()
    different = first != second
    return first[different], second[different], both.values().numpy()[different]
