"""The instants of a session: scans, looks, slots of larger bars. Arithmetic on int64 ns UTC."""

from __future__ import annotations

from numba import njit

from catalyst.strategy.params import Params
from catalyst.strategy.values import Grid, MarketState, Session

MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS


def timeframe_label(timeframe_ns: int) -> str:
    """Return ``1m``, ``5m``, ``15m``, ``1h`` or ``1d`` for a length in ns."""
    minutes = timeframe_ns // MINUTE_NS
    if minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def market_state(session: Session, asof_ns: int) -> MarketState:
    """Return the market state at an instant, judged by the session that contains or precedes it."""
    if session.pre_ns <= asof_ns < session.open_ns:
        return MarketState.PRE_MARKET
    if session.open_ns <= asof_ns < session.close_ns:
        return MarketState.REGULAR
    if session.close_ns <= asof_ns < session.post_ns:
        return MarketState.AFTER_HOURS
    return MarketState.CLOSED


def is_regular_bar(session: Session, ts_ns: int, timeframe_ns: int) -> bool:
    """Tell whether a bar overlaps regular hours, which makes it belong to them."""
    return ts_ns < session.close_ns and ts_ns + timeframe_ns > session.open_ns


def scan_instants(session: Session, grid: Grid, params: Params) -> list[int]:
    """Return the instants of a session at which the whole step scans, ascending.

    Every ``scan_minutes`` in pre-market and regular hours and every ``scan_minutes_after_hours``
    after them, on multiples of that length since New York's midnight, never more often than base
    bars. With daily bars: the close.
    """
    if grid.daily:
        return [session.close_ns]
    midnight = session.pre_ns - 4 * HOUR_NS
    out: list[int] = []
    for first, last, minutes in (
        (session.pre_ns, session.close_ns, params.screen.scan_minutes),
        (session.close_ns, session.post_ns, params.screen.scan_minutes_after_hours),
    ):
        step = max(minutes * MINUTE_NS, grid.timeframe_ns)
        start = midnight + -(-(first - midnight) // step) * step
        out += range(start, last, step)
    return out


def bar_ends(session: Session, grid: Grid) -> list[int]:
    """Return the instants at which a base bar may end, ascending; the instants of looks.

    Clock-anchored grids end on multiples of the timeframe from 04:00 to 20:00; those anchored at
    the open do so in regular hours, and a bar that overlaps the close ends after it.
    """
    if grid.daily:
        return [session.close_ns]
    f = grid.timeframe_ns
    clock = range(session.pre_ns + f, session.post_ns + 1, f)
    if not grid.from_open:
        return list(clock)
    regular = range(session.open_ns + f, session.close_ns + f, f)
    outside = [t for t in clock if t <= session.open_ns or t - f >= session.close_ns]
    return sorted({*regular, *outside})


def chooses_active(session: Session, asof_ns: int, params: Params, first_scan_ns: int) -> bool:
    """Tell whether the first stage is chosen anew: on half hours and at the day's first scan."""
    midnight = session.pre_ns - 4 * HOUR_NS
    return (
        asof_ns == first_scan_ns
        or (asof_ns - midnight) % (params.screen.active_minutes * MINUTE_NS) == 0
    )


def flatten_instant(session: Session, grid: Grid, params: Params) -> int | None:
    """Return the last bar boundary at or before the close less ``flatten_minutes``.

    None where nothing is flattened.
    """
    if grid.daily or not params.risk.flatten_at_close:
        return None
    f = grid.timeframe_ns
    latest = session.close_ns - params.risk.flatten_minutes * MINUTE_NS
    if grid.from_open and latest >= session.open_ns + f:
        return session.open_ns + (latest - session.open_ns) // f * f
    return session.pre_ns + (latest - session.pre_ns) // f * f


@njit(cache=True, nogil=True, error_model="numpy")
def slot_nb(
    pre_ns: int, open_ns: int, close_ns: int, post_ns: int, ts_ns: int, length_ns: int
) -> tuple[int, int]:
    """Return start and end of the larger bar that an instant lies in, as two int64 ns.

    Cut from the session's open in regular hours, on the clock outside; a slot ends where its market
    state does.
    """
    if ts_ns < open_ns:
        start = pre_ns + (ts_ns - pre_ns) // length_ns * length_ns
        return start, min(start + length_ns, open_ns)
    if ts_ns < close_ns:
        start = open_ns + (ts_ns - open_ns) // length_ns * length_ns
        return start, min(start + length_ns, close_ns)
    midnight = pre_ns - 4 * HOUR_NS
    start = midnight + (ts_ns - midnight) // length_ns * length_ns
    return max(start, close_ns), min(start + length_ns, post_ns)


def slot_of(session: Session, ts_ns: int, length_ns: int) -> tuple[int, int]:
    """Return start and end (ns) of the larger bar that an instant of a session lies in."""
    return slot_nb(
        session.pre_ns, session.open_ns, session.close_ns, session.post_ns, ts_ns, length_ns
    )


def last_complete_slot(
    session: Session, before: Session | None, asof_ns: int, length_ns: int
) -> int:
    """Return the start of the last larger bar that has ended at an instant; -1 if there is none.

    Parameters
    ----------
    session, before
        The session of the instant, and the one before it.
    """
    asof_ns = min(asof_ns, session.post_ns)
    if asof_ns > session.pre_ns:
        start, end = slot_of(session, asof_ns - 1, length_ns)
        if end <= asof_ns:
            return start
        if start > session.pre_ns:
            return slot_of(session, start - 1, length_ns)[0]
    return -1 if before is None else slot_of(before, before.post_ns - 1, length_ns)[0]


def last_base_bar(session: Session, before: Session | None, asof_ns: int, grid: Grid) -> int:
    """Return the start of the last base bar that may have ended at an instant; -1 if there is none.

    Base bars are never cut, so on an hourly grid they are not the slots of `last_complete_slot`.
    """
    if grid.daily:
        return (
            session.open_ns
            if asof_ns >= session.close_ns
            else -1
            if before is None
            else before.open_ns
        )
    f = grid.timeframe_ns
    if not grid.from_open and asof_ns >= session.pre_ns + f:
        return session.pre_ns + (min(asof_ns, session.post_ns) - session.pre_ns) // f * f - f
    ends = [end for end in bar_ends(session, grid) if end <= asof_ns]
    if not ends and before is not None:
        ends = bar_ends(before, grid)
    return ends[-1] - f if ends else -1
