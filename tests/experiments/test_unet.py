"""The U-Net experiment: its loop, its figures, what its fields change."""

from __future__ import annotations

import math
import os
from functools import cache

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.contract import Explained
from core.data.pictures import as_float
from core.data.scenes import CLASS_NAMES, Scenes
from core.events import Checkpoint, Event, Metrics
from core.experiments import unet
from core.experiments.unet import EXPERIMENT, UNetConfig
from core.queries.segmentation import classes_of, confusion, iou, mean_iou
from core.training import checked_losses, load_weights

CPU = torch.device("cpu")
TEST_SCENES = 20
CHOICES = ("all", "deep", "shallow")
WHOLE = unet.scenes
# Three epochs of a tiny net on 50 scenes, seed 0. A change here means that EXPERIMENT.version must be raised.
# Processors differ in rounding, hence the tolerance below.
GOLDEN = {"version": 1, "training loss": 0.5920, "validation loss": 0.5816}


@pytest.fixture(autouse=True)
def few_test_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of them: these tests are about the loop, not about accuracy."""
    monkeypatch.setattr(unet, "scenes", few)


@cache
def few(dataset: str) -> dict[str, Scenes]:
    found = WHOLE(dataset)
    test = Scenes(found["test"].images[:TEST_SCENES], found["test"].targets[:TEST_SCENES])
    return {"train": found["train"], "test": test}


def small(**changes: object) -> UNetConfig:
    return UNetConfig.parse({"width": 4, "depth": 1, "scenes": 50, "epochs": 1, "batch_size": 10, **changes})


def events(config: UNetConfig, seeds: tuple[int, ...] = (0,)) -> list[Event]:
    return list(unet.run(config, seeds, CPU))


def last(config: UNetConfig, seeds: tuple[int, ...] = (0,)) -> dict[str, np.ndarray]:
    """Metric -> its last value a seed."""
    found: dict[str, np.ndarray] = {}
    for event in events(config, seeds):
        if isinstance(event, Metrics):
            found |= event.values
    return found


def test_golden_run_has_the_numbers_of_its_version():
    found = last(small(epochs=3, batch_size=2))
    measured = {name: float(found[name][0]) for name in ("training loss", "validation loss")}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=0.03), (
        "The U-Net experiment's numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


def test_a_run_repeats_bit_for_bit_and_a_seed_does_not_depend_on_its_neighbours():
    together, again = (last(small(), seeds=(3, 5)) for _ in range(2))
    alone = [last(small(), seeds=(seed,)) for seed in (3, 5)]
    for name, values in together.items():
        np.testing.assert_array_equal(values, again[name])
        np.testing.assert_array_equal(values, [one[name][0] for one in alone])
    assert together["validation loss"][0] != together["validation loss"][1]


@pytest.mark.parametrize(
    "changes",
    [
        {"skips": "none"},
        {"width": 6},
        {"depth": 2},
        {"scenes": 60},
        {"epochs": 2},
        {"batch_size": 5},
        {"learning_rate": 0.01},
    ],
)
def test_every_retraining_field_changes_the_result(changes: dict[str, object]):
    assert last(small(**changes))["validation loss"] != last(small())["validation loss"]


def test_deep_and_shallow_are_two_skips_from_depth_2_on_and_one_at_depth_1():
    losses = {
        depth: {
            float(last(small(depth=depth, skips=skips))["validation loss"][0]) for skips in ("all", "deep", "shallow")
        }
        for depth in (1, 2)
    }
    assert (len(losses[1]), len(losses[2])) == (1, 3)


def test_every_field_of_the_config_is_covered_here():
    covered = {"skips", "width", "depth", "scenes", "epochs", "batch_size", "learning_rate"}
    assert {knob.name for knob in UNetConfig.knobs() if knob.retrains} == covered | {"dataset"}  # that one: see below
    assert "band" not in UNetConfig(band="range").retraining()


def test_steps_never_go_back_and_epoch_0_has_every_figure():
    found = [event for event in events(small(epochs=2)) if isinstance(event, Metrics)]
    steps = [event.step for event in found]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == EXPERIMENT.total_steps(small(epochs=2)) == 2
    first = next(event.values for event in found if event.values)
    assert {"mean IoU", "mean IoU without background", *(f"IoU {name}" for name in CLASS_NAMES)} <= set(first)


def test_long_epochs_and_long_looks_are_cut_into_events(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unet, "SCENES_AN_EVENT", 80)  # two batches of ten at width 4
    monkeypatch.setattr(unet, "SCENES_A_LOOK", 20)  # 5 scenes at width 4: four looks
    found = [event for event in events(small()) if isinstance(event, Metrics)]
    assert [event.step for event in found if 0 < event.step < 1] == pytest.approx([0.4, 0.8])
    assert sum(not event.values for event in found) == 2 * 3
    assert last(small())["mean IoU"] == found[-1].values["mean IoU"]


def test_the_reported_figures_are_those_of_the_last_weights_on_the_test_scenes():
    run = events(small(epochs=2))
    net = load_weights(unet.build(small()), [event for event in run if isinstance(event, Checkpoint)][-1].weights[0])
    test = few("digits")["test"]
    images = as_float(torch.from_numpy(test.images[:, None]))
    reported = [event for event in run if isinstance(event, Metrics)][-1].values
    mean, digits = mean_iou(iou(confusion(test.targets, classes_of(net, images).numpy())))
    assert (reported["mean IoU"][0], reported["mean IoU without background"][0]) == pytest.approx((mean, digits))
    with torch.inference_mode():
        loss = F.cross_entropy(net.eval()(images), torch.from_numpy(test.targets).long()).item()
    assert reported["validation loss"][0] == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize(("width", "highest"), [(64, 5e-3), (16, 1e-2)])
def test_the_one_cycle_rate_peaks_at_the_rule_of_the_width(width: int, highest: float):
    config = small(width=width, epochs=4)
    learner = unet.make_learner(config, 0, CPU)
    rates = []
    for _ in range(4 * 5):
        learner.optimiser.step()
        rates.append(learner.schedule.get_last_lr()[0])
        learner.schedule.step() if len(rates) < 20 else None
    assert max(rates) == pytest.approx(highest) and int(np.argmax(rates)) == pytest.approx(0.3 * 20, abs=1)
    assert rates[-1] < highest / 1000


def test_a_training_that_diverges_says_which_knob_to_turn():
    learner = unet.make_learner(small(), 0, CPU)
    learner.losses.append(torch.tensor(math.nan))
    with pytest.raises(Explained, match=r"Turn down the highest learning rate, at width 64 \(0.005 now\): try 0.0005"):
        checked_losses([learner], small(), 1)


@pytest.mark.realdata
@pytest.mark.skipif("LAYERLAB_DATASETS" not in os.environ, reason="needs MNIST in LAYERLAB_DATASETS")
def test_the_digits_of_the_scenes_change_the_result():
    assert last(small(dataset="mnist"))["validation loss"] != last(small())["validation loss"]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains_the_same_net_within_rounding():
    on_gpu = [event for event in unet.run(small(), (0,), torch.device("cuda")) if isinstance(event, Metrics)][-1]
    np.testing.assert_allclose(on_gpu.values["validation loss"], last(small())["validation loss"], rtol=0.02)
