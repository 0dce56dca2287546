"""The candlestick rules: what is true of a bar, and which 13 patterns follow from it.

The semantics are TA-Lib's at its default candle settings, found by experiment and checked bar by
bar in the tests: the same averages, values and first bar with a value.

A *fact* is one bit that says something about a bar, its averages and the one or two bars before
(`facts_nb`). A pattern is a row of `RULES`: the facts that its bars must have, and its value. A new
pattern is a row, with a new fact where none fits.

Every pattern has a window kernel, its definition, and all have the same arguments.

Parameters of the ``*_at_nb`` kernels
    open_, high, low, close : float64[n], USD: one symbol's own bars in order of time, no holes.
    t : int, the bar asked about, ``0 <= t < n`` (not checked).

Returned
    int, TA-Lib's value at bar ``t``: 0 for none, positive for bullish, negative for bearish; 100
    for a doji, which has no direction. It is 0 before the pattern's first bar with a value, and 0
    wherever a bar that the pattern uses, itself or in an average, has a NaN or infinite field.

The kernels add fresh sums in ascending order, and nothing before ``t - lookback`` counts. TA-Lib
keeps running sums instead. The two agree to the bit while the sum of ten ranges stays below the
lowest price so far: all differences are then multiples of one ulp and no addition rounds. Where
prices are wilder, TA-Lib's value depends on where its input starts, and ours does not.

Conditions are joined with ``&`` and not with ``and``: without branches LLVM makes SIMD of the batch
in ``candles``. Numba's cache doesn't notice a change in another module: after an edit here, delete
``catalyst/strategy/__pycache__``.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Series: TypeAlias = NDArray[np.float64]

# TA-Lib's default candle settings. Its factor for a long body, a short body and a long shadow is
# 1.0, which changes no bit and is left out.
LONG_BARS = 10
NEAR_BARS = 5
DOJI_FRAC = 0.1
NO_SHADOW_FRAC = 0.1
NEAR_FRAC = 0.2
FAR_FRAC = 0.6
STAR_PENETRATION_FRAC = 0.3
DARK_CLOUD_PENETRATION_FRAC = 0.5
PIERCING_PENETRATION_FRAC = 0.5

WHITE = 1 << 0  # close at or above the open
BLACK = 1 << 1  # close below the open
DOJI_BODY = 1 << 2  # body at most a tenth of the mean range
SHORT = 1 << 3  # body below the mean body
NOT_LONG = 1 << 4  # body at most the mean body
LONG = 1 << 5  # body above the mean body
LONG_LOWER_SHADOW = 1 << 6  # lower shadow longer than the body
LONG_UPPER_SHADOW = 1 << 7  # upper shadow longer than the body
NO_LOWER_SHADOW = 1 << 8  # lower shadow below a tenth of the mean range
NO_UPPER_SHADOW = 1 << 9  # upper shadow below a tenth of the mean range
NEAR_LOW = 1 << 10  # body's lower end at most just above the low before
NEAR_HIGH = 1 << 11  # body's lower end at least just below the high before
GAP_DOWN = 1 << 12  # body below the body before
GAP_UP = 1 << 13  # body above the body before
OUTSIDE = 1 << 14  # body around the body before, one end may be the same
OUTSIDE_BOTH = 1 << 15  # body beyond both ends of the body before
INSIDE = 1 << 16  # body within the body before, ends may be the same
INSIDE_BOTH = 1 << 17  # body within both ends of the body before
PIERCES = 1 << 18  # opens below the low before, closes in the upper half of that black body
CLOUDS = 1 << 19  # opens above the high before, closes in the lower half of that white body
BACK_UP = 1 << 20  # closes well into the black body two bars before
BACK_DOWN = 1 << 21  # closes well into the white body two bars before
ADVANCES = 1 << 22  # opens higher but in or near the body before, closes higher, not far shorter
DECLINES = 1 << 23  # opens inside the black body before, closes lower
UNDER_HIGH = 1 << 24  # closes below the high before


class PatternInfo(NamedTuple):
    """Describe one candlestick pattern.

    Attributes
    ----------
    name : str
        TA-Lib's name.
    lookback : int
        First bar, from 0, that can have a value; a value depends on the ``lookback + 1`` bars up to
        it and on no other.
    span : int
        Number of bars the pattern consists of, its last bar included.
    family : str
        Key of its base confidence: ``doji``, ``hammer``, ``pair`` or ``triple``.
    directed : bool
        Whether the value's sign says where the price should go; a doji's doesn't.
    """

    name: str
    lookback: int
    span: int
    family: str
    directed: bool


PATTERN_TABLE: tuple[PatternInfo, ...] = (
    PatternInfo("CDLDOJI", 10, 1, "doji", directed=False),
    PatternInfo("CDLHAMMER", 11, 1, "hammer", directed=True),
    PatternInfo("CDLHANGINGMAN", 11, 1, "hammer", directed=True),
    PatternInfo("CDLINVERTEDHAMMER", 11, 1, "hammer", directed=True),
    PatternInfo("CDLSHOOTINGSTAR", 11, 1, "hammer", directed=True),
    PatternInfo("CDLENGULFING", 2, 2, "pair", directed=True),
    PatternInfo("CDLHARAMI", 11, 2, "pair", directed=True),
    PatternInfo("CDLPIERCING", 11, 2, "pair", directed=True),
    PatternInfo("CDLDARKCLOUDCOVER", 11, 2, "pair", directed=True),
    PatternInfo("CDLMORNINGSTAR", 12, 3, "triple", directed=True),
    PatternInfo("CDLEVENINGSTAR", 12, 3, "triple", directed=True),
    PatternInfo("CDL3WHITESOLDIERS", 12, 3, "triple", directed=True),
    PatternInfo("CDL3BLACKCROWS", 13, 3, "triple", directed=True),
)
LOOKBACKS: tuple[int, ...] = tuple(info.lookback for info in PATTERN_TABLE)

(
    DOJI,
    HAMMER,
    HANGING_MAN,
    INVERTED_HAMMER,
    SHOOTING_STAR,
    ENGULFING,
    HARAMI,
    PIERCING,
    DARK_CLOUD_COVER,
    MORNING_STAR,
    EVENING_STAR,
    THREE_WHITE_SOLDIERS,
    THREE_BLACK_CROWS,
) = range(len(PATTERN_TABLE))

# Pattern, value, then the facts that bar t, t - 1, t - 2 and t - 3 must have. Of the rows of one
# pattern that apply, the last wins. The white bar before three black crows is not part of them.
_SOLDIER = WHITE | NO_UPPER_SHADOW
_CROW = BLACK | NO_LOWER_SHADOW
RULES: tuple[tuple[int, int, int, int, int, int], ...] = (
    (DOJI, 100, DOJI_BODY, 0, 0, 0),
    (HAMMER, 100, SHORT | LONG_LOWER_SHADOW | NO_UPPER_SHADOW | NEAR_LOW, 0, 0, 0),
    (HANGING_MAN, -100, SHORT | LONG_LOWER_SHADOW | NO_UPPER_SHADOW | NEAR_HIGH, 0, 0, 0),
    (INVERTED_HAMMER, 100, SHORT | LONG_UPPER_SHADOW | NO_LOWER_SHADOW | GAP_DOWN, 0, 0, 0),
    (SHOOTING_STAR, -100, SHORT | LONG_UPPER_SHADOW | NO_LOWER_SHADOW | GAP_UP, 0, 0, 0),
    (ENGULFING, 80, WHITE | OUTSIDE, BLACK, 0, 0),
    (ENGULFING, 100, WHITE | OUTSIDE_BOTH, BLACK, 0, 0),
    (ENGULFING, -80, BLACK | OUTSIDE, WHITE, 0, 0),
    (ENGULFING, -100, BLACK | OUTSIDE_BOTH, WHITE, 0, 0),
    (HARAMI, 80, NOT_LONG | INSIDE, LONG | BLACK, 0, 0),
    (HARAMI, 100, NOT_LONG | INSIDE_BOTH, LONG | BLACK, 0, 0),
    (HARAMI, -80, NOT_LONG | INSIDE, LONG | WHITE, 0, 0),
    (HARAMI, -100, NOT_LONG | INSIDE_BOTH, LONG | WHITE, 0, 0),
    (PIERCING, 100, WHITE | LONG | PIERCES, BLACK | LONG, 0, 0),
    (DARK_CLOUD_COVER, -100, BLACK | CLOUDS, WHITE | LONG, 0, 0),
    (MORNING_STAR, 100, WHITE | LONG | BACK_UP, NOT_LONG | GAP_DOWN, BLACK | LONG, 0),
    (EVENING_STAR, -100, BLACK | LONG | BACK_DOWN, NOT_LONG | GAP_UP, WHITE | LONG, 0),
    (THREE_WHITE_SOLDIERS, 100, _SOLDIER | ADVANCES | LONG, _SOLDIER | ADVANCES, _SOLDIER, 0),
    (THREE_BLACK_CROWS, -100, _CROW | DECLINES, _CROW | DECLINES, _CROW | UNDER_HIGH, WHITE),
)


class Candle(NamedTuple):
    """Hold one bar and the averages of the bars before it, the bar itself left out; all USD.

    Attributes
    ----------
    open, high, low, close : float
        The bar.
    body : float
        ``abs(close - open)``; NaN if any field of the bar is NaN or infinite.
    mean_body, mean_range : float
        Means of the 10 bars before; NaN if there are fewer, or if one has a broken field.
    near_range : float
        Mean range of the 5 bars before; NaN likewise.
    """

    open: float
    high: float
    low: float
    close: float
    body: float
    mean_body: float
    mean_range: float
    near_range: float


@njit(cache=True, nogil=True, error_model="numpy")
def spreads_nb(open_: float, high: float, low: float, close: float) -> tuple[float, float]:
    """Return a bar's real body and its range in USD, both NaN if any field is NaN or infinite."""
    body = abs(close - open_)
    range_ = high - low
    poison = (body + range_) * 0.0
    return body + poison, range_ + poison


