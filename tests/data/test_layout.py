"""Where nodes are drawn: near where they are linked, as near as networkx draws them, always the same."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from core.data import graphs
from core.data.layout import positions


def closeness(places: np.ndarray, edges: np.ndarray) -> float:
    """Mean length of an edge over the mean distance of any two nodes."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    return float(apart[edges[:, 0], edges[:, 1]].mean() / apart[np.triu_indices(len(places), 1)].mean())


@pytest.mark.parametrize("graph", [graphs.karate(), graphs.generated(150, 3, 4.0, 0.8, 0.8)])
def test_linked_nodes_stand_as_near_as_in_networkx(graph: graphs.NodeGraph):
    places = positions(graph.edges, graph.nodes)
    linked = nx.Graph(graph.edges.tolist())
    linked.add_nodes_from(range(graph.nodes))
    whole = sorted(max(nx.connected_components(linked), key=len))  # lonely nodes fly far in theirs
    drawn = nx.spring_layout(linked, seed=0)
    theirs = np.array([drawn[node] for node in whole])
    edges = np.array([[whole.index(node) for node in pair] for pair in graph.edges if pair[0] in whole])
    assert closeness(places[whole], edges) < 1.2 * closeness(theirs, edges) < 0.8
    assert places.shape == (graph.nodes, 2) and np.abs(places).max() == pytest.approx(1.0)
    np.testing.assert_array_equal(places, positions(graph.edges, graph.nodes))


def test_nodes_without_edges_do_not_make_the_others_small():
    ring = np.array([[one, one + 1] for one in range(39)] + [[0, 39]])
    places = positions(ring, 42)  # two are alone
    assert np.isfinite(places).all() and np.abs(places[:40]).max() > 0.5


def test_a_single_node_and_a_graph_without_edges_have_places():
    assert positions(np.empty((0, 2), np.int64), 1).tolist() == [[0.0, 0.0]]
    alone = positions(np.empty((0, 2), np.int64), 5)
    assert np.isfinite(alone).all() and len(np.unique(alone.round(3), axis=0)) == 5
