"""Whether daily bars agree with finer ones, and two sources with each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.gaps import span
from catalyst.data.checks.levels import spread_of

if TYPE_CHECKING:
    from catalyst.data.checks.blocks import Series
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds


class _Pair(NamedTuple):
    """Two series of one symbol: panel and number of each, and the rows of common sessions."""

    left: Panel
    right: Panel
    one: Series
    other: Series
    left_rows: NDArray[np.int64]
    right_rows: NDArray[np.int64]

    @property
    def name(self) -> str:
        """Name what is compared."""
        if self.left is self.right:
            return f"{self.one.source} and {self.other.source} ({self.left.timeframe})"
        return (
            f"{self.left.timeframe} bars of {self.one.source} and {self.right.timeframe} bars of "
            f"{self.other.source}"
        )


def agreement_findings(panels: Sequence[Panel], t: Thresholds) -> Iterator[Finding]:
    """Compare series of one symbol and adjustment: daily with finer bars, source with source.

    Parameters
    ----------
    panels
        Of all timeframes.
    """
    thin: dict[tuple[str, str, str, str], list[tuple[_Pair, float]]] = defaultdict(list)
    for pair in _pairs(panels):
        prices = list(_prices(pair, t))
        yield from prices
        # Of one source, a day holds what its parts hold; shifted days are told already.
        if (
            pair.left is not pair.right
            and pair.one.source == pair.other.source
            and not any(one.kind == "shifted_day" for one in prices)
        ):
            yield from _volumes(pair, t)
        ratio = _volume_ratio(pair, t)
        if ratio is not None:
            where = (pair.left.timeframe, pair.one.source, pair.right.timeframe, pair.other.source)
            thin[where].append((pair, ratio))
    for found in thin.values():
        yield from _thin_feeds(found, t)


def _pairs(panels: Sequence[Panel]) -> Iterator[_Pair]:
    for place, panel in enumerate(panels):
        # The finest bars that a symbol has are compared with the daily ones; in between, no need.
        others = [panel] if not panel.is_daily else [panel, *panels[:place]]
        for other in others:
            by_name: dict[tuple[str, str], list[int]] = defaultdict(list)
            for number, series in enumerate(other.series):
                by_name[series.symbol, series.adjustment].append(number)
            for number, one in enumerate(panel.series):
                for match in by_name.get((one.symbol, one.adjustment), []):
                    if other is panel and match <= number:
                        continue
                    pair = _pair(panel, number, other, match)
                    if len(pair.left_rows):
                        yield pair


def _pair(left: Panel, number: int, right: Panel, match: int) -> _Pair:
    a, b = left.rows(number), right.rows(match)
    _, rows_a, rows_b = np.intersect1d(
        left.session[a], right.session[b], assume_unique=True, return_indices=True
    )
    rows_a, rows_b = rows_a + a.start, rows_b + b.start
    there = np.isfinite(left.prices[rows_a, k.OPEN]) & np.isfinite(right.prices[rows_b, k.OPEN])
    return _Pair(
        left, right, left.series[number], right.series[match], rows_a[there], rows_b[there]
    )


def _prices(pair: _Pair, t: Thresholds) -> Iterator[Finding]:
    if len(pair.left_rows) < t.agree_sessions:
        return
    left, right = pair.left.prices[pair.left_rows], pair.right.prices[pair.right_rows]
    away = np.log(
        left[:, [k.OPEN, k.HIGH, k.LOW, k.CLOSE]] / right[:, [k.OPEN, k.HIGH, k.LOW, k.CLOSE]]
    )
    moved = _moved_day(pair, away[:, 3], t)
    if moved is not None:
        yield moved
        return
    sessions = pair.left.session[pair.left_rows]
    bad = np.zeros(away.shape, bool)
    same = pair.left is not pair.right and pair.one.source == pair.other.source
    least = t.agree_same_frac if same else t.agree_frac
    for field in range(4):
        # The first and last trade of a feed may not be the auction's; highs and lows may be odd
        # lots, but not a multiple of what is usual between these two.
        usual = max(spread_of(away[:, field]), float(np.median(np.abs(away[:, field]))))
        bad[:, field] = np.abs(away[:, field]) > max(least, t.agree_spreads * usual)
    always = np.abs(np.median(away[:, 3])) > t.agree_frac
    if always:
        bad[:, 3] = np.abs(away[:, 3]) > t.agree_frac
    rows = np.flatnonzero(bad.any(axis=1))
    if not len(rows):
        return
    names = [name for n, name in enumerate(("open", "high", "low", "close")) if bad[rows, n].any()]
    worst = int(rows[np.argmax(np.abs(np.where(bad, away, 0)).max(axis=1)[rows])])
    field = int(np.argmax(np.abs(np.where(bad, away, 0))[worst]))
    shown, other = (
        float(side[worst, (k.OPEN, k.HIGH, k.LOW, k.CLOSE)[field]]) for side in (left, right)
    )
    first, last = pair.left.date(int(sessions[rows[0]])), pair.left.date(int(sessions[rows[-1]]))
    share = len(rows) / len(sessions)
    kind = "sources_disagree" if pair.left is pair.right else "daily_disagrees"
    yield Finding(
        kind,
        bounded_severity(45 + 25 * share + 20 * min(abs(float(away[worst, field])), 1), most=92),
        "bars",
        pair.one.source,
        pair.one.symbol,
        pair.left.timeframe,
        first,
        last,
        len(rows),
        round(shown, 6),
        round(other, 6),
        f"{pair.one.symbol}: {pair.name} ({pair.one.adjustment}) differ in {' and '.join(names)} "
        f"in {len(rows)} of {len(sessions)} common sessions on {span(first, last)}, most on "
        f"{pair.left.date(int(sessions[worst]))} ({shown:.4g} against {other:.4g}): expected the "
        "same prices; look which one is wrong there",
    )


def _moved_day(pair: _Pair, away: NDArray[np.float64], t: Thresholds) -> Finding | None:
    """Find stretches in which a daily close fits the next or the former session's."""
    closes = pair.right.prices[pair.right_rows, k.CLOSE]
    own = pair.left.prices[pair.left_rows, k.CLOSE]
    n = len(own)
    if n < 2 * t.agree_sessions:
        return None
    best: tuple[int, NDArray[np.bool_]] | None = None
    for step in (1, -1):
        beside = np.full(n, np.nan)
        if step > 0:
            beside[:-1] = closes[1:]
        else:
            beside[1:] = closes[:-1]
        gap = np.abs(np.log(own / beside))
        fits = np.nan_to_num(gap, nan=np.inf) < t.shifted_day_ratio * np.abs(away)
        fits &= np.nan_to_num(gap, nan=np.inf) < t.shifted_day_frac
        # A run of them; one may fit by chance.
        long = np.convolve(fits, np.ones(5), "same") >= 4
        found = fits & long & (np.abs(away) > 1e-4)
        if found.sum() >= t.agree_sessions + 1 and (best is None or found.sum() > best[1].sum()):
            best = (step, found)
    if best is None:
        return None
    step, found = best
    rows = np.flatnonzero(found)
    sessions = pair.left.session[pair.left_rows]
    first, last = pair.left.date(int(sessions[rows[0]])), pair.left.date(int(sessions[rows[-1]]))
    return Finding(
        "shifted_day",
        95,
        "bars",
        pair.one.source,
        pair.one.symbol,
        pair.left.timeframe,
        first,
        last,
        len(rows),
        float(-step),
        0.0,
        f"{pair.one.symbol}: {pair.name} ({pair.one.adjustment}) agree in {len(rows)} sessions on "
        f"{span(first, last)} only if the former move by a day: expected the same session; they "
        f"are dated one session {'early' if step > 0 else 'late'}, import them again with dates "
        "that name their session",
    )


