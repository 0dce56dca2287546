"""The journal: chained, append-only, with one writer, and folded to what a start needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
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
    rows_of,
)
from live_services import fresh_database
from pydantic import SecretStr

from catalyst.errors import EntryExistsError, InvariantError, ServiceError
from catalyst.live.chain import canonical
from catalyst.live.database import Database
from catalyst.live.events import Alert, Body, Control, Cycle, Intent, Missed, Unanswered
from catalyst.live.journal import Journal

NOW = at(9, 40)


@pytest.fixture(scope="module")
def postgres(postgres_cluster: str) -> Iterator[SecretStr]:
    """One database for all tests here: each has an account of its own."""
    with fresh_database(postgres_cluster) as url:
        yield url


def executed(url: SecretStr, sql: str) -> None:
    with psycopg.connect(url.get_secret_value(), autocommit=True) as connection:
        connection.execute(sql)


def without_triggers(url: SecretStr, sql: str) -> None:
    """Change what may not be changed, as someone with the server's rights could."""
    with psycopg.connect(url.get_secret_value(), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(sql)


def ended(database: Database) -> None:
    with database.dedicated() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_events_come_back_as_they_were_appended(postgres: SecretStr) -> None:
    bodies: list[Body] = [
        opened(),
        decided(asof_ns=NOW, signals=[{"x": 0.1 + 0.2, "y": 1e-300, "z": None}]),
    ]
    with journal_in(postgres) as (_, journal):
        journal.append(bodies, at_ns=NOW)
        found = list(journal.events())

    assert [event.body for event in found] == bodies
    assert [(event.seq, event.at_ns) for event in found] == [(1, NOW), (2, NOW)]


def test_a_journal_opened_again_goes_on_where_it_ended(postgres: SecretStr) -> None:
    with journal_in(postgres, "again") as (_, journal):
        [first] = journal.append([opened()], at_ns=NOW)
    with journal_in(postgres, "again") as (_, journal):
        found = (journal.last_seq, journal.head)
        journal.append([closed()], at_ns=NOW)
        broken = journal.verify()

    assert found == (1, first.hash)
    assert broken is None


def test_nan_is_refused_before_anything_is_written(postgres: SecretStr) -> None:
    with journal_in(postgres) as (_, journal):
        with pytest.raises(InvariantError, match="null for NaN"):
            journal.append([opened(), decided(signals=[{"x": float("nan")}])], at_ns=NOW)
        left = list(journal.events())

    assert left == []


def test_words_that_no_database_keeps_are_replaced(postgres: SecretStr) -> None:
    alert = Alert("broker", "", "error", "said \0 and \ud800 \\u0000", None, None)
    with journal_in(postgres) as (_, journal):
        journal.append([alert], at_ns=NOW)
        [found] = journal.events()
        broken = journal.verify()

    assert isinstance(found.body, Alert)
    assert found.body.text == "said � and � \\u0000"
    assert broken is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE execution.journal SET body = replace(body, 'x1', 'x2') WHERE seq = 2",
        "UPDATE execution.journal SET at_ns = at_ns + 1 WHERE seq = 2",
        "UPDATE execution.journal SET kind = 'found' WHERE seq = 2",
        "DELETE FROM execution.journal WHERE seq = 2",
    ],
)
def test_an_altered_event_is_found(postgres: SecretStr, change: str) -> None:
    with journal_in(postgres) as (_, journal):
        journal.append([opened(), Missed(NOW, "x1"), Missed(NOW, "y")], at_ns=NOW)
        without_triggers(postgres, change)
        broken = journal.verify()

    assert broken == 2


def test_an_altered_input_is_found(postgres: SecretStr) -> None:
    body, rows = arrived(article())
    with journal_in(postgres) as (_, journal):
        journal.append([opened()], at_ns=NOW)
        journal.append([body], at_ns=NOW, inputs=rows)
        sound = journal.verify()
        executed(postgres, "UPDATE data_ingestion.market_data SET close = close + 1e-15")
        broken = journal.verify()

    assert (sound, broken) == (None, 2)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE execution.journal SET body = body",
        "DELETE FROM execution.journal",
        "TRUNCATE execution.journal",
    ],
)
def test_the_journal_is_only_added_to(postgres: SecretStr, change: str) -> None:
    with journal_in(postgres) as (_, journal):
        journal.append([opened()], at_ns=NOW)

        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            executed(postgres, change)


