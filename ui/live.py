"""The run panel: buttons, progress and messages, and the fragments that poll a run while it lives."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from core.config import varied
from core.contract import Experiment
from core.engine.records import RunRecord, Snapshot
from core.engine.scheduler import shared
from ui.before import before_run
from ui.compare import Baseline, controls, strip
from ui.form import Settings
from ui.panel import Panel, seed_text, tab
from ui.security import owner

FOLLOW_SECONDS = 3.0  # between polls of the parts of a page further down

Draw = Callable[[Snapshot | None], None]


def live(experiment: Experiment, settings: Settings, draw: Draw) -> Snapshot | None:
    """Show the panel and whatever `draw` makes of the run's snapshot; keeps both fresh while the run lives.

    Returns the snapshot as of this script run (None: nothing was run yet), for the parts of a page that need not poll.
    A button draws the panel alone, which then polls on its own, so a click is not kept waiting by the rest of the page;
    the page follows once the run has settled (see Panel.pace).
    """
    panel = Panel(experiment, settings)
    panel.find_run()
    panel.whole_page()  # it is being drawn
    snapshot = panel.look()
    baseline = Baseline(experiment)
    baseline.take_link()
    if baseline.run_id and baseline.look() is None:
        panel.say("The run to compare with (A) is not stored on this machine, or belongs to another lab.")

    @st.fragment(key=f"{experiment.key}:panel")
    def steer() -> None:
        if panel.whole_page():
            st.rerun(scope="app")
        now = panel.look()
        pace = panel.pace(now, baseline.look())
        panel.link(baseline.linked())
        _buttons(panel, now)
        with st.container(horizontal=True, key=f"{experiment.key}:tools"):
            before_run(panel)
            controls(panel, now)

        @st.fragment(run_every=pace.seconds, key=f"{experiment.key}:live")
        def poll() -> None:
            now = panel.look()
            _status(panel, now)
            a = baseline.look()
            if a:
                strip(experiment, a, now)
            draw(now)
            if panel.pace(now, a) != pace:
                st.rerun(scope="app")

        poll()

    steer()
    return snapshot


def follow(experiment: Experiment, snapshot: Snapshot | None, draw: Draw, *, key: str) -> None:
    """Draw another part of the page from the run on screen, and keep it fresh, more calmly, while the run lives."""
    run = None if snapshot is None else snapshot.run

    @st.fragment(
        run_every=FOLLOW_SECONDS if run and not run.final else None, key=f"{experiment.key}:{key}", parallel=True
    )
    def poll() -> None:
        draw(fresh(run.id) if run else None)

    poll()


def fresh(run: str) -> Snapshot | None:
    """A run as it stands now; to look is to watch. None for one that was deleted meanwhile: the panel says so."""
    try:
        return shared().snapshot(run, viewer=tab())
    except KeyError:
        return None


def train_buttons(
    experiment: Experiment,
    settings: Settings,
    across: str,
    down: str,
    values: Sequence[float] = (),
    rows: Sequence[object] = (),
) -> None:
    """One button for every combination of two choices: a click sets the form and trains that cell at once.

    values: of `across`, where that is a number; then one more button trains a whole row. rows: of `down`, where not
    all of its choices are meant.
    """
    panel = Panel(experiment, settings)
    st.caption("Each button trains its cell of the table now, with the other settings of the form.")
    knob = experiment.config.knob(down)
    for low in rows or knob.choices or (False, True):  # a switch has no other values
        with st.container(horizontal=True, vertical_alignment="center", key=f"{experiment.key}:cells:{low}"):
            st.markdown(
                f"{knob.label}: {knob.label_of(low)}" if knob.kind == "switch" else knob.label_of(low), width=160
            )
            every = values or experiment.config.knob(across).choices
            for high in every:
                changes = {across: high, down: low}
                about = f"Train {high} now, with the other settings of the form."
                train_button(panel, str(high), f"cell:{low}:{high}", [changes], about)
            if values:
                several = [{across: high, down: low} for high in values]
                train_button(panel, f"All {len(several)} at once", f"cells:{low}:all", several)


def train_row(experiment: Experiment, settings: Settings, field: str, besides: Mapping[str, object]) -> None:
    """A button for every choice of one knob, and one for all of them at once. besides: what they set, too."""
    panel = Panel(experiment, settings)
    knob = experiment.config.knob(field)
    st.caption("Each button trains its choice now, with the other settings of the form.")
    with st.container(horizontal=True, vertical_alignment="center", key=f"{experiment.key}:row:{field}"):
        every: list[dict[str, object]] = [{**besides, field: choice} for choice in knob.choices]
        for changes in every:
            train_button(panel, knob.label_of(changes[field]), f"row:{field}:{changes[field]}", [changes])
        train_button(panel, f"All {len(every)} at once", f"row:{field}:all", every)


def train_button(panel: Panel, label: str, key: str, several: Sequence[dict[str, object]], help: str = "") -> None:
    """Trains these changes of the form's settings at once; of several the last is put on screen."""
    st.button(
        label,
        icon=f":material/{'fast_forward' if len(several) > 1 else 'play_arrow'}:",
        key=f"{panel.experiment.key}:{key}",
        on_click=panel.train_all,
        args=(several,),
        help=help or None,
    )


