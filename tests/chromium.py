"""Which Chromium the browser tests drive. `python -m tests.chromium` says how to get one where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

VARIABLE = "LAYERLAB_CHROMIUM"
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
HOW_TO_GET_ONE = (
    "The browser tests need a Chromium and found none. Get one with `apt-get install chromium` (Debian), or with "
    f"`.venv/bin/python -m playwright install --with-deps chromium` (any system), or name yours in {VARIABLE}."
)


def find() -> str | None:
    """The path of a Chromium: the one named in LAYERLAB_CHROMIUM, the system's, Playwright's own; None without one."""
    named = os.environ.get(VARIABLE)
    if named:
        return shutil.which(named)
    installed = (shutil.which(command) for command in (*COMMANDS, *MAC_APPS))
    return next((path for path in installed if path), None) or _of_playwright()


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


if __name__ == "__main__":
    if find() is None:
        sys.exit(HOW_TO_GET_ONE)
