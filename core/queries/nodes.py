"""A graph on the device, its nodes divided, what is measured of a net on it, and what a trained net answers.

Queries: f(model, config, device=..., split_seed=..., ...) -> Arrays. split_seed: the seed the net was trained with;
it says how the nodes were divided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data import graphs, own_graphs
from core.data.graphs import NodeGraph, NodeSplit
from core.events import Arrays
from core.nn.graph import GatConv, GcnConv, Graph, GraphNet, PlainLinear, SageConv, linear
from core.nn.sparse import Pattern, Sparse

MASS, UNIFORM = "attention on added edges", "added edges"
PARTS = ("train", "validation", "test")
OF_THE_GRAPH = ("graph", "own", "nodes", "classes", "degree", "homophily", "feature_noise", "noisy_edges")
ALL_HEADS = -1  # their mean


def load(config: Any) -> NodeGraph:
    """The graph of this config, irrelevant neighbours included. Raises Explained where its files are missing."""
    if config.graph == "karate":
        found = graphs.karate()
    elif config.graph == "cora":
        found = graphs.cora()
    elif config.graph == "own":
        found = own_graphs.load(config.own)
    else:
        found = graphs.generated(config.nodes, config.classes, config.degree, config.homophily, config.feature_noise)
    return graphs.with_noise(found, config.noisy_edges)


def fingerprint(config: Any) -> str:
    """What tells one content of the files from another; "" of a graph that is built in."""
    return own_graphs.fingerprint(config.own) if config.graph == "own" else graphs.fingerprint(config.graph)


@dataclass
class Data:
    """What one seed is trained on. targets, classes: node numbers of each part and their classes."""

    features: Sparse
    graph: Graph
    nodes: dict[str, Tensor]
    classes: dict[str, Tensor]
    added: dict[bool, Tensor]  # (entries,) bool of the graph's pattern without and with a self term


def tensors(found: NodeGraph, device: torch.device) -> Data:
    """Features and edges in both directions, on the device; without a split yet."""
    one, other = torch.from_numpy(found.edges).T
    graph = Graph(torch.cat([one, other]), torch.cat([other, one]), found.nodes)
    keys = torch.from_numpy(
        np.concatenate([found.edges[found.added] @ [found.nodes, 1], found.edges[found.added] @ [1, found.nodes]])
    )
    added = {}
    for self_term in (False, True):
        pattern = graph.pattern(self_term)
        added[self_term] = torch.isin(pattern.rows * found.nodes + pattern.columns, keys).to(device)
    pattern = Pattern(torch.from_numpy(found.word_of), torch.from_numpy(found.words), (found.nodes, found.features))
    features = Sparse(pattern, torch.from_numpy(found.weights))
    return Data(features.to(device), graph.to(device), {}, {}, added)


def divided(data: Data, found: NodeGraph, parts: NodeSplit, device: torch.device) -> Data:
    """The same graph with a split of its own."""
    numbers = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    nodes = {name: torch.from_numpy(one).to(device) for name, one in numbers.items()}
    classes = {name: torch.from_numpy(found.labels[one]).to(device) for name, one in numbers.items()}
    return Data(data.features, data.graph, nodes, classes, data.added)


def variance(features: Tensor) -> float:
    """Of the nodes' features about their mean, as a share of their mean square: 0 where all nodes are alike."""
    squares = features.square().sum().item()
    return (features - features.mean(dim=0)).square().sum().item() / squares if squares else 0.0


def attention_on_added(net: GraphNet, data: Data) -> dict[str, float]:
    """In %, means over nodes with added neighbours: attention on these (of heads and layers), and their share."""
    self_term = bool(net.layers[0].self_term)
    pattern, added = data.graph.pattern(self_term), data.added[self_term].float()
    counts = pattern.row_sums(added)
    met = counts > 0
    layers = [
        torch.stack([pattern.row_sums(head * added)[met] for head in one]).mean().item()
        for one in net.attention_weights(data.features, data.graph)
    ]
    uniform = (counts / pattern.starts.diff().clamp_min(1))[met].mean().item()
    return {MASS: 100.0 * sum(layers) / len(layers), UNIFORM: 100.0 * uniform}


# --- what a trained net answers


