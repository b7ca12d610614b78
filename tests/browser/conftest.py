"""The built site in a real browser: `make browser` builds it and runs these tests.

Every page is visited twice, over HTTP and from its file; what was seen is kept, and
each test looks at one side of it.
"""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

HERE = Path(__file__).parent
SITE = HERE.parents[1] / "_build" / "html"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
# our own files among those that Sphinx and the theme put beside them
OUR_STATIC = {"book.css", "logo.svg", "favicon.svg"}


def why_not(needs_site: bool) -> str:
    """Why a test cannot run here, or nothing."""
    for module in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed: `make install` installs it"
    if not CHROMIUM:
        return "there is no Chromium (Debian's package: chromium)"
    if needs_site and not (SITE / "index.html").exists():
        return "the site is not built: `make browser` builds it first"
    return ""


def book_pages() -> list[str]:
    """The chapters, as addresses below the site's root."""
    return sorted(str(path.relative_to(SITE)) for path in SITE.glob("book/**/*.html"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs the built site and Chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            fixtures = getattr(item, "fixturenames", ())
            if "visit" in fixtures:  # one process opens a page for all its tests
                page = item.callspec.params["visit"]
                item.add_marker(pytest.mark.xdist_group(page))
            if reason := why_not(bool({"address", "site"} & set(fixtures))):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "visit" in metafunc.fixturenames:
        # without a site one test stands for all, skipped for the reason above
        pages = book_pages() or ["book"]
        metafunc.parametrize("visit", pages, indirect=True, scope="session")


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, *args: Any) -> None:
        """A browser that leaves a page hangs up in the middle of an answer."""


@pytest.fixture(scope="session")
def site() -> Path:
    return SITE


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The site, served on a free port."""
    handler = partial(QuietHandler, directory=str(SITE))
    with QuietServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def twice_on_a_phone(browser: Any) -> Iterator[Callable[[Any], Any]]:
    """Shows an explorable twice on a phone's page; at the end the page still fits."""
    from test_explorer_arithmetic import PAGE

    page = browser.new_page(viewport={"width": 390, "height": 900})

    def show(shown: Any) -> Any:
        page.set_content(PAGE % (shown.markup * 2))
        return page

    yield show
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert width <= 390
    assert len(ids) == len(set(ids))


@dataclass
class Visit:
    """One page: what it asked for, what it complained about, and the page itself."""

    name: str
    page: Any
    requests: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    paint: float = 0.0  # seconds until something is read
    usable: float = 0.0  # seconds until every script but MathJax has run

    def external(self) -> list[str]:
        """Requests that left the site."""
        home = urlsplit(self.page.url)[:2]
        return [
            url
            for url in self.requests
            if not url.startswith(("data:", "blob:")) and urlsplit(url)[:2] != home
        ]

    def sizes(self) -> dict[str, int]:
        """Bytes of the page's files: ours, the theme's, MathJax's."""
        sizes = {"ours": 0, "theme": 0, "mathjax": 0}
        for url in {url for url in self.requests if url.startswith("http")}:
            path = SITE / urlsplit(url).path.lstrip("/")
            kind = "ours"
            if "_static" in path.parts and path.name not in OUR_STATIC:
                kind = "mathjax" if "mathjax" in path.parts else "theme"
            sizes[kind] += path.stat().st_size
        return sizes


def open_page(browser: Any, url: str, name: str) -> Visit:
    """Open an address with an empty cache and wait until the page is at rest."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light"
    )
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda it: complaints.append(f"failed: {it.url}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("console", lambda it: it.type == "error" and complaints.append(it.text))
    page.goto(url)
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.wait_for_load_state("networkidle")
    times = page.evaluate(
        """() => [
          performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000,
          performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd / 1000,
        ]"""
    )
    return Visit(name, page, tuple(requests), tuple(complaints), *times)


@pytest.fixture(scope="session")
def from_file(browser: Any, site: Path) -> Callable[[str], Visit]:
    """A page as somebody sees it who has only the folder."""
    return lambda name: open_page(browser, site.as_uri() + "/" + name, name)


PAGES: dict[str, str] = {}  # page -> what it weighs


@pytest.fixture(scope="session")
def visit(
    request: pytest.FixtureRequest, browser: Any, address: str
) -> Iterator[Visit]:
    """A page over HTTP, opened once for all tests."""
    seen = open_page(browser, address + request.param, request.param)
    kilobytes = "".join(f"{size / 1000:7.0f}" for size in seen.sizes().values())
    PAGES[request.param] = (
        f"{request.param:40} {kilobytes} {len(seen.requests):5} "
        f"{seen.paint:6.2f} painted {seen.usable:6.2f} usable"
    )
    yield seen
    seen.page.context.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several hands what it has seen to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["pages"] = PAGES


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    PAGES.update(getattr(node, "workeroutput", {}).get("pages", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if PAGES:
        terminalreporter.section("pages: kB of ours, theme, MathJax; requests; seconds")
        for name in sorted(PAGES):
            terminalreporter.write_line(PAGES[name])
