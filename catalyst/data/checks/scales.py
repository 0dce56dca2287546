"""Prices off by a factor: sessions, runs of bars, single fields; and prints that revert."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.blocks import block_of_days
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.gaps import span
from catalyst.data.checks.levels import Sessions, sessions_of

if TYPE_CHECKING:
    from catalyst.data.checks.blocks import Series
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds
    from catalyst.data.lake import Lake

_FIELDS = ("open", "high", "low", "close")
_REREAD_AT_ONCE = 60


class Run(NamedTuple):
    """Name sessions of a series whose level is off: rows of the series and the log factor."""

    series: int
    first: int
    last: int
    factor: float
    comes_back: bool


def scale_runs(panel: Panel, t: Thresholds) -> list[Run]:
    """Find runs of sessions whose level leaves by a large factor and comes back, or is in cents."""
    found = []
    for number in range(len(panel.series)):
        s = sessions_of(panel, number)
        # Beyond a long hole another company may follow, at any price.
        cuts = np.flatnonzero(np.diff(s.session) > t.reuse_break_sessions) + 1
        edges = [0, *cuts.tolist(), len(s.session)]
        for start, stop in pairwise(edges):
            if stop - start >= 3:
                found += _runs_of(number, s, start, stop, t)
    return found


def _runs_of(number: int, s: Sessions, start: int, stop: int, t: Thresholds) -> list[Run]:
    level = np.log(s.middle[start:stop])
    steps = np.diff(level)
    least = max(t.scale_log, t.scale_spreads * s.spread)
    breaks = np.flatnonzero(np.abs(steps) > least)
    found: list[Run] = []
    used = -1
    for n, place in enumerate(breaks.tolist()):
        if place <= used:
            continue
        factor = float(steps[place])
        for other in breaks[n + 1 :].tolist():
            if other - place > t.scale_longest_sessions:
                break
            # Beside the factor's inverse there is what the market did meanwhile.
            drift = 4 * s.spread * np.sqrt(other - place + 1) + 0.1
            if abs(float(steps[other]) + factor) < min(drift, 0.5 * abs(factor)):
                calm = np.median(s.reach[start + place + 1 : start + other + 1])
                usual = float(np.median(s.reach))
                decimal = _decimal(factor, t) is not None
                if decimal or usual == 0 or calm < t.split_quiet_range * usual:
                    rows = (start + place + 1, start + other)
                    found.append(Run(number, *rows, factor, comes_back=True))
                    used = other
                break
        else:
            power = _decimal(factor, t)
            if power is not None and abs(power) >= 2:
                first, last = _shorter_side(place, len(level))
                found.append(Run(number, start + first, start + last, factor, comes_back=False))
                used = place
    return found


def _shorter_side(place: int, n: int) -> tuple[int, int]:
    return (place + 1, n - 1) if place + 1 >= n - place - 1 else (0, place)


def _decimal(factor: float, t: Thresholds) -> int | None:
    power = round(factor / np.log(10))
    near = power != 0 and abs(factor - power * np.log(10)) < t.scale_decimal_log
    return int(power) if near else None


def run_findings(panel: Panel, runs: list[Run], t: Thresholds) -> Iterator[Finding]:
    """Say which sessions' levels are off."""
    for run in runs:
        one = panel.series[run.series]
        s = sessions_of(panel, run.series)
        first, last = panel.date(int(s.session[run.first])), panel.date(int(s.session[run.last]))
        n = run.last - run.first + 1
        beside = run.first - 1 if run.first else run.last + 1
        usual, shown = float(s.middle[beside]), float(s.middle[run.first or 0])
        factor = shown / usual
        about = _factor_name(np.log(factor), t)
        yield Finding(
            "scale_error",
            bounded_severity(94 + np.log2(n) / 2, most=99),
            "bars",
            one.source,
            one.symbol,
            panel.timeframe,
            first,
            last,
            n,
            shown,
            usual,
            f"{one.symbol}'s {panel.timeframe} prices of {one.source} ({one.adjustment}) are "
            f"{about} those beside them on {span(first, last)} ({shown:.4g}, expected about "
            f"{usual:.4g}): a decimal point, a unit or a wrong factor; import these sessions again",
        )


def _factor_name(factor: float, t: Thresholds) -> str:
    power = _decimal(factor, t)
    if power is None:
        return f"{np.exp(factor):.3g} times"
    return f"{10**power:,} times" if power > 0 else f"1/{10**-power:,} of"


