"""What models share that learn from (past, future) pairs: steps, optimiser, shares."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from disrec_mini import batches
from disrec_mini.batches import Step
from disrec_mini.checks import check_train
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Objective, Recommender


class PairObjective(Objective):
    """Learning from every (u, t) pair once an epoch, in groups: `batches.steps`."""

    def __init__(self, model: Any, train: Interactions, seed: int) -> None:
        super().__init__(seed)
        check_train(train, model.n_items)
        self.model: Any = model
        self.config: Any = model.config
        self.windows = batches.make_windows(train, self.longest(train))
        self.n_pairs = self.windows.n_pairs
        self.size = self.config.group_size, self.config.groups
        self.n_steps = batches.n_steps(self.windows, *self.size)
        self.average = self.config.average

    def longest(self, train: Interactions) -> int:
        """How many clicks pasts and futures may have: `batches.make_windows`."""
        return self.model.max_len or int(train.lengths.max(initial=1))

    def optimizer(self) -> torch.optim.Optimizer:
        """Adam, see `make_optimizer`."""
        return make_optimizer(self.model)

    def steps(self, epoch: int, part: tuple[int, int] = (0, 1)) -> Iterator[Step]:
        """`batches.steps` in an order of this epoch's own."""
        rank, world = part
        rng = np.random.default_rng([self.seed, epoch])
        others = self.config.visit, self.config.negatives
        every = batches.steps(self.windows, *self.size, rng, self.horizon(), *others)
        return (step for nth, step in enumerate(every) if nth % world == rank)

    def horizon(self) -> int | None:
        """How far ahead `Step.drawn` may lie; None: anywhere in the future."""
        return None


def target_counts(train: Interactions) -> np.ndarray:
    """(n_items + 1,) how often each item is a training target: not as a first click."""
    first = train.offsets[:-1][train.lengths > 0]
    width = train.n_items + 1
    return train.counts() - np.bincount(train.items[first], minlength=width)


def log_shares(train: Interactions) -> Tensor:
    """(n_items + 1,) ln q_j, q_j the share of j among the training targets.

    Targets are all clicks but each user's first. 0 for items that are never a target.
    """
    counts = target_counts(train)
    share = np.where(counts > 0, counts, 1) / max(counts.sum(), 1)
    return torch.from_numpy(np.where(counts > 0, np.log(share), 0.0)).float()


def make_optimizer(model: Recommender) -> torch.optim.Optimizer:
    """Adam with the item table in a group of its own, fused where torch can.

    `item_decay` w makes it AdamW: H <- (1 - learning_rate w) H before each step; `l2`
    adds l2 H to the gradient, for every H of `Recommender.tables`.
    """
    config, decayed = model.config, {id(table) for table in model.tables()}
    table = [p for p in model.parameters() if id(p) in decayed]
    rest = [p for p in model.parameters() if id(p) not in decayed]
    kind = torch.optim.AdamW if config.item_decay else torch.optim.Adam
    groups = [
        {"params": table, "weight_decay": config.item_decay or config.l2},
        {"params": rest, "weight_decay": 0.0},
    ]
    try:
        return kind(groups, lr=config.learning_rate, fused=True)
    except RuntimeError:  # this device has no fused Adam
        return kind(groups, lr=config.learning_rate)
