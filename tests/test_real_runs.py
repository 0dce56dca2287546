"""Runs on real prices and news: each trades or says what binds, and its money adds up."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from worlds import INSTANT, scratch

from catalyst import Lake, Params, replay
from catalyst.cli import app as cli
from catalyst.research.result import Result

FIRST, LAST = dt.date(2014, 1, 1), dt.date(2015, 5, 29)
SPLIT = dt.date(2014, 6, 9)
# A sixth of the tweets; all of them take 17 s to import.
TWEETED = "AAPL AMZN BAC C DIS FB GOOG INTC MSFT T XOM".split()  # noqa: SIM905
HEADLINES = (
    ("{s} beats earnings estimates and raises guidance for the year", "Reuters"),
    ("{s} misses earnings estimates and cuts guidance", "Reuters"),
    ("{s} upgraded to buy at a large bank", "Benzinga"),
    ("{s} to be acquired in an all-cash merger", "Bloomberg"),
    ("{s} announces a partnership", "PR Newswire"),
)


@cache
def _stocknet(data: Path) -> Lake:
    lake = Lake(scratch() / "stocknet", create=True)
    bars = pl.read_parquet(data / "stocknet/bars_1d.parquet")
    news = pl.read_parquet(data / "stocknet/news.parquet")
    lake.add_bars(bars.filter(pl.col("symbol").is_in(TWEETED)), timeframe="1d", adjustment="split")
    wanted = pl.col("symbol").is_in(TWEETED) & (pl.col("ts_utc").dt.date() <= LAST)
    lake.add_news(news.filter(wanted), provider="twitter")
    return lake


@cache
def _daily_run(data: Path) -> Result:
    params = Params.load("daily", timeframe="1d")
    return replay(_stocknet(data), params, timeframe="1d", start=FIRST, end=LAST)


@cache
def _lean(data: Path) -> Lake:
    """AAPL and BAC, hourly and by the minute, unadjusted, with splits, dividends and tweets."""
    lake = Lake(scratch() / "lean", create=True)
    two = pl.col("symbol").is_in(["AAPL", "BAC"])
    since = pl.col("ts") >= pl.lit(dt.datetime(2013, 11, 1, tzinfo=dt.UTC))
    hourly = pl.read_parquet(data / "lean/bars_1h.parquet").filter(two & since)
    lake.add_bars(hourly, timeframe="1h", source="lean")
    apple = pl.col("symbol") == "AAPL"
    minutes = pl.read_parquet(data / "lean/bars_1m.parquet").filter(
        apple & pl.col("ts").dt.date().is_between(dt.date(2014, 6, 5), SPLIT)
    )
    lake.add_bars(minutes, timeframe="1m", source="lean")
    factors = pl.read_parquet(data / "lean/factors.parquet").filter(two)
    lake.add_actions(factors, source="lean")
    news = pl.read_parquet(data / "stocknet/news.parquet")
    wanted = two & (pl.col("ts_utc").dt.date() <= LAST)
    lake.add_news(news.filter(wanted), provider="twitter")
    return lake


@cache
def _thin(data: Path) -> Lake:
    """Minute bars of 2024 with holes, and seeded news that never was."""
    lake = Lake(scratch() / "thin", create=True)
    until = dt.datetime(2024, 2, 17, tzinfo=dt.UTC)
    bars = pl.read_parquet(data / "us1m_2024/bars_1m.parquet").filter(pl.col("ts") < pl.lit(until))
    lake.add_bars(bars, timeframe="1m", source="us1m")
    rng = np.random.default_rng(2024)
    symbols = lake.symbols("1m")
    days = lake.days("1m")
    rows = []
    for day in days[8:]:
        for symbol in rng.choice(symbols, size=4, replace=False):
            text, source = HEADLINES[int(rng.integers(len(HEADLINES)))]
            minute = int(rng.integers(0, 330))
            opened = dt.datetime.combine(day, dt.time(14, 0), dt.UTC)
            rows.append(
                (text.format(s=f"${symbol}"), source, symbol, opened + dt.timedelta(minutes=minute))
            )
    frame = pl.DataFrame(
        rows, schema=["headline", "source", "symbol", "published_at"], orient="row"
    )
    lake.add_news(frame.with_columns(pl.col("published_at").cast(INSTANT)), provider="synthetic")
    return lake


def assert_money_adds_up(run: Result) -> None:
    found = run.verify()

    assert found.ok, found


def test_daily_bars_and_tweets_of_2014_and_2015_are_traded(shared_data: Path) -> None:
    run = _daily_run(shared_data)

    assert run.trades.height >= 20, run.summary["binding_rules"]
    assert run.summary["start"] == "2014-01-02"
    assert any("adjusted" in text for text in run.summary["warnings"])
    assert_money_adds_up(run)


def test_daily_orders_meet_no_bar_of_the_day_they_were_decided_on(shared_data: Path) -> None:
    run = _daily_run(shared_data)
    entries = run.fills.filter(pl.col("role") == "entry").join(
        run.orders.select("order_id", "submitted_at"), on="order_id"
    )

    assert entries.height > 0
    assert (entries["filled_at"] > entries["submitted_at"]).all()
    assert (entries["filled_at"].dt.date() > entries["submitted_at"].dt.date()).all()


def test_hourly_bars_of_two_large_caps_are_traded(shared_data: Path) -> None:
    params = Params.load("hourly")
    run = replay(
        _lean(shared_data), params, timeframe="1h", start=FIRST, end=LAST, symbols=["AAPL", "BAC"]
    )

    assert run.trades.height >= 20, run.summary["binding_rules"]
    assert set(run.trades["symbol"]) <= {"AAPL", "BAC"}
    assert_money_adds_up(run)


def test_a_position_is_held_across_the_split_of_seven_for_one(shared_data: Path) -> None:
    params = Params.load("short_history")
    run = replay(_lean(shared_data), params, timeframe="1m", start=dt.date(2014, 6, 5), end=SPLIT)
    split = run.adjustments.filter(pl.col("kind") == "split").row(0, named=True)
    held = run.orders.filter(pl.col("entry_id") == split["entry_id"])["signal_id"][0]
    found = run.trades.filter(pl.col("signal_id") == held)
    value = run.marks.filter(pl.col("symbol") == "AAPL").with_columns(
        value=pl.col("quantity") * pl.col("price"), day=pl.col("ts").dt.date()
    )
    before = value.filter(pl.col("day") < SPLIT)["value"][-1]
    after = value.filter(pl.col("day") == SPLIT)["value"][0]

    assert split["value"] == 7.0
    assert split["quantity_after"] == 7 * split["quantity_before"] > 0
    assert after == pytest.approx(before, rel=0.03)
    # A share of 640 became seven of 93: anything near 6/7 of the stake would be the old price.
    stake = abs(before)
    for pnl in found["pnl"]:
        assert abs(float(pnl)) < 0.1 * stake
    assert_money_adds_up(run)


def test_the_hourly_run_goes_through_the_split_and_is_paid_dividends(shared_data: Path) -> None:
    params = Params.load("hourly").replace(flatten_at_close=False, time_stop_hours=200)
    run = replay(
        _lean(shared_data),
        params.replace(rvol_min=0, catalyst_min=5),
        timeframe="1h",
        start=dt.date(2014, 5, 1),
        end=dt.date(2014, 12, 31),
        symbols=["AAPL", "BAC"],
    )
    worst = run.trades.with_columns(frac=(pl.col("exit_price") / pl.col("entry_price") - 1).abs())

    assert run.trades.height > 5
    # Splits scale a trade's shares, not its entry price, so only unsplit ones compare.
    split = set(run.adjustments.filter(pl.col("kind") == "split")["symbol"])
    assert (worst.filter(~pl.col("symbol").is_in(sorted(split)))["frac"] < 0.2).all()
    assert abs(run.summary["net_return"]) < 0.3
    assert_money_adds_up(run)


def test_thin_bars_full_of_holes_are_traded_and_none_invented(shared_data: Path) -> None:
    lake = _thin(shared_data)
    run = replay(lake, Params.load("thin"), timeframe="1m")
    bars = lake.bars("1m").select("symbol", "ts", "volume", "low", "high")
    minute = dt.timedelta(minutes=1)
    stamps = pl.concat(
        [
            bars.select("symbol", filled_at="ts"),
            bars.select("symbol", filled_at=(pl.col("ts") + minute).cast(INSTANT)),
        ]
    ).unique()
    own = run.patterns.filter(pl.col("timeframe") == "1m")

    assert run.trades.height >= 20, run.summary["binding_rules"]
    assert run.fills.join(stamps, on=["symbol", "filled_at"]).height == run.fills.height
    assert (
        own.join(bars, left_on=["symbol", "bar_ts"], right_on=["symbol", "ts"]).height == own.height
    )
    assert_money_adds_up(run)


def test_a_vendors_file_with_its_own_words_is_imported_and_traded(
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hourly = pl.read_parquet(shared_data / "lean/bars_1h.parquet").filter(
        pl.col("symbol") == "AAPL",
        pl.col("ts").dt.date().is_between(dt.date(2014, 1, 1), dt.date(2014, 5, 31)),
    )
    local = (pl.col("ts") + dt.timedelta(hours=1)).dt.convert_time_zone("America/New_York")
    hourly.select(
        pl.col("symbol").alias("Ticker"),
        local.dt.strftime("%d.%m.%Y").alias("Day"),
        local.dt.strftime("%H:%M").alias("Until"),
        *(pl.col(name).alias(name[0].upper()) for name in ("open", "high", "low", "close")),
        pl.col("volume").alias("Shares"),
    ).write_csv(tmp_path / "vendor.txt", separator=";")
    news = pl.read_parquet(shared_data / "stocknet/news.parquet").filter(
        pl.col("symbol") == "AAPL",
        pl.col("ts_utc").dt.year() == 2014,
        pl.col("ts_utc").dt.month() < 6,
    )
    news.write_parquet(tmp_path / "news.parquet")
    monkeypatch.chdir(tmp_path)

    def catalyst(*arguments: str) -> dict[str, object]:
        monkeypatch.setattr(sys, "argv", ["catalyst", *arguments, "--lake", "mine", "--json"])
        with contextlib.suppress(SystemExit):
            cli.main()
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    mapping = "ts=Day+Until,symbol=Ticker,open=O,high=H,low=L,close=C,volume=Shares"
    report = catalyst(
        "data", "import", "bars", "vendor.txt", "--format", "csv", "--map", mapping,
        "--timeframe", "1h", "--date-format", "%d.%m.%Y %H:%M",
        "--stamp", "end", "--tz", "America/New_York", "--source", "vendor",
    )  # fmt: skip
    catalyst("data", "import", "news", "news.parquet", "--source", "twitter")
    summary = catalyst(
        "backtest", "--variant", "hourly", "--start", "2014-02-03", "--out", "run", "--verify"
    )
    bars = Lake("mine").bars("1h")

    assert report["imported"] == hourly.height
    assert bars["ts"].equals(hourly["ts"].cast(INSTANT))
    assert summary["timeframe"] == "1h"
    assert isinstance(summary["n_trades"], int)
    assert summary["n_trades"] > 0, summary["binding_rules"]
