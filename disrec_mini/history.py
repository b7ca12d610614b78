"""What happened in training: kept, averaged over an epoch, shown."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from disrec_mini.checks import check_epochs
from disrec_mini.recommender import StepLoss


@dataclass
class History:
    """What happened in training.

    epochs : one dict an epoch: what the objective logs (losses, and for `DisRec` the
        seq2seq weight, the share of triples kept, hard and soft usage of the
        intentions), pairs_per_second, seconds, and `valid` when measured.
    best_epoch : the epoch whose weights were kept (0 = none measured).
    stopped_by : "epochs", "patience", "minutes", "interrupt", or "counted" for a model
        that needs no epoch.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_value: float = -math.inf
    stopped_by: str = ""
    metric: str = ""

    def __post_init__(self) -> None:
        check_epochs(self.epochs, self.best_epoch)

    @property
    def seconds(self) -> float:
        """Time spent in epochs, over all resumes."""
        return sum(epoch["seconds"] for epoch in self.epochs)

    def curve(self, name: str) -> list[tuple[int, float]]:
        """(epoch, value) of a loss, or of a validation metric such as "ndcg@10"."""
        rows = [(e["epoch"], {**e, **e.get("valid", {})}) for e in self.epochs]
        return [(epoch, row[name]) for epoch, row in rows if name in row]


class EpochLog:
    """Means over an epoch's pairs, read from the device only when they are shown."""

    def __init__(self) -> None:
        self.totals: dict[str, Any] = {}
        self.n_pairs: dict[str, int] = {}
        self.waiting: list[tuple[str, int, torch.Tensor]] = []

    def add(self, loss: StepLoss) -> None:
        """Keep what a step says, without its graph."""
        for name, value in loss.means.items():
            number = torch.as_tensor(value).detach()
            self.waiting.append((name, loss.n_pairs, number))

    def means(self) -> dict[str, Any]:
        """Numbers as they are, rows rounded to four places."""
        for name, n, value in self.waiting:
            total = value.cpu().double().numpy() * n
            self.totals[name] = self.totals.get(name, 0) + total
            self.n_pairs[name] = self.n_pairs.get(name, 0) + n
        self.waiting.clear()
        means = {name: x / self.n_pairs[name] for name, x in self.totals.items()}
        return {
            name: float(x) if x.ndim == 0 else [round(float(y), 4) for y in x]
            for name, x in means.items()
        }


def shown(epoch: dict[str, Any]) -> str:
    """Its numbers and rows in one line: "seq2item 5.123  hard usage 0.25 0.75"."""
    known = ("epoch", "valid", "seconds", "pairs_per_second")
    rows = {k: np.atleast_1d(x) for k, x in epoch.items() if k not in known}
    parts = [
        [k.replace("_", " "), *(f"{x:.3f}" for x in row)] for k, row in rows.items()
    ]
    return "  ".join(" ".join(part) for part in parts)
