"""Orders as a broker takes them: text on the wire, one request for what belongs together."""

from __future__ import annotations

from dataclasses import dataclass

from catalyst.errors import InvariantError
from catalyst.strategy.decisions import Order
from catalyst.strategy.reasons import Kind

_OFF_TICK = 1e-9


@dataclass(frozen=True)
class OrderRequest:
    """Hold one order as it goes over the wire, to Alpaca or to the paper exchange.

    Attributes
    ----------
    client_order_id
        Ours: a function of content, at most 48 characters.
    symbol
        By name.
    side
        ``buy`` or ``sell``.
    quantity
        Decimal text of whole shares; anything else is refused by `catalyst.strategy.broker_rules`.
    type
        ``market``, ``limit``, ``stop`` or ``stop_limit``.
    time_in_force
        ``day``, ``gtc``, ``opg``, ``cls``, ``ioc`` or ``fok``.
    limit_price, stop_price
        Decimal text in USD, empty for none.
    order_class
        ``simple``, ``bracket``, ``oco`` or ``oto``.
    take_profit_limit, stop_loss_stop, stop_loss_limit
        Levels of the legs, decimal text, empty for none.
    extended_hours
        Whether it may fill outside regular hours.
    """

    client_order_id: str
    symbol: str
    side: str
    quantity: str
    type: str
    time_in_force: str
    limit_price: str = ""
    stop_price: str = ""
    order_class: str = "simple"
    take_profit_limit: str = ""
    stop_loss_stop: str = ""
    stop_loss_limit: str = ""
    extended_hours: bool = False


def price_text(price: float) -> str:
    """Return a price as decimal text on the broker's tick: 0.01 from one dollar on, else 0.0001.

    Raises
    ------
    InvariantError
        If the price is off the tick: rounding in the safe direction is the business of who made it.
    """
    scale, digits = (100, 2) if price >= 1.0 else (10_000, 4)
    whole = round(price * scale)
    if not price > 0.0 or abs(whole / scale - price) > _OFF_TICK:
        raise InvariantError(
            f"the price {price!r} is off the broker's tick of {1 / scale:g}; this is a bug"
        )
    return f"{whole // scale}.{whole % scale:0{digits}d}"


def entry_request(
    order: Order, children: tuple[Order, ...], *, symbol: str, client_order_id: str
) -> OrderRequest:
    """Return an entry: a bracket with the levels of its sleeping children, or one plain limit.

    A bracket is good till cancelled, because its legs are: they outlive the day and this process.
    The driver cancels what has not filled when the strategy says so.
    """
    stop = next((o for o in children if o.kind is Kind.STOP), None)
    target = next((o for o in children if o.kind is Kind.LIMIT), None)
    if stop is None or target is None:
        return simple_request(order, order.quantity, symbol=symbol, client_order_id=client_order_id)
    return OrderRequest(
        client_order_id,
        symbol,
        order.side.label,
        str(order.quantity),
        "limit",
        "gtc",
        limit_price=price_text(order.limit),
        order_class="bracket",
        take_profit_limit=price_text(target.limit),
        stop_loss_stop=price_text(stop.stop),
    )


def oco_request(
    stop: Order, target: Order, quantity: int, *, symbol: str, client_order_id: str
) -> OrderRequest:
    """Return the protection of one half: target and stop, of which one cancels the other."""
    return OrderRequest(
        client_order_id,
        symbol,
        stop.side.label,
        str(quantity),
        "limit",
        "gtc",
        order_class="oco",
        take_profit_limit=price_text(target.limit),
        stop_loss_stop=price_text(stop.stop),
    )


def simple_request(
    order: Order, quantity: int, *, symbol: str, client_order_id: str
) -> OrderRequest:
    """Return one plain order: at the market, a limit (also outside regular hours), or a stop."""
    market, limit = order.kind is Kind.MARKET, order.kind is Kind.LIMIT
    return OrderRequest(
        client_order_id,
        symbol,
        order.side.label,
        str(quantity),
        "market" if market else "limit" if limit else "stop",
        "day" if market or limit else "gtc",
        limit_price=price_text(order.limit) if limit else "",
        stop_price="" if market or limit else price_text(order.stop),
        extended_hours=limit and order.extended,
    )
