"""Autoencoders of fully connected layers: alone, and several seeds stacked so that one call serves them all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.events import Weights

Activation = Literal["identity", "relu", "tanh", "gelu", "sigmoid"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
}


class Autoencoder(nn.Module):
    """Encoder input_size → hidden_sizes, decoder mirrored; the activation stands between layers, none after the last.

    The latent size is hidden_sizes[-1]. Layers are `encoder.0`, `encoder.2`, … and `decoder.0`, `decoder.2`, …, made in
    this order with torch's default initialisation.
    Raises ValueError for a size below 1, for no size, and for an activation that is not known.
    """

    def __init__(self, input_size: int, hidden_sizes: Sequence[int], activation: Activation = "identity") -> None:
        super().__init__()
        sizes = [input_size, *hidden_sizes]
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(
                f"An autoencoder needs an input size and at least one hidden size, all from 1 up; got {input_size} and "
                f"{list(hidden_sizes)}. Try hidden_sizes=[20]."
            )
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; got {activation!r}.")
        self.encoder = _layers(sizes, activation)
        self.decoder = _layers(sizes[::-1], activation)

    @property
    def input_size(self) -> int:
        """Numbers in an input."""
        return int(self.encoder[0].in_features)  # type: ignore[arg-type]

    @property
    def latent(self) -> int:
        """Numbers in a code."""
        return int(self.encoder[-1].out_features)  # type: ignore[arg-type]

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, input_size) -> its reconstruction, the same shape."""
        reconstruction: Tensor = self.decoder(self.encoder(inputs))
        return reconstruction


class StackedAutoencoder(nn.Module):
    """Nets of one shape with a leading seed axis in every parameter, so that a step costs one call and not one a seed.

    Parameters are copied from the nets given. Names are those of one net with the dots as underscores
    ("encoder_0_weight", (seeds, out, in)).
    """

    def __init__(self, nets: Sequence[Autoencoder]) -> None:
        super().__init__()
        self.seeds = len(nets)
        states = [net.state_dict() for net in nets]
        self.names = tuple(states[0])
        for name in self.names:
            self.register_parameter(_flat(name), nn.Parameter(torch.stack([one[name] for one in states])))
        self._encoder, self._decoder = _plan("encoder", nets[0].encoder), _plan("decoder", nets[0].decoder)

    def encode(self, inputs: Tensor) -> Tensor:
        """(n, input), the same for every seed, or (seeds, n, input) -> codes (seeds, n, latent)."""
        return self._through(self._encoder, inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """As encode, but all the way: (seeds, n, input)."""
        return self._through(self._decoder, self._through(self._encoder, inputs))

    def weights(self) -> tuple[Weights, ...]:
        """A copy of each seed's state, with the names of `Autoencoder`."""
        arrays = {name: self.get_parameter(_flat(name)).detach().cpu().numpy() for name in self.names}
        return tuple({name: np.array(one[seed]) for name, one in arrays.items()} for seed in range(self.seeds))

    def _through(self, plan: Sequence[str | nn.Module], inputs: Tensor) -> Tensor:
        for step in plan:
            inputs = step(inputs) if isinstance(step, nn.Module) else self._linear(step, inputs)
        return inputs

    def _linear(self, name: str, inputs: Tensor) -> Tensor:
        weight, bias = self.get_parameter(f"{name}_weight"), self.get_parameter(f"{name}_bias")
        if self.seeds == 1:  # the very call of nn.Linear: a solo run repeats to the last digit
            return F.linear(inputs.reshape(inputs.shape[-2:]), weight[0], bias[0])[None]
        if inputs.dim() == 2:
            inputs = inputs.expand(self.seeds, *inputs.shape)
        return torch.baddbmm(bias[:, None], inputs, weight.mT)


class LinearAutoencoder(nn.Module):
    """x → W₂W₁x without biases, in double precision: `encoder.weight` is W₁ (latent, input), `decoder.weight` W₂."""

    def __init__(self, input_size: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(input_size, latent, bias=False)
        self.decoder = nn.Linear(latent, input_size, bias=False)
        self.double()

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, input_size) -> its reconstruction, the same shape."""
        reconstruction: Tensor = self.decoder(self.encoder(inputs))
        return reconstruction


def _layers(sizes: Sequence[int], activation: Activation) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def _plan(part: str, layers: nn.Sequential) -> list[str | nn.Module]:
    """What is done in turn: the flat name of a layer, or an activation (none for the identity)."""
    found: list[str | nn.Module] = []
    for number, layer in enumerate(layers):
        if isinstance(layer, nn.Linear):
            found.append(_flat(f"{part}.{number}"))
        elif not isinstance(layer, nn.Identity):
            found.append(layer)
    return found


def _flat(name: str) -> str:
    return name.replace(".", "_")
