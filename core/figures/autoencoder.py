"""Figures of the autoencoder lab: error and probe over epochs and sizes, what goes in and out, the cloud of codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.config import Band
from core.data import gaussian
from core.figures.curves import Points, by_seed, curves
from core.figures.images import EXTRA, png
from core.figures.palette import (
    DIVERGING,
    NEUTRAL,
    OTHER_STYLES,
    Style,
    colour_bar,
    drawn,
    faded,
    heading,
    layout,
)
from core.figures.unet import CLASS_COLOURS
from core.statistics import spread

SIZES = (5, 20, 100, 500)  # latent sizes of the source
ERROR, PROBE = "reconstruction error", "probe accuracy"
METRICS = (ERROR, PROBE)
UNITS = {ERROR: "Squared error (summed over features)", PROBE: "Probe accuracy (%)"}
KIND_STYLES: dict[str, Style] = {
    "vanilla": Style("#175DCD", "solid", "circle"),
    "denoising": Style("#F06D02", "dash", "square"),
    "masked": Style("#863EC7", "dot", "diamond"),
}
SIZE_DASHES = dict(zip(SIZES, ("dot", "dash", "solid", "longdashdot"), strict=True))
SYMBOLS = ("circle", "square", "diamond", "circle-open", "square-open")  # a 3-D plot knows few more
FEATURES = {  # of the query few_labels -> how it reads, and its style
    "trained": ("codes, trained", OTHER_STYLES[0]),
    "untrained": ("codes, untrained", Style("#F06D02", "dash")),
    "pca": ("PCA codes", Style("#01A4AC", "dot")),
    "pixels": ("raw inputs", Style("#86592D", "dashdot")),
}
MOST_STRIPS = 4  # samples of a hundred numbers that are read at a glance
EXPECTED = "random parts, ± 2 std"

Cell = tuple[str, int]  # kind, latent size
Seeds = Mapping[int, Points]  # seed -> (steps, values)


# --- error and accuracy


def expected(dataset: str, latent: int) -> tuple[float, float, float] | None:
    """Accuracy in % that a random part of the strong directions allows: formula, and the mean ± 2 std of random parts.

    None where there is none: for pictures, and for codes that can hold all of the strong directions.
    """
    if dataset != "gaussian" or latent >= gaussian.STRONG:
        return None
    mean, std = gaussian.random_parts(latent)
    return gaussian.chance_of_agreement(latent), mean - 2 * std, mean + 2 * std


def with_expectation(figure: go.Figure, dataset: str, latent: int, epochs: int) -> go.Figure:
    """The chart of accuracies over epochs with what is to be expected at this latent size, if anything is."""
    if (found := expected(dataset, latent)) is None:
        return figure
    about = _expectation(np.array([0.0, epochs]), *(np.array([one, one]) for one in found))
    return drawn(data=[*about, *figure.data], layout=figure.layout.to_plotly_json() | {"showlegend": True})


def over_epochs(cells: Mapping[Cell, Seeds], metric: str, band: Band) -> go.Figure:
    """One line a cell over epochs: colour tells the kind, dash the latent size."""
    names = {f"{kind}, {latent}": (kind, latent) for kind, latent in cells}
    return curves(
        {name: cells[cell] for name, cell in names.items()},
        y=UNITS[metric],
        colours={name: KIND_STYLES[kind].colour for name, (kind, _) in names.items()},
        dashes={name: SIZE_DASHES.get(latent, "solid") for name, (_, latent) in names.items()},
        band=band,
        faint=False,
    )


def over_sizes(cells: Mapping[Cell, Mapping[int, float]], metric: str, band: Band, dataset: str) -> go.Figure:
    """The final value of a metric against the latent size, one line a kind. cells: (kind, size) -> seed -> value."""
    kinds = dict.fromkeys(kind for (kind, _), values in cells.items() if values)
    groups = {kind: by_seed({latent: cells[one, latent] for one, latent in cells if one == kind}) for kind in kinds}
    colours, dashes = ({kind: getattr(KIND_STYLES[kind], what) for kind in groups} for what in ("colour", "dash"))
    figure = curves(
        groups, y=UNITS[metric], x="Latent size (numbers)", colours=colours, dashes=dashes, band=band, between=False
    )
    traces: list[Any] = [_with_markers(trace) for trace in figure.data]
    if metric == PROBE and dataset == "gaussian":
        ks = np.arange(SIZES[0], gaussian.STRONG)
        bounds = np.array([expected(dataset, int(k)) for k in ks]).T
        traces = [*_expectation(ks.astype(float), *bounds), *traces]
    look = figure.layout.to_plotly_json()
    shown = sorted({*SIZES, *(latent for _, latent in cells)})
    ends = [np.log10(0.8 * shown[0]), np.log10(1.25 * shown[-1])]
    look["xaxis"] |= {"type": "log", "tickvals": shown, "range": ends}
    look["yaxis"] |= (
        {"rangemode": "tozero"} if metric == ERROR else {"range": [45, 102] if dataset == "gaussian" else [0, 102]}
    )
    return drawn(data=traces, layout=look | {"showlegend": True})


def _with_markers(trace: Any) -> Any:
    """Means at a few places: the points were measured, the line between them is a guide."""
    if trace.meta["role"] == "mean":
        trace.mode = "lines+markers"
    return trace


def _expectation(
    x: NDArray[Any], line: NDArray[Any], low: NDArray[Any], high: NDArray[Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    shared = {"type": "scatter", "name": EXPECTED, "legendgroup": "expected", "mode": "lines"}
    around = {"x": np.concatenate([x, x[::-1]]), "y": np.minimum(np.concatenate([high, low[::-1]]), 100.0)}
    fill = {"fill": "toself", "fillcolor": faded(NEUTRAL, 0.14), "line": {"width": 0}, "hoverinfo": "skip"}
    level = {"line": {"color": NEUTRAL, "width": 1.5, "dash": "dash"}, "meta": {"role": "expected"}}
    said = {"hovertemplate": f"{EXPECTED}: %{{y:.1f}} %{EXTRA}"}
    return (
        {**shared, **around, **fill, "showlegend": False, "meta": {"role": "band"}},
        {**shared, "x": x, "y": line, **level, **said},
    )


def table_row(
    cell: Cell, metrics: Mapping[str, Mapping[int, float]], untrained: Mapping[int, float], whence: str
) -> dict[str, str]:
    """A line of the table. metrics: name -> seed -> final value; untrained: seed -> accuracy at epoch 0."""
    error, probe = (spread(list(metrics.get(name, {}).values())) for name in METRICS)
    return {
        "Autoencoder": cell[0],
        "Latent size": str(cell[1]),
        "Reconstruction error": str(error),
        "Probe accuracy (%)": str(probe),
        "Untrained, epoch 0 (%)": str(spread(list(untrained.values()))),
        "From": whence,
    }


# --- inputs and outputs


def pictures(rows: Mapping[str, NDArray[Any]], titles: Sequence[str]) -> go.Figure:
    """Rows of samples under one another, (n, h, w) as pictures or (n, numbers) as strips. titles: one a sample."""
    first = next(iter(rows.values()))
    return _gallery(rows, titles) if first.ndim == 3 else _strips(rows, titles)


def reconstructions(found: Mapping[str, NDArray[Any]], names: Sequence[str]) -> go.Figure:
    """What goes in, what is seen of it where that differs, and what comes out. found: of the query reconstruct."""
    corrupted = not np.array_equal(found["inputs"], found["seen"])
    rows = {"input": found["inputs"], **({"seen": found["seen"]} if corrupted else {})}
    return pictures({**rows, "given back": found["reconstructions"]}, names)


def _gallery(rows: Mapping[str, NDArray[Any]], titles: Sequence[str]) -> go.Figure:
    """One picture of all pictures, brightness 0 to 1 (what lies beyond is cut), clear between them."""
    count, height, width = next(iter(rows.values())).shape
    gap = max(1, height // 14)
    step_y, step_x = height + gap, width + gap
    pixels = np.zeros((len(rows) * step_y - gap, count * step_x - gap, 4), np.uint8)
    for row, images in enumerate(rows.values()):
        for column, image in enumerate(images):
            place = pixels[row * step_y : row * step_y + height, column * step_x : column * step_x + width]
            place[..., :3] = np.round(255 * np.clip(image, 0, 1))[..., None].astype(np.uint8)
            place[..., 3] = 255
    bare = {"showgrid": False, "zeroline": False, "ticks": "", "constrain": "domain"}
    across = {"tickvals": [column * step_x + (width - 1) / 2 for column in range(count)], "ticktext": list(titles)}
    down = {"tickvals": [row * step_y + (height - 1) / 2 for row in range(len(rows))], "ticktext": list(rows)}
    places: dict[str, Any] = {"xaxis": {**bare, **across, "side": "top"}, "yaxis": {**bare, **down}}
    trace = go.Image(source=png(pixels), hoverinfo="skip", name="pictures")
    return drawn(data=[trace], layout=layout("", **places))


def _strips(rows: Mapping[str, NDArray[Any]], titles: Sequence[str]) -> go.Figure:
    """Every sample as strips of its numbers, one under the other; an empty line between samples."""
    count, numbers = next(iter(rows.values())).shape
    lines: list[NDArray[Any]] = []
    names: list[str] = []
    for sample in range(count):
        lines += [np.asarray(images[sample], np.float32) for images in rows.values()]
        names += [_line_name(titles[sample], name, count, len(rows)) for name in rows]
        if sample < count - 1:
            lines.append(np.full(numbers, np.nan, np.float32))
            names.append("")
    values = np.stack(lines)
    most = float(np.nanmax(np.abs(values)))
    trace = {
        "type": "heatmap",
        "z": values,
        "x": np.arange(1, numbers + 1),
        "y": np.arange(len(lines)),
        "colorscale": DIVERGING,
        "zmin": -most,
        "zmax": most,
        "colorbar": colour_bar("Value"),
        "customdata": np.repeat(np.array(names)[:, None], numbers, axis=1).tolist(),
        "hovertemplate": f"%{{customdata}}<br>number %{{x}}: %{{z:.3~g}}{EXTRA}",
        "hoverongaps": False,
    }
    down = {"autorange": "reversed", "tickvals": np.arange(len(lines)), "ticktext": names, "ticks": ""}
    bare = {"showgrid": False, "zeroline": False}
    return drawn(data=[trace], layout=layout("", "Number of the input", xaxis=bare, yaxis={**bare, **down}))


def _line_name(title: str, row: str, samples: int, rows: int) -> str:
    """As short as it can be: what all lines share is left out."""
    return row if samples == 1 else title if rows == 1 else f"{title}: {row}"


# --- the cloud of codes


def cloud(found: Mapping[str, NDArray[Any]], chosen: int) -> go.Figure:
    """Codes in two or three dimensions, one colour and symbol a class; `chosen`, a test sample, has a ring around it.

    found: of the query cloud. Traces are the classes in order, so that `sample_at` knows what was clicked.
    """
    points, labels, indices = found["points"], found["labels"], found["indices"]
    if points.shape[1] == 1:
        points = np.column_stack([points[:, 0], labels])  # a code of one number: the classes lie above one another
    deep = points.shape[1] == 3
    traces = [_class_trace(points[labels == one], indices[labels == one], int(one), deep) for one in np.unique(labels)]
    traces.append(_ring(points[indices == chosen], deep))
    names = [_direction(found, place) for place in range(3)]
    if found["points"].shape[1] == 1:
        names[1] = "Class"
    if not deep:
        return drawn(data=traces, layout=layout("", names[0], names[1], showlegend=True))
    short = [name.replace("Principal component", "PC").replace(" of the code", "") for name in names]
    sides = {
        f"{letter}axis": {
            "title": {"text": name},
            "tickfont": {"size": 11},
            "gridcolor": NEUTRAL,
            "zerolinecolor": NEUTRAL,
            "showbackground": False,
        }
        for letter, name in zip("xyz", short, strict=True)
    }
    view = {"uirevision": "keep", "aspectmode": "cube", "camera": {"eye": {"x": 1.6, "y": 1.6, "z": 0.9}}}
    shown = layout("", showlegend=True, scene={**sides, **view}, margin={"l": 0, "r": 0, "t": 40, "b": 0})
    shown["legend"] |= {"itemsizing": "constant"}
    return drawn(data=traces, layout={name: part for name, part in shown.items() if name not in ("xaxis", "yaxis")})


def sample_at(found: Mapping[str, NDArray[Any]], trace: int, place: int) -> int | None:
    """The test sample that was clicked in `cloud`; None for what is no point of a class."""
    classes = np.unique(found["labels"])
    if trace >= len(classes):
        return None
    mine = found["indices"][found["labels"] == classes[trace]]
    return int(mine[place]) if place < len(mine) else None


def shown_as(found: Mapping[str, NDArray[Any]]) -> str:
    """What the axes of the cloud are, and how much of the codes' variance they show."""
    share, count = 100 * float(found["share"]), found["points"].shape[1]
    if found["direct"]:
        return f"The axes are the {count} numbers of the code themselves: all of its variance is on show."
    return f"The axes are the codes' first {count} principal components: {share:.0f} % of their variance is on show."