def bar_findings(lake: Lake, panel: Panel, runs: list[Run], t: Thresholds) -> Iterator[Finding]:
    """Find bars with a field or all fields off their session, by reading the sessions that jump."""
    off = {
        (run.series, int(session))
        for run in runs
        for session in sessions_of(panel, run.series).session[run.first : run.last + 1]
    }
    rows = np.flatnonzero(panel.facts[:, k.JUMP] > t.scale_bar_log)
    rows = rows[np.argsort(-panel.facts[rows, k.JUMP], kind="stable")][: t.reread_sessions]
    series = np.searchsorted(panel.starts, rows, side="right") - 1
    if panel.is_daily:
        # A daily bar has no neighbours in its session; its own fields must agree.
        widest = panel.prices[:, k.HIGH] / panel.prices[:, k.LOW]
        rows = np.flatnonzero(np.log(widest) > t.scale_bar_log)
        series = np.searchsorted(panel.starts, rows, side="right") - 1
    wanted: dict[int, list[tuple[int, int]]] = {}
    for number, row in zip(series.tolist(), rows.tolist(), strict=True):
        session = int(panel.session[row])
        if (number, session) not in off:
            wanted.setdefault(session, []).append((number, row))
    sessions = sorted(wanted)
    places = {one: number for number, one in enumerate(panel.series)}
    every = calendar.sessions()
    for start in range(0, len(sessions), _REREAD_AT_ONCE):
        chunk = sessions[start : start + _REREAD_AT_ONCE]
        days = [calendar.day_to_date(int(every.day[session])) for session in chunk]
        symbols = frozenset(panel.series[n].symbol for s in chunk for n, _ in wanted[s])
        block = block_of_days(lake, panel.timeframe, days, symbols=symbols)
        numbers = np.array([places.get(one, -1) for one in block.names])[block.series]
        for session in chunk:
            inside = block.session == session
            for number, row in wanted[session]:
                bars = np.flatnonzero(inside & (numbers == number))
                fields = (block.open, block.high, block.low, block.close)
                values = np.stack([column[bars] for column in fields])
                yield from _off_bars(panel, number, row, block.ts_ns[bars], values, t)


def _off_bars(
    panel: Panel,
    number: int,
    row: int,
    ts_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    t: Thresholds,
) -> Iterator[Finding]:
    level = _reference(panel, number, row, values)
    away = np.log(values / level)
    bad = np.abs(away) > t.scale_bar_log
    one = panel.series[number]
    bars = np.flatnonzero(bad.any(axis=0))
    if not len(bars):
        return
    for first, last in _runs(bars):
        part, size = bad[:, first : last + 1], away[:, first : last + 1]
        fields = [_FIELDS[n] for n in range(4) if part[n].any()]
        factor = float(np.median(size[part]))
        yield _bar_finding(panel, one, row, ts_ns[[first, last]], fields, factor, level, t)


def _reference(panel: Panel, number: int, row: int, values: NDArray[np.float64]) -> float:
    rows = panel.rows(number)
    near = panel.prices[max(row - 3, rows.start) : min(row + 4, rows.stop), k.MIDDLE]
    own = float(np.median(values))
    others = np.delete(near, row - max(row - 3, rows.start))
    others = others[np.isfinite(others)]
    if not len(others):
        return own
    # After a split the sessions before don't count; the level nearest to the session's own does.
    nearest = float(others[np.argmin(np.abs(np.log(others / own)))])
    level = float(np.median(others))
    return own if abs(np.log(own / nearest)) < 0.4 else level


def _runs(bars: NDArray[np.int64]) -> list[tuple[int, int]]:
    breaks = np.flatnonzero(np.diff(bars) > 1)
    firsts = [0, *(breaks + 1).tolist()]
    lasts = [*breaks.tolist(), len(bars) - 1]
    return [(int(bars[a]), int(bars[b])) for a, b in zip(firsts, lasts, strict=True)]


def _bar_finding(
    panel: Panel,
    one: Series,
    row: int,
    ts_ns: NDArray[np.int64],
    fields: list[str],
    factor: float,
    level: float,
    t: Thresholds,
) -> Finding:
    first, last = (_instant(int(ns)) for ns in ts_ns)
    if panel.is_daily:
        first = last = panel.date(int(panel.session[row]))
    n = 1 if panel.is_daily else round((int(ts_ns[1] - ts_ns[0])) / 6e10 / panel.length_minutes) + 1
    decimal = _decimal(factor, t) is not None
    what = "all prices" if len(fields) == 4 else " and ".join(fields)
    return Finding(
        "scale_error" if decimal else "bad_print",
        92 if decimal else 85,
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        first,
        last,
        n,
        round(level * float(np.exp(factor)), 6),
        round(level, 6),
        f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) from "
        f"{span(first, last)} have {what} {_factor_name(factor, t)} the level around "
        f"({level * np.exp(factor):.4g}, expected about {level:.4g}): a bad print or a decimal "
        "point; import them again or remove them",
    )


def _instant(ns: int) -> str:
    return str(np.datetime64(ns, "ns").astype("datetime64[s]")) + "Z"
