"""Many runs, many people: fairness, owners, limits, what is watched and what is shared."""

from __future__ import annotations

import threading

import pytest

from core.engine.scheduler import AdmissionError, Limits, Scheduler
from tests.engine.helpers import counts, done, eventually, pid, quick, reach, see, slow
from tests.engine.toys.clock import ClockConfig


def test_ten_runs_all_move(fresh):
    scheduler = fresh(limits=Limits(per_owner=20))
    runs = [scheduler.start("clock", slow(milliseconds=10), [0], "me").run_id for _ in range(10)]
    before = [len(counts(reach(scheduler, run, 1))) for run in runs]  # the first began while the others were started
    for run, had in zip(runs, before, strict=True):
        reach(scheduler, run, had + 40)
    gained = [len(counts(see(scheduler, run))) - had for run, had in zip(runs, before, strict=True)]
    assert max(gained) < 3 * min(gained)
    for run in runs:
        scheduler.stop(run, "me")


def test_a_run_of_many_seeds_takes_no_more_turns_than_a_run_of_one(fresh):
    scheduler = fresh(workers=1)
    many = scheduler.start("clock", slow(milliseconds=10), list(range(8)), "me").run_id
    one = scheduler.start("clock", slow(milliseconds=10), [0], "me").run_id
    reach(scheduler, one, 40)
    theirs = sum(len(counts(see(scheduler, many), seed)) for seed in range(8))
    assert 0.4 < theirs / len(counts(see(scheduler, one))) < 2.5


def test_units_started_on_one_worker_move_to_an_idle_one(fresh):
    scheduler = fresh(workers=2)
    runs = [scheduler.start("clock", slow(), [0], "me").run_id for _ in range(2)]
    for run in runs:
        reach(scheduler, run, 5)
    eventually(lambda: pid(see(scheduler, runs[0])) != pid(see(scheduler, runs[1])), 30)


def test_a_worker_with_one_unit_takes_over_from_a_crowded_one(fresh):
    scheduler = fresh(workers=2)
    runs = [scheduler.start("clock", slow(), [0], "me").run_id for _ in range(6)]
    for run in runs:
        reach(scheduler, run, 5)

    def together(those: list[str]) -> list[list[str]]:
        """Those on the worker of the first of all runs, and those on the other."""
        crowded = pid(see(scheduler, runs[0]))
        return [[run for run in those if (pid(see(scheduler, run)) == crowded) is here] for here in (True, False)]

    eventually(lambda: len(together(runs)[0]) == 3, 30)
    there, elsewhere = together(runs)
    for run in elsewhere[1:]:
        scheduler.stop(run, "me")
    left = [*there, elsewhere[0]]
    eventually(lambda: len(together(left)[0]) == 2, 30)
    for run in left:
        assert counts(see(scheduler, run)) == list(range(1, len(counts(see(scheduler, run))) + 1))


def test_two_clients_share_one_run_and_only_its_owner_may_end_it(scheduler: Scheduler):
    config = slow()
    first = scheduler.start("clock", config, [0, 1], "owner")
    second = scheduler.start("clock", config.model_copy(update={"colour": "blue"}), [1], "viewer")
    assert second.joined and second.run_id == first.run_id and not first.joined
    run = first.run_id
    assert see(scheduler, run).viewers == 2
    reach(scheduler, run, 1)
    for act in (scheduler.pause, scheduler.resume, scheduler.step, scheduler.stop):
        assert not act(run, "viewer")
    assert not scheduler.keep_training(run, "viewer", True)
    snapshot = see(scheduler, run)
    assert snapshot.run.state == "running" and snapshot.viewers == 1
    assert scheduler.stop(run, "owner")
    assert done(scheduler, run).run.state == "stopped"


