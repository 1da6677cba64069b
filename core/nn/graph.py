"""Layers on graphs: GCN, GAT and GraphSAGE, on an edge list; a stack of them for classifying nodes, or a plain MLP.

Parameters are named as in PyTorch Geometric. An edge goes from a source to a target, which sums up what it hears from
its sources. Inputs may be sparse rows (words of a paper). Dropout draws from a stream handed in; without one there is
none, so that evaluation needs no mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.nn.sparse import Pattern, Sparse, attention, product

Model = Literal["gcn", "gat", "sage", "mlp"]
Normalisation = Literal["symmetric", "row", "none"]
Aggregator = Literal["mean", "sum", "max", "median"]
Rows = Tensor | Sparse
SLOPE = 0.2  # of GAT's LeakyReLU below 0


@dataclass(eq=False)
class Graph:
    """Who hears whom, with what layers ask for again and again. sources, targets: (edges,), of `nodes` nodes.

    Repeated edges count once. Loops that are among the edges stay.
    """

    sources: Tensor
    targets: Tensor
    nodes: int

    @cached_property
    def _kept(self) -> dict[tuple[object, ...], Sparse]:
        return {}

    @cached_property
    @torch.inference_mode(False)  # what is kept must serve training, whoever asks first
    def edges(self) -> Pattern:
        """Rows: targets; columns: sources."""
        return Pattern.sorted(self.targets, self.sources, (self.nodes, self.nodes))

    @cached_property
    @torch.inference_mode(False)
    def edges_and_loops(self) -> Pattern:
        """The same with a loop at every node."""
        own = torch.arange(self.nodes, device=self.targets.device)
        rows, columns = torch.cat([self.targets, own]), torch.cat([self.sources, own])
        return Pattern.sorted(rows, columns, (self.nodes, self.nodes))

    def pattern(self, self_term: bool) -> Pattern:
        """With or without loops at every node."""
        return self.edges_and_loops if self_term else self.edges

    @torch.inference_mode(False)
    def adjacency(self, self_term: bool, normalisation: Normalisation) -> Sparse:
        """A, or A + I with a self term; symmetric: D^-1/2 A D^-1/2, row: D^-1 A. An isolated node's row is 0.

        D: degrees as a target, loops counted. Source: Kipf & Welling, ICLR 2017, section 2.
        """
        key = (self_term, normalisation)
        if key not in self._kept:
            pattern = self.pattern(self_term)
            degrees = torch.bincount(pattern.rows, minlength=self.nodes).clamp_min(1).float()
            values = torch.ones(len(pattern.rows), device=degrees.device)
            if normalisation == "row":
                values = 1 / degrees[pattern.rows]
            elif normalisation == "symmetric":
                values = (degrees[pattern.rows] * degrees[pattern.columns]).rsqrt()
            self._kept[key] = Sparse(pattern, values)
        return self._kept[key]

    def to(self, device: torch.device) -> Graph:
        """The same graph elsewhere."""
        return Graph(self.sources.to(device), self.targets.to(device), self.nodes)


class GcnConv(nn.Module):
    """Â X Wᵀ + b, Â the graph's normalised adjacency. Source: Kipf & Welling, ICLR 2017, equation 2."""

    def __init__(
        self, inputs: int, outputs: int, *, self_term: bool = True, normalisation: Normalisation = "symmetric"
    ) -> None:
        super().__init__()
        self.self_term, self.normalisation = self_term, normalisation
        self.lin = _linear(inputs, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Rows, graph: Graph, stream: torch.Generator | None = None) -> Tensor:
        """(nodes, inputs) -> (nodes, outputs)."""
        return graph.adjacency(self.self_term, self.normalisation) @ linear(x, self.lin) + self.bias


