"""The cache follows the journal, and whether it is there or not, an answer is the same."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from account_rows import AT, AT_NS, MINUTE_NS, Books
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from live_services import fresh_database
from pydantic import SecretStr

from catalyst.live import cache_keys as keys
from catalyst.live import events
from catalyst.live.cache import Cache
from catalyst.live.cache_feed import CacheFeed
from catalyst.live.cached_reads import CachedReads
from catalyst.live.database import Database
from catalyst.live.valkey import redis_client

_NUMBERS = itertools.count(1)
NEWS_ID = "910001"


@pytest.fixture(scope="module")
def database(postgres_cluster: str) -> Iterator[Database]:
    with fresh_database(postgres_cluster) as url, Database(url) as opened:
        yield opened


@pytest.fixture
def books(database: Database) -> Books:
    """Books of an account with a scan, a pattern, indicators and articles."""
    found = Books(database, f"PA{next(_NUMBERS)}")
    found.open()
    for symbol, score in (("AAPL", 90.0), ("A", 80.0)):
        found.candidate(symbol, 5, score=score)
        found.insert(
            "strategy_engine.pattern_detections",
            decided_at=AT,
            pattern_id=f"p-{symbol}",
            symbol=symbol,
            timeframe="5m",
            pattern_name="hammer",
            confidence=70,
            entry_price="9.0500",
        )
        found.insert(
            "strategy_engine.technical_indicators",
            calculated_at=AT,
            symbol=symbol,
            timeframe="5m",
            rsi=55.123456789,
        )
    signals = [{"symbol": "AAPL", "outcome": "intent"}, {"symbol": "A", "outcome": "hold"}]
    decided = events.Decided(AT_NS, "d", {"signals": signals}, {}, fills_seq=0)
    found.journal(decided, 1)
    return found


@pytest.fixture
def cache(redis_url: SecretStr) -> Iterator[Cache]:
    with closing(Cache(redis_url, owner=True, patience_s=2)) as opened:
        opened.check(2)
        yield opened


def article(books: Books, news_id: str, symbol: str, *, state: str, minutes: int) -> None:
    """An article that became known some minutes before the books' instant."""
    known_ns = AT_NS - minutes * MINUTE_NS
    books.insert_shared(
        "data_ingestion.news_raw",
        news_id=news_id,
        symbol=symbol,
        known_ns=known_ns,
        published_ns=known_ns,
        headline="beats",
        source="reuters",
        sentiment=0.5,
        market_state=state,
    )


def present(url: SecretStr) -> set[str]:
    with redis_client(url) as client:
        return {str(key) for key in client.scan_iter(count=1_000)}


ASKED: dict[str, Callable[[CachedReads], Any]] = {
    "top": lambda reads: reads.top_candidates(),
    "active": lambda reads: reads.active_candidates(),
    "indicators": lambda reads: reads.indicators("AAPL", "5m"),
    "pattern": lambda reads: reads.pattern("AAPL", "hammer"),
    "no pattern": lambda reads: reads.pattern("AAPL", "doji"),
    "sentiment": lambda reads: reads.sentiment("AAPL"),
}


def test_what_was_decided_lies_in_the_cache_under_the_documents_names(
    books: Books, cache: Cache, redis_url: SecretStr
) -> None:
    CacheFeed(cache, books.database, books.account, after_seq=0).follow(AT_NS)
    cache.check(2)

    assert present(redis_url) == {
        *("pattern:AAPL:hammer", "pattern:A:hammer", "indicators:AAPL:5m", "indicators:A:5m"),
        *("sentiment:AAPL", "sentiment:A", "candidates:top:5", "candidates:active"),
        f"positions:{books.account}",
    }


