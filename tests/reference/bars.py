"""Bars, corporate actions and sessions of one symbol, as values."""

from __future__ import annotations

import bisect
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """One version of a bar. `known` is when it counts as known, `end` when it closed."""

    ts: int
    end: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    known: int
    adjustment: str


@dataclass(frozen=True, slots=True)
class Action:
    """A split or a dividend that takes effect at `ex_ns`, 04:00 of its ex-date."""

    symbol: str
    kind: str
    value: float
    ex_ns: int
    known_at: int

    @property
    def effective(self) -> int:
        """Return the instant from which it is applied: its time, or later when told later."""
        return max(self.ex_ns, self.known_at)


@dataclass(frozen=True, slots=True)
class Day:
    """What a past session of a symbol adds up to."""

    index: int
    volume: float
    dollars: float
    close: float


@dataclass
class Series:
    """The bars of one symbol and timeframe by `ts`, each place with its versions by `known`."""

    starts: list[int]
    places: list[list[Bar]]
    sessions: dict[int, tuple[int, int]]
    late: list[int]  # when versions became known that were not known at their bar's end, ascending

    def arrivals(self, asof: int) -> int:
        """Count the late arrivals until `asof`; while it stays, what has ended stays what it is."""
        return bisect.bisect_right(self.late, asof)

    def at(self, place: int, asof: int) -> Bar | None:
        """Return the newest version of a place known at `asof`, or None."""
        known = [bar for bar in self.places[place] if bar.known <= asof]
        return known[-1] if known else None
