"""The graph algebra lab's graph: drawn by clicks, written as text; its matrices, its walks, its Laplacian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import streamlit as st

from core.contract import Demo
from core.demos import graph_algebra as algebra
from core.demos import graph_layers as layers
from core.demos.graph_algebra import MOST_NODES, GraphAlgebraConfig, SmallGraph
from core.demos.graph_layers import WIDTH, Rows, number, vector
from core.figures import graph_algebra as figures
from core.statistics import raised
from ui.form import Settings, knob_here, knobs_here, set_values
from ui.plot import clickable, newly_clicked, plot
from ui.stepping import Stepper

KEY = "graph_algebra"
DRAWING, POWERS = "graph algebra drawing", "graph algebra powers"
NODE, START, END, PAST, SHOWN = (f"{KEY}:{name}" for name in ("node", "start", "end", "past", "shown"))
NOBODY = "none"
MOST_UNDONE = 100
MOST_LINES, LISTED_PX = 10, 280  # of a list of walks; a longer one scrolls
GRAPH_FIELDS = ("graph", "size", "edges", "features")


@dataclass(frozen=True)
class Scene:
    """The page's graph and features as the form says them."""

    topic: Demo
    words: Mapping[str, str]
    settings: Settings

    @property
    def config(self) -> GraphAlgebraConfig:
        """The form's."""
        return cast(GraphAlgebraConfig, self.settings.config)

    @cached_property
    def graph(self) -> SmallGraph:
        """Read from its text where it is one's own."""
        return algebra.graph_of(self.config)[0]

    @cached_property
    def features(self) -> Rows:
        """X, with notes."""
        return layers.features_of(self.config)

    @property
    def x(self) -> np.ndarray:
        """X (nodes, 2)."""
        return self.features.values

    @property
    def places(self) -> np.ndarray:
        """Where the nodes stand."""
        few = self.graph.nodes <= MOST_NODES
        return figures.on_a_circle(self.graph.nodes) if few else algebra.spread_out(self.graph)

    def knobs(self, *names: str) -> None:
        """Knobs of one section beside one another."""
        knobs_here(self.topic, self.settings, *names)


# --- drawing


def take_clicks(topic: Demo) -> None:
    """What was clicked since the last time; before the form is drawn, whose graph it may change."""
    point, cell, now = newly_clicked(DRAWING), newly_clicked(POWERS), st.session_state
    shown: GraphAlgebraConfig | None = now.get(SHOWN)  # the graph that was clicked
    if shown is None:
        return
    count = algebra.graph_of(shown)[0].nodes
    if point and point.trace == figures.NODES and point.index[0] < count:
        _tapped(topic, shown, point.index[0] + 1)
    if cell and len(cell.index) == 2 and max(cell.index) < count:
        now[START], now[END] = (one + 1 for one in cell.index)


def _tapped(topic: Demo, shown: GraphAlgebraConfig, node: int) -> None:
    """The first click on a node chooses it, one on another node adds or removes the edge between them."""
    now, small = st.session_state, algebra.graph_of(shown)[0]
    before = now.get(NODE, NOBODY)
    if before == NOBODY or small.nodes > MOST_NODES:
        now[NODE] = node
        return
    now[NODE] = NOBODY
    if before != node:
        _redraw(topic, shown, small.toggled(before, node))


def _redraw(topic: Demo, shown: GraphAlgebraConfig, small: SmallGraph, **more: Any) -> None:
    """The graph is one's own from now on; what it was can be had back."""
    _remember(shown)
    set_values(topic, {"graph": "own", "edges": small.text, **more})


def _remember(shown: GraphAlgebraConfig) -> None:
    past = st.session_state.setdefault(PAST, [])
    past.append({name: getattr(shown, name) for name in GRAPH_FIELDS})
    del past[:-MOST_UNDONE]


def _undo(topic: Demo) -> None:
    set_values(topic, st.session_state[PAST].pop())


def draw_graph(scene: Scene) -> None:
    """The drawing, what can be done to it, and what can be said of it at once."""
    if notes := (*algebra.graph_of(scene.config)[1], *scene.features.notes):
        st.info("\n\n".join(notes))
    st.session_state[SHOWN] = scene.config
    small = scene.graph
    if st.session_state.get(NODE, NOBODY) not in range(1, small.nodes + 1):
        st.session_state[NODE] = NOBODY
    node = None if st.session_state[NODE] == NOBODY else st.session_state[NODE]
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        few = small.nodes <= MOST_NODES
        figure = figures.drawing(small.edges, scene.places, node)
        clickable(figure, DRAWING, height=340, caption=scene.words["drawing" if few else "large"])
    with right:
        _editing(scene, node)
        st.markdown(_in_short(small))


