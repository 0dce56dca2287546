"""A server that answers as Alpaca and Yahoo do, flaws included, from an invented market."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
from vendor_market import Market, Row

from catalyst.data import calendar

KEY, SECRET = "an-invented-key", "an-invented-secret"
CRUMB = "an.invented/crumb"
HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

_TIMEFRAMES = {"1Min": "1m", "5Min": "5m", "15Min": "15m", "1Hour": "1h", "1Day": "1d"}
_ACTION_LISTS = ("forward_splits", "reverse_splits", "cash_dividends", "name_changes", "spin_offs")
_CONSENT = '<form><input name="csrfToken" value="x"/><input name="sessionId" value="y"/></form>'


@dataclass(frozen=True)
class Fault:
    """Answer one request in another way.

    Attributes
    ----------
    status, body, headers
        Sent instead, unless `drop` or `mute` is set.
    drop
        Send half of the true answer, then close the connection.
    mute
        Seconds of silence before the true answer.
    path
        Only a request whose path contains this meets the fault.
    """

    status: int = 502
    body: str = HTML_502
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    mute: float = 0.0
    path: str = ""


def too_many(**headers: str) -> Fault:
    """Give Alpaca's 429."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(429, '{"message":"too many requests."}', named)


@dataclass
class VendorServer:
    """Serve a market on a port of its own; a context manager.

    Attributes
    ----------
    market
        What it knows.
    faults
        Used up from the front, one a request.
    seen
        Path and query of each request that came.
    latency_s
        Before every answer.
    repeat_page
        Send each second page twice, with tokens that go on, as happens while data moves.
    shuffled
        Send the rows of a page in another order.
    page_size
        Fewer rows a page than asked for; None: as asked.
    crumb
        That Yahoo takes; another one is refused.
    """

    market: Market = field(default_factory=Market)
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    latency_s: float = 0.0
    repeat_page: bool = False
    shuffled: bool = False
    page_size: int | None = None
    crumb: str = CRUMB
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        server: VendorServer = self

        class Handler(_Handler):
            vendor = server

        self._http = _Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def paths(self, part: str = "") -> list[str]:
        """List the paths asked for that contain a text."""
        with self.lock:
            return [path for path, _ in self.seen if part in path]

    def queries(self, part: str) -> list[dict[str, str]]:
        """List the queries of the paths that contain a text."""
        with self.lock:
            return [query for path, query in self.seen if part in path]


Answer = tuple[int, str, dict[str, str]]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that was killed or lost patience hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    vendor: VendorServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(200, "", {})

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        with self.vendor.lock:
            self.vendor.seen.append((path, query))
            fault = None
            if self.vendor.faults and self.vendor.faults[0].path in path:
                fault = self.vendor.faults.pop(0)
        if self.vendor.latency_s:
            time.sleep(self.vendor.latency_s)
        if fault is not None and fault.mute:
            time.sleep(fault.mute)
        if fault is not None and not (fault.drop or fault.mute):
            self._send(fault.status, fault.body, dict(fault.headers))
            return
        status, body, headers = self._answer(path, query)
        self._send(status, body, headers, half=fault is not None and fault.drop)

    def _answer(self, path: str, query: dict[str, str]) -> Answer:
        if "yahoo.com" in path.split("/")[1]:
            return _yahoo(self.vendor, path, query)
        if (self.headers["APCA-API-KEY-ID"], self.headers["APCA-API-SECRET-KEY"]) != (KEY, SECRET):
            return 403, '{"message":"forbidden."}', {}
        return _alpaca(self.vendor, path, query)

    def _send(self, status: int, text: str, headers: dict[str, str], *, half: bool = False) -> None:
        body = text.encode()
        self.send_response(status)
        if "gzip" in (self.headers["Accept-Encoding"] or ""):
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        kind = "application/json" if text.startswith("{") else "text/html"
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if half:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(body)


