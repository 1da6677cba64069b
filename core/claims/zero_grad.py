"""Claims about a forgotten zero_grad(), each with the measurement that decides it."""

from __future__ import annotations

from collections.abc import Mapping

from core.claims.evidence import WORDS, Claim, Evidence, Finding, higher, missing, near
from core.statistics import spread

COURSE = "course material"
LOSS, ACCURACY = "test loss", "test accuracy"
FORGOTTEN = ", forgotten"
SAME = "apart from momentum 1"


def diverges(evidence: Evidence) -> Finding:
    """The forgetful net's loss at its end against what it was before any training."""
    before, after = evidence.scores_at(0, LOSS + FORGOTTEN), evidence.scores(LOSS + FORGOTTEN)
    right = evidence.scores(LOSS)
    if not after or not before:
        return missing("the form's settings")
    grown = {seed: after[seed] - before[seed] for seed in before.keys() & after.keys()}
    because = (
        f"Test loss without zero_grad(): {_brief(before)} before training, {_brief(after)} at the end or when it broke "
        f"down; with it: {_brief(right)}."
    )
    return Finding(WORDS[near(grown, low=0.0)], because)


def shows_at_once(evidence: Evidence) -> Finding:
    """Both losses after the first epoch."""
    with_it, without = evidence.scores_at(1, LOSS), evidence.scores_at(1, LOSS + FORGOTTEN)
    return higher(without, with_it, ("Test loss after one epoch without zero_grad():", "with it:"))


def is_momentum_1(evidence: Evidence) -> Finding:
    """Largest difference between the weights of the two nets."""
    apart = evidence.scores(SAME)
    if not apart:
        return missing("the form's settings with SGD")
    because = f"Largest |difference| of a weight at the end: {_brief(apart)}."
    return Finding("supported" if max(apart.values()) == 0 else "contradicted", because)


def costs_accuracy(evidence: Evidence) -> Finding:
    """Accuracies at the end, seed by seed."""
    names = ("Test accuracy with zero_grad():", "without:")
    return higher(evidence.scores(ACCURACY), evidence.scores(ACCURACY + FORGOTTEN), names)


def _brief(scores: Mapping[int, float]) -> str:
    return spread(list(scores.values())).brief


CLAIMS = (
    Claim(
        "Without zero_grad() training diverges.",
        COURSE,
        "The form's settings: test loss at the end above the one before training, seed noise included.",
        diverges,
    ),
    Claim(
        "A forgotten zero_grad() shows at once in the loss.",
        "a common belief",
        "The form's settings: test losses after the first epoch.",
        shows_at_once,
    ),
    Claim(
        "A forgetful SGD is SGD with momentum 1.",
        "the formulas of both",
        "The form's settings with SGD: a third net with momentum 1, weight by weight.",
        is_momentum_1,
    ),
    Claim(
        "It costs accuracy.",
        COURSE,
        "The form's settings: test accuracy at the end.",
        costs_accuracy,
    ),
)
