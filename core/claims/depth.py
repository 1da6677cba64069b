"""Claims about depth and residual connections, the wrong ones included, each with the measurement that decides it.

Sources: He et al. 2015; course material that explains the paper.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.claims.evidence import Claim, Evidence, Finding, higher, missing, near
from core.experiments.depth import RATIO, DepthConfig, build
from core.statistics import LEAST_SEEDS, spread

PAPER = "He et al. 2015"
COURSE = "course material"
TRAINING, TEST = "training error", "test error"
SHALLOW, DEEP = 20, 56
WORSE = 2.0  # points of error that a deeper net may have more and still not count as worse
ALIVE, DYING = 0.03, 0.01  # of the gradient of the last stage, in the first one


def plain_degrades(evidence: Evidence) -> Finding:
    """The deeper plain net against the shallower one."""
    deep, shallow = _errors(evidence, DEEP, False), _errors(evidence, SHALLOW, False)
    return higher(deep, shallow, (f"plain, {DEEP} layers:", f"plain, {SHALLOW} layers:"))


def residual_does_not(evidence: Evidence) -> Finding:
    """The same for residual nets: no more than WORSE points worse, seed by seed."""
    deep, shallow = _errors(evidence, DEEP, True), _errors(evidence, SHALLOW, True)
    if not deep or not shallow:
        return missing(f"residual with {DEEP if not deep else SHALLOW} layers")
    worse = {seed: deep[seed] - shallow[seed] for seed in deep if seed in shallow}
    because = (
        f"Training error: residual {DEEP} {_in_words(deep)}, residual {SHALLOW} {_in_words(shallow)}; deeper minus "
        f"shallower {_in_words(worse, 'points')}."
    )
    if len(worse) < LEAST_SEEDS:
        return Finding("cannot tell", f"{because} At least {LEAST_SEEDS} seeds that both have are needed.")
    verdict = near(worse, high=WORSE)
    if verdict is None:
        return Finding("cannot tell", f"{because} The interval reaches to both sides of {WORSE:g} points.")
    return Finding("supported" if verdict else "contradicted", f"{because} The bar is {WORSE:g} points more.")


def deeper_residual_generalises(evidence: Evidence) -> Finding:
    """On held-out pictures."""
    shallow, deep = (evidence.scores(TEST, layers=layers, **_NORMED, residual=True) for layers in (SHALLOW, DEEP))
    return higher(shallow, deep, (f"residual, {SHALLOW} layers:", f"residual, {DEEP} layers:"))


def more_parameters(evidence: Evidence) -> Finding:
    """Counted, with the settings of the form."""
    config = evidence.config
    assert isinstance(config, DepthConfig)
    plain, residual = (
        sum(one.numel() for one in build(config.model_copy(update={"residual": kind})).parameters())
        for kind in (False, True)
    )
    because = f"{config.layers} layers of width {config.width}: plain {plain:,} parameters, residual {residual:,}."
    return Finding("contradicted" if plain == residual else "supported", because)


def gradients_die(evidence: Evidence) -> Finding:
    """Whether little of the last stage's gradient is left in the first stage of the deep plain net, with batch norm."""
    plain = evidence.scores(RATIO, layers=DEEP, **_NORMED, residual=False)
    if not plain:
        return missing(f"plain with {DEEP} layers")
    others = {
        f"residual {DEEP}": evidence.scores(RATIO, layers=DEEP, **_NORMED, residual=True),
        f"plain {SHALLOW}": evidence.scores(RATIO, layers=SHALLOW, **_NORMED, residual=False),
    }
    beside = "; ".join(f"{name} {_in_words(values, '')}" for name, values in others.items() if values)
    because = f"First over last stage: plain {DEEP} {_in_words(plain, '')}" + (f"; {beside}." if beside else ".")
    decades = _logarithms(plain)  # ratios spread over decades
    if near(decades, low=math.log10(ALIVE)):
        return Finding("contradicted", f"{because} The gradient arrives; something else makes it hard.")
    return Finding("supported" if near(decades, high=math.log10(DYING)) else "cannot tell", because)


def batch_norm_keeps_them_alive(evidence: Evidence) -> Finding:
    """The same ratio, with and without batch normalisation, on a logarithmic scale: it spans decades."""
    normed, bare = (
        _logarithms(evidence.scores(RATIO, layers=DEEP, batch_norm=kind, residual=False)) for kind in (True, False)
    )
    found = higher(normed, bare, ("log₁₀ of first over last stage: with batch norm", "without it"))
    return (
        found if normed and bare else missing(f"plain with {DEEP} layers, {'without' if normed else 'with'} batch norm")
    )


_NORMED: dict[str, object] = {"batch_norm": True}


def _errors(evidence: Evidence, layers: int, residual: bool) -> Mapping[int, float]:
    return evidence.scores(TRAINING, layers=layers, residual=residual, **_NORMED)


def _logarithms(values: Mapping[int, float]) -> dict[int, float]:
    return {seed: math.log10(value) for seed, value in values.items() if value > 0}


def _in_words(values: Mapping[int, float], unit: str = "%") -> str:
    return spread(list(values.values())).with_unit(unit)


CLAIMS = (
    Claim(
        f"Deeper plain nets have the higher training error: {DEEP} layers train worse than {SHALLOW}.",
        PAPER,
        "Training error at the end, with batch norm, the other settings of the form.",
        plain_degrades,
    ),
    Claim(
        "With residual connections deeper nets do not train worse.",
        PAPER,
        f"Training error of residual {DEEP} minus that of residual {SHALLOW}, seed by seed.",
        residual_does_not,
    ),
    Claim(
        f"A residual net of {DEEP} layers has the lower test error than one of {SHALLOW}.",
        PAPER,
        "Test error at the end, on held-out pictures.",
        deeper_residual_generalises,
    ),
    Claim(
        "Residual nets train better because they have more parameters.",
        "a common guess",
        "Both nets are built and their parameters counted.",
        more_parameters,
    ),
    Claim(
        "Deep plain nets train worse because their gradients die on the way to the first layers.",
        COURSE,
        "Gradient norm of the first stage over that of the last, in the last epoch, with batch norm. Above "
        f"{ALIVE:g} it arrives, below {DYING:g} it dies.",
        gradients_die,
    ),
    Claim(
        "Batch normalisation keeps the gradients of deep plain nets alive.",
        PAPER,
        "The same ratio of a plain net with batch norm against one without.",
        batch_norm_keeps_them_alive,
    ),
)
