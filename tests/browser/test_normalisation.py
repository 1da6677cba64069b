"""The normalisation lab as a person uses it: another kind lights other cells, a typed tensor survives a reload."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to

TENSOR = "[class*=st-key-averaged-cells]"


def test_a_tensor_is_typed_and_stays(visit: Visit, server: str) -> None:
    page = visit(f"{server}/normalisation?kind=instance", wait_for=".layerlab-plot .main-svg")
    come_to(page, TENSOR)
    expect(page.get_by_text("Instance norm averages 3 of 24 numbers")).to_be_visible(timeout=PATIENCE_MS)
    field = page.get_by_role("textbox", name="Tensor")
    field.fill("1 2 / 3 4; 5 6 / 7 9")
    field.press("Enter")
    expect(page.get_by_text("Instance norm averages 2 of 8 numbers")).to_be_visible(timeout=PATIENCE_MS)
    page.reload()
    expect(page.get_by_text("Instance norm averages 2 of 8 numbers")).to_be_visible(timeout=PATIENCE_MS)
