"""The explorable of CONTRIBUTING.md in a real browser, twice on a page, by keyboard."""

import re
from pathlib import Path

import pytest

import disrec_mini as dm

RECIPE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture
def page(twice_on_a_phone, tmp_path, monkeypatch):
    folder = tmp_path / "recipe_of_an_explorable"
    folder.mkdir()
    (folder / "__init__.py").touch()
    script = re.search(r"```js\n(.*?)```", RECIPE, re.S)
    (folder / "NAME.js").write_text(script[1], "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    label = "Shirts and their price"
    return twice_on_a_phone(
        dm.widgets.explorable("NAME", {"price": 5}, label, package=folder.name)
    )


def test_the_recipe_works(page):
    said = page.locator("p[role=status]")
    assert said.all_text_contents() == ["2 shirts cost 10"] * 2
    page.locator("[type=range]").first.focus()
    page.keyboard.press("ArrowRight")
    assert said.all_text_contents() == ["3 shirts cost 15", "2 shirts cost 10"]
