"""The geometry lab as a person uses it: a typed ε moves its lines, impossible settings are said, a phone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit


def test_a_typed_knob_moves_the_chart_and_what_cannot_be_is_said(visit: Visit, server: str) -> None:
    page = visit(f"{server}/geometry", wait_for=".layerlab-plot .main-svg")
    epsilon = page.locator(".st-key-geometry-epsilon input")
    epsilon.fill("0.2")
    epsilon.press("Enter")
    expect(page.get_by_text("This M misses ε")).to_be_visible(timeout=PATIENCE_MS)
    chart = "document.querySelector('.st-key-geometry-distortions .surface')"
    page.wait_for_function(f"() => {chart}?.data?.some(one => one.name === '1 ± ε' && one.x[0] === 0.8)")
    k = page.locator(".st-key-geometry-k input")
    k.fill("2000")
    k.press("Enter")
    expect(page.get_by_text("does not reduce anything").first).to_be_visible(timeout=PATIENCE_MS)
    k.fill("200")
    k.press("Enter")
    expect(page.get_by_text("k chosen: 200")).to_be_visible(timeout=PATIENCE_MS)
    assert "epsilon=0.2" in page.url and "k=200" in page.url
    page.set_viewport_size({"width": 390, "height": 900})
    main = "document.querySelector('[data-testid=stMain]')"
    fits = f"() => {main}.scrollWidth <= {main}.clientWidth"  # a function: the page lets no text be run
    page.wait_for_function(fits, timeout=PATIENCE_MS)
