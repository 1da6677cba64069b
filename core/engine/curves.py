"""Stored events of one training, read once and kept as columns: to ask again costs only what is new."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable

import numpy as np

from core.engine.records import Series


class Curve:
    """The events of one training so far. count: how many. last: index of the newest, -1 before the first."""

    def __init__(self) -> None:
        """Nothing read yet."""
        self.count = 0
        self.last = -1
        self.step = 0.0
        self.notes: list[str] = []
        self.moments: dict[float, None] = {}
        self.saved: dict[float, None] = {}
        self._columns: dict[str, tuple[array[float], array[float]]] = {}
        self._series: dict[str, Series] = {}

    def extend(self, rows: Iterable[tuple[int, str, float | None, str]]) -> None:
        """Add rows (index, kind, step, body) of the events table, in the order of their index."""
        for index, kind, step, body in rows:
            self.count += 1
            self.last = index
            if step is not None:
                self.step = max(self.step, step)
            if kind == "metrics" and step is not None:
                self._add_metrics(step, json.loads(body))
            elif kind == "note":
                self.notes.append(body)
            elif kind == "arrays" and step is not None:
                self.moments[step] = None
            elif kind == "moment" and step is not None:
                self.saved[step] = None

    def series(self) -> dict[str, Series]:
        """Metric name -> its points, NaN left out. A metric that was always NaN has none."""
        for name, (steps, values) in self._columns.items():
            known = self._series.get(name)
            if known is None or len(known) != len(steps):
                self._series[name] = Series(np.array(steps), np.array(values))
        return dict(self._series)

    def _add_metrics(self, step: float, values: dict[str, float]) -> None:
        for name, value in values.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = (array("d"), array("d"))
            if value == value:  # not NaN
                column[0].append(step)
                column[1].append(value)
