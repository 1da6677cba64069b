"""The geometry lab's parts: what a projection does to distances, and how directions crowd."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import streamlit as st

from core.contract import Demo
from core.demos import directions, neighbours, projections
from core.demos.geometry import GeometryConfig
from core.demos.projections import Floats
from core.figures import geometry as figures
from core.statistics import few_figures, spread, true_minus
from ui.form import Settings, knob_here
from ui.plot import plot

AT_ONCE_SECONDS = 0.15  # what takes longer waits for a button
MOST_SECONDS = 10
DENSE, NEAR = 80, 64  # points of a formula; the largest k of the left chart of growth
SHOWN = 100  # vectors of a Gram matrix that are drawn


@dataclass(frozen=True)
class Explorer:
    """Everything of the page but its order. settings: what the form says."""

    topic: Demo
    words: Mapping[str, str]
    settings: Settings = field(default_factory=lambda: Settings(GeometryConfig(), ()))

    @property
    def config(self) -> GeometryConfig:
        """The form's."""
        return cast(GeometryConfig, self.settings.config)

    # --- the projection

    def distances(self) -> None:
        """One draw of M: distortions of all pairs, and the lemma's numbers."""
        c = self.config
        if not self._sound(say=True) or not self._affordable("pairs", projections.seconds(c.points, c.dimension, c.k)):
            self._lemma()
            return
        found = projections.one_draw(c.matrix, c.cloud, c.points, c.dimension, c.k, c.epsilon, c.seed)
        expected = projections.expected(found.edges, c.k)
        figure = figures.distortions(found.edges, found.counts, expected, c.epsilon)
        plot(figure, "geometry distortions", height=330, caption=self.words["distances"])
        verdict = "**This M holds**: no" if found.held else f"**This M misses ε**: {found.outside:,}"
        st.markdown(
            f"{verdict} of {found.total:,} pairs outside 1 ± ε. Distortions {found.low:.3f} to {found.high:.3f}, mean "
            f"{found.mean:.4f}."
        )
        self._lemma()

    def _sound(self, say: bool = False) -> bool:
        """Whether points and matrix can be made. say: why not, which stands once on the page."""
        c = self.config
        fault = projections.fault(c.cloud, c.points, c.dimension, c.k)
        if fault and say:
            st.error(fault, icon=":material/straighten:")
        elif fault:
            st.caption("Nothing can be drawn with these settings; the reason stands at the top.")
        return not fault

    def _lemma(self) -> None:
        c = self.config
        asked = projections.lemma_k(c.points, c.epsilon)
        proof = projections.proof_k(c.points, c.epsilon)
        beyond = " More than d: the lemma promises no reduction here." if asked > c.dimension else ""
        st.markdown(
            f"k chosen: **{c.k}**. Lemma, 8 ln(n)/ε² at n = {c.points:,}, ε = {c.epsilon:g}: **{asked:,}**; what its "
            f"short proof needs, 4 ln(n)/(ε²/2 − ε³/3): **{proof:,}**.{beyond}"
        )

    def often(self) -> None:
        """Share of draws that hold over k, against the bounds."""
        c = self.config
        if not self._sound() or not self._draws_affordable("share"):
            return
        found = self._draws()
        held = found.held(c.epsilon)
        shares = np.array([projections.share(int(one), c.draws) for one in held])
        where = np.unique(np.geomspace(found.ks[0], found.ks[-1], DENSE).round())
        names = ["at least, χ² and union bound (Gaussian M)", "at least, the proof’s tail and union bound"]
        bounds = dict(zip(names, (projections.pair_misses, projections.pair_bound), strict=True))
        if c.matrix == "very_sparse":
            del bounds[names[1]]  # not proved for it
        promised = {name: (where, _least(c.points, chance(where, c.epsilon))) for name, chance in bounds.items()}
        marks = {
            "k chosen": float(c.k),
            "8 ln(n)/ε²": float(projections.lemma_k(c.points, c.epsilon)),
            "the proof’s k": float(projections.proof_k(c.points, c.epsilon)),
        }
        figure = figures.held(found.ks, shares, promised, marks)
        plot(figure, "geometry draws", height=330, caption=self.words["often"])
        place = list(found.ks).index(c.k)
        part, low, high = 100 * shares[place]
        st.markdown(
            f"At k = {c.k}: **{held[place]} of {c.draws} draws hold**, {part:.0f} % (95 % interval {low:.0f} to "
            f"{high:.0f} %). At least {self._promise(projections.pair_misses)} by the exact χ² of a Gaussian M, "
            f"{self._promise(projections.pair_bound)} by the proof’s tail{_not_proved(c)}; both with a union bound "
            f"over {c.points * (c.points - 1) // 2:,} pairs."
        )

    def _promise(self, chance: Callable[[int, float], float | Floats]) -> str:
        """What a union bound promises of a draw of M."""
        c = self.config
        union = projections.union(c.points, float(chance(c.k, c.epsilon)))
        return "nothing (the bound is above 1)" if union >= 1 else f"{100 * (1 - union):.3g} %"

    def variances(self) -> None:
        """How far distortions are spread, against the formula."""
        c = self.config
        if not self._sound() or not self._draws_affordable("spread"):
            return
        found = self._draws()
        formula = projections.expected_square(c.matrix, c.cloud, c.points, c.dimension, c.seed) / found.ks
        plot(figures.variances(found.ks, found.square, formula), "geometry variance", height=300)
        place = list(found.ks).index(c.k)
        measured, exact = spread(list(found.square[:, place])), float(formula[place])
        error = float(found.square[:, place].std(ddof=1)) / math.sqrt(c.draws)
        apart = measured.mean - exact
        errors = f"{_signed(apart / error, 2)} standard errors" if error else "with no spread to hold it against"
        st.caption(self.words["variance"])
        st.markdown(
            f"At k = {c.k}: measured **{measured.brief}**, formula **{few_figures(exact)}**, difference "
            f"{_signed(apart)}, {errors}."
        )

    def _draws(self) -> projections.Draws:
        c = self.config
        return projections.draws(c.matrix, c.cloud, c.points, c.dimension, c.k, c.draws, c.seed)

    def _draws_affordable(self, place: str) -> bool:
        c = self.config
        return self._affordable("draws", projections.seconds(c.points, c.dimension, c.k, c.draws), place)

    def _affordable(self, what: str, seconds: float, place: str = "") -> bool:
        """Whether this is done at once, or was asked for; else a button that asks. place: of the button."""
        if seconds <= AT_ONCE_SECONDS:
            return True
        c = self.config
        asked = (c.matrix, c.cloud, c.points, c.dimension, c.k, c.seed)
        asked += (c.epsilon,) if what == "pairs" else (c.draws,)
        key = f"{self.topic.key}:{what}:asked"
        if st.session_state.get(key) == asked:
            return True
        drawn = f"{c.draws} draws on " if what == "draws" else ""
        long = f"{drawn}{c.points:,} points in {c.dimension:,} dimensions take about {max(1, round(seconds))} s"
        if seconds > MOST_SECONDS:
            st.info(f"{long}; {MOST_SECONDS} s at most are spent here. Choose fewer points, dimensions or draws.")
            return False
        st.info(f"{long}.")
        label = "Count them" if what == "draws" else "Measure all pairs"
        st.button(label, key=f"{key}:{place}", on_click=_ask, args=(key, asked))
        return False

    # --- digits

    def digits(self) -> None:
        """Nearest neighbours of digits before and after projection."""
        found = neighbours.accuracies(self.config.matrix, self.config.seed)
        figure = figures.neighbours(found.after, found.principal, found.before)
        plot(figure, "geometry neighbours", height=330, caption=self.words["digits"])
        number = found.neighbours + found.asked
        asked = projections.lemma_k(number, self.config.epsilon)
        rows = [
            {
                "k": str(k),
                "random projection": spread(list(after.values())).with_unit("%"),
                "principal components": f"{found.principal[k]:.2f} %",
                "random − before (points)": _signed(spread(list(after.values())).mean - found.before),
            }
            for k, after in found.after.items()
        ]
        st.table(rows, hide_index=True)
        st.markdown(
            f"Before: **{found.before:.2f} %** of {found.asked} held-out digits, {found.neighbours:,} to choose from. "
            f"For all {number:,} and ε = {self.config.epsilon:g} the lemma asks for k = **{asked:,}**; a digit has 64 "
            "pixels."
        )

    # --- directions

    def crowd(self) -> None:
        """N random directions in k dimensions: Gram matrix and the largest |u·v|."""
        for column, name in zip(st.columns(3), ("room", "count", "delta"), strict=True):
            with column:
                knob_here(self.topic, self.settings, name)
        c = self.config
        gram = directions.gram(c.count, c.room, c.seed)
        left, right = st.columns([1, 1.25])
        with left:
            plot(figures.products(gram[:SHOWN, :SHOWN]), "geometry gram", height=320)
            if c.count > SHOWN:
                st.caption(f"The first {SHOWN} of {c.count} vectors.")
        with right:
            self._largest()
        st.caption(self.words["crowd"])
        measured = directions.largest(gram)
        once, rough = directions.expected_once(c.count, c.room), directions.typical(c.count, c.room)
        promised, least = directions.lemma_delta(c.count, c.room), directions.welch(c.count, c.room)
        rows = [
            _row("measured, largest of this draw", measured, None),
            _row("exact: exceeded by one pair on average", once, measured),
            _row("rough: √(2 ln(N²)/k)", rough, measured),
            _row("promised by the lemma: √(72 ln(N + 1)/k)", promised, measured),
            _row("none can be below (Welch)", least, measured),
        ]
        st.table(rows, hide_index=True)
        within = "all within" if measured <= c.delta else "not all within"
        nothing = " Above 1 the lemma’s promise says nothing: any two directions keep it." if promised > 1 else ""
        st.markdown(f"N = {c.count} directions in k = {c.room} dimensions: **{within} δ = {c.delta:g}**.{nothing}")

    def _largest(self) -> None:
        c = self.config
        found = directions.over_size(c.room, c.seed)
        sizes = list(found)
        formulas = {
            "exact: once on average": [directions.expected_once(one, c.room) for one in sizes],
            "rough: √(2 ln(N²)/k)": [directions.typical(one, c.room) for one in sizes],
            "promised by the lemma": [directions.lemma_delta(one, c.room) for one in sizes],
            "Welch: none below": [directions.welch(one, c.room) for one in sizes],
        }
        lines = {name: (sizes, values) for name, values in formulas.items()}
        plot(figures.largest(found, lines, c.delta), "geometry largest", height=340)

    def growth(self) -> None:
        """How many fit within δ as k grows."""
        c = self.config
        greedy = directions.greedy(c.delta, c.seed)
        crossing = directions.overtakes(c.delta)
        left, right = st.columns(2)
        for column, last, top, key in ((left, NEAR, 1e4, "near"), (right, round(1.2 * crossing), 1e9, "far")):
            ks = np.unique(np.linspace(2, last, DENSE).round()).astype(int).tolist()
            figure = figures.growth(_fitting(ks, c.delta), greedy if key == "near" else {}, directions.CANDIDATES, top)
            with column:
                plot(figure, f"geometry growth {key}", height=340)
        st.caption(self.words["growth"])
        place = min(greedy, key=lambda k: abs(k - c.room))
        lemma = directions.lemma_count(c.room, c.delta)
        st.markdown(
            f"k = {c.room}, δ = {c.delta:g}: exactly orthogonal **{c.room}**; the lemma promises "
            f"**{_count(lemma) if lemma > 1 else 'nothing yet'}**; random directions, of which all fit in at least "
            f"half of the draws, **{_count(directions.union_count(c.room, c.delta))}**. Kept greedily at k = {place}: "
            f"**{spread([float(one) for one in greedy[place].values()]).brief}** of {directions.CANDIDATES}. "
            f"The lemma’s number passes k itself only from k = {_count(crossing)}."
        )

    def angles(self) -> None:
        """Angles between random directions, and how they gather at 90°."""
        knob_here(self.topic, self.settings, "angle")
        c = self.config
        found = directions.histogram(c.angle, c.seed)
        left, right = st.columns(2)
        with left:
            plot(figures.angles(found.edges, found.measured, found.exact), "geometry angles", height=320)
        with right:
            every = directions.over_width(c.seed)
            stds, errors, exact = np.array([(one.std, one.error, one.exact_std) for one in every.values()]).T
            figure = figures.concentration(list(every), stds, errors, exact, c.angle)
            plot(figure, "geometry concentration", height=320)
        st.caption(self.words["angles"])
        std, error, right_one, rough = np.degrees([found.std, found.error, found.exact_std, c.angle**-0.5])
        st.markdown(
            f"d = {c.angle}: standard deviation from 90° measured **{std:.3f}° ± {error:.3f}°** (one standard error, "
            f"{directions.PAIRS:,} pairs), from the density **{right_one:.3f}°**, difference "
            f"{_signed(std - right_one)}°; 1/√d is {rough:.3f}°, "
            f"{_signed(100 * (rough / right_one - 1), 2)} % from exact."
        )


