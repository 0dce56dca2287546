"""Yahoo, through yfinance: prices turned back into what was quoted, and its moods outlived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from curl_cffi import requests as curl
from vendor_market import Market
from vendor_pulls import NOON_NS, Watch, asked, bytes_of, pulled, yahoo
from vendor_server import Fault, VendorServer
from yfinance import data as yfinance_data

from catalyst.data import calendar
from catalyst.data.calendar import DAY_NS
from catalyst.data.lake import Lake
from catalyst.data.vendors.chunks import midnight_ns
from catalyst.data.vendors.protocol import Request, Span
from catalyst.data.vendors.yahoo_session import YahooSession
from catalyst.errors import InputError

GONE_404 = Fault(
    404,
    '{"chart":{"result":null,"error":{"code":"Not Found",'
    '"description":"No data found, symbol may be delisted"}}}',
    path="/v8/finance/chart/",
)
SPLIT = ("AAA", dt.date(2024, 5, 1), 3, 1)


def daily(*tables: str, symbols: tuple[str, ...] = ("AAA",), first: str = "2024-03-04") -> Request:
    start = dt.date.fromisoformat(first)
    return asked(*tables, symbols=symbols, first=start, timeframe="1d", feed="")


@pytest.fixture
def server() -> Iterator[VendorServer]:
    with VendorServer() as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def rows_of(lake: Path) -> list[tuple[object, ...]]:
    found = Lake(lake).bars("1d")
    days = found["ts"].dt.convert_time_zone("America/New_York").dt.date()
    columns = (found[name] for name in ("open", "high", "low", "close", "volume"))
    return list(zip(found["symbol"], days, *columns, strict=True))


def market_rows(market: Market, symbol: str, request: Request) -> list[tuple[object, ...]]:
    days = calendar.sessions(dt.date(2024, 3, 4), dt.date(2024, 5, 10))
    bars = market.bars(symbol, "1d", request.span.start_ns, request.span.end_ns - 1)
    return [
        (symbol, day, b["o"], b["h"], b["l"], b["c"], float(b["v"]))
        for day, b in zip(days, bars, strict=True)
    ]


def test_daily_bars_are_the_quoted_ones_though_yahoo_adjusts_them_for_splits(
    server: VendorServer, lake: Path
) -> None:
    server.market.splits = [SPLIT, ("AAA", dt.date(2024, 4, 2), 4, 1)]
    watch, request = Watch(), daily("bars")
    pulled(lake, yahoo(server, watch, lake.parent), request, watch)

    assert rows_of(lake) == market_rows(server.market, "AAA", request)
    assert Lake(lake).bars("1d")["adjustment"].unique().to_list() == ["raw"]
    assert Lake(lake).bars("1d")["source"].unique().to_list() == ["yfinance"]


def test_a_split_after_the_span_is_undone_as_well(server: VendorServer, lake: Path) -> None:
    server.market.splits = [("AAA", dt.date(2024, 5, 30), 2, 1)]
    watch, request = Watch(), daily("bars")
    pulled(lake, yahoo(server, watch, lake.parent), request, watch)

    assert rows_of(lake) == market_rows(server.market, "AAA", request)


def test_a_later_split_changes_nothing_that_is_stored(server: VendorServer, lake: Path) -> None:
    watch, request = Watch(), daily("bars", "actions")
    server.market.dividends = [("AAA", dt.date(2024, 4, 10), 0.37, False)]
    pulled(lake, yahoo(server, watch, lake.parent), request, watch)
    before = bytes_of(lake)
    # Announced and done since: Yahoo halves all its history.
    server.market.splits = [("AAA", dt.date(2024, 6, 11), 2, 1)]
    later_ns = NOON_NS + 2 * DAY_NS
    vendor = yahoo(server, watch, lake.parent, now_ns=later_ns)
    report = pulled(lake, vendor, request, watch, now_ns=later_ns, refresh=True)

    assert bytes_of(lake) == before
    assert report.tables["bars"].duplicates == report.tables["bars"].given == 49


def test_dividends_are_in_the_shares_of_their_day(server: VendorServer, lake: Path) -> None:
    server.market.splits = [SPLIT]
    server.market.dividends = [("AAA", dt.date(2024, 4, 10), 0.37, False)]
    watch = Watch()
    pulled(lake, yahoo(server, watch, lake.parent), daily("actions"), watch)

    assert Lake(lake).actions().select("symbol", "ex_date", "kind", "value").rows() == [
        ("AAA", dt.date(2024, 4, 10), "dividend", 0.37),
        ("AAA", dt.date(2024, 5, 1), "split", 3.0),
    ]


def test_a_row_of_nulls_goes_to_quarantine(server: VendorServer, lake: Path) -> None:
    server.market.null_dates.add(("AAA", dt.date(2024, 4, 10)))
    watch = Watch()
    report = pulled(lake, yahoo(server, watch, lake.parent), daily("bars"), watch)
    counts = report.tables["bars"]

    assert (counts.given, counts.imported, counts.by_rule) == (49, 48, {"missing": 1})


def test_a_row_that_is_rejected_in_every_pull_is_in_quarantine_once(
    server: VendorServer, lake: Path
) -> None:
    server.market.null_dates.add(("AAA", dt.date(2024, 4, 10)))
    # One row before it that is not there yet.
    server.market.hidden_bars.add(("AAA", "2024-03-05T05:00:00Z"))
    watch, request = Watch(), daily("bars")
    pulled(lake, yahoo(server, watch, lake.parent), request, watch)
    server.market.hidden_bars.clear()
    later_ns = NOON_NS + 2 * DAY_NS
    vendor = yahoo(server, watch, lake.parent, now_ns=later_ns)
    report = pulled(lake, vendor, request, watch, now_ns=later_ns, refresh=True)

    assert Lake(lake).quarantine().height == 1
    assert (report.tables["bars"].quarantined, report.tables["bars"].revised) == (1, 1)


def test_share_classes_are_asked_for_with_a_dash(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    pulled(lake, yahoo(server, watch, lake.parent), daily("bars", symbols=("BRK.B",)), watch)

    assert {path.rsplit("/", 1)[1] for path in server.paths("/chart/")} == {"BRK-B"}
    assert Lake(lake).symbols("1d") == ["BRK.B"]


def test_a_symbol_that_stays_delisted_is_named_and_the_others_come(
    server: VendorServer, lake: Path
) -> None:
    watch = Watch()
    request = daily("bars", symbols=("AAA", "GONE"))
    report = pulled(lake, yahoo(server, watch, lake.parent), request, watch)

    assert (report.unknown, Lake(lake).symbols("1d")) == ({"bars": ["GONE"]}, ["AAA"])
    assert watch.whys == ["yfinance says 'possibly delisted'"] * 2
    assert not report.ok


def test_possibly_delisted_is_not_believed_at_once(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    # yfinance asks once more by itself, with another cookie.
    server.faults = [GONE_404] * 2
    report = pulled(lake, yahoo(server, watch, lake.parent), daily("bars"), watch)

    assert (report.ok, report.tables["bars"].imported) == (True, 49)
    assert watch.whys == ["yfinance says 'possibly delisted'"]


def test_a_span_before_the_listing_is_empty_and_not_a_failure(
    server: VendorServer, lake: Path
) -> None:
    watch = Watch()
    request = daily("bars", "actions")
    bars = server.market.bars("AAA", "1d", request.span.start_ns, NOON_NS)
    server.market.hidden_bars = {("AAA", bar["t"]) for bar in bars}
    report = pulled(lake, yahoo(server, watch, lake.parent), request, watch)

    assert (report.ok, report.without_data) == (True, {"bars": ["AAA"]})


def test_a_refused_crumb_is_renewed(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    server.crumb = "another"
    report = pulled(lake, yahoo(server, watch, lake.parent), daily("bars"), watch)

    assert (report.ok, report.tables["bars"].imported) == (True, 49)


def test_without_a_crumb_prices_come_all_the_same(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    server.faults = [Fault(429, "Too Many Requests", path="getcrumb")]
    report = pulled(lake, yahoo(server, watch, lake.parent), daily("bars"), watch)

    assert (report.ok, watch.whys) == (True, [])


def test_a_429_for_prices_is_waited_out(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    server.faults = [
        Fault(429, "Too Many Requests", {"Retry-After": "11"}, path="/v8/finance/chart/")
    ]
    report = pulled(lake, yahoo(server, watch, lake.parent), daily("bars"), watch)

    assert (report.ok, watch.slept[0]) == (True, 11.0)


def test_minute_bars_keep_their_instants_over_a_change_of_the_clocks(
    server: VendorServer, lake: Path
) -> None:
    now_ns = midnight_ns(dt.date(2024, 3, 14)) + DAY_NS // 2
    request = asked(
        "bars",
        symbols=("AAA",),
        first=dt.date(2024, 3, 7),
        last=dt.date(2024, 3, 12),
        timeframe="1m",
        feed="",
    )
    watch = Watch()
    vendor = yahoo(server, watch, lake.parent, now_ns=now_ns)
    pulled(lake, vendor, request, watch, now_ns=now_ns)
    found = Lake(lake).bars("1m")
    span = request.span
    expected = server.market.bars("AAA", "1m", span.start_ns, span.end_ns - 1)

    assert found["ts"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").to_list() == [b["t"] for b in expected]
    assert found["close"].to_list() == [b["c"] for b in expected]


def test_minutes_are_asked_for_by_weeks(server: VendorServer, lake: Path) -> None:
    month = Request(("bars",), ("AAA",), Span(NOON_NS - 28 * DAY_NS, NOON_NS), "1m")
    vendor = yahoo(server, Watch(), lake.parent)
    spans = [chunk.span for chunk in vendor.plan(month, "bars", {"AAA": [month.span]})]

    assert max(span.end_ns - span.start_ns for span in spans) <= 7 * DAY_NS
    assert (spans[0].start_ns, spans[-1].end_ns) == month.span


@pytest.mark.parametrize(
    ("timeframe", "days", "first"), [("1m", 30, "2024-05-12"), ("5m", 60, "2024-04-12")]
)
def test_more_than_yahoo_has_is_one_sentence(
    server: VendorServer, lake: Path, timeframe: str, days: int, first: str
) -> None:
    request = asked("bars", first=dt.date(2024, 1, 8), timeframe=timeframe, feed="")
    with pytest.raises(InputError) as caught:
        pulled(lake, yahoo(server, Watch(), lake.parent), request, Watch())

    assert str(caught.value) == (
        f"--start 2024-01-08 is too early: yfinance has {timeframe} bars of the last {days} days "
        f"only; give --start {first} or later, --timeframe 1d, or --source alpaca, which has "
        "minutes since 2016"
    )


def test_yfinance_still_sends_everything_through_the_session_it_is_given(
    server: VendorServer, lake: Path
) -> None:
    watch = Watch()
    pulled(lake, yahoo(server, watch, lake.parent), daily("bars"), watch)

    assert issubclass(YahooSession, curl.Session)
    assert isinstance(yfinance_data.YfData()._session, YahooSession)
    assert watch.requests == len(server.paths())
