"""The geometry lab: random projections that keep distances, and directions that are almost orthogonal."""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.geometry import CLAIMS
from ui.claims import claims
from ui.form import Settings
from ui.geometry import Explorer
from ui.lab import demo
from ui.lesson import section
from ui.words import words

DEMO = catalog.demos()["geometry"]
WORDS = words("geometry")
BESIDE = tuple(one.name for one in DEMO.config.knobs() if one.group == "view")  # knobs that stand in their sections


def explore(now: Settings) -> None:
    """One projection of what the form says."""
    Explorer(DEMO, WORDS, now).distances()


settings = demo(DEMO, WORDS["introduction"], explore, elsewhere=BESIDE)
parts = Explorer(DEMO, WORDS, settings)
if section("How often does a random matrix hold?", DEMO):
    parts.often()
if section("Gaussian, signs or sparse?", DEMO):
    parts.variances()
if section("Nearest neighbours of real digits", DEMO):
    parts.digits()
if section("Almost-orthogonal directions", DEMO):
    parts.crowd()
if section("How many directions fit?", DEMO):
    parts.growth()
if section("Angles in many dimensions", DEMO):
    parts.angles()
if section("What the sources claim, and what to hold against it", DEMO):
    st.caption(WORDS["claims"])
    claims(DEMO, settings, CLAIMS)
