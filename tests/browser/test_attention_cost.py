"""The cost lab as a person uses it: a short measurement puts two lines on log axes and says what it found."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to
from tests.browser.test_padding import await_state, main_button

LINK = "lengths=128,256,512&seeds=1&first_seed=7"
TIMES = "document.querySelector('.st-key-Time-of-a-call .surface')"
MEANS = "chart.data?.filter(one => one.meta?.role === 'mean').map(one => one.x.length) ?? []"


def test_a_run_draws_both_lines_and_says_how_they_grow(visit: Visit, server: str) -> None:
    page = visit(f"{server}/attention_cost?{LINK}", wait_for=".layerlab-plot .main-svg")
    main_button(page).click()
    await_state(page, "Finished")
    come_to(page, ".st-key-Time-of-a-call")
    page.wait_for_function(f"() => {{ const chart = {TIMES}; return chart && String({MEANS}) === '3,3'; }}")
    expect(page.get_by_text(re.compile(r"time grows as (n\^\(|no power of n here)")).first).to_be_visible(
        timeout=PATIENCE_MS
    )
    where = page.get_by_text(re.compile("Measured: trained on this machine")).first
    expect(where).to_be_visible(timeout=PATIENCE_MS)
