"""All that a run can say, in NumPy: never figures, never modules, so that events can be stored and sent as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Metrics:
    """Numbers at one moment of training.

    step: in epochs; a fraction is a moment within an epoch. values: name -> (seeds,) float, one number a seed in the
    order the run was given them; NaN for a seed that has stopped.
    """

    step: float
    values: Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True)
class Arrays:
    """Pictures of one moment of training, or the answer to a query.

    arrays: name -> any shape. seed: the seed they belong to; None in an answer lets the worker fill it in.
    """

    step: float
    arrays: Mapping[str, NDArray[np.generic]]
    name: str = "arrays"
    seed: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Weights that may answer queries from now on, one mapping a seed. The store keeps the last one of a run."""

    step: float
    weights: tuple[Weights, ...]


@dataclass(frozen=True)
class Note:
    """A sentence for the person who watches."""

    text: str


Event = Metrics | Arrays | Checkpoint | Note
