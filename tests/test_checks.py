from __future__ import annotations

import datetime as dt
import io
import json
import re
import sys
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from conftest import REPOSITORY
from typer.testing import CliRunner

from benchmarks.check_worlds import checked, planted
from benchmarks.planted_faults import DAILY, INTRADAY, Plant, World, as_daily, clean_market
from benchmarks.planted_news import NEWS, clean_news
from catalyst.cli.app import app, main
from catalyst.data.checks.impersonators import likeness
from catalyst.data.checks.kinds import KINDS
from catalyst.data.checks.report import check
from catalyst.data.checks.thresholds import DEFAULTS
from catalyst.data.lake import Lake
from catalyst.errors import InputError, LakeError

_PLANTED, _SEED = 4, 5
_FLAT = {"open": 5.0, "high": 5.0, "low": 5.0, "close": 5.0, "volume": 100.0}


@cache
def _intraday() -> World:
    return clean_market(n_symbols=10, n_sessions=45, minutes=5, seed=3)


@cache
def _daily() -> World:
    return as_daily(clean_market(n_symbols=10, n_sessions=90, minutes=30, seed=4))


@cache
def _news() -> World:
    return clean_news(n_symbols=8, n_days=60, a_day=90, seed=5)


@pytest.mark.parametrize("world", [_intraday, _daily, _news], ids=["5m", "1d", "news"])
def test_a_clean_market_has_no_finding(world: object) -> None:
    assert checked(world()) == ()  # type: ignore[operator]


@pytest.mark.parametrize("plant", INTRADAY.values(), ids=INTRADAY)
def test_every_fault_of_intraday_bars_is_named_and_nothing_else(plant: Plant) -> None:
    outcome = planted(_intraday(), plant, n=_PLANTED, seed=_SEED)

    assert (outcome.missed, outcome.strange) == ((), ())


@pytest.mark.parametrize("plant", DAILY.values(), ids=DAILY)
def test_every_fault_of_daily_bars_is_named_and_nothing_else(plant: Plant) -> None:
    outcome = planted(_daily(), plant, n=_PLANTED, seed=_SEED)

    strange = [one for one in outcome.strange if one.kind != "starts_late"]
    assert (outcome.missed, strange) == ((), [])


@pytest.mark.parametrize("plant", NEWS.values(), ids=NEWS)
def test_every_fault_of_news_is_named_and_nothing_else(plant: Plant) -> None:
    outcome = planted(_news(), plant, n=_PLANTED, seed=_SEED)

    assert (outcome.missed, outcome.strange) == ((), ())


@pytest.mark.parametrize(
    "name",
    [
        *("fakeCNBC", "C_N_B_C", "\uff23\uff2e\uff22\uff23", "CNBC_News1", "R\u0435uters"),
        *("Bl00mberg", "Reutters", "The_Real_WSJ", "WSJ_Breaking", "reuters.", "N1KKEI"),
    ],
)
def test_a_name_drawn_or_dressed_like_an_outlet_is_an_impersonator(name: str) -> None:
    found = likeness(name, DEFAULTS)

    assert found is not None
    assert found.severity >= 80


@pytest.mark.parametrize(
    "name",
    [
        *("CNBC", "cnbc", "Reuters", "FTMarkets", "AP", "SquawkCNBC", "chart_owl1", "mr_smith"),
        *("Apple", "Capital", "drift", "happy_trader", "Barron", "StockMarketWatch", "softbank"),
    ],
)
def test_an_outlet_and_an_ordinary_name_are_no_impersonators(name: str) -> None:
    assert likeness(name, DEFAULTS) is None


def test_a_crash_on_news_is_no_split(tmp_path: Path) -> None:
    world = _daily()
    key, bars = world.one()
    symbol, day = "QAAC", "2022-03-09"
    fell = (pl.col("symbol") == symbol) & (pl.col("ts") >= day)
    on_day = (pl.col("symbol") == symbol) & (pl.col("ts") == day)
    bars = bars.with_columns(
        *(
            pl.when(fell).then((pl.col(n) * 0.5).round(2)).otherwise(pl.col(n)).alias(n)
            for n in ("open", "high", "low", "close")
        ),
        volume=pl.when(on_day).then(pl.col("volume") * 11).otherwise(pl.col("volume")),
    ).with_columns(
        low=pl.when(on_day).then((pl.col("low") * 0.88).round(2)).otherwise(pl.col("low")),
        high=pl.when(on_day).then((pl.col("high") * 1.06).round(2)).otherwise(pl.col("high")),
    )

    found = checked(World(bars={key: bars}))

    assert [one.kind for one in found] == []


