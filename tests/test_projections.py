"""Rows that follow from the journal: money exact, one row a truth, and all of it made again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_bodies import (
    CASH,
    DAY,
    Entry,
    arrived,
    article,
    at,
    closed,
    decided,
    journal_in,
    opened,
    pattern,
    rows_of,
    screen,
    signal,
    state,
)
from live_services import fresh_database
from pydantic import SecretStr

from catalyst.errors import EntryExistsError, ServiceError
from catalyst.live.database import Database
from catalyst.live.events import Alert, Body, Cycle, Filled, Missed, OrderChanged, Refused, Withheld
from catalyst.live.journal import Journal
from catalyst.live.projections import project_later
from catalyst.live.rebuild import rebuild
from catalyst.strategy.money import MICRO

NOW = at(9, 40)
INITIAL = Decimal(CASH) / MICRO

# Tables that are not made from the journal: itself, its inputs, and what others write.
KEPT = {
    "accounts",
    "control_requests",
    "ingestion_status",
    "journal",
    "market_data",
    "news_collection_stats",
    "news_seen",
    "position_limits",
    "risk_limits",
    "service_health",
    "system_logs",
}
COPIED = ("data_ingestion.market_data", "data_ingestion.news_raw", "data_ingestion.news_seen")

POSITION = (
    "SELECT status::TEXT, quantity, cost_basis, realized_pnl FROM execution.positions "
    "WHERE account_id = %s ORDER BY symbol, entry_id"
)


@pytest.fixture(scope="module")
def postgres(postgres_cluster: str) -> Iterator[SecretStr]:
    """One database for all tests here: each has an account of its own."""
    with fresh_database(postgres_cluster) as url:
        yield url


def derived(url: SecretStr, account: str) -> dict[str, list[str]]:
    """Every row of every derived table of an account, as text; numbers of rows are no content."""
    found = {}
    with psycopg.connect(url.get_secret_value()) as connection:
        tables = connection.execute(
            "SELECT c.oid::REGCLASS::TEXT, c.relname FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'account_id' "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
        ).fetchall()
        for table, name in tables:
            if name in KEPT:
                continue
            sql = f"SELECT (to_jsonb(t) - 'alert_id')::TEXT FROM {table} t WHERE account_id = %s"
            rows = connection.execute(sql, (account,)).fetchall()
            found[table] = sorted(row[0] for row in rows)
    return found


def a_session(journal: Journal) -> Entry:
    """Append a session with all that leaves rows: news, a scan, trades, trouble, a close."""
    entry, lost = Entry("AAA"), Entry("BBB", side="sell")
    news, rows = arrived(article(7), article(8, "BBB", source="blog"))
    refused = signal("CCC", outcome="refused", rule="positions_max", value=5.0, threshold=5.0)
    scan = decided(
        screen=screen(["AAA", "BBB", "CCC", "DDD"]),
        patterns=[pattern()],
        signals=[signal(), signal("BBB", side=-1, news_ids=[8]), refused],
        indicators=[{"symbol": "AAA", "timeframe": "5m", "rsi": 61.5, "signal": "BUY"}],
    )
    cycle = Cycle("c1", NOW, "normal", "started", "me", NOW + 10**9)
    late = Withheld(lost.order_id(1), lost.entry_id, "BBB", "stale", 31.0, 30.0)
    fills = len(Entry().sent())
    journal.append([opened(), cycle], at_ns=NOW)
    journal.append([news, scan, entry.intent(0), entry.intent(1)], at_ns=NOW, inputs=rows)
    journal.append([entry.answered(0), entry.answered(1), lost.intent(0), late], at_ns=NOW)
    journal.append([Refused(lost.client_id(0), 403, 40310000, "no money")], at_ns=NOW)
    journal.append(entry.done(0, "entry", price=10.01), at_ns=NOW)
    journal.append([entry.filled(1, quantity=3, price=10.02, fee=17)], at_ns=NOW)
    alert = Alert("limit_positions_max", DAY, "warning", "all slots are taken", 5.0, 5.0)
    held = [{"filled": 13, "exited": 0, "side": 1, "symbol": "AAA", "cost_micro": 130_160_000}]
    after = state(CASH - 130_160_017, entries=held, marks=[["AAA", 10.25]])
    journal.append([decided(at(9, 45), after=after, fills_seq=fills), alert, alert], at_ns=NOW)
    journal.append(
        [
            entry.changed(1, status="canceled", filled=3, average_price="10.02"),
            *entry.done(0, "stop", price=9.49),
            entry.filled(1, "stop", quantity=3, price=9.48),
            Missed(at(9, 50), "late"),
            closed(),
        ],
        at_ns=NOW,
    )
    journal.project_pending()
    return entry


def test_a_session_leaves_rows_in_every_derived_table(postgres: SecretStr) -> None:
    with journal_in(postgres) as (_, journal):
        a_session(journal)
        found = derived(postgres, journal.account_id)

    assert [table for table, rows in found.items() if not rows] == []


def test_all_that_is_derived_is_made_again_row_for_row(postgres: SecretStr) -> None:
    with journal_in(postgres) as (database, journal):
        a_session(journal)
        sql = "UPDATE notification.alerts SET acknowledged = TRUE, acknowledged_by = 'me' "
        sql += "WHERE account_id = %s RETURNING 1"
        rows_of(database, journal, sql)
        before = derived(postgres, journal.account_id)
        journal.close()
        events = rebuild(database, journal.account_id)
        after = derived(postgres, journal.account_id)

    assert events == journal.last_seq
    assert after == before


def test_all_that_is_derived_is_made_in_an_empty_database(
    postgres: SecretStr, postgres_cluster: str
) -> None:
    with journal_in(postgres) as (_, journal), fresh_database(postgres_cluster) as empty:
        a_session(journal)
        before = derived(postgres, journal.account_id)
        copied(postgres, empty, journal.account_id)
        with Database(empty, smallest=1) as database:
            rebuild(database, journal.account_id)
        after = derived(empty, journal.account_id)

    assert after == before


def copied(source: SecretStr, target: SecretStr, account: str) -> None:
    """Copy an account's journal and inputs, nothing else."""
    with (
        psycopg.connect(source.get_secret_value()) as reading,
        psycopg.connect(target.get_secret_value()) as writing,
    ):
        writing.execute("INSERT INTO execution.accounts (account_id) VALUES (%s)", (account,))
        writing.execute("SELECT ensure_partitions(instant_of(%s), instant_of(%s))", (at(4), at(20)))
        for table in ("execution.journal", *COPIED):
            listed = reading.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::REGCLASS AND attnum > 0 "
                "AND attgenerated = ''",
                (table,),
            ).fetchall()
            names = ", ".join(name for (name,) in listed)
            where = "" if table.endswith("news_raw") else f"WHERE account_id = '{account}'"
            rows = reading.execute(f"SELECT {names} FROM {table} {where}").fetchall()
            marks = ", ".join(["%s"] * len(listed))
            if not rows:
                continue
            given = [
                tuple(psycopg.types.json.Jsonb(v) if isinstance(v, dict) else v for v in row)
                for row in rows
            ]
            with writing.cursor() as cursor:
                sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
                cursor.executemany(sql, given)


