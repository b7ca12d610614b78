"""`fit`: the loop, its schedule, progress, checkpoints and resume. Chapter 10."""

import hashlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from disrec_mini import batches
from disrec_mini.batches import Step, Windows
from disrec_mini.candidates import draw_negatives
from disrec_mini.checks import check_whole
from disrec_mini.errors import DisrecError
from disrec_mini.evaluation import evaluate, per_user
from disrec_mini.files import remove_leftovers, write_atomic
from disrec_mini.interactions import Interactions
from disrec_mini.losses import group_loss
from disrec_mini.model import DisRec, read_torch
from disrec_mini.settings import DisRecConfig
from disrec_mini.splitting import Split

FORMAT = "disrec_mini checkpoint 1"
AVERAGE_EVERY = 5  # steps between two updates of the average


@dataclass
class History:
    """What happened in training.

    epochs : one dict an epoch: losses, pairs_per_second, seconds, seq2seq weight and
        kept share, hard and soft usage of the intentions, and `valid` when measured.
    best_epoch : the epoch whose weights were kept (0 = none measured).
    stopped_by : "epochs", "patience", "minutes" or "interrupt".
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_value: float = -math.inf
    stopped_by: str = ""
    metric: str = ""

    @property
    def seconds(self) -> float:
        """Time spent in epochs, over all resumes."""
        return sum(epoch["seconds"] for epoch in self.epochs)

    def curve(self, name: str) -> list[tuple[int, float]]:
        """(epoch, value) of a loss, or of a validation metric such as "ndcg@10"."""
        rows = [(e["epoch"], {**e, **e.get("valid", {})}) for e in self.epochs]
        return [(epoch, row[name]) for epoch, row in rows if name in row]


# -- one step --------------------------------------------------------------------------


@dataclass(frozen=True)
class StepLoss:
    """Mean over the groups of a step, and what the clicks looked like.

    total, seq2item, extra : scalars. kept : share of the triples seq2seq kept.
    cluster (P, K): p_{k|i} of each past's last click. z (n, D): clicks, detached.
    """

    total: Tensor
    seq2item: Tensor
    extra: Tensor
    kept: float
    cluster: Tensor
    z: Tensor


def step_loss(
    model: DisRec,
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
    weight : seq2seq weight now. log_q : (n_items + 1,) or None.
    width : sampler "pairs" only: pad to this length, None for the longest.
    """
    config, table = model.config, model.encoder.item_embedding
    device = table.weight.device
    with_future = config.uses_seq2seq and weight > 0
    ids, drawn_ids = (x.to(device) for x in batches.pair_items(windows, step))
    wanted = torch.stack([ids, drawn_ids]) if config.variant in (2, 3) else ids[None]
    if config.sampler == "packed":
        rows = batches.packed(windows, step, with_future).to(device)
        clicks = torch.cat([block.items.flatten() for block in rows.blocks])
        # one look-up for clicks and targets: the table's gradient is summed once
        h = table(torch.cat([clicks, wanted.flatten()]))
        of_clicks, of_wanted = h.split([len(clicks), wanted.numel()])
        encoded = model.encode_packed(rows, of_clicks)
        targets, *drawn = of_wanted.unflatten(0, wanted.shape)  # (P, D)
    else:
        encoded = _encode_pairs(model, windows, step, with_future, device, width)
        targets, *drawn = table(wanted)
    past, future, cluster, z = encoded
    total, seq2item, extra = (past.new_zeros(()) for _ in range(3))
    kept, n_groups = 0, len(step.bounds) - 1
    sizes = np.diff(step.bounds).tolist()

    def by_group(rows: Tensor | None) -> Sequence[Tensor | None]:
        # split, not slices: each slice's gradient would be a zero-filled whole
        return [None] * n_groups if rows is None else rows.split(sizes)

    groups = zip(
        past.split(sizes),
        by_group(future),
        targets.split(sizes),
        ids.split(sizes),
        by_group(drawn[0] if drawn else None),
        drawn_ids.split(sizes),
        strict=True,
    )
    for one_past, one_future, one_targets, one_ids, one_drawn, one_drawn_ids in groups:
        loss = group_loss(
            config,
            one_past,
            one_future,
            one_targets,
            one_ids,
            weight=weight,
            log_q=log_q,
            drawn=one_drawn,
            drawn_ids=one_drawn_ids,
        )
        total = total + loss.total / n_groups
        seq2item = seq2item + loss.seq2item.detach() / n_groups
        extra = extra + loss.extra.detach() / n_groups
        kept += loss.kept
    share = kept / cluster.numel()
    return StepLoss(total, seq2item, extra, share, cluster, z)


