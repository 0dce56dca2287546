"""Alpaca, through its real clients: what is asked for, and what becomes of the answers."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from vendor_market import article, text_of
from vendor_pulls import NOON_NS, TODAY, Watch, alpaca, asked, bytes_of, pulled
from vendor_server import Fault, VendorServer

from catalyst.data.calendar import DAY_NS, MINUTE_NS, SECOND_NS
from catalyst.data.lake import Lake
from catalyst.data.partition import only_writer
from catalyst.data.vendors import landing
from catalyst.data.vendors.chunks import midnight_ns, span_of
from catalyst.data.vendors.protocol import Chunk, Request, Span
from catalyst.errors import InputError, LakeError

THREE = ("AAA", "BBB", "BRK.B")
HOURLY = asked("bars", symbols=THREE, timeframe="1h")


@pytest.fixture
def server() -> Iterator[VendorServer]:
    with VendorServer() as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def test_bars_arrive_as_the_market_made_them(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), HOURLY, watch)
    found = Lake(lake).bars("1h")
    span = HOURLY.span
    expected = [
        (symbol, bar["t"], bar["o"], bar["h"], bar["l"], bar["c"], float(bar["v"]))
        for symbol in THREE
        for bar in server.market.bars(symbol, "1h", span.start_ns, span.end_ns - 1)
    ]
    stamps = [text_of(ns) for ns in found["ts"].dt.timestamp("ns")]
    columns = ("open", "high", "low", "close", "volume")
    rows = zip(found["symbol"], stamps, *(found[name] for name in columns), strict=True)

    assert sorted(rows) == sorted(expected)
    assert found["source"].unique().to_list() == ["alpaca-sip"]
    assert found["adjustment"].unique().to_list() == ["raw"]


def test_a_bar_is_known_at_its_end_and_that_is_assumed(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    request = asked("bars", first=dt.date(2024, 4, 22), last=dt.date(2024, 4, 22))
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)
    found = Lake(lake).bars("1m")
    late = (found["known_at"] - found["ts"]).unique().to_list()

    assert (late, found["known_is_assumed"].all()) == ([dt.timedelta(minutes=1)], True)


def test_bars_are_asked_for_raw_whole_and_under_the_ticker_of_their_day(
    server: VendorServer, lake: Path
) -> None:
    watch = Watch()
    request = asked("bars", feed="iex", first=dt.date(2024, 4, 22), last=dt.date(2024, 4, 23))
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)

    assert server.queries("/stocks/bars") == [
        {
            "symbols": "AAA,BBB",
            "start": "2024-04-22T04:00:00+00:00",
            "end": "2024-04-24T03:59:59.999999+00:00",
            "timeframe": "1Min",
            "adjustment": "raw",
            "feed": "iex",
            "asof": "-",
            "limit": "10000",
        }
    ]
    assert Lake(lake).bars("1m")["source"].unique().to_list() == ["alpaca-iex"]


def test_news_is_asked_for_without_its_content(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    request = asked("news", first=dt.date(2024, 4, 22), last=dt.date(2024, 4, 23))
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)

    assert server.queries("/news") == [
        {
            "symbols": "AAA,BBB",
            "start": "2024-04-22T04:00:00+00:00",
            "end": "2024-04-24T03:59:59.999999+00:00",
            "sort": "asc",
            "limit": "50",
            "include_content": "false",
            "exclude_contentless": "false",
        }
    ]


def test_every_page_is_fetched(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    server.page_size = 50
    report = pulled(lake, alpaca(server, watch, lake.parent), HOURLY, watch)
    bars = report.tables["bars"]

    assert (bars.given, bars.imported, bars.pages, bars.chunks) == (315, 315, 7, 1)


@pytest.mark.parametrize("flaw", ["repeat_page", "shuffled"])
def test_repeated_pages_and_rows_out_of_order_change_no_byte(
    server: VendorServer, tmp_path: Path, flaw: str
) -> None:
    request = asked("bars", "news", symbols=THREE, timeframe="1h")
    server.page_size = 40
    smooth, watch = Watch(), Watch()
    pulled(tmp_path / "smooth", alpaca(server, smooth, tmp_path), request, smooth)
    setattr(server, flaw, True)
    report = pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), request, watch)
    bars = report.tables["bars"]

    assert bytes_of(tmp_path / "lake") == bytes_of(tmp_path / "smooth")
    assert bars.given == bars.imported + bars.duplicates
    assert (bars.duplicates > 0) is (flaw == "repeat_page")


def test_a_page_token_that_comes_twice_is_no_endless_loop(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    page = json.dumps({"bars": {}, "next_page_token": "MQ=="})
    server.faults = [Fault(200, page), Fault(200, page)]
    report = pulled(lake, alpaca(server, watch, lake.parent), HOURLY, watch)

    assert [why for _, why in report.failed] == ["alpaca sent the same page token twice"]


@pytest.mark.parametrize(
    ("table", "answer"),
    [
        ("bars", {"bars": {"AAA": [1]}}),
        ("bars", {"bars": [{"S": "AAA"}]}),
        ("bars", {"bars": {"AAA": [{"t": "2024-04-22T14:00:00Z", "o": {}}]}}),
        ("news", {"news": {"id": 1}}),
        ("news", {"news": [{"symbols": 7}]}),
        ("actions", {"corporate_actions": {"forward_splits": [{"new_rate": "x", "old_rate": 1}]}}),
        ("actions", {"corporate_actions": {"cash_dividends": ["x"]}}),
        ("actions", {"corporate_actions": [1]}),
    ],
)
def test_an_answer_of_another_form_is_one_sentence(
    server: VendorServer, lake: Path, table: str, answer: object
) -> None:
    watch = Watch()
    server.faults = [Fault(200, json.dumps(answer))]
    request = asked(table, first=dt.date(2024, 5, 6))
    report = pulled(lake, alpaca(server, watch, lake.parent), request, watch)

    assert [why.partition(" (")[0] for _, why in report.failed] == [
        "alpaca's answer has an unknown form"
    ]


def test_a_redirect_is_not_followed(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    server.faults = [Fault(302, "moved", {"Location": "http://127.0.0.1:9/"})]
    report = pulled(lake, alpaca(server, watch, lake.parent), HOURLY, watch)

    assert report.failed[0][1] == "alpaca answered with a redirect or without JSON"


def test_rows_that_break_a_rule_go_to_quarantine(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    good = server.market.bars("AAA", "1h", HOURLY.span.start_ns, HOURLY.span.end_ns)[0]
    rows = [good, good | {"t": "soon"}, good | {"t": "2024-04-22T15:30:00Z", "h": 0.01}]
    server.faults = [Fault(200, json.dumps({"bars": {"AAA": rows}, "next_page_token": None}))]
    report = pulled(lake, alpaca(server, watch, lake.parent), HOURLY, watch)

    assert report.tables["bars"].by_rule == {"range": 1, "stamp": 1}


def test_a_symbol_that_alpaca_does_not_know_is_named_and_the_others_come(
    server: VendorServer, lake: Path
) -> None:
    watch = Watch()
    server.market.invalid = ("BAD1", "BAD2")
    request = asked("bars", symbols=("AAA", "BAD1", "BAD2", "NONE"), timeframe="1h")
    report = pulled(lake, alpaca(server, watch, lake.parent), request, watch)

    assert report.unknown == {"bars": ["BAD1", "BAD2"]}
    assert report.without_data == {"bars": ["NONE"]}
    assert (Lake(lake).symbols("1h"), report.ok) == (["AAA"], False)


def test_a_symbol_that_is_not_known_is_asked_for_again_the_next_time(
    server: VendorServer, lake: Path
) -> None:
    watch = Watch()
    request = asked("bars", symbols=("AAA", "BAD1"), timeframe="1h")
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)
    server.market.invalid, server.market.symbols = (), ("AAA", "BAD1")
    report = pulled(lake, alpaca(server, watch, lake.parent), request, watch)

    assert (Lake(lake).symbols("1h"), report.ok) == (["AAA", "BAD1"], True)


def test_daily_bars_belong_to_their_session(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    # The clocks of New York change on 10 March.
    request = asked(
        "bars",
        symbols=("AAA",),
        first=dt.date(2024, 3, 7),
        last=dt.date(2024, 3, 12),
        timeframe="1d",
    )
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)

    assert Lake(lake).days("1d") == [dt.date(2024, 3, day) for day in (7, 8, 11, 12)]


def test_an_article_is_known_from_its_last_update(server: VendorServer, lake: Path) -> None:
    noon = midnight_ns(dt.date(2024, 4, 23)) + 12 * 60 * MINUTE_NS
    late = {1: 0, 2: 30, 3: 90, 4: 7200}
    server.market.symbols = ()
    server.market.articles = [
        article(
            number,
            f"AAA says item {number} &amp; more",
            created_ns=noon + number * MINUTE_NS,
            updated_ns=noon + number * MINUTE_NS + seconds * SECOND_NS,
            symbols=["AAA", "BRK.B", "BTCUSD"],
        )
        for number, seconds in late.items()
    ]
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), asked("news"), watch)
    found = Lake(lake).news(symbols=["AAA"]).sort("published_at")
    seconds = (found["known_at"] - found["published_at"]).dt.total_seconds().to_list()

    assert seconds == [60, 60, 90, 7200]
    assert found["known_is_assumed"].to_list() == [True, True, False, False]
    assert sorted(Lake(lake).news()["symbol"].unique()) == ["AAA", "BRK.B", "BTCUSD"]


def test_what_alpaca_wrote_is_kept_but_for_content_and_images(
    server: VendorServer, lake: Path
) -> None:
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), asked("news"), watch)
    raws = [json.loads(raw) for raw in Lake(lake).news()["raw"]]
    told = {"id", "headline", "author", "created_at", "updated_at", "summary", "url", "symbols"}

    assert all(set(raw) == told | {"source"} for raw in raws)
    assert Lake(lake).news()["provider"].unique().to_list() == ["alpaca"]


def test_actions_become_splits_dividends_and_renames(server: VendorServer, lake: Path) -> None:
    server.market.splits = [
        ("AAA", dt.date(2024, 4, 23), 3, 2),
        ("BBB", dt.date(2024, 5, 1), 1, 10),
    ]
    server.market.dividends = [
        ("BBB", dt.date(2024, 4, 25), 0.25, False),
        ("BBB", dt.date(2024, 4, 25), 1.5, True),
    ]
    # A Saturday: the new name trades from Monday on.
    server.market.renames = [("AAA", "AAB", dt.date(2024, 4, 27))]
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), asked("actions"), watch)
    found = Lake(lake).actions()

    assert found.select("symbol", "ex_date", "kind", "value", "new_symbol").rows() == [
        ("AAA", dt.date(2024, 4, 23), "split", 1.5, None),
        ("AAA", dt.date(2024, 4, 29), "rename", None, "AAB"),
        ("BBB", dt.date(2024, 4, 25), "dividend", 1.75, None),
        ("BBB", dt.date(2024, 5, 1), "split", 0.1, None),
    ]
    assert found["source"].unique().to_list() == ["alpaca"]


def test_a_dividend_is_found_though_it_is_paid_after_the_span(
    server: VendorServer, lake: Path
) -> None:
    # Alpaca finds actions by the date on which they are processed, here five days later.
    server.market.dividends = [
        ("AAA", dt.date(2024, 5, 9), 0.25, False),
        # Of the days after, and of the days before.
        ("AAA", dt.date(2024, 5, 13), 0.5, False),
        ("AAA", dt.date(2024, 4, 18), 0.75, False),
    ]
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), asked("actions"), watch)

    assert Lake(lake).actions()["value"].to_list() == [0.25]


def test_an_action_that_the_lake_has_no_kind_for_is_named(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    found = {"corporate_actions": {"spin_offs": [{"source_symbol": "AAA"}]}}
    server.faults = [Fault(200, json.dumps(found))]
    report = pulled(lake, alpaca(server, watch, lake.parent), asked("actions"), watch)

    assert report.notes == ["alpaca also tells of 1 spin offs, which the lake has no kind for"]


def test_the_same_pull_again_asks_for_nothing(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    request = asked("bars", "news", "actions", timeframe="1h")
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)
    before, requests = bytes_of(lake), watch.requests
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)

    assert (bytes_of(lake), watch.requests) == (before, requests)


def test_a_longer_pull_asks_only_for_what_is_missing(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), HOURLY, watch)
    server.seen.clear()
    longer = asked("bars", symbols=THREE, last=dt.date(2024, 5, 14), timeframe="1h")
    pulled(lake, alpaca(server, watch, lake.parent), longer, watch)

    assert [(one["start"][:10], one["end"][:10]) for one in server.queries("/bars")] == [
        ("2024-05-11", "2024-05-15")
    ]


def test_a_refresh_of_what_did_not_change_changes_no_byte(server: VendorServer, lake: Path) -> None:
    watch = Watch()
    server.market.splits = [("AAA", dt.date(2024, 4, 23), 3, 2)]
    request = asked("bars", "news", "actions", timeframe="1h")
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)
    before = bytes_of(lake)
    report = pulled(
        lake,
        alpaca(server, watch, lake.parent),
        request,
        watch,
        now_ns=NOON_NS + DAY_NS,
        refresh=True,
    )

    assert bytes_of(lake) == before
    assert {t: (c.revised, c.given == c.duplicates) for t, c in report.tables.items()} == {
        "bars": (0, True),
        "news": (0, True),
        "actions": (0, True),
    }


def test_a_pull_that_was_cut_short_goes_on_where_it_was(
    server: VendorServer, tmp_path: Path
) -> None:
    request = asked("bars", "news", first=dt.date(2024, 2, 12), timeframe="1h")
    smooth, watch = Watch(), Watch()
    pulled(tmp_path / "smooth", alpaca(server, smooth, tmp_path), request, smooth)
    server.seen.clear()

    class Stopped(Watch):
        def began(self, chunk: Chunk) -> None:
            if len(self.chunks) == 3:
                raise KeyboardInterrupt
            super().began(chunk)

    stopped = Stopped()
    with pytest.raises(KeyboardInterrupt):
        pulled(tmp_path / "lake", alpaca(server, stopped, tmp_path), request, stopped)
    pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), request, watch)

    assert bytes_of(tmp_path / "lake") == bytes_of(tmp_path / "smooth")
    assert stopped.chunks + watch.chunks == smooth.chunks


def test_a_refresh_that_goes_on_counts_from_when_it_began(server: VendorServer, lake: Path) -> None:
    request = asked("bars", symbols=("AAA",), timeframe="1m", first=dt.date(2024, 4, 29))
    server.market.minutes_apart = 30
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)
    stamps = ["2024-04-30T14:00:00Z", "2024-05-01T14:00:00Z"]
    server.market.revised_bars = {("AAA", stamp): 12.34 for stamp in stamps}
    began_ns = NOON_NS + DAY_NS

    class Stopped(Watch):
        def began(self, chunk: Chunk) -> None:
            if self.chunks:
                raise KeyboardInterrupt
            super().began(chunk)

    stopped = Stopped()
    vendor = alpaca(server, stopped, lake.parent)
    with pytest.raises(KeyboardInterrupt):
        pulled(lake, vendor, request, stopped, now_ns=began_ns, refresh=True)
    later_ns = began_ns + 60 * MINUTE_NS
    vendor = alpaca(server, watch, lake.parent)
    pulled(lake, vendor, request, watch, now_ns=later_ns, refresh=True)
    found = Lake(lake).bars("1m").filter(~pl.col("known_is_assumed"))

    assert [text_of(ns) for ns in found["ts"].dt.timestamp("ns")] == stamps
    assert found["known_at"].dt.timestamp("ns").to_list() == [began_ns, began_ns]


def test_a_chunk_that_could_not_be_stored_is_fetched_again(
    server: VendorServer, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "WAIT_S", 0.0)
    watch = Watch()
    with only_writer(lake), pytest.raises(LakeError, match="is being written by process"):
        pulled(lake, alpaca(server, watch, lake.parent), HOURLY, watch)
    report = pulled(lake, alpaca(server, watch, lake.parent), HOURLY, watch)

    assert report.tables["bars"].imported == 315


def test_sip_ends_sixteen_minutes_ago_and_that_is_said(server: VendorServer, lake: Path) -> None:
    today = Request(("bars",), ("AAA",), span_of(TODAY, TODAY), "5m", "sip")
    found, notes = alpaca(server, Watch(), lake.parent).within_reach(
        today, NOON_NS, start_is_told=True, end_is_told=True
    )

    assert found.span.end_ns == NOON_NS - 20 * MINUTE_NS
    assert list(notes) == [
        "the end is cut to 2024-06-10 15:40 UTC: the free plan gives SIP data older than 15 minutes"
    ]


def test_daily_bars_end_with_the_last_finished_session(server: VendorServer, lake: Path) -> None:
    week = Request(("bars",), ("AAA",), span_of(dt.date(2024, 6, 3), TODAY), "1d", "iex")
    found, _ = alpaca(server, Watch(), lake.parent).within_reach(
        week, NOON_NS, start_is_told=True, end_is_told=False
    )

    assert found.span == span_of(dt.date(2024, 6, 3), dt.date(2024, 6, 7))


def test_a_start_in_the_future_is_one_sentence(server: VendorServer, lake: Path) -> None:
    request = Request(("bars",), ("AAA",), span_of(TODAY, TODAY), "1d", "sip")
    with pytest.raises(InputError, match="--start 2024-06-10 is too late"):
        pulled(lake, alpaca(server, Watch(), lake.parent), request, Watch())


def test_bars_that_had_not_ended_are_left_to_the_next_pull(
    server: VendorServer, lake: Path
) -> None:
    watch = Watch()
    # A vendor that gives more than it was asked for: up to 10:00:30 in New York.
    midnight = midnight_ns(dt.date(2024, 4, 22))
    now_ns = midnight + 10 * 60 * MINUTE_NS + 30 * SECOND_NS
    rows = server.market.bars("AAA", "1m", midnight, now_ns)
    server.faults = [Fault(200, json.dumps({"bars": {"AAA": rows}, "next_page_token": None}))]
    request = Request(("bars",), ("AAA",), Span(midnight, now_ns - 30 * MINUTE_NS), "1m", "iex")
    report = pulled(lake, alpaca(server, watch, lake.parent), request, watch, now_ns=now_ns)

    assert (report.tables["bars"].given, report.tables["bars"].unfinished) == (30, 1)
    assert Lake(lake).bars("1m")["ts"].max() == dt.datetime(2024, 4, 22, 13, 59, tzinfo=dt.UTC)


def test_a_revised_headline_is_a_row_of_its_own_known_from_the_revision(
    server: VendorServer, lake: Path
) -> None:
    created = midnight_ns(dt.date(2024, 4, 23)) + 14 * 60 * MINUTE_NS
    server.market.symbols = ()
    told = {"created_ns": created, "symbols": ["AAA"]}
    server.market.articles = [article(7, "AAA wins an order", updated_ns=created, **told)]  # type: ignore[arg-type]
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), asked("news"), watch)
    later = created + 90 * MINUTE_NS
    server.market.articles = [
        article(7, "AAA wins no order, after all", updated_ns=later, **told)  # type: ignore[arg-type]
    ]
    report = pulled(
        lake,
        alpaca(server, watch, lake.parent),
        asked("news"),
        watch,
        now_ns=NOON_NS + DAY_NS,
        refresh=True,
    )
    found = Lake(lake).news().sort("known_at")

    assert report.tables["news"].revised == 1
    assert found["headline"].to_list() == ["AAA wins an order", "AAA wins no order, after all"]
    assert found["known_at"].dt.timestamp("ns").to_list()[0] == created + MINUTE_NS


def test_a_revised_bar_is_a_row_of_its_own_known_from_the_pull(
    server: VendorServer, lake: Path
) -> None:
    request = asked("bars", symbols=("AAA",), timeframe="1d", first=dt.date(2024, 4, 22))
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)
    before = Lake(lake).bars("1d")
    server.market.revised_bars[("AAA", "2024-04-24T04:00:00Z")] = 12.34
    again_ns = NOON_NS + DAY_NS
    vendor = alpaca(server, watch, lake.parent)
    report = pulled(lake, vendor, request, watch, now_ns=again_ns, refresh=True)
    found = Lake(lake).bars("1d")
    new = found.join(before, on=["symbol", "ts", "known_at"], how="anti")

    assert (report.tables["bars"].revised, found.height) == (1, before.height + 1)
    assert new["close"].to_list() == [12.34]
    assert new["known_at"].dt.timestamp("ns").to_list() == [again_ns]
    assert new["known_is_assumed"].to_list() == [False]


def test_a_bar_that_was_missing_before_is_known_from_the_pull_that_found_it(
    server: VendorServer, lake: Path
) -> None:
    request = asked("bars", symbols=("AAA",), timeframe="1h", first=dt.date(2024, 4, 22))
    late = "2024-04-24T14:30:00Z"
    server.market.hidden_bars.add(("AAA", late))
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), request, watch)
    server.market.hidden_bars.clear()
    again_ns = NOON_NS + DAY_NS
    vendor = alpaca(server, watch, lake.parent)
    pulled(lake, vendor, request, watch, now_ns=again_ns, refresh=True)
    found = Lake(lake).bars("1h").filter(pl.col("ts") == dt.datetime.fromisoformat(late))

    assert found["known_at"].dt.timestamp("ns").to_list() == [again_ns]


def test_a_revised_action_is_a_row_of_its_own_known_from_the_pull(
    server: VendorServer, lake: Path
) -> None:
    server.market.dividends = [("AAA", dt.date(2024, 4, 25), 0.25, False)]
    watch = Watch()
    pulled(lake, alpaca(server, watch, lake.parent), asked("actions"), watch)
    server.market.dividends = [("AAA", dt.date(2024, 4, 25), 0.3, False)]
    again_ns = NOON_NS + DAY_NS
    vendor = alpaca(server, watch, lake.parent)
    pulled(lake, vendor, asked("actions"), watch, now_ns=again_ns, refresh=True)
    found = Lake(lake).actions()

    assert found["value"].to_list() == [0.25, 0.3]
    assert found["known_at"].dt.timestamp("ns").to_list()[1] == again_ns
