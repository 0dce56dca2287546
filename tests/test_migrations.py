"""The schema: there and back, whole, and such that a wrong row can't stand in it."""

from __future__ import annotations

import json
import multiprocessing
import re
import struct
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command
from live_services import fresh_database
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from catalyst.cli.app import main
from catalyst.data.settings import settings
from catalyst.errors import InputError, ServiceError
from catalyst.live import schema
from catalyst.live.ports import OrderStatus
from catalyst.live.postgres import binaries_for
from catalyst.live.schema import applied_version, check_version, latest_version, migrate, rollback
from catalyst.strategy.reasons import Outcome, Role, Side

SERVICES = {
    *("data_ingestion", "strategy_engine", "execution", "risk_management", "analytics"),
    *("notification", "logging"),
}
OURS = f"n.nspname IN ({', '.join(repr(name) for name in sorted(SERVICES))}, 'public')"
# Bars are what the strategy computed with, to the bit; the rest are the scores of a rule.
DOUBLES = {"open", "high", "low", "close", "value", "current_value", "threshold"}
MONEY = re.compile(r"price|cash|pnl|fee|amount|balance|stop_loss|target_\d|profit|_value$|margin")
LIBPQ = {
    "HOST": "host",
    "PORT": "port",
    "USER": "user",
    "PASSWORD": "password",
    "DATABASE": "dbname",
}
ASK = (
    "INSERT INTO execution.control_requests (account_id, command, requested_by) "
    "VALUES ('A', 'pause', 'me')"
)
OLD_NAMES = {
    "orders": "order_id symbol order_type side quantity price status filled_quantity "
    "average_fill_price",
    "trades": "symbol signal_type quantity entry_price exit_price profit_loss confidence "
    "trade_reason status created_at closed_at",
    "positions": "symbol quantity average_cost market_value unrealized_pnl realized_pnl",
    "scanning_results": "symbol scan_timestamp price volume change_percent relative_volume "
    "market_cap scan_type metadata",
    "pattern_analysis": "symbol pattern_type pattern_name confidence entry_price stop_loss "
    "target_price timeframe detection_timestamp metadata",
    "news_sentiment": "symbol headline source article_date sentiment_score sentiment_label "
    "relevance_score impact_score analysis_timestamp metadata",
    "service_coordination": "service_name host port status last_heartbeat minutes_since_heartbeat",
    "strategy_signals": "signal_id strategy_id symbol signal strength created_at",
    "workflow_tracking": "cycle_id phase status start_time end_time items_processed",
    "workflow_events": "cycle_id event_time event_type message",
    "workflow_metrics": "cycle_id metric_name metric_value",
}


@pytest.fixture(scope="module")
def database(postgres_cluster: str) -> Iterator[SecretStr]:
    """One database for all tests that leave nothing behind, with an account and late 2023."""
    with fresh_database(postgres_cluster) as url:
        with psycopg.connect(url.get_secret_value()) as opened:
            opened.execute("SELECT public.ensure_partitions('2023-10-02+00', '2023-11-30+00')")
            opened.execute("INSERT INTO execution.accounts (account_id) VALUES ('A')")
        yield url


@pytest.fixture
def connection(database: SecretStr) -> Iterator[psycopg.Connection]:
    """A transaction that is rolled back after the test."""
    with psycopg.connect(database.get_secret_value()) as opened:
        yield opened
        opened.rollback()


@contextmanager
def refused(
    connection: psycopg.Connection, *errors: type[psycopg.Error], match: str | None = None
) -> Iterator[None]:
    """Expect an error, and go on as if nothing had been tried."""
    with pytest.raises(errors, match=match), connection.transaction():
        yield


def dump(url: SecretStr) -> str:
    """Return the whole schema as pg_dump writes it, without what differs from run to run."""
    told = conninfo_to_dict(url.get_secret_value())
    done = subprocess.run(
        [binaries_for(None).folder / "pg_dump", "--schema-only", "--no-privileges"],
        check=True,
        capture_output=True,
        text=True,
        env={f"PG{name}": str(told[key]) for name, key in LIBPQ.items()},
    )
    return "\n".join(line for line in done.stdout.splitlines() if "restrict " not in line)


