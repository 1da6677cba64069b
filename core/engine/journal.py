"""Writes results in the order they came, in a thread of its own: a slow disk must not keep anybody from pausing."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Journal:
    """A queue of writes and the thread that does them."""

    def __init__(self, name: str = "journal") -> None:
        self.problem = ""
        self._writes: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True, name=name)
        self._thread.start()

    def add(self, write: Callable[[], None]) -> None:
        """Do this after everything added before it."""
        self._writes.put(write)

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything added so far is written; False if it takes longer."""
        written = threading.Event()
        self._writes.put(written.set)
        return written.wait(seconds)

    def close(self, seconds: float = 10.0) -> None:
        """Write what waits, then end the thread."""
        self._writes.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        while (write := self._writes.get()) is not None:
            try:
                write()
            except Exception as error:  # one refused write must not lose those after it
                self.problem = f"A result could not be kept ({type(error).__name__}: {error})."
                log.exception("A result could not be kept.")
