"""What must not hurt the store: killed servers, many writers, a disk that refuses, damaged files, foreign homes."""

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from core.engine.database import MIGRATIONS
from core.engine.records import SeedEvent
from core.engine.store import Store, StoreError
from core.events import Arrays, Note
from core.places import home
from tests.store_writers import new_run, train

ROOT = Path(__file__).parent.parent


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "home")
    yield store
    store.close()


def reopened(store):
    store.close()
    return Store(store.home)


def process(task, folder, *rest):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store_writers", task, str(folder), *rest],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


# --- processes


def test_kill_9_loses_nothing_committed_and_a_living_server_keeps_its_runs(tmp_path):
    folder = tmp_path / "home"
    neighbour, victim = process("alive", folder), process("endless", folder)
    try:
        neighbours_run = neighbour.stdout.readline().strip()
        for _ in range(60):
            run_id, training, committed = victim.stdout.readline().split()
        victim.send_signal(signal.SIGKILL)
        for line in victim.stdout.read().splitlines():
            if len(line.split()) == 3:
                committed = line.split()[2]
        victim.wait(10)
        store = Store(folder)
        count = store.event_count(training)
        assert count >= int(committed) >= 180
        assert count % 3 == 0  # whole transactions
        snapshot = store.snapshot(run_id)
        assert (snapshot.run.state, snapshot.seed_states) == ("interrupted", {0: "interrupted"})
        assert snapshot.run.finished is not None
        assert len(snapshot.series["loss"][0]) == count * 2 // 3
        for step in snapshot.moments[0]:
            assert store.arrays(training, step)[0].arrays["map"].tolist() == np.full((3, 3), step - 1).tolist()
        assert store.run(neighbours_run).state == "running"
        assert store.problems == ()
        neighbour.communicate("", timeout=10)
        second = Store(folder)
        assert store.run(neighbours_run).state == "interrupted"
        assert len(list((folder / "servers").iterdir())) == 2
        second.close()
        store.close()
        assert list((folder / "servers").iterdir()) == []
    finally:
        for child in (neighbour, victim):
            child.kill()
            child.communicate()


def test_what_is_half_written_when_a_server_dies_is_swept_away(store):
    (store.home / "partial").mkdir(exist_ok=True)
    (store.home / "partial" / "left").write_bytes(b"half")
    with_company = Store(store.home)
    assert (store.home / "partial" / "left").exists()  # somebody alive may be writing it
    with_company.close()
    reopened(store).close()
    assert not (store.home / "partial").exists()


def test_several_processes_write_at_once(tmp_path):
    children = [process("several", tmp_path / "home", "150") for _ in range(4)]
    said = [child.communicate(timeout=120)[0].split() for child in children]
    assert [child.returncode for child in children] == [0, 0, 0, 0]
    store = Store(tmp_path / "home")
    try:
        assert sorted(run.id for run in store.runs(states=["finished"])) == sorted(one for (one,) in said)
        for run in store.runs():
            points = store.snapshot(run.id).series["loss"]
            assert [len(points[seed]) for seed in (0, 1)] == [150, 150]
            assert store.weights(run.trainings[1])["weight"].tolist() == [1, 1, 1, 1]
    finally:
        store.close()


def test_a_second_store_sees_at_once_what_the_first_appends(store):
    other = Store(store.home)
    run = new_run(store)
    for count in (10, 20, 30):
        train(store, run.trainings[0], 10, start=count - 10)
        assert len(other.snapshot(run.id).series["loss"][0]) == count
    other.close()


def test_threads_may_write_and_read_together(store):
    runs = [new_run(store) for _ in range(3)]
    errors = []

    def work(run):
        try:
            for first in range(0, 200, 10):
                train(store, run.trainings[0], 10, start=first)
                assert len(store.snapshot(run.id).series["loss"][0]) == first + 10
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert [store.event_count(run.trainings[0]) for run in runs] == [200, 200, 200]


# --- a disk that refuses


