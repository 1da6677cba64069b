"""The arithmetic behind one cell of an attention's matrices, in numbers. Plain text, a line a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from core.demos.attention import SOFT, AttentionConfig, Floats, Inputs, Seen, inputs, look
from core.statistics import true_minus

Matrix = Literal["Q", "K", "V", "scores", "weights", "output"]
MATRICES: tuple[Matrix, ...] = get_args(Matrix)
TERMS = 6  # of a sum that are written out


def matrices(seen: Seen) -> dict[Matrix, Floats]:
    """All that is drawn, in its order."""
    made = (seen.q, seen.k, seen.v, seen.scores, seen.weights, seen.output)
    return dict(zip(MATRICES, made, strict=True))


def by_hand(config: AttentionConfig, matrix: Matrix, row: int, column: int) -> list[str]:
    """How the number in this cell comes about. Raises ValueError for a cell that is not there."""
    seen, given = look(config), inputs(config)
    shape = matrices(seen)[matrix].shape
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        last = f"row 0 to {shape[0] - 1}, column 0 to {shape[1] - 1}"
        raise ValueError(f"a cell of {matrix} is in {last}; got row {row}, column {column}.")
    if matrix == "scores":
        return _score(config, seen, row, column)
    if matrix == "weights":
        return _weight(config, seen, row, column)
    if matrix == "output":
        terms = [(seen.weights[row, j], seen.v[j, column]) for j in range(len(seen.v))]
        head = f"output[{row}, {column}] = Σⱼ weight[{row}, j] · V[j, {column}]"
        return [head, _sum(terms, float(seen.output[row, column]), largest=True)]
    return _projected(config, given, seen, matrix, row, column)


def _projected(config: AttentionConfig, given: Inputs, seen: Seen, matrix: Matrix, row: int, column: int) -> list[str]:
    value = float(matrices(seen)[matrix][row, column])
    if config.projections == "identity":
        return [f"{matrix}[{row}, {column}] = x[{row}, {column}] = {_n(value)}: nothing projects it."]
    projection = given.projections["QKV".index(matrix)]
    terms = list(zip(given.x[row], projection[:, column], strict=True))
    return [f"{matrix}[{row}, {column}] = Σ_c x[{row}, c] · W_{matrix}[c, {column}]", _sum(terms, value)]


def _score(config: AttentionConfig, seen: Seen, row: int, column: int) -> list[str]:
    q, k, value = seen.q[row], seen.k[column], float(seen.scores[row, column])
    product = float(q @ k)
    dot = [f"q{row}·k{column} = {_sum(list(zip(q, k, strict=True)), product)}"]
    name = f"score[{row}, {column}]"
    if not np.isfinite(value):
        return [f"{name} = −∞: {abs(row - column)} places apart, and the window is ± {config.reach}."]
    if config.kernel == "favor":
        line = f"{name} = φ(q{row})·φ(k{column}) = {_n(value)}, a sum over {config.features} random features,"
        return [line, "up to a factor of the row, which the division undoes."]
    if config.kernel in SOFT:
        root = f"√{config.width}" if config.scaled else "1"
        return [*dot, f"{name} = {_n(product)} / ({root} · {config.temperature:g}) = {_n(value)}"]
    if config.kernel == "linear":
        terms = list(zip(_elu(q), _elu(k), strict=True))
        return [f"{name} = Σ_c (elu(q) + 1)·(elu(k) + 1)", _sum(terms, value)]
    if config.kernel == "rbf":
        apart, twice = _n(float(((q - k) ** 2).sum())), _n(2 * config.length**2)
        return [f"{name} = −‖q{row} − k{column}‖² / (2·{config.length:g}²) = −{apart} / {twice} = {_n(value)}"]
    if config.kernel in ("cosine", "plain_cosine"):
        lengths = f"({_n(float(np.linalg.norm(q)))} · {_n(float(np.linalg.norm(k)))})"
        margin = f"1 + {config.margin:g} + " if config.kernel == "cosine" else ""
        return [*dot, f"{name} = {margin}{_n(product)} / {lengths} = {_n(value)}"]
    degree = {"quadratic": 2, "odd": 3, "polynomial": config.degree}.get(config.kernel)
    return [*dot, f"{name} = ({_n(product)} + 1)^{degree} = {_n(value)}" if degree else f"{name} = {_n(value)}"]


def _weight(config: AttentionConfig, seen: Seen, row: int, column: int) -> list[str]:
    value, scores = float(seen.weights[row, column]), seen.scores[row]
    name, score = f"weight[{row}, {column}]", float(scores[column])
    if config.kernel == "argmax":
        best = int(scores.argmax())
        return [f"The largest score of row {row} is {_n(float(scores[best]))}, at token {best}.", f"{name} = {value:g}"]
    if config.kernel == "favor" or config.kernel not in (*SOFT, "rbf"):
        total, absolute = float(scores.sum()), float(np.abs(scores).sum())
        lines = [f"{name} = {_n(score)} / Σⱼ score[{row}, j] = {_n(score)} / {_n(total)} = {_n(value)}"]
        if (scores < 0).any():
            lines.append(f"The row's scores change sign: their sum is {_n(total)}, of absolute values {_n(absolute)}.")
        return lines
    shifted = np.exp(scores - scores.max())
    share = float(shifted[column] / shifted.sum())
    lines = [f"{name} = exp({_n(score)}) / Σⱼ exp(score[{row}, j]) = {_n(share)}"]
    if config.kernel == "low_rank":
        lines.append(f"Cut to rank {config.rank} it is {_n(value)}, {_n(value - share)} away.")
    return lines


def _sum(terms: Sequence[tuple[float, float]], total: float, largest: bool = False) -> str:
    """The products and their sum; of many, only some are written out."""
    order = sorted(range(len(terms)), key=lambda place: -abs(terms[place][0])) if largest else list(range(len(terms)))
    shown = [f"{_factor(terms[place][0])}·{_factor(terms[place][1])}" for place in order[:TERMS]]
    rest = len(terms) - len(shown)
    more = f" + … ({rest} more)" if rest else ""
    return f"{' + '.join(shown)}{more} = {_n(total)}"


def _elu(x: Floats) -> Floats:
    made: Floats = np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))
    return made


def _factor(number: float) -> str:
    return f"({_n(float(number))})" if number < 0 else _n(float(number))


def _n(number: float) -> str:
    """Four figures, with a true minus sign; what divides by 0 is none."""
    if np.isnan(number):
        return "undefined"
    return true_minus(f"{number:.4g}").replace("inf", "∞")
