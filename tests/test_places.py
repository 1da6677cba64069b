"""Where things are kept: the variables win, and a tilde is the user's home."""

from pathlib import Path

import pytest

from core import places


def test_variables_name_the_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("LAYERLAB_HOME", str(tmp_path / "results"))
    monkeypatch.setenv("LAYERLAB_DATASETS", "~/data")
    assert places.home() == tmp_path / "results"
    assert places.datasets() == Path.home() / "data"


def test_data_sets_live_in_the_home_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("LAYERLAB_HOME", str(tmp_path))
    monkeypatch.delenv("LAYERLAB_DATASETS", raising=False)
    assert places.datasets() == tmp_path / "datasets"


def test_without_a_variable_the_platform_decides(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LAYERLAB_HOME", raising=False)
    assert places.home().name == "layerlab"
    assert places.home().is_absolute()
