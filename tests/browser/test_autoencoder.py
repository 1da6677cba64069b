"""The autoencoder lab as a person uses it: recorded results, a short run, a click on the cloud, a slider."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to
from tests.browser.test_padding import await_state, main_button

LINK = "dataset=digits&latent=6&hidden=16&unlabelled=200&epochs=1&probe_epochs=2&seeds=1&first_seed=7"
NAMES = "chart => (chart?.data ?? []).filter(one => one.meta?.role === 'mean').map(one => one.name)"
POINT = """() => {
  const chart = document.querySelector('.st-key-cloud-digits .surface');
  const trace = chart.data[2], at = [trace.x[3], trace.y[3]];
  const { xaxis, yaxis } = chart._fullLayout;
  const box = chart.getBoundingClientRect();
  const [x, y] = [box.left + xaxis._offset + xaxis.l2p(at[0]), box.top + yaxis._offset + yaxis.l2p(at[1])];
  return { x, y, sample: trace.customdata[3] };
}"""
DECODED = "document.querySelector('.st-key-decoded .surface')?.data?.[0]?.source"


def test_the_first_paint_holds_every_kind_and_size(visit: Visit, server: str) -> None:
    page = visit(f"{server}/autoencoder", wait_for=".layerlab-plot .main-svg")
    come_to(page, "[class*=st-key-sizes-probe]")
    chart = "document.querySelector('[class*=st-key-sizes-probe] .surface')"
    page.wait_for_function(f"() => ({NAMES})({chart}).join() === 'vanilla,denoising,masked'")
    assert page.evaluate(f"{chart}.data.find(one => one.meta?.role === 'expected').x.length") == 15
    page.locator(".stMarkdownBadge").first.scroll_into_view_if_needed()
    expect(page.locator(".stMarkdownBadge")).to_have_count(8, timeout=PATIENCE_MS)


def test_a_click_on_the_cloud_shows_its_picture_and_a_slider_decodes(visit: Visit, server: str) -> None:
    page = visit(f"{server}/autoencoder?{LINK}", wait_for=".layerlab-plot .main-svg")
    main_button(page).click()
    await_state(page, "Finished")
    come_to(page, ".st-key-cloud-digits")
    page.wait_for_function("() => document.querySelector('.st-key-cloud-digits .surface')?.data?.length === 11")
    at = page.evaluate(POINT)
    page.mouse.move(at["x"], at["y"])
    page.mouse.click(at["x"], at["y"])
    number = page.get_by_label("Test sample, or click a point")
    expect(number).not_to_have_value("0", timeout=PATIENCE_MS)
    come_to(page, ".st-key-decoded")
    page.wait_for_function(f"() => {DECODED}")
    before = page.evaluate(DECODED)
    slider = page.get_by_role("slider", name=re.compile("^Number 1"))
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_function(f"before => {DECODED} !== before", arg=before)
