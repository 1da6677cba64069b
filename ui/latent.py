"""What one trained autoencoder keeps, as parts of a page: pictures, its cloud of codes, codes moved by hand, walks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core.contract import Experiment
from core.data import vectors
from core.figures import autoencoder as figures
from core.figures.autoencoder import MOST_STRIPS
from core.queries.latent import moved
from ui.ask import ask
from ui.picture import picture_input
from ui.plot import clickable, newly_clicked, plot
from ui.results import Result

ROW = 8  # pictures side by side
SLIDERS, FARTHEST = 8, 3.0  # how many, and how far each goes, in standard deviations
WALK_STEPS = 11
LABELS = 200  # the count that is put into words


@dataclass(frozen=True)
class Latent:
    """The parts; each takes a result and the moment to ask about (None: its end)."""

    experiment: Experiment
    words: Mapping[str, str]

    def reconstructions(self, result: Result, step: float | None) -> None:
        """What goes in, what is seen of it, what comes out; of the test split, or one's own."""
        dataset = dataset_of(result)
        left, right = st.columns([1, 2.6])
        with left:
            first = self._sample("First test sample", "first", dataset, 0)
            own = _own(dataset)
        last = min(first + (ROW if own is None and dataset != "gaussian" else MOST_STRIPS), vectors.TEST[dataset])
        shown = tuple(range(first, last))
        asked: dict[str, Any] = {"indices": shown} if own is None else {"picture": own}
        found = ask(self.experiment, result, "reconstruct", step=step, **asked)
        if found is None:
            return
        names = [f"#{index}" for index in shown] if own is None else ["your own"]
        with right:
            words = self.words["pictures"] if own is None else "Your own picture, and what comes back of it."
            plot(figures.reconstructions(found, names), "given back", height=340, caption=words)
        over = f", mean of the {len(names)} on show" if own is None else ""
        left.caption(f"Squared error without corruption: {np.mean(found['error']):.3g}{over}. {whose(result)}")

    def cloud(self, result: Result, step: float | None) -> None:
        """Codes as points; a click on one, or its number, shows the sample and what the net gives back."""
        dataset = dataset_of(result)
        left, right = st.columns([1, 2.2])
        with left:
            dimensions = st.segmented_control(
                "View", (2, 3), default=2, required=True, key="autoencoder:view", format_func="{}-D".format
            )
        found = ask(self.experiment, result, "cloud", step=step, dimensions=dimensions)
        if found is None:
            return
        chart = f"cloud {dataset}"
        clicked = newly_clicked(chart)
        sample = figures.sample_at(found, clicked.trace, clicked.index[0]) if clicked else None
        if sample is not None:
            st.session_state[_key("cloud", dataset)] = sample
        with left:
            index = self._sample("Test sample, or click a point", "cloud", dataset, 0, len(found["indices"]))
            if one := ask(self.experiment, result, "reconstruct", step=step, indices=(index,)):
                name = f"#{index}, class {one['labels'][0]}"
                plot(figures.reconstructions(one, [name]), "chosen", height=260)
        with right:
            clickable(figures.cloud(found, index), chart, height=430, caption=figures.shown_as(found))
            plot(figures.spectrum(found), "spectrum", height=200, caption=self.words["spectrum"])
        left.caption(f"Codes of the first {len(found['indices'])} test samples. {whose(result)}")

    def by_hand(self, result: Result, step: float | None) -> None:
        """A test sample's code, moved by sliders and decoded at once."""
        dataset = dataset_of(result)
        left, right = st.columns([1.6, 1])
        with left:
            index = self._sample("Start from test sample", "hand", dataset, 0)
            start = ask(self.experiment, result, "directions", step=step, index=index, count=SLIDERS)
            if start is None:
                return
            places = _sliders(figures.direction_names(start), f"{_key('hand', dataset)}:{index}")
        before = ask(self.experiment, result, "decode", step=step, code=moved(start, np.zeros(len(places))))
        after = ask(self.experiment, result, "decode", step=step, code=moved(start, places))
        if before and after:
            rows = np.stack([before["output"], after["output"]])
            with right:
                plot(figures.pictures({"decoded": rows}, ["as it was", "moved"]), "decoded", height=240)
                what = "direct" if start["direct"] else "principal"
                st.caption(f"{self.words[what].format(numbers=len(start['code']))} {whose(result)}")

    def walk(self, result: Result, step: float | None) -> None:
        """From one test sample to another: the line between their codes decoded, beside the inputs faded."""
        dataset = dataset_of(result)
        left, right = st.columns(2)
        with left:
            a = self._sample("From test sample", "from", dataset, 0)
        with right:
            b = self._sample("To test sample", "to", dataset, 1)
        if found := ask(self.experiment, result, "walk", step=step, a=a, b=b, steps=WALK_STEPS):
            shown = slice(None, None, 2 if dataset == "gaussian" else 1)
            names = [f"{100 * part // (WALK_STEPS - 1)} %" for part in range(WALK_STEPS)][shown]
            rows = {"decoded": found["outputs"][shown], "faded": found["blend"][shown]}
            plot(figures.pictures(rows, names), "walk", height=280, caption=self.words["walk"])
            st.caption(whose(result))

    def few_labels(self, result: Result, step: float | None) -> None:
        """Probes on ten to 5,000 labels; some seconds of work, so it is asked for."""
        if result.origin == "live":
            st.info("This is measured on a net that has ended. It appears here then.")
            return
        wanted = f"autoencoder:few:{result.snapshot.run.id}:{step}"
        if not st.session_state.get(wanted):
            st.button(
                "Train the probes",
                icon=":material/play_arrow:",
                key=f"{wanted}:button",
                on_click=st.session_state.__setitem__,
                args=(wanted, True),
                help="Twenty small trainings; some seconds.",
            )
            st.caption(self.words["few"])
            return
        if found := ask(self.experiment, result, "few_labels", step=step):
            classes = vectors.CLASSES[dataset_of(result)]
            plot(figures.few_labels(found, classes), "few labels", height=340, caption=self.words["few"])
            st.caption(f"{figures.gain(found, LABELS)} {whose(result)}")

    def _sample(self, label: str, name: str, dataset: vectors.VectorSet, first: int, count: int = 0) -> int:
        """Which test sample; the first time `first`. count: how many there are to choose from, 0 for all."""
        key, most = _key(name, dataset), (count or vectors.TEST[dataset]) - 1
        st.session_state.setdefault(key, first)
        return int(st.number_input(label, 0, most, key=key))


