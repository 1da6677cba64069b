"""Rotation: trains a small CNN on upright or turned pictures and tests it at every angle, one line a measurement.

Needs torch and numpy; the built-in digits need scikit-learn, the other pictures torchvision and, in
$LAYERLAB_DATASETS or ./data, their files. The weights that LayerLab exports fit `Net`. As there, on a CPU one thread
works and a batch goes through in pieces of 32 pictures: both change the last digits of a number.
"""

import math
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
DATASET = "digits"  # Pictures: digits, mnist, fashion, cifar10, folder
FOLDER = ""  # Folder of pictures
TRAIN_ROTATION = 0  # Training rotation range, °
FILL = "black"  # Corners of a turned picture: black, mean, reflect
MASK = False  # Circular mask
TRAIN_PICTURES = 5000  # Training pictures, 0: all
TEST_PICTURES = 1000  # Test pictures, 0: all
LEARNING_RATE = 0.001  # Learning rate
BATCH_SIZE = 64  # Batch size, images
EPOCHS = 10  # Epochs
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

ROOT = os.environ.get("LAYERLAB_DATASETS", "data")
PIECE = 32 if DEVICE == "cpu" else BATCH_SIZE


def load() -> list[tuple[np.ndarray, np.ndarray]]:
    """Images (n, channels, h, w) uint8 and labels, to train and to test on."""
    if DATASET == "digits":
        from sklearn.datasets import load_digits

        found = load_digits()
        images = np.round(found.images[:, None] * (255 / 16)).astype(np.uint8)
        return [(images[:-360], found.target[:-360]), (images[-360:], found.target[-360:])]
    from torchvision import datasets

    if DATASET == "folder":
        from PIL import Image, ImageOps

        def square(picture: Image.Image) -> np.ndarray:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            return np.asarray(ImageOps.fit(upright, (32, 32), Image.Resampling.BOX)).transpose(2, 0, 1)

        splits = [datasets.ImageFolder(os.path.join(ROOT, FOLDER, split), square) for split in ("train", "test")]
        return [(np.stack([image for image, _ in split]), np.array(split.targets)) for split in splits]
    kind = {"mnist": datasets.MNIST, "fashion": datasets.FashionMNIST, "cifar10": datasets.CIFAR10}[DATASET]
    splits = [kind(ROOT, train=train, download=True) for train in (True, False)]
    arrays = [(np.asarray(split.data), np.asarray(split.targets)) for split in splits]
    return [(one[:, None] if one.ndim == 3 else one.transpose(0, 3, 1, 2), labels) for one, labels in arrays]


