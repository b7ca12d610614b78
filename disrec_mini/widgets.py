"""Things a reader can move: explorables, which need no kernel, and quizzes.

An explorable is HTML with its data beside it and a script that knows only its own
root. It works in a built page, offline, from a file, in JupyterLab and in Colab, and
twice on one page.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from disrec_mini.errors import DisrecError


class Shown:
    """HTML for a notebook's output, with a plain sentence where HTML is not shown."""

    def __init__(self, markup: str, text: str) -> None:
        self.markup, self.text = markup, text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.markup, "text/plain": self.text}


def explorable(
    name: str,
    data: Mapping[str, Any],
    label: str,
    caption: str = "",
    package: str = "disrec_mini.explorables",
    scripts: Sequence[str] = (),
    inside: str = "<noscript>This part of the page needs JavaScript.</noscript>",
) -> Shown:
    """An explorable made of `explorables/<name>.js`.

    Parameters
    ----------
    name : of the script. It is the body of a function of (root, data, tools): it fills
        the element `root`; tools (in `explorables/base.js`) makes labelled controls.
    data : what the script needs; NumPy arrays as `packed` makes them, else plain JSON.
    label : what it is, for readers who do not see it. caption : shown below.
    inside : HTML that stands in `root` before the script runs.
    package : where the script lies. scripts : its parts, if they are several files,
        "other.package:part" for one that lies elsewhere; a style sheet `<name>.css`
        beside the script is added to `base.css`.
    """
    if not isinstance(data, Mapping):
        raise DisrecError(f"an explorable needs a dict of data, not {data!r}.")
    try:
        text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DisrecError(
            f"the data of {name!r} cannot be put into a page ({error}): NumPy arrays "
            "go in by `packed`, numbers must be finite."
        ) from None
    parts = [part.rpartition(":") for part in scripts or (name,)]
    script = "".join(_file(f"{part}.js", home or package) for home, _, part in parts)
    style = _file("base.css")
    if files(package).joinpath(f"{name}.css").is_file():
        style += _file(f"{name}.css", package)
    uid = hashlib.sha256((name + text).encode()).hexdigest()[:10]
    island = text.replace("<", "\\u003c")
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    markup = (
        f"<style>{style}</style>"
        f'<figure class="explorable" data-explorable="{uid}" role="group" '
        f'aria-label="{html.escape(label)}"><div class="explorable-body">{inside}</div>'
        f'<script type="application/json">{island}</script>{below}</figure>'
        f'<script>(function(){{"use strict";{_file("base.js")}'
        f'start("{uid}",function(root,data,tools){{{script}}});}})();</script>'
    )
    return Shown(markup, f"[explorable: {label}]")


def _file(name: str, package: str = "disrec_mini.explorables") -> str:
    try:
        return files(package).joinpath(name).read_text(encoding="utf-8")
    except (OSError, ImportError):
        raise DisrecError(f"{package} has no {name}.") from None


def packed(array: Any, dtype: str = "float16") -> dict[str, Any]:
    """An array as {dtype, shape, base64}; `tools.array` turns it into numbers.

    dtype : "float16", "float32", "uint8", "uint16" or "int32".
    """
    try:
        values = np.ascontiguousarray(array, dtype=np.dtype(dtype).newbyteorder("<"))
    except (TypeError, ValueError, OverflowError) as error:
        raise DisrecError(f"no array of {dtype}: {error}.") from None
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DisrecError(f"the array holds numbers that {dtype} cannot hold.")
    return {
        "dtype": dtype,
        "shape": list(values.shape),
        "base64": base64.b64encode(values.tobytes()).decode("ascii"),
    }


def quiz(questions: Sequence[Mapping[str, Any]]) -> Shown:
    """Questions with one right answer each, and a reply to every answer.

    They are read and answered without a script, too; the script counts.

    Parameters
    ----------
    questions : {"question": text, "answers": [(text, right, reply), ...]}.
    """
    try:
        n_right = [
            (q["question"], sum(bool(right) for _, right, _ in q["answers"]))
            for q in questions
        ]
    except (TypeError, ValueError, KeyError):
        raise DisrecError(
            'a quiz is a list of {"question": text, "answers": [(text, right, reply)]}.'
        ) from None
    for question, right in n_right:
        if right != 1:
            raise DisrecError(
                f"the question {question!r} needs exactly one right answer."
            )
    data = {
        "questions": [
            {"question": q["question"], "answers": [list(a) for a in q["answers"]]}
            for q in questions
        ]
    }
    n = len(questions)
    label = f"Quiz: {n} question{'s' if n > 1 else ''}"
    inside = "".join(_question(*it) for it in enumerate(data["questions"], 1))
    return explorable("quiz", data, label, inside=inside)


def _question(n: int, question: dict[str, Any]) -> str:
    """The reply to an answer stands behind it, for the style sheet to show."""
    text = question["question"]
    name = "quiz-" + hashlib.sha256(text.encode()).hexdigest()[:8]
    answers = "".join(
        f'<label class="answer"><input type="radio" name="{name}">'
        f"<span>{html.escape(answer)}</span></label>"
        f'<p class="reply {"right" if right else "wrong"}">'
        f"<b>{'✓ Right.' if right else '✗ Not quite.'}</b> {html.escape(reply)}</p>"
        for answer, right, reply in question["answers"]
    )
    return f"<fieldset><legend>{n}. {html.escape(text)}</legend>{answers}</fieldset>"
