"""What was handed in: files and archives, who they are from, and their bytes.

Only regular files are opened, and of each no more than `LARGEST` bytes are read.
Archives are read in place: nothing of them is written to the disk.
"""

from __future__ import annotations

import io
import os
import re
import stat
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path, PurePosixPath

LARGEST = 50_000_000  # bytes of a submitted file
MOST_FILES = 5_000  # in an archive or a student's folder
KINDS = {
    stat.S_ISLNK: "a link",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}
MOODLE = re.compile(r"(.+?)_(\d+)_assignsubmission_(?:file|onlinetext)_?(.*)", re.S)
CANVAS = re.compile(r"([^_]+?)(_LATE)?_(\d+)_(\d+)_(.+)", re.S | re.I)


class NotGradableError(Exception):
    """A submission that has no questions to run; the message says why."""


@dataclass
class Handed:
    """One file, or what stands where a file should be."""

    student: str
    file: str
    id: str = ""  # the number that the learning management system gives a student
    late: bool = False  # according to its name there
    time: float | None = None  # seconds since 1970
    attempt: int = 0  # Canvas counts further uploads: name-1.ipynb, name-2.ipynb
    problem: str = ""
    read: Callable[[], bytes] = lambda: b""

    @property
    def who(self) -> tuple[str, str]:
        return unicodedata.normalize("NFC", self.student), self.id


def who(name: str) -> tuple[str, str, bool, int]:
    """Student, number, late, attempt: of a name as Canvas, Moodle or people write it.

    >>> who("doejane_LATE_12345_67890_01_metrics-1.ipynb")
    ('doejane', '12345', True, 1)
    >>> who("Jane Doe_987654_assignsubmission_file_")
    ('Jane Doe', '987654', False, 0)
    """
    stem = re.sub(r"\.(ipynb|zip)$", "", name, flags=re.I)
    if found := MOODLE.fullmatch(stem):
        return found[1], found[2], False, 0
    if found := CANVAS.fullmatch(stem):
        again = re.search(r"-(\d{1,3})$", found[5])
        return found[1], found[3], bool(found[2]), int(again[1]) if again else 0
    return stem, "", False, 0


def handed_in(path: Path) -> Iterator[Handed]:
    """Everything in a folder or an archive of submissions; or one notebook.

    What lies in the folder itself is named after its student; what lies below belongs
    to the student that the subfolder is named after.
    """
    if path.is_dir():
        for entry in sorted(path.iterdir(), key=lambda p: os.fsencode(p.name)):
            if not entry.name.startswith("."):
                yield from _entry(entry)
    elif path.suffix.lower() == ".zip":
        yield from _of_class(path)
    else:
        yield from _entry(path.resolve())


def _entry(path: Path) -> Iterator[Handed]:
    student, number, late, attempt = who(path.name)
    of_student = partial(Handed, student, id=number, late=late, attempt=attempt)
    what = os.lstat(path)
    if stat.S_ISDIR(what.st_mode):
        yield from _below(path, of_student)
    else:
        yield from _file(path, what, of_student)


def _file(
    path: Path, what: os.stat_result, of_student: Callable[..., Handed]
) -> Iterator[Handed]:
    if problem := _not_regular(what):
        yield of_student(str(path), problem=f"{path.name} is {problem}: never opened.")
    elif path.suffix.lower() == ".zip":
        try:
            data = read(path)
        except NotGradableError as error:
            yield of_student(str(path), problem=str(error))
            return
        inner = list(_members(io.BytesIO(data), str(path)))
        for member in inner:
            yield of_student(
                member.file,
                time=member.time or what.st_mtime,
                problem=member.problem,
                read=member.read,
            )
        if not inner:
            yield of_student(str(path), problem="there is not a notebook in the zip.")
    else:
        yield of_student(str(path), time=what.st_mtime, read=partial(read, path))


def _not_regular(what: os.stat_result) -> str:
    return next((word for test, word in KINDS.items() if test(what.st_mode)), "")


def _below(folder: Path, of_student: Callable[..., Handed]) -> Iterator[Handed]:
    """Notebooks and archives anywhere in a student's folder; links are not followed."""
    found, files, stamp = False, 0, _timestamps(folder)
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            n
            for n in folders
            if not n.startswith((".", "__MACOSX")) and not os.path.islink(f"{root}/{n}")
        )
        for name in sorted(names):
            path = Path(root, name)
            if name.startswith("."):
                continue
            if path.suffix.lower() not in (".ipynb", ".zip"):
                continue
            files += 1
            if files > MOST_FILES:
                break
            found = True
            try:
                for handed in _file(path, os.lstat(path), of_student):
                    handed.time = stamp.get(root, handed.time)
                    yield handed
            except FileNotFoundError:
                yield of_student(str(path), problem=f"{name} has gone.")
    if not found:
        yield of_student(
            str(folder), problem=f"there is not a notebook in it{_others(folder)}."
        )


