"""Which input pixels one output unit can see, and which it listens to: convolutions against self-attention.

*Theoretical*: every pixel that some path leads from. *Effective*: the absolute gradient of the unit to the input,
averaged over random inputs and initialisations. Source: Luo et al., "Understanding the Effective Receptive Field in
Deep Convolutional Neural Networks", NeurIPS 2016, section 2.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.red_green import SIZE
from core.demos.convolution import Layer, PadMode, output_sizes, source_pixels
from core.nn.padded import CONV_TYPES, KERNEL, PADDING, STRIDES, ConvType, RedGreenNet, feature_sizes

INPUTS, NETS = 8, 4  # averaged over
_GENERATOR = threading.Lock()  # new layers draw their weights from the one that all threads share


@dataclass(frozen=True)
class Field:
    """The theoretical field of one layer's units along one axis, in input pixels.

    size: pixels across. jump: from one unit to the next. first: centre of unit 0's field (pixel 0 has centre 0).
    """

    size: int
    jump: int
    first: float

    def centre(self, unit: int) -> float:
        """Where the unit's field has its middle; may lie in the padding."""
        return self.first + unit * self.jump

    def box(self, unit: int) -> tuple[float, float]:
        """First and last pixel of the unit's field; may reach into the padding."""
        half = (self.size - 1) / 2
        return self.centre(unit) - half, self.centre(unit) + half


def theoretical_fields(layers: Sequence[Layer]) -> list[Field]:
    """One field a layer. layers: (kernel, stride, padding) in pixels.

    r ← r + (k − 1)·j; centre ← centre + ((k − 1)/2 − p)·j; j ← j·s. Source: Araujo, Norris & Sim, Distill 2019.
    """
    fields = []
    size, jump, first = 1, 1, 0.0
    for kernel, stride, padding in layers:
        size += (kernel - 1) * jump
        first += ((kernel - 1) / 2 - padding) * jump
        jump *= stride
        fields.append(Field(size, jump, first))
    return fields


def reach(size: int, layers: Sequence[Layer], unit: int, mode: PadMode = "zeros") -> NDArray[np.bool_]:
    """(size,): the input pixels along one axis that the last layer's unit can see, through its padding too.

    Raises ValueError for layers that do not fit or a unit that is not there.
    """
    sizes = output_sizes(size, layers)
    _check_unit("unit", unit, sizes[-1].after if sizes else size)
    seen = {unit}
    for layer, (kernel, stride, padding) in zip(reversed(sizes), reversed(layers), strict=True):
        source = source_pixels(layer.before, padding, mode)
        seen = {int(source[one * stride + tap]) for one in seen for tap in range(kernel)} - {-1}
    pixels = np.zeros(size, dtype=np.bool_)
    pixels[sorted(seen)] = True
    return pixels


def net_layers(conv: ConvType) -> list[Layer]:
    """The red–green net's (kernel, stride, padding), layer by layer."""
    return [(KERNEL, stride, PADDING[conv][0]) for stride in STRIDES]


@dataclass(frozen=True)
class Effective:
    """One unit's effective field. values: (32, 32), largest 1. seen: (32, 32), True where it can see at all.

    box: the theoretical field's first and last row, first and last column, in pixels; may reach into the padding.
    """

    values: NDArray[np.float32]
    seen: NDArray[np.bool_]
    box: tuple[float, float, float, float]

    @property
    def half_mass(self) -> float:
        """Share of the image's pixels that hold half of the gradient, 0 to 0.5: small = listens to few pixels."""
        ordered = np.sort(self.values, axis=None)[::-1].cumsum(dtype=np.float64)
        return float(np.searchsorted(ordered, ordered[-1] / 2) + 1) / ordered.size


def convolution_field(conv: ConvType, row: int | None = None, col: int | None = None, seed: int = 0) -> Effective:
    """Of unit (row, col) of the red–green net's last feature map (default: the middle one), untrained nets.

    Raises ValueError for an unknown conv type or a unit that is not there.
    """
    if conv not in CONV_TYPES:
        raise ValueError(f"conv must be one of {', '.join(CONV_TYPES)}; got {conv!r}.")
    side = feature_sizes(conv, SIZE)[-1]
    row, col = _unit(row, col, side)

    def last_map() -> Callable[[Tensor], Tensor]:
        net = RedGreenNet(conv, "pool").to(memory_format=torch.channels_last)
        return lambda images: net.feature_maps(images)[-1]

    layers, mode = net_layers(conv), PADDING[conv][1]
    seen = np.outer(*(reach(SIZE, layers, unit, mode) for unit in (row, col)))
    field = theoretical_fields(layers)[-1]
    return Effective(_averaged(last_map, row, col, seed), seen, (*field.box(row), *field.box(col)))


