"""Sessions that are missing, and symbols that end or begin apart from the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.levels import typical

if TYPE_CHECKING:
    from catalyst.data.checks.known import Known
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds


def session_gaps(panel: Panel, known: Known, t: Thresholds) -> Iterator[Finding]:
    """Find sessions without bars: of a whole source, within a symbol's life, and at its ends."""
    for (source, adjustment), members in panel.groups().items():
        outages = _source_outages(panel, members, t)
        yield from (
            _outage_finding(panel, source, adjustment, members, run) for run in runs(outages)
        )
        out = frozenset(outages.tolist())
        for number in members:
            yield from _holes(panel, number, out, t)
        yield from _ends(panel, members, known, t)


def runs(sessions: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Join consecutive sessions, ascending, to (first, last)."""
    if not len(sessions):
        return []
    breaks = np.flatnonzero(np.diff(sessions) > 1)
    firsts = [0, *(breaks + 1).tolist()]
    lasts = [*breaks.tolist(), len(sessions) - 1]
    return [(int(sessions[a]), int(sessions[b])) for a, b in zip(firsts, lasts, strict=True)]


def _source_outages(panel: Panel, members: list[int], t: Thresholds) -> NDArray[np.int64]:
    if len(members) < t.outage_least_series:
        return np.empty(0, np.int64)
    lives = [panel.session[panel.rows(number)] for number in members]
    first, last = min(int(s[0]) for s in lives), max(int(s[-1]) for s in lives)
    alive, seen = np.zeros(last - first + 2), np.zeros(last - first + 1)
    habit = np.zeros(last - first + 2)
    for sessions in lives:
        seen[sessions - first] += 1
        for start, stop in _listings(sessions, t):
            part = sessions[start:stop]
            begin, end = int(part[0]) - first, int(part[-1]) - first + 1
            alive[begin] += 1
            alive[end] -= 1
            share = (stop - start) / (end - begin)
            habit[begin] += share
            habit[end] -= share
    alive, habit = np.cumsum(alive)[:-1], np.cumsum(habit)[:-1]
    quiet = (alive >= t.outage_least_series) & (seen < t.outage_seen_frac * habit)
    return np.flatnonzero(quiet) + first


def _listings(sessions: NDArray[np.int32], t: Thresholds) -> list[tuple[int, int]]:
    """Cut a symbol's rows where a hole is so long that another company may follow."""
    cuts = np.flatnonzero(np.diff(sessions) > t.reuse_sessions) + 1
    edges = [0, *cuts.tolist(), len(sessions)]
    return list(pairwise(edges))


def _outage_finding(
    panel: Panel, source: str, adjustment: str, members: list[int], run: tuple[int, int]
) -> Finding:
    first, last = panel.date(run[0]), panel.date(run[1])
    n = run[1] - run[0] + 1
    return Finding(
        "source_outage",
        bounded_severity(80 + 4 * np.log2(n)),
        "bars",
        source,
        "",
        panel.timeframe,
        first,
        last,
        n,
        0.0,
        float(len(members)),
        f"{source} has {panel.timeframe} bars ({adjustment}) of hardly any of its {len(members)} "
        f"symbols on {span(first, last)}, {n} session(s) of the exchange; expected most of them: "
        "fetch these sessions again",
    )


def _holes(panel: Panel, number: int, out: frozenset[int], t: Thresholds) -> Iterator[Finding]:
    rows = panel.rows(number)
    sessions = panel.session[rows]
    found: list[tuple[int, int, float]] = []
    for start, stop in _listings(sessions, t):
        part = sessions[start:stop].astype(np.int64)
        steps = np.diff(part)
        places = np.flatnonzero(steps > 1)
        holes = []
        for place in places.tolist():
            inside = [s for s in range(int(part[place]) + 1, int(part[place + 1])) if s not in out]
            if inside:
                holes.append((inside[0], inside[-1], len(inside)))
        missing = sum(size for _, _, size in holes)
        for first, last, size in holes:
            others = missing - size
            rate = (others + 0.5) / (len(part) + others + 1)
            surprise = -size * float(np.log(rate))
            if surprise > t.hole_surprise + np.log1p(others):
                found.append((first, last, surprise))
    if len(found) > t.listed_holes:
        n = sum(last - first + 1 for first, last, _ in found)
        yield _hole_finding(panel, number, found[0][0], found[-1][1], n, len(found))
        return
    for first, last, _ in found:
        yield _hole_finding(panel, number, first, last, last - first + 1, 1)


def _hole_finding(panel: Panel, number: int, first: int, last: int, n: int, holes: int) -> Finding:
    one = panel.series[number]
    start, end = panel.date(first), panel.date(last)
    where = f"on {span(start, end)}" if holes == 1 else f"in {holes} holes from {start} to {end}"
    return Finding(
        "missing_session",
        bounded_severity(60 + 4 * np.log2(n), most=85),
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        start,
        end,
        n,
        0.0,
        float(n),
        f"{one.symbol} has no {panel.timeframe} bars of {one.source} ({one.adjustment}) {where}, "
        f"{n} session(s) in which it was expected to trade as before and after: fetch them again, "
        "or leave the symbol out there",
    )


def _ends(panel: Panel, members: list[int], known: Known, t: Thresholds) -> Iterator[Finding]:
    if len(members) < t.outage_least_series:
        return
    every = calendar.sessions()
    firsts = np.array([panel.session[panel.starts[number]] for number in members])
    lasts = np.array([panel.session[panel.starts[number + 1] - 1] for number in members])
    newest, oldest = int(lasts.max()), int(firsts.min())
    if np.mean(lasts == newest) >= t.common_end_frac:
        for number, last in zip(members, lasts.tolist(), strict=True):
            one, day = panel.series[number], calendar.day_to_date(int(every.day[last]))
            n = newest - last
            if not n or known.ends_at(one.symbol, day, slack_days=t.end_slack_days):
                continue
            yield Finding(
                "ends_early",
                35 if n <= t.newest_sessions else 10,
                "bars",
                one.source,
                one.symbol,
                panel.timeframe,
                panel.date(last + 1),
                panel.date(newest),
                n,
                float(typical(panel, number)),
                None,
                f"{one.symbol} has no {panel.timeframe} bars of {one.source} ({one.adjustment}) "
                f"after {day}, {n} session(s) before most others of that source end; if it was "
                "delisted or renamed, record it (import universe or actions), else fetch the rest",
            )
    if np.mean(firsts == oldest) >= t.common_end_frac:
        for number, first in zip(members, firsts.tolist(), strict=True):
            one, day = panel.series[number], calendar.day_to_date(int(every.day[first]))
            n = first - oldest
            if not n or known.begins_at(one.symbol, day, slack_days=t.end_slack_days):
                continue
            yield Finding(
                "starts_late",
                25 if n <= t.newest_sessions else 5,
                "bars",
                one.source,
                one.symbol,
                panel.timeframe,
                panel.date(oldest),
                panel.date(first - 1),
                n,
                None,
                None,
                f"{one.symbol} has no {panel.timeframe} bars of {one.source} ({one.adjustment}) "
                f"before {day}, {n} session(s) after most others of that source begin; if it was "
                "listed or renamed then, record it (import universe or actions), else fetch the "
                "rest",
            )


def reused_tickers(panel: Panel, known: Known, t: Thresholds) -> Iterator[Finding]:
    """Find symbols that seem to name one company first and another later."""
    for number, one in enumerate(panel.series):
        rows = panel.rows(number)
        sessions = panel.session[rows].astype(np.int64)
        middle = panel.prices[rows, k.MIDDLE]
        dollars = np.log(np.maximum(middle * panel.prices[rows, k.VOLUME], 1))
        w = t.reuse_break_sessions
        for place in np.flatnonzero(np.diff(sessions) > t.reuse_break_sessions).tolist():
            n = int(sessions[place + 1] - sessions[place] - 1)
            ratio = float(middle[place + 1] / middle[place])
            apart = max(ratio, 1 / ratio)
            before, after = dollars[max(place + 1 - w, 0) : place + 1], dollars[place + 1 :][:w]
            sides = float(np.nanmedian(before)), float(np.nanmedian(after))
            turnover = float(np.exp(abs(sides[1] - sides[0])))
            # What hardly trades does so in lumps.
            lumpy = min(sides) < np.log(t.volume_least_usd)
            alike = apart < t.reuse_break_ratio and (lumpy or turnover < t.reuse_break_turnover)
            if n < t.reuse_sessions and alike:
                continue
            first, last = panel.date(int(sessions[place]) + 1), panel.date(int(sessions[place + 1]))
            yield Finding(
                "reused_ticker",
                bounded_severity(60 + 10 * np.log(apart) + n / 100, most=95),
                "bars",
                one.source,
                one.symbol,
                panel.timeframe,
                first,
                last,
                n,
                float(middle[place + 1]),
                float(middle[place]),
                f"{one.symbol} of {one.source} has no {panel.timeframe} bars for {n} sessions "
                f"before {last} and trades at {middle[place + 1]:.2f} then, {middle[place]:.2f} "
                f"before, for {turnover:.2g} times more or fewer dollars: expected one company; if "
                "the ticker was given to another, import each part under a name of its own",
            )
        yield from _after_rename(panel, number, known)


def _after_rename(panel: Panel, number: int, known: Known) -> Iterator[Finding]:
    one = panel.series[number]
    sessions = panel.session[panel.rows(number)]
    for session, new in known.renamed.get(one.symbol, []):
        after = int((sessions >= session).sum())
        if after and after < len(sessions):
            first = panel.date(int(sessions[sessions >= session][0]))
            yield Finding(
                "reused_ticker",
                70,
                "bars",
                one.source,
                one.symbol,
                panel.timeframe,
                first,
                panel.date(int(sessions[-1])),
                after,
                None,
                None,
                f"{one.symbol} became {new} on {panel.date(session)}, and {one.source} has "
                f"{after} session(s) of {panel.timeframe} bars of {one.symbol} from {first} on: "
                "expected none, so they are another company's or a copy; remove them or name them",
            )


def span(first: str, last: str) -> str:
    """Write a span of dates."""
    return first if first == last else f"{first} to {last}"


def session_span(panel: Panel, sessions: Iterable[int]) -> tuple[str, str]:
    """Give the first and last date of sessions."""
    found = list(sessions)
    return panel.date(min(found)), panel.date(max(found))
