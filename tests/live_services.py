"""Real PostgreSQL and Redis for tests: one server each for many tests, a fresh database for one."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pydantic import SecretStr

_TEMPLATE = "template_live"
# Workers of one run of pytest share a cluster: a second one would cost two seconds.
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))


@contextmanager
def open_home() -> Iterator[Path]:
    """Make a folder for ``CATALYST_HOME`` that root's servers can reach; remove it afterwards.

    pytest's own folders are closed to the users as whom these servers run.
    """
    home = Path(tempfile.mkdtemp(prefix="catalyst-home-"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        _end_servers(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def live_home() -> Iterator[Path]:
    """A ``CATALYST_HOME`` of its own for a test that starts embedded servers."""
    with open_home() as home:
        yield home


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    """The URL of the cluster that all workers share, for its administrator."""
    from catalyst.live.postgres import Postgres
    from catalyst.live.quarters import quarters_of
    from catalyst.live.shared_server import Tenancy

    home = Path(tempfile.gettempdir()) / f"catalyst-tests-{_RUN}"
    with _alone(home.with_suffix(".lock")):
        home.mkdir(exist_ok=True)
        home.chmod(0o711)
        quarters = quarters_of(home / "postgres")
        server = Postgres(quarters, durable=False)
        tenancy = Tenancy(quarters, server)
        url = server.address(tenancy.port, "postgres")
        _make_template(url)
    yield url
    with _alone(home.with_suffix(".lock")):
        tenancy.close()
        if not tenancy.pid:
            shutil.rmtree(home)
            home.with_suffix(".lock").unlink()


@pytest.fixture
def postgres(postgres_cluster: str) -> Iterator[SecretStr]:
    """The URL of a fresh database with the whole schema."""
    with fresh_database(postgres_cluster) as url:
        yield url


@pytest.fixture
def empty_postgres(postgres_cluster: str) -> Iterator[SecretStr]:
    """The URL of a fresh database with nothing in it."""
    with fresh_database(postgres_cluster, template="template0") as url:
        yield url


@contextmanager
def fresh_database(cluster: str, template: str = _TEMPLATE) -> Iterator[SecretStr]:
    """Make a database, give its URL, remove it whoever is still connected."""
    import psycopg
    from pydantic import SecretStr

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield SecretStr(cluster.rpartition("/")[0] + "/" + name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[SecretStr]:
    """The URL of this worker's Redis."""
    from pydantic import SecretStr

    from catalyst.live.quarters import quarters_of
    from catalyst.live.shared_server import Tenancy
    from catalyst.live.valkey import Valkey

    with open_home() as home:
        quarters = quarters_of(home / "redis")
        server = Valkey(quarters)
        tenancy = Tenancy(quarters, server)
        yield SecretStr(server.address(tenancy.port))
        tenancy.close()


@pytest.fixture
def redis_url(redis_server: SecretStr) -> SecretStr:
    """The URL of a Redis with nothing in it."""
    from catalyst.live.valkey import redis_client

    with redis_client(redis_server) as client:
        client.flushall()
    return redis_server


def _end_servers(home: Path) -> None:
    """End what a failed test left running."""
    from catalyst.live.shared_server import command_line

    for noted in home.glob("**/server/pid"):
        pid = int(noted.read_text())
        if str(home) in command_line(pid) or "valkey-server" in command_line(pid):
            os.kill(pid, signal.SIGKILL)


def _make_template(url: str) -> None:
    import psycopg
    from pydantic import SecretStr

    from catalyst.live.schema import migrate

    with psycopg.connect(url, autocommit=True) as connection:
        named = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(named, (_TEMPLATE,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {_TEMPLATE}")
            migrate(SecretStr(url.rpartition("/")[0] + "/" + _TEMPLATE))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Whoever had it before may have removed the file: then this is a lock on nothing.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                yield
                return
        finally:
            os.close(descriptor)
