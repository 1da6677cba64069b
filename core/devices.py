"""Where to compute, on how many threads, and with which random state."""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

KINDS = ("cuda", "mps", "cpu")


def available() -> tuple[str, ...]:
    """The device kinds of this machine, fastest first."""
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return tuple(kind for kind in KINDS if found[kind])


def choose(wanted: str = "auto") -> torch.device:
    """The device to train on. Raises ValueError for a kind that this machine has not."""
    kinds = available()
    if wanted == "auto":
        return torch.device(kinds[0])
    if wanted not in kinds:
        raise ValueError(f"device must be one of auto, {', '.join(kinds)} on this machine; got {wanted!r}. Try auto.")
    return torch.device(wanted)


def describe(device: torch.device) -> str:
    """What a person calls this device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"mps": "Apple GPU", "cpu": f"CPU ({platform.machine()}, {usable_cores()} cores)"}[device.type]


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Versions that numbers depend on."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global random state (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - an experiment may use the legacy stream; it must repeat too
    torch.manual_seed(seed)


@dataclass
class GlobalState:
    """The process-wide state that a training may lean on: random streams, grad mode, default dtype."""

    python_stream: Any
    numpy_stream: Any
    torch_stream: torch.Tensor
    cuda_streams: list[torch.Tensor]
    grad: bool
    dtype: torch.dtype

    @classmethod
    def capture(cls) -> GlobalState:
        """Read it; nothing changes."""
        return cls(
            python_stream=random.getstate(),
            numpy_stream=np.random.get_state(),  # noqa: NPY002 - the legacy stream is global state too
            torch_stream=torch.get_rng_state(),
            cuda_streams=torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
            grad=torch.is_grad_enabled(),
            dtype=torch.get_default_dtype(),
        )

    def restore(self) -> None:
        """Put it back."""
        random.setstate(self.python_stream)
        np.random.set_state(self.numpy_stream)  # noqa: NPY002 - see capture
        torch.set_rng_state(self.torch_stream)
        if self.cuda_streams:
            torch.cuda.set_rng_state_all(self.cuda_streams)
        torch.set_grad_enabled(self.grad)
        torch.set_default_dtype(self.dtype)


@contextmanager
def isolated(state: GlobalState) -> Iterator[GlobalState]:
    """Run a block in a global state of its own; on leaving, `state` holds what the block left and ours is back."""
    ours = GlobalState.capture()
    state.restore()
    try:
        yield state
    finally:
        state.__dict__.update(GlobalState.capture().__dict__)
        ours.restore()


@contextmanager
def one_thread() -> Iterator[None]:
    """Small work is done sooner by one thread than by several that wait for one another; also a decorator."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
