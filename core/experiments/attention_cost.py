"""What does attention cost? Seconds and bytes against the number of tokens, for every kernel and both forms of it.

Claims held against it: softmax takes O(n²(d + m)) operations, a kernel with C features O(nCm) (Katharopoulos et al.,
ICML 2020, section 3.2); FlashAttention changes memory traffic and not the result (Dao et al., NeurIPS 2022). Nothing is
trained. At every length the kernel and torch's softmax take turns on the same random inputs, N(0, 1), so that both
meet the same machine; a seed is a repeat with fresh inputs. Memory is what the allocator recorded in a call of its own,
beyond the inputs. Seconds belong to the machine they were measured on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn.attention import sdpa_kernel

from core import devices
from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Explained, Prediction
from core.events import Event, Metrics, Note
from core.nn import kernels
from core.nn.attention import PIECE_NUMBERS, WIDE, attend, cheaper
from core.nn.cost import BACKENDS, Backend, free_bytes, peak_bytes, seconds, usable_backends
from core.nn.kernels import Kernel
from core.statistics import power_law

KERNELS: dict[str, Kernel] = {
    "softmax": kernels.Softmax(),
    "written": kernels.Softmax(),
    "linear": kernels.Linear(),
    "quadratic": kernels.Polynomial(2),
    "cubic": kernels.Polynomial(3),
    "favor": kernels.Favor(),
    "cosine": kernels.Cosine(),
    "rbf": kernels.Rbf(),
    "argmax": kernels.Argmax(),
    "window": kernels.Window(reach=64),
    "low_rank": kernels.LowRank(rank=16),
}
LABELS = {
    "softmax": "softmax, torch's own",
    "written": "softmax, n×n written out",
    "linear": "linear (elu + 1)",
    "quadratic": "quadratic (q·k + 1)²",
    "cubic": "cubic (q·k + 1)³",
    "favor": "FAVOR+, 256 features",
    "cosine": "1.01 + cosine",
    "rbf": "RBF",
    "argmax": "argmax",
    "window": "window of ± 64, n×n written out",
    "low_rank": "rank 16 of softmax",
}
BACKEND_LABELS = {
    "auto": "torch's choice",
    "flash": "FlashAttention",
    "efficient": "memory-efficient",
    "cudnn": "cuDNN",
}
MAPPED = tuple(name for name, one in KERNELS.items() if one.feature_count(1) is not None)
STANDARD = "256,512,1024,2048,4096,8192"
ONE_LENGTH = (  # 128 to 65536
    r"(?:12[89]|1[3-9]\d|[2-9]\d\d|[1-9]\d{3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-6])"
)
ENOUGH_SECONDS, MOST_CALLS, LEAST_CALLS = 0.1, 200, 3
PAUSE_SECONDS = 0.1  # between events, where one call allows it
WARM_SECONDS = 0.5  # a call that takes longer than this needs no other before it
ROWS = 64  # queries whose outputs are held against exact softmax
LONGEST_SVD = 2048  # tokens: finding the factors takes O(n³)
MOST_FEATURES = 100_000  # the cubic kernel at width 82
SPARE = 0.8  # of the free memory is asked for at most

Name = Literal[
    "softmax", "written", "linear", "quadratic", "cubic", "favor", "cosine", "rbf", "argmax", "window", "low_rank"
]
Form = Literal["cheaper", "pairs", "features"]


class AttentionCostConfig(Config):
    """Settings of one measurement."""

    kernel: Name = knob("linear", "Kernel", labels=LABELS, help="Its line is drawn beside that of torch's softmax.")
    backend: Backend = knob(
        "auto",
        "Backend of torch's softmax",
        labels=BACKEND_LABELS,
        where={"kernel": ("softmax",)},
        usable=lambda: usable_backends(devices.choose().type),
        help="The ways that torch has to compute it on this machine. Others are not offered.",
    )
    form: Form = knob(
        "cheaper",
        "Form",
        labels={"cheaper": "the one with fewer multiplications", "pairs": "all pairs (n×n)", "features": "feature map"},
        where={"kernel": MAPPED},
    )
    causal: bool = knob(False, "Causal", help="A token sees itself and those before it.")
    lengths: str = knob(
        STANDARD,
        "Lengths n (tokens)",
        pattern=rf" ?{ONE_LENGTH}(?: ?, ?{ONE_LENGTH}){{0,15}} ?",
        rule="1 to 16 whole numbers from 128 to 65536 with commas between them, like 256,1024,4096",
        help="From 128 to 65536, with commas between them. What does not fit into free memory is refused.",
    )
    width: int = knob(64, "Width d of a head", unit="numbers", ge=1, le=256, help="Of queries, keys and values.")
    heads: int = knob(2, "Heads", ge=1, le=16)
    timed: Literal["forward", "both"] = knob(
        "forward", "Measure", labels={"forward": "forward", "both": "forward and backward"}
    )
    band: Band = band_knob("range")

    @model_validator(mode="after")
    def _order(self) -> AttentionCostConfig:
        if self.causal and self.kernel == "low_rank":
            raise ValueError("Low-rank attention cannot be causal: its factors know the later tokens. Switch one off.")
        count = KERNELS[self.kernel].feature_count(self.width) or 0
        if self.form == "features" and count > MOST_FEATURES:
            raise ValueError(
                f"A feature map may have at most {MOST_FEATURES:,} features; the {self.kernel} kernel has {count:,} at "
                f"width {self.width}. Choose a smaller width or another form."
            )
        return self

    @property
    def sizes(self) -> tuple[int, ...]:
        """The lengths as numbers, rising."""
        return tuple(sorted({int(one) for one in re.findall(r"\d+", self.lengths)}))


@dataclass
class Clock:
    """Seconds of the calls at one length and one seed, by what was called."""

    calls: dict[str, Callable[[], object]]
    device: torch.device

    def measure(self) -> Iterator[dict[str, float]]:
        """Let the calls take turns until there are enough; yields the medians as they stand."""
        for call in self.calls.values():
            self.warm(call)
            yield {}
        spent: dict[str, list[float]] = {name: [] for name in self.calls}
        since = 0.0
        while waiting := [name for name, found in spent.items() if not enough(found)]:
            for name in waiting:
                spent[name].append(seconds(self.calls[name], self.device))
                since += spent[name][-1]
                if since > PAUSE_SECONDS:
                    since = 0.0
                    yield {}
        yield {name: median(found) for name, found in spent.items()}

    def warm(self, call: Callable[[], object]) -> None:
        """Once or twice before it counts: caches, page tables, kernels that are chosen by trying."""
        if seconds(call, self.device) < WARM_SECONDS:
            seconds(call, self.device)


def enough(found: list[float]) -> bool:
    """Whether these calls will do: some, and as many as fill a tenth of a second."""
    return len(found) >= LEAST_CALLS and (sum(found) >= ENOUGH_SECONDS or len(found) >= MOST_CALLS)


def run(config: AttentionCostConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Measure one length after the other, short ones first; step = length. Yields Metrics as numbers come in."""
    check_backend(config, device)
    points: list[dict[int, dict[str, float]]] = [{} for _ in seeds]  # of each seed: length -> metric -> value
    for length in config.sizes:
        if reason := refusal(config, length, device):
            yield Note(reason)
            yield Metrics(length, dict.fromkeys(("forward seconds", "peak bytes"), np.full(len(seeds), np.nan)))
            continue
        for place, seed in enumerate(seeds):
            told: set[str] = set()
            for found in measure(config, draw(config, length, seed, device), device):
                points[place][length] = found
                yield Metrics(
                    length, {name: alone(found[name], place, len(seeds)) for name in found if name not in told}
                )
                told |= found.keys()
            for name, of in (("exponent", "forward seconds"), ("softmax exponent", "softmax seconds")):
                if of in points[place][length]:
                    yield Metrics(length, {name: alone(exponent(of, points[place]), place, len(seeds))})
    if not points[0]:
        raise Explained("No length could be measured: each needs more memory than is free. Choose shorter ones.")


