"""Layers on graphs against PyTorch Geometric, against dense n×n forms, and against arithmetic by hand."""

from __future__ import annotations

import warnings
from itertools import product as combinations
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.nn import sparse
from core.nn.graph import (
    GatConv,
    GcnConv,
    Graph,
    GraphNet,
    SageConv,
    aggregate,
    dropped,
    dropped_rows,
)
from core.nn.sparse import Pattern, Sparse, attention, product

with warnings.catch_warnings():  # theirs are not ours to mend
    warnings.simplefilter("ignore")
    from torch_geometric.nn import GATConv, GCNConv, MedianAggregation, SAGEConv

NODES, INPUTS, OUTPUTS = 13, 6, 4
CLOSE = {"rtol": 0, "atol": 1e-5}


@pytest.fixture
def graph() -> Graph:
    """Random edges in both directions; the last node is isolated, node 0 hears from one other."""
    drawn = torch.rand(NODES, NODES, generator=torch.Generator().manual_seed(1)) < 0.3
    drawn = drawn.triu(1)
    drawn[0, 1:], drawn[0, 1], drawn[:, -1] = False, True, False
    one, other = drawn.nonzero(as_tuple=True)
    return Graph(torch.cat([one, other]), torch.cat([other, one]), NODES)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(NODES, INPUTS, generator=torch.Generator().manual_seed(2))


def edge_index(graph: Graph) -> Tensor:
    return torch.stack([graph.sources, graph.targets])


def dense(graph: Graph, self_term: bool = False) -> Tensor:
    """A[target, source], with I added."""
    matrix = torch.zeros(NODES, NODES).index_put((graph.targets, graph.sources), torch.tensor(1.0))
    return matrix + torch.eye(NODES) if self_term else matrix


def same_gradients(ours: torch.nn.Module, theirs: torch.nn.Module, out: Tensor, expected: Tensor) -> None:
    """Outputs, and gradients of every weight, agree to 1e-5."""
    torch.testing.assert_close(out, expected, **CLOSE)
    toward = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
    out.backward(toward)
    expected.backward(toward)
    grads = {name: one.grad for name, one in theirs.named_parameters()}
    for name, one in ours.named_parameters():
        torch.testing.assert_close(one.grad, grads[name], **CLOSE)


@pytest.mark.parametrize("self_term", [True, False])
def test_gcn_is_pytorch_geometrics(graph: Graph, x: Tensor, self_term: bool):
    ours = GcnConv(INPUTS, OUTPUTS, self_term=self_term)
    theirs = GCNConv(INPUTS, OUTPUTS, add_self_loops=self_term)
    theirs.load_state_dict(ours.state_dict())
    same_gradients(ours, theirs, ours(x, graph), theirs(x, edge_index(graph)))


@pytest.mark.parametrize(("concat", "self_term"), list(combinations([True, False], repeat=2)))
def test_gat_is_pytorch_geometrics(graph: Graph, x: Tensor, concat: bool, self_term: bool):
    ours = GatConv(INPUTS, OUTPUTS, heads=3, concat=concat, self_term=self_term)
    theirs = GATConv(INPUTS, OUTPUTS, heads=3, concat=concat, add_self_loops=self_term)
    theirs.load_state_dict(ours.state_dict())
    same_gradients(ours, theirs, ours(x, graph), theirs(x, edge_index(graph)))
    index, weights = theirs(x, edge_index(graph), return_attention_weights=True)[1]
    pattern = graph.pattern(self_term)
    table = torch.zeros(3, NODES, NODES).index_put(
        (torch.arange(3)[:, None], pattern.rows, pattern.columns), ours.weights(x, graph)
    )
    torch.testing.assert_close(table[:, index[1], index[0]], weights.T, **CLOSE)


@pytest.mark.parametrize(
    ("aggregator", "self_term"), list(combinations(["mean", "sum", "max", "median"], [True, False]))
)
def test_sage_is_pytorch_geometrics(graph: Graph, x: Tensor, aggregator: Any, self_term: bool):
    ours = SageConv(INPUTS, OUTPUTS, aggregator=aggregator, self_term=self_term)
    theirs = SAGEConv(INPUTS, OUTPUTS, aggr=aggregator, root_weight=self_term)
    theirs.load_state_dict(ours.state_dict(), strict=aggregator != "median")  # theirs keeps its quantile as a weight
    same_gradients(ours, theirs, ours(x, graph), theirs(x, edge_index(graph)))


