"""Claims about truncated backpropagation through time, the wrong ones included, with what decides each.

Sources: Williams & Peng 1990; Hochreiter & Schmidhuber 1997; Pascanu et al., ICML 2013.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.claims.evidence import Claim, Evidence, Finding, missing, near
from core.devices import one_thread
from core.experiments.bptt import BpttConfig
from core.queries.bptt import CUES, clipped
from core.statistics import LEAST_SEEDS, legible, spread

ACCURACY, COSINE, RATIO = "test accuracy", "gradient cosine", "gradient norm ratio"
NAMES = {"rnn": "RNN", "lstm": "LSTM"}
SHORT = 8  # a window, where the lag is longer
LONG = 60  # a lag
LEARNT, GUESSED = 95.0, 30.0  # % right; guessing is right in 25
ALIKE, APART = 0.999, 0.99  # cosines


def unbiased(evidence: Evidence) -> Finding:
    """Both gradients, by the same sequences and the same weights, of RNN and LSTM."""
    if _config(evidence).lag <= SHORT:
        return _short_lag(evidence)
    found = {name: evidence.scores(COSINE, cell=cell, window=SHORT) for cell, name in NAMES.items()}
    found = {name: values for name, values in found.items() if values}
    if not found:
        return missing(f"any net with window {SHORT}")
    ratios = {name: evidence.scores(RATIO, cell=cell, window=SHORT) for cell, name in NAMES.items()}
    said = [f"{name}: cosine {_in_words(one)}, norm {_in_words(ratios[name])} times" for name, one in found.items()]
    because = f"Window {SHORT}. {'; '.join(said)}. Both are of the same sequences, so this is no noise of sampling."
    apart = [near(one, high=APART) for one in found.values()]
    alike = [near(one, low=ALIKE) for one in found.values()]
    return _by(all(alike) or None, any(apart) or None, because, min(map(len, found.values())))


def short_learns_nothing(evidence: Evidence) -> Finding:
    """Accuracy of the RNN with a window shorter than the lag."""
    if _config(evidence).lag <= SHORT:
        return _short_lag(evidence)
    found = evidence.scores(ACCURACY, cell="rnn", window=SHORT)
    lstm = evidence.scores(ACCURACY, cell="lstm", window=SHORT)
    if not found:
        return missing(f"the RNN with window {SHORT}")
    seeds = ", ".join(f"{legible(one)}" for one in found.values())
    because = f"RNN, window {SHORT}: {_in_words(found, '%')}, seed by seed {seeds} %; guessing: {100 / CUES:g} %."
    if lstm:
        because += f" LSTM, window {SHORT}: {_in_words(lstm, '%')}: its state carries the cue on by itself."
    most, some = min(max(found.values()), 100.0), any(one > 40 for one in (*found.values(), *lstm.values()))
    if some and len(found) >= LEAST_SEEDS:
        return Finding("contradicted", f"{because} At least one net of these has learnt something.")
    return Finding("supported" if most < GUESSED and len(found) >= LEAST_SEEDS else "cannot tell", because)


def lag_is_enough(evidence: Evidence) -> Finding:
    """Accuracy with a window as long as the lag."""
    lag = _config(evidence).lag
    found = evidence.scores(ACCURACY, cell="rnn", window=lag)
    if not found:
        return missing(f"the RNN with window {lag}")
    because = f"RNN, lag {lag}, window {lag}: {_in_words(found, '%')}. The bar is {LEARNT:g} %."
    return _by(near(found, low=LEARNT), near(found, high=LEARNT), because, len(found))


def clipping_cures_vanishing(evidence: Evidence) -> Finding:
    """The full gradient of an untrained net before and after clipping."""
    config = _config(evidence).model_copy(update={"lag": max(15, _config(evidence).lag)})
    with one_thread():
        found = clipped(config)
    because = (
        f"An untrained net, lag {config.lag}: the gradient's norm is {found.norms[0]:.3g} before and "
        f"{found.norms[1]:.3g} after clipping at half of it, its direction the same (cosine {found.cosine:.6f}). "
        f"Clipping only ever shortens. Of what stands at the answer {found.arriving:.1e} arrives at the cue, with it "
        "or without. It is a remedy for gradients that explode."
    )
    return Finding("contradicted" if found.norms[1] <= found.norms[0] * (1 + 1e-9) else "supported", because)


def lstm_learns_any_lag(evidence: Evidence) -> Finding:
    """An LSTM with a long lag and the full gradient."""
    found = evidence.scores(ACCURACY, cell="lstm", lag=LONG, window=LONG)
    if not found:
        return missing(f"the LSTM with lag and window {LONG}")
    config = _config(evidence)
    bias = config.forget_bias if config.cell == "lstm" else BpttConfig().forget_bias
    because = (
        f"LSTM, lag {LONG}, full gradient, forget gate's bias {bias:g}, {config.epochs} epochs: "
        f"{_in_words(found, '%')}; guessing: {100 / CUES:g} %."
    )
    return _by(near(found, low=LEARNT), near(found, high=LEARNT), because, len(found))


def _by(yes: bool | None, no: bool | None, because: str, seeds: int) -> Finding:
    if yes:
        return Finding("supported", because)
    if no:
        return Finding("contradicted", because)
    few = (
        f" At least {LEAST_SEEDS} seeds are needed." if seeds < LEAST_SEEDS else " The interval reaches to both sides."
    )
    return Finding("cannot tell", because + few)


def _short_lag(evidence: Evidence) -> Finding:
    lag = _config(evidence).lag
    return Finding("cannot tell", f"The form's lag is {lag}: choose one above {SHORT}, the window that is looked at.")


def _config(evidence: Evidence) -> BpttConfig:
    config = evidence.config
    assert isinstance(config, BpttConfig)
    return config


def _in_words(values: Mapping[int, float], unit: str = "") -> str:
    return spread(list(values.values())).with_unit(unit)


CLAIMS = (
    Claim(
        "Truncated backpropagation gives an unbiased estimate of the gradient.",
        "a common guess",
        f"Cosine of the truncated (window {SHORT}) and the full gradient of the recurrent layer on 256 fixed "
        f"sequences, after training. Above {ALIKE:g} they are alike, below {APART:g} apart; one net apart contradicts.",
        unbiased,
    ),
    Claim(
        "With a window shorter than the lag nothing can be learnt.",
        "a common guess",
        f"Accuracy on fresh sequences with window {SHORT}. One net above 40 % contradicts.",
        short_learns_nothing,
    ),
    Claim(
        "A window as long as the lag is enough.",
        "a common guess",
        "Accuracy on fresh sequences of the RNN, with the form's lag as window.",
        lag_is_enough,
    ),
    Claim(
        "Clipping the gradient cures vanishing.",
        "a common guess",
        "The gradient of an untrained net before and after clipping, and what of it arrives at the cue.",
        clipping_cures_vanishing,
    ),
    Claim(
        "An LSTM learns any lag.",
        "a common guess",
        f"Accuracy of an LSTM at lag {LONG} with the full gradient and the form's other settings.",
        lstm_learns_any_lag,
    ),
)
