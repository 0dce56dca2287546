"""A strategy's state, the live desk with its journal in memory, and a model of a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from builders import NAMES, SPEC, at, session_of, signal, view
from model_broker import Crash, ModelBroker

from catalyst.data.state_codec import decision_json, state_from, state_json
from catalyst.live.acts import Act, Ask, LookUp, Situation
from catalyst.live.broker_desk import BrokerDesk
from catalyst.live.converge import converge
from catalyst.live.events import (
    Alert,
    Body,
    Decided,
    Event,
    Filled,
    Found,
    Intent,
    Withheld,
    from_payload,
    to_payload,
)
from catalyst.live.fills import fill_of
from catalyst.live.ledger_writer import LedgerWriter
from catalyst.live.mirror import Mirror
from catalyst.live.reconcile import Reconciler
from catalyst.strategy.clock import is_regular_bar
from catalyst.strategy.decisions import Decision
from catalyst.strategy.exchange import Bar
from catalyst.strategy.ledger import apply_fills, begin
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Entry, PortfolioState
from catalyst.strategy.positions import look
from catalyst.strategy.reasons import Outcome
from catalyst.strategy.risk import serve

SECOND_NS = 10**9
BAR_NS = 300 * SECOND_NS
PARAMS = SPEC.replace(allow_short=True)
SESSION = session_of()
INDEX = {name: i for i, name in enumerate(NAMES)}


@dataclass
class MemoryJournal:
    """Events of one account, each through the text of a row."""

    events: list[Event] = field(default_factory=list)

    def append(self, bodies: Sequence[Body], *, at_ns: int, inputs: object = None) -> list[Event]:
        del inputs
        first = len(self.events) + 1
        made = [
            Event(first + k, at_ns, from_payload(body.kind, to_payload(body)), "")
            for k, body in enumerate(bodies)
        ]
        self.events += made
        return made


class World:
    """One account: what trades on it, what is written, and the broker."""

    def __init__(self, clock: str = "10:00", *, params: Params = PARAMS) -> None:
        self.params = params
        self.now_ns = at(clock)
        self.broker = ModelBroker(lambda: self.now_ns, regular=self.is_regular)
        self.journal = MemoryJournal()
        self.bars: dict[int, list[Bar]] = {}
        self.prices: dict[int, list[float]] = {}
        self.no_entries = ""
        self.flatten = False
        self.positions_max = params.risk.positions_max
        self.start(replace(begin(params), day=SESSION.day))

    # The process

    def start(self, state: PortfolioState | None = None) -> None:
        """Begin, or begin again with what the journal knows, as recovery does."""
        mirror = self.remembered()
        decided_ns = fills_seq = 0
        for event in self.journal.events:
            if isinstance(event.body, Decided):
                state = state_from(event.body.state, INDEX)
                decided_ns, fills_seq = event.body.asof_ns, event.body.fills_seq
        assert state is not None

        writer = LedgerWriter(self.journal, lambda _: None, asyncio.Event())  # type: ignore[arg-type]
        self.broker.heard = asyncio.Queue()
        self.desk = BrokerDesk(
            self.broker,
            mirror,
            writer,
            NAMES,
            lambda: self.now_ns,
            self.situation,
            state,
            pending=[
                (e.seq, fill_of(e.body, INDEX))
                for e in self.journal.events
                if isinstance(e.body, Filled) and e.seq > fills_seq
            ],
            decided_ns=decided_ns,
            fills_seq=fills_seq,
            updates=self.broker.heard,
        )
        self.reconciler = Reconciler(self.desk)

    def remembered(self) -> Mirror:
        """Give what the journal alone knows of the broker."""
        mirror = Mirror(INDEX)
        for event in self.journal.events:
            mirror.replay(event.body, event.at_ns)
        return mirror

    async def restart(self) -> None:
        """Die and begin again: nothing of the process before is left but its journal."""
        await _end_all_others()
        self.start()
        self.broker.heard.put_nowait(None)
        await self.reconciler.work()
        await self.turn()
        await self.reconciler.work()

    async def turn(self) -> bool:
        """Take in what was heard and do what is to be done; tell whether more may come."""
        while await self.desk.take_updates():
            pass
        return await self.desk.work()

    async def survive(self, doing: Coroutine[Any, Any, object]) -> bool:
        """Do something; if it kills the process, begin again. Tell whether it did."""
        try:
            await doing
        except Crash:
            while True:
                try:
                    await self.restart()
                except Crash:
                    continue
                return True
        return False

    async def pass_time(self, seconds: int) -> None:
        """Let time pass as the live desk does: look at the broker every second."""
        for _ in range(seconds):
            self.now_ns += SECOND_NS
            await self.turn()

    def is_regular(self) -> bool:
        return SESSION.open_ns <= self.now_ns < SESSION.close_ns

    def situation(self) -> Situation:
        return Situation(
            self.now_ns,
            self.is_regular(),
            NAMES,
            self.desk.decided_ns,
            self.no_entries,
            BAR_NS,
            self.positions_max,
            flatten=self.flatten,
            held=frozenset(h.symbol for h in self.desk.holdings),
            foreign=self.reconciler.foreign,
        )

    # The strategy

    @property
    def state(self) -> PortfolioState:
        return self.desk.projected()

    @property
    def entry(self) -> Entry:
        (entry,) = self.state.entries
        return entry

    @property
    def mirror(self) -> Mirror:
        return self.desk.mirror

    def sign(self, symbol: int = 0, side: int = 1, *, shares: int = 100) -> Decision:
        """Let the strategy want an entry of at most so many shares; nothing is sent yet."""
        volume = shares / self.params.risk.volume_frac
        bars = [Bar(self.now_ns - BAR_NS, self.now_ns, *(100.0,) * 4, volume, regular=True)]
        self.bars[symbol] = bars
        seen = view(self.now_ns, {symbol: bars}, session=SESSION, scan=True)
        wanted = signal(symbol, side, pattern_key=(1, self.now_ns))
        wanted = wanted._replace(signal_id=f"signal-{symbol}-{self.now_ns}")
        after, served, orders = serve(self.state, seen, wanted, 0, self.params)

        assert served.outcome is Outcome.INTENT, served

        return self._after(after, Decision(self.now_ns, scan=True, orders=orders))

    async def enter(self, symbol: int = 0, side: int = 1, *, shares: int = 100) -> None:
        """Let the strategy want an entry, and carry it out."""
        decision = self.sign(symbol, side, shares=shares)
        await self.desk.work([self._told(decision)])

    async def hold(self, symbol: int = 0, side: int = 1, *, shares: int = 100) -> None:
        """Enter, and let all of it fill at 100."""
        await self.enter(symbol, side, shares=shares)
        self.trade(symbol, 100.0)
        await self.turn()

    def trade(self, symbol: int, price: float, most: int = 10**9) -> None:
        """Let a symbol trade at a price."""
        self.prices.setdefault(symbol, []).append(price)
        self.broker.trade(NAMES[symbol], f"{price:.2f}", most)

    async def look(self) -> None:
        """Let the bar end, and the strategy look at what it holds."""
        end_ns = self.now_ns - self.now_ns % BAR_NS + BAR_NS
        await self.pass_to(end_ns)
        for symbol, bars in self.bars.items():
            seen = self.prices.pop(symbol, []) or [bars[-1].close]
            values = (seen[0], max(seen), min(seen), seen[-1])
            regular = is_regular_bar(SESSION, end_ns - BAR_NS, BAR_NS)
            bars.append(Bar(end_ns - BAR_NS, end_ns, *values, 1e6, regular))
        fills = tuple(fill for _, fill in self.desk.pending)
        booked = apply_fills(self.desk.state, fills)
        shown = {e.symbol: self.bars[e.symbol] for e in booked.entries}
        seen_then = view(end_ns, shown, session=SESSION)
        after, cancels, orders = look(booked, seen_then, self.params)
        if self.desk.pending:
            self.desk.fills_seq = self.desk.pending[-1][0]
        decision = Decision(end_ns, scan=False, cancels=cancels, orders=orders)
        self._after(after, decision)
        await self.desk.work([self._told(decision)])

    async def pass_to(self, at_ns: int) -> None:
        await self.turn()
        self.now_ns = max(at_ns, self.now_ns)
        await self.turn()

    def _after(self, after: PortfolioState, decision: Decision) -> Decision:
        if self.desk.pending and decision.scan:
            self.desk.fills_seq = self.desk.pending[-1][0]
        self.desk.state, self.desk.decided_ns = after, decision.asof_ns
        self.desk.pending = []
        return decision

    def _told(self, decision: Decision) -> Decided:
        told, state = decision_json(decision, NAMES), state_json(self.desk.state, NAMES)
        return Decided(decision.asof_ns, "", told, state, self.desk.fills_seq)

    # What is seen of it

    def wants(self) -> list[str]:
        """Say what converging would do now, one line an act."""
        return sorted(map(self._line, converge(self.state, self.mirror, self.situation()).acts))

    def _line(self, act: Act) -> str:
        match act:
            case Intent(purpose="cancel", target_broker_id=target):
                return f"cancel {self._named(target)}"
            case Intent(purpose="replace", request=request):
                named = self._named(act.target_broker_id)
                return f"replace {named} by {request['stop_price']}"
            case Intent(request=r):
                levels = [
                    f"{word} {r[name]}"
                    for word, name in (
                        ("limit", "limit_price"),
                        ("target", "take_profit_limit"),
                        ("stop", "stop_loss_stop"),
                    )
                    if r[name]
                ]
                kind = r["order_class"] if r["order_class"] != "simple" else r["type"]
                kind += " extended" if r["extended_hours"] else ""
                return " ".join([act.purpose, kind, r["side"], r["quantity"], *levels])
            case Withheld():
                return f"withheld {act.symbol} {act.rule}"
            case Alert():
                return f"alert {act.rule}"
            case LookUp(sent):
                return f"look up {sent.intent.purpose} {sent.intent.symbol}"
            case Ask(broker_id):
                return f"ask for {self._named(broker_id)}"

    def _named(self, broker_id: str) -> str:
        serves = self.mirror.serves.get(broker_id)
        return f"{serves.role.label} of half {serves.leg}" if serves else f"foreign {broker_id}"

    def works(self, symbol: int = 0) -> list[str]:
        """Say what works at the broker, one line an order."""
        return sorted(
            " ".join(
                filter(
                    None,
                    (
                        o.side.label,
                        str(o.quantity - o.filled),
                        o.kind,
                        o.limit_price or o.stop_price,
                    ),
                )
            )
            for o in self.broker.live(NAMES[symbol])
        )

    def told(self, what: type[Alert | Found | Withheld]) -> list[str]:
        """Give the rules of what was told so far."""
        bodies = [e.body for e in self.journal.events if isinstance(e.body, what)]
        return [b.what if isinstance(b, Found) else b.rule for b in bodies]

    def apart(self) -> list[str]:
        """Say where broker and strategy differ, shares, cash and protection; empty when nowhere."""
        out = list(self.broker.offences)
        ours = dict.fromkeys(NAMES, 0)
        for entry in self.state.entries:
            ours[NAMES[entry.symbol]] += entry.side * entry.held
            if entry.filled > entry.quantity:
                out.append(f"{entry.filled} of {entry.quantity} shares were bought")
        for name, held in ours.items():
            theirs = self.broker.shares.get(name, 0)
            if theirs != held:
                out.append(f"{name}: the broker has {theirs}, the strategy {held}")
            leaving = sum(o.quantity - o.filled for o in self._exits(name))
            if self.broker.protected(name) + leaving < abs(theirs):
                out.append(f"{name}: {self.broker.protected(name)} of {theirs} are protected")
        if self.broker.cash_micro != self.state.cash_micro:
            out.append(f"cash: {self.broker.cash_micro} there, {self.state.cash_micro} here")
        ids = [
            s.order_id
            for i, s in self.mirror.serves.items()
            if s.role.label == "entry" and i in self.broker.book
        ]
        out += [f"entry {i} came twice" for i in set(ids) if ids.count(i) > 1]
        return out

    def _exits(self, name: str) -> Iterator[Any]:
        held = self.broker.shares.get(name, 0)
        return (o for o in self.broker.live(name) if o.kind == "market" and o.side * held < 0)


async def _end_all_others() -> None:
    others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def played(story: Callable[[World], Coroutine[Any, Any, object]], clock: str = "10:00") -> World:
    """Play a story in a world of its own; give the world after it."""

    async def run() -> World:
        world = World(clock)
        await story(world)
        return world

    return asyncio.run(run())
