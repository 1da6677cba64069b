"""A batch of 32 digits in 1, 2, 4, 8, 16 and 32 pieces: six nets that should stay equal, and with batch norm do not.

Needs torch, numpy and scikit-learn. The weights that LayerLab exports fit the first of `nets`.
"""

import copy

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

# --- settings: begin
NORM = "batch"  # Normalisation: batch, layer, group, instance, none
LEARNING_RATE = 0.3  # Learning rate
EPOCHS = 8  # Epochs, of 20 batches
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

BATCH, TRAIN, TEST = 32, 640, 360
PIECES = (1, 2, 4, 8, 16, 32)


def norm(channels: int) -> nn.Module:
    """Layer norm is group norm with one group, instance norm with a group a channel."""
    if NORM == "batch":
        return nn.BatchNorm2d(channels)
    if NORM == "none":
        return nn.Identity()
    return nn.GroupNorm({"layer": 1, "group": 4, "instance": channels}[NORM], channels)


class Net(nn.Module):
    """Two convolutions, the mean over places, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        first = [nn.Conv2d(1, 8, 3, padding=1), norm(8), nn.ReLU()]
        self.features = nn.Sequential(*first, nn.Conv2d(8, 16, 3, stride=2, padding=1), norm(16), nn.ReLU())
        self.head = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 1, 8, 8) -> logits (n, 10)."""
        return self.head(self.features(images).mean(dim=(2, 3)))


def backward(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, pieces: int) -> torch.Tensor:
    """Adds up the gradients of all pieces; returns the logits."""
    logits = []
    for part, answers in zip(images.chunk(pieces), labels.chunk(pieces), strict=True):
        logits.append(net(part))
        (F.cross_entropy(logits[-1], answers, reduction="sum") / len(images)).backward()
    return torch.cat(logits).detach()


def look(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, pieces: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and gradient of a copy."""
    own = copy.deepcopy(net)
    own.zero_grad()
    logits = backward(own, images, labels, pieces)
    return logits, torch.cat([one.grad.flatten() for one in own.parameters()])


def report(nets: list[nn.Module], images: torch.Tensor, labels: torch.Tensor, seed: int, epoch: int) -> None:
    """One line of what there is to know."""
    numbers: dict[str, float] = {}
    logits, gradient = look(nets[0], images[:BATCH], labels[:BATCH], 1)
    for pieces in PIECES[1:]:
        others, other = look(nets[0], images[:BATCH], labels[:BATCH], pieces)
        name = f"{pieces}_{BATCH // pieces}"
        numbers[f"logit_difference_{name}"] = ((others - logits).norm() / logits.norm()).item()
        numbers[f"gradient_difference_{name}"] = ((other - gradient).norm() / gradient.norm()).item()
    for name in ("logit_difference", "gradient_difference"):
        numbers[name] = max(value for key, value in numbers.items() if key.startswith(name))
    flat = [torch.cat([one.detach().flatten() for one in net.parameters()]) for net in nets]
    numbers["weights_apart"] = max(((one - flat[0]).norm() / flat[0].norm()).item() for one in flat[1:])
    for pieces, net in zip(PIECES, nets, strict=True):
        net.eval()
        with torch.no_grad():
            said = net(images[-TEST:]).argmax(dim=1)
        net.train()
        right = 100 * (said == labels[-TEST:]).double().mean().item()
        numbers[f"held_out_accuracy_{pieces}_{BATCH // pieces}"] = right
    numbers["held_out_accuracy"] = numbers["held_out_accuracy_1_32"]
    print(f"seed={seed} epoch={epoch} {' '.join(f'{name}={value:.9f}' for name, value in numbers.items())}", flush=True)


def train(seed: int, images: torch.Tensor, labels: torch.Tensor) -> None:
    """Six nets with the same weights at first, a line an epoch."""
    torch.manual_seed(seed)
    first = Net().double().to(DEVICE)
    nets = [copy.deepcopy(first) for _ in PIECES]
    optimisers = [torch.optim.SGD(net.parameters(), lr=LEARNING_RATE) for net in nets]
    for epoch in range(1, EPOCHS + 1):
        for start in range(0, TRAIN, BATCH):
            batch = slice(start, start + BATCH)
            for pieces, net, optimiser in zip(PIECES, nets, optimisers, strict=True):
                optimiser.zero_grad()
                backward(net, images[batch], labels[batch], pieces)
                optimiser.step()
        report(nets, images, labels, seed, epoch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = load_digits()
    levels = np.round(found.data * (255 / 16)).astype(np.uint8).astype(np.float32) / np.float32(255)
    images = torch.from_numpy(levels).double().reshape(-1, 1, 8, 8).to(DEVICE)
    labels = torch.from_numpy(found.target.astype(np.int64)).to(DEVICE)
    for seed in SEEDS:
        train(seed, images, labels)
