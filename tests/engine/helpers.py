"""Waiting for conditions, and reading runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from core.engine.records import Snapshot
from core.engine.scheduler import Scheduler
from tests.engine.toys.clock import ClockConfig

Value = TypeVar("Value")


def eventually(predicate: Callable[[], Value], seconds: float = 90.0) -> Value:
    """The first true value of the predicate. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"still not so after {seconds:g} seconds"
        threading.Event().wait(0.01)
    return value


def see(scheduler: Scheduler, run_id: str) -> Snapshot:
    snapshot = scheduler.snapshot(run_id)
    assert snapshot is not None
    return snapshot


def counts(snapshot: Snapshot, seed: int = 0) -> list[float]:
    """What the clock has counted so far."""
    series = snapshot.series.get("count", {}).get(seed)
    return [] if series is None else series.values.tolist()


def pid(snapshot: Snapshot, seed: int = 0) -> int:
    """The process that trained last."""
    return int(snapshot.series["pid"][seed].values[-1])


def reach(scheduler: Scheduler, run_id: str, events: int, seed: int = 0) -> Snapshot:
    """Wait until the clock has counted to this number."""
    eventually(lambda: len(counts(see(scheduler, run_id), seed)) >= events)
    return see(scheduler, run_id)


def done(scheduler: Scheduler, run_id: str, seconds: float = 180.0) -> Snapshot:
    """Wait for the end."""
    snapshot = scheduler.wait(run_id, seconds)
    assert snapshot.run.final, f"still {snapshot.run.state} after {seconds:g} seconds"
    return snapshot


_labels = iter(range(1, 1_000_000))


def slow(**options: object) -> ClockConfig:
    """A clock that goes on for longer than a test, of an identity of its own."""
    return ClockConfig.parse({"steps": 100_000, "milliseconds": 5, "label": next(_labels), **options})


def quick(**options: object) -> ClockConfig:
    """A clock that is soon done, of an identity of its own."""
    return ClockConfig.parse({"label": next(_labels), **options})


def gone(process: int) -> bool:
    """Whether a process has ended; one that only waits to be reaped has."""
    stat = Path(f"/proc/{process}/stat")
    try:
        os.kill(process, 0)
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def same(one: Snapshot, other: Snapshot, name: str) -> bool:
    """Whether two runs measured the same, bit for bit."""
    mine, theirs = one.series[name], other.series[name]
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[seed].values, theirs[seed].values) for seed in mine)
