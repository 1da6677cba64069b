"""Start, watch, pause, step, resume, stop, fail."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from core.engine.scheduler import Scheduler, UnknownRunError
from tests.engine.helpers import counts, done, eventually, quick, reach, see, slow
from tests.engine.toys.clock import ClockConfig
from tests.engine.toys.stacked import StackedConfig


def test_a_run_finishes_with_every_event_and_its_weights(scheduler: Scheduler):
    started = scheduler.start("clock", quick(steps=7), [0, 4], "me")
    assert (started.joined, started.reused) == (False, ())
    snapshot = done(scheduler, started.run_id)
    assert snapshot.run.state == "finished" and snapshot.progress == 1.0
    assert counts(snapshot, 0) == counts(snapshot, 4) == [1, 2, 3, 4, 5, 6, 7]
    assert snapshot.seed_states == {0: "finished", 4: "finished"}
    assert set(snapshot.notes) == {"seeds (0,)", "seeds (4,)"}
    assert snapshot.run.seconds > 0 and snapshot.run.device == "cpu" and snapshot.run.total_steps == 7
    weights = scheduler.store.weights(snapshot.run.trainings[4])
    assert weights is not None and weights["weight"].tolist() == [[11.0]]
    assert [event for event in scheduler.live() if event.id == started.run_id] == []


def test_seeds_that_train_together_are_told_apart(scheduler: Scheduler):
    snapshot = done(scheduler, scheduler.start("stacked", StackedConfig(), [1, 2, 3, 4], "me").run_id)
    score = {seed: series.values.tolist() for seed, series in snapshot.series["score"].items()}
    assert score == {1: [11, 12, 13, 14], 2: [21, 22], 3: [31, 32, 33, 34], 4: [41, 42, 43, 44]}
    assert snapshot.moments == {3: (4.0,), 4: (4.0,)}
    (picture,) = scheduler.store.arrays(snapshot.run.trainings[3], 4.0)
    assert picture.seed == 3 and np.array_equal(picture.arrays["picture"], np.arange(4.0))


def test_an_exception_fails_the_run_in_one_line_and_keeps_what_was_measured(scheduler: Scheduler):
    started = scheduler.start("clock", quick(trouble="raise", at=3), [0], "me")
    snapshot = done(scheduler, started.run_id)
    assert snapshot.run.state == "failed" and snapshot.run.error == "RuntimeError: the clock broke"
    assert counts(snapshot) == [1, 2] and snapshot.seed_states == {0: "failed"}
    log = scheduler.store.home / "logs" / f"{started.run_id}.log"
    assert "second line" in log.read_text() and "Traceback" in log.read_text()


def test_a_failing_seed_ends_the_others(scheduler: Scheduler):
    snapshot = done(scheduler, scheduler.start("clock", quick(trouble="raise", steps=9), [0, 1, 2], "me").run_id)
    assert snapshot.run.state == "failed"
    assert "failed" in snapshot.seed_states.values() and "running" not in snapshot.seed_states.values()


def test_pause_step_and_resume(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [0], "me").run_id
    reach(scheduler, run, 3)
    assert scheduler.pause(run, "me")
    assert see(scheduler, run).run.state == "paused"
    before = settled(scheduler, run)
    for expected in (1, 2, 3):
        assert scheduler.step(run, "me")
        eventually(lambda expected=expected: len(counts(see(scheduler, run))) == before + expected, 2)
        assert see(scheduler, run).run.state == "paused"
    assert settled(scheduler, run) == before + 3
    assert scheduler.resume(run, "me")
    resumed = counts(reach(scheduler, run, before + 10))
    assert resumed == list(range(1, len(resumed) + 1))
    assert see(scheduler, run).run.state == "running"


def settled(scheduler: Scheduler, run: str) -> int:
    """Number of events once the turn in progress has ended; a paused run does not move after that."""
    threading.Event().wait(0.4)
    first = len(counts(see(scheduler, run)))
    threading.Event().wait(0.3)
    assert len(counts(see(scheduler, run))) == first
    return first


def test_step_starts_a_run_that_was_paused_at_once_and_moves_every_seed(scheduler: Scheduler):
    run = scheduler.start("clock", slow(milliseconds=60), [0, 1], "me").run_id
    assert scheduler.step(run, "me")
    eventually(lambda: see(scheduler, run).notes)
    assert see(scheduler, run).run.state == "paused"
    settled(scheduler, run)
    had = [len(counts(see(scheduler, run), seed)) for seed in (0, 1)]
    scheduler.step(run, "me")
    eventually(lambda: [len(counts(see(scheduler, run), seed)) for seed in (0, 1)] == [had[0] + 1, had[1] + 1])


def test_stop_keeps_what_was_measured_and_the_last_weights(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [0, 1, 2, 3], "me").run_id
    reach(scheduler, run, 5)
    assert scheduler.stop(run, "me")
    snapshot = done(scheduler, run)
    assert snapshot.run.state == "stopped" and len(counts(snapshot)) >= 5
    assert counts(snapshot) == list(range(1, len(counts(snapshot)) + 1))
    weights = scheduler.store.weights(snapshot.run.trainings[0])
    assert weights is not None and weights["weight"].item() >= len(counts(snapshot))
    assert snapshot.seed_states[3] == "stopped" and scheduler.store.weights(snapshot.run.trainings[3]) is None
    assert not scheduler.stop(run, "me") and not scheduler.pause(run, "me")


def test_a_paused_run_can_be_stopped(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [0], "me").run_id
    scheduler.pause(run, "me")
    scheduler.stop(run, "me")
    assert done(scheduler, run).run.state == "stopped"


def test_a_snapshot_comes_only_when_something_is_new(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [0], "me").run_id
    reach(scheduler, run, 2)
    scheduler.pause(run, "me")
    settled(scheduler, run)
    latest = see(scheduler, run)
    assert scheduler.snapshot(run, latest.cursor) is None
    scheduler.step(run, "me")
    newer = eventually(lambda: scheduler.snapshot(run, latest.cursor))
    assert newer.cursor > latest.cursor
    scheduler.stop(run, "me")
    final = done(scheduler, run)
    assert final.cursor > newer.cursor and scheduler.snapshot(run, final.cursor) is None


def test_progress_and_time_left_tell_the_truth(scheduler: Scheduler):
    run = scheduler.start("clock", quick(steps=200, milliseconds=10), [0], "me").run_id
    half = reach(scheduler, run, 100)
    assert half.progress == pytest.approx(len(counts(half)) / 200, abs=0.1)
    assert half.seconds_left is not None and 0 < half.seconds_left < 60
    assert half.queue_position is None
    assert done(scheduler, run).seconds_left is None


def test_the_first_point_of_a_warm_start_comes_at_once(scheduler: Scheduler):
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        run = scheduler.start("clock", slow(milliseconds=1), [0], "me").run_id
        eventually(lambda run=run: counts(see(scheduler, run)))
        seconds.append(time.monotonic() - began)
        scheduler.stop(run, "me")
        done(scheduler, run)
    assert min(seconds) < 0.25


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([], "At least one seed is needed; got none. Try seeds=[0]."),
        ([1, 1], "Seeds must differ; got 1, 1."),
        ([-1], "Seeds must lie between 0 and 2147483647; got -1."),
        ([2**31], "Seeds must lie between 0 and 2147483647; got 2147483648."),
    ],
)
def test_seeds_are_checked(scheduler: Scheduler, seeds: list[int], message: str):
    with pytest.raises(ValueError) as error:
        scheduler.start("clock", ClockConfig(), seeds, "me")
    assert str(error.value) == message


def test_the_wrong_config_is_refused(scheduler: Scheduler):
    with pytest.raises(TypeError, match="clock takes a ClockConfig; got a StackedConfig"):
        scheduler.start("clock", StackedConfig(), [0], "me")


def test_a_metric_without_one_number_a_seed_fails_the_run(scheduler: Scheduler):
    snapshot = done(scheduler, scheduler.start("misshapen", StackedConfig(), [0, 1], "me").run_id)
    assert snapshot.run.error == ("ValueError: Metric 'score' must have one number a seed, shape (1,); got shape (3,).")


def test_an_unknown_run_is_said_plainly(scheduler: Scheduler):
    for ask in (scheduler.snapshot, scheduler.wait, lambda run: scheduler.attach(run, "me")):
        with pytest.raises(UnknownRunError) as error:
            ask("nonsense")
        assert str(error.value) == "There is no run 'nonsense' here. It may have been deleted."
    assert not scheduler.pause("nonsense", "me")


def test_nothing_happens_while_nothing_is_asked(fresh):
    scheduler = fresh()
    eventually(lambda: len(scheduler.processes) == 2)
    done(scheduler, scheduler.start("clock", quick(), [0, 1], "me").run_id)
    threading.Event().wait(0.2)
    before = time.process_time()
    threading.Event().wait(0.5)
    assert time.process_time() - before < 0.02


def test_a_scheduler_does_not_wait_for_its_workers(tmp_path, toys):
    from core.engine.store import Store

    store = Store(tmp_path)
    scheduler = Scheduler(store, device="cpu")
    assert not scheduler.warm
    scheduler.shutdown()
    scheduler.shutdown()
    assert scheduler.processes == ()
    store.close()
