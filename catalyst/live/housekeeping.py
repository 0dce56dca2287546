"""Between decisions: what people ask for, signs of life, degraded modes, books compared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from catalyst.data.calendar import day_to_date
from catalyst.errors import ServiceError
from catalyst.live.acts import Situation
from catalyst.live.broker_desk import BrokerDesk
from catalyst.live.cache_feed import CacheFeed
from catalyst.live.control import ControlInbox, ControlRequest
from catalyst.live.database import Database
from catalyst.live.events import Alert, Body, Control, Found
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.feeds import Feeds
from catalyst.live.health import (
    DEAD,
    DEGRADED,
    ServiceState,
    heartbeat,
    read_health,
    write_limits,
)
from catalyst.live.news_collection import keep_collected
from catalyst.live.reconcile import Reconciler
from catalyst.live.statements import statement
from catalyst.live.status import Degraded
from catalyst.live.threads import in_thread
from catalyst.live.wall_clock import WallClock
from catalyst.strategy.params import Params
from catalyst.strategy.values import Grid, Session

_SECOND_NS = 10**9
_INBOX_S = 0.5
_BEAT_S = 5.0
_PROJECT_S = 1.0
_RECONCILE_NS = 300 * _SECOND_NS
# Before the open, what will be read first is loaded into the cache.
_WARM_NS = 1_800 * _SECOND_NS
_WORDS = {
    "paused": "no new entries: a person paused them; exits go on",
    "flatten": "everything is being closed, as a person asked",
    "database": "nothing new is sent: the journal's database is away; the broker holds the stops",
    "broker": "nothing new is sent: the broker gives no answers; its stops stand",
    "blind_orders": "no new entries: the broker's order stream is not heard",
    "blind_bars": "no new entries: bars may be missing",
    "news_dead": "no new entries: the source of news is dead; exits go on",
    "cache": "slower: there is no cache",
}


@dataclass
class Housekeeping:
    """Keep a session's surroundings in order.

    Parameters
    ----------
    paused
        Whether entries were paused before this process began.
    feeds
        While they are open.
    cache
        What reads are served from; None where there is none.
    """

    database: Database
    broker: BrokerDesk
    reconciler: Reconciler
    clock: ExchangeClock | WallClock
    session: Session
    params: Params
    grid: Grid
    tell: Callable[[str], None]
    stop: asyncio.Event
    paused: bool = False
    flatten: bool = False
    feeds: Feeds | None = None
    cache: CacheFeed | None = None
    _asked: list[ControlRequest] = field(default_factory=list)
    _told: dict[str, str] = field(default_factory=dict)
    _inbox_at: float = 0.0
    _beat_at: float = 0.0
    _project_at: float = 0.0
    _reconciled_ns: int = 0
    _warm: bool = False
    _projecting: asyncio.Task[None] | None = None

    def situation(self) -> Situation:
        """Say what converging is told."""
        now_ns = self.clock.now_ns()
        return Situation(
            now_ns,
            self.session.open_ns <= now_ns < self.session.close_ns,
            self.broker.names,
            self.broker.decided_ns,
            self._no_entries(),
            self.grid.timeframe_ns,
            self.params.risk.positions_max,
            flatten=self.flatten,
            watch_frac=self.params.execution.watch_frac,
            # What is ours is known by fills, sooner than any question to the broker tells it.
            held=frozenset(
                self.broker.names[e.symbol] for e in self.broker.projected().entries if e.held
            ),
            foreign=self.reconciler.foreign,
        )

    def _no_entries(self) -> str:
        if self.stop.is_set():
            return "stopping"
        stopping = [rule for rule, _ in self._degraded() if rule != "cache"]
        return stopping[0] if stopping else ""

    def _degraded(self) -> list[tuple[str, str]]:
        """List the rules by which less is done, with the cause where one is known."""
        found: list[tuple[str, str]] = []
        if self.flatten:
            found.append(("flatten", ""))
        if self.paused:
            found.append(("paused", ""))
        if self.broker.writer.lost:
            found.append(("database", ""))
        if self.broker.silent_since_ns:
            found.append(("broker", ""))
        if not self.broker.broker.listening:
            found.append(("blind_orders", ""))
        # Before the first decision is due, feeds are still asking for what was before them.
        if self.feeds is not None and self.clock.now_ns() >= self.session.pre_ns:
            if self.feeds.bars.blind:
                found.append(("blind_bars", self.feeds.bars.why))
            if self.feeds.news.dead:
                found.append(("news_dead", self.feeds.news.why))
        if self.cache is not None and not self.cache.cache.healthy:
            found.append(("cache", self.cache.cache.trouble))
        return found

    async def first(self, failed: Sequence[Body]) -> None:
        """Before anything else: close what a dead process left, see the broker, converge."""
        await self.broker.write(failed)
        # A pause that was asked while nobody ran comes before anything is sent.
        await self._take_requests()
        self._told = dict.fromkeys(await in_thread(self._open_rules, name="alerts"), "")
        await self.reconciler.work()
        await self.broker.take_updates()
        # What differs twice is real: what a person sold is booked before it would be protected.
        await self.reconciler.work()
        await self.broker.work()
        await self.reconciler.work()
        self._reconciled_ns = self.clock.now_ns()

    def _open_rules(self) -> list[str]:
        """List the degraded modes that a process before did not live to call over."""
        account = {"account_id": self.broker.writer.journal.account_id}
        with self.database.connection() as connection:
            rows = connection.execute(statement("degraded_open"), account).fetchall()
        return [rule for (rule,) in rows]

    async def wait(self) -> None:
        """Be there between sessions: for people, the broker's word, and who looks at us."""
        await self.work()
        await self.broker.take_updates()
        await self.broker.work()

    async def work(self) -> None:
        """Do what is due; called between instants, and cheap where nothing is."""
        now = time.monotonic()
        if now - self._inbox_at >= _INBOX_S:
            self._inbox_at = now
            await self._take_requests()
        await self._say_degraded()
        if self.clock.now_ns() - self._reconciled_ns >= _RECONCILE_NS:
            self._reconciled_ns = self.clock.now_ns()
            await self.reconciler.work()
        if now - self._beat_at >= _BEAT_S:
            self._beat_at = now
            await self._beat()
        if now - self._project_at >= _PROJECT_S and (
            self._projecting is None or self._projecting.done()
        ):
            self._project_at = now
            self._projecting = asyncio.create_task(self._project(), name="projections")

    async def last(self) -> None:
        """Before the end: what is written is projected, and the end is said."""
        if self._projecting is not None:
            await asyncio.gather(self._projecting, return_exceptions=True)
        await self._project()

    async def _project(self) -> None:
        try:
            await in_thread(self._bring_up_to_date, name="projections")
        except ServiceError as error:
            # The rows wait in the journal, and are worked off once the database is back.
            self.tell(str(error))

    def _bring_up_to_date(self) -> None:
        """Derive tables from the journal, and let limits and the cache follow them."""
        account_id, now_ns = self.broker.writer.journal.account_id, self.clock.now_ns()
        self.broker.writer.journal.project_pending()
        if self.feeds is not None:
            keep_collected(self.database, account_id, self.feeds.news.collected())
        write_limits(
            self.database,
            account_id,
            params=self.params,
            state=self.broker.state,
            names=self.broker.names,
            at_ns=now_ns,
        )
        if self.cache is None:
            return
        self.cache.follow(now_ns)
        if not self._warm and now_ns >= self.session.open_ns - _WARM_NS:
            self._warm = True
            self.cache.warm(now_ns)
        self.cache.put_health(read_health(self.database, account_id))

    async def _take_requests(self) -> None:
        inbox = ControlInbox(self.database, self.broker.writer.journal.account_id)
        try:
            if self._asked and not self._busy():
                for one in self._asked:
                    await in_thread(
                        lambda r=one: inbox.done(  # type: ignore[misc]
                            r.request_id, "all positions are closed and no order works"
                        ),
                        name="requests",
                    )
                self._asked, self.flatten = [], False
            for request in await in_thread(inbox.pending, name="requests"):
                if request.request_id in {r.request_id for r in self._asked}:
                    continue
                await self.broker.write([Control(request.command, request.by, request.request_id)])
                answer = self._obey(request)
                if answer:
                    await in_thread(
                        lambda r=request, a=answer: inbox.done(r.request_id, a),  # type: ignore[misc]
                        name="requests",
                    )
        except ServiceError as error:
            self.tell(str(error))

    def _busy(self) -> bool:
        state, mirror = self.broker.projected(), self.broker.mirror
        ours = any(not o.status.final for i, o in mirror.orders.items() if i in mirror.serves)
        return ours or any(e.held for e in state.entries)

    def _obey(self, request: ControlRequest) -> str:
        if request.command == "pause":
            self.paused = True
            return "entries are paused; exits go on"
        if request.command == "resume":
            self.paused = False
            return "entries are allowed again"
        # Answered once all is flat; entries stay paused until somebody resumes them.
        self.flatten = self.paused = True
        self._asked.append(request)
        return ""

    async def _say_degraded(self) -> None:
        now = dict(self._degraded())
        bodies: list[Body] = self._outages()
        for rule, why in now.items():
            if rule not in self._told:
                text = _WORDS[rule] + (f" ({why})" if why else "")
                severity = "info" if rule in ("paused", "flatten") else "critical"
                severity = "warning" if rule == "cache" else severity
                bodies.append(Alert(f"degraded_{rule}", "", severity, text))
        bodies += [
            Alert(f"degraded_{rule}", "", "info", f"over: {_WORDS.get(rule, rule)}", over=True)
            for rule in self._told
            if rule not in now
        ]
        self._told = now
        if bodies:
            self._beat_at = 0.0
            for body in bodies:
                if isinstance(body, Alert):
                    self.tell(body.text)
            await self.broker.write(bodies)

    def _outages(self) -> list[Body]:
        """Tell of the times the database was away: while it was, nothing could be written."""
        count, self.broker.writer.outages = self.broker.writer.outages, 0
        if not count:
            return []
        text = "the journal's database was away; nothing was sent meanwhile, and it is back"
        day = str(day_to_date(self.session.day))
        return [
            Found("database_back", "", text),
            Alert("database_lost", day, "warning", text, float(count), 0.0),
        ]

    @property
    def degraded(self) -> str:
        """Return the first rule by which less is done now, empty if all is."""
        return next((rule for rule, _ in self._degraded()), "")

    async def _beat(self) -> None:
        degraded = [Degraded(rule, _WORDS[rule]) for rule, _ in self._degraded()]
        rules = {d.rule for d in degraded}
        services: dict[str, ServiceState] = {}
        if "news_dead" in rules:
            services["news"] = ServiceState(DEAD, self._told.get("news_dead", ""))
        if "blind_bars" in rules:
            services["scanner"] = ServiceState(DEGRADED, self._told.get("blind_bars", ""))
        if rules & {"blind_orders", "broker"}:
            services["trading"] = ServiceState(DEGRADED, "the broker is not heard")
        if "cache" in rules:
            services["redis"] = ServiceState(DEGRADED, self._told.get("cache", ""))
        try:
            await in_thread(
                lambda: heartbeat(
                    self.database,
                    self.broker.writer.journal.account_id,
                    services=services,
                    degraded=degraded,
                    exchange_ns=self.clock.now_ns(),
                    speed=getattr(self.clock, "speed", 1.0),
                ),
                name="heartbeat",
            )
        except ServiceError as error:
            self.tell(str(error))
