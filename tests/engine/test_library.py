"""The library: notes, pins, deletion with undo, storage, guesses, and the list of all runs."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.engine import library as shelf_of_people
from core.engine.database import MIGRATIONS
from core.engine.ledger import Ledger
from core.engine.library import LONGEST_NOTE, UNDO_SECONDS, Library, LibraryError
from core.engine.listing import Wanted, experiments, page, summary
from core.engine.records import RunRecord, SeedEvent
from core.engine.store import Store
from core.events import Arrays, Metrics
from tests.engine.helpers import eventually
from tests.store_writers import metrics, new_run, train


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def library(store: Store) -> Library:
    return Library(store)


class Clock:
    """Time as a test wants it."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(shelf_of_people, "time", made)
    return made


def finished(store: Store, size: int = 0, state: str = "finished", **changes: object) -> RunRecord:
    """A stored run that is over, with weights of `size` bytes a training."""
    run = new_run(store, **changes)
    for training in run.trainings.values():
        train(store, training, 3)
        weights = {"w": np.zeros(size, dtype=np.uint8)} if size else None
        store.finish_training(training, state, 1.0, weights)
    store.set_run(run.id, state)
    return run


# --- notes and pins


@pytest.mark.parametrize(
    "text", ["Why so low?", "<script>alert(1)</script> ![x](y) :red[z]", "ä\n€ 🙂", "x" * LONGEST_NOTE]
)
def test_a_note_comes_back_letter_by_letter(store: Store, library: Library, text: str):
    run, other = finished(store), finished(store)
    library.note(run.id, f"  {text}\n", "me")
    assert library.notes() == library.notes([run.id]) == {run.id: text}
    assert library.notes([other.id]) == {}
    library.note(run.id, " ", "me")
    assert library.notes() == {}


@pytest.mark.parametrize("length", [LONGEST_NOTE + 1, 2**20])
def test_a_note_that_is_too_long_is_refused_and_the_old_one_stays(store: Store, library: Library, length: int):
    run = finished(store)
    library.note(run.id, "old", "me")
    with pytest.raises(
        LibraryError, match=rf"at most 2,000 characters; this one has {length:,}\. It was not saved: sho"
    ):
        library.note(run.id, "y" * length, "me")
    assert library.notes() == {run.id: "old"}


def test_only_the_owner_or_an_administrator_changes_a_run(store: Store, library: Library):
    run = finished(store, owner="somebody")
    for forbidden in (
        lambda: library.note(run.id, "mine now", "me"),
        lambda: library.pin(run.id, True, "me"),
        lambda: library.delete(run.id, "me"),
    ):
        with pytest.raises(LibraryError, match=r"Only whoever started a run may .*; somebody else started this one\."):
            forbidden()
    (entry,) = page(store, Wanted()).entries
    assert (entry.note, entry.pinned) == ("", False)
    library.note(run.id, "looked at", "me", admin=True)
    library.pin(run.id, True, "me", admin=True)
    (entry,) = page(store, Wanted()).entries
    assert (entry.note, entry.pinned) == ("looked at", True)
    library.delete(run.id, "me", admin=True)
    with pytest.raises(LibraryError, match="Only whoever started a run may restore it"):
        library.restore(run.id, "me")


def test_notes_and_pins_outlast_a_restart(store: Store, library: Library):
    run = finished(store)
    library.note(run.id, "keep this", "me")
    library.pin(run.id, True, "me")
    store.close()
    again = Store(store.home)
    (entry,) = page(again, Wanted()).entries
    again.close()
    assert (entry.run.id, entry.note, entry.pinned) == (run.id, "keep this", True)


# --- deletion


def test_a_deleted_run_is_hidden_everywhere_until_it_is_restored(store: Store, library: Library):
    run = finished(store)
    library.note(run.id, "a note", "me")
    library.delete(run.id, "me")
    assert store.runs() == [] and store.snapshot(run.id) is None and store.finished_trainings("same") == {}
    assert page(store, Wanted()).total == 0 and library.notes() == {} and experiments(store) == []
    assert [record.id for record, _ in library.restorable("me")] == [run.id]
    assert library.restorable("you") == []
    assert len(library.restorable("you", admin=True)) == 1
    with pytest.raises(LibraryError, match="not stored here any more"):
        library.delete(run.id, "me")
    library.restore(run.id, "me")
    assert [record.id for record in store.runs()] == [run.id]
    assert len(store.snapshot(run.id).series["loss"][0]) == 3
    assert store.finished_trainings("same") == run.trainings and library.notes() == {run.id: "a note"}
    assert library.restorable("me") == []


