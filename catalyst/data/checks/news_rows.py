"""News as the checks need it: who, when, about what, and a hash of what was said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from catalyst.data.lake_files import dated_folders, parts

if TYPE_CHECKING:
    from catalyst.data.lake import Lake

_COLUMNS = (
    "news_id", "symbol", "known_at", "published_at", "known_is_assumed", "headline", "author",
    "provider", "source", "tier", "link", "id", "retweet_of_id",
)  # fmt: skip
# Files are read so many rows at a time, so that texts are held for one batch only.
_BATCH_FILES = 60

_ADDRESS = r"https?:\S*|www\.\S+"
_RETWEET = r"^(?:\s*(?:rt|mt)\s+@\w+\s*:?\s*)+"
_NO_WORD = r"[^\p{L}\p{N}$@]+"
_TWITTER_EPOCH_MS = 1_288_834_974_657
# Older ids were counted, not timed: the largest is below 30 thousand million.
_FIRST_TIMED_ID = 100_000_000_000


def read_news_rows(
    lake: Lake,
    *,
    symbols: Sequence[str] | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> pl.DataFrame:
    """Read the first version of each article and symbol, without its text.

    Returns
    -------
    DataFrame
        news_id, symbol, provider, source, author (categories), tier, link, published, known (int64
        ns UTC), assumed (bool), retweet (bool: passed on), original (hash of the post passed on;
        null if unknown), original_ns (when that was posted, from its id; null if unknown), text
        (hash of the words: addresses, retweet prefix, case and signs left out), words (how many);
        by published. About 150 bytes a row.
    """
    frames = []
    folders = [
        folder
        for day, folder in dated_folders(lake.root / "news")
        # An article is filed under the day it became known, which is not before it was published.
        if start is None or day >= start
    ]
    paths = [path for folder in folders for path in parts(folder)]
    for first in range(0, len(paths), _BATCH_FILES):
        batch = pl.scan_parquet(
            paths[first : first + _BATCH_FILES], hive_partitioning=False, glob=False
        )
        batch = batch.select(_COLUMNS)
        if symbols is not None:
            batch = batch.filter(pl.col("symbol").is_in(list(symbols)))
        if start is not None:
            batch = batch.filter(pl.col("published_at").dt.date() >= start)
        if end is not None:
            batch = batch.filter(pl.col("published_at").dt.date() <= end)
        frames.append(_compact(batch).collect())
    if not frames:
        return _compact(pl.LazyFrame(schema=_schema())).collect()
    whole = pl.concat(frames).sort("published", "news_id", "symbol")
    whole = whole.unique(["news_id", "symbol"], keep="first", maintain_order=True)
    names = ("symbol", "provider", "source", "author", "link")
    return whole.with_columns(pl.col(name).cast(pl.Categorical) for name in names)


def headline_of(lake: Lake, published_ns: int, news_id: str) -> str:
    """Find the text of an article again."""
    day = dt.datetime.fromtimestamp(published_ns // 1_000_000_000, dt.UTC).date()
    for date, folder in dated_folders(lake.root / "news"):
        if date < day:
            continue
        frame = pl.scan_parquet(parts(folder), hive_partitioning=False, glob=False)
        found = frame.filter(pl.col("news_id") == news_id).select("headline").head(1).collect()
        if found.height:
            return str(found.item())
    return ""


def shortened(headline: str, letters: int = 60) -> str:
    """Give the beginning of a headline on one line, printable."""
    text = "".join(c if c.isprintable() else " " for c in headline)
    text = " ".join(text.split())
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _compact(batch: pl.LazyFrame) -> pl.LazyFrame:
    lower = pl.col("headline").str.to_lowercase()
    words = (
        lower.str.replace_all(_ADDRESS, " ")
        .str.replace(_RETWEET, "")
        .str.replace_all(_NO_WORD, " ")
        .str.strip_chars()
    )
    number = pl.col("retweet_of_id").cast(pl.Int64, strict=False)
    timed = number // 2**22 + _TWITTER_EPOCH_MS
    published = pl.col("published_at").dt.timestamp("ns")
    posted = pl.when(number >= _FIRST_TIMED_ID).then(timed * 1_000_000).otherwise(None)
    return batch.select(
        "news_id",
        "symbol",
        "provider",
        pl.col("source").fill_null(""),
        pl.col("author").fill_null(""),
        "tier",
        pl.col("link").fill_null("provider"),
        published.alias("published"),
        pl.col("known_at").dt.timestamp("ns").alias("known"),
        pl.col("known_is_assumed").alias("assumed"),
        (pl.col("retweet_of_id").is_not_null() | lower.str.contains(_RETWEET)).alias("retweet"),
        pl.when(pl.col("retweet_of_id").is_not_null())
        .then(pl.col("retweet_of_id").hash(0))
        .otherwise(None)
        .alias("original"),
        pl.when(posted <= published).then(posted).otherwise(None).alias("original_ns"),
        words.hash(0).alias("text"),
        (words.str.count_matches(" ", literal=True) + 1).alias("words"),
    )


def _schema() -> dict[str, pl.DataType | type[pl.DataType]]:
    from catalyst.data.enrichment.schema import ENRICHED

    return {name: ENRICHED[name] for name in _COLUMNS}
