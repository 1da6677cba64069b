"""Which steps of a training keep their weights: densely at first, where most happens, then ever more sparsely."""

from __future__ import annotations

GROWTH = 1.4
FINEST = 50  # of the whole training at most this many parts


class Moments:
    """Chooses about a dozen steps of a training, however long it is; the choice depends on the steps alone."""

    def __init__(self, total_steps: float) -> None:
        self._part = max(total_steps, 0.0) / FINEST
        self._next = 0.0

    def due(self, step: float) -> bool:
        """Whether this step, the next in order, is to be kept."""
        if step < self._next:
            return False
        self._next = max(step * GROWTH, step + self._part)
        return True
