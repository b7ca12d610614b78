"""What the numbers of a step may be: their precision, and that the loss is finite."""

import contextlib
from dataclasses import replace
from typing import Any

import torch

from disrec_mini.checks import check_weights, not_finite
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

    def weights(self, where: str) -> None:
        """Look at the weights, which no loss has seen since the last step.

        Raises
        ------
        DisrecError : a weight is not finite.
        """
        check_weights(self.model, where, f"try {self.objective.advice}")

    def _cause(self, loss: StepLoss) -> str:
        name = not_finite(self.model)
        if name:
            return f"the weights {name} had become infinite or NaN in an earlier step"
        for name, value in loss.means.items():
            if not torch.as_tensor(value).isfinite().all():
                return f"the {self.objective.names.get(name, name)} loss overflowed"
        return "it overflowed"
