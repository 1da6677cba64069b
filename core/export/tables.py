"""A run's numbers as CSV (long form) and as JSON."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from typing import Any

from core.contract import Experiment
from core.engine.records import RunRecord, Snapshot


def as_csv(experiment: Experiment, snapshot: Snapshot) -> bytes:
    """One line a number: seed, step (in epochs), metric, value. Lines before it, with "#", say what was run."""
    text = io.StringIO()
    for name, value in about(experiment, snapshot).items():
        text.write(f"# {name}: {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}\n")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("seed", "step", "metric", "value"))
    table.writerows(rows(snapshot))
    return text.getvalue().encode()


def as_json(experiment: Experiment, snapshot: Snapshot) -> bytes:
    """Settings, seeds, versions, device, every series, and the summary: metric -> seed -> number."""
    series = {
        metric: {
            str(seed): {"steps": one.steps.tolist(), "values": [float(value) for value in one.values]}
            for seed, one in seeds.items()
        }
        for metric, seeds in snapshot.series.items()
    }
    summary = snapshot.summary(experiment.summary)
    content = {**about(experiment, snapshot), "summary": summary, "series": _finite(series)}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def about(experiment: Experiment, snapshot: Snapshot) -> dict[str, Any]:
    """What must stand beside a number: what was run, with which settings, where, when, and how it ended."""
    run = snapshot.run
    facts = {
        "experiment": experiment.key,
        "title": experiment.title,
        "source": experiment.source,
        "version": run.version,
        "run": run.id,
        "state": run.state,
        "recorded": snapshot.recorded,
        "settings": settings(experiment, run),
        "seeds": list(run.seeds),
        "device": run.device,
        "device name": run.device_name,
        "versions": run.versions,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.created)),
        "training seconds": round(run.seconds, 3),
    }
    return facts if snapshot.recorded else {name: value for name, value in facts.items() if name != "recorded"}


def settings(experiment: Experiment, run: RunRecord) -> dict[str, Any]:
    """The settings that made a run's numbers; those that only redraw are left out."""
    return experiment.config.parse(run.config).retraining()


def rows(snapshot: Snapshot) -> Iterator[tuple[int, float | int, str, float]]:
    """(seed, step, metric, value) of every point, ordered by seed, then metric, then step."""
    for seed in snapshot.run.seeds:
        for metric, seeds in snapshot.series.items():
            if seed in seeds:
                for step, value in zip(seeds[seed].steps, seeds[seed].values, strict=True):
                    yield seed, int(step) if step == int(step) else float(step), metric, float(value)


def _finite(value: Any) -> Any:
    """JSON has no infinity: a loss that overflowed becomes text ("inf"), which is better than a lost point."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    infinite = isinstance(value, float) and value in (float("inf"), float("-inf"))
    return str(value) if infinite else value
