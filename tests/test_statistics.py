"""Spread and comparison over seeds, against scipy and known cases."""

import math

import numpy as np
import pytest
from scipy import stats

from core.statistics import compare, compare_all, crossover, legible, power_law, spread


def test_spread_uses_the_population_standard_deviation_and_skips_nan():
    result = spread([1.0, 3.0, math.nan])
    assert (result.mean, result.std, result.n) == (2.0, 1.0, 2)
    assert str(result) == "2.00 ± 1.00 (n = 2)"


def test_one_seed_has_no_spread_on_screen_and_no_verdict():
    assert str(spread([5.0])) == "5.00 (n = 1)"
    comparison = compare({0: 1.0}, {0: 99.0})
    assert comparison.verdict == "cannot tell"
    assert comparison.sentence == "Cannot tell with 1 seed: at least 3 are needed."


def test_numbers_that_two_decimals_would_hide_or_flood_keep_three_digits():
    assert str(spread([0.00123, 0.00125])) == "0.00124 ± 1e-05 (n = 2)"
    assert str(spread([8388608.0])) == "8.39e+06 (n = 1)"
    assert str(spread([0.0, 0.0])) == "0.00 ± 0.00 (n = 2)"
    assert legible(-0.0004, sign="+") == "-0.0004" and legible(1.5, sign="+") == "+1.50"


def test_very_small_numbers_can_be_told_briefly():
    assert spread([1e-9, 3e-9]).brief == "2e-09 ± 1e-09 (n = 2)"
    assert spread([0.5]).brief == "0.5 (n = 1)"
    assert spread([400.0, 2400.0]).brief == "1,400 ± 1,000 (n = 2)"
    assert spread([]).brief == "–"


def test_nothing_measured_reads_as_a_dash():
    assert str(spread([])) == "–"


def test_paired_seeds_use_the_paired_test():
    rng = np.random.default_rng(1)
    base = rng.normal(80, 10, 8)
    a = dict(enumerate(base))
    b = dict(enumerate(base + 2 + rng.normal(0, 0.5, 8)))
    comparison = compare(a, b)
    assert comparison.paired
    assert comparison.p_value == pytest.approx(stats.ttest_rel(list(b.values()), list(a.values())).pvalue)
    assert comparison.verdict == "bigger than seed noise"
    assert comparison.low < comparison.difference < comparison.high


def test_other_seeds_use_welchs_test():
    rng = np.random.default_rng(2)
    a = dict(enumerate(rng.normal(0, 1, 6)))
    b = dict(enumerate(rng.normal(5, 3, 9), start=100))
    comparison = compare(a, b)
    assert not comparison.paired
    assert comparison.p_value == pytest.approx(
        stats.ttest_ind(list(b.values()), list(a.values()), equal_var=False).pvalue
    )


def test_noise_cannot_be_told_and_names_how_many_seeds_would():
    a = {0: 10.0, 1: 12.0, 2: 11.0}
    b = {0: 12.0, 1: 11.0, 2: 13.0}
    comparison = compare(a, b)
    assert comparison.verdict == "cannot tell"
    assert comparison.seeds_needed is not None and comparison.seeds_needed > 3
    assert comparison.sentence == f"Cannot tell with 3 seeds: about {comparison.seeds_needed} would do."


def test_the_predicted_number_of_seeds_does_find_the_difference_four_times_in_five():
    rng = np.random.default_rng(3)
    needed = compare({0: 0.0, 1: 0.0, 2: 0.0}, {0: 0.0, 1: 1.0, 2: 2.0}).seeds_needed
    assert needed is not None
    found = 0
    for _ in range(400):
        draws = rng.normal(1.0, 1.0, needed)  # difference 1, scatter 1, as in the sample above
        found += stats.ttest_1samp(draws, 0.0).pvalue < 0.05
    assert 0.74 < found / 400 < 0.88  # four standard errors around 0.8, and a little for the whole number


def test_where_the_seeds_at_hand_cannot_tell_more_are_asked_for_even_of_a_large_effect():
    comparison = compare({0: 0.0, 1: 0.0, 2: 0.0}, {0: 1.0, 1: 1.9, 2: 0.5})
    assert comparison.verdict == "cannot tell" and comparison.seeds_needed is not None
    assert 3 < comparison.seeds_needed < 8


def test_several_comparisons_ask_for_more():
    rng = np.random.default_rng(5)
    a = dict(enumerate(rng.normal(0, 1, 6)))
    b = {seed: value + 1.0 + 0.7 * (-1) ** seed for seed, value in a.items()}
    alone = compare(a, b)
    assert alone.p_value < 0.05 and alone.verdict == "bigger than seed noise"
    assert compare(a, b, comparisons=20).verdict == "cannot tell"


