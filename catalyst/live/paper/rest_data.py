"""The data routes: bars, news, corporate actions; only what is known by exchange time."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache, partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from catalyst.data.calendar import FIRST, NEW_YORK, date_to_day, day_to_date
from catalyst.live.paper.bar_pages import Asked, BarPages
from catalyst.live.paper.door import asked_date, asked_instant, asked_number, no
from catalyst.live.paper.floor import Floor
from catalyst.live.paper.market_wire import article_json, bar_json, trade_json
from catalyst.live.paper.tape import Article, Quoted, read_articles
from catalyst.live.paper.wire import Json
from catalyst.strategy.broker_rules import BAD_REQUEST
from catalyst.strategy.clock import DAY_NS

_MOST_BARS, _FEW_BARS = 10_000, 1_000
_MOST_NEWS, _FEW_NEWS = 50, 10

_TIMEFRAMES = {
    "1Min": "1m",
    "1T": "1m",
    "5Min": "5m",
    "5T": "5m",
    "15Min": "15m",
    "15T": "15m",
    "60Min": "1h",
    "1Hour": "1h",
    "1H": "1h",
    "1Day": "1d",
    "1D": "1d",
}


def data_routes(floor: Floor) -> list[Route]:
    """Return the routes of the data side."""
    kept = _Data(floor)
    return [
        Route("/v2/stocks/bars", kept.bars),
        Route("/v2/stocks/bars/latest", kept.latest),
        Route("/v2/stocks/trades/latest", kept.latest_trades),
        Route("/v2/stocks/{symbol}/bars", kept.bars_of),
        Route("/v1beta1/news", kept.news),
        Route("/v1/corporate-actions", kept.actions),
    ]


class _Data:
    def __init__(self, floor: Floor) -> None:
        self.exchange = floor.exchange
        grace_ns = round(self.exchange.terms.execution.bar_grace_s * 1e9)
        self._pages = BarPages(self.exchange.feed, grace_ns, self.exchange.faults.halted)
        self._first_ns = _midnight(FIRST)
        # A client turns many pages of one question.
        self._news = lru_cache(4)(partial(read_articles, self.exchange.feed))

    async def bars(self, request: Request) -> Response:
        symbols = _names(request.query_params.get("symbols", ""))
        if not symbols:
            return no(400, BAD_REQUEST, "symbols is required")
        found, token = self._page(request, symbols)
        if found is None:
            return no(400, BAD_REQUEST, f"invalid timeframe: {token}")
        out: dict[str, list[Json]] = {}
        for bar in found:
            out.setdefault(bar.symbol, []).append(bar_json(bar))
        return JSONResponse({"bars": out, "next_page_token": token})

    async def bars_of(self, request: Request) -> Response:
        symbol = request.path_params["symbol"]
        found, token = self._page(request, [symbol])
        if found is None:
            return no(400, BAD_REQUEST, f"invalid timeframe: {token}")
        told = [bar_json(bar) for bar in found]
        return JSONResponse({"symbol": symbol, "bars": told, "next_page_token": token})

    async def latest(self, request: Request) -> Response:
        found = self._latest(_names(request.query_params.get("symbols", "")))
        return JSONResponse({"bars": {symbol: bar_json(bar) for symbol, bar in found.items()}})

    async def latest_trades(self, request: Request) -> Response:
        found = self._latest(_names(request.query_params.get("symbols", "")))
        length = self.exchange.feed.grid.timeframe_ns
        trades = {
            symbol: trade_json(bar, min(bar.ts_ns + length, self.exchange.now_ns))
            for symbol, bar in found.items()
        }
        return JSONResponse({"trades": trades})

    def _latest(self, symbols: list[str]) -> dict[str, Quoted]:
        found = ((symbol, self._pages.latest(symbol, self.exchange.now_ns)) for symbol in symbols)
        return {symbol: bar for symbol, bar in found if bar is not None}

    def _page(self, request: Request, symbols: list[str]) -> tuple[list[Quoted] | None, str | None]:
        query, now = request.query_params, self.exchange.now_ns
        asked = query.get("timeframe", "1Min")
        name = _TIMEFRAMES.get(asked, "")
        if name not in self.exchange.feed.lake.timeframes():
            return None, asked
        end = asked_instant(query, "end")
        end = now if end is None else min(end, now)
        start = asked_instant(query, "start")
        if start is None:
            # As Alpaca: from the beginning of the day.
            start = _midnight(dt.datetime.fromtimestamp(end // 10**9, NEW_YORK).date())
        start = max(start, self._first_ns)
        limit = min(asked_number(query, "limit", _FEW_BARS), _MOST_BARS)
        backwards = query.get("sort", "asc") == "desc"
        wanted = Asked(name, tuple(symbols), start, end, backwards)
        return self._pages.page(wanted, now, limit=limit, token=query.get("page_token"))

    async def news(self, request: Request) -> Response:
        query, now = request.query_params, self.exchange.now_ns
        end = asked_instant(query, "end")
        start = asked_instant(query, "start")
        end = now if end is None else min(end, now)
        start = end - DAY_NS if start is None else start
        symbols = set(_names(query.get("symbols", "")))
        limit = min(asked_number(query, "limit", _FEW_NEWS), _MOST_NEWS)
        found = self._articles(start, end, symbols)
        if query.get("sort", "desc") == "desc":
            found.reverse()
        place = _place(query.get("page_token"))
        token = str(place + limit) if place + limit < len(found) else None
        told = [article_json(a) for a in found[place : place + limit]]
        return JSONResponse({"news": told, "next_page_token": token})

    def _articles(self, start: int, end: int, symbols: set[str]) -> list[Article]:
        if start > end:
            return []
        latest = {a.number: a for a in self._news(start - 1, end)}
        kept = [a for a in latest.values() if not symbols or symbols & set(a.symbols)]
        return sorted(kept, key=lambda a: (a.known_ns, a.number))

    async def actions(self, request: Request) -> Response:
        query, now = request.query_params, self.exchange.now_ns
        symbols = set(_names(query.get("symbols", "")))
        kinds = set(_names(query.get("types", "")))
        today = dt.datetime.fromtimestamp(now // 10**9, NEW_YORK).date()
        first = date_to_day(asked_date(query, "start") or today)
        last = date_to_day(asked_date(query, "end") or today)
        out: dict[str, list[Json]] = {}
        for action in self.exchange.feed.actions:
            symbol = self.exchange.feed.names[action.symbol]
            if not first <= action.day <= last or action.known_ns > now:
                continue
            if symbols and symbol not in symbols:
                continue
            kind, body = _action(symbol, action.kind, action.value, day_to_date(action.day))
            if not kinds or kind in kinds:
                out.setdefault(f"{kind}s", []).append(body)
        return JSONResponse({"corporate_actions": out, "next_page_token": None})


def _action(symbol: str, kind: str, value: float, day: dt.date) -> tuple[str, Json]:
    common: Json = {
        "id": f"{symbol}-{day}-{kind}",
        "symbol": symbol,
        "ex_date": str(day),
        "process_date": str(day),
        "record_date": str(day),
        "payable_date": str(day),
    }
    if kind == "dividend":
        more = {"cusip": "", "rate": value, "special": False, "foreign": False}
        return "cash_dividend", common | more
    if value >= 1:
        more = {"cusip": "", "new_rate": value, "old_rate": 1.0}
        return "forward_split", common | more
    more = {"old_cusip": "", "new_cusip": "", "new_rate": 1.0, "old_rate": 1.0 / value}
    return "reverse_split", common | more


def _midnight(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), NEW_YORK).timestamp()) * 10**9


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _place(token: str | None) -> int:
    return int(token) if token and token.isascii() and token.isdigit() else 0
