"""Connections: lent and taken back, tried again, watched; SQL that every PostgreSQL here takes."""

from __future__ import annotations

import logging
import re
import threading

import psycopg
import pytest
from live_services import fresh_database
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from pydantic import SecretStr

from catalyst.errors import InvariantError, ServiceError
from catalyst.live.database import Database, health_check, place_of, with_db_retry
from catalyst.live.shared_server import free_port
from catalyst.live.statements import statement, statements
from catalyst.live.system_log import keep_logs
from catalyst.live.valkey import redis_client


def count(url: SecretStr) -> object:
    with psycopg.connect(url.get_secret_value()) as connection:
        row = connection.execute("SELECT count(*) FROM strategy_engine.configuration").fetchone()
    return row[0] if row else None


def added(database: Database, key: str) -> None:
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO strategy_engine.configuration VALUES (%s, '1', 'a test')", (key,)
        )


def ended(database: Database) -> None:
    """End every connection of the database but the one that asks, as a restart would."""
    with database.dedicated() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def broken_off(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("DELETE FROM strategy_engine.configuration")
        raise KeyError


def interrupted(database: Database) -> None:
    with database.connection() as connection:
        ended(database)
        connection.execute("SELECT 1")


def test_what_was_done_is_committed_at_the_end(postgres: SecretStr) -> None:
    before = count(postgres)
    with Database(postgres) as database:
        added(database, "kept")

    assert before == 3
    assert count(postgres) == 4


def test_an_error_rolls_back_and_gives_the_connection_back(postgres: SecretStr) -> None:
    with Database(postgres, smallest=1, largest=1) as database:
        with pytest.raises(KeyError):
            broken_off(database)
        added(database, "after")

        assert count(postgres) == 4


def test_an_error_of_the_database_is_logged_with_its_context_and_raised(
    postgres: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    with Database(postgres) as database, caplog.at_level(logging.ERROR):
        with pytest.raises(psycopg.errors.UniqueViolation):
            added(database, "calendar")

        told = caplog.messages[0]
        assert told.startswith("database_failed place=127.0.0.1:")
        assert "sqlstate=23505 table=configuration constraint=configuration_pkey" in told
        assert "duplicate key" in database.health().last_error


def test_a_connection_that_died_is_not_lent(postgres: SecretStr) -> None:
    with Database(postgres) as database:
        added(database, "one")
        ended(database)
        added(database, "two")

    assert count(postgres) == 5


def test_a_server_that_goes_away_is_one_sentence(postgres: SecretStr) -> None:
    with Database(postgres) as database:
        with pytest.raises(ServiceError, match="can't be used") as caught:
            interrupted(database)

        assert "look whether it runs" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_database_that_is_not_there_is_one_sentence_without_the_password() -> None:
    url = SecretStr(f"postgresql://me:hidden@127.0.0.1:{free_port()}/x")
    with pytest.raises(ServiceError, match="can't be reached") as caught:
        Database(url)

    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_place_of_a_database_has_no_password() -> None:
    assert place_of(SecretStr("postgresql://me:hidden@db:5433/c?sslmode=require")) == "db:5433/c"


def test_at_most_the_largest_number_is_lent_and_the_health_says_so(postgres: SecretStr) -> None:
    with Database(postgres, smallest=1, largest=2) as database:
        with database.connection(), database.connection():
            busy = database.health()
        free = database.health()

        assert (busy.active, busy.idle, busy.total) == (2, 0, 2)
        assert (free.active, free.total) == (0, 2)
        assert busy.last_error == ""
        assert 0 < busy.uptime_s <= free.uptime_s
        assert busy.last_check <= free.last_check


def test_threads_share_a_pool(postgres: SecretStr) -> None:
    with Database(postgres) as database:
        threads = [
            threading.Thread(target=added, args=(database, f"thread {k}")) for k in range(12)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

        assert count(postgres) == 15


def test_operational_errors_are_tried_three_times_with_growing_pauses() -> None:
    pauses: list[float] = []
    calls: list[int] = []

    @with_db_retry
    def failing() -> None:
        calls.append(1)
        raise psycopg.OperationalError("away")

    failing.retry.sleep = pauses.append  # type: ignore[attr-defined]  # tenacity's handle
    with pytest.raises(psycopg.OperationalError, match="away"):
        failing()

    assert len(calls) == 3
    assert pauses == [1, 2]


def test_what_works_the_second_time_has_worked(postgres: SecretStr) -> None:
    with Database(postgres) as database:
        calls: list[int] = []

        @with_db_retry
        def work() -> str:
            with database.connection() as connection:
                calls.append(1)
                if len(calls) == 1:
                    ended(database)
                connection.execute("SELECT 1")
            return "done"

        work.retry.sleep = lambda _: None  # type: ignore[attr-defined]  # tenacity's handle

        assert work() == "done"
        assert len(calls) == 2


def test_other_errors_are_not_tried_again() -> None:
    calls: list[int] = []

    @with_db_retry
    def wrong() -> None:
        calls.append(1)
        raise psycopg.errors.UniqueViolation

    with pytest.raises(psycopg.errors.UniqueViolation):
        wrong()

    assert calls == [1]


def test_health_has_the_documents_form(postgres: SecretStr, redis_url: SecretStr) -> None:
    with Database(postgres) as database, redis_client(redis_url) as client:
        told = health_check(database, client.ping)

    assert told == {
        "postgresql": {"status": "healthy", "error": None},
        "redis": {"status": "healthy", "error": None},
    }


def test_health_says_what_is_wrong(postgres_cluster: str, redis_url: SecretStr) -> None:
    wrong = SecretStr(redis_url.get_secret_value().replace("redis://:", "redis://:wrong"))
    with fresh_database(postgres_cluster) as url:
        database = Database(url)
        database.close()
    with redis_client(wrong) as client:
        told = health_check(database, client.ping)

    assert (told["postgresql"]["status"], told["redis"]["status"]) == ("unhealthy", "unhealthy")
    assert "closed" in str(told["postgresql"]["error"])
    assert "invalid username-password" in str(told["redis"]["error"])


def test_nothing_to_ask_is_unhealthy() -> None:
    assert health_check(None, None)["postgresql"] == {
        "status": "unhealthy",
        "error": "not connected",
    }


def test_a_client_of_redis_has_the_documents_limits(redis_url: SecretStr) -> None:
    with redis_client(redis_url) as client:
        told = client.connection_pool.connection_kwargs
        assert (told["socket_timeout"], told["socket_connect_timeout"]) == (5, 5)
        assert told["health_check_interval"] == 30
        assert client.connection_pool.max_connections == 50
        client.set("key", "word")
        assert client.get("key") == "word"


def test_a_block_that_is_missing_is_a_bug() -> None:
    with pytest.raises(InvariantError, match="no SQL block is named 'nothing'"):
        statement("nothing")


def test_every_block_of_sql_can_be_prepared(postgres: SecretStr) -> None:
    failed = {}
    with psycopg.connect(postgres.get_secret_value(), autocommit=True) as connection:
        for name, text in statements().items():
            result = connection.pgconn.prepare(b"", _numbered(text))
            if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                failed[name] = result.error_message.decode().strip()

    assert failed == {}


def _numbered(text: str) -> bytes:
    """Turn psycopg's placeholders into the server's."""
    names = re.findall(r"%\((\w+)\)", text)
    query = PostgresQuery(Transformer())
    query.convert(text, dict.fromkeys(names) if names else [None] * text.count("%s") or None)
    return query.query


def test_warnings_are_kept_in_the_database_and_still_said(
    postgres: SecretStr, capsys: pytest.CaptureFixture[str]
) -> None:
    told = logging.getLogger("catalyst.live.something")
    with Database(postgres) as database:
        with keep_logs(database, account_id="A", correlation_id="run-1"):
            told.info("bar_seen symbol=AAPL")
            told.warning("feed_silent seconds=%d", 600)
        told.warning("after")
        with database.connection() as connection:
            rows = connection.execute(
                "SELECT service, level, event, message, account_id, correlation_id "
                "FROM logging.system_logs"
            ).fetchall()

    assert rows == [
        (told.name, "warning", "feed_silent", "feed_silent seconds=600", "A", "run-1"),
    ]
    assert "feed_silent seconds=600" in capsys.readouterr().err


def test_a_log_without_a_database_holds_nothing_up(postgres: SecretStr) -> None:
    database = Database(postgres)
    with keep_logs(database, account_id="A", correlation_id="run-1"):
        database.close()
        for _ in range(2_000):
            logging.getLogger("catalyst.live.something").debug("nothing")
        logging.getLogger("catalyst.live.something").error("lost")
