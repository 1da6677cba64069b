"""Figures of the graph lab: nodes and edges as drawn, one node's sum, curves over depth and noise."""

from __future__ import annotations

import numpy as np
import pytest

from core.engine.records import Series
from core.experiments.nodes import NodesConfig
from core.figures import graph as figures

PLACES = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
FOUND = {
    "labels": np.array([0, 0, 1, 1], np.uint8),
    "said": np.array([0, 1, 1, 1], np.uint8),
    "confidence": np.array([0.9, 0.6, 0.8, 0.7], np.float32),
    "part": np.array([0, 1, 2, 2], np.uint8),
    "accuracy": np.array([100.0, 0.0, 100.0]),
    "edges": np.array([[0, 1], [1, 2], [2, 3]]),
    "added": np.array([False, False, True]),
    "classes": np.array(["red", "blue"]),
    "listens": np.array([[0.3, 1.0, 3.0], [1.0, 1.5, 0.6]], np.float32),
}
TERMS = {
    "heard": np.array([0, 3]),
    "weights": np.array([0.5, 0.5]),
    "values": np.array([1.0, -2.0]),
    "terms": np.array([0.5, -1.0]),
    "degrees": np.array([2, 2]),
    "degree": np.array(2),
    "own": np.array(0.0),
    "bias": np.array(0.25),
    "sum": np.array(-0.25),
    "logit": np.array(-0.25),
    "said": np.array(1),
    "label": np.array(0),
    "labels": np.array([0, 1]),
    "added": np.array([False, True]),
    "probabilities": np.array([0.4, 0.6]),
    "classes": np.array(["red", "blue"]),
}


def lines_of(trace) -> list[list[tuple[float, float]]]:
    """The pieces of a broken line."""
    points = np.column_stack([trace.x, trace.y]).reshape(-1, 3, 2)
    assert np.isnan(points[:, 2]).all()
    return [[tuple(point) for point in piece[:2]] for piece in points.tolist()]


def test_nodes_stand_in_their_order_and_wrong_ones_are_crosses():
    figure = figures.graph(FOUND, PLACES, node=2)
    nodes = figure.data[figures.NODE_TRACE]
    assert nodes.marker.symbol == ("circle", "x", "circle", "circle")
    assert nodes.marker.color.tolist() == [0, 0, 1, 1] and nodes.text[1] == "red; says blue, 60%"
    assert figures.graph(FOUND, PLACES, by="said").data[figures.NODE_TRACE].marker.color.tolist() == [0, 1, 1, 1]
    assert figures.node_at(figures.NODE_TRACE, (2,), 4) == 2
    assert all(
        figures.node_at(trace, index, 4) is None
        for trace, index in ((0, (2,)), (figures.NODE_TRACE, (4,)), (1, (1, 1)))
    )


def test_each_half_of_an_edge_is_as_wide_as_the_node_at_its_end_listens():
    figure = figures.graph(FOUND, PLACES)
    widths = {
        piece[0]: trace.line.width for trace in figure.data[: 2 * len(figures.WIDTHS)] for piece in lines_of(trace)
    }
    least, some, even, more, most = figures.WIDTHS
    ends = [(trace.line.color, piece[0], trace.line.width) for trace in figure.data[:10] for piece in lines_of(trace)]
    assert len(ends) == 6 and widths[0, 0] == least
    assert sorted(width for _, _, width in ends) == sorted([least, even, even, more, most, some])
    assert {start for colour, start, _ in ends if colour == figures.ADDED} == {(0, 1), (1, 1)}
    assert any(trace.name == "irrelevant neighbours" for trace in figure.data)


def test_the_chosen_nodes_edges_and_the_training_nodes_are_marked():
    figure = figures.graph(FOUND, PLACES, node=1)
    edges, ring, train = figure.data[figures.NODE_TRACE - 3 : figures.NODE_TRACE]
    assert lines_of(edges) == [[(0, 0), (1, 0)], [(1, 0), (0, 1)]]
    assert (list(ring.x), list(ring.y), list(train.x), list(train.y)) == ([1], [0], [0], [0])
    assert not len(figures.graph(FOUND, PLACES).data[figures.NODE_TRACE - 2].x)


def test_in_a_crowd_an_edge_is_one_line_and_nothing_weighs_without_weights():
    many = {**FOUND, "listens": np.empty((2, 0), np.float32)}
    none = figures.graph(many, PLACES)
    assert [len(lines_of(trace)) for trace in none.data[:10]] == [0, 0, 2, 0, 0, 0, 0, 1, 0, 0]
    assert not any("share" in (trace.name or "") for trace in none.data)
    count = figures.CROWD + 1
    crowd = {name: np.resize(FOUND[name], count) for name in ("labels", "said", "confidence", "part")}
    figure = figures.graph({**FOUND, **crowd}, np.resize(PLACES, (count, 2)))
    assert sum(len(lines_of(trace)) for trace in figure.data[:10]) == 3


