"""The language model: our loop against a plain one, generation with what is kept and without, and a first character.

train: the experiment's own loop in a worker's environment, and the usual one for the same net as a script would run it
(attention as it is usually written down, mean cross-entropy, AdamW as it comes, gradients clipped), in single precision
and with autocast to bf16; a process of one thread each, which take turns; ratios are of medians. speak: 512 characters
by nano and micro with a block of 512, the same text on both sides. query: four characters after a prompt, through the
engine, from a warm worker that is idle and while all workers train.

    python -m benchmarks.gpt [--size nano] [--steps 10] [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.data import text as texts
from core.engine.local import GLIBC_MALLOC, environment
from core.engine.scheduler import Scheduler
from core.engine.store import Store
from core.events import Metrics
from core.experiments import gpt
from core.experiments.gpt import TRAINING, GptConfig, build
from core.nn.gpt import Attention
from core.queries.gpt import written
from core.queries.sampling import Sampling
from core.training import weights_of

CPU = torch.device("cpu")


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="nano")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.side:
        child(options.side, GptConfig.parse({"size": options.size}), options.steps, options.rounds)
        return
    if not os.environ.keys() >= GLIBC_MALLOC.keys() and environment().keys() >= GLIBC_MALLOC.keys():
        command = [
            sys.executable,
            "-m",
            "benchmarks.gpt",
            *sys.argv[1:],
        ]  # as a worker, which gets its own at the start
        raise SystemExit(subprocess.run(command, env=environment(), check=False).returncode)
    train(options.size, options.steps, options.rounds)
    for size in ("nano", "micro"):
        speak(GptConfig.parse({"size": size, "block": 512}), 3)
    for name, side in {"idle": idle, "busy": busy}.items():
        waits = sorted(side(GptConfig.parse({"size": options.size}), 60))
        longest = f"9 of 10 within {waits[len(waits) * 9 // 10 - 1]:.0f} ms, slowest {waits[-1]:.0f} ms"
        print(f"query  {name} median {statistics.median(waits):.1f} ms, {longest}, of {len(waits)}")


def train(size: str, steps: int, rounds: int) -> None:
    """Tokens per second of each side, and ratios."""
    config = GptConfig.parse({"size": size})
    tokens = steps * config.batch_size * config.block
    sides = {name: Side(name, size, steps, rounds) for name in SIDES}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            seconds[name].append(side.round())
    median = {name: statistics.median(found) for name, found in seconds.items()}
    for name, side in sides.items():
        side.close()
        print(
            f"train  {size} {name:<6}{1e3 * median[name] / steps:8.1f} ms a step  {tokens / median[name]:9,.0f} "
            f"tokens/s   ours is {median[name] / median['ours']:.2f} times as fast",
            flush=True,
        )


class Side:
    """The process of one side; it trains when told to. Ours has the environment of a worker."""

    def __init__(self, name: str, size: str, steps: int, rounds: int) -> None:
        command = [sys.executable, "-m", "benchmarks.gpt", "--side", name, "--size", size]
        command += ["--steps", str(steps), "--rounds", str(rounds)]
        plainly = {key: value for key, value in os.environ.items() if key not in GLIBC_MALLOC}
        variables = environment() if name == "ours" else plainly
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables
        )
        self._await()  # warmed up

    def round(self) -> float:
        """Seconds of some steps."""
        start = time.perf_counter()
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self._await()
        return time.perf_counter() - start

    def close(self) -> None:
        """Wait for the process to end."""
        self.process.communicate()

    def _await(self) -> None:
        assert self.process.stdout
        if not self.process.stdout.readline():
            raise RuntimeError(f"A process of this benchmark ended early; run it alone: {self.process.args}")


def child(side: str, config: GptConfig, steps: int, rounds: int) -> None:
    """Warm up, then make some steps at every line of standard input."""
    advance = SIDES[side](config)
    for _ in range(3):
        next(advance)
    print("ready", flush=True)
    for _ in range(rounds):
        sys.stdin.readline()
        for _ in range(steps):
            next(advance)
        print("done", flush=True)


def ours(config: GptConfig) -> Iterator[None]:
    """One step of the experiment's loop at a time."""
    gpt.STEPS, gpt.TOLD = 10_000, 1  # never measured, told at every step
    events = gpt.run(config, (0,), CPU)
    for event in events:
        if isinstance(event, Metrics) and gpt.HELD_OUT in event.values:
            break
    next(events)  # the checkpoint
    for event in events:
        if isinstance(event, Metrics) and TRAINING in event.values:
            yield


