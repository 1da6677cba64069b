from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.figures.depth import PLAIN, RESIDUAL, errors_by_depth, layer_norms, net_name, over_layers


@dataclass
class Told:
    steps: np.ndarray
    values: np.ndarray


def means(figure):
    return {trace.name: trace for trace in figure.data if trace.meta["role"] == "mean"}


def test_a_net_is_called_by_its_kind():
    assert net_name(False) == "plain" and net_name(True, False) == "residual, no batch norm"


def test_errors_are_drawn_against_depth_for_each_kind_and_metric():
    figure = errors_by_depth(
        {
            (20, False): {"training error": {0: 1.0, 1: 3.0}, "test error": {0: 5.0}},
            (56, False): {"training error": {0: 60.0, 1: 70.0}, "test error": {}},
            (8, True): {"training error": {1: 4.0}},
        }
    )
    lines = means(figure)
    assert set(lines) == {"plain, training error", "plain, test error", "residual, training error"}
    plain = lines["plain, training error"]
    assert list(plain.x) == [20, 56] and list(plain.y) == [2, 65]
    assert (plain.line.color, plain.line.dash) == (PLAIN, "dash")
    assert lines["residual, training error"].line.color == RESIDUAL
    assert plain.mode == "lines+markers"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Layers", "Error (%)")
    assert list(figure.layout.xaxis.tickvals) == [8, 20, 56]


def test_no_seed_counts_at_a_depth_that_it_was_not_trained_at():
    three, two = {"test error": {0: 1.0, 1: 1.0, 2: 10.0}}, {"test error": {0: 2.0, 1: 2.0}}
    figure = errors_by_depth({(8, False): three, (20, False): two, (56, False): three})
    assert means(figure)["plain, test error"].y.tolist() == [4.0, 2.0, 4.0]


def test_nothing_trained_is_an_empty_figure():
    assert not errors_by_depth({}).data


def test_norms_of_an_epoch_are_put_in_the_order_of_the_layers():
    steps = np.array([1.0, 2.0, 3.0])
    series = {"a": {7: Told(steps, steps * 10)}, "b": {7: Told(steps, steps)}}
    layers, values = layer_norms(series, ["a", "b", "not measured"], 2)[7]
    assert list(layers) == [1, 2] and list(values) == [20, 2]
    assert list(layer_norms(series, ["b"])[7][1]) == [3]  # the newest
    assert layer_norms(series, ["b"], 0.5) == {}


def test_layers_are_drawn_on_a_logarithmic_axis_without_zeros():
    found = (np.array([1, 2, 3]), np.array([1e-3, 0.0, 1e2]))
    figure = over_layers({"plain": {0: found}, "residual, no batch norm": {0: found}}, "Norm")
    line = means(figure)["plain"]
    assert list(line.x) == [1, 3] and line.line.dash == "solid"
    assert means(figure)["residual, no batch norm"].line.dash == "dot"
    assert figure.layout.yaxis.type == "log" and figure.layout.yaxis.title.text == "Norm"
