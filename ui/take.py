"""Take it away: a run as files, as a command line, as a script of its own, and as links."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from core.config import Config
from core.contract import Experiment
from core.engine import recorded
from core.engine.records import Snapshot
from core.engine.scheduler import shared
from core.events import Weights
from core.export import archive, recipe, tables
from core.export.page import Drawing, page
from ui.address import CLASS, classroom
from ui.form import RUN, Settings, link_fields
from ui.plot import ASSETS
from ui.results import recorded_for

BYTES = "application/octet-stream"


@dataclass(frozen=True)
class Take:
    """What is taken away: a run that somebody started here, or a recorded one.

    figures: those of the page, by key. form: what its form says.
    """

    experiment: Experiment
    snapshot: Snapshot
    figures: Mapping[str, Drawing]
    form: Config

    @property
    def stem(self) -> str:
        """How its files are called."""
        name = self.snapshot.run.id
        return f"layerlab-{name if self.snapshot.recorded else f'{self.experiment.key}-{name[:8]}'}"

    @property
    def has_weights(self) -> bool:
        """Whether any seed has some by now: a training may have none, or have ended before its first checkpoint."""
        return any(self._weights_of(seed) is not None for seed in self.snapshot.run.seeds)

    def now(self) -> Snapshot:
        """The run as it stands when a button is pressed, which may be long after the page was drawn."""
        if self.snapshot.recorded:
            return self.snapshot
        try:
            return shared().snapshot(self.snapshot.run.id) or self.snapshot
        except KeyError:  # deleted meanwhile
            return self.snapshot

    def csv(self) -> bytes:
        """The numbers, one a line."""
        return tables.as_csv(self.experiment, self.now())

    def json(self) -> bytes:
        """The numbers and everything about them."""
        return tables.as_json(self.experiment, self.now())

    def html(self) -> bytes:
        """The page's figures in one file."""
        return page(self.experiment, self.now(), list(self.figures.values()), self.form)

    def tensorboard(self) -> bytes:
        """The curves as event files."""
        return archive.tensorboard(self.experiment, self.now())

    def weights(self) -> bytes:
        """The weights of every seed that has some."""
        found = {seed: self._weights_of(seed) for seed in self.snapshot.run.seeds}
        there = {seed: weights for seed, weights in found.items() if weights is not None}
        return archive.weights_file(self.experiment, self.snapshot, there)

    def script(self) -> bytes:
        """The standalone script with this run's settings."""
        run = self.snapshot.run
        made = self.snapshot.recorded or f"trained on {run.device_name}, torch {run.versions.get('torch', 'unknown')}"
        origin = f"LayerLab, {self.experiment.key} version {run.version}, run {run.id}: {made}"
        config = self.experiment.config.parse(run.config)
        return recipe.script(self.experiment, config, run.seeds, run.device, origin)

    def _weights_of(self, seed: int) -> Weights | None:
        """A recorded run keeps those of its first seed only."""
        run = self.snapshot.run
        if self.snapshot.recorded:
            return recorded.weights(run.id) if seed == run.seeds[0] else None
        return shared().store.weights(run.trainings[seed])


def take_away(
    experiment: Experiment, snapshot: Snapshot | None, figures: Mapping[str, Drawing], settings: Settings
) -> None:
    """An expander with everything, drawn once it is open. Nothing is built before its button is pressed.

    snapshot: the run on screen; without one, files are of the recorded run of the form's settings, if there is one.
    figures: those of the page by key; more may come in until a button is pressed.
    """
    place = st.expander("Take it away", icon=":material/ios_share:", key=f"{experiment.key}:take", on_change="rerun")
    if not place.open:
        return  # what few open, nobody's page is drawn with
    with place:
        stored = recorded_for(experiment, settings.config) if snapshot is None else None
        source = snapshot or (stored.snapshot if stored else None)
        if source:
            _files(Take(experiment, source, figures, settings.config))
        else:
            st.caption("Press Run: curves, figures and weights can be taken away from then on.")
        _command(experiment, snapshot, settings)
        _links(snapshot, experiment, settings)


def _files(take: Take) -> None:
    key, stem = take.experiment.key, take.stem
    recorded_run = f"the run {take.snapshot.recorded}" if take.snapshot.recorded else ""
    what = recorded_run or f"the run on screen, {take.snapshot.run.state} when this was drawn"
    st.caption(f"Files of {what}. A chart's own PNG button saves its picture.")
    trained = take.has_weights
    weights = f"{stem}{'.safetensors' if archive.is_single(take.snapshot) else '-weights.zip'}"
    ended = "Trained weights as safetensors." if trained else "They are there once a seed has ended."
    plain = recipe.has_script(take.experiment)
    with st.container(horizontal=True, key=f"{key}:take:files"):
        for name, file, mime, build, usable, help in (
            ("CSV", f"{stem}.csv", "text/csv", take.csv, True, "One line a number: seed, step, metric, value."),
            ("JSON", f"{stem}.json", "application/json", take.json, True, "Settings, versions, device, every series."),
            ("HTML", f"{stem}.html", "text/html", take.html, True, "The figures of this page in one file (5 MB)."),
            ("Weights", weights, BYTES, take.weights, trained, ended),
            ("TensorBoard", f"{stem}-tensorboard.zip", BYTES, take.tensorboard, True, "Event files."),
            ("Script", f"{key}.py", "text/x-python", take.script, plain, "Plain torch; prints the same numbers."),
        ):
            _button(f"{key}:take:{name.lower()}", name, file, mime, build, usable, help)


def _button(key: str, name: str, file: str, mime: str, build: Callable[[], bytes], usable: bool, help: str) -> None:
    st.download_button(
        name, build, file, mime, key=key, help=help, disabled=not usable, on_click="ignore", icon=":material/download:"
    )


def _command(experiment: Experiment, snapshot: Snapshot | None, settings: Settings) -> None:
    run = snapshot.run if snapshot else None
    config = experiment.config.parse(run.config) if run else settings.config
    seeds, device = (run.seeds, run.device) if run else (settings.seeds, "")
    st.caption("The run on screen from the command line." if run else "The settings of the form from the command line.")
    st.code(recipe.command_line(experiment, config, seeds, device), language=None, wrap_lines=True)


def _links(snapshot: Snapshot | None, experiment: Experiment, settings: Settings) -> None:
    _copy("Link to this setting", link_fields(settings), f"{experiment.key}:take:setting")
    name = st.session_state.setdefault(f"{experiment.key}:take:class name", secrets.token_hex(4))
    shared_guesses = "Link for a class, whose guesses are shown together, nameless"
    _copy(shared_guesses, link_fields(settings) | {CLASS: classroom() or name}, f"{experiment.key}:take:class")
    if snapshot is None:
        return
    run = snapshot.run
    exact = Settings(experiment.config.parse(run.config), run.seeds)
    label = "Link to this exact run, for every browser that reaches this server"
    _copy(label, link_fields(exact) | {RUN: run.id}, f"{experiment.key}:take:run")


def _copy(label: str, fields: Mapping[str, str], key: str) -> None:
    public = os.environ.get("LAYERLAB_PUBLIC_URL", "")
    _component(key=key, data={"label": label, "query": urlencode(fields), "publicUrl": public})


_component = st.components.v2.component(
    "layerlab_copy",
    js=(ASSETS / "copy.js").read_text("utf-8"),
    css=(ASSETS / "copy.css").read_text("utf-8"),
    isolate_styles=False,
)
