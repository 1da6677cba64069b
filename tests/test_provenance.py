"""Parameters and operations against a count by hand; nothing random is touched."""

from __future__ import annotations

from dataclasses import replace

import torch

from core import provenance
from core.experiments.padding import EXPERIMENT, PaddingConfig


def by_hand(sides: tuple[int, ...], head: int) -> int:
    """Multiply-adds of the four convolutions and the head, times two."""
    channels = (3, 32, 32, 64, 64)
    convolutions = sum(9 * channels[n] * channels[n + 1] * sides[n] ** 2 for n in range(4))
    return 2 * (convolutions + head)


def test_parameters_of_both_nets():
    convolutions = 9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64)
    assert provenance.parameters(EXPERIMENT, PaddingConfig(conv="valid")) == convolutions + 64 * 2 + 2
    flat = 64 * 2 * 2
    net2 = convolutions + (flat * 64 + 64) + (64 * 2 + 2)
    assert provenance.parameters(EXPERIMENT, PaddingConfig(conv="valid", head="flatten")) == net2


def test_operations_grow_with_the_padding():
    assert provenance.operations(EXPERIMENT, PaddingConfig(conv="valid")) == by_hand((30, 14, 6, 2), 64 * 2)
    assert provenance.operations(EXPERIMENT, PaddingConfig(conv="sconv")) == by_hand((32, 16, 8, 4), 64 * 2)
    assert provenance.operations(EXPERIMENT, PaddingConfig(conv="fconv")) == by_hand((34, 18, 10, 6), 64 * 2)


def test_an_experiment_without_an_example_is_not_counted():
    bare = replace(EXPERIMENT, example=None, data=None)
    assert provenance.operations(bare, PaddingConfig()) is None
    facts = provenance.facts(bare, PaddingConfig(), "a CPU")
    assert facts["operations"] == "not counted" and facts["device"] == "a CPU"


def test_the_facts_name_draws_versions_and_source():
    facts = provenance.facts(EXPERIMENT, PaddingConfig(data="fresh"), "a CPU")
    assert "a stream of its own" in facts["data"]
    assert f"torch {torch.__version__}" in facts["versions"]
    assert "Kayhan" in facts["experiment"]


def test_counting_leaves_the_random_stream_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    provenance.parameters(EXPERIMENT, PaddingConfig(conv="circular"))
    assert torch.equal(torch.rand(3), wanted)
