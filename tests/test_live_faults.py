"""What live trading stands on fails beneath it: the session ends right, and says what happened."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from lake_rows import at
from live_run import Course, Stage, live_stage
from live_services import open_home

from catalyst.live.quarters import quarters_of
from catalyst.live.shared_server import Tenancy
from catalyst.live.valkey import Valkey

_SESSIONS = 8
_ENTRIES = "after intent entry is written"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with live_stage(_SESSIONS) as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> Course:
    return stage.run()


def _rules(course: Course) -> set[str]:
    return {rule for rule, _, _ in course.alerts}


def _ns(day: str, clock: str) -> int:
    return int(at(f"{day}T{clock}").timestamp()) * 10**9


def test_a_database_that_restarts_between_intents_and_orders_changes_nothing(
    stage: Stage, undisturbed: Course
) -> None:
    quit_ = {"do": "signal", "pid": stage.cluster.pid, "signal": int(signal.SIGQUIT)}
    plan = [{**quit_, "at": _ENTRIES, "nth": 3}]
    course = stage.run(plan=plan)

    assert (course.broken, course.trades) == ([], undisturbed.trades)
    assert "the journal's database is back" in course.log
    assert "database_lost" in _rules(course)


def test_a_redis_that_is_killed_is_missed_by_nobody(stage: Stage, undisturbed: Course) -> None:
    with open_home() as home:
        quarters = quarters_of(home / "redis")
        server = Valkey(quarters)
        tenancy = Tenancy(quarters, server)
        kill = {"do": "signal", "pid": tenancy.pid, "signal": int(signal.SIGKILL)}
        plan = [{**kill, "at": _ENTRIES, "nth": 3}]
        course = stage.run(plan=plan, redis_url=server.address(tenancy.port))
        tenancy.close()

    assert (course.broken, course.trades) == ([], undisturbed.trades)
    assert "degraded_cache" in _rules(course)


def test_ten_minutes_of_a_broker_that_answers_500_delay_what_protects_by_seconds(
    stage: Stage, undisturbed: Course
) -> None:
    since, until = _ns(stage.day, "10:35:08"), _ns(stage.day, "10:45:08")
    stage.exchange.faults(
        {"on": "request", "do": "answer", "path": "/v2", "from_ns": since, "to_ns": until}
    )
    course = stage.run()

    assert (course.broken, course.trades) == ([], undisturbed.trades)
    assert "degraded_broker" in _rules(course)


def test_with_a_dead_source_of_news_nothing_is_entered_and_exits_go_on(
    stage: Stage, undisturbed: Course
) -> None:
    since = {"from_ns": _ns(stage.day, "09:30:10")}
    stage.exchange.faults(
        {"on": "stream", "stream": "news", "do": "disconnect", **since},
        {"on": "stream", "stream": "news", "do": "refuse", **since},
        {"on": "request", "do": "answer", "path": "/v1beta1/news", **since},
    )
    course = stage.run()
    early = [trade for trade in undisturbed.trades if trade[1] in ("AAA", "FFF")]

    assert (course.broken, course.trades) == ([], early)
    assert "degraded_news_dead" in _rules(course)


def test_a_machines_clock_that_is_set_back_and_on_decides_nothing(
    stage: Stage, undisturbed: Course
) -> None:
    plan = [
        {"do": "clock", "by_s": -7_200.0, "at": _ENTRIES, "nth": 2},
        {"do": "clock", "by_s": 86_400.0, "at": _ENTRIES, "nth": 3},
    ]
    course = stage.run(plan=plan)

    assert (course.broken, course.trades) == ([], undisturbed.trades)


def test_bars_that_an_open_socket_keeps_back_are_asked_for(
    stage: Stage, undisturbed: Course
) -> None:
    since = {"from_ns": _ns(stage.day, "10:10:00")}
    stage.exchange.faults({"on": "stream", "stream": "bars", "do": "mute", "count": 1, **since})
    course = stage.run()

    assert (course.broken, course.trades) == ([], undisturbed.trades)
    assert "degraded_blind_bars" in _rules(course)


def test_trade_updates_that_come_twice_late_or_never_are_booked_once(
    stage: Stage, undisturbed: Course
) -> None:
    on = {"on": "stream", "stream": "trade_updates"}
    stage.exchange.faults(
        {**on, "do": "duplicate"},
        {**on, "do": "drop", "event": "fill", "skip": 2, "count": 6},
        {**on, "do": "delay", "event": "partial_fill", "seconds": 30.0},
        {**on, "do": "delay", "event": "canceled", "seconds": 5.0},
    )
    course = stage.run()

    assert (course.broken, course.trades) == ([], undisturbed.trades)
