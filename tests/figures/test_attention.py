"""Figures of the attention lab: every matrix in its place, words never read as HTML, logarithms of what has one."""

from __future__ import annotations

import numpy as np
import pytest

from core.demos import equivalences, scaling
from core.demos.attention import AttentionConfig, look
from core.demos.attention_by_hand import matrices
from core.figures import attention as figures
from core.figures import equivalences as equal

SEEN = look(AttentionConfig(kernel="window", reach=1))


def test_a_panel_a_matrix_with_blanks_for_minus_infinity_and_the_cell_outlined():
    shown = matrices(SEEN)
    lower = {name: shown[name] for name in ("scores", "weights", "output")}
    figure = figures.matrices(lower, SEEN.names, weights=("weights",), pairs=("scores",), outlined={"scores": (2, 5)})
    assert [trace.name for trace in figure.data] == list(lower)
    assert np.isnan(figure.data[0].z[0, 5]) and np.isfinite(figure.data[0].z[0, 1])
    np.testing.assert_allclose(figure.data[2].z, shown["output"], rtol=1e-6)
    (box,) = figure.layout.shapes
    assert (box.y0, box.y1, box.x0, box.x1, box.xref) == (1.5, 2.5, 4.5, 5.5, "x")
    assert (figure.data[1].zmin, figure.data[1].zmax) == (0, 1)
    assert figure.data[0].zmin == -figure.data[0].zmax


def test_axes_say_what_they_are_and_only_the_lowest_panels_name_their_columns():
    one = np.eye(3)
    figure = figures.matrices(dict.fromkeys("abcde", one), ("x", "y", "z"), pairs=tuple("abcde"), across=3)
    titles = [figure.layout[f"xaxis{number}"].title.text for number in ("", 2, 3, 4, 5)]
    assert titles == ["", "", "Key", "Key", "Key"]
    assert figure.layout.yaxis.title.text == "Token" and figure.layout.yaxis.ticktext == ("0 x", "1 y", "2 z")


@pytest.mark.parametrize(("columns", "numbers"), [(1, (0,)), (2, (0, 1)), (8, (0, 2, 4, 6)), (24, (0, 5, 10, 15, 20))])
def test_columns_are_counted_in_whole_numbers_and_each_once(columns: int, numbers: tuple[int, ...]):
    figure = figures.matrices({"Q": np.ones((2, columns))}, ("a", "b"))
    assert figure.layout.xaxis.tickvals == numbers


def test_negative_weights_are_drawn_on_the_scale_of_signed_numbers():
    figure = figures.matrices({"weights": np.array([[2.0, -1.0]])}, ("a", "b"), weights=("weights",))
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-2, 2)


def test_a_matrix_without_a_finite_number_is_drawn_blank_and_says_so():
    figure = figures.matrices({"weights": np.full((2, 2), np.nan)}, ("a", "b"), weights=("weights",))
    assert "not finite" in figure.layout.annotations[0].text


@pytest.mark.parametrize("word", ["<b>bold</b>", "<img src=x>", "a&lt;b", "x" * 40])
def test_a_word_is_cut_and_never_read_as_html(word: str):
    found = figures.label(word)
    assert len(found) <= figures.SHORT
    assert not set("<>&") & set(found)


def test_rows_that_are_no_distribution_leave_a_gap_under_the_level_of_ln_n():
    figure = figures.by_token({"entropy": np.array([0.5, np.nan])}, ("a", "b"), "Entropy (nats)", ("ln n", np.log(2)))
    assert np.isnan(figure.data[0].y[1]) and figure.data[1].y[0] == pytest.approx(np.log(2))


def test_measured_variance_stands_with_its_interval_on_the_formula():
    found = scaling.products(0.0, 1.0, 0)
    figure = figures.variances(found.widths, found.variance, found.low, found.high, found.formula)
    line, marks = figure.data
    assert list(line.y) == list(found.formula) and figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    np.testing.assert_allclose(marks.y - marks.error_y.arrayminus, found.low)


def test_rows_without_a_logarithm_are_left_out_of_the_study_of_signs():
    sums, growth = np.array([0.0, 0.5, 1e-3]), np.array([np.inf, 2.0, 50.0])
    figure = figures.signs({"raw dot product": (sums, growth, False), "softmax": (np.ones(2), np.ones(2), True)})
    assert list(figure.data[0].x) == pytest.approx([0.5, 1e-3])
    bound = figure.data[-1]
    np.testing.assert_allclose(np.array(bound.x) * np.array(bound.y), 1.0)


def test_every_other_figure_labels_both_axes():
    x = equivalences.signal(0)
    low = equivalences.low_rank(0)
    pooled = equivalences.pooling(x, 1, 2.0)
    sharp = scaling.sharpness(0)
    entropies, norms = scaling.over_temperature(AttentionConfig())
    drawn = [
        figures.favor_errors({8: {0: 0.5, 1: 0.4}, 16: {0: 0.3, 1: 0.2}}),
        figures.over_temperature(scaling.TEMPERATURES, entropies, norms, 1.0),
        figures.worked([0.0, 1.0, 0.0, 0.0], np.full(4, 0.25)),
        figures.over_width(sharp.entropy, scaling.WIDTHS, "Entropy (nats)"),
        equal.convolution(x, x, x),
        equal.pooling(x, pooled.attended, pooled.largest, pooled.mean, pooled.smallest),
        equal.over_gain(equivalences.GAINS, equivalences.pooling_over_gain(0, 0.0, 1), 2.0),
        equal.low_rank_error(low.ranks, low.left_out, low.formula, low.error),
        equal.low_rank_seconds(low.ranks, low.seconds, low.seconds_wrong_order, low.seconds_exact, low.seconds_factors),
    ]
    assert all(one.layout.xaxis.title.text and one.layout.yaxis.title.text and one.data for one in drawn)
