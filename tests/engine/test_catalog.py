"""The catalog finds what is there, and says what is wrong."""

from __future__ import annotations

import pytest

from core import catalog


def test_shipped_and_extra_experiments_are_found_in_order():
    found = catalog.experiments()
    assert list(found) == sorted(found)
    assert {"padding", "alone", "clock", "misshapen", "stacked", "streams"} <= set(found)
    assert all(key == experiment.key for key, experiment in found.items())


def test_toys_do_not_ship(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LAYERLAB_EXPERIMENTS")
    assert "clock" not in catalog.experiments() and "padding" in catalog.experiments()


def test_an_unknown_key_names_the_known_ones():
    with pytest.raises(KeyError) as error:
        catalog.get("paddling")
    known = ", ".join(sorted(catalog.experiments()))
    assert "padding" in known
    assert str(error.value) == f"There is no experiment called 'paddling'; there are: {known}."


def _package(monkeypatch: pytest.MonkeyPatch, tmp_path, source: str) -> None:
    name = f"extra_{abs(hash(source))}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "lab.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("LAYERLAB_EXPERIMENTS", f"tests.engine.toys:{name}")


def test_two_experiments_of_one_key_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path):
    _package(monkeypatch, tmp_path, "from tests.engine.toys.clock import EXPERIMENT")
    with pytest.raises(ValueError, match=r"called 'clock': in tests.engine.toys.clock and in extra_"):
        catalog.experiments()


def test_an_experiment_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path):
    _package(monkeypatch, tmp_path, "EXPERIMENT = 3")
    with pytest.raises(TypeError, match=r"EXPERIMENT in extra_\d+.lab must be an Experiment; got int."):
        catalog.experiments()


def test_demos_are_found_like_experiments_and_a_lab_is_named_after_either(monkeypatch: pytest.MonkeyPatch):
    demos = catalog.demos()
    assert "attention" in demos and list(demos) == sorted(demos)
    assert catalog.topic_of("attention") is demos["attention"]
    assert catalog.topic_of("padding") is catalog.get("padding")
    assert catalog.topic_of("no such lab") is None
    monkeypatch.setattr(catalog, "demos", lambda: {"padding": demos["attention"]})
    with pytest.raises(ValueError, match="An experiment and a demo are both called 'padding'"):
        catalog.topics()
