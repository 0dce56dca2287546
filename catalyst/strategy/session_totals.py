"""Kernels of own sessions: their totals, and the means that the funnel asks for."""

from __future__ import annotations

import numpy as np
from numba import njit

from catalyst.strategy.stores import Splits, Totals, factor_nb
from catalyst.strategy.values import Flags, Floats, Indices, Ints


@njit(cache=True, nogil=True, error_model="numpy")
def session_row_nb(totals: Totals, i: int, day: int) -> int:
    """Return the column of a session in row ``i``, made if need be; -1 if older than all kept."""
    n: int = totals.n[i]
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
def close_session_nb(day: int, totals: Totals) -> None:
    """Sum the slots of a session that ends: volume from 04:00 to each slot's end, ascending."""
    for i in range(totals.n.shape[0]):
        n = totals.n[i]
        if n > 0 and totals.day[i, n - 1] == day:
            for q in range(1, totals.prefix.shape[2]):
                totals.prefix[i, n - 1, q] += totals.prefix[i, n - 1, q - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def coarse_totals_nb(
    day: int,
    symbol: Indices,
    volume: Floats,
    dollars: Floats,
    close: Floats,
    raw: Flags,
    totals: Totals,
) -> None:
    """Enter a session's totals from coarser bars for symbols that have no base bars in it."""
    for r in range(symbol.shape[0]):
        i = symbol[r]
        n = totals.n[i]
        there = False
        for k in range(n):
            there = there or totals.day[i, k] == day
        if there:
            continue
        k = session_row_nb(totals, i, day)
        if k >= 0:
            totals.volume[i, k] = volume[r]
            totals.dollars[i, k] = dollars[r]
            totals.close[i, k] = close[r]
            totals.raw[i, k] = raw[r]


@njit(cache=True, nogil=True, error_model="numpy")
def session_means_nb(
    totals: Totals,
    splits: Splits,
    today: int,
    oldest: int,
    n_mean: int,
    pre_ns_of_day: Ints,
    first_day: int,
    out_n: Indices,
    volume: Floats,
    dollars: Floats,
    closes: Floats,
    profile: Floats,
    profile_n: Indices,
) -> None:
    """Average the own sessions before ``today``, from ``oldest`` on, at most ``n_mean`` of them.

    Parameters
    ----------
    pre_ns_of_day : int64[d]
        04:00 of each calendar day from ``first_day`` on, -1 where there is no session.
    out_n : int32[m]; volume, dollars : float64[m]; closes : float64[m, 20]
        Results: number of sessions, mean shares, mean USD, last closes (newest last); in today's
        shares.
    profile : float64[m, slots]; profile_n : int32[m]
        Results: mean volume from 04:00 to each slot's end, and the sessions it rests on.
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
