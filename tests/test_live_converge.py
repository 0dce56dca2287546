"""What converging does in each situation: the broker has these orders, the strategy wants those."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from builders import NAMES, at
from converge_world import BAR_NS, SECOND_NS, World, played
from hypothesis import given
from hypothesis import strategies as st

from catalyst.live.events import Alert, Found, Intent, Withheld
from catalyst.live.mirror import Mirror
from catalyst.strategy.reasons import Kind, Role
from catalyst.strategy.risk import make_order

SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
ENTRIES = [
    "entry bracket buy 50 limit 100.50 target 103.00 stop 98.00",
    "entry bracket buy 50 limit 100.50 target 106.00 stop 98.00",
]
PROTECTED = [
    "sell 50 limit 103.00",
    "sell 50 limit 106.00",
    "sell 50 stop 98.00",
    "sell 50 stop 98.00",
]
MINUTE = 60 * SECOND_NS


def as_long(lines: Sequence[str], side: int) -> list[str]:
    """Tell a short's story as a long's: sides swapped, prices mirrored around 100 USD."""
    if side > 0:
        return list(lines)
    swapped = {"buy": "sell", "sell": "buy"}
    return sorted(
        " ".join(
            f"{200 - float(w):.2f}" if re.fullmatch(r"\d+\.\d\d", w) else swapped.get(w, w)
            for w in line.split(" ")
        )
        for line in lines
    )


def mirrored(price: float, side: int) -> float:
    return price if side > 0 else round(200.0 - price, 2)


# Entries: sent once, or withheld for good


@SIDES
def test_an_entry_is_two_brackets_with_targets_of_their_own(side: int) -> None:
    async def story(world: World) -> None:
        world.sign(side=side)

    assert as_long(played(story).wants(), side) == ENTRIES


@SIDES
def test_an_entry_of_one_share_is_one_bracket_at_target_2(side: int) -> None:
    async def story(world: World) -> None:
        world.sign(side=side, shares=1)

    assert as_long(played(story).wants(), side) == [
        "entry bracket buy 1 limit 100.50 target 106.00 stop 98.00"
    ]


@SIDES
def test_an_entry_before_the_open_is_one_limit_for_extended_hours(side: int) -> None:
    async def story(world: World) -> None:
        world.sign(side=side)

    assert as_long(played(story, "08:00").wants(), side) == [
        "entry limit extended buy 100 limit 100.10"
    ]


def test_what_an_entry_has_bought_before_the_open_is_protected_at_the_open() -> None:
    async def story(world: World) -> None:
        await world.enter()
        await world.pass_to(at("09:30") - SECOND_NS)
        world.trade(0, 100.0, most=60)
        await world.turn()
        await world.pass_time(1)

    stops = [o for o in played(story, "09:20").broker.live("AAA") if o.kind == "stop"]

    assert sum(o.quantity for o in stops) == 60


@pytest.mark.parametrize("what", ["ok", "refused"])
def test_an_entry_is_sent_once_whatever_becomes_of_it(what: str) -> None:
    async def story(world: World) -> None:
        world.broker.next = [what, what]
        await world.enter()
        for order in world.broker.live("AAA"):
            world.broker.by_hand(order.broker_id)
        await world.pass_time(5)

    world = played(story)

    assert (world.wants(), world.works()) == ([], [])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"no_entries": "paused"}, "paused"),
        ({"no_entries": "news_dead"}, "news_dead"),
        ({"positions_max": 0}, "positions_max"),
    ],
)
def test_an_entry_that_may_not_be_made_is_withheld_with_its_rule(
    change: dict[str, Any], rule: str
) -> None:
    async def story(world: World) -> None:
        vars(world).update(change)
        world.sign()

    assert played(story).wants() == [f"withheld AAA {rule}"] * 2


def test_an_entry_that_was_withheld_is_not_sent_later() -> None:
    async def story(world: World) -> None:
        world.no_entries = "paused"
        await world.enter()
        world.no_entries = ""
        await world.pass_time(2)

    world = played(story)

    assert (world.works(), world.wants()) == ([], [])


def test_an_entry_decided_longer_ago_than_a_bar_is_stale() -> None:
    async def story(world: World) -> None:
        world.sign()
        world.now_ns += BAR_NS
        assert world.wants() == ENTRIES
        world.now_ns += 1

    assert played(story).wants() == ["withheld AAA stale"] * 2


def test_incident_06_what_strangers_hold_counts_against_the_limit_of_positions() -> None:
    async def story(world: World) -> None:
        world.broker.shares = {"EEE": 7, "FFF": -3}
        world.positions_max = 3
        await world.reconciler.work()
        await world.reconciler.work()
        await world.enter(0)
        world.sign(1)

    world = played(story)

    assert sorted(world.reconciler.foreign) == ["EEE", "FFF"]
    assert [o.symbol for o in world.broker.book.values() if not o.parent_id] == ["AAA", "AAA"]
    assert world.wants() == ["withheld BBB positions_max"] * 2


def test_incident_06_an_entry_without_an_answer_counts_against_the_limit() -> None:
    async def story(world: World) -> None:
        world.positions_max = 1
        world.broker.next = ["lost", "lost"]
        await world.enter(0)
        world.sign(1)

    world = played(story)

    assert world.wants() == ["withheld BBB positions_max"] * 2
    assert {s.intent.symbol for s in world.mirror.unresolved()} == {"AAA"}


def test_no_entry_is_made_in_a_symbol_that_a_stranger_holds() -> None:
    async def story(world: World) -> None:
        world.broker.shares = {"AAA": 7}
        await world.reconciler.work()
        await world.reconciler.work()
        world.sign(0)

    assert played(story).wants() == ["withheld AAA foreign_in_symbol"] * 2


def test_incident_07_no_entry_is_made_beside_an_order_at_the_broker() -> None:
    async def story(world: World) -> None:
        await world.enter(0)
        stranger = replace(world.broker.live("AAA")[0], broker_id="z", client_order_id="z")
        world.mirror.seen(replace(stranger, symbol="BBB"))
        world.sign(1)

    assert played(story).wants() == ["withheld BBB symbol_busy_at_broker"] * 2


def test_an_entry_whose_time_is_up_is_cancelled_after_a_stop_of_hours() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.now_ns = world.entry.expires_ns + 60 * SECOND_NS
        assert world.wants() == []
        world.now_ns += 1

    assert played(story).wants() == ["cancel entry of half 0", "cancel entry of half 1"]


def test_what_works_for_an_entry_that_is_gone_is_cancelled() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.desk.state = replace(world.desk.state, entries=())

    assert played(story).wants() == ["cancel entry of half 0", "cancel entry of half 1"]


# Protection: made until it stands


@SIDES
def test_the_sleeping_stop_of_a_filled_bracket_protects(side: int) -> None:
    async def story(world: World) -> None:
        await world.hold(side=side)

    world = played(story)

    assert world.wants() == []
    assert as_long(world.works(), side) == PROTECTED
    assert world.apart() == []


@SIDES
def test_the_legs_of_a_partly_filled_entry_that_sleep_are_replaced_by_a_pair(side: int) -> None:
    async def story(world: World) -> None:
        world.broker.legs_wait = True
        await world.enter(side=side)
        world.trade(0, 100.0, most=30)
        await world.pass_time(4)
        assert world.wants() == []
        await world.pass_time(4)

    world = played(story)

    assert world.entry.leg_filled == (30, 0)
    assert as_long(world.works(), side) == [
        "buy 50 limit 100.50",
        "sell 30 limit 103.00",
        "sell 30 stop 98.00",
        "sell 50 limit 106.00",
        "sell 50 stop 98.00",
    ]
    assert world.apart() == []


def test_legs_left_asleep_by_the_end_of_their_entry_are_cancelled_first() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.trade(0, 100.0, most=30)
        entry = next(o for o in world.broker.book.values() if o.filled)
        world.broker.by_hand(entry.broker_id)
        while await world.desk.take_updates():
            pass

    assert played(story).wants() == ["cancel stop of half 0", "cancel target_1 of half 0"]


@SIDES
@pytest.mark.parametrize("kind", ["limit", "stop"])
def test_incident_03_a_leg_that_is_missing_is_made_again_and_alerted(side: int, kind: str) -> None:
    async def story(world: World) -> None:
        await world.hold(side=side)
        leg = next(o for o in world.broker.live("AAA") if o.kind == kind)
        world.broker.by_hand(leg.broker_id)
        await world.turn()

    world = played(story)

    assert as_long(world.works(), side) == PROTECTED
    assert world.told(Alert) == ["unprotected"]
    assert world.apart() == []
    assert world.broker.order(world.broker.live("AAA")[-1].parent_id)[0].order_class == "oco"


@pytest.mark.parametrize(("side", "level"), [(1, "103.95"), (-1, "104.05")])
def test_a_stop_that_rises_is_moved_and_not_made_anew(side: int, level: str) -> None:
    async def story(world: World) -> None:
        await world.hold(side=side)
        world.trade(0, mirrored(103.0, side))
        await world.look()
        world.trade(0, mirrored(105.0, side))
        await world.look()

    world = played(story)
    moved = [e.body for e in world.journal.events if isinstance(e.body, Intent)][-1]

    assert moved.purpose == "replace"
    assert as_long(world.works(), side) == ["sell 50 limit 106.00", f"sell 50 stop {level}"]
    assert world.apart() == []


def test_a_stop_that_can_not_be_moved_is_made_anew() -> None:
    async def story(world: World) -> None:
        await world.hold()
        world.trade(0, 103.0)
        await world.look()
        world.trade(0, 105.0)
        world.broker.next = ["refused"]
        await world.look()
        await world.pass_time(5)

    world = played(story)

    assert world.works() == ["sell 50 limit 106.00", "sell 50 stop 103.95"]
    assert world.told(Alert) == ["refused_replace", "unprotected"]
    assert world.apart() == []


def test_a_moved_stop_whose_answer_was_lost_is_found_by_its_new_id() -> None:
    async def story(world: World) -> None:
        await world.hold()
        world.trade(0, 103.0)
        await world.look()
        world.trade(0, 105.0)
        world.broker.next = ["dark"]
        await world.look()
        await world.pass_time(5)

    world = played(story)

    assert world.works() == ["sell 50 limit 106.00", "sell 50 stop 103.95"]
    assert world.mirror.unresolved() == []


@SIDES
def test_a_price_through_the_stop_leaves_at_the_market(side: int) -> None:
    async def story(world: World) -> None:
        world.broker.legs_wait = True
        await world.enter(side=side)
        world.trade(0, mirrored(97.0, side), most=30)
        await world.pass_time(8)

    world = played(story)

    assert as_long(world.works(), side) == ["sell 30 market"]
    assert world.wants() == []


def test_incident_03_a_position_whose_protection_is_refused_is_closed() -> None:
    async def story(world: World) -> None:
        await world.hold()
        leg = next(o for o in world.broker.live("AAA") if o.kind == "stop")
        world.broker.by_hand(leg.broker_id)
        world.broker.next = ["refused"]
        await world.pass_time(3)

    world = played(story)

    # The other half keeps what protects it, and is no reason to wait.
    assert world.works() == ["sell 50 limit 106.00", "sell 50 market", "sell 50 stop 98.00"]
    assert world.told(Alert) == ["unprotected", "refused_protect"]


def test_a_stop_that_was_touched_and_stays_silent_is_replaced_by_a_sale_at_the_market() -> None:
    async def story(world: World) -> None:
        await world.hold()
        # The bar says that the stop was reached; the broker, by its own prices, does not.
        world.prices[0] = [97.9]
        await world.look()
        await world.pass_time(9)
        assert world.works() == PROTECTED
        await world.pass_time(4)

    world = played(story)

    assert world.works() == ["sell 50 market", "sell 50 market"]
    assert world.wants() == []


def test_incident_04_what_protects_outlives_the_close() -> None:
    async def story(world: World) -> None:
        await world.hold()
        leg = next(o for o in world.broker.live("AAA") if o.kind == "stop")
        world.broker.by_hand(leg.broker_id)
        await world.turn()
        await world.pass_to(at("16:30"))

    world = played(story)

    assert world.works() == PROTECTED
    assert {o.time_in_force for o in world.broker.live("AAA")} == {"gtc"}


# Exits


@SIDES
def test_an_exit_of_all_waits_until_everything_else_has_ended(side: int) -> None:
    async def story(world: World) -> None:
        await world.hold(side=side)
        world.broker.slow = True
        world.flatten = True
        await world.pass_time(3)
        assert world.works() != []
        assert not [o for o in world.broker.live("AAA") if o.kind == "market"]
        world.broker.settle()
        await world.pass_time(2)

    world = played(story)

    assert as_long(world.works(), side) == ["sell 100 market"]
    assert world.broker.offences == []


def test_a_half_that_leaves_ends_the_entry_of_the_other_half() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.trade(0, 97.0, most=50)
        for order in world.broker.live("AAA"):
            if order.kind == "stop" and world.broker.book[order.parent_id].filled:
                world.broker.by_hand(order.broker_id)
        await world.pass_time(2)

    world = played(story)

    assert world.works() == ["sell 50 market"]
    assert world.broker.offences == []


def test_an_exit_is_tried_beside_a_strangers_order() -> None:
    async def story(world: World) -> None:
        await world.hold()
        stranger = replace(world.broker.live("AAA")[0], broker_id="z", client_order_id="z")
        world.mirror.seen(replace(stranger, parent_id="", replaces=""))
        world.flatten = True
        await world.pass_time(2)

    assert played(story).works() == ["sell 100 market"]


def test_an_exit_that_is_refused_is_made_again_with_growing_pauses() -> None:
    async def story(world: World) -> None:
        await world.hold()
        world.flatten = True
        world.broker.next = ["refused"] * 5
        await world.pass_time(120)

    world = played(story)
    tried = [
        e.at_ns
        for e in world.journal.events
        if isinstance(e.body, Intent) and e.body.purpose == "exit"
    ]

    assert world.works() == ["sell 100 market"]
    assert [(b - a) // SECOND_NS for a, b in pairwise(tried)] == [
        2,
        4,
        8,
        16,
        32,
    ]


def test_everything_is_closed_at_the_market_when_a_person_asks() -> None:
    async def story(world: World) -> None:
        await world.hold(0)
        await world.enter(1, side=-1)
        world.flatten = True
        await world.pass_time(2)
        world.trade(0, 100.0)
        await world.turn()

    world = played(story)

    assert (world.works(0), world.works(1)) == ([], [])
    assert world.broker.shares == {"AAA": 0}
    assert world.apart() == []


def test_before_the_open_a_person_gets_out_by_a_limit_beyond_the_last_price() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.trade(0, 100.0)
        await world.turn()
        world.flatten = True
        await world.turn()

    assert played(story, "08:00").works() == ["sell 100 limit 99.00"]


def test_before_the_open_a_position_is_watched_and_its_targets_work() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.trade(0, 100.0)
        await world.look()

    assert played(story, "08:00").works() == ["sell 50 limit 103.00", "sell 50 limit 106.00"]


def test_at_the_open_what_was_watched_gets_stops() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.trade(0, 100.0)
        await world.look()
        await world.pass_to(at("09:30"))
        await world.pass_time(1)

    world = played(story, "09:20")

    assert world.works() == PROTECTED
    assert world.told(Alert) == []
    assert world.apart() == []


# What nobody knows


def test_an_order_without_an_answer_is_looked_up_and_adopted() -> None:
    async def story(world: World) -> None:
        world.broker.mute = True
        world.broker.next = ["dark", "ok"]
        await world.enter()
        await world.pass_time(2)

    world = played(story)

    assert world.told(Found) == ["order_adopted"]
    assert world.works() == [
        "buy 50 limit 100.50",
        "buy 50 limit 100.50",
        *PROTECTED,
    ]
    assert world.apart() == []


def test_an_order_without_an_answer_that_is_surely_absent_is_sent_again_under_its_id() -> None:
    async def story(world: World) -> None:
        world.broker.mute = True
        world.broker.next = ["lost", "ok"]
        await world.enter()
        await world.pass_time(8)

    world = played(story)
    entries = [o for o in world.broker.book.values() if not o.parent_id]
    sent = [b for e in world.journal.events if isinstance(b := e.body, Intent)]

    assert [o.client_order_id[-2:] for o in entries] == ["-0", "-0"]
    assert len({o.client_order_id for o in entries}) == 2
    assert len(sent) == 3
    assert world.apart() == []


def test_an_entry_that_never_arrived_is_given_up_when_it_is_stale() -> None:
    async def story(world: World) -> None:
        world.broker.next = ["lost", "lost"]
        await world.enter()
        world.now_ns += BAR_NS + SECOND_NS
        await world.pass_time(10)

    world = played(story)

    assert world.told(Withheld) == ["stale", "stale"]
    assert world.told(Found) == ["order_given_up", "order_given_up"]
    assert world.works() == []


def test_an_entry_that_fills_after_its_cancel_comes_back_and_is_protected() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.broker.slow = True
        world.desk.state = replace(world.desk.state, entries=())
        await world.turn()
        world.trade(0, 100.0, most=50)
        world.broker.slow = False
        world.broker.settle()
        await world.pass_time(3)

    world = played(story)

    assert world.entry.leg_filled == (50, 0)
    assert world.works() == ["sell 50 limit 103.00", "sell 50 stop 98.00"]
    assert world.apart() == []


def test_what_a_cancel_has_ended_is_known_without_an_event() -> None:
    async def story(world: World) -> None:
        await world.hold()
        world.broker.mute = True
        world.flatten = True
        await world.turn()

    assert [o.kind for o in played(story).mirror.live_of_symbol("AAA")] == ["market"]


def test_a_cancel_whose_event_never_comes_is_asked_for() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.broker.mute = world.broker.slow = True
        world.desk.state = replace(world.desk.state, entries=())
        await world.turn()
        assert world.wants() == []
        world.now_ns += SECOND_NS

    assert played(story).wants() == ["ask for entry of half 0", "ask for entry of half 1"]


def test_shares_without_an_execution_are_booked_at_the_orders_mean_price() -> None:
    async def story(world: World) -> None:
        world.broker.late = world.broker.mute = True
        await world.enter()
        world.trade(0, 100.0)
        world.broker.heard.put_nowait(None)
        await world.pass_time(5)

    world = played(story)

    assert world.told(Found) == ["fill_derived", "fill_derived"]
    assert world.apart() == []


def test_nothing_is_sold_or_cancelled_while_shares_are_not_booked_yet() -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.broker.late = world.broker.mute = True
        world.trade(0, 100.0)
        world.broker.heard.put_nowait(None)
        await world.turn()
        assert world.entry.held == 0
        assert world.wants() == []
        await world.pass_time(4)

    world = played(story)

    assert world.works() == PROTECTED
    assert world.apart() == []


def test_what_a_lost_exit_sold_was_not_closed_by_hand() -> None:
    async def story(world: World) -> None:
        await world.hold()
        world.flatten = True
        world.broker.next = ["dark"]
        world.broker.mute = True
        await world.pass_time(1)
        assert len(world.mirror.unresolved()) == 1
        world.trade(0, 100.0)
        await world.reconciler.work()
        await world.reconciler.work()
        await world.pass_time(9)

    world = played(story)

    assert "closed_by_hand" not in world.told(Found)
    assert world.broker.shares == {"AAA": 0}
    assert world.apart() == []


# Whatever happens


LEVELS = (97.0, 97.99, 98.0, 99.0, 100.0, 100.5, 102.0, 103.0, 104.5, 106.0, 107.0)
STEPS = st.one_of(
    st.tuples(
        st.just("price"),
        st.sampled_from([0, 1]),
        st.sampled_from(LEVELS),
        st.sampled_from([1, 7, 30, 1000]),
    ),
    st.tuples(st.just("time"), st.integers(1, 12)),
    st.just(("look",)),
    st.just(("look",)),
    st.tuples(
        st.just("next"), st.sampled_from(["refused", "lost", "dark", "killed", "killed after"])
    ),
    st.tuples(st.just("slow"), st.booleans()),
    st.tuples(st.just("mute"), st.booleans()),
    st.tuples(st.just("late"), st.booleans()),
    st.tuples(st.just("hand"), st.integers(0, 5)),
    st.just(("crash",)),
    st.just(("settle",)),
    st.just(("reconcile",)),
)


@given(
    clock=st.sampled_from(["09:20", "10:00"]),
    side=st.sampled_from([1, -1]),
    legs_wait=st.booleans(),
    twice=st.booleans(),
    steps=st.lists(STEPS, max_size=30),
)
def test_whatever_a_broker_does_it_ends_with_what_is_wanted_and_never_with_more(
    clock: str, side: int, *, legs_wait: bool, twice: bool, steps: list[tuple[Any, ...]]
) -> None:
    async def life() -> World:
        world = World(clock)
        world.broker.legs_wait, world.broker.twice = legs_wait, twice
        await world.survive(world.enter(0, side))
        await world.survive(world.enter(1, side, shares=1))
        for step in steps:
            await world.survive(_happens(world, step, side))
        await _calm(world)
        return world

    world = asyncio.run(life())

    assert world.apart() == []
    assert world.wants() == []
    assert _known(world.remembered()) == _known(world.mirror)

    async def flat() -> None:
        world.flatten = True
        for _ in range(15):
            world.now_ns += 5 * SECOND_NS
            await world.turn()
            world.trade(0, 100.0)
            world.trade(1, 100.0)
        await world.turn()

    asyncio.run(flat())

    assert world.apart() == []
    assert (world.works(0), world.works(1)) == ([], [])
    assert not any(world.broker.shares.values())


def _happens(world: World, step: tuple[Any, ...], side: int) -> Coroutine[Any, Any, object]:
    async def quick() -> None:
        broker = world.broker
        match step:
            case ("price", symbol, price, most):
                world.trade(symbol, mirrored(price, side), most)
            case ("next", what):
                broker.next.append(what)
                return
            case ("slow" | "mute" | "late" as name, what):
                setattr(broker, name, what)
                if name == "mute" and not what:
                    broker.heard.put_nowait(None)
            case ("hand", k):
                live = [o for name in NAMES for o in broker.live(name)]
                if live:
                    broker.by_hand(live[k % len(live)].broker_id)
            case ("settle",):
                broker.settle()
        await world.turn()

    match step:
        case ("time", seconds):
            return world.pass_time(seconds)
        case ("look",):
            return world.look()
        case ("crash",):
            return world.restart()
        case ("reconcile",):
            return world.reconciler.work()
        case _:
            return quick()


def _known(mirror: Mirror) -> dict[str, Any]:
    return {i: (s, mirror.orders[i], mirror.booked.get(i)) for i, s in mirror.serves.items()}


async def _calm(world: World) -> None:
    broker = world.broker
    broker.next.clear()
    broker.slow = broker.mute = broker.late = False
    broker.settle()
    broker.heard.put_nowait(None)
    # What leaves by a limit before the open leaves at the market after it.
    await world.pass_to(at("09:31"))
    await world.look()
    for _ in range(30):
        world.now_ns += 5 * SECOND_NS
        await world.turn()
        for symbol in (0, 1):
            if any(o.kind == "market" for o in broker.live(NAMES[symbol])):
                world.trade(symbol, 100.0)
    await world.reconciler.work()
    await world.turn()


def test_an_order_of_the_strategy_is_never_sent_for_more_than_is_held() -> None:
    async def story(world: World) -> None:
        await world.hold()
        entry = world.entry
        out = make_order(entry, world.now_ns, Role.TIME_STOP, Kind.MARKET, 10 * entry.held)
        state = replace(world.desk.state, entries=(replace(entry, orders=(out,)),))
        world.desk.state, world.desk.pending = replace(state, cash_micro=world.state.cash_micro), []
        await world.pass_time(2)

    assert played(story).works() == ["sell 100 market"]