@njit(cache=True, nogil=True, error_model="numpy")
def _flag_nb(condition: bool, fact: int) -> np.int32:
    return np.int32(fact) if condition else np.int32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def shape_facts_nb(x: Candle) -> np.int32:
    """Return the facts about candle x by itself as bits; a fact that would need a NaN is false."""
    white = x.close >= x.open
    top = x.close if white else x.open
    bottom = x.open if white else x.close
    lower = bottom - x.low
    upper = x.high - top
    no_shadow = NO_SHADOW_FRAC * x.mean_range
    facts = _flag_nb((x.body >= 0.0) & white, WHITE)
    facts |= _flag_nb((x.body >= 0.0) & (x.close < x.open), BLACK)
    facts |= _flag_nb(x.body <= DOJI_FRAC * x.mean_range, DOJI_BODY)
    facts |= _flag_nb(x.body < x.mean_body, SHORT)
    facts |= _flag_nb(x.body <= x.mean_body, NOT_LONG)
    facts |= _flag_nb(x.body > x.mean_body, LONG)
    facts |= _flag_nb(lower > x.body, LONG_LOWER_SHADOW)
    facts |= _flag_nb(upper > x.body, LONG_UPPER_SHADOW)
    facts |= _flag_nb(lower < no_shadow, NO_LOWER_SHADOW)
    facts |= _flag_nb(upper < no_shadow, NO_UPPER_SHADOW)
    return facts


