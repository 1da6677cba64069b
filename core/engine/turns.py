"""Who is next: fair turns over runs, then over the units of a run. Pure choices, no effects."""

from __future__ import annotations

from collections.abc import Sequence

from core.engine.live import LiveRun, LiveUnit
from core.engine.local import Worker

LONG_TURN_SECONDS = 0.5


def choose(
    rotation: Sequence[LiveRun], workers: Sequence[Worker], most_at_once: int, now: float
) -> tuple[LiveRun, LiveUnit, Worker] | None:
    """The next turn to give, None if there is none to give now.

    rotation: live runs, the one that waited longest first. most_at_once: units that may advance at the same time.
    """
    advancing = sum(unit.in_flight for run in rotation for unit in run.units)
    if advancing >= most_at_once:
        return None
    alone = exclusive(rotation)
    if alone is not None and any(worker.jobs for worker in workers):
        return None  # nothing runs beside it, not even another of its own units
    for run in [alone] if alone is not None else rotation:
        window = 1 if run.experiment.exclusive else most_at_once
        for unit in run.candidates(window):
            worker = _place(unit, rotation, workers, now)
            if worker is not None:
                return run, unit, worker
    return None


def exclusive(rotation: Sequence[LiveRun]) -> LiveRun | None:
    """The run beside which nothing else may happen, the oldest if several ask for it."""
    found = [run for run in rotation if run.experiment.exclusive and run.runnable and run.unfinished()]
    return min(found, key=lambda run: run.record.created, default=None)


def load(worker: Worker, rotation: Sequence[LiveRun]) -> int:
    """Units on this worker that want to go on."""
    return sum(
        unit.worker is worker and not unit.over and (run.wants(unit) or unit.in_flight)
        for run in rotation
        for unit in run.units
    )


def to_move(
    rotation: Sequence[LiveRun], workers: Sequence[Worker], now: float
) -> tuple[LiveRun, LiveUnit, Worker] | None:
    """A unit that should leave a crowded worker, and the worker for it; None if no move would even them out.

    Workers warm up at different times, so the first one may have taken in everything that waited.
    """
    shared = [one for one in workers if one.ready is not None and not one.reserved_for and not _stuck(one, now)]
    if not shared or exclusive(rotation):
        return None
    target = min(shared, key=lambda one: load(one, rotation))
    least = load(target, rotation)
    movable = [
        (run, unit)
        for run in rotation
        if run.runnable
        for unit in run.unfinished()
        if unit.worker is not None and not unit.suspect and run.wants(unit) and run.worth_moving(unit)
        if load(unit.worker, rotation) >= least + 2
    ]
    cheapest = min(movable, key=lambda one: one[1].seconds, default=None)
    return None if cheapest is None else (*cheapest, target)


def _stuck(worker: Worker, now: float) -> bool:
    """Whether it has been in one step for long."""
    return bool(worker.jobs) and now - worker.jobs[0].since >= LONG_TURN_SECONDS


def _place(unit: LiveUnit, rotation: Sequence[LiveRun], workers: Sequence[Worker], now: float) -> Worker | None:
    """The idle worker that may advance this unit: its own, or for a new one the least loaded."""
    if unit.worker is not None:
        return unit.worker if unit.worker.idle else None
    if unit.suspect:
        return next((one for one in workers if one.idle and one.reserved_for == unit.id), None)
    shared = [one for one in workers if one.ready is not None and not one.reserved_for]
    idle = [one for one in shared if one.idle]
    if not idle:
        return None
    best = min(idle, key=lambda one: load(one, rotation))
    # Wait one turn for a less loaded worker, but not for one that is stuck in a long step.
    soon = [one for one in shared if not _stuck(one, now)]
    least = min(load(one, rotation) for one in soon)
    return best if load(best, rotation) <= least else None
