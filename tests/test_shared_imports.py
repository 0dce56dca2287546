"""Real market data and news import as they stand, and every row is accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lake_rows import at, fingerprint

from catalyst.data.action_intake import ActionOptions
from catalyst.data.bar_intake import BarOptions
from catalyst.data.formats import files_in, open_file
from catalyst.data.imports import import_actions, import_bars, import_news, import_universe
from catalyst.data.lake import Lake
from catalyst.data.news_intake import NewsOptions
from catalyst.data.reports import ImportReport
from catalyst.data.universe_intake import UniverseOptions

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
# Folders of native files, each imported as it lies there: table, what must be said, the rows given,
# the exact duplicates among them, and those in quarantine by rule.
_FOLDERS: dict[str, tuple[str, dict[str, str], int, int, dict[str, int]]] = {
    "yahoo_csv": ("bars", {}, 4_081, 0, {}),
    "lean": ("bars", {}, 5_926, 0, {}),
    "us1m_2024": ("bars", {"timeframe": "1m", "symbol": "FICO"}, 2_784, 0, {}),
    "cfd_15m": ("bars", {"timeframe": "15m", "symbol": "TSLA", "tz": "UTC"}, 6_550, 0, {}),
    "lean/": ("actions", {}, 229, 0, {"no_action": 58}),
    "lean/fundamental": ("universe", {}, 7_068, 7, {}),
    "stocknet_tweets_jsonl": ("news", {}, 697, 3, {"mislinked": 63}),
    "benzinga_headlines": ("news", {}, 1_098, 0, {}),
    "fnspid": ("news", {}, 2_104, 8, {"conflict": 6, "stamp": 190}),
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


@pytest.fixture(scope="module")
def tweets(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lake, ImportReport]:
    lake = Lake(tmp_path_factory.mktemp("stocknet"), create=True)
    frame = spring(shared_data)
    return lake, lake.add_news(frame, provider="twitter", file="stocknet/news.parquet")


def spring(shared_data: Path) -> pl.DataFrame:
    """Read the tweets of three months; two years of them take 20 s to import."""
    months = pl.col("ts_utc").dt.strftime("%Y-%m").is_between(pl.lit("2015-03"), pl.lit("2015-05"))
    return pl.read_parquet(shared_data / "stocknet/news.parquet").filter(months)


def _import(
    lake: Lake,
    path: Path,
    table: str,
    **said: Any,  # noqa: ANN401 - whatever BarOptions takes
) -> ImportReport:
    files = files_in([path], table=table).files
    opened = [open_file(file, table=table) for file in files]
    if table == "bars":
        return import_bars(lake.root, opened, BarOptions(**said))
    if table == "news":
        return import_news(lake.root, opened, NewsOptions())
    if table == "actions":
        return import_actions(lake.root, opened, ActionOptions())
    return import_universe(lake.root, opened, UniverseOptions())


def _quarantined_headlines(lake: Lake, symbol: str) -> list[str]:
    kept = lake.quarantine().filter(pl.col("file").str.contains(f"/{symbol}/"))
    return kept["row"].str.json_path_match("$.text").to_list()


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


def test_six_years_of_hourly_bars_import_twice_into_the_same_bytes(
    lake: Lake, shared_data: Path
) -> None:
    frame = pl.read_parquet(shared_data / "lean/bars_1h.parquet")
    frame = frame.filter(pl.col("ts").dt.year() >= 2010)

    report = lake.add_bars(frame, timeframe="1h", source="lean")
    before = fingerprint(lake.root)
    again = lake.add_bars(frame.reverse(), timeframe="1h", source="lean")

    assert report.given == 51_232 == report.imported
    assert (again.imported, again.duplicates) == (0, 51_232)
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

    assert report.given == 10_410 == _accounted(report)
    assert set(report.by_rule) == {"mislinked"}
    # 10.3 % of links disagree with the cashtags; BRK-A among them is only another spelling.
    assert 0.08 < report.quarantined / report.given < 0.103
    assert "BRK.A" in lake.news_symbols()
    assert lake.news()["known_is_assumed"].all()


def test_a_quarantined_tweet_is_whole(tweets: tuple[Lake, ImportReport], shared_data: Path) -> None:
    lake, report = tweets
    frame = spring(shared_data)

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


@pytest.mark.parametrize(("name", "told"), _FOLDERS.items())
def test_a_folder_of_native_files_is_imported_as_it_lies_and_again_changes_nothing(
    lake: Lake,
    shared_data: Path,
    name: str,
    told: tuple[str, dict[str, str], int, int, dict[str, int]],
) -> None:
    table, said, given, duplicates, by_rule = told
    path = shared_data / "raw_samples" / name

    report = _import(lake, path, table, **said)
    before = fingerprint(lake.root, quarantine=True)
    again = _import(lake, path, table, **said)

    assert (report.given, report.duplicates, report.by_rule) == (given, duplicates, by_rule)
    assert _accounted(report) == given
    assert (again.imported, again.given) == (0, given)
    assert fingerprint(lake.root, quarantine=True) == before


@pytest.mark.parametrize(
    ("path", "timeframe", "parquet"),
    [("minute", "1m", "bars_1m"), ("hour", "1h", "bars_1h"), ("daily", "1d", "bars_1d")],
)
def test_leans_own_files_give_the_bars_of_the_parquet_set_to_the_bit(
    lake: Lake, shared_data: Path, path: str, timeframe: str, parquet: str
) -> None:
    set_ = pl.read_parquet(shared_data / f"lean/{parquet}.parquet")

    _import(lake, shared_data / "raw_samples/lean" / path, "bars")
    found = lake.bars(timeframe)

    # The set ends in 2015 and joins tickers that differ by case or a dot.
    given = set_.with_columns(pl.col("ts").dt.cast_time_unit("ns"))
    day = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()
    key = ["symbol", "ts"] if timeframe != "1d" else ["symbol", "day"]
    left = found.with_columns(day=day)
    right = given.with_columns(day=day if timeframe != "1d" else pl.col("ts").dt.date())
    both = left.join(right, on=key, suffix="_set")
    values = ["open", "high", "low", "close", "volume"]
    same = [pl.col(name) == pl.col(f"{name}_set").cast(pl.Float64) for name in values]
    assert both.height > 0
    assert both.filter(~pl.all_horizontal(same)).is_empty()
    in_set = left.join(right.select("symbol", "day").unique(), on=["symbol", "day"], how="semi")
    assert both.height == in_set.height


def test_the_split_session_is_raw_in_leans_files_and_adjusted_in_yahoos(
    lake: Lake, shared_data: Path
) -> None:
    _import(lake, shared_data / "raw_samples/lean/minute/aapl", "bars")
    _import(lake, shared_data / "raw_samples/yahoo_csv/AAPL.csv", "bars")
    minutes = lake.bars("1m", start=at("2014-06-06T09:30"), end=at("2014-06-06T16:00"))
    [day] = lake.bars("1d", start="2014-06-06", end="2014-06-06").to_dicts()
    last = minutes.filter(pl.col("ts") < at("2014-06-06T16:00")).row(-1, named=True)

    assert (last["adjustment"], last["source"]) == ("raw", "lean")
    assert (day["adjustment"], day["source"]) == ("split", "yahoo")
    assert last["close"] / day["close"] == pytest.approx(7, rel=1e-3)


def test_a_folder_of_leans_says_what_is_left_out(shared_data: Path) -> None:
    found = files_in([shared_data / "raw_samples/lean"], table="bars")

    kinds = [note.split(": ")[1] for note in found.notes]
    assert len(found.files) == 12
    assert kinds == [
        "LEAN coarse snapshots, which are for universe",
        "LEAN factor files, which are for actions",
        "LEAN map files, which are for actions",
        "LEAN quotes",
        "LEAN second bars",
        "LEAN ticks",
        "files of no known kind",
    ]


def test_splits_dividends_and_renames_come_out_of_leans_factor_and_map_files(
    lake: Lake, shared_data: Path
) -> None:
    _import(lake, shared_data / "raw_samples/lean", "actions")
    actions = lake.actions().with_columns(pl.col("ex_date").cast(pl.String))
    splits = actions.filter(pl.col("kind") == "split").sort("ex_date")
    renames = actions.filter(pl.col("kind") == "rename").sort("ex_date", "symbol")

    apple = splits.filter(pl.col("symbol") == "AAPL").select("ex_date", "value").rows()
    assert apple == [("2000-06-21", 2.0), ("2005-02-28", 2.0), ("2014-06-09", 7.0)]
    assert renames.select("symbol", "new_symbol", "ex_date").rows() == [
        ("UW", "WMI", "1998-07-17"),
        ("NB", "BAC", "1998-10-01"),
        ("AOL", "TWX", "2003-10-16"),
        ("QQQ", "QQQQ", "2004-12-01"),
        ("SPWR", "SPWRA", "2008-09-30"),
        ("WMI", "WM", "2009-08-05"),
        ("QQQQ", "QQQ", "2011-03-23"),
        ("SPWRA", "SPWR", "2011-11-17"),
        ("TAPA", "TAP.A", "2013-01-02"),
        ("NWSA", "FOXA", "2013-07-01"),
        ("GOOCV", "GOOG", "2014-04-03"),
        ("GOOG", "GOOGL", "2014-04-03"),
        ("FOXA", "TFCFA", "2019-03-19"),
        ("VXXB", "VXX", "2019-05-02"),
    ]


def test_the_native_snapshot_has_the_tickers_nan_and_inf(lake: Lake, shared_data: Path) -> None:
    set_ = pl.read_parquet(shared_data / "lean/universe_coarse_1d.parquet")
    day = set_.filter(pl.col("ts").dt.date().cast(pl.String) == "2014-03-25")

    _import(lake, shared_data / "raw_samples/lean", "universe")
    members = lake.universe()

    assert {"NAN", "INF"} <= set(members["symbol"])
    # Share classes have one spelling here.
    joined = set(day["symbol"].str.replace(r"^([A-Z]+)[-/.]([A-Z]{1,2})$", "${1}.${2}"))
    assert set(members["symbol"]) == joined


def test_yahoos_files_are_those_of_the_parquet_set_bars_of_one_price_included(
    lake: Lake, shared_data: Path
) -> None:
    set_ = pl.read_parquet(shared_data / "stocknet/bars_1d.parquet")

    _import(lake, shared_data / "raw_samples/yahoo_csv", "bars")
    found = lake.bars("1d").with_columns(day=pl.col("ts").dt.date())
    both = found.join(
        set_.with_columns(day=pl.col("ts").dt.date()), on=["symbol", "day"], suffix="_set"
    )

    assert both.height == found.height == 4_081
    same = [pl.col(name) == pl.col(f"{name}_set") for name in ("open", "high", "low", "close")]
    assert both.filter(~pl.all_horizontal(same)).is_empty()
    flat = found.filter((pl.col("volume") == 0) & (pl.col("high") == pl.col("low")))
    assert set(flat["symbol"]) == {"AGFS", "SPLP"}


def test_the_word_null_is_a_missing_value_in_quarantine(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "CHL.csv"
    path.write_text(
        "Date,Open,High,Low,Close,Adj Close,Volume\n2016-06-29,null,null,null,null,null,null\n"
    )

    assert _import(lake, path, "bars").by_rule == {"missing": 1}


@pytest.mark.parametrize(
    ("path", "parquet", "symbol", "said"),
    [
        ("us1m_2024", "us1m_2024/bars_1m", "FICO", {"timeframe": "1m", "symbol": "FICO"}),
        (
            "cfd_15m",
            "cfd_15m/bars_15m",
            "TSLA",
            {"timeframe": "15m", "symbol": "TSLA", "tz": "UTC"},
        ),
    ],
)
def test_odd_column_orders_and_tabs_give_the_bars_of_the_parquet_set(
    lake: Lake, shared_data: Path, path: str, parquet: str, symbol: str, said: dict[str, str]
) -> None:
    set_ = pl.read_parquet(shared_data / f"{parquet}.parquet").filter(pl.col("symbol") == symbol)

    _import(lake, shared_data / "raw_samples" / path, "bars", **said)
    found = lake.bars(said["timeframe"])

    given = set_.with_columns(pl.col("ts").dt.cast_time_unit("ns"))
    both = found.join(given, on=["symbol", "ts"], suffix="_set")
    values = ["open", "high", "low", "close", "volume"]
    same = [pl.col(name) == pl.col(f"{name}_set").cast(pl.Float64) for name in values]
    assert both.height == found.height
    assert both.filter(~pl.all_horizontal(same)).is_empty()


def test_a_mean_price_outside_high_and_low_is_not_read(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "raw_samples/us1m_2024"

    report = _import(lake, path, "bars", timeframe="1m", symbol="FICO")
    [block] = open_file(path / "FICO_2024-01.csv", table="bars").blocks()
    raw = block.frame.select(pl.col("price", "high", "low").cast(pl.Float64))

    outside = raw.filter(~pl.col("price").is_between(pl.col("low"), pl.col("high")))
    assert outside.height > raw.height // 4
    assert report.quarantined == 0
    assert any(note.startswith("columns not used: date, price") for note in report.notes)


def test_stamps_at_the_end_of_a_bar_are_moved_if_so_told(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "raw_samples/mplfinance/SP500_NOV2019_IDay.csv"

    _import(lake, path, "bars", timeframe="1m", symbol="SPX", stamp="end")
    first = lake.bars("1m").row(0, named=True)

    # The file's first stamp is 9:30 with the close before the high: 3080.8,3080.49,3081.47,3080.3.
    assert first["ts"] == at("2019-11-05T09:29")
    assert [first[name] for name in ("open", "high", "low", "close", "volume")] == [
        3080.8,
        3081.47,
        3080.3,
        3080.49,
        0,
    ]


@pytest.fixture(scope="module")
def native_tweets(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("native"), create=True)
    _import(lake, shared_data / "raw_samples/stocknet_tweets_jsonl", "news")
    return lake


def test_native_tweets_are_those_of_the_parquet_set(shared_data: Path) -> None:
    folder = shared_data / "raw_samples/stocknet_tweets_jsonl"
    set_ = pl.read_parquet(shared_data / "stocknet/news.parquet").select(
        "id", "headline", "ts_utc", "source", "is_retweet", "retweet_of_id", "retweet_of_source"
    )
    opened = [open_file(file, table="news") for file in files_in([folder], table="news").files]

    found = pl.concat([block.frame for one in opened for block in one.blocks()])
    both = found.join(set_.unique("id"), on="id", suffix="_set")

    names = ["headline", "source", "is_retweet", "retweet_of_id", "retweet_of_source"]
    same = [pl.col(name).eq_missing(pl.col(f"{name}_set")) for name in names]
    written = pl.col("ts_utc").dt.strftime("%a %b %d %H:%M:%S +0000 %Y")
    assert found.height == 697 == both.height
    assert both.filter(~pl.all_horizontal(same)).is_empty()
    assert both.filter(pl.col("published_at") != written).is_empty()
    assert both.select(pl.col("id").cast(pl.Int64).min() > 2**53).item()


def test_a_native_tweet_is_stored_with_its_own_time_and_line_not_the_day_of_its_file(
    native_tweets: Lake, shared_data: Path
) -> None:
    path = shared_data / "raw_samples/stocknet_tweets_jsonl/AAPL/2014-06-06"
    second = path.read_bytes().split(b"\r\n")[1].decode()

    [row] = native_tweets.news(symbols=["AAPL"]).filter(id="474695983969103872").to_dicts()

    # Filed under a day of Berlin; in New York it was the evening before.
    assert row["published_at"] == at("2014-06-05T19:35:16")
    assert row["raw"] == second


def test_texts_of_tweets_keep_line_ends_entities_and_their_cut(native_tweets: Lake) -> None:
    news = native_tweets.news().unique("id")
    retweets = news.filter(pl.col("retweet_of_id").is_not_null())

    assert news.filter(pl.col("headline").str.contains("\n", literal=True)).height > 30
    assert news.filter(pl.col("headline").str.contains("&amp;", literal=True)).height > 10
    assert retweets.filter(pl.col("headline").str.ends_with("…")).height > 20


def test_tweets_of_lsd_and_rap_are_no_news_of_dominion_or_att(native_tweets: Lake) -> None:
    kept = native_tweets.quarantine()
    dominion = _quarantined_headlines(native_tweets, "D")
    att = _quarantined_headlines(native_tweets, "T")

    assert set(kept["rule"]) == {"mislinked"}
    assert any("L$D" in text for text in dominion)
    assert len(dominion) > 50
    assert len(att) > 5
    left = native_tweets.news(symbols=["D", "T"])["headline"]
    assert not left.str.contains(r"[A-Z]\$[DT]").any()


def test_a_newswire_record_broken_over_two_lines_is_one_report(
    lake: Lake, shared_data: Path
) -> None:
    path = shared_data / "raw_samples/benzinga_headlines/analyst_ratings_processed_slice.csv"

    report = _import(lake, path, "news")
    [row] = (
        lake.news(symbols=["AAN"])
        .filter(pl.col("published_at") == at("2011-07-20T06:43"))
        .filter(pl.col("headline").str.starts_with("Sterne"))
        .to_dicts()
    )

    assert row["source"] == "Benzinga"
    assert row["headline"].endswith("Aaron's")
    assert "benzinga-csv: 1 record broken over two lines put together" in report.notes
    assert report.given == 998


def test_newswire_times_have_their_own_offset_and_a_date_waits_for_the_evening(
    lake: Lake, shared_data: Path
) -> None:
    _import(lake, shared_data / "raw_samples/benzinga_headlines/raw_analyst_ratings.csv", "news")
    news = lake.news(symbols=["A"]).unique("news_id").sort("published_at")
    clock = news["published_at"].dt.convert_time_zone("America/New_York").dt.time().cast(pl.String)

    assert clock.str.starts_with("20:00:00").sum() == 90
    assert news["published_at"].max() == at("2020-06-05T10:30:54")
    assert set(news["author"].drop_nulls()) >= {"Benzinga Insights", "Benzinga Newsdesk"}


def test_relative_times_of_the_native_list_are_refused_whole(lake: Lake, shared_data: Path) -> None:
    report = _import(lake, shared_data / "raw_samples/fnspid", "news")
    kept = lake.quarantine().filter(pl.col("rule") == "stamp")
    dates = kept["row"].str.json_path_match("$.Date")
    news = lake.news(symbols=["A"]).filter(pl.col("provider") == "fnspid")

    assert report.by_rule["stamp"] == 190 == dates.str.ends_with(" AGO").sum()
    assert set(news["source"]) == {"nasdaq.com"}
    assert (news["known_at"] == news["published_at"]).all()
