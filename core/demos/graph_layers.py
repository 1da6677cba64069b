"""What layers do on a small graph, in every form it can be written in: LX, a graph convolution, a median, many layers.

Features are (nodes, 2) float64; nodes are numbered from 1. Every matrix form stands beside the same thing written node
by node, with the largest difference between the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from core.demos.graph_algebra import Activation, Floats, GraphAlgebraConfig, SmallGraph, graph_of, laplacian, quoted
from core.devices import one_thread
from core.nn.graph import Graph, aggregate
from core.statistics import true_minus

WIDTH = 2  # numbers of a node
BOUND = 1000.0  # of a number that is typed
LAYERS = 20  # of the deepest stack
STAGES = ("messages", "aggregate", "update")
MOST_NODES_OF_X = 34  # the karate club's
EXAMPLE_X: Floats = np.random.default_rng(5).integers(-3, 4, (MOST_NODES_OF_X, WIDTH)).astype(np.float64)
STACKS = ("neighbours alone (no B)", "with A + I", "half itself (B)")


@dataclass(frozen=True)
class Rows:
    """Numbers that were typed. notes: a sentence for what could not be read."""

    values: Floats
    notes: tuple[str, ...] = ()


def read_rows(text: str, default: Floats, name: str) -> Rows:
    """Numbers separated by spaces or commas, rows by semicolons; what it is not is `default`'s, with a note.

    Fewer rows than the default has keep its others; of more the first ones count.
    """
    rows = [one.split() for one in text.replace(",", " ").replace("−", "-").split(";") if one.strip()]
    found, width = default.copy(), default.shape[1]
    if not rows:
        return Rows(found)
    for place, row in enumerate(rows[: len(default)]):
        numbers = [float(one) for one in row if re.fullmatch(r"[-+]?(\d{1,9}\.?\d{0,9}|\.\d{1,9})", one)]
        if len(numbers) != len(row) or len(row) != width or max(map(abs, numbers)) > BOUND:
            rule = f"a row of {name} is {width} numbers from −{BOUND:g} to {BOUND:g}; rows are separated by semicolons"
            return Rows(default.copy(), (f"{quoted(' '.join(row))} is none: {rule}. The example stands in.",))
        found[place] = numbers
    if len(rows) == len(default):
        return Rows(found)
    fewer = len(rows) < len(default)
    end = "the others are the example's" if fewer else f"the first {len(default)} are used"
    return Rows(found, (f"{name} has {len(rows)} rows where {len(default)} are needed; {end}.",))


def typed(config: GraphAlgebraConfig, field: str, name: str) -> Rows:
    """The numbers in a text field whose default is an example. name: what they are, in a note."""
    example: str = config.knob(field).default
    default = np.array([[float(one) for one in row.split()] for row in example.split(";")])
    return read_rows(getattr(config, field), default, name)


def features_of(config: GraphAlgebraConfig) -> Rows:
    """X (nodes, 2) of the form."""
    return read_rows(config.features, EXAMPLE_X[: graph_of(config)[0].nodes], "X")


def as_text(rows: Floats) -> str:
    """Rows as `read_rows` takes them."""
    return "; ".join(" ".join(np.format_float_positional(one, precision=4, trim="-") for one in row) for row in rows)


def number(value: float) -> str:
    """Four figures, with a true minus sign; rounding's remains of 0 are 0."""
    return true_minus(f"{0.0 if abs(value) < 1e-12 else value:.4g}")


def vector(values: Floats) -> str:
    """(1, −2)."""
    return f"({', '.join(number(float(one)) for one in np.atleast_1d(values))})"


# --- F = LX


def changes(small: SmallGraph, x: Floats) -> Floats:
    """F = LX node by node: Σ over neighbours of x_v − x_u."""
    found = np.zeros_like(x)
    for node in range(1, small.nodes + 1):
        for other in small.neighbours(node):
            found[node - 1] += x[node - 1] - x[other - 1]
    return found


def change_in_numbers(small: SmallGraph, x: Floats, node: int) -> list[str]:
    """F's row of a node, written out from D and A, and from the differences."""
    others, own = small.neighbours(node), vector(x[node - 1])
    result = vector(laplacian(small)[node - 1] @ x)
    if not others:
        return [f"F{node} = 0·{own} = {result}: node {node} has no neighbours."]
    taken = " − ".join(vector(x[other - 1]) for other in others)
    differences = " + ".join(vector(x[node - 1] - x[other - 1]) for other in others)
    names = " − ".join(f"x{other}" for other in others)
    return [
        f"F{node} = d{node}·x{node} − {names} = {len(others)}·{own} − {taken} = {result}",
        f"F{node} = Σᵤ (x{node} − xᵤ) = {differences} = {result}",
    ]


