"""Claims about linear autoencoders, the wrong ones included, each with the measurement that decides it.

Sources: Baldi & Hornik, Neural Networks 1989; Kunin et al., ICML 2019; course material on autoencoders.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.claims.evidence import WORDS, Claim, Evidence, Finding, Word, brief, missing, near

ANGLE, ABOVE, ERROR = "largest principal angle", "loss above the lowest", "reconstruction error"
OVERLAP, LENGTH, EXPECTED = "column overlap", "singular value W2", "expected singular value"
COURSE = "course material"
FORM = "penalty"  # of the decay; the other form goes the same way
SMALL = 0.5  # λ where the form has none
CLOSE, FAR = 1.0, 5.0  # degrees from the principal subspace
ENDED = 1e-3  # above the lowest loss: no more is to be had from training on
ABOUT = 0.1  # how far from 1 a squared length may be and still be about 1
RIGHT_ANGLE = 0.05  # |cosine| between columns that are orthogonal to the eye: 87°
EQUAL = 1e-3  # between reconstruction errors of one path
MOVED = 0.1  # of its size: W₂ is another matrix


def finds_the_subspace(evidence: Evidence) -> Finding:
    """The angle at the end; a net that has not been trained to its end decides nothing."""
    angles, above = (_scores(evidence, name, 0.0) for name in (ANGLE, ABOVE))
    if not angles:
        return missing("the penalty with λ = 0")
    because = (
        f"Largest principal angle at the end: {brief(angles)}, in degrees; "
        f"the loss is {brief(above)} above what PCA loses."
    )
    if near(angles, high=CLOSE):
        return Finding("supported", because)
    if near(angles, high=FAR) is False and _ended(above):
        return Finding("contradicted", because)
    return Finding("cannot tell", f"{because} {_more(above)}".strip())


def unique_up_to_sign(evidence: Evidence) -> Finding:
    """Another pair of factors with the very same loss, at the lowest there is, contradicts it."""
    found, above = evidence.ask("factorisations", weight_decay=0.0, form=FORM), _scores(evidence, ABOVE, 0.0)
    if found is None:
        return missing("the penalty with λ = 0")
    (trained, other, _), moved = found["losses"], float(found["changes"][0])
    because = (
        f"W₂C and C⁻¹W₁, with a random C, have the loss {other:.9g} where the trained pair has {trained:.9g}; "
        f"W₂ moved by {100 * moved:.0f} % of its size. One such pair is enough, and one net."
    )
    if not _ended(above):
        return Finding("cannot tell", f"{because} {_more(above)}".strip())
    same = bool(found["same"][0])
    word: Word = "contradicted" if same and moved > MOVED else "supported" if not same else "cannot tell"
    return Finding(word, because)


def lengths_about_1(evidence: Evidence) -> Finding:
    """Every squared singular value of W₂ against 1, at the form's λ."""
    decay, latent = _decay(evidence), int(getattr(evidence.config, "latent", 1))
    squares, formula = (
        [_squared(_scores(evidence, f"{name} {place + 1}", decay)) for place in range(latent)]
        for name in (LENGTH, EXPECTED)
    )
    if not all(squares):
        return missing(f"the penalty with λ = {decay:g}")
    means, wanted = ([float(np.mean(list(one.values()))) for one in some] for some in (squares, formula))
    because = (
        f"λ = {decay:g}: squared singular values of W₂ from {min(means):.3f} to {max(means):.3f} "
        f"(n = {min(map(len, squares))}); 1 − λ/sᵢ, and 0 below λ, gives {min(wanted):.3f} to {max(wanted):.3f}. "
        "Small means small against every sᵢ: try a larger λ."
    )
    above = _scores(evidence, ABOVE, decay)
    if not _ended(above):
        return Finding("cannot tell", f"{because} {_more(above)}".strip())
    told = [near(one, 1 - ABOUT, 1 + ABOUT) for one in squares]
    word: Word = "supported" if all(told) else "contradicted" if False in told else "cannot tell"
    return Finding(word, because)


