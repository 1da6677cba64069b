"""The standalone script of every experiment prints the numbers of the experiment itself.

Each is run with the default settings and with those in cases/<experiment>.json: at least two more, cheap ones, in
which every field that can matter moves. One seed; one epoch of the default settings, on few pictures, and of at least
one other case three, which the others may cut short. What an experiment calls `timed` is no number that anybody could
print again.
"""

from __future__ import annotations

import ast
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path

import pytest
import torch

from core import catalog
from core.config import Config
from core.contract import Experiment
from core.devices import one_thread
from core.events import Metrics
from core.export.recipe import FOLDER, script

CASES = Path(__file__).parent / "cases"
LEAST_CASES = 2
EPOCHS, SEED = 3, 3  # of the cases that do not say otherwise
LENGTHS = "128,256"  # of those that count tokens and not epochs
FEW = {"train_pictures": 400, "test_pictures": 100, "scenes": 100}  # enough for several batches, the last not full
TOLERANCE = 1e-4
ONE_BY_ONE = """
import runpy, sys, traceback
for path in sys.stdin:
    try:
        runpy.run_path(path.strip(), run_name="__main__")
    except BaseException:
        traceback.print_exc(file=sys.stdout)
    print("over", flush=True)
"""
EXPERIMENTS = {key: one for key, one in catalog.experiments().items() if one.run.__module__.startswith("core.")}

Numbers = dict[tuple[float, str], float]  # step and metric -> value


def test_there_are_experiments() -> None:
    assert "padding" in EXPERIMENTS


@pytest.mark.parametrize("key", EXPERIMENTS)
def test_an_experiment_has_a_script_and_cases(key: str) -> None:
    assert (FOLDER / f"{key}.py").is_file(), (
        f"The experiment {key!r} has no script of its own. Write assets/scripts/{key}.py: plain torch that prints the "
        "same numbers (see core/export/recipe.py)."
    )
    path = CASES / f"{key}.json"
    assert path.is_file() and len(json.loads(path.read_text())) >= LEAST_CASES, (
        f"Write tests/export/cases/{key}.json: a list of at least {LEAST_CASES} objects with settings besides the "
        "default ones, cheap to train."
    )
    assert any(one.get("epochs", EPOCHS) >= EPOCHS for one in json.loads(path.read_text())), (
        f"Let one case of tests/export/cases/{key}.json train for {EPOCHS} epochs."
    )


@pytest.mark.parametrize("key", EXPERIMENTS)
def test_a_script_stands_on_its_own_and_shows_the_defaults(key: str) -> None:
    experiment = EXPERIMENTS[key]
    made = script(experiment, experiment.config(), (0, 1))
    tree = ast.parse(made)
    compile(tree, f"{key}.py", "exec")
    nodes = list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names}.isdisjoint({"core", "ui", "pages", "tests", ""})
    assert (FOLDER / f"{key}.py").read_bytes() == made, (
        f"assets/scripts/{key}.py differs from its own export with default settings. Put this in its block:\n"
        + made.decode().partition("begin\n")[2].partition("# --- settings: end")[0]
    )


def cases() -> Iterator[pytest.param]:
    for key, experiment in EXPERIMENTS.items():
        path = CASES / f"{key}.json"
        more = json.loads(path.read_text()) if path.is_file() else []
        for changes in ({}, *more):
            short = {"lengths": LENGTHS, **({"epochs": EPOCHS} if changes else {"epochs": 1, **FEW})}
            few = {name: value for name, value in short.items() if name in experiment.config.model_fields}
            name = ",".join(f"{field}={value}" for field, value in changes.items()) or "default"
            yield pytest.param(experiment, experiment.config.parse({**few, **changes}), id=f"{key}-{name}")


@pytest.mark.parametrize(("experiment", "config"), list(cases()))
def test_the_script_prints_the_numbers_of_the_experiment(
    experiment: Experiment, config: Config, run_alone: Callable[[bytes], str]
) -> None:
    theirs = printed(run_alone(script(experiment, config, (SEED,))))
    ours = trained(experiment, config)
    known = {slug(metric) for _, metric in ours}
    assert {metric for _, metric in theirs} <= known, "metrics that the experiment does not have"
    timed = {slug(name) for name in experiment.timed}
    assert {metric for _, metric in theirs} >= {slug(name) for name in experiment.summary} - timed
    expected = {(step, slug(metric)): value for (step, metric), value in ours.items() if step > 0}
    whole = {int(step) for step, _ in expected if step % 1 == 0}
    assert {int(step) for step, _ in theirs} == whole, "one line an epoch"
    differing = {
        place: (value, expected.get(place))
        for place, value in theirs.items()
        if place[1] not in timed
        and not close(value, expected.get(place, math.nan))  # what a seed that diverged lacks is no number either
    }
    assert not differing


@pytest.fixture(scope="module")
def run_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bytes], str]]:
    """Runs a script in a process that knows nothing of us, and gives what it prints.

    One process for all, as each would import torch anew.
    """
    folder = tmp_path_factory.mktemp("scripts")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LAYERLAB"))}
    command = [sys.executable, "-I", "-c", ONE_BY_ONE]  # -I: without our folder
    with subprocess.Popen(
        command, cwd=folder, env=clean, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as alone:

        def run(text: bytes) -> str:
            (folder / "script.py").write_bytes(text)
            alone.stdin.write("script.py\n")
            alone.stdin.flush()
            return "".join(takewhile(lambda line: line != "over\n", alone.stdout))

        yield run
        alone.stdin.close()


def trained(experiment: Experiment, config: Config) -> Numbers:
    """What the experiment measures."""
    with one_thread():
        events = list(experiment.run(config, (SEED,), torch.device("cpu")))
    found = [event for event in events if isinstance(event, Metrics)]
    return {(event.step, name): float(values[0]) for event in found for name, values in event.values.items()}


def printed(out: str) -> Numbers:
    """What the script says: seed=0 epoch=1 and so on."""
    found: Numbers = {}
    assert "Traceback" not in out, out
    for line in out.splitlines():
        words = dict(word.split("=") for word in line.split())
        assert int(words.pop("seed")) == SEED
        epoch = float(words.pop("epoch"))
        assert words, f"a line without a number: {line}"
        assert not any((epoch, name) in found for name in words), f"said twice: {line}"
        found |= {(epoch, name): float(value) for name, value in words.items()}
    return found


def slug(metric: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", metric.lower()).strip("_")


def close(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE or (math.isnan(one) and math.isnan(other))
