"""Verdicts on claims about linear autoencoders: what made-up results decide, and what the recorded ones say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from core.claims.linear_autoencoder import ABOVE, ANGLE, CLAIMS, ERROR, LENGTH, OVERLAP
from core.data import gaussian
from core.engine import recorded
from core.experiments.linear_autoencoder import LinearAutoencoderConfig, build
from core.queries.subspace import expected_singular_values, factorisations

SUBSPACE, UNIQUE, ABOUT_1, ORTHOGONAL, SGD = range(len(CLAIMS))
Key = tuple[str, float, str]  # metric, λ, form


def around(value: float, seeds: int = 3, part: float = 0.01) -> dict[int, float]:
    """Seeds close to a mean."""
    return {seed: value * (1 + part * (seed - (seeds - 1) / 2)) for seed in range(seeds)}


@dataclass
class Told:
    """Evidence made up for a test. losses: of the three pairs of factors; moved: how far W₂ did."""

    found: Mapping[Key, Mapping[int, float]] = field(default_factory=dict)
    losses: tuple[float, float, float] | None = None
    moved: float = 0.8
    config: LinearAutoencoderConfig = field(default_factory=LinearAutoencoderConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        config = self.config.model_copy(update=settings)
        return self.found.get((metric, config.weight_decay, config.form), {})

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        assert query == "factorisations" and settings["weight_decay"] == 0
        if self.losses is None:
            return None
        same = np.isclose(self.losses[1:], self.losses[0], rtol=1e-9)
        return {"losses": np.array(self.losses), "changes": np.array([self.moved, self.moved]), "same": same}


def ended(angle: float, above: float = 1e-9, seeds: int = 3) -> dict[Key, Mapping[int, float]]:
    return {(ANGLE, 0.0, "penalty"): around(angle, seeds), (ABOVE, 0.0, "penalty"): around(above, seeds)}


def of_lengths(decay: float, above: float = 1e-9, seeds: int = 3) -> Told:
    """Nets whose singular values are what the formula gives."""
    found: dict[Key, Mapping[int, float]] = {(ABOVE, decay, "penalty"): around(above, seeds)}
    lengths = expected_singular_values(gaussian.principal(0.9)[0], 5, decay)
    for place, length in enumerate(lengths, start=1):
        for name in (LENGTH, "expected singular value"):
            found[(f"{name} {place}", decay, "penalty")] = around(float(length), seeds, 1e-6)
    return Told(found, config=LinearAutoencoderConfig(weight_decay=decay))


def overlaps(free: float, decayed: float, seeds: int = 3) -> Told:
    return Told({(OVERLAP, 0.0, "penalty"): around(free, seeds), (OVERLAP, 0.5, "penalty"): around(decayed, seeds)})


def errors(sgd: float, half: float, same: float, seeds: int = 3) -> Told:
    """Reconstruction errors of SGD's form at λ = 0.5, and of the penalties 0.5 and 1."""
    cells = {(0.5, "sgd"): sgd, (0.5, "penalty"): half, (1.0, "penalty"): same}
    return Told({(ERROR, *cell): around(value, seeds, 1e-7) for cell, value in cells.items()})


def test_without_results_nothing_is_decided():
    found = [claim.decide(Told()) for claim in CLAIMS]
    assert {one.word for one in found} == {"cannot tell"}
    assert all("Train it above" in one.because for one in found)