def columns_become_orthogonal(evidence: Evidence) -> Finding:
    """The largest |cosine| between columns: next to nothing with decay, unless it is so without."""
    decay = _decay(evidence)
    free, decayed = (_scores(evidence, OVERLAP, one) for one in (0.0, decay))
    if not free or not decayed:
        return missing(f"the penalty with λ = {decay if free else 0:g}")
    because = (
        f"Largest |cosine| between two columns with λ = {decay:g}: {brief(decayed)}; with λ = 0: {brief(free)}. "
        f"{RIGHT_ANGLE:g} would be 87°. Exactly orthogonal they are only for λ → 0, where all lengths are equal; "
        "more columns than directions that are kept cannot be."
    )
    word = WORDS[near(decayed, high=RIGHT_ANGLE)]
    if word == "supported" and near(free, low=RIGHT_ANGLE) is False:
        return Finding("cannot tell", f"{because} Here they are so without decay, too.")
    return Finding(word, because)


def sgd_decay_is_the_penalty(evidence: Evidence) -> Finding:
    """Where SGD's weight_decay = 2λ ends, against the penalties λ and 2λ, seed by seed."""
    decay = next((one for one in (_decay(evidence), SMALL) if all(_three(evidence, one).values())), _decay(evidence))
    found = _three(evidence, decay)
    for name, scores in found.items():
        if not scores:
            return missing(name)
    sgd, half, same = found.values()
    to_same, to_half = _between(sgd, same), _between(sgd, half)
    because = (
        f"SGD with weight_decay = {2 * decay:g} against the penalty {2 * decay:g}‖W‖²: reconstruction errors "
        f"{brief(to_same)} apart; against {decay:g}‖W‖²: {brief(to_half)}. λw² has the "
        "slope 2λw, so SGD's number is 2λ."
    )
    claimed, ours = near(to_same, -EQUAL, EQUAL), near(to_half, -EQUAL, EQUAL)
    word: Word = (
        "supported" if claimed and ours is False else "contradicted" if claimed is False and ours else "cannot tell"
    )
    return Finding(word, because)


def _scores(evidence: Evidence, metric: str, decay: float) -> Mapping[int, float]:
    return evidence.scores(metric, weight_decay=decay, form=FORM)


def _decay(evidence: Evidence) -> float:
    """The λ of the form; where it has none, a small one."""
    return float(getattr(evidence.config, "weight_decay", 0.0)) or SMALL


def _ended(above: Mapping[int, float]) -> bool:
    """Whether every seed has come down to the lowest loss."""
    return bool(above) and max(above.values()) < ENDED


def _more(above: Mapping[int, float]) -> str:
    return "" if _ended(above) else "It was not trained to its end: give it more epochs."


def _three(evidence: Evidence, decay: float) -> dict[str, Mapping[int, float]]:
    """What decides about SGD's number: its own form, and the penalties that it may be."""
    return {
        f"SGD's form with λ = {decay:g}": evidence.scores(ERROR, weight_decay=decay, form="sgd"),
        f"the penalty with λ = {decay:g}": _scores(evidence, ERROR, decay),
        f"the penalty with λ = {2 * decay:g}": _scores(evidence, ERROR, 2 * decay),
    }


def _squared(scores: Mapping[int, float]) -> dict[int, float]:
    return {seed: value**2 for seed, value in scores.items()}


def _between(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """Differences of the seeds that both have."""
    return {seed: one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())}


CLAIMS = (
    Claim(
        "A linear autoencoder finds the principal subspace.",
        "Baldi & Hornik 1989",
        f"Without decay: the largest principal angle at the end, below {CLOSE:g}°, seed noise included.",
        finds_the_subspace,
    ),
    Claim(
        "The minimiser is unique up to sign.",
        COURSE,
        "Without decay: the loss of the trained factors and of W₂C, C⁻¹W₁, over all samples.",
        unique_up_to_sign,
    ),
    Claim(
        "With a small weight decay the squared singular values are about 1.",
        COURSE,
        f"The form's λ ({SMALL:g} where it has none): each squared singular value of W₂ within {ABOUT:g} of 1.",
        lengths_about_1,
    ),
    Claim(
        "Under weight decay the columns of W₂ become orthogonal.",
        COURSE,
        f"The largest |cosine| between columns with the form's λ ({SMALL:g} where it has none): below {RIGHT_ANGLE:g}, "
        "where it is not so without decay.",
        columns_become_orthogonal,
    ),
    Claim(
        "SGD's weight_decay = λ is the penalty λ‖W‖².",
        COURSE,
        f"Reconstruction errors of the same seeds, within {EQUAL:g}: SGD against both penalties, at the form's λ or at "
        f"{SMALL:g}.",
        sgd_decay_is_the_penalty,
    ),
)
