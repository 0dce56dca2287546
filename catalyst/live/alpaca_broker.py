"""Alpaca as the broker of `catalyst.live.ports`: orders sent once, answers checked, gaps found."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from catalyst.data.settings import Settings
from catalyst.errors import BrokerRefusalError, BrokerSilenceError, InputError
from catalyst.live.alpaca_orders import (
    account_of,
    clock_of,
    execution_of,
    holding_of,
    instant_text,
    orders_of,
    with_parents,
)
from catalyst.live.alpaca_requests import body_of, differences, replacement_of, same_price
from catalyst.live.alpaca_rest import AlpacaRest
from catalyst.live.alpaca_stream import Snapshot, TradeStream, log_note
from catalyst.live.endpoint import Endpoint, Keys, endpoint_of, hold_to_account, keys_of
from catalyst.live.pacing import pace_of
from catalyst.live.ports import (
    Account,
    BrokerOrder,
    Execution,
    Holding,
    OrderUpdate,
)
from catalyst.strategy.tickets import OrderRequest

#: Rows of a page, as many as Alpaca gives.
ORDERS_A_PAGE: Final = 500
EXECUTIONS_A_PAGE: Final = 100

_LATEST = 200
_MILLISECOND_NS = 1_000_000
_NOT_UNIQUE = re.compile(r"client[ _]order[ _]id must be unique", re.IGNORECASE)


class AlpacaBroker:
    """Trade on one account of Alpaca, or of the paper exchange; see `Broker`.

    Calls block and may come from several threads. Opened by `opened`.
    """

    def __init__(self, rest: AlpacaRest, stream: TradeStream) -> None:
        self._rest = rest
        self._stream = stream
        # By broker id of a leg: the stream, and the answer to a replace, don't tell the parent.
        self._parents: dict[str, str] = {}

    @property
    def listening(self) -> bool:
        """Tell whether the trade stream is open and not doubted; while it isn't, we are blind."""
        return self._stream.listening

    @property
    def stream(self) -> TradeStream:
        """Return the trade stream, as a clock that waits for it wants it."""
        return self._stream

    def clock_ns(self) -> int:
        """Ask for the broker's time, ns UTC.

        Raises
        ------
        BrokerRefusalError, BrokerSilenceError
            As every read.
        """
        return clock_of(self._rest.read("/clock"))

    def account(self) -> Account:
        """Ask for the account; see `Broker.account`."""
        return account_of(self._rest.read("/account"))

    def positions(self) -> tuple[Holding, ...]:
        """Ask for all positions; see `Broker.positions`."""
        return tuple(map(holding_of, _rows(self._rest.read("/positions"))))

    def orders(self, after_ns: int) -> tuple[BrokerOrder, ...]:
        """Ask for the open orders and those submitted after an instant; see `Broker.orders`.

        A leg whose entry was submitted before, and is not open any more, is told without its
        parent; one that sleeps (``held``) is not told at all then: ask `order` for its entry.
        """
        started = self._listed("all", after_ns)
        found = with_parents((*self._listed("open", 0), *started))
        return tuple(map(self._placed, found.values()))

    def order_of(self, client_order_id: str) -> BrokerOrder | None:
        """Look an order up by our id; see `Broker.order_of`."""
        fields = {"client_order_id": client_order_id}
        try:
            return self._orders(self._rest.read("/orders:by_client_order_id", fields))[0]
        except BrokerRefusalError as error:
            # The code comes from Alpaca itself: a proxy's 404 must not make an order absent.
            if error.status == 404 and error.code:
                return None
            if error.status == 404:
                raise BrokerSilenceError(
                    "alpaca answered a look-up with 404 and without its code"
                ) from None
            raise

    def order(self, broker_id: str) -> tuple[BrokerOrder, ...]:
        """Ask for one order and its legs; see `Broker.order`."""
        return self._orders(self._rest.read(_place(broker_id), {"nested": "true"}))

    def executions(self, after_ns: int) -> tuple[Execution, ...]:
        """Ask for what was executed after an instant; see `Broker.executions`.

        It is the broker's to say what that is: what it booked later may have been executed before.
        """
        fields = {
            "after": instant_text(after_ns),
            "direction": "asc",
            "page_size": str(EXECUTIONS_A_PAGE),
        }
        found: dict[str, Execution] = {}
        while True:
            page = tuple(
                map(execution_of, _rows(self._rest.read("/account/activities/FILL", fields)))
            )
            fresh = [one for one in page if one.execution_id not in found]
            found.update((one.execution_id, one) for one in fresh)
            if len(page) < EXECUTIONS_A_PAGE:
                break
            if not fresh:
                raise BrokerSilenceError("alpaca sent the same page of executions twice")
            fields["page_token"] = page[-1].execution_id
        return tuple(sorted(found.values(), key=lambda one: one.at_ns))

    def submit(self, request: OrderRequest) -> tuple[BrokerOrder, ...]:
        """Send an order once; see `Broker.submit`.

        Raises
        ------
        InvariantError
            If a price is not on the tick, or the side, quantity or client id has no form that may
            leave: nothing was sent.
        BrokerRefusalError
            If Alpaca says no, or another order has the client id.
        BrokerSilenceError
            If it may have been taken.
        """
        body = body_of(request)
        try:
            answer = self._rest.send("POST", "/orders", body)
        except BrokerRefusalError as error:
            if error.status == 422 and _NOT_UNIQUE.search(error.told):
                return self._adopted(request)
            raise
        try:
            return self._orders(answer)
        except BrokerSilenceError:
            # It was taken; only the answer is strange.
            return self._adopted(request)

    def cancel(self, broker_id: str) -> None:
        """Ask for an order's cancel; see `Broker.cancel`."""
        self._rest.remove(_place(broker_id))

    def replace(
        self, broker_id: str, *, client_order_id: str, stop_price: str
    ) -> tuple[BrokerOrder, ...]:
        """Move a stop; see `Broker.replace`.

        Alpaca may ignore the client id where the stop is a leg: after a silence, ask `order` for
        the old one and follow ``replaced_by``.

        Raises
        ------
        InvariantError
            If the price is not on the tick: nothing was sent.
        """
        body = replacement_of(client_order_id, stop_price)
        try:
            answer = self._rest.send("PATCH", _place(broker_id), body)
        except BrokerRefusalError as error:
            if error.status == 422 and _NOT_UNIQUE.search(error.told):
                return self._replacement(broker_id, stop_price)
            raise
        try:
            return self._orders(answer)
        except BrokerSilenceError:
            return self._replacement(broker_id, stop_price)

    async def updates(self) -> AsyncGenerator[OrderUpdate | None, None]:
        """Stream order events; see `Broker.updates`. Close it with ``aclose``."""
        async with contextlib.aclosing(self._stream.updates(self.latest)) as updates:
            async for update in updates:
                yield update and replace(update, order=self._placed(update.order))

    def latest(self) -> Snapshot:
        """Return status and filled shares of the 200 orders submitted last, by broker id."""
        fields = {"status": "all", "direction": "desc", "limit": str(_LATEST), "nested": "true"}
        rows = _rows(self._rest.read("/orders", fields))
        return {
            order.broker_id: (order.status, order.filled)
            for row in rows
            for order in orders_of(row)
        }

    def _orders(self, answer: object) -> tuple[BrokerOrder, ...]:
        return tuple(map(self._placed, orders_of(answer)))

    def _placed(self, order: BrokerOrder) -> BrokerOrder:
        parents = self._parents
        parent = order.parent_id or parents.get(order.broker_id) or parents.get(order.replaces)
        if not parent:
            return order
        parents[order.broker_id] = parent
        return order if order.parent_id else replace(order, parent_id=parent)

    def _listed(self, status: str, after_ns: int) -> tuple[BrokerOrder, ...]:
        fields = {
            "status": status,
            "direction": "asc",
            "limit": str(ORDERS_A_PAGE),
            "nested": "true",
        }
        found: dict[str, BrokerOrder] = {}
        while True:
            if after_ns > 0:
                fields["after"] = instant_text(after_ns)
            page = [orders_of(row) for row in _rows(self._rest.read("/orders", fields))]
            flat = [order for orders in page for order in orders]
            fresh = [order for order in flat if order.broker_id not in found]
            found |= with_parents((*found.values(), *flat))
            # Whether legs count for the limit isn't documented: counted, a page may look short.
            if len(flat) < ORDERS_A_PAGE or (not fresh and len(page) < ORDERS_A_PAGE):
                return tuple(found.values())
            if not fresh:
                raise BrokerSilenceError(
                    f"alpaca sent the same {len(page)} orders twice, asked for later ones"
                )
            # A step back, so that orders of one instant are not cut in two; ids tell them apart.
            after_ns = max(orders[0].submitted_ns for orders in page) - _MILLISECOND_NS

    def _adopted(self, request: OrderRequest) -> tuple[BrokerOrder, ...]:
        found = self.order_of(request.client_order_id)
        if found is None:
            raise BrokerSilenceError(
                f"alpaca says that {request.client_order_id} is there, and doesn't find it"
            )
        orders = self.order(found.broker_id)
        wrong = differences(request, orders)
        if wrong:
            raise BrokerRefusalError(
                422,
                40010001,
                f"client order id {request.client_order_id} is of another order: "
                f"{'; '.join(wrong)}",
            )
        return orders

    def _replacement(self, broker_id: str, stop_price: str) -> tuple[BrokerOrder, ...]:
        replaced_by = self.order(broker_id)[0].replaced_by
        if not replaced_by:
            raise BrokerSilenceError(
                f"alpaca took the new stop of {broker_id}, and doesn't show it"
            )
        orders = self.order(replaced_by)
        if not same_price(orders[0].stop_price, stop_price):
            raise BrokerRefusalError(
                422,
                40010001,
                f"{broker_id} was replaced by {replaced_by} with stop {orders[0].stop_price}, "
                f"asked {stop_price}",
            )
        return orders


