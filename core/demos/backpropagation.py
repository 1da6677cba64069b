"""Backpropagation through time by hand, one node at a time, every number beside autograd's.

h_t = σ(Wx_t + Uh_{t−1}), y_t = Vh_t, L = Σ‖z_t − y_t‖², h₀ = 0. Backwards, from t = T:
∇_{y_t}L = 2(y_t − z_t); ∇_{h_t}L = 2Vᵀ(y_t − z_t) + (∂h_{t+1}/∂h_t)ᵀ∇_{h_{t+1}}L with
∂h_{t+1}/∂h_t = diag(h_{t+1}(1 − h_{t+1}))U; ∇_W = Σ diag(h_t(1 − h_t))∇_{h_t}L x_tᵀ, ∇_U the same with h_{t−1}ᵀ, and
∇_V = Σ 2(y_t − z_t)h_tᵀ. Numbers are float64; the weights' gradients are added up on the way back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import networkx as nx
import numpy as np
import torch

from core.demos.gradients import BOUND, NUMBER, Floats, GradientsConfig
from core.demos.graph_algebra import quoted
from core.demos.graph_layers import number
from core.devices import one_thread

MOST_STEPS, MOST_WIDTH = 6, 3
Kind = Literal["y", "h", "weights"]
TEXTS: Mapping[str, str] = {"inputs": "x", "targets": "z", "w": "W", "u": "U", "v": "V"}  # field -> name


@dataclass(frozen=True)
class Problem:
    """x: (T, inputs); z: (T, outputs); w: (hidden, inputs); u: (hidden, hidden); v: (outputs, hidden)."""

    x: Floats
    z: Floats
    w: Floats
    u: Floats
    v: Floats


@dataclass(frozen=True)
class Step:
    """One node of the way back. kind: y_t, h_t, or the share of step t in the weights' gradients.

    lines: the formula, its numbers, and the result, as text. found, autograd: the same numbers, by hand and by
    autograd; of the weights their sums so far, and what autograd says of the last steps alone.
    """

    kind: Kind
    time: int
    lines: tuple[str, ...]
    found: Mapping[str, Floats]
    autograd: Mapping[str, Floats]

    @property
    def difference(self) -> float:
        """The largest."""
        return max(float(np.abs(self.found[name] - self.autograd[name]).max()) for name in self.found)


@dataclass(frozen=True)
class Backward:
    """h: (T + 1, hidden), h₀ first; y: (T, outputs); loss; steps of the way back in their order."""

    problem: Problem
    h: Floats
    y: Floats
    loss: float
    steps: tuple[Step, ...]


def read(config: GradientsConfig) -> tuple[Problem, tuple[str, ...]]:
    """The problem that the form says; where it cannot be, the example with a note that says why."""
    try:
        rows = {field: read_matrix(getattr(config, field), name) for field, name in TEXTS.items()}
        problem = Problem(rows["inputs"], rows["targets"], rows["w"], rows["u"], rows["v"])
        _check(problem)
    except ValueError as error:
        return read(GradientsConfig())[0], (f"{error} The example stands in.",)
    return problem, ()


def read_matrix(text: str, name: str) -> Floats:
    """Rows separated by semicolons, numbers by spaces. Raises ValueError for anything else."""
    rows = [row.split() for row in text.replace(",", " ").replace("−", "-").split(";") if row.strip()]
    if not rows:
        raise ValueError(f"{name} is empty: write numbers with spaces between them, rows separated by semicolons.")
    for row in rows:
        for piece in row:
            if not re.fullmatch(NUMBER, piece) or abs(float(piece)) > BOUND:
                raise ValueError(
                    f"{quoted(piece)} in {name} is none: it takes numbers from −{BOUND:g} to {BOUND:g}, rows separated "
                    "by semicolons."
                )
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise ValueError(
            f"The rows of {name} must be of one length; got rows of {lengths[0]} and of {lengths[-1]} numbers."
        )
    return np.array([[float(piece) for piece in row] for row in rows])


def _check(one: Problem) -> None:
    hidden, inputs = one.w.shape
    steps, outputs = len(one.x), len(one.v)
    for name, value, most in (
        ("steps, the rows of x,", steps, MOST_STEPS),
        ("hidden units, the rows of W,", hidden, 3),
    ):
        if value > most:
            raise ValueError(f"There may be at most {most} {name} here; got {value}. Remove some.")
    if max(inputs, outputs) > MOST_WIDTH:
        raise ValueError(f"x and y have at most {MOST_WIDTH} numbers a step here; got {max(inputs, outputs)}.")
    wanted = {"x": (one.x, (steps, inputs)), "z": (one.z, (steps, outputs)), "U": (one.u, (hidden, hidden))}
    wanted["V"] = (one.v, (outputs, hidden))
    for name, (found, shape) in wanted.items():
        if found.shape != shape:
            raise ValueError(
                f"{name} must have {_shape(shape)} to go with W ({_shape(one.w.shape)}), {steps} steps and {outputs} "
                f"{'output' if outputs == 1 else 'outputs'} (the rows of V); got {_shape(found.shape)}."
            )


def _shape(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} row{'' if shape[0] == 1 else 's'} of {shape[1]}"


def forward(one: Problem) -> tuple[Floats, Floats]:
    """States (T + 1, hidden) with h₀ = 0, and y (T, outputs)."""
    h = [np.zeros(len(one.w))]
    for x in one.x:
        h.append(np.exp(-np.logaddexp(0.0, -(one.w @ x + one.u @ h[-1]))))
    states = np.array(h)
    return states, states[1:] @ one.v.T


def solve(problem: Problem) -> Backward:
    """Forward, then backwards one node at a time; the numbers are worked out by the formulas, not by autograd."""
    return _solved(
        *(tuple(map(tuple, one.tolist())) for one in (problem.x, problem.z, problem.w, problem.u, problem.v))
    )


Frozen = tuple[tuple[float, ...], ...]


@lru_cache(maxsize=32)
def _solved(x: Frozen, z: Frozen, w: Frozen, u: Frozen, v: Frozen) -> Backward:
    one = Problem(*(np.array(part) for part in (x, z, w, u, v)))
    h, y = forward(one)
    truth = by_autograd(one)
    sums = {"W": np.zeros_like(one.w), "U": np.zeros_like(one.u), "V": np.zeros_like(one.v)}
    steps: list[Step] = []
    future: Floats | None = None
    for t in range(len(one.x), 0, -1):
        error = 2 * (y[t - 1] - one.z[t - 1])
        steps.append(_y_step(t, y[t - 1], one.z[t - 1], error, truth))
        here, later = one.v.T @ error, np.zeros(len(one.w))
        if future is not None:
            jacobian = (h[t + 1] * (1 - h[t + 1]))[:, None] * one.u
            later = jacobian.T @ future
        future = here + later
        steps.append(_h_step(t, here, later, future, t == len(one.x), truth))
        through = h[t] * (1 - h[t]) * future
        shares = {"W": np.outer(through, one.x[t - 1]), "U": np.outer(through, h[t - 1]), "V": np.outer(error, h[t])}
        sums = {name: sums[name] + share for name, share in shares.items()}
        steps.append(_weight_step(t, shares, sums, truth))
    return Backward(one, h, y, float(((one.z - y) ** 2).sum()), tuple(steps))


def _y_step(t: int, y: Floats, z: Floats, error: Floats, truth: Mapping[str, Floats]) -> Step:
    lines = (
        f"∇y{t} L = 2(y{t} − z{t}) = 2({vector(y)} − {vector(z)}) = {vector(error)}",
        f"autograd: {vector(truth[f'y{t}'])}",
    )
    return Step("y", t, lines, {f"y{t}": error}, {f"y{t}": truth[f"y{t}"]})


def _h_step(t: int, here: Floats, later: Floats, total: Floats, last: bool, truth: Mapping[str, Floats]) -> Step:
    lines = [f"∇h{t} L{t} = Vᵀ·∇y{t} L = 2Vᵀ(y{t} − z{t}) = {vector(here)}"]
    if last:
        lines.append(f"h{t} is the last state: nothing comes from later steps.")
    else:
        lines += [
            f"∂h{t + 1}/∂h{t} = diag(h{t + 1}(1 − h{t + 1}))·U",
            f"(∂h{t + 1}/∂h{t})ᵀ·∇h{t + 1} L = {vector(later)}",
        ]
    lines += [f"∇h{t} L = {vector(here)} + {vector(later)} = {vector(total)}", f"autograd: {vector(truth[f'h{t}'])}"]
    return Step("h", t, tuple(lines), {f"h{t}": total}, {f"h{t}": truth[f"h{t}"]})


def _weight_step(t: int, shares: Mapping[str, Floats], sums: Mapping[str, Floats], truth: Mapping[str, Floats]) -> Step:
    formulas = {
        "W": f"diag(h{t}(1 − h{t}))·∇h{t} L·x{t}ᵀ",
        "U": f"diag(h{t}(1 − h{t}))·∇h{t} L·h{t - 1}ᵀ",
        "V": f"2(y{t} − z{t})·h{t}ᵀ",
    }
    so_far = {name: truth[f"{name}{t}"] for name in sums}
    lines = []
    for name, formula in formulas.items():
        lines.append(f"∇{name}, share of step {t}: {formula} = {grid(shares[name])}")
        lines.append(f"∇{name}, sum of steps {t} and later = {grid(sums[name])}   autograd: {grid(so_far[name])}")
    return Step("weights", t, tuple(lines), dict(sums), so_far)


def by_autograd(one: Problem) -> dict[str, Floats]:
    """What torch says: ∇ by y1 … and h1 …, and by W1 …: the weights used at that step and later ones alone.

    Every step has copies of the weights of its own, whose gradients are then added up from the end.
    """
    with one_thread(), torch.enable_grad():
        x, z = torch.from_numpy(one.x), torch.from_numpy(one.z)
        copies = [
            {name: torch.from_numpy(part.copy()).requires_grad_() for name, part in _weights(one).items()}
            for _ in one.x
        ]
        h = torch.zeros(len(one.w), dtype=torch.float64)
        nodes: dict[str, torch.Tensor] = {}
        loss = torch.zeros((), dtype=torch.float64)
        for t, weights in enumerate(copies, start=1):
            h = torch.sigmoid(weights["W"] @ x[t - 1] + weights["U"] @ h)
            y = weights["V"] @ h
            loss = loss + (z[t - 1] - y).square().sum()
            nodes |= {f"h{t}": h, f"y{t}": y}
            nodes |= {f"{name}{t}": weights[name] for name in ("W", "U", "V")}
        gradients = torch.autograd.grad(loss, list(nodes.values()))
    found: dict[str, Floats] = {name: one.numpy() for name, one in zip(nodes, gradients, strict=True)}
    for t in range(len(copies) - 1, 0, -1):
        for name in ("W", "U", "V"):
            found[f"{name}{t}"] = found[f"{name}{t}"] + found[f"{name}{t + 1}"]
    return found


def _weights(one: Problem) -> dict[str, Floats]:
    return {"W": one.w, "U": one.u, "V": one.v}


@lru_cache(maxsize=8)
def unrolled(steps: int) -> tuple[Mapping[str, tuple[float, float]], tuple[tuple[str, str], ...]]:
    """Places of the nodes x1 … h0 … y1 … L1 …, and the edges between them, in the order of the forward pass.

    The places are networkx's, columns of time; the rows from below are x, h, y and L.
    """
    made = nx.DiGraph()
    edges = [(f"h{t - 1}", f"h{t}") for t in range(1, steps + 1)]
    for t in range(1, steps + 1):
        edges += [(f"x{t}", f"h{t}"), (f"h{t}", f"y{t}"), (f"y{t}", f"L{t}")]
    made.add_edges_from(edges)
    for node in made:
        made.nodes[node]["layer"] = "xhyL".index(node[0])
    rows = nx.multipartite_layout(made, subset_key="layer", align="horizontal")
    return {node: (float(node[1:]), float(rows[node][1])) for node in made}, tuple(edges)


def vector(values: Floats) -> str:
    """As it is written, (1, −0.5)."""
    return f"({', '.join(number(one) for one in values)})" if len(values) > 1 else number(float(values[0]))


def grid(values: Floats) -> str:
    """A matrix in one line, rows separated by semicolons."""
    return f"[{'; '.join(' '.join(number(one) for one in row) for row in values)}]"


@dataclass(frozen=True)
class Edge:
    """What an edge carries forward, and back once its head has been reached (None before). ends: of the graph's names.

    formulas: of both, without numbers.
    """

    ends: tuple[str, str]
    forward: Floats
    back: Floats | None
    formulas: tuple[str, str]


def edges(found: Backward, done: int) -> tuple[Edge, ...]:
    """Every edge of the unrolled graph after `done` steps of the way back."""
    one, h, y = found.problem, found.h, found.y
    gradients = {name: value for step in found.steps[:done] for name, value in step.found.items()}
    carried = []
    for t in range(len(one.x), 0, -1):
        error, total = gradients.get(f"y{t}"), gradients.get(f"h{t}")
        through = None if total is None else h[t] * (1 - h[t]) * total
        slope = f"diag(h{t}(1 − h{t}))·∇h{t} L"
        carried += [
            Edge((f"y{t}", f"L{t}"), (one.z[t - 1] - y[t - 1]) ** 2, error, (f"(z{t} − y{t})²", f"2(y{t} − z{t})")),
            Edge((f"h{t}", f"y{t}"), y[t - 1], _back(one.v, error), (f"V·h{t}", f"Vᵀ·∇y{t} L")),
            Edge((f"h{t - 1}", f"h{t}"), one.u @ h[t - 1], _back(one.u, through), (f"U·h{t - 1}", f"Uᵀ·{slope}")),
            Edge((f"x{t}", f"h{t}"), one.w @ one.x[t - 1], _back(one.w, through), (f"W·x{t}", f"Wᵀ·{slope}")),
        ]
    return tuple(carried)


def _back(matrix: Floats, gradient: Floats | None) -> Floats | None:
    return None if gradient is None else matrix.T @ gradient
