"""Claims about the cost of attention, each with the measurement that decides it. Sources: courses and papers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.claims.evidence import WORDS, Claim, Evidence, Finding, brief, missing, near
from core.statistics import LEAST_SEEDS

COURSE = "course material"
FLASH, LINEAR = "Dao et al., NeurIPS 2022", "Katharopoulos et al., ICML 2020"
EXPONENT, DIFFERENCE, BYTES = "exponent", "difference from softmax", "peak bytes"
OWN, SOFTMAX = "forward seconds", "softmax seconds"
MEASURED: dict[str, Any] = {  # whatever the form says
    "lengths": "256,512,1024,2048,4096,8192",
    "width": 64,
    "heads": 2,
    "causal": False,
    "timed": "forward",
    "form": "cheaper",
    "backend": "auto",
}
NARROW = 32  # numbers of a head
SHORT, MIDDLE, LONG, LONGEST = 1024, 2048, 4096, 8192
ABOUT = 0.3  # how far from a whole number an exponent may be: caches and overheads bend real curves
SAME = 1e-5  # of the largest output: rounding in single precision
Scores = Mapping[int, float]


def softmax_is_quadratic(evidence: Evidence) -> Finding:
    """Its fitted exponent about 2."""
    return _exponent(evidence, "softmax", 2.0)


def linear_is_linear(evidence: Evidence) -> Finding:
    """Its fitted exponent about 1 where its arrays fit into a core's cache; beside it that of twice the width."""
    found = _exponent(evidence, "linear", 1.0, width=NARROW)
    wide = evidence.scores(EXPONENT, **MEASURED, kernel="linear")
    if not wide:
        return found
    beside = (
        f"With d = {MEASURED['width']}: {brief(wide)}. Operations grow like n either way; what lies above 1 is "
        "none of them, but likely memory, where the arrays outgrow the caches."
    )
    return Finding(found.word, f"{found.because} {beside}")


def exponential(evidence: Evidence) -> Finding:
    """Doubling n multiplies a power by the same factor every time, an exponential by the square of the last one."""
    times = [evidence.scores_at(n, OWN, **MEASURED, kernel="softmax") for n in (MIDDLE, LONG, LONGEST)]
    seeds = sorted(set.intersection(*(set(one) for one in times)))
    if not seeds:
        return unmeasured("torch's softmax")
    first, second = ({seed: times[at + 1][seed] / times[at][seed] for seed in seeds} for at in (0, 1))
    because = (
        f"From n = {MIDDLE:,} to {LONG:,} its time grows {brief(first)} times, from there to {LONGEST:,} "
        f"{brief(second)} times. An exponential would square the factor. n² is quadratic, a power of n."
    )
    if len(seeds) < LEAST_SEEDS:
        return Finding("cannot tell", because)
    squared = [second[seed] > first[seed] ** 1.5 for seed in seeds]
    return Finding("supported" if all(squared) else "contradicted" if not any(squared) else "cannot tell", because)


def always_wins(evidence: Evidence) -> Finding:
    """The quadratic kernel against softmax, where there are few tokens and where there are many."""
    return _wins(evidence, (SHORT, LONGEST), (True, True))


def wins_when_long(evidence: Evidence) -> Finding:
    """Slower at n < d², faster at n = 2d²."""
    return _wins(evidence, (SHORT, LONGEST), (False, True))


def flash_computes_something_else(evidence: Evidence) -> Finding:
    """Its outputs against softmax in double precision, beside those of the plain way."""
    found = {one: evidence.scores(DIFFERENCE, **{**MEASURED, "backend": one}, kernel="softmax") for one in WAYS}
    if gone := [name for name, scores in found.items() if not scores]:
        return unmeasured(f"torch's softmax, backend {gone[0]}")
    because = (
        f"Largest difference from softmax in double precision: FlashAttention {brief(found['flash'])}, "
        f"the plain way {brief(found['math'])} of the largest output. Both round; below {SAME:g} is rounding."
    )
    worst = max(found["flash"].values())
    return Finding("contradicted" if worst < SAME else "supported", because)


def flash_saves_memory(evidence: Evidence) -> Finding:
    """Peak bytes of both ways at the longest n."""
    found = {one: evidence.scores(BYTES, **{**MEASURED, "backend": one}, kernel="softmax") for one in WAYS}
    if gone := [name for name, scores in found.items() if not scores]:
        return unmeasured(f"torch's softmax, backend {gone[0]}")
    flash, plain = max(found["flash"].values()), min(found["math"].values())
    because = (
        f"At n = {LONGEST:,}: {plain / 2**20:,.0f} MiB the plain way, {flash / 2**20:,.0f} MiB with FlashAttention."
    )
    return Finding("supported" if plain > 10 * flash else "contradicted", because)