@njit(cache=True, nogil=True, error_model="numpy")
def relation_facts_nb(x: Candle, x1: Candle, x2: Candle) -> np.int32:
    """Return the facts about candle x against x1 and x2, the candles before it, likewise."""
    white = x.close >= x.open
    top = x.close if white else x.open
    bottom = x.open if white else x.close
    white_1 = x1.close >= x1.open
    top_1 = x1.close if white_1 else x1.open
    bottom_1 = x1.open if white_1 else x1.close
    near = NEAR_FRAC * x1.near_range
    outside = (top >= top_1) & (bottom <= bottom_1)
    pierces = (x.open < x1.low) & (x.close < x1.open)
    clouds = (x.open > x1.high) & (x.close > x1.open)
    rises = (x.open > x1.open) & (x.close > x1.close) & (x.open <= x1.close + near)
    facts = _flag_nb(bottom <= x1.low + near, NEAR_LOW)
    facts |= _flag_nb(bottom >= x1.high - near, NEAR_HIGH)
    facts |= _flag_nb(top < bottom_1, GAP_DOWN)
    facts |= _flag_nb(bottom > top_1, GAP_UP)
    facts |= _flag_nb(outside & ((top > top_1) | (bottom < bottom_1)), OUTSIDE)
    facts |= _flag_nb((top > top_1) & (bottom < bottom_1), OUTSIDE_BOTH)
    facts |= _flag_nb((top <= top_1) & (bottom >= bottom_1), INSIDE)
    facts |= _flag_nb((top < top_1) & (bottom > bottom_1), INSIDE_BOTH)
    facts |= _flag_nb(pierces & (x.close > x1.close + x1.body * PIERCING_PENETRATION_FRAC), PIERCES)
    facts |= _flag_nb(clouds & (x.close < x1.close - x1.body * DARK_CLOUD_PENETRATION_FRAC), CLOUDS)
    facts |= _flag_nb(x.close > x2.close + x2.body * STAR_PENETRATION_FRAC, BACK_UP)
    facts |= _flag_nb(x.close < x2.close - x2.body * STAR_PENETRATION_FRAC, BACK_DOWN)
    facts |= _flag_nb(rises & (x.body > x1.body - FAR_FRAC * x1.near_range), ADVANCES)
    facts |= _flag_nb((x.open < x1.open) & (x.open > x1.close) & (x.close < x1.close), DECLINES)
    facts |= _flag_nb(x.close < x1.high, UNDER_HIGH)
    return facts


