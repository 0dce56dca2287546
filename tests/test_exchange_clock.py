from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from paper_exchange import Exchange, paper_exchange

from catalyst.errors import BrokerSilenceError
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.wall_clock import WallClock

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
SPEED = 20_000
NOON_NS = 1_700_000_000 * SECOND_NS


@dataclass
class Machine:
    """A wall clock and a monotonic one, set by hand."""

    wall_ns: int = NOON_NS
    steady_ns: int = 0

    def pass_by(self, ns: int) -> None:
        self.wall_ns += ns
        self.steady_ns += ns


def wall_clock(machine: Machine, told: list[str], broker_ns: int | None = None) -> WallClock:
    return WallClock(
        broker_ns=None if broker_ns is None else lambda: broker_ns,
        tell=told.append,
        wall_ns=lambda: machine.wall_ns,
        steady_ns=lambda: machine.steady_ns,
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with paper_exchange("--sessions", 20, speed=SPEED) as exchange:
        yield exchange


def test_the_wall_clock_follows_the_machines() -> None:
    machine = Machine()
    clock = wall_clock(machine, [])
    machine.pass_by(90 * SECOND_NS)
    machine.wall_ns += SECOND_NS // 2

    assert clock.now_ns() == NOON_NS + 90 * SECOND_NS + SECOND_NS // 2


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_machines_clock_that_was_set_moves_no_instant(step_s: int) -> None:
    machine, told = Machine(), list[str]()
    clock = wall_clock(machine, told)
    machine.pass_by(10 * SECOND_NS)
    clock.now_ns()
    machine.wall_ns += step_s * SECOND_NS
    machine.pass_by(5 * SECOND_NS)

    assert clock.now_ns() == NOON_NS + 15 * SECOND_NS
    assert (clock.steps, len(told)) == (1, 1)


def test_the_broker_says_which_clock_is_right_after_one_was_set() -> None:
    machine, told = Machine(), list[str]()
    woken_ns = NOON_NS + 3600 * SECOND_NS
    clock = wall_clock(machine, told, broker_ns=woken_ns)
    # A machine that slept: its monotonic clock stood still.
    machine.wall_ns = woken_ns
    asleep_ns = clock.now_ns()
    asyncio.run(clock.check())

    assert (asleep_ns, clock.now_ns()) == (NOON_NS, woken_ns)


def test_a_clock_ahead_of_the_brokers_waits_and_never_goes_back() -> None:
    machine, told = Machine(), list[str]()
    clock = wall_clock(machine, told, broker_ns=NOON_NS - 30 * SECOND_NS)
    before_ns = clock.now_ns()
    asyncio.run(clock.check())
    machine.pass_by(10 * SECOND_NS)
    waiting_ns = clock.now_ns()
    machine.pass_by(25 * SECOND_NS)

    assert (waiting_ns, clock.now_ns()) == (before_ns, NOON_NS + 5 * SECOND_NS)
    assert clock.drift_ns == 30 * SECOND_NS


def test_a_broker_without_an_answer_changes_no_clock() -> None:
    machine, told = Machine(), list[str]()

    def silent() -> int:
        raise BrokerSilenceError("nobody there")

    clock = WallClock(silent, told.append, lambda: machine.wall_ns, lambda: machine.steady_ns)
    asyncio.run(clock.check())

    assert clock.now_ns() == NOON_NS
    assert told == ["the broker's clock could not be asked (BrokerSilenceError)"]


def test_a_running_exchanges_time_passes_at_its_speed(running: Exchange) -> None:
    async def passed() -> tuple[int, float]:
        clock = await ExchangeClock(running.url, "key", "secret").open()
        begun_ns, begun = clock.now_ns(), time.monotonic()
        await clock.sleep_until(begun_ns + SPEED * SECOND_NS // 2)
        over_ns = clock.now_ns() - begun_ns - SPEED * SECOND_NS // 2
        clock.close()
        return over_ns, time.monotonic() - begun

    over_ns, took_s = asyncio.run(passed())

    assert over_ns >= 0
    # The clock is asked again in between, which may find the exchange a little ahead.
    assert took_s >= 0.4


def test_a_night_that_a_running_exchange_leaves_out_is_left_out(running: Exchange) -> None:
    async def next_morning_ns() -> tuple[int, int]:
        clock = await ExchangeClock(running.url, "key", "secret").open()
        # The post-market's end lies at most a session ahead, and sixteen hours before this.
        wanted_ns = running.clock()["post_ns"] + 8 * 60 * MINUTE_NS
        begun_ns = clock.now_ns()
        begun = time.monotonic()
        await clock.sleep_until(wanted_ns)
        clock.close()
        return wanted_ns - begun_ns, round((time.monotonic() - begun) * SPEED * SECOND_NS)

    whole_ns, took_ns = asyncio.run(next_morning_ns())

    assert took_ns < whole_ns - 4 * 60 * MINUTE_NS


def test_the_way_of_a_message_takes_as_long_however_fast_time_runs(running: Exchange) -> None:
    async def ways() -> list[int]:
        clock = await ExchangeClock(running.url, "key", "secret").open()
        said_ns = clock.now_ns()
        await asyncio.sleep(0.2)
        told = [clock.arrival_ns(said_ns) - said_ns, clock.arrival_ns(0) - said_ns]
        clock.close()
        return told

    by_its_word, by_the_clock = asyncio.run(ways())

    assert 0.15 * SECOND_NS < by_its_word < 5 * SECOND_NS
    assert by_the_clock > 0.15 * SPEED * SECOND_NS


def test_a_clock_that_nobody_tells_is_an_error_in_words() -> None:
    clock = ExchangeClock("http://127.0.0.1:9", "key", "very-secret")

    with pytest.raises(BrokerSilenceError, match="did not answer") as raised:
        asyncio.run(clock.open())

    assert "very-secret" not in str(raised.value) + repr(clock)
