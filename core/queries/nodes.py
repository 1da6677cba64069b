"""A graph on the device, its nodes divided, and what is measured of a net on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.data.graphs import NodeGraph, NodeSplit
from core.nn.graph import Graph, GraphNet
from core.nn.sparse import Pattern, Sparse

MASS, UNIFORM = "attention on added edges", "added edges"


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
