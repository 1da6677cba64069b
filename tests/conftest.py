"""What every test stands on: a home of its own, one thread, no deadline for generated examples."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.chromium import HOW_TO_GET_ONE, find

# Before anything imports torch: several test processes share the cores, one thread each, as the engine's workers do.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

_PATIENT = [HealthCheck.too_slow]  # like a deadline, it measures how busy the machine is, not the code
settings.register_profile("local", deadline=None, suppress_health_check=_PATIENT)
settings.register_profile("ci", deadline=None, suppress_health_check=_PATIENT, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure(config: pytest.Config) -> None:
    """Nobody's own runs are read or written, by this process or by any it starts; Ctrl-C reaches those it starts."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # started in the background of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["LAYERLAB_HOME"] = tempfile.mkdtemp(prefix="layerlab-tests-")
    os.environ.pop("LAYERLAB_PUBLIC_URL", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["LAYERLAB_HOME"], ignore_errors=True)


@pytest.fixture
def layerlab_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LAYERLAB_HOME for this test alone."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("LAYERLAB_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium to drive: Debian's or Playwright's own."""
    found = find()
    if found is None:
        pytest.fail(HOW_TO_GET_ONE, pytrace=False)
    return found


BROWSER, ENGINE, VISITS = "tests/browser", "tests/engine", "tests/browser/test_accessibility.py"
LONG = (ENGINE, "tests/export", "tests/test_command_line.py")  # these first, visits last: short ones fill the end


class Rooms(LoadScopeScheduling):
    """A file at a time in one worker; all of the engine, which shares its processes; visits to pages one by one.

    The first worker begins with the browser tests, the others with the rest: a browser and what it opens use more than
    a core, and two of them on two cores take half as much processor time again, waiting for each other.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file == VISITS:
            return nodeid
        return ENGINE if file.startswith(ENGINE) else file

    def _assign_work_unit(self, node: Any) -> None:
        first = node is self.nodes[0]
        fitting = (scope for scope in self.workqueue if scope.startswith(BROWSER) == first)
        self.workqueue.move_to_end(next(fitting, next(iter(self.workqueue))), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return Rooms(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        if item.nodeid.startswith(VISITS):
            return len(LONG) + 1
        return next((place for place, room in enumerate(LONG) if item.nodeid.startswith(room)), len(LONG))

    items.sort(key=place)
