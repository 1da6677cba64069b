"""Workers that die, hang or fall silent, and servers that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.engine.scheduler import Scheduler
from core.engine.store import Store
from tests.engine.conftest import TOYS
from tests.engine.helpers import counts, done, eventually, gone, pid, quick, reach, same, see, slow

ROOT = Path(__file__).parents[2]


def never_jumps_back(scheduler: Scheduler, run: str, until: int) -> None:
    """Watch a curve grow to `until` points: it never gets shorter and never repeats a step."""
    longest = 0
    deadline = time.monotonic() + 60
    while longest < until:
        assert time.monotonic() < deadline, f"stuck at {longest} events"
        seen = counts(see(scheduler, run))
        assert len(seen) >= longest and seen == list(range(1, len(seen) + 1))
        longest = len(seen)


def test_a_silent_worker_is_replaced_and_the_innocent_goes_on_uncharged(fresh):
    scheduler = fresh(workers=1)
    innocent = scheduler.start("clock", slow(), [0], "me").run_id
    reach(scheduler, innocent, 5)
    (worker,) = scheduler.processes
    silent = scheduler.start("clock", slow(trouble="hang", at=4), [0], "me").run_id
    reach(scheduler, silent, 3)
    asked = time.monotonic()
    scheduler.stop(silent, "me")
    assert done(scheduler, silent).run.state == "stopped"
    assert 0.9 < time.monotonic() - asked < 60  # it got its second; the hung step would last an hour
    assert counts(see(scheduler, silent)) == [1, 2, 3]
    eventually(lambda: gone(worker) and worker not in scheduler.processes)
    had = len(counts(see(scheduler, innocent)))
    never_jumps_back(scheduler, innocent, had + 10)
    assert see(scheduler, innocent).run.state == "running"


def test_a_generator_that_clings_to_its_life_is_ended_too(fresh):
    scheduler = fresh(workers=1)
    run = scheduler.start("clock", slow(trouble="cling"), [0], "me").run_id
    reach(scheduler, run, 3)
    scheduler.stop(run, "me")
    snapshot = done(scheduler, run)
    assert snapshot.run.state == "stopped" and len(counts(snapshot)) >= 3


def test_a_long_step_of_another_run_is_no_reason_to_kill(fresh):
    scheduler = fresh(workers=1)
    stopped = scheduler.start("clock", slow(), [0], "me").run_id
    reach(scheduler, stopped, 2)
    long = scheduler.start("clock", quick(steps=2, milliseconds=1500), [0], "me").run_id
    eventually(lambda: see(scheduler, long).run.state == "running")
    (worker,) = scheduler.processes
    scheduler.stop(stopped, "me")
    assert done(scheduler, stopped).run.state == "stopped"
    assert done(scheduler, long).run.state == "finished"
    assert scheduler.processes == (worker,)


def test_kill_of_a_worker_loses_nobody(fresh):
    scheduler = fresh(workers=1)
    runs = [scheduler.start("clock", slow(milliseconds=20), [0], "me").run_id for _ in range(2)]
    for run in runs:
        reach(scheduler, run, 8)
    (worker,) = scheduler.processes
    had = [len(counts(see(scheduler, run))) for run in runs]
    os.kill(worker, signal.SIGKILL)
    for run, count in zip(runs, had, strict=True):
        never_jumps_back(scheduler, run, count + 10)
        assert see(scheduler, run).run.state == "running"
        assert pid(see(scheduler, run)) != worker
    eventually(lambda: gone(worker))


def test_a_run_that_lost_its_worker_ends_as_if_nothing_had_happened(fresh):
    from tests.engine.toys.streams import StreamsConfig

    scheduler = fresh(workers=1)
    config = StreamsConfig(flavour="dropout", steps=500)
    run = scheduler.start("streams", config, [7], "me").run_id
    eventually(lambda: see(scheduler, run).series)
    os.kill(scheduler.processes[0], signal.SIGKILL)
    disturbed = done(scheduler, run)
    undisturbed = done(scheduler, scheduler.start("streams", config, [7], "me").run_id)
    assert disturbed.run.state == undisturbed.run.state == "finished"
    assert same(disturbed, undisturbed, "number") and len(disturbed.series["number"][7]) == 500


def test_a_crash_loop_is_charged_to_the_suspect_alone(fresh):
    scheduler = fresh(workers=1)
    innocent = scheduler.start("clock", slow(), [0], "me").run_id
    reach(scheduler, innocent, 3)
    suspect = scheduler.start("clock", slow(trouble="die", at=4), [0], "me").run_id
    snapshot = done(scheduler, suspect)
    assert snapshot.run.state == "failed"
    assert snapshot.run.error == "The process that trained this ended twice (exit status 7)."
    assert set(counts(snapshot)) <= {1, 2, 3}
    had = len(counts(see(scheduler, innocent)))
    never_jumps_back(scheduler, innocent, had + 10)
    assert see(scheduler, innocent).run.state == "running"
    eventually(lambda: len(scheduler.processes) == 1)


def test_a_query_that_kills_its_worker_harms_no_run(fresh):
    from core.engine.scheduler import QueryError

    scheduler = fresh(workers=1)
    run = scheduler.start("clock", slow(), [0], "me").run_id
    reach(scheduler, run, 3)
    with pytest.raises(QueryError, match=r"The process that was to answer ended \(exit status 9\). Ask again."):
        scheduler.query(run, "crash")
    never_jumps_back(scheduler, run, len(counts(see(scheduler, run))) + 5)


def test_workers_that_cannot_start_are_said(tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch):
    from core import catalog

    config = quick()
    catalog.get("clock")
    broken = tmp_path / "torch"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('this torch is broken')")
    monkeypatch.setattr("core.engine.local.ROOT", tmp_path)  # comes first on the workers' import path
    store = Store(tmp_path / "home")
    scheduler = Scheduler(store, device="cpu", workers=1)
    snapshot = done(scheduler, scheduler.start("clock", config, [0], "me").run_id)
    assert snapshot.run.state == "failed"
    assert "Training processes cannot start: ImportError: this torch is broken." in snapshot.run.error
    assert "workers.log" in snapshot.run.error
    scheduler.shutdown()
    store.close()


def test_shutdown_leaves_no_process_and_marks_runs_interrupted(fresh):
    scheduler = fresh()
    run = scheduler.start("clock", slow(trouble="hold", at=4, milliseconds=80), [0], "me").run_id
    reach(scheduler, run, 2)
    workers = scheduler.processes
    scheduler.shutdown()
    assert all(gone(worker) for worker in workers)
    record = scheduler.store.run(run)
    assert record is not None and record.state == "interrupted"


def _server(home: Path, trouble: str) -> tuple[subprocess.Popen[str], dict[str, object]]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.server", str(home), trouble],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "LAYERLAB_EXPERIMENTS": TOYS},
    )
    assert server.stdout is not None
    with server.stdout:
        return server, json.loads(server.stdout.readline())


@pytest.mark.parametrize("trouble", ["none", "hang", "hold"])
def test_kill_of_a_server_leaves_no_worker_and_an_interrupted_run(tmp_path: Path, trouble: str):
    if trouble == "hold" and sys.platform != "linux":
        trouble = "hang"  # only Linux can end a process whose interpreter is held by native code
    server, about = _server(tmp_path, trouble)
    assert about["trains"] in about["workers"]
    server.kill()
    server.wait(120)
    for worker in about["workers"]:
        eventually(lambda worker=worker: gone(worker))
    store = Store(tmp_path)
    snapshot = store.snapshot(about["run"])
    assert snapshot is not None and snapshot.run.state == "interrupted"
    assert len(counts(snapshot)) >= 10 and snapshot.seed_states == {0: "interrupted"}
    store.close()


def test_ctrl_c_leaves_no_worker(tmp_path: Path):
    server, about = _server(tmp_path, "hang")
    server.send_signal(signal.SIGINT)
    server.wait(120)
    for worker in about["workers"]:
        eventually(lambda worker=worker: gone(worker))