def _ask(key: str, asked: tuple[object, ...]) -> None:
    st.session_state[key] = asked


def _least(points: int, chance: float | Floats) -> Floats:
    """The share of draws that holds at least, by a union bound."""
    return np.clip(1 - projections.union(points, chance), 0, 1)


def _not_proved(config: GeometryConfig) -> str:
    return ", which is not proved for this M" if config.matrix == "very_sparse" else ""


def _fitting(ks: list[int], delta: float) -> dict[str, tuple[list[int], list[float]]]:
    """How many fit within δ by each formula, name -> (k, numbers)."""
    lemma = [(k, directions.lemma_count(k, delta)) for k in ks]
    some = [(k, count) for k, count in lemma if count >= 1]
    return {
        "random: all fit in half of the draws": (ks, [directions.union_count(k, delta) for k in ks]),
        "promised by the lemma": ([k for k, _ in some], [count for _, count in some]),
        "exactly orthogonal: k": (ks, [float(k) for k in ks]),
    }


def _row(name: str, value: float, measured: float | None) -> dict[str, str]:
    apart = "" if measured is None else _signed(value - measured)
    return {"Largest |u·v|": name, "Value": f"{value:.3f}", "Minus measured": apart}


def _signed(number: float, figures_: int = 3) -> str:
    return true_minus(f"{number:+.{figures_}g}")


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e6 else true_minus(f"{number:.2g}")
