"""Clicks that stream through intentions, in a real browser: the model's own lists."""

import re

import pytest
import torch
from test_explorer_arithmetic import PAGE, scrambled

import disrec_mini as dm
from disrec_mini.explorables import streams

WORLD = dm.synthetic.make_world(20, 12, n_intents=2, items_per_intent=20, chain=20)
MODEL = scrambled(
    n_items=40, n_intents=2, max_len=8, dim=8, n_blocks=1, remedy=True
).half()
MODEL = MODEL.float()  # the weights that the page has
START = [3, 4, 5, 30, 31, 6]
KEYS = {"shirt": 0, "trousers": 20}


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(streams.show(MODEL, WORLD, START))


def ids(names):
    """Item ids of names such as `place 2: trousers 4, from intention 1`."""
    found = [re.search(r"(shirt|trousers) (\d+)", name) for name in names]
    return [KEYS[one[1]] + int(one[2]) for one in found]


def labels(figure, selector):
    return figure.locator(selector).evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label'))"
    )


def scores_of(clicks):
    """(2, M + 1) h_j . phi^(k) / sqrt(D); without clicks phi^(k) = LN5(beta_k)."""
    layer, table = MODEL.intentions, MODEL.encoder.item_embedding.weight
    with torch.no_grad():
        phi, shares = layer.norm_out(layer.beta("past")), torch.zeros(2)
        if clicks:
            read = MODEL.encode(torch.tensor([clicks]), torch.tensor([len(clicks)]))
            phi = read.phi[0]
            shares = (read.cluster[0] * read.weight[0, :, None]).sum(0)
        scores = phi @ table.T / MODEL.config.dim**0.5
    scores[:, [0, *clicks]] = -torch.inf
    return scores, shares


def check(page, clicks, n=0):
    figure = page.locator("figure").nth(n)
    assert ids(labels(figure, ".streams-clicks button")) == clicks
    scores, shares = scores_of(clicks)
    lanes = [scores[k].topk(5).indices.tolist() for k in range(2)]
    best = scores.max(0)
    wanted = best.values.topk(5).indices.tolist()
    if clicks:
        assert wanted == MODEL.recommend(clicks, 5)
    seen = labels(figure, ".streams-list button")
    assert ids(seen) == wanted
    for k in range(2):
        lane = labels(figure, f".streams-lane >> nth={k} >> li")
        assert ids(lane) == lanes[k]
        chosen = [j for j in wanted if best.indices[j] == k]
        assert ids([x for x in lane if "recommended" in x]) == [
            j for j in lanes[k] if j in chosen
        ]
        assert sum(f"from intention {k + 1}" in name for name in seen) == len(chosen)
        said = figure.locator("[role=status]").text_content()
        if not clicks:
            assert said.startswith("Without a click")
            continue
        has, places = re.search(
            rf"ntention {k + 1} has (\d+) % of the weight and (\d) of 5 places", said
        ).groups()
        assert int(places) == len(chosen)
        assert abs(int(has) - 100 * shares[k]) < 1
        assert f"intention {k + 1}: {has} %" in figure.locator("svg").first.inner_html()


def press(page, name, n=0):
    page.locator("figure").nth(n).get_by_role("button", name=name, exact=True).click()


def test_buttons_move_remove_and_add(page):
    check(page, START)
    press(page, "move the chosen click to the left")
    check(page, [3, 4, 5, 30, 6, 31])
    press(page, "remove the chosen click")
    check(page, [3, 4, 5, 30, 31])
    press(page, "add shirt")  # the one after the latest shirt
    press(page, "add trousers")
    check(page, [3, 4, 5, 30, 31, 6, 32])
    press(page, "add shirt")  # there is room for seven
    check(page, [4, 5, 30, 31, 6, 32, 7])
    press(page, "start again")
    check(page, START)
    check(page, START, 1)  # the other on the page heard nothing


def test_none_one_and_the_same_many_times(page):
    for _ in START:
        press(page, "remove the chosen click")
    check(page, [])
    press(page, "remove the chosen click")
    press(page, "move the chosen click to the left")
    check(page, [])
    press(page, "add trousers")
    check(page, [21])
    for _ in range(24):
        press(page, "add trousers")
    check(page, [39, 40, 21, 22, 23, 24, 25])


def test_the_keyboard_alone(page):
    figure = page.locator("figure").first
    figure.locator(".streams-clicks button").nth(5).focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    check(page, [3, 4, 5, 6, 30, 31])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Delete")
    check(page, [3, 4, 6, 30, 31])
    page.keyboard.press("Delete")
    check(page, [3, 4, 30, 31])
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused).startswith("click 3 of 4, trousers 10")
    page.keyboard.press("Tab")
    assert page.evaluate(focused).startswith("place 1")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused).startswith("place 2")
    wanted = MODEL.recommend([3, 4, 30, 31], 2)[1]
    page.keyboard.press("Enter")
    check(page, [3, 4, 30, 31, wanted])


def test_a_click_is_dragged(page):
    buttons = page.locator("figure").first.locator(".streams-clicks button")
    page.wait_for_timeout(600)
    boxes = [buttons.nth(i).bounding_box() for i in (5, 3)]
    (x, y), (to, _) = [(b["x"] + b["width"] / 2, b["y"] + 20) for b in boxes]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move((x + to) / 2, y + 4)
    page.mouse.move(to, y + 4)
    check(page, [3, 4, 5, 6, 30, 31])  # the lists change on the way
    page.mouse.up()
    check(page, [3, 4, 5, 6, 30, 31])


def test_it_fits_fingers_and_comes_to_rest(page):
    buttons = page.locator("figure").first.locator("button")
    sizes = buttons.evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    assert min(min(size) for size in sizes) >= 44
    page.wait_for_timeout(5200)
    running = "document.getAnimations().filter(a => a.playState === 'running').length"
    assert page.evaluate(running) == 0


def test_it_is_still_for_those_who_want_less_motion(browser):
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.set_content(PAGE % streams.show(MODEL, WORLD, START).markup)
    picture = page.locator(".streams-stage").first
    press(page, "move the chosen click to the left")
    before = picture.evaluate("e => e.outerHTML")
    assert page.evaluate("document.getAnimations().length") == 0
    page.wait_for_timeout(300)
    assert picture.evaluate("e => e.outerHTML") == before
    context.close()


@pytest.mark.parametrize(
    ("width", "height", "room"), [(1280, 800, 150), (390, 844, 80)]
)
def test_the_first_screen_of_the_book(browser, address, width, height, room):
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(f"{address}book/intro.html")
    picture = page.locator(".streams-stage")
    box = picture.bounding_box()
    assert box["y"] + box["height"] <= height
    bars = picture.locator(".streams-node")
    widths = bars.evaluate_all("all => all.map(e => e.getBoundingClientRect().width)")
    said = page.locator(".streams-said").text_content()
    shares = [int(x) for x in re.findall(r"(\d+) % of the weight", said)]
    assert max(widths) > room
    assert widths[0] / sum(widths) == pytest.approx(shares[0] / 100, abs=0.01)
    title = page.locator("article h1").bounding_box()
    code = page.locator("article .cell_input, article details.hide")
    assert all(one.bounding_box()["y"] > title["y"] for one in code.all()[:2])
    page.close()
