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
from reference.sessions import (
    MINUTE_NS,
    SECOND_NS,
    TIMEFRAME_NS,
    Calendar,
    Slot,
    new_york,
)

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
        self.symbols = sorted(symbol for symbol, timeframe in self.series if timeframe == base)
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
        for (symbol, timeframe), by_ts in found.items():
            if timeframe == self.base:
                self._drop_old_shares(symbol, by_ts)
        for key, by_ts in found.items():
            starts = sorted(by_ts)
            places = [[by_ts[ts][known] for known in sorted(by_ts[ts])] for ts in starts]
            sessions: dict[int, tuple[int, int]] = {}
            for place, ts in enumerate(starts):
                index = self.calendar.latest(ts)
                first = sessions.get(index, (place, place))[0]
                sessions[index] = (first, place + 1)
            late = sorted(bar.known for told in places for bar in told if bar.known != bar.end)
            self.series[key] = Series(starts, places, sessions, late)

    def _drop_old_shares(self, symbol: str, by_ts: dict[int, dict[int, Bar]]) -> None:
        # On its ex-date a split may be followed by prints that still show a price of old shares.
        for split in self._splits.get(symbol, []):
            if 0.5 < split.value < 2.0:
                continue
            traded = [
                told[min(told)]
                for ts, told in sorted(by_ts.items())
                if ts < split.ex_ns and told[min(told)].known == told[min(told)].end
            ]
            if not traded:
                continue
            border = traded[-1].close / math.sqrt(split.value)
            day = self.calendar.sessions[self.calendar.latest(split.ex_ns)]
            for ts in [one for one in by_ts if day.pre <= one < day.post]:
                for known, bar in list(by_ts[ts].items()):
                    prices = (bar.open, bar.high, bar.low, bar.close)
                    old = max(prices) > border if split.value > 1.0 else min(prices) < border
                    if bar.adjustment == "raw" and old:
                        del by_ts[ts][known]
                if not by_ts[ts]:
                    del by_ts[ts]

    def split_factor(self, symbol: str, ts: int, asof: int) -> float:
        """Return new shares per share of `ts`, by the splits in effect at `asof`."""
        factor = 1.0
        for split in self._splits.get(symbol, []):
            if split.effective <= asof and ts < split.ex_ns:
                factor *= split.value
        return factor

    def _phase(self, symbol: str, asof: int) -> tuple[int, ...]:
        # What is known of ended bars changes by splits and late arrivals only: with these the
        # same, what was worked out once may be remembered.
        splits = sum(1 for split in self._splits.get(symbol, []) if split.effective <= asof)
        series = [self.series[symbol, timeframe] for timeframe in self._timeframes(symbol)]
        return (splits, *(one.arrivals(asof) for one in series))

    def seen(self, symbol: str, bar: Bar, asof: int) -> Bar:
        """Return a bar in shares of `asof`: prices divided, volume multiplied by the splits."""
        if bar.adjustment != "raw" or symbol not in self._splits:
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
        """Return the base bars that closed in (after, until] as traded: first versions, in time.

        A bar that was told late is no bar to the exchange: it halts where the feed does.
        """
        series = self.series.get((symbol, self.base))
        if series is None:
            return []
        reach = self.base_ns or 24 * 60 * MINUTE_NS
        first = bisect.bisect_left(series.starts, after - reach)
        last = bisect.bisect_left(series.starts, until)
        bars = [series.places[place][0] for place in range(first, last)]
        return [bar for bar in bars if after < bar.end <= until and bar.known == bar.end]

    def arrived(self, symbol: str, after: int, until: int) -> bool:
        """Say whether a bar became known in (after, until] that is newer than all before."""
        return self._newest(symbol, until) > self._newest(symbol, after)

    def _newest(self, symbol: str, asof: int) -> int:
        bars = self.last_bars(symbol, asof, 1)
        return bars[-1].ts if bars else -1

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
            # A later row with the same `from` corrects the earlier one, as an end that is told; of
            # two told at once the end is the later word.
            until = {
                row["from"]: row["to"] or date.max
                for row in sorted(
                    self.universe,
                    key=lambda row: (row["known_at"], -(row["to"] or date.max).toordinal()),
                )
                if row["symbol"] == symbol and row["known_at"] <= asof and row["from"] <= day
            }
            return any(day <= to for to in until.values())
        return True

    def days_before(self, symbol: str, asof: int) -> list[Day]:
        """Return the symbol's last sessions (`mean_sessions`) before today's, oldest first.

        A session counts if it has a bar; its bars are those of the base timeframe, else those of
        the finest coarser timeframe that has any.
        """
        today = self.calendar.latest(asof)
        series = [self.series[symbol, timeframe] for timeframe in self._timeframes(symbol)]
        key = ("days", symbol, today, *self._phase(symbol, asof))
        if key in self._memory:
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
        self._memory[key] = days
        return days

    def _session_bars(self, symbol: str, series: Series, index: int, asof: int) -> list[Bar]:
        first, last = series.sessions.get(index, (0, 0))
        key = ("session", symbol, id(series), index, *self._phase(symbol, asof))
        if key in self._memory:
            remembered: list[Bar] = self._memory[key]
            return remembered
        told = [series.at(place, asof) for place in range(first, last)]
        bars = [self.seen(symbol, bar, asof) for bar in told if bar is not None]
        # What a session comes to is remembered once it is over: before, it may have no bar yet.
        if self.calendar.sessions[index].post < asof:
            self._memory[key] = bars
        return bars

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
        key = ("until", symbol, index, elapsed, *self._phase(symbol, asof))
        over = self.calendar.sessions[index].post < asof
        if over and key in self._memory:
            known: float | None = self._memory[key]
            return known
        bars = self._session_bars(symbol, series, index, asof)
        pre = self.calendar.sessions[index].pre
        volume = (
            sum(bar.volume for bar in bars if self.daily or bar.end - pre <= elapsed)
            if bars
            else None
        )
        if over:
            self._memory[key] = volume
        return volume

    def larger_bars(self, symbol: str, minutes: int | None, asof: int, count: int) -> list[Bar]:
        """Return the last `count` complete bars of a larger timeframe, if the last slot has one.

        Parameters
        ----------
        symbol : str
            The symbol.
        minutes : int or None
            Length of the timeframe; None for the day, with daily bars.
        asof : int
            Instant of the question, ns UTC.
        count : int
            How many bars at most.

        Returns
        -------
        list of Bar
            Oldest first; empty if the last complete slot has no bar of this symbol.
        """
        if minutes is None:
            bars = self.last_bars(symbol, asof, count)
            last = self.calendar.sessions[self.calendar.last_closed(asof)]
            return bars if bars and bars[-1].end == last.close else []
        length = minutes * MINUTE_NS
        if length == self.base_ns:
            slot = self.calendar.last_complete_slot(asof, self.base_ns, cut=False)
            bars = self.last_bars(symbol, asof, count)
            fills = slot is not None and bars and slot.start < bars[-1].end <= slot.end
            return bars if fills else []
        series = self.series.get((symbol, self.base))
        if series is None:
            return []
        complete = self.calendar.last_complete_slot(asof, length, cut=True)
        last_end = complete.end if complete is not None else 0
        key = ("larger", symbol, minutes, last_end, *self._phase(symbol, asof))
        if key in self._memory:
            remembered: list[Bar] = self._memory[key]
            return remembered
        built = self._build(symbol, length, asof, last_end, count)
        self._memory[key] = built
        return built

    def _build(self, symbol: str, length: int, asof: int, last_end: int, count: int) -> list[Bar]:
        groups: list[tuple[Slot, list[Bar]]] = []
        series = self.series[symbol, self.base]
        for place in range(bisect.bisect_left(series.starts, asof) - 1, -1, -1):
            bar = series.at(place, asof)
            if bar is None:
                continue
            slot = self.calendar.slot(bar.ts, length, cut=True)
            if slot.end > asof:
                continue
            if not groups or groups[-1][0] != slot:
                if len(groups) == count:
                    break
                groups.append((slot, []))
            groups[-1][1].append(self.seen(symbol, bar, asof))
        if not groups or groups[0][0].end != last_end:
            return []
        return [
            Bar(
                slot.start,
                slot.end,
                bars[-1].open,
                max(bar.high for bar in bars),
                min(bar.low for bar in bars),
                bars[0].close,
                sum(bar.volume for bar in reversed(bars)),
                slot.end,
                bars[0].adjustment,
            )
            for slot, bars in reversed(groups)
        ]