def test_the_median_is_the_lower_of_the_middle_two_with_ties_too(graph: Graph):
    few = torch.randint(3, (NODES, INPUTS), generator=torch.Generator().manual_seed(5)).float()
    theirs = MedianAggregation()(few[graph.edges.columns], graph.edges.rows, dim_size=NODES)
    assert torch.equal(aggregate(few, graph.edges, "median"), theirs)
    star = Graph(torch.tensor([1, 2, 3, 4]), torch.zeros(4, dtype=torch.int64), 5)
    values = torch.tensor([[9.0], [4.0], [1.0], [3.0], [2.0]])
    found = {one: aggregate(values, star.edges, one)[:, 0].tolist() for one in ("mean", "sum", "max", "median")}
    assert found == {
        "mean": [2.5, 0, 0, 0, 0],
        "sum": [10, 0, 0, 0, 0],
        "max": [4, 0, 0, 0, 0],
        "median": [2, 0, 0, 0, 0],
    }


@pytest.mark.parametrize(
    ("self_term", "normalisation"), list(combinations([True, False], ["symmetric", "row", "none"]))
)
def test_a_convolution_is_its_matrix_form(graph: Graph, x: Tensor, self_term: bool, normalisation: Any):
    ours = GcnConv(INPUTS, OUTPUTS, self_term=self_term, normalisation=normalisation)
    matrix = dense(graph, self_term)
    degrees = matrix.sum(1).clamp_min(1)
    scale = {
        "symmetric": (degrees[:, None] * degrees).rsqrt(),
        "row": (1 / degrees)[:, None].expand_as(matrix),
        "none": torch.ones_like(matrix),
    }[normalisation]
    torch.testing.assert_close(ours(x, graph), scale * matrix @ x @ ours.lin.weight.T + ours.bias, **CLOSE)


def test_the_mean_with_a_self_term_is_the_graph_convolution_of_the_books(graph: Graph, x: Tensor):
    ours = SageConv(INPUTS, OUTPUTS)
    for node in range(NODES):
        near = [x[source] for source in range(NODES) if dense(graph)[node, source]]
        mean = torch.stack(near).mean(0) if near else torch.zeros(INPUTS)
        expected = ours.lin_l.weight @ mean + ours.lin_l.bias + ours.lin_r.weight @ x[node]
        torch.testing.assert_close(ours(x, graph)[node], expected, **CLOSE)


def test_gat_is_its_dense_concatenation_form(graph: Graph, x: Tensor):
    ours = GatConv(INPUTS, OUTPUTS, heads=2)
    values = (x @ ours.lin.weight.T).view(NODES, 2, OUTPUTS)
    pairs = torch.cat([values[:, None].expand(-1, NODES, -1, -1), values[None].expand(NODES, -1, -1, -1)], dim=-1)
    scores = F.leaky_relu((pairs * torch.cat([ours.att_dst, ours.att_src], dim=-1)).sum(-1), 0.2)
    weights = scores.masked_fill(dense(graph, True)[..., None] == 0, -torch.inf).softmax(dim=1)
    expected = torch.einsum("tsh,shf->thf", weights, values).flatten(1) + ours.bias
    torch.testing.assert_close(ours(x, graph), expected, **CLOSE)


def test_an_isolated_node_without_a_self_term_gets_the_bias_alone(graph: Graph, x: Tensor):
    for layer in (GcnConv(INPUTS, OUTPUTS, self_term=False), GatConv(INPUTS, OUTPUTS, self_term=False)):
        torch.nn.init.normal_(layer.bias)
        assert torch.equal(layer(x, graph)[-1], layer.bias)


def test_transforming_first_is_another_layer_for_max_and_the_same_for_mean(graph: Graph, x: Tensor):
    for aggregator, equal in (("mean", True), ("sum", True), ("max", False), ("median", False)):
        late = SageConv(INPUTS, OUTPUTS, aggregator=aggregator)
        early = SageConv(INPUTS, OUTPUTS, aggregator=aggregator, transform_first=True)
        early.load_state_dict(late.state_dict())
        assert torch.allclose(early(x, graph), late(x, graph), atol=1e-5) is equal
    heard = aggregate(x @ early.lin_l.weight.T, graph.edges, "median") + early.lin_l.bias
    torch.testing.assert_close(early(x, graph), heard + x @ early.lin_r.weight.T, **CLOSE)


