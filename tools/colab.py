"""The notebooks as Colab shows them: plain Markdown, and pinned to this version.

    python tools/colab.py FOLDER     # write them into a folder
    python tools/colab.py --commit   # and as a commit of the local branch `colab`

Colab knows no MyST and opens a notebook alone, in an empty folder. So admonitions
become quotes, folded answers `<details>`, citations names with a link, links whole
addresses; the title stands first, then a cell that installs the package of this
version; code that the site folds is folded, and checks that it leaves out are left out.
The notebooks of the book stay the only source: the branch is made anew for each
release, and the site's buttons open what it holds.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from copy import deepcopy
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "book" / "_ext"))
import notebooks as tool
from chapters import number
from plain import BRANCH, ROOT, opened, plain, sources, version

REFS = (f"refs/heads/{BRANCH}", f"refs/remotes/origin/{BRANCH}")
BOOTSTRAP = """\
try:
    import disrec_mini as dm
except ImportError:  # torch and numpy of this machine stay as they are
    import importlib
    import subprocess
    import sys

    WHEEL = "{wheel}"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-color", WHEEL]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        class NotInstalled(Exception):
            def _render_traceback_(self):
                return [str(self)]

        said = done.stderr.strip().splitlines() or ["pip said nothing"]
        raise NotInstalled(
            "Nothing below can run, because the book's package could not be "
            f"installed: see whether {{WHEEL}} can be reached, then run this cell "
            f"again ({{said[-1]}})."
        ) from None
    importlib.invalidate_caches()
    import disrec_mini as dm"""
NOTE = """\
*From [Beyond the Next Click]({repository}), version {version}. \
Run the next cell first: it installs the book's package. \
What stands beside a triangle opens by a click.*"""
README = """\
# Notebooks for Colab

Made by `tools/colab.py` from [version {version}]({repository}/tree/v{version}) of the
book: plain Markdown, and a first cell that installs this version. Nothing here is
edited by hand.

{links}
"""


def wheel() -> str:
    """Where the package of this version lies: an asset of the release."""
    file = f"disrec_mini-{version()}-py3-none-any.whl"
    return f"{tool.address()}/releases/download/v{version()}/{file}"


def hosted(path: Path) -> nbformat.NotebookNode:
    """A notebook of the book, for Colab."""
    notebook = deepcopy(nbformat.read(path, as_version=4))
    first, *others = notebook.cells
    assert first.source.startswith("try:\n    import disrec_mini as dm\n"), path
    first.source = BOOTSTRAP.format(wheel=wheel())
    note = nbformat.v4.new_markdown_cell(
        NOTE.format(repository=tool.address(), version=version()), id="colab"
    )
    title = next(n for n, c in enumerate(others) if c.cell_type == "markdown") + 1
    notebook.cells = [*others[:title], note, first, *others[title:]]
    for n in reversed(range(len(notebook.cells))):
        if _is_check(notebook.cells[n], notebook.cells[n + 1 :]):
            del notebook.cells[n]
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell is not note:
            cell.source = plain(cell.source, path)
            if digits := number(path.stem):
                cell.source = re.sub(r"\A# ", f"# {digits} ", cell.source)
        elif cell.cell_type == "code":
            _fold(cell, first)
    notebook.metadata["colab"] = {"provenance": [], "toc_visible": True}
    return notebook


def _fold(cell: nbformat.NotebookNode, first: nbformat.NotebookNode) -> None:
    """What the site hides or folds, by Colab's own means."""
    tags = set(cell.metadata.get("tags", []))
    if tags & {"hide-input", "hide-cell", "remove-cell", "remove-input"}:
        name = _name(cell) if cell is not first else "Install the book's package"
        cell.metadata["cellView"] = "form"
        cell.source = f"# @title {name}\n{cell.source}"
    if tags & {"hide-output", "hide-cell", "remove-output"}:
        cell.outputs = []
        cell.execution_count = None
    for output in cell.outputs:  # a widget without its state shows nothing
        for kind in [k for k in output.get("data", {}) if "jupyter.widget" in k]:
            del output.data[kind]
    cell.outputs = [
        output
        for output in cell.outputs
        if output.output_type not in ("display_data", "execute_result") or output.data
    ]


