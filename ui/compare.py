"""A against B: a run that is pinned as A, and what differs from it in the run on screen, B."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from core.contract import Experiment
from core.engine import recorded
from core.engine.records import RunRecord, Snapshot
from core.engine.scheduler import shared
from core.statistics import Comparison, compare_all, legible, spread
from ui.address import BASELINE, newly_named, written
from ui.form import widget
from ui.panel import Panel, seed_text, tab


@dataclass(frozen=True)
class Baseline:
    """Run A of an experiment, for this browser session: any run, stored, live or recorded."""

    experiment: Experiment

    @property
    def run_id(self) -> str | None:
        """Which run is pinned."""
        found: str | None = st.session_state.get(self._key)
        return found

    def pin(self, run_id: str | None) -> None:
        """Pin a run as A, or none."""
        st.session_state[self._key] = run_id

    def take_link(self) -> None:
        """Pin what a new address names; an address that we wrote ourselves says nothing new."""
        if named := newly_named(BASELINE, self._key):
            self.pin(named)

    def linked(self) -> str | None:
        """What the address is to name from now on."""
        written(self._key, self.run_id)
        return self.run_id

    def look(self) -> Snapshot | None:
        """A as it stands; a run that is not here (any more), or is of another lab, is unpinned."""
        if self.run_id is None:
            return None
        try:
            snapshot = shared().snapshot(self.run_id, viewer=tab())
        except KeyError:
            snapshot = next((one for one in recorded.read(self.experiment.key) if one.run.id == self.run_id), None)
        if snapshot is None or snapshot.run.experiment != self.experiment.key:
            self.pin(None)
            return None
        return snapshot

    @property
    def _key(self) -> str:
        return f"{self.experiment.key}:{BASELINE}"


def controls(panel: Panel, snapshot: Snapshot | None) -> None:
    """Pin the run on screen as A, change one knob of it for B, or let go of A. Drawn into the row it is called in."""
    experiment, baseline = panel.experiment, Baseline(panel.experiment)
    shown = snapshot.run if snapshot else None
    if shown:
        with st.popover("Change one knob", icon=":material/call_split:", key=f"{experiment.key}:one knob"):
            _change_one(panel, shown)
        if baseline.run_id != shown.id:
            key = f"{experiment.key}:pin"
            st.button("Pin as A", icon=":material/keep:", key=key, on_click=baseline.pin, args=(shown.id,))
    if baseline.run_id:
        key = f"{experiment.key}:unpin"
        st.button("Unpin A", icon=":material/keep_off:", key=key, on_click=baseline.pin, args=(None,))


def _change_one(panel: Panel, a: RunRecord) -> None:
    experiment = panel.experiment
    knobs = {one.name: one for one in experiment.config.knobs() if one.retrains}
    st.caption("The run on screen becomes A. B has the same seeds and data order and one knob different.")
    name = st.selectbox("Knob", list(knobs), format_func=lambda one: knobs[one].label, key=f"{experiment.key}:B knob")
    prefix = f"{experiment.key}:B:{a.id}"
    st.session_state.setdefault(f"{prefix}:{name}", experiment.config.parse(a.config).model_dump()[name])
    widget(prefix, knobs[name])
    value = st.session_state[f"{prefix}:{name}"]
    same = value == a.config[name]
    st.button(
        "Train B",
        icon=":material/play_arrow:",
        type="primary",
        key=f"{experiment.key}:train B",
        disabled=same,
        on_click=_train_other,
        args=(panel, a, name, value),
        help=f"Choose another {knobs[name].label.lower()} first: B would be A." if same else None,
    )


def _train_other(panel: Panel, a: RunRecord, name: str, value: object) -> None:
    Baseline(panel.experiment).pin(a.id)
    panel.start(panel.experiment.config.parse({**a.config, name: value}), a.seeds)


def differences(experiment: Experiment, a: Snapshot, b: Snapshot) -> list[str]:
    """Only what differs between two runs, in words: "Convolution type: fconv → valid"."""
    one, other = (experiment.config.parse(side.run.config) for side in (a, b))
    named = [
        f"{knob.label}: {knob.label_of(old)} → {knob.label_of(new)}"
        for name, (old, new) in one.differences(other).items()
        if (knob := experiment.config.knob(name)).retrains
    ]
    if set(a.run.seeds) != set(b.run.seeds):
        named.append(f"seeds: {seed_text(a.run.seeds)} → {seed_text(b.run.seeds)}")
    if a.run.device != b.run.device:
        named.append(f"device: {a.run.device} → {b.run.device}")
    return named


def strip(experiment: Experiment, a: Snapshot, b: Snapshot | None) -> None:
    """What differs between A and B, the figures of both with signed deltas, and what seed noise says of them."""
    if b is None or b.run.id == a.run.id:
        st.caption("**A** is pinned. Change a knob and press Run: **B** is drawn over it.")
        return
    st.markdown("**A → B** · " + (" · ".join(differences(experiment, a, b)) or "no difference in settings or seeds"))
    names = measured(experiment, a, b)
    found = compare_all(a.summary(names), b.summary(names))
    if not found:
        st.caption("Their figures appear here once both have been measured.")
        return
    st.table([_row(name, a, b, one) for name, one in found.items()], hide_index=True)
    live = [side for side, run in (("A", a.run), ("B", b.run)) if not run.final]
    if live:
        verb = "trains" if len(live) == 1 else "train"
        st.caption(f"{' and '.join(live)} still {verb}: these are the figures as they stand.")


def measured(experiment: Experiment, a: Snapshot, b: Snapshot) -> list[str]:
    """The metrics to compare: those that sum a training up, or before there are any, all that both have."""
    both = [name for name in a.series if name in b.series]
    return [name for name in experiment.summary if name in both] if {*experiment.summary} <= {*both} else both


def _row(name: str, a: Snapshot, b: Snapshot, found: Comparison) -> Mapping[str, str]:
    values = [side.summary([name])[name] for side in (a, b)]
    if found.paired:  # the seeds that both have: the others are no part of the difference
        common = values[0].keys() & values[1].keys()
        values = [{seed: value for seed, value in side.items() if seed in common} for side in values]
    one, other = (spread(list(side.values())) for side in values)
    live = not (a.run.final and b.run.final)
    return {
        "": name,
        "A": str(one),
        "B": str(other),
        "B − A": legible(found.difference, sign="+"),
        "Bigger than seed noise?": "Still training: no verdict yet." if live else found.sentence,
    }
