"""The timeframes in which bars are stored."""

from __future__ import annotations

from catalyst.data.calendar import MINUTE_NS
from catalyst.errors import InputError

DAILY = "1d"
#: Length in ns of each intraday timeframe; a daily bar lasts as long as its session.
LENGTH_NS = {
    "1m": MINUTE_NS,
    "5m": 5 * MINUTE_NS,
    "15m": 15 * MINUTE_NS,
    "1h": 60 * MINUTE_NS,
}
NAMES = (*LENGTH_NS, DAILY)
#: Other people's names for them, lower case.
ALIASES = {
    **{name: name for name in NAMES},
    **{f"{number}{unit}": f"{number}m" for number in (1, 5, 15) for unit in ("min", "minute", "t")},
    **dict.fromkeys(("60m", "60min", "60minute", "1hour", "hour", "hourly", "h"), "1h"),
    **dict.fromkeys(("1day", "day", "daily", "d", "24h"), DAILY),
    **dict.fromkeys(("minute", "m"), "1m"),
}


def timeframe_named(name: str) -> str:
    """Give the lake's name of a timeframe.

    Raises
    ------
    InputError
        If it is none of 1m, 5m, 15m, 1h, 1d or a common spelling of one (``60min``, ``daily``).
    """
    found = ALIASES.get(name.strip().lower())
    if found is None:
        raise InputError(f"'{name}' is no timeframe; expected one of {', '.join(NAMES)}")
    return found
