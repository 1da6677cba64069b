"""Runs that are not over yet, as the scheduler keeps them in memory. Plain data and arithmetic: no process, no lock."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.engine.local import Worker
from core.engine.protocol import Preparing, Told
from core.engine.records import FINAL, Moment, RunRecord, SeedEvent, Snapshot, State
from core.events import Arrays, Metrics, Note

if TYPE_CHECKING:
    from core.contract import Experiment

Pause = Literal["", "owner", "unwatched"]
Happened = Metrics | Arrays | Note | Moment


@dataclass(frozen=True)
class Limits:
    """How much is let in, and how long a run goes on that nobody watches."""

    live: int = 64
    per_owner: int = 8
    pause_after_seconds: float = 120.0
    drop_after_seconds: float = 1800.0


@dataclass(eq=False)
class LiveUnit:
    """Some seeds of a live run that train together.

    worker: where its generator is suspended, None before it was opened. delivered: events received and kept, which a
    restart skips. seconds: busy time of this generator. suspect: a worker died while advancing it. closing_since: when
    it was asked to end. steps_owed: single steps asked for. behind: it repeats events that are known already.
    preparing: how far it is with its outside data.
    """

    seeds: tuple[int, ...]
    trainings: Mapping[int, str]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "queued"
    worker: Worker | None = None
    in_flight: bool = False
    delivered: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    step: float = 0.0
    seconds: float = 0.0
    suspect: bool = False
    behind: bool = False
    closing_since: float | None = None
    steps_owed: int = 0
    preparing: str = ""

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state in FINAL

    def lose_worker(self) -> None:
        """Start again elsewhere: known events are repeated silently, so no curve jumps back."""
        self.worker = None
        self.in_flight = False
        self.behind = self.delivered > 0
        self.seconds = 0.0

    def take(self, events: Iterable[Told]) -> dict[str, list[SeedEvent]]:
        """Split the next events of this unit by seed: training id -> its events, numbered."""
        split: dict[str, list[SeedEvent]] = {}
        for event in events:
            self.preparing = event.text if isinstance(event, Preparing) else ""
            if isinstance(event, Preparing):
                continue
            self.delivered += 1
            for seed, own in self._by_seed(event):
                index = self.counts.get(seed, 0)
                self.counts[seed] = index + 1
                split.setdefault(self.trainings[seed], []).append(SeedEvent(index, own))
            if not isinstance(event, Note):
                self.step = max(self.step, event.step)
        return split

    def _by_seed(self, event: Happened) -> Iterable[tuple[int, Happened]]:
        if isinstance(event, Metrics):
            for position, seed in enumerate(self.seeds):
                values = {name: np.asarray(numbers[position]) for name, numbers in event.values.items()}
                if not values or not all(np.isnan(value) for value in values.values()):
                    yield seed, Metrics(event.step, values)
        elif isinstance(event, Arrays):
            seed = event.seed if event.seed in self.seeds else self.seeds[0]
            yield seed, replace(event, seed=seed)
        else:
            yield self.seeds[0], event


@dataclass(eq=False)
class LiveRun:
    """A run that is not over. watched_at, paused: see Scheduler. cursor grows with every change."""

    record: RunRecord
    experiment: Experiment
    total: float
    units: list[LiveUnit]
    watched_at: float
    paused: Pause = ""
    stopping: bool = False
    failure: str = ""
    cursor: int = 1
    viewers: dict[str, float] = field(default_factory=dict)
    waiters: int = 0
    cached: Snapshot | None = None

    @property
    def runnable(self) -> bool:
        """Whether it wants turns of its own accord."""
        return not self.paused and not self.stopping

    def unfinished(self) -> list[LiveUnit]:
        """Units that have not ended."""
        return [unit for unit in self.units if not unit.over]

    def unit_of(self, seed: int) -> LiveUnit | None:
        """The unit that trains this seed; None for one whose stored training is shown."""
        return next((unit for unit in self.units if seed in unit.seeds), None)

    def state(self) -> State:
        """What it would be called now."""
        if not self.unfinished():
            if self.failure:
                return "failed"
            ends = {unit.state for unit in self.units}
            return "interrupted" if "interrupted" in ends else "stopped" if "stopped" in ends else "finished"
        if self.paused:
            return "paused"
        return "running" if any(unit.state != "queued" for unit in self.units) else "queued"

    def seed_states(self) -> dict[int, State]:
        """How each seed stands; those taken from the store are finished."""
        states: dict[int, State] = dict.fromkeys(self.record.seeds, "finished")
        for unit in self.units:
            waiting: State = "paused" if self.paused and unit.state == "running" else unit.state
            states.update(dict.fromkeys(unit.seeds, waiting))
        return states

    def wants(self, unit: LiveUnit) -> bool:
        """Whether this unit should get a turn now."""
        if unit.over or unit.in_flight or unit.closing_since is not None or self.stopping:
            return False
        return not self.paused or unit.steps_owed > 0 or unit.behind

    def candidates(self, window: int) -> Iterable[LiveUnit]:
        """Units that want a turn, in the order they should get it."""
        return (unit for unit in self.begun(window) if self.wants(unit))

    def begun(self, window: int) -> list[LiveUnit]:
        """Unfinished units that have begun, least advanced first, then the new ones that fill the window."""
        begun = [unit for unit in self.unfinished() if unit.state != "queued"]
        fresh = [unit for unit in self.unfinished() if unit.state == "queued"]
        return sorted(begun, key=lambda unit: unit.seconds) + fresh[: max(0, window - len(begun))]

    def progress(self) -> float:
        """0 to 1, the mean over seeds; seeds taken from the store count as done."""
        trained = sum(len(unit.seeds) * self._fraction(unit) for unit in self.units)
        reused = len(self.record.seeds) - sum(len(unit.seeds) for unit in self.units)
        return (trained + reused) / len(self.record.seeds)

    def seconds_left(self, share: float) -> float | None:
        """Expected seconds to the end, None before anything is known. share: workers that this run gets on average."""
        rates = [unit.seconds / self._fraction(unit) for unit in self.units if unit.seconds and self._fraction(unit)]
        left = self.unfinished()
        if not rates or not left or self.paused:
            return None
        work = sum(rates) / len(rates) * sum(1.0 - self._fraction(unit) for unit in left)
        return work / max(min(share, len(left)), 1e-3)

    def _fraction(self, unit: LiveUnit) -> float:
        if unit.over:
            return 1.0
        return min(unit.step / self.total, 1.0) if self.total > 0 else 0.0

    def worth_moving(self, unit: LiveUnit) -> bool:
        """Whether repeating what this unit has done so far costs little against what is left."""
        return unit.seconds < 2.0 or self._fraction(unit) < 0.25

    def changed(self) -> None:
        """Something a page shows is different now."""
        self.cursor += 1


def make_units(record: RunRecord, reused: Iterable[int], per_unit: int) -> list[LiveUnit]:
    """The units of a run: its new seeds in order, `per_unit` at a time."""
    known = set(reused)
    new = iter([seed for seed in record.seeds if seed not in known])
    units = []
    while seeds := tuple(itertools.islice(new, max(1, per_unit))):
        units.append(LiveUnit(seeds, {seed: record.trainings[seed] for seed in seeds}))
    return units
