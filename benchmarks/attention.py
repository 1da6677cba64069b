"""Attention through feature maps against torch's softmax: milliseconds, ratios, peak bytes, and where lines meet.

B·H = 2, d = m = 64, single precision, forward, inputs N(0, 1), one thread as in a worker, with the allocator's settings
that workers have. At every length the sides take turns; ratios are of medians. softmax is torch's
scaled_dot_product_attention, causal softmax the same with is_causal; features are made for a piece of the tokens at a
time where the map is wide. The crossover of the quadratic kernel is interpolated between lengths, log–log.

    python -m benchmarks.attention [--rounds 7] [--lengths 1024,4096,16384]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from core.engine.local import GLIBC_MALLOC, environment
from core.nn.attention import attend
from core.nn.cost import peak_bytes, seconds
from core.nn.kernels import Favor, Linear, Polynomial, Softmax
from core.statistics import crossover

HEADS, WIDTH = 2, 64
TURN_SECONDS = 0.02  # of calls before the next side's turn: caches are as warm for the short ones as for the long
CPU = torch.device("cpu")
Sides = dict[str, Callable[[], Tensor]]


def main() -> None:
    """Print medians in ms and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lengths", default="1024,4096,8192,16384")
    options = parser.parse_args()
    if not os.environ.keys() >= GLIBC_MALLOC.keys() and environment().keys() >= GLIBC_MALLOC.keys():
        command = [sys.executable, "-m", "benchmarks.attention", *sys.argv[1:]]  # they count from a process's start
        raise SystemExit(subprocess.run(command, env=environment(), check=False).returncode)
    torch.set_num_threads(1)
    medians: dict[str, dict[int, float]] = {}
    for length in map(int, options.lengths.split(",")):
        for name, value in timed(length, options.rounds).items():
            medians.setdefault(name, {})[length] = value
    quadratic, softmax = (medians[name] for name in ("quadratic", "softmax"))
    met = crossover(list(softmax), list(softmax.values()), list(quadratic.values()))
    print(f"quadratic faster than softmax from n = {met:,.0f}" if met else "quadratic: not faster up to the longest n")


def timed(length: int, rounds: int) -> dict[str, float]:
    """Median seconds of every side at one length, printed with ratios and peak memory."""
    every = sides(length)
    spent: dict[str, list[float]] = {name: [] for name in every}
    with torch.inference_mode():
        for call in every.values():
            call()
        for _ in range(rounds):
            for name, call in every.items():
                begun = len(spent[name])
                while sum(spent[name][begun:]) < TURN_SECONDS:
                    spent[name].append(seconds(call, CPU))
        peaks = {name: peak_bytes(call, CPU) for name, call in every.items()}
    medians = {name: statistics.median(found) for name, found in spent.items()}
    print(f"n = {length}, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for name, value in medians.items():
        ratios = "  ".join(f"{medians[one] / value:6.2f} × {one}" for one in ("softmax", "softmax, causal"))
        print(f"    {name:<18} {1e3 * value:9.2f} ms  {ratios}  {peaks[name] / 2**20:8.1f} MiB")
    return medians


def sides(length: int) -> Sides:
    """Name -> call."""
    stream = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, HEADS, length, WIDTH, generator=stream) for _ in range(3))
    found: Sides = {}
    for name, kernel in {
        "softmax": Softmax(),
        "elu+1": Linear(),
        "quadratic": Polynomial(2),
        "FAVOR+": Favor(),
    }.items():
        form = None if name == "softmax" else "features"
        for causal in (False, True):
            key = f"{name}, causal" if causal else name
            found[key] = lambda kernel=kernel, form=form, causal=causal: attend(kernel, q, k, v, form, causal)  # type: ignore[misc]
    return found


if __name__ == "__main__":
    main()
