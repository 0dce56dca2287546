"""One account of the paper exchange, in process: whatever is asked of it, its books add up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalyst.data.calendar import date_to_day, sessions
from catalyst.errors import ConservationError
from catalyst.live.paper.account import PaperAccount
from catalyst.live.paper.holdings import Execution, Payment
from catalyst.live.paper.moments import Moment, Update
from catalyst.live.paper.orders import PaperOrder
from catalyst.live.paper.standings import buying_power_micro, held_for_orders
from catalyst.live.paper.wire import activity_json, update_json
from catalyst.strategy.broker_rules import Refusal
from catalyst.strategy.decisions import Order
from catalyst.strategy.exchange import Bar, Book
from catalyst.strategy.params import ExecutionParams
from catalyst.strategy.reasons import Kind, Role, Side
from catalyst.strategy.tickets import OrderRequest
from catalyst.strategy.values import Session

MINUTE = 60 * 10**9
FIVE = 5 * MINUTE
DAY = dt.date(2024, 3, 5)
TABLE = sessions(DAY, DAY)
SESSION = Session(
    date_to_day(DAY),
    *(int(c[0]) for c in (TABLE.pre_ns, TABLE.open_ns, TABLE.close_ns, TABLE.post_ns)),
)
ARRIVAL = 10 * 10**9
PARAMS = ExecutionParams()


def moment(now_ns: int = SESSION.open_ns, price: float = 10.0) -> Moment:
    inside = SESSION.open_ns <= now_ns < SESSION.close_ns
    return Moment(
        now_ns=now_ns,
        session=SESSION,
        marks={"AAA": price, "BBB": price},
        tradable=frozenset({"AAA", "BBB"}),
        expiry=(SESSION.close_ns, SESSION.post_ns, SESSION.open_ns + FIVE),
        open=(inside, SESSION.pre_ns <= now_ns < SESSION.post_ns),
    )


def bar(n: int, prices: tuple[float, float, float, float], volume: float = 100_000) -> Bar:
    ts = SESSION.open_ns + n * FIVE
    return Bar(ts, ts + FIVE, *prices, volume, SESSION.open_ns <= ts < SESSION.close_ns)


def order(**fields: object) -> OrderRequest:
    given: dict[str, Any] = {
        "client_order_id": "",
        "symbol": "AAA",
        "side": "buy",
        "quantity": "100",
        "type": "limit",
        "time_in_force": "gtc",
        "limit_price": "10.05",
    }
    return OrderRequest(**{**given, **fields})


def bracket(**fields: object) -> OrderRequest:
    levels = {"take_profit_limit": "10.30", "stop_loss_stop": "9.80"}
    return order(**{"order_class": "bracket", **levels, **fields})


def exit_pair(**fields: object) -> OrderRequest:
    levels = {"take_profit_limit": "10.30", "stop_loss_stop": "9.80", "limit_price": ""}
    return order(**{"order_class": "oco", "side": "sell", **levels, **fields})


def account(usd: int = 100_000) -> PaperAccount:
    return PaperAccount("00000000-0000-4000-8000-000000000000", usd * 10**6)


def sent(
    to: PaperAccount, request: OrderRequest, now_ns: int = SESSION.open_ns
) -> tuple[PaperOrder, ...]:
    made = to.submit(request, moment(now_ns))

    assert not isinstance(made, Refusal), made

    return made[0]


def met(to: PaperAccount, b: Bar, most_shares: int | None = None) -> list[tuple[str, str, int]]:
    """Meet a bar; event, kind of order and its filled shares, in their order."""
    updates = to.meet("AAA", b, PARAMS, arrival_ns=ARRIVAL, most_shares=most_shares)
    return [(u.event, u.order.kind, u.order.filled) for u in updates]


RISE = (10.0, 10.1, 9.95, 10.05)
FALL = (10.0, 10.05, 9.7, 9.75)
LEAP = (10.1, 10.5, 10.05, 10.4)
CALM = (10.0, 10.02, 9.98, 10.0)


def test_a_brackets_target_works_when_its_entry_fills_and_its_stop_stays_held() -> None:
    own = account()
    entry, target, stop = sent(own, bracket())

    assert [o.status for o in (entry, target, stop)] == ["new", "held", "held"]

    events = met(own, bar(0, CALM))
    now = [own.orders[o.broker_id].status for o in (entry, target, stop)]

    assert events == [("fill", "limit", 100), ("new", "limit", 0)]
    assert now == ["filled", "new", "held"]


def test_a_targets_fill_cancels_its_stop_without_a_word_on_the_stream() -> None:
    own = account()
    _, _, stop = sent(own, bracket())
    met(own, bar(0, CALM))

    assert met(own, bar(1, LEAP)) == [("fill", "limit", 100)]
    assert own.orders[stop.broker_id].status == "canceled"
    assert own.holdings.shares("AAA") == 0


def test_a_touched_stop_is_new_then_fills_and_its_target_is_cancelled() -> None:
    own = account()
    _, target, _ = sent(own, bracket())
    met(own, bar(0, CALM))

    events = met(own, bar(1, FALL))

    assert events == [("new", "stop", 0), ("fill", "stop", 100), ("canceled", "limit", 0)]
    assert own.orders[target.broker_id].status == "canceled"


def test_fills_are_told_by_execution_and_their_order_as_the_sum() -> None:
    own = account()
    sent(own, order(quantity="150"))
    first = own.meet("AAA", bar(0, CALM, volume=1_000), PARAMS, arrival_ns=ARRIVAL)
    second = own.meet("AAA", bar(1, CALM), PARAMS, arrival_ns=ARRIVAL)
    told = [update_json(u)["data"] for u in first + second]

    assert [(t["event"], t["qty"], t["order"]["filled_qty"]) for t in told] == [
        ("partial_fill", "100", "100"),
        ("fill", "50", "150"),
    ]
    assert [t["position_qty"] for t in told] == ["100", "150"]


def test_what_of_a_bracket_has_filled_stays_protected_when_the_rest_is_cancelled() -> None:
    own = account()
    entry, target, stop = sent(own, bracket())
    met(own, bar(0, CALM, volume=400))
    own.cancel(entry.broker_id, SESSION.open_ns + FIVE)
    legs = [own.orders[o.broker_id] for o in (target, stop)]

    assert [(o.status, o.quantity, o.left) for o in legs] == [("new", 40, 40), ("held", 40, 40)]
    assert met(own, bar(1, FALL))[-2:] == [("fill", "stop", 40), ("canceled", "limit", 0)]


def test_legs_that_wait_protect_nothing_before_all_of_the_entry_has_filled() -> None:
    whole, part = account(), account()
    for own in (whole, part):
        sent(own, bracket())
        own.meet("AAA", bar(0, CALM, 400), PARAMS, arrival_ns=ARRIVAL, legs_wait=True)
    updates = whole.meet("AAA", bar(1, CALM), PARAMS, arrival_ns=ARRIVAL, legs_wait=True)
    entry = next(iter(part.orders))
    part.cancel(entry, SESSION.open_ns + FIVE)

    assert [(u.event, u.order.left) for u in updates] == [("fill", 0), ("new", 100)]
    assert held_for_orders(whole, "AAA") == 100
    assert (part.holdings.shares("AAA"), part.open_orders()) == (40, [])


def test_a_bracket_cancelled_before_it_fills_takes_its_legs_along() -> None:
    own = account()
    entry, *_ = sent(own, bracket())
    updates = own.cancel(entry.broker_id, SESSION.open_ns)

    assert not isinstance(updates, Refusal)
    assert [u.event for u in updates] == ["canceled"] * 3
    assert own.open_orders() == []


def test_one_leg_cancelled_by_hand_takes_the_other_along() -> None:
    own = account()
    sent(own, order())
    met(own, bar(0, CALM))
    target, _ = sent(own, exit_pair(), SESSION.open_ns + FIVE)
    own.cancel(target.broker_id, SESSION.open_ns + FIVE)

    assert own.open_orders() == []
    assert own.holdings.shares("AAA") == 100


def test_an_exit_pair_holds_its_shares_once() -> None:
    own = account()
    sent(own, order())
    met(own, bar(0, CALM))
    sent(own, exit_pair(), SESSION.open_ns + FIVE)
    no = own.submit(order(side="sell", quantity="1", limit_price="11"), moment())

    assert held_for_orders(own, "AAA") == 100
    assert isinstance(no, Refusal)
    assert (no.status, no.code) == (403, 40310000)
    assert no.message == "insufficient qty available for order (requested: 1, available: 0)"


def test_a_replaced_stop_has_a_new_id_and_the_same_group() -> None:
    own = account()
    _, target, stop = sent(own, bracket())
    met(own, bar(0, CALM))
    done = own.replace(stop.broker_id, {"stop_price": "9.95"}, moment())

    assert not isinstance(done, Refusal)

    new, updates = done

    assert new.broker_id != stop.broker_id
    assert own.orders[stop.broker_id].replaced_by == new.broker_id
    assert [u.event for u in updates] == ["replaced", "new"]
    assert met(own, bar(1, (10.0, 10.0, 9.9, 9.9)))[1] == ("fill", "stop", 100)
    assert own.orders[target.broker_id].status == "canceled"


def test_a_partly_filled_order_is_replaced_with_all_of_its_quantity() -> None:
    own = account()
    (first,) = sent(own, order())
    met(own, bar(0, CALM, volume=400))
    done = own.replace(first.broker_id, {"limit_price": "10.06"}, moment())

    assert not isinstance(done, Refusal)
    assert (done[0].quantity, done[0].filled, done[0].left) == (100, 0, 100)


def test_a_closed_order_can_be_neither_replaced_nor_cancelled() -> None:
    own = account()
    (first,) = sent(own, order())
    met(own, bar(0, CALM))
    replaced = own.replace(first.broker_id, {"limit_price": "10.06"}, moment())
    cancelled = own.cancel(first.broker_id, SESSION.open_ns)

    assert isinstance(replaced, Refusal)
    assert (replaced.status, replaced.message) == (422, "only open orders can be replaced")
    assert isinstance(cancelled, Refusal)
    assert (cancelled.status, cancelled.message) == (422, 'order is already in "filled" state')


def test_day_orders_end_at_the_close_and_those_of_extended_hours_at_eight() -> None:
    own = account()
    (day,) = sent(own, order(time_in_force="day"))
    (long,) = sent(own, order(time_in_force="day", extended_hours=True))
    (kept,) = sent(own, order())
    own.expire(SESSION.close_ns)
    at_close = [own.orders[o.broker_id].status for o in (day, long, kept)]
    own.expire(SESSION.post_ns)
    at_eight = [own.orders[o.broker_id].status for o in (day, long, kept)]

    assert at_close == ["expired", "new", "new"]
    assert at_eight == ["expired", "expired", "new"]


def test_an_order_for_regular_hours_sent_before_them_is_accepted_and_new_at_the_open() -> None:
    own = account()
    (early,) = sent(own, order(), SESSION.pre_ns)
    updates = own.wake(SESSION.open_ns, extended=False)

    assert early.status == "accepted"
    assert [(u.event, u.order.status) for u in updates] == [("new", "new")]


def test_an_order_meets_the_bar_that_opened_just_before_it_and_no_earlier_one() -> None:
    in_time, late = account(), account()
    sent(in_time, order(), SESSION.open_ns + ARRIVAL)
    sent(late, order(), SESSION.open_ns + ARRIVAL + 1)

    assert met(in_time, bar(0, CALM)) == [("fill", "limit", 100)]
    assert met(late, bar(0, CALM)) == []


def test_market_entries_fill_at_the_open_with_slippage_and_wake_their_legs() -> None:
    own = account()
    sent(own, bracket(type="market", limit_price=""))

    assert met(own, bar(0, CALM)) == [
        ("fill", "limit" if False else "market", 100),
        ("new", "limit", 0),
    ]

    (execution,) = [r for r in own.holdings.records if isinstance(r, Execution)]

    assert execution.price == "10.0024"


def test_a_stop_limit_works_as_a_limit_from_the_bar_after_its_touch() -> None:
    own = account()
    sent(own, order())
    met(own, bar(0, CALM))
    sent(own, order(side="sell", type="stop_limit", stop_price="9.80", limit_price="9.70"))

    assert met(own, bar(1, FALL)) == []
    assert met(own, bar(2, CALM)) == [("fill", "stop_limit", 100)]


def test_a_cap_lets_no_more_shares_fill_in_a_bar() -> None:
    own = account()
    sent(own, order())

    assert met(own, bar(0, CALM), most_shares=7) == [("partial_fill", "limit", 7)]


def test_a_split_scales_the_position_pays_the_fraction_and_cancels_orders() -> None:
    own = account()
    sent(own, order(quantity="101"))
    met(own, bar(0, CALM))
    sent(own, exit_pair(quantity="101"), SESSION.open_ns + FIVE)
    before = own.holdings.cash_micro
    updates = own.split("AAA", 0.5, 20.0, SESSION.open_ns + FIVE)

    assert own.holdings.shares("AAA") == 50
    assert own.holdings.cash_micro - before == 10_000_000
    assert [u.event for u in updates] == ["canceled", "canceled"]


def test_a_dividend_is_cash_and_a_short_pays_it() -> None:
    long, short = account(), account()
    sent(long, order())
    sent(short, order(side="sell", limit_price="9.95"))
    for own, sign in ((long, 1), (short, -1)):
        met(own, bar(0, CALM))
        before = own.holdings.cash_micro
        own.dividend("AAA", 0.13, SESSION.open_ns)

        assert own.holdings.cash_micro - before == sign * 13_000_000


def test_books_that_disagree_with_the_executions_stop_the_exchange() -> None:
    own = account()
    sent(own, order())
    met(own, bar(0, CALM))
    own.holdings.cash_micro += 1
    sent(own, order(side="sell", limit_price="9.95"), SESSION.open_ns + FIVE)

    with pytest.raises(ConservationError):
        met(own, bar(1, CALM))


# What replay's book does with two halves, two brackets must do.


def twins() -> st.SearchStrategy[list[tuple[tuple[float, float, float, float], int]]]:
    move = st.integers(-30, 30)
    one = st.tuples(move, st.integers(0, 25), st.integers(0, 25), move, st.integers(0, 3_000))

    def prices(rows: list[tuple[int, int, int, int, int]]) -> list[Any]:
        last, out = 1_000, []
        for start, up, down, end, volume in rows:
            first, close = last + start, last + start + end
            high, low = max(first, close) + up, min(first, close) - down
            out.append((tuple(p / 100 for p in (first, high, low, close)), volume))
            last = close
        return out

    return st.lists(one, min_size=1, max_size=12).map(prices)


@given(bars=twins(), halves=st.tuples(st.integers(1, 200), st.integers(1, 200)))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_two_brackets_fill_as_the_two_halves_of_replay_do(
    bars: list[Any], halves: tuple[int, int]
) -> None:
    own, book = account(10_000_000), Book()
    ids = {}
    for leg, (quantity, target) in enumerate(zip(halves, ("10.30", "10.60"), strict=True)):
        made = sent(own, bracket(quantity=str(quantity), take_profit_limit=target))
        limits = (10.05, float(target), float("nan"))
        roles = (Role.ENTRY, Role.TARGET_1, Role.STOP)
        for o, role, limit in zip(made, roles, limits, strict=True):
            name = f"{leg}-{role.name}"
            ids[o.broker_id] = name
            side, parent = (Side.BUY, "") if role is Role.ENTRY else (Side.SELL, f"{leg}-ENTRY")
            kind = Kind.STOP if role is Role.STOP else Kind.LIMIT
            book = book.changed(
                (),
                (
                    Order(
                        name,
                        f"entry-{leg}",
                        "",
                        0,
                        side,
                        role,
                        kind,
                        quantity,
                        limit,
                        9.8,
                        leg,
                        extended=False,
                        submitted_ns=SESSION.open_ns,
                        parent_id=parent,
                    ),
                ),
            )
    for n, (prices, volume) in enumerate(bars):
        b = bar(n, prices, volume=volume)
        book, fills = book.match(0, b, PARAMS)
        updates = own.meet("AAA", b, PARAMS, arrival_ns=ARRIVAL)
        told = [u.execution for u in updates if u.execution]

        assert [(ids[e.broker_id], e.quantity, float(e.price), e.filled_ns) for e in told] == [
            (f.order_id, f.quantity, f.price, f.filled_ns) for f in fills
        ]


# A storm of requests and bars.

PRICES = [f"{cents / 100:.2f}" for cents in range(900, 1101, 5)]
ACTS = st.one_of(
    st.tuples(
        st.just("simple"),
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(["market", "limit", "stop", "stop_limit"]),
        st.integers(1, 400),
        st.sampled_from(PRICES),
        st.booleans(),
    ),
    st.tuples(
        st.sampled_from(["bracket", "oco", "oto"]),
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(["market", "limit"]),
        st.integers(1, 400),
        st.sampled_from(PRICES),
        st.booleans(),
    ),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("replace"), st.integers(0, 30), st.sampled_from(PRICES), st.booleans()),
    st.tuples(
        st.just("bar"),
        st.integers(900, 1100),
        st.integers(0, 40),
        st.integers(0, 40),
        st.integers(-30, 30),
        st.integers(0, 4_000),
        st.booleans(),
    ),
    st.tuples(st.just("split"), st.sampled_from([2.0, 0.5, 1.5, 0.1])),
    st.tuples(st.just("dividend"), st.integers(1, 50)),
    st.tuples(
        st.just("close"),
    ),
)


def request_of(act: tuple[Any, ...]) -> OrderRequest:
    shape, side, kind, quantity, price, near = act
    sign = 1 if (side == "buy") == (shape != "oco") else -1
    step = Decimal("0.10") if near else Decimal("0.40")
    fields: dict[str, Any] = {"side": side, "type": kind, "quantity": str(quantity)}
    fields["limit_price"] = price if "limit" in kind else ""
    fields["stop_price"] = price if "stop" in kind else ""
    if shape != "simple":
        fields["order_class"] = shape
        fields["take_profit_limit"] = str(Decimal(price) + sign * step)
        if shape != "oto" or near:
            fields["stop_loss_stop"] = str(Decimal(price) - sign * step)
            fields["take_profit_limit"] = "" if shape == "oto" else fields["take_profit_limit"]
    return order(**fields)


def recounted(own: PaperAccount) -> tuple[Decimal, int]:
    """Cash and shares, from nothing but what the activities say."""
    cash, shares = Decimal(own.holdings.initial_micro) / 10**6, 0
    for record in own.holdings.records:
        told = activity_json(own.account_id, record)
        if isinstance(record, Payment):
            cash += Decimal(told["net_amount"])
            shares += int(told["qty"]) if told["activity_type"] == "SPLIT" else 0
        else:
            sign = 1 if told["side"] == "buy" else -1
            cash -= sign * int(told["qty"]) * Decimal(told["price"])
            shares += sign * int(told["qty"])
    return cash, shares


def check(own: PaperAccount, seen: dict[str, int]) -> None:
    cash, shares = recounted(own)

    assert cash * 10**6 == own.holdings.cash_micro
    assert shares == own.holdings.shares("AAA")
    for o in own.orders.values():
        assert 0 <= o.filled <= o.quantity, o
        assert o.filled == seen.get(o.broker_id, 0)
        assert o.left >= 0
        assert (o.status == "filled") <= (o.filled == o.quantity > 0)
        assert o.open or o.left == 0
    assert {o.broker_id for o in own.open_orders()} == {
        o.broker_id for o in own.orders.values() if o.open
    }
    assert held_for_orders(own, "AAA") <= abs(shares)


def told_of(updates: list[Update], seen: dict[str, int]) -> None:
    for update in updates:
        if update.execution:
            broker_id = update.order.broker_id
            seen[broker_id] = seen.get(broker_id, 0) + update.execution.quantity

            assert update.execution.cumulative == update.order.filled == seen[broker_id]


@given(acts=st.lists(ACTS, min_size=5, max_size=45))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_money_and_shares_are_conserved_after_every_event_of_a_storm(
    acts: list[tuple[Any, ...]],
) -> None:
    own, price, n = account(20_000), 10.0, 0
    seen: dict[str, int] = {}
    for act in acts:
        now = moment(SESSION.open_ns + n * FIVE, price)
        ids = list(own.orders)
        updates: list[Update] = []
        if act[0] == "bar":
            first = act[1] / 100
            close = first + act[4] / 100
            high, low = max(first, close) + act[2] / 100, min(first, close) - act[3] / 100
            b = bar(n, (first, high, low, close), volume=act[5])
            updates = own.meet("AAA", b, PARAMS, arrival_ns=ARRIVAL, legs_wait=act[6])
            price, n = close, n + 1
        elif act[0] == "cancel" and ids:
            done = own.cancel(ids[act[1] % len(ids)], now.now_ns)
            updates = [] if isinstance(done, Refusal) else done
        elif act[0] == "replace" and ids:
            target = own.orders[ids[act[1] % len(ids)]]
            name = "stop_price" if target.kind == "stop" else "limit_price"
            changes = {name: act[2]} | ({"qty": "50"} if act[3] else {})
            swapped = own.replace(target.broker_id, changes, now)
            updates = [] if isinstance(swapped, Refusal) else swapped[1]
        elif act[0] == "split":
            price /= act[1]
            updates = own.split("AAA", act[1], price, now.now_ns)
        elif act[0] == "dividend":
            own.dividend("AAA", act[1] / 100, now.now_ns)
        elif act[0] == "close":
            updates = own.expire(SESSION.close_ns)
        elif act[0] in ("simple", "bracket", "oco", "oto"):
            power = buying_power_micro(own, now)
            made = own.submit(request_of(act), now)
            if not isinstance(made, Refusal):
                updates = made[1]

                assert buying_power_micro(own, now) <= power
        told_of(updates, seen)
        check(own, seen)
