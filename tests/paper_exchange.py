"""A paper exchange as a process of its own, and Alpaca's clients pointed at it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.news import NewsClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.trading.client import TradingClient
from worlds import small_lake

_START = [sys.executable, "-c", "from catalyst.cli.start import main; main()", "exchange"]
_TIMEOUT_S = 30


@dataclass(frozen=True)
class Exchange:
    """A running paper exchange: where it listens, its process, and a key of ours."""

    url: str
    process: subprocess.Popen[str]
    key: str = "key"
    secret: str = "secret"  # noqa: S105 - any is accepted

    @property
    def sockets_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self.key, "APCA-API-SECRET-KEY": self.secret}

    def as_key(self, key: str) -> Exchange:
        """Another account on the same exchange."""
        return Exchange(self.url, self.process, key, self.secret)

    def trading(self, *, raw: bool = False) -> TradingClient:
        return TradingClient(self.key, self.secret, raw_data=raw, url_override=self.url)

    def stock_data(self, *, raw: bool = False) -> StockHistoricalDataClient:
        return StockHistoricalDataClient(self.key, self.secret, raw_data=raw, url_override=self.url)

    def news_data(self) -> NewsClient:
        return NewsClient(self.key, self.secret, url_override=self.url)

    def actions_data(self) -> CorporateActionsClient:
        return CorporateActionsClient(self.key, self.secret, url_override=self.url)

    def request(self, method: str, path: str, body: object = None) -> requests.Response:
        return requests.request(
            method,
            self.url + path,
            headers=self.headers,
            data=None if body is None else json.dumps(body),
            timeout=_TIMEOUT_S,
        )

    def clock(self) -> dict[str, Any]:
        told: dict[str, Any] = self.request("GET", "/catalyst/clock").json()
        return told

    def step(self, to_ns: int) -> dict[str, Any]:
        """Let time pass until an instant, ns UTC."""
        answer = self.request("POST", "/catalyst/clock", {"to_ns": to_ns})

        assert answer.status_code == 200, answer.text

        told: dict[str, Any] = answer.json()
        return told

    def faults(self, *faults: dict[str, Any]) -> None:
        """Add to what goes wrong; without any, end it all."""
        plan: object = {"faults": list(faults)} if faults else {"clear": True}
        answer = self.request("POST", "/catalyst/faults", plan)

        assert answer.status_code == 200, answer.text

    def ledger(self) -> dict[str, Any]:
        """The exchange's own books of our account."""
        number = self.request("GET", "/v2/account").json()["id"]
        books = self.request("GET", "/catalyst/ledger").json()["accounts"]
        (own,) = [b for b in books if b["account_id"] == number]
        told: dict[str, Any] = own
        return told


@contextmanager
def paper_exchange(
    *options: object, lake: Path | None = None, speed: float = 0, key: str = "key"
) -> Iterator[Exchange]:
    """Start ``catalyst exchange`` on a free port; stop it at the end. Stepped by default."""
    words = ["--lake", lake or small_lake().root, "--port", 0, "--speed", speed, "--json", *options]
    started = subprocess.Popen(
        [*_START, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert started.stdout is not None
        line = started.stdout.readline()

        assert line, started.stderr.read() if started.stderr else ""

        yield Exchange(json.loads(line)["url"], started, key)
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.communicate()
