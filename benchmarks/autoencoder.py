"""Many small autoencoders: seeds stacked in two warm workers against a plain loop, one training after another.

Both sides train the source's synthetic task (14,000 × 100, batches of 100, Adam, 10 epochs) and, before the first epoch
and after every one, a probe of 1000 steps. ours: a click on Run, through the engine, three seeds a cell. plain:
nn.Module, torch.optim.Adam, autograd, batches by Tensor.split, one seed after another, torch's default threads; imports
and data are not counted. A few of the twelve cells; sides alternate, medians of seconds a training, and their ratio.

    python -m benchmarks.autoencoder [--rounds 3] [--all]      --all: also time all 36 trainings of ours
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.data import vectors
from core.engine.scheduler import Limits, Scheduler
from core.engine.store import Store
from core.experiments.autoencoder import AutoencoderConfig
from core.nn.autoencoder import Autoencoder

KINDS, SIZES, SEEDS = ("vanilla", "denoising", "masked"), (5, 20, 100, 500), 3
FEW = (("vanilla", 5), ("denoising", 20), ("masked", 100), ("vanilla", 500))  # one of every size
Cell = tuple[str, int]


def main() -> None:
    """Print seconds a training of both sides, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--plain", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        kind, latent, seed = options.plain
        print(plain(AutoencoderConfig(kind=kind, latent=int(latent)), int(seed)))
        return
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home))
        scheduler = Scheduler(store, device="cpu", limits=Limits(per_owner=100))
        try:
            ours(scheduler, [("vanilla", 2), ("vanilla", 3)], first_seed=0)  # warms up both workers
            compare(scheduler, options.rounds)
            if options.all:
                cells = [(kind, latent) for latent in SIZES for kind in KINDS]
                seconds = [ours(scheduler, cells, first_seed=1000 * one) for one in range(1, options.rounds + 1)]
                shown = " ".join(f"{one:.1f}" for one in seconds)
                print(f"all 36 trainings, ours: median {statistics.median(seconds):.1f} s (rounds {shown})", flush=True)
        finally:
            scheduler.shutdown()
            store.close()


def compare(scheduler: Scheduler, rounds: int) -> None:
    """Alternate the sides on a few cells."""
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        mine.append(ours(scheduler, FEW, first_seed=10 * number) / (SEEDS * len(FEW)))
        theirs.append(sum(alone(*cell, number) for cell in FEW) / len(FEW))
        print(f"round {number + 1}: ours {mine[-1]:.2f} s a training, plain {theirs[-1]:.2f} s", flush=True)
    one, other = statistics.median(mine), statistics.median(theirs)
    print(
        f"{len(FEW)} cells, medians of {rounds} rounds: ours {one:.2f} s, plain {other:.2f} s, ratio {other / one:.1f}"
    )


def ours(scheduler: Scheduler, cells: Sequence[Cell], first_seed: int) -> float:
    """Seconds from the click until all is stored."""
    start = time.perf_counter()
    seeds = range(first_seed, first_seed + SEEDS)
    configs = [AutoencoderConfig.parse({"kind": kind, "latent": latent}) for kind, latent in cells]
    runs = [scheduler.start("autoencoder", one, tuple(seeds), "benchmark", keep=True).run_id for one in configs]
    states = {scheduler.wait(run).run.state for run in runs}
    assert states == {"finished"}, states
    return time.perf_counter() - start


def alone(kind: str, latent: int, seed: int) -> float:
    """Seconds of one plain training in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.autoencoder", "--plain", kind, str(latent), str(seed)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def plain(config: AutoencoderConfig, seed: int) -> float:
    """Seconds of the loop that a textbook would write."""
    found = vectors.load("gaussian")
    train = torch.from_numpy(found.train.inputs)
    validation, test = (
        (torch.from_numpy(one.inputs), torch.from_numpy(one.labels)) for one in (found.validation, found.test)
    )
    torch.optim.Adam([nn.Parameter(torch.zeros(1))])  # imported now, not in the measured time
    start = time.perf_counter()
    torch.manual_seed(seed)
    net = Autoencoder(train.shape[1], config.hidden_sizes, config.activation)
    optimiser = torch.optim.Adam(net.parameters(), lr=config.learning_rate)
    for epoch in range(config.epochs + 1):
        for x in train.split(config.batch_size) if epoch else ():
            optimiser.zero_grad()
            loss = (net(corrupted(x, config)) - x).square().sum(dim=1).mean()
            loss.backward()
            optimiser.step()
            loss.item()
        with torch.no_grad():
            (net(validation[0]) - validation[0]).square().sum(dim=1).mean().item()
            codes, tested = net.encoder(validation[0]), net.encoder(test[0])
        probe = nn.Linear(config.latent, found.classes)
        adam = torch.optim.Adam(probe.parameters(), lr=1e-3)
        for _ in range(config.probe_epochs):
            for part, labels in zip(codes.split(200), validation[1].split(200), strict=True):
                adam.zero_grad()
                F.cross_entropy(probe(part), labels).backward()
                adam.step()
        with torch.no_grad():
            (probe(tested).argmax(dim=1) == test[1]).float().mean().item()
    return time.perf_counter() - start


def corrupted(x: Tensor, config: AutoencoderConfig) -> Tensor:
    """What the encoder sees."""
    if config.kind == "denoising":
        return x + config.noise * torch.randn_like(x)
    if config.kind == "masked":
        return x * (torch.rand_like(x) >= config.mask_probability)
    return x


if __name__ == "__main__":
    main()
