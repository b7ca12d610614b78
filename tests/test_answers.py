"""The numbers of the exercises' answers are those of `benchmarks/answers.py`."""

import importlib.util
import json
import math
import re
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PATH = ROOT / "benchmarks" / "answers.py"

spec = importlib.util.spec_from_file_location("answers", PATH)
assert spec is not None
assert spec.loader is not None
answers: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(answers)

OPEN = {"02", "07", "10", "11", "12"}  # chapters whose answers have not been run yet
RUN = [chapter for chapter in answers.CHAPTERS if chapter not in OPEN]
EXERCISES = [
    (chapter, number) for chapter in RUN for number in answers.exercises(chapter)
]

NORMAL = NormalDist()
FORMULAS = {  # values of formulas in the text, by chapter and exercise
    ("02", "1"): [math.log(40)],
    ("02", "4"): [1 - 0.15],
    ("06", "4"): [3 * math.log(2) / (math.log(4) + 1.5 * math.log(2))],
    ("12", "2"): [NORMAL.inv_cdf(0.975), NORMAL.inv_cdf(0.975) + NORMAL.inv_cdf(0.8)],
}
QUOTED = {  # rows of numbers that are the chapter's own outputs
    ("05", "2"): ["1.57, 1.32, 1.64", "1.52, 1.29, 1.61"],
    ("05", "4"): ["-.002"],
}

_NUMBER = re.compile(
    r"(?<![\w.])(?:(?<!\d)[-+])?(?:\d+\.\d+|\.\d+|\d+)(?:e[-+]?\d+)?(?![\w])"
)
_THOUSANDS = re.compile(r"(?<=\d)(?:,|\{,\})(?=\d{3}(?!\d))")


def numbers(text: str) -> list[str]:
    """The numbers of a text as they are written there, without commas."""
    return _NUMBER.findall(_THOUSANDS.sub("", text.replace("−", "-")))


def in_rows(text: str) -> list[str]:
    """The text in pieces; numbers with a comma or "and" between them stay together."""
    joined = re.sub(r"(?<=\d)(?:,| and|, and) (?=[-+−]?\.?\d)", "\0", text)
    return [word.replace("\0", " ") for word in joined.split()]


def unfenced(answer: str) -> str:
    """An answer without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", answer, flags=re.MULTILINE | re.DOTALL)


def prose(answer: str) -> str:
    """An answer without its code and its links."""
    return re.sub(r"`[^`]*`|\[[^]]*\]\([^)]*\)", " ", unfenced(answer))


def asked_of(chapter: str, number: str) -> list[list[str]]:
    """The numbers of an answer that need a run, as they are shown.

    Those that follow each other ("a, b and c") are together. None of the question's, no
    digit alone, no whole number that stands in the code (a setting). A percentage is a
    number of two more digits: 15 % is .15.
    """
    question, answer = answers.exercises(chapter)[number]
    code = re.findall(r"`[^`]+`", unfenced(answer))
    code += answers.code_of(chapter).get(f"exercise {number}", [])
    known = {x.lstrip("0") for x in numbers(question)}
    settings = {x for x in numbers(" ".join(code)) if x.isdigit()}

    def needed(shown: str) -> bool:
        if shown.lstrip("0") in known:
            return False
        return "." in shown or (len(shown) > 1 and shown not in settings)

    text = re.sub(r"(\d+) ?\\?%", lambda m: f".{int(m[1]):02}", prose(answer))
    rows = [[x for x in numbers(row) if needed(x)] for row in in_rows(text)]
    return [row for row in rows if row]


def is_rounded(value: str | float, shown: str) -> bool:
    """Whether this is the number shown, to its digits; without a sign, or less."""
    half = 0.5 * 10.0 ** -len(shown.partition(".")[2]) + 1e-9
    exact = float(value)
    return abs((exact if shown[0] in "+-" else abs(exact)) - float(shown)) <= half


def held(row: list[str], values: list[str]) -> bool:
    """Whether the row's numbers come one after the other among the values.

    Whole numbers between them (of starts, of epochs) do not count, unless asked for.
    """
    if all("." in shown for shown in row):
        values = [value for value in values if not value.isdigit()]
    places = range(len(values) - len(row) + 1)
    return any(all(map(is_rounded, values[i : i + len(row)], row)) for i in places)


def stored(chapter: str) -> dict[str, Any]:
    return dict(json.loads((answers.STORED / f"{chapter}.json").read_text("utf-8")))


def printed(chapter: str, number: str) -> list[str]:
    """The numbers that the exercise's code printed."""
    entry = stored(chapter)["answers"].get(f"exercise {number}", {"printed": ""})
    return numbers(entry["printed"])


def outputs(chapter: str) -> list[str]:
    """The numbers in the texts that the chapter's cells printed."""
    cells = json.loads(answers.notebook(chapter).read_text("utf-8"))["cells"]
    texts = []
    for output in (o for cell in cells for o in cell.get("outputs", [])):
        data = output.get("data", {})
        texts += [output.get("text", []), data.get("text/plain", [])]
    return numbers("\n".join("".join(text) for text in texts))


def test_open_chapters_are_those_without_a_file() -> None:
    files = {path.stem for path in answers.STORED.glob("*.json")}
    assert files == set(RUN)


@pytest.mark.parametrize("chapter", RUN)
def test_runs_are_of_todays_cells_and_answers(chapter: str) -> None:
    """A change of either asks for a new run: python benchmarks/answers.py NN."""
    kept = stored(chapter)
    path = answers.notebook(chapter)
    assert kept["cells"] == answers.fingerprint(answers.cells(path, "code"))
    assert {
        name: entry["code"] for name, entry in kept["answers"].items()
    } == answers.code_of(chapter)
    assert kept["command"] == f"python benchmarks/answers.py {chapter}"
    assert kept["threads"] == 1
    assert {"disrec_mini", "torch", "numpy", "python"} <= kept["versions"].keys()
    assert len(answers.exercises(chapter)) == 4


@pytest.mark.parametrize(("chapter", "number"), EXERCISES)
def test_numbers_of_an_answer_were_printed(chapter: str, number: str) -> None:
    values = printed(chapter, number)
    formulas = [repr(value) for value in FORMULAS.get((chapter, number), [])]
    for bound in re.findall(
        r"(?:below|less than) (\.\d+)", answers.exercises(chapter)[number][1]
    ):
        assert values
        assert all(float(value) < float(bound) for value in values)
        values.append(bound)
    rows = asked_of(chapter, number)
    missing = [row for row in rows if not held(row, values)]
    missing = [row for row in missing if not held(row, formulas)]
    quoted = [numbers(row) for row in QUOTED.get((chapter, number), [])]
    assert missing == quoted
    assert all(held(row, outputs(chapter)) for row in quoted)


def test_another_number_would_be_noticed() -> None:
    """The null: rows with one number off in its last digit are hardly ever found."""
    found = []
    for chapter, number in EXERCISES:
        values = printed(chapter, number)
        for row in (r for r in asked_of(chapter, number) if held(r, values)):
            for i, shown in enumerate(row):
                digits = len(shown.partition(".")[2])
                off = f"{abs(float(shown)) + 10.0**-digits:.{digits}f}"
                found.append(held([*row[:i], off, *row[i + 1 :]], values))
    print(f"{sum(found)} of {len(found)}")
    assert len(found) > 10
    assert sum(found) < 0.15 * len(found)
