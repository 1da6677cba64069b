"""Numbers as people write them: a row, a matrix or a block, read from text, with a sentence for what cannot be."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCK, ROW = ";", "/"  # between samples, and between the rows of one
LARGEST = 1e6


def block(text: str, most: int) -> Floats:
    """(blocks, rows, columns) from "1 2 / 3 4; 5 6 / 7 8". Raises ValueError with the rule, the value and the remedy.

    most: of each of the three sizes.
    """
    found = [[_numbers(row) for row in one.split(ROW)] for one in text.strip().strip(BLOCK).split(BLOCK)]
    shapes = {(len(one), *(len(row) for row in one)) for one in found}
    widths = {len(row) for one in found for row in one}
    if len(shapes) > 1 or len(widths) > 1:
        sizes = "; ".join(" / ".join(str(len(row)) for row in one) for one in found)
        raise ValueError(f"all parts must have the same shape; got rows of {sizes} numbers. Fill the gaps.")
    values: Floats = np.array(found, dtype=np.float64)
    if values.size == 0 or max(values.shape) > most:
        shape = "×".join(map(str, values.shape))
        remedy = "Write fewer numbers." if values.size else "Write a number."
        raise ValueError(f"each size must be from 1 to {most}; got {shape}. {remedy}")
    return values


def matrix(text: str, most: int) -> Floats:
    """(rows, columns) from "1 2; 3 4". Raises ValueError."""
    found: Floats = block(text.strip().strip(BLOCK).replace(BLOCK, ROW), most)[0]
    return found


def row(text: str, length: int) -> Floats:
    """(length,) from "1 2 3". Raises ValueError."""
    values = _numbers(text)
    if len(values) != length:
        raise ValueError(f"it must have {length} numbers; got {len(values)}. Write one for each.")
    return np.array(values)


def _numbers(text: str) -> list[float]:
    return [_number(one) for one in re.split(r"[\s,]+", text.strip()) if one]


def _number(word: str) -> float:
    try:
        value = float(word.replace("\u2212", "-"))
    except ValueError:
        value = float("nan")
    if not abs(value) <= LARGEST:  # NaN, too
        said = word[:16].replace("`", "'")
        raise ValueError(f"every entry must be a number from -10⁶ to 10⁶; got `{said}`. Replace it.")
    return value
