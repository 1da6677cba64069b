"""Batch norm on padded text: padding reaches the net through a batch's statistics alone; the recorded verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from core.claims.evidence import AtOnce
from core.claims.norm_text import CLAIMS
from core.data import word_share
from core.engine import recorded
from core.events import Metrics
from core.experiments import norm_text
from core.experiments.norm_text import EXPERIMENT, MORE, NormTextConfig

CPU = torch.device("cpu")
GOLDEN = {"version": 1, "held-out accuracy": 99.25}  # one epoch, seed 0


def last(seeds: tuple[int, ...] = (0,), **changes: object) -> dict[str, np.ndarray]:
    config = NormTextConfig.parse({"epochs": 1, **changes})
    return dict([one for one in norm_text.run(config, seeds, CPU) if isinstance(one, Metrics)][-1].values)


def test_golden_run_has_the_numbers_of_its_version():
    measured = {"held-out accuracy": float(last()["held-out accuracy"][0])}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, abs=0.3), (
        "The numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


def test_the_label_says_whether_a_third_is_word_1():
    for part in word_share.load():
        for tokens, length, label in list(zip(part.tokens, part.lengths, part.labels, strict=True))[:50]:
            assert (tokens[:length] > 0).all() and (tokens[length:] == 0).all()
            assert label == (np.mean(tokens[:length] == 1) >= 1 / 3 - 1e-9)
        assert 0.4 < part.labels.mean() < 0.6


@pytest.mark.parametrize(
    ("norm", "at_test", "moves"),
    [("batch", "running", False), ("batch", "batch", True), ("masked", "batch", False), ("layer", "running", False)],
)
def test_padding_matters_through_the_statistics_of_a_batch_alone(norm: str, at_test: str, moves: bool):
    values = last(norm=norm, at_test=at_test)
    assert (values["logit change"][0] > 1e-2) == moves
    if not moves:
        assert values["logit change"][0] < 1e-5
        assert values["held-out accuracy"][0] == values["held-out accuracy" + MORE][0]


def test_measuring_leaves_the_running_statistics_alone():
    learner = norm_text.make_learner(NormTextConfig(), 0, CPU)
    before = learner.net.state_dict()["norm.running_mean"].clone()
    norm_text.logits_of(learner.net, torch.ones(4, 6, dtype=torch.int64), "batch")
    torch.testing.assert_close(learner.net.state_dict()["norm.running_mean"], before)


@pytest.mark.parametrize(("field", "value"), [("learning_rate", 0.01), ("batch_size", 64), ("norm", "none")])
def test_other_fields_change_the_training(field: str, value: object):
    config = NormTextConfig.parse({"epochs": 1})
    losses = []
    for one in (config, config.model_copy(update={field: value})):
        found = [event.values for event in norm_text.run(one, (0,), CPU) if isinstance(event, Metrics)]
        losses.append(next(values["training loss"][0] for values in found if "training loss" in values))
    assert losses[0] != losses[1]


def test_seeds_do_not_depend_on_their_neighbours():
    together, alone = last((0, 1)), last((1,))
    assert all(np.array_equal(together[name][1:], alone[name]) for name in together)


@dataclass
class Recorded:
    """What ships with the program."""

    config: NormTextConfig

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        wanted = self.config.model_copy(update=settings).retraining()
        for one in recorded.read("norm_text"):
            if NormTextConfig.parse(one.run.config).retraining() == wanted:
                return one.summary([metric])[metric]
        return {}


def test_the_recorded_runs_decide_every_claim():
    words = [claim.decide(Recorded(NormTextConfig())).word for claim in CLAIMS]
    assert words == ["contradicted", "supported", "supported", "supported"]
    assert {claim.decide(AtOnce(NormTextConfig())).word for claim in CLAIMS} == {"cannot tell"}
