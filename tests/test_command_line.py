"""python -m core, as a person calls it: a home of its own, the tests' toy experiments beside ours.

Real processes where the process matters, elsewhere this one, which has torch at hand.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.engine.store import Store

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120  # for a process that imports torch on a busy machine


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("LAYERLAB_HOME", str(tmp_path))
    monkeypatch.setenv("LAYERLAB_EXPERIMENTS", "tests.engine.toys")
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "core", *words]


def core(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_list_names_every_setting_with_its_rule(capsys: pytest.CaptureFixture[str], own_home: Path):
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert "padding: Padding and location." in printed
    assert "--conv             valid, sconv, fconv, reflect, replicate, circular, default fconv" in printed
    assert f"data sets in {own_home / 'datasets'}" in printed


def test_list_speaks_json(capsys: pytest.CaptureFixture[str]):
    main(["list", "--json"])
    settings = {one["experiment"]: one["settings"] for one in lines(capsys.readouterr().out)}
    assert settings["padding"]["epochs"] == 50


def test_a_reader_that_has_gone_is_no_bad_value():
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(command("list"), cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=SECONDS)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_run_prints_metrics_and_then_the_summary_as_json_lines():
    done = core("run", "padding", "--conv", "valid", "--head", "pool", "--seeds", "1", "--epochs", "1", "--json")
    assert done.returncode == 0, done.stderr
    *metrics, last = lines(done.stdout)
    epochs = [one for one in metrics if "validation accuracy" in one["values"]]
    assert [one["step"] for one in epochs] == [0, 1]
    assert all(one["event"] == "metrics" for one in metrics)
    assert last["event"] == "finished" and last["run"]
    assert list(last["summary"]) == ["validation accuracy", "test accuracy", "seconds"]
    assert last["summary"]["validation accuracy"] == epochs[-1]["values"]["validation accuracy"]
    assert len(last["summary"]["test accuracy"]) == 1 and last["summary"]["seconds"] > 0


def test_run_counts_seeds_from_the_first_and_gives_one_number_each(capsys: pytest.CaptureFixture[str]):
    assert main(["run", "clock", "--steps", "2", "--seeds", "3", "--first-seed", "7", "--json"]) == 0
    said = lines(capsys.readouterr().out)
    assert {seed for one in said if one["event"] == "metrics" for seed in one["seeds"]} == {7, 8, 9}
    assert "seeds (7,)" in [one["text"] for one in said if one["event"] == "note"]


def test_run_without_json_shows_a_bar_and_a_summary(capsys: pytest.CaptureFixture[str]):
    assert main(["run", "clock", "--steps", "2"]) == 0
    printed = capsys.readouterr()
    assert "100 %" in printed.err
    assert "finished" in printed.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "padding", "--conv", "nope"], "conv must be one of valid, sconv, fconv"),
        (["run", "padding", "--epochs", "0"], "epochs must be a whole number from 1 to 200; got '0'"),
        (["run", "padding", "--learning-rate", "nan"], "learning_rate must be a number from 1e-05 to 10; got 'nan'"),
        (["run", "padding", "--seeds", "0"], "seeds must be a whole number from 1 to 1000; got '0'"),
        (["run", "padding", "--first-seed", "-1"], "first-seed must be a whole number from 0"),
        (
            ["run", "padding", "--seeds", "2", "--first-seed", "2147483647"],
            "first-seed must be a whole number from 0 to",
        ),
        (["sweep", "padding", "--out", str(ROOT)], "out must be a file; got the folder"),
        (["sweep", "padding", "--record", __file__], "record must be a folder; got the file"),
        (["run", "padding", "--device", "tpu"], "device must be one of auto"),
        (["run", "nothing"], "invalid choice: 'nothing'"),
        (["run", "padding", "--depth", "3"], "unrecognized arguments: --depth 3"),
        (["sweep", "padding", "--conv", "valid,nope"], "conv must be one of"),
        (["sweep", "padding", "--epochs", "all"], "epochs must be a whole number"),
    ],
)
def test_a_bad_value_is_one_line_and_status_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    try:
        status: object = main(words)
    except SystemExit as error:
        status = error.code
    printed = capsys.readouterr().err
    assert status == 2
    assert said in printed and printed.count("\n") == 1


def test_a_training_that_fails_is_status_1_with_the_reason():
    done = core("run", "clock", "--trouble", "raise", "--json")
    last = lines(done.stdout)[-1]
    assert done.returncode == 1
    assert last["event"] == "failed" and "the clock broke" in last["error"]
    assert "Traceback" not in done.stderr


def test_a_sweep_trains_the_grid_writes_its_table_and_trains_only_what_is_missing(own_home: Path):
    table = own_home / "table.md"
    first = core("sweep", "clock", "--steps", "2,3,2", "--seeds", "1", "--out", str(table))
    assert first.returncode == 0, first.stderr
    assert table.read_text("utf-8").splitlines() == first.stdout.splitlines()
    assert [row.split("|")[1].strip() for row in first.stdout.splitlines()] == ["steps", "---", "2", "3"]
    assert main(["sweep", "clock", "--steps", "2,3", "--seeds", "1"]) == 0  # in this process, which has torch at hand
    assert main(["sweep", "clock", "--steps", "2", "--seeds", "3"]) == 0
    store = Store(own_home)
    runs = store.runs(experiment="clock")
    store.close()
    assert len(runs) == 3  # the second sweep trained nothing
    (reused,) = (training for seed, training in runs[0].trainings.items() if seed == 0)
    assert reused in {run.trainings[0] for run in runs[1:]}  # the third one trained seeds 1 and 2 alone


@pytest.fixture
def endless() -> Iterator[subprocess.Popen[str]]:
    words = command("run", "clock", "--steps", "100000", "--json")
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_ctrl_c_stops_cleanly_and_keeps_what_was_measured(endless: subprocess.Popen[str], own_home: Path):
    assert endless.stdout is not None
    while json.loads(endless.stdout.readline())["event"] != "metrics":
        pass
    endless.send_signal(signal.SIGINT)
    _, said = endless.communicate(timeout=SECONDS)
    assert endless.returncode == 130
    assert "What was measured is kept" in said and "Traceback" not in said
    store = Store(own_home)
    (run,) = store.runs()
    snapshot = store.snapshot(run.id)
    store.close()
    assert run.state == "stopped"
    assert snapshot is not None and len(snapshot.series["count"][0]) >= 1


def test_help_needs_no_store(own_home: Path):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["run", "padding", "--help"])
    assert not os.listdir(own_home)
