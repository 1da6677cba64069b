"""Runs that ship with the program, so that a page's first paint is already interesting; made by `python -m core sweep`.

A folder holds <experiment>.json (stamp, configs, curves at whole steps and at their ends) and one .safetensors file a
run with the weights of its first seed. Recorded results are always labelled as recorded.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from core.config import varied
from core.engine.records import RunRecord, Series, Snapshot
from core.engine.store import Store
from core.events import Weights

FOLDER = Path(__file__).parents[2] / "assets" / "recorded"
DIGITS = 5  # significant digits of a recorded number


def write(store: Store, runs: Sequence[str], folder: Path = FOLDER) -> Path:
    """Record finished runs of one experiment, each once; returns the file. Raises ValueError for an unfinished run."""
    snapshots = [_finished(store, run) for run in dict.fromkeys(runs)]
    experiment = snapshots[0].run.experiment
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{experiment}.json"
    configs = [snapshot.run.config for snapshot in snapshots]
    fields = varied(configs)
    entries = [_entry(snapshot, fields) for snapshot in snapshots]
    path.write_text(json.dumps(entries, separators=(",", ":")).replace("},{", "},\n{") + "\n", encoding="utf-8")
    for entry, snapshot in zip(entries, snapshots, strict=True):
        weights = store.weights(snapshot.run.trainings[snapshot.run.seeds[0]])
        if weights is not None:
            save_file(dict(weights), folder / entry["weights"])
    return path


@cache
def read(experiment: str, folder: Path = FOLDER) -> tuple[Snapshot, ...]:
    """The recorded runs of an experiment; none where nothing was recorded."""
    path = folder / f"{experiment}.json"
    if not path.is_file():
        return ()
    return tuple(_snapshot(entry, experiment) for entry in json.loads(path.read_text(encoding="utf-8")))


@cache
def weights(run: str, folder: Path = FOLDER) -> Weights | None:
    """The recorded weights of a run's first seed; None where there are none."""
    path = folder / f"{run}.safetensors"
    return load_file(path) if path.is_file() else None


def _finished(store: Store, run: str) -> Snapshot:
    snapshot = store.snapshot(run)
    if snapshot is None or snapshot.run.state != "finished":
        state = "unknown" if snapshot is None else snapshot.run.state
        raise ValueError(f"Only finished runs can be recorded; run {run} is {state}. Let it finish first.")
    return snapshot


def _entry(snapshot: Snapshot, fields: Sequence[str]) -> dict[str, Any]:
    run = snapshot.run
    name = "-".join([run.experiment, *(str(run.config[field]) for field in fields)])
    return {
        "run": name,
        "version": run.version,
        "identity": run.identity,
        "config": run.config,
        "seeds": run.seeds,
        "seconds": round(run.seconds, 1),
        "date": time.strftime("%Y-%m-%d", time.gmtime(run.finished or run.created)),
        "device": run.device,
        "device_name": run.device_name,
        "versions": run.versions,
        "weights": f"{name}.safetensors",
        "series": {
            metric: {str(seed): _whole_steps(series) for seed, series in seeds.items()}
            for metric, seeds in snapshot.series.items()
        },
    }


def _whole_steps(series: Series) -> list[list[float]]:
    whole = series.steps == np.round(series.steps)
    whole[-1:] = True  # the last point is the result, wherever it stands
    return [
        [int(step) if step == int(step) else float(f"{step:.{DIGITS}g}") for step in series.steps[whole]],
        [float(f"{value:.{DIGITS}g}") for value in series.values[whole]],
    ]


def _snapshot(entry: dict[str, Any], experiment: str) -> Snapshot:
    date = time.mktime(time.strptime(entry["date"], "%Y-%m-%d"))
    seeds = tuple(entry["seeds"])
    run = RunRecord(
        id=entry["run"],
        experiment=experiment,
        version=entry["version"],
        identity=entry["identity"],
        config=entry["config"],
        seeds=seeds,
        trainings={},
        state="finished",
        owner="",
        device=entry["device"],
        device_name=entry["device_name"],
        versions=entry["versions"],
        created=date,
        finished=date,
        seconds=entry["seconds"],
    )
    series = {
        metric: {
            int(seed): Series(*(np.array(column, dtype=np.float64) for column in points)) for seed, points in of.items()
        }
        for metric, of in entry["series"].items()
    }
    stamp = f"recorded {entry['date']} on {entry['device_name']}, torch {entry['versions']['torch']}"
    return Snapshot(
        run, cursor=0, progress=1.0, series=series, seed_states=dict.fromkeys(seeds, "finished"), recorded=stamp
    )
