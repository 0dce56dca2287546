from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

START = dt.datetime(2015, 3, 2, 15, 0, tzinfo=dt.UTC)
OPTIONAL = ("symbol", "source", "author", "url", "provider", "raw", "id", "retweet_of_id", "link")
INSTANT = pl.Datetime("ns", "UTC")


def row(
    headline: str, symbol: str | None = None, *, minutes: float = 0, **columns: object
) -> dict[str, Any]:
    """Give one reported headline, published `minutes` after START and known a minute later."""
    published = START + dt.timedelta(minutes=minutes)
    known = published + dt.timedelta(minutes=1)
    return {
        "headline": headline,
        "symbol": symbol,
        "published_at": published,
        "known_at": known,
    } | columns


def news(*rows: dict[str, Any]) -> pl.DataFrame:
    schema: dict[str, Any] = {
        "headline": pl.String,
        "published_at": INSTANT,
        "known_at": INSTANT,
        "known_is_assumed": pl.Boolean,
    }
    schema |= dict.fromkeys(OPTIONAL, pl.String)
    return pl.DataFrame(
        [dict.fromkeys(schema) | each for each in rows], schema=schema, orient="row"
    )
