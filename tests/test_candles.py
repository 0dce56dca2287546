"""Candlesticks against their twins, and against TA-Lib on every bar."""

from __future__ import annotations

from pathlib import Path

import naive
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import talib
from hypothesis import example, given, settings
from hypothesis import strategies as st
from talib import abstract

from catalyst.errors import InputError
from catalyst.strategy import candle_rules, candles
from catalyst.strategy.candles import PATTERN_TABLE, PATTERNS, detect, detect_last_nb

Floats = npt.NDArray[np.float64]
Bars = tuple[Floats, Floats, Floats, Floats]

REAL = (
    "stocknet/bars_1d",
    "lean/bars_1d",
    "lean/bars_1h",
    "lean/bars_1m",
    "us1m_2024/bars_1m",
    "cfd_15m/bars_15m",
)
# Price level, tick, standard deviation of a bar's return. In the last two TA-Lib's sums round:
# prices on a grid, with many ties, whose ranges are as large as they are; and prices that wander
# over many binades. The others stay within a factor of two of the level, with small ranges.
REGIMES = {
    "tick grid": (50.0, 0.01, 0.001),
    "coarse": (20.0, 0.05, 0.004),
    "penny": (0.5, 0.0001, 0.004),
    "dear": (230_000.0, 0.01, 0.001),
    "rough": (1.0, 0.01, 0.08),
    "wild": (50.0, 0.0, 0.08),
}
INEXACT = ("rough", "wild")
KERNELS = (
    candle_rules.doji_at_nb,
    candle_rules.hammer_at_nb,
    candle_rules.hanging_man_at_nb,
    candle_rules.inverted_hammer_at_nb,
    candle_rules.shooting_star_at_nb,
    candle_rules.engulfing_at_nb,
    candle_rules.harami_at_nb,
    candle_rules.piercing_at_nb,
    candle_rules.dark_cloud_cover_at_nb,
    candle_rules.morning_star_at_nb,
    candle_rules.evening_star_at_nb,
    candle_rules.three_white_soldiers_at_nb,
    candle_rules.three_black_crows_at_nb,
)


