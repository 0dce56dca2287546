"""What fills, corporate actions and new days do to cash and shares."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from builders import SPEC, Desk, at, session_of
from hypothesis import given
from hypothesis import strategies as st

from catalyst.strategy.decisions import Fill
from catalyst.strategy.ledger import apply_actions, apply_fills, begin, roll_day
from catalyst.strategy.money import MICRO, on_tick
from catalyst.strategy.portfolio import Action
from catalyst.strategy.reasons import Role, Side

FREE = SPEC.replace(
    slippage_bps=0, impact_bps=0, allow_short=True, flatten_at_close=False, time_stop_hours=200
)
NEXT = "2015-03-04"
SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def holding(shares: int = 100, side: int = 1, *, trailing: bool = False, part: int = 0) -> Desk:
    """Hold shares bought (sold) at 100; `trailing`: target 1 has filled; `part`: so many of it."""
    desk = Desk(FREE)
    desk.enter("10:00", shares=shares, side=side)
    desk.trade(("10:00", 100, 100, 100, 100, 1e6))
    if trailing or part:
        rows = (104.0, 100.9) if side > 0 else (99.1, 96.0)
        desk.trade(("10:05", 100, *rows, 103 if side > 0 else 97, part * 10 if part else 1e6))
    return desk


def split(desk: Desk, ratio: float) -> None:
    desk.open(NEXT, Action(0, 0, "split", ratio, 0))


def test_a_run_begins_with_cash_only() -> None:
    state = begin(SPEC.replace(initial_equity_usd=1234.567891))

    assert state.cash_micro == state.equity_micro == state.day_start_micro == 1_234_567_891
    assert state.entries == ()


@SIDES
def test_incident_19_profit_is_that_of_the_fills_to_the_micro_dollar(side: int) -> None:
    desk = Desk(FREE.replace(slippage_bps=3.7, impact_bps=11, sec_fee_rate=0.0000278))
    desk.enter("10:00", shares=101, side=side)
    desk.trade(("10:00", 100.01, 100.3, 99.7, 100, 1e5))
    desk.trade(("10:05", 100, 107, 93, 100, 1e5))
    paid = sum(Fraction(round(f.price * 10_000), 10_000) * f.quantity * -f.side for f in desk.fills)
    fees = sum(f.fee_micro for f in desk.fills)

    assert desk.flat
    assert fees > 0
    assert desk.state.cash_micro == 100_000 * MICRO + int(paid * MICRO) - fees


def test_an_average_price_is_that_of_the_fills() -> None:
    desk = Desk(FREE)
    desk.enter("10:00", shares=100)
    desk.trade(("10:00", 100, 100, 100, 100, 500), ("10:05", 99, 99, 99, 99, 1e6))

    assert desk.entry.average_price == pytest.approx(99.5)


def test_a_fill_of_an_order_that_nobody_sent_is_an_error() -> None:
    desk = holding()
    stray = Fill("fill", "stray", 0, Side.SELL, 1, 100.0, 0, at("10:05"))

    with pytest.raises(KeyError, match="stray"):
        apply_fills(desk.state, (stray,))


def test_a_plain_entry_fills_its_halves_the_odd_share_in_the_first() -> None:
    for shares, halves in ((1, (0, 1)), (2, (1, 1)), (3, (2, 1)), (101, (51, 50))):
        desk = Desk(FREE)
        desk.enter("08:00", shares=shares)
        desk.trade(("08:00", 100, 100, 100, 100, 1e6))

        assert desk.entry.leg_filled == halves


# Days


def test_a_new_day_resets_its_counters_and_keeps_the_pattern_bars() -> None:
    desk = holding()
    state = desk.state
    rolled = roll_day(state, session_of(NEXT))

    assert (rolled.entries_today, rolled.stopped_today, rolled.lost_today) == (0, (), False)
    assert rolled.used_patterns == state.used_patterns
    assert rolled.day_start_micro == state.equity_micro
    assert rolled.entries == state.entries


def test_rolling_into_the_same_day_changes_nothing() -> None:
    desk = holding()

    assert roll_day(desk.state, desk.session) is desk.state


def test_pattern_bars_are_forgotten_once_they_cannot_come_again() -> None:
    desk = holding()

    assert roll_day(desk.state, session_of("2015-03-27")).used_patterns == ()


# Splits


@SIDES
@pytest.mark.parametrize("ratio", [7.0, 1.5, 0.1, 2.0, 1 / 3])
@pytest.mark.parametrize("shares", [1, 15, 100, 101])
@pytest.mark.parametrize("trailing", [False, True])
def test_a_split_changes_no_equity(side: int, ratio: float, shares: int, trailing: bool) -> None:  # noqa: FBT001 - a column
    if shares == 1 and trailing:
        return
    desk = holding(shares, side, trailing=trailing)
    before = desk.state.equity_micro
    held = desk.entry.held
    split(desk, ratio)
    exact = Fraction(ratio).limit_denominator(1000) * held

    assert desk.state.equity_micro == pytest.approx(before, abs=1)
    assert sum(e.held for e in desk.state.entries) == math.floor(exact)


def test_apples_split_scales_shares_and_every_level() -> None:
    desk = holding(101)
    split(desk, 7.0)
    entry = desk.entry

    assert (entry.held, entry.leg_filled) == (707, (357, 350))
    assert (entry.stop, entry.target_1, entry.target_2) == (14.0, 14.71, 15.14)
    assert dict(desk.state.marks) == pytest.approx({0: 100 / 7})
    assert desk.working == [
        ("stop", 0, 357, 14.0),
        ("stop", 1, 350, 14.0),
        ("target_1", 0, 357, 14.71),
        ("target_2", 1, 350, 15.14),
    ]


@SIDES
def test_levels_are_rounded_towards_the_earlier_exit_again(side: int) -> None:
    desk = holding(100, side)
    levels = (desk.entry.stop, desk.entry.target_1, desk.entry.target_2)
    split(desk, 7.0)
    long = side > 0

    assert (desk.entry.stop, desk.entry.target_1, desk.entry.target_2) == tuple(
        on_tick(x / 7, up=long if k == 0 else not long) for k, x in enumerate(levels)
    )


def test_a_reverse_split_pays_the_fraction_at_the_scaled_mark() -> None:
    desk = holding(15)
    cash = desk.state.cash_micro
    done = desk.open(NEXT, Action(0, 0, "split", 0.1, 0))

    assert desk.entry.held == 1
    assert desk.state.cash_micro - cash == 500 * MICRO
    assert [(a.quantity_before, a.quantity_after, a.cash_micro) for a in done] == [
        (15, 1, 500 * MICRO)
    ]
    assert desk.entry.average_price == pytest.approx(1000.0)


def test_a_position_that_a_split_makes_less_than_a_share_is_paid_out() -> None:
    desk = holding(3)
    desk.open(NEXT, Action(0, 0, "split", 0.1, 0))

    assert desk.flat
    assert desk.working == []
    assert desk.state.cash_micro == 100_000 * MICRO


def test_a_split_keeps_the_trailing_stop_in_its_place() -> None:
    desk = holding(100, trailing=True)
    assert desk.entry.trail == 102.96
    split(desk, 2.0)

    assert desk.entry.trail == 51.48
    assert desk.entry.extreme == 52.0
    assert desk.working == [("target_2", 1, 100, 53.0), ("trailing_stop", 1, 100, 51.48)]


def test_after_a_split_the_rest_of_target_1_still_starts_the_trailing_stop() -> None:
    desk = holding(100, part=20)
    split(desk, 2.0)
    desk.look(at("09:30", NEXT))
    desk.trade(("09:30", 50.5, 52, 50.4, 51.8, 1e6))

    assert [row[0] for row in desk.working] == ["target_2", "trailing_stop"]


def test_a_split_cancels_a_working_entry_and_sends_nothing() -> None:
    desk = Desk(FREE)
    desk.enter("19:55", shares=100)
    sent = len(desk.orders)
    split(desk, 2.0)

    assert desk.flat
    assert desk.working == []
    assert len(desk.orders) == sent


def test_a_partly_filled_entry_is_cancelled_and_what_it_holds_is_scaled() -> None:
    desk = Desk(FREE)
    desk.enter("19:55", shares=100)
    desk.trade(("19:55", 100, 100, 100, 100, 300))
    split(desk, 2.0)

    assert not desk.entry.works
    assert desk.entry.held == 60


def test_orders_after_a_split_name_those_they_replace() -> None:
    desk = holding(100)
    before = {o.order_id for o in desk.entry.orders}
    split(desk, 2.0)

    assert {o.replaces_id for o in desk.entry.orders} == before
    assert before <= set(desk.cancels)


def test_a_split_of_another_symbol_changes_nothing() -> None:
    desk = holding()
    after, *rest = apply_actions(desk.state, (Action(1, 0, "split", 2.0, 0),), session_of(NEXT))

    assert after is desk.state
    assert rest == [(), (), ()]


def test_a_split_mark_stays_until_a_bar_of_the_new_day() -> None:
    desk = holding(1000)
    before = desk.state.equity_micro
    desk.open(NEXT, Action(0, 0, "split", 0.1, at("12:00", NEXT)))
    desk.look(at("04:00", NEXT))

    assert desk.state.equity_micro == before
    assert not desk.state.lost_today


@given(
    shares=st.integers(1, 180),
    ratio=st.sampled_from((7.0, 2.0, 1.5, 3.0, 0.5, 0.1, 0.05, 1 / 3)),
    side=st.sampled_from((1, -1)),
)
def test_any_split_leaves_every_share_protected(shares: int, ratio: float, side: int) -> None:
    desk = holding(shares, side)
    split(desk, ratio)
    desk.look(at("09:30", NEXT))
    stops = sum(n for role, _, n, _ in desk.working if role == "stop")

    assert stops == sum(e.held for e in desk.state.entries)


# Dividends


@SIDES
def test_a_long_earns_the_dividend_and_a_short_pays_it(side: int) -> None:
    desk = holding(100, side)
    cash = desk.state.cash_micro
    done = desk.open(NEXT, Action(0, 0, "dividend", 0.47, 0))

    assert desk.state.cash_micro - cash == side * 47 * MICRO
    assert [(a.kind, a.cash_micro, a.quantity_after) for a in done] == [
        ("dividend", side * 47 * MICRO, side * 100)
    ]
    assert desk.state.marks == ((0, 100.0),)


def test_a_working_entry_earns_no_dividend() -> None:
    desk = Desk(FREE)
    desk.enter("19:55", shares=100)
    done = desk.open(NEXT, Action(0, 0, "dividend", 0.47, 0))

    assert done == ()
    assert desk.state.cash_micro == 100_000 * MICRO


def test_a_split_and_a_dividend_of_one_day_both_count_in_the_order_given() -> None:
    desk = holding(100)
    cash = desk.state.cash_micro
    desk.open(NEXT, Action(0, 0, "split", 2.0, 0), Action(0, 0, "dividend", 0.5, 0))

    assert desk.state.cash_micro - cash == 100 * MICRO


def test_a_trailing_stop_filled_in_part_marks_the_symbol_as_stopped_out() -> None:
    desk = holding(100, trailing=True)
    desk.trade(("10:10", 102, 102, 102, 102, 100))

    assert [f.quantity for f in desk.fills][-1] == 10
    assert desk.orders[desk.fills[-1].order_id].role is Role.TRAILING_STOP
    assert desk.state.stopped_today == (0,)
