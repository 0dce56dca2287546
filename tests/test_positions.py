"""Positions from entry to flat, traded by hand: protection, watching, trailing, leaving."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from builders import DAILY, DAY, GRIDS, SPEC, Desk, Row, at, bar, clock, news, session_of, view

from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.positions import look
from catalyst.strategy.reasons import Kind, Role

FREE = SPEC.replace(slippage_bps=0, impact_bps=0, allow_short=True)
SWING = FREE.replace(flatten_at_close=False, time_stop_hours=200)
PLENTY = 1e6
SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
HELD = (
    ("stop", 0, 50, 98.0),
    ("stop", 1, 50, 98.0),
    ("target_1", 0, 50, 103.0),
    ("target_2", 1, 50, 106.0),
)


class Mirror(Desk):
    """A desk whose prices are mirrored around 100 USD for a short, so that one story tells both."""

    def __init__(
        self, side: int, params: Params = FREE, name: str = "5m", *, day: str = DAY
    ) -> None:
        super().__init__(params, GRIDS[name], day=day)
        self.side = side

    def mirrored(self, price: float) -> float:
        return price if self.side > 0 else round(200.0 - price, 6)

    def start(self, asof: str, shares: int = 100) -> None:
        self.enter(asof, shares=shares, side=self.side)

    def passes(self, *rows: Row) -> list[tuple[str, int, float, str]]:
        if self.side < 0:
            flipped = [self.mirrored(p) for row in rows for p in row[1:5]]
            rows = tuple(
                (
                    row[0],
                    flipped[4 * k],
                    flipped[4 * k + 2],
                    flipped[4 * k + 1],
                    flipped[4 * k + 3],
                    row[5],
                )
                for k, row in enumerate(rows)
            )
        return self.story(self.told(self.trade(*rows)))

    def story(self, told: list[tuple[str, int, float, str]]) -> list[tuple[str, int, float, str]]:
        return [(role, self.side * n, self.mirrored(price), when) for role, n, price, when in told]

    @property
    def works(self) -> list[tuple[str, int, int, float]]:
        return sorted(
            (role, leg, n, p if math.isnan(p) else self.mirrored(p))
            for role, leg, n, p in self.working
        )

    def hold(self, shares: int = 100) -> None:
        """Enter at 10:00 and fill whole at 100."""
        self.start("10:00", shares)
        self.passes(("10:00", 100, 100.2, 99.8, 100, PLENTY))
        assert self.entry.held == shares


def flat(clock_: str, price: float = 100.0, volume: float = PLENTY) -> Row:
    return (clock_, price, price, price, price, volume)


# The life of an entry


@SIDES
def test_an_entry_is_two_brackets_of_half_size_the_odd_share_in_the_first(side: int) -> None:
    desk = Mirror(side)
    desk.start("10:00", 101)

    assert desk.works == [("entry", 0, 51, 100.5), ("entry", 1, 50, 100.5)]
    sleeping = [(o.role.label, o.leg, o.quantity) for o in desk.entry.orders if o.parent_id]
    assert sleeping == [("stop", 0, 51), ("target_1", 0, 51), ("stop", 1, 50), ("target_2", 1, 50)]


def test_one_share_is_one_bracket_at_target_2() -> None:
    desk = Mirror(1)
    desk.start("10:00", 1)
    desk.passes(flat("10:00"))

    assert desk.works == [("stop", 1, 1, 98.0), ("target_2", 1, 1, 106.0)]


@SIDES
def test_an_entry_lives_for_three_bars(side: int) -> None:
    desk = Mirror(side)
    desk.start("10:00")
    away = [("10:00", 101, 102, 100.6, 101, PLENTY), ("10:05", 101, 102, 100.6, 101, PLENTY)]
    desk.passes(*away)
    assert [row[:2] for row in desk.works] == [("entry", 0), ("entry", 1)]
    desk.passes(("10:10", 101, 102, 100.6, 101, PLENTY))

    assert desk.flat
    assert desk.works == []


def test_an_entry_may_still_fill_in_its_third_bar() -> None:
    desk = Mirror(1)
    desk.start("10:00")
    desk.passes(flat("10:00", 101), flat("10:05", 101))

    assert [row[0] for row in desk.passes(flat("10:10"))] == ["entry", "entry"]


def test_an_entry_before_the_open_works_on_for_its_three_bars_across_it() -> None:
    desk = Mirror(1)
    desk.start("09:25")
    desk.passes(flat("09:25", 101), flat("09:30", 101))

    assert desk.works == [("entry", -1, 100, 100.1)]
    assert [row[:2] for row in desk.passes(flat("09:35"))] == [("entry", 100)]
    assert tuple(desk.works) == HELD


def test_an_entry_of_regular_hours_ends_at_the_close() -> None:
    desk = Mirror(1, SWING)
    desk.start("15:55")
    desk.passes(flat("15:55", 101))

    assert desk.flat


def test_a_daily_entry_lives_for_one_session_whether_or_not_it_traded() -> None:
    desk = Mirror(1, FREE, "1d")
    desk.enter(desk.session.close_ns, shares=100)
    desk.open("2015-03-04")
    desk.look(desk.session.close_ns)

    assert desk.flat
    assert desk.works == []


def test_a_partly_filled_entry_keeps_what_it_has_when_the_rest_expires() -> None:
    desk = Mirror(1)
    desk.start("10:00")
    desk.passes(flat("10:00", 100, 300), flat("10:05", 101), flat("10:10", 101))

    assert not desk.entry.works
    assert desk.entry.held == 30
    assert desk.works == [("stop", 0, 30, 98.0), ("target_1", 0, 30, 103.0)]


@SIDES
def test_any_exit_cancels_the_rest_of_the_entry(side: int) -> None:
    desk = Mirror(side)
    desk.start("10:00")
    desk.passes(flat("10:00", 100, 300))
    desk.passes(("10:05", 100.6, 103.5, 100.6, 103, PLENTY))

    assert desk.flat
    assert desk.works == []


# Stops, targets and the trailing stop


@SIDES
def test_a_stop_ends_both_halves(side: int) -> None:
    desk = Mirror(side)
    desk.hold()

    assert desk.passes(("10:05", 99, 99.5, 97, 98, PLENTY)) == [
        ("stop", -50, 98.0, "10:10"),
        ("stop", -50, 98.0, "10:10"),
    ]
    assert desk.flat
    assert desk.state.stopped_today == (0,)


@SIDES
def test_after_target_1_the_second_half_trails_one_percent_below_the_high(side: int) -> None:
    desk = Mirror(side)
    desk.hold()
    desk.passes(("10:05", 101, 104, 100.9, 103.5, PLENTY))
    level = 102.96 if side > 0 else 200 - 96.96

    assert desk.works == [
        ("target_2", 1, 50, 106.0),
        ("trailing_stop", 1, 50, pytest.approx(level)),
    ]


@SIDES
def test_the_trailing_stop_uses_highs_of_earlier_bars_only(side: int) -> None:
    desk = Mirror(side)
    desk.hold()
    desk.passes(("10:05", 101, 103.5, 100.9, 103.2, PLENTY))

    assert desk.passes(("10:10", 103.2, 105.5, 104.3 - 1.7, 105, PLENTY)) == []
    assert desk.entry.held == 50


@SIDES
def test_the_trailing_stop_never_comes_back(side: int) -> None:
    desk = Mirror(side)
    desk.hold()
    desk.passes(("10:05", 101, 105, 100.9, 104.8, PLENTY))
    high = desk.entry.trail
    desk.passes(("10:10", 104.6, 104.8, 104.2, 104.5, PLENTY))

    assert desk.entry.trail == high


@SIDES
def test_the_trailing_stop_is_never_below_the_first_stop(side: int) -> None:
    desk = Mirror(side, FREE.replace(trail_frac=0.2))
    desk.hold()
    desk.passes(("10:05", 101, 104, 100.9, 103.5, PLENTY))

    assert desk.works == [("target_2", 1, 50, 106.0), ("trailing_stop", 1, 50, 98.0)]


@SIDES
def test_a_trailing_stop_counts_as_stopped_out(side: int) -> None:
    desk = Mirror(side)
    desk.hold()
    desk.passes(("10:05", 101, 104, 100.9, 103.5, PLENTY))
    sold = desk.passes(("10:10", 103, 103.2, 102, 102.5, PLENTY))

    assert [row[0] for row in sold] == ["trailing_stop"]
    assert desk.state.stopped_today == (0,)
    assert desk.flat


def test_a_target_1_that_filled_in_part_starts_no_trailing_stop() -> None:
    desk = Mirror(1)
    desk.hold()
    desk.passes(("10:05", 101, 104, 100.9, 103.5, 200))

    assert math.isnan(desk.entry.trail)
    assert desk.works == [
        ("stop", 0, 30, 98.0),
        ("stop", 1, 50, 98.0),
        ("target_1", 0, 30, 103.0),
        ("target_2", 1, 50, 106.0),
    ]


@SIDES
def test_both_targets_may_fill_in_one_bar(side: int) -> None:
    desk = Mirror(side)
    desk.hold()
    got = desk.passes(("10:05", 101, 107, 100.9, 106.5, PLENTY))

    assert got == [("target_1", -50, 103.0, "10:10"), ("target_2", -50, 106.0, "10:10")]
    assert desk.flat


def test_the_high_of_the_bar_of_entry_counts_if_the_entry_was_at_its_open_only() -> None:
    at_open, inside = Mirror(1), Mirror(1)
    for desk in (at_open, inside):
        desk.start("10:00")
    at_open.passes(("10:00", 100, 102, 99.8, 100.2, PLENTY))
    inside.passes(("10:00", 101, 102, 100.2, 100.4, PLENTY))

    assert at_open.entry.extreme == 102
    assert math.isnan(inside.entry.extreme)


# Time, news, flatten


@SIDES
def test_the_time_stop_leaves_after_two_hours_without_gain(side: int) -> None:
    desk = Mirror(side)
    desk.hold()
    desk.passes(flat("11:50"))
    assert tuple(desk.works) == HELD
    desk.passes(flat("11:55"))

    assert desk.entry.exiting is Role.TIME_STOP
    assert desk.passes(flat("12:00")) == [("time_stop", -100, 100.0, "12:00")]


@SIDES
def test_the_time_stop_spares_a_position_that_gains(side: int) -> None:
    desk = Mirror(side)
    desk.hold()
    desk.passes(flat("11:55", 100.01), flat("12:30", 100.01))
    assert tuple(desk.works) == HELD
    desk.passes(flat("12:35", 99.9))

    assert desk.entry.exiting is Role.TIME_STOP


def test_the_time_stop_needs_a_new_bar() -> None:
    desk = Mirror(1)
    desk.hold()
    desk.look("12:05")

    assert desk.entry.exiting is None


def test_incident_17_the_time_stop_is_a_parameter() -> None:
    desk = Mirror(1, FREE.replace(time_stop_hours=0.5))
    desk.hold()
    desk.passes(flat("10:25"))

    assert desk.entry.exiting is Role.TIME_STOP


def test_with_daily_bars_the_time_stop_comes_with_the_second_bar() -> None:
    desk = Mirror(1, FREE, "1d")
    desk.enter(desk.session.close_ns, shares=100)
    for day, exiting in (("2015-03-04", None), ("2015-03-05", Role.TIME_STOP)):
        desk.open(day)
        desk.passes(flat(""))
        assert desk.entry.exiting is exiting
    desk.open("2015-03-06")

    assert desk.passes(flat("", 99)) == [("time_stop", -100, 99.0, "09:30")]


NEWS: list[tuple[str, dict[str, Any], bool]] = [
    ("against", {}, True),
    ("with the position", {"sentiment": 0.5}, False),
    ("neutral", {"sentiment": -0.1}, False),
    ("weak", {"tier": 5}, False),
    ("of another symbol", {"symbol": 1}, False),
    ("known at the decision", {"published_ns": at("09:59"), "known_ns": at("10:00")}, False),
    ("published before, known after", {"published_ns": at("09:59"), "known_ns": at("10:06")}, True),
    (
        "a correction of what was known",
        {"known_ns": at("10:06"), "first_known_ns": at("09:59")},
        False,
    ),
]


@SIDES
@pytest.mark.parametrize(("told", "article", "reverses"), NEWS, ids=[row[0] for row in NEWS])
def test_a_news_reversal_is_news_first_known_after_the_decision_against_the_position(
    side: int, told: str, article: dict[str, Any], reverses: int
) -> None:
    desk = Mirror(side)
    desk.hold()
    row = {"published_ns": at("10:06"), "sentiment": -0.5} | article
    row["sentiment"] *= side
    desk.news = news(row)
    desk.passes(flat("10:05"))

    assert desk.entry.exiting is (Role.NEWS_REVERSAL if reverses else None)


def test_articles_reverse_all_together() -> None:
    desk = Mirror(1)
    desk.hold()
    weak = {"tier": 4, "sentiment": -0.5}
    desk.news = news(*[weak | {"published_ns": at("10:05") + k} for k in range(2)])
    desk.passes(flat("10:05"))

    assert desk.entry.exiting is Role.NEWS_REVERSAL


def test_news_reverse_without_a_bar() -> None:
    desk = Mirror(1)
    desk.hold()
    desk.news = news({"published_ns": at("10:06"), "sentiment": -0.5})
    desk.look("10:10")

    assert desk.entry.exiting is Role.NEWS_REVERSAL


@pytest.mark.parametrize(
    ("name", "entered", "last", "filled"),
    [
        ("1m", "14:30", "15:54", "15:55"),
        ("5m", "14:30", "15:50", "15:55"),
        ("15m", "14:30", "15:30", "15:45"),
        ("1h", "13:00", "14:00", "15:00"),
        ("1h from the open", "13:30", "14:30", "15:30"),
    ],
)
@SIDES
def test_every_position_is_flat_at_the_close(
    side: int, name: str, entered: str, last: str, filled: str
) -> None:
    desk = Mirror(side, FREE, name)
    desk.start(entered)
    desk.passes(flat(entered, 100))
    desk.passes(flat(last, 101))
    assert desk.entry.exiting is Role.FLATTEN
    if name == "1h from the open":
        desk.look("16:00")

    assert desk.passes(flat(filled, 101)) == [("flatten", -100, 101.0, filled)]
    assert desk.flat


def test_the_flatten_cancels_entries_that_still_work() -> None:
    desk = Mirror(1, FREE.replace(quiet_minutes=0))
    desk.start("15:50")
    desk.passes(flat("15:50", 101))

    assert desk.flat


def test_the_rest_of_a_flatten_is_left_after_the_close_by_limits_below_each_close() -> None:
    desk = Mirror(1)
    desk.hold()
    desk.passes(flat("15:50", 101), flat("15:55", 101, 300))
    assert desk.works == [("flatten", -1, 70, 99.99)]
    assert desk.passes(flat("16:00", 100.5, 200)) == [("flatten", -20, 100.5, "16:00")]
    assert desk.works == [("flatten", -1, 50, 99.5)]
    desk.look("20:00")
    desk.open("2015-03-04")
    desk.look(at("04:00", "2015-03-04"))
    assert desk.works == [("flatten", -1, 50, 99.5)]
    desk.look(at("09:30", "2015-03-04"))

    assert desk.entry.exiting is Role.FLATTEN
    assert [o.kind for o in desk.entry.orders] == [Kind.MARKET]


def test_the_rest_of_a_market_exit_waits_and_is_not_sent_twice() -> None:
    desk = Mirror(1)
    desk.hold()
    desk.passes(flat("11:55"))
    desk.passes(flat("12:00", 100, 300))

    assert [row[:3] for row in desk.works] == [("time_stop", -1, 70)]
    assert desk.passes(flat("12:05", 99.5)) == [("time_stop", -70, 99.5, "12:05")]
    assert desk.flat


# Outside regular hours


@SIDES
def test_outside_regular_hours_an_entry_is_one_plain_limit(side: int) -> None:
    desk = Mirror(side)
    desk.start("08:00")

    assert desk.works == [("entry", -1, 100, 100.1)]
    assert all(o.extended and not o.parent_id for o in desk.entry.orders)


@SIDES
def test_a_position_outside_regular_hours_has_its_targets_at_work_and_no_stops(side: int) -> None:
    desk = Mirror(side)
    desk.start("08:00")
    desk.passes(flat("08:00"))

    assert desk.works == [("target_1", 0, 50, 103.0), ("target_2", 1, 50, 106.0)]


@SIDES
def test_a_watched_stop_leaves_by_a_limit_beyond_the_close_renewed_with_each_bar(side: int) -> None:
    desk = Mirror(side)
    desk.start("08:00")
    desk.passes(flat("08:00"))
    desk.passes(("08:05", 99, 99, 97, 98.5, PLENTY))
    assert desk.entry.exiting is None
    desk.passes(("08:10", 98.5, 98.5, 97.5, 97.8, PLENTY))
    assert desk.entry.exiting is Role.STOP
    first = 96.83 if side > 0 else 200 - 103.22
    assert desk.works == [("stop", -1, 100, pytest.approx(first))]
    desk.passes(("08:15", 96.5, 96.6, 96.2, 96.5, PLENTY))
    second = 95.54 if side > 0 else 200 - 104.53
    assert desk.works == [("stop", -1, 100, pytest.approx(second))]

    assert desk.passes(flat("08:20", 96.5)) == [("stop", -100, 96.5, "08:20")]
    assert desk.flat
    assert desk.state.stopped_today == (0,)


def test_a_watched_exit_is_not_renewed_without_a_new_bar() -> None:
    desk = Mirror(1)
    desk.start("08:00")
    desk.passes(flat("08:00"), flat("08:05", 97))
    orders = len(desk.orders)
    desk.look("08:15")

    assert len(desk.orders) == orders


def test_a_watched_target_fills_as_a_limit_and_the_rest_trails() -> None:
    desk = Mirror(1)
    desk.start("08:00")
    desk.passes(flat("08:00"))

    assert desk.passes(("08:05", 102, 103.5, 102, 103.2, PLENTY)) == [
        ("target_1", -50, 103.0, "08:10")
    ]
    assert desk.entry.trail == 102.47
    desk.passes(flat("08:10", 102.4))
    assert desk.entry.exiting is Role.TRAILING_STOP


@SIDES
def test_at_the_open_protection_becomes_two_pairs(side: int) -> None:
    desk = Mirror(side)
    desk.start("09:20")
    desk.passes(flat("09:20"), flat("09:25"))

    assert tuple(desk.works) == HELD
    assert all(o.submitted_ns <= at("09:30") for o in desk.entry.orders)


@SIDES
def test_after_the_close_a_position_is_watched_and_protected_again_at_the_next_open(
    side: int,
) -> None:
    desk = Mirror(side, SWING)
    desk.hold()
    desk.passes(flat("15:55", 101))
    assert [row[:3] for row in desk.works if row[0] != "stop"] == [
        ("target_1", 0, 50),
        ("target_2", 1, 50),
    ]
    desk.passes(("16:00", 97, 98.5, 97, 98.1, PLENTY))
    assert desk.entry.exiting is None
    desk.look("20:00")
    desk.open("2015-03-04")
    for now in ("04:00", "09:30"):
        desk.look(at(now, "2015-03-04"))

    assert tuple(desk.works) == HELD


def test_a_watched_exit_that_did_not_fill_is_a_market_order_at_the_open() -> None:
    desk = Mirror(1)
    desk.start("09:15")
    desk.passes(flat("09:15"), flat("09:20", 97), flat("09:25", 95, 0))

    assert [o.kind for o in desk.entry.orders] == [Kind.MARKET]
    assert desk.passes(flat("09:30", 94)) == [("stop", -100, 94.0, "09:30")]


@SIDES
def test_a_plain_entry_that_fills_in_parts_across_the_open_is_protected_share_by_share(
    side: int,
) -> None:
    desk = Mirror(side)
    desk.start("09:25")
    desk.passes(flat("09:25", 100, 500))
    assert [row[2] for row in desk.works if row[0] == "stop"] == [25, 25]
    desk.passes(flat("09:30", 100, 310))

    assert desk.works == [
        ("entry", -1, 19, 100.1),
        ("stop", 0, 41, 98.0),
        ("stop", 1, 40, 98.0),
        ("target_1", 0, 41, 103.0),
        ("target_2", 1, 40, 106.0),
    ]


@SIDES
def test_the_rest_of_a_triggered_trailing_stop_stays_a_market_order(side: int) -> None:
    desk = Mirror(side)
    desk.hold()
    desk.passes(("10:05", 101, 103.5, 100.9, 103.2, PLENTY))
    desk.passes(("10:10", 103, 110, 102, 109, 100))
    assert desk.entry.held == 40

    assert desk.passes(flat("10:15", 112)) == [("trailing_stop", -40, 112.0, "10:15")]


def test_a_trailing_stop_that_triggered_in_a_bar_too_thin_to_fill_still_leaves() -> None:
    desk = Mirror(1)
    desk.hold()
    desk.passes(("10:05", 101, 103.5, 100.9, 103.2, PLENTY))
    assert desk.passes(("10:10", 103, 110, 102, 109, 7)) == []

    assert desk.passes(flat("10:15", 112)) == [("trailing_stop", -50, 112.0, "10:15")]


@SIDES
def test_a_plain_entry_that_is_stopped_while_its_rest_works_is_gone(side: int) -> None:
    desk = Mirror(side)
    desk.start("09:25")
    desk.passes(flat("09:25", 100, 500))
    desk.passes(("09:30", 100.3, 100.3, 97, 97, PLENTY))

    assert desk.flat
    assert desk.works == []


def test_a_late_bar_that_touched_the_stop_does_not_switch_the_flatten_off() -> None:
    desk = Mirror(1)
    desk.hold()
    desk.bars.append(bar(("10:05", 99, 99, 97, 99, PLENTY)))
    desk.look("10:30")
    desk.passes(flat("14:00", 101), flat("15:50", 101))

    assert desk.passes(flat("15:55", 101)) == [("flatten", -100, 101.0, "15:55")]


# Marks and the day's loss


def test_a_held_symbol_without_bars_keeps_its_mark() -> None:
    desk = Mirror(1)
    desk.hold()
    state = desk.state
    after, cancels, orders = look(state, view("10:10", {0: []}), FREE)

    assert after.marks == state.marks
    assert after.equity_micro == state.equity_micro
    assert (cancels, orders) == ((), ())


def test_a_position_is_marked_at_the_last_close() -> None:
    desk = Mirror(1)
    desk.hold()
    desk.passes(flat("10:05", 101.25))

    assert desk.state.marks == ((0, 101.25),)
    assert desk.state.equity_micro == 100_125_000_000


def lossy(price: float) -> PortfolioState:
    desk = Mirror(1, FREE.replace(stop_frac=0.4))
    desk.enter("10:00", shares=1000, entry=100.0, stop=50.0, size_frac=1.0)
    desk.passes(flat("10:00"))
    assert desk.entry.held > 900
    shares = desk.entry.held
    desk.passes(flat("10:05", 100 + price * 1000 / shares))
    return desk.state


def test_the_daily_loss_latches_at_five_percent() -> None:
    assert not lossy(-4.99).lost_today
    assert lossy(-5.0 - 1e-6).lost_today


def test_the_daily_loss_stays_though_the_market_recovers_and_ends_with_the_day() -> None:
    desk = Mirror(1, SWING)
    desk.enter("10:00", shares=1000, stop=50.0, size_frac=1.0, target_1=500.0, target_2=600.0)
    desk.passes(flat("10:00"), flat("10:05", 90), flat("10:10", 100))
    assert desk.state.lost_today
    desk.open("2015-03-04")

    assert not desk.state.lost_today
    assert desk.state.day_start_micro == desk.state.equity_micro


def test_the_loss_of_a_position_that_has_just_been_sold_counts() -> None:
    desk = Mirror(1)
    desk.enter("10:00", shares=1000, stop=98.0, size_frac=1.0)
    desk.passes(flat("10:00"), flat("10:05", 90))

    assert desk.flat
    assert desk.state.lost_today


def test_a_look_without_entries_changes_nothing() -> None:
    state = replace(Mirror(1).state, marks=())
    after, cancels, orders = look(state, view("10:00"), SPEC)

    assert (after, cancels, orders) == (state, (), ())


def test_the_desk_tells_daily_bars_by_their_session() -> None:
    made = bar(flat(""), DAILY, session=session_of())

    assert (clock(made.ts_ns), clock(made.end_ns)) == ("09:30", "16:00")
