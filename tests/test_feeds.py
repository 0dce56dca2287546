from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from feed_sessions import BAR_NS, GRACE_NS, MINUTE_NS, Seen, bars_of, live_feeds, told_bars
from paper_exchange import Exchange, paper_exchange
from worlds import small_lake

from catalyst.data.calendar import sessions
from catalyst.errors import InputError
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.market_socket import MarketSocket
from catalyst.live.market_source import market_source

HOUR_NS = 60 * MINUTE_NS


@pytest.fixture(scope="module")
def stepped() -> Iterator[Exchange]:
    with paper_exchange() as exchange:
        yield exchange


@pytest.fixture
def morning(stepped: Exchange, request: pytest.FixtureRequest) -> Iterator[tuple[Exchange, int]]:
    """The exchange under a key of the test's own, at 09:00 of a session that nobody saw yet."""
    now_ns = stepped.clock()["now_ns"]
    (open_ns,) = [x for x in sessions().open_ns.tolist() if x - HOUR_NS // 2 > now_ns][:1]
    stepped.step(open_ns - HOUR_NS // 2)
    yield stepped.as_key(request.node.name), open_ns
    stepped.faults()


def on_bars(open_ns: int, do: str, *, after_ns: int, until_ns: int = 2**62) -> dict[str, object]:
    return {
        "on": "stream",
        "do": do,
        "stream": "bars",
        "from_ns": open_ns + after_ns,
        "to_ns": open_ns + until_ns if until_ns < 2**62 else 2**62,
    }


def no_rest(path: str, open_ns: int, after_ns: int, until_ns: int) -> dict[str, object]:
    return {
        "on": "request",
        "do": "answer",
        "status": 500,
        "path": path,
        "from_ns": open_ns + after_ns,
        "to_ns": open_ns + until_ns,
    }


def late(seen: Seen) -> list[int]:
    """Starts of the bars that count as known after their end."""
    return sorted({bar.ts_ns for bar in seen.bars if bar.known_ns > bar.ts_ns + BAR_NS + GRACE_NS})


def test_bars_of_a_lost_connection_are_asked_for_and_nothing_else(
    morning: tuple[Exchange, int], tmp_path: Path
) -> None:
    exchange, open_ns = morning
    exchange.faults(on_bars(open_ns, "disconnect", after_ns=HOUR_NS, until_ns=HOUR_NS + 1))

    async def seen() -> tuple[Seen, bool]:
        async with live_feeds(exchange, tmp_path, begin_ns=open_ns - HOUR_NS // 2) as found:
            await found.until(stop_ns=open_ns + 2 * HOUR_NS)
            return found, found.feeds.bars.blind

    found, blind = asyncio.run(seen())

    assert told_bars(found.bars) == bars_of(
        small_lake(), open_ns - HOUR_NS // 2, open_ns + 2 * HOUR_NS
    )
    assert (found.feeds.bars.breaks, blind, late(found)) == (3, False, [])


def test_bars_that_cannot_be_had_blind_the_feed_until_they_come_late(
    morning: tuple[Exchange, int], tmp_path: Path
) -> None:
    exchange, open_ns = morning
    exchange.faults(
        on_bars(open_ns, "disconnect", after_ns=HOUR_NS, until_ns=HOUR_NS + 1),
        no_rest("/v2/stocks/bars", open_ns, HOUR_NS, HOUR_NS + BAR_NS),
    )

    async def seen() -> tuple[Seen, str, str]:
        async with live_feeds(exchange, tmp_path, begin_ns=open_ns - HOUR_NS // 2) as found:
            found.feeds.bars.gaps.patience_s = 0.3
            await found.until(stop_ns=open_ns + HOUR_NS - BAR_NS)
            found.feeds.bars.gaps._left_s = 0.3
            await found.until(stop_ns=open_ns + HOUR_NS)
            then = found.feeds.bars.why
            found.feeds.bars.gaps._left_s = 9.0
            await found.until(stop_ns=open_ns + HOUR_NS + 2 * BAR_NS)
            return found, then, found.feeds.bars.why

    found, then, later = asyncio.run(seen())

    assert "may be missing" in then
    assert later == ""
    assert told_bars(found.bars) == bars_of(
        small_lake(), open_ns - HOUR_NS // 2, open_ns + HOUR_NS + 2 * BAR_NS
    )
    assert late(found) == [open_ns + HOUR_NS - BAR_NS]


def test_a_stream_that_is_open_and_mute_is_found_out_and_opened_again(
    morning: tuple[Exchange, int], tmp_path: Path
) -> None:
    exchange, open_ns = morning
    exchange.faults(on_bars(open_ns, "mute", after_ns=HOUR_NS, until_ns=HOUR_NS + 1))
    told: list[str] = []

    async def seen() -> Seen:
        begin_ns = open_ns - HOUR_NS // 2
        async with live_feeds(exchange, tmp_path, begin_ns=begin_ns, tell=told.append) as found:
            await found.until(stop_ns=open_ns + 2 * HOUR_NS)
            return found

    found = asyncio.run(seen())

    assert told_bars(found.bars) == bars_of(
        small_lake(), open_ns - HOUR_NS // 2, open_ns + 2 * HOUR_NS
    )
    # On a busy machine the opening takes a bar longer.
    assert late(found)[:2] == [open_ns + HOUR_NS - BAR_NS, open_ns + HOUR_NS]
    assert sum("blind" in one for one in told) == 1


def test_a_news_source_that_is_dead_says_so_and_comes_back(
    morning: tuple[Exchange, int], tmp_path: Path
) -> None:
    exchange, open_ns = morning
    window = {"from_ns": open_ns, "to_ns": open_ns + HOUR_NS}
    exchange.faults(
        {"on": "stream", "do": "refuse", "stream": "news", **window},
        no_rest("/v1beta1/news", open_ns, 0, HOUR_NS),
    )

    async def whys() -> list[str]:
        async with live_feeds(exchange, tmp_path) as found:
            feed, out = found.feeds.news, [found.feeds.news.why]
            await found.until(stop_ns=open_ns)
            feed.gaps.patience_s = feed.gaps._left_s = 0.1
            await feed.socket.reopen("cut")
            await found.until(stop_ns=open_ns + HOUR_NS - BAR_NS)
            await _at_rest(lambda: feed.dead)
            out.append(feed.why)
            await found.until(stop_ns=open_ns + HOUR_NS)
            await _at_rest(lambda: not feed.dead)
            return [*out, feed.why]

    before, then, after = asyncio.run(whys())

    assert (before, after) == ("", "")
    assert "the news stream is closed" in then
    assert "it answered 500" in then


def test_an_article_that_stream_and_rest_both_bring_is_one_article(
    morning: tuple[Exchange, int], tmp_path: Path
) -> None:
    exchange, open_ns = morning

    async def seen() -> Seen:
        async with live_feeds(exchange, tmp_path) as found:
            await found.until(stop_ns=open_ns + 6 * HOUR_NS)
            found.feeds.news.gaps.missing(open_ns - 24 * HOUR_NS)
            await found.feeds.news.gaps.settle()
            await found.until(stop_ns=open_ns + 6 * HOUR_NS + BAR_NS)
            return found

    found = asyncio.run(seen())
    streamed = [one for one in found.collected if one.source == "alpaca stream"]
    asked = [one for one in found.collected if one.source == "alpaca rest"]
    keys = [(row["news_id"], row["symbol"]) for row in found.news]

    assert found.news
    assert len(keys) == len(set(keys))
    assert sum(one.new for one in asked) == 0
    assert asked[-1].duplicates == asked[-1].given >= sum(one.new for one in streamed)


def test_what_an_earlier_process_saw_is_not_seen_again(
    morning: tuple[Exchange, int], tmp_path: Path
) -> None:
    exchange, open_ns = morning
    begin_ns = open_ns - HOUR_NS // 2

    async def twice() -> tuple[Seen, Seen]:
        async with live_feeds(exchange, tmp_path, begin_ns=begin_ns) as first:
            await first.until(stop_ns=open_ns + HOUR_NS)
        # Nobody listens meanwhile.
        exchange.step(open_ns + 2 * HOUR_NS)
        async with live_feeds(
            exchange, tmp_path, begin_ns=begin_ns, seen_bars=first.bars, seen_news=first.news
        ) as second:
            await second.until(stop_ns=open_ns + 3 * HOUR_NS)
        return first, second

    first, second = asyncio.run(twice())
    news = [(row["news_id"], row["symbol"]) for row in first.news + second.news]

    assert told_bars(first.bars + second.bars) == bars_of(
        small_lake(), begin_ns, open_ns + 3 * HOUR_NS
    )
    assert len(news) == len(set(news))
    assert min(bar.ts_ns for bar in second.bars) >= open_ns + HOUR_NS


def test_a_server_that_refuses_the_keys_is_named_with_its_reason(stepped: Exchange) -> None:
    socket = MarketSocket(f"{stepped.sockets_url}/v1beta1/news", "key", "", {"news": ["*"]})

    async def refused() -> str:
        reading = asyncio.create_task(_read(socket))
        await _at_rest(lambda: bool(socket.refused))
        reading.cancel()
        return socket.refused

    assert asyncio.run(refused()) == "the keys (402: auth failed)"


def test_missing_keys_are_one_clear_error() -> None:
    with pytest.raises(InputError, match="ALPACA_API_KEY and ALPACA_SECRET_KEY must both be set"):
        market_source("https://data.alpaca.markets", key="k", secret="", feed="iex")


def test_a_feed_that_breaks_ends_the_session_instead_of_looking_quiet(
    morning: tuple[Exchange, int], tmp_path: Path
) -> None:
    exchange, _ = morning

    async def opened() -> None:
        async with live_feeds(exchange, tmp_path) as found:
            found.feeds.bars.gaps.every_ns = "a bug"  # type: ignore[assignment]
            await found.feeds.bars.socket.reopen("cut")
            await asyncio.sleep(20)

    with pytest.raises(TypeError):
        asyncio.run(opened())


@pytest.mark.parametrize(
    ("url", "stream"),
    [
        ("https://data.alpaca.markets", "wss://stream.data.alpaca.markets"),
        ("http://127.0.0.1:8300", "ws://127.0.0.1:8300"),
        ("https://data.example.org:444/", "wss://data.example.org:444"),
    ],
)
def test_streams_are_found_by_the_data_apis_address(url: str, stream: str) -> None:
    assert market_source(url, key="k", secret="s", feed="iex").stream_url == stream  # noqa: S106


@pytest.mark.parametrize(
    "url",
    [
        "http://data.alpaca.markets",
        "https://user@data.alpaca.markets",
        "data.alpaca.markets",
        "ftp://127.0.0.1",
        "https://127.0.0.1:port",
    ],
)
def test_an_address_that_would_tell_the_keys_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="ALPACA_DATA_URL"):
        market_source(url, key="k", secret="s", feed="iex")  # noqa: S106


def test_no_feed_shows_the_keys(morning: tuple[Exchange, int], tmp_path: Path) -> None:
    exchange, _ = morning
    keyed = Exchange(exchange.url, exchange.process, "a-key-of-ours", "a-very-secret")

    async def shown() -> str:
        async with live_feeds(keyed, tmp_path) as found:
            return repr((found.feeds, found.clock))

    text = asyncio.run(shown())

    assert "a-key-of-ours" not in text
    assert "a-very-secret" not in text


@dataclass
class Deaf:
    """Receives nothing."""

    kind: str = "bars"
    received: int = 0
    breaks: int = 0
    settled: int = 0

    async def read(self) -> None:
        pass

    async def settle(self) -> None:
        self.settled += 1


def test_messages_that_did_not_arrive_are_told_after_a_while(stepped: Exchange) -> None:
    told: list[str] = []

    async def gaps() -> ExchangeClock:
        clock = ExchangeClock(stepped.url, "deaf", "s", tell=told.append, patience_s=0.05)
        await clock.open()
        deaf = Deaf()
        clock.watch(deaf)
        await clock.sleep_until(clock.now_ns() + MINUTE_NS)
        # Ten messages were sent to somebody.
        clock._bases[id(deaf)] = (0, -10, 0)
        await clock.sleep_until(clock.now_ns() + MINUTE_NS)
        await clock.settle()
        clock.close()

        assert deaf.settled == 1

        return clock

    assert asyncio.run(gaps()).gaps == 1
    assert told == ["10 of the bars messages that the exchange sent did not arrive in 0.05 s"]


def test_a_step_stamps_what_lies_in_it_as_it_says_and_all_else_at_its_end(
    stepped: Exchange,
) -> None:
    async def stamps() -> list[int]:
        clock = await ExchangeClock(stepped.url, "key", "secret").open()
        begun_ns = clock.now_ns()
        await clock.sleep_until(begun_ns + MINUTE_NS)
        clock.close()
        said = (begun_ns, begun_ns + 1, begun_ns + MINUTE_NS, begun_ns + MINUTE_NS + 1)
        return [clock.arrival_ns(at) - begun_ns for at in said]

    assert asyncio.run(stamps()) == [MINUTE_NS, 1, MINUTE_NS, MINUTE_NS]


async def _read(socket: MarketSocket) -> None:
    async for _ in socket.messages():
        pass


async def _at_rest(reached: Callable[[], bool]) -> None:
    """Wait for what takes some seconds of ours, whatever the exchange's time."""
    for _ in range(6_000):
        if reached():
            return
        await asyncio.sleep(0.01)