def test_the_parts_right_answers_are_told():
    assert figures.said(FOUND) == (
        "Right: 100.0 % of 2 test nodes, 0.0 % of 1 validation nodes, 100.0 % of 1 training nodes."
    )


def test_terms_are_bars_the_largest_first_and_the_rest_together():
    (bars,) = figures.terms(TERMS).data
    assert list(bars.y) == ["node 3 (added)", "node 0", "bias"] and list(bars.x) == [-1.0, 0.5, 0.25]
    many = {**TERMS, "heard": np.arange(20), "terms": np.ones(20), "added": np.zeros(20, bool)}
    (bars,) = figures.terms({**many, "labels": np.zeros(20, int), "own": np.array(2.0)}).data
    assert list(bars.y[-3:]) == ["8 others", "itself (B·h)", "bias"] and list(bars.x[-3:]) == [8.0, 2.0, 0.25]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "1/√(2·2) = 0.5000"),
        ({"normalisation": "row"}, "1/d_v = 1/2 = 0.5000"),
        ({"normalisation": "none"}, "Weight 1 for all"),
        ({"model": "gat"}, "weighs α, a softmax over them; they sum to 1.0000"),
        ({"model": "gat", "output_heads": 2}, "mean of 2 heads"),
        ({"model": "sage"}, "each of the 2 neighbours weighs 1/2"),
        ({"model": "sage", "aggregator": "median"}, "the lower of two"),
        ({"model": "mlp"}, "W·h + b"),
    ],
)
def test_the_equation_names_the_rule_and_the_difference(changes: dict[str, object], said: str):
    text = figures.equation(TERMS, NodesConfig.parse(changes), 1)
    assert said in text and "wrong, it is red" in text
    assert "logit = 0.5000 − 1.0000 + 0.2500 (bias) = **−0.2500**. The net itself: −0.2500; difference 0.0e+00" in text


def test_a_node_that_hears_nobody_says_so():
    empty = {name: TERMS[name][:0] for name in ("heard", "weights", "values", "terms", "degrees", "labels", "added")}
    assert "It hears nobody" in figures.equation({**TERMS, **empty}, NodesConfig(), 1)
    assert figures.term_rows({**TERMS, **empty}) == []
    assert figures.term_rows(TERMS)[1]["Weight × value"] == "−1.0000"


def series(*values: float) -> Series:
    return Series(np.arange(len(values), dtype=float), np.array(values))


def test_variance_is_drawn_layer_by_layer_before_training_or_after():
    found = {True: {"feature variance 1": {0: series(0.9, 0.5)}, "feature variance 2": {0: series(0.6, 0.0, np.nan)}}}
    means = [
        trace for trace in figures.variances(found, 2, untrained=True, band="std").data if trace.meta["role"] == "mean"
    ]
    assert [(list(one.x), list(one.y)) for one in means] == [([1, 2], [0.9, 0.6])]
    figure = figures.variances(found, 2, untrained=False, band="std")
    assert figure.data[0].y.tolist() == [0.5, 1e-12] and figure.layout.yaxis.type == "log"


def test_depth_and_noise_are_lines_with_their_own_colours():
    figure = figures.accuracy_by_depth({(2, True): {0: 80.0}, (1, True): {0: 70.0}, (2, False): {0: 60.0}}, "std")
    lines = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data if trace.meta["role"] == "mean"}
    assert lines == {"with the self term": ([1, 2], [70, 80]), "without it": ([2], [60])}
    noise = figures.accuracy_by_noise(
        {("gat", 0.0): {0: 80.0}, ("gat", 0.5): {0: 60.0}, ("gcn", 0.5): {0: 50.0}}, "std"
    )
    colours = {trace.name: trace.line.color for trace in noise.data if trace.meta["role"] == "mean"}
    assert colours == {figures.MODEL_NAMES[one]: figures.MODEL_STYLES[one].colour for one in ("gat", "gcn")}


def test_attention_stands_beside_the_share_it_would_be():
    figure = figures.attention_by_noise({1.0: {0: 40.0, 1: 50.0}}, {1.0: {0: 46.0, 1: 48.0}}, "std")
    share = [trace for trace in figure.data if trace.meta["role"] == "share"]
    assert (list(share[0].x), list(share[0].y)) == ([1.0], [47.0])
    assert not [trace for trace in figures.attention_by_noise({}, {}, "std").data if trace.meta["role"] == "share"]


def test_a_table_has_spread_and_n_and_milliseconds():
    row = figures.table_row(
        "GCN", {"test accuracy": {0: 80.0, 1: 82.0}, "seconds per epoch": {0: 0.002, 1: 0.004}}, "live"
    )
    assert row == {
        "Model": "GCN",
        "Test accuracy (%)": "81.00 ± 1.00 (n = 2)",
        "One epoch": "3.00 ± 1.00 ms (n = 2)",
        "From": "live",
    }
    assert figures.table_row("GAT", {}, "press Run")["One epoch"] == "–"
