"""Kernels of `history`: append, correct and aggregate bars; copy windows out.

A store keeps the bars of a symbol ascending in one row of ``capacity`` columns; when a row is full its older half goes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from catalyst.strategy.clock import slot_nb
from catalyst.strategy.values import Flags, Floats, Indices, Ints

STORE_WINDOWS = 3
"""Capacity of a store in windows. At least half of it is always there, so that a bar which comes late within one
window finds every bar of its slot, wherever the run began."""


class Store(NamedTuple):
    """Hold bars by symbol: ts int64[m, c], prices and volume float64[m, c], raw bool[m, c], n int32[m]."""

    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    raw: Flags
    n: Indices


class Totals(NamedTuple):
    """Hold own sessions by symbol, ascending, the first ``n`` columns used.

    day int64[m, 20]; volume (shares), dollars (USD), close (USD) float64[m, 20]; raw bool[m, 20]; n int32[m];
    based bool[m, 20]: whether base bars made it; prefix float64[m, 20, slots]: volume from 04:00 to each slot's end.
    """

    day: Ints
    volume: Floats
    dollars: Floats
    close: Floats
    raw: Flags
    n: Indices
    based: Flags
    prefix: Floats


class Splits(NamedTuple):
    """Hold splits in effect: those of symbol i are start[i]:start[i + 1], ascending by ex_ns; ratio is new for old."""

    start: Ints
    ex_ns: Ints
    ratio: Floats


def empty_store(n_symbols: int, capacity: int) -> Store:
    """Return a store without bars."""
    shape = (n_symbols, capacity)
    prices = [np.full(shape, np.nan) for _ in range(4)]
    return Store(
        np.zeros(shape, np.int64),
        *prices,
        np.zeros(shape),
        np.ones(shape, np.bool_),
        np.zeros(n_symbols, np.int32),
    )


def empty_totals(n_symbols: int, n_sessions: int, slots: int) -> Totals:
    """Return totals without sessions."""
    shape = (n_symbols, n_sessions)
    values = [np.zeros(shape) for _ in range(3)]
    return Totals(
        np.full(shape, -1, np.int64),
        *values,
        np.ones(shape, np.bool_),
        np.zeros(n_symbols, np.int32),
        np.zeros(shape, np.bool_),
        np.zeros((*shape, slots)),
    )


def no_splits(n_symbols: int) -> Splits:
    """Return an empty table of splits."""
    return Splits(np.zeros(n_symbols + 1, np.int64), np.zeros(0, np.int64), np.zeros(0))


@njit(cache=True, nogil=True, error_model="numpy")
def factor_nb(splits, i, ts):
    """Return new shares for one share of symbol ``i`` as of a bar's start: the product of the later splits."""
    factor = 1.0
    for j in range(splits.start[i], splits.start[i + 1]):
        if ts < splits.ex_ns[j]:
            factor *= splits.ratio[j]
    return factor


@njit(cache=True, nogil=True, error_model="numpy")
def _move_nb(store, i, a, b):
    store.ts[i, a] = store.ts[i, b]
    store.open[i, a] = store.open[i, b]
    store.high[i, a] = store.high[i, b]
    store.low[i, a] = store.low[i, b]
    store.close[i, a] = store.close[i, b]
    store.volume[i, a] = store.volume[i, b]
    store.raw[i, a] = store.raw[i, b]


@njit(cache=True, nogil=True, error_model="numpy")
def _place_nb(store, i, ts):
    """Return the column for a bar start in row ``i`` and whether it is there already; make room where it is not."""
    n = store.n[i]
    capacity = store.ts.shape[1]
    if n == capacity:
        half = capacity // 2
        for a in range(half):
            _move_nb(store, i, a, a + capacity - half)
        n = half
        store.n[i] = n
    at = n
    while at > 0 and store.ts[i, at - 1] > ts:
        at -= 1
    if at > 0 and store.ts[i, at - 1] == ts:
        return at - 1, True
    for a in range(n, at, -1):
        _move_nb(store, i, a, a - 1)
    store.n[i] = n + 1
    return at, False


