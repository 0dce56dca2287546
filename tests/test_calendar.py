"""The exchange calendar: sessions, half days and market states."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst.data import calendar
from catalyst.errors import InputError
from catalyst.strategy.values import MarketState

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def _ns(text: str) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=calendar.NEW_YORK)
    return int(moment.timestamp()) * calendar.SECOND_NS


def _instants(column: pd.Series[pd.Timestamp]) -> NDArray[np.int64]:
    naive: NDArray[np.datetime64] = column.dt.tz_convert(None).to_numpy(dtype="datetime64[ns]")
    return naive.astype(np.int64)


def _state(text: str) -> MarketState:
    return MarketState(int(calendar.market_state(np.array([_ns(text)], dtype=np.int64))[0]))


def test_every_session_is_that_of_exchange_calendars() -> None:
    xcals = pytest.importorskip("exchange_calendars")
    schedule = xcals.get_calendar(
        "XNYS", start=str(calendar.FIRST), end=str(calendar.LAST)
    ).schedule

    found = calendar.sessions()

    assert list(found) == [moment.date() for moment in schedule.index]
    assert np.array_equal(found.open_ns, _instants(schedule["open"]))
    assert np.array_equal(found.close_ns, _instants(schedule["close"]))


def test_extended_hours_run_from_four_to_twenty_in_new_york_on_both_sides_of_the_clock_change() -> (
    None
):
    week = calendar.sessions(dt.date(2024, 3, 8), dt.date(2024, 3, 11))

    assert week.pre_ns.tolist() == [_ns("2024-03-08T04:00"), _ns("2024-03-11T04:00")]
    assert week.post_ns.tolist() == [_ns("2024-03-08T20:00"), _ns("2024-03-11T20:00")]
    assert week.pre_ns[1] - week.pre_ns[0] == 71 * 60 * calendar.MINUTE_NS


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        ("2014-07-03T12:59:59", MarketState.REGULAR),
        ("2014-07-03T13:00", MarketState.AFTER_HOURS),
        ("2014-07-03T19:59:59", MarketState.AFTER_HOURS),
        ("2014-07-03T20:00", MarketState.CLOSED),
        ("2014-07-04T12:00", MarketState.CLOSED),
        ("2014-07-05T12:00", MarketState.CLOSED),
        ("2014-07-07T03:59:59", MarketState.CLOSED),
        ("2014-07-07T04:00", MarketState.PRE_MARKET),
        ("2014-07-07T09:29:59", MarketState.PRE_MARKET),
        ("2014-07-07T09:30", MarketState.REGULAR),
        ("2014-07-07T16:00", MarketState.AFTER_HOURS),
        ("2012-10-29T12:00", MarketState.CLOSED),
    ],
)
def test_a_boundary_belongs_to_the_later_state(moment: str, state: MarketState) -> None:
    found = _state(moment)

    assert found is state


def test_an_instant_outside_the_calendar_is_closed() -> None:
    found = calendar.market_state(np.array([0, np.iinfo(np.int64).max], dtype=np.int64))

    assert found.tolist() == [MarketState.CLOSED, MarketState.CLOSED]


@given(st.integers(_ns("1989-12-01T00:00"), _ns("2050-02-01T00:00")))
def test_an_instant_is_in_a_session_exactly_if_its_state_is_not_closed(ts_ns: int) -> None:
    instant = np.array([ts_ns], dtype=np.int64)
    every = calendar.sessions()

    index = int(every.containing(instant)[0])
    slow = [row for row in range(len(every)) if every.pre_ns[row] <= ts_ns < every.post_ns[row]]

    assert [index] == (slow or [-1])
    assert (index == -1) == (calendar.market_state(instant)[0] == MarketState.CLOSED)


def test_a_day_without_session_is_named_in_the_error() -> None:
    every = calendar.sessions()

    assert every.index_of(dt.date(1990, 1, 2)) == 0
    with pytest.raises(InputError, match="2014-07-04 is not an exchange session"):
        every.index_of(dt.date(2014, 7, 4))


@pytest.mark.parametrize("date", [dt.date(1989, 12, 31), dt.date(2099, 1, 4)])
def test_a_date_outside_the_calendar_is_named_with_the_range(date: dt.date) -> None:
    with pytest.raises(InputError, match=f"{date} is outside .* 1990-01-01 to 2049-12-31"):
        calendar.sessions(*sorted([date, dt.date(2014, 1, 2)]))


def test_sessions_between_two_dates_include_both_ends() -> None:
    found = calendar.sessions(dt.date(2014, 7, 3), dt.date(2014, 7, 8))

    assert [str(date) for date in found] == ["2014-07-03", "2014-07-07", "2014-07-08"]
    assert [str(date) for date in found.between(dt.date(2014, 7, 4), dt.date(2014, 7, 7))] == [
        "2014-07-07"
    ]


def test_the_shared_table_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        calendar.sessions().open_ns[0] = 0
