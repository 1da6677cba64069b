"""Questions of a page: asked once for everybody, again after a refusal, and not before there is anything to ask."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import catalog
from core.engine.records import Moment, SeedEvent
from core.engine.scheduler import QueryError, Scheduler
from core.events import Arrays
from tests.store_writers import new_run
from ui import ask


class Net:
    """Answers with the number of times it was asked, and refuses at first as often as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.asked, self.refusals = 0, refusals

    def __call__(self, question: ask.Question, arguments: Mapping[str, object]) -> Arrays:
        self.asked += 1
        if self.asked <= self.refusals:
            raise QueryError("Not now.")
        return Arrays(0, {"asked": np.array(self.asked)})


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Net]:
    def made(refusals: int = 0) -> Net:
        one = Net(refusals)
        monkeypatch.setattr(ask, "_answer", one)
        return one

    return made


def answer(run: str, step: float, **arguments: object) -> int:
    question = ask.Question("kettle", run, "live", step, "heat")
    return int(ask._asked(question, arguments).result(10).arrays["asked"])


def test_an_answer_about_a_moment_stands(net: Callable[[int], Net]) -> None:
    net(0)
    run = uuid.uuid4().hex
    assert [answer(run, 1), answer(run, 1), answer(run, 2), answer(run, 1)] == [1, 1, 2, 1]
    assert answer(run, 1, index=3) == 3


def test_a_refusal_does_not_stand(net: Callable[[int], Net]) -> None:
    net(1)
    run = uuid.uuid4().hex
    with pytest.raises(QueryError, match="Not now"):
        answer(run, 1)
    assert answer(run, 1) == 2


def test_a_long_wait_is_said_and_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Place:
        """Notes what it shows; the answer comes once the wait is said."""

        def __init__(self, asked: Future[Arrays]) -> None:
            self.asked, self.shown = asked, []

        def caption(self, text: str) -> None:
            self.shown.append(text)
            self.asked.set_result(Arrays(0, {"asked": np.array(1)}))

        def empty(self) -> None:
            self.shown.append("")

    monkeypatch.setattr(ask, "SILENT_SECONDS", 0.0)
    place = Place(Future())
    assert int(ask._awaited(place.asked, place).arrays["asked"]) == 1
    assert place.shown == ["Asking the net …", ""]
    ready = Place(place.asked)
    ask._awaited(ready.asked, ready)
    assert ready.shown == []  # nothing to wait for, nothing said


def test_old_answers_are_forgotten(net: Callable[[int], Net], monkeypatch: pytest.MonkeyPatch) -> None:
    net(0)
    monkeypatch.setattr(ask, "ANSWERS_KEPT", 3)
    run = uuid.uuid4().hex
    for step in range(1, 6):
        answer(run, step)
    assert len(ask._answers) == 3
    assert answer(run, 5) == 5


def question_script() -> None:
    import streamlit as st

    from core import catalog
    from ui.ask import ask
    from ui.results import result_for

    kettle = catalog.get("kettle")
    result = result_for(kettle, kettle.config())
    if result:
        st.text(f"{result.origin}: {ask(kettle, result, 'heat')}")


def test_a_live_run_is_found_by_its_settings_and_not_asked_before_it_saved_anything(engine: Scheduler) -> None:
    kettle = catalog.get("kettle")
    engine.start("kettle", kettle.config(), (0,), "somebody")
    app = AppTest.from_function(question_script, default_timeout=60).run()
    assert not app.exception
    assert [one.value for one in app.text] == ["live: None"]
    assert "has just begun to train" in app.info[0].value


def moments_script() -> None:
    from types import SimpleNamespace

    import streamlit as st

    from core import catalog
    from core.engine.scheduler import shared
    from ui.scrub import scrubbed

    kettle = catalog.get("kettle")
    settings, shown = SimpleNamespace(config=kettle.config()), shared().snapshot(st.query_params["run"])
    scrubbed(kettle, settings, shown, lambda _, step: st.text(step), key="heat", otherwise="Press Run.")


def test_a_run_that_ended_before_it_saved_anything_is_asked_nothing(engine: Scheduler) -> None:
    run = engine.start("kettle", catalog.get("kettle").config(), (0,), "somebody").run_id
    engine.stop(run, "somebody")
    app = AppTest.from_function(moments_script, default_timeout=60)
    app.query_params["run"] = run
    app.run()
    assert not app.exception
    assert [one.value for one in app.info] == ["Press Run."] and not app.text


@pytest.mark.parametrize("saved", [[0.0], [0.0, 2.0]])
def test_a_run_that_was_cut_off_shows_the_last_moment_it_saved(engine: Scheduler, saved: list[float]) -> None:
    run = new_run(engine.store, experiment="kettle", config=catalog.get("kettle").config().model_dump())
    weights = {"weight": np.ones((1, 1), np.float32)}
    events = [SeedEvent(index, Moment(step, weights)) for index, step in enumerate(saved)]
    engine.store.append(run.trainings[0], events)
    engine.store.finish_training(run.trainings[0], "interrupted", 1.0, None)
    engine.store.set_run(run.id, "interrupted")
    app = AppTest.from_function(moments_script, default_timeout=60)
    app.query_params["run"] = run.id
    app.run()
    assert not app.exception and not app.info
    assert [one.value for one in app.text] == [str(saved[-1])]
