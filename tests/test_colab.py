"""The notebooks for Colab: what they look like, and what happens when they are opened.

Slow tests open each in an empty folder, in a Python that has everything but the book's
package, with a server in GitHub's place that counts what it is asked for.
"""

import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import venv
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("pybtex")
import disrec_mini as dm  # noqa: E402
from disrec_mini.experiments import bundle  # noqa: E402

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import bundle as bundler  # noqa: E402
import colab  # noqa: E402
import plain  # noqa: E402

PAGES = plain.sources()
READ = [path for path in PAGES if "release" not in path.parts]
INTRO = ROOT / "book" / "intro.ipynb"
# what would be read as it stands: directives, roles, labels, attributes, relative links
RAW = re.compile(r":::|\{[\w:-]+\}`|^\([\w-]+\)=$|\]\((?![a-z]+:|#)[^)\s]*\)", re.M)
LONG = """\
(here)=
## Head

::::{admonition} Try $x$
:class: tip
A [chapter](03_measuring), [this](#here), `[code](as-it-is)`.

$$
a
= b
$$

:::{admonition} What we saw
:class: dropdown
- Two {cite}`ma2020disentangled,oord2018representation`.
:::
::::

```python
x[0](1)  # ::: stays
```
$f[i](y)$, chapters 02 to 05 and {doc}`course`, {term}`NDCG <ndcg>`.
:::{note}
Mind.
:::
"""


def test_myst_becomes_plain_markdown():
    made = plain.plain(LONG, INTRO)
    assert made.startswith(
        '<a name="here"></a>\n## Head\n\n> **Try $x$**\n>\n> A [chap'
    )
    home = "disrec-mini/beyond-the-next-click"
    assert (
        f"({plain.HOST}/{home}/blob/colab/book/03_measuring.ipynb), [this](#here)"
        in (made)
    )
    assert "`[code](as-it-is)`.\n>\n> $$a = b$$\n\n<details>" in made
    assert (
        "<summary><b>What we saw</b></summary>\n\n- Two ([Ma et al., 2020](https"
        in (made)
    )
    assert "; [van den Oord et al., 2018](https://arxiv.org/abs/1807.03748))." in made
    assert "```python\nx[0](1)  # ::: stays\n```\n$f[i](y)$, chapters [02](http" in made
    assert "02_myopia.ipynb) to [05](http" in made
    assert "05_encoder.ipynb) and [Teaching with" in made
    assert (
        f"/{home}/blob/v{dm.__version__}/book/course.md), NDCG.\n\n> **Note**" in made
    )
    with pytest.raises(SystemExit, match="leads nowhere"):
        plain.plain("[gone](gone)", INTRO)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_notebook_shows_raw_myst_and_all_are_pinned(path):
    made = colab.hosted(path)
    nbformat.validate(made)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            text = re.sub(plain.KEPT, "", cell.source)
            assert not RAW.search(text), (cell.id, RAW.search(text)[0])
    assert made.cells[0].source.startswith("# ")
    first = next(cell for cell in made.cells if cell.cell_type == "code")
    assert f"/releases/download/v{dm.__version__}/disrec_mini-" in first.source
    assert first.source.startswith("# @title Install the book's package\ntry:\n")
    stored = nbformat.read(path, as_version=4)
    kept = {cell.id for cell in made.cells}
    gone = [cell for cell in stored.cells if cell.id not in kept]
    assert all("remove-cell" in cell.metadata.tags for cell in gone)


def test_the_site_opens_the_notebooks_of_the_branch():
    text = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert re.search(rf"^  branch: {plain.BRANCH}$", text, re.MULTILINE)
    for page in (ROOT / "README.md", ROOT / "book/course.md"):
        found = re.findall(rf"{plain.HOST}/\S+?(?=\))", page.read_text("utf-8"))
        assert found
        for address in found:
            place = ROOT / address.partition(f"/blob/{plain.BRANCH}/")[2]
            assert plain.opened(place) == address
            assert place in PAGES


@pytest.fixture
def clone(tmp_path):
    """A copy of the repository as it is committed, with somebody's name."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    where = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(where)], check=True)
    for key, value in (("user.name", "N"), ("user.email", "n@example.org")):
        subprocess.run(["git", "-C", str(where), "config", key, value], check=True)
    return where


def git(where, *words):
    command = ["git", "-C", str(where), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.slow
def test_the_branch_is_made_without_touching_anything_else(clone):
    before = git(clone, "rev-parse", "HEAD")
    for n in (1, 2):
        command = [sys.executable, str(clone / "tools/colab.py"), "--commit"]
        subprocess.run(command, check=True, capture_output=True)
        assert git(clone, "rev-list", "--count", "colab") == str(n)
    assert git(clone, "rev-parse", "HEAD") == before
    assert git(clone, "status", "--short") == ""
    listed = set(git(clone, "ls-tree", "-r", "--name-only", "colab").splitlines())
    pages = {it for page in plain.PAGES for it in clone.glob(page)}
    assert listed == {"README.md", *(str(page.relative_to(clone)) for page in pages)}
    text = git(clone, "show", "colab:book/06_intentions.ipynb")
    assert nbformat.reads(text, as_version=4).metadata["colab"]


@pytest.mark.slow
def test_an_instructor_pins_a_tag(clone):
    command = [sys.executable, str(clone / "tools/release.py")]
    pinned = subprocess.run(
        [*command, "--pin", "v9"], check=True, capture_output=True, text=True
    )
    assert "git tag v9" in pinned.stdout
    subprocess.run([*command, "--check"], check=True, capture_output=True)
    git(clone, "commit", "-qam", "Pin the assignments")
    git(clone, "tag", "v9")
    page = git(clone, "show", "v9:book/course.md")
    links = re.findall(rf"{plain.HOST}/[\w-]+/[\w-]+/blob/(\S+?)\)", page)
    assert len(links) == 5
    for link in links:  # what a link opens installs what lies under the same tag
        tag, _, file = link.partition("/")
        assert tag == "v9"
        notebook = nbformat.reads(git(clone, "show", f"{tag}:{file}"), as_version=4)
        assert notebook.cells[0].source.count("@v9\n") == 1
        assert f"/blob/{link})" in notebook.cells[1].source
    again = subprocess.run([*command, "--pin", "v9"], capture_output=True, text=True)
    assert again.returncode == 1
    assert "exists already" in again.stderr


# ------------------------------------------------------------------ opened

OPEN = """\
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
for cell in notebook.cells:
    if cell.cell_type == "code":
        cell.outputs = []
client = nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3")
try:
    client.execute()
except nbclient.exceptions.CellExecutionError:
    pass
nbformat.write(notebook, sys.argv[1])
"""


class GitHub(ThreadingHTTPServer):
    """Files by path; also the proxy of everything else, which it refuses."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Asked)
        self.files, self.asked = {}, []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Asked(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    do_CONNECT = do_HEAD = do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


def wheel(repository):
    """The package with another repository's address, as an installer wants it."""
    meta = f"disrec_mini-{dm.__version__}.dist-info"
    ours = importlib.metadata.distribution("disrec-mini").read_text("METADATA")
    files = {
        f"disrec_mini/{path.relative_to(ROOT / 'disrec_mini').as_posix()}": (
            path.read_bytes()
        )
        for path in (ROOT / "disrec_mini").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    files[f"{meta}/METADATA"] = ours.replace(plain.tool.address(), repository).encode()
    files[f"{meta}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{meta}/RECORD"] = "".join(f"{name},,\n" for name in files).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


class Colab:
    """An empty folder, a Python without the package, and the server."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.github = folder, GitHub()
        repository = f"{self.github.url}/owner/name"
        package = wheel(repository)
        monkeypatch.setattr(plain.tool, "address", lambda: repository)
        place = f"/owner/name/releases/download/v{dm.__version__}"
        self.wheel = colab.wheel().removeprefix(self.github.url)
        self.bundle = f"{place}/{bundle.name()}"
        self.github.files = {self.wheel: package}
        venv.create(folder / "python", symlinks=True)
        site = next((folder / "python").glob("lib/*/site-packages"))
        others = [path for path in sys.path if path.endswith("-packages")]
        (site / "others.pth").write_text("\n".join(others))
        (folder / "empty").mkdir()

    def open(self, path):
        notebook = self.folder / "empty" / path.name
        nbformat.write(colab.hosted(path), notebook)
        env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        env |= {"http_proxy": self.github.url, "https_proxy": self.github.url}
        env |= {"no_proxy": "127.0.0.1", "DISREC_DATA": str(self.folder / "cache")}
        env |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        python = self.folder / "python" / "bin" / "python"
        subprocess.run(
            [python, "-c", OPEN, notebook.name],
            cwd=notebook.parent, env=env, check=True, timeout=1500,
        )  # fmt: skip
        return nbformat.read(notebook, as_version=4)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Colab(tmp_path, monkeypatch)
    yield made
    made.github.shutdown()


def printed(cell):
    return "".join(
        output.text
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stdout"
    )


def failures(notebook):
    return [
        "\n".join(output.traceback)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", READ, ids=lambda path: path.stem)
def test_a_notebook_opened_alone(path, machine):
    needs_films = '"ml-100k"' in path.read_text("utf-8").replace("\\", "")
    if needs_films:
        try:
            dm.load_dataset("ml-100k")
        except dm.DisrecError as error:
            pytest.skip(str(error))
        films = dm.datasets.cache_folder() / "ml-100k"
        shutil.copytree(films, machine.folder / "cache" / "ml-100k")
    found = io.BytesIO()
    bundler.write(bundler.files(), found)
    machine.github.files[machine.bundle] = found.getvalue()
    made = machine.open(path)
    assert failures(made) == []
    asked = machine.github.asked
    assert len(asked) == len(set(asked)) <= 3 - needs_films  # the films come in one
    assert set(asked) <= {machine.wheel, machine.bundle}
    of = {cell.id: cell for cell in made.cells}
    for cell in nbformat.read(path, as_version=4).cells:
        free = "nbval-ignore-output" in cell.metadata.get("tags", [])
        if cell.cell_type == "code" and cell.id in of and not free:
            assert printed(of[cell.id]) == printed(cell), cell.id
    left = {p.name for p in (machine.folder / "empty").iterdir()}
    assert left == {path.name}


@pytest.mark.kernel
def test_an_installation_that_fails_is_one_sentence(machine):
    machine.github.files = {}
    made = machine.open(INTRO)
    (said,) = failures(made)
    assert said.startswith("Nothing below can run, because the book's package could")
    assert "404" in said
    assert "\x1b" not in said
    assert "\n" not in said
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in code[1:])


@pytest.mark.slow
def test_results_that_cannot_be_fetched_are_one_sentence(machine):
    made = machine.open(ROOT / "book/reference/evidence.ipynb")
    (said,) = failures(made)
    last = re.sub(r"\x1b\[[\d;]*m", "", said).strip().splitlines()[-1]
    assert last.startswith("DisrecError: the stored results were found neither near")
    assert last.endswith("or clone the repository.")
    assert json.dumps(machine.github.asked).count("results-") == 1
