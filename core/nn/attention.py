"""Attention in two forms: with every pair of tokens written out, or through a feature map, linear in their number.

Where s(q, k) = φ(q)·φ(k) with C features, φ(Q)(φ(K)ᵀV) is the attention of all pairs, in O(nCm) in place of
O(n²(d + m)) operations (Katharopoulos et al., ICML 2020, section 3.2). Queries and keys (…, n, d), values (…, n, m).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from core.nn.kernels import Favor, Kernel, Softmax

Form = Literal["pairs", "features"]
CHUNK = 64  # tokens whose pairs are written out within causal attention through features
WIDE = 2  # more features than this a number of a token are made for a piece of the tokens at a time
PIECE_NUMBERS = 2**19  # features of one head that stand in memory at once then: 2 MiB in single precision
CAUSAL_PIECE = 128  # tokens at most, for their pairs are written out
Sums = tuple[Tensor, Tensor | None]  # Σφ(k)(v, 1)ᵀ (…, C, m + 1), and the log of the factor it lacks (Kernel.keys)


def attend(kernel: Kernel, q: Tensor, k: Tensor, v: Tensor, form: Form | None = None, causal: bool = False) -> Tensor:
    """(…, n, m): every token's weighted mean of the values. form: None takes the one with fewer multiplications.

    Raises ValueError for a form or an order that the kernel does not have.
    """
    form = form or cheaper(kernel, k.shape[-2], k.shape[-1], v.shape[-1])
    if form == "features":
        if (kernel.feature_count(k.shape[-1]) or 0) > WIDE * k.shape[-1]:
            return causal_in_pieces(kernel, q, k, v) if causal else in_pieces(kernel, q, k, v)
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
    return (q @ (k.mT @ v)).div_(q @ k.sum(dim=-2, keepdim=True).mT)


def causal_through_features(q: Tensor, k: Tensor, v: Tensor, chunk: int = CHUNK) -> Tensor:
    """The same for tokens that see only themselves and those before. q, k: (…, n, C), mapped already.

    Within a chunk pairs are written out; of the chunks before, all that counts is their sum Σφ(k)vᵀ, so that time and
    memory grow with n and not n².
    """
    tokens = q.shape[-2]
    if tokens % chunk:  # else there is nothing to copy
        q, k, v = (F.pad(one, (0, 0, 0, -tokens % chunk)) for one in (q, k, v))
    q, k, v = (one.unflatten(-2, (-1, chunk)) for one in (q, k, v))
    within = (q @ k.mT).tril_()  # (…, chunks, chunk, chunk)
    numerator, denominator = within @ v, within.sum(dim=-1, keepdim=True)
    if q.shape[-3] > 1:
        later, earlier = q[..., 1:, :, :], k[..., :-1, :, :]
        numerator[..., 1:, :, :] += later @ _running(earlier.mT @ v[..., :-1, :, :])
        denominator[..., 1:, :, :] += later @ _running(earlier.sum(dim=-2, keepdim=True).mT)
    whole, sums = (one.flatten(-3, -2)[..., :tokens, :] for one in (numerator, denominator))
    return whole.div_(sums)  # what was filled up is gone by now: 0/0 would spoil the gradients


def in_pieces(kernel: Kernel, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """φ(Q)(φ(K)ᵀV) of a wide map: features are made for a piece of the tokens at a time, and again for gradients."""
    v, sums = F.pad(v, (0, 1), value=1.0), None
    for piece in _pieces(kernel, k):
        sums = _lean(_with_keys, kernel, k[..., piece, :], v[..., piece, :], sums)
    return torch.cat([_lean(_read, kernel, q[..., piece, :], sums) for piece in _pieces(kernel, q)], dim=-2)


def causal_in_pieces(kernel: Kernel, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same for tokens that see only themselves and those before."""
    outputs, v, sums = [], F.pad(v, (0, 1), value=1.0), None
    for piece in _pieces(kernel, k, CAUSAL_PIECE):
        output, sums = _lean(_causal_piece, kernel, *(one[..., piece, :] for one in (q, k, v)), sums)
        outputs.append(output)
    return torch.cat(outputs, dim=-2)


def _pieces(kernel: Kernel, x: Tensor, most: int = PIECE_NUMBERS) -> Iterator[slice]:
    """Consecutive tokens, so many that their features are few enough."""
    size = max(1, min(most, PIECE_NUMBERS // (kernel.feature_count(x.shape[-1]) or 1)))
    return (slice(start, start + size) for start in range(0, x.shape[-2], size))


def _lean(part: Callable[..., Any], *arguments: Any) -> Any:
    """What the part returns; for gradients it is computed again and keeps nothing meanwhile."""
    tensors = (one for each in arguments for one in (each if isinstance(each, tuple) else (each,)))
    if torch.is_grad_enabled() and any(isinstance(one, Tensor) and one.requires_grad for one in tensors):
        return checkpoint(part, *arguments, use_reentrant=False, preserve_rng_state=False)
    return part(*arguments)


def _with_keys(kernel: Kernel, k: Tensor, v: Tensor, before: Sums | None) -> Sums:
    """The sums over the keys before and these."""
    features, log = kernel.keys(k)
    return _added(before, (features.mT @ v, log))


def _added(one: Sums | None, other: Sums) -> Sums:
    """Two sums as one, relative to the larger of their factors."""
    if one is None:
        return other
    if one[1] is None or other[1] is None:
        return one[0] + other[0], None
    largest = torch.maximum(one[1], other[1])
    return one[0] * (one[1] - largest).exp() + other[0] * (other[1] - largest).exp(), largest


def _read(kernel: Kernel, q: Tensor, sums: Sums) -> Tensor:
    """The outputs of these queries."""
    return _divided(kernel.phi(q) @ sums[0])


def _causal_piece(kernel: Kernel, q: Tensor, k: Tensor, v: Tensor, before: Sums | None) -> tuple[Tensor, Sums]:
    """The outputs of these queries, and the sums over the keys before and theirs."""
    left, (right, log) = kernel.phi(q), kernel.keys(k)
    whole: Sums = ((left @ right.mT).tril_() @ v, log)
    if before is not None:
        whole = _added((left @ before[0], before[1]), whole)
    return _divided(whole[0]), _added(before, (right.mT @ v, log))


def _divided(whole: Tensor) -> Tensor:
    """Rows without their last number, by which they are divided."""
    return whole[..., :-1] / whole[..., -1:]


def _running(parts: Tensor) -> Tensor:
    """Sums along the chunks (…, chunks, C, m); torch's cumsum takes several times as long."""
    return torch.stack(list(accumulate(parts.unbind(dim=-3), torch.add)), dim=-3)
