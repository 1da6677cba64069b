"""Autoencoders and linear probes: squared error per epoch, and what a linear layer reads from the frozen codes.

Needs torch and numpy, for the digits scikit-learn, for MNIST torchvision, which downloads it into "data". The weights
that LayerLab exports fit `Net` (torch: net.load_state_dict). As there, batches come in order and one thread works.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
DATASET = "gaussian"  # Data: gaussian, digits, mnist
KIND = "vanilla"  # Autoencoder: vanilla, denoising, masked
LATENT = 20  # Latent size, numbers
HIDDEN = ""  # Hidden layers
ACTIVATION = "identity"  # Activation: identity, relu, tanh, gelu, sigmoid
NOISE = 0.5  # Noise, standard deviation
MASK_PROBABILITY = 0.25  # Mask probability
UNLABELLED = 10000  # Unlabelled pictures, pictures
LABELS = 0  # Labels for the probe, labels
PROBE_EPOCHS = 50  # Epochs of the probe, epochs
LEARNING_RATE = 0.0005  # Learning rate
BATCH_SIZE = 100  # Batch size, samples
EPOCHS = 10  # Epochs
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

WIDTHS = [*(int(width) for width in HIDDEN.split(",") if width), LATENT]
ACTIVATIONS = {"identity": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "sigmoid": nn.Sigmoid}
Split = tuple[torch.Tensor, torch.Tensor]  # inputs (n, features), labels (n,)


def gaussian() -> list[Split]:
    """Variance 10 along 20 directions and 1 along 80, rotated; the label is the sign of the sum of the 20."""
    rng = np.random.default_rng(42)
    coordinates = rng.standard_normal((20_000, 100)) * np.sqrt(np.where(np.arange(100) < 20, 10.0, 1.0))
    q, r = np.linalg.qr(rng.standard_normal((100, 100)))
    inputs = torch.from_numpy((coordinates @ (q * np.sign(np.diag(r)))).astype(np.float32))
    labels = torch.from_numpy((coordinates[:, :20].sum(axis=1) > 0).astype(np.int64))
    sizes = [14_000, 4_000, 2_000]
    return list(zip(inputs.split(sizes), labels.split(sizes), strict=True))


def pictures() -> list[Split]:
    """Flattened, from 0 to 1: the first of the training part, its last ones for validation, and the test part."""
    if DATASET == "digits":
        from sklearn.datasets import load_digits

        found, held, tested = load_digits(), 360, 360
        levels = np.round(found.data * (255 / 16)).astype(np.uint8)
        inputs, labels = torch.from_numpy(levels), torch.from_numpy(found.target.astype(np.int64))
    else:
        from torchvision.datasets import MNIST

        parts, held, tested = [MNIST("data", train=train, download=True) for train in (True, False)], 10_000, 10_000
        inputs = torch.cat([part.data for part in parts]).flatten(1)
        labels = torch.cat([part.targets for part in parts])
    inputs, most = inputs.float() / 255, len(labels) - tested - held
    bounds = [slice(min(UNLABELLED, most)), slice(most, most + held), slice(most + held, None)]
    return [(inputs[part], labels[part]) for part in bounds]


def layers(sizes: list[int]) -> nn.Sequential:
    """The activation stands between layers, none after the last."""
    found = [one for pair in pairwise(sizes) for one in (nn.Linear(*pair), ACTIVATIONS[ACTIVATION]())]
    return nn.Sequential(*found[:-1])


class Net(nn.Module):
    """Encoder and a decoder that mirrors it."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.encoder = layers([features, *WIDTHS])
        self.decoder = layers([*WIDTHS[::-1], features])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(n, features) -> the same."""
        return self.decoder(self.encoder(inputs))


def corrupt(inputs: torch.Tensor) -> torch.Tensor:
    """What the net sees while training."""
    if KIND == "denoising":
        return inputs + NOISE * torch.randn_like(inputs)
    if KIND == "masked":
        return inputs.masked_fill(torch.rand_like(inputs) < MASK_PROBABILITY, 0.0)
    return inputs


def probe(codes: torch.Tensor, labels: torch.Tensor, classes: int, seed: int) -> nn.Linear:
    """A linear layer on frozen codes; torch's stream goes on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(codes.shape[1], classes)
    layer.to(DEVICE)
    optimiser = torch.optim.Adam(layer.parameters(), lr=1e-3)
    for _ in range(PROBE_EPOCHS):
        for part, answers in zip(codes.split(200), labels.split(200), strict=True):
            optimiser.zero_grad()
            F.cross_entropy(layer(part), answers).backward()
            optimiser.step()
    return layer


def measure(net: Net, validation: Split, test: Split, seed: int) -> tuple[float, float]:
    """Squared error on clean validation inputs, and the probe's accuracy on the test split in %."""
    with torch.no_grad():
        inputs, labels = validation
        error = (net(inputs) - inputs).square().sum(1).double().mean().item()
        codes, tested = net.encoder(inputs), net.encoder(test[0])
    first = slice(LABELS or None)
    layer = probe(codes[first], labels[first], int(labels.max()) + 1, seed)
    return error, 100 * (layer(tested).argmax(1) == test[1]).double().mean().item()


def train(seed: int, data: list[Split]) -> None:
    """Train one net; a line an epoch."""
    (inputs, _), validation, test = data
    torch.manual_seed(seed)
    net = Net(inputs.shape[1]).to(DEVICE)
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, fused=DEVICE != "mps")
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in inputs.split(BATCH_SIZE):
            optimiser.zero_grad()
            loss = (net(corrupt(batch)) - batch).square().sum(1).mean()
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        error, accuracy = measure(net, validation, test, seed)
        print(f"seed={seed} epoch={epoch} training_loss={torch.stack(losses).mean().item():.6f}", end=" ")
        print(f"reconstruction_error={error:.6f} probe_accuracy={accuracy:.4f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    data = gaussian() if DATASET == "gaussian" else pictures()
    data = [(inputs.to(DEVICE), labels.to(DEVICE)) for inputs, labels in data]
    for seed in SEEDS:
        train(seed, data)
