"""The language lab's own controls: answers piece by piece, what a character was drawn from, who asks, texts added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.engine.records import Snapshot
from core.engine.scheduler import Scheduler
from core.experiments.gpt import EXPERIMENT, GptConfig
from core.queries.sampling import FIRST_PIECE
from tests.apps import opened, ran
from tests.export.samples import finished
from tests.ui.conftest import Answers, Asked
from tests.ui.idle import finished_run
from ui import language
from ui.results import Origin, Result

KNOWN = np.array([ord(one) for one in "<b>*"], dtype=np.uint32)


def says(arguments: dict) -> dict[str, np.ndarray]:
    """A net that says "<b>*<b>*…" whatever it is asked."""
    places = (len(arguments["before"]) + np.arange(arguments["count"])) % 4
    return {
        "text": places,
        "logits": 3 * np.eye(4, dtype=np.float32)[places],
        "characters": KNOWN,
        "prompt": np.array(1),
    }


LOOKS_AT = 40  # characters, of a net with such a block


def looks(arguments: dict) -> dict[str, np.ndarray]:
    count = min(len(arguments["text"]), LOOKS_AT)
    even = np.tril(np.ones((count, count), np.float32)) / np.arange(1, count + 1)[:, None]
    codes = np.array([ord(one) for one in arguments["text"][:count]], dtype=np.uint32)
    return {"weights": np.tile(even, (2, 2, 1, 1)), "text": codes, "logits": np.zeros((count, 4)), "characters": KNOWN}


pytestmark = pytest.mark.usefixtures("page_engine")


@pytest.fixture
def asked(page_engine: Scheduler, answering: Callable[[Answers], Asked]) -> Asked:
    """What the page asks of a finished net; it writes and looks, nothing else is answered."""
    values = {key: [3.0, 2.0, 1.0] for key in EXPERIMENT.summary}
    finished_run(page_engine, "gpt", GptConfig(epochs=3), (0,), values)
    return answering({"say": says, "attention": looks})


def page() -> AppTest:
    return opened("gpt", epochs="3", seeds="1")


def answered(asked: Asked) -> Asked:
    """What was asked and answered; a refusal does not stand, so that it is asked again."""
    return [one for one in asked if one[0] in ("say", "attention")]


def test_answers_come_in_pieces_and_are_never_taken_for_html_or_markdown(asked: Asked) -> None:
    app = page()
    written = [one.value for one in app.code if "<b>*" in one.value]
    assert written[0] == ("<b>*" * 60) and written[1:] == ["the old " + "<b>*" * 40] * 2
    assert not any("<b>*<b>" in one.value for one in (*app.markdown, *app.caption))
    talked = [one for name, one in asked if name == "say" and one["prompt"] == "the old "]
    first = [one for one in talked if not one["before"]]
    assert {one["count"] for one in first} == {FIRST_PIECE} and {one["temperature"] for one in first} == {1.0, 0.5}
    assert {one["draw"] for one in talked} == {0}


def test_an_answer_that_takes_long_is_written_in_turns_and_goes_on_where_it_was(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Served(Exception):
        """Another part of the page comes in between."""

    turns = []

    def give_way() -> None:
        turns.append(len(asked))
        if len(turns) == 1:
            raise Served

    monkeypatch.setattr(language, "TURN_SECONDS", -1.0)
    monkeypatch.setattr(language, "give_way", give_way)
    app = opened_at_talk()
    assert [one.value for one in app.code] == ["the old " + "<b>*"]
    app.run()
    talked = [one["before"] for name, one in asked if name == "say" and one["temperature"] == 1.0]
    assert [one.value for one in app.code] == ["the old " + "<b>*" * 40] * 2
    assert len(talked) == len(set(talked))  # nothing is asked twice


def opened_at_talk() -> AppTest:
    """Only the talk, of the stored net."""

    def script() -> None:
        from core.experiments.gpt import EXPERIMENT, GptConfig
        from ui.language import Language
        from ui.results import result_for
        from ui.words import words

        result = result_for(EXPERIMENT, GptConfig(epochs=3))
        assert result is not None
        Language(EXPERIMENT, words("gpt")).talk(result, None)

    return AppTest.from_function(script).run()


def test_what_both_sides_refuse_is_said_once(page_engine: Scheduler, answering: Callable[[Answers], Asked]) -> None:
    finished_run(page_engine, "gpt", GptConfig(epochs=3), (0,), {key: [1.0] for key in EXPERIMENT.summary})
    asked = answering({})
    app = page()
    assert [one["temperature"] for name, one in asked if name == "say" and one["prompt"]] == [1.0]
    assert len([one for one in app.number_input if one.label == "Temperature"]) == 2


def test_another_character_and_another_temperature_are_worked_out_without_asking_the_net_for_the_character(
    asked: Asked,
) -> None:
    app = page()
    before = len(answered(asked))
    (at, _) = (one for one in app.number_input if one.label.startswith("Character, or click"))
    at.set_value(3)
    ran(app)
    assert len(answered(asked)) == before
    (heat, _) = (one for one in app.number_input if one.label == "Temperature")
    heat.set_value(0.0)
    ran(app)
    assert {one["temperature"] for _, one in answered(asked)[before:]} == {0.0}


def test_who_asks_is_any_character_of_the_text(asked: Asked) -> None:
    app = page()
    (who,) = (one for one in app.number_input if one.label.startswith("Who asks"))
    assert who.value == who.max == 29
    before = len(answered(asked))
    who.set_value(2)
    ran(app)
    assert len(answered(asked)) == before
    (text,) = (one for one in app.text_input if one.label == "Text")
    text.set_value("<b>")
    ran(app)
    (who,) = (one for one in app.number_input if one.label.startswith("Who asks"))
    assert who.value == who.max == 3 and ("attention", {"text": "<b>"}) in asked
    said = "The first 40 of 41 characters"
    assert not any(one.value.startswith(said) for one in app.caption)
    (text,) = (one for one in app.text_input if one.label == "Text")
    text.set_value("<b>" + "*" * (LOOKS_AT - 2))
    ran(app)
    assert any(one.value.startswith(said) for one in app.caption)


def talk_script() -> None:
    import streamlit as st

    from core import catalog
    from ui.language import Language
    from ui.words import words

    Language(catalog.get("gpt"), words("gpt")).talk(st.session_state["result"], st.session_state["step"])


def test_an_answer_stays_while_its_net_trains_on_until_somebody_asks_again(
    answering: Callable[[Answers], Asked],
) -> None:
    answering({"say": says})
    app = AppTest.from_function(talk_script, default_timeout=60)

    def trained_to(epoch: int, step: float | None = None, origin: Origin = "live") -> str:
        """Draw it as of this epoch and this place of the slider; which net has answered."""
        run = replace(finished((0,)).run, experiment="gpt", config=GptConfig().model_dump(), state="running")
        snapshot = Snapshot(run, epoch, saved={0: tuple(map(float, range(epoch + 1)))})
        app.session_state["result"] = Result(snapshot, origin)
        app.session_state["step"] = float(epoch) if step is None and origin == "live" else step
        return whose()

    def whose() -> str:
        ran(app)
        return next(one.value for one in app.caption if "Net: first seed" in one.value).partition("Net: ")[2]

    def of(epoch: int) -> str:
        return f"first seed, epoch {epoch}; a live run, as it stands."

    assert trained_to(2) == of(2) and not app.button
    assert trained_to(3) == of(2)
    assert trained_to(4, step=1.0) == of(1) and not app.button
    assert trained_to(5) == of(2)
    app.text_input[0].set_value("*")
    assert whose() == of(5)
    assert trained_to(6) == of(5)
    assert app.button[0].label == "Ask again: it is at epoch 6 now"
    app.button[0].click()
    assert whose() == of(6)
    assert whose() == of(6) and not app.button
    assert trained_to(7, origin="stored") == "first seed; trained on this machine."


def test_both_places_slid_alike_give_the_same_product() -> None:
    app = page()

    def slide(label: str, value: int) -> None:
        next(one for one in app.slider if one.label == label).set_value(value)
        ran(app)

    def product() -> str:
        (found,) = (one.value for one in app.markdown if one.value.startswith("q·k, both turned"))
        return str(found).split("**")[1].replace("−", "-")

    before = product()
    slide("Move both by", 700)
    assert float(product()) == pytest.approx(float(before), abs=2e-6)
    slide("Place of the key", 31)
    assert abs(float(product()) - float(before)) > 1e-3


def test_of_a_text_of_ones_own_nothing_is_asked_in_other_characters(
    page_engine: Scheduler, answering: Callable[[Answers], Asked]
) -> None:
    finished_run(page_engine, "gpt", GptConfig(corpus="file", epochs=3), (0,), {key: [1] for key in EXPERIMENT.summary})
    asked = answering({"say": says})
    opened("gpt", corpus="file", epochs="3", seeds="1")
    assert {one["prompt"] for name, one in asked if name == "say"} == {""}
    assert {one["text"] for name, one in asked if name == "attention"} == {""}


def test_a_text_is_added_once_and_then_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    app = opened("gpt", corpus="file")
    assert not list(tmp_path.rglob("*.txt"))

    def add(name: str, content: str) -> None:
        app.text_input(key="own text:name").set_value(name)
        app.text_area(key="own text:pasted").set_value(content)
        ran(app)
        next(one for one in app.button if one.label == "Add this text").click()
        ran(app)

    add("mine", "aaaa" * 50)
    assert any("two different characters" in one.value for one in app.error)
    add("mine", "abc" * 100)
    assert any("mine" in one.value for one in app.success)
    assert (tmp_path / "text" / "mine.txt").read_text() == "abc" * 100
    assert "mine" in app.selectbox(key="gpt:file").options