def test_nothing_is_made_again_while_the_account_is_traded(
    postgres: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalyst.live.journal._LOCK_WAIT_MS", 50)
    with (
        journal_in(postgres) as (database, journal),
        pytest.raises(ServiceError, match="another process trades"),
    ):
        rebuild(database, journal.account_id)


def test_what_is_pending_is_worked_off_once_however_often_it_is_interrupted(
    postgres: SecretStr,
) -> None:
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), Missed(NOW, "a"), Missed(NOW, "b"), closed()], at_ns=NOW)
        with pytest.raises(KeyError):
            _killed(database, journal.account_id)
        with database.connection() as connection:
            project_later(connection, journal.account_id, limit=3)
        counts = [journal.project_pending(), journal.project_pending()]
        sql = "SELECT seq FROM logging.workflow_log WHERE account_id = %s ORDER BY seq"
        seqs = [seq for (seq,) in rows_of(database, journal, sql)]

    assert counts == [1, 0]
    assert seqs == [1, 2, 3, 4]


def test_an_event_that_leaves_no_rows_leaves_an_alert_and_holds_up_nothing(
    postgres: SecretStr,
) -> None:
    sql = "SELECT rule, text FROM notification.alerts WHERE account_id = %s"
    log = "SELECT seq FROM logging.workflow_log WHERE account_id = %s ORDER BY seq"
    with journal_in(postgres) as (database, journal):
        broken = decided(signals=[signal(stop=None)])
        journal.append([opened(), broken, Missed(NOW, "x")], at_ns=NOW)
        journal.project_pending()
        [alert] = rows_of(database, journal, sql)
        told = [seq for (seq,) in rows_of(database, journal, log)]
        before = derived(postgres, journal.account_id)
        journal.close()
        rebuild(database, journal.account_id)
        after = derived(postgres, journal.account_id)

    assert alert[0] == "not_projected"
    assert alert[1].startswith("event 2 (decided) left no rows: a signal of AAA has stop_loss None")
    assert told == [1, 3]
    assert after == before


