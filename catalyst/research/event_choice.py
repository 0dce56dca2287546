"""Which rows of a lake's news are events, and what they are grouped by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from catalyst.errors import InputError

GROUPINGS = ("category", "tier", "state", "half_hour", "sentiment", "tercile", "repeat")
"""What events can be grouped by."""
NEUTRAL = 0.1
"""Sentiment nearer to zero has no direction; the neutral band of the catalyst score."""
_EVERY = pl.lit("all")
_STATES = {"pre_market": "pre-market", "after_hours": "after hours"}
_UNSIGNED = ("sentiment", "tercile")


@dataclass(frozen=True)
class Choice:
    """Hold the events of a lake.

    Attributes
    ----------
    events : DataFrame
        news_id, symbol, known_at, published_at, categories, tier, state, half_hour, sentiment,
        direction (1, 0, -1), tercile, repeat (``first`` or ``repeat``), alone, cluster_id, source,
        headline; by known_at, news_id, symbol. Rows that are not `alone` are the first repeat of a
        story whose original is there, too: they count where originals and repeats are compared, and
        nowhere else.
    dropped : dict of str to int
        Rows that are no events, by reason, in the order in which reasons were asked.
    """

    events: pl.DataFrame
    dropped: dict[str, int]


def groupings_named(names: Sequence[str]) -> tuple[str, ...]:
    """Check names of groupings.

    Raises
    ------
    InputError
        If one is unknown.
    """
    for name in names:
        if name not in GROUPINGS:
            raise InputError(f"{name!r} is no grouping; expected some of {', '.join(GROUPINGS)}")
    return tuple(dict.fromkeys(names))


def is_signed(grouping: str) -> bool:
    """Tell whether a grouping's returns are taken in the direction of the sentiment.

    Groups by sentiment are not: their sign is what is asked for.
    """
    return grouping not in _UNSIGNED


def events_of(news: pl.DataFrame, *, priced: Sequence[str], every: bool = False) -> Choice:
    """Choose the events among rows of news.

    One event a story: of each symbol and narrative cluster the row that was known first counts. The
    rest moves with it and would be counted as if it were news of its own.

    Parameters
    ----------
    news
        Columns of `catalyst.data.enrichment.schema.ENRICHED`.
    priced
        Symbols with bars.
    every
        Take rows without a catalyst category, too.
    """
    dropped: dict[str, int] = {}
    rows = news.sort("known_at", "news_id", "symbol")
    rows = _kept(dropped, "symbol without bars", rows, rows.filter(pl.col("symbol").is_in(priced)))
    first = rows.unique(["news_id", "symbol"], keep="first", maintain_order=True)
    rows = _kept(dropped, "later version of an article", rows, first)
    if not every:
        named = rows.filter(pl.col("categories").list.len() > 0)
        rows = _kept(dropped, "no catalyst category", rows, named)
    stories = rows.height
    repeat = pl.when(pl.col("cluster_rank") > 0).then(pl.lit("repeat")).otherwise(pl.lit("first"))
    story = ["symbol", "cluster_id"]
    rows = rows.with_columns(
        repeat=repeat, alone=pl.int_range(pl.len()).over(story, order_by="known_at") == 0
    )
    rows = rows.unique([*story, "repeat"], keep="first", maintain_order=True)
    dropped["same story again"] = stories - int(rows["alone"].sum())
    local = pl.col("known_at").dt.convert_time_zone("America/New_York")
    half = pl.when(local.dt.minute() < 30).then(pl.lit("00")).otherwise(pl.lit("30"))
    sentiment = pl.col("sentiment")
    low, high = (sentiment.filter("alone").quantile(part) for part in (1 / 3, 2 / 3))
    events = rows.select(
        "news_id",
        "symbol",
        "known_at",
        "published_at",
        "categories",
        "tier",
        state=pl.col("market_state").replace(_STATES),
        half_hour=pl.format("{}:{}", local.dt.hour().cast(pl.String).str.zfill(2), half),
        sentiment=sentiment,
        direction=pl.when(sentiment > NEUTRAL)
        .then(1)
        .when(sentiment < -NEUTRAL)
        .then(-1)
        .otherwise(0),
        tercile=pl.when(sentiment <= low)
        .then(pl.lit("lowest third"))
        .when(sentiment <= high)
        .then(pl.lit("middle third"))
        .otherwise(pl.lit("highest third")),
        repeat="repeat",
        alone="alone",
        cluster_id="cluster_id",
        source="source",
        headline="headline",
    )
    return Choice(events, dropped)


def _kept(
    dropped: dict[str, int], reason: str, before: pl.DataFrame, after: pl.DataFrame
) -> pl.DataFrame:
    dropped[reason] = before.height - after.height
    return after


def labels_of(events: pl.DataFrame, grouping: str) -> pl.DataFrame:
    """Return the groups of events: row (position of the event) and group, a text.

    An event of several categories is in each of them.
    """
    place = pl.int_range(pl.len()).alias("row")
    if grouping != "repeat":
        return _labelled(events, grouping, place).filter(
            pl.col("row").is_in(events["alone"].arg_true().implode())
        )
    return _labelled(events, grouping, place)


def _labelled(events: pl.DataFrame, grouping: str, place: pl.Expr) -> pl.DataFrame:
    if grouping == "all":
        return events.select(place, group=_EVERY)
    if grouping == "category":
        named = pl.when(pl.col("categories").list.len() > 0).then("categories")
        found = events.select(place, group=named.otherwise(pl.lit(["none"])))
        return found.explode("group")
    if grouping == "sentiment":
        names = {1: "positive", 0: "neutral", -1: "negative"}
        group = pl.col("direction").replace_strict(names, return_dtype=pl.String)
        return events.select(place, group=group)
    if grouping == "tier":
        return events.select(place, group=pl.format("tier {}", "tier"))
    return events.select(place, group=pl.col(grouping))
