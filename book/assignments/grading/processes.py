"""The processes of one submission: how much memory they hold, and their end.

Linux tells all of it in /proc. Elsewhere only the process group is known.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

MARK = "DISREC_GRADED"  # in the environment of everything that a submission starts
PROC = Path("/proc")


def all_processes() -> dict[int, tuple[int, int]]:
    """{process: (its parent, its session)}, without those that are dead."""
    found = {}
    for folder in PROC.iterdir() if PROC.is_dir() else ():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text(errors="replace")
        except OSError:  # it has just ended
            continue
        state, parent, _, session = text.rpartition(")")[2].split()[:4]
        if state != "Z":
            found[int(folder.name)] = int(parent), int(session)
    return found


def below(root: int, marked: str = "") -> set[int]:
    """Everything that descends from a process, is of its session, or bears its mark."""
    processes = all_processes()
    found = {p for p, (_, session) in processes.items() if session == root}
    if marked:
        found |= {p for p in processes if _bears(p, f"{MARK}={marked}".encode())}
    found |= {root} & processes.keys()
    while more := {p for p, (up, _) in processes.items() if up in found} - found:
        found |= more
    return found - {os.getpid()}


def _bears(process: int, mark: bytes) -> bool:
    try:
        return mark in (PROC / str(process) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def memory(processes: set[int]) -> int:
    """Bytes that they hold together; what several share counts once."""
    return sum(_proportional(process) for process in processes)


def _proportional(process: int) -> int:
    try:
        text = (PROC / str(process) / "smaps_rollup").read_text()
        return 1024 * int(text.partition("\nPss:")[2].split()[0])
    except (OSError, IndexError, ValueError):
        pass
    try:  # another user's, or an old kernel: what it holds, and does not share
        pages = (PROC / str(process) / "statm").read_text().split()
        return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def end(root: subprocess.Popen[bytes], marked: str) -> None:
    """Kill a submission's processes, the adopting one last."""
    for _ in range(50):  # while it still forks
        left = below(root.pid, marked) - {root.pid}
        if not left:
            break
        for process in left:
            kill(process)
        time.sleep(0.01)
    if os.name == "posix" and root.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(root.pid, signal.SIGKILL)
    root.kill()
    root.wait()
    for process in below(root.pid, marked):
        kill(process)


def kill(process: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(process, signal.SIGKILL)


def adopt() -> None:
    """Become the parent of orphans, so that `strays` finds them (Linux)."""
    import ctypes

    try:
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        # PR_SET_DUMPABLE: our memory and files are not for submissions to open
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    except (AttributeError, OSError):
        pass


def end_strays(known: set[int]) -> None:
    """Kill adopted orphans: children of ours that we did not start."""
    me = os.getpid()
    for process, (parent, _) in all_processes().items():
        if parent == me and process not in known:
            kill(process)
            with contextlib.suppress(OSError):
                os.waitpid(process, 0)
