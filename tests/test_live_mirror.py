"""The broker's orders as they are known here: whatever comes twice or late changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from converge_world import World, played

from catalyst.live.events import Filled
from catalyst.live.ports import BrokerOrder, Execution, OrderStatus
from catalyst.strategy.reasons import Side


async def _entered(world: World) -> None:
    await world.enter()


async def _held(world: World) -> None:
    await world.hold()


def entry_of(world: World) -> BrokerOrder:
    return next(o for o in world.mirror.orders.values() if not o.parent_id)


def execution(order: BrokerOrder, shares: int, cumulative: int, price: str = "100") -> Execution:
    return Execution(
        f"x-{cumulative}", order.broker_id, "AAA", Side.BUY, shares, price, cumulative, 1
    )


@pytest.mark.parametrize("status", [s for s in OrderStatus if s is not OrderStatus.FILLED])
def test_incident_05_nothing_that_comes_after_the_end_brings_an_order_back(
    status: OrderStatus,
) -> None:
    world = played(_held)
    filled = entry_of(world)
    late = replace(filled, status=status, updated_ns=filled.updated_ns + 1)

    assert world.mirror.seen(late) == []
    assert world.mirror.orders[filled.broker_id] == filled


def test_incident_05_an_order_with_fewer_shares_filled_is_of_before() -> None:
    world = played(_entered)
    order = entry_of(world)
    partly = replace(
        order, status=OrderStatus.PARTIALLY_FILLED, filled=30, updated_ns=order.updated_ns + 1
    )
    before = replace(partly, filled=20, updated_ns=order.updated_ns + 2)

    assert len(world.mirror.seen(partly)) == 1
    assert world.mirror.seen(partly) == []
    assert world.mirror.seen(before) == []


def test_incident_05_shares_are_booked_once_and_in_order() -> None:
    world = played(_entered)
    order, mirror = entry_of(world), world.mirror
    first, second = execution(order, 20, 20), execution(order, 30, 50)
    ahead = mirror.executed(second)
    booked = [mirror.executed(one) for one in (first, first, second, second)]

    assert ahead is None
    assert [b.quantity if b else None for b in booked] == [20, None, 30, None]


@pytest.mark.parametrize(
    ("price", "booked"), [("100.00005", 100.0001), ("100.0001", 100.0001), ("100", 100.0)]
)
def test_a_price_finer_than_is_booked_counts_against_us(price: str, booked: float) -> None:
    world = played(_entered)
    filled = world.mirror.executed(execution(entry_of(world), 50, 50, price))

    assert isinstance(filled, Filled)
    assert filled.price == booked


def test_a_stop_that_the_broker_replaces_by_itself_serves_what_the_old_one_did() -> None:
    world = played(_held)
    stop = next(o for o in world.mirror.orders.values() if o.kind == "stop")
    made = replace(stop, broker_id="z", client_order_id="theirs", replaces=stop.broker_id)
    (changed,) = world.mirror.seen(made)

    assert changed.order_id == world.mirror.serves[stop.broker_id].order_id
    assert world.mirror.orders[stop.broker_id].status is OrderStatus.REPLACED
    assert world.wants() == []


def test_an_order_that_nobody_sent_serves_nothing_and_is_no_news() -> None:
    world = played(_entered)
    stranger = replace(entry_of(world), broker_id="z", client_order_id="z")

    assert world.mirror.seen(stranger) == []
    assert "z" not in world.mirror.serves
    assert world.mirror.executed(execution(stranger, 50, 50)) is None


def test_what_has_ended_of_entries_that_are_gone_is_forgotten() -> None:
    world = played(_held)
    kept = {o.broker_id for o in world.mirror.orders.values() if not o.status.final}
    world.mirror.forget({world.entry.entry_id})

    assert set(world.mirror.orders) == kept
