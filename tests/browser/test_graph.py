"""The graph lab as a person uses it: a short run, the graph, a click on a node, its moments."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to
from tests.browser.test_padding import await_state, main_button

LINK = "graph=karate&model=gat&epochs=15&seeds=1&first_seed=7"
CHART = "document.querySelector('.st-key-graph-picture .surface')"
NODES = f"{CHART}?.data?.find((trace) => trace.name === 'nodes')"
PLACE = f"""() => {{
  const chart = {CHART}, {{ xaxis, yaxis }} = chart._fullLayout, box = chart.getBoundingClientRect(), nodes = {NODES};
  const x = xaxis._offset + xaxis.l2p(nodes.x[33]), y = yaxis._offset + yaxis.l2p(nodes.y[33]);
  return {{ x: box.left + x, y: box.top + y }};
}}"""


def test_a_click_on_a_node_writes_its_sum(visit: Visit, server: str) -> None:
    page = visit(f"{server}/graph?{LINK}", wait_for=".layerlab-plot .main-svg")
    main_button(page).click()
    await_state(page, "Finished")
    come_to(page, ".st-key-graph-picture")
    page.wait_for_function(f"() => {NODES}?.x?.length === 34")
    expect(page.get_by_text(re.compile("^Node 0 says"))).to_be_visible(timeout=PATIENCE_MS)
    at = page.evaluate(PLACE)
    page.mouse.move(at["x"], at["y"])
    page.mouse.click(at["x"], at["y"])
    expect(page.get_by_text(re.compile("^Node 33 says"))).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile(r"weighs α, a softmax over them; they sum to 1\.0000"))).to_be_visible()
    expect(page.get_by_role("spinbutton", name=re.compile("or click one"))).to_have_value("33")
    expect(page.get_by_role("slider", name="Moment of training").first).to_be_visible()
