"""Make .venv and keep it in step with the requirements: `python .ci/install.py [--dev]`. Standard library only.

A stamp inside .venv holds a digest of the requirements it was filled from, so that an unchanged one takes no time. A
marker lies there while something is being installed: where it is found, an installation was cut off and starts again.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ATTEMPTS = 3
IMPORT = "import torch, torchvision"
VERSIONS = "from importlib.metadata import version as v; print(v('torch'), v('torchvision'))"


class SetupError(Exception):
    """An installation that failed; the message says what to do."""


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Bring root/.venv up to date; 0 if it is, 1 after saying why not."""
    try:
        bring_up_to_date(root, dev="--dev" in arguments)
    except SetupError as error:
        print(f"\nSet-up failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSet-up was interrupted; the next call starts it again.", file=sys.stderr)
        return 130
    return 0


def bring_up_to_date(root: Path, dev: bool) -> None:
    """Install what the stamp says is missing. Raises SetupError."""
    venv = root / ".venv"
    names = ["requirements.txt", "requirements-dev.txt"] if dev else ["requirements.txt"]
    if is_current(venv, root, names):
        return
    prepare(venv)
    marker = venv / ".installing"
    marker.touch()
    try:
        install(venv, root / names[-1])
    except SetupError:
        marker.unlink()  # pip said no before it changed anything; what was installed still serves
        raise
    for name in names:
        stamp(venv, name).write_text(digest(root, names[: names.index(name) + 1]))
    marker.unlink()


def is_current(venv: Path, root: Path, names: list[str]) -> bool:
    """Was this .venv filled from these very requirements, to the end?"""
    mark = stamp(venv, names[-1])
    unbroken = (venv / "bin" / "python").exists() and not (venv / ".installing").exists()
    return unbroken and mark.exists() and mark.read_text() == digest(root, names)


def stamp(venv: Path, name: str) -> Path:
    """Where the digest of one requirements file is kept."""
    return venv / f".installed-{Path(name).stem}"


def digest(root: Path, names: list[str]) -> str:
    """SHA-256, in hex, of the files' contents."""
    return hashlib.sha256(b"\0".join((root / name).read_bytes() for name in names)).hexdigest()


def prepare(venv: Path) -> None:
    """Make the virtual environment unless a sound one is there. Raises SetupError where Python lacks what it takes."""
    if (venv / ".installing").exists():
        print("The last set-up was cut off; starting again.")
        shutil.rmtree(venv)
    if runs(venv, "import pip"):
        return
    shutil.rmtree(venv, ignore_errors=True)
    venv.mkdir()
    (venv / ".installing").touch()
    base = getattr(sys, "_base_executable", None) or sys.executable
    print(f"Making .venv with Python {sys.version_info.major}.{sys.version_info.minor} ...", flush=True)
    if subprocess.run([base, "-m", "venv", str(venv)]).returncode != 0:
        shutil.rmtree(venv)
        raise SetupError("Python cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv.")


def install(venv: Path, requirements: Path) -> None:
    """Let pip install, then see that torch and torchvision are of one build; if not, choose without the odd one."""
    print(f"Installing {requirements.name} (a few minutes and about 5 GB the first time) ...", flush=True)
    constraints = venv / "constraints.txt"
    excluded: list[str] = []
    for _ in range(ATTEMPTS):
        constraints.write_text("".join(f"{line}\n" for line in excluded))
        pip(venv, "install", "--requirement", str(requirements), "--constraint", str(constraints))
        odd = odd_one_out(*installed_versions(venv))
        if odd is None:
            break
        print(f"\n{odd} belongs to another build than its partner, and they do not import together; replacing it.")
        excluded.append(odd.replace("==", "!="))
    if not runs(venv, IMPORT, quiet=False):
        raise SetupError("torch and torchvision do not import together (see above). Try: make clean, then again.")


def odd_one_out(torch: str, torchvision: str) -> str | None:
    """The package with a local tag such as +cpu where its partner has none, as "name==version"; None if they match.

    An ordinary torchvision is compiled against the ordinary torch and does not import beside torch 2.13.0+cpu, yet a
    resolver takes the tagged one for the newer of two equal versions.
    """
    if ("+" in torch) == ("+" in torchvision):
        return None
    return f"torch=={torch}" if "+" in torch else f"torchvision=={torchvision}"


def installed_versions(venv: Path) -> tuple[str, str]:
    """Versions of torch and torchvision, with their local tags."""
    found = subprocess.run([python(venv), "-c", VERSIONS], capture_output=True, text=True, check=True)
    torch, torchvision = found.stdout.split()
    return torch, torchvision


def pip(venv: Path, *arguments: str) -> None:
    """Run pip without a question. Raises SetupError."""
    options = ["--no-input", "--disable-pip-version-check"]
    if subprocess.run([python(venv), "-m", "pip", *arguments, *options]).returncode != 0:
        raise SetupError(
            "pip could not install the requirements (see above). Is there a network, and room on the disk?"
        )


def runs(venv: Path, code: str, quiet: bool = True) -> bool:
    """Does this line of Python run in the environment?"""
    if not Path(python(venv)).exists():
        return False
    sink = subprocess.DEVNULL if quiet else None
    return subprocess.run([python(venv), "-c", code], stderr=sink).returncode == 0


def python(venv: Path) -> str:
    """The environment's interpreter."""
    return str(venv / "bin" / "python")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
