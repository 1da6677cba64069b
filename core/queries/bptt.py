"""Sequences with a cue to remember, and how far back the gradient of a net that reads them reaches.

Queries: f(model, config, device=..., ...) -> Arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from core.events import Arrays
from core.nn.recurrent import RecallNet

CUES = 4  # symbols to remember
OTHERS = 4  # symbols that follow and mean nothing
INPUTS = CUES + OTHERS
ASKED = 64  # sequences of a query
ASKED_STREAM = 3_000_003  # not one that a training meets


def draw(count: int, lag: int, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences (count, lag + 1, 8) in one-hot code, and their cues (count,)."""
    cues = torch.randint(CUES, (count, 1), generator=stream)
    others = CUES + torch.randint(OTHERS, (count, lag), generator=stream)
    return F.one_hot(torch.cat([cues, others], dim=1), INPUTS).float(), cues[:, 0]


def flow(model: RecallNet, config: Any, *, device: torch.device, seed: int = 0) -> Arrays:
    """How much of the gradient arrives how far back, uncut, in float64, on 64 sequences that no training meets.

    back: (lag + 1,) steps before the answer, 0 to lag. norms: (64, lag + 1), ‖∂loss/∂h‖ of each sequence there.
    jacobian: (64, lag + 1), σ_max of ∂h_T/∂h there; of an LSTM through its h alone is not the whole, so the pair (h, c)
    is taken. bound: (lag + 1,), σ_max(U)^k, which that of a tanh RNN cannot exceed; NaN for an LSTM. accuracy: in %.
    """
    inputs, cues = draw(ASKED, config.lag, torch.Generator().manual_seed(ASKED_STREAM + seed))
    net = RecallNet(INPUTS, config.width, CUES, config.cell).to(device, torch.float64)
    net.load_state_dict({name: one.double() for name, one in model.state_dict().items()})
    inputs, cues = inputs.to(device, torch.float64), cues.to(device)
    with torch.enable_grad():
        states = net.states(inputs)
        logits = net.head(states[-1])
        loss = F.cross_entropy(logits, cues, reduction="sum")
        gradients = torch.autograd.grad(loss, states)
    norms = torch.stack([one.norm(dim=1) for one in reversed(gradients)], dim=1)
    found = {
        "back": np.arange(config.lag + 1),
        "norms": norms.cpu().numpy(),
        "jacobian": jacobians(net, inputs).cpu().numpy(),
        "accuracy": np.array(100.0 * (logits.argmax(dim=1) == cues).double().mean().item()),
        "bound": bound_of(net, config.lag),
        "window": np.array(config.window),
    }
    return Arrays(0, found, name="flow")


def bound_of(net: RecallNet, lag: int) -> NDArray[np.float64]:
    """σ_max(U)^k for k = 0 … lag, tanh being nowhere steeper than 1; NaN for an LSTM."""
    if isinstance(net.cell, torch.nn.LSTMCell):
        return np.full(lag + 1, np.nan)
    largest = torch.linalg.matrix_norm(net.cell.weight_hh.detach(), 2).item()
    found: NDArray[np.float64] = largest ** np.arange(lag + 1.0)
    return found


@dataclass(frozen=True)
class Clipped:
    """One gradient of an untrained net before and after it is clipped.

    norms: of the weights' gradient, before and after. cosine: between the two. arriving: ‖∂loss/∂h₁‖/‖∂loss/∂h_T‖
    of the mean loss, which clipping the weights' gradient cannot change.
    """

    norms: tuple[float, float]
    cosine: float
    arriving: float


def clipped(config: Any, seed: int = 0) -> Clipped:
    """What clipping at half its norm does to the full gradient of 256 sequences."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    net = RecallNet(INPUTS, config.width, CUES, config.cell, config.forget_bias).double()
    torch.random.set_rng_state(state)
    inputs, cues = draw(256, config.lag, torch.Generator().manual_seed(ASKED_STREAM + seed))
    with torch.enable_grad():
        states = net.states(inputs.double())
        ends = torch.autograd.grad(
            loss := F.cross_entropy(net.head(states[-1]), cues), (states[0], states[-1]), retain_graph=True
        )
        loss.backward()
    before = torch.cat([one.grad.flatten().clone() for one in net.parameters() if one.grad is not None])
    torch.nn.utils.clip_grad_norm_(net.parameters(), before.norm().item() / 2)
    after = torch.cat([one.grad.flatten() for one in net.parameters() if one.grad is not None])
    long, short = before.norm().item(), after.norm().item()
    return Clipped((long, short), (before @ after).item() / (long * short), (ends[0].norm() / ends[1].norm()).item())


def jacobians(net: RecallNet, inputs: Tensor) -> Tensor:
    """(batch, steps): σ_max of ∂s_T/∂s_{T−k} for k = 0, 1, …, s being h, or h and c of an LSTM beside each other."""
    batch, steps, _ = inputs.shape
    width = net.head.in_features
    lstm = isinstance(net.cell, torch.nn.LSTMCell)
    states = _walk(net, inputs, lstm)
    whole = torch.eye(states[0].shape[1], dtype=inputs.dtype, device=inputs.device).expand(batch, -1, -1)
    found = [torch.ones(batch, dtype=inputs.dtype, device=inputs.device)]

    def step(state: Tensor, seen: Tensor) -> Tensor:
        if lstm:
            return torch.cat(net.cell(seen[None], (state[None, :width], state[None, width:])), dim=1)[0]
        return net.cell(seen[None], state[None])[0]  # type: ignore[no-any-return]

    each = torch.func.vmap(torch.func.jacrev(step))
    for at in range(steps - 1, 0, -1):
        whole = (whole @ each(states[at - 1], inputs[:, at])).detach()
        found.append(torch.linalg.matrix_norm(whole, 2))
    return torch.stack(found, dim=1)


def _walk(net: RecallNet, inputs: Tensor, lstm: bool) -> list[Tensor]:
    state, found = None, []
    with torch.no_grad():
        for step in range(inputs.shape[1]):
            state = net.cell(inputs[:, step], state)
            found.append(torch.cat(state, dim=1) if lstm else state)
    return found


QUERIES: Mapping[str, Callable[..., Arrays]] = {"flow": flow}
