"""What a net that was trained at some angles says of pictures at any other.

Each is a query on a trained net: f(model, config, device=..., ...) -> Arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data import squares
from core.data.pictures import as_float
from core.data.squares import Squares
from core.events import Arrays
from core.nn.rotate import Fill, rotate
from core.training import minibatches, percent_right, predict

BATCH = 100  # pictures turned and read at once: what they take stays in a core's cache
FIRST = 200  # pictures that are answered at once; the others follow
SHOWN = 12  # turned pictures that come with an answer
RIBBON_STEP = 5  # degrees
CORNERS_STEP = 30
CORNERS_PICTURES = 100  # four ways and twelve angles of each
WAYS: tuple[tuple[str, Fill, bool], ...] = (
    ("black", "black", False),
    ("mean", "mean", False),
    ("reflect", "reflect", False),
    ("mask", "black", True),
)


@dataclass(frozen=True)
class Turn:
    """How pictures are turned: what stands in the corners, and whether all is cut to the inscribed circle."""

    fill: Fill
    mask: bool
    colour: Tensor

    def __call__(self, images: Tensor, angle_deg: float | Tensor) -> Tensor:
        """Turned pictures as a net takes them: float from 0 to 1, channels last."""
        return as_float(self.pixels(images, angle_deg))

    def pixels(self, images: Tensor, angle_deg: float | Tensor) -> Tensor:
        """Turned pictures, uint8."""
        return rotate(images, angle_deg, fill=self.fill, colour=self.colour, mask=self.mask)


def pictures_of(config: Any) -> Squares:
    """The pictures this config names."""
    return squares.load(config.dataset, config.folder, train=config.train_pictures, test=config.test_pictures)


def turn_of(config: Any, found: Squares) -> Turn:
    """How this config turns them."""
    return Turn(config.fill if not config.mask else "black", config.mask, torch.from_numpy(found.mean))


def read(net: nn.Module, images: Tensor, angle_deg: float, turn: Turn) -> Tensor:
    """Logits (n, classes) of pictures (n, channels, 32, 32) uint8, all turned by one angle."""
    return torch.cat([predict(net, turn(images[piece], angle_deg), BATCH) for piece in minibatches(len(images), BATCH)])


def turned(
    model: nn.Module,
    config: Any,
    *,
    device: torch.device,
    angle_deg: float = 180.0,
    count: int = FIRST,
    offset: int = 0,
) -> Arrays:
    """Test pictures `offset` to `offset + count` at one angle.

    "accuracy" in %; "confusion" (classes, classes): how many of a class (row) were taken for which (column);
    "pictures" (up to 12, channels, 32, 32) uint8 as the net sees them, their "labels" and "probabilities"
    (…, classes); "classes": their names; "total": how many test pictures there are.
    Raises ValueError where there is no such picture.
    """
    found = pictures_of(config)
    total = len(found.test.labels)
    if count < 1 or not 0 <= offset < total:
        raise ValueError(f"There are test pictures 0 to {total - 1}; got {count} from {offset}. Try offset=0.")
    images = torch.from_numpy(found.test.images[offset : offset + count]).to(device)
    labels = found.test.labels[offset : offset + count]
    turn = turn_of(config, found)
    logits = read(model, images, angle_deg, turn)
    said = logits.argmax(dim=1).cpu().numpy()
    classes = len(found.classes)
    confusion = np.bincount(labels * classes + said, minlength=classes**2).reshape(classes, classes)
    arrays: dict[str, NDArray[np.generic]] = {
        "accuracy": np.float64(100.0 * (said == labels).mean()),  # type: ignore[dict-item]
        "confusion": confusion,
        "pictures": turn.pixels(images[:SHOWN], angle_deg).cpu().numpy(),
        "labels": labels[:SHOWN],
        "probabilities": logits[:SHOWN].softmax(dim=1).cpu().numpy(),
        "total": np.int64(total),  # type: ignore[dict-item]
        "classes": np.array(found.classes),
    }
    return Arrays(0, arrays)


def ribbon(
    model: nn.Module,
    config: Any,
    *,
    device: torch.device,
    index: int = 0,
    picture: NDArray[np.uint8] | None = None,
    step_deg: int = RIBBON_STEP,
) -> Arrays:
    """What the net says of one picture as it turns: "probabilities" (angles, classes) at "angles" (angles,) in degrees.

    index: of a test picture; picture: (channels, 32, 32) uint8 instead. "label": its class, −1 where nobody knows.
    "pictures": it at 0, 45, … 315°; "classes": their names.
    Raises ValueError for a picture that is not there or of another shape.
    """
    found = pictures_of(config)
    image, label = squares.picked(found, index, picture)
    angles = np.arange(0, 360, step_deg)
    turn = turn_of(config, found)
    copies = torch.from_numpy(image).to(device).expand(len(angles), -1, -1, -1)
    logits = predict(model, turn(copies, torch.from_numpy(angles.astype(np.float32))), BATCH)
    eighths = torch.arange(0, 360, 45, dtype=torch.float32)
    arrays: dict[str, NDArray[np.generic]] = {
        "angles": angles,
        "probabilities": logits.softmax(dim=1).cpu().numpy(),
        "pictures": turn.pixels(copies[:8], eighths).cpu().numpy(),
        "label": np.int64(label),  # type: ignore[dict-item]
        "classes": np.array(found.classes),
    }
    return Arrays(0, arrays)


def corners(model: nn.Module, config: Any, *, device: torch.device, count: int = CORNERS_PICTURES) -> Arrays:
    """Accuracy in % with each way of filling the corners when tested, whatever the net was trained with.

    "accuracy" (ways, angles, 1), ways as in WAYS; "angles": every 30°; "count": of test pictures.
    """
    found = pictures_of(config)
    images = torch.from_numpy(found.test.images[:count]).to(device)
    labels = torch.from_numpy(found.test.labels[:count]).to(device)
    angles = np.arange(0, 360, CORNERS_STEP)
    accuracy = np.empty((len(WAYS), len(angles)))
    for row, (_, fill, mask) in enumerate(WAYS):
        turn = Turn(fill, mask, torch.from_numpy(found.mean))
        for column, angle in enumerate(angles):
            accuracy[row, column] = percent_right(read(model, images, float(angle), turn).argmax(dim=1), labels)
    return Arrays(0, {"accuracy": accuracy, "angles": angles, "count": np.int64(len(labels))})  # type: ignore[dict-item]
