"""What a trained vision transformer looks at: attention maps, rollout, how far heads look, and shuffled patches.

Each is a query: f(model, config, device=..., ...) -> Arrays. Pictures are of the test part, which no net has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data import pictures, squares
from core.data.labelled import SIDE, Split
from core.data.squares import Squares
from core.events import Arrays
from core.nn.vit import VisionTransformer, shuffled
from core.training import minibatches, percent_right, predict

BATCH = 100  # pictures read at once
SHOWN = 12  # pictures that come with their shuffled copies
FAR_PICTURES = 100  # over which distances are averaged
SHUFFLED_PATCH = 8  # px, of nets that have no patches of their own

Numbers = NDArray[np.float64]


def pictures_of(config: Any) -> Squares:
    """The pictures this config names: so many of each class to train on, so many to test on."""
    found = squares.load(config.dataset, config.folder, test=config.test_pictures)
    rows = first_of_each(found.train.labels, config.images_per_class)
    train = Split(found.train.images[rows], found.train.labels[rows])
    return Squares(train, found.test, found.classes, found.mean)


def first_of_each(labels: NDArray[np.int64], count: int) -> NDArray[np.intp]:
    """Places of the first `count` of every class, in order; 0: of all. Fewer are a part of more."""
    if not count:
        return np.arange(len(labels))
    return np.sort(np.concatenate([np.flatnonzero(labels == one)[:count] for one in np.unique(labels)]))


def prepared(images: Tensor) -> Tensor:
    """uint8 to float32 from −1 to 1, as a net takes them."""
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def patch_of(config: Any) -> int:
    """Side in px of the patches that are shuffled."""
    return int(config.patch) if config.net == "vit" else SHUFFLED_PATCH


def read(net: nn.Module, images: Tensor) -> Tensor:
    """Logits (n, classes) of pictures (n, channels, 32, 32) uint8."""
    return torch.cat([predict(net, prepared(images[piece]), BATCH) for piece in minibatches(len(images), BATCH)])


def attention(
    model: nn.Module,
    config: Any,
    *,
    device: torch.device,
    index: int = 0,
    picture: NDArray[np.uint8] | None = None,
) -> Arrays:
    """What every token of one picture attends to.

    index: of a test picture; picture: (channels, 32, 32) uint8 instead, made as coarse as the digits where those are
    what was learnt. "weights" (layers, heads, n, n), rows sum to one; "rollout" (layers, cells): what of the picture
    has reached the answer after each layer, sums to one; "distance" (layers, heads) in patches; "picture" (channels,
    32, 32) uint8; "probabilities" (classes,); "label": its class, −1 where nobody knows; "classes": their names;
    "class tokens": how many stand before those of the patches.
    Raises ValueError for a net without attention, and for a picture that is not there or of another shape.
    """
    net = _transformer(model)
    found = pictures_of(config)
    image, label = squares.picked(found, index, picture)
    if picture is not None and config.dataset == "digits":
        image = as_digit(image)
    logits, weights = attended(net, torch.from_numpy(image[None]).to(device))
    each = weights[0].cpu().double().numpy()
    arrays: dict[str, NDArray[np.generic]] = {
        "weights": each.astype(np.float32),
        "rollout": rollout(each, net.class_tokens),
        "distance": distance(each[None], net.across, net.class_tokens),
        "picture": image,
        "probabilities": logits[0].softmax(dim=0).cpu().numpy(),
        "label": np.int64(label),  # type: ignore[dict-item]
        "classes": np.array(found.classes),
        "class tokens": np.int64(net.class_tokens),  # type: ignore[dict-item]
    }
    return Arrays(0, arrays)


def distances(model: nn.Module, config: Any, *, device: torch.device, count: int = FAR_PICTURES) -> Arrays:
    """How far heads look, in the mean over the first test pictures.

    "distance" (layers, heads) in patches; "even": of a head that looks at all patches alike; "patch": side in px;
    "count": of pictures. Raises ValueError for a net without attention.
    """
    net = _transformer(model)
    images = torch.from_numpy(pictures_of(config).test.images[:count]).to(device)
    cells = net.across**2
    arrays: dict[str, NDArray[np.generic]] = {
        "distance": far(net, images),
        "even": distance(np.full((1, 1, 1, cells, cells), 1 / cells), net.across, 0)[0, 0],
        "patch": np.int64(net.patch),  # type: ignore[dict-item]
        "count": np.int64(len(images)),  # type: ignore[dict-item]
    }
    return Arrays(0, arrays)


def jumbled(model: nn.Module, config: Any, *, device: torch.device) -> Arrays:
    """Test pictures with their patches in a random order, one for each picture, the same for every net.

    "accuracy", "shuffled accuracy" in % on all test pictures; of the first 12: "pictures", "shuffled pictures"
    (12, channels, 32, 32) uint8, "labels" (12,), "said", "said shuffled" (12,); "classes": their names.
    """
    found = pictures_of(config)
    images, labels = torch.from_numpy(found.test.images).to(device), torch.from_numpy(found.test.labels).to(device)
    mixed = shuffled(images, patch_of(config))
    said, said_mixed = (read(model, one).argmax(dim=1) for one in (images, mixed))
    arrays: dict[str, NDArray[np.generic]] = {
        "accuracy": np.float64(percent_right(said, labels)),  # type: ignore[dict-item]
        "shuffled accuracy": np.float64(percent_right(said_mixed, labels)),  # type: ignore[dict-item]
        "pictures": images[:SHOWN].cpu().numpy(),
        "shuffled pictures": mixed[:SHOWN].cpu().numpy(),
        "labels": found.test.labels[:SHOWN],
        "said": said[:SHOWN].cpu().numpy(),
        "said shuffled": said_mixed[:SHOWN].cpu().numpy(),
        "classes": np.array(found.classes),
    }
    return Arrays(0, arrays)


def far(model: nn.Module, images: Tensor) -> Numbers:
    """(layers, heads): how far heads look, in patches, in the mean over pictures in uint8."""
    net, found = _transformer(model), []
    for piece in minibatches(len(images), BATCH):
        weights = attended(net, images[piece])[1].cpu().double().numpy()
        found.append(distance(weights, net.across, net.class_tokens) * len(weights))
    mean: Numbers = np.sum(found, axis=0) / len(images)
    return mean


@torch.inference_mode()
def attended(net: VisionTransformer, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (n, classes) and weights (n, layers, heads, tokens, tokens) of pictures in uint8."""
    return net.forward_with_weights(prepared(images))


