"""The nodes experiment: its loop, what every setting changes, and what neighbours are worth."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import ConfigError
from core.contract import Explained
from core.data import graphs, own_graphs
from core.devices import GlobalState, isolated
from core.events import Checkpoint, Event, Metrics
from core.experiments import nodes
from core.experiments.nodes import EXPERIMENT, NodesConfig, Patient
from core.queries.nodes import MASS, UNIFORM, variance
from core.training import load_weights

CPU = torch.device("cpu")
GOLDEN = {"version": 1, "training loss": 1.3795, "validation loss": 1.3736}  # three epochs, seed 0


def small(**changes: object) -> NodesConfig:
    return NodesConfig.parse({"nodes": 90, "epochs": 3, "hidden": 8, "heads": 2, "head_width": 4, **changes})


@cache
def events(config: NodesConfig, seeds: tuple[int, ...] = (0,)) -> tuple[Event, ...]:
    return tuple(nodes.run(config, seeds, CPU))


def metrics(config: NodesConfig, seeds: tuple[int, ...] = (0,)) -> list[Metrics]:
    return [event for event in events(config, seeds) if isinstance(event, Metrics)]


def everything(config: NodesConfig, found: tuple[Event, ...] = ()) -> list[object]:
    """All that a run measures, but for seconds, and its last weights."""
    found = found or events(config)
    weights = [event for event in found if isinstance(event, Checkpoint)][-1].weights[0]
    numbers = [
        (event.step, name, str(value.tolist()))  # text: what is no number equals itself
        for event in found
        if isinstance(event, Metrics)
        for name, value in event.values.items()
        if name not in EXPERIMENT.timed
    ]
    return [*numbers, *(value.tolist() for value in weights.values())]


def column(config: NodesConfig, name: str, seeds: tuple[int, ...] = (0,)) -> list[list[float]]:
    return [event.values[name].tolist() for event in metrics(config, seeds) if name in event.values]


def last(config: NodesConfig, name: str) -> float:
    return column(config, name)[-1][0]


def test_golden_run_has_the_numbers_of_its_version():
    measured = {name: last(small(), name) for name in ("training loss", "validation loss")}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=0.001), (
        "The experiment's numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


@pytest.mark.parametrize("model", ["gcn", "gat", "sage", "mlp"])
def test_a_seed_does_not_depend_on_the_seeds_beside_it_nor_on_the_global_stream(model: str):
    torch.rand(7)
    config = small(model=model, split="random")
    both, alone = events(config, (3, 5)), events(config, (5,))
    pairs = [
        [one.weights[place] for one in found if isinstance(one, Checkpoint)] for found, place in ((both, 1), (alone, 0))
    ]
    assert len(pairs[0]) == len(pairs[1]) == 2
    assert all(np.array_equal(one[name], other[name]) for one, other in zip(*pairs, strict=True) for name in one)
    for name in ("training loss", "validation accuracy", "test accuracy"):
        assert [row[1] for row in column(config, name, (3, 5))] == [row[0] for row in column(config, name, (5,))]


@pytest.mark.parametrize("model", ["gcn", "gat"])
def test_interleaved_runs_give_what_they_give_alone(model: str):
    configs = [small(model=model), small(model=model, graph="karate", noisy_edges=0.5)]
    state = GlobalState.capture()
    states = [GlobalState(**vars(state)) for _ in configs]
    runs = [nodes.run(config, (0,), CPU) for config in configs]
    found: list[list[Event]] = [[], []]
    for _ in range(40):
        for run, mine, into in zip(runs, states, found, strict=True):
            with isolated(mine):
                into += [event for event in [next(run, None)] if event is not None]
    for config, together in zip(configs, found, strict=True):
        assert everything(config, tuple(together)) == everything(config)


RETRAINING: dict[str, tuple[object, dict[str, object]]] = {  # field -> another value, where it matters
    "graph": ("karate", {}),
    "model": ("gat", {}),
    "nodes": (80, {}),
    "classes": (3, {}),
    "degree": (8.0, {}),
    "homophily": (0.3, {}),
    "feature_noise": (0.1, {}),
    "noisy_edges": (0.5, {}),
    "layers": (3, {}),
    "hidden": (9, {}),
    "heads": (3, {"model": "gat"}),
    "head_width": (5, {"model": "gat"}),
    "output_heads": (2, {"model": "gat"}),
    "self_term": (False, {"model": "sage"}),
    "normalisation": ("row", {}),
    "aggregator": ("max", {"model": "sage"}),
    "split": ("random", {}),
    "labels_per_class": (3, {}),
    "dropout": (0.1, {}),
    "gat_dropout": (0.1, {"model": "gat"}),
    "learning_rate": (0.1, {}),
    "gat_learning_rate": (0.1, {"model": "gat"}),
    "weight_decay": (0.05, {}),
    "epochs": (4, {}),
    "patience": (1, {"learning_rate": 1.0, "epochs": 12}),
}


@pytest.mark.parametrize("field", RETRAINING)
def test_every_retraining_field_changes_the_result(field: str):
    value, where = RETRAINING[field]
    assert everything(small(**where)) != everything(small(**where, **{field: value}))


def test_view_fields_change_nothing_and_every_field_is_covered_here():
    assert {one.name for one in NodesConfig.knobs() if one.retrains} == {*RETRAINING, "own"}  # own: see below
    assert small(band="range").retraining() == small().retraining()


@pytest.mark.parametrize(
    "changes",
    [{"model": "gcn"}, {"model": "gat", "split": "public"}, {"model": "sage", "graph": "karate"}, {"model": "mlp"}],
)
def test_a_field_that_does_not_matter_changes_nothing(changes: dict[str, object]):
    config = small(**changes, epochs=1)
    others = {name: value for name, (value, _) in RETRAINING.items() if not config.matters(name)}
    assert others and everything(config) == everything(small(**changes, **{"epochs": 1, **others}))


def test_every_epoch_is_measured_and_the_test_nodes_are_read_once():
    found = metrics(small())
    assert [event.step for event in found if "validation loss" in event.values] == [0, 1, 2, 3]
    assert [set(event.values) for event in found if "test accuracy" in event.values] == [set(EXPERIMENT.summary)]
    assert set(found[-1].values) == set(EXPERIMENT.summary) and last(small(), "seconds per epoch") > 0


def test_the_weights_of_the_lowest_validation_loss_are_reported():
    config = small(learning_rate=0.3, epochs=30, patience=30)
    losses = [row[0] for row in column(config, "validation loss")][1:]
    assert int(np.argmin(losses)) < len(losses) - 1  # the last weights are not the best ones
    (weights,) = [event for event in events(config) if isinstance(event, Checkpoint)][-1].weights
    net = load_weights(nodes.build(config), weights)
    data = nodes.make_data(config, nodes.load(config), 0, CPU)
    with torch.inference_mode():
        logits = net(data.features, data.graph)
    loss = torch.nn.functional.cross_entropy(logits[data.nodes["validation"]], data.classes["validation"])
    assert loss.item() == pytest.approx(min(losses), rel=1e-5)


def test_patience_begins_anew_where_loss_or_accuracy_improves():
    net, best = torch.nn.Linear(1, 1), Patient(patience=1)
    for epoch, (loss, accuracy) in enumerate([(1.0, 50.0), (2.0, 60.0), (2.0, 60.0), (0.5, 60.0)]):
        best.note(epoch, loss, accuracy, net)
        assert not best.stop
    assert (best.loss, best.epoch) == (0.5, 3)
    best.note(4, 0.6, 60.0, net)
    assert not best.stop
    best.note(5, 0.6, 60.0, net)
    assert best.stop


def test_a_seed_that_has_stopped_is_no_number_while_the_others_go_on():
    config = small(split="random", learning_rate=1.0, patience=1, epochs=40)
    ends = [metrics(config, (seed,))[-1].step for seed in (0, 1, 2, 3)]
    assert len(set(ends)) > 1, "these seeds are to stop at different epochs"
    rows = np.array(column(config, "training loss", (0, 1, 2, 3)))
    assert np.isfinite(rows).sum(axis=0).tolist() == ends


def test_neighbours_help_where_words_say_little_and_homophily_is_high():
    config = NodesConfig(nodes=300, epochs=60, feature_noise=0.85, homophily=0.95, degree=8.0)
    assert last(config, "test accuracy") > last(config.model_copy(update={"model": "mlp"}), "test accuracy") + 10


def test_without_a_self_term_deep_nets_make_nodes_more_alike():
    """Untrained, so that nothing is learnt against it."""
    deep = {"layers": 8, "epochs": 1, "homophily": 0.5, "degree": 8.0, "model": "sage"}

    def first(config: NodesConfig) -> list[float]:
        return [column(config, f"feature variance {number}")[0][0] for number in range(1, 8)]

    with_term, without = first(small(**deep)), first(small(**deep, self_term=False))
    assert without[-1] < with_term[-1] and without[-1] < without[0]


def test_variance_is_a_share():
    assert variance(torch.tensor([[1.0], [-1.0]])) == 1
    assert variance(torch.tensor([[2.0], [2.0]])) == 0 == variance(torch.zeros(3, 2))
    assert variance(torch.tensor([[1.0], [3.0]])) == pytest.approx(0.2)


def test_attention_on_added_edges_stands_beside_their_share():
    config = small(model="gat", noisy_edges=1.0, degree=6.0)
    assert 0 < column(config, MASS)[0][0] < 100
    found = nodes.load(config)
    degrees = np.bincount(found.edges.ravel(), minlength=90) + 1.0  # itself
    added = np.bincount(found.edges[found.added].ravel(), minlength=90)
    assert column(config, UNIFORM)[0][0] == pytest.approx(100 * (added / degrees)[added > 0].mean())
    assert not column(small(model="gat"), MASS) and not column(small(noisy_edges=1.0), MASS)


def test_a_training_that_diverges_says_which_knob_to_turn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nodes, "train_step", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(Explained, match=r"Turn down the learning rate of gat \(0\.005 now\): try 0\.0005"):
        list(nodes.run(small(model="gat"), (0,), CPU))
    with pytest.raises(Explained, match=r"Turn down the learning rate \(0\.01 now\): try 0\.001"):
        list(nodes.run(small(), (0,), CPU))


def test_what_is_said_without_training():
    assert [list(EXPERIMENT.prepare(small(graph=one))) for one in ("karate", "generated")] == [[], []]
    assert "34 members" in EXPERIMENT.data(small(graph="karate"))
    assert nodes.build(NodesConfig(graph="cora")).layers[0].lin.weight.shape == (16, graphs.CORA_WORDS)
    for graph in ("karate", "generated"):
        config = small(graph=graph)
        found = nodes.load(config)
        assert nodes.shape(config) == (found.features, len(found.classes))
        assert EXPERIMENT.inputs(config) > 0
    with pytest.raises(ConfigError, match=r"^model must be one of gcn, gat, sage, mlp; got 'gin'"):
        NodesConfig.parse({"model": "gin"})


def test_graphs_of_ones_own_train_and_their_content_is_part_of_what_a_result_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    edges, other = (text.encode() for text in (own_graphs.EXAMPLE_EDGES, own_graphs.EXAMPLE_EDGES + "ann,lee\n"))
    for name, content in (("one", edges), ("two", other)):
        own_graphs.keep(content, own_graphs.EXAMPLE_NODES.encode(), name)
    one, two = (small(graph="own", own=name) for name in ("one", "two"))
    assert everything(one) != everything(two)
    marks = [EXPERIMENT.fingerprint(config) for config in (one, two)]
    assert len(set(marks)) == 2 and all(marks)
    assert nodes.shape(one) == (2, 2) and EXPERIMENT.inputs(one) > 0 and "one" in EXPERIMENT.data(one)
    with pytest.raises(Explained, match="There is no graph called"):
        list(nodes.run(small(graph="own", own="three"), (0,), CPU))
    assert nodes.build(small(graph="own", own="three")) is not None  # the page counts its parameters
