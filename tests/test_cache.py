"""The cache: names and lifetimes, exact invalidation, and that losing it loses nothing."""

from __future__ import annotations

import datetime as dt
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from catalyst.live import cache as cache_module
from catalyst.live import cache_keys as keys
from catalyst.live.cache import Cache
from catalyst.live.valkey import redis_client

PATIENCE_S = 2.0
LONGEST_CYCLE_S = 0.05


@contextmanager
def opened(
    url: SecretStr | None, *, owner: bool = False, patience_s: float = PATIENCE_S
) -> Iterator[Cache]:
    with closing(Cache(url, owner=owner, patience_s=patience_s)) as cache:
        yield cache


def present(url: SecretStr) -> set[str]:
    with redis_client(url) as client:
        return {str(key) for key in client.scan_iter(count=1_000)}


# --- names and lifetimes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "name", "lifetime_s"),
    [
        (keys.pattern_key("AAPL", "hammer"), "pattern:AAPL:hammer", keys.PATTERN_S),
        (keys.indicators_key("AAPL", "5m"), "indicators:AAPL:5m", keys.INDICATORS_S),
        (keys.sentiment_key("AAPL"), "sentiment:AAPL", keys.SENTIMENT_S),
        (keys.news_key(7), "news:7", keys.NEWS_S),
        (keys.news_key(7), "news:7", keys.WARM_NEWS_S),
        (keys.news_of_symbol_key("AAPL"), "news:symbol:AAPL", keys.NEWS_OF_SYMBOL_S),
        (keys.top_candidates_key(5), "candidates:top:5", keys.TOP_CANDIDATES_S),
        (keys.ACTIVE_CANDIDATES, "candidates:active", keys.ACTIVE_CANDIDATES_S),
    ],
)
def test_a_key_is_spelled_and_lives_as_the_documents_say(
    redis_url: SecretStr, key: str, name: str, lifetime_s: int
) -> None:
    with opened(redis_url) as cache, redis_client(redis_url) as client:
        cache.put(key, {"a": 1}, lifetime_s=lifetime_s)
        cache.check(PATIENCE_S)
        left_s = client.ttl(name)

    assert left_s == lifetime_s


def test_the_lifetimes_are_those_of_the_documents() -> None:
    told = (keys.PATTERN_S, keys.INDICATORS_S, keys.SENTIMENT_S, keys.NEWS_S, keys.WARM_NEWS_S)

    assert told == (300, 300, 600, 3_600, 7_200)
    assert (keys.TOP_CANDIDATES_S, keys.ACTIVE_CANDIDATES_S) == (300, 1_800)


def test_money_and_instants_come_back_as_text(redis_url: SecretStr) -> None:
    row = {"price": Decimal("9.0500"), "at": dt.datetime(2023, 10, 2, 14, tzinfo=dt.UTC), "n": 3}
    with opened(redis_url) as cache:
        cache.put("news:1", row, lifetime_s=60)
        found = cache.get("news:1")

    assert found == {"price": "9.0500", "at": "2023-10-02T14:00:00+00:00", "n": 3}


def test_a_set_grows_and_lives_on_from_its_last_member(redis_url: SecretStr) -> None:
    with opened(redis_url) as cache:
        cache.add("news:symbol:AAPL", ["1", "2"], lifetime_s=60)
        cache.add("news:symbol:AAPL", ["3"], lifetime_s=60)
        found = cache.members("news:symbol:AAPL")

    assert found == {"1", "2", "3"}


def test_what_is_not_json_is_a_miss_and_is_removed(redis_url: SecretStr) -> None:
    with redis_client(redis_url) as client:
        client.set("sentiment:AAPL", "{half")
        client.sadd("sentiment:BAC", "a set where a text should be")
    with opened(redis_url) as cache:
        found = [cache.get("sentiment:AAPL"), cache.get("sentiment:BAC")]
        healthy = cache.healthy

    assert (found, healthy, present(redis_url)) == ([None, None], True, set())


