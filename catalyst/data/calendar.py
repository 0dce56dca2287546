"""The exchange's sessions: holidays, half days and the four states of the day, New York time.

The exceptions (weekdays without a session, early closes) stand in ``xnys.csv`` beside this module,
recorded from exchange_calendars' XNYS; a test compares every session of the table with that
package. Importing the package itself takes 1.2 s (it loads pandas and sixty other exchanges), the
table 20 ms, and a table in the repository gives every machine and every day the same sessions.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from catalyst.errors import InputError
from catalyst.strategy.values import MarketState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FIRST = dt.date(1990, 1, 1)
LAST = dt.date(2049, 12, 31)
NEW_YORK = ZoneInfo("America/New_York")

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 24 * 60 * MINUTE_NS

_EPOCH = dt.date(1970, 1, 1)
_PRE_MARKET_HOUR, _POST_MARKET_HOUR = 4, 20
_SATURDAY = 5
_OPEN_MINUTE, _CLOSE_MINUTE = 9 * 60 + 30, 16 * 60


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Hold consecutive sessions of the exchange as arrays, ascending.

    Attributes
    ----------
    day : int32[n]
        Session dates in New York, days since 1970-01-01.
    pre_ns, open_ns, close_ns, post_ns : int64[n]
        Instants, ns UTC: 04:00, the open, the close (13:00 on most half days) and 20:00 New York
        time.
    """

    day: NDArray[np.int32]
    pre_ns: NDArray[np.int64]
    open_ns: NDArray[np.int64]
    close_ns: NDArray[np.int64]
    post_ns: NDArray[np.int64]

    def __len__(self) -> int:
        """Give the number of sessions."""
        return len(self.day)

    def __iter__(self) -> Iterator[dt.date]:
        """Iterate over the session dates, ascending."""
        return (day_to_date(int(day)) for day in self.day)

    def between(self, first: dt.date, last: dt.date) -> Sessions:
        """Select the sessions from `first` to `last`, both included; either may be no session."""
        start, stop = np.searchsorted(self.day, [date_to_day(first), date_to_day(last) + 1])
        return self[int(start) : int(stop)]

    def __getitem__(self, rows: slice) -> Sessions:
        """Select sessions by position; the arrays are views."""
        return Sessions(
            self.day[rows],
            self.pre_ns[rows],
            self.open_ns[rows],
            self.close_ns[rows],
            self.post_ns[rows],
        )

    def index_of(self, day: int | dt.date) -> int:
        """Find the position of a session.

        Parameters
        ----------
        day : int or date
            The session's New York date, or its days since 1970-01-01.

        Raises
        ------
        InputError
            If there is no session on that day, or it lies outside these sessions.
        """
        number = date_to_day(day) if isinstance(day, dt.date) else int(day)
        index = int(np.searchsorted(self.day, number))
        if index < len(self.day) and int(self.day[index]) == number:
            return index
        span = "none"
        if len(self):
            span = f"{day_to_date(int(self.day[0]))} to {day_to_date(int(self.day[-1]))}"
        message = (
            f"{day_to_date(number)} is not an exchange session; "
            f"expected one of the {len(self)} sessions of {span}"
        )
        raise InputError(message)

    def containing(self, ts_ns: NDArray[np.int64]) -> NDArray[np.int32]:
        """Find the session whose extended hours contain each instant.

        Parameters
        ----------
        ts_ns : int64[m]
            Instants, ns UTC.

        Returns
        -------
        int32[m]
            Position of the session with ``pre_ns <= ts < post_ns``, -1 if there is none.
        """
        index = np.searchsorted(self.pre_ns, ts_ns, side="right") - 1
        if not len(self):
            return index.astype(np.int32)
        inside = (index >= 0) & (ts_ns < self.post_ns[np.maximum(index, 0)])
        return np.where(inside, index, -1).astype(np.int32)


