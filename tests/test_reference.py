"""The reference pages name what exists, and all of it."""

import dataclasses
import importlib
import json
import re
from pathlib import Path

import pytest

import disrec_mini as dm
from disrec_mini import datasets, settings

MODELS = set(settings.MODELS)  # as they are before a test adds one of its own
PAGES = Path(__file__).parents[1] / "book" / "reference"


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def test_every_equation_leads_to_code() -> None:
    names = re.findall(r"`(disrec_mini\.[\w.]+)`", page("notation"))
    assert len(names) > 12
    for name in names:
        module, _, attribute = name.rpartition(".")
        found = getattr(importlib.import_module(module), attribute)
        assert found.__doc__ or issubclass(found, object), name
    layer = "`" + "`|`".join(("cluster", "key_of", "query_of", "beta")) + "`"
    for method in re.findall(layer, page("notation")):
        assert hasattr(dm.intentions.IntentionLayer, method.strip("`"))


def test_every_departure_is_a_setting() -> None:
    said = page("notation").partition("## Where the package departs")[2]
    fields = {field.name for field in dataclasses.fields(dm.DisRecConfig)}
    names = set(re.findall(r"`(\w+)`", said))
    assert names
    assert names <= fields
    default, plain = dm.DisRecConfig.recommended(10), dm.DisRecConfig.paper(10)
    differ = {x for x in fields if getattr(default, x) != getattr(plain, x)}
    ours = differ - {"n_intents", "n_blocks", "dim", "dropout", "learning_rate"}
    assert ours <= names | {"keep", "group_size", "max_len", "visit", "l2"}


def test_every_model_has_a_card() -> None:
    named = set(re.findall(r"^\| `([^`]+)`", page("models"), re.MULTILINE))
    assert named == MODELS


@pytest.mark.parametrize("name", datasets.dataset_names())
def test_every_data_set_is_described(name: str) -> None:
    about = dm.datasets.dataset_info(name)
    row = re.search(rf"^\| `{re.escape(name)}` \|(.*)\|$", page("data"), re.MULTILINE)
    assert row
    cells = [cell.strip() for cell in row[1].split("|")]
    counts = (about.n_users, about.n_items, about.n_clicks)
    assert cells[1:4] == ["" if n is None else f"{n:,}" for n in counts]
    assert cells[4].split()[0].lower() in (about.title + about.licence).lower()


def test_the_glossary_is_in_order_and_complete() -> None:
    entries = page("glossary").partition("```{glossary}\n")[2].rpartition("```")[0]
    terms = [line for line in entries.splitlines() if re.match(r"\S", line)]
    assert terms == sorted(terms, key=str.lower)
    assert len(terms) == len(set(terms)) >= 45
    for term in ("protocol", "warm item", "logQ correction", "k-core", "in-batch"):
        assert any(term in x for x in terms), term


def test_tau_is_the_threshold_and_theta_the_temperature() -> None:
    for path in sorted((PAGES.parent).glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
        if path.stem != "09_confident_samples":
            assert "\\tau" not in text, path.stem
            assert "\u03c4" not in text, path.stem
        if path.stem not in ("02_myopia", "07_seq2item"):
            assert "\\theta" not in text, path.stem