@njit(cache=True, nogil=True, error_model="numpy")
def facts_nb(x: Candle, x1: Candle, x2: Candle) -> np.int32:
    """Return all facts about candle x as bits; x1 and x2 are the candles before it."""
    return shape_facts_nb(x) | relation_facts_nb(x, x1, x2)


@njit(cache=True, nogil=True, error_model="numpy")
def candle_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> Candle:
    """Return bar t as a `Candle`, its averages summed afresh in ascending order; NaN if t < 0."""
    if t < 0:
        nan = math.nan
        return Candle(nan, nan, nan, nan, nan, nan, nan, nan)
    body = spreads_nb(open_[t], high[t], low[t], close[t])[0]
    mean_body = mean_range = near_range = math.nan
    if t >= NEAR_BARS:
        near_range = 0.0
        for i in range(t - NEAR_BARS, t):
            near_range += spreads_nb(open_[i], high[i], low[i], close[i])[1]
        near_range /= NEAR_BARS
    if t >= LONG_BARS:
        mean_body = mean_range = 0.0
        for i in range(t - LONG_BARS, t):
            spread = spreads_nb(open_[i], high[i], low[i], close[i])
            mean_body += spread[0]
            mean_range += spread[1]
        mean_body /= LONG_BARS
        mean_range /= LONG_BARS
    return Candle(open_[t], high[t], low[t], close[t], body, mean_body, mean_range, near_range)


@njit(cache=True, nogil=True, error_model="numpy")
def facts_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> np.int32:
    """Return the facts about bar t, those false that would need bars before the first."""
    x = candle_at_nb(open_, high, low, close, t)
    x1 = candle_at_nb(open_, high, low, close, t - 1)
    return facts_nb(x, x1, candle_at_nb(open_, high, low, close, t - 2))


@njit(cache=True, nogil=True, error_model="numpy")
def _pattern_nb(
    open_: Series, high: Series, low: Series, close: Series, t: int, pattern: int
) -> int:
    value = 0
    if t < LOOKBACKS[pattern]:
        return value
    for rule in RULES:
        if rule[0] != pattern:
            continue
        missing = 0
        for lag in range(4):
            if rule[2 + lag]:
                missing |= int(rule[2 + lag] & ~facts_at_nb(open_, high, low, close, t - lag))
        if missing == 0:
            value = rule[1]
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def doji_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLDOJI at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, DOJI)


@njit(cache=True, nogil=True, error_model="numpy")
def hammer_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLHAMMER at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, HAMMER)


@njit(cache=True, nogil=True, error_model="numpy")
def hanging_man_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLHANGINGMAN at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, HANGING_MAN)


@njit(cache=True, nogil=True, error_model="numpy")
def inverted_hammer_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLINVERTEDHAMMER at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, INVERTED_HAMMER)


@njit(cache=True, nogil=True, error_model="numpy")
def shooting_star_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLSHOOTINGSTAR at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, SHOOTING_STAR)


@njit(cache=True, nogil=True, error_model="numpy")
def engulfing_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLENGULFING at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, ENGULFING)


@njit(cache=True, nogil=True, error_model="numpy")
def harami_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLHARAMI at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, HARAMI)


@njit(cache=True, nogil=True, error_model="numpy")
def piercing_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLPIERCING at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, PIERCING)


@njit(cache=True, nogil=True, error_model="numpy")
def dark_cloud_cover_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLDARKCLOUDCOVER at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, DARK_CLOUD_COVER)


@njit(cache=True, nogil=True, error_model="numpy")
def morning_star_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLMORNINGSTAR at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, MORNING_STAR)


@njit(cache=True, nogil=True, error_model="numpy")
def evening_star_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDLEVENINGSTAR at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, EVENING_STAR)


@njit(cache=True, nogil=True, error_model="numpy")
def three_white_soldiers_at_nb(
    open_: Series, high: Series, low: Series, close: Series, t: int
) -> int:
    """Return CDL3WHITESOLDIERS at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, THREE_WHITE_SOLDIERS)


@njit(cache=True, nogil=True, error_model="numpy")
def three_black_crows_at_nb(open_: Series, high: Series, low: Series, close: Series, t: int) -> int:
    """Return CDL3BLACKCROWS at bar t, as the module says."""
    return _pattern_nb(open_, high, low, close, t, THREE_BLACK_CROWS)
