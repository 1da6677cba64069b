"""Graph algebra against the sources' numbers, networkx, torch's own layers, and every form against the other."""

from __future__ import annotations

from itertools import product

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch.nn import functional as F

from core.demos import graph_algebra as algebra
from core.demos import graph_attention as attention
from core.demos import graph_layers as layers
from core.demos.graph_algebra import GraphAlgebraConfig, SmallGraph, graph, preset, read_graph
from core.demos.tokens import word_vector
from core.nn.graph import Graph, SageConv

LEFT, RIGHT = preset("left", 6), preset("right", 6)
QUICK = settings(max_examples=40, deadline=None)


@some.composite
def graphs(draw: some.DrawFn, most: int = 6) -> SmallGraph:
    nodes = draw(some.integers(1, most))
    pairs = [(one, other) for one in range(1, nodes + 1) for other in range(one + 1, nodes + 1)]
    return graph(nodes, draw(some.sets(some.sampled_from(pairs))) if pairs else set())


def features(small: SmallGraph, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((small.nodes, 2))


def oracle(small: SmallGraph) -> nx.Graph:
    made = nx.Graph(small.edges)
    made.add_nodes_from(range(1, small.nodes + 1))
    return made


# --- the sources' graphs


def test_the_left_graphs_matrices_are_the_sources():
    a = [[0, 1, 1, 0, 1], [1, 0, 1, 0, 0], [1, 1, 0, 1, 0], [0, 0, 1, 0, 0], [1, 0, 0, 0, 0]]
    squared = [[3, 1, 1, 1, 0], [1, 2, 1, 1, 1], [1, 1, 3, 0, 1], [1, 1, 0, 1, 0], [0, 1, 1, 0, 1]]
    np.testing.assert_array_equal(LEFT.adjacency, a)
    np.testing.assert_array_equal(algebra.power(LEFT, 2), squared)


def test_the_right_graphs_degrees_and_laplacian_are_the_sources():
    assert RIGHT.text == "1-2 2-3 2-5 3-4 4-5 4-6 5-6"
    assert RIGHT.degrees == (1, 3, 2, 3, 3, 2)
    wanted = np.diag([1, 3, 2, 3, 3, 2]) - RIGHT.adjacency
    np.testing.assert_array_equal(algebra.matrices(RIGHT, loops=False)["L = D − A"], wanted)


@pytest.mark.parametrize(
    ("name", "made"),
    [("path", nx.path_graph), ("cycle", nx.cycle_graph), ("complete", nx.complete_graph), ("karate", None)],
)
@pytest.mark.parametrize("size", [3, 12])
def test_other_graphs_are_networkxs(name: algebra.GraphName, made: object, size: int):
    wanted = nx.karate_club_graph() if made is None else made(size)  # type: ignore[operator]
    found = preset(name, size)
    assert set(found.edges) == {(one + 1, other + 1) for one, other in wanted.edges} - {(size, 1)} | (
        {(1, size)} if name == "cycle" else set()
    )
    assert found.nodes == len(wanted)


def test_a_star_has_one_middle_and_two_nodes_make_one_edge_of_everything():
    assert preset("star", 5).degrees == (4, 1, 1, 1, 1)
    assert {preset(name, 2).edges for name in algebra.SIZED} == {((1, 2),)}  # type: ignore[arg-type]


def test_a_large_graphs_nodes_stand_apart_and_fill_the_drawing():
    places = algebra.spread_out(preset("karate", 6))
    assert (places.min(axis=0), places.max(axis=0)) == (pytest.approx([-1, -1]), pytest.approx([1, 1]))
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + 9 * np.eye(len(places))
    assert apart.min() > 0.05


# --- text


@given(graphs(algebra.MOST_NODES))
@QUICK
def test_a_graph_comes_back_from_its_text(small: SmallGraph):
    assert read_graph(small.text) == (small, ())


@pytest.mark.parametrize(
    ("text", "edges", "nodes"),
    [
        ("1 - 2, 2–3;3−4", {(1, 2), (2, 3), (3, 4)}, 4),
        ("3-2-1", {(1, 2), (2, 3)}, 3),
        ("2-1 5", {(1, 2)}, 5),
        ("4", set(), 4),
    ],
)
def test_edges_may_be_written_in_many_ways(text: str, edges: set[tuple[int, int]], nodes: int):
    assert read_graph(text) == (graph(nodes, edges), ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1-2 zz", "`zz` was left out: an edge is two node numbers with a hyphen, such as 2-3"),
        ("1-2 2-", "`2-` was left out"),
        ("1-2 2-13", "`2-13` was left out: nodes have the numbers 1 to 12"),
        ("1-2 0-1", "numbers 1 to 12"),
        ("1-2 2-2", "an edge joins two different nodes"),
        ("1-2 2-1", "`2-1` was left out: this edge is there already"),
    ],
)
def test_a_piece_that_is_no_edge_is_named_with_the_rule(text: str, said: str):
    found, (note,) = read_graph(text)
    assert found == graph(2, {(1, 2)}) and said in note