class GatConv(nn.Module):
    """A head sums W x over sources, weighted by softmax(LeakyReLU(a_dst·W x_target + a_src·W x_source)).

    outputs: of one head. concat: heads side by side (heads × outputs), else their mean. dropout: of weights, where a
    stream is given. A node without sources gets the bias alone. Source: Veličković et al., ICLR 2018, section 2.1.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        heads: int = 1,
        *,
        concat: bool = True,
        self_term: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads, self.outputs, self.concat = heads, outputs, concat
        self.self_term, self.dropout = self_term, dropout
        self.lin = _linear(inputs, heads * outputs)
        self.att_src = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, heads, outputs)))
        self.att_dst = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, heads, outputs)))
        self.bias = nn.Parameter(torch.zeros(heads * outputs if concat else outputs))

    def forward(self, x: Rows, graph: Graph, stream: torch.Generator | None = None) -> Tensor:
        """(nodes, inputs) -> (nodes, heads × outputs), or (nodes, outputs) of averaged heads."""
        pattern = graph.pattern(self.self_term).repeated(self.heads)
        values = self._values(x)  # (head, node, outputs)
        weights = dropped(self._weights(values, pattern), self.dropout, stream)
        heard = product(pattern, weights, values.flatten(0, 1)).view_as(values)
        together = heard.transpose(0, 1).flatten(1) if self.concat else heard.mean(dim=0)
        return together + self.bias

    def weights(self, x: Rows, graph: Graph) -> Tensor:
        """(heads, edges): what each edge of the graph's pattern weighs; over a target they sum to 1."""
        pattern = graph.pattern(self.self_term).repeated(self.heads)
        return self._weights(self._values(x), pattern).view(self.heads, -1)

    def _values(self, x: Rows) -> Tensor:
        values = linear(x, self.lin)
        return values.view(len(values), self.heads, self.outputs).transpose(0, 1).contiguous()

    def _weights(self, values: Tensor, pattern: Pattern) -> Tensor:
        of_target = (values @ self.att_dst.transpose(0, 1).mT).flatten()  # (heads × nodes,)
        of_source = (values @ self.att_src.transpose(0, 1).mT).flatten()
        return attention(pattern, of_target, of_source, SLOPE)


class SageConv(nn.Module):
    """W_l·aggregate of the sources + b + W_r·x of the node itself. Source: Hamilton et al., NeurIPS 2017, section 3.1.

    With the mean this is the graph convolution W·mean + B·h; a median has no such matrix. Without sources the aggregate
    is 0. transform_first: aggregate W_l x in place of x: the same for mean and sum, which always do so, and another,
    far cheaper layer for max and median of wide inputs.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        aggregator: Aggregator = "mean",
        self_term: bool = True,
        transform_first: bool = False,
    ) -> None:
        super().__init__()
        self.aggregator, self.transform_first = aggregator, transform_first
        self.lin_l = nn.Linear(inputs, outputs)
        self.lin_r = nn.Linear(inputs, outputs, bias=False) if self_term else None

    def forward(self, x: Rows, graph: Graph, stream: torch.Generator | None = None) -> Tensor:
        """(nodes, inputs) -> (nodes, outputs)."""
        if self.aggregator in ("mean", "sum"):
            matrix = graph.adjacency(False, "row" if self.aggregator == "mean" else "none")
            heard = matrix @ linear(x, self.lin_l) + self.lin_l.bias
        elif self.transform_first:
            heard = aggregate(linear(x, self.lin_l), graph.edges, self.aggregator) + self.lin_l.bias
        else:
            rows = x.dense() if isinstance(x, Sparse) else x
            heard = self.lin_l(aggregate(rows, graph.edges, self.aggregator))
        return heard if self.lin_r is None else heard + linear(x, self.lin_r)


class PlainLinear(nn.Module):
    """X Wᵀ + b: a layer that ignores the edges."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.lin = _linear(inputs, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Rows, graph: Graph, stream: torch.Generator | None = None) -> Tensor:
        """(nodes, inputs) -> (nodes, outputs)."""
        return linear(x, self.lin) + self.bias


