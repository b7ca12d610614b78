"""The same list for everybody: most clicked first, or least clicked first."""

import math

import torch
from torch import Tensor

from disrec_mini.interactions import Interactions


class Popularity:
    """score(j) = clicks on j in training (POP)."""

    sign = 1.0

    def __init__(self, train: Interactions) -> None:
        self.scores = self.sign * torch.from_numpy(train.counts()).float()
        self.scores[0] = -math.inf

    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """items (B, T), lengths (B,) -> (B, n_items + 1); column 0 is -inf."""
        return self.scores.expand(len(items), -1)

    def score_candidates(
        self,
        items: Tensor,
        lengths: Tensor,
        candidates: Tensor,
        users: Tensor | None = None,
    ) -> Tensor:
        """`score` at candidates (B, C) only."""
        return self.scores[candidates]


class InversePopularity(Popularity):
    """score(j) = -clicks on j in training: what nobody clicks comes first.

    It does badly everywhere except where the negatives are popular (chapter 03).
    """

    sign = -1.0