def test_of_many_faults_some_are_named_and_without_any_edge_there_is_an_example():
    found, notes = read_graph("a b c d e")
    assert found == RIGHT and len(notes) == algebra.MOST_SAID + 2
    assert notes[-2] == "2 more pieces were left out." and notes[-1].startswith("No graph is written yet")


@given(some.text(max_size=40))
@QUICK
def test_any_text_is_a_graph_and_no_markup(text: str):
    found, notes = read_graph(text)
    assert 1 <= found.nodes <= algebra.MOST_NODES
    assert all(note.count("`") in (0, 2) for note in notes)


@given(some.text(max_size=30))
@QUICK
def test_any_text_is_a_matrix_or_says_why_not(text: str):
    example = np.arange(4.0).reshape(2, 2)
    found = layers.read_rows(text, example, "W")
    assert found.values.shape == (2, 2) and np.isfinite(found.values).all()
    assert found.notes or np.array_equal(found.values, example) or text.strip()


def test_rows_are_read_completed_and_refused_with_the_rule():
    example = np.array([[9.0, 9.0], [8.0, 8.0]])
    assert layers.read_rows("1 −2; .5, 3", example, "X").values.tolist() == [[1, -2], [0.5, 3]]
    few, many, bad, huge = (layers.read_rows(text, example, "X") for text in ("1 2", "1 2;3 4;5 6", "1 2 3", "1 9999"))
    assert few.values.tolist() == [[1, 2], [8, 8]] and "X has 1 rows where 2 are needed" in few.notes[0]
    assert many.values.tolist() == [[1, 2], [3, 4]] and "the first 2 are used" in many.notes[0]
    for refused in (bad, huge):
        assert refused.values.tolist() == example.tolist()
        assert "a row of X is 2 numbers from −1000 to 1000" in refused.notes[0]


@given(some.lists(some.tuples(*[some.floats(-1000, 1000)] * 2), min_size=1, max_size=34))
@QUICK
def test_features_survive_their_text(rows: list[tuple[float, float]]):
    x = np.array(rows)
    found = layers.read_rows(layers.as_text(x), np.ones_like(x), "X")
    assert found.notes == () and np.abs(found.values - x).max() <= 5.1e-5


# --- drawing


@given(graphs(), some.data())
@QUICK
def test_what_is_drawn_can_be_taken_back(small: SmallGraph, data: some.DataObject):
    assert small.with_node().without(small.nodes + 1) == small
    if small.nodes > 1:
        one, other = data.draw(some.permutations(range(1, small.nodes + 1)))[:2]
        changed = small.toggled(one, other)
        assert abs(len(changed.edges) - len(small.edges)) == 1 and changed.toggled(other, one) == small
        node = data.draw(some.integers(1, small.nodes))
        kept = np.delete(np.delete(small.adjacency, node - 1, 0), node - 1, 1)
        np.testing.assert_array_equal(small.without(node).adjacency, kept)


def test_twelve_nodes_are_enough_and_one_stays():
    with pytest.raises(ValueError, match="at most 12 nodes; got 13"):
        preset("path", 12).with_node()
    with pytest.raises(ValueError, match="at least 1 node"):
        SmallGraph(1, ()).without(1)


# --- matrices


