"""How good is a recommender: protocols, ranks, metrics.

A recommender is anything with `score(items, lengths, users) -> (B, n_items + 1)`.
Chapter 03. Sampled protocol: Sun et al., CIKM 2019; why to look at the full one too:
Krichene & Rendle, KDD 2020.
"""

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from disrec_mini.candidates import draw_negatives
from disrec_mini.checks import check_choice
from disrec_mini.errors import DisrecError
from disrec_mini.recommender import evaluation_mode, model_device
from disrec_mini.splitting import Histories, Split, held_out

Array = np.ndarray

KS = (1, 5, 10)
PROTOCOLS = ("sampled", "full")
CELLS = 2**23  # scores held at once, 32 MB in float32


class Scorer(Protocol):
    """What evaluation needs. Optional: `max_len`, the clicks it can read, and
    `score_candidates(items, lengths, candidates, users)`, the same scores at some items
    only, which makes the sampled protocol faster."""

    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor: ...


# -- ranks and metrics -----------------------------------------------------------------


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

    >>> ranks(torch.tensor([[0.9, 0.5, 0.7], [0.2, 0.2, 0.1]]), torch.tensor([2, 0]))
    tensor([2, 2])
    """
    scores = torch.as_tensor(scores)
    column = torch.as_tensor(target_index, device=scores.device).long()  # (B,)
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
    rank = np.asarray(ranks)
    if rank.size == 0:
        return {name: float("nan") for name in _names(ks)}
    return {name: float(per_user(rank, name).mean()) for name in _names(ks)}


def _names(ks: tuple[int, ...]) -> list[str]:
    return [f"recall@{k}" for k in ks] + [f"ndcg@{k}" for k in ks] + ["mrr"]


def per_user(ranks: Array, metric: str) -> Array:
    """(n,) values of one metric, such as "ndcg@10", for ranks (n,)."""
    name, _, k = metric.partition("@")
    rank = np.asarray(ranks, dtype=np.float64)
    if metric == "mrr":
        return 1 / rank
    if name not in ("recall", "ndcg") or not k.isdigit() or int(k) < 1:
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
    ("" for the full protocol).
    """

    protocol: str
    on: str
    ranks: Array
    users: Array
    warm: Array
    negatives_sha256: str = ""
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
        return {
            **self.values_,
            "warm": self.warm_items(),
            "warm_share": self.warm_share,
            "n_users": len(self.ranks),
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v:.4f}" for k, v in self.values_.items())
        return (
            f"Metrics({self.protocol}, {self.on}, {len(self.ranks):,} users: {shown})"
        )


# -- protocols -------------------------------------------------------------------------


def evaluate(
    model: Scorer,
    split: Split,
    protocol: str = "sampled",
    on: str = "valid",
    *,
    users: Array | None = None,
    negatives: Array | None = None,
    seed: int = 0,
    cells: int = CELLS,
) -> Metrics:
    """Rank every user's held-out click.

    Parameters
    ----------
    model : anything with `score`.
    protocol : "sampled", against 100 popularity-drawn negatives (`draw_negatives`), or
        "full", against all items but the user's earlier clicks (the true item stays).
    on : "valid" reads training clicks, "test" training and validation clicks.
    users : some users only. negatives : (n_users, n) lists instead of drawn ones.
    cells : scores held in memory at once.
    """
    truth = held_out(split, on)  # (n_users,)
    check_choice(protocol, "protocol", PROTOCOLS)
    known = getattr(model, "n_items", split.n_items)
    if known < split.n_items:
        raise DisrecError(
            f"the model knows {known} items and the data have {split.n_items}: it was "
            "trained on other data."
        )
    asked = np.flatnonzero(truth) if users is None else users[truth[users] > 0]
    if not len(asked):
        raise DisrecError(
            f"no user has a {on} click: users need at least 3 clicks to be evaluated."
        )
    if protocol == "full":
        negatives = None
    elif negatives is None:
        negatives = draw_negatives(split, on, seed=seed)
    rank = np.empty(len(asked), np.int64)  # (n_evaluated,)
    for rows, scores in scored_batches(model, split, on, asked, negatives, cells):
        true = truth[asked[rows]]  # (B,)
        if negatives is None:
            seen = Histories(split, on).seen(asked[rows])
            rank[rows] = _full_ranks(scores, true, *seen)
        else:
            worst = 1 + (negatives[asked[rows]] > 0).sum(1)  # (B,), lists may be short
            rank[rows] = np.minimum(_sampled_ranks(scores), worst)
    warm = split.train.counts()[truth[asked]] > 0
    return Metrics(protocol, on, rank, asked, warm, _digest(negatives))


