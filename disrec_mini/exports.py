"""Everybody's recommendations: lists, some users at a time, and tables in files."""

import contextlib
import csv
import gzip
import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
import torch
from tqdm import tqdm

from disrec_mini import checks, locks
from disrec_mini.errors import DisrecError
from disrec_mini.files import reason, remove_leftovers, write_atomic
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Recommender

Array = np.ndarray

COLUMNS = ("user", "item", "place", "score", "reason")
REASONS = ("", "no known clicks", "nothing left", "all below min_score")
ENDS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
USERS, ROWS = 1024, 2**17  # at once
FORMAT = "disrec_mini lists 1"


@dataclass(frozen=True)
class Lists:
    """What some users are recommended.

    users : (B,) int64, numbers from 0. items : (B, k) int64, best first, 0 in empty
    places. scores : (B, k) float32, -inf there. reasons : (B,) int8, 0 for a user with
    items, else the place in `REASONS` of why there are none.
    """

    users: Array
    items: Array
    scores: Array
    reasons: Array


def recommend_all(
    model: Recommender,
    clicks: Interactions,
    k: int = 10,
    *,
    exclude_seen: bool = True,
    min_score: float | None = None,
    users: Any = None,
) -> Iterator[Lists]:
    """Everybody's best items, from all their clicks, some users at a time.

    Parameters
    ----------
    model : trained, or loaded. clicks : of every user, in the model's numbers.
    k, exclude_seen : as in `Recommender.recommend`.
    min_score : items that score less are left out.
    users : some users only, numbers or a mask.

    Returns
    -------
    Iterator of Lists, in the order of the users; each list is what `recommend` gives.

    Raises
    ------
    DisrecError : at once, for arguments that do not fit or a model of other data.
    """
    checks.check_is(model, Recommender, "model", "one that is trained or loaded")
    checks.check_is(clicks, Interactions, "clicks", checks.CLICKS)
    checks.check_knows(model, clicks)
    checks.check_flag(exclude_seen, "exclude_seen")
    if min_score is not None and not checks.is_finite(min_score):
        found = checks.short(min_score)
        raise DisrecError(f"min_score must be a finite number or None, not {found}.")
    k = min(checks.check_whole(k, "k", 1), model.n_items)
    who, size = checks.check_users(users, clicks.n_users), _at_once(k)
    starts = range(0, len(who), size)
    how = k, exclude_seen, min_score
    return (_lists(model, clicks, who[n : n + size], *how) for n in starts)


