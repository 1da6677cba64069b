"""Claims about graph networks, each with the measurement that decides it; wrong ones included.

Sources: Kipf & Welling, ICLR 2017; Veličković et al., ICLR 2018; Li et al., AAAI 2018 (oversmoothing); course material
that trained a GCN and a GAT once each on Cora: random 140 training nodes, 100 epochs, 65.15 % against 80.57 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.claims.evidence import WORDS, Claim, Evidence, Finding, higher, missing, near
from core.experiments.nodes import NodesConfig
from core.statistics import spread

TEST, SECONDS = "test accuracy", "seconds per epoch"
MASS, SHARE = "attention on added edges", "added edges"
LEAD = 15.0  # points, between the sources' single figures: 80.57 − 65.15
DEEP, SHALLOW = 8, 2  # layers
IGNORED = 0.5  # of an equal share of attention: less is "ignores"
TENFOLD = (7.0, 14.0)  # what counts as ten times
RANDOM: dict[str, Any] = NodesConfig(graph="cora", split="random", epochs=100).retraining()  # the sources' setting
PUBLIC: dict[str, Any] = NodesConfig(graph="cora", split="public").retraining()

Scores = Mapping[int, float]


def leads_by_15(evidence: Evidence) -> Finding:
    """GAT − GCN, seed by seed, each with a split of its own."""
    gcn, gat = (evidence.scores(TEST, **RANDOM | {"model": one}) for one in ("gcn", "gat"))
    if not gcn or not gat:
        return missing("GCN and GAT on Cora, random split, 100 epochs", do="Choose these and train")
    leads = {seed: gat[seed] - gcn[seed] for seed in gat if seed in gcn}
    because = (
        f"GCN {_percent(gcn)}, GAT {_percent(gat)}; lead, split by split: "
        f"{spread(list(leads.values())).with_unit('points')}. The sources' {LEAD:g} points are one run each."
    )
    return Finding(WORDS[near(leads, low=LEAD)], because)


def better_on_public(evidence: Evidence) -> Finding:
    """GAT against GCN on the public split of Cora."""
    gat, gcn = (evidence.scores(TEST, **PUBLIC | {"model": one}) for one in ("gat", "gcn"))
    return higher(gat, gcn, ("Cora, public split: GAT", "GCN"))


def better_here(evidence: Evidence) -> Finding:
    """GAT against GCN with the form's settings."""
    gat, gcn = (evidence.scores(TEST, model=one) for one in ("gat", "gcn"))
    return higher(gat, gcn, ("GAT", "GCN"))


def deeper_is_better(evidence: Evidence) -> Finding:
    """Eight layers against two, GCN."""
    deep, shallow = (evidence.scores(TEST, model="gcn", layers=one) for one in (DEEP, SHALLOW))
    return higher(deep, shallow, (f"{DEEP} layers:", f"{SHALLOW} layers:"))


def self_term_helps_deep(evidence: Evidence) -> Finding:
    """How far nodes differ after the last hidden layer of an untrained deep net, with and without the self term."""
    metric = f"feature variance {DEEP - 1}"
    kept, lost = (evidence.scores_at(0, metric, model="gcn", layers=DEEP, self_term=one) for one in (True, False))
    return higher(kept, lost, ("Feature variance with the self term:", "without it:"))


def self_term_helps(evidence: Evidence) -> Finding:
    """Two layers, with and without the self term."""
    kept, lost = (evidence.scores(TEST, model="gcn", layers=SHALLOW, self_term=one) for one in (True, False))
    return higher(kept, lost, ("With the self term:", "without it:"))


def ignores_noise(evidence: Evidence) -> Finding:
    """Attention on irrelevant neighbours as a part of their share."""
    mass, share = (evidence.scores(one, model="gat", noisy_edges=1.0) for one in (MASS, SHARE))
    if not mass or not share:
        return missing("GAT with as many irrelevant neighbours as edges")
    parts = {seed: mass[seed] / share[seed] for seed in mass if share.get(seed)}
    because = (
        f"They get {_percent(mass)} of the attention and are {_percent(share)} of the neighbours: "
        f"{spread(list(parts.values()))} of an equal share; below {IGNORED:g} would be ignoring."
    )
    return Finding(WORDS[near(parts, high=IGNORED)], because)