def _alpaca(vendor: VendorServer, path: str, query: dict[str, str]) -> Answer:
    symbols = query.get("symbols", "").split(",")
    for symbol in symbols:
        if symbol in vendor.market.invalid:
            return 400, json.dumps({"message": f"code=400, message=invalid symbol: {symbol}"}), {}
    if path == "/v2/stocks/bars":
        return _alpaca_bars(vendor, symbols, query)
    if path == "/v1beta1/news":
        span = (_instant_ns(query["start"]), _instant_ns(query["end"]))
        found = vendor.market.news(set(symbols), *span)
        page, token = _page(vendor, found, int(query["limit"]), query.get("page_token"))
        kept = page if query["include_content"] == "true" else [_without(one) for one in page]
        return 200, json.dumps({"news": kept, "next_page_token": token}), {}
    if path == "/v1/corporate-actions":
        return 200, json.dumps(_alpaca_actions(vendor.market, set(symbols), query)), {}
    return 404, '{"code":40410000,"message":"endpoint not found"}', {}


def _alpaca_bars(vendor: VendorServer, symbols: list[str], query: dict[str, str]) -> Answer:
    start_ns, end_ns = _instant_ns(query["start"]), _instant_ns(query["end"])
    if query["feed"] == "sip" and end_ns > time.time_ns() - 15 * calendar.MINUTE_NS:
        message = "subscription does not permit querying recent SIP data"
        return 403, json.dumps({"message": message}), {}
    timeframe = _TIMEFRAMES[query["timeframe"]]
    rows = [
        (symbol, bar)
        for symbol in sorted(symbols)
        for bar in vendor.market.bars(symbol, timeframe, start_ns, end_ns)
    ]
    page, token = _page(vendor, rows, int(query["limit"]), query.get("page_token"))
    bars: dict[str, list[Row]] = {}
    for symbol, bar in page:
        bars.setdefault(symbol, []).append(bar)
    return 200, json.dumps({"bars": bars, "next_page_token": token}), {}


def _alpaca_actions(market: Market, symbols: set[str], query: dict[str, str]) -> Row:
    first, last = (dt.date.fromisoformat(query[name]) for name in ("start", "end"))
    found: dict[str, list[Row]] = {name: [] for name in _ACTION_LISTS}
    for symbol, date, new, old in market.splits:
        if symbol in symbols and first <= date <= last:
            name = "forward_splits" if new > old else "reverse_splits"
            row: Row
            row = {"id": f"s-{symbol}-{date}", "symbol": symbol, "cusip": "000000000"}
            row |= {"new_rate": new, "old_rate": old, "ex_date": str(date)}
            found[name].append(row | {"process_date": str(date)})
    for number, (symbol, date, rate, special) in enumerate(market.dividends):
        processed = date + dt.timedelta(days=5)
        if symbol in symbols and first <= processed <= last:
            row = {"id": f"d-{number}", "symbol": symbol, "rate": rate, "special": special}
            row |= {"foreign": False, "ex_date": str(date), "process_date": str(processed)}
            found["cash_dividends"].append(row)
    for old_name, new_name, date in market.renames:
        if {old_name, new_name} & symbols and first <= date <= last:
            row = {"old_symbol": old_name, "new_symbol": new_name, "process_date": str(date)}
            found["name_changes"].append(row)
    kept = {name: rows for name, rows in found.items() if rows}
    return {"corporate_actions": kept, "next_page_token": None}


