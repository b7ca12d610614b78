"""What a value must be, said in one sentence at the edge."""

import difflib
import math
import operator
import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from disrec_mini.errors import DisrecError, DisrecIndexError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def short(value: object) -> str:
    """What a sentence shows of a value: one line, not a long one."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:56]} ..."


def check_flag(value: object, name: str) -> bool:
    """True or False, also NumPy's, or a sentence."""
    if not isinstance(value, bool | np.bool_):
        raise DisrecError(f"{name} must be True or False, not {short(value)}.")
    return bool(value)


def check_path(value: object, what: str) -> Path:
    """The place of a file or folder, or a sentence."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise DisrecError(
            f"the place of {what} must be a path or its text, not {short(value)}."
        )
    path = Path(value)
    if "\0" in str(path):
        raise DisrecError(f"the place of {what} is no path: {str(path)!r}.")
    odd = os.path.exists(path) and not (path.is_file() or path.is_dir())
    if odd:  # reading it might wait or go on for ever
        raise DisrecError(
            f"{path} is a pipe or a device: {what} must be a plain file; write what "
            "comes out of it into one first."
        )
    return path


def check_whole(value: object, name: str, least: int) -> int:
    """`value` as an int of at least `least`, or a sentence."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole and value >= 2**63:  # type: ignore[operator]
        raise DisrecError(f"{name} must be a whole number below 2^63, not {value}.")
    if not whole or value < least:  # type: ignore[operator]
        found = short(value)
        raise DisrecError(f"{name} must be a whole number >= {least}, not {found}.")
    return int(value)  # type: ignore[call-overload]


def is_number(value: object) -> bool:
    """True for whole and broken numbers, also NumPy's; True and False are none."""
    number = isinstance(value, int | float | np.integer | np.floating)
    huge = isinstance(value, int) and abs(value) >= 2**63
    return number and not huge and not isinstance(value, bool)


def is_finite(value: object) -> bool:
    """A number that is neither NaN nor infinite."""
    return is_number(value) and math.isfinite(value)  # type: ignore[arg-type]


def check_minutes(value: Any) -> None:
    """A number above 0, or None, or a sentence."""
    if value is not None and not (is_number(value) and value > 0):
        found = short(value)
        raise DisrecError(f"minutes must be a number above 0, or None, not {found}.")


def check_share(value: Any, name: str, hint: str = "") -> None:
    """A number between 0 and 1, or a sentence."""
    if not (is_number(value) and 0 <= value <= 1):
        raise DisrecError(
            f"{name} must be a share between 0 and 1{hint}, not {short(value)}."
        )


def check_choice(value: object, name: str, choices: Sequence[object]) -> None:
    """One of a few values, or a sentence that names them; True is not 1."""
    *first, last = map(repr, choices)
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        listed = f"{', '.join(first)} or {last}"
        raise DisrecError(f"{name} must be {listed}, not {short(value)}.")