def test_a_second_writer_of_an_account_is_refused(
    postgres: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalyst.live.journal._LOCK_WAIT_MS", 50)
    with (
        journal_in(postgres) as (database, journal),
        pytest.raises(ServiceError, match=f"another process trades account {journal.account_id}"),
    ):
        Journal.open(database, journal.account_id)


def test_two_accounts_have_a_chain_each(postgres: SecretStr) -> None:
    with (
        journal_in(postgres) as (database, ours),
        Journal.open(database, "another") as theirs,
    ):
        ours.append([opened()], at_ns=NOW)
        theirs.append([opened()], at_ns=NOW)
        found = (ours.last_seq, theirs.last_seq, ours.head == theirs.head)

    assert found == (1, 1, False)


def test_a_lost_connection_stops_all_writing_until_reopened(postgres: SecretStr) -> None:
    with journal_in(postgres) as (database, journal):
        journal.append([opened()], at_ns=NOW)
        ended(database)
        told = []
        for _ in range(2):
            with pytest.raises(ServiceError) as error:
                journal.append([Missed(NOW, "y")], at_ns=NOW)
            told.append(str(error.value))
        landed = journal.reopen()
        journal.append([Missed(NOW, "y")], at_ns=NOW)
        kinds = [event.body.kind for event in journal.events()]

    assert "has lost its connection" in told[1]
    assert landed == []
    assert kinds == ["session_opened", "missed"]


def test_what_landed_without_an_answer_is_told_by_reopen(postgres: SecretStr) -> None:
    with journal_in(postgres) as (_, journal):
        first = journal.append([opened()], at_ns=NOW)
        # As if the connection had gone between the commit and its answer.
        journal._tried, journal.last_seq = first, 0
        journal.head = Journal(journal._database, journal.account_id).head
        landed = journal.reopen()
        found = (journal.last_seq, journal.head)

    assert landed == first
    assert found == (1, first[0].hash)


def test_a_journal_that_somebody_else_wrote_is_not_reopened(postgres: SecretStr) -> None:
    with journal_in(postgres) as (database, journal):
        journal.append([opened()], at_ns=NOW)
        journal.close()
        with Journal.open(database, journal.account_id) as other:
            other.append([Missed(NOW, "theirs")], at_ns=NOW)

        with pytest.raises(ServiceError, match="somebody else wrote"):
            journal.reopen()


def test_incident_07_a_second_entry_in_a_symbol_is_refused_by_the_database(
    postgres: SecretStr,
) -> None:
    first, second = Entry("AAA"), Entry("AAA", side="sell")
    with journal_in(postgres) as (_, journal):
        journal.append([opened(), first.intent(0)], at_ns=NOW)
        with pytest.raises(EntryExistsError, match="AAA has an open position") as error:
            journal.append([decided(), second.intent(0)], at_ns=NOW)
        kinds = [event.body.kind for event in journal.events()]
        journal.append([decided()], at_ns=NOW)
        broken = journal.verify()

    assert (error.value.symbol, error.value.entry_id) == ("AAA", second.entry_id)
    assert kinds == ["session_opened", "intent"]
    assert broken is None


def test_a_fill_is_booked_once(postgres: SecretStr) -> None:
    entry = Entry()
    with journal_in(postgres) as (_, journal):
        journal.append([opened(), *entry.sent()], at_ns=NOW)
        fill = entry.filled(0, quantity=4, price=10.0)
        journal.append([fill], at_ns=NOW)
        with pytest.raises(InvariantError, match="repeats what the journal holds"):
            journal.append([replace(fill, fill_id="another")], at_ns=NOW)
        fills = list(journal.events(kinds=["fill"]))

    assert len(fills) == 1


def test_inputs_come_back_to_the_bit_and_in_order(postgres: SecretStr) -> None:
    first, second = arrived(article(2), article(1)), arrived(n_bars=2, minute=40)
    with journal_in(postgres) as (_, journal):
        journal.append([opened(), first[0]], at_ns=NOW, inputs=first[1])
        journal.append([second[0]], at_ns=NOW, inputs=second[1])
        found = journal.inputs_of(DAY)

    assert [rows.digest() for rows in found] == [first[0].digest, second[0].digest]
    assert [list(rows.bars.rows()) for rows in found] == [
        list(first[1].bars.rows()),
        list(second[1].bars.rows()),
    ]
    assert [list(rows.news) for rows in found] == [list(first[1].news), []]


def test_two_accounts_may_be_told_differently_of_one_article(postgres: SecretStr) -> None:
    told = {}
    for account, rank in (("PA1", 0), ("PA2", 3)):
        body, rows = arrived(article(cluster_rank=rank))
        with journal_in(postgres, account) as (_, journal):
            journal.append([opened(), body], at_ns=NOW, inputs=rows)
            told[account] = (journal.verify(), journal.inputs_of(DAY)[0].news[0]["cluster_rank"])

    assert told == {"PA1": (None, 0), "PA2": (None, 3)}


def test_inputs_other_than_those_told_of_are_refused(postgres: SecretStr) -> None:
    body, rows = arrived()
    with (
        journal_in(postgres) as (_, journal),
        pytest.raises(InvariantError, match="expected one `Inputs`"),
    ):
        journal.append([replace(body, digest="0")], at_ns=NOW, inputs=rows)


def test_rows_of_any_month_find_their_place(postgres: SecretStr) -> None:
    old = article(1, known_ns=at(9, 30, day="2019-04-01"))
    body, rows = arrived(old)
    with journal_in(postgres) as (_, journal):
        journal.append([opened(), body], at_ns=NOW, inputs=rows)
        [found] = journal.inputs_of(DAY)

    assert list(found.news) == [old]


def test_events_of_a_day_are_those_of_its_session(postgres: SecretStr) -> None:
    with journal_in(postgres) as (_, journal):
        journal.append([opened("2023-09-29"), closed("2023-09-29")], at_ns=NOW)
        journal.append([opened(), Missed(NOW, "y"), opened(resumed=True), closed()], at_ns=NOW)
        journal.append([opened("2023-10-03")], at_ns=NOW)
        kinds = [event.body.kind for event in journal.events(day=DAY)]
        of_kind = [event.seq for event in journal.events(after_seq=3, kinds=["session_opened"])]

    assert kinds == ["session_opened", "missed", "session_opened", "session_closed"]
    assert of_kind == [5, 7]


def test_an_empty_journal_folds_to_nothing(postgres: SecretStr) -> None:
    with journal_in(postgres) as (_, journal):
        found = journal.fold_state()

    assert (found.last_seq, found.opened, found.decided, found.air) == (0, None, None, ())


def test_fills_after_the_last_decision_are_not_consumed_yet(postgres: SecretStr) -> None:
    entry = Entry()
    with journal_in(postgres) as (_, journal):
        journal.append([opened(), *entry.sent()], at_ns=NOW)
        [known] = journal.append([entry.filled(0, quantity=4, price=10.0)], at_ns=NOW)
        journal.append([decided(fills_seq=known.seq)], at_ns=NOW)
        later = entry.filled(0, quantity=6, price=10.5)
        journal.append([later], at_ns=NOW)
        found = journal.fold_state()

    assert [event.body for event in found.fills] == [later]
    assert [fill.quantity for fill in found.booked] == [4, 6]


def test_orders_of_an_earlier_session_matter_while_their_entry_lives(postgres: SecretStr) -> None:
    held, gone = Entry("AAA"), Entry("BBB")
    with journal_in(postgres) as (_, journal):
        journal.append([opened("2023-09-29"), *held.sent(), *gone.sent()], at_ns=NOW)
        for leg in (0, 1):
            journal.append(held.done(leg, "entry", price=10.0), at_ns=NOW)
            ended_order = gone.changed(leg, status="canceled")
            legs = [gone.changed(leg, r, status="canceled") for r in ("stop", f"target_{leg + 1}")]
            journal.append([ended_order, *legs], at_ns=NOW)
        journal.append([closed("2023-09-29"), opened()], at_ns=NOW)
        found = journal.fold_state()

    assert {sent.intent.entry_id for sent in found.sent} == {held.entry_id}
    assert {order.order["symbol"] for order in found.orders} == {"AAA"}
    assert found.first_opened is not None
    assert found.closed is None


def test_a_request_without_an_answer_is_in_the_air(postgres: SecretStr) -> None:
    entry = Entry()
    with journal_in(postgres) as (_, journal):
        silence = Unanswered(entry.client_id(1), "timeout")
        journal.append([opened(), entry.intent(0), entry.intent(1), silence], at_ns=NOW)
        found = journal.fold_state()

    assert [(sent.intent.leg, sent.outcome) for sent in found.sent] == [(0, None), (1, silence)]


def test_a_session_taken_up_again_folds_to_its_first_opening(postgres: SecretStr) -> None:
    with journal_in(postgres) as (_, journal):
        [first] = journal.append([opened()], at_ns=NOW)
        [again] = journal.append([opened(resumed=True)], at_ns=NOW)
        found = journal.fold_state()

    assert (found.first_opened, found.opened) == (first, again)


def test_a_pause_holds_until_a_resume(postgres: SecretStr) -> None:
    found = []
    with journal_in(postgres) as (_, journal):
        for command in ("pause", "flatten", "resume"):
            journal.append([Control(command, "me")], at_ns=NOW)
            found.append(journal.fold_state().paused)

    assert found == [True, True, False]


def test_incident_09_a_cycle_left_behind_is_closed_as_failed(postgres: SecretStr) -> None:
    began = Cycle("c1", NOW, "normal", "started", "me", NOW + 10**9)
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), began], at_ns=NOW)
        journal.append([replace(began, status="failed", why="the process ended")], at_ns=NOW + 5)
        sql = "SELECT status::TEXT, why FROM strategy_engine.trading_cycles WHERE account_id = %s"
        rows = rows_of(database, journal, sql)

    assert rows == [("failed", "the process ended")]


