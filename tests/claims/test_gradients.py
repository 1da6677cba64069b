"""Claims about gradients: each is decided at once, by numbers that stand in its sentence."""

from __future__ import annotations

import pytest

from core.claims.evidence import AtOnce
from core.claims.gradients import CLAIMS
from core.config import Config
from core.demos.gradients import GradientsConfig

SAID = {  # the beginning of a claim -> the verdict, and something that the sentence says
    "In a sigmoid RNN": ("contradicted", "else only ≤ holds"),
    "σ_max(∂xₙ/∂x₁)": ("supported", "the largest measured / bound is 0.99"),
    "In a deep chain": ("contradicted", "no unit is dead"),
    "Weights of variance 1": ("contradicted", "formula -13.79"),
    "The gradient by hₜ": ("supported", "9 steps back"),
}


@pytest.mark.parametrize("start", SAID)
@pytest.mark.parametrize("config", [GradientsConfig(), Config()], ids=["own", "another lab's"])
def test_a_claim_is_decided_without_any_run(start: str, config: Config) -> None:
    (claim,) = (one for one in CLAIMS if one.text.startswith(start))
    found, (word, part) = claim.decide(AtOnce(config)), SAID[start]
    assert (found.word, part in found.because) == (word, True), found.because


def test_every_claim_is_held_to_here() -> None:
    assert len(CLAIMS) == len(SAID)


def test_a_bound_that_is_met_still_holds() -> None:
    config = GradientsConfig(matrix="orthogonal", centred=True)
    found = CLAIMS[1].decide(AtOnce(config))
    assert found.word == "supported" and "bound is 1.000000" in found.because
