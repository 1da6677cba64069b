"""The results table, conv type × head, held against the published figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from core.figures.palette import CONV_STYLES, NEUTRAL, axis, drawn, faded, heading, layout
from core.statistics import Spread, spread

NOT_TRAINED = "not trained yet"
HEAD_NAMES = {"pool": "Net1 (pool)", "flatten": "Net2 (flatten)"}
VALIDATION, TEST = "validation accuracy", "test accuracy"
METRICS = {VALIDATION: "Validation", TEST: "Test (swapped location)"}

Cell = tuple[str, str]  # conv type, head
Scores = Mapping[str, Sequence[float]]  # metric -> accuracy in %, one number a seed; NaN is left out


class Score(Spread):
    """Accuracy in % over n seeds: mean and population std, as the published table has it."""

    @classmethod
    def of(cls, values: Iterable[float]) -> Score | None:
        """Of one number a seed; None if no number is finite."""
        found = spread(list(values))
        return cls(found.mean, found.std, found.n) if found.n else None

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.std:.2f}"

    @property
    def tolerance(self) -> float:
        """How far off a mean may be and still agree, in points: 3 std, and 3 points where the std is under 1."""
        return 3 * max(self.std, 1.0)

    def agrees(self, published: Score) -> bool:
        """Does this mean lie within the published one's tolerance?"""
        return abs(self.mean - published.mean) <= published.tolerance


def _published() -> dict[Cell, dict[str, Score]]:
    net1 = {
        "valid": (100.00, 0.00, 0.09, 0.11),
        "sconv": (98.89, 0.21, 6.37, 0.23),
        "fconv": (88.07, 1.20, 88.85, 0.62),
        "reflect": (100.00, 0.00, 0.00, 0.00),
        "replicate": (98.31, 0.48, 93.80, 2.16),
        "circular": (99.64, 0.29, 82.61, 2.75),
    }
    net2 = (100.0, 0.0, 0.0, 0.0)  # whatever the padding

    def cell(numbers: tuple[float, float, float, float]) -> dict[str, Score]:
        mean, std, test_mean, test_std = numbers
        return {VALIDATION: Score(mean, std, n=10), TEST: Score(test_mean, test_std, n=10)}

    pooled = {(conv, "pool"): cell(numbers) for conv, numbers in net1.items()}
    return pooled | {(conv, "flatten"): cell(net2) for conv in net1}


# Accuracy in %, ten initialisations; conv types in the order of the table. Source: Kayhan & van Gemert, CVPR 2020, and
# the course assignment after it.
PUBLISHED = _published()


@dataclass(frozen=True)
class Row:
    """One cell of the table: ours and the published score of both metrics; None = not trained, or not published."""

    conv: str
    head: str
    ours: Mapping[str, Score | None]
    published: Mapping[str, Score]

    @property
    def label(self) -> str:
        """How the row reads on screen."""
        return f"{self.conv} · {HEAD_NAMES.get(self.head, self.head).split()[0]}"

    @property
    def trained(self) -> bool:
        """Is there anything of ours?"""
        return any(score is not None for score in self.ours.values())

    def text(self, metric: str) -> str:
        """Like "93.10 ± 2.20 (n = 7)", or that it is not trained yet."""
        score = self.ours[metric]
        return f"{score} (n = {score.n})" if score else NOT_TRAINED

    def agrees(self, metric: str) -> bool | None:
        """Within the published tolerance? None where ours or the published score is missing."""
        ours, published = self.ours[metric], self.published.get(metric)
        return ours.agrees(published) if ours and published else None


def accuracy_rows(
    cells: Mapping[Cell, Scores | None], published: Mapping[Cell, Mapping[str, Score]] = PUBLISHED
) -> list[Row]:
    """One row a published cell, in the published order, then further cells.

    cells: (conv, head) -> {"validation accuracy": [...], "test accuracy": [...]}, one number a seed, in %; None, empty
    or absent where nothing is trained.
    """
    rows = []
    for conv, head in [*published, *(cell for cell in cells if cell not in published)]:
        scores = cells.get((conv, head)) or {}
        ours = {metric: Score.of(scores.get(metric, ())) for metric in METRICS}
        rows.append(Row(conv, head, ours, published.get((conv, head), {})))
    return rows


