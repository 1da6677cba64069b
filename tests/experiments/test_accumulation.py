"""Gradient accumulation: splits agree where no statistic crosses samples, and the whole batch is the plain gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.events import Event, Metrics
from core.experiments import accumulation
from core.experiments.accumulation import EXPERIMENT, PIECES, AccumulationConfig
from core.figures.accumulation import over_pieces

CPU = torch.device("cpu")
GOLDEN = {"version": 1, "gradient difference": 0.89913}  # before training, seed 0


def first(seeds: tuple[int, ...] = (0,), **changes: object) -> dict[str, np.ndarray]:
    """What is measured before training."""
    event = next(accumulation.run(AccumulationConfig.parse(changes), seeds, CPU))
    assert isinstance(event, Metrics)
    return dict(event.values)


def last(**changes: object) -> dict[str, np.ndarray]:
    events: list[Event] = list(accumulation.run(AccumulationConfig.parse({"epochs": 1, **changes}), (0,), CPU))
    return dict([event for event in events if isinstance(event, Metrics)][-1].values)


def test_golden_run_has_the_numbers_of_its_version():
    measured = {"gradient difference": float(first()["gradient difference"][0])}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=1e-3), (
        "The numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


@pytest.mark.parametrize("norm", ["layer", "group", "instance", "none"])
def test_without_batch_statistics_every_split_agrees(norm: str):
    values = first((0, 1), norm=norm)
    assert (values["gradient difference"] < 1e-12).all() and (values["logit difference"] < 1e-12).all()


def test_with_batch_norm_none_does_and_the_nets_part():
    values = last()
    for pieces in PIECES[1:]:
        assert values[f"logit difference, {accumulation.split_name(pieces)}"][0] > 1e-3
    assert values["weights apart"][0] > 1e-3
    assert last(learning_rate=0.01)["weights apart"] != values["weights apart"]


def test_pieces_of_one_picture_make_batch_norm_instance_norm():
    images, labels = torch.randn(8, 1, 8, 8, dtype=torch.float64), torch.randint(0, 10, (8,))
    found = []
    for norm in ("batch", "instance"):
        torch.manual_seed(0)
        net = accumulation.build(AccumulationConfig.parse({"norm": norm}))
        found.append(accumulation.accumulate(net, images, labels, 8)[0])
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-9)


def test_the_pieces_gradients_add_up_to_that_of_the_mean_loss():
    images, labels = torch.randn(32, 1, 8, 8, dtype=torch.float64), torch.randint(0, 10, (32,))
    net = accumulation.build(AccumulationConfig(norm="layer"))
    _, gradient = accumulation.logits_and_gradient(net, images, labels, 4)
    assert all(one.grad is None for one in net.parameters())
    F.cross_entropy(net(images), labels).backward()
    plain = torch.cat([one.grad.flatten() for one in net.parameters() if one.grad is not None])
    torch.testing.assert_close(gradient, plain, rtol=1e-9, atol=1e-12)


def test_seeds_do_not_depend_on_their_neighbours_and_epochs_count():
    together, alone = first((0, 1)), first((1,))
    assert all(np.array_equal(together[name][1:], alone[name]) for name in together)
    assert EXPERIMENT.total_steps(AccumulationConfig(epochs=3)) == 3


def test_lines_over_the_pieces_show_rounding_as_such():
    figure = over_pieces({"layer norm": {2: {0: 0.0, 1: 1e-16}, 4: {0: 1e-15, 1: 1e-15}}}, "y", log=True)
    mean = next(one for one in figure.data if one.meta["role"] == "mean")
    assert list(mean.x) == [2, 4] and min(mean.y) >= 1e-16 and figure.layout.xaxis.type == "log"