def test_a_training_that_a_kept_run_shows_is_still_reused(store: Store, library: Library):
    first = finished(store, seeds=(0, 1))
    finished(store, seeds=(0,), reuse={0: first.trainings[0]})
    library.delete(first.id, "me")
    assert store.finished_trainings("same") == {0: first.trainings[0]}


def test_a_live_run_is_not_deleted(store: Store, library: Library):
    run = new_run(store)
    with pytest.raises(LibraryError, match=r"A run that is queued cannot be deleted\. Stop it first\."):
        library.delete(run.id, "me")
    assert len(store.runs()) == 1


def test_undo_ends_after_ten_minutes_and_the_run_really_goes(store: Store, library: Library, clock: Clock):
    run, kept = finished(store, size=1000), finished(store)
    library.delete(run.id, "me")
    clock.now += UNDO_SECONDS - 1
    assert library.purge() == 0
    assert len(library.restorable("me")) == 1
    clock.now += 2
    assert library.restorable("me") == []
    with pytest.raises(LibraryError, match="can be undone for 10 minutes, which are over"):
        library.restore(run.id, "me")
    assert store.run(run.id) is not None
    assert library.purge() == 1
    assert store.run(run.id) is None and store.event_count(run.trainings[0]) == 0
    assert store.weights(run.trainings[0]) is None
    assert [record.id for record in store.runs()] == [kept.id]


def test_what_was_deleted_goes_at_the_next_start(store: Store, library: Library, clock: Clock):
    run = finished(store)
    library.delete(run.id, "me")
    clock.now += UNDO_SECONDS + 1
    ledger = Ledger(store)
    try:
        eventually(lambda: store.run(run.id) is None)
    finally:
        ledger.journal.close()
        ledger.upkeep.close()


# --- storage


def test_used_bytes_are_those_of_the_files_and_the_database(store: Store, library: Library):
    empty = library.used()
    run = finished(store, size=300_000, seeds=(0, 1))
    store.append(run.trainings[0], [SeedEvent(9, Arrays(1.0, {"map": np.zeros(50_000, dtype=np.uint8)}))])
    library.measure()
    assert 650_000 < library.used() - empty < 750_000
    assert library.used() == pytest.approx(store.used_bytes(), rel=0.5)
    store.delete_run(run.id)
    assert library.used() - empty < 50_000


def test_storage_is_known_without_a_look_at_any_file(store: Store, library: Library, monkeypatch: pytest.MonkeyPatch):
    finished(store, size=1000)
    library.measure()

    def looked(*_: object) -> int:
        raise AssertionError("a file was looked at")

    monkeypatch.setattr(Store, "training_bytes", looked)
    library.measure()
    assert library.used() > 1000


def test_the_oldest_runs_go_first_and_pinned_live_new_and_restorable_ones_stay(store: Store, library: Library):
    pinned, oldest, deleted, second, third, newest = (finished(store, size=400_000, identity=str(n)) for n in range(6))
    live = new_run(store, identity="live")
    library.pin(pinned.id, True, "me")
    library.delete(deleted.id, "me")
    library.measure()
    done = library.evict(library.used() - 500_000)
    assert [run.id for run in done.removed] == [oldest.id, second.id]
    assert done.before - done.after > 790_000
    assert "the 2 oldest runs that no one had pinned were removed" in done.said
    assert {run.id for run in store.runs()} == {pinned.id, third.id, newest.id, live.id}
    last = library.evict(1, spare=(newest.id,))
    assert [run.id for run in last.removed] == [third.id]
    assert "Unpin or delete runs, or raise the limit." in last.full
    assert done.full == ""
    assert {run.id for run in store.runs()} == {pinned.id, newest.id, live.id}
    library.restore(deleted.id, "me")
    assert store.weights(deleted.trainings[0]) is not None


def test_nothing_is_evicted_below_the_limit(store: Store, library: Library):
    finished(store, size=1000)
    library.measure()
    done = library.evict(library.used())
    assert (done.removed, done.said, done.full, done.before) == ((), "", "", done.after)


