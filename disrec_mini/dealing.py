"""What each of several processes does of a run: its steps, and the users it ranks.

Process r of W takes every W-th step. A round is one step of each; its gradient is

    g = 1/n sum_r g_r,  r over the n processes that have a step

(n < W only in the last round of an epoch), so that all hold the same weights at any
moment. Process 0 alone writes and shows something; each has dropout of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from disrec_mini import evaluation
from disrec_mini.history import EpochLog
from disrec_mini.metrics import Array, Metrics
from disrec_mini.processes import agree, copy_first, gather, rank, sums, world
from disrec_mini.recommender import Objective, Recommender, StepLoss, model_device
from disrec_mini.splitting import Split, held_out


def deal(objective: Objective, model: Recommender, *about: Any) -> Any:
    """The objective of which this process does its part: `Dealt`, or itself if alone.

    about : what else has to be the same in all processes.

    Raises
    ------
    DisrecError : the processes were given different things.
    """
    if world() == 1:
        return objective
    agree(about, objective.identity(), model.config, objective.n_steps)
    return Dealt(objective, model)


class Dealt:
    """An objective with every W-th of its steps; the rest of it as it is.

    Gradients are dense. What a step changes in buffers is averaged as gradients are.
    """

    def __init__(self, whole: Objective, model: Recommender) -> None:
        self.whole, self.net = whole, model
        self.n_steps = -(-whole.n_steps // world())  # rounds

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def optimizer(self) -> Optimizer:
        """Its own, which averages the gradients before each step."""
        optimizer = self.whole.optimizer()
        optimizer.register_step_pre_hook(self._average)
        return optimizer

    def before_epoch(self, epoch: int) -> Sequence[str]:
        """As in process 0, with its weights and buffers."""
        agree(epoch)
        names = self.whole.before_epoch(epoch)
        copy_first([*self.net.parameters(), *self.net.buffers()])
        return names

    def steps(self, epoch: int) -> Iterator[Any]:
        """One for each round; None where this process has none."""
        own = iter(self.whole.steps(epoch, (rank(), world())))
        return (next(own, None) for _ in range(self.n_steps))

    def loss(self, step: Any, progress: float) -> StepLoss:
        """The step's; 0 over no pairs where there is no step."""
        self.busy, self.before = step is not None, [x.clone() for x in self._moving()]
        if self.busy:
            return self.whole.loss(step, progress)
        nothing = torch.zeros((), device=model_device(self.net), requires_grad=True)
        return StepLoss(nothing, 0)

    def _average(self, optimizer: Optimizer, *_: Any) -> None:
        """g; a parameter without a gradient in every process stays without one."""
        every = [p for group in optimizer.param_groups for p in group["params"]]
        have = torch.tensor([self.busy, *(p.grad is not None for p in every)])
        self.n, *found = sums([have.int()])[0].tolist()  # n, and where there is any
        moved = [p for p, n in zip(every, found, strict=True) if n]
        own = [torch.zeros_like(p) if p.grad is None else p.grad for p in moved]
        for p, total in zip(moved, sums(own), strict=True):
            p.grad = (total / self.n).to(p.dtype)

    def after_step(self, loss: StepLoss) -> None:
        """Buffers move by the mean of their moves."""
        if self.busy:
            self.whole.after_step(loss)
        buffers = self._moving()
        moves = [x - was for x, was in zip(buffers, self.before, strict=True)]
        for x, was, total in zip(buffers, self.before, sums(moves), strict=True):
            x.copy_(was + total / self.n)

    def _moving(self) -> list[Tensor]:
        return [x for x in self.net.buffers() if x.is_floating_point()]


def pooled(log: EpochLog) -> dict[str, Any]:
    """An epoch's means over the pairs of all processes."""
    log.means()  # reads what waits
    whole = EpochLog()
    for totals, n_pairs in gather((log.totals, log.n_pairs)):
        for name, total in totals.items():
            whole.totals[name] = whole.totals.get(name, 0) + total
            whole.n_pairs[name] = whole.n_pairs.get(name, 0) + n_pairs[name]
    return whole.means()


def evaluate(
    model: Any,
    split: Split,
    protocol: str = "sampled",
    on: str = "valid",
    *,
    users: Array | None = None,
    **options: Any,
) -> Metrics:
    """`evaluation.evaluate`, of which each process ranks every W-th user."""
    n = world()
    if n == 1:
        return evaluation.evaluate(model, split, protocol, on, users=users, **options)
    users = np.arange(split.n_users) if users is None else np.asarray(users)
    asked = users[held_out(split, on)[users] > 0]  # (n_evaluated,)
    own, found = asked[rank() :: n], None
    if len(own) or not len(asked):  # of nobody at all it complains
        found = evaluation.evaluate(model, split, protocol, on, users=own, **options)
    place, rivals = np.empty((2, len(asked)), np.int64)  # (n_evaluated,) each
    warm = np.empty(len(asked), bool)
    parts = gather(found)
    for r, part in enumerate(parts):
        if part is not None:
            place[r::n], warm[r::n] = part.ranks, part.warm
            rivals[r::n] = part.candidates
    whole = {"ranks": place, "users": asked, "warm": warm, "candidates": rivals}
    return replace(parts[0], **whole)
