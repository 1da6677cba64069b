"""What a call costs: sizes that are known beforehand, and features that never stand in memory at once."""

from __future__ import annotations

import pytest
import torch

from core.nn.attention import attend
from core.nn.cost import free_bytes, peak_bytes, seconds, usable_backends
from core.nn.kernels import Linear, Polynomial, Softmax

CPU = torch.device("cpu")
HEADS, N, D = 2, 700, 16
SMALL = 100  # bytes: numbers that torch makes tensors of


def inputs(tokens: int = N, width: int = D) -> list[torch.Tensor]:
    return list(torch.randn(3, 1, HEADS, tokens, width, generator=torch.Generator().manual_seed(0)))


def test_the_peak_is_what_stands_at_once_and_not_what_was_ever_asked_for() -> None:
    x = torch.ones(1000)

    def three_of_which_two_stand() -> torch.Tensor:
        y = x + 1
        z = y + 1
        del y
        return z + 1

    assert peak_bytes(three_of_which_two_stand, CPU) == pytest.approx(2 * 4 * 1000, abs=SMALL)


def test_written_out_softmax_holds_matrices_of_n_by_n() -> None:
    q, k, _ = inputs()
    matrix = 4 * N * N * HEADS
    assert peak_bytes(lambda: q @ k.mT, CPU) == pytest.approx(matrix, abs=SMALL)
    assert peak_bytes(lambda: Softmax().weights(q, k), CPU) == pytest.approx(2 * matrix, abs=SMALL)  # scores, weights


@pytest.mark.parametrize("causal", [False, True])
def test_wide_features_never_stand_in_memory_at_once(causal: bool) -> None:
    q, k, v = inputs(40_000)
    all_of_them = 4 * Polynomial(2).feature_count(D) * 40_000 * HEADS
    assert peak_bytes(lambda: attend(Polynomial(2), q, k, v, "features", causal), CPU) < all_of_them / 2


def test_linear_attention_takes_memory_in_proportion_to_the_tokens() -> None:
    short, long = (
        peak_bytes(lambda tokens=tokens: attend(Linear(), *tokens, "features"), CPU)
        for tokens in (inputs(512), inputs(4096))
    )
    assert long == pytest.approx(8 * short, rel=0.05)


def test_a_call_takes_time_and_some_memory_is_free() -> None:
    assert seconds(lambda: torch.ones(100).sum(), CPU) > 0
    assert free_bytes(CPU) > 2**20


def test_the_plain_way_runs_everywhere_and_cudnn_not_on_a_cpu() -> None:
    found = usable_backends("cpu")
    assert found[0] == "auto" and "math" in found and "cudnn" not in found
