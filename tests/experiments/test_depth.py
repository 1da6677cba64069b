"""The depth experiment: its loop, its gradient norms, its query."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.config import ConfigError
from core.contract import Explained
from core.data import pictures
from core.events import Checkpoint, Event, Metrics
from core.experiments import depth
from core.experiments.depth import EXPERIMENT, LAYER_NORM, RATIO, DepthConfig
from core.queries.signals import signals

CPU = torch.device("cpu")
# Two epochs of eight layers on 96 digits, seed 0. A change here means that EXPERIMENT.version must be raised.
GOLDEN = {"version": 1, "training loss": 2.1355}
SMALL = {"layers": 8, "residual": True, "width": 4, "train_pictures": 96, "batch_size": 32, "epochs": 1}


@cache
def events(config: DepthConfig, seeds: tuple[int, ...] = (0,)) -> tuple[Event, ...]:
    return tuple(depth.run(config, seeds, CPU))


def metrics(config: DepthConfig, seeds: tuple[int, ...] = (0,)) -> list[Metrics]:
    return [event for event in events(config, seeds) if isinstance(event, Metrics)]


def last(config: DepthConfig, seeds: tuple[int, ...] = (0,)) -> dict[str, np.ndarray]:
    """The values of the last epoch."""
    found = metrics(config, seeds)
    return {name: value for event in found if event.step == found[-1].step for name, value in event.values.items()}


def small(**changes: object) -> DepthConfig:
    return DepthConfig.parse({**SMALL, **changes})


def test_golden_run_has_the_numbers_of_its_version():
    measured = {"training loss": float(last(small(epochs=2))["training loss"][0])}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=0.02), (
        "The depth experiment's numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


def test_a_run_repeats_bit_for_bit():
    def weights(run):
        return [event for event in run if isinstance(event, Checkpoint)][-1].weights[0]

    first, second = weights(events(small())), weights(depth.run(small(), (0,), CPU))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_seed_does_not_depend_on_the_seeds_beside_it():
    together = last(small(), (3, 0))
    alone = last(small())
    assert together["training loss"][1] == alone["training loss"][0]
    assert together["test error"][1] == alone["test error"][0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("layers", 14),
        ("residual", False),
        ("batch_norm", False),
        ("train_pictures", 64),
        ("width", 5),
        ("learning_rate", 0.05),
        ("batch_size", 16),
        ("epochs", 2),
    ],
)
def test_every_retraining_field_changes_the_result(field: str, value: object):
    assert last(small())["training loss"] != last(small(**{field: value}))["training loss"]


def test_the_data_set_changes_the_pictures(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def digits(dataset: str, folder: str = "") -> pictures.Pictures:
        asked.append((dataset, folder))
        return pictures._load("digits", "")

    monkeypatch.setattr(pictures, "load", digits)
    data = depth.load(DepthConfig(dataset="folder", folder="mine"), CPU)
    assert asked[0] == ("folder", "mine") and data.train[0].shape[-2:] == (32, 32)
    assert depth.load(DepthConfig(), CPU).train[0].shape[-2:] == (8, 8)


def test_every_field_of_the_config_is_covered_here():
    covered = {"layers", "residual", "batch_norm", "train_pictures", "width", "learning_rate", "batch_size", "epochs"}
    assert {knob.name for knob in DepthConfig.knobs() if knob.retrains} == covered | {"dataset", "folder"}
    assert "band" not in DepthConfig(band="std").retraining()
    assert DepthConfig(folder="mine").retraining() == DepthConfig().retraining()  # of no account for the digits


@pytest.mark.parametrize("said", ["56", 56])
def test_the_number_of_layers_is_read_from_text_too(said: object):
    assert DepthConfig.parse({"layers": said}).layers == 56


def test_a_number_of_layers_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match=r"layers must be one of 8, 14, .*, 56; got 21"):
        DepthConfig.parse({"layers": "21"})


def test_steps_never_go_back_and_reach_the_announced_total():
    config = small(epochs=2)
    steps = [event.step for event in metrics(config)]
    assert steps == sorted(steps)
    assert steps[0] == 0 and steps[-1] == EXPERIMENT.total_steps(config) == 2


def test_a_deep_net_says_something_within_an_epoch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(depth, "OPERATIONS_PER_EVENT", 1.0)
    steps = {event.step for event in depth.run(small(), (0,), CPU) if isinstance(event, Metrics)}
    assert sorted(steps) == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_the_rate_falls_after_half_and_after_three_quarters():
    config = DepthConfig(epochs=8)
    assert [depth.rate_factor(epoch, config) for epoch in range(1, 9)] == [1.0] * 4 + [0.1] * 2 + [0.01] * 2
    assert depth.rate_factor(1, DepthConfig(batch_norm=False)) == depth.NO_NORM_FACTOR


def test_pictures_are_standardised_and_the_test_is_held_out():
    data = depth.load(DepthConfig(train_pictures=300), CPU)
    images = data.standardised(data.train[0])
    assert len(images) == 300 and float(images.mean()) == pytest.approx(0, abs=1e-4)
    assert float(images.std(correction=0)) == pytest.approx(1, abs=1e-4)
    assert len(data.test[0]) == pictures.DIGITS_TEST
    seen = {one.numpy().tobytes() for one in depth.load(DepthConfig(train_pictures=50_000), CPU).train[0]}
    assert np.mean([one.numpy().tobytes() in seen for one in data.test[0]]) < 0.02  # 8×8 digits that look alike


def test_reported_errors_are_those_of_the_weights_of_the_checkpoint():
    config = small()
    net = depth.build(config)
    weights = [event for event in events(config) if isinstance(event, Checkpoint)][-1].weights[0]
    net.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    data = depth.load(config, CPU)
    with torch.inference_mode():
        for name, (images, labels) in {"training error": data.train, "test error": data.test}.items():
            wrong = net.eval()(data.standardised(images)).argmax(1) != labels
            assert last(config)[name][0] == pytest.approx(100 * wrong.double().mean().item())


def test_gradient_norms_are_those_of_autograd_layer_by_layer():
    config = small(batch_size=96)  # one step
    data = depth.load(config, CPU)
    learner = depth.make_learner(config, 0, CPU)
    learner.begin_epoch(96, 96, 0.1)
    (batch,) = learner.batches
    loss = F.cross_entropy(learner.net(data.standardised(data.train[0][batch])), data.train[1][batch])
    weights = [one.weight for one in learner.net.modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    norms = [float(one.square().sum().sqrt()) for one in torch.autograd.grad(loss, weights)]
    found = last(config)
    assert [found[LAYER_NORM.format(layer)][0] for layer in range(1, 9)] == pytest.approx(norms, rel=1e-4)
    first, final = np.array(norms[1:3]), np.array(norms[5:7])
    assert found[RATIO][0] == pytest.approx(np.sqrt((first**2).mean() / (final**2).mean()), rel=1e-4)


def test_a_training_that_diverges_explains_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(depth, "NO_NORM_FACTOR", 1e6)
    with pytest.raises(Explained, match=r"Diverged in epoch \d+.*Turn down the learning rate \(1 now\): try 0.1"):
        list(depth.run(small(batch_norm=False, learning_rate=1.0), (0,), CPU))


def test_signals_of_one_linear_layer_are_those_of_its_formula():
    torch.manual_seed(0)
    net, images, labels = nn.Linear(3, 4), torch.randn(5, 3), torch.tensor([0, 1, 2, 3, 0])
    found = signals(net, [net], images, labels).arrays
    logits = net(images).detach()
    slope = logits.softmax(1) - F.one_hot(labels, 4)  # of each picture's cross-entropy
    assert found["gradient"] == pytest.approx([slope.square().sum(1).mean().sqrt().item()], rel=1e-5)
    assert found["response"] == pytest.approx([logits.std().item()], rel=1e-5)


def test_signals_leave_the_net_as_it_is():
    net = depth.build(small()).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = EXPERIMENT.queries["layer_signals"](net, small(), device=CPU).arrays
    assert found["response"].shape == found["gradient"].shape == (7,)
    assert (found["gradient"] > 0).all() and not net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_folder_that_is_not_there_is_said_by_the_training_and_not_by_the_form():
    config = DepthConfig(dataset="folder")
    assert depth.build(config).head.out_features == 10  # until it is there
    with pytest.raises(Explained, match="Choose a folder of pictures first"):
        next(depth.run(config, (0,), CPU))
