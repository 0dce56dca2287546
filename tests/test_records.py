"""The data functions by name: what the documents ask of them, on a real PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from journal_bodies import (
    CASH,
    Entry,
    arrived,
    article,
    at,
    decided,
    journal_in,
    opened,
    pattern,
    screen,
    signal,
    state,
)
from live_services import fresh_database
from pydantic import SecretStr

from catalyst.errors import InputError
from catalyst.live import records
from catalyst.live.database import Database
from catalyst.live.journal import Journal, make_months
from catalyst.live.news_collection import keep_collected
from catalyst.live.news_stream import Collected
from catalyst.live.session_summary import summary_of

NOW = at(9, 40)
HOUR = 3600 * 10**9

NAMED = (
    *("insert_news_article", "get_recent_news", "news_collection_stats"),
    *("insert_trading_candidate", "get_candidates_for_analysis"),
    *("insert_pattern_detection", "get_pattern_history", "insert_trading_signal"),
    *("insert_technical_indicators", "get_latest_indicators", "get_signal_history"),
    *("insert_trade_record", "update_trade_exit", "get_open_positions", "get_pending_signals"),
    *("get_trade_history", "calculate_portfolio_metrics"),
)

Desk = tuple[Database, Journal]


@pytest.fixture(scope="module")
def postgres(postgres_cluster: str) -> Iterator[SecretStr]:
    """One database for all tests here: each has an account of its own."""
    with fresh_database(postgres_cluster) as url:
        with psycopg.connect(url.get_secret_value()) as connection:
            make_months(connection, NOW)
        yield url


@pytest.fixture
def desk(postgres: SecretStr) -> Iterator[Desk]:
    """A database, and the journal of an account without events."""
    with journal_in(postgres) as found:
        yield found


@pytest.fixture(scope="module")
def traded(postgres: SecretStr) -> Iterator[Desk]:
    """An account with a scan, one trade that lost, one position, one entry that works."""
    with journal_in(postgres, "traded") as (database, journal):
        lost, held, works = Entry("AAA"), Entry("BBB"), Entry("CCC")
        news, rows = arrived(article(21), article(22, "BBB", market_state="regular"))
        scan = decided(
            screen=screen(["AAA", "XXX", "BBB", "YYY", "CCC"]),
            patterns=[pattern()],
            signals=[signal(news_ids=[21]), signal("BBB", news_ids=[22]), signal("CCC")],
            indicators=[
                {"symbol": "AAA", "timeframe": "5m", "rsi": 61.5, "signal": "BUY"},
                {"symbol": "AAA", "timeframe": "15m", "rsi": 51.5, "signal": "NEUTRAL"},
            ],
        )
        journal.append([opened(), news, scan], at_ns=NOW, inputs=rows)
        for entry in (lost, held, works):
            journal.append([entry.intent(0), entry.answered(0)], at_ns=NOW)
        for entry in (lost, held):
            journal.append(entry.done(0, "entry", price=10.0), at_ns=NOW)
        journal.append(lost.done(0, "stop", price=9.5), at_ns=NOW)
        kept = [{"filled": 10, "exited": 0, "side": 1, "symbol": "BBB", "cost_micro": 100_000_000}]
        after = state(CASH - 105_000_000, entries=kept, marks=[["BBB", 10.5]])
        again = screen(["AAA"], stage=20)
        journal.append([decided(at(9, 45), after=after, screen=again)], at_ns=at(9, 45))
        journal.project_pending()
        yield database, journal


def asked(desk: Desk, read: Callable[..., Any], *given: object, **named: object) -> Any:  # noqa: ANN401 - rows
    database, journal = desk
    with database.connection() as connection:
        return read(connection, journal.account_id, *given, **named)


@pytest.mark.parametrize("name", NAMED)
def test_every_function_of_the_documents_is_there_by_name(name: str) -> None:
    assert callable(getattr(records, name))


def test_recent_news_is_what_was_known_in_the_hours_before(traded: Desk) -> None:
    database, _ = traded
    found = {}
    with database.connection() as connection:
        for hours in (1.0, 0.1):
            rows = records.get_recent_news(connection, now_ns=NOW, hours=hours)
            found[hours] = [row["symbol"] for row in rows]
        pre = records.get_recent_news(connection, now_ns=NOW, pre_market=True)
        early = records.get_recent_news(connection, now_ns=at(9, 29))

    assert found == {1.0: ["BBB", "AAA"], 0.1: []}
    assert [row["symbol"] for row in pre] == ["AAA"]
    assert early == []


def test_an_article_is_written_once(desk: Desk) -> None:
    database, _ = desk
    with database.connection() as connection:
        counts = [records.insert_news_article(connection, article(31, "ZZZ")) for _ in range(2)]

    assert counts == [1, 0]


def test_polls_of_sources_are_summed_up(desk: Desk) -> None:
    database, journal = desk
    poll = {
        "account_id": journal.account_id,
        "source": "alpaca",
        "given": 5,
        "new": 3,
        "duplicates": 2,
        "errors": 0,
        "error": None,
        "metadata": "{}",
    }
    with database.connection() as connection:
        polls = [{**poll, "asked_ns": NOW - n * HOUR} for n in (0, 0, 30)]
        records.insert_news_collection(connection, *polls)
    [found] = asked(desk, records.news_collection_stats, now_ns=NOW)

    assert (found["polls"], found["given"], found["new"], found["duplicates"]) == (1, 10, 6, 4)


def test_what_news_sources_brought_is_kept(desk: Desk) -> None:
    database, journal = desk
    silent = Collected("alpaca rest", NOW, 0, 0, 0, 0, errors=1, why="timed out")
    streamed = Collected("alpaca stream", NOW, given=4, new=2, duplicates=1, refused=1)
    kept = keep_collected(database, journal.account_id, [silent, streamed])
    found = asked(desk, records.news_collection_stats, now_ns=NOW)

    assert kept == 2
    assert [(row["source"], row["new"], row["errors"]) for row in found] == [
        ("alpaca rest", 0, 1),
        ("alpaca stream", 2, 0),
    ]


def test_a_session_is_summed_up_in_sentences(traded: Desk) -> None:
    database, journal = traded
    found = summary_of(database, journal.account_id, began_ns=at(4), now_ns=at(16))

    assert found[0] == "3 signals: 3 to be traded (2 filled, 1 pending), 0 refused, 0 held"
    assert sorted(found[1:3]) == [
        'AAA: buy 10 at 10.00, left at 9.50 (stop), -5.00 USD; news of reuters: "headline 21"',
        'BBB: buy 10 at 10.00, still held; news of reuters: "headline 22"',
    ]
    assert found[3:] == (
        "held or being entered: +10 BBB (open), +0 CCC (working)",
        "all closed trades of the account: 1, 0.0 % won, -5.00 USD",
    )


def test_candidates_are_the_best_of_the_last_hour_each_symbol_once(traded: Desk) -> None:
    best = asked(traded, records.get_candidates_for_analysis, now_ns=at(9, 45), limit=2)
    later = asked(traded, records.get_candidates_for_analysis, now_ns=at(10, 42))
    free = asked(traded, records.get_candidates_for_analysis, now_ns=at(9, 45), untraded=True)

    assert [(row["symbol"], row["stage"]) for row in best] == [("AAA", 20), ("BBB", 50)]
    assert [row["symbol"] for row in later] == ["AAA"]
    assert [row["symbol"] for row in free] == ["AAA"]


def test_patterns_of_a_symbol_are_those_of_the_hours_before(traded: Desk) -> None:
    [found] = asked(traded, records.get_pattern_history, "AAA", now_ns=at(9, 45))
    none = asked(traded, records.get_pattern_history, "AAA", now_ns=at(9, 39))

    assert (found["pattern_name"], found["pattern_type"]) == ("CDLENGULFING", "candlestick")
    assert none == []


def test_indicators_are_the_last_of_each_timeframe(traded: Desk) -> None:
    found = asked(traded, records.get_latest_indicators, "AAA")
    [one] = asked(traded, records.get_latest_indicators, "AAA", "5m")

    assert [(row["timeframe"], row["rsi"]) for row in found] == [("15m", 51.5), ("5m", 61.5)]
    assert one["signal"] == "BUY"


def test_signals_say_what_they_rest_on_and_what_became_of_them(traded: Desk) -> None:
    [found] = asked(traded, records.get_signal_history, now_ns=at(9, 45), symbol="AAA")

    assert (found["signal_type"], found["detected_patterns"]) == ("BUY", ["CDLENGULFING"])
    assert found["news_ids"] == [f"{21:016x}"]
    assert found["executed"] is True


def test_pending_is_what_is_to_be_traded_and_has_not_filled(traded: Desk) -> None:
    found = asked(traded, records.get_pending_signals)

    assert [row["symbol"] for row in found] == ["CCC"]


def test_open_positions_are_held_or_being_entered(traded: Desk) -> None:
    found = asked(traded, records.get_open_positions)

    assert [(row["symbol"], row["status"], int(row["quantity"])) for row in found] == [
        ("BBB", "open", 10),
        ("CCC", "working", 0),
    ]
    assert found[0]["unrealized_pnl"] == 5


def test_trades_are_read_back_the_newest_first(traded: Desk) -> None:
    found = asked(traded, records.get_trade_history)
    one = asked(traded, records.get_trade_history, symbol="AAA")

    assert {row["symbol"]: row["status"] for row in found} == {"AAA": "closed", "BBB": "open"}
    assert [int(row["pnl"]) for row in one] == [-5]


def test_metrics_add_up_to_what_was_traded(traded: Desk) -> None:
    found = asked(traded, records.calculate_portfolio_metrics)

    assert (found["total_trades"], found["losing_trades"], int(found["total_pnl"])) == (1, 1, -5)
    assert (found["open_positions"], int(found["market_value"])) == (1, 105)
    assert int(found["equity"]) == 100_000


def test_metrics_of_an_account_that_never_traded_are_zero(desk: Desk) -> None:
    found = asked(desk, records.calculate_portfolio_metrics)

    assert (found["total_trades"], found["total_pnl"], found["win_rate"]) == (0, 0, None)


def test_news_is_told_with_the_trade_it_led_to_and_how_good_its_source_is(traded: Desk) -> None:
    [found] = asked(traded, records.news_with_outcomes, "AAA", now_ns=NOW)

    assert (found["exit_reason"], found["catalyst_confirmed"]) == ("stop", False)
    assert found["source_accuracy"] == 0


TRADE: dict[str, Any] = {
    "trade_id": "t1",
    "entry_id": "e1",
    "symbol": "AAA",
    "side": "buy",
    "quantity": 10,
    "entry_price": 10.0,
}
SIGNAL: dict[str, Any] = {
    "signal_id": "s1",
    "symbol": "AAA",
    "signal_type": "BUY",
    "decided_ns": NOW,
    "confidence": 50.0,
    "recommended_entry": 10.0,
    "stop_loss": 9.5,
    "target_1": 11.0,
}


@pytest.mark.parametrize(
    ("insert", "row", "told"),
    [
        (records.insert_trade_record, {**TRADE, "symbol": ""}, "has no symbol"),
        (records.insert_trade_record, {**TRADE, "side": "long"}, "has side 'long'; expected one"),
        (records.insert_trade_record, {**TRADE, "quantity": 0}, "has quantity 0; expected more"),
        (records.insert_trade_record, {**TRADE, "entry_price": -1}, "has entry_price -1"),
        (records.insert_trading_signal, {**SIGNAL, "signal_type": None}, "has no signal_type"),
        (records.insert_trading_signal, {**SIGNAL, "signal_type": "LONG"}, "one of BUY, SELL"),
        (records.insert_trading_signal, {**SIGNAL, "confidence": 101}, "expected 0 to 100"),
        (records.insert_trading_signal, {**SIGNAL, "stop_loss": None}, "has stop_loss None"),
        (records.insert_news_article, {"news_id": "1"}, "has no headline"),
        (records.update_trade_exit, {"trade_id": "t1"}, "has no exit_ns"),
        (
            records.insert_trading_candidate,
            {"symbol": "AAA", "decided_ns": 1, "reason": "passed", "stage": 7},
            "has stage 7; expected one of 50, 20, 5",
        ),
    ],
)
def test_a_row_that_can_not_be_is_refused_in_a_sentence(
    desk: Desk, insert: Callable[..., int], row: dict[str, Any], told: str
) -> None:
    database, _ = desk
    with database.connection() as connection, pytest.raises(InputError, match=told):
        insert(connection, row)


def test_of_a_batch_all_is_written_or_nothing(desk: Desk) -> None:
    database, _ = desk
    with database.connection() as connection, pytest.raises(InputError):
        records.insert_news_article(connection, article(41, "ZZZ"), {"news_id": "no headline"})
    with database.connection() as connection:
        left = connection.execute(
            "SELECT count(*) FROM data_ingestion.news_raw WHERE news_id = %s", (f"{41:016x}",)
        ).fetchone()

    assert left == (0,)


def test_an_error_of_the_database_is_logged_with_its_context_and_raised(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(psycopg.errors.InvalidRowCountInLimitClause),
    ):
        asked(desk, records.get_trade_history, limit=-1)

    assert "sqlstate=2201W" in caplog.text
