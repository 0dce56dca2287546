"""The broker's orders as they are known here, and which of the strategy's orders each serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from catalyst.data.state_codec import entry_from, order_from
from catalyst.live.events import (
    Answered,
    Body,
    Filled,
    Intent,
    OrderChanged,
    Refused,
    Unanswered,
    Withheld,
)
from catalyst.live.ports import BrokerOrder, Execution, OrderStatus
from catalyst.strategy.decisions import Order
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import FILL_TICKS
from catalyst.strategy.portfolio import Entry
from catalyst.strategy.reasons import Kind, Role, Side


@dataclass(frozen=True)
class Sent:
    """Hold one thing that was sent, or is about to be.

    Attributes
    ----------
    status
        ``intended`` before an answer, ``unanswered`` after a silence, ``answered``, ``refused``, or
        ``absent`` where the broker surely never had it.
    at_ns
        When it was last tried, exchange time.
    tries
        How often.
    """

    intent: Intent
    status: str
    at_ns: int
    tries: int = 0
    told: str = ""

    @property
    def open(self) -> bool:
        """Tell whether nobody knows yet what became of it."""
        return self.status in ("intended", "unanswered")


@dataclass
class Mirror:
    """Keep what is known of one account at the broker; fed by answers, stream and snapshots.

    Every way in may repeat itself or come late: an order never goes back, and each share is booked
    once, by its order's cumulative quantity.

    Parameters
    ----------
    index
        Position of each symbol in the run's table.

    Attributes
    ----------
    standing
        The orders of which something may still come, by the broker's id: few of a day's.
    """

    index: Mapping[str, int]
    sent: dict[str, Sent] = field(default_factory=dict)
    orders: dict[str, BrokerOrder] = field(default_factory=dict)
    serves: dict[str, Order] = field(default_factory=dict)
    booked: dict[str, int] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    intent_of: dict[str, Intent] = field(default_factory=dict)
    cancels: dict[str, int] = field(default_factory=dict)
    standing: dict[str, BrokerOrder] = field(init=False, default_factory=dict)
    _unbooked: dict[str, None] = field(init=False, default_factory=dict)

    def replay(self, body: Body, at_ns: int) -> None:
        """Take in one event of the journal, as it was taken in when it happened."""
        match body:
            case Intent():
                self.intended(body, at_ns)
            case Answered(client_order_id, orders):
                self.answered(client_order_id, [broker_order(o) for o in orders])
            case Refused(client_order_id, http, code, message):
                self.settled(client_order_id, "refused", told=f"{http} {code} {message}")
            case Unanswered(client_order_id):
                self.settled(client_order_id, "unanswered")
            case Withheld(order_id):
                self.dead.add(order_id)
            case OrderChanged(order=order):
                self.seen(broker_order(order))
            case Filled():
                self.booked[body.broker_id] = self.booked.get(body.broker_id, 0) + body.quantity
            case _:
                pass

    def intended(self, intent: Intent, at_ns: int) -> None:
        """Remember that something is about to be sent."""
        if intent.purpose == "cancel":
            self.cancels[intent.target_broker_id] = at_ns
            return
        before = self.sent.get(intent.client_order_id)
        tries = 0 if before is None else before.tries + 1
        self.sent[intent.client_order_id] = Sent(intent, "intended", at_ns, tries)
        if intent.entry is not None:
            self.entries[intent.entry_id] = replace(entry_from(intent.entry, self.index), orders=())

    def answered(self, client_order_id: str, orders: Sequence[BrokerOrder]) -> list[OrderChanged]:
        """Take in the broker's answer: the order and its legs."""
        self.settled(client_order_id, "answered")
        return [changed for order in orders for changed in self.seen(order)]

    def looked(self, client_order_id: str, at_ns: int) -> None:
        """Remember that it was looked for in vain: the next look comes after a longer pause."""
        sent = self.sent[client_order_id]
        self.sent[client_order_id] = replace(
            sent, status="unanswered", at_ns=at_ns, tries=sent.tries + 1
        )

    def settled(self, client_order_id: str, status: str, *, told: str = "") -> None:
        """Remember what became of something that was sent."""
        if client_order_id in self.sent:
            self.sent[client_order_id] = replace(
                self.sent[client_order_id], status=status, told=told
            )

    def seen(self, order: BrokerOrder) -> list[OrderChanged]:
        """Take in an order's state; return the event if it is news, else nothing."""
        known = self.orders.get(order.broker_id)
        if known is not None and not _is_news(known, order):
            return []
        self._keep(order)
        replaced = self.orders.get(order.replaces)
        if replaced is not None and not replaced.status.final:
            # The answer to a replace tells the new order only.
            self._keep(replace(replaced, status=OrderStatus.REPLACED, replaced_by=order.broker_id))
        serves = self._serves(order)
        if serves is None:
            return []
        if order.client_order_id in self.sent and self.sent[order.client_order_id].open:
            self.settled(order.client_order_id, "answered")
        return [
            OrderChanged(
                serves.order_id, serves.entry_id, order.client_order_id, broker_order_json(order)
            )
        ]

    def _keep(self, order: BrokerOrder) -> None:
        self.orders[order.broker_id] = order
        if order.status.final:
            self.standing.pop(order.broker_id, None)
        else:
            self.standing[order.broker_id] = order
        if order.filled:
            self._unbooked[order.broker_id] = None

    def _serves(self, order: BrokerOrder) -> Order | None:
        if order.broker_id in self.serves:
            return self.serves[order.broker_id]
        intent = None
        if order.client_order_id in self.sent:
            intent = self.sent[order.client_order_id].intent
        elif order.parent_id in self.intent_of:
            intent = self.intent_of[order.parent_id]
        if intent is not None:
            orders = [order_from(o, self.index) for o in intent.orders]
            leg = order.client_order_id != intent.client_order_id
            found = _served(orders, order, leg=leg)
            self.intent_of[order.broker_id] = intent
        elif order.replaces in self.serves:
            # The broker replaces a stop by a new order of its own before it fills.
            found = self.serves[order.replaces]
            self.intent_of[order.broker_id] = self.intent_of[order.replaces]
        else:
            return None
        self.serves[order.broker_id] = found
        return found

    def gap(self) -> list[BrokerOrder]:
        """Return the orders of ours of which more has filled than is booked."""
        known = {i: self.orders[i] for i in self._unbooked if i in self.orders}
        self._unbooked = {i: None for i, o in known.items() if o.filled > self._booked(i)}
        return [known[i] for i in self._unbooked if i in self.serves]

    def _booked(self, broker_id: str) -> int:
        return self.booked.get(broker_id, 0)

    def executed(self, execution: Execution) -> Filled | None:
        """Book an execution that continues what is booked of its order; None for any other.

        A repeated one is behind, one after a gap is ahead: its time comes when the gap is filled.
        """
        serves = self.serves.get(execution.broker_id)
        if serves is None:
            return None
        booked = self._booked(execution.broker_id)
        if execution.cumulative >= 0 and execution.cumulative != booked + execution.quantity:
            return None
        return self._fill(serves, execution, booked + execution.quantity)

    def derived(self, order: BrokerOrder) -> Filled | None:
        """Book what an order has filled beyond what is booked, at the mean that the broker tells.

        The last resort, where the broker doesn't give the executions.
        """
        booked = self._booked(order.broker_id)
        serves = self.serves.get(order.broker_id)
        if serves is None or order.filled <= booked or not order.average_price:
            return None
        execution = Execution(
            f"{order.broker_id}:{order.filled}",
            order.broker_id,
            order.symbol,
            order.side,
            order.filled - booked,
            order.average_price,
            order.filled,
            order.updated_ns,
        )
        return self._fill(serves, execution, order.filled)

    def _fill(self, serves: Order, execution: Execution, cumulative: int) -> Filled:
        self.booked[execution.broker_id] = cumulative
        order = self.orders.get(execution.broker_id)
        buy = execution.side is Side.BUY
        return Filled(
            content_id("fill", execution.broker_id, cumulative),
            serves.order_id,
            order.client_order_id if order else "",
            execution.broker_id,
            execution.execution_id,
            serves.entry_id,
            execution.symbol,
            execution.side.label,
            serves.role.label,
            execution.quantity,
            _on_fill_tick(execution.price, buy=buy),
            0,
            execution.at_ns,
        )

    def live(self, entry_id: str) -> list[BrokerOrder]:
        """Return the orders of an entry of which something may still come."""
        return [
            o
            for i, o in self.standing.items()
            if i in self.serves and self.serves[i].entry_id == entry_id
        ]

    def live_of_symbol(self, symbol: str) -> list[BrokerOrder]:
        """Return all orders of a symbol of which something may still come, foreign ones too."""
        return [o for o in self.standing.values() if o.symbol == symbol]

    def unresolved(self) -> list[Sent]:
        """Return what was sent, or is about to be, without anyone knowing what became of it."""
        return [s for s in self.sent.values() if s.open]

    def generation(self, order_id: str) -> int:
        """Return the number of the next request for an order: past ones are final or refused."""
        return sum(order_id in s.intent.client_order_id for s in self.sent.values())

    def was_sent(self, order_id: str) -> bool:
        """Tell whether an order was ever sent, or given up."""
        return order_id in self.dead or any(
            order_id in s.intent.order_ids for s in self.sent.values()
        )

    def forget(self, entry_ids: Iterable[str]) -> None:
        """Drop what has ended of entries that are gone, so that nothing grows for ever."""
        gone = set(entry_ids)
        ended = [
            i
            for i, o in self.orders.items()
            if o.status.final and (i not in self.serves or self.serves[i].entry_id in gone)
        ]
        for i in ended:
            for table in (self.orders, self.serves, self.booked, self.intent_of, self.cancels):
                table.pop(i, None)
        for key in [k for k, s in self.sent.items() if s.intent.entry_id in gone and not s.open]:
            del self.sent[key]


