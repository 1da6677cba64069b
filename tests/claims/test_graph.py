"""Verdicts on claims about graph networks: what made-up results decide, what they leave open, what the recorded say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from core.claims.graph import CLAIMS, MASS, SECONDS, SHARE, TEST
from core.engine import recorded
from core.experiments.nodes import NodesConfig

Scores = Callable[[str, NodesConfig], float | None]
LEAD, PUBLIC, BETTER, DEEPER, SMOOTH, SELF, IGNORES, STURDY, EDGES, COST = range(len(CLAIMS))


@dataclass
class Told:
    """Evidence made up for a test: three seeds around what `found` says, scattered a little differently by setting."""

    found: Scores = lambda metric, config: None
    seeds: int = 3
    config: NodesConfig = field(default_factory=NodesConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        config = self.config.model_copy(update=settings)
        value = self.found(metric, config)
        scatter = 1 + 0.01 * len(f"{config.model}{config.layers}{config.self_term}{metric}")
        noise = {0: -0.002 * scatter, 1: 0.0, 2: 0.0021 * scatter}
        return {} if value is None else {seed: value * (1 + noise[seed]) for seed in range(self.seeds)}

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        assert step == 0
        return self.scores(metric, **settings)

    def ask(self, query: str, **settings: object) -> None:
        raise AssertionError("no claim asks a net")


def by_model(metric: str = TEST, **values: float) -> Scores:
    return lambda asked, config: values.get(config.model) if asked == metric else None


def on_cora(split: str, **values: float) -> Scores:
    """Only of Cora with this split, and the settings of the sources."""

    def scores(metric: str, config: NodesConfig) -> float | None:
        theirs = config.graph == "cora" and config.split == split and config.layers == 2
        return values.get(config.model) if theirs else 1.0

    return scores


def by_layers(**values: float) -> Scores:
    return lambda metric, config: values.get(f"l{config.layers}") if metric == TEST else None


def by_self(kept: float, lost: float) -> Scores:
    return lambda metric, config: kept if config.self_term else lost


def attention(mass: float, share: float) -> Scores:
    return lambda metric, config: {MASS: mass, SHARE: share}.get(metric) if config.noisy_edges else None


@pytest.mark.parametrize(
    ("claim", "found", "word"),
    [
        (LEAD, on_cora("random", gcn=65.0, gat=85.0), "supported"),
        (LEAD, on_cora("random", gcn=70.0, gat=73.0), "contradicted"),
        (PUBLIC, on_cora("public", gcn=81.5, gat=83.5), "supported"),
        (PUBLIC, on_cora("public", gcn=83.5, gat=81.5), "contradicted"),
        (BETTER, by_model(gcn=80.0, gat=85.0), "supported"),
        (BETTER, by_model(gcn=80.0, gat=80.0), "cannot tell"),
        (DEEPER, by_layers(l8=40.0, l2=80.0), "contradicted"),
        (DEEPER, by_layers(l8=85.0, l2=80.0), "supported"),
        (SMOOTH, by_self(0.2, 0.1), "supported"),
        (SMOOTH, by_self(0.1, 0.2), "contradicted"),
        (SELF, by_self(85.0, 79.0), "supported"),
        (SELF, by_self(79.0, 85.0), "contradicted"),
        (IGNORES, attention(44.0, 46.0), "contradicted"),
        (IGNORES, attention(4.0, 46.0), "supported"),
        (STURDY, by_model(gcn=40.0, gat=50.0), "supported"),
        (STURDY, by_model(gcn=50.0, gat=40.0), "contradicted"),
        (EDGES, by_model(gcn=80.0, mlp=40.0), "supported"),
        (EDGES, by_model(gcn=40.0, mlp=80.0), "contradicted"),
        (COST, by_model(SECONDS, gcn=0.001, gat=0.01), "supported"),
        (COST, by_model(SECONDS, gcn=0.001, gat=0.004), "contradicted"),
    ],
)
def test_results_decide(claim: int, found: Scores, word: str):
    finding = CLAIMS[claim].decide(
        Told(found, config=NodesConfig(layers=5) if claim in (LEAD, PUBLIC) else NodesConfig())
    )
    assert finding.word == word
    if word != "cannot tell":
        assert "(n = 3)" in finding.because


@pytest.mark.parametrize("claim", range(len(CLAIMS)))
def test_one_seed_decides_nothing_and_without_results_it_is_said(claim: int):
    assert CLAIMS[claim].decide(Told(lambda metric, config: 50.0, seeds=1)).word == "cannot tell"
    finding = CLAIMS[claim].decide(Told())
    assert finding.word == "cannot tell" and "Not trained yet" in finding.because


class Recorded:
    """The results that ship with the program, of the default settings."""

    config = NodesConfig()

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        found = self.run(settings)
        return found.summary([metric])[metric] if found else {}

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        found = self.run(settings)
        return found.at(step, metric) if found else {}

    def ask(self, query: str, **settings: object) -> None:
        raise AssertionError("no claim asks a net")

    def run(self, settings: Mapping[str, object]):
        wanted = self.config.model_copy(update=settings).retraining()
        return next(
            (one for one in recorded.read("nodes") if NodesConfig.parse(one.run.config).retraining() == wanted), None
        )


def test_the_recorded_results_decide_what_they_can():
    words = {place: claim.decide(Recorded()).word for place, claim in enumerate(CLAIMS)}
    assert {words[one] for one in (PUBLIC, SMOOTH, SELF, EDGES)} == {"supported"}
    assert {words[one] for one in (LEAD, DEEPER, IGNORES, COST)} == {"contradicted"}
    assert words[STURDY] == "cannot tell"
    assert words[BETTER] != "supported"
    for model, least, seeds in (("gcn", 81.0, 10), ("gat", 82.3, 10)):  # the aims on Cora's public split
        scores = Recorded().scores(TEST, graph="cora", split="public", model=model)
        assert len(scores) == seeds and sum(scores.values()) / seeds >= least
