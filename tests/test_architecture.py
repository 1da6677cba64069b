"""The rules of the house, read from the source: who may import whom, how long a file may be, what lies at the top.

From the ground up, each room may import only what stands above it in ROOMS.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Lowest first. The longest name that fits a module is its room.
ROOMS = (
    "core.places",
    "core.config",
    "core.events",
    "core.devices",
    "core.contract",
    "core.data",
    "core.nn",
    "core.training",
    "core.statistics",
    "core.queries",
    "core.experiments",
    "core.demos",
    "core.claims",  # some are decided by a demo
    "core.figures",
    "core.provenance",
    "core.catalog",  # below the engine, whose workers ask it for an experiment by name
    "core.engine",
    "core.export",
    "core.report",
    "core.__main__",
    "ui",
    "pages",
    "app",
)
FORBIDDEN = (  # (who, what, why, remedy)
    ("core", "streamlit", "core never imports streamlit", "move the part that draws to ui/"),
    ("ui", "torch", "ui never imports torch", "ask core for NumPy arrays, or run it in a worker"),
    ("pages", "torch", "pages never import torch", "ask core for NumPy arrays, or run it in a worker"),
    ("app", "torch", "app.py never imports torch", "ask core for NumPy arrays, or run it in a worker"),
    ("core.figures", "torch", "figures turn arrays into plots, without torch", "take NumPy arrays as arguments"),
    ("core.engine.records", "torch", "records are NumPy only", "keep what needs torch in the worker"),
    ("core.events", "torch", "events are NumPy only", "convert tensors where they are yielded"),
)
LONGEST = {"core": 400, "ui": 400, "pages": 150}
TOP_LEVEL = {
    *("app.py", "assets", "benchmarks", "core", "pages", "tests", "ui"),
    *("LICENSE", "Makefile", "README.md", "pyproject.toml", "requirements.txt", "requirements-dev.txt"),
    *(".ci", ".git", ".gitignore", ".streamlit"),
    *(
        ".venv",
        ".hypothesis",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        "__pycache__",
        "shots",
    ),  # git ignores these
}


class Import(NamedTuple):
    """One name that a module imports: "core.engine.store" or "core.engine.store.Store"."""

    target: str
    line: int


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file of everything but tests and benchmarks."""
    files = [root / "app.py", *(file for room in ("core", "ui", "pages") for file in (root / room).rglob("*.py"))]
    return {_dotted(file.relative_to(root)): file for file in sorted(files) if file.exists()}


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(name: str, file: Path) -> Iterator[Import]:
    """Every import in the file, wherever it stands; relative ones are resolved."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text("utf-8"), str(file))):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)


def within(target: str, place: str) -> bool:
    """Is this name the place itself or something in it?"""
    return target == place or target.startswith(f"{place}.")


def room_of(name: str) -> str | None:
    """The room a module belongs to, None for one outside the house."""
    return max((room for room in ROOMS if within(name, room)), key=len, default=None)


def broken_rules(root: Path) -> list[str]:
    """A line for every broken rule: file, line, rule, remedy."""
    found: list[str] = []
    for name, file in modules(root).items():
        where = file.relative_to(root)
        length = len(file.read_text("utf-8").splitlines())
        limit = LONGEST.get(name.split(".")[0], 400)
        if length > limit:
            found.append(
                f"{where}:{limit}: {length} lines; the rule is at most {limit}. Split it by what its parts do."
            )
        if room_of(name) is None and name != "core":
            found.append(f"{where}:1: stands in no room. Put it in one of: {', '.join(ROOMS)}.")
        found += [f"{where}:{one.line}: {text}" for one in imports(name, file) for text in _faults(name, one.target)]
    unknown = sorted(entry.name for entry in root.iterdir() if entry.name not in TOP_LEVEL)
    found += [
        f"{entry}:1: unknown at the top level. Move it into a room, or name it in {Path(__file__).name}."
        for entry in unknown
    ]
    return found


def _faults(name: str, target: str) -> Iterator[str]:
    for who, what, why, remedy in FORBIDDEN:
        if within(name, who) and within(target, what):
            yield f"imports {what}; {why}. Instead {remedy}."
    mine, theirs = room_of(name), room_of(target)
    if mine is None or theirs is None:
        return
    if mine == theirs == "core.experiments" and _experiment(target) not in ("", _experiment(name)):
        yield f"imports {target}; experiments never import each other. Move what they share to core.nn, core.training."
    if ROOMS.index(theirs) > ROOMS.index(mine):
        yield f"imports {target}; {mine} stands below {theirs}. Move what it needs down, or hand it in as an argument."


def _experiment(name: str) -> str:
    return name.removeprefix("core.experiments").strip(".").split(".")[0]


def test_the_house_keeps_its_rules():
    broken = broken_rules(ROOT)
    assert not broken, "\n" + "\n".join(broken)


SOUND = {
    "core/__init__.py": "",
    "core/config.py": "import json\n",
    "core/experiments/__init__.py": "",
    "core/experiments/padding.py": "import torch\nfrom core.config import Config\n",
    "core/figures/curves.py": "import numpy\n",
    "ui/form.py": "import streamlit\nfrom core.config import Config\n",
    "pages/padding.py": "from core.experiments import padding\nfrom ui.form import form\n",
    "app.py": "from ui import form\n",
}


def _build(root: Path, changes: dict[str, str]) -> Path:
    for path, text in {**SOUND, **changes}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_a_sound_house_is_let_be(tmp_path: Path):
    assert broken_rules(_build(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("path", "text", "where", "rule"),
    [
        ("core/config.py", "\nimport streamlit as st\n", "core/config.py:2:", "core never imports streamlit"),
        (
            "core/demos/borders.py",
            "def f():\n    import streamlit\n",
            "core/demos/borders.py:2:",
            "never imports streamlit",
        ),
        ("ui/form.py", "from torch import nn\n", "ui/form.py:1:", "ui never imports torch"),
        ("pages/padding.py", "import torch.nn\n", "pages/padding.py:1:", "pages never import torch"),
        ("core/figures/curves.py", "import torch\n", "core/figures/curves.py:1:", "without torch"),
        ("core/engine/records.py", "from torch import Tensor\n", "core/engine/records.py:1:", "NumPy only"),
        ("core/config.py", "from core.events import Event\n", "core/config.py:1:", "stands below core.events"),
        ("core/config.py", "from .events import Event\n", "core/config.py:1:", "stands below core.events"),
        ("core/config.py", "from . import engine\n", "core/config.py:1:", "stands below core.engine"),
        ("core/experiments/padding.py", "import core.experiments.depth\n", "padding.py:1:", "never import each other"),
        (
            "core/experiments/padding.py",
            "from core.experiments import depth\n",
            "padding.py:1:",
            "never import each other",
        ),
        (
            "core/experiments/padding.py",
            "from core.experiments.depth import run\n",
            "padding.py:1:",
            "never import each",
        ),
        ("core/experiments/padding.py", "from .depth import run\n", "padding.py:1:", "never import each other"),
        ("ui/form.py", "import pages.padding\n", "ui/form.py:1:", "ui stands below pages"),
        ("core/extras/tool.py", "", "core/extras/tool.py:1:", "stands in no room"),
        ("pages/padding.py", "x = 1\n" * 151, "pages/padding.py:150:", "at most 150"),
        ("ui/form.py", "x = 1\n" * 401, "ui/form.py:400:", "at most 400"),
        ("notes.txt", "", "notes.txt:1:", "unknown at the top level"),
    ],
)
def test_a_broken_rule_is_named_with_its_place(tmp_path: Path, path: str, text: str, where: str, rule: str):
    (message,) = broken_rules(_build(tmp_path, {path: text}))
    assert where in message
    assert rule in message
    assert message.count(". ") >= 1, "a remedy follows the rule"
