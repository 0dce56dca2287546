"""What a broker refuses: one model for replay, the paper exchange and the live adapter.

Source: Alpaca's documentation and public threads, 2019 to 2026; statuses, codes and words are
theirs where they are known. Prices are text on the wire and whole nano-dollars inside, so that no
price is ever compared as a float.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from catalyst.strategy.clock import HOUR_NS, MINUTE_NS
from catalyst.strategy.order_shape import malformed, off_tick
from catalyst.strategy.order_text import NANO, nano_price, nano_text, whole_shares
from catalyst.strategy.refusals import (
    BAD_LEVEL,
    BAD_REQUEST,
    LONGEST_CLIENT_ID,
    NOT_FOUND,
    SHORT_OF,
    Refusal,
    bad,
)
from catalyst.strategy.tickets import OrderRequest
from catalyst.strategy.values import Session

__all__ = [
    "BAD_LEVEL",
    "BAD_REQUEST",
    "CLOSED",
    "LONGEST_CLIENT_ID",
    "NOT_FOUND",
    "SHORT_OF",
    "Refusal",
    "Resting",
    "Standing",
    "cancel_refusal",
    "is_opening",
    "order_value_nano",
    "refusal",
    "replace_refusal",
]

SHORT_CUSHION = 103
"""Percent of the price at which a short sale is counted against buying power, at least."""
MOST_EXPOSURE = 6
"""Times its equity that an account may hold before it is restricted to closing."""

_CENT = NANO // 100
_OPG_LAST_NS = 5 * HOUR_NS + 28 * MINUTE_NS
_QUEUE_FROM_NS = 15 * HOUR_NS
_CLS_LAST_NS = 10 * MINUTE_NS


@dataclass(frozen=True)
class Resting:
    """Hold an open order as the rules look at it.

    Attributes
    ----------
    side, type
        As on the wire.
    limit_nano
        Its limit, nano-dollars; 0 without one.
    held
        Whether it waits for another order and can't trade yet.
    opening
        Whether it opens a position or adds to one.
    """

    side: str
    type: str
    limit_nano: int = 0
    held: bool = False
    opening: bool = False


@dataclass(frozen=True)
class Standing:
    """Hold what an order is judged by: the hour, the asset, the account.

    Attributes
    ----------
    asof_ns
        The exchange's time.
    session
        The session that contains or precedes it.
    tradable, shortable
        What the broker says of the asset; an asset it doesn't know is not tradable.
    price_nano
        Last price, nano-dollars; 0 without one.
    position
        Shares held, negative for a short.
    held_for_orders
        Shares of the position that open orders will sell (a short: buy back).
    buying_power_nano, exposure_nano, equity_nano
        Of the account, nano-dollars; the first with open opening orders taken off.
    resting
        Open orders of the symbol.
    client_ids
        Every client order id that was ever accepted.
    """

    asof_ns: int
    session: Session
    tradable: bool
    shortable: bool
    price_nano: int
    position: int
    held_for_orders: int
    buying_power_nano: int
    exposure_nano: int
    equity_nano: int
    resting: tuple[Resting, ...] = ()
    client_ids: Container[str] = ()


def refusal(request: OrderRequest, standing: Standing) -> Refusal | None:
    """Say why a broker would refuse an order; None if it takes it.

    Parameters
    ----------
    request
        The order as on the wire.
    standing
        What it is judged by.
    """
    return (
        form_refusal(request)
        or _misplaced_levels(request, standing)
        or _ill_timed(request, standing)
        or _unknown(request, standing)
        or _beyond_means(request, standing)
    )


def form_refusal(request: OrderRequest) -> Refusal | None:
    """Say what no broker would take from anybody at any time: shape, words, ticks; None if fine."""
    return malformed(request) or off_tick(request)


def cancel_refusal(status: str) -> Refusal | None:
    """Say why an order in a state (text on the wire) can't be cancelled; None if it can."""
    if status in CLOSED:
        message = f'order is already in "{status}" state'
        return Refusal(422, BAD_LEVEL, message, status, "an open order")
    return None


def replace_refusal(
    request: OrderRequest, standing: Standing, *, status: str, filled: int
) -> Refusal | None:
    """Say why an order can't be replaced by another; None if it can.

    Parameters
    ----------
    request
        The order that would stand in its place, its quantity with what has filled already.
    standing
        As if the old order were gone.
    status
        State of the old order, text on the wire.
    filled
        Shares of the old order that have filled.
    """
    if status in CLOSED or status.startswith("pending"):
        message = "only open orders can be replaced"
        return Refusal(422, BAD_REQUEST, message, status, "an open order")
    shares = whole_shares(request.quantity)
    if shares is not None and shares <= filled:
        message = "qty must be > filled_qty"
        return Refusal(422, BAD_REQUEST, message, request.quantity, str(filled))
    return refusal(request, standing)


CLOSED = frozenset({"filled", "canceled", "expired", "replaced", "rejected"})
"""States from which an order never returns, as on the wire."""


def is_opening(side: str, position: int) -> bool:
    """Tell whether an order of a side opens a position or adds to one of so many shares."""
    return position >= 0 if side == "buy" else position <= 0


