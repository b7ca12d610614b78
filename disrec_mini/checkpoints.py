"""Checkpoints: everything needed to go on as if nothing had happened. Chapter 10."""

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from disrec_mini import locks, processes
from disrec_mini.checks import check_same_run
from disrec_mini.errors import DisrecError
from disrec_mini.files import read_torch, remove_leftovers, write_torch
from disrec_mini.history import History
from disrec_mini.splitting import Split

FORMAT = "disrec_mini checkpoint 1"
FILE = "checkpoint.pt"
PREVIOUS = "checkpoint.previous.pt"  # the one before it


@dataclass
class State:
    """A training run at the end of an epoch.

    model, optimizer : as they are. averaged : the moving average, or None.
    generator : random numbers beside torch's own.
    history, best, steps : what happened, the best weights, steps of the optimiser.
    """

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    averaged: AveragedModel | None
    generator: torch.Generator
    history: History
    best: dict[str, torch.Tensor] | None = None
    steps: int = 0


@contextlib.contextmanager
def own_folder(out: str | Path | None, resume: bool) -> Iterator[Path | None]:
    """The folder that a run writes, and it alone; of several processes the first does.

    Raises
    ------
    DisrecError : nothing to resume, a new run where one is, another process at work.
    """
    if out is None:
        if resume:
            raise DisrecError("resume needs `out`, the folder of the run.")
        yield None
        return
    folder = Path(out)
    if resume and not folder.is_dir():
        raise DisrecError(f"there is no run to resume: {folder} does not exist.")
    if processes.rank():
        yield folder
        return
    with locks.alone(folder):
        if not resume and any((folder / f).exists() for f in (FILE, PREVIOUS)):
            raise DisrecError(
                f"{folder} already holds a run: go on with resume=True, or choose "
                "another folder."
            )
        remove_leftovers(folder)
        yield folder


def store(folder: Path, run: dict[str, Any], state: State) -> None:
    """Write a checkpoint, with torch's random numbers as they are now.

    The one before it is kept beside it.

    run : what a resumed run must agree with: data, settings, plan.
    """
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    own = torch.get_rng_state(), cuda, state.generator.get_state()
    average = state.averaged
    content = {
        "format": FORMAT,
        **run,
        "weights": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "averaged": None if average is None else average.state_dict(),
        "best": state.best,
        "history": asdict(state.history),
        "steps": state.steps,
        "random": processes.gather(own),
        "threads": torch.get_num_threads(),
    }
    if processes.rank() == 0:
        write_torch(folder / FILE, content, PREVIOUS)


def restore(folder: Path, run: dict[str, Any], state: State) -> None:
    """Go on from a folder's checkpoint, if the run that wrote it is this one.

    Without a checkpoint in the folder nothing happens.
    """
    path, content = folder / FILE, _read(folder)
    if not content:
        return
    known = {"config": _defaults(state.model), "plan": {"exclude_seen": True}}
    for part, now in run.items():
        if part in content or part != "objective":  # older files do not say
            before = content.get(part)
            if isinstance(before, dict):  # of fewer settings
                before = {**known.get(part, {}), **before}
            check_same_run(part, before, now, path)
    own = processes.own_part(content.get("random"), path)
    check_epochs(folder, run["plan"]["epochs"], content)
    _compare_threads(content.get("threads"))
    try:
        state.model.load_state_dict(content["weights"])
        state.optimizer.load_state_dict(content["optimizer"])
        if state.averaged is not None:
            state.averaged.load_state_dict(content["averaged"])
        state.best, state.steps = content["best"], content["steps"]
        state.history = History(**content["history"])
        everywhere, cuda, generator = own or content["random"]
        torch.set_rng_state(everywhere)
        if cuda and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(cuda)
        state.generator.set_state(generator)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        cause = str(error).partition("\n")[0]
        sentence = f"{path} does not fit this version of disrec_mini: {cause}"
        raise DisrecError(sentence) from None


def check_epochs(
    folder: Path, epochs: int, content: dict[str, Any] | None = None
) -> None:
    """A sentence if the run in a folder has more epochs than it shall have.

    content : of its checkpoint, if that is read already.
    """
    content = content or _read(folder) or {}
    history = content.get("history")
    n = len(history.get("epochs", ())) if isinstance(history, dict) else 0
    if n > epochs:
        raise DisrecError(
            f"the run in {folder} has {n} epochs already, not {epochs}: give it {n} or "
            "more to go on."
        )


def _read(folder: Path) -> dict[str, Any] | None:
    """What a folder's checkpoint holds; None where there is none."""
    path, previous = folder / FILE, folder / PREVIOUS
    if not path.exists() and not previous.exists():
        return None
    try:
        return read_torch(path, FORMAT, "a checkpoint of disrec_mini")
    except DisrecError as error:
        if not previous.exists():
            raise
        raise DisrecError(
            f"{str(error).removesuffix('.')}; to go on from the one before it, rename "
            f"{PREVIOUS} to {FILE}."
        ) from None


def _compare_threads(before: int | None) -> None:
    """Say that sums may be made in another order."""
    now = torch.get_num_threads()
    if before not in (None, now) and processes.rank() == 0:
        print(
            f"disrec_mini: the checkpoint is of {before} threads and this is {now}: "
            "results may differ in the last digits",
            file=sys.stderr,
        )


def _defaults(model: torch.nn.Module) -> dict[str, Any]:
    """What settings were before they existed."""
    config: Any = model.config
    return {f.name: f.default for f in fields(config) if f.default is not MISSING}


def fingerprint(split: Split) -> str:
    """sha256 of the training and validation clicks."""
    digest = hashlib.sha256()
    for array in (split.train.items, split.train.offsets, split.valid_items):
        digest.update(array.astype(np.int64).tobytes())
    return digest.hexdigest()
