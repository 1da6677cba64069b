"""Set-up: Makefile, .ci/install.py and ui/serve.py, without installing anything."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests import chromium
from ui import serve

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def install() -> ModuleType:
    """.ci/install.py as a module."""
    spec = importlib.util.spec_from_file_location("layerlab_install", ROOT / ".ci" / "install.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FakePip:
    """Stands in for all that reaches outside: counts what would have been installed."""

    def __init__(self, versions: list[tuple[str, str]]) -> None:
        self.calls: list[tuple[str, str]] = []  # (requirements file, constraints)
        self.versions = versions

    def pip(self, venv: Path, *arguments: str) -> None:
        self.calls.append((Path(arguments[2]).name, Path(arguments[4]).read_text()))

    def installed(self, venv: Path) -> tuple[str, str]:
        return self.versions[min(len(self.calls), len(self.versions)) - 1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with requirements and a .venv that looks sound."""
    (tmp_path / "requirements.txt").write_text("torch>=2.11\n")
    (tmp_path / "requirements-dev.txt").write_text("pytest>=8\n")
    _sound_venv(tmp_path / ".venv")
    return tmp_path


def _sound_venv(venv: Path) -> None:
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)


@pytest.fixture
def fake(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> FakePip:
    fake = FakePip([("2.15.0", "0.29.2")])
    monkeypatch.setattr(install, "pip", fake.pip)
    monkeypatch.setattr(install, "installed_versions", fake.installed)
    monkeypatch.setattr(install, "runs", lambda venv, code, quiet=True: True)
    return fake


def test_the_second_call_installs_nothing(install: ModuleType, project: Path, fake: FakePip):
    assert [install.main([], project) for _ in range(3)] == [0, 0, 0]
    assert fake.calls == [("requirements.txt", "")]


def test_changed_requirements_are_installed(install: ModuleType, project: Path, fake: FakePip):
    install.main([], project)
    (project / "requirements.txt").write_text("torch>=2.12\n")
    install.main([], project)
    assert len(fake.calls) == 2


def test_the_tests_requirements_hold_the_apps(install: ModuleType, project: Path, fake: FakePip):
    install.main(["--dev"], project)
    install.main([], project)
    assert [name for name, _ in fake.calls] == ["requirements-dev.txt"]
    (project / "requirements.txt").write_text("torch>=2.12\n")
    install.main(["--dev"], project)
    assert len(fake.calls) == 2


def test_an_interrupted_installation_starts_again(
    install: ModuleType,
    project: Path,
    fake: FakePip,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def interrupted(venv: Path, *arguments: str) -> None:
        (venv / "half").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(install, "pip", interrupted)
        assert install.main([], project) == 130
    assert "the next call starts it again" in capsys.readouterr().err

    def remade(venv: Path, code: str, quiet: bool = True) -> bool:
        if not venv.exists():
            _sound_venv(venv)
        return True

    monkeypatch.setattr(install, "runs", remade)
    assert install.main([], project) == 0
    assert not (project / ".venv" / "half").exists(), "nothing of the half-made environment is trusted"
    assert len(fake.calls) == 1
    assert "starting again" in capsys.readouterr().out


def test_a_failed_installation_says_why_and_keeps_what_there_was(
    install: ModuleType,
    project: Path,
    fake: FakePip,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def refused(venv: Path, *arguments: str) -> None:
        raise install.SetupError("pip could not install the requirements")

    with monkeypatch.context() as patch:
        patch.setattr(install, "pip", refused)
        assert install.main([], project) == 1
    assert "Set-up failed: pip could not install" in capsys.readouterr().err
    assert (project / ".venv" / "bin" / "python").exists()
    assert install.main([], project) == 0
    assert len(fake.calls) == 1


def test_a_cpu_torch_beside_an_ordinary_torchvision_is_replaced(
    install: ModuleType, project: Path, fake: FakePip, capsys: pytest.CaptureFixture[str]
):
    fake.versions = [("2.13.0+cpu", "0.28.0"), ("2.13.0", "0.28.0")]
    assert install.main([], project) == 0
    assert fake.calls == [("requirements.txt", ""), ("requirements.txt", "torch!=2.13.0+cpu\n")]
    assert "torch==2.13.0+cpu belongs to another build" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("torch", "torchvision", "odd"),
    [
        ("2.15.0", "0.29.2", None),
        ("2.13.0+cpu", "0.28.0+cpu", None),
        ("2.13.0+cu130", "0.28.0+cu130", None),
        ("2.13.0+cpu", "0.28.0", "torch==2.13.0+cpu"),
        ("2.13.0", "0.28.0+cpu", "torchvision==0.28.0+cpu"),
    ],
)
def test_the_odd_build_is_found(install: ModuleType, torch: str, torchvision: str, odd: str | None):
    assert install.odd_one_out(torch, torchvision) == odd


def test_a_pair_that_does_not_import_is_a_failure_with_a_remedy(
    install: ModuleType,
    project: Path,
    fake: FakePip,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(install, "runs", lambda venv, code, quiet=True: code != install.IMPORT)
    assert install.main([], project) == 1
    assert "do not import together" in capsys.readouterr().err


def test_requirements_have_lower_and_upper_bounds():
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line.strip() for line in (ROOT / name).read_text().splitlines()]
        for line in (line for line in lines if line and not line.startswith(("#", "-r"))):
            assert ">=" in line, f"{name}: {line!r} has no lower bound"
            assert ",<" in line, f"{name}: {line!r} has no upper bound"


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_make_alone_says_what_can_be_made():
    said = _make(ROOT).stdout
    for target in ("run", "serve", "test", "bench", "clean"):
        assert f"make {target} " in said


@pytest.mark.parametrize("target", ["run", "serve", "test"])
def test_an_old_python_is_refused_in_a_plain_sentence(tmp_path: Path, target: str):
    shutil.copy(ROOT / "Makefile", tmp_path)
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.8.1"\n[ "$1" = -V ]\n')
    old.chmod(0o755)
    done = _make(tmp_path, target, f"PYTHON={old}")
    assert done.returncode != 0
    assert f"LayerLab needs Python 3.11 or newer; {old} is Python 3.8.1." in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_the_ci_script_runs_and_reads_as_shell():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], timeout=10).returncode == 0


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind((serve.THIS_MACHINE, 0))
        listener.listen(1)
        yield listener.getsockname()[1]