def order_value_nano(request: OrderRequest, price_nano: int) -> int:
    """Return what an opening order takes of buying power, nano-dollars.

    Parameters
    ----------
    request
        A well-formed order.
    price_nano
        Last price; what an order without a limit counts at. A short sale counts at 103 % of it at
        least.
    """
    limit = nano_price(request.limit_price) or nano_price(request.stop_price) or price_nano
    if request.side == "sell":
        limit = max(limit, -(-price_nano * SHORT_CUSHION // 100))
    return limit * (whole_shares(request.quantity) or 0)


def _misplaced_levels(request: OrderRequest, standing: Standing) -> Refusal | None:
    if request.order_class == "simple":
        return None
    if request.order_class == "oco":
        # The order is the exit itself: its levels lie on both sides of each other.
        sign = -1 if request.side == "buy" else 1
        base, profit = nano_price(request.stop_loss_stop), nano_price(request.take_profit_limit)
        if base and profit and (profit - base) * sign < _CENT:
            message = "take_profit.limit_price must lie beyond stop_loss.stop_price"
            return Refusal(
                422, BAD_LEVEL, message, request.take_profit_limit, request.stop_loss_stop
            )
        return None
    sign = 1 if request.side == "buy" else -1
    base = nano_price(request.limit_price) or nano_price(request.stop_price) or standing.price_nano
    profit, stop = nano_price(request.take_profit_limit), nano_price(request.stop_loss_stop)
    words = (">= base_price + 0.01", "<= base_price - 0.01")
    up, down = words if sign > 0 else words[::-1]
    if profit and (profit - base) * sign < _CENT:
        message = f"take_profit.limit_price must be {up}"
        return Refusal(422, BAD_LEVEL, message, request.take_profit_limit, nano_text(base))
    if stop and (base - stop) * sign < _CENT:
        message = f"stop_loss.stop_price must be {down}"
        return Refusal(422, BAD_LEVEL, message, request.stop_loss_stop, nano_text(base))
    return None


def _ill_timed(request: OrderRequest, standing: Standing) -> Refusal | None:
    time = request.time_in_force
    if request.extended_hours:
        if request.type != "limit":
            message = 'only type="limit" is allowed for extended hours orders'
            return bad(message, request.type, "limit")
        if time != "day":
            message = "extended hours orders must be day orders"
            return bad(message, time, "day")
    session, now = standing.session, standing.asof_ns
    first = {"opg": session.pre_ns + _OPG_LAST_NS, "cls": session.close_ns - _CLS_LAST_NS}.get(time)
    if first is not None:
        if request.type not in ("market", "limit"):
            return bad(f"{time} orders must be market or limit orders", request.type)
        if first <= now < session.pre_ns + _QUEUE_FROM_NS:
            told = "9:28am" if time == "opg" else "3:50pm"
            message = f"{time} orders are rejected between {told} and 7:00pm ET"
            return Refusal(422, BAD_LEVEL, message, str(now), str(first))
    return None


def _unknown(request: OrderRequest, standing: Standing) -> Refusal | None:
    if not standing.tradable:
        message = f'asset "{request.symbol}" not found'
        return Refusal(422, BAD_LEVEL, message, request.symbol, "a tradable asset")
    if request.client_order_id in standing.client_ids:
        return bad("client_order_id must be unique", request.client_order_id)
    return None


def _beyond_means(request: OrderRequest, standing: Standing) -> Refusal | None:
    shares = whole_shares(request.quantity) or 0
    opening = is_opening(request.side, standing.position)
    if request.order_class == "oco" and opening:
        return bad("oco orders must be exit orders", str(standing.position))
    if request.order_class in ("bracket", "oto") and not opening:
        return bad(f"{request.order_class} orders must be entry orders", str(standing.position))
    if not opening:
        available = abs(standing.position) - standing.held_for_orders
        if shares > available:
            message = (
                f"insufficient qty available for order (requested: {shares}, "
                f"available: {max(available, 0)})"
            )
            return Refusal(403, SHORT_OF, message, str(shares), str(max(available, 0)))
        return _washes(request, standing)
    return (
        _conflicts(request, standing)
        or _washes(request, standing)
        or _unaffordable(request, standing)
    )


def _conflicts(request: OrderRequest, standing: Standing) -> Refusal | None:
    if standing.position:
        return None
    if any(r.opening and r.side != request.side for r in standing.resting):
        new, old = (
            ("long buy", "short sell") if request.side == "buy" else ("short sell", "long buy")
        )
        message = f"cannot open a {new} while a {old} order is open"
        return Refusal(403, SHORT_OF, message, request.side, old)
    return None


def _washes(request: OrderRequest, standing: Standing) -> Refusal | None:
    if request.order_class != "simple":
        return None
    limit = nano_price(request.limit_price) or 0
    for other in standing.resting:
        if other.side == request.side or other.held:
            continue
        both_limits = request.type == "limit" and other.type == "limit"
        apart = (other.limit_nano - limit) * (1 if request.side == "buy" else -1) > 0
        if not (both_limits and apart):
            message = "potential wash trade detected. use complex orders"
            value = request.limit_price or request.type
            threshold = nano_text(other.limit_nano) if other.limit_nano else other.type
            return Refusal(403, SHORT_OF, message, value, threshold)
    return None


def _unaffordable(request: OrderRequest, standing: Standing) -> Refusal | None:
    if request.side == "sell" and not standing.shortable:
        message = f'asset "{request.symbol}" cannot be sold short'
        return Refusal(422, BAD_LEVEL, message, request.symbol, "a shortable asset")
    most = MOST_EXPOSURE * standing.equity_nano
    if standing.exposure_nano > most:
        message = "account is restricted to closing transactions"
        return Refusal(
            403, SHORT_OF, message, nano_text(standing.exposure_nano), nano_text(max(most, 0))
        )
    value = order_value_nano(request, standing.price_nano)
    if value > standing.buying_power_nano:
        return Refusal(
            403,
            SHORT_OF,
            "insufficient buying power",
            nano_text(value),
            nano_text(max(standing.buying_power_nano, 0)),
        )
    return None
