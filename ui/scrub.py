"""Pictures that belong to a moment of training: one slider over the stored moments, and a play button."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from core.contract import Experiment
from core.engine.records import Snapshot
from ui.form import Settings
from ui.live import FOLLOW_SECONDS, fresh
from ui.results import Result, of_other_settings, trained

END = math.inf  # in place of a step: the newest weights, and once it has ended those that are reported
START = -math.inf  # chosen by the play button: the first moment, whichever it is
PLAY_SECONDS = 0.8  # between moments

Draw = Callable[[Result, float | None], None]


def scrubbed(
    experiment: Experiment, settings: Settings, snapshot: Snapshot | None, draw: Draw, *, key: str, otherwise: str
) -> None:
    """Draw pictures of the net with these settings at a chosen moment; nothing is ever trained for it.

    draw: takes the result and the step to ask about (None: its end). key: unique on the page. otherwise: what is said
    where no net is trained yet.
    """
    run = None if snapshot is None else snapshot.run
    live = bool(run and not run.final)
    scrubber = Scrubber(f"{experiment.key}:{key}")

    def result() -> Result | None:
        found = trained(experiment, settings.config, fresh(run.id) if run else None)
        return None if found and found.origin == "unfinished" and not found.saved else found  # nobody is there to ask

    @st.fragment(key=f"{scrubber.key}:moments", parallel=True)
    def steer() -> None:
        playing = scrubber.playing
        every = PLAY_SECONDS if playing else FOLLOW_SECONDS if live else None
        if (found := result()) is None:
            st.info(otherwise)
            return
        scrubber.button(found)

        @st.fragment(run_every=every, key=scrubber.key)
        def poll() -> None:
            if now := result():
                if of_other_settings(now, settings.config):
                    st.caption("Nothing is trained with the settings of the form: this is the run on screen.")
                draw(now, scrubber.step(now))
            if scrubber.playing != playing:
                st.rerun(scope="app")

        poll()

    steer()


@dataclass(frozen=True)
class Scrubber:
    """Which moment is looked at, for this browser session. key: of its widgets and of what it remembers."""

    key: str

    @property
    def playing(self) -> bool:
        """Whether it moves on by itself."""
        return bool(st.session_state.get(f"{self.key}:playing"))

    def button(self, result: Result) -> None:
        """Play from the start or from where it stands; hold."""
        if len(moments(result)) > 1:
            label, icon = ("Hold", "pause") if self.playing else ("Play the training", "play_arrow")
            st.button(label, icon=f":material/{icon}:", key=f"{self.key}:play", on_click=self._play, args=(result,))

    def step(self, result: Result) -> float | None:
        """The slider; the step it stands at, None for the end. It keeps to the newest until somebody moves it."""
        steps = moments(result)
        newest = steps[-2] if result.origin == "live" and len(steps) > 1 else None
        if len(steps) < 2:
            if result.origin == "recorded":
                st.caption("As it ended. Press Run to train it here and see every moment of it.")
            if not result.cut_off:
                return None
            st.caption(f"As it was at epoch {steps[0]:g}, the one moment that was saved.")
            return steps[0]
        at, newest_name = self._at(result, steps), "newest" if result.origin == "live" else "end"
        st.select_slider(
            "Moment of training",
            steps,
            at,
            key=self._slider(result),
            format_func=lambda step: newest_name if step == END else f"epoch {step:g}",
            on_change=self._moved,
            args=(result, self._slider(result)),
            help="Weights stored while the run's first seed trained. Moving this trains nothing.",
        )
        return newest if at == END else at

    def _at(self, result: Result, steps: list[float]) -> float:
        chosen = st.session_state.get(self._chosen(result), END)
        if not self.playing:
            return chosen if chosen in steps else steps[-1]
        following = 0 if chosen == START else steps.index(chosen) + 1 if chosen in steps else len(steps)
        at = steps[min(following, len(steps) - 1)]
        self._place(result, at)
        if at == steps[-1]:
            st.session_state[f"{self.key}:playing"] = False
        return at

    def _place(self, result: Result, at: float) -> None:
        """Put the slider there: a new one each time.

        A browser that has not yet drawn what we set goes on sending the old value with whatever it asks for, which
        looks like somebody moving the slider; from a slider that is no more, it is known for what it is.
        """
        st.session_state[self._chosen(result)] = at
        st.session_state[f"{self.key}:placed"] = st.session_state.get(f"{self.key}:placed", 0) + 1

    def _play(self, result: Result) -> None:
        playing = not self.playing
        st.session_state[f"{self.key}:playing"] = playing
        if playing and st.session_state.get(self._chosen(result), END) in (END, moments(result)[-1]):
            st.session_state[self._chosen(result)] = START

    def _moved(self, result: Result, slider: str) -> None:
        if slider == self._slider(result):
            st.session_state[self._chosen(result)] = st.session_state[slider]
            st.session_state[f"{self.key}:playing"] = False

    def _chosen(self, result: Result) -> str:
        return f"{self.key}:{result.snapshot.run.id}:step"

    def _slider(self, result: Result) -> str:
        return f"{self._chosen(result)}:slider:{result.origin}:{st.session_state.get(f'{self.key}:placed', 0)}"


def moments(result: Result) -> list[float]:
    """The steps that can be looked at, the newest as END; a run that was cut off has none but those it saved."""
    return [*result.saved] if result.cut_off else [*result.saved, END]
