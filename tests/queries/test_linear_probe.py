"""The stacked probe against nn.Linear, autograd and torch's Adam, one seed at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.queries.linear_probe import BATCH, PIECE, RATE, LinearProbe, probe_accuracy

SEEDS = (3, 4, 9)


def task(n: int = 450, width: int = 6, classes: int = 3) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(0)
    features = torch.randn(len(SEEDS), n, width, generator=stream)
    return features, torch.randint(classes, (n,), generator=stream)


def plain(features: Tensor, labels: Tensor, classes: int, seed: int, epochs: int) -> nn.Linear:
    torch.manual_seed(seed)
    layer = nn.Linear(features.shape[1], classes)
    optimiser = torch.optim.Adam(layer.parameters(), lr=RATE)
    for _ in range(epochs):
        for inputs, answers in zip(features.split(BATCH), labels.split(BATCH), strict=True):
            optimiser.zero_grad()
            F.cross_entropy(layer(inputs), answers).backward()
            optimiser.step()
    return layer


@pytest.mark.parametrize("epochs", [0, 1, 60])
def test_each_seed_is_trained_as_a_layer_of_its_own_would_be(epochs: int):
    features, labels = task()
    probe = LinearProbe(features, labels, 3, SEEDS)
    list(probe.fit(epochs))
    accuracies = probe.accuracy(features, labels)
    for number, seed in enumerate(SEEDS):
        layer = plain(features[number], labels, 3, seed, epochs)
        expected = torch.cat([layer.weight, layer.bias[:, None]], dim=1)
        torch.testing.assert_close(probe.weight[number], expected.detach(), rtol=1e-4, atol=2e-6)
        right = layer(features[number]).argmax(dim=1) == labels
        assert accuracies[number] == pytest.approx(100 * right.double().mean().item())


def test_it_learns_what_a_line_can_tell():
    stream = torch.Generator().manual_seed(1)
    features = torch.randn(1, 3000, 4, generator=stream)
    labels = (features[0, :, 0] > features[0, :, 1]).long()
    both = (features[:, :2000], features[:, 2000:])
    found = probe_accuracy(both, (labels[:2000], labels[2000:]), 2, [0], 100)
    assert found.shape == (1,) and found[0] > 97


def test_the_global_stream_is_left_as_it_was():
    features, labels = task()
    before = torch.get_rng_state()
    list(LinearProbe(features, labels, 3, SEEDS).fit(1))
    assert torch.equal(before, torch.get_rng_state())


def test_it_pauses_between_pieces_and_never_inside_no_grad():
    features, labels = task(n=5 * BATCH)
    done = []
    for steps in LinearProbe(features, labels, 3, SEEDS).fit(PIECE // 5 + 20):
        done.append(steps)
        assert torch.is_grad_enabled()
    assert done == [PIECE, PIECE + 100]


def test_features_of_inference_mode_may_be_given():
    features, labels = task()
    with torch.inference_mode():
        frozen = features * 1
    found = probe_accuracy((frozen, frozen), (labels, labels), 3, SEEDS, 1)
    assert np.array_equal(found, probe_accuracy((features, features), (labels, labels), 3, SEEDS, 1))


@pytest.mark.parametrize("shape", [(3, 0, 6), (2, 10, 6), (10, 6)])
def test_features_of_another_shape_are_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"A probe needs features \(seeds, n, width\) with n from 1 up, for 3 seeds"):
        LinearProbe(torch.zeros(shape), torch.zeros(10, dtype=torch.long), 3, SEEDS)
