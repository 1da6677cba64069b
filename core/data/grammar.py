"""A small probabilistic grammar whose text has a known entropy: the loss that no net can go below.

Written for this project. Every sentence has exactly one derivation, and none is the beginning of another. So the
entropy of a text of independent sentences, per character, is the entropy of a sentence over its mean length. Verbs
agree with a noun that may stand far before them, and names, nouns and verbs come again: that takes memory.
"""

from __future__ import annotations

import math
import re
from bisect import bisect
from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType

import numpy as np

Grammar = Mapping[str, Mapping[str, float]]  # symbol -> template with <symbols> in it -> weight
START = "sentence"
_SYMBOL = re.compile(r"<(\w+)>")

_NAMES = ("anna", "bela", "clara", "david", "emma", "frida", "gustav", "hugo")
_NOUNS = ("bear", "crow", "dwarf", "frog", "giant", "king", "miller", "queen")
_VERBS = ("call", "find", "follow", "help", "meet", "thank")
_DEEDS = ("dance", "laugh", "sing", "sleep", "wait")


def _even(*words: str) -> dict[str, float]:
    return dict.fromkeys(words, 1.0)


GRAMMAR: Grammar = MappingProxyType(
    {
        START: {"<one>. ": 3, "<many>. ": 3, "<asked>. ": 2, "<told>. ": 2},
        "one": {"the <trait><noun><who_one> <act_one>": 1},
        "many": {"the <trait><noun>s<who_many> <act_many>": 1},
        "trait": {"": 3, "old ": 1, "small ": 1, "tired ": 1, "young ": 1},
        "noun": _even(*_NOUNS),
        "verb": _even(*_VERBS),
        "deed": _even(*_DEEDS),
        "who_one": {"": 2, " that <verb>s the <noun>s": 1},
        "who_many": {"": 2, " that <verb> the <noun>": 1},
        "act_one": {"<deed>s<where>": 1, "<verb>s <name>": 1},
        "act_many": {"<deed><where>": 1, "<verb> <name>": 1},
        "name": _even(*_NAMES),
        "where": {"": 2, " in the wood": 1, " by the well": 1, " under the bridge": 1},
        "asked": {
            f"does the {noun} {verb} <name>? the {noun} {verb}s <name>": 1.0 for noun, verb in product(_NOUNS, _VERBS)
        },
        "told": {f"{name} <deed>s<where>, and {name} <verb>s the <trait><noun>": 1.0 for name in _NAMES},
    }
)


def sentences(stream: np.random.Generator, grammar: Grammar = GRAMMAR) -> Iterator[str]:
    """Drawn at random, one after another, without end."""
    tables = {symbol: _table(templates) for symbol, templates in grammar.items()}
    while True:
        written, waiting = [], [f"<{START}>"]
        while waiting:
            literal, symbol, rest = _divided(waiting.pop())
            written.append(literal)
            if symbol:
                templates, sums = tables[symbol]
                waiting += [rest, templates[bisect(sums, stream.random())]]
        yield "".join(written)


def text(length: int, seed: int = 0, grammar: Grammar = GRAMMAR) -> str:
    """So many characters of independent sentences; the last one may be cut."""
    parts, written = [], 0
    for one in sentences(np.random.default_rng(seed), grammar):
        parts.append(one)
        written += len(one)
        if written >= length:
            break
    return "".join(parts)[:length]


def entropy(grammar: Grammar = GRAMMAR) -> tuple[float, float]:
    """Of one derivation, in nats, and the mean length of what it writes, in characters.

    H(symbol) = Σ p(template) (−ln p(template) + Σ H(symbols in it)), and lengths add in the same way.
    """
    found: dict[str, tuple[float, float]] = {}

    def of(symbol: str) -> tuple[float, float]:
        if symbol not in found:
            total = sum(grammar[symbol].values())
            nats = length = 0.0
            for template, weight in grammar[symbol].items():
                inside = [of(one) for one in _SYMBOL.findall(template)]
                share = weight / total
                nats += share * (-math.log(share) + sum(one[0] for one in inside))
                length += share * (len(_SYMBOL.sub("", template)) + sum(one[1] for one in inside))
            found[symbol] = nats, length
        return found[symbol]

    return of(START)


def floor(grammar: Grammar = GRAMMAR) -> float:
    """Entropy of the text in nats per character."""
    nats, length = entropy(grammar)
    return nats / length


def derivations(written: str, grammar: Grammar = GRAMMAR) -> list[float]:
    """The probabilities of all derivations of exactly this sentence: one where it can be written, else none."""

    def ends(template: str, start: int) -> list[tuple[int, float]]:
        literal, symbol, rest = _divided(template)
        if not written.startswith(literal, start):
            return []
        start += len(literal)
        if not symbol:
            return [(start, 1.0)]
        total = sum(grammar[symbol].values())
        return [
            (end, weight / total * p * q)
            for inner, weight in grammar[symbol].items()
            for middle, p in ends(inner, start)
            for end, q in ends(rest, middle)
        ]

    return [p for end, p in ends(f"<{START}>", 0) if end == len(written)]


def _divided(template: str) -> tuple[str, str, str]:
    """What stands before the first symbol, the symbol (empty: there is none), what comes after."""
    found = _SYMBOL.search(template)
    return (template[: found.start()], found[1], template[found.end() :]) if found else (template, "", "")


def _table(templates: Mapping[str, float]) -> tuple[list[str], list[float]]:
    """Templates, and the sums of their probabilities but for the last, which is one."""
    sums = np.cumsum(list(templates.values()))
    return list(templates), (sums / sums[-1])[:-1].tolist()