def random_bars(seed: int, n: int, regime: str = "coarse") -> Bars:
    """Make bars with gaps, runs, marubozu, dojis, flat bars and ends equal to the bar before."""
    level, tick, sigma = REGIMES[regime]
    rng = np.random.default_rng(seed)
    run = np.repeat(rng.choice([-1.0, 0.0, 0.0, 1.0], n // 4 + 1), 4)[:n]
    step = sigma * (rng.normal(size=n) + run)
    gap = np.where(rng.random(n) < 0.5, sigma * (0.7 * rng.normal(size=n) - 0.3 * run), 0.0)
    walk = np.cumsum(step + gap)
    if tick:  # reflected, so that the price stays within a factor e^0.5 around the level
        walk = np.abs((walk + 0.25) % 1.0 - 0.5) - 0.25
    close = level * np.exp(walk)
    open_ = np.concatenate(([level], close[:-1])) * np.exp(gap)
    shadow = np.where(rng.random((2, n)) < 0.4, 0.05, 1.0) * sigma * np.abs(rng.normal(size=(2, n)))
    if tick:
        open_, close = np.round(open_ / tick) * tick, np.round(close / tick) * tick
    kind = rng.integers(0, 20, n)
    open_[1:] = np.where(kind[1:] == 0, open_[:-1], open_[1:])
    close[1:] = np.where(kind[1:] == 1, open_[:-1], close[1:])
    close = np.where(kind == 2, open_, close)
    high = np.maximum(open_, close) * np.exp(shadow[0])
    low = np.minimum(open_, close) * np.exp(-shadow[1])
    if tick:
        high, low = np.round(high / tick) * tick, np.round(low / tick) * tick
    decimals = 2 if tick in {0.01, 0.05} else 4 if tick else 16
    open_, high, low, close = (np.round(x, decimals) for x in (open_, high, low, close))
    flat = kind == 3
    high, low = (
        np.maximum(high, np.maximum(open_, close)),
        np.minimum(low, np.minimum(open_, close)),
    )
    return (
        np.where(flat, close, open_),
        np.where(flat, close, high),
        np.where(flat, close, low),
        close,
    )


def rows(bars: Bars) -> list[naive.Bar]:
    return list(zip(*(x.tolist() for x in bars), strict=True))


def by_talib(bars: Bars) -> npt.NDArray[np.int32]:
    return np.stack([getattr(talib, name)(*bars) for name in PATTERNS])


def exact_until(bars: Bars) -> int:
    """Return how many bars have values from sums that can't round, whatever their order.

    All prices so far are multiples of the lowest one's ulp, and so are differences and sums; they
    are exact while they stay below 2^53 ulps, for which the lowest price so far is a lower bound.
    """
    spread = np.max(bars, axis=0) - np.min(bars, axis=0)
    if spread.size < 10:
        return int(spread.size)
    sums = np.lib.stride_tricks.sliding_window_view(spread, 10).sum(axis=1)
    inexact = sums >= np.minimum.accumulate(np.min(bars, axis=0))[9:]
    return 10 + int(np.argmax(inexact)) if bool(inexact.any()) else int(spread.size)


@pytest.mark.parametrize("regime", REGIMES)
def test_the_batch_has_the_bits_of_the_window_kernels(regime: str) -> None:
    n = 30_000 if regime in INEXACT else 2_000
    bars = random_bars(1, n, regime)

    expected = [[kernel(*bars, t) for t in range(n)] for kernel in KERNELS]

    assert np.array_equal(detect(*bars), expected)


def test_the_means_of_the_batch_have_the_bits_of_the_window_kernels() -> None:
    """Values seldom hang on a mean's last bit: the test above wouldn't see a wrong order."""
    body, range_ = np.random.default_rng(9).lognormal(sigma=3.0, size=(2, 500))
    bars = (np.zeros(500), range_, np.zeros(500), body)
    mean_body, mean_range, near_range = np.empty(490), np.empty(490), np.empty(495)
    candles._means_of_ten_nb(body, mean_body)
    candles._means_of_ten_nb(range_, mean_range)
    candles._means_of_five_nb(range_, near_range)

    for t in range(10, 500):
        candle = candle_rules.candle_at_nb(*bars, t)
        means = (mean_body[t - 10], mean_range[t - 10], near_range[t - 5])

        assert (candle.mean_body, candle.mean_range, candle.near_range) == means


@given(n=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_any_length_has_the_bits_of_the_window_kernels(n: int, seed: int) -> None:
    bars = random_bars(seed, n)

    expected = np.array([[kernel(*bars, t) for t in range(n)] for kernel in KERNELS]).reshape(13, n)

    assert np.array_equal(detect(*bars), expected)


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_seams_between_blocks_leave_no_mark(blocks: int, extra: int) -> None:
    bars = random_bars(2, candles._LEAD_BARS + blocks * candles._BLOCK_BARS + extra)

    assert np.array_equal(detect(*bars), naive.window(rows(bars)))


def test_the_last_bar_alone_has_the_bits_of_the_batch() -> None:
    bars = random_bars(3, 600)
    every = detect(*bars)
    last = np.full((13, 600), 7, np.int8)
    for n in range(1, 601):
        column = np.full(13, 7, np.int8)
        detect_last_nb(*bars, n, column)
        last[:, n - 1] = column

    assert np.array_equal(last, every)


def test_no_bars_have_no_pattern() -> None:
    nothing = np.empty(0)
    out = np.full(13, 7, np.int8)
    detect_last_nb(nothing, nothing, nothing, nothing, 0, out)

    assert not out.any()
    assert detect(nothing, nothing, nothing, nothing).shape == (13, 0)


@pytest.mark.parametrize("regime", REGIMES)
def test_every_value_equals_the_plain_twin(regime: str) -> None:
    bars = random_bars(4, 30_000 if regime in INEXACT else 4_000, regime)

    assert np.array_equal(detect(*bars), naive.window(rows(bars)))


broken_values = st.sampled_from([np.nan, np.inf, -np.inf])


@given(
    seed=st.integers(0, 2**32 - 1),
    broken=st.lists(
        st.tuples(st.integers(0, 59), st.integers(0, 3), broken_values), min_size=1, max_size=4
    ),
)
@settings(max_examples=80, deadline=None)
@example(seed=0, broken=[(0, 1, np.inf)])  # start
@example(seed=1, broken=[(30, 0, np.nan)])  # middle
@example(seed=2, broken=[(59, 3, -np.inf)])  # end
def test_a_broken_bar_gives_no_pattern_to_any_bar_that_uses_it(
    seed: int, broken: list[tuple[int, int, float]]
) -> None:
    bars = random_bars(seed, 60)
    for bar, field, value in broken:
        bars[field][bar] = value
    expected = naive.window(rows(bars))

    assert np.array_equal(detect(*bars), expected)
    assert np.array_equal([[kernel(*bars, t) for t in range(60)] for kernel in KERNELS], expected)


def test_nothing_but_broken_bars_is_no_pattern() -> None:
    for value in (np.nan, np.inf, -np.inf):
        x = np.full(100, value)

        assert not detect(x, x, x, x).any()


def test_the_first_bar_with_a_value_is_talibs() -> None:
    # The stub of talib.abstract leaves its one class out.
    function = abstract.Function  # type: ignore[attr-defined]
    firsts = {name: function(name).lookback for name in PATTERNS}

    assert {info.name: info.lookback for info in PATTERN_TABLE} == firsts


def test_no_pattern_has_a_value_before_its_first_bar() -> None:
    bars = random_bars(8, 40_000)
    found = detect(*bars)
    for pattern, info in enumerate(PATTERN_TABLE):
        t = int(np.flatnonzero(found[pattern, info.lookback :])[-1]) + info.lookback
        just = detect(*(x[t - info.lookback : t + 1] for x in bars))
        short = detect(*(x[t - info.lookback + 1 : t + 1] for x in bars))

        assert just[pattern, -1] == found[pattern, t]
        assert short[pattern, -1] == 0


def test_the_table_says_how_many_bars_a_pattern_has() -> None:
    spans = {info.family: info.span for info in PATTERN_TABLE}

    assert spans == {"doji": 1, "hammer": 1, "pair": 2, "triple": 3}
    assert [info.name for info in PATTERN_TABLE if not info.directed] == ["CDLDOJI"]


@pytest.mark.parametrize("regime", [regime for regime in REGIMES if regime not in INEXACT])
def test_sane_prices_have_talibs_value_on_every_bar(regime: str) -> None:
    bars = random_bars(5, 40_000, regime)
    ours = detect(*bars)

    assert exact_until(bars) == 40_000
    assert np.array_equal(ours, by_talib(bars))
    if regime == "coarse":
        found = {name: set(row.tolist()) for name, row in zip(PATTERNS, ours, strict=True)}
        sized = {80, 100, -80, -100}
        assert {name: values - {0} for name, values in found.items()} == {
            "CDLDOJI": {100},
            "CDLHAMMER": {100},
            "CDLHANGINGMAN": {-100},
            "CDLINVERTEDHAMMER": {100},
            "CDLSHOOTINGSTAR": {-100},
            "CDLENGULFING": sized,
            "CDLHARAMI": sized,
            "CDLPIERCING": {100},
            "CDLDARKCLOUDCOVER": {-100},
            "CDLMORNINGSTAR": {100},
            "CDLEVENINGSTAR": {-100},
            "CDL3WHITESOLDIERS": {100},
            "CDL3BLACKCROWS": {-100},
        }


@pytest.mark.parametrize("regime", INEXACT)
def test_wild_prices_differ_from_talib_only_by_the_rounding_of_its_running_sums(
    regime: str,
) -> None:
    bars = random_bars(6, 60_000, regime)
    theirs = by_talib(bars)
    differing = detect(*bars) != theirs

    assert exact_until(bars) < 60_000
    assert differing.any()
    assert not differing[:, : exact_until(bars)].any()
    # The twin differs from the one that equals ours in nothing but how it sums.
    assert np.array_equal(naive.running(rows(bars)), theirs)


@pytest.mark.parametrize("name", REAL)
def test_real_bars_have_talibs_value_wherever_its_sums_are_exact(
    name: str, shared_data: Path
) -> None:
    frame = pl.read_parquet(shared_data / f"{name}.parquet").sort("symbol", "ts")
    exact = 0
    for _, part in frame.group_by("symbol", maintain_order=True):
        open_, high, low, close = part.select("open", "high", "low", "close").to_numpy().T.copy()
        bars = (open_, high, low, close)
        theirs = by_talib(bars)
        wrong = detect(*bars) != theirs
        until = exact_until(bars)
        exact += until

        assert not wrong[:, :until].any()
        if wrong.any():
            assert np.array_equal(naive.running(rows(bars)), theirs)

    assert exact > 0


def test_series_of_different_lengths_are_refused_with_their_shapes() -> None:
    with pytest.raises(InputError, match=r"\(3,\), \(3,\), \(3,\), \(2,\)"):
        detect(np.ones(3), np.ones(3), np.ones(3), np.ones(2))


def test_a_panel_of_symbols_is_refused() -> None:
    with pytest.raises(InputError, match="one symbol at a time"):
        detect(*(np.ones((2, 30)) for _ in range(4)))


def test_strided_and_integer_series_are_taken_as_they_are() -> None:
    bars = random_bars(7, 200)
    wide = [np.repeat(x, 2)[::2] for x in bars]
    whole = [np.round(x) for x in bars]

    assert np.array_equal(detect(*wide), detect(*bars))
    assert np.array_equal(detect(*(x.astype(np.int64) for x in whole)), detect(*whole))
