"""Append to the journal, through restarts of its database: what isn't written isn't sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from catalyst.errors import EntryExistsError, ServiceError
from catalyst.live.events import Body, Event, Intent, Withheld
from catalyst.live.input_rows import InputRows
from catalyst.live.journal import Journal
from catalyst.live.threads import in_thread

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0


@dataclass
class LedgerWriter:
    """Write events, and wait for a database that has gone to come back.

    Parameters
    ----------
    journal
        The account's.
    tell
        Told, in a sentence, when the database is lost and when it is back.
    stop
        Set when the process is to end: waiting for the database is given up.

    Attributes
    ----------
    lost
        Whether the database is away.
    outages
        How many times it came back since somebody told of it.
    """

    journal: Journal
    tell: Callable[[str], None]
    stop: asyncio.Event
    lost: bool = field(init=False, default=False)
    outages: int = field(init=False, default=0)

    async def append(
        self, bodies: Sequence[Body], *, at_ns: int, inputs: InputRows | None = None
    ) -> list[Event]:
        """Write all or nothing; see `Journal.append`.

        An entry that the database says is a second one in its symbol is withheld instead.

        Raises
        ------
        ServiceError
            If somebody else writes the journal, or the process is told to end while the database
            is away.
        """
        while True:
            try:
                return await in_thread(
                    lambda told=bodies: self.journal.append(told, at_ns=at_ns, inputs=inputs),  # type: ignore[misc]
                    name="journal",
                )
            except EntryExistsError as error:
                bodies = without_entry(bodies, error)
            except ServiceError as error:
                landed = await self._reopened(error)
                if landed:
                    return landed

    async def _reopened(self, why: ServiceError) -> list[Event]:
        self.lost = True
        self.tell(str(why))
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                landed = await in_thread(self.journal.reopen, name="journal")
            except ServiceError as error:
                if self.stop.is_set() or "start again" in str(error):
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            self.lost = False
            self.outages += 1
            self.tell("the journal's database is back")
            return landed


def without_entry(bodies: Sequence[Body], error: EntryExistsError) -> list[Body]:
    """Put a withheld entry in the place of one that can't be opened."""
    out: list[Body] = []
    for body in bodies:
        if isinstance(body, Intent) and body.purpose == "entry" and body.symbol == error.symbol:
            out.append(
                Withheld(body.order_ids[0], body.entry_id, body.symbol, "symbol_busy", 1.0, 0.0)
            )
        else:
            out.append(body)
    return out