@torch.inference_mode()
def picture(
    model: nn.Module, config: Any, *, device: torch.device, split_seed: int = 0, layer: int = 0, head: int = ALL_HEADS
) -> Arrays:
    """Every node's answer, and how much each end of an edge listens to the other, in one layer and head.

    "labels", "said" (n,) uint8; "confidence" (n,): probability of what is said; "part" (n,) uint8: place in PARTS;
    "accuracy" (3,) in % by part; "edges" (m, 2); "added" (m,) bool; "classes": their names; "heads" (layers,): how many
    have weights, 0 without any. "listens" (2, m): weight that the first and the second end gives the other, 1 being an
    equal share of what it gives in all; empty where the layer has no weights.
    """
    net, seen = _net(model), _seen(config, split_seed, device)
    logits = net(seen.data.features, seen.data.graph)
    chances, said = (one.cpu().numpy() for one in logits.softmax(dim=1).max(dim=1))
    part = np.zeros(seen.found.nodes, np.uint8)
    for place, nodes in enumerate((seen.parts.train, seen.parts.validation, seen.parts.test)):
        part[nodes] = place
    right = said == seen.found.labels
    arrays: dict[str, NDArray[np.generic]] = {
        "labels": seen.found.labels.astype(np.uint8),
        "said": said.astype(np.uint8),
        "confidence": chances.astype(np.float32),
        "part": part,
        "accuracy": np.array([100.0 * right[part == place].mean() for place in range(len(PARTS))]),
        "edges": seen.found.edges.astype(np.int32),
        "added": seen.found.added,
        "classes": np.array(seen.found.classes),
        "heads": np.array(_heads(net)),
        "listens": _listens(net, seen, layer, head),
    }
    return Arrays(0, arrays)


@torch.inference_mode()
def neighbourhood(model: nn.Module, config: Any, *, device: torch.device, split_seed: int = 0, node: int = 0) -> Arrays:
    """How the last layer arrives at one node's logit of the class it says: a sum over those it hears, in numbers.

    "heard" (k,): nodes; "weights", "values", "terms" (k,): weight × value; of several heads the mean weight, and the
    values' mean as the heads weigh them; "degrees" (k,) as the layer counts them; "own": what the node's own matrix
    adds; "bias"; "sum": of all of it; "logit": the net's; "degree": of the node; "said", "label": classes; "labels"
    (k,); "added" (k,) bool; "probabilities" (classes,); "classes": their names. Raises ValueError for a node
    that is not there.
    """
    net, seen = _net(model), _seen(config, split_seed, device)
    if not 0 <= node < seen.found.nodes:
        raise ValueError(f"node must be from 0 to {seen.found.nodes - 1}; got {node}. Choose another.")
    graph, features = seen.data.graph, seen.data.features
    outputs = net.layer_outputs(features, graph)
    before = features if len(outputs) == 1 else outputs[-2]
    said = int(outputs[-1][node].argmax())
    terms = _terms(net.layers[-1], before, graph, node, said)
    heard, weights = terms.heard.cpu().numpy(), terms.weights.mean(dim=1)
    products = (terms.weights * terms.values).mean(dim=1)
    values = torch.where(weights > 0, products / weights, terms.values.mean(dim=1))
    pattern = graph.pattern(_loops(net))
    degrees = pattern.starts.diff().cpu().numpy()
    new = set(map(tuple, seen.found.edges[seen.found.added].tolist()))
    arrays: dict[str, Any] = {
        "heard": heard,
        "weights": weights.cpu().numpy(),
        "values": values.cpu().numpy(),
        "terms": products.cpu().numpy(),
        "degrees": degrees[heard],
        "degree": np.int64(degrees[node]),
        "own": np.float64(terms.own),
        "bias": np.float64(terms.bias),
        "sum": np.float64(products.sum() + terms.own + terms.bias),
        "logit": np.float64(outputs[-1][node, said]),
        "said": np.int64(said),
        "label": np.int64(seen.found.labels[node]),
        "labels": seen.found.labels[heard],
        "added": np.array([(min(node, one), max(node, one)) in new for one in heard.tolist()], dtype=bool),
        "probabilities": outputs[-1][node].softmax(dim=0).cpu().numpy(),
        "classes": np.array(seen.found.classes),
    }
    return Arrays(0, arrays)


@dataclass(frozen=True)
class Seen:
    """A graph as it was divided for one seed."""

    found: NodeGraph
    parts: NodeSplit
    data: Data


@dataclass(frozen=True)
class Terms:
    """heard: (k,); weights, values: (k, heads); own, bias: what is added to their sum."""

    heard: Tensor
    weights: Tensor
    values: Tensor
    own: float
    bias: float


def _seen(config: Any, seed: int, device: torch.device) -> Seen:
    key = tuple((name, getattr(config, name)) for name in OF_THE_GRAPH)
    found, data = _on_device(key, fingerprint(config), str(device))
    return Seen(found, graphs.split(found, config.split, config.labels_per_class, seed), data)


@lru_cache(maxsize=4)
def _on_device(key: tuple[tuple[str, Any], ...], mark: str, device: str) -> tuple[NodeGraph, Data]:
    """Kept between questions. mark: so that other files in the same place are read anew."""
    found = load(SimpleNamespace(**dict(key)))
    return found, tensors(found, torch.device(device))


