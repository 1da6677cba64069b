"""Claims about graphs and their layers, the wrong ones included. Each is decided at once by a demo.

Sources: Kipf & Welling, ICLR 2017; Hamilton et al., NeurIPS 2017; Veličković et al., ICLR 2018; course material.
"""

from __future__ import annotations

import numpy as np

from core.claims.evidence import Claim, Evidence, Finding
from core.demos import graph_algebra as algebra
from core.demos import graph_attention as attention
from core.demos import graph_layers as layers
from core.demos.graph_algebra import GraphAlgebraConfig, GraphName, SmallGraph
from core.demos.graph_layers import number, vector

COURSE = "course material"
EXACT = 1e-9  # two forms of one number in float64
SIZE = 6
GRAPHS: tuple[GraphName, ...] = ("left", "right", "karate", "path", "cycle", "star", "complete")
SAID_HIGHEST = (2, 3, 5)
WORKED = GraphAlgebraConfig()


def powers_count_paths(evidence: Evidence) -> Finding:
    """Walks from a node to itself or another that visit a node twice, on the form's graph."""
    small, length = _graph(evidence), 2
    if not small.edges:
        return Finding("cannot tell", "The graph has no edge, so there is neither a walk nor a path. Draw one.")
    node = small.edges[0][0]
    found = algebra.look_at_walks(small, node, node, length)
    walk = " → ".join(map(str, found.first[0]))
    counted, (walked, paths) = int(algebra.power(small, length).sum()), _walked(small, length)
    because = (
        f"A² of {node}, {node} is {found.count}, and {walk} is among them: a walk that repeats node {node}, and no "
        f"path. Over all pairs A² counts {counted:,}; one by one there are {walked:,} walks and {paths:,} paths."
    )
    return Finding("supported" if paths == counted else "contradicted", because)


def highest_degrees(evidence: Evidence) -> Finding:
    """Of the right graph, and which node F = LX changes most."""
    small = algebra.preset("right", SIZE)
    highest = tuple(node for node, one in enumerate(small.degrees, start=1) if one == max(small.degrees))
    x = layers.EXAMPLE_X[: small.nodes]
    most = int(np.linalg.norm(layers.changes(small, x), axis=1).argmax()) + 1
    because = (
        f"Degrees of nodes 1 to 6: {' '.join(map(str, small.degrees))}; the highest are nodes "
        f"{', '.join(map(str, highest))}. Which one changes most under F = LX depends on X: with the example's, node "
        f"{most}."
    )
    return Finding("supported" if highest == SAID_HIGHEST else "contradicted", because)


def one_layer_two_forms(evidence: Evidence) -> Finding:
    """Index form against matrix form on the form's graph, with an isolated node beside it."""
    config, small = _config(evidence), _graph(evidence)
    alone = SmallGraph(small.nodes + 1, small.edges)
    x = np.vstack([layers.features_of(config).values, [1.0, -1.0]])
    w, b, _ = layers.weights_of(config)
    found = layers.convolution(alone, x, w, b, config.activation)
    because = (
        f"Largest difference on the form's graph and an isolated node more: {found.difference:.1e}. The mean of the "
        f"isolated node is {vector(found.means[-1])}, its output σ(B·h) = {vector(found.index[-1])}."
    )
    return Finding("supported" if found.difference < EXACT else "contradicted", because)


def median_has_a_matrix(evidence: Evidence) -> Finding:
    """Whether medians add up, on the form's graph, else on the left one."""
    found = layers.counterexample(_graph(evidence)) or layers.counterexample(algebra.preset("left", SIZE))
    if found is None:  # the left graph has a node with three neighbours
        return Finding("cannot tell", "No node has two neighbours.")
    because = (
        f"At node {found.node} the medians of x, y and x + y are {', '.join(map(number, found.medians))}: off by "
        f"{number(found.gap)}. The means are off by {number(found.gap_of_means)}."
    )
    return Finding("contradicted" if abs(found.gap) > EXACT else "cannot tell", because)


def smooths_faster_without_itself(evidence: Evidence) -> Finding:
    """Variance left after 1 and after 20 layers, without the node itself and with it, on every ready graph."""
    first, last = [], []
    for name in GRAPHS:
        small = algebra.preset(name, SIZE)
        found = layers.smoothing(small, layers.EXAMPLE_X[: small.nodes]).variance
        alone, half = found[layers.STACKS[0]], found[layers.STACKS[2]]
        first += [name] if alone[1] < half[1] else []
        last += [name] if alone[-1] < half[-1] else []
    slower = [name for name in GRAPHS if name not in last]
    because = (
        f"Less variance without B after 1 layer: on {len(first)} of {len(GRAPHS)} graphs; after {layers.LAYERS}: on "
        f"{len(last)} ({', '.join(last) or 'none'}). More is left on {', '.join(slower) or 'none'}: a negative "
        "eigenvalue makes neighbours swap their values."
    )
    return Finding("contradicted" if slower else "supported", because)