def _digest(negatives: Array | None) -> str:
    return "" if negatives is None else hashlib.sha256(negatives.tobytes()).hexdigest()


def scored_batches(
    model: Any,
    split: Split,
    on: str,
    users: Array,
    negatives: Array | None = None,
    cells: int = CELLS,
) -> Iterator[tuple[Array, Tensor]]:
    """Scores of some users, similar lengths together.

    Parameters
    ----------
    negatives : (n_users, n) item ids for the sampled protocol, None for all items.

    Yields
    ------
    rows : (B,) places in `users`; scores : (B, 1 + n) with the true item first and -inf
    where no negative is, or (B, n_items + 1).
    """
    quick = None if negatives is None else getattr(model, "score_candidates", None)
    chunk = 512 if quick else max(1, cells // (split.n_items + 1))
    order = np.argsort(-split.train.lengths[users], kind="stable")
    with evaluation_mode(model):
        for first in range(0, len(users), chunk):
            rows = order[first : first + chunk]
            inputs, users_here = _inputs(model, split, on, users[rows])
            if negatives is None:
                yield rows, model.score(*inputs, users=users_here)  # (B, M + 1)
                continue
            true = held_out(split, on)[users[rows]]  # (B,)
            lists = np.c_[true, negatives[users[rows]]]  # (B, 1 + n)
            candidates = torch.from_numpy(lists).to(users_here.device)
            if quick:
                scores = quick(*inputs, candidates, users=users_here)
            else:
                scores = model.score(*inputs, users=users_here).gather(1, candidates)
            yield rows, scores.masked_fill(candidates == 0, -torch.inf)  # (B, 1 + n)


def _inputs(
    model: Any, split: Split, on: str, users: Array
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """(items (B, T), lengths (B,)), users (B,), where the model's numbers live."""
    device = model_device(model)
    items, lengths = Histories(split, on).batch(users, getattr(model, "max_len", None))
    return (items.to(device), lengths.to(device)), torch.from_numpy(users).to(device)


def _sampled_ranks(scores: Tensor) -> Array:
    """Ranks (B,) with the true item in column 0; -inf columns past it are empty."""
    return ranks(scores, torch.zeros(len(scores))).cpu().numpy()


def _full_ranks(scores: Tensor, true: Array, row: Array, item: Array) -> Array:
    """Ranks (B,) among all items but padding and (row, item), the true item kept."""
    others, width = item != true[row], scores.shape[1]  # (n,)
    cells = np.unique(row[others] * width + item[others])  # (m,), each once
    row, item = np.divmod(cells, width)
    rows, items = (torch.from_numpy(x).to(scores.device) for x in (row, item))
    target = torch.from_numpy(true).to(scores.device)
    at = scores.gather(1, target[:, None])  # (B, 1), the true item's score
    worse = (scores < at).sum(1)  # (B,)
    # what is left out must count neither as worse nor as better
    worse -= (scores[:, 0] < at[:, 0]).long()
    left_out = (scores[rows, items] < at[rows, 0]).long()  # (m,)
    worse.index_put_((rows,), -left_out, accumulate=True)
    candidates = width - 1 - np.bincount(row, minlength=len(true))  # (B,)
    return candidates - worse.cpu().numpy()


def __getattr__(name: str) -> Any:
    """What moved to `analysis` is still found here: `evaluation.compare`."""
    moved = ("Difference", "agreement", "bootstrap", "compare", "diversity", "top_k")
    if name in moved:
        return getattr(importlib.import_module("disrec_mini.analysis"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
