"""Claims about graphs: each is decided at once, by numbers that stand in its sentence."""

from __future__ import annotations

import pytest

from core.claims.evidence import AtOnce, Finding
from core.claims.graph_algebra import CLAIMS
from core.config import Config
from core.demos.graph_algebra import GraphAlgebraConfig

SAID = {  # the beginning of a claim -> the verdict, and a number that the sentence gives
    "The entry u, v": ("contradicted", "1 → 2 → 1 is among them: a walk that repeats node 1"),
    "In the right graph": ("contradicted", "1 3 2 3 3 2; the highest are nodes 2, 4, 5"),
    "σ(W·mean": ("supported", "mean of the isolated node is (0, 0)"),
    "A median": ("contradicted", "off by 1. The means are off by 0"),
    "Without B a node": ("supported", "moves by 0 without B, by 1 with"),
    "Without B layers": ("contradicted", "after 20: on 2 (karate, complete)"),
    "In the worked": ("supported", "Agg = (−0.8, 0.8)"),
    "A transformer": ("supported", "12 directed edges, 16 with self loops"),
    "Attention along": ("supported", "13,264 scores along edges and self loops, 7,333,264"),
}


def decided(start: str, config: Config) -> Finding:
    (claim,) = (one for one in CLAIMS if one.text.startswith(start))
    return claim.decide(AtOnce(config))


@pytest.mark.parametrize("start", SAID)
def test_a_claim_is_decided_without_any_run(start: str) -> None:
    found = decided(start, GraphAlgebraConfig())
    word, number = SAID[start]
    assert (found.word, number in found.because) == (word, True), found.because


def test_every_claim_is_held_to_here() -> None:
    assert len(CLAIMS) == len(SAID)


def test_a_graph_without_edges_tells_nothing_of_walks() -> None:
    found = decided("The entry", GraphAlgebraConfig(graph="own", edges="3"))
    assert found.word == "cannot tell" and "no edge" in found.because


def test_a_median_that_cannot_be_told_apart_here_is_looked_for_elsewhere() -> None:
    assert decided("A median", GraphAlgebraConfig(graph="path", size=2)).word == "contradicted"


def test_another_labs_evidence_counts_as_the_defaults() -> None:
    assert decided("The entry", Config()) == decided("The entry", GraphAlgebraConfig())
