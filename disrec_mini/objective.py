"""How a `DisRec` learns, seq2item and seq2seq: a step's cost, its schedule, hooks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from disrec_mini import batches
from disrec_mini.batches import Packed, Step, Windows
from disrec_mini.encoder import Encoder
from disrec_mini.intentions import IntentionLayer
from disrec_mini.interactions import Interactions
from disrec_mini.learning import PairObjective, log_shares
from disrec_mini.losses import Group, Negatives, group_loss, shared_loss
from disrec_mini.recommender import StepLoss
from disrec_mini.remedy import RemedyLayer
from disrec_mini.settings import DisRecConfig


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
        log_q = self.log_q if progress >= self.config.logq_start else None
        if log_q is not None:
            log_q = log_q.to(self.model.encoder.item_embedding.weight.device)
            self.log_q = log_q
        return step_loss(self.model, self.windows, step, weight=weight, log_q=log_q)

    def before_epoch(self, epoch: int) -> Sequence[str]:
        """The remedy places its prototypes after `remedy_epochs`, once."""
        layer = self.model.intentions
        waits = not isinstance(layer, RemedyLayer) or epoch <= self.config.remedy_epochs
        if waits or not layer.undivided:
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
    if log_q is not None and pairs.negatives is not None:
        drawn = replace(pairs.negatives, log_q=log_q[pairs.negatives.ids])  # (G, N)
        pairs = replace(pairs, negatives=drawn)
    sizes = np.diff(step.bounds).tolist()
    if pairs.negatives is None:
        losses = [
            group_loss(model.config, group, weight=weight, log_q=log_q)
            for group in pairs.split(sizes)
        ]
    else:
        losses = [shared_loss(model.config, pairs, sizes, weight=weight, log_q=log_q)]
    n, nothing = len(losses), z.new_zeros(())
    best = cluster.argmax(1)  # (P,), the strongest intention
    n_triples = sum(sizes) * cluster.shape[1]
    means: dict[str, Tensor | float] = {
        "seq2item": sum((x.seq2item.detach() / n for x in losses), nothing),
        "extra": sum((x.extra.detach() / n for x in losses), nothing),
        "kept": sum(x.kept for x in losses) / n_triples,
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
    ids = _wanted(model, windows, step)  # [(P,), (P,) or (0,), (G N,) or (0,)]
    rows = batches.packed(windows, step, with_future).to(table.weight.device)
    clicks = torch.cat([block.items.flatten() for block in rows.blocks])  # (n,)
    # one look-up for clicks and targets: the table's gradient is summed once
    h = table(torch.cat([clicks, *ids]))  # (n + P or n + 2 P, + G N, D)
    of_clicks, *wanted = h.split([len(clicks), *map(len, ids)])  # (n, D), (P, D), ...
    past, future, cluster, z = model.encode_packed(rows, of_clicks)
    return _group(step, past, future, ids, wanted), cluster, z


def _padded(
    model: Learner, windows: Windows, step: Step, with_future: bool, width: int | None
) -> Encoded:
    """Every pair by itself."""
    table = model.encoder.item_embedding
    device = table.weight.device
    ids = _wanted(model, windows, step)  # [(P,), (P,) or (0,), (G N,) or (0,)]

    def read(role: str) -> Any:
        items, lengths = batches.padded(windows, step, role, width)
        return model.read(items.to(device), lengths.to(device), role)

    past = read("past")
    future = read("future").phi if with_future else None
    wanted = [*table(torch.cat(ids)).split([*map(len, ids)])]  # (P, D), ...
    rows = torch.arange(len(step.t), device=device)
    last = torch.from_numpy(step.t - 1).to(device)
    group = _group(step, past.phi, future, ids, wanted)
    return group, past.cluster.detach()[rows, last], past.z.detach()[rows, last]


def _wanted(model: Learner, windows: Windows, step: Step) -> list[Tensor]:
    """Ids of next clicks (P,), of drawn ones (P,) and of negatives (G N,), or (0,)."""
    device = model.encoder.item_embedding.weight.device
    following, drawn = batches.pair_items(windows, step)  # (P,) each
    none = np.zeros(0, np.int64)
    shared = none if step.negatives is None else step.negatives.ravel()
    negatives = torch.from_numpy(shared)  # (G * N,)
    drawn = drawn if model.config.variant in (2, 3) else drawn[:0]
    return [batches.there(x, device) for x in (following, drawn, negatives)]


def _group(
    step: Step,
    past: Tensor,
    future: Tensor | None,
    ids: list[Tensor],
    vectors: list[Tensor],
) -> Group:
    """Pairs (P, K, D) with what `_wanted` asked for."""
    (following, drawn, shared), (targets, of_drawn, of_shared) = ids, vectors
    group = Group(past, targets, following, future)
    if len(drawn):
        group = replace(group, drawn=of_drawn, drawn_ids=drawn)
    if step.negatives is not None:
        shape = step.negatives.shape  # (G, N)
        others = Negatives(shared.view(shape), of_shared.unflatten(0, shape))
        group = replace(group, negatives=others)
    return group


# -- parts -----------------------------------------------------------------------------


def seq2seq_weight(config: DisRecConfig, epochs: float) -> float:
    """Weight of the seq2seq loss after so many (fractional) epochs."""
    if config.variant == 1 or epochs < config.seq2seq_start:
        return 0.0
    grown = (epochs - config.seq2seq_start) / (config.seq2seq_ramp or 1)
    return config.seq2seq_weight * (min(1.0, grown) if config.seq2seq_ramp else 1.0)
