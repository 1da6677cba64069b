"""Figures of the cost lab: exponents of exact power laws, crossovers, and what is said where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from core.figures import attention_cost as figures
from core.figures.attention_cost import BASELINE, BYTES, KERNEL_STYLES, MEMORY_AXIS, SECONDS, TIME_AXIS

N = np.array([256.0, 512.0, 1024.0, 2048.0, 4096.0])
QUADRATIC = {seed: (N, (1 + seed / 100) * 1e-9 * N**2) for seed in range(3)}
LINEAR = {seed: (N, (1 + seed / 100) * 1e-6 * N) for seed in range(3)}  # they meet at n = 1000
LOOKS = {"a": KERNEL_STYLES["softmax"], "b": KERNEL_STYLES["linear"]}


def test_lines_are_logarithmic_in_milliseconds_with_their_power_laws_beside_them() -> None:
    figure = figures.over_lengths({"a": QUADRATIC, "b": LINEAR}, TIME_AXIS, LOOKS, "range")
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert "ms" in figure.layout.yaxis.title.text and "Tokens" in figure.layout.xaxis.title.text
    mean = next(one for one in figure.data if one.meta["role"] == "mean" and one.name == "a")
    np.testing.assert_allclose(mean.y, 1.01e-6 * N**2)
    fits = [one.name for one in figure.data if one.meta["role"] == "fit"]
    assert [name[:5] for name in fits] == ["n^(2.", "n^(1."]


def test_memory_is_in_mebibytes() -> None:
    figure = figures.over_lengths({"a": {0: (N, 2.0**20 * N)}}, MEMORY_AXIS, LOOKS, "std", fits=False)
    np.testing.assert_allclose(figure.data[0].y, N)


def test_the_table_says_exponents_and_where_lines_meet() -> None:
    row = figures.table_row("b", {SECONDS: LINEAR, BASELINE: QUADRATIC, BYTES: LINEAR}, "live")
    assert row["Time grows as"].startswith("n^(1.00 ±") and row["Memory grows as"].startswith("n^(1.00")
    assert row["Faster than softmax from"] == "n ≈ 1,000"
    empty = figures.table_row("b", {}, "press Measure")
    assert set(empty.values()) == {"b", "–", "press Measure"}


def test_points_on_no_line_have_no_exponent() -> None:
    steps = {0: (N, np.array([1.0, 2.0, 4.0, 0.5, 1.0]))}
    assert figures.table_row("a", {BYTES: steps}, "live")["Memory grows as"] == "no power of n here"
    drawn = figures.over_lengths({"a": steps}, MEMORY_AXIS, LOOKS, "std")
    assert [one.meta["role"] for one in drawn.data] == ["mean"]
    assert "time grows as no power of n here, looked for from n = " in figures.sentence("a", {SECONDS: steps})


def test_lines_that_do_not_meet_are_said_not_to() -> None:
    assert figures.met_in_words(LINEAR, QUADRATIC) == "not reached up to n = 4,096"
    assert "shortest" in figures.met_in_words({0: (N, N)}, {0: (N, N / 2)})
    assert figures.met_in_words({}, LINEAR) == "–"


def test_the_sentence_of_a_run_names_the_ratio_at_the_longest_n() -> None:
    said = figures.sentence("b", {SECONDS: LINEAR, BASELINE: QUADRATIC})
    assert "from n = 1,024 to 4,096" in said and "softmax takes 4.1 × its time" in said
    assert figures.sentence("b", {}) == ""


def test_time_against_the_width_has_a_point_a_width() -> None:
    figure = figures.over_widths({"a": {16: {0: 0.001}, 64: {0: 0.004}}}, LOOKS, "std")
    (line,) = figure.data
    assert list(line.x) == [16, 64] and list(line.y) == pytest.approx([1.0, 4.0])
    assert figure.layout.xaxis.tickvals == (16, 64)


def test_styles_differ() -> None:
    assert len({(one.colour, one.dash) for one in KERNEL_STYLES.values()}) == len(KERNEL_STYLES)
