"""Lesson files, assets/lessons/<name>.md: read and checked; a fault is said with its file, line and rule."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from core import catalog
from core.config import Config, ConfigError
from core.contract import Experiment, Topic
from ui.form import sheets
from ui.labs import ROOT
from ui.words import listed

FOLDER = ROOT / "assets" / "lessons"
GROUPS = ("training", "view")  # of knobs, each hidden as a whole by its name
FIELDS: Mapping[str, type] = {"title": str, "lab": str, "hide": list, "set": dict}

Kind = Literal["knob", "run", "finished", "opened", "guessed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EXAMPLES = "knob conv = valid; run conv = valid; finished conv = valid seeds >= 3; opened <part>; guessed <question>"

_FENCE = "+++"
_HEADING = re.compile(r"## (\d+)\. +(\S.*)")
_GUESS = re.compile(r"Guess ([a-z][a-z0-9-]*):(.*)")
_DONE = "Done when:"
_TERM = re.compile(r"\s*(\w+)\s*(=|>=|<=)\s*([^\s,]+)\s*(?:,|(?=\s)|$)")


class LessonError(ValueError):
    """A lesson that cannot be shown; the message names the file and line, the rule and what is known."""


@dataclass(frozen=True)
class Term:
    """One demand on one setting. relation: =, >= or <=."""

    name: str
    relation: str
    value: Any

    def holds(self, value: Any) -> bool:
        """Whether a setting of this value meets it."""
        if self.relation == "=":
            return bool(value == self.value)
        return bool(value >= self.value if self.relation == ">=" else value <= self.value)


@dataclass(frozen=True)
class Condition:
    """When a step is done. terms: of knob, run and finished; target: the part opened, or the question guessed."""

    kind: Kind
    terms: tuple[Term, ...] = ()
    target: str = ""


@dataclass(frozen=True)
class Step:
    """One step. question: a key; options: what may be guessed, none where the step asks nothing itself."""

    title: str
    text: str
    done_when: Condition
    question: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lesson:
    """A lesson of one lab. hide: knobs, groups and parts not drawn; start: settings other than the defaults."""

    name: str
    title: str
    topic: Topic
    introduction: str
    steps: tuple[Step, ...]
    hide: frozenset[str] = frozenset()
    start: Mapping[str, Any] = field(default_factory=dict)


def lesson_names() -> tuple[str, ...]:
    """Every lesson there is, by the name of its file."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.md")))


def read(name: str) -> Lesson:
    """The lesson of this name. Raises LessonError, a sentence for the reader of the page."""
    known = lesson_names()
    if name not in known:  # so nothing outside the folder is ever opened
        raise LessonError(f"There is no lesson called {name[:60]!r}; there are: {', '.join(known) or 'none'}.")
    path = FOLDER / f"{name}.md"
    changed = path.stat()
    return _parsed(path, name, changed.st_mtime_ns, changed.st_size)


def lessons(lab: str) -> dict[str, str]:
    """Name -> title of the lessons of a lab. One that cannot be read is left out, and says why when it is opened."""
    found = {}
    for name in lesson_names():
        try:
            lesson = read(name)
        except LessonError:
            continue
        if lesson.topic.lab == lab:
            found[name] = lesson.title
    return found


def parse(text: str, name: str) -> Lesson:
    """A lesson from the text of its file. Raises LessonError for the first fault."""
    return _Reader(text.splitlines(), name).lesson()


@lru_cache(maxsize=64)
def _parsed(path: Path, name: str, changed_ns: int, size: int) -> Lesson:
    """A file is read again once it has changed: every script run of a lab asks for all of them."""
    return parse(path.read_text(encoding="utf-8"), name)