def rows(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query).fetchall()


def journalled(connection: psycopg.Connection, seq: int, body: str = "{}") -> None:
    connection.execute(
        "INSERT INTO execution.journal (account_id, seq, kind, at_ns, body, prev_hash, hash) "
        "VALUES ('A', %s, 'alert', 1696253400123456789, %s, %s, %s)",
        (seq, body, f"h{seq - 1}", f"h{seq}"),
    )


def entered(connection: psycopg.Connection, entry: str, symbol: str, status: str) -> None:
    connection.execute(
        "INSERT INTO execution.positions (account_id, entry_id, symbol, side, status) "
        "VALUES ('A', %s, %s, 'buy', %s)",
        (entry, symbol, status),
    )


def article(connection: psycopg.Connection, known_ns: int, headline: str = "Up") -> int:
    return connection.execute(
        "INSERT INTO data_ingestion.news_raw (news_id, symbol, known_ns, published_ns, headline, "
        "market_state) VALUES ('n', 'S', %s, %s, %s, 'pre_market') ON CONFLICT DO NOTHING",
        (known_ns, known_ns, headline),
    ).rowcount


# --- there and back ----------------------------------------------------------------------------


def test_up_down_up_gives_the_same_schema(empty_postgres: SecretStr) -> None:
    nothing = dump(empty_postgres)
    up = [one.version for one in migrate(empty_postgres)]
    first = dump(empty_postgres)
    down = [one.version for one in rollback(empty_postgres, 0)]
    with psycopg.connect(empty_postgres.get_secret_value()) as opened:
        version = applied_version(opened)
        opened.execute("DROP TABLE public.alembic_version")
    emptied = dump(empty_postgres)
    migrate(empty_postgres)
    second = dump(empty_postgres)

    assert up == sorted(down)
    assert version == 0
    assert emptied == nothing
    assert "CREATE TABLE execution.journal" in first
    assert second == first


def test_each_step_back_undoes_its_step_exactly(empty_postgres: SecretStr) -> None:
    versions = [one.version for one in schema.migrations()]
    going_up = {}
    for version in versions[::2]:
        schema._run(command.upgrade, empty_postgres, str(version))
        going_up[version] = dump(empty_postgres)
    migrate(empty_postgres)
    going_down = {}
    for version in reversed(versions[::2]):
        rollback(empty_postgres, version)
        going_down[version] = dump(empty_postgres)

    assert going_down == going_up


def test_the_documents_table_tells_what_was_applied(connection: psycopg.Connection) -> None:
    told = rows(connection, "SELECT version, name FROM public.schema_migrations ORDER BY version")

    assert told[-1] == (210, "schema_v2.1.0_complete")
    assert [version for version, _ in told] == [one.version for one in schema.migrations()]


def test_nothing_is_left_to_do_twice(postgres: SecretStr) -> None:
    assert migrate(postgres) == []


def test_two_processes_that_migrate_at_once_do_it_once(empty_postgres: SecretStr) -> None:
    # Forked: alembic keeps what it does in globals, and a second of imports is spared.
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=migrate, args=(empty_postgres,)) for _ in range(2)]
    for one in running:
        one.start()
    for one in running:
        one.join(60)

    assert [one.exitcode for one in running] == [0, 0]
    with psycopg.connect(empty_postgres.get_secret_value()) as opened:
        assert applied_version(opened) == latest_version()


def test_a_step_that_fails_leaves_everything_as_it_was(empty_postgres: SecretStr) -> None:
    with psycopg.connect(empty_postgres.get_secret_value()) as opened:
        opened.execute("CREATE SCHEMA logging")
    before = dump(empty_postgres)
    with pytest.raises(ServiceError, match='as it was: schema "logging" already exists'):
        migrate(empty_postgres)

    assert dump(empty_postgres) == before


def test_a_version_that_never_was_is_refused(postgres: SecretStr) -> None:
    with pytest.raises(InputError, match="--to is 207000; expected one of 0, 203, 204"):
        rollback(postgres, 207_000)


