"""Verdicts of the normalisation and regularisation labs, whose demos decide at once, and of a forgotten zero_grad()."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from core.claims import normalisation, regularisation, zero_grad
from core.claims.evidence import AtOnce
from core.demos.normalisation import NormalisationConfig
from core.demos.regularisation import RegularisationConfig
from core.engine import recorded
from core.experiments.zero_grad import ZeroGradConfig

YES, NO, WHO_KNOWS = "supported", "contradicted", "cannot tell"


def words(claims, config) -> list[str]:
    return [claim.decide(AtOnce(config)).word for claim in claims]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [YES, YES, YES, NO, NO]),
        ({"drift": 0.0, "momentum": 0.02}, [YES, YES, YES, NO, YES]),
        ({"tensor": "1 2 / 3 5"}, [YES, WHO_KNOWS, YES, NO, NO]),
        ({"tensor": "nan"}, [YES, YES, YES, NO, NO]),
    ],
)
def test_normalisation_is_decided_by_the_forms_tensor_and_drift(changes: dict[str, object], expected: list[str]):
    assert words(normalisation.CLAIMS, NormalisationConfig.parse(changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [YES, NO, YES, NO, NO]),
        ({"keep": 0.0}, [YES, NO, YES, NO, NO]),
        ({"keep": 1.0, "rows": "contradictory"}, [YES, NO, YES, NO, NO]),
        ({"x": "1 0; 0 1", "w": "1 2", "y": "1 1"}, [YES, YES, YES, NO, NO]),
    ],
)
def test_regularisation_is_decided_by_the_forms_numbers(changes: dict[str, object], expected: list[str]):
    assert words(regularisation.CLAIMS, RegularisationConfig.parse(changes)) == expected


@dataclass
class Recorded:
    """What ships with the program, for one loss."""

    loss: str
    seeds: int = 5

    @property
    def config(self) -> ZeroGradConfig:
        return ZeroGradConfig.parse({"loss": self.loss})

    def _run(self):
        return next(one for one in recorded.read("zero_grad") if one.run.config["loss"] == self.loss)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        found = self._run().summary([metric])[metric]
        return {seed: value for seed, value in found.items() if seed < self.seeds}

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        series = self._run().series[metric]
        return {seed: float(one.values[list(one.steps).index(step)]) for seed, one in series.items()}


def test_the_recorded_runs_decide_about_a_forgotten_zero_grad():
    assert words_of("cross-entropy")[:3] == [YES, NO, YES]
    assert words_of("squared")[2:] == [YES, YES]
    assert zero_grad.CLAIMS[0].decide(Recorded("squared", seeds=2)).word == WHO_KNOWS


def words_of(loss: str) -> list[str]:
    return [claim.decide(Recorded(loss)).word for claim in zero_grad.CLAIMS]


def test_without_results_nothing_is_decided_about_it():
    found = [claim.decide(AtOnce(ZeroGradConfig())) for claim in zero_grad.CLAIMS]
    assert {one.word for one in found} == {WHO_KNOWS}
    assert all("Train it above" in one.because for one in found)
