"""The event study: how price and volume move around news, before and after it could be known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.study_folder import write_study
from catalyst.data.synthetic import synthetic_note
from catalyst.errors import InputError, LakeError
from catalyst.research.event_choice import Choice, events_of, groupings_named
from catalyst.research.event_paths import (
    ADJUSTMENTS,
    BETA_SESSIONS,
    DAYS,
    HOURS,
    Paths,
    Progress,
    event_paths,
)
from catalyst.research.event_tables import Named, studied
from catalyst.strategy.values import Floats, Ints, Session

BY = ("category", "tier", "state", "sentiment", "repeat")
"""Groupings that are shown unless others are asked for."""
SEED = 1
FILES = ("events.parquet", "curves.parquet", "table.parquet", "events.html")
"""What a study leaves in its folder."""


@dataclass(frozen=True)
class EventStudy:
    """Hold an event study.

    Attributes
    ----------
    named : Named
        The test that was named beforehand.
    events : DataFrame
        One row an event: news_id, symbol, known_at, published_at, entry_at (open of bar 0, UTC),
        session (New York date), wait_minutes (from known_at to bar 0), categories, tier, state,
        half_hour, sentiment, direction, tercile, repeat, alone, cluster_id, source, headline,
        before (abnormal return from publication to bar 0, a fraction), days and minutes (lists of
        abnormal returns by horizon, fractions, NaN without a price; unsigned).
    curves, table : DataFrame
        See `catalyst.research.event_tables.studied`.
    horizons : dict of str to list of int
        Horizons of the lists in `events`, by unit (``day``, ``minute``).
    dropped : dict of str to int
        Rows of news that are no event, by reason.
    rows : int
        Rows of news in the span.
    overlapping : int
        Events whose symbol had another event within the ten sessions before.
    missing : dict of str to int
        Events without a price to the close, one, five and ten sessions later.
    facts : dict of str to text
        What was asked of which lake.
    """

    named: Named
    events: pl.DataFrame
    curves: pl.DataFrame
    table: pl.DataFrame
    horizons: Mapping[str, list[int]]
    dropped: Mapping[str, int]
    rows: int
    overlapping: int
    missing: Mapping[str, int]
    facts: Mapping[str, str]

    @property
    def count(self) -> int:
        """Return the number of events, first repeats not counted."""
        return int(self.events["alone"].sum())

    def as_mapping(self) -> dict[str, Any]:
        """Return what a machine may want to read, without the curves and the events."""
        rows = self.table.with_columns(pl.selectors.float().fill_nan(None)).to_dicts()
        named = {
            name: None if isinstance(value, float) and value != value else value  # noqa: PLR0124
            for name, value in vars(self.named).items()
        }
        return {
            "edge": self.named.word,
            "test": named,
            "rows": self.rows,
            "events": self.count,
            "dropped": dict(self.dropped),
            "overlapping": self.overlapping,
            "missing": dict(self.missing),
            "groups": rows,
            **self.facts,
        }

    def save(self, folder: str | Path, *, force: bool = False) -> Path:
        """Write events.parquet, curves.parquet, table.parquet and events.html, all or nothing.

        Raises
        ------
        OutputError
            If the folder exists and `force` is not given, or holds anything else.
        """
        from catalyst.research.event_page import event_page

        frames = (self.events, self.curves, self.table)
        return write_study(
            Path(folder),
            tables=dict(zip(FILES, frames, strict=False)),
            texts={FILES[-1]: event_page(self)},
            force=force,
        )


def event_study(
    lake: Lake,
    *,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    by: Sequence[str] = BY,
    every: bool = False,
    hours: str = "regular",
    adjust: str = "market",
    seed: int = SEED,
    progress: Progress | None = None,
) -> EventStudy:
    """Measure abnormal return and volume around the news of a lake.

    An event is the first row of a story about a symbol. Its time zero is the first bar of the
    symbol that opens at or after `known_at`: what comes later could have been earned, what came
    before could not. One test is named beforehand: all events, from the open of bar 0 to the close
    of its session, in the direction of their sentiment, beside the market, each weighing by source
    and category as in the catalyst score.

    Parameters
    ----------
    lake
        The lake; one with bars of two symbols or more.
    timeframe, symbols, sources
        Bars, as in `catalyst.replay`.
    start, end
        First and last session in which news may become known; all bars of the lake are used.
    by
        Some of `catalyst.research.event_choice.GROUPINGS`.
    every
        Whether news without a catalyst category counts, too.
    hours, adjust
        See `catalyst.research.event_paths.event_paths`.
    seed
        Of the bootstrap.
    progress
        Called with sessions done, their number and the date.

    Raises
    ------
    LakeError
        If there are no bars, or no events.
    InputError
        If an option is unknown.
    """
    wanted = groupings_named(by)
    for name, value, known in (("hours", hours, HOURS), ("adjust", adjust, ADJUSTMENTS)):
        if value not in known:
            raise InputError(f"{name} is {value!r}; expected one of {', '.join(known)}")
    feed = Feed(lake, timeframe, symbols, sources)
    if len(feed.names) == 1 and adjust != "none":
        raise InputError(
            f"the lake {lake.root} has bars of {feed.names[0]} alone, which has no market beside "
            "it; import bars of more symbols, or take its own returns with --adjust none"
        )
    sessions, first, last = _study_sessions(feed, start, end)
    news = _news(lake, sessions, first, last)
    choice = events_of(news, priced=feed.names, every=every)
    index = {name: i for i, name in enumerate(feed.names)}
    symbol = choice.events["symbol"].replace_strict(index, return_dtype=pl.Int64).to_numpy()
    times = (_ns(choice.events, "known_at"), _ns(choice.events, "published_at"))
    paths = event_paths(
        feed, sessions, symbol, times, hours=hours, adjust=adjust, progress=progress
    )
    events, paths, dropped = _with_bars(choice, paths)
    if not events.height:
        raise LakeError(
            f"the lake {lake.root} has no event in {_span(sessions, first, last)}: of "
            f"{news.height:,} rows of news none is left ({_told(dropped)}); with --all news "
            "without a category counts, too"
        )
    curves, table, named = studied(events, paths, wanted, seed=seed)
    return EventStudy(
        named,
        _told_events(events, paths, sessions),
        curves,
        table,
        {"day": DAYS.tolist(), "minute": paths.minutes.tolist()},
        dropped,
        news.height,
        _overlapping(events, paths),
        _missing(events, paths),
        {
            "timeframe": str(feed.timeframe),
            "start": str(day_to_date(sessions[first].day)),
            "end": str(day_to_date(sessions[last].day)),
            "hours": hours,
            "adjusted": adjust,
            "symbols": f"{len(feed.names):,}",
            "synthetic": "yes" if synthetic_note(lake.root) else "no",
            "data_digest": lake.digest(),
        },
    )


def _study_sessions(
    feed: Feed, start: dt.date | None, end: dt.date | None
) -> tuple[list[Session], int, int]:
    """Return the sessions to read, and the places of the first and last of the study.

    Those before serve the usual volume and beta, those after the days that follow an event.
    """
    _, chosen = feed.span(start, end)
    _, every = feed.span(None, None)
    days = [s.day for s in every]
    first, last = days.index(chosen[0].day), days.index(chosen[-1].day)
    begin = max(first - BETA_SESSIONS - 1, 0)
    return every[begin : last + int(DAYS[-1]) + 1], first - begin, last - begin


def _news(lake: Lake, sessions: Sequence[Session], first: int, last: int) -> pl.DataFrame:
    # From the end of the session before: what is known on a weekend is traded on Monday.
    after = sessions[first - 1].post_ns if first else sessions[0].pre_ns
    until = sessions[last].post_ns
    dates = [dt.datetime.fromtimestamp(ns // 10**9, dt.UTC).date() for ns in (after, until)]
    known = pl.col("known_at").cast(pl.Int64)
    rows = lake.news(start=dates[0], end=dates[1])
    return rows.filter((known > after) & (known <= until) & (pl.col("symbol") != ""))


def _ns(events: pl.DataFrame, column: str) -> Ints:
    return events[column].cast(pl.Int64).to_numpy()


def _with_bars(choice: Choice, paths: Paths) -> tuple[pl.DataFrame, Paths, dict[str, int]]:
    has = paths.session >= 0
    keep = np.flatnonzero(has & paths.member)
    dropped = choice.dropped | {
        "no bar until the end of the next session": int((~has).sum()),
        "not in the universe": int((has & ~paths.member).sum()),
    }

    def some(clocks: Mapping[str, Floats]) -> dict[str, Floats]:
        return {clock: values[keep] for clock, values in clocks.items()}

    kept = replace(
        paths,
        entry_ns=paths.entry_ns[keep],
        session=paths.session[keep],
        member=paths.member[keep],
        before=paths.before[keep],
        days=some(paths.days),
        minute_paths=some(paths.minute_paths),
        day_volumes=some(paths.day_volumes),
        minute_volumes=some(paths.minute_volumes),
    )
    return choice.events[keep], kept, dropped


def _overlapping(events: pl.DataFrame, paths: Paths) -> int:
    placed = events.select("symbol", "alone", session=pl.Series(paths.session)).filter("alone")
    placed = placed.sort("symbol", "session")
    since = pl.col("session") - pl.col("session").shift(1).over("symbol")
    return int(placed.select((since <= int(DAYS[-1])).sum()).item())


def _missing(events: pl.DataFrame, paths: Paths) -> dict[str, int]:
    named = {"to the close": 0, "1 session later": 1, "5 sessions later": 5, "10 later": 10}
    known = paths.days["known"][events["alone"].to_numpy()]
    return {
        name: int(np.isnan(known[:, np.flatnonzero(day == DAYS)[0]]).sum())
        for name, day in named.items()
    }


def _told_events(events: pl.DataFrame, paths: Paths, sessions: Sequence[Session]) -> pl.DataFrame:
    days = [day_to_date(sessions[k].day) for k in paths.session.tolist()]
    entry = pl.Series(paths.entry_ns).cast(pl.Datetime("ns", "UTC"))
    return events.select(
        "news_id",
        "symbol",
        "known_at",
        "published_at",
        entry.alias("entry_at"),
        pl.Series("session", days, pl.Date),
        ((entry.cast(pl.Int64) - pl.col("known_at").cast(pl.Int64)) / 60e9).alias("wait_minutes"),
        pl.exclude("news_id", "symbol", "known_at", "published_at"),
        pl.Series("before", paths.before),
        pl.Series("days", paths.days["known"].tolist(), pl.List(pl.Float64)),
        pl.Series("minutes", paths.minute_paths["known"].tolist(), pl.List(pl.Float64)),
    )


def _span(sessions: Sequence[Session], first: int, last: int) -> str:
    return f"{day_to_date(sessions[first].day)} to {day_to_date(sessions[last].day)}"


def _told(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {n:,}" for name, n in dropped.items() if n) or "there is no news"
