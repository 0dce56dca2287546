"""Sessions, one after another: prepare, take up, trade, close; start and restart are one path."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.market import Market
from catalyst.data.state_codec import state_json
from catalyst.data.version import code_version
from catalyst.live.alpaca_broker import AlpacaBroker
from catalyst.live.broker_desk import BrokerDesk, listening
from catalyst.live.cache_feed import CacheFeed
from catalyst.live.database import Database
from catalyst.live.driver import trade_session
from catalyst.live.events import Body, Cycle, SessionClosed, SessionOpened
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.feeds import Feeds, open_feeds, stored_series
from catalyst.live.folding import fold
from catalyst.live.housekeeping import Housekeeping
from catalyst.live.journal import Journal
from catalyst.live.lake_export import export_session
from catalyst.live.ledger_writer import LedgerWriter
from catalyst.live.market_source import MarketSource
from catalyst.live.news_vendors import NewsVendor
from catalyst.live.preparation import (
    arrivals,
    beginning,
    due_actions,
    inputs_of,
    seeded,
    session_of,
    warmed,
)
from catalyst.live.reconcile import Reconciler
from catalyst.live.recovery import Recovered, closed_day, left_open, opened_day, recovered
from catalyst.live.seen import SeenSource
from catalyst.live.session_summary import summary_of
from catalyst.live.statements import statement
from catalyst.live.threads import in_thread
from catalyst.live.trading_desk import TradingDesk
from catalyst.live.wall_clock import WallClock
from catalyst.strategy.clock import market_state
from catalyst.strategy.ids import content_id
from catalyst.strategy.params import Params
from catalyst.strategy.values import MarketState, Session

_SECOND_NS = 10**9
_PREPARE_NS = 300 * _SECOND_NS
_LEASE_NS = 600 * _SECOND_NS
_LATE_NS = 3_600 * _SECOND_NS
_LOOK_S = 0.5
_MODES = {
    MarketState.PRE_MARKET: "aggressive",
    MarketState.REGULAR: "normal",
    MarketState.AFTER_HOURS: "light",
    MarketState.CLOSED: "light",
}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Hold what is to be traded.

    Attributes
    ----------
    lake
        With the history before the first session.
    root
        Live's own lake, made if missing.
    start, sessions
        First day, None for now; how many sessions, None for no end.
    vendors
        Makes further sources of news for a run's symbols.
    """

    params: Params
    lake: Lake
    root: Path
    state: Path
    timeframe: str
    symbols: tuple[str, ...] | None = None
    start: dt.date | None = None
    sessions: int | None = None
    vendors: Callable[[Sequence[str]], Sequence[NewsVendor]] | None = None


