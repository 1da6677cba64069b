"""Verdicts on claims about autoencoders: what made-up results decide, and what they leave open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from core.claims.autoencoder import CLAIMS
from core.engine import recorded
from core.experiments.autoencoder import AutoencoderConfig

Scores = Callable[[str, AutoencoderConfig], Mapping[int, float]]
FALLS, HARDLY, AT_20, AT_5, RANDOM, UNTRAINED, DENOISING, MASKED = range(len(CLAIMS))
NOTHING: Scores = lambda metric, config: {}  # noqa: E731


def around(value: float, seeds: int = 3) -> dict[int, float]:
    """Seeds close to a mean."""
    return {seed: value + (seed - (seeds - 1) / 2) * 0.3 for seed in range(seeds)}


@dataclass
class Told:
    """Evidence made up for a test. first: at epoch 0."""

    found: Scores = NOTHING
    first: Scores = NOTHING
    config: AutoencoderConfig = field(default_factory=AutoencoderConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        return self.found(metric, self.config.model_copy(update=settings))

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        assert step == 0
        return self.first(metric, self.config.model_copy(update=settings))

    def ask(self, query: str, **settings: object) -> None:
        raise AssertionError("no claim asks a net")


def by_size(metric: str, values: Mapping[int, float], seeds: int = 3) -> Scores:
    """Nets of the synthetic task that score so at these sizes."""

    def scores(name: str, config: AutoencoderConfig) -> Mapping[int, float]:
        ours = name == metric and config.dataset == "gaussian" and config.latent in values
        return around(values[config.latent], seeds) if ours else {}

    return scores


def errors(*values: float) -> Told:
    return Told(by_size("reconstruction error", dict(zip((5, 20, 100, 500), values, strict=False))))


def probes(values: Mapping[int, float], seeds: int = 3) -> Told:
    return Told(by_size("probe accuracy", values, seeds))


def untrained(hundred: float, many: float) -> Told:
    return Told(first=by_size("probe accuracy", {100: hundred, 500: many}))


def few(**kinds: float) -> Told:
    """Nets trained as in the lesson, with 200 labels on MNIST."""

    def scores(name: str, config: AutoencoderConfig) -> Mapping[int, float]:
        preset = (config.dataset, config.labels, config.latent, config.hidden) == ("mnist", 200, 96, "256")
        return around(kinds[config.kind]) if preset and name == "probe accuracy" and config.kind in kinds else {}

    return Told(scores)


def test_without_results_nothing_is_decided():
    found = [claim.decide(Told()) for claim in CLAIMS]
    assert {one.word for one in found} == {"cannot tell"}
    assert all("Train it above" in one.because for one in found)


@pytest.mark.parametrize(
    ("claim", "evidence", "word"),
    [
        (FALLS, errors(230, 80, 5), "supported"),
        (FALLS, errors(230, 80, 80), "cannot tell"),
        (FALLS, errors(230, 80, 90), "contradicted"),
        (HARDLY, errors(230, 80, 5, 3), "supported"),
        (HARDLY, errors(230, 80, 60, 3), "contradicted"),
        (HARDLY, errors(230, 80, 5), "cannot tell"),
        (AT_20, probes({20: 97}), "supported"),
        (AT_20, probes({20: 93}), "contradicted"),
        (AT_20, probes({20: 95.2}), "cannot tell"),  # on the edge
        (AT_20, probes({20: 97}, seeds=2), "cannot tell"),
        (AT_5, probes({5: 66, 20: 97}), "supported"),
        (AT_5, probes({5: 97, 20: 66}), "contradicted"),
        (RANDOM, probes({5: 66}), "supported"),
        (RANDOM, probes({5: 90}), "contradicted"),
        (RANDOM, probes({5: 66}, seeds=2), "cannot tell"),
        (UNTRAINED, untrained(94, 98.5), "contradicted"),
        (UNTRAINED, untrained(99.8, 98), "contradicted"),
        (UNTRAINED, untrained(99.8, 99.9), "supported"),
        (UNTRAINED, Told(first=by_size("probe accuracy", {500: 99.9})), "cannot tell"),
        (DENOISING, few(denoising=82, vanilla=78), "supported"),
        (DENOISING, few(denoising=78, vanilla=82), "contradicted"),
        (DENOISING, few(denoising=80, vanilla=80), "cannot tell"),
        (MASKED, few(masked=82, vanilla=78), "supported"),
        (MASKED, few(denoising=82, vanilla=78), "cannot tell"),
    ],
)
def test_results_decide(claim: int, evidence: Told, word: str):
    assert CLAIMS[claim].decide(evidence).word == word


def test_a_verdict_comes_with_its_numbers_and_n():
    assert "At 20: 97.00 ± 0.24 % (n = 3)." in CLAIMS[AT_20].decide(probes({20: 97})).because
    assert "3 of 3 seeds lie within" in CLAIMS[RANDOM].decide(probes({5: 66})).because
    assert "Untrained, at 100: 94.00 ± 0.24 % (n = 3)." in CLAIMS[UNTRAINED].decide(untrained(94, 98.5)).because
    hardly = CLAIMS[HARDLY].decide(errors(205, 80, 5, 3)).because
    assert "Beyond 100 it falls by 1.00 ± 0.00 % (n = 3)" in hardly


def test_the_synthetic_task_is_asked_for_whatever_the_form_says():
    form = AutoencoderConfig.parse({"dataset": "digits", "hidden": "32", "activation": "relu", "labels": 50})
    evidence = probes({20: 97})
    evidence.config = form
    assert CLAIMS[AT_20].decide(evidence).word == "supported"


class Recorded(Told):
    """The results that ship with the program."""

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        return self._shipped(settings).summary([metric])[metric]

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        return self._shipped(settings).at(step, metric)

    def _shipped(self, settings: Mapping[str, object]):
        config = self.config.model_copy(update=settings)
        runs = recorded.read("autoencoder")
        wanted = config.retraining()
        return next(one for one in runs if AutoencoderConfig.parse(one.run.config).retraining() == wanted)


def test_the_recorded_results_decide_what_the_synthetic_task_can_decide():
    found = {number: CLAIMS[number].decide(Recorded()).word for number in (FALLS, AT_20, AT_5, UNTRAINED)}
    assert found == {FALLS: "supported", AT_20: "supported", AT_5: "supported", UNTRAINED: "contradicted"}