# --- one graph convolution


@dataclass(frozen=True)
class Convolution:
    """One layer in two forms. index, matrix: (nodes, 2); means: (nodes, 2), of an isolated node 0."""

    x: Floats
    w: Floats
    b: Floats
    activation: Activation
    means: Floats
    index: Floats
    matrix: Floats

    @property
    def difference(self) -> float:
        """The largest between the two forms."""
        return float(np.abs(self.index - self.matrix).max())


def weights_of(config: GraphAlgebraConfig) -> tuple[Floats, Floats, tuple[str, ...]]:
    """W and B of the form, and what of them could not be read; B is 0 without the node itself."""
    w, b = typed(config, "w", "W"), typed(config, "b", "B")
    return w.values, b.values if config.self_term else np.zeros((WIDTH, WIDTH)), (*w.notes, *b.notes)


def bent(values: Floats, activation: Activation) -> Floats:
    """σ."""
    if activation == "none":
        return values
    found: Floats = np.tanh(values) if activation == "tanh" else np.maximum(values, 0.0)
    return found


def convolution(small: SmallGraph, x: Floats, w: Floats, b: Floats, activation: Activation) -> Convolution:
    """σ(W·mean over N(v) of h_u + B·h_v), node by node, and σ(D⁻¹AHWᵀ + HBᵀ) at once."""
    means, index = np.zeros_like(x), np.zeros_like(x)
    for node in range(1, small.nodes + 1):
        others = small.neighbours(node)
        for other in others:
            means[node - 1] += x[other - 1] / len(others)
        index[node - 1] = bent(w @ means[node - 1] + b @ x[node - 1], activation)
    return Convolution(x, w, b, activation, means, index, bent(averaging(small) @ x @ w.T + x @ b.T, activation))


def averaging(small: SmallGraph) -> Floats:
    """D⁻¹A; the row of a node without neighbours is 0."""
    degrees = small.adjacency.sum(axis=1, keepdims=True)
    found: Floats = small.adjacency / np.where(degrees > 0, degrees, 1.0)
    return found


def message_in_numbers(small: SmallGraph, layer: Convolution, node: int, stage: int) -> list[str]:
    """The lines of message passing at a node up to a stage: messages, aggregate, update."""
    others, h = small.neighbours(node), layer.x
    if not others:
        lines = [f"node {node} has no neighbours: no message, and the mean is taken as 0"]
    else:
        count = len(others)
        lines = [
            f"message {other} → {node}: h{other} / |N({node})| = {vector(h[other - 1])} / {count} = "
            f"{vector(h[other - 1] / count)}"
            for other in others
        ]
    mean, own = layer.means[node - 1], h[node - 1]
    if stage >= 1 and others:
        summed = " + ".join(vector(h[other - 1] / len(others)) for other in others)
        lines.append(f"aggregate: m = {summed} = {vector(mean)}")
    if stage >= 2:
        left, right = layer.w @ mean, layer.b @ own
        name = {"relu": "ReLU", "tanh": "tanh", "none": ""}[layer.activation]
        lines.append(f"W m = {vector(left)},  B h{node} = {vector(right)}")
        lines.append(f"update: h{node}' = {name}{vector(left + right)} = {vector(layer.index[node - 1])}")
    return lines


# --- a median has no matrix


@dataclass(frozen=True)
class Counterexample:
    """x, y: (nodes,) features whose medians at `node` do not add up; medians, means: of x, y and x + y there."""

    node: int
    neighbours: tuple[int, ...]
    x: Floats
    y: Floats
    medians: tuple[float, float, float]
    means: tuple[float, float, float]

    @property
    def gap(self) -> float:
        """f(x + y) − (f(x) + f(y)); 0 of whatever a matrix can do."""
        return self.medians[2] - self.medians[0] - self.medians[1]

    @property
    def gap_of_means(self) -> float:
        """The same of the mean."""
        return self.means[2] - self.means[0] - self.means[1]


@lru_cache(maxsize=64)
def counterexample(small: SmallGraph) -> Counterexample | None:
    """At the node of most neighbours; None where no node has two: then the median is the neighbour, and linear.

    Of an even number the median is the lower of the two in the middle, as in core.nn.graph. It is 1 where enough of the
    neighbours have a 1: x gives one too few of them a 1, y gives one other.
    """
    node = int(np.argmax(small.degrees)) + 1
    others = small.neighbours(node)
    if len(others) < 2:
        return None
    needed = len(others) - (len(others) - 1) // 2
    x, y = np.zeros(small.nodes), np.zeros(small.nodes)
    x[[other - 1 for other in others[: needed - 1]]] = 1.0
    y[others[needed - 1] - 1] = 1.0
    both = np.stack([x, y, x + y], axis=1)
    medians = aggregated(small, both, "median")[node - 1]
    means = aggregated(small, both, "mean")[node - 1]
    return Counterexample(node, others, x, y, tuple(medians.tolist()), tuple(means.tolist()))


