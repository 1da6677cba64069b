"""A lesson as a learner meets it: a step is ticked when its run has ended, without a click."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Visit

LESSON = "lesson=padding-shortcut"


def steps_done(page: Page, number: int) -> None:
    expect(page.get_by_text(f"{number} of 7 steps done")).to_be_visible(timeout=PATIENCE_MS)


def guess(page: Page, answer: str) -> None:
    page.get_by_role("radiogroup", name="Your guess").get_by_text(answer).click()


def test_a_step_is_done_when_its_run_ends_and_leaving_keeps_the_run(visit: Visit, server: str) -> None:
    page = visit(
        f"{server}/padding?{LESSON}&conv=valid&epochs=1&seeds=2&first_seed=81", wait_for=".layerlab-plot .main-svg"
    )
    steps_done(page, 0)
    expect(page.get_by_role("radiogroup", name="Head")).to_have_count(0)
    guess(page, "about 50 %")
    steps_done(page, 1)
    page.get_by_role("button", name=re.compile(r"^Run\b.*Space")).click()
    steps_done(page, 2)
    page.wait_for_url("**run=*")
    assert LESSON in page.url
    expect(page.get_by_text("Your guess was about 50 %")).to_be_visible()
    page.reload()
    steps_done(page, 2)
    page.get_by_role("button", name="Leave the lesson").click()
    expect(page.get_by_role("radiogroup", name="Head")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_url(lambda url: LESSON not in url)
    assert "run=" in page.url
    expect(page.get_by_test_id("stProgress").get_by_text("Finished")).to_be_visible()


def test_the_home_page_and_the_lab_lead_to_a_lesson(visit: Visit, server: str) -> None:
    page = visit(server)
    page.get_by_role("link", name="Lesson: Two ways to copy the border").click()
    steps_done(page, 0)
    page.wait_for_url("**conv=replicate**")
    page.get_by_role("button", name="Lessons").click()
    page.get_by_role("link", name="Does validation tell you what it learnt?").click()
    page.wait_for_url("**conv=valid**")
    expect(page.get_by_text("1. Guess what a perfect net knows")).to_be_visible(timeout=PATIENCE_MS)
    assert LESSON in page.url
