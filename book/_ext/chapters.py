"""Chapters have the numbers of their files: 07_seq2item is chapter 07.

The number stands before the title, and so in the menu, the tab and the search. Where a
text or a caption says "chapter 07" or "chapters 02, 05 to 07", the numbers are links,
unless they are links already, or that chapter is still to be written.
"""

import html
import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

MENTION = re.compile(
    r"\bchapters?\s+\d\d\b(?:(?:,? and(?: half of)?|,? or|,| to|–|-)\s*\d\d\b(?! ?%))*",
    re.IGNORECASE,
)
ONE = re.compile(r"(?:chapter\s+)?(\d\d)", re.IGNORECASE)
# in a heading a link would lead away from what the page's contents say
NO_LINKS = (nodes.reference, nodes.literal, nodes.FixedTextElement, nodes.title)
CAPTION = re.compile(r"(?<=<figcaption>)(?:(?!<a ).)*?(?=</figcaption>)", re.DOTALL)


def number(docname: str) -> str:
    """The two digits that a chapter's name begins with, or nothing."""
    found = re.match(r"(\d\d)_", docname.rpartition("/")[2])
    return found[1] if found else ""


def is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Element) and "cell" in node.get("classes", ())


class Heads(SphinxTransform):
    """The number into the title; code above the title to the first cell below it."""

    default_priority = 400

    def apply(self) -> None:
        page = next(self.document.findall(nodes.section), None)
        if page is None or page.parent is not self.document:
            return
        if digits := number(self.env.docname):
            shown = nodes.inline("", digits, classes=["chapter-number"])
            page[0][:0] = [shown, nodes.Text(" ")]
        above = [node for node in self.document if is_cell(node)]
        at = next((n for n, node in enumerate(page) if is_cell(node)), len(page))
        for node in above:
            self.document.remove(node)
        page[at:at] = above


class ChapterLinks(SphinxPostTransform):
    default_priority = 250  # after what is a link already has become one

    def run(self, **_: object) -> None:
        self.pages = {number(it): it for it in self.env.found_docs if number(it)}
        self.pages.pop(number(self.env.docname), None)
        for text in list(self.document.findall(nodes.Text)):
            if not self._is_in(text, NO_LINKS) and MENTION.search(text):
                text.parent.replace(text, list(self.linked(text)))
        for raw in self.document.findall(nodes.raw):
            source = raw.astext()
            if raw["format"] == "html" and "<figcaption>" in source:
                raw[:] = [nodes.Text(CAPTION.sub(self.linked_caption, source))]

    @staticmethod
    def _is_in(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
        while node := node.parent:
            if isinstance(node, kinds):
                return True
        return False

    def places(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where a link begins, where it ends, where it leads."""
        for mention in MENTION.finditer(text):
            for one in ONE.finditer(mention[0]):
                if page := self.pages.get(one[1]):
                    start, end = (mention.start() + n for n in one.span())
                    builder = self.app.builder
                    yield start, end, builder.get_relative_uri(self.env.docname, page)

    def linked(self, text: str) -> Iterator[nodes.Node]:
        done = 0
        for start, end, uri in self.places(text):
            yield nodes.Text(text[done:start])
            yield nodes.reference("", text[start:end], internal=True, refuri=uri)
            done = end
        yield nodes.Text(text[done:])

    def linked_caption(self, caption: re.Match[str]) -> str:
        text = caption[0]
        for start, end, uri in reversed(list(self.places(text))):
            link = f'<a href="{html.escape(uri)}">{text[start:end]}</a>'
            text = text[:start] + link + text[end:]
        return text


def anew(app: Sphinx, env: object, added: set, changed: set, gone: set) -> set:
    """The menu is on every page, so a chapter more or less concerns all of them."""
    return app.env.found_docs if added or gone else set()


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("env-get-outdated", anew)
    app.add_transform(Heads)
    app.add_post_transform(ChapterLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
