"""The journal: what was decided, sent and answered, append-only, chained, with one writer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import psycopg

from catalyst.errors import EntryExistsError, InvariantError, ServiceError
from catalyst.live.chain import REPLACEMENT, canonical, genesis, link
from catalyst.live.database import Database
from catalyst.live.events import (
    Body,
    Event,
    Inputs,
    Intent,
    SessionOpened,
    from_payload,
    to_payload,
)
from catalyst.live.folding import Folded, fold
from catalyst.live.input_rows import InputRows
from catalyst.live.input_store import months_of, write_inputs
from catalyst.live.journal_reading import events_of, inputs_of, stored_head, verify
from catalyst.live.projections import project, project_later
from catalyst.live.statements import statement

# A process that was killed may hold its lock for a moment longer.
_LOCK_WAIT_MS = 5000
_PENDING_PAGE = 200
_ONE_ENTRY = "positions_one_per_symbol"
_DAY_NS = 86_400 * 10**9
_AHEAD_NS = 32 * _DAY_NS


class Journal:
    """Append events of one account, in one chain, as its only writer.

    Appends run on the very connection that holds the account's lock: whoever has lost the lock
    can't write. Use `Journal.open`, and close it, or use it as a context manager. Threads may
    share a journal; an append is one at a time.

    Attributes
    ----------
    account_id
        The account.
    last_seq, head
        Place and hash of the last event; 0 and the chain's beginning before the first.
    """

    def __init__(self, database: Database, account_id: str) -> None:
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None
        self._mutex = threading.RLock()
        self._tried: list[Event] = []
        self._months: set[int] = set()
        self.account_id = account_id
        self.last_seq = 0
        self.head = genesis(account_id)

    @classmethod
    def open(cls, database: Database, account_id: str) -> Journal:
        """Take the account's lock and find the end of its chain.

        Raises
        ------
        ServiceError
            If another process writes the account's journal, or the database can't be reached.
        """
        journal = cls(database, account_id)
        with journal._mutex:
            journal.last_seq, journal.head = journal._take()
        return journal

    def reopen(self) -> list[Event]:
        """Take the lock again after the connection was lost.

        Returns
        -------
        list of Event
            What the last append had written, where only its answer was lost; empty if nothing of
            it is there, and it is to be appended again.

        Raises
        ------
        ServiceError
            If the database can't be reached yet, another process has the lock, or somebody wrote
            meanwhile: this process must then stop and start anew.
        """
        with self._mutex:
            self.close()
            seq, head = self._take()
            landed: list[Event] = []
            if self._tried and (seq, head) == (self._tried[-1].seq, self._tried[-1].hash):
                landed = self._tried
            elif (seq, head) != (self.last_seq, self.head):
                self.close()
                raise ServiceError(
                    f"somebody else wrote the journal of account {self.account_id} (its last event "
                    f"is {seq}, ours {self.last_seq}); start again, so that all is read anew"
                )
            self._tried = []
            self.last_seq, self.head = seq, head
            return landed

    def close(self) -> None:
        """Give up the lock; nothing can be appended until `reopen`."""
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(
        self, bodies: Sequence[Body], *, at_ns: int, inputs: InputRows | None = None
    ) -> list[Event]:
        """Write events, what follows of them for orders, and the rows they rest on: all or nothing.

        Parameters
        ----------
        bodies
            In order.
        at_ns
            Exchange time.
        inputs
            The rows of the one `Inputs` among the bodies.

        Returns
        -------
        list of Event
            As they stand in the journal, on disk.

        Raises
        ------
        EntryExistsError
            If a body would open a second entry in a symbol; nothing was written.
        ServiceError
            If the connection is lost. What was appended may be there or not: `reopen` says.
        InvariantError
            If the inputs are not those that the bodies tell of, or a fill is booked already.
        """
        _check_inputs(bodies, inputs)
        with self._mutex:
            connection = self._connection
            if connection is None:
                raise ServiceError(
                    f"the journal of account {self.account_id} has lost its connection, and may "
                    "not be written until it was opened again"
                )
            events, texts = self._chained(bodies, at_ns)
            self._tried = events
            try:
                self._make_room(connection, events, inputs)
                with connection.transaction():
                    if inputs is not None:
                        seq = next(e.seq for e in events if isinstance(e.body, Inputs))
                        write_inputs(connection, self.account_id, seq, inputs)
                    # One round trip for all that nothing is read from.
                    with connection.pipeline():
                        self._write(connection, events, texts)
                        project(connection, self.account_id, events)
            except psycopg.errors.UniqueViolation as error:
                self._tried = []
                raise _repeated(error, bodies) from error
            except psycopg.Error as error:
                if isinstance(error, psycopg.OperationalError) or connection.closed:
                    raise self._lost(error) from error
                self._tried = []
                raise
            except BaseException:
                self._tried = []
                raise
            if events:
                self.last_seq, self.head = events[-1].seq, events[-1].hash
            self._tried = []
            return events

    def project_pending(self) -> int:
        """Bring candidates, patterns, signals, trades and the like up to date.

        Each event is worked off once, in order, however often a process dies in between.

        Returns
        -------
        int
            How many events were worked off.
        """
        done = 0
        while True:
            with self._database.connection() as connection:
                count = project_later(connection, self.account_id, limit=_PENDING_PAGE)
            done += count
            if count < _PENDING_PAGE:
                return done

    def events(
        self, after_seq: int = 0, *, kinds: Sequence[str] = (), day: str | None = None
    ) -> Iterator[Event]:
        """Yield events in order; see `catalyst.live.journal_reading.events_of`."""
        return events_of(self._database, self.account_id, after_seq=after_seq, kinds=kinds, day=day)

    def inputs_of(self, day: str) -> list[InputRows]:
        """Read what a session's decisions took in, in order, floats to the bit."""
        return inputs_of(self._database, self.account_id, day)

    def verify(self) -> int | None:
        """Return the first event that is not what was written; None if all are."""
        return verify(self._database, self.account_id)

    def fold_state(self) -> Folded:
        """Read what a start needs to know."""
        return fold(self._database, self.account_id)

    def _take(self) -> tuple[int, str]:
        """Connect, lock the account, and read where its chain ends."""
        said = {"account_id": self.account_id}
        connection = self._database.dedicated()
        try:
            connection.execute(f"SET lock_timeout = {_LOCK_WAIT_MS}")
            connection.execute(statement("journal_lock"), said)
            connection.execute("SET lock_timeout = 0")
            connection.execute(statement("journal_account"), said)
            head = stored_head(connection, self.account_id)
        except psycopg.errors.LockNotAvailable as error:
            connection.close()
            raise ServiceError(
                f"another process trades account {self.account_id}; stop that one first, or look "
                "at what it does with `catalyst status`"
            ) from error
        except psycopg.Error as error:
            connection.close()
            raise self._lost(error) from error
        self._connection = connection
        return head

    def _lost(self, error: psycopg.Error) -> ServiceError:
        self.close()
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return ServiceError(
            f"the journal of account {self.account_id} at {self._database.place} can't be written: "
            f"{first}; nothing may be sent until it was opened again"
        )

    def _chained(self, bodies: Sequence[Body], at_ns: int) -> tuple[list[Event], list[str]]:
        seq, head = self.last_seq, self.head
        events, texts = [], []
        for body in bodies:
            text = canonical(to_payload(body))
            seq, head = seq + 1, link(head, seq + 1, body.kind, at_ns=at_ns, body=text)
            # Where a word was replaced, rows beside the journal must say what the journal says.
            kept = from_payload(body.kind, json.loads(text)) if REPLACEMENT in text else body
            events.append(Event(seq, at_ns, kept, head))
            texts.append(text)
        return events, texts

    def _write(
        self, connection: psycopg.Connection[Any], events: Sequence[Event], texts: Sequence[str]
    ) -> None:
        before = [self.head, *(event.hash for event in events)]
        rows = [
            {
                "account_id": self.account_id,
                "seq": event.seq,
                "kind": event.body.kind,
                "at_ns": event.at_ns,
                "asof_ns": getattr(event.body, "asof_ns", None),
                "body": text,
                "prev_hash": prev_hash,
                "hash": event.hash,
            }
            for event, text, prev_hash in zip(events, texts, before, strict=False)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(statement("journal_append"), rows)

    def _make_room(
        self,
        connection: psycopg.Connection[Any],
        events: Sequence[Event],
        inputs: InputRows | None,
    ) -> None:
        """Make the partitions that rows will need, before the transaction that writes them."""
        if any(isinstance(event.body, SessionOpened) for event in events):
            make_months(connection, events[0].at_ns)
        new = set() if inputs is None else months_of(inputs) - self._months
        for month_ns in sorted(new):
            make_months(connection, month_ns, around_ns=0)
        self._months |= new


def make_months(
    connection: psycopg.Connection[Any], at_ns: int, *, around_ns: int = _AHEAD_NS
) -> None:
    """Make the partitions of the months around an instant, and those of the journal's next rows."""
    span = {"first_ns": at_ns - around_ns, "last_ns": at_ns + around_ns}
    connection.execute(statement("journal_partitions"), span)


def _check_inputs(bodies: Sequence[Body], inputs: InputRows | None) -> None:
    told = [body for body in bodies if isinstance(body, Inputs)]
    if inputs is None:
        if any(body.bars or body.articles for body in told):
            raise InvariantError("inputs are told of without their rows; give both to `append`")
        return
    found = (len(inputs.bars), len(inputs.news), inputs.digest())
    if [(body.bars, body.articles, body.digest) for body in told] != [found]:
        raise InvariantError(
            f"the inputs of an append have {found[0]} bars and {found[1]} articles, but its bodies "
            f"tell of {told}; expected one `Inputs` with their numbers and digest"
        )


def _repeated(error: psycopg.errors.UniqueViolation, bodies: Sequence[Body]) -> Exception:
    if error.diag.constraint_name == _ONE_ENTRY:
        told = error.diag.message_detail or ""
        entries = [b for b in bodies if isinstance(b, Intent) and b.purpose == "entry"]
        entry = next((b for b in entries if f", {b.symbol})" in told), None)
        return EntryExistsError(
            entry.symbol if entry else "a symbol", entry.entry_id if entry else ""
        )
    return InvariantError(
        f"an append repeats what the journal holds ({error.diag.constraint_name}: "
        f"{error.diag.message_detail}); expected each fill once, this is a bug"
    )
