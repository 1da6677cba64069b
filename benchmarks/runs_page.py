"""The Runs page with thousands of stored runs, in a real Chromium: seconds to open it, and to redraw 20 curves.

    python -m benchmarks.runs_page [--runs 5000] [--rounds 7]

"Open" is from a click in the navigation until the script has run and the list is drawn; "script" is the page's script
alone. "Redraw" is from a click on another metric until 20 runs of 50 epochs are drawn with it.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from streamlit.testing.v1 import AppTest

from benchmarks.browser import IDLE
from core import catalog
from core.engine.library import Library
from core.engine.records import SeedEvent
from core.engine.store import Store
from core.events import Metrics
from tests.browser.conftest import FLAGS, ROOT, serving
from tests.chromium import find

MARK = "twenty"  # stands in the notes of the runs to overlay
OVERLAID, EPOCHS = 20, 50
METRICS = ("validation accuracy", "test accuracy", "validation loss", "training loss", "swapped-location accuracy")
LIST_DRAWN = "!!document.querySelector('[data-testid=\"stDataFrame\"] canvas')"
REDRAWN = """
async (metric) => {
  const chart = () => [...document.querySelectorAll('.js-plotly-plot')].pop();
  const title = () => chart()?._fullLayout?.yaxis?.title?.text ?? '';
  const option = [...document.querySelectorAll('[role="option"]')].find(one => one.innerText.trim() === metric);
  const start = performance.now();
  option.click();
  while (!title().toLowerCase().startsWith(metric)) await new Promise(requestAnimationFrame);
  return (performance.now() - start) / 1000;
}
"""


def main() -> None:
    """Print medians over the rounds, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fill(home, options.runs)
        with serving(ROOT / "app.py", home) as url, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=find(), args=FLAGS)
            page = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True).new_page()
            figures = {"open": opened(page, url, options.rounds), "redraw": redrawn(page, options.rounds)}
            browser.close()
        figures["script"] = scripted(home, options.rounds)
    for name, seconds in figures.items():
        rounds = " ".join(f"{one:.3f}" for one in seconds)
        print(f"{name:<8} median {statistics.median(seconds):.3f} s  ({rounds})")


def fill(home: Path, count: int) -> None:
    """A home with finished padding runs of two seeds: short ones, and those that are overlaid."""
    store = Store(home)
    library = Library(store)
    experiment = catalog.get("padding")
    choices = experiment.config.knob("conv").choices
    for number in range(count):
        overlaid = number >= count - OVERLAID
        config = experiment.config(conv=choices[number % len(choices)], epochs=1 + number % 200)
        run = store.create_run(
            experiment=experiment.key,
            version=experiment.version,
            identity=f"identity {number}",
            config=config.model_dump(),
            seeds=(0, 1),
            reuse={},
            owner="the benchmark",
            device="cpu",
            device_name="CPU",
            versions={},
        )
        for seed, training in run.trainings.items():
            store.append(training, curve(EPOCHS if overlaid else 3, number + seed))
            store.finish_training(training, "finished", 1.0, None)
        store.set_run(run.id, "finished")
        if overlaid:
            library.note(run.id, MARK, "the benchmark")
    store.close()


def curve(epochs: int, phase: int) -> Sequence[SeedEvent]:
    """Events of a training that wobbles."""
    return [
        SeedEvent(epoch, Metrics(epoch + 1, {name: 50 + 40 * math.sin(phase + epoch / 9) for name in METRICS}))
        for epoch in range(epochs)
    ]


def opened(page: Page, url: str, rounds: int) -> list[float]:
    """Seconds from a click on Runs in the navigation until its list is drawn; the first round warms up."""
    page.goto(url)
    page.wait_for_function(IDLE, timeout=120_000)
    seconds = []
    for _ in range(rounds + 1):
        link = page.get_by_role("link", name="Runs", exact=True)
        start = time.perf_counter()
        link.click()
        page.wait_for_function(LIST_DRAWN, polling="raf", timeout=120_000)
        page.wait_for_function(IDLE, polling="raf")
        seconds.append(time.perf_counter() - start)
        if len(seconds) <= rounds:
            page.get_by_role("link", name="Labs", exact=True).click()
            page.wait_for_function(f"() => !({LIST_DRAWN})")
            page.wait_for_function(IDLE)
    return seconds[1:]


def redrawn(page: Page, rounds: int) -> list[float]:
    """Seconds from a click on a metric until all curves are drawn with it; the first round warms up."""
    search = page.get_by_role("textbox", name="Search notes and settings")
    search.fill(MARK)
    search.press("Enter")
    page.get_by_text(f"{OVERLAID} runs, 0 chosen").wait_for()
    page.locator('[data-testid="stDataFrame"] .dvn-scroller').first.click(position={"x": 16, "y": 17})  # ticks all rows
    page.get_by_text(f"{OVERLAID} runs, {OVERLAID} chosen").wait_for()
    page.wait_for_selector(".js-plotly-plot .scatterlayer")
    seconds = []
    for number in range(rounds + 1):
        page.wait_for_function(IDLE)
        page.get_by_role("combobox", name="Metric").click()
        page.wait_for_selector('[role="option"]')
        seconds.append(page.evaluate(REDRAWN, METRICS[(number + 1) % len(METRICS)]))
    return seconds[1:]


def scripted(home: Path, rounds: int) -> list[float]:
    """Seconds that the page's script takes without a browser; the first round warms up."""
    with_home = f"import os\nos.environ['LAYERLAB_HOME'] = {str(home)!r}\n"
    page = (ROOT / "pages" / "runs.py").read_text(encoding="utf-8").replace("from __future__ import annotations\n", "")
    seconds = []
    for _ in range(rounds + 1):
        app = AppTest.from_string(with_home + page, default_timeout=60)
        start = time.perf_counter()
        app.run()
        seconds.append(time.perf_counter() - start)
        assert not app.exception, app.exception
    return seconds[1:]


if __name__ == "__main__":
    main()
