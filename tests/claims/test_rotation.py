"""Verdicts on claims about turned pictures: what made-up results decide, and what they leave open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from core.claims.rotation import ANGLES, CLAIMS
from core.engine import recorded
from core.experiments.rotation import MEAN, RotationConfig, accuracy_name

Scores = Callable[[str, RotationConfig], Mapping[int, float]]
UPRIGHT, TURNED, FLAT, COST, INVARIANT, CORNERS, SIX = range(len(CLAIMS))


def around(value: float, seeds: int = 3) -> dict[int, float]:
    """Seeds close to a mean."""
    return {seed: value + (seed - (seeds - 1) / 2) * 0.5 for seed in range(seeds)}


@dataclass
class Told:
    """Evidence made up for a test. confusion: what the net says upside down."""

    found: Scores = lambda metric, config: {}
    confusion: np.ndarray | None = None
    config: RotationConfig = field(default_factory=RotationConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        return self.found(metric, self.config.model_copy(update=settings))

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        assert query == "turned" and settings["train_rotation"] == 0
        return None if self.confusion is None else {"confusion": self.confusion}


def by_angle(values: Mapping[int, float], seeds: int = 3) -> Scores:
    """Rotation-trained nets that score so at these angles, 50 % at others."""
    names = {accuracy_name(angle): around(values.get(angle, 50.0), seeds) for angle in ANGLES}
    return lambda metric, config: names.get(metric, {}) if config.train_rotation == 360 else {}


def scattered(points: float) -> Scores:
    """Rotation-trained nets whose accuracy at an angle is 50 % give or take so much."""
    rng = np.random.default_rng(0)
    names = {accuracy_name(angle): dict(enumerate(rng.normal(50.0, points, 3))) for angle in ANGLES}
    return lambda metric, config: names.get(metric, {}) if config.train_rotation == 360 else {}


def by_range(metric: str, upright: float, turned: float) -> Scores:
    def scores(name: str, config: RotationConfig) -> Mapping[int, float]:
        return around(turned if config.train_rotation else upright) if name == metric else {}

    return scores


def cifar(value: float, seeds: int = 3) -> Scores:
    """All of CIFAR-10, and nothing else, is trained."""

    def scores(name: str, config: RotationConfig) -> Mapping[int, float]:
        whole = (config.dataset, config.train_pictures, config.epochs, config.mask) == ("cifar10", 0, 10, False)
        return around(value, seeds) if whole and name == accuracy_name(0) else {}

    return scores


def by_mask(black: float, masked: float) -> Scores:
    return lambda name, config: around(masked if config.mask else black) if name == MEAN else {}


def at_90(value: float) -> Scores:
    return lambda name, config: around({accuracy_name(0): 90.0, accuracy_name(90): value}.get(name, 0.0))


def upside_down(sixes_as_nine: int, nines_as_six: int) -> np.ndarray:
    """Twenty of each."""
    confusion = 20 * np.eye(10, dtype=int)
    confusion[6, [6, 9]] = 20 - sixes_as_nine, sixes_as_nine
    confusion[9, [9, 6]] = 20 - nines_as_six, nines_as_six
    return confusion


def test_without_results_nothing_is_decided():
    found = [claim.decide(Told()) for claim in CLAIMS]
    assert {one.word for one in found} == {"cannot tell"}
    assert all("Train it above" in one.because for one in found)


@pytest.mark.parametrize(
    ("claim", "evidence", "word"),
    [
        (UPRIGHT, Told(cifar(70.5)), "supported"),
        (UPRIGHT, Told(cifar(60.0)), "contradicted"),
        (UPRIGHT, Told(cifar(73.0)), "cannot tell"),  # on the edge
        (UPRIGHT, Told(cifar(70.5, seeds=2)), "cannot tell"),
        (TURNED, Told(cifar(48.0)), "supported"),
        (TURNED, Told(cifar(60.0)), "contradicted"),
        (FLAT, Told(by_angle({90: 53.0})), "supported"),
        (FLAT, Told(by_angle({90: 30.0})), "contradicted"),
        (FLAT, Told(by_angle({}, seeds=2)), "cannot tell"),
        (FLAT, Told(scattered(1.0)), "supported"),
        (FLAT, Told(scattered(6.0)), "cannot tell"),
        (COST, Told(by_range(accuracy_name(0), 95.0, 80.0)), "supported"),
        (COST, Told(by_range(accuracy_name(0), 80.0, 95.0)), "contradicted"),
        (COST, Told(by_range(accuracy_name(0), 80.0, 80.0)), "cannot tell"),
        (INVARIANT, Told(at_90(20.0)), "contradicted"),
        (INVARIANT, Told(at_90(90.0)), "cannot tell"),
        (CORNERS, Told(by_mask(60.0, 50.0)), "supported"),
        (CORNERS, Told(by_mask(50.0, 60.0)), "contradicted"),
        (SIX, Told(confusion=upside_down(18, 17)), "supported"),
        (SIX, Told(confusion=upside_down(18, 12)), "cannot tell"),  # more than half, by chance perhaps
        (SIX, Told(confusion=upside_down(2, 0)), "cannot tell"),
        (SIX, Told(confusion=upside_down(0, 0)), "contradicted"),
        (SIX, Told(confusion=np.eye(10, dtype=int) * 0), "cannot tell"),
    ],
)
def test_results_decide(claim: int, evidence: Told, word: str):
    assert CLAIMS[claim].decide(evidence).word == word


def test_a_verdict_comes_with_its_numbers_and_n():
    assert "70.50 ± 0.41 % (n = 3); reported 70 %" in CLAIMS[UPRIGHT].decide(Told(cifar(70.5))).because
    flat = CLAIMS[FLAT].decide(Told(by_angle({90: 30.0}))).because
    assert "between 30.0 and 50.0 %" in flat and "at 90°, by -18.3 ± 0.0 points" in flat
    assert (
        "18 of 20 sixes are taken for 9 (95 % interval 70 to 97 %)"
        in CLAIMS[SIX].decide(Told(confusion=upside_down(18, 17))).because
    )


def test_sixes_are_asked_of_digits_whatever_the_form_says():
    config = RotationConfig(dataset="fashion")
    assert CLAIMS[SIX].decide(Told(confusion=upside_down(18, 17), config=config)).word == "supported"


class Recorded(Told):
    """The results that ship with the program."""

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        config = self.config.model_copy(update=settings)
        for snapshot in recorded.read("rotation"):
            if RotationConfig.parse(snapshot.run.config).retraining() == config.retraining():
                return snapshot.summary([metric])[metric]
        return {}


def test_the_recorded_results_decide_what_digits_can_decide():
    found = {number: CLAIMS[number].decide(Recorded()).word for number in (FLAT, COST, INVARIANT)}
    assert found == {FLAT: "cannot tell", COST: "supported", INVARIANT: "contradicted"}
