"""What the numbers of a step may be: their precision, and that the loss is finite."""

import contextlib
from dataclasses import replace
from typing import Any

import torch

from disrec_mini.errors import DisrecError
from disrec_mini.recommender import Objective, Recommender, StepLoss, model_device

READ_EVERY = 10  # steps between two looks at the loss, where looking takes time


def precision(model: Recommender) -> Any:
    """bfloat16 where CUDA has units for it (not run here), else as the weights are."""
    if model_device(model).type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return contextlib.nullcontext()


class FiniteLoss:
    """Says which step's loss was not finite, and why.

    On a CPU at once; elsewhere some steps later, as looking would hold them up.
    """

    def __init__(self, model: Recommender, objective: Objective) -> None:
        self.model, self.objective = model, objective
        self.unread: list[tuple[str, StepLoss]] = []

    def see(self, loss: StepLoss, where: str) -> None:
        """One more step, before its weights change."""
        seen = replace(loss, total=loss.total.detach(), seen=None)
        self.unread.append((where, seen))
        if seen.total.device.type == "cpu" or len(self.unread) >= READ_EVERY:
            self.read()

    def read(self) -> None:
        """Look at the steps since the last look.

        Raises
        ------
        DisrecError : a loss is not finite.
        """
        unread, self.unread = self.unread, []
        if not unread:
            return
        finite = torch.stack([loss.total for _, loss in unread]).isfinite().tolist()
        if all(finite):
            return
        where, loss = unread[finite.index(False)]
        raise DisrecError(
            f"{where}: the loss is not finite, because {self._cause(loss)}; try "
            f"{self.objective.advice}."
        )

    def _cause(self, loss: StepLoss) -> str:
        for name, weights in self.model.named_parameters():
            if not weights.isfinite().all():
                return (
                    f"the weights {name} had become infinite or NaN in an earlier step"
                )
        for name, value in loss.means.items():
            if not torch.as_tensor(value).isfinite().all():
                return f"the {self.objective.names.get(name, name)} loss overflowed"
        return "it overflowed"
