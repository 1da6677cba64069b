"""Lessons on a lab's page: which one is on, which of its steps are done, and what it hides.

A step is done by what happened (settings, runs, answers, what is on screen), never by a click on "next". How far this
browser is in a lesson is kept in the server's memory, so a reload does not lose it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.config import ConfigError
from core.contract import Experiment, Topic
from core.engine.records import RunRecord
from core.engine.scheduler import shared
from ui.address import LESSON, asked_lesson, leave, with_fields
from ui.form import Settings, has_settings, to_defaults
from ui.labs import labs
from ui.lesson_file import Condition, Lesson, LessonError, Step, lessons, read
from ui.panel import Panel
from ui.security import owner

WATCH_SECONDS = 1.0  # between looks at what happens without a click
WATCHED = ("run", "finished", "opened")  # a guess and a knob draw the steps anew by themselves
RUNS_LOOKED_AT = 100
PROGRESS_KEPT = 2000  # browsers times lessons

_progress: OrderedDict[tuple[str, str], Progress] = OrderedDict()
_lock = threading.Lock()


@dataclass
class Progress:
    """How far one browser is in one lesson. done: how many steps; opened: parts on screen since the last was done.

    unfolded: parts that the reader opened; guesses: question -> what was guessed; begun: Unix seconds.
    """

    done: int = 0
    opened: set[str] = field(default_factory=set)
    unfolded: set[str] = field(default_factory=set)
    guesses: dict[str, str] = field(default_factory=dict)
    begun: float = field(default_factory=time.time)


# --- what other parts of a page ask and tell


def note_opened(part: str) -> None:
    """A tab or another part of the page is on screen now."""
    if progress := _here():
        progress.opened.add(part)


def note_guess(question: str, guess: str) -> None:
    """The reader guessed; the first guess counts."""
    if progress := _here():
        progress.guesses.setdefault(question, guess)


def section(title: str, topic: Topic) -> bool:
    """Head a part of a lab's page; whether it is to be drawn.

    A lesson may hide it. One whose step asks to open it shows a button first, so that opening is the reader's doing.
    """
    lesson, progress = _readable(topic), _here()
    if lesson is None or progress is None:
        st.subheader(title, anchor=False)
        return True
    if title in lesson.hide:
        return False
    st.subheader(title, anchor=False)
    to_open = any(step.done_when == Condition("opened", target=title) for step in lesson.steps)
    if to_open and title not in progress.unfolded:
        st.button("Open", icon=":material/unfold_more:", key=f"open:{title}", on_click=_unfold, args=(title,))
        return False
    note_opened(title)
    return True


# --- the lab's page


def lesson_of(topic: Topic) -> Lesson | None:
    """The lesson in the address; where it cannot be shown the page says why and goes on without it.

    A link that names the lesson alone begins with the lesson's settings; one that names settings too keeps them.
    """
    name = asked_lesson()
    if not name:
        return None
    try:
        lesson = read(name)
    except LessonError as error:
        _refuse(str(error))
        return None
    if lesson.topic.lab != topic.lab:
        _refuse(f"The lesson {name!r} belongs to another lab, {lesson.topic.title}.", lesson)
        return None
    _progress_of(name)
    if not has_settings(topic):
        to_defaults(topic, **lesson.start)
    return lesson


def lesson_links(lab: str) -> None:
    """The lessons of a lab as links, behind one button; nothing where there is none."""
    found = lessons(lab)
    if not found:
        return
    with st.popover("Lessons", icon=":material/school:", key="lessons"):
        for name, title in found.items():
            link_to_lesson(lab, name, title)


def link_to_lesson(lab: str, name: str, label: str) -> None:
    """One link that opens a lesson."""
    page = next((one for one in labs() if one.name == lab), None)
    if page:
        st.page_link(page.link(), label=label, query_params=with_fields(**{LESSON: name}))


def steps(lesson: Lesson, settings: Settings) -> None:
    """The numbered steps: those done are ticked, the current one is open. Looks for itself while a step needs it."""

    @st.fragment(key=f"lesson:{lesson.name}")
    def guide() -> None:
        progress = _progress_of(lesson.name)
        _advance(lesson, progress, settings)
        _head(lesson, progress)
        for number, step in enumerate(lesson.steps):
            _step(number, step, progress)
        current = _current(lesson, progress)
        waits = current is not None and current.done_when.kind in WATCHED

        @st.fragment(run_every=WATCH_SECONDS if waits else None, key=f"lesson:{lesson.name}:watch")
        def watch() -> None:
            if _advance(lesson, progress, settings):
                st.rerun(scope="app")

        watch()

    guide()


def _head(lesson: Lesson, progress: Progress) -> None:
    total = len(lesson.steps)
    st.markdown(f"**Lesson: {lesson.title}**")
    st.progress(progress.done / total, text=f"{progress.done} of {total} steps done")
    if lesson.introduction:
        st.markdown(lesson.introduction)
    if progress.done == total:
        st.success("You have done every step. The run stays on screen; leave the lesson to try settings of your own.")
    with st.container(horizontal=True, gap="small"):
        left = st.button("Leave the lesson", key="lesson:leave", on_click=leave, args=(LESSON,), type="tertiary")
        begun = st.button("Start again", key="lesson:again", on_click=_begin_again, args=(lesson,), type="tertiary")
    if left or begun:
        st.rerun(scope="app")  # the click drew the steps alone, and the form has changed too


def _step(number: int, step: Step, progress: Progress) -> None:
    title = f"{number + 1}. {step.title}"
    if number > progress.done:
        st.caption(title)
        return
    done = number < progress.done
    icon = "check_circle" if done else "radio_button_unchecked"
    label = f"{title} (done)" if done else title
    with st.expander(label, expanded=not done, icon=f":material/{icon}:", key=f"lesson:step:{number}:{done}"):
        st.markdown(_with_guesses(step.text, progress))
        if step.options:
            _ask(step, progress)


def _ask(step: Step, progress: Progress) -> None:
    """The step's question; an answer is kept as it is."""
    if step.question in progress.guesses:
        st.markdown(f"Your guess: **{progress.guesses[step.question]}**")
        return
    key = f"lesson:guess:{step.question}"
    st.radio("Your guess", step.options, index=None, key=key, on_change=_take_guess, args=(step.question, key))