def pairs_fill_memory(evidence: Evidence) -> Finding:
    """How the peak grows when n doubles."""
    short, long = (evidence.scores_at(n, BYTES, **MEASURED, kernel="written") for n in (LONG, LONGEST))
    growth = {seed: long[seed] / short[seed] for seed in sorted(set(short) & set(long))}
    if not growth:
        return unmeasured("softmax, n×n written out")
    because = f"From n = {LONG:,} to {LONGEST:,} the peak grows {brief(growth)} times; n² would give 4, n would give 2."
    low, high = min(growth.values()), max(growth.values())
    return Finding("supported" if low > 3.5 and high < 4.5 else "contradicted", because)


def unmeasured(what: str) -> Finding:
    """Nothing is measured that could decide."""
    return missing(what, "measured", "Measure")


def _wins(evidence: Evidence, lengths: tuple[int, int], claimed: tuple[bool, bool]) -> Finding:
    parts, right = [], []
    for n, wins in zip(lengths, claimed, strict=True):
        own, softmax = (evidence.scores_at(n, one, **MEASURED, kernel="quadratic") for one in (OWN, SOFTMAX))
        ratio = {seed: softmax[seed] / own[seed] for seed in sorted(set(own) & set(softmax))}
        if not ratio:
            return unmeasured("the quadratic kernel")
        parts.append(f"at n = {n:,} softmax takes {brief(ratio)} times as long")
        verdict = near(ratio, low=1.0)
        right.append(verdict if verdict is None else verdict == wins)
    because = f"d² = {MEASURED['width'] ** 2:,}: {', '.join(parts)}."
    return Finding("contradicted" if False in right else WORDS[None if None in right else True], because)


def _exponent(evidence: Evidence, kernel: str, claimed: float, width: int = 64) -> Finding:
    found = evidence.scores(EXPONENT, **{**MEASURED, "width": width}, kernel=kernel)
    if not found:
        return unmeasured(f"the kernel {kernel} with d = {width}")
    because = f"Fitted exponent with d = {width}, over the larger half of the lengths: {brief(found)}."
    return Finding(WORDS[near(found, claimed - ABOUT, claimed + ABOUT)], because)


WAYS = ("math", "flash")
FORM = (
    f"The form with fewer multiplications: all pairs at n = {SHORT:,}, where the linear one takes more, and the linear "
    f"one at {LONGEST:,}."
)
WHERE = f"n from 256 to {LONGEST:,}, d = {MEASURED['width']}, two heads, forward"
CLAIMS = (
    Claim(
        "Softmax attention takes O(n²) time.",
        LINEAR,
        f"{WHERE}: fitted exponent within {ABOUT:g} of 2.",
        softmax_is_quadratic,
    ),
    Claim(
        "Attention has exponential complexity, O(n²).",
        COURSE,
        f"Torch's softmax: growth of its time from {MIDDLE:,} to {LONG:,} tokens, and from there to {LONGEST:,}.",
        exponential,
    ),
    Claim(
        "Linear attention takes O(n) time.",
        LINEAR,
        f"n from 256 to {LONGEST:,}, d = {NARROW}, two heads, forward: fitted exponent within {ABOUT:g} of 1.",
        linear_is_linear,
    ),
    Claim(
        "The quadratic kernel in its linear form always beats softmax.",
        COURSE,
        f"Softmax's time over that of the quadratic kernel, same inputs in turns, at n = {SHORT:,} and "
        f"{LONGEST:,}. {FORM}",
        always_wins,
    ),
    Claim(
        "The quadratic kernel wins only for n ≫ d².",
        "derived here: C = (d + 1)(d + 2)/2 features",
        f"The same ratio: below 1 at n = {SHORT:,}, above 1 at n = {LONGEST:,}. {FORM}",
        wins_when_long,
    ),
    Claim(
        "FlashAttention computes something else than softmax attention.",
        COURSE,
        "Largest difference of outputs from softmax in double precision, 64 queries; the longest n decides.",
        flash_computes_something_else,
    ),
    Claim(
        "FlashAttention needs far less memory.",
        FLASH,
        f"Peak bytes beyond the inputs at n = {LONGEST:,}: more than ten times as many the plain way.",
        flash_saves_memory,
    ),
    Claim(
        "Written out, attention takes O(n²) memory.",
        COURSE,
        f"Growth of the peak from n = {LONG:,} to {LONGEST:,}: between 3.5 and 4.5 times.",
        pairs_fill_memory,
    ),
)