def test_a_training_that_a_live_run_shows_outlasts_the_run_that_made_it(store: Store, library: Library):
    first = finished(store, size=1000)
    live = new_run(store, seeds=(0, 1), reuse={0: first.trainings[0]})
    done = library.evict(1)
    assert [run.id for run in done.removed] == [first.id]
    assert store.snapshot(live.id).seed_states[0] == "finished"
    assert store.weights(first.trainings[0]) is not None


def test_tidying_keeps_the_run_that_has_just_ended_and_says_what_it_did(store: Store):
    library = Library(store, limit_bytes=1)
    old, new = finished(store), finished(store)
    library.tidy(new.id)
    assert [run.id for run in store.runs()] == [new.id]
    assert "the oldest run that no one had pinned was removed" in library.said
    library.tidy(new.id)  # removes nothing more, and does not hide what went before
    assert "was removed" in library.said and "Unpin or delete runs" in library.full
    library.limit_bytes = library.used()
    library.tidy(new.id)
    assert "was removed" in library.said and library.full == ""
    assert store.run(old.id) is None


# --- the list


def test_a_page_holds_its_share_in_order_and_counts_all(store: Store):
    runs = [finished(store).id for _ in range(5)]
    newest_first = runs[::-1]
    assert [one.run.id for one in page(store, Wanted(), 1, 2).entries] == newest_first[:2]
    assert [one.run.id for one in page(store, Wanted(), 3, 2).entries] == newest_first[4:]
    beyond = page(store, Wanted(order="oldest first"), 4, 2)
    assert (beyond.entries, beyond.total) == ((), 5)


def test_filters_take_what_matches_all_of_them(store: Store, library: Library):
    reflect = finished(store, config={"conv": "reflect", "epochs": 5, "lid": True})
    valid = finished(store, config={"conv": "valid", "epochs": 50, "lid": False}, owner="you", state="stopped")
    other = finished(store, config={"width": 3}, experiment="sine")
    library.note(other.id, "100 % odd_thing", "me")

    def ids(**wanted: object) -> set[str]:
        return {one.run.id for one in page(store, Wanted(**wanted)).entries}

    assert ids() == {reflect.id, valid.id, other.id}
    assert ids(experiments=("sine",)) == {other.id}
    assert ids(states=("stopped", "failed")) == {valid.id}
    assert ids(owner="me") == {reflect.id, other.id}
    assert ids(text="REFLECT") == {reflect.id}
    assert ids(text="conv epochs") == {reflect.id, valid.id}
    assert ids(text="epochs=5") == ids(text="epochs=5.0") == ids(text="epochs=.5e1") == {reflect.id}
    assert ids(text="conv=Valid lid=off") == {valid.id}
    assert ids(text="100 odd_thing") == {other.id}
    assert ids(text="%") == {other.id}
    assert ids(text="oddXthing") == ids(text="' OR 1=1 --") == ids(text='a"b=1') == set()
    assert ids(text="reflect", owner="you") == set()


def test_a_metric_sorts_all_runs_by_its_mean_whatever_page_they_are_on(store: Store):
    def scored(*values: float) -> str:
        run = new_run(store, seeds=tuple(range(len(values))))
        for value, training in zip(values, run.trainings.values(), strict=True):
            store.append(training, [metrics(0, score=value), metrics(1, score=math.nan), metrics(2, other=1.0)])
            store.finish_training(training, "finished", 1.0, None)
        store.set_run(run.id, "finished")
        return run.id

    low, high, middle, without = scored(1.0, 3.0), scored(9.0), scored(4.0, 6.0), finished(store).id
    best = page(store, Wanted(metric="score"), 1, 2)
    assert ([one.run.id for one in best.entries], best.total) == ([high, middle], 4)
    assert [one.run.id for one in page(store, Wanted(metric="score"), 2, 2).entries] == [low, without]
    lowest = page(store, Wanted(metric="score", lowest=True)).entries
    assert [one.run.id for one in lowest] == [low, middle, high, without]


