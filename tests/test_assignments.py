"""The assignments: right answers pass, wrong ones are told what is wrong."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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


# -- the release -----------------------------------------------------------------------


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
