"""What the live driver asks of a broker, a clock and its feeds: values and protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from catalyst.strategy.reasons import Side
from catalyst.strategy.tickets import OrderRequest


class OrderStatus(Enum):
    """Name the state of a broker's order; ``UNKNOWN`` is ours, for a request without an answer."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    HELD = "held"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"

    @property
    def final(self) -> bool:
        """Tell whether nothing more can come of the order."""
        # By its word: the hash of a member of an enum is worked out in Python, each time.
        return self._value_ in _FINAL


_FINAL = frozenset({"filled", "canceled", "expired", "replaced", "rejected"})


@dataclass(frozen=True)
class BrokerOrder:
    """Hold an order as the broker tells it; a leg of a bracket or OCO is an order of its own.

    Attributes
    ----------
    broker_id, client_order_id
        A leg's client id is the broker's own.
    parent_id
        The broker id of the order whose leg it is, empty for none.
    kind
        ``market``, ``limit``, ``stop`` or ``stop_limit``.
    quantity, filled
        Shares.
    average_price
        Mean price of what has filled, decimal text in USD, empty before.
    limit_price, stop_price
        Decimal text in USD, empty for none.
    replaced_by, replaces
        Broker ids, empty for none.
    submitted_ns, updated_ns
        Broker's time.
    """

    broker_id: str
    client_order_id: str
    symbol: str
    side: Side
    kind: str
    status: OrderStatus
    quantity: int
    filled: int
    average_price: str
    limit_price: str
    stop_price: str
    order_class: str
    time_in_force: str
    extended_hours: bool
    parent_id: str
    replaced_by: str
    replaces: str
    submitted_ns: int
    updated_ns: int


@dataclass(frozen=True)
class Execution:
    """Hold one execution: shares and their price, as the broker booked them.

    Attributes
    ----------
    execution_id
        The broker's; of the stream or of its activities, which may name the same one differently.
    price
        Decimal text in USD.
    cumulative
        Shares of the order filled with this execution included; -1 where the broker doesn't say.
    """

    execution_id: str
    broker_id: str
    symbol: str
    side: Side
    quantity: int
    price: str
    cumulative: int
    at_ns: int


@dataclass(frozen=True)
class OrderUpdate:
    """Hold one event of the trade stream: the order after it, and the execution if it was one."""

    event: str
    order: BrokerOrder
    execution: Execution | None


@dataclass(frozen=True)
class Holding:
    """Hold a position as the broker tells it: signed shares, mean and last price in USD (text).

    ``last_price`` is empty where the broker doesn't say it.
    """

    symbol: str
    quantity: int
    average_price: str
    last_price: str = ""


@dataclass(frozen=True)
class Account:
    """Hold the broker's account, micro-dollars; no field of the pattern-day-trader rule."""

    number: str
    status: str
    cash_micro: int
    equity_micro: int
    buying_power_micro: int
    trading_blocked: bool


class Broker(Protocol):
    """Trade on one account. Every call blocks, has a timeout, and may raise.

    Raises
    ------
    BrokerRefusalError
        If the broker said no: http status, code and its words; trying again changes nothing.
    BrokerSilenceError
        If no answer came that can be trusted (timeout, 5xx, cut connection): it may have happened.
    """

    @property
    def listening(self) -> bool:
        """Tell whether order events come in; while they don't, we are blind: no entries."""

    def account(self) -> Account:
        """Ask for the account."""

    def positions(self) -> tuple[Holding, ...]:
        """Ask for all positions."""

    def orders(self, after_ns: int) -> tuple[BrokerOrder, ...]:
        """Ask for the open orders, and all others submitted after an instant; legs included."""

    def order_of(self, client_order_id: str) -> BrokerOrder | None:
        """Look an order up by our id; None if the broker never had it."""

    def order(self, broker_id: str) -> tuple[BrokerOrder, ...]:
        """Ask for one order and its legs, the order first."""

    def executions(self, after_ns: int) -> tuple[Execution, ...]:
        """Ask for what was executed after an instant, ascending by time."""

    def submit(self, request: OrderRequest) -> tuple[BrokerOrder, ...]:
        """Send an order; return it and its legs. A repeated client id adopts what is there."""

    def cancel(self, broker_id: str) -> None:
        """Ask for an order's cancel; what becomes of it comes by stream or snapshot."""

    def replace(
        self, broker_id: str, *, client_order_id: str, stop_price: str
    ) -> tuple[BrokerOrder, ...]:
        """Move a stop: the broker makes a new order with a new id; the old one is ``replaced``."""

    def updates(self) -> AsyncIterator[OrderUpdate | None]:
        """Stream order events; None says that it was (re)opened, and that some may be missing.

        Raises `BrokerSilenceError` only if it can't be opened again by policy; a lost connection is
        reopened with growing pauses, an open but mute one is found out and reopened.
        """


class Clock(Protocol):
    """Tell the exchange's time, and wait for it."""

    def now_ns(self) -> int:
        """Return the exchange's time, ns UTC."""

    async def sleep_until(self, at_ns: int) -> None:
        """Return once it is that time; where time is stepped, step it there."""

    async def settle(self) -> None:
        """Return once all that the exchange has sent by now has arrived, as far as can be known."""
