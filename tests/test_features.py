"""Features of signals: what was known of them, and nothing later."""

from __future__ import annotations

import polars as pl
import pytest
from learning_worlds import learned_from
from worlds import daily_lake, small_lake, small_run

from catalyst import Params, replay
from catalyst.research.features import articles_of, features


def test_there_is_a_row_for_every_signal_under_its_id() -> None:
    found = features(small_run())

    assert found["signal_id"].to_list() == small_run().signals["signal_id"].to_list()


def test_what_became_of_a_signal_is_no_feature() -> None:
    outcome = {"outcome", "rule", "value", "threshold", "position_size_frac", "label", "return"}

    assert outcome & set(features(small_run()).columns) == set()


def test_articles_are_joined_by_id_and_symbol() -> None:
    signals = small_run().signals
    rows = articles_of(signals, small_lake())
    named = [
        (symbol, news_id)
        for symbol, ids in signals.select("symbol", "news_ids").iter_rows()
        for news_id in sorted(ids)
    ]
    found = rows.sort("place", "news_id").select("symbol", "news_id").rows()

    assert len(named) > 500
    assert found == named


def test_no_article_is_known_after_its_signal() -> None:
    rows = articles_of(learned_from().signals, small_lake())

    assert bool((rows["known_at"].cast(pl.Int64) <= rows["decided_ns"]).all())


def test_features_of_articles_are_those_of_the_lakes_rows() -> None:
    found = features(small_run()).to_dicts()[::29]
    signals = {row["signal_id"]: row for row in small_run().signals.to_dicts()}
    news = small_lake().news().to_dicts()
    told, expected = [], []
    for row in found:
        signal = signals[row["signal_id"]]
        own = [
            n
            for n in news
            if n["symbol"] == signal["symbol"] and n["news_id"] in signal["news_ids"]
        ]
        ages = [(signal["decided_at"] - n["published_at"]).total_seconds() / 3600 for n in own]
        told.append(
            [row[c] for c in ("n_articles", "n_sources", "tier_best", "is_earnings", "n_first")]
            + [row[c] for c in ("tier_mean", "age_newest_hours", "sentiment_mean")]
        )
        expected.append(
            [
                len(own),
                len({n["source"] for n in own}),
                min(n["tier"] for n in own),
                any("earnings" in n["categories"] for n in own),
                sum(n["cluster_rank"] == 0 for n in own),
                pytest.approx(sum(n["tier"] for n in own) / len(own)),
                pytest.approx(min(ages), abs=1e-6),
                pytest.approx(sum(n["sentiment"] for n in own) / len(own), abs=1e-9),
            ]
        )

    assert told == expected


def test_the_clock_of_a_signal_is_new_yorks() -> None:
    found = features(small_run())
    local = found["decided_at"].dt.convert_time_zone("America/New_York")
    minute = (local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute()) - (9 * 60 + 30)

    assert found["minute"].to_list() == minute.to_list()
    assert set(found.filter(pl.col("minute") < 0)["market_state"]) == {"pre_market"}


def test_the_strongest_pattern_gives_its_name() -> None:
    found = features(small_run()).filter(pl.col("n_patterns") > 1)
    signals = {row["signal_id"]: row["pattern_ids"] for row in small_run().signals.to_dicts()}
    by_id = {row["pattern_id"]: row for row in small_run().patterns.to_dicts()}
    best = [
        max((by_id[p] for p in signals[i]), key=lambda row: row["confidence"])["confidence"]
        for i in found["signal_id"]
    ]
    told = [
        max(by_id[p]["confidence"] for p in signals[i] if by_id[p]["pattern"] == name)
        for i, name in zip(found["signal_id"], found["pattern"], strict=True)
    ]

    assert told == best


def test_daily_bars_have_features_too() -> None:
    params = Params.load("spec", timeframe="1d")
    result = replay(daily_lake(), params, ledger=None)
    found = features(result)

    assert found.height == result.signals.height > 0
    assert set(found["pattern_minutes"].drop_nulls()) <= {1_440}
