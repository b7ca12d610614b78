"""The checks of the assignments: what they say, what they print, what they forgive."""

import ast
import contextlib
import io
import re

import pytest
from test_assignments import (
    ANSWERS,
    FOLDER,
    NAMES,
    cells_by_id,
    graded,
    prepared,
    release,
    source,
)

HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS\n?", re.DOTALL)


def told(answer, hidden=True):
    """What the check says to an answer; None if it passes."""
    cells = prepared(answer.assignment)
    key = graded(source(answer.assignment))[answer.question]
    names = dict(cells[answer.question][0])
    exec(compile(answer.code, "answer", "exec"), names)
    check = cells[key][1]
    if not hidden:
        text = cells_by_id(source(answer.assignment))[key].source
        check = compile(HIDDEN.sub("", text), key, "exec")
    try:
        with contextlib.redirect_stderr(io.StringIO()) as loud:
            exec(check, names)
    except AssertionError as error:
        return str(error)
    assert loud.getvalue() == "", f"{answer} writes to stderr"
    return None


@pytest.mark.parametrize("assignment", NAMES)
def test_what_fails_at_grading_fails_at_home_for_the_same_reason(assignment):
    for answer in ANSWERS:
        if answer.assignment == assignment:
            at_home = told(answer, hidden=False)
            assert (at_home is None) == answer.right, answer
            assert answer.right or answer.says in at_home, answer


def slips(assignment):
    """(check, idea) of every mark in the check cells."""
    for key, cell in cells_by_id(source(assignment)).items():
        if cell.cell_type != "code" or not key.startswith("test_"):
            continue
        for call in ast.walk(ast.parse(cell.source)):
            name = getattr(getattr(call, "func", None), "id", "")
            for part in call.args if name in ("check", "check_cases") else ():
                for idea in part.keys if isinstance(part, ast.Dict) else ():
                    words = [n for n in ast.walk(idea) if isinstance(n, ast.Constant)]
                    yield key, str(words[-1].value)


@pytest.mark.parametrize("assignment", NAMES)
def test_every_mark_is_reached_by_a_stored_answer(assignment):
    """A mark that nobody reaches is out of date, or has no wrong answer beside it."""
    wrong = [a for a in ANSWERS if a.assignment == assignment and not a.right]
    said = {answer: told(answer, hidden=False) or "" for answer in wrong}
    questions = graded(source(assignment))
    for key, idea in slips(assignment):
        mine = [said[a] for a in wrong if questions[a.question] == key]
        assert any(idea in text for text in mine), f"{key}: {idea}"


@pytest.mark.parametrize("assignment", NAMES)
def test_checks_print_neither_the_formula_nor_the_package_s_function(assignment):
    for key, cell in cells_by_id(release(assignment)).items():
        if key.startswith("test_"):
            found = re.search(r"\bdm\.|einsum|logsumexp\(|cross_entropy\(", cell.source)
            assert found is None, f"{key}: {found}"
            assert len(cell.source.splitlines()) <= 125, key


def test_a_right_answer_may_warn():
    """nbgrader takes any stderr for a failure."""
    import warnings

    cells = prepared("01_metrics")
    names = dict(cells["metrics"][0])
    code = (
        "import warnings\n\n\ndef recall(ranks, k):\n"
        "    warnings.warn('old', DeprecationWarning)\n"
        "    return float(np.mean(np.asarray(ranks) <= k))\n"
    )
    with warnings.catch_warnings():
        exec(cells["setup"][1], names)
        names |= {k: cells["test_metrics"][0][k] for k in ("ndcg", "mrr")}
        exec(code, names)
        with contextlib.redirect_stderr(io.StringIO()) as loud:
            exec(cells["test_metrics"][1], names)
    assert loud.getvalue() == ""


@pytest.mark.parametrize(
    ("assignment", "first", "second", "code"),
    [
        (
            "01_metrics",
            "def ranks(scores, target_index):\n    return target_index\n",
            "full_rank",
            "def full_rank(scores, history, true):\n"
            "    kept = [j for j in range(1, len(scores))"
            " if j == true or j not in set(history)]\n"
            "    return ranks(scores[kept][None], torch.tensor([kept.index(true)]))\n",
        ),
        (
            "03_losses",
            "def scores_and_winner(phi, targets, temperature):\n    return 0, 0\n",
            "seq2item",
            "def seq2item(phi, targets, temperature=None):\n"
            "    t = phi.shape[2] ** 0.5 if temperature is None else temperature\n"
            "    s, k = scores_and_winner(phi, targets, t)\n"
            "    own = torch.arange(len(phi))\n"
            "    return s.flatten(1).logsumexp(1) - s[own, k, own]\n",
        ),
    ],
)
def test_a_wrong_question_costs_its_points_once(assignment, first, second, code):
    cells = prepared(assignment)
    names = dict(cells[second][0])
    exec(first + "\n\n" + code, names)
    exec(cells[f"test_{second}"][1], names)


@pytest.mark.parametrize("assignment", NAMES)
def test_an_assignment_opens_in_colab_and_says_its_time(assignment):
    about = source(assignment).cells[1].source
    link = re.search(r"\]\((https://colab[^)]+ipynb)\)", about)[1]
    assert link.endswith(f"book/assignments/release/{assignment}/{assignment}.ipynb")
    minutes = re.search(r"It takes (?:about )?(.+? minutes)", about)[1]
    course = (FOLDER.parent / "course.md").read_text(encoding="utf-8")
    (row,) = [ln for ln in course.splitlines() if f"{assignment}.ipynb>" in ln]
    assert minutes.replace("minutes", "min") in row
    assert link in row
