"""Scenes of digits: where digits may lie, which one names a pixel, and how far an edge is."""

from __future__ import annotations

import os

import numpy as np
import pytest

from core.data import pictures, scenes
from core.data.scenes import BACKGROUND, INK, LARGEST_IOU, PICTURE, SIDE, box_iou, edge_distance, lay, place


def test_box_iou_of_known_squares():
    corner = np.array([3, 5])
    assert box_iou(corner, corner) == 1.0
    assert box_iou(corner, corner + np.array([0, PICTURE])) == 0.0
    assert box_iou(corner, corner + np.array([PICTURE // 2, 0])) == pytest.approx(1 / 3)  # a half shared: 0.5 / 1.5


@pytest.mark.parametrize("count", [2, 3, 4])
def test_pictures_lie_inside_and_hardly_overlap(count: int):
    rng = np.random.default_rng(count)
    for _ in range(30):
        corners = place(count, rng)
        assert corners.shape == (count, 2)
        assert corners.min() >= 0 and corners.max() + PICTURE <= SIDE
        pairs = [box_iou(corners[i], corners[j]) for i in range(count) for j in range(i)]
        assert max(pairs) <= LARGEST_IOU


def test_the_brighter_ink_shows_and_names_the_pixel_and_a_tie_stays():
    digits = np.zeros((3, PICTURE, PICTURE), np.uint8)
    digits[0, 0, :4] = 200
    digits[1, 0, :4] = (100, 200, 250, INK)
    digits[2, 1, :2] = (INK - 1, INK)
    scene = lay(digits, np.array([7, 2, 5]), np.zeros((3, 2), np.int64))
    assert scene.images[0, 0, :4].tolist() == [200, 200, 250, 200]
    assert scene.targets[0, 0, :5].tolist() == [7, 7, 2, 7, BACKGROUND]
    assert scene.targets[0, 1, :2].tolist() == [BACKGROUND, 5]


def test_edge_distance_against_all_pairs():
    target = np.random.default_rng(0).integers(0, 3, (9, 11)).astype(np.uint8)
    target[2:7, 2:8] = 1
    places = np.argwhere(np.ones_like(target))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    apart[target.ravel()[:, None] == target.ravel()[None]] = np.inf
    np.testing.assert_allclose(edge_distance(target).ravel(), apart.min(axis=1), rtol=1e-6)
    assert np.isinf(edge_distance(np.full((4, 4), BACKGROUND, np.uint8))).all()  # no edge anywhere


def test_scenes_are_of_the_announced_size_and_of_their_own_digits():
    found = scenes.scenes("digits")
    assert [found[name].images.shape for name in ("train", "test")] == [(1000, 60, 60), (200, 60, 60)]
    for one in found.values():
        assert one.images.dtype == one.targets.dtype == np.uint8
        assert set(np.unique(one.targets)) == set(range(11))
        present = [len(np.unique(target)) - 1 for target in one.targets]
        assert 1 <= min(present) and max(present) <= 4  # equal digits count once
        assert (one.images[one.targets != BACKGROUND] >= INK).all()


def test_test_scenes_use_test_digits_alone(monkeypatch: pytest.MonkeyPatch):
    blank = pictures.load("digits")
    dark = pictures.Split(np.zeros_like(blank.test.images), blank.test.labels)
    monkeypatch.setattr(pictures, "load", lambda dataset: pictures.Pictures(blank.train, dark, blank.classes))
    found = scenes._scenes.__wrapped__("digits", "")
    assert found["train"].images.any() and not found["test"].images.any()
    assert (found["test"].targets == BACKGROUND).all()


@pytest.mark.realdata
@pytest.mark.skipif("LAYERLAB_DATASETS" not in os.environ, reason="needs MNIST in LAYERLAB_DATASETS")
def test_mnist_scenes_have_about_the_same_ink():
    shares = [float((scenes.scenes(name)["test"].targets != BACKGROUND).mean()) for name in ("digits", "mnist")]
    assert 0.5 < shares[1] / shares[0] < 1.0  # digits of 8×8 have thicker strokes when enlarged