def _buttons(panel: Panel, snapshot: Snapshot | None) -> None:
    state = snapshot.run.state if snapshot else ""
    alive = snapshot is not None and not snapshot.run.final
    label, icon, act = {
        "running": ("Pause", "pause", panel.pause),
        "queued": ("Pause", "pause", panel.pause),
        "paused": ("Resume", "play_arrow", panel.resume),
    }.get(state, ("Run", "play_arrow", panel.run))
    key = panel.experiment.key
    with st.container(horizontal=True, key=f"{key}:buttons"):
        st.button(
            label,
            icon=f":material/{icon}:",
            type="primary",
            shortcut="Space",
            key=f"{key}:main",
            on_click=act,
            help="Train these settings now." if label == "Run" else None,
        )
        for name, icon, usable, act, help in (
            ("Step", "skip_next", alive, panel.step, "One event further, then pause."),
            ("Stop", "stop", alive, panel.stop, "End it; what was measured stays."),
            ("Reset", "restart_alt", snapshot is not None, panel.reset, "Clear the curves; the seeds stay the same."),
            ("New seed", "casino", True, panel.new_seed, "Clear the curves and draw another first seed."),
        ):
            st.button(
                name,
                icon=f":material/{icon}:",
                key=f"{key}:{name.split()[-1].lower()}",
                disabled=not usable,
                on_click=act,
                help=help,
            )
        if snapshot and alive:
            _keep(panel, snapshot.run)


def _keep(panel: Panel, run: RunRecord) -> None:
    key = f"{panel.experiment.key}:keep:{run.id}"
    st.toggle(
        "Keep training while I am away",
        value=run.keep,
        key=key,
        disabled=run.owner != owner(),
        on_change=panel.keep,
        args=(key,),
    )


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
    _offer_live(panel, snapshot)


def _progress(snapshot: Snapshot) -> None:
    run = snapshot.run
    st.progress(min(max(snapshot.progress, 0.0), 1.0), text=_progress_text(snapshot))
    if run.error:
        st.error(run.error)
    if snapshot.problem and snapshot.problem not in shared().store.problems:
        st.warning(snapshot.problem)
    if run.state == "interrupted":
        st.info("The server stopped in the middle of this run. What was measured is below; Run starts it again.")
    for note in (*snapshot.notes[-3:], *([snapshot.preparing] if snapshot.preparing else [])):
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
    elif run.seconds:  # unknown where the server was killed in the middle
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
        moved.append(f"seeds: {seed_text(snapshot.run.seeds)} → {seed_text(settings.seeds)}")
    if moved:
        st.info(f"The curves are of earlier settings. Moved since: {'; '.join(moved)}.", icon=":material/history:")
        if not snapshot.run.final:
            st.button("Stop and run these settings", key=f"{experiment.key}:again", on_click=panel.run_again)


def _offer_stored(panel: Panel, snapshot: Snapshot | None) -> None:
    """A finished result of exactly these settings and seeds that is not on screen."""
    scheduler, settings = shared(), panel.settings
    identity = scheduler.identity(panel.experiment.key, settings.config)
    for record in scheduler.store.runs(identity=identity, states=("finished",), limit=20):
        if set(settings.seeds) <= set(record.seeds) and (snapshot is None or record.id != snapshot.run.id):
            when = time.strftime("%-d %b %H:%M", time.localtime(record.finished or record.created))
            label = f"Show stored result ({seed_text(record.seeds)}, {when})"
            key = f"{panel.experiment.key}:stored"
            st.button(label, key=key, on_click=panel.show, args=(record.id,), type="tertiary")
            return


def _offer_live(panel: Panel, snapshot: Snapshot | None) -> None:
    """The other live runs of this browser, so that each can be looked at and stopped."""
    others = panel.others(snapshot)
    shown = [snapshot.run.config] if snapshot else []
    fields = varied([*shown, *(run.config for run in others)]) if others else []
    for run in others:
        name = ", ".join(str(run.config[field]) for field in fields) or seed_text(run.seeds)
        key = f"{panel.experiment.key}:live:{run.id}"
        act = partial(panel.show, run.id)
        st.button(f"Also {run.state}: {name}. Show it", key=key, on_click=act, type="tertiary")


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60} s"