def plain(config: GptConfig, autocast: torch.dtype | None = None) -> Iterator[None]:
    """One step of the usual loop at a time."""
    text = torch.from_numpy(texts.load(config.corpus).train)
    torch.manual_seed(0)
    net = plainly_built(config)
    matrices = [one for one in net.parameters() if one.ndim >= 2]
    others = [one for one in net.parameters() if one.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.95))
    net.train()
    while True:
        starts = torch.randint(len(text) - config.block, (config.batch_size,)).tolist()
        x = torch.stack([text[start : start + config.block] for start in starts])
        y = torch.stack([text[start + 1 : start + 1 + config.block] for start in starts])
        with torch.autocast("cpu", dtype=autocast or torch.bfloat16, enabled=autocast is not None):
            logits: Tensor = net(x)
            loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), y.view(-1))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), config.clip)
        optimiser.step()
        loss.item()
        yield


def plainly_built(config: GptConfig) -> nn.Module:
    """The same net, its attention as it is usually written down."""
    net = build(config)
    for block in net.blocks:  # type: ignore[union-attr]
        block.attention = PlainAttention(block.attention, config.block)  # type: ignore[union-attr]
    return net


class PlainAttention(nn.Module):
    """Queries, keys and values split, each turned by itself, torch's own attention, heads joined."""

    def __init__(self, ours: Attention, block: int) -> None:
        super().__init__()
        self.heads, self.project, self.mix = ours.heads, ours.project, ours.mix
        width = ours.mix.in_features // self.heads
        speeds = 10_000.0 ** (-torch.arange(0, width, 2) / width)
        angles = torch.outer(torch.arange(block), speeds).repeat(1, 2)
        self.cos, self.sin = angles.cos(), angles.sin()

    def forward(self, x: Tensor, *_: object) -> Tensor:
        """(batch, n, width) -> the same."""
        batch, count, width = x.shape
        q, k, v = self.project(x).split(width, dim=2)
        q, k, v = (one.view(batch, count, self.heads, -1).transpose(1, 2) for one in (q, k, v))
        q, k = self.turned(q), self.turned(k)
        joined = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).contiguous()
        return self.mix(joined.view(batch, count, width))

    def turned(self, x: Tensor) -> Tensor:
        """Every pair by its angle."""
        first, second = x.chunk(2, dim=-1)
        return x * self.cos + torch.cat((-second, first), dim=-1) * self.sin


def speak(config: GptConfig, rounds: int) -> None:
    """Seconds for 512 characters, and whether both sides say the same."""
    torch.manual_seed(0)
    net = build(config).eval()
    sides: dict[str, Callable[[], list[int]]] = {
        "kept": lambda: [one for one, _ in written(net, [0], Sampling(), 512)],
        "anew": lambda: [one for one, _ in written(net, [0], Sampling(), 512, cached=False)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    said = {}
    for number in range(rounds + 1):
        for name, side in sides.items():
            start = time.perf_counter()
            said[name] = side()
            if number:
                seconds[name].append(time.perf_counter() - start)
    kept, anew = (statistics.median(seconds[name]) for name in ("kept", "anew"))
    print(
        f"speak  {config.size} kept {kept:.2f} s, anew {anew:.2f} s, ratio {anew / kept:.1f}; "
        f"the same text: {said['kept'] == said['anew']}"
    )


ASKED = {"prompt": "the old king", "count": 4, "timeout": 120.0}


@contextmanager
def engine(workers: int) -> Iterator[Scheduler]:
    """A scheduler with a store of its own."""
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home))
        scheduler = Scheduler(store, device="cpu", workers=workers)
        try:
            yield scheduler
        finally:
            scheduler.shutdown()
            store.close()


def idle(config: GptConfig, count: int) -> list[float]:
    """Milliseconds of each query to a worker that has nothing else to do, after two that warm up."""
    weights, waits = weights_of(build(config)), []
    with engine(1) as scheduler:
        for number in range(count + 2):
            start = time.perf_counter()
            scheduler.query_weights("gpt", config, weights, 0, "say", key="benchmark", draw=number, **ASKED)
            waits.append(1e3 * (time.perf_counter() - start))
    return waits[2:]


def busy(config: GptConfig, count: int) -> list[float]:
    """The same while every worker trains, two of them, asked of the net's newest moment at uneven times."""
    waits: list[float] = []
    with engine(2) as scheduler:
        run = scheduler.start("gpt", config, (0, 1), "benchmark", keep=True).run_id
        while len(waits) < count + 2:
            time.sleep(0.2 + 0.037 * (len(waits) % 7))
            snapshot = scheduler.snapshot(run)
            assert snapshot and not snapshot.run.final, "the training ended before all was asked; ask less"
            if saved := snapshot.saved.get(0):
                start = time.perf_counter()
                scheduler.query(run, "say", step=saved[-1], draw=len(waits), **ASKED)
                waits.append(1e3 * (time.perf_counter() - start))
    return waits[2:]


SIDES: dict[str, Callable[[GptConfig], Iterator[None]]] = {
    "ours": ours,
    "plain": plain,
    "bf16": lambda config: plain(config, torch.bfloat16),
}

if __name__ == "__main__":
    main()
