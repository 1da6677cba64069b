"""A query on its way from whoever waits for the answer to a worker."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from core.engine.protocol import Answer, Ask, Refusal

NOTHING_SAVED = "This training has saved nothing to ask yet. Ask again in a moment."


@dataclass(eq=False)
class Question:
    """A query on its way; `ask.unit`, if given, says which worker alone can answer it."""

    ask: Ask
    patience_seconds: float
    result: Answer | Refusal | None = None
    answered: threading.Event = field(default_factory=threading.Event)
    abandoned: bool = False

    @property
    def overdue(self) -> Refusal:
        """What is said when no answer came in time."""
        wait = f"{self.patience_seconds:g} seconds"
        return Refusal(f"No answer came within {wait}. Try again when less is running.")

    def settle(self, result: Answer | Refusal) -> None:
        """Wake whoever waits."""
        self.result = result
        self.answered.set()
