"""Figures of the geometry lab: shares that sum up, lines where their numbers are, axes with names and units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.demos import directions
from core.figures import geometry as figures


def test_distortions_are_shares_with_lines_at_epsilon():
    edges, counts = np.linspace(0, 2, 5), np.array([1, 3, 4, 2])
    figure = figures.distortions(edges, counts, counts / 10, 0.4)
    bars, exact, low, high = figure.data
    assert sum(bars.y) == pytest.approx(100) and list(exact.y) == pytest.approx(list(bars.y))
    assert (low.x, high.x) == ((0.6, 0.6), (1.4, 1.4))
    assert "‖Mx − My‖²" in figure.layout.xaxis.title.text and figure.layout.yaxis.title.text == "Share of pairs (%)"


def test_draws_that_hold_have_their_interval_and_every_k_is_in_sight():
    ks, shares = np.array([8, 64]), np.array([[0.0, 0.0, 0.1], [0.5, 0.3, 0.7]])
    promised = {"at least": (np.array([8.0, 64.0]), np.array([0.0, 0.4]))}
    figure = figures.held(ks, shares, promised, {"k chosen": 64.0, "8 ln(n)/ε²": 500.0})
    counted, least, chosen, asked = figure.data
    assert counted.error_y.array[1] == pytest.approx(20) and counted.error_y.arrayminus[1] == pytest.approx(20)
    assert list(least.y) == [0, 40] and set(chosen.x) == {64.0} and set(asked.x) == {500.0}
    low, high = figure.layout.xaxis.range
    assert low < math.log10(8) and high > math.log10(500)


def test_variances_and_neighbours_carry_their_spread():
    figure = figures.variances(np.array([2, 4]), np.array([[1.0, 0.5], [3.0, 0.5]]), np.array([2.0, 0.5]))
    (mean,) = (one for one in figure.data if one.meta and one.meta["role"] == "mean")
    assert list(mean.y) == [2.0, 0.5] and [one.name for one in figure.data][-1] == "formula"
    near = figures.neighbours({1: {0: 10.0, 1: 20.0}, 64: {0: 95.0, 1: 95.0}}, {1: 30.0, 64: 95.0}, 96.0)
    assert near.layout.yaxis.title.text.endswith("(%)")
    assert {"before: all pixels", "first k principal components"} <= {one.name for one in near.data}


def test_products_go_from_minus_one_to_one():
    (heat,) = figures.products(directions.gram(5, 3, 0)).data
    assert (heat.zmin, heat.zmax) == (-1, 1) and np.diag(heat.z) == pytest.approx(1)


def test_the_largest_products_stand_over_the_number_of_vectors():
    lines = {name: ([2, 4], [0.1, 0.2]) for name in "abcd"}
    figure = figures.largest({2: {0: 0.2, 1: 0.4}, 4: {0: 0.5, 1: 0.5}}, lines, 0.3)
    assert [one.name for one in figure.data][-1] == "δ" and set(figure.data[-1].y) == {0.3}
    assert figure.layout.xaxis.title.text == "Vectors N" and figure.layout.xaxis.type == "log"


def test_growth_is_on_a_log_axis_and_kept_ones_are_drawn_where_there_are_any():
    lines = {"random": ([2, 60], [2.0, 1e200]), "lemma": ([], []), "k": ([2, 60], [2.0, 60.0])}
    some, none = figures.growth(lines, {8: {0: 17, 1: 19}, 99: {0: 5}}, 500, 1e4), figures.growth(lines, {}, 500, 1e4)
    assert some.layout.yaxis.type == "log" and some.layout.yaxis.range == (0, 4)
    kept = some.data[-1]
    assert (list(kept.x), list(kept.y), list(kept.error_y.array)) == ([8], [18], [1])
    assert len(none.data) == len(some.data) - 1


def test_angles_are_in_degrees():
    found = directions.histogram(3, 0)
    figure = figures.angles(found.edges, found.measured, found.exact)
    bars, exact = figure.data
    assert 85 < np.average(bars.x, weights=bars.y) < 95 and sum(exact.y) == pytest.approx(100, abs=0.5)
    spread = figures.concentration([4, 16], np.array([0.5, 0.25]), np.array([0.01, 0.01]), np.array([0.5, 0.25]), 9)
    assert spread.data[1].y == pytest.approx([90 / math.pi, 45 / math.pi])
    assert spread.layout.yaxis.title.text.endswith("(°)") and set(spread.data[3].x) == {9}
