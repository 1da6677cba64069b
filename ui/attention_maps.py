"""What one trained vision transformer looks at, as a part of a page: attention maps, who asks, rollout."""

from __future__ import annotations

import math
from collections.abc import Mapping

import streamlit as st

from core.contract import Experiment
from core.data import squares
from core.figures import vit as figures
from ui.ask import ask
from ui.picture import picture_input
from ui.plot import clickable, newly_clicked, plot
from ui.results import Result

ROW_PX, LEAST_PX = 105, 240  # of a row of maps, and of all of them
MAPS, ASKING, PICTURE = "attention maps", "asking", "picture"
EVERYBODY = "all patches, their mean"


def where_it_looks(experiment: Experiment, result: Result, step: float | None, words: Mapping[str, str]) -> None:
    """Attention maps of a test picture or one's own, for the token that is chosen or clicked; below, rollout."""
    left, right = st.columns([1, 2.6])
    with left:
        index = st.number_input("Test picture", 0, 9_999, 0, key=f"{experiment.key}:{PICTURE}")
        asks = st.container()
        in_colour = squares.COLOUR[result.snapshot.run.config["dataset"]] == 3
        own = picture_input(f"{experiment.key}:own", side=squares.SIDE, colour=in_colour, prompt="Or one of your own")
    asked = {"index": int(index)} if own is None else {"picture": own}
    found = ask(experiment, result, "attention", step=step, **asked)
    if found is None:
        return
    weights, class_tokens = found["weights"], int(found["class tokens"])
    layers, heads, tokens, _ = weights.shape
    with asks:
        token = _who_asks(experiment.key, layers, heads, tokens, class_tokens)
    with right:
        figure = figures.attention_maps(found["picture"], weights, token, class_tokens)
        clickable(figure, MAPS, height=max(LEAST_PX, ROW_PX * layers), caption=words["maps"])
        plot(figures.rollout(found["picture"], found["rollout"]), "rollout", height=190, caption=words["rollout"])
    label = int(found["label"])
    said = figures.said(found["probabilities"], [str(name) for name in found["classes"]], label)
    what = f"Test picture {index}." if label >= 0 else "Your own picture."
    asks.markdown(f"{what} {said}")
    asks.caption(f"Net: first seed; {result.label}.")


def _who_asks(lab: str, layers: int, heads: int, tokens: int, class_tokens: int) -> int | None:
    """The token whose attention is shown: chosen in a list, or clicked on a map. None: the mean of all.

    The first in the list is what the net reads at its end.
    """
    names = figures.token_names(tokens - class_tokens, class_tokens)
    key = f"{lab}:{ASKING}:{tokens}:{class_tokens}"
    if clicked := newly_clicked(MAPS):
        cell = figures.asked_at(clicked.index, layers, heads, math.isqrt(tokens - class_tokens))
        if cell is not None:
            st.session_state[key] = names[cell + class_tokens]
    every = [] if class_tokens else [EVERYBODY]
    chosen = st.selectbox("Who asks, or click a patch", [*every, *names], key=key)
    return None if chosen == EVERYBODY else names.index(chosen)
