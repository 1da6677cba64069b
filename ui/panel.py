"""One experiment's run on a page: which one it is, what its buttons do, what was said about it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from core.config import Config, ConfigError
from core.contract import Experiment
from core.engine import scheduler
from core.engine.records import RunRecord, Snapshot
from core.engine.scheduler import AdmissionError, Scheduler, Started, shared
from ui.address import newly_named, written
from ui.form import RUN, Seeds, Settings, new_seed, set_values, write_link
from ui.security import owner

QUICK_SECONDS, CALM_SECONDS = 0.15, 0.5  # between polls: just after an action, and later
QUICK_FOR_SECONDS = 2.0
READING_SECONDS = 8.0  # a message stays
STOPPING_SECONDS = 0.3  # most stops take less


@st.cache_resource(scope="session", on_release=scheduler.release, show_spinner=False)
def tab() -> str:
    """A name for this browser tab, as a viewer of runs; once the tab is closed it watches nothing any more."""
    return secrets.token_urlsafe(8)


@dataclass(frozen=True)
class Pace:
    """How to poll, and what must be as it was, or the page is drawn anew.

    seconds: between polls, None once nothing changes any more. run, state: of what is on screen.
    """

    seconds: float | None
    run: str
    state: str


@dataclass(frozen=True)
class Panel:
    """One experiment's run on this page, for this browser session; actions are callbacks of its buttons."""

    experiment: Experiment
    settings: Settings

    @property
    def run_id(self) -> str | None:
        """The run on screen."""
        found: str | None = st.session_state.get(self._key("run"))
        return found

    def show(self, run_id: str | None) -> None:
        """Put a run on screen, or none, and draw the whole page for it."""
        st.session_state[self._key("run")] = run_id
        st.session_state[self._key("page")] = True
        self._hurry()

    def whole_page(self) -> bool:
        """Whether a button asked for more than the panel to be drawn anew; said once."""
        return bool(st.session_state.pop(self._key("page"), False))

    def pace(self, snapshot: Snapshot | None, beside: Snapshot | None = None) -> Pace:
        """How to poll from now on. beside: another run that is drawn with the one on screen."""
        if beside is not None and not beside.run.final and (snapshot is None or snapshot.run.final):
            return Pace(CALM_SECONDS, beside.run.id, "live")
        if snapshot is None or snapshot.run.final:
            return Pace(None, "", "")
        quick = time.monotonic() < st.session_state.get(self._key("quick until"), 0.0)
        state = "paused" if snapshot.run.state == "paused" else "live"
        return Pace(QUICK_SECONDS if quick else CALM_SECONDS, snapshot.run.id, state)

    def say(self, message: str) -> None:
        """A sentence to show below the buttons, for long enough to be read."""
        st.session_state[self._key("said")] = (message, time.monotonic() + READING_SECONDS)

    def said(self) -> str:
        """What was said last, while it is to be read; polls in between do not take it away."""
        message, until = st.session_state.get(self._key("said"), ("", 0.0))
        return message if time.monotonic() < until else ""

    def link(self, baseline: str | None = None) -> None:
        """Put the settings, the run on screen and the one that is held against it into the address."""
        write_link(self.experiment, self.settings, self.run_id, baseline)
        written(self._key("run"), self.run_id)  # a button may start another before the address says so

    def find_run(self) -> None:
        """The run of a new address; else, at first, the one this browser has live for this lab."""
        named = newly_named(RUN, self._key("run"))
        if named:
            self.show(named)
        elif self.run_id is None and self._first_look() and not st.query_params:  # a link with settings means them
            mine = self.others(None)
            if mine:
                self.show(mine[0].id)

    def look(self) -> Snapshot | None:
        """The run as it stands; a run that this machine does not have is said and forgotten."""
        if self.run_id is None:
            return None
        try:
            snapshot = shared().snapshot(self.run_id, viewer=tab())
        except KeyError:
            self.say("The run in this link is not stored on this machine. Its settings are in the form: press Run.")
            self._forget()
            return None
        if snapshot is not None and snapshot.run.experiment != self.experiment.key:
            self.say("The run in this link belongs to another lab.")
            self._forget()
            return None
        return snapshot

    def others(self, snapshot: Snapshot | None) -> list[RunRecord]:
        """This browser's live runs of this lab that are not on screen, oldest first."""
        shown = snapshot.run.id if snapshot else None
        mine = shared().live(owner())
        return [run for run in mine if run.experiment == self.experiment.key and run.id != shown]

    # --- what the buttons do

    def run(self) -> None:
        """Train what the form says."""
        if (started := self._admitted(self.settings.config)) is None:
            return
        st.session_state[self._key("run")] = started.run_id  # the panel alone, at once; the page follows
        self._hurry()
        if started.joined:
            self.say("The very same training is running already: you are watching it now.")
        elif started.reused:
            self.say(f"Stored already: {seed_text(started.reused)}. Only the others train.")

    def train(self, changes: dict[str, object]) -> None:
        """Move some knobs, then train what the form says."""
        self.start(self.settings.config.model_copy(update=changes), self.settings.seeds)

    def train_all(self, several: Sequence[dict[str, object]]) -> None:
        """Train several settings at once; the last is put on screen, which ought to be the longest."""
        *others, last = (self.settings.config.model_copy(update=changes) for changes in several)
        if all(self._possible(one) for one in (*others, last)) and all(self._admitted(one) for one in others):
            self.start(last, self.settings.seeds)

    def _admitted(self, config: Config) -> Started | None:
        """Let the engine train these settings; None, and its reason on the page, where it does not."""
        try:
            return shared().start(self.experiment.key, config, self.settings.seeds, owner(), viewer=tab())
        except AdmissionError as error:
            self.say(str(error))
            return None

    def _possible(self, config: Config) -> bool:
        """Whether these settings go together; where they do not the page says why."""
        try:
            self.experiment.config.parse(config.model_dump())
        except ConfigError as error:
            self.say(str(error))
            return False
        return True

    def start(self, config: Config, seeds: tuple[int, ...]) -> None:
        """Make the form say this, then train it; settings that do not go together change nothing."""
        if not self._possible(config):
            return
        set_values(self.experiment, {**config.model_dump(), **Seeds.of(seeds).model_dump()})
        st.session_state[self._key("page")] = True
        Panel(self.experiment, Settings(config, seeds)).run()

    def run_again(self) -> None:
        """Train what the form says now instead of what is running."""
        self.stop()
        self.run()

    def pause(self) -> None:
        """Suspend the run."""
        self._only_owner(Scheduler.pause, "pause it")

    def resume(self) -> None:
        """Let it go on."""
        self._only_owner(Scheduler.resume, "let it go on")

    def step(self) -> None:
        """One event further."""
        self._only_owner(Scheduler.step, "step it")

    def stop(self) -> None:
        """End it; waits a moment, so that what is drawn next shows the end."""
        if self._only_owner(Scheduler.stop, "stop it") and self.run_id is not None:
            shared().wait(self.run_id, timeout=STOPPING_SECONDS)

    def reset(self) -> None:
        """End it and clear the screen."""
        if self.run_id is not None:
            shared().stop(self.run_id, owner())
        self._forget()

    def new_seed(self) -> None:
        """The same, and draw another first seed."""
        self.reset()
        new_seed(self.experiment, len(self.settings.seeds))

    def keep(self, switch: str) -> None:
        """Whether to train on while nobody watches. switch: key of the widget that says so."""
        if self.run_id is not None:
            shared().keep_training(self.run_id, owner(), bool(st.session_state[switch]))

    def _only_owner(self, act: Callable[[Scheduler, str, str], bool], words: str) -> bool:
        if self.run_id is None:
            return False
        self._hurry()
        if act(shared(), self.run_id, owner()):
            return True
        snapshot = self.look()
        if snapshot is not None and not snapshot.run.final:  # else it ended just now, and nothing is to be said
            self.say(f"Somebody else started this run; only they can {words}. Run your own settings to be in charge.")
        return False

    def _hurry(self) -> None:
        st.session_state[self._key("quick until")] = time.monotonic() + QUICK_FOR_SECONDS

    def _first_look(self) -> bool:
        """True once a session."""
        first = self._key("looked") not in st.session_state
        st.session_state[self._key("looked")] = True
        return first

    def _forget(self) -> None:
        self.show(None)
        st.query_params.pop(RUN, None)

    def _key(self, what: str) -> str:
        return f"{self.experiment.key}:panel:{what}"


def seed_text(seeds: tuple[int, ...]) -> str:
    """Seeds in words: "seed 4", "seeds 0–2", "seeds 0, 2"."""
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"seeds {ordered[0]}–{ordered[-1]}"
    return f"seed{'s' * (len(ordered) != 1)} {', '.join(map(str, ordered))}"
