"""A small decoder-only transformer over characters: each place guesses the character that comes next.

Source: Radford et al. 2019 (pre-norm decoder), with rotary positions (Su et al. 2021), RMSNorm (Zhang & Sennrich 2019)
and causal linear attention (Katharopoulos et al., ICML 2020) to choose. Tokens (batch, n, width), heads
(batch, heads, n, d). What was read before can be kept, so that one more character costs one step and not a text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.nn.attention import causal_through_features, through_features
from core.nn.kernels import Kernel, Linear, Softmax

Positions = Literal["none", "absolute", "rotary"]
Norm = Literal["rms", "layer"]
Mlp = Literal["wide", "deep"]
Similarity = Literal["softmax", "linear"]

ROTARY_BASE = 10_000.0  # of the slowest turn
INITIAL_STD = 0.02
EPSILON = 1e-5  # of RMSNorm, as of LayerNorm
KERNELS: Mapping[Similarity, Kernel] = {"softmax": Softmax(), "linear": Linear()}


class Shape(NamedTuple):
    """Layers, heads and width of a net."""

    layers: int
    heads: int
    width: int


SIZES: Mapping[str, Shape] = {"nano": Shape(3, 3, 48), "micro": Shape(4, 4, 128), "mini": Shape(6, 6, 384)}


@dataclass
class Kept:
    """What one layer keeps of the text so far: keys and values, or for the linear kernel their running sums alone."""

    pairs: Tensor | None = None  # keys and values, (2, batch, heads, n, d)
    sums: Tensor | None = None  # Σφ(k)(v, 1)ᵀ: (batch, heads, d, d + 1)


@dataclass
class Cache:
    """What a net keeps of the text it has read, a layer each; `length` in characters."""

    layers: list[Kept] = field(default_factory=list)
    length: int = 0


class Attention(nn.Module):
    """Heads that attend to themselves and what came before; without `causal` to everything."""

    def __init__(self, width: int, heads: int, similarity: Similarity, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"width must be a multiple of heads; got {width} and {heads}. Try width={heads * (width // heads + 1)}."
            )
        self.heads, self.dropout, self.similarity = heads, dropout, similarity
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)

    def forward(self, tokens: Tensor, turns: Turns | None, causal: bool = True, kept: Kept | None = None) -> Tensor:
        """(batch, n, width) -> the same. kept: of the text before, which these tokens are added to."""
        q, k, v = self.heads_of(tokens, turns)
        heads = self._mean(q, k, v, causal) if kept is None else self._going_on(q, k, v, kept)
        return F.linear(heads.transpose(1, 2).flatten(2), self.mix.weight)

    def heads_of(self, tokens: Tensor, turns: Turns | None) -> tuple[Tensor, Tensor, Tensor]:
        """q, k, v, each (batch, heads, n, d); q and k turned by their places."""
        batch, count, width = tokens.shape
        parts = F.linear(tokens, self.project.weight).view(batch, count, 3, self.heads, width // self.heads)
        parts = parts.permute(2, 0, 3, 1, 4)
        q, k = parts[:2] if turns is None else turned(parts[:2], turns)
        return q, k, parts[2]

    def weights(self, tokens: Tensor, turns: Turns | None, causal: bool = True) -> Tensor:
        """(batch, heads, n, n): how much every token (row) takes from every other; rows sum to one."""
        q, k, _ = self.heads_of(tokens, turns)
        return KERNELS[self.similarity].weights(q, k, causal)

    def _mean(self, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        if self.similarity == "softmax":
            dropout = self.dropout if self.training else 0.0
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal, dropout_p=dropout)
        left, right = KERNELS["linear"].map(q, k)
        return causal_through_features(left, right, v) if causal else through_features(left, right, v)

    def _going_on(self, q: Tensor, k: Tensor, v: Tensor, kept: Kept) -> Tensor:
        """Of the tokens after those that were read: with an empty cache any number, else one at a time."""
        first = kept.pairs is None and kept.sums is None
        assert first or q.shape[2] == 1, "one token at a time goes on from what is kept"
        if self.similarity == "softmax":
            new = torch.stack([k, v])
            kept.pairs = new if kept.pairs is None else torch.cat([kept.pairs, new], dim=3)
            return F.scaled_dot_product_attention(q, kept.pairs[0], kept.pairs[1], is_causal=first)
        left, right = KERNELS["linear"].map(q, k)
        added = right.mT @ F.pad(v, (0, 1), value=1.0)
        kept.sums = added if kept.sums is None else kept.sums + added
        if first:
            return causal_through_features(left, right, v)
        whole = left @ kept.sums
        return whole[..., :-1] / whole[..., -1:]


class Layers(nn.Sequential):
    """Linear layers with a GELU between them, called as functions: a module's own call costs as much as one of them."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, n, width) -> the same."""
        first, *others = (layer.weight for layer in self if isinstance(layer, nn.Linear))
        tokens = F.linear(tokens, first)
        for weight in others:
            tokens = F.linear(F.gelu(tokens, approximate="tanh"), weight)
        return tokens


