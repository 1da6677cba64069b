"""The language model experiment: its loop, what every setting changes, and what its losses are."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import ConfigError
from core.contract import Explained
from core.data import text as texts
from core.events import Checkpoint, Event, Metrics
from core.experiments import gpt
from core.experiments.gpt import BIGRAM, EXPERIMENT, FLOOR, HELD_OUT, SPEED, TRAINING, GptConfig
from core.queries.gpt import windows
from core.training import load_weights

CPU = torch.device("cpu")
GOLDEN = {"version": 1, "training loss": 2.1025, "held-out loss": 2.0794}  # one epoch of 40 steps, seed 0


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpt, "STEPS", 4)
    monkeypatch.setattr(gpt, "TOLD", 2)


def small(**changes: object) -> GptConfig:
    tiny = {"size": "own", "layers": 1, "heads": 2, "width": 16, "block": 8, "batch_size": 2, "epochs": 1}
    return GptConfig.parse({**tiny, **changes})


@cache
def events(config: GptConfig, seeds: tuple[int, ...] = (0,)) -> tuple[Event, ...]:
    return tuple(gpt.run(config, seeds, CPU))


def metrics(config: GptConfig, seeds: tuple[int, ...] = (0,)) -> list[Metrics]:
    return [event for event in events(config, seeds) if isinstance(event, Metrics)]


def everything(config: GptConfig) -> list[object]:
    """All that a run measures but its speed, and its weights."""
    weights = [event for event in events(config) if isinstance(event, Checkpoint)][-1].weights[0]
    numbers = [
        (event.step, name, value.tolist())
        for event in metrics(config)
        for name, value in event.values.items()
        if name != SPEED
    ]
    return [*numbers, *(value.tolist() for value in weights.values())]


def last(config: GptConfig, name: str, seeds: tuple[int, ...] = (0,)) -> list[float]:
    return [event.values[name] for event in metrics(config, seeds) if name in event.values][-1].tolist()


def test_golden_run_has_the_numbers_of_its_version(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpt, "STEPS", 40)
    monkeypatch.setattr(gpt, "TOLD", 8)
    config = small(batch_size=8, block=32, learning_rate=0.01, layers=2)
    measured = {name: last(config, name)[0] for name in (TRAINING, HELD_OUT)}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=0.02), (
        "The experiment's numbers changed: raise EXPERIMENT.version and write the new ones here."
    )
    assert measured[HELD_OUT] < np.log(27) - 0.5  # it has learnt something


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_seed_does_not_depend_on_the_seeds_beside_it_nor_on_the_global_stream(dropout: float):
    torch.rand(7)
    config = small(dropout=dropout)
    both, alone = events(config, (3, 5)), events(config, (5,))
    pairs = list(
        zip(
            [one.weights[1] for one in both if isinstance(one, Checkpoint)],
            [one.weights[0] for one in alone if isinstance(one, Checkpoint)],
            strict=True,
        )
    )
    assert len(pairs) == 2  # before training and after the epoch
    assert all(np.array_equal(one[name], other[name]) for one, other in pairs for name in one)
    assert last(config, TRAINING, (3, 5))[1] == last(config, TRAINING, (5,))[0]


RETRAINING: dict[str, object] = {
    "size": "nano",
    "layers": 2,
    "heads": 4,
    "width": 20,
    "block": 10,
    "positions": "absolute",
    "norm": "layer",
    "mlp": "deep",
    "dropout": 0.2,
    "kernel": "linear",
    "learning_rate": 0.01,
    "schedule": "constant",
    "beta1": 0.5,
    "beta2": 0.8,
    "weight_decay": 0.9,
    "clip": 0.01,
    "batch_size": 3,
    "epochs": 2,
}


@pytest.mark.parametrize("field", RETRAINING)
def test_every_retraining_field_changes_the_result(field: str):
    assert everything(small()) != everything(small(**{field: RETRAINING[field]}))


def test_view_fields_change_nothing_and_every_field_is_covered_here():
    assert {one.name for one in GptConfig.knobs() if one.retrains} == {*RETRAINING, "corpus", "file"}
    assert small(band="range").retraining() == small().retraining()
    nano = {"size": "nano"}
    assert small(**nano, layers=5, heads=1, width=64).retraining() == small(**nano).retraining()


def test_steps_never_go_back_and_every_epoch_is_measured():
    config = small(epochs=2)
    steps = [event.step for event in metrics(config)]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == EXPERIMENT.total_steps(config) == 2
    at = {name: [one.step for one in metrics(config) if name in one.values] for name in (HELD_OUT, SPEED, TRAINING)}
    assert at == {HELD_OUT: [0, 1, 2], SPEED: [1, 2], TRAINING: [0.5, 1, 1.5, 2]}


def test_the_reported_loss_is_that_of_the_last_weights_with_half_a_block_before_each_character():
    config = small(positions="none")
    net = gpt.build(config)
    weights = [event for event in events(config) if isinstance(event, Checkpoint)][-1].weights[0]
    load_weights(net, weights).eval()
    losses = []
    for one in windows(texts.load("grammar").held_out, 8):
        for place in range(4, 8):
            with torch.inference_mode():
                log = net(one[None, : place + 1])[0, -1].log_softmax(0)
            losses.append(-log[one[place + 1]].item())
    assert last(config, HELD_OUT) == [pytest.approx(np.mean(losses), abs=1e-5)]


def test_levels_are_said_once_where_they_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = metrics(small())[0]
    assert first.values[FLOOR] == pytest.approx(texts.load("grammar").floor)
    assert first.values[BIGRAM] == pytest.approx(texts.bigram_loss(texts.load("grammar")))
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    texts.save("mine", b"abcab" * 40)
    mine = next(gpt.run(small(corpus="file", file="mine"), (0, 1), CPU))
    assert set(mine.values) == {BIGRAM} and mine.values[BIGRAM].shape == (2,)


def test_only_matrices_decay():
    learner = gpt.make_learner(small(norm="layer"), 0, CPU)
    decays = {one.ndim: group["weight_decay"] for group in learner.optimiser.param_groups for one in group["params"]}
    assert decays == {2: 0.1, 1: 0.0}
    grouped = sum(one.numel() for group in learner.optimiser.param_groups for one in group["params"])
    assert grouped == sum(one.numel() for one in learner.net.parameters())


def test_gradients_are_those_of_the_whole_batch(monkeypatch: pytest.MonkeyPatch):
    config = small(batch_size=5)
    whole = everything(config)
    monkeypatch.setattr(gpt, "PIECE_NUMBERS", 2 * config.block * config.width)
    assert gpt.pieces(config, CPU) == 2
    pieces = [event for event in gpt.run(config, (0,), CPU) if isinstance(event, Checkpoint)][-1].weights[0]
    for one, other in zip(whole[-len(pieces) :], pieces.values(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_rate_rises_for_a_twentieth_and_falls_to_a_tenth():
    assert [gpt.rate_at(done, "cosine") for done in (0.025, 0.05, 0.525, 1.0)] == pytest.approx([0.5, 1, 0.55, 0.1])
    assert gpt.rate_at(0.01, "constant") == 1.0


def test_a_long_step_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch):
    config = small(batch_size=3)
    plain = [one for one in metrics(config) if one.values]
    monkeypatch.setattr(gpt, "WORK_BETWEEN_EVENTS", 0.0)
    monkeypatch.setattr(gpt, "PIECE_NUMBERS", 1)
    often = [one for one in gpt.run(config, (0,), CPU) if isinstance(one, Metrics)]
    within = [one.step for one in often if 0 < one.step < 0.25]
    assert within == pytest.approx([1 / 12, 2 / 12])  # between three pieces of the first of four steps
    assert [one.step for one in often if one.values] == [one.step for one in plain]


def test_a_training_that_diverges_says_which_knob_to_turn(monkeypatch: pytest.MonkeyPatch):
    def broken(net: torch.nn.Module, blocks: torch.Tensor) -> torch.Tensor:
        return (net.head.weight.sum() * float("nan")).expand(len(blocks), blocks.shape[1] - 1)

    monkeypatch.setattr(gpt, "losses_at", broken)
    with pytest.raises(
        Explained, match=r"^Diverged in epoch 1.*Turn down the learning rate \(0\.002 now\): try 0\.0002"
    ):
        list(gpt.run(small(), (0,), CPU))


def test_shapes_that_do_not_fit_are_refused_with_a_remedy():
    for changes, message in (
        (
            {"width": 20, "heads": 3, "positions": "none"},
            "width must be a multiple of heads; got 20 and 3. Try width = 21",
        ),
        ({"width": 22, "heads": 3}, "Try width = 24"),  # and not 21, whose heads would be of odd width
        ({"width": 767, "heads": 7, "positions": "none"}, "Try width = 763"),  # wider there is none
        ({"width": 15, "heads": 3}, "a head's width must be even; got 15 / 3 = 5. Choose another width"),
    ):
        with pytest.raises(ConfigError, match=message):
            small(**changes)
        assert small(**changes, size="micro").shape == (4, 4, 128)
