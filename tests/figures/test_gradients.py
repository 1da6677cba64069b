"""Figures of gradients: what a log axis cannot show is left out, dead units and orange edges are where they belong."""

from __future__ import annotations

import numpy as np

from core.demos import backpropagation as back
from core.demos import jacobians
from core.demos.gradients import GradientsConfig, draws
from core.figures import gradients as figures


def test_a_chains_line_ends_before_the_first_dead_unit():
    bare, real, dead = figures.chain(np.array([2.0, -3.0, 5.0]), (2, 3)).data
    np.testing.assert_allclose(bare.y, [1, 2, 6, 30])
    np.testing.assert_allclose(real.y, [1, 2, np.nan, np.nan])
    assert list(dead.x) == [2, 3]


def test_zero_is_left_out_of_a_log_axis_and_tiny_numbers_are_not():
    found = figures.powers(np.array([-np.inf, -200.0, 0.0, -400.0]))
    assert np.isnan(found[[0, 3]]).all() and found[1] == 1e-200 and found[2] == 1


def test_every_draw_is_in_the_histogram():
    found = draws(3, 1.0, False, 1.0, 0)
    figure = figures.over_draws(found.logs, found.alive, found.expected)
    alive, dead = (int(np.sum(one.y)) for one in figure.data[:2])
    assert (alive, alive + dead) == (found.alive.sum(), len(found.logs))


def test_a_measured_line_and_its_bound_share_a_colour_and_the_axis_is_logarithmic():
    found = jacobians.decay(GradientsConfig())
    figure = figures.over_time(found.steps, found.logs, found.bounds, found.source)
    lines = {one.name: one for one in figure.data}
    assert lines["sigmoid"].line.color == lines["bound, sigmoid"].line.color
    assert figure.layout.yaxis.type == "log" and "n" in figure.layout.xaxis.title.text


def test_edges_turn_orange_when_their_gradient_has_passed():
    places, edges = back.unrolled(2)
    values = {name: np.zeros(1) for name in places}
    _, passed, nodes = figures.unrolled(places, edges, values, {}).data
    assert np.isnan(passed.x).all() and len(nodes.x) == 9
    gradients = {"y2": np.ones(1), "h2": np.ones(1)}
    along = {("h1", "h2"): np.array([-0.5])}
    figure = figures.unrolled(places, edges, values, gradients, "h2", along)
    assert len(figure.data[1].x) == 3 * 4  # y2→L2, h2→y2, h1→h2, x2→h2
    assert any("← −0.50" in one.text for one in figure.layout.annotations)


def test_the_flow_shows_medians_and_the_windows_end():
    rows = np.array([[1.0, 0.1, 0.0], [3.0, 0.3, 0.0]])
    figure = figures.flow(np.arange(3.0), {"norms": rows}, 1)
    np.testing.assert_allclose(figure.data[1].y, [2, 0.2, np.nan])
    assert figure.layout.shapes[0].x0 == 1.5
    assert not figures.flow(np.arange(3.0), {"norms": rows}, 5).layout.shapes
