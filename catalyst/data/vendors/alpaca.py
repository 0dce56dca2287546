"""Alpaca: minute to daily bars of both feeds, Benzinga news, corporate actions."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from catalyst.data import timeframes
from catalyst.data.calendar import DAY_NS, MINUTE_NS, SECOND_NS
from catalyst.data.settings import Settings
from catalyst.data.vendors.alpaca_pages import (
    ACTION_TYPES,
    NAMED_ONLY,
    NEWS_LATENCY_S,
    action_rows,
    bar_rows,
    news_rows,
)
from catalyst.data.vendors.chunks import (
    date_of,
    divided,
    instant,
    last_date_of,
    last_finished_session,
    span_of,
)
from catalyst.data.vendors.patience import Patience
from catalyst.data.vendors.protocol import Chunk, Limits, Page, Request, Span, Watcher
from catalyst.data.vendors.rate_limit import Bucket, fingerprint
from catalyst.errors import InputError, VendorError

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient
    from alpaca.data.timeframe import TimeFrame

NAME = "alpaca"
FEEDS = ("sip", "iex")
#: The free plan's: 200 a minute; ten at once are borne.
LIMITS = Limits(per_minute=200, burst=10)

_BARS_A_PAGE, _NEWS_A_PAGE, _ACTIONS_A_PAGE = 10_000, 50, 1_000
# The free plan has SIP older than 15 minutes; one more, for clocks that differ.
_SIP_DELAY_NS = 16 * MINUTE_NS
# Months on a chunk's grid: at most 40 symbols x 23 sessions x 960 minutes, 0.9 million rows.
_BAR_MONTHS = {"1m": 1, "5m": 3, "15m": 12, "1h": 12, "1d": 120}
_SYMBOLS_A_CHUNK = 40
_SETTLED_NS = {"bars": 5 * DAY_NS, "news": 2 * DAY_NS, "actions": 30 * DAY_NS}
_PROCESSED_LATER = dt.timedelta(days=60)
_INVALID_SYMBOL = re.compile(r"invalid symbols?:? *([^\s\",;]+)", re.IGNORECASE)
_LONGEST_WORDS = 160

T = TypeVar("T")


@dataclass(frozen=True)
class Alpaca:
    """Pull from Alpaca's market data API, through alpaca-py's clients.

    Attributes
    ----------
    key, secret
        The account's; a free paper account's are enough.
    url
        Where the API is.
    patience
        How requests are paced and repeated.
    now_ns
        The time, ns UTC.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)
    url: str
    patience: Patience
    now_ns: Callable[[], int] = time.time_ns

    name = NAME
    tables = ("bars", "news", "actions")
    limits = LIMITS

    def source(self, request: Request, table: str) -> str:
        """Name a series; see `Vendor.source`."""
        return f"bars {request.feed} {request.timeframe}" if table == "bars" else table

    def settled_ns(self, table: str) -> int:
        """Say when rows no longer change; Alpaca promises nothing about late corporate actions."""
        return _SETTLED_NS[table]

    def within_reach(
        self, request: Request, now_ns: int, *, start_is_told: bool, end_is_told: bool
    ) -> tuple[Request, tuple[str, ...]]:
        """Cut the end to what has finished, and SIP to what the free plan gives."""
        del start_is_told
        if request.feed not in FEEDS:
            raise InputError(
                f"--feed {request.feed} is unknown; expected one of {', '.join(FEEDS)}"
            )
        last_ns, why = now_ns, "that is the last minute that has ended"
        if "bars" in request.tables:
            if request.timeframe == timeframes.DAILY:
                last_ns = span_of(*2 * (last_finished_session(now_ns),)).end_ns
                why = "that is the last session that has finished"
            else:
                if request.feed == "sip":
                    last_ns -= _SIP_DELAY_NS
                    why = "the free plan gives SIP data older than 15 minutes"
                last_ns -= last_ns % timeframes.LENGTH_NS[request.timeframe]
        if request.span.end_ns <= last_ns:
            return request, ()
        start_ns = request.span.start_ns
        if start_ns >= last_ns:
            raise InputError(
                f"--start {date_of(start_ns)} is too late: alpaca has data up to "
                f"{instant(last_ns):%Y-%m-%d %H:%M} UTC, because {why}; give an earlier --start"
            )
        note = f"the end is cut to {instant(last_ns):%Y-%m-%d %H:%M} UTC: {why}"
        cut = Request(
            request.tables,
            request.symbols,
            Span(start_ns, last_ns),
            request.timeframe,
            request.feed,
        )
        return cut, (note,) if end_is_told else ()

    def plan(
        self, request: Request, table: str, missing: Mapping[str, Sequence[Span]]
    ) -> list[Chunk]:
        """Divide by months and 40 symbols; actions by years."""
        months = {"bars": _BAR_MONTHS[request.timeframe], "news": 1, "actions": 12}[table]
        return divided(table, missing, months=months, symbols=_SYMBOLS_A_CHUNK)

    def fetch(self, request: Request, chunk: Chunk) -> Iterator[Page]:
        """Ask for a chunk, page by page; see `Vendor.fetch`."""
        if chunk.table == "bars":
            return self._bars(request, chunk)
        return self._news(chunk) if chunk.table == "news" else self._actions(chunk)

    def options(self, request: Request, table: str) -> dict[str, Any]:
        """Give import options: raw prices, the feed in the source; news from ``alpaca``."""
        if table == "bars":
            return {
                "source": f"{NAME}-{request.feed}",
                "timeframe": request.timeframe,
                "adjustment": "raw",
                "tz": "UTC",
                "stamp": "start",
            }
        if table == "news":
            return {
                "provider": NAME,
                "latency_s": float(NEWS_LATENCY_S),
                "tz": "UTC",
                # An article may well be published at midnight sharp.
                "midnight": "time",
            }
        return {"source": NAME}

    def _bars(self, request: Request, chunk: Chunk) -> Iterator[Page]:
        from alpaca.data.enums import Adjustment, DataFeed
        from alpaca.data.requests import StockBarsRequest

        start, end = _bounds(chunk.span)
        fields = StockBarsRequest(
            symbol_or_symbols=list(chunk.symbols),
            start=start,
            end=end,
            timeframe=_timeframe(request.timeframe),
            adjustment=Adjustment.RAW,
            feed=DataFeed(request.feed),
            # Every bar under the ticker it traded under: mapping today's names onto the past would
            # make the past depend on the day of the pull, and put META's name on bars of FB.
            asof="-",
        ).to_request_fields()
        fields["limit"] = _BARS_A_PAGE
        for answer, unknown in self._pages(self._stocks, "/stocks/bars", fields, chunk):
            yield Page(_read(bar_rows, answer.get("bars") or {}), unknown=unknown)

    def _news(self, chunk: Chunk) -> Iterator[Page]:
        from alpaca.data.requests import NewsRequest

        start, end = _bounds(chunk.span)
        fields = NewsRequest(
            start=start,
            end=end,
            sort="asc",
            symbols=",".join(chunk.symbols) or None,
            limit=_NEWS_A_PAGE,
            include_content=False,
            exclude_contentless=False,
        ).to_request_fields()
        # requests would write True and False with capitals.
        fields = {k: str(v).lower() if isinstance(v, bool) else v for k, v in fields.items()}
        for answer, unknown in self._pages(self._articles, "/news", fields, chunk):
            frame, raw = _read(news_rows, answer.get("news") or [])
            yield Page(frame, raw, unknown)

    def _actions(self, chunk: Chunk) -> Iterator[Page]:
        from alpaca.data.enums import CorporateActionsType
        from alpaca.data.requests import CorporateActionsRequest

        first, last = date_of(chunk.span.start_ns), last_date_of(chunk.span)
        fields = CorporateActionsRequest(
            types=[CorporateActionsType(name) for name in (*ACTION_TYPES, *NAMED_ONLY)],
            start=first,
            # They are found by the date on which they are processed: a dividend's is its payment.
            end=last + _PROCESSED_LATER,
            limit=_ACTIONS_A_PAGE,
        ).to_request_fields()
        fields["types"] = ",".join(fields["types"])
        fields["symbols"] = ",".join(chunk.symbols)
        found: list[tuple[str, Mapping[str, Any]]] = []
        missing: tuple[str, ...] = ()
        client, path = self._actions_client, "/corporate-actions"
        for answer, unknown in self._pages(client, path, fields, chunk):
            missing += unknown
            found += _read(_named, answer.get("corporate_actions") or {})
        # One page, however many came: dividends of one day are added up.
        frame, notes = _read(lambda actions: action_rows(actions, first=first, last=last), found)
        yield Page(frame, unknown=missing, notes=notes)

    def _pages(
        self, client: RESTClient, path: str, fields: dict[str, Any], chunk: Chunk
    ) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
        # The clients' own methods hold all pages in memory before they give the first.
        symbols = list(chunk.symbols)
        # Of news alone one can ask for all there is.
        whatever = not symbols
        tokens: set[str] = set()
        while symbols or whatever:
            if symbols:
                fields["symbols"] = ",".join(symbols)
            answer = self._ask(client, path, fields)
            if isinstance(answer, str):
                if answer not in symbols:
                    raise VendorError(f"alpaca does not know {answer}, for which nobody asked")
                symbols.remove(answer)
                yield {}, (answer,)
                continue
            yield answer, ()
            token = answer.get("next_page_token")
            if not token:
                return
            if token in tokens:
                raise VendorError("alpaca sent the same page token twice")
            tokens.add(token)
            fields["page_token"] = token

    def _ask(
        self, client: RESTClient, path: str, fields: dict[str, Any]
    ) -> Mapping[str, Any] | str:
        """Give the answer, or the symbol that it does not know."""
        from alpaca.common.exceptions import APIError

        try:
            answer = client.get(path, dict(fields))
        except APIError as error:
            words = self._words(str(error))
            invalid = _INVALID_SYMBOL.search(words)
            if invalid and error.status_code in {400, 422}:
                return invalid.group(1).upper()
            raise _refusal(error.status_code, words) from None
        except ValueError:
            raise VendorError("alpaca answered with a redirect or without JSON") from None
        if not isinstance(answer, dict):
            raise VendorError("alpaca answered without a body")
        return answer

    def _words(self, text: str) -> str:
        import json

        try:
            found = json.loads(text)
            text = str(found["message"])
        except (ValueError, KeyError, TypeError):
            pass
        for secret in (self.key, self.secret):
            text = text.replace(secret, "***")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[
            :_LONGEST_WORDS
        ]

    def _prepared(self, client: RESTClient) -> RESTClient:
        from catalyst.data.vendors.requests_adapter import mount

        return mount(client, self.patience)

    @cached_property
    def _stocks(self) -> RESTClient:
        from alpaca.data.historical import StockHistoricalDataClient

        return self._prepared(
            StockHistoricalDataClient(self.key, self.secret, raw_data=True, url_override=self.url)
        )

    @cached_property
    def _articles(self) -> RESTClient:
        from alpaca.data.historical.news import NewsClient

        return self._prepared(
            NewsClient(self.key, self.secret, raw_data=True, url_override=self.url)
        )

    @cached_property
    def _actions_client(self) -> RESTClient:
        from alpaca.data.historical.corporate_actions import CorporateActionsClient

        return self._prepared(
            CorporateActionsClient(self.key, self.secret, raw_data=True, url_override=self.url)
        )


