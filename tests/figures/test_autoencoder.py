from __future__ import annotations

import numpy as np
import pytest

from core.data import gaussian
from core.figures import autoencoder as figures
from core.figures.autoencoder import ERROR, PROBE, SIZES
from core.figures.curves import curves

DRAW = np.random.default_rng(0)


def roles(figure, role):
    return [trace for trace in figure.data if trace.meta and trace.meta.get("role") == role]


def test_five_of_twenty_directions_allow_66_give_or_take_5():
    mean, std = gaussian.random_parts(5)
    assert mean == pytest.approx(66, abs=1) and std == pytest.approx(5, abs=0.3)
    line, low, high = figures.expected("gaussian", 5)
    assert line == gaussian.chance_of_agreement(5) == pytest.approx(100 * (1 - np.arccos(0.5) / np.pi))
    assert (low, high) == (mean - 2 * std, mean + 2 * std)


def test_the_drawn_random_parts_are_those_of_random_subspaces():
    """Another way to the same: a basis of a random subspace, and how often its projection tells the label's sign."""
    rng, direction = np.random.default_rng(1), np.ones(20) / np.sqrt(20)
    bases = np.linalg.qr(rng.standard_normal((4000, 20, 8)))[0]  # (draws, 20, 8)
    held = np.linalg.norm(direction @ bases, axis=1)
    accuracy = 100 * (1 - np.arccos(held) / np.pi)
    assert gaussian.random_parts(8) == pytest.approx((accuracy.mean(), accuracy.std()), abs=0.3)


def test_nothing_is_expected_of_pictures_and_of_codes_with_room_for_all():
    assert figures.expected("digits", 5) is None and figures.expected("gaussian", 20) is None
    assert gaussian.random_parts(20) == pytest.approx((100, 0))
    plain = curves({"probe accuracy": {0: (np.arange(3), np.arange(3))}}, y="Probe accuracy (%)")
    assert figures.with_expectation(plain, "gaussian", 100, 10) is plain


def test_the_expectation_lies_under_the_measured_curve_over_all_epochs():
    plain = curves({"probe accuracy": {0: (np.arange(3), np.array([50.0, 60, 66]))}}, y="Probe accuracy (%)")
    figure = figures.with_expectation(plain, "gaussian", 5, 10)
    (line,), (band,), (mean,) = (roles(figure, role) for role in ("expected", "band", "mean"))
    assert list(line.x) == [0, 10] and set(line.y) == {figures.expected("gaussian", 5)[0]}
    assert max(band.y) == figures.expected("gaussian", 5)[2] and list(mean.y) == [50, 60, 66]
    assert figure.layout.showlegend and figure.layout.yaxis.title.text == "Probe accuracy (%)"


def cells():
    return {("vanilla", 5): {0: 66.0, 1: 68.0}, ("vanilla", 20): {0: 96.0, 1: 98.0}, ("masked", 20): {0: 95.0}}


def test_over_sizes_has_a_line_a_kind_and_the_expectation_for_accuracies_of_the_cloud():
    figure = figures.over_sizes(cells(), PROBE, "range", "gaussian")
    means = {trace.name: trace for trace in roles(figure, "mean")}
    assert list(means) == ["vanilla", "masked"]
    assert means["vanilla"].x.tolist() == [5, 20] and means["vanilla"].y.tolist() == [67, 97]
    assert means["masked"].line.dash != means["vanilla"].line.dash
    (expected,) = roles(figure, "expected")
    assert list(expected.x) == list(range(5, 20)) and expected.y[0] == figures.expected("gaussian", 5)[0]
    assert figure.layout.xaxis.type == "log" and tuple(figure.layout.xaxis.tickvals) == SIZES
    assert not roles(figures.over_sizes(cells(), PROBE, "range", "digits"), "expected")
    assert not roles(figures.over_sizes(cells(), ERROR, "range", "gaussian"), "expected")


def test_no_seed_counts_at_a_size_that_it_was_not_trained_at():
    mine = {("vanilla", 5): {0: 150.0, 1: 150.0, 2: 150.0}, ("vanilla", 20): {0: 80.0, 1: 82.0}}
    figure = figures.over_sizes({**mine, ("vanilla", 100): {0: 10.0, 1: 10.0, 2: 10.0}}, ERROR, "range", "gaussian")
    (mean,), (band,) = roles(figure, "mean"), roles(figure, "band")
    assert mean.y.tolist() == [150, 81, 10] and mean.customdata[1].tolist() == [1, 2]
    assert 82 in band.y and not any(82 < edge < 150 for edge in band.y)


def test_over_sizes_of_nothing_is_an_empty_chart():
    assert not roles(figures.over_sizes({}, ERROR, "std", "digits"), "mean")


def test_over_epochs_has_a_line_a_cell_colour_by_kind_and_dash_by_size():
    points = {0: (np.arange(3), np.arange(3.0))}
    figure = figures.over_epochs(
        {("vanilla", 5): points, ("vanilla", 500): points, ("masked", 5): points}, ERROR, "std"
    )
    small, large, masked = roles(figure, "mean")
    assert (small.name, large.name, masked.name) == ("vanilla, 5", "vanilla, 500", "masked, 5")
    assert small.line.color == large.line.color != masked.line.color
    assert small.line.dash == masked.line.dash != large.line.dash


