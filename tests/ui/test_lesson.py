"""Lessons: files are checked to the line, steps follow what happens, a bad one never takes the lab away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import catalog
from core.contract import Experiment
from core.engine.scheduler import Scheduler
from tests.apps import link, ran
from tests.ui.idle import finished_run
from ui import lesson, lesson_file
from ui.labs import ROOT
from ui.lesson_file import LessonError, parse
from ui.security import COOKIE
from ui.words import listed

HEAD = '+++\ntitle = "Tea"\nlab = "kettle"\nhide = ["lid", "view"]\nset = {steps = 7}\n+++\n'
STEPS = """
Before the first step.

## 1. Guess
Will it boil?

Guess boil: yes | no <b>never</b>
Done when: guessed boil

## 2. Choose
You said {boil}. Choose hard water.
Done when: knob water = hard, steps >= 5

## 3. Run it
Press Run.
Done when: run water = hard

## 4. Wait
Until it has boiled.
Done when: finished water = hard seeds >= 2
"""
TEA = HEAD + STEPS
ANNA = "anna-anna-anna-anna-22"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of lessons with one in it, and a server that has just started."""
    found = tmp_path / "lessons"
    found.mkdir()
    (found / "tea.md").write_text(TEA)
    monkeypatch.setattr(lesson_file, "FOLDER", found)
    lesson._progress.clear()
    yield found
    lesson._progress.clear()


def lab_script() -> None:
    import streamlit as st

    from core import catalog
    from ui.lab import lab
    from ui.lesson import section

    lab(catalog.get("kettle"), "An introduction.", lambda settings, now: st.text("the figures"))
    if section("Steam", catalog.get("kettle")):
        st.text("steam is drawn")


def opened(**link: str) -> AppTest:
    app = AppTest.from_function(lab_script, default_timeout=60)
    app.session_state[COOKIE] = ANNA
    app.query_params.update(link)
    return ran(app)


def labels(app: AppTest) -> list[str]:
    """The steps that are done or open."""
    return [one.label for one in app.expander if re.match(r"\d", one.label)]


def done(app: AppTest) -> list[str]:
    return [label for label in labels(app) if label.endswith("(done)")]


def guess(app: AppTest, answer: str) -> AppTest:
    app.radio(key="lesson:guess:boil").set_value(answer)
    return ran(app)


def press_run(app: AppTest) -> AppTest:
    app.button(key="kettle:main").click()
    return ran(app)


def finish(engine: Scheduler, water: str = "hard", seeds: tuple[int, ...] = (0, 1)) -> str:
    config = catalog.get("kettle").config(water=water, steps=7)
    return finished_run(engine, "kettle", config, seeds, {"heat": [1.0, 2.0]})


# --- files


def test_a_lesson_is_read_with_its_steps_in_order() -> None:
    found = parse(TEA, "tea")
    assert (found.title, found.topic.key, found.introduction) == ("Tea", "kettle", "Before the first step.")
    assert [step.title for step in found.steps] == ["Guess", "Choose", "Run it", "Wait"]
    assert found.hide == {"lid", "view"}
    assert dict(found.start) == {"steps": 7}
    assert found.steps[0].options == ("yes", "no <b>never</b>")
    assert [(one.name, one.relation, one.value) for one in found.steps[3].done_when.terms] == [
        ("water", "=", "hard"),
        ("seeds", ">=", 2),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "rule"),
    [
        ("+++\ntitle", "title", 1, "between two lines of +++"),
        ('title = "Tea"', "title = Tea", 2, "this is not TOML"),
        ('title = "Tea"', "", 1, "the head must name a title"),
        ('title = "Tea"', "title = 3", 2, "title must be text in quotes; got 3"),
        ('title = "Tea"', 'tilte = "Tea"', 2, "'tilte' is not a field; the fields are title, lab, hide, set"),
        ('"kettle"', '"pot"', 3, "there is no lab called 'pot'; there are: "),
        ('"lid", ', '"spout", ', 4, "no control or part called 'spout' to hide; there are: water, lid, fill"),
        ("steps = 7", "stops = 7", 5, "there is no control called 'stops'; the controls are water, lid, fill"),
        ("steps = 7", "steps = 0", 5, "steps must be a whole number from 1 to 1000; got 0"),
        ("## 2. Choose", "## 3. Choose", 16, "steps are numbered 1, 2, 3 …; got 3. Write ## 2. Choose"),
        ("yes | no <b>never</b>", "yes", 13, "a guess needs two different options"),
        ("guessed boil", "guessed bubble", 14, "there is no question called 'bubble'; there are: boil"),
        ("guessed boil", "clicked next", 14, "'clicked' is not a condition; the conditions are: knob conv"),
        ("guessed boil", "opened Steam", 14, "no part of this lab called 'Steam'; there are: none"),
        ("knob water = hard", "knob milk = hard", 18, "there is no control called 'milk'"),
        ("knob water = hard", "knob water = fizzy", 18, "water must be one of soft, hard; got 'fizzy'"),
        ("knob water = hard", "knob water >= hard", 18, "water is no number, so >= means nothing"),
        ("knob water = hard, steps >= 5", "knob", 18, "this condition names no control"),
        ("knob water = hard", "knob water is hard", 18, "compares controls with =, >= or <="),
        ("Done when: run water = hard", "", 20, "this step has no line 'Done when:'"),
        ("Done when: run", "Done when: guessed boil\nDone when: run", 23, "this is its second"),
        (STEPS, "Only words.", 7, "a lesson needs steps"),
    ],
)
def test_a_fault_is_said_with_its_file_line_and_rule(old: str, new: str, line: int, rule: str) -> None:
    assert old in TEA
    with pytest.raises(LessonError) as caught:
        parse(TEA.replace(old, new, 1), "tea")
    said = str(caught.value)
    assert said.startswith(f"assets/lessons/tea.md, line {line}: "), said
    assert rule in said


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "assets" / "lessons").glob("*.md")))
def test_every_lesson_that_ships_can_be_read_and_asks_before_it_shows(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesson_file, "FOLDER", ROOT / "assets" / "lessons")
    found = lesson_file.read(name)
    assert 5 <= len(found.steps) <= 7
    kinds = [step.done_when.kind for step in found.steps]
    assert kinds.index("guessed") < kinds.index("finished" if isinstance(found.topic, Experiment) else "knob")
    assert found.title in lesson_file.lessons(found.topic.lab).values()


