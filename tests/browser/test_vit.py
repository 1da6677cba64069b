"""The vision transformer lab as a person uses it: a short run, attention maps, a click on a patch."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to
from tests.browser.test_padding import await_state, main_button

LINK = "images_per_class=10&test_pictures=40&depth=2&width=32&heads=2&epochs=1&seeds=1&first_seed=7"
MAPS = "document.querySelector('.st-key-attention-maps .surface')"
PATCH = f"""() => {{
  const chart = {MAPS}, {{ xaxis, yaxis }} = chart._fullLayout, box = chart.getBoundingClientRect();
  return {{ x: box.left + xaxis._offset + xaxis.l2p(12), y: box.top + yaxis._offset + yaxis.l2p(20) }};
}}"""


def test_a_click_on_a_patch_lets_it_ask(visit: Visit, server: str) -> None:
    page = visit(f"{server}/vit?{LINK}", wait_for=".layerlab-plot .main-svg")
    main_button(page).click()
    await_state(page, "Finished")
    come_to(page, ".st-key-attention-maps")
    page.wait_for_function(f"() => {MAPS}?.data?.[0]?.z?.length === 9")  # two layers of four rows, and a gap
    expect(page.get_by_text(re.compile("The net says"))).to_be_visible(timeout=PATIENCE_MS)
    before = page.evaluate(f"{MAPS}.layout.shapes?.length ?? 0")
    at = page.evaluate(PATCH)
    page.mouse.move(at["x"], at["y"])
    page.mouse.click(at["x"], at["y"])
    page.wait_for_function(f"() => {MAPS}?.layout?.shapes?.length === 4")  # outlined on every copy
    assert before == 0
    chosen = page.get_by_role("combobox", name=re.compile("Who asks"))
    expect(chosen).to_have_value("patch in row 3, column 2", timeout=PATIENCE_MS)
