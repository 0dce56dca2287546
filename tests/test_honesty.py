"""Statistics of a search: as their papers define them, and never kinder than chance."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import NormalDist, fmean, pstdev

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from catalyst.errors import InputError
from catalyst.research.honesty import (
    benjamini_hochberg,
    deflated_sharpe,
    expected_best_sharpe,
    probabilistic_sharpe,
    probability_of_backtest_overfitting,
    stationary_interval,
    superior_predictive_ability,
)
from catalyst.research.stationary import optimal_block, stationary_draws

Matrix = npt.NDArray[np.float64]
SHARPES = st.floats(-0.5, 0.5)
OBSERVATIONS = st.integers(2, 5_000)
NORMAL = {"skewness": 0.0, "kurtosis": 3.0}


def noise(*shape: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).normal(size=shape) / 100


def persistent(n: int, share: float, *, seed: int = 0) -> Matrix:
    values = noise(n, seed=seed)
    for k in range(1, n):
        values[k] += share * values[k - 1]
    return values


# --- Sharpe ratios -----------------------------------------------------------------------------


def test_the_deflated_sharpe_ratio_of_its_paper_is_reproduced() -> None:
    found = deflated_sharpe(
        2.5 / math.sqrt(250),
        n_trials=100,
        trials_sharpe_std=math.sqrt(0.5 / 250),
        n_observations=1250,
        skewness=-3,
        kurtosis=10,
    )

    assert round(found, 4) == 0.9004


def test_the_best_of_the_papers_hundred_trials_reaches_its_threshold_by_luck() -> None:
    assert round(expected_best_sharpe(100, math.sqrt(0.5 / 250)), 4) == 0.1132


@pytest.mark.parametrize("trials", [5, 20, 100])
def test_luck_reaches_what_drawing_again_and_again_reaches(trials: int) -> None:
    best = np.random.default_rng(1).normal(size=(20_000, trials)).max(axis=1).mean()

    assert expected_best_sharpe(trials, 1.0) == pytest.approx(best, rel=0.04)


def test_one_trial_is_not_deflated() -> None:
    alone = probabilistic_sharpe(0.1, n_observations=250, **NORMAL)

    assert expected_best_sharpe(1, 0.3) == 0.0
    assert alone == deflated_sharpe(
        0.1, n_trials=1, trials_sharpe_std=0.3, n_observations=250, **NORMAL
    )


def test_the_probabilistic_sharpe_ratio_is_that_of_the_formula() -> None:
    sharpe, skewness, kurtosis = 0.12, -0.7, 6.0
    spread = math.sqrt(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    found = probabilistic_sharpe(
        sharpe, benchmark=0.05, n_observations=400, skewness=skewness, kurtosis=kurtosis
    )

    assert found == pytest.approx(NormalDist().cdf((sharpe - 0.05) * math.sqrt(399) / spread))


def test_half_the_strategies_without_an_edge_have_a_probability_above_a_half() -> None:
    found = []
    for k in range(300):
        returns = noise(250, seed=k)
        sharpe = float(returns.mean() / returns.std(ddof=1))
        found.append(probabilistic_sharpe(sharpe, n_observations=250, skewness=0.0, kurtosis=3.0))

    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01


@given(SHARPES, SHARPES, OBSERVATIONS, st.floats(-1.0, 1.0), st.floats(3.0, 12.0))
def test_more_benchmark_is_never_more_probable(
    sharpe: float, benchmark: float, n: int, skewness: float, kurtosis: float
) -> None:
    low, high = sorted((benchmark, sharpe))
    found = [
        probabilistic_sharpe(
            sharpe, benchmark=b, n_observations=n, skewness=skewness, kurtosis=kurtosis
        )
        for b in (low, high)
    ]

    assert 0.0 <= found[1] <= found[0] <= 1.0


@given(st.floats(0.01, 0.5), OBSERVATIONS)
def test_a_better_sharpe_ratio_on_more_sessions_is_more_probable(sharpe: float, n: int) -> None:
    found = probabilistic_sharpe(sharpe, n_observations=n, **NORMAL)

    assert probabilistic_sharpe(sharpe, n_observations=n + 50, **NORMAL) >= found >= 0.5
    assert probabilistic_sharpe(sharpe + 0.1, n_observations=n, **NORMAL) >= found


@given(SHARPES, st.integers(1, 10_000), st.integers(1, 10_000), OBSERVATIONS)
def test_more_trials_are_never_more_convincing(
    sharpe: float, first: int, second: int, n: int
) -> None:
    few, many = (
        deflated_sharpe(
            sharpe,
            n_trials=trials,
            trials_sharpe_std=0.05,
            n_observations=n,
            skewness=0.0,
            kurtosis=3.0,
        )
        for trials in sorted((first, second))
    )

    assert many <= few


# --- overfitting -------------------------------------------------------------------------------


def naive_overfitting(returns: Matrix, n_splits: int) -> float:
    """Follow the paper word by word: choose, rank, take the logit."""
    blocks = np.array_split(np.arange(len(returns)), n_splits)
    failed = []
    for chosen in combinations(range(n_splits), n_splits // 2):
        inside = [t for b in chosen for t in blocks[b].tolist()]
        outside = [t for b in range(n_splits) if b not in chosen for t in blocks[b].tolist()]
        one, two = ([ratio(returns[half, k]) for k in range(returns.shape[1])]
                    for half in (inside, outside))  # fmt: skip
        share = []
        for k, value in enumerate(one):
            if value == max(one):
                rank = sum(v < two[k] for v in two) + (sum(v == two[k] for v in two) + 1) / 2
                omega = rank / (len(two) + 1)
                logit = math.log(omega / (1 - omega))
                share.append(1.0 if logit < -1e-9 else 0.0 if logit > 1e-9 else 0.5)
        failed.append(fmean(share))
    return fmean(failed)


def ratio(values: Matrix) -> float:
    spread = pstdev(values.tolist())
    return round(fmean(values.tolist()) / spread, 9) if spread > 1e-12 else 0.0


@pytest.mark.parametrize(
    ("sessions", "trials", "splits"), [(48, 6, 6), (53, 7, 6), (40, 2, 4), (20, 5, 2)]
)
def test_overfitting_equals_its_naive_twin(sessions: int, trials: int, splits: int) -> None:
    returns = noise(sessions, trials, seed=trials)

    assert probability_of_backtest_overfitting(returns, splits) == pytest.approx(
        naive_overfitting(returns, splits)
    )


def test_overfitting_equals_its_naive_twin_with_ties_and_without_trades() -> None:
    returns = noise(48, 8, seed=4)
    returns[:, 3] = returns[:, 5]
    returns[:, 6] = 0.0
    returns[:30, 7] = 0.0
    returns[:, 0] = 0.001

    assert probability_of_backtest_overfitting(returns, 6) == pytest.approx(
        naive_overfitting(returns, 6)
    )


def test_overfitting_does_not_depend_on_the_order_of_trials() -> None:
    returns = np.concatenate([noise(64, 5, seed=2)] * 2, axis=1)
    returns[:, 4] = returns[:, 0]

    assert probability_of_backtest_overfitting(returns, 8) == probability_of_backtest_overfitting(
        returns[:, ::-1], 8
    )


@pytest.mark.parametrize("trials", [5, 20])
def test_choosing_among_strangers_fails_half_the_time(trials: int) -> None:
    found = [probability_of_backtest_overfitting(noise(120, trials, seed=k), 8) for k in range(120)]

    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_a_trial_that_is_truly_better_is_no_overfitting() -> None:
    returns = noise(200, 30)
    returns[:, 11] += 0.01

    assert probability_of_backtest_overfitting(returns) == 0.0


def test_trials_that_are_all_the_same_are_a_coin_toss() -> None:
    assert probability_of_backtest_overfitting(np.zeros((64, 9))) == 0.5
    assert probability_of_backtest_overfitting(np.repeat(noise(64, 1), 9, axis=1)) == 0.5


# --- many findings -----------------------------------------------------------------------------


@given(st.lists(st.floats(0.0, 1.0), max_size=30), st.sampled_from([0.01, 0.05, 0.25]))
def test_findings_hold_as_scipy_adjusts_them(p: list[float], level: float) -> None:
    adjusted = scipy.stats.false_discovery_control(p) if p else np.zeros(0)
    # A value exactly at its bound may fall on either side of it by rounding.
    clear = np.abs(adjusted - level) > 1e-12
    found = benjamini_hochberg(p, level=level)

    assert (found == (adjusted <= level))[clear].all()


def test_of_findings_without_truth_hardly_any_hold() -> None:
    rng = np.random.default_rng(3)
    held = sum(benjamini_hochberg(rng.random(20)).any() for _ in range(1_000))

    assert 30 <= held <= 70


def test_a_step_up_lifts_a_finding_that_would_fall_alone() -> None:
    assert benjamini_hochberg([0.04, 0.049, 0.9, 0.03], level=0.1).tolist() == [
        True,
        True,
        False,
        True,
    ]


def naive_spa(returns: Matrix, draws: npt.NDArray[np.int64], spread: Matrix) -> list[float]:
    """Hansen's three p-values from given draws and standard deviations of the means."""
    n = len(returns)
    mean = returns.mean(axis=0)
    statistic = (mean / spread).max()
    bound = -np.sqrt(2 * math.log(math.log(n))) * spread
    centres = (np.where(mean >= bound, mean, 0.0), np.maximum(mean, 0.0), mean)
    out = []
    for centre in centres:
        drawn = [((returns[at].mean(axis=0) - centre) / spread).max() for at in draws]
        out.append(float(np.mean(np.array(drawn) > statistic)))
    return out


