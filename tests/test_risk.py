"""The gate, sizing and the orders of an entry."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from builders import DAILY, FIVE, SPEC, Desk, at, calm, session_of, signal, view
from hypothesis import given
from hypothesis import strategies as st

from catalyst.strategy.decisions import Order, Signal
from catalyst.strategy.ledger import begin, roll_day
from catalyst.strategy.money import on_tick
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.reasons import Kind, Outcome, Reason, Role, Side
from catalyst.strategy.risk import serve
from catalyst.strategy.values import Grid

SHORTS = SPEC.replace(allow_short=True)


def fresh(params: Params = SPEC) -> PortfolioState:
    return roll_day(begin(params), session_of())


def served(
    state: PortfolioState,
    made: Signal,
    *,
    asof: str = "10:00",
    params: Params = SPEC,
    volume: float = 1e7,
    grid: Grid = FIVE,
) -> tuple[PortfolioState, Signal, tuple[Order, ...]]:
    bars = {made.symbol: calm(asof, volume=volume)}
    seen = view(asof, bars, grid=grid, scan=True)
    return serve(state, seen, made, 0, params)


def crowded(count: int, *, params: Params = SPEC, asof: str = "10:00") -> PortfolioState:
    """Give a state with working entries in that many symbols."""
    state = fresh(params)
    for symbol in range(1, count + 1):
        made = signal(symbol, size_frac=0.01)
        state, told, _ = served(state, made, asof=asof, params=params)
        assert told.outcome is Outcome.INTENT
    return state


REFUSALS: list[tuple[Reason, dict[str, Any], dict[str, Any], str, float, float]] = [
    (Reason.ALLOW_SHORT, {}, {"side": -1}, "10:00", -1.0, 0.0),
    (Reason.ENTRIES_A_DAY, {"entries_today": 20}, {}, "10:00", 20, 20),
    (
        Reason.PATTERN_USED,
        {"used_patterns": ((0, FIVE.timeframe_ns, at("09:55")),)},
        {},
        "10:00",
        1,
        1,
    ),
    (Reason.STOPPED_OUT, {"stopped_today": (0,)}, {}, "10:00", 1, 1),
    (Reason.QUIET_TIME, {}, {}, "15:25", 30, 30),
    (Reason.QUIET_TIME, {}, {}, "15:55", 0, 30),
    (Reason.QUIET_TIME, {}, {}, "17:00", -65, 30),
    (Reason.SIZE_ZERO, {}, {"size_frac": 0.0}, "10:00", 0, 1),
]


@pytest.mark.parametrize(
    ("rule", "of_state", "of_signal", "asof", "value", "threshold"),
    REFUSALS,
    ids=[f"{row[0].label} {row[3]}" for row in REFUSALS],
)
def test_incident_15_a_refusal_names_its_rule_and_the_two_numbers_compared(
    rule: Reason,
    of_state: dict[str, Any],
    of_signal: dict[str, Any],
    asof: str,
    value: float,
    threshold: float,
) -> None:
    state = replace(fresh(), **of_state)
    after, told, orders = served(state, signal(**of_signal), asof=asof)

    assert told.outcome is Outcome.REFUSED
    assert (told.rule, told.value, told.threshold) == (rule, value, threshold)
    assert (after, orders) == (state, ())


@pytest.mark.parametrize(
    ("of_state", "of_signal", "asof"),
    [
        ({"entries_today": 19}, {}, "10:00"),
        (
            {"used_patterns": ((1, FIVE.timeframe_ns, at("09:55")), (0, 1, at("09:55")))},
            {},
            "10:00",
        ),
        ({"used_patterns": ((0, 0, -1),)}, {"pattern_key": (0, -1)}, "10:00"),
        ({"stopped_today": (1,)}, {}, "10:00"),
        ({}, {}, "15:24"),
        ({}, {}, "04:00"),
    ],
)
def test_a_signal_just_inside_every_limit_becomes_an_entry(
    of_state: dict[str, Any], of_signal: dict[str, Any], asof: str
) -> None:
    told = served(replace(fresh(), **of_state), signal(**of_signal), asof=asof)[1]

    assert told.outcome is Outcome.INTENT
    assert told.rule is Reason.PASSED


def test_incident_06_position_limit_is_per_account() -> None:
    state = crowded(5)
    later = served(state, signal(0), asof="10:05")[1]

    assert (later.rule, later.value, later.threshold) == (Reason.POSITIONS_MAX, 5, 5)


def test_incident_06_positions_and_working_entries_count_together() -> None:
    desk = Desk(SPEC)
    desk.enter("10:00", shares=100, size_frac=0.01)
    desk.trade(("10:00", 100, 100, 100, 100, 1e6))
    state = desk.state
    for symbol in range(1, 5):
        state, told, _ = served(state, signal(symbol, size_frac=0.01), asof="10:05")
        assert told.outcome is Outcome.INTENT
    told = served(state, signal(5), asof="10:05")[1]

    assert told.rule is Reason.POSITIONS_MAX


@pytest.mark.parametrize("filled", [False, True])
def test_incident_07_one_position_or_working_entry_per_symbol(filled: bool) -> None:  # noqa: FBT001 - a column
    desk = Desk(SPEC)
    desk.enter("10:00", shares=100)
    if filled:
        desk.trade(("10:00", 100, 100, 100, 100, 1e6))
    told = served(desk.state, signal(0, signal_id="again"), asof="10:05")[1]

    assert (told.rule, told.value, told.threshold) == (Reason.SYMBOL_BUSY, 1, 1)


def test_incident_16_the_daily_limit_refuses_every_later_signal_aloud() -> None:
    state = replace(fresh(), entries_today=20)
    rules = [
        served(state, signal(k), asof=asof)[1].rule
        for k, asof in enumerate(("10:00", "12:00", "15:00"))
    ]

    assert rules == [Reason.ENTRIES_A_DAY] * 3
    assert len({rule.text for rule in Reason}) == len(Reason)


def test_the_daily_loss_refuses_with_the_loss_and_its_limit() -> None:
    state = replace(fresh(), cash_micro=94_000_000_000, lost_today=True)
    told = served(state, signal())[1]

    assert told.rule is Reason.DAILY_LOSS
    assert told.value == pytest.approx(0.06)
    assert told.threshold == 0.05


def test_the_rules_are_asked_in_the_order_of_the_page() -> None:
    state = replace(
        crowded(5),
        entries_today=20,
        lost_today=True,
        used_patterns=((0, FIVE.timeframe_ns, at("09:55")),),
        stopped_today=(0,),
    )
    order = []
    loosened: dict[str, Any] = {}
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"allow_short": True}, {}),
        ({"positions_max": 6}, {}),
        ({}, {"entries": ()}),
        ({"entries_a_day": 100}, {}),
        ({}, {"lost_today": False}),
        ({}, {"used_patterns": ()}),
        ({}, {"stopped_today": ()}),
        ({"quiet_minutes": 0}, {}),
    ]
    made = signal(0, -1, size_frac=0.0)
    state = replace(state, entries=(replace(state.entries[0], symbol=0), *state.entries[1:]))
    for of_params, of_state in [({}, {}), *steps]:
        loosened |= of_params
        state = replace(state, **of_state)
        order.append(served(state, made, asof="15:40", params=SPEC.replace(**loosened))[1].rule)

    assert order == [
        Reason.ALLOW_SHORT,
        Reason.POSITIONS_MAX,
        Reason.SYMBOL_BUSY,
        Reason.ENTRIES_A_DAY,
        Reason.DAILY_LOSS,
        Reason.PATTERN_USED,
        Reason.STOPPED_OUT,
        Reason.QUIET_TIME,
        Reason.SIZE_ZERO,
    ]


def test_an_entry_uses_up_its_pattern_bars_and_one_of_the_days_entries() -> None:
    state, _, _ = served(fresh(), signal())

    assert state.entries_today == 1
    assert state.used_patterns == ((0, FIVE.timeframe_ns, at("09:55")),)


def test_with_daily_bars_no_time_of_day_refuses() -> None:
    told = served(fresh(), signal(), asof="16:00", grid=DAILY)[1]

    assert told.outcome is Outcome.INTENT


def test_without_the_flatten_no_time_of_day_refuses() -> None:
    told = served(fresh(), signal(), asof="17:00", params=SPEC.replace(flatten_at_close=False))[1]

    assert told.outcome is Outcome.INTENT


# Limits


@pytest.mark.parametrize(
    ("asof", "side", "entry", "limit"),
    [
        ("10:00", 1, 100.0, 100.5),
        ("10:00", -1, 100.0, 99.5),
        ("08:00", 1, 100.0, 100.1),
        ("08:00", -1, 100.0, 99.9),
        ("10:00", 1, 33.33, 33.49),
        ("10:00", -1, 33.33, 33.17),
        ("10:00", 1, 0.5001, 0.5026),
        ("10:00", -1, 0.5001, 0.4976),
    ],
)
def test_incident_01_an_entrys_limit_is_on_the_tick_and_never_beyond_its_collar(
    asof: str, side: int, entry: float, limit: float
) -> None:
    levels = {"entry": entry, "stop": entry * (1 - side * 0.02), "size_frac": 0.01}
    _, told, orders = served(fresh(SHORTS), signal(0, side, **levels), asof=asof, params=SHORTS)

    assert told.outcome is Outcome.INTENT
    assert {o.limit for o in orders if o.role is Role.ENTRY} == {limit}


def test_daily_bars_have_a_wider_collar_by_parameter() -> None:
    orders = served(
        fresh(), signal(), asof="16:00", grid=DAILY, params=SPEC.replace(entry_collar_bps=100)
    )[2]

    assert orders[0].limit == 101.0


@given(cents=st.integers(100, 500_000), side=st.sampled_from((1, -1)))
def test_incident_01_every_price_of_every_order_is_on_the_tick(cents: int, side: int) -> None:
    entry = cents / 100
    stop, target_1, target_2 = (
        on_tick(entry * (1 - side * x), up=side > 0) for x in (0.02, -0.03, -0.06)
    )
    made = signal(0, side, entry=entry, stop=stop, target_1=target_1, target_2=target_2)
    orders = served(fresh(SHORTS), made, params=SHORTS)[2]

    assert orders
    for price in [p for o in orders for p in (o.limit, o.stop) if not math.isnan(p)]:
        assert on_tick(price, up=True) == on_tick(price, up=False) == price


# Size


@pytest.mark.parametrize(
    ("size_frac", "volume", "shares"),
    [
        (0.20, 1e7, 199),  # 20,000 / 100.5
        (0.10, 1e7, 99),
        (0.05, 1e7, 49),
        (0.20, 10_000.0, 100),  # 1 % of the mean bar
        (0.20, 150.0, 1),
    ],
)
def test_size_is_the_least_of_cap_times_band_and_volume(
    size_frac: float, volume: float, shares: int
) -> None:
    state = served(fresh(), signal(size_frac=size_frac), volume=volume)[0]

    assert state.entries[0].quantity == shares


def test_less_than_a_share_is_a_refusal_with_the_size_wanted() -> None:
    told = served(fresh(), signal(), volume=99.0)[1]

    assert (told.rule, told.threshold) == (Reason.SIZE_ZERO, 1.0)
    assert told.value == pytest.approx(0.99)


def test_working_entries_count_at_their_limits() -> None:
    params = SPEC.replace(cap_frac=1.0)
    state = served(fresh(), signal(1, size_frac=0.9), params=params)[0]
    state, _, _ = served(state, signal(0, size_frac=0.9), params=params)
    first = next(e for e in state.entries if e.symbol == 1)
    second = next(e for e in state.entries if e.symbol == 0)

    assert first.quantity == 895
    assert second.quantity == math.floor((100_000 - 895 * 100.5) / 100.5)


def test_positions_count_at_their_marks_and_shorts_unsigned() -> None:
    desk = Desk(SHORTS)
    desk.enter("10:00", shares=800, side=-1, size_frac=1.0)
    desk.trade(("10:00", 100, 100, 100, 100, 1e6))
    exposure = desk.entry.held * 100.0
    equity = desk.state.equity_micro / 1e6
    state = served(desk.state, signal(1, size_frac=1.0), asof="10:05", params=SHORTS)[0]

    assert state.entries[1].quantity == math.floor((equity - exposure) / 100.5)


def test_the_mean_volume_is_that_of_the_last_twenty_bars() -> None:
    bars = [*calm("09:00", 20, volume=1e9), *calm("10:00", 12, volume=5_000)]
    seen = view("10:00", {0: bars}, scan=True)
    state, _, _ = serve(fresh(), seen, signal(size_frac=0.01), 0, SPEC)
    mean = (8 * 1e9 + 12 * 5_000) / 20

    assert mean * 0.01 > 9
    assert state.entries[0].quantity == 9
    short = serve(fresh(), view("10:00", {0: bars[-12:]}, scan=True), signal(), 0, SPEC)[0]
    assert short.entries[0].quantity == 50


# Orders


def test_every_order_carries_what_it_belongs_to() -> None:
    state, told, orders = served(fresh(), signal())
    entry = state.entries[0]

    assert {o.entry_id for o in orders} == {entry.entry_id}
    assert {o.signal_id for o in orders} == {told.signal_id}
    assert len({o.order_id for o in orders}) == len(orders) == 6
    assert [o.kind for o in orders] == [Kind.LIMIT, Kind.STOP, Kind.LIMIT] * 2
    assert entry.orders == orders


def test_incident_03_each_bracket_has_a_stop_and_a_target_that_wait_for_it() -> None:
    _, _, orders = served(fresh(), signal())
    parents = {o.order_id: o for o in orders if o.role is Role.ENTRY}
    legs = [o for o in orders if o.parent_id]

    assert sorted((parents[o.parent_id].leg, o.role) for o in legs) == [
        (0, Role.STOP),
        (0, Role.TARGET_1),
        (1, Role.STOP),
        (1, Role.TARGET_2),
    ]
    assert all(o.side is Side.SELL for o in legs)
    assert all(p.side is Side.BUY for p in parents.values())


def test_incident_02_a_short_is_sold_first_and_bought_back() -> None:
    _, _, orders = served(fresh(SHORTS), signal(0, -1), params=SHORTS)

    assert {o.side for o in orders if o.role is Role.ENTRY} == {Side.SELL}
    assert {o.side for o in orders if o.role is not Role.ENTRY} == {Side.BUY}


def test_the_same_signal_gives_the_same_ids() -> None:
    assert served(fresh(), signal())[1:] == served(fresh(), signal())[1:]
