"""An order in the books of the paper exchange, and what one request makes of it."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass

from catalyst.strategy.broker_rules import CLOSED
from catalyst.strategy.order_text import nano_price, whole_shares
from catalyst.strategy.reasons import Side
from catalyst.strategy.tickets import OrderRequest


@dataclass(frozen=True)
class PaperOrder:
    """Hold one order: what was asked for, and what has become of it.

    Attributes
    ----------
    broker_id, parent_id, group_id
        Ids of the exchange; a leg's parent is the order it was sent with, and all orders sent in
        one request are a group.
    kind
        ``market``, ``limit``, ``stop`` or ``stop_limit``.
    quantity, filled
        Shares.
    left
        Shares that may fill now: none while the order waits for its parent.
    limit, stop
        Decimal text in USD, empty for none.
    status
        As on the wire.
    live
        Whether it works, or waits for its parent.
    triggered
        Whether its stop was touched.
    opening
        Whether it opens a position or adds to one.
    wakes
        Whether its fills bring its legs to life: the entry of a bracket.
    leg
        Whether it is part of a group that protects one quantity.
    value_e4
        Sum of price times quantity of its fills, in 0.0001 USD.
    accepted_ns, updated_ns, filled_ns, closed_ns
        Exchange's time; -1 for not yet.
    expires_ns
        When it is taken out of the book; -1 for never.
    """

    broker_id: str
    client_order_id: str
    symbol: str
    side: Side
    kind: str
    quantity: int
    limit: str
    stop: str
    time_in_force: str
    order_class: str
    extended: bool
    status: str
    left: int
    live: bool
    opening: bool
    group_id: str
    accepted_ns: int
    updated_ns: int
    expires_ns: int
    parent_id: str = ""
    wakes: bool = False
    leg: bool = False
    triggered: bool = False
    filled: int = 0
    value_e4: int = 0
    filled_ns: int = -1
    closed_ns: int = -1
    replaced_by: str = ""
    replaces: str = ""

    @property
    def open(self) -> bool:
        """Tell whether something may still come of it."""
        return self.status not in CLOSED

    @property
    def limit_nano(self) -> int:
        """Return its limit in nano-dollars, 0 for none."""
        return nano_price(self.limit) or 0

    @property
    def stop_nano(self) -> int:
        """Return its stop in nano-dollars, 0 for none."""
        return nano_price(self.stop) or 0


def made_id(account_id: str, what: str, number: int) -> str:
    """Return a UUID that is a function of account, kind and number, so that runs repeat."""
    digest = hashlib.blake2b(f"{account_id}|{what}|{number}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def orders_of(
    request: OrderRequest,
    ids: tuple[str, str, str],
    *,
    opening: bool,
    at_ns: int,
    expires_ns: int,
    status: str,
) -> tuple[PaperOrder, ...]:
    """Return the orders that an accepted request makes, the one it answers with first.

    Parameters
    ----------
    request
        Accepted by `catalyst.strategy.broker_rules.refusal`.
    ids
        Broker's ids of the order and of two legs; a leg's client id is made of its own.
    opening
        Whether it opens a position.
    at_ns, expires_ns
        Exchange's time of acceptance, and when its life ends (-1: never).
    status
        Of the order, ``new`` or ``accepted``; its legs wait.
    """
    side = Side.BUY if request.side == "buy" else Side.SELL
    quantity = whole_shares(request.quantity) or 0
    shape = request.order_class
    oco = shape == "oco"
    first = PaperOrder(
        broker_id=ids[0],
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        side=side,
        kind=request.type,
        quantity=quantity,
        limit=request.take_profit_limit if oco else request.limit_price,
        stop=request.stop_price,
        time_in_force=request.time_in_force,
        order_class=shape,
        extended=request.extended_hours,
        status=status,
        left=quantity,
        live=True,
        opening=opening,
        group_id=ids[0],
        accepted_ns=at_ns,
        updated_ns=at_ns,
        expires_ns=expires_ns,
        wakes=shape in ("bracket", "oto"),
        leg=oco,
    )

    def leg(broker_id: str, kind: str, limit: str, stop: str) -> PaperOrder:
        return PaperOrder(
            broker_id=broker_id,
            client_order_id=broker_id[::-1],
            symbol=request.symbol,
            side=side if oco else Side(-side),
            kind=kind,
            quantity=quantity,
            limit=limit,
            stop=stop,
            time_in_force=request.time_in_force,
            order_class=shape,
            extended=False,
            status="held",
            left=quantity if oco else 0,
            live=oco,
            opening=False,
            group_id=ids[0],
            accepted_ns=at_ns,
            updated_ns=at_ns,
            expires_ns=expires_ns,
            parent_id=ids[0],
            leg=True,
        )

    legs = []
    if request.take_profit_limit and not oco:
        legs.append(leg(ids[1], "limit", request.take_profit_limit, ""))
    if request.stop_loss_stop:
        kind = "stop_limit" if request.stop_loss_limit else "stop"
        legs.append(leg(ids[2], kind, request.stop_loss_limit, request.stop_loss_stop))
    return (first, *legs)


def changed(order: PaperOrder, changes: dict[str, str], client_order_id: str) -> OrderRequest:
    """Return the request that would make an order anew with some of its fields changed."""
    return OrderRequest(
        client_order_id=client_order_id,
        symbol=order.symbol,
        side=order.side.label,
        quantity=changes.get("qty") or str(order.quantity),
        type=order.kind,
        time_in_force=changes.get("time_in_force") or order.time_in_force,
        limit_price=changes.get("limit_price") or order.limit,
        stop_price=changes.get("stop_price") or order.stop,
        extended_hours=order.extended,
    )
