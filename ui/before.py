"""Before Run: what will be trained, and about how long it takes, from earlier runs on this machine."""

from __future__ import annotations

import streamlit as st

from core import provenance
from core.engine.estimate import Estimate, estimate
from core.engine.scheduler import shared
from ui.panel import Panel, seed_text


def before_run(panel: Panel) -> None:
    """A button that says how long, and opens all that is known before anything is trained."""
    experiment, settings, scheduler = panel.experiment, panel.settings, shared()
    training = scheduler.to_train(experiment.key, settings.config, settings.seeds)
    found = estimate(
        scheduler.store,
        experiment,
        settings.config,
        scheduler.identity(experiment.key, settings.config),
        scheduler.device.type,
        training,
        scheduler.at_once,
    )
    label = f"What will run: {in_words(found)}" if found else "What will run"
    with st.popover(label, icon=":material/info:", key=f"{experiment.key}:before"):
        rests = f"{in_words(found)}, if nothing else trains; from {found.basis}" if found else "nothing like it ran yet"
        facts = {
            "seeds": seed_text(settings.seeds) + _stored(len(settings.seeds) - len(training)),
            **provenance.facts(experiment, settings.config, scheduler.device_name),
            "time": rests,
        }
        st.table([{"": name, "of the next run": fact} for name, fact in facts.items()], hide_index=True)


def _stored(count: int) -> str:
    return f" ({count} of them stored already)" if count else ""


def in_words(found: Estimate) -> str:
    """An estimate as one says it: "about 40 s", "40 s to 2 min"."""
    low, high = _duration(found.low), _duration(found.high)
    return f"about {high}" if low == high else f"{low} to {high}"


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{max(seconds, 1):.0f} s"
    return f"{round(seconds, -1):.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
