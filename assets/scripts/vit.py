"""Attention to pictures: trains a small vision transformer, or a CNN in the same loop, one line an epoch.

Needs torch and numpy; the built-in digits need scikit-learn, the other pictures torchvision and, in
$LAYERLAB_DATASETS or ./data, their files. The weights that LayerLab exports fit `Transformer` and `Cnn`. As there, on
a CPU one thread works, and a batch goes through in pieces of 64 pictures (CNN: 32): both change the last digits.
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
NET = "vit"  # Net: vit, cnn
KERNEL = "softmax"  # Attention kernel: softmax, linear, quadratic, cosine, rbf, favor
POSITIONS = "absolute"  # Positions: none, absolute, rotary
PATCH = 8  # Patch size: 4, 8, 16
HEADS = 4  # Heads: 1, 2, 4, 8
DEPTH = 3  # Layers
WIDTH = 64  # Width: 32, 48, 64, 96, 128
POOLING = "mean"  # What is read at the end: class token, mean
IMAGES_PER_CLASS = 1000  # Training pictures a class, 0: all
AUGMENT = True  # Small distortions
TEST_PICTURES = 1000  # Test pictures, 0: all
LEARNING_RATE = 0.003  # Learning rate
WEIGHT_DECAY = 0.05  # Weight decay
BATCH_SIZE = 64  # Batch size, pictures
EPOCHS = 60  # Epochs
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

ROOT = os.environ.get("LAYERLAB_DATASETS", "data")
PIECE = {"vit": 64, "cnn": 32}[NET] if DEVICE == "cpu" else BATCH_SIZE
CUT = PATCH if NET == "vit" else 8  # px, of the patches that are shuffled


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


def mixed(images: np.ndarray, labels: np.ndarray, count: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """In a fixed random order, on the device."""
    order = np.random.default_rng(0).permutation(len(labels))[: count or None]
    return fit(images[order]).to(DEVICE), torch.from_numpy(labels[order].astype(np.int64)).to(DEVICE)


def prepared(images: torch.Tensor) -> torch.Tensor:
    """From -1 to 1."""
    return images.float().div(127.5).sub(1.0)


def nudged(images: torch.Tensor, stream: torch.Generator) -> torch.Tensor:
    """Each shifted by up to 2 px, turned by up to 10 degrees, stretched, slanted, and made brighter or darker."""
    drawn = 2 * torch.rand(len(images), 7, generator=stream) - 1
    angle, slant = math.radians(10) * drawn[:, 0], 0.15 * drawn[:, 5]
    shift, stretch = 4 / 32 * drawn[:, 1:3], (0.1 * drawn[:, 3:5]).exp()
    cos, sin = angle.cos(), angle.sin()
    across = [cos * stretch[:, 0], (cos * slant - sin) * stretch[:, 1], shift[:, 0]]
    down = [sin * stretch[:, 0], (sin * slant + cos) * stretch[:, 1], shift[:, 1]]
    theta = torch.stack(across + down, 1).view(-1, 2, 3).to(DEVICE)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return ((moved + 1) * (0.3 * drawn[:, 6]).exp().to(DEVICE)[:, None, None, None]).clamp_max(2) - 1


def patches(images: torch.Tensor, size: int) -> torch.Tensor:
    """(n, c, 32, 32) -> (n, tokens, c * size * size)."""
    cells = images.unflatten(2, (-1, size)).unflatten(4, (-1, size))  # (n, c, rows, size, columns, size)
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def shuffled(images: torch.Tensor) -> torch.Tensor:
    """Every picture with its patches in a random order of its own, always the same."""
    count, channels, across = len(images), images.shape[1], 32 // CUT
    tokens = patches(images, CUT)
    order = torch.rand(count, across**2, generator=torch.Generator().manual_seed(0)).argsort(1).to(DEVICE)
    tokens = tokens[torch.arange(count, device=DEVICE)[:, None], order]
    cells = tokens.reshape(count, across, across, channels, CUT, CUT).permute(0, 3, 1, 4, 2, 5)
    return cells.reshape(count, channels, 32, 32)


def favor_directions(width: int, features: int = 64) -> torch.Tensor:
    """Blocks of orthogonal directions, each as long as a normal vector."""
    stream = torch.Generator().manual_seed(0)
    squares = torch.randn(-(-features // width), width, width, generator=stream, dtype=torch.float64)
    lengths = torch.randn(features, width, generator=stream, dtype=torch.float64).norm(dim=1, keepdim=True)
    return torch.linalg.qr(squares)[0].mT.flatten(0, 1)[:features] * lengths


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Every token's weighted mean of the values: (batch, heads, n, d)."""
    width = q.shape[-1]
    if KERNEL == "softmax":
        return (q @ k.mT / math.sqrt(width)).softmax(-1) @ v
    if KERNEL == "rbf":
        apart = q.square().sum(-1, keepdim=True) + k.square().sum(-1)[..., None, :] - 2 * q @ k.mT
        return (-apart.clamp_min(0) / (2 * math.sqrt(width))).softmax(-1) @ v
    if KERNEL == "quadratic":
        pairs = (q @ k.mT / math.sqrt(width) + 1) ** 2
    elif KERNEL == "cosine":
        pairs = 1.01 + F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT
    elif KERNEL == "linear":
        pairs = (F.elu(q) + 1) @ (F.elu(k) + 1).mT
    else:  # favor
        directions, root = favor_directions(width).to(q), width**-0.25
        left, right = (root * one @ directions.mT - (root * one).square().sum(-1, keepdim=True) / 2 for one in (q, k))
        left, right = left - left.amax(-1, keepdim=True).detach(), right - right.amax((-2, -1), keepdim=True).detach()
        pairs = left.exp() @ right.exp().mT
    return pairs / pairs.sum(-1, keepdim=True) @ v


