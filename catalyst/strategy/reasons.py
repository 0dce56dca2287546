"""Why something did not happen, and what an order is for, with text for people."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Name the rule that dropped, held or refused; ``PASSED`` when none did.

    The label (lower case name) is what files carry in their ``reason`` and ``rule`` columns.
    """

    PASSED = 0
    NOT_IN_UNIVERSE = 1
    NO_HISTORY = 2
    RANK = 3
    CATALYST_MIN = 10
    PRICE_MIN = 20
    PRICE_MAX = 21
    VOLUME_MIN = 22
    RVOL_HISTORY = 23
    RVOL_MIN = 24
    BARS_MIN = 25
    ENTRY_FILTER = 26
    NO_PATTERN = 40
    UNDIRECTED = 41
    CANCELLED_OUT = 42
    FIGHTS_CATALYST = 43
    CONFIDENCE_MIN = 44
    NEUTRAL_CATALYST = 45
    ALLOW_SHORT = 50
    POSITIONS_MAX = 51
    SYMBOL_BUSY = 52
    ENTRIES_A_DAY = 53
    DAILY_LOSS = 54
    PATTERN_USED = 55
    STOPPED_OUT = 56
    QUIET_TIME = 57
    SIZE_ZERO = 58
    CONTROL_PACE = 59

    @property
    def label(self) -> str:
        """Return the name used in files, such as ``price_max``."""
        return self.name.lower()

    @property
    def text(self) -> str:
        """Return the sentence a person reads."""
        return _TEXT[self]


_TEXT = {
    Reason.PASSED: "passed",
    Reason.NOT_IN_UNIVERSE: "was not a member of the universe",
    Reason.NO_HISTORY: "has fewer sessions of history than required",
    Reason.RANK: "was outranked",
    Reason.CATALYST_MIN: "has a catalyst score below the minimum",
    Reason.PRICE_MIN: "trades below the lowest price",
    Reason.PRICE_MAX: "trades above the highest price",
    Reason.VOLUME_MIN: "has too little mean daily volume",
    Reason.RVOL_HISTORY: "has too few sessions to know its usual volume",
    Reason.RVOL_MIN: "trades no more than usual",
    Reason.BARS_MIN: "has too few bars",
    Reason.ENTRY_FILTER: "was refused by an entry filter",
    Reason.NO_PATTERN: "shows no pattern",
    Reason.UNDIRECTED: "shows only patterns without a direction",
    Reason.CANCELLED_OUT: "shows equally strong bullish and bearish patterns",
    Reason.FIGHTS_CATALYST: "has a pattern that fights its news",
    Reason.NEUTRAL_CATALYST: "has news without a direction",
    Reason.CONFIDENCE_MIN: "has too little confidence",
    Reason.ALLOW_SHORT: "is bearish, and shorts are not allowed",
    Reason.POSITIONS_MAX: "comes when all position slots are taken",
    Reason.SYMBOL_BUSY: "has a position or a working entry already",
    Reason.ENTRIES_A_DAY: "comes after the day's last allowed entry",
    Reason.DAILY_LOSS: "comes on a day that has lost too much",
    Reason.PATTERN_USED: "rests on pattern bars that were entered on before",
    Reason.STOPPED_OUT: "was stopped out today",
    Reason.QUIET_TIME: "comes too close to the flatten, or after it",
    Reason.SIZE_ZERO: "would be an order of no shares",
    Reason.CONTROL_PACE: "comes before the run it controls had entered as often",
}


class Side(IntEnum):
    """Name the direction of an order: shares bought count +1, shares sold -1."""

    BUY = 1
    SELL = -1

    @property
    def label(self) -> str:
        """Return the name used in files: ``buy`` or ``sell``."""
        return self.name.lower()


class Role(IntEnum):
    """Name what an order is for; the exit reason of a trade is the role that filled."""

    ENTRY = 0
    STOP = 1
    TARGET_1 = 2
    TARGET_2 = 3
    TRAILING_STOP = 4
    NEWS_REVERSAL = 5
    TIME_STOP = 6
    FLATTEN = 7
    MANUAL = 8

    @property
    def label(self) -> str:
        """Return the name used in files, such as ``target_1``."""
        return self.name.lower()


class Kind(IntEnum):
    """Name the type of an order."""

    MARKET = 0
    LIMIT = 1
    STOP = 2

    @property
    def label(self) -> str:
        """Return the name used in files: ``market``, ``limit`` or ``stop``."""
        return self.name.lower()


class Outcome(IntEnum):
    """Name what became of a signal."""

    INTENT = 0
    HOLD = 1
    REFUSED = 2

    @property
    def label(self) -> str:
        """Return the name used in files: ``intent``, ``hold`` or ``refused``."""
        return self.name.lower()
