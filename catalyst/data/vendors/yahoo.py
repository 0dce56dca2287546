"""Yahoo through yfinance: daily bars back for decades, a little intraday, splits and dividends."""

from __future__ import annotations

import datetime as dt
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catalyst.data import calendar, timeframes
from catalyst.data.calendar import DAY_NS, SECOND_NS
from catalyst.data.settings import Settings
from catalyst.data.vendors.chunks import (
    date_of,
    divided,
    instant,
    last_finished_session,
    midnight_ns,
    span_of,
)
from catalyst.data.vendors.patience import Patience
from catalyst.data.vendors.protocol import Chunk, Limits, Page, Request, Span, Watcher
from catalyst.data.vendors.rate_limit import Bucket
from catalyst.data.vendors.yahoo_pages import action_rows, bar_rows, empty, nothing, splits_of
from catalyst.errors import InputError, VendorError

if TYPE_CHECKING:
    from catalyst.data.vendors.yahoo_session import YahooSession

NAME = "yfinance"
#: Yahoo publishes none; this many are borne by experience.
LIMITS = Limits(per_minute=100, burst=10)
#: Days back from today that Yahoo has of a timeframe, less one for the hours of the day.
REACH_DAYS = {"1m": 29, "5m": 59, "15m": 59, "1h": 729}

# Yahoo gives 1m bars of seven days a request.
_MINUTE_DAYS = 7
_TIMEOUT_S = 30.0
_SETTLED_NS = {"bars": 5 * DAY_NS, "actions": 30 * DAY_NS}
_SHARE_CLASS = re.compile(r"^([A-Z]+)\.([A-Z]{1,2})$")
# "possibly delisted" is often said of symbols that live: ask again before it is believed.
_TRIES = 3
_PAUSE_S = 2.0
_OUTSIDE = "Data doesn't exist for startDate"


