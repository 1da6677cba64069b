"""The attention lab: what attention weighs its tokens with, and which other layers it can be."""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.attention import CLAIMS
from ui.attention import Explorer
from ui.claims import claims
from ui.form import Settings
from ui.lab import demo
from ui.lesson import section
from ui.tabs import tabs
from ui.words import words

DEMO = catalog.demos()["attention"]
WORDS = words("attention")
BESIDE = tuple(one.name for one in DEMO.config.knobs() if one.group == "view")  # knobs that stand in their sections


def explore(now: Settings) -> None:
    """The linked matrices of what the form says."""
    Explorer(DEMO, WORDS, now).explore()


settings = demo(DEMO, WORDS["introduction"], explore, elsewhere=BESIDE)
parts = Explorer(DEMO, WORDS, settings)
if section("What this kernel does, in numbers", DEMO):
    kinds = {
        "Entropy of the rows": parts.rows,
        "Gradients to q, k and v": parts.gradients,
        "n×n form and feature-map form": parts.forms,
        "FAVOR+ against softmax": parts.random_features,
    }
    tabs(kinds, key="attention:numbers")
if section("From argmax to uniform: temperature", DEMO):
    parts.temperature()
if section("Why divide by √d?", DEMO):
    parts.root()
if section("One head, or several at the same cost?", DEMO):
    parts.heads()
if section("Similarities that change sign", DEMO):
    parts.signs()
if section("Attention as a convolution", DEMO):
    parts.convolution()
if section("Attention as max pooling", DEMO):
    parts.pooling()
if section("Low rank: what it saves, and what it needs first", DEMO):
    parts.low_rank()
if section("What the sources claim, and what to hold against it", DEMO):
    st.caption(WORDS["claims"])
    claims(DEMO, settings, CLAIMS)
