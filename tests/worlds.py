"""Small simulated markets as lakes, made once a process, and ways to change a copy of one."""

from __future__ import annotations

import atexit
import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl

from catalyst import Lake, Params, replay
from catalyst.data.sample import Sample, simulate
from catalyst.data.sample_lake import write_sample
from catalyst.research.result import Result

INSTANT = pl.Datetime("ns", "UTC")
FIVE_MINUTES = dt.timedelta(minutes=5)
#: Gates so wide that most symbols with news are traded.
LOOSE = {
    "catalyst_min": 0,
    "rvol_min": 0,
    "volume_min": 0,
    "price_max": 1e6,
    "quarter_from": 0,
    "half_from": 1,
}

Change = Callable[[pl.DataFrame], pl.DataFrame]


@cache
def scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="catalyst-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def small_sample() -> Sample:
    return simulate(n_symbols=20, n_sessions=25)


@cache
def small_lake() -> Lake:
    """20 symbols, 25 sessions of 5-minute bars; not to be written to."""
    return write_sample(small_sample(), scratch() / "small")


@cache
def small_run() -> Result:
    return replay(small_lake(), Params.load("spec"))


@cache
def daily_lake() -> Lake:
    """20 symbols, 110 daily bars each, cut from half hours; not to be written to."""
    sample = simulate(n_symbols=20, n_sessions=110, bar_minutes=30)
    lake = Lake(scratch() / "daily", create=True)
    lake.add_bars(daily(sample.bars), timeframe="1d", source="synthetic")
    lake.add_news(sample.news)
    lake.add_actions(sample.actions)
    return lake


def daily(bars: pl.DataFrame) -> pl.DataFrame:
    """Cut daily bars from the regular hours of intraday ones; the stamp is the date."""
    local = pl.col("ts").dt.convert_time_zone("America/New_York")
    regular = (local.dt.time() >= dt.time(9, 30)) & (local.dt.time() < dt.time(16))
    return (
        bars.filter(regular)
        .group_by("symbol", date=local.dt.date())
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .rename({"date": "ts"})
        .sort("ts", "symbol")
    )


@cache
def action_lake() -> Lake:
    """The small market with splits, a reverse split and a dividend a week for everyone."""
    sample = small_sample()
    days = small_lake().days("5m")
    symbols = small_lake().symbols("5m")
    ratios = {(s, days[12 + k % 10]): (2.0, 0.1, 1.5, 7.0)[k % 4] for k, s in enumerate(symbols)}
    local = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()
    factor = pl.lit(1.0)
    for (symbol, day), ratio in ratios.items():
        factor = (
            pl.when((pl.col("symbol") == symbol) & (local >= day)).then(ratio).otherwise(factor)
        )
    bars = sample.bars.with_columns(factor=factor, known_at=pl.col("ts") + FIVE_MINUTES)
    bars = bars.with_columns(
        *((pl.col(name) / pl.col("factor")).round(4) for name in ("open", "high", "low", "close")),
        volume=(pl.col("volume") * pl.col("factor")).ceil(),
    ).drop("factor")
    paid = [(s, day, "dividend", 0.13) for s in symbols for day in days[10::3]]
    splits = [(s, day, "split", ratio) for (s, day), ratio in ratios.items()]
    lake = Lake(scratch() / "actions", create=True)
    lake.add_bars(bars, timeframe="5m", source="synthetic")
    lake.add_news(sample.news)
    lake.add_actions(
        pl.DataFrame(splits + paid, schema=["symbol", "ex_date", "kind", "value"], orient="row")
    )
    return lake


def copied(lake: Lake, root: Path) -> Lake:
    """Copy a lake by hard links: its writers rename, so the original stays as it is."""
    shutil.copytree(lake.root, root, copy_function=os.link)
    return Lake(root)


def with_bars(lake: Lake, root: Path, days: list[dt.date], change: Change) -> Lake:
    """Copy a lake with other 5-minute bars of some sessions."""
    new = copied(lake, root)
    for day in days:
        bars = lake.bars("5m", start=day, end=day)
        shutil.rmtree(new.root / "bars" / "timeframe=5m" / f"date={day}")
        changed = change(bars)
        if changed.height:
            report = new.add_bars(changed)

            assert report.imported == changed.height
    return new


def digests(result: Result, *, until: dt.datetime | None = None) -> list[tuple[dt.datetime, str]]:
    """List instants and digests of a run's decisions, up to an instant."""
    rows = result.decisions
    if until is not None:
        rows = rows.filter(pl.col("decided_at") <= until)
    return rows.select("decided_at", "digest").rows()
