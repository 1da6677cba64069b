"""Normalisations against torch and the course's numbers; running statistics against torch's and the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.demos import normalisation as demo
from core.demos import written
from core.demos.normalisation import BATCH, BATCHES, KINDS, MOVING, NormalisationConfig

SHAPE = (4, 2, 3)


def test_the_courses_tensor_has_the_courses_numbers():
    x, notes = demo.read(demo.EXAMPLE)
    assert x.shape == SHAPE and not notes
    mean, variance = demo.statistics(x, demo.sets("batch", SHAPE))
    np.testing.assert_allclose(mean, [2.5, 2.5])
    np.testing.assert_allclose(variance, [1.0833, 1.4167], atol=5e-5)
    mean, variance = demo.statistics(x, demo.sets("layer", SHAPE))
    np.testing.assert_allclose(mean, [2.8333, 2.6667, 2.5, 2.0], atol=5e-5)
    np.testing.assert_allclose(variance, [1.1389, 1.2222, 0.9167, 1.3333], atol=5e-5)


@pytest.mark.parametrize(("kind", "lit"), [("batch", 12), ("layer", 6), ("instance", 3), ("group", 3)])
def test_the_averaged_cells_are_lit(kind: str, lit: int):
    found = demo.look(NormalisationConfig(kind=kind, groups=2, sample=2, channel=2, feature=3))
    assert found.lit.sum() == lit and found.lit[found.chosen] and found.chosen == (1, 1, 2)
    expected = {"batch": found.lit[:, 1], "layer": found.lit[1]}.get(kind, found.lit[1, 1])
    assert expected.all()
    assert found.difference < 1e-12 and len(found.names) == len(found.mean)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([1, 2, 4, 6]), st.integers(2, 5))
def test_every_kind_is_torchs_whatever_the_shape(seed: int, samples: int, channels: int, features: int):
    x = np.random.default_rng(seed).normal(3, 2, (samples, channels, features))
    for kind in KINDS:
        for groups in [one for one in range(1, channels + 1) if channels % one == 0]:
            theirs = demo.by_torch(x, kind, groups)
            assert theirs is not None
            np.testing.assert_allclose(demo.normalise(x, kind, groups), theirs, atol=1e-9)
    np.testing.assert_allclose(demo.normalise(x, "group", 1), demo.normalise(x, "layer"), atol=1e-12)
    np.testing.assert_allclose(demo.normalise(x, "group", channels), demo.normalise(x, "instance"), atol=1e-12)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("1 nan / 2 3", "every entry must be a number from -10⁶ to 10⁶; got `nan`. Replace it."),
        ("1 2; 3", "all parts must have the same shape; got rows of 2; 1 numbers"),
        ("1 2 / 3", "all parts must have the same shape"),
        ("1 2 3 4 5 6 7", "each size must be from 1 to 6; got 1×1×7"),
        ("", "each size must be from 1 to 6; got 1×1×0"),
        ("inf 1", "got `inf`"),
    ],
)
def test_a_tensor_that_cannot_be_read_is_said_and_the_example_shown(text: str, part: str):
    x, notes = demo.read(text)
    assert part in notes[0] and x.shape == SHAPE


def test_odd_tensors_are_normalised_with_a_word():
    alone = demo.look(NormalisationConfig(tensor="7", kind="batch"))
    assert alone.torch is None and np.isnan(alone.difference) and (alone.output == 0).all()
    assert "averaged with no other" in alone.notes[0]
    odd = demo.look(NormalisationConfig(tensor="1 2 / 3 4 / 5 6", kind="group", groups=2))
    assert odd.notes == ("Groups must divide the 3 channels; got 2. Used 1.",)
    constant = demo.look(NormalisationConfig(tensor="5 5 / 5 5", kind="layer"))
    assert (constant.output == 0).all() and constant.difference == 0
    assert written.block("1 \u22122; 3,4", 6).tolist() == [[[1, -2]], [[3, 4]]]


@pytest.mark.parametrize("momentum", [0.05, 0.3, 1.0])
def test_running_statistics_are_torchs(momentum: float):
    drift, seed = 0.2, 4
    found = demo.drifting(momentum, drift, seed)
    layer = nn.BatchNorm1d(1, momentum=momentum, affine=False, dtype=torch.float64)
    x = found.true[:, None] + np.random.default_rng(seed).standard_normal((BATCHES, BATCH))
    for batch, running in zip(x, found.running, strict=True):
        layer(torch.from_numpy(batch)[:, None])
        assert layer.running_mean.item() == pytest.approx(running, abs=1e-9)
    layer.eval()
    right = (x[-1] - found.true[-1]) / np.sqrt(1 + demo.EPSILON)
    off = np.abs(layer(torch.from_numpy(x[-1])[:, None]).numpy()[:, 0] - right).mean()
    assert off == pytest.approx(found.error[-1], abs=1e-9)


@pytest.mark.parametrize(("momentum", "drift"), [(0.1, 0.1), (0.5, -0.4), (0.02, 1.0), (1.0, 0.3)])
def test_the_lag_is_the_formulas_within_4_standard_errors(momentum: float, drift: float):
    draws = np.stack([demo.drifting(momentum, drift, seed).lag for seed in range(40)])
    formula = demo.expected_lag(momentum, drift)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    places = [0, MOVING // 2, MOVING - 1, MOVING + 10, BATCHES - 1]
    assert (np.abs(draws.mean(axis=0) - formula)[places] < 4 * error[places]).all()


def test_without_momentum_the_running_mean_stays_and_with_1_it_is_the_batchs():
    still = demo.drifting(0.0, 0.5, 0)
    assert (still.running == 0).all()
    np.testing.assert_allclose(still.expected, 0, atol=1e-12)
    np.testing.assert_allclose(demo.expected_lag(1.0, 0.5), 0)
