"""Batch norm on padded text: is at least a third of a text the same word? The same texts, padded farther at test time.

Needs torch and numpy only. The weights that LayerLab exports fit `Net` (torch: net.load_state_dict).
"""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
NORM = "batch"  # Normalisation: batch, masked, layer, none
AT_TEST = "running"  # Statistics at test time: running, batch
PADDING = 72  # More padding at test time, tokens
LEARNING_RATE = 0.05  # Learning rate
BATCH_SIZE = 32  # Batch size, sequences
EPOCHS = 15  # Epochs
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

TRAIN, TEST, SHORTEST, LONGEST, WORDS, TEST_BATCH = 1600, 800, 4, 24, 10, 80


def draw() -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Tokens (n, 24), 0 after the end; whether a third of them is word 1; lengths."""
    rng = np.random.default_rng(42)
    count = TRAIN + TEST
    lengths = rng.integers(SHORTEST, LONGEST + 1, count)
    tokens = rng.integers(2, WORDS, (count, LONGEST))
    tokens[rng.random(tokens.shape) < rng.uniform(0.0, 2 / 3, count)[:, None]] = 1
    tokens[np.arange(LONGEST) >= lengths[:, None]] = 0
    labels = (3 * (tokens == 1).sum(axis=1) >= lengths).astype(np.int64)
    return torch.from_numpy(tokens).to(DEVICE), torch.from_numpy(labels).to(DEVICE), lengths


class Net(nn.Module):
    """A bag of words; the mean over tokens is masked, the normalisation need not be."""

    def __init__(self) -> None:
        """Layers in the order in which their weights are drawn."""
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 16, padding_idx=0)
        self.inner = nn.Linear(16, 32)
        kinds = {"batch": nn.BatchNorm1d, "masked": nn.BatchNorm1d, "layer": nn.LayerNorm, "none": nn.Identity}
        self.norm = kinds[NORM](32)
        self.head = nn.Linear(32, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, length) -> logits (n, 2)."""
        real = tokens > 0
        inner = self.inner(self.embedding(tokens))
        if NORM == "masked":
            normed = torch.zeros_like(inner)
            normed[real] = self.norm(inner[real])
        else:
            normed = self.norm(inner.flatten(0, 1)).view_as(inner)
        return self.head((normed.relu() * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True))


def predict(net: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Logits, in batches of 80."""
    own = copy.deepcopy(net).train(AT_TEST == "batch")
    with torch.no_grad():
        return torch.cat([own(part) for part in tokens.split(TEST_BATCH)])


def report(net: nn.Module, tokens: torch.Tensor, labels: torch.Tensor, seed: int, epoch: int) -> None:
    """One line of what there is to know."""
    plain, more = predict(net, tokens[TRAIN:]), predict(net, F.pad(tokens[TRAIN:], (0, PADDING)))
    numbers = {"logit_change": (more.double() - plain.double()).abs().mean().item()}
    for name, logits in (("held_out_accuracy", plain), ("held_out_accuracy_more_padding", more)):
        numbers[name] = 100 * (logits.argmax(dim=1) == labels[TRAIN:]).double().mean().item()
    print(f"seed={seed} epoch={epoch} {' '.join(f'{name}={value:.6f}' for name, value in numbers.items())}", flush=True)


def train(seed: int, tokens: torch.Tensor, labels: torch.Tensor, lengths: np.ndarray) -> None:
    """SGD with momentum 0.9, a line an epoch."""
    torch.manual_seed(seed)
    net = Net().to(DEVICE)
    optimiser = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=0.9)
    for epoch in range(1, EPOCHS + 1):
        for start in range(0, TRAIN, BATCH_SIZE):
            batch = slice(start, min(start + BATCH_SIZE, TRAIN))
            optimiser.zero_grad()
            F.cross_entropy(net(tokens[batch, : lengths[batch].max()]), labels[batch]).backward()
            optimiser.step()
        report(net, tokens, labels, seed, epoch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    tokens, labels, lengths = draw()
    for seed in SEEDS:
        train(seed, tokens, labels, lengths)
