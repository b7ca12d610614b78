"""What belongs to the site as a whole: search, keyboard, theme, buttons."""

from typing import Any

import pytest
from conftest import SITE

TERM = "recommender"


@pytest.fixture
def home(browser: Any, address: str) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address + "book/intro.html")
    yield page
    context.close()


def test_the_first_page_is_the_introduction(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.wait_for_url("**/book/intro.html")
    page.close()


def test_search_finds_a_term_with_a_server(home: Any) -> None:
    home.keyboard.press("Control+k")
    home.keyboard.type(TERM)
    home.keyboard.press("Enter")
    home.wait_for_url("**/search.html?q=*")
    hits = home.locator("#search-results ul.search li")
    hits.first.wait_for()
    hits.locator("a[href*='book/intro.html']").first.wait_for()
    hits.locator("p.context").first.wait_for()


def test_search_finds_a_term_without_a_server(from_file: Any) -> None:
    seen = from_file(f"search.html?q={TERM}")
    assert seen.external() == []
    assert seen.complaints == ()
    seen.page.locator("#search-results a[href*='book/intro.html']").first.click()
    seen.page.wait_for_url("**/book/intro.html*")
    seen.page.context.close()


def test_the_keyboard_alone_is_enough(home: Any) -> None:
    home.keyboard.press("Tab")
    skip = home.locator("#pst-skip-link a")
    assert skip.evaluate("link => link === document.activeElement")
    home.wait_for_function(  # it slides in
        "document.querySelector('#pst-skip-link').getBoundingClientRect().top >= 0"
    )
    unseen = []
    for _ in range(25):
        home.keyboard.press("Tab")
        mark = home.evaluate(
            """() => {
              const at = document.activeElement, style = getComputedStyle(at);
              return style.outlineStyle === "none" ? at.outerHTML.slice(0, 200) : "";
            }"""
        )
        unseen += [mark] if mark else []
    assert unseen == []


def test_skip_link_leads_to_the_text(home: Any) -> None:
    home.keyboard.press("Tab")
    home.keyboard.press("Enter")
    home.wait_for_url("**#main-content")
    home.keyboard.press("Tab")
    assert home.evaluate(
        "() => document.querySelector('main').contains(document.activeElement)"
    )


def test_the_theme_can_be_chosen(home: Any) -> None:
    button = home.locator(".theme-switch-button").first
    seen = set()
    for _ in range(3):
        button.click()
        seen.add(home.evaluate("() => document.documentElement.dataset.theme"))
    assert seen == {"light", "dark"}
    chosen = home.evaluate("() => document.documentElement.dataset.mode")
    home.reload()
    assert home.evaluate("() => document.documentElement.dataset.mode") == chosen


def test_a_dark_system_never_sees_a_light_page(browser: Any, address: str) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.route("**/*.js*", lambda route: None)  # the theme's script never comes
    page.goto(address + "book/intro.html", wait_until="commit")
    page.locator("article h1").first.wait_for()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    context.close()


def test_launch_and_download_buttons(home: Any, site: Any) -> None:
    home.get_by_role("button", name="Launch interactive content").click()
    colab = home.locator(".dropdown-launch-buttons a").first
    assert colab.is_visible()
    href = colab.get_attribute("href")
    assert href.startswith("https://colab.research.google.com/github/")
    assert href.endswith("/book/intro.ipynb")
    home.get_by_role("button", name="Download this page").click()
    with home.expect_download() as download:
        home.locator(".dropdown-download-buttons a").first.click()
    assert download.value.suggested_filename == "intro.ipynb"
    assert (site / "_sources/book/intro.ipynb").exists()


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("NDCG", "book/03_measuring.html#"),
        ("ndcg@10", "book/03_measuring.html#"),
        ("recall@10", "book/03_measuring.html#"),
        ("popularity bias", "book/03_measuring.html#"),
        ("logQ", "book/07_seq2item.html#"),
        ("purity", "book/11_prototype_attention.html#"),
        ("pip install", "book/reference/install.html#"),
        ("how to install", "book/reference/install.html#"),
        ("colab", "book/reference/install.html#"),
    ],
)
def test_search_finds_a_definition_first(
    browser: Any, address: str, query: str, first: str
) -> None:
    page = browser.new_page()
    page.goto(f"{address}search.html?q={query.replace(' ', '+')}")
    hit = page.locator("#search-results ul.search li a").first
    hit.wait_for()
    page.wait_for_function("document.querySelector('.search-summary')?.innerText > ''")
    assert first in page.locator("#search-results ul.search a").first.get_attribute(
        "href"
    )
    hit.click()
    page.wait_for_url("**/book/**")
    anchor = page.evaluate("() => decodeURIComponent(location.hash)")
    assert page.locator(anchor).count() == 1
    page.close()


def test_code_is_not_searched(site: Any) -> None:
    import json

    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("{") : text.rindex(")")])
    chapters = [n for n, it in enumerate(index["docnames"]) if it.startswith("book/0")]
    for word in ("importerror", "matplotlib", "subplot"):
        found = index["terms"].get(word, [])
        found = [found] if isinstance(found, int) else found
        assert not set(found) & set(chapters), word


def test_what_others_ask_a_site_for(site: Any) -> None:
    from xml.etree import ElementTree

    places = ElementTree.parse(site / "sitemap.xml").getroot()
    named = [(place[0].text or "").rpartition("/book/")[2] for place in places]
    pages = [str(it.relative_to(site / "book")) for it in site.glob("book/**/*.html")]
    assert sorted(named) == sorted(pages)
    assert "Sitemap: https://" in (site / "robots.txt").read_text()
    for name in ("index.html", "404.html"):
        text = (site / name).read_text()
        assert '<html lang="en">' in text
        assert "<title>" in text
    card = (site / "_static/card.png").read_bytes()
    assert card[16:24] == (1200).to_bytes(4, "big") + (630).to_bytes(4, "big")
    assert not (site / "_static/webpack-macros.html").exists()
    assert (site / "genindex.html").read_text().count("<li>") > 30


@pytest.mark.parametrize("folder", ["", "book/", "book/reference/"])
def test_a_wrong_address_leads_home(browser: Any, address: str, folder: str) -> None:
    page = browser.new_page()
    body = (SITE / "404.html").read_text()
    page.route(
        "**/nothing*", lambda it: it.fulfill(body=body, content_type="text/html")
    )
    page.goto(f"{address}{folder}nothing.html")
    page.get_by_role("link").click()
    page.wait_for_url("**/book/intro.html")
    page.close()
