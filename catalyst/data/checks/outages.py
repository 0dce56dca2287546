"""Days and hours on which a provider of news fell silent."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.gaps import span
from catalyst.data.stamps import NEW_YORK_NAME

if TYPE_CHECKING:
    from catalyst.data.checks.thresholds import Thresholds

_HOUR_NS = 60 * calendar.MINUTE_NS
_WEEK_HOURS = 7 * 24
# 1970-01-01 was a Thursday.
_FIRST_WEEKDAY = 3
_SATURDAY = 5


def outage_findings(rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Find silent days and hours of each provider, and of each outlet that writes every day."""
    if not rows.height:
        return
    articles = rows.unique(["news_id"], keep="first", maintain_order=True)
    providers = set(articles["provider"].unique().cast(pl.String))
    # A date's stamp lies hours after the day's last article.
    end = max(int(_dated(one["published"].to_numpy()).max()) for one in _by_provider(articles))
    least = int(t.outage_least_rows * t.outage_window_days)
    out: dict[str, dict[int, tuple[int, float]]] = defaultdict(dict)
    for name in ("provider", "source"):
        sizes = articles.group_by(name).len().filter(pl.col("len") >= least)
        for who, n in sizes.with_columns(pl.col(name).cast(pl.String)).sort(name).iter_rows():
            if name == "source" and (not who or who in providers or n > 0.9 * articles.height):
                continue
            group = articles.filter(pl.col(name).cast(pl.String) == who)
            published = group["published"].sort().to_numpy()
            days = _silent_days(_dated(published), end, t)
            if name == "source":
                # What the outlet's provider did not deliver is told of the provider.
                whose = str(group["provider"].cast(pl.String).mode().sort()[0])
                days = {day: found for day, found in days.items() if day not in out[whose]}
            else:
                out[who] = days
            yield from (_days_finding(str(who), first, last, days) for first, last in _joined(days))
            if name == "provider":
                yield from _silent_hours(str(who), published, days, t)


def _by_provider(articles: pl.DataFrame) -> list[pl.DataFrame]:
    return articles.select("provider", "published").partition_by("provider")


