"""Questions that a page puts to a net, live, stored or recorded; answers are kept and shared by all who look at it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import streamlit as st

from core.contract import Experiment
from core.engine import recorded
from core.engine.scheduler import QueryError, shared
from core.events import Arrays
from ui.results import Origin, Result

ENDED = -1  # in place of a number of checkpoints: this net does not change any more
ANSWERS_KEPT = 256
YIELD_SECONDS = 0.05

_asking = ThreadPoolExecutor(max_workers=16, thread_name_prefix="asking")
_answers: dict[tuple[Any, ...], Future[Arrays]] = {}
_lock = threading.Lock()


def ask(experiment: Experiment, result: Result, name: str, **arguments: Any) -> Mapping[str, Any] | None:
    """The arrays that the net of a result's first seed answers; says why where there is no answer (yet)."""
    snapshot = result.snapshot
    saved = snapshot.checkpoints.get(snapshot.run.seeds[0], 0) if result.origin == "live" else ENDED
    if saved == 0:
        st.info("This net has just begun to train. The first answer comes with its first saved weights.")
        return None
    try:
        return _awaited(_asked(experiment.key, snapshot.run.id, result.origin, saved, name, arguments)).arrays
    except QueryError as error:
        st.info(str(error))
        return None


def _asked(
    experiment: str, run: str, origin: Origin, saved: int, name: str, arguments: Mapping[str, Any]
) -> Future[Arrays]:
    """The answer on its way, or known already. An answer stands until the net's next checkpoint, a refusal does not."""
    key = (run, origin, saved, name, *sorted(arguments.items()))
    with _lock:
        found = _answers.get(key)
        if found is None or (found.done() and found.exception()):
            found = _answers[key] = _asking.submit(_answer, experiment, run, origin, name, arguments)
            while len(_answers) > ANSWERS_KEPT:
                del _answers[next(iter(_answers))]
        return found


def _awaited(asked: Future[Arrays]) -> Arrays:
    """The answer; a button that is pressed meanwhile does not wait for it."""
    while not wait([asked], timeout=YIELD_SECONDS).done:
        st.session_state.get("answer")  # here Streamlit ends a script run that somebody's click has made stale
    return asked.result()


def _answer(experiment: str, run: str, origin: Origin, name: str, arguments: Mapping[str, Any]) -> Arrays:
    if origin != "recorded":
        return shared().query(run, name, **arguments)
    snapshot = next(one for one in recorded.read(experiment) if one.run.id == run)
    weights = recorded.weights(run)
    if weights is None:
        raise QueryError("The weights of this recorded run were not shipped. Press Run to train it here.")
    seed = snapshot.run.seeds[0]
    return shared().query_weights(experiment, snapshot.run.config, weights, seed, name, key=run, **arguments)
