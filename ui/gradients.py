"""The gradients lab's parts: a chain, many chains, recurrences over time, and the way back one node at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import streamlit as st

from core.contract import Demo
from core.demos import backpropagation as back
from core.demos import gradients as demo
from core.demos import jacobians
from core.demos.gradients import EVEN, GradientsConfig
from core.demos.graph_layers import number
from core.figures import gradients as figures
from core.statistics import raised, true_minus
from ui.form import Settings, knobs_here
from ui.plot import plot
from ui.stepping import Stepper

MOST_NAMED = 12  # dead units that are named one by one
KINDS = {"y": "∇y", "h": "∇h", "weights": "∇W, ∇U and ∇V"}


@dataclass(frozen=True)
class Parts:
    """Everything of the page but its order."""

    topic: Demo
    words: Mapping[str, str]
    settings: Settings

    @property
    def config(self) -> GradientsConfig:
        """The form's."""
        return cast(GradientsConfig, self.settings.config)

    def chain(self) -> None:
        """One chain: units, product, autograd."""
        found = demo.chain(self.config)
        for note in found.notes:
            st.info(note)
        plot(figures.chain(found.weights, found.dead), "gradients chain", height=340, caption=self.words["chain"])
        st.markdown(
            f"|df/dx| as a product: **{short(found.product)}**; by autograd: **{short(abs(found.autograd))}**; "
            f"difference{' (relative)' if found.autograd else ''}: **{short(found.difference)}**. "
            f"∏|wᵢ| = {power(found.log_product)}."
        )
        st.markdown(said_of_dead(found.dead, len(found.weights)))

    def draws(self) -> None:
        """Many chains of the same depth and σ."""
        config = self.config
        depth = config.depth if config.weights == "drawn" else len(demo.chain(config).weights)
        positive = config.positive and config.weights == "drawn"
        found = demo.draws(depth, config.deviation, positive, config.x, config.seed)
        figure = figures.over_draws(found.logs, found.alive, found.expected)
        plot(figure, "gradients draws", height=320, caption=self.words["draws"])
        rows = [
            measured("share with df/dx = 0", found.dead, found.dead_expected),
            measured("mean of log₁₀ ∏|w|", found.mean, found.expected, found.error),
            measured("standard deviation of it", float(found.logs.std(ddof=1)), found.deviation),
        ]
        st.table(rows, hide_index=True)
        where = "vanish" if config.deviation < EVEN else "explode"
        st.markdown(
            f"n = {len(found.logs):,} draws of {depth} weights, σ = {config.deviation:g}. Products {where} with depth "
            f"where σ is {'below' if config.deviation < EVEN else 'above'} {EVEN:.3f}, at which E ln|w| is 0."
        )

    def time(self) -> None:
        """σ_max over time, and its bounds."""
        self._knobs("matrix", "sigma", "units")
        self._knobs("steps", "centred")
        config = self.config
        found = jacobians.decay(config)
        figure = figures.over_time(found.steps, found.logs, found.bounds, found.source)
        plot(figure, "gradients time", height=400, caption=self.words["time"])
        st.table([time_row(name, found) for name in found.logs], hide_index=True)
        quarter = abs(found.sigma - 0.25) < 1e-9
        holds = "meant for this W" if quarter else f"not meant for this W, whose σ_max is {found.sigma:g}"
        st.markdown(f"(1/16)ⁿ⁻¹ is {power(float(found.source[-1]))} at n = {config.steps}; it is {holds}.")
        st.markdown(self.words["trained"])

    def by_hand(self) -> None:
        """The unrolled graph, backwards one node at a time."""
        self._knobs("inputs", "targets")
        self._knobs("w", "u", "v")
        st.caption(self.words["typing"])
        problem, notes = back.read(self.config)
        for note in notes:
            st.info(note)
        found = back.solve(problem)

        @st.fragment(key="gradients:by hand")
        def walk() -> None:
            walked(found, self.words)

        walk()

    def _knobs(self, *names: str) -> None:
        knobs_here(self.topic, self.settings, *names)