@given(graphs(), some.booleans())
@QUICK
def test_normalised_forms_are_what_their_formulas_say(small: SmallGraph, loops: bool):
    a, d, laplacian, row, symmetric, normal = algebra.matrices(small, loops).values()
    plain = algebra.laplacian(small)
    np.testing.assert_array_equal(laplacian, plain)  # loops or not
    np.testing.assert_array_equal(laplacian @ np.ones(small.nodes), np.zeros(small.nodes))
    degrees = np.diag(d)
    np.testing.assert_allclose(row.sum(axis=1), degrees > 0, atol=1e-12)
    np.testing.assert_allclose(symmetric * np.sqrt(np.outer(degrees, degrees)), a, atol=1e-12)
    np.testing.assert_allclose(normal, np.diag((degrees > 0).astype(float)) - symmetric, atol=1e-12)


@given(graphs())
@QUICK
def test_eigenvalues_count_the_pieces_and_are_networkxs(small: SmallGraph):
    found, wanted = algebra.spectrum(small), oracle(small)
    assert found.zeros == found.components == nx.number_connected_components(wanted)
    assert found.largest_row_sum == 0
    np.testing.assert_allclose(found.values, nx.laplacian_spectrum(wanted), atol=1e-9)
    if found.fiedler is not None:
        np.testing.assert_allclose(algebra.laplacian(small) @ found.fiedler, found.values[1] * found.fiedler, atol=1e-8)


# --- walks


@given(graphs(5), some.integers(1, 4))
@QUICK
def test_powers_count_the_walks_one_by_one(small: SmallGraph, length: int):
    every = range(1, small.nodes + 1)
    for start, end in product(every, every):
        wanted = [
            (start, *between, end)
            for between in product(every, repeat=length - 1)
            if all(small.adjacency[u - 1, v - 1] for u, v in zip((start, *between), (*between, end), strict=True))
        ]
        assert list(algebra.walks(small, start, end, length)) == wanted
        found = algebra.look_at_walks(small, start, end, length)
        assert (found.count, found.listed) == (len(wanted), len(wanted))
        paths = nx.all_simple_paths(oracle(small), start, end, cutoff=length) if start != end else []
        assert found.paths == sum(len(path) == length + 1 for path in paths)


def test_too_many_walks_are_counted_but_not_gone_through():
    found = algebra.look_at_walks(preset("complete", 12), 1, 2, 8)
    assert found.count == (11**8 - 1) // 12 and found.listed is None and found.paths is None
    assert len(found.first) == 60 and found.first[0] == (1, 2, 1, 2, 1, 2, 1, 3, 2)


def test_even_cycles_have_no_walk_of_odd_length_home():
    assert not np.diag(algebra.power(preset("cycle", 6), 5)).any()


# --- layers


@given(graphs(), some.integers(0, 10))
@QUICK
def test_changes_node_by_node_are_the_laplacians(small: SmallGraph, seed: int):
    x = features(small, seed)
    np.testing.assert_allclose(layers.changes(small, x), algebra.laplacian(small) @ x, atol=1e-12)


@given(graphs(), some.sampled_from(["relu", "tanh", "none"]), some.integers(0, 10))
@QUICK
def test_a_convolutions_two_forms_agree(small: SmallGraph, activation: algebra.Activation, seed: int):
    w, b = np.random.default_rng(seed).standard_normal((2, 2, 2))
    found = layers.convolution(small, features(small, seed), w, b, activation)
    assert found.difference < 1e-12
    isolated = [not degree for degree in small.degrees]
    assert not found.means[isolated].any()


def test_a_convolution_is_the_layer_that_is_trained():
    x, (w, b, _) = features(RIGHT), layers.weights_of(GraphAlgebraConfig())
    layer = SageConv(2, 2)
    with torch.no_grad():
        layer.lin_l.weight.copy_(torch.tensor(w))
        layer.lin_l.bias.zero_()
        assert layer.lin_r is not None
        layer.lin_r.weight.copy_(torch.tensor(b))
        ends = torch.tensor([*RIGHT.edges, *((other, one) for one, other in RIGHT.edges)]) - 1
        wanted = F.relu(layer(torch.tensor(x).float(), Graph(ends[:, 0], ends[:, 1], 6)))
    np.testing.assert_allclose(layers.convolution(RIGHT, x, w, b, "relu").index, wanted, atol=1e-6)


