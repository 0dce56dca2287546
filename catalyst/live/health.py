"""Signs of life of a live process's parts, and where its account stands against its limits.

Age is measured by the database's clock: a process that hangs can't report that it does.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalyst.live.database import Database
from catalyst.live.statements import statement
from catalyst.live.status import Degraded, Limit, ServiceLine
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState

#: The parts, by the names that the documents give them, and the two servers.
SERVICES = (
    "news",
    "scanner",
    "pattern",
    "technical",
    "reporting",
    "trading",
    "coordination",
    "postgresql",
    "redis",
)
HEALTHY, DEGRADED, DEAD, STOPPED = "healthy", "degraded", "dead", "stopped"
# A part without a sign of life for so long is dead; a live process gives one every few seconds.
_SILENT_S = 60.0
_KEEPER = "coordination"


@dataclass(frozen=True)
class ServiceState:
    """Hold how a part does: ``healthy``, ``degraded`` or ``dead``, and why."""

    status: str = HEALTHY
    why: str = ""


@dataclass(frozen=True)
class Health:
    """Hold what the parts reported last.

    Attributes
    ----------
    services
        By name; what has been silent for a minute is dead.
    degraded
        The rules by which less is done than usual.
    exchange_ns
        Exchange time as it should be by now, ns UTC; None where nothing was reported.
    stopped
        Whether all of it stopped on purpose.
    """

    services: dict[str, ServiceLine]
    degraded: tuple[Degraded, ...]
    exchange_ns: int | None
    stopped: bool


@dataclass(frozen=True)
class AccountLimit:
    """Hold a limit of an account and what stands against it."""

    rule: str
    value: float
    threshold: float

    @property
    def reached(self) -> bool:
        """Tell whether nothing more may be added."""
        return self.value >= self.threshold


def heartbeat(
    database: Database,
    account_id: str,
    *,
    services: Mapping[str, ServiceState],
    degraded: Sequence[Degraded] = (),
    exchange_ns: int,
    speed: float = 1.0,
) -> None:
    """Write a sign of life of each part; every few seconds, and at each change.

    Parameters
    ----------
    services
        How the parts do, by names of `SERVICES`; those not named are healthy.
    degraded
        Rules by which less is done, and what is not done.
    exchange_ns, speed
        Exchange time, and how many seconds of it pass in one; 0 where it is stepped.
    """
    told = json.dumps(
        {"speed": speed, "degraded": [[one.rule, one.text] for one in degraded]}, sort_keys=True
    )
    asked = [
        {
            "account_id": account_id,
            "service_name": name,
            "status": services.get(name, ServiceState()).status,
            "why": services.get(name, ServiceState()).why,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "exchange_ns": exchange_ns,
            "metadata": told if name == _KEEPER else "{}",
        }
        for name in sorted({*SERVICES, *services})
    ]
    with database.connection() as connection, connection.cursor() as cursor:
        cursor.executemany(statement("health_beat"), asked)


def end_heartbeat(database: Database, account_id: str) -> None:
    """Say that the process stops on purpose: silence means nothing from now on."""
    with database.connection() as connection:
        connection.execute(statement("health_stop"), {"account_id": account_id})


def read_health(database: Database, account_id: str) -> Health:
    """Read what the parts of an account's process reported last."""
    with database.connection() as connection:
        rows = connection.execute(statement("health_read"), {"account_id": account_id}).fetchall()
    services = {}
    degraded: tuple[Degraded, ...] = ()
    exchange_ns = None
    for name, status, why, _, age_s, told_ns, metadata in rows:
        silent = status != STOPPED and age_s > _SILENT_S
        text = f"no sign of life for {age_s / 60:.0f} min" if silent else why
        shown = DEAD if silent else status
        services[name] = ServiceLine(shown, round(age_s / 60, 3), text)
        if name == _KEEPER:
            if not silent and status != STOPPED:
                degraded = tuple(Degraded(rule, text) for rule, text in metadata["degraded"])
            passed_s = 0.0 if status == STOPPED else min(age_s, _SILENT_S)
            exchange_ns = told_ns + int(passed_s * metadata["speed"] * 1e9)
    stopped = bool(rows) and all(line.status == STOPPED for line in services.values())
    return Health(services, degraded, exchange_ns, stopped)


def account_limits(params: Params, state: PortfolioState) -> tuple[AccountLimit, ...]:
    """Compare an account with the limits of its parameters (strategy.md, section 8)."""
    start = state.day_start_micro or state.equity_micro
    lost = max(0.0, (start - state.equity_micro) / start) if start else 0.0
    return (
        AccountLimit("positions_max", len(state.entries), params.risk.positions_max),
        AccountLimit("entries_a_day", state.entries_today, params.risk.entries_a_day),
        AccountLimit("daily_loss", lost, params.risk.daily_loss_frac),
    )


def write_limits(
    database: Database,
    account_id: str,
    *,
    params: Params,
    state: PortfolioState,
    names: Sequence[str],
    at_ns: int,
) -> None:
    """Write where an account and each of its symbols stand against their limits.

    Parameters
    ----------
    names
        The run's symbol table.
    at_ns
        Exchange time.
    """
    marks = dict(state.marks)
    most = params.risk.cap_frac * state.equity_micro / 1e6
    said = {"account_id": account_id, "at_ns": at_ns}
    account = [
        said
        | {
            "rule": one.rule,
            "threshold": one.threshold,
            "value": one.value,
            "reached": one.reached,
        }
        for one in account_limits(params, state)
    ]
    by_symbol = [
        said
        | {
            "symbol": names[entry.symbol],
            "most": round(most, 6),
            "value": round(
                entry.held * marks.get(entry.symbol, entry.limit)
                + (entry.quantity - entry.filled) * entry.limit * entry.works,
                6,
            ),
        }
        for entry in state.entries
    ]
    with database.connection() as connection, connection.cursor() as cursor:
        cursor.executemany(statement("limits_write"), account)
        cursor.execute(statement("position_limits_clear"), said)
        cursor.executemany(statement("position_limits_write"), by_symbol)


def read_limits(database: Database, account_id: str) -> tuple[Limit, ...]:
    """Read the limits as people see them: those of the account, then those of each symbol."""
    said = {"account_id": account_id}
    with database.connection() as connection:
        account = connection.execute(statement("limits_read"), said).fetchall()
        by_symbol = connection.execute(statement("position_limits_read"), said).fetchall()
    shown = [
        Limit(
            _NAMES.get(rule, rule),
            _number(rule, value),
            _number(rule, threshold),
            reached,
        )
        for rule, value, threshold, reached in account
        if value is not None
    ]
    shown += [
        Limit(f"{symbol}, USD", f"{value:,.0f}", f"{most:,.0f}", value > most)
        for symbol, value, most in by_symbol
    ]
    return tuple(shown)


_NAMES = {
    "positions_max": "positions and entries",
    "entries_a_day": "entries today",
    "daily_loss": "lost today",
}


def _number(rule: str, value: float) -> str:
    return f"{value:.2%}" if rule == "daily_loss" else f"{value:g}"
