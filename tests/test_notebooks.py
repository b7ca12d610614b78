"""The stored notebooks and the tool that looks after them."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "book").rglob("*.ipynb"))

spec = importlib.util.spec_from_file_location("tool", ROOT / "tools" / "notebooks.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


def template():
    return nbformat.read(tool.TEMPLATE, as_version=4)


def code_cell(notebook, nth):
    return [cell for cell in notebook.cells if cell.cell_type == "code"][nth]


def test_the_template_is_sound():
    assert tool.complaints(template()) == []


def test_one_address_everywhere():
    address = tool.address()
    for name in tool.ADDRESS_IN:
        assert address in (ROOT / name).read_text(encoding="utf-8"), name
    for path in [tool.TEMPLATE, *NOTEBOOKS]:
        first = code_cell(nbformat.read(path, as_version=4), 0)
        source = first.source
        if "assignments" in path.parts:  # `tools/release.py --pin` adds a tag
            source = re.sub(r"(git\+\S+?)@[\w.-]+$", r"\1", source, flags=re.MULTILINE)
        assert source == tool.BOOTSTRAP.format(address=address), path


def test_the_address_changes_everywhere(tmp_path, monkeypatch):
    old = tool.address()
    (tmp_path / "book/reference").mkdir(parents=True)
    for name in tool.ADDRESS_IN:
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"))
    copy = tmp_path / "book" / "a.ipynb"
    copy.write_text(tool.TEMPLATE.read_text(encoding="utf-8"))
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "TEMPLATE", copy)
    tool.set_address("https://example.org/somebody/else")
    assert tool.address() == "https://example.org/somebody/else"
    for path in [copy, *(tmp_path / name for name in tool.ADDRESS_IN)]:
        assert old not in path.read_text(encoding="utf-8"), path
    assert tool.complaints(nbformat.read(copy, as_version=4)) == []
    with pytest.raises(SystemExit, match="not an address"):
        tool.set_address("somewhere")


def test_what_the_check_finds():
    def found(change):
        notebook = template()
        change(notebook)
        return " ".join(tool.complaints(notebook))

    def picture(notebook, markup):
        data = {"text/html": markup} if isinstance(markup, str) else markup
        output = nbformat.v4.new_output("display_data", data)
        code_cell(notebook, 1).outputs.append(output)

    widget = {"application/vnd.jupyter.widget-view+json": {}}
    assert "alternative" in found(lambda n: picture(n, '<img src="a.png">'))
    assert "alternative" in found(lambda n: picture(n, '<svg viewBox="0 0 1 1">'))
    assert "alternative" in found(lambda n: picture(n, {"image/png": "AAAA"}))
    assert "alternative" in found(lambda n: picture(n, widget))
    assert found(lambda n: picture(n, '<img src="a.png" alt="a cat">')) == ""
    assert "private" in found(lambda n: n.metadata.update(widgets={}))
    assert "bootstrap" in found(lambda n: code_cell(n, 0).update(source="import os"))
    assert "not run once" in found(lambda n: code_cell(n, 1).update(execution_count=7))
    error = nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
    assert "failed" in found(lambda n: code_cell(n, 1).outputs.append(error))


def test_a_new_chapter(tmp_path, monkeypatch):
    (tmp_path / "book").mkdir()
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    path = tool.new_chapter("13_ablation", "Which part works?")
    made = nbformat.read(path, as_version=4)
    assert made.cells[1].source.startswith("# Which part works?")
    assert not any(cell.get("outputs") for cell in made.cells)
    with pytest.raises(SystemExit, match="exists already"):
        tool.new_chapter("13_ablation", "Again")
    with pytest.raises(SystemExit, match="not a chapter's name"):
        tool.new_chapter("ablation", "No number")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapters_are_short_in_code_and_ask_something(path):
    if path.parent.name != "book":
        pytest.skip("not a chapter")
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "dm.widgets.quiz" in text
    assert text.count("{admonition} Exercise") >= 2
    assert text.count(":class: dropdown") >= 2
    assert "Predict, then run" in text
    for cell in notebook.cells:
        if cell.cell_type == "code" and "dm.widgets.quiz" not in cell.source:
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert len(lines) <= 22, cell.source
            folded = {"hide-input", "remove-input", "remove-cell"} & set(
                cell.metadata.get("tags", ())
            )
            widest = 92 if folded else 78  # what a page shows at 1280 pixels
            assert max(map(len, lines), default=0) <= widest, cell.source


WORDS = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20}
WORDS |= {"half a minute": 30, "a minute": 60}
STATED = r"(?:all cells compute for|take) about ([^.]*?)(?: on a CPU| of computing)\."


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stated_times_are_the_measured_ones(path):
    if path.parent.name != "book":
        pytest.skip("not a chapter")
    stored = json.loads((ROOT / "book/results/core/chapters.json").read_text())
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    said = re.search(STATED, text)[1]
    said = said.removesuffix(" seconds")
    seconds = WORDS.get(said) or int(said)
    assert 0.6 * seconds <= stored["seconds"][path.stem] <= 1.25 * seconds
    assert stored["seconds"][path.stem] <= 120  # on a slow machine: one thread
