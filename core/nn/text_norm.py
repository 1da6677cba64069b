"""A bag of words with a normalisation between two layers, which may or may not count the padding."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

TextNorm = Literal["batch", "masked", "layer", "none"]
EMBEDDED, WIDTH = 16, 32


class TextNet(nn.Module):
    """Embedding, linear layer, normalisation, ReLU, the mean over real tokens, linear layer."""

    def __init__(self, words: int, kind: TextNorm) -> None:
        """words: how many tokens there are, 0 being padding. masked: batch norm over real tokens only."""
        super().__init__()
        self.masked = kind == "masked"
        self.embedding = nn.Embedding(words, EMBEDDED, padding_idx=0)
        self.inner = nn.Linear(EMBEDDED, WIDTH)
        norms = {"batch": nn.BatchNorm1d, "masked": nn.BatchNorm1d, "layer": nn.LayerNorm, "none": nn.Identity}
        self.norm = norms[kind](WIDTH)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, length) int64 -> logits (n, 2)."""
        real = tokens > 0
        inner = self.inner(self.embedding(tokens))  # (n, length, width)
        if self.masked:
            normed = torch.zeros_like(inner)
            normed[real] = self.norm(inner[real])
        else:
            normed = self.norm(inner.flatten(0, 1)).view_as(inner)
        counted = normed.relu() * real[..., None]
        logits: Tensor = self.head(counted.sum(dim=1) / real.sum(dim=1, keepdim=True))
        return logits