def test_reads_are_counted_and_the_server_says_how_full_it_is(redis_url: SecretStr) -> None:
    with opened(redis_url) as cache:
        cache.put("sentiment:AAPL", 1, lifetime_s=60)
        cache.get("sentiment:AAPL")
        cache.get("sentiment:AAPL")
        cache.get("sentiment:AAPL")
        cache.get("sentiment:BAC")
        stats = cache.stats()

    assert (stats.hits, stats.misses, stats.hit_rate, stats.keys) == (3, 1, 0.75, 1)
    assert (stats.memory_bytes or 0) > 0


# --- invalidation ------------------------------------------------------------------------------


def fill(cache: Cache, symbol: str) -> set[str]:
    named = {
        keys.pattern_key(symbol, "hammer"),
        keys.pattern_key(symbol, "doji"),
        keys.indicators_key(symbol, "5m"),
        keys.sentiment_key(symbol),
    }
    for key in named:
        cache.put(key, symbol, lifetime_s=60)
    cache.add(keys.news_of_symbol_key(symbol), ["1"], lifetime_s=60)
    return named | {keys.news_of_symbol_key(symbol)}


SYMBOLS = st.text(st.sampled_from("AB:*?[]^-\\!é."), min_size=1, max_size=4)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(SYMBOLS, min_size=2, max_size=5), st.data())
def test_a_symbol_takes_exactly_its_own_keys_with_it(
    redis_url: SecretStr, symbols: set[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(symbols)))
    with redis_client(redis_url) as client:
        client.flushall()
    with opened(redis_url) as cache:
        every = {symbol: fill(cache, symbol) for symbol in symbols}
        cache.put("news:1", "an article", lifetime_s=60)
        cache.put(keys.top_candidates_key(5), [gone], lifetime_s=60)
        cache.forget_symbol(gone)
        cache.check(PATIENCE_S)
    kept = {key for symbol in symbols - {gone} for key in every[symbol]}

    assert present(redis_url) == kept | {"news:1", "candidates:top:5"}


def test_a_symbol_does_not_take_one_that_begins_like_it(redis_url: SecretStr) -> None:
    with opened(redis_url) as cache:
        fill(cache, "A")
        kept = fill(cache, "AA") | fill(cache, "BA")
        cache.forget_symbol("A")
        cache.check(PATIENCE_S)

    assert present(redis_url) == kept


def test_a_trade_clears_indicators_and_patterns_and_who_is_untraded(redis_url: SecretStr) -> None:
    with opened(redis_url) as cache:
        other = fill(cache, "AAP")
        fill(cache, "AAPL")
        cache.put(keys.ACTIVE_CANDIDATES, ["AAPL"], lifetime_s=60)
        cache.forget_trade("AAPL")
        cache.check(PATIENCE_S)

    assert present(redis_url) == other | {"sentiment:AAPL", "news:symbol:AAPL"}


def test_a_pattern_clears_what_it_matches(redis_url: SecretStr) -> None:
    with opened(redis_url) as cache:
        fill(cache, "AAPL")
        cache.forget_matching("pattern:*")
        cache.check(PATIENCE_S)

    assert present(redis_url) == {"indicators:AAPL:5m", "sentiment:AAPL", "news:symbol:AAPL"}


# --- loss --------------------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(st.sampled_from(["put", "get", "forget", "flush"]), st.sampled_from("ABC")),
    max_size=25,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS)
def test_flushed_at_any_moment_it_gives_the_last_value_or_a_miss(
    redis_url: SecretStr, acts: list[tuple[str, str]]
) -> None:
    last: dict[str, int] = {}
    wrong = []
    with redis_client(redis_url) as client, opened(redis_url, owner=True) as cache:
        for number, (act, symbol) in enumerate(acts):
            if act == "put":
                cache.put(keys.sentiment_key(symbol), number, lifetime_s=60)
                last[symbol] = number
            elif act == "forget":
                cache.forget_symbol(symbol)
                last.pop(symbol, None)
            elif act == "flush":
                client.flushall()
            elif cache.get(keys.sentiment_key(symbol)) not in {None, last.get(symbol)}:
                wrong.append((number, symbol))

    assert wrong == []


