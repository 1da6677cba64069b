"""The worker processes of a scheduler: how many, when to replace one, whom to send away."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

from core.engine.local import Worker
from core.engine.protocol import Ready

log = logging.getLogger(__name__)

MOST_WORKERS = 4
MOST_FAILED_STARTS = 3


class Pool:
    """Warm workers, each replaced when it ends. Not thread-safe: the dispatcher's thread owns it.

    A worker dies with the thread that launched it (Linux ties it to that thread), so only that thread may launch.
    """

    def __init__(self, device: str, count: int | None, log: Path) -> None:
        self.workers: list[Worker] = []
        self.device = device
        self.log = log
        self.ready: Ready | None = None
        self.broken = ""
        self._reason = ""
        self._failed_starts = 0
        self._count = count
        self._dying: list[subprocess.Popen[bytes]] = []  # killed, and not yet waited for

    @property
    def at_once(self) -> int:
        """How many units may advance at the same time."""
        return self._count or 1

    def fill(self) -> None:
        """Launch what is missing. The first worker tells on which device we are and so how many there should be."""
        while not self.broken and self._shared() < self.at_once:
            self._launch("")

    def reserve(self, unit: str) -> None:
        """A worker for one suspect unit alone, unless there is one already."""
        if not self.broken and not any(one.reserved_for == unit for one in self.workers):
            self._launch(unit)

    def warm(self, worker: Worker, ready: Ready) -> None:
        """A worker has said that it is ready."""
        worker.ready = self.ready = ready
        self._failed_starts = 0
        if self._count is None:
            self._count = min(MOST_WORKERS, ready.cores) if ready.device == "cpu" else 1

    def tell_reason(self, reason: str) -> None:
        """Why the worker that ends next could not start."""
        self._reason = reason

    def bury(self, worker: Worker) -> str:
        """A worker has died; how it ended, for a person."""
        how = worker.bury()
        self._dismissed(worker)
        if worker.ready is None:
            self._failed_start(how)
        return how

    def dismiss(self, worker: Worker) -> None:
        """End a worker that is not needed any more, or that does not answer."""
        worker.kill()
        self._dismissed(worker)

    def try_again(self) -> None:
        """Somebody wants to train: forget that workers could not start."""
        self.broken, self._failed_starts = "", 0

    def end(self, seconds: float = 10.0) -> None:
        """End all processes and wait until they have gone."""
        for worker in list(self.workers):
            self.dismiss(worker)
        for process in self._dying:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                log.warning("Worker %d was killed and has not ended after %g seconds.", process.pid, seconds)
        self._dying = [process for process in self._dying if process.poll() is None]

    def _dismissed(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self._dying = [process for process in (*self._dying, worker.process) if process.poll() is None]

    def _shared(self) -> int:
        return sum(not one.reserved_for for one in self.workers)

    def _launch(self, reserved_for: str) -> None:
        try:
            self.workers.append(Worker.launch(self.device, self.log, reserved_for))
        except OSError as error:
            self._reason = str(error)
            self._failed_start("")

    def _failed_start(self, how: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= MOST_FAILED_STARTS:
            self.broken = f"Training processes cannot start: {self._reason or how}. See {self.log}."
