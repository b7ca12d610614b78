"""Explorables, quizzes and figures: what goes into a page."""

import base64
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import disrec_mini as dm
from disrec_mini import plots, widgets
from disrec_mini.explorables import streams


def _data(markup):
    island = re.search(r'<script type="application/json">(.*?)</script>', markup, re.S)
    return json.loads(island.group(1))


def test_an_explorable_carries_its_data_and_cannot_be_broken_by_it():
    data = {"text": "</script><b>", "quote": "'\""}
    question = {"question": "</script>", "answers": [("<b>", True, "yes")]}
    markup = widgets.quiz([question]).markup
    assert markup.count("</script>") == 2
    assert _data(markup)["questions"][0]["question"] == "</script>"
    assert _data(widgets.explorable("quiz", data, 'a "label"').markup) == data
    assert 'aria-label="a &quot;label&quot;"' in (
        widgets.explorable("quiz", data, 'a "label"').markup
    )


def test_the_same_explorable_is_the_same_html():
    questions = [{"question": "?", "answers": [("a", True, "r"), ("b", False, "w")]}]
    assert widgets.quiz(questions).markup == widgets.quiz(questions).markup
    bundle = widgets.quiz(questions)._repr_mimebundle_()
    assert bundle["text/plain"] == "[explorable: Quiz: 1 question]"


def test_a_question_has_exactly_one_right_answer():
    for rights in ((True, True), (False, False)):
        answers = [("a", rights[0], ""), ("b", rights[1], "")]
        with pytest.raises(dm.DisrecError, match="exactly one right answer"):
            widgets.quiz([{"question": "?", "answers": answers}])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: widgets.explorable("nothing", {}, "x"), "has no nothing.js"),
        (lambda: widgets.explorable("quiz", {}, "x", package="no.such"), "no.such has"),
        (lambda: widgets.explorable("quiz", 5, "x"), "a dict of data, not 5"),
        (lambda: widgets.explorable("quiz", {"a": np.ones(2)}, "x"), "by `packed`"),
        (lambda: widgets.explorable("quiz", {"a": np.nan}, "x"), "must be finite"),
        (lambda: widgets.packed("abc"), "no array of float16"),
        (lambda: widgets.packed([300], "uint8"), "no array of uint8"),
        (lambda: widgets.packed([1], "word"), "no array of word"),
        (lambda: widgets.quiz(5), "a quiz is a list"),
        (lambda: widgets.quiz([{"question": "?"}]), "a quiz is a list"),
        (lambda: plots.show(5, "alt"), "a figure of Matplotlib, not 5"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(call, said):
    with pytest.raises(dm.DisrecError, match=said):
        call()


def test_parts_of_an_explorable_may_lie_elsewhere():
    parts = ("disrec_mini.explorer:forward", "streams")
    markup = widgets.explorable("streams", {}, "x", scripts=parts).markup
    assert markup.index("function makeModel(") < markup.index("function unasked()")
    assert ".streams-stage" in markup
    with pytest.raises(dm.DisrecError, match=r"no\.such has no forward\.js"):
        widgets.explorable("streams", {}, "x", scripts=("no.such:forward",))


def test_streams_need_a_world_its_model_and_clicks_that_fit():
    world = dm.synthetic.make_world(8, 6, n_intents=2, items_per_intent=4, chain=4)
    model = dm.DisRec(dm.DisRecConfig(8, dim=4, n_intents=2, max_len=4))
    page = _data(streams.show(model, world, [1, 5]).markup)
    assert page["kind"] == [-1, *[0] * 4, *[1] * 4]
    assert page["room"] == 4
    for changes, said in (
        ({"world": world.interactions}, "pass what make_world returns"),
        ({"start": [1] * 5}, "room for 4 clicks"),
        ({"start": [9]}, "item 9 in 'the start' is unknown"),
        ({"nouns": ["shirt"]}, "must name 2 kinds of items"),
    ):
        with pytest.raises(dm.DisrecError, match=said):
            streams.show(**{"model": model, "world": world, "start": [1]} | changes)


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8", "uint16", "int32"])
def test_packed_arrays_come_back(dtype):
    values = np.arange(12).reshape(3, 4)
    packed = widgets.packed(values, dtype)
    kind = np.dtype(dtype).newbyteorder("<")
    back = np.frombuffer(base64.b64decode(packed["base64"]), kind)
    assert np.array_equal(back.reshape(packed["shape"]), values)


def test_numbers_too_large_for_float16_are_refused():
    with np.errstate(over="ignore"), pytest.raises(dm.DisrecError, match="float16"):
        widgets.packed([1e6])


@pytest.fixture
def figure():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    plots.use_style()
    figure, axes = pyplot.subplots()
    axes.plot([1, 2], [1, 2], label="a line")
    axes.set(xlabel="clicks & more")
    axes.legend()
    return figure


def test_a_figure_needs_alt_text(figure):
    with pytest.raises(dm.DisrecError, match="alt text"):
        plots.show(figure, "  ")


def test_a_figure_takes_the_colour_of_the_page(figure):
    shown = plots.show(figure, 'rises from "1" to 2', "See <b>this</b>.")
    markup = shown.markup
    assert plots.INK not in markup
    assert "currentColor" in markup
    assert 'role="img" aria-label="rises from &quot;1&quot; to 2"' in markup
    assert "<figcaption>See <b>this</b>.</figcaption>" in markup
    assert "clicks &amp; more" in markup, "text stays text"
    assert not re.search(r'<svg[^>]* width="\d', markup), "the page decides the width"
    ElementTree.fromstring(re.search(r"<svg.*</svg>", markup, re.S).group(0))


def test_ids_that_stay_are_used(figure):
    markup = plots.show(figure, "a line").markup
    ids = re.findall(r' id="([^"]+)"', markup)
    assert len(ids) == len(set(ids))
    assert all(f"#{name}" in markup for name in ids)
