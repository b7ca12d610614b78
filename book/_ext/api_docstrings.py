"""Our docstrings as reStructuredText, for sphinx.ext.autodoc.

Sections have NumPy's headings. An entry reads `name : a sentence` or `a, b : a
sentence`; its further lines are indented, and the next entry may stand on the same
line. Lines at the start of a paragraph that read `something = ...`, or are indented,
are formulas or drawings and stay as they are, and so do examples (`>>>`). The only
markup in a text is the single backtick, for a literal; all other signs mean themselves.
"""

import re
from itertools import groupby
from typing import Any

from sphinx.application import Sphinx

NAMES = r"\w+(?:, \w+)*"
ENTRY = re.compile(rf"({NAMES})(?: :\s+|\n +)")
NEXT_ENTRY = re.compile(rf"(?:(?<=[.;,])\s+|\n)(?={NAMES} :\s)")
FORMULA = re.compile(r"  |(?:with )?\w\S*(?: \| \S+)? = ")
ARGUMENTS = re.compile(r'<dl>\s*(<dd><em class="sig-param">.*?)</dl>', re.DOTALL)
LITERAL = re.compile(r"`+([^`]+)`+")


def convert(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """The text first, then one field for each section."""
    text = re.sub(r"\n\n(?=>>> )", "\n\nExample\n-------\n", "\n".join(lines))
    before, *sections = re.split(r"^(.+)\n---+$", text, flags=re.MULTILINE)
    result = paragraphs(before)
    for heading, text in zip(sections[::2], sections[1::2], strict=True):
        result += [f":{heading}:", *("    " + line for line in paragraphs(text))]
    lines[:] = result


def paragraphs(text: str) -> list[str]:
    """Each paragraph as entries, or as formulas and then prose."""
    result = []
    for filled, lines in groupby(text.splitlines(), key=lambda line: line.strip() > ""):
        block = list(lines)
        if filled and ENTRY.match(block[0] + "\n" + "".join(block[1:2])):
            result += entries("\n".join(block))
        elif filled and block[0].startswith(">>> "):
            result += literal(block, "pycon")
        elif filled:
            prose = [n for n, line in enumerate(block) if not FORMULA.match(line)]
            n = prose[0] if prose else len(block)
            wraps = not block[0].startswith(" ")  # a drawing would be lost
            result += literal(block[:n], "text", *["   :class: formula"] * wraps)
            if n < len(block):
                result += [plain(" ".join(block[n:])), ""]
    return result


def literal(lines: list[str], language: str, *options: str) -> list[str]:
    if not lines:
        return []
    head = [f".. code-block:: {language}", *options, ""]
    return [*head, *("   " + line for line in lines), ""]


def entries(rest: str) -> list[str]:
    """A definition list: the names, and below them the sentence."""
    result = []
    while rest:
        head = ENTRY.match(rest)
        assert head, rest
        after = NEXT_ENTRY.search(rest, head.end())
        sentence = rest[head.end() : after.start() if after else None].rstrip(",;")
        result += [f"``{head[1]}``", "    " + plain(sentence), ""]
        rest = rest[after.end() :] if after else ""
    return result


def plain(text: str) -> str:
    """One line: what stands in backticks as a literal, all other signs escaped."""
    text, *others = LITERAL.split(" ".join(text.split()))
    result = escape(text)
    for literal, text in zip(others[::2], others[1::2], strict=True):
        result += rf"\ ``{literal}``\ " + escape(text)
    return result


def escape(text: str) -> str:
    return re.sub(r"([^\w\s]|_)", r"\\\1", text)


def signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, args: str, returns: str
) -> tuple[str, str]:
    """`...` for a default that a dataclass makes anew: Sphinx cannot read <factory>."""
    return (args or "").replace("<factory>", "..."), returns


def mend_signatures(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], tree: Any
) -> None:
    """A list without terms, says the standard, is none: its arguments become lines."""
    if "body" in context:
        context["body"] = ARGUMENTS.sub(
            lambda it: (
                '<span class="sig-lines">'
                + re.sub("<(/?)dd>", r"<\1span>", it[1])
                + "</span>"
            ),
            context["body"],
        )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", convert)
    app.connect("autodoc-process-signature", signature)
    app.connect("html-page-context", mend_signatures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
