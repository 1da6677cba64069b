"""Curves over training: every seed faintly, their mean, and how far they spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.images import EXTRA
from core.figures.palette import NEUTRAL, Style, drawn, faded, layout, styles

Floats = NDArray[np.float64]
Points = tuple[NDArray[Any], NDArray[Any]]  # steps (n,) increasing, values (n,); NaN values are left out
FAINT_SEEDS = 12  # more single lines than this hide one another


def curves(
    groups: Mapping[str, Mapping[int, Points]],
    *,
    y: str,
    x: str = "Epoch",
    colours: Mapping[str, str] | None = None,
    dashes: Mapping[str, str] | None = None,
    band: Literal["std", "range", "none"] = "std",
    faint: bool = True,
    log: bool = False,
    between: bool = True,
    title: str = "",
) -> go.Figure:
    """One line a group: the mean over its seeds, with a band of ± population std, from minimum to maximum, or none.

    groups: name -> seed -> (steps, values). x, y: axis titles with units. colours, dashes: where a name's own are not
    wanted. faint: also every seed's line, for at most 12 seeds. log: begin with a log y axis. between: a
    seed counts between its own points too, as along a training; not where x is a setting. Traces say in `meta.role`
    whether they are "mean", "seeds" (one trace, seeds divided by NaN, the seed in customdata) or "band".
    """
    traces: list[dict[str, Any]] = []
    for name, look in styles(groups).items():
        own = Style((colours or {}).get(name, look.colour), (dashes or {}).get(name, look.dash))
        seeds = {seed: points for seed, series in groups[name].items() if len((points := _finite(series))[0])}
        if seeds:
            traces += _group(name, seeds, own, band, faint and 1 < len(seeds) <= FAINT_SEEDS, between)
    traces.sort(key=lambda trace: ("band", "seeds", "mean").index(trace["meta"]["role"]))  # means lie on top
    more = {"yaxis": {"type": "log", "exponentformat": "power"}} if log else {}
    return drawn(data=traces, layout=layout(title, x, y, showlegend=len(groups) > 1, **more))


def line(
    name: str,
    x: Any,
    y: Any,
    style: Style,
    mode: str = "lines",
    *,
    unit: str = "",
    width: float = 2.0,
    rim: float = 0.0,
) -> dict[str, Any]:
    """One line or row of marks that needs no seeds: colour, dash and symbol of a style. rim, in px: of its marks."""
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": style.colour, "dash": style.dash, "width": width},
        "marker": {
            "color": style.colour,
            "symbol": style.symbol,
            "size": 8,
            "line": {"width": rim, "color": style.colour},
        },
        "hovertemplate": f"{name}<br>%{{x:.4~g}}: %{{y:.4~g}}{f' {unit}' if unit else ''}{EXTRA}",
    }


def guessing(ends: tuple[float, float], chance: float) -> dict[str, Any]:
    """A dashed line where guessing would be, in %, from end to end."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(ends),
        "y": [chance, chance],
        "line": {"color": NEUTRAL, "width": 1.5, "dash": "dash"},
        "name": "guessing",
        "meta": {"role": "chance"},
        "hovertemplate": f"guessing: %{{y:.3~g}} %{EXTRA}",
    }


def by_seed(found: Mapping[Any, Mapping[int, float]]) -> dict[int, Points]:
    """Results over a setting, setting -> seed -> value, as lines: seed -> (settings, rising, and values)."""
    seeds = sorted({seed for values in found.values() for seed in values})
    settings = {seed: [one for one in sorted(found) if seed in found[one]] for seed in seeds}
    return {seed: (np.array(own), np.array([found[one][seed] for one in own])) for seed, own in settings.items()}


