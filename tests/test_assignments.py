"""The assignments: right answers pass, wrong ones are told what is wrong."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

nbformat = pytest.importorskip("nbformat")
FOLDER = Path(__file__).parents[1] / "book" / "assignments"
NAMES = sorted(path.name for path in (FOLDER / "source").iterdir() if path.is_dir())


@dataclass(frozen=True)
class Answer:
    """A block of a misconceptions file: it replaces the solution cell `question`."""

    assignment: str
    right: bool
    question: str
    says: str
    code: str

    def __str__(self) -> str:
        kind = "right" if self.right else "wrong"
        return f"{self.assignment}-{self.question}-{kind}-{self.says}"


def read_answers(assignment):
    text = (FOLDER / "misconceptions" / f"{assignment}.py").read_text(encoding="utf-8")
    blocks = re.split(r"^# %% (right|wrong) (\w+): (.+)$", text, flags=re.MULTILINE)[1:]
    for kind, question, says, code in zip(
        *(blocks[i::4] for i in range(4)), strict=True
    ):
        yield Answer(assignment, kind == "right", question, says, code)


ANSWERS = [answer for name in NAMES for answer in read_answers(name)]


def source(assignment):
    path = FOLDER / "source" / assignment / f"{assignment}.ipynb"
    return nbformat.read(path, as_version=4)


def graded(notebook):
    """{solution id: id of the check cell that follows it}, autograded ones only."""
    found, waiting = {}, []
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("solution") and not about["grade"]:
            waiting.append(about["grade_id"])
        elif about.get("grade") and not about["solution"]:
            found |= dict.fromkeys(waiting, about["grade_id"])
            waiting = []
    return found


@cache
def prepared(assignment):
    """{grade_id: (names defined before the cell, compiled cell)}: run right answers.

    Down to the last check: `make nbval` runs the slow cells below it.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    names, found = {}, {}
    notebook = source(assignment)
    last = list(graded(notebook).values())[-1]
    for cell in notebook.cells:
        if cell.cell_type != "code" or last in found:
            continue
        about = cell.metadata.get("nbgrader", {})
        code = TransformerManager().transform_cell(cell.source)
        compiled = compile(code, about.get("grade_id", "cell"), "exec")
        if "grade_id" in about:
            found[about["grade_id"]] = dict(names), compiled
        exec(compiled, names)
    return found


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_an_answer_is_judged_rightly(answer):
    cells = prepared(answer.assignment)
    check_id = graded(source(answer.assignment))[answer.question]
    names = dict(cells[answer.question][0])
    exec(compile(answer.code, "answer", "exec"), names)
    _, check = cells[check_id]
    if answer.right:
        exec(check, names)
    else:
        with pytest.raises(AssertionError) as raised:
            exec(check, names)
        assert answer.says in str(raised.value)


@pytest.mark.parametrize("assignment", NAMES)
def test_every_question_has_its_wrong_and_right_answers(assignment):
    for question in graded(source(assignment)):
        mine = [
            a for a in ANSWERS if (a.assignment, a.question) == (assignment, question)
        ]
        assert sum(not a.right for a in mine) >= 4, question
        assert sum(a.right for a in mine) >= 2, question


# -- the release and the runner --------------------------------------------------------


def cells_by_id(notebook):
    return {
        c.metadata["nbgrader"]["grade_id"]: c
        for c in notebook.cells
        if "nbgrader" in c.metadata
    }


def release(assignment):
    path = FOLDER / "release" / assignment / f"{assignment}.ipynb"
    return nbformat.read(path, as_version=4)


