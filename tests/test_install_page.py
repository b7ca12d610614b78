"""The page on installing and on the command line agrees with the command line."""

import re
import shlex
from pathlib import Path

import pytest

from disrec_mini import cli

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "book/reference/install.md").read_text(encoding="utf-8")
START = "python -m disrec_mini "
SHOWN = [it for it in PAGE.splitlines() if it.startswith(START)]


def commands():
    menus = [
        it.choices for it in cli._parser()._actions if isinstance(it.choices, dict)
    ]
    return list(menus[0])


@pytest.mark.parametrize("name", commands())
def test_every_command_has_a_section_an_example_and_its_help(name):
    section = PAGE.partition(f"\n### {name}\n")[2].partition("\n##")[0]
    assert f"\n{START}{name} " in section
    assert f"\n```{{cli-help}} {name}\n```" in section


@pytest.mark.parametrize("line", SHOWN)
def test_every_command_shown_is_understood(line):
    options = cli._parser().parse_args(shlex.split(line.removeprefix(START)))
    assert callable(options.run)


def test_the_data_formats_are_those_there_are():
    for name in cli.FORMATS:
        assert re.search(rf"^\| `{name}` \|", PAGE, re.MULTILINE)
