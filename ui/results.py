"""Results for settings, wherever they are: live, stored on this machine, or recorded and shipped with the program."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from core import catalog
from core.config import Config
from core.contract import Experiment
from core.engine import recorded
from core.engine.records import Snapshot
from core.engine.scheduler import shared

Origin = Literal["live", "stored", "recorded", "unfinished"]
Frozen = tuple[tuple[str, Any], ...]  # retraining fields
Curves = dict[int, tuple[Any, Any]]  # seed -> steps, values


@dataclass(frozen=True)
class Result:
    """A run and where it is from."""

    snapshot: Snapshot
    origin: Origin

    @property
    def origin_and_date(self) -> str:
        """Short enough for a table."""
        day = time.strftime("%Y-%m-%d", time.localtime(self.snapshot.run.created))
        return "live" if self.origin == "live" else f"{self.origin} {day}"

    @property
    def label(self) -> str:
        """What must stand beside every figure made from it."""
        run = self.snapshot.run
        if self.origin == "recorded":
            return f"{self.snapshot.recorded}, {len(run.seeds)} seeds"
        words = {"stored": "trained on this machine", "live": "a live run, as it stands"}
        return words.get(self.origin, f"the run above, {run.state} before its end")

    @property
    def saved(self) -> tuple[float, ...]:
        """The moments of its first seed whose weights are stored."""
        return self.snapshot.saved.get(self.snapshot.run.seeds[0], ())

    @property
    def cut_off(self) -> bool:
        """Whether its first seed has moments but no last weights, because the server ended."""
        state = self.snapshot.seed_states.get(self.snapshot.run.seeds[0])
        return self.origin == "unfinished" and state == "interrupted" and bool(self.saved)

    @classmethod
    def on_screen(cls, snapshot: Snapshot) -> Result:
        """A run that is live, or as it ended."""
        state = snapshot.run.state
        return cls(snapshot, "stored" if state == "finished" else "unfinished" if snapshot.run.final else "live")


def result_for(
    experiment: Experiment, config: Config, shown: Snapshot | None = None, *, live: bool = True
) -> Result | None:
    """The run on screen if it has these settings, else a live one, the stored one with most seeds, the recorded one.

    A run on screen that ended before its time stands in only where nothing finished is at hand. live: whether runs that
    are not over count at all.
    """
    on_screen = Result.on_screen(shown) if shown is not None else None
    on_screen = None if on_screen and of_other_settings(on_screen, config) else on_screen
    if on_screen and (on_screen.origin == "stored" or (live and on_screen.origin == "live")):
        return on_screen
    identity = shared().identity(experiment.key, config)
    training = next((run.id for run in shared().live() if live and run.identity == identity), None)
    if training and (snapshot := shared().snapshot(training)):
        return Result.on_screen(snapshot)
    finished = shared().store.runs(identity=identity, states=("finished",), limit=20)
    if finished:
        best = max(finished, key=lambda run: (len(run.seeds), run.created))
        snapshot = _finished_snapshot(best.id)
        return Result(snapshot, "stored") if snapshot else None
    return recorded_for(experiment, config) or (on_screen if live else None)


def trained(experiment: Experiment, config: Config, shown: Snapshot | None) -> Result | None:
    """The same, else the run on screen, whatever its settings."""
    result = result_for(experiment, config, shown)
    return Result.on_screen(shown) if result is None and shown is not None else result


def of_other_settings(result: Result, config: Config) -> bool:
    """Whether it was trained with others than these."""
    return config.parse(result.snapshot.run.config).retraining() != config.retraining()


def origin(result: Result | None) -> str:
    """Where a cell of a table is from."""
    return result.origin_and_date if result else "press Run to train it"


def recorded_for(experiment: Experiment, config: Config) -> Result | None:
    """The recorded run of these settings, if one shipped."""
    found = _recorded(experiment.key).get(_frozen(config))
    return Result(found, "recorded") if found and found.run.version == experiment.version else None


def grid(
    experiment: Experiment,
    config: Config,
    fields: Sequence[str],
    shown: Snapshot | None = None,
    values: Mapping[str, Sequence[Any]] | None = None,
) -> dict[tuple[Any, ...], Result | None]:
    """The best result for every combination of the choices of some fields, the others staying as they are.

    values: field -> which of its values, where it is a number.
    """
    known = values or {}
    choices = itertools.product(*(known.get(name) or experiment.config.knob(name).choices for name in fields))
    return {
        chosen: result_for(experiment, config.model_copy(update=dict(zip(fields, chosen, strict=True))), shown)
        for chosen in choices
    }


def points(run: Snapshot, metric: str) -> Curves:
    """Curves of a metric: seed -> (steps, values)."""
    return {seed: (series.steps, series.values) for seed, series in run.series.get(metric, {}).items()}


def scores(result: Result, names: Sequence[str]) -> dict[str, list[float]]:
    """The summary of a run as a table wants it: metric -> one number a seed."""
    return {name: list(values.values()) for name, values in result.snapshot.summary(names).items()}


@lru_cache(maxsize=256)
def _finished_snapshot(run: str) -> Snapshot | None:
    """A finished run does not change; read it once."""
    return shared().store.snapshot(run)


@lru_cache
def _recorded(experiment: str) -> dict[Frozen, Snapshot]:
    """The recorded runs by what they were trained with: tables look them up by the dozen."""
    config = catalog.get(experiment).config
    return {_frozen(config.parse(one.run.config)): one for one in reversed(recorded.read(experiment))}


def _frozen(config: Config) -> Frozen:
    return tuple(config.retraining().items())