def _killed(database: Database, account: str) -> None:
    with database.connection() as connection:
        project_later(connection, account, limit=3)
        raise KeyError


def test_an_entry_is_working_then_open_then_closed(postgres: SecretStr) -> None:
    entry = Entry()
    found = []
    with journal_in(postgres) as (database, journal):
        steps: list[list[Body]] = [
            [opened(), *entry.sent()],
            [*entry.done(0, "entry", price=10.0), *entry.done(1, "entry", price=10.0)],
            entry.done(0, "stop", price=9.5),
            entry.done(1, "target_2", price=12.0),
        ]
        for bodies in steps:
            journal.append(bodies, at_ns=NOW)
            [(status, quantity, _, realized)] = rows_of(database, journal, POSITION)
            found.append((status, int(quantity), float(realized)))

    assert found == [("working", 0, 0), ("open", 20, 0), ("open", 10, -5), ("closed", 0, 15)]


def test_an_entry_whose_order_has_filled_is_not_closed_before_the_fill_is_booked(
    postgres: SecretStr,
) -> None:
    entry = Entry()
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), entry.intent(0), entry.answered(0)], at_ns=NOW)
        told = entry.changed(0, status="filled", filled=10, average_price="10.00")
        journal.append([told], at_ns=NOW)
        before = rows_of(database, journal, POSITION)[0][0]
        journal.append([entry.filled(0, quantity=10, price=10.0)], at_ns=NOW)
        after = rows_of(database, journal, POSITION)[0][0]

    assert (before, after) == ("working", "open")


@pytest.mark.parametrize("ending", ["refused", "withheld", "canceled"])
def test_a_symbol_is_free_again_when_its_entry_can_not_fill_any_more(
    postgres: SecretStr, ending: str
) -> None:
    first, second = Entry(), Entry(side="sell")
    ends: dict[str, list[Body]] = {
        "refused": [Refused(first.client_id(0), 403, 40310000, "no money")],
        "withheld": [Withheld(first.order_id(0), first.entry_id, "AAA", "stale", None, None)],
        "canceled": [first.answered(0), first.changed(0, status="canceled")],
    }
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), first.intent(0)], at_ns=NOW)
        with pytest.raises(EntryExistsError):
            journal.append([second.intent(0)], at_ns=NOW)
        journal.append(ends[ending], at_ns=NOW)
        journal.append([second.intent(0)], at_ns=NOW)
        statuses = sorted(row[0] for row in rows_of(database, journal, POSITION))

    assert statuses == ["closed", "working"]


def test_a_fill_that_comes_after_its_entry_was_closed_is_booked(postgres: SecretStr) -> None:
    first, second = Entry(), Entry(side="sell")
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), first.intent(0), first.answered(0)], at_ns=NOW)
        journal.append([first.changed(0, status="canceled"), second.intent(0)], at_ns=NOW)
        journal.append([first.filled(0, quantity=4, price=10.0)], at_ns=NOW)
        found = {(row[0], int(row[1])) for row in rows_of(database, journal, POSITION)}

    assert found == {("closed", 4), ("working", 0)}


def test_incident_05_an_order_row_becomes_what_the_broker_says(postgres: SecretStr) -> None:
    entry = Entry()
    sql = (
        "SELECT role::TEXT, status::TEXT, filled_quantity::INTEGER, average_fill_price::TEXT "
        "FROM execution.orders WHERE account_id = %s ORDER BY role"
    )
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), entry.intent(0)], at_ns=NOW)
        intended = rows_of(database, journal, sql)
        journal.append([entry.answered(0)], at_ns=NOW)
        journal.append(
            [
                entry.changed(0, status="filled", filled=10, average_price="10.015"),
                entry.changed(0, "target_1", status="canceled"),
            ],
            at_ns=NOW,
        )
        found = rows_of(database, journal, sql)

    assert intended == [("entry", "unknown", 0, None)]
    assert found == [
        ("entry", "filled", 10, "10.015000"),
        ("stop", "held", 0, None),
        ("target_1", "canceled", 0, None),
    ]