def sessions(first: dt.date = FIRST, last: dt.date = LAST) -> Sessions:
    """Give the exchange's sessions from `first` to `last`, both included.

    Raises
    ------
    InputError
        If a date lies outside 1990-01-01 to 2049-12-31, or `last` is before `first`.
    """
    for date in (first, last):
        if not FIRST <= date <= LAST:
            message = (
                f"{date} is outside the exchange calendar; expected a date from {FIRST} to {LAST}"
            )
            raise InputError(message)
    if last < first:
        message = f"the last day {last} is before the first day {first}; expected first <= last"
        raise InputError(message)
    return _every_session().between(first, last)


def market_state(ts_ns: NDArray[np.int64]) -> NDArray[np.int8]:
    """Say in which part of the exchange's day each instant falls.

    Parameters
    ----------
    ts_ns : int64[m]
        Instants, ns UTC; one outside the calendar is ``CLOSED``.

    Returns
    -------
    int8[m]
        Codes of `catalyst.strategy.values.MarketState`; a boundary belongs to the later state.
    """
    known = _every_session()
    index = known.containing(ts_ns)
    state = np.full(len(ts_ns), MarketState.CLOSED, dtype=np.int8)
    inside = index >= 0
    at, ts = index[inside], ts_ns[inside]
    state[inside] = np.where(
        ts < known.open_ns[at],
        MarketState.PRE_MARKET,
        np.where(ts < known.close_ns[at], MarketState.REGULAR, MarketState.AFTER_HOURS),
    ).astype(np.int8)
    return state


def date_to_day(date: dt.date) -> int:
    """Count the days from 1970-01-01 to a date."""
    return (date - _EPOCH).days


def day_to_date(day: int) -> dt.date:
    """Give the date that lies `day` days after 1970-01-01."""
    return _EPOCH + dt.timedelta(days=day)


@cache
def _every_session() -> Sessions:
    day, close_minute = _session_days()
    utc_offset_ns = _utc_offsets(day)
    midnight_ns = day.astype(np.int64) * DAY_NS - utc_offset_ns
    every = Sessions(
        day.astype(np.int32),
        midnight_ns + _PRE_MARKET_HOUR * 60 * MINUTE_NS,
        midnight_ns + _OPEN_MINUTE * MINUTE_NS,
        midnight_ns + close_minute * MINUTE_NS,
        midnight_ns + _POST_MARKET_HOUR * 60 * MINUTE_NS,
    )
    for array in (every.day, every.pre_ns, every.open_ns, every.close_ns, every.post_ns):
        # One table serves the whole process, so nobody may write to it.
        array.setflags(write=False)
    return every


def _session_days() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    every = np.arange(date_to_day(FIRST), date_to_day(LAST) + 1, dtype=np.int64)
    # 1970-01-01 was a Thursday, so day 0 has weekday 3.
    weekdays = every[(every + 3) % 7 < _SATURDAY]
    holidays: set[int] = set()
    early: dict[int, int] = {}
    text = resources.files("catalyst.data").joinpath("xnys.csv").read_text(encoding="ascii")
    for line in text.splitlines()[1:]:
        date, _, close = line.partition(",")
        day = date_to_day(dt.date.fromisoformat(date))
        if close:
            early[day] = int(close[:2]) * 60 + int(close[3:])
        else:
            holidays.add(day)
    days = weekdays[~np.isin(weekdays, sorted(holidays))]
    close_minute = np.full(len(days), _CLOSE_MINUTE, dtype=np.int64)
    for day, minute in early.items():
        close_minute[np.searchsorted(days, day)] = minute
    return days, close_minute


def _utc_offsets(days: NDArray[np.int64]) -> NDArray[np.int64]:
    # New York changes its clocks at 02:00 on Sundays, which are no sessions: the offset at noon
    # holds for the whole session. One look a month would do, but 15,000 looks take 15 ms.
    offsets = np.empty(len(days), dtype=np.int64)
    for row, day in enumerate(days.tolist()):
        date = _EPOCH + dt.timedelta(days=day)
        offset = dt.datetime(date.year, date.month, date.day, 12, tzinfo=NEW_YORK).utcoffset()
        offsets[row] = int((offset or dt.timedelta()).total_seconds()) * SECOND_NS
    return offsets
