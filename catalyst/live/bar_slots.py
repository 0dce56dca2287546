"""Bars as a stream tells them, added up to base bars, each version with the time it was known."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from catalyst.data import calendar
from catalyst.data.bar_rules import MAX_PRICE_USD, MAX_VOLUME_SHARES
from catalyst.data.series import Series
from catalyst.strategy.values import Grid

Values = tuple[float, float, float, float, float]
"""open, high, low, close in USD, volume in shares"""


class BarArrival(NamedTuple):
    """Hold one version of a base bar as it reached us; fields in the order of the journal's rows.

    Attributes
    ----------
    symbol
        By name.
    ts_ns
        Start of the bar, ns UTC.
    open, high, low, close
        USD.
    volume
        Shares.
    adjusted
        0 raw, 1 split, 2 all, as in a lake.
    source
        As in a lake.
    known_ns
        When it arrived, ns UTC; never before its end.
    """

    symbol: str
    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    adjusted: int
    source: str
    known_ns: int


@dataclass
class BarSlots:
    """Take bars in, and give base bars out as they became known.

    Parameters
    ----------
    grid
        Of base bars; intraday.
    part_ns
        Length of the bars that come in; a base bar's, or a part of it.
    series
        Source and adjustment of each symbol's bars; bars of other symbols are left out.
    grace_ns
        A bar that arrived this soon after its end counts as known at its end.

    Attributes
    ----------
    refused
        How many bars broke a rule of the lake (`catalyst.data.bar_rules`) and were left out.
    latest_ns
        When the last bar came in, 0 for none.
    """

    grid: Grid
    part_ns: int
    series: Mapping[str, Series]
    grace_ns: int
    refused: int = field(init=False, default=0)
    latest_ns: int = field(init=False, default=0)
    _waiting: list[BarArrival] = field(init=False, default_factory=list)
    _versions: dict[tuple[str, int], tuple[Values, int, int]] = field(
        init=False, default_factory=dict
    )
    _parts: dict[tuple[str, int], dict[int, tuple[Values, int]]] = field(
        init=False, default_factory=dict
    )
    _open: set[tuple[str, int]] = field(init=False, default_factory=set)
    _day_begins_ns: int = field(init=False, default=0)
    _drained_ns: int = field(init=False, default=0)

    def remember(self, bar: BarArrival) -> None:
        """Take in a version that was given out before, by a process that ended."""
        key = (bar.symbol, bar.ts_ns)
        first = self._versions[key][2] if key in self._versions else bar.known_ns
        self._versions[key] = (bar[2:7], bar.known_ns, first)
        self.latest_ns = max(self.latest_ns, bar.known_ns)

    def take(self, symbol: str, ts_ns: int, values: Values, arrived_ns: int) -> None:
        """Take in a bar, or a correction of one; what is known already changes nothing."""
        if symbol not in self.series:
            return
        slot = self._slot(ts_ns)
        if slot is None or not _sound(values):
            self.refused += 1
            return
        # A bar is not known before its end: a clock that says so is slow. Nor is it known to a
        # decision that was made without it, though the grace may not be over by that clock.
        arrived_ns = max(arrived_ns, ts_ns + self.part_ns)
        if slot + self.grid.timeframe_ns <= self._drained_ns:
            arrived_ns = max(arrived_ns, self._drained_ns + self.grace_ns + 1)
        self.latest_ns = max(self.latest_ns, arrived_ns)
        key = (symbol, slot)
        if self.part_ns == self.grid.timeframe_ns:
            self._tell(key, values, arrived_ns)
            return
        parts = self._parts.setdefault(key, {})
        if ts_ns not in parts or parts[ts_ns][0] != values:
            parts[ts_ns] = (values, arrived_ns)
            self._open.add(key)

    def drain(self, asof_ns: int) -> tuple[BarArrival, ...]:
        """Give the versions that a decision at an instant may know, each once.

        A first version that arrived within the grace counts as known at its bar's end, any other
        at its arrival, as in `catalyst.data.feed`; what counts as known later stays for later. To
        be called when the grace is over.

        Returns
        -------
        tuple of BarArrival
            Ascending by (known_ns, symbol, ts_ns).
        """
        for key in sorted(self._open):
            self._add_up(key, asof_ns)
        self._drained_ns = max(self._drained_ns, asof_ns)
        now: list[BarArrival] = []
        later: list[BarArrival] = []
        for bar in self._waiting:
            end_ns = bar.ts_ns + self.grid.timeframe_ns
            is_first = self._versions[bar.symbol, bar.ts_ns][2] == bar.known_ns
            in_time = is_first and bar.known_ns <= end_ns + self.grace_ns
            known_ns = end_ns if in_time else bar.known_ns
            (now if known_ns <= asof_ns else later).append(bar)
        self._waiting = later
        self._forget(asof_ns)
        return tuple(sorted(now, key=lambda bar: (bar.known_ns, bar.symbol, bar.ts_ns)))

    def _add_up(self, key: tuple[str, int], asof_ns: int) -> None:
        end_ns = key[1] + self.grid.timeframe_ns
        if end_ns > asof_ns:
            return
        parts = self._parts[key]
        # What came within the grace makes one bar; what came later corrects it.
        borders = (end_ns + self.grace_ns, asof_ns)
        for until_ns in borders if borders[0] < borders[1] else borders[:1]:
            known = [parts[ts] for ts in sorted(parts) if parts[ts][1] <= until_ns]
            if known:
                arrived_ns = max(end_ns, *(arrived for _, arrived in known))
                self._tell(key, _sum([values for values, _ in known]), arrived_ns)
        if all(arrived <= max(borders) for _, arrived in parts.values()):
            self._open.discard(key)

    def _tell(self, key: tuple[str, int], values: Values, arrived_ns: int) -> None:
        before = self._versions.get(key)
        if before is not None:
            if before[0] == values:
                return
            arrived_ns = max(arrived_ns, before[1] + 1)
        first_ns = arrived_ns if before is None else before[2]
        self._versions[key] = (values, arrived_ns, first_ns)
        one = self.series[key[0]]
        self._waiting.append(
            BarArrival(key[0], key[1], *values, one.adjusted, one.source, arrived_ns)
        )

    def _slot(self, ts_ns: int) -> int | None:
        """Find the start of the base bar that a bar belongs to; None if it is no bar of a day."""
        place = session_place(ts_ns)
        if place < 0 or ts_ns % self.part_ns:
            return None
        length = self.grid.timeframe_ns
        anchor = int(calendar.sessions().open_ns[place]) if self.grid.from_open else 0
        return ts_ns - (ts_ns - anchor) % length

    def _forget(self, asof_ns: int) -> None:
        # Corrections of an earlier day's bars are the next import's.
        place = session_place(asof_ns)
        begins_ns = int(calendar.sessions().pre_ns[place]) if place >= 0 else 0
        if begins_ns <= self._day_begins_ns:
            return
        self._day_begins_ns = begins_ns
        waiting = {(bar.symbol, bar.ts_ns) for bar in self._waiting}
        old = [key for key in self._versions if key[1] < begins_ns and key not in waiting]
        for key in old:
            del self._versions[key]
        for key in [key for key in self._parts if key[1] < begins_ns]:
            del self._parts[key]
            self._open.discard(key)


def session_place(ns: int) -> int:
    """Find the session whose extended hours contain an instant: its position, -1 for none."""
    begins, ends = _hours()
    place = bisect_right(begins, ns) - 1
    return place if place >= 0 and ns < ends[place] else -1


@cache
def _hours() -> tuple[list[int], list[int]]:
    every = calendar.sessions()
    return every.pre_ns.tolist(), every.post_ns.tolist()


def _sum(parts: list[Values]) -> Values:
    opens, highs, lows, closes, volumes = zip(*parts, strict=True)
    return opens[0], max(highs), min(lows), closes[-1], sum(volumes)


def _sound(values: Values) -> bool:
    open_, high, low, close, volume = values
    return (
        all(map(math.isfinite, values))
        and 0 < low <= min(open_, close)
        and max(open_, close) <= high <= MAX_PRICE_USD
        and 0 <= volume <= MAX_VOLUME_SHARES
    )
