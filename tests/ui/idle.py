"""An engine for tests of pages: its store is real, its workers never come, so a run stays as it is put."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.config import Config
from core.engine import pool, scheduler
from core.engine.dispatcher import Dispatcher
from core.engine.protocol import Refusal
from core.engine.records import SeedEvent
from core.engine.scheduler import Limits, Scheduler
from core.engine.store import Store
from core.events import Metrics


@contextmanager
def idle_engine(home: Path, limits: Limits | None = None) -> Iterator[Scheduler]:
    """The scheduler that `shared()` gives out meanwhile. Runs wait in its queue until somebody stops them.

    What is asked of a net is refused at once: no worker will come, and a page need not wait to learn it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool.Pool, "fill", lambda self: None)
        patch.setattr(Dispatcher, "ask", lambda self, question: question.settle(Refusal("No worker is here.")))
        made = Scheduler(Store(home), device="cpu", workers=1, limits=limits)
        patch.setattr(scheduler, "_shared", made)
        try:
            yield made
        finally:
            made.shutdown()
            made.store.close()


def finished_run(
    engine: Scheduler, experiment: str, config: Config, seeds: Sequence[int], values: dict[str, Any]
) -> str:
    """Store a finished run as if it had trained.

    values: metric -> its values at steps 1, 2, … (the same for every seed), or a list of such lists, one a seed.
    """
    found = catalog.get(experiment)
    record = engine.store.create_run(
        experiment=found.key,
        version=found.version,
        identity=engine.identity(found.key, config),
        config=config.model_dump(),
        seeds=seeds,
        reuse={},
        owner="the tests",
        device="cpu",
        device_name="a CPU",
        versions={},
    )
    for position, training in enumerate(record.trainings.values()):
        own = {name: one[position] if isinstance(one[0], list) else one for name, one in values.items()}
        steps = range(max(len(numbers) for numbers in own.values()))
        events = [SeedEvent(step, Metrics(step + 1, {name: one[step] for name, one in own.items()})) for step in steps]
        engine.store.append(training, events)
        engine.store.finish_training(training, "finished", 1.0, None)
    engine.store.set_run(record.id, "finished")
    return record.id