def measure(
    config: AttentionCostConfig, inputs: tuple[Tensor, Tensor, Tensor], device: torch.device
) -> Iterator[dict[str, float]]:
    """Everything at one length and seed as it comes: the clock, the difference of results, the allocator."""
    output = forward(config, inputs)() if config.timed == "both" else torch.empty(0)
    calls: dict[str, Callable[[], object]] = {"forward seconds": forward(config, inputs)}
    if config.timed == "both":
        calls["backward seconds"] = backward(output, inputs)
    if config.kernel != "softmax":
        calls["softmax seconds"] = forward(BASELINE.model_copy(update={"causal": config.causal}), inputs)
    found: dict[str, float] = {}
    for medians in Clock(calls, device).measure():
        found |= medians
        yield found
    found["difference from softmax"] = difference(config, inputs)
    yield found
    found["peak bytes"] = peak_bytes(whole_call(config, inputs), device)  # what is kept for later stands by now
    yield found


def alone(value: float, place: int, seeds: int) -> NDArray[np.float64]:
    """(seeds,): the value of one seed, NaN for the others, whose turn it is not."""
    row = np.full(seeds, np.nan)
    row[place] = value
    return row


def draw(config: AttentionCostConfig, length: int, seed: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """q, k, v (1, heads, n, d), standard normal."""
    stream = torch.Generator().manual_seed(seed)
    shape = (1, config.heads, length, config.width)
    q, k, v = (torch.randn(shape, generator=stream).to(device) for _ in range(3))
    return q, k, v


def forward(config: AttentionCostConfig, inputs: tuple[Tensor, Tensor, Tensor]) -> Callable[[], Tensor]:
    """The attention itself, as a call; for gradients where those are measured too."""
    q, k, v = inputs
    kernel = KERNELS[config.kernel]

    def compute() -> Tensor:
        if config.kernel == "written":
            return kernel.weights(q, k, config.causal) @ v
        return attend(kernel, q, k, v, form_at(config, q.shape[-2]), config.causal)

    def call() -> Tensor:
        chosen = nullcontext() if config.backend == "auto" else sdpa_kernel(BACKENDS[config.backend])
        with torch.set_grad_enabled(config.timed == "both"), chosen:
            return compute()

    if config.timed == "both":
        for one in inputs:
            one.requires_grad_()
    return call


def backward(output: Tensor, inputs: tuple[Tensor, Tensor, Tensor]) -> Callable[[], object]:
    """The gradients of the output's sum to q, k and v, as a call that can be made again."""
    return lambda: torch.autograd.grad(output, inputs, torch.ones_like(output), retain_graph=True)


def whole_call(config: AttentionCostConfig, inputs: tuple[Tensor, Tensor, Tensor]) -> Callable[[], object]:
    """What memory is measured of."""
    call = forward(config, inputs)
    return call if config.timed == "forward" else lambda: torch.autograd.grad(call().sum(), inputs)


def difference(config: AttentionCostConfig, inputs: tuple[Tensor, Tensor, Tensor]) -> float:
    """The largest difference from softmax in double precision over some queries, as a part of its largest output."""
    q, k, v = (one.detach().cpu().double() for one in inputs)
    rows = slice(q.shape[-2] - ROWS, None)  # the last ones: of a causal order too, they see most
    scores = q[..., rows, :] @ k.mT / config.width**0.5
    if config.causal:
        scores = scores.masked_fill(
            torch.ones(scores.shape[-2:], dtype=torch.bool).triu(q.shape[-2] - ROWS + 1), -1e300
        )
    exact = scores.softmax(dim=-1) @ v
    ours = forward(config, inputs)()[..., rows, :].detach().cpu().double()
    return float((ours - exact).abs().max() / exact.abs().max())


def form_at(config: AttentionCostConfig, length: int) -> Literal["pairs", "features"]:
    """The form that is measured at a length."""
    if not config.matters("form") or config.form == "cheaper":
        return cheaper(KERNELS[config.kernel], length, config.width, config.width)
    return config.form


def exponent(of: str, points: dict[int, dict[str, float]]) -> float:
    """The fitted exponent of one metric over the lengths so far, NaN before there are two."""
    measured = {length: found[of] for length, found in points.items()}
    fit = power_law(list(measured), list(measured.values()))
    return fit.exponent if fit else float("nan")


def check_backend(config: AttentionCostConfig, device: torch.device) -> None:
    """Raises Explained for a backend that this device does not have."""
    usable = usable_backends(device.type)
    if config.matters("backend") and config.backend not in usable:
        raise Explained(
            f"The backend {config.backend!r} does not run on this machine's {device.type.upper()}; "
            f"those that do: {', '.join(usable)}. Choose one of them."
        )


def refusal(config: AttentionCostConfig, length: int, device: torch.device) -> str:
    """Why a length is not measured, before anything is computed; empty where it is."""
    if config.kernel == "low_rank" and length > LONGEST_SVD:
        return (
            f"n = {length:,} was left out: the factors of its n×n weights take O(n³) operations to find, and this lab "
            f"finds them up to n = {LONGEST_SVD:,}."
        )
    needed, free = estimated_bytes(config, length, device.type), free_bytes(device)
    if needed <= SPARE * free:
        return ""
    return (
        f"n = {length:,} was left out: it would take about {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are "
        "free here. Choose fewer heads, shorter lengths or a feature map."
    )


def estimated_bytes(config: AttentionCostConfig, length: int, device: str) -> float:
    """About what one call takes beyond its inputs, from n, d and the form; rather too much than too little."""
    number, both = 4 * config.heads, 1 + 2 * (config.timed == "both")
    rows = 8 * number * length * config.width * both
    pairs = 3 * number * length**2 * both
    if config.kernel == "softmax":
        lean = config.backend in ("flash", "efficient", "cudnn") or (config.backend == "auto" and device != "mps")
        return rows if lean else rows + pairs
    if form_at(config, length) == "pairs":
        return rows + pairs * (2 if config.kernel in ("argmax", "window") else 1)
    count = KERNELS[config.kernel].feature_count(config.width) or 0
    if count <= WIDE * config.width:
        return rows + 8 * number * count * length * both
    sums = number * count * (config.width + 1)  # of which gradients keep one a piece
    pieces = -(-length * count // PIECE_NUMBERS) if config.timed == "both" else 1
    return rows + 6 * number * min(count * length, PIECE_NUMBERS) * both + (4 + 2 * pieces) * sums * both


def expected_seconds(config: AttentionCostConfig) -> float:
    """About what a seed takes, for estimates alone: calls of the kernel and of softmax at every length."""
    total = 0.0
    for length in config.sizes:
        softmax = 4.0 * length**2 * config.width
        count = KERNELS[config.kernel].feature_count(config.width) or 0
        paired = form_at(config, length) == "pairs"
        own = softmax * (1 if config.kernel == "softmax" else 2) if paired else 8.0 * length * count * config.width
        beside = [] if config.kernel == "softmax" else [softmax]
        for work in (own * (4 if config.timed == "both" else 1), *beside):
            each = 1e-4 + work * config.heads / 5e10
            total += 4 * each + max(LEAST_CALLS * each, min(ENOUGH_SECONDS, MOST_CALLS * each))
    return total


BASELINE = AttentionCostConfig(kernel="softmax")
EXPERIMENT = Experiment(
    key="attention_cost",
    lab="attention_cost",
    title="The cost of attention",
    question="What does attention cost as the text grows, and when does a linear kernel pay?",
    source="Katharopoulos et al., ICML 2020; Dao et al., NeurIPS 2022; Choromanski et al., ICLR 2021",
    version=1,
    config=AttentionCostConfig,
    run=run,
    build=lambda config: nn.Identity(),
    total_steps=lambda config: config.sizes[-1],
    summary=("forward seconds", "backward seconds", "peak bytes", "exponent"),
    timed=("forward seconds", "backward seconds", "softmax seconds", "exponent", "softmax exponent"),
    exclusive=True,
    predictions=(
        Prediction(
            "exponent",
            "Twice as many tokens: the time of this kernel grows 2ᵉ times. What will the fitted exponent e be?",
            "exponent",
            low=0.0,
            high=4.0,
            unit="",
        ),
    ),
    data=lambda config: (
        f"Random queries, keys and values, N(0, 1), of {config.heads} head{'s' * (config.heads > 1)} and width "
        f"{config.width}, single precision; fresh ones for every seed. Nothing is trained, so nothing is held out."
    ),
    inputs=lambda config: expected_seconds(config) / config.sizes[-1],
)
