"""Pictures with classes, behind one door: built-in digits, MNIST, Fashion-MNIST, CIFAR-10, and folders of one's own.

Everything but the digits is read from core.places.datasets(), in torchvision's layout; what is missing is downloaded
by `fetch`. Pictures stay uint8 until a batch is used: CIFAR-10 as float32 would take 0.7 GB in every worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from core import places
from core.contract import Explained
from core.data import own
from core.data.download import alone, download
from core.data.labelled import SIDE, Pictures, Split

Dataset = Literal["digits", "mnist", "fashion", "cifar10", "folder"]
DIGITS_TEST = 360  # the last ones, written by other people than the first

LABELS: dict[Dataset, str] = {
    "digits": "digits, built in (8×8)",
    "mnist": "MNIST (28×28)",
    "fashion": "Fashion-MNIST (28×28)",
    "cifar10": "CIFAR-10 (32×32, colour)",
    "folder": "my own pictures",
}
_IDX: dict[Dataset, str] = {"mnist": "MNIST", "fashion": "FashionMNIST"}  # torchvision's names


def fetch(dataset: Dataset) -> Iterator[str]:
    """Download what is not on this machine yet, saying how far it is. Raises Explained where that cannot be."""
    if dataset not in ("digits", "folder"):
        yield from _fetch(dataset, places.datasets())


def _fetch(dataset: Dataset, root: Path) -> Iterator[str]:
    datasets = _torchvision()
    if dataset in _IDX:
        kind = getattr(datasets, _IDX[dataset])
        for unpacked, (name, md5) in zip(_unpacked(kind), kind.resources, strict=True):
            if not unpacked.exists():
                yield from download([mirror + name for mirror in kind.mirrors], unpacked.with_name(name), md5)
    elif not at_hand("cifar10"):
        cifar = datasets.CIFAR10
        yield from download([cifar.url], root / cifar.filename, cifar.tgz_md5)


def at_hand(dataset: Dataset) -> bool:
    """Whether everything is on this machine, so that `load` neither downloads nor unpacks."""
    if dataset in ("digits", "folder"):
        return True
    datasets = _torchvision()
    if dataset in _IDX:
        return all(one.exists() for one in _unpacked(getattr(datasets, _IDX[dataset])))
    cifar = datasets.CIFAR10
    folder = places.datasets() / cifar.base_folder
    return all((folder / name).exists() for name, _ in (*cifar.train_list, *cifar.test_list))


def load(dataset: Dataset, folder: str = "") -> Pictures:
    """The pictures in their own size. folder: a name of `own.folders()`, for the data set "folder" alone.

    Raises Explained where files are missing or damaged.
    """
    if dataset == "folder":
        return own.load(folder)
    return _load(dataset, str(places.datasets()))


def fingerprint(dataset: Dataset, folder: str = "") -> str:
    """What tells one's own pictures from others of the same name; the other data sets are fixed by their checksums."""
    return own.fingerprint(folder) if dataset == "folder" else ""


def fitted(images: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """(n, c, side, side): smaller pictures enlarged by a whole factor (bilinear), then framed in black."""
    height, width = images.shape[2:]
    if height > side or width > side:
        raise ValueError(f"Pictures of {height}×{width} do not fit into {side}×{side}. Choose a larger side.")
    factor = side // max(height, width)
    if factor > 1:
        size = (height * factor, width * factor)
        larger = F.interpolate(torch.from_numpy(images).float(), size, mode="bilinear", align_corners=False)
        images = larger.round().to(torch.uint8).numpy()
    rows, columns = side - images.shape[2], side - images.shape[3]
    frame = ((0, 0), (0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    return np.pad(images, frame)


def as_float(images: Tensor) -> Tensor:
    """uint8 to float32 from 0 to 1, channels last, where they are."""
    return images.to(torch.float32).div_(255).contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=4)
def _load(dataset: Dataset, root: str) -> Pictures:
    if dataset == "digits":
        return _digits()
    datasets = _torchvision()
    try:
        if dataset in _IDX:
            kind = getattr(datasets, _IDX[dataset])
            if any(not one.exists() for one in _unpacked(kind)):
                with alone(Path(root) / kind.__name__ / ".unpacking"):
                    kind(root, download=True)  # downloads nothing that is there
            train, test = kind(root, train=True), kind(root, train=False)
        else:
            with alone(Path(root) / ".unpacking"):
                train = datasets.CIFAR10(root, train=True, download=True)
            test = datasets.CIFAR10(root, train=False)
    except (OSError, RuntimeError, ValueError, EOFError, AssertionError) as error:  # its assertions are about the files
        reason = (str(error) or "not in the format expected").splitlines()[0]
        raise Explained(
            f"{LABELS[dataset]} in {root} cannot be read ({reason}). Delete its folder there and press Run again: it "
            "is downloaded anew. Without a network put whole files there, or choose a data set that is built in."
        ) from error
    names = tuple(name.partition(" - ")[0] for name in train.classes)  # "0 - zero"
    return Pictures(_split(train), _split(test), names)


def _torchvision() -> Any:
    """Imported late: every worker would pay for it, and most train on what is built in."""
    from torchvision import datasets

    return datasets


def _unpacked(kind: Any) -> list[Path]:
    return [places.datasets() / kind.__name__ / "raw" / name.removesuffix(".gz") for name, _ in kind.resources]


def _split(found: Any) -> Split:
    """A torchvision data set as arrays with channels first."""
    images = np.asarray(found.data, dtype=np.uint8)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return Split(np.ascontiguousarray(images), np.asarray(found.targets, dtype=np.int64))


def _digits() -> Pictures:
    """scikit-learn's digits, from its file: importing its data sets takes longer than an epoch on them."""
    (folder,) = find_spec("sklearn").submodule_search_locations  # type: ignore[union-attr, misc]
    rows = np.loadtxt(Path(folder) / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    images = np.round(rows[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)  # levels 0 to 16
    labels = rows[:, -1].astype(np.int64)
    train, test = slice(0, -DIGITS_TEST), slice(-DIGITS_TEST, None)
    return Pictures(Split(images[train], labels[train]), Split(images[test], labels[test]), tuple(map(str, range(10))))
