"""The store's array and weight files: found by checksum, set aside when damaged, in memory while the disk is full."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

from core.engine import files
from core.engine.database import Database, Write
from core.engine.records import SeedEvent
from core.engine.rows import EventRow, event_row
from core.events import Weights

_REPORTS_KEPT = 50


class Shelf:
    """Where the files of trainings lie: arrays/<training>/<index>.npz and weights/<training>.safetensors.

    A moment's weights lie among the arrays, by the index of their event.
    """

    def __init__(self, home: Path, database: Database) -> None:
        self._home = home
        self._database = database

    def pack_events(
        self, training: str, events: Sequence[SeedEvent]
    ) -> tuple[list[EventRow], list[tuple[Path, bytes]]]:
        """Rows of the events, and the files of those among them that are new and have one."""
        rows: list[EventRow] = []
        contents: list[tuple[Path, bytes]] = []
        first = {one.index: one for one in reversed(events)}  # of equal indices the first counts, as in the table
        for one in sorted(first.values(), key=lambda one: one.index):
            try:
                row, content = event_row(training, one)
            except files.Unstorable as error:
                self.report(f"A picture of training {training} was not kept: {error}.")
                row, content = (training, one.index, "lost", None, ""), None
            rows.append(row)
            if content is not None and not self._has_event(training, one.index):
                contents.append((self.arrays_path(training, one.index), content))
        return rows, contents

    def _has_event(self, training: str, index: int) -> bool:
        return bool(self._database.read("SELECT 1 FROM {events} WHERE training = ? AND idx = ?", (training, index)))

    def pack_weights(self, training: str, weights: Weights | None) -> bytes | None:
        """The content of the weights' file; None without weights, or (reported) if they cannot be stored."""
        if weights is None:
            return None
        try:
            return files.pack_weights(weights)
        except files.Unstorable as error:
            self.report(f"The weights of training {training} were not kept: {error}.")
            return None

    def content(self, path: Path, checksum: int, forget: Write) -> bytes | None:
        """What a file holds; None, and a report, if it cannot be read.

        forget: written if the file is damaged or gone, so that nobody looks for it again.
        """
        waiting = self._database.waiting_file(path)
        if waiting is not None:
            return waiting
        name = path.relative_to(self._home)
        try:
            content = path.read_bytes()
            if zlib.crc32(content) == checksum:
                return content
            aside = files.set_aside(path)
            self.report(f"The file {name} was damaged and was set aside as {aside.name}.")
        except FileNotFoundError:
            self.report(f"The file {name} is missing.")
        except OSError as error:
            self.report(f"The file {name} cannot be read: {error}.")
            return None
        self._database.write(forget)
        return None

    def report(self, sentence: str) -> None:
        """Add to the sentences for people, once; of very many only the newest are kept."""
        reports = self._database.reports
        if sentence not in reports:
            reports.append(sentence)
            del reports[:-_REPORTS_KEPT]

    def weights_path(self, training: str) -> Path:
        """Where the weights of a training lie."""
        return self._home / "weights" / f"{training}.safetensors"

    def arrays_path(self, training: str, index: int) -> Path:
        """Where the arrays of one event lie."""
        return self._home / "arrays" / training / f"{index}.npz"

    def remove(self, training: str) -> None:
        """Delete all files of a training."""
        self.weights_path(training).unlink(missing_ok=True)
        shutil.rmtree(self._home / "arrays" / training, ignore_errors=True)

    def size_of(self, training: str) -> int:
        """Bytes on disk of one training."""
        weights = self.weights_path(training)
        return files.size_of(self._home / "arrays" / training) + (weights.stat().st_size if weights.is_file() else 0)

    def size(self) -> int:
        """Bytes on disk."""
        return files.size_of(self._home / "arrays") + files.size_of(self._home / "weights")
