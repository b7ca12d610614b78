"""The explorer: a trained model that runs inside the page.

`show` puts weights, names and a forward pass of about a hundred lines of JavaScript
into one piece of HTML. A reader chooses clicks and sees p_{k|i} and p_i flow into the
intentions, and those into what is shown, without a kernel and without a network.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from disrec_mini.checks import check_flag, check_is, check_whole
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.model import DisRec
from disrec_mini.remedy import RemedyLayer
from disrec_mini.settings import DisRecConfig
from disrec_mini.synthetic import World
from disrec_mini.widgets import Shown, explorable, packed

UNUSED = {"intentions.beta_future", "intentions.uniform"}  # in reading a past
EXAMPLES, EXAMPLE_CLICKS = 3, 12  # users offered as examples, clicks of each

Start = Sequence[int] | Mapping[str, Sequence[int]] | None


def show(
    model: DisRec,
    data: Interactions | World | None = None,
    *,
    start: Start = None,
    noun: str = "item",
    at_least: int = 0,
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
        of which the first is shown first. Else users of `data`, else nothing. An item
        named "unknown" is never listed.
    noun : what an item is called, such as "film".
    at_least : items with fewer clicks in `data` are not listed as recommendations,
        since hardly anything was learned of them; the page says so.
    half : weights as float16, half the size; float32 where float16 cannot hold them.
    label : for readers who do not see it. caption : HTML shown below.

    Raises
    ------
    DisrecError : the model or its weights cannot be shown, or data or start do not fit.
    """
    clicks = data.interactions if isinstance(data, World) else data
    check_model(model, clicks)
    for name, text in (("noun", noun), ("label", label), ("caption", caption)):
        check_is(text, str, name, "a text")
    check_flag(half, "half")
    at_least = check_whole(at_least, "at_least", 0)
    if at_least and (clicks is None or clicks.counts().max() < at_least):
        raise DisrecError("at_least needs data in which some item has so many clicks.")
    page = {
        "noun": noun,
        "least": at_least,
        **packed_model(model, half),
        "names": (clicks and clicks.item_names) or model.item_names,
        "counts": None if clicks is None else packed(clicks.counts(), "int32"),
        "categories": None if clicks is None else clicks.item_categories,
        "examples": _examples(model.config, clicks, start),
        "truth": _truth(model, data) if isinstance(data, World) else None,
    }
    label = label or f"Explorer: a trained model of {model.config.n_items:,} {noun}s"
    scripts = ("forward", "flow", "ui")
    return explorable("explorer", page, label, caption, __name__, scripts)


def side_by_side(
    models: Mapping[str, DisRec], world: World, start: Sequence[int], caption: str = ""
) -> Shown:
    """What several models of one world recommend for the same clicks.

    Parameters
    ----------
    models : {name: trained model}. start : item ids of the first clicks, oldest first.
    """
    check_is(models, Mapping, "models", "{name: trained model}")
    check_is(world, World, "world", "what make_world returns")
    check_is(caption, str, "caption", "a text")
    if not models:
        raise DisrecError("models must hold a model, not none.")
    for name, model in models.items():
        check_is(name, str, "the name of a model", "a text")
        check_model(model, world.interactions)
    clicked = check_items(start, "the start", world.interactions.n_items)
    categories = world.interactions.item_categories or [()]
    groups = dict.fromkeys(c[0] for c in categories[1:])
    page = {
        "models": [
            {"name": name, **packed_model(model, half=True)}
            for name, model in models.items()
        ],
        "names": world.interactions.item_names,
        "group": world.intention_of_item.tolist(),
        "groups": list(groups),
        "start": clicked,
        "top": 10,
    }
    label = "Two models side by side: choose clicks, compare what they recommend"
    return explorable("shirts", page, label, caption, __name__, ("forward", "shirts"))


def check_model(model: DisRec, clicks: Interactions | None) -> None:
    if not isinstance(model, DisRec):
        raise DisrecError(f"the explorer needs a DisRec, not {type(model).__name__}.")
    if not isinstance(clicks, Interactions | None):
        name = type(clicks).__name__
        raise DisrecError(f"data must be Interactions or a World, not {name}.")
    if clicks is not None and clicks.n_items != model.config.n_items:
        both = f"{clicks.n_items} items and the model {model.config.n_items}"
        raise DisrecError(f"the data has {both}: pass the data it learned from.")


