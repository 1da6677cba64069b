"""Dropout's closed form against every mask and Monte Carlo; least norm against KKT, torch and a formula."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.demos import regularisation as demo
from core.demos.regularisation import METHODS, RegularisationConfig


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_dropouts_formula_is_the_mean_over_every_mask(seed: int, keep: float):
    rng = np.random.default_rng(seed)
    x, w, y = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=2)
    total = 0.0
    for flat in itertools.product((0, 1), repeat=6):
        mask = np.array(flat).reshape(2, 3)
        chance = keep ** mask.sum() * (1 - keep) ** (6 - mask.sum())
        total += chance * ((y - (x * mask) @ w) ** 2).sum()
    assert demo.dropped(demo.Problem(x, w, y), keep, 0, draws=2).formula == pytest.approx(total, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_monte_carlo_is_within_4_standard_errors(keep: float):
    one = demo.problem(RegularisationConfig(x="1 2; 3 -1; 0 4", w="1 -2", y="3 0 1"))
    found = demo.dropped(one, keep, seed=1)
    assert found.error > 0 and abs(found.measured - found.formula) < 4 * found.error


def test_at_the_ends_nothing_is_left_to_chance():
    one = demo.problem(RegularisationConfig())
    nothing, everything = demo.dropped(one, 0.0, 0), demo.dropped(one, 1.0, 0)
    assert (nothing.measured, nothing.error, nothing.formula) == pytest.approx(((one.y**2).sum(), 0, (one.y**2).sum()))
    assert everything.measured == pytest.approx(((one.y - one.x @ one.w) ** 2).sum())
    assert everything.penalty == 0 and demo.minimiser(one, 0.0) is None
    assert "no w is the best" in demo.in_words(0) and "exactly" in demo.in_words(1) and not demo.in_words(0.5)


def test_without_chance_a_rounding_error_is_no_standard_error():
    one = demo.problem(RegularisationConfig(w="0.1 0.7 0.3", y="0.1 0.2 0.3 0.7 1.3"))
    assert demo.dropped(one, 1.0, 0).error == 0


def test_a_closing_semicolon_is_no_row():
    one = demo.problem(RegularisationConfig(x="1 2; 3 4;", w="1 2", y="1 2"))
    assert (one.x.tolist(), one.notes) == ([[1.0, 2.0], [3.0, 4.0]], ())


@pytest.mark.parametrize(
    ("x", "keep", "said"),
    [
        ([[1, 1], [1, 1], [1, 1]], 1.0, "X has rank 1 with 2 columns"),
        ([[1, 1], [1, 1], [1, 1]], 0.9, ""),  # the penalty chooses
        ([[1, 0], [2, 0], [1, 0]], 0.9, "A column of X is 0"),
        ([[1, 1], [0, 1], [1, 1]], 1.0, ""),
        ([[1, 1], [1, 1], [1, 1]], 0.0, ""),
    ],
)
def test_it_is_said_where_another_w_is_as_good(x: list[list[int]], keep: float, said: str):
    one = demo.Problem(np.array(x, dtype=float), np.zeros(2), np.array([1.0, 2.0, 3.0]))
    assert demo.uniqueness(one, keep)[: len(said) or None] == said


def test_the_minimiser_is_a_ridge_regression_and_none_is_better():
    one, keep = demo.problem(RegularisationConfig()), 0.3
    best = demo.minimiser(one, keep)
    assert best is not None
    ridge = one.x.T @ one.x + (1 - keep) / keep * np.diag((one.x**2).sum(axis=0))
    np.testing.assert_allclose(keep * best, np.linalg.solve(ridge, one.x.T @ one.y))
    least = demo.dropped(demo.Problem(one.x, best, one.y), keep, 0, 2).formula
    for step in 0.1 * np.random.default_rng(0).normal(size=(20, 3)):
        assert demo.dropped(demo.Problem(one.x, best + step, one.y), keep, 0, 2).formula > least


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"w": "1 2"}, "w: it must have 3 numbers; got 2"),
        ({"y": "1 x 3 4 5"}, "got `x`. Replace it."),
        ({"x": "1 2; 3"}, "all parts must have the same shape"),
    ],
)
def test_numbers_that_do_not_fit_are_said(fields: dict[str, str], part: str):
    one = demo.problem(RegularisationConfig(**fields))
    assert part in one.notes[0] and one.x.shape == (5, 3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.floats(-4, 4))
def test_gradient_descent_ends_at_the_least_norm_and_what_the_start_keeps(seed: int, size: float):
    one = demo.large(seed, "independent")
    start = size * np.random.default_rng(seed).normal(size=demo.UNKNOWNS)
    end = demo.descend(one, start, steps=3000).end
    np.testing.assert_allclose(end, demo.limit(one, start), atol=1e-6)
    found = demo.ending(one, demo.limit(one, np.zeros(demo.UNKNOWNS)))
    assert max(found.distance, found.residual, found.outside) < 1e-9  # KKT


def test_momentum_ends_there_as_well_and_adam_does_not():
    one = demo.large(0, "independent")
    for method, close in zip(METHODS, (True, True, False), strict=True):
        end = demo.ending(one, demo.descend(one, np.zeros(demo.UNKNOWNS), method).end)
        assert end.residual < 1e-6
        assert (end.distance < 1e-6) == (end.outside < 1e-6) == close


@pytest.mark.parametrize("method", METHODS)
def test_the_steps_are_torchs(method: str):
    one = demo.large(3, "independent")
    rate = 1 / np.linalg.norm(one.x, 2) ** 2
    w = torch.zeros(demo.UNKNOWNS, dtype=torch.float64, requires_grad=True)
    optimiser = {
        METHODS[0]: lambda: torch.optim.SGD([w], lr=rate),
        METHODS[1]: lambda: torch.optim.SGD([w], lr=rate / 2, momentum=0.9),
        METHODS[2]: lambda: torch.optim.Adam([w], lr=0.05),
    }[method]()
    x, y = torch.from_numpy(one.x), torch.from_numpy(one.y)
    for place in demo.descend(one, np.zeros(demo.UNKNOWNS), method, steps=30).places[1:]:
        optimiser.zero_grad()
        (0.5 * (x @ w - y).square().sum()).backward()
        optimiser.step()
        np.testing.assert_allclose(w.detach().numpy(), place, atol=1e-9)


def test_rows_that_depend_on_one_another_are_said():
    assert not demo.large(0, "independent").notes
    assert "rank 4 of 5" in demo.large(0, "repeated").notes[0]
    assert "y fits, so solutions exist" in demo.large(0, "repeated").notes[0]
    assert "no w solves it: the best leaves ‖Xw − y‖ = 0.707" in demo.large(0, "contradictory").notes[0]
    assert "rank 0 of 1" in demo.plane(RegularisationConfig(a1=0, a2=0)).notes[0]
    still = demo.descend(demo.plane(RegularisationConfig(a1=0, a2=0)), np.ones(2)).end
    np.testing.assert_array_equal(still, np.ones(2))
