"""Live trading is killed at the nastiest moments; a second process ends the session as it should.

`benchmarks/soak_live.py` does the same at every moment there is.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_run import Course, Kill, Stage, live_stage

_SESSIONS = 14


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with live_stage(_SESSIONS) as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> Course:
    return stage.run()


def _ended(course: Course) -> tuple[bool, list[str], list[tuple[str, str, int, str]]]:
    return course.killed, course.broken, course.trades


def test_an_undisturbed_session_has_every_kind_of_order(undisturbed: Course) -> None:
    kinds = {"buy simple", "buy bracket", "sell oco", "sell simple", "replace", "cancel"}
    fills = {"entry", "stop", "target_1", "trailing_stop", "news_reversal", "flatten"}

    assert undisturbed.broken == []
    assert {f"after {kind} is sent" for kind in kinds} <= set(undisturbed.moments)
    assert {f"after fill {role} is written" for role in fills} <= set(undisturbed.moments)


@pytest.mark.parametrize(
    ("kill", "then"),
    [
        (Kill("after intent entry is written", 3), "fine"),
        (Kill("after buy bracket is sent", 3), "504"),
        (Kill("before answered is written", 3), "database"),
        (Kill("before fill entry is written", 2), "fine"),
        (Kill("after fill target_1 is written"), "database"),
        (Kill("after replace is sent", 2), "stream"),
        (Kill("after intent exit is written", 5), "504"),
        (Kill("after sell simple is sent", 7), "fine"),
        (Kill("after sell oco is sent", 2), "504"),
        (Kill("before session_closed is written"), "database"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.at} ({value.nth})",
)
def test_a_killed_session_ends_as_if_nothing_had_happened(
    stage: Stage, undisturbed: Course, kill: Kill, then: str
) -> None:
    course = stage.run(kill, then)

    assert _ended(course) == (True, [], undisturbed.trades)


def test_what_filled_while_nobody_was_there_is_booked_and_proved(stage: Stage) -> None:
    away = stage.run(Kill("after buy bracket is sent", 8), "fine", away_s=3600, prove=True)

    assert (away.killed, away.broken) == (True, [])
    assert "missed_cycle" in {rule for rule, _, _ in away.alerts}


def test_a_process_that_died_after_the_close_leaves_the_next_session_to_the_next(
    stage: Stage,
) -> None:
    course = stage.run(Kill("after session_closed is written"), "fine")

    assert (course.killed, course.broken) == (True, [])
    assert len({at for at, symbol, _, _ in course.trades if symbol == "EEE"}) == 2
