"""A server of its own, a real Chromium, and pages whose console is watched."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 90  # a cold start on a busy machine
PATIENCE_MS = 120_000  # for a page on a busy machine, whose server may still be importing torch
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --process-per-site"
).split()
# On a deep link Streamlit's page looks for its server below the page's own address first; those two 404 are its own.
PROBES = re.compile(r"/\w+/_stcore/(health|host-config)$")

Visit = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """So that they can be left out: pytest -m "not browser"."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@contextmanager
def serving(app: Path, home: Path, **environment: str) -> Iterator[str]:
    """Serve an app on a free port of this machine, under a LAYERLAB_HOME of its own; yields its address."""
    port = _free_port()
    log = home / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", str(app)]
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    environment = {**os.environ, "LAYERLAB_HOME": str(home), "PYTHONPATH": str(ROOT), **environment}
    with log.open("wb") as out:
        process = subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        _await_health(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of LayerLab itself, serving for all browser tests."""
    with serving(ROOT / "app.py", tmp_path_factory.mktemp("server-home")) as url:
        yield url


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile that keeps the programs of our pages compiled; cleared of all else after each test."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def visit(browser: Browser, profile: BrowserContext) -> Iterator[Visit]:
    """Open pages, as `visit(url, width=1280, scheme="light")`, each in a browser profile that nobody has used.

    When the test ends, any console error or uncaught exception of any page it opened fails it.
    """
    problems: list[str] = []
    contexts: list[BrowserContext] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not PROBES.search(message.location.get("url", "")):
            problems.append(f"{message.text} ({message.location.get('url')})")

    def open_page(url: str, *, width: int = 1280, scheme: str = "light", wait_for: str = "h1") -> Page:
        context = browser.new_context() if contexts else profile
        contexts.append(context)
        if not profile.pages:
            _keep_warm(profile, url)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.on("console", note)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url)
        page.wait_for_selector(wait_for)
        return page

    yield open_page
    for context in contexts[1:]:
        context.close()
    for page in profile.pages[1:]:
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        page.close()
    profile.clear_cookies()
    profile.clear_permissions()
    assert not problems, "The console showed errors:\n" + "\n".join(problems)


def _keep_warm(profile: BrowserContext, url: str) -> None:
    """An empty page that stays: those that come find its process running, which is a tenth of what they cost."""
    profile.new_page().goto(urljoin(url, "/_stcore/health"))


def come_to(page: Page, chart: str) -> None:
    """Scroll to a chart, by its selector: it is drawn when it comes near."""
    place = page.locator(chart).first
    place.wait_for(state="attached")
    place.scroll_into_view_if_needed()
    place.locator(".main-svg").first.wait_for()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"The server did not start. Its log:\n{log.read_text(errors='replace')}", pytrace=False)
