"""Which steps of a training keep their weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.moments import Moments


def kept(total: float, steps: list[float]) -> list[float]:
    moments = Moments(total)
    return [step for step in steps if moments.due(step)]


def test_fifty_epochs_keep_the_first_ones_and_then_fewer():
    assert kept(50, [float(epoch) for epoch in range(51)]) == [0, 1, 2, 3, 5, 7, 10, 14, 20, 28, 40]


@pytest.mark.parametrize("epochs", [1, 10, 200, 10_000])
def test_a_training_of_any_length_keeps_about_a_dozen(epochs: int):
    steps = kept(epochs, [float(epoch) for epoch in range(epochs + 1)])
    assert steps[0] == 0
    assert min(epochs + 1, 5) <= len(steps) <= 16


@given(st.floats(0, 1e6), st.lists(st.floats(0, 1e6), max_size=300))
def test_the_number_kept_is_bounded_whatever_the_steps(total: float, steps: list[float]):
    growing = [step for step in sorted(set(steps)) if step <= total]
    assert len(kept(total, growing)) <= 16
