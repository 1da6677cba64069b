from __future__ import annotations

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torchvision import datasets

from core.contract import Explained
from core.data import own, pictures


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    return tmp_path


def make_folder(root: Path, name: str = "pets", classes: tuple[str, ...] = ("cat", "dog"), size: int = 40) -> Path:
    for split in ("train", "test"):
        for level, group in enumerate(classes):
            (root / name / split / group).mkdir(parents=True)
            for index in range(3):
                picture = Image.new("RGB", (size, size + 8), (100 * level, 50, 10 * index))
                picture.save(root / name / split / group / f"{index}.png")
    return root / name


def idx(array: np.ndarray) -> bytes:
    """A uint8 array in the format of MNIST's files."""
    return gzip.compress(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())


def test_the_digits_are_built_in():
    found = pictures.load("digits")
    assert found.train.images.shape == (1437, 1, 8, 8) and found.test.images.shape == (360, 1, 8, 8)
    assert found.train.images.dtype == np.uint8 and found.train.images.max() == 255
    assert found.classes == tuple("0123456789") and set(found.test.labels) == set(range(10))
    assert list(pictures.fetch("digits")) == []
    theirs = load_digits()
    assert np.array_equal(np.concatenate([found.train.labels, found.test.labels]), theirs.target)
    levels = np.concatenate([found.train.images, found.test.images])[:, 0] * (16 / 255)
    assert np.array_equal(np.round(levels), theirs.images)


