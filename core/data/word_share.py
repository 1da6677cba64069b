"""Is a third of a text one and the same word? Sequences of 4 to 24 tokens, made up, padded with 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SEED = 42
TRAIN, TEST = 1600, 800
SHORTEST, LONGEST, WORDS = 4, 24, 10  # words: 0 pads, 1 is counted, the others fill
SHARE = 3  # one in so many must be word 1


@dataclass(frozen=True)
class Sequences:
    """tokens: (n, 24) int64, 0 after the end. lengths: (n,). labels: (n,), 1 where at least a third is word 1."""

    tokens: NDArray[np.int64]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64]

    def part(self, place: slice) -> Sequences:
        """Some of them."""
        return Sequences(self.tokens[place], self.lengths[place], self.labels[place])


@lru_cache
def load() -> tuple[Sequences, Sequences]:
    """1600 to train on and 800 to test with, always the same. Texts differ in how often they draw word 1."""
    rng = np.random.default_rng(SEED)
    count = TRAIN + TEST
    lengths = rng.integers(SHORTEST, LONGEST + 1, count)
    tokens = rng.integers(2, WORDS, (count, LONGEST))
    tokens[rng.random(tokens.shape) < rng.uniform(0.0, 2 / SHARE, count)[:, None]] = 1
    tokens[np.arange(LONGEST) >= lengths[:, None]] = 0
    labels = (SHARE * (tokens == 1).sum(axis=1) >= lengths).astype(np.int64)
    every = Sequences(tokens, lengths, labels)
    return every.part(slice(TRAIN)), every.part(slice(TRAIN, None))
