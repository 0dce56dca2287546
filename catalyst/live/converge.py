"""What to send so that the broker has what the strategy wants: normal trading and recovery are one.

Desired is the strategy's state with all fills booked; actual is the mirror of the broker's orders.
The acts that bring them together are worked out anew after every event, until there are none. An
entry is sent once or never; protection and exits are made again until they stand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict

from catalyst.data.state_codec import order_json
from catalyst.live.acts import Acts, Ask, LookUp, Situation, cancelling
from catalyst.live.entry_gate import send_entries
from catalyst.live.events import Alert, Intent
from catalyst.live.mirror import Mirror, Sent
from catalyst.live.ports import BrokerOrder, OrderStatus
from catalyst.strategy.decisions import Order
from catalyst.strategy.money import on_tick
from catalyst.strategy.portfolio import Entry, PortfolioState
from catalyst.strategy.reasons import Kind, Role
from catalyst.strategy.risk import make_order, protection
from catalyst.strategy.tickets import (
    OrderRequest,
    oco_request,
    price_text,
    simple_request,
)

_STOPS = (Role.STOP, Role.TRAILING_STOP)
_SECOND_NS = 10**9
#: A bracket's legs may sleep until all of its entry has filled: the rest is given up after this.
_PARTLY_NS = 5 * _SECOND_NS
#: A bar that reached the stop while the broker's stop did not go off: its prices are others.
_TOUCHED_NS = 10 * _SECOND_NS
_EXPIRED_NS = 60 * _SECOND_NS
_STORM = 3
_ASK_NS = _SECOND_NS
_LONGEST_NS = 60 * _SECOND_NS


def converge(state: PortfolioState, mirror: Mirror, at: Situation) -> Acts:
    """Work out what to do.

    Parameters
    ----------
    state
        After the last decision, with every fill booked that is known since.
    mirror
        The broker's orders.
    at
        The rest of what is known.
    """
    out = Acts()
    unknown = _look_up(mirror, at, out)
    wanted = {e.entry_id for e in state.entries}
    # What has filled and is not booked yet may be held or gone: nothing is right to do about it.
    unsettled = {mirror.serves[o.broker_id].entry_id for o in mirror.gap()}
    out.later |= bool(unsettled)
    for order in list(mirror.standing.values()):
        serves = mirror.serves.get(order.broker_id)
        if serves is not None and serves.entry_id not in wanted | unsettled:
            _cancel(order, serves, mirror, at, out)
    marks = dict(state.marks)
    for entry in state.entries:
        mark = marks.get(entry.symbol, math.nan)
        if entry.entry_id not in unsettled:
            _Desk(entry, mirror, at, out, mark=mark, unknown=entry.entry_id in unknown).work()
    send_entries(state, mirror, at, out)
    return out


def _look_up(mirror: Mirror, at: Situation, out: Acts) -> set[str]:
    unknown = set()
    for sent in mirror.unresolved():
        unknown.add(sent.intent.entry_id)
        out.later = True
        if at.now_ns - sent.at_ns >= _pause(sent.tries) or sent.status == "intended":
            out.acts.append(LookUp(sent))
    return unknown


def _pause(tries: int) -> int:
    return min(_ASK_NS << min(tries, 10), _LONGEST_NS)


def _cancel(order: BrokerOrder, serves: Order, mirror: Mirror, at: Situation, out: Acts) -> None:
    out.waiting = True
    asked_ns = mirror.cancels.get(order.broker_id)
    if asked_ns is not None or order.status is OrderStatus.PENDING_CANCEL:
        if at.now_ns - (asked_ns or order.updated_ns) >= _ASK_NS:
            out.acts.append(Ask(order.broker_id))
        return
    if order.status is OrderStatus.HELD and _goes_with_another(order, mirror):
        return
    out.acts.append(cancelling(order, serves))


def _goes_with_another(leg: BrokerOrder, mirror: Mirror) -> bool:
    """Tell whether a sleeping leg ends with its parent or its other leg; left alone, it doesn't."""
    return any(
        o.broker_id == leg.parent_id or (o.parent_id == leg.parent_id != "")
        for o in mirror.standing.values()
        if o.status is not OrderStatus.HELD
    )


