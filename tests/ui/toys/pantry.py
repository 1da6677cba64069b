"""Knobs that depend on each other: a shelf to choose where it matters, and jars that must fit on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import model_validator

from core.config import Config, knob
from tests.ui.toys import kettle

SHELVES = ["low", "high"]


class PantryConfig(Config):
    where: Literal["table", "shelf"] = knob("table", "Where")
    shelf: str = knob(
        "", "Shelf", pattern="[a-z]*", rule="a word", where={"where": ("shelf",)}, offered=lambda: list(SHELVES)
    )
    label: str = knob("", "Label", pattern="[a-z]*", rule="a word")
    jars: int = knob(6, "Jars", ge=1, le=12)
    rows: int = knob(2, "Rows", ge=1, le=12)

    @model_validator(mode="after")
    def _fills(self) -> Self:
        if self.jars % self.rows:
            raise ValueError(f"jars must fill the rows; got {self.jars} and {self.rows}. Try 6 and 2.")
        return self


EXPERIMENT = replace(kettle.EXPERIMENT, key="pantry", lab="pantry", title="Pantry", config=PantryConfig)