def sturdier(evidence: Evidence) -> Finding:
    """GAT against GCN with as many irrelevant neighbours as edges."""
    gat, gcn = (evidence.scores(TEST, model=one, noisy_edges=1.0) for one in ("gat", "gcn"))
    return higher(gat, gcn, ("1 × irrelevant neighbours: GAT", "GCN"))


def edges_tell_more(evidence: Evidence) -> Finding:
    """GCN, which sees edges and words, against the MLP, which sees words."""
    gcn, mlp = (evidence.scores(TEST, model=one) for one in ("gcn", "mlp"))
    return higher(gcn, mlp, ("GCN", "MLP"))


def costs_ten_times(evidence: Evidence) -> Finding:
    """Seconds of an epoch, GAT over GCN, seed by seed."""
    gat, gcn = (evidence.scores(SECONDS, model=one) for one in ("gat", "gcn"))
    if not gat or not gcn:
        return missing("GCN and GAT")
    ratios = {seed: gat[seed] / gcn[seed] for seed in gat if gcn.get(seed)}
    because = f"An epoch of GAT takes {spread(list(ratios.values()))} times as long as one of GCN."
    return Finding(WORDS[near(ratios, *TENFOLD)], because)


def _percent(scores: Scores) -> str:
    return spread(list(scores.values())).with_unit("%")


COURSE = "course material: one run each, GCN 65.15 %, GAT 80.57 %"
CLAIMS = (
    Claim(
        f"Attention beats convolution by {LEAD:g} points.",
        COURSE,
        "Cora, random 140 training nodes, 100 epochs: GAT − GCN on the same splits.",
        leads_by_15,
    ),
    Claim(
        "On Cora's public split GAT is ahead of GCN.",
        "Veličković et al., ICLR 2018: 83.0 against 81.5 %",
        "Cora, public split, weights of the lowest validation loss: GAT against GCN.",
        better_on_public,
    ),
    Claim(
        "Attention is better than convolution.",
        "often said",
        "Test accuracy with the form's settings: GAT against GCN, same splits.",
        better_here,
    ),
    Claim(
        "A deeper net sees further, and so it is better.",
        "often said of convolutions",
        f"GCN: test accuracy with {DEEP} layers against {SHALLOW}.",
        deeper_is_better,
    ),
    Claim(
        "Without the self term layers oversmooth faster.",
        "course material; Li et al., AAAI 2018, for the smoothing itself",
        f"Untrained GCN of {DEEP} layers: feature variance after layer {DEEP - 1}, with the self term against without.",
        self_term_helps_deep,
    ),
    Claim(
        "A node that does not hear itself is told apart worse.",
        "course material: without B the node forgets itself",
        f"GCN of {SHALLOW} layers: test accuracy with the self term against without.",
        self_term_helps,
    ),
    Claim(
        "GAT ignores irrelevant neighbours.",
        "often said of attention",
        f"As many irrelevant neighbours as edges: attention on them below {IGNORED:g} of an equal share.",
        ignores_noise,
    ),
    Claim(
        "Among irrelevant neighbours attention is sturdier than a mean.",
        "the motive of attention on graphs",
        "As many irrelevant neighbours as edges: test accuracy, GAT against GCN.",
        sturdier,
    ),
    Claim(
        "Edges tell more than words.",
        "the motive of graph networks",
        "Test accuracy with the form's settings: GCN against an MLP that sees no edge.",
        edges_tell_more,
    ),
    Claim(
        "GAT costs ten times as much as GCN.",
        "course material: 21.3 s against 2.1 s, with dense n×n tensors",
        f"Seconds of an epoch, same settings and seeds: their ratio lies between {TENFOLD[0]:g} and {TENFOLD[1]:g}.",
        costs_ten_times,
    ),
)
