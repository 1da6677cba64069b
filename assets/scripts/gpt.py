"""A language model: trains a small GPT on a text, character by character, one line an epoch of 40 batches.

Needs torch and numpy; a text other than the generated one in $LAYERLAB_DATASETS/text or ./data/text. The weights that
LayerLab exports fit `Gpt`. As there, on a CPU one thread works, and a batch goes through in pieces: both change the
last digits.
"""

import math
import os
import re
import time
from bisect import bisect
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
CORPUS = "grammar"  # Text: grammar, grimm, file
FILE = ""  # Text of my own
SIZE = "nano"  # Size: nano, micro, mini, own
LAYERS = 3  # Layers
HEADS = 3  # Heads
WIDTH = 48  # Width, numbers
BLOCK = 128  # Block, characters
POSITIONS = "rotary"  # Positions: none, absolute, rotary
NORM = "rms"  # Norm: rms, layer
MLP = "wide"  # MLP: wide, deep
DROPOUT = 0.0  # Dropout
KERNEL = "softmax"  # Attention kernel: softmax, linear
LEARNING_RATE = 0.002  # Learning rate
SCHEDULE = "cosine"  # Rate over time: constant, cosine
BETA1 = 0.9  # Beta 1
BETA2 = 0.95  # Beta 2
WEIGHT_DECAY = 0.1  # Weight decay
CLIP = 1.0  # Gradient clip
BATCH_SIZE = 16  # Batch size, blocks
EPOCHS = 18  # Epochs, of 40 batches
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

