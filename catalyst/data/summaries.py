"""What a lake holds, in a few lines for each table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalyst.data.lake import Lake
from catalyst.data.lake_files import dated_folders, parts

if TYPE_CHECKING:
    import polars as pl


def summarised(lake: Lake) -> dict[str, Any]:
    """Summarise a lake as JSON-ready values; memory does not grow with the lake.

    Returns
    -------
    dict
        ``bars``: one entry per timeframe with symbols, sessions, rows, first and last session,
        sources, ``adjustment`` (share of rows by adjustment) and ``assumed_share`` (of rows whose
        time of knowledge is assumed). ``news``: one per provider and tier with rows, articles,
        symbols, first and last time, assumed share. ``actions``: one per kind. ``universe``: one
        entry. ``quarantine``: one per table, file and rule. ``data_digest``, ``enrichment_hash``.
    """
    enrichment, digest = lake.digests()
    return {
        "bars": [_bars(lake, timeframe) for timeframe in lake.timeframes()],
        "news": _news(lake),
        "actions": _actions(lake),
        "universe": _universe(lake),
        "quarantine": _quarantine(lake),
        "data_digest": digest,
        "enrichment_hash": enrichment,
    }


def _bars(lake: Lake, timeframe: str) -> dict[str, Any]:
    import polars as pl

    days = lake.days(timeframe)
    groups = (
        _scan(lake, f"bars/timeframe={timeframe}")
        .group_by("symbol", "source", "adjustment", "known_is_assumed")
        .len()
        .collect()
    )
    rows = int(groups["len"].sum())
    by_adjustment = groups.group_by("adjustment").agg(pl.col("len").sum()).sort("adjustment").rows()
    return {
        "timeframe": timeframe,
        "symbols": groups["symbol"].n_unique(),
        "sessions": len(days),
        "rows": rows,
        "first": str(days[0]),
        "last": str(days[-1]),
        "sources": groups["source"].unique().sort().to_list(),
        "adjustment": {name: count / rows for name, count in by_adjustment},
        "assumed_share": int(groups.filter("known_is_assumed")["len"].sum()) / rows,
    }


def _news(lake: Lake) -> list[dict[str, Any]]:
    import polars as pl

    if not dated_folders(lake.root / "news"):
        return []
    found = (
        _scan(lake, "news")
        .group_by("provider", "tier")
        .agg(
            rows=pl.len(),
            articles=pl.col("news_id").n_unique(),
            symbols=pl.col("symbol").filter(pl.col("symbol") != "").n_unique(),
            first=pl.col("known_at").min().dt.strftime("%Y-%m-%d %H:%M"),
            last=pl.col("known_at").max().dt.strftime("%Y-%m-%d %H:%M"),
            assumed_share=pl.col("known_is_assumed").mean(),
        )
        .sort("provider", "tier")
        .collect()
    )
    return found.to_dicts()


def _actions(lake: Lake) -> list[dict[str, Any]]:
    import polars as pl

    return (
        lake.actions()
        .group_by("kind")
        .agg(
            rows=pl.len(),
            symbols=pl.col("symbol").n_unique(),
            first=pl.col("ex_date").min().cast(pl.String),
            last=pl.col("ex_date").max().cast(pl.String),
            assumed_share=pl.col("known_is_assumed").mean(),
        )
        .sort("kind")
        .to_dicts()
    )


def _universe(lake: Lake) -> list[dict[str, Any]]:
    import polars as pl

    found = lake.universe()
    if not found.height:
        return []
    return found.select(
        rows=pl.len(),
        symbols=pl.col("symbol").n_unique(),
        first=pl.col("from").min().cast(pl.String),
        open=pl.col("to").is_null().sum(),
        assumed_share=pl.col("known_is_assumed").mean(),
    ).to_dicts()


def _quarantine(lake: Lake) -> list[dict[str, Any]]:
    import polars as pl

    counts = lake.quarantine().group_by("table", "file", "rule").agg(rows=pl.len())
    return counts.sort("table", "file", "rule").to_dicts()


def _scan(lake: Lake, folder: str) -> pl.LazyFrame:
    import polars as pl

    paths = [path for _, part in dated_folders(lake.root / folder) for path in parts(part)]
    return pl.scan_parquet(paths, hive_partitioning=False, glob=False)
