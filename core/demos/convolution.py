"""Convolution by hand at the border of an image: what padding puts there, and which products it makes.

As in every deep-learning library, "convolution" here is cross-correlation: the kernel is not flipped. NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

PadMode = Literal["zeros", "reflect", "replicate", "circular"]
PAD_MODES: tuple[PadMode, ...] = get_args(PadMode)
LARGEST_PADDING = 4  # pixels
Floats = NDArray[np.float64]
Layer = tuple[int, int, int]  # kernel, stride, padding in pixels

SAMPLE: Floats = np.array(  # a bright square that touches the border at the top left
    [
        [9, 9, 9, 2, 1, 0],
        [9, 9, 9, 2, 1, 0],
        [9, 9, 9, 2, 1, 0],
        [3, 3, 3, 2, 1, 0],
        [1, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    dtype=np.float64,
)
KERNELS: dict[str, Floats] = {
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=np.float64),
    "mean": np.full((3, 3), 1 / 9),
    "left edge": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=np.float64),
    "top edge": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], dtype=np.float64),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], dtype=np.float64),
}


@dataclass(frozen=True)
class Padded:
    """An image with its padding.

    values: (h + 2a, w + 2a). origin: (h + 2a, w + 2a, 2), the row and column of the source pixel that each value is a
    copy of; −1, −1 where there is none (zeros). inside: (h + 2a, w + 2a), True on the image itself.
    """

    values: Floats
    origin: NDArray[np.int64]
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class Products:
    """One output pixel by hand.

    padded: the image it is computed on. kernel, patch, products and outside are (k, k); outside is True where the
    window stands on padding. row, col: the window's top-left corner in the padded image = the output pixel, as the
    stride is 1. total: the output, the sum of the products. shape: of the whole output, in pixels.
    """

    padded: Padded
    kernel: Floats
    patch: Floats
    products: Floats
    outside: NDArray[np.bool_]
    row: int
    col: int
    total: float
    shape: tuple[int, int]


def source_pixels(size: int, amount: int, mode: PadMode) -> NDArray[np.int64]:
    """Along one axis: the pixel that each padded position copies, −1 for none; (size + 2·amount,).

    reflect mirrors about the border pixel's centre and does not repeat it; replicate repeats it; circular goes on at
    the other end. Raises ValueError for an unknown mode or more padding than the mode can fill.
    """
    _check_padding(size, amount, mode)
    position = np.arange(-amount, size + amount)
    if mode == "zeros":
        return np.where((position < 0) | (position >= size), -1, position)
    if mode == "replicate":
        return position.clip(0, size - 1)
    if mode == "circular":
        return position % size
    mirrored = np.abs(position)
    return np.where(mirrored >= size, 2 * (size - 1) - mirrored, mirrored)


def pad_image(image: NDArray[Any], amount: int, mode: PadMode) -> Padded:
    """Pad an (h, w) image by 0 to 4 pixels on every side.

    Raises ValueError where the image is not two-dimensional, the amount is out of range or the mode cannot fill it
    (reflect needs amount < size, circular amount <= size).
    """
    if image.ndim != 2:
        raise ValueError(f"image must have two axes, rows and columns; got shape {image.shape}. Pass one channel.")
    if not 0 <= amount <= LARGEST_PADDING:
        raise ValueError(f"padding must be from 0 to {LARGEST_PADDING} px; got {amount}.")
    rows, cols = (source_pixels(size, amount, mode) for size in image.shape)
    origin = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1)
    origin[(origin < 0).any(axis=-1)] = -1
    copied = image[rows[:, None], cols[None, :]].astype(np.float64)
    inside = np.zeros(copied.shape, dtype=np.bool_)
    inside[amount : amount + image.shape[0], amount : amount + image.shape[1]] = True
    return Padded(np.where(origin[..., 0] < 0, 0.0, copied), origin, inside)


def products(image: NDArray[Any], kernel: NDArray[Any], amount: int, mode: PadMode, row: int, col: int) -> Products:
    """The products behind output pixel (row, col), stride 1. image: (h, w); kernel: (k, k), k odd.

    Raises ValueError for a kernel that is not square and odd or does not fit, and for a pixel outside the output.
    """
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise ValueError(f"kernel must be square with an odd side; got shape {kernel.shape}. Try 3×3.")
    padded = pad_image(image, amount, mode)
    side = kernel.shape[0]
    height, width = (output_size(size, side, 1, amount) for size in image.shape)
    for name, value, size in (("row", row, height), ("col", col, width)):
        if not 0 <= value < size:
            raise ValueError(f"{name} must be from 0 to {size - 1}, the output being {height}×{width}; got {value}.")
    window = slice(row, row + side), slice(col, col + side)
    patch = padded.values[window]
    by_hand = patch * kernel
    return Products(
        padded=padded,
        kernel=np.asarray(kernel, dtype=np.float64),
        patch=patch,
        products=by_hand,
        outside=~padded.inside[window],
        row=row,
        col=col,
        total=float(by_hand.sum()),
        shape=(height, width),
    )


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Positions a kernel fits at along one axis: ⌊(n + 2p − k) / s⌋ + 1.

    Raises ValueError where a number is out of its range or the kernel is larger than the padded image.
    """
    for name, value, least in (
        ("size", size, 1),
        ("kernel", kernel, 1),
        ("stride", stride, 1),
        ("padding", padding, 0),
    ):
        if value < least:
            raise ValueError(f"{name} must be at least {least} px; got {value}.")
    if kernel > size + 2 * padding:
        needed = -(-(kernel - size) // 2)
        raise ValueError(
            f"kernel must fit the padded image, k <= n + 2p; got k={kernel}, n={size}, p={padding}. "
            f"Try padding={needed} or a kernel of at most {size + 2 * padding}."
        )
    return (size + 2 * padding - kernel) // stride + 1


@dataclass(frozen=True)
class LayerSize:
    """One layer's side before and after, in pixels, and the formula with its numbers."""

    before: int
    after: int
    formula: str


def output_sizes(size: int, layers: Sequence[Layer]) -> list[LayerSize]:
    """Layer by layer from an image of `size` pixels. layers: (kernel, stride, padding) each, in pixels.

    Raises ValueError naming the first layer that does not fit.
    """
    sizes = []
    for number, (kernel, stride, padding) in enumerate(layers, start=1):
        try:
            after = output_size(size, kernel, stride, padding)
        except ValueError as error:
            raise ValueError(f"Layer {number}: {error}") from None
        sizes.append(LayerSize(size, after, f"⌊({size} + 2·{padding} − {kernel}) / {stride}⌋ + 1 = {after}"))
        size = after
    return sizes


def _check_padding(size: int, amount: int, mode: PadMode) -> None:
    if mode not in PAD_MODES:
        raise ValueError(f"mode must be one of {', '.join(PAD_MODES)}; got {mode!r}.")
    if mode == "reflect" and amount >= size:
        raise ValueError(
            f"reflect needs padding < size, as the border pixel is not repeated; got padding {amount} on {size} px. "
            f"Try padding={size - 1} or replicate."
        )
    if mode == "circular" and amount > size:
        raise ValueError(
            f"circular needs padding <= size, as it goes round once; got padding {amount} on {size} px. "
            f"Try padding={size}."
        )