def opened(
    settings: Settings,
    *,
    endpoint: Endpoint | None = None,
    keys: Keys | None = None,
    speed: float = 1.0,
    now_ns: Callable[[], int] = time.time_ns,
    seed: int = 0,
    note: Callable[[str], None] = log_note,
) -> AlpacaBroker:
    """Connect to the broker, and ask it first of all whose account this is.

    Parameters
    ----------
    endpoint, keys
        Instead of what the environment says, for a paper exchange that was started for this run.
    speed
        Seconds of a paper exchange in one of ours; 0 where its time is stepped.
    now_ns
        The exchange's time; see `Clock`.
    seed
        Of the chance in pauses.
    note
        Told in a sentence when the trade stream is lost, mute or refused.

    Raises
    ------
    InputError
        If keys are missing or refused, or real money was not asked for in both settings.
    BrokerSilenceError
        If the broker can't be reached.
    """
    endpoint = endpoint or endpoint_of(settings)
    keys = keys or keys_of(settings)
    pace = pace_of(endpoint, keys.key, state=_state(settings), speed=speed, now_ns=now_ns)
    rest = AlpacaRest(endpoint, keys, pace, seed=seed)
    stream = TradeStream(endpoint, keys, pace, seed=seed, note=note)
    broker = AlpacaBroker(rest, stream)
    try:
        number = broker.account().number
    except BrokerRefusalError as error:
        if error.status not in {401, 403}:
            raise
        raise InputError(
            f"the broker at {endpoint.url} refuses the keys ({error.status}: {error.told}); check "
            "that ALPACA_API_KEY and ALPACA_SECRET_KEY are a pair, and of this endpoint"
        ) from None
    hold_to_account(endpoint, settings, number)
    return broker


def _state(settings: Settings) -> Path:
    return settings.catalyst_home / "state"


def _place(broker_id: str) -> str:
    return f"/orders/{quote(broker_id, safe='')}"


def _rows(answer: object) -> list[Any]:
    if isinstance(answer, list):
        return answer
    raise BrokerSilenceError(f"alpaca sent {type(answer).__name__} where a list was expected")
