"""How long a run will take, from what is in the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from core import catalog
from core.config import Config
from core.engine.estimate import Estimate, estimate
from core.engine.records import identity
from core.engine.store import Store

PADDING = catalog.get("padding")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def name(config: Config) -> str:
    return identity(PADDING.key, PADDING.version, config.retraining(), "cpu")


def trained(store: Store, config: Config, seconds: Sequence[float], device: str = "cpu") -> None:
    record = store.create_run(
        experiment=PADDING.key,
        version=PADDING.version,
        identity=name(config),
        config=config.model_dump(),
        seeds=range(len(seconds)),
        reuse={},
        owner="somebody",
        device=device,
        device_name=device,
        versions={},
    )
    for training, took in zip(record.trainings.values(), seconds, strict=True):
        store.finish_training(training, "finished", took, None)
    store.set_run(record.id, "finished")


def asked(store: Store, config: Config, seeds: int = 1, at_once: int = 2) -> Estimate | None:
    return estimate(store, PADDING, config, name(config), "cpu", range(seeds), at_once)


def test_nothing_is_known_before_anything_has_run(store: Store):
    assert asked(store, PADDING.config()) is None


def test_the_same_settings_give_the_range_that_was_seen(store: Store):
    trained(store, PADDING.config(), [30.0, 40.0, 35.0])
    found = asked(store, PADDING.config(), seeds=5, at_once=2)
    assert found is not None
    assert (found.low, found.high) == (3 * 30.0, 3 * 40.0)  # five seeds, two at a time: three rounds
    assert found.basis == "3 trainings of these settings on this machine"


def test_other_settings_are_scaled_by_steps_and_operations(store: Store):
    trained(store, PADDING.config(conv="valid", epochs=10), [10.0])
    longer = asked(store, PADDING.config(conv="valid", epochs=20))
    assert longer is not None and longer.low == pytest.approx(20.0) and "other settings" in longer.basis
    heavier = asked(store, PADDING.config(conv="fconv", epochs=10))
    assert heavier is not None and heavier.low > 11.0


@pytest.mark.parametrize(
    ("lab", "field", "least"),
    [
        ("rotation", "train_pictures", 1.5),
        ("rotation", "test_pictures", 1.2),
        ("unet", "scenes", 2),
        ("depth", "train_pictures", 2),
    ],
)
def test_fewer_pictures_are_expected_to_take_less_time(lab: str, field: str, least: float):
    experiment = catalog.get(lab)
    few, many = (experiment.inputs(experiment.config.parse({field: count})) for count in (100, 1000))
    assert many > least * few


def test_other_devices_and_unfinished_trainings_say_nothing(store: Store):
    trained(store, PADDING.config(), [1.0], device="cuda")
    assert asked(store, PADDING.config(epochs=3)) is None
