"""What the rest of the program asks of the engine: start, watch, pause, step, stop and question runs.

Thread-safe and quick: a dispatcher thread does the work, a journal thread the writing, worker processes the training.
"""

from __future__ import annotations

import atexit
import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.engine.dispatcher import Dispatcher
from core.engine.ledger import Ledger
from core.engine.live import Limits, LiveRun, make_units
from core.engine.questions import QueryError, Questions, UnknownRunError
from core.engine.records import RunRecord, Snapshot, checked_seeds, identity
from core.engine.store import Store

if TYPE_CHECKING:
    import torch

    from core.contract import Experiment

__all__ = [
    "AdmissionError",
    "Limits",
    "QueryError",
    "Scheduler",
    "Started",
    "UnknownRunError",
    "release",
    "shared",
]

STORED = 1 << 40  # added to the cursor of what is read from the store, so that a run's end is newer than all before it


class AdmissionError(RuntimeError):
    """Too many runs are live already; the message says which limit was met and what to do."""


@dataclass(frozen=True)
class Started:
    """What became of a start. joined: it is somebody's live run. reused: seeds whose stored training is shown."""

    run_id: str
    joined: bool
    reused: tuple[int, ...]


class Scheduler(Questions):
    """Runs of one server. Workers are launched in the background: making a scheduler does not wait for torch."""

    def __init__(
        self, store: Store, device: str = "auto", workers: int | None = None, limits: Limits | None = None
    ) -> None:
        """device: auto, cuda, mps or cpu. workers: default one a core up to four, on a GPU one."""
        self.limits = limits or Limits()
        self._wanted = device
        self._starting = threading.Lock()
        ledger = Ledger(store)
        super().__init__(store, ledger, Dispatcher(ledger, device, workers, self.limits))

    # --- starting

    @property
    def device(self) -> torch.device:
        """Where this scheduler trains. Raises ValueError for a kind that this machine has not."""
        from core import devices

        return devices.choose(self._wanted)

    @property
    def device_name(self) -> str:
        """What a person calls the device."""
        from core import devices

        ready = self._dispatcher.pool.ready
        return ready.device_name if ready else devices.describe(self.device)

    @property
    def at_once(self) -> int:
        """How many units train side by side."""
        return self._dispatcher.pool.at_once

    @property
    def warm(self) -> bool:
        """Whether a worker is ready to train at once."""
        return self._dispatcher.pool.ready is not None

    @property
    def processes(self) -> tuple[int, ...]:
        """Process ids of the workers there are now."""
        with self._ledger.lock:
            return tuple(worker.process.pid for worker in self._dispatcher.pool.workers)

    def identity(self, experiment: str, config: Config) -> str:
        """The identity that trainings of this config have here."""
        found = _experiment(experiment, config)
        data = found.fingerprint(config) if found.fingerprint else ""
        return identity(found.key, found.version, config.retraining(), self.device.type, data)

    def start(
        self,
        experiment: str,
        config: Config,
        seeds: Sequence[int],
        owner: str,
        *,
        keep: bool = False,
        viewer: str | None = None,
    ) -> Started:
        """Train these seeds, or join a live run that does.

        viewer: who watches it from now on, a browser tab for one (default: the owner). Where only some seeds are stored
        as finished, those are shown and the others train; where all are, all train.
        Raises AdmissionError beyond the limits, ValueError for seeds that are none, repeated or out of range.
        """
        found = _experiment(experiment, config)
        wanted = checked_seeds(seeds)
        with self._starting:  # two clients who press Run at the same time must find each other's run
            name = self.identity(experiment, config)
            joined = None if found.exclusive else self._join(name, wanted, owner, viewer or owner)
            if joined:
                return Started(joined, joined=True, reused=())
            self._admit(owner)
            with self.store.database.lock:  # what is to be reused must not be removed to make space meanwhile
                reuse = self._reusable(found, name, wanted)
                run = self._create(found, config, wanted, reuse, owner, name, keep)
            run.viewers[viewer or owner] = run.watched_at
            with self._ledger.lock:
                self._dispatcher.add(run)
        return Started(run.record.id, joined=False, reused=tuple(reuse))

    def to_train(self, experiment: str, config: Config, seeds: Sequence[int]) -> tuple[int, ...]:
        """Which of these seeds `start` would train; the others are stored as finished."""
        reuse = self._reusable(_experiment(experiment, config), self.identity(experiment, config), tuple(seeds))
        return tuple(seed for seed in seeds if seed not in reuse)

    def _reusable(self, found: Experiment, name: str, wanted: tuple[int, ...]) -> dict[int, str]:
        """Seed -> its stored training; none where all are stored, for then all train."""
        stored = {} if found.exclusive else self.store.finished_trainings(name)
        reuse = {seed: stored[seed] for seed in wanted if seed in stored}
        return {} if len(reuse) == len(wanted) else reuse

    def _join(self, name: str, seeds: tuple[int, ...], owner: str, viewer: str) -> str | None:
        with self._ledger.lock:
            for run in self._ledger.rotation():
                closed_to = run.paused == "owner" and run.record.owner != owner  # a viewer could not let it go on
                if run.record.identity != name or run.stopping or closed_to or not run.unfinished():
                    continue
                if set(seeds) <= set(run.record.seeds):
                    self._watched(run, viewer)
                    if run.paused:
                        self._dispatcher.set_pause(run, False)
                    return run.record.id
        return None

    def _admit(self, owner: str) -> None:
        if self.closed:
            raise AdmissionError("The server is shutting down. Start it again, then this run.")
        live = self.live()
        if len(live) >= self.limits.live:
            raise AdmissionError(
                f"At most {self.limits.live} runs may be live at once, and {len(live)} are. "
                "Stop one, or try again when one has finished."
            )
        own = sum(record.owner == owner for record in live)
        if own >= self.limits.per_owner:
            raise AdmissionError(
                f"At most {self.limits.per_owner} of your runs may be live at once, and {own} are. "
                "Stop one, or wait until one has finished."
            )

    def _create(
        self,
        found: Experiment,
        config: Config,
        seeds: tuple[int, ...],
        reuse: dict[int, str],
        owner: str,
        name: str,
        keep: bool,
    ) -> LiveRun:
        from core import devices

        total = float(found.total_steps(config))
        record = self.store.create_run(
            experiment=found.key,
            version=found.version,
            identity=name,
            config=config.model_dump(),
            seeds=seeds,
            reuse=reuse,
            owner=owner,
            device=self.device.type,
            device_name=self.device_name,
            versions=devices.versions(),
            keep=keep,
            total_steps=total,
        )
        units = make_units(record, reuse, found.seeds_per_unit(config, self.device))
        return LiveRun(record, found, total, units, watched_at=time.monotonic())

    # --- watching

    def attach(self, run_id: str, viewer: str) -> None:
        """This viewer watches this run. Nothing happens for a run that is over; UnknownRunError for none."""
        with self._ledger.lock:
            run = self._ledger.runs.get(run_id)
            if run:
                self._watched(run, viewer)
                return
        self._stored(run_id)

    def detach(self, run_id: str, viewer: str) -> None:
        """This viewer watches this run no more."""
        with self._ledger.lock:
            run = self._ledger.runs.get(run_id)
            if run and run.viewers.pop(viewer, None) is not None:
                run.changed()

    def release(self, viewer: str) -> None:
        """This viewer has closed the page. Marks only, never blocks."""
        if not self.closed:
            self._dispatcher.release(viewer)

    def snapshot(self, run_id: str, since: int = -1, viewer: str | None = None) -> Snapshot | None:
        """A run as it stands, live or stored; None if nothing is newer than the cursor `since`.

        viewer: who is looking, which keeps the run from being paused. Raises UnknownRunError.
        """
        with self._ledger.lock:
            run = self._ledger.runs.get(run_id)
            if run:
                if viewer is not None:
                    self._watched(run, viewer)
                if run.cursor <= since:
                    return None
                if run.cached and run.cached.cursor == run.cursor:
                    return run.cached
                facts = self._facts(run)
        if run is None:
            stored = self._stored(run_id)
            return stored if stored.cursor > since else None
        snapshot = self.store.snapshot(run_id) or Snapshot(run=run.record, cursor=0)
        problem = snapshot.problem or self._ledger.journal.problem
        run.cached = dataclasses.replace(snapshot, problem=problem, **facts)
        return run.cached

    def wait(self, run_id: str, timeout: float | None = None) -> Snapshot:
        """Block until the run is over (or for `timeout` seconds) and return it as it stands. Waiting is watching."""
        with self._ledger.lock:
            run = self._ledger.runs.get(run_id)
            if run:
                run.waiters += 1
                try:
                    self._ledger.changed.wait_for(lambda: run_id not in self._ledger.runs, timeout)
                finally:
                    run.waiters -= 1
                    run.watched_at = time.monotonic()
        snapshot = self.snapshot(run_id)
        assert snapshot is not None, "nothing is older than a cursor of -1"
        return snapshot

    def live(self, owner: str | None = None) -> list[RunRecord]:
        """Records of runs that are not over, oldest first."""
        with self._ledger.lock:
            records = [run.record for run in self._ledger.rotation() if run.unfinished()]
        wanted = (record for record in records if owner is None or record.owner == owner)
        return sorted(wanted, key=lambda record: record.created)

    def _watched(self, run: LiveRun, viewer: str) -> None:
        run.watched_at = time.monotonic()
        if viewer not in run.viewers:
            run.changed()
        run.viewers[viewer] = run.watched_at
        if run.paused == "unwatched":
            self._dispatcher.set_pause(run, False)

    def _facts(self, run: LiveRun) -> dict[str, Any]:
        """What the store does not know of a live run."""
        record = dataclasses.replace(run.record, seconds=sum(unit.seconds for unit in run.units))
        others = [one for one in self._ledger.rotation() if one.runnable and one.unfinished()]
        queued = sorted((one.record.created, one.record.id) for one in others if one.record.state == "queued")
        place = (run.record.created, run.record.id)
        recently = time.monotonic() - self.limits.pause_after_seconds
        return {
            "run": record,
            "cursor": run.cursor,
            "progress": run.progress(),
            "seconds_left": run.seconds_left(self._dispatcher.pool.at_once / max(1, len(others))),
            "queue_position": queued.index(place) + 1 if place in queued else None,
            "seed_states": run.seed_states(),
            "viewers": sum(seen >= recently for seen in run.viewers.values()),
            "preparing": next((unit.preparing for unit in run.unfinished() if unit.preparing), ""),
        }

    def _stored(self, run_id: str) -> Snapshot:
        snapshot = self.store.snapshot(run_id)
        if snapshot is None:
            raise UnknownRunError(f"There is no run {run_id!r} here. It may have been deleted.")
        return dataclasses.replace(snapshot, cursor=snapshot.cursor + STORED)

    # --- steering

    def pause(self, run_id: str, who: str) -> bool:
        """Suspend a run at its next event; False if `who` does not own it or it is over."""
        return self._steer(run_id, who, lambda run: self._dispatcher.set_pause(run, True))

    def resume(self, run_id: str, who: str) -> bool:
        """Let a paused run go on; False if `who` does not own it or it is over."""
        return self._steer(run_id, who, lambda run: self._dispatcher.set_pause(run, False))

    def step(self, run_id: str, who: str) -> bool:
        """One event more of every seed in training, then pause; False if `who` does not own it or it is over."""
        return self._steer(run_id, who, self._dispatcher.step)

    def stop(self, run_id: str, who: str) -> bool:
        """End a run and keep what was measured. A viewer who does not own it is only detached: False."""
        if self._steer(run_id, who, self._dispatcher.stop):
            return True
        self.detach(run_id, who)
        return False

    def keep_training(self, run_id: str, who: str, on: bool) -> bool:
        """Whether to train on while nobody watches; False if `who` does not own it or it is over."""

        def keep(run: LiveRun) -> None:
            run.record = dataclasses.replace(run.record, keep=on)
            state = run.record.state
            self._ledger.journal.add(lambda: self.store.set_run(run_id, state, keep=on))
            run.watched_at = time.monotonic()
            run.changed()
            self._dispatcher.ring()

        return self._steer(run_id, who, keep)

    def _steer(self, run_id: str, who: str, act: Callable[[LiveRun], None]) -> bool:
        with self._ledger.lock:
            run = self._ledger.runs.get(run_id)
            if run is None or run.record.owner != who or run.stopping or not run.unfinished():
                return False
            act(run)
            return True

    def shutdown(self) -> None:
        """End all workers; runs that were not over become interrupted. Harmless the second time."""
        if not self.closed:
            self._dispatcher.close()

    @property
    def closed(self) -> bool:
        """Whether it has been shut down."""
        return self._dispatcher.closing


def _experiment(key: str, config: Config) -> Experiment:
    from core import catalog

    found = catalog.get(key)
    if not isinstance(config, found.config):
        raise TypeError(f"{key} takes a {found.config.__name__}; got a {type(config).__name__}.")
    return found


_shared: Scheduler | None = None
_sharing = threading.Lock()


def shared() -> Scheduler:
    """The scheduler of this server process, made on first use and shut down with it."""
    global _shared
    with _sharing:
        if _shared is None or _shared.closed:
            _shared = Scheduler(Store())
            atexit.register(_end, _shared)
        return _shared


def release(viewer: str) -> None:
    """This viewer of the shared scheduler has gone; nothing is made or started where there is none (any more)."""
    if _shared is not None:
        _shared.release(viewer)


def _end(scheduler: Scheduler) -> None:
    scheduler.shutdown()
    scheduler.store.close()
