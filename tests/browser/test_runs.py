"""The Runs page in a real browser: ticks draw curves, notes stay text, deletion can be undone, a link opens the lab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core import catalog
from core.engine.records import SeedEvent
from core.engine.store import Store
from core.events import Metrics
from tests.browser.conftest import PATIENCE_MS, ROOT, Visit, serving

OWNER = "anna-anna-anna-anna-22"
ATTACK = '<img src=x onerror="window.hurt = 1"> **bold** <script>window.hurt = 1</script>'
ROW_PX = 35


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with three stored runs; yields its address."""
    home = tmp_path_factory.mktemp("runs-home")
    store = Store(home)
    padding = catalog.get("padding")
    for conv in ("valid", "reflect", "fconv"):
        run = store.create_run(
            experiment="padding",
            version=padding.version,
            identity=conv,
            config=padding.config(conv=conv).model_dump(),
            seeds=(0, 1),
            reuse={},
            owner=OWNER,
            device="cpu",
            device_name="CPU",
            versions={"torch": "2"},
        )
        for training in run.trainings.values():
            store.append(training, [SeedEvent(n, Metrics(n + 1, {"validation accuracy": 50.0 + n})) for n in range(5)])
            store.finish_training(training, "finished", 1.0, None)
        store.set_run(run.id, "finished")
    store.close()
    with serving(ROOT / "app.py", Path(home)) as url:
        yield url


@pytest.fixture
def page(runs: str, visit: Visit) -> Page:
    opened = visit(f"{runs}/runs")
    opened.context.add_cookies([{"name": "layerlab_owner", "value": OWNER, "url": runs}])
    opened.reload()
    opened.wait_for_selector('[data-testid="stDataFrame"] canvas')
    return opened


def tick(page: Page, row: int) -> None:
    """Tick a row of the list, counted from 0, once the list stands still."""
    grid = page.locator('[data-testid="stDataFrame"] .dvn-scroller').first
    grid.click(position={"x": 16, "y": ROW_PX * (row + 1) + ROW_PX / 2})


def count(page: Page, sentence: str) -> None:
    expect(page.get_by_text(sentence)).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.parametrize("width", [1280, 390])
def test_ticked_runs_are_drawn_and_nothing_sticks_out(runs: str, visit: Visit, width: int) -> None:
    page = visit(f"{runs}/runs", width=width, wait_for='[data-testid="stDataFrame"] canvas')
    tick(page, 0)
    count(page, "3 runs, 1 chosen.")
    tick(page, 1)
    count(page, "3 runs, 2 chosen.")
    legend = page.locator(".js-plotly-plot .legendtext")
    expect(legend).to_have_text(["fconv", "reflect"], timeout=PATIENCE_MS)
    main = '[data-testid="stMain"]'
    assert (
        page.evaluate(f"() => {{ const m = document.querySelector('{main}'); return m.scrollWidth - m.clientWidth }}")
        <= 0
    )


def test_html_in_a_note_is_text(page: Page) -> None:
    tick(page, 2)
    page.get_by_role("textbox", name="Note", exact=True).fill(ATTACK)
    page.get_by_role("button", name="Save note").click()
    count(page, "The note is saved.")
    page.reload()
    page.wait_for_selector('[data-testid="stDataFrame"] canvas')
    tick(page, 2)
    expect(page.get_by_role("textbox", name="Note", exact=True)).to_have_value(ATTACK, timeout=PATIENCE_MS)
    assert page.evaluate("() => window.hurt") is None
    assert page.locator('img[src="x"]').count() == 0


def test_a_deleted_run_comes_back_with_undo(page: Page) -> None:
    tick(page, 0)
    page.get_by_role("button", name="Delete this run").click()
    count(page, "1 run deleted.")
    count(page, "2 runs, 0 chosen.")
    page.get_by_role("button", name="Undo").click()
    count(page, "3 runs, 1 chosen.")


def test_a_run_opens_in_its_lab_with_its_settings(page: Page) -> None:
    tick(page, 1)
    page.get_by_role("link", name="Open in Padding and location").click()
    page.wait_for_url("**/padding?**", timeout=PATIENCE_MS)
    assert "conv=reflect" in page.url and "seeds=2" in page.url and "run=" in page.url
    expect(page.get_by_text("Finished · 2 of 2 seeds done")).to_be_visible(timeout=PATIENCE_MS)
