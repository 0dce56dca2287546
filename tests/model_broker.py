"""A broker in memory: it does what brokers may do, when a test says so, and notes what it may not.

Stricter than a real one: it takes nothing for granted of whoever trades. Whatever would sell more
than is held, open a position by an exit, or come twice, is refused and kept in `offences`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from catalyst.errors import BrokerRefusalError, BrokerSilenceError
from catalyst.live.ports import (
    Account,
    BrokerOrder,
    Execution,
    Holding,
    OrderStatus,
    OrderUpdate,
)
from catalyst.strategy.reasons import Side
from catalyst.strategy.tickets import OrderRequest

ACCEPTED, HELD, FILLED = OrderStatus.ACCEPTED, OrderStatus.HELD, OrderStatus.FILLED
CANCELED, REPLACED = OrderStatus.CANCELED, OrderStatus.REPLACED
PARTLY, PENDING = OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL
START_MICRO = 100_000 * 10**6


class Crash(BaseException):
    """The process is killed here."""


@dataclass
class ModelBroker:
    """Keep one account.

    Attributes
    ----------
    next
        What becomes of the next orders sent: ``ok``, ``refused``, ``lost`` (it never came),
        ``dark`` (taken, but no answer), ``killed`` and ``killed after`` (whoever sends dies); then
        ``ok``.
    slow
        Cancels take effect by `settle` only.
    legs_wait
        A bracket's legs sleep until all of its entry has filled.
    mute
        No events are sent.
    late
        Executions are not told by REST.
    twice
        Every event is sent twice.
    regular
        Whether it is regular hours: outside them only orders for extended hours fill.
    """

    now_ns: Callable[[], int]
    next: list[str] = field(default_factory=list)
    slow: bool = False
    legs_wait: bool = False
    mute: bool = False
    late: bool = False
    twice: bool = False
    listening: bool = True
    regular: Callable[[], bool] = lambda: True
    offences: list[str] = field(default_factory=list)
    book: dict[str, BrokerOrder] = field(default_factory=dict)
    executed: list[Execution] = field(default_factory=list)
    shares: dict[str, int] = field(default_factory=dict)
    cash_micro: int = START_MICRO
    heard: asyncio.Queue[OrderUpdate | None] = field(default_factory=asyncio.Queue)
    # Cancels that came while cancels are slow.
    _ending: list[str] = field(default_factory=list)

    # What is asked of it

    def account(self) -> Account:
        return Account("MODEL", "ACTIVE", self.cash_micro, 0, 0, trading_blocked=False)

    def positions(self) -> tuple[Holding, ...]:
        return tuple(Holding(name, n, "100") for name, n in self.shares.items() if n)

    def orders(self, after_ns: int) -> tuple[BrokerOrder, ...]:
        return tuple(
            o for o in self.book.values() if not o.status.final or o.submitted_ns > after_ns
        )

    def order_of(self, client_order_id: str) -> BrokerOrder | None:
        return next((o for o in self.book.values() if o.client_order_id == client_order_id), None)

    def order(self, broker_id: str) -> tuple[BrokerOrder, ...]:
        own = self.book[broker_id]
        return (own, *(o for o in self.book.values() if o.parent_id == broker_id))

    def executions(self, after_ns: int) -> tuple[Execution, ...]:
        return () if self.late else tuple(e for e in self.executed if e.at_ns > after_ns)

    def updates(self) -> AsyncIterator[OrderUpdate | None]:
        raise NotImplementedError

    def submit(self, request: OrderRequest) -> tuple[BrokerOrder, ...]:
        what = self._outcome()
        known = self.order_of(request.client_order_id)
        if known is not None:
            return self.order(known.broker_id)
        self._judge(request)
        made = self._made(request)
        self._answer(what)
        return made

    def cancel(self, broker_id: str) -> None:
        order = self.book[broker_id]
        if order.status.final or order.status is PENDING:
            raise BrokerRefusalError(422, 42210000, f"order is {order.status.value}")
        if self.slow:
            self._put(order, status=PENDING)
            self._ending.append(broker_id)
        else:
            self._end(order)

    def replace(
        self, broker_id: str, *, client_order_id: str, stop_price: str
    ) -> tuple[BrokerOrder, ...]:
        what = self._outcome()
        old = self.book[broker_id]
        if old.status not in (HELD, ACCEPTED):
            raise BrokerRefusalError(422, 40010001, "only open orders can be replaced")
        new = replace(
            old,
            broker_id=self._id(),
            client_order_id=client_order_id,
            stop_price=stop_price,
            replaces=broker_id,
            submitted_ns=self.now_ns(),
        )
        self._put(old, status=REPLACED, replaced_by=new.broker_id)
        self._put(new)
        self._answer(what)
        return (new,)

    def _outcome(self) -> str:
        what = self.next.pop(0) if self.next else "ok"
        if what == "lost":
            raise BrokerSilenceError("no answer")
        if what == "refused":
            raise BrokerRefusalError(403, 40310000, "insufficient buying power")
        if what == "killed":
            raise Crash
        return what

    def _answer(self, what: str) -> None:
        if what == "dark":
            raise BrokerSilenceError("504")
        if what == "killed after":
            raise Crash

    def _judge(self, request: OrderRequest) -> None:
        sign, shares = Side[request.side.upper()], int(request.quantity)
        held = self.shares.get(request.symbol, 0)
        opens = request.order_class == "bracket" or (request.extended_hours and not held)
        wrong = ""
        if shares <= 0:
            wrong = f"{shares} shares"
        elif opens:
            if held:
                wrong = "an entry beside a position"
        elif held * sign >= 0:
            wrong = f"an exit would open a position beside {held} shares"
        elif shares > abs(held) - self._reserved(request.symbol):
            wrong = f"{shares} of {held} shares, {self._reserved(request.symbol)} are on sale"
        elif request.order_class == "simple" and any(
            o.side is not sign for o in self._live(request.symbol)
        ):
            wrong = "a plain sale beside an order of the other side"
        if wrong:
            self.offences.append(f"{request.side} {request.symbol}: {wrong}")
            raise BrokerRefusalError(403, 40310000, wrong)

    def _made(self, request: OrderRequest) -> tuple[BrokerOrder, ...]:
        oco, bracket = request.order_class == "oco", request.order_class == "bracket"
        first = BrokerOrder(
            self._id(),
            request.client_order_id,
            request.symbol,
            Side[request.side.upper()],
            request.type,
            ACCEPTED,
            int(request.quantity),
            0,
            "",
            request.take_profit_limit if oco else request.limit_price,
            request.stop_price,
            request.order_class,
            request.time_in_force,
            request.extended_hours,
            "",
            "",
            "",
            self.now_ns(),
            self.now_ns(),
        )
        self._put(first)
        if not (oco or bracket):
            return (first,)
        leg = replace(
            first,
            side=first.side if oco else Side(-first.side),
            parent_id=first.broker_id,
            status=HELD,
        )
        legs = [(request.stop_loss_stop, "stop")]
        if bracket:
            legs.append((request.take_profit_limit, "limit"))
        for price, kind in legs:
            stop = kind == "stop"
            number = self._id()
            self._put(
                replace(
                    leg,
                    broker_id=number,
                    client_order_id=f"theirs-{number}",
                    kind=kind,
                    limit_price="" if stop else price,
                    stop_price=price if stop else "",
                )
            )
        return self.order(first.broker_id)

    # What happens

    def trade(self, symbol: str, price: str, most: int = 10**9) -> None:
        """Let a symbol trade at a price: what it reaches fills, `most` shares in all."""
        for broker_id in [o.broker_id for o in self._live(symbol)]:
            order = self.book[broker_id]
            shares = min(self._fillable(order), most)
            works = self.regular() or order.extended_hours
            if shares > 0 and works and self._reached(order, Decimal(price)):
                most -= shares
                self._fill(order, shares, price)

    def settle(self) -> None:
        """Carry out the cancels that were slow."""
        for broker_id in self._ending:
            order = self.book[broker_id]
            if not order.status.final:
                self._end(order)
        self._ending.clear()

    def by_hand(self, broker_id: str) -> None:
        """Cancel an order as a person does, at the broker."""
        if not self.book[broker_id].status.final:
            self._end(self.book[broker_id])

    def protected(self, symbol: str) -> int:
        """Count the shares that live stops would sell."""
        return sum(
            self._fillable(o)
            for o in self._live(symbol)
            if o.kind == "stop" and o.status is not PENDING
        )

    def live(self, symbol: str) -> list[BrokerOrder]:
        return list(self._live(symbol))

    def _live(self, symbol: str) -> Iterator[BrokerOrder]:
        return (o for o in list(self.book.values()) if o.symbol == symbol and not o.status.final)

    def _family(self, order: BrokerOrder) -> tuple[BrokerOrder | None, list[BrokerOrder]]:
        """Return the entry that legs hang on, if any, and the orders that share the shares."""
        top = self.book[order.parent_id] if order.parent_id else order
        legs = [o for o in self.book.values() if o.parent_id == top.broker_id]
        if not legs:
            return None, [order]
        if top.order_class == "oco":
            return None, [top, *legs]
        return top, legs

    def _left(self, order: BrokerOrder) -> int:
        """Count the shares that an order's family may still sell."""
        entry, legs = self._family(order)
        gone = sum(o.filled for o in legs)
        if entry is None:
            return max(o.quantity for o in legs) - gone
        asleep = self.legs_wait and entry.status is not FILLED
        return 0 if asleep else entry.filled - gone

    def _is_entry(self, order: BrokerOrder) -> bool:
        return order.order_class == "bracket" and not order.parent_id

    def _fillable(self, order: BrokerOrder) -> int:
        if self._is_entry(order) or order.order_class == "simple":
            return order.quantity - order.filled
        return min(order.quantity - order.filled, self._left(order))

    def _reserved(self, symbol: str) -> int:
        held, seen, total = self.shares.get(symbol, 0), set(), 0
        for order in self._live(symbol):
            if self._is_entry(order) or held * order.side > 0:
                continue
            top = order.parent_id or order.broker_id
            if top not in seen:
                seen.add(top)
                total += self._left(order)
        return total

    def _reached(self, order: BrokerOrder, price: Decimal) -> bool:
        if order.kind == "market":
            return True
        if order.kind == "limit":
            return (Decimal(order.limit_price) - price) * order.side >= 0
        return (price - Decimal(order.stop_price)) * order.side >= 0

    def _fill(self, order: BrokerOrder, shares: int, price: str) -> None:
        filled = order.filled + shares
        value = Decimal(order.average_price or 0) * order.filled + Decimal(price) * shares
        entry, legs = self._family(order)
        done = filled >= order.quantity
        if not self._is_entry(order):
            rest = self._left(order) - shares
            done = done or (rest <= 0 and (entry is None or entry.status.final))
        execution = Execution(
            f"x{len(self.executed)}",
            order.broker_id,
            order.symbol,
            order.side,
            shares,
            price,
            filled,
            self.now_ns(),
        )
        self.executed.append(execution)
        self.shares[order.symbol] = self.shares.get(order.symbol, 0) + order.side * shares
        self.cash_micro -= order.side * shares * int(Decimal(price) * 10**6)
        status = FILLED if done else order.status if order.status is PENDING else PARTLY
        self._put(
            order,
            execution=execution,
            filled=filled,
            average_price=str(value / filled),
            status=status,
        )
        if done and not self._is_entry(order):
            for other in legs:
                if (
                    other.broker_id != order.broker_id
                    and not self.book[other.broker_id].status.final
                ):
                    # The stream says nothing of it, as Alpaca's doesn't.
                    gone = replace(other, status=CANCELED, updated_ns=self.now_ns())
                    self.book[other.broker_id] = gone
        elif done:
            for leg in legs:
                if leg.kind == "limit" and leg.status is HELD:
                    self._put(leg, status=ACCEPTED)

    def _end(self, order: BrokerOrder) -> None:
        _, legs = self._family(order)
        ends = [order]
        if self._is_entry(order):
            keeps = bool(order.filled) and not self.legs_wait
            ends += [] if keeps else legs
        else:
            ends += [o for o in legs if o.broker_id != order.broker_id]
        for one in ends:
            if not self.book[one.broker_id].status.final:
                self._put(self.book[one.broker_id], status=CANCELED)

    def _put(
        self, order: BrokerOrder, *, execution: Execution | None = None, **changes: object
    ) -> None:
        new = replace(order, **changes, updated_ns=self.now_ns())  # type: ignore[arg-type]
        self.book[new.broker_id] = new
        if self.mute:
            return
        for _ in range(1 + self.twice):
            self.heard.put_nowait(OrderUpdate("fill" if execution else "new", new, execution))

    def _id(self) -> str:
        return f"b{len(self.book):03d}"
