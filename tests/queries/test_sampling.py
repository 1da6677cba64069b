"""Sampling: what temperature and truncation leave, and that draws follow it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from core.queries.sampling import Sampling, drawn, softmax

LOGITS = np.log([0.4, 0.3, 0.15, 0.1, 0.05])


@pytest.mark.parametrize(
    ("how", "exact"),
    [
        (Sampling(), [0.4, 0.3, 0.15, 0.1, 0.05]),
        (Sampling(temperature=0), [1, 0, 0, 0, 0]),
        (Sampling(temperature=0.5), np.array([16, 9, 2.25, 1, 0.25]) / 28.5),
        (Sampling(top_k=2), [4 / 7, 3 / 7, 0, 0, 0]),
        (Sampling(top_k=99), [0.4, 0.3, 0.15, 0.1, 0.05]),
        (Sampling(top_p=0.6), [4 / 7, 3 / 7, 0, 0, 0]),
        (Sampling(top_p=0.01), [1, 0, 0, 0, 0]),
        (Sampling(top_k=4, top_p=0.7), [4 / 7, 3 / 7, 0, 0, 0]),
    ],
)
def test_what_is_left_of_a_distribution(how: Sampling, exact: list[float]):
    np.testing.assert_allclose(how.probabilities(LOGITS), exact, atol=1e-12)
    turned = how.probabilities(np.stack([LOGITS, LOGITS[::-1]]))
    np.testing.assert_allclose(turned[1], exact[::-1], atol=1e-12)


def test_equals_are_taken_in_order():
    assert Sampling(top_k=2).probabilities(np.zeros(4)).tolist() == [0.5, 0.5, 0, 0]
    assert Sampling(temperature=0).probabilities(np.zeros(4)).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    "how", [Sampling(seed=3), Sampling(0.7, seed=4), Sampling(1.3, 4, seed=5), Sampling(1, 0, 0.8, 6)]
)
def test_draws_follow_the_distribution(how: Sampling):
    exact = how.probabilities(LOGITS)
    draws = [drawn(exact, even) for even in how.draws(0, 20_000)]
    counts = np.bincount(draws, minlength=len(exact))
    assert counts[exact == 0].sum() == 0
    assert chisquare(counts[exact > 0], 20_000 * exact[exact > 0]).pvalue > 1e-4


def test_draws_do_not_depend_on_the_pieces():
    how = Sampling(seed=9)
    np.testing.assert_array_equal(how.draws(0, 10), np.concatenate([how.draws(0, 3), how.draws(3, 7)]))


def test_the_ends_of_the_pile_are_characters_that_may_be_drawn():
    exact = np.array([0.0, 0.5, 0.5, 0.0])
    assert drawn(exact, 0.0) == 1
    assert drawn(exact, np.nextafter(1.0, 0.0)) == 2
    assert drawn(np.array([0.1] * 10), 1.0) == 9


def test_huge_logits_are_no_overflow():
    np.testing.assert_allclose(softmax(np.array([1e4, 1e4, 0.0])), [0.5, 0.5, 0.0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": -1}, "temperature must be from 0 to 10; got -1"),
        ({"top_k": -1}, "top-k must be 0"),
        ({"top_p": 0.0}, "top-p must be above 0 and at most 1; got 0"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_values_out_of_range_are_explained(wrong: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        Sampling(**wrong)
