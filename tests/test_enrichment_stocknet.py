from __future__ import annotations

import time
from typing import TYPE_CHECKING

import polars as pl
import pytest
from enrichment_rows import INSTANT

from catalyst.data.enrichment import Enriched, enrich

if TYPE_CHECKING:
    from pathlib import Path

LATENCY = pl.duration(seconds=60)


@pytest.fixture(scope="module")
def tweets(shared_data: Path) -> pl.DataFrame:
    path = shared_data / "stocknet" / "news.parquet"
    published = pl.col("ts_utc").cast(INSTANT)
    return pl.read_parquet(path).select(
        "headline",
        "symbol",
        "source",
        "id",
        "retweet_of_id",
        "cashtags",
        published_at=published,
        known_at=published + LATENCY,
        known_is_assumed=True,
    )


@pytest.fixture(scope="module")
def enriched(tweets: pl.DataFrame) -> Enriched:
    started = time.process_time()
    result = enrich(tweets)
    seconds = time.process_time() - started
    print(f"\n{tweets.height} tweets enriched in {seconds:.1f} s of processor time")  # noqa: T201
    return result


def test_no_tweet_is_lost(tweets: pl.DataFrame, enriched: Enriched) -> None:
    provided = enriched.news.filter(pl.col("link") == "provider").height

    assert provided + enriched.mislinked.height + enriched.duplicates.height == tweets.height


def test_wrong_links_are_found_where_they_are_known_to_be(
    tweets: pl.DataFrame, enriched: Enriched
) -> None:
    given = tweets.group_by("symbol").agg(given=pl.len())
    wrong = enriched.mislinked.group_by("symbol").agg(wrong=pl.len())
    share = given.join(wrong, on="symbol", how="left").with_columns(
        share=pl.col("wrong").fill_null(0) / pl.col("given")
    )
    by_symbol = dict(share.select("symbol", "share").iter_rows())
    worst = sorted(by_symbol.items(), key=lambda item: -item[1])[:8]
    print(f"\nmislinked {enriched.mislinked.height}: {worst}")  # noqa: T201

    # The set's own cashtags disagree with 95 % of D and 72 % of T, but they miss "($T)" and "$T".
    assert 0.90 < by_symbol["D"] < 0.97
    assert 0.60 < by_symbol["T"] < 0.75
    assert by_symbol["BRK-A"] == 0
    assert by_symbol["AAPL"] < 0.001


def test_no_link_that_the_sets_own_cashtags_confirm_is_dropped_without_need(
    enriched: Enriched,
) -> None:
    confirmed = enriched.mislinked.filter(pl.col("symbol").is_in(pl.col("cashtags")))

    # 32 rows: formulas and stylised words ("$T$F", "$MA$H") that the set takes for tickers, shares
    # other than the common ("$JPM-N"), and three real ones glued together ("$AAPL$GOOG").
    assert confirmed.height < 40


def test_an_impersonator_has_the_lowest_tier(enriched: Enriched) -> None:
    tiers = dict(enriched.news.select("source", "tier").unique().iter_rows())

    assert (tiers["fakeCNBC"], tiers["CNBC"], tiers["WSJ"], tiers["SeekingAlpha"]) == (5, 2, 2, 3)


def test_retweets_of_one_tweet_are_one_story_on_a_symbol(enriched: Enriched) -> None:
    stories = (
        enriched.news.filter(pl.col("retweet_of_id").is_not_null())
        .group_by("symbol", "retweet_of_id")
        .agg(pl.col("cluster_id").n_unique())
    )

    assert stories["cluster_id"].max() == 1


def test_the_first_of_every_cluster_is_its_earliest(enriched: Enriched) -> None:
    order = enriched.news.sort("known_at", "news_id")
    firsts = order.group_by("symbol", "cluster_id", maintain_order=True).first()
    print(f"\n{firsts.height} stories in {enriched.news.height} rows")  # noqa: T201

    assert (firsts["cluster_rank"] == 0).all()
    assert (firsts["cluster_id"] == firsts["symbol"] + "-" + firsts["news_id"]).all()


def test_enriching_the_tweets_takes_seconds(tweets: pl.DataFrame) -> None:
    part = tweets.head(10_000)
    started = time.process_time()
    enrich(part)

    assert time.process_time() - started < 10