def as_table(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Column name -> text, one dict a row; accuracies in %, mean ± population std over n seeds."""
    return [
        {"Net": HEAD_NAMES.get(row.head, row.head), "Convolution": row.conv}
        | {
            f"{name} {whose} (%)": text
            for metric, name in METRICS.items()
            for whose, text in (("here", row.text(metric)), ("published", str(row.published.get(metric, "–"))))
        }
        for row in rows
    ]


def against_published(rows: Sequence[Row]) -> go.Figure:
    """Dot plot: the published mean ± tolerance as a pale bar, ours ± std as a dot; validation left, swapped right.

    A filled dot lies within the published tolerance, a cross outside it.
    """
    labels = [row.label for row in rows]
    traces: list[dict[str, Any]] = []
    for number, metric in enumerate(METRICS, start=1):
        axes = {"xaxis": f"x{number}", "yaxis": f"y{number}", "showlegend": number == 1}
        traces += [{**axes, **trace} for trace in _panel(rows, labels, metric)]
    across: dict[str, Any] = {"range": [-6, 106], "tickvals": [0, 25, 50, 75, 100]}
    down: dict[str, Any] = {"categoryorder": "array", "categoryarray": labels, "range": [len(rows) - 0.5, -0.5]}
    return drawn(
        data=traces,
        layout=layout(
            x="Accuracy (%)",
            xaxis={**across, "domain": [0, 0.485]},
            y="Convolution · head",
            yaxis=down,
            xaxis2=axis("Accuracy (%)", **across, domain=[0.515, 1], anchor="y2"),
            yaxis2=axis(**down, matches="y", anchor="x2", showticklabels=False),
            annotations=[heading(name, x, 1) for name, x in (("Validation", 0.2425), ("Swapped location", 0.7575))],
            height=120 + 28 * max(len(rows), 1),
            margin={"l": 8, "r": 8, "t": 64, "b": 8},
            legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "top", "yref": "container"},
            bargap=0.35,
            barmode="overlay",
        ),
    )


def _panel(rows: Sequence[Row], labels: Sequence[str], metric: str) -> list[dict[str, Any]]:
    known = [(label, row.published[metric]) for label, row in zip(labels, rows, strict=True) if metric in row.published]
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": "published mean ± 3 std (at least ± 3 points)",
        "y": [label for label, _ in known],
        "base": [score.mean - score.tolerance for _, score in known],
        "x": [2 * score.tolerance for _, score in known],
        "marker": {"color": faded(NEUTRAL, 0.35)},
        "customdata": [[str(score), score.n] for _, score in known],
        "hovertemplate": "%{y}<br>published %{customdata[0]} % (n = %{customdata[1]})<extra></extra>",
    }
    trained = [(label, row, score) for label, row in zip(labels, rows, strict=True) if (score := row.ours[metric])]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "name": "here, mean ± std (cross: outside the bar)",
        "x": [score.mean for _, _, score in trained],
        "y": [label for label, _, _ in trained],
        "error_x": {"type": "data", "array": [score.std for _, _, score in trained], "color": NEUTRAL, "width": 4},
        "marker": {
            "size": 10,
            "color": [CONV_STYLES[row.conv].colour if row.conv in CONV_STYLES else NEUTRAL for _, row, _ in trained],
            "symbol": ["x" if row.agrees(metric) is False else "circle" for _, row, _ in trained],
        },
        "customdata": [[row.text(metric), _verdict(row.agrees(metric))] for _, row, _ in trained],
        "hovertemplate": "%{y}<br>here %{customdata[0]}, in %<br>%{customdata[1]}<extra></extra>",
    }
    missing = [label for label, row in zip(labels, rows, strict=True) if row.ours[metric] is None]
    words = {
        "type": "scatter",
        "mode": "text",
        "name": NOT_TRAINED,
        "x": [50] * len(missing),
        "y": missing,
        "text": [NOT_TRAINED] * len(missing),
        "textfont": {"color": NEUTRAL, "size": 11},
        "hoverinfo": "skip",
    }
    return [bars, dots] + ([words | {"showlegend": False}] if missing else [])


def _verdict(agrees: bool | None) -> str:
    words = {True: "agrees with the published figure", False: "outside the published range", None: "not published"}
    return words[agrees]
