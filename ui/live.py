"""The run panel: run, pause, step, stop, reset, new seed; and the fragment that polls a run while it lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from core.contract import Experiment
from core.engine.records import Snapshot
from core.engine.scheduler import AdmissionError, Scheduler, shared
from ui.form import RUN, Settings, new_seed, set_values, write_link
from ui.security import owner

QUICK_SECONDS, CALM_SECONDS = 0.15, 0.5  # between polls: just after an action, and later
QUICK_FOR_SECONDS = 2.0
READING_SECONDS = 8.0  # a message stays
FOLLOW_SECONDS = 2.0  # between polls of the parts of a page further down

Draw = Callable[[Snapshot | None], None]


@dataclass(frozen=True)
class Panel:
    """One experiment's run on this page, for this browser session."""

    experiment: Experiment
    settings: Settings

    @property
    def run_id(self) -> str | None:
        """The run on screen."""
        found: str | None = st.session_state.get(self._key("run"))
        return found

    def show(self, run_id: str | None) -> None:
        """Put a run on screen, or none."""
        st.session_state[self._key("run")] = run_id
        st.session_state[self._key("quick until")] = time.monotonic() + QUICK_FOR_SECONDS

    def interval(self, snapshot: Snapshot | None) -> float | None:
        """Seconds until the next poll; None once nothing changes any more."""
        if snapshot is None or snapshot.run.final:
            return None
        quick = time.monotonic() < st.session_state.get(self._key("quick until"), 0.0)
        return QUICK_SECONDS if quick else CALM_SECONDS

    def say(self, message: str) -> None:
        """A sentence to show below the buttons, for long enough to be read."""
        st.session_state[self._key("said")] = (message, time.monotonic() + READING_SECONDS)

    def said(self) -> str:
        """What was said last, while it is to be read; polls in between do not take it away."""
        message, until = st.session_state.get(self._key("said"), ("", 0.0))
        return message if time.monotonic() < until else ""

    def asked_for(self) -> str | None:
        """The run of a new address; one that we wrote ourselves names the run before the one a button just started."""
        named = st.query_params.get(RUN)
        return None if named == st.session_state.get(self._key("linked")) else named

    def link(self) -> None:
        """Put the settings and the run on screen into the address."""
        write_link(self.experiment, self.settings, self.run_id)
        st.session_state[self._key("linked")] = self.run_id

    def first_look(self) -> bool:
        """True once a session."""
        first = self._key("looked") not in st.session_state
        st.session_state[self._key("looked")] = True
        return first

    def _key(self, what: str) -> str:
        return f"{self.experiment.key}:panel:{what}"


def live(experiment: Experiment, settings: Settings, draw: Draw) -> Snapshot | None:
    """Show the panel and whatever `draw` makes of the run's snapshot; keeps both fresh while the run lives.

    Returns the snapshot as of this script run (None: nothing was run yet), for the parts of a page that need not poll.
    """
    panel = Panel(experiment, settings)
    _find_run(panel)
    snapshot = _look(panel)
    panel.link()
    interval = panel.interval(snapshot)

    @st.fragment(run_every=interval, key=f"{experiment.key}:live")
    def poll() -> None:
        now = _look(panel)
        if panel.interval(now) != interval:
            st.rerun(scope="app")
        _controls(panel, now)
        draw(now)

    poll()
    return snapshot


def follow(experiment: Experiment, snapshot: Snapshot | None, draw: Draw, *, key: str) -> None:
    """Draw another part of the page from the run on screen, and keep it fresh, more calmly, while the run lives."""
    run = None if snapshot is None else snapshot.run

    @st.fragment(
        run_every=FOLLOW_SECONDS if run and not run.final else None, key=f"{experiment.key}:{key}", parallel=True
    )
    def poll() -> None:
        draw(shared().snapshot(run.id) if run else None)

    poll()


def train_buttons(experiment: Experiment, settings: Settings, across: str, down: str) -> None:
    """One button for every combination of two choices: a click sets the form and trains that cell at once."""
    st.caption("Each button trains its cell of the table now, with the other settings of the form.")
    for low in experiment.config.knob(down).choices:
        with st.container(horizontal=True, vertical_alignment="center", key=f"{experiment.key}:cells:{low}"):
            st.markdown(experiment.config.knob(down).label_of(low), width=160)
            for high in experiment.config.knob(across).choices:
                cell = {across: high, down: low}
                st.button(
                    str(high),
                    icon=":material/play_arrow:",
                    key=f"{experiment.key}:cell:{low}:{high}",
                    on_click=_train,
                    args=(experiment, settings, cell),
                    help=f"Train {high} now, with the other settings of the form.",
                )