def _volumes(pair: _Pair, t: Thresholds) -> Iterator[Finding]:
    """Find sessions whose parts hold more than the day, or another share of it than usual."""
    if len(pair.left_rows) < t.agree_sessions:
        return
    day = pair.left.prices[pair.left_rows, k.VOLUME]
    parts = pair.right.prices[pair.right_rows, k.VOLUME]
    there = (day > 0) & (parts > 0)
    if there.sum() < t.agree_sessions:
        return
    away = np.full(len(day), np.nan)
    away[there] = np.log(parts[there] / day[there])
    usual = float(np.nanmedian(away))
    # What other feeds hold is told as such.
    if not np.log(t.thin_feed_ratio) <= usual <= -np.log(t.thin_feed_ratio):
        return
    spread = spread_of(away[there])
    off = np.abs(away - usual) > max(t.agree_volume_log, t.agree_spreads * spread)
    over = (away > t.agree_volume_over) & (away > usual + t.agree_spreads * spread)
    over |= (usual > t.agree_volume_over) & (away > t.agree_volume_over)
    rows = np.flatnonzero((off | over) & there)
    if not len(rows):
        return
    sessions = pair.left.session[pair.left_rows]
    worst = int(rows[np.argmax(np.abs(away[rows]))])
    first, last = pair.left.date(int(sessions[rows[0]])), pair.left.date(int(sessions[rows[-1]]))
    share = len(rows) / len(sessions)
    yield Finding(
        "daily_disagrees",
        bounded_severity(40 + 20 * share + 10 * min(abs(float(away[worst])), 2), most=80),
        "bars",
        pair.one.source,
        pair.one.symbol,
        pair.left.timeframe,
        first,
        last,
        len(rows),
        float(day[worst]),
        float(parts[worst]),
        f"{pair.one.symbol}: {pair.name} ({pair.one.adjustment}) differ in volume in {len(rows)} "
        f"of {len(sessions)} common sessions on {span(first, last)}, most on "
        f"{pair.left.date(int(sessions[worst]))} ({day[worst]:,.0f} against {parts[worst]:,.0f}): "
        f"expected {min(np.exp(usual), 1):.0%} of the day's in its parts; bars are missing, or "
        "counted twice, in one of them",
    )


