"""Padding and location: trains the red-green net of Kayhan & van Gemert (CVPR 2020, section 4), one line an epoch.

Needs torch and numpy only. The weights that LayerLab exports fit `Net` (torch: net.load_state_dict). As there, on a CPU
one thread works and a batch goes through in pieces of 25 images: both change the last digits of a number.
"""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
CONV = "fconv"  # Convolution type: valid, sconv, fconv, reflect, replicate, circular
HEAD = "pool"  # Head: pool, flatten
DATA = "published"  # Validation and test draws: published, fresh
OPTIMISER = "adadelta"  # Optimiser: adadelta, adam, sgd
LEARNING_RATE = 1.0  # Learning rate
WEIGHT_DECAY = 5e-05  # Weight decay
BATCH_SIZE = 200  # Batch size, images
EPOCHS = 50  # Epochs
PATIENCE = 8  # Patience, epochs
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

PADDING = {"valid": (0, "zeros"), "sconv": (1, "zeros"), "fconv": (2, "zeros")}
PADDING |= {mode: (2, mode) for mode in ("reflect", "replicate", "circular")}
PIECE = 25 if DEVICE == "cpu" else BATCH_SIZE


def draw(count: int, seed: int) -> np.ndarray:
    """Corners of two 4x4 squares, (count, 4): x and y of the left one, x and y of the right one."""
    stream, corners = np.random.RandomState(seed), []
    for index in range(count):
        row = (7, 23)[index % 2]
        x_left, y_left = stream.randint(10), stream.randint(-4, 4) + row
        x_right, y_right = stream.randint(x_left, 28), stream.randint(-4, 4) + row
        while abs(x_left - x_right) < 5:  # squares that touch are drawn again
            x_right, y_right = stream.randint(x_left, 28), stream.randint(-4, 4) + row
        corners.append((x_left, y_left, x_right, y_right))
    return np.array(corners)


def render(corners: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, 3, 32, 32) and labels: 0 for red left of green, 1 for green left of red."""
    labels = np.arange(len(corners)) % 2
    images = np.zeros((len(corners), 3, 32, 32), dtype=np.float32)
    for image, label, (x_left, y_left, x_right, y_right) in zip(images, labels, corners, strict=True):
        image[label, y_left : y_left + 4, x_left : x_left + 4] = 1
        image[1 - label, y_right : y_right + 4, x_right : x_right + 4] = 1
    return torch.from_numpy(images).to(DEVICE, memory_format=torch.channels_last), torch.from_numpy(labels).to(DEVICE)


class Net(nn.Module):
    """Four 3x3 convolutions, then a global maximum and one linear layer, or two linear layers on every position."""

    def __init__(self) -> None:
        super().__init__()
        (amount, mode), side, inputs, layers = PADDING[CONV], 32, 3, []
        for outputs, stride in ((32, 1), (32, 2), (64, 2), (64, 2)):
            layers.append(nn.Conv2d(inputs, outputs, 3, stride, amount, bias=False, padding_mode=mode))
            side, inputs = (side + 2 * amount - 3) // stride + 1, outputs
        self.convolutions = nn.ModuleList(layers)
        wide = [] if HEAD == "pool" else [nn.Linear(64 * side * side, 64)]
        self.head = nn.Sequential(*wide, nn.Linear(64, 2))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, 3, 32, 32) -> (n, 2) logits."""
        for convolution in self.convolutions:
            maps = torch.relu(convolution(maps))
        return self.head(maps.amax(dim=(2, 3)) if HEAD == "pool" else maps.flatten(1))


def evaluate(net: Net, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy in %."""
    with torch.inference_mode():
        logits = torch.cat([net(piece) for piece in images.split(50)])
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) == labels).double().mean().item()


def train(seed: int, data: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Train one net; early stopping and the best weights go by validation loss."""
    torch.manual_seed(seed)
    net = Net().to(DEVICE, memory_format=torch.channels_last)
    shared = {"params": net.parameters(), "lr": LEARNING_RATE, "weight_decay": WEIGHT_DECAY}
    if OPTIMISER == "adadelta":
        optimiser = torch.optim.Adadelta([shared], rho=0.9, eps=1e-6)
    else:
        optimiser = torch.optim.Adam([shared]) if OPTIMISER == "adam" else torch.optim.SGD([shared], momentum=0.9)
    lowest, best, stale, epoch = float("inf"), None, 0, 0
    while epoch < EPOCHS and stale <= PATIENCE:
        epoch, losses = epoch + 1, []
        for images, labels in zip(*(part.split(BATCH_SIZE) for part in data["train"]), strict=True):
            optimiser.zero_grad()
            losses.append(torch.zeros((), device=DEVICE))
            for piece, answers in zip(images.split(PIECE), labels.split(PIECE), strict=True):
                loss = F.cross_entropy(net(piece), answers, reduction="sum") / len(images)
                loss.backward()
                losses[-1] += loss.detach()
            optimiser.step()
        training, (validation, accuracy) = torch.stack(losses).mean().item(), evaluate(net, *data["validation"])
        print(f"seed={seed} epoch={epoch} training_loss={training:.6f} validation_loss={validation:.6f}", end=" ")
        swapped = evaluate(net, *data["swapped"])[1]
        print(f"validation_accuracy={accuracy:.4f} swapped_location_accuracy={swapped:.4f}", flush=True)
        if validation < lowest:
            lowest, best, stale = validation, copy.deepcopy(net.state_dict()), 0
        else:
            stale += 1
    net.load_state_dict(best or net.state_dict())  # none where the loss never was a number
    test, same = evaluate(net, *data["swapped"])[1], evaluate(net, *data["test"])[1]
    print(f"seed={seed} epoch={epoch} test_accuracy={test:.4f} same_location_accuracy={same:.4f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    validation, test = (42, 42) if DATA == "published" else (43, 44)  # the seed of the training images is 42
    corners = {"train": draw(2000, 42), "validation": draw(1000, validation), "test": draw(1000, test)}
    shift = np.where(np.arange(1000) % 2 == 0, 16, -16)[:, None]  # rows: each class to where the other one stood
    corners["swapped"] = corners["test"] + shift * np.array([0, 1, 0, 1])
    data = {name: render(drawn) for name, drawn in corners.items()}
    for seed in SEEDS:
        train(seed, data)
