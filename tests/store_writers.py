"""Programs that tests of the store run in processes of their own: `python -m tests.store_writers <task> <home> ...`."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

import numpy as np

from core.engine.records import SeedEvent
from core.engine.store import Store
from core.events import Arrays, Metrics, Note


def new_run(store, seeds=(0,), identity="same", reuse=None, **changes):
    """A queued run with plain values."""
    values = {
        "experiment": "padding",
        "version": 1,
        "identity": identity,
        "config": {"conv": "fconv", "epochs": 4},
        "seeds": seeds,
        "reuse": reuse or {},
        "owner": "me",
        "device": "cpu",
        "device_name": "CPU",
        "versions": {"torch": "2"},
    }
    return store.create_run(**(values | changes))


def metrics(index, **values):
    """The event of epoch index + 1."""
    return SeedEvent(index, Metrics(index + 1.0, values or {"loss": np.float64(1 / (index + 1))}))


def train(store, training, count, start=0):
    """Append `count` events, ten at a time."""
    for first in range(start, start + count, 10):
        store.append(training, [metrics(index) for index in range(first, min(first + 10, start + count))])


def say(*words):
    """A line for the test, at once."""
    print(*words, flush=True)


def endless(home):
    """Write until killed; a line "<training> <events committed>" after every append."""
    store = Store(home)
    run = new_run(store)
    training = run.trainings[0]
    store.set_run(run.id, "running")
    store.set_training(training, "running")
    index = 0
    while True:
        picture = SeedEvent(index, Arrays(index + 1.0, {"map": np.full((3, 3), index)}))
        store.append(training, [picture, metrics(index + 1), metrics(index + 2)])
        index += 3
        say(run.id, training, index)


def alive(home):
    """Start a run, say so, and end properly when standard input closes."""
    store = Store(home)
    run = new_run(store)
    store.set_run(run.id, "running")
    store.append(run.trainings[0], [metrics(0)])
    say(run.id)
    sys.stdin.read()
    store.close()


def several(home, count):
    """Make one run, and `count` events, and finish."""
    store = Store(home)
    run = new_run(store, seeds=(0, 1))
    for index in range(int(count)):
        for training in run.trainings.values():
            store.append(training, [metrics(index)])
    for seed, training in run.trainings.items():
        store.finish_training(training, "finished", 1.0, {"weight": np.full(4, seed)})
    store.set_run(run.id, "finished")
    say(run.id)
    store.close()


def full_disk(home):
    """Use up the allowance for file sizes, train on, get space back; a line "<check> <verdict>" for each check."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = Store(home)
    run = new_run(store, total_steps=400)
    training = run.trainings[0]
    train(store, training, 100)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(path.stat().st_size for path in Path(home).iterdir()), hard))
    big = np.arange(200_000.0)
    train(store, training, 200, start=100)
    store.append(training, [SeedEvent(300, Arrays(301.0, {"big": big})), SeedEvent(301, Note("still training"))])
    store.append(training, [metrics(5), metrics(302)])
    store.finish_training(training, "finished", 2.5, {"big": big})
    store.set_run(run.id, "finished")
    later = new_run(store, identity="other")
    store.append(later.trainings[0], [metrics(0)])
    say("problem", any("full" in one or "cannot be written" in one for one in store.problems))
    say("seen", store.event_count(training))
    snapshot = store.snapshot(run.id)
    say("snapshot", snapshot.run.state, len(snapshot.series["loss"][0]), bool(snapshot.problem), *snapshot.notes)
    say("picture", np.array_equal(store.arrays(training, 301.0)[0].arrays["big"], big))
    say("weights", np.array_equal(store.weights(training)["big"], big))
    say("finished", store.finished_trainings("same") == {0: training})
    say("later", store.run(later.id) == later, [one.id for one in store.runs()] == [later.id, run.id])
    with_reader = Store(home)
    say("on disk", with_reader.event_count(training) < 302, with_reader.run(run.id).state)
    with_reader.close()
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    store.append(later.trainings[0], [metrics(1)])
    say("recovered", store.problems == (), store.snapshot(run.id).problem == "")
    say("cursor", store.snapshot(run.id).cursor >= snapshot.cursor)
    say("ids", run.id, later.id)
    store.close()


if __name__ == "__main__":
    task, folder, *rest = sys.argv[1:]
    {"endless": endless, "alive": alive, "several": several, "full_disk": full_disk}[task](Path(folder), *rest)
