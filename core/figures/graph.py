"""Figures of the graph lab: the graph with its answers, one node's terms, oversmoothing, irrelevant neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.config import Band
from core.figures.curves import Points, by_seed, curves, line
from core.figures.images import EXTRA
from core.figures.palette import NEUTRAL, Style, drawn, layout
from core.figures.unet import CLASS_COLOURS
from core.statistics import spread, true_minus

TEST, SECONDS = "test accuracy", "seconds per epoch"
VARIANCE = "feature variance {}"
MASS, SHARE = "attention on added edges", "added edges"
MODEL_STYLES: dict[str, Style] = {
    "gcn": Style("#175DCD", "solid", "circle"),
    "gat": Style("#F06D02", "dash", "square"),
    "sage": Style("#01A4AC", "longdash", "diamond"),
    "mlp": Style("#86592D", "dot", "triangle-up"),
}
MODEL_NAMES = {"gcn": "GCN", "gat": "GAT", "sage": "GraphSAGE", "mlp": "MLP, no edges"}
SOURCES = {"gcn": "65.15 (one run)", "gat": "80.57 and 74.26 (two runs)"}
SELF_STYLES = {True: Style("#175DCD", "solid", "circle"), False: Style("#F06D02", "dash", "square")}
SELF_NAMES = {True: "with the self term", False: "without it"}
ADDED = "#BF1146"  # an irrelevant neighbour
CHOSEN = "#4095FE"
BOUNDS = (0.5, 0.8, 1.25, 2.0)  # of an equal share, between the widths
WIDTHS = (0.4, 0.8, 1.3, 2.4, 4.5)  # px
WIDTH_NAMES = ("less than ½ of an equal share", "½ to 0.8", "about an equal share", "1.25 to 2", "more than twice it")
PLAIN = 2  # the width of edges without weights
CROWD = 1000  # nodes, above which an edge is one line
SIZES = ((100, 15.0), (400, 9.0), (1000, 7.0), (10_000, 5.0))  # nodes, and px of one
SHOWN_TERMS = 12
RIGHT, WRONG = "circle", "x"

Numbers = NDArray[Any]


# --- the graph


def graph(found: Mapping[str, Numbers], places: Numbers, *, by: str = "labels", node: int | None = None) -> go.Figure:
    """Nodes by class, wrong answers as crosses, edges as wide as their ends listen to each other.

    found: of the query `picture`; places: (n, 2). by: "labels" or "said", what gives the colour. node: one to be
    ringed, with its edges. The last trace but the legend's holds the nodes in their order: see `node_at`.
    """
    traces = _edges(found, places)
    traces += _ring(found, places, node)
    assert len(traces) == NODE_TRACE
    traces += [_nodes(found, places, by), *_legend(found)]
    bare = {"visible": False, "range": [-1.05, 1.05]}
    look = layout(xaxis=bare, yaxis=bare)  # as wide as the page: only nearness means something
    look["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    return drawn(data=traces, layout=look)


NODE_TRACE = 2 * len(WIDTHS) + 3  # widths of edges, of added ones; the chosen node's edges, its ring, training nodes


def node_at(trace: int, index: tuple[int, ...], nodes: int) -> int | None:
    """The node that a click on `graph` means; None for what is none."""
    return index[0] if trace == NODE_TRACE and len(index) == 1 and index[0] < nodes else None


def _nodes(found: Mapping[str, Numbers], places: Numbers, by: str) -> dict[str, Any]:
    names, labels, said = found["classes"].tolist(), found["labels"], found["said"]
    right = labels == said
    count = len(names)
    colours = [[edge, CLASS_COLOURS[one]] for one in range(count) for edge in (one / count, (one + 1) / count)]
    texts = [
        f"{names[label]}: right, {chance:.0%}"
        if label == answer
        else f"{names[label]}; says {names[answer]}, {chance:.0%}"
        for label, answer, chance in zip(labels, said, found["confidence"], strict=True)
    ]
    size = next(px for most, px in SIZES if len(places) <= most)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": places[:, 0],
        "y": places[:, 1],
        "marker": {
            "color": found[by].astype(np.float32),
            "colorscale": colours,
            "cmin": -0.5,
            "cmax": count - 0.5,
            "size": size,
            "symbol": np.where(right, RIGHT, WRONG).tolist(),
            "line": {"width": 0},
        },
        "text": texts,
        "hovertemplate": f"node %{{pointNumber}}: %{{text}}{EXTRA}",
        "showlegend": False,
        "name": "nodes",
    }


def _edges(found: Mapping[str, Numbers], places: Numbers) -> list[dict[str, Any]]:
    """A trace a width, twice: the graph's own edges, then those that were added."""
    edges, added, listens = found["edges"], found["added"], found["listens"]
    ends, faint = places[edges], 0.4 if len(places) > CROWD else 1.0  # (m, 2, 2)
    if listens.shape[1] and len(places) <= CROWD:
        middle = ends.mean(axis=1)
        lines = np.concatenate([np.stack([ends[:, at], middle], axis=1) for at in (0, 1)])
        widths, new = np.digitize(np.concatenate(listens), BOUNDS), np.tile(added, 2)
    else:
        lines, new = ends, added
        widths = np.digitize(listens.mean(axis=0), BOUNDS) if listens.shape[1] else np.full(len(edges), PLAIN)
    looks = ((False, NEUTRAL, 0.5 * faint), (True, ADDED, 0.75 * faint))
    return [
        _lines(lines[(widths == width) & (new == is_new)], colour, px, opacity)
        for is_new, colour, opacity in looks
        for width, px in enumerate(WIDTHS)
    ]


