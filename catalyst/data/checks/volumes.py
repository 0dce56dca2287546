"""Volumes: missing, placeholders, off by a factor for days or for good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.gaps import runs, span
from catalyst.data.checks.levels import Sessions, median_around, sessions_of, spread_of

if TYPE_CHECKING:
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds


_MAD_TO_SIGMA = 1.4826
_AROUND = 30


def volume_findings(panel: Panel, t: Thresholds) -> Iterator[Finding]:
    """Find volumes that are zero, placeholders, or of another size than around them."""
    shifts: dict[tuple[str, str, int], list[tuple[int, float]]] = defaultdict(list)
    for number, one in enumerate(panel.series):
        zero = _zero(panel, number, t)
        held = _placeholder(panel, number, t)
        yield from zero
        yield from held
        if held:
            continue
        s = sessions_of(panel, number)
        moved = _shifted(s, t)
        yield from _scaled(panel, number, s, sorted(at for at, _ in moved), t)
        for at, size in moved:
            shifts[one.source, one.adjustment, int(s.session[at])].append((number, size))
    yield from _shift_findings(panel, shifts, t)


def _zero(panel: Panel, number: int, t: Thresholds) -> list[Finding]:
    rows = panel.rows(number)
    zero, bars = panel.facts[rows, k.N_ZERO_VOLUME], panel.facts[rows, k.N_REGULAR]
    total, n = float(bars.sum()), float(zero.sum())
    if n in {0, total}:
        # A series without any volume at all is a placeholder.
        return []
    worst = zero >= np.maximum(t.zero_volume_session_frac * bars, t.zero_volume_session_least)
    if n < t.zero_volume_frac * total and not panel.is_daily and not worst.any():
        return []
    one = panel.series[number]
    sessions = panel.session[rows][zero > 0]
    if not panel.is_daily and worst.any() and n < t.zero_volume_frac * total:
        sessions = panel.session[rows][worst]
    first, last = panel.date(int(sessions[0])), panel.date(int(sessions[-1]))
    return [
        Finding(
            "zero_volume",
            bounded_severity(40 + 30 * n / total, most=70),
            "bars",
            one.source,
            one.symbol,
            panel.timeframe,
            first,
            last,
            int(n),
            round(n / total, 6),
            0.0,
            f"{int(n)} of {int(total)} {panel.timeframe} bars of {one.symbol} of {one.source} "
            f"({one.adjustment}) have no volume, in {len(sessions)} session(s) on "
            f"{span(first, last)}: expected trades where there is a bar; prices were filled in or "
            "volume is missing, don't trade on them",
        )
    ]


def _placeholder(panel: Panel, number: int, t: Thresholds) -> list[Finding]:
    rows, one = panel.rows(number), panel.series[number]
    bars = panel.facts[rows, k.N_REGULAR]
    if panel.is_daily:
        volume = panel.prices[rows, k.VOLUME]
        values, counts = np.unique(volume, return_counts=True)
        most = int(np.argmax(counts))
        least = max(t.placeholder_sessions, t.placeholder_daily_frac * len(volume))
        whole = values[most] == 0 and counts[most] == len(volume)
        if counts[most] < least or (values[most] == 0 and not whole):
            return []
        held = volume == values[most]
    else:
        common = panel.facts[rows, k.N_COMMON_VOLUME]
        held = (common > t.placeholder_frac * bars) & (bars >= t.repeated_least_bars)
        whole = panel.prices[rows, k.VOLUME].sum() == 0
        held &= (panel.prices[rows, k.COMMON_VOLUME] > 0) | whole
    if held.sum() < t.placeholder_sessions:
        return []
    sessions = panel.session[rows][held]
    first, last = panel.date(int(sessions[0])), panel.date(int(sessions[-1]))
    usual = float(
        np.median(panel.prices[rows][held, k.VOLUME if panel.is_daily else k.COMMON_VOLUME])
    )
    return [
        Finding(
            "placeholder_volume",
            80,
            "bars",
            one.source,
            one.symbol,
            panel.timeframe,
            first,
            last,
            int(held.sum()),
            usual,
            None,
            f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) have the "
            f"volume {usual:g} most of the time in {int(held.sum())} session(s) on "
            f"{span(first, last)}: expected it to vary; it is a placeholder, don't rank, size or "
            "filter by it",
        )
    ]


def _scaled(
    panel: Panel, number: int, s: Sessions, cuts: list[int], t: Thresholds
) -> Iterator[Finding]:
    volume = np.log(np.maximum(s.volume, 0.5))
    volume[s.volume <= 0] = np.nan
    # Each feed has a level of its own.
    w = 2 * t.volume_shift_sessions
    usual = np.concatenate([median_around(part, w) for part in np.split(volume, cuts)])
    away = volume - usual
    if spread_of(away) == 0:
        return
    spread = np.maximum(spread_of(away), _MAD_TO_SIGMA * median_around(np.abs(away), _AROUND))
    # A split beside it changes shares, not dollars; a wrong volume is wrong in both.
    dollars = volume + np.log(s.middle)
    paid = dollars - np.concatenate([median_around(part, w) for part in np.split(dollars, cuts)])
    away = np.where(np.abs(paid) < np.abs(away), paid, away)
    least = np.where(
        away > 0,
        np.maximum(t.volume_up_log, t.volume_scale_spreads * spread),
        np.maximum(t.volume_down_log, t.volume_down_spreads * spread),
    )
    reach = float(np.median(s.reach)) or 1e-9
    liquid = np.maximum(usual, volume) + np.log(s.middle) > np.log(t.volume_least_usd)
    far = (np.abs(np.nan_to_num(away)) > least) & liquid
    for first, last in _abrupt(np.nan_to_num(away), far, least):
        part = slice(first, last + 1)
        size = float(np.median(away[part]))
        # Many times the volume moves the price; a wrong unit doesn't.
        if size > 0 and np.median(s.reach[part]) > t.volume_quiet_range * reach:
            continue
        one = panel.series[number]
        n = last - first + 1
        start, end = panel.date(int(s.session[first])), panel.date(int(s.session[last]))
        shown, expected = float(np.median(s.volume[part])), float(np.exp(np.median(usual[part])))
        yield Finding(
            "volume_scale",
            bounded_severity(62 + 2 * abs(size) + np.log2(n), most=82),
            "bars",
            one.source,
            one.symbol,
            panel.timeframe,
            start,
            end,
            n,
            shown,
            round(expected, 1),
            f"{one.symbol}'s {panel.timeframe} volume of {one.source} ({one.adjustment}) is "
            f"{np.exp(size):.3g} times the usual one on {span(start, end)} ({shown:,.0f} a session,"
            f" {expected:,.0f} expected) while prices are calm: another unit, another feed or an "
            "incomplete session; fetch them again",
        )


def _abrupt(
    away: NDArray[np.float64], far: NDArray[np.bool_], least: NDArray[np.float64]
) -> Iterator[tuple[int, int]]:
    """Give runs that are far off whole: one far session among near ones is a step's tail."""
    near = np.abs(away) > least / 2
    for sign in (1, -1):
        for first, last in runs(np.flatnonzero(near & (away * sign > 0))):
            inside = first + np.flatnonzero(far[first : last + 1])
            if len(inside) and 2 * len(inside) >= last - first + 1:
                yield int(inside[0]), int(inside[-1])


