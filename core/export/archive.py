"""What comes one file a seed: trained weights as safetensors, curves as TensorBoard event files."""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy

from core.contract import Experiment
from core.engine.records import Series, Snapshot
from core.events import Weights
from core.export.tables import about

WITHIN = 1000  # TensorBoard counts in whole steps: points within an epoch are counted in thousandths of one


def weights_file(experiment: Experiment, snapshot: Snapshot, weights: Mapping[int, Weights]) -> bytes:
    """A zip with one .safetensors file a seed; for a run whose weights can only be one seed's, that file itself.

    weights: seed -> name -> array. Settings and seed stand in each file's metadata. Raises ValueError for no seed.
    """
    if not weights:
        raise ValueError("No seed of this run has weights yet. They are there once its training has ended.")
    facts = about(experiment, snapshot)
    files = {seed: _safetensors(one, facts | {"seed": seed}) for seed, one in weights.items()}
    if is_single(snapshot):
        return next(iter(files.values()))
    return _zip({f"seed-{seed}.safetensors": body for seed, body in files.items()}, snapshot)


def is_single(snapshot: Snapshot) -> bool:
    """Whether a run's weights are one file: it has one seed, or is recorded, which keeps those of the first."""
    return bool(snapshot.recorded) or len(snapshot.run.seeds) == 1


def tensorboard(experiment: Experiment, snapshot: Snapshot) -> bytes:
    """A zip with one folder of event files a seed, for `tensorboard --logdir FOLDER`.

    A scalar's step is its epoch. Points within an epoch have a tag of their own, in thousandths of an epoch.
    """
    files = {}
    for seed in snapshot.run.seeds:
        series = {metric: seeds[seed] for metric, seeds in snapshot.series.items() if seed in seeds}
        text = json.dumps(about(experiment, snapshot) | {"seed": seed}, indent=1, ensure_ascii=False)
        name = f"{experiment.key}/seed {seed}/events.out.tfevents.{int(snapshot.run.created)}.layerlab"
        files[name] = _event_file(series, snapshot.run.created)
        files[f"{experiment.key}/seed {seed}/settings.json"] = text.encode()
    return _zip(files, snapshot)


def scalars(series: Mapping[str, Series]) -> Iterator[tuple[str, int, float]]:
    """(tag, step, value) of every point, as TensorBoard wants them."""
    for metric, one in series.items():
        whole = one.steps == np.round(one.steps)
        for step, value in zip(one.steps[whole], one.values[whole], strict=True):
            yield metric, int(step), float(value)
        for step, value in zip(one.steps, one.values, strict=True):
            if not whole.all():
                yield f"{metric} (step: epoch/{WITHIN})", round(float(step) * WITHIN), float(value)


def _event_file(series: Mapping[str, Series], created: float) -> bytes:
    from tensorboardX import RecordWriter  # not at the top: it brings much along, and few ask for it
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

    events = [Event(wall_time=created, file_version="brain.Event:2")]
    for tag, step, value in scalars(series):
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        events.append(Event(wall_time=created, step=step, summary=summary))
    # Not SummaryWriter, which starts a thread and writes the machine's name into the file's.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events"
        writer = RecordWriter(str(path))
        for event in events:
            writer.write(event.SerializeToString())
        writer.close()
        return path.read_bytes()


def _safetensors(weights: Weights, facts: Mapping[str, object]) -> bytes:
    # Its writer reads memory as it lies, so a transposed view would come back scrambled.
    plain = {name: np.asarray(array, order="C") for name, array in weights.items()}
    return safetensors.numpy.save(plain, metadata={name: _words(value) for name, value in facts.items()})


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _zip(files: Mapping[str, bytes], snapshot: Snapshot) -> bytes:
    """The same files always give the same bytes: entries are dated as the run."""
    date = time.gmtime(max(snapshot.run.created, 315619200.0))[:6]  # a zip knows no date before 1980-01-02
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            entry = zipfile.ZipInfo(name, date)  # readable by its owner and others once unpacked
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
