"""How time passes on the paper exchange, in process: sessions, late bars, actions, pace."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import polars as pl
import pytest
from worlds import action_lake, small_lake, with_bars

from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.errors import InputError
from catalyst.live.paper.account import PaperAccount
from catalyst.live.paper.exchange import EARLY_NS, Happened, PaperExchange, Terms
from catalyst.live.paper.faults import Fault, Faults, faults_of
from catalyst.live.paper.floor import Floor
from catalyst.live.paper.pace import Pace
from catalyst.live.paper.requests import carry_out
from catalyst.live.paper.tape import Quoted
from catalyst.strategy.params import ExecutionParams

START = dt.date(2023, 6, 20)
SYMBOL = "ZQAA"


def exchange(lake: Lake, n: int = 2, start: dt.date = START) -> PaperExchange:
    return PaperExchange(Feed(lake), start, n, Terms(ExecutionParams(), 100_000 * 10**6))


def bars_of(happened: list[Happened]) -> list[tuple[int, Quoted]]:
    return [(one.at_ns, bar) for one in happened for bar in one.bars]


def buy(on: PaperExchange, shares: int, symbol: str = SYMBOL) -> PaperAccount:
    account = on.account("key")
    order = {
        "symbol": symbol,
        "qty": str(shares),
        "side": "buy",
        "type": "market",
        "time_in_force": "gtc",
    }
    answer = carry_out(on, account, "submit", order)

    assert answer.status == 200, answer.body

    return account


def test_every_bar_of_a_session_is_told_once_at_its_end() -> None:
    on = exchange(small_lake(), 1)
    told = bars_of(on.advance(on.end_ns))
    stored = small_lake().bars("5m", start=START, end=START)

    assert [(b.symbol, b.ts_ns) for _, b in sorted(told, key=lambda t: t[1].symbol)] == [
        (s, int(t.timestamp()) * 10**9) for s, t in stored.select("symbol", "ts").rows()
    ]
    assert all(at == b.ts_ns + 300 * 10**9 for at, b in told)


def test_all_steps_together_tell_what_one_long_step_does() -> None:
    once, often = exchange(small_lake()), exchange(small_lake())
    whole = once.advance(once.end_ns)
    parts = []
    for at in range(often.now_ns, often.end_ns + 1, 1_000 * 10**9):
        parts += often.advance(at)
    parts += often.advance(often.end_ns)

    assert parts == whole
    assert often.marks == once.marks


def test_time_neither_goes_back_nor_past_the_last_session() -> None:
    on = exchange(small_lake(), 1)
    on.advance(on.sessions[0].open_ns)
    on.advance(on.sessions[0].pre_ns)

    assert on.now_ns == on.sessions[0].open_ns

    on.advance(2**62)

    assert on.now_ns == on.sessions[0].post_ns + EARLY_NS
    assert on.next_ns is None


def test_fills_are_told_before_the_bars_that_made_them_and_bars_before_news() -> None:
    on = exchange(small_lake(), 1)
    on.advance(on.sessions[0].open_ns)
    buy(on, 5)
    told = on.advance(on.end_ns)
    (filled,) = [h for h in told if any(u.execution for _, u in h.updates)]

    assert SYMBOL in {bar.symbol for bar in filled.bars}


def test_a_bar_known_late_comes_late_and_fills_nothing(tmp_path: Path) -> None:
    first = dt.datetime(2023, 6, 20, 13, 30, tzinfo=dt.UTC)
    late = first + dt.timedelta(minutes=17)

    def change(bars: pl.DataFrame) -> pl.DataFrame:
        hit = (pl.col("symbol") == SYMBOL) & (pl.col("ts") == first)
        return bars.with_columns(
            known_at=pl.when(hit)
            .then(pl.lit(late).dt.cast_time_unit("ns"))
            .otherwise(pl.col("known_at"))
        )

    on = exchange(with_bars(small_lake(), tmp_path / "late", [START], change), 1)
    on.advance(on.sessions[0].open_ns)
    account = buy(on, 5)
    told = bars_of(on.advance(on.end_ns))
    (at,) = [at for at, b in told if (b.symbol, b.ts_ns) == (SYMBOL, on.sessions[0].open_ns)]

    assert at == int(late.timestamp()) * 10**9
    (filled,) = account.holdings.records

    assert filled.booked_ns > on.sessions[0].open_ns + 300 * 10**9


def test_a_corrected_bar_is_told_again_as_such(tmp_path: Path) -> None:
    first = dt.datetime(2023, 6, 20, 13, 30, tzinfo=dt.UTC)

    def change(bars: pl.DataFrame) -> pl.DataFrame:
        hit = bars.filter((pl.col("symbol") == SYMBOL) & (pl.col("ts") == first))
        again = hit.with_columns(
            close=pl.col("low"),
            known_at=(pl.col("known_at") + dt.timedelta(minutes=30)).dt.cast_time_unit("ns"),
        )
        return pl.concat([bars, again])

    on = exchange(with_bars(small_lake(), tmp_path / "again", [START], change), 1)
    told = bars_of(on.advance(on.end_ns))
    opening = on.sessions[0].open_ns

    assert [b.again for _, b in told if (b.symbol, b.ts_ns) == (SYMBOL, opening)] == [False, True]
    assert sum(b.again for _, b in told) == 1


def test_news_of_the_night_is_told_in_the_night() -> None:
    on = exchange(small_lake())
    told = [a for h in on.advance(on.end_ns) for a in h.articles]
    first, second = on.sessions
    stored = small_lake().news()
    known = stored["known_at"].cast(pl.Int64)
    wanted = stored.filter((known > first.pre_ns - EARLY_NS) & (known <= second.post_ns))

    assert len(told) == wanted["news_id"].n_unique() > 0
    assert any(first.post_ns < a.known_ns < second.pre_ns for a in told)
    assert [a.known_ns for a in told] == sorted(a.known_ns for a in told)


def test_splits_and_dividends_of_held_shares_are_booked_at_four() -> None:
    lake = action_lake()
    actions = lake.actions()
    (split,) = actions.filter((pl.col("symbol") == SYMBOL) & (pl.col("kind") == "split")).rows(
        named=True
    )
    days = lake.days("5m")
    before = days[days.index(split["ex_date"]) - 1]
    on = exchange(lake, 2, before)
    on.advance(on.sessions[0].open_ns)
    account = buy(on, 11)
    on.advance(on.sessions[0].post_ns)
    held, cash = account.holdings.shares(SYMBOL), account.holdings.cash_micro
    on.advance(on.sessions[1].pre_ns)
    paid = actions.filter(
        (pl.col("symbol") == SYMBOL)
        & (pl.col("kind") == "dividend")
        & (pl.col("ex_date") == split["ex_date"])
    )
    dividend = round(int(held * split["value"]) * 0.13 * 10**6) if paid.height else 0
    rest = held * split["value"] % 1

    assert held == 11
    assert account.holdings.shares(SYMBOL) == int(held * split["value"])
    assert account.holdings.cash_micro - cash == dividend + round(rest * on.marks[SYMBOL] * 10**6)


def test_a_run_of_the_same_requests_has_the_same_ids() -> None:
    ids = []
    for _ in range(2):
        on = exchange(small_lake(), 1)
        on.advance(on.sessions[0].open_ns)
        account = buy(on, 5)
        on.advance(on.end_ns)
        ids.append(([*account.orders], account.holdings.records))

    assert ids[0] == ids[1]


def test_nights_are_no_time_unless_asked_for() -> None:
    sessions = exchange(small_lake()).sessions
    first, second = sessions
    night = (second.pre_ns - first.post_ns - 2 * EARLY_NS) / 1e9
    jumped, kept = Pace(sessions, 1.0), Pace(sessions, 1.0, nights=True)
    for pace, wait in ((jumped, 60.0), (kept, 60.0 + night)):
        pace.start(first.post_ns + EARLY_NS - 60 * 10**9)

        assert pace.seconds_until(second.pre_ns - EARLY_NS) == pytest.approx(wait, abs=1.0)


def test_time_runs_by_itself_over_nights_to_the_end_of_the_last_session() -> None:
    on = exchange(small_lake())
    floor = Floor(on, Pace(on.sessions, 200_000.0), None)
    account = buy(on, 5)
    assert floor.pace is not None
    floor.pace.start(on.now_ns)
    until = time.monotonic() + 20
    while on.now_ns < on.end_ns:
        floor.catch_up()

        assert time.monotonic() < until

    assert on.next_ns is None
    assert account.holdings.shares(SYMBOL) == 5


def test_a_pace_goes_on_where_a_restarted_exchange_stood() -> None:
    sessions = exchange(small_lake()).sessions
    pace = Pace(sessions, 1.0)
    pace.start(sessions[1].open_ns)

    assert 0 <= pace.now_ns() - sessions[1].open_ns < 10**9


def test_a_pace_that_waits_stands_until_it_is_begun() -> None:
    sessions = exchange(small_lake()).sessions
    pace = Pace(sessions, 1e6, waits=True)
    pace.start(sessions[0].pre_ns)
    time.sleep(0.02)
    stood = pace.now_ns()
    pace.begin()
    time.sleep(0.02)

    assert stood == sessions[0].pre_ns
    assert pace.now_ns() > stood


def test_a_fault_strikes_as_often_as_it_is_told_after_as_many_as_it_skips() -> None:
    faults = Faults((Fault("request", "drop", path="/v2/orders", skip=1, count=2),))
    paths = ["/v2/orders", "/v2/orders/1", "/v2/clock", "/v2/orders", "/v2/orders"]
    struck = [len(faults.of_request("GET", path, 0)) for path in paths]

    assert struck == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({}, "a fault plan is no list"),
        ([3], "fault 0 is 3"),
        ([{"on": "request", "do": "halt"}], "fault 0 does 'halt' on 'request'"),
        ([{"on": "market", "do": "cap", "shares": "9"}], "fault 0 has shares '9'"),
        ([{"on": "market", "do": "cap", "share": 9}], "fault 0 has the field 'share'"),
    ],
)
def test_a_fault_plan_that_is_none_is_told_in_a_sentence(plan: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        faults_of(plan)
