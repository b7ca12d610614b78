"""Folded answers as <details>: they open without a script, by the browser's own search,
and on paper. The theme's way needs a script and leaves a box open where none runs.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.writers.html5 import HTML5Translator


class Details(nodes.Element):
    pass


class Summary(nodes.TextElement):
    pass


class Fold(SphinxTransform):
    """An admonition of class dropdown."""

    default_priority = 400

    def apply(self) -> None:
        for box in list(self.document.findall(nodes.Admonition)):
            if "dropdown" in box["classes"] and isinstance(box[0], nodes.title):
                title = Summary("", "", *box[0].children, classes=["admonition-title"])
                classes = ["admonition", *box["classes"]]
                inside = (title, *box.children[1:])
                box.replace_self(Details("", *inside, classes=classes, ids=box["ids"]))


def tags(name: str) -> dict[str, object]:
    def visit(self: HTML5Translator, node: nodes.Element) -> None:
        self.body.append(self.starttag(node, name, ""))

    def depart(self: HTML5Translator, node: nodes.Element) -> None:
        self.body.append(f"</{name}>\n")

    return {"html": (visit, depart)}


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_node(Details, **tags("details"))
    app.add_node(Summary, **tags("summary"))
    app.add_transform(Fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
