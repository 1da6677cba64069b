"""python -m core sample: a stored language model writes, the same for the same seed; what cannot be is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.__main__ import main

TINY = ("--size", "own", "--layers", "1", "--heads", "1", "--width", "16", "--block", "16")


def test_a_stored_run_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("LAYERLAB_HOME", str(tmp_path))
    assert main(["run", "gpt", *TINY, "--batch-size", "2", "--epochs", "1", "--json"]) == 0
    run = json.loads(capsys.readouterr().out.splitlines()[-1])["run"]
    assert main(["sample", run, "--prompt", "the king", "--length", "40", "--temperature", "0.8", "--seed", "3"]) == 0
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