ROOT = Path(os.environ.get("LAYERLAB_DATASETS", "data")) / "text"
SHAPES = {"nano": (3, 3, 48), "micro": (4, 4, 128), "mini": (6, 6, 384), "own": (LAYERS, HEADS, WIDTH)}
DEPTH, PARTS, SPAN = SHAPES[SIZE]
PIECE = max(1, min(BATCH_SIZE, 262144 // (BLOCK * SPAN))) if DEVICE == "cpu" else BATCH_SIZE
STEPS, TOLD = 40, 8


def even(words: str) -> dict[str, float]:
    """All as likely."""
    return dict.fromkeys(words.split(), 1.0)


NAMES = "anna bela clara david emma frida gustav hugo"
NOUNS = "bear crow dwarf frog giant king miller queen"
VERBS = "call find follow help meet thank"
ASKED = "does the {0} {1} <name>? the {0} {1}s <name>"
TOLD_OF = "{0} <deed>s<where>, and {0} <verb>s the <trait><noun>"
GRAMMAR = {
    "sentence": {"<one>. ": 3, "<many>. ": 3, "<asked>. ": 2, "<told>. ": 2},
    "one": {"the <trait><noun><who_one> <act_one>": 1},
    "many": {"the <trait><noun>s<who_many> <act_many>": 1},
    "trait": {"": 3, "old ": 1, "small ": 1, "tired ": 1, "young ": 1},
    "noun": even(NOUNS),
    "verb": even(VERBS),
    "deed": even("dance laugh sing sleep wait"),
    "who_one": {"": 2, " that <verb>s the <noun>s": 1},
    "who_many": {"": 2, " that <verb> the <noun>": 1},
    "act_one": {"<deed>s<where>": 1, "<verb>s <name>": 1},
    "act_many": {"<deed><where>": 1, "<verb> <name>": 1},
    "name": even(NAMES),
    "where": {"": 2, " in the wood": 1, " by the well": 1, " under the bridge": 1},
    "asked": {ASKED.format(*one): 1.0 for one in product(NOUNS.split(), VERBS.split())},
    "told": {TOLD_OF.format(one): 1.0 for one in NAMES.split()},
}


def generated(length: int = 400_000) -> str:
    """Sentences of the grammar."""
    sums = {}
    for symbol, templates in GRAMMAR.items():
        heights = np.cumsum(list(templates.values()))
        sums[symbol] = (heights / heights[-1])[:-1].tolist()
    stream, written, count = np.random.default_rng(0), [], 0
    waiting: list[str] = []
    while count < length or waiting:
        template = waiting.pop() if waiting else "<sentence>"
        found = re.search(r"<(\w+)>", template)
        written.append(template[: found.start()] if found else template)
        count += len(written[-1])
        if found:
            chosen = bisect(sums[found[1]], stream.random())
            waiting += [template[found.end() :], list(GRAMMAR[found[1]])[chosen]]
    return "".join(written)[:length]


def read() -> str:
    """The whole text."""
    if CORPUS == "grammar":
        return generated()
    name = "grimms_fairy_tales" if CORPUS == "grimm" else FILE
    text = (ROOT / f"{name}.txt").read_text("utf-8-sig")
    if CORPUS == "grimm":
        edges = [f"*** {one} OF THIS PROJECT GUTENBERG EBOOK GRIMMS’ FAIRY TALES ***" for one in ("START", "END")]
        text = text.partition(edges[0])[2].partition(edges[1])[0]
    return text.strip("\n")


class Attention(nn.Module):
    """Heads that see themselves and what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(SPAN, 3 * SPAN, bias=False)
        self.mix = nn.Linear(SPAN, SPAN, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, n, width) -> the same."""
        q, k, v = self.project(tokens).unflatten(2, (3, PARTS, -1)).permute(2, 0, 3, 1, 4)
        if POSITIONS == "rotary":
            q, k = turned(q), turned(k)
        if KERNEL == "softmax":
            heads = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=DROPOUT * self.training)
        else:
            pairs = ((F.elu(q) + 1) @ (F.elu(k) + 1).mT).tril()
            heads = pairs @ v / pairs.sum(-1, keepdim=True)
        return self.mix(heads.transpose(1, 2).flatten(2))


def turned(x: torch.Tensor) -> torch.Tensor:
    """Every pair of numbers turned by its place."""
    half = x.shape[-1] // 2
    speeds = 10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = (torch.arange(x.shape[-2])[:, None] * speeds).repeat(1, 2)
    first, second = x.chunk(2, -1)
    cos, sin = angles.cos().float().to(x), angles.sin().float().to(x)
    return x * cos + torch.cat([-second, first], -1) * sin


def norm() -> nn.Module:
    """The norm before attention, MLP and head."""
    return nn.RMSNorm(SPAN, eps=1e-5) if NORM == "rms" else nn.LayerNorm(SPAN, bias=False)


class Block(nn.Module):
    """Attention, then an MLP, each on normalised tokens and added to what was there."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.attention, self.before_mlp = norm(), Attention(), norm()
        sizes = (SPAN, 4 * SPAN, SPAN) if MLP == "wide" else (SPAN, 2 * SPAN, 2 * SPAN, SPAN)
        layers = []
        for one, other in pairwise(sizes):
            layers += [nn.Linear(one, other, bias=False), nn.GELU(approximate="tanh")]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, n, width) -> the same."""
        tokens = tokens + F.dropout(self.attention(self.before_attention(tokens)), DROPOUT, self.training)
        return tokens + F.dropout(self.mlp(self.before_mlp(tokens)), DROPOUT, self.training)


class Gpt(nn.Module):
    """Characters in, logits of the next one out, at every place."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(characters, SPAN)
        self.places = nn.Parameter(torch.empty(BLOCK, SPAN)) if POSITIONS == "absolute" else None
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm, self.head = norm(), nn.Linear(SPAN, characters, bias=False)
        for parameter in self.parameters():
            if parameter.ndim >= 2:
                nn.init.normal_(parameter, std=0.02)
        for block in self.blocks:
            for last in (block.attention.mix.weight, block.mlp[-1].weight):
                nn.init.normal_(last, std=0.02 / math.sqrt(2 * DEPTH))

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        """(batch, n) -> (batch, n, characters)."""
        tokens = self.embed(text)
        if self.places is not None:
            tokens = tokens + self.places[: text.shape[1]]
        tokens = F.dropout(tokens, DROPOUT, self.training)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens))


def losses_at(net: nn.Module, blocks: torch.Tensor) -> torch.Tensor:
    """Cross-entropy at every place, (blocks, block)."""
    logits = net(blocks[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), blocks[:, 1:].flatten(), reduction="none").view(len(blocks), -1)


def held_out_loss(net: nn.Module, held_out: torch.Tensor) -> float:
    """Over the second half of every block."""
    net.eval()
    with torch.inference_mode():
        return torch.cat([losses_at(net, one)[:, BLOCK // 2 :] for one in held_out.split(8)]).mean().item()


def rate_at(done: float) -> float:
    """Part of the learning rate."""
    if SCHEDULE == "constant":
        return 1.0
    return done / 0.05 if done < 0.05 else 0.1 + 0.45 * (1 + math.cos(math.pi * (done - 0.05) / 0.95))


def train(seed: int, text: torch.Tensor, held_out: torch.Tensor, characters: int) -> None:
    """Train one net."""
    torch.manual_seed(seed)
    net = Gpt(characters).to(DEVICE)
    matrices = [one for one in net.parameters() if one.ndim >= 2]
    others = [one for one in net.parameters() if one.ndim < 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(BETA1, BETA2), fused=DEVICE in ("cpu", "cuda"))
    stream = torch.Generator().manual_seed(seed)
    for epoch in range(1, EPOCHS + 1):
        losses, began = [], time.perf_counter()
        for step in range(1, STEPS + 1):
            starts = torch.randint(len(text) - BLOCK, (BATCH_SIZE, 1), generator=stream)
            blocks = text[(starts + torch.arange(BLOCK + 1)).to(DEVICE)]
            net.train()
            optimiser.zero_grad()
            told = 0.0
            for piece in blocks.split(PIECE):
                each = losses_at(net, piece)
                (each.sum() / (BATCH_SIZE * BLOCK)).backward()
                told += each.detach()[:, BLOCK // 2 :].sum().item()
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * rate_at((epoch - 1 + step / STEPS) / EPOCHS)
            nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optimiser.step()
            losses.append(told / (BATCH_SIZE * (BLOCK - BLOCK // 2)))
        speed = STEPS * BATCH_SIZE * BLOCK / (time.perf_counter() - began)
        print(f"seed={seed} epoch={epoch} training_loss={np.mean(losses[-TOLD:]):.6f}", end=" ")
        print(f"held_out_loss={held_out_loss(net, held_out):.6f} tokens_per_second={speed:.0f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    whole = read()
    known = {one: number for number, one in enumerate(sorted(set(whole)))}
    codes = torch.tensor([known[one] for one in whole])
    cut = len(codes) - int(len(codes) * 0.1)
    last = codes[cut:]
    starts = np.arange(0, len(last) - BLOCK, max(1, BLOCK // 2))
    if len(starts) > 128:
        starts = starts[np.linspace(0, len(starts) - 1, 128).round().astype(int)]
    held_out = torch.stack([last[start : start + BLOCK + 1] for start in starts]).to(DEVICE)
    for seed in SEEDS:
        train(seed, codes[:cut].to(DEVICE), held_out, len(known))
