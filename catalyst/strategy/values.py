"""Values that travel between the drivers and the strategy: struct of arrays, immutable by convention.

Symbols are ascending and referred to by their int32 index in the run's symbol table; instants are int64
nanoseconds UTC; prices float64 US dollars; cash and fees int64 micro-dollars; NaN means "no bar".
"""

from __future__ import annotations

from enum import IntEnum


class MarketState(IntEnum):
    """Name the four states of the exchange's day, New York time.

    Source: pre_market 04:00-09:30, regular 09:30-close, after_hours close-20:00, closed otherwise.
    """

    PRE_MARKET = 0
    REGULAR = 1
    AFTER_HOURS = 2
    CLOSED = 3

    @property
    def label(self) -> str:
        """Give the name used in files: ``pre_market``, ``regular``, ``after_hours`` or ``closed``."""
        return self.name.lower()
