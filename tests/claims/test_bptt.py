"""Verdicts on truncated backpropagation: what the numbers decide, and that other numbers would decide otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.claims.bptt import ACCURACY, CLAIMS, COSINE
from core.engine import recorded
from core.experiments.bptt import BpttConfig

Key = tuple[str, str, int, int]  # metric, cell, lag, window
GOOD, BAD, MIXED = {0: 100.0, 1: 99.0, 2: 100.0}, {0: 25.0, 1: 26.0, 2: 24.0}, {0: 100.0, 1: 50.0, 2: 100.0}
ALIKE, APART, BETWEEN = dict.fromkeys(range(3), 1.0), {0: 0.2, 1: 0.3, 2: 0.25}, {0: 1.0, 1: 0.9, 2: 1.0}


@dataclass
class Told:
    """Evidence made up for a test."""

    results: Mapping[Key, Mapping[int, float]] = field(default_factory=dict)
    config: BpttConfig = field(default_factory=BpttConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        now = self.config.model_copy(update=settings)
        return self.results.get((metric, now.cell, now.lag, now.window), {})

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        return {}

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        return None


@pytest.mark.parametrize(
    ("claim", "results", "word"),
    [
        (0, {(COSINE, "rnn", 15, 8): ALIKE, (COSINE, "lstm", 15, 8): ALIKE}, "supported"),
        (0, {(COSINE, "rnn", 15, 8): ALIKE, (COSINE, "lstm", 15, 8): APART}, "contradicted"),
        (0, {(COSINE, "rnn", 15, 8): BETWEEN}, "cannot tell"),
        (1, {(ACCURACY, "rnn", 15, 8): BAD}, "supported"),
        (1, {(ACCURACY, "rnn", 15, 8): BAD, (ACCURACY, "lstm", 15, 8): GOOD}, "contradicted"),
        (1, {(ACCURACY, "rnn", 15, 8): {0: 25.0}}, "cannot tell"),
        (2, {(ACCURACY, "rnn", 15, 15): GOOD}, "supported"),
        (2, {(ACCURACY, "rnn", 15, 15): BAD}, "contradicted"),
        (2, {(ACCURACY, "rnn", 15, 15): MIXED}, "cannot tell"),
        (3, {}, "contradicted"),
        (4, {(ACCURACY, "lstm", 60, 60): GOOD}, "supported"),
        (4, {(ACCURACY, "lstm", 60, 60): BAD}, "contradicted"),
    ],
)
def test_the_numbers_decide(claim: int, results: Mapping[Key, Mapping[int, float]], word: str) -> None:
    assert CLAIMS[claim].decide(Told(results)).word == word


def test_without_results_nothing_is_decided_but_what_is_worked_out() -> None:
    found = [claim.decide(Told()) for claim in CLAIMS]
    assert [one.word for one in found] == ["cannot tell"] * 3 + ["contradicted", "cannot tell"]
    assert all("Train it above" in found[place].because for place in (0, 1, 2, 4))


def test_a_short_lag_is_said() -> None:
    found = [CLAIMS[place].decide(Told(config=BpttConfig(lag=5))) for place in (0, 1)]
    assert all(one.word == "cannot tell" and "choose one above 8" in one.because for one in found)


class Recorded(Told):
    """The results that ship with the program."""

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        wanted = self.config.model_copy(update=settings).retraining()
        for snapshot in recorded.read("bptt"):
            if BpttConfig.parse(snapshot.run.config).retraining() == wanted:
                return snapshot.summary([metric])[metric]
        return {}


def test_on_the_recorded_results_the_truncated_gradient_is_biased_and_a_short_window_can_learn() -> None:
    words = ["contradicted", "contradicted", "cannot tell", "contradicted", "contradicted"]
    assert [claim.decide(Recorded()).word for claim in CLAIMS] == words
