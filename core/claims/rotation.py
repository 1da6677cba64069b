"""Claims about nets and turned pictures, each with the measurement that decides it.

Source: the rotation part of a course assignment (CNN on CIFAR-10, upright and with random rotations up to 360°).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy  # its parts load when first used
from numpy.typing import NDArray

from core.claims.evidence import WORDS, Claim, Evidence, Finding, Word, higher, missing, near
from core.statistics import LEAST_SEEDS, LEVEL, spread

COURSE = "course material"
FOLKLORE = "often said of convolutions and pooling"
UPRIGHT, SIDEWAYS, MEAN = "accuracy at 0", "accuracy at 90", "mean accuracy over angles"
PUBLISHED: dict[str, Any] = {  # all of CIFAR-10, and nothing cut away
    "dataset": "cifar10",
    "train_pictures": 0,
    "test_pictures": 0,
    "epochs": 10,
    "learning_rate": 1e-3,
    "batch_size": 64,
    "fill": "black",
    "mask": False,
}
AROUND = 3.0  # points about a published figure of one run
FLAT = 5.0  # points that single angles may lie from the mean over all
ANGLES = range(0, 360, 30)
MOST, FEW = 50.0, 20.0  # % of a digit that is taken for another


def upright_scores(evidence: Evidence) -> Finding:
    """On the data and settings of the source."""
    return about(70.0, evidence, "upright", train_rotation=0)


def turned_scores(evidence: Evidence) -> Finding:
    """On the data and settings of the source."""
    return about(48.0, evidence, "turned up to 360°", train_rotation=360)


def about(figure: float, evidence: Evidence, how: str, **settings: object) -> Finding:
    """Whether accuracy at 0° is what was reported."""
    scores = evidence.scores(UPRIGHT, **{**PUBLISHED, **settings})
    if not scores:
        return missing(f"CIFAR-10, all pictures, ten epochs, trained {how}")
    because = f"CIFAR-10 trained {how}, at 0°: {spread(list(scores.values())).with_unit('%')}; reported {figure:g} %."
    return Finding(WORDS[near(scores, figure - AROUND, figure + AROUND)], because)


def turned_is_flat(evidence: Evidence) -> Finding:
    """How far the worst angle lies from the mean over angles, give or take the noise of seeds."""
    scores = [evidence.scores(f"accuracy at {angle}", train_rotation=360) for angle in ANGLES]
    seeds = sorted(set.intersection(*(set(one) for one in scores)))
    if not seeds:
        return missing("these pictures, trained turned up to 360°")
    accuracies = np.array([[one[seed] for seed in seeds] for one in scores])  # (angles, seeds)
    means = accuracies.mean(axis=1)
    farthest = int(np.abs(means - means.mean()).argmax())
    apart = abs(means[farthest] - means.mean())
    because = (
        f"At {len(ANGLES)} angles the accuracy lies between {means.min():.1f} and {means.max():.1f} % "
        f"(n = {len(seeds)} seeds); farthest from their mean at {ANGLES[farthest]}°, "
        f"by {means[farthest] - means.mean():+.1f}"
    )
    if len(seeds) < LEAST_SEEDS:
        return Finding("cannot tell", f"{because} points.")
    give = _give(accuracies)
    word: Word = "supported" if apart + give <= FLAT else "contradicted" if apart - give > FLAT else "cannot tell"
    return Finding(word, f"{because} ± {give:.1f} points (95 %, of {len(ANGLES)} angles at once).")


def _give(accuracies: NDArray[np.float64]) -> float:
    """Half the width of the interval around an angle's distance from the mean. (angles, seeds) -> points.

    Student's t on what is left when the means of angles and of seeds are taken away; Bonferroni over the angles.
    """
    angles, seeds = accuracies.shape
    left = accuracies - accuracies.mean(axis=0) - accuracies.mean(axis=1, keepdims=True) + accuracies.mean()
    freedom = (angles - 1) * (seeds - 1)
    variance = float((left**2).sum()) / freedom * (1 - 1 / angles) / seeds
    return float(scipy.stats.t.ppf(1 - LEVEL / 2 / angles, freedom)) * math.sqrt(variance)


def turning_costs_upright(evidence: Evidence) -> Finding:
    """Accuracy at 0° of both."""
    upright, turned = (evidence.scores(UPRIGHT, train_rotation=degrees) for degrees in (0, 360))
    return higher(upright, turned, ("trained upright", "trained turned"))


def invariant(evidence: Evidence) -> Finding:
    """If it were, a net trained upright would be as good at 90° as at 0°."""
    upright, sideways = (evidence.scores(metric, train_rotation=0) for metric in (UPRIGHT, SIDEWAYS))
    found = higher(upright, sideways, ("trained upright, at 0°:", "at 90°:"))
    if found.word != "supported":
        return Finding("cannot tell", found.because)
    return Finding("contradicted", found.because)


def corners_are_a_cue(evidence: Evidence) -> Finding:
    """Black corners tell by how much a picture is turned; behind the mask nothing does."""
    black, masked = (evidence.scores(MEAN, train_rotation=360, fill="black", mask=mask) for mask in (False, True))
    found = higher(black, masked, ("trained turned, with black corners", "with the circular mask"))
    return Finding(found.word, f"{found.because} The mask also takes what the corners show: read this with the curves.")


def six_is_nine(evidence: Evidence) -> Finding:
    """What an upright-trained net says of sixes and nines upside down."""
    chosen = getattr(evidence.config, "dataset", "")
    dataset = chosen if chosen in ("digits", "mnist") else "digits"
    found = evidence.ask("turned", train_rotation=0, dataset=dataset)  # at 180°, unless asked otherwise
    if found is None:
        return missing("digits, trained upright")
    confusion = found["confusion"]
    counts = [(int(confusion[a, b]), int(confusion[a].sum())) for a, b in ((6, 9), (9, 6))]
    if not all(whole for _, whole in counts):
        return Finding("cannot tell", "There is no six or no nine among these test pictures. Take more of them.")
    shares = [scipy.stats.binomtest(*one).proportion_ci(method="wilson") for one in counts]
    (six, nine), (sixes, nines) = [f"{part} of {whole}" for part, whole in counts], [_percent(one) for one in shares]
    because = (
        f"Upside down, {six} sixes are taken for 9 (95 % interval {sixes}) and {nine} nines for 6 ({nines}). "
        "This is one net: another seed may differ."
    )
    if 100 * min(one.low for one in shares) > MOST:
        return Finding("supported", because)
    return Finding("contradicted" if 100 * max(one.high for one in shares) < FEW else "cannot tell", because)


def _percent(interval: Any) -> str:
    return f"{100 * interval.low:.0f} to {100 * interval.high:.0f} %"


CLAIMS = (
    Claim(
        "Trained upright, the CNN reaches about 0.70 on upright pictures.",
        COURSE,
        f"CIFAR-10 with all pictures, ten epochs: accuracy at 0° within {AROUND:g} points.",
        upright_scores,
    ),
    Claim(
        "Trained with random rotations up to 360°, it reaches about 0.48.",
        COURSE,
        f"The same, trained turned: accuracy at 0° within {AROUND:g} points.",
        turned_scores,
    ),
    Claim(
        "Trained with all rotations, the curve over the test angle is nearly flat.",
        COURSE,
        f"With the pictures of the form: every angle within {FLAT:g} points of the mean over twelve angles, seed noise "
        "included.",
        turned_is_flat,
    ),
    Claim(
        "Training with all rotations costs accuracy on upright pictures.",
        COURSE,
        "Accuracy at 0°: trained upright against trained turned, same seeds, same number of epochs.",
        turning_costs_upright,
    ),
    Claim(
        "Convolution and pooling make a net invariant to rotation.",
        FOLKLORE,
        "A net trained upright: accuracy at 90° against accuracy at 0°.",
        invariant,
    ),
    Claim(
        "The black corners of a turned picture are themselves a cue.",
        COURSE,
        "Trained turned: mean accuracy over all angles with black corners against that with a circular mask.",
        corners_are_a_cue,
    ),
    Claim(
        "Upside down, 6 and 9 are taken for one another.",
        FOLKLORE,
        f"An upright-trained net on digits at 180°: more than {MOST:g} % of both go to the other, beyond "
        "the chance of which pictures are tested.",
        six_is_nine,
    ),
)