def test_two_clients_who_press_at_once_share_one_run(scheduler: Scheduler):
    config, started = slow(), []
    barrier = threading.Barrier(4)

    def press(owner: str) -> None:
        barrier.wait()
        started.append(scheduler.start("clock", config, [0], owner))

    threads = [threading.Thread(target=press, args=(f"client {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.run_id for one in started}) == 1 and sum(one.joined for one in started) == 3


def test_a_run_that_its_owner_paused_is_joined_by_its_owner_alone(scheduler: Scheduler):
    config = slow()
    run = scheduler.start("clock", config, [0], "owner").run_id
    scheduler.pause(run, "owner")
    again = scheduler.start("clock", config, [0], "owner")
    assert again.joined and again.run_id == run
    assert see(scheduler, run).run.state in ("queued", "running")
    scheduler.pause(run, "owner")
    other = scheduler.start("clock", config, [0], "viewer")
    assert not other.joined and other.run_id != run
    scheduler.stop(other.run_id, "viewer")


def test_more_seeds_than_the_live_run_has_make_a_run_of_their_own(scheduler: Scheduler):
    config = slow()
    scheduler.start("clock", config, [0], "me")
    assert not scheduler.start("clock", config, [0, 1], "me").joined


def test_stored_seeds_are_reused_when_others_are_asked_beside_them(scheduler: Scheduler):
    config = quick(steps=4)
    first = done(scheduler, scheduler.start("clock", config, [0, 1, 2], "me").run_id)
    started = scheduler.start("clock", config, [0, 1, 2, 3], "you")
    assert (started.joined, started.reused) == (False, (0, 1, 2))
    assert scheduler.to_train("clock", config, [0, 1, 2, 9]) == (9,)
    assert scheduler.to_train("clock", config, [0, 1]) == (0, 1)  # all are stored: Run trains them anew
    second = done(scheduler, started.run_id)
    assert [counts(second, seed) for seed in range(4)] == [[1, 2, 3, 4]] * 4
    assert second.run.trainings[1] == first.run.trainings[1]
    assert second.run.state == "finished" and second.progress == 1.0
    again = scheduler.start("clock", config, [0, 3], "you")
    assert again.reused == ()
    trained = done(scheduler, again.run_id)
    assert set(trained.run.trainings.values()).isdisjoint(second.run.trainings.values())


def test_a_stopped_training_is_not_reused(scheduler: Scheduler):
    config = slow()
    run = scheduler.start("clock", config, [0], "me").run_id
    reach(scheduler, run, 2)
    scheduler.stop(run, "me")
    done(scheduler, run)
    assert scheduler.start("clock", config, [0, 1], "me").reused == ()


def test_admission_is_limited_for_one_and_for_all(fresh):
    scheduler = fresh(workers=1, limits=Limits(live=3, per_owner=2))
    mine = [scheduler.start("clock", slow(), [0], "me").run_id for _ in range(2)]
    with pytest.raises(AdmissionError) as error:
        scheduler.start("clock", slow(), [0], "me")
    assert str(error.value) == (
        "At most 2 of your runs may be live at once, and 2 are. Stop one, or wait until one has finished."
    )
    config = slow()
    scheduler.start("clock", config, [0], "you")
    assert scheduler.start("clock", config, [0], "them").joined
    with pytest.raises(AdmissionError) as error:
        scheduler.start("clock", slow(), [0], "them")
    assert str(error.value) == (
        "At most 3 runs may be live at once, and 3 are. Stop one, or try again when one has finished."
    )
    scheduler.stop(mine[0], "me")
    done(scheduler, mine[0])
    scheduler.start("clock", slow(), [0], "them")


def test_the_stated_limits_are_the_default():
    assert Limits() == Limits(live=64, per_owner=8, pause_after_seconds=120.0, drop_after_seconds=1800.0)


def test_a_run_nobody_watches_pauses_resumes_and_is_dropped(fresh):
    scheduler = fresh(workers=1, limits=Limits(pause_after_seconds=0.4, drop_after_seconds=1.5))
    run = scheduler.start("clock", slow(), [0], "me").run_id
    for _ in range(80):
        assert scheduler.snapshot(run, viewer="me").run.state in ("queued", "running")
        threading.Event().wait(0.01)
    eventually(lambda: see(scheduler, run).run.state == "paused", 2)
    had = len(counts(see(scheduler, run)))
    scheduler.attach(run, "you")
    assert see(scheduler, run).run.state == "running"
    scheduler.keep_training(run, "me", True)
    reach(scheduler, run, had + 3)
    scheduler.keep_training(run, "me", False)
    scheduler.release("you")
    eventually(lambda: see(scheduler, run).run.final, 5)
    assert see(scheduler, run).run.state == "stopped"


def test_keep_training_and_waiting_are_watching(fresh):
    scheduler = fresh(workers=1, limits=Limits(pause_after_seconds=0.2, drop_after_seconds=0.4))
    kept = scheduler.start("clock", slow(), [0], "me", keep=True).run_id
    waited = scheduler.start("clock", quick(steps=100, milliseconds=5), [0], "me").run_id
    assert done(scheduler, waited).run.state == "finished"
    assert see(scheduler, kept).run.state == "running" and see(scheduler, kept).run.keep
    assert scheduler.keep_training(kept, "me", False)
    eventually(lambda: see(scheduler, kept).run.final, 3)


def test_what_its_owner_has_paused_does_not_keep_its_place_for_good(fresh):
    scheduler = fresh(workers=1, limits=Limits(pause_after_seconds=0.2, drop_after_seconds=0.4))
    run = scheduler.start("clock", slow(), [0], "me", keep=True).run_id
    assert scheduler.pause(run, "me")
    eventually(lambda: see(scheduler, run).run.final, 3)


def test_a_tab_watches_and_its_owner_is_not_counted_besides(scheduler: Scheduler):
    config = slow()
    run = scheduler.start("clock", config, [0], "me", viewer="my tab").run_id
    scheduler.snapshot(run, viewer="my tab")
    scheduler.keep_training(run, "me", True)
    assert see(scheduler, run).viewers == 1
    assert scheduler.start("clock", config, [0], "you", viewer="your tab").joined
    assert see(scheduler, run).viewers == 2
    scheduler.release("my tab")
    eventually(lambda: see(scheduler, run).viewers == 1)


def test_a_pause_by_the_owner_outlasts_viewers(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [0], "me").run_id
    scheduler.pause(run, "me")
    scheduler.attach(run, "you")
    assert see(scheduler, run).run.state == "paused"


def test_released_and_detached_viewers_are_not_counted(scheduler: Scheduler):
    run = scheduler.start("clock", slow(), [0], "me").run_id
    for viewer in ("a", "b", "c"):
        scheduler.attach(run, viewer)
    assert see(scheduler, run).viewers == 4
    scheduler.detach(run, "a")
    scheduler.release("b")
    eventually(lambda: see(scheduler, run).viewers == 2)


def test_beside_an_exclusive_run_nothing_advances(scheduler: Scheduler):
    other = scheduler.start("clock", slow(), [0], "me").run_id
    reach(scheduler, other, 3)
    config = ClockConfig(steps=20, milliseconds=20)
    alone = scheduler.start("alone", config, [0, 1], "me")
    assert not scheduler.start("alone", config, [0], "you").joined
    eventually(lambda: len(counts(see(scheduler, alone.run_id))) >= 2)
    had = len(counts(see(scheduler, other)))
    reach(scheduler, alone.run_id, 15)
    assert len(counts(see(scheduler, other))) == had
    assert counts(see(scheduler, alone.run_id), 1) == []
    assert done(scheduler, alone.run_id).run.state == "finished"
    reach(scheduler, other, had + 3)
    eventually(lambda: not scheduler.live("you"), 20)


def test_waiting_runs_know_their_place(scheduler: Scheduler):
    alone = scheduler.start("alone", ClockConfig(steps=100_000, milliseconds=5), [0], "me").run_id
    reach(scheduler, alone, 2)
    waiting = [scheduler.start("clock", slow(), [0], "me").run_id for _ in range(3)]
    assert [see(scheduler, run).queue_position for run in waiting] == [1, 2, 3]
    assert see(scheduler, alone).queue_position is None
    scheduler.stop(waiting[0], "me")
    eventually(lambda: [see(scheduler, run).queue_position for run in waiting[1:]] == [1, 2])


def test_live_lists_runs_by_owner(scheduler: Scheduler):
    mine = scheduler.start("clock", slow(), [0], "me").run_id
    yours = scheduler.start("clock", slow(), [0], "you").run_id
    assert [record.id for record in scheduler.live()] == [mine, yours]
    assert [record.id for record in scheduler.live("you")] == [yours]
