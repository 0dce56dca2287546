"""Connections to PostgreSQL: a small pool, checked on borrow, and what is known of its health."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool
from pydantic import SecretStr
from tenacity import RetryCallState, retry, retry_if_exception, stop_after_attempt, wait_exponential

from catalyst.errors import ServiceError
from catalyst.live.postgres import OLDEST
from catalyst.live.schema import check_version

_LOG = logging.getLogger(__name__)

_SMALLEST, _LARGEST = 2, 10
_CONNECT_S = 5
_BORROW_S = 5.0
_TRIES = 3

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class PoolHealth:
    """Hold the state of a pool.

    Attributes
    ----------
    active, idle, total
        Connections in use, free, and both.
    last_error
        What went wrong last, empty for nothing.
    uptime_s
        Seconds since the pool was opened.
    last_check
        When these numbers were read, UTC.
    """

    active: int
    idle: int
    total: int
    last_error: str
    uptime_s: float
    last_check: dt.datetime


class Database:
    """Lend connections to one database; threads may share it. Close it, or use it in ``with``.

    Parameters
    ----------
    url
        Of the database, password included; it never shows.
    smallest, largest
        Connections kept, and allowed.

    Raises
    ------
    ServiceError
        If nothing answers there, or it is too old.
    """

    def __init__(
        self, url: SecretStr, *, smallest: int = _SMALLEST, largest: int = _LARGEST
    ) -> None:
        self._url = url
        self.place = place_of(url)
        self._began = time.monotonic()
        self._last_error = ""
        # The pool would only say that it waited in vain.
        with self.dedicated() as first:
            version = first.info.server_version // 10_000
        if version < OLDEST:
            raise ServiceError(
                f"PostgreSQL at {self.place} is version {version}; expected {OLDEST} or newer"
            )
        self._pool = ConnectionPool(
            url.get_secret_value(),
            kwargs={"connect_timeout": _CONNECT_S, "application_name": "catalyst"},
            min_size=smallest,
            max_size=largest,
            timeout=_BORROW_S,
            configure=_configure,
            check=ConnectionPool.check_connection,
            name="catalyst",
            open=True,
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """Lend a connection that works: committed at the end, rolled back after an error.

        Raises
        ------
        ServiceError
            If none can be had, or the server goes away meanwhile. Any other error of the database
            is logged with its context and goes on as it is.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except psycopg.OperationalError as error:
            self._tell(error)
            raise ServiceError(
                f"PostgreSQL at {self.place} can't be used: {_first_line(error)}; look whether it "
                "runs, then try again"
            ) from error
        except psycopg.Error as error:
            self._tell(error)
            raise

    def dedicated(self) -> psycopg.Connection[TupleRow]:
        """Return a connection outside of the pool, in autocommit, which the caller closes.

        Raises
        ------
        ServiceError
            If the server can't be reached.
        """
        try:
            connection = psycopg.connect(
                self._url.get_secret_value(),
                autocommit=True,
                connect_timeout=_CONNECT_S,
                application_name="catalyst",
            )
        except psycopg.Error as error:
            self._tell(error)
            raise ServiceError(
                f"PostgreSQL at {self.place} can't be reached: {_first_line(error)}; start it, or "
                "set DATABASE_URL to one that runs"
            ) from None
        connection.execute("SET TIME ZONE 'UTC'")
        return connection

    def check_version(self) -> None:
        """Refuse a schema that this code was not written for; see `catalyst.live.schema`."""
        with self.connection() as connection:
            check_version(connection)

    def health(self) -> PoolHealth:
        """Read the pool's numbers."""
        told = self._pool.get_stats()
        total, idle = told.get("pool_size", 0), told.get("pool_available", 0)
        return PoolHealth(
            active=total - idle,
            idle=idle,
            total=total,
            last_error=self._last_error,
            uptime_s=time.monotonic() - self._began,
            last_check=dt.datetime.now(dt.UTC),
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _tell(self, error: psycopg.Error) -> None:
        self._last_error = _first_line(error)
        _LOG.error(
            "database_failed place=%s error=%s sqlstate=%s table=%s constraint=%s message=%s",
            self.place,
            type(error).__name__,
            error.sqlstate,
            error.diag.table_name,
            error.diag.constraint_name,
            self._last_error,
        )


def with_db_retry(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Call a function up to three times, 1 s and then 2 s apart, while the database is away.

    Only errors of operation are tried again, raised by psycopg or as the `ServiceError` that
    `Database.connection` makes of them: the function must do all its work in one transaction.
    """
    return retry(
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(multiplier=1, exp_base=2),
        retry=retry_if_exception(_is_operational),
        before_sleep=_tell_retry,
        reraise=True,
    )(function)


def health_check(
    database: Database | None, ping_redis: Callable[[], object] | None
) -> dict[str, dict[str, str | None]]:
    """Ask both servers whether they answer.

    Parameters
    ----------
    database
        None where it could not be opened.
    ping_redis
        Raises if the cache does not answer; None where there is none.

    Returns
    -------
    dict
        ``postgresql`` and ``redis``, each with ``status`` (``healthy`` or ``unhealthy``) and
        ``error`` (None, or what went wrong).
    """
    return {"postgresql": _health_of(_ping(database)), "redis": _health_of(ping_redis)}


def place_of(url: SecretStr) -> str:
    """Return host, port and database of an address, nothing that is secret.

    Raises
    ------
    ServiceError
        If it can't be read; it is not repeated.
    """
    try:
        told = conninfo_to_dict(url.get_secret_value())
    except psycopg.Error:
        raise ServiceError(
            "the database's address can't be read; expected one such as "
            "postgresql://user:password@host:5432/catalyst"
        ) from None
    host = told.get("host") or told.get("hostaddr") or "localhost"
    return f"{host}:{told.get('port') or 5432}/{told.get('dbname') or ''}"


def _ping(database: Database | None) -> Callable[[], object] | None:
    if database is None:
        return None

    def ping() -> None:
        with database.connection() as connection:
            connection.execute("SELECT 1")

    return ping


def _health_of(ping: Callable[[], object] | None) -> dict[str, str | None]:
    if ping is None:
        return {"status": "unhealthy", "error": "not connected"}
    try:
        ping()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what health is asked for
        return {"status": "unhealthy", "error": _first_line(error)}
    return {"status": "healthy", "error": None}


def _configure(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def _is_operational(error: BaseException) -> bool:
    return isinstance(error, psycopg.OperationalError) or (
        isinstance(error, ServiceError) and isinstance(error.__cause__, psycopg.OperationalError)
    )


def _tell_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    name = getattr(state.fn, "__qualname__", "a function")
    _LOG.warning(
        "database_retried function=%s attempt=%d message=%s",
        name,
        state.attempt_number,
        _first_line(error),
    )


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
