"""The normalisation lab: which numbers are averaged, and what batch norm does when the data drift."""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.normalisation import CLAIMS
from ui import normalisation as parts
from ui.claims import claims
from ui.form import Settings
from ui.lab import demo
from ui.lesson import section
from ui.words import words

DEMO = catalog.demos()["normalisation"]
WORDS = words("normalisation")
BESIDE = tuple(one.name for one in DEMO.config.knobs() if one.group == "view")  # knobs that stand in their sections


def draw(now: Settings) -> None:
    """The tensor of what the form says."""
    parts.tensor(now, WORDS)


settings = demo(DEMO, WORDS["introduction"], draw, elsewhere=BESIDE)
if section("All four on one tensor", DEMO):
    parts.all_kinds(settings)
    st.caption(WORDS["all four"])
if section("Batch norm at test time, when the data drift", DEMO):
    parts.drift(DEMO, settings, WORDS)
if section("What the sources claim, and what to hold against it", DEMO):
    claims(DEMO, settings, CLAIMS)
