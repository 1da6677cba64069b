"""Small graphs as text and as matrices: adjacency, degrees, Laplacian, normalised forms, and the walks that Aⁿ counts.

Nodes are numbered from 1, as in the sources; graphs are undirected, without loops of their own. Numbers are float64, or
exact integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Literal

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from core.config import Config, knob
from core.contract import Demo
from core.data.graphs import karate
from core.demos.tokens import LONGEST_SENTENCE, MOST_WORDS

Floats = NDArray[np.float64]
Edge = tuple[int, int]
GraphName = Literal["left", "right", "karate", "path", "cycle", "star", "complete", "own"]
Activation = Literal["relu", "tanh", "none"]
SIZED = ("path", "cycle", "star", "complete")
MOST_NODES = 12  # of a graph that is drawn or written; the karate club's 34 can only be looked at
LONGEST_TEXT = 400  # characters of edges or of a matrix
LONGEST_FEATURES = 800  # of X: two numbers a node
MOST_SAID = 3  # faults of a text that are named
COUNTED = 20_000  # walks among which paths are told apart
ZERO = 1e-9  # an eigenvalue of a small graph's L below this is 0
EXAMPLE_EDGES = "1-2 2-3 2-5 3-4 4-5 4-6 5-6"
EDGES_RULE = "an edge is two node numbers with a hyphen, such as 2-3; a number alone is a node without edges"


@dataclass(frozen=True)
class SmallGraph:
    """nodes: how many, numbered from 1. edges: sorted, the smaller node first, none twice, no loops."""

    nodes: int
    edges: tuple[Edge, ...]

    @cached_property
    def text(self) -> str:
        """The edges, and the nodes without any, as `read_graph` takes them."""
        alone = [str(node) for node in range(1, self.nodes + 1) if not self.neighbours(node)]
        return " ".join([*(f"{one}-{other}" for one, other in self.edges), *alone])

    @cached_property
    def _neighbours(self) -> dict[int, tuple[int, ...]]:
        found: dict[int, list[int]] = {node: [] for node in range(1, self.nodes + 1)}
        for one, other in self.edges:
            found[one].append(other)
            found[other].append(one)
        return {node: tuple(sorted(others)) for node, others in found.items()}

    def neighbours(self, node: int) -> tuple[int, ...]:
        """N(v), in order."""
        return self._neighbours[node]

    @cached_property
    def degrees(self) -> tuple[int, ...]:
        """Of every node."""
        return tuple(len(self.neighbours(node)) for node in range(1, self.nodes + 1))

    @cached_property
    def adjacency(self) -> Floats:
        """(nodes, nodes) of 0 and 1."""
        found: Floats = np.zeros((self.nodes, self.nodes))
        for one, other in self.edges:
            found[one - 1, other - 1] = found[other - 1, one - 1] = 1.0
        return found

    def toggled(self, one: int, other: int) -> SmallGraph:
        """With this edge where there was none, else without it."""
        return graph(self.nodes, set(self.edges) ^ {(min(one, other), max(one, other))})

    def with_node(self) -> SmallGraph:
        """One more node, without edges. Raises ValueError beyond 12."""
        if self.nodes >= MOST_NODES:
            raise ValueError(f"a drawn graph has at most {MOST_NODES} nodes; got {self.nodes + 1}. Remove one first.")
        return SmallGraph(self.nodes + 1, self.edges)

    def without(self, node: int) -> SmallGraph:
        """The graph without a node and its edges; those behind it move up. Raises ValueError for the last one."""
        if self.nodes == 1:
            raise ValueError("a graph has at least 1 node; got 0. Add another one first.")
        kept = {one: one - (one > node) for one in range(1, self.nodes + 1) if one != node}
        edges = {(kept[one], kept[other]) for one, other in self.edges if node not in (one, other)}
        return graph(self.nodes - 1, edges)


def graph(nodes: int, edges: set[Edge]) -> SmallGraph:
    """The graph with these edges, each the smaller node first."""
    return SmallGraph(nodes, tuple(sorted(edges)))


class GraphAlgebraConfig(Config):
    """The graph, its features, and what the sections do with them."""

    graph: GraphName = knob(
        "left",
        "Graph",
        labels={
            "left": "the course's left graph",
            "right": "the course's right graph",
            "karate": "karate club (34 nodes)",
            "path": "path",
            "cycle": "cycle",
            "star": "star",
            "complete": "complete graph",
            "own": "your own",
        },
        help="Clicking nodes of the drawing makes it your own.",
    )
    size: int = knob(6, "Nodes n", ge=2, le=MOST_NODES, where={"graph": SIZED})
    edges: str = knob(
        EXAMPLE_EDGES,
        "Edges",
        longest=LONGEST_TEXT,
        rule=f"at most {LONGEST_TEXT} characters",
        where={"graph": ("own",)},
        help=f"Such as 1-2 2-3 4: {EDGES_RULE}. At most {MOST_NODES} nodes.",
    )
    features: str = knob(
        "",
        "Features X",
        longest=LONGEST_FEATURES,
        rule=f"at most {LONGEST_FEATURES} characters",
        help="Two numbers a node, nodes separated by semicolons: 1 0; 2 -1; 0 3. Empty: an example.",
    )
    loops: bool = knob(False, "With self loops (A + I)", group="view", help="D counts them too.")
    power: int = knob(2, "Length of the walks n", group="view", ge=1, le=8)
    activation: Activation = knob(
        "relu", "Activation σ", group="view", labels={"relu": "ReLU", "tanh": "tanh", "none": "none"}
    )
    self_term: bool = knob(True, "The node itself (B)", group="view", help="Off: B = 0.")
    w: str = knob("1 0.5; -0.5 1", "W", group="view", longest=LONGEST_TEXT, rule=f"at most {LONGEST_TEXT} characters")
    b: str = knob("0.5 0; 0 0.5", "B", group="view", longest=LONGEST_TEXT, rule=f"at most {LONGEST_TEXT} characters")
    worked_h: str = knob(
        "1 -1; -1 1; 0 -1; 1 0",
        "h₁; h₂; h₃; h₄",
        group="view",
        longest=LONGEST_TEXT,
        rule=f"at most {LONGEST_TEXT} characters",
    )
    worked_factor: float = knob(2.0, "Factor of f(x)", group="view", ge=-5, le=5)
    worked_weights: str = knob(
        "0.6 0.2 0.2",
        "Weights of h₂, h₃, h₄",
        group="view",
        longest=LONGEST_TEXT,
        rule=f"at most {LONGEST_TEXT} characters",
    )
    worked_w: str = knob(
        "1 1", "W of the example", group="view", longest=LONGEST_TEXT, rule=f"at most {LONGEST_TEXT} characters"
    )
    sentence: str = knob(
        "I eat red apples",
        "Sentence",
        group="view",
        longest=LONGEST_SENTENCE,
        rule=f"at most {LONGEST_SENTENCE} characters",
        help=f"Up to {MOST_WORDS} words. A word's vector is drawn from a hash of it; nothing is trained.",
    )


def preset(name: GraphName, size: int) -> SmallGraph:
    """A graph by name. size: of path, cycle, star and complete; a cycle of 2 nodes is a single edge."""
    if name == "left":
        return graph(5, {(1, 2), (1, 3), (1, 5), (2, 3), (3, 4)})
    if name == "right":
        return read_graph(EXAMPLE_EDGES)[0]
    if name == "karate":
        club = karate()
        return graph(club.nodes, {(one + 1, other + 1) for one, other in club.edges.tolist()})
    along = set(pairwise(range(1, size + 1)))
    if name == "cycle" and size > 2:
        along.add((1, size))
    elif name == "star":
        along = {(1, other) for other in range(2, size + 1)}
    elif name == "complete":
        along = {(one, other) for one in range(1, size + 1) for other in range(one + 1, size + 1)}
    return graph(size, along)


def graph_of(config: GraphAlgebraConfig) -> tuple[SmallGraph, tuple[str, ...]]:
    """The graph that the form says, and a sentence for everything in its text that could not be."""
    if config.graph == "own":
        return read_graph(config.edges)
    return preset(config.graph, config.size), ()


@lru_cache(maxsize=64)
def read_graph(text: str) -> tuple[SmallGraph, tuple[str, ...]]:
    """A graph from "1-2 2-3 4", and a sentence for each piece that was left out (some of them, where they are many).

    Separators are spaces, commas and semicolons; 1-2-3 is a chain. Numbers that nothing names are nodes without edges.
    Where nothing can be read it is the right graph.
    """
    joined = re.sub("\\s*[-\u2010-\u2015\u2212]\\s*", "-", text)  # people type, or paste, all of these
    edges: set[Edge] = set()
    nodes, faults = 0, []
    for piece in filter(None, re.split(r"[\s,;]+", joined)):
        numbers = [int(one) for one in piece.split("-")] if re.fullmatch(r"[0-9]{1,9}(-[0-9]{1,9})*", piece) else []
        pairs = [(min(pair), max(pair)) for pair in pairwise(numbers)]
        if fault := _fault(numbers, pairs, edges):
            faults.append(f"{quoted(piece)} was left out: {fault}.")
            continue
        edges |= set(pairs)
        nodes = max(nodes, *numbers, 0)
    more = len(faults) - MOST_SAID
    notes = [
        *faults[:MOST_SAID],
        *([f"{more} more {'piece was' if more == 1 else 'pieces were'} left out."] if more > 0 else []),
    ]
    if not nodes:
        notes.append(f"No graph is written yet, so this is the right one: {EDGES_RULE}.")
        return read_graph(EXAMPLE_EDGES)[0], tuple(notes)
    return graph(nodes, edges), tuple(notes)


def _fault(numbers: list[int], pairs: list[Edge], known: set[Edge]) -> str:
    if not numbers:
        return EDGES_RULE
    if not all(1 <= one <= MOST_NODES for one in numbers):
        return f"nodes have the numbers 1 to {MOST_NODES}"
    if any(one == other for one, other in pairs):
        return "an edge joins two different nodes; self loops have a switch of their own"
    repeated = bool(pairs) and (set(pairs) <= known or len(set(pairs)) < len(pairs))
    return "this edge is there already" if repeated else ""


def quoted(piece: str, longest: int = 16) -> str:
    """Somebody's text in a sentence of ours: short, as code, so that nothing in it is Markdown."""
    cut = piece if len(piece) <= longest else piece[: longest - 1] + "…"
    return "`" + cut.replace("`", "'").replace("\n", " ") + "`"