class Attention(nn.Module):
    """Heads that attend to all tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.mix = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: torch.Tensor, turns: torch.Tensor | None) -> torch.Tensor:
        """(batch, n, width) -> the same."""
        q, k, v = self.project(tokens).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        if turns is not None:
            q, k = (
                torch.view_as_real(torch.view_as_complex(one.unflatten(-1, (-1, 2)).contiguous()) * turns).flatten(-2)
                for one in (q, k)
            )
        return self.mix(attend(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then a two-layer net, each on normalised tokens and added."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.attention = nn.LayerNorm(WIDTH), Attention()
        self.before_net = nn.LayerNorm(WIDTH)
        self.net = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, tokens: torch.Tensor, turns: torch.Tensor | None) -> torch.Tensor:
        """(batch, n, width) -> the same."""
        tokens = tokens + self.attention(self.before_attention(tokens), turns)
        return tokens + self.net(self.before_net(tokens))


class Transformer(nn.Module):
    """Patches, a linear layer, blocks, and a linear layer on the class token or the mean of all tokens."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.embed = nn.Linear(channels * PATCH**2, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, classes)
        across = 32 // PATCH
        self.class_token = nn.Parameter(0.02 * torch.randn(WIDTH)) if POOLING == "class token" else None
        self.places = nn.Parameter(0.02 * torch.randn(across**2, WIDTH)) if POSITIONS == "absolute" else None
        self.turns = self.rotary(across) if POSITIONS == "rotary" else None

    def rotary(self, across: int) -> torch.Tensor:
        """Complex turns of tokens by row and column; a class token is not turned."""
        pairs = WIDTH // HEADS // 4
        speeds = 100.0 ** (-torch.arange(pairs, dtype=torch.float64) / pairs)
        row, column = (torch.arange(across**2) // across)[:, None], (torch.arange(across**2) % across)[:, None]
        angles = F.pad(torch.cat([row * speeds, column * speeds], 1), (0, 0, int(self.class_token is not None), 0))
        return torch.polar(torch.ones_like(angles), angles).to(torch.complex64).to(DEVICE)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(batch, channels, 32, 32) -> (batch, classes) logits."""
        tokens = self.embed(patches(images, PATCH))
        if self.places is not None:
            tokens = tokens + self.places
        if self.class_token is not None:
            tokens = torch.cat([self.class_token.expand(len(tokens), 1, -1), tokens], 1)
        for block in self.blocks:
            tokens = block(tokens, self.turns)
        return self.head(self.norm(tokens.mean(1) if self.class_token is None else tokens[:, 0]))


class Cnn(nn.Module):
    """Three 3x3 convolutions, each with 2x2 pooling, and two linear layers."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        layers = []
        for inputs, outputs in ((channels, 32), (32, 64), (64, 64)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, channels, 32, 32) -> (n, classes) logits."""
        return self.head(self.features(images).flatten(1))


def scores(net: nn.Module, images: torch.Tensor) -> tuple[float, float]:
    """Accuracy in % and mean cross-entropy."""
    with torch.inference_mode():
        logits = torch.cat([net(prepared(piece)) for piece in images.split(200)])
        right = (logits.argmax(1) == TEST_LABELS).double().mean().item()
        return 100 * right, F.cross_entropy(logits, TEST_LABELS).item()


def train(seed: int) -> None:
    """Train one net."""
    torch.manual_seed(seed)
    kind = Transformer if NET == "vit" else Cnn
    net = kind(IMAGES.shape[1], CLASSES).to(DEVICE)
    layout = torch.contiguous_format if NET == "vit" else torch.channels_last
    net = net.to(memory_format=layout)
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    stream = torch.Generator().manual_seed(seed)
    repeats, mixed_test = -(-1000 // len(LABELS)), shuffled(TEST)
    for epoch in range(1, EPOCHS + 1):
        order = torch.cat([torch.randperm(len(LABELS), generator=stream) for _ in range(repeats)])
        batches, losses, norms = order.split(BATCH_SIZE), [], []
        for number, rows in enumerate(batches, start=1):
            done = ((epoch - 1) * len(batches) + number) / (EPOCHS * len(batches))
            rate = done / 0.1 if done < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (done - 0.1) / 0.9)
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * rate
            seen, answers = prepared(IMAGES[rows]), LABELS[rows]
            seen = (nudged(seen, stream) if AUGMENT else seen).contiguous(memory_format=layout)
            optimiser.zero_grad()
            losses.append(torch.zeros((), device=DEVICE))
            for piece, right in zip(seen.split(PIECE), answers.split(PIECE), strict=True):
                loss = F.cross_entropy(net(piece), right, reduction="sum") / len(seen)
                loss.backward()
                losses[-1] += loss.detach()
            optimiser.step()
            norms.append(nn.utils.get_total_norm([one.grad for one in net.parameters()]))
        accuracy, loss = scores(net, TEST)
        print(f"seed={seed} epoch={epoch} training_loss={torch.stack(losses).mean():.6f} test_loss={loss:.6f}", end=" ")
        print(f"gradient_norm={torch.stack(norms).mean():.6f} test_accuracy={accuracy:.4f}", end=" ")
        print(f"shuffled_accuracy={scores(net, mixed_test)[0]:.4f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    pictures, tests = load()
    (IMAGES, LABELS), (TEST, TEST_LABELS) = mixed(*pictures), mixed(*tests, TEST_PICTURES)
    if IMAGES_PER_CLASS:
        few = [torch.nonzero(LABELS == one)[:IMAGES_PER_CLASS, 0] for one in LABELS.unique()]
        rows = torch.cat(few).sort().values
        IMAGES, LABELS = IMAGES[rows], LABELS[rows]
    CLASSES = int(LABELS.max()) + 1 if DATASET == "folder" else 10
    for seed in SEEDS:
        train(seed)
