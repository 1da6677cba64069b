"""The linear autoencoder's lab as a person uses it: log axes that can be left, a short run, other factors."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to
from tests.browser.test_padding import await_state, main_button

LINK = "latent=3&weight_decay=2&epochs=2&seeds=1&first_seed=7"
ABOVE = "[class*=st-key-linear_autoencoder-Loss-above]"
KIND = f"document.querySelector('{ABOVE} .surface').layout.yaxis.type"


def test_a_run_fills_the_charts_and_another_c_changes_the_loss(visit: Visit, server: str) -> None:
    page = visit(f"{server}/linear_autoencoder?{LINK}", wait_for=".layerlab-plot .main-svg")
    main_button(page).click()
    await_state(page, "Finished")
    come_to(page, ABOVE)
    assert page.evaluate(KIND) == "log"
    log = page.locator(f"{ABOVE} [data-tool=log]")
    expect(log).to_have_attribute("aria-pressed", "true")
    log.click()
    page.wait_for_function(f"{KIND} === 'linear'")
    come_to(page, ".st-key-lengths")
    marks = "document.querySelector('.st-key-lengths .surface').data.map(one => one.y.length)"
    page.wait_for_function(f"() => JSON.stringify({marks}) === '[3,3,3]'")
    come_to(page, ".st-key-kept")
    table = page.get_by_test_id("stTable").filter(has_text="Against the trained pair")
    expect(table.get_by_text("the same")).to_have_count(1, timeout=PATIENCE_MS)  # with λ, of the rotation alone
    before = table.inner_text()
    page.locator("[class*=st-key-linear_autoencoder-c] input").fill("5")
    page.keyboard.press("Enter")
    expect(table).not_to_have_text(before, timeout=PATIENCE_MS)
