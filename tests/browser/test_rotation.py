"""The rotation lab as a person uses it: a short run fills the curve, and the slider asks the net without training."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to
from tests.browser.test_padding import await_state, main_button

LINK = "train_pictures=64&test_pictures=24&epochs=1&seeds=1&first_seed=7"
CURVE = "document.querySelector('.st-key-angles .surface')"
ANGLES = "chart => chart.data?.find(one => one.meta?.role === 'mean')?.x.length ?? 0"
SHOWN = "JSON.stringify(document.querySelector('.st-key-turned-pictures .surface').data.map(one => one.source))"


def test_a_run_fills_the_curve_and_the_slider_turns_the_pictures(visit: Visit, server: str) -> None:
    page = visit(f"{server}/rotation?{LINK}", wait_for=".layerlab-plot .main-svg")
    main_button(page).click()
    await_state(page, "Finished")
    come_to(page, ".st-key-angles")
    page.wait_for_function(f"() => {CURVE} && ({ANGLES})({CURVE}) === 73")  # every 5°, and 360°
    slider = page.locator("[class*=st-key-rotation-angle]").get_by_role("slider")
    expect(slider).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile("right of 24 of 24 test pictures"))).to_be_visible(timeout=PATIENCE_MS)
    come_to(page, ".st-key-turned-pictures")
    before, run = page.evaluate(SHOWN), page.url
    slider.focus()
    page.keyboard.press("Home")  # upright
    page.wait_for_function(f"before => {SHOWN} !== before", arg=before)
    page.wait_for_url(re.compile("test_angle=0&"))  # a reload finds it there
    assert "run=" in run and re.findall("run=[0-9a-f]+", page.url) == re.findall("run=[0-9a-f]+", run)