def _take_guess(question: str, key: str) -> None:
    if answer := st.session_state.get(key):
        note_guess(question, answer)


def _with_guesses(text: str, progress: Progress) -> str:
    """A text may quote a guess: {question} stands for what was guessed."""
    for question, guess in progress.guesses.items():
        text = text.replace(f"{{{question}}}", guess)
    return text


def _refuse(message: str, lesson: Lesson | None = None) -> None:
    """Messages quote what a link says: as code, nothing in them is Markdown or HTML."""
    st.warning("This lesson cannot be shown; the lab works on without it.\n- `" + message.replace("`", "'") + "`")
    if lesson:
        link_to_lesson(lesson.topic.lab, lesson.name, f"Open it there: {lesson.title}")
    st.button("Go on without it", key="lesson:leave", on_click=leave, args=(LESSON,))


# --- what has been done


def _advance(lesson: Lesson, progress: Progress, settings: Settings) -> bool:
    """Tick what is done, one step after the other; whether anything was."""
    before = progress.done
    while (step := _current(lesson, progress)) and _met(step.done_when, lesson.topic, settings, progress):
        progress.done += 1
        progress.opened.clear()
    return progress.done > before


def _current(lesson: Lesson, progress: Progress) -> Step | None:
    return lesson.steps[progress.done] if progress.done < len(lesson.steps) else None


def _met(condition: Condition, topic: Topic, settings: Settings, progress: Progress) -> bool:
    """Whether this has happened."""
    if condition.kind == "opened":
        return condition.target in progress.opened
    if condition.kind == "guessed":
        return condition.target in progress.guesses
    if condition.kind == "knob":
        return _fits(condition, settings.config.model_dump(), settings.seeds)
    assert isinstance(topic, Experiment)  # else the file would have been refused
    runs = _runs(topic, settings, progress)
    if condition.kind == "finished":
        runs = [run for run in runs if run.state == "finished"]
    return any(_fits(condition, _settings_of(topic, run), run.seeds) for run in runs)


def _runs(experiment: Experiment, settings: Settings, progress: Progress) -> list[RunRecord]:
    """What this browser started since the lesson began, and the run on screen: pressing Run may join another's."""
    store = shared().store
    mine = store.runs(experiment=experiment.key, owner=owner(), limit=RUNS_LOOKED_AT)
    runs = [run for run in mine if run.created >= progress.begun]
    on_screen = Panel(experiment, settings).run_id
    shown = store.run(on_screen) if on_screen else None
    return [*runs, shown] if shown and shown.experiment == experiment.key else runs


def _settings_of(experiment: Experiment, run: RunRecord) -> dict[str, Any]:
    try:
        return dict(experiment.config.parse(run.config).model_dump())
    except ConfigError:  # stored by an earlier release, whose settings were others
        return {}


def _fits(condition: Condition, config: dict[str, Any], seeds: Iterable[int]) -> bool:
    numbers = sorted(seeds)
    values = {**config, **({"seeds": len(numbers), "first_seed": numbers[0]} if numbers else {})}
    return all(term.name in values and term.holds(values[term.name]) for term in condition.terms)


# --- what is kept


def _begin_again(lesson: Lesson) -> None:
    with _lock:
        _progress.pop((owner(), lesson.name), None)
    for step in lesson.steps:
        st.session_state.pop(f"lesson:guess:{step.question}", None)
    to_defaults(lesson.topic, **lesson.start)


def _unfold(part: str) -> None:
    if progress := _here():
        progress.unfolded.add(part)


def _here() -> Progress | None:
    """This browser's progress in the lesson of the address; None outside a lesson."""
    with _lock:
        return _progress.get((owner(), asked_lesson()))


def _progress_of(name: str) -> Progress:
    with _lock:
        found = _progress.setdefault((owner(), name), Progress())
        _progress.move_to_end((owner(), name))
        while len(_progress) > PROGRESS_KEPT:
            _progress.popitem(last=False)
        return found


def _readable(topic: Topic) -> Lesson | None:
    """The lesson of the address, if it is one of this lab; what is wrong with it is said elsewhere."""
    try:
        lesson = read(asked_lesson())
    except LessonError:
        return None
    return lesson if lesson.topic.lab == topic.lab else None