def _page(
    vendor: VendorServer, rows: list[Any], limit: int, token: str | None
) -> tuple[list[Any], str | None]:
    size = min(limit, vendor.page_size or limit)
    number = int(base64.b64decode(token)) if token else 0
    # Numbers go on while the page stays: 0, 1, 1, 2, 3, 3, ...
    place = 2 * (number // 3) + (0, 1, 1)[number % 3] if vendor.repeat_page else number
    page = rows[place * size : (place + 1) * size]
    if vendor.shuffled:
        page = page[::-1]
    more = (place + 1) * size < len(rows) or (vendor.repeat_page and number % 3 == 1)
    following = base64.b64encode(str(number + 1).encode()).decode()
    return page, following if more else None


def _without(one: Row) -> Row:
    return one | {"content": ""}


def _instant_ns(text: str) -> int:
    found = dt.datetime.fromisoformat(text.replace(" ", "+"))
    since = found - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since // dt.timedelta(microseconds=1)) * 1_000


def _yahoo(vendor: VendorServer, path: str, query: dict[str, str]) -> Answer:
    if path.endswith("/v1/test/getcrumb"):
        return 200, CRUMB, {}
    if "guce.yahoo.com" in path or "consent.yahoo.com" in path:
        return 200, _CONSENT, {}
    if "/v8/finance/chart/" in path:
        if query.get("crumb", vendor.crumb) != vendor.crumb:
            vendor.crumb = CRUMB
            return 401, _error("Unauthorized", "Invalid Crumb"), {}
        return _chart(vendor.market, path.rsplit("/", 1)[1], query)
    return 404, "", {"Set-Cookie": "A3=invented; Path=/"}


def _error(code: str, description: str) -> str:
    return json.dumps(
        {"chart": {"result": None, "error": {"code": code, "description": description}}}
    )


def _chart(market: Market, name: str, query: dict[str, str]) -> Answer:
    symbol = name.replace("-", ".")
    if symbol not in market.symbols:
        return 404, _error("Not Found", "No data found, symbol may be delisted"), {}
    timeframe = query["interval"]
    if "range" in query:
        return 200, _chart_text(market, symbol, timeframe, [], []), {}
    start_ns, end_ns = (int(query[f"period{number}"]) * 10**9 for number in (1, 2))
    rows = market.bars(symbol, timeframe, start_ns, end_ns - 1)
    if not rows:
        text = f"Data doesn't exist for startDate = {start_ns}, endDate = {end_ns}"
        return 400, _error("Bad Request", text), {}
    days = list(calendar.sessions(_date(start_ns), _date(end_ns)))
    return 200, _chart_text(market, symbol, timeframe, rows, days), {}


def _date(ns: int) -> dt.date:
    return calendar.day_to_date(ns // calendar.DAY_NS)


def _chart_text(
    market: Market, symbol: str, timeframe: str, rows: list[Row], days: list[dt.date]
) -> str:
    every = calendar.sessions()
    quote: dict[str, list[float | int | None]] = {
        name: [] for name in ("open", "high", "low", "close", "volume")
    }
    stamps = []
    for row in rows:
        day = dt.datetime.fromisoformat(row["t"]).astimezone(calendar.NEW_YORK).date()
        ratio = market.ratio_after(symbol, day)
        # Yahoo stamps a daily bar with its open.
        place = every.index_of(day)
        ns = int(every.open_ns[place]) if timeframe == "1d" else _instant_ns(row["t"])
        stamps.append(ns // 10**9)
        is_null = (symbol, day) in market.null_dates
        for letter, column in zip("ohlc", ("open", "high", "low", "close"), strict=True):
            quote[column].append(None if is_null else float(np.float32(row[letter] / ratio)))
        quote["volume"].append(None if is_null else round(row["v"] * ratio))
    periods = [
        [
            {
                "timezone": "EST",
                "gmtoffset": -18_000,
                "start": int(every.open_ns[every.index_of(day)]) // 10**9,
                "end": int(every.close_ns[every.index_of(day)]) // 10**9,
            }
        ]
        for day in days
    ]
    result: Row = {
        "meta": {
            "currency": "USD",
            "symbol": symbol,
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": "America/New_York",
            "priceHint": 2,
            "validRanges": ["1d", "5d", "max"],
            "tradingPeriods": periods,
        },
        "timestamp": stamps,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]},
    }
    events = _events(market, symbol, days)
    if events:
        result["events"] = events
    return json.dumps({"chart": {"result": [result], "error": None}})


def _events(market: Market, symbol: str, days: list[dt.date]) -> Row:
    every = calendar.sessions()
    asked = set(days)
    events: Row = {}
    for name, date, amount, _ in market.dividends:
        if name == symbol and date in asked:
            second = int(every.open_ns[every.index_of(date)]) // 10**9
            # In today's shares, as the prices are.
            now = amount / market.ratio_after(symbol, date)
            events.setdefault("dividends", {})[str(second)] = {"amount": now, "date": second}
    for name, date, new, old in market.splits:
        if name == symbol and date in asked:
            second = int(every.open_ns[every.index_of(date)]) // 10**9
            split = {"date": second, "numerator": new, "denominator": old}
            events.setdefault("splits", {})[str(second)] = split | {"splitRatio": f"{new}:{old}"}
    return events