def _is_check(cell: nbformat.NotebookNode, later: list[nbformat.NotebookNode]) -> bool:
    """A cell that the site leaves out and that no later cell needs a name of."""
    if "remove-cell" not in cell.metadata.get("tags", []):
        return False
    made = _writes_and_reads(cell.source)[0]
    for other in later:
        if other.cell_type == "code":
            writes, reads = _writes_and_reads(other.source)
            if made & reads:
                return False
            made -= writes
    return True


def _writes_and_reads(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell leaves behind, and those it reads before it writes them."""
    tree = ast.parse(re.sub(r"(?m)^( *)[%!].*", r"\1pass", source))
    passing, late, events = set(), {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.comprehension):
            passing |= {it.id for it in ast.walk(node.target) if hasattr(it, "id")}
        elif isinstance(node, ast.Assign):  # written after its right side is read
            end = (node.end_lineno, node.end_col_offset)
            late |= {id(it): end for target in node.targets for it in ast.walk(target)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in passing:
            place = late.get(id(node), (node.lineno, node.col_offset))
            if isinstance(node.ctx, ast.Store):
                events.append((place, False, node.id))
            else:
                events.append(((node.lineno, node.col_offset), True, node.id))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            events.append(((node.lineno, node.col_offset), False, node.name))
        elif isinstance(node, ast.alias):
            name = (node.asname or node.name).partition(".")[0]
            events.append(((node.lineno, node.col_offset), False, name))
    writes: set[str] = set()
    reads: set[str] = set()
    for _, is_read, name in sorted(events):
        if not is_read:
            writes.add(name)
        elif name not in writes:
            reads.add(name)
    return writes, reads


def _name(cell: nbformat.NotebookNode) -> str:
    """What stands above a folded cell."""
    if "remove-cell" in cell.metadata.get("tags", []):
        return "A check"
    if "widgets.quiz" in cell.source:
        return "Questions"
    if "widgets." in cell.source or "explore" in cell.source:
        return "Something to move"
    return "Figure" if "show(" in cell.source else "Code"


def write(folder: Path) -> list[Path]:
    """All of them, and a page that lists them."""
    made, links = [], []
    for path in sources():
        notebook = hosted(path)
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
        made.append(target)
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        links.append(f"- [{title[1] if title else path.stem}]({opened(path)})")
    said = {"repository": tool.address(), "version": version()}
    page = README.format(**said, links="\n".join(links))
    (folder / "README.md").write_text(page, encoding="utf-8")
    return made


def commit(folder: Path) -> str:
    """What a folder holds, as the newest commit of the branch; nothing else changes."""

    def git(*words: str, **more: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=folder, env={**os.environ, **more}, text=True,
            check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        return done.stdout.strip()

    where = {"GIT_DIR": git("-C", str(ROOT), "rev-parse", "--absolute-git-dir")}
    where["GIT_WORK_TREE"] = str(folder)
    with tempfile.TemporaryDirectory() as scratch:
        index = {**where, "GIT_INDEX_FILE": f"{scratch}/index"}
        git("add", "--all", "--force", ".", **index)
        tree = git("write-tree", **index)
    refs = git("for-each-ref", "--format=%(objectname)", *REFS, **where).split()
    parent = ["-p", refs[0]] if refs else []
    made = git("commit-tree", tree, *parent, "-m", f"Notebooks of {version()}", **where)
    git("update-ref", f"refs/heads/{BRANCH}", made, **where)
    return made


def main() -> int:
    if sys.argv[1:] == ["--commit"]:
        with tempfile.TemporaryDirectory() as folder:
            n = len(write(Path(folder)))
            made = commit(Path(folder))
        print(f"{n} notebooks on the branch {BRANCH}: commit {made[:12]}")
        return 0
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("python tools/colab.py FOLDER, or python tools/colab.py --commit")
    for path in write(Path(sys.argv[1])):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
