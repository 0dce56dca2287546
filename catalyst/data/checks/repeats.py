"""Bars that are there twice: versions, copies in time and between symbols, feeds that stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.gaps import span

if TYPE_CHECKING:
    from catalyst.data.checks.known import Known
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds


def repeat_findings(panel: Panel, known: Known, t: Thresholds) -> Iterator[Finding]:
    """Find versions that say the same, sessions copied in time, and between symbols."""
    for number, first, last, n in panel.repeats:
        one = panel.series[number]
        start, end = panel.date(first), panel.date(last)
        yield Finding(
            "duplicate_bar",
            35,
            "bars",
            one.source,
            one.symbol,
            panel.timeframe,
            start,
            end,
            n,
            float(n),
            0.0,
            f"{n} {panel.timeframe} bar(s) of {one.symbol} of {one.source} ({one.adjustment}) on "
            f"{span(start, end)} are stored again with the same values and a later known_at: "
            "expected one row for what was never corrected; they do no harm to a replay",
        )
    yield from _copies(panel, known, t)


def _copies(panel: Panel, known: Known, t: Thresholds) -> Iterator[Finding]:
    rows = np.flatnonzero(_is_telling(panel, t))
    number = np.searchsorted(panel.starts, rows, side="right") - 1
    order = np.lexsort((panel.session[rows], number, panel.content[rows]))
    rows, number = rows[order], number[order]
    content = panel.content[rows]
    starts = np.flatnonzero(np.diff(content, prepend=content[:1] + np.uint64(1)) != 0)
    ends = np.append(starts, len(rows))[1:]
    within: dict[int, list[tuple[int, int]]] = defaultdict(list)
    between: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start < 2:
            continue
        members = list(zip(number[start:end].tolist(), rows[start:end].tolist(), strict=True))
        for (a, row_a), (b, row_b) in pairwise(members):
            one, other = panel.series[a], panel.series[b]
            sessions = (int(panel.session[row_a]), int(panel.session[row_b]))
            if a == b:
                within[a].append(sessions)
            elif one.symbol != other.symbol and (one.symbol, other.symbol) not in known.names:
                between[a, b].append(sessions)
    for place, pairs in sorted(within.items()):
        yield _within(panel, place, pairs)
    for (a, b), pairs in sorted(between.items()):
        yield _between(panel, a, b, pairs)


def _is_telling(panel: Panel, t: Thresholds) -> NDArray[np.bool_]:
    """Select rows that can't be equal by chance."""
    high, low = panel.prices[:, k.HIGH], panel.prices[:, k.LOW]
    found: NDArray[np.bool_]
    if panel.is_daily:
        # One bar of a penny stock may come again; four different prices and a volume don't.
        opened, close = panel.prices[:, k.OPEN], panel.prices[:, k.CLOSE]
        ticks = np.rint((high - low) * 100)
        found = (ticks >= t.repeated_least_ticks) & (opened != close)
        return found & (panel.prices[:, k.VOLUME] >= t.repeated_least_volume)
    found = (panel.facts[:, k.N_REGULAR] >= t.repeated_least_bars) & (high > low)
    flat = panel.facts[:, k.N_FLAT] < panel.facts[:, k.N_REGULAR]
    return found & flat & (panel.prices[:, k.VOLUME] > 0)


def _within(panel: Panel, number: int, pairs: list[tuple[int, int]]) -> Finding:
    one = panel.series[number]
    copies = sorted(max(pair) for pair in pairs)
    first, last = panel.date(copies[0]), panel.date(copies[-1])
    return Finding(
        "repeated_session",
        bounded_severity(86 + np.log2(len(pairs))),
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        first,
        last,
        len(pairs),
        float(len(pairs)),
        0.0,
        f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) on "
        f"{first} equal those of {panel.date(min(pairs[0]))} in every value"
        f"{'' if len(pairs) == 1 else f', and {len(pairs) - 1} more session(s) to {last} others'}: "
        "expected different ones; one of them is a copy, fetch both again",
    )


