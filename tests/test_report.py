"""The command line's last word: one number a seed, or one list a seed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from core import catalog
from core.engine.records import RunRecord, Series, Snapshot
from core.report import Follower


def finished(series: dict[str, dict[int, float]]) -> Snapshot:
    """A finished run of the seeds 3 and 4 whose metrics have one point each."""
    record = RunRecord(
        id="r",
        experiment="linear_autoencoder",
        version=1,
        identity="i",
        config={},
        seeds=(3, 4),
        trainings={3: "a", 4: "b"},
        state="finished",
        owner="me",
        device="cpu",
        device_name="CPU",
        versions={},
        created=0.0,
    )
    points = {
        name: {seed: Series(np.array([1.0]), np.array([value])) for seed, value in seeds.items()}
        for name, seeds in series.items()
    }
    return Snapshot(run=record, cursor=0, series=points)


def test_numbered_metrics_are_one_list_a_seed_in_their_order(capsys: pytest.CaptureFixture[str]):
    numbered = {f"length {place}": {3: float(place), 4: -float(place)} for place in (10, 2, 1, *range(3, 10))}
    experiment = replace(catalog.get("linear_autoencoder"), summary=("loss",), lists={"lengths": "length"})
    Follower(experiment, as_json=True).finish(finished({"loss": {3: 0.5}, **numbered}))
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert list(summary) == ["loss", "lengths", "seconds"]
    assert summary["loss"] == [0.5, None]
    assert summary["lengths"] == [list(range(1, 11)), [-one for one in range(1, 11)]]


def test_a_list_that_was_never_measured_is_empty(capsys: pytest.CaptureFixture[str]):
    Follower(catalog.get("linear_autoencoder"), as_json=True).finish(finished({}))
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert summary["singular values"] == [[], []]
    assert summary["largest principal angle"] == [None, None]
