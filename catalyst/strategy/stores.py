"""What `History` holds: bars, session totals and splits, struct of arrays, one row a symbol."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from catalyst.strategy.values import Flags, Floats, Indices, Ints

STORE_WINDOWS = 3
"""Capacity of a store in windows.

When a row is full its older half goes. At least half is always there, so that a bar which comes
late within one window finds every bar of its slot, wherever the run began.
"""


class Store(NamedTuple):
    """Hold the bars of each symbol, ascending, the first ``n`` columns used.

    Attributes
    ----------
    ts : int64[m, c]
        Bar start, ns UTC.
    open, high, low, close, volume : float64[m, c]
        As they came, USD and shares.
    raw : bool[m, c]
        Whether unadjusted, so that later splits apply.
    n : int32[m]
        Bars of each row.
    """

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

    Attributes
    ----------
    day : int64[m, s]
        Days since 1970-01-01.
    volume, dollars, close : float64[m, s]
        Shares, sum of close x volume (USD), last close (USD).
    raw : bool[m, s]
        Whether unadjusted, so that later splits apply.
    n : int32[m]
        Sessions of each row.
    based : bool[m, s]
        Whether base bars made it, not coarser ones.
    prefix : float64[m, s, slots]
        Volume from 04:00 to each slot's end; by slot while the session is open.
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
    """Hold the splits in effect.

    Attributes
    ----------
    start : int64[m + 1]
        Those of symbol i are ``start[i]:start[i + 1]``, ascending by ex_ns.
    ex_ns : int64[n]
        Bars that start before it are in old shares.
    ratio : float64[n]
        New shares for one old.
    """

    start: Ints
    ex_ns: Ints
    ratio: Floats


def empty_store(n_symbols: int, capacity: int) -> Store:
    """Return a store without bars."""
    shape = (n_symbols, capacity)
    return Store(
        ts=np.zeros(shape, np.int64),
        open=np.full(shape, np.nan),
        high=np.full(shape, np.nan),
        low=np.full(shape, np.nan),
        close=np.full(shape, np.nan),
        volume=np.zeros(shape),
        raw=np.ones(shape, np.bool_),
        n=np.zeros(n_symbols, np.int32),
    )


def empty_totals(n_symbols: int, n_sessions: int, slots: int) -> Totals:
    """Return totals without sessions."""
    shape = (n_symbols, n_sessions)
    return Totals(
        day=np.full(shape, -1, np.int64),
        volume=np.zeros(shape),
        dollars=np.zeros(shape),
        close=np.zeros(shape),
        raw=np.ones(shape, np.bool_),
        n=np.zeros(n_symbols, np.int32),
        based=np.zeros(shape, np.bool_),
        prefix=np.zeros((*shape, slots)),
    )


def no_splits(n_symbols: int) -> Splits:
    """Return an empty table of splits."""
    return Splits(np.zeros(n_symbols + 1, np.int64), np.zeros(0, np.int64), np.zeros(0))


@njit(cache=True, nogil=True, error_model="numpy")
def factor_nb(splits: Splits, i: int, ts: int) -> float:
    """Return new shares for one of symbol ``i`` at a bar's start: the product of later splits."""
    factor = 1.0
    for j in range(splits.start[i], splits.start[i + 1]):
        if ts < splits.ex_ns[j]:
            factor *= splits.ratio[j]
    return factor


@njit(cache=True, nogil=True, error_model="numpy")
def _move_nb(store: Store, i: int, a: int, b: int) -> None:
    store.ts[i, a] = store.ts[i, b]
    store.open[i, a] = store.open[i, b]
    store.high[i, a] = store.high[i, b]
    store.low[i, a] = store.low[i, b]
    store.close[i, a] = store.close[i, b]
    store.volume[i, a] = store.volume[i, b]
    store.raw[i, a] = store.raw[i, b]


@njit(cache=True, nogil=True, error_model="numpy")
def place_nb(store: Store, i: int, ts: int) -> tuple[int, bool]:
    """Return the column of a bar start in row ``i``, and whether it was there; else make room."""
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
