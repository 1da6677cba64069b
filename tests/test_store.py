import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.records import SeedEvent
from core.engine.store import Store, StoreError
from core.events import Arrays, Note
from tests.store_writers import metrics, new_run, train


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "home")
    yield store
    store.close()


def reopened(store):
    store.close()
    return Store(store.home)


# --- what goes in comes out


def test_a_run_comes_back_as_it_was_made(store):
    made = new_run(store, seeds=(7, 3), keep=True, total_steps=4.0)
    assert (made.state, made.seeds, list(made.trainings)) == ("queued", (7, 3), [7, 3])
    again = reopened(store)
    kept = again.run(made.id)
    again.close()
    assert kept.state == "interrupted"  # its server is gone
    assert {name for name in vars(made) if getattr(made, name) != getattr(kept, name)} == {"state", "finished"}


def test_a_snapshot_holds_the_points_of_every_seed_in_order_without_nan(store):
    run = new_run(store, seeds=(5, 2), total_steps=4)
    values = [0.1, math.nan, math.inf, np.float32(0.3)]
    store.append(run.trainings[5], [metrics(i, loss=v, other=np.float64(i)) for i, v in enumerate(values)])
    store.append(run.trainings[2], [metrics(0, loss=np.array(9.0), other=math.nan)])
    snapshot = store.snapshot(run.id)
    assert snapshot.series["loss"][5].steps.tolist() == [1, 3, 4]
    assert snapshot.series["loss"][5].values.tolist() == [0.1, math.inf, float(np.float32(0.3))]
    assert snapshot.series["loss"][2].values.tolist() == [9.0]
    assert snapshot.series["other"][5].values.tolist() == [0, 1, 2, 3]
    assert snapshot.summary(["loss", "other"]) == {"loss": {5: float(np.float32(0.3)), 2: 9.0}, "other": {5: 3.0}}
    assert snapshot.progress == pytest.approx((4 / 4 + 1 / 4) / 2)
    assert snapshot.seed_states == {5: "queued", 2: "queued"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=30), st.integers(1, 7))
def test_every_float_returns_exactly_whatever_the_batches(store, numbers, batch):
    run = new_run(store)
    events = [metrics(i, loss=number) for i, number in enumerate(numbers)]
    for first in range(0, len(events), batch):
        store.append(run.trainings[0], events[first : first + batch])
        store.snapshot(run.id)
    assert store.snapshot(run.id).series["loss"][0].values.tolist() == numbers


def test_an_index_already_stored_keeps_its_first_event(store):
    training = (run := new_run(store)).trainings[0]
    train(store, training, 5)
    before = store.snapshot(run.id)
    store.append(training, [metrics(i, loss=-1.0) for i in range(6)])
    after = store.snapshot(run.id).series["loss"][0].values.tolist()
    assert after == [*before.series["loss"][0].values.tolist(), -1.0]
    assert store.event_count(training) == 6


def test_a_replayed_picture_does_not_replace_the_first(store):
    training = new_run(store).trainings[0]
    for value in (1, 2):
        store.append(training, [SeedEvent(0, Arrays(1.0, {"map": np.array(value)}))] * 2)
    assert [one.arrays["map"].item() for one in store.arrays(training, 1.0)] == [1]
    assert store.problems == ()


def test_events_that_fill_a_gap_are_seen_by_the_next_snapshot(store):
    run = new_run(store)
    store.append(run.trainings[0], [metrics(2)])
    assert len(store.snapshot(run.id).series["loss"][0]) == 1
    store.append(run.trainings[0], [metrics(0), metrics(1)])
    assert store.snapshot(run.id).series["loss"][0].steps.tolist() == [1, 2, 3]


def test_the_cursor_grows_with_every_change_and_rests_otherwise(store):
    run = new_run(store)
    training = run.trainings[0]
    cursors = [store.snapshot(run.id).cursor]
    for change in (
        lambda: store.append(training, [metrics(0)]),
        lambda: store.append(training, [SeedEvent(1, Note("slow"))]),
        lambda: store.set_training(training, "running"),
        lambda: store.finish_training(training, "finished", 1.0, None),
        lambda: store.set_run(run.id, "finished"),
    ):
        change()
        cursors.append(store.snapshot(run.id).cursor)
    assert cursors == sorted(set(cursors))
    assert store.snapshot(run.id).cursor == cursors[-1]


