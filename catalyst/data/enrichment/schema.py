"""The columns that enrichment takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from catalyst.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_INSTANT = pl.Datetime("ns", "UTC")

#: Columns of rows given to enrichment; those in `REQUIRED` may not be absent or null.
GIVEN: dict[str, pl.DataType | type[pl.DataType]] = {
    "headline": pl.String,
    "published_at": _INSTANT,
    "known_at": _INSTANT,
    "known_is_assumed": pl.Boolean,
    "symbol": pl.String,
    "source": pl.String,
    "author": pl.String,
    "url": pl.String,
    "provider": pl.String,
    "raw": pl.String,
    "id": pl.String,
    "retweet_of_id": pl.String,
    "link": pl.String,
}
REQUIRED = ("headline", "published_at", "known_at")

#: Columns of rows enriched before, as far as they are read again.
SETTLED: dict[str, pl.DataType | type[pl.DataType]] = {
    "news_id": pl.String,
    "symbol": pl.String,
    "known_at": _INSTANT,
    "headline": pl.String,
    "source": pl.String,
    "author": pl.String,
    "url": pl.String,
    "id": pl.String,
    "retweet_of_id": pl.String,
    "cluster_id": pl.String,
    "cluster_rank": pl.Int32,
}
SETTLED_REQUIRED = ("news_id", "symbol", "known_at", "headline", "cluster_id", "cluster_rank")

#: Columns of enriched rows, in order.
ENRICHED: dict[str, pl.DataType | type[pl.DataType]] = {
    "news_id": pl.String,
    "symbol": pl.String,
    "known_at": _INSTANT,
    "published_at": _INSTANT,
    "known_is_assumed": pl.Boolean,
    "headline": pl.String,
    "url": pl.String,
    "author": pl.String,
    "provider": pl.String,
    "source": pl.String,
    "tier": pl.Int8,
    "categories": pl.List(pl.String),
    "keywords": pl.List(pl.String),
    "tickers": pl.List(pl.String),
    "sentiment": pl.Float64,
    "market_state": pl.String,
    "breaking": pl.Boolean,
    "cluster_id": pl.String,
    "cluster_rank": pl.Int32,
    "cluster_sources": pl.Int32,
    "confirmed_by": pl.String,
    "confirm_minutes": pl.Float64,
    "coordination": pl.Float64,
    "raw": pl.String,
    "link": pl.String,
    "id": pl.String,
    "retweet_of_id": pl.String,
}

#: Columns that say what was known of an article's cluster when it became known; see
#: `catalyst.data.enrichment.clusters.Membership`.
STATE = ("cluster_sources", "confirmed_by", "confirm_minutes", "coordination")


def conformed(
    frame: pl.DataFrame,
    columns: Mapping[str, pl.DataType | type[pl.DataType]],
    *,
    required: tuple[str, ...],
    name: str,
) -> pl.DataFrame:
    """Select and cast the columns that are read; optional ones that are absent become null.

    Raises
    ------
    InputError
        If a required column is absent or holds nulls, or a value doesn't fit its type.
    """
    for column in required:
        if column not in frame.columns:
            message = f"{name} has no column {column!r}; expected at least {', '.join(required)}"
            raise InputError(message)
        if frame[column].null_count():
            row = frame[column].is_null().arg_max()
            message = f"{name} row {row}: {column} is null; expected a value: quarantine such rows"
            raise InputError(message)
    present = [
        pl.col(column).cast(dtype) if column in frame.columns else pl.lit(None, dtype).alias(column)
        for column, dtype in columns.items()
    ]
    try:
        return frame.select(present)
    except pl.exceptions.PolarsError as error:
        message = f"{name} doesn't have the expected types {dict(columns)}: {error}"
        raise InputError(message) from error