def cycle(cache: Cache) -> float:
    """Do what a trading cycle asks of the cache; give the seconds that the caller spent."""
    began = time.perf_counter()
    for symbol in ("AAPL", "BAC", "C", "DIS", "GE"):
        cache.forget_trade(symbol)
        fill(cache, symbol)
        cache.get(keys.sentiment_key(symbol))
        cache.members(keys.news_of_symbol_key(symbol))
    cache.stats()
    return time.perf_counter() - began


@contextmanager
def nobody() -> Iterator[SecretStr]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield SecretStr(f"redis://:hush@127.0.0.1:{probe.getsockname()[1]}/0")


@contextmanager
def mute() -> Iterator[SecretStr]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield SecretStr(f"redis://:hush@127.0.0.1:{listening.getsockname()[1]}/0")


@pytest.mark.parametrize("place", [nobody, mute], ids=["dead", "mute"])
def test_a_server_that_does_not_answer_costs_a_cycle_next_to_nothing(
    place: type, caplog: pytest.LogCaptureFixture
) -> None:
    with place() as url, opened(url, owner=True, patience_s=0.03) as cache:
        spent = [cycle(cache) for _ in range(3)]

    assert statistics.median(spent) < LONGEST_CYCLE_S
    assert "hush" not in caplog.text


def test_incident_11_a_wrong_password_degrades_and_costs_a_cycle_next_to_nothing(
    redis_url: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    right = redis_url.get_secret_value()
    wrong = SecretStr(right.replace(right.split(":")[2].split("@")[0], "hush"))
    with opened(wrong, owner=True, patience_s=0.03) as cache:
        cache.check(PATIENCE_S)
        spent = [cycle(cache) for _ in range(3)]
        told = (cache.healthy, cache.trouble, cache.get("sentiment:AAPL"))

    assert told == (False, "Redis refused the password of REDIS_URL", None)
    assert statistics.median(spent) < LONGEST_CYCLE_S
    # A mute server of another test may be given up only now.
    assert [text for text in caplog.messages if "answer" not in text] == [
        "cache_lost why='Redis refused the password of REDIS_URL'"
    ]


def test_without_an_address_every_read_is_a_miss() -> None:
    with opened(None) as cache:
        cache.put("sentiment:AAPL", 1, lifetime_s=60)
        found = cache.get("sentiment:AAPL")
        told = (cache.healthy, cache.trouble, cache.check(0.1))

    assert (found, told) == (None, (False, "no Redis is configured", False))


@contextmanager
def locked_out(url: SecretStr) -> Iterator[None]:
    """Change the server's password and cut every connection, for a while."""
    right = url.get_secret_value().split(":")[2].split("@")[0]
    with redis_client(url) as client:
        client.config_set("requirepass", "another")
        client.client_kill_filter(_type="normal", skipme=True)
        try:
            yield
        finally:
            client.config_set("requirepass", right)


def test_what_was_to_be_forgotten_during_an_outage_is_never_served_after_it(
    redis_url: SecretStr, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache_module, "_FIRST_PAUSE_S", 0.05)
    with opened(redis_url, owner=True) as cache:
        fill(cache, "AAPL")
        cache.check(PATIENCE_S)
        with locked_out(redis_url):
            cache.forget_trade("AAPL")
            cache.check(PATIENCE_S)
            lost = cache.healthy
        time.sleep(0.1)
        found = cache.get("indicators:AAPL:5m")
        again = cache.healthy

    assert (lost, found, again) == (False, None, True)
    assert [text.split()[0] for text in caplog.messages if "ConnectionError" not in text] == [
        "cache_lost",
        "cache_returned",
    ]


def test_one_who_only_reads_clears_nothing(redis_url: SecretStr) -> None:
    with opened(redis_url, owner=True) as cache:
        kept = fill(cache, "AAPL")
        cache.check(PATIENCE_S)
    with opened(redis_url) as reader:
        reader.get("sentiment:AAPL")

    assert present(redis_url) == kept
