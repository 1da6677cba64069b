"""What a call costs on this machine: its seconds, the most memory it holds at once, and which kernels run at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile

Backend = Literal["auto", "math", "flash", "efficient", "cudnn"]
BACKENDS: dict[str, SDPBackend] = {
    "math": SDPBackend.MATH,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}


def seconds(call: Callable[[], object], device: torch.device) -> float:
    """Of one call, until the device has done it."""
    synchronise(device)
    began = time.perf_counter()
    kept = call()
    synchronise(device)
    spent = time.perf_counter() - began
    del kept  # giving memory back is not part of the call
    return spent


def peak_bytes(call: Callable[[], object], device: torch.device) -> float:
    """The most memory that stood at once during one call, beyond what stood before: from the allocator's own record.

    NaN on Apple's GPUs, whose allocator keeps none.
    """
    if device.type == "mps":
        return float("nan")
    if device.type == "cuda":
        synchronise(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        synchronise(device)
        return float(torch.cuda.max_memory_allocated(device) - before)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        call()
    events = [one for one in record.profiler.kineto_results.events() if one.name() == "[memory]"]
    standing = peak = 0
    for one in sorted(events, key=lambda event: event.start_ns()):
        standing += one.nbytes()
        peak = max(peak, standing)
    return float(peak)


def free_bytes(device: torch.device) -> int:
    """What can still be asked for on this machine, about."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
        free = 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable")))
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2  # macOS: half of all there is
    return min(free, _left_in_group())


def _left_in_group() -> int:
    """What a container's limit leaves; without one, no bound."""
    try:
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text("utf-8") for name in ("max", "current"))
        return int(limit) - int(used)
    except (OSError, ValueError):  # ValueError: the limit is "max"
        return 2**62


def synchronise(device: torch.device) -> None:
    """Wait for what was asked of a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@cache
def usable_backends(device: str) -> tuple[str, ...]:
    """The backends of scaled dot-product attention that run on a kind of device, "auto" first."""
    return ("auto", *(name for name in BACKENDS if _runs(name, device)))


def _runs(name: str, device: str) -> bool:
    q = torch.zeros(1, 1, 16, 16, device=device, dtype=torch.float32)
    try:
        with torch.inference_mode(), sdpa_kernel(BACKENDS[name]):
            F.scaled_dot_product_attention(q, q, q)
    except RuntimeError:
        return False
    return True