@lru_cache(maxsize=4)
def spread_out(small: SmallGraph) -> Floats:
    """(nodes, 2): a place a node, from −1 to 1: edges pull, nodes push (Fruchterman & Reingold 1991)."""
    made = nx.Graph(small.edges)
    made.add_nodes_from(range(1, small.nodes + 1))
    found = nx.spring_layout(made, k=0.55, iterations=120, seed=3)
    places = np.array([found[node] for node in range(1, small.nodes + 1)])
    low, high = places.min(axis=0), places.max(axis=0)
    filling: Floats = 2 * (places - low) / (high - low) - 1
    return filling


def matrices(small: SmallGraph, loops: bool) -> dict[str, Floats]:
    """A, D, L, the row and the symmetric normalisation and the normalised Laplacian, under their formulas.

    loops: of A + I, which leaves L as it is. Where a degree is 0, its inverse is taken as 0.
    """
    a = small.adjacency + np.eye(small.nodes) if loops else small.adjacency
    degrees = a.sum(axis=1)
    inverse = np.divide(1.0, degrees, out=np.zeros_like(degrees), where=degrees > 0)
    root = np.sqrt(inverse)
    laplacian = np.diag(degrees) - a
    name = "Ã" if loops else "A"
    degree = "D̃" if loops else "D"
    return {
        f"{name} = A + I" if loops else "A": a,
        degree: np.diag(degrees),
        f"L = {degree} − {name}": laplacian,
        f"{degree}⁻¹{name}": inverse[:, None] * a,
        f"{degree}⁻½{name}{degree}⁻½": root[:, None] * a * root,
        f"{degree}⁻½L{degree}⁻½": root[:, None] * laplacian * root,
    }


