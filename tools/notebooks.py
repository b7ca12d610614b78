"""Keep stored notebooks free of what does not belong to the book.

    python tools/clean_notebooks.py NOTEBOOK ...            # clean in place
    python tools/clean_notebooks.py --check NOTEBOOK ...    # complain, change nothing

Cleaning drops widget state, timings and editors' private metadata, and names the
kernel `python3`. The check demands besides that every code cell was run once, from top
to bottom, and that none failed unless it is tagged `raises-exception`.
"""

from __future__ import annotations

import argparse
import sys
from copy import deepcopy

import nbformat

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# The lexer knows `!` and `%` lines; without it the site's build warns about them.
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
NOTEBOOK_KEYS = {"accelerator", "jupytext", "mystnb"}
CELL_KEYS = {"deletable", "editable", "jupyter", "mystnb", "nbgrader", "tags"}


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
    for cell in code:
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in cell.metadata.get("tags", []):
            found.append(f"cell {cell.execution_count} failed when it was run")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("notebooks", nargs="*")
    arguments = parser.parse_args()
    n_complaints = 0
    for path in arguments.notebooks:
        notebook = nbformat.read(path, as_version=4)
        if arguments.check:
            for complaint in complaints(notebook):
                print(f"{path}: {complaint}", file=sys.stderr)
                n_complaints += 1
        elif (clean := cleaned(notebook)) != notebook:
            nbformat.write(clean, path)
            print(f"cleaned {path}")
    return 1 if n_complaints else 0


if __name__ == "__main__":
    sys.exit(main())