def _ring(found: Mapping[str, Numbers], places: Numbers, node: int | None) -> list[dict[str, Any]]:
    """The chosen node's edges and ring, and the rings of those that train."""
    own = (found["edges"] == (-1 if node is None else node)).any(axis=1)
    at = places[:0] if node is None else places[node : node + 1]
    train = places[found["part"] == 0]
    size = next(px for most, px in SIZES if len(places) <= most)
    return [
        _lines(places[found["edges"][own]], CHOSEN, 2.0, 0.9),
        _rings(at, CHOSEN, size + 12, 4),
        _rings(train, NEUTRAL, size + 5, 1.6),
    ]


def _lines(ends: Numbers, colour: str, width: float, opacity: float) -> dict[str, Any]:
    path = np.full((len(ends), 3, 2), np.nan, np.float32)
    path[:, :2] = ends
    return {
        "type": "scatter",
        "mode": "lines",
        "x": path[..., 0].ravel(),
        "y": path[..., 1].ravel(),
        "line": {"color": colour, "width": width},
        "opacity": opacity,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _rings(places: Numbers, colour: str, size: float, width: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": places[:, 0],
        "y": places[:, 1],
        "marker": {"symbol": "circle-open", "size": size, "color": colour, "line": {"width": width, "color": colour}},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _legend(found: Mapping[str, Numbers]) -> list[dict[str, Any]]:
    """What colours, signs and widths mean: traces without points."""
    marks: list[tuple[str, dict[str, Any]]] = [
        (str(name), {"color": CLASS_COLOURS[at], "symbol": "circle"}) for at, name in enumerate(found["classes"])
    ]
    marks += [("right", {"color": NEUTRAL, "symbol": RIGHT}), ("wrong", {"color": NEUTRAL, "symbol": WRONG})]
    marks.append(("trains", {"color": NEUTRAL, "symbol": "circle-open", "line": {"width": 2, "color": NEUTRAL}}))
    traces: list[dict[str, Any]] = [
        {"mode": "markers", "name": name, "marker": {"size": 9, **look}, "hoverinfo": "skip"} for name, look in marks
    ]
    widths = zip(WIDTH_NAMES, WIDTHS, strict=True) if found["listens"].shape[1] else ()
    colours = [(name, NEUTRAL, px) for name, px in widths]
    colours += [("irrelevant neighbours", ADDED, 2.0)] if found["added"].any() else []
    traces += [
        {"mode": "lines", "name": name, "line": {"color": colour, "width": px}, "hoverinfo": "skip"}
        for name, colour, px in colours
    ]
    return [{"type": "scatter", "x": [None], "y": [None], **trace} for trace in traces]


def said(found: Mapping[str, Numbers]) -> str:
    """How many of each part it gets right, in words."""
    parts = found["part"]
    counts = [int((parts == place).sum()) for place in range(3)]
    train, validation, test = (
        f"{one:.1f} % of {count:,}" for one, count in zip(found["accuracy"], counts, strict=True)
    )
    return f"Right: {test} test nodes, {validation} validation nodes, {train} training nodes."


# --- one node's terms


def terms(found: Mapping[str, Numbers]) -> go.Figure:
    """What each of those it hears adds to the logit of what a node says: bars, the largest above."""
    order = np.argsort(-np.abs(found["terms"]), kind="stable")
    shown, rest = order[:SHOWN_TERMS], order[SHOWN_TERMS:]
    names = found["classes"].tolist()
    rows = [
        (
            f"node {found['heard'][at]}{' (added)' if found['added'][at] else ''}",
            float(found["terms"][at]),
            CLASS_COLOURS[found["labels"][at]],
            names[found["labels"][at]],
        )
        for at in shown
    ]
    if len(rest):
        rows.append((f"{len(rest)} others", float(found["terms"][rest].sum()), NEUTRAL, "together"))
    if float(found["own"]):
        rows.append(("itself (B·h)", float(found["own"]), NEUTRAL, "its own matrix"))
    rows.append(("bias", float(found["bias"]), NEUTRAL, "the same for all nodes"))
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [row[0] for row in rows],
        "x": [row[1] for row in rows],
        "marker": {"color": [row[2] for row in rows]},
        "text": [row[3] for row in rows],
        "textposition": "none",
        "hovertemplate": f"%{{y}}, %{{text}}: %{{x:.4f}}{EXTRA}",
        "showlegend": False,
    }
    title = f"Added to the logit of “{names[int(found['said'])]}”"
    look = layout(x=title, yaxis={"autorange": "reversed", "type": "category", "showgrid": False})
    return drawn(data=[bars], layout=look)


def equation(found: Mapping[str, Numbers], config: Any, node: int) -> str:
    """The sum in numbers, Markdown, with the difference to what the net itself says."""
    names, said_class, label = found["classes"].tolist(), int(found["said"]), int(found["label"])
    verdict = "right" if said_class == label else f"wrong, it is {names[label]}"
    pieces = [_number(one) for one in found["terms"][: SHOWN_TERMS // 2]]
    if len(found["terms"]) > len(pieces):
        pieces.append("…")
    pieces += [f"{_number(float(found['own']))} (itself)"] if float(found["own"]) else []
    pieces.append(f"{_number(float(found['bias']))} (bias)")
    total, logit, summed = float(found["sum"]), float(found["logit"]), " + ".join(pieces).replace("+ −", "− ")
    return (
        f"Node {node} says **{names[said_class]}** ({100 * found['probabilities'][said_class]:.0f} %): {verdict}. "
        f"{_rule(config, found)}\n\n"
        f"logit = {summed} = **{_number(total)}**. The net itself: {_number(logit)}; difference "
        f"{true_minus(f'{total - logit:.1e}')}."
    )


def _rule(config: Any, found: Mapping[str, Numbers]) -> str:
    """What weighs a neighbour, with the numbers of the first one."""
    degree, heard = int(found["degree"]), len(found["heard"])
    if config.model == "mlp":
        return "Its own features alone are heard: W·h + b."
    if not heard:
        return "It hears nobody: what follows is its own part and the bias."
    first, weight = int(found["degrees"][0]), float(found["weights"][0])
    if config.model == "gat":
        heads = f", mean of {config.output_heads} heads" if config.output_heads > 1 else ""
        together = f"{found['weights'].sum():.4f}"
        return f"Each of the {heard} it hears weighs α, a softmax over them{heads}; they sum to {together}."
    if config.model == "gcn":
        return {
            "symmetric": f"Weight 1/√(d_v·d_u): of the first 1/√({degree}·{first}) = {weight:.4f}.",
            "row": f"Weight 1/d_v = 1/{degree} = {weight:.4f}, the same for all.",
            "none": "Weight 1 for all.",
        }[config.normalisation]
    return {
        "mean": f"Mean: each of the {heard} neighbours weighs 1/{heard} = {weight:.4f}.",
        "sum": "Sum: each neighbour weighs 1.",
        "max": "Maximum: the largest value alone counts.",
        "median": "Median: the middle value alone counts (the lower of two).",
    }[config.aggregator]


def term_rows(found: Mapping[str, Numbers]) -> list[dict[str, str]]:
    """A line for each of those it hears: weight × value = term."""
    names = found["classes"].tolist()
    return [
        {
            "Node": f"{found['heard'][at]}{' (added)' if found['added'][at] else ''}",
            "Class": names[found["labels"][at]],
            "Its degree d": str(found["degrees"][at]),
            "Weight": f"{found['weights'][at]:.4f}",
            "Value (W·h)": _number(found["values"][at]),
            "Weight × value": _number(found["terms"][at]),
        }
        for at in range(len(found["heard"]))
    ]


def _number(value: float) -> str:
    return true_minus(f"{value:.4f}")


# --- depth


def variances(
    found: Mapping[bool, Mapping[str, Mapping[int, Any]]], layers: int, *, untrained: bool, band: Band
) -> go.Figure:
    """How far nodes differ after each layer of a net, with and without the self term.

    found: self term -> metric -> seed -> series with `steps` and `values`. untrained: as of epoch 0, else as it ended.
    """
    groups: dict[str, dict[int, Points]] = {}
    for self_term, series in found.items():
        rows: dict[int, list[tuple[int, float]]] = {}
        for layer in range(1, layers + 1):
            for seed, one in series.get(VARIANCE.format(layer), {}).items():
                finite = one.values[np.isfinite(one.values)]
                if len(finite):
                    rows.setdefault(seed, []).append((layer, float(finite[0 if untrained else -1])))
        groups[SELF_NAMES[self_term]] = {
            seed: (np.array([at for at, _ in own]), np.array([max(value, 1e-12) for _, value in own]))
            for seed, own in rows.items()
        }
    figure = curves(groups, x="Layer", y="Feature variance (share of mean square)", **_self_look(), band=band, log=True)
    figure.update_xaxes(tickvals=list(range(1, layers + 1)))
    return _with_marks(figure)


def accuracy_by_depth(found: Mapping[tuple[int, bool], Mapping[int, float]], band: Band) -> go.Figure:
    """Test accuracy against the number of layers. found: (layers, self term) -> seed -> %."""
    groups = {
        SELF_NAMES[kind]: by_seed({layers: one for (layers, own), one in found.items() if own == kind})
        for kind in (True, False)
    }
    figure = curves(groups, x="Layers", y="Test accuracy (%)", **_self_look(), band=band, between=False)
    figure.update_xaxes(tickvals=sorted({layers for layers, _ in found}))
    return _with_marks(figure)


def _self_look() -> dict[str, Any]:
    return {
        "colours": {SELF_NAMES[one]: style.colour for one, style in SELF_STYLES.items()},
        "dashes": {SELF_NAMES[one]: style.dash for one, style in SELF_STYLES.items()},
    }


def _with_marks(figure: go.Figure) -> go.Figure:
    return figure.update_traces(mode="lines+markers", selector=lambda trace: trace.meta["role"] == "mean")


# --- irrelevant neighbours


def accuracy_by_noise(found: Mapping[tuple[str, float], Mapping[int, float]], band: Band) -> go.Figure:
    """Test accuracy of GCN and GAT against irrelevant neighbours. found: (model, share) -> seed -> %."""
    models = list(dict.fromkeys(model for model, _ in found))
    groups = {
        MODEL_NAMES[one]: by_seed({share: values for (model, share), values in found.items() if model == one})
        for one in models
    }
    look: dict[str, Any] = {
        "colours": {MODEL_NAMES[one]: MODEL_STYLES[one].colour for one in models},
        "dashes": {MODEL_NAMES[one]: MODEL_STYLES[one].dash for one in models},
    }
    figure = curves(
        groups, x="Irrelevant neighbours (× edges)", y="Test accuracy (%)", **look, band=band, between=False
    )
    return _with_marks(figure)


def attention_by_noise(
    mass: Mapping[float, Mapping[int, float]], share: Mapping[float, Mapping[int, float]], band: Band
) -> go.Figure:
    """The attention that falls on irrelevant neighbours, over their share. Both: added edges -> seed -> %."""
    groups = {"attention on them": by_seed(mass)}
    look: dict[str, Any] = {"colours": {"attention on them": MODEL_STYLES["gat"].colour}}
    figure = curves(
        groups, x="Irrelevant neighbours (× edges)", y="Of a node’s attention (%)", **look, band=band, between=False
    )
    _with_marks(figure)
    equal = sorted((at, float(np.mean(list(values.values())))) for at, values in share.items() if values)
    if not equal:
        return figure
    x, y = zip(*equal, strict=True)
    look_of_share = Style(NEUTRAL, "dash", "circle-open")  # larger than the dots of what it may lie upon
    even = line("their share of the neighbours", list(x), list(y), look_of_share, "lines+markers", unit="%", rim=2)
    even["marker"]["size"] = 15
    more = figure.layout.to_plotly_json() | {"showlegend": True}
    more["yaxis"] |= {"rangemode": "tozero"}
    return drawn(data=[*figure.data, even | {"meta": {"role": "share"}}], layout=more)


# --- tables


def table_row(name: str, scores: Mapping[str, Mapping[int, float]], origin: str, **more: str) -> dict[str, str]:
    """A line of a table: test accuracy and seconds an epoch, with spread and n."""
    milliseconds = spread([1000 * one for one in scores.get(SECONDS, {}).values()])
    return {
        "Model": name,
        **more,
        "Test accuracy (%)": str(spread(list(scores.get(TEST, {}).values()))),
        "One epoch": milliseconds.with_unit("ms"),
        "From": origin,
    }
