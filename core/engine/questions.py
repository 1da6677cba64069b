"""Questions to trained and training models: which worker can answer, and with what weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from core.config import Config
from core.engine.dispatcher import Dispatcher
from core.engine.ledger import Ledger
from core.engine.protocol import Answer, Ask, Refusal
from core.engine.question import Question
from core.engine.records import RunRecord
from core.engine.store import Store
from core.events import Arrays, Weights


class QueryError(RuntimeError):
    """A query has no answer; the message says why."""


class UnknownRunError(KeyError):
    """There is no run of this id."""

    def __str__(self) -> str:
        """The sentence itself; a KeyError would show it in quotes."""
        return str(self.args[0])


class Questions:
    """The part of a scheduler that answers queries; any thread may ask."""

    def __init__(self, store: Store, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self.store = store
        self.library = ledger.library
        self._ledger = ledger
        self._dispatcher = dispatcher

    def query(
        self,
        run_id: str,
        name: str,
        *,
        seed: int | None = None,
        step: float | None = None,
        timeout: float = 10.0,
        **arguments: Any,
    ) -> Arrays:
        """Ask a trained (or training) model; `Arrays.seed` says which seed answered, the first unless asked.

        step: as it was then, one of `Snapshot.saved`; None asks its latest or reported weights.
        Raises QueryError with the reason where there is no answer, UnknownRunError for no such run.
        """
        record = self._record(run_id)
        seed = record.seeds[0] if seed is None else seed
        if seed not in record.seeds:
            known = ", ".join(map(str, record.seeds))
            raise QueryError(f"This run has no seed {seed}; it has: {known}.")
        training = record.trainings[seed]
        if step is not None:
            past = Ask(name, arguments, seed, "", f"{training} at {step:g}", record.experiment, dict(record.config))
            return self._ask_stored(past, lambda: self.store.moment(training, step), timeout)
        with self._ledger.lock:
            run = self._ledger.runs.get(run_id)
            unit = run.unit_of(seed) if run else None
        if unit is not None and not unit.over:
            result = self._ask(Ask(name, arguments, seed, unit=unit.id), timeout)
            if isinstance(result, Answer) or not result.missing:
                return _answer(result)
        self._ledger.journal.flush()  # a unit that has just ended may not be written yet
        ask = Ask(name, arguments, seed, "", training, record.experiment, dict(record.config))
        return self._ask_stored(ask, lambda: self.store.weights(training), timeout)

    def query_weights(
        self,
        experiment: str,
        config: Config | Mapping[str, Any],
        weights: Weights,
        seed: int,
        name: str,
        *,
        key: str,
        timeout: float = 10.0,
        **arguments: Any,
    ) -> Arrays:
        """Ask a model made of given weights. key: under which a worker keeps it. Raises QueryError."""
        settings = config.model_dump() if isinstance(config, Config) else dict(config)
        ask = Ask(name, arguments, seed, "", f"given {key}", experiment, settings)
        return self._ask_stored(ask, lambda: weights, timeout)

    def _ask_stored(self, ask: Ask, load: Callable[[], Weights | None], timeout: float) -> Arrays:
        result = self._ask(ask, timeout)
        if isinstance(result, Refusal) and result.missing:
            weights = load()
            if weights is None:
                raise QueryError("This training left no weights to ask. Train it again.")
            result = self._ask(dataclasses.replace(ask, weights=weights), timeout)
        return _answer(result)

    def _ask(self, ask: Ask, timeout: float) -> Answer | Refusal:
        question = Question(ask, timeout)
        self._dispatcher.ask(question)
        if not question.answered.wait(timeout):
            question.abandoned = True
        return question.result or question.overdue

    def _record(self, run_id: str) -> RunRecord:
        with self._ledger.lock:
            run = self._ledger.runs.get(run_id)
        record = run.record if run else self.store.run(run_id)
        if record is None:
            raise UnknownRunError(f"There is no run {run_id!r} here. It may have been deleted.")
        return record


def _answer(result: Answer | Refusal) -> Arrays:
    if isinstance(result, Refusal):
        raise QueryError(result.reason)
    return result.arrays
