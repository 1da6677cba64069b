"""Skip connections: a small U-Net (Ronneberger et al. 2015) names every pixel of scenes of digits, one line an epoch.

Needs torch, numpy, scikit-learn and, for MNIST, torchvision, which downloads it into ./data. The weights that LayerLab
exports fit `Net` (torch: net.load_state_dict). As there, on a CPU one thread works: more change the last digits.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
SKIPS = "all"  # Skip connections: all, deep, shallow, none
DATASET = "digits"  # Digits of the scenes: digits, mnist
WIDTH = 16  # Width, channels
DEPTH = 2  # Depth, stages
SCENES = 1000  # Training scenes
EPOCHS = 16  # Epochs
BATCH_SIZE = 4  # Batch size, scenes
LEARNING_RATE = 0.005  # Highest learning rate, at width 64
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

SIDE, PICTURE, INK, BACKGROUND = 60, 28, 128, 10  # px, px, least brightness of a digit's pixel, class


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training pictures (n, 28, 28) uint8 and labels, test pictures and labels."""
    if DATASET == "mnist":
        from torchvision.datasets import MNIST

        halves = [MNIST("data", train=train, download=True) for train in (True, False)]
        return tuple(part.numpy() for half in halves for part in (half.data, half.targets))
    from sklearn.datasets import load_digits

    found = load_digits()
    small = torch.from_numpy(np.round(found.images[:, None] * (255 / 16)).astype(np.uint8)).float()
    large = F.interpolate(small, (24, 24), mode="bilinear", align_corners=False).round().to(torch.uint8)
    pictures = np.pad(large[:, 0].numpy(), ((0, 0), (2, 2), (2, 2)))
    return pictures[:-360], found.target[:-360], pictures[-360:], found.target[-360:]


def place(count: int, rng: np.random.Generator) -> np.ndarray:
    """Corners (row, column) of so many pictures, no two with an IoU above 0.2."""
    first, second = np.triu_indices(count, 1)
    while True:
        tries = rng.integers(0, SIDE - PICTURE + 1, (64, count, 2))
        both = np.clip(PICTURE - np.abs(tries[:, first] - tries[:, second]), 0, None).prod(axis=-1)
        good = (both / (2 * PICTURE**2 - both) <= 0.2).all(axis=1)
        if good.any():
            return tries[good.argmax()]


def scenes(pictures: np.ndarray, labels: np.ndarray, count: int, stream: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, 1, 60, 60) from 0 to 1 and the class of every pixel (n, 60, 60)."""
    rng = np.random.default_rng([0, stream])
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    targets = np.full_like(images, BACKGROUND)
    for image, target in zip(images, targets, strict=True):
        chosen = rng.integers(0, len(labels), rng.integers(2, 5))
        for index, (row, column) in zip(chosen, place(len(chosen), rng), strict=True):
            window, digit = (slice(row, row + PICTURE), slice(column, column + PICTURE)), pictures[index]
            brighter = digit > image[window]
            target[window][brighter & (digit >= INK)] = labels[index]
            image[window][brighter] = digit[brighter]
    scaled = torch.from_numpy(images[:, None]).to(DEVICE).float() / 255
    return scaled.contiguous(memory_format=torch.channels_last), torch.from_numpy(targets).to(DEVICE)


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """3x3, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Up(nn.Module):
    """Enlarge, put the skip (or zeros) beside it, convolve."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(inputs, inputs, 2, stride=2)
        self.convolution = convolution(inputs + skip, outputs)

    def forward(self, maps: torch.Tensor, skip: torch.Tensor, opened: bool) -> torch.Tensor:
        """(n, inputs, h/2, w/2) and (n, skip, h, w) -> (n, outputs, h, w)."""
        larger = self.enlarge(maps)[..., : skip.shape[-2], : skip.shape[-1]]
        return self.convolution(torch.cat((larger, skip if opened else torch.zeros_like(skip)), dim=1))


class Net(nn.Module):
    """DEPTH stages down, a middle, DEPTH stages up; 11 classes a pixel."""

    def __init__(self) -> None:
        super().__init__()
        wide, half = [WIDTH * 2**stage for stage in range(DEPTH)], WIDTH // 2
        self.open = {"all": range(DEPTH), "deep": [DEPTH - 1], "shallow": [0], "none": []}[SKIPS]
        self.down = nn.ModuleList(convolution(a, b) for a, b in zip([1, *wide], wide))  # noqa: B905
        self.middle = convolution(wide[-1], WIDTH)
        self.up = nn.ModuleList(Up(half if number else WIDTH, skip, half) for number, skip in enumerate(wide[::-1]))
        self.head = nn.Conv2d(half, BACKGROUND + 1, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, 1, 60, 60) -> (n, 11, 60, 60)."""
        skips = []
        for down in self.down:
            skips.append(down(maps))
            maps = F.max_pool2d(skips[-1], 2, ceil_mode=True)
        maps = self.middle(maps)
        for stage, up in zip(reversed(range(DEPTH)), self.up, strict=True):
            maps = up(maps, skips[stage], stage in self.open)
        return self.head(maps)


def evaluate(net: Net, images: torch.Tensor, targets: torch.Tensor) -> tuple[float, float, float]:
    """Mean cross-entropy, mean IoU, and mean IoU without the background; absent classes are left out."""
    net.eval()
    with torch.inference_mode():
        logits = torch.cat([net(piece) for piece in images.split(20)])
    net.train()
    cells = targets.long().flatten() * 11 + logits.argmax(1).flatten()
    counts = torch.bincount(cells, minlength=121).reshape(11, 11).double()
    iou = counts.diag() / (counts.sum(0) + counts.sum(1) - counts.diag())  # 0/0 is NaN
    return F.cross_entropy(logits, targets.long()).item(), iou.nanmean().item(), iou[:BACKGROUND].nanmean().item()


def train(seed: int, images: torch.Tensor, targets: torch.Tensor, test: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Train one net: Adam, one-cycle rate."""
    torch.manual_seed(seed)
    net = Net().to(DEVICE, memory_format=torch.channels_last)
    highest = LEARNING_RATE * (64 / WIDTH) ** 0.5
    optimiser = torch.optim.Adam(net.parameters(), lr=highest, fused=True)
    steps = EPOCHS * -(-len(images) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, highest, total_steps=steps)
    stream = torch.Generator().manual_seed(seed)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for chosen in torch.randperm(len(images), generator=stream).to(DEVICE).split(BATCH_SIZE):
            loss = F.cross_entropy(net(images[chosen]), targets[chosen].long())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.detach())
        training = torch.stack(losses).mean().item()
        validation, mean, without = evaluate(net, *test)
        print(f"seed={seed} epoch={epoch} training_loss={training:.6f} validation_loss={validation:.6f}", end=" ")
        print(f"mean_iou={mean:.6f} mean_iou_without_background={without:.6f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    pictures, labels, test_pictures, test_labels = digits()
    images, targets = scenes(pictures, labels, 1000, 0)
    test = scenes(test_pictures, test_labels, 200, 1)
    for seed in SEEDS:
        train(seed, images[:SCENES], targets[:SCENES], test)