class _Desk:
    """One entry: what is wanted of it beside what the broker has."""

    def __init__(
        self,
        entry: Entry,
        mirror: Mirror,
        at: Situation,
        out: Acts,
        *,
        mark: float,
        unknown: bool,
    ) -> None:
        self.entry = entry
        self.mark = mark
        self.mirror = mirror
        self.at = at
        self.out = out
        self.unknown = unknown
        self.symbol = at.names[entry.symbol]
        live = [(o, mirror.serves[o.broker_id]) for o in mirror.live(entry.entry_id)]
        self.entering = [(o, s) for o, s in live if s.role is Role.ENTRY]
        self.leaving = [(o, s) for o, s in live if s.role is not Role.ENTRY]
        self.held = tuple(
            filled - left for filled, left in zip(entry.leg_filled, entry.leg_exited, strict=True)
        )

    def work(self) -> None:
        wanted = {o.order_id for o in self.entry.orders if o.role is Role.ENTRY}
        if self.at.flatten or self.at.now_ns > self.entry.expires_ns + _EXPIRED_NS:
            # After a stop of hours: what should have been cancelled must not fill any more.
            wanted = set()
        for order, serves in self.entering:
            if serves.order_id not in wanted or self._sleeps_on(order):
                _cancel(order, serves, self.mirror, self.at, self.out)
        if self.entry.held <= 0:
            self._clear(self.leaving)
            return
        out = next((o for o in self.entry.orders if o.leg < 0 and o.role is not Role.ENTRY), None)
        if self.at.flatten and out is None:
            out = self._by_hand()
        if out is not None:
            self._leave(out)
            return
        for leg in (0, 1):
            mine = [(o, s) for o, s in self.leaving if s.leg == leg]
            if self.held[leg] <= 0:
                self._clear(mine)
            elif self.at.regular:
                self._protect(leg, mine)
            else:
                self._watch(leg, mine)
        self._clear([(o, s) for o, s in self.leaving if s.leg < 0])

    def _by_hand(self) -> Order:
        entry, at = self.entry, self.at
        kind, limit, since_ns = Kind.MARKET, math.nan, entry.decided_ns
        if not at.regular and not math.isnan(self.mark):
            kind, since_ns = Kind.LIMIT, at.decided_ns
            limit = on_tick(self.mark * (1.0 - entry.side * at.watch_frac), up=entry.side > 0)
        return make_order(
            entry, since_ns, Role.MANUAL, kind, entry.held, limit=limit, extended=not at.regular
        )

    def _sleeps_on(self, order: BrokerOrder) -> bool:
        """Tell whether a bracket has filled in part and nothing protects it, for too long."""
        if not 0 < order.filled < order.quantity or not self.at.regular:
            return False
        if order.order_class != "bracket":
            # An entry from before the open: nothing wakes with it, and its rest stands in the way.
            return True
        legs = [o for o, _ in self.leaving if o.parent_id == order.broker_id]
        if any(o.kind == "stop" and self._awake(o) for o in legs):
            return False
        self.out.later = True
        return self.at.now_ns - order.updated_ns >= _PARTLY_NS

    def _awake(self, stop: BrokerOrder) -> bool:
        """Tell whether a stop protects: one that is held does, unless it waits for its entry."""
        if stop.status is OrderStatus.PENDING_CANCEL or stop.broker_id in self.mirror.cancels:
            return False
        if stop.status is not OrderStatus.HELD:
            return True
        parent = self.mirror.orders.get(stop.parent_id)
        if parent is None:
            return False
        if self.mirror.serves[parent.broker_id].role is Role.ENTRY:
            return parent.status is OrderStatus.FILLED
        return not parent.status.final

    def _clear(self, orders: Iterable[tuple[BrokerOrder, Order]]) -> None:
        parents = {o.broker_id for o, _ in self.entering}
        for order, serves in orders:
            if order.parent_id not in parents:
                _cancel(order, serves, self.mirror, self.at, self.out)

    def _leave(self, wanted: Order) -> None:
        mine = [o for o, s in self.leaving if s.order_id == wanted.order_id]
        for order, serves in (*self.entering, *self.leaving):
            if serves.order_id != wanted.order_id:
                _cancel(order, serves, self.mirror, self.at, self.out)
        if not mine:
            self._send_simple(wanted, min(wanted.quantity, self.entry.held))

    def _protect(self, leg: int, mine: list[tuple[BrokerOrder, Order]]) -> None:
        shares = self.held[leg]
        stop, target = self._orders_of(leg, shares)
        awake = [o for o, _ in mine if o.kind == "stop" and self._awake(o)]
        covers = next((o for o in awake if o.quantity - o.filled >= shares), None)
        touched = self.entry.exiting in _STOPS
        if covers is not None and not (touched and self._silent(covers)):
            if float(covers.stop_price or "nan") != stop.stop and not touched:
                self._move(covers, stop)
            return
        if any(o.kind == "market" for o, _ in mine):
            # On its way out: nothing protects better.
            self._clear((o, s) for o, s in mine if o.kind != "market")
            return
        if any(s.leg in (leg, -1) for _, s in self.entering):
            # Still filling: its legs wake with it, or it is cancelled above.
            self.out.waiting = True
            return
        if mine:
            self._clear(mine)
            return
        if touched or self._through(stop) or self._refused(stop, "protect"):
            market = make_order(
                self.entry, stop.submitted_ns, stop.role, Kind.MARKET, shares, leg=leg
            )
            self._send_simple(_as(market, stop), shares)
            return
        if self._may_send(stop.order_id):
            client_id = self._client_id(stop.order_id)
            request = oco_request(
                stop, target, shares, symbol=self.symbol, client_order_id=client_id
            )
            if self._was_protected(leg):
                text = f"{shares} shares of {self.symbol} had no stop at the broker; one is sent"
                self.out.acts.append(Alert("unprotected", self.symbol, "warning", text))
            self._intend(request, [stop, target], "protect", leg)

    def _watch(self, leg: int, mine: list[tuple[BrokerOrder, Order]]) -> None:
        # Outside regular hours resting brackets and pairs stay; without one, the target works.
        if any(o.kind == "stop" for o, _ in mine):
            return
        shares = self.held[leg]
        target = next(
            (
                o
                for o in self.entry.orders
                if o.leg == leg and o.role in (Role.TARGET_1, Role.TARGET_2)
            ),
            None,
        )
        if target is None:
            return
        covers = [
            o
            for o, _ in mine
            if o.quantity - o.filled == shares and float(o.limit_price or "nan") == target.limit
        ]
        if covers:
            return
        if mine:
            self._clear(mine)
            return
        if not any(s.leg in (leg, -1) for _, s in self.entering):
            self._send_simple(target, shares)

    def _orders_of(self, leg: int, shares: int) -> tuple[Order, Order]:
        """Return stop and target of a half as the strategy has them, or as it would make them."""
        made = protection(self.entry, self.at.decided_ns, leg, shares)
        own = [o for o in self.entry.orders if o.leg == leg]
        stop = next((o for o in own if o.role in _STOPS), made[0])
        target = next((o for o in own if o.role in (Role.TARGET_1, Role.TARGET_2)), made[1])
        return stop, target

    def _silent(self, stop: BrokerOrder) -> bool:
        """Tell whether a stop that the bars say was reached has not gone off for too long."""
        if stop.status is OrderStatus.PARTIALLY_FILLED:
            return False
        self.out.later = True
        since_ns = max(self.at.decided_ns, stop.updated_ns)
        return self.at.now_ns - since_ns >= _TOUCHED_NS

    def _through(self, stop: Order) -> bool:
        return not math.isnan(self.mark) and (self.mark - stop.stop) * self.entry.side <= 0

    def _refused(self, stop: Order, purpose: str) -> bool:
        last = _last(self.mirror, stop.order_id)
        return last is not None and last.status == "refused" and last.intent.purpose == purpose

    def _was_protected(self, leg: int) -> bool:
        mine = (s.intent for s in self.mirror.sent.values())
        return any(
            i.entry_id == self.entry.entry_id and i.leg == leg and len(i.order_ids) > 1
            for i in mine
        )

    def _may_send(self, order_id: str) -> bool:
        if self.unknown:
            return False
        last, tries = _last(self.mirror, order_id), self.mirror.generation(order_id)
        refused = last is not None and last.status == "refused"
        if last is None or (tries < _STORM and (not refused or last.intent.purpose == "replace")):
            return True
        # What has to be made again and again is made with growing pauses.
        self.out.later = True
        return self.at.now_ns - last.at_ns >= _pause(tries)

    def _client_id(self, order_id: str) -> str:
        return f"{order_id}-{self.mirror.generation(order_id)}"

    def _send_simple(self, wanted: Order, shares: int) -> None:
        # A plain sale is refused beside a working order of the other side, as a wash trade, and for
        # want of free shares: an exit of all waits until everything of ours has ended, that of a
        # half for what buys. Nobody knows when a stranger's order ends: the broker may say no.
        if wanted.kind is Kind.MARKET or wanted.leg < 0:
            in_the_way = [
                (o, self.mirror.serves[o.broker_id])
                for o in self.mirror.live_of_symbol(self.symbol)
                if o.broker_id in self.mirror.serves
                and self.mirror.serves[o.broker_id].order_id != wanted.order_id
                and (wanted.leg < 0 or o.side is not wanted.side)
            ]
            for order, serves in in_the_way:
                self.out.waiting = True
                if serves.role is Role.ENTRY and serves.entry_id == self.entry.entry_id:
                    _cancel(order, serves, self.mirror, self.at, self.out)
            if in_the_way:
                return
        if shares > 0 and self._may_send(wanted.order_id):
            request = simple_request(
                wanted,
                shares,
                symbol=self.symbol,
                client_order_id=self._client_id(wanted.order_id),
            )
            self._intend(request, [wanted], "exit", wanted.leg)

    def _move(self, stop: BrokerOrder, wanted: Order) -> None:
        if not self._may_send(wanted.order_id):
            return
        if self._refused(wanted, "replace"):
            # What can't be moved is made anew.
            self._clear([(o, s) for o, s in self.leaving if s.leg == wanted.leg])
            return
        self.out.acts.append(
            Intent(
                self._client_id(wanted.order_id),
                [wanted.order_id],
                wanted.entry_id,
                wanted.leg,
                self.symbol,
                "replace",
                {"stop_price": price_text(wanted.stop)},
                target_broker_id=stop.broker_id,
                signal_id=wanted.signal_id,
                orders=[order_json(wanted, self.at.names)],
            )
        )

    def _intend(self, request: OrderRequest, orders: list[Order], purpose: str, leg: int) -> None:
        self.out.waiting = True
        self.out.acts.append(
            Intent(
                request.client_order_id,
                [o.order_id for o in orders],
                self.entry.entry_id,
                leg,
                self.symbol,
                purpose,
                asdict(request),
                signal_id=self.entry.signal_id,
                orders=[order_json(o, self.at.names) for o in orders],
            )
        )


def _as(market: Order, stop: Order) -> Order:
    return Order(**{**vars(market), "order_id": stop.order_id})


def _last(mirror: Mirror, order_id: str) -> Sent | None:
    found = [s for s in mirror.sent.values() if order_id in s.intent.order_ids]
    return found[-1] if found else None
