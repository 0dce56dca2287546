"""Events of small made-up sessions: entries of two brackets, their answers, fills and exits."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from pydantic import SecretStr

from catalyst.live.database import Database
from catalyst.live.events import (
    Answered,
    Body,
    Decided,
    Filled,
    Inputs,
    Intent,
    OrderChanged,
    SessionClosed,
    SessionOpened,
)
from catalyst.live.input_rows import BarColumns, InputRows, news_row
from catalyst.live.journal import Journal
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import MICRO
from catalyst.strategy.tickets import OrderRequest

Json = dict[str, Any]

_NUMBERS = itertools.count(1)
CASH = 100_000 * MICRO
DAY = "2023-10-02"
MINUTE = 60 * 10**9


def at(hour: int, minute: int = 0, second: int = 0, *, day: str = DAY) -> int:
    """Nanoseconds of a time of New York in October."""
    moment = dt.datetime.fromisoformat(f"{day}T{hour:02}:{minute:02}:{second:02}-04:00")
    return int(moment.timestamp()) * 10**9


@contextmanager
def journal_in(url: SecretStr, account: str = "") -> Iterator[tuple[Database, Journal]]:
    """The journal of an account of its own, so that tests may share a database."""
    account = account or f"PA{next(_NUMBERS)}"
    with (
        Database(url, smallest=1) as database,
        Journal.open(database, account) as journal,
    ):
        yield database, journal


def rows_of(database: Database, journal: Journal, sql: str) -> list[Any]:
    """The rows that SQL with %s in the place of the account gives."""
    with database.connection() as connection:
        return connection.execute(sql, (journal.account_id,)).fetchall()


def state(cash: int = CASH, **known: object) -> Json:
    empty: Json = {
        "cash_micro": cash,
        "entries": [],
        "marks": [],
        "day": 19632,
        "day_start_micro": CASH,
        "entries_today": 0,
        "lost_today": False,
        "stopped_today": [],
        "used_patterns": [],
        "active": [],
    }
    return {**empty, **known}


def opened(day: str = DAY, *, cash: int = CASH, resumed: bool = False) -> SessionOpened:
    return SessionOpened(
        day,
        "spec",
        "ab12",
        {"variant": "spec"},
        "0.1.0",
        "5m",
        ["AAA"],
        "lake",
        state(cash),
        resumed,
    )


def closed(day: str = DAY, *, cash: int = CASH) -> SessionClosed:
    return SessionClosed(day, cash, cash, cash, cash, {}, state(cash))


def screen(symbols: Sequence[str], *, stage: int = 50) -> Json:
    n = len(symbols)
    return {
        "symbol": list(symbols),
        "stage": [stage] * n,
        "reason": ["passed" if i % 2 == 0 else "price_max" for i in range(n)],
        "value": [None if i % 2 == 0 else 512.25 + i for i in range(n)],
        "threshold": [None if i % 2 == 0 else 500.0 for i in range(n)],
        "catalyst_score": [90 - i / 3 for i in range(n)],
        "direction": [0.1 + i / 7 for i in range(n)],
        "price": [10.0 + i for i in range(n)],
        "volume": [1e6 / 3 + i for i in range(n)],
        "change_frac": [0.01 * i for i in range(n)],
        "rvol": [None if i == 3 else 1.5 for i in range(n)],
    }


def signal(symbol: str = "AAA", *, side: int = 1, **known: object) -> Json:
    told: Json = {
        "signal_id": content_id("signal", symbol),
        "symbol": symbol,
        "side": side,
        "confidence": 71.5,
        "catalyst_score": 66.25,
        "direction": 0.75,
        "pattern_score": 60.0,
        "technical_score": 55.5,
        "volume_score": 80.0,
        "entry": 10.0,
        "stop": 10.0 - side * 0.5,
        "target_1": 10.0 + side * 1.0,
        "target_2": 10.0 + side * 2.0,
        "size_frac": 0.1,
        "news_ids": [0xFEED_0000_0000_0001, 7],
        "pattern_ids": [content_id("pattern", symbol)],
        "key_factors": ["tier 1"],
        "categories": 1,
        "pattern_key": [300 * 10**9, at(9, 35)],
        "outcome": "intent",
        "rule": "passed",
        "value": None,
        "threshold": None,
        "scores": [66.25],
    }
    return {**told, **known}


def pattern(symbol: str = "AAA") -> Json:
    return {
        "pattern_id": content_id("pattern", symbol),
        "symbol": symbol,
        "timeframe_ns": 300 * 10**9,
        "bar_ns": at(9, 35),
        "name": "CDLENGULFING",
        "value": 100,
        "confidence": 60.0,
        "aligned": 1,
        "entry": 10.0,
        "stop": 9.5,
        "target": 11.0,
    }


def decided(
    asof_ns: int = 0,
    *,
    fills_seq: int = 0,
    after: Json | None = None,
    adjustments: Sequence[Json] = (),
    **known: object,
) -> Decided:
    told: Json = {
        "asof_ns": asof_ns or at(9, 40),
        "scan": True,
        "screen": None,
        "patterns": [],
        "signals": [],
        "cancels": [],
        "orders": [],
    }
    decision = {**told, **known}
    return Decided(told["asof_ns"], "d1", decision, after or state(), fills_seq, list(adjustments))


class Entry:
    """One entry of two brackets, and what the broker would tell of it."""

    def __init__(
        self, symbol: str = "AAA", *, side: str = "buy", shares: Sequence[int] = (10, 10)
    ) -> None:
        self.symbol = symbol
        self.side = side
        self.shares = shares
        self.entry_id = content_id("entry", symbol, side)
        self.signal_id = content_id("signal", symbol)
        self.booked: dict[str, int] = {}

    def order_id(self, leg: int, role: str = "entry") -> str:
        return content_id(self.entry_id, leg, role)

    def client_id(self, leg: int) -> str:
        return f"{self.order_id(leg)}-0"

    def intent(self, leg: int) -> Intent:
        roles = [("entry", "limit"), ("stop", "stop"), (f"target_{leg + 1}", "limit")]
        orders = [
            {"order_id": self.order_id(leg, role), "role": role, "kind": kind, "leg": leg}
            for role, kind in roles
        ]
        request = OrderRequest(
            self.client_id(leg),
            self.symbol,
            self.side,
            str(self.shares[leg]),
            "limit",
            "day",
            limit_price="10.00",
            order_class="bracket",
            take_profit_limit="11.00",
            stop_loss_stop="9.50",
        )
        return Intent(
            self.client_id(leg),
            [self.order_id(leg, role) for role, _ in roles],
            self.entry_id,
            leg,
            self.symbol,
            "entry",
            asdict(request),
            signal_id=self.signal_id,
            orders=orders,
        )

    def order(self, leg: int, role: str = "entry", **known: object) -> Json:
        out = {"buy": "sell", "sell": "buy"}[self.side]
        stop = role == "stop"
        broker_id = f"b-{self.entry_id[:6]}-{leg}-{role}"
        told: Json = {
            "broker_id": broker_id,
            "client_order_id": self.client_id(leg) if role == "entry" else f"own-{broker_id}",
            "symbol": self.symbol,
            "side": self.side if role == "entry" else out,
            "kind": "stop" if stop else "limit",
            "status": "accepted" if role == "entry" else "held",
            "quantity": self.shares[leg],
            "filled": 0,
            "average_price": "",
            "limit_price": "" if stop else "10.00",
            "stop_price": "9.50" if stop else "",
            "order_class": "bracket",
            "time_in_force": "day",
            "extended_hours": False,
            "parent_id": "" if role == "entry" else f"b-{self.entry_id[:6]}-{leg}-entry",
            "replaced_by": "",
            "replaces": "",
            "submitted_ns": at(9, 40),
            "updated_ns": at(9, 40),
        }
        return {**told, **known}

    def answered(self, leg: int) -> Answered:
        roles = ("entry", "stop", f"target_{leg + 1}")
        return Answered(self.client_id(leg), [self.order(leg, role) for role in roles])

    def changed(self, leg: int, role: str = "entry", **known: object) -> OrderChanged:
        order = self.order(leg, role, **known)
        return OrderChanged(
            self.order_id(leg, role), self.entry_id, order["client_order_id"], order
        )

    def filled(
        self, leg: int, role: str = "entry", *, quantity: int, price: float, fee: int = 0
    ) -> Filled:
        order = self.order(leg, role)
        cumulative = self.booked.get(order["broker_id"], 0) + quantity
        self.booked[order["broker_id"]] = cumulative
        fill_id = content_id("fill", order["broker_id"], cumulative)
        return Filled(
            fill_id,
            self.order_id(leg, role),
            order["client_order_id"],
            order["broker_id"],
            f"x-{fill_id}",
            self.entry_id,
            self.symbol,
            order["side"],
            role,
            quantity,
            price,
            fee,
            at(9, 41),
        )

    def sent(self) -> list[Body]:
        """Both brackets, and the broker's answers."""
        return [self.intent(0), self.intent(1), self.answered(0), self.answered(1)]

    def done(self, leg: int, role: str, *, price: float) -> list[Body]:
        """One order of a bracket filled whole."""
        shares = self.shares[leg]
        return [
            self.changed(leg, role, status="filled", filled=shares, average_price=str(price)),
            self.filled(leg, role, quantity=shares, price=price),
        ]


