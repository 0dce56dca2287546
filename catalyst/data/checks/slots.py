"""Bars that are missing inside sessions, judged by each symbol's own habit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.levels import median_around, spread_of

if TYPE_CHECKING:
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds

_TINY = 1e-7


class Hole(NamedTuple):
    """A run of missing bars: row of the panel, first and last slot, its surprise."""

    row: int
    first: int
    last: int
    surprise: float


class Presence(NamedTuple):
    """What is known of one series' bars, arrays [sessions].

    Attributes
    ----------
    top : most surprising hole of each session: first slot, last slot (-1 if there is none).
    surprise : of that hole.
    bars, expected : regular bars there, and by habit.
    """

    top: NDArray[np.int64]
    surprise: NDArray[np.float64]
    bars: NDArray[np.float64]
    expected: NDArray[np.float64]


@njit(cache=True, nogil=True)
def presence_nb(
    present: NDArray[np.uint8],
    n_slots: NDArray[np.int64],
    prior: float,
    top: NDArray[np.int64],
    surprise: NDArray[np.float64],
    bars: NDArray[np.float64],
    expected: NDArray[np.float64],
) -> None:
    """Find the most surprising run of missing bars of each session of a series.

    The chance that a slot is empty is its share of empty ones in the *other* sessions, drawn to the
    series' mean with the weight of `prior` sessions, and larger in a session that is thin as a
    whole. The surprise of a run is the sum of -ln of its slots' chances.

    Parameters
    ----------
    present : uint8[sessions, bytes]
        A bit for each regular slot.
    n_slots : int64[sessions]
        Slots of each session.
    prior : float
        Sessions.
    top : int64[sessions, 2]; surprise, bars, expected : float64[sessions]
        Written.
    """
    n, widest = present.shape[0], present.shape[1] * 8
    filled, slots = np.zeros(widest), np.zeros(widest)
    for i in range(n):
        for slot in range(min(n_slots[i], widest)):
            slots[slot] += 1
            if present[i, slot >> 3] >> (slot & 7) & 1:
                filled[slot] += 1
                bars[i] += 1
    all_filled, all_slots = filled.sum(), slots.sum()
    for i in range(n):
        top[i, 0], top[i, 1] = -1, -1
        width = min(n_slots[i], widest)
        other_slots = all_slots - width
        empty_rate = (other_slots - (all_filled - bars[i]) + 0.5) / (other_slots + 1.0)
        chance = np.empty(width)
        for slot in range(width):
            here = present[i, slot >> 3] >> (slot & 7) & 1
            others = slots[slot] - 1
            empty = others - (filled[slot] - here)
            chance[slot] = (empty + prior * empty_rate) / (others + prior)
            expected[i] += 1.0 - chance[slot]
        slot = 0
        while slot < width:
            if present[i, slot >> 3] >> (slot & 7) & 1:
                slot += 1
                continue
            first, should = slot, 0.0
            while slot < width and not present[i, slot >> 3] >> (slot & 7) & 1:
                should += 1.0 - chance[slot]
                slot += 1
            # How lively the session was beside the hole.
            lively = min((bars[i] + 1.0) / (expected[i] - should + 1.0), 1.0)
            found = 0.0
            for s in range(first, slot):
                found -= np.log(max(1.0 - lively * (1.0 - chance[s]), _TINY))
            if found > surprise[i]:
                surprise[i] = found
                top[i, 0], top[i, 1] = first, slot - 1


def presence_of(panel: Panel, number: int, t: Thresholds) -> Presence:
    """Judge the presence of one series' bars."""
    rows = panel.rows(number)
    return _presence(panel.present[rows], panel.n_slots[rows], t)


def _presence(present: NDArray[np.uint8], n_slots: NDArray[np.int64], t: Thresholds) -> Presence:
    n = len(n_slots)
    found = Presence(np.empty((n, 2), np.int64), np.zeros(n), np.zeros(n), np.zeros(n))
    presence_nb(present, n_slots, t.slot_prior_sessions, *found)
    return found


def slot_findings(panel: Panel, moved: frozenset[int], t: Thresholds) -> Iterator[Finding]:
    """Find holes inside sessions, sessions cut short, and sessions with too few bars.

    Parameters
    ----------
    panel
        Of a timeframe below a day.
    moved
        Rows whose session is shifted as a whole, which is told elsewhere.
    """
    for (source, adjustment), members in panel.groups().items():
        found = {number: presence_of(panel, number, t) for number in members}
        holes = {number: _holes(panel, number, found[number], moved, t) for number in members}
        shared = _shared(panel, members, holes, t)
        for (session, first, last), n in sorted(shared.items()):
            yield _source_hole(panel, source, adjustment, session, (first, last), n, len(members))
        for number in members:
            kept = [hole for hole in holes[number] if not _covered(panel, hole, shared)]
            said = {hole.row for hole in holes[number]}
            yield from _told(panel, number, kept, t)
            yield from _thin(panel, number, found[number], said | moved, t)