def over_seeds(seeds: Mapping[int, Points], between: bool = True) -> tuple[Floats, Floats]:
    """Steps (n,) that any seed has, and every seed's values there: (seeds, n), NaN before its first and after its last.

    Between its own steps a seed is interpolated linearly; without `between` it is NaN there, too.
    """
    steps = np.unique(np.concatenate([points[0] for points in seeds.values()]).astype(np.float64))
    rows = np.stack([np.interp(steps, *points, left=np.nan, right=np.nan) for points in seeds.values()])
    if not between:
        rows[~np.stack([np.isin(steps, points[0]) for points in seeds.values()])] = np.nan
    return steps, rows


def spread(values: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean, population std and count over the seeds that are there: (seeds, n) -> three of (n,); NaN where none is."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    divisor = np.where(count == 0, np.nan, count)
    mean = np.where(there, values, 0.0).sum(axis=0) / divisor
    squares = np.where(there, values - mean, 0.0) ** 2
    return mean, np.sqrt(squares.sum(axis=0) / divisor), count


def _finite(points: Points) -> tuple[Floats, Floats]:
    steps, values = (np.asarray(one, dtype=np.float64) for one in points)
    there = np.isfinite(values)
    return (steps, values) if there.all() else (steps[there], values[there])


def _group(
    name: str, seeds: Mapping[int, Points], look: Style, band: str, faint: bool, between: bool
) -> list[dict[str, Any]]:
    steps, values = over_seeds(seeds, between)
    mean, std, count = spread(values)
    line: dict[str, Any] = {"color": look.colour, "width": 2.2, "dash": look.dash}
    traces = [
        {
            **_trace(name, "mean", steps, mean, steps.size),
            "line": line,
            "marker": {"color": look.colour, "size": 8},
            "customdata": np.column_stack([std, count]),
            "hovertemplate": f"<b>{name}</b><br>%{{x}}: mean %{{y:.4~g}} ± %{{customdata[0]:.2~g}} "
            "(n = %{customdata[1]})<extra></extra>",
        }
    ]
    if faint:
        traces.append(_single_lines(name, seeds, look))
    if band != "none" and len(seeds) > 1 and steps.size > 1:
        low, high = (mean - std, mean + std) if band == "std" else _range(values)
        traces.append(_band(name, steps, low, high, look) | {"meta": {"role": "band", "edges": band}})
    return traces


def _trace(name: str, role: str, x: Floats, y: Floats, points: int) -> dict[str, Any]:
    own = {"mode": "markers" if points == 1 else "lines", "showlegend": role == "mean"}
    return {"type": "scatter", "x": x, "y": y, "name": name, "legendgroup": name, "meta": {"role": role}, **own}


def _single_lines(name: str, seeds: Mapping[int, Points], look: Style) -> dict[str, Any]:
    gap = [np.nan]
    x = np.concatenate([part for steps, _ in seeds.values() for part in (steps, gap)])
    y = np.concatenate([part for _, values in seeds.values() for part in (values, gap)])
    lengths = [len(steps) for steps, _ in seeds.values()]
    return {
        **_trace(name, "seeds", x, y, max(lengths)),
        "line": {"color": look.colour, "width": 1},
        "marker": {"color": look.colour, "size": 5},
        "opacity": 0.35,
        "customdata": np.repeat(list(seeds), np.array(lengths) + 1),
        "hovertemplate": f"{name}, seed %{{customdata}}<br>%{{x}}: %{{y:.4~g}}<extra></extra>",
    }


def _range(values: Floats) -> tuple[Floats, Floats]:
    return np.fmin.reduce(values), np.fmax.reduce(values)


def _band(name: str, steps: Floats, low: Floats, high: Floats, look: Style) -> dict[str, Any]:
    there = np.isfinite(low)
    steps, low, high = steps[there], low[there], high[there]
    around = np.concatenate([steps, steps[::-1]]), np.concatenate([high, low[::-1]])
    shape = {"fill": "toself", "fillcolor": faded(look.colour, 0.16), "line": {"width": 0}, "hoverinfo": "skip"}
    return {**_trace(name, "band", *around, steps.size), "mode": "lines", **shape}