def _volume_ratio(pair: _Pair, t: Thresholds) -> float | None:
    if len(pair.left_rows) < t.agree_sessions:
        return None
    left = pair.left.prices[pair.left_rows, k.VOLUME]
    right = pair.right.prices[pair.right_rows, k.VOLUME]
    if pair.left is not pair.right:
        right = right + pair.right.prices[pair.right_rows, k.OUTSIDE_VOLUME]
    there = (left > 0) & (right > 0)
    if there.sum() < t.agree_sessions:
        return None
    ratio = float(np.median(right[there] / left[there]))
    return ratio if not t.thin_feed_ratio <= ratio <= 1 / t.thin_feed_ratio else None


def _thin_feeds(found: list[tuple[_Pair, float]], t: Thresholds) -> Iterator[Finding]:
    wide = len(found) >= t.outage_least_series
    for pair, ratio in found[:1] if wide else found:
        ratios = [ratio for _, ratio in found]
        value = float(np.median(ratios)) if wide else ratio
        thin = pair.other if value < 1 else pair.one
        panel = pair.right if value < 1 else pair.left
        value = min(value, 1 / value)
        symbol = "" if wide else pair.one.symbol
        whose = f"{len(found)} symbols" if wide else symbol
        rows = pair.left_rows
        told = [one for one, _ in found] if wide else [pair]
        common = [one.left.session[one.left_rows[[0, -1]]] for one in told]
        first = pair.left.date(int(min(ends[0] for ends in common)))
        last = pair.left.date(int(max(ends[1] for ends in common)))
        yield Finding(
            "thin_feed",
            82 if wide else 74,
            "bars",
            thin.source,
            symbol,
            panel.timeframe,
            first,
            last,
            len(found) if wide else len(rows),
            round(value, 6),
            1.0,
            f"{whose}: of {pair.name} those of {thin.source} have {value:.1%} of the other's "
            f"volume on {span(first, last)}: expected about the same; one exchange's feed (IEX has "
            "2 to 5 %) beside the consolidated one, never compare or mix their volumes",
        )


def source_split_findings(panels: Sequence[Panel], t: Thresholds) -> Iterator[Finding]:
    """Find a date before which two sources of a symbol differ by one factor, and not after."""
    for pair in _pairs(panels):
        n = len(pair.left_rows)
        if n < 2 * t.agree_sessions or pair.left is not pair.right:
            continue
        away = np.log(
            pair.left.prices[pair.left_rows, k.CLOSE] / pair.right.prices[pair.right_rows, k.CLOSE]
        )
        steps = np.flatnonzero(np.abs(np.diff(away)) > t.break_log)
        for at in steps.tolist():
            before, after = away[max(at - 4, 0) : at + 1], away[at + 1 : at + 6]
            if min(len(before), len(after)) < t.agree_sessions:
                continue
            if np.ptp(before) > t.agree_frac or np.ptp(after) > t.agree_frac:
                continue
            day = pair.left.date(int(pair.left.session[pair.left_rows[at + 1]]))
            was, now = float(np.exp(np.median(before))), float(np.exp(np.median(after)))
            yield Finding(
                "sources_split",
                90,
                "bars",
                f"{pair.one.source}, {pair.other.source}",
                pair.one.symbol,
                pair.left.timeframe,
                day,
                day,
                n,
                round(was, 6),
                round(now, 6),
                f"{pair.one.symbol}: {pair.name} ({pair.one.adjustment}) stand at {was:.4g} to 1 "
                f"before {day} and at {now:.4g} to 1 from then on: expected one ratio; one of them "
                "is adjusted for a split and the other isn't, import it with its --adjustment",
            )