def bars(n: int = 3, *, minute: int = 35) -> BarColumns:
    return BarColumns.of(
        (
            f"S{i}",
            at(9, minute),
            0.1 + i,
            1 / 3 + i + 1,
            0.1,
            0.2 + i,
            1e7 / 3,
            0,
            "sip",
            at(9, 40) + i,
        )
        for i in range(n)
    )


def article(number: int = 1, symbol: str = "AAA", **known: object) -> Json:
    told: Json = {
        "news_id": f"{number:016x}",
        "symbol": symbol,
        "known_ns": at(9, 30) + number,
        "published_ns": at(9, 29) + 1,
        "known_is_assumed": False,
        "headline": f"headline {number}",
        "source": "reuters",
        "provider": "alpaca",
        "tier": 1,
        "categories": ["earnings"],
        "keywords": [],
        "tickers": [symbol],
        "sentiment": 1 / 3,
        "market_state": "pre_market",
        "breaking": False,
        "cluster_id": f"{symbol}-1",
        "cluster_rank": 0,
        "cluster_sources": 1,
        "raw": '{"id": 1}',
        "id": "n1",
    }
    return news_row({**told, **known})


def arrived(*news: Json, n_bars: int = 3, minute: int = 35) -> tuple[Inputs, InputRows]:
    rows = InputRows("5m", bars(n_bars, minute=minute), list(news))
    body = Inputs(at(9, minute + 5), len(rows.bars), len(rows.news), rows.digest())
    return body, rows