def run(*words, **environment):
    command, env = [sys.executable, *map(str, words)], {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


@pytest.mark.kernel
def test_the_release_is_what_the_source_makes():
    pytest.importorskip("nbgrader")
    made = run(FOLDER.parents[1] / "tools" / "release.py", "--check")
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.mark.parametrize("assignment", NAMES)
def test_nothing_of_the_answers_is_released(assignment):
    answers = cells_by_id(source(assignment))
    text = json.dumps(release(assignment))
    assert "HIDDEN TESTS" not in text
    assert "BEGIN SOLUTION" not in text
    for cell in answers.values():
        if cell.metadata["nbgrader"]["solution"] and cell.cell_type == "markdown":
            assert cell.source.strip()[:60] not in text


def test_the_same_tools_in_every_assignment():
    for name in ("bootstrap", "setup"):
        assert len({cells_by_id(source(a))[name].source for a in NAMES}) == 1, name


SHORT = """
import disrec_mini
whole = disrec_mini.fit
disrec_mini.fit = lambda *words, **named: whole(*words, **(named | {"epochs": 1}))
"""


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """{assignment: names of the cells that fail in its release}, by nbval alone.

    As a student runs it, except that training ends after an epoch: the cells that
    train are those of the sources, and `make nbval` runs them to their end.
    """
    folder = tmp_path_factory.mktemp("untouched")
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "short.py").write_text(SHORT)
    (folder / "none.ini").write_text("[pytest]\n")
    words = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300"]
    words += ["-p", "no:cacheprovider", "-c", folder / "none.ini"]
    words += ["--rootdir", FOLDER / "release"]
    words += [FOLDER / "release" / name / f"{name}.ipynb" for name in NAMES]
    out = folder / "junit.xml"
    run("-m", "pytest", *words, "--junitxml", out, IPYTHONDIR=str(folder))
    failed = {name: set() for name in NAMES}
    for case in ET.parse(out).getroot().iter("testcase"):
        (name,) = (name for name in NAMES if name in case.get("classname"))
        if case.find("failure") is not None:
            failed[name].add(case.get("name"))
    return failed


@pytest.mark.xdist_group("untouched")
@pytest.mark.kernel
@pytest.mark.parametrize("assignment", NAMES)
def test_the_untouched_release_fails_exactly_its_questions(assignment, untouched):
    code = [c for c in release(assignment).cells if c.cell_type == "code"]
    wanted = {
        f"Cell {i}"
        for i, c in enumerate(code)
        if c.metadata.get("nbgrader", {}).get("grade")
    }
    assert untouched[assignment] == wanted


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


def test_every_question_graded_by_hand_has_its_rubric():
    """Its rows add up to the question's points, and do not say what to answer."""
    gives_away = {"answer_protocols": "PMI|popular|rare", "answer_usage": "hard|soft"}
    for assignment in NAMES:
        for notebook in (source(assignment), release(assignment)):
            for n, cell in enumerate(notebook.cells):
                about = cell.metadata.get("nbgrader", {})
                if not (about.get("grade") and about["solution"]):
                    continue
                key, above = about["grade_id"], notebook.cells[n - 1].source
                assert "| | 0 |" in above, f"{key} has no rubric"
                rubric = above[above.index("| | 0 |") :].split("\n\n")[0]
                head, _, *rows = [
                    [part.strip() for part in line.strip("|").split("|")]
                    for line in rubric.splitlines()
                ]
                assert len(head) == 4, key
                assert all(len(row) == 4 and all(row) for row in rows), key
                assert sum(worth(row[0], head[3]) for row in rows) == about["points"]
                hint = re.search(gives_away.get(key, "(?!)"), rubric)
                assert hint is None, f"the rubric of {key} says {hint}"


def worth(row, best):
    """Points of a rubric's row: its own "(2 points)", else those of the last column."""
    said = re.search(r"(\d) point", row) or re.search(r"(\d) point", best)
    return int(said[1]) * (4 if "four" in row else 1)


def test_the_study_measures_the_same_people_with_every_seed(monkeypatch):
    """Question 1 averages a user over the seeds: user u must be one person."""
    import torch

    import disrec_mini as dm

    names = {"dm": dm, "torch": torch}
    exec(cells_by_id(source("05_study"))["study"].source, names)
    seen = []
    measure = dm.evaluate
    monkeypatch.setattr(dm, "fit", lambda *_, **__: None)
    monkeypatch.setattr(
        dm,
        "evaluate",
        lambda m, split, **k: seen.append(split) or measure(m, split, **k),
    )
    for seed in (0, 1):
        assert len(names["run"](seed, noise=0.4)) == 400
    first, second = ([s.train.items.tolist(), s.test_items.tolist()] for s in seen)
    assert first == second


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