@pytest.mark.parametrize(
    ("claim", "evidence", "word"),
    [
        (SUBSPACE, Told(ended(1e-6)), "supported"),
        (SUBSPACE, Told(ended(1e-6, seeds=2)), "cannot tell"),
        (SUBSPACE, Told(ended(30.0)), "contradicted"),
        (SUBSPACE, Told(ended(30.0, above=0.1)), "cannot tell"),  # on its way
        (UNIQUE, Told(ended(1e-6), (59.0, 59.0, 59.0)), "contradicted"),
        (UNIQUE, Told(ended(1e-6), (59.0, 61.0, 59.0)), "supported"),
        (UNIQUE, Told(ended(1e-6), (59.0, 59.0, 59.0), moved=0.0), "cannot tell"),  # the same matrix
        (UNIQUE, Told(ended(9.0, above=1.0), (60.0, 60.0, 60.0)), "cannot tell"),  # no minimiser yet
        (ABOUT_1, of_lengths(0.5), "supported"),
        (ABOUT_1, of_lengths(2.0), "contradicted"),
        (ABOUT_1, of_lengths(8.0), "contradicted"),
        (ABOUT_1, of_lengths(0.5, seeds=2), "cannot tell"),
        (ABOUT_1, of_lengths(2.0, above=0.1), "cannot tell"),
        (ORTHOGONAL, overlaps(0.4, 0.01), "supported"),
        (ORTHOGONAL, overlaps(0.4, 0.2), "contradicted"),
        (ORTHOGONAL, overlaps(0.01, 0.04), "cannot tell"),  # without decay, too
        (ORTHOGONAL, overlaps(0.4, 0.01, seeds=2), "cannot tell"),
        (SGD, errors(59.3, 59.3, 60.0), "contradicted"),
        (SGD, errors(60.0, 59.3, 60.0), "supported"),
        (SGD, errors(61.0, 59.3, 60.0), "cannot tell"),  # neither
        (SGD, errors(59.3, 59.3, 60.0, seeds=2), "cannot tell"),
    ],
)
def test_results_decide(claim: int, evidence: Told, word: str):
    assert CLAIMS[claim].decide(evidence).word == word


def test_a_verdict_comes_with_its_numbers():
    assert "1e-06 ± 8.2e-09 (n = 3), in degrees" in CLAIMS[SUBSPACE].decide(Told(ended(1e-6))).because
    assert "more epochs" in CLAIMS[SUBSPACE].decide(Told(ended(30.0, above=0.1))).because
    about = CLAIMS[ABOUT_1].decide(of_lengths(8.0)).because
    assert "λ = 8" in about and "gives 0.000 to 0.186" in about
    assert "W₂ moved by 80 % of its size" in CLAIMS[UNIQUE].decide(Told(ended(1e-6), (59.0,) * 3)).because
    assert "weight_decay = 1 against the penalty 1‖W‖²" in CLAIMS[SGD].decide(errors(59.3, 59.3, 60.0)).because


def test_what_sgd_does_is_decided_by_another_decay_where_the_forms_is_not_trained():
    told = errors(59.3, 59.3, 60.0)
    told.config = LinearAutoencoderConfig(weight_decay=8.0)
    assert CLAIMS[SGD].decide(told).word == "contradicted"


class Recorded(Told):
    """The results that ship with the program."""

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        snapshot = self._snapshot(settings)
        return snapshot.summary([metric])[metric] if snapshot else {}

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        snapshot = self._snapshot(settings)
        assert snapshot
        config, weights = LinearAutoencoderConfig.parse(snapshot.run.config), recorded.weights(snapshot.run.id)
        net = build(config)
        net.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
        return factorisations(net, config, device=torch.device("cpu")).arrays

    def _snapshot(self, settings: Mapping[str, object]):
        config = self.config.model_copy(update=settings)
        runs = recorded.read("linear_autoencoder")
        return next((one for one in runs if one.run.config == {**config.model_dump(), "band": "range"}), None)


def test_the_recorded_results_decide_every_claim():
    words = {number: claim.decide(Recorded()).word for number, claim in enumerate(CLAIMS)}
    assert words == {
        SUBSPACE: "supported",
        UNIQUE: "contradicted",
        ABOUT_1: "supported",
        ORTHOGONAL: "supported",
        SGD: "contradicted",
    }
    strong = Recorded(config=LinearAutoencoderConfig(weight_decay=2.0))
    assert CLAIMS[ABOUT_1].decide(strong).word == "contradicted"
    assert CLAIMS[ORTHOGONAL].decide(Recorded(config=LinearAutoencoderConfig(weight_decay=8.0))).word == "contradicted"
