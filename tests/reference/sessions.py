"""Sessions, market states and slots of the New York exchange, as plain integers."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import exchange_calendars

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
NEW_YORK = ZoneInfo("America/New_York")
TIMEFRAME_NS = {
    "1m": MINUTE_NS,
    "5m": 5 * MINUTE_NS,
    "15m": 15 * MINUTE_NS,
    "30m": 30 * MINUTE_NS,
    "1h": HOUR_NS,
    "60m": HOUR_NS,
}


def nanoseconds(moment: datetime) -> int:
    """Return whole-second `moment` as nanoseconds since 1970 UTC."""
    return int(moment.timestamp()) * SECOND_NS


def new_york(day: date, hour: int, minute: int = 0) -> int:
    """Return the instant at which New York's clocks show `hour`:`minute` on `day`, in ns UTC."""
    return nanoseconds(datetime.combine(day, time(hour, minute), NEW_YORK))


@dataclass(frozen=True)
class Session:
    """One trading day: `pre` 04:00, `open`, `close`, `post` 20:00, all ns UTC."""

    day: date
    pre: int
    open: int
    close: int
    post: int


@dataclass(frozen=True)
class Slot:
    """A bar's place: [start, end), which the market state may have cut short."""

    start: int
    end: int


class Calendar:
    """The sessions from `first` to `last`, both included."""

    def __init__(self, first: date, last: date) -> None:
        xnys = exchange_calendars.get_calendar(
            "XNYS", start=first.isoformat(), end=last.isoformat()
        )
        self.sessions: list[Session] = []
        for label in xnys.sessions:
            day = label.date()
            self.sessions.append(
                Session(
                    day,
                    new_york(day, 4),
                    nanoseconds(xnys.session_open(label).to_pydatetime()),
                    nanoseconds(xnys.session_close(label).to_pydatetime()),
                    new_york(day, 20),
                )
            )
        self._starts = [session.pre for session in self.sessions]

    def latest(self, instant: int) -> int:
        """Return the index of the last session that began at or before `instant`, or -1."""
        return bisect.bisect_right(self._starts, instant) - 1

    def index_at(self, instant: int) -> int | None:
        """Return the index of the session whose 04:00 to 20:00 holds `instant`, or None."""
        index = self.latest(instant)
        if index >= 0 and instant < self.sessions[index].post:
            return index
        return None

    def state(self, instant: int) -> str:
        """Return the market state at `instant`: pre_market, regular, after_hours or closed."""
        index = self.index_at(instant)
        if index is None:
            return "closed"
        session = self.sessions[index]
        if instant < session.open:
            return "pre_market"
        return "regular" if instant < session.close else "after_hours"

    def is_regular_bar(self, ts: int, end: int) -> bool:
        """Say whether a bar over [ts, end) overlaps regular hours."""
        index = self.index_at(ts)
        if index is None:
            return False
        session = self.sessions[index]
        return ts < session.close and end > session.open

    def slot(self, ts: int, length: int, *, cut: bool) -> Slot:
        """Return the slot of `length` ns that holds `ts`, an instant inside a session.

        Larger bars (`cut`) run from the open in regular hours, on the clock outside, and end with
        their market state; base bars lie on the clock and are never cut.
        """
        clock = ts // length * length
        if not cut:
            return Slot(clock, clock + length)
        session = self.sessions[self.latest(ts)]
        if ts < session.open:
            return Slot(max(clock, session.pre), min(clock + length, session.open))
        if ts < session.close:
            start = session.open + (ts - session.open) // length * length
            return Slot(start, min(start + length, session.close))
        return Slot(max(clock, session.close), min(clock + length, session.post))

    def last_complete_slot(self, asof: int, length: int, *, cut: bool) -> Slot | None:
        """Return the last slot of `length` ns that has ended by `asof`, None before the first."""
        moment = asof - 1
        while True:
            index = self.latest(moment)
            if index < 0:
                return None
            moment = min(moment, self.sessions[index].post - 1)
            slot = self.slot(moment, length, cut=cut)
            if slot.end <= asof:
                return slot
            moment = slot.start - 1

    def last_closed(self, asof: int) -> int:
        """Return the index of the last session whose close is at or before `asof`, or -1."""
        index = self.latest(asof)
        while index >= 0 and self.sessions[index].close > asof:
            index -= 1
        return index


def spanning(first_ns: int, last_ns: int) -> Calendar:
    """Return the calendar over two instants with a week to spare on both sides."""
    first = datetime.fromtimestamp(first_ns // SECOND_NS, NEW_YORK).date() - timedelta(days=8)
    last = datetime.fromtimestamp(last_ns // SECOND_NS, NEW_YORK).date() + timedelta(days=8)
    return Calendar(first, last)
