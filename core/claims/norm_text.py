"""Claims about normalisation of padded text, each with the measurement that decides it."""

from __future__ import annotations

from core.claims.evidence import Claim, Evidence, Finding, brief, higher, missing, opposite
from core.statistics import LEAST_SEEDS

COURSE = "course material"
ACCURACY, CHANGE = "held-out accuracy", "logit change"
MORE = ", more padding"
NAMES = ("as padded in training:", "padded farther:")
SAME = 1e-4  # of a logit: rounding


def running_statistics_notice(evidence: Evidence) -> Finding:
    """Logits of an unmasked batch norm with running statistics."""
    return _changes(evidence, norm="batch", at_test="running")


def hurts_with_batch_statistics(evidence: Evidence) -> Finding:
    """Accuracies with the statistics of the test batch, padding counted."""
    given = {"norm": "batch", "at_test": "batch"}
    return higher(evidence.scores(ACCURACY, **given), evidence.scores(ACCURACY + MORE, **given), NAMES)


def a_mask_helps(evidence: Evidence) -> Finding:
    """Logits of a masked batch norm with the statistics of the test batch."""
    return _stay(evidence, norm="masked", at_test="batch")


def layer_norm_stays(evidence: Evidence) -> Finding:
    """Logits with layer norm."""
    return _stay(evidence, norm="layer", at_test="running")


def _changes(evidence: Evidence, **settings: object) -> Finding:
    """Whether padding farther moves logits."""
    found = evidence.scores(CHANGE, **settings)
    if not found:
        return missing(", ".join(map(str, settings.values())))
    because = f"Mean |change| of a logit: {brief(found)}."
    if max(found.values()) > SAME:
        return Finding("supported", because)
    return Finding("contradicted" if len(found) >= LEAST_SEEDS else "cannot tell", because)


def _stay(evidence: Evidence, **settings: object) -> Finding:
    """The opposite."""
    return opposite(_changes(evidence, **settings))


CLAIMS = (
    Claim(
        "Padding a test text farther changes what a net with batch norm says.",
        COURSE,
        "Batch norm that counts the padding, running statistics: how far logits move.",
        running_statistics_notice,
    ),
    Claim(
        "With the statistics of the test batch it costs accuracy.",
        COURSE,
        "Batch norm that counts the padding: accuracy as padded in training and padded farther.",
        hurts_with_batch_statistics,
    ),
    Claim(
        "A batch norm over real tokens only does not notice.",
        COURSE,
        "Masked, with the statistics of the test batch: how far logits move.",
        a_mask_helps,
    ),
    Claim(
        "Layer norm does not notice.",
        "Ba et al. 2016",
        "How far logits move.",
        layer_norm_stays,
    ),
)
