"""What the journal holds: one kind of event each, whole enough to rebuild every derived table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

Json = dict[str, Any]


@dataclass(frozen=True)
class SessionOpened:
    """A session was begun, or taken up again after a stop.

    Attributes
    ----------
    day
        ISO date in New York.
    params
        The variant, as `catalyst.strategy.params.Params.as_mapping` gives it.
    lake
        The lake that live was started with, its whole path.
    state
        The strategy's state before the session, see `catalyst.data.state_codec`.
    resumed
        Whether decisions of this session stand in the journal already.
    """

    kind: ClassVar[str] = "session_opened"
    day: str
    variant: str
    params_hash: str
    params: Json
    code_version: str
    timeframe: str
    symbols: list[str]
    lake: str
    state: Json
    resumed: bool = False


@dataclass(frozen=True)
class Inputs:
    """Bars and articles arrived that a decision rests on; their rows stand in `data_ingestion`.

    ``digest`` is over the rows in order, so that the chain covers them.
    """

    kind: ClassVar[str] = "inputs"
    asof_ns: int
    bars: int
    articles: int
    digest: str


@dataclass(frozen=True)
class Decided:
    """The strategy decided: what, the state after it, and up to which fill it knew."""

    kind: ClassVar[str] = "decided"
    asof_ns: int
    digest: str
    decision: Json
    state: Json
    fills_seq: int
    adjustments: list[Json] = field(default_factory=list)


@dataclass(frozen=True)
class Missed:
    """An instant at which nothing could be decided, and why."""

    kind: ClassVar[str] = "missed"
    asof_ns: int
    why: str


@dataclass(frozen=True)
class Intent:
    """Something is about to be sent to the broker.

    Attributes
    ----------
    client_order_id
        Of the order sent or, for a cancel, of the order to be cancelled.
    order_ids
        The strategy's orders that it serves: of a bracket entry, stop, target; of an OCO stop,
        target; else one.
    purpose
        ``entry``, ``protect``, ``exit``, ``cancel`` or ``replace``.
    request
        Fields of `catalyst.strategy.tickets.OrderRequest`; of a replace, the new stop price; of a
        cancel, empty.
    target_broker_id
        The order to cancel or to replace, empty else.
    orders
        The strategy's orders of ``order_ids``, whole, see `catalyst.data.state_codec`.
    entry
        Of an entry: the entry as it was decided, so that a fill that comes too late can restore it.
    """

    kind: ClassVar[str] = "intent"
    client_order_id: str
    order_ids: list[str]
    entry_id: str
    leg: int
    symbol: str
    purpose: str
    request: Json
    target_broker_id: str = ""
    signal_id: str = ""
    orders: list[Json] = field(default_factory=list)
    entry: Json | None = None


@dataclass(frozen=True)
class Answered:
    """The broker took what was sent; ``orders`` are its orders, fields of `BrokerOrder`."""

    kind: ClassVar[str] = "answered"
    client_order_id: str
    orders: list[Json]


@dataclass(frozen=True)
class Refused:
    """The broker said no."""

    kind: ClassVar[str] = "refused"
    client_order_id: str
    http: int
    code: int
    message: str


@dataclass(frozen=True)
class Unanswered:
    """No answer came that can be trusted: the order is unknown until it is found or surely not."""

    kind: ClassVar[str] = "unanswered"
    client_order_id: str
    why: str


@dataclass(frozen=True)
class Withheld:
    """An entry that the strategy wanted was not sent, for good: rule and the numbers compared."""

    kind: ClassVar[str] = "withheld"
    order_id: str
    entry_id: str
    symbol: str
    rule: str
    value: float | None
    threshold: float | None


@dataclass(frozen=True)
class OrderChanged:
    """A broker's order is known to have changed; ``order`` has the fields of `BrokerOrder`."""

    kind: ClassVar[str] = "order"
    order_id: str
    entry_id: str
    client_order_id: str
    order: Json


@dataclass(frozen=True)
class Filled:
    """Shares changed hands; booked once, by the execution.

    Attributes
    ----------
    order_id, client_order_id, broker_id
        The strategy's order that it served; our request; the broker's order or leg.
    price
        USD on 0.0001.
    order, entry
        The order and the entry as the strategy last knew them, where its state does not any more;
        see `catalyst.strategy.decisions.Fill`.
    """

    kind: ClassVar[str] = "fill"
    fill_id: str
    order_id: str
    client_order_id: str
    broker_id: str
    execution_id: str
    entry_id: str
    symbol: str
    side: str
    role: str
    quantity: int
    price: float
    fee_micro: int
    filled_ns: int
    order: Json | None = None
    entry: Json | None = None


@dataclass(frozen=True)
class Found:
    """Recovery or a reconcile found broker and journal apart; ``text`` says what was done."""

    kind: ClassVar[str] = "found"
    what: str
    symbol: str
    text: str
    order_id: str = ""


@dataclass(frozen=True)
class Alert:
    """Someone should know; one row in `notification.alerts` for each rule and subject."""

    kind: ClassVar[str] = "alert"
    rule: str
    subject: str
    severity: str
    text: str
    value: float | None = None
    threshold: float | None = None
    over: bool = False


@dataclass(frozen=True)
class Control:
    """A person asked for something: pause, resume, flatten."""

    kind: ClassVar[str] = "control"
    command: str
    by: str
    request_id: int = 0


@dataclass(frozen=True)
class Cycle:
    """A cycle began, ended or was given up; it has an owner and a lease."""

    kind: ClassVar[str] = "cycle"
    cycle_id: str
    asof_ns: int
    mode: str
    status: str
    owner: str
    lease_until_ns: int
    stages_ms: Json = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True)
class SessionClosed:
    """A session ended: the strategy's books beside the broker's, micro-dollars."""

    kind: ClassVar[str] = "session_closed"
    day: str
    cash_micro: int
    equity_micro: int
    broker_cash_micro: int
    broker_equity_micro: int
    positions: Json
    state: Json


Body = (
    SessionOpened
    | Inputs
    | Decided
    | Missed
    | Intent
    | Answered
    | Refused
    | Unanswered
    | Withheld
    | OrderChanged
    | Filled
    | Found
    | Alert
    | Control
    | Cycle
    | SessionClosed
)

_KINDS: dict[str, type[Body]] = {
    body.kind: body
    for body in (
        SessionOpened,
        Inputs,
        Decided,
        Missed,
        Intent,
        Answered,
        Refused,
        Unanswered,
        Withheld,
        OrderChanged,
        Filled,
        Found,
        Alert,
        Control,
        Cycle,
        SessionClosed,
    )
}


@dataclass(frozen=True)
class Event:
    """Hold one row of the journal: its place in the account's chain, exchange time, and body."""

    seq: int
    at_ns: int
    body: Body
    hash: str


def to_payload(body: Body) -> Json:
    """Return a body as JSON values; they are its own, not copies."""
    # `asdict` would copy a screen of a hundred rows value by value.
    return dict(vars(body))


def from_payload(kind: str, payload: Json) -> Body:
    """Return the body of a journal's row.

    Raises
    ------
    KeyError
        If there is no such kind.
    """
    return _KINDS[kind](**payload)