@dataclass
class Coordinator:
    """Trade an account, session by session.

    Parameters
    ----------
    plan
        What.
    database, journal, broker, source, clock
        With what; all open.
    streamed
        Timeframe of the bars that are streamed.
    tell
        Told, in a sentence, what a person watching wants to know.
    after_session
        Called with the day after each session that was closed.
    cache
        What reads are served from; None where there is none.

    Attributes
    ----------
    stop
        Set to stop after the act at hand.
    """

    plan: Plan
    database: Database
    journal: Journal
    broker: AlpacaBroker
    source: MarketSource
    clock: ExchangeClock | WallClock
    streamed: str
    tell: Tell
    after_session: Callable[[str], None] | None = None
    cache: CacheFeed | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    desk: TradingDesk | None = None
    _done: int = 0

    async def run(self) -> None:
        """Trade until the plan is done, or `stop` is set."""
        self.clock.watch(self.broker.stream)
        while not self.stop.is_set():
            session = self._next_session()
            if session is None:
                return
            await self._session(session)
            if self.stop.is_set():
                return
            self._done += 1
            if self.plan.sessions is not None and self._done >= self.plan.sessions:
                return

    def _export(self, day: dt.date) -> None:
        inputs = inputs_of(self.database, self.journal.account_id, str(day))
        export_session(inputs, day, self.plan.root)

    def _next_session(self) -> Session | None:
        now_ns = self.clock.now_ns()
        day = dt.datetime.fromtimestamp(now_ns / _SECOND_NS, dt.UTC).date()
        first = max(day - dt.timedelta(days=1), self.plan.start or day - dt.timedelta(days=1))
        folded = fold(self.database, self.journal.account_id)
        done, left = closed_day(folded), "" if folded.closed else opened_day(folded)
        for number in range(30):
            found = session_of(first + dt.timedelta(days=number))
            if found is None or (done and str(day_to_date(found.day)) <= done):
                continue
            # One whose process died in its last moments is ended as any other, not as left behind.
            late_ns = _LATE_NS if str(day_to_date(found.day)) == left else 0
            if found.post_ns + late_ns > now_ns:
                return found
        return None

    async def _wait_for(self, session: Session, keeper: Housekeeping) -> None:
        """Wait for the hour before a session; people and the broker are heard all the same."""
        at_ns = session.pre_ns - _PREPARE_NS
        while self.clock.now_ns() < at_ns and not self.stop.is_set():
            await keeper.wait()
            if getattr(self.clock, "ended", False):
                self.tell("the exchange has played its last session")
                self.stop.set()
            look_ns = round(_LOOK_S * getattr(self.clock, "speed", 1.0) * _SECOND_NS)
            next_ns = at_ns if self.clock.stepped else self.clock.now_ns() + look_ns
            await self.clock.sleep_until(min(at_ns, next_ns))

    async def _session(self, session: Session) -> None:
        plan, day = self.plan, day_to_date(session.day)
        folded = await in_thread(
            lambda: fold(self.database, self.journal.account_id), name="journal"
        )
        resumed = folded.closed is None and opened_day(folded) == str(day)
        last = opened_day(folded)
        if last and not resumed:
            # Its process may have ended before it kept what it saw, or before its close.
            await in_thread(lambda: self._export(dt.date.fromisoformat(last)), name="lake")
        since_ns = folded.first_opened.at_ns if resumed and folded.first_opened else 0
        since_ns = since_ns or self.clock.now_ns()
        feed = await self._seeded(day, since_ns, plan.symbols)
        index = {name: i for i, name in enumerate(feed.names)}
        known = recovered(folded, index)
        writer = LedgerWriter(self.journal, self.tell, self.stop)
        account = await in_thread(self.broker.account, name="broker")
        state = known.state or beginning(plan.params, account.cash_micro)
        broker = BrokerDesk(
            self.broker,
            known.mirror,
            writer,
            feed.names,
            self.clock.now_ns,
            lambda: keeper.situation(),  # noqa: PLW0108 - it is made below, and knows this desk
            state,
            pending=known.pending,
            decided_ns=known.decided_ns,
            fills_seq=known.fills_seq,
        )
        broker.account = account
        reconciler = Reconciler(broker)
        keeper = Housekeeping(
            self.database,
            broker,
            reconciler,
            self.clock,
            session,
            plan.params,
            grid=feed.grid,
            tell=self.tell,
            stop=self.stop,
            paused=known.paused,
            cache=self.cache,
        )
        async with listening(broker):
            # What hangs in the air comes first: before history is loaded, and before any stream.
            await keeper.first(self._failed_cycles())
            if not resumed:
                await broker.write(left_open(folded, day, broker))
                await self._wait_for(session, keeper)
                since_ns = self.clock.now_ns()
                feed = await self._seeded(day, since_ns, feed.names)
            if not self.stop.is_set():
                taken = "is taken up again" if resumed else "is prepared"
                self.tell(f"the session of {day} {taken}: history first, then the streams")
                await self._trade(session, feed, broker, keeper, known, since_ns, resumed=resumed)

    async def _seeded(self, day: dt.date, since_ns: int, symbols: Sequence[str] | None) -> Feed:
        plan = self.plan
        return await in_thread(
            lambda: seeded(plan.lake, plan.root, day, since_ns, plan.timeframe, symbols),
            name="lake",
        )

    async def _trade(
        self,
        session: Session,
        feed: Feed,
        broker: BrokerDesk,
        keeper: Housekeeping,
        known: Recovered,
        since_ns: int,
        *,
        resumed: bool,
    ) -> None:
        plan, day = self.plan, str(day_to_date(session.day))
        before = state_json(broker.state, feed.names)
        seen = SeenSource(feed, since_ns)
        inputs = await in_thread(
            lambda: inputs_of(self.database, self.journal.account_id, day), name="journal"
        )
        bars, news = arrivals(inputs)
        after_ns = known.decided_ns if resumed and known.decided_ns >= session.pre_ns else -1
        market = await in_thread(
            lambda: warmed(feed, seen, plan.params, session, bars, news), name="history"
        )
        opened = SessionOpened(
            day,
            plan.params.variant,
            plan.params.hash,
            plan.params.as_mapping(),
            code_version(),
            plan.timeframe,
            list(feed.names),
            str(plan.lake.root.resolve()),
            before,
            resumed,
        )
        await broker.write([opened])
        series = stored_series(feed.lake, plan.timeframe, feed.names)
        grace_ns = round(plan.params.execution.bar_grace_s * _SECOND_NS)
        async with open_feeds(
            self.source,
            self.clock,
            lake=feed.lake,
            grid=feed.grid,
            series=series,
            begin_ns=session.pre_ns,
            grace_ns=grace_ns,
            state=plan.state,
            streamed=self.streamed,
            seen_bars=bars,
            seen_news=news,
            vendors=plan.vendors(feed.names) if plan.vendors is not None else (),
            tell=self.tell,
        ) as feeds:
            desk = self._desk(session, market, seen, feeds, broker, keeper)
            desk.stop = self.stop
            desk.began_ns = -1 if resumed else self.clock.now_ns()
            desk.actions = due_actions(feed, broker.state.day, session)
            keeper.feeds = feeds
            self.desk = desk
            try:
                await trade_session(desk, session, after_ns=after_ns)
                if not self.stop.is_set():
                    await self._close(session, desk, keeper)
            finally:
                keeper.feeds = None
                await keeper.last()
        if not self.stop.is_set():
            await self._after(session)

    def _desk(
        self,
        session: Session,
        market: Market,
        seen: SeenSource,
        feeds: Feeds,
        broker: BrokerDesk,
        keeper: Housekeeping,
    ) -> TradingDesk:
        return TradingDesk(
            self.plan.params.on(session.day),
            session,
            self.plan.timeframe,
            market,
            seen,
            feeds,
            self.clock,
            broker,
            keeper.work,
            lambda asof_ns, status, why: self._cycle(
                session,
                asof_ns,
                "degraded" if status == "done" and keeper.degraded else status,
                why or keeper.degraded,
            ),
        )

    def _cycle(self, session: Session, asof_ns: int, status: str, why: str) -> list[Body]:
        return [
            Cycle(
                content_id("cycle", self.journal.account_id, asof_ns),
                asof_ns,
                _MODES[market_state(session, asof_ns)],
                status,
                f"{socket.gethostname()}:{os.getpid()}",
                self.clock.now_ns() + _LEASE_NS,
                why=why,
            )
        ]

    def _failed_cycles(self) -> Sequence[Body]:
        why = "the process that owned it ended"
        with self.database.connection() as connection:
            rows = connection.execute(
                statement("cycles_begun"), {"account_id": self.journal.account_id}
            ).fetchall()
        return [
            Cycle(cycle_id, asof_ns, mode, "failed", owner, lease_ns, why=why)
            for cycle_id, asof_ns, mode, owner, lease_ns in rows
        ]

    async def _close(self, session: Session, desk: TradingDesk, keeper: Housekeeping) -> None:
        broker = desk.broker
        await desk.keep_rest()
        await keeper.reconciler.work()
        await keeper.reconciler.work()
        state, account = broker.projected(), broker.account
        assert account is not None  # noqa: S101 - it was asked for at the start
        names = desk.seen.names
        await broker.write(
            [
                SessionClosed(
                    str(day_to_date(session.day)),
                    state.cash_micro,
                    state.equity_micro,
                    account.cash_micro,
                    account.equity_micro,
                    {names[e.symbol]: e.side * e.held for e in state.entries if e.held},
                    state_json(broker.state, names),
                )
            ]
        )

    async def _after(self, session: Session) -> None:
        day = day_to_date(session.day)
        await in_thread(self.journal.project_pending, name="projections")
        await in_thread(lambda: self._export(day), name="lake")
        self.tell(f"the session of {day} is closed, and what was seen is kept in {self.plan.root}")
        summary = partial(summary_of, self.database, self.journal.account_id)
        span = {"began_ns": session.pre_ns, "now_ns": self.clock.now_ns()}
        for sentence in await in_thread(lambda: summary(**span), name="summary"):
            self.tell(sentence)
        if self.after_session is not None:
            await in_thread(lambda: self.after_session(str(day)), name="after")  # type: ignore[misc]