def test_packed_files_that_are_there_are_unpacked_once(root: Path, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    images, labels = rng.integers(0, 256, (6, 28, 28), dtype=np.uint8), np.arange(6, dtype=np.uint8)
    resources = []
    for name, _ in datasets.FashionMNIST.resources:
        content = idx(images if "images" in name else labels)
        (raw / name).write_bytes(content)
        resources.append((name, hashlib.md5(content, usedforsecurity=False).hexdigest()))
    monkeypatch.setattr(datasets.FashionMNIST, "resources", resources)
    assert list(pictures.fetch("fashion")) == []
    found = pictures.load("fashion")
    assert np.array_equal(found.train.images[:, 0], images) and found.test.labels.tolist() == list(range(6))
    assert found.classes[0] == "T-shirt/top"


def test_digits_are_always_at_hand_and_others_once_all_of_their_files_are(root: Path):
    assert pictures.at_hand("digits")
    for dataset, folder, names in (
        ("mnist", "MNIST/raw", [name.removesuffix(".gz") for name, _ in datasets.MNIST.resources]),
        ("cifar10", datasets.CIFAR10.base_folder, [*(f"data_batch_{one}" for one in range(1, 6)), "test_batch"]),
    ):
        (root / folder).mkdir(parents=True)
        for name in names:
            assert not pictures.at_hand(dataset)
            (root / folder / name).touch()
        assert pictures.at_hand(dataset)


def test_a_damaged_file_is_said_with_the_remedy(root: Path):
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, _ in datasets.MNIST.resources:
        (raw / name.removesuffix(".gz")).write_bytes(b"no digits")
    assert list(pictures.fetch("mnist")) == []
    with pytest.raises(Explained, match=r"MNIST .* cannot be read .* Delete its folder there"):
        pictures.load("mnist")


@pytest.mark.realdata
@pytest.mark.skipif(not os.environ.get("LAYERLAB_DATASETS"), reason="LAYERLAB_DATASETS names no real data")
def test_real_mnist():
    found = pictures.load("mnist")
    assert found.train.images.shape == (60_000, 1, 28, 28) and found.test.images.shape == (10_000, 1, 28, 28)
    assert np.bincount(found.test.labels)[[0, 1]].tolist() == [980, 1135] and found.classes[1] == "1"


def test_own_pictures_are_the_middle_square_in_the_order_of_their_classes(root: Path):
    make_folder(root)
    found = pictures.load("folder", "pets")
    assert found.classes == ("cat", "dog") and found.train.images.shape == (6, 3, 32, 32)
    assert found.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.train.images[4, :, 5, 5].tolist() == [100, 50, 10]
    assert own.folders() == ["pets"]


def test_the_fingerprint_changes_with_a_file(root: Path, monkeypatch: pytest.MonkeyPatch):
    folder = make_folder(root)
    monkeypatch.setattr(own, "LOOK_SECONDS", 1e-9)
    before = pictures.fingerprint("folder", "pets")
    assert before and before == pictures.fingerprint("folder", "pets")
    (folder / "train" / "cat" / "0.png").write_bytes((folder / "train" / "dog" / "1.png").read_bytes())
    assert pictures.fingerprint("folder", "pets") != before
    assert pictures.fingerprint("digits") == pictures.fingerprint("folder", "../..") == ""


def test_links_in_a_folder_are_followed_and_may_lead_nowhere(root: Path, monkeypatch: pytest.MonkeyPatch):
    folder = make_folder(root)
    monkeypatch.setattr(own, "LOOK_SECONDS", 1e-9)
    elsewhere = (folder / "train" / "dog").rename(root / "dogs")
    (folder / "train" / "dog").symlink_to(elsewhere)
    before = pictures.fingerprint("folder", "pets")
    (elsewhere / "more.png").write_bytes((elsewhere / "1.png").read_bytes())
    assert pictures.fingerprint("folder", "pets") != before
    assert pictures.load("folder", "pets").train.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    (elsewhere / "gone.png").symlink_to(root / "nowhere.png")
    assert pictures.fingerprint("folder", "pets") != before
    with pytest.raises(Explained, match=r"dog/gone\.png is no picture"):
        pictures.load("folder", "pets")


@pytest.mark.parametrize("name", ["missing", "../elsewhere", "/etc", ".hidden", "a/b"])
def test_only_a_folder_below_is_read(root: Path, name: str):
    make_folder(root)
    with pytest.raises(Explained, match=r"There is no folder .*there are: pets\. Each of the two holds"):
        pictures.load("folder", name)


def test_what_is_wrong_with_a_folder_is_said(root: Path):
    with pytest.raises(Explained, match=r"Choose a folder of pictures first.*there are: none"):
        pictures.load("folder", "")
    make_folder(root, "one", ("cat",))
    with pytest.raises(Explained, match=r"two classes or more in train.*got 1 classes and 3 test"):
        pictures.load("folder", "one")
    (make_folder(root, "broken") / "train" / "dog" / "x.png").write_bytes(b"no picture")
    with pytest.raises(Explained, match=r"dog/x\.png is no picture that can be read"):
        pictures.load("folder", "broken")
    extra = make_folder(root, "extra") / "test" / "cow"
    extra.mkdir()
    (extra / "0.png").write_bytes(b"never read")
    with pytest.raises(Explained, match="classes that train has not: cow"):
        pictures.load("folder", "extra")


def test_fitted_enlarges_by_whole_factors_and_frames():
    small = np.full((1, 1, 8, 8), 200, np.uint8)
    assert (pictures.fitted(small) == 200).all() and pictures.fitted(small).shape == (1, 1, 32, 32)
    framed = pictures.fitted(np.full((1, 3, 28, 28), 9, np.uint8))
    assert framed.shape == (1, 3, 32, 32) and framed[0, 0, 2, 2] == 9 and framed[0, 0, 1, 2] == 0
    with pytest.raises(ValueError, match="40×40 do not fit into 32×32"):
        pictures.fitted(np.zeros((1, 1, 40, 40), np.uint8))


def test_as_float_runs_from_0_to_1_in_channels_last():
    found = pictures.as_float(torch.tensor([[[[0, 255]], [[51, 102]]]], dtype=torch.uint8))
    assert found.flatten().tolist() == pytest.approx([0.0, 1.0, 0.2, 0.4])
    assert found.is_contiguous(memory_format=torch.channels_last)
