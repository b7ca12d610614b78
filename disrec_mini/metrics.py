"""Ranks, what they are worth, and the result of an evaluation. Chapter 03."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from disrec_mini.checks import check_cut_offs, check_ranks, check_targets, short
from disrec_mini.errors import DisrecError

Array = np.ndarray

KS = (1, 5, 10)


def ranks(scores: Tensor | Array, target_index: Tensor | Array) -> Tensor:
    """Rank of the true item among the candidates: 1 + how many are not worse.

    Ties count against the model. A NaN beats the true item; a true item with NaN gets
    the worst rank.

    Parameters
    ----------
    scores : (B, C); target_index : (B,), the column of the true item.

    Returns
    -------
    (B,) int64, 1 = best, C = worst.

    >>> import torch
    >>> ranks(torch.tensor([[0.9, 0.5, 0.7], [0.2, 0.2, 0.1]]), torch.tensor([2, 0]))
    tensor([2, 2])
    """
    scores, column = check_targets(scores, target_index)  # (B, C), (B,)
    true = scores.gather(1, column[:, None])  # (B, 1)
    worse = scores < true  # False wherever a NaN is
    return scores.shape[1] - worse.sum(1)  # (B,)


def metrics(ranks: Tensor | Array, ks: tuple[int, ...] = KS) -> dict[str, float]:
    """Recall@k, NDCG@k and MRR of ranks (n,), with one true item each.

    Recall@k = mean(rank <= k); NDCG@k = mean(1 / log2(1 + rank) where rank <= k);
    MRR = mean(1 / rank).

    >>> found = metrics([1, 3, 20])
    >>> found["ndcg@10"], found["mrr"]  # (1 + 1/2 + 0) / 3, (1 + 1/3 + 1/20) / 3
    (0.5, 0.461...)
    """
    rank, ks = check_ranks(ranks), tuple(check_cut_offs(ks))
    names = [f"{name}@{k}" for name in ("recall", "ndcg") for k in ks] + ["mrr"]
    if rank.size == 0:
        return dict.fromkeys(names, float("nan"))
    return {name: float(per_user(rank, name).mean()) for name in names}


def per_user(ranks: Array, metric: str) -> Array:
    """(n,) values of one metric, such as "ndcg@10", for ranks (n,)."""
    name, _, k = (metric := short(metric).strip("'")).partition("@")
    rank = check_ranks(ranks, flat=False)
    if metric == "mrr":
        return 1 / rank
    if name not in ("recall", "ndcg") or not k.isdecimal() or int(k) < 1:
        raise DisrecError(
            f"unknown metric {metric!r}: use 'mrr', 'recall@k' or 'ndcg@k', k >= 1."
        )
    gain = np.ones_like(rank) if name == "recall" else 1 / np.log2(1 + rank)
    return np.where(rank <= int(k), gain, 0.0)


@dataclass(frozen=True, eq=False)  # equal as mappings are
class Metrics(Mapping[str, float]):
    """The result of `evaluate`: Metrics["recall@10"], and what it was made of.

    ranks, users : (n_evaluated,) int64, aligned. warm : (n_evaluated,) bool, True where
    the true item occurs in training. negatives_sha256 : of the candidate lists
    ("" for the full protocol). candidates : (n_evaluated,) int64, how many items were
    ranked, the true one among them: where k reaches them, Recall@k is 1 whatever the
    model says. exclude_seen : whether earlier clicks were left out of them.
    """

    protocol: str
    on: str
    ranks: Array
    users: Array
    warm: Array
    negatives_sha256: str = ""
    candidates: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    exclude_seen: bool = True
    values_: dict[str, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values_", metrics(self.ranks))

    def __getitem__(self, name: str) -> float:
        if name in self.values_ or not len(self.ranks):
            return self.values_[name]
        try:
            return float(per_user(self.ranks, name).mean())
        except DisrecError as error:  # `in` and `get` expect a KeyError
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    @property
    def warm_share(self) -> float:
        """Share of the evaluated users whose true item occurs in training."""
        return float(self.warm.mean()) if len(self.warm) else float("nan")

    def warm_items(self) -> dict[str, float]:
        """The same metrics over the users whose true item occurs in training."""
        return metrics(self.ranks[self.warm])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for result files."""
        mean = float(self.candidates.mean()) if len(self.candidates) else float("nan")
        return {
            **self.values_,
            "warm": self.warm_items(),
            "warm_share": self.warm_share,
            "n_users": len(self.ranks),
            "candidates_mean": mean,
            "candidates_least": int(self.candidates.min(initial=2**62) % 2**62),
            "exclude_seen": self.exclude_seen,
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v:.4f}" for k, v in self.values_.items())
        about = f"{self.protocol}, {self.on}, {len(self.ranks):,} users"
        return f"Metrics({about}: {shown})"