def mlp(width: int, shape: Mlp) -> Layers:
    """Wide: one hidden layer of 4 widths. Deep: two of 2 widths. Both have 8 width² parameters."""
    sizes = (width, 4 * width, width) if shape == "wide" else (width, 2 * width, 2 * width, width)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.GELU(approximate="tanh")]
    return Layers(*layers[:-1])


class Block(nn.Module):
    """Attention, then an MLP for every token, each on normalised tokens and added to what was there."""

    def __init__(self, width: int, heads: int, similarity: Similarity, norm: Norm, shape: Mlp, dropout: float) -> None:
        super().__init__()
        self.before_attention = norm_of(norm, width)
        self.attention = Attention(width, heads, similarity, dropout)
        self.before_mlp = norm_of(norm, width)
        self.mlp = mlp(width, shape)
        self.dropout = dropout

    def forward(self, tokens: Tensor, turns: Turns | None, causal: bool = True, kept: Kept | None = None) -> Tensor:
        """(batch, n, width) -> the same."""
        rate = self.dropout if self.training else 0.0
        tokens = tokens + dropped(self.attention(self.before_attention(tokens), turns, causal, kept), rate)
        changed: Tensor = tokens + dropped(self.mlp(self.before_mlp(tokens)), rate)
        return changed


def dropped(x: Tensor, rate: float) -> Tensor:
    """Dropout; at rate 0 nothing is called, for one more character costs little else than calls."""
    return F.dropout(x, rate) if rate else x


def norm_of(norm: Norm, width: int) -> nn.Module:
    """RMSNorm, which divides by the root of the mean square, or LayerNorm, which takes the mean away first."""
    return nn.RMSNorm(width, eps=EPSILON) if norm == "rms" else nn.LayerNorm(width, bias=False)


