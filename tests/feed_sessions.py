"""Live feeds pointed at a paper exchange, stepped bar by bar."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paper_exchange import Exchange
from worlds import small_lake

from catalyst import Lake
from catalyst.data.feed import Feed
from catalyst.live.bar_slots import BarArrival
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.feeds import Feeds, open_feeds, stored_series
from catalyst.live.input_rows import BarColumns, InputRows, news_row
from catalyst.live.lake_seed import seed_lake
from catalyst.live.market_source import market_source
from catalyst.live.news_stream import Collected

GRACE_NS = 2 * 10**9
MINUTE_NS = 60 * 10**9
BAR_NS = 5 * MINUTE_NS


@dataclass
class Seen:
    """What a session's feeds gave out, decision by decision."""

    clock: ExchangeClock
    feeds: Feeds
    bars: list[BarArrival] = field(default_factory=list)
    news: list[dict[str, Any]] = field(default_factory=list)
    collected: list[Collected] = field(default_factory=list)

    async def until(self, *, stop_ns: int) -> None:
        """Step from bar end to bar end, and take what a decision there may know."""
        asof_ns = self.clock.now_ns()
        while asof_ns < stop_ns:
            asof_ns = min(stop_ns, asof_ns + BAR_NS - asof_ns % BAR_NS)
            await self.clock.sleep_until(asof_ns)
            await self.clock.settle()
            self.bars += self.feeds.bars.drain(asof_ns)
            self.news += self.feeds.news.drain(asof_ns)
            self.collected += self.feeds.news.collected()

    def inputs(self) -> InputRows:
        return InputRows(
            "5m", BarColumns.of(self.bars), [news_row(article) for article in self.news]
        )


@asynccontextmanager
async def live_feeds(
    exchange: Exchange,
    folder: Path,
    *,
    begin_ns: int | None = None,
    seen_bars: Iterable[BarArrival] = (),
    seen_news: Iterable[Mapping[str, Any]] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Seen]:
    """Feeds over the small lake's symbols, and a lake of their own in ``folder/live``."""
    clock = await ExchangeClock(exchange.url, exchange.key, exchange.secret, tell=tell).open()
    feed = Feed(small_lake(), "5m")
    told = exchange.clock()
    lake = seed_lake(
        small_lake(),
        folder / "live",
        dt.date.fromisoformat(told["session"]),
        until_ns=clock.now_ns(),
    )
    try:
        async with open_feeds(
            market_source(exchange.url, key=exchange.key, secret=exchange.secret, feed="iex"),
            clock,
            lake=lake,
            grid=feed.grid,
            series=stored_series(small_lake(), "5m", feed.names),
            begin_ns=told["pre_ns"] if begin_ns is None else begin_ns,
            grace_ns=GRACE_NS,
            state=folder,
            streamed=clock.timeframe,
            seen_bars=seen_bars,
            seen_news=seen_news,
            tell=tell,
        ) as feeds:
            await clock.settle()
            yield Seen(clock, feeds)
    finally:
        clock.close()


def bars_of(lake: Lake, start_ns: int, stop_ns: int) -> list[tuple[Any, ...]]:
    """Symbol, start and values of a lake's 5-minute bars that end after one instant, by another."""
    frame = lake.bars("5m", start=start_ns - BAR_NS + 1, end=stop_ns - BAR_NS + 1)
    starts = frame["ts"].dt.timestamp("ns").to_list()
    values = frame.select("open", "high", "low", "close", "volume").rows()
    return sorted(
        (symbol, ts, *row)
        for symbol, ts, row in zip(frame["symbol"].to_list(), starts, values, strict=True)
    )


def told_bars(bars: Iterable[BarArrival]) -> list[tuple[Any, ...]]:
    return sorted(bar[:7] for bar in bars)
