"""What a linear autoencoder has found, held against the principal components of its data.

Queries: f(model, config, device=..., ...) -> Arrays. The training's own measurements stand here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.data import gaussian
from core.events import Arrays
from core.nn.autoencoder import LinearAutoencoder

Numbers = NDArray[np.float64]
ROUNDING = 1e-9  # losses that differ by less than this part are one


def expected_singular_values(variances: Numbers, latent: int, weight_decay: float) -> Numbers:
    """(latent,): √max(0, 1 − λ/sᵢ), of W₁ and W₂ alike, for the largest variances sᵢ. Source: Kunin et al. 2019.

    Without weight decay it is 1, the length it has for λ → 0; the loss then leaves the lengths free.
    """
    found: Numbers = np.sqrt(np.maximum(0.0, 1.0 - weight_decay / np.maximum(variances[:latent], 1e-300)))
    return found


def lowest_loss(variances: Numbers, latent: int, weight_decay: float) -> float:
    """The least that the loss can be, penalty included.

    A direction that is kept costs λ²/s of error and 2λ(1 − λ/s) of penalty, in all 2λ − λ²/s; one given up costs s.
    Without weight decay it is what PCA loses: the sum of the other variances.
    """
    kept, rest = variances[:latent], variances[latent:]
    strong = kept > weight_decay
    cost = np.where(strong, 2 * weight_decay - weight_decay**2 / np.where(strong, kept, 1.0), kept)
    return float(cost.sum() + rest.sum())


def largest_angle(matrix: NDArray[np.floating], axes: Numbers) -> float:
    """The largest principal angle, in degrees, between `axes` and as many leading directions of a matrix's columns.

    matrix: (features, latent); axes: (features, k) orthonormal, k from 0 to latent. NaN for k = 0 and for a matrix
    whose columns span fewer than k directions. From the sine: the cosine of a small angle is 1 to the last digit.
    """
    count = axes.shape[1]
    left, singular, _ = np.linalg.svd(np.asarray(matrix, dtype=np.float64), full_matrices=False)
    if count == 0 or singular[count - 1] <= 1e-150:
        return float("nan")
    spanned = left[:, :count]
    outside = spanned - axes @ (axes.T @ spanned)
    sine = min(1.0, float(np.linalg.norm(outside, 2)))
    return math.degrees(math.asin(sine))


def loss_of(w1: Numbers, w2: Numbers, samples: Numbers, weight_decay: float) -> float:
    """(1/n)‖X − W₂W₁X‖²_F + λ‖W₁‖² + λ‖W₂‖², sample by sample. samples: (n, features)."""
    residual = samples - samples @ w1.T @ w2.T
    return float((residual**2).sum() / len(samples) + weight_decay * ((w1**2).sum() + (w2**2).sum()))


def factorisations(model: LinearAutoencoder, config: Any, *, device: torch.device, draw: int = 0) -> Arrays:
    """The same product from other factors: W₂C and C⁻¹W₁, C any matrix, or any rotation.

    "losses" (3,): of the trained pair, of the pair changed by a random C, and by a random rotation; "changes" (2,): how
    far W₂C is from W₂, relative to its size; "same" (2,): whether the loss is that of the trained pair, but for
    rounding; "c", "rotation" (latent, latent). Without weight decay the three losses are equal; with it only a rotation
    keeps the loss, since another C makes the weights larger. draw: which random C.
    """
    w1, w2 = _weights(model)
    rng = np.random.default_rng(draw)
    turn = gaussian.rotation(rng, config.latent)
    scale = rng.uniform(0.5, 2.0, config.latent)  # far from singular
    c = turn * scale @ gaussian.rotation(rng, config.latent)
    rotation = gaussian.rotation(rng, config.latent)
    samples = gaussian.geometric(config.ratio)
    pairs = [(w1, w2), (np.linalg.inv(c) @ w1, w2 @ c), (rotation.T @ w1, w2 @ rotation)]
    losses = np.array([loss_of(one, two, samples, config.weight_decay) for one, two in pairs])
    changes = np.array([np.linalg.norm(two - w2) / np.linalg.norm(w2) for _, two in pairs[1:]])
    same = np.isclose(losses[1:], losses[0], rtol=ROUNDING, atol=0.0)
    return Arrays(0, {"losses": losses, "changes": changes, "same": same, "c": c, "rotation": rotation})


def alignment(model: LinearAutoencoder, config: Any, *, device: torch.device, count: int = 20) -> Arrays:
    """How the decoder lies among the principal axes.

    "cosines" (count, latent): |cosine| between each of the first axes and each column of W₂; "variances" (count,): of
    the data along those axes; "kept" (count,): the share of each axis that W₂W₁ gives back, uᵀW₂W₁u. Raises ValueError
    for a count outside 1 to 100.
    """
    if not 1 <= count <= gaussian.DIMENSIONS:
        raise ValueError(f"count must be from 1 to {gaussian.DIMENSIONS}; got {count}. Try count=20.")
    w1, w2 = _weights(model)
    variances, axes = gaussian.principal(config.ratio)
    first = axes[:, :count]
    columns = w2 / np.maximum(np.linalg.norm(w2, axis=0), 1e-300)
    kept = ((first.T @ w2) * (w1 @ first).T).sum(axis=1)
    return Arrays(0, {"cosines": np.abs(first.T @ columns), "variances": variances[:count], "kept": kept})


def _weights(model: LinearAutoencoder) -> tuple[Numbers, Numbers]:
    """W₁ (latent, features) and W₂ (features, latent)."""
    w1, w2 = (one.weight.detach().double().cpu().numpy() for one in (model.encoder, model.decoder))
    return w1, w2


QUERIES: Mapping[str, Callable[..., Arrays]] = {"factorisations": factorisations, "alignment": alignment}
