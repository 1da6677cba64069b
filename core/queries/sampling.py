"""From logits to a character: temperature, top-k, top-p, and a draw. NumPy alone, so that a page can do it again.

What is drawn at a place depends on the seed and the place, not on what was drawn before or how text was cut in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FIRST_PIECE, PIECE = 4, 24  # characters of an answer that come at once


@dataclass(frozen=True)
class Sampling:
    """How a character is chosen. temperature 0: the likeliest; top_k 0 and top_p 1: nothing is left out.

    Raises ValueError for a value out of its range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 <= self.temperature <= 10.0:
            raise ValueError(f"temperature must be from 0 to 10; got {self.temperature}. Try 1.")
        if self.top_k < 0:
            raise ValueError(f"top-k must be 0 (all) or more; got {self.top_k}. Try 0.")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top-p must be above 0 and at most 1; got {self.top_p}. Try 1.")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more; got {self.seed}. Try 0.")

    def probabilities(self, logits: NDArray[np.floating]) -> Floats:
        """(…, characters) -> the same: after temperature, then the k likeliest, then the fewest whose sum reaches p.

        Rows sum to one. Of equally likely characters the first in order is taken first. Source of top-p: Holtzman et
        al., ICLR 2020, section 3.1.
        """
        before = np.asarray(logits, dtype=np.float64)
        if self.temperature and not self.top_k and self.top_p == 1:
            return softmax(before / self.temperature)
        order = np.argsort(-before, axis=-1, kind="stable")
        ranks = np.argsort(order, axis=-1, kind="stable")
        if self.temperature == 0:
            return np.where(ranks == 0, 1.0, 0.0)
        found = softmax(before / self.temperature)
        if self.top_k:
            found = _renormalised(np.where(ranks < self.top_k, found, 0.0))
        if self.top_p < 1:
            falling = np.take_along_axis(found, order, axis=-1)
            likelier = np.cumsum(falling, axis=-1) - falling  # what comes before; 0 for the first, which always stays
            kept = np.take_along_axis(likelier, ranks, axis=-1) < self.top_p
            found = _renormalised(np.where(kept, found, 0.0))
        return found

    def draws(self, start: int, count: int) -> Floats:
        """(count,) even numbers from 0 to 1 for the places from `start` on."""
        return np.random.default_rng(self.seed).random(start + count)[start:]


@dataclass(frozen=True)
class Piece:
    """A part of an answer: its characters, and the logits (characters, known) that each was drawn from."""

    text: str
    logits: NDArray[np.float32]
    known: tuple[str, ...]


def streamed(
    ask: Callable[..., Mapping[str, Any] | None], prompt: str, how: Sampling, length: int, said: str = ""
) -> Iterator[Piece]:
    """An answer piece by piece, the first one short so that it comes at once; ends early where there is no answer.

    ask: takes the arguments of the query `say` and returns its arrays. said: what is there of the answer already.
    """
    while len(said) < length:
        count = min(FIRST_PIECE if not said else PIECE, length - len(said))
        shape = {"temperature": how.temperature, "top_k": how.top_k, "top_p": how.top_p, "draw": how.seed}
        found = ask(prompt=prompt, before=said, count=count, **shape)
        if found is None:
            return
        known = tuple(map(chr, found["characters"].tolist()))
        piece = Piece("".join(known[one] for one in found["text"].tolist()), found["logits"], known)
        said += piece.text
        yield piece


def softmax(logits: Floats) -> Floats:
    """Rows sum to one."""
    found: Floats = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return _renormalised(found)


def drawn(probabilities: Floats, even: float) -> int:
    """The character at this height (0 to 1) of the probabilities piled up."""
    sums = np.cumsum(probabilities)
    place = int(np.searchsorted(sums, even * sums[-1], side="right"))
    return min(place, int(np.flatnonzero(probabilities)[-1]))


def _renormalised(found: Floats) -> Floats:
    whole: Floats = found / found.sum(axis=-1, keepdims=True)
    return whole