def opened(settings: Settings, watcher: Watcher) -> Alpaca:
    """Make the vendor with the keys of the environment.

    Raises
    ------
    InputError
        If one of the keys is missing.
    """
    key, secret = settings.alpaca_api_key, settings.alpaca_secret_key
    if key is None or secret is None:
        raise InputError(
            "ALPACA_API_KEY and ALPACA_SECRET_KEY must both be set, in the environment or in .env, "
            "to pull from alpaca; a free paper account at alpaca.markets has both"
        )
    told = key.get_secret_value()
    bucket = Bucket(_state(settings, told), LIMITS)
    return Alpaca(
        told,
        secret.get_secret_value(),
        settings.alpaca_data_url.rstrip("/"),
        Patience(NAME, bucket, watcher),
    )


def _state(settings: Settings, key: str) -> Path:
    return settings.catalyst_home / "state" / f"rate-{NAME}-{fingerprint(key)}.json"


def _bounds(span: Span) -> tuple[Any, Any]:
    # Alpaca includes both ends, to the microsecond.
    return instant(span.start_ns), instant(span.end_ns - 1)


def _timeframe(name: str) -> TimeFrame:
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

    if name == timeframes.DAILY:
        return TimeFrame(1, TimeFrameUnit.Day)
    minutes = timeframes.LENGTH_NS[name] // (60 * SECOND_NS)
    if minutes == 60:
        return TimeFrame(1, TimeFrameUnit.Hour)
    return TimeFrame(minutes, TimeFrameUnit.Minute)


def _named(actions: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(kind, one) for kind, found in actions.items() for one in found or ()]


def _read(rows: Callable[[Any], T], answer: object) -> T:
    from polars.exceptions import PolarsError

    try:
        return rows(answer)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, PolarsError) as e:
        raise VendorError(
            f"alpaca's answer has an unknown form ({type(e).__name__}); perhaps its API changed"
        ) from None


def _refusal(status: int | None, words: str) -> InputError | VendorError:
    if status == 403 and "SIP" in words:
        return InputError(
            f"alpaca refuses: {words}; give an earlier --end, or --feed iex, which is one exchange "
            "with a few percent of the volume"
        )
    if status in {401, 403}:
        return InputError(
            f"alpaca refuses the keys ({status}: {words or 'no reason given'}); check "
            "ALPACA_API_KEY and ALPACA_SECRET_KEY, which must be a pair"
        )
    return VendorError(f"alpaca refuses ({status}): {words or 'no reason given'}")
