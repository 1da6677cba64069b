"""A linear autoencoder against PCA: the loss, the angle to the principal subspace, the singular values.

Needs torch and numpy only. The weights that LayerLab exports fit `Net` (torch: net.load_state_dict). An epoch is 500
steps of gradient descent on all of the data, through its covariance; the gradient is left to autograd here.
"""

import math

import numpy as np
import torch
from torch import nn

# --- settings: begin
LATENT = 5  # Latent size, numbers
WEIGHT_DECAY = 0.0  # Weight decay λ
FORM = "penalty"  # Form of the decay: penalty, sgd
RATIO = 0.9  # Ratio of neighbouring variances
LEARNING_RATE = 0.002  # Learning rate
EPOCHS = 60  # Epochs, of 500 steps
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

STEPS, SIZE = 500, 100


class Net(nn.Module):
    """Two matrices: W1 (latent, 100) and W2 (100, latent)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(SIZE, LATENT, bias=False)
        self.decoder = nn.Linear(LATENT, SIZE, bias=False)
        self.double()


def draw() -> torch.Tensor:
    """(100, 100): covariance of 10,000 centred samples with variances 10, 10·RATIO, 10·RATIO², …, rotated."""
    rng = np.random.default_rng(42)
    samples = rng.standard_normal((10_000, SIZE)) * np.sqrt(10.0 * RATIO ** np.arange(SIZE))
    q, r = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))
    samples = samples @ (q * np.sign(np.diag(r)))
    samples -= samples.mean(axis=0)
    return torch.from_numpy(samples.T @ samples / len(samples)).to(DEVICE)


def losses(net: Net, covariance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(1/n)|X - W2 W1 X|², which is trace(R S Rᵀ) with R = W2 W1 - 1, and λ|W1|² + λ|W2|²."""
    residual = net.decoder.weight @ net.encoder.weight - torch.eye(SIZE, dtype=torch.float64, device=DEVICE)
    penalty = WEIGHT_DECAY * (net.encoder.weight.square().sum() + net.decoder.weight.square().sum())
    return ((residual @ covariance) * residual).sum(), penalty


def report(net: Net, covariance: torch.Tensor, seed: int, epoch: int) -> None:
    """One line of what there is to know."""
    with torch.no_grad():
        error, penalty = (one.item() for one in losses(net, covariance))
        values, axes = torch.linalg.eigh(covariance)
        values, axes = values.flip(0), axes.flip(1)
        strong = int((values[:LATENT] > WEIGHT_DECAY).sum())
        left, two, _ = torch.linalg.svd(net.decoder.weight, full_matrices=False)
        one = torch.linalg.svdvals(net.encoder.weight)
        spanned, top = left[:, :strong], axes[:, :strong]
        sine = torch.linalg.matrix_norm(spanned - top @ (top.T @ spanned), 2).item() if strong else math.nan
        numbers = {"loss": error + penalty, "reconstruction_error": error, "PCA_optimum": values[LATENT:].sum().item()}
        numbers["largest_principal_angle"] = math.degrees(math.asin(min(1.0, sine)))
    for place in range(LATENT):
        numbers[f"singular_value_W1_{place + 1}"] = one[place].item()
        numbers[f"singular_value_W2_{place + 1}"] = two[place].item()
        shrunk = max(0.0, 1 - WEIGHT_DECAY / values[place].item())
        numbers[f"expected_singular_value_{place + 1}"] = math.sqrt(shrunk)
    words = " ".join(f"{name.lower()}={value:.6f}" for name, value in numbers.items())
    print(f"seed={seed} epoch={epoch} {words}", flush=True)


def train(seed: int, covariance: torch.Tensor) -> None:
    """Gradient descent, a line every 500 steps."""
    torch.manual_seed(seed)
    net = Net().to(DEVICE)
    decay = 2 * WEIGHT_DECAY if FORM == "sgd" else 0.0
    optimiser = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, weight_decay=decay)
    for epoch in range(1, EPOCHS + 1):
        for _ in range(STEPS):
            optimiser.zero_grad()
            error, penalty = losses(net, covariance)
            (error if FORM == "sgd" else error + penalty).backward()
            optimiser.step()
        report(net, covariance, seed, epoch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    covariance = draw()
    for seed in SEEDS:
        train(seed, covariance)
