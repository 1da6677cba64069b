"""Words as vectors by a fixed recipe, nothing trained: the same word is the same vector on every machine.

A word's vector: `width` standard normal numbers from a generator seeded with the SHA-256 of the word in small letters.
Its place may be added: sines and cosines of falling frequency (Vaswani et al., NeurIPS 2017, section 3.5).
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_WORDS, LONGEST_WORD = 24, 40
LONGEST_SENTENCE = 400  # characters
EXAMPLE = "the cat sat on the mat because the mat was warm"


@dataclass(frozen=True)
class Words:
    """The words of a sentence. notes: what was cut, a sentence each."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def words_of(sentence: str) -> Words:
    """Its first 24 words, each of at most 40 characters; an example where there is none."""
    found = sentence.split()
    if not found:
        return Words(tuple(EXAMPLE.split()))
    notes = []
    if len(found) > MOST_WORDS:
        notes.append(f"{MOST_WORDS} words at most; the sentence has {len(found)}, and the first {MOST_WORDS} are used.")
    cut = [word[:LONGEST_WORD] for word in found[:MOST_WORDS]]
    if any(len(word) > LONGEST_WORD for word in found[:MOST_WORDS]):
        notes.append(f"A word longer than {LONGEST_WORD} characters is cut to its first {LONGEST_WORD}.")
    return Words(tuple(cut), tuple(notes))


def word_vector(word: str, width: int) -> Floats:
    """(width,): of the word, whatever its case; the punctuation at its ends does not count."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    bare = plain.strip("".join(set(plain) & set(".,;:!?…\"'’‘“”«»()[]–-"))) or plain
    seed = int.from_bytes(hashlib.sha256(bare.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(width)


def places(count: int, width: int) -> Floats:
    """(count, width): sin and cos of i·10000^(−2c/width) in turn."""
    frequencies = 10_000.0 ** (-2 * (np.arange(width) // 2) / width)
    angles = np.arange(count)[:, None] * frequencies
    waves: Floats = np.where(np.arange(width) % 2, np.cos(angles), np.sin(angles))
    return waves
