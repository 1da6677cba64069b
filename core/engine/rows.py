"""How records and events lie in the database's rows, and back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from core.engine.curves import Curve
from core.engine.files import pack_arrays, pack_weights
from core.engine.records import FINAL, Moment, RunRecord, SeedEvent, State
from core.events import Metrics, Note

RUN_COLUMNS = (
    "id, experiment, version, identity, config, trainings, state, owner, device, device_name, versions, created, "
    "finished, seconds, error, keep, total_steps"
)
UNFINISHED_SQL = "state NOT IN (" + ", ".join(f"'{state}'" for state in sorted(FINAL)) + ")"
EventRow = tuple[str, int, str, float | None, str]


def run_row(record: RunRecord) -> tuple[Any, ...]:
    """The values of RUN_COLUMNS. Raises TypeError for a config that is not JSON."""
    return (
        record.id,
        record.experiment,
        record.version,
        record.identity,
        json.dumps(record.config),
        json.dumps(record.trainings),  # seed -> training, in the order of the seeds
        record.state,
        record.owner,
        record.device,
        record.device_name,
        json.dumps(record.versions),
        record.created,
        record.finished,
        record.seconds,
        record.error,
        record.keep,
        record.total_steps,
    )


def run_record(row: tuple[Any, ...]) -> RunRecord:
    """The record of a row of RUN_COLUMNS (more columns may follow)."""
    trainings = {int(seed): training for seed, training in json.loads(row[5]).items()}
    return RunRecord(
        id=row[0],
        experiment=row[1],
        version=row[2],
        identity=row[3],
        config=json.loads(row[4]),
        seeds=tuple(trainings),
        trainings=trainings,
        state=row[6],
        owner=row[7],
        device=row[8],
        device_name=row[9],
        versions=json.loads(row[10]),
        created=row[11],
        finished=row[12],
        seconds=row[13],
        error=row[14],
        keep=bool(row[15]),
        total_steps=row[16],
    )


def event_row(training: str, one: SeedEvent) -> tuple[EventRow, bytes | None]:
    """The row of an event, and the content of its file if it has one. Raises Unstorable for Python objects."""
    event = one.event
    if isinstance(event, Metrics):
        values = {name: float(value) for name, value in event.values.items()}
        return (training, one.index, "metrics", float(event.step), json.dumps(values)), None
    if isinstance(event, Note):
        return (training, one.index, "note", None, event.text), None
    if isinstance(event, Moment):
        content = pack_weights(event.weights)
        checksum = json.dumps({"checksum": zlib.crc32(content)})
        return (training, one.index, "moment", float(event.step), checksum), content
    content = pack_arrays(event.arrays)
    about = {"name": event.name, "seed": event.seed, "checksum": zlib.crc32(content)}
    return (training, one.index, "arrays", float(event.step), json.dumps(about)), content


def progress(record: RunRecord, states: Mapping[int, State], curves: Mapping[int, Curve]) -> float:
    """How far a run is, 0 to 1: the mean over its seeds; a finished seed counts 1 even if it stopped early."""
    if record.state == "finished":
        return 1.0
    done = 0.0
    for seed in record.seeds:
        if states.get(seed) == "finished":
            done += 1.0
        elif record.total_steps and seed in curves:
            done += min(curves[seed].step / record.total_steps, 1.0)
    return done / max(len(record.seeds), 1)
