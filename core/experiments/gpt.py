"""A character GPT: what does a small language model learn from a text, and how far is it from the best possible one?

Source: Radford et al. 2019 for the net; AdamW with betas 0.9 and 0.95, decay 0.1 on matrices only and gradients
clipped at norm 1 as in a course assignment (UvA Deep Learning, assignment 2). The last tenth of the text is held out
and chooses nothing: the weights of the last epoch are reported. Losses are means over the second half of every block,
so that each counted character has at least half a block before it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import text as texts
from core.data.text import Corpus
from core.devices import GlobalState, isolated
from core.events import Event, Metrics
from core.nn.gpt import SIZES, Gpt, Mlp, Norm, Positions, Shape, Similarity
from core.queries.gpt import QUERIES, windows
from core.training import Learner, checked_losses, checkpoint, minibatches, warmed_up

STEPS, TOLD = 40, 8  # batches of an epoch, and those over which a training loss is averaged and told
WARM_UP = 0.05  # of all steps
PIECE_NUMBERS = 2**18  # tokens × width that go through at once on a CPU, so that a step can be interrupted
WORK_BETWEEN_EVENTS = 6e8  # multiplications: a twentieth of a second or so
TRAINING, HELD_OUT, SPEED = "training loss", "held-out loss", "tokens per second"
BIGRAM, FLOOR = "bigram loss", "entropy floor"

WIDEST = 768
ONLY_OWN = {"size": ("own",)}


class GptConfig(Config):
    """Settings of one training."""

    corpus: Corpus = knob("grammar", "Text", labels=texts.LABELS, help="What is learnt, character by character.")
    file: str = texts.file_knob()
    size: Literal["nano", "micro", "mini", "own"] = knob(
        "nano",
        "Size",
        help="Layers, heads and width. On one core 18 epochs take 1 minute with nano, 4 with micro, 40 with mini.",
        labels={
            **{name: f"{name} ({one.layers} layers, {one.heads} heads, {one.width})" for name, one in SIZES.items()},
            "own": "my own",
        },
    )
    layers: int = knob(3, "Layers", where=ONLY_OWN, ge=1, le=12, help="Blocks of attention and an MLP.")
    heads: int = knob(3, "Heads", where=ONLY_OWN, ge=1, le=16, help="Each has its part of the width.")
    width: int = knob(48, "Width", unit="numbers", where=ONLY_OWN, ge=8, le=WIDEST, help="Of every token.")
    block: int = knob(128, "Block", unit="characters", ge=8, le=512, help="How much text the net sees at once.")
    positions: Positions = knob(
        "rotary",
        "Positions",
        help="How a character knows where it stands: not at all, by a learned vector added to it, or by turning "
        "queries and keys by their place, so that only distances show.",
        labels={"absolute": "absolute (learned)", "rotary": "rotary (relative)"},
    )
    norm: Norm = knob("rms", "Norm", help="Before attention and MLP.", labels={"rms": "RMSNorm", "layer": "LayerNorm"})
    mlp: Mlp = knob(
        "wide",
        "MLP",
        help="With the same 8·width² parameters: one hidden layer of 4 widths, or two of 2 widths.",
        labels={"wide": "wide (one hidden layer)", "deep": "deep (two hidden layers)"},
    )
    dropout: float = knob(0.0, "Dropout", ge=0.0, le=0.9, help="On embeddings, attention weights and branches.")
    kernel: Similarity = knob(
        "softmax",
        "Attention kernel",
        help="Linear: elu + 1, through running sums; its weights have no dropout.",
        labels={"linear": "causal linear (elu + 1)"},
    )
    learning_rate: float = knob(
        2e-3, "Learning rate", group="training", ge=1e-5, le=1.0, logarithmic=True, help="The highest; source: 0.0005."
    )
    schedule: Literal["constant", "cosine"] = knob(
        "cosine",
        "Rate over time",
        group="training",
        help="The same all the time, or up a line for the first twentieth of the steps and down a cosine to a tenth.",
    )
    beta1: float = knob(0.9, "Beta 1", group="training", ge=0.0, le=0.999, help="AdamW's memory of gradients.")
    beta2: float = knob(0.95, "Beta 2", group="training", ge=0.0, le=0.9999, help="AdamW's memory of their squares.")
    weight_decay: float = knob(0.1, "Weight decay", group="training", ge=0.0, le=1.0, help="On matrices only.")
    clip: float = knob(1.0, "Gradient clip", group="training", ge=0.01, le=100.0, help="Longest norm of a gradient.")
    batch_size: int = knob(16, "Batch size", unit="blocks", group="training", ge=1, le=512)
    epochs: int = knob(18, "Epochs", group="training", unit="of 40 batches", ge=1, le=2500)
    band: Band = band_knob()

    @property
    def shape(self) -> Shape:
        """Layers, heads, width."""
        return Shape(self.layers, self.heads, self.width) if self.size == "own" else SIZES[self.size]

    @model_validator(mode="after")
    def _heads_fit(self) -> GptConfig:
        _, heads, width = self.shape
        if width % heads:
            step = heads * (2 if self.positions == "rotary" else 1)
            nearest = step * max(1, min(round(width / step), WIDEST // step))
            raise ValueError(f"width must be a multiple of heads; got {width} and {heads}. Try width = {nearest}.")
        if self.positions == "rotary" and width // heads % 2:
            raise ValueError(
                f"Rotary positions turn pairs of numbers, so a head's width must be even; got {width} / {heads} = "
                f"{width // heads}. Choose another width, other heads, or other positions."
            )
        return self


@dataclass
class ReadingLearner(Learner):
    """One seed's net and optimiser, its own stream of blocks, random state for dropout, and time spent."""

    stream: torch.Generator
    state: GlobalState
    shown: int = 0  # tokens, and the seconds they took
    seconds: float = 0.0


