"""A net and its twin whose gradients are never cleared, side by side on two spirals.

Needs torch and numpy only. The weights that LayerLab exports fit the first net of `main` (torch: net.load_state_dict).
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
LOSS = "cross-entropy"  # Loss: cross-entropy, squared
OPTIMISER = "sgd"  # Optimiser: sgd, adam
LAYERS = 2  # Hidden layers, of 32 units
LEARNING_RATE = 0.1  # Learning rate
BATCH_SIZE = 32  # Batch size, points
EPOCHS = 30  # Epochs
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

TRAIN, TEST, WIDTH = 640, 360, 32
LIMIT = 1000  # times its first loss: then a net counts as diverged


def draw() -> tuple[torch.Tensor, torch.Tensor]:
    """Points on two spiral arms (1000, 2), and which arm each is on."""
    rng = np.random.default_rng(42)
    labels, radius = rng.integers(0, 2, TRAIN + TEST), rng.uniform(0.1, 1.0, TRAIN + TEST)
    angle = 2 * np.pi * 0.75 * radius + np.pi * labels
    points = 2 * radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = points + 0.06 * rng.standard_normal(points.shape)
    return torch.from_numpy(points.astype(np.float32)).to(DEVICE), torch.from_numpy(labels).to(DEVICE)


def make(seed: int) -> nn.Sequential:
    """The untrained net."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for number in range(LAYERS):
        layers += [nn.Linear(WIDTH if number else 2, WIDTH), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 2)).to(DEVICE)


def loss_of(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over the points."""
    if LOSS == "cross-entropy":
        return F.cross_entropy(outputs, labels)
    return (outputs - F.one_hot(labels, 2)).square().sum(dim=1).mean()


def train(seed: int, points: torch.Tensor, labels: torch.Tensor, forget: bool) -> list[dict[str, float]]:
    """What is measured after every epoch."""
    net = make(seed)
    kind = torch.optim.Adam if OPTIMISER == "adam" else torch.optim.SGD
    optimiser = kind(net.parameters(), lr=LEARNING_RATE)
    found, first, broken = [], math.nan, False
    for _ in range(EPOCHS):
        for start in range(0, TRAIN if not broken else 0, BATCH_SIZE):
            batch = slice(start, min(start + BATCH_SIZE, TRAIN))
            if not forget:
                optimiser.zero_grad()
            loss = loss_of(net(points[batch]), labels[batch])
            loss.backward()
            optimiser.step()
            first = loss.item() if math.isnan(first) else first
            broken = broken or not loss.item() <= LIMIT * max(first, 1e-3)
        if broken and not forget:
            raise SystemExit("The net diverged: turn down the learning rate.")
        with torch.no_grad():
            outputs = net(points[TRAIN:])
            right = (outputs.argmax(dim=1) == labels[TRAIN:]).double().mean().item()
            numbers = {"loss": loss_of(outputs, labels[TRAIN:]).item(), "accuracy": 100 * right}
        found.append({name: math.nan if broken else value for name, value in numbers.items()})
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    points, labels = draw()
    for seed in SEEDS:
        both = zip(train(seed, points, labels, False), train(seed, points, labels, True), strict=True)
        for epoch, (right, twin) in enumerate(both, start=1):
            words = [f"held_out_{name}={right[name]:.6f} held_out_{name}_forgotten={twin[name]:.6f}" for name in right]
            print(f"seed={seed} epoch={epoch} {' '.join(words)}", flush=True)