def test_rollback_does_not_go_forward(postgres: SecretStr) -> None:
    rollback(postgres, 205)
    with pytest.raises(InputError, match="--to is 210, and the schema is version 205"):
        rollback(postgres, 210)


def test_the_version_is_checked_at_start_both_ways(empty_postgres: SecretStr) -> None:
    latest = latest_version()
    with psycopg.connect(empty_postgres.get_secret_value(), autocommit=True) as opened:
        with pytest.raises(
            ServiceError, match=f"is version 0, .* needs {latest}; run `catalyst db"
        ):
            check_version(opened)
        migrate(empty_postgres)
        check_version(opened)
        opened.execute("INSERT INTO public.schema_migrations VALUES (9999, 'of the future')")
        with pytest.raises(ServiceError, match=f"version 9999, newer than the {latest}"):
            check_version(opened)


def test_a_wheel_has_the_migrations_where_they_are_looked_for(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    included = told["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    (tmp_path / included["migrations"]).mkdir()
    monkeypatch.setattr(schema, "__file__", str(tmp_path / "catalyst" / "live" / "schema.py"))

    assert schema.migrations_folder() == tmp_path / included["migrations"]


# --- shape -------------------------------------------------------------------------------------


def test_every_table_has_a_primary_key(connection: psycopg.Connection) -> None:
    without = rows(
        connection,
        f"SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
        f"WHERE {OURS} AND relkind IN ('r', 'p') AND NOT EXISTS "
        "(SELECT FROM pg_index i WHERE i.indrelid = c.oid AND indisprimary)",
    )

    assert without == []


def test_every_foreign_key_has_an_index(connection: psycopg.Connection) -> None:
    without = rows(
        connection,
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint f "
        "WHERE contype = 'f' AND conparentid = 0 AND NOT EXISTS (SELECT FROM pg_index i "
        "WHERE i.indrelid = f.conrelid AND indpred IS NULL AND "
        "(indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey)",
    )
    keys = rows(connection, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'")

    assert without == []
    assert keys != [(0,)]


def test_money_is_never_a_float(connection: psycopg.Connection) -> None:
    floats = rows(
        connection,
        "SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid "
        f"JOIN pg_namespace n ON n.oid = relnamespace WHERE {OURS} AND relkind IN ('r', 'p') "
        "AND attnum > 0 AND atttypid IN ('float8'::regtype, 'float4'::regtype, 'money'::regtype)",
    )
    names = {str(name) for (name,) in floats}

    assert {name for name in names - DOUBLES if MONEY.search(name)} == set()


def test_every_instant_has_a_time_zone(connection: psycopg.Connection) -> None:
    naive = rows(
        connection,
        "SELECT c.oid::regclass::text, attname FROM pg_attribute a "
        "JOIN pg_class c ON c.oid = attrelid "
        f"JOIN pg_namespace n ON n.oid = relnamespace WHERE {OURS} "
        "AND atttypid = 'timestamp'::regtype",
    )

    assert naive == []


def test_the_schemas_are_those_of_the_services(connection: psycopg.Connection) -> None:
    found = rows(
        connection,
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'",
    )

    assert {name for (name,) in found} == SERVICES


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("execution.order_status", {status.value for status in OrderStatus}),
        ("execution.order_role", {role.label for role in Role}),
        ("execution.order_side", {side.label for side in Side}),
        ("strategy_engine.signal_outcome", {outcome.label for outcome in Outcome}),
    ],
)
def test_enums_are_those_of_the_code(
    kind: str, labels: set[str], connection: psycopg.Connection
) -> None:
    found = rows(connection, f"SELECT unnest(enum_range(NULL::{kind}))::text")

    assert {label for (label,) in found} == labels


@pytest.mark.parametrize("view", OLD_NAMES)
def test_old_names_have_the_old_columns(view: str, connection: psycopg.Connection) -> None:
    columns = ", ".join(OLD_NAMES[view].split())

    assert rows(connection, f"SELECT {columns} FROM public.{view}") == []


@pytest.mark.parametrize(
    "view", ["portfolio_metrics", "daily_pnl", "pattern_effectiveness", "news_sentiment_24h"]
)
def test_figures_of_nothing_are_nothing(view: str, connection: psycopg.Connection) -> None:
    assert rows(connection, f"SELECT * FROM analytics.{view}") == []


# --- laws --------------------------------------------------------------------------------------


def test_nanoseconds_and_instants_agree(connection: psycopg.Connection) -> None:
    found = rows(
        connection,
        "SELECT public.ns_of(public.instant_of(ns)) - ns FROM unnest(ARRAY[0, -1, 999, 1000, "
        "-1500, 1696253400123456789, 4102444799999999000, 1136214245999999000]::bigint[]) ns",
    )

    assert [difference for (difference,) in found] == [0, -999, -999, 0, -500, -789, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE execution.journal SET kind = 'other'",
        "DELETE FROM execution.journal",
        "TRUNCATE execution.journal",
        "TRUNCATE execution.journal_000000",
        "DELETE FROM execution.journal_000000",
    ],
)
def test_the_journal_is_only_added_to(change: str, connection: psycopg.Connection) -> None:
    journalled(connection, 1)
    with refused(connection, psycopg.errors.RestrictViolation, match="append-only"):
        connection.execute(change)

    assert rows(connection, "SELECT seq FROM execution.journal") == [(1,)]


