"""NCF: a network instead of the dot product (NeuMF).

He, Liao, Zhang, Nie, Hu & Chua, *Neural Collaborative Filtering*, WWW 2017.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disrec_mini.baselines.objectives import NextItem, NextItemConfig
from disrec_mini.baselines.personal import Personal, every_click
from disrec_mini.checks import check_candidates
from disrec_mini.encoder import Dropout
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Names
from disrec_mini.settings import again, setting


@dataclass(frozen=True)
class NCFConfig(NextItemConfig):
    """Settings of NCF, besides those of every baseline that learns."""

    dim: int = setting("D, of each of a user's, and an item's, two vectors", 32, low=1)
    layers: int = setting("hidden layers of the network, each half as wide", 3, low=1)
    dropout: float = setting(
        "share of activations dropped in training", 0.0, low=0, high=0.99
    )
    loss: str = again(NextItemConfig, "loss", "bce")
    unseen: int = again(NextItemConfig, "unseen", 4, low=1)


class NCF(Personal):
    """score(j | u) = w . [p_u * q_j, MLP(p'_u, q'_j)]; the order of clicks is not read.

    `*` multiplies number by number. Layer n of the MLP has 2 D / 2^n ReLUs. The loss is
    -ln s(score(i | u)) - sum_j ln(1 - s(score(j | u))), s the logistic function, for
    each click i and `unseen` items j, drawn uniformly, that u never clicked.

    Left out: training both halves alone first.
    """

    kind = "ncf"
    config_type = NCFConfig
    reads_clicks = False
    reads = 1

    def __init__(
        self,
        config: NCFConfig,
        item_names: Names = None,
        n_users: int = 1,
    ) -> None:
        super().__init__(config, item_names, n_users, width=2 * config.dim)
        self.items = nn.Embedding(config.n_items + 1, 2 * config.dim)
        widths = [2 * config.dim >> n for n in range(config.layers + 1)]
        if not widths[-1]:
            raise DisrecError(
                f"{config.layers} layers are too many for dim {config.dim}: each is "
                "half as wide as the one before."
            )
        # the first layer reads both vectors: user's and item's share, added
        self.of_user = nn.Linear(config.dim, widths[1])
        self.of_item = nn.Linear(config.dim, widths[1], bias=False)
        self.layers = nn.ModuleList(map(nn.Linear, widths[1:], widths[2:]))
        self.dropout = Dropout(config.dropout)
        self.out = nn.Linear(config.dim + widths[-1], 1)
        self.start(0.01, self.items)

    def compare(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of some items for each user: (B,), (B, C) or (1, C) -> (B, C)."""
        p, p_mlp = self.people(users).unsqueeze(1).chunk(2, -1)  # (B, 1, D) each
        q, q_mlp = self.items(items).chunk(2, -1)  # (B, C, D) each
        hidden = F.relu(self.of_user(p_mlp) + self.of_item(q_mlp))  # (B, C, D)
        for layer in self.layers:
            hidden = F.relu(layer(self.dropout(hidden)))  # (B, C, half as many)
        both = torch.cat([p * q, hidden], -1)  # (B, C, D + last layer's)
        return self.out(both)[..., 0]

    @torch.no_grad()
    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """(B, M + 1); column 0 is -inf."""
        self.check(items, lengths, users)
        assert users is not None
        every = torch.arange(self.n_items + 1, device=users.device)
        some = every.split(max(1, 2**16 // len(users)))  # what fits a cache
        scores = [self.compare(users, ids[None]) for ids in some]
        return torch.cat(scores, 1).index_fill(1, every[:1], -math.inf)

    @torch.no_grad()
    def score_candidates(
        self,
        items: Tensor,
        lengths: Tensor,
        candidates: Tensor,
        users: Tensor | None = None,
    ) -> Tensor:
        """`score` at some items only: candidates (B, C) -> (B, C)."""
        self.check(items, lengths, users)
        check_candidates(candidates, len(items), self.n_items)
        assert users is not None
        scores = self.compare(users, candidates)  # (B, C)
        return scores.masked_fill(candidates == 0, -math.inf)

    def tables(self) -> list[Tensor]:
        """Users decay as items do."""
        return [self.items.weight, self.people.weight]

    def objective(self, train: Interactions, seed: int) -> NextItem:
        """Each click, a yes, and items that the user never clicked, each a no."""
        return NextItem(self, every_click(train), seed)
