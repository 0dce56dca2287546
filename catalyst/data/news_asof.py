"""A lake's news as it stood at an instant: nothing that became known later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import polars as pl

from catalyst.data.calendar import NEW_YORK
from catalyst.data.lake import Lake
from catalyst.data.lake_files import dated_folders
from catalyst.data.news_store import FOLDER
from catalyst.data.spans import bounded
from catalyst.data.stamps import Moment
from catalyst.data.symbols import joined_symbol
from catalyst.errors import LakeError

HOUR_NS = 3_600_000_000_000


def known_ns() -> pl.Expr:
    """Give the column `known_at` as nanoseconds UTC."""
    return pl.col("known_at").dt.timestamp("ns")


def published_ns() -> pl.Expr:
    """Give the column `published_at` as nanoseconds UTC."""
    return pl.col("published_at").dt.timestamp("ns")


def asof_ns(lake: Lake, asof: Moment | None = None) -> int:
    """Read the instant at which a caller wants to look at the news.

    Parameters
    ----------
    lake
        The lake.
    asof
        An instant; a date means its end in New York; None the newest `known_at` of the lake, so
        that the answer depends on the lake and never on the clock.

    Returns
    -------
    int
        Nanoseconds UTC; what became known at it is seen.

    Raises
    ------
    LakeError
        If the lake holds no news.
    InputError
        If `asof` is no date or instant.
    """
    if asof is not None:
        day, ns = bounded(asof)
        return day_ends_ns(day) if ns is None and day is not None else int(ns or 0)
    for day, _ in reversed(dated_folders(lake.root / FOLDER)):
        rows = lake.read_news(day)
        if rows.height:
            return int(rows["known_at"].dt.timestamp("ns").max())  # type: ignore[arg-type]
    raise LakeError(
        f"the lake {lake.root} holds no news; run `catalyst data import news PATH --lake "
        f"{lake.root}`"
    )


def day_begins_ns(day: dt.date) -> int:
    """Give the instant at which a New York day begins, ns UTC."""
    midnight = dt.datetime.combine(day, dt.time(), NEW_YORK)
    return int(midnight.timestamp()) * 1_000_000_000


def day_ends_ns(day: dt.date) -> int:
    """Give the last nanosecond of a New York day, ns UTC."""
    return day_begins_ns(day + dt.timedelta(days=1)) - 1


def days_back(lake: Lake, until_ns: int) -> Iterator[pl.DataFrame]:
    """Read what was known at an instant, one UTC day after another, the newest first."""
    last = _date(until_ns)
    for day, _ in reversed(dated_folders(lake.root / FOLDER)):
        if day <= last:
            yield lake.read_news(day).filter(known_ns() <= until_ns)


def known_news(
    lake: Lake, after_ns: int, until_ns: int, *, symbols: Sequence[str] | None = None
) -> pl.DataFrame:
    """Read the rows that became known after one instant and until another, both ns UTC.

    Returns
    -------
    DataFrame
        Columns of `catalyst.data.enrichment.schema.ENRICHED`, by known_at, news_id, symbol; rows
        about no symbol are left out.
    """
    rows = lake.news(start=_date(after_ns), end=_date(until_ns)).filter(
        (known_ns() > after_ns) & (known_ns() <= until_ns) & (pl.col("symbol") != "")
    )
    if symbols is None:
        return rows
    return rows.filter(pl.col("symbol").is_in(sorted({joined_symbol(name) for name in symbols})))


def _date(ns: int) -> dt.date:
    return dt.datetime.fromtimestamp(ns // 1_000_000_000, dt.UTC).date()
