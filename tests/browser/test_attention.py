"""The attention lab as a person uses it: a click on a cell, a typed sentence, a knob among the sections, a phone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to

LOWER = "[class*=st-key-attention-scores]"


def test_a_click_on_a_cell_and_a_typed_sentence_change_the_arithmetic(visit: Visit, server: str) -> None:
    page = visit(f"{server}/attention", wait_for=".layerlab-plot .main-svg")
    come_to(page, LOWER)
    code = page.get_by_test_id("stCode").first
    expect(code).to_contain_text("score[1, 0]", timeout=PATIENCE_MS)
    panel = page.locator(f"{LOWER} .draglayer .xy .nsewdrag").bounding_box()
    assert panel
    page.mouse.click(panel["x"] + panel["width"] * 0.5, panel["y"] + panel["height"] * 0.5)
    expect(code).to_contain_text("score[5, 5]", timeout=PATIENCE_MS)
    sentence = page.locator(".st-key-attention-sentence input")
    sentence.fill("a <b>bold</b> claim")
    sentence.press("Enter")
    expect(code).to_contain_text("row 2: claim", timeout=PATIENCE_MS)
    assert "sentence=a+%3Cb%3Ebold" in page.url or "sentence=a%20%3Cb%3Ebold" in page.url
    page.set_viewport_size({"width": 390, "height": 900})
    main = "document.querySelector('[data-testid=stMain]')"
    fits = f"() => {main}.scrollWidth <= {main}.clientWidth"  # a function: the page lets no text be run
    page.wait_for_function(fits, timeout=PATIENCE_MS)  # once the charts have followed
