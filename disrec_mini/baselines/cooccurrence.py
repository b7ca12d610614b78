"""Counting who clicked both: no training at all.

C_ij counts the users whose training clicks hold both i and j; C_i those that hold i.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from disrec_mini.baselines.popularity import Counted
from disrec_mini.interactions import Interactions
from disrec_mini.settings import Config, setting

Array = np.ndarray


class Cooccurrence(Counted):
    """score(j | x_1..x_t) = sum over the different clicks i of C_ij.

    Buffers
    -------
    start : (M + 2,), column, value : (n,), the rows of C one after the other: row i is
        the entries start[i] .. start[i+1] - 1. users_of : (M + 1,), C_i.
    """

    kind = "cooccurrence"
    start: Tensor
    column: Tensor
    value: Tensor
    users_of: Tensor

    def count(self, train: Interactions) -> None:
        """C of all pairs of items that somebody clicked both."""
        width = train.n_items + 1
        user = np.repeat(np.arange(train.n_users), train.lengths)
        pair = np.unique(user * width + train.items)  # a user counts once
        user, item = np.divmod(pair, width)
        users_of = np.bincount(item, minlength=width)  # (M + 1,)
        row, column, count = _pairs(user, item, train.n_users, width)  # 3 x (n,)
        start = np.searchsorted(row, np.arange(width + 1))  # (M + 2,)
        value = self.weigh(row, count, users_of)
        for name, array in (("start", start), ("column", column), ("value", value)):
            self.register_buffer(name, torch.from_numpy(array))
        self.register_buffer("users_of", torch.from_numpy(users_of))

    def weigh(self, i: Array, count: Array, users_of: Array) -> Array:
        """(n,) what each pair that occurs adds to the score."""
        return count.astype(np.float64)

    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """items (B, T), lengths (B,) -> (B, n_items + 1); column 0 is -inf."""
        self.check(items, lengths)
        # a few rows at a time: what they met stays small enough for the cache
        return torch.cat([self._totals(part) for part in items.split(8)])

    def _totals(self, items: Tensor) -> Tensor:
        start, column, value = (
            x.cpu().numpy() for x in (self.start, self.column, self.value)
        )
        batch, width = len(items), self.n_items + 1
        row = np.repeat(np.arange(batch), items.shape[1])  # (B*T,)
        key = np.unique(row * width + items.cpu().numpy().ravel())
        row, item = np.divmod(key, width)
        row, item = row[item > 0], item[item > 0]  # (n,), the different clicks
        size = start[item + 1] - start[item]
        entry = np.repeat(start[item] - np.cumsum(size) + size, size)
        entry = entry + np.arange(len(entry))  # (m,), where their rows of C lie
        cell = np.repeat(row, size) * width + column[entry]
        total = np.bincount(cell, value[entry], batch * width)
        scores = torch.from_numpy(total).float().view(batch, width)  # (B, M + 1)
        scores[:, 0] = -math.inf
        return scores.to(items.device)


@dataclass(frozen=True)
class PMIConfig(Config):
    """The one setting of pointwise mutual information."""

    smoothing: float = setting(
        "s, the share of an item that met no click", 1e-3, above=0
    )


class PMI(Cooccurrence):
    """How much likelier j is beside these clicks than by itself.

    score(j | x_1..x_t) = ln( s + sum over the different clicks i of C_ij / C_i )
                          - ln( C_j + 1 )

    The pointwise mutual information ln P(j | clicks) / P(j), up to constants. The
    smoothing s ranks items that never met a click: rare before popular.
    """

    kind = "pmi"
    config_type = PMIConfig

    def __init__(self, train: Interactions, smoothing: float = 1e-3) -> None:
        super().__init__(train, smoothing=smoothing)

    def weigh(self, i: Array, count: Array, users_of: Array) -> Array:
        """(n,) share of the users of i who also clicked j."""
        return count / users_of[i]

    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """items (B, T), lengths (B,) -> (B, n_items + 1); column 0 is -inf."""
        together = super().score(items, lengths, users).clamp_min(0)
        popularity = torch.log(self.users_of.double() + 1).float()  # (M + 1,)
        scores = torch.log(together + self.config.smoothing) - popularity
        scores[:, 0] = -math.inf
        return scores


def _pairs(
    user: Array, item: Array, n_users: int, width: int
) -> tuple[Array, Array, Array]:
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
