"""Newswire articles filed under one symbol in the words of another one.

A newswire writes no cashtags, and a lake need not know every company's name. But a symbol's own
articles teach the words that mark it: they stand in many of its headlines and hardly elsewhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.lake_files import dated_folders, parts

if TYPE_CHECKING:
    from catalyst.data.checks.thresholds import Thresholds
    from catalyst.data.lake import Lake

_BATCH_FILES = 60
_WORD = r"[\p{L}&]{3,}"
_CASHTAG = r"\$[A-Za-z]{1,6}\b"


def misfiled_findings(
    lake: Lake,
    t: Thresholds,
    *,
    symbols: Sequence[str] | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> Iterator[Finding]:
    """Find symbols under which a newswire files articles that bear the marks of another symbol.

    Parameters
    ----------
    lake, t
        What to look at, and what to decide by.
    symbols
        Findings of these only; marks are learnt from all.
    start, end
        UTC days of publication of the misfiled articles, both included.
    """
    paths = [path for _, folder in dated_folders(lake.root / "news") for path in parts(folder)]
    batches = [paths[first : first + _BATCH_FILES] for first in range(0, len(paths), _BATCH_FILES)]
    wires, sizes, counts = _learnt(batches, t)
    marks = _marks(sizes, counts, t)
    if marks["symbol"].n_unique() < 2:
        return
    found = pl.concat([_misfiled(_linked(batch, wires), marks) for batch in batches])
    day = pl.col("published_at").dt.date()
    if start is not None:
        found = found.filter(day >= start)
    if end is not None:
        found = found.filter(day <= end)
    if symbols is not None:
        found = found.filter(pl.col("symbol").is_in(list(symbols)))
    known = dict(sizes.iter_rows())
    for (symbol,), group in sorted(found.partition_by("symbol", as_dict=True).items()):
        n, total = group["news_id"].n_unique(), known[symbol]
        if n < t.misfiled_least or n < t.misfiled_frac * total:
            continue
        others = group["other"].value_counts(sort=True).sort("count", "other", descending=True)
        yield _finding(str(symbol), group, n, total, others["other"].to_list())


def _linked(batch: list[str], wires: list[str] | None = None) -> pl.LazyFrame:
    frame = pl.scan_parquet(batch, hive_partitioning=False, glob=False)
    frame = frame.filter(pl.col("link").fill_null("provider") == "provider", pl.col("symbol") != "")
    return frame if wires is None else frame.filter(pl.col("provider").is_in(wires))


def _words() -> pl.Expr:
    return pl.col("headline").str.to_lowercase().str.extract_all(_WORD).list.unique().alias("word")


def _learnt(
    batches: list[list[str]], t: Thresholds
) -> tuple[list[str], pl.DataFrame, pl.DataFrame]:
    """Count articles by symbol and words by symbol, of providers that write no cashtags."""
    tagged = pl.concat(
        [
            _linked(batch)
            .group_by("provider")
            .agg(n=pl.len(), tags=pl.col("headline").str.contains(_CASHTAG).sum())
            .collect()
            for batch in batches
        ]
    )
    tagged = tagged.group_by("provider").sum()
    plain = tagged.filter(pl.col("tags") < t.misfiled_tagged_frac * pl.col("n"))
    wires = [str(one) for one in plain["provider"]]
    sizes, counts = [], []
    for batch in batches:
        frame = _linked(batch, wires)
        sizes.append(frame.group_by("symbol").len("n").collect())
        words = frame.select("symbol", _words()).explode("word").drop_nulls("word")
        counts.append(words.group_by("symbol", "word").len("has").collect())
    return (
        wires,
        pl.concat(sizes).group_by("symbol").sum(),
        pl.concat(counts).group_by("symbol", "word").sum(),
    )


def _marks(sizes: pl.DataFrame, counts: pl.DataFrame, t: Thresholds) -> pl.DataFrame:
    """Give the words that mark a symbol, and how many it has: word, symbol, needed."""
    every = int(sizes["n"].sum())
    told = counts.join(sizes, on="symbol").with_columns(
        share=pl.col("has") / pl.col("n"),
        elsewhere=(pl.col("has").sum().over("word") - pl.col("has")) / (every - pl.col("n")),
    )
    marks = told.filter(
        (pl.col("n") >= t.misfiled_learn)
        & (pl.col("share") >= t.misfiled_mark_frac)
        & (pl.col("share") >= t.misfiled_mark_ratio * pl.col("elsewhere"))
    )
    return marks.select("word", "symbol", needed=pl.len().over("symbol"))


def _misfiled(frame: pl.LazyFrame, marks: pl.DataFrame) -> pl.DataFrame:
    """Give articles with all the marks of another symbol and none of their own."""
    named = frame.filter(pl.col("symbol").is_in(marks["symbol"].unique().to_list()))
    words = named.select("news_id", "symbol", "provider", "published_at", _words()).explode("word")
    hits = words.join(marks.rename({"symbol": "of"}).lazy(), on="word").group_by(
        "news_id", "symbol", "provider", "published_at", "of"
    )
    seen = hits.agg(got=pl.len(), needed=pl.col("needed").first())
    foreign = pl.col("of") != pl.col("symbol")
    return (
        seen.group_by("news_id", "symbol", "provider", "published_at")
        .agg(
            own=(~foreign).any(),
            other=pl.col("of").filter(foreign & (pl.col("got") >= pl.col("needed"))).min(),
        )
        .filter(~pl.col("own") & pl.col("other").is_not_null())
        .collect()
    )


def _finding(symbol: str, group: pl.DataFrame, n: int, total: int, others: list[str]) -> Finding:
    share = n / total
    first, last = (
        at.strftime("%Y-%m-%dT%H:%M:%SZ")
        for at in group["published_at"].sort().gather([0, -1]).cast(pl.Datetime("us", "UTC"))
    )
    return Finding(
        "mislinked",
        bounded_severity(45 + 45 * share),
        "news",
        str(group["provider"].mode().sort()[0]),
        symbol,
        "",
        first,
        last,
        n,
        round(share, 4),
        0.01,
        f"{n} of {total} article(s) filed under {symbol} speak in the words of {others[0]}"
        f"{' and others' if len(others) > 1 else ''} and in none of {symbol}'s own ({share:.0%}): "
        "expected under 1 %; look at the provider's links of these",
    )
