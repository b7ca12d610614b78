"""Grading: every submission gets its row, and nbgrader gives the same points."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest

nbformat = pytest.importorskip("nbformat")
from test_assignments import FOLDER, cells_by_id, release, run, source  # noqa: E402


def spoiled():
    """{student: what is handed in}: submissions of assignment 1, most spoiled."""

    def changed(change):
        notebook = source("01_metrics")
        change(notebook, cells_by_id(notebook))
        return nbformat.writes(notebook)

    def replace(key, code):
        return changed(lambda n, c: c[key].update(source=code))

    def without(*keys):
        def drop(n, c):
            n.cells = [
                x
                for x in n.cells
                if x.metadata.get("nbgrader", {}).get("grade_id") not in keys
            ]

        return changed(drop)

    def rename(n, c):
        c["ranks"].metadata["nbgrader"]["grade_id"] = "my_ranks"

    def forget(n, c):
        c["ranks"].metadata.pop("nbgrader")
        c["ranks"].source = "# moved"

    def move_up(n, c):
        n.cells.remove(c["test_ranks"])
        n.cells.insert(2, c["test_ranks"])

    def move_answer(n, c):
        n.cells.remove(c["ranks"])
        n.cells.append(c["ranks"])

    def reverse(n, c):
        n.cells.reverse()

    def add_own(n, c):
        """The answer needs the student's own cell above it; then the answer moves."""
        own = nbformat.v4.new_code_cell(c["ranks"].source.replace("ranks(", "mine("))
        n.cells.insert(n.cells.index(c["ranks"]), own)
        c["ranks"].source = "def ranks(scores, index):\n    return mine(scores, index)"
        move_answer(n, c)

    def copy_below(n, c):
        """A copied answer cell keeps its name; the copy is a failed experiment."""
        copy = nbformat.from_dict(c["ranks"] | {"id": "copy", "source": wrong})
        n.cells.insert(n.cells.index(c["test_ranks"]) + 1, copy)

    def deafen(n, c):
        c["ranks"].source += f"\n\n\n{deaf}"

    def skip(n, c):
        c["test_ranks"].update(source="# NBVAL_SKIP\nassert False")
        c["test_ranks"].metadata["tags"] = ["nbval-skip", "raises-exception"]

    wrong = "def ranks(scores, target_index):\n    return 1 + 0 * target_index"
    loop = "def ranks(scores, target_index):\n    while True:\n        pass"
    deaf = "import time\nwhile True:\n    try: time.sleep(1)\n    except: pass\n"
    hog = "def ranks(scores, target_index):\n    return torch.ones(10**11)"
    return {
        "right": changed(lambda n, c: None),
        "untouched": nbformat.writes(release("01_metrics")),
        "syntax": replace("ranks", "def ranks(:\n    return 1"),
        "loop": replace("ranks", loop),
        "loop_outside": replace("ranks", "while True: pass"),
        "memory": replace("ranks", hog),
        "exits": replace("ranks", "import os\nos._exit(0)"),
        "interrupts": replace("ranks", "raise SystemExit"),
        "missing_answer": without("ranks"),
        "missing_check": without("test_ranks"),
        "missing_setup": without("setup"),
        "renamed": changed(rename),
        "forgotten": changed(forget),
        "moved": changed(move_up),
        "moved_answer": changed(move_answer),
        "reversed": changed(reverse),
        "own_cell": changed(add_own),
        "copied": changed(copy_below),
        "deaf": changed(deafen),
        "deleted_asserts": replace("test_ranks", "print('all fine')"),
        "skipped": changed(skip),
        "wrong": replace("ranks", wrong),
        "not_json": "this is an essay",
        "other_json": '{"cells": "none"}',
        "empty": "",
    }  # fmt: skip


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    """What one call of grade.py says of a folder with every row of course.md's table.

    `found` holds its reports by student, `files` what it wrote; `ran` is a file that a
    cell below the last check would make.
    """
    out = tmp_path_factory.mktemp("grades")
    folder, nested = out / "submitted", out / "submitted" / "nested" / "01_metrics"
    nested.mkdir(parents=True)
    texts = spoiled()
    for student, text in texts.items():
        (folder / f"{student}.ipynb").write_text(text, encoding="utf-8")
    (folder / "essay.docx").write_bytes(b"PK")
    more, ran = source("01_metrics"), out / "ran"
    more.cells.append(nbformat.v4.new_code_cell(f"open({str(ran)!r}, 'w')"))
    nbformat.write(more, nested / "01_metrics.ipynb")
    (folder / "nothing").mkdir()
    files = {name: out / f"grades.{name}" for name in ("json", "csv", "junit")}
    words = [word for name, file in files.items() for word in (f"--{name}", file)]
    words += ["--jobs", 2, "--timeout", 10, "--minutes", 9]
    start = time.monotonic()
    run(FOLDER / "grade.py", folder, *words)
    rows = json.loads(files["json"].read_text(encoding="utf-8"))
    found = {row["student"]: row for row in rows}
    assert len(rows) == len(found) == len(texts) + 3
    seconds = time.monotonic() - start
    return SimpleNamespace(found=found, files=files, ran=ran, seconds=seconds)