def build(config: GptConfig) -> nn.Module:
    """The untrained net of this config."""
    return Gpt(
        characters=texts.count(config.corpus, config.file),
        block=config.block,
        shape=config.shape,
        positions=config.positions,
        norm=config.norm,
        mlp=config.mlp,
        dropout=config.dropout,
        similarity=config.kernel,
    )


def make_learner(config: GptConfig, seed: int, device: torch.device) -> ReadingLearner:
    """Seed set right before the net is built; weights decay where they are matrices."""
    torch.manual_seed(seed)
    net = build(config).to(device)
    groups = [
        {"params": [one for one in net.parameters() if one.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [one for one in net.parameters() if one.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=device.type in ("cpu", "cuda")
    )
    return ReadingLearner(net, optimiser, torch.Generator().manual_seed(seed), GlobalState.capture())


def run(config: GptConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train all seeds side by side; before and after every epoch of 40 batches they are measured on held-out text."""
    found = texts.load(config.corpus, config.file, config.block)
    text, held_out = torch.from_numpy(found.train).to(device), windows(found.held_out, config.block).to(device)
    learners = [make_learner(config, seed, device) for seed in seeds]
    yield Metrics(0, levels(found, len(seeds)))
    yield from measure(learners, held_out, 0)
    yield checkpoint(0, learners)

    piece, works = pieces(config, device), 0.0  # multiplications since the last event
    for epoch in range(1, config.epochs + 1):
        for step in range(1, STEPS + 1):
            now = epoch - 1 + step / STEPS
            for learner in learners:
                blocks = drawn_blocks(text, config, learner)
                parts = list(minibatches(len(blocks), piece))
                learner.net.train()
                learner.optimiser.zero_grad(set_to_none=True)
                losses = []
                for number, part in enumerate(parts, start=1):
                    began = time.perf_counter()
                    each = loss_of(learner, blocks[part], config)  # (blocks, places)
                    (each.sum() / blocks[:, 1:].numel()).backward()
                    losses.append(second_half(each.detach()).sum())
                    learner.seconds += time.perf_counter() - began
                    works += work(config) * each.numel()
                    if works > WORK_BETWEEN_EVENTS and number < len(parts):
                        works = 0.0
                        yield Metrics(now - (1 - number / len(parts)) / STEPS, {})  # nothing to say; others get a turn
                began = time.perf_counter()
                for group in learner.optimiser.param_groups:
                    group["lr"] = config.learning_rate * rate_at(now / config.epochs, config.schedule)
                learner.watch.norms.append(nn.utils.clip_grad_norm_(learner.net.parameters(), config.clip))
                learner.optimiser.step()
                learner.losses.append(torch.stack(losses).sum() / second_half(blocks[:, 1:]).numel())
                learner.shown += blocks[:, 1:].numel()
                learner.seconds += time.perf_counter() - began
            if step % TOLD == 0:
                yield Metrics(now if step < STEPS else epoch, {TRAINING: checked_losses(learners, config, epoch)})
                for learner in learners:
                    learner.losses.clear()
            elif works > WORK_BETWEEN_EVENTS:
                works = 0.0
                yield Metrics(now, {})
        yield from measure(learners, held_out, epoch)
        yield checkpoint(epoch, learners)


def drawn_blocks(text: Tensor, config: GptConfig, learner: ReadingLearner) -> Tensor:
    """(batch, block + 1) character numbers from random places of the text."""
    starts = torch.randint(len(text) - config.block, (config.batch_size, 1), generator=learner.stream)
    return text[(starts + torch.arange(config.block + 1)).to(text.device)]


def loss_of(learner: ReadingLearner, blocks: Tensor, config: GptConfig) -> Tensor:
    """(blocks, block): cross-entropy in nats at every place, dropout drawn from the learner's own random state."""
    if not config.dropout:
        return losses_at(learner.net, blocks)
    with isolated(learner.state):
        return losses_at(learner.net, blocks)


def losses_at(net: nn.Module, blocks: Tensor) -> Tensor:
    """(blocks, n + 1) character numbers -> (blocks, n) cross-entropy of the next one, in nats."""
    logits = net(blocks[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), blocks[:, 1:].flatten(), reduction="none").view(len(blocks), -1)


def second_half(each: Tensor) -> Tensor:
    """The places with at least half a block before them."""
    return each[:, each.shape[1] // 2 :]


def rate_at(done: float, schedule: str) -> float:
    """Part of the learning rate after this part of all steps."""
    return 1.0 if schedule == "constant" else warmed_up(done, WARM_UP, floor=0.1)


def levels(found: texts.Text, seeds: int) -> dict[str, NDArray[np.float64]]:
    """What the loss is held against: a bigram model, and the entropy of the text where it is known."""
    known = {BIGRAM: texts.bigram_loss(found), FLOOR: found.floor}
    return {name: np.full(seeds, value) for name, value in known.items() if value is not None}


def measure(learners: list[ReadingLearner], held_out: Tensor, epoch: int) -> Iterator[Event]:
    """Loss on the held-out text, and the speed so far."""
    losses = np.zeros(len(learners))
    for column, learner in enumerate(learners):
        losses[column] = yield from held_out_loss(learner.net, held_out, epoch)
    values = {HELD_OUT: losses}
    if epoch:
        values[SPEED] = np.array([learner.shown / learner.seconds for learner in learners])
    yield Metrics(epoch, values)


def held_out_loss(net: nn.Module, held_out: Tensor, epoch: int) -> Generator[Event, None, float]:
    """In nats per character; events without a number divide a long reading."""
    net.eval()
    sums, count = 0.0, 8
    for piece in minibatches(len(held_out), count):
        with torch.inference_mode():
            sums += second_half(losses_at(net, held_out[piece])).sum().item()
        if piece.stop < len(held_out):
            yield Metrics(epoch, {})
    return sums / second_half(held_out[:, 1:]).numel()


def pieces(config: GptConfig, device: torch.device) -> int:
    """Blocks that go through at once: on a CPU no more than take a few tenths of a second."""
    if device.type != "cpu":
        return config.batch_size
    return max(1, min(config.batch_size, PIECE_NUMBERS // (config.block * config.shape.width)))


def work(config: GptConfig) -> float:
    """Multiplications for one token, there and back."""
    layers, _, width = config.shape
    return 3.0 * layers * width * (12 * width + 2 * config.block)


def _about(config: GptConfig) -> str:
    name = config.file if config.corpus == "file" else texts.LABELS[config.corpus]
    floor = " Their entropy per character is known: no net can go below it." if config.corpus == "grammar" else ""
    return (
        f"{name or 'a text of my own'}, character by character; the last tenth is held out and chooses nothing: the "
        f"weights of the last epoch are reported.{floor}"
    )


def _example(config: GptConfig) -> Tensor:
    return torch.zeros(1, config.block, dtype=torch.long)


EXPERIMENT = Experiment(
    key="gpt",
    lab="gpt",
    title="A language model",
    question="What does a small GPT learn from a text, character by character?",
    source="Radford et al. 2019; Su et al. 2021 (rotary positions); UvA Deep Learning, assignment 2 (recipe)",
    version=1,
    config=GptConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=(HELD_OUT, SPEED),
    timed=(SPEED,),
    predictions=(
        Prediction("loss", "What will the held-out loss be, at the end?", HELD_OUT, low=0.0, high=3.5, unit="nats"),
    ),
    data=_about,
    example=_example,
    queries=QUERIES,
    prepare=lambda config: texts.prepare(config.corpus),
    fingerprint=lambda config: texts.fingerprint(config.corpus, config.file),
    inputs=lambda config: 3.0 * STEPS * config.batch_size,
)
