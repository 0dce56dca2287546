"""Robust measures of a series of sessions: levels, spreads, jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalyst.data.checks import bar_kernel as k

if TYPE_CHECKING:
    from catalyst.data.checks.panel import Panel

# The median absolute deviation of a normal variable is 0.6745 of its standard deviation.
_MAD_TO_SIGMA = 1.4826


class Sessions(NamedTuple):
    """Hold what is needed of one series to judge its levels: arrays [sessions].

    Attributes
    ----------
    row : first row in the panel.
    session : position in the calendar.
    open, close, middle, volume : US dollars and shares, regular hours.
    jump : log of open over the close before; NaN first and after a hole.
    reach : log of high over low of the session.
    spread : robust standard deviation of `jump`, at least 0.4 %.
    """

    row: int
    session: NDArray[np.int64]
    open: NDArray[np.float64]
    close: NDArray[np.float64]
    middle: NDArray[np.float64]
    volume: NDArray[np.float64]
    jump: NDArray[np.float64]
    reach: NDArray[np.float64]
    spread: float


_LEAST_SPREAD = 0.004
_LONGEST_STEP = 5


def sessions_of(panel: Panel, number: int) -> Sessions:
    """Take one series out of a panel; sessions without regular hours are left out."""
    rows = panel.rows(number)
    prices = panel.prices[rows]
    there = np.isfinite(prices[:, k.OPEN])
    prices, session = prices[there], panel.session[rows][there].astype(np.int64)
    opened, closed = prices[:, k.OPEN], prices[:, k.CLOSE]
    jump = np.full(len(session), np.nan)
    jump[1:] = np.log(opened[1:] / closed[:-1])
    jump[1:][np.diff(session) > _LONGEST_STEP] = np.nan
    return Sessions(
        rows.start,
        session,
        opened,
        closed,
        prices[:, k.MIDDLE],
        prices[:, k.VOLUME],
        jump,
        np.log(prices[:, k.HIGH] / prices[:, k.LOW]),
        max(spread_of(jump), _LEAST_SPREAD),
    )


def spread_of(values: NDArray[np.float64]) -> float:
    """Estimate a standard deviation by the median absolute deviation; NaN is left out."""
    kept = values[np.isfinite(values)]
    if len(kept) < 3:
        return 0.0
    return float(_MAD_TO_SIGMA * np.median(np.abs(kept - np.median(kept))))


def typical(panel: Panel, number: int) -> float:
    """Give the median level of a series, US dollars."""
    return float(np.nanmedian(panel.prices[panel.rows(number), k.MIDDLE]))


def median_around(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Give the median of up to `reach` values on either side of each, itself left out."""
    n = len(values)
    out = np.full(n, np.nan)
    if n < 2:
        return out
    padded = np.full(n + 2 * reach, np.nan)
    padded[reach : reach + n] = values
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    others = np.delete(windows, reach, axis=1)
    there = np.isfinite(others).any(axis=1)
    out[there] = np.nanmedian(others[there], axis=1)
    return out
