"""The gradients lab as a person uses it: the way back step by step, then a short training with a cut gradient."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to

GRAPH = "document.querySelector('.st-key-gradients-graph .surface')"
LINK = "lag=3&window=1&width=4&batch_size=8&epochs=1&seeds=1&first_seed=11"


def test_next_colours_the_edges_and_writes_the_formula(visit: Visit, server: str) -> None:
    page = visit(f"{server}/gradients", wait_for=".layerlab-plot .main-svg")
    come_to(page, ".st-key-gradients-graph")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_test_id("stCode").filter(has_text="∇y3 L = 2(y3 − z3)")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_function(f"() => {GRAPH}?.data?.[1]?.x.length === 6", timeout=PATIENCE_MS)


def test_a_cut_net_trains_and_shows_how_far_back_its_gradient_reaches(visit: Visit, server: str) -> None:
    page = visit(f"{server}/bptt?{LINK}", wait_for=".layerlab-plot .main-svg")
    page.get_by_role("button", name=re.compile(r"^Run\b.*Space")).click()
    expect(page.get_by_test_id("stProgress").get_by_text(re.compile("^Finished ·"))).to_be_visible(timeout=PATIENCE_MS)
    come_to(page, ".st-key-reach")
    page.wait_for_function("() => document.querySelector('.st-key-reach .surface')?.data?.[1]?.x.length === 4")
