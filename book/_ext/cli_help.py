"""`cli-help`: what a command of `python -m disrec_mini` answers to --help.

The text is asked of the command line at every build, 80 columns wide.
"""

import argparse
from functools import partial

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from disrec_mini import cli


def help_of(words: list[str]) -> str:
    """The help of a command such as ["data", "fetch"]."""
    parser: argparse.ArgumentParser = cli._parser()
    for word in words:
        menus = [it for it in parser._actions if isinstance(it.choices, dict)]
        parser = menus[0].choices[word]
    parser.formatter_class = partial(parser.formatter_class, width=80)
    parser.color = False  # from Python 3.14 on, a terminal would get colours
    return parser.format_help()


class CliHelp(SphinxDirective):
    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(cli.__file__)
        text = help_of(self.arguments)
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("cli-help", CliHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
