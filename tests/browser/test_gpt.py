"""The language lab as a person uses it: a short run, a prompt, a click on a character, a strange one."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to
from tests.browser.test_padding import await_state, main_button

LINK = "size=own&layers=1&heads=1&width=16&block=16&batch_size=4&epochs=1&seeds=1&first_seed=7"
CELLS = "document.querySelector('.st-key-gpt-cells-A .surface')"
CELL = f"""() => {{
  const chart = {CELLS}, {{ xaxis, yaxis }} = chart._fullLayout, box = chart.getBoundingClientRect();
  return {{ x: box.left + xaxis._offset + xaxis.l2p(4), y: box.top + yaxis._offset + yaxis.l2p(1) }};
}}"""


def test_a_click_on_a_character_shows_what_it_was_drawn_from(visit: Visit, server: str) -> None:
    page = visit(f"{server}/gpt?{LINK}", wait_for=".layerlab-plot .main-svg")
    main_button(page).click()
    await_state(page, "Finished")
    come_to(page, ".st-key-gpt-cells-A")
    page.wait_for_function(f"() => {CELLS}?.data?.[0]?.z?.length === 4")  # 160 characters in rows of 40
    at = page.evaluate(CELL)
    page.mouse.move(at["x"], at["y"])
    page.mouse.click(at["x"], at["y"])
    chosen = page.get_by_label("Character, or click one below").first
    expect(chosen).to_have_value("45", timeout=PATIENCE_MS)
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("café")
    prompt.press("Enter")
    expect(page.get_by_text(re.compile("has never seen “é”")).first).to_be_visible(timeout=PATIENCE_MS)
