"""Finds the experiments: every module of core/experiments with an attribute EXPERIMENT. Nobody registers anything.

LAYERLAB_EXPERIMENTS may name further importable packages (separated as in PATH) that are searched too.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from core.contract import Experiment

HOME = "core.experiments"
VARIABLE = "LAYERLAB_EXPERIMENTS"


class UnknownExperimentError(KeyError):
    """There is no experiment of this name; the message lists those there are."""

    def __str__(self) -> str:
        """The sentence itself; a KeyError would show it in quotes."""
        return str(self.args[0])


def experiments() -> dict[str, Experiment]:
    """All experiments by key, sorted. Raises ValueError for a key used twice, TypeError for a wrong EXPERIMENT."""
    extra = tuple(name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name)
    return dict(_search((HOME, *extra)))


def get(key: str) -> Experiment:
    """The experiment of this key. Raises UnknownExperimentError."""
    known = experiments()
    if key not in known:
        raise UnknownExperimentError(f"There is no experiment called {key!r}; there are: {', '.join(known) or 'none'}.")
    return known[key]


@functools.cache
def _search(packages: tuple[str, ...]) -> dict[str, Experiment]:
    found: dict[str, Experiment] = {}
    origin: dict[str, str] = {}
    for module in _modules(packages):
        experiment = getattr(module, "EXPERIMENT", None)
        if experiment is None:
            continue
        if not isinstance(experiment, Experiment):
            kind = type(experiment).__name__
            raise TypeError(f"EXPERIMENT in {module.__name__} must be an Experiment; got {kind}.")
        if experiment.key in found:
            raise ValueError(
                f"Two experiments are called {experiment.key!r}: in {origin[experiment.key]} and in {module.__name__}. "
                "Rename one."
            )
        found[experiment.key], origin[experiment.key] = experiment, module.__name__
    return dict(sorted(found.items()))


def _modules(packages: tuple[str, ...]) -> Iterator[ModuleType]:
    for name in packages:
        package = importlib.import_module(name)
        for one in pkgutil.walk_packages(package.__path__, prefix=f"{name}."):
            yield importlib.import_module(one.name)
