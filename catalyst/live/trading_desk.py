"""One session as live answers it: time, facts as they arrive, decisions written and carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalyst.data.calendar import day_to_date
from catalyst.data.codec import digest
from catalyst.data.market import Market
from catalyst.data.state_codec import adjustment_json, decision_json, state_json
from catalyst.live.bar_slots import BarArrival
from catalyst.live.broker_desk import BrokerDesk
from catalyst.live.events import Alert, Body, Decided, Inputs, Missed
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.feeds import Feeds
from catalyst.live.finalist_indicators import finalist_indicators
from catalyst.live.input_rows import BarColumns, InputRows
from catalyst.live.limit_alerts import limit_alerts
from catalyst.live.seen import SeenSource
from catalyst.live.threads import in_thread
from catalyst.live.wall_clock import WallClock
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Action, Adjustment, PortfolioState
from catalyst.strategy.session import Look
from catalyst.strategy.values import Grid, MarketView, Session, Survey

_SECOND_NS = 10**9
_WAIT_S = 0.3
_TEND_S = 0.25


@dataclass
class TradingDesk:
    """Answer the session loop from feeds and broker.

    Parameters
    ----------
    params, session
        What is traded by, and when.
    market, seen
        What is known; `seen` feeds `market`.
    feeds, clock
        Streams, and the exchange's time.
    broker
        The account.
    cycle
        Told of every instant: begun, ended, given up.
    housekeeping
        Called between instants: requests of people, heartbeats, reconciling.
    actions
        Splits and dividends that take effect before this session's first look.

    Attributes
    ----------
    stop
        Set to end after the act at hand.
    began_ns
        Instants before it are passed over without a word; -1 where a session is taken up again.
    """

    params: Params
    session: Session
    timeframe: str
    market: Market
    seen: SeenSource
    feeds: Feeds
    clock: ExchangeClock | WallClock
    broker: BrokerDesk
    housekeeping: Callable[[], Awaitable[None]]
    cycle: Callable[[int, str, str], Sequence[Body]]
    actions: tuple[Action, ...] = ()
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    began_ns: int = -1
    opened: bool = False
    view: MarketView | None = None
    latency_ns: list[int] = field(default_factory=list)
    _limits_told: set[str] = field(default_factory=set)
    _given: list[tuple[int, Fill]] = field(default_factory=list)
    _bars: list[BarArrival] = field(default_factory=list)
    _news: list[dict[str, Any]] = field(default_factory=list)

    @property
    def stopping(self) -> bool:
        """Tell whether to end."""
        return self.stop.is_set()

    @property
    def grid(self) -> Grid:
        """Return length and anchor of base bars."""
        return self.seen.grid

    def actions_of(self, symbols: tuple[int, ...]) -> tuple[Action, ...]:
        """Return the corporate actions of what is held, those of days without a decision too."""
        kinds = {0: ("split", "dividend"), 1: ("dividend",)}
        adjusted = self.market.adjusted
        return tuple(
            a
            for a in self.actions
            if a.symbol in symbols and a.kind in kinds.get(int(adjusted[a.symbol]), ())
        )

    async def advance(self, asof_ns: int, *, idle: bool) -> tuple[tuple[Fill, ...], Survey] | None:
        """Let time pass; give what has filled and what is known, None if nothing is to be decided.

        An instant that can't be decided at before the next bar ends is missed.
        """
        if asof_ns < self.began_ns:
            return None
        grace_ns = round(self.params.execution.bar_grace_s * _SECOND_NS)
        await self.tend(asof_ns + grace_ns)
        if self.stopping:
            return None
        if not self.clock.stepped:
            # What a fast exchange has written by now belongs to this instant.
            await self.clock.settle()
        late_ns = self.clock.now_ns() - asof_ns
        if late_ns >= self.grid.timeframe_ns:
            if not idle:
                await self._missed(asof_ns, f"{late_ns / _SECOND_NS:.0f} s late")
            return None
        if idle and not self.broker.pending:
            return None
        # A cycle is begun on disk while what is known is read: nothing is decided before both.
        _, survey = await asyncio.gather(
            self.broker.write(self.cycle(asof_ns, "started", "")), self._known(asof_ns)
        )
        self._given = list(self.broker.pending)
        return tuple(fill for _, fill in self._given), survey

    async def _known(self, asof_ns: int) -> Survey:
        bars = self.feeds.bars.drain(asof_ns)
        news = await in_thread(lambda: self.feeds.news.drain(asof_ns), name="news")
        self._bars += bars
        self._news += news
        self.seen.arrived(bars, news)
        if self.opened:
            self.market.reread(self.seen)
        else:
            # Only now is everything there that became known before the session.
            self.market.open_session(self.session)
            self.opened = True
        return self.market.survey(asof_ns)

    async def _missed(self, asof_ns: int, why: str) -> None:
        text = f"a decision was missed: {why}; exits at the broker stand, the next instant goes on"
        await self.broker.write(
            [
                Missed(asof_ns, why),
                *self.cycle(asof_ns, "missed", why),
                Alert("missed_cycle", str(day_to_date(self.session.day)), "critical", text),
            ]
        )

    def look(self, ask: Look) -> MarketView:
        """Copy out the view of an instant."""
        self.view = self.market.look(ask)
        return self.view

    async def decided(
        self, decision: Decision, after: PortfolioState, adjustments: tuple[Adjustment, ...]
    ) -> None:
        """Write a decision with what it rests on and its first intents, then carry it out."""
        desk, names = self.broker, self.seen.names
        # What corporate actions do is decided before any fill was asked for.
        given, self._given = self._given, []
        if given:
            desk.fills_seq = given[-1][0]
        told = decision_json(decision, names)
        if self.view is not None and decision.scan:
            told["indicators"] = finalist_indicators(self.view, decision, params=self.params)
        bodies, rows = self._inputs(decision.asof_ns)
        bodies += [
            Decided(
                decision.asof_ns,
                digest(decision, names),
                told,
                state_json(after, names),
                desk.fills_seq,
                [adjustment_json(a, names) for a in adjustments],
            ),
            *self.cycle(decision.asof_ns, "done", ""),
            *self._limits(decision),
        ]
        desk.state, desk.decided_ns = after, decision.asof_ns
        desk.pending = desk.pending[len(given) :]
        self.view = None
        await desk.work(bodies, inputs=rows)

    def _inputs(self, asof_ns: int) -> tuple[list[Body], InputRows | None]:
        rows = InputRows(self.timeframe, BarColumns.of(self._bars), self._news)
        self._bars, self._news = [], []
        if not len(rows):
            return [], None
        return [Inputs(asof_ns, len(rows.bars), len(rows.news), rows.digest())], rows

    async def keep_rest(self) -> None:
        """Journal what arrived after the last decision: it is history for the next session."""
        at_ns = self.session.post_ns
        self._bars += self.feeds.bars.drain(at_ns)
        self._news += await in_thread(lambda: self.feeds.news.drain(at_ns), name="news")
        bodies, rows = self._inputs(at_ns)
        await self.broker.write(bodies, inputs=rows)

    def _limits(self, decision: Decision) -> list[Alert]:
        day = str(day_to_date(self.session.day))
        alerts = limit_alerts(decision, day, told=self._limits_told)
        self._limits_told |= {alert.rule.removeprefix("limit_") for alert in alerts}
        return alerts

    async def tend(self, until_ns: int) -> None:
        """Do what time and broker ask for until an instant of exchange time."""
        kept = False
        while True:
            if not kept or self.clock.now_ns() < until_ns:
                # A decision that is due waits for no books to be compared.
                await self.housekeeping()
                kept = True
            heard = await self.broker.take_updates()
            later = await self.broker.work()
            if self.stopping:
                return
            now_ns = self.clock.now_ns()
            if now_ns >= until_ns and not heard:
                return
            if later and self.broker.updates.empty():
                await self._wait(_WAIT_S if self.clock.stepped else 0.0)
            if self.clock.stepped:
                if self.broker.updates.empty():
                    step_ns = now_ns + _SECOND_NS if later else until_ns
                    await self.clock.sleep_until(min(step_ns, until_ns))
                    await self.clock.settle()
            elif self.broker.updates.empty():
                left_ns = until_ns - self.clock.now_ns()
                speed = getattr(self.clock, "speed", 1.0) or 1.0
                await self._wait(min(_TEND_S, max(left_ns, 0) / _SECOND_NS / speed))

    async def _wait(self, seconds: float) -> None:
        """Wait for the broker's next word, for so long."""
        ends = asyncio.get_running_loop().time() + seconds
        while self.broker.updates.empty() and not self.stopping:
            left = ends - asyncio.get_running_loop().time()
            if left <= 0:
                return
            await asyncio.sleep(min(left, 0.005))
