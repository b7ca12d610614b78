"""Look after the stored notebooks.

    python tools/notebooks.py clean NOTEBOOK ...     # drop what is not the book's
    python tools/notebooks.py check NOTEBOOK ...     # complain, change nothing
    python tools/notebooks.py address URL            # the repository, in every file
    python tools/notebooks.py new 13_ablation "Which part does the work?"

Cleaning drops widget state, timings and editors' private metadata, and names the
kernel `python3`. The check demands besides: every code cell run once, from top to
bottom, without a failure unless tagged `raises-exception`; the first code cell is the
bootstrap cell with the configured address; every picture has alternative text.
"""

from __future__ import annotations

import argparse
import re
import sys
from copy import deepcopy
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "tools" / "template.ipynb"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# The lexer knows `!` and `%` lines; without it the site's build warns about them.
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
NOTEBOOK_KEYS = {"accelerator", "jupytext", "mystnb"}
CELL_KEYS = {"deletable", "editable", "jupyter", "mystnb", "nbgrader", "tags"}
ADDRESS_IN = ("_config.yml", "pyproject.toml", "README.md", "CITATION.cff")
ADDRESS_IN += ("book/course.md", "book/reference/install.md")
BOOTSTRAP = """\
try:
    import disrec_mini as dm
except ImportError:  # on a hosted machine such as Colab: only the book's package
    %pip install --quiet --no-deps git+{address}
    import disrec_mini as dm"""


def address() -> str:
    """The repository's address, from `_config.yml`."""
    text = (ROOT / "_config.yml").read_text(encoding="utf-8")
    found = re.search(r"^repository:\n(?:  .*\n)*?  url: (\S+)$", text, re.MULTILINE)
    assert found, "_config.yml has no repository.url"
    return found.group(1)


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy of the notebook with only the metadata that the book uses."""
    copy = deepcopy(notebook)
    kept = {k: v for k, v in copy.metadata.items() if k in NOTEBOOK_KEYS}
    copy.metadata = nbformat.from_dict(
        {**kept, "kernelspec": KERNEL, "language_info": LANGUAGE}
    )
    for cell in copy.cells:
        kept = {k: v for k, v in cell.metadata.items() if k in CELL_KEYS}
        cell.metadata = nbformat.from_dict(kept)
    return copy


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """What is wrong with a stored notebook, one sentence each."""
    found = []
    if cleaned(notebook) != notebook:
        found.append("private metadata: run `make clean-notebooks`")
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    if [c.execution_count for c in code] != list(range(1, len(code) + 1)):
        found.append("not run once from top to bottom: run `make notebooks NB=...`")
    if not code or code[0].source != BOOTSTRAP.format(address=address()):
        found.append(
            "the first code cell is not the bootstrap cell: run `make address`"
        )
    for cell in code:
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in cell.metadata.get("tags", []):
            found.append(f"cell {cell.execution_count} failed when it was run")
        if any(_is_nameless(output, cell) for output in cell.outputs):
            found.append(
                f"cell {cell.execution_count} shows a picture without alternative "
                "text: show it by `dm.plots.show(figure, alt, caption)`"
            )
    return found


def _is_nameless(output: nbformat.NotebookNode, cell: nbformat.NotebookNode) -> bool:
    data = output.get("data", {})
    if any(kind.startswith("application/vnd.jupyter.widget") for kind in data):
        return "text/html" not in data and "live" not in cell.metadata.get("tags", [])
    if any(kind.startswith("image/") for kind in data):
        return not cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    markup = data.get("text/html", "")
    pictures = re.findall(r"<(?:img|svg)\b[^>]*>", markup)
    return any(not re.search(r'(alt|aria-label)="[^"]', tag) for tag in pictures)


def set_address(url: str) -> None:
    """Write another repository address into every file that names it."""
    if not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+", url):
        sys.exit(f"{url} is not an address like https://github.com/owner/name.")
    old = address()
    files = [ROOT / name for name in ADDRESS_IN]
    files += [TEMPLATE, *(ROOT / "book").rglob("*.ipynb")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        if old in text:
            path.write_text(text.replace(old, url), encoding="utf-8")
            print(f"changed {path.relative_to(ROOT)}")


def new_chapter(name: str, title: str) -> Path:
    """A copy of the template under `book/`, with its title."""
    if not re.fullmatch(r"\d\d_[a-z_]+", name):
        sys.exit(f"{name} is not a chapter's name: use two digits, as in 13_ablation.")
    path = ROOT / "book" / f"{name}.ipynb"
    if path.exists():
        sys.exit(f"{path.relative_to(ROOT)} exists already.")
    notebook = nbformat.read(TEMPLATE, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("TITLE", title)
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    nbformat.write(notebook, path)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    for command in ("clean", "check"):
        commands.add_parser(command).add_argument("notebooks", nargs="*")
    commands.add_parser("address").add_argument("url")
    new = commands.add_parser("new")
    new.add_argument("name")
    new.add_argument("title")
    options = parser.parse_args()
    if options.command == "address":
        set_address(options.url)
    elif options.command == "new":
        path = new_chapter(options.name, options.title).relative_to(ROOT)
        print(f"made {path}: add it to _toc.yml, then `make notebooks NB={path}`")
    n_complaints = 0
    for path in getattr(options, "notebooks", []):
        notebook = nbformat.read(path, as_version=4)
        if options.command == "check":
            for complaint in complaints(notebook):
                print(f"{path}: {complaint}", file=sys.stderr)
                n_complaints += 1
        elif (clean := cleaned(notebook)) != notebook:
            nbformat.write(clean, path)
            print(f"cleaned {path}")
    return 1 if n_complaints else 0


if __name__ == "__main__":
    sys.exit(main())
