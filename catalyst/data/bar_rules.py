"""What a bar must be to enter the lake; a row that is not goes to quarantine, under its rule."""

from __future__ import annotations

from enum import IntEnum


class BarRule(IntEnum):
    """Name the rules in the order in which they are asked; the first one broken is recorded."""

    KEPT = 0
    COLUMNS = 1
    """The row has more or fewer columns than the header."""
    TIMEFRAME = 2
    """The row's timeframe is none of 1m, 5m, 15m, 1h, 1d."""
    SYMBOL = 3
    """The symbol is empty or no ticker."""
    STAMP = 4
    """The time is missing, unreadable, or a local time that does not exist or exists twice."""
    CALENDAR = 5
    """The date lies outside the exchange calendar (1990 to 2049)."""
    SESSION = 6
    """The day is no session, or the bar does not start in 04:00 to 20:00 New York time."""
    GRID = 7
    """The start is no multiple of the timeframe, on the clock or from the session's open."""
    MISSING = 8
    """A price or the volume is empty, ``null`` or NaN."""
    NUMBER = 9
    """A price or the volume is no finite number."""
    PRICE = 10
    """A price is not above 0 (or above 1e12)."""
    RANGE = 11
    """The high is below, or the low above, another price of the bar."""
    VOLUME = 12
    """The volume is negative (or above 1e15)."""
    ADJUSTMENT = 13
    """The adjustment is none of raw, split, all."""
    KNOWN_AT = 14
    """`known_at` is unreadable, or earlier than the end of the bar: it would be known too early."""
    CONFLICT = 15
    """Another row has the same key and other values; the one that came first stays."""

    @property
    def label(self) -> str:
        """Give the name used in quarantine and reports."""
        return self.name.lower()


ADJUSTMENTS = ("raw", "split", "all")
MAX_PRICE_USD = 1e12
# A hundred thousand times what all exchanges trade in a day; times a price it stays finite.
MAX_VOLUME_SHARES = 1e15
MISSING_WORDS = ("", "null", "nan", "na", "n/a", "none", "nil", "-")
