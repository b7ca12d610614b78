"""BPR-MF: matrix factorisation that learns who prefers what to what.

Rendle, Freudenthaler, Gantner & Schmidt-Thieme, *BPR: Bayesian Personalized Ranking
from Implicit Feedback*, UAI 2009.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from disrec_mini.baselines.objectives import NextItem, NextItemConfig
from disrec_mini.baselines.personal import Personal, every_click, with_bias
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Names
from disrec_mini.settings import again, setting


@dataclass(frozen=True)
class BPRConfig(NextItemConfig):
    """Settings of BPR-MF, besides those of every baseline that learns."""

    dim: int = setting("D, size of every vector", 64, low=1)
    loss: str = again(NextItemConfig, "loss", "bpr")
    unseen: int = again(NextItemConfig, "unseen", 1)
    item_decay: float = again(NextItemConfig, "item_decay", 1.0)


class BPRMF(Personal):
    """score(j | u) = p_u . q_j + b_j; the order of clicks is not read.

    -ln s(score(i | u) - score(j | u)), s the logistic function, for each click i and an
    item j, drawn uniformly, that u never clicked; `item_decay` holds vectors of items
    and of users small.

    Left out: single steps of gradient descent, each with its own decay; here Adam
    learns from `group_size` pairs at once. The bias b_j is not in the paper's
    factorisation, but in most of its implementations.
    """

    kind = "bpr-mf"
    config_type = BPRConfig
    reads_clicks = False
    reads = 1

    def __init__(
        self,
        config: BPRConfig,
        item_names: Names = None,
        n_users: int = 1,
    ) -> None:
        super().__init__(config, item_names, n_users)
        self.items = nn.Embedding(config.n_items + 1, config.dim + 1)
        self.start(0.1 / config.dim**0.5, self.items)

    def forward(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """(B, 1, D + 1), p_u and a 1."""
        return with_bias(self.of(users, len(items))).unsqueeze(1)

    def vectors(self) -> Tensor:
        """(M + 1, D + 1), q_j and b_j."""
        return self.items.weight

    def tables(self) -> list[Tensor]:
        """Users decay as items do."""
        return [self.items.weight, self.people.weight]

    def objective(self, train: Interactions, seed: int) -> NextItem:
        """Each click against items that the user never clicked."""
        return NextItem(self, every_click(train), seed)