def test_a_full_disk_is_said_and_everything_is_written_in_order_once_there_is_space(tmp_path):
    child = process("full_disk", tmp_path / "home")
    lines = child.communicate(timeout=120)[0].splitlines()
    assert child.returncode == 0
    said = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if not line.startswith(("on disk", "ids"))}
    assert said == {
        "problem": "True",
        "seen": "303",
        "snapshot": "finished 301 True still training",
        "picture": "True",
        "weights": "True",
        "finished": "True",
        "later": "True True",
        "recovered": "True True",
        "cursor": "True",
    }
    assert "on disk True queued" in lines
    run_id, later_id = lines[-1].split()[1:]
    store = Store(tmp_path / "home")
    run = store.run(run_id)
    training = run.trainings[0]
    values = store.snapshot(run_id).series["loss"][0].values.tolist()
    assert values == [1 / (index + 1) for index in range(303) if index not in (300, 301)]
    assert (run.state, run.seconds, store.event_count(training)) == ("finished", 2.5, 303)
    assert store.weights(training)["big"].tolist() == store.arrays(training, 301.0)[0].arrays["big"].tolist()
    assert store.event_count(store.run(later_id).trainings[0]) == 2
    assert store.problems == ()
    store.close()


def test_a_database_locked_by_another_program_delays_writes_only(store):
    run = new_run(store)
    store._database._connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(store.home / "results.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    train(store, run.trainings[0], 30)
    assert store.event_count(run.trainings[0]) == 30
    assert "Results cannot be written to" in store.problems[0] and "kept in memory" in store.problems[0]
    store.set_run(run.id, "stopped")
    with pytest.raises(StoreError, match="Results cannot be written to"):
        store.delete_run(run.id)
    other.execute("ROLLBACK")
    other.close()
    store.set_run(run.id, "failed", "late")
    assert store.problems == ()
    again = reopened(store)
    assert (again.run(run.id).error, again.event_count(run.trainings[0])) == ("late", 30)
    again.close()


def test_a_page_that_only_reads_gets_waiting_results_written(store):
    run = new_run(store)
    connection = store._database._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store.append(run.trainings[0], [SeedEvent(0, Note("long " * 10_000))])
    connection.execute("PRAGMA max_page_count = 1000000")
    assert "is full" in store.snapshot(run.id).problem  # it was tried less than a second ago
    store._database._last_try -= 1
    assert store.snapshot(run.id).problem == ""
    other = Store(store.home)
    assert other.event_count(run.trainings[0]) == 1
    other.close()


def test_closing_writes_what_still_waits(store):
    run = new_run(store)
    connection = store._database._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store.append(run.trainings[0], [SeedEvent(0, Note("long " * 10_000))])
    assert "is full" in store.problems[0]
    connection.execute("PRAGMA max_page_count = 1000000")
    again = reopened(store)
    assert again.event_count(run.trainings[0]) == 1
    again.close()


# --- damage


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_empty(path):
    path.write_bytes(b"")


def damage_garbage(path):
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))


def damage_middle(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5000] = np.random.default_rng(0).bytes(len(content[middle : middle + 5000]))
    path.write_bytes(bytes(content))


def damage_last_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [damage_truncate, damage_empty, damage_garbage, damage_middle])
def test_a_damaged_database_is_set_aside_and_a_new_one_made(store, damage):
    train(store, new_run(store).trainings[0], 2000)
    store.close()
    path = store.home / "results.sqlite"
    damage(path)
    broken = path.read_bytes()
    again = Store(store.home)
    (sentence,) = again.problems
    assert "database was damaged" in sentence
    (aside,) = [one for one in store.home.glob("results.sqlite.corrupt-*") if not one.name.endswith(("-wal", "-shm"))]
    assert aside.name in sentence and aside.read_bytes() == broken
    assert again.runs() == []
    run = new_run(again)
    train(again, run.trainings[0], 10)
    third = reopened(again)
    assert third.problems == () and third.event_count(run.trainings[0]) == 10
    third.close()