def test_an_order_ends_when_another_replaces_it(postgres: SecretStr) -> None:
    entry = Entry()
    moved = entry.order(0, "stop", broker_id="b2", client_order_id="c2", stop_price="9.60")
    moved["replaces"] = entry.order(0, "stop")["broker_id"]
    sql = (
        "SELECT status::TEXT, stop_price::TEXT FROM execution.orders "
        "WHERE account_id = %s AND order_type = 'stop' ORDER BY known_seq"
    )
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), entry.intent(0), entry.answered(0)], at_ns=NOW)
        told = OrderChanged(entry.order_id(0, "stop"), entry.entry_id, "c2", moved)
        journal.append([told], at_ns=NOW)
        found = rows_of(database, journal, sql)

    assert found == [("replaced", "9.5000"), ("held", "9.6000")]


def test_incident_16_a_limit_that_is_reached_is_told_once(postgres: SecretStr) -> None:
    alert = Alert("limit_entries_a_day", DAY, "warning", "no more entries today", 5.0, 5.0)
    sql = "SELECT times, over FROM notification.alerts WHERE account_id = %s ORDER BY first_seq"
    with journal_in(postgres) as (database, journal):
        journal.append([alert, alert], at_ns=NOW)
        once = rows_of(database, journal, sql)
        over = Alert("limit_entries_a_day", DAY, "info", "a new day", None, None, over=True)
        journal.append([over, alert], at_ns=NOW)
        again = rows_of(database, journal, sql)

    assert once == [(2, False)]
    assert again == [(2, True), (1, False)]


def test_incident_19_profit_comes_from_fills_not_from_what_was_intended(
    postgres: SecretStr,
) -> None:
    entry = Entry()
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), decided(signals=[signal()]), *entry.sent()], at_ns=NOW)
        bodies = [*entry.done(0, "entry", price=10.0037), *entry.done(1, "entry", price=10.0041)]
        journal.append(bodies, at_ns=NOW)
        bodies = [*entry.done(0, "stop", price=9.4999), *entry.done(1, "target_2", price=12.0001)]
        journal.append(bodies, at_ns=NOW)
        journal.project_pending()
        sql = (
            "SELECT pnl, exit_reason, entry_price, entry_news_id, catalyst_score_at_entry, "
            "catalyst_confirmed, status::TEXT FROM execution.trade_records WHERE account_id = %s"
        )
        [found] = rows_of(database, journal, sql)
        [(_, _, _, realized)] = rows_of(database, journal, POSITION)
        [(executed, trade_id)] = rows_of(
            database,
            journal,
            "SELECT executed, trade_id IS NOT NULL FROM strategy_engine.trading_signals "
            "WHERE account_id = %s",
        )

    assert found == (
        *(Decimal("14.922000"), "stop+target_2", Decimal("10.003900"), "feed000000000001"),
        *(66.25, True, "closed"),
    )
    assert realized == Decimal("14.922000")
    assert (executed, trade_id) == (True, True)


def test_a_split_and_a_dividend_change_shares_and_cash(postgres: SecretStr) -> None:
    entry = Entry()
    told = {"entry_id": entry.entry_id, "symbol": "AAA", "ts_ns": at(4, day="2023-10-03")}
    split = {"kind": "split", "value": 1.5, "quantity_before": 13, "quantity_after": 19}
    dividend = {"kind": "dividend", "value": 0.25, "quantity_before": 19, "quantity_after": 19}
    done = [
        {**told, **split, "cash_micro": 3_400_000},
        {**told, **dividend, "cash_micro": 4_750_000},
    ]
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), *entry.sent()], at_ns=NOW)
        journal.append(entry.done(0, "entry", price=10.0), at_ns=NOW)
        journal.append([entry.filled(1, quantity=3, price=10.0)], at_ns=NOW)
        journal.append([decided(adjustments=done)], at_ns=NOW)
        [(_, quantity, basis, realized)] = rows_of(database, journal, POSITION)
        sql = "SELECT amount, balance FROM execution.balance_history WHERE account_id = %s"
        balances = rows_of(database, journal, sql + " ORDER BY seq, place")

    # 19.5 shares: the half that is left out costs 130 / 39 and brings 3.40.
    assert (quantity, basis, realized) == (19, Decimal("126.666667"), Decimal("4.816667"))
    assert balances[-1] == (Decimal("4.750000"), INITIAL - 130 + Decimal("8.15"))


