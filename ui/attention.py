"""The attention lab's parts: linked matrices with the arithmetic of a cell, and the sections under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import streamlit as st

from core.contract import Demo
from core.demos import attention, equivalences, features, scaling
from core.demos.attention import AttentionConfig
from core.demos.attention_by_hand import MATRICES, Matrix, by_hand, matrices
from core.figures import attention as figures
from core.figures import equivalences as equal
from core.statistics import true_minus
from ui.form import Settings, knob_here, knobs_here
from ui.plot import Point, clickable, newly_clicked, plot

PICK, ROW, COLUMN = "attention:matrix", "attention:row", "attention:column"
UPPER, LOWER = MATRICES[:3], MATRICES[3:]
UPPER_CHART, LOWER_CHART = "attention q k v", "attention scores"
TOKEN_PX = 13
FAILING = ("dot", "odd", "plain_cosine", "polynomial")


@dataclass(frozen=True)
class Explorer:
    """Everything of the page but its order. settings: what the form says."""

    topic: Demo
    words: Mapping[str, str]
    settings: Settings = field(default_factory=lambda: Settings(AttentionConfig(), ()))

    @property
    def config(self) -> AttentionConfig:
        """The form's."""
        return cast(AttentionConfig, self.settings.config)

    # --- the matrices

    def explore(self) -> None:
        """Q, K, V, scores, weights and output; the cell that was clicked or chosen, by hand."""
        seen = attention.look(self.config)
        for note in seen.notes:
            st.info(note)
        if self.config.tokens == "sentence" and not self.config.sentence.split():
            st.caption("An example sentence; type your own.")
        shown = matrices(seen)
        matrix, row, column = _chosen({name: values.shape for name, values in shown.items()})
        lit = _lit(matrix, row, column)
        upper = figures.matrices({name: shown[name] for name in UPPER}, seen.names, outlined=lit, share=True)
        titles = {"scores": f"scores ({seen.score})", "weights": "weights", "output": "output"}
        lower = figures.matrices(
            {titles[name]: shown[name] for name in LOWER},
            seen.names,
            weights=("weights",),
            pairs=(titles["scores"], "weights"),
            outlined={titles[name]: lit[name] for name in LOWER if name in lit},
        )
        tall = TOKEN_PX * len(seen.names)  # so that every word has room
        clickable(upper, UPPER_CHART, height=max(250, tall + 90))
        clickable(lower, LOWER_CHART, height=max(300, tall + 100), caption=self.words["matrices"])
        self._cell(matrix, row, column, shown)
        st.markdown(_in_short(self.config, seen))

    def _cell(self, matrix: Matrix, row: int, column: int, shown: Mapping[Matrix, np.ndarray]) -> None:
        places = st.columns(3)
        places[0].selectbox("Cell of", MATRICES, key=PICK, help="Or click a cell above.")
        height, width = shown[matrix].shape
        places[1].number_input("Row", 0, height - 1, key=ROW)
        places[2].number_input("Column", 0, width - 1, key=COLUMN)
        names = attention.look(self.config).names
        pair = f"row {row}: {names[row]}"
        if matrix in ("scores", "weights"):
            pair += f"; column {column}: {names[column]}"
        st.code("\n".join([pair, *by_hand(self.config, matrix, row, column)]), language=None, wrap_lines=True)

    # --- what it does, in numbers

    def rows(self) -> None:
        """Entropy of each row."""
        seen = attention.look(self.config)
        top = float(np.log(len(seen.names)))
        figure = figures.by_token({"entropy": seen.entropy}, seen.names, "Entropy of the row (nats)", ("ln n", top))
        plot(figure, "attention entropy", height=240, caption=self.words["rows"])

    def gradients(self) -> None:
        """Norms of autograd's gradients."""
        seen = attention.look(self.config)
        found = dict(zip(figures.PARTS, seen.gradients, strict=True))
        plot(figures.by_token(found, seen.names, "‖gradient of ½‖output‖²‖"), "attention gradients", height=240)
        st.caption(self.words["gradients"])

    def forms(self) -> None:
        """Both forms' outputs and their difference."""
        seen = attention.look(self.config)
        if seen.through is None:
            reason = "no finite map" if seen.features is None else f"a map of {seen.features:,} numbers, not built here"
            st.info(f"This kernel has {reason}. Choose linear, quadratic, 1 + ε + cosine or FAVOR+.")
            st.caption(self.words["no map"])
            return
        found = {"n×n form": seen.output, "φ(Q)(φ(K)ᵀV)": seen.through, "difference": seen.through - seen.output}
        plot(figures.matrices(found, seen.names), "attention forms", height=280, caption=self.words["forms"])
        n, d, count = *seen.v.shape, seen.features or 0
        st.markdown(
            f"Largest difference, relative: {_rounding(seen.difference)}. C = {count:,} features; "
            f"multiplications: n²·2d = {2 * n * n * d:,} against n·2Cd = {2 * n * count * d:,} (mapping not counted)."
        )

    def random_features(self) -> None:
        """FAVOR+'s error over the number of features."""
        found = features.favor_errors(_plain(self.config))
        plot(figures.favor_errors(found), "attention favor", height=280, curves=True, caption=self.words["favor"])

    # --- the sections

    def temperature(self) -> None:
        """The worked example, and the form's tokens at every temperature."""
        left, right = st.columns([1.2, 1])
        with left:
            knob_here(self.topic, self.settings, "sharpness")
            hard, soft = scaling.worked(None), scaling.worked(self.config.sharpness)
            st.table(_worked_rows(hard, soft), hide_index=True)
        with right:
            plot(figures.worked(list(hard.weights), soft.weights), "attention worked", height=240)
        st.caption(self.words["worked"])
        config = _plain(self.config)
        entropies, norms = scaling.over_temperature(config)
        figure = figures.over_temperature(scaling.TEMPERATURES, entropies, norms, config.temperature)
        plot(figure, "attention temperature", height=280, caption=self.words["temperature"])

    def root(self) -> None:
        """Variance of q·k over d, and what becomes of softmax."""
        self._knobs("mean", "deviation")
        config = self.config
        found = scaling.products(config.mean, config.deviation, config.seed)
        figure = figures.variances(found.widths, found.variance, found.low, found.high, found.formula)
        plot(figure, "attention variance", height=280, caption=self.words["variance"])
        place = found.widths.index(64)
        measured, formula = found.variance[place], found.formula[place]
        st.markdown(
            f"At d = 64: E[q·k] measured {_value(found.mean[place])}, formula {found.formula_mean[place]:.4g}; "
            f"variance measured {measured:.4g} ({found.low[place]:.4g} to {found.high[place]:.4g}), formula "
            f"{formula:.4g}, difference {_signed(measured - formula)}. n = {scaling.SAMPLES:,} pairs."
        )
        sharp = scaling.sharpness(config.seed)
        left, right = st.columns(2)
        with left:
            figure = figures.over_width(sharp.entropy, found.widths, "Entropy of softmax (nats)")
            plot(figure, "attention entropy over d", height=260)
        with right:
            figure = figures.over_width(sharp.jacobian, found.widths, "‖Jacobian of softmax‖ (Frobenius)")
            plot(figure, "attention jacobian", height=260)
        st.caption(self.words["sharpness"])

    def heads(self) -> None:
        """One head of width D, and h of width D/h."""
        knob_here(self.topic, self.settings, "heads")
        found = scaling.heads(_plain(self.config, heads=self.config.heads))
        count = len(found.several)
        shown = {"one head": found.one[0], **{f"head {i + 1}": one for i, one in enumerate(found.several)}}
        names = tuple(shown)
        figure = figures.matrices(
            shown, found.names, weights=names, pairs=names, extremes=False, every=-(-len(found.names) // 12)
        )
        plot(figure, "attention heads", height=230 * -(-len(shown) // 3), caption=self.words["heads"])
        (one_rank, ranks), (one_effective, effective) = found.score_ranks, found.effective
        one_entropy, entropies = found.entropies
        st.table(
            [
                _row("width of a head", str(found.width), str(found.width // count)),
                _row("rank of the scores QKᵀ", str(one_rank), _range(ranks)),
                _row("effective rank of the weights", f"{one_effective:.2f}", _range(effective)),
                _row("independent patterns of mixing", str(found.patterns[0]), str(found.patterns[1])),
                _row("mean entropy of a row (nats)", f"{one_entropy:.2f}", _range(entropies)),
                _row("multiplications, 2n²D", *(f"{one:,}" for one in found.multiplications)),
            ],
            hide_index=True,
        )

    def signs(self) -> None:
        """Similarities that change their sign, failing."""
        found = features.sign_changes(self.config.width, self.config.seed)
        shown = {name: (one.sums, one.growth, features.positive(name)) for name, one in found.items()}
        plot(figures.signs(shown), "attention signs", height=360, caption=self.words["signs"])
        worst = {name: (one.sums.min(), one.growth.max()) for name, one in found.items()}
        st.table(
            [
                {
                    "Similarity": name,
                    "Smallest row sum, relative": f"{least:.2g}",
                    "Largest output / value": _times(most),
                }
                for name, (least, most) in worst.items()
            ],
            hide_index=True,
        )

    def convolution(self) -> None:
        """Taps by hand, and attention with their logarithms as scores."""
        self._knobs("before", "here", "after", "ends")
        config = self.config
        x = equivalences.signal(config.seed)
        found = equivalences.convolution((config.before, config.here, config.after), x, config.ends)
        figure = equal.convolution(x, found.convolved, found.attended)
        plot(figure, "attention convolution", height=280, caption=self.words["convolution"])
        if not found.heads:
            st.markdown("All taps are 0: no head is needed, and the output is 0.")
            return
        for number, head in enumerate(found.heads, start=1):
            before, here, after = (_score(one) for one in head.scores)
            st.markdown(
                f"Head {number}: scores **{before}** on the token before, **{here}** on itself, **{after}** on the one "
                f"after, −∞ elsewhere; W_Q = W_K = 0, W_V = **{_value(head.value)}**."
            )
        st.table([_at_end(found, place) for place in (0, 1, len(x) - 2, len(x) - 1)], hide_index=True)
        inside, ends = (_apart(found.difference(one)) for one in (True, False))
        st.markdown(f"Largest difference from the convolution: inside **{inside}**, at the ends **{ends}**.")

    def pooling(self) -> None:
        """Scores c²·xᵢ·xⱼ in a window: maximum, mean or minimum."""
        self._knobs("pool", "gain", "shift")
        config = self.config
        x = np.round(equivalences.signal(config.seed) + config.shift, 10)
        found = equivalences.pooling(x, config.pool, config.gain)
        figure = equal.pooling(x, found.attended, found.largest, found.mean, found.smallest)
        plot(figure, "attention pooling", height=280, caption=self.words["pooling"])
        over = equivalences.pooling_over_gain(config.seed, config.shift, config.pool)
        figure = equal.over_gain(equivalences.GAINS, over, config.gain)
        plot(figure, "attention gain", height=240)
        apart = np.abs(found.attended - found.expected)
        said = []
        for sign, name in ((1, "xᵢ > 0, the maximum"), (0, "xᵢ = 0, the mean"), (-1, "xᵢ < 0, the minimum")):
            own = apart[found.regime == sign]
            there = f"{_apart(float(own.max()))} over {own.size} tokens" if own.size else "no token; move the shift"
            said.append(f"{name}: **{there}**")
        st.markdown(f"Largest difference from the limit: {'; '.join(said)}.")

    def low_rank(self) -> None:
        """Error and time over the rank."""
        found = equivalences.low_rank(self.config.seed)
        left, right = st.columns(2)
        with left:
            plot(
                equal.low_rank_error(found.ranks, found.left_out, found.formula, found.error),
                "low rank error",
                height=300,
            )
        with right:
            times = (found.seconds, found.seconds_wrong_order, found.seconds_exact, found.seconds_factors)
            plot(equal.low_rank_seconds(found.ranks, *times), "low rank time", height=300)
        st.caption(self.words["low rank"])
        apart = float(np.abs(found.left_out - found.formula).max())
        place = found.ranks.index(16)
        st.markdown(
            f"Measured against Eckart–Young: largest difference **{apart:.1e}**. At k = 16: "
            f"{int(found.multiplications[place]):,} multiplications, 2nkd, against {found.multiplications_exact:,}; "
            f"{1e6 * found.seconds[place]:.0f} µs against {1e6 * found.seconds_exact:.0f} µs. "
            f"Finding the factors took {1e3 * found.seconds_factors:.0f} ms, and needed the whole n×n matrix first."
        )

    def _knobs(self, *names: str) -> None:
        knobs_here(self.topic, self.settings, *names)


def _plain(config: AttentionConfig, **kept: Any) -> AttentionConfig:
    """The tokens and what softmax does to them; what the form does not show counts as its default.

    So an answer is found again after another knob moved.
    """
    names = ("tokens", "sentence", "positions", "count", "width", "projections", "seed", "temperature", "scaled")
    return AttentionConfig(**{name: getattr(config, name) for name in names if config.matters(name)}, **kept)


def _chosen(shapes: Mapping[Matrix, tuple[int, ...]]) -> tuple[Matrix, int, int]:
    """The cell on show: a new click's, else what the controls say; kept within the matrix."""
    now = st.session_state
    for chart, names in ((UPPER_CHART, UPPER), (LOWER_CHART, LOWER)):
        if (cell := _cell_of(newly_clicked(chart), names)) is not None:
            now[PICK], now[ROW], now[COLUMN] = cell
    matrix: Matrix = now.setdefault(PICK, "scores")
    for key, start, size in zip((ROW, COLUMN), (1, 0), shapes[matrix], strict=True):
        now[key] = min(now.get(key, start), size - 1)
    return matrix, now[ROW], now[COLUMN]


def _cell_of(point: Point | None, names: tuple[Matrix, ...]) -> tuple[Matrix, int, int] | None:
    if point is None or point.trace >= len(names) or len(point.index) != 2:
        return None
    return names[point.trace], point.index[0], point.index[1]


def _lit(matrix: Matrix, row: int, column: int) -> dict[str, tuple[int | None, int | None]]:
    """What belongs together with a cell: heading -> row and column, None for all."""
    if matrix in ("scores", "weights"):
        ours = {"Q": (row, None), "K": (column, None), "scores": (row, column), "weights": (row, column)}
        return cast(dict[str, tuple[int | None, int | None]], {**ours, "V": (column, None), "output": (row, None)})
    if matrix == "output":
        return {"scores": (row, None), "weights": (row, None), "V": (None, column), "output": (row, column)}
    return {matrix: (row, column), **({"scores": (row, None)} if matrix == "Q" else {})}


def _in_short(config: AttentionConfig, seen: attention.Seen) -> str:
    """Ranks, row sums and outputs in a sentence or two."""
    if not np.isfinite(seen.blow_up):
        return "A row of similarities sums to 0: its weights and its output are undefined, so there is no rank to name."
    rank, effective = seen.rank
    text = f"Rank of the weights: {rank} numerically, {effective:.2f} effectively, of n = {len(seen.names)}. "
    text += f"Largest |output| is {seen.blow_up:.3g} times the largest |value|. "
    if seen.sums.min() < 0.999:
        text += f"Similarities cancel: the smallest |row sum| is {seen.sums.min():.2g} of the sum of absolute values"
        text += "; nothing bounds the output." if config.kernel in FAILING else "."
    return text


def _worked_rows(hard: scaling.Worked, soft: scaling.Worked) -> list[dict[str, str]]:
    rows = [
        {"": f"key {number}", "score q·k": f"{score:g}", "argmax": f"{one:g}", "softmax": f"{other:.4f}"}
        for number, (score, one, other) in enumerate(zip(hard.scores, hard.weights, soft.weights, strict=True), start=1)
    ]
    output = {"": "output", "score q·k": "", "argmax": _vector(hard.output), "softmax": _vector(soft.output)}
    to_q, to_k = (
        {"": f"‖gradient to {name}‖", "score q·k": "", "argmax": _norm(one), "softmax": _norm(other)}
        for name, one, other in (("q", hard.to_q, soft.to_q), ("k", hard.to_k, soft.to_k))
    )
    return [*rows, output, to_q, to_k]


def _vector(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{one:.4g}" for one in values) + ")"


def _norm(values: np.ndarray) -> str:
    found = float(np.linalg.norm(values))
    return "0, exactly" if found == 0 else f"{found:.3g}"


def _rounding(difference: float | None) -> str:
    if difference is None or np.isnan(difference):
        return "undefined, as a row sums to 0"
    return true_minus(f"**{difference:.1e}** in float64")


def _times(number: float) -> str:
    return f"{number:.3g}" if np.isfinite(number) else "∞: a row sums to 0"


def _row(name: str, one: str, several: str) -> dict[str, str]:
    return {"": name, "one head": one, "several": several}


def _range(values: tuple[float, ...]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _score(score: float) -> str:
    return "−∞" if np.isneginf(score) else true_minus(f"ln {np.exp(score):.3g} = {score:.3f}")


def _apart(number: float) -> str:
    return "undefined: a row sees no token" if np.isnan(number) else true_minus(f"{number:.2g}")


def _value(number: float) -> str:
    return "–" if np.isnan(number) else true_minus(f"{number:.4g}")


def _signed(number: float) -> str:
    return true_minus(f"{number:+.3g}")


def _at_end(found: equivalences.Convolution, place: int) -> dict[str, str]:
    attended, convolved, formula = (one[place] for one in (found.attended, found.convolved, found.formula))
    return {
        "Position": str(place),
        "Convolution, zero padding": _value(convolved),
        "Softmax must give": _value(formula),
        "Attention": _value(attended),
        "Attention − convolution": _apart(attended - convolved),
    }
