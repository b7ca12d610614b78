"""BERT4Rec: self-attention in both directions fills hidden clicks in (Cloze).

Sun, Liu, Wu, Pei, Lin, Ou & Jiang, *BERT4Rec: Sequential Recommendation with
Bidirectional Encoder Representations from Transformer*, CIKM 2019.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disrec_mini import batches
from disrec_mini.baselines.objectives import check_can_learn, softmax
from disrec_mini.baselines.personal import with_bias
from disrec_mini.batches import Packed, Step
from disrec_mini.encoder import Dropout
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.learning import make_optimizer
from disrec_mini.recommender import (
    Names,
    Objective,
    Recommender,
    StepLoss,
    model_device,
)
from disrec_mini.settings import LENGTH, DisRecConfig, LearnConfig, again, setting


@dataclass(frozen=True)
class BERTConfig(LearnConfig):
    """Settings of BERT4Rec, besides those of every model that learns."""

    dim: int = setting("D, size of every vector", 64, low=1)
    n_blocks: int = again(DisRecConfig, "n_blocks", 2)
    heads: int = setting("parts of D that attend apart", 2, low=1)
    max_len: int = again(DisRecConfig, "max_len", 50, **LENGTH)
    dropout: float = again(DisRecConfig, "dropout", 0.1)
    hidden: float = setting(
        "share of a history's clicks that are hidden", 0.2, above=0, high=1
    )
    last: float = setting(
        "share of histories whose last click alone is hidden", 0.1, low=0, high=1
    )
    batch: int = setting("histories in a step", 256, low=1)
    negatives: int = setting(
        "N, negatives drawn from training clicks, shared by a step; 0 for all items",
        0,
        low=0,
    )
    learning_rate: float = again(LearnConfig, "learning_rate", 1e-3)
    item_decay: float = again(LearnConfig, "item_decay", 0.0)
    average: float = again(LearnConfig, "average", 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dim % self.heads:
            raise DisrecError(f"dim {self.dim} does not divide by {self.heads} heads.")


class BERT4Rec(Recommender):
    """score(j | x_1..x_t) = h_j . g(z_{t+1}) + b_j, with x_{t+1} a hidden click.

    z = blocks of self-attention in both directions over h + positions, each
    LN(x + attention(x)) and LN(x + W2 GELU(W1 x)); g = LN(GELU(W z + b)). The loss is
    the mean of -ln softmax_j(score(j)) at the clicks that are hidden.

    Left out: ten fixed copies of each history, each with its hidden clicks (here they
    are drawn anew in every epoch), warm-up and decay of the learning rate, weight decay
    of .01, and validation clicks in training, all in the published code.
    """

    kind = "bert4rec"
    config_type = BERTConfig

    def __init__(self, config: BERTConfig, item_names: Names = None) -> None:
        super().__init__(config, item_names)
        dim = config.dim
        self.items = nn.Embedding(config.n_items + 1, dim + 1)
        self.hidden = nn.Parameter(torch.zeros(dim))
        self.positions = nn.Embedding(config.max_len + 1, dim)
        self.norm, self.dropout = nn.LayerNorm(dim), Dropout(config.dropout)
        block = nn.TransformerEncoderLayer(
            dim, config.heads, 4 * dim, config.dropout, "gelu", batch_first=True
        )
        block.dropout1 = block.dropout2 = block.dropout = self.dropout
        self.blocks = nn.TransformerEncoder(
            block, config.n_blocks, enable_nested_tensor=False
        )
        self.head = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.LayerNorm(dim))
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04)
        nn.init.normal_(self.hidden, std=0.02)
        with torch.no_grad():
            self.items.weight[0] = 0
            self.items.weight[:, -1] = 0

    def states(self, items: Tensor, hidden: Tensor) -> Tensor:
        """(R, T) clicks, True where one is hidden -> (R, T, D + 1), g(z) and a 1."""
        click = (items > 0) | hidden  # (R, T)
        h = self.items(items)[..., :-1]  # (R, T, D)
        h = torch.where(hidden[..., None], self.hidden, h)
        place = torch.arange(items.shape[1], device=items.device)  # (T,)
        place = place.clamp_max(self.config.max_len)  # padding may reach further
        x = self.dropout(self.norm(h + self.positions(place)))
        z = self.blocks(x, src_key_padding_mask=~click)
        return with_bias(self.head(z))

    def forward(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """A hidden click after the last: (B, T), (B,) -> (B, 1, D + 1)."""
        row = torch.arange(len(items), device=items.device)
        longer = F.pad(items, (0, 1))  # (B, T + 1)
        hidden = torch.zeros_like(longer, dtype=torch.bool)
        hidden[row, lengths] = True
        return self.states(longer, hidden)[row, lengths].unsqueeze(1)

    def vectors(self) -> Tensor:
        """(M + 1, D + 1), h_j and b_j."""
        return self.items.weight

    def objective(self, train: Interactions, seed: int) -> "Cloze":
        """Hidden clicks, from the clicks around them."""
        return Cloze(self, train, seed)


@dataclass(frozen=True)
class Gaps:
    """Histories of a step, each in a row of its own, and which clicks are hidden.

    hidden : (n tokens,) bool, over all blocks of `rows`. negatives : (N,) items, or
    none. n_clicks : in the step.
    """

    rows: Packed
    hidden: Tensor
    negatives: Tensor
    n_clicks: int


class Cloze(Objective):
    """Hide some clicks of each history and predict them.

    In a share `last` of the histories the last click alone is hidden, as when the
    model is asked; in the others max(1, round(hidden * clicks)), drawn uniformly.
    """

    def __init__(self, model: BERT4Rec, train: Interactions, seed: int) -> None:
        super().__init__(seed)
        check_can_learn(model, train)
        self.model, self.config, self.train = model, model.config, train
        self.windows = batches.make_windows(train, self.config.max_len)
        self.n_pairs = int(self.windows.length.sum())
        self.n_steps = -(-len(self.windows.length) // self.config.batch)
        self.average = self.config.average

    def optimizer(self) -> torch.optim.Optimizer:
        """Adam, see `make_optimizer`."""
        return make_optimizer(self.model)

    def steps(self, epoch: int, part: tuple[int, int] = (0, 1)) -> Iterator[Gaps]:
        """All histories in random order, `batch` at once."""
        rank, world = part
        order = np.random.default_rng([self.seed, epoch]).permutation(
            len(self.windows.length)
        )
        for nth in range(rank, self.n_steps, world):
            rng = np.random.default_rng([self.seed, epoch, 1 + nth])
            yield self.gaps(order[nth * self.config.batch :][: self.config.batch], rng)

    def gaps(self, window: np.ndarray, rng: np.random.Generator) -> Gaps:
        """A step of these windows (W,)."""
        config, window = self.config, np.sort(window)  # as `packed` numbers them
        length = self.windows.length[window]  # (W,)
        step = Step(window, length, np.array([0, len(window)]), length - 1)
        rows = batches.packed(self.windows, step, False, alone=True)
        segment = torch.cat([block.segment.flatten() for block in rows.blocks]).numpy()
        key = rng.random(len(segment))  # those with the smallest are hidden
        alone = rng.random(len(window)) < config.last  # (W,)
        key[rows.past[torch.from_numpy(alone)]] = -1
        size = np.maximum(1, np.round(config.hidden * length)).astype(np.int64)  # (W,)
        size[alone] = 1
        order = np.lexsort((key, segment))[(segment < 0).sum() :]  # (c,), by history
        place = np.arange(len(order)) - np.repeat(np.cumsum(length) - length, length)
        hidden = np.zeros(len(segment), bool)
        hidden[order] = place < np.repeat(size, length)
        items = self.windows.items
        drawn = items[rng.integers(0, len(items), config.negatives)]  # (N,)
        others = torch.from_numpy(drawn)
        return Gaps(rows, torch.from_numpy(hidden), others, len(order))

    def loss(self, step: Gaps, progress: float) -> StepLoss:
        """The mean over the hidden clicks of a step."""
        device = model_device(self.model)
        rows, hidden = step.rows.to(device), step.hidden.to(device)
        sizes = [block.items.numel() for block in rows.blocks]
        asked = [
            (block.items, mask.view_as(block.items))
            for block, mask in zip(rows.blocks, hidden.split(sizes), strict=True)
        ]
        queries = torch.cat([self.model.states(*x)[x[1]] for x in asked])  # (n, D + 1)
        ids = torch.cat([items[mask] for items, mask in asked])  # (n,)
        others = step.negatives.to(device)  # (N,)
        if len(others):
            every = F.embedding(torch.cat([ids, others]), self.model.vectors())
            h, of_others = every.split([len(ids), len(others)])  # (n or N, D + 1)
            own = (queries * h).sum(1, keepdim=True)  # (n, 1)
            counts = ids[:, None] != others  # (n, N)
            loss = softmax(own, queries @ of_others.T, counts).mean()  # of (n,)
        else:
            every = self.model.vectors()[1:]  # (M, D + 1)
            loss = F.cross_entropy(queries @ every.T, ids - 1)  # of (n, M)
        return StepLoss(loss, step.n_clicks, {"cloze": loss.detach()})