def _holes(
    panel: Panel, number: int, found: Presence, moved: frozenset[int], t: Thresholds
) -> list[Hole]:
    start = panel.rows(number).start
    some = found.surprise[found.bars > 0]
    if not len(some):
        return []
    slots = float(panel.n_slots[panel.rows(number)][found.bars > 0].sum())
    thin = found.bars.sum() < t.slot_thin_frac * slots
    ratio = t.slot_thin_ratio if thin else t.slot_habit_ratio
    limit = max(t.slot_surprise, ratio * float(np.quantile(some, 0.75)))
    if panel.length_minutes >= t.slot_enough_minutes and (
        found.bars.sum() >= t.slot_full_frac * slots
    ):
        limit = t.slot_full_surprise
    if found.surprise.max() <= limit:
        return []
    length = found.top[:, 1] - found.top[:, 0] + 1
    rows = np.flatnonzero((found.surprise > limit) & _long(length, panel, t) & (found.bars > 0))
    return [
        Hole(
            start + row, int(found.top[row, 0]), int(found.top[row, 1]), float(found.surprise[row])
        )
        for row in rows.tolist()
        if start + row not in moved
    ]


def _long(length: NDArray[np.int64], panel: Panel, t: Thresholds) -> NDArray[np.bool_]:
    minutes = length * panel.length_minutes
    found: NDArray[np.bool_] = (minutes >= t.slot_least_minutes) & (length >= t.slot_least_bars)
    return found | (minutes >= t.slot_enough_minutes)


def _shared(
    panel: Panel, members: list[int], holes: dict[int, list[Hole]], t: Thresholds
) -> dict[tuple[int, int, int], int]:
    """Find holes that most symbols of a source have at the same time."""
    if len(members) < t.outage_least_series:
        return {}
    there: dict[int, int] = defaultdict(int)
    for number in members:
        for session in panel.session[panel.rows(number)].tolist():
            there[session] += 1
    by_session: dict[int, list[Hole]] = defaultdict(list)
    for found in holes.values():
        for hole in found:
            by_session[int(panel.session[hole.row])].append(hole)
    shared = {}
    for session, found in by_session.items():
        if len(found) < max(t.outage_least_series, t.shared_hole_frac * there[session]):
            continue
        first = int(np.median([hole.first for hole in found]))
        last = int(np.median([hole.last for hole in found]))
        together = [hole for hole in found if hole.first <= last and hole.last >= first]
        if len(together) >= max(t.outage_least_series, t.shared_hole_frac * there[session]):
            shared[session, first, last] = len(together)
    for session, first, last in _pooled(panel, members, t):
        if not any(one[0] == session for one in shared):
            shared[session, first, last] = there[session]
    return shared


def _pooled(panel: Panel, members: list[int], t: Thresholds) -> list[tuple[int, int, int]]:
    """Take a source's symbols as one: thin ones are silent together only if the source is."""
    rows = np.concatenate(
        [np.arange(*panel.rows(number).indices(len(panel))) for number in members]
    )
    rows = rows[np.argsort(panel.session[rows], kind="stable")]
    session = panel.session[rows]
    starts = np.flatnonzero(np.diff(session, prepend=-1))
    together = np.bitwise_or.reduceat(panel.present[rows], starts, axis=0)
    found = _presence(together, panel.n_slots[rows[starts]], t)
    some = found.surprise[found.bars > 0]
    if not len(some):
        return []
    limit = max(t.slot_surprise, t.slot_habit_ratio * float(np.quantile(some, 0.75)))
    length = found.top[:, 1] - found.top[:, 0] + 1
    wide = (found.surprise > limit) & _long(length, panel, t) & (found.bars > 0)
    wide &= np.diff(np.append(starts, len(rows))) >= t.outage_least_series
    return [
        (int(session[starts[n]]), int(found.top[n, 0]), int(found.top[n, 1]))
        for n in np.flatnonzero(wide).tolist()
    ]


def _covered(panel: Panel, hole: Hole, shared: dict[tuple[int, int, int], int]) -> bool:
    session = int(panel.session[hole.row])
    for at, first, last in shared:
        overlap = min(hole.last, last) - max(hole.first, first) + 1
        if at == session and overlap * 2 >= hole.last - hole.first + 1:
            return True
    return False


