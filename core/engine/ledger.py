"""The live runs, and what is written down of them: events, states, ends.

Guarded by `lock`, which is never held while something is written to disk: the journal's thread writes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.engine.journal import Journal
from core.engine.library import Library
from core.engine.live import LiveRun, LiveUnit
from core.engine.protocol import Told
from core.engine.records import FINAL, SeedEvent, State
from core.events import Weights

if TYPE_CHECKING:
    from core.engine.store import Store


class Ledger:
    """Live runs by id, the one that waited longest for a turn first. Callers hold `lock`."""

    def __init__(self, store: Store) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.runs: OrderedDict[str, LiveRun] = OrderedDict()
        self.journal = Journal()
        self.library = Library(store)
        self.upkeep = Journal("upkeep")  # a thread of its own: making space must not keep results waiting
        self.upkeep.add(self.library.tidy)
        self.logs = Path(store.home) / "logs"
        self._store = store

    def rotation(self) -> list[LiveRun]:
        """The runs in the order of their next turns."""
        return list(self.runs.values())

    def find(self, unit_id: str) -> tuple[LiveRun, LiveUnit] | None:
        """An unfinished unit and its run."""
        for run in self.runs.values():
            for unit in run.units:
                if unit.id == unit_id and not unit.over:
                    return run, unit
        return None

    def add(self, run: LiveRun) -> None:
        """Let a run in; its first turn comes before those of runs that have had theirs."""
        self.runs[run.record.id] = run
        self.runs.move_to_end(run.record.id, last=False)
        self.everyone_changed()

    def begin(self, unit: LiveUnit) -> None:
        """A unit takes its first turn."""
        if unit.state == "queued":
            for training in unit.trainings.values():
                self.journal.add(partial(self._store.set_training, training, "running"))
        unit.state = "running"

    def keep(self, run: LiveRun, unit: LiveUnit, events: Iterable[Told]) -> None:
        """Store the next events of a unit."""
        before = unit.preparing
        for training, own in unit.take(events).items():
            self.journal.add(partial(self._append, run, training, own))
        if unit.preparing != before:
            run.changed()

    def end(
        self, run: LiveRun, unit: LiveUnit, state: State, weights: tuple[Weights, ...] | None = None, error: str = ""
    ) -> None:
        """A unit is over; with its last unit, the run is too. weights: one mapping a seed."""
        if unit.over:
            return
        unit.state, unit.worker, unit.in_flight, unit.steps_owed = state, None, False, 0
        run.failure = run.failure or error
        seconds = unit.seconds / len(unit.seeds)
        for position, training in enumerate(unit.trainings.values()):
            own = weights[position] if weights else None
            self.journal.add(partial(self._store.finish_training, training, state, seconds, own, error))
        self.refresh(run)
        if run.record.state in FINAL:
            self.journal.add(partial(self._leave, run))

    def refresh(self, run: LiveRun) -> None:
        """Work out the run's state again, and note it where it has changed."""
        run.changed()
        state = run.state()
        if state == run.record.state:
            return
        finished = time.time() if state in FINAL else None
        run.record = replace(run.record, state=state, error=run.failure, finished=finished)
        if finished is None:
            self.journal.add(partial(self._store.set_run, run.record.id, state))

    def everyone_changed(self) -> None:
        """Places in the queue have moved."""
        for run in self.runs.values():
            run.changed()

    def keep_trace(self, name: str, trace: str) -> None:
        """Append a traceback to a log file of this name; people are shown one line of it."""
        if trace:
            self.journal.add(partial(self._write_trace, self.logs / f"{name}.log", trace))

    # --- in the journal's thread

    def _append(self, run: LiveRun, training: str, events: list[SeedEvent]) -> None:
        self._store.append(training, events)
        with self.lock:
            run.changed()

    def _leave(self, run: LiveRun) -> None:
        """The run leaves memory only when all of it is written, so that nobody misses its end."""
        self._store.set_run(run.record.id, run.record.state, run.record.error)
        with self.lock:
            self.runs.pop(run.record.id, None)
            self.everyone_changed()
            self.changed.notify_all()
        self.upkeep.add(partial(self.library.tidy, run.record.id))

    @staticmethod
    def _write_trace(path: Path, trace: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{trace}\n")
