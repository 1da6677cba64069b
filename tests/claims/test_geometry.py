"""Claims about random projections and directions: each is decided at once, by numbers in its sentence."""

from __future__ import annotations

import pytest

from core.claims.evidence import AtOnce
from core.claims.geometry import CLAIMS
from core.config import Config
from core.demos.geometry import GeometryConfig

SAID = {  # the beginning of a claim -> the verdict, and what the sentence gives
    "With k ≥ 8": ("contradicted", "of 60 draws hold"),
    "k ≥ 8 ln(n)/ε² follows": ("contradicted", "it is 0.9925, below 1"),
    "Only k orthogonal": ("contradicted", "exactly orthogonal are 16 at most"),
    "Sign matrices": ("contradicted", "never above the Gaussian 2/k"),
    "The more dimensions": ("contradicted", "d = 1,600 over that with d = 100: 1.0"),
    "The bound says": ("contradicted", "asks for k = 240, more than their 64 pixels"),
    "In many dimensions": ("supported", "1/√d is 2.53°"),
}


@pytest.mark.parametrize("start", SAID)
def test_a_claim_is_decided_without_any_run(start: str) -> None:
    (claim,) = (one for one in CLAIMS if one.text.startswith(start))
    found = claim.decide(AtOnce(GeometryConfig()))
    word, number = SAID[start]
    assert (found.word, number in found.because) == (word, True), found.because


def test_every_claim_is_held_to_here_and_another_labs_settings_count_as_the_defaults() -> None:
    assert len(CLAIMS) == len(SAID)
    assert CLAIMS[1].decide(AtOnce(Config())) == CLAIMS[1].decide(AtOnce(GeometryConfig()))