def test_the_command_prints_findings_as_json_and_exits_with_1(tmp_path: Path) -> None:
    _, bars = _daily().one()
    lake = Lake(tmp_path, create=True)
    lake.add_bars(bars.filter(pl.col("ts") != "2022-02-16"), timeframe="1d")

    result = CliRunner().invoke(app, ["data", "check", "--lake", str(tmp_path), "--json"])

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["by_kind"] == {"source_outage": 1}
    assert set(told) == {"lake", "in_lake", "findings", "by_kind"}
    assert told["findings"][0]["first"] == "2022-02-16"


def test_the_command_exits_with_0_where_nothing_is_found(tmp_path: Path) -> None:
    _, bars = _daily().one()
    Lake(tmp_path, create=True).add_bars(bars, timeframe="1d")

    result = CliRunner().invoke(app, ["data", "check", "--lake", str(tmp_path)])

    assert result.exit_code == 0
    assert "nothing suspicious found" in result.stdout


def test_bars_of_which_none_tells_copies_apart_are_checked(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    bars = pl.DataFrame([{"symbol": "AAA", "ts": "2024-01-02", **_FLAT}])
    lake.add_bars(bars, timeframe="1d", source="x")

    assert check(lake).findings == ()


def test_a_lake_of_rejected_rows_only_says_so(tmp_path: Path) -> None:
    lake = Lake(tmp_path, create=True)
    lake.add_bars(pl.DataFrame([{"symbol": "AAA", "ts": "soon", **_FLAT}]), timeframe="1d")

    with pytest.raises(LakeError, match="holds rejected rows only; run `catalyst data quarantine"):
        Lake(tmp_path)


def test_a_terminal_without_the_letters_of_a_table_gets_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"symbol": "AAA", "ts": ts, **_FLAT} for ts in ("2024-01-02", "soon")]
    Lake(tmp_path, create=True).add_bars(pl.DataFrame(rows), timeframe="1d")
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    monkeypatch.setattr(sys, "argv", ["catalyst", "data", "check", "--lake", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        main()
    ascii_only.flush()

    assert (stop.value.code, b"quarantined_rows" in ascii_only.buffer.getvalue()) == (1, True)


def test_an_unknown_kind_is_wrong_use(tmp_path: Path) -> None:
    _, bars = _daily().one()
    lake = Lake(tmp_path, create=True)
    lake.add_bars(bars, timeframe="1d")

    with pytest.raises(InputError, match="'typo' is no kind"):
        check(lake, kinds=["typo"])


def test_only_the_symbols_and_kinds_asked_for_are_told(tmp_path: Path) -> None:
    _, bars = _daily().one()
    gone = pl.col("symbol").is_in(["QAAA", "QAAB"]) & (pl.col("ts") == "2022-02-16")
    lake = Lake(tmp_path, create=True)
    lake.add_bars(bars.filter(~gone), timeframe="1d")

    found = check(lake, symbols=["QAAB"], kinds=["missing_session"]).findings

    assert [(one.kind, one.symbol) for one in found] == [("missing_session", "QAAB")]


def test_one_quarter_of_an_hour_of_a_liquid_name_is_missed(tmp_path: Path) -> None:
    _, bars = clean_market(n_symbols=1, n_sessions=60, minutes=15, seed=4).one()
    at = dt.datetime(2022, 2, 16, 17, tzinfo=dt.UTC)
    lake = Lake(tmp_path, create=True)
    lake.add_bars(bars.filter(pl.col("ts") != at), timeframe="15m")

    found = check(lake).findings

    assert [(one.kind, one.first, one.count) for one in found] == [
        ("missing_bars", "2022-02-16", 1)
    ]


def test_a_newswire_that_files_one_company_under_another_is_named(tmp_path: Path) -> None:
    firms = {"ABX": "Barrow Mining", "CDX": "Cedar Foods", "EFX": "Elm Freight", "GHX": "Gull Air"}
    rows = [
        (symbol, f"{name} reports on matter {n} of the year {n % 7}", n)
        for symbol, name in firms.items()
        for n in range(100)
    ]
    rows += [("CDX", f"Barrow Mining opens shaft {n}", n) for n in range(7)]
    start = dt.datetime(2022, 1, 3, 15, tzinfo=dt.UTC)
    lake = Lake(tmp_path, create=True)
    lake.add_news(
        pl.DataFrame(
            {
                "symbol": [one for one, _, _ in rows],
                "headline": [text for _, text, _ in rows],
                "published_at": [
                    start + dt.timedelta(days=n, seconds=k) for k, (_, _, n) in enumerate(rows)
                ],
            }
        ),
        provider="wire",
    )

    found = check(lake, kinds=["mislinked"]).findings

    assert [(one.symbol, one.count) for one in found] == [("CDX", 7)]


def test_articles_sent_again_after_one_and_the_same_hours_are_republished(tmp_path: Path) -> None:
    news = _news().news
    assert news is not None
    sent = news.filter(pl.col("provider") == "wire").head(400).tail(8)
    again = sent.with_columns(pl.col("published_at") + pl.duration(hours=5))
    lake = Lake(tmp_path, create=True)
    lake.add_news(pl.concat([news, again]))

    found = check(lake, kinds=["republished"]).findings

    assert sum(one.count for one in found) == 8


@pytest.mark.parametrize(("share", "told"), [(1.0, 0), (0.5, 1)])
def test_a_day_that_holds_less_than_its_own_minutes_is_named(
    tmp_path: Path, share: float, told: int
) -> None:
    market = clean_market(n_symbols=2, n_sessions=30, minutes=15, seed=4)
    (_, bars), (_, daily) = market.one(), as_daily(market).one()
    on_day = (pl.col("symbol") == "QAAA") & (pl.col("ts") == "2022-01-20")
    less = pl.when(on_day).then(pl.col("volume") * share).otherwise(pl.col("volume"))
    lake = Lake(tmp_path, create=True)
    lake.add_bars(bars, timeframe="15m")
    lake.add_bars(daily.with_columns(volume=less), timeframe="1d")

    found = check(lake, kinds=["daily_disagrees"]).findings

    assert [(one.symbol, one.first) for one in found] == [("QAAA", "2022-01-20")] * told


def test_every_kind_is_in_the_documentation() -> None:
    text = (REPOSITORY / "docs" / "checks.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(KINDS)


def test_the_days_on_which_stocknet_fell_silent_are_named(
    shared_data: Path, tmp_path: Path
) -> None:
    facts = json.loads((shared_data / "stylised_facts.json").read_text(encoding="utf-8"))
    known = set(facts["news_arrivals"]["days_with_lt_20_rows_all_symbols"])
    news = pl.read_parquet(shared_data / "stocknet" / "news.parquet").filter(
        pl.col("ts_utc").dt.year() == 2015
    )
    # Silence has no words: without them the import takes a third of the time.
    news = news.with_columns(headline=pl.concat_str(pl.lit("post "), "id"))
    lake = Lake(tmp_path, create=True)
    lake.add_news(news.select("headline", "ts_utc", "symbol", "source"), provider="twitter")

    found = check(lake, kinds=["news_outage"]).findings
    days = {
        str(dt.date.fromisoformat(one.first) + dt.timedelta(n))
        for one in found
        if one.source == "twitter"
        for n in range(one.count)
    }

    assert {day for day in known if day > "2015"} <= days
    assert len(days) <= 25


def test_the_splits_of_real_raw_bars_are_named(shared_data: Path, tmp_path: Path) -> None:
    bars = pl.read_parquet(shared_data / "lean" / "bars_1d.parquet")
    # A session is a file: years without anything to find cost as much as others.
    year = pl.col("ts").dt.year()
    bars = bars.filter(year.is_in([2000, 2001, 2004, 2005, 2008, 2014]))
    lake = Lake(tmp_path, create=True)
    lake.add_bars(bars, timeframe="1d", source="lean")

    found = check(lake, kinds=["split_unrecorded"]).findings
    splits = {(one.symbol, one.first) for one in found if one.kind == "split_unrecorded"}

    assert {
        *(("AAPL", day) for day in ("2000-06-21", "2005-02-28", "2014-06-09")),
        *(("BAC", "2004-08-30"), ("GOOG", "2014-04-03"), ("IWM", "2005-06-09")),
        *(("EEM", "2005-06-09"), ("EEM", "2008-07-24"), ("QQQ", "2000-03-20")),
        ("WM", "2001-05-16"),
    } <= splits


def test_a_ticker_given_to_another_company_is_named(shared_data: Path, tmp_path: Path) -> None:
    bars = pl.read_parquet(shared_data / "lean" / "bars_1d.parquet")
    bars = bars.filter(pl.col("ts").dt.year().is_between(2008, 2009))
    lake = Lake(tmp_path, create=True)
    lake.add_bars(bars, timeframe="1d", source="lean")

    found = check(lake, kinds=["reused_ticker"]).findings

    assert [(one.symbol, one.last) for one in found] == [("WM", "2009-08-05")]
