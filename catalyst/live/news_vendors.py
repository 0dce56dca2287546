"""Further sources of news, asked now and then: Finnhub, NewsAPI and Alpha Vantage."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from catalyst.data.calendar import SECOND_NS
from catalyst.data.settings import Settings
from catalyst.data.vendors.patience import TIMEOUT_S, Patience
from catalyst.data.vendors.protocol import Limits, Span
from catalyst.data.vendors.rate_limit import Bucket, fingerprint
from catalyst.errors import VendorError

Article = dict[str, Any]

_TRANSIENT = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
)
_NEWSAPI_WORDS = "stock OR shares OR earnings OR FDA OR merger"


class _Silent:
    def requested(self) -> None:
        pass

    def retried(self, why: str) -> None:
        pass

    def waiting(self, seconds: float, why: str) -> None:
        pass


@dataclass(frozen=True)
class NewsVendor:
    """Ask one vendor for articles; made by `news_vendors`.

    Attributes
    ----------
    name
        The provider's name in the lake.
    every_s
        Seconds from one question to the next, so that the free plan lasts the day.
    """

    name: str
    every_s: float
    patience: Patience = field(repr=False)
    ask: Callable[[NewsVendor, Span], Iterable[Article]] = field(repr=False)
    key: str = field(repr=False)
    url: str
    symbols: tuple[str, ...] = field(repr=False)

    def articles(self, span: Span) -> Iterable[Mapping[str, Any]]:
        """Yield the articles of a span, with the fields of Alpaca's REST; see `NewsSource`.

        Raises
        ------
        VendorError
            If the vendor doesn't answer, refuses, or answers in an unknown form.
        """
        try:
            found = list(self.ask(self, span))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise VendorError(
                f"{self.name}'s answer has an unknown form ({type(error).__name__}); perhaps its "
                "API changed"
            ) from None
        # Most vendors give whole days.
        return [one for one in found if span.start_ns <= _ns(str(one["created_at"])) < span.end_ns]

    def get(
        self, path: str, words: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> Any:  # noqa: ANN401 - JSON of whatever form
        """Send one request, and give the JSON of its answer.

        Raises
        ------
        VendorError
            If there is none, or the status says no; the address, which may hold the key, is not
            told.
        """

        def once() -> requests.Response:
            # Whoever sends us elsewhere would be told the key.
            return requests.get(
                self.url + path,
                params=dict(words),
                headers=dict(headers or {}),
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )

        try:
            answer = self.patience.send(once, transient=_TRANSIENT)
        except requests.RequestException as error:
            raise VendorError(f"{self.name} can't be asked ({type(error).__name__})") from None
        if answer.status_code != requests.codes.ok:
            raise VendorError(
                f"{self.name} refuses with {answer.status_code}; check its key in the environment"
            )
        try:
            return answer.json()
        except ValueError:
            raise VendorError(f"{self.name} answered without JSON") from None


def news_vendors(
    settings: Settings, symbols: Sequence[str], *, state: Path
) -> tuple[NewsVendor, ...]:
    """Make the vendors whose keys are in the environment.

    Parameters
    ----------
    settings
        With ``FINNHUB_API_KEY``, ``NEWS_API_KEY`` and ``ALPHAVANTAGE_API_KEY``, each or none.
    symbols
        The run's.
    state
        Folder of the rate limits that processes share.
    """
    names = tuple(sorted(symbols))
    # Free plans: Finnhub 60 a minute, a request for each symbol; NewsAPI 100 a day, and articles a
    # day late; Alpha Vantage 25 a day.
    offers = (
        ("finnhub", settings.finnhub_api_key, "https://finnhub.io", finnhub, Limits(55, 5)),
        ("newsapi", settings.news_api_key, "https://newsapi.org", newsapi, Limits(30, 2)),
        (
            "alphavantage",
            settings.alphavantage_api_key,
            "https://www.alphavantage.co",
            alphavantage,
            Limits(5, 1),
        ),
    )
    every_s = {"finnhub": max(60.0, 1.2 * len(names)), "newsapi": 900.0, "alphavantage": 3600.0}
    made = []
    for name, secret, url, ask, limits in offers:
        if secret is None:
            continue
        key = secret.get_secret_value()
        bucket = Bucket(state / f"rate-{name}-{fingerprint(key)}.json", limits)
        patience = Patience(name, bucket, _Silent())
        made.append(NewsVendor(name, every_s[name], patience, ask, key, url, names))
    return tuple(made)


def finnhub(vendor: NewsVendor, span: Span) -> Iterable[Article]:
    """Ask Finnhub for the news of each company; its times are whole seconds since 1970."""
    dates = {"from": _date(span.start_ns), "to": _date(span.end_ns)}
    token = {"X-Finnhub-Token": vendor.key}
    for symbol in vendor.symbols:
        found = vendor.get("/api/v1/company-news", {"symbol": symbol, **dates}, headers=token)
        for one in found:
            yield {
                "id": one["id"],
                "headline": one["headline"],
                "source": one["source"],
                "author": None,
                "url": one["url"],
                "created_at": _text(int(one["datetime"]) * SECOND_NS),
                "symbols": [symbol],
            }


def newsapi(vendor: NewsVendor, span: Span) -> Iterable[Article]:
    """Ask NewsAPI for market news; symbols are found in the text."""
    words = {
        "q": _NEWSAPI_WORDS,
        "language": "en",
        "from": _text(span.start_ns)[:19],
        "to": _text(span.end_ns)[:19],
        "sortBy": "publishedAt",
        "pageSize": "100",
    }
    found = vendor.get("/v2/everything", words, headers={"X-Api-Key": vendor.key})
    for one in found["articles"]:
        yield {
            "id": None,
            "headline": one["title"],
            "source": one["source"]["name"],
            "author": one["author"],
            "url": one["url"],
            "created_at": one["publishedAt"],
            "symbols": [],
        }


def alphavantage(vendor: NewsVendor, span: Span) -> Iterable[Article]:
    """Ask Alpha Vantage for all news; past its limit it answers 200 with a note."""
    words = {
        "function": "NEWS_SENTIMENT",
        "time_from": f"{_at(span.start_ns):%Y%m%dT%H%M}",
        "sort": "LATEST",
        "limit": "1000",
        "apikey": vendor.key,
    }
    found = vendor.get("/query", words)
    if "feed" not in found:
        raise VendorError(
            "alphavantage gives a note in place of news; its free plan has 25 requests a day"
        )
    wanted = set(vendor.symbols)
    for one in found["feed"]:
        named = {ticker["ticker"] for ticker in one.get("ticker_sentiment") or ()}
        # It names no zone; its documentation's examples are UTC.
        at = dt.datetime.strptime(one["time_published"], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
        yield {
            "id": None,
            "headline": one["title"],
            "source": one["source"],
            "author": ", ".join(one.get("authors") or ()) or None,
            "url": one["url"],
            "created_at": at.isoformat(),
            "symbols": sorted(named & wanted),
        }


def _at(ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ns // SECOND_NS, dt.UTC)


def _date(ns: int) -> str:
    return f"{_at(ns):%Y-%m-%d}"


def _text(ns: int) -> str:
    return f"{_at(ns):%Y-%m-%dT%H:%M:%S}Z"


def _ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * SECOND_NS
