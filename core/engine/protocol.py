"""What the scheduler and a worker say to each other: pickled dataclasses over one pipe, answered in the order sent.

The scheduler sends `Open`, `Drop` and `Hurry`, which are not answered, and `Advance`, `Close` and `Ask`, which are.
Whatever it sends, a worker ends its turn at the next event to hear it. A worker begins with `Ready` or `Broken`, and
tells `Events` as they come. Any backend that speaks these few words can train.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from core.engine.records import Moment
from core.events import Arrays, Metrics, Note, Weights

Outcome = Literal["more", "ended", "failed"]


@dataclass(frozen=True)
class Preparing:
    """How far a unit is with its outside data, in a sentence. Not an event: it is not stored, nor told twice."""

    text: str


Told = Metrics | Arrays | Note | Moment | Preparing  # by a unit; a Checkpoint stays in the worker
UNSEEN = (Moment, Preparing)  # nobody looks at these as they come, so a single step goes past them


@dataclass(frozen=True)
class Open:
    """Prepare a unit; nothing is computed yet.

    skip: events that are known already and need not be sent again. keep_moments: send weights of its first seed from
    time to time.
    """

    unit: str
    experiment: str
    config: dict[str, Any]
    seeds: tuple[int, ...]
    skip: int = 0
    keep_moments: bool = False


@dataclass(frozen=True)
class Advance:
    """Pull events for `budget_seconds`, or until `limit` new ones came. A limit of 0 only catches up on known ones."""

    unit: str
    budget_seconds: float
    limit: int | None = None


@dataclass(frozen=True)
class Close:
    """Close a unit's generator and send its last checkpoint's weights."""

    unit: str


@dataclass(frozen=True)
class Drop:
    """Forget a unit: it goes on in another worker. Not answered."""

    unit: str


@dataclass(frozen=True)
class Hurry:
    """Somebody waits for a worker to be free. Not answered: that it came has ended the turn."""


@dataclass(frozen=True)
class Ask:
    """One query. unit: ask its latest checkpoint; else `key` names a model kept from before, made of `weights`."""

    name: str
    arguments: dict[str, Any]
    seed: int
    unit: str = ""
    key: str = ""
    experiment: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    weights: Weights | None = None


Command = Open | Advance | Close | Drop | Hurry | Ask


@dataclass(frozen=True)
class Ready:
    """The worker is warm. device: its kind; device_name: what a person calls it; cores: that processes here may use."""

    device: str
    device_name: str
    cores: int = 1


@dataclass(frozen=True)
class Broken:
    """The worker cannot start."""

    reason: str


@dataclass(frozen=True)
class Events:
    """What a unit has said while it advances. No answer: the Turn follows."""

    unit: str
    events: tuple[Told, ...]


@dataclass(frozen=True)
class Turn:
    """The end of an Advance. behind: known events are still being repeated. weights: the last, if it is over."""

    unit: str
    seconds: float
    outcome: Outcome = "more"
    behind: bool = False
    weights: tuple[Weights, ...] | None = None
    error: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Closed:
    """A unit was closed as asked."""

    unit: str
    weights: tuple[Weights, ...] | None = None


@dataclass(frozen=True)
class Answer:
    """What a query found."""

    arrays: Arrays


@dataclass(frozen=True)
class Refusal:
    """A query without an answer. missing: the model is not here (any more); ask again with its weights."""

    reason: str
    missing: bool = False
    trace: str = ""


Reply = Ready | Broken | Events | Turn | Closed | Answer | Refusal
