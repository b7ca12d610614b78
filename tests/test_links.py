"""Links between our own texts lead somewhere; `make links` tries the others."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = [*ROOT.glob("*.md"), *ROOT.glob("book/**/*.md"), *ROOT.glob("book/**/*.ipynb")]
TEXTS = [path for path in sorted(TEXTS) if "_vendor" not in path.parts]
OURS = re.search(r"^  url: (\S+)$", (ROOT / "_config.yml").read_text(), re.MULTILINE)[1]

FENCE = re.compile(r"^(`{3,}|~{3,})(?!\{).*?^\1", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!\})(`+)[^`]+\1")
LINK = re.compile(
    r"\]\(<?([^)\s>]+)"  # [text](target)
    r"|^ *\[[^\]]+\]: +(\S+)"  # [text]: target
    r"|\b(?:href|src)=[\"']([^\"']+)"
    r"|\{(?:doc|download)\}`(?:[^`<]*<)?([^`>]+)"
    r"|^[`:]{3,}\{(?:figure|image|include|literalinclude)\} *(\S+)",
    re.MULTILINE,
)
# files named in passing: `book/course.md`
NAMED = re.compile(r"`((?:\.ci|book|disrec_mini|tests|tools)/[\w./-]*)`")
HEADING = re.compile(r"^#+ +(.+)$|^\((.+)\)=$|\{#([\w-]+)\}", re.MULTILINE)


def text_of(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [
            it for it in json.loads(text)["cells"] if it["cell_type"] == "markdown"
        ]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return FENCE.sub("", text)


def anchors(path):
    """What may follow #: headings as GitHub and MyST write them, and labels."""
    found = ["".join(groups) for groups in HEADING.findall(text_of(path))]
    return {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in found}


def fault(path, target):
    """Why a target does not lead anywhere, or nothing."""
    for kind in ("blob", "tree"):
        target = re.sub(rf"^{OURS}/{kind}/[^/]+/", "/", target)
    if re.match(r"[a-z]+:", target):
        return ""
    name, _, anchor = unquote(target).partition("#")
    base = ROOT / name.lstrip("/") if name.startswith("/") else path.parent / name
    files = [Path(f"{base}{suffix}") for suffix in ("", ".md", ".ipynb")]
    found = path if not name else next((it for it in files if it.exists()), None)
    if found is None:
        return f"{target}: there is no such file"
    if anchor and found.suffix in (".md", ".ipynb") and anchor not in anchors(found):
        return f"{target}: there is no such heading"
    return ""


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    text = text_of(path)
    targets = ["".join(groups) for groups in LINK.findall(SPAN.sub("", text))]
    faults = [fault(path, target) for target in targets]
    if path.name != "CONTRIBUTING.md":  # whose recipes name files to be made
        faults += [fault(path, "/" + name) for name in NAMED.findall(text)]
    assert not list(filter(None, faults))


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One: two\n\n(label)=\n[a](page#one-two) `[b](gone.md)`\n")
    for target in ("page", "page.md#label", "#one-two", "/README.md", f"{OURS}/issues"):
        assert fault(page, target) == ""
    for target in ("gone", "page#three", "#three", f"{OURS}/blob/main/gone.md"):
        assert "no such" in fault(page, target)
    assert LINK.findall(SPAN.sub("", text_of(page))) == [
        ("page#one-two", "", "", "", "")
    ]