def laplacian(small: SmallGraph) -> Floats:
    """L = D − A."""
    return np.diag(small.adjacency.sum(axis=1)) - small.adjacency


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of L, ascending, and the vector of the second (None of a single node).

    zeros: how many eigenvalues are 0. components: counted by walking through the graph. largest_row_sum: of L·1.
    """

    values: Floats
    fiedler: Floats | None
    zeros: int
    components: int
    largest_row_sum: float


@lru_cache(maxsize=64)
def spectrum(small: SmallGraph) -> Spectrum:
    """What the eigenvalues of L say of the graph."""
    matrix = laplacian(small)
    values, vectors = np.linalg.eigh(matrix)
    fiedler = None
    if small.nodes > 1:
        fiedler = np.where(np.abs(vectors[:, 1]) < ZERO, 0.0, vectors[:, 1])
        fiedler = fiedler * np.sign(fiedler[np.abs(fiedler).argmax()])  # eigenvectors have no sign of their own
    zeros = int((np.abs(values) < ZERO).sum())
    row_sum = float(np.abs(matrix @ np.ones(small.nodes)).max())
    return Spectrum(np.where(np.abs(values) < ZERO, 0.0, values), fiedler, zeros, components(small), row_sum)


def components(small: SmallGraph) -> int:
    """How many pieces the graph falls into."""
    unseen, found = set(range(1, small.nodes + 1)), 0
    while unseen:
        found += 1
        waiting = [unseen.pop()]
        while waiting:
            new = unseen & set(small.neighbours(waiting.pop()))
            unseen -= new
            waiting += new
    return found


@lru_cache(maxsize=64)
def power(small: SmallGraph, length: int) -> NDArray[np.int64]:
    """Aⁿ, exactly."""
    return np.linalg.matrix_power(small.adjacency.astype(np.int64), length)


def walks(small: SmallGraph, start: int, end: int, length: int) -> Iterator[tuple[int, ...]]:
    """Every walk of this many edges from start to end, in the order of its nodes' numbers."""
    ways = [power(small, steps)[:, end - 1] > 0 for steps in range(length + 1)]  # whether the end can still be reached

    def onwards(walk: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        left = length + 1 - len(walk)
        if not left:
            yield walk
            return
        for node in small.neighbours(walk[-1]):
            if ways[left - 1][node - 1]:
                yield from onwards((*walk, node))

    if ways[length][start - 1]:
        yield from onwards((start,))


@dataclass(frozen=True)
class Walks:
    """From start to end: `count` as Aⁿ says; the first of them; how many of all are paths (None: too many to look)."""

    count: int
    first: tuple[tuple[int, ...], ...]
    listed: int | None
    paths: int | None


@lru_cache(maxsize=256)
def look_at_walks(small: SmallGraph, start: int, end: int, length: int, most: int = 60) -> Walks:
    """The walks between a pair: counted by Aⁿ, and one by one where there are at most 20,000; `most` are kept."""
    count = int(power(small, length)[start - 1, end - 1])
    found: list[tuple[int, ...]] = []
    listed = paths = 0
    for walk in walks(small, start, end, length):
        if listed >= (COUNTED if count <= COUNTED else most):
            break
        listed += 1
        paths += is_path(walk)
        if len(found) < most:
            found.append(walk)
    whole = count <= COUNTED
    return Walks(count, tuple(found), listed if whole else None, paths if whole else None)


def is_path(walk: tuple[int, ...]) -> bool:
    """Whether a walk visits no node twice."""
    return len(set(walk)) == len(walk)


DEMO = Demo(
    key="graph_algebra",
    lab="graph_algebra",
    title="Graph algebra",
    question="What do the matrices of a graph count, and what is a graph convolution made of?",
    source="Kipf & Welling 2017; Hamilton et al. 2017; course material",
    config=GraphAlgebraConfig,
)
