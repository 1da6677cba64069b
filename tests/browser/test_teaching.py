"""The tools that labs share, as a person uses them: one knob changed, moments scrubbed, guesses, claims."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to
from tests.browser.test_padding import address, await_state, button, lab, main_button, run, stop

NAMES = "chart => chart.data.filter(one => one.meta?.role === 'mean').map(one => one.name)"
MOMENT = "[class*=st-key-padding-maps][class*=step-slider]:visible"
MAPS = "JSON.stringify(document.querySelector('.st-key-feature-maps .surface').data)"


def maps(page: Page) -> str:
    """What the feature maps show, as data."""
    return str(page.evaluate(MAPS))


def test_one_knob_is_changed_and_both_train_on_the_same_axes(visit: Visit, server: str) -> None:
    page = lab(visit, server, "conv=valid&epochs=200&seeds=1&first_seed=71")
    first = run(page)
    page.get_by_role("button", name="Change one knob").click()
    page.get_by_role("dialog").or_(page.get_by_test_id("stPopoverBody")).get_by_role(
        "combobox", name=re.compile("Convolution type")
    ).last.click()
    page.get_by_role("option", name="sconv: 1 of zeros").click()
    page.get_by_role("button", name="Train B").click()
    page.wait_for_url(lambda url: f"baseline={first}" in url and "conv=sconv" in url)
    expect(page.get_by_text("Convolution type: valid: none → sconv: 1 of zeros").first).to_be_visible(
        timeout=PATIENCE_MS
    )
    chart = "document.querySelector('[class*=st-key-padding-Cross-entropy] .surface')"
    names = f"({NAMES})({chart})"
    come_to(page, "[class*=st-key-padding-Cross-entropy]")
    page.wait_for_function(
        f"() => {chart} && ['training loss, A', 'training loss, B'].every(one => {names}.includes(one))"
    )
    second = address(page)
    assert second["run"] != first and second["first_seed"] == "71" and second["conv"] == "sconv"
    stop(page)
    expect(page.get_by_text(re.compile("^A still train"))).to_be_visible(timeout=PATIENCE_MS)
    button(page, "Unpin A").click()
    page.wait_for_url(re.compile(r"^((?!baseline=).)*$"))
    page.get_by_role("button", name=re.compile(r"^Also running: .*Show it")).click()
    page.wait_for_url(f"**run={first}**")
    stop(page)


def test_moments_of_a_training_are_scrubbed_without_training(visit: Visit, server: str) -> None:
    page = lab(visit, server, "conv=valid&epochs=3&seeds=1&first_seed=81")
    name = run(page)
    await_state(page, "Finished")
    slider = page.locator(MOMENT).get_by_role("slider")
    expect(slider).to_be_visible(timeout=PATIENCE_MS)
    thumb = page.locator(MOMENT).get_by_test_id("stSliderThumbValue")
    expect(thumb).to_have_text("end", timeout=PATIENCE_MS)
    come_to(page, ".st-key-feature-maps")
    at_the_end = maps(page)
    slider.focus()
    page.keyboard.press("Home")
    expect(thumb).to_have_text("epoch 0", timeout=PATIENCE_MS)
    page.wait_for_function(f"before => ({MAPS}) !== before", arg=at_the_end)
    page.locator("[class*=st-key-padding-maps-play]").get_by_role("button").first.click()
    expect(thumb).to_have_text("end", timeout=PATIENCE_MS)  # it plays to the end by itself
    page.wait_for_function(f"before => ({MAPS}) === before", arg=at_the_end)
    assert address(page)["run"] == name


def test_a_guess_is_held_against_the_outcome(visit: Visit, server: str) -> None:
    page = lab(visit, server, "conv=valid&epochs=2&seeds=1&first_seed=91&weight_decay=0.0001")
    page.get_by_text("Predict before you look").click()
    page.get_by_text("nearly always: it reads the colours").click()
    page.get_by_role("button", name="Commit this guess").first.click()
    expect(page.get_by_text("The outcome is shown here once the run has ended.")).to_be_visible(timeout=PATIENCE_MS)
    main_button(page).click()
    await_state(page, "Finished")
    expect(page.get_by_text(re.compile("It turned out otherwise|Your guess holds"))).to_be_visible(timeout=PATIENCE_MS)


def test_claims_are_decided_on_the_recorded_results(visit: Visit, server: str) -> None:
    page = lab(visit, server, "conv=fconv")
    verdicts = page.locator(".stMarkdownBadge")  # the icon's name comes first
    expect(verdicts.filter(has_text="contradicted")).to_have_count(5, timeout=PATIENCE_MS)
    expect(verdicts.filter(has_text="supported")).to_have_count(1)
