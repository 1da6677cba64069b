"""The vision transformer experiment: its loop, what every setting changes, and what shuffling does."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from core.config import ConfigError
from core.contract import Explained
from core.events import Checkpoint, Event, Metrics
from core.experiments import vit
from core.experiments.vit import ACCURACY, EXPERIMENT, SHUFFLED, VitConfig
from core.queries.vit import pictures_of, prepared
from core.training import load_weights

CPU = torch.device("cpu")
GOLDEN = {"version": 1, "training loss": 2.3305, "gradient norm": 1.7678}  # two epochs, seed 0


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the loop; that few pictures are shown again and again is tested by itself."""
    monkeypatch.setattr(vit, "LEAST_PICTURES", 40)


def small(**changes: object) -> VitConfig:
    few = {
        "epochs": 1,
        "images_per_class": 4,
        "test_pictures": 30,
        "batch_size": 20,
        "depth": 1,
        "width": 32,
        "heads": 2,
    }
    return VitConfig.parse({**few, **changes})


@cache
def events(config: VitConfig, seeds: tuple[int, ...] = (0,)) -> tuple[Event, ...]:
    return tuple(vit.run(config, seeds, CPU))


def metrics(config: VitConfig, seeds: tuple[int, ...] = (0,)) -> list[Metrics]:
    return [event for event in events(config, seeds) if isinstance(event, Metrics)]


def everything(config: VitConfig) -> list[object]:
    """All that a run measures, and its weights."""
    weights = [event for event in events(config) if isinstance(event, Checkpoint)][-1].weights[0]
    numbers = [(event.step, name, value.tolist()) for event in metrics(config) for name, value in event.values.items()]
    return [*numbers, *(value.tolist() for value in weights.values())]


def last(config: VitConfig, name: str, seeds: tuple[int, ...] = (0,)) -> list[float]:
    return [event.values[name] for event in metrics(config, seeds) if name in event.values][-1].tolist()


def test_golden_run_has_the_numbers_of_its_version():
    config = small(epochs=2, images_per_class=8)
    measured = {name: last(config, name)[0] for name in ("training loss", "gradient norm")}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=0.02), (
        "The experiment's numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


@pytest.mark.parametrize("net", ["vit", "cnn"])
def test_a_seed_does_not_depend_on_the_seeds_beside_it_nor_on_the_global_stream(net: str):
    torch.rand(7)
    config = small(net=net)
    both, alone = events(config, (3, 5)), events(config, (5,))
    pairs = [
        (one.weights[1], other.weights[0])
        for one, other in zip(both, alone, strict=True)
        if isinstance(one, Checkpoint)
    ]
    assert len(pairs) == 2  # before training and after the epoch
    assert all(np.array_equal(one[name], other[name]) for one, other in pairs for name in one)
    assert last(config, "training loss", (3, 5))[1] == last(config, "training loss", (5,))[0]


RETRAINING: dict[str, object] = {
    "net": "cnn",
    "kernel": "linear",
    "positions": "rotary",
    "patch": 16,
    "heads": 4,
    "depth": 2,
    "width": 48,
    "pooling": "class token",
    "images_per_class": 3,
    "augment": False,
    "test_pictures": 20,
    "learning_rate": 0.01,
    "weight_decay": 0.5,
    "batch_size": 32,
    "epochs": 2,
}


@pytest.mark.parametrize("field", RETRAINING)
def test_every_retraining_field_changes_the_result(field: str):
    assert everything(small()) != everything(small(**{field: RETRAINING[field]}))


def test_view_fields_change_nothing_and_every_field_is_covered_here():
    data = {"dataset", "folder"}  # see tests of outside data
    assert {one.name for one in VitConfig.knobs() if one.retrains} == {*RETRAINING, *data}
    assert small(band="range").retraining() == small().retraining()
    cnn = {"net": "cnn"}
    assert small(**cnn, kernel="linear", patch=4, depth=8).retraining() == small(**cnn).retraining()
    assert everything(small(**cnn, kernel="linear", patch=16, depth=8)) == everything(small(**cnn))


def test_steps_never_go_back_and_every_epoch_is_measured():
    config = small(epochs=2)
    steps = [event.step for event in metrics(config)]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == EXPERIMENT.total_steps(config) == 2
    for name in (*EXPERIMENT.summary, "test loss", "attention distance 1"):
        assert [event.step for event in metrics(config) if name in event.values] == [0, 1, 2]


def test_the_reported_accuracies_are_those_of_the_last_weights_on_held_out_pictures():
    config = small(positions="none")
    test = pictures_of(config).test
    net = vit.build(config)
    weights = [event for event in events(config) if isinstance(event, Checkpoint)][-1].weights[0]
    with torch.inference_mode():
        said = load_weights(net, weights).eval()(prepared(torch.from_numpy(test.images))).argmax(dim=1).numpy()
    assert last(config, ACCURACY) == last(config, SHUFFLED) == [pytest.approx(100 * (said == test.labels).mean())]


def test_few_pictures_are_shown_until_an_epoch_has_enough(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vit, "LEAST_PICTURES", 90)
    learner = vit.make_learner(small(), 0, CPU)
    learner.begin_epoch(40, 3)
    assert torch.equal(learner.order.bincount(), torch.full((40,), 3))
    assert not torch.equal(learner.order[:40], learner.order[40:80])
    within = [
        one.step for one in vit.run(small(), (0,), CPU) if isinstance(one, Metrics) and "training loss" in one.values
    ]
    assert within[-1] == 1 and len(set(within)) <= 6  # 120 pictures, batches of 20


def test_the_rate_rises_for_a_tenth_and_falls_to_nothing():
    rates = [vit.rate_at(done) for done in (0.01, 0.05, 0.1, 0.55, 1.0)]
    assert rates == pytest.approx([0.1, 0.5, 1.0, 0.5, 0.0])


def test_events_come_often_whatever_the_net():
    for changes in ({}, {"net": "cnn"}, {"patch": 4, "width": 128, "depth": 8, "batch_size": 1024}):
        config = VitConfig.parse(changes)
        steps = vit.steps_between_events(config)
        assert steps == 1 or steps * vit.work(config) * config.batch_size <= vit.WORK_BETWEEN_EVENTS


def test_a_training_that_diverges_says_which_knob_to_turn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vit, "train_step", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(
        Explained, match=r"^Diverged in epoch 1.*Turn down the learning rate \(0\.003 now\): try 0\.0003"
    ):
        list(vit.run(small(), (0,), CPU))


def test_heads_that_rotary_positions_cannot_turn_are_refused_with_a_remedy():
    sizes = {"width": 48, "heads": 8}
    with pytest.raises(ConfigError, match=r"multiple of 4.*got 48 / 8 = 6\. Choose another width, fewer heads"):
        VitConfig.parse({"positions": "rotary", **sizes})
    assert VitConfig.parse({"positions": "rotary", "net": "cnn", **sizes}).positions == "rotary"
    assert VitConfig.parse({"positions": "absolute", **sizes}).heads == 8


def test_sizes_are_read_as_a_link_says_them_and_refused_with_the_choices():
    assert VitConfig.parse({"patch": "16", "heads": "8", "width": "64"}) == VitConfig(patch=16, heads=8, width=64)
    for name, value, choices in (("patch", "5", "4, 8, 16"), ("heads", "3", "1, 2, 4, 8")):
        with pytest.raises(ConfigError, match=f"^{name} must be one of {choices}; got {value}"):
            VitConfig.parse({name: value})
