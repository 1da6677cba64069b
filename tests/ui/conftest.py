"""A toy experiment in the catalog, and an engine whose runs wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.engine.scheduler import Scheduler
from core.events import Arrays
from tests.ui.idle import idle_engine
from ui import ask

Asked = list[tuple[str, dict]]
Answers = Mapping[str, Callable[[dict], Mapping[str, Any]]]


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy experiments are in the catalog while this folder's tests run."""
    monkeypatch.setenv("LAYERLAB_EXPERIMENTS", "tests.ui.toys")


@pytest.fixture
def engine(toys: None, tmp_path: Path) -> Iterator[Scheduler]:
    with idle_engine(tmp_path / "home") as made:
        yield made


@pytest.fixture(scope="module")
def page_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """One for all tests of a file, which go to real pages."""
    with idle_engine(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], Asked]:
    """Begin to answer a page's questions by name, and to refuse all others; returns the list of what is asked."""

    def begin(answers: Answers) -> Asked:
        said: Asked = []

        def answer(question: ask.Question, arguments: dict) -> Arrays:
            said.append((question.name, dict(arguments)))
            if question.name not in answers:
                raise ask.QueryError("Not answered here.")
            return Arrays(0, answers[question.name](arguments))

        monkeypatch.setattr(ask, "_answer", answer)
        monkeypatch.setattr(ask, "_answers", {})
        return said

    return begin
