"""Random projections, directions and angles, against closed forms, other libraries, and bounds nothing may pass."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats
from scipy.spatial.distance import cdist, pdist

from core.demos import directions, neighbours, projections
from core.demos.projections import Kind

KINDS: tuple[Kind, ...] = ("gaussian", "sign", "sparse", "very_sparse")
STREAM = np.random.default_rng


# --- distances and distortions


@given(seed=some.integers(0, 10**6), n=some.integers(2, 12), d=some.integers(1, 9), shift=some.sampled_from([0.0, 1e3]))
@settings(max_examples=40, deadline=None)
def test_distortions_are_ratios_of_scipys_distances(seed: int, n: int, d: int, shift: float):
    stream = STREAM(seed)
    x, m = stream.standard_normal((n, d)), stream.standard_normal((max(1, d // 2), d))
    expected = pdist(x @ m.T, "sqeuclidean") / pdist(x, "sqeuclidean")
    np.testing.assert_allclose(projections.distortions(x + shift, m), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 256, 257, 600])
def test_pairs_in_pieces_are_all_pairs_each_once(n: int):
    x = projections.cloud("gaussian", n, 20, 3)
    m = projections.matrix("sign", 10, 20, STREAM(4)) * np.float32(10**-0.5)
    whole = projections.distortions(x.astype(np.float64), m.astype(np.float64))
    found = projections.pairs(x, m, 0.3)
    assert found.total == found.counts.sum() == n * (n - 1) // 2
    assert (found.low, found.high, found.mean) == pytest.approx((whole.min(), whole.max(), whole.mean()), rel=1e-4)
    assert found.square == pytest.approx(((whole - 1) ** 2).mean(), rel=1e-3)
    assert abs(found.outside - int((np.abs(whole - 1) > 0.3).sum())) <= 1  # one may lie on the border, within rounding
    np.testing.assert_allclose(np.sort(np.concatenate(list(projections.in_pieces(x, m)))), np.sort(whole), rtol=1e-4)


@pytest.mark.parametrize(("d", "k"), [(1, 1), (2, 1), (3, 2), (12, 1)])
def test_in_few_dimensions_near_points_cost_no_precision(d: int, k: int):
    x = projections.cloud("gaussian", 400, d, 0).astype(np.float64)
    m = projections.matrix("gaussian", k, d, projections.stream_of(0, 0)).astype(np.float64)
    exact = pdist(x @ m.T, "sqeuclidean") / pdist(x, "sqeuclidean") / k
    one = projections.one_draw("gaussian", "gaussian", 400, d, k, 0.5, 0)
    assert (one.low, one.high, one.mean) == pytest.approx((exact.min(), exact.max(), exact.mean()), rel=1e-5, abs=1e-6)
    assert one.low >= 0
    followed = projections.draws("gaussian", "gaussian", 400, d, k, 3, 0)
    assert followed.high[0, 0] == pytest.approx(exact.max(), rel=1e-5)


def test_points_at_one_place_are_no_pair():
    x = np.array([[1.0], [1.0], [3.0]], dtype=np.float32)
    found = projections.pairs(x, np.array([[2.0]], dtype=np.float32), 0.5)
    assert (found.total, found.low, found.high) == (2, 4.0, 4.0)
    followed = projections.followed("sign", x, [1], 2, 0)
    np.testing.assert_array_equal(followed.low, [[1.0], [1.0]])


def test_signs_on_a_line_have_no_variance():
    assert projections.variance("sign", projections.cloud("gaussian", 200, 1, 0), 1.0) == pytest.approx(0, abs=1e-12)


def test_no_piece_is_as_large_as_all_pairs_and_5000_points_are_no_array_of_differences():
    x = projections.cloud("gaussian", 1000, 4, 0)
    pieces = projections.in_pieces(x, np.eye(4, dtype=np.float32))
    assert max(piece.size for piece in pieces) <= projections.ROWS * 1000


@pytest.mark.parametrize(
    ("points", "made", "said"),
    [
        (np.ones((1, 3)), np.ones((1, 3)), "at least two points; got 1"),
        (np.array([[0.0, 1.0], [math.nan, 2.0]]), np.ones((1, 2)), "points must be finite numbers; 1 are not"),
        (np.eye(2), np.array([[math.inf, 1.0]]), "matrix must be finite"),
        (np.eye(2), np.ones((3, 2)), "k must be at most d: with k = 3 and d = 2 the projection does not reduce"),
        (np.ones((3, 2)), np.ones((1, 2)), "All 3 points must differ"),
        (np.eye(2), np.ones((1, 3)), "a column for each of the 2 dimensions; it has 3"),
    ],
)
def test_what_cannot_be_projected_is_said_with_a_remedy(points: np.ndarray, made: np.ndarray, said: str):
    with pytest.raises(ValueError, match=said):
        projections.distortions(points, made)


@pytest.mark.parametrize(("points", "epsilon"), [(1, 0.5), (2, 0.0), (2, 1.0), (2, -1.0), (2, math.nan)])
def test_the_lemma_is_asked_about_two_points_and_an_epsilon_between_0_and_1(points: int, epsilon: float):
    for asked in (projections.lemma_k, projections.proof_k):
        with pytest.raises(ValueError, match="Try"):
            asked(points, epsilon)


def test_faults_are_said_and_sound_settings_have_none():
    assert projections.fault("gaussian", 50, 300, 126) == projections.fault("axes", 300, 300, 300) == ""
    assert "does not reduce" in projections.fault("gaussian", 50, 300, 301)
    assert "d ≥ n" in projections.fault("axes", 301, 300, 1)


# --- the lemma


def test_the_ks_of_the_lemma():
    assert projections.lemma_k(50, 0.5) == math.ceil(32 * math.log(50)) == 126
    assert projections.proof_k(50, 0.5) == math.ceil(48 * math.log(50))


@given(n=some.integers(2, 5000), epsilon=some.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_at_the_proofs_k_an_m_exists_and_the_exact_tail_is_below_the_bound(n: int, epsilon: float):
    k = projections.proof_k(n, epsilon)
    assert k >= projections.lemma_k(n, epsilon)
    assert projections.union(n, projections.pair_bound(k, epsilon)) < 1
    for one in (1, 7, k):
        assert projections.pair_misses(one, epsilon) <= projections.pair_bound(one, epsilon)


@pytest.mark.parametrize("kind", ["gaussian", "sign", "sparse"])
def test_pairs_miss_as_often_as_the_tail_says(kind: Kind):
    k, d, draws, epsilon = 12, 60, 4000, 0.5
    z = STREAM(8).standard_normal(d)
    m = projections.matrix(kind, k * draws, d, STREAM(9)).astype(np.float64)
    ratios = ((m @ z) ** 2).reshape(draws, k).mean(axis=1) / (z @ z)
    missed = float((np.abs(ratios - 1) > epsilon).mean())
    expected = float(projections.pair_misses(k, epsilon))
    if kind == "gaussian":
        assert abs(missed - expected) < 4 * math.sqrt(expected * (1 - expected) / draws)
        assert stats.kstest(k * ratios, stats.chi2(k).cdf).pvalue > 1e-4
    assert missed <= projections.pair_bound(k, epsilon)


def test_expected_bins_are_the_whole_distribution():
    edges = np.linspace(0, 8, 200)
    expected = projections.expected(edges, 20)
    assert expected.sum() == pytest.approx(1)
    assert (expected * (edges[1:] + edges[:-1]) / 2).sum() == pytest.approx(1, abs=1e-3)


def test_a_share_has_clopper_and_pearsons_interval():
    for held, draws in ((0, 30), (17, 30), (30, 30)):
        exact = stats.binomtest(held, draws).proportion_ci(0.95, method="exact")
        assert projections.share(held, draws) == pytest.approx((held / draws, exact.low, exact.high))
    with pytest.raises(ValueError, match="got 3 of 2"):
        projections.share(3, 2)


# --- matrices and draws


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_m_have_mean_0_variance_1_and_the_fourth_moment_named(kind: Kind):
    d, rows = 100, 3000
    m = projections.matrix(kind, rows, d, STREAM(1)).astype(np.float64)
    fourth = projections.fourth_moment(kind, d)
    eighth = {"gaussian": 105.0, "sign": 1.0, "sparse": 27.0, "very_sparse": 1000.0}[kind]  # s³
    assert abs(m.mean()) < 4 / math.sqrt(m.size)
    assert abs((m**2).mean() - 1) <= 4 * math.sqrt((fourth - 1) / m.size) + 1e-6  # entries are in single precision
    assert abs((m**4).mean() - fourth) <= 4 * math.sqrt((eighth - fourth**2) / m.size) + 1e-4
    assert abs((m[:-1] * m[1:]).mean()) < 4 / math.sqrt(m.size)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shorter_matrix_is_the_beginning_of_a_taller_one(kind: Kind):
    short, tall = (projections.matrix(kind, rows, 13, STREAM(5)) for rows in (3, 9))
    np.testing.assert_array_equal(short, tall[:3])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", ["gaussian", "axes"])
def test_the_variance_of_distortions_is_the_formulas(kind: Kind, shape: projections.Cloud):
    x = projections.cloud(shape, 12, 36, 2)
    found = projections.followed(kind, x, [4, 20], 300, 7)
    formula = projections.variance(kind, x, 1.0) / found.ks
    error = found.square.std(axis=0, ddof=1) / math.sqrt(300)
    assert (np.abs(found.square.mean(axis=0) - formula) < 4 * error).all()


def test_how_peaked_differences_are():
    stream = STREAM(3)
    x = stream.standard_normal((9, 7))
    z = (x[:, None] - x)[np.triu_indices(9, 1)]
    assert projections.peakedness(x) == pytest.approx(((z**4).sum(1) / (z**2).sum(1) ** 2).mean())
    assert projections.peakedness(np.eye(5)) == pytest.approx(0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_hold_the_numbers_of_the_one_that_is_drawn(kind: Kind):
    one = projections.one_draw(kind, "gaussian", 30, 40, 24, 0.6, 5)
    every = projections.draws(kind, "gaussian", 30, 40, 24, 3, 5)
    place = list(every.ks).index(24)
    assert (every.low[0, place], every.high[0, place]) == pytest.approx((one.low, one.high), rel=1e-4)
    assert one.held == (every.low[0, place] >= 0.4 and every.high[0, place] <= 1.6)
    assert (every.held(0.3) <= every.held(0.9)).all() and list(every.ks) == [8, 16, 24, 32]


def test_many_points_are_counted_at_the_chosen_k_alone(monkeypatch: pytest.MonkeyPatch):
    projections.draws.cache_clear()
    together = projections.draws("sign", "gaussian", 20, 30, 8, 3, 1)
    monkeypatch.setattr(projections, "TOGETHER", 10)
    projections.draws.cache_clear()
    alone = projections.draws("sign", "gaussian", 20, 30, 8, 3, 1)
    projections.draws.cache_clear()
    assert list(alone.ks) == [8]
    np.testing.assert_allclose(alone.high[:, 0], together.high[:, 0], rtol=1e-4)


def test_draws_hold_at_least_as_often_as_the_exact_union_bound_promises():
    n, k, count = 12, 60, 400
    found = projections.followed("gaussian", projections.cloud("gaussian", n, 61, 0), [k], count, 3)
    promised = 1 - float(projections.union(n, projections.pair_misses(k, 0.5)))
    held = int(found.held(0.5)[0])
    assert 0.3 < promised < 1 and projections.share(held, count)[2] > promised
    assert held < count, "a random matrix does not always hold"


# --- neighbours


def test_neighbours_of_points_by_hand():
    train, test = np.array([[0.0], [10.0], [20.0]], np.float32), np.array([[1.0], [14.0], [16.0], [99.0]], np.float32)
    found = neighbours.accuracy(train, np.array([1, 2, 3]), test, np.array([1, 2, 3, 1]))
    assert found == 75.0


def test_projected_digits_keep_their_neighbours_as_k_grows_and_64_pixels_are_as_scipys_distances_say():
    found = neighbours.accuracies("gaussian", 0)
    train, known, test, truth = neighbours._digits()
    exact = known[cdist(test, train).argmin(axis=1)] == truth
    assert found.before == pytest.approx(100 * exact.mean(), abs=0.3)
    means = [np.mean(list(found.after[k].values())) for k in neighbours.KS]
    assert all(less < more for less, more in pairwise(means))
    assert abs(means[-1] - found.before) < 3 and means[0] < 30
    assert found.principal[64] == pytest.approx(found.before, abs=0.3)  # a rotation moves no neighbour
    assert (found.neighbours, found.asked) == (1437, 360)


# --- directions


@pytest.mark.parametrize(("k", "delta"), [(2, 0.5), (3, 0.3), (9, 0.5), (64, 0.2)])
def test_the_chance_of_a_pair_is_the_angles_density_integrated(k: int, delta: float):
    angles = np.linspace(math.acos(delta), math.pi - math.acos(delta), 20001)
    inside = np.trapezoid(directions.density(angles, k), angles)
    assert directions.pair_chance(k, delta) == pytest.approx(1 - inside, abs=1e-7)


def test_in_the_plane_two_directions_are_within_delta_as_angles_say():
    assert directions.pair_chance(2, 0.5) == pytest.approx(2 / 3)
    assert directions.pair_chance(3, 0.25) == pytest.approx(0.75)  # Archimedes: u·v is uniform


@given(k=some.integers(2, 512), delta=some.floats(0.1, 0.9))
@settings(max_examples=60, deadline=None)
def test_what_is_promised_is_less_than_what_random_directions_do(k: int, delta: float):
    promised, likely = directions.lemma_count(k, delta), directions.union_count(k, delta)
    assert promised <= likely
    assert likely * (likely - 1) / 2 * directions.pair_chance(k, delta) == pytest.approx(0.5, rel=1e-6)
    if promised >= 2:
        assert directions.lemma_delta(int(promised), k) <= delta + 1e-9


@pytest.mark.parametrize("delta", [0.1, 0.5, 0.9])
def test_the_lemma_overtakes_k_where_it_says(delta: float):
    k = directions.overtakes(delta)
    rate = delta**2 / 72
    assert math.expm1(k * rate) >= k > 2
    assert math.expm1((k - 1) * rate) < k - 1


def test_the_lemmas_delta_is_three_epsilons_and_18_roots_of_the_rough_one():
    n, k = 99, 5000
    epsilon = math.sqrt(8 * math.log(n + 1) / k)
    assert directions.lemma_delta(n, k) == pytest.approx(3 * epsilon)
    assert 2 * epsilon / (1 - epsilon) < 3 * epsilon < 1
    assert directions.lemma_delta(n, k) / directions.typical(n + 1, k) == pytest.approx(math.sqrt(18))


@pytest.mark.parametrize("k", [2, 16, 64])
def test_measured_products_lie_where_they_can(k: int):
    found = directions.over_size(k, 0)
    for size, values in found.items():
        assert min(values.values()) >= directions.welch(size, k) - 1e-9
        assert max(values.values()) <= 1 + 1e-9
    sizes = [size for size in found if size >= 16]
    means = [np.mean(list(found[size].values())) for size in sizes]
    exact = [directions.expected_once(size, k) for size in sizes]
    np.testing.assert_allclose(means, exact, rtol=0.2)


def test_the_number_of_pairs_beyond_is_as_expected():
    count, k = 300, 16
    beyond = directions.expected_once(count, k)
    hits = [
        int((np.abs(directions.gram(count, k, seed)[np.triu_indices(count, 1)]) > beyond).sum()) for seed in range(30)
    ]
    assert abs(np.mean(hits) - 1) < 4 / math.sqrt(30)  # about Poisson's, with mean and variance 1


def test_welchs_bound_is_met_by_the_three_directions_of_a_hexagon():
    turns = np.deg2rad([0, 60, 120])
    u = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    assert directions.largest(u @ u.T) == pytest.approx(directions.welch(3, 2)) == pytest.approx(0.5)


def test_greedy_directions_fit_and_no_more_than_can():
    found = directions.greedy(0.45, 0)
    assert max(found[2].values()) <= 3  # 180°/63.3° = 2.8 lines
    assert all(least > most for least, most in [(min(found[k].values()), k) for k in (8, 12, 16)])
    with pytest.raises(ValueError, match="got 1"):
        directions.largest(np.ones((1, 1)))
    with pytest.raises(ValueError, match="δ must lie between 0 and 1"):
        directions.lemma_count(10, 1.5)


# --- angles


@pytest.mark.parametrize("d", [2, 3, 10, 500])
def test_the_density_of_angles_is_one(d: int):
    theta = np.linspace(0, math.pi, 20001)
    weights = directions.density(theta, d)
    assert np.trapezoid(weights, theta) == pytest.approx(1, abs=1e-6)
    assert np.trapezoid(weights * np.cos(theta) ** 2, theta) == pytest.approx(1 / d, abs=1e-6)
    known = {2: math.pi / math.sqrt(12), 3: math.sqrt(math.pi**2 / 4 - 2)}
    assert directions.exact_std(d) == pytest.approx(known.get(d, d**-0.5), rel=0.09 if d == 10 else 2e-3)


def test_measured_angles_are_the_densitys_within_four_standard_errors():
    found = directions.over_width(0)
    for d, one in found.items():
        assert abs(one.std - one.exact_std) < 4 * one.error, d
        cosines = np.cos(directions.angles(d, 0)) ** 2
        assert abs(cosines.mean() - 1 / d) < 4 * cosines.std() / math.sqrt(directions.PAIRS), d
        width = one.edges[1] - one.edges[0]
        assert 0.98 < (one.measured * width).sum() <= 1 + 1e-9
        expected = directions.PAIRS * one.exact * width
        apart = np.abs(directions.PAIRS * one.measured * width - expected)
        assert (apart < 5 * np.sqrt(expected) + 5).all(), d
