"""A transformer layer as message passing on the complete graph of a sentence: the same weights, the same numbers.

One side is torch's own layer (nn.TransformerEncoderLayer, two heads, normalisation after each part). The other sends a
message along every edge, self loops among them, in NumPy. Words are vectors by a fixed recipe (core.demos.tokens);
weights are drawn, not trained. float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.demos.graph_algebra import Floats, SmallGraph
from core.demos.tokens import word_vector, words_of
from core.devices import one_thread

Indices = NDArray[np.int64]
WIDTH, HEADS, INNER = 8, 2, 16
SEED = 11  # of the weights
CORA_NODES, CORA_EDGES = 2708, 5278
EXAMPLE = "I eat red apples"


@dataclass(frozen=True)
class Layer:
    """One sentence through both. names, notes: of its words. scores, weights: (heads, edges), edges from `sources`.

    messages: (heads, edges, width of a head), weighted. transformer, passed: (words, 8), what comes out.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]
    sources: Indices
    targets: Indices
    scores: Floats
    weights: Floats
    messages: Floats
    transformer: Floats
    passed: Floats

    @property
    def difference(self) -> float:
        """The largest between the two."""
        return float(np.abs(self.transformer - self.passed).max())

    @property
    def edges(self) -> int:
        """Directed, without self loops: n(n − 1)."""
        return len(self.names) * (len(self.names) - 1)

    @property
    def edges_and_loops(self) -> int:
        """n²."""
        return len(self.sources)

    def heard(self, target: int, head: int) -> tuple[Floats, Floats, Floats]:
        """What reaches a word, a row a sender: scores, weights, messages."""
        here = self.targets == target
        return self.scores[head, here], self.weights[head, here], self.messages[head, here]


@lru_cache(maxsize=1)
def parameters() -> dict[str, Floats]:
    """The layer's weights, under torch's names; the same on every machine."""
    stream = np.random.default_rng(SEED)
    shapes = {
        "in_proj": (3 * WIDTH, WIDTH),
        "out_proj": (WIDTH, WIDTH),
        "linear1": (INNER, WIDTH),
        "linear2": (WIDTH, INNER),
    }
    made: dict[str, Floats] = {}
    for name, shape in shapes.items():
        made[f"{name}.weight"] = stream.standard_normal(shape) / np.sqrt(shape[1])
        made[f"{name}.bias"] = 0.1 * stream.standard_normal(shape[0])
    return made


@lru_cache(maxsize=64)
@one_thread()
def layer(sentence: str) -> Layer:
    """A sentence of up to 24 words through the transformer layer and through message passing."""
    words = words_of(sentence if sentence.split() else EXAMPLE)
    x = np.stack([word_vector(word, WIDTH) for word in words.names])
    count = len(words.names)
    targets, sources = np.indices((count, count), dtype=np.int64).reshape(2, -1)
    scores, weights, messages, passed = passed_on(x, sources, targets)
    found = through_torch(x)
    return Layer(words.names, words.notes, sources, targets, scores, weights, messages, found, passed)


def passed_on(x: Floats, sources: Indices, targets: Indices) -> tuple[Floats, Floats, Floats, Floats]:
    """Messages along these edges, x (nodes, 8): scores, weights (heads, edges), messages and the new x (nodes, 8).

    Message: exp(score)/Σ exp · v_u, score = q_v·k_u/√d; aggregate: their sum, heads side by side; update: projection,
    residual, normalisation, then the same around a small net of each node by itself.
    """
    own, width = parameters(), WIDTH // HEADS
    q, k, v = np.split(x @ own["in_proj.weight"].T + own["in_proj.bias"], 3, axis=1)
    found: list[tuple[Floats, Floats, Floats]] = []
    together = np.zeros_like(x)
    for head in range(HEADS):
        part = slice(head * width, (head + 1) * width)
        score = np.einsum("ec,ec->e", q[targets, part], k[sources, part]) / np.sqrt(width)
        largest = np.full(len(x), -np.inf)
        np.maximum.at(largest, targets, score)
        power = np.exp(score - largest[targets])
        total = np.zeros(len(x))
        np.add.at(total, targets, power)
        weight = power / total[targets]
        message = weight[:, None] * v[sources, part]
        np.add.at(together[:, part], targets, message)
        found.append((score, weight, message))
    h = normalised(x + together @ own["out_proj.weight"].T + own["out_proj.bias"])
    inner = np.maximum(h @ own["linear1.weight"].T + own["linear1.bias"], 0.0)
    new = normalised(h + inner @ own["linear2.weight"].T + own["linear2.bias"])
    scores, weights, messages = (np.stack(one) for one in zip(*found, strict=True))
    return scores, weights, messages, new


def normalised(x: Floats) -> Floats:
    """Layer normalisation of each row, with torch's own ε of 1e-5 in the root and no gain."""
    centred = x - x.mean(axis=1, keepdims=True)
    found: Floats = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return found


def through_torch(x: Floats) -> Floats:
    """The same weights in torch's nn.TransformerEncoderLayer."""
    made = nn.utils.skip_init(
        nn.TransformerEncoderLayer, WIDTH, HEADS, INNER, dropout=0.0, batch_first=True, dtype=torch.float64
    )
    own = {name: torch.tensor(values) for name, values in parameters().items()}
    with torch.no_grad():
        for name, values in made.named_parameters():
            given = name.removeprefix("self_attn.").replace("in_proj_", "in_proj.")
            values.copy_(own[given] if given in own else torch.full_like(values, float("weight" in name)))
        found: Floats = made.eval()(torch.tensor(x)[None])[0].numpy()
    return found


@dataclass(frozen=True)
class Cost:
    """How many scores are needed. edges: directed, without loops."""

    name: str
    nodes: int
    edges: int

    @property
    def along_edges(self) -> int:
        """Of attention along the edges and self loops: 2E + n."""
        return self.edges + self.nodes

    @property
    def all_pairs(self) -> int:
        """Of attention between all pairs: n²."""
        return self.nodes**2


def costs(small: SmallGraph, words: int) -> tuple[Cost, ...]:
    """The graph of the form, a sentence and Cora."""
    return (
        Cost("this graph", small.nodes, 2 * len(small.edges)),
        Cost("the sentence", words, words * (words - 1)),
        Cost("Cora", CORA_NODES, 2 * CORA_EDGES),
    )
