"""Figures of the normalisation and regularisation labs: frames where cells are averaged, formulas beside measures."""

from __future__ import annotations

import numpy as np

from core.demos import normalisation as norms
from core.demos import regularisation as demo
from core.demos.normalisation import NormalisationConfig
from core.demos.regularisation import METHODS, RegularisationConfig
from core.figures import normalisation, regularisation


def test_every_averaged_cell_is_framed_in_both_panels():
    found = norms.look(NormalisationConfig(kind="layer", sample=3))
    figure = normalisation.tensors(found)
    frames = [one for one in figure.layout.shapes if one.line.color == normalisation.LIT]
    assert len(frames) == 2 * found.lit.sum() == 12
    assert {round((one.y0 + one.y1) / 2) for one in frames} == {4, 5}
    np.testing.assert_array_equal(figure.data[0].z, found.x.reshape(8, 3))
    np.testing.assert_allclose(figure.data[1].z, found.output.reshape(8, 3))
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Feature", "Sample, channel")
    assert [one["Averaged"] for one in normalisation.rows(found)] == [f"sample {one}" for one in (1, 2, 3, 4)]


def test_a_drift_is_drawn_with_its_formula():
    found = norms.drifting(0.1, 0.1, 0)
    true, running, formula = normalisation.means(found).data
    np.testing.assert_array_equal(running.y - true.y, found.lag)
    np.testing.assert_array_equal(formula.y, found.expected)
    assert normalisation.errors(found).layout.yaxis.title.text == "Mean |error| of the output"


def test_monte_carlo_has_bars_of_2_standard_errors_beside_the_formula():
    one = demo.problem(RegularisationConfig())
    points = demo.over_keep(one, 0)
    fine = {name: np.zeros(3) for name in ("p", "formula", "fit", "penalty")}
    figure = regularisation.over_keep(points, points[5], fine)
    np.testing.assert_allclose(figure.data[3].error_y.array, [2 * point.error for point in points])
    assert list(figure.data[4].x) == [0.5] and figure.layout.xaxis.title.text == "Probability of keeping p"


def test_the_line_of_solutions_solves_and_is_left_out_where_there_is_none():
    one = demo.plane(RegularisationConfig())
    paths = {method: demo.descend(one, np.zeros(2), method, 5) for method in METHODS}
    line = regularisation.plane(one, paths).data[0]
    np.testing.assert_allclose(2 * np.array(line.x) + np.array(line.y), 3)
    nothing = demo.plane(RegularisationConfig(a1=0, a2=0))
    assert len(regularisation.plane(nothing, paths).data) == 2 * len(paths) + 1
    away = regularisation.distances(one, paths).data[0].y
    assert np.isclose(away[0], np.linalg.norm(one.solution)) and min(away) >= regularisation.LEAST
    row = regularisation.ending_row("gradient descent", demo.ending(one, paths[METHODS[0]].end), 1e-12)
    assert row["‖Xw − y‖"] == "0.0e+00" and row["from the formula"] == "1.0e−12"
