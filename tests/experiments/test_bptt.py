"""Truncated backpropagation: what is cut and what is not, both gradients, a training that fails, one that learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.events import Checkpoint, Event, Metrics
from core.experiments import bptt
from core.experiments.bptt import EXPERIMENT, BpttConfig
from core.nn.recurrent import RecallNet
from core.queries.bptt import CUES, INPUTS, clipped, draw, flow, jacobians
from core.training import load_weights

CPU = torch.device("cpu")
SMALL = {"lag": 4, "window": 2, "width": 6, "batch_size": 8, "epochs": 1}
GOLDEN = {"version": 1, "training loss": 1.42173, "gradient cosine": 0.941395, "gradient norm ratio": 1.002519}


def config_of(**changes: object) -> BpttConfig:
    return BpttConfig.parse({**SMALL, **changes})


def events(config: BpttConfig, seeds: tuple[int, ...] = (0,)) -> list[Event]:
    return list(bptt.run(config, seeds, CPU))


def last(config: BpttConfig, seeds: tuple[int, ...] = (0,)) -> dict[str, np.ndarray]:
    return dict([event for event in events(config, seeds) if isinstance(event, Metrics)][-1].values)


def reached(cell: str, window: int | None) -> list[bool]:
    """Which inputs of five steps the last state's gradient reaches."""
    torch.manual_seed(0)
    net = RecallNet(INPUTS, 5, CUES, cell)  # type: ignore[arg-type]
    inputs = torch.rand(2, 5, INPUTS, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(inputs, window).sum(), inputs)
    return [bool(one) for one in gradient.abs().sum(dim=(0, 2)) > 0]


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_window_lets_the_gradient_through_so_many_transitions_and_no_more(cell: str):
    assert reached(cell, 1) == [False, False, False, True, True]
    assert reached(cell, 3) == [False, True, True, True, True]
    assert reached(cell, 4) == reached(cell, 9) == reached(cell, None) == [True] * 5


def test_the_forward_pass_is_the_same_whatever_the_window():
    torch.manual_seed(0)
    net, (inputs, _) = RecallNet(INPUTS, 5, CUES), draw(3, 4, torch.Generator().manual_seed(0))
    assert torch.equal(net(inputs, 1), net(inputs))


def test_the_loop_is_torchs_own_rnn():
    torch.manual_seed(0)
    net, whole = RecallNet(INPUTS, 5, CUES), torch.nn.RNN(INPUTS, 5, batch_first=True)
    whole.load_state_dict({f"{name}_l0": one for name, one in net.cell.state_dict().items()})
    inputs, _ = draw(3, 7, torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.stack(net.states(inputs), dim=1), whole(inputs)[0])


def test_the_forget_bias_is_added_to_the_forget_gate_alone():
    nets = []
    for bias in (0.0, 2.0):
        torch.manual_seed(0)
        nets.append(RecallNet(INPUTS, 3, CUES, "lstm", bias))
    gap = (nets[1].cell.bias_ih - nets[0].cell.bias_ih).reshape(4, 3)
    torch.testing.assert_close(gap, torch.tensor([[0.0] * 3, [2.0] * 3, [0.0] * 3, [0.0] * 3]))


def test_sequences_begin_with_the_cue_and_go_on_with_symbols_of_another_kind():
    inputs, cues = draw(500, 3, torch.Generator().manual_seed(0))
    assert inputs.shape == (500, 4, INPUTS) and (inputs.sum(dim=2) == 1).all()
    assert torch.equal(inputs[:, 0].argmax(dim=1), cues) and not inputs[:, 1:, :CUES].any()
    assert cues.unique().tolist() == [0, 1, 2, 3]


def test_a_full_window_has_the_full_gradient_and_a_short_one_another():
    learner = bptt.make_learner(config_of(), 0, CPU)
    assert bptt.held_against_full(learner.net, *learner.fixed, 4) == pytest.approx((1, 1))
    cosine, ratio = bptt.held_against_full(learner.net, *learner.fixed, 0)
    assert 0 < cosine < 0.999 and ratio < 1
    torch.nn.init.zeros_(learner.net.head.weight)  # no gradient passes
    assert np.isnan(bptt.held_against_full(learner.net, *learner.fixed, 2)).all()


