"""Verdicts on claims about language models: what made-up results decide, and what they leave open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from core.claims.gpt import CLAIMS
from core.experiments.gpt import GptConfig

BAG, TRULY, HELP, ROTARY, LONGER, LEARNED, LINEAR, DEEP, NEAR = range(len(CLAIMS))


@dataclass
class Told:
    """Evidence made up for a test: three seeds, and what nets answer."""

    found: Callable[[str, GptConfig], float | None] = lambda metric, config: None
    answers: Mapping[str, Any] = field(default_factory=dict)
    config: GptConfig = field(default_factory=GptConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        value = self.found(metric, self.config.model_copy(update=settings))
        own = len("".join(map(str, settings.values()))) / 10_000  # no two nets differ by the same in every seed
        noise = (-0.01 - own, 0.0, 0.012 + 2 * own) if metric == "held-out loss" else (0, 0, 0)
        return {} if value is None else {seed: value + one for seed, one in enumerate(noise)}

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        raise AssertionError("no claim asks for a moment")

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        return self.answers.get(query)


def losses(name: str, values: Mapping[str, float]) -> Told:
    return Told(lambda metric, config: values[getattr(config, name)] if metric == "held-out loss" else 0.265)


def order(causal: float, full: float = 1e-16) -> Told:
    trained = np.array([[1e-16, full], [causal, full], [causal / 2, full]])
    fresh = np.stack([trained, trained + 0.1, trained + 0.1])
    return Told(
        answers={"order": {"trained": trained, "untrained": fresh, "positions": ["none", "absolute", "rotary"]}}
    )


def lengths(beyond: float) -> Told:
    loss = np.concatenate([np.full(16, 0.3), np.full(48, beyond)])
    rise = beyond - 0.3 + np.array([-0.02, 0.0, 0.02, 0.0])
    return Told(answers={"lengths": {"loss": loss, "error": np.full(64, 0.02), "rise": rise, "block": 16, "count": 4}})


@pytest.mark.parametrize(
    ("claim", "evidence", "word"),
    [
        (BAG, order(0.2), "contradicted"),
        (BAG, order(1e-16), "supported"),
        (BAG, order(0.001), "cannot tell"),
        (TRULY, order(0.2), "supported"),
        (TRULY, order(0.2, full=0.1), "contradicted"),
        (HELP, losses("positions", {"none": 0.7, "rotary": 0.3}), "supported"),
        (HELP, losses("positions", {"none": 0.3, "rotary": 0.7}), "contradicted"),
        (ROTARY, losses("positions", {"absolute": 0.5, "rotary": 0.3}), "supported"),
        (ROTARY, losses("positions", {"absolute": 0.3, "rotary": 0.3}), "cannot tell"),
        (LONGER, lengths(0.31), "supported"),
        (LONGER, lengths(0.9), "contradicted"),
        (LONGER, lengths(0.351), "cannot tell"),  # the texts differ by more than that
        (LEARNED, lengths(0.351), "cannot tell"),
        (LEARNED, lengths(0.9), "supported"),
        (LEARNED, lengths(0.31), "contradicted"),
        (LINEAR, losses("kernel", {"linear": 0.5, "softmax": 0.3}), "supported"),
        (DEEP, losses("mlp", {"wide": 0.3, "deep": 0.4}), "contradicted"),
        (NEAR, losses("mlp", {"wide": 0.3, "deep": 0.4}), "supported"),
        (NEAR, losses("mlp", {"wide": 0.9, "deep": 0.4}), "contradicted"),
    ],
)
def test_a_claim_is_decided_by_what_was_measured(claim: int, evidence: Told, word: str):
    finding = CLAIMS[claim].decide(evidence)
    assert finding.word == word, finding.because
    assert any(one.isdigit() for one in finding.because)


@pytest.mark.parametrize("claim", range(len(CLAIMS)))
def test_nothing_is_said_of_nets_that_are_not_trained(claim: int):
    finding = CLAIMS[claim].decide(Told())
    assert finding.word == "cannot tell" and finding.because.startswith("Not trained yet")


def test_a_net_of_one_layer_and_a_text_of_unknown_entropy_leave_it_open():
    one = order(0.2)
    one.answers["order"]["trained"] = one.answers["order"]["trained"][:1]
    assert CLAIMS[BAG].decide(one).because == "This net has one layer. Choose two or more."
    grimm = Told(lambda metric, config: 1.6 if metric == "held-out loss" else None)
    assert "Nobody knows the entropy" in CLAIMS[NEAR].decide(grimm).because
