"""How to make a run's numbers again: the exact command line, and a short torch script that stands on its own.

A script is written by hand (assets/scripts/<experiment>.py); only its block of settings is replaced. There each
retraining field stands as a constant with its name in capitals, then SEEDS and DEVICE. It prints lines of name=value:
seed, epoch, then metrics with underscores in place of spaces and hyphens.
"""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.config import Config, Knob
from core.contract import Experiment

FOLDER = Path(__file__).parents[2] / "assets" / "scripts"
BEGIN, END = "# --- settings: begin\n", "# --- settings: end\n"


def flag(name: str) -> str:
    """The option of a config's field on the command line."""
    return "--" + name.replace("_", "-")


def command_line(experiment: Experiment, config: Config, seeds: Sequence[int], device: str = "") -> str:
    """Every retraining field and the seeds, quoted for a shell; a line for each row of seeds without a gap.

    device: its kind (cuda, mps, cpu), or none to leave the choice to the machine.
    """
    fields = [part for name, value in config.retraining().items() for part in (flag(name), _text(value))]
    where = ["--device", device] if device else []
    lines = (
        ["--seeds", str(len(row)), "--first-seed", str(row[0])]
        for row in _rows(sorted(set(seeds)))  # the command line counts seeds from a first one
    )
    return "\n".join(
        shlex.join(["python", "-m", "core", "run", experiment.key, *fields, *row, *where]) for row in lines
    )


def has_script(experiment: Experiment, folder: Path = FOLDER) -> bool:
    """Whether there is a script for this experiment."""
    return _path(experiment, folder).is_file()


def script(
    experiment: Experiment,
    config: Config,
    seeds: Sequence[int],
    device: str = "cpu",
    origin: str = "",
    folder: Path = FOLDER,
) -> bytes:
    """The experiment's script with these settings, seeds and device. origin: a line about the run they are of.

    Raises ValueError for an experiment without a script, or one whose script lacks the marked block.
    """
    path = _path(experiment, folder)
    if not path.is_file():
        raise ValueError(
            f"The experiment {experiment.key!r} has no script of its own. Write assets/scripts/{path.name}: "
            "plain torch, without an import of this project, that prints the same numbers."
        )
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"assets/scripts/{path.name} must hold its settings between the lines {BEGIN.strip()!r} and "
            f"{END.strip()!r}; at least one of them is missing. Put both in."
        )
    return "".join([before, begin, *_block(config, seeds, device, origin), end, after]).encode()


def _path(experiment: Experiment, folder: Path) -> Path:
    return folder / f"{experiment.key}.py"


def _block(config: Config, seeds: Sequence[int], device: str, origin: str) -> Iterator[str]:
    if origin:
        yield f"# {' '.join(origin.split())}\n"
    for one in config.knobs():
        if one.retrains:
            yield f"{one.name.upper()} = {_literal(getattr(config, one.name))}  # {_about(one)}\n"
    yield f"SEEDS = {tuple(seeds)!r}\n"
    yield f"DEVICE = {_literal(device)}\n"


def _about(one: Knob) -> str:
    """What stands beside a setting."""
    if one.kind == "choice":
        return f"{one.label}: {', '.join(map(str, one.choices))}"
    return f"{one.label}, {one.unit}" if one.unit else one.label


def _literal(value: object) -> str:
    """As Python writes it, with the double quotes that formatters like."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rows(ordered: Sequence[int]) -> Iterator[list[int]]:
    for _, row in itertools.groupby(enumerate(ordered), key=lambda place: place[1] - place[0]):
        yield [seed for _, seed in row]
