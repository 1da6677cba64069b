"""A run as CSV and JSON: every number, and what must stand beside it."""

from __future__ import annotations

import csv
import json

import pytest

from core.export.tables import as_csv, as_json
from tests.export.samples import KETTLE, finished, series

POINTS = {
    ("4", "1", "heat", "24.5"),
    ("4", "2", "heat", "44.0"),
    ("4", "0.25", "steam, hot", "0.1"),
    ("4", "0.5", "steam, hot", "0.2"),
    ("4", "1", "steam, hot", "0.3333333333333333"),
    ("5", "1", "heat", "25.5"),
    ("5", "2", "heat", "45.0"),
}


def test_csv_has_every_point_once_under_commented_facts() -> None:
    lines = as_csv(KETTLE, finished()).decode().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    head, *rows = csv.reader(lines[len(comments) :])
    assert head == ["seed", "step", "metric", "value"]
    assert {tuple(row) for row in rows} == POINTS
    assert len(rows) == len(POINTS)
    facts = dict(line.removeprefix("# ").split(": ", 1) for line in comments)
    assert json.loads(facts["settings"]) == {"water": "hard", "lid": False, "fill": 0.5, "steps": 3, "rate": 0.05}
    assert json.loads(facts["versions"])["torch"] == "2.13"
    assert (facts["seeds"], facts["device name"], facts["state"]) == ("[4, 5]", "a <CPU>", "finished")


def test_json_has_settings_series_and_summary() -> None:
    found = json.loads(as_json(KETTLE, finished()))
    assert found["settings"]["water"] == "hard"
    assert "band" not in found["settings"], "a knob that only redraws makes no numbers"
    assert found["series"]["heat"]["5"] == {"steps": [1.0, 2.0], "values": [25.5, 45.0]}
    assert found["summary"] == {"heat": {"4": 44.0, "5": 45.0}}
    assert found["started"] == "2025-10-09T08:53:20Z"


@pytest.mark.parametrize("write", [as_csv, as_json])
def test_who_started_the_run_stays_here(write: object) -> None:
    assert b"secret" not in write(KETTLE, finished())  # type: ignore[operator]


@pytest.mark.parametrize("write", [as_csv, as_json])
def test_a_recorded_run_says_so(write: object) -> None:
    body = write(KETTLE, finished(recorded="recorded one day")).decode()  # type: ignore[operator]
    assert "recorded one day" in body
    assert "recorded" not in write(KETTLE, finished()).decode()  # type: ignore[operator]


def test_a_loss_that_overflowed_is_still_valid_json() -> None:
    snapshot = finished()
    snapshot.series["heat"][4] = series((1, float("inf")))
    found = json.loads(as_json(KETTLE, snapshot), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert found["series"]["heat"]["4"]["values"] == ["inf"]