Encoded = tuple[Tensor, Tensor | None, Tensor, Tensor]


def _encode_pairs(
    model: DisRec,
    windows: Windows,
    step: Step,
    with_future: bool,
    device: torch.device,
    width: int | None,
) -> Encoded:
    def read(role: str) -> Any:
        items, lengths = batches.padded(windows, step, role, width)
        return model.encode(items.to(device), lengths.to(device), role)

    past = read("past")
    future = read("future").phi if with_future else None
    last = torch.from_numpy(step.t - 1).to(device)
    rows = torch.arange(len(last), device=device)
    ends = past.z.detach()[rows, last]
    return past.phi, future, past.cluster.detach()[rows, last], ends


# -- the loop --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """The arguments of `fit` that decide the result; a resume must agree with them."""

    epochs: int
    seed: int
    validate_every: int
    patience: int | None
    select: str
    protocol: str
    valid_users: int

    def __post_init__(self) -> None:
        for name in ("epochs", "validate_every", "valid_users"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise DisrecError(f"{name} must be a whole number >= 1, not {value!r}.")
        object.__setattr__(self, "seed", check_whole(self.seed, "seed", 0))
        per_user(np.ones(1), self.select)  # complains of an unknown metric
        if self.patience is not None and self.patience < 1:
            raise DisrecError("patience must be at least 1 validation, or None.")
        if self.protocol not in ("sampled", "full"):
            raise DisrecError(
                f"protocol must be 'sampled' or 'full', not {self.protocol!r}."
            )


def fit(
    model: DisRec,
    split: Split,
    *,
    epochs: int = 20,
    seed: int = 0,
    device: str = "auto",
    validate_every: int = 1,
    patience: int | None = None,
    select: str = "ndcg@10",
    protocol: str | None = None,
    valid_users: int = 10_000,
    minutes: float | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_epoch: Callable[[dict[str, Any], DisRec], None] | None = None,
) -> History:
    """Train a model in place; it ends with the weights that validated best.

    Parameters
    ----------
    model : trained in place. split : from `leave_one_out`; the test part is not read.
    epochs : each visits every (past, future) pair once. With the remedy and several
        intentions, weights of the first `remedy_epochs` are never kept as the best.
    seed : of the order of pairs and of dropout.
    device : "auto" (CUDA, then MPS, then CPU) or a torch device name.
    validate_every, patience : epochs between validations; stop after `patience` of them
        without a better value (None: never).
    select, protocol : metric and protocol of validation; None is "full" with logq,
        else "sampled". valid_users : at most this many users, the same every time.
    minutes : stop after the first epoch that ends later than this.
    out : folder for `checkpoint.pt`, written after every epoch, atomically.
    resume : go on from `out`'s checkpoint; without one, start from the beginning.
    on_epoch : called with each epoch's dict and the model that was validated.

    Returns
    -------
    History. After Ctrl-C too, with stopped_by = "interrupt".
    """
    config = model.config
    protocol = protocol or ("full" if config.logq else "sampled")
    plan = _Plan(epochs, seed, validate_every, patience, select, protocol, valid_users)
    if resume and out is None:
        raise DisrecError("resume needs `out`, the folder of the run.")
    with torch.random.fork_rng():
        trainer = _Trainer(model, split, plan, choose_device(device), progress)
        if resume:
            trainer.restore(Path(str(out)) / "checkpoint.pt")
        return trainer.run(minutes, None if out is None else Path(out), on_epoch)


def choose_device(name: str) -> torch.device:
    """ "auto" is CUDA if there is one, else MPS, else the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.zeros(0, device=name).device
    except (RuntimeError, AssertionError):
        raise DisrecError(
            f"device {name!r} is not available here: try 'auto' or 'cpu'."
        ) from None


class _Trainer:
    """The state of a training run: everything a checkpoint must hold."""

    def __init__(
        self,
        model: DisRec,
        split: Split,
        plan: _Plan,
        device: torch.device,
        progress: bool,
    ) -> None:
        config = model.config
        if config.n_items != split.n_items:
            raise DisrecError(
                f"the model has {config.n_items} items and the data {split.n_items}: "
                f"make the model with n_items={split.n_items}."
            )
        self.windows = batches.make_windows(split.train, config.max_len)
        if self.windows.n_pairs == 0:
            raise DisrecError(
                "there is nothing to learn from: no user has 2 training clicks "
                "(leave-one-out holds two clicks of each user back)."
            )
        self.model, self.split, self.plan, self.device = model, split, plan, device
        self.config, self.progress = config, progress
        model.to(device)
        torch.manual_seed(plan.seed)
        self.generator = torch.Generator().manual_seed(plan.seed)
        self.optimizer = make_optimizer(model)
        self.averaged = self._average() if config.average else None
        self.log_q = log_shares(split.train).to(device) if config.logq else None
        self.history = History(metric=plan.select)
        self.best: dict[str, Tensor] | None = None
        self.steps = 0
        self.validation = _validation(split, plan)

    def _average(self) -> AveragedModel:
        return AveragedModel(
            self.model, multi_avg_fn=get_ema_multi_avg_fn(self.config.average)
        )

    @property
    def validated(self) -> DisRec:
        """The model that is measured and kept: the average, once there is one."""
        if self.averaged is None or not int(self.averaged.n_averaged):
            return self.model
        module = self.averaged.module
        assert isinstance(module, DisRec)
        return module

    def run(
        self,
        minutes: float | None,
        out: Path | None,
        on_epoch: Callable[[dict[str, Any], DisRec], None] | None,
    ) -> History:
        history, plan = self.history, self.plan
        if out is not None:
            remove_leftovers(out)
            if not history.epochs:
                self.store(out)
        history.stopped_by = self._reason(minutes)
        try:
            while not history.stopped_by:
                epoch = self._epoch(len(history.epochs) + 1)
                history.epochs.append(epoch)
                if epoch["epoch"] % plan.validate_every == 0:
                    self._validate(epoch)
                if out is not None:
                    self.store(out)
                if on_epoch is not None:
                    on_epoch(epoch, self.validated)
                history.stopped_by = self._reason(minutes)
        except KeyboardInterrupt:
            history.stopped_by = "interrupt"
        best = self.best if self.best is not None else self.validated.state_dict()
        self.model.load_state_dict(best)
        self.model.eval()
        return history

    def _reason(self, minutes: float | None) -> str:
        history, plan = self.history, self.plan
        done = len(history.epochs)
        if done >= plan.epochs:
            return "epochs"
        measured = [e["epoch"] for e in history.epochs if "valid" in e]
        measured = [epoch for epoch in measured if self._counts(epoch)]
        worse = sum(epoch > history.best_epoch for epoch in measured)
        if plan.patience is not None and worse >= plan.patience:
            return "patience"
        if minutes is not None and history.seconds >= 60 * minutes:
            return "minutes"
        return ""

    # -- epochs ------------------------------------------------------------------------

    def _epoch(self, number: int) -> dict[str, Any]:
        config, model, began = self.config, self.model, time.perf_counter()
        if config.remedy and number > config.remedy_epochs:
            self._start_prototypes()
        model.train()
        rng = np.random.default_rng([self.plan.seed, number])
        horizon = 3 if config.variant == 3 else None
        epoch_steps = batches.steps(
            self.windows, config.group_size, config.groups, rng, horizon
        )
        count = batches.n_steps(self.windows, config.group_size, config.groups)
        log = _EpochLog(config.n_intents)
        with tqdm(
            total=self.windows.n_pairs,
            desc=f"epoch {number}/{self.plan.epochs}",
            unit="pair",
            unit_scale=True,
            disable=not self.progress,
            leave=False,
        ) as bar:
            for nth, step in enumerate(epoch_steps):
                weight = seq2seq_weight(config, number - 1 + nth / count)
                loss = self._step(step, weight, f"step {nth + 1} of epoch {number}")
                log.add(loss, len(step.t))
                bar.update(len(step.t))
                if nth % 10 == 0:
                    bar.set_postfix(log.shown())
        return {
            "epoch": number,
            **log.summary(),
            "weight": weight,
            "pairs_per_second": self.windows.n_pairs / (time.perf_counter() - began),
            "seconds": time.perf_counter() - began,
        }

    def _step(self, step: Step, weight: float, where: str) -> StepLoss:
        self.optimizer.zero_grad(set_to_none=True)
        loss = step_loss(
            self.model, self.windows, step, weight=weight, log_q=self.log_q
        )
        if not math.isfinite(float(loss.total.detach())):
            raise DisrecError(_not_finite(self.model, loss, where))
        loss.total.backward()
        self.optimizer.step()
        self.steps += 1
        if self.config.remedy:
            self.model.intentions.track_mean(loss.z)
        if self.averaged is not None and self.steps % AVERAGE_EVERY == 0:
            self.averaged.update_parameters(self.model)
        return loss

    def _start_prototypes(self) -> None:
        layer = self.model.intentions
        if not bool(layer.uniform):
            return
        self.model.eval()
        rng = np.random.default_rng([self.plan.seed, 0])
        step = next(iter(batches.steps(self.windows, 4096, 1, rng)))
        with torch.no_grad():
            rows = batches.packed(self.windows, step, False).to(self.device)
            *_, z = self.model.encode_packed(rows)
        layer.start_prototypes(z, self.generator)
        if self.averaged is not None:
            self.validated.intentions.prototypes.data.copy_(layer.prototypes)
            self.validated.intentions.uniform.copy_(layer.uniform)

    def _counts(self, epoch: int) -> bool:
        """Whether its weights may be kept: not before the remedy divides the clicks."""
        config = self.config
        waits = config.remedy and config.n_intents > 1
        return not waits or epoch > config.remedy_epochs

    def _validate(self, epoch: dict[str, Any]) -> None:
        began = time.perf_counter()
        if self.validation is None:
            return
        users, negatives = self.validation
        found = evaluate(
            self.validated,
            self.split,
            self.plan.protocol,
            "valid",
            users=users,
            negatives=negatives,
        )
        value = found[self.plan.select]
        epoch["valid"] = {**found, self.plan.select: value}
        epoch["seconds"] += time.perf_counter() - began
        if self._counts(epoch["epoch"]) and value > self.history.best_value:
            self.history.best_value, self.history.best_epoch = value, epoch["epoch"]
            self.best = {k: v.clone() for k, v in self.validated.state_dict().items()}
        if self.progress:
            tqdm.write(_line(epoch, self.plan.select), file=sys.stderr)

    # -- checkpoints -------------------------------------------------------------------

    def store(self, out: Path) -> None:
        """Write everything needed to go on as if nothing had happened."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        content = {
            "format": FORMAT,
            "config": asdict(self.config),
            "plan": asdict(self.plan),
            "data": fingerprint(self.split),
            "weights": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "averaged": None if self.averaged is None else self.averaged.state_dict(),
            "best": self.best,
            "history": asdict(self.history),
            "steps": self.steps,
            "random": (torch.get_rng_state(), cuda, self.generator.get_state()),
        }
        write_atomic(out / "checkpoint.pt", lambda file: torch.save(content, file))

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint, if the run that wrote it is this one."""
        if not path.exists():
            if path.parent.is_dir():
                return
            raise DisrecError(
                f"there is no run to resume: {path.parent} does not exist."
            )
        content = read_torch(path, FORMAT, "a checkpoint of disrec_mini")
        current: dict[str, Any] = {
            "data": fingerprint(self.split),
            "config": asdict(self.config),
            "plan": asdict(self.plan),
        }
        for part, now in current.items():
            _check_same(part, content.get(part), now, path)
        try:
            self._read(content)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DisrecError(
                f"{path} does not fit this version of disrec_mini: "
                + str(error).partition("\n")[0]
            ) from None

    def _read(self, content: dict[str, Any]) -> None:
        self.model.load_state_dict(content["weights"])
        self.optimizer.load_state_dict(content["optimizer"])
        if self.averaged is not None:
            self.averaged.load_state_dict(content["averaged"])
        self.best, self.steps = content["best"], content["steps"]
        self.history = History(**content["history"])
        rng, cuda, generator = content["random"]
        torch.set_rng_state(rng)
        if cuda and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(cuda)
        self.generator.set_state(generator)


def _check_same(part: str, stored: Any, now: Any, path: Path) -> None:
    if stored == now:
        return
    if not isinstance(now, dict) or not isinstance(stored, dict):
        raise DisrecError(
            f"{path} belongs to a run on other data: it cannot go on here."
        )
    changed = [k for k in {**stored, **now} if stored.get(k) != now.get(k)]
    if part == "plan" and changed == ["epochs"]:
        return  # training longer is the same run
    shown = ", ".join(
        f"{k} was {stored.get(k)!r} and is {now.get(k)!r}" for k in changed
    )
    raise DisrecError(f"{path} belongs to a run with other settings: {shown}.")


# -- parts -----------------------------------------------------------------------------


def make_optimizer(model: DisRec) -> torch.optim.Optimizer:
    """Adam with the item table in a group of its own, fused where torch can.

    `item_decay` w makes it AdamW: H <- (1 - learning_rate w) H before each step; `l2`
    adds l2 H to the gradient.
    """
    config = model.config
    table = model.encoder.item_embedding.weight
    rest = [p for p in model.parameters() if p is not table]
    kind = torch.optim.AdamW if config.item_decay else torch.optim.Adam
    groups = [
        {"params": [table], "weight_decay": config.item_decay or config.l2},
        {"params": rest, "weight_decay": 0.0},
    ]
    try:
        return kind(groups, lr=config.learning_rate, fused=True)
    except RuntimeError:  # this device has no fused Adam
        return kind(groups, lr=config.learning_rate)


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


def fingerprint(split: Split) -> str:
    """sha256 of the training and validation clicks."""
    digest = hashlib.sha256()
    for array in (split.train.items, split.train.offsets, split.valid_items):
        digest.update(array.astype(np.int64).tobytes())
    return digest.hexdigest()


def _validation(
    split: Split, plan: _Plan
) -> tuple[np.ndarray, np.ndarray | None] | None:
    users = np.flatnonzero(split.valid_items)
    if not len(users):
        return None
    if len(users) > plan.valid_users:
        rng = np.random.default_rng(0)
        users = np.sort(rng.choice(users, plan.valid_users, replace=False))
    sampled = plan.protocol == "sampled"
    return users, draw_negatives(split, "valid") if sampled else None


class _EpochLog:
    """Running sums of an epoch."""

    def __init__(self, n_intents: int) -> None:
        self.pairs, self.seq2item, self.extra, self.kept = 0, 0.0, 0.0, 0.0
        self.hard = torch.zeros(n_intents, dtype=torch.float64)
        self.soft = torch.zeros(n_intents, dtype=torch.float64)

    def add(self, loss: StepLoss, n_pairs: int) -> None:
        self.pairs += n_pairs
        self.seq2item += float(loss.seq2item) * n_pairs
        self.extra += float(loss.extra) * n_pairs
        self.kept += loss.kept * n_pairs
        self.soft += loss.cluster.sum(0).double().cpu()
        best = loss.cluster.argmax(1)
        self.hard += torch.bincount(best, minlength=len(self.hard)).cpu()

    def shown(self) -> dict[str, str]:
        return {
            "seq2item": f"{self.seq2item / self.pairs:.3f}",
            "extra": f"{self.extra / self.pairs:.3f}",
        }

    def summary(self) -> dict[str, Any]:
        return {
            "seq2item": self.seq2item / self.pairs,
            "extra": self.extra / self.pairs,
            "kept": self.kept / self.pairs,
            "hard_usage": [round(float(x), 4) for x in self.hard / self.pairs],
            "soft_usage": [round(float(x), 4) for x in self.soft / self.pairs],
        }


def _line(epoch: dict[str, Any], metric: str) -> str:
    usage = " ".join(f"{x:.2f}" for x in epoch["hard_usage"])
    return (
        f"epoch {epoch['epoch']:3d}  seq2item {epoch['seq2item']:.3f}  "
        f"extra {epoch['extra']:.3f}  {metric} {epoch['valid'][metric]:.4f}  "
        f"hard usage {usage}  {epoch['pairs_per_second']:,.0f} pairs/s"
    )


def _not_finite(model: DisRec, loss: StepLoss, where: str) -> str:
    broken = [n for n, p in model.named_parameters() if not p.isfinite().all()]
    if broken:
        cause = f"the weights {broken[0]} had become infinite or NaN in an earlier step"
    elif not math.isfinite(float(loss.seq2item)):
        cause = "the seq2item loss overflowed"
    else:
        cause = "the seq2seq loss overflowed"
    return (
        f"{where}: the loss is not finite, because {cause}; try a lower learning rate, "
        "a lower seq2seq_weight or a higher temperature."
    )
