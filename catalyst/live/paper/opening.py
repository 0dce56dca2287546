"""From what was asked for on the command line to a served exchange."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.errors import InputError
from catalyst.live.paper.exchange import PaperExchange, Terms
from catalyst.live.paper.faults import faults_of
from catalyst.live.paper.floor import Floor
from catalyst.live.paper.pace import Pace
from catalyst.live.paper.request_log import RequestLog
from catalyst.live.paper.server import serve
from catalyst.strategy.params import ExecutionParams

HOST = "127.0.0.1"
# A third of a bar, within bounds: at hundreds of times the speed a blink of ours is a minute there,
# and an order that misses its bar for that would be cancelled before it met the next.
_LEAST_NS, _MOST_NS = 10 * 10**9, 120 * 10**9


@dataclass(frozen=True)
class Opening:
    """Hold what an exchange is made of.

    Attributes
    ----------
    lake, timeframe, symbols
        What it plays.
    start, n_sessions
        From when, and how many sessions; None for the first and for all.
    execution
        The fill model's numbers.
    cash_micro
        Initial cash of an account, micro-dollars.
    speed
        Seconds of exchange time a second; 0 is stepped from outside.
    nights
        Whether the time between sessions runs too.
    waits
        Whether time stands until somebody subscribes to bars.
    faults, state
        Files, None for none.
    """

    lake: Lake
    timeframe: str | None
    symbols: list[str] | None
    start: dt.date | None
    n_sessions: int | None
    execution: ExecutionParams
    cash_micro: int
    speed: float
    nights: bool = False
    waits: bool = False
    faults: Path | None = None
    state: Path | None = None


def run(opening: Opening, port: int, tell: Callable[[int, str, str], None]) -> None:
    """Serve until a signal asks to stop.

    Parameters
    ----------
    opening
        What to serve.
    port
        On this machine; 0 takes a free one.
    tell
        Called with the port, the first and the last session, once requests are answered.

    Raises
    ------
    InputError
        If the port is taken, or a file can't be read as what it should be.
    LakeError
        If the lake has no such sessions.
    """
    floor = opened_floor(opening)
    played = floor.exchange.sessions
    first, last = (str(day_to_date(played[k].day)) for k in (0, -1))
    # With its protocol named, asyncio sends at once (TCP_NODELAY); else a reply waits 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise InputError(
                f"port {port} can't be had ({error.strerror}); give another --port, 0 takes a "
                "free one"
            ) from None
        taken = int(listening.getsockname()[1])
        asyncio.run(serve(floor, listening, ready=lambda: tell(taken, first, last)))


def opened_floor(opening: Opening) -> Floor:
    """Return an exchange ready to be served; what its state file holds has been done again."""
    feed = Feed(opening.lake, opening.timeframe, opening.symbols)
    arrival_ns = max(_LEAST_NS, min(feed.grid.timeframe_ns // 3, _MOST_NS))
    terms = Terms(opening.execution, opening.cash_micro, arrival_ns)
    exchange = PaperExchange(feed, opening.start, opening.n_sessions, terms)
    log = None
    if opening.state is not None:
        log = RequestLog(opening.state, _terms(opening, exchange))
        log.restore(exchange)
    if opening.faults is not None:
        exchange.faults.add(faults_of(_plan(opening.faults)))
    pace = None
    if opening.speed:
        pace = Pace(exchange.sessions, opening.speed, opening.nights, opening.waits)
    return Floor(exchange, pace, log)


def _terms(opening: Opening, exchange: PaperExchange) -> dict[str, str | int]:
    return {
        "data": opening.lake.digest(),
        "timeframe": str(exchange.feed.timeframe),
        "symbols": ",".join(opening.symbols or []),
        "start": str(day_to_date(exchange.sessions[0].day)),
        "sessions": len(exchange.sessions),
        "cash_micro": opening.cash_micro,
        "execution": str(opening.execution),
    }


def _plan(path: Path) -> object:
    try:
        plan: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"the fault plan {path} can't be read ({type(error).__name__}); expected JSON"
        ) from None
    return plan
