"""What an account knows of the exchange at an instant, and what it tells of its orders."""

from __future__ import annotations

from dataclasses import dataclass

from catalyst.live.paper.holdings import Execution
from catalyst.live.paper.orders import PaperOrder
from catalyst.strategy.broker_rules import BAD_REQUEST, Refusal, order_value_nano
from catalyst.strategy.money import MICRO
from catalyst.strategy.order_text import NANO
from catalyst.strategy.tickets import OrderRequest
from catalyst.strategy.values import Session

NANO_MICRO = NANO // MICRO
"""Nano-dollars in a micro-dollar."""

_NOT_SIMULATED = "is not simulated by this exchange"


@dataclass(frozen=True)
class Moment:
    """Hold what the exchange knows around an account at an instant.

    Attributes
    ----------
    now_ns
        Exchange's time.
    session
        The session that contains or precedes it.
    marks
        Last known prices by symbol, USD.
    tradable
        Symbols that trade here.
    expiry
        When orders accepted now end, ns: day orders of regular hours, of extended hours, and those
        for the opening.
    open
        Whether it is regular hours, and whether it is any trading hours.
    """

    now_ns: int
    session: Session
    marks: dict[str, float]
    tradable: frozenset[str]
    expiry: tuple[int, int, int]
    open: tuple[bool, bool]


@dataclass(frozen=True)
class Update:
    """Hold one event of the trade stream: the order after it, and its execution if it was one."""

    event: str
    order: PaperOrder
    at_ns: int
    position: int
    execution: Execution | None = None


def value_micro(order: PaperOrder, moment: Moment) -> int:
    """Return what an open opening order takes of buying power, micro-dollars."""
    request = OrderRequest(
        client_order_id="",
        symbol=order.symbol,
        side=order.side.label,
        quantity=str(order.left),
        type=order.kind,
        time_in_force=order.time_in_force,
        limit_price=order.limit,
        stop_price=order.stop,
    )
    price = round(moment.marks.get(order.symbol, 0.0) * NANO)
    return order_value_nano(request, price) // NANO_MICRO


def expires(request: OrderRequest, moment: Moment) -> int:
    """Return when an order that is accepted now ends, ns; -1 for never."""
    day, extended, opening = moment.expiry
    if request.time_in_force == "gtc":
        return -1
    if request.time_in_force == "opg":
        return opening
    return extended if request.extended_hours else day


def unsimulated(request: OrderRequest) -> Refusal | None:
    """Say what Alpaca takes and this exchange has no model for."""
    bracket = request.order_class in ("bracket", "oto")
    for what, asked in (
        (f"time_in_force {request.time_in_force}", request.time_in_force in ("cls", "fok")),
        ("stop_loss.limit_price", bool(request.stop_loss_limit)),
        (f"a {request.order_class} of a {request.type} order", bracket and "stop" in request.type),
    ):
        if asked:
            return Refusal(422, BAD_REQUEST, f"{what} {_NOT_SIMULATED}", what)
    return None
