"""Real market data and news import as they stand, and every row is accounted for."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from lake_rows import at, fingerprint

from catalyst.data.bar_intake import BarOptions
from catalyst.data.formats import open_file
from catalyst.data.imports import import_bars
from catalyst.data.lake import Lake
from catalyst.data.reports import ImportReport

# What each set holds: rows given, exact duplicates, and rows in quarantine by rule.
_BARS = {
    "stocknet/bars_1d": ("1d", "split", 53_553),
    "lean/bars_1m": ("1m", "raw", 16_662),
    "lean/bars_1d": ("1d", "raw", 44_480),
    "us1m_2024/bars_1m": ("1m", "raw", 182_944),
    "cfd_15m/bars_15m": ("15m", "raw", 39_091),
}
_RAW_BARS = {
    "yahoo_csv/AGFS.csv": ("1d", "AGFS", 216),
    "us1m_2024/FICO_2024-01.csv": ("1m", "FICO", 2_784),
    "cfd_15m/TSLAUSUSD_M15_2020.tsv.csv": ("15m", "TSLA", 6_550),
    "mplfinance/SP500_NOV2019_IDay.csv": ("1m", "^GSPC", 1_563),
    "mplfinance/SP500_NOV2019_Hist.csv": ("1d", "^GSPC", 20),
    "mplfinance/yahoofinance-SPY-20200901-20210113.csv": ("1d", "SPY", 92),
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


@pytest.fixture(scope="module")
def tweets(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lake, ImportReport]:
    frame = pl.read_parquet(shared_data / "stocknet/news.parquet")
    lake = Lake(tmp_path_factory.mktemp("stocknet"), create=True)
    return lake, lake.add_news(frame, provider="twitter", file="stocknet/news.parquet")


def _accounted(report: ImportReport) -> int:
    return report.imported + report.duplicates + report.quarantined


@pytest.mark.parametrize(("name", "told"), _BARS.items())
def test_real_bars_import_as_they_stand_and_come_back_to_the_bit(
    lake: Lake, shared_data: Path, name: str, told: tuple[str, str, int]
) -> None:
    timeframe, adjustment, rows = told
    frame = pl.read_parquet(shared_data / f"{name}.parquet")

    report = lake.add_bars(frame, timeframe=timeframe, adjustment=adjustment, file=name)
    found = lake.bars(timeframe).sort("symbol", "ts")

    assert report.given == rows == _accounted(report)
    assert (report.imported, report.quarantined) == (rows, 0)
    prices = ["open", "high", "low", "close", "volume"]
    given = frame.sort("symbol", "ts").with_columns(pl.col("volume").cast(pl.Float64))
    assert found.select(prices).equals(given.select(prices))
    if timeframe != "1d":
        assert found["ts"].equals(given["ts"].dt.cast_time_unit("ns"))


def test_seventeen_years_of_hourly_bars_import_twice_into_the_same_bytes(
    lake: Lake, shared_data: Path
) -> None:
    frame = pl.read_parquet(shared_data / "lean/bars_1h.parquet")

    report = lake.add_bars(frame, timeframe="1h", source="lean")
    before = fingerprint(lake.root)
    again = lake.add_bars(frame.reverse(), timeframe="1h", source="lean")

    assert report.given == 139_798 == report.imported
    assert (again.imported, again.duplicates) == (0, 139_798)
    assert fingerprint(lake.root) == before


@pytest.mark.parametrize(("name", "told"), _RAW_BARS.items())
def test_files_of_other_vendors_are_read_through_their_column_names(
    lake: Lake, shared_data: Path, name: str, told: tuple[str, str, int]
) -> None:
    timeframe, symbol, rows = told
    # The broker's file has UTC stamps and does not say so.
    tz = "UTC" if name.startswith("cfd") else "America/New_York"
    opened = open_file(shared_data / "raw_samples" / name, table="bars")

    report = import_bars(lake.root, [opened], BarOptions(timeframe=timeframe, symbol=symbol, tz=tz))

    assert (report.given, report.imported) == (rows, rows)


def test_minute_bars_with_the_close_before_the_open_are_those_of_the_parquet_set(
    lake: Lake, shared_data: Path
) -> None:
    opened = open_file(shared_data / "raw_samples/us1m_2024/FICO_2024-01.csv", table="bars")

    import_bars(lake.root, [opened], BarOptions(timeframe="1m", symbol="FICO"))
    first = lake.bars("1m").row(0, named=True)

    assert first["ts"] == at("2024-01-02T09:30")
    assert [first[name] for name in ("open", "high", "low", "close", "volume")] == [
        1152.4,
        1152.4,
        1149.452,
        1149.452,
        2040,
    ]


def test_bitcoin_at_night_is_no_bar_of_this_exchange(lake: Lake, shared_data: Path) -> None:
    opened = open_file(
        shared_data / "raw_samples/mplfinance/stackoverflow.questions.60982755.csv", table="bars"
    )

    report = import_bars(lake.root, [opened], BarOptions(timeframe="1m", symbol="BTC"))

    assert report.by_rule == {"session": report.given}
    assert report.given > 0


def test_tweets_import_with_their_wrong_links_in_quarantine(
    tweets: tuple[Lake, ImportReport],
) -> None:
    lake, report = tweets

    assert report.given == 71_624 == _accounted(report)
    assert set(report.by_rule) == {"mislinked"}
    # 10.3 % of links disagree with the cashtags; BRK-A among them is only another spelling.
    assert 0.08 < report.quarantined / report.given < 0.103
    assert "BRK.A" in lake.news_symbols()
    assert lake.news()["known_is_assumed"].all()


def test_a_quarantined_tweet_is_whole(tweets: tuple[Lake, ImportReport], shared_data: Path) -> None:
    lake, report = tweets
    frame = pl.read_parquet(shared_data / "stocknet/news.parquet")

    kept = lake.quarantine()
    line, text = kept.select("line", "row").row(0)
    found = pl.Series([text]).str.json_path_match("$.headline").item()

    assert kept.height == report.quarantined
    assert found == frame["headline"][line - 1]


def test_newswire_headlines_import_with_their_duplicates_and_broken_records(
    lake: Lake, shared_data: Path
) -> None:
    frame = pl.read_parquet(shared_data / "benzinga_headlines/news.parquet")

    report = lake.add_news(frame, file="benzinga")

    assert report.given == 7_726 == _accounted(report)
    assert report.duplicates == 29
    assert report.by_rule["stamp"] == 4


def test_relative_times_are_refused_and_bare_dates_wait_for_the_evening(
    lake: Lake, shared_data: Path
) -> None:
    frame = pl.read_parquet(shared_data / "fnspid/news.parquet")
    timeless = frame.filter(pl.col("ts_utc").is_null() & pl.col("date").is_null()).height

    report = lake.add_news(frame, file="fnspid")
    dated = lake.news(symbols=["A"]).filter(pl.col("known_at") == pl.col("published_at"))

    assert report.given == 2_104 == _accounted(report)
    assert report.by_rule["stamp"] == timeless > 0
    clock = dated["known_at"].dt.convert_time_zone("America/New_York").dt.time().unique()
    assert [str(time) for time in clock] == ["20:00:00"]


def test_the_split_of_2014_comes_out_of_the_factors(lake: Lake, shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "lean/factors.parquet")

    report = lake.add_actions(frame, source="lean")
    apple = lake.actions().filter(pl.col("symbol") == "AAPL")
    split = apple.filter((pl.col("kind") == "split") & (pl.col("ex_date").dt.year() == 2014))
    dividend = apple.filter(pl.col("ex_date").cast(pl.String) == "2014-08-07")

    assert report.given == 582 == _accounted(report)
    assert set(report.by_rule) == {"no_action"}
    assert split.select(pl.col("ex_date").cast(pl.String), "value").rows() == [("2014-06-09", 7.0)]
    assert dividend["value"].to_list() == [0.47]


def test_the_coarse_universe_becomes_memberships_and_keeps_odd_tickers(
    lake: Lake, shared_data: Path
) -> None:
    frame = pl.read_parquet(shared_data / "lean/universe_coarse_1d.parquet")

    report = lake.add_universe(frame, file="universe")
    members = lake.universe()

    assert report.given == 56_718 == _accounted(report)
    assert (report.duplicates, report.quarantined) == (57, 0)
    assert {"NAN", "INF"} <= set(members["symbol"])
    assert members["symbol"].n_unique() == 7_278
