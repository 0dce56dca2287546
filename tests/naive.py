"""Slow, obvious twins of the kernels, in plain Python and from the definitions.

A bar is a tuple ``(open, high, low, close)``. Nothing here may import the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean

Bar = tuple[float, float, float, float]
# mean(kind, bars, lag): average "body" or "range" of the bars before bar i - lag.
Mean = Callable[[str, int, int], float]


def body(bar: Bar) -> float:
    return abs(bar[3] - bar[0])


def spread(bar: Bar, kind: str) -> float:
    return body(bar) if kind == "body" else bar[1] - bar[2]


def colour(bar: Bar) -> int:
    return 1 if bar[3] >= bar[0] else -1


def top(bar: Bar) -> float:
    return max(bar[0], bar[3])


def bottom(bar: Bar) -> float:
    return min(bar[0], bar[3])


def upper(bar: Bar) -> float:
    return bar[1] - top(bar)


def lower(bar: Bar) -> float:
    return bottom(bar) - bar[2]


# Every rule asks for all its averages first, whatever the bars: TA-Lib keeps all its sums up to
# date from the first bar with a value, and `running` must do so too.


def doji(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    return 100 if body(bars[i]) <= 0.1 * mean("range", 10, 0) else 0


def hammer(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    short, none, near = mean("body", 10, 0), 0.1 * mean("range", 10, 0), 0.2 * mean("range", 5, 1)
    bar = bars[i]
    if body(bar) < short and lower(bar) > body(bar) and upper(bar) < none:
        return 100 if bottom(bar) <= bars[i - 1][2] + near else 0
    return 0


def hanging_man(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    short, none, near = mean("body", 10, 0), 0.1 * mean("range", 10, 0), 0.2 * mean("range", 5, 1)
    bar = bars[i]
    if body(bar) < short and lower(bar) > body(bar) and upper(bar) < none:
        return -100 if bottom(bar) >= bars[i - 1][1] - near else 0
    return 0


def inverted_hammer(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    short, none = mean("body", 10, 0), 0.1 * mean("range", 10, 0)
    bar = bars[i]
    if body(bar) < short and upper(bar) > body(bar) and lower(bar) < none:
        return 100 if top(bar) < bottom(bars[i - 1]) else 0
    return 0


def shooting_star(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    short, none = mean("body", 10, 0), 0.1 * mean("range", 10, 0)
    bar = bars[i]
    if body(bar) < short and upper(bar) > body(bar) and lower(bar) < none:
        return -100 if bottom(bar) > top(bars[i - 1]) else 0
    return 0


def engulfing(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    open_, close = bars[i][0], bars[i][3]
    open_1, close_1 = bars[i - 1][0], bars[i - 1][3]
    if colour(bars[i]) == colour(bars[i - 1]):
        return 0
    if colour(bars[i]) == 1:
        around = (close >= open_1 and open_ < close_1) or (close > open_1 and open_ <= close_1)
    else:
        around = (open_ >= close_1 and close < open_1) or (open_ > close_1 and close <= open_1)
    if not around:
        return 0
    return colour(bars[i]) * (100 if open_ != close_1 and close != open_1 else 80)


def harami(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    short, long = mean("body", 10, 0), mean("body", 10, 1)
    bar, before = bars[i], bars[i - 1]
    if not (body(before) > long and body(bar) <= short):
        return 0
    if top(bar) < top(before) and bottom(bar) > bottom(before):
        return -100 * colour(before)
    if top(bar) <= top(before) and bottom(bar) >= bottom(before):
        return -80 * colour(before)
    return 0


def piercing(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    long, long_1 = mean("body", 10, 0), mean("body", 10, 1)
    bar, before = bars[i], bars[i - 1]
    if colour(before) != -1 or colour(bar) != 1 or body(before) <= long_1 or body(bar) <= long:
        return 0
    middle = before[3] + body(before) * 0.5
    return 100 if bar[0] < before[2] and middle < bar[3] < before[0] else 0


def dark_cloud_cover(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    long_1 = mean("body", 10, 1)
    bar, before = bars[i], bars[i - 1]
    if colour(before) != 1 or colour(bar) != -1 or body(before) <= long_1:
        return 0
    middle = before[3] - body(before) * 0.5
    return -100 if bar[0] > before[1] and before[0] < bar[3] < middle else 0


def _star(bars: Sequence[Bar], i: int, mean: Mean, first_colour: int) -> bool:
    sizes = mean("body", 10, 0), mean("body", 10, 1), mean("body", 10, 2)
    bar, star, first = bars[i], bars[i - 1], bars[i - 2]
    return (
        body(first) > sizes[2]
        and body(star) <= sizes[1]
        and body(bar) > sizes[0]
        and colour(first) == first_colour
        and colour(bar) == -first_colour
    )


def morning_star(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    gap = top(bars[i - 1]) < bottom(bars[i - 2])
    deep = bars[i][3] > bars[i - 2][3] + body(bars[i - 2]) * 0.3
    return 100 if _star(bars, i, mean, -1) and gap and deep else 0


def evening_star(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    gap = bottom(bars[i - 1]) > top(bars[i - 2])
    deep = bars[i][3] < bars[i - 2][3] - body(bars[i - 2]) * 0.3
    return -100 if _star(bars, i, mean, 1) and gap and deep else 0


def three_white_soldiers(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    none = [0.1 * mean("range", 10, lag) for lag in (0, 1, 2)]
    range_5 = {lag: mean("range", 5, lag) for lag in (1, 2)}
    short = mean("body", 10, 0)
    for lag in (0, 1, 2):
        if colour(bars[i - lag]) != 1 or upper(bars[i - lag]) >= none[lag]:
            return 0
    for lag in (0, 1):
        bar, before = bars[i - lag], bars[i - lag - 1]
        in_or_near = before[0] < bar[0] <= before[3] + 0.2 * range_5[lag + 1]
        not_far_shorter = body(bar) > body(before) - 0.6 * range_5[lag + 1]
        if not (bar[3] > before[3] and in_or_near and not_far_shorter):
            return 0
    return 100 if body(bars[i]) > short else 0


def three_black_crows(bars: Sequence[Bar], i: int, mean: Mean) -> int:
    none = [0.1 * mean("range", 10, lag) for lag in (0, 1, 2)]
    if colour(bars[i - 3]) != 1 or bars[i - 3][1] <= bars[i - 2][3]:
        return 0
    for lag in (0, 1, 2):
        if colour(bars[i - lag]) != -1 or lower(bars[i - lag]) >= none[lag]:
            return 0
    for lag in (0, 1):
        bar, before = bars[i - lag], bars[i - lag - 1]
        if not (before[3] < bar[0] < before[0] and bar[3] < before[3]):
            return 0
    return -100


# Name, first bar with a value, bars before the last one that count, rule.
PATTERNS: tuple[tuple[str, int, int, Callable[[Sequence[Bar], int, Mean], int]], ...] = (
    ("CDLDOJI", 10, 10, doji),
    ("CDLHAMMER", 11, 10, hammer),
    ("CDLHANGINGMAN", 11, 10, hanging_man),
    ("CDLINVERTEDHAMMER", 11, 10, inverted_hammer),
    ("CDLSHOOTINGSTAR", 11, 10, shooting_star),
    ("CDLENGULFING", 2, 1, engulfing),
    ("CDLHARAMI", 11, 11, harami),
    ("CDLPIERCING", 11, 11, piercing),
    ("CDLDARKCLOUDCOVER", 11, 11, dark_cloud_cover),
    ("CDLMORNINGSTAR", 12, 12, morning_star),
    ("CDLEVENINGSTAR", 12, 12, evening_star),
    ("CDL3WHITESOLDIERS", 12, 12, three_white_soldiers),
    ("CDL3BLACKCROWS", 13, 12, three_black_crows),
)


def window(bars: Sequence[Bar]) -> list[list[int]]:
    """Find the patterns with a fresh sum for every average."""
    broken = [not all(math.isfinite(x) for x in bar) for bar in bars]
    out = []
    for _, first, reach, rule in PATTERNS:
        values = [0] * len(bars)
        for i in range(first, len(bars)):
            if not any(broken[i - reach : i + 1]):
                values[i] = rule(bars, i, _fresh(bars, i))
        out.append(values)
    return out


def _fresh(bars: Sequence[Bar], i: int) -> Mean:
    def mean(kind: str, count: int, lag: int) -> float:
        end = i - lag
        # Not sum(): since Python 3.12 it compensates rounding, and this must round as a loop does.
        total = 0.0
        for bar in bars[end - count : end]:
            total += spread(bar, kind)
        return total / count

    return mean


def running(bars: Sequence[Bar]) -> list[list[int]]:
    """Find the patterns as TA-Lib does: one sum an average, moved along with the bars."""
    out = []
    for _, first, _, rule in PATTERNS:
        values = [0] * len(bars)
        totals: dict[tuple[str, int, int], float] = {}
        for i in range(first, len(bars)):
            values[i] = rule(bars, i, _moved(bars, i, totals, seed=i == first))
        out.append(values)
    return out


def _moved(
    bars: Sequence[Bar], i: int, totals: dict[tuple[str, int, int], float], *, seed: bool
) -> Mean:
    def mean(kind: str, count: int, lag: int) -> float:
        key, end = (kind, count, lag), i - lag
        if seed:
            totals[key] = 0.0
            for bar in bars[end - count : end]:
                totals[key] += spread(bar, kind)
        else:
            totals[key] += spread(bars[end - 1], kind) - spread(bars[end - 1 - count], kind)
        return totals[key] / count

    return mean


def sma(x: Sequence[float], t: int, period: int) -> float:
    part = list(x[max(0, t + 1 - period) : t + 1])
    return fmean(part) if len(part) == period and _finite(part) else math.nan


def _finite(*series: Sequence[float]) -> bool:
    return all(math.isfinite(x) for part in series for x in part)


def _smoothed(x: Sequence[float], weight: float, seed: float) -> list[float]:
    out = [seed]
    for value in x:
        out.append((1.0 - weight) * out[-1] + weight * value)
    return out


def ema_path(x: Sequence[float], period: int) -> list[float]:
    """Return the average from its seed, at index ``period - 1``, to the end."""
    return _smoothed(x[period:], 2.0 / (period + 1), fmean(x[:period]))


def ema(x: Sequence[float], t: int, period: int, width: int) -> float:
    part = list(x[max(0, t + 1 - width) : t + 1])
    return ema_path(part, period)[-1] if len(part) >= period and _finite(part) else math.nan


def macd_hist(x: Sequence[float], t: int, fast: int, slow: int, signal: int, width: int) -> float:
    part = list(x[max(0, t + 1 - width) : t + 1])
    if len(part) < slow + signal - 1 or not _finite(part):
        return math.nan
    pairs = zip(ema_path(part[slow - fast :], fast), ema_path(part, slow), strict=True)
    line = [quick - sluggish for quick, sluggish in pairs]
    return line[-1] - ema_path(line, signal)[-1]


def rsi(x: Sequence[float], t: int, period: int, width: int) -> float:
    part = list(x[max(0, t + 1 - width) : t + 1])
    if len(part) <= period or not _finite(part):
        return math.nan
    changes = [after - before for before, after in pairwise(part)]
    gains = [max(change, 0.0) for change in changes]
    losses = [max(-change, 0.0) for change in changes]
    gain = _smoothed(gains[period:], 1.0 / period, fmean(gains[:period]))[-1]
    loss = _smoothed(losses[period:], 1.0 / period, fmean(losses[:period]))[-1]
    return 50.0 if gain == loss == 0.0 else 100.0 - 100.0 * loss / (gain + loss)


def atr(
    high: Sequence[float],
    low: Sequence[float],
    close: Sequence[float],
    t: int,
    period: int,
    width: int,
) -> float:
    first = max(0, t + 1 - width)
    ranges = []
    for i in range(first + 1, t + 1):
        if not _finite([high[i], low[i], close[i - 1]]):
            return math.nan
        ranges.append(max(high[i], close[i - 1]) - min(low[i], close[i - 1]))
    if len(ranges) < period:
        return math.nan
    return _smoothed(ranges[period:], 1.0 / period, fmean(ranges[:period]))[-1]


def bollinger(
    x: Sequence[float], t: int, period: int, deviations: float
) -> tuple[float, float, float]:
    part = list(x[max(0, t + 1 - period) : t + 1])
    if len(part) < period or not _finite(part):
        return math.nan, math.nan, math.nan
    middle = fmean(part)
    deviation = math.sqrt(fmean((value - middle) ** 2 for value in part))
    return middle - deviations * deviation, middle, middle + deviations * deviation


def vwap(
    high: Sequence[float],
    low: Sequence[float],
    close: Sequence[float],
    volume: Sequence[float],
    t: int,
    since: int,
) -> float:
    rows = list(zip(high, low, close, volume, strict=True))[since : t + 1]
    if not _finite(*rows) or sum(row[3] for row in rows) == 0.0:
        return math.nan
    traded = math.fsum(fmean(row[:3]) * row[3] for row in rows)
    return traded / math.fsum(row[3] for row in rows)


def technical_score(close: Sequence[float]) -> float:
    """Score as the specification words it, with its numbers."""
    t = len(close) - 1
    if len(close) < 60 or not _finite(close[-250:]):
        return math.nan
    score = 50
    strength = rsi(close, t, 14, 250)
    score += 20 if strength < 30 else -20 if strength > 70 else 0
    hist = macd_hist(close, t, 12, 26, 9, 250)
    score += 15 if hist > 0 else -15 if hist < 0 else 0
    last, short, long = close[t], sma(close, t, 20), sma(close, t, 50)
    score += 15 if last > short > long else -15 if last < short < long else 0
    before, now = ema_path(close[-250:], 9)[-2:]
    score += 10 if now > before else -10 if now < before else 0
    return float(min(max(score, 0), 100))
