"""Rows of an account as trading leaves them, for what reads them."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from catalyst.live.database import Database
from catalyst.live.events import Body, to_payload

MINUTE_NS = 60 * 10**9
#: 10:35 in New York.
AT = dt.datetime(2023, 10, 2, 14, 35, tzinfo=dt.UTC)
AT_NS = int(AT.timestamp()) * 10**9
PRE_NS = AT_NS - (6 * 60 + 35) * MINUTE_NS


@dataclass(frozen=True)
class Books:
    """Write rows of one account."""

    database: Database
    account: str

    def open(self) -> None:
        self.insert("execution.accounts")
        with self.database.connection() as connection:
            connection.execute("SELECT ensure_partitions(%s, %s)", (AT, AT))

    def journal(self, body: Body, seq: int, *, at_ns: int = AT_NS) -> None:
        self.insert(
            "execution.journal",
            seq=seq,
            kind=body.kind,
            at_ns=at_ns,
            body=json.dumps(to_payload(body)),
            prev_hash=f"h{seq - 1}",
            hash=f"h{seq}",
        )

    def position(
        self,
        symbol: str,
        quantity: int,
        *,
        price: str = "100",
        mark: str = "101",
        status: str = "open",
    ) -> None:
        self.insert(
            "execution.positions",
            entry_id=f"e-{symbol}",
            symbol=symbol,
            side="buy" if quantity >= 0 else "sell",
            status=status,
            quantity=quantity,
            avg_price=price,
            mark=mark,
            unrealized_pnl=(Decimal(mark) - Decimal(price)) * quantity,
        )

    def order(
        self,
        symbol: str,
        side: str,
        kind: str,
        quantity: int,
        *,
        role: str,
        price: str | None = None,
        status: str = "accepted",
    ) -> None:
        self.insert(
            "execution.orders",
            client_order_id=f"{symbol}-{role}-{status}",
            entry_id=f"e-{symbol}",
            symbol=symbol,
            side=side,
            role=role,
            order_type=kind,
            status=status,
            quantity=quantity,
            limit_price=price if kind == "limit" else None,
            stop_price=price if kind == "stop" else None,
            created_at=AT,
        )

    def fill(
        self, symbol: str, side: str, quantity: int, price: str, *, role: str, fee: str
    ) -> None:
        self.order(symbol, side, "limit", quantity, role=role, price=price, status="filled")
        self.insert(
            "execution.fills",
            fill_id=f"{symbol}-{role}",
            client_order_id=f"{symbol}-{role}-filled",
            broker_id=f"{symbol}-{role}",
            execution_id="x",
            entry_id=f"e-{symbol}",
            symbol=symbol,
            side=side,
            role=role,
            quantity=quantity,
            price=price,
            fee=fee,
            filled_ns=AT_NS,
            seq=1,
        )

    def balance(self, amount: str) -> None:
        self.insert(
            "execution.balance_history",
            transaction_id="opening",
            kind="opening",
            amount=amount,
            balance=amount,
            at=AT,
            seq=1,
        )

    def cycle(self, status: str, *, at_ns: int) -> None:
        self.insert(
            "strategy_engine.trading_cycles",
            cycle_id=f"c{at_ns}",
            asof_ns=at_ns,
            mode="normal",
            status=status,
            owner="me",
            lease_until_ns=at_ns,
        )

    def candidate(
        self, symbol: str, stage: int, *, reason: str = "passed", score: float = 50
    ) -> None:
        self.insert(
            "strategy_engine.trading_candidates",
            decided_at=AT,
            symbol=symbol,
            stage=stage,
            passed=reason == "passed",
            reason=reason,
            catalyst_score=score,
        )

    def alert(self, rule: str, severity: str, text: str, *, over: bool = False) -> None:
        self.insert(
            "notification.alerts",
            rule=rule,
            severity=severity,
            text=text,
            value=20,
            threshold=20,
            first_at=AT,
            last_at=AT,
            over=over,
        )

    def insert(self, table: str, **values: object) -> None:
        self.insert_shared(table, account_id=self.account, **values)

    def insert_shared(self, table: str, **named: object) -> None:
        line = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, named)),
            sql.SQL(", ").join(map(sql.Placeholder, named)),
        )
        with self.database.connection() as connection:
            connection.execute(line, named)

    def silence(self, service: str) -> None:
        """Put the last sign of life of a part 17 hours back."""
        with self.database.connection() as connection:
            connection.execute(
                "UPDATE logging.service_health SET last_heartbeat = now() - interval '17 hours' "
                "WHERE account_id = %s AND service_name = %s",
                (self.account, service),
            )
