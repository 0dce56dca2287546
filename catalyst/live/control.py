"""What people ask of a live process: rows that it takes up, and answers that it leaves there."""

from __future__ import annotations

import time
from dataclasses import dataclass

from catalyst.errors import InputError
from catalyst.live.database import Database
from catalyst.live.statements import statement

#: What can be asked.
COMMANDS = ("pause", "resume", "flatten")
_ASK_AGAIN_S = 0.1


@dataclass(frozen=True)
class ControlRequest:
    """Hold one request.

    Attributes
    ----------
    request_id
        Ascending with the time of asking.
    command
        One of `COMMANDS`.
    by
        Who asked, such as ``ann@desk``.
    """

    request_id: int
    command: str
    by: str


class ControlInbox:
    """Give a live process what it was asked to do, in order.

    Parameters
    ----------
    database, account_id
        Whose requests.
    """

    def __init__(self, database: Database, account_id: str) -> None:
        self._database = database
        self._account_id = account_id

    def pending(self) -> tuple[ControlRequest, ...]:
        """List what is not done yet, oldest first; what was asked while nobody ran is among it."""
        with self._database.connection() as connection:
            rows = connection.execute(
                statement("control_pending"), {"account_id": self._account_id}
            ).fetchall()
        return tuple(ControlRequest(*row) for row in rows)

    def done(self, request_id: int, answer: str) -> None:
        """Say that a request was done, or why not: one sentence for the person who waits."""
        with self._database.connection() as connection:
            connection.execute(
                statement("control_done"), {"request_id": request_id, "answer": answer}
            )


def ask(database: Database, account_id: str, command: str, *, by: str) -> int:
    """Ask a live process for something; return the request's id.

    Raises
    ------
    ValueError
        If there is no such command.
    InputError
        If nothing was ever journalled of the account.
    """
    if command not in COMMANDS:
        raise ValueError(f"{command!r} can't be asked for; expected one of {', '.join(COMMANDS)}")
    with database.connection() as connection:
        row = connection.execute(
            statement("control_ask"), {"account_id": account_id, "command": command, "by": by}
        ).fetchone()
    if row is None:
        raise InputError(
            f"account {account_id} has never traded into this database; expected one that has, "
            "such as `catalyst status` shows"
        )
    return int(row[0])


def answer_of(database: Database, request_id: int, wait_s: float) -> str | None:
    """Wait for the answer to a request; None if none came in that time."""
    until = time.monotonic() + wait_s
    while True:
        with database.connection() as connection:
            row = connection.execute(
                statement("control_answer"), {"request_id": request_id}
            ).fetchone()
        if row is not None and row[0] is not None:
            return str(row[0])
        if time.monotonic() >= until:
            return None
        time.sleep(_ASK_AGAIN_S)


def is_live(database: Database, account_id: str) -> bool:
    """Tell whether a process holds the account's lock, wherever it runs."""
    with database.connection() as connection:
        row = connection.execute(
            statement("journal_is_held"), {"account_id": account_id}
        ).fetchone()
    return bool(row and row[0])


def close_requests(database: Database, account_id: str, *, answer: str) -> None:
    """Say of every flatten that nobody has done yet that it was done otherwise."""
    with database.connection() as connection:
        connection.execute(
            statement("control_close_flattens"), {"account_id": account_id, "answer": answer}
        )
