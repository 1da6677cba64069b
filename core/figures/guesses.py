"""What everybody expected, against what came out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import plotly.graph_objects as go

from core.figures.palette import NEUTRAL, OTHER_STYLES, layout

BINS = 20
ALL, MINE = OTHER_STYLES[0].colour, OTHER_STYLES[1].colour


def number_guesses(
    guesses: Sequence[float], mine: float, outcome: float, *, low: float, high: float, unit: str
) -> go.Figure:
    """How many guessed a number near each; one's own is a dashed line, the outcome a grey one."""
    counts, edges = np.histogram(guesses, bins=BINS, range=(low, high))
    middle = (edges[:-1] + edges[1:]) / 2
    most = max(int(counts.max()), 1)
    figure = go.Figure(layout=layout(x=f"Guess ({unit})", y="People", bargap=0.05))
    figure.add_bar(x=middle, y=counts, marker_color=ALL, name="guesses", hovertemplate="%{y} near %{x}<extra></extra>")
    for value, name, colour, dash in ((mine, "yours", MINE, "dash"), (outcome, "measured", NEUTRAL, "solid")):
        line = {"color": colour, "dash": dash, "width": 2.5}
        figure.add_scatter(x=[value, value], y=[0, most], mode="lines", line=line, name=name)
    return figure.update_yaxes(rangemode="tozero", dtick=max(1, most // 4))


def choice_guesses(answers: Sequence[str], guesses: Sequence[float], mine: float, right: Collection[str]) -> go.Figure:
    """How many guessed each answer, by its place; one's own and what was measured say so in words."""
    counts = [sum(int(guess) == place for guess in guesses) for place in range(len(answers))]
    notes = [
        " · ".join(["measured"] * (answer in right) + ["yours"] * (place == int(mine)))
        for place, answer in enumerate(answers)
    ]
    figure = go.Figure(layout=layout(x="People"))
    figure.add_bar(
        y=list(answers),
        x=counts,
        orientation="h",
        text=notes,
        marker_color=[MINE if place == int(mine) else ALL for place in range(len(answers))],
        hovertemplate="%{x} guessed: %{y}<extra></extra>",
    )
    figure.update_xaxes(rangemode="tozero", dtick=max(1, max(counts) // 4))
    return figure.update_yaxes(autorange="reversed")