def test_identical_results_are_no_difference_at_all():
    same = {0: 100.0, 1: 100.0, 2: 100.0}
    assert compare(same, same).sentence == "No difference in any of 3 seeds."
    assert compare(same, {0: 0.0, 1: 0.0, 2: 0.0}).verdict == "bigger than seed noise"


def test_an_empty_side_is_refused():
    with pytest.raises(ValueError, match="at least one finite value on each side"):
        compare({0: math.nan}, {0: 1.0})


def test_an_interval_says_how_sure_it_is_where_several_are_read_together():
    rng = np.random.default_rng(1)
    a, b = ({seed: float(rng.normal(mean, 1)) for seed in range(10)} for mean in (0, 9))
    alone, beside = compare(a, b), compare(a, b, comparisons=10)
    assert alone.confidence == 0.95 and beside.confidence == pytest.approx(0.995)
    assert "95 % interval" in alone.sentence and "99.5 % interval" in beside.sentence
    assert beside.low < alone.low and beside.high > alone.high


def test_several_figures_are_corrected_for_being_read_together_and_unmeasured_ones_left_out():
    a = {"loss": {0: 1.0, 1: 1.1, 2: 0.9}, "accuracy": {0: 50.0, 1: 51.0, 2: 52.0}, "other": {}}
    b = {"loss": {0: 0.5, 1: 0.7, 2: 0.6}, "accuracy": {0: 50.5, 1: math.nan, 2: 53.0}, "other": {0: 1.0}}
    found = compare_all(a, b)
    assert list(found) == ["loss", "accuracy"]
    assert found["loss"] == compare(a["loss"], b["loss"], comparisons=2)
    assert found["accuracy"].n == 2 and found["accuracy"].verdict == "cannot tell"


def test_an_exact_power_law_is_found_with_its_factor_and_no_doubt():
    n = [128, 256, 512, 1024, 2048, 4096]
    for exponent in (0.5, 1.0, 2.0, 3.0):
        fit = power_law(n, [3e-9 * one**exponent for one in n])
        assert fit.exponent == pytest.approx(exponent) and fit.factor == pytest.approx(3e-9)
        assert fit.half_width == pytest.approx(0, abs=1e-6)
        assert (fit.first, fit.last, fit.points) == (1024, 4096, 3)
        assert fit(np.array([8192.0]))[0] == pytest.approx(3e-9 * 8192**exponent)


def test_a_power_law_looks_at_the_larger_half_alone():
    n = [2.0**power for power in range(7, 15)]
    assert power_law(n, [max(1e-3, 1e-9 * one**2) for one in n]).exponent == pytest.approx(2.0)


def test_the_interval_of_an_exponent_is_scipys_and_holds_the_truth():
    noise = np.random.default_rng(0).normal(0, 0.05, (200, 12))
    x = np.repeat([1024.0, 2048.0, 4096.0], 4)
    held = 0
    for one in noise:
        fit = power_law([*x, 128, 256], [*(1e-6 * x**1.5 * np.exp(one)), 1.0, 1.0])
        slope = stats.linregress(np.log(x), np.log(x**1.5) + one)
        assert fit.half_width == pytest.approx(stats.t.ppf(0.975, 10) * slope.stderr)
        held += abs(fit.exponent - 1.5) <= fit.half_width
    assert 180 <= held <= 199  # 95 % of 200 are 190


def test_too_few_points_have_no_power_law_or_no_interval():
    assert power_law([128], [1.0]) is None and power_law([], []) is None
    assert power_law([128, 256], [1.0, math.nan]) is None
    two = power_law([128, 256], [1.0, 2.0])
    assert two.exponent == pytest.approx(1.0) and math.isnan(two.half_width) and str(two) == "1.00"


@pytest.mark.parametrize(
    ("slow", "fast", "expected"),
    [
        ([1, 4, 16, 64], [4, 8, 16.0001, 32], 512),
        ([1, 4, 16, 64], [0.5, 1, 2, 4], 128),
        ([1, 4, 16, 64], [2, 8, 32, 128], None),
        ([1, 4, 16, 64], [0.5, 8, 15, 65], None),
        ([], [], None),
    ],
)
def test_lines_meet_where_the_second_stays_below(slow, fast, expected):
    found = crossover([128, 256, 512, 1024][: len(slow)], slow, fast)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-3))


def test_a_crossover_lies_where_two_power_laws_are_equal():
    n = [128, 256, 512, 1024, 2048]
    assert crossover(n, [1e-9 * one**2 for one in n], [7e-7 * one for one in n]) == pytest.approx(700)