class Gpt(nn.Module):
    """Characters in, logits of the next one out, at every place.

    Raises ValueError for heads that do not divide the width, and for rotary positions in heads of odd width.
    """

    def __init__(
        self,
        *,
        characters: int,
        block: int,
        shape: Shape = SIZES["nano"],
        positions: Positions = "rotary",
        norm: Norm = "rms",
        mlp: Mlp = "wide",
        dropout: float = 0.0,
        similarity: Similarity = "softmax",
    ) -> None:
        super().__init__()
        layers, heads, width = shape
        if positions == "rotary" and (width // heads) % 2:
            raise ValueError(
                f"rotary positions turn pairs of numbers, so a head's width must be even; got {width} / {heads} = "
                f"{width // heads}. Try width={2 * heads * -(-width // (2 * heads))}, or absolute positions."
            )
        self.block, self.positions, self.head_width = block, positions, width // heads
        self.cosines: Tensor | None
        self.sines: Tensor | None
        cosines, sines = rotary_turns(0, 4 * block, self.head_width) if positions == "rotary" else (None, None)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        self.embed = nn.Embedding(characters, width)
        self.places = nn.Parameter(torch.empty(block, width)) if positions == "absolute" else None
        self.dropout = dropout
        self.blocks = nn.ModuleList(Block(width, heads, similarity, norm, mlp, dropout) for _ in range(layers))
        self.norm = norm_of(norm, width)
        self.head = nn.Linear(width, characters, bias=False)
        self._initialise(layers)

    def _initialise(self, layers: int) -> None:
        """Normal of std 0.02; what is added to the tokens smaller, so that their sum does not grow with the depth."""
        for parameter in self.parameters():
            if parameter.ndim >= 2:
                nn.init.normal_(parameter, std=INITIAL_STD)
        for block in self.blocks:
            assert isinstance(block, Block)
            for last in (block.attention.mix.weight, list(block.mlp.parameters())[-1]):
                nn.init.normal_(last, std=INITIAL_STD / math.sqrt(2 * layers))

    def forward(self, text: Tensor, causal: bool = True, cache: Cache | None = None) -> Tensor:
        """(batch, n) of character numbers -> (batch, n, characters) logits of the next one.

        cache: what was read before; the text is added to it. Empty it takes any number of characters, then one at a
        time. causal: False lets every place see all others, which no net is trained for.
        """
        tokens, turns = self.read(text, cache.length if cache else 0)
        if cache is not None and not cache.layers:
            cache.layers = [Kept() for _ in self.blocks]
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, turns, causal, cache.layers[number] if cache else None)
        if cache is not None:
            cache.length += text.shape[1]
        return self.said(tokens)

    def read(self, text: Tensor, start: int = 0) -> tuple[Tensor, Turns | None]:
        """Tokens (batch, n, width) of characters from place `start` on, and the turns of their places.

        Absolute places beyond the block that was trained have no vector of their own: nothing is added there.
        """
        tokens, end = self.embed(text), start + text.shape[1]
        if self.places is not None:
            table = F.pad(self.places, (0, 0, 0, max(0, end - self.block)))
            tokens = tokens + table[start:end]
        return dropped(tokens, self.dropout if self.training else 0.0), self.turns(start, end)

    def turns(self, start: int, end: int) -> Turns | None:
        """Of these places; None where positions are not rotary."""
        if self.cosines is None or self.sines is None:
            return None
        if end > len(self.cosines):
            cosines, sines = rotary_turns(start, end, self.head_width)
            return cosines.to(self.cosines), sines.to(self.sines)
        return self.cosines[start:end], self.sines[start:end]

    def said(self, tokens: Tensor) -> Tensor:
        """Logits from the last block's tokens."""
        logits: Tensor = self.head(self.norm(tokens))
        return logits

    def weights(self, text: Tensor) -> Tensor:
        """What every character attended to: (batch, layers, heads, n, n), rows sum to one."""
        (tokens, turns), found = self.read(text), []
        for block in self.blocks:
            assert isinstance(block, Block)
            found.append(block.attention.weights(block.before_attention(tokens), turns))
            tokens = block(tokens, turns)
        return torch.stack(found, dim=1)


Turns = tuple[Tensor, Tensor]  # cosines and sines, (n, d) each


def rotary_turns(start: int, end: int, head_width: int) -> Turns:
    """Cosines and sines (n, d) of the places start to end; the first half of the sines is negative.

    Number i and number i + d/2 of a head are a pair, turned by place · base^(−2i/d).
    Source: Su et al. 2021, section 3.2.2; how numbers are paired does not matter to a net that learns them.
    """
    half = head_width // 2
    speeds = ROTARY_BASE ** (-torch.arange(half, dtype=torch.float64) / half)  # radians a place
    angles = torch.arange(start, end, dtype=torch.float64)[:, None] * speeds
    cos, sin = angles.cos().float(), angles.sin().float()
    return torch.cat([cos, cos], dim=1), torch.cat([-sin, sin], dim=1)


def turned(x: Tensor, turns: Turns) -> Tensor:
    """(…, n, d) with every pair turned by its angle."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = turns
    return torch.addcmul(x * cos, torch.cat([second, first], dim=-1), sin)
