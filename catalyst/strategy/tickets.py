"""Orders as a broker takes them: text on the wire, one request for what belongs together."""

from __future__ import annotations

from dataclasses import dataclass


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