def test_a_place_in_the_chain_is_taken_once(connection: psycopg.Connection) -> None:
    journalled(connection, 1)
    with refused(connection, psycopg.errors.UniqueViolation):
        journalled(connection, 1)


def test_the_journals_text_is_kept_as_written(connection: psycopg.Connection) -> None:
    text = '{"b":1.10,"a":[1e-7, 9007199254740993]}'
    journalled(connection, 1, text)

    assert rows(connection, "SELECT body, payload->>'b', at::text FROM execution.journal") == [
        (
            text,
            "1.10",
            rows(connection, "SELECT '2023-10-02 13:30:00.123456+00'::timestamptz::text")[0][0],
        )
    ]


def test_the_journal_goes_on_past_a_partition(connection: psycopg.Connection) -> None:
    journalled(connection, 249_999)
    connection.execute("SELECT public.ensure_partitions('2023-10-02+00', '2023-10-02+00')")
    journalled(connection, 250_000)

    assert rows(connection, "SELECT count(*) FROM execution.journal_000001") == [(1,)]


def test_incident_07_one_position_or_working_entry_a_symbol(
    connection: psycopg.Connection,
) -> None:
    entered(connection, "e1", "AAPL", "closed")
    entered(connection, "e2", "AAPL", "working")
    entered(connection, "e3", "MSFT", "open")
    with refused(connection, psycopg.errors.UniqueViolation, match="positions_one_per_symbol"):
        entered(connection, "e4", "AAPL", "open")


