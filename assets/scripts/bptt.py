"""Truncated backpropagation through time: a net reads a cue and then symbols that mean nothing, and names the cue.

Needs torch only. The weights that LayerLab exports fit `Net` (torch: net.load_state_dict). The gradient goes back
through WINDOW transitions; the state before them is detached.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
CELL = "rnn"  # Net: rnn, lstm
LAG = 15  # Lag, steps
WINDOW = 15  # Window, steps
WIDTH = 32  # Hidden units
FORGET_BIAS = 1.0  # Forget gate's bias
CLIP = 1.0  # Clip the gradient's norm at
OPTIMISER = "adam"  # Optimiser: adam, sgd
LEARNING_RATE = 0.001  # Learning rate
BATCH_SIZE = 64  # Batch size, sequences
EPOCHS = 30  # Epochs, of 50 batches
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

CUES, OTHERS, STEPS, TESTED, COMPARED = 4, 4, 50, 1000, 256


class Net(nn.Module):
    """A tanh RNN or an LSTM, and a linear layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        kind = nn.LSTMCell if CELL == "lstm" else nn.RNNCell
        self.cell = kind(CUES + OTHERS, WIDTH)
        if CELL == "lstm":
            with torch.no_grad():
                self.cell.bias_ih[WIDTH : 2 * WIDTH] += FORGET_BIAS
        self.head = nn.Linear(WIDTH, CUES)

    def forward(self, inputs: torch.Tensor, window: int) -> torch.Tensor:
        """Logits; a window of LAG or more cuts nothing."""
        state = None
        for step in range(LAG + 1):
            if step == LAG - window and state is not None:
                state = tuple(one.detach() for one in state) if CELL == "lstm" else state.detach()
            state = self.cell(inputs[:, step], state)
        return self.head(state[0] if CELL == "lstm" else state)


def draw(count: int, stream: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences in one-hot code, and their cues."""
    cues = torch.randint(CUES, (count, 1), generator=stream)
    others = CUES + torch.randint(OTHERS, (count, LAG), generator=stream)
    inputs = F.one_hot(torch.cat([cues, others], dim=1), CUES + OTHERS).float()
    return inputs.to(DEVICE), cues[:, 0].to(DEVICE)


def gradient(net: Net, inputs: torch.Tensor, cues: torch.Tensor, window: int) -> torch.Tensor:
    """Of the recurrent layer's weights, in one row."""
    parts = torch.autograd.grad(F.cross_entropy(net(inputs, window), cues), list(net.cell.parameters()))
    return torch.cat([one.flatten() for one in parts]).double()


def train(seed: int) -> None:
    """A line an epoch."""
    torch.manual_seed(seed)
    net = Net().to(DEVICE)
    optimiser = (torch.optim.Adam if OPTIMISER == "adam" else torch.optim.SGD)(net.parameters(), lr=LEARNING_RATE)
    streams = [torch.Generator().manual_seed(seed + more) for more in (0, 1_000_003, 2_000_003)]
    fixed = draw(COMPARED, streams[2])
    draw(TESTED, streams[1])  # LayerLab measures before the training, too
    for epoch in range(1, EPOCHS + 1):
        losses, norms = [], []
        for _ in range(STEPS):
            inputs, cues = draw(BATCH_SIZE, streams[0])
            optimiser.zero_grad()
            loss = F.cross_entropy(net(inputs, WINDOW), cues)
            loss.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP or math.inf).item())
            optimiser.step()
            losses.append(loss.item())
        inputs, cues = draw(TESTED, streams[1])
        with torch.no_grad():
            right = 100 * (net(inputs, LAG).argmax(dim=1) == cues).double().mean().item()
        cut, full = gradient(net, *fixed, WINDOW), gradient(net, *fixed, LAG)
        short, long = cut.norm().item(), full.norm().item()
        cosine = min(1.0, (cut @ full).item() / (short * long)) if short and long else math.nan
        print(
            f"seed={seed} epoch={epoch} training_loss={sum(losses) / STEPS:.6f} gradient_norm={sum(norms) / STEPS:.6f} "
            f"test_accuracy={right:.4f} gradient_cosine={cosine:.6f} "
            f"gradient_norm_ratio={short / long if short and long else math.nan:.6f}",
            flush=True,
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in SEEDS:
        train(seed)
