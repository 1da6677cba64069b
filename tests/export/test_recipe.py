"""The command line and the script of a run: read back, they mean that run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from core import catalog
from core.__main__ import _given, _seeds, parser
from core.export.recipe import BEGIN, END, command_line, has_script, script
from tests.export.samples import CONFIG, KETTLE


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERLAB_EXPERIMENTS", "tests.ui.toys")


def read_back(line: str) -> tuple[dict[str, object], tuple[int, ...], str]:
    """Settings, seeds and device, as the command line itself understands them."""
    python, module, core, *arguments = shlex.split(line)
    assert (python, module, core) == ("python", "-m", "core")
    options = parser().parse_args(arguments)
    config = options.experiment.config.parse(_given(options, options.experiment))
    return config.retraining(), _seeds(options), options.device


def test_the_command_line_means_this_run() -> None:
    line = command_line(KETTLE, CONFIG, (4, 5), "cpu")
    assert read_back(line) == (CONFIG.retraining(), (4, 5), "cpu")
    assert "--band" not in line


@pytest.mark.parametrize("key", ["kettle", "padding"])
def test_every_retraining_field_is_named_also_at_its_default(key: str) -> None:
    experiment = catalog.get(key)
    line = command_line(experiment, experiment.config(), (0,))
    names = [f"--{one.name.replace('_', '-')}" for one in experiment.config.knobs() if one.retrains]
    assert all(name in shlex.split(line) for name in names)
    assert read_back(line) == (experiment.config().retraining(), (0,), "auto")


def test_seeds_with_a_gap_take_a_line_for_each_row() -> None:
    lines = command_line(KETTLE, CONFIG, (7, 2, 3)).splitlines()
    assert [read_back(line)[1] for line in lines] == [(2, 3), (7,)]


def test_the_block_of_settings_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "kettle.py").write_text(f"import torch\n{BEGIN}WATER = 1\n{END}print(WATER)\n")
    made = script(KETTLE, CONFIG, (4, 5), "cuda", "a run\nos.remove('x')", folder=tmp_path).decode()
    assert made.startswith(f"import torch\n{BEGIN}# a run os.remove('x')\n")
    assert made.endswith(f"{END}print(WATER)\n")
    values: dict[str, object] = {}
    exec(made.partition(BEGIN)[2].partition(END)[0], values)
    assert {name: values[name.upper()] for name in CONFIG.retraining()} == CONFIG.retraining()
    assert (values["SEEDS"], values["DEVICE"]) == ((4, 5), "cuda")
    assert "BAND" not in values


def test_an_experiment_without_a_script_is_said(tmp_path: Path) -> None:
    assert not has_script(KETTLE, tmp_path)
    with pytest.raises(ValueError, match=r"'kettle' has no script of its own\. Write assets/scripts/kettle\.py"):
        script(KETTLE, CONFIG, (0,), folder=tmp_path)


def test_a_script_without_the_block_is_said(tmp_path: Path) -> None:
    (tmp_path / "kettle.py").write_text(f"{BEGIN}WATER = 1\n")
    with pytest.raises(ValueError, match=r"at least one of them is missing\. Put both in\."):
        script(KETTLE, CONFIG, (0,), folder=tmp_path)
