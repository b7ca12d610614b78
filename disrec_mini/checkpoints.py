"""Checkpoints: everything needed to go on as if nothing had happened. Chapter 10."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from disrec_mini.errors import DisrecError
from disrec_mini.files import read_torch, write_torch
from disrec_mini.splitting import Split

FORMAT = "disrec_mini checkpoint 1"
FILE = "checkpoint.pt"


def store(
    folder: Path, run: dict[str, Any], state: dict[str, Any], generator: torch.Generator
) -> None:
    """Write a checkpoint, with the random numbers' state as it is now.

    run : what a resumed run must agree with: data, settings, plan. state : the rest.
    """
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    random = (torch.get_rng_state(), cuda, generator.get_state())
    write_torch(folder / FILE, {"format": FORMAT, **run, **state, "random": random})


def read(folder: Path, run: dict[str, Any]) -> dict[str, Any] | None:
    """A folder's checkpoint, if the run that wrote it is this one; None without one."""
    path = folder / FILE
    if not path.exists():
        if folder.is_dir():
            return None
        raise DisrecError(f"there is no run to resume: {folder} does not exist.")
    content = read_torch(path, FORMAT, "a checkpoint of disrec_mini")
    for part, now in run.items():
        _check_same(part, content.get(part), now, path)
    return content


def set_random(content: dict[str, Any], generator: torch.Generator) -> None:
    """Random numbers go on where the checkpoint was written."""
    everywhere, cuda, own = content["random"]
    torch.set_rng_state(everywhere)
    if cuda and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(cuda)
    generator.set_state(own)


def unfit(folder: Path, error: Exception) -> DisrecError:
    """The sentence for a checkpoint whose parts are missing or of other shapes."""
    return DisrecError(
        f"{folder / FILE} does not fit this version of disrec_mini: "
        + str(error).partition("\n")[0]
    )


def fingerprint(split: Split) -> str:
    """sha256 of the training and validation clicks."""
    digest = hashlib.sha256()
    for array in (split.train.items, split.train.offsets, split.valid_items):
        digest.update(array.astype(np.int64).tobytes())
    return digest.hexdigest()


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
