"""The clock, with nothing beside it."""

from __future__ import annotations

from tests.engine.toys import clock

EXPERIMENT = clock.experiment("alone", exclusive=True)
