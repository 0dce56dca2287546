"""Warnings and errors of the log, kept in the database as well: aside, and never in the way."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from catalyst.errors import ServiceError
from catalyst.live.database import Database
from catalyst.live.statements import statement

_MOST_WAITING = 1_000
_LONGEST = 2_000
_PAUSE_S = 0.2
_CLOSE_S = 5.0
# What tells that the database is away can't be told to the database.
_OWN = ("catalyst.live.database", "psycopg")


@contextmanager
def keep_logs(
    database: Database, *, account_id: str, correlation_id: str, logger: str = "catalyst"
) -> Iterator[None]:
    """Write what the log says from a warning upwards to ``logging.system_logs`` meanwhile.

    It still goes to stderr, too. Rows are written by a thread of its own; while the database is
    away they are lost there.

    Parameters
    ----------
    database
        Stays open for longer than this.
    account_id, correlation_id
        Go with each row; the second says which run of which process it was.
    logger
        Name of the logger, those below it included.
    """
    handler = _Handler(database, account_id, correlation_id)
    log = logging.getLogger(logger)
    # A logger with a handler no longer falls back to stderr.
    handlers = [handler, *([logging.lastResort] if logging.lastResort else [])]
    for one in handlers:
        log.addHandler(one)
    try:
        yield
    finally:
        for one in handlers:
            log.removeHandler(one)
        handler.close()


class _Handler(logging.Handler):
    def __init__(self, database: Database, account_id: str, correlation_id: str) -> None:
        super().__init__(logging.WARNING)
        self._database = database
        self._with_all = {"account_id": account_id, "correlation_id": correlation_id}
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(_MOST_WAITING)
        self._over = threading.Event()
        self._has_partitions = False
        self._thread = threading.Thread(target=self._work, name="system-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_OWN):
            return
        message = record.getMessage().replace("\0", "�")
        row = {
            "at": record.created,
            "service": record.name,
            "level": record.levelname.lower(),
            "event": message.split(" ", 1)[0],
            "message": message[:_LONGEST],
        }
        try:
            self._waiting.put_nowait(row | self._with_all)
        except queue.Full:
            # A storm of warnings: the first thousand say it.
            return

    def close(self) -> None:
        self._over.set()
        self._thread.join(_CLOSE_S)
        super().close()

    def _work(self) -> None:
        while not self._over.wait(_PAUSE_S):
            self._write()
        self._write()

    def _write(self) -> None:
        rows = []
        while not self._waiting.empty():
            rows.append(self._waiting.get_nowait())
        if not rows:
            return
        try:
            if not self._has_partitions:
                with self._database.connection() as connection:
                    connection.execute(statement("log_partitions"))
                self._has_partitions = True
            with self._database.connection() as connection, connection.cursor() as cursor:
                cursor.executemany(statement("log_write"), rows)
        except (ServiceError, psycopg.Error):
            # The database has told its own trouble on stderr.
            return
