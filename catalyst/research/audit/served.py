"""What a user's loader returns, as something that a feed can read: a lake, or frames by table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl

from catalyst.data.bar_rows import BarRows
from catalyst.data.bar_rules import ADJUSTMENTS
from catalyst.data.bar_store import STORED
from catalyst.data.calendar import day_to_date, sessions
from catalyst.data.enrichment.schema import ENRICHED
from catalyst.data.spans import bounded, within
from catalyst.data.stamps import Moment
from catalyst.data.timeframes import DAILY, NAMES, timeframe_named
from catalyst.errors import InputError
from catalyst.research.audit.later_bars import no_rows, rows_of

_INSTANT = pl.Datetime("ns", "UTC")
_BARS: dict[str, Any] = {
    "symbol": pl.String,
    "ts": _INSTANT,
    **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64),
    "known_at": _INSTANT,
}
_BARS_OPTIONAL: dict[str, tuple[Any, object]] = {
    "source": (pl.String, "loader"),
    "adjustment": (pl.String, "raw"),
    "known_is_assumed": (pl.Boolean, False),
}
_NEWS_NEEDED = (
    "news_id", "symbol", "known_at", "published_at", "tier", "categories", "sentiment",
    "market_state", "cluster_rank",
)  # fmt: skip
_ACTIONS_NEEDED = ("symbol", "ex_date", "kind", "value", "known_at")
_UNIVERSE_NEEDED = ("symbol", "from", "to", "known_at")
_TABLES = ("bars", "news", "actions", "universe")


@runtime_checkable
class ReadableLake(Protocol):
    """Read a lake's tables; `catalyst.Lake` and an audit's remade lakes do."""

    @property
    def root(self) -> Path: ...  # noqa: D102 - as `catalyst.data.lake.Lake`
    def timeframes(self) -> list[str]: ...  # noqa: D102 - likewise
    def days(self, timeframe: str) -> list[dt.date]: ...  # noqa: D102 - likewise
    def symbols(self, timeframe: str) -> list[str]: ...  # noqa: D102 - likewise
    def read_session(self, timeframe: str, day: dt.date) -> BarRows: ...  # noqa: D102 - likewise
    def bars(  # noqa: D102 - likewise
        self,
        timeframe: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame: ...
    def news(  # noqa: D102 - likewise
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame: ...
    def read_news(self, day: dt.date) -> pl.DataFrame: ...  # noqa: D102 - likewise
    def news_symbols(self) -> list[str]: ...  # noqa: D102 - likewise
    def actions(self) -> pl.DataFrame: ...  # noqa: D102 - likewise
    def universe(self) -> pl.DataFrame: ...  # noqa: D102 - likewise
    def digest(self) -> str: ...  # noqa: D102 - likewise


class FrameLake:
    """Serve frames as a lake's tables; what isn't given comes from the lake below.

    Parameters
    ----------
    below
        The lake that the frames were made from.
    bars
        Frames of bars by timeframe, in the columns of `catalyst.Lake.bars`.
    tables
        Frames of news, actions and universe, in the columns that the lake's methods give.
    """

    def __init__(
        self,
        below: ReadableLake,
        bars: Mapping[str, pl.DataFrame],
        tables: Mapping[str, pl.DataFrame],
    ) -> None:
        self._below = below
        self._bars = dict(bars)
        self._tables = dict(tables)
        self._days: dict[str, list[dt.date]] = {}

    @property
    def own(self) -> tuple[str, ...]:
        """Return the timeframes of the bars that were given."""
        return tuple(self._bars)

    @property
    def root(self) -> Path:
        """Return the folder of the lake below."""
        return self._below.root

    def timeframes(self) -> list[str]:
        """List the timeframes of which there are bars, finest first."""
        below = self._below.timeframes()
        return [name for name in NAMES if self._height(name) or name in below]

    def _height(self, name: str) -> int:
        return self._bars[name].height if name in self._bars else 0

    def days(self, timeframe: str) -> list[dt.date]:
        """List the sessions of which there are bars of a timeframe, ascending."""
        name = timeframe_named(timeframe)
        if name not in self._bars:
            return self._below.days(name)
        if name not in self._days:
            ts = self._bars[name]["ts"].dt.timestamp("ns").to_numpy()
            table = sessions()
            found = np.unique(table.containing(ts))
            self._days[name] = [day_to_date(int(table.day[k])) for k in found.tolist()]
        return self._days[name]

    def symbols(self, timeframe: str) -> list[str]:
        """List the symbols of which there are bars of a timeframe, ascending."""
        name = timeframe_named(timeframe)
        if name not in self._bars:
            return self._below.symbols(name)
        return self._bars[name]["symbol"].unique().sort().to_list()

    def series(self, timeframe: str) -> pl.DataFrame:
        """List the series of bars of a timeframe; see `catalyst.data.series.series_of`."""
        from catalyst.data.series import series_in

        name = timeframe_named(timeframe)
        if name not in self._bars:
            return series_in(self._below, name)  # type: ignore[arg-type] # reads as a lake does
        key = ["symbol", "source", "adjustment"]
        first = pl.col("known_at").min().alias("first_known_at")
        return self._bars[name].group_by(key).agg(first, rows=pl.len()).sort(key)

    def read_session(self, timeframe: str, day: dt.date) -> BarRows:
        """Read one session's bars of a timeframe as arrays; no rows if there are none."""
        name = timeframe_named(timeframe)
        if name not in self._bars:
            return self._below.read_session(name, day)
        table = sessions(day, day)
        if not len(table):
            return no_rows()
        low, high = (pl.lit(int(ns)).cast(_INSTANT) for ns in (table.pre_ns[0], table.post_ns[0]))
        rows = self._bars[name].filter((pl.col("ts") >= low) & (pl.col("ts") < high))
        return rows_of(rows) if rows.height else no_rows()

    def bars(
        self,
        timeframe: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Read bars as a frame; see `catalyst.data.lake.Lake.bars`."""
        name = timeframe_named(timeframe)
        if name not in self._bars:
            return self._below.bars(name, start=start, end=end, symbols=symbols)
        first, from_ns = bounded(start)
        last, to_ns = bounded(end)
        local = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()
        frame = self._bars[name]
        frame = frame if first is None else frame.filter(local >= first)
        frame = frame if last is None else frame.filter(local <= last)
        return within(frame, "ts", symbols, from_ns, to_ns)

    def news(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Read news as a frame; see `catalyst.data.lake.Lake.news`."""
        if "news" not in self._tables:
            return self._below.news(start=start, end=end, symbols=symbols)
        first, from_ns = bounded(start, zone=dt.UTC)
        last, to_ns = bounded(end, zone=dt.UTC)
        date, frame = pl.col("known_at").dt.date(), self._tables["news"]
        frame = frame if first is None else frame.filter(date >= first)
        frame = frame if last is None else frame.filter(date <= last)
        return within(frame, "known_at", symbols, from_ns, to_ns)

    def read_news(self, day: dt.date) -> pl.DataFrame:
        """Read the news that became known on one UTC day; no rows if there is none."""
        if "news" not in self._tables:
            return self._below.read_news(day)
        return self._news_by_day.get(day, self._tables["news"].clear())

    @cached_property
    def _news_by_day(self) -> dict[dt.date, pl.DataFrame]:
        news = self._tables["news"].with_columns(_day=pl.col("known_at").dt.date())
        parts = news.partition_by("_day", maintain_order=True)
        return {part["_day"][0]: part.drop("_day") for part in parts}

    def news_symbols(self) -> list[str]:
        """List the symbols that have news, ascending."""
        if "news" not in self._tables:
            return self._below.news_symbols()
        return sorted(set(self._tables["news"]["symbol"].to_list()) - {""})

    def actions(self) -> pl.DataFrame:
        """Read the corporate actions."""
        return self._tables["actions"] if "actions" in self._tables else self._below.actions()

    def universe(self) -> pl.DataFrame:
        """Read the memberships."""
        return self._tables["universe"] if "universe" in self._tables else self._below.universe()

    def digest(self) -> str:
        """Give the digest of the lake below."""
        return self._below.digest()


def served(found: object, below: ReadableLake, *, timeframe: str | None) -> ReadableLake:
    """Make a readable lake of what a loader returned.

    Parameters
    ----------
    found
        A lake, or a mapping of ``bars``, ``news``, ``actions``, ``universe`` to frames; of bars
        also a mapping of timeframes to frames.
    below
        The lake that the loader was given.
    timeframe
        Of bars that don't tell it.

    Raises
    ------
    InputError
        If it is neither, or a table lacks a column.
    """
    if isinstance(found, Mapping):
        unknown = sorted(str(name) for name in found if name not in _TABLES)
        if unknown or not found:
            raise InputError(
                f"the loader returned tables named {', '.join(unknown) or 'nothing'}; expected "
                f"some of {', '.join(_TABLES)}"
            )
        tables = {name: _table(frame, name) for name, frame in found.items() if name != "bars"}
        bars = _bars(found["bars"], below, timeframe) if "bars" in found else {}
        return FrameLake(below, bars, tables)
    if isinstance(found, ReadableLake):
        return found
    raise InputError(
        f"the loader returned {_kind(found)}; expected a lake, or a dict such as "
        "{'bars': frame, 'news': frame} of polars frames"
    )


def _bars(given: object, below: ReadableLake, timeframe: str | None) -> dict[str, pl.DataFrame]:
    if isinstance(given, Mapping):
        return {
            timeframe_named(str(name)): _bar_table(_frame(frame, "bars"), str(name))
            for name, frame in given.items()
        }
    frame = _frame(given, "bars")
    if "timeframe" in frame.columns:
        names = frame["timeframe"].unique().sort().to_list()
        return {
            timeframe_named(name): _bar_table(frame.filter(pl.col("timeframe") == name), name)
            for name in names
        }
    name = timeframe or next(iter(below.timeframes()), "5m")
    return {name: _bar_table(frame, name)}


def _bar_table(frame: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    _need(frame, tuple(_BARS), "bars")
    name = timeframe_named(timeframe)
    columns = [_cast(frame, column, kind, "bars") for column, kind in _BARS.items()]
    for column, (kind, usual) in _BARS_OPTIONAL.items():
        there = column in frame.columns
        columns.append(
            _cast(frame, column, kind, "bars") if there else pl.lit(usual, kind).alias(column)
        )
    made = frame.select(columns).with_columns(timeframe=pl.lit(name))
    _no_nulls(made, "bars")
    unknown = set(made["adjustment"].unique().to_list()) - set(ADJUSTMENTS)
    if unknown:
        raise InputError(
            f"the loader's bars have the adjustment {min(unknown)!r}; expected one of "
            f"{', '.join(ADJUSTMENTS)}"
        )
    outside = sessions().containing(made["ts"].dt.timestamp("ns").to_numpy()) < 0
    if outside.any() and (name == DAILY or outside.all()):
        row = made.row(int(np.flatnonzero(outside)[0]), named=True)
        raise InputError(
            f"the loader's {name} bar of {row['symbol']} at {row['ts']:%Y-%m-%d %H:%M} UTC lies in "
            "no session; expected its start between 04:00 and 20:00 New York time of a trading "
            "day, a daily bar's at the session's open"
        )
    # A few, such as the first of a resampling, the exchange never saw; a lake has none.
    kept = made.filter(~pl.Series(outside))
    return kept.select("symbol", "ts", "timeframe", *STORED[2:])


def _table(given: object, table: str) -> pl.DataFrame:
    frame = _frame(given, table)
    if table == "news":
        _need(frame, _NEWS_NEEDED, table)
        columns = [
            _cast(frame, name, kind, table)
            if name in frame.columns
            else pl.lit(None, kind).alias(name)
            for name, kind in ENRICHED.items()
        ]
        assumed = pl.col("known_is_assumed").fill_null(value=False)
        made = frame.select(columns).with_columns(assumed)
        _no_nulls(made.select(_NEWS_NEEDED), table)
        return made.sort("known_at", "news_id", "symbol")
    needed = _ACTIONS_NEEDED if table == "actions" else _UNIVERSE_NEEDED
    _need(frame, needed, table)
    made = frame.with_columns(_cast(frame, "known_at", _INSTANT, table))
    # A membership that lasts has no end, and a rename no value.
    _no_nulls(made.select([name for name in needed if name not in {"to", "value"}]), table)
    return made


def _frame(given: object, table: str) -> pl.DataFrame:
    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    if isinstance(given, pl.DataFrame):
        return given
    if type(given).__module__.partition(".")[0] in {"pandas", "pyarrow"}:
        made = pl.from_pandas(given) if hasattr(given, "iloc") else pl.from_arrow(given)
        if isinstance(made, pl.DataFrame):
            return made
    raise InputError(f"the loader's table {table} is {_kind(given)}; expected a polars frame")


def _need(frame: pl.DataFrame, names: Sequence[str], table: str) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InputError(
            f"the loader's table {table} has no column {missing[0]!r}; expected at least "
            f"{', '.join(names)}"
        )


def _cast(frame: pl.DataFrame, name: str, kind: Any, table: str) -> pl.Expr:  # noqa: ANN401 - a polars type
    given = frame.schema[name]
    if kind == _INSTANT and (not isinstance(given, pl.Datetime) or given.time_zone is None):
        raise InputError(
            f"the loader's table {table} has {name} as {given}; expected instants with a zone, "
            "such as Datetime('ns', 'UTC')"
        )
    if kind == _INSTANT:
        return pl.col(name).dt.convert_time_zone("UTC").cast(kind)
    return pl.col(name).cast(kind)


def _no_nulls(frame: pl.DataFrame, table: str) -> None:
    for name in frame.columns:
        if frame[name].null_count():
            raise InputError(
                f"the loader's table {table} has {frame[name].null_count()} rows without {name}; "
                "expected none: leave such rows out"
            )


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