@pytest.mark.xdist_group("grades")
@pytest.mark.kernel
def test_spoiled_submissions_each_get_their_row(grades):
    """Every row of the table in course.md but the last loop, which has its own test."""
    found = grades.found

    def of(student, question="test_ranks"):
        return next(q for q in found[student]["questions"] if q["id"] == question)

    whole = found["right"]["earned"]
    kept = "nested", "missing_check", "missing_setup", "deleted_asserts", "renamed"
    kept += "moved", "moved_answer", "reversed", "own_cell", "copied"
    for student in kept:
        assert found[student]["earned"] == whole == found[student]["possible"], student
    assert found["skipped"]["possible"] == whole
    for student in ("not_json", "other_json", "empty", "essay", "nothing"):
        assert "not a notebook" in found[student]["problem"], student
    assert found["untouched"]["earned"] == 0
    assert of("untouched")["message"] == "not answered yet."
    assert "SyntaxError" in of("syntax")["message"]
    for student in ("loop", "loop_outside"):
        assert "too long" in of(student)["message"], student
    assert "missing" in of("missing_answer")["message"]
    assert "missing" in of("forgotten")["message"]
    assert (
        "ties count against" in of("wrong")["message"]
        or "rank" in of("wrong")["message"]
    )
    for student in (
        "syntax",
        "loop",
        "loop_outside",
        "memory",
        "wrong",
        "missing_answer",
    ):
        assert of(student)["earned"] == 0, student
        assert found[student]["earned"] == whole - 3, student  # others are not lost
    assert of("exits")["status"] != "passed"
    assert of("exits", "test_leave_one_out")["status"] == "passed"  # ran before
    assert found["exits"]["earned"] == 2
    rows = list(csv.DictReader(grades.files["csv"].open(encoding="utf-8")))
    assert {row["student"] for row in rows} == set(found)
    assert ET.parse(grades.files["junit"]).getroot().tag == "testsuites"
    assert not grades.ran.exists()


@pytest.mark.xdist_group("grades")
@pytest.mark.kernel
def test_a_loop_that_swallows_the_interrupt_costs_what_comes_after(grades):
    """nbval ends Python when the interrupt has no effect, at the cell's time limit."""
    found = grades.found["deaf"]
    assert grades.seconds < 60 * 9
    earned = {q["id"]: q["earned"] for q in found["questions"]}
    before = list(earned)[: list(earned).index("test_ranks")]
    assert found["earned"] == sum(earned[q] for q in before) < found["possible"] - 3
    assert all(earned[q] > 0 for q in before)
    said = {q["id"]: q["message"] for q in found["questions"]}
    assert "too long" in said["test_ranks"]
    assert "Python died" in said["test_metrics"]


@pytest.mark.kernel
def test_one_notebook_is_graded_by_itself(tmp_path):
    path, out = tmp_path / "me.ipynb", tmp_path / "me.json"
    nbformat.write(source("01_metrics"), path)
    made = run(FOLDER / "grade.py", path, "--json", out)
    (row,) = json.loads(out.read_text(encoding="utf-8"))
    assert (row["student"], row["earned"], row["possible"]) == ("me", 14, 14)
    assert made.returncode == 0, made.stdout  # only with all automatic points


def recipe():
    """The lines of course.md that call nbgrader, without comments and the extension."""
    text = (FOLDER.parent / "course.md").read_text(encoding="utf-8")
    block = text[text.index("## With nbgrader") :].split("```")[1]
    lines = [line.split("#")[0].split() for line in block.strip().splitlines()]
    return [ln[1:] for ln in lines if ln[0] == "nbgrader" and ln[1] != "formgrade"]


@pytest.mark.kernel
def test_nbgrader_grades_the_same_by_the_recipe(tmp_path):
    """The commands of course.md, in a copy of the folder as it is in the repository."""
    pytest.importorskip("nbgrader")
    course = tmp_path / "course"
    shutil.copytree(FOLDER, course, ignore=shutil.ignore_patterns("0[2-9]_*"))
    assert (course / "release" / "01_metrics").is_dir()
    generate, autograde = recipe()
    told = (FOLDER / "nbgrader_config.py").read_text(encoding="utf-8")
    assert all(f"nbgrader {' '.join(words)}" in told for words in (generate, autograde))
    assert generate[:2] == ["generate_assignment", "01_metrics"]
    assert autograde[:2] == ["autograde", "01_metrics"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    words = dict(
        cwd=course, env={**os.environ, "PATH": path}, check=True, capture_output=True
    )
    start = [sys.executable, "-m", "nbgrader"]
    subprocess.run([*start, *generate], **words)
    texts = spoiled()
    for student in ("right", "untouched", "wrong", "deleted_asserts"):
        mine = course / "submitted" / student / "01_metrics"
        mine.mkdir(parents=True)
        notebook = nbformat.reads(texts[student], as_version=4)
        if student != "right":  # one is enough to run the slow cell that nobody grades
            notebook.cells = [
                c
                for c in notebook.cells
                if c.cell_type != "code" or "nbgrader" in c.metadata
            ]
        nbformat.write(notebook, mine / "01_metrics.ipynb")
    subprocess.run([*start, *autograde], **words)
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        scores = {
            s.student_id: s.score for s in book.assignment_submissions("01_metrics")
        }
    assert scores == {"right": 14, "untouched": 0, "wrong": 11, "deleted_asserts": 14}
