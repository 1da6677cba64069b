"""Rotary positions by hand: the product of both turned against the formula, and the net's own turning."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.demos.rotary import FARTHEST, products, speeds
from core.nn.gpt import rotary_turns
from core.nn.gpt import turned as net_turned


@pytest.mark.parametrize(("query", "key"), [(0, 0), (40, 30), (30, 40), (1040, 1030), (128, 0)])
def test_the_product_of_both_turned_is_the_formula_of_their_distance(query: int, key: int):
    found = products(query, key, seed=3)
    assert found.turned == pytest.approx(found.formula, abs=1e-9)
    assert found.curve[FARTHEST + query - key] == found.formula
    assert found.turned == pytest.approx(products(query + 500, key + 500, seed=3).turned, abs=1e-9)


def test_other_distances_are_other_products():
    curve = products(0, 0).curve
    assert len(np.unique(curve.round(6))) == len(curve) == 2 * FARTHEST + 1


def test_the_net_turns_in_the_same_way():
    real, imaginary = np.random.default_rng(5).standard_normal((2, 2, 8))
    q, k = torch.from_numpy(np.concatenate([real, imaginary], axis=1))
    at = [net_turned(one, rotary_turns(place, place + 1, 16))[0] for one, place in ((q, 40), (k, 30))]
    assert float(at[0] @ at[1]) == pytest.approx(products(40, 30, seed=5).turned, abs=1e-4)
    np.testing.assert_allclose(speeds(16)[:2], [1.0, 10_000 ** (-1 / 8)])


def test_an_odd_width_is_explained():
    with pytest.raises(ValueError, match=r"width must be even, for pairs of numbers; got 7. Try 8."):
        products(0, 0, width=7)
