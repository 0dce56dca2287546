"""Read how an account does, from the tables that trading itself writes."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import TupleRow

from catalyst.data.calendar import date_to_day, market_state, sessions
from catalyst.errors import ServiceError
from catalyst.live import cache_keys
from catalyst.live.cache import Cache
from catalyst.live.database import Database
from catalyst.live.events import from_payload
from catalyst.live.hand_acts import flattened_by_hand
from catalyst.live.health import Health, read_health, read_limits
from catalyst.live.protection import Covered, protection_of
from catalyst.live.reach import Reached
from catalyst.live.run_file import without_password
from catalyst.live.sentences import new_york, sentence_of
from catalyst.live.statements import statement
from catalyst.live.status import (
    AlertLine,
    Cycles,
    Degraded,
    Dropped,
    EventLine,
    Funnel,
    LastDecision,
    Money,
    OrderLine,
    PositionLine,
    Protected,
    Protection,
    Running,
    ServiceLine,
    Status,
)
from catalyst.strategy.reasons import Reason
from catalyst.strategy.values import MarketState

_EVENTS = 12
_CENT, _TICK = Decimal("0.01"), Decimal("0.0001")
_REGULAR = MarketState.REGULAR.label


def status_of(reached: Reached, cache: Cache) -> Status:
    """Read the status of an account.

    Parameters
    ----------
    reached
        Its files and its database; see `catalyst.live.reach.reach`.
    cache
        Where positions are looked up if the database can't be read.

    Raises
    ------
    ServiceError
        If the database has another schema than this code was written for.
    """
    database = reached.database
    if database is None:
        return _without_database(reached, cache)
    database.check_version()
    try:
        return _Reader(reached, database).read()
    except ServiceError as error:
        return _without_database(replace(reached, database=None, no_database=str(error)), cache)


def read_positions(
    connection: psycopg.Connection[TupleRow], account_id: str, *, at_ns: int
) -> tuple[PositionLine, ...]:
    """Read what an account holds and what protects it, as its live process sees it.

    Parameters
    ----------
    at_ns
        Exchange time.
    """
    ask = _Ask(connection, account_id)
    rows, orders = ask.all("status_positions"), ask.all("status_orders")
    return _positions(rows, orders, watching=True, market=_market(at_ns))


def acknowledge(database: Database, account_id: str, *, by: str) -> None:
    """Say that somebody has seen every alert of an account; they are shown no more."""
    with database.connection() as connection:
        connection.execute(statement("status_acknowledge"), {"account_id": account_id, "by": by})


def _known(reached: Reached) -> Status:
    run = reached.run
    alive = run is not None and run.alive
    return Status(
        Running.RUNNING if alive else Running.STOPPED,
        "",
        account=reached.account,
        variant=run.variant if run else "",
        timeframe=run.timeframe if run else "",
        pid=run.pid if run and alive else 0,
        database_url=run.database_url if run else "",
        redis_url=run.redis_url if run else without_password(reached.redis_url),
        exchange_url=run.exchange_url if run else "",
    )


def _without_database(reached: Reached, cache: Cache) -> Status:
    status = _known(reached)
    if reached.run is None:
        return replace(
            status,
            text=f"nothing trades here ({reached.no_database}); start it by `catalyst live`",
        )
    found = cache.get(cache_keys.positions_key(reached.account)) or []
    return replace(
        status,
        text=f"the database can't be read, positions are those last cached: {reached.no_database}",
        positions=tuple(_cached_position(one) for one in found),
        health={"postgresql": ServiceLine("dead", None, reached.no_database)},
        degraded=(Degraded("no_database", "no entries; protective orders rest at the broker"),),
    )


def _cached_position(told: dict[str, Any]) -> PositionLine:
    kept = told["protection"]
    protection = Protection(
        Protected(kept["kind"]), tuple(kept["stops"]), tuple(kept["targets"]), kept["uncovered"]
    )
    return PositionLine(**told | {"protection": protection})


class _Reader:
    def __init__(self, reached: Reached, database: Database) -> None:
        self._reached = reached
        self._database = database
        self._account = reached.account

    def read(self) -> Status:
        with self._database.connection() as connection:
            if not self._account:
                row = connection.execute(statement("status_last_account")).fetchone()
                if row is None:
                    return replace(
                        _known(self._reached),
                        text="nothing has traded here yet; start it by `catalyst live`",
                    )
                self._account = row[0]
            ask = _Ask(connection, self._account)
            health = read_health(self._database, self._account)
            limits = read_limits(self._database, self._account)
            return replace(self._from_rows(ask, health), limits=limits)

    def _from_rows(self, ask: _Ask, health: Health) -> Status:
        known = replace(_known(self._reached), account=self._account)
        opened = ask.first("status_opened")
        last = ask.first("status_last_event")
        day, variant, timeframe, _ = opened or ("", known.variant, known.timeframe, 0)
        at_ns = max(health.exchange_ns or 0, last[1] if last else 0)
        # A process elsewhere leaves no file here: its signs of life are enough.
        alive = known.state is Running.RUNNING or (
            self._reached.run is None
            and any(line.status in {"healthy", "degraded"} for line in health.services.values())
        )
        market = _market(at_ns)
        decided = ask.first("status_decided")
        orders = ask.all("status_orders")
        positions = _positions(ask.all("status_positions"), orders, watching=alive, market=market)
        from_ns = _begin_ns(day)
        status = replace(
            known,
            state=_running(ask, alive=alive),
            market=market,
            at=new_york(at_ns) if at_ns else "",
            session=day or "",
            variant=variant,
            timeframe=timeframe,
            positions=positions,
            orders=tuple(_order(row) for row in orders),
            health=_services(health, alive=alive, ended=self._ended(health)),
            degraded=health.degraded,
            alerts=tuple(_alert(row) for row in ask.all("status_alerts")),
            funnel=_funnel(ask.all("status_funnel", from_ns=from_ns)),
            cycles=Cycles(**dict(ask.all("status_cycles", from_ns=from_ns))),
            last_decision=_last_decision(decided),
            events=tuple(
                EventLine(new_york(event_ns), sentence_of(from_payload(kind, payload)))
                for kind, event_ns, payload in ask.all("status_events", most=_EVENTS)
            ),
        )
        if decided:
            status = replace(
                status, money=_money(ask, decided[1]["state"], status.positions, from_ns)
            )
        return replace(status, text=self._text(status, ended=self._ended(health)))

    def _ended(self, health: Health) -> bool:
        run = self._reached.run
        return health.stopped or (run is not None and run.ended)

    def _text(self, status: Status, *, ended: bool) -> str:
        what = f"{status.variant} on {status.timeframe} bars"
        if status.state is Running.PAUSED:
            return f"{what}: no new entries until `catalyst resume`; exits and protection go on"
        if status.state is Running.RUNNING:
            return f"{what} is trading"
        if not status.session:
            return "nothing has traded on this account yet; start it by `catalyst live`"
        how = "was stopped" if ended else "ended without being stopped"
        acts = flattened_by_hand(self._reached.state, self._account)
        by_hand = f", then flattened by hand ({acts[-1].text})" if acts else ""
        return (
            f"{what} {how}{by_hand}; this is what the journal knows, start it again by "
            "`catalyst live`"
        )


class _Ask:
    def __init__(self, connection: psycopg.Connection[TupleRow], account_id: str) -> None:
        self._connection = connection
        self._account = account_id

    def all(self, name: str, **asked: object) -> list[TupleRow]:
        said = {"account_id": self._account} | asked
        return self._connection.execute(statement(name), said).fetchall()

    def first(self, name: str, **asked: object) -> TupleRow | None:
        return next(iter(self.all(name, **asked)), None)


def _market(at_ns: int) -> str:
    if not at_ns:
        return MarketState.CLOSED.label
    return MarketState(int(market_state(np.array([at_ns], dtype=np.int64))[0])).label


def _running(ask: _Ask, *, alive: bool) -> Running:
    if not alive:
        return Running.STOPPED
    row = ask.first("journal_last_control")
    return Running.PAUSED if row and row[0] == "pause" else Running.RUNNING


def _services(health: Health, *, alive: bool, ended: bool) -> dict[str, ServiceLine]:
    if alive or ended or not health.services:
        return health.services
    # The lock is free, so the process is gone, however fresh its last words are; said once.
    stopped = {name: replace(line, status="stopped") for name, line in health.services.items()}
    return stopped | {
        "trading": replace(
            health.services["trading"], status="dead", error="the process ended unasked"
        )
    }


def _positions(
    rows: Sequence[TupleRow], orders: Sequence[TupleRow], *, watching: bool, market: str
) -> tuple[PositionLine, ...]:
    lines = []
    for entry_id, symbol, side, quantity, average, mark, pnl in rows:
        covered = [
            Covered(kind=kind, quantity=size - filled, price=_price(price))
            for _, of, way, _, kind, size, filled, price, status, _ in orders
            if of == symbol and way != side and status != "unknown"
        ]
        lines.append(
            PositionLine(
                symbol,
                quantity,
                _price(average),
                _price(mark),
                "" if pnl is None else str(pnl.quantize(_CENT)),
                protection_of(
                    abs(quantity), covered, watching=watching, is_regular=market == _REGULAR
                ),
                entry_id,
            )
        )
    return tuple(lines)


def _order(row: TupleRow) -> OrderLine:
    client_id, symbol, side, role, kind, quantity, filled, price, status, at = row
    return OrderLine(
        symbol,
        side,
        role,
        kind,
        quantity,
        filled,
        _price(price),
        status,
        client_id,
        _instant(at) if at else "",
    )


def _alert(row: TupleRow) -> AlertLine:
    rule, subject, severity, text, value, threshold, first, last, times, over = row
    return AlertLine(
        rule,
        subject,
        severity,
        text,
        "" if value is None else f"{value:g}",
        "" if threshold is None else f"{threshold:g}",
        _instant(first),
        _instant(last),
        times,
        over,
    )


def _funnel(rows: Iterable[TupleRow]) -> Funnel | None:
    passed: dict[str, int] = {}
    finalists: tuple[str, ...] = ()
    dropped = []
    at = None
    for stage, decided_at, did_pass, reason, count, symbols in rows:
        at = max(at or decided_at, decided_at)
        if did_pass:
            passed[str(stage)] = count
            finalists = tuple(symbols) if stage == 5 else finalists
        else:
            dropped.append(Dropped(stage, reason, _reason(reason), count))
    if at is None:
        return None
    dropped.sort(key=lambda one: (-one.count, one.reason))
    return Funnel(_instant(at), passed, finalists, tuple(dropped))


def _reason(label: str) -> str:
    try:
        return Reason[label.upper()].text
    except KeyError:
        return label.replace("_", " ")


def _last_decision(row: TupleRow | None) -> LastDecision | None:
    if row is None:
        return None
    at_ns, payload = row
    decision = payload["decision"]
    signals = decision.get("signals") or []
    outcomes = Counter(one["outcome"] for one in signals)
    return LastDecision(
        new_york(payload["asof_ns"]),
        (at_ns - payload["asof_ns"]) / 1e6,
        len((decision.get("screen") or {}).get("symbol", [])),
        len(signals),
        outcomes["intent"],
        outcomes["refused"],
    )


def _money(
    ask: _Ask, state: dict[str, Any], positions: Sequence[PositionLine], from_ns: int
) -> Money:
    row = ask.first("status_balance")
    cash = row[0] if row else Decimal(state["cash_micro"]) / 10**6
    held = sum(
        (Decimal(one.mark or one.average_price) * one.quantity for one in positions), Decimal(0)
    )
    unrealised = sum((Decimal(one.pnl or 0) for one in positions), Decimal(0))
    row = ask.first("status_realised", from_ns=from_ns)
    realised = Decimal(row[0]) if row else Decimal(0)
    equity = cash + held
    today = equity - Decimal(state["day_start_micro"]) / 10**6
    return Money(*(str(one.quantize(_CENT)) for one in (cash, equity, realised, unrealised, today)))


def _begin_ns(day: str) -> int:
    if not day:
        return 0
    date = dt.date.fromisoformat(day)
    found = sessions(date, date)
    return int(found.pre_ns[0]) if len(found) else date_to_day(date) * 86_400 * 10**9


def _instant(at: dt.datetime) -> str:
    return new_york(int(at.timestamp()) * 10**9)


def _price(price: Decimal | None) -> str:
    if price is None:
        return ""
    exact = price.quantize(_TICK)
    return str(exact.quantize(_CENT)) if exact == exact.quantize(_CENT) else str(exact)
