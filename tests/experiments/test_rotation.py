"""The rotation experiment: its loop, its figures, its queries."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest
import torch

from core.contract import Explained
from core.events import Checkpoint, Event, Metrics
from core.experiments import rotation
from core.experiments.rotation import EXPERIMENT, MEAN, RotationConfig, accuracy_name
from core.queries.rotation import WAYS, pictures_of, turn_of
from core.training import load_weights

CPU = torch.device("cpu")
GOLDEN = {"version": 1, "training loss": 2.2818, "gradient norm": 0.3593}  # two epochs, seed 0


@pytest.fixture(autouse=True)
def few_angles(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the loop; 72 angles are measured where a test says so."""
    monkeypatch.setattr(rotation, "ANGLES", range(0, 360, 90))
    monkeypatch.setattr(rotation, "COARSE", range(0, 360, 180))


def small(**changes: object) -> RotationConfig:
    return RotationConfig.parse({"epochs": 1, "train_pictures": 64, "test_pictures": 40, "batch_size": 16, **changes})


@cache
def events(config: RotationConfig, seeds: tuple[int, ...] = (0,)) -> tuple[Event, ...]:
    return tuple(rotation.run(config, seeds, CPU))


def metrics(config: RotationConfig, seeds: tuple[int, ...] = (0,)) -> list[Metrics]:
    return [event for event in events(config, seeds) if isinstance(event, Metrics)]


def everything(config: RotationConfig) -> list[object]:
    """All that a run measures, and its weights."""
    last = [event for event in events(config) if isinstance(event, Checkpoint)][-1].weights[0]
    numbers = [(event.step, name, value.tolist()) for event in metrics(config) for name, value in event.values.items()]
    return [*numbers, *(value.tolist() for value in last.values())]


def last(config: RotationConfig, name: str) -> float:
    return float([event.values[name] for event in metrics(config) if name in event.values][-1][0])


def trained(config: RotationConfig) -> torch.nn.Module:
    checkpoint = [event for event in events(config) if isinstance(event, Checkpoint)][-1]
    return load_weights(rotation.build(config), checkpoint.weights[0]).eval()


def test_golden_run_has_the_numbers_of_its_version():
    config = small(epochs=2, train_rotation=90, train_pictures=160)
    measured = {name: last(config, name) for name in ("training loss", "gradient norm")}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=0.05), (
        "The rotation experiment's numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


def test_a_run_repeats_bit_for_bit():
    assert list(rotation.run(small(), (0,), CPU))[-1].values[MEAN] == last(small(), MEAN)
    again = [one for one in rotation.run(small(), (0,), CPU) if isinstance(one, Checkpoint)][-1].weights[0]
    first = trained(small()).state_dict()
    assert all(np.array_equal(first[name].numpy(), again[name]) for name in first)


def test_a_seed_does_not_depend_on_the_seeds_beside_it_nor_on_the_global_stream():
    torch.rand(7)
    together = next(one for one in reversed(metrics(small(), seeds=(3, 5))) if MEAN in one.values).values[MEAN]
    alone = [float(metrics(small(), seeds=(seed,))[-1].values[MEAN][0]) for seed in (3, 5)]
    assert together.tolist() == alone


RETRAINING: dict[str, object] = {
    "train_rotation": 90,
    "fill": "mean",
    "mask": True,
    "train_pictures": 48,
    "test_pictures": 20,
    "learning_rate": 0.01,
    "batch_size": 32,
    "epochs": 2,
}


@pytest.mark.parametrize("field", RETRAINING)
def test_every_retraining_field_changes_the_result(field: str):
    base = {"train_rotation": 45}  # so that corners come into view
    assert everything(small(**base)) != everything(small(**{**base, field: RETRAINING[field]}))


def test_view_fields_change_nothing_and_every_field_is_covered_here():
    data = {"dataset", "folder"}  # see tests of outside data
    assert {one.name for one in RotationConfig.knobs() if one.retrains} == {*RETRAINING, *data}
    assert small(test_angle=10, band="range").retraining() == small().retraining()
    assert "mean" not in small(mask=True, fill="mean").retraining().values()  # nothing shows of it


def test_all_orders_are_the_same_whatever_the_range():
    config = small()
    learners = [rotation.make_learner(config, 0, CPU) for _ in range(2)]
    for learner, largest in zip(learners, (0, 360), strict=True):
        learner.begin_epoch(50, largest)
        learner.begin_epoch(50, largest)
    assert torch.equal(learners[0].order, learners[1].order)
    assert (learners[0].angles == 0).all() and learners[1].angles.max() > 180


def test_steps_never_go_back_and_end_with_the_measurement_of_every_angle():
    config = small(epochs=2)
    steps = [event.step for event in metrics(config)]
    assert steps == sorted(steps)
    assert steps[0] == 0 and steps[-1] == EXPERIMENT.total_steps(config) == 3
    names = {accuracy_name(angle) for angle in (0, 90, 180, 270)} | {MEAN}
    assert {name for event in metrics(config) if event.step > 2 for name in event.values} == names
    assert {*EXPERIMENT.summary} <= {name for event in metrics(config) for name in event.values}


def test_the_mean_is_over_the_measured_angles():
    angles = [last(small(), accuracy_name(angle)) for angle in (0, 90, 180, 270)]
    assert last(small(), MEAN) == pytest.approx(np.mean(angles))


def test_a_long_reading_has_events_within_it(monkeypatch: pytest.MonkeyPatch):
    before = last(small(), MEAN)
    monkeypatch.setattr(rotation, "PICTURES_AN_EVENT", 15)
    found = [event for event in rotation.run(small(), (0,), CPU) if isinstance(event, Metrics)]
    assert sum(not event.values for event in found) == 2 * (2 + 2 + 4)  # 40 pictures: two pauses at each angle
    assert found[-1].values[MEAN][0] == before


def test_the_reported_accuracy_is_that_of_the_last_weights_on_held_out_pictures():
    config = small(train_rotation=90)
    found = pictures_of(config).test
    turned = torch.rot90(torch.from_numpy(found.images), 1, (2, 3)).float() / 255
    with torch.inference_mode():
        right = trained(config)(turned).argmax(dim=1).numpy() == found.labels
    assert last(config, accuracy_name(90)) == pytest.approx(100 * right.mean())


def test_a_training_that_diverges_says_which_knob_to_turn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rotation, "train_step", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(Explained, match=r"^Diverged in epoch 1.*Turn down the learning rate \(1 now\): try 0\.1\.$"):
        list(rotation.run(small(learning_rate=1.0), (0,), CPU))


def ask(name: str, config: RotationConfig, **arguments: object) -> dict[str, np.ndarray]:
    return dict(EXPERIMENT.queries[name](trained(config), config, device=CPU, **arguments).arrays)


def test_turned_answers_agree_with_what_was_measured_in_parts_too():
    config = small(train_rotation=90)
    whole = ask("turned", config, angle_deg=90.0)
    parts = [ask("turned", config, angle_deg=90.0, count=25, offset=offset) for offset in (0, 25)]
    assert whole["accuracy"] == pytest.approx(last(config, accuracy_name(90)))
    assert (parts[0]["confusion"] + parts[1]["confusion"] == whole["confusion"]).all()
    assert whole["confusion"].sum() == whole["total"] == 40
    assert 100 * np.trace(whole["confusion"]) / 40 == pytest.approx(whole["accuracy"])
    found = pictures_of(config).test
    assert np.array_equal(whole["pictures"], np.rot90(found.images[:12], 1, (2, 3)))
    assert whole["labels"].tolist() == found.labels[:12].tolist()


def test_a_ribbon_is_the_net_on_the_turned_picture():
    config = small()
    found = ask("ribbon", config, index=3)
    assert found["probabilities"].shape == (72, 10)
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, atol=1e-5)
    images = torch.from_numpy(pictures_of(config).test.images[3:4])
    with torch.inference_mode():
        at_40 = trained(config)(turn_of(config, pictures_of(config))(images, 40.0)).softmax(dim=1)
    np.testing.assert_allclose(found["probabilities"][8], at_40[0], atol=1e-3)
    own = ask("ribbon", config, picture=pictures_of(config).test.images[3])
    np.testing.assert_array_equal(own["probabilities"], found["probabilities"])
    assert own["label"] == -1 and found["label"] == pictures_of(config).test.labels[3]
    assert np.array_equal(found["pictures"][2], np.rot90(images[0].numpy(), 1, (1, 2)))


