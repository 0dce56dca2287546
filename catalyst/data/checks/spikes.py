"""Prints that leave their neighbours by far and revert within a bar; prices too low or rounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.gaps import span
from catalyst.data.checks.levels import median_around

if TYPE_CHECKING:
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds


def spike_findings(panel: Panel, t: Thresholds) -> Iterator[Finding]:
    """Find bars whose high or low leaves both neighbours by far more than is usual.

    A spike counts in units of its session's usual range a bar, against the largest of the series'
    other sessions; what many symbols show in one session is the market's.
    """
    if not len(panel):
        return
    if panel.is_daily:
        up, down, scale = _daily_spikes(panel, t)
        at = np.zeros((2, len(panel)), np.float32)
        least = t.spike_daily_frac
    else:
        up = panel.facts[:, k.SPIKE_UP].astype(np.float64)
        down = panel.facts[:, k.SPIKE_DOWN].astype(np.float64)
        at = np.stack([panel.facts[:, k.SPIKE_UP_AT], panel.facts[:, k.SPIKE_DOWN_AT]])
        scale = panel.facts[:, k.RANGE].astype(np.float64)
        least = t.spike_least_frac
    size = np.maximum(up, down).astype(np.float64)
    flagged = np.zeros(len(panel), bool)
    near = np.zeros(len(panel), bool)
    usual = np.zeros(len(panel))
    for number in range(len(panel.series)):
        rows = panel.rows(number)
        # On a wild day everything is wide; on a quiet one the usual range counts.
        floor = scale[rows] if panel.is_daily else np.maximum(scale[rows], np.median(scale[rows]))
        units = size[rows] / np.maximum(floor, 1e-4)
        some = units[units > 0]
        if not len(some):
            continue
        limit = max(
            t.spike_habit_ratio * float(np.median(some)),
            t.spike_tail_ratio * float(np.quantile(some, 0.9)),
        )
        bounds = np.maximum(limit * np.maximum(floor, 1e-4), least)
        flagged[rows] = size[rows] > bounds
        near[rows] = size[rows] > bounds / 2
        usual[rows] = bounds
    usd = size * panel.prices[:, k.MIDDLE]
    # What is off by more is found, and told better, by `catalyst.data.checks.scales`.
    flagged &= ~_market_wide(panel, near, t) & (usd > t.spike_least_usd) & (size < t.scale_bar_log)
    numbers = np.searchsorted(panel.starts, np.arange(len(panel)), side="right") - 1
    for one in np.unique(numbers[flagged]).tolist():
        found = np.flatnonzero(flagged & (numbers == one))
        if len(found) > t.listed_holes:
            yield _spikes(panel, one, found, size, usual)
            continue
        for row in found.tolist():
            high = bool(up[row] >= down[row])
            yield _spike(panel, one, row, high, float(size[row]), float(usual[row]), at)


def _daily_spikes(
    panel: Panel, t: Thresholds
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    n = len(panel)
    up, down, scale = np.zeros(n), np.zeros(n), np.zeros(n)
    for number in range(len(panel.series)):
        rows = panel.rows(number)
        high, low = panel.prices[rows, k.HIGH], panel.prices[rows, k.LOW]
        close, opened = panel.prices[rows, k.CLOSE], panel.prices[rows, k.OPEN]
        if len(high) < 3:
            continue
        above = np.maximum.reduce([high[:-2], high[2:], close[:-2], opened[2:]])
        below = np.minimum.reduce([low[:-2], low[2:], close[:-2], opened[2:]])
        up[rows][1:-1] = np.maximum(np.log(high[1:-1] / above), 0)
        down[rows][1:-1] = np.maximum(np.log(below / low[1:-1]), 0)
        reach = np.log(high / low)
        near = median_around(reach, 10)
        scale[rows] = np.maximum(near, 0.5 * np.median(reach))
        # A wild day trades; a bad print is one trade of an ordinary day.
        volume = panel.prices[rows, k.VOLUME]
        wild = volume > t.spike_quiet_volume * median_around(volume, 10)
        up[rows][wild] = down[rows][wild] = 0
    return up, down, scale


def _market_wide(panel: Panel, near: NDArray[np.bool_], t: Thresholds) -> NDArray[np.bool_]:
    first = int(panel.session.min())
    place = panel.session - first
    there = np.bincount(place)
    spiking = np.bincount(place, weights=near)
    wide = (spiking >= 3) & (spiking >= t.spike_market_frac * there)
    found: NDArray[np.bool_] = wide[place]
    return found


def _spikes(
    panel: Panel,
    number: int,
    rows: NDArray[np.int64],
    size: NDArray[np.float64],
    usual: NDArray[np.float64],
) -> Finding:
    one = panel.series[number]
    first, last = (panel.date(int(panel.session[row])) for row in rows[[0, -1]])
    worst = rows[np.argsort(-size[rows], kind="stable")][:3]
    days = ", ".join(panel.date(int(panel.session[row])) for row in worst)
    largest = float(size[worst[0]])
    return Finding(
        "bad_print",
        bounded_severity(55 + 60 * largest, most=90),
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        first,
        last,
        len(rows),
        round(float(np.expm1(largest)), 6),
        round(float(np.expm1(np.median(usual[rows]))), 6),
        f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) have highs or "
        f"lows far off both neighbours in {len(rows)} sessions from {first} to {last}, by "
        f"{np.expm1(largest):.1%} at most (worst: {days}), where {np.expm1(usual[rows].min()):.1%} "
        "would be much: bad prints; stops and targets would fill on them",
    )


def _spike(
    panel: Panel,
    number: int,
    row: int,
    high: bool,  # noqa: FBT001 - which of the two it is
    size: float,
    usual: float,
    at: NDArray[np.float32],
) -> Finding:
    one, session = panel.series[number], int(panel.session[row])
    day = panel.date(session)
    when = day if panel.is_daily else panel.clock(session, int(at[0 if high else 1, row]))
    price = float(panel.prices[row, k.HIGH if high else k.LOW])
    beside = price * float(np.exp(-size if high else size))
    return Finding(
        "bad_print",
        bounded_severity(50 + 60 * size, most=88),
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        day,
        day,
        1,
        round(price, 6),
        round(beside, 6),
        f"{one.symbol}'s {panel.timeframe} bar of {one.source} ({one.adjustment}) at {when} New "
        f"York time has its {'high' if high else 'low'} "
        f"{np.expm1(size) if high else -np.expm1(-size):.1%} {'above' if high else 'below'} both "
        f"neighbours, where {np.expm1(usual):.1%} would be much: a bad print "
        "unless news explains it; stops and targets would fill on it",
    )


def price_findings(panel: Panel, t: Thresholds) -> Iterator[Finding]:
    """Find prices below what an exchange quotes, and prices that were rounded."""
    for number, one in enumerate(panel.series):
        rows = panel.rows(number)
        low, session = panel.prices[rows, k.LOW], panel.session[rows]
        tiny = np.flatnonzero(low < t.tiny_price_usd)
        if len(tiny):
            first, last = panel.date(int(session[tiny[0]])), panel.date(int(session[tiny[-1]]))
            yield Finding(
                "tiny_price",
                40,
                "bars",
                one.source,
                one.symbol,
                panel.timeframe,
                first,
                last,
                len(tiny),
                float(np.nanmin(low)),
                t.tiny_price_usd,
                f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) fall to "
                f"{np.nanmin(low):.2g} USD in {len(tiny)} session(s) on {span(first, last)}: "
                "exchanges quote at least 0.01; adjusted too often, another unit, or worthless",
            )
        fields = panel.prices[rows][:, [k.OPEN, k.HIGH, k.LOW, k.CLOSE]]
        fields = fields[np.isfinite(fields).all(axis=1)]
        if len(fields) < t.coarse_price_least or np.median(fields) > t.coarse_price_usd:
            continue
        tenths = np.abs(fields * 10 - np.rint(fields * 10)) < 1e-6
        share = float(tenths.mean())
        if share > t.coarse_price_frac:
            first, last = panel.date(int(session[0])), panel.date(int(session[-1]))
            yield Finding(
                "rounded_prices",
                45,
                "bars",
                one.source,
                one.symbol,
                panel.timeframe,
                first,
                last,
                len(fields),
                round(share, 4),
                0.1,
                f"{share:.0%} of {one.symbol}'s {panel.timeframe} prices of {one.source} "
                f"({one.adjustment}) are multiples of 0.10 USD, expected about 10 %: they were "
                "rounded; ask the source for all decimals",
            )