def test_steps_in_numbers_say_the_result():
    x = np.array([[1.0, 0], [0, 2], [3, 1], [0, 0], [-1, 1]])
    assert layers.change_in_numbers(LEFT, x, 1)[0].endswith("3·(1, 0) − (0, 2) − (3, 1) − (−1, 1) = (1, −4)")
    layer = layers.convolution(LEFT, x, np.eye(2), np.eye(2), "relu")
    lines = layers.message_in_numbers(LEFT, layer, 1, 2)
    assert lines[0] == "message 2 → 1: h2 / |N(1)| = (0, 2) / 3 = (0, 0.6667)" and len(lines) == 6
    assert lines[-1] == "update: h1' = ReLU(1.667, 1.333) = (1.667, 1.333)"
    assert len(layers.message_in_numbers(LEFT, layer, 1, 0)) == 3
    alone = SmallGraph(1, ())
    assert "no neighbours" in layers.change_in_numbers(alone, x[:1], 1)[0]


@given(graphs())
@QUICK
def test_a_median_adds_up_only_where_nobody_has_two_neighbours(small: SmallGraph):
    found = layers.counterexample(small)
    assert (found is None) == (max(small.degrees) < 2)
    if found:
        assert found.gap == 1 and abs(found.gap_of_means) < 1e-12
        inside = [place - 1 for place in found.neighbours]
        lower = np.quantile((found.x + found.y)[inside], 0.5, method="lower")
        assert found.medians[2] == lower


@given(graphs(), some.integers(0, 5))
@QUICK
def test_variance_over_layers_is_what_the_eigenvalues_say(small: SmallGraph, seed: int):
    found = layers.smoothing(small, features(small, seed))
    assert found.difference < 1e-10
    assert all(values[0] == pytest.approx(layers.spread(features(small, seed))) for values in found.variance.values())


def test_a_star_never_grows_alike_without_the_node_itself():
    found = layers.smoothing(preset("star", 6), layers.EXAMPLE_X[:6])
    alone, half = (found.variance[name] for name in (layers.STACKS[0], layers.STACKS[2]))
    assert alone[20] == pytest.approx(alone[2]) and half[20] < 1e-6 * half[0]
    assert found.rates[layers.STACKS[0]] == pytest.approx(1) and found.rates[layers.STACKS[2]] == pytest.approx(0.5)


def test_the_worked_example_is_the_sources():
    found = layers.worked(GraphAlgebraConfig())
    np.testing.assert_allclose(found.aggregate, [-0.8, 0.8])
    np.testing.assert_allclose(found.after, [0, 0.8], atol=1e-15)
    assert found.own == 0 and found.lines[-1].endswith("= 0 + (0, 0.8) = (0, 0.8)")
    other = layers.worked(GraphAlgebraConfig(worked_factor=-1, worked_weights="1 0 0", worked_w="0 1"))
    np.testing.assert_allclose(other.after, [-1 + 1, -1 + 0])


# --- a transformer as messages


def test_i_eat_red_apples_has_twelve_edges_and_sixteen_with_loops():
    found = attention.layer("I eat red apples")
    assert (found.edges, found.edges_and_loops, found.names[3]) == (12, 16, "apples")
    np.testing.assert_allclose(found.weights[0].reshape(4, 4).sum(axis=1), np.ones(4))


@given(some.lists(some.sampled_from(["I", "eat", "red", "apples", "pears"]), min_size=1, max_size=24))
@QUICK
def test_a_transformer_layer_and_message_passing_give_the_same_numbers(words: list[str]):
    assert attention.layer(" ".join(words)).difference < 1e-12


def test_the_order_of_messages_does_not_matter_but_a_missing_edge_does():
    x = np.stack([word_vector(word, attention.WIDTH) for word in ("I", "eat", "red", "apples")])
    targets, sources = np.indices((4, 4)).reshape(2, -1)
    order = np.random.default_rng(0).permutation(16)
    whole = attention.through_torch(x)
    np.testing.assert_allclose(attention.passed_on(x, sources[order], targets[order])[3], whole, atol=1e-12)
    fewer = attention.passed_on(x, sources[1:], targets[1:])[3]
    assert np.abs(fewer[0] - whole[0]).max() > 1e-3
    np.testing.assert_allclose(fewer[1:], whole[1:], atol=1e-12)


def test_costs_are_counted():
    this, sentence, cora = attention.costs(RIGHT, 4)
    assert (this.along_edges, this.all_pairs) == (2 * 7 + 6, 36)
    assert sentence.along_edges == sentence.all_pairs == 16
    assert (cora.along_edges, cora.all_pairs) == (13_264, 7_333_264)
