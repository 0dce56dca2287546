"""The fill model, branch by branch, for a long and mirrored around 100 USD for a short."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from builders import DAILY, DAY, FIVE, SPEC, at, bar, clock

from catalyst.strategy.decisions import Fill, Order
from catalyst.strategy.exchange import Bar, Book
from catalyst.strategy.params import ExecutionParams
from catalyst.strategy.reasons import Kind, Role, Side

NAN = math.nan
FREE = SPEC.replace(slippage_bps=0, impact_bps=0).execution
PRICED = SPEC.execution
PLENTY = 1e6
SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@dataclass
class Floor:
    """A book, and bars that pass through it; prices of a short are mirrored around 100."""

    side: int
    params: ExecutionParams = FREE
    book: Book = field(default_factory=Book)
    minute: int = 0

    def price(self, usd: float) -> float:
        return usd if self.side > 0 else round(200.0 - usd, 6)

    def send(self, *orders: Order) -> None:
        self.book = self.book.changed((), orders)

    def order(
        self,
        name: str,
        role: Role,
        kind: Kind,
        quantity: int,
        price: float = NAN,
        **changes: Any,  # noqa: ANN401 - one keyword a field
    ) -> Order:
        entering = role is Role.ENTRY
        made = Order(
            name,
            "entry",
            "signal",
            0,
            Side(self.side if entering else -self.side),
            role,
            kind,
            quantity,
            self.price(price) if kind is Kind.LIMIT else NAN,
            self.price(price) if kind is Kind.STOP else NAN,
            0,
            extended=False,
            submitted_ns=at("10:00"),
        )
        return replace(made, **changes)

    def bracket(self, leg: int = 0, shares: int = 50, *, limit: float = 100.5) -> None:
        name = f"entry {leg}"
        self.send(
            self.order(name, Role.ENTRY, Kind.LIMIT, shares, limit, leg=leg),
            self.order(f"stop {leg}", Role.STOP, Kind.STOP, shares, 98.0, leg=leg, parent_id=name),
            self.order(
                f"target {leg}",
                (Role.TARGET_1, Role.TARGET_2)[leg],
                Kind.LIMIT,
                shares,
                103.0 + 3 * leg,
                leg=leg,
                parent_id=name,
                extended=True,
            ),
        )

    def protect(self, leg: int = 0, shares: int = 50) -> None:
        self.send(
            self.order(f"stop {leg}", Role.STOP, Kind.STOP, shares, 98.0, leg=leg),
            self.order(
                f"target {leg}",
                (Role.TARGET_1, Role.TARGET_2)[leg],
                Kind.LIMIT,
                shares,
                103.0 + 3 * leg,
                leg=leg,
                extended=True,
            ),
        )

    def passes(
        self,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float = PLENTY,
        *,
        start: str = "",
    ) -> list[tuple[str, int, float, str]]:
        """Let a bar pass; give order, shares, price (as a long sees it) and clock of the fills."""
        if not start:
            start = f"10:{self.minute:02d}"
            self.minute += 5
        prices = [self.price(p) for p in (open_, high, low, close)]
        if self.side < 0:
            prices[1], prices[2] = prices[2], prices[1]
        made = bar((start, prices[0], prices[1], prices[2], prices[3], volume), FIVE)
        return self.meet(made)

    def meet(self, made: Bar) -> list[tuple[str, int, float, str]]:
        self.book, fills = self.book.match(0, made, self.params)
        return [(f.order_id, f.quantity, self.price(f.price), clock(f.filled_ns)) for f in fills]

    @property
    def left(self) -> dict[str, int]:
        return {w.order.order_id: w.left for w in self.book.working.get(0, ()) if w.live and w.left}


# Entries


@SIDES
def test_an_entry_fills_at_the_open_where_that_is_better_than_its_limit(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(100.2, 100.9, 100.0, 100.4) == [("entry 0", 50, 100.2, "10:00")]


@SIDES
def test_an_entry_fills_at_its_limit_inside_the_bar_once_traded_through(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(101, 101.2, 100.4, 100.9) == [("entry 0", 50, 100.5, "10:05")]


@SIDES
def test_a_limit_that_is_only_touched_does_not_fill(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(101, 101.2, 100.5, 100.9) == []


@SIDES
def test_an_open_at_the_limit_fills_inside_the_bar_if_the_bar_trades_through(side: int) -> None:
    floor = Floor(side, PRICED)
    floor.bracket()

    assert floor.passes(100.5, 101, 100.4, 100.9) == [("entry 0", 50, 100.5, "10:05")]


@SIDES
def test_an_entry_at_the_open_pays_slippage(side: int) -> None:
    floor = Floor(side, PRICED)
    floor.bracket()
    got = floor.passes(100.0, 100.9, 99.9, 100.4, 1e4)
    bps = 2 + 10 * math.sqrt(50 / 1e4)
    paid = math.ceil(100.0 * (1 + side * bps / 1e4) * 1e4 * side) / 1e4 * side

    assert got[0][2] == pytest.approx(paid if side > 0 else 200 - paid, abs=1e-9)


@SIDES
def test_slippage_of_an_entry_ends_at_its_limit(side: int) -> None:
    floor = Floor(side, SPEC.replace(slippage_bps=500).execution)
    floor.bracket()

    assert floor.passes(100.2, 100.9, 100.0, 100.4) == [("entry 0", 50, 100.5, "10:00")]


@SIDES
def test_a_market_that_runs_away_leaves_the_entry_unfilled(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(101, 102, 100.6, 101.5) == []
    assert floor.left == {"entry 0": 50}


def test_an_order_does_not_meet_a_bar_that_opened_before_it_was_sent() -> None:
    floor = Floor(1)
    floor.send(floor.order("late", Role.ENTRY, Kind.LIMIT, 50, 100.5, submitted_ns=at("10:01")))

    assert floor.passes(100, 101, 99, 100) == []
    assert floor.passes(100, 101, 99, 100) == [("late", 50, 100.0, "10:05")]


@SIDES
def test_an_entry_takes_a_tenth_of_the_volume_and_the_rest_waits(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(100, 100.2, 99.9, 100, 209) == [("entry 0", 20, 100.0, "10:00")]
    assert floor.passes(100, 100.2, 99.9, 100, 100) == [("entry 0", 10, 100.0, "10:05")]
    assert floor.left == {"entry 0": 20, "stop 0": 30, "target 0": 30}
    assert floor.passes(100, 100.2, 99.9, 100) == [("entry 0", 20, 100.0, "10:10")]
    assert floor.left == {"stop 0": 50, "target 0": 50}


def test_both_brackets_share_the_volume_of_a_bar_the_first_served_first() -> None:
    floor = Floor(1)
    floor.bracket(0)
    floor.bracket(1)

    assert floor.passes(100, 100.2, 99.9, 100, 700) == [
        ("entry 0", 50, 100.0, "10:00"),
        ("entry 1", 20, 100.0, "10:00"),
    ]


@pytest.mark.parametrize("volume", [0.0, 9.0])
def test_a_bar_with_less_than_ten_shares_fills_nothing(volume: float) -> None:
    floor = Floor(1)
    floor.bracket()

    assert floor.passes(100, 100.2, 99.9, 100, volume) == []


def test_a_halted_symbol_fills_nothing_and_its_orders_stay() -> None:
    floor = Floor(1)
    floor.bracket()
    book, fills = floor.book.match(1, bar(("10:00", 100, 101, 99, 100, PLENTY)), FREE)

    assert fills == ()
    assert book is floor.book


# The bar of entry


@SIDES
def test_an_entry_at_the_open_may_be_stopped_in_the_same_bar(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(100, 100.2, 97.9, 98.5) == [
        ("entry 0", 50, 100.0, "10:00"),
        ("stop 0", 50, 98.0, "10:05"),
    ]
    assert floor.left == {}


@SIDES
def test_an_entry_at_the_open_may_reach_its_target_in_the_same_bar(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(100, 103.1, 99.5, 102) == [
        ("entry 0", 50, 100.0, "10:00"),
        ("target 0", 50, 103.0, "10:05"),
    ]
    assert floor.left == {}


@SIDES
def test_both_halves_are_bought_before_either_is_stopped_in_the_bar_of_entry(side: int) -> None:
    floor = Floor(side)
    floor.bracket(0)
    floor.bracket(1)

    assert floor.passes(100, 100.2, 97, 97.5) == [
        ("entry 0", 50, 100.0, "10:00"),
        ("entry 1", 50, 100.0, "10:00"),
        ("stop 0", 50, 98.0, "10:05"),
        ("stop 1", 50, 98.0, "10:05"),
    ]
    assert floor.left == {}


@SIDES
def test_in_the_bar_of_entry_too_the_stop_is_first(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(100, 104, 97, 102)[1] == ("stop 0", 50, 98.0, "10:05")


@SIDES
def test_an_entry_inside_the_bar_meets_its_stop_only(side: int) -> None:
    floor = Floor(side)
    floor.bracket()
    stopped = Floor(side)
    stopped.bracket()

    assert floor.passes(101, 104, 100.4, 103.5) == [("entry 0", 50, 100.5, "10:05")]
    assert stopped.passes(101, 104, 97, 103.5) == [
        ("entry 0", 50, 100.5, "10:05"),
        ("stop 0", 50, 98.0, "10:05"),
    ]


@SIDES
def test_an_open_beyond_the_stop_fills_and_is_stopped_at_once(side: int) -> None:
    floor = Floor(side)
    floor.bracket()

    assert floor.passes(97, 99, 96.5, 98.5) == [
        ("entry 0", 50, 97.0, "10:00"),
        ("stop 0", 50, 97.0, "10:00"),
    ]


@SIDES
def test_protection_covers_what_has_filled_and_no_more(side: int) -> None:
    floor = Floor(side)
    floor.bracket()
    floor.passes(100, 100.2, 99.9, 100, 200)

    assert floor.passes(97.5, 97.6, 97, 97.2)[0] == ("stop 0", 20, 97.5, "10:05")


@SIDES
def test_nothing_is_bought_in_the_bar_in_which_a_stop_was_triggered(side: int) -> None:
    floor = Floor(side)
    floor.bracket()
    floor.passes(100, 100.2, 99.9, 100, 200)
    sold = floor.passes(99, 99.5, 97, 99)

    assert sold == [("stop 0", 20, 98.0, "10:10")]


# Exits


@SIDES
@pytest.mark.parametrize(
    ("prices", "price", "when"),
    [
        ((100, 100.5, 98.0, 98.2), 98.0, "10:05"),  # touched
        ((97, 99, 96, 98), 97.0, "10:00"),  # gap
        ((98.0, 99, 97.5, 98), 98.0, "10:00"),  # open at the stop
    ],
)
def test_a_stop_fills_at_the_worse_of_stop_and_open(
    side: int, prices: tuple[float, float, float, float], price: float, when: str
) -> None:
    floor = Floor(side)
    floor.protect()

    assert floor.passes(*prices) == [("stop 0", 50, price, when)]
    assert floor.left == {}


@SIDES
def test_a_stop_that_is_not_touched_stays(side: int) -> None:
    floor = Floor(side)
    floor.protect()

    assert floor.passes(100, 101, 98.01, 99) == []
    assert floor.left == {"stop 0": 50, "target 0": 50}


@SIDES
def test_a_stop_pays_slippage_beyond_its_level(side: int) -> None:
    floor = Floor(side, PRICED)
    floor.protect()
    got = floor.passes(100, 100.5, 97, 98.2, 1e4)
    level = 98.0 if side > 0 else 102.0
    exact = level * (1 - side * (2 + 10 * math.sqrt(50 / 1e4)) / 1e4)
    tick = math.floor(exact * 1e4) / 1e4 if side > 0 else math.ceil(exact * 1e4) / 1e4

    assert got[0][2] == pytest.approx(floor.price(tick), abs=1e-9)
    assert got[0][2] < 98.0


@SIDES
@pytest.mark.parametrize(
    ("prices", "price", "when"),
    [
        ((100, 103.01, 99, 102), 103.0, "10:05"),  # traded through
        ((104, 105, 103.5, 104), 104.0, "10:00"),  # gap beyond it
    ],
)
def test_a_target_fills_at_the_better_of_limit_and_open_without_slippage(
    side: int, prices: tuple[float, float, float, float], price: float, when: str
) -> None:
    floor = Floor(side, PRICED)
    floor.protect()

    assert floor.passes(*prices) == [("target 0", 50, price, when)]
    assert floor.left == {}


@SIDES
def test_a_target_that_is_only_touched_does_not_fill(side: int) -> None:
    floor = Floor(side)
    floor.protect()

    assert floor.passes(100, 103.0, 99, 102) == []


@SIDES
def test_a_bar_that_reaches_stop_and_target_is_stopped(side: int) -> None:
    floor = Floor(side)
    floor.protect()

    assert floor.passes(100, 104, 97, 103) == [("stop 0", 50, 98.0, "10:05")]


@SIDES
def test_a_gap_beyond_the_target_that_then_reaches_the_stop_is_stopped(side: int) -> None:
    floor = Floor(side)
    floor.protect()

    assert floor.passes(104, 105, 97, 98)[0][0] == "stop 0"


@SIDES
def test_both_halves_are_stopped_together_and_each_pays_for_its_own_quantity(side: int) -> None:
    floor = Floor(side, PRICED)
    floor.protect(0, 90)
    floor.protect(1, 30)
    got = floor.passes(100, 100.5, 97, 98.2, 1e4)

    assert [row[:2] for row in got] == [("stop 0", 90), ("stop 1", 30)]
    assert got[0][2] < got[1][2] < 98.0


@SIDES
def test_the_target_of_one_half_leaves_the_other_half_alone(side: int) -> None:
    floor = Floor(side)
    floor.protect(0)
    floor.protect(1)
    floor.passes(100, 104, 99, 103)

    assert floor.left == {"stop 1": 50, "target 1": 50}


@SIDES
def test_what_a_target_fills_leaves_the_stop(side: int) -> None:
    floor = Floor(side)
    floor.protect()
    floor.passes(100, 104, 99, 103, 300)

    assert floor.left == {"stop 0": 20, "target 0": 20}
    assert floor.passes(97, 98, 96, 97) == [("stop 0", 20, 97.0, "10:05")]


@SIDES
def test_the_rest_of_a_triggered_stop_is_a_market_order(side: int) -> None:
    floor = Floor(side)
    floor.protect()

    assert floor.passes(100, 100.5, 97, 100, 200) == [("stop 0", 20, 98.0, "10:05")]
    assert floor.left == {"stop 0": 30}
    assert floor.passes(105, 106, 104.5, 105, 100) == [("stop 0", 10, 105.0, "10:05")]
    assert floor.passes(104, 106, 103.5, 105) == [("stop 0", 20, 104.0, "10:10")]
    assert floor.left == {}


@SIDES
def test_the_rest_of_a_triggered_stop_waits_for_regular_hours(side: int) -> None:
    floor = Floor(side)
    floor.protect()
    floor.passes(100, 100.5, 97, 100, 200, start="15:55")

    assert floor.passes(99, 99.5, 98.5, 99, start="16:00") == []
    assert floor.left == {"stop 0": 30}


@SIDES
def test_exits_come_before_entries_in_the_volume_of_a_bar(side: int) -> None:
    floor = Floor(side)
    floor.bracket()
    floor.passes(100, 100.2, 99.9, 100, 200)

    assert floor.passes(100, 104, 99.9, 103, 300) == [
        ("target 0", 20, 103.0, "10:10"),
        ("entry 0", 10, 100.0, "10:05"),
    ]


@SIDES
def test_a_market_order_fills_at_the_open_with_slippage(side: int) -> None:
    floor = Floor(side, PRICED)
    floor.send(floor.order("leave", Role.TIME_STOP, Kind.MARKET, 100, leg=-1))
    got = floor.passes(100, 101, 99, 100.5, 1e4)
    exact = 100 * (1 - side * (2 + 10 * math.sqrt(100 / 1e4)) / 1e4)
    tick = math.floor(exact * 1e4) / 1e4 if side > 0 else math.ceil(exact * 1e4) / 1e4

    assert got == [("leave", 100, floor.price(tick), "10:00")]


def test_the_rest_of_a_market_order_fills_at_the_next_open() -> None:
    floor = Floor(1)
    floor.send(floor.order("leave", Role.FLATTEN, Kind.MARKET, 100, leg=-1))

    assert floor.passes(100, 101, 99, 100.5, 700) == [("leave", 70, 100.0, "10:00")]
    assert floor.passes(99, 101, 98, 100.5) == [("leave", 30, 99.0, "10:05")]


@pytest.mark.parametrize("start", ["09:25", "16:00"])
def test_a_market_order_and_a_stop_do_not_fill_outside_regular_hours(start: str) -> None:
    floor = Floor(1)
    floor.send(
        floor.order("leave", Role.FLATTEN, Kind.MARKET, 100, leg=-1, submitted_ns=0),
        floor.order("stop", Role.STOP, Kind.STOP, 100, 98.0, leg=1, submitted_ns=0),
    )

    assert floor.passes(97, 97, 96, 96.5, start=start) == []


@pytest.mark.parametrize("start", ["09:25", "16:00"])
def test_outside_regular_hours_only_extended_limits_fill(start: str) -> None:
    floor = Floor(1)
    floor.send(
        floor.order("bracket", Role.ENTRY, Kind.LIMIT, 10, 100.5, submitted_ns=0),
        floor.order(
            "plain", Role.ENTRY, Kind.LIMIT, 10, 100.5, submitted_ns=0, leg=-1, extended=True
        ),
    )

    assert [row[0] for row in floor.passes(100, 101, 99, 100, start=start)] == ["plain"]


def test_a_target_works_outside_regular_hours() -> None:
    floor = Floor(1)
    floor.protect()

    assert floor.passes(104, 105, 103.5, 104, start="16:00") == [("target 0", 50, 104.0, "16:00")]


def test_a_daily_bar_fills_at_the_sessions_open_or_by_its_close() -> None:
    floor = Floor(1)
    floor.send(
        floor.order(
            "entry", Role.ENTRY, Kind.LIMIT, 10, 101.0, submitted_ns=at("16:00", "2015-03-02")
        )
    )
    made = bar(("", 100, 102, 99, 101, PLENTY), DAILY, day=DAY)

    assert floor.meet(made) == [("entry", 10, 100.0, "09:30")]


# The book


def test_a_cancelled_order_fills_nothing_and_a_symbol_without_orders_leaves_the_book() -> None:
    floor = Floor(1)
    floor.protect()
    floor.book = floor.book.changed(("stop 0",), ())

    assert floor.passes(97, 98, 96, 97) == []
    assert floor.book.changed(("target 0",), ()).working == {}


def test_an_order_that_replaces_another_takes_its_place_in_one_change() -> None:
    floor = Floor(1)
    floor.protect()
    higher = floor.order(
        "higher", Role.TRAILING_STOP, Kind.STOP, 50, 99.0, submitted_ns=at("10:00")
    )
    floor.book = floor.book.changed(("stop 0",), (higher,))

    assert floor.passes(99.5, 100, 98.5, 99) == [("higher", 50, 99.0, "10:05")]
    assert floor.left == {}


def test_matching_changes_no_book_in_place() -> None:
    floor = Floor(1)
    floor.bracket()
    before = floor.book
    rows = before.working[0]
    floor.passes(100, 104, 97, 103)

    assert before.working == {0: rows}
    assert floor.book is not before


def test_fees_are_paid_on_sales_only_and_rounded_up_to_a_micro_dollar() -> None:
    params = SPEC.replace(
        sec_fee_rate=0.0000278, taf_fee_usd=0.000166, slippage_bps=0, impact_bps=0
    ).execution
    floor = Floor(1, params)
    floor.send(floor.order("entry", Role.ENTRY, Kind.LIMIT, 33, 101.0))
    floor.send(
        floor.order("leave", Role.FLATTEN, Kind.MARKET, 33, leg=-1, submitted_ns=at("10:05"))
    )
    fills: list[Fill] = []
    for row in (("10:00", 100, 101, 99, 100, PLENTY), ("10:05", 100, 101, 99, 100, PLENTY)):
        floor.book, new = floor.book.match(0, bar(row), params)
        fills += new

    assert [f.fee_micro for f in fills] == [0, math.ceil(3300 * 27.8 + 33 * 166)]


def test_incident_02_a_side_is_one_of_two_values_and_anything_else_is_an_error() -> None:
    assert [Side.BUY, Side.SELL] == [1, -1]
    unknowns: list[Any] = ["long", "buy", 0, 2, None]
    for unknown in unknowns:
        with pytest.raises(ValueError, match="is not a valid Side"):
            Side(unknown)
