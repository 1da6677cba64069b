"""What a person feels: warm click to first point, stop, and a page rerun while two runs train. In a real Chromium.

    python -m benchmarks.browser [--rounds 5]

Starts the app on a free port with a home of its own. "First point" is the moment the chart holds a measured point;
"stop" the moment the page says so; "rerun" from a click on a knob until the page says that the script has run; "answer"
the part of it between the page's request and the script's last message, by the browser's network clock.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

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
        rerun, answer = rerun_while_training(browser, url, options.rounds)
        browser.close()
    names = ("warm click to first point", "stop", "rerun, two runs training", "of it, the answer")
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


def rerun_while_training(browser: Browser, url: str, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds until a page is whole again after a knob has moved, and until it was answered; two other runs train."""
    others = [open_page(browser, f"{url}/padding?seeds=1&conv={conv}") for conv in ("valid", "fconv")]
    for other in others:
        other.evaluate(CLICK_AND_WAIT, ["Run", LIVE_POINT])
        other.context.close()  # the run goes on for two minutes; the other reader's browser is not on this machine
    answers: list[float] = []
    page = open_page(browser, f"{url}/padding?seeds=1&conv=sconv", answers)
    answers.clear()  # of the page's first run
    seconds = []
    for number in range(rounds):
        label = ("Net2: flatten", "Net1: global max pool")[number % 2]
        page.get_by_text(label, exact=True).first.click()  # the knob; the table below repeats the words
        start = page.evaluate("() => performance.now()")
        page.wait_for_function("() => !(" + IDLE[6:] + ")", polling="raf", timeout=2000)
        page.wait_for_function(IDLE, polling="raf")
        seconds.append((page.evaluate("() => performance.now()") - start) / 1000)
        page.wait_for_timeout(500)
    page.context.close()
    return seconds, answers


def watch(page: Page, answers: list[float]) -> None:
    """Note the seconds between every request of the page for a script run and the last message of that run."""
    asked: list[float] = []

    def sent(frame: dict[str, Any]) -> None:
        message = BackMsg.FromString(base64.b64decode(frame["response"]["payloadData"]))
        if message.WhichOneof("type") == "rerun_script" and not message.rerun_script.fragment_id:
            asked.append(frame["timestamp"])

    def received(frame: dict[str, Any]) -> None:
        message = ForwardMsg.FromString(base64.b64decode(frame["response"]["payloadData"]))
        if (
            message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            and message.WhichOneof("type") == "script_finished"
        ):
            answers.extend(frame["timestamp"] - one for one in asked)
            asked.clear()

    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.webSocketFrameSent", sent)
    network.on("Network.webSocketFrameReceived", received)


def open_page(browser: Browser, url: str, answers: list[float] | None = None) -> Page:
    """A page in a browser profile of its own, once its script has run; `answers` is for `watch`."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True).new_page()
    if answers is not None:
        watch(page, answers)
    page.goto(url)
    page.wait_for_selector(".st-key-padding-main button", timeout=60_000)
    page.wait_for_function(f"() => document.querySelector('[data-testid=\"stApp\"]') && ({IDLE})()", timeout=60_000)
    return page


if __name__ == "__main__":
    main()
