"""Verdicts on the claims about skips: what decides them either way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.claims.unet import CLAIMS
from core.experiments.unet import UNetConfig

Key = tuple[str, str]  # metric, skips
HIGH, LOW = {0: 0.80, 1: 0.81, 2: 0.79}, {0: 0.70, 1: 0.71, 2: 0.69}
MEAN, DIGITS, LOSS, EDGES, NAMED = (
    "mean IoU",
    "mean IoU without background",
    "training loss",
    "right side at edges",
    "digit accuracy",
)


@dataclass
class Told:
    """Evidence made up for a test: (metric, skips) -> seed -> value, at width 16; `wide` at width 32, `at_64`."""

    results: Mapping[Key, Mapping[int, float]] = field(default_factory=dict)
    wide: Mapping[Key, Mapping[int, float]] = field(default_factory=dict)
    at_64: Mapping[Key, Mapping[int, float]] = field(default_factory=dict)
    config: UNetConfig = field(default_factory=UNetConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        config = self.config.model_copy(update=settings)
        found = {16: self.results, 32: self.wide, 64: self.at_64}.get(config.width, {})
        return found.get((metric, config.skips), {})

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        return None


def around(value: float) -> Mapping[int, float]:
    return {0: value, 1: value + 0.002, 2: value - 0.002}


def pair(metric: str, on: Mapping[int, float], off: Mapping[int, float]) -> dict[Key, Mapping[int, float]]:
    return {(metric, "all"): on, (metric, "none"): off}


def test_without_results_nothing_is_decided():
    for claim in CLAIMS:
        found = claim.decide(Told())
        assert found.word == "cannot tell" and "Train it above" in found.because


@pytest.mark.parametrize(
    ("claim", "evidence", "word"),
    [
        (0, Told(pair(MEAN, HIGH, LOW)), "supported"),
        (0, Told(pair(MEAN, LOW, HIGH)), "contradicted"),
        (0, Told(pair(MEAN, {0: 0.8}, {0: 0.7})), "cannot tell"),  # one seed
        (1, Told(at_64=pair(MEAN, around(0.78), around(0.68))), "supported"),
        (1, Told(at_64=pair(MEAN, HIGH, HIGH)), "contradicted"),
        (1, Told(at_64=pair(MEAN, {0: 0.78, 1: 0.79}, LOW)), "cannot tell"),
        (1, Told(pair(MEAN, HIGH, LOW)), "cannot tell"),  # of another width
        (2, Told({(MEAN, "all"): HIGH, (DIGITS, "all"): LOW}), "contradicted"),
        (2, Told({(MEAN, "all"): HIGH, (DIGITS, "all"): HIGH}), "cannot tell"),
        (3, Told(pair(LOSS, HIGH, LOW)), "supported"),
        (3, Told(pair(LOSS, LOW, HIGH)), "contradicted"),
        (4, Told(pair(EDGES, HIGH, LOW) | pair(NAMED, HIGH, LOW)), "contradicted"),
        (4, Told(pair(EDGES, HIGH, LOW) | pair(NAMED, LOW, HIGH)), "supported"),
        (4, Told(pair(EDGES, HIGH, LOW) | pair(NAMED, HIGH, HIGH)), "cannot tell"),
        (5, Told(pair(MEAN, HIGH, LOW), pair(MEAN, HIGH, {0: 0.78, 1: 0.80, 2: 0.76})), "contradicted"),
        (5, Told(pair(MEAN, HIGH, LOW), pair(MEAN, HIGH, LOW)), "cannot tell"),
        (5, Told(pair(MEAN, HIGH, LOW)), "cannot tell"),
    ],
)
def test_results_decide(claim: int, evidence: Told, word: str):
    assert CLAIMS[claim].decide(evidence).word == word


def test_a_gap_is_given_with_both_widths():
    because = CLAIMS[5].decide(Told(pair(MEAN, HIGH, LOW), pair(MEAN, HIGH, LOW))).because
    assert "Gain at width 16: 0.10 ± 0.00 (n = 3); at width 32" in because
