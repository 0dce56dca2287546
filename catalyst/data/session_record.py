"""A session as a journal holds it: what live decided, on which fills, and with what in hand."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class RecordedDecision:
    """Hold one decision of the journal.

    Attributes
    ----------
    asof_ns, scan
        Its instant, ns UTC, and whether the whole step scanned. What corporate actions did at
        04:00 is a decision of its own, without a scan.
    digest
        As `catalyst.data.codec.digest` gave it then.
    decision, state, fills, adjustments
        The decision, the state after it, the fills it was given and what corporate actions did, as
        `catalyst.data.state_codec` writes them.
    """

    asof_ns: int
    scan: bool
    digest: str
    decision: Json
    state: Json
    fills: tuple[Json, ...] = ()
    adjustments: tuple[Json, ...] = ()


@dataclass(frozen=True)
class ClosedBooks:
    """Hold the strategy's books beside the broker's at a session's end, micro-dollars."""

    cash_micro: int
    equity_micro: int
    broker_cash_micro: int
    broker_equity_micro: int


@dataclass(frozen=True)
class Booked:
    """Hold what an order came to: shares, and their value in micro-dollars."""

    quantity: int
    value_micro: int


@dataclass(frozen=True)
class SessionRecord:
    """Hold one session of an account's journal.

    Attributes
    ----------
    account, day
        Whose, and the New York date.
    variant, params, params_hash, code_version
        What traded: ``params`` as `catalyst.strategy.params.Params.as_mapping` gives it.
    timeframe, symbols, lake
        Base bars, symbols by name, and the lake that live was started with.
    opening
        The strategy's state before the session.
    decisions
        In order.
    missed
        Instants at which nothing could be decided, ns UTC.
    closed
        The books at its end; None where the journal has no end of the session.
    executed
        What the journal booked in the session, by the broker's order id.
    head_seq, head_hash
        Place and hash of the journal's last event of the session.
    """

    account: str
    day: dt.date
    variant: str
    params: Json
    params_hash: str
    code_version: str
    timeframe: str
    symbols: tuple[str, ...]
    lake: str
    opening: Json
    decisions: tuple[RecordedDecision, ...]
    missed: tuple[int, ...]
    closed: ClosedBooks | None
    executed: dict[str, Booked]
    head_seq: int
    head_hash: str

    @property
    def decision_digest(self) -> str:
        """Return 64 hexadecimal digits over every decision's digest, in order."""
        return digest_of_digests([d.digest for d in self.decisions])


def digest_of_digests(digests: Sequence[str]) -> str:
    """Return 64 hexadecimal digits over digests in order, as a run's summary has them."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()
