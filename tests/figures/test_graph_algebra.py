"""Figures of graph algebra: nodes that can be clicked, numbers in cells, logarithms of what has one, words as text."""

from __future__ import annotations

import numpy as np
import pytest

from core.demos import graph_algebra as algebra
from core.demos import graph_attention as attention
from core.demos import graph_layers as layers
from core.figures import graph_algebra as figures

RIGHT = algebra.preset("right", 6)


def test_nodes_stand_on_a_circle_clockwise_from_the_top():
    places = figures.on_a_circle(4)
    np.testing.assert_allclose(places, [[0, 1], [1, 0], [0, -1], [-1, 0]], atol=1e-12)
    assert figures.on_a_circle(1).tolist() == [[0, 0]]


def test_the_chosen_node_is_outlined_with_its_edges_and_the_others_are_drawn_apart():
    figure = figures.drawing(RIGHT.edges, figures.on_a_circle(6), chosen=2, done=[1])
    far, near, nodes = figure.data
    assert (len(near.x), len(far.x)) == (3 * 3, 3 * 4)  # two ends and a gap an edge
    assert nodes is figure.data[figures.NODES] and nodes.text == tuple("123456")
    assert nodes.marker.line.width == (0, 5, 0, 0, 0, 0)
    assert nodes.marker.color[0] == figures.DONE != nodes.marker.color[1]


def test_a_graph_without_edges_is_drawn():
    assert len(figures.drawing((), figures.on_a_circle(1)).data) == 3


def test_a_panel_a_matrix_with_its_numbers_and_zero_in_the_middle_of_the_colours():
    found = algebra.matrices(RIGHT, loops=False)
    figure = figures.matrices(found)
    assert [trace.name for trace in figure.data] == list(found)
    for trace, values in zip(figure.data, found.values(), strict=True):
        np.testing.assert_allclose(trace.z, values, rtol=1e-6)
        assert trace.zmin == -trace.zmax
    assert list(figure.data[2].text[1][:3]) == ["−1", "3", "−1"] and figure.data[3].text[1][0] == ".33"
    assert figure.layout.yaxis.title.text == figure.layout.xaxis5.title.text == "Node"


def test_many_nodes_leave_no_room_for_numbers():
    karate = algebra.preset("karate", 6)
    figure = figures.matrices(algebra.matrices(karate, loops=True))
    assert figure.data[0].text is None and figure.layout.xaxis.tickvals == (1, 5, 10, 15, 20, 25, 30)


def test_the_chosen_pair_is_outlined_among_the_walks():
    figure = figures.powers(algebra.power(RIGHT, 2), "A²", (2, 5))
    (box,) = figure.layout.shapes
    assert (box.y0, box.y1, box.x0, box.x1) == (1.5, 2.5, 4.5, 5.5)
    assert figure.data[0].zmin == 0 and figure.layout.yaxis.title.text == "From node"
    large = figures.powers(algebra.power(algebra.preset("complete", 12), 8), "A⁸", (1, 1))
    assert large.data[0].text[0][0] == "1.8e7"


@pytest.mark.parametrize("nodes", [1, 2, 6])
def test_eigenvalues_that_are_0_have_a_mark_of_their_own(nodes: int):
    found = algebra.spectrum(algebra.SmallGraph(nodes, ((1, 2),) if nodes > 1 else ()))
    zero, *rest = figures.eigenvalues(found.values).data
    assert len(zero.x) == found.zeros and sum(len(one.x) for one in rest) == nodes - found.zeros
    if found.fiedler is not None:
        assert len(figures.fiedler(found.fiedler).data[0].y) == nodes


def test_variances_that_are_rounding_are_left_out_of_a_logarithm():
    complete = algebra.preset("complete", 6)
    found = layers.smoothing(complete, layers.EXAMPLE_X[:6])
    figure = figures.smoothing(found.variance, found.formula)
    assert figure.layout.yaxis.type == "log"
    assert all(np.nanmin(trace.y) > 0 for trace in figure.data)
    assert np.isnan(figure.data[2].y[1:]).all()  # A + I of the complete graph: alike after one layer


def test_a_line_is_as_wide_as_its_weight_and_words_are_never_html():
    found = attention.layer("<b>I</b> eat red apples")
    _, weights, _ = found.heard(1, 0)
    figure = figures.sentence(found.names, weights, 1)
    widths = {trace.name: trace.line.width for trace in figure.data if trace.name.startswith("from")}
    assert widths == {f"from {place}": pytest.approx(1 + 14 * weights[place]) for place in (0, 2, 3)}
    said = [note.text for note in figure.layout.annotations]
    assert said[0].count("<") == 1 and said[0].startswith("1 ") and said[1] == f"2 eat<br>{weights[1]:.2f}"
    many = attention.layer(" ".join(["word"] * 24))
    assert [note.text for note in figures.sentence(many.names, many.heard(0, 0)[1], 0).layout.annotations][-1] == "24"
    assert len(figures.sentence(("alone",), np.ones(1), 0).data) == 2


def test_costs_stand_side_by_side_on_a_logarithm():
    figure = figures.costs(["a", "b"], [10, 100], [25, 10_000])
    assert [bar.y for bar in figure.data] == [(10, 100), (25, 10_000)] and figure.layout.yaxis.type == "log"
