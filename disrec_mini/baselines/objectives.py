"""Ways to learn that several baselines share: the next click against other items.

All of them compare the score r of the next click with scores r_1..r_N of negatives:

- "softmax"  -ln [ exp(r) / (exp(r) + sum_j exp(r_j)) ]
- "bce"      -ln s(r) - sum_j ln(1 - s(r_j)), s the logistic function
- "bpr"      -1/N sum_j ln s(r - r_j): Rendle et al., *BPR*, UAI 2009
- "top1"     1/N sum_j [ s(r_j - r) + s(r_j^2) ]: Hidasi et al., ICLR 2016
- "bpr-max"  -ln sum_j w_j s(r - r_j) + c sum_j w_j r_j^2, w the softmax over the
  negatives: Hidasi & Karatzoglou, CIKM 2018
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from disrec_mini import batches
from disrec_mini.batches import Rows, Step
from disrec_mini.checks import check_train
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.learning import PairObjective, log_shares, target_counts
from disrec_mini.recommender import Recommender, StepLoss, model_device
from disrec_mini.settings import TrainConfig, again, setting

Array = np.ndarray


@dataclass(frozen=True)
class NextItemConfig(TrainConfig):
    """What the baselines can set that learn the next click."""

    loss: str = setting(
        "how the next click's score is compared with those of negatives",
        "softmax",
        choices=("softmax", "bce", "bpr", "top1", "bpr-max"),
        kw_only=True,
    )
    unseen: int = setting(
        "negatives of each pair's own, drawn uniformly from what its user never "
        "clicked in training; 0 for those that a step shares",
        0,
        low=0,
        kw_only=True,
    )
    penalty: float = setting(
        "c, how much bpr-max holds scores at 0", 1.0, low=0, kw_only=True
    )
    groups: int = again(TrainConfig, "groups", 1)
    group_size: int = again(TrainConfig, "group_size", 1024)
    visit: int | None = again(TrainConfig, "visit", None)
    negatives: int = again(TrainConfig, "negatives", 0)
    learning_rate: float = again(TrainConfig, "learning_rate", 1e-3)
    item_decay: float = again(TrainConfig, "item_decay", 0.0)
    average: float = again(TrainConfig, "average", 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.unseen and not self.negatives and self.visit == 0:
            raise DisrecError(
                "a click has nothing to be compared with: set negatives or unseen. The "
                "other next clicks of a step are of the same history."
            )
        if self.unseen and self.negatives:
            raise DisrecError(
                "unseen and negatives both say what a click is compared with: set one "
                "of them to 0."
            )


class Causal(Recommender):
    """Reads clicks one after the other: what it knows after each serves for a pair.

    states(x_1..x_T)_t depends on x_1..x_t alone, so a history is read once for all its
    pairs. packs : whether several histories may share a row.
    """

    packs: ClassVar[bool] = False

    def states(self, rows: Rows) -> Tensor:
        """(R, T) clicks -> (R, T, D), the query after each click."""
        raise NotImplementedError

    def forward(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """The state after the last click: (B, T), (B,) -> (B, 1, D)."""
        place = torch.arange(items.shape[1], device=items.device).expand_as(items)
        row = torch.arange(len(items), device=items.device)
        segment = torch.where(items > 0, row[:, None], -1)  # (B, T)
        states = self.states(Rows(items, place, segment))  # (B, T, D)
        return states[row, lengths - 1].unsqueeze(1)


class NextItem(PairObjective):
    """The next click against negatives.

    Negatives are `unseen` items of each pair's own; or the N of each part of a step; or
    the next clicks of the other pairs of its group. Those equal to the pair's own next
    click do not count.

    Parameters
    ----------
    model : its config is a `TrainConfig`; what that does not say of `loss`, `unseen`
        and `alpha` is "softmax", 0 and 1. A model without dot products has `unseen`
        negatives and `compare(users, items)`, (B,) and (B, C) to (B, C).
    logq : softmax alone, not with `unseen`: subtract ln q_j, the share of j among the
        targets, for full ranking; with N drawn negatives ln(N q_j), from theirs alone.
    ahead : the click to predict is one of so many, drawn anew in every epoch.
    """

    def __init__(
        self,
        model: Recommender,
        train: Interactions,
        seed: int,
        *,
        temperature: float = 1.0,
        logq: bool = False,
        ahead: int = 1,
    ) -> None:
        super().__init__(model, train, seed)
        check_can_learn(model, train)
        self.name = getattr(self.config, "loss", "softmax")
        self.unseen = getattr(self.config, "unseen", 0)
        self.temperature, self.ahead = temperature, ahead
        self.protocol = "full" if logq else "sampled"
        self.log_q = log_shares(train) if logq else None
        self.alpha = getattr(self.config, "alpha", 1.0)
        counts = target_counts(train).astype(np.float64)  # (M + 1,)
        weights = np.where(counts > 0, counts**self.alpha, 0.0)
        self.shares = np.cumsum(weights)  # (M + 1,)
        user = np.repeat(np.arange(train.n_users), train.lengths)  # (n clicks,)
        self.clicked = np.unique(user * (train.n_items + 1) + train.items)

    def identity(self) -> dict[str, Any]:
        """Class, seed, temperature, logQ."""
        own = {"temperature": self.temperature, "logq": self.log_q is not None}
        return {**super().identity(), **own}

    def longest(self, train: Interactions) -> int:
        """A causal model reads windows, others the latest clicks before each split."""
        if isinstance(self.model, Causal):
            return super().longest(train)
        return int(train.lengths.max(initial=1))

    def horizon(self) -> int | None:
        """How many clicks ahead the one to predict may lie."""
        return self.ahead

    def steps(self, epoch: int, part: tuple[int, int] = (0, 1)) -> Iterator[Step]:
        """Those of `PairObjective`; `unseen` negatives are (P, n), in their place."""
        rank, world = part
        for nth, step in enumerate(super().steps(epoch, part)):
            rng = np.random.default_rng([self.seed, epoch, 1 + nth * world + rank])
            if self.unseen:
                users, n_items = self.windows.user[step.window], self.model.n_items
                drawn = draw_unseen(self.clicked, users, self.unseen, n_items, rng)
                step = replace(step, negatives=drawn)
            elif step.negatives is not None and self.alpha != 1:
                draws = rng.random(step.negatives.shape) * self.shares[-1]  # (G, N)
                drawn = np.searchsorted(self.shares, draws, side="right")
                step = replace(step, negatives=drawn)
            yield step

    def loss(self, step: Step, progress: float) -> StepLoss:
        """The mean over the pairs of a step."""
        device = model_device(self.model)
        ids = batches.pair_items(self.windows, step)[1].to(device)  # (P,)
        if self.unseen:
            assert step.negatives is not None
            others = torch.from_numpy(step.negatives).to(device)  # (P, n)
            scores = self.scores(step, torch.cat([ids[:, None], others], 1))
            own, rest = (scores / self.temperature).split([1, self.unseen], 1)
            total = self.contrast(own, rest, others > 0).mean()
        else:
            total = self.shared(step, ids).mean()
        return StepLoss(total, len(step.t), {self.name: total.detach()})

    def scores(self, step: Step, items: Tensor) -> Tensor:
        """Of some items for each pair: (P, C) ids -> (P, C) scores."""
        if not self.model.dot_products:
            users = torch.from_numpy(self.windows.user[step.window])
            scores: Tensor = self.model.compare(users.to(items.device), items)
            return scores
        h = F.embedding(items, self.model.vectors())  # (P, C, D)
        return (h @ self.queries(step).transpose(1, 2)).amax(2)  # (P, C)

    def queries(self, step: Step) -> Tensor:
        """(P, K, D) queries of the pasts."""
        model, windows = self.model, self.windows
        device = model_device(model)
        if isinstance(model, Causal):
            rows = batches.packed(windows, step, False, not model.packs).to(device)
            states = [model.states(block).flatten(0, 1) for block in rows.blocks]
            return F.embedding(rows.past, torch.cat(states)).unsqueeze(1)  # (P, 1, D)
        most = getattr(model, "reads", None) or model.max_len
        items, lengths = batches.padded(windows, step, "past", most=most)
        users = torch.from_numpy(windows.user[step.window]).to(device)
        found: Tensor = model(items.to(device), lengths.to(device), users)
        return found

    def shared(self, step: Step, ids: Tensor) -> Tensor:
        """Pairs against items that a part of the step shares: ids (P,) -> (P,)."""
        if step.negatives is None:
            sizes = np.diff(step.bounds).tolist()
            drawn = ids[:0].view(0, 0)
        else:
            drawn = torch.from_numpy(step.negatives).to(ids.device)  # (G, N)
            sizes = [(len(ids) + s) // len(drawn) for s in range(len(drawn))]
        # one look-up: the table's gradient is summed once
        every = F.embedding(torch.cat([ids, drawn.flatten()]), self.model.vectors())
        h, *of_drawn = every.split([len(ids), *[drawn.shape[1]] * len(drawn)])
        parts = [x.split(sizes) for x in (self.queries(step), ids, h)]
        shared = zip(drawn, of_drawn, strict=True) if len(drawn) else repeat(None)
        rows = zip(*parts, shared, strict=False)
        return torch.cat([self.part(*row) for row in rows])  # (P,)

    def part(
        self,
        query: Tensor,
        ids: Tensor,
        h: Tensor,
        shared: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """(B,) losses: queries (B, K, D), next clicks (B,) and their vectors (B, D).

        shared : (N,) negatives and their vectors (N, D), or None for the next clicks.
        """
        others, of_others = (ids, h) if shared is None else shared
        own = (query * h[:, None]).sum(2).amax(1, keepdim=True)  # (B, 1)
        scores = (query @ of_others.T).amax(1)  # (B, N)
        own, scores = own / self.temperature, scores / self.temperature
        if self.log_q is not None:
            log_q = self.log_q.to(ids.device)  # (M + 1,)
            own = own - log_q[ids][:, None] if shared is None else own
            expected = 0.0 if shared is None else math.log(len(others))
            scores = scores - (log_q[others] + expected)
        return self.contrast(own, scores, ids[:, None] != others)

    def contrast(self, own: Tensor, others: Tensor, counts: Tensor) -> Tensor:
        """The loss by its name: own (B, 1), others and counts (B, N) -> (B,)."""
        if self.name == "bpr-max":
            penalty = getattr(self.config, "penalty", 1.0)
            return bpr_max(own, others, counts, penalty)
        return LOSSES[self.name](own, others, counts)


def check_can_learn(model: Recommender, train: Interactions) -> None:
    """Something to compare with, and a vector for every user; or a sentence."""
    check_train(train, model.n_items)
    if train.n_items < 2:
        raise DisrecError("with one item there is nothing to compare a click with.")
    n_users = getattr(model, "n_users", train.n_users)
    if n_users != train.n_users:
        raise DisrecError(
            f"the model has vectors of {n_users} users and the data have "
            f"{train.n_users}: make the model with n_users={train.n_users}."
        )


def draw_unseen(
    clicked: Array, users: Array, n: int, n_items: int, rng: np.random.Generator
) -> Array:
    """Items drawn uniformly, with repeats, from those that a user never clicked.

    Parameters
    ----------
    clicked : (c,) sorted keys user * (n_items + 1) + item. users : (P,).

    Returns
    -------
    (P, n) int64; 0, which is no item, for users who clicked every item.
    """
    width = n_items + 1
    ends = np.searchsorted(clicked, np.stack([users, users + 1]) * width)  # (2, P)
    left = np.flatnonzero(np.diff(ends, axis=0)[0] < n_items)  # (p,)
    drawn = np.zeros((len(users), n), np.int64)
    row, column = (x.ravel() for x in np.meshgrid(left, np.arange(n), indexing="ij"))
    while len(row):
        item = rng.integers(1, width, len(row))
        drawn[row, column] = item
        key = users[row] * width + item
        again = clicked[np.minimum(np.searchsorted(clicked, key), len(clicked) - 1)]
        row, column = row[again == key], column[again == key]
    return drawn


# -- losses: own (B, 1), others (B, N) scores, counts (B, N) bool -> (B,) --------------


def softmax(own: Tensor, others: Tensor, counts: Tensor) -> Tensor:
    """-ln softmax of the own score."""
    others = others.masked_fill(~counts, -torch.inf)
    return torch.cat([own, others], 1).logsumexp(1) - own[:, 0]


def bce(own: Tensor, others: Tensor, counts: Tensor) -> Tensor:
    """Binary cross-entropy, summed over the negatives."""
    return F.softplus(-own[:, 0]) + (F.softplus(others) * counts).sum(1)


def bpr(own: Tensor, others: Tensor, counts: Tensor) -> Tensor:
    """Bayesian personalised ranking, the mean over the negatives."""
    return _mean(F.softplus(others - own), counts)


def top1(own: Tensor, others: Tensor, counts: Tensor) -> Tensor:
    """GRU4Rec's: the share of negatives ahead, smoothed, and their scores held at 0."""
    return _mean((others - own).sigmoid() + (others**2).sigmoid(), counts)


def bpr_max(
    own: Tensor, others: Tensor, counts: Tensor, penalty: float = 1.0
) -> Tensor:
    """GRU4Rec+'s: each negative counts by its softmax weight; c is `penalty`."""
    lowest = torch.finfo(others.dtype).min
    log_w = others.masked_fill(~counts, lowest).log_softmax(1)  # (B, N)
    ahead = (log_w + F.logsigmoid(own - others)).logsumexp(1)  # (B,)
    loss = -ahead + penalty * (log_w.exp() * others**2).sum(1)  # (B,)
    return loss * counts.any(1)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    return (values * counts).sum(1) / counts.sum(1).clamp_min(1)


Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {"softmax": softmax, "bce": bce, "bpr": bpr, "top1": top1}
LOSSES["bpr-max"] = bpr_max
