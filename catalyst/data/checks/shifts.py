"""Bars on the wrong clock or grid: moved by hours, named by their ends, longer than they say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.findings import Finding
from catalyst.data.checks.gaps import span

if TYPE_CHECKING:
    from catalyst.data.checks.blocks import Series
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds

# Half hours from 04:00: the open, and what a half hour is in minutes.
_OPEN, _HALF_HOUR = 11, 30
_LONGEST = 11


def moved_sessions(panel: Panel, t: Thresholds) -> NDArray[np.int64]:
    """Say by how many half hours the volume of each row is moved; 0 where it isn't.

    A session is moved if volume fits its hours better when these are moved, and the hours that it
    would leave empty are empty.
    """
    moved = np.zeros(len(panel), np.int64)
    total = panel.profile.sum(axis=1, dtype=np.float64)
    there = total > 0
    if not there.any() or panel.length_minutes > _HALF_HOUR * 2:
        return moved
    share = np.where(there[:, None], panel.profile / np.maximum(total, 1)[:, None], 0)
    running = np.concatenate([np.zeros((len(panel), 1)), np.cumsum(share, axis=1)], axis=1)
    widths = np.rint(panel.n_slots * panel.length_minutes / _HALF_HOUR).astype(np.int64)
    rows = np.arange(len(panel))

    def between(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float64]:
        top = running.shape[1] - 1
        found: NDArray[np.float64] = (
            running[rows, np.clip(last, 0, top)] - running[rows, np.clip(first, 0, top)]
        )
        return found

    # An hour on the clock begins at 09:00 and is moved by whole hours.
    hourly = panel.length_minutes > _HALF_HOUR
    opened = np.full(len(panel), _OPEN)
    closed = opened + widths
    if hourly:
        closed, opened = _OPEN + panel.n_slots * 2 - 1, opened - 1
    own = between(opened, closed)
    best = np.full(len(panel), t.shift_gain_frac)
    for step in range(-_LONGEST, _LONGEST + 1):
        if step == 0 or (hourly and step % 2):
            continue
        gain = between(opened + step, closed + step) - own
        left = between(opened, opened + step) if step > 0 else between(closed + step, closed)
        # Before the open and after the close next to nothing trades, in feeds that have it at all.
        fits = there & (gain > best) & (left <= t.shift_vacated_frac * abs(step))
        # The far end of the moved session holds its close or its open, not only late prints.
        edge = (
            between(closed + step - 1 - hourly, closed + step)
            if step > 0
            else between(opened + step, opened + step + 1 + hourly)
        )
        fits &= edge > t.shift_gain_frac / 2
        moved[fits], best[fits] = step, gain[fits]
    return moved


def settled(panel: Panel, moved: NDArray[np.int64], t: Thresholds) -> NDArray[np.int64]:
    """Keep what will be told: a few sessions moved by half an hour are a quiet or lost opening."""
    kept = moved.copy()
    for members in panel.groups().values():
        rows = np.concatenate([np.arange(*panel.rows(n).indices(len(panel))) for n in members])
        session = panel.session[rows]
        there, hit = np.bincount(session), np.bincount(session[moved[rows] != 0])
        least = np.maximum(t.outage_least_series, t.shared_hole_frac * there[: len(hit)])
        wide = np.flatnonzero(hit >= least)
        for number in members:
            own = np.arange(*panel.rows(number).indices(len(panel)))
            own = own[~np.isin(panel.session[own], wide)]
            for step in (-1, 1):
                small = own[moved[own] == step]
                if len(small) < t.shift_sessions:
                    kept[small] = 0
    return kept


def shift_findings(panel: Panel, moved: NDArray[np.int64], t: Thresholds) -> Iterator[Finding]:
    """Say which sessions of which series are on another clock."""
    for (source, adjustment), members in panel.groups().items():
        sizes: dict[int, dict[int, int]] = defaultdict(dict)
        there: dict[int, int] = defaultdict(int)
        for number in members:
            rows = panel.rows(number)
            for row in range(rows.start, rows.stop):
                session = int(panel.session[row])
                there[session] += 1
                if moved[row]:
                    sizes[session][number] = int(moved[row])
        wide = {
            session
            for session, found in sizes.items()
            if len(found) >= max(t.outage_least_series, t.shared_hole_frac * there[session])
        }
        by_step: dict[int, list[int]] = defaultdict(list)
        for session in sorted(wide):
            steps = list(sizes[session].values())
            by_step[max(set(steps), key=steps.count)].append(session)
        for step, sessions in sorted(by_step.items()):
            yield _finding(panel, source, "", adjustment, step, sessions)
        for number in members:
            own: dict[int, list[int]] = defaultdict(list)
            for session in sorted(set(sizes) - wide):
                if number in sizes[session]:
                    own[sizes[session][number]].append(session)
            symbol = panel.series[number].symbol
            for step, sessions in sorted(own.items()):
                yield _finding(panel, source, symbol, adjustment, step, sessions)


def _finding(
    panel: Panel, source: str, symbol: str, adjustment: str, step: int, sessions: list[int]
) -> Finding:
    first, last = panel.date(sessions[0]), panel.date(sessions[-1])
    minutes = step * _HALF_HOUR
    whose = f"{symbol}'s" if symbol else "All symbols'"
    return Finding(
        "shifted_time",
        96 if not symbol or len(sessions) > 3 else 90,
        "bars",
        source,
        symbol,
        panel.timeframe,
        first,
        last,
        len(sessions),
        float(minutes),
        0.0,
        f"{whose} {panel.timeframe} bars of {source} ({adjustment}) lie about {abs(minutes)} "
        f"minutes too {'late' if step > 0 else 'early'} in {len(sessions)} session(s) on "
        f"{span(first, last)}: expected volume from the open to the close; import them again with "
        "the right --tz",
    )


def end_stamp_findings(panel: Panel, t: Thresholds) -> Iterator[Finding]:
    """Find series whose bars are named by their end: nothing at the open, the close after it."""
    for number, one in enumerate(panel.series):
        rows = panel.rows(number)
        facts = panel.facts[rows]
        regular = facts[:, k.N_REGULAR]
        if panel.length_minutes >= 60 or (regular > 0).sum() < t.outage_least_series:
            continue
        prices = panel.prices[rows][regular > 0]
        usual = float(prices[:, k.VOLUME].sum() / panel.n_slots[rows][regular > 0].sum())
        if usual <= 0:
            continue
        # The first minutes and the last hold several times a minute's volume (stylised facts).
        opens = float(prices[:, k.FIRST_VOLUME].mean()) / usual
        closes = float(prices[:, k.AFTER_CLOSE].mean()) / usual
        if opens < t.end_stamps_open and closes > t.end_stamps_close:
            first, last = (panel.date(int(s)) for s in panel.session[rows][[0, -1]])
            yield Finding(
                "end_stamps",
                88,
                "bars",
                one.source,
                one.symbol,
                panel.timeframe,
                first,
                last,
                len(prices),
                round(opens, 4),
                1.0,
                f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) have "
                f"the open's volume one bar late and the close's after it in {len(prices)} "
                f"sessions on {span(first, last)}: their times name the bars' ends; import "
                "them again with --stamp end",
            )


def coarse_findings(panel: Panel, t: Thresholds) -> Iterator[Finding]:
    """Find series whose bars lie on a coarser grid than their timeframe's."""
    for number, one in enumerate(panel.series):
        rows = panel.rows(number)
        bits = np.unpackbits(panel.present[rows], axis=1, bitorder="little")
        counts = bits.sum(axis=0, dtype=np.int64)
        if counts.sum() < t.coarse_price_least:
            continue
        for minutes in (60, 30, 15, 5):
            step = minutes // panel.length_minutes
            if minutes % panel.length_minutes or step < 3:
                continue
            best = max(int(counts[first::step].sum()) for first in range(step))
            if best >= t.coarse_frac * counts.sum():
                yield _coarse(panel, one, rows, minutes, best / float(counts.sum()))
                break


def _coarse(panel: Panel, one: Series, rows: slice, minutes: int, share: float) -> Finding:
    first, last = (panel.date(int(s)) for s in panel.session[rows][[0, -1]])
    return Finding(
        "coarse_bars",
        75,
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        first,
        last,
        rows.stop - rows.start,
        round(share, 4),
        None,
        f"{share:.0%} of {one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) "
        f"lie {minutes} minutes apart: expected {panel.timeframe} bars; they seem to be bars of "
        f"{minutes} minutes, import them with that --timeframe",
    )
