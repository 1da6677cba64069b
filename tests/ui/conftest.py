"""A toy experiment in the catalog, and an engine whose runs wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.engine.scheduler import Scheduler
from tests.ui.idle import idle_engine


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy experiments are in the catalog while this folder's tests run."""
    monkeypatch.setenv("LAYERLAB_EXPERIMENTS", "tests.ui.toys")


@pytest.fixture
def engine(toys: None, tmp_path: Path) -> Iterator[Scheduler]:
    with idle_engine(tmp_path / "home") as made:
        yield made
