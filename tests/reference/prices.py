"""The broker's tick, and money in whole micro-dollars (sections 7 to 9)."""

from __future__ import annotations

import math

MICRO = 1_000_000


def tick_of(price: float) -> int:
    """Return how many ticks make a dollar: 100 at or above $1, 10,000 below."""
    return 100 if price >= 1.0 else 10_000


def on_tick(price: float, *, up: bool) -> float:
    """Round a price to the broker's tick.

    A price within a millionth of a tick of one is that tick: 100 * 0.98 is 98.00, not the float
    beside it.
    """
    per_dollar = tick_of(price)
    ticks = round(price * per_dollar, 6)
    return (math.ceil(ticks) if up else math.floor(ticks)) / per_dollar


def fill_price(price: float, *, buying: bool) -> float:
    """Round a fill to 0.0001 against us: up when buying, down when selling."""
    ticks = round(price * 10_000, 6)
    return (math.ceil(ticks) if buying else math.floor(ticks)) / 10_000


def micro(price: float, quantity: int) -> int:
    """Return `quantity` shares at a price on the 0.0001 grid, in whole micro-dollars."""
    return round(price * 10_000) * 100 * quantity
