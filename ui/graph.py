"""A trained net on its graph, as parts of the graph lab's page: the picture, one node's sum in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.contract import Experiment
from core.data.layout import positions
from core.figures import graph as figures
from ui.ask import ask
from ui.plot import clickable, newly_clicked, plot
from ui.results import Result

PICTURE, NODE = "graph picture", "node"
COLOURS = {"labels": "the true class", "said": "what the net says"}
ALL_HEADS = -1


def pictured(experiment: Experiment, result: Result, step: float | None, words: Mapping[str, str]) -> None:
    """The graph at one moment, and how the chosen node arrives at its answer."""
    seed = result.snapshot.run.seeds[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.segmented_control(
            "Colour",
            list(COLOURS),
            default="labels",
            required=True,
            format_func=COLOURS.__getitem__,
            key=f"{experiment.key}:colour",
        )
        layer, head = _weights_of(experiment, result)
        chosen = st.container(width=220)
    found = ask(experiment, result, "picture", step=step, split_seed=seed, layer=layer, head=head)
    if found is None:
        return
    nodes = len(found["labels"])
    with chosen:
        node = _node(experiment, nodes)
    places = positions(found["edges"][~found["added"]], nodes)  # without what was added: it stays where it is
    clickable(figures.graph(found, places, by=by, node=node), PICTURE, height=560, caption=words["picture"])
    st.caption(f"{figures.said(found)} Net: first seed ({seed}); {result.label}.")
    told = ask(experiment, result, "neighbourhood", step=step, split_seed=seed, node=node)
    if told is not None:
        _sum(told, experiment.config.parse(result.snapshot.run.config), node, words)


def _weights_of(experiment: Experiment, result: Result) -> tuple[int, int]:
    """Whose weights are drawn: the layer, and of GAT the head."""
    config = result.snapshot.run.config
    if config["model"] == "mlp":
        return 0, ALL_HEADS
    layers = list(range(1, config["layers"] + 1))
    layer = st.selectbox("Weights of layer", layers, key=f"{experiment.key}:layer:{len(layers)}", width=140)
    if config["model"] != "gat":
        return layer - 1, ALL_HEADS
    heads = config["output_heads"] if layer == len(layers) else config["heads"]
    if heads == 1:
        return layer - 1, 0
    names = {ALL_HEADS: "all, their mean"} | {one: f"head {one + 1}" for one in range(heads)}
    key = f"{experiment.key}:head:{heads}"
    return layer - 1, st.selectbox("Head", list(names), format_func=names.__getitem__, key=key, width=160)


def _node(experiment: Experiment, nodes: int) -> int:
    """The node that is looked at: typed, or clicked."""
    key = f"{experiment.key}:{NODE}:{nodes}"
    if clicked := newly_clicked(PICTURE):
        node = figures.node_at(clicked.trace, clicked.index, nodes)
        if node is not None:
            st.session_state[key] = node
    return int(st.number_input(f"Node (0 to {nodes - 1:,}), or click one", 0, nodes - 1, key=key))


def _sum(found: Mapping[str, Any], config: Any, node: int, words: Mapping[str, str]) -> None:
    left, right = st.columns([1.25, 1])
    with left:
        st.markdown(figures.equation(found, config, node))
        rows = figures.term_rows(found)
        if rows:
            st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 320))
    with right:
        plot(figures.terms(found), "terms", height=320, caption=words["terms"])