@pytest.mark.parametrize("lab", sorted(path.stem for path in (ROOT / "assets" / "words").glob("*.md")))
def test_parts_that_lessons_may_name_are_on_the_labs_page(lab: str) -> None:
    page = (ROOT / "pages" / f"{lab}.py").read_text(encoding="utf-8")
    missing = [part for part in listed(lab, "parts") if f'"{part}"' not in page]
    assert not missing


def test_a_step_may_wait_for_a_prediction_of_the_lab() -> None:
    key = catalog.get("padding").predictions[0].key
    found = parse(f'+++\ntitle = "P"\nlab = "padding"\n+++\n## 1. A\nDone when: guessed {key}\n', "p")
    assert found.steps[0].done_when.target == key


def test_a_lab_without_words_has_no_parts() -> None:
    assert listed("kettle", "parts") == ()


# --- on the page


def test_a_lesson_alone_in_the_link_sets_and_hides_what_its_file_says(engine: Scheduler) -> None:
    app = opened(lesson="tea")
    assert link(app) == {
        **{"water": "soft", "lid": "true", "fill": "0.5", "steps": "7", "rate": "0.01", "band": "std"},
        **{"seeds": "2", "first_seed": "0", "lesson": "tea"},
    }
    assert not app.toggle
    assert [one.key for one in app.radio] == ["lesson:guess:boil", "kettle:water"]
    assert labels(app) == ["1. Guess"]
    assert not app.warning


def test_settings_in_a_lessons_link_are_kept(engine: Scheduler) -> None:
    assert link(opened(lesson="tea", steps="9"))["steps"] == "9"


def test_each_step_is_done_by_what_happens_and_stays_done(engine: Scheduler) -> None:
    app = opened(lesson="tea")
    app.radio(key="kettle:water").set_value("hard")
    assert done(ran(app)) == []  # the second step is not to be done before the first
    app.radio(key="kettle:water").set_value("soft")
    assert done(guess(ran(app), "yes")) == ["1. Guess (done)"]
    assert any("You said yes." in one.value for one in app.markdown)
    app.radio(key="kettle:water").set_value("hard")
    assert len(done(ran(app))) == 2
    press_run(app)
    assert len(done(ran(app))) == 3
    app.radio(key="kettle:water").set_value("soft")
    assert len(done(ran(app))) == 3, "ticked steps stay ticked"
    assert labels(app)[-1] == "4. Wait"
    app.session_state["kettle:panel:run"] = finish(engine)
    assert len(done(ran(app))) == 4
    assert app.success


def test_a_run_of_other_settings_or_too_few_seeds_is_not_it(engine: Scheduler) -> None:
    app = guess(opened(lesson="tea", water="hard", steps="7"), "yes")
    press_run(app)
    assert len(done(ran(app))) == 3
    for run in (finish(engine, water="soft"), finish(engine, seeds=(0,))):
        app.session_state["kettle:panel:run"] = run
        assert len(done(ran(app))) == 3


def test_progress_survives_a_reload_and_is_each_browsers_own(engine: Scheduler) -> None:
    app = guess(opened(lesson="tea"), "yes")
    assert len(done(app)) == 1
    again = opened(**link(app))
    assert len(done(again)) == 1
    assert any("Your guess: **yes**" in one.value for one in again.markdown)
    other = AppTest.from_function(lab_script, default_timeout=60)
    other.session_state[COOKIE] = "ben-ben-ben-ben-ben-22"
    other.query_params.update(link(app))
    assert done(ran(other)) == []


