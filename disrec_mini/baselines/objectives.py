"""Ways to learn that several baselines share."""

from typing import Any

import numpy as np
import torch

from disrec_mini import batches
from disrec_mini.batches import Step
from disrec_mini.interactions import Interactions
from disrec_mini.learning import PairObjective, log_shares
from disrec_mini.losses import Group, Negatives, seq2item_loss
from disrec_mini.recommender import Recommender, StepLoss


class InBatchSoftmax(PairObjective):
    """The next click against the next clicks of the other pairs of a group.

    Other pairs with the same next click leave the denominator. A model that reads any
    number of clicks pads every pair to the longest history of the step.

    L(u,t) = -ln[ max_k exp(s_k(x_{t+1})) / sum_{(u',t')} sum_k' exp(s_k'(x'_{t'+1})) ]
    with s_k(j) = query_k(x_1..x_t) . vector_j / temperature - ln q_j.

    Parameters
    ----------
    model : its config is a `TrainConfig`.
    logq : subtract ln q_j, the share of j among the targets, for full ranking.
    """

    def __init__(
        self,
        model: Recommender,
        train: Interactions,
        seed: int,
        *,
        temperature: float = 1.0,
        logq: bool = False,
    ) -> None:
        super().__init__(model, train, seed)
        self.temperature = temperature
        self.protocol = "full" if logq else "sampled"
        self.log_q = log_shares(train) if logq else None

    def identity(self) -> dict[str, Any]:
        """Class, seed, temperature, logQ."""
        own = {"temperature": self.temperature, "logq": self.log_q is not None}
        return {**super().identity(), **own}

    def loss(self, step: Step, progress: float) -> StepLoss:
        """The mean over the groups of a step."""
        device = self.model.vectors().device
        items, lengths = batches.padded(self.windows, step, "past")  # (P, T), (P,)
        users = torch.from_numpy(self.windows.user[step.window]).to(device)
        queries = self.model(items.to(device), lengths.to(device), users)  # (P, K, D)
        ids = batches.pair_items(self.windows, step)[0].to(device)  # (P,)
        log_q = None if self.log_q is None else self.log_q.to(device)
        group = Group(queries, self.model.vectors()[ids], ids)
        parts, shared = [group], None
        if step.negatives is None:
            parts = group.split(np.diff(step.bounds).tolist())
        else:
            drawn = torch.from_numpy(step.negatives).to(device)  # (G, N)
            of_drawn = None if log_q is None else log_q[drawn]  # (G, N)
            shared = Negatives(drawn, self.model.vectors()[drawn], of_drawn)
        losses = [
            seq2item_loss(
                part.past,
                part.targets,
                target_ids=part.target_ids,
                log_q=None if log_q is None else log_q[part.target_ids],
                temperature=self.temperature,
                negatives=shared,
            ).mean()  # of (B,)
            for part in parts
        ]
        total = torch.stack(losses).mean()
        return StepLoss(total, len(step.t), {"seq2item": total.detach()})