def _others(folder: Path) -> str:
    """Links and pipes that somebody may take for a submission."""
    odd = []
    for path in folder.iterdir():
        if word := _not_regular(os.lstat(path)):
            odd.append(f"{path.name} is {word}")
    return f" ({', '.join(odd[:3])}: never opened)" if odd else ""


def _timestamps(folder: Path) -> dict[str, float]:
    """{folder: when it was handed in}, as nbgrader notes in `timestamp.txt`."""
    found = {}
    for path in folder.glob("*/timestamp.txt"):
        try:
            text = read(path, 100).decode().strip().removesuffix(" UTC")
            when = datetime.fromisoformat(text)
        except (NotGradableError, ValueError):
            continue
        utc = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
        found[str(path.parent)] = utc.timestamp()
    return found


def read(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file; a link, a pipe or a device is not opened."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if problem := _not_regular(os.lstat(path)):
            raise NotGradableError(f"{path.name} is {problem}: never opened.")
        number = os.open(path, flags)
    except OSError as error:
        raise NotGradableError(
            f"{path.name} cannot be read: {error.strerror}."
        ) from None
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise NotGradableError(f"{path.name} is not a file.")
        data = file.read(largest + 1)
    if len(data) > largest:
        raise NotGradableError(
            f"the file {path.name} is larger than {largest // 1_000_000} MB."
        )
    return data


# -- archives --------------------------------------------------------------------------


def _of_class(path: Path) -> Iterator[Handed]:
    """A whole class in one zip, as learning management systems send it."""
    members = list(_members(path, path.name, deep=True))
    tops = {PurePosixPath(m.student).parts[0] for m in members if m.student}
    whole = {path.stem, "submissions", "submitted"}
    inside = len(tops) == 1 and tops <= whole  # a folder of the class, zipped
    for member in members:
        parts = PurePosixPath(member.student or path.name).parts[inside:]
        student, number, late, attempt = who(parts[0] if parts else path.name)
        member.student, member.id = student, number
        member.late, member.attempt = late, attempt
        yield member


def _members(
    archive: Path | io.BytesIO, shown: str, deep: bool = False
) -> Iterator[Handed]:
    """Its notebooks; `student` is the path inside. With `deep`, those of zips in it."""
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = opened.infolist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        yield Handed("", shown, problem=f"the zip {shown!r} cannot be read.")
        return
    if len(infos) > MOST_FILES * (20 if deep else 1):
        yield Handed("", shown, problem=f"the zip {shown!r} holds too many files.")
        return
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        kind = PurePosixPath(parts[-1]).suffix.lower()
        if info.is_dir() or kind not in (".ipynb", ".zip"):
            continue
        if any(p == "__MACOSX" or (p.startswith(".") and p != "..") for p in parts):
            continue
        inner = "/".join(p for p in parts if p not in ("", ".."))
        handed = Handed(inner, f"{shown}: {inner}", time=_zip_time(info))
        handed.read = partial(_read_member, archive, info)
        if ".." in parts or not parts[0] or ":" in parts[0]:
            handed.problem = f"the zip has a path that leads out of it: {inner}."
        if kind == ".zip" and not handed.problem:
            yield from _zip_in_zip(handed, deep)
        else:
            yield handed


def _zip_in_zip(outer: Handed, deep: bool) -> Iterator[Handed]:
    try:
        if not deep:
            raise NotGradableError("a zip within a zip: not opened.")
        for member in _members(io.BytesIO(outer.read()), outer.file):
            member.student = outer.student
            yield member
    except NotGradableError as error:
        outer.problem = str(error)
        yield outer


def _read_member(archive: Path | io.BytesIO, info: zipfile.ZipInfo) -> bytes:
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(info) as file:
            data = file.read(LARGEST + 1)
    except Exception as error:  # encrypted, damaged, an unknown method
        raise NotGradableError(f"{info.filename} cannot be read: {error}") from None
    if len(data) > LARGEST:
        raise NotGradableError(
            f"the file {info.filename} is larger than {LARGEST // 1_000_000} MB."
        )
    return data


def _zip_time(info: zipfile.ZipInfo) -> float | None:
    try:  # the local time where it was zipped: no better is known
        return time.mktime((*info.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return None
