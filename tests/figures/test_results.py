from __future__ import annotations

import numpy as np
import pytest

from core.figures.results import (
    METRICS,
    NOT_TRAINED,
    PUBLISHED,
    TEST,
    VALIDATION,
    Score,
    accuracy_rows,
    against_published,
    as_table,
)


def row_of(cells, conv="replicate", head="pool"):
    return next(row for row in accuracy_rows(cells) if (row.conv, row.head) == (conv, head))


def test_score_is_mean_and_population_std():
    assert Score.of([90, 94, np.nan]) == Score(92.0, 2.0, 2)
    assert str(Score(93.8, 2.16, 10)) == "93.80 ± 2.16"


@pytest.mark.parametrize("values", [[], [np.nan]])
def test_score_of_nothing_is_none(values):
    assert Score.of(values) is None


@pytest.mark.parametrize(
    ("published", "ours", "agrees"),
    [
        (Score(93.8, 2.16, 10), 87.4, True),  # 3 std = 6.48
        (Score(93.8, 2.16, 10), 87.2, False),
        (Score(6.37, 0.23, 10), 9.3, True),  # std under 1: 3 points
        (Score(6.37, 0.23, 10), 9.4, False),
    ],
)
def test_agreement_is_three_std_and_three_points_where_the_std_is_under_one(published, ours, agrees):
    assert Score(ours, 0.0, 10).agrees(published) is agrees


def test_all_twelve_cells_are_listed_before_anything_is_trained():
    rows = accuracy_rows({})
    assert [(row.conv, row.head) for row in rows] == list(PUBLISHED) and len(rows) == 12
    assert not any(row.trained for row in rows)
    assert {row[f"{name} here (%)"] for row in as_table(rows) for name in METRICS.values()} == {NOT_TRAINED}


@pytest.mark.parametrize("cell", [None, {}, {VALIDATION: []}])
def test_an_empty_cell_reads_not_trained_yet(cell):
    row = row_of({("replicate", "pool"): cell})
    assert (row.text(VALIDATION), row.agrees(VALIDATION)) == (NOT_TRAINED, None)


def test_the_table_holds_ours_beside_the_published_figure():
    cells = {("replicate", "pool"): {VALIDATION: [98.0, 99.0], TEST: [92.0, 96.0]}}
    line = as_table([row_of(cells)])[0]
    assert line == {
        "Net": "Net1 (pool)",
        "Convolution": "replicate",
        "Validation here (%)": "98.50 ± 0.50 (n = 2)",
        "Validation published (%)": "98.31 ± 0.48",
        "Test (swapped location) here (%)": "94.00 ± 2.00 (n = 2)",
        "Test (swapped location) published (%)": "93.80 ± 2.16",
    }


def test_cells_beyond_the_published_ones_are_listed_last():
    row = accuracy_rows({("dilated", "pool"): {TEST: [50.0]}})[-1]
    assert (row.conv, row.agrees(TEST)) == ("dilated", None)
    assert as_table([row])[0]["Test (swapped location) published (%)"] == "–"


def test_the_dot_plot_tells_who_agrees_who_does_not_and_who_is_missing():
    cells = {("replicate", "pool"): {TEST: [94.0]}, ("fconv", "pool"): {TEST: [40.0]}}
    figure = against_published(accuracy_rows(cells))
    bars, dots, words = (trace for trace in figure.data if trace.xaxis == "x2")
    assert dict(zip(dots.y, dots.marker.symbol, strict=True)) == {
        "fconv · Net1": "x",
        "replicate · Net1": "circle",
    }
    assert len(words.y) == 10 and set(words.text) == {NOT_TRAINED}
    place = list(bars.y).index("replicate · Net1")
    assert bars.base[place] == pytest.approx(93.8 - 6.48)
    assert bars.base[place] + bars.x[place] == pytest.approx(93.8 + 6.48)


def test_the_dot_plot_is_labelled():
    drawn = against_published(accuracy_rows({})).layout
    assert drawn.xaxis.title.text == drawn.xaxis2.title.text == "Accuracy (%)"
    assert [one.text for one in drawn.annotations] == ["Validation", "Swapped location"]


def test_hover_tells_mean_std_and_n():
    figure = against_published(accuracy_rows({("valid", "pool"): {TEST: [1.0, 3.0]}}))
    (dots,) = (trace for trace in figure.data if trace.name.startswith("here") and trace.x)
    assert dots.customdata[0][0] == "2.00 ± 1.00 (n = 2)"
    assert "customdata[0]" in dots.hovertemplate
