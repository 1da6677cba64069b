"""Predict before you look: a guess is committed once, before the run, and held against what came out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core import catalog
from core.contract import Prediction
from core.engine.scheduler import Scheduler
from core.figures.guesses import choice_guesses, number_guesses
from tests.ui.idle import finished_run
from tests.ui.test_live import ANNA, BEN, COOKIE, ran

ASKED = (
    Prediction("boils", "Will it boil?", "heat", choices={"yes": (90.0, 100.0), "no": (0.0, 90.0)}),
    Prediction("heat", "How hot?", "heat", low=0.0, high=200.0, unit="°C"),
)


@pytest.fixture(autouse=True)
def asking(toys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    kettle = catalog.get("kettle")
    monkeypatch.setattr("core.catalog.get", lambda key: replace(kettle, predictions=ASKED))


def script() -> None:
    from core import catalog
    from ui.form import form
    from ui.live import live
    from ui.predict import predict

    kettle = catalog.get("kettle")
    settings = form(kettle)
    snapshot = live(kettle, settings, lambda now: None)
    predict(kettle, settings, snapshot)


def opened(owner: str = ANNA, **link: str) -> AppTest:
    app = AppTest.from_function(script, default_timeout=60)
    app.session_state[COOKIE] = owner
    app.query_params.update(link)
    return ran(app)


def widget(app: AppTest, kind: str, question: str) -> object:
    return next(one for one in app.get(kind) if f":guess:{question}:" in str(one.key) and "commit" not in str(one.key))


def commit(app: AppTest, question: str) -> AppTest:
    next(one for one in app.button if f":guess:{question}:" in str(one.key)).click()
    return ran(app)


def guess(app: AppTest, answer: str, heat: float) -> AppTest:
    widget(app, "radio", "boils").set_value(answer)
    widget(ran(app), "slider", "heat").set_value(heat)
    commit(ran(app), "boils")
    return commit(app, "heat")


def words(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.markdown, *app.caption))


def finish(engine: Scheduler, values: list[float]) -> str:
    config = catalog.get("kettle").config()
    return finished_run(engine, "kettle", config, (0, 1, 2), {"heat": [[one] for one in values]})


def test_a_choice_must_be_made_before_it_is_committed(engine: Scheduler) -> None:
    button = next(one for one in opened().button if ":guess:boils:" in str(one.key))
    assert button.disabled


def test_guess_against_outcome_after_the_run(engine: Scheduler) -> None:
    app = guess(opened(), "no", 80.0)
    assert "Your guess: **no**" in words(app) and "Your guess: **80 °C**" in words(app)
    assert "once the run has ended" in words(app)
    finish(engine, [99.0, 100.0, 101.0])
    said = words(ran(app))
    assert "It turned out otherwise." in said
    assert "Off by 20.0 °C." in said
    assert "100.00 ± 0.82 °C (n = 3)" in said
    assert not [one for one in app.button if ":guess:" in str(one.key)]  # nobody guesses twice


def test_no_guess_once_the_run_is_on_screen(engine: Scheduler) -> None:
    run = finish(engine, [95.0, 96.0, 97.0])
    app = opened(run=run)
    assert not [one for one in app.button if ":guess:" in str(one.key)]
    assert "a guess now would be no prediction" in words(app)


def test_guesses_of_a_class_stay_in_it_and_have_no_names(engine: Scheduler) -> None:
    guess(opened(ANNA, **{"class": "tuesday"}), "yes", 90.0)
    ben = guess(opened(BEN, **{"class": "tuesday"}), "no", 50.0)
    finish(engine, [100.0, 100.0, 100.0])
    said = words(ran(ben))
    assert said.count("What all 2 guessed, without names") == 2
    assert ANNA not in said and BEN not in said
    assert "without names" not in words(guess(opened(BEN), "yes", 60.0))  # another class: everybody else's


def test_other_settings_are_another_question(engine: Scheduler) -> None:
    guess(opened(), "yes", 90.0)
    assert "Your guess" not in words(opened(water="hard"))


def test_the_figures_name_ones_own_guess_and_the_outcome() -> None:
    numbers = number_guesses([10.0, 12.0, 90.0], 12.0, 88.0, low=0.0, high=100.0, unit="%")
    bars, mine, outcome = numbers.data
    assert sum(bars.y) == 3 and mine.x == (12.0, 12.0) and outcome.x == (88.0, 88.0)
    (choices,) = choice_guesses(["a", "b"], [0.0, 1.0, 1.0], 0.0, ["b"]).data
    assert list(choices.x) == [1, 2] and list(choices.text) == ["yours", "measured"]
