"""A clock that must first fetch something: it tells how far it is, and its data have a fingerprint."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from core.contract import Explained
from tests.engine.toys.clock import ClockConfig, experiment

GATE = "LAYERLAB_TEST_GATE"  # a file: fetching ends when it exists; its content is the data
STEPS_OF_FETCHING = 5


def prepare(config: ClockConfig) -> Iterator[str]:
    gate = Path(os.environ[GATE])
    if config.trouble == "raise":
        raise Explained("There is no network. Connect one.")
    for done in range(STEPS_OF_FETCHING):
        yield f"fetched {done} of {STEPS_OF_FETCHING}"
    while not gate.exists():
        yield "waiting for the last piece"
        threading.Event().wait(0.01)


def fingerprint(config: ClockConfig) -> str:
    gate = Path(os.environ[GATE])
    return gate.read_text() if gate.exists() else ""


EXPERIMENT = experiment("prepared", prepare=prepare, fingerprint=fingerprint)
