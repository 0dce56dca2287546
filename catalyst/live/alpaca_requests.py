"""What is sent to Alpaca, held to its forms before; and whether what is there is what was asked."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from catalyst.errors import InvariantError
from catalyst.live.alpaca_orders import SIDES
from catalyst.live.ports import BrokerOrder, OrderStatus
from catalyst.strategy.broker_rules import form_refusal
from catalyst.strategy.order_text import whole_shares
from catalyst.strategy.tickets import OrderRequest


def body_of(request: OrderRequest) -> dict[str, Any]:
    """Write a request as JSON; prices stay the text they are.

    Raises
    ------
    InvariantError
        If a price is not on the tick, or a word, the quantity or the client id has no form that
        may leave; see `catalyst.strategy.broker_rules.form_refusal`.
    """
    check_form(request)
    body: dict[str, Any] = {
        "client_order_id": request.client_order_id,
        "symbol": request.symbol,
        "side": request.side,
        "qty": request.quantity,
        "type": request.type,
        "time_in_force": request.time_in_force,
        "order_class": request.order_class,
    }
    if request.extended_hours:
        # With a bracket, Alpaca wants it false or left out.
        body["extended_hours"] = True
    stop_loss = {"stop_price": request.stop_loss_stop, "limit_price": request.stop_loss_limit}
    prices: dict[str, Any] = {
        "limit_price": request.limit_price,
        "stop_price": request.stop_price,
        "take_profit": _given({"limit_price": request.take_profit_limit}),
        "stop_loss": _given(stop_loss),
    }
    return body | _given(prices)


def replacement_of(client_order_id: str, stop_price: str) -> dict[str, Any]:
    """Write the request that moves a stop as JSON.

    Raises
    ------
    InvariantError
        As `body_of`.
    """
    check_form(
        OrderRequest(client_order_id, "-", "sell", "1", "stop", "gtc", stop_price=stop_price)
    )
    return {"stop_price": stop_price, "client_order_id": client_order_id}


def check_form(request: OrderRequest) -> None:
    """Stop what Alpaca would refuse from anybody at any time: it is a fault of ours.

    Raises
    ------
    InvariantError
        With the rule and the two values compared.
    """
    wrong = form_refusal(request)
    if wrong is not None:
        raise InvariantError(
            f"order {request.client_order_id!r} has a form that must not leave: {wrong.message} "
            f"({wrong.value!r}, expected {wrong.threshold or 'none'}); nothing was sent"
        )


def differences(request: OrderRequest, orders: tuple[BrokerOrder, ...]) -> list[str]:
    """Say in which points an order, its legs after it, is not what was asked for."""
    order, *legs = orders
    limit = request.limit_price
    if request.order_class == "oco":
        limit = limit or request.take_profit_limit
    wrong = [
        f"{name} is {there}, asked {asked}"
        for name, there, asked in (
            ("symbol", order.symbol, request.symbol),
            ("side", order.side.label, SIDES[request.side].label),
            ("quantity", order.quantity, whole_shares(request.quantity)),
            ("type", order.kind, request.type),
            ("class", order.order_class, request.order_class),
            ("time in force", order.time_in_force, request.time_in_force),
            ("extended hours", order.extended_hours, request.extended_hours),
        )
        if there != asked
    ]
    wrong += [
        f"{name} is {there or 'none'}, asked {asked or 'none'}"
        for name, there, asked in (
            ("limit", order.limit_price, limit),
            ("stop", order.stop_price, request.stop_price),
        )
        if not same_price(there, asked)
    ]
    # A leg that was moved since has another level, and tells nothing of the one that was asked.
    moved = any(leg.replaces or leg.status is OrderStatus.REPLACED for leg in legs)
    if legs and not moved:
        levels = [level for one in orders for level in (one.limit_price, one.stop_price)]
        wrong += [
            f"no leg at {asked}"
            for asked in (request.take_profit_limit, request.stop_loss_stop)
            if asked and not any(same_price(level, asked) for level in levels)
        ]
    return wrong


def same_price(there: str, asked: str) -> bool:
    """Tell whether two texts are the same price; empty is none."""
    try:
        return Decimal(there or "0") == Decimal(asked or "0")
    except InvalidOperation:
        return there == asked


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
