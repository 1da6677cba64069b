from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import own, pictures, squares


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    monkeypatch.setattr(own, "LOOK_SECONDS", 1e-9)
    return tmp_path


def make_folder(root: Path, classes: tuple[str, ...], count: int = 6) -> None:
    for split in ("train", "test"):
        for level, group in enumerate(classes):
            (root / "pets" / split / group).mkdir(parents=True)
            for index in range(count):
                picture = Image.new("RGB", (32, 32), (50 * level, 10, 200))
                picture.save(root / "pets" / split / group / f"{index}.png")


def test_all_of_the_digits_are_there_once_and_fit():
    found, original = squares.load("digits"), pictures.load("digits")
    assert found.train.images.shape == (1437, 1, 32, 32) and found.test.images.shape == (360, 1, 32, 32)
    assert np.bincount(found.train.labels).tolist() == np.bincount(original.train.labels).tolist()
    expected = np.sort(pictures.fitted(original.test.images).sum(axis=(1, 2, 3)))
    assert np.sort(found.test.images.sum(axis=(1, 2, 3))).tolist() == expected.tolist()
    assert found.mean == pytest.approx([found.train.images.mean()], rel=1e-5)


def test_a_choice_is_the_beginning_of_all_and_always_the_same():
    all_, some = squares.load("digits"), squares.load("digits", train=50, test=20)
    assert np.array_equal(some.train.images, all_.train.images[:50])
    assert np.array_equal(some.test.labels, all_.test.labels[:20])
    assert some.mean != all_.mean
    assert squares.load("digits", train=10_000).train.labels.shape == (1437,)


def test_the_first_few_of_a_folder_are_of_all_classes(root: Path):
    make_folder(root, ("cat", "cow", "dog"))
    found = squares.load("folder", "pets", train=12, test=9)
    assert set(found.train.labels) == set(found.test.labels) == {0, 1, 2}
    assert found.classes == ("cat", "cow", "dog")
    assert found.mean[1:] == pytest.approx([10, 200])


def test_the_shape_is_known_without_reading_a_picture(root: Path):
    assert [squares.shape(name) for name in ("digits", "mnist", "fashion", "cifar10")] == [(1, 10)] * 3 + [(3, 10)]
    assert squares.shape("folder", "pets") == squares.shape("folder", "") == (3, 10)  # until there is one
    make_folder(root, ("cat", "cow", "dog"), count=1)
    (root / "pets" / "train" / "empty").mkdir()
    assert squares.shape("folder", "pets") == (3, 3)
