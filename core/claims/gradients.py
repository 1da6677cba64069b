"""Claims about vanishing and exploding gradients, the wrong ones included. Each is decided at once by a demo.

Sources: course material; Pascanu et al., ICML 2013.
"""

from __future__ import annotations

import math

import numpy as np

from core.claims.evidence import Claim, Evidence, Finding
from core.demos import backpropagation as back
from core.demos import gradients as demo
from core.demos import jacobians
from core.demos.gradients import GradientsConfig

COURSE, GUESS = "course material", "a common guess"
SEEDS = range(20)
QUARTER = GradientsConfig(sigma=0.25, units=8, steps=20)
SAME = 1e-9  # of two logarithms
CLOSE = 1e-9  # of gradients by hand and by autograd, relative


def bound_is_met(evidence: Evidence) -> Finding:
    """The measured σ_max against (1/16)^{n−1}, over draws of W with σ_max(W) = 1/4."""
    gaps = [_gap(QUARTER.model_copy(update={"seed": seed})) for seed in SEEDS]
    met = _gap(QUARTER.model_copy(update={"matrix": "orthogonal", "centred": True}))
    because = (
        f"Sigmoid, 8 units, σ_max(W) = 1/4, n = 20, {len(gaps)} draws of W: log₁₀ of the measured σ_max over (1/16)¹⁹ "
        f"is from {min(gaps):.2f} to {max(gaps):.2f}. It is {abs(met):.1g} with an orthogonal W/σ_max and every "
        "pre-activation held at 0: there = is met, else only ≤ holds."
    )
    return Finding("supported" if max(map(abs, gaps)) < SAME else "contradicted", because)


def bound_holds(evidence: Evidence) -> Finding:
    """Whether any curve lies above its bound, with the form's W and other draws of it."""
    config = _config(evidence)
    worst = -math.inf
    for seed in (config.seed, *SEEDS):
        found = jacobians.decay(config.model_copy(update={"seed": seed}))
        for name, logs in found.logs.items():
            worst = max(worst, float((logs - found.bounds[name])[1:].max()))
    because = (
        f"σ_max(W) = {config.sigma:g}, {config.units} units, n to {config.steps}, {len(SEEDS) + 1} draws, three "
        f"activations: the largest measured / bound is {10**worst:.6f}."
    )
    return Finding("supported" if worst < SAME else "contradicted", because)


def vanishing_is_certain(evidence: Evidence) -> Finding:
    """Chains of ReLUs with weights that are all positive, and larger than 1 on average."""
    found = demo.draws(20, 3.0, True, 1.0, 0)
    dead = demo.draws(10, 3.0, False, 1.0, 0)
    because = (
        f"20 layers, |w| with σ = 3: no unit is dead and the mean of log₁₀ |df/dx| is {found.mean:.2f} (formula "
        f"{found.expected:.2f}): it explodes. Of 10 layers with signs {100 * dead.dead:.2f} % of {len(dead.logs):,} "
        "draws are exactly 0: a dead unit is likely, not certain."
    )
    return Finding("contradicted" if found.mean > 0 else "supported", because)


def sigma_one_is_neutral(evidence: Evidence) -> Finding:
    """E ln|w| of a standard normal weight."""
    found = demo.draws(50, 1.0, True, 1.0, 0)
    even = demo.draws(50, demo.EVEN, True, 1.0, 0)
    because = (
        f"50 positive weights with σ = 1: the mean of log₁₀ ∏|w| is {found.mean:.2f} ± {found.error:.2g} (formula "
        f"{found.expected:.2f}), though E w² = 1. It is {even.mean:.2f} ± {even.error:.2g} at σ = {demo.EVEN:.3f}."
    )
    return Finding("contradicted" if abs(found.mean) > 4 * found.error else "supported", because)


def formulas_are_autograds(evidence: Evidence) -> Finding:
    """Every gradient of the way back, with the form's numbers."""
    found = back.solve(back.read(_config(evidence))[0])
    worst = max(step.difference for step in found.steps)
    size = max(float(np.abs(one).max()) for step in found.steps for one in step.autograd.values())
    because = (
        f"{len(found.steps)} steps back; the largest difference from autograd is {worst:.1e}, of gradients up to "
        f"{size:.3g}."
    )
    return Finding("supported" if worst <= CLOSE * max(size, 1.0) else "contradicted", because)


def _gap(config: GradientsConfig) -> float:
    found = jacobians.decay(config)
    return float(found.logs["sigmoid"][-1] - found.source[-1])


def _config(evidence: Evidence) -> GradientsConfig:
    config = evidence.config
    return config if isinstance(config, GradientsConfig) else GradientsConfig()


CLAIMS = (
    Claim(
        "In a sigmoid RNN with σ_max(W) = 1/4 the Jacobian's largest singular value is (1/16)ⁿ⁻¹.",
        COURSE,
        "log₁₀ of the measured σ_max(∂xₙ/∂x₁) over (1/16)ⁿ⁻¹, over draws of W.",
        bound_is_met,
    ),
    Claim(
        "σ_max(∂xₙ/∂x₁) is at most (max φ′ · σ_max(W))ⁿ⁻¹.",
        "Pascanu et al., ICML 2013",
        "The same ratio for the sigmoid, tanh and ReLU with the form's W, at every n.",
        bound_holds,
    ),
    Claim(
        "In a deep chain of ReLUs the gradient is certain to vanish.",
        GUESS,
        "Mean of log₁₀ |df/dx| over chains of positive weights, and the share that is exactly 0.",
        vanishing_is_certain,
    ),
    Claim(
        "Weights of variance 1 keep the size of a chain's gradient.",
        GUESS,
        "Mean of log₁₀ ∏|w| against 0, in standard errors, and against the closed form.",
        sigma_one_is_neutral,
    ),
    Claim(
        "The gradient by hₜ is its own step's plus (∂hₜ₊₁/∂hₜ)ᵀ times that by hₜ₊₁; by W and U it sums over time.",
        COURSE,
        "Every gradient by the formulas against autograd's, with the form's numbers.",
        formulas_are_autograds,
    ),
)