def spectrum(found: Mapping[str, NDArray[Any]]) -> go.Figure:
    """Eigenvalues of the codes' covariance, largest first, and their effective rank."""
    values = found["spectrum"]
    trace = {
        "type": "bar",
        "x": np.arange(1, len(values) + 1),
        "y": np.asarray(values, np.float32),
        "marker": {"color": OTHER_STYLES[0].colour},
        "hovertemplate": f"component %{{x}}: variance %{{y:.3~g}}{EXTRA}",
        "name": "variance",
    }
    rank = f"effective rank {float(found['effective rank']):.1f} of {len(values)}"
    return drawn(
        data=[trace],
        layout=layout("", "Principal component", "Variance of the codes", annotations=[heading(rank, 0.5, 1)]),
    )


def _class_trace(points: NDArray[Any], indices: NDArray[Any], label: int, deep: bool) -> dict[str, Any]:
    symbol = SYMBOLS[label % len(SYMBOLS)]
    hollow = symbol.endswith("open")
    marker = {
        "color": CLASS_COLOURS[label],
        "symbol": symbol,
        "size": 3.5 if deep else 6,
        "opacity": 0.85,
        "line": {"width": 1.5, "color": CLASS_COLOURS[label]} if hollow else {"width": 0.5, "color": NEUTRAL},
    }
    return {
        **_places(points, deep),
        "mode": "markers",
        "name": f"class {label}",
        "marker": marker,
        "customdata": indices,
        "hovertemplate": f"test sample %{{customdata}}, class {label}{EXTRA}",
    }


