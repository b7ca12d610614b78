"""What a run was made from, and how other data differ from it.

A click is known by the hash of who made it and on what, by the names of the file: in
whatever order a file lists its users, the same clicks have the same fingerprint.
"""

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from disrec_mini.errors import DisrecError
from disrec_mini.files import write_atomic

if TYPE_CHECKING:
    from disrec_mini.interactions import Interactions
    from disrec_mini.splitting import Split

FILE = "clicks.npy"  # of a run's folder: hashes of the clicks that it trained on
COUNTS = ("users", "items", "clicks")
MARKS = ("fingerprint", "user_order")

Array = np.ndarray
_ODD = np.uint64(0x9E3779B97F4A7C15)


def made_from(data: "Interactions") -> dict[str, Any]:
    """Numbers of users, items and clicks, a fingerprint of the clicks and one of the
    users in their order."""
    users = _users(data)
    first = np.repeat(data.offsets[:-1], data.lengths)  # (n,), of the click's user
    place = (np.arange(data.n_clicks) - first).astype(np.uint64)
    clicks = _mixed(_clicks(data) + place * _ODD)
    return {
        "users": data.n_users,
        "items": data.n_items,
        "clicks": data.n_clicks,
        "fingerprint": f"{int(clicks.sum(dtype=np.uint64)):016x}",
        "user_order": hashlib.blake2b(users.tobytes(), digest_size=8).hexdigest(),
    }


def is_origin(value: Any) -> bool:
    """Whether a file's value is what `made_from` gives."""
    return isinstance(value, dict) and (
        all(type(value.get(name)) is int for name in COUNTS)
        and all(type(value.get(name)) is str for name in MARKS)
    )


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """How the data of `now` differ from those of `before`; nothing if they do not."""
    if before["fingerprint"] == now["fingerprint"]:
        return ""
    said = []
    for name in COUNTS:
        n = now[name] - before[name]
        if n:
            noun = name if abs(n) > 1 else name.removesuffix("s")
            said.append(f"{abs(n):,} {noun} {'more' if n > 0 else 'fewer'}")
    return ", ".join(said) or (
        "as many users, items and clicks, but others or in another order"
    )


def check_people(model: Any, before: dict[str, Any], now: dict[str, Any]) -> None:
    """A model that knows users by number is asked for the same, or a sentence."""
    if hasattr(model, "n_users") and before["user_order"] != now["user_order"]:
        raise DisrecError(
            "the model knows its users by number, and those of the data are others or "
            "in another order: it cannot answer for them."
        )


def keep_clicks(folder: Path, split: "Split") -> None:
    """Write the hashes of the clicks that a run trains on, 8 bytes each."""
    clicks = trained(split)
    write_atomic(folder / FILE, lambda file: np.save(file, clicks))


def kept_clicks(folder: Path) -> Array | None:
    """What `keep_clicks` wrote, or None."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            clicks = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        clicks = np.zeros(0)
    if not isinstance(clicks, Array) or (clicks.dtype, clicks.ndim) != (np.uint64, 1):
        raise DisrecError(f"{path} is damaged: remove it to go on without.")
    return clicks


def trained(split: "Split") -> Array:
    """(n,) uint64, sorted: the hashes of the training clicks."""
    return np.sort(_clicks(split.train))


def n_leaked(clicks: Array, split: "Split", on: str) -> int:
    """How many of the held-out clicks are among those that a model was trained on.

    A click that was made as often before the one that is held out is none of them.

    clicks : of `trained`, by the model's split. split, on : what is measured now.
    """
    from disrec_mini.splitting import held_out

    data, asked = split.train, held_out(split, on)
    users, items = _users(data), _items(data)
    who = np.flatnonzero(asked)
    wanted = _pairs(users[who], items[asked[who] - 1])  # (n,)
    before = trained(split)
    n = _times(clicks, wanted) - _times(before, wanted)
    if on == "test":
        n -= split.valid_items[who] == asked[who]
    return int((n > 0).sum())


def _times(where: Array, what: Array) -> Array:
    """How often each is in a sorted array."""
    return np.searchsorted(where, what, "right") - np.searchsorted(where, what)


def _users(data: "Interactions") -> Array:
    return _hashes(data.user_names or range(1, data.n_users + 1))


def _items(data: "Interactions") -> Array:
    names = data.item_names
    return _hashes(names[1:] if names else range(1, data.n_items + 1))


def _hashes(names: Iterable[object]) -> Array:
    """(n,) uint64, the same on every machine."""
    return np.frombuffer(
        b"".join(
            hashlib.blake2b(
                str(name).encode("utf-8", "surrogatepass"), digest_size=8
            ).digest()
            for name in names
        ),
        "<u8",
    ).astype(np.uint64)


def _clicks(data: "Interactions") -> Array:
    """(n_clicks,) uint64."""
    users, items = _users(data), _items(data)
    return _pairs(np.repeat(users, data.lengths), items[data.items - 1])


def _pairs(users: Array, items: Array) -> Array:
    """(n,) uint64: who and what, from the hashes of both."""
    return _mixed(users * _ODD + items)


def _mixed(x: Array) -> Array:
    """splitmix64: every bit depends on every other."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