def dataset_of(result: Result) -> vectors.VectorSet:
    """What the net was trained on, whatever the form says by now."""
    found: vectors.VectorSet = result.snapshot.run.config["dataset"]
    return found


def whose(result: Result) -> str:
    """Which net answered."""
    config = result.snapshot.run.config
    return f"Net: {config['kind']}, latent size {config['latent']}; {result.label}; its first seed."


def _own(dataset: vectors.VectorSet) -> np.ndarray | None:
    """A digit drawn or uploaded, (side, side) from 0 to 1; None for numbers nobody draws, and before it is drawn."""
    if dataset == "gaussian":
        return None
    side = vectors.SHAPES[dataset][0]
    drawn = picture_input(f"autoencoder:own:{dataset}", side=side, colour=False, prompt="Or a digit of your own")
    return None if drawn is None else drawn[0] / 255.0


def _sliders(names: list[str], key: str) -> list[float]:
    """One slider a direction, in standard deviations, in two columns."""
    keys, columns = [f"{key}:{place}" for place in range(len(names))], st.columns(2)
    found = []
    for place, name in enumerate(names):
        st.session_state.setdefault(keys[place], 0.0)
        label = f"{name} (standard deviations)"
        found.append(
            columns[2 * place // len(names)].slider(
                label, -FARTHEST, FARTHEST, step=0.1, format="%.1f", key=keys[place]
            )
        )
    if any(found):
        st.button("Back to the sample", icon=":material/undo:", key=f"{key}:back", on_click=_back, args=(keys,))
    return found


def _back(keys: list[str]) -> None:
    for key in keys:
        st.session_state[key] = 0.0


def _key(name: str, dataset: str) -> str:
    return f"autoencoder:{name}:{dataset}"
