from __future__ import annotations

import pytest
from builders import DAILY, FIVE, GRIDS, SPEC, at, clock, gaps, session_of, sessions_from
from hypothesis import given
from hypothesis import strategies as st

from catalyst.strategy.clock import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    bar_ends,
    chooses_active,
    flatten_instant,
    is_regular_bar,
    last_base_bar,
    last_complete_slot,
    market_state,
    scan_instants,
    slot_of,
    timeframe_label,
)
from catalyst.strategy.values import MarketState

NORMAL = "2015-03-03"
HALF = "2015-11-27"
SPRING = "2015-03-09"  # the first Monday of summer time
AUTUMN = "2015-11-02"  # the first Monday of winter time
DAYS = (NORMAL, HALF, SPRING, AUTUMN)
INTRADAY = ("1m", "5m", "15m", "1h", "1h from the open")


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("03:59", MarketState.CLOSED),
        ("04:00", MarketState.PRE_MARKET),
        ("09:29", MarketState.PRE_MARKET),
        ("09:30", MarketState.REGULAR),
        ("15:59", MarketState.REGULAR),
        ("16:00", MarketState.AFTER_HOURS),
        ("19:59", MarketState.AFTER_HOURS),
        ("20:00", MarketState.CLOSED),
    ],
)
@pytest.mark.parametrize("day", [NORMAL, SPRING, AUTUMN])
def test_incident_18_the_market_state_follows_new_yorks_clock(
    day: str, now: str, state: MarketState
) -> None:
    assert market_state(session_of(day), at(now, day)) is state


def test_incident_18_the_same_new_york_time_is_another_instant_after_the_clocks_changed() -> None:
    winter, summer = session_of("2015-03-06"), session_of(SPRING)

    assert winter.open_ns % DAY_NS == 14 * HOUR_NS + 30 * MINUTE_NS
    assert summer.open_ns % DAY_NS == 13 * HOUR_NS + 30 * MINUTE_NS


def test_incident_18_a_half_day_is_after_hours_from_13_00_to_20_00() -> None:
    session = session_of(HALF)

    assert market_state(session, at("12:59", HALF)) is MarketState.REGULAR
    assert market_state(session, at("13:00", HALF)) is MarketState.AFTER_HOURS
    assert market_state(session, at("19:59", HALF)) is MarketState.AFTER_HOURS


@pytest.mark.parametrize("day", DAYS)
def test_scans_fall_every_five_minutes_until_the_close_and_every_hour_after_it(day: str) -> None:
    session = session_of(day)
    scans = scan_instants(session, FIVE, SPEC)
    before = [t for t in scans if t < session.close_ns]
    after = [clock(t) for t in scans if t >= session.close_ns]
    close = int(clock(session.close_ns)[:2])

    assert clock(scans[0]) == "04:00"
    assert set(gaps(before)) == {5}
    assert before[-1] == session.close_ns - 5 * MINUTE_NS
    assert after == [f"{hour}:00" for hour in range(close, 20)]


@pytest.mark.parametrize(
    ("grid", "minutes"), [("1m", 5), ("5m", 5), ("15m", 15), ("1h", 60), ("1h from the open", 60)]
)
def test_scans_are_never_more_frequent_than_base_bars(grid: str, minutes: int) -> None:
    session = session_of()
    scans = [t for t in scan_instants(session, GRIDS[grid], SPEC) if t < session.close_ns]

    assert set(gaps(scans)) == {minutes}
    assert all((t - at("00:00")) % (minutes * MINUTE_NS) == 0 for t in scans)


def test_a_parameter_spaces_the_scans() -> None:
    scans = scan_instants(
        session_of(), FIVE, SPEC.replace(scan_minutes=30, scan_minutes_after_hours=120)
    )

    assert [clock(t) for t in scans[:3]] == ["04:00", "04:30", "05:00"]
    assert [clock(t) for t in scans[-3:]] == ["15:30", "16:00", "18:00"]


@pytest.mark.parametrize("day", DAYS)
def test_with_daily_bars_there_is_one_scan_at_the_close(day: str) -> None:
    session = session_of(day)

    assert scan_instants(session, DAILY, SPEC) == bar_ends(session, DAILY) == [session.close_ns]


@pytest.mark.parametrize(("name", "minutes"), [("1m", 1), ("5m", 5), ("15m", 15), ("1h", 60)])
@pytest.mark.parametrize("day", DAYS)
def test_bars_on_the_clock_end_on_its_multiples_from_04_00_to_20_00(
    day: str, name: str, minutes: int
) -> None:
    ends = bar_ends(session_of(day), GRIDS[name])

    assert set(gaps(ends)) == {minutes}
    assert clock(ends[0]) == f"04:{minutes:02d}" if minutes < 60 else "05:00"
    assert clock(ends[-1]) == "20:00"
    assert len(ends) == 960 // minutes


