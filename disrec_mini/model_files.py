"""A model's file: tensors as safetensors, and what it is as JSON in the header.

No code is in such a file and none is run by reading it. Files of torch, as versions up
to 0.2 wrote them, are still read.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from disrec_mini.checks import check_path
from disrec_mini.errors import DisrecError
from disrec_mini.files import check_claims, read_torch, write_atomic

FILE = "model.safetensors"
OLD_FILE, OLD_FORMAT = "model.pt", "disrec_mini model 1"
FORMAT = "disrec_mini model 2"
KEY = "disrec_mini"  # of the header's text, and of a tensor that holds a long one
ROOM = 4 * 10**7  # bytes of text; readers take headers of 100 MB
WHAT = "a model of disrec_mini"


def find(path: str | Path) -> Path:
    """The file itself, or that of a folder: of two the one that is written now."""
    path = check_path(path, WHAT)
    if not path.is_dir():
        return path
    files = [path / FILE, path / OLD_FILE]
    return next((file for file in files if file.exists()), files[0])


def write_model(path: str | Path, about: dict[str, Any], weights: Any) -> None:
    """Write one file, atomically.

    about : plain values. weights : {name: tensor}, on any device.
    """
    path = check_path(path, WHAT)
    tensors: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, x in weights.items():
        if not isinstance(x, Tensor):
            raise DisrecError(f"the model is not saved: its {name} is no tensor.")
        x = x.detach().cpu().contiguous()
        storage = x.untyped_storage().data_ptr()
        tensors[name] = x.clone() if storage in storages else x  # each on its own
        storages.add(storage)
    # NumPy's numbers become Python's
    try:
        text = json.dumps({"format": FORMAT, **about}, default=lambda x: x.item())
    except (TypeError, ValueError, AttributeError) as error:
        raise DisrecError(
            f"the model is not saved: its settings, names and `made_from` must be "
            f"plain values ({error})."
        ) from None
    text = json.dumps({"sha256": _digest(text, tensors), "about": text})
    if len(text) > ROOM:  # millions of names
        tensors[KEY] = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
        text = ""
    content = safetensors.torch.save(tensors, {KEY: text})
    write_atomic(path, lambda file: file.write(content))


def read_model(path: Path) -> dict[str, Any]:
    """What `write_model` was given, the weights under "weights", or a sentence.

    Its sum is checked, and that it claims no more numbers than it holds.
    """
    if not path.exists():
        raise DisrecError(f"{path} does not exist: expected {WHAT}.")
    if not path.is_file():
        raise DisrecError(f"{path} is not a file: expected {WHAT}.")
    try:
        with path.open("rb") as file:
            old = file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise DisrecError(f"{path} cannot be read: {error.strerror}.") from None
    if old:
        return read_torch(path, OLD_FORMAT, WHAT)
    metadata, weights = _read(path)
    if KEY not in metadata:
        raise DisrecError(f"{path} is not {WHAT}: its header does not say so.")
    held = weights.pop(KEY, None)
    content = _about(path, metadata[KEY] or _text(held), weights)
    content["weights"] = weights
    check_claims(path, content)
    return content


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The header's texts and all tensors, both checked by the library."""
    try:
        with safe_open(str(path), "pt") as file:
            # a copy: the library maps the file, which may be written again later
            names = file.keys()
            weights = {name: file.get_tensor(name).clone() for name in names}
            return file.metadata() or {}, weights
    except OSError as error:
        raise DisrecError(f"{path} cannot be read: {error}.") from None
    except (SafetensorError, ValueError, TypeError, RuntimeError, AttributeError):
        raise DisrecError(f"{path} is damaged or not {WHAT}.") from None


def _text(held: Tensor | None) -> str:
    with contextlib.suppress(ValueError, AttributeError, RuntimeError):
        return held.numpy().tobytes().decode()  # type: ignore[union-attr]
    return ""


def _about(path: Path, text: str, weights: dict[str, Tensor]) -> dict[str, Any]:
    """What the header says of the model, if its sum holds."""
    try:
        outer = json.loads(text)
        digest, said = str(outer["sha256"]), str(outer["about"])
        about = json.loads(said)
        known = about["format"] == FORMAT
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DisrecError(f"{path} is damaged or not {WHAT}.") from None
    if not known:
        raise DisrecError(f"{path} is not {WHAT} (expected format {FORMAT!r}).")
    if digest != _digest(said, weights):
        raise DisrecError(
            f"{path} is damaged: its numbers or settings are not as they were written; "
            "copy the file again."
        )
    return dict(about)


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    """sha256 of everything that a file holds."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        x = tensors[name]
        digest.update(f"{name} {x.dtype} {tuple(x.shape)}".encode())
        digest.update(x.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def as_stored(model: torch.nn.Module, weights: dict[str, Tensor]) -> None:
    """Give a model that was made of these weights their precision.

    Raises
    ------
    TypeError : whole numbers where others belong, or the other way round.
    """
    kinds = {name: weights[name].dtype for name in model.state_dict()}
    for name, x in model.state_dict().items():
        if kinds[name].is_floating_point != x.is_floating_point() or (
            kinds[name] != x.dtype and not x.is_floating_point()
        ):
            raise TypeError(f"{name} holds {kinds[name]}, not {x.dtype}")
    floating = {kind for kind in kinds.values() if kind.is_floating_point}
    if len(floating) == 1:
        kind = floating.pop()
        if any(x.dtype != kind for x in model.parameters()):
            model.to(kind).load_state_dict(weights)