def test_the_accuracy_of_a_source_counts_the_trade_that_just_closed(postgres: SecretStr) -> None:
    sql = (
        "SELECT source_name, articles, candidates, signals, trades, accurate_predictions, "
        "false_predictions, accuracy_rate FROM data_ingestion.source_metrics WHERE account_id = %s"
    )
    with journal_in(postgres) as (database, journal):
        a_session(journal)
        found = sorted(rows_of(database, journal, sql))

    # The trade's articles are 0xFEED000000000001 and 7; the source of 7 is reuters.
    assert found == [
        ("blog", 1, 0, 1, 0, 0, 0, Decimal("0.0000")),
        ("reuters", 1, 1, 2, 1, 0, 1, Decimal("0.0000")),
    ]


MOVES = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.booleans(),
        st.integers(1, 40),
        st.integers(5_0000, 20_0000),
        st.integers(0, 999_999),
    ),
    max_size=12,
)


@given(side=st.sampled_from(["buy", "sell"]), moves=MOVES)
@settings(max_examples=12)
def test_money_is_conserved_after_every_fill(
    postgres: SecretStr, side: str, moves: list[tuple[int, bool, int, int, int]]
) -> None:
    entry = Entry(side=side, shares=(400, 400))
    held, cash = [0, 0], CASH
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), *entry.sent()], at_ns=NOW)
        for leg, enters, wanted, ticks, fee in moves:
            quantity = wanted if enters else min(wanted, held[leg])
            if not quantity:
                continue
            held[leg] += quantity if enters else -quantity
            role = "entry" if enters else "stop"
            fill = entry.filled(leg, role, quantity=quantity, price=ticks / 10_000, fee=fee)
            journal.append([fill], at_ns=NOW)
            cash -= (1 if fill.side == "buy" else -1) * ticks * 100 * quantity + fee
        journal.project_pending()
        stored = numbers(database, journal)
        told = journalled(journal)

    assert told == cash
    assert stored["balance"] == stored["by_fills"] == Decimal(cash) / MICRO
    assert stored["held"] == (1 if side == "buy" else -1) * sum(held)
    # Cash is what it was, less what the shares held have cost, plus what was made.
    basis = stored["basis"] if side == "buy" else -stored["basis"]
    assert stored["balance"] + basis == INITIAL + stored["realized"]
    if stored["pnl"] is not None:
        assert stored["pnl"] == stored["realized"]


def numbers(database: Database, journal: Journal) -> dict[str, Any]:
    sql = """
        SELECT (
            SELECT balance FROM execution.balance_history WHERE account_id = a
            ORDER BY seq DESC, place DESC LIMIT 1
        ),
        (
            SELECT initial_cash FROM execution.accounts WHERE account_id = a
        ) - (
            SELECT coalesce(sum(
                CASE side WHEN 'buy' THEN price * quantity ELSE -price * quantity END + fee
            ), 0) FROM execution.fills WHERE account_id = a
        ),
        quantity, cost_basis, realized_pnl,
        (SELECT pnl FROM execution.trade_records WHERE account_id = a AND status = 'closed')
        FROM (SELECT %s::TEXT AS a) AS told JOIN execution.positions ON account_id = a
    """
    [row] = rows_of(database, journal, sql)
    return dict(zip(("balance", "by_fills", "held", "basis", "realized", "pnl"), row, strict=True))


def journalled(journal: Journal) -> int:
    """Cash by the journal alone, micro-dollars."""
    cash = CASH
    for event in journal.events(kinds=["fill"]):
        fill = event.body
        assert isinstance(fill, Filled)
        worth = round(fill.price * 10_000) * 100 * fill.quantity
        cash -= (worth if fill.side == "buy" else -worth) + fill.fee_micro
    return cash
