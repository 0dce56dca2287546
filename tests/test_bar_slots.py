from __future__ import annotations

import datetime as dt
import math

import pytest

from catalyst.data.calendar import sessions
from catalyst.data.series import Series
from catalyst.live.bar_slots import BarArrival, BarSlots, Values
from catalyst.strategy.values import Grid

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
GRACE_NS = 2 * SECOND_NS
OPEN_NS = int(sessions(dt.date(2023, 6, 15), dt.date(2023, 6, 15)).open_ns[0])
END_NS = OPEN_NS + 5 * MINUTE_NS
FLAT: Values = (10.0, 10.0, 10.0, 10.0, 100.0)


def slots(*, part_minutes: int, minutes: int = 5, from_open: bool = False) -> BarSlots:
    grid = Grid(minutes * MINUTE_NS, from_open=from_open)
    series = {"AA": Series("alpaca-iex", 0), "BB": Series("alpaca-iex", 0)}
    return BarSlots(grid, part_minutes * MINUTE_NS, series, GRACE_NS)


def minute(number: int, close: float, volume: float = 10.0) -> tuple[str, int, Values]:
    return "AA", OPEN_NS + number * MINUTE_NS, (10.0, close + 1, 9.0, close, volume)


def whole(*minutes: tuple[str, int, Values]) -> Values:
    values = [one[2] for one in minutes]
    return (
        values[0][0],
        max(one[1] for one in values),
        min(one[2] for one in values),
        values[-1][3],
        math.fsum(one[4] for one in values),
    )


def test_minutes_that_arrived_within_the_grace_make_one_bar_known_when_the_last_came() -> None:
    made = slots(part_minutes=1)
    minutes = [minute(number, 10.0 + number) for number in range(5)]
    for number, one in enumerate(minutes):
        made.take(*one, OPEN_NS + (number + 1) * MINUTE_NS + SECOND_NS)

    assert made.drain(END_NS) == (
        BarArrival("AA", OPEN_NS, *whole(*minutes), 0, "alpaca-iex", END_NS + SECOND_NS),
    )


def test_a_minute_that_came_after_the_grace_corrects_the_bar() -> None:
    made = slots(part_minutes=1)
    first, last = minute(0, 10.0), minute(4, 15.0)
    made.take(*first, OPEN_NS + MINUTE_NS)
    made.take(*last, END_NS + 3 * SECOND_NS)
    now, later = made.drain(END_NS), made.drain(END_NS + 5 * MINUTE_NS)

    assert [(bar[2:7], bar.known_ns) for bar in now] == [(first[2], END_NS)]
    assert [(bar[2:7], bar.known_ns) for bar in later] == [
        (whole(first, last), END_NS + 3 * SECOND_NS)
    ]


def test_a_slot_without_a_trade_in_some_minutes_is_a_bar_of_the_others() -> None:
    made = slots(part_minutes=1)
    only = minute(2, 11.0)
    made.take(*only, OPEN_NS + 3 * MINUTE_NS)

    assert [(bar.ts_ns, bar[2:7]) for bar in made.drain(END_NS)] == [(OPEN_NS, only[2])]


def test_a_bar_that_has_not_ended_is_not_given() -> None:
    made = slots(part_minutes=1)
    made.take(*minute(0, 10.0), OPEN_NS + MINUTE_NS)

    assert made.drain(END_NS - MINUTE_NS) == ()


def test_bars_from_the_open_are_added_up_from_the_open() -> None:
    made = slots(part_minutes=5, minutes=60, from_open=True)
    for number in range(12):
        start_ns = OPEN_NS + 5 * number * MINUTE_NS
        made.take("AA", start_ns, FLAT, start_ns + 5 * MINUTE_NS)

    assert [(bar.ts_ns, bar.volume) for bar in made.drain(OPEN_NS + 60 * MINUTE_NS)] == [
        (OPEN_NS, 1200.0)
    ]


def test_a_correction_is_a_version_of_its_own_known_later() -> None:
    made = slots(part_minutes=5)
    made.take("AA", OPEN_NS, FLAT, END_NS)
    made.take("AA", OPEN_NS, (*FLAT[:4], 101.0), END_NS + SECOND_NS)
    now, later = made.drain(END_NS), made.drain(END_NS + 5 * MINUTE_NS)

    assert [(bar.volume, bar.known_ns) for bar in now] == [(100.0, END_NS)]
    assert [(bar.volume, bar.known_ns) for bar in later] == [(101.0, END_NS + SECOND_NS)]


def test_the_same_bar_again_changes_nothing() -> None:
    made = slots(part_minutes=5)
    for late_ns in (0, SECOND_NS, 9 * SECOND_NS):
        made.take("AA", OPEN_NS, FLAT, END_NS + late_ns)

    assert len(made.drain(END_NS + 60 * MINUTE_NS)) == 1


def test_a_bar_after_its_grace_is_not_for_the_decision_at_its_end() -> None:
    made = slots(part_minutes=5)
    made.take("AA", OPEN_NS, FLAT, END_NS + GRACE_NS)
    made.take("BB", OPEN_NS, FLAT, END_NS + GRACE_NS + 1)

    assert [bar.symbol for bar in made.drain(END_NS)] == ["AA"]
    assert [bar.symbol for bar in made.drain(END_NS + 5 * MINUTE_NS)] == ["BB"]


def test_a_bar_that_came_after_the_decision_was_not_known_to_it_whatever_the_clock_says() -> None:
    made = slots(part_minutes=5)
    made.drain(END_NS)
    made.take("AA", OPEN_NS, FLAT, END_NS)

    assert made.drain(END_NS) == ()
    assert made.drain(END_NS + 5 * MINUTE_NS)[0].known_ns == END_NS + GRACE_NS + 1


def test_a_bar_is_never_known_before_its_end() -> None:
    made = slots(part_minutes=5)
    made.take("AA", OPEN_NS, FLAT, END_NS - SECOND_NS)

    assert made.drain(END_NS)[0].known_ns == END_NS


@pytest.mark.parametrize(
    "values",
    [
        (10.0, 9.0, 9.0, 10.0, 1.0),
        (10.0, 11.0, 10.5, 10.0, 1.0),
        (0.0, 1.0, 0.0, 1.0, 1.0),
        (10.0, 11.0, 9.0, 10.0, -1.0),
        (math.nan, 11.0, 9.0, 10.0, 1.0),
        (10.0, math.inf, 9.0, 10.0, 1.0),
    ],
)
def test_a_bar_that_the_lake_would_refuse_is_refused(values: Values) -> None:
    made = slots(part_minutes=5)
    made.take("AA", OPEN_NS, values, END_NS)

    assert (made.drain(END_NS), made.refused) == ((), 1)


@pytest.mark.parametrize("shift_ns", [MINUTE_NS, 24 * 60 * MINUTE_NS * 3 // 4])
def test_a_bar_off_the_grid_or_outside_the_day_is_refused(shift_ns: int) -> None:
    made = slots(part_minutes=5)
    made.take("AA", OPEN_NS + shift_ns, FLAT, END_NS + shift_ns)

    assert made.refused == 1


def test_bars_that_an_earlier_process_gave_are_not_given_again() -> None:
    made = slots(part_minutes=5)
    made.remember(BarArrival("AA", OPEN_NS, *FLAT, 0, "alpaca-iex", END_NS))
    made.take("AA", OPEN_NS, FLAT, END_NS + MINUTE_NS)
    made.take("BB", OPEN_NS, FLAT, END_NS + MINUTE_NS)

    assert [bar.symbol for bar in made.drain(END_NS + 5 * MINUTE_NS)] == ["BB"]