@dataclass(frozen=True)
class Yahoo:
    """Pull from Yahoo, through yfinance.

    Attributes
    ----------
    patience
        How requests are paced and repeated.
    cache
        Folder for what yfinance remembers of tickers: their time zones.
    url
        A server that stands in for Yahoo's, in tests.
    now_ns
        The time, ns UTC.
    """

    patience: Patience
    cache: Path
    url: str | None = None
    now_ns: Callable[[], int] = time.time_ns

    name = NAME
    tables = ("bars", "actions")
    limits = LIMITS

    def source(self, request: Request, table: str) -> str:
        """Name a series; see `Vendor.source`."""
        return f"bars {request.timeframe}" if table == "bars" else table

    def settled_ns(self, table: str) -> int:
        """Say when rows no longer change; see `Vendor.settled_ns`."""
        return _SETTLED_NS[table]

    def within_reach(
        self, request: Request, now_ns: int, *, start_is_told: bool, end_is_told: bool
    ) -> tuple[Request, tuple[str, ...]]:
        """Cut the end to the last finished session, and an untold start to what Yahoo has."""
        if request.feed:
            raise InputError(f"--feed {request.feed} is for alpaca; yfinance has one feed only")
        span, notes = request.span, []
        last = last_finished_session(now_ns)
        last_ns = span_of(last, last).end_ns
        if span.end_ns > last_ns:
            span = Span(span.start_ns, last_ns)
            if end_is_told:
                notes.append(f"the end is cut to {last}, the last session that has finished")
        first = _first_date(request.timeframe, now_ns)
        if "bars" in request.tables and first is not None and span.start_ns < midnight_ns(first):
            reach = (
                f"yfinance has {request.timeframe} bars of the last "
                f"{REACH_DAYS[request.timeframe] + 1} days only"
            )
            if start_is_told:
                raise InputError(
                    f"--start {date_of(span.start_ns)} is too early: {reach}; give --start {first} "
                    "or later, --timeframe 1d, or --source alpaca, which has minutes since 2016"
                )
            span = Span(midnight_ns(first), span.end_ns)
            notes.append(f"{reach}: the start is {first}")
        if span.start_ns >= span.end_ns:
            raise InputError(
                f"--start {date_of(span.start_ns)} is too late: the last finished session is "
                f"{last}; give an earlier --start"
            )
        kept = Request(request.tables, request.symbols, span, request.timeframe)
        return kept, tuple(notes)

    def plan(
        self, request: Request, table: str, missing: Mapping[str, Sequence[Span]]
    ) -> list[Chunk]:
        """Ask for one symbol at a time: for all of its span, minutes by weeks."""
        if table == "bars" and request.timeframe == "1m":
            missing = {symbol: _weeks(spans) for symbol, spans in missing.items()}
        return divided(table, missing, months=1_200, symbols=1)

    def fetch(self, request: Request, chunk: Chunk) -> Iterator[Page]:
        """Ask for a chunk, one page for its symbol; see `Vendor.fetch`."""
        (symbol,) = chunk.symbols
        if chunk.table == "bars" and request.timeframe != timeframes.DAILY:
            splits = self._splits_since(symbol, chunk.span.start_ns)
            found = None
            if splits is not None:
                found = self._history(symbol, chunk.span, request.timeframe)
        else:
            found = self._daily_since(symbol, chunk.span.start_ns)
            splits = None if found is None else splits_of(found)
        if found is None or splits is None:
            yield Page(empty(chunk.table), unknown=(symbol,))
            return
        found = found[np.array([_inside(stamp, chunk.span) for stamp in found.index], dtype=bool)]
        if chunk.table == "actions":
            yield Page(action_rows(symbol, found, splits))
        else:
            is_daily = request.timeframe == timeframes.DAILY
            yield Page(bar_rows(symbol, found, splits, daily=is_daily))

    def options(self, request: Request, table: str) -> dict[str, Any]:
        """Give import options; prices are raw again, see `yahoo_pages`."""
        if table == "bars":
            return {
                "source": NAME,
                "timeframe": request.timeframe,
                "adjustment": "raw",
                "tz": "UTC",
                "stamp": "start",
            }
        return {"source": NAME}

    def _daily_since(self, symbol: str, start_ns: int) -> Any:  # noqa: ANN401 - pandas
        # Up to today, because Yahoo has adjusted its prices for every split until then.
        return self._history(symbol, Span(start_ns, self.now_ns()), timeframes.DAILY)

    def _splits_since(self, symbol: str, start_ns: int) -> list[tuple[dt.date, float]] | None:
        before = self._known_splits.get(symbol)
        if before is None or before[0] > start_ns:
            daily = self._daily_since(symbol, start_ns)
            if daily is None:
                return None
            before = self._known_splits[symbol] = (start_ns, splits_of(daily))
        return before[1]

    @cached_property
    def _known_splits(self) -> dict[str, tuple[int, list[tuple[dt.date, float]]]]:
        return {}

    def _history(self, symbol: str, span: Span, interval: str) -> Any:  # noqa: ANN401 - pandas
        from curl_cffi.requests.exceptions import RequestException
        from yfinance.data import YfData
        from yfinance.exceptions import YFException, YFTickerMissingError

        for number in range(_TRIES):
            try:
                return self._asked_once(symbol, span, interval)
            except (YFTickerMissingError, RequestException) as error:
                # Prices that can't be had raise VendorError; what fails on its way through the
                # session is yfinance's second look at a symbol that Yahoo said it does not have.
                # yfinance remembers answers, this one too.
                YfData.cache_get.cache_clear()
                if _OUTSIDE in str(error):
                    return nothing()
                if number + 1 < _TRIES:
                    self.patience.watcher.retried("yfinance says 'possibly delisted'")
                    self.patience.sleep(_PAUSE_S)
            except YFException as error:
                raise VendorError(f"yfinance gives up on {symbol}: {error}") from None
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                YfData.cache_get.cache_clear()
                raise VendorError(
                    f"yfinance can't read Yahoo's answer on {symbol} ({type(error).__name__})"
                ) from None
        return None

    def _asked_once(self, symbol: str, span: Span, interval: str) -> Any:  # noqa: ANN401 - pandas
        import yfinance

        ticker = yfinance.Ticker(_SHARE_CLASS.sub(r"\1-\2", symbol), session=self._session)
        with warnings.catch_warnings():
            # It warns of what pandas will change; nobody who pulls prices can act on that.
            warnings.simplefilter("ignore")
            found = ticker.history(
                start=instant(span.start_ns).astimezone(calendar.NEW_YORK),
                end=instant(span.end_ns).astimezone(calendar.NEW_YORK),
                interval=interval,
                # Adjusting for dividends would make a price depend on later ones.
                auto_adjust=False,
                actions=True,
                prepost=False,
                # Its repairs invent splits at times; an odd row is ours to judge.
                repair=False,
                keepna=True,
                timeout=_TIMEOUT_S,
            )
        return found.tz_convert(calendar.NEW_YORK) if len(found) else found

    @cached_property
    def _session(self) -> YahooSession:
        import yfinance
        from yfinance.data import YfData

        from catalyst.data.vendors.yahoo_session import YahooSession

        # Errors shall reach us, and its log shall not reach the screen.
        yfinance.config.debug.hide_exceptions = False
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)
        self.cache.mkdir(parents=True, exist_ok=True)
        yfinance.set_tz_cache_location(str(self.cache))
        # Answers of an earlier pull in this process would hide what was revised since.
        YfData.cache_get.cache_clear()
        return YahooSession(self.patience, self.url)


def opened(settings: Settings, watcher: Watcher) -> Yahoo:
    """Make the vendor; it needs no key."""
    state = settings.catalyst_home / "state"
    bucket = Bucket(state / f"rate-{NAME}.json", LIMITS)
    url = settings.yahoo_url
    return Yahoo(
        Patience(NAME, bucket, watcher), state / "yfinance", url.rstrip("/") if url else None
    )


def _first_date(timeframe: str, now_ns: int) -> dt.date | None:
    days = REACH_DAYS.get(timeframe)
    return None if days is None else date_of(now_ns) - dt.timedelta(days=days)


def _weeks(spans: Sequence[Span]) -> list[Span]:
    # Borders every seven days since 1970, wherever a request begins.
    found = []
    for span in spans:
        start_ns = span.start_ns
        while start_ns < span.end_ns:
            day = calendar.date_to_day(date_of(start_ns))
            border = calendar.day_to_date((day // _MINUTE_DAYS + 1) * _MINUTE_DAYS)
            end_ns = min(span.end_ns, midnight_ns(border))
            found.append(Span(start_ns, end_ns))
            start_ns = end_ns
    return found


def _inside(stamp: Any, span: Span) -> bool:  # noqa: ANN401 - pandas
    return bool(span.start_ns <= int(stamp.timestamp()) * SECOND_NS < span.end_ns)
