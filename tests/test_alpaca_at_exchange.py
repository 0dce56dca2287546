"""The broker at the paper exchange: what comes back is what the exchange's own books say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paper_exchange import Exchange, paper_exchange

from catalyst.data.calendar import MINUTE_NS
from catalyst.data.settings import Settings
from catalyst.errors import BrokerRefusalError, BrokerSilenceError
from catalyst.live.alpaca_broker import AlpacaBroker, opened
from catalyst.live.alpaca_stream import TradeStream
from catalyst.live.endpoint import Keys, parse_endpoint
from catalyst.live.ports import BrokerOrder, OrderStatus, OrderUpdate
from catalyst.strategy.tickets import OrderRequest

SYMBOL = "ZQAA"
MARKET = OrderRequest("e1-0", SYMBOL, "buy", "10", "market", "day")
BRACKET = replace(MARKET, order_class="bracket", take_profit_limit="20", stop_loss_stop="5")
RESTING = replace(MARKET, type="limit", limit_price="1.00")


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with paper_exchange() as exchange:
        exchange.step(exchange.clock()["open_ns"])
        yield exchange


@pytest.fixture
def exchange(running: Exchange, request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """An account of its own for each test, in a minute of its own; no faults after it."""
    own = running.as_key(request.node.name)
    _step(own)
    yield own
    own.faults()


@pytest.fixture
def broker(exchange: Exchange, tmp_path: Path) -> AlpacaBroker:
    return opened(
        Settings(catalyst_home=tmp_path),
        endpoint=parse_endpoint(exchange.url),
        keys=Keys(exchange.key, exchange.secret),
        speed=0.0,
        now_ns=lambda: int(exchange.clock()["now_ns"]),
    )


def _step(exchange: Exchange, bars: int = 1) -> int:
    now: int = exchange.step(int(exchange.clock()["now_ns"]) + bars * 5 * MINUTE_NS)["now_ns"]
    return now


def _ledger_orders(exchange: Exchange) -> dict[str, tuple[str, str]]:
    return {o["id"]: (o["status"], o["filled_qty"]) for o in exchange.ledger()["orders"]}


def test_orders_executions_and_positions_are_those_of_the_books(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    before = broker.clock_ns()
    entry, *legs = broker.submit(BRACKET)
    _step(exchange, 2)
    books = exchange.ledger()
    told = {order.broker_id: order for order in broker.orders(before - 1)}
    (execution,) = broker.executions(before - 1)
    (held,) = broker.positions()

    assert {i: o.filled for i, o in told.items()} == {
        i: int(filled) for i, (_, filled) in _ledger_orders(exchange).items()
    }
    assert set(told) == {entry.broker_id, *(leg.broker_id for leg in legs)}
    assert {told[leg.broker_id].parent_id for leg in legs} == {entry.broker_id}
    assert told[entry.broker_id].status is OrderStatus.FILLED
    assert (execution.broker_id, execution.quantity, execution.cumulative) == (
        entry.broker_id,
        10,
        10,
    )
    assert execution.price == told[entry.broker_id].average_price == held.average_price
    assert {held.symbol: held.quantity} == books["positions"]
    assert broker.account().cash_micro == round(float(books["cash"]) * 10**6)


def test_an_order_is_found_by_our_id_and_another_one_is_not(broker: AlpacaBroker) -> None:
    sent = broker.submit(MARKET)[0]
    found = broker.order_of("e1-0")

    assert found is not None
    assert found.broker_id == sent.broker_id
    assert broker.order_of("e2-0") is None


def test_an_order_accepted_before_a_504_is_silent_found_and_never_there_twice(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    exchange.faults(_fault("answer", method="POST", status=504, accepted=True, count=1))
    with pytest.raises(BrokerSilenceError):
        broker.submit(BRACKET)
    found = broker.order_of("e1-0")
    adopted = broker.submit(BRACKET)

    assert found is not None
    assert [order.parent_id for order in adopted] == ["", *[found.broker_id] * 2]
    assert len(_ledger_orders(exchange)) == 3


def test_an_order_whose_connection_was_cut_before_it_is_absent(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    exchange.faults(_fault("drop", method="POST", count=1))
    with pytest.raises(BrokerSilenceError):
        broker.submit(MARKET)

    assert broker.order_of("e1-0") is None
    assert len(broker.submit(MARKET)) == 1


def test_another_order_under_a_used_id_is_refused(broker: AlpacaBroker) -> None:
    broker.submit(RESTING)

    with pytest.raises(BrokerRefusalError, match="quantity is 10, asked 11"):
        broker.submit(replace(RESTING, quantity="11"))


@pytest.mark.parametrize("status", [429, 500, 504])
def test_reads_and_cancels_outlast_some_failures(
    exchange: Exchange, broker: AlpacaBroker, status: int
) -> None:
    order = broker.submit(RESTING)[0]
    exchange.faults(
        _fault("answer", method="GET", status=status, count=2),
        _fault("answer", method="DELETE", status=status, accepted=status == 504, count=1),
    )
    broker.cancel(order.broker_id)

    assert broker.order(order.broker_id)[0].status is OrderStatus.CANCELED


def test_an_order_that_was_too_fast_is_sent_again_under_its_id(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    exchange.faults(_fault("answer", method="POST", status=429, count=2))
    broker.submit(MARKET)

    assert len(_ledger_orders(exchange)) == 1


def test_more_than_two_hundred_a_minute_are_told_to_wait_until_the_minute_is_over(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    # One was asked at the start.
    for _ in range(199):
        broker.account()
    with pytest.raises(BrokerSilenceError, match="too many requests"):
        broker.account()
    _step(exchange)

    assert broker.account().status == "ACTIVE"


def test_refusals_have_the_broker_s_status_and_code(broker: AlpacaBroker) -> None:
    found = []
    for request in (
        replace(MARKET, symbol="NOSUCH"),
        replace(MARKET, extended_hours=True),
        replace(RESTING, quantity="900000", limit_price="9.00"),
    ):
        with pytest.raises(BrokerRefusalError) as caught:
            broker.submit(request)
        found.append((caught.value.status, caught.value.code))
    with pytest.raises(BrokerRefusalError) as caught:
        broker.cancel("00000000-0000-4000-8000-000000000000")
    found.append((caught.value.status, caught.value.code))

    assert found == [(422, 42210000), (422, 40010001), (403, 40310000), (404, 40410000)]


def test_a_moved_stop_is_a_new_leg_of_the_same_entry(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    entry, *legs = broker.submit(BRACKET)
    _step(exchange)
    old = next(leg for leg in legs if leg.kind == "stop")
    new = broker.replace(old.broker_id, client_order_id="s1-1", stop_price="5.5")[0]
    family = [order.broker_id for order in broker.order(entry.broker_id)]
    gone = broker.order(old.broker_id)[0]

    assert (new.stop_price, new.replaces, new.parent_id) == (
        "5.5",
        old.broker_id,
        entry.broker_id,
    )
    assert new.broker_id in family
    assert (gone.status, gone.replaced_by) == (OrderStatus.REPLACED, new.broker_id)


def test_a_stop_moved_before_a_504_is_found_by_the_old_one(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    old = next(leg for leg in broker.submit(BRACKET) if leg.kind == "stop")
    _step(exchange)
    exchange.faults(_fault("answer", method="PATCH", status=504, accepted=True, count=1))
    with pytest.raises(BrokerSilenceError):
        broker.replace(old.broker_id, client_order_id="s1-1", stop_price="5.5")
    replaced_by = broker.order(old.broker_id)[0].replaced_by

    assert broker.order(replaced_by)[0].stop_price == "5.5"


Told = list[OrderUpdate | None]


@contextlib.asynccontextmanager
async def _listening(broker: AlpacaBroker) -> AsyncIterator[Told]:
    told: Told = []

    async def listen() -> None:
        async with contextlib.aclosing(broker.updates()) as updates:
            async for update in updates:
                told.append(update)

    task = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(20):
            await _until(lambda: bool(told))
            yield told
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _until(done: Any) -> None:  # noqa: ANN401
    while not done():  # noqa: ASYNC110 - a list grows
        await asyncio.sleep(0.005)


async def _acted(act: Any) -> Any:  # noqa: ANN401
    return await asyncio.to_thread(act)


def _events(told: Told) -> list[str | None]:
    return [None if update is None else update.event for update in told]


def test_events_tell_what_executions_tell_and_know_the_parent(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    async def run() -> tuple[Told, tuple[BrokerOrder, ...]]:
        async with _listening(broker) as told:
            orders = await _acted(lambda: broker.submit(BRACKET))
            await _acted(lambda: _step(exchange, 2))
            sent = exchange.clock()["sent"]["trade_updates"]
            await _until(lambda: broker.stream.received == sent)
        return told, orders

    told, (entry, *legs) = asyncio.run(run())
    updates = [update for update in told if update is not None]
    (fill,) = [update for update in updates if update.execution is not None]
    (execution,) = broker.executions(0)
    parents = {u.order.broker_id: u.order.parent_id for u in updates}

    assert fill.execution is not None
    assert replace(fill.execution, execution_id="") == replace(execution, execution_id="")
    assert fill.order.status is OrderStatus.FILLED
    assert parents.pop(entry.broker_id) == ""
    assert parents
    assert parents == {leg.broker_id: entry.broker_id for leg in legs if leg.broker_id in parents}


def test_duplicates_pass_and_what_was_dropped_is_in_the_snapshot(
    exchange: Exchange, broker: AlpacaBroker
) -> None:
    exchange.faults(
        _fault("duplicate", on="stream", stream="trade_updates", event="new", count=1),
        _fault("drop", on="stream", stream="trade_updates", event="fill"),
    )

    async def run() -> Told:
        async with _listening(broker) as told:
            await _acted(lambda: broker.submit(MARKET))
            await _acted(lambda: _step(exchange, 2))
            sent = exchange.clock()["sent"]["trade_updates"]
            await _until(lambda: broker.stream.received == sent)
        return told

    told = asyncio.run(run())

    assert _events(told).count("new") == 2
    assert "fill" not in _events(told)
    assert broker.orders(0)[0].filled == 10


def test_a_cut_connection_comes_back_and_says_so(exchange: Exchange, broker: AlpacaBroker) -> None:
    exchange.faults(_fault("disconnect", on="stream", stream="trade_updates", count=1))

    async def run() -> Told:
        async with _listening(broker) as told:
            await _acted(lambda: broker.submit(RESTING))
            await _until(lambda: told.count(None) == 2)
            await _acted(lambda: broker.submit(replace(RESTING, client_order_id="e2-0")))
            await _until(lambda: told[-1] is not None)
        return told

    told = asyncio.run(run())

    assert _events(told)[:2] == [None, None]
    assert told[-1] is not None
    assert told[-1].order.client_order_id == "e2-0"


def test_a_mute_connection_is_found_out(exchange: Exchange, broker: AlpacaBroker) -> None:
    exchange.faults(
        _fault("mute", on="stream", stream="trade_updates", event="fill", count=1),
    )
    stream = broker.stream
    broker._stream = TradeStream(stream._endpoint, stream._keys, stream._pace, silence_s=0.2)

    async def run() -> Told:
        async with _listening(broker) as told:
            await _acted(lambda: broker.submit(MARKET))
            await _acted(lambda: _step(exchange, 2))
            await _until(lambda: told.count(None) == 2)
        return told

    assert "fill" not in _events(asyncio.run(run()))


def _fault(do: str, *, on: str = "request", **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    where = {"path": "/v2/orders"} if on == "request" else {}
    return {"on": on, "do": do} | where | fields
