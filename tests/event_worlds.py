"""Markets made by hand around one article, and simulated ones with a known edge."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
from lake_rows import at
from worlds import INSTANT, scratch

from catalyst import Lake
from catalyst.data.calendar import sessions
from catalyst.data.sample import simulate
from catalyst.data.sample_lake import write_sample
from catalyst.research.event_study import EventStudy, event_study

#: 26 sessions before the day on which news comes, and 12 after it.
DAYS = list(sessions(dt.date(2014, 5, 1), dt.date(2014, 6, 24)))
NEWS_DAY = DAYS[26]
SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
Price = Callable[[str, dt.datetime], float | None]


def ny(clock: str, day: dt.date = NEWS_DAY) -> dt.datetime:
    """Give an instant of a session by its New York time."""
    return at(f"{day}T{clock}")


def flat(_symbol: str, _end: dt.datetime) -> float | None:
    return 100.0


def market(
    root: Path,
    price: Price = flat,
    *,
    first: str = "09:30",
    last: str = "15:45",
    volume: Callable[[str, dt.datetime], float] = lambda _s, _t: 1_000.0,
) -> Lake:
    """Make 15-minute bars of four symbols, each flat at the price of its end.

    `price` is asked for a symbol and a bar's start; None is no bar.
    """
    rows = []
    for day in DAYS:
        start, stop = at(f"{day}T{first}"), at(f"{day}T{last}")
        while start <= stop:
            for symbol in SYMBOLS:
                value = price(symbol, start)
                if value is not None:
                    rows.append((symbol, start, *[value] * 4, volume(symbol, start)))
            start += dt.timedelta(minutes=15)
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    bars = pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("ts").cast(INSTANT))
    lake = Lake(root, create=True)
    lake.add_bars(bars, timeframe="15m", source="made")
    return lake


def told(
    lake: Lake,
    known: dt.datetime,
    *,
    published: dt.datetime | None = None,
    headline: str = "AAA earnings beat estimates, profit surges",
    symbol: str = "AAA",
    source: str = "Reuters",
) -> Lake:
    """Add an article, positive unless the headline is another."""
    article = pl.DataFrame(
        {
            "headline": [headline],
            "published_at": [published or known - dt.timedelta(minutes=5)],
            "collected_at": [known],
            "symbol": [symbol],
            "source": [source],
        }
    ).with_columns(pl.col("published_at", "collected_at").cast(INSTANT))
    lake.add_news(article)
    return lake


def curve(study: EventStudy, unit: str, horizon: int) -> float:
    """Give the abnormal return of a study's first event at a horizon, bps."""
    place = list(study.horizons[unit]).index(horizon)
    return float(study.events[f"{unit}s"][0][place] * 1e4)


def mean(study: EventStudy, horizon: int, **wanted: object) -> float:
    """Give the value of a curve of all events at a horizon."""
    asked = {"grouping": "all", **wanted}
    found = study.curves.filter(
        pl.col("horizon") == horizon, *(pl.col(k) == v for k, v in asked.items())
    )
    return float(found["value"].item())


@cache
def simulated(*, edge: bool) -> Lake:
    """40 symbols, 60 sessions of 15-minute bars: 27 events that may carry the edge."""
    sample = simulate(n_symbols=40, n_sessions=60, bar_minutes=15, edge=edge)
    return write_sample(sample, scratch() / f"events-{edge}", bar_minutes=15)


@cache
def study_of(*, edge: bool) -> EventStudy:
    return event_study(simulated(edge=edge))