def _at_once(k: int) -> int:
    """Users whose lists are held at once."""
    return max(1, min(USERS, ROWS // k))


def _lists(
    model: Recommender,
    clicks: Interactions,
    users: Array,
    k: int,
    exclude_seen: bool,
    min_score: float | None,
) -> Lists:
    items = np.zeros((len(users), k), np.int64)
    scores = np.full(items.shape, -np.inf, np.float32)
    some = clicks.offsets[users + 1] > clicks.offsets[users]  # (B,)
    if some.any():
        rows = [clicks[u] for u in users[some]]
        best, values = model.best(rows, k, exclude_seen, users[some])
        items[some], scores[some] = best.numpy(), values.numpy()
    reasons = np.where(items.any(1), 0, np.where(some, 2, 1)).astype(np.int8)
    if min_score is not None:
        low = scores < np.float64(min_score)
        items[low], scores[low] = 0, -np.inf
        reasons[(reasons == 0) & ~items.any(1)] = 3
    return Lists(users, items, scores, reasons)


# -- tables ----------------------------------------------------------------------------


def write_lists(
    path: str | os.PathLike[str],
    model: Recommender,
    clicks: Interactions,
    k: int = 10,
    *,
    exclude_seen: bool = True,
    min_score: float | None = None,
    progress: bool = False,
) -> dict[str, int]:
    """Write `recommend_all` to a table: user, item, place, score, reason.

    A row for each item of a list, places from 1; for a user without a list one row with
    the reason, whose other cells are empty. Users and items are called as in the file
    the clicks came from. Names are written as they are.

    Lists are stored beside the table, in the folder `<path>.part`, as they are made,
    each block of users with a sum that is checked. Whoever is stopped, kill -9 too,
    calls again, with as many threads, and goes on there; the table, written at the end
    in one step, has the same bytes as one that never stopped.

    Parameters
    ----------
    path : a new file: .csv or .tsv, both also .gz, in UTF-8, or .parquet, where pyarrow
        is installed.
    model, clicks, k, exclude_seen, min_score : as in `recommend_all`.
    progress : show a bar, on a terminal.

    Returns
    -------
    Numbers of "users" and "rows", and of users for each reason.

    Raises
    ------
    DisrecError : a path that exists or cannot be written, a full disk, a stopped export
        of something else, names that are no UTF-8; nothing to recommend to anybody.
    """
    path = check_target(path)
    how: dict[str, Any] = {"exclude_seen": exclude_seen, "min_score": min_score}
    make = partial(recommend_all, model, clicks, k, **how)
    make()  # complains
    names = names_of(model, clicks)
    k, least = min(k, model.n_items), None if min_score is None else float(min_score)
    about = {"format": FORMAT, "k": k, "exclude_seen": bool(exclude_seen)}
    about |= {"min_score": least, "threads": torch.get_num_threads()}
    about["device"] = str(next(iter(model.parameters()), torch.empty(0)).device)
    about |= _digests(model, clicks)
    folder = path.with_name(f"{path.name}.part")
    n, hidden = clicks.n_users, None if progress else True  # None: no terminal
    try:
        with locks.alone(folder):
            check_target(path)
            remove_leftovers(path.parent, path.name)
            part = _Part(folder / "lists", about, n, k)
            with tqdm(total=n, unit="user", leave=False, disable=hidden) as bar:
                counts = part.fill(make, bar)
            if not counts["rows"]:
                part.path.unlink()
                raise _nobody(counts, exclude_seen)
            write_atomic(path, lambda file: _write(file, path, part.read(), names))
            part.path.unlink()
    finally:
        with contextlib.suppress(OSError):  # it still holds lists, or was never made
            folder.rmdir()
    return counts


def check_target(path: str | os.PathLike[str]) -> Path:
    """A table that can be written and is not there yet, or a sentence."""
    path = checks.check_path(path, "a table of lists")
    if not path.name.lower().endswith(ENDS):
        listed = f"{', '.join(ENDS[:-1])} or {ENDS[-1]}"
        raise DisrecError(f"{path}: the name of a table must end in {listed}.")
    if path.exists():
        raise DisrecError(f"{path} exists: remove it, or choose another name.")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise DisrecError(
            f"{path} needs pyarrow: pip install pyarrow, or choose a name in .csv."
        )
    return path


def names_of(
    model: Recommender, clicks: Interactions
) -> tuple[Sequence[str], Sequence[str]]:
    """What users and items are called: by name, where names tell all items apart, else
    by number; users from 1."""
    users = clicks.user_names or list(map(str, range(1, clicks.n_users + 1)))
    items = model.item_names or clicks.item_names or [""] * (model.n_items + 1)
    if "" in items[1:] or len(set(items)) < len(items):
        items = list(map(str, range(model.n_items + 1)))
    for name in chain(users, items):
        if not name.isascii() and name.encode("utf-8", "replace").decode() != name:
            raise DisrecError(f"the name {name!r} cannot be written in UTF-8.")
    return users, items


Names = tuple[Sequence[str], Sequence[str]]


def as_rows(lists: Lists, names: Names) -> Iterator[tuple[Any, ...]]:
    """Cells of `COLUMNS`, None where there is nothing to say."""
    users, items = names
    listed = (lists.users, lists.items, lists.reasons)
    for u, found, why, scores in zip(
        *(x.tolist() for x in listed), lists.scores, strict=True
    ):
        if why:
            yield users[u], None, None, None, REASONS[why]
        for place, j in enumerate(found):
            if j:
                yield users[u], items[j], place + 1, scores[place], None


def as_text(parts: Iterable[Lists], names: Names, sep: str) -> Iterator[str]:
    """Lines of a table, a block of users at a time, the header first.

    What holds the sign between cells, a quote or the end of a line stands in quotes.
    """
    lines: list[str] = []
    # the end of a row is told to be both signs, so that cells with one are quoted
    out = csv.writer(SimpleNamespace(write=lines.append), delimiter=sep)
    out.writerow(COLUMNS)
    for lists in parts:
        out.writerows(as_rows(lists, names))
        yield "".join(line[:-2] + "\n" for line in lines)
        lines.clear()


def _write(file: BinaryIO, path: Path, parts: Iterable[Lists], names: Names) -> None:
    ends = path.name.lower()
    if ends.endswith(".parquet"):
        return _write_parquet(file, parts, names)
    text = as_text(parts, names, "\t" if ".tsv" in ends[-7:] else ",")
    if not ends.endswith(".gz"):
        return file.writelines(block.encode() for block in text)
    with gzip.GzipFile("", "wb", 6, file, mtime=0) as zipped:  # the same at any time
        zipped.writelines(block.encode() for block in text)


def _write_parquet(file: BinaryIO, parts: Iterable[Lists], names: Names) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds = (pyarrow.string(), pyarrow.string(), pyarrow.int32(), pyarrow.float32())
    schema = pyarrow.schema([*zip(COLUMNS, (*kinds, pyarrow.string()), strict=True)])
    n = ROWS // USERS // 10  # blocks in a group of rows
    parts = iter(parts)
    with parquet.ParquetWriter(file, schema) as writer:
        while some := list(islice(parts, n)):
            rows = chain.from_iterable(as_rows(lists, names) for lists in some)
            cells = [
                pyarrow.array(column, kind)
                for column, kind in zip(
                    zip(*rows, strict=True), schema.types, strict=True
                )
            ]
            writer.write_table(pyarrow.table(cells, schema))


def _nobody(counts: dict[str, int], exclude_seen: bool) -> DisrecError:
    why = said(counts) or "there are no users"
    advice = checks.COME_BACK if exclude_seen and REASONS[2] in counts else ""
    return DisrecError(f"nobody can be recommended anything: {why}{advice}.")


def said(counts: dict[str, int]) -> str:
    """Why users have no list, and how many."""
    return ", ".join(
        f"{why}: {counts[why]:,} users" for why in REASONS if why in counts
    )


# -- what is made already --------------------------------------------------------------


class _Part:
    """Blocks of lists in a file, each with a sum; the first line says of what."""

    def __init__(self, path: Path, about: dict[str, Any], n_users: int, k: int) -> None:
        self.path, self.about, self.n_users, self.k = path, about, n_users, k
        self.header = json.dumps(about).encode() + b"\n"

    def fill(self, make: Callable[..., Iterator[Lists]], bar: Any) -> dict[str, int]:
        """Make what is missing; returns what there is of everything.

        make : users -> their lists.
        """
        counts: Counter[str] = Counter(users=self.n_users, rows=0)

        def count(lists: Lists) -> None:
            counts.update(REASONS[why] for why in lists.reasons[lists.reasons > 0])
            counts["rows"] += int((lists.items > 0).sum())
            bar.update(len(lists.users))

        done = 0
        try:
            with self.path.open("a+b") as file:
                file.seek(0)
                if self._is_new(file.readline()):
                    file.truncate(0)
                    file.write(self.header)
                    file.flush()
                end = file.seek(len(self.header))
                for lists in self._blocks(file):
                    count(lists)
                    done, end = int(lists.users[-1]) + 1, file.tell()
                file.truncate(end)  # what was being written when it was stopped
                for lists in make(users=np.arange(done, self.n_users)):
                    data = _packed(lists)
                    file.write(data + _sum(data))
                    file.flush()
                    count(lists)
                os.fsync(file.fileno())
        except OSError as error:
            raise DisrecError(f"Cannot write {self.path}: {reason(error)}.") from error
        return dict(counts)

    def read(self) -> Iterator[Lists]:
        """All lists, or a sentence when some are missing."""
        done = 0
        with self.path.open("rb") as file:
            file.readline()
            for lists in self._blocks(file):
                done += len(lists.users)
                yield lists
        if done < self.n_users:
            raise DisrecError(f"{self.path} is damaged: start the export again.")

    def _blocks(self, file: BinaryIO) -> Iterator[Lists]:
        """As many as are whole."""
        for first in range(0, self.n_users, _at_once(self.k)):
            last = min(first + _at_once(self.k), self.n_users)
            users = np.arange(first, last)
            data = file.read(len(users) * (8 * self.k + 1))
            if file.read(4) != _sum(data) or not data:
                return
            yield _unpacked(data, users, self.k)

    def _is_new(self, line: bytes) -> bool:
        """Whether nothing was stored; a sentence where it is of something else."""
        if not line.endswith(b"\n"):
            return True
        try:
            before = json.loads(line)
            same = before == json.loads(self.header)
            changed = [k for k in self.about if before.get(k) != self.about[k]]
        except (ValueError, AttributeError):
            raise DisrecError(f"{self.path} is damaged: remove it.") from None
        if not same:
            was = ", ".join(f"{k} was {before.get(k)!r}" for k in changed)
            if changed == ["threads"]:  # the sums would be rounded otherwise
                raise DisrecError(
                    f"{self.path} holds a stopped export with {before['threads']} "
                    f"threads: set OMP_NUM_THREADS={before['threads']} to go on."
                )
            raise DisrecError(
                f"{self.path} holds a stopped export of something else: {was}; remove "
                "its folder, or choose another name for the table."
            )
        return False


def _packed(lists: Lists) -> bytes:
    items, scores = lists.items.astype("<i4"), lists.scores.astype("<f4")
    return items.tobytes() + scores.tobytes() + lists.reasons.tobytes()


def _unpacked(data: bytes, users: Array, k: int) -> Lists:
    n = len(users) * k
    items = np.frombuffer(data, "<i4", n).reshape(-1, k).astype(np.int64)
    scores = np.frombuffer(data, "<f4", n, 4 * n).reshape(-1, k).astype(np.float32)
    return Lists(users, items, scores, np.frombuffer(data, np.int8, offset=8 * n))


def _sum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def _digests(model: Recommender, clicks: Interactions) -> dict[str, str]:
    """What the lists follow from, in short."""
    of_model = hashlib.sha256(f"{model.own_kind()} {model.config}".encode())
    for name, x in model.state_dict().items():
        of_model.update(name.encode())
        of_model.update(x.detach().cpu().flatten().view(torch.uint8).numpy().data)
    of_clicks = hashlib.sha256(clicks.items.tobytes() + clicks.offsets.tobytes())
    return {"model": of_model.hexdigest()[:12], "clicks": of_clicks.hexdigest()[:12]}
