"""A forgotten zero_grad(): the twin is SGD with momentum 1, breaks down alone, and its neighbours do not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.contract import Explained
from core.events import Event, Metrics, Note
from core.experiments import zero_grad
from core.experiments.zero_grad import EXPERIMENT, FORGOTTEN, SAME, ZeroGradConfig

CPU = torch.device("cpu")
GOLDEN = {"version": 1, "held-out loss": 0.5397, "held-out loss, forgotten": 0.2988}  # one epoch, seed 0


def events(seeds: tuple[int, ...] = (0,), **changes: object) -> list[Event]:
    return list(zero_grad.run(ZeroGradConfig.parse({"epochs": 2, **changes}), seeds, CPU))


def last(seeds: tuple[int, ...] = (0,), **changes: object) -> dict[str, np.ndarray]:
    return dict([event for event in events(seeds, **changes) if isinstance(event, Metrics)][-1].values)


def test_golden_run_has_the_numbers_of_its_version():
    values = last(epochs=1)
    measured = {name: float(values[name][0]) for name in GOLDEN if name != "version"}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=2e-3), (
        "The numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


def test_the_forgetful_twin_is_sgd_with_momentum_1_to_the_last_bit():
    values = last(epochs=3)
    assert values[SAME][0] == 0.0
    assert values["held-out loss" + FORGOTTEN][0] != values["held-out loss"][0]
    assert SAME not in last(optimiser="adam")


def test_a_forgetful_gradient_is_the_sum_of_all():
    net = zero_grad.build(ZeroGradConfig())
    points, labels = torch.randn(8, 2), torch.randint(0, 2, (8,))
    still = torch.optim.SGD(net.parameters(), lr=0.0)  # the weights stay, so every gradient is the same
    zero_grad.train_step(net, still, points, labels, "squared")
    one = zero_grad.gradient_length(net)
    for count in (2, 3):
        zero_grad.forgetful_step(net, still, points, labels, "squared")
        assert zero_grad.gradient_length(net) == pytest.approx(count * one, rel=1e-5)
    zero_grad.train_step(net, still, points, labels, "squared")
    assert zero_grad.gradient_length(net) == pytest.approx(one, rel=1e-5)


def test_a_twin_that_diverges_is_left_alone_and_the_net_goes_on():
    changes = {"loss": "squared", "learning_rate": 0.3, "epochs": 12}
    found = events((0, 1), **changes)
    notes = [event.text for event in found if isinstance(event, Note)]
    assert len(notes) >= 1 and "without zero_grad() diverged in epoch" in notes[0]
    values = [event for event in found if isinstance(event, Metrics)][-1].values
    assert values["diverged" + FORGOTTEN].sum() == len(notes)
    assert np.isnan(values["held-out loss" + FORGOTTEN]).sum() == len(notes)
    assert np.isfinite(values["held-out loss"]).all() and (values["held-out accuracy"] > 90).all()


def test_a_net_that_diverges_by_itself_is_explained(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.training.DIVERGED", 0.5)  # any loss that has not halved counts
    with pytest.raises(Explained, match=r"Diverged in epoch 1, .* Turn down the learning rate \(0.001 now\)"):
        events(learning_rate=0.001)


def test_seeds_do_not_depend_on_their_neighbours():
    together, alone = last((0, 1)), last((1,))
    assert all(np.array_equal(together[name][1:], alone[name]) for name in together)


@pytest.mark.parametrize(
    ("field", "value"),
    [("loss", "squared"), ("optimiser", "adam"), ("layers", 1), ("learning_rate", 0.05), ("batch_size", 64)],
)
def test_every_retraining_field_changes_the_loss(field: str, value: object):
    assert last(epochs=1)["held-out loss"] != last(epochs=1, **{field: value})["held-out loss"]


def test_the_patch_is_the_line_that_the_forgetful_loop_lacks():
    lines = zero_grad.patch().splitlines()
    assert [one for one in lines if one[:1] == "+" and one[:3] != "+++"] == ["+optimiser.zero_grad()"]
    assert not [one for one in lines if one[:1] == "-" and one[:3] != "---"]
    assert " loss.backward()" in lines
