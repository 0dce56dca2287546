"""Plant faults in clean and in real rows and say what is found; time the check of large lakes."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.check_worlds import checked, planted
from benchmarks.planted_faults import DAILY, INTRADAY, Plant, World, as_daily, clean_market
from benchmarks.planted_news import NEWS, clean_news
from catalyst.data import calendar
from catalyst.data.lake import Lake
from catalyst.data.sample import simulate

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_PLANTED = 6
_SEED = 11
# Symbols and sessions of the lake whose check is timed; a year of minutes is 500 x 252.
_WIDE = (500, 20)
_NEWS_ROWS = 60_000
_TIMED = """
import sys, time
from catalyst.data.lake import Lake
from catalyst.data.checks.report import check
lake = Lake(sys.argv[1])
begun = time.perf_counter()
found = check(lake)
taken = time.perf_counter() - begun
rows = sum(one["rows"] for one in found.in_lake["bars"] + found.in_lake["news"])
status = open("/proc/self/status").read() if sys.platform == "linux" else "VmHWM: 0"
peak = int(status.split("VmHWM:")[1].split()[0]) / 1e6
print(f"{rows:,} rows, {len(found.findings)} findings, {taken:.1f} s, {rows / taken / 1e6:.2f} "
      f"million rows a second, {peak:.2f} GB at most")
"""
_READ = """
import sys, time
from pathlib import Path
import polars as pl
begun = time.perf_counter()
rows = sum(pl.read_parquet(one, hive_partitioning=False).height
           for name in ("bars", "news") for one in Path(sys.argv[1]).glob(name + "/**/*.parquet"))
taken = time.perf_counter() - begun
print(f"{rows:,} rows read by polars alone, file by file: {taken:.1f} s, "
      f"{rows / taken / 1e6:.2f} million rows a second")
"""


def main() -> None:
    """Print, for each kind of fault and each world, how many were planted, found and strange."""
    for name, world, plants in _worlds():
        before = checked(world)
        kinds = Counter(one.kind for one in before)
        said = ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items())) or "nothing"
        print(f"\n{name}: as it is: {said}")
        print(f"{'planted':<36} {'n':>4} {'found':>6} {'others':>7}")
        for fault, plant in plants.items():
            outcome = planted(world, plant, n=_PLANTED, seed=_SEED, before=before)
            found = outcome.planted - len(outcome.missed)
            print(
                f"{fault:<36} {outcome.planted:>4} {found:>6} {len(outcome.strange):>7}", flush=True
            )
    with tempfile.TemporaryDirectory(prefix="catalyst-bench-") as folder:
        _time(Path(folder))


def _worlds() -> Iterator[tuple[str, World, Mapping[str, Plant]]]:
    yield (
        "invented 5-minute bars",
        clean_market(n_symbols=14, n_sessions=50, minutes=5, seed=3),
        INTRADAY,
    )
    quarter = clean_market(n_symbols=16, n_sessions=120, minutes=30, seed=4)
    yield "invented daily bars", as_daily(quarter), DAILY
    yield "invented news", clean_news(n_symbols=10, n_days=75, a_day=120, seed=5), NEWS
    sample = simulate(n_symbols=16, n_sessions=50)
    bars = sample.bars.with_columns(pl.col("volume").cast(pl.Float64), source=pl.lit("synthetic"))
    yield "the sample's bars", World(bars={("5m", "raw"): bars}, actions=sample.actions), INTRADAY
    if not _SHARED.is_dir():
        print(f"the real market data is not here: {_SHARED} is no folder")
        return
    yield "us1m_2024, minutes of thin names", _real("us1m_2024/bars_1m", "1m"), INTRADAY
    yield "stocknet, daily bars", _real("stocknet/bars_1d", "1d"), DAILY
    columns = ["headline", "published_at", "symbol", "source", "provider", "id", "retweet_of_id"]
    news = pl.read_parquet(_SHARED / "stocknet/news.parquet").with_columns(
        published_at=pl.col("ts_utc"), provider=pl.lit("twitter")
    )
    news = news.filter(pl.col("ts_utc") > dt.datetime(2015, 7, 1, tzinfo=dt.UTC)).select(columns)
    yield "stocknet, tweets of 2015 from July", World(news=news), NEWS


def _real(name: str, timeframe: str) -> World:
    columns = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    bars = pl.read_parquet(_SHARED / f"{name}.parquet", columns=columns).drop_nulls()
    # Enough for habits, and for the whole to take minutes.
    last = bars["ts"].dt.date().unique().sort()[-200 if timeframe == "1d" else -60]
    bars = bars.filter(pl.col("ts").dt.date() >= last)
    bars = bars.with_columns(
        pl.col("ts").cast(pl.Datetime("ns", "UTC")),
        pl.col("volume").cast(pl.Float64),
        source=pl.lit("real"),
    )
    if timeframe == "1d":
        bars = bars.with_columns(ts=pl.col("ts").dt.date().cast(pl.String))
    return World(bars={(timeframe, "raw"): bars})


def _time(root: Path) -> None:
    n_symbols, n_sessions = _WIDE
    first = dt.date(2022, 1, 3)
    every = calendar.sessions(first)
    for start in range(0, n_sessions, 10):
        day = calendar.day_to_date(int(every.day[start]))
        world = clean_market(n_symbols=n_symbols, n_sessions=10, minutes=1, seed=start, first=day)
        _, bars = world.one()
        Lake(root / "bars", create=True).add_bars(bars, timeframe="1m")
    news = clean_news(n_symbols=200, n_days=100, a_day=_NEWS_ROWS / 86, seed=6).news
    Lake(root / "news", create=True).add_news(news)
    for name in ("bars", "news"):
        print(f"\nchecking {name}:", flush=True)
        for _ in range(2):
            # In a process of its own, so that its peak of memory is its own; twice, for the cache.
            subprocess.run([sys.executable, "-c", _TIMED, str(root / name)], check=True)  # noqa: S603
        subprocess.run([sys.executable, "-c", _READ, str(root / name)], check=True)  # noqa: S603


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
