"""python -m core sample: a stored language model writes; what cannot be is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.__main__ import main
from core.engine.store import Store
from core.experiments.gpt import EXPERIMENT, GptConfig, build
from core.training import weights_of


def stored(home: Path) -> str:
    """A finished run of an untrained net."""
    config = GptConfig.parse({"size": "own", "layers": 1, "heads": 1, "width": 16, "block": 16})
    torch.manual_seed(0)
    store = Store(home)
    about = {"owner": "me", "device": "cpu", "device_name": "CPU", "versions": {}, "identity": "one"}
    run = store.create_run(
        experiment="gpt", version=EXPERIMENT.version, config=config.model_dump(), seeds=(0,), reuse={}, **about
    )
    store.finish_training(run.trainings[0], "finished", 1.0, weights_of(build(config)))
    store.set_run(run.id, "finished")
    store.close()
    return run.id


def test_a_stored_run_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("LAYERLAB_HOME", str(tmp_path))
    words = ["--prompt", "the king", "--length", "40", "--temperature", "0.8", "--seed", "3"]
    assert main(["sample", stored(tmp_path), *words]) == 0
    said = capsys.readouterr().out
    assert said.startswith("the king") and len(said) == 8 + 40 + 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--top-p", "0"), "top-p must be above 0 and at most 1; got 0.0"),
        (("--temperature", "warm"), "temperature must be a number; got 'warm'."),
        (("--length", "5000"), "length must be a whole number from 1 to 2000; got '5000'."),
    ],
)
def test_a_bad_value_is_one_line(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]):
    assert main(["sample", "nothing", *words]) == 2
    assert message in capsys.readouterr().err