def test_hourly_bars_from_the_open_overlap_the_close_and_lie_on_the_clock_outside() -> None:
    ends = [clock(t) for t in bar_ends(session_of(), GRIDS["1h from the open"])]

    assert ends == [
        "05:00",
        "06:00",
        "07:00",
        "08:00",
        "09:00",
        "10:30",
        "11:30",
        "12:30",
        "13:30",
        "14:30",
        "15:30",
        "16:30",
        "17:00",
        "18:00",
        "19:00",
        "20:00",
    ]


def test_hourly_bars_from_the_open_end_at_13_30_on_a_half_day() -> None:
    ends = [clock(t) for t in bar_ends(session_of(HALF), GRIDS["1h from the open"])]

    assert ends[5:9] == ["10:30", "11:30", "12:30", "13:30"]


@pytest.mark.parametrize(
    ("start", "minutes", "regular"),
    [
        ("09:25", 5, False),
        ("09:30", 5, True),
        ("15:55", 5, True),
        ("16:00", 5, False),
        ("09:00", 60, True),
        ("08:00", 60, False),
        ("15:30", 60, True),
        ("16:00", 60, False),
    ],
)
def test_a_bar_that_overlaps_regular_hours_belongs_to_them(
    start: str,
    minutes: int,
    regular: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert is_regular_bar(session_of(), at(start), minutes * MINUTE_NS) is regular


@pytest.mark.parametrize(
    ("grid", "day", "expected"),
    [
        ("1m", NORMAL, "15:55"),
        ("5m", NORMAL, "15:55"),
        ("15m", NORMAL, "15:45"),
        ("1h", NORMAL, "15:00"),
        ("1h from the open", NORMAL, "15:30"),
        ("1m", HALF, "12:55"),
        ("5m", HALF, "12:55"),
        ("15m", HALF, "12:45"),
        ("1h", HALF, "12:00"),
        ("1h from the open", HALF, "12:30"),
        ("5m", SPRING, "15:55"),
        ("5m", AUTUMN, "15:55"),
    ],
)
def test_the_flatten_is_the_last_bar_boundary_five_minutes_before_the_close(
    grid: str, day: str, expected: str
) -> None:
    session = session_of(day)
    flatten = flatten_instant(session, GRIDS[grid], SPEC)

    assert flatten is not None
    assert clock(flatten) == expected
    assert flatten in bar_ends(session, GRIDS[grid])


def test_incident_17_the_flatten_is_a_parameter() -> None:
    session = session_of()
    early = flatten_instant(session, FIVE, SPEC.replace(flatten_minutes=42))

    assert early is not None
    assert clock(early) == "15:15"
    assert flatten_instant(session, FIVE, SPEC.replace(flatten_at_close=False)) is None
    assert flatten_instant(session, DAILY, SPEC) is None


@pytest.mark.parametrize("name", INTRADAY)
@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("minutes", [0, 5, 17, 60, 120])
def test_whatever_the_parameter_the_flatten_is_a_boundary_before_the_close(
    name: str, day: str, minutes: int
) -> None:
    session, grid = session_of(day), GRIDS[name]
    flatten = flatten_instant(session, grid, SPEC.replace(flatten_minutes=minutes))

    assert flatten is not None
    limit = session.close_ns - minutes * MINUTE_NS
    boundaries = [t for t in bar_ends(session, grid) if t <= limit]
    assert flatten == boundaries[-1]


@pytest.mark.parametrize(
    ("now", "minutes", "slot"),
    [
        ("04:00", 60, ("04:00", "05:00")),
        ("09:10", 60, ("09:00", "09:30")),
        ("09:30", 60, ("09:30", "10:30")),
        ("15:45", 60, ("15:30", "16:00")),
        ("16:00", 60, ("16:00", "17:00")),
        ("19:59", 60, ("19:00", "20:00")),
        ("09:29", 15, ("09:15", "09:30")),
        ("12:07", 15, ("12:00", "12:15")),
        ("09:31", 5, ("09:30", "09:35")),
    ],
)
def test_larger_bars_are_cut_from_the_open_in_regular_hours_and_on_the_clock_outside(
    now: str, minutes: int, slot: tuple[str, str]
) -> None:
    start, end = slot_of(session_of(), at(now), minutes * MINUTE_NS)

    assert (clock(start), clock(end)) == slot


def test_a_larger_bar_ends_where_its_market_state_does_on_a_half_day() -> None:
    session = session_of(HALF)

    assert [clock(t) for t in slot_of(session, at("12:45", HALF), HOUR_NS)] == ["12:30", "13:00"]
    assert [clock(t) for t in slot_of(session, at("13:00", HALF), HOUR_NS)] == ["13:00", "14:00"]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_the_slots_of_a_session_tile_it_without_overlap(day: str, minutes: int) -> None:
    session = session_of(day)
    t, edges = session.pre_ns, [session.pre_ns]
    while t < session.post_ns:
        start, end = slot_of(session, t, minutes * MINUTE_NS)
        assert start == t
        assert slot_of(session, end - 1, minutes * MINUTE_NS) == (start, end)
        t = end
        edges.append(end)

    assert edges[-1] == session.post_ns
    assert {session.open_ns, session.close_ns} <= set(edges)


@pytest.mark.parametrize(
    ("now", "minutes", "slot"),
    [
        ("04:05", 5, "04:00"),
        ("09:29", 60, "08:00"),
        ("09:30", 60, "09:00"),
        ("10:29", 60, "09:00"),
        ("10:30", 60, "09:30"),
        ("15:59", 60, "14:30"),
        ("16:00", 60, "15:30"),
        ("16:59", 60, "15:30"),
        ("17:00", 60, "16:00"),
        ("20:00", 60, "19:00"),
        ("22:00", 60, "19:00"),
        ("10:00", 15, "09:45"),
    ],
)
def test_the_last_complete_slot_is_the_last_that_has_ended(
    now: str, minutes: int, slot: str
) -> None:
    start = last_complete_slot(session_of(), None, at(now), minutes * MINUTE_NS)

    assert clock(start) == slot


def test_before_the_first_slot_of_a_day_the_last_one_of_the_day_before_is_complete() -> None:
    before, session = sessions_from("2015-03-02", 2)
    start = last_complete_slot(session, before, at("04:30"), HOUR_NS)

    assert start == at("19:00", "2015-03-02")
    assert last_complete_slot(session, None, at("04:30"), HOUR_NS) == -1


@given(st.integers(0, 16 * 60), st.sampled_from((5, 15, 60)), st.sampled_from(DAYS))
def test_no_slot_counts_as_complete_before_its_end(minute: int, length: int, day: str) -> None:
    session = session_of(day)
    asof = session.pre_ns + minute * MINUTE_NS
    start = last_complete_slot(session, None, asof, length * MINUTE_NS)
    if start >= 0:
        first, end = slot_of(session, start, length * MINUTE_NS)
        nxt = slot_of(session, end, length * MINUTE_NS)[1] if end < session.post_ns else asof + 1

        assert first == start
        assert end <= asof < nxt


@pytest.mark.parametrize(
    ("grid", "now", "start"),
    [
        ("1h", "11:00", "10:00"),
        ("1h", "09:00", "08:00"),
        ("1h", "10:30", "09:00"),
        ("1h from the open", "10:30", "09:30"),
        ("1h from the open", "11:00", "09:30"),
        ("1h from the open", "16:29", "14:30"),
        ("1h from the open", "16:30", "15:30"),
        ("5m", "09:35", "09:30"),
        ("5m", "09:34", "09:25"),
        ("1m", "16:00", "15:59"),
        ("15m", "09:30", "09:15"),
    ],
)
def test_the_last_base_bar_is_never_cut(grid: str, now: str, start: str) -> None:
    assert clock(last_base_bar(session_of(), None, at(now), GRIDS[grid])) == start


def test_the_first_stage_is_chosen_on_half_hours_and_at_the_days_first_scan() -> None:
    session = session_of()
    scans = scan_instants(session, FIVE, SPEC)
    chosen = [clock(t) for t in scans if chooses_active(session, t, SPEC, scans[0])]

    assert chosen[:3] == ["04:00", "04:30", "05:00"]
    assert {c[3:] for c in chosen} == {"00", "30"}
    assert chooses_active(session, at("04:05"), SPEC, at("04:05"))


@pytest.mark.parametrize(
    ("length", "label"),
    [
        (MINUTE_NS, "1m"),
        (5 * MINUTE_NS, "5m"),
        (15 * MINUTE_NS, "15m"),
        (HOUR_NS, "1h"),
        (DAY_NS, "1d"),
        (90 * MINUTE_NS, "90m"),
    ],
)
def test_a_timeframe_is_named_as_in_the_lake(length: int, label: str) -> None:
    assert timeframe_label(length) == label