def fit(images: np.ndarray) -> torch.Tensor:
    """32x32: enlarged by a whole factor, then framed in black."""
    pixels, side = torch.from_numpy(np.ascontiguousarray(images)), images.shape[-1]
    if side <= 16:
        side *= 32 // side
        pixels = F.interpolate(pixels.float(), (side, side), mode="bilinear").round().to(torch.uint8)
    edge = 32 - side
    return F.pad(pixels, (edge // 2, edge - edge // 2, edge // 2, edge - edge // 2))


def chosen(images: np.ndarray, labels: np.ndarray, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A fixed random choice, on the device."""
    order = np.random.default_rng(0).permutation(len(labels))[: count or None]
    return fit(images[order]).to(DEVICE), torch.from_numpy(labels[order].astype(np.int64)).to(DEVICE)


def turn(images: torch.Tensor, angles: float | torch.Tensor) -> torch.Tensor:
    """Turned counter-clockwise, in whole levels, then from 0 to 1. angles: degrees, one for all or one each."""
    values = images.float()
    if isinstance(angles, torch.Tensor):
        radians = torch.deg2rad(angles.to(DEVICE))
        cos, sin, zero = radians.cos(), radians.sin(), torch.zeros_like(radians)
        theta = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
    else:
        cos, sin = math.cos(math.radians(angles)), math.sin(math.radians(angles))
        theta = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]], device=DEVICE)
    if isinstance(angles, torch.Tensor) or angles:
        grid = F.affine_grid(theta, [len(theta), 1, 32, 32], align_corners=True).expand(len(images), -1, -1, -1)
        level = MEAN if FILL == "mean" and not MASK else torch.zeros_like(MEAN)
        border = "reflection" if FILL == "reflect" and not MASK else "zeros"
        values = F.grid_sample(values - level, grid, padding_mode=border, align_corners=True) + level
    return (values * CIRCLE).round().div(255).contiguous(memory_format=torch.channels_last)


class Net(nn.Module):
    """Three 3x3 convolutions, each with 2x2 pooling, and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        layers = []
        for inputs, outputs in ((len(MEAN), 32), (32, 64), (64, 64)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, CLASSES))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, channels, 32, 32) -> (n, classes) logits."""
        return self.head(self.features(images).flatten(1))


def accuracy(net: Net, images: torch.Tensor, labels: torch.Tensor, angle: float) -> float:
    """In %, all pictures turned by one angle."""
    with torch.inference_mode():
        said = torch.cat([net(turn(piece, angle)).argmax(1) for piece in images.split(100)])
    return 100 * (said == labels).double().mean().item()


def train(seed: int) -> None:
    """Train one net, then measure it at every angle."""
    torch.manual_seed(seed)
    net = Net().to(DEVICE).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    stream = torch.Generator().manual_seed(seed)
    for epoch in range(1, EPOCHS + 1):
        order = torch.randperm(len(LABELS), generator=stream)
        angles, losses = TRAIN_ROTATION * torch.rand(len(LABELS), generator=stream), []
        for rows, degrees in zip(order.split(BATCH_SIZE), angles.split(BATCH_SIZE), strict=True):
            seen, answers = turn(IMAGES[rows], degrees if TRAIN_ROTATION else 0.0), LABELS[rows]
            optimiser.zero_grad()
            losses.append(torch.zeros((), device=DEVICE))
            for piece, right in zip(seen.split(PIECE), answers.split(PIECE), strict=True):
                loss = F.cross_entropy(net(piece), right, reduction="sum") / len(seen)
                loss.backward()
                losses[-1] += loss.detach()
            optimiser.step()
        found = {angle: accuracy(net, TEST[:100], TEST_LABELS[:100], angle) for angle in range(0, 360, 30)}
        coarse = " ".join(f"accuracy_at_{angle}={value:.4f}" for angle, value in found.items())
        print(f"seed={seed} epoch={epoch} training_loss={torch.stack(losses).mean():.6f} {coarse}", end=" ")
        print(f"mean_accuracy_over_angles={np.mean(list(found.values())):.4f}", flush=True)
    found = {}
    for index, angle in enumerate(range(0, 360, 5), start=1):
        found[angle] = accuracy(net, TEST, TEST_LABELS, angle)
        print(f"seed={seed} epoch={EPOCHS + index / 72} accuracy_at_{angle}={found[angle]:.4f}", flush=True)
    mean = np.mean(list(found.values()))
    print(f"seed={seed} epoch={EPOCHS + 1} mean_accuracy_over_angles={mean:.4f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    (IMAGES, LABELS), (TEST, TEST_LABELS) = (
        chosen(*split, count) for split, count in zip(load(), (TRAIN_PICTURES, TEST_PICTURES), strict=True)
    )
    colour = IMAGES.cpu().numpy().mean(axis=(0, 2, 3), dtype=np.float64).astype(np.float32)
    MEAN = torch.from_numpy(colour).to(DEVICE)[:, None, None]  # of the training pictures, in levels
    CLASSES = int(LABELS.max()) + 1 if DATASET == "folder" else 10
    offset = torch.arange(32) - 15.5
    inside = offset[:, None] ** 2 + offset**2 <= 15.5**2
    CIRCLE = (inside if MASK else torch.ones(32, 32)).to(DEVICE)
    for seed in SEEDS:
        train(seed)