@pytest.mark.parametrize("model", ["gcn", "gat", "sage", "mlp"])
def test_sparse_rows_give_what_dense_rows_give(graph: Graph, x: Tensor, model: Any):
    x = x * (x > 0)
    net = GraphNet(model, (INPUTS, 5, 3), heads=2)
    rows = Sparse.of(x)
    assert torch.equal(rows.dense(), x)
    torch.testing.assert_close(net(rows, graph), net(x, graph), **CLOSE)
    assert net(x, graph).shape == (NODES, 3)
    assert [len(one) for one in net.attention_weights(rows, graph)] == ([2, 1] if model == "gat" else [])


def test_an_mlp_ignores_the_edges_and_the_others_do_not(graph: Graph, x: Tensor):
    fewer = Graph(graph.sources[:4], graph.targets[:4], NODES)
    for model in ("gcn", "gat", "sage", "mlp"):
        net = GraphNet(model, (INPUTS, 5, 3))
        assert torch.equal(net(x, graph), net(x, fewer)) is (model == "mlp")


def test_own_gradients_are_those_of_finite_differences(graph: Graph):
    stream = torch.Generator().manual_seed(4)
    pattern = Pattern.sorted(graph.targets[:9], graph.sources[:9], (NODES, NODES))
    values, rows, columns = (torch.randn(size, generator=stream, dtype=torch.float64) for size in (9, NODES, NODES))
    wide = torch.randn(NODES, 2, generator=stream, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *a: product(pattern, *a), (values.requires_grad_(), wide.requires_grad_()))
    assert torch.autograd.gradcheck(
        lambda *a: attention(pattern, *a, 0.2), (rows.requires_grad_(), columns.requires_grad_())
    )


def test_attention_stands_large_scores_and_sums_to_one():
    pattern = Pattern.sorted(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]), (2, 2))
    weights = attention(pattern, torch.tensor([1e4, -1e5]), torch.tensor([0.0, 3e4]), 0.2)
    assert weights.tolist() == [0, 1, 0, 1]


def test_devices_without_sparse_rows_add_up_the_same(graph: Graph, x: Tensor, monkeypatch: pytest.MonkeyPatch):
    matrix = graph.adjacency(True, "symmetric")
    fast = matrix @ x, matrix.pattern.multiply_turned(matrix.values, x), matrix.pattern.pairs(x, x)
    monkeypatch.setattr(sparse, "without_sparse_rows", lambda device: True)
    slow = matrix @ x, matrix.pattern.multiply_turned(matrix.values, x), matrix.pattern.pairs(x, x)
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def test_heads_lie_along_the_diagonal():
    pattern = Pattern.sorted(torch.tensor([1, 0, 1]), torch.tensor([2, 1, 2]), (2, 3))
    assert (pattern.rows.tolist(), pattern.columns.tolist()) == ([0, 1], [1, 2])  # a place counts once
    twice = pattern.repeated(2)
    assert (twice.rows.tolist(), twice.columns.tolist(), twice.shape) == ([0, 1, 2, 3], [1, 2, 4, 5], (4, 6))
    assert pattern.repeated(2) is twice


def test_a_pattern_out_of_order_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"must be sorted by row.*Use Pattern\.sorted"):
        Pattern(torch.tensor([1, 0]), torch.tensor([0, 0]), (2, 2))


def test_dropout_keeps_the_mean_draws_from_its_stream_alone_and_is_off_without_one():
    ones = torch.ones(20_000)
    found = dropped(ones, 0.6, torch.Generator().manual_seed(0))
    assert found.unique().tolist() == pytest.approx([0, 2.5])
    assert found.mean().item() == pytest.approx(1, abs=4 * (0.6 / 0.4 / 20_000) ** 0.5)
    torch.rand(3)
    assert torch.equal(dropped(ones, 0.6, torch.Generator().manual_seed(0)), found)
    assert dropped(ones, 0.6, None) is ones
    rows = Sparse.of(torch.eye(50))
    again = dropped_rows(rows, 0.5, torch.Generator().manual_seed(0)).dense()
    assert set(again.unique().tolist()) == {0.0, 2.0} and torch.equal(again, again.diagonal().diag())


@pytest.mark.parametrize("model", ["gcn", "gat", "sage"])
def test_a_graph_first_met_in_inference_mode_can_be_trained_on(graph: Graph, x: Tensor, model: Any):
    for aggregator in ("mean", "max", "median"):
        net, met = GraphNet(model, (INPUTS, 5, 3), aggregator=aggregator), graph.to(torch.device("cpu"))
        with torch.inference_mode():
            net(x, met)
        net(x, met).sum().backward()
        assert all(one.grad is not None for one in net.parameters())