def _between(panel: Panel, a: int, b: int, pairs: list[tuple[int, int]]) -> Finding:
    one, other = panel.series[a], panel.series[b]
    first = panel.date(min(min(pair) for pair in pairs))
    last = panel.date(max(max(pair) for pair in pairs))
    return Finding(
        "shared_bars",
        bounded_severity(84 + np.log2(len(pairs))),
        "bars",
        one.source if one.source == other.source else f"{one.source}, {other.source}",
        f"{one.symbol}, {other.symbol}",
        panel.timeframe,
        first,
        last,
        len(pairs),
        float(len(pairs)),
        0.0,
        f"{one.symbol} and {other.symbol} of {one.source} have equal {panel.timeframe} bars in "
        f"{len(pairs)} session(s) on {span(first, last)}: expected different ones; one file was "
        "imported under two names, or a rename isn't recorded",
    )


def stuck_findings(panel: Panel, t: Thresholds) -> Iterator[Finding]:
    """Find feeds that stand still: equal bars with volume, or a price that stays too long."""
    if panel.is_daily:
        yield from _stuck_days(panel, t)
        return
    least = max(t.constant_least_minutes // panel.length_minutes, t.stuck_bars)
    for number in range(len(panel.series)):
        rows = panel.rows(number)
        facts = panel.facts[rows]
        flat = facts[:, k.N_FLAT].sum() / max(facts[:, k.N_REGULAR].sum(), 1)
        constant = facts[:, k.CONSTANT_RUN]
        limit = max(least, t.constant_habit_ratio * float(np.quantile(constant, 0.9)))
        for row in range(rows.start, rows.stop):
            equal, still = panel.facts[row, k.STUCK_RUN], panel.facts[row, k.CONSTANT_RUN]
            if equal >= t.stuck_bars:
                yield _stuck(panel, number, row, int(equal), int(panel.facts[row, k.STUCK_AT]))
            elif still >= limit and flat < t.constant_flat_frac:
                yield _stuck(panel, number, row, int(still), int(panel.facts[row, k.CONSTANT_AT]))


def _stuck(panel: Panel, number: int, row: int, n: int, slot: int) -> Finding:
    one, session = panel.series[number], int(panel.session[row])
    day = panel.date(session)
    return Finding(
        "stuck_feed",
        bounded_severity(68 + 3 * np.log2(n), most=88),
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        day,
        day,
        n,
        float(n),
        1.0,
        f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) repeat the same "
        f"values {n} times from {panel.clock(session, slot)} New York time: expected them to move; "
        "the feed stood still or was filled forward, fetch the session again",
    )


def _stuck_days(panel: Panel, t: Thresholds) -> Iterator[Finding]:
    fields = [k.OPEN, k.HIGH, k.LOW, k.CLOSE]
    telling = _is_telling(panel, t)
    for number, one in enumerate(panel.series):
        rows = panel.rows(number)
        prices = panel.prices[rows]
        same = np.all(prices[1:, fields] == prices[:-1, fields], axis=1)
        # Illiquid names stay at one price; what has no volume is told as such.
        same &= prices[1:, k.VOLUME] > 0
        usual = float(same.mean()) if len(same) else 0.0
        start = 0
        edges = [*(np.flatnonzero(~same) + 1).tolist(), len(prices)]
        for stop in edges:
            n = stop - start
            ranged = n > 0 and bool(telling[rows.start + start])
            if n >= (t.stuck_days_ranged if ranged else t.stuck_days) and usual < t.stuck_days_frac:
                first, last = (panel.date(int(panel.session[rows][x])) for x in (start, stop - 1))
                yield Finding(
                    "stuck_feed",
                    bounded_severity(70 + 4 * np.log2(n), most=90),
                    "bars",
                    one.source,
                    one.symbol,
                    panel.timeframe,
                    first,
                    last,
                    n,
                    float(n),
                    1.0,
                    f"{one.symbol}'s daily bars of {one.source} ({one.adjustment}) have the same "
                    f"prices in {n} sessions running, {span(first, last)}: expected them to move; "
                    "the feed stood still or was filled forward, fetch them again",
                )
            start = stop
