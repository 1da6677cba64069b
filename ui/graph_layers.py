"""The graph algebra lab's layers: a convolution in two forms and in steps, a median, many layers, a transformer."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.demos import graph_attention as attention
from core.demos import graph_layers as layers
from core.demos.graph_layers import STAGES, number, vector
from core.figures import graph_algebra as figures
from core.figures.attention import label
from core.statistics import true_minus
from ui.graph_algebra import KEY, Scene
from ui.plot import plot
from ui.stepping import Stepper

TARGET, HEAD = f"{KEY}:word", f"{KEY}:head"
NODES_SHOWN = 12  # rows of a table
ROW_PX = 35  # of a long one, which scrolls


def _layer(scene: Scene) -> layers.Convolution:
    w, b, _ = layers.weights_of(scene.config)
    return layers.convolution(scene.graph, scene.x, w, b, scene.config.activation)


def weights(scene: Scene) -> None:
    """W, B and σ, for all that follows in the section."""
    scene.knobs("w", "b")
    scene.knobs("activation", "self_term")
    for note in layers.weights_of(scene.config)[2]:
        st.info(note)


def forms(scene: Scene) -> None:
    """Node by node, and all at once."""
    found = _layer(scene)
    rows = [
        {
            "Node": str(node),
            "mean of neighbours": vector(found.means[node - 1]),
            "σ(W·mean + B·h)": vector(found.index[node - 1]),
            "σ(D⁻¹AHWᵀ + HBᵀ)": vector(found.matrix[node - 1]),
            "Difference": number(float(np.abs(found.index[node - 1] - found.matrix[node - 1]).max())),
        }
        for node in range(1, scene.graph.nodes + 1)[:NODES_SHOWN]
    ]
    st.table(rows, hide_index=True)
    st.markdown(f"Largest difference over all {scene.graph.nodes} nodes: **{_rounding(found.difference)}** in float64.")
    st.caption(scene.words["forms"])


def messages(scene: Scene) -> None:
    """The same layer, as messages: three steps a node."""

    @st.fragment(key=f"{KEY}:messages")
    def stepping() -> None:
        small, found = scene.graph, _layer(scene)
        walk = Stepper(f"{KEY}:passing", small.nodes * len(STAGES), small.text)
        walk.buttons()
        over, stage = divmod(max(walk.at - 1, 0), len(STAGES))
        node = over + 1
        left, right = st.columns([1, 1.25], gap="medium")
        with left:
            chosen = node if walk.at else None
            done = range(1, node + (stage == len(STAGES) - 1 and walk.at > 0))
            plot(figures.drawing(small.edges, scene.places, chosen, done), "graph algebra messages", height=300)
        with right:
            if not walk.at:
                st.code("Press Next: messages to node 1.", language=None, wrap_lines=True)
            else:
                st.markdown(f"**Node {node}: {', then '.join(STAGES[: stage + 1])}**")
                lines = layers.message_in_numbers(small, found, node, stage)
                st.code("\n".join(lines), language=None, wrap_lines=True)
            _updated(found, node - 1 + (stage == len(STAGES) - 1) if walk.at else 0)

    stepping()
    st.caption(scene.words["messages"])


def _updated(found: layers.Convolution, count: int) -> None:
    """What the nodes have become so far."""
    if count:
        shown = [f"h{node}' = {vector(found.index[node - 1])}" for node in range(1, count + 1)]
        st.code("\n".join(["updated so far", *shown[-NODES_SHOWN:]]), language=None)


def median(scene: Scene) -> None:
    """Features whose medians do not add up; their means do."""
    found = layers.counterexample(scene.graph)
    if found is None:
        st.info("Here no node has two neighbours, so the median is the one neighbour itself. Add an edge.")
        return
    inside = [place - 1 for place in found.neighbours]
    summed = found.x + found.y
    rows = [
        {
            "": name,
            "x": vector(values[0]) if inside else "",
            "y": vector(values[1]),
            "x + y": vector(values[2]),
            "f(x + y) − f(x) − f(y)": gap,
        }
        for name, values, gap in (
            ("neighbours’ features", (found.x[inside], found.y[inside], summed[inside]), ""),
            ("median", tuple(map(np.array, found.medians)), number(found.gap)),
            ("mean", tuple(map(np.array, found.means)), number(found.gap_of_means)),
        )
    ]
    for row in rows[1:]:
        row |= {name: text.strip("()") for name, text in row.items() if name in ("x", "y", "x + y")}
    st.table(rows, hide_index=True)
    who = ", ".join(map(str, found.neighbours))
    st.markdown(
        f"At node **{found.node}**, whose neighbours are {who}. A matrix M has M(x + y) = Mx + My for all x and y. The "
        f"median is off by **{number(found.gap)}**, so there is none; the mean by **{number(found.gap_of_means)}**."
    )
    st.caption(scene.words["median"])


def depth(scene: Scene) -> None:
    """Variance over the nodes as layers are stacked, with the node itself and without."""
    found = layers.smoothing(scene.graph, scene.x)
    figure = figures.smoothing(found.variance, found.formula)
    plot(figure, "graph algebra depth", height=320, caption=scene.words["depth"])
    start = next(iter(found.variance.values()))[0]
    rows = [
        {
            "Layer": name,
            "Variance after 1": number(float(values[1])),
            f"after {layers.LAYERS}": _small(float(values[-1])),
            "|λ|, the largest but 1": f"{found.rates[name]:.4f}",
        }
        for name, values in found.variance.items()
    ]
    st.table(rows, hide_index=True)
    st.markdown(
        f"Variance of X: {number(float(start))}. Layer by layer against the eigenvalues: largest difference "
        f"**{_rounding(found.difference)}**. {_faster(found)}"
    )


def _faster(found: layers.Smoothing) -> str:
    alone, half = (found.variance[name][-1] for name in (layers.STACKS[0], layers.STACKS[2]))
    if max(alone, half) < figures.SHORTEST:
        return "After twenty layers nothing but rounding is left of either."
    if np.isclose(alone, half, rtol=0.01):
        return "With the node itself or without, as much is left in the end."
    if alone < half:
        return "On this graph, without the node itself, features grow alike faster."
    return "On this graph, without the node itself, features grow alike *more slowly* in the end."


def worked(scene: Scene) -> None:
    """The worked example with numbers of one's own."""
    scene.knobs("worked_h", "worked_weights")
    scene.knobs("worked_factor", "worked_w")
    found = layers.worked(scene.config)
    for note in found.notes:
        st.info(note)
    st.code("\n".join(found.lines), language=None, wrap_lines=True)
    st.markdown(f"Agg = **{vector(found.aggregate)}**, h₁′ = **{vector(found.after)}**.")
    st.caption(scene.words["worked"])


