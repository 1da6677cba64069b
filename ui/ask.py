"""Questions that a page puts to a net, live, stored or recorded; answers are kept and shared by all who look at it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException

from core.contract import Experiment
from core.engine import recorded
from core.engine.scheduler import QueryError, shared
from core.events import Arrays
from ui.results import Origin, Result

ANSWERS_KEPT = 256
YIELD_SECONDS = 0.05
SILENT_SECONDS = 0.5  # after which it is said that an answer is awaited
PATIENCE_SECONDS = 60.0  # for an answer from a busy machine; the page goes on meanwhile

_asking = ThreadPoolExecutor(max_workers=16, thread_name_prefix="asking")
_answers: dict[tuple[Any, ...], Future[Arrays]] = {}
_lock = threading.Lock()


def ask(
    experiment: Experiment,
    result: Result,
    name: str,
    *,
    step: float | None = None,
    quiet: bool = False,
    **arguments: Any,
) -> Mapping[str, Any] | None:
    """The arrays that the net of a result's first seed answers; says why where there is no answer (yet).

    step: as it was then, one of the run's stored moments; None: as it ended, of a run that is live or was cut off its
    newest moment. quiet: do not say that the answer is awaited.
    """
    run = result.snapshot.run
    if result.origin == "live" and step is None:
        saved = result.saved
        over = result.snapshot.seed_states.get(run.seeds[0]) == "finished"  # it was trained by an earlier run
        if not saved and not over:
            st.info("This net has just begun to train. The first answer comes in a moment.")
            return None
        step = saved[-1] if saved else None
    if result.cut_off and step is None:
        step = result.saved[-1]
    place = None if quiet else st.empty()  # needed or not, so that what is below keeps its place
    try:
        asked = _asked(Question(experiment.key, run.id, result.origin, step, name), arguments)
        return _awaited(asked, place).arrays
    except QueryError as error:
        st.info(str(error))
        return None


def give_way() -> None:
    """Begin the part of the page that is being drawn again, behind what was pressed meanwhile.

    Streamlit keeps a click on another part waiting until this one is drawn. Does nothing while a whole page is drawn,
    or a part around this one: Streamlit refuses both, the latter with a RuntimeError.
    """
    with suppress(StreamlitAPIException, RuntimeError):
        st.rerun(scope="fragment")


@dataclass(frozen=True)
class Question:
    """What is asked of which net, as of which moment (None: its end)."""

    experiment: str
    run: str
    origin: Origin
    step: float | None
    name: str


def _asked(question: Question, arguments: Mapping[str, Any]) -> Future[Arrays]:
    """The answer on its way, or known already: what has answered once does not change. A refusal does not stand."""
    key = (question, *sorted((name, _hashable(value)) for name, value in arguments.items()))
    with _lock:
        found = _answers.get(key)
        if found is None or (found.done() and found.exception()):
            found = _answers[key] = _asking.submit(_answer, question, arguments)
            while len(_answers) > ANSWERS_KEPT:
                del _answers[next(iter(_answers))]
        return found


def _hashable(value: Any) -> Any:
    """What stands for an argument in a key: an array, a drawn picture for one, by its content."""
    if not isinstance(value, np.ndarray):
        return value
    return value.shape, value.dtype.str, hashlib.sha256(np.ascontiguousarray(value)).hexdigest()


def _awaited(asked: Future[Arrays], place: DeltaGenerator | None) -> Arrays:
    """The answer; a button that is pressed meanwhile does not wait for it. place: where a long wait is said."""
    began, said = time.monotonic(), False
    while not wait([asked], timeout=YIELD_SECONDS).done:
        st.session_state.get("answer")  # here Streamlit ends a script run that somebody's click has made stale
        if place and not said and time.monotonic() - began > SILENT_SECONDS:
            place.caption("Asking the net …")
            said = True
    if place and said:
        place.empty()
    return asked.result()


def _answer(question: Question, arguments: Mapping[str, Any]) -> Arrays:
    if question.origin != "recorded":
        return shared().query(question.run, question.name, step=question.step, timeout=PATIENCE_SECONDS, **arguments)
    snapshot = next(one for one in recorded.read(question.experiment) if one.run.id == question.run)
    weights = recorded.weights(question.run)
    if weights is None:
        raise QueryError("The weights of this recorded run were not shipped. Press Run to train it here.")
    run = snapshot.run
    return shared().query_weights(
        run.experiment,
        run.config,
        weights,
        run.seeds[0],
        question.name,
        key=run.id,
        timeout=PATIENCE_SECONDS,
        **arguments,
    )