def test_superior_ability_equals_its_naive_twin() -> None:
    # Models of very different size: only a studentised statistic sees the small one.
    returns = noise(150, 4, seed=1) * np.array([1.0, 5.0, 0.2, 1.0])
    returns[:, 2] += 0.0004
    returns[:, 3] -= 0.01
    draws = stationary_draws(150, block=1.0, seed=9, resamples=2_000)
    twin = naive_spa(returns, draws, returns.std(axis=0) / math.sqrt(150))
    found = superior_predictive_ability(returns, seed=2, resamples=2_000, block=1)

    assert (found.p_value, found.lower, found.upper) == pytest.approx(tuple(twin), abs=0.03)
    assert found.lower <= found.p_value <= found.upper


def test_the_best_of_many_without_ability_is_seen_through() -> None:
    found = [
        superior_predictive_ability(noise(100, 15, seed=k), seed=1, resamples=200).p_value
        for k in range(100)
    ]

    assert scipy.stats.binomtest(sum(p <= 0.05 for p in found), 100, 0.05).pvalue > 0.01
    assert np.mean(found) > 0.35


def test_a_model_with_ability_is_seen_among_many() -> None:
    returns = noise(200, 25, seed=5)
    returns[:, 7] += 0.004

    assert superior_predictive_ability(returns, seed=1).p_value <= 0.01