def _dated(published: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move stamps that are dates, and so stand at 20:00 New York time, into their own UTC day."""
    stamp = pl.Series(published).cast(pl.Datetime("ns", "UTC"))
    local = stamp.dt.convert_time_zone(NEW_YORK_NAME)
    at_eight = ((local.dt.hour() == 20) & (local.dt.minute() == 0)).mean()
    if not isinstance(at_eight, float) or at_eight < 0.5:
        return published
    return published - 6 * _HOUR_NS


def _silent_days(
    published: NDArray[np.int64], end_ns: int, t: Thresholds
) -> dict[int, tuple[int, float]]:
    """Map each silent UTC day to its count and the usual one."""
    day = published // calendar.DAY_NS
    first, last = int(day[0]), int(end_ns // calendar.DAY_NS)
    if last - first < t.outage_window_days:
        return {}
    counts = np.bincount(day - first, minlength=last - first + 1).astype(np.float64)
    numbers = np.arange(first, last + 1)
    quiet_day = _quiet(numbers)
    usual = np.full(len(counts), np.nan)
    w = t.outage_window_days
    for place in range(len(counts)):
        near = slice(max(place - w, 0), place + w + 1)
        alike = counts[near][quiet_day[near] == quiet_day[place]]
        some = alike[alike > 0]
        # Long outages are part of the window, too; what is silent half the time has no habit.
        if len(some) >= 4 and len(some) >= t.outage_alive_frac * len(alike):
            usual[place] = np.median(some)
    usual = np.nan_to_num(usual)
    ratio = counts / np.maximum(usual, 1e-9)
    surprise = usual - counts + counts * np.log(np.maximum(counts, 1e-9) / np.maximum(usual, 1e-9))
    silent = (usual >= t.outage_least_rows) & (ratio < t.outage_day_frac)
    silent &= surprise > t.outage_day_surprise
    # An outage begins and ends within a day: its neighbours count with less evidence.
    beside = np.convolve(silent, np.ones(3), "same") > 0
    silent |= beside & (ratio < t.outage_beside_frac) & (surprise > t.outage_day_surprise / 2)
    # The first day may not be whole, and the last not over, here or in the whole lake.
    silent[[0, -1]] = False
    if last - int(day[-1]) <= 1:
        silent[int(day[-1]) - first :] = False
    return {
        int(numbers[place]): (int(counts[place]), float(usual[place]))
        for place in np.flatnonzero(silent).tolist()
    }


def _quiet(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell weekends and holidays of the exchange, on which newsrooms rest, from other days."""
    every = calendar.sessions()
    open_ = np.isin(days, every.day)
    weekend = (days + _FIRST_WEEKDAY) % 7 >= _SATURDAY
    found: NDArray[np.bool_] = weekend | ~open_
    return found


def _joined(days: dict[int, tuple[int, float]]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for day in sorted(days):
        if runs and runs[-1][1] == day - 1:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _days_finding(who: str, first: int, last: int, days: dict[int, tuple[int, float]]) -> Finding:
    n = last - first + 1
    found = sum(days[day][0] for day in range(first, last + 1))
    usual = sum(days[day][1] for day in range(first, last + 1))
    start, end = str(calendar.day_to_date(first)), str(calendar.day_to_date(last))
    return Finding(
        "news_outage",
        bounded_severity(72 + 5 * np.log2(n) + (5 if found == 0 else 0), most=97),
        "news",
        who,
        "",
        "",
        start,
        end,
        n,
        float(found),
        round(usual, 1),
        f"{who} has {found} article(s) on {n} day(s), {span(start, end)} (UTC), where about "
        f"{usual:.0f} are usual: the feed was out; no news isn't no event there, fetch these days "
        "again or leave them out of a backtest",
    )


def _silent_hours(
    who: str, published: NDArray[np.int64], days: dict[int, tuple[int, float]], t: Thresholds
) -> Iterator[Finding]:
    if len(published) < t.profile_least_rows:
        return
    hour = published // _HOUR_NS
    first = int(hour[0])
    counts = np.bincount(hour - first).astype(np.float64)
    numbers = np.arange(first, first + len(counts))
    silent = np.isin(numbers // 24, list(days))
    expected = _expected(counts, numbers, silent)
    kept: NDArray[np.bool_] = ~silent
    # Roots of counts scatter by 1/2 if articles come independently; more if they come in bursts.
    roots = 2 * (np.sqrt(counts[kept]) - np.sqrt(expected[kept]))
    busy = expected[kept] > 1
    dispersion = max(float(np.mean(roots[busy] ** 2)) if busy.any() else 1.0, 1.0)
    running = np.concatenate([[0.0], np.cumsum(np.where(silent, 0.0, expected))])
    at = (published - first * _HOUR_NS) / _HOUR_NS
    whole = np.minimum(at.astype(np.int64), len(counts) - 1)
    mass = running[whole] + (at - whole) * np.where(silent, 0.0, expected)[whole]
    surprise = np.diff(mass) / dispersion
    hours = np.diff(published) / _HOUR_NS
    wide = (surprise > t.gap_surprise) & (hours >= t.gap_least_hours)
    for place in np.flatnonzero(wide).tolist():
        touched = range(*(int(published[p] // calendar.DAY_NS) for p in (place, place + 1)))
        # Whole days are told as such, or were no more silent than usual.
        if len(touched) > 1 or any(day + 1 in days or day in days for day in touched):
            continue
        start, end = (_instant(int(published[p])) for p in (place, place + 1))
        missing = float(np.diff(mass)[place])
        yield Finding(
            "news_gap",
            bounded_severity(50 + surprise[place] / 4, most=80),
            "news",
            who,
            "",
            "",
            start,
            end,
            1,
            0.0,
            round(missing, 1),
            f"{who} has no article for {hours[place]:.1f} hours from {start} to {end}, where about "
            f"{missing:.0f} are usual: the feed was out for hours; fetch them again",
        )


def _expected(
    counts: NDArray[np.float64], hours: NDArray[np.int64], silent: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Spread each fortnight's articles over the hours of a week as the provider does."""
    place = hours % _WEEK_HOURS
    profile = np.bincount(place[~silent], weights=counts[~silent], minlength=_WEEK_HOURS)
    weeks = np.maximum(np.bincount(place[~silent], minlength=_WEEK_HOURS), 1)
    flat = (profile / weeks)[place]
    wide = np.ones(2 * _WEEK_HOURS + 1)
    seen = np.convolve(np.where(silent, 0, counts), wide, "same")
    usual = np.convolve(np.where(silent, 0, flat), wide, "same")
    found: NDArray[np.float64] = flat * seen / np.maximum(usual, 1e-9)
    return found


def _instant(ns: int) -> str:
    return dt.datetime.fromtimestamp(ns // 1_000_000_000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