def rollout(weights: Numbers, class_tokens: int) -> Numbers:
    """(layers, heads, n, n) -> (layers, cells): how much of every patch has reached what is read, after each layer.

    Sums to one, or is 0 where nothing has. Heads are averaged; half of a token stays where it is, through the path
    around the attention; layers are multiplied. What is read is the class token, else the mean of all; what the class
    token keeps of itself is left out.
    Source: Abnar & Zuidema, ACL 2020, section 3.
    """
    tokens = weights.shape[-1]
    passed, rows = np.eye(tokens), []
    for layer in (weights.mean(axis=1) + np.eye(tokens)) / 2:
        passed = layer @ passed
        row = (passed[0] if class_tokens else passed.mean(axis=0))[class_tokens:]
        rows.append(row / row.sum() if row.any() else row)
    return np.stack(rows)


def distance(weights: Numbers, across: int, class_tokens: int) -> Numbers:
    """(pictures, layers, heads, n, n) -> (layers, heads): how far patches look, in patches, weighted by attention.

    From patch to patch; what goes to the class token is left out, and a patch that takes from nothing else counts as
    looking at itself. Source: Dosovitskiy et al., ICLR 2021, figure 7.
    """
    places = np.stack(np.divmod(np.arange(across**2), across), axis=1)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)  # (cells, cells)
    between = weights[..., class_tokens:, class_tokens:]
    whole = between.sum(axis=-1)
    each = np.divide((between * apart).sum(axis=-1), whole, out=np.zeros_like(whole), where=whole != 0)
    found: Numbers = each.mean(axis=(0, 3))
    return found


def as_digit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(1, 32, 32) as one of the digits: the mean of every 4×4 pixels, in 17 levels, enlarged again as those are."""
    coarse = image.reshape(1, 8, SIDE // 8, 8, SIDE // 8).mean(axis=(2, 4))
    levels = np.round(np.round(coarse * (16 / 255)) * (255 / 16)).astype(np.uint8)
    image = pictures.fitted(levels[None])[0]
    return image


def _transformer(model: nn.Module) -> VisionTransformer:
    if not isinstance(model, VisionTransformer):
        raise ValueError("This net is a CNN, which has no attention to show. Train a transformer (knob Net).")
    return model


QUERIES: Mapping[str, Callable[..., Arrays]] = {"attention": attention, "distances": distances, "jumbled": jumbled}
