"""Bars as they could be known: versions, sessions, splits, larger bars, volumes (sections 1, 4)."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from reference.bars import Action, Bar, Day, Series
from reference.presets import Numbers
from reference.sessions import MINUTE_NS, SECOND_NS, TIMEFRAME_NS, Calendar, new_york

DAY = "1d"


class Market:
    """All bars, actions and memberships; every question carries the instant it is asked at."""

    def __init__(
        self,
        bars: Iterable[dict[str, Any]],
        actions: Iterable[dict[str, Any]],
        universe: Iterable[dict[str, Any]],
        *,
        calendar: Calendar,
        base: str,
        numbers: Numbers,
    ) -> None:
        self.calendar = calendar
        self.base = base
        self.daily = base == DAY
        self.base_ns = 0 if self.daily else TIMEFRAME_NS[base]
        self.numbers = numbers
        self.universe = list(universe)
        self.actions = sorted(
            (
                Action(
                    row["symbol"],
                    row["kind"],
                    float(row["value"]),
                    new_york(row["ex_date"], 4),
                    int(row["known_at"]),
                )
                for row in actions
                if row["kind"] in {"split", "dividend"}
            ),
            key=lambda action: (action.ex_ns, action.kind != "split", action.symbol),
        )
        self._splits: dict[str, list[Action]] = {}
        for action in self.actions:
            if action.kind == "split":
                self._splits.setdefault(action.symbol, []).append(action)
        self.series: dict[tuple[str, str], Series] = {}
        self._read(bars)
        self.symbols = sorted({symbol for symbol, _ in self.series})
        self._memory: dict[tuple[Any, ...], Any] = {}

    def _read(self, rows: Iterable[dict[str, Any]]) -> None:
        grace = int(self.numbers["known"]["bar_grace_s"] * SECOND_NS)
        found: dict[tuple[str, str], dict[int, dict[int, Bar]]] = {}
        for row in rows:
            ts, timeframe = int(row["ts"]), row["timeframe"]
            index = self.calendar.index_at(ts)
            close = row["close"]
            if index is None or close is None or math.isnan(close):
                continue
            if timeframe == DAY:
                end = self.calendar.sessions[index].close
            else:
                end = ts + TIMEFRAME_NS[timeframe]
            arrived = int(row["known_at"])
            bar = Bar(
                ts,
                end,
                row["open"],
                row["high"],
                row["low"],
                close,
                row["volume"],
                end if arrived <= end + grace else arrived,
                row["adjustment"],
            )
            versions = found.setdefault((row["symbol"], timeframe), {}).setdefault(ts, {})
            versions.setdefault(bar.known, bar)
        for key, by_ts in found.items():
            starts = sorted(by_ts)
            places = [[by_ts[ts][known] for known in sorted(by_ts[ts])] for ts in starts]
            sessions: dict[int, tuple[int, int]] = {}
            for place, ts in enumerate(starts):
                index = self.calendar.latest(ts)
                first = sessions.get(index, (place, place))[0]
                sessions[index] = (first, place + 1)
            prompt = all(len(told) == 1 and told[0].known == told[0].end for told in places)
            self.series[key] = Series(starts, places, sessions, prompt)

    def split_factor(self, symbol: str, ts: int, asof: int) -> float:
        """Return new shares per share of `ts`, by the splits in effect at `asof`."""
        factor = 1.0
        for split in self._splits.get(symbol, []):
            if split.effective <= asof and ts < split.ex_ns:
                factor *= split.value
        return factor

    def seen(self, symbol: str, bar: Bar, asof: int) -> Bar:
        """Return a bar in shares of `asof`: prices divided, volume multiplied by the splits."""
        if bar.adjustment != "raw":
            return bar
        factor = self.split_factor(symbol, bar.ts, asof)
        if factor == 1.0:
            return bar
        return replace(
            bar,
            open=bar.open / factor,
            high=bar.high / factor,
            low=bar.low / factor,
            close=bar.close / factor,
            volume=bar.volume * factor,
        )

    def last_bars(self, symbol: str, asof: int, count: int | None = None) -> list[Bar]:
        """Return the last `count` base bars known at `asof` (None: all), oldest first."""
        series = self.series.get((symbol, self.base))
        if series is None:
            return []
        chosen: list[Bar] = []
        for place in range(bisect.bisect_left(series.starts, asof) - 1, -1, -1):
            if count is not None and len(chosen) == count:
                break
            bar = series.at(place, asof)
            if bar is not None:
                chosen.append(self.seen(symbol, bar, asof))
        return chosen[::-1]

    def bars_since(self, symbol: str, ts: int, asof: int) -> list[Bar]:
        """Return the base bars that opened at or after `ts` and are known at `asof`."""
        series = self.series[symbol, self.base]
        chosen = []
        for place in range(bisect.bisect_left(series.starts, ts), len(series.starts)):
            if series.starts[place] >= asof:
                break
            bar = series.at(place, asof)
            if bar is not None:
                chosen.append(self.seen(symbol, bar, asof))
        return chosen

    def ended(self, symbol: str, after: int, until: int) -> list[Bar]:
        """Return the first versions of the base bars that closed in (after, until], as traded."""
        series = self.series.get((symbol, self.base))
        if series is None:
            return []
        reach = self.base_ns or 24 * 60 * MINUTE_NS
        first = bisect.bisect_left(series.starts, after - reach)
        last = bisect.bisect_left(series.starts, until)
        bars = [series.places[place][0] for place in range(first, last)]
        return [bar for bar in bars if after < bar.end <= until]

    def last_close(self, symbol: str, asof: int) -> float:
        """Return the last known close at `asof`, NaN if there is none."""
        bars = self.last_bars(symbol, asof, 1)
        return bars[-1].close if bars else math.nan

    def _timeframes(self, symbol: str) -> list[str]:
        def length(timeframe: str) -> int:
            return TIMEFRAME_NS.get(timeframe, 24 * 60 * MINUTE_NS)

        own = [timeframe for name, timeframe in self.series if name == symbol]
        return sorted(
            (timeframe for timeframe in own if length(timeframe) >= length(self.base)), key=length
        )

    def is_member(self, symbol: str, asof: int, day: date) -> bool:
        """Say whether `symbol` is in the universe as known at `asof`."""
        if self.universe:
            return any(
                row["symbol"] == symbol
                and row["known_at"] <= asof
                and row["from"] <= day
                and (row["to"] is None or day <= row["to"])
                for row in self.universe
            )
        for timeframe in self._timeframes(symbol):
            series = self.series[symbol, timeframe]
            places = range(bisect.bisect_left(series.starts, asof))
            if any(series.at(place, asof) is not None for place in places):
                return True
        return False

    def days_before(self, symbol: str, asof: int) -> list[Day]:
        """Return the symbol's last sessions (`mean_sessions`) before today's, oldest first.

        A session counts if it has a bar; its bars are those of the base timeframe, else those of
        the finest coarser timeframe that has any.
        """
        today = self.calendar.latest(asof)
        series = [self.series[symbol, timeframe] for timeframe in self._timeframes(symbol)]
        prompt = all(one.prompt for one in series)
        key = ("days", symbol, today, self.split_factor(symbol, 0, asof))
        if prompt and key in self._memory:
            remembered: list[Day] = self._memory[key]
            return remembered
        days: list[Day] = []
        indices = sorted({index for one in series for index in one.sessions if index < today})
        for index in reversed(indices):
            if len(days) == self.numbers["screen"]["mean_sessions"]:
                break
            for one in series:
                bars = self._session_bars(symbol, one, index, asof)
                if bars:
                    days.append(self._day(index, bars))
                    break
        days.reverse()
        if prompt:
            self._memory[key] = days
        return days

    def _session_bars(self, symbol: str, series: Series, index: int, asof: int) -> list[Bar]:
        first, last = series.sessions.get(index, (0, 0))
        bars = [series.at(place, asof) for place in range(first, last)]
        return [self.seen(symbol, bar, asof) for bar in bars if bar is not None]

    def _day(self, index: int, bars: list[Bar]) -> Day:
        regular = [bar for bar in bars if self.calendar.is_regular_bar(bar.ts, bar.end)]
        return Day(
            index,
            sum(bar.volume for bar in bars),
            sum(bar.close * bar.volume for bar in bars),
            (regular or bars)[-1].close,
        )

    def relative_volume(self, symbol: str, asof: int) -> tuple[float, int]:
        """Return the relative volume at `asof` and how many sessions its mean is over.

        The ratio is NaN with fewer sessions than asked for, and 0 where the mean is 0.
        """
        screen = self.numbers["screen"]
        series = self.series.get((symbol, self.base))
        if series is None:
            return math.nan, 0
        today = self.calendar.latest(asof)
        elapsed = asof - self.calendar.sessions[today].pre
        past: list[float] = []
        for index in sorted((i for i in series.sessions if i < today), reverse=True):
            if len(past) == screen["rvol_sessions"]:
                break
            volume = self._volume_until(symbol, series, index, elapsed, asof)
            if volume is not None:
                past.append(volume)
        if len(past) < screen["rvol_sessions_min"]:
            return math.nan, len(past)
        mean = sum(reversed(past)) / len(past)
        now = self._volume_until(symbol, series, today, elapsed, asof) or 0.0
        return (now / mean if mean > 0.0 else 0.0), len(past)

    def _volume_until(
        self, symbol: str, series: Series, index: int, elapsed: int, asof: int
    ) -> float | None:
        key = ("until", symbol, index, elapsed, self.split_factor(symbol, 0, asof))
        if series.prompt and key in self._memory:
            known: float | None = self._memory[key]
            return known
        bars = self._session_bars(symbol, series, index, asof)
        pre = self.calendar.sessions[index].pre
        volume = (
            sum(bar.volume for bar in bars if self.daily or bar.end - pre <= elapsed)
            if bars
            else None
        )
        if series.prompt:
            self._memory[key] = volume
        return volume

    def larger_bars(self, symbol: str, minutes: int | None, asof: int, count: int) -> list[Bar]:
        """Return the last `count` complete bars of a larger timeframe, if the last slot has one.

        Parameters
        ----------
        symbol : str
            The symbol.
        minutes : int or None
            Length of the timeframe; None for the day (its regular hours).
        asof : int
            Instant of the question, ns UTC.
        count : int
            How many bars at most.

        Returns
        -------
        list of Bar
            Oldest first; empty if the last complete slot has no bar of this symbol.
        """
        length = None if minutes is None else minutes * MINUTE_NS
        if minutes is None:
            if self.daily:
                bars = self.last_bars(symbol, asof, count)
                last = self.calendar.sessions[self.calendar.last_closed(asof)]
                return bars if bars and bars[-1].end == last.close else []
        elif length == self.base_ns:
            slot = self.calendar.last_complete_slot(asof, self.base_ns, cut=False)
            bars = self.last_bars(symbol, asof, count)
            fills = slot is not None and bars and slot.start < bars[-1].end <= slot.end
            return bars if fills else []
        series = self.series.get((symbol, self.base))
        if series is None:
            return []
        last_end = self._last_end(length, asof)
        key = ("larger", symbol, minutes, last_end, self.split_factor(symbol, 0, asof))
        if series.prompt and key in self._memory:
            remembered: list[Bar] = self._memory[key]
            return remembered
        built = self._build(symbol, length, asof, last_end, count)
        if series.prompt:
            self._memory[key] = built
        return built

    def _last_end(self, length: int | None, asof: int) -> int:
        if length is None:
            return self.calendar.sessions[self.calendar.last_closed(asof)].close
        slot = self.calendar.last_complete_slot(asof, length, cut=True)
        return slot.end if slot is not None else 0

    def _slot_of(self, bar: Bar, length: int | None) -> tuple[int, int] | None:
        if length is not None:
            slot = self.calendar.slot(bar.ts, length, cut=True)
            return slot.start, slot.end
        if not self.calendar.is_regular_bar(bar.ts, bar.end):
            return None
        session = self.calendar.sessions[self.calendar.latest(bar.ts)]
        return session.open, session.close

    def _build(
        self, symbol: str, length: int | None, asof: int, last_end: int, count: int
    ) -> list[Bar]:
        groups: list[tuple[tuple[int, int], list[Bar]]] = []
        series = self.series[symbol, self.base]
        for place in range(bisect.bisect_left(series.starts, asof) - 1, -1, -1):
            bar = series.at(place, asof)
            slot = self._slot_of(bar, length) if bar is not None else None
            if bar is None or slot is None or slot[1] > asof:
                continue
            if not groups or groups[-1][0] != slot:
                if len(groups) == count:
                    break
                groups.append((slot, []))
            groups[-1][1].append(self.seen(symbol, bar, asof))
        if not groups or groups[0][0][1] != last_end:
            return []
        return [
            Bar(
                slot[0],
                slot[1],
                bars[-1].open,
                max(bar.high for bar in bars),
                min(bar.low for bar in bars),
                bars[0].close,
                sum(bar.volume for bar in reversed(bars)),
                slot[1],
                bars[0].adjustment,
            )
            for slot, bars in reversed(groups)
        ]