def _net(model: nn.Module) -> GraphNet:
    if not isinstance(model, GraphNet):
        raise ValueError(f"This query is for a GraphNet; got {type(model).__name__}.")
    return model


def _loops(net: GraphNet) -> bool:
    """Whether its layers' edges have a loop at every node."""
    return net.model in ("gcn", "gat") and bool(net.layers[0].self_term)


def _heads(net: GraphNet) -> list[int]:
    """Of each layer: how many sets of weights."""
    heads = [one.heads if isinstance(one, GatConv) else 1 for one in net.layers]
    aggregates = isinstance(net.layers[0], SageConv) and net.layers[0].aggregator in ("mean", "sum")
    return heads if net.model in ("gcn", "gat") or aggregates else [0] * len(heads)


def _listens(net: GraphNet, seen: Seen, layer: int, head: int) -> NDArray[np.float32]:
    heads = _heads(net)
    layer = min(max(layer, 0), len(heads) - 1)
    if not heads[layer]:
        return np.empty((2, 0), np.float32)
    pattern, weights = _weights(net, seen, layer, head)
    counts = pattern.starts.diff()
    even = weights * pattern.to_entries(counts / pattern.row_sums(weights).clamp_min(1e-30))
    nodes, (one, other) = seen.found.nodes, torch.from_numpy(seen.found.edges).T.to(even.device)
    keys = pattern.rows * nodes + pattern.columns  # sorted
    ends = [even[torch.searchsorted(keys, target * nodes + source)] for target, source in ((one, other), (other, one))]
    return torch.stack(ends).float().cpu().numpy()


def _weights(net: GraphNet, seen: Seen, layer: int, head: int) -> tuple[Pattern, Tensor]:
    graph, one = seen.data.graph, net.layers[layer]
    if isinstance(one, GatConv):
        of_heads = net.attention_weights(seen.data.features, graph)[layer]
        chosen = of_heads.mean(dim=0) if head < 0 else of_heads[min(head, len(of_heads) - 1)]
        return graph.pattern(one.self_term), chosen
    if isinstance(one, GcnConv):
        found = graph.adjacency(one.self_term, one.normalisation)
    else:
        found = graph.adjacency(False, "row" if one.aggregator == "mean" else "none")
    return found.pattern, found.values


def _terms(layer: nn.Module, x: Tensor | Sparse, graph: Graph, node: int, said: int) -> Terms:
    """Of the number `said` of a node."""
    if isinstance(layer, GatConv):
        pattern = graph.pattern(layer.self_term)
        row = slice(int(pattern.starts[node]), int(pattern.starts[node + 1]))
        heard = pattern.columns[row]
        values = linear(x, layer.lin).view(-1, layer.heads, layer.outputs)[heard, :, said]
        return Terms(heard, layer.weights(x, graph)[:, row].T, values, 0.0, float(layer.bias[said]))
    if isinstance(layer, GcnConv):
        found = graph.adjacency(layer.self_term, layer.normalisation)
        row = slice(int(found.pattern.starts[node]), int(found.pattern.starts[node + 1]))
        heard = found.pattern.columns[row]
        values = linear(x, layer.lin)[heard, said]
        return Terms(heard, found.values[row, None], values[:, None], 0.0, float(layer.bias[said]))
    if isinstance(layer, SageConv):
        row = slice(int(graph.edges.starts[node]), int(graph.edges.starts[node + 1]))
        heard = graph.edges.columns[row]
        values = linear(x, layer.lin_l)[heard, said]
        own = 0.0 if layer.lin_r is None else float(linear(x, layer.lin_r)[node, said])
        weights = _aggregated(values, layer.aggregator)
        return Terms(heard, weights[:, None], values[:, None], own, float(layer.lin_l.bias[said]))
    if isinstance(layer, PlainLinear):
        nobody, nothing = graph.edges.columns[:0], torch.empty(0, 1)
        return Terms(nobody, nothing, nothing, float(linear(x, layer.lin)[node, said]), float(layer.bias[said]))
    raise ValueError(f"This query knows the layers of a GraphNet; got {type(layer).__name__}.")


def _aggregated(values: Tensor, aggregator: str) -> Tensor:
    """(k,): what weighs each of these values in their aggregate; of a maximum or median the one that is it."""
    if aggregator in ("mean", "sum"):
        return torch.full_like(values, 1 / len(values) if aggregator == "mean" and len(values) else 1.0)
    weights = torch.zeros_like(values)
    if len(values):
        order = values.argsort(stable=True)
        weights[order[-1 if aggregator == "max" else (len(values) - 1) // 2]] = 1
    return weights


QUERIES: Mapping[str, Callable[..., Arrays]] = {"picture": picture, "neighbourhood": neighbourhood}