@pytest.mark.parametrize(
    "change", ["UPDATE {} SET headline = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
@pytest.mark.parametrize("table", ["data_ingestion.news_raw", "data_ingestion.news_raw_2023_10"])
def test_articles_are_never_changed(
    change: str, table: str, connection: psycopg.Connection
) -> None:
    article(connection, 1_696_253_400_000_000_000)
    with refused(connection, psycopg.errors.RestrictViolation, match="append-only"):
        connection.execute(change.format(table))


def test_the_same_article_twice_is_one(connection: psycopg.Connection) -> None:
    known_ns = 1_696_253_400_000_000_000
    added = [article(connection, known_ns), article(connection, known_ns, "Down")]
    later = article(connection, known_ns + 1, "Corrected")

    assert (added, later) == ([1, 0], 1)
    assert rows(connection, "SELECT DISTINCT is_pre_market FROM data_ingestion.news_raw") == [
        (True,)
    ]


def test_bars_come_back_to_the_bit(connection: psycopg.Connection) -> None:
    prices = [0.1 + 0.2, 1 / 3, 9.050000190734863, 1e-5, 230_000.123456789]
    given = [struct.pack("<d", price) for price in prices]
    for k, price in enumerate(prices):
        connection.execute(
            "INSERT INTO data_ingestion.market_data (account_id, timeframe, symbol, ts, open, "
            "high, low, close, volume, source, known_ns) "
            "VALUES ('A', '5m', %s, '2023-10-02 13:30+00', %s, %s, %s, %s, 7.5, 'sample', %s)",
            (f"S{k}", price, price, price, price, 1_696_253_700_000_000_000 + k),
        )
    found = rows(connection, "SELECT close FROM data_ingestion.market_data ORDER BY symbol")

    assert [struct.pack("<d", price) for (price,) in found] == given


def test_a_row_without_a_partition_is_refused(connection: psycopg.Connection) -> None:
    with refused(connection, psycopg.errors.CheckViolation, match="no partition"):
        article(connection, 1_104_537_600_000_000_000)


def test_partitions_are_made_once_by_however_many(postgres: SecretStr) -> None:
    made: list[object] = []

    def make() -> None:
        with psycopg.connect(postgres.get_secret_value()) as opened:
            made.extend(
                rows(opened, "SELECT public.ensure_partitions('2015-11-30+00', '2016-01-01+00')")[0]
            )

    threads = [threading.Thread(target=make) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with psycopg.connect(postgres.get_secret_value()) as opened:
        months = rows(
            opened,
            "SELECT count(*), count(DISTINCT inhparent) FROM pg_inherits JOIN pg_class c "
            "ON c.oid = inhrelid WHERE relkind = 'r' AND relname ~ '_201[56]_'",
        )

    tables = 7
    assert months == [(3 * tables, tables)]
    assert sum(int(str(count)) for count in made) == 3 * tables + 1


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("quantity", "0"),
        ("quantity", "-5"),
        ("limit_price", "0"),
        ("filled_quantity", "11"),
        ("symbol", "''"),
        ("side", "'long'"),
        ("status", "'scanning'"),
    ],
)
def test_orders_that_make_no_sense_are_refused(
    columns: str, values: str, connection: psycopg.Connection
) -> None:
    given = {"quantity": "10", "symbol": "'AAPL'", "side": "'buy'", "order_type": "'limit'"}
    given |= {"account_id": "'A'", "client_order_id": "'c-0'", columns: values}
    insert = (
        f"INSERT INTO execution.orders ({', '.join(given)}) VALUES ({', '.join(given.values())})"
    )
    with refused(
        connection, psycopg.errors.CheckViolation, psycopg.errors.InvalidTextRepresentation
    ):
        connection.execute(insert)


def test_a_fill_is_booked_once_and_for_an_order(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO execution.orders (account_id, client_order_id, symbol, side, order_type, "
        "quantity) VALUES ('A', 'c-0', 'AAPL', 'buy', 'limit', 10)"
    )
    insert = (
        "INSERT INTO execution.fills (account_id, fill_id, client_order_id, broker_id, "
        "execution_id, symbol, side, quantity, price, filled_ns, seq) "
        "VALUES ('A', %s, %s, 'b', %s, 'AAPL', 'buy', 5, 10.0001, 1, 1)"
    )
    connection.execute(insert, ("f1", "c-0", "x1"))
    with refused(connection, psycopg.errors.UniqueViolation):
        connection.execute(insert, ("f2", "c-0", "x1"))
    with refused(connection, psycopg.errors.ForeignKeyViolation):
        connection.execute(insert, ("f3", "c-1", "x2"))


def test_the_accuracy_of_a_source_is_of_the_fresh_counts(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO data_ingestion.source_metrics (account_id, source_name, "
        "accurate_predictions, false_predictions) VALUES ('A', 'Reuters', 1, 0)"
    )
    connection.execute("UPDATE data_ingestion.source_metrics SET false_predictions = 3")

    assert rows(connection, "SELECT accuracy_rate::text FROM data_ingestion.source_metrics") == [
        ("25.0000",)
    ]


# --- roles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        ("reporting", "SELECT count(*) FROM execution.journal", True),
        ("reporting", "SELECT count(*) FROM public.trades", True),
        ("reporting", "INSERT INTO execution.accounts (account_id) VALUES ('B')", False),
        ("reporting", "DELETE FROM execution.orders", False),
        ("dashboard", "DELETE FROM execution.orders", False),
        ("dashboard", ASK, True),
        ("dashboard", "UPDATE execution.control_requests SET done_at = now()", False),
        ("dashboard", "UPDATE notification.alerts SET acknowledged = TRUE", True),
        ("dashboard", "UPDATE notification.alerts SET text = 'fine'", False),
        ("trading", "DELETE FROM execution.orders", True),
        ("trading", "DELETE FROM execution.journal", False),
        ("trading", "UPDATE data_ingestion.news_raw SET headline = 'x'", False),
        ("trading", "SELECT public.ensure_partitions('2024-01-01+00', '2024-01-01+00')", True),
        ("reporting", "SELECT public.ensure_partitions('2024-01-01+00', '2024-01-01+00')", False),
        (
            "news",
            "INSERT INTO data_ingestion.news_collection_stats VALUES ('A', 'Finnhub', 1)",
            True,
        ),
        ("news", "DELETE FROM strategy_engine.trading_signals", False),
    ],
)
def test_each_service_may_do_its_own_work_alone(
    role: str, statement: str, connection: psycopg.Connection, *, allowed: bool
) -> None:
    connection.execute(f"SET ROLE catalyst_{role}")
    if allowed:
        connection.execute(statement)
        return
    with refused(connection, psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_a_user_who_may_make_no_roles_gets_the_schema_all_the_same(postgres_cluster: str) -> None:
    with fresh_database(postgres_cluster, template="template0") as url:
        told = conninfo_to_dict(url.get_secret_value())
        plain = f"plain_{told['dbname']}"
        with psycopg.connect(postgres_cluster, autocommit=True) as administrator:
            administrator.execute(f"CREATE ROLE {plain} LOGIN PASSWORD 'plain'")
            administrator.execute(f"ALTER DATABASE {told['dbname']} OWNER TO {plain}")
        address = f"postgresql://{plain}:plain@{told['host']}:{told['port']}/{told['dbname']}"
        try:
            applied = migrate(SecretStr(address))
        finally:
            with psycopg.connect(url.get_secret_value(), autocommit=True) as administrator:
                administrator.execute(
                    f"DROP OWNED BY {plain}; ALTER DATABASE {told['dbname']} OWNER TO catalyst"
                )
                administrator.execute(f"DROP OWNED BY {plain}")
                administrator.execute(f"DROP ROLE {plain}")

        assert applied[-1].version == latest_version()


# --- catalyst db -------------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int | str | None, str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["catalyst", "db", *words])
        with pytest.raises(SystemExit) as stop:
            main()
    out, err = capsys.readouterr()
    return stop.value.code, out, err


def test_the_command_goes_there_and_back_and_says_where_it_stands(
    empty_postgres: SecretStr, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--database", empty_postgres.get_secret_value(), "--json")
    before = said(capsys, "version", *where)
    there = said(capsys, "migrate", *where)
    after = said(capsys, "version", *where)
    back = said(capsys, "rollback", "--to", "208", *where)

    latest = latest_version()
    assert (before[0], json.loads(before[1])) == (
        1,
        {"version": 0, "needed": latest, "current": False},
    )
    assert (there[0], json.loads(there[1])["version"]) == (0, latest)
    assert after[0] == 0
    assert json.loads(back[1])["undone"][-1] == {"version": 209, "name": "reading"}


def test_the_command_works_on_the_database_of_the_environment(
    postgres: SecretStr, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres.get_secret_value())
    settings.cache_clear()
    status, out, _ = said(capsys, "migrate")
    settings.cache_clear()

    assert (status, out) == (0, f"the schema is version {latest_version()}; nothing to do\n")


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("migrate", "--database", "mysql://me:hidden@host/x"), 2, "DATABASE_URL can't be read"),
        (("migrate", "--database", "postgresql://me:hidden@host.example/x"), 2, "expected TLS"),
        (("version", "--database", "postgresql://me:hidden@127.0.0.1:1/x"), 1, "can't be reached"),
    ],
)
def test_the_command_says_in_one_sentence_what_is_wrong(
    words: tuple[str, ...], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, *words)

    assert (code, out) == (status, "")
    assert told in err
    assert "hidden" not in err
    assert len(err.strip().splitlines()) == 1