@njit(cache=True, nogil=True, error_model="numpy")
def _frame_nb(frames, row, base, i, base_at, appended, start, end):
    """Bring the larger bar [start, end) in ``row`` up to date with the base bar at column ``base_at``."""
    at, there = _place_nb(frames, row, start)
    if there and appended:
        frames.high[row, at] = max(frames.high[row, at], base.high[i, base_at])
        frames.low[row, at] = min(frames.low[row, at], base.low[i, base_at])
        frames.close[row, at] = base.close[i, base_at]
        frames.volume[row, at] += base.volume[i, base_at]
        return
    a = base_at
    while a > 0 and base.ts[i, a - 1] >= start:
        a -= 1
    frames.ts[row, at] = start
    frames.open[row, at] = base.open[i, a]
    frames.high[row, at] = base.high[i, a]
    frames.low[row, at] = base.low[i, a]
    frames.volume[row, at] = 0.0
    frames.raw[row, at] = base.raw[i, a]
    while a < base.n[i] and base.ts[i, a] < end:
        frames.high[row, at] = max(frames.high[row, at], base.high[i, a])
        frames.low[row, at] = min(frames.low[row, at], base.low[i, a])
        frames.close[row, at] = base.close[i, a]
        frames.volume[row, at] += base.volume[i, a]
        a += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _session_row_nb(totals, i, day):
    """Return the column of a session in row ``i`` of the totals; make room for it, ascending by day."""
    n = totals.n[i]
    k = n
    while k > 0 and totals.day[i, k - 1] > day:
        k -= 1
    if k > 0 and totals.day[i, k - 1] == day:
        return k - 1
    depth = totals.day.shape[1]
    if n == depth:
        if k == 0:
            return -1
        low, high, step = 0, k - 1, 1
        k -= 1
    else:
        low, high, step = n, k, -1
        totals.n[i] = n + 1
    a = low
    while a != high:
        b = a + step
        totals.day[i, a] = totals.day[i, b]
        totals.volume[i, a] = totals.volume[i, b]
        totals.dollars[i, a] = totals.dollars[i, b]
        totals.close[i, a] = totals.close[i, b]
        totals.raw[i, a] = totals.raw[i, b]
        totals.based[i, a] = totals.based[i, b]
        totals.prefix[i, a, :] = totals.prefix[i, b, :]
        a = b
    totals.day[i, k] = day
    totals.volume[i, k] = 0.0
    totals.dollars[i, k] = 0.0
    totals.close[i, k] = np.nan
    totals.raw[i, k] = True
    totals.based[i, k] = False
    totals.prefix[i, k, :] = 0.0
    return k


