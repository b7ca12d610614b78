"""Two models side by side in a real browser: the lists are those of the models."""

import pytest
from test_explorer_arithmetic import scrambled

import disrec_mini as dm

WORLD = dm.synthetic.shirts_and_trousers(n_users=20, seed=0)
MODELS = {
    name: scrambled(seed, n_items=40, n_intents=2, max_len=12, dim=8)
    for seed, name in enumerate(("one", "two"))
}
START = [3, 4, 25]


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(dm.explorer.side_by_side(MODELS, WORLD, START))


def check(page, clicks):
    figure = page.locator("figure").first
    for m, model in enumerate(MODELS.values()):
        seen = figure.locator("section").nth(m).locator("li").all_text_contents()
        wanted = model.recommend(clicks, 10, exclude_seen=False)
        assert seen == [WORLD.interactions.item_names[j] for j in wanted]


def test_adding_and_removing_clicks(page):
    figure = page.locator("figure").first
    check(page, START)
    figure.locator("select").nth(1).select_option("6")  # trousers 7
    figure.get_by_role("button", name="add the chosen item of trousers").click()
    check(page, [*START, 27])
    figure.get_by_role("button", name="remove click 1, shirt 3").click()
    check(page, [4, 25, 27])
    figure.get_by_role("button", name="remove all").click()
    assert figure.locator("p[role=status]").text_content() == "Add a click."
    figure.locator("select").nth(0).select_option("0")
    figure.get_by_role("button", name="add the chosen item of shirts").click()
    check(page, [1])
    figure.get_by_role("button", name="start again").click()
    check(page, START)


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_the_focus_stays_in_the_row_of_clicks(page):
    figure = page.locator("figure").first
    figure.get_by_role("button", name="remove click 2, shirt 4").press("Enter")
    assert focused(page) == "remove click 2, trousers 5"
    page.keyboard.press("Enter")
    assert focused(page) == "remove click 1, shirt 3"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"


def test_only_the_latest_clicks_are_read_and_the_page_says_so(page):
    figure = page.locator("figure").first
    status, add = figure.locator("p[role=status]"), "add the chosen item of shirts"
    clicks = [*START, *[1] * 9]  # twelve: as many as the models read
    for _ in range(9):
        figure.get_by_role("button", name=add).click()
    assert figure.get_by_text("too long ago").count() == 0
    assert "Only" not in status.text_content()
    figure.get_by_role("button", name=add).click()
    check(page, [*clicks, 1][-12:])
    assert figure.get_by_text("too long ago").count() == 1
    assert status.text_content().endswith("Only the last 12 clicks are read.")


def test_what_is_said_agrees_with_the_lists_and_names_them(page):
    figure = page.locator("figure").first
    said = []
    for name, model in MODELS.items():
        found = model.recommend(START, 10, exclude_seen=False)
        shirts = sum(j <= 20 for j in found)
        said.append(f"{name}: shirts {shirts}, trousers {10 - shirts}.")
        assert figure.get_by_role("region", name=name).count() == 1
    assert figure.locator("p[role=status]").text_content() == " ".join(said)
    assert figure.locator("h1, h2, h3, h4, h5, h6").count() == 0


def test_each_of_two_knows_only_itself(page):
    page.locator("figure").first.get_by_role("button", name="remove all").click()
    assert page.locator("figure").last.locator("section").count() == 2
