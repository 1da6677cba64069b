"""Suspended runs share a process; none may feel the others."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from core.engine.protocol import Advance, Close, Closed, Open, Turn
from core.engine.scheduler import Scheduler
from core.engine.unit import Workbench
from core.events import Arrays, Metrics, Note
from tests.engine.helpers import done, same
from tests.engine.toys.streams import StreamsConfig

FLAVOURS = ("python", "numpy", "torch", "dropout", "dtype", "grad")
JOBS = [(flavour, seed) for flavour in FLAVOURS for seed in (0, 1)]


TOLD: list[tuple[str, Metrics | Arrays | Note]] = []


def workbench() -> Workbench:
    return Workbench(torch.device("cpu"), lambda unit, event: TOLD.append((unit, event)))


def opened(bench: Workbench, flavour: str, seed: int) -> str:
    name = f"{flavour} {seed}"
    bench.handle(Open(name, "streams", StreamsConfig.parse({"flavour": flavour}).model_dump(), (seed,)))
    return name


def pulled(bench: Workbench, unit: str, limit: int | None) -> tuple[list[bytes], Turn]:
    """Numbers of one turn as bytes, so that equal means equal in every bit."""
    TOLD.clear()
    turn = bench.handle(Advance(unit, 60.0, limit))
    assert isinstance(turn, Turn) and not turn.error
    assert all(told == unit for told, _ in TOLD)
    return [event.values["number"].tobytes() for _, event in TOLD if isinstance(event, Metrics)], turn


def weights(turn: Turn) -> dict[str, bytes]:
    assert turn.weights is not None
    return {name: array.tobytes() for name, array in turn.weights[0].items()}


def test_interleaved_units_equal_solo_units_bit_for_bit():
    solo = {}
    for job in JOBS:
        bench = workbench()
        numbers, turn = pulled(bench, opened(bench, *job), None)
        solo[job] = numbers, weights(turn)

    bench = workbench()
    units = {job: opened(bench, *job) for job in JOBS}
    together: dict[tuple[str, int], list[bytes]] = {job: [] for job in JOBS}
    ends = {}
    while len(ends) < len(JOBS):
        for job in [job for job in JOBS if job not in ends]:
            numbers, turn = pulled(bench, units[job], 1)
            together[job] += numbers
            if turn.outcome == "ended":
                ends[job] = weights(turn)
    for job in JOBS:
        assert (together[job], ends[job]) == solo[job], job
        assert len(together[job]) == 12


def test_a_turn_ends_at_the_next_event_when_somebody_calls():
    bench = Workbench(torch.device("cpu"), lambda unit, event: TOLD.append((unit, event)), called=lambda: True)
    unit, found, outcome = opened(bench, *JOBS[0]), [], "more"
    while outcome == "more":
        numbers, turn = pulled(bench, unit, None)
        assert len(numbers) <= 1
        found += numbers
        outcome = turn.outcome
    assert outcome == "ended" and len(found) == 12


def test_seeds_and_flavours_are_not_all_alike():
    bench = workbench()
    assert len({tuple(pulled(bench, opened(bench, *job), None)[0]) for job in JOBS}) >= len(JOBS) - 2


def test_a_unit_leaves_no_trace_in_the_process():
    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    bench = workbench()
    for flavour in FLAVOURS:
        pulled(bench, opened(bench, flavour, 0), 2)
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert np.array_equal(np.random.get_state()[1], before[2])  # noqa: NPY002


def test_a_unit_that_skips_goes_on_as_if_it_had_never_stopped():
    bench = workbench()
    whole, _ = pulled(bench, opened(bench, "dropout", 3), None)
    config = StreamsConfig(flavour="dropout").model_dump()
    bench.handle(Open("again", "streams", config, (3,), skip=5))
    nothing, turn = pulled(bench, "again", 0)
    assert (nothing, turn.behind) == ([], False)
    rest, _ = pulled(bench, "again", None)
    assert rest == whole[5:]


def test_closing_hands_out_the_last_checkpoint_and_forgets_the_unit():
    bench = workbench()
    unit = opened(bench, "torch", 0)
    pulled(bench, unit, 3)
    closed = bench.handle(Close(unit))
    assert isinstance(closed, Closed) and closed.weights is not None
    assert set(closed.weights[0]) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert bench.handle(Close(unit)) == Closed(unit, None)


@pytest.mark.parametrize("flavour", ["numpy", "dropout"])
def test_a_run_beside_others_equals_the_run_alone(scheduler: Scheduler, flavour: str):
    config = StreamsConfig.parse({"flavour": flavour, "steps": 60})
    alone = scheduler.start("streams", config, [0, 1], "me")
    first = done(scheduler, alone.run_id)
    others = [
        scheduler.start("streams", StreamsConfig.parse({"flavour": one, "steps": 50}), [5], "me") for one in FLAVOURS
    ]
    second = done(scheduler, scheduler.start("streams", config, [0, 1], "me").run_id)
    for other in others:
        done(scheduler, other.run_id)
    assert same(first, second, "number")
    assert len(first.series["number"][0]) == 60
