"""Claims about gradient accumulation, each with the measurement that decides it."""

from __future__ import annotations

from core.claims.evidence import Claim, Evidence, Finding, Word, brief, missing
from core.statistics import LEAST_SEEDS

COURSE = "course material"
GRADIENT, LOGITS = "gradient difference", "logit difference"
SAME = 1e-4  # as a part of the length: rounding, in single precision too
HALVED = (f"{GRADIENT}, 2 × 16", f"{GRADIENT}, 32 × 1")


def same_in_pieces(evidence: Evidence) -> Finding:
    """The worst split's gradient, with the form's normalisation."""
    return _agree(evidence, GRADIENT, str(getattr(evidence.config, "norm", "batch")))


def layer_norm_agrees(evidence: Evidence) -> Finding:
    """Logits of the worst split, with layer norm."""
    return _agree(evidence, LOGITS, "layer")


def batch_norm_agrees(evidence: Evidence) -> Finding:
    """Logits of the worst split, with batch norm."""
    return _agree(evidence, LOGITS, "batch")


def group_norm_agrees(evidence: Evidence) -> Finding:
    """Logits of the worst split, with group norm."""
    return _agree(evidence, LOGITS, "group")


def more_pieces_more_apart(evidence: Evidence) -> Finding:
    """2 and 32 pieces with batch norm, seed by seed."""
    few, many = (evidence.scores(name, norm="batch") for name in HALVED)
    if not few or not many:
        return missing("batch norm")
    because = f"Batch norm, gradient of 2 pieces: {brief(few)} apart; of 32: {brief(many)}."
    if len(few) < LEAST_SEEDS:
        return Finding("cannot tell", f"{because} Train {LEAST_SEEDS} seeds.")
    told = [many[seed] > few[seed] for seed in few.keys() & many.keys()]
    return Finding("supported" if all(told) else "cannot tell" if any(told) else "contradicted", because)


def _agree(evidence: Evidence, metric: str, norm: str) -> Finding:
    """One seed beyond rounding contradicts; a few that agree support."""
    found = evidence.scores(metric, norm=norm)
    if not found:
        return missing(f"{norm} norm" if norm != "none" else "no normalisation")
    name = f"{norm} norm" if norm != "none" else "no normalisation"
    because = f"With {name}: {metric} of the worst split {brief(found)}, as a part of the length."
    if max(found.values()) >= SAME:
        return Finding("contradicted", because)
    word: Word = "supported" if len(found) >= LEAST_SEEDS else "cannot tell"
    return Finding(word, because)


CLAIMS = (
    Claim(
        "Accumulating gradients is the same as a larger batch.",
        "a common belief",
        f"The form's normalisation: the worst split's gradient, within {SAME:g} of its length.",
        same_in_pieces,
    ),
    Claim(
        "With layer norm the logits of all six splits agree.",
        COURSE,
        f"Logits of a batch in pieces, within {SAME:g} of their length.",
        layer_norm_agrees,
    ),
    Claim(
        "With batch norm they agree as well.",
        "a common mistake",
        f"Logits of a batch in pieces, within {SAME:g} of their length.",
        batch_norm_agrees,
    ),
    Claim(
        "With group norm they agree.",
        "Wu & He 2018",
        f"Logits of a batch in pieces, within {SAME:g} of their length.",
        group_norm_agrees,
    ),
    Claim(
        "With batch norm more pieces are farther apart.",
        COURSE,
        "The gradient of 2 pieces and of 32, seed by seed.",
        more_pieces_more_apart,
    ),
)
