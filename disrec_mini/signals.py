"""How a command is stopped: by Ctrl-C, by TERM and HUP, or with who started it.

All three raise KeyboardInterrupt, once: what follows keeps what there is to keep, says
one line and leaves with 128 + the signal's number, as shells do.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

PATIENCE = 3  # how many times Ctrl-C is pressed before the process ends as it is
PARENT = "DISREC_QUEUE"  # variable of the environment: who a job ends with

_came: list[int] = []


@contextlib.contextmanager
def heard(to_the_end: bool = False) -> Iterator[None]:
    """Within it, INT, TERM and HUP raise KeyboardInterrupt; what is ignored stays so.

    Only the first of them does, so that nothing disturbs what it started. Ctrl-C three
    times ends the process at once. to_the_end : the process has nothing to do
    afterwards but to leave, undisturbed as well.
    """
    _came.clear()
    former = []
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) in (signal.SIG_IGN, None):
            continue
        with contextlib.suppress(ValueError):  # not in the main thread
            former.append((number, signal.signal(number, _stop)))
    try:
        yield
    finally:
        for number, handler in former:
            signal.signal(number, signal.SIG_IGN if to_the_end else handler)


def code() -> int:
    """The exit code of a command that was interrupted."""
    return 128 + (_came[0] if _came else signal.SIGINT)


def note(number: int) -> None:
    """A signal came that another handler answers: for `code`."""
    _came.append(number)


def _stop(number: int, _: Any) -> None:
    _came.append(number)
    if len(_came) == 1:
        raise KeyboardInterrupt
    if _came.count(signal.SIGINT) >= PATIENCE:
        os.write(2, b"disrec_mini: ended at once.\n")
        os._exit(code())


def end_with_parent() -> None:
    """End when the process that `PARENT` names does, however it ends, kill -9 too."""
    named = os.environ.pop(PARENT, "")
    if not named or sys.platform == "win32":
        return
    parent = int(named)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError, ImportError):
            import ctypes

            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)

    def watch() -> None:  # where the system cannot do it
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
