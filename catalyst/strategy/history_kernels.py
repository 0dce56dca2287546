"""Kernels of `History`: take bars in, correct and aggregate them; copy out what a view may hold."""

from __future__ import annotations

import numpy as np
from numba import njit

from catalyst.strategy.clock import slot_nb
from catalyst.strategy.session_totals import session_row_nb
from catalyst.strategy.stores import STORE_WINDOWS, Splits, Store, Totals, factor_nb, place_nb
from catalyst.strategy.values import Flags, Floats, Indices, Ints


@njit(cache=True, nogil=True, error_model="numpy")
def _frame_nb(
    frames: Store,
    row: int,
    base: Store,
    i: int,
    base_at: int,
    appended: bool,
    start: int,
    end: int,
) -> None:
    """Bring the larger bar [start, end) up to date with the base bar at column ``base_at``."""
    at, there = place_nb(frames, row, start)
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
def push_nb(  # noqa: C901, PLR0915 - calls that pass whole stores cost ten times the work they do
    symbol: Indices,
    ts: Ints,
    o: Floats,
    h: Floats,
    low: Floats,
    c: Floats,
    v: Floats,
    raw: Flags,
    first: int,
    last: int,
    bounds: Ints,
    timeframe_ns: int,
    slot_ns: int,
    lengths: Ints,
    base: Store,
    frames: Store,
    totals: Totals,
) -> None:
    """Take in the base bars of rows ``first`` to ``last``, which have just become known.

    A bar start that a symbol has already is a correction and replaces the bar. Dropped are bars
    older than the sessions within reach, and those that come late behind a whole window of newer
    bars of their symbol, in totals and larger bars too.

    Parameters
    ----------
    symbol, ts, o, h, low, c, v, raw
        The rows, in the order in which they became known.
    bounds : int64[n, 5]
        Day, pre_ns, open_ns, close_ns, post_ns of the sessions within reach, ascending, today last.
    lengths : int64[f]
        Lengths of the larger bars, ns.
    base, frames, totals
        Changed in place; ``frames`` is one store of f blocks of m rows. Today's row of the totals
        is open: its ``prefix`` holds the volume by slot until `close_session_nb` sums it.
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
            at, there = place_nb(base, i, t)
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
            k = session_row_nb(totals, i, bounds[s, 0])
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
def survey_nb(
    base: Store,
    totals: Totals,
    splits: Splits,
    today: int,
    oldest_ns: int,
    slot: int,
    window: int,
    sessions_min: int,
    profile: Floats,
    profile_n: Indices,
    price: Floats,
    n_bars: Indices,
    rvol: Floats,
) -> None:
    """Fill last price, number of own bars within reach and relative volume of every symbol.

    Parameters
    ----------
    slot
        Slots from 04:00 that have ended; at 04:00 itself nothing has been traded, and relative
        volume is 0.
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
    store: Store,
    offset: int,
    symbols: Indices,
    splits: Splits,
    oldest_ns: int,
    open_from_ns: int,
    depth: int,
    ts: Ints,
    o: Floats,
    h: Floats,
    low: Floats,
    c: Floats,
    v: Floats,
    count: Indices,
) -> None:
    """Copy the last ``depth`` own bars of some symbols, in today's shares, left-aligned.

    Parameters
    ----------
    offset
        First row of the store's block.
    oldest_ns, open_from_ns
        Bars that start before the one or from the other on are left out: out of reach, and not yet
        complete.
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
