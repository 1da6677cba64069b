"""Claims about padding and location, the wrong ones included, each with the measurement that decides it.

Sources: Kayhan & van Gemert, CVPR 2020; a course assignment on their red–green experiment.
"""

from __future__ import annotations

from functools import cache

from core.claims.evidence import Claim, Evidence, Finding, Word, both, higher, missing, near
from core.data import red_green
from core.statistics import spread

PAPER = "Kayhan & van Gemert 2020"
COURSE = "course material"
SWAPPED = "test accuracy"
COINCIDENCE = 0.15  # of images that may occur twice because the recipe has few degrees of freedom
READABLE, CHANCE = 75.0, 60.0  # of the probe, in %: halfway from chance to perfect, and hardly above chance


def valid_loses_location(evidence: Evidence) -> Finding:
    """If it did, a probe could not read the half from its features."""
    found = evidence.ask("location_probe", conv="valid", head="pool")
    if found is None:
        return missing("valid with Net1")
    folds = found["trained"][-1]
    because = (
        f"From the last layer of valid a linear probe reads the half in {folds.mean():.1f} ± {folds.std():.1f} % of "
        f"held-out pairs ({len(folds)} folds, one net; 50 % is chance)."
    )
    if folds.mean() - 2 * folds.std() > READABLE:
        return Finding("contradicted", f"{because} The place is there: too much of it, not too little.")
    return Finding("supported" if folds.mean() + 2 * folds.std() < CHANCE else "cannot tell", because)


def flattening_destroys_location(evidence: Evidence) -> Finding:
    """If it did, Net2 could not tell the swapped rows from the trained ones, so it would answer as before."""
    scores = evidence.scores(SWAPPED, head="flatten")
    if not scores:
        return missing("Net2")
    because = f"Net2 on the swapped location: {spread(list(scores.values())).with_unit('%')}."
    depends = near(scores, high=25.0)
    if depends:
        return Finding("contradicted", f"{because} It answers by the rows, so its head depends on the place.")
    return Finding("supported" if near(scores, low=75.0) else "cannot tell", because)


def replicate_magnifies(evidence: Evidence) -> Finding:
    """Reflect copies pixels as replicate does; magnifying would help both."""
    replicate, reflect = (evidence.scores(SWAPPED, conv=conv, head="pool") for conv in ("replicate", "reflect"))
    found = higher(replicate, reflect, ("replicate", "reflect"))
    apart = near(replicate, low=READABLE) and near(reflect, high=100.0 - READABLE)
    if found.word != "supported" or not apart:
        return Finding("cannot tell", found.because)
    return Finding("contradicted", f"{found.because} Both copy pixels at the border; only one of them stays right.")


def partial_coverage_reads_location(evidence: Evidence) -> Finding:
    """Where a filter cannot be applied at every border position, the swapped location should suffer."""
    full = evidence.scores(SWAPPED, conv="fconv", head="pool")
    parts = [
        higher(full, evidence.scores(SWAPPED, conv=conv, head="pool"), ("fconv", conv), comparisons=2)
        for conv in ("valid", "sconv")
    ]
    return both(*parts)


def full_coverage_ignores_location(evidence: Evidence) -> Finding:
    """Reflect applies every filter at every border position too."""
    scores = evidence.scores(SWAPPED, conv="reflect", head="pool")
    if not scores:
        return missing("reflect with Net1")
    because = f"reflect on the swapped location: {spread(list(scores.values())).with_unit('%')}."
    if near(scores, high=25.0):
        return Finding("contradicted", f"{because} It covers the border fully and reads the place all the same.")
    return Finding("supported" if near(scores, low=75.0) else "cannot tell", because)


def validation_is_held_out(evidence: Evidence) -> Finding:
    """How many validation images are training images, pixel for pixel."""
    shared, count = _also_trained_on(getattr(evidence.config, "data", "published"))
    because = f"{shared} of {count} validation images are training images, pixel for pixel."
    if shared > count / 2:
        return Finding("contradicted", because)
    word: Word = "supported" if shared < COINCIDENCE * count else "cannot tell"
    return Finding(word, f"{because} The few are coincidence: there are not many different pairs.")


@cache
def _also_trained_on(data: red_green.Draws) -> tuple[int, int]:
    """Validation images that are training images too, and all of them; counting takes long for a page."""
    splits = red_green.splits(data)
    seen = {image.tobytes() for image in splits["train"].images}
    validation = splits["validation"].images
    return sum(image.tobytes() in seen for image in validation), len(validation)


CLAIMS = (
    Claim(
        "valid fails on the swapped location because small feature maps lose spatial information.",
        COURSE,
        "A linear probe that reads the half of the image from the pooled features of a valid net.",
        valid_loses_location,
    ),
    Claim(
        "Flattening destroys spatial information.",
        COURSE,
        "Net2 on the swapped location: 0 % means that its head depends on the place.",
        flattening_destroys_location,
    ),
    Claim(
        "replicate wins because it magnifies the signal at the border.",
        COURSE,
        "reflect also copies pixels: its swapped-location accuracy against that of replicate.",
        replicate_magnifies,
    ),
    Claim(
        "Where a filter cannot be applied at every border position (valid, sconv), the net reads absolute location.",
        PAPER,
        "Swapped-location accuracy of valid and of sconv, each below that of fconv by more than seed noise.",
        partial_coverage_reads_location,
    ),
    Claim(
        "Where every filter reaches every border position, the net does not read absolute location.",
        f"the converse, often drawn from {PAPER}",
        "reflect reaches every position: its swapped-location accuracy.",
        full_coverage_ignores_location,
    ),
    Claim(
        "The validation accuracy is measured on held-out images.",
        COURSE,
        "How many validation images occur among the training images, with the draws chosen in the form.",
        validation_is_held_out,
    ),
)
