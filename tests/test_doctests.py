"""The examples in docstrings: they run, and public functions have some."""

import doctest
import importlib
import pkgutil

import pytest

import disrec_mini

NAMES = [
    found.name
    for found in pkgutil.walk_packages(disrec_mini.__path__, "disrec_mini.")
    if not found.name.endswith("__main__")
]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_module(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_public_functions_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    shown = {
        test.name.rpartition(".")[2]
        for name in NAMES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    }
    assert {"make_windows", "packed", "leave_one_out", "ranks", "metrics"} <= shown
    assert {"confident_mask", "seq2item_loss", "agreement"} <= shown
