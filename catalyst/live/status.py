"""How an account does: values that a status is made of, and as JSON for machines.

Money and prices are decimal text in USD, instants ISO text with New York's offset.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class Running(Enum):
    """Name whether live trading goes on."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Protected(Enum):
    """Name what keeps a position from losing without end.

    ``RESTING``: stops lie at the broker for every share; ``LEAVING``: orders at the market sell
    what no stop covers; ``WATCHED``: outside regular hours a process looks on every bar; ``NONE``:
    nothing does, someone must.
    """

    RESTING = "resting"
    LEAVING = "leaving"
    WATCHED = "watched"
    NONE = "none"


@dataclass(frozen=True)
class Protection:
    """Hold the levels that protect a position, as they lie at the broker or are watched.

    ``uncovered`` are shares that no stop covers and nobody watches.
    """

    kind: Protected
    stops: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    uncovered: int = 0

    @property
    def text(self) -> str:
        """Say it in a few words."""
        if self.kind is Protected.NONE:
            return "UNPROTECTED"
        levels = [
            f"{name} {' / '.join(dict.fromkeys(prices))}"
            for name, prices in (("stop", self.stops), ("target", self.targets))
            if prices
        ]
        how = [] if self.kind is Protected.RESTING else [self.kind.value]
        return " · ".join([*how, *levels])


@dataclass(frozen=True)
class PositionLine:
    """Hold one position: signed shares, USD, and unrealised profit at the mark."""

    symbol: str
    quantity: int
    average_price: str
    mark: str
    pnl: str
    protection: Protection
    entry_id: str = ""


@dataclass(frozen=True)
class OrderLine:
    """Hold one order that works at the broker, or whose fate is unknown."""

    symbol: str
    side: str
    role: str
    type: str
    quantity: int
    filled: int
    price: str
    status: str
    client_order_id: str
    submitted_at: str


@dataclass(frozen=True)
class ServiceLine:
    """Hold how a part of the process does; ``status`` is ``healthy``, ``degraded``, ``dead``."""

    status: str
    minutes_since_heartbeat: float | None
    error: str = ""


@dataclass(frozen=True)
class Degraded:
    """Hold a rule by which less is done than usual, and what is not done."""

    rule: str
    text: str


@dataclass(frozen=True)
class AlertLine:
    """Hold an alert that nobody has acknowledged; ``over``: what it tells of has passed."""

    rule: str
    subject: str
    severity: str
    text: str
    value: str
    threshold: str
    first_at: str
    last_at: str
    times: int
    over: bool = False


@dataclass(frozen=True)
class Dropped:
    """Hold how many symbols a rule stopped at a stage of the last scan."""

    stage: int
    reason: str
    text: str
    count: int


@dataclass(frozen=True)
class Funnel:
    """Hold the last scan: how many passed each stage, and what stopped the others.

    Attributes
    ----------
    passed
        Symbols by stage: 50, 20, 5.
    finalists
        Symbols that passed the last stage, best first.
    """

    at: str
    passed: dict[str, int]
    finalists: tuple[str, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True)
class Money:
    """Hold cash, equity, and the day's profit: realised by fills, unrealised at the marks."""

    cash: str
    equity: str
    realised: str
    unrealised: str
    today: str


@dataclass(frozen=True)
class Cycles:
    """Count the day's cycles by how they ended."""

    done: int = 0
    degraded: int = 0
    missed: int = 0
    failed: int = 0
    started: int = 0


@dataclass(frozen=True)
class LastDecision:
    """Hold the last decision; ``lag_ms`` is exchange time from its instant to its journal row."""

    at: str
    lag_ms: float
    candidates: int
    signals: int
    intents: int
    refused: int


@dataclass(frozen=True)
class Limit:
    """Hold a limit beside what stands against it now."""

    name: str
    value: str
    limit: str
    reached: bool


@dataclass(frozen=True)
class EventLine:
    """Hold something that happened, as a sentence."""

    at: str
    text: str


@dataclass(frozen=True)
class Status:
    """Hold how an account does.

    Attributes
    ----------
    state, market
        Whether live trading goes on; the exchange's state at exchange time.
    text
        One sentence that says it to a person, and what to do if something is to be done.
    at, session
        Exchange time, and the New York date of the session; empty where nothing ran yet.
    database_url, redis_url, exchange_url
        Without passwords; empty where unknown.
    """

    state: Running
    text: str
    market: str = "closed"
    at: str = ""
    session: str = ""
    account: str = ""
    variant: str = ""
    timeframe: str = ""
    pid: int = 0
    database_url: str = ""
    redis_url: str = ""
    exchange_url: str = ""
    positions: tuple[PositionLine, ...] = ()
    orders: tuple[OrderLine, ...] = ()
    health: dict[str, ServiceLine] = field(default_factory=dict)
    degraded: tuple[Degraded, ...] = ()
    alerts: tuple[AlertLine, ...] = ()
    funnel: Funnel | None = None
    money: Money | None = None
    cycles: Cycles = Cycles()
    last_decision: LastDecision | None = None
    limits: tuple[Limit, ...] = ()
    events: tuple[EventLine, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """List what needs a person, as sentences; empty if nothing does."""
        return (
            *(
                f"{name} is dead: {line.error or 'no sign of life'}"
                for name, line in self.health.items()
                if line.status == "dead"
            ),
            *(
                f"{abs(one.quantity)} shares of {one.symbol} are not protected"
                for one in self.positions
                if one.protection.kind is Protected.NONE
            ),
            *(one.text for one in self.alerts if one.severity == "critical" and not one.over),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        told = asdict(self, dict_factory=_plain)
        return told | {"needs": list(self.needs)}


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Enum) else value for name, value in pairs}
