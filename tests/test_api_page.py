"""The page that shows the package name by name, and how it reads our docstrings."""

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import disrec_mini as dm

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "book/reference/api.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^\.\. auto(\w+):: (disrec_mini\.\S+)$", PAGE, re.MULTILINE)


@pytest.fixture
def rest():
    """A docstring as the site's build reads it."""
    pytest.importorskip("sphinx")
    path = ROOT / "book/_ext/api_docstrings.py"
    spec = importlib.util.spec_from_file_location("api_docstrings", path)
    extension = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(extension)

    def convert(text):
        lines = text.splitlines()
        extension.convert(None, "function", "f", None, None, lines)
        return "\n".join(lines)

    return convert


def found(kind, name):
    if kind == "module":
        return importlib.import_module(name)
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


@pytest.mark.parametrize("name", dm.__all__)
def test_every_public_name_is_on_the_page(name):
    whole = f"disrec_mini.{name}"
    if isinstance(getattr(dm, name), ModuleType):  # itself, or something of it
        homes = [getattr(found(*shown), "__module__", "") for shown in SHOWN]
        names = [shown for _, shown in SHOWN]
        assert any(f"{it}.".startswith(f"{whole}.") for it in homes + names)
    else:
        assert whole in [shown for _, shown in SHOWN]


@pytest.mark.parametrize(("kind", "name"), SHOWN, ids=lambda it: it)
def test_every_name_on_the_page_is_there(kind, name):
    assert found(kind, name).__doc__


def test_entries_become_a_list(rest):
    text = """Does it.

Parameters
----------
a, b : (B, T), both; c : one
    more. d : the last.

Returns
-------
History
    What happened.
"""
    assert " ".join(rest(text).split()) == (
        r"Does it\. :Parameters: ``a, b`` \(B\, T\)\, both ``c`` one more\. "
        r"``d`` the last\. :Returns: ``History`` What happened\."
    )


def test_formulas_stay_as_they_are(rest):
    formulas = ["score(j | x_1) = ln( s + sum* C_ij`", "               - ln C_j )"]
    made = rest("\n".join(["Scores `x`.", "", *formulas, "Only these."]))
    assert made.startswith("Scores \\ ``x``\\ \\.\n\n.. code-block:: text\n")
    assert "\n".join("   " + line for line in formulas) + "\n\nOnly these" in made


def test_drawings_and_examples_stay_as_they_are(rest):
    text = "Cuts.\n\n    a  0 1\n       1\n\nReturns\n-------\nTwo.\n\n>>> f(*x)\n1\n"
    made = rest(text)
    assert ".. code-block:: text\n\n       a  0 1\n          1\n" in made
    assert ":Returns:\n    Two\\.\n" in made
    example = [".. code-block:: pycon", ">>> f(*x)", "1"]
    shown = made.partition(":Example:")[2].splitlines()
    assert [line.strip() for line in shown if line.strip()] == example


def test_no_sign_is_taken_for_markup(rest):
    from docutils.core import publish_doctree

    text = "- *a* |b| c_ `d`s _e_ ``f``: http://x 1. (n) the _`g` [1]_ :h:`i` **"
    made = publish_doctree(rest(text), settings_overrides={"report_level": 1})
    assert len(made) == 1
    assert made[0].tagname == "paragraph"
    assert made.astext() == text.replace("`", "")