def test_threads_may_append_at_once(postgres: SecretStr) -> None:
    with journal_in(postgres) as (_, journal):
        journal.append([opened()], at_ns=NOW)
        threads = [
            threading.Thread(
                target=lambda n=n: [
                    journal.append([Missed(NOW, f"{n} {i}")], at_ns=NOW) for i in range(5)
                ]
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = (journal.last_seq, journal.verify())

    assert found == (21, None)


def test_the_same_payload_has_one_text() -> None:
    assert canonical({"b": 0.1, "a": [1, None, "é"]}) == '{"a":[1,null,"é"],"b":0.1}'


def test_the_cash_of_the_first_session_opens_the_balance(postgres: SecretStr) -> None:
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), closed(), opened("2023-10-03", cash=CASH + 5)], at_ns=NOW)
        sql = "SELECT kind::TEXT, balance FROM execution.balance_history WHERE account_id = %s"
        rows = rows_of(database, journal, sql)

    assert [(kind, int(balance)) for kind, balance in rows] == [("opening", 100_000)]


def test_an_intent_of_a_cancel_opens_nothing(postgres: SecretStr) -> None:
    entry = Entry()
    cancel = Intent("x-0", ["x"], entry.entry_id, 0, "AAA", "cancel", {}, target_broker_id="b")
    with journal_in(postgres) as (database, journal):
        journal.append([opened(), cancel], at_ns=NOW)
        sql = "SELECT count(*) FROM execution.orders WHERE account_id = %s"
        rows = rows_of(database, journal, sql)

    assert rows == [(0,)]
