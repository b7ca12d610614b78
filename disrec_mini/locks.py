"""One writer for the folder of a run: a lock that the system frees with its process.

The lock is on a file, `lock`, that holds the writer's number. However the process ends,
kill -9 too, the lock ends with it; a file that is left behind locks nothing.
"""

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from disrec_mini.errors import DisrecError
from disrec_mini.files import reason

FILE = "lock"

_mine: dict[Path, tuple[int, int]] = {}  # folder -> process and thread that hold it


@contextlib.contextmanager
def alone(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Be the only one to write a folder, which is made when it is missing.

    Whoever holds it already may enter again. Where the system has no locks for files,
    as on some network drives, nothing is locked.

    Raises
    ------
    DisrecError : another process holds it, or another thread of this one.
    """
    path = Path(folder).resolve()
    me = os.getpid(), threading.get_ident()
    if _mine.get(path) == me:
        yield
        return
    file = _locked(path, Path(folder))
    _mine[path] = me
    try:
        yield
    finally:
        del _mine[path]
        with contextlib.suppress(OSError):  # Windows keeps it as long as it is open
            (path / FILE).unlink()
        os.close(file)


def check_free(folder: str | os.PathLike[str]) -> None:
    """A sentence if another process writes the folder now."""
    try:
        file = os.open(Path(folder) / FILE, os.O_RDWR)
    except OSError:  # nobody made one
        return
    try:
        if not _lock(file):
            raise _in_use(Path(folder), file)
    finally:
        os.close(file)


def _locked(path: Path, shown: Path) -> int:
    """The open file, locked, with our number in it."""
    while True:
        try:
            path.mkdir(parents=True, exist_ok=True)
            file = os.open(path / FILE, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # its former writer has just removed the folder
            continue
        except OSError as error:
            raise DisrecError(f"Cannot write {shown}: {reason(error)}.") from error
        try:
            if not _lock(file):
                raise _in_use(shown, file)
            if _is_still(path / FILE, file):
                os.ftruncate(file, 0)
                os.lseek(file, 0, os.SEEK_SET)
                os.write(file, b"%d\n" % os.getpid())
                return file
        except OSError:  # a full disk: locked all the same, only without a number
            return file
        except DisrecError:
            os.close(file)
            raise
        os.close(file)  # removed before we had it: another one is there now


def _is_still(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _in_use(folder: Path, file: int) -> DisrecError:
    with contextlib.suppress(OSError, ValueError):
        os.lseek(file, 0, os.SEEK_SET)
        number = int(os.read(file, 20))
        return DisrecError(
            f"{folder} is in use by process {number}: wait for it to end, or choose "
            "another folder."
        )
    return DisrecError(
        f"{folder} is in use by another process: wait for it to end, or choose another "
        "folder."
    )


if sys.platform == "win32":

    def _lock(file: int) -> bool:
        """Lock one byte far behind what is written, which others may go on reading."""
        import msvcrt

        os.lseek(file, 2**30, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _lock(file: int) -> bool:
        """Lock an open file; False if another has."""
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # of another kind: there are no locks here
            return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
        return True
