"""The command line: python -m core list | run | sweep | sample. Options come from the fields of an experiment's config.

Exit status: 0 done, 1 the training failed, 2 a bad value (one line says field, rule and value), 130 stopped by Ctrl-C,
141 whoever read the output has gone (`| head`).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from core import catalog, devices, places
from core.config import Config, ConfigError, Knob
from core.contract import Experiment
from core.engine import recorded
from core.engine.questions import QueryError, UnknownRunError
from core.engine.records import LARGEST_SEED, Snapshot
from core.engine.scheduler import Limits, Scheduler
from core.engine.store import Store, StoreError
from core.export.recipe import flag
from core.queries.gpt import MOST_WRITTEN
from core.queries.sampling import Sampling, streamed
from core.report import Follower, ProgressBar, results_table

OWNER = "command line"
POLL_SECONDS = 0.1
LANES = 2  # runs that a sweep has live at once: while the last seed of one ends, the next has begun
SWEEP_LIMITS = Limits(live=10_000, per_owner=10_000)


class Parser(argparse.ArgumentParser):
    """argparse that takes whole names only, says one line and exits with 2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print the message alone; the usage is in --help."""
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be flushed goes nowhere
        return 141
    except (ConfigError, StoreError, OSError) as error:
        print(f"python -m core: {' '.join(str(error).splitlines())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. What was measured is kept.", file=sys.stderr)
        return 130
    return status


def parser() -> Parser:
    """All commands, with an option for every field of every experiment."""
    top = Parser(prog="python -m core", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="list | run | sweep | sample", parser_class=Parser)
    listing = commands.add_parser("list", help="the experiments and their settings")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(command=list_experiments)
    for name, command, summary in (
        ("run", run, "train one setting"),
        ("sweep", sweep, "train a grid of settings; 'all' or a,b,c gives several values"),
    ):
        experiments = commands.add_parser(name, help=summary).add_subparsers(required=True, metavar="EXPERIMENT")
        for experiment in catalog.experiments().values():
            one = experiments.add_parser(experiment.key, help=experiment.title, description=experiment.question)
            _add_options(one, experiment, grid=name == "sweep")
            one.set_defaults(command=command, experiment=experiment)
    _add_sample(commands.add_parser("sample", help="let a trained language model write"))
    return top


def list_experiments(options: argparse.Namespace) -> int:
    """Print every experiment with its settings."""
    if not options.json:
        print(f"Results are kept in {places.home()}, data sets in {places.datasets()}.")
    for experiment in catalog.experiments().values():
        if options.json:
            about = {"experiment": experiment.key, "title": experiment.title, "question": experiment.question}
            print(json.dumps(about | {"settings": experiment.config().model_dump()}))
            continue
        print(f"{experiment.key}: {experiment.title}. {experiment.question}")
        for knob in experiment.config.knobs():
            default = knob.label_of(knob.default) if knob.kind == "text" else knob.default
            print(f"    {flag(knob.name):<18} {_values(knob)}, default {default}")
    return 0


def run(options: argparse.Namespace) -> int:
    """Train one setting over some seeds, and follow it."""
    experiment: Experiment = options.experiment
    config, seeds = experiment.config.parse(_given(options, experiment)), _seeds(options)
    with _scheduler(options.device, workers=1 if len(seeds) == 1 else None) as scheduler:  # another would only start
        started = scheduler.start(experiment.key, config, seeds, OWNER, keep=True)
        follower = Follower(experiment, as_json=options.json)
        snapshot = _follow(scheduler, started.run_id, follower)
    follower.finish(snapshot)
    return 0 if snapshot.run.state == "finished" else 1


def sweep(options: argparse.Namespace) -> int:
    """Train every setting of a grid on all workers; seeds that are stored already are not trained again."""
    experiment: Experiment = options.experiment
    if options.out is not None and not options.out.parent.is_dir():
        raise ConfigError(f"out must be a file in a folder that exists; got {str(options.out)!r}. Make it first.")
    if options.out is not None and options.out.is_dir():
        raise ConfigError(f"out must be a file; got the folder {str(options.out)!r}. Name a file in it.")
    if options.record is not None and options.record.exists() and not options.record.is_dir():
        raise ConfigError(f"record must be a folder; got the file {str(options.record)!r}. Name another.")
    configs = list(_grid(_given(options, experiment), experiment.config))
    seeds = _seeds(options)
    with _scheduler(options.device) as scheduler:
        runs = _sweep(scheduler, experiment, configs, seeds)
        snapshots = [scheduler.wait(run) for run in runs]
        if options.record is not None:
            recorded.write(scheduler.store, [snapshot.run.id for snapshot in snapshots], options.record)
    table = results_table(experiment, snapshots)
    print(table)
    if options.out is not None:
        options.out.write_text(table + "\n", encoding="utf-8")
    return 0 if all(snapshot.run.state == "finished" for snapshot in snapshots) else 1


def _sweep(scheduler: Scheduler, experiment: Experiment, configs: Sequence[Config], seeds: Sequence[int]) -> list[str]:
    """Train the settings in order, a few at a time, so that Ctrl-C finds finished ones behind it; returns the runs."""
    bar = ProgressBar(f"{len(configs)} settings × {len(seeds)} seeds")
    runs: list[str] = []
    live: dict[str, float] = {}  # run -> progress
    try:
        while len(runs) < len(configs) or live:
            while len(runs) < len(configs) and len(live) < LANES:
                runs.append(_stored_or_started(scheduler, experiment, configs[len(runs)], seeds))
                live[runs[-1]] = 0.0
            for run in list(live):
                snapshot = _watched(scheduler, run)
                live[run] = snapshot.progress
                if snapshot.run.final:
                    del live[run]
            bar.show((len(runs) - len(live) + sum(live.values())) / len(configs))
    except KeyboardInterrupt:
        for run in live:
            scheduler.stop(run, OWNER)
            scheduler.wait(run, timeout=5)
        raise
    bar.close()
    return runs


def _stored_or_started(scheduler: Scheduler, experiment: Experiment, config: Config, seeds: Sequence[int]) -> str:
    """The newest finished run that has all these seeds, else a new one, which trains only the missing seeds."""
    name = scheduler.identity(experiment.key, config)
    for record in scheduler.store.runs(identity=name, states=("finished",)):
        if set(seeds) <= set(record.trainings):
            return record.id
    return scheduler.start(experiment.key, config, seeds, OWNER, keep=True).run_id


def _follow(scheduler: Scheduler, run_id: str, follower: Follower) -> Snapshot:
    """Report events until the run is over; Ctrl-C stops it, keeping what was measured, and is raised again."""
    try:
        while True:
            snapshot = scheduler.snapshot(run_id)
            assert snapshot is not None  # without `since` there is always one
            follower.show(snapshot)
            if snapshot.run.final:
                return snapshot
            _watched(scheduler, run_id)
    except KeyboardInterrupt:
        scheduler.stop(run_id, OWNER)
        scheduler.wait(run_id, timeout=5)
        raise


def _watched(scheduler: Scheduler, run_id: str) -> Snapshot:
    """The run after a moment. Raises KeyboardInterrupt once Ctrl-C was pressed."""
    snapshot = scheduler.wait(run_id, timeout=POLL_SECONDS)
    if _interrupted.is_set():
        raise KeyboardInterrupt
    return snapshot


_interrupted = threading.Event()


def _note_interrupt(number: int, frame: object) -> None:
    """Ctrl-C while the scheduler works: raised between two looks, never while a lock is being taken. Twice: at once."""
    if _interrupted.is_set():
        raise KeyboardInterrupt
    _interrupted.set()


def sample(options: argparse.Namespace) -> int:
    """Write what a stored language model says, as it says it."""
    numbers: dict[str, Any] = {name: _number(options, name) for name in ("temperature", "top_p")}
    numbers |= {name: _whole(getattr(options, name), flag(name)[2:], 0, LARGEST_SEED) for name in ("top_k", "seed")}
    length = _whole(options.length, "length", 1, MOST_WRITTEN)
    try:
        how = Sampling(**numbers)
        with _scheduler("cpu", workers=1) as scheduler:
            print(options.prompt, end="", flush=True)
            for piece in streamed(partial(_said, scheduler, options.run), options.prompt, how, length):
                print(piece.text, end="", flush=True)
            print()
    except (ValueError, QueryError, UnknownRunError) as error:
        raise ConfigError(str(error)) from None
    return 0


def _said(scheduler: Scheduler, run: str, **arguments: Any) -> Mapping[str, Any]:
    return scheduler.query(run, "say", timeout=60.0, **arguments).arrays


def _number(options: argparse.Namespace, name: str) -> float:
    text = getattr(options, name)
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{flag(name)[2:]} must be a number; got {text!r}.") from None


class _scheduler:
    """A scheduler for the length of a command, with the store of LAYERLAB_HOME."""

    before: Any = None  # what Ctrl-C did

    def __init__(self, device: str, workers: int | None = None) -> None:
        try:
            devices.choose(device)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        self.store = Store()
        for problem in self.store.problems:
            print(problem, file=sys.stderr)
        self.scheduler = Scheduler(self.store, device=device, workers=workers, limits=SWEEP_LIMITS)

    def __enter__(self) -> Scheduler:
        _interrupted.clear()
        # Not in a thread, which may not, nor where it is ignored, as behind nohup.
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            self.before = signal.signal(signal.SIGINT, _note_interrupt)
        return self.scheduler

    def __exit__(self, *_: object) -> None:
        self.scheduler.shutdown()
        self.store.close()
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)


def _add_options(one: argparse.ArgumentParser, experiment: Experiment, *, grid: bool) -> None:
    for knob in experiment.config.knobs():
        if knob.retrains:
            shown = f"{knob.label}: {_values(knob)} (default {knob.default})".replace("%", "%%")
            one.add_argument(flag(knob.name), dest=f"knob_{knob.name}", metavar=knob.kind.upper(), help=shown)
    one.add_argument("--seeds", default="1", metavar="COUNT", help="how many seeds (default 1)")
    one.add_argument("--first-seed", default="0", metavar="SEED", help="where the seeds count from (default 0)")
    one.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default auto)")
    if grid:
        one.add_argument("--out", type=Path, metavar="FILE", help="also write the table, as Markdown, to this file")
        one.add_argument("--record", type=Path, metavar="FOLDER", help="write the curves for a first paint here")
    else:
        one.add_argument("--json", action="store_true", help="one JSON object a line instead of a progress bar")


def _add_sample(one: Parser) -> None:
    one.add_argument("run", metavar="RUN", help="as `run` printed it, or the page's link to it")
    for name, default, summary in (
        ("prompt", "", "what the text begins with"),
        ("length", "200", "characters to write"),
        ("temperature", "1", "0 takes the likeliest character"),
        ("top-k", "0", "draw from the k likeliest; 0: from all"),
        ("top-p", "1", "draw from the fewest whose probabilities reach this"),
        ("seed", "0", "of the draws"),
    ):
        one.add_argument(f"--{name}", default=default, metavar="TEXT" if name == "prompt" else "NUMBER", help=summary)
    one.set_defaults(command=sample)


def _given(options: argparse.Namespace, experiment: Experiment) -> dict[str, str]:
    values = {knob.name: getattr(options, f"knob_{knob.name}", None) for knob in experiment.config.knobs()}
    return {name: value for name, value in values.items() if value is not None}


def _grid(given: dict[str, str], config: type[Config]) -> Iterator[Config]:
    """Every combination of the values given; "all" stands for all choices of a field."""
    columns: dict[str, Sequence[Any]] = {}
    for name, text in given.items():
        knob = config.knob(name)
        given_values = text.split(",")
        columns[name] = knob.choices if text == "all" and knob.kind == "choice" else list(dict.fromkeys(given_values))
    for values in itertools.product(*columns.values()):
        yield config.parse(dict(zip(columns, values, strict=True)))


def _seeds(options: argparse.Namespace) -> tuple[int, ...]:
    count = _whole(options.seeds, "seeds", 1, 1000)
    first = _whole(options.first_seed, "first-seed", 0, LARGEST_SEED + 1 - count)
    return tuple(range(first, first + count))


def _whole(text: str, name: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}; got {text!r}.")
    return int(text)


def _values(knob: Knob) -> str:
    if knob.kind in ("choice", "switch"):
        return ", ".join(map(str, knob.choices or (True, False)))
    if knob.kind == "text":
        return knob.rule
    return f"{knob.minimum:g} to {knob.maximum:g} {knob.unit}".strip()


if __name__ == "__main__":
    sys.exit(main())