def test_start_again_forgets_answers_and_settings_but_not_runs(engine: Scheduler) -> None:
    app = guess(opened(lesson="tea", steps="9"), "yes")
    app.button(key="lesson:again").click()
    ran(app)
    assert done(app) == []
    assert app.radio(key="lesson:guess:boil").value is None
    assert link(app)["steps"] == "7"


def test_leaving_a_lesson_keeps_run_and_settings(engine: Scheduler) -> None:
    run = finish(engine)
    app = opened(lesson="tea", water="hard", steps="7", run=run)
    app.button(key="lesson:leave").click()
    ran(app)
    assert "lesson" not in link(app)
    assert link(app)["run"] == run
    assert link(app)["water"] == "hard"
    assert labels(app) == []
    assert app.toggle, "what the lesson hid is back"


def test_only_a_step_that_waits_looks_again_by_itself(engine: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    asked: dict[str, object] = {}
    fragment = st.fragment

    def spy(*args: object, **options: object) -> object:
        asked[str(options.get("key"))] = options.get("run_every")
        return fragment(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(st, "fragment", spy)
    app = opened(lesson="tea", water="hard", steps="7")
    assert asked["lesson:tea:watch"] is None
    guess(app, "yes")
    assert asked["lesson:tea:watch"] == lesson.WATCH_SECONDS


@pytest.mark.parametrize("bad", ["no-such", "../tea", "<img src=x onerror=alert(1)>", "a" * 500, "`**x**`"])
def test_an_unknown_lesson_is_said_as_text_and_the_lab_works_on(bad: str, engine: Scheduler) -> None:
    app = opened(lesson=bad, water="hard")
    (warning,) = app.warning
    assert "There is no lesson called" in warning.value
    assert "there are: tea" in warning.value
    assert warning.value.count("`") == 2, "quoted as code"
    assert any(one.value == "the figures" for one in app.text)
    assert link(app)["water"] == "hard"
    app.button(key="lesson:leave").click()
    assert not ran(app).warning


def test_a_faulty_file_is_said_and_nothing_of_it_is_applied(engine: Scheduler, folder: Path) -> None:
    (folder / "tea.md").write_text(TEA.replace("knob water = hard", "knob milk = hard"))
    app = opened(lesson="tea")
    assert "assets/lessons/tea.md, line 18: there is no control called 'milk'" in app.warning[0].value
    assert link(app)["steps"] == "3"
    assert app.toggle
    press_run(app)
    assert "run" in link(app)


def test_a_lesson_of_another_lab_is_refused_by_name(engine: Scheduler, folder: Path) -> None:
    (folder / "pads.md").write_text('+++\ntitle = "P"\nlab = "padding"\n+++\n## 1. A\nDone when: knob conv = valid\n')
    app = opened(lesson="pads")
    assert "belongs to another lab, Padding and location" in app.warning[0].value
    assert labels(app) == []


def test_parts_can_be_hidden_and_opened(engine: Scheduler, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesson_file, "listed", lambda lab, what: ("Steam",) if what == "parts" else ())
    drawn = "steam is drawn"
    assert any(one.value == drawn for one in opened().text)
    (folder / "tea.md").write_text(TEA.replace('"lid"', '"Steam"'))
    assert not any(one.value == drawn for one in opened(lesson="tea").text)
    (folder / "tea.md").write_text(HEAD + "## 1. Look\nBelow.\nDone when: opened Steam\n")
    app = opened(lesson="tea")
    assert not any(one.value == drawn for one in app.text)
    app.button(key="open:Steam").click()
    assert any(one.value == drawn for one in ran(app).text)
    assert done(ran(app)) == ["1. Look (done)"]


def test_other_passing_fields_survive_if_they_are_plain_else_it_is_said(engine: Scheduler) -> None:
    app = opened(present="1", **{"class": "monday-3"}, water="hard")
    assert {"present": "1", "class": "monday-3"}.items() <= link(app).items()
    assert not app.warning
    app = opened(present="<script>", **{"class": "x" * 65})
    assert not {"present", "class"} & set(link(app))
    (said,) = app.warning
    assert said.value.count("must be at most 64 letters") == 2 and "<script>" not in said.value


@pytest.mark.parametrize("kind", ["run", "finished"])
def test_a_lesson_of_a_lab_that_trains_nothing_cannot_wait_for_a_run(kind: str) -> None:
    text = f'+++\ntitle = "T"\nlab = "attention"\n+++\n## 1. Wait\nDone when: {kind} kernel = linear\n'
    with pytest.raises(LessonError, match=f"nothing trains in this lab, so '{kind}' never happens"):
        parse(text, "tea")
    assert parse(text.replace(kind, "knob"), "tea").steps[0].done_when.kind == "knob"
