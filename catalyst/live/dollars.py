"""Money and prices as decimals for the database: exact, never by way of a float's digits."""

from __future__ import annotations

from decimal import Decimal

from catalyst.strategy.money import FILL_TICKS, MICRO


def dollars(micro: int) -> Decimal:
    """Return micro-dollars as dollars."""
    return Decimal(micro) / MICRO


def fill_dollars(price: float) -> Decimal:
    """Return a price on 0.0001 USD as the decimal that it stands for."""
    return Decimal(round(price * FILL_TICKS)) / FILL_TICKS


def shortest(value: float) -> Decimal:
    """Return the shortest decimal that a float is printed as."""
    return Decimal(repr(value))
