"""`fit`: the loop, validation, progress, checkpoints and resume. Chapter 10.

Nothing here knows what is learned: an `Objective` has the steps and what each costs.
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from disrec_mini import checkpoints, processes
from disrec_mini.candidates import draw_negatives, some_users
from disrec_mini.checkpoints import State
from disrec_mini.checks import check_choice, check_fit, check_flag, check_whole
from disrec_mini.checks import choose_device as choose_device
from disrec_mini.dealing import deal, evaluate, pooled
from disrec_mini.errors import DisrecError
from disrec_mini.evaluation import PROTOCOLS
from disrec_mini.finite import FiniteLoss, precision
from disrec_mini.history import EpochLog, History, shown
from disrec_mini.metrics import per_user
from disrec_mini.recommender import Objective, Recommender, StepLoss
from disrec_mini.splitting import Split

clock = time.perf_counter  # an experiment counts by another
AVERAGE_EVERY = 5  # steps between two updates of the average

OnEpoch = Callable[[dict[str, Any], Any], None]


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
    exclude_seen: bool

    def __post_init__(self) -> None:
        for name in ("epochs", "validate_every", "valid_users"):
            object.__setattr__(self, name, check_whole(getattr(self, name), name, 1))
        per_user(np.ones(1), self.select)  # complains of an unknown metric
        check_choice(self.protocol, "protocol", PROTOCOLS)
        check_flag(self.exclude_seen, "exclude_seen")


def fit(
    model: Recommender,
    split: Split,
    *,
    objective: Objective | None = None,
    epochs: int = 20,
    seed: int = 0,
    device: str = "auto",
    validate_every: int = 1,
    patience: int | None = None,
    select: str = "ndcg@10",
    protocol: str | None = None,
    valid_users: int = 10_000,
    exclude_seen: bool = True,
    minutes: float | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Train a model in place; it ends with the weights that validated best.

    In a script under `torchrun` the processes train it together: `dealing`. Each calls
    `fit` with the same data and arguments and ends with the same weights.

    Parameters
    ----------
    model : trained in place. split : from `leave_one_out`; the test part is not read.
    objective : how it learns; None for the model's own.
    epochs : each runs all steps of the objective: for pairs, every pair once. Weights
        of an epoch that the objective does not count are never kept as the best.
    seed : of the order of pairs and of dropout.
    device : "auto" (CUDA, then MPS, then CPU) or a torch device name.
    validate_every, patience : epochs between validations; stop after `patience` of them
        without a better value (None: never).
    select, protocol : metric and protocol of validation; None for the objective's,
        "full" with logq, else "sampled".
    valid_users : at most this many users are asked, the same every time.
    exclude_seen : of validation, as in `evaluate`.
    minutes : stop after the first step that ends later than this. Its epoch is the
        last one, and is validated; its `share` says how much of it was run. It is in no
        checkpoint: a resume repeats it from its start, and so equals a run that never
        stopped.
    out : folder for `checkpoint.pt`, written after every epoch, atomically; by the
        first of several processes, but all read it. One run at a time can use it, and a
        new run only a folder without a checkpoint.
    resume : go on from `out`'s checkpoint, with as many processes; without one, start
        from the beginning.
    on_epoch : called with each epoch's dict and the model that was validated.

    Returns
    -------
    History. After Ctrl-C too, with stopped_by = "interrupt".

    Raises
    ------
    DisrecError : data, arguments or a checkpoint that do not fit; a loss that is not
        finite, with the step and the cause; another process that has ended.
    """
    check_fit(model, split, objective, patience, minutes, out, resume, on_epoch)
    seed = check_whole(seed, "seed", 0)
    objective = objective or model.objective(split.train, seed)
    if getattr(objective, "model", model) is not model:
        raise DisrecError("the objective was made for another model.")
    protocol = protocol or objective.protocol
    asked = select, protocol, valid_users, exclude_seen
    plan = _Plan(epochs, seed, validate_every, patience, *asked)
    gpus = range(torch.cuda.device_count())
    own = checkpoints.own_folder(out, resume)
    with processes.group(), own as folder, torch.random.fork_rng(gpus):
        model.to(processes.device(device))
        objective = deal(objective, model, plan, minutes, out is None)
        trainer = _Trainer(model, objective, split, plan, progress)
        if resume and folder is not None:
            checkpoints.restore(folder, trainer.run, trainer.state)
        return trainer.train(minutes, folder, on_epoch)