def test_models_that_never_trade_have_no_ability() -> None:
    returns = noise(60, 3)
    alone = superior_predictive_ability(returns, seed=3)
    idle = superior_predictive_ability(np.column_stack([returns, np.zeros(60)]), seed=3)

    assert idle == alone
    assert superior_predictive_ability(np.zeros((60, 2)), seed=3).p_value == 1.0


# --- intervals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("n", [60, 250])
def test_blocks_are_as_long_as_archs(share: float, n: int) -> None:
    from arch.bootstrap import optimal_block_length

    values = persistent(n, share, seed=n)
    theirs = max(float(optimal_block_length(values)["stationary"][0]), 1.0)

    assert optimal_block(values) == pytest.approx(theirs)


@pytest.mark.parametrize("values", [np.zeros(50), np.full(50, 0.3), np.ones(3), np.zeros(0)])
def test_what_never_varies_needs_no_blocks(values: Matrix) -> None:
    assert optimal_block(values) == 1.0


def test_blocks_are_on_average_as_long_as_asked_and_wrap_around() -> None:
    draws = stationary_draws(100, block=5.0, seed=1, resamples=500)
    follows = (np.diff(draws, axis=1) % 100) == 1

    assert follows.mean() == pytest.approx(0.8 + 0.2 / 100, abs=0.01)
    assert np.bincount(draws.ravel(), minlength=100).min() > 350


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_an_interval_holds_the_true_mean_nearly_as_often_as_it_says(share: float) -> None:
    held = 0
    for k in range(100):
        found = stationary_interval(
            persistent(200, share, seed=k), lambda rows: float(rows.mean()), seed=k, resamples=300
        )
        held += found.low <= 0.0 <= found.high

    assert 85 <= held <= 99


