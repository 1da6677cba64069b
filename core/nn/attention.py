"""Attention in two forms: with every pair of tokens written out, or through a feature map, linear in their number.

Where s(q, k) = φ(q)·φ(k) with C features, φ(Q)(φ(K)ᵀV) is the attention of all pairs, in O(nCm) in place of
O(n²(d + m)) operations (Katharopoulos et al., ICML 2020, section 3.2). Queries and keys (…, n, d), values (…, n, m).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from core.nn.kernels import Favor, Kernel, Softmax

Form = Literal["pairs", "features"]
CHUNK = 64  # tokens whose pairs are written out within causal attention through features


def attend(kernel: Kernel, q: Tensor, k: Tensor, v: Tensor, form: Form | None = None, causal: bool = False) -> Tensor:
    """(…, n, m): every token's weighted mean of the values. form: None takes the one with fewer multiplications.

    Raises ValueError for a form or an order that the kernel does not have.
    """
    form = form or cheaper(kernel, k.shape[-2], k.shape[-1], v.shape[-1])
    if form == "features":
        left, right = kernel.map(q, k)
        return causal_through_features(left, right, v) if causal else through_features(left, right, v)
    if type(kernel) is Softmax:
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=kernel.scale(q.shape[-1]))
    return kernel.weights(q, k, causal) @ v


def cheaper(kernel: Kernel, tokens: int, width: int, values: int) -> Form:
    """The form with fewer multiplications for n tokens of width d and values of width m."""
    count = kernel.feature_count(width)
    if count is None:
        return "pairs"
    mapping = count * width if isinstance(kernel, Favor) else count
    return "pairs" if tokens * (width + values) <= 2 * (count * values + mapping) else "features"


def through_features(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """φ(Q)(φ(K)ᵀV), rows divided by their sums. q, k: (…, n, C), mapped already."""
    return (q @ (k.mT @ v)) / (q @ k.sum(dim=-2, keepdim=True).mT)


def causal_through_features(q: Tensor, k: Tensor, v: Tensor, chunk: int = CHUNK) -> Tensor:
    """The same for tokens that see only themselves and those before. q, k: (…, n, C), mapped already.

    Within a chunk pairs are written out; of the chunks before, all that counts is their sum Σφ(k)vᵀ, so that time and
    memory grow with n and not n².
    """
    tokens = q.shape[-2]
    q, k, v = (F.pad(one, (0, 0, 0, -tokens % chunk)).unflatten(-2, (-1, chunk)) for one in (q, k, v))
    within = (q @ k.mT).tril()  # (…, chunks, chunk, chunk)
    products, sums = k.mT @ v, k.sum(dim=-2, keepdim=True)  # (…, chunks, C, m), (…, chunks, 1, C)
    before, sums_before = products.cumsum(dim=-3) - products, sums.cumsum(dim=-3) - sums
    numerator = within @ v + q @ before
    denominator = within.sum(dim=-1, keepdim=True) + q @ sums_before.mT
    whole, sums = (one.flatten(-3, -2)[..., :tokens, :] for one in (numerator, denominator))
    return whole / sums  # what was filled up is gone by now: 0/0 would spoil the gradients