def forgets_itself(evidence: Evidence) -> Finding:
    """One layer without B: whether a node's output moves with its own features."""
    small, config = _graph(evidence), _config(evidence)
    x, (w, _, _) = layers.features_of(config).values, layers.weights_of(config)
    moved = x.copy()
    moved[0] += 1.0
    none, some = np.zeros((2, 2)), np.eye(2)

    def change(b: np.ndarray) -> float:
        before, after = (layers.convolution(small, one, w, b, "none").index[0] for one in (x, moved))
        return float(np.abs(after - before).max())

    because = (
        f"Node 1's features moved by 1: its own output moves by {number(change(none))} without B, by "
        f"{number(change(some))} with B = I."
    )
    return Finding("supported" if change(none) == 0 < change(some) else "contradicted", because)


def worked_example(evidence: Evidence) -> Finding:
    """With the numbers of the source, whatever the form says."""
    found = layers.worked(WORKED)
    right = np.abs(found.aggregate - [-0.8, 0.8]).max() < EXACT and np.abs(found.after - [0, 0.8]).max() < EXACT
    because = f"Agg = {vector(found.aggregate)}, W·h₁ = {number(found.own)}, h₁′ = {vector(found.after)}."
    return Finding("supported" if right else "contradicted", because)


def a_transformer_is_a_graph_net(evidence: Evidence) -> Finding:
    """Torch's layer against message passing, on the form's sentence."""
    found = attention.layer(_config(evidence).sentence)
    because = (
        f"{len(found.names)} words, {found.edges} directed edges, {found.edges_and_loops} with self loops. Largest "
        f"difference over {found.passed.size} numbers: {found.difference:.1e}."
    )
    return Finding("supported" if found.difference < EXACT else "contradicted", because)


def attention_on_edges_is_cheaper(evidence: Evidence) -> Finding:
    """Counts of scores on Cora and on a sentence's complete graph."""
    _, sentence, cora = attention.costs(_graph(evidence), len(attention.layer(_config(evidence).sentence).names))
    because = (
        f"Cora: {cora.along_edges:,} scores along edges and self loops, {cora.all_pairs:,} of all pairs, "
        f"{cora.all_pairs / cora.along_edges:.0f} times as many. The sentence's complete graph: {sentence.along_edges} "
        f"and {sentence.all_pairs}."
    )
    return Finding("supported" if cora.along_edges < cora.all_pairs else "contradicted", because)


def _config(evidence: Evidence) -> GraphAlgebraConfig:
    """The form's; another lab's evidence counts as the defaults."""
    return evidence.config if isinstance(evidence.config, GraphAlgebraConfig) else GraphAlgebraConfig()


def _graph(evidence: Evidence) -> SmallGraph:
    return algebra.graph_of(_config(evidence))[0]


def _walked(small: SmallGraph, length: int) -> tuple[int, int]:
    """Walks of this length over all pairs, one by one, and how many of them are paths."""
    every = range(1, small.nodes + 1)
    found = [walk for one in every for other in every for walk in algebra.walks(small, one, other, length)]
    return len(found), sum(map(algebra.is_path, found))


CLAIMS = (
    Claim(
        "The entry u, v of Aⁿ is the number of paths of length n between u and v.",
        COURSE,
        "All walks of length 2 on the form's graph, one by one; a path visits no node twice.",
        powers_count_paths,
    ),
    Claim(
        "In the right graph nodes 2, 3 and 5 have the highest degree.",
        COURSE,
        "Row sums of its A, and the lengths of the rows of F = LX.",
        highest_degrees,
    ),
    Claim(
        "σ(W·mean + B·h), node by node, is σ(D⁻¹AHWᵀ + HBᵀ).",
        COURSE,
        "Both forms with the form's numbers, an isolated node included.",
        one_layer_two_forms,
    ),
    Claim(
        "A median in place of the mean can be written as a matrix too.",
        COURSE,
        "f(x + y) − f(x) − f(y), which is 0 for every matrix.",
        median_has_a_matrix,
    ),
    Claim(
        "Without B a node forgets itself.",
        COURSE,
        "How far its output moves when its own features do, one layer, no σ.",
        forgets_itself,
    ),
    Claim(
        "Without B layers grow alike faster.",
        COURSE,
        "Variance over the nodes with the example's X, neighbours' mean against half of it and half itself; graphs of "
        f"{SIZE} nodes where a size can be chosen.",
        smooths_faster_without_itself,
    ),
    Claim(
        "In the worked example Agg = (−0.8, 0.8) and h₁′ = (0, 0.8).",
        COURSE,
        "The formulas with the source's numbers.",
        worked_example,
    ),
    Claim(
        "A transformer is a graph network on the complete graph.",
        COURSE,
        "torch's transformer layer against messages along every edge, with the same weights, on the form's sentence.",
        a_transformer_is_a_graph_net,
    ),
    Claim(
        "Attention along the edges costs O(E), attention of all pairs O(n²).",
        "Veličković et al. 2018",
        "How many scores each needs, counted.",
        attention_on_edges_is_cheaper,
    ),
)
