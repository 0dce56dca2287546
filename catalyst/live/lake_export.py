"""What live saw on a day, written into a lake: a replay over it sees the very same rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from catalyst.data.bar_rules import ADJUSTMENTS
from catalyst.data.bar_store import read_bars
from catalyst.data.lake import Lake
from catalyst.data.news_store import read_news
from catalyst.data.reports import ImportReport
from catalyst.errors import InvariantError
from catalyst.live.input_rows import InputRows
from catalyst.live.news_reader import news_frame

_INSTANT = pl.Datetime("ns", "UTC")
_BAR_KEY = ("symbol", "ts", "source", "adjustment", "known_at")
_VALUES = ("open", "high", "low", "close", "volume")
_NEWS_KEY = ("known_at", "news_id", "symbol")


@dataclass(frozen=True)
class Exported:
    """Count what an export wrote.

    Attributes
    ----------
    bars, articles
        Rows that live saw.
    new_bars, new_articles
        Those of them that the lake did not hold before.
    """

    bars: int
    articles: int
    new_bars: int
    new_articles: int


def export_session(inputs: Iterable[InputRows], day: dt.date, lake_root: Path) -> Exported:
    """Write what live saw on a day into its lake; a second time changes no byte.

    The lake's own importer writes, all or nothing, and what it wrote is read back and compared to
    the bit: a decision must never rest on a row that the lake tells otherwise.

    Parameters
    ----------
    inputs
        Rows of the journal, in any order.
    day
        The session, for messages.
    lake_root
        Live's own lake, which holds what was known before; made if it is missing.

    Raises
    ------
    InvariantError
        If the lake refuses a row that live decided on, or tells it otherwise.
    LakeError
        If the lake can't be written.
    """
    taken = list(inputs)
    lake = Lake(lake_root, create=True)
    n_bars = new_bars = 0
    for timeframe in sorted({one.timeframe for one in taken}):
        bars = bar_frame([one for one in taken if one.timeframe == timeframe])
        if not bars.height:
            continue
        report = lake.add_bars(bars, timeframe=timeframe, tz="UTC", file=f"live bars of {day}")
        _check_taken(report, day)
        _check_bars(lake_root, timeframe, bars, day)
        n_bars, new_bars = n_bars + bars.height, new_bars + report.imported
    news = news_frame(row for one in taken for row in one.news)
    new_articles = 0
    if news.height:
        report = lake.add_news(news, tz="UTC", file=f"live news of {day}")
        _check_taken(report, day)
        _check_news(lake_root, news, day)
        new_articles = report.imported
    return Exported(n_bars, news.height, new_bars, new_articles)


def bar_frame(inputs: Sequence[InputRows]) -> pl.DataFrame:
    """Lay bars of the journal out as a table for `Lake.add_bars`."""
    columns = {
        name: [value for one in inputs for value in getattr(one.bars, name)]
        for name in ("symbol", "ts_ns", *_VALUES, "source", "adjusted", "known_ns")
    }
    frame = pl.DataFrame(
        columns,
        schema={
            "symbol": pl.String,
            "ts_ns": pl.Int64,
            **dict.fromkeys(_VALUES, pl.Float64),
            "source": pl.String,
            "adjusted": pl.Int64,
            "known_ns": pl.Int64,
        },
    )
    names = dict(enumerate(ADJUSTMENTS))
    return frame.select(
        "symbol",
        pl.col("ts_ns").cast(_INSTANT).alias("ts"),
        *_VALUES,
        "source",
        pl.col("adjusted").replace_strict(names, return_dtype=pl.String).alias("adjustment"),
        pl.col("known_ns").cast(_INSTANT).alias("known_at"),
    )


def _check_taken(report: ImportReport, day: dt.date) -> None:
    if report.quarantined:
        raise InvariantError(
            f"{day}: the lake refuses {report.quarantined} of {report.given} rows of "
            f"{report.table} that live decided on ({report.by_rule}); live must refuse what the "
            "lake does: please report this as a bug"
        )


def _check_bars(root: Path, timeframe: str, bars: pl.DataFrame, day: dt.date) -> None:
    days = bars["ts"].dt.convert_time_zone("America/New_York").dt.date()
    stored = read_bars(root, timeframe, first=days.min(), last=days.max())  # type: ignore[arg-type]
    _check(bars, stored.select(bars.columns), _BAR_KEY, f"{day}: the bars")


def _check_news(root: Path, news: pl.DataFrame, day: dt.date) -> None:
    days = news["known_at"].dt.date()
    stored = read_news(root, first=days.min(), last=days.max())  # type: ignore[arg-type]
    _check(news, stored, _NEWS_KEY, f"{day}: the news")


def _check(seen: pl.DataFrame, stored: pl.DataFrame, key: Sequence[str], what: str) -> None:
    wanted = seen.unique(key, maintain_order=True).sort(key)
    found = stored.join(wanted.select(key), on=list(key), how="semi").sort(key)
    if found.height == wanted.height:
        apart = [
            name
            for name in seen.columns
            # Floats by their bits: two zeros are two values.
            if not _bits(found[name]).equals(_bits(wanted[name]), null_equal=True)
        ]
        if not apart:
            return
        raise InvariantError(
            f"{what} that live saw and the lake's differ in {', '.join(apart)}; a replay would "
            "see something else: please report this as a bug"
        )
    raise InvariantError(
        f"{what}: live saw {wanted.height} rows, and the lake holds {found.height} of them; a "
        "replay would see something else: please report this as a bug"
    )


def _bits(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Float64:
        return column.to_frame("v").select(pl.col("v").reinterpret(signed=True)).to_series()
    return column
