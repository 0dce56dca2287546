"""All that a live process stands on, opened in order and closed in reverse."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.settings import Settings
from catalyst.errors import LakeError
from catalyst.live.alpaca_broker import opened
from catalyst.live.cache import Cache
from catalyst.live.cache_feed import CacheFeed
from catalyst.live.coordinator import Coordinator, Plan, Tell
from catalyst.live.database import Database
from catalyst.live.endpoint import Endpoint, Keys, Money, endpoint_of, keys_of, parse_endpoint
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.feeds import STREAMED
from catalyst.live.hand_journal import journal_hand_acts
from catalyst.live.health import end_heartbeat
from catalyst.live.house_exchange import HouseExchange, house_exchange
from catalyst.live.journal import Journal
from catalyst.live.market_source import market_source
from catalyst.live.news_vendors import news_vendors
from catalyst.live.run_file import Run, write_run_file
from catalyst.live.schema import migrate
from catalyst.live.services import Services, open_services
from catalyst.live.system_log import keep_logs
from catalyst.live.wall_clock import WallClock
from catalyst.strategy.history import history_sessions
from catalyst.strategy.params import Params

_NEW_YORK = ZoneInfo("America/New_York")
# Python's own 5 ms would be waited by a decision at each turn, while tables are derived beside it.
_SWITCH_S = 0.0005


@dataclass(frozen=True)
class Live:
    """Hold what was asked for on the command line.

    Attributes
    ----------
    start, sessions
        First day (None: now, or the lake's first on the paper exchange), and how many sessions.
    speed
        Of the paper exchange: seconds of it in one of ours; 0 is as fast as the machine goes.
    account
        Name of an account at the paper exchange; each has books and a journal of its own.
    feed
        ``iex`` or ``sip``, of Alpaca.
    """

    params: Params
    lake: Lake
    timeframe: str
    symbols: tuple[str, ...] | None
    start: dt.date | None
    sessions: int | None
    speed: float
    account: str
    feed: str


def first_day(feed: Feed) -> dt.date:
    """Return the first day of a lake that has all the history before it that decisions rest on.

    Raises
    ------
    LakeError
        If the lake holds no more sessions than that.
    """
    days, needed = feed.lake.days(str(feed.timeframe)), history_sessions(feed.grid)
    if len(days) <= needed:
        raise LakeError(
            f"the lake {feed.lake.root} holds {len(days)} sessions, and decisions rest on {needed} "
            "before the first; import more, or name a --start"
        )
    return days[needed]


def run_live(
    asked: Live,
    settings: Settings,
    *,
    tell: Tell,
    after_session: Callable[[str, str], None] | None = None,
    watch: Callable[[Services, Database, str], None] | None = None,
) -> str:
    """Trade until what was asked for is done, or a signal asks to stop.

    Parameters
    ----------
    tell
        Told, in a sentence, what a person wants to know.
    after_session
        Called with account and day after each session that was closed.
    watch
        Called once everything is open, with services, database and account.

    Returns
    -------
    str
        The account that was traded.

    Raises
    ------
    CatalystError
        If something is missing, before anything is sent; or it can't go on.
    """
    with ExitStack() as held:
        endpoint, keys, data_url, exchange = _place(asked, settings, held)

        def adopt() -> None:
            # Only who has the account's lock may end an exchange that another one started.
            if exchange is not None and exchange.found:
                tell(f"the paper exchange at {exchange.url} went on alone; it is used again")
                held.callback(exchange.stop)

        services = held.enter_context(open_services(settings.catalyst_home, settings))
        if "postgresql" in services.embedded:
            migrate(services.database_url)
        database = held.enter_context(Database(services.database_url))
        database.check_version()
        return asyncio.run(
            _run(
                asked,
                settings,
                (endpoint, keys, data_url),
                adopt,
                services,
                database,
                tell=tell,
                after_session=after_session,
                watch=watch,
            )
        )


def _place(
    asked: Live, settings: Settings, held: ExitStack
) -> tuple[Endpoint, Keys, str, HouseExchange | None]:
    """Say where to trade: Alpaca with its keys, an exchange named by address, or one of our own."""
    if settings.alpaca_api_key is not None or settings.alpaca_secret_key is not None:
        endpoint = endpoint_of(settings)
        here = endpoint.money is Money.LOCAL
        url = endpoint.url if here else settings.alpaca_data_url
        return endpoint, keys_of(settings), url, None
    arguments: dict[str, str | None] = {
        "--lake": str(asked.lake.root),
        "--timeframe": asked.timeframe,
        "--speed": f"{asked.speed:g}",
        "--variant": "spec",
        "--wait": None,
        "--cash": f"{asked.params.risk.initial_equity_usd:g}",
    }
    if asked.start is not None:
        arguments["--start"] = str(asked.start)
    if asked.symbols is not None:
        arguments["--symbols"] = ",".join(asked.symbols)
    text = "|".join(f"{k}={v}" for k, v in arguments.items() if k not in ("--speed", "--wait"))
    name = f"{asked.account}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
    exchange = house_exchange(settings.catalyst_home / "state", name, arguments)
    if not exchange.found:
        held.callback(exchange.stop)
    # Other books, another account: one journal must not tell of two.
    return parse_endpoint(exchange.url), Keys(name, name), exchange.url, exchange


async def _run(
    asked: Live,
    settings: Settings,
    place: tuple[Endpoint, Keys, str],
    adopt: Callable[[], None],
    services: Services,
    database: Database,
    *,
    tell: Tell,
    after_session: Callable[[str, str], None] | None,
    watch: Callable[[Services, Database, str], None] | None,
) -> str:
    endpoint, keys, data_url = place
    sys.setswitchinterval(_SWITCH_S)
    here = endpoint.money is Money.LOCAL
    clock: ExchangeClock | WallClock
    if here:
        clock = await ExchangeClock(endpoint.url, keys.key, keys.secret, tell=tell).open()
    else:
        clock = WallClock(lambda: broker.clock_ns(), tell=tell)  # noqa: PLW0108 - opened below
    speed = getattr(clock, "speed", 1.0)
    broker = opened(
        settings, endpoint=endpoint, keys=keys, speed=speed, note=tell, now_ns=clock.now_ns
    )
    account = broker.account().number
    state = settings.catalyst_home / "state"
    run = Run(
        account,
        os.getpid(),
        asked.params.variant,
        asked.timeframe,
        services.database_url.get_secret_value(),
        services.redis_url.get_secret_value() if services.redis_url else "",
        endpoint.url,
        dt.datetime.now(_NEW_YORK).isoformat(timespec="seconds"),
        paper_account=keys.key if settings.alpaca_api_key is None else "",
    )
    with (
        write_run_file(state, run),
        Journal.open(database, account) as journal,
        keep_logs(database, account_id=account, correlation_id=f"{run.begun_at} {run.pid}"),
        closing(Cache(services.redis_url, owner=True, absent=services.redis_error)) as cache,
    ):
        adopt()
        by_hand = journal_hand_acts(state, journal, at_ns=clock.now_ns())
        if by_hand:
            tell(f"{by_hand} acts by hand were taken into the journal; entries are paused")
        coordinator = Coordinator(
            Plan(
                asked.params,
                asked.lake,
                settings.catalyst_home / "lake" / f"live-{account}",
                state,
                asked.timeframe,
                asked.symbols,
                asked.start if here else None,
                asked.sessions,
                None if here else lambda names: news_vendors(settings, names, state=state),
            ),
            database,
            journal,
            broker,
            market_source(data_url, key=keys.key, secret=keys.secret, feed=asked.feed),
            clock,
            getattr(clock, "timeframe", "") or STREAMED,
            tell,
            (lambda day: after_session(account, day)) if after_session else None,
            CacheFeed(cache, database, account, after_seq=journal.last_seq),
        )
        if watch is not None:
            watch(services, database, account)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, coordinator.stop.set)
        await coordinator.run()
        end_heartbeat(database, account)
    return account
