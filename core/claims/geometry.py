"""Claims about random projections and directions, the wrong ones included; each is decided at once.

Sources: Johnson & Lindenstrauss 1984; Dasgupta & Gupta 2003; Achlioptas 2003; course material.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.claims.evidence import WORDS, Claim, Evidence, Finding, Word, higher, near
from core.demos import directions, neighbours
from core.demos.geometry import GeometryConfig
from core.demos.projections import (
    Cloud,
    Kind,
    cloud,
    followed,
    lemma_k,
    pair_bound,
    pair_misses,
    proof_k,
    share,
    union,
)
from core.statistics import spread

COURSE = "course material"
POINTS, EPSILON, DIMENSION = 50, 0.5, 200
DRAWS = 60
FEW_DRAWS, FEW_POINTS, FEW_K = 16, 30, 64
WIDTHS = (100, 1600)
ALIKE = 0.1  # ratios from 0.9 to 1.1 count as the same
DELTA, ROOM = 0.5, 16
MANY = 5000
CLOSE = 5.0  # points of accuracy


def every_draw_holds(evidence: Evidence) -> Finding:
    """Draws of a Gaussian M at the lemma's k."""
    k, seed = lemma_k(POINTS, EPSILON), _config(evidence).seed
    held = _held(k, seed)
    part, low, high = share(held, DRAWS)
    because = (
        f"n = {POINTS}, ε = {EPSILON:g}, k = {k}: {held} of {DRAWS} draws hold, {100 * part:.0f} % (95 % interval "
        f"{100 * low:.0f} to {100 * high:.0f} %). The lemma says that an M exists; draw again until one holds."
    )
    return Finding("contradicted" if held < DRAWS else "cannot tell", because)


def proof_covers_this_k(evidence: Evidence) -> Finding:
    """The union over pairs of the proof's bound, at both k."""
    k, longer = lemma_k(MANY, EPSILON), proof_k(MANY, EPSILON)
    here, there = (union(MANY, pair_bound(one, EPSILON)) for one in (k, longer))
    exact = union(MANY, pair_misses(k, EPSILON))
    because = (
        f"n = {MANY:,}, ε = {EPSILON:g}: at k = 8 ln(n)/ε² = {k} the bounds of all pairs sum up to {here:.3g} and say "
        f"nothing; with the exact χ² it is {exact:.3g}. At k = 4 ln(n)/(ε²/2 − ε³/3) = {longer} it is {there:.4f}, "
        "below 1. For small ε the two k agree."
    )
    return Finding("contradicted" if here >= 1 > there else "supported", because)


def only_k_directions(evidence: Evidence) -> Finding:
    """Directions kept greedily in few dimensions."""
    kept = list(directions.greedy(DELTA, _config(evidence).seed)[ROOM].values())
    angle = np.degrees(np.arccos(DELTA))
    because = (
        f"k = {ROOM}: exactly orthogonal are {ROOM} at most, but within |u·v| ≤ {DELTA:g} ({angle:.0f}° and more) "
        f"{min(kept)} to {max(kept)} of {directions.CANDIDATES} random directions were kept (n = {len(kept)} draws). "
        "The number grows exponentially with k."
    )
    return Finding("contradicted" if min(kept) > ROOM else "cannot tell", because)


def signs_are_worse(evidence: Evidence) -> Finding:
    """Spread of the distortions under signs and Gaussian numbers, on a cloud and on basis vectors."""
    seed = _config(evidence).seed
    shapes: tuple[tuple[Cloud, str], ...] = (("axes", "Basis vectors"), ("gaussian", "Gaussian cloud"))
    found = {
        said: higher(_spread("sign", shape, seed), _spread("gaussian", shape, seed), (f"{said}: signs", "Gaussian"))
        for shape, said in shapes
    }
    words = [one.word for one in found.values()]
    word: Word = "supported" if "supported" in words else "contradicted" if "contradicted" in words else "cannot tell"
    because = "Spread in %. " + " ".join(one.because for one in found.values())
    formula = "By the formula their variance is (2 − 2Σz⁴/‖z‖⁴)/k, never above the Gaussian 2/k."
    return Finding(word, f"{because} {formula}")


def dimension_matters(evidence: Evidence) -> Finding:
    """Root mean squares of distortion − 1 at the same k, points in few and in many dimensions."""
    seed = _config(evidence).seed
    few, many = (_spread("gaussian", "gaussian", seed, width) for width in WIDTHS)
    ratios = {draw: many[draw] / few[draw] for draw in few}
    same = near(ratios, 1 - ALIKE, 1 + ALIKE)
    because = (
        f"k = {FEW_K}: spread of the distortions with d = {WIDTHS[1]:,} over that with d = {WIDTHS[0]}: "
        f"{spread(list(ratios.values()))}. n, ε and k decide; d does not stand in the bound."
    )
    return Finding(WORDS[None if same is None else not same], because)


