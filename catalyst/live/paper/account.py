"""One account: a state machine without I/O; requests and bars go in, events come out."""

from __future__ import annotations

from dataclasses import replace

from catalyst.live.paper.holdings import (
    Execution,
    Holdings,
    price_text,
)
from catalyst.live.paper.matching import Matched, matched
from catalyst.live.paper.moments import (
    Moment,
    Update,
    expires,
    unsimulated,
)
from catalyst.live.paper.orders import PaperOrder, made_id, orders_of
from catalyst.live.paper.replacing import judged, successor
from catalyst.live.paper.standings import standing_of
from catalyst.strategy.broker_rules import (
    NOT_FOUND,
    Refusal,
    cancel_refusal,
    is_opening,
    refusal,
)
from catalyst.strategy.decisions import Fill
from catalyst.strategy.exchange import Bar
from catalyst.strategy.params import ExecutionParams
from catalyst.strategy.tickets import OrderRequest


class PaperAccount:
    """Keep one account's orders, cash and shares.

    Parameters
    ----------
    account_id
        A UUID; all ids are made of it.
    initial_micro
        Cash at the start, micro-dollars.

    Attributes
    ----------
    orders
        Every order there ever was, by broker id, in the order in which they came.
    holdings
        Cash, shares and executions.
    equities
        Equity at the end of each session since it was opened: ns UTC, micro-dollars.
    """

    def __init__(self, account_id: str, initial_micro: int) -> None:
        self.account_id = account_id
        self.orders: dict[str, PaperOrder] = {}
        self.by_client: dict[str, str] = {}
        self.holdings = Holdings(initial_micro)
        self.equities: list[tuple[int, int]] = []
        self._working: dict[str, list[str]] = {}
        self._made = 0

    @property
    def working_symbols(self) -> tuple[str, ...]:
        """Return the symbols with open orders."""
        return tuple(self._working)

    @property
    def last_equity_micro(self) -> int:
        """Return equity at the end of the last session, micro-dollars."""
        return self.equities[-1][1] if self.equities else self.holdings.initial_micro

    def open_orders(self, symbol: str | None = None) -> list[PaperOrder]:
        """Return open orders, held ones included, in the order in which they came."""
        symbols = self._working if symbol is None else (symbol,)
        return [self.orders[i] for s in symbols for i in self._working.get(s, ())]

    def equity_micro(self, marks: dict[str, float]) -> int:
        """Return cash plus positions at last prices, micro-dollars."""
        return self.holdings.cash_micro + self.holdings.positions_micro(marks)

    def submit(
        self, request: OrderRequest, moment: Moment
    ) -> Refusal | tuple[tuple[PaperOrder, ...], list[Update]]:
        """Take an order, or say why not; return it with its legs, and the events."""
        if not request.client_order_id:
            number = len(self.orders)
            request = replace(request, client_order_id=made_id(self.account_id, "client", number))
        no = refusal(request, standing_of(self, request.symbol, moment)) or unsimulated(request)
        if no is not None:
            return no
        opening = is_opening(request.side, self.holdings.shares(request.symbol))
        works = moment.open[1] if request.extended_hours else moment.open[0]
        made = orders_of(
            request,
            (self._new_id(), self._new_id(), self._new_id()),
            opening=opening,
            at_ns=moment.now_ns,
            expires_ns=expires(request, moment),
            status="new" if works else "accepted",
        )
        for order in made:
            self._put(order)
        return made, [self._update(made[0].status, made[0], moment.now_ns)]

    def cancel(self, broker_id: str, now_ns: int) -> Refusal | list[Update]:
        """Cancel an order and what belongs to it, or say why not."""
        order = self.orders.get(broker_id)
        if order is None:
            return Refusal(404, NOT_FOUND, f"order not found for {broker_id}", broker_id)
        no = cancel_refusal(order.status)
        if no is not None:
            return no
        return self._close(order, "canceled", now_ns)

    def replace(
        self, broker_id: str, changes: dict[str, str], moment: Moment
    ) -> Refusal | tuple[PaperOrder, list[Update]]:
        """Put a new order with a new id in an order's place, or say why not.

        Parameters
        ----------
        broker_id
            The order.
        changes
            ``qty``, ``limit_price``, ``stop_price``, ``time_in_force``, ``client_order_id``, as far
            as they change; a quantity that is not given stays the one that was ordered, however
            much of it has filled.
        moment
            When.
        """
        order = self.orders.get(broker_id)
        if order is None:
            return Refusal(404, NOT_FOUND, f"order not found for {broker_id}", broker_id)
        client_id = changes.get("client_order_id") or made_id(
            self.account_id, "client", len(self.orders)
        )
        request = judged(self, order, changes, client_id, moment)
        if isinstance(request, Refusal):
            return request
        new = successor(order, request, self._new_id(), moment)
        old = replace(
            order,
            status="replaced",
            left=0,
            replaced_by=new.broker_id,
            updated_ns=moment.now_ns,
            closed_ns=moment.now_ns,
        )
        place = self._working[order.symbol].index(broker_id)
        self.orders[broker_id] = old
        self.orders[new.broker_id] = new
        self._working[order.symbol][place] = new.broker_id
        self.by_client[client_id] = new.broker_id
        for leg in self._legs(order):
            covers = leg.filled + leg.left + new.quantity if order.wakes else leg.quantity
            moved = replace(leg, parent_id=new.broker_id, quantity=covers)
            self.orders[leg.broker_id] = moved
        event = "accepted" if new.status == "accepted" else "new"
        updates = [
            self._update("replaced", old, moment.now_ns),
            self._update(event, new, moment.now_ns),
        ]
        return new, updates

    def meet(
        self,
        symbol: str,
        bar: Bar,
        params: ExecutionParams,
        *,
        arrival_ns: int,
        most_shares: int | None = None,
        legs_wait: bool = False,
    ) -> list[Update]:
        """Match the open orders of a symbol against a bar; return the events in their order.

        With `legs_wait`, legs protect nothing before all of their entry has filled, as may be at
        Alpaca; else they protect what has filled.
        """
        before = tuple(self.open_orders(symbol))
        asleep = [o for o in before if legs_wait and o.parent_id and not o.live]
        met = tuple(o for o in before if o not in asleep)
        result = matched(met, bar, params, arrival_ns=arrival_ns, most_shares=most_shares)
        return self._settle(met, result, bar) + self._roused(asleep, bar.end_ns)

    def _roused(self, legs: list[PaperOrder], now_ns: int) -> list[Update]:
        out = []
        for leg in legs:
            entry = self.orders[leg.parent_id]
            if entry.status == "filled":
                status = "new" if leg.kind == "limit" else "held"
                new = replace(leg, live=True, left=entry.filled, status=status, updated_ns=now_ns)
                self.orders[new.broker_id] = new
                out += [self._update("new", new, now_ns)] if status == "new" else []
        return out

    def wake(self, now_ns: int, *, extended: bool) -> list[Update]:
        """Let accepted orders work when their hours begin."""
        out = []
        for order in self.open_orders():
            if order.status == "accepted" and (order.extended or not extended):
                new = replace(order, status="new", updated_ns=now_ns)
                self.orders[order.broker_id] = new
                out.append(self._update("new", new, now_ns))
        return out

    def expire(self, now_ns: int) -> list[Update]:
        """Take out orders whose life has ended."""
        out: list[Update] = []
        for order in self.open_orders():
            if self.orders[order.broker_id].open and 0 <= order.expires_ns <= now_ns:
                out += self._close(self.orders[order.broker_id], "expired", now_ns)
        return out

    def split(self, symbol: str, ratio: float, mark: float, now_ns: int) -> list[Update]:
        """Scale a position by a split at a mark after it (USD); open orders are cancelled."""
        out: list[Update] = []
        for order in self.open_orders(symbol):
            if self.orders[order.broker_id].open:
                out += self._close(self.orders[order.broker_id], "canceled", now_ns)
        self.holdings.split(symbol, ratio, mark, self._payment_id(), now_ns)
        return out

    def dividend(self, symbol: str, usd: float, now_ns: int) -> None:
        """Credit a dividend in USD a share; a short pays it."""
        self.holdings.dividend(symbol, usd, self._payment_id(), now_ns)

    def _payment_id(self) -> str:
        return made_id(self.account_id, "payment", len(self.holdings.records))

    def _settle(self, before: tuple[PaperOrder, ...], result: Matched, bar: Bar) -> list[Update]:
        now = bar.end_ns
        out: list[Update] = []
        after = {o.broker_id: o for o in result.orders}
        running = {o.broker_id: o for o in before}
        for fill in result.fills:
            order = running[fill.order_id]
            if order.status in ("held", "accepted"):
                order = replace(order, status="new", updated_ns=now)
                out.append(self._update("new", order, now))
            order, update = self._execute(order, after[fill.order_id], fill, now)
            running[order.broker_id] = order
            out.append(update)
            if order.wakes:
                out += self._woken(order, running, now)
        for order in before:
            out += self._after_bar(running[order.broker_id], after[order.broker_id], now)
        self._tidy(before[0].symbol if before else "")
        return out

    def _execute(
        self, order: PaperOrder, after: PaperOrder, fill: Fill, now_ns: int
    ) -> tuple[PaperOrder, Update]:
        filled = order.filled + fill.quantity
        quantity = max(order.quantity, filled)
        status = "filled" if filled >= min(quantity, after.quantity) else "partially_filled"
        new = replace(
            order,
            filled=filled,
            value_e4=order.value_e4 + round(fill.price * 10_000) * fill.quantity,
            left=max(order.left - fill.quantity, 0),
            status=status,
            updated_ns=now_ns,
            filled_ns=fill.filled_ns,
            triggered=after.triggered,
            closed_ns=now_ns if status == "filled" else -1,
        )
        execution = Execution(
            execution_id=made_id(self.account_id, "execution", len(self.holdings.records)),
            broker_id=order.broker_id,
            symbol=order.symbol,
            side=int(fill.side),
            quantity=fill.quantity,
            price=price_text(fill.price),
            fee_micro=fill.fee_micro,
            cumulative=filled,
            order_quantity=new.quantity,
            filled_ns=fill.filled_ns,
            booked_ns=now_ns,
            status=status,
        )
        self.holdings.execute(execution, fill)
        self.orders[new.broker_id] = new
        event = "fill" if status == "filled" else "partial_fill"
        return new, self._update(event, new, now_ns, execution)

    def _woken(
        self, parent: PaperOrder, running: dict[str, PaperOrder], now_ns: int
    ) -> list[Update]:
        # The target works now; the stop stays held, as Alpaca shows it, until it is touched.
        out = []
        for leg in running.values():
            if leg.parent_id == parent.broker_id and leg.status == "held" and leg.kind == "limit":
                new = replace(leg, status="new", updated_ns=now_ns)
                running[leg.broker_id] = new
                self.orders[leg.broker_id] = new
                out.append(self._update("new", new, now_ns))
        return out

    def _after_bar(self, order: PaperOrder, after: PaperOrder, now_ns: int) -> list[Update]:
        if not order.open:
            return []
        new = replace(
            order,
            left=after.left,
            live=after.live,
            triggered=after.triggered,
            quantity=max(after.quantity, order.filled),
        )
        out: list[Update] = []
        parent = self.orders.get(order.parent_id)
        more = parent is not None and parent.open and parent.wakes
        if order.leg and not more and new.live and not new.left:
            new = replace(order, status="canceled", left=0, updated_ns=now_ns, closed_ns=now_ns)
            if order.kind == "limit":
                # Alpaca says nothing on the stream when a target's fill cancels its stop.
                out.append(self._update("canceled", new, now_ns))
        elif new.triggered and order.status == "held":
            new = replace(new, status="new", updated_ns=now_ns)
            out.append(self._update("new", new, now_ns))
        self.orders[new.broker_id] = new
        if new.time_in_force == "ioc" and new.open and new.accepted_ns < now_ns:
            out += self._close(new, "canceled", now_ns)
        return out

    def _close(self, order: PaperOrder, status: str, now_ns: int) -> list[Update]:
        out: list[Update] = []
        for other in self._group(order):
            if not other.open:
                continue
            if other.parent_id == order.broker_id and order.wakes and other.live:
                # The entry ends partly filled: its legs protect what has filled.
                rest = replace(other, quantity=other.filled + other.left, updated_ns=now_ns)
                ended = "filled" if rest.filled and not rest.left else rest.status
                self.orders[rest.broker_id] = replace(rest, status=ended)
                if rest.left or ended == "filled":
                    continue
            closed = replace(other, status=status, left=0, updated_ns=now_ns, closed_ns=now_ns)
            self.orders[closed.broker_id] = closed
            out.append(self._update(status, closed, now_ns))
        self._tidy(order.symbol)
        return out

    def _group(self, order: PaperOrder) -> list[PaperOrder]:
        # One leg's end ends the other; an entry's end ends legs that wait for it.
        if order.wakes:
            return [order, *self._legs(order)]
        if not order.leg:
            return [order]
        legs = [
            o
            for o in self.open_orders(order.symbol)
            if o.group_id == order.group_id and o.leg and o.broker_id != order.broker_id
        ]
        return [order, *legs]

    def _legs(self, order: PaperOrder) -> list[PaperOrder]:
        return [o for o in self.open_orders(order.symbol) if o.parent_id == order.broker_id]

    def legs_of(self, broker_id: str) -> list[PaperOrder]:
        """Return the legs of an order, closed ones included, but not those replaced by another."""
        return [
            o for o in self.orders.values() if o.parent_id == broker_id and o.status != "replaced"
        ]

    def _put(self, order: PaperOrder) -> None:
        self.orders[order.broker_id] = order
        self.by_client[order.client_order_id] = order.broker_id
        self._working.setdefault(order.symbol, []).append(order.broker_id)

    def _tidy(self, symbol: str) -> None:
        kept = [i for i in self._working.get(symbol, ()) if self.orders[i].open]
        if kept:
            self._working[symbol] = kept
        else:
            self._working.pop(symbol, None)

    def _new_id(self) -> str:
        self._made += 1
        return made_id(self.account_id, "order", self._made)

    def _update(
        self, event: str, order: PaperOrder, at_ns: int, execution: Execution | None = None
    ) -> Update:
        return Update(event, order, at_ns, self.holdings.shares(order.symbol), execution)
