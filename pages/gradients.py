"""The gradients lab: what becomes of a gradient through many layers, or many steps. Nothing trains here."""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.gradients import CLAIMS
from ui.claims import claims
from ui.form import Settings
from ui.gradients import Parts
from ui.lab import demo
from ui.lesson import section
from ui.words import words

DEMO = catalog.demos()["gradients"]
WORDS = words("gradients")
BESIDE = tuple(one.name for one in DEMO.config.knobs() if one.group == "view")  # knobs that stand in their sections


def draw(now: Settings) -> None:
    """The chain of what the form says."""
    Parts(DEMO, WORDS, now).chain()


settings = demo(DEMO, WORDS["introduction"], draw, elsewhere=BESIDE)
parts = Parts(DEMO, WORDS, settings)
if section("Over many draws", DEMO):
    parts.draws()
if section("Over time: bounds on a recurrence", DEMO):
    parts.time()
if section("Backpropagation through time, by hand", DEMO):
    parts.by_hand()
if section("What the sources claim, and what to hold against it", DEMO):
    st.caption(WORDS["claims"])
    claims(DEMO, settings, CLAIMS)
