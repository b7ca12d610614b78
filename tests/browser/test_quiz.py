"""Quizzes of the built pages: answers, score, fingers, and no script at all."""

from collections.abc import Iterator
from typing import Any

import pytest

CHAPTER = "book/07_seq2item.html"


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def quiz(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=request.param
    )
    page = context.new_page()
    page.goto(address + CHAPTER)
    yield page.locator("[data-explorable][aria-label^='Quiz']")
    context.close()


def colour(reply: Any) -> str:
    return str(reply.evaluate("e => getComputedStyle(e.querySelector('b')).color"))


def test_right_and_wrong_differ_in_sign_and_colour(quiz: Any) -> None:
    first = quiz.locator("fieldset").first
    replies = first.locator(".reply")
    assert not any(reply.is_visible() for reply in replies.all())
    signs, colours = {}, {}
    for n, reply in enumerate(replies.all()):
        first.locator("input").nth(n).check()
        assert [it.is_visible() for it in replies.all()].count(True) == 1
        assert reply.is_visible()
        kind = "right" if "right" in reply.get_attribute("class") else "wrong"
        signs[kind] = reply.inner_text()[:1]
        colours[kind] = colour(reply)
    assert signs == {"right": "✓", "wrong": "✗"}
    assert colours["right"] != colours["wrong"]


def test_an_answer_is_large_enough_for_a_finger(quiz: Any) -> None:
    for answer in quiz.locator(".answer").all():
        assert answer.bounding_box()["height"] >= 44
        assert answer.locator("input").bounding_box()["height"] >= 20


@pytest.mark.parametrize("quiz", [True], indirect=True)
def test_the_score_counts_and_says_what_was_right_at_once(quiz: Any) -> None:
    sets = quiz.locator("fieldset")
    n = sets.count()
    sets.nth(0).locator(".reply.wrong").first.evaluate(
        "e => e.previousElementSibling.click()"
    )
    score = quiz.locator(".score")
    assert f"0 of {n} right, 0 at the first try." in score.inner_text()
    for index in range(n):
        right = sets.nth(index).locator(".reply.right")
        right.evaluate("e => e.previousElementSibling.click()")
    assert f"{n} of {n} right, {n - 1} at the first try." in score.inner_text()
    reply = sets.nth(n - 1).locator(".reply.right").inner_text()
    assert reply.removeprefix("✓ Right.").strip() in score.text_content()


def test_two_copies_are_two_quizzes(twice_on_a_phone: Any) -> None:
    from disrec_mini import widgets

    answers = [("yes", True, "Right so."), ("no", False, "Look again.")]
    page = twice_on_a_phone(widgets.quiz([{"question": "Is it?", "answers": answers}]))
    page.get_by_label("yes").nth(0).check()
    page.get_by_label("no").nth(1).check()
    assert page.get_by_label("yes").nth(0).is_checked()
    assert page.locator(".reply:visible").all_inner_texts() == [
        "✓ Right. Right so.",
        "✗ Not quite. Look again.",
    ]
