"""The explorer: a trained model that runs inside the page.

`show` puts weights, names and a forward pass of about a hundred lines of JavaScript
into one piece of HTML. A reader chooses clicks and sees p_{k|i}, p_i, the intentions
and their recommendations change, without a kernel and without a network.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.model import DisRec
from disrec_mini.synthetic import World
from disrec_mini.widgets import Shown, explorable, packed

SETTINGS = ("n_items", "dim", "n_blocks", "n_intents", "max_len", "remedy")
EXAMPLES, EXAMPLE_CLICKS = 3, 12  # users offered as examples, clicks of each
MATCHED_USERS = 500  # users a world's intentions are matched on

Sequences = Mapping[str, Sequence[int]]


def show(
    model: DisRec,
    data: Interactions | World | None = None,
    *,
    start: Sequence[int] | Sequences | None = None,
    noun: str = "item",
    half: bool = True,
    label: str = "",
    caption: str = "",
) -> Shown:
    """The model as an explorable.

    Parameters
    ----------
    model : any trained `DisRec`; its weights go into the page as they are now.
    data : where names, categories, popularity and example users come from. A `World`
        also brings the truth, which is shown beside what was learned.
    start : item ids of the first sequence, oldest first, or several as {name: ids},
        of which the first is shown first. Else users of `data`, else nothing.
    noun : what an item is called, such as "film".
    half : weights as float16, half the size; float32 where float16 cannot hold them.
    label : for readers who do not see it. caption : HTML shown below.

    Raises
    ------
    DisrecError : the model or its weights cannot be shown, or data or start do not fit.
    """
    if not isinstance(model, DisRec):
        raise DisrecError(
            f"the explorer shows a DisRec model, not {type(model).__name__}."
        )
    clicks = data.interactions if isinstance(data, World) else data
    if clicks is not None and not isinstance(clicks, Interactions):
        raise DisrecError(
            f"data must be Interactions or a World, not {type(data).__name__}."
        )
    n_items = model.config.n_items
    if clicks is not None and clicks.n_items != n_items:
        raise DisrecError(
            f"the model knows {n_items} items and the data {clicks.n_items}: pass the "
            f"data it was trained on."
        )
    page = {
        "noun": noun,
        "settings": {name: getattr(model.config, name) for name in SETTINGS}
        | {"uniform": model.config.remedy and bool(model.intentions.uniform)},
        "weights": _weights(model, half),
        "names": (clicks and clicks.item_names) or model.item_names,
        "counts": None if clicks is None else packed(clicks.counts(), "int32"),
        "categories": _categories(clicks),
        "examples": _examples(model, clicks, start),
        "truth": _truth(model, data) if isinstance(data, World) else None,
    }
    label = label or f"Explorer: a trained model of {n_items:,} {noun}s in this page"
    return explorable(
        "explorer",
        page,
        label,
        caption,
        package="disrec_mini.explorer",
        scripts=("forward", "ui"),
    )


def _weights(model: DisRec, half: bool) -> dict[str, Any]:
    """Every weight that reads a past, packed, under PyTorch's names."""
    weights = {}
    for name, value in model.state_dict().items():
        if name in ("intentions.beta_future", "intentions.uniform"):
            continue
        array = value.cpu().to(torch.float32).numpy()
        if not np.isfinite(array).all():
            raise DisrecError(f"{name} holds NaN or infinity: train the model again.")
        fits = np.abs(array).max() <= np.finfo(np.float16).max
        if half and not fits:
            warnings.warn(
                f"{name} holds numbers beyond float16: it goes in as float32.",
                stacklevel=3,
            )
        weights[name] = packed(array, "float16" if half and fits else "float32")
    return weights


def _categories(clicks: Interactions | None) -> dict[str, Any] | None:
    """Names of the categories, and for each item the numbers of its own."""
    if clicks is None or clicks.item_categories is None:
        return None
    names = sorted({name for entry in clicks.item_categories for name in entry})
    number = {name: n for n, name in enumerate(names)}
    of_item = [[number[name] for name in entry] for entry in clicks.item_categories]
    return {"names": names, "of_item": of_item}


def _examples(
    model: DisRec,
    clicks: Interactions | None,
    start: Sequence[int] | Sequences | None,
) -> list[tuple[str, list[int]]]:
    """(name, item ids): those asked for, then users spread evenly over the data."""
    asked = start if isinstance(start, Mapping) else {"the start": start or ()}
    examples = []
    for name, ids in asked.items():
        items = [int(j) for j in ids]
        for j in items:
            if not 1 <= j <= model.config.n_items:
                raise DisrecError(
                    f"item {j} in start is unknown: ids run from 1 to "
                    f"{model.config.n_items}."
                )
        examples += [(str(name), items)] if items else []
    if clicks is None or isinstance(start, Mapping):
        return examples
    shown = min(EXAMPLE_CLICKS, model.config.max_len)
    users = np.flatnonzero(clicks.lengths >= min(shown, clicks.lengths.max()))
    for user in users[:: max(1, len(users) // EXAMPLES)][:EXAMPLES]:
        examples.append((f"user {user}", clicks[user][-shown:].tolist()))
    return examples


@torch.no_grad()
def _truth(model: DisRec, world: World) -> dict[str, Any]:
    """The true intention of each item, and which one each learned one gathers.

    A learned intention claims the clicks whose p_{k|i} is largest at it; it is matched
    to the true intention that more than half of its claims are about, else to -1.
    """
    truth, n_true = world.intention_of_item, world.settings.n_intents
    device = model.intentions.alpha.device
    claims = np.zeros((n_true, model.config.n_intents), np.int64)
    training = model.training
    model.eval()
    for items in list(world.interactions)[:MATCHED_USERS]:
        row = torch.tensor(items[-model.config.max_len :], device=device)[None]
        length = torch.tensor([row.shape[1]], device=device)
        learned = model.encode(row, length).cluster[0].argmax(1)  # (T,)
        np.add.at(claims, (truth[row[0].cpu()], learned.cpu().numpy()), 1)
    model.train(training)
    share = claims / claims.sum(0).clip(min=1)  # (G, K), columns sum to 1
    best, largest = share.argmax(0), share.max(0)
    first = [int(np.argmax(truth == g)) for g in range(n_true)]
    groups = world.interactions.item_categories
    return {
        "names": [groups[j][0] if groups else f"intention {truth[j]}" for j in first],
        "intention": truth.tolist(),
        "chain": world.chain_of_item.tolist(),
        "match": [
            int(g) if s > 0.5 else -1 for g, s in zip(best, largest, strict=True)
        ],
        "share": [round(float(s), 3) for s in largest],
    }