class _Reader:
    """Reads one file's lines; knows how to say where a fault is."""

    def __init__(self, lines: list[str], name: str) -> None:
        self.lines, self.name = lines, name
        self.head, self.first = self._head()
        self.topic = self._lab(self.head["lab"])
        self.questions = {match[1] for _, match in self._matches(_GUESS)}

    def lesson(self) -> Lesson:
        """The whole of it."""
        head = self.head
        hide, start = self._hide(head.get("hide", [])), self._start(head.get("set", {}))
        headings = self._matches(_HEADING)
        if not headings:
            raise self._fault(len(self.lines), "a lesson needs steps. Begin each with a line such as: ## 1. Title")
        ends = [number for number, _ in headings[1:]] + [len(self.lines) + 1]
        steps = []
        for place, ((number, match), end) in enumerate(zip(headings, ends, strict=True), start=1):
            if int(match[1]) != place:
                raise self._fault(number, f"steps are numbered 1, 2, 3 …; got {match[1]}. Write ## {place}. {match[2]}")
            steps.append(self._step(match[2].strip(), number + 1, end))
        introduction = "\n".join(self.lines[self.first - 1 : headings[0][0] - 1]).strip()
        return Lesson(self.name, head["title"], self.topic, introduction, tuple(steps), hide, start)

    def _fault(self, line: int, rule: str) -> LessonError:
        return LessonError(f"assets/lessons/{self.name}.md, line {max(line, 1)}: {rule}")

    def _matches(self, pattern: re.Pattern[str]) -> list[tuple[int, re.Match[str]]]:
        """Line number and match of the lines after the head that are like this."""
        found = ((number, pattern.fullmatch(line.rstrip())) for number, line in enumerate(self.lines, start=1))
        return [(number, match) for number, match in found if match and number >= self.first]

    # --- the head

    def _head(self) -> tuple[dict[str, Any], int]:
        """The front matter, and the number of the line after it."""
        fences = [number for number, line in enumerate(self.lines, start=1) if line.strip() == _FENCE]
        if len(fences) < 2 or fences[0] != 1:
            raise self._fault(1, f"a lesson begins with TOML between two lines of {_FENCE}, with title and lab.")
        try:
            head = tomllib.loads("\n".join(self.lines[1 : fences[1] - 1]))
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"line (\d+)", str(error))
            raise self._fault(int(at[1]) + 1 if at else 2, f"this is not TOML: {error}.") from None
        for name, value in head.items():
            if name not in FIELDS:
                raise self._fault(self._line_of(name), f"{name!r} is not a field; the fields are {', '.join(FIELDS)}.")
            if not isinstance(value, FIELDS[name]):
                kinds = {str: "text in quotes", list: "a list [ ]", dict: "a table { }"}
                raise self._fault(self._line_of(name), f"{name} must be {kinds[FIELDS[name]]}; got {value!r}.")
        for name in ("title", "lab"):
            if not head.get(name):
                raise self._fault(1, f'the head must name a {name}. Add a line such as: {name} = "…"')
        return head, fences[1] + 1

    def _line_of(self, name: str) -> int:
        return next((n for n, line in enumerate(self.lines, start=1) if re.match(rf'\s*\[?"?{name}\b', line)), 1)

    def _lab(self, lab: str) -> Topic:
        found = catalog.topic_of(lab)
        if found is None:
            labs = ", ".join(sorted({one.lab for one in catalog.topics().values()}))
            raise self._fault(self._line_of("lab"), f"there is no lab called {lab!r}; there are: {labs}.")
        return found

    def _hide(self, names: list[Any]) -> frozenset[str]:
        known = (*self._controls(), *GROUPS, *self._parts())
        for one in names:
            if one not in known:
                rule = f"there is no control or part called {one!r} to hide; there are: {', '.join(known)}."
                raise self._fault(self._line_of("hide"), rule)
        return frozenset(names)

    def _start(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: self._value(name, value, self._line_of("set")) for name, value in values.items()}

    def _controls(self) -> tuple[str, ...]:
        return tuple(name for sheet in sheets(self.topic) for name in sheet.model_fields)

    def _parts(self) -> tuple[str, ...]:
        return listed(self.topic.lab, "parts")

    # --- a step

    def _step(self, title: str, first: int, end: int) -> Step:
        """The step whose text stands in the lines from `first` up to, not including, `end`."""
        done: Condition | None = None
        question, options, text = "", (), []
        for number in range(first, end):
            line = self.lines[number - 1]
            if line.startswith(_DONE):
                if done:
                    raise self._fault(number, f"a step has one line {_DONE!r}; this is its second. Make two steps.")
                done = self._condition(line.removeprefix(_DONE).strip(), number)
            elif match := _GUESS.fullmatch(line.rstrip()):
                question, options = match[1], tuple(part.strip() for part in match[2].split("|"))
                if len(options) < 2 or not all(options) or len(set(options)) < len(options):
                    raise self._fault(number, "a guess needs two different options or more, with | between them.")
            else:
                text.append(line)
        if done is None:
            raise self._fault(first - 1, f"this step has no line {_DONE!r}. The conditions are: {EXAMPLES}.")
        return Step(title, "\n".join(text).strip(), done, question, options)

    def _condition(self, text: str, line: int) -> Condition:
        kind, _, rest = text.partition(" ")
        rest = rest.strip()
        if kind not in KINDS:
            raise self._fault(line, f"{kind!r} is not a condition; the conditions are: {EXAMPLES}.")
        known_kind: Kind = next(one for one in KINDS if one == kind)
        if known_kind == "opened":
            return Condition(known_kind, target=self._named(rest, "part of this lab", self._parts(), line))
        if known_kind == "guessed":
            asked = self.topic.predictions if isinstance(self.topic, Experiment) else ()
            questions = (*sorted(self.questions), *(one.key for one in asked))
            return Condition(known_kind, target=self._named(rest, "question", questions, line))
        if known_kind in ("run", "finished") and not isinstance(self.topic, Experiment):
            rule = f"nothing trains in this lab, so {kind!r} never happens. Use knob, opened or guessed."
            raise self._fault(line, rule)
        return Condition(known_kind, terms=self._terms(rest, line))

    def _named(self, name: str, what: str, known: Iterable[str], line: int) -> str:
        if name not in known:
            raise self._fault(line, f"there is no {what} called {name!r}; there are: {', '.join(known) or 'none'}.")
        return name

    def _terms(self, text: str, line: int) -> tuple[Term, ...]:
        terms, at = [], 0
        while at < len(text):
            match = _TERM.match(text, at)
            if not match:
                rule = f"a condition compares controls with =, >= or <=, as in: conv = valid seeds >= 3; got {text!r}."
                raise self._fault(line, rule)
            name, relation, value = match.groups()
            terms.append(Term(name, relation, self._value(name, value, line)))
            if relation != "=" and self._settings_of(name).knob(name).kind not in ("integer", "number"):
                raise self._fault(line, f"{name} is no number, so {relation} means nothing. Write {name} = {value}")
            at = match.end()
        if not terms:
            raise self._fault(line, "this condition names no control. Write one such as: conv = valid")
        return tuple(terms)

    def _value(self, name: str, value: object, line: int) -> Any:
        settings = self._settings_of(name)
        if name not in settings.model_fields:
            known = ", ".join(self._controls())
            raise self._fault(line, f"there is no control called {name!r}; the controls are {known}.")
        try:
            return getattr(settings.parse({name: value}), name)
        except ConfigError as error:
            raise self._fault(line, str(error)) from None

    def _settings_of(self, name: str) -> type[Config]:
        return next((sheet for sheet in sheets(self.topic) if name in sheet.model_fields), self.topic.config)
