"""Time imports: a year of minute bars of 500 symbols, and a million rows of news by ticker.

Every import runs in a process of its own, so that its peak of memory is its own, through the same
functions as the command line; beside it, in the same run, polars only reads each of the same files
and writes it again. What is simulated goes to a temporary folder of 5 GB. ``--quick`` takes a
twentieth of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

_SYMBOLS, _SESSIONS, _MINUTES = 500, 252, 390
_CSV_SYMBOLS = 40
_NEWS_ROWS, _NEWS_FILES, _NEWS_TICKERS = 1_000_000, 10, 1_000
_QUICK = 20
_WORDS = """shares rise fall beats misses estimates raises cuts guidance quarter profit revenue deal
merger lawsuit recall FDA approves rejects trial dividend buyback upgrade downgrade bank phone chip
cloud retail oil demand supply strike union court ruling chief steps down"""
_IMPORT = """
import json, sys, time
from pathlib import Path
table, root, *told = sys.argv[1:]
begun = time.perf_counter()
from catalyst.data import imports
from catalyst.data.bar_intake import BarOptions
from catalyst.data.formats import files_in, open_file
from catalyst.data.news_intake import NewsOptions
found = files_in([Path(told[0])], table=table)
opened = [open_file(path, table=table) for path in found.files]
if table == "bars":
    report = imports.import_bars(Path(root), opened, BarOptions(timeframe="1m"))
else:
    report = imports.import_news(Path(root), opened, NewsOptions())
taken = time.perf_counter() - begun
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps(report.as_dict() | {"seconds": taken, "peak_gb": peak / 1e9}))
"""
_COPY = """
import json, sys, time
from pathlib import Path
folder, out = map(Path, sys.argv[1:3])
begun = time.perf_counter()
import polars as pl
out.mkdir()
rows = 0
for path in sorted(folder.iterdir()):
    if path.suffix == ".csv":
        frame = pl.read_csv(path, try_parse_dates=True)
    else:
        frame = pl.read_parquet(path)
    frame.write_parquet(out / f"{path.stem}.parquet")
    rows += frame.height
