"""FPMC: matrix factorisation, and one from each click to the next.

Rendle, Freudenthaler & Schmidt-Thieme, *Factorizing Personalized Markov Chains for
Next-Basket Recommendation*, WWW 2010.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from disrec_mini.baselines.objectives import NextItem, NextItemConfig
from disrec_mini.baselines.personal import Personal
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Names
from disrec_mini.settings import again, setting


@dataclass(frozen=True)
class FPMCConfig(NextItemConfig):
    """Settings of FPMC, besides those of every baseline that learns."""

    dim: int = setting("D, size of every vector", 64, low=1)
    loss: str = again(NextItemConfig, "loss", "bpr")
    unseen: int = again(NextItemConfig, "unseen", 1)
    item_decay: float = again(NextItemConfig, "item_decay", 1.0)


class FPMC(Personal):
    """score(j | u, x_t) = v_u . w_j + a_{x_t} . c_j, with baskets of one click.

    The loss is BPR's: -ln s(score(x_{t+1}) - score(j)), j drawn uniformly from what u
    never clicked. A user it does not know gets the mean v.

    Left out: baskets of several items, and single steps of gradient descent, each with
    its own decay. The paper draws j from outside the next basket alone.
    """

    kind = "fpmc"
    config_type = FPMCConfig
    reads = 1

    def __init__(
        self,
        config: FPMCConfig,
        item_names: Names = None,
        n_users: int = 1,
    ) -> None:
        super().__init__(config, item_names, n_users)
        self.items = nn.Embedding(config.n_items + 1, 2 * config.dim)
        self.last = nn.Embedding(config.n_items + 1, config.dim, padding_idx=0)
        self.start(0.1 / config.dim**0.5, self.items, self.last)

    def forward(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """(B, 1, 2 D), v_u and a of the last click."""
        last = items.gather(1, lengths[:, None] - 1)[:, 0]  # (B,)
        both = [self.of(users, len(items)), self.last(last)]  # (B, D) each
        return torch.cat(both, 1).unsqueeze(1)

    def vectors(self) -> Tensor:
        """(M + 1, 2 D), w_j and c_j."""
        return self.items.weight

    def tables(self) -> list[Tensor]:
        """Everything decays."""
        return [self.items.weight, self.people.weight, self.last.weight]

    def objective(self, train: Interactions, seed: int) -> NextItem:
        """The next click against items that the user never clicked."""
        return NextItem(self, train, seed)
