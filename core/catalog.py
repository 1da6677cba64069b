"""Finds the experiments: every module of core/experiments with an attribute EXPERIMENT. Nobody registers anything.

The same for the demos: DEMO in a module of core/demos.

LAYERLAB_EXPERIMENTS may name further importable packages (separated as in PATH) that are searched too.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

from core.contract import Demo, Experiment, Topic

HOME, DEMOS = "core.experiments", "core.demos"
VARIABLE = "LAYERLAB_EXPERIMENTS"

_Topic = TypeVar("_Topic", bound=Topic)


class UnknownExperimentError(KeyError):
    """There is no experiment of this name; the message lists those there are."""

    def __str__(self) -> str:
        """The sentence itself; a KeyError would show it in quotes."""
        return str(self.args[0])


def experiments() -> dict[str, Experiment]:
    """All experiments by key, sorted. Raises ValueError for a key used twice, TypeError for a wrong EXPERIMENT."""
    extra = tuple(name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name)
    return dict(_search((HOME, *extra), "EXPERIMENT", Experiment))


def demos() -> dict[str, Demo]:
    """All demos by key, sorted. Raises ValueError for a key used twice, TypeError for a wrong DEMO."""
    return dict(_search((DEMOS,), "DEMO", Demo))


def topics() -> dict[str, Topic]:
    """Everything a lab may be about, by key: experiments, then demos. Raises ValueError for a key that both use."""
    trained, shown = experiments(), demos()
    if twice := trained.keys() & shown.keys():
        raise ValueError(f"An experiment and a demo are both called {min(twice)!r}. Rename one.")
    return {**trained, **shown}


def topic_of(lab: str) -> Topic | None:
    """What a lab's page opens with: the topic of its own name, else its first; None where there is no such lab."""
    mine = {one.key: one for one in topics().values() if one.lab == lab}
    return mine.get(lab) or next(iter(mine.values()), None)


def get(key: str) -> Experiment:
    """The experiment of this key. Raises UnknownExperimentError."""
    known = experiments()
    if key not in known:
        raise UnknownExperimentError(f"There is no experiment called {key!r}; there are: {', '.join(known) or 'none'}.")
    return known[key]


@functools.cache
def _search(packages: tuple[str, ...], name: str, kind: type[_Topic]) -> dict[str, _Topic]:
    found: dict[str, _Topic] = {}
    origin: dict[str, str] = {}
    for module in _modules(packages):
        one = getattr(module, name, None)
        if one is None:
            continue
        if not isinstance(one, kind):
            article = "an" if kind is Experiment else "a"
            raise TypeError(f"{name} in {module.__name__} must be {article} {kind.__name__}; got {type(one).__name__}.")
        if one.key in found:
            raise ValueError(
                f"Two {kind.__name__.lower()}s are called {one.key!r}: in {origin[one.key]} and in {module.__name__}. "
                "Rename one."
            )
        found[one.key], origin[one.key] = one, module.__name__
    return dict(sorted(found.items()))


def _modules(packages: tuple[str, ...]) -> Iterator[ModuleType]:
    for name in packages:
        package = importlib.import_module(name)
        for one in pkgutil.walk_packages(package.__path__, prefix=f"{name}."):
            yield importlib.import_module(one.name)
