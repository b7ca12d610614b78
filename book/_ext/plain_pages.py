"""What a page holds before any script has run, or where none ever does.

Formulas are there as MathML too, quizzes as the package writes them today, table
corners are no headings, and a figure knows how wide its letters want it on a phone.
"""

import html
import json
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from disrec_mini.widgets import quiz

MATH = re.compile(r'<(span|div) class="math [^>]*>(.*?)</\1>', re.DOTALL)
TEX = re.compile(r"\\[(\[](.*)\\[)\]]", re.DOTALL)
# what the converter does not know and need not
PLAIN_TEX = [
    (re.compile(r"\\[bB]ig+[lrm]?(?![a-zA-Z])"), ""),
    (re.compile(r"\\dots(?![a-z])"), r"\\ldots"),
    (re.compile(r"\\(?:begin|end)\{split\}(?=\s*\\(?:begin|end)\b|\s*$)"), ""),
    (re.compile(r"\{gathered\}"), "{aligned}"),
    (re.compile(r"\\\\\[\w+\]"), r"\\\\"),  # more room between two lines
]
QUIZ = re.compile(
    r'<style>[^<]*</style><figure class="explorable"[^>]*aria-label="Quiz: .*?'
    r'<script type="application/json">(.*?)</script>.*?</figure><script>.*?</script>',
    re.DOTALL,
)
CORNER = re.compile(r"<th\b([^>]*)>\s*(?:<p>\s*</p>)?\s*</th>")
FIGURE = re.compile(
    r'<figure class="book-figure"><svg viewBox="0 0 ([\d.]+) [^>]*?style="'
    r"(?=.*?</svg>)",
    re.DOTALL,
)
LETTERS = 9  # pixels, at least
LOG = logging.getLogger(__name__)


def mathml(formula: re.Match[str]) -> str:
    """The formula, and beside it what a browser without scripts shows in its place."""
    tex = TEX.search(html.unescape(formula[2]))
    if not tex:
        return formula[0]
    plain = tex[1].strip()
    for pattern, instead in PLAIN_TEX:
        plain = pattern.sub(instead, plain).strip()
    try:
        shown = latex2mathml.tex2mathml(plain, as_block=formula[1] == "div")
    except AttributeError:  # its parser leaves the tree, at a stray bracket or line end
        LOG.warning("a formula that cannot be read: %s", plain)
        shown = f"<code>{html.escape(plain)}</code>"
    except MathError:
        shown = f"<code>{html.escape(tex[1].strip())}</code>"
    return f"{formula[0]}<noscript>{shown}</noscript>"


def least_width(page: str) -> str:
    """As a variable of the figure: the style sheet decides where it counts."""

    def widened(figure: re.Match[str]) -> str:
        drawing = page[figure.start() : page.index("</svg>", figure.end())]
        sizes = [
            float(it) for it in re.findall(r"font(?:-size)?: ?([\d.]+)px", drawing)
        ]
        if not sizes:
            return figure[0]
        width = float(figure[1]) * LETTERS / min(sizes)
        return f"{figure[0]}--least:{width:.0f}px;"

    return FIGURE.sub(widened, page)


class Prose(SphinxTransform):
    """What a cell prints without columns may be wrapped."""

    default_priority = 400

    def apply(self) -> None:
        for box in self.document.findall(nodes.literal_block):
            is_printed = "stream" in box.get("classes", ())
            if is_printed and not re.search(r"\S {2,}\S", box.astext()):
                box["classes"].append("prose")


def finish(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], tree: Any
) -> None:
    if "body" not in context:
        return
    body = QUIZ.sub(lambda it: quiz(**json.loads(it[1])).markup, context["body"])
    body = CORNER.sub(r"<td\1></td>", body)
    context["body"] = least_width(MATH.sub(mathml, body))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(Prose)
    app.connect("html-page-context", finish, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
