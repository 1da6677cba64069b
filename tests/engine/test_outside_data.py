"""Data from outside: fetched before the training, told on the way, and part of a result's identity."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from core.engine.scheduler import Scheduler
from tests.engine.conftest import Make
from tests.engine.helpers import counts, done, eventually, quick, reach, see
from tests.engine.toys.prepared import GATE


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gate"
    monkeypatch.setenv(GATE, str(path))
    return path


def test_preparing_is_told_while_it_lasts_and_is_no_event(gate: Path, fresh: Make):
    scheduler = fresh(workers=1)
    run = scheduler.start("prepared", quick(steps=4), [0], "me").run_id
    assert eventually(lambda: see(scheduler, run).preparing) in {
        "waiting for the last piece",
        *(f"fetched {done} of 5" for done in range(5)),
    }
    eventually(lambda: see(scheduler, run).preparing == "waiting for the last piece")
    assert counts(see(scheduler, run)) == []
    gate.write_text("data")
    snapshot = done(scheduler, run)
    assert snapshot.run.state == "finished" and snapshot.preparing == ""
    assert counts(snapshot) == [1, 2, 3, 4] and snapshot.notes == ("seeds (0,)",)


def test_a_run_that_prepares_can_be_stopped(gate: Path, fresh: Make):
    scheduler = fresh(workers=1)
    run = scheduler.start("prepared", quick(), [0], "me").run_id
    eventually(lambda: see(scheduler, run).preparing)
    assert scheduler.stop(run, "me")
    assert done(scheduler, run, 5).run.state == "stopped"


def test_what_was_prepared_less_often_after_a_crash_shifts_no_event(gate: Path, fresh: Make):
    scheduler = fresh(workers=1)
    config = quick(steps=30, milliseconds=20)
    run = scheduler.start("prepared", config, [0], "me").run_id
    eventually(lambda: see(scheduler, run).preparing)
    gate.write_text("data")
    reach(scheduler, run, 5)
    (process,) = scheduler.processes
    os.kill(process, signal.SIGKILL)
    assert counts(done(scheduler, run)) == list(range(1, 31))


def test_why_nothing_could_be_prepared_is_said_as_it_is(gate: Path, fresh: Make):
    scheduler = fresh(workers=1)
    snapshot = done(scheduler, scheduler.start("prepared", quick(trouble="raise"), [0], "me").run_id)
    assert (snapshot.run.state, snapshot.run.error) == ("failed", "There is no network. Connect one.")


def test_other_data_make_another_identity(gate: Path, scheduler: Scheduler):
    config = quick()
    before = scheduler.identity("prepared", config)
    gate.write_text("data")
    first = scheduler.identity("prepared", config)
    gate.write_text("other data")
    assert len({before, first, scheduler.identity("prepared", config)}) == 3