def test_a_summary_is_that_of_the_snapshot(store: Store):
    run = new_run(store, seeds=(0, 1, 2))
    names = ("loss", "early", "never")
    for seed, training in list(run.trainings.items())[:2]:
        store.append(training, [metrics(0, early=7.0 + seed, loss=1.0), metrics(1, early=math.inf)])
        store.append(training, [SeedEvent(n, Metrics(n, {"loss": float(n), "never": math.nan})) for n in range(2, 60)])
    expected = {name: list(values.values()) for name, values in store.snapshot(run.id).summary(names).items()}
    assert summary(store, run, names) == expected == {"loss": [59.0, 59.0], "early": [7.0, 8.0], "never": []}


# --- guesses


def test_the_first_guess_stays(library: Library):
    assert library.guess("identity", "accuracy", "7b", "Ada", 40.0) == 40.0
    assert library.guess("identity", "accuracy", "7b", "Ada", 99.0) == 40.0
    library.guess("identity", "accuracy", "7b", "<b>Bo</b>", 60.5)
    library.guess("identity", "accuracy", "7c", "Ada", 1.0)
    assert library.guesses("identity", "accuracy", "7b") == {"Ada": 40.0, "<b>Bo</b>": 60.5}
    assert library.guesses("identity", "seconds", "7b") == library.guesses("else", "accuracy", "7b") == {}


def test_a_guess_that_waits_for_the_disk_counts_at_once(store: Store, library: Library):
    library.guess("identity", "accuracy", "7b", "Ada", 40.0)
    blocker = sqlite3.connect(store.home / "results.sqlite", isolation_level=None)
    store.database._connection.execute("PRAGMA busy_timeout = 1")
    blocker.execute("BEGIN IMMEDIATE")
    assert library.guess("identity", "accuracy", "7b", "Bo", 50.0) == 50.0
    assert library.guess("identity", "accuracy", "7b", "Ada", 90.0) == 40.0
    blocker.execute("ROLLBACK")
    blocker.close()
    library.guess("identity", "accuracy", "7b", "Cy", 60.0)
    assert store.problems == ()
    assert library.guesses("identity", "accuracy", "7b") == {"Ada": 40.0, "Bo": 50.0, "Cy": 60.0}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_guess_is_a_finite_number(library: Library, value: float):
    with pytest.raises(ValueError, match=r"A guess must be a finite number; got (nan|inf)\. Enter another one\."):
        library.guess("identity", "accuracy", "7b", "Ada", value)


def test_a_name_of_a_megabyte_is_refused(library: Library):
    with pytest.raises(ValueError, match=r"at most 200 characters; got 1,048,576\. Shorten it\."):
        library.guess("identity", "accuracy", "x" * 2**20, "Ada", 1.0)


# --- homes of the first schema


def test_a_home_of_the_first_schema_is_taken_over_with_everything_in_it(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    with sqlite3.connect(home / "results.sqlite") as old:
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("PRAGMA user_version = 1")
        old.execute(
            "INSERT INTO runs (id, experiment, version, identity, config, trainings, state, owner, device, "
            "device_name, versions, created, finished, seconds, server) "
            "VALUES ('run', 'padding', 1, 'same', '{\"conv\": \"valid\"}', "
            "'{\"4\": \"training\"}', 'finished', 'me', 'cpu', 'CPU', '{}', 10.0, 20.0, 3.5, 'gone')"
        )
        old.execute(
            "INSERT INTO trainings (id, run, identity, seed, state, created, finished, seconds, server) "
            "VALUES ('training', 'run', 'same', 4, 'finished', 10.0, 20.0, 3.5, 'gone')"
        )
        old.executemany(
            "INSERT INTO events VALUES ('training', ?, 'metrics', ?, ?)",
            [(index, index + 1.0, f'{{"loss": {index}}}') for index in range(30)],
        )
    old.close()
    store = Store(home)
    try:
        library = Library(store)
        snapshot = store.snapshot("run")
        assert snapshot.series["loss"][4].values.tolist() == list(range(30))
        assert (snapshot.run.config, snapshot.run.seconds, snapshot.run.state) == ({"conv": "valid"}, 3.5, "finished")
        assert store.finished_trainings("same") == {4: "training"}
        (entry,) = page(store, Wanted()).entries
        assert (entry.run.id, entry.note, entry.pinned) == ("run", "", False)
        library.note("run", "from before", "me")
        library.measure()
        assert library.notes() == {"run": "from before"}
        assert library.guess("same", "loss", "7b", "Ada", 1.0) == 1.0
        assert store.problems == ()
    finally:
        store.close()
