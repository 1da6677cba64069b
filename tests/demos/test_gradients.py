"""Chains, recurrences and the way back by hand: against autograd, closed forms and bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core.demos import backpropagation as back
from core.demos import gradients as demo
from core.demos import jacobians
from core.demos.gradients import GradientsConfig


def config_of(**changes: object) -> GradientsConfig:
    return GradientsConfig.parse(changes)


@pytest.mark.parametrize("seed", range(3))
def test_the_product_is_autograds_at_a_hundred_layers(seed: int):
    found = demo.chain(config_of(depth=100, positive=True, seed=seed))
    assert not found.dead and found.autograd > 0 and found.difference < 1e-12


def test_a_dead_unit_makes_it_exactly_zero():
    found = demo.chain(config_of(weights="own", own="2 -1 3"))
    assert found.dead == (2, 3) and found.product == found.autograd == 0 and found.difference == 0
    assert 10**found.log_product == pytest.approx(6)
    assert demo.chain(config_of(weights="own", own="-2 1.5", x=-1.0)).autograd == pytest.approx(-3)
    assert demo.chain(config_of(weights="own", own="0 1")).product == 0


def test_a_value_too_small_for_a_float_is_not_a_dead_unit():
    found = demo.chain(config_of(weights="own", own="0.00001 " * 100))
    assert (found.dead, found.product, found.autograd) == ((), 0.0, 0.0)
    assert found.log_product == pytest.approx(-500)
    assert "too small for a 64-bit float" in found.notes[0]


def test_a_longer_chain_of_the_same_draw_begins_alike():
    short, long = (demo.drawn(config_of(depth=depth)) for depth in (3, 9))
    assert np.array_equal(short, long[:3])


@pytest.mark.parametrize("text", ["1 nan", "", "1;x", "1e3", "5000"])
def test_odd_weights_are_said_and_the_example_stands_in(text: str):
    found, (note,) = demo.read_weights(text)
    assert len(found) == 5 and "a weight is a number from −1000 to 1000" in note


def test_too_many_weights_are_cut_with_a_note():
    found, (note,) = demo.read_weights("1 " * 101)
    assert len(found) == 100 and "first 100" in note


@pytest.mark.parametrize(("depth", "deviation"), [(1, 1.0), (8, 0.5), (100, 2.0)])
def test_draws_agree_with_the_closed_forms_within_four_standard_errors(depth: int, deviation: float):
    found = demo.draws(depth, deviation, False, 1.0, 7)
    assert abs(found.mean - found.expected) < 4 * found.error
    share, n = found.dead_expected, len(found.logs)
    assert share == 1 - 0.5**depth
    assert abs(found.dead - share) <= 4 * math.sqrt(share * (1 - share) / n) + 1e-12
    assert found.logs.std() == pytest.approx(found.deviation, rel=0.1)


def test_positive_weights_leave_every_unit_alive_unless_the_input_is_not_positive():
    assert demo.draws(50, 1.0, True, 1.0, 0).dead == demo.draws(50, 1.0, True, 1.0, 0).dead_expected == 0
    assert demo.draws(50, 1.0, True, -1.0, 0).dead == demo.draws(50, 1.0, True, -1.0, 0).dead_expected == 1


@pytest.mark.parametrize("matrix", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("sigma", [0.25, 1.5])
def test_no_curve_lies_above_its_bound(matrix: str, sigma: float):
    found = jacobians.decay(config_of(matrix=matrix, sigma=sigma))
    assert found.sigma == pytest.approx(sigma)
    for name, logs in found.logs.items():
        assert (logs <= found.bounds[name] + 1e-9).all()
        assert logs[0] == 0


def test_the_sources_formula_is_the_bound_of_a_quarter_and_is_met_only_at_the_centre():
    found = jacobians.decay(config_of())
    assert found.source == pytest.approx(found.bounds["sigmoid"]) and found.source[-1] == pytest.approx(
        -49 * math.log10(16)
    )
    assert found.logs["sigmoid"][-1] < found.source[-1] - 1
    met = jacobians.decay(config_of(matrix="orthogonal", centred=True))
    for name, logs in met.logs.items():
        assert logs == pytest.approx(met.bounds[name], abs=1e-9)


def test_the_scaled_product_is_autograds_jacobian():
    config = config_of(units=4, steps=6, sigma=1.3)
    w = torch.from_numpy(jacobians.matrix(config))
    start = torch.from_numpy(np.random.default_rng([config.seed, 3]).uniform(0, 1, 4))
    for name, function in (("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("ReLU", torch.relu)):

        def last(x: torch.Tensor, function=function) -> torch.Tensor:
            for _ in range(5):
                x = function(w @ x)
            return x

        truth = torch.linalg.matrix_norm(torch.autograd.functional.jacobian(last, start), 2).item()
        found = jacobians.decay(config).logs[name][-1]
        assert found == (pytest.approx(math.log10(truth), abs=1e-9) if truth else -math.inf)


def test_every_step_back_is_autograds():
    config = config_of(
        inputs="1 0 2; 0 1 -1; 1 1 0; -1 2 0.5; 0 0 1; 3 1 1", targets="0 1; 1 0; 0.5 0; 0 0; 1 1; 2 -1",
        w="1 -1 0; 0.5 2 1; 0 0.3 -1", u="2 -1 0; 1 1 0.5; -1 0 1", v="1 -1 0; 0.5 0 2",
    )  # fmt: skip
    problem, notes = back.read(config)
    found = back.solve(problem)
    assert not notes and len(found.steps) == 18
    assert max(step.difference for step in found.steps) < 1e-12
    weights = [torch.from_numpy(one).requires_grad_() for one in (problem.w, problem.u, problem.v)]
    h, loss = torch.zeros(3, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for x, z in zip(torch.from_numpy(problem.x), torch.from_numpy(problem.z), strict=True):
        h = torch.sigmoid(weights[0] @ x + weights[1] @ h)
        loss = loss + (z - weights[2] @ h).square().sum()
    assert found.loss == pytest.approx(loss.item())
    for name, truth in zip("WUV", torch.autograd.grad(loss, weights), strict=True):
        np.testing.assert_allclose(found.steps[-1].found[name], truth.numpy(), rtol=1e-10)


def test_what_comes_back_along_the_edges_adds_up_to_a_nodes_gradient():
    found = back.solve(back.read(config_of())[0])
    along = {one.ends: one.back for one in back.edges(found, len(found.steps))}
    gradients = {name: one for step in found.steps if step.kind == "h" for name, one in step.found.items()}
    assert along["h2", "y2"] + along["h2", "h3"] == pytest.approx(gradients["h2"])  # type: ignore[operator]
    assert all(one.back is None for one in back.edges(found, 0))


def test_a_sum_of_the_formula_stands_in_the_words():
    lines = back.solve(back.read(config_of())[0]).steps[4].lines
    assert "∇h2 L = (−3.012, 3.012) + (−0.9541, 0.5335) = (−3.966, 3.546)" in lines


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"w": "1 nan; 2 3"}, "`nan` in W is none: it takes numbers from −1000 to 1000"),
        ({"v": ""}, "V is empty"),
        ({"u": "1 2; 3"}, "The rows of U must be of one length; got rows of 1 and of 2"),
        ({"u": "1 2 3; 4 5 6"}, "U must have 2 rows of 2 to go with W"),
        ({"targets": "1; 2"}, "z must have 3 rows of 1"),
        ({"inputs": "1 0;" * 7}, "at most 6 steps"),
        ({"w": "1 1; 1 1; 1 1; 1 1"}, "at most 3 hidden units"),
        ({"v": "1 1; 1 1; 1 1; 1 1"}, "at most 3 numbers a step"),
    ],
)
def test_what_cannot_be_is_said_and_the_example_stands_in(changes: dict[str, str], said: str):
    problem, (note,) = back.read(config_of(**changes))
    assert said in note and note.endswith("The example stands in.")
    assert problem.w.tolist() == [[1, -1], [0.5, 2]]


def test_the_unrolled_graph_has_a_column_a_step():
    places, edges = back.unrolled(4)
    assert len(places) == 4 * 4 + 1 and len(edges) == 4 * 4
    assert all(places[node][0] == int(node[1:]) for node in places)
    assert places["x1"][1] < places["h1"][1] < places["y1"][1] < places["L1"][1]
