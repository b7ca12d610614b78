"""The one drawing of the model that runs through the book."""

import re
from functools import lru_cache
from xml.etree import ElementTree

import pytest

import disrec_mini as dm
from disrec_mini import plots


@pytest.fixture(autouse=True)
def _look():
    pytest.importorskip("matplotlib").use("Agg")
    plots.use_style()


@lru_cache
def _svg(*lit):
    markup = plots.show(plots.draw_model(*lit), "the model").markup
    return re.search(r"<svg.*</svg>", markup, re.S).group(0)


def _words(svg):
    """{words: how strongly they are drawn}"""
    found = re.findall(r"<text style=\"([^\"]*)\"[^>]*>([^<]+)</text>", svg)
    shade = {text: re.search(r"opacity: ([\d.]+)", style) for style, text in found}
    return {text: float(m.group(1)) if m else 1.0 for text, m in shade.items()}


def test_all_parts_are_lit_without_a_name():
    svg = _svg()
    ElementTree.fromstring(svg)
    assert set(_words(svg).values()) == {1.0}
    for symbol in ("$p_{k|i}$", "$p_i$", "$z_i$", "$x_{t+1}$", "\\phi^{(3)}"):
        assert symbol in svg, "symbols as the equations have them"
    assert plots.INK not in svg, "the page decides the colour"


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("clicks", "past"),
        ("encoder", "encoder →"),
        ("scores", "max over k"),
        ("seq2item", "seq2item: next click"),
        ("future", "← same, backwards"),
        ("seq2seq", "seq2seq"),
        ("selection", "selection"),
    ],
)
def test_only_the_named_part_is_lit(part, words):
    shades = _words(_svg(part))
    lit = {text for text, shade in shades.items() if shade == 1.0}
    assert words in lit
    assert len(lit) < len(shades) / 2, "the rest is pale"
    assert min(shades.values()) > 0.3, "and can still be read"


def test_each_part_changes_the_drawing():
    drawings = {part: _svg(part) for part in plots.PARTS}
    assert len(set(drawings.values())) == len(plots.PARTS)
    assert _svg(*plots.PARTS) == _svg(), "the same drawing, the same file"


def test_letters_are_large_enough_for_a_phone():
    svg = _svg()
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg).group(1))
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
    assert min(sizes) * 358 / width >= 8  # 358 px: the text's width on a phone of 390
    fonts = re.findall(r"font-family: ([^;\"]*)", svg)
    assert all(font.endswith("sans-serif") for font in fonts), "on every device"


def test_an_unknown_part_is_a_sentence_that_names_the_parts():
    with pytest.raises(dm.DisrecError, match=r"no part 'decoder'.*encoder.*selection"):
        plots.draw_model("clicks", "decoder")


def test_readings_hold_where_they_are_stored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISREC_STORING", raising=False)
    with dm.plots.read_off():
        assert 1 == 1
    assert capsys.readouterr().out == ""
    with dm.plots.read_off():
        raise AssertionError
    assert "processors round differently" in capsys.readouterr().out
    with pytest.raises(ZeroDivisionError), dm.plots.read_off():
        _ = 1 / 0
    monkeypatch.setenv("DISREC_STORING", "1")
    with pytest.raises(AssertionError), dm.plots.read_off():
        raise AssertionError
