"""Files of the store: arrays as .npz, weights as .safetensors, written whole or not at all, set aside when damaged."""

from __future__ import annotations

import fcntl
import io
import os
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from core.events import Weights


class Unstorable(ValueError):
    """Arrays of a kind that a file cannot hold (Python objects, or a number type the format has not)."""


def pack_arrays(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """The content of an .npz file. Raises Unstorable for an array of Python objects."""
    buffer = io.BytesIO()
    # Not np.savez: it takes names as keyword arguments, and an array may be called "file".
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            try:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
            except ValueError as error:
                raise Unstorable(f"array {name!r} cannot be stored: {error}") from error
    return buffer.getvalue()


def unpack_arrays(content: bytes) -> dict[str, NDArray[np.generic]]:
    """The inverse of `pack_arrays`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def pack_weights(weights: Weights) -> bytes:
    """The content of a .safetensors file. Raises Unstorable for a number type that the format has not."""
    # Its writer reads memory as it lies, so a transposed view would come back scrambled.
    plain = {name: np.asarray(array, order="C") for name, array in weights.items()}
    try:
        return safetensors.numpy.save(plain)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        kinds = sorted({str(array.dtype) for array in plain.values()})
        raise Unstorable(f"weights of type {', '.join(kinds)} cannot be stored: {error}") from error


def unpack_weights(content: bytes) -> dict[str, NDArray[np.generic]]:
    """The inverse of `pack_weights`."""
    return dict(safetensors.numpy.load(content))


def write_file(path: Path, content: bytes, partial: Path) -> None:
    """Write so that `path` is whole or absent, whenever the process dies. partial: a folder of the same disk.

    Not flushed to the platter: after a power cut the file may be damaged, which its checksum then tells.
    Raises OSError (disk full, read-only); nothing is left behind then.
    """
    partial.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = partial / uuid.uuid4().hex
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def set_aside(path: Path, companions: tuple[str, ...] = ()) -> Path:
    """Rename a damaged file to `<name>.corrupt-<time>`, with its companions (suffixes such as "-wal"); the new path."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{count}")
    os.replace(path, aside)
    for suffix in companions:
        companion = Path(f"{path}{suffix}")
        if companion.exists():
            os.replace(companion, f"{aside}{suffix}")
    return aside


def size_of(folder: Path) -> int:
    """Bytes in the files below a folder; 0 if there is none. Files that vanish meanwhile are not counted."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file, waiting for other processes that hold it. The system frees it if this process dies."""
    with open(path, "a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class ServerMark:
    """A locked file that says "this server is alive"; the system drops the lock however the process dies."""

    def __init__(self, folder: Path) -> None:
        """Make and lock a new mark in `folder`. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.id = uuid.uuid4().hex
        self._path = folder / self.id
        self._handle = open(self._path, "a")  # held for as long as the server lives
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def living(self) -> tuple[str, ...]:
        """Ids of the servers alive, this one included; marks of dead ones are removed. Call it while `alone`."""
        found = [self.id]
        for path in sorted(self._path.parent.iterdir()):
            if path.name == self.id:
                continue
            with open(path, "a") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(path.name)
                    continue
                path.unlink()
        return tuple(found)

    def release(self) -> None:
        """This server ends."""
        self._path.unlink(missing_ok=True)
        self._handle.close()
