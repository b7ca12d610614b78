"""Several processes that train together: how they meet, talk and part.

`torchrun` starts them. Numbers on the CPU travel by gloo, those on GPUs by nccl,
process r of a machine on its GPU r. Tests run gloo on the CPU; nccl is untried.
"""

import contextlib
import functools
import itertools
import os
import platform
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from disrec_mini import signals
from disrec_mini.checks import choose_device
from disrec_mini.errors import DisrecError

TIMEOUT = timedelta(minutes=10)  # for a process that lives and does not answer
GONE = (
    "another process of this run has ended: go on with --resume and the run's folder, "
    "with the same number of processes."
)
UNLIKE = "the processes of this run differ: give all the same data and arguments."

_nth_group = itertools.count()
_neighbours: list[int] = []  # the processes of the group on this machine
_word: Any = None  # a store where the first process to leave says why


def rank() -> int:
    """r, from 0; 0 for a process alone."""
    return dist.get_rank() if world() > 1 else 0


def world() -> int:
    """W, the number of processes in the group; 1 outside of one."""
    joined = dist.is_available() and dist.is_initialized()
    return dist.get_world_size() if joined else 1


def device(name: str) -> torch.device:
    """`choose_device`; in a group "auto" is CUDA or the CPU, and each has its own."""
    if world() == 1 or name not in ("auto", "cuda"):
        return choose_device(name)
    if name == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    chosen = choose_device(f"cuda:{os.environ.get('LOCAL_RANK', rank())}")
    torch.cuda.set_device(chosen)
    return chosen


def own_seed(seed: int) -> int:
    """The seed itself in process 0, another in each of the others: for dropout."""
    drawn = np.random.SeedSequence([seed, rank()]).generate_state(1)
    return int(drawn[0]) if rank() else seed


# -- join and leave --------------------------------------------------------------------


@contextlib.contextmanager
def group() -> Iterator[None]:
    """Join the processes that `torchrun` started beside this one; leave at the end.

    Nothing happens in a process alone or in a group already, be it one's own. If a
    process leaves early, the others do when they next need it.

    Raises
    ------
    DisrecError : another process has ended; if by a sentence, it is that one.
    KeyboardInterrupt : another process was interrupted.
    """
    global _word
    if os.environ.get("WORLD_SIZE", "1") == "1" or world() > 1:
        yield
        return
    if not dist.is_available():
        raise DisrecError("this PyTorch has no torch.distributed: leave out torchrun.")
    from torch.distributed.distributed_c10d import PrefixStore  # not in every PyTorch

    with _in_company():
        store, r, n = _meeting()
        _word = PrefixStore(f"group {next(_nth_group)}", store)
        gpu = torch.cuda.is_available() and dist.is_nccl_available()
        backend = "cpu:gloo,cuda:nccl" if gpu else "gloo"
        who: dict[str, Any] = {"store": _word, "rank": r, "world_size": n}
        dist.init_process_group(backend, timeout=TIMEOUT, **who)
    former = [(s, signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)]
    here = platform.node()
    _neighbours[:] = [pid for node, pid in gather((here, os.getpid())) if node == here]
    _handle(signal.SIGTERM, _terminated)
    try:
        yield
    except (DisrecError, KeyboardInterrupt) as error:
        leave(str(error) or "interrupt")
        raise
    finally:
        dist.destroy_process_group()
        for number, handler in former:
            _handle(number, handler)


def leave(why: str) -> str:
    """Tell the others why this process ends early: a sentence or "interrupt"."""
    if world() > 1 and _word is not None:
        with contextlib.suppress(RuntimeError):  # who kept the store has ended too
            _word.set("why", why)
        for number in (signal.SIGINT, signal.SIGTERM):  # it ends as it is
            _handle(number, signal.SIG_IGN)
    return why


def speaks() -> bool:
    """Whether this process is the first that has to say why it ends."""
    try:
        return bool(_meeting()[0].add("said", 1) == 1)
    except RuntimeError:
        return True


@functools.cache
def _meeting() -> tuple[Any, int, int]:
    """The store of all processes, r and W, as `torchrun` says."""
    from torch.distributed.rendezvous import rendezvous

    store, r, n = next(rendezvous("env://", timeout=timedelta(minutes=1)))
    store.set_timeout(TIMEOUT)
    return store, r, n


def _handle(number: int, handler: Any) -> None:
    with contextlib.suppress(ValueError, TypeError):  # a thread, a foreign handler
        signal.signal(number, handler)


def _terminated(number: int, _: Any) -> None:
    """torchrun ends those that are left when another has ended, or was told to end."""
    if _why() or not all(map(_lives, _neighbours)):
        _lost()
    signals.note(number)
    raise KeyboardInterrupt


def _lives(pid: int) -> bool:
    if sys.platform == "win32":  # where 0 is a signal, and TERM is none
        return True
    try:
        os.kill(pid, 0)  # no signal, only a question
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _why() -> str:
    """What `leave` was told by the first that left early, or nothing."""
    with contextlib.suppress(RuntimeError):
        if _word is not None and _word.check(["why"]):
            return str(_word.get("why").decode())
    return ""


def _lost() -> None:
    """Leave as another process did."""
    why = _why()
    if why == "interrupt":
        raise KeyboardInterrupt
    raise DisrecError(why or GONE) from None


@contextlib.contextmanager
def _in_company() -> Iterator[None]:
    """Something that needs all processes."""
    try:
        yield
    except RuntimeError:
        _lost()


# -- say and hear ----------------------------------------------------------------------


def gather(value: Any) -> list[Any]:
    """Everyone's value, in the order of their numbers."""
    values = [value] * world()
    if world() > 1:
        with _in_company():
            dist.all_gather_object(values, value)
    return values


def own_part(gathered: Any, path: Path) -> Any:
    """This process's value of what `gather` returned when a checkpoint was written."""
    parts = gathered if isinstance(gathered, list) else [gathered]  # older files
    if len(parts) != world():
        raise DisrecError(
            f"{path} belongs to a run of {len(parts)} processes, not {world()}: go on "
            "with as many."
        )
    return parts[rank()]


def first_says(value: bool) -> bool:
    """What is so for process 0, as clocks differ."""
    said = torch.tensor([value], dtype=torch.uint8)
    if world() > 1:
        copy_first([said])
    return bool(said)


def agree(*values: Any) -> None:
    """A sentence unless everyone has these values."""
    if any(theirs != values for theirs in gather(values)):
        raise DisrecError(UNLIKE)


def copy_first(tensors: Sequence[Tensor]) -> None:
    """Take over what these hold in process 0."""
    for tensor in tensors:
        with _in_company():
            dist.broadcast(tensor.detach(), 0)


def sums(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Their sums over all processes, in the same shapes."""
    if not tensors:
        return []
    flat = torch.cat([x.flatten() for x in tensors])  # (all of them,)
    with _in_company():
        dist.all_reduce(flat)
    parts = flat.split([x.numel() for x in tensors])
    return [part.view_as(x) for part, x in zip(parts, tensors, strict=True)]


def watched() -> bool:
    """Whether somebody sees a bar move: in a terminal, in a notebook, not in a log."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
