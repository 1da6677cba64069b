"""Figures of the language lab: loss over its floor, a text as cells, distributions, attention, loss by place."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.curves import line
from core.figures.images import EXTRA
from core.figures.palette import NEUTRAL, OTHER_STYLES, SEQUENTIAL, Style, axis, colour_bar, drawn, faded, layout
from core.statistics import spread

TRAINING, HELD_OUT, SPEED = "training loss", "held-out loss", "tokens per second"
BIGRAM, FLOOR = "bigram loss", "entropy floor"
LOSS, RATE = "Loss (nats per character)", "Tokens per second"
ACROSS = 40  # characters in a row of cells
MOST_BARS = 16  # characters of a distribution
POSITION_STYLES: dict[str, Style] = {
    "none": Style("#AA8B9F", "dot", "circle"),
    "absolute": Style("#F06D02", "dash", "square"),
    "rotary": Style("#175DCD", "solid", "diamond"),
}
BEFORE, AFTER, DRAWN = "#808080", "#175DCD", "#F06D02"
SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}

Numbers = NDArray[Any]


def sign(character: str) -> str:
    """A character as a figure shows it: blanks as signs, and nothing that plotly would take for its own."""
    return SIGNS.get(character) or html.escape(character if character.isprintable() else f"U+{ord(character):04X}")


# --- training


def with_levels(figure: go.Figure, levels: Mapping[str, float], until: float) -> go.Figure:
    """Level lines in a chart of losses: the floor, which no net can go below, and the bigram model."""
    names = {BIGRAM: ("bigram model", "dash"), FLOOR: ("entropy of the text", "dot")}
    lines = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [0, until],
            "y": [level, level],
            "line": {"color": NEUTRAL, "width": 1.5, "dash": names[name][1]},
            "name": names[name][0],
            "meta": {"role": "level"},
            "hovertemplate": f"{names[name][0]}: %{{y:.3f}} nats, {level / math.log(2):.3f} bits{EXTRA}",
        }
        for name, level in levels.items()
    ]
    return drawn(data=[*lines, *figure.data], layout=figure.layout.to_plotly_json())


def level_rows(found: Mapping[str, Sequence[float]]) -> list[dict[str, str]]:
    """Losses in nats and bits, mean ± std over seeds; without a spread what no seed changes."""
    rows = []
    for name in (BIGRAM, TRAINING, HELD_OUT, FLOOR):
        if values := list(found.get(name, ())):
            bits = [value / math.log(2) for value in values]
            fixed = name in (BIGRAM, FLOOR)
            rows.append(
                {
                    "Per character": name.capitalize(),
                    "nats": f"{values[0]:.3f}" if fixed else spread(values).brief,
                    "bits": f"{bits[0]:.3f}" if fixed else spread(bits).brief,
                }
            )
    return rows


# --- talking


def text_cells(text: str, chances: Numbers, chosen: int | None = None) -> go.Figure:
    """A text, a cell a character, coloured by how likely it was; the chosen one is framed.

    chances: (n,) probabilities from 0 to 1 that each was drawn with.
    """
    rows = max(1, -(-len(text) // ACROSS))
    filled = np.full(rows * ACROSS, np.nan, dtype=np.float32)
    filled[: len(text)] = 100 * chances
    signs = [sign(one) for one in text] + [""] * (rows * ACROSS - len(text))
    trace = {
        "type": "heatmap",
        "z": filled.reshape(rows, ACROSS),
        "text": np.array(signs, dtype=object).reshape(rows, ACROSS).tolist(),
        "texttemplate": "%{text}",
        "textfont": {"family": "monospace", "size": 14},
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 100,
        "xgap": 0,
        "ygap": 3,
        "hoverongaps": False,
        "hovertemplate": f"“%{{text}}”: %{{z:.1f}} %{EXTRA}",
        "colorbar": colour_bar("Chance (%)"),
    }
    axes: dict[str, Any] = {
        "xaxis": axis(f"Character in a row of {ACROSS}", showgrid=False, showticklabels=False, zeroline=False),
        "yaxis": axis("Row", showgrid=False, showticklabels=False, zeroline=False, autorange="reversed"),
    }
    look = layout(**axes, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    if chosen is not None and 0 <= chosen < len(text):
        row, column = divmod(chosen, ACROSS)
        corner = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        look["shapes"] = [{"type": "rect", **corner, "line": {"color": DRAWN, "width": 3}}]
    return drawn(data=[trace], layout=look)


def character_at(index: tuple[int, ...], length: int) -> int | None:
    """Which character lies at a (row, column) of `text_cells`; None for none."""
    if len(index) != 2 or not 0 <= index[1] < ACROSS:
        return None
    place = index[0] * ACROSS + index[1]
    return place if 0 <= place < length else None


def distribution(before: Numbers, after: Numbers, known: Sequence[str], said: int) -> go.Figure:
    """The likeliest next characters, before and after temperature and truncation; the one that was drawn in orange.

    before, after: (characters,) probabilities; said: the place of the drawn one, which is always shown.
    """
    order = np.argsort(-before, kind="stable")[:MOST_BARS]
    shown = order if said in order else np.append(order[:-1], said)
    names = [sign(known[one]) for one in shown]
    was_drawn = shown == said
    bars = (
        ("before", BEFORE, 100 * before[shown], 0.55, "before"),
        ("after", AFTER, np.where(was_drawn, np.nan, 100 * after[shown]), 1.0, "after"),
        ("after, drawn", DRAWN, np.where(was_drawn, 100 * after[shown], np.nan), 1.0, "after"),
    )
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": list(range(len(shown))),
            "y": values,
            "offsetgroup": beside,
            "marker": {"color": colour, "opacity": opacity},
            "hovertemplate": f"{name}: %{{y:.2f}} %{EXTRA}",
        }
        for name, colour, values, opacity, beside in bars
    ]
    ticks = {"tickvals": list(range(len(shown))), "ticktext": names, "tickfont": {"family": "monospace", "size": 14}}
    return drawn(
        data=traces,
        layout=layout(x="Next character, likeliest first", y="Probability (%)", xaxis=ticks, barmode="group"),
    )


# --- attention


def heads_of(weights: Numbers) -> list[str]:
    """Names of all heads, layer by layer."""
    return [
        f"layer {one + 1}, head {other + 1}" for one in range(weights.shape[0]) for other in range(weights.shape[1])
    ]


def all_heads(text: str, weights: Numbers, asking: int) -> go.Figure:
    """What one character takes from each before it, a row a head. weights: (layers, heads, n, n), rows sum to one."""
    rows = weights[:, :, asking].reshape(-1, len(text))
    return _over_text(100 * rows, heads_of(weights), "Head", text, asking)


def one_head(text: str, weights: Numbers, asking: int) -> go.Figure:
    """What every character (row) takes from every other. weights: (n, n), rows sum to one."""
    cells = np.where(np.tri(len(text), dtype=bool), 100 * weights, np.nan)
    figure = _over_text(cells, [sign(one) for one in text], "Who asks", text, None)
    figure.layout.shapes = [
        {
            "type": "rect",
            **{"x0": -0.5, "x1": len(text) - 0.5, "y0": asking - 0.5, "y1": asking + 0.5},
            "line": {"color": DRAWN, "width": 2},
        }
    ]
    return figure


def _over_text(cells: Numbers, names: Sequence[str], label: str, text: str, asking: int | None) -> go.Figure:
    signs = [sign(one) for one in text]
    trace = {
        "type": "heatmap",
        "z": cells.astype(np.float32),
        "customdata": [[f"{name} to “{one}”" for one in signs] for name in names],
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "hoverongaps": False,
        "hovertemplate": f"%{{customdata}}: %{{z:.1f}} %{EXTRA}",
        "colorbar": colour_bar("Attention (%)"),
    }
    letters = {"tickmode": "array", "tickangle": 0, "showgrid": False, "zeroline": False}
    mono = {"family": "monospace", "size": 12}
    across = {"tickvals": list(range(len(signs))), "ticktext": signs, "tickfont": mono, **letters}
    down = {"tickvals": list(range(len(names))), "ticktext": list(names), "autorange": "reversed", **letters}
    look = layout(x="What is attended to", y=label, xaxis=across, yaxis=down)
    if asking is not None:
        edge = {"x0": asking - 0.5, "x1": asking + 0.5, "y0": -0.5, "y1": len(names) - 0.5}
        look["shapes"] = [{"type": "rect", **edge, "line": {"color": DRAWN, "width": 2}}]
    return drawn(data=[trace], layout=look)


def by_distance(attention: Numbers, even: Numbers) -> go.Figure:
    """Mean attention to what stands n characters back: a line a head. attention: (layers, heads, n), even: (n,)."""
    layers, heads, count = attention.shape
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    back = np.arange(count)
    lines = [
        line(
            f"layer {layer + 1}, head {head + 1}",
            back,
            100 * attention[layer, head],
            Style(OTHER_STYLES[layer % len(OTHER_STYLES)].colour, dashes[head % len(dashes)]),
            unit="%",
        )
        for layer in range(layers)
        for head in range(heads)
    ]
    lines.append(line("all alike", back, 100 * even, Style(NEUTRAL, "dot"), unit="%"))
    return drawn(
        data=lines,
        layout=layout(
            x="Characters back (0: itself)", y="Attention (%)", yaxis={"type": "log", "exponentformat": "power"}
        ),
    )


# --- positions


def order_rows(found: Mapping[str, Any], positions: str) -> list[dict[str, str]]:
    """Total variation of the last guess, of fresh nets and of this one: a row a depth and mask."""
    rows = []
    for depth in range(found["untrained"].shape[1]):
        for mask, name in enumerate(("causal", "full")):
            row = {"Layers": str(depth + 1), "Attention": name}
            for place, kind in enumerate(found["positions"]):
                row[f"untrained, {kind}"] = change(found["untrained"][place, depth, mask])
            trained = found["trained"]
            row[f"this net ({positions})"] = change(trained[depth, mask]) if depth < len(trained) else "no such layer"
            rows.append(row)
    return rows


def change(value: float) -> str:
    """A total variation; what is left of rounding in double precision is called zero."""
    return "0 (rounding)" if value < 1e-12 else f"{value:.2g}"


def by_place(found: Mapping[str, Mapping[str, Any]], floor: float | None) -> go.Figure:
    """Held-out loss at every place of texts longer than a block, smoothed over eight places; a line a kind of position.

    found: kind -> "loss", "error" (n,), "block".
    """
    traces: list[dict[str, Any]] = []
    block = 0
    for kind, one in found.items():
        block, style = int(one["block"]), POSITION_STYLES[kind]
        smooth = np.convolve(one["loss"], np.full(8, 1 / 8), mode="valid")
        error = np.convolve(one["error"], np.full(8, 1 / 8), mode="valid")
        x = np.arange(len(smooth)) + 4
        band = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        traces.append({**band, "x": x, "y": smooth - 2 * error})
        traces.append(
            {**band, "x": x, "y": smooth + 2 * error, "fill": "tonexty", "fillcolor": faded(style.colour, 0.15)}
        )
        traces.append(line(kind, x, smooth, style, unit="nats"))
    look = layout(x="Place in the text (characters)", y=LOSS, yaxis={"rangemode": "tozero"})
    edge = {"x0": block, "x1": block, "yref": "paper", "y0": 0, "y1": 1}
    look["shapes"] = [{"type": "line", **edge, "line": {"color": NEUTRAL, "width": 1.5, "dash": "dash"}}]
    note = {"x": block, "y": 1, "yref": "paper", "text": "trained up to here", "xanchor": "left", "showarrow": False}
    look["annotations"] = [note]
    if floor is not None and found:
        longest = max(len(one["loss"]) for one in found.values())
        traces.append(line("entropy of the text", [0, longest], [floor, floor], Style(NEUTRAL, "dot"), unit="nats"))
    return drawn(data=traces, layout=look)


def turned(distances: Numbers, curve: Numbers, distance: int, product: float) -> go.Figure:
    """q·k over the distance of the two places, and where the sliders stand."""
    at = {**line("the two places", [distance], [product], Style(DRAWN, "solid", "diamond"), "markers")}
    at["marker"] = {**at["marker"], "size": 13}
    return drawn(
        data=[line("q·k after both are turned", distances, curve, Style(AFTER)), at],
        layout=layout(x="Query’s place − key’s (characters)", y="q·k (no unit)"),
    )


# --- tables


def table_row(
    names: Mapping[str, str], scores: Mapping[str, Mapping[int, float]], seconds: str, origin: str
) -> dict[str, str]:
    """A line of a table: held-out loss in nats, tokens per second, seconds, where it is from."""
    found = {
        "Held-out loss (nats)": scores.get(HELD_OUT, {}),
        "Tokens per second": scores.get(SPEED, {}),
    }
    cells = {}
    for name, values in found.items():
        if not values:
            cells[name] = "not trained"
        elif name.startswith("Tokens"):
            cells[name] = f"{np.mean(list(values.values())):,.0f} (n = {len(values)})"
        else:
            cells[name] = spread(list(values.values())).brief
    return {**names, **cells, "Seconds a seed": seconds, "From": origin}
