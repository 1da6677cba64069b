"""Claims about dropout's penalty and about least norm, decided at once by a demo."""

from __future__ import annotations

import numpy as np

from core.claims.evidence import Claim, Evidence, Finding
from core.demos import regularisation as demo
from core.demos.regularisation import METHODS, RegularisationConfig, System

COURSE = "course material"
ERRORS = 4.0  # standard errors within which Monte Carlo may lie
CLOSE = 1e-6
DRAWS = 20_000


def dropout_is_a_penalty(evidence: Evidence) -> Finding:
    """Monte Carlo against the closed form, with the form's numbers."""
    config = _config(evidence)
    found = demo.dropped(demo.problem(config), config.keep, config.seed, DRAWS)
    apart = abs(found.measured - found.formula)
    because = (
        f"p = {config.keep:g}: formula {found.formula:.4f}, measured {found.measured:.4f} ± {found.error:.4f} "
        f"(standard error, n = {DRAWS:,})."
    )
    return Finding("supported" if apart <= ERRORS * found.error + CLOSE else "contradicted", because)


def penalty_is_plain(evidence: Evidence) -> Finding:
    """Whether ‖Γw‖² is a multiple of ‖w‖² for every w: only where all columns are equally long."""
    lengths = demo.gamma(demo.problem(_config(evidence)).x)
    because = f"Lengths of X's columns, the diagonal of Γ: {' '.join(f'{one:.4g}' for one in lengths)}."
    return Finding("supported" if np.ptp(lengths) < CLOSE else "contradicted", because)


def descent_from_0(evidence: Evidence) -> Finding:
    """How far from X⁺y gradient descent ends in 20 unknowns."""
    one = _large(evidence)
    end = demo.ending(one, demo.descend(one, np.zeros(demo.UNKNOWNS)).end)
    because = f"It ends {end.distance:.1e} from X⁺y, with ‖Xw − y‖ = {end.residual:.1e}. {' '.join(one.notes)}".strip()
    return Finding("supported" if end.distance < CLOSE else "contradicted", because)


def descent_from_anywhere(evidence: Evidence) -> Finding:
    """The same from elsewhere."""
    config = _config(evidence)
    one, path = _large(evidence), demo.races(config.seed, config.rows)[f"{METHODS[0]}, from elsewhere"]
    end = demo.ending(one, path.end)
    off = float(np.linalg.norm(path.end - demo.limit(one, path.places[0])))
    because = (
        f"It ends {end.distance:.3f} from X⁺y with ‖Xw − y‖ = {end.residual:.1e}, and {off:.1e} from "
        "X⁺y + (I − X⁺X)w₀: the part of the start that no row reaches stays."
    )
    return Finding("supported" if end.distance < CLOSE else "contradicted", because)


def every_method(evidence: Evidence) -> Finding:
    """Gradient descent, momentum and Adam from 0."""
    one = _large(evidence)
    ends = {name: demo.ending(one, demo.descend(one, np.zeros(demo.UNKNOWNS), name).end) for name in METHODS}
    said = "; ".join(
        f"{name}: {end.distance:.1e} from X⁺y, ‖Xw − y‖ = {end.residual:.1e}" for name, end in ends.items()
    )
    far = [name for name, end in ends.items() if end.distance >= CLOSE]
    because = f"{said}. Adam divides each entry by a scale of its own, and so leaves the span of the rows."
    return Finding("contradicted" if far else "supported", because)


def _config(evidence: Evidence) -> RegularisationConfig:
    return evidence.config if isinstance(evidence.config, RegularisationConfig) else RegularisationConfig()


def _large(evidence: Evidence) -> System:
    config = _config(evidence)
    return demo.large(config.seed, config.rows)


CLAIMS = (
    Claim(
        "E‖y − (X⊙R)w‖² = ‖y − pXw‖² + p(1 − p)‖Γw‖², p the probability of keeping.",
        "Srivastava et al. 2014",
        f"Monte Carlo with the form's numbers, within {ERRORS:g} standard errors.",
        dropout_is_a_penalty,
    ),
    Claim(
        "Dropout is L2 regularisation: it shrinks all weights alike.",
        COURSE,
        "The diagonal of Γ on the form's X: all equal, or not.",
        penalty_is_plain,
    ),
    Claim(
        "Gradient descent from 0 ends at the solution of least norm.",
        COURSE,
        f"{demo.EQUATIONS} equations in {demo.UNKNOWNS} unknowns, {demo.STEPS} steps: the distance from X⁺y.",
        descent_from_0,
    ),
    Claim(
        "It does so wherever it begins.",
        "a common mistake",
        "The same from a random start.",
        descent_from_anywhere,
    ),
    Claim(
        "Every gradient method from 0 ends there.",
        "a common mistake",
        "Momentum 0.9 and Adam beside gradient descent.",
        every_method,
    ),
)
