"""The graph algebra lab: what the matrices of a small graph say, and what its layers are made of."""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.graph_algebra import CLAIMS
from ui import graph_algebra as algebra
from ui import graph_layers as layers
from ui.claims import claims
from ui.form import Settings
from ui.graph_algebra import Scene
from ui.lab import demo
from ui.lesson import section
from ui.tabs import tabs
from ui.words import words

DEMO = catalog.demos()["graph_algebra"]
WORDS = words("graph_algebra")
BESIDE = tuple(one.name for one in DEMO.config.knobs() if one.group == "view")  # knobs that stand in their sections


def draw(now: Settings) -> None:
    """The graph of what the form says."""
    algebra.draw_graph(Scene(DEMO, WORDS, now))


algebra.take_clicks(DEMO)
settings = demo(DEMO, WORDS["introduction"], draw, elsewhere=BESIDE)
scene = Scene(DEMO, WORDS, settings)
if section("Its matrices", DEMO):
    algebra.matrices(scene)
if section("Walks: what Aⁿ counts", DEMO):
    algebra.walks(scene)
if section("The Laplacian, node by node", DEMO):
    tabs(
        {"F = LX": lambda: algebra.changes(scene), "Eigenvalues of L": lambda: algebra.spectrum(scene)},
        key="graph_algebra:laplacian tabs",
    )
if section("One graph convolution", DEMO):
    layers.weights(scene)
    kinds = {
        "Index form and matrix form": lambda: layers.forms(scene),
        "Message passing, step by step": lambda: layers.messages(scene),
        "A median has no matrix": lambda: layers.median(scene),
        "Many layers": lambda: layers.depth(scene),
    }
    tabs(kinds, key="graph_algebra:layer tabs")
if section("A worked example", DEMO):
    layers.worked(scene)
if section("A transformer is message passing on the complete graph", DEMO):
    layers.transformer(scene)
    layers.costs(scene)
if section("What the sources claim, and what to hold against it", DEMO):
    st.caption(WORDS["claims"])
    claims(DEMO, settings, CLAIMS)