@one_thread()
def aggregated(small: SmallGraph, x: Floats, aggregator: str) -> Floats:
    """(nodes, columns): what the layers of core.nn.graph hear with this aggregator."""
    ends = torch.tensor([*small.edges, *((other, one) for one, other in small.edges)], dtype=torch.int64).view(-1, 2)
    heard = Graph(ends[:, 0] - 1, ends[:, 1] - 1, small.nodes)
    found: Floats = aggregate(torch.tensor(x), heard.edges, aggregator).numpy()  # type: ignore[arg-type]
    return found


# --- many layers


@dataclass(frozen=True)
class Smoothing:
    """name -> (layers + 1,) variance of features over nodes, layer by layer; formula: the same from eigenvalues.

    rates: the largest |eigenvalue| below the ones that stay 1 on every connected piece; features shrink by it a layer.
    """

    variance: dict[str, Floats]
    formula: dict[str, Floats]
    rates: dict[str, float]

    @property
    def difference(self) -> float:
        """The largest between the two, over all of them."""
        return max(float(np.abs(self.variance[name] - self.formula[name]).max()) for name in self.variance)


def smoothing(small: SmallGraph, x: Floats) -> Smoothing:
    """H ← MH, twenty times, for the mean of the neighbours, the mean with a loop, and half itself, half that mean."""
    loops = small.adjacency + np.eye(small.nodes)
    made = {
        STACKS[0]: (averaging(small), small.adjacency),
        STACKS[1]: (loops / loops.sum(axis=1, keepdims=True), loops),
        STACKS[2]: ((np.eye(small.nodes) + averaging(small)) / 2, None),
    }
    variance, formula, rates = {}, {}, {}
    for name, (matrix, symmetric) in made.items():
        h, found = x.copy(), [spread(x)]
        for _ in range(LAYERS):
            h = matrix @ h
            found.append(spread(h))
        variance[name] = np.array(found)
        values, outwards, inwards = _eigen(small.adjacency if symmetric is None else symmetric)
        if symmetric is None:
            values = (1 + values) / 2  # of (I + D⁻¹A)/2: the same vectors
        parts = inwards @ x
        formula[name] = np.array([spread(outwards @ (values[:, None] ** layer * parts)) for layer in range(LAYERS + 1)])
        below = np.abs(values)[np.abs(values - 1.0) > 1e-9]
        rates[name] = float(below.max(initial=0.0))
    return Smoothing(variance, formula, rates)


def _eigen(weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Eigenvalues of D⁻¹A, and the matrices S⁻½ and back, through the symmetric form that has the same eigenvalues."""
    degrees = weights.sum(axis=1)
    root = np.sqrt(np.where(degrees > 0, degrees, 1.0))
    values, vectors = np.linalg.eigh(weights / root[:, None] / root)
    return values, vectors / root[:, None], vectors.T * root


def spread(h: Floats) -> float:
    """Variance over the nodes, mean over the numbers of a node."""
    return float(h.var(axis=0).mean())


# --- the worked example


@dataclass(frozen=True)
class Worked:
    """Agg = Σ weight·f(h_u), h₁' = W·h₁ + max(Agg, 0), with lines that write it out, and notes on what was typed."""

    aggregate: Floats
    own: float
    after: Floats
    lines: tuple[str, ...]
    notes: tuple[str, ...]


def worked(config: GraphAlgebraConfig) -> Worked:
    """Node 1 hears nodes 2, 3 and 4, with the numbers of the form."""
    h, w = typed(config, "worked_h", "h"), typed(config, "worked_w", "W")
    shares = typed(config, "worked_weights", "the weights")
    factor, (weights,), (row,) = config.worked_factor, shares.values, w.values
    heard = factor * h.values[1:]
    total = weights @ heard
    own = float(row @ h.values[0])
    after = own + np.maximum(total, 0.0)
    parts = " + ".join(f"{number(one)}·{vector(each)}" for one, each in zip(weights, heard, strict=True))
    scaled = ", ".join(f"f(h{place}) = {vector(each)}" for place, each in enumerate(heard, start=2))
    lines = (
        f"f(x) = {number(factor)}x: {scaled}",
        f"Agg = {parts} = {vector(total)}",
        f"W·h1 = {vector(row)}·{vector(h.values[0])} = {number(own)}",
        f"h1' = W·h1 + max(Agg, 0) = {number(own)} + {vector(np.maximum(total, 0.0))} = {vector(after)}",
    )
    return Worked(total, own, after, lines, (*h.notes, *shares.notes, *w.notes))
