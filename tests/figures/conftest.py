"""Here plotly looks at every property of every figure."""

from __future__ import annotations

import pytest

from core.figures import palette


@pytest.fixture(autouse=True)
def validating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(palette, "VALIDATE", True)