def test_arrays_come_back_whatever_their_names_and_kinds(store):
    training = (run := new_run(store, seeds=(4,))).trainings[4]
    arrays = {
        "file": np.eye(3, dtype=np.float16).T,
        "a/b": np.array(2.5),
        "words": np.array(["red", "grün"]),
        "empty": np.zeros((0, 2), bool),
    }
    store.append(training, [SeedEvent(0, Arrays(0.5, arrays, "maps", 4)), SeedEvent(1, Arrays(0.5, {}, "none"))])
    first, second = store.arrays(training, 0.5)
    assert (first.name, first.seed, first.step, second.name, second.seed) == ("maps", 4, 0.5, "none", None)
    for name, array in arrays.items():
        assert first.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(first.arrays[name], array)
    assert store.arrays(training, 0.75) == []
    assert store.snapshot(run.id).moments == {4: (0.5,)}


def test_weights_come_back_even_if_they_were_views_in_another_order(store):
    training = new_run(store).trainings[0]
    weights = {
        "channels_last": np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
        "count": np.array(3, dtype=np.int64),
        "strided": np.arange(10, dtype=np.float32)[::3],
    }
    store.finish_training(training, "finished", 1.0, weights)
    again = reopened(store)
    kept = again.weights(training)
    assert again.weights("unknown") is None
    again.close()
    assert sorted(kept) == sorted(weights)
    for name, array in weights.items():
        assert kept[name].shape == array.shape
        np.testing.assert_array_equal(kept[name], array)


def test_what_no_file_can_hold_is_reported_and_the_rest_kept(store):
    training = new_run(store).trainings[0]
    store.append(training, [SeedEvent(0, Arrays(1.0, {"things": np.array([object()])})), metrics(1)])
    store.finish_training(training, "stopped", 1.0, {"w": np.array(["text"])})
    assert store.event_count(training) == 2
    assert store.arrays(training, 1.0) == [] and store.weights(training) is None
    assert ["picture" in store.problems[0], "weights" in store.problems[1]] == [True, True]


def test_seconds_add_up_over_the_trainings_a_run_made(store):
    first = new_run(store, seeds=(0, 1))
    for seed, seconds in ((0, 2.0), (1, 3.5)):
        store.finish_training(first.trainings[seed], "finished", seconds, None)
    second = new_run(store, seeds=(0, 2), reuse={0: first.trainings[0]})
    store.finish_training(second.trainings[2], "finished", 1.25, None)
    assert (store.run(first.id).seconds, store.run(second.id).seconds) == (5.5, 1.25)
    store.set_run(first.id, "finished", seconds=9.0)
    assert store.run(first.id).seconds == 9.0


def test_set_run_changes_what_it_is_given_only(store):
    run = new_run(store)
    store.set_run(run.id, "running", keep=True)
    assert (store.run(run.id).keep, store.run(run.id).finished) == (True, None)
    store.set_run(run.id, "failed", error="It broke.")
    kept = store.run(run.id)
    assert (kept.state, kept.error, kept.keep) == ("failed", "It broke.", True)
    assert kept.finished >= kept.created


def test_notes_are_told_once_though_every_seed_says_them(store):
    run = new_run(store, seeds=(0, 1))
    for training in run.trainings.values():
        store.append(training, [SeedEvent(0, Note("downloading")), SeedEvent(1, Note("training"))])
    assert store.snapshot(run.id).notes == ("downloading", "training")


def test_progress_is_one_for_a_seed_that_finished_early(store):
    run = new_run(store, seeds=(0, 1), total_steps=10)
    store.append(run.trainings[0], [metrics(2)])
    store.append(run.trainings[1], [metrics(4)])
    assert store.snapshot(run.id).progress == pytest.approx((0.3 + 0.5) / 2)
    store.finish_training(run.trainings[0], "finished", 1.0, None)
    assert store.snapshot(run.id).progress == pytest.approx((1 + 0.5) / 2)
    store.set_run(run.id, "finished")
    assert store.snapshot(run.id).progress == 1.0