def walked(found: back.Backward, words: Mapping[str, str]) -> None:
    """The graph as far as the steps have come, and the last step in numbers."""
    about = str([part.tolist() for part in vars(found.problem).values()])
    stepper = Stepper("gradients:walk", len(found.steps), about)
    stepper.buttons()
    done = found.steps[: stepper.at]
    places, edges = back.unrolled(len(found.y))
    gradients = {name: one for step in done if step.kind != "weights" for name, one in step.found.items()}
    last = done[-1] if done else None
    current = f"{last.kind}{last.time}" if last and last.kind != "weights" else ""
    carried = back.edges(found, stepper.at)
    along = {one.ends: one.back for one in carried if one.back is not None and one.ends[1][0] != "L"}
    figure = figures.unrolled(places, edges, values(found), gradients, current, along)
    plot(figure, "gradients graph", height=430, caption=words["graph"])
    if last is None:
        st.code(
            f"L = {number(found.loss)}. Press Next: the way back begins at y{len(found.y)}.",
            language=None,
            wrap_lines=True,
        )
        return
    what = KINDS[last.kind] + ("" if last.kind == "weights" else str(last.time))
    head = f"Step {stepper.at} of {stepper.count}: {what}, at t = {last.time}"
    end = f"difference from autograd: {last.difference:.1e}"
    st.code("\n".join([head, *last.lines, end]), language=None, wrap_lines=True)
    with st.expander("Every edge in numbers", key="gradients:edges", on_change="rerun") as shown:
        if shown.open:
            st.table([edge_row(one) for one in carried], hide_index=True)
            st.caption(words["edges"])


def values(found: back.Backward) -> dict[str, np.ndarray]:
    """What each node holds."""
    one = found.problem
    held = {"h0": found.h[0]}
    for t in range(1, len(found.y) + 1):
        loss = ((one.z[t - 1] - found.y[t - 1]) ** 2).sum(keepdims=True)
        held |= {f"x{t}": one.x[t - 1], f"h{t}": found.h[t], f"y{t}": found.y[t - 1], f"L{t}": loss}
    return held


def edge_row(one: back.Edge) -> dict[str, str]:
    """A line of the table of edges."""
    gone = "not reached yet" if one.back is None else f"{one.formulas[1]} = {back.vector(one.back)}"
    return {
        "edge": f"{one.ends[0]} → {one.ends[1]}",
        "forward": f"{one.formulas[0]} = {back.vector(one.forward)}",
        "back": gone,
    }


def time_row(name: str, found: jacobians.Decay) -> dict[str, str]:
    """Measured against the bound at the last n."""
    last, bound = float(found.logs[name][-1]), float(found.bounds[name][-1])
    zero = np.flatnonzero(~np.isfinite(found.logs[name]))
    share = f"0 from n = {int(zero[0]) + 1} on" if len(zero) else power(last - bound)
    return {
        f"at n = {len(found.steps)}": name,
        "σ_max, measured": power(last),
        "bound (max φ′ · σ_max(W))ⁿ⁻¹": power(bound),
        "measured / bound": share,
    }


def measured(name: str, found: float, expected: float, error: float | None = None) -> dict[str, str]:
    """A line of a table: a formula beside its measured value."""
    beside = f" ± {error:.2g} (standard error)" if error is not None else ""
    gap = true_minus(f"{found - expected:+.3g}")
    return {"": name, "measured": f"{number(found)}{beside}", "formula": number(expected), "difference": gap}


def said_of_dead(dead: tuple[int, ...], layers: int) -> str:
    """Which units are dead, in a sentence."""
    if not dead:
        return f"All {layers} units are active."
    first = f"The unit of layer {dead[0]} is the first dead one, so every later one is too"
    named = ", ".join(map(str, dead[:MOST_NAMED])) + (" …" if len(dead) > MOST_NAMED else "")
    return f"{first}. Dead: {named} ({len(dead)} of {layers})."


def power(log: float) -> str:
    """A number by its base-10 logarithm, though it may be too small or large for a float."""
    if not np.isfinite(log):
        return "0"
    if -3 < log < 5:
        return f"{10.0**log:.4g}"
    whole = int(np.floor(log))
    return f"{10.0 ** (log - whole):.2f}·10{raised(whole)}"


def short(value: float) -> str:
    """Four figures, a true minus."""
    return true_minus(f"{value:.4g}")
