"""Notebooks as they are run: the course's own cells put back into a submission."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from grading.finding import NotGradableError, read
from grading.running import Cell

Notebook = dict[str, Any]
ASSIGNMENTS = Path(__file__).resolve().parents[1]


def parse(data: bytes) -> Notebook:
    """A notebook of format 4 from the bytes of a file, in any of JSON's encodings."""
    if not data.strip():
        raise NotGradableError("the file is not a notebook: it is empty.")
    try:
        notebook = json.loads(data)
        if "worksheets" in notebook:
            raise NotGradableError(
                "the notebook's format is older than 4: open it in Jupyter, save it, "
                "hand it in again."
            )
        for cell in notebook["cells"]:
            text = "".join(cell["source"])
            cell["source"] = text.encode("utf-8", "replace").decode()
            if not isinstance(cell.setdefault("metadata", {}), dict):
                raise ValueError
            if cell["cell_type"] not in ("code", "markdown", "raw"):
                raise ValueError
    except UnicodeDecodeError:
        raise NotGradableError(
            "the file is not a notebook that can be read: its encoding is not UTF-8."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotGradableError("the file is not a notebook that can be read.") from None
    return notebook


def about(cell: Notebook) -> dict[str, Any]:
    found = cell["metadata"].get("nbgrader")
    return found if isinstance(found, dict) else {}


def grade_id(cell: Notebook) -> str:
    return str(about(cell).get("grade_id", ""))


def defines(source: str) -> list[str]:
    """Names of the functions at the top of a cell; none if it is not Python."""
    try:
        body = ast.parse(re.sub(r"(?m)^\s*[%!].*$", "", source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [part.name for part in body if isinstance(part, ast.FunctionDef)]


@dataclass
class Original:
    """An assignment as it stands in `source` (or, without answers, in `release`)."""

    name: str
    cells: list[Notebook]
    digest: str

    @cached_property
    def by_id(self) -> dict[str, Notebook]:
        """{grade_id: cell}, in order."""
        return {grade_id(cell): cell for cell in self.cells if grade_id(cell)}

    @cached_property
    def answers(self) -> dict[str, list[str]]:
        """{id of a check: ids of the answers it checks}."""
        found: dict[str, list[str]] = {}
        waiting: list[str] = []
        for cell in self.cells:
            if self.is_check(grade_id(cell)):
                found[grade_id(cell)], waiting = waiting, []
            elif about(cell).get("solution") and cell["cell_type"] == "code":
                waiting.append(grade_id(cell))
        return found

    @cached_property
    def study(self) -> set[str]:
        """Code that is neither answered nor graded: nothing is lost without it."""
        return {
            cell["source"].strip()
            for cell in self.cells
            if cell["cell_type"] == "code" and not grade_id(cell)
        }

    @cached_property
    def marks(self) -> set[str]:
        """What tells this assignment from others: names and ids of its cells."""
        return marks(self.cells) - {"", "bootstrap", "setup", "helpers"}

    def is_check(self, key: str) -> bool:
        cell = self.by_id.get(key)
        return bool(cell and about(cell).get("grade") and cell["cell_type"] == "code")

    def is_locked(self, key: str) -> bool:
        return bool(key in self.by_id and about(self.by_id[key]).get("locked"))

    def model(self, check: str) -> tuple[str, list[str]]:
        """The right answer that a check belongs to, and its functions; or nothing."""
        source = "\n".join(self.by_id[k]["source"] for k in self.answers[check])
        known = "BEGIN SOLUTION" in source
        return (source, defines(source)) if known else ("", [])


def marks(cells: list[Notebook]) -> set[str]:
    found = {grade_id(c) for c in cells} | {str(c.get("id", "")) for c in cells}
    code = [c["source"] for c in cells if c["cell_type"] == "code"]
    return found | {f"def {name}" for source in code for name in defines(source)}


def originals(root: Path | None = None) -> dict[str, Original]:
    """{assignment: what it is}, with the hidden checks where the source is at hand."""
    here = root or ASSIGNMENTS
    root = next((here / n for n in ("source", "release") if (here / n).is_dir()), here)
    found = {}
    for path in sorted(root.glob("*/*.ipynb")):
        data = read(path)
        digest = hashlib.sha256(data).hexdigest()
        found[path.stem] = Original(path.stem, parse(data)["cells"], digest)
    return found


def find_original(
    notebook: Notebook, name: str, known: dict[str, Original]
) -> Original:
    """The assignment that shares most with a submission; ties go to its name."""
    mine = marks(notebook["cells"])
    shared = {key: (len(mine & o.marks), key in name) for key, o in known.items()}
    best = max(shared, key=lambda key: shared[key], default="")
    if not best or not (shared[best][0] > 2 or shared[best][1]):
        raise NotGradableError("none of its cells belongs to an assignment.")
    return known[best]


@dataclass
class Restored:
    """What is run, in order, each cell beside its name in the assignment (or "")."""

    cells: list[tuple[str, Cell]] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)  # answers that are not there
    notes: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # {answer: as handed in}


def restored(notebook: Notebook, original: Original) -> Restored:
    """The submission with every cell of the course as in the original, in its place.

    It ends with its last check: what stands below can earn nothing, and is often slow.
    """
    made, order = Restored(), list(original.by_id)
    named = _named(notebook["cells"], original, made.notes)
    cells: list[tuple[str, Notebook]] = []
    seen: set[str] = set()
    for key, cell in _in_order(named, order):
        if key in seen and original.is_locked(key):
            continue  # a second copy of a check
        if key:
            # what was deleted before this cell comes back before it
            for missing in order[: order.index(key)]:
                if original.is_locked(missing) and missing not in seen:
                    cells.append((missing, original.by_id[missing]))
                    seen.add(missing)
            if not original.is_locked(key) and key not in seen:
                made.texts[key] = cell["source"]
            seen.add(key)
        cells.append((key, original.by_id[key] if original.is_locked(key) else cell))
    cells += [
        (k, original.by_id[k]) for k in order if original.is_locked(k) and k not in seen
    ]
    while cells and not original.is_check(cells[-1][0]):
        cells.pop()
    made.missing = {k for k in order if not original.is_locked(k)} - seen
    made.cells = [
        (key, _as_run(key, cell, original))
        for key, cell in cells
        if _type(key, cell, original) == "code"
        and cell["source"].strip() not in original.study
    ]
    return made


def _type(key: str, cell: Notebook, original: Original) -> str:
    """An answer that became text by mistake (key M) is code again."""
    return str((original.by_id[key] if key else cell)["cell_type"])


def _as_run(key: str, cell: Notebook, original: Original) -> Cell:
    if original.is_check(key):
        model, functions = original.model(key)
        return Cell("check", cell["source"], model, functions)
    return Cell("course" if original.is_locked(key) else "answer", cell["source"])


def _named(
    cells: list[Notebook], original: Original, notes: list[str]
) -> list[tuple[str, Notebook]]:
    """Each cell beside its name: from its metadata, its id, or what it defines."""
    keys = [grade_id(c) if grade_id(c) in original.by_id else "" for c in cells]
    by_cell = {str(c.get("id")): k for k, c in original.by_id.items() if c.get("id")}
    for n, cell in enumerate(cells):
        key = by_cell.get(str(cell.get("id")), "")
        if not keys[n] and key not in keys:
            keys[n] = key
    for key, cell in original.by_id.items():
        wanted = set(defines(cell["source"])) if about(cell).get("solution") else set()
        if not wanted or key in keys:
            continue
        fitting = [
            n
            for n, other in enumerate(cells)
            if not keys[n]
            and other["cell_type"] == "code"
            and wanted <= set(defines(other["source"]))
        ]
        if len(fitting) == 1:
            keys[fitting[0]] = key
            notes.append(f"the answer {key!r} was found by the functions it defines.")
    for key, cell in zip(keys, cells, strict=True):
        if key and cell["cell_type"] != original.by_id[key]["cell_type"]:
            notes.append(f"the cell {key!r} had become {cell['cell_type']}: put back.")
    return list(zip(keys, cells, strict=True))


def _in_order(
    cells: list[tuple[str, Notebook]], order: list[str]
) -> list[tuple[str, Notebook]]:
    """The assignment's own cells in its order; what stands below one moves with it.

    A second copy of a cell is not one of them: it stays below what it stands below.
    """
    chunks: list[tuple[int, list[tuple[str, Notebook]]]] = [(-1, [])]  # first stays so
    seen: set[str] = set()
    for key, cell in cells:
        if key and key not in seen:
            chunks.append((order.index(key), []))
            seen.add(key)
        chunks[-1][1].append((key, cell))
    chunks.sort(key=lambda chunk: chunk[0])
    return [pair for _, chunk in chunks for pair in chunk]
