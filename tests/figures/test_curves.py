from __future__ import annotations

import time

import numpy as np
import pytest

from core.figures.curves import FAINT_SEEDS, curves, over_seeds, spread
from core.figures.palette import CONV_STYLES


def points(steps, values):
    return np.asarray(steps, float), np.asarray(values, float)


def traces(figure, role):
    return [trace for trace in figure.data if trace.meta["role"] == role]


def test_mean_std_and_count_of_a_known_case():
    figure = curves({"fconv": {0: points([1, 2], [90, 92]), 1: points([1, 2], [94, 96])}}, y="Accuracy (%)")
    (mean,) = traces(figure, "mean")
    np.testing.assert_allclose(mean.x, [1, 2])
    np.testing.assert_allclose(mean.y, [92, 94])
    np.testing.assert_allclose(mean.customdata, [[2, 2], [2, 2]])  # std, n


def test_a_seed_that_stopped_leaves_the_mean_and_the_count():
    figure = curves({"a": {0: points([1, 2, 3], [1, 1, 1]), 1: points([1], [3])}}, y="Loss (nats)")
    (mean,) = traces(figure, "mean")
    np.testing.assert_allclose(mean.y, [2, 1, 1])
    np.testing.assert_allclose(mean.customdata[:, 1], [2, 1, 1])


def test_a_seed_is_interpolated_within_its_span_and_nowhere_else():
    steps, values = over_seeds({0: points([0, 4], [0, 8]), 1: points([1, 2], [5, 5])})
    np.testing.assert_allclose(steps, [0, 1, 2, 4])
    np.testing.assert_allclose(values, [[0, 2, 4, 8], [np.nan, 5, 5, np.nan]])


def test_spread_equals_numpy_where_every_seed_is_there():
    values = np.random.default_rng(0).normal(size=(7, 30))
    mean, std, count = spread(values)
    np.testing.assert_allclose(mean, values.mean(axis=0))
    np.testing.assert_allclose(std, values.std(axis=0))
    assert (count == 7).all()


def test_spread_is_nan_where_no_seed_is():
    mean, std, count = spread(np.full((3, 1), np.nan))
    assert np.isnan(mean).all() and np.isnan(std).all() and count[0] == 0


def test_nan_values_are_left_out():
    figure = curves({"a": {0: points([1, 2, 3], [5, 6, np.nan]), 3: points([1], [np.nan])}}, y="Accuracy (%)")
    (mean,) = traces(figure, "mean")
    np.testing.assert_allclose(mean.x, [1, 2])
    np.testing.assert_allclose(mean.customdata[:, 1], [1, 1])


@pytest.mark.parametrize(("band", "low", "high"), [("std", 3 - np.sqrt(2 / 3), 3 + np.sqrt(2 / 3)), ("range", 2, 4)])
def test_the_band_is_std_or_range(band, low, high):
    seeds = {seed: points([1, 2], [value, value]) for seed, value in enumerate([2.0, 3.0, 4.0])}
    (drawn,) = traces(curves({"a": seeds}, y="Loss (nats)", band=band), "band")
    np.testing.assert_allclose(drawn.x, [1, 2, 2, 1])
    assert drawn.meta["edges"] == band
    np.testing.assert_allclose(drawn.y, [high, high, low, low])


def test_without_a_band_the_mean_stands_alone():
    points = {seed: (np.arange(3), np.arange(3) + seed) for seed in range(2)}
    (mean,) = curves({"a": points}, y="y", band="none", faint=False).data
    assert mean.meta["role"] == "mean"


def test_hover_tells_mean_std_and_n():
    (mean,) = traces(curves({"a": {0: points([1], [2])}}, y="Loss (nats)"), "mean")
    assert "mean %{y:.4~g} ± %{customdata[0]:.2~g} (n = %{customdata[1]})" in mean.hovertemplate


def test_single_lines_carry_their_seed_and_are_divided():
    (lines,) = traces(curves({"a": {4: points([1, 2], [3, 5]), 9: points([1], [7])}}, y="Loss (nats)"), "seeds")
    np.testing.assert_allclose(lines.y, [3, 5, np.nan, 7, np.nan])
    assert list(lines.customdata) == [4, 4, 4, 9, 9]


@pytest.mark.parametrize(("seeds", "faint", "shown"), [(2, True, 1), (2, False, 0), (1, True, 0)])
def test_single_lines_are_drawn_where_they_help(seeds, faint, shown):
    group = {seed: points([1, 2], [seed, 3]) for seed in range(seeds)}
    assert len(traces(curves({"a": group}, y="Loss (nats)", faint=faint), "seeds")) == shown


def test_many_seeds_show_no_single_lines():
    group = {seed: points([1, 2], [seed, 3]) for seed in range(FAINT_SEEDS + 1)}
    assert not traces(curves({"a": group}, y="Loss (nats)"), "seeds")


def test_one_point_is_a_marker_and_two_are_a_line():
    one, two = (curves({"a": {0: points(steps, steps)}}, y="Loss (nats)").data[0].mode for steps in ([1], [1, 2]))
    assert (one, two) == ("markers", "lines")


def test_a_group_without_points_draws_nothing():
    assert curves({"a": {}, "b": {0: points([], [])}}, y="Loss (nats)").data == ()


def test_conv_types_have_their_colour_and_dash_unless_told_otherwise():
    seeds = {0: points([1, 2], [1, 2])}
    (own,) = curves({"circular": seeds}, y="Accuracy (%)").data
    assert (own.line.color, own.line.dash) == (CONV_STYLES["circular"].colour, CONV_STYLES["circular"].dash)
    (told,) = curves({"circular": seeds}, y="Accuracy (%)", colours={"circular": "#123456"}).data
    assert told.line.color == "#123456"


def test_axes_are_labelled():
    figure = curves({}, x="Epoch", y="Validation accuracy (%)")
    assert figure.layout.xaxis.title.text == "Epoch"
    assert figure.layout.yaxis.title.text == "Validation accuracy (%)"


def test_twenty_groups_of_ten_seeds_are_drawn_within_50_ms_of_computing():
    steps = np.arange(50.0)
    groups = {f"run {i}": {seed: (steps, np.sin(steps + seed)) for seed in range(10)} for i in range(20)}
    curves(groups, y="Loss (nats)")  # the first figure imports validators

    def seconds() -> float:
        start = time.process_time()
        curves(groups, y="Loss (nats)")
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.05


@pytest.mark.parametrize(("log", "kind"), [(True, "log"), (False, None)])
def test_curves_may_begin_with_a_log_axis(log: bool, kind: str | None):
    figure = curves({"a": {0: points([1, 2], [1, 100])}}, y="Loss (nats)", log=log)
    assert figure.layout.yaxis.type == kind
    assert figure.layout.yaxis.title.text == "Loss (nats)"
