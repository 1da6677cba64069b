"""A small vision transformer: a picture as a row of patches that attend to one another, whatever the kernel.

Source: Dosovitskiy et al., ICLR 2021, section 3.1, with pre-norm blocks. Here besides: any kernel of core.nn.kernels
in place of the softmax, and rotary positions in two dimensions. Tokens (batch, n, width), heads (batch, heads, n, d).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.nn.attention import attend
from core.nn.kernels import Cosine, Favor, Kernel, Linear, Polynomial, Rbf, Softmax

Similarity = Literal["softmax", "linear", "quadratic", "cosine", "rbf", "favor"]
Positions = Literal["none", "absolute", "rotary"]
Pooling = Literal["class token", "mean"]

FAVOR_FEATURES = 64
ROTARY_BASE = 100.0  # of the slowest turn; grids have few rows, so far below the 10,000 of texts
EXPANSION = 2  # the MLP's hidden layer, in widths
INITIAL_STD = 0.02  # of the class token and of learned positions


def kernel_of(similarity: Similarity, head_width: int) -> Kernel:
    """The kernel of this name for heads of this width.

    The radial one has length d^¼, so that its logits are as large as softmax's, q·k/√d, up to the lengths of q and k.
    """
    kernels: Mapping[Similarity, Kernel] = {
        "softmax": Softmax(),
        "linear": Linear(),
        "quadratic": Polynomial(2),
        "cosine": Cosine(),
        "rbf": Rbf(length=head_width**0.25),
        "favor": Favor(features=FAVOR_FEATURES),
    }
    return kernels[similarity]


def patches(images: Tensor, size: int) -> Tensor:
    """(n, c, side, side) -> (n, tokens, c·size·size), row by row.

    Raises ValueError where patches of this size do not fill the picture.
    """
    count, channels, height, width = images.shape
    if size < 1 or height % size or width % size:
        fitting = [one for one in range(1, min(height, width) + 1) if height % one == 0 and width % one == 0]
        nearest = min(fitting, key=lambda one: (abs(one - size), one))
        raise ValueError(f"patch size must divide the sides of a picture, {height}×{width}; got {size}. Try {nearest}.")
    cells = images.reshape(count, channels, height // size, size, width // size, size)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels * size * size)


def pictures(tokens: Tensor, size: int, channels: int) -> Tensor:
    """The inverse of `patches` for square pictures: (n, tokens, c·size·size) -> (n, c, side, side)."""
    count, cells, _ = tokens.shape
    across = math.isqrt(cells)
    parts = tokens.reshape(count, across, across, channels, size, size).permute(0, 3, 1, 4, 2, 5)
    return parts.reshape(count, channels, across * size, across * size)


def shuffled(images: Tensor, size: int, seed: int = 0) -> Tensor:
    """Every picture with its patches in another order: a fixed one for each place in the batch."""
    tokens = patches(images, size)
    stream = torch.Generator().manual_seed(seed)
    order = torch.rand(tokens.shape[:2], generator=stream).argsort(dim=1).to(images.device)
    return pictures(tokens.gather(1, order[..., None].expand_as(tokens)), size, images.shape[1])


class Attention(nn.Module):
    """Heads that attend to all tokens; the heads' outputs are joined and mixed by one more matrix."""

    def __init__(self, width: int, heads: int, similarity: Similarity) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"width must be a multiple of heads; got {width} and {heads}. Try width={heads * (width // heads + 1)}."
            )
        self.heads = heads
        self.kernel = kernel_of(similarity, width // heads)
        self.project = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)

    def forward(self, tokens: Tensor, turns: Tensor | None) -> Tensor:
        """(batch, n, width) -> the same. turns: of `rotary_turns`, None where there are none."""
        q, k, v = self.heads_of(tokens, turns)
        mixed: Tensor = self.mix(attend(self.kernel, q, k, v).transpose(1, 2).flatten(2))
        return mixed

    def heads_of(self, tokens: Tensor, turns: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """q, k, v, each (batch, heads, n, d); q and k turned by their places.

        The quadratic kernel's q is divided by √d, as softmax does by itself: (q·k + 1)² would else be all q·k.
        """
        parts = self.project(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = parts if isinstance(self.kernel, Softmax) else parts.contiguous()  # feature maps then run faster
        if isinstance(self.kernel, Polynomial):
            q = q / math.sqrt(q.shape[-1])
        return (q, k, v) if turns is None else (turned(q, turns), turned(k, turns), v)

    def weights(self, tokens: Tensor, turns: Tensor | None) -> Tensor:
        """(batch, heads, n, n): how much every token (row) takes from every other; rows sum to one."""
        q, k, _ = self.heads_of(tokens, turns)
        return self.kernel.weights(q, k)


class Block(nn.Module):
    """Attention, then a two-layer net for every token, each on normalised tokens and added to what was there."""

    def __init__(self, width: int, heads: int, similarity: Similarity) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, similarity)
        self.before_net = nn.LayerNorm(width)
        self.net = nn.Sequential(nn.Linear(width, EXPANSION * width), nn.GELU(), nn.Linear(EXPANSION * width, width))

    def forward(self, tokens: Tensor, turns: Tensor | None) -> Tensor:
        """(batch, n, width) -> the same."""
        tokens = tokens + self.attention(self.before_attention(tokens), turns)
        changed: Tensor = tokens + self.net(self.before_net(tokens))
        return changed


class VisionTransformer(nn.Module):
    """Patches, a linear layer, blocks of attention, and a linear layer on the class token or the mean of all tokens.

    Raises ValueError for a patch size that does not divide the side, for heads that do not divide the width, and for
    rotary positions whose heads cannot be split into pairs for rows and for columns.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        classes: int = 10,
        side: int = 32,
        patch: int = 8,
        width: int = 64,
        heads: int = 4,
        depth: int = 4,
        similarity: Similarity = "softmax",
        positions: Positions = "absolute",
        pooling: Pooling = "class token",
    ) -> None:
        super().__init__()
        inputs = patches(torch.empty(1, channels, side, side), patch).shape[2]
        self.channels, self.side, self.patch, self.across = channels, side, patch, side // patch
        self.embed = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(Block(width, heads, similarity) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        count = self.across**2
        self.class_token = nn.Parameter(INITIAL_STD * torch.randn(width)) if pooling == "class token" else None
        self.places = nn.Parameter(INITIAL_STD * torch.randn(count, width)) if positions == "absolute" else None
        self.turns: Tensor | None
        turns = rotary_turns(self.across, width // heads, self.class_tokens) if positions == "rotary" else None
        self.register_buffer("turns", turns, persistent=False)

    @property
    def class_tokens(self) -> int:
        """How many tokens stand before those of the patches: one or none."""
        return 0 if self.class_token is None else 1

    def tokens(self, images: Tensor) -> Tensor:
        """(batch, channels, side, side) -> (batch, n, width). Raises ValueError for pictures of another shape."""
        wanted = (self.channels, self.side, self.side)
        if images.ndim != 4 or tuple(images.shape[1:]) != wanted:
            raise ValueError(
                f"pictures must be (n, {', '.join(map(str, wanted))}); got {tuple(images.shape)}. "
                f"Scale them to {self.side}×{self.side} first."
            )
        tokens: Tensor = self.embed(patches(images, self.patch))
        if self.places is not None:
            tokens = tokens + self.places
        if self.class_token is not None:
            tokens = torch.cat([self.class_token.expand(len(tokens), 1, -1), tokens], dim=1)
        return tokens

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, side, side) -> (batch, classes) logits."""
        tokens = self.tokens(images)
        for block in self.blocks:
            tokens = block(tokens, self.turns)
        return self.read(tokens)

    def read(self, tokens: Tensor) -> Tensor:
        """Logits from the last block's tokens."""
        tokens = tokens[:, 0] if self.class_tokens else tokens.mean(dim=1)
        logits: Tensor = self.head(self.norm(tokens))
        return logits

    def forward_with_weights(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits as of `forward`, and what every token attended to: (batch, layers, heads, n, n), rows sum to one."""
        tokens, weights = self.tokens(images), []
        for block in self.blocks:
            assert isinstance(block, Block)
            weights.append(block.attention.weights(block.before_attention(tokens), self.turns))
            tokens = block(tokens, self.turns)
        return self.read(tokens), torch.stack(weights, dim=1)


def rotary_turns(across: int, head_width: int, class_tokens: int = 1) -> Tensor:
    """Complex turns (n, d/2) of tokens on a grid of across × across: half of them by the row, half by the column.

    A class token stands nowhere and is not turned. After the turns q·k depends on how many rows and columns lie
    between two patches. Source: Su et al. 2021, section 3.2, for each of the two directions.
    Raises ValueError where d is no multiple of four.
    """
    if head_width % 4:
        raise ValueError(
            "rotary positions need heads whose width is a multiple of 4, for pairs of rows and columns; got "
            f"{head_width}. Try {4 * (head_width // 4 + 1)} numbers a head, or absolute positions."
        )
    pairs = head_width // 4
    speeds = ROTARY_BASE ** (-torch.arange(pairs, dtype=torch.float64) / pairs)  # radians a patch
    row, column = torch.meshgrid(torch.arange(across), torch.arange(across), indexing="ij")
    angles = torch.cat([row.flatten()[:, None] * speeds, column.flatten()[:, None] * speeds], dim=1)
    angles = F.pad(angles, (0, 0, class_tokens, 0))
    return torch.polar(torch.ones_like(angles), angles).to(torch.complex64)


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Numbers (…, n, d) as pairs, each turned by its angle."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * turns).flatten(-2)
