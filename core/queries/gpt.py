"""What a trained language model says, looks at, and makes of the order of what it reads.

Each is a query: f(model, config, device=..., ...) -> Arrays. Texts are of the held-out part, or typed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data import text as texts
from core.data.text import Text, encode
from core.events import Arrays
from core.nn.gpt import SIZES, Cache, Gpt, Positions, Similarity
from core.queries.sampling import Sampling, drawn

EVALUATED = 128  # blocks of held-out text
MOST_WRITTEN, MOST_PROMPT = 2000, 2000  # characters of one answer, and before it
READ_BLOCKS = 32  # over which attention by distance is averaged
LONGER = 4  # times the block
LONG_BLOCKS = 64  # over which the loss at each place is averaged
PREFIX, PREFIXES, ORDERS = 24, 12, 4  # characters before the last one that change places; texts; orders of each
DEPTHS = (1, 2, 3)
FRESH = SIZES["nano"]  # of untrained nets, whose order sensitivity is a matter of the architecture alone
ATTENTION_LENGTH = 96  # characters of a typed text that are looked at
KINDS: tuple[Positions, ...] = get_args(Positions)

Numbers = NDArray[np.float64]


def text_of(config: Any) -> Text:
    """The text this config names."""
    return texts.load(config.corpus, config.file, config.block)


def windows(held_out: NDArray[np.int64], block: int, count: int = EVALUATED) -> Tensor:
    """(at most count, block + 1): parts of a text, evenly spread, each half a block after the last where they fit."""
    starts = np.arange(0, len(held_out) - block, max(1, block // 2))
    if len(starts) > count:
        starts = starts[np.linspace(0, len(starts) - 1, count).round().astype(int)]
    return torch.from_numpy(np.stack([held_out[start : start + block + 1] for start in starts]))


def context_start(length: int, block: int) -> int:
    """Where the part of a text begins that the next character is guessed from.

    All of it up to a block; then it loses half a block at a time, so that what was kept of it serves for the other
    half. So a net without a cache and one with it read the very same.
    """
    half = max(1, block // 2)
    return half * max(0, -(-(length - block) // half))


@torch.inference_mode()
def written(
    net: Gpt, text: list[int], how: Sampling, count: int, start: int = 0, cached: bool = True
) -> list[tuple[int, Tensor]]:
    """Characters after a text, with the logits that each was drawn from.

    start: how many of the text were drawn already, so that the seed goes on where it stood.
    """
    device, text, cache, began = net.embed.weight.device, list(text), Cache(), -1
    found: list[tuple[int, Tensor]] = []
    for even in how.draws(start, count):
        first = context_start(len(text), net.block)
        if not cached or first != began:
            cache, began = Cache(), first
            read = text[first:]
        else:
            read = text[-1:]
        logits = net(torch.tensor([read], device=device), cache=cache if cached else None)[0, -1]
        said = drawn(how.probabilities(logits.cpu().numpy()), float(even))
        text.append(said)
        found.append((said, logits))
    return found


def say(
    model: nn.Module,
    config: Any,
    *,
    device: torch.device,
    prompt: str = "",
    before: str = "",
    count: int = 100,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    draw: int = 0,
) -> Arrays:
    """Text after a prompt, and after what was said already in earlier pieces.

    "text" (count,) places among "characters" (their code points); "logits" (count, characters) float32 that each was
    drawn from; "prompt": the number of characters that were read, of which an empty prompt has one.
    draw: the seed of the draws; `seed` would name a net. Raises ValueError for characters that the net has never seen,
    and for too many.
    """
    net, characters = _gpt(model), text_of(config).characters
    if len(prompt) + len(before) > MOST_PROMPT + MOST_WRITTEN or not 1 <= count <= MOST_WRITTEN:
        raise ValueError(
            f"A prompt may have {MOST_PROMPT:,} characters, and an answer from 1 to {MOST_WRITTEN:,}; got "
            f"{len(prompt):,} and {count + len(before):,}. Write less."
        )
    how = Sampling(temperature, top_k, top_p, draw)
    read = encode((prompt or beginning(characters)) + before, characters).tolist()
    said = written(net, read, how, count, len(before))
    arrays: dict[str, NDArray[np.generic]] = {
        "text": np.array([one for one, _ in said], dtype=np.int64),
        "logits": torch.stack([logits for _, logits in said]).float().cpu().numpy(),
        "characters": np.array([ord(one) for one in characters], dtype=np.uint32),
        "prompt": np.int64(len(read)),  # type: ignore[dict-item]
    }
    return Arrays(0, arrays)


def beginning(characters: tuple[str, ...]) -> str:
    """What stands before a text that begins from nothing: the end of a line, else a space, else the first character."""
    return next(one for one in ("\n", " ", characters[0]) if one in characters)


@torch.inference_mode()
def attention(model: nn.Module, config: Any, *, device: torch.device, text: str = "") -> Arrays:
    """What every character of a text attends to; without a text, of the beginning of the held-out part.

    "weights" (layers, heads, n, n), rows sum to one; "text" (n,) code points, at most 96 or a block; "logits"
    (n, characters) of the next one; "characters": code points. Raises ValueError for characters never seen, and for
    fewer than two.
    """
    net, found = _gpt(model), text_of(config)
    longest = min(ATTENTION_LENGTH, net.block)
    codes = found.encode(text)[:longest] if text else found.held_out[: min(longest, 64)]
    if len(codes) < 2:
        raise ValueError(f"Attention needs a text of two characters or more; got {len(codes)}. Type some more.")
    read = torch.from_numpy(codes)[None].to(device)
    arrays: dict[str, NDArray[np.generic]] = {
        "weights": net.weights(read)[0].float().cpu().numpy(),
        "logits": net(read)[0].float().cpu().numpy(),
        "text": np.array([ord(found.characters[one]) for one in codes], dtype=np.uint32),
        "characters": np.array([ord(one) for one in found.characters], dtype=np.uint32),
    }
    return Arrays(0, arrays)


@torch.inference_mode()
def distances(model: nn.Module, config: Any, *, device: torch.device) -> Arrays:
    """Attention by distance, in the mean over held-out text: what the second half of a block takes from n back.

    "attention" (layers, heads, block/2): at 0, 1, … characters back; "even": of a head that looks at all alike;
    "count": of blocks.
    """
    net = _gpt(model)
    blocks = windows(text_of(config).held_out, net.block, READ_BLOCKS)[:, :-1].to(device)
    half = net.block // 2
    sums: Tensor = torch.zeros(())
    for one in blocks:
        weights = net.weights(one[None])[0].double()  # (layers, heads, n, n)
        back = [
            weights.diagonal(-distance, dim1=-2, dim2=-1)[..., half - distance :].mean(-1) for distance in range(half)
        ]
        sums = sums + torch.stack(back, dim=-1)
    queries = np.arange(half, net.block)  # places that ask; each sees itself and all before
    arrays: dict[str, NDArray[np.generic]] = {
        "attention": (sums / len(blocks)).float().cpu().numpy(),
        "even": np.full(half, (1 / (queries + 1)).mean(), dtype=np.float32),
        "count": np.int64(len(blocks)),  # type: ignore[dict-item]
    }
    return Arrays(0, arrays)


def order(model: nn.Module, config: Any, *, device: torch.device) -> Arrays:
    """How much the last guess changes when what comes before the last character changes its order.

    Total variation distance, 0 to 1, between the distributions after a text and after the same text with its first 24
    characters in another order; mean over held-out texts and orders, in double precision. "untrained" (positions,
    depths, 2): fresh nets of nano's width with 1 to 3 layers, causal and full; "trained" (depths, 2):
    this net's first layers, up to three; "positions": names.
    """
    net, found = _gpt(model), text_of(config)
    texts_read, mixed = permuted(found.held_out, min(PREFIX, net.block - 1))
    arrays: dict[str, NDArray[np.generic]] = {
        "untrained": untrained(found, net.block, config.kernel),
        "trained": sensitivity(net, texts_read, mixed),
        "positions": np.array(KINDS),
        "count": np.int64(len(texts_read) * ORDERS),  # type: ignore[dict-item]
    }
    return Arrays(0, arrays)


@lru_cache(maxsize=4)  # a run asks at every moment of its training, and what was never trained stays as it is
def untrained(found: Text, block: int, similarity: Similarity) -> Numbers:
    """(positions, depths, 2): the sensitivity of fresh nets."""
    texts_read, mixed = permuted(found.held_out, min(PREFIX, block - 1))
    nets = []
    for kind in KINDS:
        torch.manual_seed(0)
        characters = len(found.characters)
        nets.append(Gpt(characters=characters, block=block, shape=FRESH, positions=kind, similarity=similarity))
    return np.stack([sensitivity(one, texts_read, mixed) for one in nets])


def permuted(held_out: NDArray[np.int64], prefix: int) -> tuple[Tensor, Tensor]:
    """Texts (12, prefix + 1), and each with its prefix in four other orders, (12, 4, prefix + 1)."""
    starts = np.linspace(0, len(held_out) - prefix - 1, PREFIXES).astype(int)
    plain = np.stack([held_out[start : start + prefix + 1] for start in starts])
    stream = np.random.default_rng(0)
    orders = np.stack([np.stack([stream.permutation(prefix) for _ in range(ORDERS)]) for _ in plain])
    mixed = np.stack([[np.append(one[order], one[-1]) for order in of] for one, of in zip(plain, orders, strict=True)])
    return torch.from_numpy(plain), torch.from_numpy(mixed)


@torch.inference_mode()
def sensitivity(net: Gpt, plain: Tensor, mixed: Tensor) -> Numbers:
    """(depths, 2): mean total variation of the last distribution with the first 1, 2, 3 layers, causal and full."""
    net = copy.deepcopy(net).double().eval()
    device, layers, found = net.embed.weight.device, list(net.blocks), []
    for depth in DEPTHS[: len(layers)]:
        net.blocks = nn.ModuleList(layers[:depth])
        for causal in (True, False):
            before = net(plain.to(device), causal)[:, -1].softmax(-1)
            after = net(mixed.flatten(0, 1).to(device), causal)[:, -1].softmax(-1).unflatten(0, mixed.shape[:2])
            found.append((before[:, None] - after).abs().sum(-1).mean().item() / 2)
    return np.array(found).reshape(-1, 2)


@torch.inference_mode()
def lengths(model: nn.Module, config: Any, *, device: torch.device) -> Arrays:
    """Loss at every place of held-out texts up to four times as long as a block, in nats.

    "loss" (n,), "error" (n,): standard error of these means; "rise" (texts,): of each text, its mean loss beyond the
    block less that of the block's second half, empty where no text is longer; "block"; "count": of texts.
    """
    net, held_out = _gpt(model), text_of(config).held_out
    longest = min(LONGER * net.block, len(held_out) - 1)
    blocks = windows(held_out, longest, LONG_BLOCKS)
    found = []
    for one in blocks:
        read = one[None].to(device)
        log = net(read[:, :-1]).log_softmax(-1)
        found.append(-log[0].gather(1, read[0, 1:, None])[:, 0].cpu())
    losses = torch.stack(found).double().numpy()
    within, beyond = losses[:, net.block // 2 : net.block], losses[:, net.block :]
    arrays: dict[str, NDArray[np.generic]] = {
        "loss": losses.mean(axis=0),
        "error": losses.std(axis=0) / np.sqrt(len(losses)),
        "rise": beyond.mean(axis=1) - within.mean(axis=1) if beyond.shape[1] else np.empty(0),
        "block": np.int64(net.block),  # type: ignore[dict-item]
        "count": np.int64(len(losses)),  # type: ignore[dict-item]
    }
    return Arrays(0, arrays)


def _gpt(model: nn.Module) -> Gpt:
    assert isinstance(model, Gpt)
    return model


QUERIES: Mapping[str, Callable[..., Arrays]] = {
    "say": say,
    "attention": attention,
    "distances": distances,
    "order": order,
    "lengths": lengths,
}
