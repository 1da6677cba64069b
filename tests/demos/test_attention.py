"""What the attention lab's demos say, against arithmetic, limits, and the other way of doing the same."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from core.demos import equivalences, features, scaling
from core.demos.attention import NAMES, AttentionConfig, Seen, entropy, inputs, kernel_of, look, ranks, row_sums
from core.demos.attention_by_hand import MATRICES, by_hand, matrices
from core.demos.tokens import EXAMPLE, LONGEST_WORD, MOST_WORDS, places, word_vector, words_of

RANDOM = AttentionConfig(tokens="random", projections="random")
tap = some.floats(-5, 5, allow_subnormal=False).map(lambda one: round(one, 3))
MAPPED = ("linear", "quadratic", "polynomial", "cosine", "favor")


def loss_of(config: AttentionConfig, seen: Seen, where: int, cell: tuple[int, int], step: float) -> float:
    """½‖output‖² with one number of q (0), k (1) or v (2) moved by a step."""
    given = [torch.tensor(one) for one in (seen.q, seen.k, seen.v)]
    given[where][cell] += step
    return float((kernel_of(config).weights(given[0], given[1]) @ given[2]).square().sum() / 2)


# --- tokens


def test_the_same_word_is_the_same_vector_and_another_word_another():
    first, again, other = (word_vector(word, 16) for word in ("Mat", "mat,", "cat"))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_a_words_vector_is_the_recipes():
    assert word_vector("the", 3) == pytest.approx(word_vector("the", 8)[:3])
    many = np.stack([word_vector(f"w{number}", 32) for number in range(300)])
    assert abs(many.mean()) < 0.05 and abs(many.std() - 1) < 0.05


def test_a_sentence_that_is_none_gives_the_example():
    assert words_of(" \n ").names == tuple(EXAMPLE.split())


def test_a_sentence_is_cut_and_says_so():
    many, long = words_of(" ".join(["a"] * 25)), words_of("b" * 10_000)
    assert len(many.names) == MOST_WORDS and "the sentence has 25" in many.notes[0]
    assert long.names == ("b" * LONGEST_WORD,) and f"first {LONGEST_WORD}" in long.notes[0]


@given(some.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_becomes_tokens(text: str):
    seen = look(AttentionConfig(sentence=text, width=2))
    assert 1 <= len(seen.names) <= MOST_WORDS and np.isfinite(seen.output).all()


def test_equal_words_differ_only_with_positions():
    config = AttentionConfig(sentence="one one")
    same, apart = (inputs(config.model_copy(update={"positions": one})).x for one in (False, True))
    np.testing.assert_array_equal(same[0], same[1])
    np.testing.assert_allclose(apart - same, places(2, config.width))


# --- the explorer


@pytest.mark.parametrize("kernel", MAPPED)
@given(seed=some.integers(0, 1000), count=some.integers(1, 24), width=some.integers(2, 12))
@settings(max_examples=12, deadline=None)
def test_both_forms_give_the_same_output_where_no_row_cancels(kernel: str, seed: int, count: int, width: int):
    config = AttentionConfig(
        kernel=kernel, degree=2, tokens="random", projections="random", seed=seed, count=count, width=width
    )
    seen = look(config)
    assert seen.difference is not None and seen.difference < 1e-9
    assert seen.sums == pytest.approx(1.0)


@pytest.mark.parametrize("kernel", NAMES)
def test_output_is_weights_times_values_and_a_mean_where_no_weight_is_negative(kernel: str):
    seen = look(RANDOM.model_copy(update={"kernel": kernel}))
    np.testing.assert_allclose(seen.output, seen.weights @ seen.v, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(seen.weights.sum(axis=1), 1.0, atol=0.3 if kernel == "low_rank" else 1e-9)
    if (seen.weights >= 0).all():
        assert seen.blow_up <= 1 + 1e-12


@pytest.mark.parametrize("kernel", NAMES)
def test_gradients_are_those_of_small_steps(kernel: str):
    config = AttentionConfig(kernel=kernel, tokens="random", projections="random", count=4, width=3)
    seen, step = look(config), 1e-6
    slopes = [
        (loss_of(config, seen, where, (1, c), step) - loss_of(config, seen, where, (1, c), -step)) / (2 * step)
        for where in range(3)
        for c in range(3)
    ]
    found = np.linalg.norm(np.reshape(slopes, (3, 3)), axis=1)
    np.testing.assert_allclose(found, seen.gradients[:, 1], rtol=1e-3, atol=1e-6)


def test_every_field_of_the_form_changes_what_is_shown():
    changes: dict[str, tuple[str, object]] = {
        "temperature": ("softmax", 3.0),
        "scaled": ("softmax", False),
        "degree": ("polynomial", 2),
        "length": ("rbf", 3.0),
        "margin": ("cosine", 0.5),
        "features": ("favor", 9),
        "reach": ("window", 1),
        "rank": ("low_rank", 1),
        "width": ("softmax", 9),
        "count": ("softmax", 5),
        "seed": ("softmax", 1),
        "projections": ("softmax", "identity"),
    }
    for name, (kernel, value) in changes.items():
        base = RANDOM.model_copy(update={"kernel": kernel})
        other = look(base.model_copy(update={name: value})).output
        assert other.shape != look(base).output.shape or not np.allclose(other, look(base).output), name


def test_entropy_runs_from_0_to_ln_n_and_is_not_defined_below_0():
    assert entropy(np.array([[0.0, 1.0, 0.0], [1 / 3] * 3])) == pytest.approx([0.0, math.log(3)])
    assert np.isnan(entropy(np.array([[1.5, -0.5]]))).all()


def test_ranks_of_equal_orthogonal_directions_agree_and_others_are_smaller():
    assert ranks(np.eye(5)) == (5, pytest.approx(5.0))
    number, effective = ranks(np.diag([1.0, 0.1, 0.0]))
    assert number == 2 and 1 < effective < 2


def test_row_sums_are_1_where_nothing_cancels_and_0_where_all_does():
    assert row_sums(np.array([[1.0, 2.0], [1.0, -1.0], [3.0, -1.0], [0.0, 0.0]])) == pytest.approx([1, 0, 0.5, 0])


# --- by hand


@pytest.mark.parametrize("kernel", NAMES)
def test_the_arithmetic_ends_with_the_cells_own_number(kernel: str):
    config = RANDOM.model_copy(update={"kernel": kernel})
    seen = matrices(look(config))
    for matrix in MATRICES:
        lines = by_hand(config, matrix, 1, 2)
        value = f"{seen[matrix][1, 2]:.4g}".replace("-", "−")
        assert any(value in line for line in lines) or not np.isfinite(seen[matrix][1, 2]), (matrix, lines)


def test_a_cell_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"scores is in row 0 to 11, column 0 to 11; got row 12, column 0"):
        by_hand(RANDOM, "scores", 12, 0)


# --- argmax, temperature, √d, heads


def test_the_worked_example_is_the_references_and_argmax_has_gradients_of_exactly_0():
    found = scaling.worked(None)
    assert found.scores.tolist() == [3, 11, 5, 2]
    assert found.output.tolist() == [1, 4, 3]
    assert not found.to_q.any() and not found.to_k.any() and found.to_v.any()


def test_softmax_slides_from_argmax_to_the_plain_mean():
    assert scaling.worked(0.01).output == pytest.approx(scaling.worked(None).output)
    assert scaling.worked(100.0).weights == pytest.approx([0.25] * 4, abs=0.03)
    assert np.abs(scaling.worked(1.0).to_q).max() > 0


def test_entropy_rises_with_the_temperature():
    means = scaling.over_temperature(RANDOM)[0].mean(axis=1)
    assert all(cold <= warm + 1e-9 for cold, warm in pairwise(means))
    assert means[-1] == pytest.approx(math.log(12), rel=1e-3)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (1.5, 0.5)])
def test_the_variance_of_products_is_the_formulas(mean: float, deviation: float):
    found = scaling.products(mean, deviation, 0)
    assert found.variance == pytest.approx(found.formula, rel=0.15)
    assert (found.low < found.high).all()
    inside = (found.low <= found.formula) & (found.formula <= found.high)
    assert inside.mean() >= 0.6  # of 95 % intervals; fewer would mean that they are too narrow
    assert found.mean == pytest.approx(found.formula_mean, abs=1.0)


def test_the_norm_of_softmaxs_jacobian_is_the_matrixs():
    p = np.array([0.5, 0.3, 0.2])
    assert scaling.jacobian_norm(p) == pytest.approx(np.linalg.norm(np.diag(p) - np.outer(p, p)))


def test_without_the_root_a_wide_softmax_picks_one_key_and_with_it_all_widths_are_alike():
    found = scaling.sharpness(0)
    free, root = (found.entropy[name].mean(axis=0) for name in ("not divided", "divided by √d"))
    assert free[-1] < 0.5 < 2.2 < root.min()
    assert found.jacobian["not divided"].mean(axis=0)[-1] < 0.5 * found.jacobian["divided by √d"].mean(axis=0)[-1]


@pytest.mark.parametrize("count", [2, 3, 8])
def test_heads_cost_the_same_and_bring_a_pattern_each(count: int):
    found = scaling.heads(AttentionConfig(heads=count, width=24, tokens="random", count=20))
    assert found.width == 24 and found.patterns == (1, count)
    one, several = found.score_ranks
    assert one == 20 and set(several) == {24 // count}
    np.testing.assert_allclose(found.several.sum(axis=-1), 1.0)


# --- features and signs


def test_favors_error_falls_with_the_features():
    errors = features.favor_errors(RANDOM)
    means = {count: np.mean(list(one.values())) for count, one in errors.items()}
    assert means[1024] < 0.5 * means[8]
    assert all(len(one) == features.SEEDS for one in errors.values())


def test_only_similarities_that_change_sign_leave_what_they_average():
    for name, found in features.sign_changes(8, 0).items():
        if features.positive(name):
            assert found.sums == pytest.approx(1.0) and found.growth.max() <= 1
        else:
            assert found.sums.min() < 0.01 and found.growth.max() > 10
            assert (found.growth <= 1 / found.sums + 1e-9).all()


# --- equivalences


@given(before=tap, here=tap, after=tap, seed=some.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_with_zero_tokens_attention_is_the_convolution_everywhere(before: float, here: float, after: float, seed: int):
    x = equivalences.signal(seed)
    found = equivalences.convolution((before, here, after), x, zero_ends=True)
    by_numpy = np.convolve(x, [after, here, before], mode="same")
    np.testing.assert_allclose(found.convolved, by_numpy, atol=1e-9)
    np.testing.assert_allclose(found.attended, found.convolved, atol=1e-9)
    assert len(found.heads) == any(one > 0 for one in (before, here, after)) + any(
        one < 0 for one in (before, here, after)
    )


def test_without_them_softmax_renormalises_at_the_ends():
    x = equivalences.signal(0)
    found = equivalences.convolution((2.0, 0.0, 1.0), x, zero_ends=False)
    assert found.heads == (equivalences.Head((math.log(2), -math.inf, 0.0), 3.0),)
    assert found.attended[[0, -1]] == pytest.approx([3 * x[1], 3 * x[-2]])
    assert found.attended[1:-1] == pytest.approx(2 * x[:-2] + x[2:])
    np.testing.assert_allclose(found.attended, found.formula)


def test_a_token_that_sees_nothing_has_no_output_and_no_taps_need_no_head():
    x = equivalences.signal(0)
    assert np.isnan(equivalences.convolution((1.0, 0.0, 0.0), x, zero_ends=False).attended[0])
    none = equivalences.convolution((0.0, 0.0, 0.0), x, zero_ends=False)
    assert none.heads == () and not none.attended.any()


@given(seed=some.integers(0, 100), reach=some.integers(1, 5), shift=some.sampled_from([-3.0, 0.0, 0.7, 3.0]))
@settings(max_examples=40, deadline=None)
def test_a_large_gain_gives_maximum_mean_or_minimum_by_the_sign(seed: int, reach: int, shift: float):
    x = np.round(equivalences.signal(seed) + shift, 10)
    found = equivalences.pooling(x, reach, 200.0)
    np.testing.assert_allclose(found.attended, found.expected, atol=1e-9)
    assert ((found.smallest <= found.attended + 1e-9) & (found.attended <= found.largest + 1e-9)).all()


def test_gain_0_is_the_mean_and_every_regime_is_reached():
    found = equivalences.pooling(equivalences.signal(0), 2, 0.0)
    assert found.attended == pytest.approx(found.mean)
    assert len(equivalences.pooling_over_gain(0, 0.0, 1)) == 3
    assert list(equivalences.pooling_over_gain(0, 3.0, 1)) == ["xᵢ > 0, to the maximum"]


def test_low_rank_leaves_out_what_the_singular_values_say():
    found = equivalences.low_rank(0)
    assert found.left_out == pytest.approx(found.formula, abs=1e-12)
    assert all(more >= less for more, less in pairwise(found.error)) and found.error[-1] < 1e-12
    assert found.multiplications_exact == 256**2 * 32 and found.multiplications[4] == 2 * 256 * 16 * 32
    assert (found.seconds > 0).all() and found.seconds_factors > 0