def test_a_database_damaged_while_open_is_set_aside_too(store):
    train(store, new_run(store).trainings[0], 2000)
    connection = store._database._connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    damage_garbage(store.home / "results.sqlite")
    connection.execute("PRAGMA shrink_memory")
    assert store.runs() == []
    assert "database was damaged" in store.problems[0]
    run = new_run(store)
    train(store, run.trainings[0], 10)
    assert len(store.snapshot(run.id).series["loss"][0]) == 10


@pytest.mark.parametrize("damage", [damage_truncate, damage_empty, damage_garbage, damage_middle, damage_last_bit])
def test_damaged_weights_are_set_aside_and_reported_once(store, damage):
    training = (run := new_run(store)).trainings[0]
    store.finish_training(training, "finished", 1.0, {"w": np.arange(1000.0)})
    path = store.home / "weights" / f"{training}.safetensors"
    damage(path)
    assert store.weights(training) is None
    assert store.weights(training) is None
    (sentence,) = store.problems
    assert f"weights/{path.name} was damaged and was set aside as {path.name}.corrupt-" in sentence
    assert not path.exists() and len(list(path.parent.glob("*.corrupt-*"))) == 1
    assert store.snapshot(run.id).seed_states == {0: "finished"}


@pytest.mark.parametrize("damage", [damage_truncate, damage_empty, damage_garbage, damage_middle, damage_last_bit])
def test_a_damaged_picture_is_left_out_and_the_others_shown(store, damage):
    training = (run := new_run(store)).trainings[0]
    pictures = [Arrays(step, {"map": np.full(1000, step)}) for step in (1.0, 1.0, 2.0)]
    store.append(training, [SeedEvent(index, picture) for index, picture in enumerate(pictures)])
    for index in (0, 2):
        damage(store.home / "arrays" / training / f"{index}.npz")
    assert store.snapshot(run.id).moments == {0: (1.0, 2.0)}
    for _ in range(2):
        assert [len(store.arrays(training, step)) for step in (1.0, 2.0)] == [1, 0]
    assert store.snapshot(run.id).moments == {0: (1.0,)}
    assert [f"{index}.npz was damaged" in one for index, one in zip((0, 2), store.problems, strict=True)] == [True] * 2


def test_a_missing_weights_file_is_reported(store):
    training = new_run(store).trainings[0]
    store.finish_training(training, "finished", 1.0, {"w": np.zeros(3)})
    (store.home / "weights" / f"{training}.safetensors").unlink()
    assert store.weights(training) is None
    assert store.problems == (f"The file weights/{training}.safetensors is missing.",)


def test_weights_of_another_training_are_not_taken_for_these(store):
    first, second = (new_run(store).trainings[0] for _ in range(2))
    for number, training in enumerate((first, second)):
        store.finish_training(training, "finished", 1.0, {"w": np.full(3, number)})
    folder = store.home / "weights"
    (folder / f"{first}.safetensors").write_bytes((folder / f"{second}.safetensors").read_bytes())
    assert store.weights(first) is None and store.weights(second)["w"].tolist() == [1, 1, 1]


# --- homes


def test_a_home_of_a_newer_version_is_refused_and_left_alone(store):
    new_run(store)
    store.close()
    path = store.home / "results.sqlite"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"were written by a newer LayerLab .* Update LayerLab, or set LAYERLAB_HOME"):
        Store(store.home)
    assert path.read_bytes() == before


def test_a_home_that_is_a_file_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Results cannot be kept in .*set LAYERLAB_HOME to a folder"):
        Store(tmp_path / "file")


def test_home_is_what_the_environment_says_else_the_platforms_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LAYERLAB_HOME", str(tmp_path / "there"))
    assert home() == tmp_path / "there"
    monkeypatch.setenv("LAYERLAB_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home().name == "layerlab" and home().is_relative_to(tmp_path)


def test_closing_twice_is_harmless_and_used_bytes_counts_everything(store):
    before = store.used_bytes()
    store.finish_training(new_run(store).trainings[0], "finished", 1.0, {"w": np.zeros(10_000)})
    assert store.used_bytes() - before >= 80_000
    store.close()
    store.close()
