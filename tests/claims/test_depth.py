"""Verdicts on depth: what the numbers decide, and that other numbers would decide otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.claims.depth import CLAIMS, RATIO
from core.engine import recorded
from core.experiments.depth import DepthConfig

TRAINING, TEST = "training error", "test error"
HIGH, LOW, LOWISH = {0: 70.0, 1: 72.0, 2: 71.0}, {0: 1.0, 1: 0.0, 2: 2.0}, {0: 1.0, 1: 0.1, 2: 2.1}
ALIVE, DEAD, BETWEEN = {0: 0.4, 1: 0.5, 2: 0.6}, {0: 1e-4, 1: 2e-4, 2: 1e-5}, {0: 0.2, 1: 0.01, 2: 0.05}


@dataclass
class Told:
    """Evidence made up for a test: (metric, layers, residual, batch norm) -> seed -> value."""

    results: Mapping[tuple[str, int, bool, bool], Mapping[int, float]] = field(default_factory=dict)
    config: DepthConfig = field(default_factory=DepthConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        now = self.config.model_copy(update=settings)
        return self.results.get((metric, now.layers, now.residual, now.batch_norm), {})

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        return None


def told(metric: str, *, deep: Mapping[int, float], shallow: Mapping[int, float], residual: bool) -> Told:
    return Told({(metric, 56, residual, True): deep, (metric, 20, residual, True): shallow})


def norms(plain: Mapping[int, float], bare: Mapping[int, float] | None = None) -> Told:
    return Told({(RATIO, 56, False, True): plain, (RATIO, 56, False, False): bare or {}})


@pytest.mark.parametrize(
    ("claim", "evidence", "word"),
    [
        (0, told(TRAINING, deep=HIGH, shallow=LOW, residual=False), "supported"),
        (0, told(TRAINING, deep=LOW, shallow=HIGH, residual=False), "contradicted"),
        (0, told(TRAINING, deep=LOWISH, shallow=LOW, residual=False), "cannot tell"),
        (1, told(TRAINING, deep=LOWISH, shallow=LOW, residual=True), "supported"),
        (1, told(TRAINING, deep=HIGH, shallow=LOW, residual=True), "contradicted"),
        (1, told(TRAINING, deep={0: 9.0, 1: 0.0, 2: 2.0}, shallow=LOW, residual=True), "cannot tell"),
        (1, told(TRAINING, deep={0: 1.0}, shallow=LOW, residual=True), "cannot tell"),
        (2, told(TEST, deep=LOW, shallow=HIGH, residual=True), "supported"),
        (2, told(TEST, deep=HIGH, shallow=LOW, residual=True), "contradicted"),
        (3, Told(), "contradicted"),
        (4, norms(ALIVE), "contradicted"),
        (4, norms(DEAD), "supported"),
        (4, norms(BETWEEN), "cannot tell"),
        (5, norms(ALIVE, DEAD), "supported"),
        (5, norms(DEAD, ALIVE), "contradicted"),
    ],
)
def test_the_numbers_decide(claim: int, evidence: Told, word: str):
    assert CLAIMS[claim].decide(evidence).word == word


def test_without_results_nothing_is_decided_but_what_is_counted():
    found = [claim.decide(Told()) for claim in CLAIMS]
    assert [one.word for one in found] == ["cannot tell"] * 3 + ["contradicted"] + ["cannot tell"] * 2
    assert all("Train it above" in one.because for place, one in enumerate(found) if place != 3)


def test_the_parameters_are_counted_with_the_forms_settings():
    because = CLAIMS[3].decide(Told(config=DepthConfig(layers=8, width=2))).because
    assert because.startswith("8 layers of width 2: plain ")


class Recorded(Told):
    """The results that ship with the program."""

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        wanted = self.config.model_copy(update=settings).retraining()
        for snapshot in recorded.read("depth"):
            if DepthConfig.parse(snapshot.run.config).retraining() == wanted:
                return snapshot.summary([metric])[metric]
        return {}


def test_on_the_recorded_results_plain_nets_degrade_and_gradients_do_not_die():
    found = [claim.decide(Recorded()) for claim in CLAIMS]
    words = ["supported", "supported", "cannot tell", "contradicted", "contradicted", "supported"]
    assert [one.word for one in found] == words