@njit(cache=True, nogil=True, error_model="numpy")
def push_nb(
    symbol,
    ts,
    o,
    h,
    low,
    c,
    v,
    raw,
    first,
    last,
    bounds,
    timeframe_ns,
    slot_ns,
    lengths,
    base,
    frames,
    totals,
):
    """Take in the base bars of rows ``first`` to ``last``, which have just become known.

    A bar start that a symbol has already is a correction and replaces the bar. Dropped are bars older than the sessions within
    reach, and those that come late behind a whole window of newer bars of their symbol, in totals and larger bars too.

    Parameters
    ----------
    symbol, ts, o, h, low, c, v, raw
        The rows, in the order in which they became known.
    bounds : int64[n, 5]
        Day, pre_ns, open_ns, close_ns, post_ns of the sessions within reach, ascending, today last.
    lengths : int64[f]
        Lengths of the larger bars, ns.
    base, frames, totals
        Changed in place; ``frames`` is one store of f blocks of m rows. Today's row of the totals is open: its
        ``prefix`` holds the volume by slot until `close_session_nb` sums it.
    """
    m = base.n.shape[0]
    capacity = base.ts.shape[1]
    reach = capacity // STORE_WINDOWS
    frame_capacity = frames.ts.shape[1]
    today = bounds.shape[0] - 1
    slots = totals.prefix.shape[2]
    for r in range(first, last):
        i = symbol[r]
        t = ts[r]
        s = today
        while s >= 0 and t < bounds[s, 1]:
            s -= 1
        if s < 0:
            continue
        # The common case, a bar after the last one with room left, is written out here: calls that
        # pass whole stores cost ten times the work they do.
        n = base.n[i]
        appended = n == 0 or t > base.ts[i, n - 1]
        dv = v[r]
        dd = v[r] * c[r]
        if appended and n < capacity:
            at = n
            base.n[i] = n + 1
        else:
            newer = 0
            while newer < n and base.ts[i, n - 1 - newer] > t:
                newer += 1
            if newer >= reach:
                continue
            at, there = _place_nb(base, i, t)
            if there:
                dv -= base.volume[i, at]
                dd -= base.volume[i, at] * base.close[i, at]
        base.ts[i, at] = t
        base.open[i, at] = o[r]
        base.high[i, at] = h[r]
        base.low[i, at] = low[r]
        base.close[i, at] = c[r]
        base.volume[i, at] = v[r]
        base.raw[i, at] = raw[r]
        k = totals.n[i] - 1
        if k < 0 or totals.day[i, k] != bounds[s, 0]:
            k = _session_row_nb(totals, i, bounds[s, 0])
        if k >= 0:
            totals.volume[i, k] += dv
            totals.dollars[i, k] += dd
            totals.raw[i, k] = raw[r]
            totals.based[i, k] = True
            newest = at == base.n[i] - 1 or base.ts[i, at + 1] >= bounds[s, 3]
            if (newest and t < bounds[s, 3]) or np.isnan(totals.close[i, k]):
                totals.close[i, k] = c[r]
            slot = min((t + timeframe_ns - bounds[s, 1] - 1) // slot_ns, slots - 1)
            for q in range(slot, slot + 1 if s == today else slots):
                totals.prefix[i, k, q] += dv
        for f in range(lengths.shape[0]):
            row = f * m + i
            start, end = slot_nb(
                bounds[s, 1], bounds[s, 2], bounds[s, 3], bounds[s, 4], t, lengths[f]
            )
            b = frames.n[row] - 1
            if appended and b >= 0 and frames.ts[row, b] == start:
                frames.high[row, b] = max(frames.high[row, b], h[r])
                frames.low[row, b] = min(frames.low[row, b], low[r])
                frames.close[row, b] = c[r]
                frames.volume[row, b] += v[r]
            elif appended and b + 1 < frame_capacity and (b < 0 or frames.ts[row, b] < start):
                frames.n[row] = b + 2
                frames.ts[row, b + 1] = start
                frames.open[row, b + 1] = o[r]
                frames.high[row, b + 1] = h[r]
                frames.low[row, b + 1] = low[r]
                frames.close[row, b + 1] = c[r]
                frames.volume[row, b + 1] = v[r]
                frames.raw[row, b + 1] = raw[r]
            else:
                _frame_nb(frames, row, base, i, at, appended, start, end)


@njit(cache=True, nogil=True, error_model="numpy")
def close_session_nb(day, totals):
    """Sum the volume of each slot of a session that ends into the volume from 04:00 to the slot's end, ascending."""
    for i in range(totals.n.shape[0]):
        n = totals.n[i]
        if n > 0 and totals.day[i, n - 1] == day:
            for q in range(1, totals.prefix.shape[2]):
                totals.prefix[i, n - 1, q] += totals.prefix[i, n - 1, q - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def coarse_totals_nb(day, symbol, volume, dollars, close, raw, totals):
    """Enter a session's totals from coarser bars for symbols that have no base bars in it."""
    for r in range(symbol.shape[0]):
        i = symbol[r]
        n = totals.n[i]
        there = False
        for k in range(n):
            there = there or totals.day[i, k] == day
        if there:
            continue
        k = _session_row_nb(totals, i, day)
        if k >= 0:
            totals.volume[i, k] = volume[r]
            totals.dollars[i, k] = dollars[r]
            totals.close[i, k] = close[r]
            totals.raw[i, k] = raw[r]


@njit(cache=True, nogil=True, error_model="numpy")
def session_means_nb(
    totals,
    splits,
    today,
    oldest,
    n_mean,
    pre_ns_of_day,
    first_day,
    out_n,
    volume,
    dollars,
    closes,
    profile,
    profile_n,
):
    """Average the own sessions before ``today``, not older than ``oldest``, at most ``n_mean`` of them.

    Parameters
    ----------
    pre_ns_of_day : int64[d]
        04:00 of each calendar day from ``first_day`` on, -1 where there is no session.
    out_n : int32[m]; volume, dollars : float64[m]; closes : float64[m, 20]; profile : float64[m, s]; profile_n : int32[m]
        Results: number of sessions, mean shares, mean USD, last closes (newest last), mean volume from 04:00 to
        each slot's end, and the sessions it rests on; adjusted for the splits in effect.
    """
    for i in range(totals.n.shape[0]):
        closes[i, :] = np.nan
        profile[i, :] = 0.0
        width = closes.shape[1]
        n_all = totals.n[i]
        while n_all > 0 and totals.day[i, n_all - 1] >= today:
            n_all -= 1
        low = max(0, n_all - n_mean)
        while low < n_all and totals.day[i, low] < oldest:
            low += 1
        n = 0
        based = 0
        vol = 0.0
        usd = 0.0
        for k in range(low, n_all):
            factor = 1.0
            if totals.raw[i, k]:
                factor = factor_nb(splits, i, pre_ns_of_day[totals.day[i, k] - first_day])
            vol += totals.volume[i, k] * factor
            usd += totals.dollars[i, k]
            closes[i, width - n_all + k] = totals.close[i, k] / factor
            n += 1
            if totals.based[i, k]:
                based += 1
                for q in range(profile.shape[1]):
                    profile[i, q] += totals.prefix[i, k, q] * factor
        out_n[i] = n
        profile_n[i] = based
        volume[i] = vol / n if n else np.nan
        dollars[i] = usd / n if n else np.nan
        for q in range(profile.shape[1]):
            profile[i, q] = profile[i, q] / based if based else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def survey_nb(
    base,
    totals,
    splits,
    today,
    oldest_ns,
    slot,
    window,
    sessions_min,
    profile,
    profile_n,
    price,
    n_bars,
    rvol,
):
    """Fill last price, number of own bars within reach and relative volume of every symbol.

    Parameters
    ----------
    slot
        Slots from 04:00 that have ended; at 04:00 itself nothing has been traded, and relative volume is 0.
    sessions_min
        Fewer sessions than this give NaN.
    """
    for i in range(base.n.shape[0]):
        n = base.n[i]
        price[i] = np.nan
        n_bars[i] = 0
        if n > 0 and base.ts[i, n - 1] >= oldest_ns:
            factor = factor_nb(splits, i, base.ts[i, n - 1]) if base.raw[i, n - 1] else 1.0
            price[i] = base.close[i, n - 1] / factor
            low = max(0, n - window)
            while base.ts[i, low] < oldest_ns:
                low += 1
            n_bars[i] = n - low
        rvol[i] = np.nan
        if profile_n[i] < sessions_min:
            continue
        if slot < 1:
            rvol[i] = 0.0
            continue
        volume = 0.0
        k = totals.n[i] - 1
        if k >= 0 and totals.day[i, k] == today:
            for q in range(min(slot, totals.prefix.shape[2])):
                volume += totals.prefix[i, k, q]
        usual = profile[i, min(slot, totals.prefix.shape[2]) - 1]
        rvol[i] = volume / usual if usual > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def panel_nb(
    store, offset, symbols, splits, oldest_ns, open_from_ns, depth, ts, o, h, low, c, v, count
):
    """Copy the last ``depth`` own bars of some symbols, adjusted for the splits in effect, left-aligned.

    Parameters
    ----------
    offset
        First row of the store's block.
    oldest_ns, open_from_ns
        Bars that start before the one or from the other on are left out: out of reach, and not yet complete.
    """
    for r in range(symbols.shape[0]):
        i = symbols[r]
        row = offset + i
        n = store.n[row]
        while n > 0 and store.ts[row, n - 1] >= open_from_ns:
            n -= 1
        a = max(0, n - depth)
        while a < n and store.ts[row, a] < oldest_ns:
            a += 1
        split = splits.start[i + 1] > splits.start[i]
        for b in range(a, n):
            factor = 1.0
            if split and store.raw[row, b]:
                factor = factor_nb(splits, i, store.ts[row, b])
            ts[r, b - a] = store.ts[row, b]
            o[r, b - a] = store.open[row, b] / factor
            h[r, b - a] = store.high[row, b] / factor
            low[r, b - a] = store.low[row, b] / factor
            c[r, b - a] = store.close[row, b] / factor
            v[r, b - a] = store.volume[row, b] * factor
        count[r] = n - a
