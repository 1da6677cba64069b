"""Runs that ship: what was written is read back, and the padding lab's table holds against the published one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core import catalog
from core.engine import recorded
from core.engine.records import SeedEvent, identity
from core.engine.store import Store
from core.events import Metrics
from core.figures.results import METRICS, PUBLISHED, Score
from core.queries.location import location_probe
from core.statistics import compare

SETTINGS = {"conv": "valid", "head": "pool", "epochs": 2}
TEST = "test accuracy"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "home")
    yield opened
    opened.close()


def finished_run(store: Store, *, state: str = "finished") -> str:
    record = store.create_run(
        experiment="padding",
        version=1,
        identity=identity("padding", 1, SETTINGS, "cpu"),
        config=SETTINGS,
        seeds=(0, 1),
        reuse={},
        owner="somebody",
        device="cpu",
        device_name="a processor",
        versions={"torch": "2.0", "python": "3.11", "numpy": "2.0"},
    )
    for seed, training in record.trainings.items():
        steps = [(0.0, 0.5), (0.5, 0.25), (1.0, 1 / 3), (2.0, 100.0 + seed)]
        store.append(
            training,
            [SeedEvent(at, Metrics(step, {TEST: np.array(value)})) for at, (step, value) in enumerate(steps)],
        )
        store.finish_training(training, state, 1.5, {"weight": np.full(3, seed, np.float32)})
    store.set_run(record.id, state)
    return record.id


def test_what_was_recorded_is_read_back_at_whole_steps_and_says_so(store: Store, tmp_path: Path):
    run = finished_run(store)
    recorded.write(store, [run, run], tmp_path / "shipped")  # as of a sweep over a field that does not matter
    (snapshot,) = recorded.read("padding", tmp_path / "shipped")
    series = snapshot.series[TEST][1]
    assert series.steps.tolist() == [0, 1, 2]
    assert series.values == pytest.approx([0.5, 1 / 3, 101.0], rel=1e-4)
    assert snapshot.run.config == SETTINGS
    assert snapshot.recorded.startswith("recorded 20") and "a processor" in snapshot.recorded
    weights = recorded.weights(snapshot.run.id, tmp_path / "shipped")
    assert weights is not None and weights["weight"].tolist() == [0, 0, 0]  # of the first seed


def test_an_unfinished_run_is_not_recorded(store: Store, tmp_path: Path):
    with pytest.raises(ValueError, match="Only finished runs can be recorded"):
        recorded.write(store, [finished_run(store, state="stopped")], tmp_path)
    with pytest.raises(ValueError, match="is unknown"):
        recorded.write(store, ["nobody"], tmp_path)


def test_nothing_recorded_is_no_error(tmp_path: Path):
    assert recorded.read("padding", tmp_path) == ()
    assert recorded.weights("padding", tmp_path) is None


# --- the recorded table of the padding lab: 12 cells, ten seeds each, of the experiment's present version


def shipped(conv: str, head: str) -> dict[str, dict[int, float]]:
    experiment = catalog.get("padding")
    wanted = experiment.config(conv=conv, head=head).retraining()
    for snapshot in recorded.read("padding"):
        if experiment.config.parse(snapshot.run.config).retraining() == wanted:
            assert snapshot.run.version == experiment.version
            assert snapshot.run.seeds == tuple(range(10))
            return snapshot.summary(METRICS)
    raise AssertionError(f"No recorded run of {conv}, {head}; make it with python -m core sweep padding --record.")


@pytest.mark.parametrize(("conv", "head"), PUBLISHED)
@pytest.mark.parametrize("metric", METRICS)
def test_recorded_means_lie_within_the_published_three_std(conv: str, head: str, metric: str):
    ours, published = Score.of(shipped(conv, head)[metric].values()), PUBLISHED[conv, head][metric]
    assert ours is not None
    assert ours.agrees(published), f"{conv}, {head}: {ours}, published {published} ± {published.tolerance}"


def test_the_order_of_net1_on_swapped_location_is_bigger_than_seed_noise():
    test = {conv: shipped(conv, "pool")[TEST] for conv, head in PUBLISHED if head == "pool"}
    assert all(value == 0.0 for value in test["reflect"].values())
    pairs = [("valid", "sconv"), ("sconv", "circular"), ("circular", "fconv"), ("circular", "replicate")]
    for lower, higher in pairs:
        result = compare(test[lower], test[higher], comparisons=len(pairs))
        assert result.difference > 0 and result.verdict == "bigger than seed noise", f"{lower} < {higher}: {result}"


@pytest.mark.parametrize(("conv", "reads_the_place"), [("valid", True), ("reflect", True), ("fconv", False)])
def test_recorded_nets_read_the_place_where_they_fail(conv: str, reads_the_place: bool):
    import torch

    from core.training import load_weights

    experiment = catalog.get("padding")
    config = experiment.config(conv=conv)
    run = next(one.run for one in recorded.read("padding") if one.run.config["conv"] == conv)
    weights = recorded.weights(run.id)
    assert weights is not None
    net = load_weights(experiment.build(experiment.config.parse(run.config)), weights)
    probe = location_probe(net, config, device=torch.device("cpu")).arrays["trained"][-1].mean()
    assert bool(probe > 90.0) is reads_the_place