class GraphNet(nn.Module):
    """Layers with an activation between them and dropout before each; the last one gives a number a class.

    sizes: inputs, then what each layer puts out, of one head where there are several. heads: side by side, of all
    layers but the last; output_heads: of the last, averaged. GAT bends with ELU, the others with ReLU.
    """

    def __init__(
        self,
        model: Model,
        sizes: tuple[int, ...],
        *,
        heads: int = 1,
        output_heads: int = 1,
        dropout: float = 0.0,
        self_term: bool = True,
        normalisation: Normalisation = "symmetric",
        aggregator: Aggregator = "mean",
    ) -> None:
        super().__init__()
        self.model, self.dropout = model, dropout
        self.layers = nn.ModuleList()
        for number, outputs in enumerate(sizes[1:], start=1):
            last = number == len(sizes) - 1
            inputs = sizes[number - 1] * (heads if model == "gat" and number > 1 else 1)
            layer: nn.Module
            if model == "gcn":
                layer = GcnConv(inputs, outputs, self_term=self_term, normalisation=normalisation)
            elif model == "gat":
                layer = GatConv(
                    inputs,
                    outputs,
                    output_heads if last else heads,
                    concat=not last,
                    self_term=self_term,
                    dropout=dropout,
                )
            elif model == "sage":
                layer = SageConv(inputs, outputs, aggregator=aggregator, self_term=self_term, transform_first=True)
            else:
                layer = PlainLinear(inputs, outputs)
            self.layers.append(layer)

    def forward(self, x: Rows, graph: Graph, stream: torch.Generator | None = None) -> Tensor:
        """(nodes, inputs) -> (nodes, classes). stream: what dropout draws from; None: no dropout."""
        return self.layer_outputs(x, graph, stream)[-1]

    def layer_outputs(self, x: Rows, graph: Graph, stream: torch.Generator | None = None) -> list[Tensor]:
        """What every layer puts out, (nodes, width) each, bent but for the last."""
        found: list[Tensor] = []
        for layer in self.layers:
            out: Tensor = layer(dropped_rows(x, self.dropout, stream), graph, stream)
            if len(found) < len(self.layers) - 1:
                out = F.elu(out) if self.model == "gat" else F.relu(out)
            found.append(out)
            x = out
        return found

    def attention_weights(self, x: Rows, graph: Graph) -> list[Tensor]:
        """(heads, edges) of every layer, without dropout; empty for a net without attention."""
        if self.model != "gat":
            return []
        inputs = [x, *self.layer_outputs(x, graph)[:-1]]
        return [layer.weights(one, graph) for layer, one in zip(self.layers, inputs, strict=True)]  # type: ignore[operator]


def linear(x: Rows, layer: nn.Linear) -> Tensor:
    """X Wᵀ of dense or sparse rows, without the bias."""
    return x @ layer.weight.mT if isinstance(x, Tensor) else product(x.pattern, x.values, layer.weight.mT.contiguous())


def dropped(values: Tensor, rate: float, stream: torch.Generator | None) -> Tensor:
    """Dropout: each number is 0 with this probability, else divided by its complement. As it is without a stream."""
    if stream is None or not rate:
        return values
    kept = torch.rand(values.shape, generator=stream, device=values.device) >= rate  # faster than bernoulli_
    return values * (kept / (1 - rate))


def dropped_rows(x: Rows, rate: float, stream: torch.Generator | None) -> Rows:
    """Dropout of dense or sparse rows: zeros stay zeros, so only the others are drawn for."""
    return dropped(x, rate, stream) if isinstance(x, Tensor) else Sparse(x.pattern, dropped(x.values, rate, stream))


def aggregate(x: Tensor, edges: Pattern, aggregator: Aggregator) -> Tensor:
    """(nodes, width) -> (nodes, width): each number's mean, sum, max or median over a node's sources; 0 without any.

    Of an even number of sources the median is the lower one of the middle two.
    """
    if aggregator in ("mean", "sum"):
        values = torch.ones(len(edges.rows), device=x.device, dtype=x.dtype)
        if aggregator == "mean":
            values = (1 / edges.row_sums(values))[edges.rows]
        return product(edges, values, x)
    messages, places = x[edges.columns], edges.rows[:, None].expand(-1, x.shape[1])
    nothing = x.new_zeros(edges.shape[0], x.shape[1])
    if aggregator == "max":
        return nothing.scatter_reduce(0, places, messages, "amax", include_self=False)
    by_size = messages.argsort(dim=0, stable=True)
    order = by_size.gather(0, places.gather(0, by_size).argsort(dim=0, stable=True))  # by target, then by size
    counts = edges.starts.diff()
    heard = counts > 0
    middle = (edges.starts[:-1] + (counts - 1) // 2)[heard].long()
    return nothing.index_put((heard.nonzero()[:, 0],), messages.gather(0, order[middle]))


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.xavier_uniform_(layer.weight)
    return layer
