"""Claims about the skip connections of a U-Net, the wrong ones included, each with the measurement that decides it.

Source: course material on a small U-Net for scenes of digits.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.claims.evidence import WORDS, Claim, Evidence, Finding, Word, both, higher, missing, near
from core.statistics import compare, spread

COURSE = "course material"
MEAN, DIGITS = "mean IoU", "mean IoU without background"
ON, OFF = "with skips", "without"
PUBLISHED_WIDTH = 64
AROUND = 0.03  # of IoU about a reported level of one run
WIDER = 2  # times the width, for a gap to hold another one against


def skips_help(evidence: Evidence) -> Finding:
    """Which of the two is better; how good they are depends on width and data."""
    return higher(evidence.scores(MEAN, skips="all"), evidence.scores(MEAN, skips="none"), (ON, OFF))


def levels_are(evidence: Evidence) -> Finding:
    """The levels themselves, at the width they were reported for."""
    on, off = (evidence.scores(MEAN, width=PUBLISHED_WIDTH, skips=skips) for skips in ("all", "none"))
    if not on or not off:
        return missing(f"width {PUBLISHED_WIDTH} with and without skips")
    return both(
        *(
            Finding(
                WORDS[near(scores, level - AROUND, level + AROUND)],
                f"Width {PUBLISHED_WIDTH} {name}: {spread(list(scores.values()))}, reported {level:g}.",
            )
            for scores, level, name in ((on, 0.78, ON), (off, 0.68, OFF))
        )
    )


def mean_is_about_digits(evidence: Evidence) -> Finding:
    """The same nets, the same seeds: what does the background add to the mean?"""
    names = ("mean over eleven classes", "over the ten digits")
    found = higher(evidence.scores(MEAN), evidence.scores(DIGITS), names)
    if found.word != "supported":
        return Finding("cannot tell", found.because)
    return Finding("contradicted", f"{found.because} The background alone lifts the mean.")


def without_fits_better(evidence: Evidence) -> Finding:
    """Training loss of the last epoch; the lower one fits better."""
    on, off = (evidence.scores("training loss", skips=skips) for skips in ("all", "none"))
    return higher(on, off, (f"training loss {ON}", OFF))


def skips_only_place_edges(evidence: Evidence) -> Finding:
    """Edges should gain, and the share of right digits among the pixels called a digit should not."""
    (edges_on, edges_off), (named_on, named_off) = (
        [evidence.scores(metric, skips=skips) for skips in ("all", "none")]
        for metric in ("right side at edges", "digit accuracy")
    )
    placed = higher(edges_on, edges_off, (f"right side of the edge {ON}", OFF), comparisons=2)
    named = higher(named_on, named_off, (f"right digit {ON}", OFF), comparisons=2)
    # "no better at naming" is shown false by a gain, and never shown true by a gain that cannot be told
    turned: dict[Word, Word] = {"supported": "contradicted", "contradicted": "supported", "cannot tell": "cannot tell"}
    return both(placed, Finding(turned[named.word], named.because))


def gap_is_the_same(evidence: Evidence) -> Finding:
    """The gain of each seed, at this width and at others that were trained."""
    here = int(getattr(evidence.config, "width", 0))
    mine = _gaps(evidence, here)
    for width in (here * WIDER, here // WIDER, here * WIDER**2, here // WIDER**2):
        other = _gaps(evidence, width)
        if mine and other:
            found = compare(mine, other)
            because = (
                f"Gain at width {here}: {spread(list(mine.values()))}; at width {width}: "
                f"{spread(list(other.values()))}. {found.sentence}"
            )
            told = found.verdict == "bigger than seed noise"
            return Finding("contradicted" if told else "cannot tell", because)
    return missing(f"with and without skips at width {here} and at {here * WIDER} or {here // WIDER}")


def _gaps(evidence: Evidence, width: int) -> Mapping[int, float]:
    """Seed -> mean IoU with skips minus without."""
    on, off = (evidence.scores(MEAN, skips=skips, width=width) for skips in ("all", "none"))
    return {seed: on[seed] - off[seed] for seed in on if seed in off}


CLAIMS = (
    Claim(
        "Skip connections raise the mean IoU.",
        COURSE,
        "Mean IoU on the test scenes, all skips on against all off, same seeds.",
        skips_help,
    ),
    Claim(
        "They raise it from about 0.68 to about 0.78.",
        COURSE,
        f"Both levels within {AROUND:g}, at width {PUBLISHED_WIDTH} as reported, other settings as in the form.",
        levels_are,
    ),
    Claim(
        "The mean IoU over all eleven classes says how well the digits are found.",
        "how the figure is often read",
        "The same nets with and without the background in the mean.",
        mean_is_about_digits,
    ),
    Claim(
        "The net without skips reaches the lower training loss.",
        COURSE,
        "Training loss of the last epoch, skips on against off, the same scenes in the same order.",
        without_fits_better,
    ),
    Claim(
        "Skips bring back where the edges are; they do not help to tell one digit from another.",
        "a common explanation",
        "The right side at edges, and the right digit among pixels called a digit: skips on against off.",
        skips_only_place_edges,
    ),
    Claim(
        "What skips bring does not depend on how wide the net is.",
        "an assumption, when figures of one width are quoted",
        "The gain in mean IoU, seed by seed, at two widths.",
        gap_is_the_same,
    ),
)
