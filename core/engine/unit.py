"""The worker's side: units (generators with a global state of their own, pulled a slice at a time) and queries."""

from __future__ import annotations

import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import nn

from core import catalog
from core.contract import Explained
from core.devices import GlobalState, isolated, seed_everything
from core.engine.moments import Moments
from core.engine.protocol import (
    UNSEEN,
    Advance,
    Answer,
    Ask,
    Close,
    Closed,
    Command,
    Drop,
    Hurry,
    Open,
    Outcome,
    Preparing,
    Refusal,
    Reply,
    Told,
    Turn,
)
from core.engine.question import NOTHING_SAVED
from core.engine.records import Moment
from core.events import Arrays, Checkpoint, Event, Metrics, Note, Weights
from core.training import load_weights

MOST_EVENTS = 500  # of one turn: a loop that yields without working must not fill the pipe
MODELS_KEPT = 8

Tell = Callable[[Told], None]
Called = Callable[[], bool]


def fresh_state(seed: int) -> GlobalState:
    """The global state a unit begins with: ours as the worker started, with all random streams seeded."""
    state = GlobalState.capture()
    with isolated(state):
        seed_everything(seed)
    return state


class Unit:
    """Some seeds of a run, trained together by one suspended generator."""

    def __init__(self, opening: Open, device: torch.device) -> None:
        self.id = opening.unit
        self.experiment = catalog.get(opening.experiment)
        self.config = self.experiment.config.parse(opening.config)
        self.seeds = opening.seeds
        self.device = device
        self.skip = opening.skip
        self.moments = Moments(self.experiment.total_steps(self.config)) if opening.keep_moments else None
        self.checkpoint: Checkpoint | None = None
        self.checkpoints = 0
        self.state = fresh_state(opening.seeds[0])
        self._generator: Iterator[Event | Preparing] | None = None

    def advance(self, asked: Advance, tell: Tell, called: Called) -> Turn:
        """Pull events until the budget is used, the limit reached or somebody calls; at least one.

        An experiment's error is reported, not raised.
        """
        began = time.perf_counter()
        outcome: Outcome = "failed"
        error = trace = ""
        try:
            with isolated(self.state):
                outcome = self._pull(tell, called, began + asked.budget_seconds, asked.limit)
        except Exception as problem:
            error, trace = one_line(problem), traceback.format_exc()
        return Turn(
            unit=self.id,
            seconds=time.perf_counter() - began,
            outcome=outcome,
            behind=self.skip > 0,
            weights=self.weights() if outcome != "more" else None,
            error=error,
            trace=trace,
        )

    def close(self) -> None:
        """Close the generator, so that its `finally` blocks run."""
        close = getattr(self._generator, "close", None)
        if close is not None:
            with isolated(self.state):
                close()

    def weights(self) -> tuple[Weights, ...] | None:
        """Of the last checkpoint, one mapping a seed."""
        return self.checkpoint.weights if self.checkpoint else None

    def _pull(self, tell: Tell, called: Called, deadline: float, limit: int | None) -> Outcome:
        if self._generator is None:
            self._generator = self._events()
        longest, told = 0.0, 0
        before = time.perf_counter()
        while self.skip or limit is None or told < limit:
            try:
                event = self._noted(next(self._generator))
            except StopIteration:
                self.skip = 0
                return "ended"
            if event is not None and self.skip and not isinstance(event, Preparing):
                self.skip -= 1
            elif event is not None:
                tell(event)
                told += not isinstance(event, UNSEEN)
            now = time.perf_counter()
            longest = max(longest, now - before)
            if now + longest > deadline or told >= MOST_EVENTS or called():
                break  # one more would probably overrun the slice, and others are waiting
            before = now
        return "more"

    def _events(self) -> Iterator[Event | Preparing]:
        if self.experiment.prepare:
            yield from map(Preparing, self.experiment.prepare(self.config))
        yield from self.experiment.run(self.config, self.seeds, self.device)

    def _noted(self, said: Event | Preparing) -> Told | None:
        """What is to be told of an event: of a checkpoint only the weights of a moment that is due."""
        if isinstance(said, Preparing):
            return said
        event = _owned(said, len(self.seeds))
        if not isinstance(event, Checkpoint):
            return event
        self.checkpoint = event
        self.checkpoints += 1
        if self.moments and self.moments.due(event.step):
            return Moment(event.step, event.weights[0])
        return None


def _owned(event: Event, seeds: int) -> Event:
    """The event with copies of its arrays: a view of a live tensor would change before it is sent or saved."""
    match event:
        case Metrics(step, values):
            return Metrics(float(step), {name: _per_seed(name, value, seeds) for name, value in values.items()})
        case Arrays(step, arrays, name, seed):
            return Arrays(float(step), {one: np.array(value) for one, value in arrays.items()}, name, seed)
        case Checkpoint(step, weights):
            if len(weights) != seeds:
                raise ValueError(f"A Checkpoint must hold weights of every seed; got {len(weights)} for {seeds} seeds.")
            copies = tuple({name: np.array(value) for name, value in one.items()} for one in weights)
            return Checkpoint(float(step), copies)
        case Note():
            return event
    raise TypeError(f"An experiment must yield Metrics, Arrays, Checkpoint or Note; got {type(event).__name__}.")