def broker_order_json(order: BrokerOrder) -> dict[str, Any]:
    """Return a broker's order as JSON values."""
    return {**asdict(order), "side": order.side.label, "status": order.status.value}


def broker_order(values: Mapping[str, Any]) -> BrokerOrder:
    """Return the order that `broker_order_json` was given."""
    side, status = Side[values["side"].upper()], OrderStatus(values["status"])
    return BrokerOrder(**{**values, "side": side, "status": status})


def _served(orders: Sequence[Order], told: BrokerOrder, *, leg: bool) -> Order:
    # Of a bracket: entry, stop, target. Of an OCO: stop, target; its parent is the target.
    if len(orders) == 1 or (orders[0].role is Role.ENTRY and not leg):
        return orders[0]
    wanted = Kind.STOP if told.kind in ("stop", "stop_limit") else Kind.LIMIT
    return next(o for o in orders if o.role is not Role.ENTRY and o.kind is wanted)


def _is_news(known: BrokerOrder, order: BrokerOrder) -> bool:
    if order == known or order.filled < known.filled:
        return False
    if known.status.final:
        return order.filled > known.filled or (
            order.status.final and bool(order.replaced_by) and not known.replaced_by
        )
    if order.filled == known.filled and order.updated_ns < known.updated_ns:
        return order.status.final
    return True


def _on_fill_tick(price: str, *, buy: bool) -> float:
    # Whole ten-thousandths; what a broker tells more finely is rounded against us.
    whole, _, part = price.partition(".")
    digits = (part + "0000")[:4]
    ticks = int(whole or "0") * FILL_TICKS + int(digits)
    finer = any(c != "0" for c in part[4:])
    return (ticks + (finer and buy)) / FILL_TICKS
