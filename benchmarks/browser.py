"""What a person feels: warm click to first point, stop, and a page rerun while two runs train. In a real Chromium.

    python -m benchmarks.browser [--rounds 5]

Starts the app on a free port with a home of its own. "First point" is the moment the chart holds a measured point;
"stop" the moment the page says so; "rerun" from a click on a knob until the script has run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import FLAGS, ROOT, serving
from tests.chromium import find

IDLE = "() => document.querySelector('[data-testid=\"stApp\"]').getAttribute('data-test-script-state') === 'notRunning'"
CLICK_AND_WAIT = """
async ([button, until]) => {
  const done = new Function('return ' + until);
  const start = performance.now();
  [...document.querySelectorAll('button')].find(one => one.innerText.split('\\n').includes(button)).click();
  while (!done()) await new Promise((resume) => setTimeout(resume, 15)); // a busier probe would load the machine itself
  return (performance.now() - start) / 1000;
}
"""
LIVE_POINT = (
    "(document.querySelector('[class*=st-key-padding-Accuracy] .js-plotly-plot')?.data || []).some(trace => "
    "trace.name === 'validation accuracy' && trace.x && trace.x.length > 0)"
)
SAYS = "document.querySelector('[data-testid=stProgress]')?.textContent.includes('{}')"


def main() -> None:
    """Print medians over the rounds, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, serving(ROOT / "app.py", Path(home)) as url, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find(), args=FLAGS)
        first, stop = click_to_point_and_stop(browser, url, options.rounds)
        rerun = rerun_while_training(browser, url, options.rounds)
        browser.close()
    for name, seconds in (("warm click to first point", first), ("stop", stop), ("rerun, two runs training", rerun)):
        print(
            f"{name:<28} median {statistics.median(seconds):.2f} s  (" + " ".join(f"{one:.2f}" for one in seconds) + ")"
        )


def click_to_point_and_stop(browser: Browser, url: str, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds from Run to the first point, and from Stop to the word; the first round warms up and is left out."""
    page = open_page(browser, f"{url}/padding?seeds=1")
    first, stop = [], []
    for _ in range(rounds + 1):
        first.append(page.evaluate(CLICK_AND_WAIT, ["Run", LIVE_POINT]))
        page.wait_for_timeout(2500)
        stop.append(page.evaluate(CLICK_AND_WAIT, ["Stop", SAYS.format("Stopped")]))
        page.evaluate(CLICK_AND_WAIT, ["Reset", f"!({LIVE_POINT})"])
        page.wait_for_function(IDLE)
    page.context.close()
    return first[1:], stop[1:]


def rerun_while_training(browser: Browser, url: str, rounds: int) -> list[float]:
    """Seconds that a script run takes after a knob has moved, while two runs of other readers train."""
    others = [open_page(browser, f"{url}/padding?seeds=1&conv={conv}") for conv in ("valid", "fconv")]
    for other in others:
        other.evaluate(CLICK_AND_WAIT, ["Run", LIVE_POINT])
        other.context.close()  # the run goes on for two minutes; the other reader's browser is not on this machine
    page = open_page(browser, f"{url}/padding?seeds=1&conv=sconv")
    seconds = []
    for number in range(rounds):
        label = ("Net2: flatten", "Net1: global max pool")[number % 2]
        page.get_by_text(label, exact=True).first.click()  # the knob; the table below repeats the words
        start = page.evaluate("() => performance.now()")
        page.wait_for_function("() => !(" + IDLE[6:] + ")", polling="raf", timeout=2000)
        page.wait_for_function(IDLE, polling="raf")
        seconds.append((page.evaluate("() => performance.now()") - start) / 1000)
    page.context.close()
    return seconds


def open_page(browser: Browser, url: str) -> Page:
    """A page in a browser profile of its own, once its script has run."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True).new_page()
    page.goto(url)
    page.wait_for_selector(".st-key-padding-main button", timeout=60_000)
    page.wait_for_function(f"() => document.querySelector('[data-testid=\"stApp\"]') && ({IDLE})()", timeout=60_000)
    return page


if __name__ == "__main__":
    main()