def _source_hole(
    panel: Panel,
    source: str,
    adjustment: str,
    session: int,
    slots: tuple[int, int],
    n: int,
    symbols: int,
) -> Finding:
    day = panel.date(session)
    start, end = panel.clock(session, slots[0]), panel.clock(session, slots[1] + 1)
    minutes = (slots[1] - slots[0] + 1) * panel.length_minutes
    return Finding(
        "source_outage",
        bounded_severity(70 + 3 * np.log2(max(minutes / 5, 1)), most=92),
        "bars",
        source,
        "",
        panel.timeframe,
        day,
        day,
        slots[1] - slots[0] + 1,
        0.0,
        float(n),
        f"{source} has no {panel.timeframe} bars ({adjustment}) of {n} of its {symbols} symbols "
        f"from {start} to {end[-5:]} New York time, when they usually trade: expected bars of most "
        "of them; fetch the session again",
    )


def _told(panel: Panel, number: int, holes: list[Hole], t: Thresholds) -> Iterator[Finding]:
    by_kind: dict[str, list[Hole]] = defaultdict(list)
    for hole in holes:
        cut = hole.first == 0 or hole.last == int(panel.n_slots[hole.row]) - 1
        by_kind["truncated_session" if cut else "missing_bars"].append(hole)
    for kind, found in by_kind.items():
        if len(found) > t.listed_holes:
            yield _many(panel, number, kind, found)
        else:
            yield from (_one(panel, number, kind, hole) for hole in found)


def _one(panel: Panel, number: int, kind: str, hole: Hole) -> Finding:
    one, session = panel.series[number], int(panel.session[hole.row])
    day = panel.date(session)
    n = hole.last - hole.first + 1
    start, end = panel.clock(session, hole.first), panel.clock(session, hole.last + 1)
    there = int(panel.facts[hole.row, k.N_REGULAR])
    what = f"no bars from {start} to {end[-5:]} New York time"
    if kind == "truncated_session":
        edge = "starts late" if hole.first == 0 else "ends early"
        what = f"{what}: the session {edge}"
    minutes = n * panel.length_minutes
    return Finding(
        kind,
        bounded_severity((58 if kind == "missing_bars" else 64) + 3 * np.log2(minutes), most=84),
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        day,
        day,
        n,
        float(there),
        float(there + n),
        f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) have {what}, "
        f"{n} slot(s), more than it leaves empty on other days: a halt or a hole in the feed; "
        "fetch the session again",
    )


def _many(panel: Panel, number: int, kind: str, holes: list[Hole]) -> Finding:
    one = panel.series[number]
    sessions = [int(panel.session[hole.row]) for hole in holes]
    n = sum(hole.last - hole.first + 1 for hole in holes)
    first, last = panel.date(min(sessions)), panel.date(max(sessions))
    return Finding(
        kind,
        bounded_severity(66 + 2 * np.log2(n), most=86),
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        first,
        last,
        n,
        float(len(holes)),
        None,
        f"{one.symbol}'s {panel.timeframe} bars of {one.source} ({one.adjustment}) have holes in "
        f"{len(holes)} sessions from {first} to {last}, {n} slot(s), more than it leaves empty on "
        "other days: fetch these sessions again",
    )


def _thin(
    panel: Panel, number: int, found: Presence, said: set[int], t: Thresholds
) -> Iterator[Finding]:
    one, start = panel.series[number], panel.rows(number).start
    there = (found.bars > 0) & (found.expected > 0)
    if there.sum() < t.outage_least_series:
        return
    share = np.log(np.maximum(found.bars, 0.5) / np.maximum(found.expected, 0.5))
    share[~there] = np.nan
    # Trading wanes and returns over weeks, so the weeks around are the habit.
    usual = np.nan_to_num(median_around(share, t.thin_window_sessions))
    away = share - usual
    spread = np.maximum(spread_of(away), t.thin_chance / np.sqrt(np.maximum(found.expected, 1)))
    tail = t.thin_tail_ratio * max(-float(np.nanquantile(away, 0.05)), 0)
    low = away < -np.maximum(np.maximum(t.thin_spread * spread, t.thin_log_least), tail)
    low &= found.expected * np.exp(usual) - found.bars >= t.thin_least_bars
    for row in np.flatnonzero(low & there).tolist():
        if start + row in said:
            continue
        day = panel.date(int(panel.session[start + row]))
        n = int(found.bars[row])
        expected = float(found.expected[row] * np.exp(usual[row]))
        yield Finding(
            "missing_bars",
            bounded_severity(55 - 10 * away[row], most=80),
            "bars",
            one.source,
            one.symbol,
            panel.timeframe,
            day,
            day,
            round(expected) - n,
            float(n),
            round(expected, 1),
            f"{one.symbol} has {n} {panel.timeframe} bars of {one.source} ({one.adjustment}) on "
            f"{day}, {expected:.0f} expected by its habit: bars are missing here and there; fetch "
            "the session again",
        )
