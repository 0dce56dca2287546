"""Narratives: which stories were told when, by how many, and who confirmed them."""

from __future__ import annotations

import polars as pl

from catalyst.data.enrichment.clusters import WINDOW_NS
from catalyst.data.lake import Lake
from catalyst.data.news_asof import HOUR_NS, asof_ns, known_news, known_ns
from catalyst.data.stamps import Moment
from catalyst.errors import InputError

#: Longest look back, in hours.
LONGEST_HOURS = 24 * 366
_ORDER = ("known_at", "news_id")


def narratives(
    lake: Lake,
    *,
    symbol: str | None = None,
    asof: Moment | None = None,
    hours: float = 24.0,
    min_sources: int = 1,
) -> pl.DataFrame:
    """List the stories that were told in the hours before an instant.

    Parameters
    ----------
    lake
        The lake.
    symbol
        Only stories on this symbol.
    asof
        See only what was known then; see `catalyst.data.news_asof.asof_ns`.
    hours
        A story counts if a headline of it became known within so many hours.
    min_sources
        Least number of distinct sources.

    Returns
    -------
    DataFrame
        One row per cluster as it stood at `asof`, most sources first, then the larger, the newer:
        cluster_id, symbol, headline, source, tier, first_known_at (of its first), last_known_at,
        size (articles), sources, confirmed_by, confirm_minutes, coordination (see
        `catalyst.data.enrichment.clusters.Membership`).

    Raises
    ------
    InputError
        If a number is out of range; LakeError, its kin, if the lake holds no news.
    """
    if not 0 < hours <= LONGEST_HOURS:
        raise InputError(f"hours is {hours}; expected more than 0 and at most {LONGEST_HOURS:,}")
    if min_sources < 1:
        raise InputError(f"min_sources is {min_sources}; expected at least 1")
    until_ns = asof_ns(lake, asof)
    after_ns = until_ns - round(hours * HOUR_NS)
    symbols = None if symbol is None else [symbol]
    rows = known_news(lake, after_ns - WINDOW_NS, until_ns, symbols=symbols)
    told = rows.filter(known_ns() > after_ns)["cluster_id"].unique().to_list()
    rows = rows.filter(pl.col("cluster_id").is_in(told))
    if _without_first(rows):
        # A late retweet: its story began long before.
        older = known_news(lake, -WINDOW_NS, after_ns - WINDOW_NS, symbols=symbols)
        rows = pl.concat([older.filter(pl.col("cluster_id").is_in(told)), rows])
    rows = rows.sort(_ORDER)
    first = pl.col("cluster_rank") == 0
    clusters = rows.group_by("cluster_id").agg(
        pl.col("symbol").first(),
        *(pl.col(name).filter(first).first() for name in ("headline", "source", "tier")),
        first_known_at=pl.col("known_at").filter(first).first(),
        last_known_at=pl.col("known_at").last(),
        size=pl.col("cluster_rank").max() + 1,
        sources=pl.col("cluster_sources").last(),
        confirmed_by=pl.col("confirmed_by").last(),
        confirm_minutes=pl.col("confirm_minutes").last(),
        coordination=pl.col("coordination").last(),
    )
    return clusters.filter(pl.col("sources") >= min_sources).sort(
        "sources",
        "size",
        "last_known_at",
        "cluster_id",
        descending=[True, True, True, False],
    )


def _without_first(rows: pl.DataFrame) -> bool:
    began = rows.filter(pl.col("cluster_rank") == 0)["cluster_id"]
    return not rows.filter(~pl.col("cluster_id").is_in(began.implode())).is_empty()