def _per_seed(name: str, value: object, seeds: int) -> np.ndarray:
    numbers = np.array(value, dtype=np.float64)
    if numbers.shape != (seeds,):
        raise ValueError(f"Metric {name!r} must have one number a seed, shape ({seeds},); got shape {numbers.shape}.")
    return numbers


class Workbench:
    """All that a worker holds: suspended units, and models that answer queries."""

    def __init__(self, device: torch.device, tell: Callable[[str, Told], None], called: Called = lambda: False) -> None:
        """tell: called with a unit's id and each of its events as they come. called: whether a turn is to end soon."""
        self.device = device
        self._tell = tell
        self._called = called
        self._units: dict[str, Unit] = {}
        self._unopened: dict[str, Turn] = {}
        self._answers = Answers(device)

    def handle(self, command: Command) -> Reply | None:
        """Do what one message asks; None where no reply is expected."""
        match command:
            case Open():
                self._open(command)
                return None
            case Advance():
                return self._advance(command)
            case Close():
                return self._close(command.unit)
            case Drop():
                self._close(command.unit)
                return None
            case Hurry():
                return None
            case Ask():
                return self._answers.answer(command, self._units.get(command.unit))

    def _open(self, opening: Open) -> None:
        try:
            self._units[opening.unit] = Unit(opening, self.device)
        except Exception as problem:  # told with the first Advance, since nobody waits for an answer now
            turn = Turn(opening.unit, 0.0, "failed", error=one_line(problem), trace=traceback.format_exc())
            self._unopened[opening.unit] = turn

    def _advance(self, asked: Advance) -> Turn:
        if asked.unit in self._unopened:
            return self._unopened.pop(asked.unit)
        turn = self._units[asked.unit].advance(asked, partial(self._tell, asked.unit), self._called)
        if turn.outcome != "more":
            self._forget(asked.unit)
        return turn

    def _close(self, name: str) -> Closed:
        unit = self._units.get(name)
        self._forget(name)
        if unit is None:
            return Closed(name)
        try:
            unit.close()
        except Exception:  # it was asked to end and has ended; what its clean-up did wrong goes to the log
            traceback.print_exc()
        return Closed(name, unit.weights())

    def _forget(self, name: str) -> None:
        self._unopened.pop(name, None)
        self._units.pop(name, None)
        self._answers.forget(name)


class Answers:
    """Answers queries with models kept from one to the next, the least recently asked forgotten first."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._models: OrderedDict[str, nn.Module] = OrderedDict()

    def answer(self, ask: Ask, unit: Unit | None) -> Answer | Refusal:
        """One answer, or the reason why there is none."""
        try:
            with _passing_state(ask.seed):
                return self._answer(ask, unit)
        except Exception as problem:
            said = isinstance(problem, ValueError)  # by the query itself: what to change
            return Refusal(str(problem) if said else one_line(problem), trace=traceback.format_exc())

    def forget(self, unit: str) -> None:
        """Drop the models of a unit that is over."""
        for key in [key for key in self._models if key.startswith(f"unit {unit} ")]:
            del self._models[key]

    def _answer(self, ask: Ask, unit: Unit | None) -> Answer | Refusal:
        if ask.unit and (unit is None or unit.checkpoint is None):
            return Refusal(NOTHING_SAVED)
        experiment = unit.experiment if unit else catalog.get(ask.experiment)
        config = unit.config if unit else experiment.config.parse(ask.config)
        if ask.name not in experiment.queries:
            known = ", ".join(experiment.queries) or "none"
            return Refusal(f"{experiment.key} has no query called {ask.name!r}; it has: {known}.")
        key, weights = ask.key, ask.weights
        if unit is not None and unit.checkpoint is not None:
            key = f"unit {unit.id} seed {ask.seed} checkpoint {unit.checkpoints}"
            weights = unit.checkpoint.weights[unit.seeds.index(ask.seed)]
        if key not in self._models:
            if weights is None:
                return Refusal("The model is not loaded.", missing=True)
            self._keep(key, load_weights(experiment.build(config), weights).to(self.device))
        self._models.move_to_end(key)
        found = experiment.queries[ask.name](self._models[key].eval(), config, device=self.device, **ask.arguments)
        arrays = {name: np.array(value) for name, value in found.arrays.items()}
        seed = ask.seed if found.seed is None else found.seed
        return Answer(Arrays(found.step, arrays, found.name, seed))

    def _keep(self, key: str, model: nn.Module) -> None:
        self._models[key] = model
        while len(self._models) > MODELS_KEPT:
            self._models.popitem(last=False)


@contextmanager
def _passing_state(seed: int) -> Iterator[None]:
    """A seeded global state for one query, so that no training and no other query can tell that it was asked."""
    with isolated(fresh_state(seed)):
        yield


def one_line(problem: BaseException, longest: int = 300) -> str:
    """What went wrong, for a person: the kind of error and the first line of its message, or what explains itself."""
    if isinstance(problem, Explained):
        return str(problem)
    lines = str(problem).strip().splitlines() or [""]
    text = f"{type(problem).__name__}: {lines[0]}" if lines[0] else type(problem).__name__
    return text if len(text) <= longest else text[: longest - 1] + "…"
