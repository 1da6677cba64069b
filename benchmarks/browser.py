"""What a person feels: warm click to first point, stop, and a page rerun while two runs train. In a real Chromium.

    python -m benchmarks.browser [--rounds 5]

Starts the app on a free port with a home of its own. "First point" is the moment the chart holds a measured point;
"stop" the moment the page says so; "rerun" from a click on a knob until the page says that the script has run; "answer"
the same rerun for a reader whose browser is on another machine, from the request to the last message, nothing drawn.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin

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
# Watched, not asked at every frame: frames asked for are painted, by the same two cores.
CLICK_AND_RERUN = """
(label) => new Promise((resume) => {
  const app = document.querySelector('[data-testid="stApp"]');
  const state = "data-test-script-state";
  const start = performance.now();
  let ran = false;
  new MutationObserver((_, observer) => {
    ran ||= app.getAttribute(state) !== "notRunning";
    if (!ran || app.getAttribute(state) !== "notRunning") return;
    observer.disconnect();
    resume((performance.now() - start) / 1000);
  }).observe(app, { attributes: true, attributeFilter: [state] });
  [...document.querySelectorAll("label")].find((one) => one.innerText.trim() === label).click();
})
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
        train_two(browser, url)
        rerun = rerun_while_training(browser, url, options.rounds)
        answer = answers(url, options.rounds)
        browser.close()
    names = ("warm click to first point", "stop", "rerun, two runs training", "answer, two runs training")
    for name, seconds in zip(names, (first, stop, rerun, answer), strict=True):
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


def train_two(browser: Browser, url: str) -> None:
    """Two runs of other readers, who have left: they go on for two minutes."""
    for conv in ("valid", "fconv"):
        page = open_page(browser, f"{url}/padding?seeds=1&conv={conv}")
        page.evaluate(CLICK_AND_WAIT, ["Run", LIVE_POINT])
        page.context.close()


def rerun_while_training(browser: Browser, url: str, rounds: int) -> list[float]:
    """Seconds until a page is whole again after a knob has moved."""
    page = open_page(browser, f"{url}/padding?seeds=1&conv=sconv")
    seconds = []
    for number in range(rounds):
        seconds.append(page.evaluate(CLICK_AND_RERUN, ("Net2: flatten", "Net1: global max pool")[number % 2]))
        page.wait_for_timeout(500)
    page.context.close()
    return seconds


def answers(url: str, rounds: int) -> list[float]:
    """Seconds from asking for a rerun with another knob until its last message, for a client that draws nothing."""
    seconds = []
    with connect(f"{url.replace('http', 'ws')}/_stcore/stream", origin=Origin(url), max_size=None) as socket:
        for number in range(rounds + 1):  # the first opens the page
            request = BackMsg()
            request.rerun_script.page_name = "padding"
            request.rerun_script.query_string = f"seeds=1&conv=sconv&head={('flatten', 'pool')[number % 2]}"
            start = time.perf_counter()
            socket.send(request.SerializeToString())
            while (message := ForwardMsg.FromString(bytes(socket.recv()))).WhichOneof("type") != "script_finished":
                pass
            if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                raise RuntimeError(f"The page's script ended with {message.script_finished}; open it to see why.")
            seconds.append(time.perf_counter() - start)
            time.sleep(0.5)  # a reader's pause; what follows the run in the background ends meanwhile
    return seconds[1:]


def open_page(browser: Browser, url: str) -> Page:
    """A page in a browser profile of its own, once its script has run."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True).new_page()
    page.goto(url)
    page.wait_for_selector(".st-key-padding-main button", timeout=60_000)
    page.wait_for_function(f"() => document.querySelector('[data-testid=\"stApp\"]') && ({IDLE})()", timeout=60_000)
    return page


if __name__ == "__main__":
    main()
