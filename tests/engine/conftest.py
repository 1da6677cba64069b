"""One scheduler with two workers for all who do it no harm, and fresh ones for those who do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.engine.scheduler import Scheduler
from core.engine.store import Store
from tests.engine.helpers import eventually

TOYS = "tests.engine.toys"
Make = Callable[..., Scheduler]


@pytest.fixture(scope="package", autouse=True)
def toys() -> Iterator[None]:
    """The toy experiments are in the catalog while this folder's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYERLAB_EXPERIMENTS", TOYS)
        yield


def _make(home: Path, **options: Any) -> Scheduler:
    made = Scheduler(Store(home), **{"device": "cpu", "workers": 2, **options})
    eventually(lambda: made.warm, 120)
    return made


def _end(scheduler: Scheduler) -> None:
    scheduler.shutdown()
    scheduler.store.close()


@pytest.fixture(scope="package")
def _shared(toys: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    made = _make(tmp_path_factory.mktemp("home"))
    yield made
    _end(made)


@pytest.fixture
def scheduler(_shared: Scheduler) -> Iterator[Scheduler]:
    """The shared scheduler, left without live runs."""
    yield _shared
    for record in _shared.live():
        _shared.stop(record.id, record.owner)
    eventually(lambda: not _shared.live())


@pytest.fixture
def fresh(toys: None, tmp_path: Path) -> Iterator[Make]:
    """Makes schedulers of a test's own; what it is given goes to the scheduler, two workers unless said."""
    made: list[Scheduler] = []

    def make(**options: Any) -> Scheduler:
        made.append(_make(tmp_path / f"home{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        _end(one)
