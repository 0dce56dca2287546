"""Is it an order at all: its words, its quantity, its prices and how they go together."""

from __future__ import annotations

from catalyst.strategy.order_text import NANO, is_decimal, nano_price, nano_text, whole_shares
from catalyst.strategy.refusals import BAD_LEVEL, LONGEST_CLIENT_ID, Refusal, bad
from catalyst.strategy.tickets import OrderRequest

_SIDES = ("buy", "sell")
_TYPES = ("market", "limit", "stop", "stop_limit")
_TIMES = ("day", "gtc", "opg", "cls", "ioc", "fok")
_CLASSES = ("simple", "bracket", "oco", "oto")
_CENT = NANO // 100


def malformed(request: OrderRequest) -> Refusal | None:
    """Say what makes a request no order at all: words, quantity, id, and prices that don't fit."""
    for name, value, allowed in (
        ("side", request.side, _SIDES),
        ("order type", request.type, _TYPES),
        ("time_in_force", request.time_in_force, _TIMES),
        ("order_class", request.order_class, _CLASSES),
    ):
        if value not in allowed:
            return bad(f"invalid {name}: {value}", value, " ".join(allowed))
    shares = whole_shares(request.quantity)
    if shares is None:
        return bad("qty must be a whole number of shares", request.quantity, "whole shares")
    if shares <= 0:
        return bad("qty must be > 0", request.quantity, "1")
    length = len(request.client_order_id)
    if not 0 < length <= LONGEST_CLIENT_ID:
        message = f"client_order_id must be 1 to {LONGEST_CLIENT_ID} characters"
        return bad(message, str(length), str(LONGEST_CLIENT_ID))
    return _malformed_prices(request) or _malformed_class(request)


def _malformed_prices(request: OrderRequest) -> Refusal | None:
    kind, limit, stop = request.type, bool(request.limit_price), bool(request.stop_price)
    if kind == "market" and (limit or stop):
        return bad("market orders require no stop or limit price", kind)
    if kind == "limit" and stop:
        return bad("limit orders require only limit price", request.stop_price)
    if kind == "stop" and limit:
        return bad("stop orders require only stop price", request.limit_price)
    if kind in ("limit", "stop_limit") and not limit and request.order_class != "oco":
        return bad(f"{kind} orders require limit_price", kind)
    if kind in ("stop", "stop_limit") and not stop:
        return bad(f"{kind} orders require stop_price", kind)
    return None


def _malformed_class(request: OrderRequest) -> Refusal | None:
    profit, loss = bool(request.take_profit_limit), bool(request.stop_loss_stop)
    shape = request.order_class
    if shape == "simple":
        if profit or loss or request.stop_loss_limit:
            # Incident 3: the broker ignored both without a word.
            message = "take_profit and stop_loss require order_class bracket, oco or oto"
            return bad(message, shape, "bracket oco oto")
        return None
    if request.extended_hours:
        return bad(f"extended_hours must be false or omitted for {shape} orders", shape)
    if request.time_in_force not in ("day", "gtc"):
        message = f"{shape} orders must be day or gtc"
        return bad(message, request.time_in_force, "day gtc")
    if request.stop_loss_limit and not loss:
        return bad("stop_loss requires stop_price", request.stop_loss_limit)
    if shape == "oto":
        if profit == loss:
            return bad("oto orders require one of take_profit and stop_loss", shape)
        return None
    if shape == "oco" and request.type != "limit":
        return bad("oco orders must be limit orders", request.type, "limit")
    if not (profit and loss):
        missing = "stop_loss.stop_price" if profit else "take_profit.limit_price"
        return bad(f"{shape} orders require {missing}", shape, missing)
    return None


def off_tick(request: OrderRequest) -> Refusal | None:
    """Say which price of a request lies off the tick: 0.01 at or above a dollar, 0.0001 below."""
    for name, text in (
        ("limit_price", request.limit_price),
        ("stop_price", request.stop_price),
        ("take_profit.limit_price", request.take_profit_limit),
        ("stop_loss.stop_price", request.stop_loss_stop),
        ("stop_loss.limit_price", request.stop_loss_limit),
    ):
        if not text:
            continue
        nano = nano_price(text)
        if nano is None and is_decimal(text):
            nano = 1  # Finer than any tick.
        if nano is None or nano <= 0:
            return Refusal(422, BAD_LEVEL, f"invalid {name} {text}", text, "a price above 0")
        tick = _CENT if nano >= NANO else _CENT // 100
        if nano % tick:
            message = (
                f"invalid {name} {text}. sub-penny increment does not fulfill minimum pricing "
                "criteria"
            )
            return Refusal(422, BAD_LEVEL, message, text, nano_text(tick))
    return None
