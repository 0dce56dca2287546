"""The broker's side of a live session: what was heard is booked, and what is wanted is sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from catalyst.data.state_codec import entry_json, order_json
from catalyst.errors import BrokerRefusalError, BrokerSilenceError
from catalyst.live.acts import Act, Ask, LookUp, Situation
from catalyst.live.converge import converge
from catalyst.live.events import (
    Alert,
    Answered,
    Body,
    Event,
    Filled,
    Found,
    Intent,
    Refused,
    Unanswered,
    Withheld,
)
from catalyst.live.fills import fill_of
from catalyst.live.input_rows import InputRows
from catalyst.live.ledger_writer import LedgerWriter
from catalyst.live.mirror import Mirror, broker_order_json
from catalyst.live.ports import Account, Broker, BrokerOrder, Execution, Holding, OrderUpdate
from catalyst.live.threads import in_thread
from catalyst.strategy.decisions import Fill
from catalyst.strategy.ledger import apply_fills
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.tickets import OrderRequest

T = TypeVar("T")

_SECOND_NS = 10**9
#: An order that can't be found is surely not there after this, and after two looks.
_ABSENT_NS = 3 * _SECOND_NS
_ROUNDS = 50
_REFUSED_S = 60.0
_OVERLAP_NS = 24 * 3600 * _SECOND_NS
#: What was asked for and answered is asked for again only this far back.
_AGAIN_NS = 600 * _SECOND_NS


@dataclass
class BrokerDesk:
    """Keep journal, mirror and broker together; one task at a time may call it.

    Parameters
    ----------
    broker, mirror, writer
        The account, what is known of it, and where everything is written before and after.
    names
        The run's symbol table.
    now_ns
        Exchange time.
    situation
        What else converging is told; see `catalyst.live.acts.Situation`.
    state
        After the last decision.

    Attributes
    ----------
    pending
        Fills that no decision has consumed, with their place in the journal.
    decided_ns, fills_seq
        The last decision, and up to which fill it knew.
    account, holdings
        As last told by the broker.
    silent_since_ns
        Since when the broker gives no answers, 0 while it does.
    """

    broker: Broker
    mirror: Mirror
    writer: LedgerWriter
    names: tuple[str, ...]
    now_ns: Callable[[], int]
    situation: Callable[[], Situation]
    state: PortfolioState
    pending: list[tuple[int, Fill]] = field(default_factory=list)
    decided_ns: int = 0
    fills_seq: int = 0
    account: Account | None = None
    holdings: tuple[Holding, ...] = ()
    silent_since_ns: int = 0
    updates: asyncio.Queue[OrderUpdate | None] = field(default_factory=asyncio.Queue)
    _must_fill_gap: bool = False
    _sure_ns: int = 0
    _late_ns: dict[str, int] = field(default_factory=dict)

    def projected(self) -> PortfolioState:
        """Return the state with every fill booked that is known."""
        return apply_fills(self.state, tuple(fill for _, fill in self.pending))

    async def listen(self) -> None:
        """Read the trade stream for ever; one that refuses the keys is tried again later."""
        while True:
            stream = self.broker.updates()
            try:
                async for update in stream:
                    self.updates.put_nowait(update)
            except BrokerRefusalError as refusal:
                self.writer.tell(f"the order stream can't be had: {refusal}")
            finally:
                with contextlib.suppress(AttributeError):
                    await stream.aclose()  # type: ignore[attr-defined]
            await asyncio.sleep(_REFUSED_S)

    async def take_updates(self) -> bool:
        """Book what the stream has brought; tell whether it brought anything."""
        bodies: list[Body] = []
        heard = False
        while not self.updates.empty():
            heard = True
            update = self.updates.get_nowait()
            if update is None:
                self._must_fill_gap = True
                continue
            bodies += self.mirror.seen(update.order)
            if update.execution is not None:
                bodies += self._booked([update.execution])
        if self._must_fill_gap:
            bodies += await self.fill_gaps()
        elif self.mirror.gap():
            bodies += await self._executions()
        await self.write(bodies)
        return heard

    async def fill_gaps(self) -> list[Body]:
        """Ask for all that may have been missed: orders, each one that is waited for, executions.

        Nothing is forgotten if the broker doesn't answer: the next round asks again.
        """
        open_ids = list(self.mirror.standing)
        now_ns, after_ns = self.now_ns(), self._unsure_ns(open_ids)
        try:
            found = await self._ask(lambda: self.broker.orders(after_ns))
            seen = {o.broker_id for o in found}
            for broker_id in open_ids:
                if broker_id not in seen:
                    found += await self._ask(lambda one=broker_id: self.broker.order(one))  # type: ignore[misc]
        except (BrokerSilenceError, BrokerRefusalError):
            return []
        self._must_fill_gap, self._sure_ns = False, now_ns
        # Parents first: a leg is known by its parent.
        bodies: list[Body] = []
        for order in sorted(found, key=lambda o: (o.parent_id != "", o.replaces != "")):
            bodies += self.mirror.seen(order)
        if self.mirror.gap():
            bodies += await self._executions()
        return bodies

    def _unsure_ns(self, open_ids: Sequence[str]) -> int:
        """Say from when on orders are asked for: a busy day has thousands that have ended."""
        known = self.mirror.orders
        # Legs are listed under their entry, which may have filled long ago.
        open_ = [o for i in open_ids for o in (known[i], known.get(known[i].parent_id, known[i]))]
        oldest_ns = min((o.submitted_ns for o in open_), default=self._sure_ns) - _SECOND_NS
        day_ns = self.now_ns() - _OVERLAP_NS
        return max(day_ns, min(oldest_ns, self._sure_ns - _AGAIN_NS))

    async def _executions(self) -> list[Body]:
        try:
            told = await self._ask(lambda: self.broker.executions(self.now_ns() - _OVERLAP_NS))
        except (BrokerSilenceError, BrokerRefusalError):
            return []
        bodies = self._booked(told)
        for order in self.mirror.gap():
            # Activities may lag behind the order; after a while its own mean has to do.
            since_ns = self._late_ns.setdefault(order.broker_id, self.now_ns())
            if self.now_ns() - since_ns < _ABSENT_NS:
                continue
            filled = self.mirror.derived(order)
            if filled is not None:
                text = (
                    f"{order.filled} shares of order {order.broker_id} had filled without an "
                    "execution that tells it; booked at the order's mean price"
                )
                bodies += [*self._passed_on(filled), Found("fill_derived", order.symbol, text)]
        return bodies

    def _booked(self, executions: Sequence[Execution]) -> list[Body]:
        bodies: list[Body] = []
        for execution in sorted(executions, key=lambda e: (e.at_ns, e.cumulative)):
            order = self.mirror.orders.get(execution.broker_id)
            if order is not None and order.filled <= self.mirror.booked.get(order.broker_id, 0):
                continue
            filled = self.mirror.executed(execution)
            if filled is not None:
                bodies += self._passed_on(filled)
        return bodies

    def _passed_on(self, filled: Filled) -> list[Body]:
        """Say what a fill belongs to, where the state no longer knows its order."""
        known = {o.order_id for e in self.state.entries for o in e.orders}
        if filled.order_id in known:
            return [filled]
        entry = next((e for e in self.state.entries if e.entry_id == filled.entry_id), None)
        entry = entry or self.mirror.entries.get(filled.entry_id)
        if entry is None:
            text = f"{filled.quantity} shares of {filled.symbol} filled for an unknown entry"
            return [Alert("unknown_fill", filled.symbol, "critical", text)]
        order = self.mirror.serves[filled.broker_id]
        return [
            replace(
                filled,
                order=order_json(order, self.names),
                entry=entry_json(entry, self.names),
            )
        ]

    async def write(
        self, bodies: Sequence[Body], *, inputs: InputRows | None = None
    ) -> list[Event]:
        """Write to the journal, and take in what was written."""
        if not bodies:
            return []
        events = await self.writer.append(bodies, at_ns=self.now_ns(), inputs=inputs)
        for event in events:
            match event.body:
                case Filled() as filled:
                    self.pending.append((event.seq, fill_of(filled, self.mirror.index)))
                case Intent() as intent:
                    self.mirror.intended(intent, event.at_ns)
                case Withheld(order_id):
                    self.mirror.dead.add(order_id)
                case _:
                    pass
        return events

    async def work(self, bodies: Sequence[Body] = (), *, inputs: InputRows | None = None) -> bool:
        """Bring broker and strategy together; tell whether time alone may bring more to do.

        Parameters
        ----------
        bodies, inputs
            What is written together with the first intents: a decision, and what it rests on.
        """
        first: list[Body] = list(bodies)
        for _ in range(_ROUNDS):
            found = converge(self.projected(), self.mirror, self.situation())
            told: list[Body] = [a for a in found.acts if isinstance(a, Intent | Withheld | Alert)]
            await self.write([*first, *told], inputs=inputs)
            first, inputs = [], None
            done = await asyncio.gather(*map(self._perform_in_turn, _by_symbol(found.acts)))
            results = [body for one in done for body in one]
            if self.mirror.gap():
                results += await self._executions()
            await self.write(results)
            if not found.acts:
                return found.later or found.waiting
        return True

    async def _perform_in_turn(self, acts: Sequence[Act]) -> list[Body]:
        return [body for act in acts for body in await self._perform(act)]

    async def _perform(self, act: Act) -> list[Body]:
        match act:
            case Intent(purpose="cancel"):
                return await self._cancel(act.target_broker_id)
            case Intent():
                return await self._send(act)
            case LookUp(sent):
                return await self._look_up(sent.intent, sent.status, sent.at_ns, sent.tries)
            case Ask(broker_id):
                return await self._ask_for(broker_id)
            case _:
                return []

    async def _send(self, intent: Intent) -> list[Body]:
        client_id = intent.client_order_id
        try:
            if intent.purpose == "replace":
                orders = await self._ask(
                    lambda: self.broker.replace(
                        intent.target_broker_id,
                        client_order_id=client_id,
                        stop_price=intent.request["stop_price"],
                    )
                )
            else:
                request = OrderRequest(**intent.request)
                orders = await self._ask(lambda: self.broker.submit(request))
        except BrokerRefusalError as refusal:
            self.mirror.settled(client_id, "refused", told=str(refusal))
            told = Refused(client_id, refusal.status, refusal.code, refusal.told)
            severity = "warning" if intent.purpose == "entry" else "critical"
            text = f"{intent.symbol}: the broker refused an order ({intent.purpose}): {refusal}"
            return [told, Alert(f"refused_{intent.purpose}", intent.symbol, severity, text)]
        except BrokerSilenceError as silence:
            self.mirror.settled(client_id, "unanswered")
            return [Unanswered(client_id, str(silence))]
        return self._answered(client_id, orders)

    def _answered(self, client_id: str, orders: Sequence[BrokerOrder]) -> list[Body]:
        told = Answered(client_id, [broker_order_json(o) for o in orders])
        return [told, *self.mirror.answered(client_id, orders)]

    async def _cancel(self, broker_id: str) -> list[Body]:
        try:
            await self._ask(lambda: self.broker.cancel(broker_id))
        except BrokerRefusalError:
            # It has ended, or is just ending: its state says which.
            return await self._ask_for(broker_id)
        except BrokerSilenceError:
            return []
        try:
            # What protects next waits for this end: the stream alone may tell it late, or never.
            orders = await self._ask(lambda: self.broker.order(broker_id))
        except (BrokerRefusalError, BrokerSilenceError):
            return []
        return [body for order in orders for body in self.mirror.seen(order)]

    async def _ask_for(self, broker_id: str) -> list[Body]:
        try:
            orders = await self._ask(lambda: self.broker.order(broker_id))
        except (BrokerRefusalError, BrokerSilenceError):
            self.mirror.cancels[broker_id] = self.now_ns()
            return []
        known = self.mirror.orders.get(broker_id)
        bodies: list[Body] = [b for order in orders for b in self.mirror.seen(order)]
        if known is not None and not bodies:
            # Still as it was: asked to end once more, after a pause.
            self.mirror.cancels.pop(broker_id, None)
        return bodies

    async def _look_up(self, intent: Intent, status: str, at_ns: int, tries: int) -> list[Body]:
        client_id = intent.client_order_id
        try:
            found = await self._ask(lambda: self.broker.order_of(client_id))
            if found is not None:
                orders = await self._ask(lambda: self.broker.order(found.broker_id))
                text = f"the order {client_id} had reached the broker: {orders[0].status.value}"
                self.silent_since_ns = 0
                return [
                    *self._answered(client_id, orders),
                    Found("order_adopted", intent.symbol, text, intent.order_ids[0]),
                ]
        except (BrokerRefusalError, BrokerSilenceError):
            self.mirror.looked(client_id, self.now_ns())
            return []
        surely = status == "intended" or (tries >= 1 and self.now_ns() - at_ns >= _ABSENT_NS)
        if not surely:
            self.mirror.looked(client_id, self.now_ns())
            return []
        if intent.purpose == "entry" and self._too_late(intent):
            self.mirror.settled(client_id, "absent")
            text = f"the entry {client_id} never reached the broker and is too old to be sent now"
            return [
                Withheld(intent.order_ids[0], intent.entry_id, intent.symbol, "stale", None, None),
                Found("order_given_up", intent.symbol, text, intent.order_ids[0]),
            ]
        await self.write([intent])
        return await self._send(intent)

    def _too_late(self, intent: Intent) -> bool:
        at = self.situation()
        submitted_ns = int(intent.orders[0]["submitted_ns"])
        return bool(at.no_entries) or at.now_ns - submitted_ns > at.stale_ns

    async def _ask(self, question: Callable[[], T]) -> T:
        try:
            answer = await in_thread(question, name="broker")
        except BrokerSilenceError:
            self.silent_since_ns = self.silent_since_ns or self.now_ns()
            raise
        self.silent_since_ns = 0
        return answer


@contextlib.asynccontextmanager
async def listening(broker: BrokerDesk) -> AsyncIterator[None]:
    """Read the trade stream beside the block."""
    task = asyncio.create_task(broker.listen(), name="trade-stream")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _by_symbol(acts: Sequence[Act]) -> list[list[Act]]:
    """Group acts so that those of one symbol keep their order: the first bracket fills first."""
    found: dict[str, list[Act]] = {}
    for act in acts:
        subject = act.broker_id if isinstance(act, Ask) else ""
        if isinstance(act, Intent | Withheld):
            subject = act.symbol
        elif isinstance(act, LookUp):
            subject = act.sent.intent.symbol
        found.setdefault(subject, []).append(act)
    return list(found.values())
