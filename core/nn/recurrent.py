"""A recurrent net whose loop over time stands in the open, so that its gradient can be cut wherever one likes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Cell = Literal["rnn", "lstm"]


class RecallNet(nn.Module):
    """A tanh RNN or an LSTM reads a sequence; a linear layer answers from its last state.

    A step is h_t = cell(x_t, h_{t−1}), h₀ = 0. Initial weights are PyTorch's: uniform within ±1/√width; forget_bias is
    added to the biases of an LSTM's forget gates, as is usual, so that it begins by keeping what it has.
    """

    def __init__(self, inputs: int, width: int, classes: int, cell: Cell = "rnn", forget_bias: float = 0.0) -> None:
        super().__init__()
        self.cell: nn.RNNCell | nn.LSTMCell = (nn.LSTMCell if cell == "lstm" else nn.RNNCell)(inputs, width)
        if cell == "lstm":
            with torch.no_grad():  # the gates stand in the order input, forget, cell, output
                self.cell.bias_ih[width : 2 * width] += forget_bias
        self.head = nn.Linear(width, classes)

    def forward(self, inputs: Tensor, window: int | None = None) -> Tensor:
        """Sequences (batch, steps, features) -> logits (batch, classes).

        window: through how many transitions h_{t−1} → h_t the gradient goes back from the last state h_T. What came
        before, the state h_{T−window−1}, is detached: it counts as a number, of an LSTM the cell's state too. None:
        nothing is cut.
        """
        return self.head(self.states(inputs, window)[-1])  # type: ignore[no-any-return]

    def states(self, inputs: Tensor, window: int | None = None) -> list[Tensor]:
        """h₁ … h_T, (batch, width) each, cut in the same way."""
        steps = inputs.shape[1]
        cut = None if window is None else steps - window - 1  # how many steps lie before the window
        state, found = None, []
        for step in range(steps):
            if step == cut:
                state = detached(state)
            state = self.cell(inputs[:, step], state)
            found.append(hidden(state))
        return found


def hidden(state: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """The h of an RNN's state, or of an LSTM's pair."""
    return state[0] if isinstance(state, tuple) else state


def detached(state: Tensor | tuple[Tensor, Tensor] | None) -> Tensor | tuple[Tensor, Tensor] | None:
    """The same numbers without a past."""
    if isinstance(state, tuple):
        return state[0].detach(), state[1].detach()
    return None if state is None else state.detach()
