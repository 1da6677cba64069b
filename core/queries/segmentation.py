"""How well a net names every pixel of a scene: IoU, what a trained net answers, and where its errors lie.

IoU of a class: pixels that prediction and target both give to it, over those that either does. A class that occurs in
neither has none (NaN) and is left out of every mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.pictures import as_float
from core.data.scenes import BACKGROUND, CLASSES, SIDE, scenes
from core.events import Arrays

Classes = NDArray[np.uint8]
Floats = NDArray[np.float64]
AT_EDGE = 1.5  # px: a pixel with a neighbour of another class, a diagonal one included (√2)
PIECE = 20  # scenes whose activations stay near a core
FARTHEST_INSIDE, FARTHEST_OUTSIDE = 4, 12  # px from an edge, the last bins; what is farther belongs to them
LEAST_PIXELS = 50  # of a bin that is shown


def classes_of(net: nn.Module, images: Tensor) -> Tensor:
    """The likeliest class of every pixel, uint8: (n, 1, h, w) -> (n, h, w), in evaluation mode, which is put back."""
    was_training = net.training
    net.eval()
    with torch.inference_mode():
        found = torch.cat([net(piece).argmax(dim=1).to(torch.uint8) for piece in images.split(PIECE)])
    net.train(was_training)
    return found


def confusion(target: Classes, predicted: Classes) -> NDArray[np.int64]:
    """(11, 11): how many pixels of each class (row) were called what (column)."""
    cells = target.astype(np.int64).ravel() * CLASSES + predicted.ravel()
    return np.bincount(cells, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def iou(counts: NDArray[np.int64]) -> Floats:
    """(11,) from a confusion matrix, 0 to 1; NaN for a class that is in neither prediction nor target."""
    both = np.diag(counts).astype(np.float64)
    either = counts.sum(axis=0) + counts.sum(axis=1) - both
    share: Floats = np.divide(both, either, out=np.full(CLASSES, np.nan), where=either > 0)
    return share


def mean_iou(classes: Floats) -> tuple[float, float]:
    """The mean over the classes that occur, and the same without the background; NaN where none occurs."""
    present = classes[np.isfinite(classes)]
    digits = classes[:BACKGROUND][np.isfinite(classes[:BACKGROUND])]
    mean, without = (float(one.mean()) if len(one) else float("nan") for one in (present, digits))
    return mean, without


def digit_accuracy(counts: NDArray[np.int64]) -> float:
    """Of the digits' pixels that were called some digit: in how many, in %, it is the right one. NaN for none."""
    found = counts[:BACKGROUND, :BACKGROUND]
    return 100.0 * float(np.trace(found)) / float(found.sum()) if found.sum() else float("nan")


def segment(
    model: nn.Module, config: Any, *, device: torch.device, index: int = 0, scene: Classes | None = None
) -> Arrays:
    """One test scene, or one of one's own (1, 60, 60) uint8: "image", "predicted" (60, 60), and its "classes".

    Of a test scene also "target" and the "iou" (11,) of this scene alone, NaN for what is in neither.
    """
    if scene is not None:
        image = np.asarray(scene)
        if image.shape != (1, SIDE, SIDE) or image.dtype != np.uint8:
            raise ValueError(
                f"A scene must be uint8 of shape (1, {SIDE}, {SIDE}); got {image.dtype} of shape {image.shape}."
            )
        predicted = _one(model, image, device)
        return Arrays(0, {"image": image[0], "predicted": predicted})
    test = scenes(config.dataset)["test"]
    if not 0 <= index < len(test.images):
        raise ValueError(f"index must be from 0 to {len(test.images) - 1}; got {index}. Try index=0.")
    predicted = _one(model, test.images[index : index + 1], device)
    target = test.targets[index]
    scores = iou(confusion(target, predicted))
    return Arrays(0, {"image": test.images[index], "target": target, "predicted": predicted, "iou": scores})


def edge(model: nn.Module, config: Any, *, device: torch.device) -> Arrays:
    """Errors on the test scenes against the distance to the nearest pixel of another class.

    "distance" (bins,) in px, rounded down, negative inside a digit and positive on the background; "strayed" and
    "mistaken" (bins,) in % of a bin's pixels: ink taken for background or the reverse, and one digit taken for another;
    "pixels" (bins,). Bins of fewer than 50 pixels are left out.
    """
    test = scenes(config.dataset)["test"]
    predicted = classes_of(model, as_float(torch.from_numpy(test.images[:, None]).to(device))).cpu().numpy()
    return Arrays(0, by_distance(test.targets, predicted, test.distances))


def by_distance(target: Classes, predicted: Classes, distance: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """What `edge` answers, of any prediction."""
    inside, found = target != BACKGROUND, predicted != BACKGROUND
    signed = np.where(
        inside, -np.clip(np.floor(distance), 1, FARTHEST_INSIDE), np.clip(np.floor(distance), 1, FARTHEST_OUTSIDE)
    )
    kinds = {"strayed": inside != found, "mistaken": inside & found & (target != predicted)}
    place = (signed + FARTHEST_INSIDE).astype(np.int64).ravel()
    bins = FARTHEST_INSIDE + FARTHEST_OUTSIDE + 1
    pixels = np.bincount(place, minlength=bins)
    shown = pixels >= LEAST_PIXELS
    shares = {
        name: 100.0 * np.bincount(place, weights=wrong.ravel(), minlength=bins)[shown] / pixels[shown]
        for name, wrong in kinds.items()
    }
    return {"distance": np.arange(bins)[shown] - FARTHEST_INSIDE, "pixels": pixels[shown], **shares}


def edge_accuracy(target: Classes, predicted: Classes, distance: NDArray[np.float32]) -> tuple[float, float]:
    """Right pixels in %: of those at an edge, and of all others."""
    right, near = target == predicted, distance < AT_EDGE
    return 100.0 * float(right[near].mean()), 100.0 * float(right[~near].mean())


def _one(model: nn.Module, image: Classes, device: torch.device) -> Classes:
    found: Classes = classes_of(model, as_float(torch.from_numpy(image[None]).to(device)))[0].cpu().numpy()
    return found
