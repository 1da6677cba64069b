"""The depth lab as a person uses it: recorded results at first sight, a short training, the gradients of its layers."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to

LINK = "layers=8&width=4&train_pictures=100&epochs=2&seeds=1&first_seed=11"
NAMES = "chart => chart.data.filter(one => one.meta?.role === 'mean').map(one => one.name)"


def test_a_small_net_trains_and_shows_the_gradient_norm_of_each_layer(visit: Visit, server: str) -> None:
    page = visit(f"{server}/depth?{LINK}", wait_for=".layerlab-plot .main-svg")
    page.get_by_role("button", name=re.compile(r"^Run\b.*Space")).click()
    expect(page.get_by_test_id("stProgress").get_by_text(re.compile("^Finished ·"))).to_be_visible(timeout=PATIENCE_MS)
    chart = "document.querySelector('.st-key-layer-norms .surface')"
    come_to(page, ".st-key-layer-norms")
    page.wait_for_function(f"() => {chart}?.data?.[0]?.x.length === 8")
    assert page.evaluate(f"{chart}.layout.yaxis.type") == "log"
    come_to(page, ".st-key-depths")
    depths = "document.querySelector('.st-key-depths .surface')"
    page.wait_for_function(f"() => {depths} && ({NAMES})({depths}).includes('plain, test error')")
    come_to(page, ".st-key-signal-gradient")


def test_the_recorded_results_decide_most_claims(visit: Visit, server: str) -> None:
    page = visit(f"{server}/depth", wait_for=".layerlab-plot .main-svg")
    verdicts = page.locator(".stMarkdownBadge")  # the icon's name comes first
    expect(verdicts).to_have_count(6, timeout=PATIENCE_MS)
    expect(verdicts.filter(has_text="supported")).to_have_count(
        3
    )  # plain nets degrade, residual ones do not; batch norm
    expect(verdicts.filter(has_text="contradicted")).to_have_count(
        2
    )  # parameters, and gradients that die in spite of batch norm