def _train(experiment: Experiment, settings: Settings, changes: dict[str, object]) -> None:
    set_values(experiment, changes)
    _run(Panel(experiment, replace(settings, config=settings.config.model_copy(update=changes))))


def _find_run(panel: Panel) -> None:
    """The run of a new address; else, at first, the one this browser has live for this lab."""
    named = panel.asked_for()
    if named:
        panel.show(named)
    elif panel.run_id is None and panel.first_look() and not st.query_params:  # a link with settings means them
        mine = [run.id for run in shared().live(owner()) if run.experiment == panel.experiment.key]
        if mine:
            panel.show(mine[0])


def _look(panel: Panel) -> Snapshot | None:
    """The run as it stands; a run that this machine does not have is said and forgotten."""
    if panel.run_id is None:
        return None
    try:
        snapshot = shared().snapshot(panel.run_id, viewer=owner())
    except KeyError:
        panel.say("The run in this link is not stored on this machine. Its settings are in the form: press Run.")
        panel.show(None)
        st.query_params.pop(RUN, None)
        return None
    if snapshot is not None and snapshot.run.experiment != panel.experiment.key:
        panel.say("The run in this link belongs to another lab.")
        panel.show(None)
        return None
    return snapshot


def _controls(panel: Panel, snapshot: Snapshot | None) -> None:
    state = snapshot.run.state if snapshot else None
    alive = snapshot is not None and not snapshot.run.final
    label, icon, act = {
        "running": ("Pause", ":material/pause:", _pause),
        "queued": ("Pause", ":material/pause:", _pause),
        "paused": ("Resume", ":material/play_arrow:", _resume),
    }.get(state or "", ("Run", ":material/play_arrow:", _run))
    key = panel.experiment.key
    with st.container(horizontal=True, key=f"{key}:buttons"):
        st.button(
            label,
            icon=icon,
            type="primary",
            shortcut="Space",
            key=f"{key}:main",
            on_click=act,
            args=(panel,),
            help="Train these settings now." if act is _run else None,
        )
        st.button(
            "Step",
            icon=":material/skip_next:",
            key=f"{key}:step",
            disabled=not alive,
            on_click=_step,
            args=(panel,),
            help="One event further, then pause.",
        )
        st.button(
            "Stop",
            icon=":material/stop:",
            key=f"{key}:stop",
            disabled=not alive,
            on_click=_stop,
            args=(panel,),
            help="End it; what was measured stays.",
        )
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key=f"{key}:reset",
            disabled=snapshot is None,
            on_click=_reset,
            args=(panel,),
            help="Clear the curves; the seeds stay the same.",
        )
        st.button(
            "New seed",
            icon=":material/casino:",
            key=f"{key}:seed",
            on_click=_new_seed,
            args=(panel,),
            help="Clear the curves and draw another first seed.",
        )
        if alive:
            _keep(panel, snapshot)
    _status(panel, snapshot)


def _status(panel: Panel, snapshot: Snapshot | None) -> None:
    message = panel.said()
    if message:
        st.warning(message)
    for problem in shared().store.problems:
        st.warning(problem)
    if snapshot is None:
        st.caption(f"Nothing trained here yet. Runs on {shared().device_name}.")
    else:
        _progress(snapshot)
        _stale(panel, snapshot)
    _offer_stored(panel, snapshot)


def _progress(snapshot: Snapshot) -> None:
    run = snapshot.run
    st.progress(min(max(snapshot.progress, 0.0), 1.0), text=_progress_text(snapshot))
    if run.error:
        st.error(run.error)
    if snapshot.problem and snapshot.problem not in shared().store.problems:
        st.warning(snapshot.problem)
    if run.state == "interrupted":
        st.info("The server stopped in the middle of this run. What was measured is below; Run starts it again.")
    for note in snapshot.notes[-3:]:
        st.caption(note)


def _progress_text(snapshot: Snapshot) -> str:
    run = snapshot.run
    states = list(snapshot.seed_states.values())
    done, moving = states.count("finished"), states.count("running")
    waiting = len(states) - done - moving
    seeds = f"{done} of {len(states)} seed{'s' * (len(states) != 1)} done"
    parts = [run.state.capitalize(), seeds]
    if not run.final:
        parts += [f"{moving} training"] * bool(moving) + [f"{waiting} waiting"] * bool(waiting)
        if snapshot.queue_position:
            parts.append(f"number {snapshot.queue_position} in the queue")
        if snapshot.seconds_left is not None and run.state == "running":
            parts.append(f"{_duration(snapshot.seconds_left)} left")
        if snapshot.viewers > 1:
            parts.append(f"{snapshot.viewers} watching")
    else:
        parts.append(f"{_duration(run.seconds)} of training")
    return " · ".join([*parts, run.device_name])


