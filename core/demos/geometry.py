"""The geometry lab's settings: random projections, almost-orthogonal vectors, angles in many dimensions.

What they show is worked out in core.demos.projections, .directions and .neighbours.
"""

from __future__ import annotations

from core.config import Config, knob
from core.contract import Demo
from core.demos.projections import MOST_POINTS, Cloud, Kind

KINDS: dict[Kind, str] = {
    "gaussian": "Gaussian: N(0, 1)",
    "sign": "signs: ±1",
    "sparse": "sparse: two thirds zeros (s = 3)",
    "very_sparse": "very sparse: one number in √d (s = √d)",
}
CLOUDS: dict[Cloud, str] = {"gaussian": "Gaussian cloud", "axes": "basis vectors e₁, …, eₙ"}


class GeometryConfig(Config):
    """What the lab's projection and its sections show."""

    matrix: Kind = knob(
        "gaussian", "Matrix M", labels=KINDS, help="Independent numbers of mean 0 and variance 1, all divided by √k."
    )
    cloud: Cloud = knob(
        "gaussian", "Points", labels=CLOUDS, help="Basis vectors have all of their length in one number."
    )
    points: int = knob(50, "Points n", ge=2, le=MOST_POINTS, help="A lemma about distances needs two at least.")
    dimension: int = knob(300, "Dimensions d", ge=1, le=2000, help="Of the points.")
    k: int = knob(126, "Dimensions k after", ge=1, le=2000, help="M is k × d. Nothing is reduced with k above d.")
    epsilon: float = knob(0.5, "Distortion ε", ge=0.05, le=0.95, help="Squared distances may change by ± ε, relative.")
    draws: int = knob(30, "Draws of M", ge=3, le=200, help="Of which the share that holds is counted.")
    seed: int = knob(0, "Seed", ge=0, le=10**6, help="Of points, matrices and directions.")
    # Drawn beside what they change, not in the form:
    room: int = knob(64, "Dimensions k", ge=2, le=512, group="view", help="In which the vectors have to fit.")
    count: int = knob(100, "Vectors N", ge=2, le=300, group="view")
    delta: float = knob(0.5, "Almost orthogonal: |u·v| ≤ δ", ge=0.1, le=0.9, group="view")
    angle: int = knob(30, "Dimensions d", ge=2, le=500, group="view", help="Of the random vectors.")


DEMO = Demo(
    key="geometry",
    lab="geometry",
    title="Geometry of many dimensions",
    question="How few dimensions keep all distances, and how many directions fit into them?",
    source="Johnson & Lindenstrauss 1984; Dasgupta & Gupta 2003; Achlioptas 2003",
    config=GeometryConfig,
)
