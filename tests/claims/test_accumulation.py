"""Verdicts about gradient accumulation: what the recorded runs say, and what none or one seed does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.claims.accumulation import CLAIMS
from core.claims.evidence import AtOnce
from core.engine import recorded
from core.experiments.accumulation import AccumulationConfig


@dataclass
class Recorded:
    """What ships with the program."""

    config: AccumulationConfig
    seeds: int = 3

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        norm = settings["norm"]
        found = next((one for one in recorded.read("accumulation") if one.run.config["norm"] == norm), None)
        return {k: v for k, v in found.summary([metric])[metric].items() if k < self.seeds} if found else {}


def words(norm: str, seeds: int = 3) -> list[str]:
    evidence = Recorded(AccumulationConfig.parse({"norm": norm}), seeds)
    return [claim.decide(evidence).word for claim in CLAIMS]


def test_recorded_runs_decide_every_claim():
    assert words("batch") == ["contradicted", "supported", "contradicted", "supported", "supported"]
    assert words("layer")[0] == "supported"
    assert words("batch", seeds=1) == ["contradicted", "cannot tell", "contradicted", "cannot tell", "cannot tell"]


def test_without_results_nothing_is_decided():
    found = [claim.decide(AtOnce(AccumulationConfig())) for claim in CLAIMS]
    assert {one.word for one in found} == {"cannot tell"} and all("Train it above" in one.because for one in found)
