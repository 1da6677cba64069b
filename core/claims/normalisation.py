"""Claims about normalisations, decided at once by a demo."""

from __future__ import annotations

import numpy as np

from core.claims.evidence import Claim, Evidence, Finding, Word
from core.demos import normalisation as demo
from core.demos.normalisation import NormalisationConfig

COURSE = "course material"
EXACT = 1e-9
BATCH, LAYER = (2.5, 2.5), (2.8333, 2.6667, 2.5, 2.0)
BATCH_VARIANCE, LAYER_VARIANCE = (1.0833, 1.4167), (1.1389, 1.2222, 0.9167, 1.3333)
DRAWS = 20
ENOUGH = 0.1  # of a standard deviation: an error of the output below this is none to speak of


def worked_example(evidence: Evidence) -> Finding:
    """The course's numbers on its tensor, whatever the form says."""
    x, _ = demo.read(demo.EXAMPLE)
    ours = [demo.statistics(x, demo.sets(kind, (4, 2, 3))) for kind in ("batch", "layer")]
    wanted = [(BATCH, BATCH_VARIANCE), (LAYER, LAYER_VARIANCE)]
    off = max(
        float(np.abs(found - said).max())
        for pair, saids in zip(ours, wanted, strict=True)
        for found, said in zip(pair, saids, strict=True)
    )
    because = f"Batch: means {_list(ours[0][0])}; layer: {_list(ours[1][0])}. Largest difference {off:.1e}."
    return Finding("supported" if off < 1e-4 else "contradicted", because)


def layer_ignores_the_batch(evidence: Evidence) -> Finding:
    """Whether the first sample's output changes when the last sample does."""
    x = demo.read(_config(evidence).tensor)[0]
    if len(x) < 2:
        return Finding("cannot tell", "The tensor has a single sample. Write another one.")
    other = x.copy()
    other[-1] += np.arange(x[-1].size).reshape(x[-1].shape) + 1.0
    moved = {
        kind: float(np.abs(demo.normalise(other, kind)[0] - demo.normalise(x, kind)[0]).max())
        for kind in demo.KINDS[:3]
    }
    said = ", ".join(f"{kind} norm {by:.3g}" for kind, by in moved.items())
    word: Word = "supported" if max(moved["layer"], moved["instance"]) < EXACT < moved["batch"] else "contradicted"
    return Finding(word, f"The last sample was changed; the first one's output moves by: {said}.")


def group_is_both(evidence: Evidence) -> Finding:
    """Group norm with one group against layer norm, with as many groups as channels against instance norm."""
    x = demo.read(_config(evidence).tensor)[0]
    off = [
        float(np.abs(demo.normalise(x, "group", groups) - demo.normalise(x, kind)).max())
        for groups, kind in zip((1, x.shape[1]), demo.KINDS[1:3], strict=True)
    ]
    because = (
        f"Largest differences on the form's tensor: {off[0]:.1e} from layer norm, {off[1]:.1e} from instance norm."
    )
    return Finding("supported" if max(off) < EXACT else "contradicted", because)


def variance_is_one(evidence: Evidence) -> Finding:
    """The variance of the outputs of each set, which ε makes σ²/(σ² + ε)."""
    config = _config(evidence)
    found = demo.look(config)
    groups = len(found.names) // found.x.shape[0] if config.kind == "group" else 1
    shape = found.x.shape
    members = demo.sets(config.kind, (shape[0], shape[1], shape[2]), groups)
    made = demo.statistics(found.output, members)[1]
    expected = found.variance / (found.variance + demo.EPSILON)
    because = (
        f"Variances of the outputs from {made.min():.7f} to {made.max():.7f}; σ²/(σ² + ε) gives {expected.min():.7f} "
        f"to {expected.max():.7f}, ε = 10⁻⁵."
    )
    return Finding("supported" if np.abs(made - 1).max() < EXACT else "contradicted", because)


def running_is_good_enough(evidence: Evidence) -> Finding:
    """The output's error at the end of the form's drift, over several draws, less what it is without any drift."""
    config = _config(evidence)
    errors = [demo.drifting(config.momentum, config.drift, draw).error[demo.MOVING - 1] for draw in range(DRAWS)]
    mean, error = float(np.mean(errors)), float(np.std(errors, ddof=1) / np.sqrt(DRAWS))
    because = (
        f"Drift {config.drift:g} a batch, m = {config.momentum:g}: at the end of the drift outputs are off by "
        f"{mean:.3f} ± {error:.3f} (standard error, n = {DRAWS} draws); the formula's lag is "
        f"{abs(demo.expected_lag(config.momentum, config.drift)[demo.MOVING - 1]):.3f}."
    )
    if abs(mean - ENOUGH) < 2 * error:
        return Finding("cannot tell", because)
    return Finding("supported" if mean < ENOUGH else "contradicted", because)


def _config(evidence: Evidence) -> NormalisationConfig:
    return evidence.config if isinstance(evidence.config, NormalisationConfig) else NormalisationConfig()


def _list(values: np.ndarray) -> str:
    return " ".join(f"{one:.4f}" for one in values)


CLAIMS = (
    Claim(
        "On the course's tensor batch norm has the means 2.5 and 2.5, layer norm 2.8333, 2.6667, 2.5 and 2.",
        COURSE,
        "The formulas with the source's numbers; variances, too.",
        worked_example,
    ),
    Claim(
        "With layer norm a sample's output does not depend on the samples beside it; with batch norm it does.",
        "Ba et al. 2016",
        "The first sample's output when the last one changes, on the form's tensor.",
        layer_ignores_the_batch,
    ),
    Claim(
        "Group norm is layer norm with one group and instance norm with a group a channel.",
        "Wu & He 2018",
        "Largest differences on the form's tensor.",
        group_is_both,
    ),
    Claim(
        "What is normalised has variance 1.",
        COURSE,
        "The variance of each set's outputs, against 1 and against σ²/(σ² + ε).",
        variance_is_one,
    ),
    Claim(
        "At test time running statistics stand in for those of the batch.",
        "Ioffe & Szegedy 2015",
        f"Mean |error| of outputs at the end of the form's drift, below {ENOUGH:g} standard deviations.",
        running_is_good_enough,
    ),
)