def _stale(panel: Panel, snapshot: Snapshot) -> None:
    """Say so when a knob that retrains has moved since this run began."""
    experiment, settings = panel.experiment, panel.settings
    shown = experiment.config.parse(snapshot.run.config)
    moved = [
        f"{experiment.config.knob(name).label}: {experiment.config.knob(name).label_of(old)} → "
        f"{experiment.config.knob(name).label_of(new)}"
        for name, (old, new) in shown.differences(settings.config).items()
        if experiment.config.knob(name).retrains
    ]
    if set(snapshot.run.seeds) != set(settings.seeds):
        moved.append(f"seeds: {_seed_text(snapshot.run.seeds)} → {_seed_text(settings.seeds)}")
    if moved:
        st.info(f"The curves are of earlier settings. Moved since: {'; '.join(moved)}.", icon=":material/history:")
        if not snapshot.run.final:
            st.button("Stop and run these settings", key=f"{experiment.key}:again", on_click=_run_again, args=(panel,))


def _offer_stored(panel: Panel, snapshot: Snapshot | None) -> None:
    """A finished result of exactly these settings and seeds that is not on screen."""
    scheduler, settings = shared(), panel.settings
    identity = scheduler.identity(panel.experiment.key, settings.config)
    for record in scheduler.store.runs(identity=identity, states=("finished",), limit=20):
        if set(settings.seeds) <= set(record.seeds) and (snapshot is None or record.id != snapshot.run.id):
            when = time.strftime("%-d %b %H:%M", time.localtime(record.finished or record.created))
            label = f"Show stored result ({_seed_text(record.seeds)}, {when})"
            st.button(
                label, key=f"{panel.experiment.key}:stored", on_click=panel.show, args=(record.id,), type="tertiary"
            )
            return


def _keep(panel: Panel, snapshot: Snapshot) -> None:
    st.toggle(
        "Keep training while I am away",
        value=snapshot.run.keep,
        key=f"{panel.experiment.key}:keep:{snapshot.run.id}",
        disabled=snapshot.run.owner != owner(),
        on_change=_toggle_keep,
        args=(panel, not snapshot.run.keep),
    )


def _run(panel: Panel) -> None:
    try:
        started = shared().start(panel.experiment.key, panel.settings.config, panel.settings.seeds, owner())
    except AdmissionError as error:
        panel.say(str(error))
        return
    panel.show(started.run_id)
    if started.joined:
        panel.say("The very same training is running already: you are watching it now.")
    elif started.reused:
        panel.say(f"Stored already: {_seed_text(started.reused)}. Only the others train.")


def _run_again(panel: Panel) -> None:
    _stop(panel)
    _run(panel)


def _pause(panel: Panel) -> None:
    _only_owner(panel, Scheduler.pause, "pause it")


def _resume(panel: Panel) -> None:
    _only_owner(panel, Scheduler.resume, "let it go on")


def _step(panel: Panel) -> None:
    _only_owner(panel, Scheduler.step, "step it")


def _stop(panel: Panel) -> None:
    _only_owner(panel, Scheduler.stop, "stop it")


def _only_owner(panel: Panel, act: Callable[[Scheduler, str, str], bool], words: str) -> None:
    if panel.run_id is None:
        return
    panel.show(panel.run_id)
    if not act(shared(), panel.run_id, owner()):
        panel.say(f"Somebody else started this run; only they can {words}. Run your own settings to be in charge.")


def _reset(panel: Panel) -> None:
    if panel.run_id is not None:
        shared().stop(panel.run_id, owner())
    panel.show(None)
    st.query_params.pop(RUN, None)


def _new_seed(panel: Panel) -> None:
    _reset(panel)
    new_seed(panel.experiment)


def _toggle_keep(panel: Panel, on: bool) -> None:
    if panel.run_id is not None:
        shared().keep_training(panel.run_id, owner(), on)


def _seed_text(seeds: tuple[int, ...]) -> str:
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"seeds {ordered[0]}–{ordered[-1]}"
    return f"seed{'s' * (len(ordered) != 1)} {', '.join(map(str, ordered))}"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60} s"
