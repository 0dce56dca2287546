"""The lake under audit, read once, partition by partition, as its remade copies need it."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from catalyst.data.bar_rows import BarRows
from catalyst.data.calendar import DAY_NS, day_to_date, sessions
from catalyst.data.lake import Lake
from catalyst.data.lake_files import dated_folders, parts
from catalyst.data.series import series_of
from catalyst.data.timeframes import LENGTH_NS, timeframe_named
from catalyst.research.audit.later_bars import SessionRows, frame_of, no_rows, session_rows
from catalyst.research.audit.later_facts import NewsDay, known_ns, news_day

_SESSIONS_KEPT = 12
_FRAME_ROWS_KEPT = 6_000_000
_BREAK = dt.timedelta(days=15)


class Original:
    """Keep what has been read of a lake, and what could stand in its place.

    Parameters
    ----------
    lake
        The lake.
    grace_ns
        A bar that arrives this soon after its end counts as known at its end.
    seed
        Of all random values.
    scratch
        A folder for files of remade lakes, there as long as this.
    """

    def __init__(self, lake: Lake, *, grace_ns: int, seed: int, scratch: Path) -> None:
        self.lake = lake
        self.grace_ns = grace_ns
        self.seed = seed
        self.scratch = scratch
        self._bars: dict[tuple[str, dt.date], SessionRows] = {}
        self._frames: dict[tuple[str, dt.date, bool], pl.DataFrame] = {}
        self._frame_rows = 0
        self._last: dict[tuple[str, dt.date], int] = {}
        self._news: dict[dt.date, NewsDay] = {}
        self._days: dict[str, list[dt.date]] = {}
        self._series: dict[str, pl.DataFrame] = {}
        table = sessions()
        self._pre_ns = table.pre_ns.tolist()
        self._session_days = table.day.tolist()

    @cached_property
    def timeframes(self) -> list[str]:
        """Return the timeframes of its bars."""
        return self.lake.timeframes()

    @cached_property
    def actions(self) -> pl.DataFrame:
        """Return its splits and dividends."""
        return self.lake.actions()

    @cached_property
    def universe(self) -> pl.DataFrame:
        """Return its memberships."""
        return self.lake.universe()

    @cached_property
    def symbols(self) -> list[str]:
        """Return the symbols of its bars, ascending."""
        return sorted({name for frame in self.timeframes for name in self.lake.symbols(frame)})

    @cached_property
    def news_days(self) -> list[dt.date]:
        """Return the UTC dates on which news became known, ascending."""
        return [day for day, _ in dated_folders(self.lake.root / "news")]

    @cached_property
    def news_symbols(self) -> list[tuple[str, int]]:
        """Return the symbols with news, and when the first article of each was known, ns UTC."""
        first = (
            self.lake.news()
            .filter(pl.col("symbol") != "")
            .group_by("symbol")
            .agg(pl.col("known_at").min())
            .sort("symbol")
        )
        return list(zip(first["symbol"].to_list(), known_ns(first).tolist(), strict=True))

    @cached_property
    def has_late_bars(self) -> bool:
        """Tell whether any bar arrived late, or was corrected."""
        for name in self.timeframes:
            length = LENGTH_NS.get(name, DAY_NS) + self.grace_ns
            folders = dated_folders(self.lake.root / "bars" / f"timeframe={name}")
            paths = [path for _, folder in folders for path in parts(folder)]
            wait = (pl.col("known_at") - pl.col("ts")).dt.total_nanoseconds()
            rows = pl.scan_parquet(paths, hive_partitioning=False, glob=False)
            if rows.select((wait > length).any()).collect().item():
                return True
        return False

    @cached_property
    def digest(self) -> str:
        """Return the lake's digest."""
        return self.lake.digest()

    def days(self, timeframe: str) -> list[dt.date]:
        """Return the sessions with bars of a timeframe, ascending."""
        name = timeframe_named(timeframe)
        if name not in self._days:
            self._days[name] = self.lake.days(name)
        return self._days[name]

    def series(self, timeframe: str) -> pl.DataFrame:
        """Return the series of a timeframe; see `catalyst.data.series.series_of`."""
        if timeframe not in self._series:
            self._series[timeframe] = series_of(self.lake.root, timeframe)
        return self._series[timeframe]

    def session(self, timeframe: str, day: dt.date) -> SessionRows:
        """Return one session's bars with their other values."""
        key = (timeframe, day)
        if key not in self._bars:
            while len(self._bars) >= _SESSIONS_KEPT:
                del self._bars[next(iter(self._bars))]
            there = day in set(self.days(timeframe))
            rows = self.lake.read_session(timeframe, day) if there else no_rows()
            self._bars[key] = session_rows(
                rows, timeframe, day, grace_ns=self.grace_ns, seed=self.seed
            )
        return self._bars[key]

    def last_known_ns(self, timeframe: str, day: dt.date) -> int:
        """Return when the last of a session's bars is known, ns UTC; 0 without bars."""
        key = (timeframe, day)
        if key not in self._last:
            self._last[key] = int(self.session(timeframe, day).known_ns.max(initial=0))
        return self._last[key]

    def frame(
        self, timeframe: str, day: dt.date, *, other: bool, make: Callable[[], BarRows]
    ) -> pl.DataFrame:
        """Return a whole session's bars as a frame, as they are or all changed; remembered."""
        key = (timeframe, day, other)
        if key in self._frames:
            return self._frames[key]
        frame = frame_of(make(), timeframe)
        if self._frame_rows < _FRAME_ROWS_KEPT:
            self._frames[key] = frame
            self._frame_rows += frame.height
        return frame

    def news(self, day: dt.date) -> NewsDay:
        """Return one UTC day's news with its other values."""
        if day not in self._news:
            rows = self.lake.read_news(day)
            self._news[day] = news_day(rows, day, self.symbols, seed=self.seed)
        return self._news[day]

    def session_days(self, at_ns: int) -> tuple[dt.date, dt.date, dt.date]:
        """Return the sessions before, of (the last that began), and after an instant."""
        k = bisect_right(self._pre_ns, at_ns) - 1
        before, today, after = (day_to_date(self._session_days[k + j]) for j in (-1, 0, 1))
        return before, today, after


def refused(name: str) -> Any:  # noqa: ANN401 - stands for any writer
    """Return what stands in a writer's place, in a lake that is only to be read.

    Raises
    ------
    InputError
        When it is called.
    """
    from catalyst.errors import InputError

    def writer(*_: object, **__: object) -> None:
        raise InputError(
            f"an audit's lake can't be written to, but {name} was called; read from the lake that "
            "is given, and return frames or another lake"
        )

    return writer
