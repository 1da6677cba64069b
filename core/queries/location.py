"""Three direct measurements of what a red–green net knows about absolute location.

Each is a query on a trained net: f(model, config, device=..., ...) -> Arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.data import red_green
from core.data.red_green import SIZE, SQUARE, Pairs
from core.events import Arrays
from core.nn.padded import RedGreenNet
from core.training import predict

TEMPLATES = 6  # pairs of different width and tilt, averaged at every place
FOLDS = 5
PROBE_PAIRS = 300

_controls: dict[tuple[str, str, str], NDArray[np.float32]] = {}  # of untrained nets, by conv, head and device


def position_accuracy(
    model: RedGreenNet, config: Any, *, device: torch.device, row_step: int = 1, column_step: int = 2
) -> Arrays:
    """Accuracy in % over where the pair stands: "accuracy" (class, rows, columns), "rows" and "columns" in pixels.

    rows: top edge of the left square; columns: its left edge. Every place averages the same pairs (relative positions),
    so that nothing but the place differs between two cells.
    """
    rng = np.random.default_rng(0)
    gap = rng.integers(SQUARE + 1, 12, TEMPLATES)  # from left edge to left edge, as in the data: at least 5
    tilt = rng.integers(-4, 5, TEMPLATES)
    rows = np.arange(0, SIZE - SQUARE + 1, row_step)
    columns = np.arange(0, SIZE - SQUARE - int(gap.max()) + 1, column_step)
    # (rows, columns, templates, 2 classes) flattened; class alternates fastest, as Pairs.labels expects
    row, column, template, _ = np.meshgrid(rows, columns, np.arange(TEMPLATES), np.arange(2), indexing="ij")
    y_right = np.clip(row + tilt[template], 0, SIZE - SQUARE)
    pairs = Pairs(column.ravel(), row.ravel(), (column + gap[template]).ravel(), y_right.ravel())
    split = red_green.render(pairs)
    logits = predict(model, torch.from_numpy(split.images).to(device, memory_format=torch.channels_last))
    right = (logits.argmax(dim=1).cpu().numpy() == split.labels).reshape(row.shape)
    accuracy = 100.0 * right.mean(axis=2).transpose(2, 0, 1)
    return Arrays(0, {"accuracy": accuracy.astype(np.float32), "rows": rows, "columns": columns})


def location_probe(model: RedGreenNet, config: Any, *, device: torch.device) -> Arrays:
    """How well a linear probe tells top from bottom half, from the global maxima of each layer's channels.

    Every pair stands in both halves, so class and place are independent. "trained" and "untrained" (layer, fold):
    accuracy in % on held-out pairs. The untrained net is the control: what its padding leaks before any learning.
    """
    split = red_green.splits("fresh")
    top = red_green.render(red_green.draw(2 * PROBE_PAIRS, red_green.SEED + 2))
    images = np.concatenate([top.images[:PROBE_PAIRS], split["swapped"].images[:PROBE_PAIRS]])
    low = np.concatenate([top.labels[:PROBE_PAIRS], 1 - top.labels[:PROBE_PAIRS]])  # class 1 stands low, swapped: high
    groups = np.tile(np.arange(PROBE_PAIRS), 2)
    on_device = torch.from_numpy(images).to(device, memory_format=torch.channels_last)

    def control() -> NDArray[np.float32]:
        torch.manual_seed(0)
        fresh = RedGreenNet(config.conv, config.head).to(device).to(memory_format=torch.channels_last)
        return _probe_layers(fresh, on_device, low, groups)

    kind = (config.conv, config.head, device.type)
    if kind not in _controls:  # the same for every net of this kind, at every moment
        _controls[kind] = control()
    return Arrays(0, {"trained": _probe_layers(model, on_device, low, groups), "untrained": _controls[kind]})


def border_response(model: RedGreenNet, config: Any, *, device: torch.device, layer: int = 4) -> Arrays:
    """The strongest response of every filter of a layer while a square slides off the image.

    "position" (positions,): top edge of a 4×4 square, in pixels, from wholly above the image (-4) to wholly below it;
    "red" and "green" (positions, channels): the maximum over the map when the square has that colour; "channel": the
    filter whose response to red changes most while the whole square is still on the image.
    """
    layers = len(model.convolutions)
    if not 1 <= layer <= layers:
        raise ValueError(f"layer must be from 1 to {layers}; got {layer}. Try layer={layers}.")
    position = np.arange(-SQUARE, SIZE + 1)
    images = np.zeros((2, len(position), 3, SIZE, SIZE), dtype=np.float32)
    column = (SIZE - SQUARE) // 2
    for colour in range(2):
        for index, top in enumerate(position):
            images[colour, index, colour, max(top, 0) : max(top + SQUARE, 0), column : column + SQUARE] = 1.0
    on_device = torch.from_numpy(images.reshape(-1, 3, SIZE, SIZE)).to(device, memory_format=torch.channels_last)
    with torch.inference_mode():
        strongest = model.feature_maps(on_device)[layer - 1].amax(dim=(-2, -1)).cpu().numpy()
    red, green = strongest.reshape(2, len(position), -1)
    whole = (position >= 0) & (position <= SIZE - SQUARE)
    channel = np.ptp(red[whole], axis=0).argmax()
    return Arrays(0, {"position": position, "red": red, "green": green, "channel": channel})


def _probe_layers(
    model: RedGreenNet, images: torch.Tensor, low: NDArray[np.int64], groups: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(layer, fold) held-out accuracy in %; a pair's two places always share a fold."""
    with torch.inference_mode():
        features = [maps.amax(dim=(-2, -1)).cpu().numpy() for maps in model.feature_maps(images)]
    scores = [_probe(layer, low, groups) for layer in features]
    return np.array(scores, dtype=np.float32)


def _probe(features: NDArray[np.float32], low: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """(fold,) held-out accuracy of logistic regression on standardised features, in %."""
    # Imported late: every worker would pay seconds for it, and few are asked.
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # Newton's method: a few steps on so few features, where the default takes a hundred.
    probe = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    scores: NDArray[np.float64] = cross_val_score(probe, features, low, groups=groups, cv=GroupKFold(FOLDS))
    return 100.0 * scores