def test_corners_are_all_ways_and_the_nets_own_way_is_as_measured():
    config = small(train_rotation=90)
    found = ask("corners", config)
    assert found["accuracy"].shape == (len(WAYS), 12)
    assert found["accuracy"][0, 3] == pytest.approx(last(config, accuracy_name(90)))
    assert found["accuracy"][0, 0] == found["accuracy"][1, 0] == found["accuracy"][2, 0]  # upright: no corner to fill
    behind = ask("corners", small(train_rotation=90, mask=True))
    assert behind["accuracy"][3, 3] == pytest.approx(last(small(train_rotation=90, mask=True), accuracy_name(90)))


@pytest.mark.parametrize(
    ("query", "arguments", "said"),
    [
        ("turned", {"offset": 40}, "There are test pictures 0 to 39; got 200 from 40"),
        ("ribbon", {"index": 40}, "There is no test picture 40. Choose an index from 0 to 39"),
        (
            "ribbon",
            {"picture": np.zeros((3, 32, 32), np.uint8)},
            r"picture must be \(1, 32, 32\) uint8; got \(3, 32, 32\)",
        ),
    ],
)
def test_what_cannot_be_answered_is_said(query: str, arguments: dict[str, object], said: str):
    with pytest.raises(ValueError, match=said):
        ask(query, small(), **arguments)


@pytest.mark.realdata
@pytest.mark.skipif(not os.environ.get("LAYERLAB_DATASETS"), reason="LAYERLAB_DATASETS names no real data")
def test_real_colour_pictures_train_from_a_folder():
    config = small(dataset="folder", folder="cifar10-images", train_pictures=256, epochs=2)
    assert last(config, "training loss") < np.log(10)
    assert len(ask("turned", config, angle_deg=30.0)["classes"]) == 10


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains_the_same_net_within_rounding():
    config = small(train_rotation=90)
    on_gpu = [one for one in rotation.run(config, (0,), torch.device("cuda")) if isinstance(one, Metrics)]
    losses = [one.values["training loss"][0] for one in on_gpu if "training loss" in one.values]
    assert losses[-1] == pytest.approx(last(config, "training loss"), rel=0.02)
