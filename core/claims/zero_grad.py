"""Claims about a forgotten zero_grad(), each with the measurement that decides it."""

from __future__ import annotations

from core.claims.evidence import WORDS, Claim, Evidence, Finding, brief, higher, missing, near

COURSE = "course material"
LOSS, ACCURACY, DIVERGED = "held-out loss", "held-out accuracy", "diverged, forgotten"
FORGOTTEN = ", forgotten"
SAME = "apart from momentum 1"


def diverges(evidence: Evidence) -> Finding:
    """How many seeds' losses grew beyond 1000 times their first one."""
    gone, after, right = (evidence.scores(name) for name in (DIVERGED, LOSS + FORGOTTEN, LOSS))
    if not gone:
        return missing("the form's settings")
    because = (
        f"{sum(map(bool, gone.values()))} of {len(gone)} seeds diverged without zero_grad(). Last measured loss: "
        f"{brief(after)}; with zero_grad(): {brief(right)}. A loss that is thrown about without growing so far is "
        "none that diverges."
    )
    return Finding(WORDS[near(gone, 0.5, 1.5)], because)


def shows_at_once(evidence: Evidence) -> Finding:
    """Both losses after the first epoch."""
    with_it, without = evidence.scores_at(1, LOSS), evidence.scores_at(1, LOSS + FORGOTTEN)
    return higher(without, with_it, ("Held-out loss after one epoch without zero_grad():", "with it:"))


def is_momentum_1(evidence: Evidence) -> Finding:
    """Largest difference between the weights of the two nets."""
    apart = evidence.scores(SAME)
    if not apart:
        return missing("the form's settings with SGD")
    because = f"Largest |difference| of a weight at the end: {brief(apart)}."
    return Finding("supported" if max(apart.values()) == 0 else "contradicted", because)


def costs_accuracy(evidence: Evidence) -> Finding:
    """Accuracies at the end, seed by seed."""
    names = ("Held-out accuracy with zero_grad():", "without:")
    return higher(evidence.scores(ACCURACY), evidence.scores(ACCURACY + FORGOTTEN), names)


CLAIMS = (
    Claim(
        "Without zero_grad() training diverges.",
        COURSE,
        "The form's settings: in how many seeds the training loss grew beyond 1000 times its first value.",
        diverges,
    ),
    Claim(
        "A forgotten zero_grad() shows at once in the loss.",
        "a common belief",
        "The form's settings: held-out losses after the first epoch.",
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
        "The form's settings: held-out accuracy at the end.",
        costs_accuracy,
    ),
)
