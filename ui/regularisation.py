"""The regularisation lab's parts: dropout's penalty, and the shortest of many solutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import streamlit as st

from core.contract import Demo
from core.demos import regularisation as demo
from core.demos.regularisation import METHODS, RegularisationConfig
from core.figures import regularisation as figures
from ui.form import Settings, knob_here, knobs_here
from ui.plot import plot


@dataclass(frozen=True)
class Parts:
    """The sections of the page."""

    topic: Demo
    words: Mapping[str, str]
    settings: Settings

    @property
    def config(self) -> RegularisationConfig:
        """The form's."""
        return cast(RegularisationConfig, self.settings.config)

    def dropout(self) -> None:
        """The closed form and Monte Carlo over p, and at the form's p in numbers."""
        config, one = self.config, demo.problem(self.config)
        if one.notes:
            st.info("\n\n".join(one.notes))
        here = demo.dropped(one, config.keep, config.seed)
        keeps = np.linspace(0, 1, 101)
        fits = np.array([((one.y - keep * one.x @ one.w) ** 2).sum() for keep in keeps])
        penalties = keeps * (1 - keeps) * ((demo.gamma(one.x) * one.w) ** 2).sum()
        fine = {"p": keeps, "fit": fits, "penalty": penalties, "formula": fits + penalties}
        figure = figures.over_keep(demo.over_keep(one, config.seed), here, fine)
        plot(figure, "regularisation dropout", height=360, caption=self.words["dropout"])
        st.markdown(_held_against(here))
        if said := demo.in_words(config.keep):
            st.info(said)
        best = demo.minimiser(one, config.keep)
        if best is not None:
            least = demo.dropped(demo.Problem(one.x, best, one.y), config.keep, config.seed)
            st.markdown(
                f"The w that makes it least at p = {config.keep:g} is **{_vector(best)}**, pw = "
                f"{_vector(config.keep * best)}: formula {least.formula:.4f}, against {here.formula:.4f} of this w."
            )
            if said := demo.uniqueness(one, config.keep):
                st.info(said)

    def numbers(self) -> None:
        """X, w and y as text."""
        self._knobs("x", "w", "y")

    def plane(self) -> None:
        """One equation in two unknowns, from a start of one's own."""
        self._knobs("a1", "a2", "b")
        self._knobs("start1", "start2")
        one, start = demo.plane(self.config), np.array([self.config.start1, self.config.start2])
        if one.notes:
            st.info("\n\n".join(one.notes))
        paths = {method: demo.descend(one, start, method) for method in METHODS}
        plot(figures.plane(one, paths), "regularisation plane", height=460, caption=self.words["plane"])
        self._table(one, paths)

    def large(self) -> None:
        """Five equations in twenty unknowns."""
        knob_here(self.topic, self.settings, "rows")
        one = demo.large(self.config.seed, self.config.rows)
        if one.notes:
            st.info("\n\n".join(one.notes))
        paths = demo.races(self.config.seed, self.config.rows)
        plot(figures.distances(one, paths), "regularisation distances", height=340, caption=self.words["large"])
        self._table(one, paths)

    def _table(self, one: demo.System, paths: Mapping[str, demo.Path]) -> None:
        st.table(
            [
                figures.ending_row(
                    name,
                    demo.ending(one, path.end),
                    float(np.linalg.norm(path.end - demo.limit(one, path.places[0]))),
                )
                for name, path in paths.items()
            ],
            hide_index=True,
        )
        st.caption(self.words["table"])

    def _knobs(self, *names: str) -> None:
        knobs_here(self.topic, self.settings, *names)


def _held_against(here: demo.Dropped) -> str:
    apart = here.measured - here.formula
    errors = f"{abs(apart) / here.error:.1f} standard errors" if here.error else "exact: no mask is left to chance"
    shown = round(apart, 4) + 0.0  # of rounding errors no −0.0000
    return (
        f"At p = {here.keep:g}: formula {here.fit:.4f} + {here.penalty:.4f} = **{here.formula:.4f}**; Monte Carlo "
        f"**{here.measured:.4f}** ± {here.error:.4f} (standard error, n = {demo.DRAWS:,} masks); difference "
        f"{shown:+.4f}, {errors}."
    ).replace("-", "−")


def _vector(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{one:.3f}" for one in values).replace("-", "−") + ")"