def _editing(scene: Scene, node: int | None) -> None:
    small, topic = scene.graph, scene.topic
    few = small.nodes <= MOST_NODES
    options = [NOBODY, *range(1, small.nodes + 1)]
    st.selectbox("Chosen node", options, key=NODE, help="Or click it in the drawing.")
    if node is not None:
        _numbers(scene, node)
    with st.container(horizontal=True, key=f"{KEY}:edit"):
        full = small.nodes >= MOST_NODES
        if st.session_state.get(PAST):
            st.button("Undo", icon=":material/undo:", key=f"{KEY}:undo", on_click=_undo, args=(topic,))
        if few:
            more = {"on_click": _add, "args": (scene,), "disabled": full, "key": f"{KEY}:add"}
            st.button("Add a node", icon=":material/add:", **more)
        if few and node is not None and small.nodes > 1:
            more = {"on_click": _remove, "args": (scene, node), "key": f"{KEY}:remove"}
            st.button(f"Remove node {node}", icon=":material/remove:", **more)
        if few and scene.config.graph != "own":
            more = {"on_click": _redraw, "args": (topic, scene.config, small), "key": f"{KEY}:text"}
            st.button("Edit as text", icon=":material/edit:", **more)


def _numbers(scene: Scene, node: int) -> None:
    for place, column in enumerate(st.columns(WIDTH)):
        key = f"{KEY}:x{place}:{node}"
        st.session_state[key] = float(scene.x[node - 1, place])
        label = f"x{node}, {'first' if place == 0 else 'second'} number"
        more = {"key": key, "on_change": _set_number, "args": (scene, node, place, key)}
        column.number_input(label, -layers.BOUND, layers.BOUND, step=1.0, format="%g", **more)


def _set_number(scene: Scene, node: int, place: int, key: str) -> None:
    x = scene.x.copy()
    x[node - 1, place] = st.session_state[key]
    _remember(scene.config)
    set_values(scene.topic, {"features": layers.as_text(x)})


def _add(scene: Scene) -> None:
    more = {"features": layers.as_text(np.vstack([scene.x, np.zeros(WIDTH)]))} if scene.config.features else {}
    _redraw(scene.topic, scene.config, scene.graph.with_node(), **more)
    st.session_state[NODE] = scene.graph.nodes + 1


def _remove(scene: Scene, node: int) -> None:
    _redraw(
        scene.topic,
        scene.config,
        scene.graph.without(node),
        features=layers.as_text(np.delete(scene.x, node - 1, axis=0)),  # each of the others keeps its own
    )
    st.session_state[NODE] = NOBODY


def _in_short(small: SmallGraph) -> str:
    """Nodes, edges, degrees, pieces."""
    degrees, found = small.degrees, algebra.components(small)
    top = max(degrees)
    most = [str(node) for node, one in enumerate(degrees, start=1) if one == top]
    said = " ".join(map(str, degrees)) if small.nodes <= MOST_NODES else f"{min(degrees)} to {top}"
    who = f"nodes {', '.join(most)}" if len(most) > 1 else f"node {most[0]}"
    counts = ((small.nodes, "node"), (len(small.edges), "edge"), (found, "connected piece"))
    return f"{', '.join(_counted(count, name) for count, name in counts)}. Degrees: {said}; highest ({top}): {who}."


def _counted(count: int, name: str) -> str:
    return f"**{count:,}** {name}{'' if count == 1 else 's'}"


# --- matrices


def matrices(scene: Scene) -> None:
    """A, D, L and their normalised forms."""
    knob_here(scene.topic, scene.settings, "loops")
    found = algebra.matrices(scene.graph, scene.config.loops)
    caption = scene.words["loops" if scene.config.loops else "matrices"]
    plot(figures.matrices(found), "graph algebra matrices", height=3 * figures.ROW_PX, caption=caption)


def spectrum(scene: Scene) -> None:
    """Eigenvalues of L: connected pieces, and the cut."""
    found = algebra.spectrum(scene.graph)
    left, right = st.columns(2)
    with left:
        plot(figures.eigenvalues(found.values), "graph algebra eigenvalues", height=260)
    if found.fiedler is not None:
        with right:
            plot(figures.fiedler(found.fiedler), "graph algebra fiedler", height=260)
    second = f" Second eigenvalue: {number(float(found.values[1]))}." if len(found.values) > 1 else ""
    st.markdown(
        f"Eigenvalues that are 0: **{found.zeros}**; connected pieces, counted by walking through the graph: "
        f"**{found.components}**; difference **{found.zeros - found.components}**.{second} "
        f"Largest |entry| of L·1: **{number(found.largest_row_sum)}**."
    )
    st.caption(scene.words["spectrum"])