def did_you_mean(name: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """ " Did you mean x?", a sentence with a blank before it, or nothing."""
    near = difflib.get_close_matches(str(name), list(known), 3, cutoff)
    return f" Did you mean {' or '.join(near)}?" if near else ""


# -- arrays ----------------------------------------------------------------------------


def int_array(values: object, name: str) -> np.ndarray:
    """A read-only one-dimensional int64 copy, or a sentence."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of unequal length
        array = np.zeros((0, 0))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DisrecError(
            f"{name} must be a one-dimensional array of whole numbers, not one of "
            f"type {array.dtype} and shape {array.shape}."
        )
    array = np.array(array, dtype=np.int64)
    array.setflags(write=False)
    return array


def check_offsets(offsets: np.ndarray, n: int) -> None:
    """From 0 to n and never falling, or a sentence."""
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != n:
        ends = f"{offsets[0]} to {offsets[-1]}" if len(offsets) else "nothing"
        raise DisrecError(
            f"offsets must run from 0 to the number of clicks, {n}, not {ends}."
        )
    falls = np.flatnonzero(np.diff(offsets) < 0)
    if len(falls):
        raise DisrecError(
            f"offsets must never fall, but offsets[{falls[0] + 1}] is smaller "
            f"than offsets[{falls[0]}]."
        )


def check_held_out(values: object, name: str, n_users: int, n_items: int) -> np.ndarray:
    """(n_users,) item ids or 0, as `int_array` makes them, or a sentence."""
    ids = int_array(values, name)
    if len(ids) != n_users:
        raise DisrecError(
            f"{name} must have one entry for each of the {n_users} users, "
            f"not {len(ids)}."
        )
    wrong = np.flatnonzero((ids < 0) | (ids > n_items))
    if len(wrong):
        raise DisrecError(
            f"{name} must lie between 0 (none) and n_items = {n_items}, "
            f"but user {wrong[0]} has {ids[wrong[0]]}."
        )
    return ids


def check_item_names(
    names: Sequence[str] | None, n_items: int
) -> tuple[str, ...] | None:
    """n_items + 1 names, the first for padding, or a sentence."""
    checked = check_names(names, "item_names", n_items + 1)
    if checked is not None and checked[0] != "":
        raise DisrecError(
            f'item_names[0] belongs to padding and must be "", not '
            f"{checked[0]!r}; put the name of item 1 at index 1."
        )
    return checked


def check_ids(items: np.ndarray, n_items: int) -> None:
    """Every click is an item, or a sentence that names the first that is none."""
    wrong = np.flatnonzero((items < 1) | (items > n_items))
    if len(wrong):
        raise DisrecError(
            f"Item ids must lie between 1 and n_items = {n_items} (0 is padding), but "
            f"the click at position {wrong[0]} is {items[wrong[0]]}."
        )


def check_length(values: Sequence[object], name: str, n: int) -> None:
    """n entries, or a sentence."""
    if len(values) != n:
        zero = ", index 0 being padding" if name.startswith("item") else ""
        raise DisrecError(f"{name} must have {n} entries{zero}, not {len(values)}.")


def check_names(
    values: Sequence[str] | None, name: str, n: int
) -> tuple[str, ...] | None:
    """A tuple of n strings, None as it is, or a sentence."""
    if values is None:
        return None
    several = isinstance(values, Iterable) and getattr(values, "ndim", 1) == 1
    several = several and not isinstance(values, str)
    if not several or not all(isinstance(value, str) for value in values):
        raise DisrecError(f"{name} must be a sequence of strings.")
    check_length(values, name, n)
    return tuple(values)


def check_categories(
    values: Sequence[Sequence[str]] | None, name: str, n: int
) -> tuple[tuple[str, ...], ...] | None:
    """A tuple of n tuples of strings, None as it is, or a sentence."""
    if values is None:
        return None
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise DisrecError(
            f"{name} must be a sequence of sequences of strings, not {short(values)}."
        )
    rows = list(values)
    for row in rows:
        several = isinstance(row, Iterable) and not isinstance(row, str | Mapping)
        if not several or not all(isinstance(value, str) for value in row):
            raise DisrecError(
                f"{name} must hold sequences of strings, not {short(row)}."
            )
    check_length(rows, name, n)
    return tuple(map(tuple, rows))


# -- click sequences, devices ----------------------------------------------------------


def click_rows(items: Any, n_items: int) -> tuple[bool, list[list[int]]]:
    """Whether `items` is one sequence, and the rows without their padding."""
    if hasattr(items, "detach"):  # a tensor
        items = items.detach().cpu().numpy()
    try:
        array = np.asarray(items)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
        raise DisrecError(
            "recommend needs item ids: a sequence of whole numbers, or a (B, T) "
            "array of them right-padded with 0."
        )
    rows = [np.trim_zeros(row, "b").tolist() for row in np.atleast_2d(array)]
    for row in rows:
        if not row:
            raise DisrecError("recommend needs at least one click in a sequence.")
        _check_known(min(row), max(row), n_items, first=1)
    return array.ndim == 1, rows


def check_rows(
    items: "Tensor", lengths: "Tensor", n_items: int, max_len: int | None
) -> None:
    """Right-padded click sequences (B, T) and their lengths (B,), or a sentence."""
    import torch
    from torch import Tensor

    if not (isinstance(items, Tensor) and isinstance(lengths, Tensor)):
        raise DisrecError("items and lengths must be int64 tensors.")
    if items.ndim != 2 or lengths.shape != items.shape[:1]:
        raise DisrecError(
            f"items must be (B, T) and lengths (B,), not {tuple(items.shape)} and "
            f"{tuple(lengths.shape)}."
        )
    if items.dtype != torch.int64 or lengths.dtype != torch.int64:
        raise DisrecError("items and lengths must be int64 tensors.")
    n_rows, n_columns = items.shape
    if max_len is not None and n_columns > max_len:
        raise DisrecError(
            f"sequences of {n_columns} clicks are longer than max_len = {max_len}: "
            f"pass the last {max_len}."
        )
    if n_rows * n_columns == 0:
        raise DisrecError("a model needs at least one sequence with one click.")
    clicks = torch.arange(n_columns, device=items.device) < lengths[:, None]  # (B, T)
    sound = (lengths >= 1).all() & (lengths <= n_columns).all()
    sound = sound & ((items != 0) == clicks).all()
    least, most = items.aminmax()
    if bool(sound & (least >= 0) & (most <= n_items)):  # the one look at the device
        return
    if not bool(sound):
        raise DisrecError(
            "each row must hold its `lengths` clicks first (at least 1, none of them "
            "0) and then zeros."
        )
    _check_known(int(least), int(most), n_items, first=0)


def _check_known(least: int, most: int, n_items: int, first: int) -> None:
    if least < first or most > n_items:
        bad = least if least < first else most
        raise DisrecError(f"item {bad} is unknown: ids run from 1 to {n_items}.")


def choose_device(name: str) -> "torch.device":
    """ "auto" is CUDA if there is one, else MPS, else the CPU; or a sentence."""
    import torch

    if not isinstance(name, str | torch.device):
        raise DisrecError(
            f"device {short(name)} is not available here: try 'auto' or 'cpu'."
        )
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.zeros(0, device=torch.device(name)).device
    except (RuntimeError, AssertionError, TypeError):
        raise DisrecError(
            f"device {name!r} is not available here: try 'auto' or 'cpu'."
        ) from None


CLICKS = "clicks, from read_interactions or Interactions.from_sequences"


def check_sequences(sequences: Any) -> list[list[Any]]:
    """A list of each user's clicks, in order, or a sentence."""

    def refuse(value: Any, name: str, least: str) -> None:
        if isinstance(value, str | bytes | Mapping | set | frozenset):
            raise DisrecError(
                f"{name} must be {least}, not of type {type(value).__name__}: users "
                "count from 0 and clicks stand in order."
            )
        if not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
            raise DisrecError(f"{name} must be {least}, not {short(value)}.")

    refuse(sequences, "sequences", "one list of item ids for each user")
    lists = []
    for user, row in enumerate(sequences):
        refuse(row, f"user {user}", "a list of item ids")
        lists.append(list(row))
    return lists


def check_who(users: Any, n: int) -> np.ndarray | None:
    """The numbers (n,) of the users of n sequences, None as it is, or a sentence."""
    if users is None:
        return None
    try:
        who = np.atleast_1d(users)
    except ValueError:  # rows of unequal length
        who = np.zeros(n)
    if who.ndim != 1 or who.dtype.kind not in "iu":
        raise DisrecError(f"users must be whole numbers from 0, not {short(users)}.")
    if len(who) != n:
        raise DisrecError(f"{n} sequences need as many users.")
    return who.astype(np.int64)


# -- learning --------------------------------------------------------------------------


def check_train(train: Any, n_items: int | None = None) -> None:
    """Training clicks (of a model's items), or a sentence."""
    if not hasattr(train, "offsets") or isinstance(train, type):
        name = type(train).__name__
        raise DisrecError(f"train must be Interactions, not {name}.")
    if n_items is not None:
        check_same_items(n_items, train.n_items)


def check_candidates(candidates: Any, n_rows: int, n_items: int) -> None:
    """Lists of item ids (B, C) for B sequences, 0 where a list is short."""
    import torch

    lists = isinstance(candidates, torch.Tensor) and candidates.dtype == torch.int64
    if not lists or candidates.ndim != 2 or len(candidates) != n_rows:
        found = tuple(getattr(candidates, "shape", ())) or type(candidates).__name__
        raise DisrecError(
            f"candidates must be int64 item ids ({n_rows}, C), a row for each "
            f"sequence, not {found}."
        )
    if candidates.numel():
        least, most = candidates.aminmax()
        _check_known(int(least), int(most), n_items, first=0)


def check_epochs(epochs: Any, best: Any) -> None:
    """What a history holds, or a sentence."""
    if not isinstance(epochs, list) or not all(isinstance(x, dict) for x in epochs):
        raise DisrecError("epochs must be a list of dicts, one for each epoch.")
    check_whole(best, "best_epoch", 0)


def check_split(split: Any) -> None:
    """Training clicks and held-out ones, or a sentence."""
    if not hasattr(split, "valid_items") or isinstance(split, type):
        name = type(split).__name__
        advice = "leave_one_out(interactions) makes one"
        raise DisrecError(f"split must be a Split, not {name}: {advice}.")


def check_fit(
    model: Any,
    split: Any,
    objective: Any,
    patience: Any,
    minutes: Any,
    out: Any,
    resume: Any,
    on_epoch: Any,
) -> None:
    """What `fit` is given is of the right kind, or a sentence."""
    if isinstance(model, type) or not callable(getattr(model, "objective", None)):
        name = model.__name__ if isinstance(model, type) else type(model).__name__
        raise DisrecError(
            f"model must be a Recommender made from its settings, not {name}."
        )
    check_split(split)
    check_same_items(model.n_items, split.n_items)
    parts = ("steps", "loss", "optimizer")
    if objective is not None and not all(hasattr(objective, x) for x in parts):
        name = type(objective).__name__
        raise DisrecError(f"objective must be an Objective or None, not {name}.")
    if not isinstance(patience, int | np.integer | None) or patience is True:
        found = short(patience)
        raise DisrecError(f"patience must be a whole number or None, not {found}.")
    if patience is not None and patience < 1:
        raise DisrecError("patience must be at least 1 validation, or None.")
    check_minutes(minutes)
    if not isinstance(out, str | os.PathLike | None) or out == "":
        raise DisrecError(f"out must be a folder's name or None, not {short(out)}.")
    check_flag(resume, "resume")
    if resume and out is None:
        raise DisrecError("resume needs `out`, the folder of the run.")
    if on_epoch is not None and not callable(on_epoch):
        found = short(on_epoch)
        raise DisrecError(f"on_epoch must be a function or None, not {found}.")


def check_temperature(temperature: Any) -> None:
    """None or a positive number, or a sentence."""
    if temperature is not None and not (is_number(temperature) and temperature > 0):
        raise DisrecError(
            f"temperature must be a number above 0, or None for sqrt(D), not "
            f"{short(temperature)}."
        )


def _check_vectors(x: Any, name: str, letters: str) -> None:
    if not hasattr(x, "is_floating_point"):
        kind = type(x).__name__
        raise DisrecError(f"{name} must be a tensor ({letters}), not {kind}.")
    if x.ndim != 1 + letters.count(",") or not x.is_floating_point():
        kind = str(x.dtype).removeprefix("torch.")
        raise DisrecError(
            f"{name} must be ({letters}) floating-point numbers, not {kind} of shape "
            f"{tuple(x.shape)}."
        )


def _check_shape(x: "Tensor", name: str, shape: tuple[int, ...], why: str) -> None:
    if tuple(x.shape) != shape:
        found = tuple(x.shape)
        raise DisrecError(f"{name} must have the shape {shape}{why}, not {found}.")


def check_pairs(
    phi: Any, targets: Any, ids: Any, log_q: Any, temperature: Any, negatives: Any
) -> None:
    """What `seq2item_loss` is given fits together, or a sentence."""
    _check_vectors(phi, "phi", "B, K, D")
    _check_vectors(targets, "targets", "B, D")
    n, _, dim = phi.shape
    _check_shape(targets, "targets", (n, dim), ", one for each row of phi")
    check_temperature(temperature)
    if ids is not None:
        tensor = hasattr(ids, "is_floating_point")
        if not tensor or ids.ndim != 1 or ids.is_floating_point():
            raise DisrecError("target_ids must be a (B,) tensor of whole numbers.")
        _check_shape(ids, "target_ids", (n,), ", one for each row of phi")
    if negatives is not None and not hasattr(negatives, "ids"):
        raise DisrecError(f"negatives must be Negatives, not {short(negatives)}.")
    if log_q is not None and negatives is None:
        _check_vectors(log_q, "log_q", "B")
        _check_shape(log_q, "log_q", (n,), ", one for each row of phi")


def check_mask(loss: Any, keep: Any) -> None:
    """What `confident_mask` is given, or a sentence."""
    check_share(keep, "keep")
    if not hasattr(loss, "is_floating_point") or not loss.is_floating_point():
        raise DisrecError("loss must be a tensor of floating-point numbers.")


def check_sequences_of(past: Any, future: Any, temperature: Any) -> None:
    """What `seq2seq_loss` is given fits together, or a sentence."""
    _check_vectors(past, "past", "B, K, D")
    _check_vectors(future, "future", "B, K, D")
    _check_shape(future, "future", tuple(past.shape), ", as past")
    check_temperature(temperature)


# -- ranks, lists ----------------------------------------------------------------------


def check_targets(scores: Any, target: Any) -> "tuple[Tensor, Tensor]":
    """Scores (B, C) and a column of each row, (B,), as tensors, or a sentence."""
    import torch

    try:
        scores = torch.as_tensor(scores)
        column = torch.as_tensor(target, device=scores.device)  # (B,)
    except (TypeError, ValueError, RuntimeError):
        raise DisrecError("ranks needs arrays or tensors of numbers.") from None
    if scores.ndim != 2 or column.shape != scores.shape[:1]:
        raise DisrecError(
            f"scores must be (B, C) and target_index (B,), not {tuple(scores.shape)} "
            f"and {tuple(column.shape)}."
        )
    if column.is_floating_point() or column.dtype == torch.bool:
        kind = str(column.dtype).removeprefix("torch.")
        raise DisrecError(f"target_index must be whole numbers, columns, not {kind}.")
    least, most = column.aminmax() if column.numel() else (0, -1)
    if least < 0 or most >= scores.shape[1]:
        wrong = int(least if least < 0 else most)
        raise DisrecError(
            f"target_index {wrong} is no column: there are 0 to {scores.shape[1] - 1}."
        )
    return scores, column.long()


def check_ranks(ranks: Any, flat: bool = True) -> np.ndarray:
    """Ranks as float64, whole and from 1, (n,) if `flat`, or a sentence."""
    try:
        rank = np.asarray(ranks, dtype=np.float64)
    except (TypeError, ValueError):
        sentence = f"ranks must be whole numbers from 1, not {short(ranks)}."
        raise DisrecError(sentence) from None
    if flat and rank.ndim != 1:
        raise DisrecError(f"ranks must be (n,), one for each user, not {rank.shape}.")
    wrong = rank[~((rank >= 1) & (rank == np.floor(rank)) & np.isfinite(rank))]
    if len(wrong):
        raise DisrecError(
            f"ranks must be whole numbers from 1, the best, not {wrong[0]:g}."
        )
    return rank


def check_cut_offs(ks: Any) -> Iterable[int]:
    """Whole numbers of at least 1, or a sentence."""
    if isinstance(ks, str) or not isinstance(ks, Iterable) or hasattr(ks, "ndim"):
        found = short(ks)
        raise DisrecError(f"ks must be several cut-offs, such as (5, 10), not {found}.")
    return [check_whole(k, "a cut-off in ks", 1) for k in ks]


def check_values(values: Any, name: str = "values") -> np.ndarray:
    """(n,) finite numbers, at least one, or a sentence."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise DisrecError(f"{name} must be numbers, one a user.") from None
    if array.ndim != 1 or not array.size:
        raise DisrecError(
            f"{name} must be (n,) numbers, one a user, not of shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise DisrecError(f"{name} must be finite numbers, without NaN or infinity.")
    return array


def check_lists(
    lists: Any, n_items: Any, labels: Any, vectors: Any
) -> tuple[np.ndarray, Any, Any]:
    """What `diversity` is given, as arrays that fit together, or a sentence."""
    n_items = check_whole(n_items, "n_items", 1)
    lists = _array_or_nothing(lists)
    if lists.ndim != 2 or lists.dtype.kind not in "iu" or not lists.size:
        raise DisrecError(
            "lists must be an (n, k) array of item ids, 0 in empty places, not one of "
            f"type {lists.dtype} and shape {lists.shape}."
        )
    least, most = int(lists.min()), int(lists.max())
    _check_known(least, most, n_items, first=0)
    sizes = (lists > 0).sum(1)
    if labels is not None:
        labels = _array_or_nothing(labels)
        _check_for_items(labels.ndim == 1 and len(labels) > most, "labels")
        if not sizes.any():
            raise DisrecError("every list is empty: there is no largest label.")
    if vectors is not None:
        vectors = _array_or_nothing(vectors)
        fits = vectors.ndim == 2 and len(vectors) > most and vectors.dtype.kind in "iuf"
        _check_for_items(fits, "vectors")
        if not np.isfinite(vectors).all():
            raise DisrecError("vectors must be finite numbers.")
        if not (sizes > 1).any():
            raise DisrecError("a distance needs a list with 2 items or more.")
    return lists, labels, vectors


def _array_or_nothing(values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError:  # rows of unequal length
        return np.zeros(0)


def _check_for_items(fits: bool, name: str) -> None:
    if not fits:
        what = "one label" if name == "labels" else "a row of numbers"
        raise DisrecError(
            f"{name} must hold {what} for each item, the first for padding."
        )


def check_labels(truth: Any, guess: Any) -> None:
    """Two (n,) arrays of labels, not empty, or a sentence."""
    shapes = []
    for name, labels in (("truth", truth), ("found", guess)):
        array = _array_or_nothing(labels)
        if array.ndim != 1 or not array.size:
            found = array.shape
            raise DisrecError(f"{name} must be (n,) labels, not of shape {found}.")
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise DisrecError(f"{name} holds NaN, which is no label.")
        shapes.append(len(array))
    if shapes[0] != shapes[1]:
        raise DisrecError(
            f"truth has {shapes[0]} labels and found {shapes[1]}: both must name the "
            "same points."
        )


# -- evaluation ------------------------------------------------------------------------


def check_is(
    value: object, wanted: type | tuple[type, ...], name: str, how: str
) -> None:
    """An object of a class, or a sentence that says how to make one."""
    if not isinstance(value, wanted):
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        listed = " or ".join(kind.__name__ for kind in kinds)
        found = value.__name__ if isinstance(value, type) else type(value).__name__
        found = f"the class {found} itself" if isinstance(value, type) else found
        raise DisrecError(f"{name} must be {listed}, not {found}: pass {how}.")


def check_users(users: Any, n_users: int) -> np.ndarray:
    """Numbers (n,) of users, all for None; a mask (n_users,) works; or a sentence."""
    if users is None:
        return np.arange(n_users)
    if getattr(users, "shape", None) == (n_users,):  # an array or a tensor
        mask = np.asarray(users)
        users = np.flatnonzero(mask) if mask.dtype.kind == "b" else mask
    chosen = int_array(users, "users")
    outside = chosen[(chosen < 0) | (chosen >= n_users)]
    if len(outside):
        raise DisrecIndexError(
            f"There is no user {outside[0]}: users are 0 to {n_users - 1}."
        )
    return chosen


def check_asked(truth: np.ndarray, users: Any, on: str) -> np.ndarray:
    """Who of some users has a true item, each once, or a sentence."""
    chosen = check_users(users, len(truth))
    ordered, times = np.unique(chosen, return_counts=True)
    if len(ordered) < len(chosen):
        twice = ordered[times > 1][0]
        raise DisrecError(f"user {twice} is asked {times.max()} times: once is enough.")
    asked = chosen[truth[chosen] > 0]
    if not len(asked):
        raise DisrecError(
            f"no user has a {on} click: users need at least 3 clicks to be evaluated."
        )
    return asked


def check_negatives(
    negatives: Any, truth: np.ndarray, asked: np.ndarray, n_items: int
) -> np.ndarray:
    """(n_users, n) int64 other candidates, as `draw_negatives` makes, or a sentence."""
    array = _array_or_nothing(negatives)
    if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
        raise DisrecError(
            f"negatives must be an (n_users, n) array of whole numbers, not one of "
            f"type {array.dtype} and shape {array.shape}."
        )
    if len(array) != len(truth):
        raise DisrecError(
            f"negatives must have a row for each of the {len(truth)} users, also for "
            f"those who are not asked, not {len(array)}."
        )
    rows = array[asked]  # (n_asked, n)
    wrong = rows[(rows < 0) | (rows > n_items)]
    if len(wrong):
        raise DisrecError(
            f"item {wrong[0]} in negatives is unknown: ids run from 1 to {n_items}, "
            "and 0 fills short rows."
        )
    own = asked[(rows == truth[asked][:, None]).any(1)]
    if len(own):
        raise DisrecError(
            f"the negatives of user {own[0]} hold the item to be found, "
            f"{truth[own[0]]}: draw them again for this part of the data."
        )
    return np.ascontiguousarray(array, np.int64)


def warn_of_few(least: int, k: int) -> None:
    """Where k places hold every candidate, Recall@k says nothing: a warning."""
    if k < least:
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(__package__):
        frame, level = frame.f_back, level + 1
    warnings.warn(
        f"recall@{k} is 1 by construction for some users: only {least} items are "
        "ranked for one, the true item among them; look at mrr instead.",
        stacklevel=level,
    )


COME_BACK = "; with exclude_seen=False (--include-seen) clicked items come back"


def check_some(found: Iterable[object], exclude_seen: bool) -> None:
    """Somebody is recommended something, or a sentence."""
    if any(found):
        return
    if exclude_seen:
        raise DisrecError(
            "nothing is left to recommend: every item was clicked or scored -inf"
            f"{COME_BACK}."
        )
    raise DisrecError("nothing is left to recommend: every item was scored -inf.")


# -- weights, scores -------------------------------------------------------------------


def not_finite(model: Any) -> str:
    """The name of the first weights that hold NaN or infinity, or nothing.

    Buffers are weights where there are no parameters; elsewhere they may hold infinity,
    as masks do, but no NaN.
    """
    import torch

    learned = dict(model.named_parameters())
    weights = {**learned, **dict(model.named_buffers())}
    weights = {k: x.detach() for k, x in weights.items() if x.is_floating_point()}
    sums = [x.sum().float() for x in weights.values()]  # quick, and finite as a rule
    if not sums or bool(torch.stack(sums).isfinite().all()):
        return ""
    for name, x in weights.items():
        wrong = x.isnan() if learned and name not in learned else ~x.isfinite()
        if bool(wrong.any()):
            return name
    return ""


def check_weights(model: Any, where: str = "the model", advice: str = "") -> None:
    """Every weight is a finite number, or a sentence."""
    name = not_finite(model)
    if name:
        advice = advice or "train it again with a lower learning rate"
        raise DisrecError(f"{where}: {name} holds NaN or infinity; {advice}.")


def check_no_nan(scores: "Tensor") -> None:
    """Scores (B, C) without NaN, which is neither better nor worse, or a sentence."""
    if scores.numel() and bool(scores.amax().isnan()):  # amax is NaN where one is
        raise DisrecError(
            "the model's scores hold NaN, which cannot be ranked: train it again with "
            "a lower learning rate, or look for a division by zero in `score`."
        )


def check_scores(scores: Any, shape: Sequence[int], padding: bool = True) -> None:
    """A floating-point tensor of this shape without NaN, or a sentence.

    padding : its columns are the items from 0, where anything may be.
    """
    import torch

    name = "score" if padding else "score_candidates"
    if not isinstance(scores, torch.Tensor):
        advice = ": wrap it in torch.from_numpy" if hasattr(scores, "dtype") else ""
        kind = f"{type(scores).__module__}.{type(scores).__name__}"
        raise DisrecError(f"{name} must return a torch tensor, not {kind}{advice}.")
    if scores.shape != tuple(shape):
        found, wanted = tuple(scores.shape), tuple(shape)
        lacks = padding and found == (wanted[0], wanted[1] - 1)
        advice = ": put a column for the padding, item 0, first" if lacks else ""
        raise DisrecError(
            f"{name} must return {wanted} scores here, a row for each sequence and a "
            f"column for each {'item and the padding' if padding else 'candidate'}, "
            f"not {found}{advice}."
        )
    if not scores.is_floating_point():
        kind = str(scores.dtype).removeprefix("torch.")
        raise DisrecError(
            f"{name} must return floating-point numbers, not {kind}: add .float()."
        )
    check_no_nan(scores[:, 1:] if padding else scores)


# -- runs ------------------------------------------------------------------------------


def check_same_run(part: str, stored: Any, now: Any, path: object) -> None:
    """What a checkpoint says of its run is what this run says, or a sentence."""
    if stored == now:
        return
    if not isinstance(now, dict) or not isinstance(stored, dict):
        raise DisrecError(
            f"{path} belongs to a run on other data: it cannot go on here."
        )
    changed = [k for k in {**stored, **now} if stored.get(k) != now.get(k)]
    if part == "plan" and changed == ["epochs"]:
        return  # training longer is the same run
    shown = [f"{k} was {stored.get(k)!r} and is {now.get(k)!r}" for k in changed]
    raise DisrecError(
        f"{path} belongs to a run with other settings: {', '.join(shown)}."
    )


def check_same_items(of_model: int, of_data: int) -> None:
    """A model learns from data with its number of items, or a sentence."""
    if of_model != of_data:
        raise DisrecError(
            f"the model has {of_model} items and the data {of_data}: "
            f"make the model with n_items={of_data}."
        )


def check_knows(model: Any, data: Any) -> None:
    """A model is asked for items, and users, that it knows, or a sentence."""
    if isinstance(model, type) or not callable(getattr(model, "score", None)):
        name = model.__name__ if isinstance(model, type) else type(model).__name__
        raise DisrecError(f"model must be an object that has `score`, not {name}.")
    items = getattr(model, "n_items", data.n_items)
    if items < data.n_items:
        raise DisrecError(
            f"the model knows {items} items and the data have {data.n_items}: it was "
            "trained on other data."
        )
    users = getattr(model, "n_users", data.n_users)
    if users != data.n_users:
        raise DisrecError(
            f"the model knows {users} users by number and the data have "
            f"{data.n_users}: it was trained on other data."
        )


def check_user(user: SupportsIndex, n_users: int) -> int:
    """The number of a user, or a sentence."""
    try:
        number = operator.index(user)
    except TypeError:
        raise DisrecError(
            f"A user is a whole number, not {short(user)}; use select() for several."
        ) from None
    if not 0 <= number < n_users:
        raise DisrecIndexError(
            f"There is no user {number}: users are 0 to {n_users - 1}."
        )
    return number