class SelfAttention(nn.Module):
    """One head of self-attention over an image's patches, no position code: softmax(QKᵀ / √d) V."""

    def __init__(self, patch: int, width: int = 32) -> None:
        super().__init__()
        self.patch = patch
        self.query, self.key, self.value = (nn.Linear(3 * patch * patch, width, bias=False) for _ in range(3))

    def mix(self, images: Tensor, asking: slice = slice(None)) -> Tensor:
        """What the asking patches, counted row by row, hear from all: (batch, asking, width)."""
        tokens = nn.functional.unfold(images, self.patch, stride=self.patch).mT  # (batch, token, 3·patch²)
        queries, keys, values = self.query(tokens[:, asking]), self.key(tokens), self.value(tokens)
        scores = queries @ keys.mT / math.sqrt(queries.shape[-1])  # (batch, asking, token)
        mixed: Tensor = scores.softmax(dim=-1) @ values
        return mixed

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, h, w) -> (batch, width, h / patch, w / patch), one vector a patch."""
        batch, _, height, width = images.shape
        return self.mix(images).mT.reshape(batch, -1, height // self.patch, width // self.patch)


def attention_field(patch: int = 4, row: int | None = None, col: int | None = None, seed: int = 0) -> Effective:
    """Of the output at patch (row, col) of one self-attention layer (default: the middle one): all pixels are seen.

    patch: its side in pixels, a divisor of 32; 1 = every pixel a token. Raises ValueError for one that does not divide,
    or a unit that is not there.
    """
    if patch < 1 or SIZE % patch:
        raise ValueError(f"patch must divide the image's {SIZE} px; got {patch}. Try 1, 2, 4, 8 or 16.")
    row, col = _unit(row, col, SIZE // patch)
    asked = row * (SIZE // patch) + col

    def one_patch() -> Callable[[Tensor], Tensor]:
        layer = SelfAttention(patch)
        return lambda images: layer.mix(images, slice(asked, asked + 1)).mT[..., None]  # a map of 1×1

    everything = (0.0, SIZE - 1.0, 0.0, SIZE - 1.0)
    return Effective(_averaged(one_patch, 0, 0, seed), np.ones((SIZE, SIZE), dtype=np.bool_), everything)


def gradient_field(feature_map: Callable[[Tensor], Tensor], images: Tensor, row: int, col: int) -> Tensor:
    """Mean |∂ unit / ∂ input| over images and input channels: (h, w).

    feature_map: (batch, 3, h, w) -> (batch, channel, h', w'). Image i asks a channel of its own, spread evenly.
    """
    images = images.clone().requires_grad_(True)
    with torch.enable_grad():
        maps = feature_map(images)
        number = torch.arange(len(images))
        channel = number * maps.shape[1] // len(images)
        (gradient,) = torch.autograd.grad(maps[number, channel, row, col].sum(), images)
    return gradient.abs().mean(dim=(0, 1))


def _averaged(new_map: Callable[[], Callable[[Tensor], Tensor]], row: int, col: int, seed: int) -> NDArray[np.float32]:
    """Over fresh nets and Gaussian inputs, scaled to a largest value of 1."""
    with _own_random_state(seed):
        fields = [gradient_field(new_map(), torch.randn(INPUTS, 3, SIZE, SIZE), row, col) for _ in range(NETS)]
    mean: NDArray[np.float32] = torch.stack(fields).mean(dim=0).numpy()
    return mean / mean.max() if mean.max() > 0 else mean


@contextmanager
def _own_random_state(seed: int) -> Iterator[None]:
    """Seeded inside; the CPU generator that others draw from is as before outside. Pages ask from several threads."""
    with _GENERATOR, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs too
        yield


def _unit(row: int | None, col: int | None, side: int) -> tuple[int, int]:
    row, col = (side // 2 if one is None else one for one in (row, col))
    _check_unit("row", row, side)
    _check_unit("col", col, side)
    return row, col


def _check_unit(name: str, value: int, side: int) -> None:
    if not 0 <= value < side:
        raise ValueError(f"{name} must be from 0 to {side - 1}, the last map having {side} units a side; got {value}.")
