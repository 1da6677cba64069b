"""The worker processes of a scheduler: how many, when to replace one, whom to send away."""

from __future__ import annotations

from pathlib import Path

from core.engine.local import Worker
from core.engine.protocol import Ready

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

    @property
    def at_once(self) -> int:
        """How many units may advance at the same time."""
        return self._count or 1

    def fill(self) -> None:
        """Launch what is missing. The first worker tells on which device we are and so how many there should be."""
        while not self.broken and self._shared() < self.at_once:
            self._launch("")
            if self._count is None and self.device == "cpu":
                # Only now: counting imports torch, which may as well happen while the first worker does the same.
                self._count = cores_used()

    def reserve(self, unit: str) -> None:
        """A worker for one suspect unit alone, unless there is one already."""
        if not self.broken and not any(one.reserved_for == unit for one in self.workers):
            self._launch(unit)

    def warm(self, worker: Worker, ready: Ready) -> None:
        """A worker has said that it is ready."""
        worker.ready = self.ready = ready
        self._failed_starts = 0
        if self._count is None:
            self._count = cores_used() if ready.device == "cpu" else 1

    def tell_reason(self, reason: str) -> None:
        """Why the worker that ends next could not start."""
        self._reason = reason

    def remove(self, worker: Worker, kill: bool) -> str:
        """Bury a worker that died, or kill it first; how it ended, for a person."""
        self.workers.remove(worker)
        how = worker.kill() if kill else worker.bury()
        if worker.ready is None:
            self._failed_start(how)
        return how

    def dismiss(self, worker: Worker) -> None:
        """Send an idle worker home."""
        self.workers.remove(worker)
        worker.kill()

    def try_again(self) -> None:
        """Somebody wants to train: forget that workers could not start."""
        self.broken, self._failed_starts = "", 0

    def end(self) -> None:
        """End all processes and wait until they have gone."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.bury()
        self.workers.clear()

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


def cores_used() -> int:
    """Workers on a machine without a GPU: one a core, up to four."""
    from core.devices import usable_cores

    return min(MOST_WORKERS, usable_cores())
