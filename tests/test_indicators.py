"""Indicators against their twins, and against TA-Lib."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import naive
import numpy as np
import numpy.typing as npt
import pytest
import talib
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalyst.strategy import indicators as ours

Floats = npt.NDArray[np.float64]
Value = float | tuple[float, ...]

# technical_score_nb's arguments after n, as the specification has them.
SPEC = (250, 60, 50.0, 14, 30.0, 70.0, 20.0, 12, 26, 9, 15.0, 20, 50, 15.0, 9, 10.0)


class Bars(NamedTuple):
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Lists(NamedTuple):
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]


def random_series(seed: int, n: int) -> Bars:
    """Make prices in USD, and volume; some closes repeat, some bars trade nothing."""
    rng = np.random.default_rng(seed)
    step = np.where(rng.random(n) < 0.1, 0.0, rng.normal(0.0, 0.01, n))
    close = 50.0 * np.exp(np.cumsum(step))
    high = close * np.exp(0.01 * rng.random(n))
    low = close * np.exp(-0.01 * rng.random(n))
    volume = np.floor(1_000.0 * rng.random(n) * (rng.random(n) < 0.9))
    return Bars(high, low, close, volume)


# Each kernel and its twin, at small windows so that many bars have all cases.
PAIRS: dict[str, tuple[Callable[[Bars, int], Value], Callable[[Lists, int], Value]]] = {
    "sma": (
        lambda b, t: ours.sma_at_nb(b.close, t, 7),
        lambda b, t: naive.sma(b.close, t, 7),
    ),
    "ema": (
        lambda b, t: ours.ema_at_nb(b.close, t, 9, 30),
        lambda b, t: naive.ema(b.close, t, 9, 30),
    ),
    "macd_hist": (
        lambda b, t: ours.macd_hist_at_nb(b.close, t, 4, 9, 3, 30),
        lambda b, t: naive.macd_hist(b.close, t, 4, 9, 3, 30),
    ),
    "rsi": (
        lambda b, t: ours.rsi_at_nb(b.close, t, 14, 30),
        lambda b, t: naive.rsi(b.close, t, 14, 30),
    ),
    "atr": (
        lambda b, t: ours.atr_at_nb(b.high, b.low, b.close, t, 14, 30),
        lambda b, t: naive.atr(b.high, b.low, b.close, t, 14, 30),
    ),
    "bollinger": (
        lambda b, t: ours.bollinger_at_nb(b.close, t, 20, 2.0),
        lambda b, t: naive.bollinger(b.close, t, 20, 2.0),
    ),
    "vwap": (
        lambda b, t: ours.vwap_at_nb(*b, t, max(0, t - 8)),
        lambda b, t: naive.vwap(*b, t, max(0, t - 8)),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@given(
    seed=st.integers(0, 2**32 - 1),
    broken=st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 69), st.sampled_from([np.nan, np.inf, -np.inf])
        ),
        max_size=2,
    ),
)
@settings(max_examples=25, deadline=None)
@example(seed=0, broken=[])
@example(seed=1, broken=[(2, 0, np.inf), (0, 0, np.nan)])  # start
@example(seed=2, broken=[(2, 35, -np.inf)])  # middle
@example(seed=3, broken=[(1, 35, np.nan)])
@example(seed=4, broken=[(2, 69, np.inf)])  # end
@example(seed=5, broken=[(2, 69, -np.inf)])
def test_every_value_equals_the_plain_twin(
    name: str, seed: int, broken: list[tuple[int, int, float]]
) -> None:
    kernel, twin = PAIRS[name]
    series = random_series(seed, 70)
    for field, bar, value in broken:
        series[field][bar] = value

    for t in range(70):
        actual = np.array(kernel(series, t))
        expected = np.array(twin(Lists(*(x.tolist() for x in series)), t))

        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-11)


def last_by_talib(bars: Bars) -> dict[str, float]:
    return {
        "ema": float(talib.EMA(bars.close, 9)[-1]),
        "macd_hist": float(talib.MACD(bars.close, 12, 26, 9)[2][-1]),
        "rsi": float(talib.RSI(bars.close, 14)[-1]),
        "atr": float(talib.ATR(bars.high, bars.low, bars.close, 14)[-1]),
        "sma": float(talib.SMA(bars.close, 50)[-1]),
    }


def by_kernels(bars: Bars, t: int) -> dict[str, float]:
    return {
        "ema": ours.ema_at_nb(bars.close, t, 9, 250),
        "macd_hist": ours.macd_hist_at_nb(bars.close, t, 12, 26, 9, 250),
        "rsi": ours.rsi_at_nb(bars.close, t, 14, 250),
        "atr": ours.atr_at_nb(bars.high, bars.low, bars.close, t, 14, 250),
        "sma": ours.sma_at_nb(bars.close, t, 50),
    }


@pytest.mark.parametrize("t", [59, 100, 249, 250, 700, 1_999])
def test_a_value_equals_talibs_over_the_window_alone(t: int) -> None:
    bars = random_series(10, 2_000)
    window = Bars(*(x[max(0, t - 249) : t + 1].copy() for x in bars))

    assert by_kernels(bars, t) == pytest.approx(last_by_talib(window), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_after_500_bars_a_value_equals_talibs_over_all_of_them(seed: int) -> None:
    bars = random_series(seed, 800)
    for t in range(500, 800, 7):
        actual = by_kernels(bars, t)
        expected = last_by_talib(Bars(*(x[: t + 1].copy() for x in bars)))
        # The histogram crosses zero; what it is relative to is the price.
        difference = actual.pop("macd_hist") - expected.pop("macd_hist")

        assert actual == pytest.approx(expected, rel=1e-5)
        assert abs(difference) < 1e-5 * 1e-2 * float(bars.close[t])


def test_bollinger_bands_equal_talibs_but_for_its_running_squares() -> None:
    c = random_series(11, 800).close
    upper, middle, lower = talib.BBANDS(c, 20, 2.0, 2.0)

    for t in range(19, 800):
        expected = (lower[t], middle[t], upper[t])

        assert ours.bollinger_at_nb(c, t, 20, 2.0) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    ("closes", "expected"),
    [(np.full(60, 7.0), 50.0), (np.arange(1.0, 61.0), 100.0), (np.arange(60.0, 0.0, -1.0), 0.0)],
    ids=["no change", "no loss", "no gain"],
)
def test_rsi_at_its_ends(closes: Floats, expected: float) -> None:
    assert ours.rsi_at_nb(closes, 59, 14, 250) == expected


@pytest.mark.parametrize(
    ("kernel", "needed"),
    [
        (lambda x, t: ours.sma_at_nb(x, t, 20), 20),
        (lambda x, t: ours.ema_at_nb(x, t, 9, 250), 9),
        (lambda x, t: ours.macd_hist_at_nb(x, t, 12, 26, 9, 250), 34),
        (lambda x, t: ours.rsi_at_nb(x, t, 14, 250), 15),
        (lambda x, t: ours.atr_at_nb(x, x, x, t, 14, 250), 15),
        (lambda x, t: ours.bollinger_at_nb(x, t, 20, 2.0)[0], 20),
    ],
    ids=["sma", "ema", "macd_hist", "rsi", "atr", "bollinger"],
)
def test_the_first_value_comes_with_the_last_bar_the_formula_needs(
    kernel: Callable[[Floats, int], float], needed: int
) -> None:
    x = random_series(12, needed).close
    missing = [bool(np.isnan(kernel(x, t))) for t in range(needed)]

    assert missing == [True] * (needed - 1) + [False]


def test_vwap_of_untraded_bars_is_unknown() -> None:
    x = np.full(5, 10.0)

    assert np.isnan(ours.vwap_at_nb(x, x, x, np.zeros(5), 4, 0))


def trending(seed: int, n: int) -> Floats:
    """Make closes whose trend and noise vary enough to reach every rule of the score."""
    rng = np.random.default_rng(seed)
    drift = np.repeat(rng.choice([-0.01, -0.002, 0.0, 0.002, 0.01], n // 25 + 1), 25)[:n]
    return 50.0 * np.exp(np.cumsum(drift + rng.normal(0.0, 0.006, n)))


def test_the_score_equals_the_plain_twin_and_takes_many_values() -> None:
    seen = set()
    for seed in range(300):
        close = trending(seed, 60 + seed)
        score = ours.technical_score_nb(close, close.size, *SPEC)
        seen.add(score)

        assert score == naive.technical_score(close.tolist())

    assert len(seen) >= 10
    assert min(seen) < 15.0
    assert max(seen) > 85.0


def test_the_score_of_closes_that_never_change_is_where_it_starts() -> None:
    assert ours.technical_score_nb(np.full(100, 3.0), 100, *SPEC) == 50.0


def test_the_score_stays_between_0_and_100() -> None:
    close = np.exp(0.01 * np.arange(100.0))
    loud = (250, 60, 50.0, 14, 30.0, 70.0, 0.0, 12, 26, 9, 90.0, 20, 50, 90.0, 9, 90.0)

    assert ours.technical_score_nb(close, 100, *loud) == 100.0
    assert ours.technical_score_nb(1.0 / close, 100, *loud) == 0.0


@pytest.mark.parametrize("n", [0, 1, 59])
def test_too_few_closes_have_no_score(n: int) -> None:
    assert np.isnan(ours.technical_score_nb(trending(1, 100), n, *SPEC))


@pytest.mark.parametrize("bar", [50, 175, 299])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_broken_close_within_the_window_leaves_no_score(bar: int, value: float) -> None:
    close = trending(2, 300)
    close[bar] = value

    assert np.isnan(ours.technical_score_nb(close, 300, *SPEC))


def test_closes_before_the_window_and_after_the_last_do_not_count() -> None:
    close = trending(3, 400)
    changed = close.copy()
    changed[:50] = np.nan
    changed[300:] = np.nan

    assert ours.technical_score_nb(changed, 300, *SPEC) == ours.technical_score_nb(
        close, 300, *SPEC
    )


def test_a_panel_is_scored_row_by_row() -> None:
    close = np.stack([trending(seed, 320) for seed in range(6)])
    count = np.array([320, 250, 61, 60, 59, 0], dtype=np.int32)
    expected = [ours.technical_score_nb(row, n, *SPEC) for row, n in zip(close, count, strict=True)]

    np.testing.assert_array_equal(ours.technical_scores_nb(close, count, *SPEC), expected)