class _Trainer:
    """A training run: the loop, and what it needs beside its `checkpoints.State`."""

    def __init__(
        self,
        model: Recommender,
        objective: Objective,
        split: Split,
        plan: _Plan,
        progress: bool,
    ) -> None:
        if objective.n_pairs == 0:
            raise DisrecError(
                "there is nothing to learn from: no user has 2 training clicks "
                "(leave-one-out holds two clicks of each user back)."
            )
        self.model, self.objective, self.split = model, objective, split
        first, self.plan = processes.rank() == 0, plan
        self.progress = check_flag(progress, "progress") and first
        self.run = {
            "data": checkpoints.fingerprint(split),
            "config": asdict(model.config),
            "plan": asdict(plan),
            "objective": objective.identity(),
        }
        torch.manual_seed(processes.own_seed(plan.seed))
        averaged = None
        if objective.average:
            decay = get_ema_multi_avg_fn(objective.average)
            averaged = AveragedModel(model, multi_avg_fn=decay)
        history = History(metric=plan.select)
        optimizer, generator = objective.optimizer(), objective.generator
        self.state = State(model, optimizer, averaged, generator, history)
        self.validation = _validation(split, plan)
        self.watch = FiniteLoss(model, objective)

    @property
    def validated(self) -> Any:
        """The model that is measured and kept: the average, once there is one."""
        average = self.state.averaged
        empty = average is None or not int(average.n_averaged)
        return self.model if empty else average.module  # type: ignore[union-attr]

    def store(self, out: Path) -> None:
        """Write everything needed to go on as if nothing had happened."""
        checkpoints.store(out, self.run, self.state)

    def train(
        self, minutes: float | None, out: Path | None, on_epoch: OnEpoch | None
    ) -> History:
        """Epochs until something says stop; the model ends with the best weights."""
        history = self.state.history
        if out is not None and not history.epochs:
            self.store(out)
        history.stopped_by = self._reason(minutes)
        try:
            while not history.stopped_by:
                epoch = self._epoch(len(history.epochs) + 1, minutes)
                history.epochs.append(epoch)
                whole = "share" not in epoch
                if not whole or epoch["epoch"] % self.plan.validate_every == 0:
                    self._validate(epoch)
                epoch.update(processes.gather(epoch)[0])
                if out is not None and whole:
                    self.store(out)
                if on_epoch is not None:
                    on_epoch(epoch, self.validated)
                history.stopped_by = self._reason(minutes)
        except KeyboardInterrupt:
            history.stopped_by = processes.leave("interrupt")
        best = self.state.best
        self.model.load_state_dict(best or self.validated.state_dict())
        self.watch.weights("the end of training")
        self.model.eval()
        return history

    def _reason(self, minutes: float | None) -> str:
        """Why training ends here, or nothing."""
        history, plan = self.state.history, self.plan
        if history.epochs and "share" in history.epochs[-1]:
            return "minutes"
        if len(history.epochs) >= plan.epochs:
            return "epochs"
        measured = [e["epoch"] for e in history.epochs if "valid" in e]
        measured = [epoch for epoch in measured if self.objective.counts(epoch)]
        worse = sum(epoch > history.best_epoch for epoch in measured)
        if plan.patience is not None and worse >= plan.patience:
            return "patience"
        return "minutes" if self._late(minutes, 0.0) else ""

    def _late(self, minutes: float | None, seconds: float) -> bool:
        """Whether the time is over, `seconds` after the last whole epoch."""
        spent = self.state.history.seconds + seconds
        return minutes is not None and processes.first_says(spent >= 60 * minutes)

    def _epoch(self, number: int, minutes: float | None) -> dict[str, Any]:
        objective, began, log = self.objective, clock(), EpochLog()
        self._forget(objective.before_epoch(number))
        self.model.train()
        with tqdm(
            total=objective.n_pairs,
            desc=f"epoch {number}/{self.plan.epochs}",
            unit="pair",
            unit_scale=True,
            disable=not (self.progress and processes.watched()),
            leave=False,
        ) as bar:
            for nth, step in enumerate(objective.steps(number)):
                done = number - 1 + nth / objective.n_steps
                loss = self._step(step, done, f"step {nth + 1} of epoch {number}")
                log.add(loss)
                bar.update(loss.n_pairs * processes.world())
                if self.progress and nth % 10 == 0:
                    bar.set_postfix_str(shown(log.means()))
                share = (nth + 1) / objective.n_steps
                if share < 1 and self._late(minutes, clock() - began):
                    break
        self.watch.read()
        self.watch.weights(f"epoch {number}")
        return {
            "epoch": number,
            **({"share": share} if share < 1 else {}),
            **pooled(log),
            **loss.latest,
            "pairs_per_second": objective.n_pairs * share / (clock() - began),
            "seconds": clock() - began,
        }

    def _forget(self, names: Iterable[str]) -> None:
        """The average takes over what the objective has set anew."""
        ours, averaged = self.model.state_dict(), self.validated.state_dict()
        for name in names:
            averaged[name].copy_(ours[name])

    def _step(self, step: Any, done: float, where: str) -> StepLoss:
        state = self.state
        state.optimizer.zero_grad(set_to_none=True)
        with precision(self.model):
            loss = self.objective.loss(step, done)
        self.watch.see(loss, where)
        loss.total.backward()
        state.optimizer.step()
        state.steps += 1
        self.objective.after_step(loss)
        if state.averaged is not None and state.steps % AVERAGE_EVERY == 0:
            state.averaged.update_parameters(self.model)
        return loss

    def _validate(self, epoch: dict[str, Any]) -> None:
        if not self.validation:
            return
        began, plan, history = clock(), self.plan, self.state.history
        model, select = self.validated, plan.select
        metrics = evaluate(model, self.split, plan.protocol, "valid", **self.validation)
        value = metrics[select]
        epoch["valid"] = {**metrics, select: value}
        epoch["seconds"] += clock() - began
        if self.objective.counts(epoch["epoch"]) and value > history.best_value:
            history.best_value, history.best_epoch = value, epoch["epoch"]
            weights = model.state_dict()
            self.state.best = {name: w.clone() for name, w in weights.items()}
        if self.progress:
            speed = f"{epoch['pairs_per_second']:,.0f} pairs/s"
            line = f"epoch {epoch['epoch']:3d}  {select} {value:.4f}"
            tqdm.write(f"{line}  {shown(epoch)}  {speed}", file=sys.stderr)


# -- parts -----------------------------------------------------------------------------


def _validation(split: Split, plan: _Plan) -> dict[str, Any]:
    """Options of `evaluate`: who is asked, against what; none if nobody can be."""
    users, seen = some_users(split, plan.valid_users), plan.exclude_seen
    options: dict[str, Any] = {"users": users, "exclude_seen": seen}
    if plan.protocol == "sampled" and len(users):
        options["negatives"] = draw_negatives(split, "valid", exclude_seen=seen)
    return options if len(users) else {}
