"""Claims about attention: each is decided at once, by numbers that stand in its sentence."""

from __future__ import annotations

import pytest

from core.claims.attention import CLAIMS
from core.claims.evidence import AtOnce
from core.config import Config
from core.demos.attention import AttentionConfig

SAID = {  # the beginning of a claim -> the verdict, and a number that the sentence gives
    "Scores are divided by d²": ("contradicted", "The variance is d"),
    "With scores ln 2 and 0": ("contradicted", "attention gives 1.8; 2xₙ₋₂ = 1.2, 3xₙ₋₂ = 1.8"),
    "With a large gain": ("contradicted", "where xᵢ < 0 (there it is the minimum)"),
    "The RBF kernel": ("supported", "16 at n = 16"),
    "Of the usual kernels": ("contradicted", "Through 9 numbers a token"),
    "Argmax in place": ("contradicted", "Largest gradient to q or k: 0 with argmax"),
    "Any similarity": ("contradicted", "times the largest value"),
    "FAVOR+ comes closer": ("supported", "bigger than seed noise"),
    "Attention of rank k": ("contradicted", "found from the n×n weights"),
    "Several heads": ("contradicted", "1 against 4"),
}


@pytest.mark.parametrize("start", SAID)
def test_a_claim_is_decided_without_any_run(start: str) -> None:
    (claim,) = (one for one in CLAIMS if one.text.startswith(start))
    found = claim.decide(AtOnce(AttentionConfig()))
    word, number = SAID[start]
    assert (found.word, number in found.because) == (word, True), found.because


def test_every_claim_is_held_to_here() -> None:
    assert len(CLAIMS) == len(SAID)


def test_a_signal_that_ends_in_0_cannot_tell_2x_from_3x() -> None:
    from core.demos import equivalences

    seed = next(seed for seed in range(1000) if equivalences.signal(seed)[-2] == 0)
    assert CLAIMS[1].decide(AtOnce(AttentionConfig(seed=seed))).word == "cannot tell"


def test_a_demo_has_no_results_to_show() -> None:
    nothing = AtOnce(Config())
    assert (nothing.scores("accuracy"), nothing.scores_at(0, "accuracy"), nothing.ask("maps")) == ({}, {}, None)
