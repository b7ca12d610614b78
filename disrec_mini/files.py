"""Files that are either complete or absent, also when a run is interrupted."""

import contextlib
import errno
import gzip
import io
import json
import math
import os
import re
import secrets
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from disrec_mini.errors import DisrecError

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def write_atomic(
    path: str | os.PathLike[str],
    writer: Callable[[BinaryIO], object],
    previous: str = "",
) -> None:
    """Write a file so that nobody ever sees half of it.

    The bytes go to a temporary file in the same folder (made when it is missing),
    reach the disk, and replace `path` in one step. When `writer` fails, the temporary
    file is removed and the former `path` stays as it was.

    Parameters
    ----------
    path : where the complete file belongs.
    writer : receives the open binary file and writes everything into it.
    previous : the name under which the former `path` is kept, if any, where the file
        system can give a file two names.

    Raises
    ------
    DisrecError : the disk is full, or the operating system does not let us write there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            writer(file)
            file.flush()
            os.fsync(file.fileno())
        if previous:
            _name_too(path, path.with_name(previous))
        os.replace(temporary, path)
    except OSError as error:
        raise DisrecError(f"Cannot write {path}: {reason(error)}.") from error
    finally:
        with contextlib.suppress(OSError):  # replaced already, or never made
            temporary.unlink()


def _name_too(path: Path, other: Path) -> None:
    """Give a file another name too, in one step; it is never without its first one."""
    link = other.with_name(f".{other.name}.{secrets.token_hex(6)}.tmp")
    with contextlib.suppress(OSError):  # there is no file yet, or no second names here
        os.link(path, link)
        os.replace(link, other)
    with contextlib.suppress(OSError):
        link.unlink()


def reason(error: OSError) -> str:
    """What the system says, and what helps against it."""
    said = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return f"the disk is full ({said}); free some space and go on"
    if error.errno == errno.EFBIG:
        return f"{said}; raise the limit on the size of files (ulimit -f) and go on"
    if error.errno == errno.EIO:
        return f"{said}; look after the disk, or choose a folder on another"
    return f"{said}; choose a folder that can be written to"


def remove_leftovers(folder: str | os.PathLike[str], name: str = "") -> None:
    """Remove the temporary files that killed writers left in a folder one run owns, or
    those of one file there."""
    whose = re.escape(name) or ".+"
    for path in Path(folder).glob(".*.tmp"):
        if re.fullmatch(rf"\.{whose}\.[0-9a-f]{{12}}\.tmp", path.name):
            with contextlib.suppress(OSError):  # only untidy, never wrong
                path.unlink()


def write_json_atomic(path: str | os.PathLike[str], obj: object) -> None:
    """Write `obj` as indented UTF-8 JSON by `write_atomic`.

    NumPy values and arrays become numbers and lists, paths become strings, and NaN or
    infinity becomes null (JSON has neither, and browsers refuse them).
    """
    text = json.dumps(_plain(obj), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, lambda file: file.write((text + "\n").encode("utf-8")))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, torch tensors
        return _plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


_UNZIPS = 400, 2**26  # a text grows by less than this, from so many bytes on


def _unzipped(path: Path, data: bytes) -> bytes:
    """What gzip holds, unless it would fill the memory with nothing."""
    factor, free = _UNZIPS
    limit = max(free, factor * len(data))
    with gzip.open(io.BytesIO(data)) as file:
        text = file.read(limit + 1)
    if len(text) > limit:
        raise DisrecError(
            f"{path} grows to more than {factor} times its size, as no table of "
            "clicks does: unpack it yourself if you trust it."
        )
    return text


def read_text(
    path: Path, expected: str = "lines of whole numbers, plain or gzipped"
) -> bytes:
    """The file's bytes, unzipped, with newlines as "\\n", or a sentence."""
    try:
        if path.is_dir():
            raise DisrecError(f"{path} is a folder: expected a file of clicks.")
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = _unzipped(path, data)
    except FileNotFoundError:
        raise DisrecError(
            f"{path} does not exist: expected a file of clicks."
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DisrecError(
            f"{path} is a damaged or cut off gzip file: fetch or write it again."
        ) from None
    except OSError as error:
        raise DisrecError(f"{path} cannot be read: {error.strerror}.") from error
    hint = "; it seems to be UTF-16: save it as UTF-8" if data[:2] in _UTF_16 else ""
    try:
        data.decode("utf-8")
        binary = b"\0" in data
    except UnicodeDecodeError as error:
        binary = True
        if b"\0" not in data:
            line = data.count(b"\n", 0, error.start) + 1
            hint = f"; line {line} is in another encoding: save it as UTF-8"
    if binary:
        raise DisrecError(f"{path} is not a text file: expected {expected}{hint}.")
    return (
        data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    )


def write_torch(
    path: str | os.PathLike[str], content: dict[str, Any], previous: str = ""
) -> None:
    """Write tensors and plain values by `write_atomic`, for `read_torch`."""
    import torch

    def writer(file: BinaryIO) -> None:
        watched = _Watched(file)
        try:
            torch.save(content, watched)
        except RuntimeError as error:  # torch's own words for whatever went wrong
            hidden: BaseException | None = watched.error or error
            while hidden and not isinstance(hidden, OSError | KeyboardInterrupt):
                hidden = hidden.__cause__ or hidden.__context__
            if hidden is not None:
                raise hidden from None
            if "memory" in str(error).lower():
                raise
            said = str(error).partition("\n")[0]
            raise OSError(errno.EIO, f"torch says {said!r}") from error

    write_atomic(path, writer, previous)


class _Watched:
    """A file that remembers what went wrong first: torch hides it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: BaseException | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: bytes) -> int:
        """As the file does."""
        try:
            return self.file.write(data)
        except BaseException as error:
            self.error = self.error or error
            raise


def _check_zip(path: Path, what: str) -> None:
    """A zip as torch writes it, every part as it was written, or a sentence.

    Parts are stored as they are: together they are no larger than the file, so that
    reading it takes no more memory than that.
    """
    try:
        with zipfile.ZipFile(path) as file:
            parts = file.infolist()
            stored = all(part.compress_type == zipfile.ZIP_STORED for part in parts)
            fits = sum(part.file_size for part in parts) <= path.stat().st_size
            wrong = file.testzip() if stored and fits else ""
    except OSError as error:
        raise DisrecError(f"{path} cannot be read: {error.strerror}.") from None
    except Exception:  # zipfile raises many kinds for a damaged file: one sentence
        raise DisrecError(f"{path} is damaged or not {what}.") from None
    if not (stored and fits):
        raise DisrecError(f"{path} is damaged or not {what}: its parts are packed.")
    if wrong is not None:
        raise DisrecError(
            f"{path} is damaged: its part {wrong} is not as it was written; copy the "
            "file again."
        )


def read_torch(path: Path, wanted: str, what: str) -> dict[str, Any]:
    """A torch file of plain values with the right format mark, or a sentence.

    Its sums are checked first, and that it claims no more numbers than it holds.
    """
    import torch

    if not path.exists():
        raise DisrecError(f"{path} does not exist: expected {what}.")
    _check_zip(path, what)
    try:
        with path.open("rb") as file:  # by a name, torch guesses what it is
            content = torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:  # torch raises many kinds for a damaged file: one sentence
        raise DisrecError(f"{path} is damaged or not {what}.") from None
    if not isinstance(content, dict) or content.get("format") != wanted:
        raise DisrecError(f"{path} is not {what} (expected format {wanted!r}).")
    check_claims(path, content)
    return content


def check_claims(path: Path, content: dict[str, Any]) -> None:
    """A sentence if a model of these settings would be larger than what is stored."""
    config, weights = content.get("config"), content.get("weights")
    if not (isinstance(config, dict) and isinstance(weights, dict) and weights):
        return
    shape = [config.get("n_items", 1), config.get("dim", 1)]
    if not all(isinstance(n, int) for n in shape):
        return  # the settings' own checks complain
    sizes = [x.nbytes for x in weights.values() if hasattr(x, "nbytes")]
    if max([math.prod(shape), *sizes]) > path.stat().st_size:  # a number takes a byte
        raise DisrecError(
            f"{path} is damaged: it claims {shape[0]:,} items of {shape[1]:,} numbers "
            "and has no room for them."
        )
