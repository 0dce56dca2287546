"""How an account does, read from the tables that trading writes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from account_rows import AT_NS, MINUTE_NS, PRE_NS, Books
from live_services import fresh_database
from pydantic import SecretStr
from said import Say, saying
from status_lines import FULL

from catalyst.live import events
from catalyst.live.account_status import acknowledge, status_of
from catalyst.live.cache import Cache
from catalyst.live.cache_feed import write_positions
from catalyst.live.database import Database
from catalyst.live.health import ServiceState, end_heartbeat, heartbeat, write_limits
from catalyst.live.protection import Covered, protection_of
from catalyst.live.reach import Reached
from catalyst.live.run_file import Run, runs, write_run_file
from catalyst.live.status import Degraded, Dropped, Limit, Protected, Running, Status
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def url(postgres_cluster: str) -> Iterator[SecretStr]:
    with fresh_database(postgres_cluster) as found:
        yield found


@pytest.fixture(scope="module")
def database(url: SecretStr) -> Iterator[Database]:
    with Database(url) as opened:
        yield opened


@pytest.fixture
def books(database: Database) -> Books:
    """Books of an account that no other test knows."""
    found = Books(database, f"PA{next(_NUMBERS)}")
    found.open()
    return found


def run_of(account: str) -> Run:
    return Run(account, 1, "spec", "5m", "postgresql://x@127.0.0.1/y", "", "http://127.0.0.1:1", "")


@contextmanager
def live(books: Books, state: Path, *, ended: bool = False) -> Iterator[None]:
    """A process that runs, or did until it stopped on purpose."""
    with write_run_file(state, run_of(books.account)):
        heartbeat(books.database, books.account, services={}, exchange_ns=AT_NS, speed=0)
        if not ended:
            yield
            return
    end_heartbeat(books.database, books.account)
    yield


def read(books: Books | None, state: Path, *, why: str = "") -> Status:
    run = next(iter(runs(state)), None)
    database = books.database if books else None
    reached = Reached(state, run.account if run else "", run, database, why, None)
    return status_of(reached, Cache(None))


def opened() -> events.SessionOpened:
    return events.SessionOpened("2023-10-02", "spec", "h", {}, "v", "5m", [], "lake", {})


def decided(**decision: object) -> events.Decided:
    state = {"cash_micro": 90_000_000_000, "day_start_micro": 100_000_000_000, "marks": []}
    return events.Decided(AT_NS, "d", dict(decision), state, fills_seq=0)


# --- what there is -----------------------------------------------------------------------------


def test_nothing_that_ever_ran_is_told_and_needs_nobody(tmp_path: Path) -> None:
    status = read(None, tmp_path, why="no database was ever made here")

    assert (status.state, status.needs) == (Running.STOPPED, ())
    assert "start it by `catalyst live`" in status.text


def test_the_market_is_that_of_exchange_time_and_times_are_new_york_s(
    books: Books, tmp_path: Path
) -> None:
    books.journal(opened(), 1)
    with live(books, tmp_path):
        status = read(books, tmp_path)

    assert (status.state, status.market, status.session) == (
        Running.RUNNING,
        "regular",
        "2023-10-02",
    )
    assert status.at == "2023-10-02T10:35:00-04:00"


def test_money_is_cash_marks_and_fills_to_the_cent(books: Books, tmp_path: Path) -> None:
    books.journal(opened(), 1)
    books.journal(decided(), 2)
    books.position("AAPL", 10, price="100.10", mark="101.35")
    books.position("BAC", -100, price="20", mark="20.05")
    books.position("C", 0, price="50", mark="50", status="closed")
    books.fill("C", "buy", 7, "50", role="entry", fee="0.01")
    books.fill("C", "sell", 7, "51.5", role="target_1", fee="0.02")
    books.balance("100990.47")
    money = read_live(books, tmp_path).money

    assert money is not None
    assert (money.cash, money.unrealised, money.realised) == ("100990.47", "7.50", "10.47")
    # 100,990.47 + 10 x 101.35 - 100 x 20.05, and 100,000 at the day's start.
    assert (money.equity, money.today) == ("99998.97", "-1.03")


def read_live(books: Books, state: Path) -> Status:
    with live(books, state):
        return read(books, state)


def test_a_position_shows_its_levels_at_the_broker(books: Books, tmp_path: Path) -> None:
    books.position("AAPL", 10)
    books.order("AAPL", "sell", "stop", 10, role="stop", price="98.02", status="held")
    books.order("AAPL", "sell", "limit", 10, role="target_1", price="103")
    (line,) = read_live(books, tmp_path).positions

    assert (line.protection.kind, line.protection.text) == (
        Protected.RESTING,
        "stop 98.02 · target 103.00",
    )


def test_a_stop_that_nobody_has_seen_protects_nothing(books: Books, tmp_path: Path) -> None:
    books.position("AAPL", 10)
    books.order("AAPL", "sell", "stop", 10, role="stop", price="98", status="unknown")
    status = read_live(books, tmp_path)

    assert status.needs == ("10 shares of AAPL are not protected",)


def test_shares_of_an_entry_that_was_closed_are_shown(books: Books, tmp_path: Path) -> None:
    books.position("AAPL", 3, status="closed")

    assert [one.symbol for one in read_live(books, tmp_path).positions] == ["AAPL"]


@pytest.mark.parametrize(
    ("orders", "watching", "is_regular", "kind"),
    [
        ([("stop", 6), ("stop", 4)], True, True, Protected.RESTING),
        ([("stop", 6), ("stop", 4)], False, False, Protected.RESTING),
        ([("stop", 6)], True, True, Protected.NONE),
        ([("stop", 6), ("market", 4)], False, True, Protected.LEAVING),
        ([("limit", 10)], True, True, Protected.NONE),
        ([], True, False, Protected.WATCHED),
        ([], False, False, Protected.NONE),
    ],
)
def test_every_share_must_be_covered(
    orders: list[tuple[str, int]], *, watching: bool, is_regular: bool, kind: Protected
) -> None:
    covered = [Covered(name, size, "1.00") for name, size in orders]
    found = protection_of(10, covered, watching=watching, is_regular=is_regular)

    assert found.kind == kind


def test_the_funnel_counts_who_passed_and_what_stopped_the_others(
    books: Books, tmp_path: Path
) -> None:
    for symbol in ("A", "B", "C", "D"):
        books.candidate(symbol, 50)
    books.candidate("A", 20, score=80)
    books.candidate("B", 20, score=90)
    books.candidate("C", 20, reason="catalyst_min")
    books.candidate("D", 20, reason="catalyst_min")
    books.candidate("A", 5, score=80)
    books.candidate("B", 5, score=90)
    funnel = read_live(books, tmp_path).funnel

    assert funnel is not None
    assert funnel.passed == {"50": 4, "20": 2, "5": 2}
    assert funnel.finalists == ("B", "A")
    assert funnel.dropped == (
        Dropped(20, "catalyst_min", "has a catalyst score below the minimum", 2),
    )


def test_cycles_of_the_day_are_counted_by_how_they_ended(books: Books, tmp_path: Path) -> None:
    books.journal(opened(), 1)
    books.cycle("done", at_ns=PRE_NS - 10 * 60 * MINUTE_NS)
    for place, status in enumerate(("done", "done", "missed", "failed")):
        books.cycle(status, at_ns=PRE_NS + place * MINUTE_NS)
    cycles = read_live(books, tmp_path).cycles

    assert (cycles.done, cycles.missed, cycles.failed) == (2, 1, 1)


def test_the_last_decision_tells_its_lag_in_exchange_time(books: Books, tmp_path: Path) -> None:
    signals = [{"outcome": "intent"}, {"outcome": "refused"}, {"outcome": "hold"}]
    books.journal(opened(), 1)
    books.journal(
        decided(screen={"symbol": ["A", "B"]}, signals=signals),
        2,
        at_ns=AT_NS + 2_031 * 10**6,
    )
    last = read_live(books, tmp_path).last_decision

    assert last is not None
    assert (last.lag_ms, last.candidates, last.signals, last.intents, last.refused) == (
        2031.0,
        2,
        3,
        1,
        1,
    )


def test_what_happened_is_told_in_sentences(books: Books, tmp_path: Path) -> None:
    told: list[tuple[events.Body, str]] = [
        (opened(), "session 2023-10-02 opened: spec on 5m bars"),
        (
            events.Filled(
                *("f", "o", "c", "b", "x", "e", "AAPL", "buy", "target_1", 1_200, 9.05, 0, AT_NS)
            ),
            "bought 1,200 AAPL at 9.05 (target 1)",
        ),
        (
            events.Withheld("o", "e", "BAC", "entries_a_day", 20, 20),
            "BAC: entry withheld, comes after the day's last allowed entry (20, threshold 20)",
        ),
        (events.Missed(AT_NS, "no bars"), "missed the decision of 10:35 NY: no bars"),
        (events.Control("pause", "ann@desk"), "pause asked for by ann@desk"),
    ]
    for seq, (body, _) in enumerate(told, 1):
        books.journal(body, seq)
    found = read_live(books, tmp_path).events

    assert [one.text for one in found] == [text for _, text in reversed(told)]


# --- how it does -------------------------------------------------------------------------------


def test_a_pause_in_the_journal_shows_after_a_restart(books: Books, tmp_path: Path) -> None:
    books.journal(opened(), 1)
    books.journal(events.Control("pause", "ann"), 2)
    before = read_live(books, tmp_path).state
    books.journal(events.Control("resume", "ann"), 3)

    assert (before, read_live(books, tmp_path).state) == (Running.PAUSED, Running.RUNNING)


def test_one_that_was_stopped_needs_nobody_and_one_that_was_killed_does(
    books: Books, tmp_path: Path
) -> None:
    books.journal(opened(), 1)
    with live(books, tmp_path, ended=True):
        stopped = read(books, tmp_path)
    heartbeat(books.database, books.account, services={}, exchange_ns=AT_NS)
    path = tmp_path / f"live-{books.account}.json"
    path.write_text(path.read_text().replace('"ended": true', '"ended": false'))
    killed = read(books, tmp_path)

    assert (stopped.state, stopped.needs) == (Running.STOPPED, ())
    assert killed.state is Running.STOPPED
    assert killed.needs == ("trading is dead: the process ended unasked",)


def test_incident_08_a_part_without_a_sign_of_life_for_a_minute_is_dead(
    books: Books, tmp_path: Path
) -> None:
    with live(books, tmp_path):
        books.silence("news")
        status = read(books, tmp_path)

    assert status.needs == ("news is dead: no sign of life for 1020 min",)


def test_incident_11_a_cache_that_is_away_shows_as_degraded(books: Books, tmp_path: Path) -> None:
    rule = Degraded("no_cache", "reads come from PostgreSQL")
    with live(books, tmp_path):
        heartbeat(
            books.database,
            books.account,
            services={"redis": ServiceState("degraded", "wrong password")},
            degraded=[rule],
            exchange_ns=AT_NS,
        )
        status = read(books, tmp_path)

    assert status.health["redis"].status == "degraded"
    assert (status.degraded, status.needs) == ((rule,), ())


def test_incident_16_a_reached_limit_and_its_alert_are_shown(books: Books, tmp_path: Path) -> None:
    state = PortfolioState(95_000_000_000, day_start_micro=100_000_000_000, entries_today=20)
    write_limits(books.database, books.account, params=Params(), state=state, names=[], at_ns=AT_NS)
    books.alert("entries_a_day", "warning", "20 of 20 entries are used up")
    status = read_live(books, tmp_path)

    assert status.limits == (
        Limit("lost today", "5.00%", "5.00%", reached=True),
        Limit("entries today", "20", "20", reached=True),
        Limit("positions and entries", "0", "5", reached=False),
    )
    assert [one.text for one in status.alerts] == ["20 of 20 entries are used up"]


def test_a_critical_alert_needs_a_person_until_it_is_over_and_is_shown_until_acknowledged(
    books: Books, tmp_path: Path
) -> None:
    books.alert("unprotected", "critical", "AAPL is without a stop")
    books.alert("blind", "critical", "the stream was lost", over=True)
    before = read_live(books, tmp_path)
    acknowledge(books.database, books.account, by="ann")
    after = read_live(books, tmp_path)

    assert before.needs == ("AAPL is without a stop",)
    assert [one.over for one in before.alerts] == [False, True]
    assert (after.needs, after.alerts) == ((), ())


def test_without_a_database_the_cached_positions_are_shown_and_said_to_be_that(
    redis_url: SecretStr, tmp_path: Path
) -> None:
    with write_run_file(tmp_path, run_of("PA0")):
        cache = Cache(redis_url, patience_s=2)
        write_positions(cache, "PA0", FULL.positions)
        cache.check(2)
        reached = Reached(tmp_path, "PA0", runs(tmp_path)[0], None, "it is down", redis_url)
        status = status_of(reached, cache)

    assert status.positions == FULL.positions
    assert "postgresql is dead: it is down" in status.needs


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    return saying(monkeypatch, capsys, CATALYST_HOME=str(tmp_path))


def test_the_command_tells_all_of_it_as_json_without_a_password(
    say: Say,
    books: Books,
    url: SecretStr,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", url.get_secret_value())
    books.journal(opened(), 1)
    books.position("AAPL", 10)
    with live(books, tmp_path / "state"):
        code, out, err = say("status", "--json")
    told = json.loads(out)

    assert (code, told["state"], told["account"], err) == (1, "running", books.account, "")
    assert told["needs"] == ["10 shares of AAPL are not protected"]
    assert Decimal(told["positions"][0]["pnl"]) == 10
    password = url.get_secret_value().split(":")[2].split("@")[0]
    assert password not in out + err


def test_the_command_says_what_to_start_where_nothing_ever_ran(
    say: Say,
) -> None:
    code, out, _ = say("status")

    assert code == 0
    assert "catalyst live" in out


def test_watching_and_json_exclude_each_other(say: Say) -> None:
    code, _, err = say("status", "--watch", "--json")

    assert code == 2
    assert "expected one of them" in err
