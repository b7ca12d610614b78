"""The first page's picture: clicks stream through intentions into one list.

`show` puts a small trained model into the page. A reader drags, adds and removes
clicks and sees how much of each goes to which intention, what each intention would
show by itself, and which of it the final list takes.
"""

from collections.abc import Sequence

from disrec_mini.checks import check_is
from disrec_mini.errors import DisrecError
from disrec_mini.explorer import check_items, check_model, packed_model
from disrec_mini.model import DisRec
from disrec_mini.synthetic import World
from disrec_mini.widgets import Shown, explorable

ROOM, TOP = 7, 5  # clicks that find room on a phone, places of every list


def show(
    model: DisRec,
    world: World,
    start: Sequence[int],
    nouns: Sequence[str] = ("shirt", "trousers"),
    caption: str = "",
) -> Shown:
    """A model of a small world as a picture in motion.

    Parameters
    ----------
    model : trained on the world; its weights go into the page as they are now.
    start : item ids of the first clicks, oldest first.
    nouns : what an item of each true intention is called; "shirt" and "trousers" have
        a drawing. caption : HTML shown below.

    Raises
    ------
    DisrecError : the model, the world, the clicks and the names do not fit.
    """
    check_is(world, World, "world", "what make_world returns")
    check_is(caption, str, "caption", "a text")
    check_model(model, world.interactions)
    names = [str(noun) for noun in nouns]
    if len(names) != world.settings.n_intents:
        wanted = world.settings.n_intents
        raise DisrecError(f"nouns must name {wanted} kinds of items, not {names}.")
    longest = min(ROOM, model.config.max_len)
    clicks = check_items(start, "the start", model.config.n_items)
    if len(clicks) > longest:
        raise DisrecError(f"the picture has room for {longest} clicks.")
    page = {
        **packed_model(model, half=True),
        "kind": world.intention_of_item.tolist(),
        "nouns": names,
        "start": clicks,
        "room": longest,
        "top": TOP,
    }
    label = "Clicks stream through the intentions of a trained model into one list"
    parts = ("disrec_mini.explorer:forward", "streams")
    return explorable("streams", page, label, caption, scripts=parts)
