"""What others ask a site for: a description and a picture of each page, sitemap.xml,
robots.txt, a page for wrong addresses, and an index.html that says where it leads.
"""

import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from docutils import nodes
from sphinx.application import Sphinx

CARD = "_static/card.png"
LENGTH = 160  # characters of a description, as search engines show it
SHELL = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{head}
<style>
:root {{ color-scheme: light dark; }}
main {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto;
  padding: 0 1rem; }}
a {{ color: inherit; }}
</style>
</head>
<body><main><h1>{title}</h1>
{body}
</main></body>
</html>
"""
GO_ON = '<p><a href="{root}.html">Go to the book</a></p>'
# A wrong address may lie in any folder: the site begins where "book/" or the file does.
HOME = """<script>
document.querySelector("a").href =
  location.pathname.replace(/(book\\/.*|[^/]*)$/, "") + "{root}.html";
</script>"""


def address(app: Sphinx) -> str:
    """Where the site is: as configured, or where GitHub would serve it."""
    known = app.config.html_baseurl
    if known:
        return known.rstrip("/") + "/"
    url = app.config.html_theme_options.get("repository_url", "")
    found = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", url)
    return f"https://{found[1]}.github.io/{found[2]}/" if found else ""


def description(doctree: nodes.document | None) -> str:
    """The first texts of a page, its aims in a chapter, as one line."""
    page = doctree and doctree.next_node(nodes.section)
    if not page:
        return ""
    words: list[str] = []
    kinds = (nodes.paragraph, nodes.Admonition)
    first = next((it for it in page if isinstance(it, kinds)), page)
    for paragraph in first.findall(nodes.paragraph):
        words += paragraph.astext().split()
    text = " ".join(words)
    if len(text) > LENGTH:
        text = text[: LENGTH - 1].rpartition(" ")[0].rstrip(" ,;:(") + "…"
    return text


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], tree: Any
) -> None:
    book = app.config.html_title
    context["description"] = description(tree) or f"{context.get('title', '')}: {book}"
    context["card"] = address(app) + CARD
    # docutils says once more what the theme says
    metatags = re.sub(r'<meta name="viewport"[^>]*>', "", context.get("metatags", ""))
    context["metatags"] = metatags


def write_files(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    root, book, site = app.config.root_doc, app.config.html_title, address(app)
    link = GO_ON.format(root=root)
    refresh = f'<meta http-equiv="refresh" content="0; url={root}.html">'
    lost = "<p>There is no such page in this book.</p>" + link + HOME.format(root=root)
    files = {
        "index.html": SHELL.format(title=escape(book), head=refresh, body=link),
        "404.html": SHELL.format(title="Not found", head="", body=lost),
        "robots.txt": "User-agent: *\nAllow: /\n",
    }
    if site:
        pages = "".join(
            f"<url><loc>{escape(site + name)}.html</loc></url>\n"
            for name in sorted(app.env.found_docs)
        )
        files["sitemap.xml"] = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"{pages}</urlset>\n"
        )
        files["robots.txt"] += f"Sitemap: {site}sitemap.xml\n"
    for name, text in files.items():
        Path(app.outdir, name).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", describe)
    app.connect("build-finished", write_files, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