taken = time.perf_counter() - begun
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps({"given": rows, "seconds": taken, "peak_gb": peak / 1e9}))
"""


def main(*, parts: int = 1) -> None:
    """Print rows a second and the peak of memory of each import, beside polars.

    Parameters
    ----------
    parts
        Take one of so many parts of the symbols, and of the news.
    """
    from catalyst.data.imports import MEMORY_BYTES

    print(f"target: peak below {MEMORY_BYTES / 1e9:.0f} GB; 2,000,000 bars/s, 1,000,000 from CSV")
    with tempfile.TemporaryDirectory(prefix="catalyst-bench-") as folder:
        root = Path(folder)
        symbols = max(_SYMBOLS // parts, 2)
        for name, write in (
            ("bars", _bars_by_symbol),
            ("days", _bars_by_day),
            ("text", _bars_as_text),
            ("news", _news_by_ticker),
        ):
            begun = perf_counter()
            (root / name).mkdir()
            what = write(root / name, symbols, parts)
            made = perf_counter() - begun
            table = "news" if name == "news" else "bars"
            ours = _python(_IMPORT, table, str(root / f"{name}-lake"), str(root / name))
            theirs = _python(_COPY, str(root / name), str(root / f"{name}-copy"))
            print(f"{what} (made in {made:.0f} s)")
            print(f"    import   {_figures(ours)}; {ours['imported']:,} imported")
            print(f"    polars   {_figures(theirs)}")


def _figures(run: dict[str, float]) -> str:
    rate = run["given"] / run["seconds"]
    return f"{rate:>12,.0f} rows/s, {run['seconds']:6.1f} s, peak {run['peak_gb']:.2f} GB"


def _python(code: str, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(  # noqa: S603 - our own code
        command, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def _bar_frame(
    symbol: NDArray[np.int64], minute: NDArray[np.int64], opens: NDArray[np.int64]
) -> pl.DataFrame:
    """Make bars of a closed formula, so that a file of one day needs no other."""
    import polars as pl

    noise = (minute * 2_654_435_761 + symbol * 40_503) % 1_000
    close = np.round(50 + symbol % 300 + 5 * np.sin(minute / 2_000 + symbol) + noise / 1_000, 2)
    opened = np.round(close + (noise % 7 - 3) / 100, 2)
    ts_ns = opens[minute // _MINUTES] + minute % _MINUTES * 60_000_000_000
    return pl.DataFrame(
        {
            "ts": pl.Series(ts_ns).cast(pl.Datetime("ns", "UTC")),
            "symbol": pl.Series([f"S{n:03}" for n in range(_SYMBOLS)])[symbol],
            "open": opened,
            "high": np.maximum(opened, close) + 0.01,
            "low": np.minimum(opened, close) - 0.01,
            "close": close,
            "volume": 100.0 * (1 + noise),
        }
    ).with_columns(pl.col("high", "low").round(2))


def _opens() -> NDArray[np.int64]:
    import datetime as dt

    from catalyst.data import calendar

    return calendar.sessions(dt.date(2023, 1, 3), dt.date(2024, 1, 31)).open_ns[:_SESSIONS]


def _bars_by_symbol(folder: Path, symbols: int, _: int) -> str:
    minute, opens = np.arange(_SESSIONS * _MINUTES), _opens()
    for number in range(symbols):
        frame = _bar_frame(np.full(len(minute), number), minute, opens)
        frame.write_parquet(folder / f"S{number:03}.parquet")
    return f"{symbols * len(minute):,} minute bars, a Parquet file a symbol"


def _bars_by_day(folder: Path, symbols: int, _: int) -> str:
    opens = _opens()
    number = np.repeat(np.arange(symbols), _MINUTES)
    for day in range(_SESSIONS):
        minute = day * _MINUTES + np.tile(np.arange(_MINUTES), symbols)
        _bar_frame(number, minute, opens).write_parquet(folder / f"{day:03}.parquet")
    return f"{symbols * _SESSIONS * _MINUTES:,} minute bars, a Parquet file a day"


def _bars_as_text(folder: Path, symbols: int, parts: int) -> str:
    import polars as pl

    minute, opens = np.arange(_SESSIONS * _MINUTES), _opens()
    taken = min(symbols, max(_CSV_SYMBOLS // parts, 2))
    for number in range(taken):
        frame = _bar_frame(np.full(len(minute), number), minute, opens)
        told = frame.with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        told.write_csv(folder / f"S{number:03}.csv")
    return f"{taken * len(minute):,} minute bars, a CSV file a symbol"


def _news_by_ticker(folder: Path, _: int, parts: int) -> str:
    import polars as pl

    rows = _NEWS_ROWS // parts
    rng = np.random.default_rng(20240102)
    ticker = np.sort(rng.integers(0, _NEWS_TICKERS, rows))
    vocabulary = pl.Series(_WORDS.split())
    picks = rng.integers(0, len(vocabulary), (rows, 7))
    parts_of = [vocabulary[picks[:, place]].alias(f"w{place}") for place in range(7)]
    since = 1_672_700_000 + rng.integers(0, 365 * 86_400, rows)
    names = ["".join(letters) for letters in product("ABCDEFGHIJ", repeat=3)]
    symbol = pl.Series(names)[ticker].alias("symbol")
    frame = pl.DataFrame([symbol, *parts_of]).select(
        pl.concat_str(
            pl.lit("$") + pl.col("symbol"), *(f"w{place}" for place in range(7)), separator=" "
        ).alias("headline"),
        pl.from_epoch(pl.Series("published_at", since)).dt.replace_time_zone("UTC"),
        "symbol",
        pl.lit("Example Wire").alias("source"),
        pl.concat_str(pl.lit("https://news.example/"), pl.int_range(rows)).alias("url"),
        pl.int_range(10**17, 10**17 + rows).cast(pl.String).alias("id"),
    )
    step = -(-rows // _NEWS_FILES)
    for number in range(_NEWS_FILES):
        frame[number * step : (number + 1) * step].write_parquet(folder / f"{number}.parquet")
    return f"{rows:,} rows of news by ticker, in {_NEWS_FILES} Parquet files"


if __name__ == "__main__":
    main(parts=_QUICK if "--quick" in sys.argv[1:] else 1)
