"""Caser: the latest clicks as a picture, read by convolutions.

Tang & Wang, *Personalized Top-N Sequential Recommendation via Convolutional Sequence
Embedding*, WSDM 2018.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disrec_mini.baselines.objectives import NextItem, NextItemConfig
from disrec_mini.baselines.personal import Personal, with_bias
from disrec_mini.encoder import Dropout
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Names
from disrec_mini.settings import again, setting


@dataclass(frozen=True)
class CaserConfig(NextItemConfig):
    """Settings of Caser, besides those of every baseline that learns."""

    dim: int = setting("D, size of every vector", 50, low=1)
    max_len: int = setting("L, how many of the latest clicks are read", 5, low=1)
    ahead: int = setting("T, the click to predict is one of the next T", 3, low=1)
    horizontal: int = setting("filters of each height 1..L, D wide", 16, low=1)
    vertical: int = setting("filters L high and 1 wide", 4, low=1)
    dropout: float = setting("share of z dropped in training", 0.5, low=0, high=0.99)
    loss: str = again(NextItemConfig, "loss", "bce")
    unseen: int = again(NextItemConfig, "unseen", 3)
    l2: float = again(NextItemConfig, "l2", 1e-6)


class Caser(Personal):
    """score(j | u, x_1..x_t) = w_j . [z, p_u] + b_j, with z = ReLU(W [o, o'] + b).

    E (L, D) holds the vectors of the latest L clicks, the newest below, 0 above when
    there are fewer. o : max over places of ReLU(F . E), F each horizontal filter,
    1..L clicks high. o' : sum over clicks of weight times E, each vertical filter.
    The loss is BCE's, with `unseen` negatives that u never clicked.

    A user it does not know gets the mean p. Left out: all T next clicks as targets at
    once; each epoch draws one of them. The published code adds a bias to the vertical
    filters, and takes means over T targets and 3 negatives where the paper sums.
    """

    kind = "caser"
    config_type = CaserConfig

    def __init__(
        self,
        config: CaserConfig,
        item_names: Names = None,
        n_users: int = 1,
    ) -> None:
        super().__init__(config, item_names, n_users)
        dim, height = config.dim, config.max_len
        self.clicks = nn.Embedding(config.n_items + 1, dim, padding_idx=0)
        self.items = nn.Embedding(config.n_items + 1, 2 * dim + 1)
        self.horizontal = nn.ModuleList(
            nn.Conv1d(dim, config.horizontal, n) for n in range(1, height + 1)
        )
        self.vertical = nn.Linear(height, config.vertical, bias=False)
        width = config.horizontal * height + config.vertical * dim
        self.mix, self.dropout = nn.Linear(width, dim), Dropout(config.dropout)
        self.start(1 / dim, self.clicks, self.items)
        with torch.no_grad():
            self.clicks.weight[0] = 0
            self.items.weight[:, -1] = 0

    def forward(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """(B, T), (B,) -> (B, 1, 2 D + 1): z, p_u and a 1."""
        height = self.config.max_len
        place = torch.arange(height, device=items.device) - height  # (L,)
        place = place + lengths[:, None]  # (B, L), < 0 above the first click
        latest = items.gather(1, place.clamp_min(0)) * (place >= 0)  # (B, L)
        e = self.clicks(latest).transpose(1, 2)  # (B, D, L)
        heights = [F.relu(filters(e)).amax(2) for filters in self.horizontal]  # (B, n)
        o = torch.cat([*heights, self.vertical(e).flatten(1)], 1)  # (B, all of them)
        z = F.relu(self.mix(self.dropout(o)))  # (B, D)
        both = torch.cat([z, self.of(users, len(items))], 1)  # (B, 2 D)
        return with_bias(both).unsqueeze(1)

    def vectors(self) -> Tensor:
        """(M + 1, 2 D + 1), w_j and b_j."""
        return self.items.weight

    def tables(self) -> list[Tensor]:
        """All tables decay."""
        return [self.items.weight, self.people.weight, self.clicks.weight]

    def objective(self, train: Interactions, seed: int) -> NextItem:
        """One of the next T clicks against items that the user never clicked."""
        return NextItem(self, train, seed, ahead=self.config.ahead)
