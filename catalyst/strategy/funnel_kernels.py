"""Kernels of the funnel: rank, validate, and lay the stages side by side."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba import njit

from catalyst.strategy.reasons import Reason
from catalyst.strategy.values import Bytes, Floats, Indices

Stage: TypeAlias = tuple[Indices, Bytes, Floats, Floats]
"""Rows of a stage, ascending by symbol: symbol, reason, value and threshold."""

_RANK, _CATALYST_MIN = int(Reason.RANK), int(Reason.CATALYST_MIN)
_CODES = (
    int(Reason.PRICE_MIN),
    int(Reason.PRICE_MAX),
    int(Reason.VOLUME_MIN),
    int(Reason.RVOL_HISTORY),
    int(Reason.RVOL_MIN),
    int(Reason.BARS_MIN),
)


@njit(cache=True, nogil=True, error_model="numpy")
def cut_nb(reason: Bytes, value: Floats, threshold: Floats, count: int) -> None:
    """Drop by rank all but the ``count`` highest of those whose reason is 0.

    Parameters
    ----------
    reason : int8[n]; value, threshold : float64[n]
        Rows of a `Stage`, so that ties break by symbol. Value ranks; reason and threshold (the last
        admitted value) are set for those dropped.
    """
    alive = np.flatnonzero(reason == 0)
    if alive.shape[0] <= count:
        return
    order = alive[np.argsort(-value[alive], kind="mergesort")]
    for k in range(count, order.shape[0]):
        reason[order[k]] = _RANK
        threshold[order[k]] = value[order[count - 1]]


@njit(cache=True, nogil=True, error_model="numpy")
def stages_nb(
    active: Indices,
    score: Floats,
    price: Floats,
    volume: Floats,
    rvol: Floats,
    rvol_sessions: Indices,
    n_bars: Indices,
    required: bool,
    catalyst_min: float,
    catalyst_count: int,
    price_min: float,
    price_max: float,
    volume_min: float,
    rvol_history: bool,
    rvol_sessions_min: int,
    rvol_min: float,
    bars_min: int,
) -> tuple[Stage, Stage]:
    """Rank the first stage by catalyst, and validate those that pass.

    Parameters
    ----------
    active : int32[k]
        Symbols of the first stage, ascending.
    score, price, volume, rvol : float64[m]; rvol_sessions, n_bars : int32[m]
        Numbers of every symbol.
    required ... bars_min
        Switches and thresholds in the order of the rules.

    Returns
    -------
    ranked, validated
    """
    below_price, above_price, thin, unknown, usual, few = _CODES
    k = active.shape[0]
    value = np.empty(k)
    reason = np.zeros(k, np.int8)
    threshold = np.full(k, np.nan)
    for a in range(k):
        value[a] = score[active[a]]
        if required and value[a] < catalyst_min:
            reason[a] = _CATALYST_MIN
            threshold[a] = catalyst_min
    cut_nb(reason, value, threshold, catalyst_count)
    symbols = active[reason == 0]
    n = symbols.shape[0]
    why = np.zeros(n, np.int8)
    what = np.full(n, np.nan)
    limit = np.full(n, np.nan)
    for r in range(n):
        i = symbols[r]
        known = rvol_sessions[i] >= rvol_sessions_min
        if math.isnan(price[i]):
            why[r], what[r], limit[r] = few, n_bars[i], bars_min
        elif not price[i] >= price_min:
            why[r], what[r], limit[r] = below_price, price[i], price_min
        elif not price[i] <= price_max:
            why[r], what[r], limit[r] = above_price, price[i], price_max
        elif not volume[i] >= volume_min:
            why[r], what[r], limit[r] = thin, volume[i], volume_min
        elif not known and rvol_history:
            why[r], what[r], limit[r] = unknown, rvol_sessions[i], rvol_sessions_min
        elif known and not rvol[i] >= rvol_min:
            why[r], what[r], limit[r] = usual, rvol[i], rvol_min
        elif n_bars[i] < bars_min:
            why[r], what[r], limit[r] = few, n_bars[i], bars_min
    return (active, reason, value, threshold), (symbols, why, what, limit)


@njit(cache=True, nogil=True, error_model="numpy")
def screen_nb(
    first: Stage,
    second: Stage,
    last: Stage,
    score: Floats,
    direction: Floats,
    price: Floats,
    volume: Floats,
    previous_close: Floats,
    rvol: Floats,
) -> tuple[Indices, Bytes, Bytes, Floats, Floats, Floats, Floats, Floats, Floats, Floats, Floats]:
    """Lay three stages and what the symbols look like side by side, as `Screen` holds them.

    Parameters
    ----------
    first, second, last
        Of 50, 20 and 5 symbols.
    score, direction, price, volume, previous_close, rvol : float64[m]
        Numbers of every symbol.
    """
    n = first[0].shape[0] + second[0].shape[0] + last[0].shape[0]
    symbol, stage, reason = np.empty(n, np.int32), np.empty(n, np.int8), np.empty(n, np.int8)
    value, threshold = np.empty(n), np.empty(n)
    scores, directions, prices, volumes = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    changes, rvols = np.empty(n), np.empty(n)
    r = 0
    for size, rows in ((50, first), (20, second), (5, last)):
        for a in range(rows[0].shape[0]):
            i = rows[0][a]
            symbol[r], stage[r], reason[r] = i, size, rows[1][a]
            value[r], threshold[r] = rows[2][a], rows[3][a]
            scores[r], directions[r] = score[i], direction[i]
            prices[r], volumes[r] = price[i], volume[i]
            changes[r], rvols[r] = price[i] / previous_close[i] - 1.0, rvol[i]
            r += 1
    return (
        symbol,
        stage,
        reason,
        value,
        threshold,
        scores,
        directions,
        prices,
        volumes,
        changes,
        rvols,
    )