# --- lists, reuse, deletion


def test_runs_are_listed_newest_first_and_filtered(store):
    first = new_run(store, identity="a")
    second = new_run(store, identity="b", owner="you")
    third = new_run(store, identity="a", experiment="gat")
    store.set_run(second.id, "stopped")

    def ids(**wanted):
        return [run.id for run in store.runs(**wanted)]

    assert ids() == [third.id, second.id, first.id]
    assert ids(limit=1) == [third.id]
    assert ids(identity="a") == [third.id, first.id]
    assert ids(owner="me", experiment="padding") == [first.id]
    assert ids(states=["stopped", "failed"]) == [second.id]
    assert ids(states=[]) == []


def test_finished_trainings_are_the_newest_of_each_seed(store):
    first, second = new_run(store, seeds=(0, 1, 2)), new_run(store, seeds=(1,))
    for run, seed, state in ((first, 0, "finished"), (first, 1, "finished"), (first, 2, "stopped")):
        store.finish_training(run.trainings[seed], state, 1.0, None)
    store.finish_training(second.trainings[1], "finished", 1.0, None)
    assert store.finished_trainings("same") == {0: first.trainings[0], 1: second.trainings[1]}
    assert store.finished_trainings("other") == {}


def test_a_run_over_more_seeds_shows_the_trainings_it_reuses(store):
    small = new_run(store, seeds=(0, 1))
    train(store, small.trainings[0], 20)
    store.finish_training(small.trainings[0], "finished", 1.0, None)
    large = new_run(store, seeds=(2, 0), reuse=store.finished_trainings("same"))
    assert large.trainings[0] == small.trainings[0] and large.trainings[2] not in small.trainings.values()
    snapshot = store.snapshot(large.id)
    assert len(snapshot.series["loss"][0]) == 20
    assert snapshot.seed_states == {2: "queued", 0: "finished"}


def test_reuse_is_refused_for_another_seed_or_identity(store):
    other = new_run(store, identity="other").trainings[0]
    mine = new_run(store).trainings[0]
    for reuse in ({0: other}, {1: mine}, {2: mine}, {0: "unknown"}):
        with pytest.raises(ValueError, match=r"is no stored training of seed . of this run; leave it out"):
            new_run(store, seeds=(0, 1), reuse=reuse)
    assert len(store.runs()) == 2


@pytest.mark.parametrize("seeds", [(), (1, 2, 1)])
def test_seeds_must_be_there_and_differ(store, seeds):
    with pytest.raises(ValueError, match="seeds must be one or more different numbers; got"):
        new_run(store, seeds=seeds)


def test_deleting_a_run_keeps_the_trainings_that_others_use(store):
    weights = {"w": np.zeros(100_000)}
    first = new_run(store, seeds=(0, 1))
    for training in first.trainings.values():
        store.append(training, [metrics(0), SeedEvent(1, Arrays(1.0, weights))])
        store.finish_training(training, "finished", 1.0, weights)
    store.set_run(first.id, "finished")
    second = new_run(store, seeds=(0,), reuse={0: first.trainings[0]})
    before = store.used_bytes()
    store.delete_run(first.id)
    assert store.run(first.id) is None and store.snapshot(first.id) is None
    assert before - store.used_bytes() > 1_500_000  # weights and picture of seed 1, 800 kB each
    assert [store.event_count(first.trainings[seed]) for seed in (0, 1)] == [2, 0]
    assert store.weights(first.trainings[0]) is not None and len(store.arrays(first.trainings[0], 1.0)) == 1
    with pytest.raises(StoreError, match=r"A run that is queued cannot be deleted\. Stop it first\."):
        store.delete_run(second.id)
    store.set_run(second.id, "stopped")
    store.delete_run(second.id)
    store.delete_run(second.id)
    assert store.runs() == [] and store.finished_trainings("same") == {}
    assert [path for name in ("arrays", "weights") for path in (store.home / name).rglob("*.*")] == []


def test_events_of_a_deleted_training_are_dropped(store):
    run = new_run(store)
    store.set_run(run.id, "stopped")
    store.delete_run(run.id)
    store.append(run.trainings[0], [metrics(0)])
    assert store.event_count(run.trainings[0]) == 0