@pytest.mark.parametrize("host", [serve.THIS_MACHINE, serve.EVERY_ADDRESS])
def test_a_taken_port_is_passed_over(taken_port: int, host: str):
    found = serve.free_port(host, taken_port)
    assert found is not None
    assert taken_port < found < taken_port + serve.PORTS_TRIED


def _arrested(monkeypatch: pytest.MonkeyPatch, lan: str | None = "10.1.2.3") -> list[tuple[str, int]]:
    """Keep serve.main from starting a server; returns what it would have served on."""
    served: list[tuple[str, int]] = []
    monkeypatch.setattr(serve, "run_streamlit", lambda host, port: served.append((host, port)) or 0)
    monkeypatch.setattr(serve, "_announce", lambda *said: None)
    monkeypatch.setattr(serve, "lan_address", lambda: lan)
    monkeypatch.setenv(serve.PUBLIC_URL, "")
    return served


def test_run_serves_this_machine_alone(monkeypatch: pytest.MonkeyPatch):
    served = _arrested(monkeypatch)
    assert serve.main(["--port", "18501"]) == 0
    assert served[0][0] == "127.0.0.1"
    assert not os.environ[serve.PUBLIC_URL]


def test_serve_opens_the_network_and_tells_the_app_its_address(monkeypatch: pytest.MonkeyPatch):
    served = _arrested(monkeypatch)
    assert serve.main(["--port", "18501", "--network"]) == 0
    host, port = served[0]
    assert host == "0.0.0.0"
    assert os.environ[serve.PUBLIC_URL] == f"http://10.1.2.3:{port}"


def test_an_address_given_by_hand_is_kept(monkeypatch: pytest.MonkeyPatch):
    _arrested(monkeypatch)
    monkeypatch.setenv(serve.PUBLIC_URL, "https://lab.example.org")
    serve.main(["--network"])
    assert os.environ[serve.PUBLIC_URL] == "https://lab.example.org"


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    served = _arrested(monkeypatch)
    monkeypatch.setattr(serve, "free_port", lambda host, wanted: None)
    assert serve.main(["--port", "8501"]) == 2
    assert "Ports 8501 to 8520 are all taken" in capsys.readouterr().err
    assert served == []


@pytest.mark.parametrize("port", ["0", "65536", "-1", "web", "80.5"])
def test_a_bad_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        serve.main([f"--port={port}"])
    assert stopped.value.code == 2
    assert f"a port must be a whole number from 1 to 65535; got {port!r}" in capsys.readouterr().err


def test_the_invitation_names_both_addresses_and_the_way_out():
    said = serve.invitation("http://127.0.0.1:8501", "http://10.1.2.3:8501", network=True)
    for part in ("http://127.0.0.1:8501", "http://10.1.2.3:8501", "Ctrl-C", "█"):
        assert part in said
    assert "█" not in serve.invitation("http://127.0.0.1:8501", None, network=False)
    assert "No local network" in serve.invitation("http://127.0.0.1:8501", None, network=True)


def test_the_qr_code_drawn_is_the_qr_code_meant():
    import segno

    url = "http://10.1.2.3:8501"
    dark = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    lines = [line[len("  \x1b[97;40m") : -len("\x1b[0m")] for line in serve.qr_code(url).splitlines()]
    drawn = [[dark[block][half] for block in line] for line in lines for half in (0, 1)]
    meant = [[int(module) for module in row] for row in segno.make(url, micro=False).matrix_iter(border=2)]
    assert drawn[: len(meant)] == meant


def test_a_missing_browser_comes_with_a_way_to_get_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(chromium.VARIABLE, "/nowhere/chromium")
    assert chromium.find() is None
    assert "apt-get install chromium" in chromium.HOW_TO_GET_ONE
    assert "playwright install" in chromium.HOW_TO_GET_ONE


@pytest.mark.parametrize(
    "page", sorted(str(path.relative_to(ROOT)) for path in (ROOT / "README.md", *ROOT.glob("benchmarks/*.md")))
)
def test_every_local_link_of_a_text_leads_somewhere(page: str):
    text = (ROOT / page).read_text("utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]
    assert not missing, f"{page} links to {', '.join(missing)}: add the file or mend the link."
