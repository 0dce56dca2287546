"""Indicators on a finite window and the scores made of them (section 6)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from reference.bars import Bar
from reference.presets import Numbers


def mean(values: list[float]) -> float:
    """Return the plain mean, summed in order."""
    return sum(values) / len(values)


def ema(values: list[float], period: int) -> list[float]:
    """Return the EMA from the bar `period` - 1 on, seeded with the mean of the first `period`."""
    alpha = 2.0 / (period + 1)
    out = [mean(values[:period])]
    for value in values[period:]:
        out.append((value - out[-1]) * alpha + out[-1])
    return out


def rsi(closes: list[float], period: int = 14) -> float:
    """Return Wilder's RSI at the last close, seeded over the first `period` changes."""
    changes = [after - before for before, after in itertools.pairwise(closes)]
    gain = mean([max(change, 0.0) for change in changes[:period]])
    loss = mean([max(-change, 0.0) for change in changes[:period]])
    for change in changes[period:]:
        gain = (gain * (period - 1) + max(change, 0.0)) / period
        loss = (loss * (period - 1) + max(-change, 0.0)) / period
    if loss == 0.0:
        return 50.0 if gain == 0.0 else 100.0
    return 100.0 * gain / (gain + loss)


def macd_histogram(closes: list[float], fast: int = 12, slow: int = 26, signal: int = 9) -> float:
    """Return MACD less its signal at the last close.

    As in TA-Lib both averages are seeded at the same bar, the first that the slow one has.
    """
    slow_line = ema(closes, slow)
    fast_line = ema(closes[slow - fast :], fast)
    line = [quick - lazy for quick, lazy in zip(fast_line, slow_line, strict=True)]
    return line[-1] - ema(line, signal)[-1]


def atr(bars: list[Bar], period: int = 14) -> float:
    """Return Wilder's average true range at the last bar, seeded as TA-Lib does."""
    ranges = [
        max(bar.high - bar.low, abs(bar.high - before.close), abs(bar.low - before.close))
        for before, bar in itertools.pairwise(bars)
    ]
    value = mean(ranges[:period])
    for one in ranges[period:]:
        value = (value * (period - 1) + one) / period
    return value


def bollinger(closes: list[float], period: int = 20, width: float = 2.0) -> tuple[float, float]:
    """Return the lower and upper band at the last close (population deviation)."""
    window = closes[-period:]
    middle = mean(window)
    deviation = math.sqrt(mean([(close - middle) ** 2 for close in window]))
    return middle - width * deviation, middle + width * deviation


@dataclass(frozen=True)
class Reading:
    """The indicators that the scores ask for."""

    close: float
    rsi: float
    histogram: float
    sma20: float
    sma50: float
    ema9: float
    ema9_before: float


def read(bars: list[Bar]) -> Reading:
    """Return the indicators at the last of `bars` (at least 60, the window)."""
    closes = [bar.close for bar in bars]
    nine = ema(closes, 9)
    return Reading(
        closes[-1],
        rsi(closes),
        macd_histogram(closes),
        mean(closes[-20:]),
        mean(closes[-50:]),
        nine[-1],
        nine[-2],
    )


def clipped(value: float) -> float:
    """Return `value` within 0 to 100."""
    return min(max(value, 0.0), 100.0)


def spec_score(reading: Reading) -> float:
    """Return the technical score of a long, 0 to 100."""
    score = 50.0
    if reading.rsi < 30.0:
        score += 20.0
    elif reading.rsi > 70.0:
        score -= 20.0
    if reading.histogram > 0.0:
        score += 15.0
    elif reading.histogram < 0.0:
        score -= 15.0
    if reading.close > reading.sma20 > reading.sma50:
        score += 15.0
    elif reading.close < reading.sma20 < reading.sma50:
        score -= 15.0
    if reading.ema9 > reading.ema9_before:
        score += 10.0
    elif reading.ema9 < reading.ema9_before:
        score -= 10.0
    return clipped(score)


def technical_score(bars: list[Bar], *, five_days: float, side: int, numbers: Numbers) -> float:
    """Return the technical score for a side.

    Parameters
    ----------
    bars : list of Bar
        The window: the last 250 bars, or all there are.
    five_days : float
        Return over five sessions, NaN where there are fewer.
    side : int
        1 for long, -1 for short (100 minus the long's).
    numbers : dict
        The strategy's numbers; `technical.score` names the score.

    Returns
    -------
    float
        0 to 100.
    """
    kind = numbers["technical"]["score"]
    if kind == "spec":
        score = spec_score(read(bars))
    elif kind == "momentum_chase":
        score = 50.0 if math.isnan(five_days) else clipped(50.0 + 500.0 * five_days)
    else:
        calm = 40.0 <= rsi([bar.close for bar in bars]) <= 60.0
        score = 50.0 + (25.0 if calm else -25.0)
        if not math.isnan(five_days):
            score += 25.0 if 0.03 <= five_days <= 0.07 else -25.0
    return score if side > 0 else 100.0 - score


def volume_score(rvol: float) -> float:
    """Return the volume score of a relative volume; NaN (not known) is the lowest, 30."""
    if rvol >= 2.0:
        return 90.0
    if rvol >= 1.5:
        return 70.0
    return 50.0 if rvol >= 1.0 else 30.0
