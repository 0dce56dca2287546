"""The 13 candlestick patterns over a whole series, or at its last bar.

The rules and TA-Lib's conventions are in ``candle_rules``; that module's ``*_at_nb`` kernels are
the definition. The two paths here are faster and give the same bits, and tests say so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from catalyst.errors import InputError
from catalyst.strategy.candle_rules import (
    LONG_BARS,
    LOOKBACKS,
    NEAR_BARS,
    PATTERN_TABLE,
    RULES,
    Candle,
    PatternInfo,
    Series,
    candle_at_nb,
    facts_nb,
    relation_facts_nb,
    shape_facts_nb,
    spreads_nb,
)

__all__ = ["PATTERNS", "PATTERN_TABLE", "PatternInfo", "detect", "detect_last_nb", "detect_nb"]

PATTERNS: tuple[str, ...] = tuple(info.name for info in PATTERN_TABLE)

# A rule looks at the facts of four bars, and each bar's facts at the averages before it.
_RULE_BARS = 4
_LEAD_BARS = LONG_BARS + _RULE_BARS - 1
# Bars in one pass of the batch, so that its working arrays stay in the cache. Measured: 512 is
# slower by a fifth, 2048 no faster.
_BLOCK_BARS = 1024


class _Candles(NamedTuple):
    open: Series
    high: Series
    low: Series
    close: Series
    body: Series
    mean_body: Series
    mean_range: Series
    near_range: Series


def detect(open_: ArrayLike, high: ArrayLike, low: ArrayLike, close: ArrayLike) -> NDArray[np.int8]:
    """Detect all 13 patterns on every bar of one symbol.

    Parameters
    ----------
    open_, high, low, close : float64[n]
        The symbol's own bars in order of time, USD, of one length.

    Returns
    -------
    int8[13, n]
        Rows in the order of `PATTERNS`, values as TA-Lib's: 0 for none, positive for bullish and
        for a doji, negative for bearish. 0 wherever a bar that the pattern uses, itself or in an
        average, has a NaN or infinite field.

    Raises
    ------
    InputError
        If the arrays are not one-dimensional and of one length.
    """
    shapes = [np.shape(x) for x in (open_, high, low, close)]
    if len(shapes[0]) != 1 or shapes != shapes[:1] * 4:
        raise InputError(
            f"open, high, low and close have the shapes {shapes}; four arrays of one dimension and "
            "one length are expected, so pass one symbol at a time"
        )
    o, h, low_, c = (np.ascontiguousarray(x, np.float64) for x in (open_, high, low, close))
    out = np.empty((len(PATTERNS), c.size), dtype=np.int8)
    detect_nb(o, h, low_, c, out)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def detect_last_nb(
    open_: Series, high: Series, low: Series, close: Series, n: int, out: NDArray[np.int8]
) -> None:
    """Detect all 13 patterns at the last of a symbol's first n bars.

    Parameters
    ----------
    open_, high, low, close : float64[>= n]
        Bars in order of time, USD; those from n on are not read, so a buffer may be longer.
    n : int
        Number of bars; with too few for a pattern, or none, its value is 0.
    out : int8[13]
        Filled, in the order of `PATTERNS`, with what `detect` gives for bar ``n - 1``.
    """
    out[:] = 0
    t = n - 1
    if t < min(LOOKBACKS):
        return
    x = candle_at_nb(open_, high, low, close, t)
    x1 = candle_at_nb(open_, high, low, close, t - 1)
    x2 = candle_at_nb(open_, high, low, close, t - 2)
    x3 = candle_at_nb(open_, high, low, close, t - 3)
    x4 = candle_at_nb(open_, high, low, close, t - 4)
    x5 = candle_at_nb(open_, high, low, close, t - 5)
    missing = ~facts_nb(x, x1, x2)
    missing_1 = ~facts_nb(x1, x2, x3)
    missing_2 = ~facts_nb(x2, x3, x4)
    missing_3 = ~facts_nb(x3, x4, x5)
    for pattern, value, now, one, two, three in RULES:
        lacking = (now & missing) | (one & missing_1) | (two & missing_2) | (three & missing_3)
        if lacking == 0 and t >= LOOKBACKS[pattern]:
            out[pattern] = value


@njit(cache=True, nogil=True, error_model="numpy")
def detect_nb(
    open_: Series, high: Series, low: Series, close: Series, out: NDArray[np.int8]
) -> None:
    """Detect all 13 patterns on every bar, filling ``out``, int8[13, n]; see `detect`."""
    n = open_.size
    scratch = np.empty((5, _LEAD_BARS + _BLOCK_BARS))
    missing = np.empty(_LEAD_BARS + _BLOCK_BARS, dtype=np.int32)
    # The first bars, with NaN for the bars before them that aren't there.
    head = min(n, _LEAD_BARS)
    padded = np.full((4, _LEAD_BARS + head), np.nan)
    for i in range(head):
        padded[0, _LEAD_BARS + i] = open_[i]
        padded[1, _LEAD_BARS + i] = high[i]
        padded[2, _LEAD_BARS + i] = low[i]
        padded[3, _LEAD_BARS + i] = close[i]
    _detect_block_nb(padded[0], padded[1], padded[2], padded[3], scratch, missing, out[:, :head])
    for pattern in range(len(LOOKBACKS)):
        out[pattern, : LOOKBACKS[pattern]] = 0
    for start in range(_LEAD_BARS, n, _BLOCK_BARS):
        bars = slice(start - _LEAD_BARS, min(n, start + _BLOCK_BARS))
        _detect_block_nb(
            open_[bars],
            high[bars],
            low[bars],
            close[bars],
            scratch,
            missing,
            out[:, start : bars.stop],
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _detect_block_nb(
    open_: Series,
    high: Series,
    low: Series,
    close: Series,
    scratch: NDArray[np.float64],
    missing: NDArray[np.int32],
    out: NDArray[np.int8],
) -> None:
    n = open_.size
    body, range_ = scratch[0], scratch[1]
    bars = _Candles(open_, high, low, close, body, scratch[2], scratch[3], scratch[4])
    for i in range(n):
        body[i], range_[i] = spreads_nb(open_[i], high[i], low[i], close[i])
    _means_of_ten_nb(body, bars.mean_body[LONG_BARS:n])
    _means_of_ten_nb(range_, bars.mean_range[LONG_BARS:n])
    _means_of_five_nb(range_, bars.near_range[NEAR_BARS:n])
    _missing_facts_nb(bars, missing[LONG_BARS:n])
    _apply_rules_nb(missing[LONG_BARS:n], out)


@njit(cache=True, nogil=True, error_model="numpy")
def _means_of_ten_nb(x: Series, out: Series) -> None:
    # Views instead of x[k + 1]: numba's check for negative indices would keep the loop scalar.
    a, b, c, d, e = x, x[1:], x[2:], x[3:], x[4:]
    f, g, h, i, j = x[5:], x[6:], x[7:], x[8:], x[9:]
    for k in range(out.size):
        total = a[k] + b[k] + c[k] + d[k] + e[k] + f[k] + g[k] + h[k] + i[k] + j[k]
        out[k] = total / LONG_BARS


@njit(cache=True, nogil=True, error_model="numpy")
def _means_of_five_nb(x: Series, out: Series) -> None:
    a, b, c, d, e = x, x[1:], x[2:], x[3:], x[4:]
    for k in range(out.size):
        out[k] = (a[k] + b[k] + c[k] + d[k] + e[k]) / NEAR_BARS


@njit(cache=True, nogil=True, error_model="numpy")
def _from_nb(bars: _Candles, first: int) -> _Candles:
    return _Candles(
        bars.open[first:],
        bars.high[first:],
        bars.low[first:],
        bars.close[first:],
        bars.body[first:],
        bars.mean_body[first:],
        bars.mean_range[first:],
        bars.near_range[first:],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _candle_nb(bars: _Candles, k: int) -> Candle:
    return Candle(
        bars.open[k],
        bars.high[k],
        bars.low[k],
        bars.close[k],
        bars.body[k],
        bars.mean_body[k],
        bars.mean_range[k],
        bars.near_range[k],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _missing_facts_nb(bars: _Candles, out: NDArray[np.int32]) -> None:
    x, x1, x2 = (
        _from_nb(bars, LONG_BARS),
        _from_nb(bars, LONG_BARS - 1),
        _from_nb(bars, LONG_BARS - 2),
    )
    for k in range(out.size):
        out[k] = shape_facts_nb(_candle_nb(x, k))
    for k in range(out.size):
        out[k] = ~(
            out[k] | relation_facts_nb(_candle_nb(x, k), _candle_nb(x1, k), _candle_nb(x2, k))
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _apply_rules_nb(missing: NDArray[np.int32], out: NDArray[np.int8]) -> None:
    m3, m2, m1, m = missing, missing[1:], missing[2:], missing[3:]
    out[:] = 0
    for rule in RULES:
        value = np.int8(rule[1])
        now, one, two, three = (
            np.int32(rule[2]),
            np.int32(rule[3]),
            np.int32(rule[4]),
            np.int32(rule[5]),
        )
        row = out[rule[0]]
        for k in range(row.size):
            lacking = (now & m[k]) | (one & m1[k]) | (two & m2[k]) | (three & m3[k])
            row[k] = value if lacking == 0 else row[k]