def test_an_interval_is_a_function_of_values_and_seed() -> None:
    values = noise(90, 2)
    first, again, other = (
        stationary_interval(values, lambda rows: float(rows[:, 0].mean()), seed=seed)
        for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other
    assert first.low <= first.value


def test_under_twenty_sessions_there_is_no_interval() -> None:
    found = stationary_interval(noise(19), lambda rows: float(rows.sum()), seed=1)

    assert math.isnan(found.low)
    assert found.days == 19


def test_draws_for_which_a_statistic_does_not_exist_are_left_out() -> None:
    wins = np.zeros(40)
    wins[3] = 1.0
    found = stationary_interval(
        wins, lambda rows: 2.0 if rows.any() else math.nan, seed=1, resamples=100
    )

    assert (found.low, found.high) == (2.0, 2.0)


# --- what is refused ---------------------------------------------------------------------------

HOLED = noise(40, 3)
HOLED[7, 2] = math.nan


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: expected_best_sharpe(0, 1.0), "n_trials is 0"),
        (lambda: expected_best_sharpe(3, -1.0), "trials_sharpe_std is -1.0"),
        (lambda: expected_best_sharpe(3, math.nan), "trials_sharpe_std is nan"),
        (
            lambda: probabilistic_sharpe(math.nan, n_observations=9, **NORMAL),
            "sharpe is nan",
        ),
        (lambda: probabilistic_sharpe(0.1, n_observations=1, **NORMAL), "n_observations is 1"),
        (
            lambda: probabilistic_sharpe(0.1, n_observations=9, skewness=-3.0, kurtosis=7.0),
            "raw kurtosis",
        ),
        (lambda: probability_of_backtest_overfitting(HOLED), "row 7, column 2"),
        (lambda: probability_of_backtest_overfitting(np.zeros(9)), "1 dimensions"),
        (lambda: probability_of_backtest_overfitting(np.zeros((40, 3)), 5), "n_splits is 5"),
        (lambda: probability_of_backtest_overfitting(np.zeros((31, 3))), "31 sessions"),
        (lambda: probability_of_backtest_overfitting(np.zeros((40, 1))), "at least two trials"),
        (lambda: benjamini_hochberg([0.1, math.nan]), "a p-value is nan"),
        (lambda: benjamini_hochberg([1.1]), "a p-value is 1.1"),
        (lambda: benjamini_hochberg([[0.1]]), "2 dimensions"),
        (lambda: benjamini_hochberg([0.1], level=0.0), "level is 0.0"),
        (lambda: superior_predictive_ability(HOLED, seed=1), "row 7, column 2"),
        (lambda: superior_predictive_ability(np.zeros((9, 2)), seed=1), "9 sessions"),
        (lambda: stationary_interval(HOLED, lambda _: 0.0, seed=1), "row 7, column 2"),
        (lambda: stationary_interval(np.ones(30), lambda _: 0.0, seed=1, block=0.5), "block is"),
    ],
)  # fmt: skip
def test_what_can_not_be_judged_is_refused_in_a_sentence(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(InputError, match=words):
        call()
