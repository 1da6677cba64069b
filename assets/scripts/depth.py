"""Depth and residual connections: trains the plain or residual net of He et al. (2015, section 4.2), one line an epoch.

Needs torch and numpy, scikit-learn for the digits, torchvision for the other data sets, which are read from and
downloaded to the folder `datasets`; a folder of one's own lies there too: <folder>/train/<class>/*.png and test. The
weights that LayerLab exports fit `Net`. On a CPU one thread works, as there: it changes the last digits of a number.
"""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
LAYERS = 20  # Layers: 8, 14, 20, 26, 32, 38, 44, 50, 56
RESIDUAL = False  # Residual connections
BATCH_NORM = True  # Batch normalisation
DATASET = "digits"  # Pictures: digits, mnist, fashion, cifar10, folder
FOLDER = ""  # Folder of pictures
TRAIN_PICTURES = 1000  # Training pictures
WIDTH = 8  # Width, channels
LEARNING_RATE = 0.1  # Learning rate
BATCH_SIZE = 32  # Batch size, pictures
EPOCHS = 16  # Epochs
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

ROOT = Path("datasets")
SIDE = 8 if DATASET == "digits" else 32
KINDS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def read_folder() -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test pictures (n, 3, 32, 32) of one's own, the middle square of each, and their classes' numbers."""
    from PIL import Image, ImageOps

    found, classes = [], None
    for split in ("train", "test"):
        folders = sorted(one for one in (ROOT / FOLDER / split).iterdir() if one.is_dir() and one.name[0] != ".")
        files = [(one.name, file) for one in folders for file in sorted(one.iterdir())]
        files = [(name, file) for name, file in files if file.suffix.lower() in KINDS]
        classes = classes or sorted({name for name, _ in files})
        images = []
        for _, file in files:
            image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
            images.append(np.asarray(ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.BOX)).transpose(2, 0, 1))
        found.append((np.stack(images), np.array([classes.index(name) for name, _ in files])))
    return found


def read() -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test pictures (n, c, h, w), 0 to 255, and their classes."""
    if DATASET == "folder":
        return read_folder()
    if DATASET == "digits":
        from sklearn.datasets import load_digits

        found = load_digits()
        images = np.round(found.images[:, None] * (255 / 16)).astype(np.uint8)
        return [(images[:-360], found.target[:-360]), (images[-360:], found.target[-360:])]
    from torchvision import datasets

    kind = {"mnist": datasets.MNIST, "fashion": datasets.FashionMNIST, "cifar10": datasets.CIFAR10}[DATASET]
    splits = [kind(ROOT, train=train, download=True) for train in (True, False)]
    images = [np.asarray(one.data) for one in splits]
    images = [one[:, None] if one.ndim == 3 else one.transpose(0, 3, 1, 2) for one in images]
    frame = (SIDE - images[0].shape[2]) // 2
    images = [np.pad(one, ((0, 0), (0, 0), (frame, frame), (frame, frame))) for one in images]
    return [(one, np.asarray(split.targets)) for one, split in zip(images, splits, strict=True)]


def prepare() -> tuple[list[tuple[torch.Tensor, torch.Tensor]], int]:
    """Standardised pictures and classes of both splits, chosen once; and how many classes there are."""
    splits = []
    for (images, labels), most in zip(read(), (TRAIN_PICTURES, 1000), strict=True):
        places = np.random.default_rng(0).permutation(len(labels))[:most]
        splits.append((images[places], labels[places]))
    inner = slice(2, 30) if DATASET in ("mnist", "fashion") else slice(None)  # the frame does not count
    values = splits[0][0][..., inner, inner] / np.float32(255)
    mean, std = (torch.from_numpy(one)[:, None, None] for one in (values.mean((0, 2, 3)), values.std((0, 2, 3))))
    made = []
    for images, labels in splits:
        floats = torch.from_numpy(images).float().div_(255).contiguous(memory_format=torch.channels_last)
        made.append((((floats - mean) / std.clamp(min=1e-3)).to(DEVICE), torch.from_numpy(labels).long().to(DEVICE)))
    return made, int(splits[0][1].max()) + 1 if DATASET == "folder" else 10


class Layer(nn.Module):
    """A 3x3 convolution, then batch normalisation, else a bias."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=not BATCH_NORM)
        self.norm = nn.BatchNorm2d(outputs) if BATCH_NORM else nn.Identity()
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        if not BATCH_NORM:
            nn.init.zeros_(self.convolution.bias)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """The response before its ReLU."""
        return self.norm(self.convolution(maps))


class Block(nn.Module):
    """Two layers; a residual block adds its input: where the shape changes every second pixel of it, and zeros."""

    def __init__(self, inputs: int, outputs: int, scale: float) -> None:
        super().__init__()
        self.stride, self.extra, self.scale = outputs // inputs, outputs - inputs, scale
        self.first, self.second = Layer(inputs, outputs, self.stride), Layer(outputs, outputs, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(batch, inputs, h, w) -> (batch, outputs, h / stride, w / stride)."""
        response = self.second(torch.relu(self.first(maps)))
        if RESIDUAL:
            shortcut = F.pad(maps[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))
            response = torch.add(shortcut, response, alpha=self.scale)
        return torch.relu(response)


class Net(nn.Module):
    """6n + 2 layers: one convolution, three stages of n blocks, a linear layer on the mean over the places."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        blocks = (LAYERS - 2) // 2
        self.stem = Layer(inputs, WIDTH, 1)
        widths = [WIDTH, *(WIDTH * 2**stage for stage in range(3) for _ in range(blocks // 3))]
        scale = 1.0 if BATCH_NORM else 1 / math.sqrt(blocks)
        self.blocks = nn.Sequential(*(Block(*pair, scale) for pair in pairwise(widths)))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, c, h, w) -> (n, classes) logits."""
        return self.head(self.blocks(torch.relu(self.stem(images))).mean(dim=(-2, -1)))


def error(net: Net, images: torch.Tensor, labels: torch.Tensor) -> float:
    """In %, in evaluation mode."""
    net.eval()
    with torch.inference_mode():
        answers = torch.cat([net(piece).argmax(1) for piece in images.split(50)])
    net.train()
    return 100 * (answers != labels).double().mean().item()


def train(seed: int, data: list[tuple[torch.Tensor, torch.Tensor]], classes: int) -> None:
    """Train one net; the rate falls to a tenth after half of the epochs, to a hundredth after three quarters."""
    (images, labels), test = data
    torch.manual_seed(seed)
    net = Net(images.shape[1], classes).to(DEVICE, memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(net.parameters(), LEARNING_RATE, momentum=0.9, weight_decay=1e-4)
    order = torch.Generator().manual_seed(seed)
    for epoch in range(EPOCHS):
        drop = 0.01 if epoch / EPOCHS >= 0.75 else 0.1 if epoch / EPOCHS >= 0.5 else 1.0
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * (drop if BATCH_NORM else drop * 0.1)
        losses = []
        for batch in torch.randperm(len(images), generator=order).split(BATCH_SIZE):
            optimiser.zero_grad()
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        print(f"seed={seed} epoch={epoch + 1} training_loss={torch.stack(losses).mean().item():.6f}", end=" ")
        training = error(net, images[:500], labels[:500])
        print(f"training_error={training:.4f} test_error={error(net, *test):.4f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    data, classes = prepare()
    for seed in SEEDS:
        train(seed, data, classes)
