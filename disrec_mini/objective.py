"""How a `DisRec` learns: one step's cost, its schedule, the remedy's hooks.

`PairObjective` is the part that any model can use which learns from (past, future)
pairs; `SelfSupervision` is the paper's, seq2item and seq2seq.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from disrec_mini import batches
from disrec_mini.batches import Packed, Step, Windows
from disrec_mini.encoder import Encoder
from disrec_mini.intentions import IntentionLayer
from disrec_mini.interactions import Interactions
from disrec_mini.losses import Group, group_loss
from disrec_mini.recommender import Objective, Recommender, StepLoss
from disrec_mini.remedy import RemedyLayer
from disrec_mini.settings import DisRecConfig


class PairObjective(Objective):
    """Learning from every (u, t) pair once an epoch, in groups: `batches.steps`."""

    def __init__(self, model: Any, train: Interactions, seed: int) -> None:
        super().__init__(seed)
        self.model: Any = model
        self.config: Any = model.config
        longest = int(train.lengths.max(initial=1))
        self.windows = batches.make_windows(train, model.max_len or longest)
        self.n_pairs = self.windows.n_pairs
        size = self.config.group_size, self.config.groups
        self.n_steps = batches.n_steps(self.windows, *size)
        self.average = self.config.average

    def optimizer(self) -> torch.optim.Optimizer:
        """Adam, see `make_optimizer`."""
        return make_optimizer(self.model)

    def steps(self, epoch: int, part: tuple[int, int] = (0, 1)) -> Iterator[Step]:
        """`batches.steps` in an order of this epoch's own."""
        rank, world = part
        rng = np.random.default_rng([self.seed, epoch])
        size = self.config.group_size, self.config.groups
        every = batches.steps(self.windows, *size, rng, self.horizon())
        return (step for nth, step in enumerate(every) if nth % world == rank)

    def horizon(self) -> int | None:
        """How far ahead `Step.drawn` may lie; None: anywhere in the future."""
        return None


class SelfSupervision(PairObjective):
    """The paper's two losses, the weight of the second, and the remedy's hooks.

    Parameters
    ----------
    model : a `DisRec`. train : training clicks.
    """

    advice = "a lower learning rate, a lower seq2seq_weight or a higher temperature"
    names: ClassVar[dict[str, str]] = {"extra": "seq2seq"}

    def __init__(self, model: "Learner", train: Interactions, seed: int) -> None:
        super().__init__(model, train, seed)
        self.protocol = "full" if self.config.logq else "sampled"
        self.log_q = log_shares(train) if self.config.logq else None

    def horizon(self) -> int | None:
        """Variant 3 looks three clicks ahead."""
        return 3 if self.config.variant == 3 else None

    def loss(self, step: Step, progress: float) -> StepLoss:
        """`step_loss` with the weight of this moment."""
        weight = seq2seq_weight(self.config, progress)
        if self.log_q is not None:
            self.log_q = self.log_q.to(self.model.encoder.item_embedding.weight.device)
        return step_loss(
            self.model, self.windows, step, weight=weight, log_q=self.log_q
        )

    def before_epoch(self, epoch: int) -> Sequence[str]:
        """The remedy places its prototypes after `remedy_epochs`, once."""
        layer = self.model.intentions
        waits = not isinstance(layer, RemedyLayer) or epoch <= self.config.remedy_epochs
        if waits or not bool(layer.uniform):
            return ()
        self.model.eval()
        rng = np.random.default_rng([self.seed, 0])
        step = next(iter(batches.steps(self.windows, 4096, 1, rng)))
        with torch.no_grad():
            rows = batches.packed(self.windows, step, False).to(layer.alpha.device)
            *_, z = self.model.encode_packed(rows)  # (P, D)
        layer.start_prototypes(z, self.generator)
        return "intentions.prototypes", "intentions.uniform"

    def after_step(self, loss: StepLoss) -> None:
        """The remedy follows the mean of z."""
        if isinstance(self.model.intentions, RemedyLayer):
            _, z = loss.seen
            self.model.intentions.track_mean(z)

    def counts(self, epoch: int) -> bool:
        """Not before the remedy divides the clicks among several intentions."""
        waits = self.config.remedy and self.config.n_intents > 1
        return not waits or epoch > self.config.remedy_epochs


class Learner(Protocol):
    """What `SelfSupervision` needs of a model: a `DisRec` has it."""

    config: DisRecConfig
    encoder: Encoder
    intentions: IntentionLayer

    def read(self, items: Tensor, lengths: Tensor, role: str) -> Any: ...

    def encode_packed(
        self, rows: Packed, vectors: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor]: ...


# -- one step of the paper's -----------------------------------------------------------


