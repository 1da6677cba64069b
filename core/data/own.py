"""One's own pictures: a folder below core.places.datasets() with train/<class>/ and test/<class>/ of image files."""

from __future__ import annotations

import hashlib
import re
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from core import places
from core.config import knob
from core.contract import Explained
from core.data.labelled import SIDE, Pictures, Split

NAME = r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})?"  # no slash and no leading dot: never a way out of the folder
RULE = "the name of a folder of pictures (letters, digits, dot, hyphen and underscore, at most 64)"
KINDS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
SPLITS = ("train", "test")
LOOK_SECONDS = 3.0  # between looks at a folder that may have changed


def folder_knob() -> Any:
    """The field `folder: str` of a lab whose knob `dataset` may be "folder"."""
    return knob(
        "",
        "Folder of pictures",
        where={"dataset": ("folder",)},
        pattern=NAME,
        rule=RULE,
        offered=folders,
        help="With train/<class>/ and test/<class>/ in it, below the folder of data sets.",
    )


def folders() -> list[str]:
    """Names of the folders that have pictures to train and to test on."""
    root = places.datasets()
    if not root.is_dir():
        return []
    return sorted(
        one.name
        for one in root.iterdir()
        if re.fullmatch(NAME, one.name) and all((one / split).is_dir() for split in SPLITS)
    )


def load(name: str) -> Pictures:
    """The pictures of a folder, RGB, the middle square of each at 32×32. Raises Explained where that cannot be."""
    return _load(str(_place(name)), fingerprint(name))


def fingerprint(name: str) -> str:
    """Changes with the names, sizes and times of the files; looked at anew every few seconds. Empty for no folder."""
    if not name or not re.fullmatch(NAME, name):
        return ""
    return _fingerprint(str(places.datasets() / name), int(time.monotonic() / LOOK_SECONDS))


def _place(name: str) -> Path:
    found = folders()
    here = ", ".join(found) or "none"
    if not name:
        remedy = "" if found else " On the page, “Bring your own pictures” below adds one from a zip."
        raise Explained(f"Choose a folder of pictures first. In {places.datasets()} there are: {here}.{remedy}")
    place = places.datasets() / name
    if not re.fullmatch(NAME, name) or not all((place / split).is_dir() for split in SPLITS):
        raise Explained(
            f"There is no folder {name!r} with train and test in {places.datasets()}; there are: {here}. Each of the "
            "two holds a folder a class with its pictures."
        )
    return place


def _files(place: Path) -> list[tuple[str, Path]]:
    """(class, file), sorted; none where there is no such folder."""
    if not place.is_dir():
        return []
    return [
        (group.name, file)
        for group in sorted(one for one in place.iterdir() if one.is_dir() and not one.name.startswith("."))
        for file in sorted(group.iterdir())
        if file.suffix.lower() in KINDS
    ]


@lru_cache(maxsize=16)
def _fingerprint(place: str, tick: int) -> str:
    checksum = hashlib.sha256()
    for split in SPLITS:
        for group, file in _files(Path(place) / split):
            about = file.lstat()  # of a link itself: it may lead nowhere
            checksum.update(f"{split}/{group}/{file.name} {about.st_size} {about.st_mtime_ns}\n".encode())
    return checksum.hexdigest()


@lru_cache(maxsize=2)
def _load(place: str, fingerprint: str) -> Pictures:
    found = {split: _files(Path(place) / split) for split in SPLITS}
    classes = tuple(sorted({group for group, _ in found["train"]}))
    if len(classes) < 2 or not found["test"]:
        raise Explained(
            f"{Path(place).name} needs pictures of two classes or more in train, and some in test; got "
            f"{len(classes)} classes and {len(found['test'])} test pictures."
        )
    strange = sorted({group for group, _ in found["test"]} - set(classes))
    if strange:
        raise Explained(f"{Path(place).name}/test has classes that train has not: {', '.join(strange[:5])}.")
    return Pictures(_read(found["train"], classes), _read(found["test"], classes), classes)


def _read(files: list[tuple[str, Path]], classes: tuple[str, ...]) -> Split:
    images = np.stack([_picture(file) for _, file in files])
    return Split(images, np.array([classes.index(group) for group, _ in files], dtype=np.int64))


def _picture(file: Path) -> NDArray[np.uint8]:
    """(3, 32, 32)."""
    try:
        with Image.open(file) as opened:
            square = ImageOps.fit(ImageOps.exif_transpose(opened).convert("RGB"), (SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise Explained(
            f"{file.parent.name}/{file.name} is no picture that can be read. Replace or remove it."
        ) from error
    return np.asarray(square, dtype=np.uint8).transpose(2, 0, 1)
