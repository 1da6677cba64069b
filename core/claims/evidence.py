"""What a claim is, what it may look at, and what can be said of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import scipy  # its parts load when first used

from core.config import Config
from core.statistics import LEAST_SEEDS, compare, spread

Word = Literal["supported", "contradicted", "cannot tell"]
WORDS: Mapping[bool | None, Word] = {
    True: "supported",
    False: "contradicted",
    None: "cannot tell",
}  # for what `near` says


@dataclass(frozen=True)
class Finding:
    """A verdict, and the numbers it rests on, in one sentence."""

    word: Word
    because: str


class Evidence(Protocol):
    """The results at hand. `config` is what the form says; `settings` below change some of its fields."""

    config: Config

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        """Seed -> value of a summary metric; empty where nothing is trained."""

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        """Seed -> value at one step of the curve: at 0, before any training."""

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        """The arrays a trained net answers; None where there is none."""


@dataclass(frozen=True)
class AtOnce:
    """Evidence of a demo: its settings, from which everything is worked out anew; nothing was ever trained."""

    config: Config

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        """None."""
        return {}

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        """None."""
        return {}

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        """Nothing."""
        return None


@dataclass(frozen=True)
class Claim:
    """A sentence of a source. measurement: what decides it, in words. decide: measures it on the evidence."""

    text: str
    source: str
    measurement: str
    decide: Callable[[Evidence], Finding]


def brief(scores: Mapping[int, float]) -> str:
    """Mean, spread and n, in figures that also tell very small numbers."""
    return spread(list(scores.values())).brief


def opposite(found: Finding) -> Finding:
    """Of a claim that says the contrary; what cannot be told stays so."""
    words: dict[Word, Word] = {"supported": "contradicted", "contradicted": "supported"}
    return Finding(words.get(found.word, "cannot tell"), found.because)


def missing(what: str, done: str = "trained", do: str = "Train") -> Finding:
    """Nothing is there that could decide. done, do: what a run of this lab is called, for some measure only."""
    return Finding("cannot tell", f"Not {done} yet: {what}. {do} it above.")


def higher(a: Mapping[int, float], b: Mapping[int, float], names: tuple[str, str], *, comparisons: int = 1) -> Finding:
    """Whether a's mean is higher than b's by more than seed noise. names: of a and b in the sentence."""
    if not a or not b:
        return missing((names[0] if not a else names[1]).rstrip(":"))
    found = compare(b, a, comparisons=comparisons)
    numbers = f"{names[0]} {spread(list(a.values()))}, {names[1]} {spread(list(b.values()))}."
    if found.verdict != "bigger than seed noise":
        return Finding("cannot tell", f"{numbers} {found.sentence}")
    return Finding("supported" if found.difference > 0 else "contradicted", f"{numbers} {found.sentence}")


def both(*findings: Finding) -> Finding:
    """All must be supported; one that is contradicted decides."""
    words = [finding.word for finding in findings]
    word: Word = "contradicted" if "contradicted" in words else "cannot tell"
    return Finding("supported" if set(words) == {"supported"} else word, " ".join(one.because for one in findings))


def near(values: Mapping[int, float], low: float = -math.inf, high: float = math.inf) -> bool | None:
    """Whether the mean's 95 % interval (Student's t) lies between two bounds; None where that cannot be told."""
    found = spread(list(values.values()))
    if found.n < LEAST_SEEDS:
        return None
    quantile = float(scipy.stats.t.ppf(0.975, found.n - 1))
    error = quantile * found.std / math.sqrt(found.n - 1)  # population std, hence n − 1
    if low <= found.mean - error and found.mean + error <= high:
        return True
    return False if found.mean + error < low or found.mean - error > high else None
