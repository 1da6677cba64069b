"""Kernels of attention: closed forms, the two forms of one attention, and what autograd says of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from core.nn.attention import attend, causal_through_features, cheaper
from core.nn.kernels import (
    Argmax,
    Cosine,
    Dot,
    Favor,
    Kernel,
    Linear,
    LowRank,
    PlainCosine,
    Polynomial,
    Rbf,
    Softmax,
    Window,
    low_rank_factors,
)

EXACT = (Linear(), Polynomial(1), Polynomial(2), Polynomial(3), Polynomial(4), Cosine(), Favor(features=32))
ALL = (*EXACT, Softmax(), Window(), Rbf(), Argmax(), LowRank(), Dot(), PlainCosine())
KEYS = torch.tensor([[1, 2, 0], [0, 3, 4], [5, 0, 0], [0, 0, 1]], dtype=torch.float64)
VALUES = torch.tensor([[2, 0, 1], [1, 4, 3], [0, -1, 4], [1, 0, -1]], dtype=torch.float64)
QUERY = torch.tensor([[1, 1, 2]], dtype=torch.float64)


def tokens(seed: int, count: int, width: int, values: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    stream = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, 2, count, width, generator=stream, dtype=torch.float64)
    return q, k, torch.randn(2, count, values, generator=stream, dtype=torch.float64)


@given(
    kernel=st.sampled_from(EXACT), seed=st.integers(0, 999), count=st.integers(1, 40), width=st.integers(1, 6),
    causal=st.booleans(),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_both_forms_are_one_attention(kernel: Kernel, seed: int, count: int, width: int, causal: bool) -> None:
    q, k, v = tokens(seed, count, width)
    similarity = kernel.similarity(q, k)
    sums = (similarity.tril() if causal else similarity).sum(-1)
    size = similarity.abs().amax(-1)
    if (sums.abs() < 1e-3 * size).any():  # outputs explode: nothing to compare
        return
    pairs, features = (attend(kernel, q, k, v, form, causal) for form in ("pairs", "features"))
    assert (pairs - features).abs().max() <= 1e-5 * pairs.abs().max()


@pytest.mark.parametrize("kernel", ALL, ids=str)
def test_rows_of_the_weights_sum_to_one(kernel: Kernel) -> None:
    q, k, _ = tokens(1, 9, 4)
    rank = 9 if isinstance(kernel, LowRank) else None
    rows = (LowRank(rank=rank) if rank else kernel).weights(q, k).sum(-1)
    assert torch.allclose(rows, torch.ones_like(rows))


def test_softmax_is_torchs() -> None:
    q, k, v = tokens(2, 7, 4)
    for causal in (False, True):
        expected = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        assert torch.allclose(attend(Softmax(), q, k, v, causal=causal), expected)
        assert torch.allclose(Softmax().weights(q, k, causal) @ v, expected)


def test_similarities_are_their_formulas() -> None:
    q, k, _ = tokens(3, 4, 3)
    a, b = q[0, 1].numpy(), k[0, 2].numpy()
    phi = [np.where(one > 0, one + 1, np.exp(np.minimum(one, 0))) for one in (a, b)]
    expected = {
        Linear(): phi[0] @ phi[1],
        Polynomial(2): (a @ b + 1) ** 2,
        Polynomial(3): (a @ b + 1) ** 3,
        Cosine(margin=0.5): 1.5 + a @ b / np.linalg.norm(a) / np.linalg.norm(b),
        PlainCosine(): a @ b / np.linalg.norm(a) / np.linalg.norm(b),
        Dot(): a @ b,
    }
    for kernel, value in expected.items():
        assert kernel.similarity(q, k)[0, 1, 2].item() == pytest.approx(value), kernel


def test_elu_plus_one_has_its_own_slope_and_curvature() -> None:
    x = torch.tensor([-30.0, -1.5, -1e-3, 0.0, 1e-3, 2.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(Linear().phi(x).sum(), x)
    (expected,) = torch.autograd.grad((F.elu(x) + 1).sum(), x)
    torch.testing.assert_close(slope, expected, rtol=1e-12, atol=0)
    away = torch.tensor([-1.5, -0.3, 0.4, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(Linear().phi, away)


def test_rbf_weights_are_the_gaussians_of_distances() -> None:
    q, k, _ = tokens(4, 5, 3)
    gaussians = (-torch.cdist(q, k).square() / (2 * 0.7**2)).exp()
    assert torch.allclose(Rbf(length=0.7).weights(q, k), gaussians / gaussians.sum(-1, keepdim=True))


def test_quadratic_features_are_those_of_the_source() -> None:
    features, _ = Polynomial(2).map(torch.tensor([[3.0, 5.0]], dtype=torch.float64), KEYS[:, :2])
    expected = [1, math.sqrt(2) * 3, math.sqrt(2) * 5, 9, math.sqrt(2) * 15, 25]
    assert sorted(features[0].tolist()) == pytest.approx(sorted(expected))
    assert Polynomial(2).feature_count(2) == 6


def test_random_features_come_nearer_to_softmax_the_more_there_are() -> None:
    q, k, v = (0.5 * one for one in tokens(5, 30, 8))
    exact = attend(Softmax(), q, k, v)
    errors = [
        torch.stack(
            [(attend(Favor(features=count, seed=seed), q, k, v) - exact).norm() / exact.norm() for seed in range(20)]
        ).mean()
        for count in (8, 64, 512)
    ]
    assert errors[0] > 1.5 * errors[1] > 1.5**2 * errors[2]


def test_random_features_of_long_tokens_do_not_vanish() -> None:
    q, k, v = (6 * one.float() for one in tokens(6, 20, 8))  # ‖x‖²/2 is about 50 here
    assert attend(Favor(), q, k, v, "features").isfinite().all()


def test_argmax_takes_the_value_of_the_best_key_and_gives_no_gradient() -> None:
    q, k, v = QUERY.clone().requires_grad_(), KEYS.clone().requires_grad_(), VALUES.clone().requires_grad_()
    assert (q @ k.T).tolist() == [[3, 11, 5, 2]]
    output = attend(Argmax(), q, k, v)
    assert output.tolist() == [[1, 4, 3]]
    output.sum().backward()
    assert not q.grad.any() and not k.grad.any()
    assert v.grad.tolist() == [[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_softmax_slides_into_argmax_and_into_the_mean() -> None:
    cold, hot = (Softmax(temperature=one, scaled=False).weights(QUERY, KEYS) for one in (0.01, 1e6))
    assert torch.allclose(cold, Argmax().weights(QUERY, KEYS))
    assert torch.allclose(hot, torch.full((1, 4), 0.25, dtype=torch.float64), atol=1e-4)


def test_window_sees_only_its_neighbours() -> None:
    q, k, _ = tokens(7, 9, 4)
    weights = Window(reach=1).weights(q, k)[0]
    assert all((weights[i, j] > 0) == (abs(i - j) <= 1) for i in range(9) for j in range(9))
    assert torch.equal(Window(reach=0).weights(q, k)[0], torch.eye(9, dtype=torch.float64))


def test_low_rank_is_the_nearest_of_its_rank() -> None:
    q, k, _ = tokens(8, 12, 4)
    weights = Softmax().weights(q, k)
    left, right = low_rank_factors(weights, 3)
    assert left.shape == (2, 12, 3) and right.shape == (2, 3, 12)
    left_out = torch.linalg.svdvals(weights)[..., 3:]
    error = torch.linalg.matrix_norm(weights - left @ right)
    assert torch.allclose(error, left_out.square().sum(-1).sqrt())
    assert torch.linalg.matrix_rank(LowRank(rank=3).weights(q, k)).tolist() == [3, 3]


def test_kernels_that_change_their_sign_say_so_and_explode() -> None:
    assert {type(one) for one in ALL if one.may_change_sign} == {Polynomial, Dot, PlainCosine}
    keys = torch.tensor([[1.0, 0.0], [-1.0, 1e-6]], dtype=torch.float64)
    assert attend(Dot(), torch.ones(1, 2, dtype=torch.float64), keys, keys, "pairs").abs().max() > 1e5


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_causal_attention_in_chunks_is_that_of_all_pairs(count: int) -> None:
    q, k, v = tokens(9, count, 5)
    expected = Linear().weights(q, k, causal=True) @ v
    assert torch.allclose(causal_through_features(*Linear().map(q, k), v), expected)
    q.requires_grad_(), k.requires_grad_(), v.requires_grad_()
    attend(Linear(), q, k, v, "features", causal=True).square().sum().backward()
    found = [one.grad.clone() for one in (q, k, v)]
    for one in (q, k, v):
        one.grad = None
    attend(Linear(), q, k, v, "pairs", causal=True).square().sum().backward()
    assert all(torch.allclose(one, two.grad) for one, two in zip(found, (q, k, v), strict=True))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kernel", [Polynomial(2), Favor(features=40)], ids=str)
def test_wide_maps_in_pieces_give_the_outputs_and_gradients_of_all_pairs(
    kernel: Kernel, causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.nn.attention.PIECE_NUMBERS", 200)  # a handful of tokens: many pieces, the last one short
    q, k, v = (2 * one.requires_grad_() for one in tokens(10, 23, 6))
    outputs = [attend(kernel, q, k, v, form, causal) for form in ("pairs", "features")]
    assert torch.allclose(*outputs)
    gradients = [torch.autograd.grad(one.square().sum(), (q, k, v)) for one in outputs]
    assert all(torch.allclose(one, two) for one, two in zip(*gradients, strict=True))
    with torch.no_grad():
        assert torch.allclose(attend(kernel, q, k, v, "features", causal), outputs[0])


def test_the_cheaper_form_is_pairs_for_few_tokens_and_features_for_many() -> None:
    assert [cheaper(Linear(), n, 64, 64) for n in (16, 4096)] == ["pairs", "features"]
    assert [cheaper(Polynomial(2), n, 64, 64) for n in (1024, 4096)] == ["pairs", "features"]
    assert cheaper(Softmax(), 10**6, 64, 64) == "pairs"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Softmax(temperature=0), "temperature must be above 0; got 0."),
        (lambda: Polynomial(0), "degree must be above 0; got 0."),
        (lambda: Window(reach=-1), "reach must be above -1; got -1."),
        (lambda: Favor(features=0), "features must be above 0; got 0."),
        (lambda: LowRank(rank=0), "rank must be above 0; got 0."),
        (lambda: attend(Rbf(), KEYS, KEYS, VALUES, "features"), "Rbf has no finite feature map; write its pairs out."),
        (lambda: LowRank().weights(KEYS, KEYS, causal=True), "Low-rank attention cannot be causal"),
    ],
)
def test_what_cannot_be_is_said(make, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        make()
