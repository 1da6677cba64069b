"""Verdicts on claims: the recorded results decide them as published, and other data would decide them otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from core.claims.evidence import Finding, both, higher, near
from core.claims.padding import CLAIMS
from core.engine import recorded
from core.experiments.padding import EXPERIMENT, PaddingConfig

ALIKE = {0: 50.0, 1: 51.0, 2: 49.0}
HIGH, LOW = {0: 95.0, 1: 96.0, 2: 94.0}, {0: 1.0, 1: 0.0, 2: 2.0}


@dataclass
class Told:
    """Evidence made up for a test: (conv, head) -> seed -> value; what a probe reads, in %."""

    results: Mapping[tuple[str, str], Mapping[int, float]] = field(default_factory=dict)
    probe: float | None = None
    config: PaddingConfig = field(default_factory=PaddingConfig)

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        config = self.config.model_copy(update=settings)
        return self.results.get((config.conv, config.head), {})

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        return None if self.probe is None else {"trained": np.full((4, 5), self.probe)}


class Recorded(Told):
    """The results that ship with the program."""

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        config = self.config.model_copy(update=settings)
        for snapshot in recorded.read("padding"):
            if EXPERIMENT.config.parse(snapshot.run.config).retraining() == config.retraining():
                return snapshot.summary([metric])[metric]
        return {}


def words(evidence: Told) -> list[str]:
    return [claim.decide(evidence).word for claim in CLAIMS]


def test_on_the_recorded_results_only_the_papers_hypothesis_stands():
    assert words(Recorded(probe=99.0)) == ["contradicted"] * 3 + ["supported"] + ["contradicted"] * 2


def test_without_results_nothing_is_decided_but_what_needs_none():
    assert words(Told()) == ["cannot tell"] * 5 + ["contradicted"]
    assert all("Train it above" in claim.decide(Told()).because for claim in CLAIMS[:5])


@pytest.mark.parametrize(
    ("claim", "evidence", "word"),
    [
        (0, Told(probe=52.0), "supported"),
        (0, Told(probe=70.0), "cannot tell"),
        (1, Told({("fconv", "flatten"): HIGH}), "supported"),
        (1, Told({("fconv", "flatten"): {0: 0.0}}), "cannot tell"),  # one seed
        (2, Told({("replicate", "pool"): HIGH, ("reflect", "pool"): HIGH}), "cannot tell"),
        (2, Told({("replicate", "pool"): ALIKE, ("reflect", "pool"): LOW}), "cannot tell"),  # better, but not right
        (3, Told({("fconv", "pool"): LOW, ("valid", "pool"): HIGH, ("sconv", "pool"): LOW}), "contradicted"),
        (3, Told({("fconv", "pool"): ALIKE, ("valid", "pool"): ALIKE, ("sconv", "pool"): LOW}), "cannot tell"),
        (4, Told({("reflect", "pool"): HIGH}), "supported"),
        (4, Told({("reflect", "pool"): ALIKE}), "cannot tell"),
        (5, Told(config=PaddingConfig(data="fresh")), "supported"),
    ],
)
def test_other_data_would_decide_otherwise(claim: int, evidence: Told, word: str):
    assert CLAIMS[claim].decide(evidence).word == word


def test_a_verdict_comes_with_its_numbers():
    found = higher(HIGH, LOW, ("a", "b"))
    assert "a 95.00 ± 0.82 (n = 3)" in found.because and "bigger than seed noise" in found.because
    assert higher(LOW, HIGH, ("a", "b")).word == "contradicted"
    assert higher({0: 1.0}, {0: 9.0}, ("a", "b")).word == "cannot tell"


def test_near_needs_three_seeds_and_their_interval():
    assert near({0: 1.0, 1: 1.0}, 0, 25) is None
    assert near(LOW, high=2) is None  # 1 ± 2.5: reaches beyond
    assert near(LOW, high=25) is True
    assert near(HIGH, high=25) is False and near(LOW, low=75) is False


def test_one_contradiction_decides():
    yes, no, open_ = (Finding(word, "") for word in ("supported", "contradicted", "cannot tell"))
    assert [both(*ones).word for ones in ((yes, yes), (yes, open_), (open_, no))] == [
        "supported",
        "cannot tell",
        "contradicted",
    ]
