"""Fetch a file from the web: told how far it is, checked by an MD5, put in place only when whole."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from core.contract import Explained
from core.places import size_text

CHUNK = 1 << 16  # bytes
SILENCE_SECONDS = 10.0  # without a byte; then the next address is tried
TELL_SECONDS = 0.2


def md5_of(path: Path) -> str:
    """The MD5 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def download(
    addresses: Sequence[str], target: Path, md5: str, checksum: Callable[[Path], str] = md5_of
) -> Iterator[str]:
    """Make `target` out of the first address that has it, yielding how far it is in a sentence; nothing if it is there.

    checksum: of what in the file, where not all of it counts. Two processes that want the same file do not fetch it
    twice: one waits. Raises Explained with what to do where no address can be reached, where the content has another
    checksum, or where it cannot be written.
    """
    if target.exists():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target.with_name(f".{target.name}.lock"), "w") as lock:
            yield from _wait_for(lock.fileno(), target.name)
            if not target.exists():
                yield from _first_of(addresses, target, md5, checksum)
    except OSError as error:
        raise Explained(
            f"{target.name} cannot be written to {target.parent}: {error.strerror or error}. Make room there, or name "
            "another folder in LAYERLAB_DATASETS."
        ) from error


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold this lock file, once no other process does. Only where its folder can be written to; else nothing."""
    try:
        lock = open(path, "w")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _wait_for(lock: int, name: str) -> Iterator[str]:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            yield f"{name}: another training downloads it; waiting."
            time.sleep(TELL_SECONDS)


def _first_of(addresses: Sequence[str], target: Path, md5: str, checksum: Callable[[Path], str]) -> Iterator[str]:
    reasons = []
    for address in addresses:
        part = target.with_name(f".{target.name}.part")
        try:
            yield from _fetch(address, part)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reasons.append(f"{_host(address)}: {getattr(error, 'reason', None) or error or 'no answer'}")
            continue
        else:
            if (found := checksum(part)) == md5:
                part.replace(target)
                return
            reasons.append(f"{_host(address)}: its checksum is {found}, not {md5}")
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
    raise Explained(
        f"{target.name} could not be downloaded ({'; '.join(reasons)}). Connect this machine to the network and press "
        f"Run again, or put the file into {target.parent}, or choose a data set that is built in."
    )


def _fetch(address: str, part: Path) -> Iterator[str]:
    """Write what the address sends."""
    with urllib.request.urlopen(address, timeout=SILENCE_SECONDS) as source, open(part, "wb") as file:
        total = int(source.headers.get("Content-Length") or 0)
        done, told = 0, 0.0
        while piece := source.read1(CHUNK):
            file.write(piece)
            done += len(piece)
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                of = f" of {size_text(total)}" if total else ""
                yield f"Downloading {part.name.removeprefix('.').removesuffix('.part')}: {size_text(done)}{of}."
        if done < total:
            raise http.client.IncompleteRead(b"", total - done)


def _host(address: str) -> str:
    return address.split("/")[2]