def packed_model(model: DisRec, half: bool) -> dict[str, Any]:
    """What `forward.js` needs to run a model."""
    uniform = isinstance(model.intentions, RemedyLayer) and model.intentions.uniform
    settings = vars(model.config) | {"uniform": bool(uniform)}
    return {"settings": settings, "weights": _weights(model, half)}


def _weights(model: DisRec, half: bool) -> dict[str, Any]:
    """Every weight that reads a past, packed, under PyTorch's names."""
    tensors = model.state_dict()
    tensors["intentions.beta_past"] = model.intentions.beta("past").detach()
    weights = {}
    for name in sorted(tensors.keys() - UNUSED):
        array = tensors[name].cpu().to(torch.float32).numpy()
        if not np.isfinite(array).all():
            raise DisrecError(f"{name} holds NaN or infinity: train the model again.")
        short = half and bool(np.abs(array).max() <= np.finfo(np.float16).max)
        if half and not short:
            warnings.warn(f"{name} exceeds float16: it goes as float32.", stacklevel=3)
        weights[name] = packed(array, "float16" if short else "float32")
    return weights


def check_items(ids: Any, name: object, n_items: int) -> list[int]:
    """Item ids of a sequence, or a sentence."""
    if isinstance(ids, str | Mapping) or not isinstance(ids, Iterable):
        raise DisrecError(f"{name!r} must be a sequence of item ids, not {ids!r}.")
    items = [check_whole(j, f"an item in {name!r}", 1) for j in ids]
    if max(items, default=0) > n_items:
        wanted = f"ids run from 1 to {n_items}"
        raise DisrecError(f"item {max(items)} in {name!r} is unknown: {wanted}.")
    return items


def _examples(
    config: DisRecConfig, clicks: Interactions | None, start: Start
) -> list[tuple[str, list[int]]]:
    """(name, item ids): those asked for, then users spread evenly over the data."""
    asked = {} if start is None else start
    named = asked if isinstance(asked, Mapping) else {"the start": asked}
    examples = []
    for name, ids in named.items():
        shown_as = str(name) if named is asked else "the example"
        examples.append((shown_as, check_items(ids, name, config.n_items)))
    if named is start or clicks is None or clicks.n_clicks == 0:
        return examples
    shown = min(EXAMPLE_CLICKS, config.max_len)
    users = np.flatnonzero(clicks.lengths >= min(shown, clicks.lengths.max()))
    for user in users[:: max(1, len(users) // EXAMPLES)][:EXAMPLES]:
        examples.append((f"user {user}", clicks[user][-shown:].tolist()))
    return examples


@torch.no_grad()
def _truth(model: DisRec, world: World) -> dict[str, Any]:
    """The true intention of each item, and which one each learned one gathers.

    A learned intention claims the clicks whose p_{k|i} is largest at it; it is matched
    to the true intention that more than half of its claims are about, else to -1. Up
    to 500 users are read.
    """
    truth, n_true = world.intention_of_item, world.settings.n_intents
    device = model.intentions.alpha.device
    claims = np.zeros((n_true, model.config.n_intents), np.int64)
    training = model.training
    model.eval()
    for items in list(world.interactions)[:500]:
        row = torch.tensor(items[-model.config.max_len :])[None]
        read = model.encode(row.to(device), torch.tensor(row.shape[1:]).to(device))
        learned = read.cluster[0].argmax(1).cpu().numpy()  # (T,)
        np.add.at(claims, (truth[row[0]], learned), 1)
    model.train(training)
    share = claims / claims.sum(0).clip(min=1)  # (G, K), columns sum to 1
    return {
        "intention": truth.tolist(),
        "chain": world.chain_of_item.tolist(),
        "match": np.where(share.max(0) > 0.5, share.argmax(0), -1).tolist(),
        "share": share.max(0).round(3).tolist(),
    }
