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


@pytest.mark.parametrize(
    ("text", "size"), [("5GB", 5 * 10**9), ("500MB", 5 * 10**8), ("1.5 kb", 1500), ("7B", 7), ("2TB", 2 * 10**12)]
)
def test_a_storage_limit_is_a_size(monkeypatch: pytest.MonkeyPatch, text: str, size: int):
    monkeypatch.setenv("LAYERLAB_STORAGE_LIMIT", f" {text} ")
    assert places.storage_limit() == (size, "")


@pytest.mark.parametrize("text", ["lots", "-5GB", "0GB", "5", "5 GiB", "GB", "1e3MB", "9" * 400 + "TB", "\u0665GB"])
def test_a_limit_that_is_no_size_is_said_and_the_usual_one_holds(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("LAYERLAB_STORAGE_LIMIT", text)
    limit, problem = places.storage_limit()
    assert limit == 10**10
    assert problem.startswith(f"LAYERLAB_STORAGE_LIMIT must be a size above 0 such as 5GB or 500MB; got '{text[:40]}'.")
    assert problem.endswith("10GB is used instead.")


def test_without_a_limit_it_is_ten_gigabytes_and_nobody_is_administrator(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LAYERLAB_STORAGE_LIMIT", raising=False)
    monkeypatch.delenv("LAYERLAB_ADMIN_TOKEN", raising=False)
    assert places.storage_limit() == (10**10, "")
    assert places.admin_token() == ""


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (10**10, "10 GB")])
def test_sizes_are_written_as_people_read_them(size: int, text: str):
    assert places.size_text(size) == text
