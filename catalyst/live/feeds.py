"""Everything that a live session sees: bars and news as they arrive, and whether to trust them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalyst.data.calendar import MINUTE_NS
from catalyst.data.lake import Lake
from catalyst.data.series import Series, chosen_series, series_in
from catalyst.data.timeframes import LENGTH_NS, timeframe_named
from catalyst.errors import InputError
from catalyst.live.backfill import Backfill
from catalyst.live.bar_slots import BarArrival, BarSlots
from catalyst.live.bar_stream import BarFeed
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.market_socket import MarketSocket
from catalyst.live.market_source import MarketSource
from catalyst.live.news_reader import NewsReader
from catalyst.live.news_stream import NewsFeed
from catalyst.live.news_vendors import NewsVendor
from catalyst.live.threads import in_thread
from catalyst.live.wall_clock import WallClock
from catalyst.strategy.values import Grid

_LOOK_S = 0.05
_OPEN_S = 15.0
_CLOSE_S = 5.0
#: Of the bars that Alpaca streams.
STREAMED = "1m"


@dataclass(frozen=True)
class Feeds:
    """Hold the feeds of a session while they run; made by `open_feeds`."""

    bars: BarFeed
    news: NewsFeed


def _nothing(_: str) -> None:
    pass


@contextlib.asynccontextmanager
async def open_feeds(
    source: MarketSource,
    clock: ExchangeClock | WallClock,
    *,
    lake: Lake,
    grid: Grid,
    series: Mapping[str, Series],
    begin_ns: int,
    grace_ns: int,
    state: Path,
    streamed: str = STREAMED,
    seen_bars: Iterable[BarArrival] = (),
    seen_news: Iterable[Mapping[str, Any]] = (),
    vendors: Sequence[NewsVendor] = (),
    tell: Callable[[str], None] = _nothing,
) -> AsyncIterator[Feeds]:
    """Open both streams, ask for what was missed, and keep both going until the block ends.

    Parameters
    ----------
    source
        Where bars and news come from.
    clock
        The exchange's time; a stepped one waits for the feeds from here on.
    lake
        Live's own lake, with what was known before `begin_ns`.
    grid
        Of the run's base bars.
    series
        The run's symbols, and under which source and adjustment their bars are kept, as
        `stored_series` gives them: live goes on with the series that history has.
    begin_ns
        When the session, or what of it is wanted, begins, ns UTC.
    grace_ns
        A bar that arrived this soon after its end counts as known at its end.
    state
        Folder for the rate limit that processes share.
    streamed
        Timeframe of the stream's bars; a paper exchange's clock tells its own.
    seen_bars, seen_news
        What an earlier process of this session saw, from the journal: it is not seen again.
    vendors
        Further sources of news, from `catalyst.live.news_vendors`: only where time is real.
    tell
        Told, in a sentence, what changes for the worse or better.

    Raises
    ------
    InputError
        If base bars are daily or no multiple of the stream's, or the server refuses the keys.

    Notes
    -----
    What a feed can't cope with ends the block, in place of a cancellation.
    """
    part = timeframe_named(streamed)
    part_ns = LENGTH_NS.get(part, 0)
    if grid.daily or not part_ns or grid.timeframe_ns % part_ns:
        minutes = grid.timeframe_ns // MINUTE_NS
        raise InputError(
            f"bars of {streamed} are streamed, and the run's are {minutes} minutes long; expected "
            "intraday bars that are made of whole streamed ones: choose another --timeframe"
        )
    bar_socket = MarketSocket(
        f"{source.stream_url}/v2/{source.feed}",
        source.key,
        source.secret,
        {"bars": sorted(series), "updatedBars": sorted(series)},
    )
    news_socket = MarketSocket(
        f"{source.stream_url}/v1beta1/news", source.key, source.secret, {"news": ["*"]}
    )
    slots = BarSlots(grid, part_ns, series, grace_ns)
    backfill = Backfill(source, state)
    bars = BarFeed(bar_socket, backfill, slots, part, clock, begin_ns, tell)
    news_backfill = Backfill(source, state)
    news_begin_ns = max(begin_ns, clock.now_ns())
    reader = NewsReader(lake, news_begin_ns)
    await in_thread(reader.warm, name="news-reader")
    news = NewsFeed(news_socket, news_backfill, reader, clock, news_begin_ns, tell)
    backfill.failing = bars.gaps.failing
    news_backfill.failing = news.gaps.failing
    bars.remember(seen_bars)
    news.remember(seen_news)
    clock.watch(bars)
    clock.watch(news)
    owner = asyncio.current_task()
    broken: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            # A feed that can't go on must not look like a quiet market.
            broken.append(error)
            if owner is not None:
                owner.cancel()

    tasks = [
        asyncio.create_task(work, name=name)
        for name, work in (
            ("clock", clock.keep()),
            ("bars", bars.run()),
            ("bar-gaps", bars.gaps.run()),
            ("bar-looks", _keep_looking(bars)),
            ("news", news.run()),
            ("news-gaps", news.gaps.run()),
            ("news-looks", _keep_looking(news)),
            *((one.name, news.ask_now_and_then(one, every_s=one.every_s)) for one in vendors),
        )
    ]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        await _opened((bar_socket, news_socket))
        yield Feeds(bars, news)
    except asyncio.CancelledError:
        if broken and owner is not None:
            owner.uncancel()
            raise broken[0] from None
        raise
    finally:
        clock.forget(bars)
        clock.forget(news)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_CLOSE_S)


def stored_series(lake: Lake, timeframe: str, symbols: Sequence[str]) -> Mapping[str, Series]:
    """Say which series of a lake live goes on with: that which a run over it reads.

    Raises
    ------
    LakeError
        If there are no such bars.
    InputError
        If a symbol has none.
    """
    chosen = chosen_series(series_in(lake, timeframe))
    missing = sorted(set(symbols) - set(chosen))
    if missing:
        raise InputError(
            f"the lake {lake.root} has no {timeframe} bars of {', '.join(missing)}; import or pull "
            "them first: live goes on with the history that it has"
        )
    return {symbol: chosen[symbol] for symbol in sorted(symbols)}


async def _keep_looking(feed: BarFeed | NewsFeed) -> None:
    while True:
        await feed.look()
        await asyncio.sleep(_LOOK_S)


async def _opened(sockets: Sequence[MarketSocket]) -> None:
    """Wait for both streams; what refuses us at the start is an error, what is late is not."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_OPEN_S):
            while not all(one.subscribed for one in sockets):
                for one in sockets:
                    if one.refused:
                        raise InputError(
                            f"{one.url} refuses {one.refused}; check ALPACA_API_KEY, "
                            "ALPACA_SECRET_KEY and the plan's feed"
                        )
                await asyncio.sleep(_LOOK_S)
