"""The stored results as one zip, for notebooks that are opened alone.

    python tools/bundle.py            # write their fingerprint into the package
    python tools/bundle.py FOLDER     # and the zip into a folder, for a release

The zip is not kept in the repository, which has the files themselves. It is an asset
of the release; `disrec_mini.experiments.bundle` fetches it and knows its fingerprint.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from disrec_mini.experiments import bundle  # noqa: E402

RESULTS = ROOT / "book" / "results"
RECORD = Path(bundle.__file__)


def files() -> list[tuple[str, bytes]]:
    """(name, content) of each stored file: those of the repository, not of a run that
    is under way."""
    command = ["git", "-C", str(RESULTS), "ls-files", "-z"]
    done = subprocess.run(command, capture_output=True, text=True)
    names = [name for name in done.stdout.split("\0") if name]
    if done.returncode:  # no clone: an archive of one
        found = (path.relative_to(RESULTS) for path in RESULTS.rglob("*"))
        names = [path.as_posix() for path in found if not path.name.startswith(".")]
    paths = [(name, RESULTS / name) for name in sorted(names)]
    return [(name, path.read_bytes()) for name, path in paths if path.is_file()]


def write(found: list[tuple[str, bytes]], path: Path | BinaryIO) -> None:
    """The same files give the same zip: no times, no owners."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in found:
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, compresslevel=9)


def record(found: list[tuple[str, bytes]]) -> str:
    """Write the fingerprint of these files into the package; return it."""
    new = bundle.fingerprint(found)
    text = RECORD.read_text(encoding="utf-8")
    text = re.sub(r'(?m)^FINGERPRINT = ".*"$', f'FINGERPRINT = "{new}"', text)
    RECORD.write_text(text, encoding="utf-8")
    return new


def main() -> int:
    found = files()
    bundle.FINGERPRINT = record(found)
    print(f"{len(found)} stored files, fingerprint {bundle.FINGERPRINT}")
    for folder in sys.argv[1:]:
        path = Path(folder) / bundle.name()
        path.parent.mkdir(parents=True, exist_ok=True)
        write(found, path)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, for {bundle.address()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
