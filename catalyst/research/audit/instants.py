"""Which decision times an audit looks at, where it can't look at all."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from catalyst.research.audit.later_facts import known_ns
from catalyst.research.audit.original import Original
from catalyst.strategy.clock import DAY_NS, bar_ends, scan_instants
from catalyst.strategy.params import Params
from catalyst.strategy.values import Grid, Session

_PROBED_SESSIONS = 40
_GOLDEN = 0.6180339887498949


def candidates(sessions: Sequence[Session], grid: Grid, params: Params) -> list[list[int]]:
    """Return by session the instants at which something is decided, with or without positions."""
    return [sorted(scan_instants(one, grid, params.on(one.day))) for one in sessions]


def sample(
    sessions: Sequence[Session],
    grid: Grid,
    params: Params,
    original: Original,
    timeframe: str,
    *,
    count: int,
) -> list[int]:
    """Choose decision times, ascending: the same for the same lake and count.

    A quarter are each session's first and last, a quarter the last before something arrives late
    (bars, articles, actions, memberships), and the rest run through the sessions and, at each in
    another order, through the slots of the day.

    Parameters
    ----------
    sessions
        Those of the run.
    count
        How many, at most.
    """
    slots = candidates(sessions, grid, params)
    every = sorted({at for one in slots for at in one})
    if count >= len(every):
        return every
    edges = [at for one in slots for at in (one[0], one[-1])]
    late = _late(sessions, every, original, timeframe)
    chosen = {*_spread(edges, count // 4), *_spread(late, count // 4)}
    days, k = len(slots), 0
    while len(chosen) < count and k < 50 * count:
        # Steps of the golden ratio visit the slots of the day evenly, whatever their number.
        one = slots[int(k * max(days / count, 1.0)) % days]
        chosen.add(one[int((k * _GOLDEN) % 1.0 * len(one))])
        k += 1
    return sorted(chosen)


def _late(
    sessions: Sequence[Session], every: list[int], original: Original, timeframe: str
) -> list[int]:
    # The last decision before a fact that tells of the time before it.
    first, last = sessions[0].pre_ns, sessions[-1].post_ns
    arrivals: list[tuple[int, int]] = []
    news = original.lake.news().select("published_at", "known_at")
    told = news["published_at"].dt.timestamp("ns").to_numpy()
    arrivals += zip(told.tolist(), known_ns(news).tolist(), strict=True)
    for facts, day in ((original.actions, "ex_date"), (original.universe, "from")):
        about = facts[day].cast(int).to_numpy() * DAY_NS
        arrivals += [
            (min(a, k - 1) if k <= a else a, k)
            for a, k in zip(about.tolist(), known_ns(facts).tolist(), strict=True)
        ]
    days = original.days(timeframe)
    for at in np.linspace(0, len(days) - 1, min(len(days), _PROBED_SESSIONS)).astype(int):
        one = original.session(timeframe, days[at])
        slow = one.rows.known_ns > one.known_ns.min(initial=0)
        slow &= one.known_ns > one.rows.ts_ns + original.grace_ns + max(one.length_ns, 1)
        slow &= bool(one.length_ns)
        arrivals += zip(one.rows.ts_ns[slow].tolist(), one.known_ns[slow].tolist(), strict=True)
    found = set()
    for about_ns, arrived_ns in arrivals:
        if first <= arrived_ns <= last:
            k = bisect_left(every, arrived_ns) - 1
            if k >= 0 and bisect_right(every, about_ns) <= k + 1 and every[k] >= first:
                found.add(every[k])
    return sorted(found)


def _spread(instants: Sequence[int], count: int) -> list[int]:
    if len(instants) <= count:
        return list(instants)
    places = np.linspace(0, len(instants) - 1, max(count, 0)).astype(int)
    return [instants[k] for k in places.tolist()]


def every_instant(session: Session, grid: Grid, params: Params) -> list[int]:
    """Return every instant of a session at which something may be decided, positions held."""
    return sorted({*scan_instants(session, grid, params.on(session.day)), *bar_ends(session, grid)})
