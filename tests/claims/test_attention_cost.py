"""Verdicts on the cost of attention: what the numbers decide, and that other numbers would decide otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.claims.attention_cost import CLAIMS, LONGEST, MEASURED, SHORT
from core.experiments.attention_cost import AttentionCostConfig, form_at

Curve = Callable[[float], float]


@dataclass
class Told:
    """Evidence made up for a test: (kernel or backend, metric) -> its value at n."""

    curves: Mapping[tuple[str, str], Curve] = field(default_factory=dict)
    noise: float = 0.01
    seeds: int = 3
    config: AttentionCostConfig = field(default_factory=AttentionCostConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        return self.scores_at(8192, metric, **settings)

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        names = (str(settings["backend"]), str(settings["kernel"]))
        curve = next((self.curves[name, metric] for name in names if (name, metric) in self.curves), None)
        return {seed: curve(step) * (1 + self.noise * (seed - 1)) for seed in range(self.seeds)} if curve else {}

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        return None


OWN, BESIDE, BYTES, OFF = "forward seconds", "softmax seconds", "peak bytes", "difference from softmax"


def power(exponent: float) -> Curve:
    return lambda n: n**exponent


def quadratic(short: float, long: float, seeds: int = 3) -> Told:
    """Softmax's time over that of the quadratic kernel, at 1,024 and at 8,192 tokens."""
    curves: dict[tuple[str, str], Curve] = {
        ("quadratic", OWN): lambda n: 1.0,
        ("quadratic", BESIDE): lambda n: short if n == 1024 else long,
    }
    return Told(curves, seeds=seeds)


def ways(metric: str, flash: float, plain: float) -> Told:
    return Told({("flash", metric): lambda n: flash, ("math", metric): lambda n: plain})


@pytest.mark.parametrize(
    ("claim", "evidence", "word"),
    [
        (0, Told({("softmax", "exponent"): lambda n: 1.95}), "supported"),
        (0, Told({("softmax", "exponent"): lambda n: 1.2}), "contradicted"),
        (0, Told({("softmax", "exponent"): lambda n: 1.95}, noise=0.3), "cannot tell"),
        (1, Told({("softmax", OWN): power(2)}), "contradicted"),
        (1, Told({("softmax", OWN): lambda n: 2.0 ** (n / 1024)}), "supported"),
        (1, Told({("softmax", OWN): power(2)}, seeds=1), "cannot tell"),
        (2, Told({("linear", "exponent"): lambda n: 1.05}), "supported"),
        (2, Told({("linear", "exponent"): lambda n: 2.0}), "contradicted"),
        (3, quadratic(0.5, 2.0), "contradicted"),
        (3, quadratic(1.5, 2.0), "supported"),
        (4, quadratic(0.5, 2.0), "supported"),
        (4, quadratic(0.5, 0.8), "contradicted"),
        (4, quadratic(1.5, 2.0), "contradicted"),
        (4, quadratic(0.5, 2.0, seeds=2), "cannot tell"),
        (5, ways(OFF, 1e-7, 1e-7), "contradicted"),
        (5, ways(OFF, 1e-2, 1e-7), "supported"),
        (6, ways(BYTES, 1e6, 1e9), "supported"),
        (6, ways(BYTES, 1e9, 1e9), "contradicted"),
        (7, Told({("written", BYTES): power(2)}), "supported"),
        (7, Told({("written", BYTES): power(1)}), "contradicted"),
    ],
)
def test_the_numbers_decide(claim: int, evidence: Told, word: str) -> None:
    assert CLAIMS[claim].decide(evidence).word == word


def test_the_forms_that_the_quadratic_claims_name_are_those_that_are_measured() -> None:
    config = AttentionCostConfig.parse({**MEASURED, "kernel": "quadratic"})
    assert (form_at(config, SHORT), form_at(config, LONGEST)) == ("pairs", "features")
    assert all(f"all pairs at n = {SHORT:,}" in CLAIMS[one].measurement for one in (3, 4))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text[:40])
def test_nothing_measured_decides_nothing(claim) -> None:
    found = claim.decide(Told())
    assert found.word == "cannot tell" and "Not measured yet" in found.because
