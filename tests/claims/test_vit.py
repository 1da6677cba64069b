"""Verdicts on claims about vision transformers: what made-up results decide, and what they leave open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from core.claims.vit import CLAIMS
from core.engine import recorded
from core.experiments.vit import ACCURACY, FARTHEST, NEAREST, SHUFFLED, VitConfig

Scores = Callable[[str, VitConfig], float | None]
BLIND, POSITIONS, ROTARY, LINEAR, QUADRATIC, FAVOR, FEW, CATCH_UP, VARIED, DEEPER, ORDER = range(len(CLAIMS))


@dataclass
class Told:
    """Evidence made up for a test: three seeds around what `found` says, the same in all nets but for a little."""

    found: Scores = lambda metric, config: None
    seeds: int = 3
    config: VitConfig = field(default_factory=VitConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        config = self.config.model_copy(update=settings)
        value = self.found(metric, config)
        own = (
            0.01 * len(f"{metric}{config.kernel}{config.net}{config.positions}")
            + ord(metric[-1]) / 500
            + 0.003 * config.images_per_class
        )
        noise = {0: -0.1 - own / 100, 1: 0.0, 2: 0.1 + own / 90}
        return {} if value is None else {seed: value + noise[seed] for seed in range(self.seeds)}

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        raise AssertionError("no claim asks for a moment")

    def ask(self, query: str, **settings: object) -> None:
        raise AssertionError("no claim asks a net")


def by(name: str, values: Mapping[object, float], metric: str = ACCURACY) -> Scores:
    """Nets that score so with these values of a setting."""
    return lambda asked, config: values.get(getattr(config, name)) if asked == metric else None


def shuffling(**positions: tuple[float, float]) -> Scores:
    return lambda metric, config: positions[config.positions][metric == SHUFFLED] if config.net == "vit" else None


def leads(few: float, many: float) -> Scores:
    """How far the CNN is ahead."""

    def scores(metric: str, config: VitConfig) -> float:
        return 80.0 + (0 if config.net == "vit" else few if config.images_per_class == 10 else many)

    return scores


def heads(nearest: float, farthest: float) -> Scores:
    return lambda metric, config: {NEAREST: nearest, FARTHEST: farthest}.get(metric)


def layers(first: float, last: float) -> Scores:
    return lambda metric, config: {"attention distance 1": first, f"attention distance {config.depth}": last}.get(
        metric
    )


def order(cnn: float, cnn_mixed: float, vit_mixed: float) -> Scores:
    found = {("cnn", ACCURACY): cnn, ("cnn", SHUFFLED): cnn_mixed, ("vit", SHUFFLED): vit_mixed}
    return lambda metric, config: found.get((config.net, metric))


@pytest.mark.parametrize(
    ("claim", "found", "word"),
    [
        (BLIND, shuffling(none=(80.0, 80.0)), "supported"),
        (BLIND, shuffling(none=(80.0, 40.0)), "contradicted"),
        (POSITIONS, by("positions", {"absolute": 95.0, "none": 80.0}), "supported"),
        (POSITIONS, by("positions", {"absolute": 80.0, "none": 95.0}), "contradicted"),
        (POSITIONS, by("positions", {"absolute": 80.0, "none": 80.0}), "cannot tell"),
        (ROTARY, by("positions", {"rotary": 97.0, "absolute": 95.0}), "supported"),
        (ROTARY, by("positions", {"rotary": 95.0, "absolute": 97.0}), "contradicted"),
        (LINEAR, by("kernel", {"softmax": 97.0, "linear": 95.0}), "supported"),
        (LINEAR, by("kernel", {"softmax": 95.0, "linear": 97.0}), "contradicted"),
        (QUADRATIC, by("kernel", {"softmax": 97.0, "quadratic": 95.0}), "supported"),
        (QUADRATIC, by("kernel", {"softmax": 97.0, "quadratic": 97.0}), "cannot tell"),
        (FAVOR, by("kernel", {"softmax": 97.0, "favor": 97.2}), "supported"),
        (FAVOR, by("kernel", {"softmax": 97.0, "favor": 90.0}), "contradicted"),
        (FAVOR, by("kernel", {"softmax": 97.0}), "cannot tell"),
        (FEW, by("net", {"cnn": 90.0, "vit": 70.0}), "supported"),
        (FEW, by("net", {"cnn": 70.0, "vit": 90.0}), "contradicted"),
        (CATCH_UP, leads(few=20.0, many=1.0), "supported"),
        (CATCH_UP, leads(few=1.0, many=20.0), "contradicted"),
        (VARIED, heads(1.0, 2.5), "supported"),
        (VARIED, heads(2.0, 2.1), "contradicted"),
        (DEEPER, layers(1.0, 2.0), "supported"),
        (DEEPER, layers(2.0, 1.0), "contradicted"),
        (ORDER, order(97.0, 20.0, 40.0), "supported"),
        (ORDER, order(97.0, 40.0, 20.0), "contradicted"),
    ],
)
def test_results_decide(claim: int, found: Scores, word: str):
    finding = CLAIMS[claim].decide(Told(found))
    assert finding.word == word
    if word != "cannot tell":
        assert "(n = 3)" in finding.because


@pytest.mark.parametrize("claim", range(len(CLAIMS)))
def test_one_seed_decides_nothing_and_without_results_it_is_said(claim: int):
    assert CLAIMS[claim].decide(Told(lambda metric, config: 50.0, seeds=1)).word == "cannot tell"
    finding = CLAIMS[claim].decide(Told())
    assert finding.word == "cannot tell" and "Train it above" in finding.because


def test_one_layer_has_no_deeper_one():
    finding = CLAIMS[DEEPER].decide(Told(layers(1.0, 2.0), config=VitConfig(depth=1)))
    assert finding.word == "cannot tell" and "Choose two or more" in finding.because


def test_one_head_cannot_be_both_near_and_far():
    finding = CLAIMS[VARIED].decide(Told(heads(2.0, 2.0), config=VitConfig(heads=1)))
    assert finding.word == "cannot tell" and "Choose two or more" in finding.because


class Recorded:
    """The results that ship with the program, of the default settings."""

    config = VitConfig()

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        wanted = self.config.model_copy(update=settings).retraining()
        runs = (one for one in recorded.read("vit") if VitConfig.parse(one.run.config).retraining() == wanted)
        return next((one.summary([metric])[metric] for one in runs), {})

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        raise AssertionError("no claim asks for a moment")

    def ask(self, query: str, **settings: object) -> None:
        raise AssertionError("no claim asks a net")


def test_the_recorded_results_decide_what_digits_can_decide():
    found = [claim.decide(Recorded()) for claim in CLAIMS]
    assert {found[one].word for one in (BLIND, POSITIONS, ORDER)} == {"supported"}
    for kernel, least in (("softmax", 96.0), ("linear", 94.0)):  # what the default settings are to reach
        scores = Recorded().scores(ACCURACY, kernel=kernel)
        assert len(scores) == 3 and sum(scores.values()) / 3 >= least
