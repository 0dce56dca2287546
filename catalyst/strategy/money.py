"""Money and prices on their grids: micro-dollars, the broker's tick, the fill tick."""

from __future__ import annotations

import math

MICRO = 1_000_000
"""Micro-dollars in a dollar."""

FILL_TICKS = 10_000
"""Fill prices lie on 1/10,000 dollar (specification, section 9)."""

_NEAR = 1e-6


def on_tick(price: float, *, up: bool) -> float:
    """Round a price to the broker's tick: 0.01 at or above one dollar, 0.0001 below.

    Parameters
    ----------
    price
        USD, positive.
    up
        Whether to round up, else down; a price within a millionth of a tick is on it.

    Returns
    -------
    float
        USD, the double nearest to the decimal.
    """
    scale = 100.0 if price >= 1.0 else 10_000.0
    return _whole(price * scale, up=up) / scale


def fill_price(price: float, *, buy: bool) -> float:
    """Round an execution price to 0.0001 USD against us: up for a buy, down for a sale."""
    return _whole(price * FILL_TICKS, up=buy) / FILL_TICKS


def notional_micro(price: float, quantity: int) -> int:
    """Return price times quantity in micro-dollars, exact for a price on 0.0001 USD."""
    return round(price * FILL_TICKS) * (MICRO // FILL_TICKS) * quantity


def to_micro(usd: float) -> int:
    """Return the nearest whole number of micro-dollars."""
    return round(usd * MICRO)


def _whole(x: float, *, up: bool) -> int:
    nearest = round(x)
    if abs(x - nearest) < _NEAR:
        return nearest
    return math.ceil(x) if up else math.floor(x)
