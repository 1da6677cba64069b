"""core.data.gaussian: sizes, spectra and labels are as described; core.data.vectors: splits that do not overlap."""

from __future__ import annotations

import numpy as np
import pytest

from core.data import gaussian, pictures, vectors


def test_the_splits_are_0_7_and_0_2_and_0_1_of_twenty_thousand():
    found = gaussian.splits()
    assert {name: part.samples.shape for name, part in found.items()} == {
        "train": (14_000, 100),
        "validation": (4_000, 100),
        "test": (2_000, 100),
    }
    assert all(part.samples.dtype == np.float32 and part.labels.dtype == np.int64 for part in found.values())


def test_twenty_directions_are_strong_and_no_input_shows_them():
    samples = np.concatenate([part.samples for part in gaussian.splits().values()])
    spectrum = np.linalg.eigvalsh(np.cov(samples.T))[::-1]
    assert spectrum[:20] == pytest.approx(10.0, rel=0.1)
    assert spectrum[20:] == pytest.approx(1.0, rel=0.2)
    assert samples.var(axis=0).max() < 6  # rotated: each input mixes strong and weak


def test_a_label_is_a_sign_along_one_strong_direction():
    cloud = gaussian.splits()["train"]
    signs = 2.0 * cloud.labels - 1
    assert signs.mean() == pytest.approx(0, abs=0.05)
    direction = np.linalg.lstsq(cloud.samples.astype(np.float64), signs, rcond=None)[0]
    test = gaussian.splits()["test"]
    assert ((test.samples @ direction > 0) == test.labels).mean() > 0.96  # estimated from finite samples
    spread = direction @ np.cov(cloud.samples.T) @ direction / (direction @ direction)
    assert spread > 9


def test_geometric_variances_fall_by_the_ratio_and_the_samples_are_centred():
    samples = gaussian.geometric(0.8)
    values, axes = gaussian.principal(0.8)
    assert samples.mean(axis=0) == pytest.approx(np.zeros(100), abs=1e-12)
    assert values[:30] == pytest.approx(10 * 0.8 ** np.arange(30), rel=0.1)
    assert axes.T @ axes == pytest.approx(np.eye(100), abs=1e-10)
    assert axes * values @ axes.T == pytest.approx(gaussian.covariance(0.8), abs=1e-10)


def test_a_rotation_is_orthogonal():
    turn = gaussian.rotation(np.random.default_rng(0), 6)
    assert turn @ turn.T == pytest.approx(np.eye(6))


def test_the_chance_of_agreement_is_what_two_random_directions_give():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((200_000, 20))
    part = points.copy()
    part[:, 5:] = 0  # five of twenty dimensions are kept
    agree = 100 * (np.sign(points.sum(axis=1)) == np.sign(part.sum(axis=1))).mean()
    assert gaussian.chance_of_agreement(5) == pytest.approx(agree, abs=0.5)
    assert gaussian.chance_of_agreement(0) == 50 and gaussian.chance_of_agreement(30) == 100


def test_the_digits_are_divided_without_overlap():
    found = vectors.load("digits")
    assert [len(part.labels) for part in (found.train, found.validation, found.test)] == [1077, 360, 360]
    assert found.shape == (8, 8) and found.classes == 10 and vectors.features("digits") == 64
    official = pictures.load("digits")
    together = np.concatenate([found.train.inputs, found.validation.inputs])
    assert together.min() == 0 and together.max() == 1
    assert np.array_equal(np.round(together * 255), official.train.images.reshape(1437, 64))
    assert np.array_equal(found.test.labels, official.test.labels)


def test_fewer_unlabelled_pictures_leave_the_other_splits_alone():
    few, many = vectors.load("digits", 100), vectors.load("digits", 50_000)
    assert len(few.train.labels) == 100 and len(many.train.labels) == 1077
    assert np.array_equal(few.train.inputs, many.train.inputs[:100])
    assert np.array_equal(few.validation.inputs, many.validation.inputs)


def test_the_cloud_is_always_whole():
    assert len(vectors.load("gaussian", 100).train.labels) == 14_000