def test_a_window_as_long_as_the_lag_learns_and_a_shorter_one_does_not():
    wide = {"lag": 6, "width": 16, "batch_size": 32, "learning_rate": 0.01, "epochs": 4}
    assert last(config_of(window=6, **wide))["test accuracy"] > 95
    assert last(config_of(window=1, **wide))["test accuracy"] < 60


def test_golden_run_has_the_numbers_of_its_version():
    values = last(config_of())
    measured = {name: float(values[name][0]) for name in GOLDEN if name != "version"}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=2e-3), (
        "The numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


def test_seeds_do_not_depend_on_their_neighbours():
    together, alone = last(config_of(), (3, 5)), last(config_of(), (5,))
    assert all(together[name][1] == alone[name][0] for name in together)


def test_every_retraining_field_changes_the_result():
    changes = {"cell": "lstm", "lag": 3, "window": 1, "width": 5, "clip": 0.01, "optimiser": "sgd"}
    changes |= {"learning_rate": 0.01, "batch_size": 9, "epochs": 2}
    base = last(config_of())["training loss"]
    assert all(last(config_of(**{name: value}))["training loss"] != base for name, value in changes.items())
    lstm = last(config_of(cell="lstm"))["training loss"]
    assert last(config_of(cell="lstm", forget_bias=3.0))["training loss"] != lstm
    assert {one.name for one in BpttConfig.knobs() if one.retrains} == {*changes, "forget_bias"}


def test_events_come_often_and_end_at_the_total():
    found = [event.step for event in events(config_of()) if isinstance(event, Metrics)]
    assert found == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1]) and found[-1] == EXPERIMENT.total_steps(config_of())


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_flow_is_the_gradient_by_each_state_and_the_jacobian_bounds_it(cell: str):
    config = config_of(cell=cell)
    (*_, weights) = [event.weights[0] for event in events(config) if isinstance(event, Checkpoint)]
    net = load_weights(EXPERIMENT.build(config), weights)
    found = flow(net, config, device=CPU).arrays
    assert found["norms"].shape == found["jacobian"].shape == (64, 5)
    assert found["jacobian"][:, 0] == pytest.approx(1)
    if cell == "rnn":  # its h is the whole state
        assert (found["jacobian"] <= found["bound"] * (1 + 1e-9)).all()
        assert (found["norms"] <= found["jacobian"] * found["norms"][:, :1] * (1 + 1e-9)).all()


def test_the_jacobian_of_an_rnn_is_the_product_of_its_steps():
    torch.manual_seed(0)
    net = RecallNet(INPUTS, 3, CUES).double()
    inputs = draw(2, 3, torch.Generator().manual_seed(0))[0].double()
    states = net.states(inputs)
    found = jacobians(net, inputs)
    for row in range(2):
        product = torch.eye(3, dtype=torch.float64)
        for back in range(1, 4):
            h = states[4 - back][row]
            product = product @ ((1 - h**2)[:, None] * net.cell.weight_hh)
            assert found[row, back].item() == pytest.approx(torch.linalg.matrix_norm(product, 2).item(), rel=1e-9)


def test_clipping_shortens_and_turns_nothing():
    found = clipped(config_of(lag=15))
    assert found.norms[1] == pytest.approx(found.norms[0] / 2, rel=1e-3)
    assert found.cosine == pytest.approx(1) and found.arriving < 1e-2


def test_the_loss_is_cross_entropy_over_the_cues():
    learner = bptt.make_learner(config_of(learning_rate=1e-5, optimiser="sgd"), 0, CPU)
    inputs, cues = draw(400, 4, torch.Generator().manual_seed(1))
    assert F.cross_entropy(learner.net(inputs), cues).item() == pytest.approx(np.log(CUES), abs=0.2)