def _shifted(s: Sessions, t: Thresholds) -> list[tuple[int, float]]:
    w = t.volume_shift_sessions
    if len(s.session) < 2 * w or (s.volume <= 0).mean() > t.zero_volume_frac * 10:
        return []
    volume = np.log(np.maximum(s.volume, 0.5))
    dollars = volume + np.log(s.middle)
    steps, dollar_steps = _steps(volume, w), _steps(dollars, w)
    # A split changes shares, not dollars; a feed changes both.
    size = np.where(np.abs(steps) < np.abs(dollar_steps), steps, dollar_steps)
    size[steps * dollar_steps <= 0] = 0
    spread = spread_of(np.diff(volume)) / np.sqrt(2)
    least = max(t.volume_shift_log, t.volume_shift_spreads * spread)
    found: list[tuple[int, float]] = []
    for at in np.argsort(-np.abs(size), kind="stable").tolist():
        if abs(size[at]) < least:
            break
        if any(abs(at - other) < 2 * w for other, _ in found):
            continue
        sign = np.sign(size[at])
        # Abrupt: hardly a session after it looks like those before.
        before, after = volume[at - w : at] * sign, volume[at : at + w] * sign
        larger = float(np.exp(max(np.median(before * sign), np.median(after * sign))))
        across = int(s.session[at] - s.session[at - 1]) > t.reuse_break_sessions
        if larger * s.middle[at] < t.volume_least_usd or across:
            continue
        if np.quantile(after, 0.1) > np.quantile(before, 0.9):
            found.append((_placed(volume, at, w), float(size[at])))
    return found


def _placed(volume: NDArray[np.float64], at: int, w: int) -> int:
    """Move a step to where what lies on either side of it scatters least."""
    low, high = max(at - 2 * w, 0), min(at + 2 * w, len(volume))

    def scatter(place: int) -> float:
        sides = (volume[low:place], volume[place:high])
        return sum(float(np.abs(side - np.median(side)).sum()) for side in sides)

    return min(range(max(at - w, low + 1), min(at + w, high - 1)), key=scatter)


def _steps(values: NDArray[np.float64], w: int) -> NDArray[np.float64]:
    out = np.zeros(len(values))
    medians = np.median(np.lib.stride_tricks.sliding_window_view(values, w), axis=1)
    out[w : len(values) - w + 1] = medians[w:] - medians[:-w]
    return out


def _shift_findings(
    panel: Panel,
    shifts: dict[tuple[str, str, int], list[tuple[int, float]]],
    t: Thresholds,
) -> Iterator[Finding]:
    for (source, adjustment, session), found in sorted(shifts.items()):
        members = len(panel.groups()[source, adjustment])
        wide = len(found) >= max(t.outage_least_series, t.shared_hole_frac * members)
        day = panel.date(session)
        for number, size in found[:1] if wide else found:
            symbol = "" if wide else panel.series[number].symbol
            ratio = float(np.exp(np.median([size for _, size in found]) if wide else size))
            whose = f"{len(found)} symbols'" if wide else f"{symbol}'s"
            yield Finding(
                "volume_shift",
                84 if wide else 76,
                "bars",
                source,
                symbol,
                panel.timeframe,
                day,
                day,
                len(found) if wide else 1,
                round(ratio, 6),
                1.0,
                f"{whose} {panel.timeframe} volume of {source} ({adjustment}) is {ratio:.3g} times "
                f"the former from {day} on, for good: expected one feed under one name; if it was "
                "switched (IEX has 2 to 5 % of SIP's volume), import each part as a source of its "
                "own",
            )
