"""Alpaca with a script: what it answers next, and what it was asked. For what no exchange does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from catalyst.live.endpoint import Endpoint, Keys, Money
from catalyst.live.pacing import Pace

KEYS = Keys("an-invented-key", "an-invented-secret")
#: Pauses are a fiftieth, and nobody counts.
HASTE = Pace(None, None, 50.0)
HTML = "<html><head><title>503 Service Unavailable</title></head><body>nginx</body></html>"
OLD, NOW = "2023-10-02T13:30:00.000000001Z", "2023-10-02T13:35:00.123456789Z"


@dataclass(frozen=True)
class Asked:
    """Hold one request that came."""

    method: str
    path: str
    query: Mapping[str, str]
    body: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Answer:
    """Answer with a status and a body; or `drop` the connection, after `mute` seconds."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    mute: float = 0.0


Script = Callable[[Asked], Answer]


@dataclass
class Scripted:
    """Answer requests on a port of its own, from a list and then by a function."""

    answers: list[Answer] = field(default_factory=list)
    script: Script = lambda _: Answer(HTML, 503)
    seen: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        server = self

        class Handler(_Handler):
            scripted: Scripted = server

        self._http = _Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.url, "ws://127.0.0.1:9/stream", Money.LOCAL)

    def next(self, asked: Asked) -> Answer:
        with self.lock:
            self.seen.append(asked)
            if self.answers:
                return self.answers.pop(0)
        return self.script(asked)

    def methods(self) -> list[str]:
        return [asked.method for asked in self.seen]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet, else each answer waits 40 ms for an acknowledgement.
    wbufsize = -1
    scripted: Scripted

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), body)
        answer = self.scripted.next(asked)
        if answer.mute:
            self.scripted.ended.wait(answer.mute)
        if answer.drop:
            self.close_connection = True
            return
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        data = text.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - as the library calls them

    def log_message(self, *_: object) -> None:
        """Keep standard error clean."""


def refusal(status: int, code: int, message: str) -> Answer:
    """Answer as Alpaca says no."""
    return Answer({"code": code, "message": message}, status)


def order_row(number: int = 1, **changes: object) -> dict[str, Any]:
    """Give an order as Alpaca tells it."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "client_order_id": f"c{number}-0",
        "created_at": OLD,
        "updated_at": NOW,
        "submitted_at": OLD,
        "filled_at": None,
        "replaced_by": None,
        "replaces": None,
        "symbol": "AAPL",
        "asset_class": "us_equity",
        "notional": None,
        "qty": "10",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "time_in_force": "day",
        "limit_price": "9.05",
        "stop_price": None,
        "status": "new",
        "extended_hours": False,
        "legs": None,
    } | changes


def bracket_row(**changes: object) -> dict[str, Any]:
    """Give a bracket as Alpaca tells it: an entry at 9.05, a target at 9.50, a stop at 8.90."""
    legs = [
        order_row(2, side="sell", limit_price="9.5", order_class="bracket", status="held"),
        order_row(
            3,
            side="sell",
            type="stop",
            limit_price=None,
            stop_price="8.9",
            order_class="bracket",
            status="held",
        ),
    ]
    return order_row(1, order_class="bracket", legs=legs) | changes


def activity_row(number: int, **changes: object) -> dict[str, Any]:
    """Give an execution as account activities tell it, one second after the one before."""
    return {
        "id": f"20231002093000000::{number:06d}",
        "activity_type": "FILL",
        "transaction_time": f"2023-10-02T13:{30 + number // 60:02d}:{number % 60:02d}.5Z",
        "type": "partial_fill",
        "price": "9.0501",
        "qty": "2",
        "side": "buy",
        "symbol": "AAPL",
        "leaves_qty": "8",
        "order_id": order_row(1)["id"],
        "cum_qty": "2",
        "order_status": "partially_filled",
    } | changes


def update_text(event: str, order: Mapping[str, Any], **changes: object) -> bytes:
    """Give a trade update as it comes: JSON in a binary frame."""
    data = {"event": event, "timestamp": NOW, "order": order, "position_qty": "0"} | changes
    return json.dumps({"stream": "trade_updates", "data": data}).encode()


ACCOUNT = {
    "id": "00000000-0000-4000-8000-00000000000a",
    "account_number": "PA0000000001",
    "status": "ACTIVE",
    "currency": "USD",
    "buying_power": "199999.5",
    "cash": "99999.123456",
    "equity": "100000.0000005",
    "trading_blocked": False,
    "transfers_blocked": False,
    "account_blocked": False,
    "trade_suspended_by_user": False,
}
