"""Claims about autoencoders and linear probes, each with the measurement that decides it.

Source: IFT6135 (deep learning, Université de Montréal), assignment 2, on its synthetic cloud and on MNIST.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.claims.evidence import WORDS, Claim, Evidence, Finding, both, higher, missing, near
from core.data import gaussian
from core.statistics import LEAST_SEEDS, spread

COURSE = "course material"
ERROR, PROBE = "reconstruction error", "probe accuracy"
PUBLISHED: dict[str, Any] = {  # the synthetic task, whatever the form says; the kind stays the form's
    "dataset": "gaussian",
    "hidden": "",
    "activation": "identity",
    "noise": 0.5,
    "mask_probability": 0.25,
    "labels": 0,
    "probe_epochs": 50,
    "learning_rate": 5e-4,
    "batch_size": 100,
    "epochs": 10,
}
FEW: dict[str, Any] = {  # 200 labelled digits; the lesson's preset
    "dataset": "mnist",
    "latent": 96,
    "hidden": "256",
    "activation": "relu",
    "noise": 1.0,
    "mask_probability": 0.25,
    "unlabelled": 10_000,
    "labels": 200,
    "probe_epochs": 1000,
    "learning_rate": 1e-3,
    "batch_size": 100,
    "epochs": 10,
}
READABLE = 95.0  # % of a probe that reads the label
NEARLY_ALL = 99.0  # % that counts as "near 100 %"
HARDLY = 0.05  # of the drop from 5 to 100 numbers: a smaller one from 100 to 500 is "hardly"

Scores = Mapping[int, float]


def error_falls(evidence: Evidence) -> Finding:
    """From 5 to 20 to 100 numbers, each step by more than seed noise."""
    errors = [of(evidence, ERROR, size) for size in (5, 20, 100)]
    steps = [
        higher(errors[at], errors[at + 1], names, comparisons=2)
        for at, names in enumerate((("Error at 5:", "at 20:"), ("Error at 20:", "at 100:")))
    ]
    return both(*steps)


def hardly_beyond_100(evidence: Evidence) -> Finding:
    """What 400 further numbers take off the error, as a part of what came off from 5 to 100."""
    few, hundred, many = (of(evidence, ERROR, size) for size in (5, 100, 500))
    if not few or not hundred or not many:
        return missing("latent sizes 5, 100 and 500")
    seeds = sorted(set(few) & set(hundred) & set(many))
    parts = {seed: (hundred[seed] - many[seed]) / (few[seed] - hundred[seed]) for seed in seeds}
    percent = {seed: 100.0 * part for seed, part in parts.items()}
    fall = spread(list(percent.values())).with_unit("%")
    errors = ", ".join(str(spread(list(one.values()))) for one in (few, hundred, many))
    hardly = f"less than {100 * HARDLY:g} % is hardly"
    because = f"Error at 5, 100, 500: {errors}. Beyond 100 it falls by {fall} of its fall from 5 to 100; {hardly}."
    return Finding(WORDS[near(percent, high=100.0 * HARDLY)], because)


def readable_at_20(evidence: Evidence) -> Finding:
    """The probe's accuracy where the code has room for every strong direction."""
    scores = of(evidence, PROBE, 20)
    if not scores:
        return missing("latent size 20")
    return Finding(WORDS[near(scores, low=READABLE)], f"At 20: {spread(list(scores.values())).with_unit('%')}.")


def lower_at_5(evidence: Evidence) -> Finding:
    """20 against 5."""
    return higher(of(evidence, PROBE, 20), of(evidence, PROBE, 5), ("At 20:", "at 5:"))


def five_are_a_random_part(evidence: Evidence) -> Finding:
    """Whether every seed lies in the ± 2 std band of random five-dimensional parts."""
    scores = of(evidence, PROBE, 5)
    if not scores:
        return missing("latent size 5")
    mean, std = gaussian.random_parts(5)
    inside = sum(abs(one - mean) <= 2 * std for one in scores.values())
    because = (
        f"At 5: {spread(list(scores.values())).with_unit('%')}; random parts {mean:.1f} ± {std:.1f} %. {inside} of "
        f"{len(scores)} seeds lie within two standard deviations."
    )
    if len(scores) < LEAST_SEEDS:
        return Finding("cannot tell", because)
    return Finding(WORDS[near(scores, mean - 2 * std, mean + 2 * std)], because)


def all_of_it_untrained(evidence: Evidence) -> Finding:
    """Epoch 0 of the curves: the encoder is still what it was drawn as."""
    return both(*(_untrained(evidence, size) for size in (100, 500)))


def _untrained(evidence: Evidence, size: int) -> Finding:
    scores = evidence.scores_at(0, PROBE, **PUBLISHED, latent=size)
    if not scores:
        return missing(f"latent size {size}")
    because = f"Untrained, at {size}: {spread(list(scores.values())).with_unit('%')}."
    return Finding(WORDS[near(scores, low=NEARLY_ALL)], because)


def corruption_helps(kind: str, evidence: Evidence) -> Finding:
    """200 labels on MNIST, all else as in the lesson."""
    corrupted, vanilla = (evidence.scores(PROBE, **FEW, kind=one) for one in (kind, "vanilla"))
    return higher(corrupted, vanilla, (f"MNIST, 200 labels, {kind}:", "vanilla:"))


def of(evidence: Evidence, metric: str, size: int) -> Scores:
    """On the synthetic task at one latent size."""
    return evidence.scores(metric, **PUBLISHED, latent=size)


SYNTHETIC = "On the Gaussian cloud, kind as in the form"
CLAIMS = (
    Claim(
        "The reconstruction error falls with the latent size.",
        COURSE,
        f"{SYNTHETIC}: error at 5 against 20, and at 20 against 100.",
        error_falls,
    ),
    Claim(
        "Beyond 100 numbers it hardly falls any more.",
        COURSE,
        f"{SYNTHETIC}: its fall from 100 to 500 is less than {100 * HARDLY:g} % of its fall from 5 to 100.",
        hardly_beyond_100,
    ),
    Claim(
        f"With 20 numbers a linear probe reads the class at least {READABLE:g} % of the time.",
        COURSE,
        f"{SYNTHETIC}: accuracy at 20 on the test split, after training.",
        readable_at_20,
    ),
    Claim(
        "With 5 numbers it reads it clearly worse.",
        COURSE,
        f"{SYNTHETIC}: accuracy at 20 against 5.",
        lower_at_5,
    ),
    Claim(
        "Five numbers tell as much as any five of the twenty strong directions.",
        "derived here: 1 − arccos(√(k/20))/π",
        f"{SYNTHETIC}: accuracy at 5 within two standard deviations of random five-dimensional parts.",
        five_are_a_random_part,
    ),
    Claim(
        "From 100 numbers up the probe is near 100 % even before any training.",
        COURSE,
        f"{SYNTHETIC}: accuracy at epoch 0 at 100 and at 500; near 100 % means at least {NEARLY_ALL:g} %.",
        all_of_it_untrained,
    ),
    Claim(
        "With few labels, denoising makes better codes than plain reconstruction.",
        COURSE,
        "MNIST, the lesson's settings, 200 labels: denoising against vanilla.",
        lambda evidence: corruption_helps("denoising", evidence),
    ),
    Claim(
        "With few labels, masking makes better codes than plain reconstruction.",
        COURSE,
        "MNIST, the lesson's settings, 200 labels: masked against vanilla.",
        lambda evidence: corruption_helps("masked", evidence),
    ),
)
