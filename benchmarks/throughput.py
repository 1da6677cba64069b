"""Training throughput of the whole machine: our loop in one process a core against a plain PyTorch loop.

Both sides do the same work an epoch: 2000 training images, then validation and swapped location (1000 each).
plain: NCHW, DataLoader, whole batches of 200, F.pad padding, one process on PyTorch's default threads. ours: the
experiment's own generator, one single-threaded process a core, in the workers' environment. The sides alternate,
round by round, after a warm-up epoch each; the ratio is of medians.

    python -m benchmarks.throughput [--rounds 3] [--epochs 3] [--conv all]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from core.devices import usable_cores
from core.engine.local import environment

TRAINING_IMAGES = 2000


def main() -> None:
    """Print a table of images a second and the ratio, a row a conv type."""
    from core.nn.padded import CONV_TYPES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--conv", default="all")
    parser.add_argument("--side", choices=("plain", "ours"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        child(options.side, options.conv, options.rounds, options.epochs)
        return
    cores = usable_cores()
    print(f"{cores} cores; training images a second on all of them, medians of {options.rounds} rounds", flush=True)
    totals = {"plain": 0.0, "ours": 0.0}
    for conv in CONV_TYPES if options.conv == "all" else options.conv.split(","):
        sides = {"plain": Side("plain", conv, 1, options), "ours": Side("ours", conv, cores, options)}
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(options.rounds):
            for name, side in sides.items():
                seconds[name].append(side.round())
        rates = {
            name: side.count * options.epochs * TRAINING_IMAGES / statistics.median(seconds[name])
            for name, side in sides.items()
        }
        for name, rate in rates.items():
            totals[name] += 1 / rate
        for side in sides.values():
            side.close()
        shown = "  ".join(f"{name} {rate:6.0f}" for name, rate in rates.items())
        print(f"{conv:<10} {shown}  ratio {rates['ours'] / rates['plain']:.2f}", flush=True)
    print(f"{'all':<10} ratio {totals['plain'] / totals['ours']:.2f} (equal images of each)")


class Side:
    """The processes of one side; they train when told to."""

    def __init__(self, name: str, conv: str, count: int, options: argparse.Namespace) -> None:
        command = [sys.executable, "-m", "benchmarks.throughput", "--side", name, "--conv", conv]
        command += ["--rounds", str(options.rounds), "--epochs", str(options.epochs)]
        variables = environment() if name == "ours" else dict(os.environ)
        self.count = count
        self.children = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables)
            for _ in range(count)
        ]
        self._await()  # warmed up

    def round(self) -> float:
        """Seconds until every process has trained its epochs."""
        start = time.perf_counter()
        for one in self.children:
            assert one.stdin
            one.stdin.write("go\n")
            one.stdin.flush()
        self._await()
        return time.perf_counter() - start

    def close(self) -> None:
        """Wait for the processes to end."""
        for one in self.children:
            one.communicate()

    def _await(self) -> None:
        for one in self.children:
            assert one.stdout
            if not one.stdout.readline():
                raise RuntimeError(f"A process of this benchmark ended early; run it alone: {one.args}")


def child(side: str, conv: str, rounds: int, epochs: int) -> None:
    """Warm up, then train `epochs` at every line of standard input."""
    advance = plain(conv) if side == "plain" else ours(conv)
    next(advance)
    print("ready", flush=True)
    for _ in range(rounds):
        sys.stdin.readline()
        for _ in range(epochs):
            next(advance)
        print("done", flush=True)


def ours(conv: str) -> Any:
    """Yield after every epoch of the experiment's own loop."""
    import torch

    from core.events import Checkpoint
    from core.experiments.padding import PaddingConfig, run

    torch.set_num_threads(1)
    for event in run(PaddingConfig(conv=conv, epochs=200, patience=200), (0,), torch.device("cpu")):
        if isinstance(event, Checkpoint) and event.step:
            yield


def plain(conv: str) -> Any:
    """Yield after every epoch of the loop a textbook would write."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from core.data import red_green
    from core.nn.padded import CHANNELS, PADDING, STRIDES

    amount, mode = PADDING[conv]  # type: ignore[index]
    layers: list[nn.Module] = []
    for inputs, outputs, stride in zip(CHANNELS[:-1], CHANNELS[1:], STRIDES, strict=True):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, amount, bias=False, padding_mode=mode), nn.ReLU()]
    torch.manual_seed(0)
    net = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(CHANNELS[-1], 2))
    optimiser = torch.optim.Adadelta(net.parameters(), lr=1.0, rho=0.9, eps=1e-6, weight_decay=5e-5)
    data = {
        name: DataLoader(TensorDataset(torch.from_numpy(split.images), torch.from_numpy(split.labels)), batch_size=200)
        for name, split in red_green.splits().items()
    }
    while True:
        net.train()
        for images, labels in data["train"]:
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(images), labels).backward()
            optimiser.step()
        net.eval()
        with torch.no_grad():
            for name in ("validation", "swapped"):
                right = 0
                for images, labels in data[name]:
                    right += int((net(images).argmax(dim=1) == labels).sum())
        yield


if __name__ == "__main__":
    main()
