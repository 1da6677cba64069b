"""What a net on a graph answers: every node's class, what an edge weighs, and one node's logit as a sum."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest
import torch

from core.experiments.nodes import NodesConfig, build, make_data
from core.queries.nodes import PARTS, load, neighbourhood, picture

CPU = torch.device("cpu")


def config(**changes: object) -> NodesConfig:
    return NodesConfig.parse({"nodes": 90, "hidden": 8, "heads": 2, "head_width": 4, **changes})


def net_of(settings: NodesConfig) -> torch.nn.Module:
    torch.manual_seed(0)
    net = build(settings).eval()
    for name, value in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(value)  # so that a bias left out is seen
    return net


def asked(question, settings: NodesConfig, **arguments):
    return question(net_of(settings), settings, device=CPU, **arguments).arrays


def test_the_picture_tells_every_nodes_answer_by_part():
    settings = config()
    found = asked(picture, settings, split_seed=3)
    data = make_data(settings, load(settings), 3, CPU)
    with torch.inference_mode():
        logits = net_of(settings)(data.features, data.graph)
    np.testing.assert_array_equal(found["said"], logits.argmax(dim=1).numpy())
    for place, part in enumerate(PARTS):
        np.testing.assert_array_equal(np.flatnonzero(found["part"] == place), data.nodes[part].numpy())
        right = (logits.argmax(dim=1)[data.nodes[part]] == data.classes[part]).float().mean()
        assert found["accuracy"][place] == pytest.approx(100 * right.item(), rel=1e-5)


def test_what_an_edge_weighs_is_held_against_an_equal_share():
    assert asked(picture, config(model="sage"))["listens"] == pytest.approx(1.0)
    settings = config(self_term=False)  # GCN: 1/√(d_v·d_u), over its mean in v's row
    found = asked(picture, settings)
    degrees = np.bincount(found["edges"].ravel(), minlength=90)
    one, other = found["edges"][7]
    row = [pair.sum() - one for pair in found["edges"] if one in pair]  # whom it hears
    expected = degrees[other] ** -0.5 / np.mean([degrees[at] ** -0.5 for at in row])
    assert found["listens"][0, 7] == pytest.approx(expected, rel=1e-4)
    gat = asked(picture, config(model="gat", noisy_edges=0.5), layer=0, head=1)
    mean = asked(picture, config(model="gat", noisy_edges=0.5), layer=0)
    assert gat["heads"].tolist() == [2, 1] and gat["added"].sum() == round(len(gat["added"]) / 3)
    assert (gat["listens"] > 0).all() and not np.array_equal(gat["listens"], mean["listens"])


@pytest.mark.parametrize("changes", [{"model": "mlp"}, {"model": "sage", "aggregator": "max"}])
def test_layers_without_weights_have_none_to_draw(changes: dict[str, object]):
    found = asked(picture, config(**changes))
    assert found["listens"].shape == (2, 0) and found["heads"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"self_term": False, "normalisation": "row"},
        {"normalisation": "none", "layers": 1},
        {"model": "gat", "output_heads": 3, "noisy_edges": 0.5},
        {"model": "gat", "layers": 1, "self_term": False},
        {"model": "sage"},
        {"model": "sage", "aggregator": "max"},
        {"model": "sage", "aggregator": "median", "self_term": False},
        {"model": "sage", "aggregator": "sum"},
        {"model": "mlp"},
        {"graph": "karate", "model": "gat"},
    ],
)
def test_a_nodes_logit_is_the_sum_of_its_terms(changes: dict[str, object]):
    for node in (0, 20):
        found = asked(neighbourhood, config(**changes), node=node)
        assert float(found["sum"]) == pytest.approx(float(found["logit"]), abs=2e-5)
        assert np.abs(found["terms"]).sum() + abs(float(found["own"])) > 0
        np.testing.assert_allclose(found["weights"] * found["values"], found["terms"], atol=1e-6)
        assert int(found["said"]) == found["probabilities"].argmax()


def test_weights_are_those_of_the_formulas():
    gcn = asked(neighbourhood, config(), node=20)
    assert 20 in gcn["heard"] and len(gcn["heard"]) == gcn["degree"]
    np.testing.assert_allclose(gcn["weights"], (gcn["degree"] * gcn["degrees"]) ** -0.5, rtol=1e-6)
    gat = asked(neighbourhood, config(model="gat"), node=20)
    assert gat["weights"].sum() == pytest.approx(1.0, abs=1e-6)
    sage = asked(neighbourhood, config(model="sage"), node=20)
    assert 20 not in sage["heard"] and sage["weights"] == pytest.approx(1 / len(sage["heard"]))
    median = asked(neighbourhood, config(model="sage", aggregator="median"), node=20)
    middle = sorted(median["values"])[(len(median["values"]) - 1) // 2]
    assert median["terms"].sum() == pytest.approx(middle)
    noisy = asked(neighbourhood, config(noisy_edges=2.0), node=20)
    assert 0 < noisy["added"].sum() < len(noisy["added"])


def test_a_node_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"from 0 to 89; got 90\. Choose another"):
        asked(neighbourhood, config(), node=90)


def test_answers_come_within_a_tenth_of_a_second():
    settings = NodesConfig(model="gat", noisy_edges=1.0)
    net = net_of(settings)

    def seconds(question) -> float:
        start = perf_counter()
        question(net, settings, device=CPU)
        return perf_counter() - start

    for question in (picture, neighbourhood):
        assert min(seconds(question) for _ in range(6)) < 0.1  # the first one makes the graph
