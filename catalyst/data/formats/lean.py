"""LEAN's files: trade bars in zips, factor files, map files and coarse snapshots.

Prices are whole numbers of 1/10,000 US dollars, not adjusted; times are New York wall clock, the
start of a bar: milliseconds since midnight in files of one day, ``yyyymmdd HH:MM`` in the others.
A row of a map file is the last day of a ticker.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from catalyst.data import calendar
from catalyst.data.formats.content import Content
from catalyst.data.formats.lean_names import NAMES, TABLES, UNDATED, LeanFile
from catalyst.data.formats.opened import Opened
from catalyst.data.formats.tables import BROKEN, TextBlock, text_blocks
from catalyst.data.given import Given
from catalyst.data.messages import shown
from catalyst.data.stamp_parts import datetimes
from catalyst.data.stamps import NEW_YORK_NAME
from catalyst.data.symbols import symbol_in_name
from catalyst.errors import ImportFileError

if TYPE_CHECKING:
    import polars as pl

FORMAT = "lean"
EXPECTED = (
    "expected minute/aapl/20140605_trade.zip, daily/aapl.zip or hour/aapl.zip for bars, "
    "factor_files/aapl.csv or map_files/aapl.csv for actions, coarse/20140325.csv for a universe"
)

_BARS = ("time", "open", "high", "low", "close", "volume")
_PRICES = ("open", "high", "low", "close")
_SCALE = 10_000
_DAY_MS = 86_400_000
_FACTORS = ("date", "price_factor", "split_factor", "reference_price")
_MAP = ("date", "ticker", "exchange")
_COARSE = (
    "sid", "symbol", "close", "volume", "dollar_volume", "has_fundamentals", "price_factor",
    "split_factor",
)  # fmt: skip
_DAY = "day"


def open_lean(content: Content, found: LeanFile, table: str, notes: Sequence[str]) -> Opened:
    """Open a file of LEAN's.

    Raises
    ------
    ImportFileError
        If it holds what is not read, or what belongs into another table.
    """
    if found.kind == UNDATED:
        raise ImportFileError(
            f"{shown(content.path)} is a LEAN coarse snapshot whose name does not say its day, and "
            "nothing in it does; name it after its day, as 20140325.csv"
        )
    if found.kind not in TABLES:
        raise ImportFileError(
            f"{shown(content.path)} holds LEAN {found.kind}, which are not read; expected trade "
            "bars of equities by the minute, hour or day"
        )
    if TABLES[found.kind] != table:
        raise ImportFileError(
            f"{shown(content.path)} is one of the {NAMES[found.kind]}, not for {table}; import it "
            f"with 'catalyst data import {TABLES[found.kind]}'"
        )
    said = [*notes, found.guessed] if found.guessed else list(notes)
    preset: dict[str, object] = {"tz": NEW_YORK_NAME, "source": FORMAT}
    if found.kind == "bars":
        preset |= {"mapping": {name: name for name in ("ts", *_BARS[1:])}}
        preset |= {"symbol": found.symbol, "timeframe": found.timeframe}
        preset |= {"stamp": "start", "adjustment": "raw"}
    elif found.kind == "coarse":
        preset = {"tz": NEW_YORK_NAME, "mapping": {"symbol": "symbol", "date": "date"}}
    file = str(content.path)

    def read() -> Iterator[Given]:
        if found.kind == "bars":
            return _bars(content, found, file)
        if found.kind == "factors":
            return _factors(content, found, file)
        if found.kind == "coarse":
            return _coarse(content, found, file)
        return _renames(content, file)

    return Opened(file, FORMAT, content.size_bytes, tuple(said), read, preset)


def _bars(content: Content, found: LeanFile, file: str) -> Iterator[Given]:
    import polars as pl

    for block in text_blocks(content, names=_BARS):
        text = block.frame
        if found.day is not None:
            # Only the name of the file has the day; with it a row can be read on its own.
            text = text.select(pl.lit(found.day.isoformat()).alias(_DAY), pl.all())
        yield block.given(file, bars_of(text), original=text)


def bars_of(text: pl.DataFrame) -> pl.DataFrame:
    """Read LEAN's bars.

    Parameters
    ----------
    text
        All text: time, open, high, low, close, volume as the file has them, and day (ISO) in a file
        of one day.

    Returns
    -------
    DataFrame
        ts (New York wall clock, null if it can't be read), open, high, low and close in US dollars
        (text as it stands if one of a block can't be read), volume as text.
    """
    import polars as pl

    time = pl.col("time").str.strip_chars()
    ts = datetimes(time, "%Y%m%d %H:%M")
    if _DAY in text.columns:
        ms = time.cast(pl.Int64, strict=False)
        of_day = pl.when(ms.is_between(0, _DAY_MS - 1)).then(ms)
        midnight = datetimes(pl.col(_DAY), "%Y-%m-%d")
        ts = midnight + of_day.cast(pl.Duration("ms")).cast(pl.Duration("ns"))
    return text.select(ts.alias("ts"), *(_price(text[name]) for name in _PRICES), pl.col("volume"))


def _price(column: pl.Series) -> pl.Series:
    import polars as pl

    text = column.str.strip_chars()
    whole = text.cast(pl.Int64, strict=False)
    # numpy divides; polars multiplies by 0.0001, which is no number of two: 6448000 must become the
    # float64 nearest to 644.8.
    usd = pl.Series(whole.fill_null(0).to_numpy() / _SCALE)
    if not whole.has_nulls():
        return usd.alias(column.name)
    frame = pl.DataFrame({"text": text, "usd": usd.cast(pl.String), "whole": whole})
    priced = pl.when(pl.col("whole").is_not_null()).then("usd").otherwise("text")
    return frame.select(priced.alias(column.name)).to_series()


def _factors(content: Content, found: LeanFile, file: str) -> Iterator[Given]:
    import polars as pl

    for block in text_blocks(content, names=_FACTORS):
        yield block.given(file, block.frame.with_columns(symbol=pl.lit(found.symbol)))


def _coarse(content: Content, found: LeanFile, file: str) -> Iterator[Given]:
    import polars as pl

    for block in text_blocks(content, names=_COARSE):
        yield block.given(file, block.frame.with_columns(date=pl.lit(found.day)))


def _renames(content: Content, file: str) -> Iterator[Given]:
    import polars as pl

    columns = ("symbol", "ex_date", "kind", "new_symbol")
    before: list[tuple[int, str, str, str]] = []
    for block in text_blocks(content, names=_MAP):
        renames: list[tuple[str, str, str, str]] = []
        lines: list[int] = []
        texts: list[str] = []
        idle: list[tuple[int, str, str]] = []
        for line, row, day, ticker in _last_days(block, idle):
            if before:
                past, text, last_day, old = before.pop()
                ex_date = None if old == ticker else _session_after(last_day)
                if ex_date is None:
                    idle.append((past, "no_action" if old == ticker else "session", text))
                else:
                    renames.append((old, ex_date, "rename", ticker))
                    lines.append(past)
                    texts.append(text)
            before.append((line, row, day, ticker))
        if block.last and before:
            line, row, _, _ = before.pop()
            idle.append((line, "no_action", row))
        frame = pl.DataFrame(renames, schema=dict.fromkeys(columns, pl.String), orient="row")
        raw = pl.Series("raw", texts, dtype=pl.String)
        numbers = np.array(lines, np.int64)
        yield Given(frame, file, numbers, sorted(idle), tuple(block.notes), block.end_byte, raw)


def _last_days(
    block: TextBlock, rejected: list[tuple[int, str, str]]
) -> Iterator[tuple[int, str, str, str]]:
    """Give line, row as JSON, day and ticker of each row; a file may leave out the exchange."""
    whole = zip(block.line.tolist(), block.frame.iter_rows(), strict=True)
    rows = [(line, ",".join(values)) for line, values in whole]
    for line, row in block.broken:
        text = json.loads(row)
        if isinstance(text, str) and text.count(",") == 1:
            rows.append((line, text))
        else:
            rejected.append((line, BROKEN, row))
    for line, text in sorted(rows):
        day, ticker = (part.strip() for part in text.split(",")[:2])
        row = json.dumps(text, ensure_ascii=False)
        symbol = symbol_in_name(ticker)
        if len(day) != 8 or not day.isdigit():
            rejected.append((line, "stamp", row))
        elif symbol is None:
            rejected.append((line, "symbol", row))
        else:
            yield line, row, day, symbol


def _session_after(day: str) -> str | None:
    try:
        date = dt.datetime.strptime(day, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None
    every = calendar.sessions()
    place = int(np.searchsorted(every.day, calendar.date_to_day(date), side="right"))
    if date < calendar.FIRST or place >= len(every):
        return None
    return calendar.day_to_date(int(every.day[place])).isoformat()
