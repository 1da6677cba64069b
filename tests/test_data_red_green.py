"""core.data.red_green: the published recipe, image for image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import red_green
from core.data.red_green import COUNTS, SHIFT, Pairs, draw, render, splits, swap


def _published(count: int, shifted: bool = False) -> NDArray[np.float32]:
    """The recipe written straight down, from the global legacy stream: (count, 3, 32, 32)."""
    np.random.seed(42)  # noqa: NPY002 - the recipe names this stream
    images = np.zeros((count, 3, 32, 32), dtype=np.float32)
    for i in range(count):
        row = 7 if i % 2 == 0 else 23
        xl = np.random.randint(10)  # noqa: NPY002
        yl = np.random.randint(-4, 4) + row  # noqa: NPY002
        xr = np.random.randint(xl, 28)  # noqa: NPY002
        yr = np.random.randint(-4, 4) + row  # noqa: NPY002
        while abs(xl - xr) < 5:
            xr = np.random.randint(xl, 28)  # noqa: NPY002
            yr = np.random.randint(-4, 4) + row  # noqa: NPY002
        if shifted:
            yl, yr = (yl + 16, yr + 16) if i % 2 == 0 else (yl - 16, yr - 16)
        left, right = (0, 1) if i % 2 == 0 else (1, 0)
        images[i, left, yl : yl + 4, xl : xl + 4] = 1
        images[i, right, yr : yr + 4, xr : xr + 4] = 1
    return images


@pytest.fixture(autouse=True)
def _own_stream():
    """The oracle seeds the global stream; the next test gets it back."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_every_split_is_the_published_one(name: str):
    split = splits()[name]
    assert split.images.dtype == np.float32
    assert split.labels.dtype == np.int64
    np.testing.assert_array_equal(split.images, _published(COUNTS[name]))


def test_swapped_images_are_the_test_pairs_moved_sixteen_rows():
    np.testing.assert_array_equal(splits()["swapped"].images, _published(1000, shifted=True))


def test_the_first_pairs_have_the_known_corners():
    first = draw(4)
    corners = np.stack([first.x_left, first.y_left, first.x_right, first.y_right], axis=1)
    np.testing.assert_array_equal(corners, [[6, 6, 20, 5], [7, 23, 27, 25], [9, 5, 19, 5], [7, 23, 27, 20]])


def test_drawing_leaves_the_global_stream_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draw(20)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_published_validation_images_are_training_images_and_fresh_ones_are_not():
    published, fresh = splits(), splits("fresh")
    np.testing.assert_array_equal(published["validation"].images, published["train"].images[:1000])
    np.testing.assert_array_equal(published["test"].images, published["train"].images[:1000])
    np.testing.assert_array_equal(fresh["train"].images, published["train"].images)
    for name in ("validation", "test"):
        same = (fresh[name].images == published["train"].images[:1000]).all(axis=(1, 2, 3))
        assert same.mean() < 0.01
    assert not np.array_equal(fresh["validation"].images, fresh["test"].images)


@pytest.mark.parametrize("draws", ["published", "fresh"])
def test_every_image_holds_one_whole_red_and_one_whole_green_square(draws: red_green.Draws):
    for split in splits(draws).values():
        np.testing.assert_array_equal(split.images.sum(axis=(2, 3)), np.tile([16.0, 16.0, 0.0], (len(split.labels), 1)))
        assert set(np.unique(split.images)) == {0.0, 1.0}
        np.testing.assert_array_equal(split.labels, np.arange(len(split.labels)) % 2)


def test_the_class_is_the_colour_on_the_left_at_both_locations():
    columns = np.arange(32)
    for split in (splits()["test"], splits()["swapped"]):
        centres = (split.images.sum(axis=2) * columns).sum(axis=2) / 16
        np.testing.assert_array_equal(split.labels, (centres[:, 0] > centres[:, 1]).astype(int))


def test_swapping_exchanges_the_rows_of_the_classes_and_keeps_the_columns():
    pairs = draw(1000)
    moved = swap(pairs)
    np.testing.assert_array_equal(moved.x_left, pairs.x_left)
    np.testing.assert_array_equal(moved.x_right, pairs.x_right)
    np.testing.assert_array_equal(np.abs(moved.y_left - pairs.y_left), SHIFT)
    assert set(np.unique(moved.y_left[::2])) == set(np.unique(pairs.y_left[1::2]))
    assert moved.y_left.min() >= 0
    assert moved.y_right.max() + 4 <= 32


def test_a_square_is_painted_from_its_top_left_corner():
    image = render(Pairs(*(np.array([value]) for value in (2, 5, 20, 9)))).images[0]
    assert np.argwhere(image[0]).min(axis=0).tolist() == [5, 2]
    assert np.argwhere(image[0]).max(axis=0).tolist() == [8, 5]
    assert np.argwhere(image[1]).min(axis=0).tolist() == [9, 20]
