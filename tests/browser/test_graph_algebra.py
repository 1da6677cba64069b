"""The graph algebra lab as a person uses it: an edge drawn by two clicks, steps, a reload, a phone."""

from __future__ import annotations

import math
import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to

DRAWING = "[class*=st-key-graph-algebra-drawing]"
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
REACH = 1.25  # of the axes; the nodes stand on a circle of radius 1


def click_node(page: Page, number: int, count: int) -> None:
    box = page.locator(f"{DRAWING} .draglayer .xy .nsewdrag").bounding_box()
    assert box
    angle, unit = math.pi / 2 - 2 * math.pi * (number - 1) / count, min(box["width"], box["height"]) / 2 / REACH
    x, y = box["x"] + box["width"] / 2 + unit * math.cos(angle), box["y"] + box["height"] / 2 - unit * math.sin(angle)
    page.mouse.click(x, y)


def test_two_clicks_draw_an_edge_that_survives_a_reload_and_steps_write_numbers(visit: Visit, server: str) -> None:
    page = visit(f"{server}/graph_algebra", wait_for=".layerlab-plot .main-svg")
    come_to(page, DRAWING)
    chosen = page.get_by_role("combobox", name="Chosen node")
    page.wait_for_selector(IDLE)
    click_node(page, 1, 5)
    expect(chosen).to_have_value("1", timeout=PATIENCE_MS)
    click_node(page, 4, 5)  # at once: the drawing is just being redrawn, and Plotly still looks at node 1
    expect(page.get_by_text("6 edges")).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile(r"edges=1-2(\+|%20)1-3(\+|%20)1-4(\+|%20)1-5(\+|%20)2-3(\+|%20)3-4"))
    page.reload()
    expect(page.get_by_text("6 edges")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Next").first.click()
    expect(page.get_by_test_id("stCode").filter(has_text="F1 = d1·x1")).to_be_visible(timeout=PATIENCE_MS)
    page.set_viewport_size({"width": 390, "height": 900})
    main = "document.querySelector('[data-testid=stMain]')"
    page.wait_for_function(f"() => {main}.scrollWidth <= {main}.clientWidth", timeout=PATIENCE_MS)
