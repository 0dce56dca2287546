from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from catalyst import Lake
from catalyst.data.settings import Settings
from catalyst.data.vendors.protocol import Span
from catalyst.errors import VendorError
from catalyst.live.market_socket import MarketSocket
from catalyst.live.news_reader import NewsReader
from catalyst.live.news_stream import NewsFeed
from catalyst.live.news_vendors import NewsVendor, news_vendors

HOUR_NS = 3600 * 10**9
NOON_NS = 1_700_049_600 * 10**9
SPAN = Span(NOON_NS - HOUR_NS, NOON_NS + 1)
ANSWERS: dict[str, Any] = {
    "/api/v1/company-news": [
        {
            "id": 7,
            "headline": "Acme wins approval",
            "source": "Reuters",
            "url": "https://example.org/7",
            "datetime": NOON_NS // 10**9 - 60,
            "related": "ACME",
        },
        {
            "id": 6,
            "headline": "Acme, yesterday",
            "source": "Reuters",
            "url": "https://example.org/6",
            "datetime": NOON_NS // 10**9 - 86_400,
            "related": "ACME",
        },
    ],
    "/v2/everything": {
        "status": "ok",
        "articles": [
            {
                "source": {"id": None, "name": "CNBC"},
                "author": "A. Writer",
                "title": "Acme rallies",
                "url": "https://example.org/8",
                "publishedAt": "2023-11-15T11:59:00Z",
            }
        ],
    },
    "/query": {
        "feed": [
            {
                "title": "Acme guides higher",
                "url": "https://example.org/9",
                "time_published": "20231115T115900",
                "authors": ["One", "Two"],
                "source": "Zacks",
                "ticker_sentiment": [{"ticker": "ACME"}, {"ticker": "CRYPTO:BTC"}],
            }
        ]
    },
}


@dataclass
class Vendors:
    """A server that answers as all three vendors do, and what it was asked."""

    url: str
    answers: dict[str, Any]
    asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    told = Vendors("", dict(ANSWERS))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            told.asked.append((where.path, parse_qs(where.query), dict(self.headers)))
            status, body = 200, told.answers[where.path]
            if isinstance(body, int):
                status, body = body, {}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def made(vendors: Vendors, folder: Path) -> dict[str, NewsVendor]:
    settings = Settings(
        finnhub_api_key=SecretStr("secret-f"),
        news_api_key=SecretStr("secret-n"),
        alphavantage_api_key=SecretStr("secret-a"),
    )
    found = news_vendors(settings, ["ACME"], state=folder)
    return {one.name: replace(one, url=vendors.url) for one in found}


@pytest.mark.parametrize(
    ("name", "headline", "source", "symbols"),
    [
        ("finnhub", "Acme wins approval", "Reuters", ["ACME"]),
        ("newsapi", "Acme rallies", "CNBC", []),
        ("alphavantage", "Acme guides higher", "Zacks", ["ACME"]),
    ],
)
def test_a_vendors_articles_of_the_span_are_given_as_alpacas_are(
    vendors: Vendors, tmp_path: Path, name: str, headline: str, source: str, symbols: list[str]
) -> None:
    (one,) = made(vendors, tmp_path)[name].articles(SPAN)

    assert (one["headline"], one["source"], one["symbols"]) == (headline, source, symbols)


def test_a_vendor_without_a_key_is_not_asked(tmp_path: Path) -> None:
    settings = Settings(
        finnhub_api_key=None, news_api_key=SecretStr("n"), alphavantage_api_key=None
    )

    assert [one.name for one in news_vendors(settings, ["ACME"], state=tmp_path)] == ["newsapi"]


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("/query", {"Information": "25 requests per day"}, "gives a note in place of news"),
        ("/query", 403, "refuses with 403"),
        ("/query", {"feed": [{"title": "no time"}]}, "has an unknown form"),
    ],
)
def test_a_vendor_that_gives_nothing_says_why_and_never_its_key(
    vendors: Vendors, tmp_path: Path, path: str, answer: object, told: str
) -> None:
    vendors.answers[path] = answer

    with pytest.raises(VendorError, match=told) as raised:
        made(vendors, tmp_path)["alphavantage"].articles(SPAN)

    assert "secret" not in str(raised.value) + repr(made(vendors, tmp_path))


class Noon:
    """A clock that stands at noon."""

    stepped = True

    def now_ns(self) -> int:
        return NOON_NS

    def arrival_ns(self, said_ns: int) -> int:
        return max(said_ns, NOON_NS)


def test_each_source_is_counted_and_a_failing_one_kills_nothing(
    vendors: Vendors, tmp_path: Path
) -> None:
    vendors.answers["/v2/everything"] = 401
    sources = made(vendors, tmp_path)
    socket = MarketSocket("ws://127.0.0.1:9", "key", "secret", {"news": ["*"]})

    async def collected() -> NewsFeed:
        feed = NewsFeed(
            socket,
            sources["finnhub"],
            NewsReader(Lake(tmp_path / "lake", create=True), NOON_NS),
            Noon(),
            NOON_NS,
            lambda _: None,
        )
        asking = [
            asyncio.create_task(feed.ask_now_and_then(one, every_s=60)) for one in sources.values()
        ]
        while len(feed._pending) < 3 or not feed._collected:  # noqa: ASYNC110 - threads fill them
            await asyncio.sleep(0.01)
        for task in asking:
            task.cancel()
        return feed

    feed = asyncio.run(collected())
    rows = feed.drain(NOON_NS)

    assert {(row["provider"], row["symbol"]) for row in rows} == {
        ("finnhub", "ACME"),
        ("alphavantage", "ACME"),
    }
    assert sorted((one.source, one.given, one.new, one.errors) for one in feed.collected()) == [
        ("alphavantage rest", 1, 1, 0),
        ("finnhub rest", 2, 2, 0),
        ("newsapi rest", 0, 0, 1),
    ]
