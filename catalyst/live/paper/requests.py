"""What changes an account: each request carried out the same way when it comes and when re-read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalyst.live.paper.account import PaperAccount
from catalyst.live.paper.exchange import PaperExchange
from catalyst.live.paper.moments import Update
from catalyst.live.paper.orders import PaperOrder
from catalyst.live.paper.wire import Json, asset_id, order_json, refusal_body, request_of
from catalyst.strategy.broker_rules import BAD_REQUEST, NOT_FOUND, Refusal
from catalyst.strategy.order_text import NANO, nano_price

_NO_CONTENT, _MULTI = 204, 207


@dataclass(frozen=True)
class Answer:
    """Hold the answer to a request, and the events it caused.

    ``changed`` says whether the account is another one now.
    """

    status: int
    body: Json | list[Json] | None
    updates: list[Update] = field(default_factory=list)
    changed: bool = True


def carry_out(
    exchange: PaperExchange, account: PaperAccount, do: str, body: Mapping[str, Any]
) -> Answer:
    """Carry a request out at the exchange's time.

    Parameters
    ----------
    exchange, account
        Where.
    do
        ``submit``, ``cancel``, ``cancel_all``, ``replace``, ``close`` or ``close_all``.
    body
        What was sent; ``id`` or ``symbol`` name what it is about.
    """
    return _ACTS[do](exchange, account, body)


def _refused(no: Refusal) -> Answer:
    return Answer(no.status, refusal_body(no), changed=False)


def _submit(exchange: PaperExchange, account: PaperAccount, body: Mapping[str, Any]) -> Answer:
    for name in ("notional", "trail_price", "trail_percent"):
        if body.get(name) is not None:
            message = f"{name} is not simulated by this exchange"
            return _refused(Refusal(422, BAD_REQUEST, message, str(body[name])))
    for name in ("take_profit", "stop_loss"):
        if not isinstance(body.get(name) or {}, Mapping):
            message = f"{name} is no object"
            return _refused(Refusal(422, BAD_REQUEST, message, str(body[name])))
    made = account.submit(request_of(body), exchange.moment())
    if isinstance(made, Refusal):
        return _refused(made)
    orders, updates = made
    legs = [order_json(leg) for leg in orders[1:]]
    answer = order_json(orders[0], legs or None)
    if orders[0].status == "new":
        # The stream says that it works; the answer came before.
        answer["status"] = "pending_new"
    return Answer(200, answer, updates)


def _cancel(exchange: PaperExchange, account: PaperAccount, body: Mapping[str, Any]) -> Answer:
    done = account.cancel(body["id"], exchange.now_ns)
    if isinstance(done, Refusal):
        return _refused(done)
    return Answer(_NO_CONTENT, None, done)


def _cancel_all(exchange: PaperExchange, account: PaperAccount, body: Mapping[str, Any]) -> Answer:
    del body
    told, updates = _cancelled(exchange, account, account.open_orders())
    return Answer(_MULTI, told, updates, changed=bool(updates))


def _cancelled(
    exchange: PaperExchange, account: PaperAccount, orders: list[PaperOrder]
) -> tuple[list[Json], list[Update]]:
    told: list[Json] = []
    updates: list[Update] = []
    for order in orders:
        done = account.cancel(order.broker_id, exchange.now_ns)
        if not isinstance(done, Refusal):
            updates += done
        body = order_json(account.orders[order.broker_id])
        told.append({"id": order.broker_id, "status": 200, "body": body})
    return told, updates


def _replace(exchange: PaperExchange, account: PaperAccount, body: Mapping[str, Any]) -> Answer:
    changes = {k: str(v) for k, v in body.items() if k != "id" and v is not None}
    if "trail" in changes:
        message = "trail is not simulated by this exchange"
        return _refused(Refusal(422, BAD_REQUEST, message, changes["trail"]))
    done = account.replace(body["id"], changes, exchange.moment())
    if isinstance(done, Refusal):
        return _refused(done)
    new, updates = done
    legs = [order_json(leg) for leg in account.legs_of(new.broker_id)]
    return Answer(200, order_json(new, legs or None), updates)


def _close(exchange: PaperExchange, account: PaperAccount, body: Mapping[str, Any]) -> Answer:
    symbol = str(body["symbol"])
    held = account.holdings.shares(symbol)
    if not held:
        message = "position does not exist"
        return _refused(Refusal(404, NOT_FOUND, message, symbol))
    quantity = str(abs(held))
    if body.get("qty"):
        quantity = str(body["qty"])
    elif body.get("percentage"):
        nano = nano_price(str(body["percentage"]))
        if nano is None:
            message = f"invalid percentage: {body['percentage']}"
            return _refused(Refusal(422, BAD_REQUEST, message, str(body["percentage"])))
        quantity = str(abs(held) * nano // (100 * NANO))
    side = "sell" if held > 0 else "buy"
    order = {
        "symbol": symbol,
        "qty": quantity,
        "side": side,
        "type": "market",
        "time_in_force": "day",
    }
    return _submit(exchange, account, order)


def _close_all(exchange: PaperExchange, account: PaperAccount, body: Mapping[str, Any]) -> Answer:
    updates: list[Update] = []
    if str(body.get("cancel_orders", "")).lower() == "true":
        updates += _cancelled(exchange, account, account.open_orders())[1]
    told: list[Json] = []
    for symbol in sorted(account.holdings.held):
        done = _close(exchange, account, {"symbol": symbol})
        updates += done.updates
        told.append({"symbol": symbol, "status": done.status, "body": done.body})
    return Answer(_MULTI, told, updates, changed=bool(updates))


_ACTS = {
    "submit": _submit,
    "cancel": _cancel,
    "cancel_all": _cancel_all,
    "replace": _replace,
    "close": _close,
    "close_all": _close_all,
}


def symbol_named(exchange: PaperExchange, name: str) -> str:
    """Return the symbol of a symbol or an asset's id."""
    by_id = {asset_id(symbol): symbol for symbol in exchange.feed.names}
    return by_id.get(name, name)