def bound_says_what_is_needed(evidence: Evidence) -> Finding:
    """The bound for the digits beside the k at which their neighbours are as good as before."""
    found = neighbours.accuracies("gaussian", _config(evidence).seed)
    needed = lemma_k(found.neighbours + found.asked, EPSILON)
    after = spread(list(found.after[32].values()))
    because = (
        f"For {found.neighbours + found.asked:,} digits and ε = {EPSILON:g} the bound asks for k = {needed}, more than "
        f"their 64 pixels. With k = 32 the nearest neighbour is right in {after.with_unit('%')}, before in "
        f"{found.before:.2f} %. The bound covers every point set there is; digits are a kind one."
    )
    return Finding("contradicted" if found.before - after.mean < CLOSE else "cannot tell", because)


def right_angles(evidence: Evidence) -> Finding:
    """Spread of angles beside 1/√d."""
    seed = _config(evidence).seed
    found = [(d, directions.histogram(d, seed)) for d in (32, 128, 512)]
    because = "; ".join(f"d = {d}: {np.degrees(one.std):.2f}°, 1/√d is {np.degrees(d**-0.5):.2f}°" for d, one in found)
    close = all(abs(one.std * np.sqrt(d) - 1) < ALIKE for d, one in found)
    return Finding("supported" if close else "contradicted", f"Standard deviation from the right angle: {because}.")


@lru_cache(maxsize=8)
def _held(k: int, seed: int) -> int:
    """How many draws of a Gaussian M keep all pairs."""
    found = followed("gaussian", cloud("gaussian", POINTS, DIMENSION, seed), [k], DRAWS, seed)
    return int(found.held(EPSILON)[0])


@lru_cache(maxsize=32)
def _spread(kind: Kind, shape: Cloud, seed: int, dimension: int = WIDTHS[0]) -> dict[int, float]:
    """Draw -> root mean square of (distortion − 1) over its pairs, in %."""
    found = followed(kind, cloud(shape, FEW_POINTS, dimension, seed), [FEW_K], FEW_DRAWS, seed)
    return dict(enumerate((100 * np.sqrt(found.square[:, 0])).tolist()))


def _config(evidence: Evidence) -> GeometryConfig:
    """The form's; another lab's evidence counts as the defaults."""
    return evidence.config if isinstance(evidence.config, GeometryConfig) else GeometryConfig()


CLAIMS = (
    Claim(
        "With k ≥ 8 ln(n)/ε², any random matrix keeps all distances within ε.",
        COURSE,
        f"Share of {DRAWS} draws of a Gaussian M that keep all pairs, with its exact 95 % interval.",
        every_draw_holds,
    ),
    Claim(
        "k ≥ 8 ln(n)/ε² follows from the tail of one pair and a union bound, for every ε below 1.",
        COURSE,
        "Sum over all pairs of 2 exp(−k(ε²/4 − ε³/6)), and of the exact χ² tail; below 1 an M exists.",
        proof_covers_this_k,
    ),
    Claim(
        "Only k orthogonal directions fit into k dimensions, hence only k features.",
        COURSE,
        f"Random directions kept greedily in {ROOM} dimensions with |u·v| ≤ {DELTA:g}.",
        only_k_directions,
    ),
    Claim(
        "Sign matrices keep distances worse than Gaussian ones.",
        "a common worry; against Achlioptas 2003",
        f"Root mean square of distortion − 1 over {FEW_DRAWS} draws, k = {FEW_K}, {FEW_POINTS} points.",
        signs_are_worse,
    ),
    Claim(
        "The more dimensions the points have, the more dimensions k must stay.",
        COURSE,
        f"Spread of the distortions at the same k, over {FEW_DRAWS} draws, interval within ± {100 * ALIKE:.0f} %.",
        dimension_matters,
    ),
    Claim(
        "The bound says how many dimensions a task on real pictures needs.",
        COURSE,
        "1-nearest-neighbour accuracy on the held-out digits, after projection to k = 32 and before.",
        bound_says_what_is_needed,
    ),
    Claim(
        "In many dimensions two random directions are nearly orthogonal: within about 1/√d of a right angle.",
        COURSE,
        f"{directions.VECTORS * (directions.VECTORS - 1) // 2:,} pairs; ratio to 1/√d within ± {100 * ALIKE:.0f} %.",
        right_angles,
    ),
)
