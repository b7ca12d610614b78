"""The numbers of the exercises' answers: their code, run behind each chapter's cells.

    python benchmarks/answers.py [NN ...] [--again]

For each chapter a kernel of its own, on one thread, runs the notebook's code cells from
top to bottom and then the code of the folded answers: the Python blocks on the page
and, where the page says in words what to do, the exercise's section in `answers/NN.py`.
Every exercise starts from the names as the chapter left them. What each prints is
stored in `book/results/answers/NN.json`. A chapter whose cells and answers are those of
its file is left alone; `--again` runs it in any case.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import torch
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

import disrec_mini as dm
from disrec_mini.files import write_json_atomic

ROOT = Path(__file__).parents[1]
STORED = ROOT / "book" / "results" / "answers"
CHAPTERS = ["02", "03", "05", "06", "07", "08", "09", "10", "11", "12"]

_EXERCISE = re.compile(
    r"^:::\{admonition\} Exercise (\d+)\n(.*?)^:::$\s*"
    r"^:::\{admonition\} One solution\n:class: dropdown\n(.*?)^:::$",
    re.MULTILINE | re.DOTALL,
)
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^# %% Exercise (\d+)\n", re.MULTILINE)


def notebook(chapter: str) -> Path:
    """The file of chapter "02", "03", ..."""
    (path,) = (ROOT / "book").glob(f"{chapter}_*.ipynb")
    return path


def cells(path: Path, kind: str) -> list[str]:
    """The sources of a notebook's cells of one kind, in order."""
    found = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in found if cell.cell_type == kind]


def fingerprint(sources: Sequence[str]) -> str:
    """SHA-256 over the sources of the chapter's code cells."""
    return hashlib.sha256("\0".join(sources).encode("utf-8")).hexdigest()


def exercises(chapter: str) -> dict[str, tuple[str, str]]:
    """Question and answer of each exercise, as Markdown."""
    text = "\n".join(cells(notebook(chapter), "markdown"))
    return {number: (asked, said) for number, asked, said in _EXERCISE.findall(text)}


def sections(chapter: str) -> dict[str, str]:
    """The code of `answers/NN.py`, by the number of its exercise."""
    path = Path(__file__).parent / "answers" / f"{chapter}.py"
    if not path.exists():
        return {}
    _, *parts = _SECTION.split(path.read_text("utf-8"))
    return dict(zip(parts[::2], (code.strip() for code in parts[1::2]), strict=True))


def code_of(chapter: str) -> dict[str, list[str]]:
    """What is run for each exercise: the page's blocks, then its section."""
    beside, found = sections(chapter), {}
    for number, (_, said) in exercises(chapter).items():
        parts = [block.strip() for block in _BLOCK.findall(said)]
        parts += [beside[number]] if number in beside else []
        if parts:
            found[f"exercise {number}"] = parts
    return found


def printed(client: BlockingKernelClient, source: str, what: str) -> str:
    """Run one cell; its output as text. An error ends the program."""
    heard: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            heard.append(content["text"])
        elif message["msg_type"] == "execute_result":
            heard.append(content["data"]["text/plain"] + "\n")

    reply = client.execute_interactive(source, timeout=3600, output_hook=hear)
    if reply["content"]["status"] != "ok":
        sys.exit(f"{what}: {reply['content'].get('evalue', 'was interrupted')}")
    return "".join(heard)


def answers(chapter: str, sources: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The chapter's cells, then each exercise's code: what it was and printed."""
    manager, client = start_new_kernel(cwd=str(ROOT / "book"))
    try:
        for i, source in enumerate(sources):
            printed(client, source, f"{chapter}, code cell {i}")
        printed(client, "_as_left = dict(globals())", chapter)
        found = {}
        for name, parts in code_of(chapter).items():
            printed(client, "globals().update(_as_left)", chapter)
            begin = time.perf_counter()
            said = [printed(client, code, f"{chapter}, {name}") for code in parts]
            seconds = round(time.perf_counter() - begin, 1)
            text = "".join(said)
            found[name] = {"code": parts, "printed": text, "seconds": seconds}
            print(f"{chapter}, {name}, {seconds} s\n{text}", flush=True)
        return found
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def is_of_today(chapter: str) -> bool:
    """Whether the stored file is of today's cells and answers."""
    path = STORED / f"{chapter}.json"
    if not path.exists():
        return False
    kept = json.loads(path.read_text("utf-8"))
    code = {name: entry["code"] for name, entry in kept["answers"].items()}
    cells_now = fingerprint(cells(notebook(chapter), "code"))
    return bool(kept["cells"] == cells_now and code == code_of(chapter))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="NN")
    parser.add_argument("--again", action="store_true", help="run what is stored, too")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    for chapter in options.chapters or CHAPTERS:
        if is_of_today(chapter) and not options.again:
            print(f"{chapter} is stored")
            continue
        begin, sources = time.perf_counter(), cells(notebook(chapter), "code")
        instructions = torch.backends.cpu.get_cpu_capability()
        found = answers(chapter, sources)
        record = {
            "command": f"python benchmarks/answers.py {chapter}",
            "notebook": notebook(chapter).name,
            "cells": fingerprint(sources),
            "versions": {
                "disrec_mini": dm.__version__,
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            "processor": f"{platform.machine()}, {instructions}",
            "threads": 1,
            "seeds": "named in the code",
            "seconds": round(time.perf_counter() - begin, 1),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "answers": found,
        }
        STORED.mkdir(parents=True, exist_ok=True)
        write_json_atomic(STORED / f"{chapter}.json", record)


if __name__ == "__main__":
    main()