# --- walks


def walks(scene: Scene) -> None:
    """Aⁿ, and the walks that one of its entries counts."""
    small, now = scene.graph, st.session_state
    for key, first in ((START, 1), (END, 1)):
        now[key] = min(max(now.get(key, first), 1), small.nodes)
    left, right = st.columns([1.2, 1], gap="medium")
    with left:
        knob_here(scene.topic, scene.settings, "power")
        length, pair = scene.config.power, (now[START], now[END])
        figure = figures.powers(algebra.power(small, length), f"A{raised(length)}", pair)
        clickable(figure, POWERS, height=360, caption=scene.words["powers"])
    with right:
        columns = st.columns(2)
        columns[0].number_input("From node", 1, small.nodes, key=START)
        columns[1].number_input("To node", 1, small.nodes, key=END)
        found = algebra.look_at_walks(small, *pair, length)
        st.markdown(_walks_in_words(found, pair, length))
        if found.first:
            lines = [_walk_in_words(one) for one in found.first]
            more = found.count - len(lines)
            lines += [f"… and {more:,} more"] if more else []
            height: Any = LISTED_PX if len(lines) > MOST_LINES else "content"
            st.code("\n".join(lines), language=None, height=height)


def _walks_in_words(found: algebra.Walks, pair: tuple[int, int], length: int) -> str:
    counted = (
        f"A{raised(length)} at row {pair[0]}, column {pair[1]}: {_counted(found.count, 'walk')} of length {length}"
    )
    if found.listed is None or found.paths is None:
        return f"{counted}: too many to go through here, so their paths are not counted. Make n smaller."
    apart = found.count - found.listed
    paths = f"**{found.paths:,}** of them {'is a path' if found.paths == 1 else 'are paths'}, with no node twice"
    return f"{counted}; walked one by one: **{found.listed:,}**, difference **{apart}**. {paths}."


def _walk_in_words(walk: tuple[int, ...]) -> str:
    twice = sorted({node for node in walk if walk.count(node) > 1})
    end = "path" if not twice else f"repeats {', '.join(map(str, twice))}"
    return f"{' → '.join(map(str, walk))}   {end}"


# --- F = LX


def changes(scene: Scene) -> None:
    """F = LX, a node a step; a fragment, so that a step draws nothing else anew."""

    @st.fragment(key=f"{KEY}:changes")
    def stepping() -> None:
        small, x = scene.graph, scene.x
        walk = Stepper(f"{KEY}:laplacian", small.nodes, small.text)
        walk.buttons()
        at = walk.at
        found = layers.changes(small, x)
        left, right = st.columns([1, 1.25], gap="medium")
        with left:
            figure = figures.drawing(small.edges, scene.places, at or None, range(1, at))
            plot(figure, "graph algebra changes", height=300)
        with right:
            rows = [_change_row(small, x, found, node, at) for node in range(1, small.nodes + 1)]
            first = max(0, min(at - 1, len(rows)) // MOST_NODES * MOST_NODES)  # of a large graph, twelve at a time
            st.table(rows[first : first + MOST_NODES], hide_index=True)
        if not at:
            st.code(f"F = LX = (D − A)X. Press Next: node 1 of {small.nodes}.", language=None, wrap_lines=True)
            return
        st.code("\n".join(layers.change_in_numbers(small, x, at)), language=None, wrap_lines=True)
        if at == small.nodes:
            st.markdown(_changed_most(small, x, found))

    stepping()
    st.caption(scene.words["changes"])


def _change_row(small: SmallGraph, x: np.ndarray, found: np.ndarray, node: int, at: int) -> dict[str, str]:
    return {
        "Node": f"{node} ←" if node == at else str(node),
        "Degree": str(small.degrees[node - 1]),
        "X": vector(x[node - 1]),
        "F = LX": vector(found[node - 1]) if node <= at else "?",
    }


def _changed_most(small: SmallGraph, x: np.ndarray, found: np.ndarray) -> str:
    lengths = np.linalg.norm(found, axis=1)
    apart = float(np.abs(found - algebra.laplacian(small) @ x).max())
    node, top = int(lengths.argmax()) + 1, max(small.degrees)
    highest = [str(one) for one, degree in enumerate(small.degrees, start=1) if degree == top]
    return (
        f"Node by node against the product of matrices: largest difference **{number(apart)}**. With this X node "
        f"**{node}** changes most, ‖F‖ = {number(float(lengths.max()))}; highest degree: {', '.join(highest)}. "
        "Another X, another node."
    )
