"""A training step of GCN and GAT on a graph of Cora's size: ours against PyTorch Geometric and the n×n forms.

2708 nodes, 10,556 directed edges and loops, 1433 features of which 18 a node are not 0; forward, backward and Adam on
140 nodes; GCN 16 wide, GAT 8 heads × 8 and one output head, dropout as published. PyTorch Geometric: GCNConv and
GATConv as its users write them, on dense features. n×n: every pair's features side by side, as courses write GAT
down, (n, n, 2·8) a head, masked where there is no edge; it runs once, for it takes seconds and gigabytes. Sides take
turns; ratios are of medians. One thread each, with the allocator's settings that workers have.

    python -m benchmarks.graphs [--rounds 15] [--threads 1] [--dense-rounds 1]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.engine.local import GLIBC_MALLOC, environment
from core.nn.graph import Graph, GraphNet
from core.nn.sparse import Sparse

NODES, EDGES, FEATURES, WORDS, CLASSES, LABELLED = 2708, 5278, 1433, 18, 7, 140
STEPS = 5  # of a turn
Side = tuple[nn.Module, Callable[[], Tensor]]


def main() -> None:
    """Print medians in ms and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dense-rounds", type=int, default=1)
    options = parser.parse_args()
    if not os.environ.keys() >= GLIBC_MALLOC.keys() and environment().keys() >= GLIBC_MALLOC.keys():
        command = [sys.executable, "-m", "benchmarks.graphs", *sys.argv[1:]]  # they count from a process's start
        raise SystemExit(subprocess.run(command, env=environment(), check=False).returncode)
    torch.set_num_threads(options.threads)
    every = sides()
    spent: dict[str, list[float]] = {name: [] for name in every}
    steps = {name: stepper(*side) for name, side in every.items()}
    for step in steps.values():
        step()
    for _ in range(options.rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(STEPS):
                step()
            spent[name].append((time.perf_counter() - start) / STEPS)
    medians = {name: 1e3 * statistics.median(times) for name, times in spent.items()}
    for model in ("GCN", "GAT"):
        ours, theirs = medians[f"{model}, ours"], medians[f"{model}, PyG"]
        print(f"{model} step: ours {ours:.2f} ms, PyG {theirs:.2f} ms, ratio {theirs / ours:.1f}", flush=True)
    if options.dense_rounds:
        net = PairwiseGat()
        step = stepper(net, net.forward)
        times = []
        for _ in range(options.dense_rounds):
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        dense, ours = statistics.median(times), medians["GAT, ours"]
        print(f"GAT step: n×n concatenation {dense:.0f} ms, ratio {dense / ours:.0f}")


def data() -> tuple[Tensor, Tensor, Tensor]:
    """Features (n, 1433), rows summing to 1; edges (2, 10556), both directions; the classes of the labelled nodes."""
    stream = torch.Generator().manual_seed(0)
    words = torch.rand(NODES, FEATURES, generator=stream).topk(WORDS, dim=1).indices
    features = torch.zeros(NODES, FEATURES).scatter_(1, words, 1 / WORDS)
    upper = torch.triu_indices(NODES, NODES, 1)
    one = upper[:, torch.randperm(upper.shape[1], generator=stream)[:EDGES]]
    return features, torch.cat([one, one.flip(0)], dim=1), torch.randint(CLASSES, (LABELLED,), generator=stream)


def sides() -> dict[str, Side]:
    """Name -> net, and its logits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn import GATConv, GCNConv
    features, edges, _ = data()
    graph, rows = Graph(edges[0], edges[1], NODES), Sparse.of(features)
    stream = torch.Generator().manual_seed(0)
    gcn = GraphNet("gcn", (FEATURES, 16, CLASSES), dropout=0.5)
    gat = GraphNet("gat", (FEATURES, 8, CLASSES), heads=8, dropout=0.6)

    class Theirs(nn.Module):
        def __init__(self, first: nn.Module, second: nn.Module, rate: float, bend: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            self.first, self.second, self.rate, self.bend = first, second, rate, bend

        def forward(self) -> Tensor:
            hidden = self.bend(self.first(F.dropout(features, self.rate), edges))
            out: Tensor = self.second(F.dropout(hidden, self.rate), edges)
            return out

    their_gcn = Theirs(GCNConv(FEATURES, 16, cached=True), GCNConv(16, CLASSES, cached=True), 0.5, F.relu)
    their_gat = Theirs(GATConv(FEATURES, 8, heads=8, dropout=0.6), GATConv(64, CLASSES, dropout=0.6), 0.6, F.elu)
    return {
        "GCN, ours": (gcn, lambda: gcn(rows, graph, stream)),
        "GCN, PyG": (their_gcn, their_gcn.forward),
        "GAT, ours": (gat, lambda: gat(rows, graph, stream)),
        "GAT, PyG": (their_gat, their_gat.forward),
    }


class PairwiseGat(nn.Module):
    """GAT as written down in courses: Wh of every pair side by side, masked by the adjacency."""

    def __init__(self) -> None:
        super().__init__()
        self.features, edges, _ = data()
        self.adjacency = torch.eye(NODES).index_put((edges[1], edges[0]), torch.tensor(1.0))
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(FEATURES, 8) / 30) for _ in range(8)])
        self.scores = nn.ParameterList([nn.Parameter(torch.randn(16) / 4) for _ in range(8)])
        self.out, self.out_score = nn.Parameter(torch.randn(64, CLASSES) / 8), nn.Parameter(torch.randn(14) / 4)

    def head(self, x: Tensor, weight: Tensor, score: Tensor) -> Tensor:
        """(n, inputs) -> (n, outputs)."""
        values = F.dropout(x, 0.6) @ weight
        pairs = torch.cat([values.repeat_interleave(NODES, dim=0), values.repeat(NODES, 1)], dim=1)
        scores = F.leaky_relu(pairs.view(NODES, NODES, -1) @ score, 0.2)
        weights = scores.masked_fill(self.adjacency == 0, -9e15).softmax(dim=1)
        return F.dropout(weights, 0.6) @ values

    def forward(self) -> Tensor:
        """(n, classes)."""
        heads = [self.head(self.features, *one) for one in zip(self.weights, self.scores, strict=True)]
        return self.head(F.elu(torch.cat(heads, dim=1)), self.out, self.out_score)


def stepper(net: nn.Module, logits: Callable[[], Tensor]) -> Callable[[], None]:
    """One step of Adam on the labelled nodes."""
    classes = data()[2]
    optimiser = torch.optim.Adam(net.parameters(), lr=0.005, weight_decay=5e-4, fused=True)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(logits()[:LABELLED], classes).backward()
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