@pytest.mark.parametrize("name", ASKED)
def test_an_answer_from_the_cache_is_that_of_the_database(
    name: str, books: Books, cache: Cache
) -> None:
    CacheFeed(cache, books.database, books.account, after_seq=0).follow(AT_NS)
    reads = CachedReads(cache, books.database, books.account, AT_NS)
    cached = ASKED[name](reads)

    assert cached == ASKED[name](replace(reads, cache=Cache(None)))


@examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["flush", "follow", *ASKED]), max_size=12))
def test_flushed_at_any_moment_every_answer_stays_the_same(
    books: Books, cache: Cache, redis_url: SecretStr, acts: list[str]
) -> None:
    feed = CacheFeed(cache, books.database, books.account, after_seq=0)
    reads = CachedReads(cache, books.database, books.account, AT_NS)
    without = replace(reads, cache=Cache(None))
    wrong = []
    for act in acts:
        if act == "flush":
            with redis_client(redis_url) as client:
                client.flushall()
        elif act == "follow":
            feed.follow(AT_NS)
        elif ASKED[act](reads) != ASKED[act](without):
            wrong.append(act)

    assert wrong == []


def test_a_fill_clears_its_symbol_alone_and_takes_it_off_the_untraded(
    books: Books, cache: Cache, redis_url: SecretStr
) -> None:
    feed = CacheFeed(cache, books.database, books.account, after_seq=0)
    feed.follow(AT_NS)
    books.position("A", 3)
    filled = events.Filled(
        *("f", "o", "c", "b", "x", "e-A", "A", "buy", "entry", 3, 100.0, 0, AT_NS)
    )
    books.journal(filled, 2)
    feed.follow(AT_NS)
    reads = CachedReads(cache, books.database, books.account, AT_NS)
    left = {key for key in present(redis_url) if key.startswith(("pattern", "indicators"))}

    assert left == {"pattern:AAPL:hammer", "indicators:AAPL:5m"}
    assert [one["symbol"] for one in reads.active_candidates()] == ["AAPL"]


def test_another_account_s_value_and_one_too_old_in_exchange_time_are_misses(
    books: Books, cache: Cache
) -> None:
    CacheFeed(cache, books.database, books.account, after_seq=0).follow(AT_NS)
    other = CachedReads(cache, books.database, "PA-other", AT_NS)
    later = CachedReads(cache, books.database, books.account, AT_NS + 3_601 * 10**9)

    assert (other.top_candidates(), later.top_candidates()) == ([], [])


def test_before_the_open_pre_market_news_and_untraded_candidates_are_warm(
    books: Books, cache: Cache, redis_url: SecretStr
) -> None:
    article(books, "w1", "AAPL", state="pre_market", minutes=60)
    article(books, "w1", "BAC", state="pre_market", minutes=60)
    article(books, "w2", "AAPL", state="closed", minutes=60)
    article(books, "w3", "AAPL", state="pre_market", minutes=5 * 60)
    warmed = CacheFeed(cache, books.database, books.account, after_seq=0).warm(AT_NS)
    cache.check(2)
    with redis_client(redis_url) as client:
        left_s = client.ttl("news:w1")
        ids = client.smembers("news:symbol:BAC")

    assert (warmed, left_s, ids) == (1, keys.WARM_NEWS_S, {"w1"})
    assert present(redis_url) == {
        *("news:w1", "news:symbol:AAPL", "news:symbol:BAC"),
        *("candidates:top:5", "candidates:active"),
    }


def test_an_article_is_not_served_before_it_is_known(books: Books, cache: Cache) -> None:
    article(books, NEWS_ID, "AAPL", state="regular", minutes=10)
    now = CachedReads(cache, books.database, books.account, AT_NS)
    found = now.article(NEWS_ID)
    before = replace(now, now_ns=AT_NS - 11 * MINUTE_NS)

    assert found is not None
    assert (found["symbols"], found["known_at"]) == (
        ["AAPL"],
        (AT - dt.timedelta(minutes=10)).isoformat(),
    )
    assert (now.article(NEWS_ID), before.article(NEWS_ID)) == (found, None)
