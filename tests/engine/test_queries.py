"""Questions to live, stored and given models."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.engine import dispatcher
from core.engine.scheduler import QueryError, Scheduler
from tests.engine.helpers import counts, done, eventually, quick, reach, see, slow
from tests.engine.toys.clock import ClockConfig


def test_a_live_run_answers_with_its_latest_checkpoint(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [3, 5], "me").run_id
    reach(scheduler, run, 4, seed=3)
    scheduler.pause(run, "me")
    answer = scheduler.query(run, "value", times=2.0)  # comes after the events of the turn that was under way
    steps = counts(see(scheduler, run), 3)[-1]
    assert answer.seed == 3
    assert answer.arrays["value"].item() in {2 * (3 + steps), 2 * (3 + steps + 1)}  # kept, and not yet counted
    reach(scheduler, run, 1, seed=5)
    assert scheduler.query(run, "value", seed=5).seed == 5


def test_past_moments_of_the_first_seed_answer_live_and_stored(scheduler: Scheduler):
    run = scheduler.start("clock", quick(steps=60, milliseconds=2), [3, 5], "me").run_id
    eventually(lambda: len(see(scheduler, run).saved.get(3, ())) >= 3)
    assert scheduler.query(run, "value", step=1.0).arrays["value"].item() == 3 + 1
    snapshot = done(scheduler, run)
    assert list(snapshot.saved) == [3]
    steps = snapshot.saved[3]
    assert steps[:4] == (1.0, 3.0, 5.0, 7.0) and 8 <= len(steps) <= 16 and steps[-1] > 40
    for step in steps:
        assert scheduler.query(run, "value", step=step).arrays["value"].item() == 3 + step
    assert scheduler.query(run, "value").arrays["value"].item() == 3 + 60
    with pytest.raises(QueryError, match="left no weights"):
        scheduler.query(run, "value", step=2.0)


def test_a_moment_whose_file_is_damaged_is_reported_and_the_others_answer(scheduler: Scheduler):
    run = done(scheduler, scheduler.start("clock", quick(steps=30), [0], "me").run_id)
    folder = scheduler.store.home / "arrays" / run.run.trainings[0]
    min(folder.iterdir(), key=lambda file: int(file.stem)).write_bytes(b"damaged")
    with pytest.raises(QueryError, match="left no weights"):
        scheduler.query(run.run.id, "value", step=1.0)
    assert any("damaged" in problem for problem in scheduler.store.problems)
    assert see(scheduler, run.run.id).saved[0] == run.saved[0][1:]


def test_a_step_goes_past_a_moment_to_something_that_can_be_seen(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [0], "me").run_id
    scheduler.pause(run, "me")
    (unit,) = scheduler._ledger.runs[run].units
    eventually(lambda: not unit.in_flight)  # what was under way when it was paused
    before = len(counts(see(scheduler, run)))
    for more in (1, 2, 3):
        assert scheduler.step(run, "me")
        reach(scheduler, run, before + more - 1)  # the clock's first event is a note
    assert 2 <= len(counts(see(scheduler, run))) - before <= 4


def test_a_stored_run_answers_with_its_stored_weights(scheduler: Scheduler):
    run = done(scheduler, scheduler.start("clock", quick(steps=6), [2, 3], "me").run_id).run.id
    assert scheduler.query(run, "value").arrays["value"].item() == 8.0
    assert scheduler.query(run, "value", seed=3, times=10.0).arrays["value"].item() == 90.0
    assert scheduler.query(run, "value", seed=3).seed == 3


def test_a_seed_that_has_finished_answers_while_others_train(scheduler: Scheduler):
    config = quick(steps=60, milliseconds=10)
    run = scheduler.start("clock", config, [0, 1, 2, 3, 4, 5], "me").run_id
    eventually(lambda: see(scheduler, run).seed_states[0] == "finished")
    assert not see(scheduler, run).run.final
    assert scheduler.query(run, "value").arrays["value"].item() == 60.0


def test_given_weights_answer_under_their_key(scheduler: Scheduler):
    weights = {"weight": np.full((1, 1), 7.0, np.float32)}
    for config in (ClockConfig(), ClockConfig().model_dump()):
        answer = scheduler.query_weights("clock", config, weights, 11, "value", key="recorded", times=3.0)
        assert (answer.seed, answer.arrays["value"].item()) == (11, 21.0)


def test_answers_come_quickly_from_an_idle_worker_and_within_a_turn_from_a_busy_one(scheduler: Scheduler):
    weights = {"weight": np.ones((1, 1), np.float32)}

    def fastest() -> float:
        seconds = []
        for _ in range(8):
            began = time.monotonic()
            scheduler.query_weights("clock", ClockConfig(), weights, 0, "value", key="quick")
            seconds.append(time.monotonic() - began)
        return min(seconds)

    assert fastest() < 0.03
    for _ in range(3):
        scheduler.start("clock", slow(), [0, 1], "me")
    eventually(lambda: all(record.state == "running" for record in scheduler.live()))
    assert fastest() < 0.25


def test_a_question_and_a_stop_wait_for_an_event_and_not_for_the_end_of_a_turn(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dispatcher, "TURN_SECONDS", 60.0)
    runs = [scheduler.start("clock", slow(milliseconds=50), [0], "me").run_id for _ in range(2)]  # one a worker
    for run in runs:
        reach(scheduler, run, 2)
    began = time.monotonic()
    assert scheduler.query(runs[0], "value").arrays["value"].item() >= 2
    weights = {"weight": np.ones((1, 1), np.float32)}
    scheduler.query_weights("clock", ClockConfig(), weights, 0, "value", key="given")
    for run in runs:
        scheduler.stop(run, "me")
        done(scheduler, run)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("value", {"seed": 9}, "This run has no seed 9; it has: 0."),
        ("nonsense", {}, "clock has no query called 'nonsense'; it has: value, sleep, crash, refuse."),
        ("refuse", {}, "the angle must be finite; got nan. Try 0."),
    ],
)
def test_a_question_without_an_answer_says_why(scheduler: Scheduler, name: str, options: dict, message: str):
    live = scheduler.start("clock", slow(), [0], "me").run_id
    reach(scheduler, live, 2)
    stored = done(scheduler, scheduler.start("clock", quick(), [0], "me").run_id).run.id
    for run in (live, stored):
        with pytest.raises(QueryError) as error:
            scheduler.query(run, name, **options)
        assert str(error.value) == message


def test_a_training_that_has_not_begun_has_nothing_to_say(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [0, 1, 2], "me").run_id
    with pytest.raises(QueryError) as error:
        scheduler.query(run, "value", seed=2)
    assert str(error.value) == "This training has saved nothing to ask yet. Ask again in a moment."


def test_a_training_without_weights_says_so(scheduler: Scheduler):
    run = scheduler.start("clock", quick(trouble="raise", at=1), [0], "me").run_id
    done(scheduler, run)
    with pytest.raises(QueryError) as error:
        scheduler.query(run, "value")
    assert str(error.value) == "This training left no weights to ask. Train it again."


def test_a_query_that_takes_too_long_is_given_up_and_its_worker_replaced(fresh):
    scheduler = fresh(workers=1)
    run = done(scheduler, scheduler.start("clock", quick(), [0], "me").run_id).run.id
    (worker,) = scheduler.processes
    with pytest.raises(QueryError, match=r"No answer came within 0\.3 seconds"):
        scheduler.query(run, "sleep", timeout=0.3, seconds=3600)
    eventually(lambda: scheduler.processes and worker not in scheduler.processes)
    assert scheduler.query(run, "value", timeout=60).arrays["value"].item() == 5.0


def test_a_shutdown_keeps_nobody_waiting_for_an_answer(fresh):
    scheduler = fresh(workers=1)
    run = scheduler.start("clock", quick(), [0], "me").run_id
    done(scheduler, run)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(scheduler.query, run, "sleep", timeout=60, seconds=3600)
        eventually(lambda: any(worker.jobs for worker in scheduler._dispatcher.pool.workers))
        scheduler.shutdown()
        with pytest.raises(QueryError, match="shutting down"):
            asked.result(10)
