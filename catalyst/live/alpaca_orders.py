"""What Alpaca's trading API says, word by word, in our terms; an unknown word is an error."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from catalyst.errors import BrokerSilenceError
from catalyst.live.ports import (
    Account,
    BrokerOrder,
    Execution,
    Holding,
    OrderStatus,
    OrderUpdate,
)
from catalyst.strategy.money import MICRO
from catalyst.strategy.reasons import Side

Json = Mapping[str, Any]
T = TypeVar("T")

#: Every status of alpaca-py 0.44's `OrderStatus`, by what is to be expected of the order.
STATUSES: Final = {
    "pending_new": OrderStatus.PENDING,
    "pending_review": OrderStatus.PENDING,
    # Not eligible for trading, and not over: it must not count as protection.
    "suspended": OrderStatus.PENDING,
    "held": OrderStatus.HELD,
    "new": OrderStatus.ACCEPTED,
    "accepted": OrderStatus.ACCEPTED,
    "accepted_for_bidding": OrderStatus.ACCEPTED,
    # A trade is guaranteed and has not happened.
    "stopped": OrderStatus.ACCEPTED,
    # It works as it is until the new order takes over.
    "pending_replace": OrderStatus.ACCEPTED,
    # Nothing more today, which is for its time in force to end: it isn't over.
    "done_for_day": OrderStatus.ACCEPTED,
    "calculated": OrderStatus.ACCEPTED,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "pending_cancel": OrderStatus.PENDING_CANCEL,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "replaced": OrderStatus.REPLACED,
    "rejected": OrderStatus.REJECTED,
}
#: Sides of orders and executions; a short sale is told apart in activities only.
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL, "sell_short": Side.SELL}
#: Events of the stream that are an execution.
EXECUTIONS: Final = frozenset({"fill", "partial_fill"})

# A person may place a trailing stop by hand.
_KINDS = {name: name for name in ("market", "limit", "stop", "stop_limit", "trailing_stop")}
_CLASSES = {name: name for name in ("simple", "bracket", "oco", "oto")} | {"": "simple"}
_IN_FORCE = {name: name for name in ("day", "gtc", "opg", "cls", "ioc", "fok")}
_SIGNS = {"long": 1, "short": -1}
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)\Z"
)
_SECOND_NS = 1_000_000_000
_LONGEST_SHOWN = 60


def orders_of(raw: object, parent_id: str = "") -> tuple[BrokerOrder, ...]:
    """Read an order and its legs, the order first.

    Raises
    ------
    BrokerSilenceError
        If a field is missing or says what nobody knows; it names both.
    """
    found = _object(raw, "order")
    order = _order(found, parent_id)
    legs = found.get("legs") or ()
    return order, *(leg for raw_leg in legs for leg in orders_of(raw_leg, order.broker_id))


def update_of(raw: object) -> OrderUpdate:
    """Read the data of one trade update; any event is passed on with the order as it is after it.

    Raises
    ------
    BrokerSilenceError
        If it can't be read.
    """
    found = _object(raw, "trade update")
    event = _text(found, "event")
    order = orders_of(found.get("order"))[0]
    if event not in EXECUTIONS:
        return OrderUpdate(event, order, None)
    execution = Execution(
        execution_id=_text(found, "execution_id"),
        broker_id=order.broker_id,
        symbol=order.symbol,
        side=order.side,
        quantity=_whole(found, "qty"),
        price=_price(found, "price", needed=True),
        # Quantity and price are the execution's own, the order's are cumulative.
        cumulative=order.filled,
        at_ns=_instant(found, "timestamp"),
    )
    return OrderUpdate(event, order, execution)


def execution_of(raw: object) -> Execution:
    """Read one account activity of type FILL.

    Raises
    ------
    BrokerSilenceError
        If it can't be read.
    """
    found = _object(raw, "activity")
    return Execution(
        execution_id=_text(found, "id"),
        broker_id=_text(found, "order_id"),
        symbol=_text(found, "symbol"),
        side=_word(found, "side", SIDES),
        quantity=abs(_whole(found, "qty")),
        price=_price(found, "price", needed=True),
        cumulative=-1 if found.get("cum_qty") is None else _whole(found, "cum_qty"),
        at_ns=_instant(found, "transaction_time"),
    )


def holding_of(raw: object) -> Holding:
    """Read one position; shares sold short are negative.

    Raises
    ------
    BrokerSilenceError
        If it can't be read, or is of parts of a share.
    """
    found = _object(raw, "position")
    sign = _word(found, "side", _SIGNS)
    return Holding(
        symbol=_text(found, "symbol"),
        quantity=sign * abs(_whole(found, "qty")),
        average_price=_price(found, "avg_entry_price", needed=True),
        last_price=_price(found, "current_price"),
    )


def account_of(raw: object) -> Account:
    """Read the account; nothing of the pattern-day-trader rule, which Alpaca removed, is asked.

    Amounts below a micro-dollar are rounded to the nearest.

    Raises
    ------
    BrokerSilenceError
        If it can't be read.
    """
    found = _object(raw, "account")
    blocked = found.get("trading_blocked")
    if not isinstance(blocked, bool):
        raise _unreadable(found, "trading_blocked", "true or false")
    return Account(
        number=_text(found, "account_number"),
        status=_text(found, "status"),
        cash_micro=_micro(found, "cash"),
        equity_micro=_micro(found, "equity"),
        buying_power_micro=_micro(found, "buying_power"),
        trading_blocked=blocked
        or found.get("account_blocked") is True
        or found.get("trade_suspended_by_user") is True,
    )


def clock_of(raw: object) -> int:
    """Read the broker's time, ns UTC.

    Raises
    ------
    BrokerSilenceError
        If it can't be read.
    """
    return _instant(_object(raw, "clock"), "timestamp")


def instant_ns(text: str) -> int:
    """Read an instant such as ``2023-10-02T09:30:00.123456789-04:00`` as ns UTC.

    Raises
    ------
    ValueError
        If it has another form or no zone.
    """
    found = _INSTANT.match(text)
    if found is None:
        raise ValueError(text)
    day, clock, fraction, zone = found.groups()
    seconds = dt.datetime.fromisoformat(f"{day}T{clock}{zone}").timestamp()
    return int(seconds) * _SECOND_NS + int((fraction or "").ljust(9, "0"))


def instant_text(ns: int) -> str:
    """Write an instant as Alpaca takes it, to the nanosecond."""
    seconds, fraction = divmod(ns, _SECOND_NS)
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def with_parents(orders: tuple[BrokerOrder, ...]) -> dict[str, BrokerOrder]:
    """Index orders by their id; a leg that was also told alone keeps its parent."""
    found: dict[str, BrokerOrder] = {}
    for order in orders:
        before = found.get(order.broker_id)
        if before is not None and before.updated_ns > order.updated_ns:
            found[order.broker_id] = replace(before, parent_id=before.parent_id or order.parent_id)
        elif before is not None and not order.parent_id:
            found[order.broker_id] = replace(order, parent_id=before.parent_id)
        else:
            found[order.broker_id] = order
    return found


def _order(found: Json, parent_id: str) -> BrokerOrder:
    status = _word(found, "status", STATUSES)
    kind = found.get("order_class") or ""
    quantity, filled = _whole(found, "qty"), _whole(found, "filled_qty", default=0)
    if status is OrderStatus.ACCEPTED and filled > 0:
        status = OrderStatus.FILLED if filled == quantity else OrderStatus.PARTIALLY_FILLED
    return BrokerOrder(
        broker_id=_text(found, "id"),
        client_order_id=_text(found, "client_order_id"),
        symbol=_text(found, "symbol"),
        side=_word(found, "side", SIDES),
        kind=_word(found, "type" if found.get("type") else "order_type", _KINDS),
        status=status,
        quantity=quantity,
        filled=filled,
        average_price=_price(found, "filled_avg_price"),
        limit_price=_price(found, "limit_price"),
        stop_price=_price(found, "stop_price"),
        order_class=_word({**found, "order_class": kind}, "order_class", _CLASSES),
        time_in_force=_word(found, "time_in_force", _IN_FORCE),
        extended_hours=found.get("extended_hours") is True,
        parent_id=parent_id,
        replaced_by=_optional(found, "replaced_by"),
        replaces=_optional(found, "replaces"),
        submitted_ns=_instant(found, "submitted_at"),
        updated_ns=_instant(found, "updated_at"),
    )


def _object(raw: object, what: str) -> Json:
    if isinstance(raw, Mapping):
        return raw
    raise BrokerSilenceError(
        f"alpaca sent {type(raw).__name__} where {what} was expected as a JSON object"
    )


def _text(found: Json, name: str) -> str:
    value = found.get(name)
    if isinstance(value, str) and value:
        return value
    raise _unreadable(found, name, "text")


def _optional(found: Json, name: str) -> str:
    return _text(found, name) if found.get(name) else ""


def _word(found: Json, name: str, known: Mapping[str, T]) -> T:
    word = found.get(name)
    if isinstance(word, str) and word in known:
        return known[word]
    raise _unreadable(found, name, f"one of {', '.join(filter(None, known))}")


def _decimal(found: Json, name: str, value: object) -> Decimal:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            read = Decimal(str(value))
        except InvalidOperation:
            read = Decimal("NaN")
        if read.is_finite():
            return read
    raise _unreadable(found, name, "a number")


def _whole(found: Json, name: str, *, default: int | None = None) -> int:
    value = found.get(name)
    if value is None and default is not None:
        return default
    read = _decimal(found, name, value)
    if read != read.to_integral_value():
        raise _unreadable(found, name, "whole shares; close the fraction at the broker by hand")
    return int(read)


def _price(found: Json, name: str, *, needed: bool = False) -> str:
    value = found.get(name)
    if value is None and not needed:
        return ""
    return f"{_decimal(found, name, value):f}"


def _micro(found: Json, name: str) -> int:
    usd = _decimal(found, name, found.get(name))
    return int((usd * MICRO).to_integral_value(ROUND_HALF_EVEN))


def _instant(found: Json, name: str) -> int:
    try:
        return instant_ns(_text(found, name))
    except ValueError:
        raise _unreadable(found, name, "an instant with its zone") from None


def _unreadable(found: Json, name: str, expected: str) -> BrokerSilenceError:
    whose = next((f" of {found[key]}" for key in ("symbol", "id") if found.get(key)), "")
    return BrokerSilenceError(
        f"alpaca says {name} {found.get(name)!r:.{_LONGEST_SHOWN}}{whose}, expected {expected}; if "
        "its API changed, this version of catalyst can't trade with it"
    )