def _ring(points: NDArray[Any], deep: bool) -> dict[str, Any]:
    symbol = {"symbol": "circle-open", "size": 12 if deep else 18, "color": NEUTRAL, "line": {"width": 3}}
    return {**_places(points, deep), "mode": "markers", "name": "chosen", "marker": symbol, "hoverinfo": "skip"}


def _places(points: NDArray[Any], deep: bool) -> dict[str, Any]:
    columns = dict(zip("xyz", np.asarray(points, np.float32).T, strict=False))
    return {"type": "scatter3d" if deep else "scatter", **columns}


def _direction(found: Mapping[str, NDArray[Any]], place: int) -> str:
    return f"Number {place + 1} of the code" if found["direct"] else f"Principal component {place + 1}"


def direction_names(found: Mapping[str, NDArray[Any]]) -> list[str]:
    """What the sliders move along. found: of the query directions."""
    word = "Number" if found["direct"] else "Direction"
    return [f"{word} {place + 1}" for place in range(len(found["std"]))]


# --- few labels


def few_labels(found: Mapping[str, NDArray[Any]], classes: int) -> go.Figure:
    """Accuracy of a probe over the number of labels, one line a kind of feature. found: of the query few_labels."""
    counts, places = np.unique(found["counts"], return_index=True)
    groups = {name: {0: (counts, found[key][places])} for key, (name, _) in FEATURES.items()}
    colours, dashes = ({name: getattr(look, what) for name, look in FEATURES.values()} for what in ("colour", "dash"))
    figure = curves(groups, x="Labelled samples", y="Probe accuracy (%)", colours=colours, dashes=dashes, band="none")
    traces: list[Any] = [_with_markers(trace) for trace in figure.data]
    guess = 100.0 / classes
    level = {"line": {"color": NEUTRAL, "width": 1.5, "dash": "dash"}, "meta": {"role": "chance"}, "mode": "lines"}
    ends = {"x": [counts[0], counts[-1]], "y": [guess, guess], "hovertemplate": f"guessing: %{{y:.0f}} %{EXTRA}"}
    look = figure.layout.to_plotly_json()
    look["xaxis"] |= {"type": "log", "tickvals": counts, "ticktext": [f"{count:,}" for count in counts]}
    look["yaxis"] |= {"range": [0, 102]}
    return drawn(data=[*traces, {"type": "scatter", "name": "guessing", **level, **ends}], layout=look)


def gain(found: Mapping[str, NDArray[Any]], labels: int) -> str:
    """One sentence on the gain at the tested count nearest to `labels`."""
    at = int(np.abs(np.log(found["counts"] / labels)).argmin())
    trained, untrained, raw, pca = (float(found[name][at]) for name in ("trained", "untrained", "pixels", "pca"))
    gains = f"{trained - untrained:+.1f} points on the untrained encoder, {trained - raw:+.1f} on raw inputs"
    return (
        f"With {int(found['counts'][at])} labels: trained codes {trained:.1f} %, {gains}, {trained - pca:+.1f} on PCA "
        "codes. This is one net: another seed may differ."
    )