def test_a_row_of_the_table_has_both_metrics_and_epoch_0():
    row = figures.table_row(("masked", 5), {ERROR: {0: 200.0, 1: 202.0}, PROBE: {0: 66.0}}, {}, "stored")
    assert row["Reconstruction error"] == "201.00 ± 1.00 (n = 2)" and row["Probe accuracy (%)"] == "66.00 (n = 1)"
    assert (row["Latent size"], row["Untrained, epoch 0 (%)"], row["From"]) == ("5", "–", "stored")


def found(**more):
    inputs = DRAW.random((3, 4, 4))
    return {"inputs": inputs, "seen": inputs, "reconstructions": inputs, **more}


def test_reconstructions_leave_out_what_is_seen_where_nothing_is_corrupted():
    assert list(figures.reconstructions(found(), ["a", "b", "c"]).layout.yaxis.ticktext) == ["input", "given back"]
    noisy = found(seen=DRAW.random((3, 4, 4)))
    figure = figures.reconstructions(noisy, ["a", "b", "c"])
    assert list(figure.layout.yaxis.ticktext) == ["input", "seen", "given back"]
    assert list(figure.layout.xaxis.ticktext) == ["a", "b", "c"]
    assert figure.data[0].source.startswith("data:image/png;base64,")


def test_rows_of_numbers_are_strips_with_a_gap_between_samples():
    inputs = DRAW.standard_normal((2, 100))
    (strips,) = figures.reconstructions(
        {"inputs": inputs, "seen": inputs, "reconstructions": 0 * inputs}, ["#0", "#1"]
    ).data
    assert strips.z.shape == (5, 100) and np.isnan(strips.z[2]).all()
    np.testing.assert_allclose(strips.z[[0, 3]], inputs, rtol=1e-6)
    assert strips.zmax == -strips.zmin == np.float32(np.abs(inputs).max())


def cloud_of(size: int, dimensions: int, direct: int):
    labels = np.array([1, 0, 1, 2, 0])
    shown = min(size, dimensions)
    points = np.arange(5 * shown, dtype=np.float32).reshape(5, shown)
    about = {"spectrum": np.array([3.0, 1.0]), "effective rank": np.array(1.8), "share": np.array(0.75)}
    return {"points": points, "labels": labels, "indices": np.arange(5), "direct": np.array(direct), **about}


@pytest.mark.parametrize(("size", "dimensions", "kind"), [(9, 2, "scatter"), (9, 3, "scatter3d"), (1, 2, "scatter")])
def test_a_click_on_the_cloud_finds_the_sample_that_was_drawn_there(size: int, dimensions: int, kind: str):
    cloud = cloud_of(size, dimensions, int(size <= dimensions))
    figure = figures.cloud(cloud, chosen=3)
    for number, trace in enumerate(figure.data[:-1]):
        assert trace.type == kind
        for place, sample in enumerate(trace.customdata):
            assert figures.sample_at(cloud, number, place) == sample
            assert trace.x[place] == cloud["points"][sample, 0]
    assert figure.data[-1].x.tolist() == [cloud["points"][3, 0]]
    assert figures.sample_at(cloud, 3, 0) is None and figures.sample_at(cloud, 0, 2) is None  # the ring; too far


def test_the_cloud_says_what_its_axes_are():
    direct, principal = cloud_of(2, 2, 1), cloud_of(9, 2, 0)
    assert figures.cloud(direct, 0).layout.xaxis.title.text == "Number 1 of the code"
    assert figures.cloud(principal, 0).layout.yaxis.title.text == "Principal component 2"
    assert figures.cloud(cloud_of(9, 3, 0), 0).layout.scene.zaxis.title.text == "PC 3"
    assert figures.cloud(cloud_of(1, 2, 1), 0).layout.yaxis.title.text == "Class"
    assert "2 numbers of the code themselves" in figures.shown_as(direct)
    assert "first 2 principal components: 75 %" in figures.shown_as(principal)
    assert "effective rank 1.8 of 2" in figures.spectrum(principal).layout.annotations[0].text


def gains():
    counts = np.array([10, 200, 360, 360])
    accuracy = {"trained": [40, 80, 90, 90], "untrained": [30, 60, 80, 80], "pca": [35, 70, 85, 85]}
    return {"counts": counts, "pixels": np.array([38.0, 75, 88, 88]), **{k: np.array(v) for k, v in accuracy.items()}}


def test_few_labels_has_a_line_a_kind_of_feature_and_no_count_twice():
    figure = figures.few_labels(gains(), classes=10)
    means = roles(figure, "mean")
    assert [trace.name for trace in means] == ["codes, trained", "codes, untrained", "PCA codes", "raw inputs"]
    assert all(list(trace.x) == [10, 200, 360] for trace in means)
    assert set(roles(figure, "chance")[0].y) == {10.0}
    assert figure.layout.xaxis.type == "log"


def test_the_gain_is_said_at_the_nearest_count():
    said = figures.gain(gains(), 200)
    assert "With 200 labels: trained codes 80.0 %, +20.0 points on the untrained encoder, +5.0 on raw inputs" in said
    assert "+10.0 on PCA codes" in said and "one net" in said