def transformer(scene: Scene) -> None:
    """A sentence through torch's transformer layer and along the edges of the complete graph."""
    scene.knobs("sentence")
    found = attention.layer(scene.config.sentence)
    for note in found.notes:
        st.info(note)
    count = len(found.names)
    st.markdown(
        f"{count} word{'s' * (count > 1)}: **{found.edges}** directed edges, **{found.edges_and_loops}** with self "
        f"loops. Transformer layer against message passing: largest difference **{_rounding(found.difference)}** over "
        f"{found.passed.size} numbers, in float64."
    )
    target, head = _who_hears(found)
    scores, shares, sent = found.heard(target, head)
    left, right = st.columns([1, 1.2], gap="medium")
    with left:
        plot(figures.sentence(found.names, shares, target), "graph algebra sentence", height=360)
    with right:
        rows = [
            {
                "From": f"{source + 1} {label(name)}",
                "Score": number(float(scores[source])),
                "Weight": f"{shares[source]:.4f}",
                "Message": "  ".join(true_minus(f"{one:.3f}") for one in sent[source]),
            }
            for source, name in enumerate(found.names)
        ]
        tall = min(ROW_PX * (count + 1) + 3, 360)
        st.dataframe(rows, hide_index=True, height=tall, alt="What each word sends to the one that listens.")
    own, other = (vector(one[target, :4]).strip("()") for one in (found.transformer, found.passed))
    st.code(f"transformer layer: {own}, …\nmessage passing:   {other}, …", language=None, wrap_lines=True)
    st.caption(scene.words["transformer"])


def _who_hears(found: attention.Layer) -> tuple[int, int]:
    words, now = list(range(len(found.names))), st.session_state
    if now.get(TARGET, 0) not in words:
        now[TARGET] = 0
    columns = st.columns(2)
    target = columns[0].selectbox(
        "Word that listens", words, format_func=lambda place: f"{place + 1} {found.names[place]}", key=TARGET
    )
    head = columns[1].selectbox(
        "Head", list(range(attention.HEADS)), format_func=lambda place: str(place + 1), key=HEAD
    )
    return target, head


def costs(scene: Scene) -> None:
    """How many scores: along the edges, or all pairs."""
    found = attention.costs(scene.graph, len(attention.layer(scene.config.sentence).names))
    names = [f"{one.name}<br>n = {one.nodes:,}" for one in found]
    figure = figures.costs(names, [one.along_edges for one in found], [one.all_pairs for one in found])
    plot(figure, "graph algebra costs", height=280, caption=scene.words["costs"])
    st.table(
        [
            {
                "Graph": one.name,
                "n": f"{one.nodes:,}",
                "2E + n": f"{one.along_edges:,}",
                "n²": f"{one.all_pairs:,}",
                "n² / (2E + n)": f"{one.all_pairs / one.along_edges:.4g}",
            }
            for one in found
        ],
        hide_index=True,
    )


def _rounding(difference: float) -> str:
    return "0, exactly" if difference == 0 else true_minus(f"{difference:.1e}")


def _small(value: float) -> str:
    return "rounding" if value < figures.SHORTEST else true_minus(f"{value:.3g}")
