"""The stored results as one file, for a notebook that was opened alone.

A clone of the repository has `book/results`. Elsewhere, as in Colab, they come as one
zip that lies beside the release of this version. It is fetched once, compared with what
this version knows of it, and kept in the cache folder of the data sets.
"""

import hashlib
import http.client
import importlib.metadata
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from disrec_mini import __version__
from disrec_mini.datasets import cache_folder
from disrec_mini.errors import DisrecError
from disrec_mini.files import write_atomic

# of the files under book/results; `make bundle` writes it anew
FINGERPRINT = "696ad057321f3e52a2483faa6ecd65e2cfb844afb0dbef9edbca68fd8b1a7bcb"


def name() -> str:
    """The file's name: results are never taken for those of another version."""
    return f"results-{FINGERPRINT[:12]}.zip"


def address() -> str:
    """Where the file lies: beside the release, in the repository we came from."""
    urls = importlib.metadata.metadata("disrec-mini").get_all("Project-URL") or []
    repository = dict(url.split(", ", 1) for url in urls).get("Repository", "")
    return f"{repository}/releases/download/v{__version__}/{name()}"


def fingerprint(files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over names and contents: the same however they were compressed."""
    whole = hashlib.sha256()
    for file, content in sorted(files):
        whole.update(f"{file}\n{len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()


def extract(file: str) -> Path:
    """One of the stored files, such as `noise/report.json`, brought to the cache."""
    place = cache_folder() / name().removesuffix(".zip") / file
    if not place.exists():
        try:
            with zipfile.ZipFile(_archive()) as archive:
                content = archive.read(file)
        except KeyError:
            raise DisrecError(
                f"there is no stored file {file}: neither near this notebook nor among "
                f"the results of version {__version__}."
            ) from None
        write_atomic(place, lambda out: out.write(content))
    return place


@cache
def _archive() -> Path:
    """The zip in the cache; fetched when it is not there, or no whole zip."""
    path = cache_folder() / name()
    if not zipfile.is_zipfile(path):
        content = _fetched()
        write_atomic(path, lambda out: out.write(content))
        if not _is_ours(path):
            path.unlink()
            raise DisrecError(
                f"what {address()} sends is not the stored results of this version "
                f"({__version__}): open the notebook of a release, or clone the "
                "repository."
            )
    return path


def _fetched() -> bytes:
    try:
        with urllib.request.urlopen(address(), timeout=60) as answer:
            return bytes(answer.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DisrecError(
            f"the stored results were found neither near this notebook nor at "
            f"{address()} ({error}): see whether there is a network and run the cell "
            "again, or clone the repository."
        ) from None


def _is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            files = ((file, archive.read(file)) for file in archive.namelist())
            return fingerprint(files) == FINGERPRINT
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return False