def step_loss(
    model: Learner,
    windows: Windows,
    step: Step,
    *,
    weight: float,
    log_q: Tensor | None = None,
    width: int | None = None,
) -> StepLoss:
    """The objective of one step: the mean of `group_loss` over its groups.

    Parameters
    ----------
    weight : seq2seq weight now. log_q : (n_items + 1,), on the model's device, or None.
    width : sampler "pairs" only: pad to this length, None for the longest.

    Returns
    -------
    StepLoss, `means` with the two losses, the share of triples kept, and hard and soft
    usage (K,); `seen` with p_{k|i} (P, K) and z (P, D) of each past's last click.
    """
    with_future = model.config.uses_seq2seq and weight > 0
    encode = _packed if model.config.sampler == "packed" else _padded
    pairs, cluster, z = encode(model, windows, step, with_future, width)
    groups = pairs.split(np.diff(step.bounds).tolist())
    losses = [
        group_loss(model.config, group, weight=weight, log_q=log_q) for group in groups
    ]
    n, nothing = len(groups), z.new_zeros(())
    best = cluster.argmax(1)  # (P,), the strongest intention
    means: dict[str, Tensor | float] = {
        "seq2item": sum((x.seq2item.detach() / n for x in losses), nothing),
        "extra": sum((x.extra.detach() / n for x in losses), nothing),
        "kept": sum(x.kept for x in losses) / cluster.numel(),
        "hard_usage": torch.bincount(best, minlength=cluster.shape[1]) / len(best),
        "soft_usage": cluster.mean(0),  # (K,)
    }
    total = sum((x.total / n for x in losses), nothing)
    return StepLoss(total, len(step.t), means, {"weight": weight}, (cluster, z))


Encoded = tuple[Group, Tensor, Tensor]  # P pairs, p_{k|i} (P, K), z (P, D)


def _packed(
    model: Learner, windows: Windows, step: Step, with_future: bool, width: int | None
) -> Encoded:
    """Every window once."""
    table = model.encoder.item_embedding
    ids, wanted = _wanted(model, windows, step)  # 2 x (P,), (1 or 2, P)
    rows = batches.packed(windows, step, with_future).to(table.weight.device)
    clicks = torch.cat([block.items.flatten() for block in rows.blocks])  # (n,)
    # one look-up for clicks and targets: the table's gradient is summed once
    h = table(torch.cat([clicks, wanted.flatten()]))  # (n + P or n + 2 P, D)
    # (n, D) and (P or 2 P, D)
    of_clicks, of_wanted = h.split([len(clicks), wanted.numel()])
    targets, *drawn = of_wanted.unflatten(0, wanted.shape)  # (P, D) each
    past, future, cluster, z = model.encode_packed(rows, of_clicks)
    group = Group(past, targets, ids[0], future, *_drawn(drawn, ids[1]))
    return group, cluster, z


def _padded(
    model: Learner, windows: Windows, step: Step, with_future: bool, width: int | None
) -> Encoded:
    """Every pair by itself."""
    table = model.encoder.item_embedding
    device = table.weight.device
    ids, wanted = _wanted(model, windows, step)

    def read(role: str) -> Any:
        items, lengths = batches.padded(windows, step, role, width)
        return model.read(items.to(device), lengths.to(device), role)

    past = read("past")
    future = read("future").phi if with_future else None
    targets, *drawn = table(wanted)  # (P, D) each
    rows = torch.arange(len(step.t), device=device)
    last = torch.from_numpy(step.t - 1).to(device)
    group = Group(past.phi, targets, ids[0], future, *_drawn(drawn, ids[1]))
    return group, past.cluster.detach()[rows, last], past.z.detach()[rows, last]


def _wanted(
    model: Learner, windows: Windows, step: Step
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Ids of next and drawn clicks (P,), and those whose vectors are needed (n, P)."""
    device = model.encoder.item_embedding.weight.device
    following, drawn = (x.to(device) for x in batches.pair_items(windows, step))  # (P,)
    of_both = [following, drawn] if model.config.variant in (2, 3) else [following]
    return (following, drawn), torch.stack(of_both)  # 2 x (P,), (n, P)


def _drawn(vectors: list[Tensor], ids: Tensor) -> tuple[Tensor | None, Tensor | None]:
    return (vectors[0], ids) if vectors else (None, None)


# -- parts -----------------------------------------------------------------------------


def seq2seq_weight(config: DisRecConfig, epochs: float) -> float:
    """Weight of the seq2seq loss after so many (fractional) epochs."""
    if config.variant == 1 or epochs < config.seq2seq_start:
        return 0.0
    grown = (epochs - config.seq2seq_start) / (config.seq2seq_ramp or 1)
    return config.seq2seq_weight * (min(1.0, grown) if config.seq2seq_ramp else 1.0)


def log_shares(train: Interactions) -> Tensor:
    """(n_items + 1,) ln q_j, q_j the share of j among the training targets.

    Targets are all clicks but each user's first. 0 for items that are never a target.
    """
    first = train.offsets[:-1][train.lengths > 0]
    counts = train.counts() - np.bincount(
        train.items[first], minlength=train.n_items + 1
    )
    share = np.where(counts > 0, counts, 1) / max(counts.sum(), 1)
    return torch.from_numpy(np.where(counts > 0, np.log(share), 0.0)).float()


def make_optimizer(model: Recommender) -> torch.optim.Optimizer:
    """Adam with the item table in a group of its own, fused where torch can.

    `item_decay` w makes it AdamW: H <- (1 - learning_rate w) H before each step; `l2`
    adds l2 H to the gradient. The item table is `vectors()`, where that is a parameter.
    """
    config, vectors = model.config, model.vectors() if model.dot_products else None
    table = [p for p in model.parameters() if p is vectors]
    rest = [p for p in model.parameters() if p is not vectors]
    kind = torch.optim.AdamW if config.item_decay else torch.optim.Adam
    groups = [
        {"params": table, "weight_decay": config.item_decay or config.l2},
        {"params": rest, "weight_decay": 0.0},
    ]
    try:
        return kind(groups, lr=config.learning_rate, fused=True)
    except RuntimeError:  # this device has no fused Adam
        return kind(groups, lr=config.learning_rate)
