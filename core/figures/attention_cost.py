"""Figures of the cost lab: seconds and bytes against the number of tokens and the width, with fitted power laws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.config import Band
from core.figures.curves import Points, by_seed, curves
from core.figures.images import EXTRA
from core.figures.palette import OTHER_STYLES, Style, drawn
from core.statistics import PowerLaw, crossover, power_law, spread

Seeds = Mapping[int, Points]  # seed -> (lengths, values)
SECONDS, BASELINE, BYTES, DIFFERENCE = "forward seconds", "softmax seconds", "peak bytes", "difference from softmax"
BACKWARD = "backward seconds"
TIME_AXIS, MEMORY_AXIS = "Time of a call (ms)", "Peak memory (MiB)"
UNITS = {TIME_AXIS: 1e3, MEMORY_AXIS: 2.0**-20}  # from seconds and bytes
KERNEL_STYLES: dict[str, Style] = {
    name: Style(OTHER_STYLES[place % 6].colour, dash)
    for place, (name, dash) in enumerate(
        {
            "softmax": "solid",
            "written": "dash",
            "linear": "solid",
            "quadratic": "longdash",
            "favor": "dashdot",
            "cubic": "dot",
            "cosine": "dot",
            "rbf": "dot",
            "argmax": "dot",
            "window": "dashdot",
            "low_rank": "dash",
        }.items()
    )
}
STRAIGHT = 0.5  # an exponent known no better than this is none
NO_POWER = "no power of n here"
NEVER = "not reached up to n = {:,}"


def over_lengths(
    lines: Mapping[str, Seeds], axis: str, looks: Mapping[str, Style], band: Band, fits: bool = True
) -> go.Figure:
    """One line a kernel on log axes, its band over repeats, and its fitted power law, dotted. looks: name -> style."""
    scaled = {name: {seed: (n, UNITS[axis] * y) for seed, (n, y) in seeds.items()} for name, seeds in lines.items()}
    figure = _logarithmic(scaled, "Tokens n", axis, looks, band)
    traces: list[Any] = [*figure.data]
    for name, seeds in scaled.items() if fits else ():
        fit = fitted(seeds)
        if fit and not fit.half_width > STRAIGHT:
            traces.append(_fit_trace(name, fit, looks[name]))
    lengths = sorted({float(n) for seeds in lines.values() for points in seeds.values() for n in points[0]})
    return drawn(data=traces, layout=_ticks(figure, lengths))


def over_widths(
    lines: Mapping[str, Mapping[int, Mapping[int, float]]], looks: Mapping[str, Style], band: Band
) -> go.Figure:
    """Time at one length against the width d. lines: name -> width -> seed -> seconds."""
    scaled = {
        name: {seed: (d, 1e3 * y) for seed, (d, y) in by_seed(widths).items()}
        for name, widths in lines.items()
        if widths
    }
    figure = _logarithmic(scaled, "Width d of a head (numbers)", TIME_AXIS, looks, band)
    return drawn(data=figure.data, layout=_ticks(figure, sorted({one for widths in lines.values() for one in widths})))


def fitted(seeds: Seeds) -> PowerLaw | None:
    """The power law of all repeats together."""
    if not seeds:
        return None
    x, y = (np.concatenate([points[place] for points in seeds.values()]) for place in (0, 1))
    return power_law(x.tolist(), y.tolist())


def met(slow: Seeds, fast: Seeds) -> tuple[float | None, int]:
    """Where the means of `fast` fall below those of `slow` for good, None where they do not; and the last length."""
    means = [_means(one) for one in (slow, fast)]
    lengths = sorted(set(means[0]) & set(means[1]))
    if not lengths:
        return None, 0
    found = crossover(lengths, *([of[n] for n in lengths] for of in means))
    return found, int(lengths[-1])


def met_in_words(slow: Seeds, fast: Seeds) -> str:
    """The same, for a table."""
    found, last = met(slow, fast)
    if not last:
        return "–"
    if found is None:
        return NEVER.format(last)
    first = min(_means(slow))
    return f"n ≤ {first:,.0f}, the shortest" if found <= first else f"n ≈ {_rounded(found):,}"


def table_row(name: str, series: Mapping[str, Seeds], whence: str) -> dict[str, str]:
    """A line of the table. series: metric -> seeds; nothing where it is not measured."""
    time, memory = fitted(series.get(SECONDS, {})), fitted(series.get(BYTES, {}))
    last = _last(series.get(SECONDS, {}))
    differences = [float(points[1][-1]) for points in series.get(DIFFERENCE, {}).values() if len(points[1])]
    return {
        "Kernel": name,
        "Longest n": f"{last[0]:,.0f}" if last else "–",
        "Time there (ms)": spread([1e3 * one for one in last[1]]).brief if last else "–",
        "Time grows as": growth(time),
        "Memory grows as": growth(memory),
        "Faster than softmax from": met_in_words(series.get(BASELINE, {}), series.get(SECONDS, {})),
        "Differs from exact softmax by": spread(differences).brief if differences else "–",
        "From": whence,
    }


def growth(fit: PowerLaw | None) -> str:
    """A fitted power of n; where the points lie on no line at all, as where the form changes, that is said."""
    if fit is None:
        return "–"
    return NO_POWER if fit.half_width > STRAIGHT else f"n^({fit})"


def sentence(name: str, series: Mapping[str, Seeds]) -> str:
    """What one run found, in words; empty before two lengths."""
    fit, base = fitted(series.get(SECONDS, {})), fitted(series.get(BASELINE, {}))
    if fit is None:
        return ""
    looked = "looked for" if growth(fit) == NO_POWER else "fitted"
    said = f"{name}: time grows as {growth(fit)}, {looked} from n = {fit.first:,.0f} to {fit.last:,.0f}."
    if base is None:
        return said
    ratio = _ratio(series[BASELINE], series[SECONDS])
    return (
        f"{said} Torch's softmax beside it: {growth(base)}. Faster than softmax from: "
        f"{met_in_words(series[BASELINE], series[SECONDS])}. "
        f"At n = {fit.last:,.0f} softmax takes {ratio:.3g} × its time."
    )


def _ratio(slow: Seeds, fast: Seeds) -> float:
    one, other = _means(slow), _means(fast)
    last = max(set(one) & set(other))
    return one[last] / other[last]


def _means(seeds: Seeds) -> dict[float, float]:
    values: dict[float, list[float]] = {}
    for n, y in seeds.values():
        for length, value in zip(n, y, strict=True):
            values.setdefault(float(length), []).append(float(value))
    return {length: float(np.mean(found)) for length, found in values.items()}


def _last(seeds: Seeds) -> tuple[float, list[float]] | None:
    ends = [(float(n[-1]), float(y[-1])) for n, y in seeds.values() if len(n)]
    longest = max((n for n, _ in ends), default=0.0)
    return (longest, [y for n, y in ends if n == longest]) if ends else None


def _rounded(value: float) -> int:
    """Two significant digits: a crossover is known no better."""
    return int(float(f"{value:.2g}"))


def _logarithmic(groups: Mapping[str, Seeds], x: str, y: str, looks: Mapping[str, Style], band: Band) -> go.Figure:
    colours, dashes = ({name: getattr(looks[name], what) for name in groups} for what in ("colour", "dash"))
    figure = curves(groups, x=x, y=y, colours=colours, dashes=dashes, band=band, faint=False, log=True, between=False)
    for trace in figure.data:
        if trace.meta["role"] == "mean":
            trace.mode = "lines+markers"
    return figure


def _ticks(figure: go.Figure, places: list[float]) -> dict[str, Any]:
    look: dict[str, Any] = figure.layout.to_plotly_json()
    look["xaxis"] |= {"type": "log", "tickvals": places, "ticktext": [f"{one:,.0f}" for one in places]}
    return look | {"showlegend": True}


def _fit_trace(name: str, fit: PowerLaw, look: Style) -> dict[str, Any]:
    x = np.array([fit.first, fit.last])
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": fit(x),
        "name": f"n^({fit})",
        "legendgroup": name,
        "line": {"color": look.colour, "width": 5, "dash": "dot"},
        "opacity": 0.45,
        "meta": {"role": "fit"},
        "hovertemplate": f"{name}: fitted n^({fit}){EXTRA}",
    }
