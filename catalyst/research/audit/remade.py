"""A lake as it stood at an instant, with all that became known later cut off or otherwise."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa

from catalyst.data.bar_rows import BarRows
from catalyst.data.bar_store import STORED
from catalyst.data.calendar import SECOND_NS
from catalyst.data.enrichment.schema import ENRICHED
from catalyst.data.lake_files import parts
from catalyst.data.spans import bounded, within
from catalyst.data.stamps import Moment
from catalyst.data.ticks import PRICE_SCALE, PRICES, to_ticks
from catalyst.data.timeframes import NAMES, timeframe_named
from catalyst.errors import InputError
from catalyst.research.audit.later_bars import cut_rows, frame_of, other_rows
from catalyst.research.audit.later_facts import (
    instant,
    other_actions,
    other_universe,
    planted_news,
)
from catalyst.research.audit.original import Original, refused

Perturbation = Literal["cut", "other", "none"]
PERTURBATIONS: tuple[Perturbation, ...] = ("cut", "other")
NEVER_NS = 2_524_000_000_000_000_000
"""Late in the calendar: by then, everything is known."""

_LINKED = "part.parquet"


class RemadeLake:
    """Offer a lake's reading methods over another future.

    What was known at the instant is the lake's own, to the bit. ``cut`` has nothing else. ``other``
    has all that is known later with other values, and beside it facts about the past that are known
    just after the instant: other versions of known bars and articles, bars in holes, older articles
    that had not arrived, splits, dividends, memberships.

    Parameters
    ----------
    original
        The lake it is made of.
    perturbation
        ``cut`` or ``other``; ``none`` gives the lake as it is.
    at_ns
        The instant, ns UTC.
    drop
        Sessions to leave out at the lake's beginning, with the news before their end.
    late_bars
        Whether to plant late-known bars.

    Attributes
    ----------
    reads
        How often something was read through it.
    """

    def __init__(
        self,
        original: Original,
        perturbation: Perturbation = "none",
        at_ns: int = NEVER_NS,
        *,
        drop: int = 0,
        late_bars: bool = True,
    ) -> None:
        self._original = original
        self.perturbation = perturbation
        self.at_ns = at_ns
        self.reads = 0
        self._late_ns = at_ns + original.grace_ns + SECOND_NS
        self._other = perturbation == "other"
        self._before, self._today, self._after = original.session_days(at_ns)
        self._date = _utc(at_ns)
        self._whole = perturbation == "none" and not drop
        self._first = dt.date.min
        if drop and original.timeframes:
            starts = [self._original.days(name) for name in original.timeframes]
            self._first = min(days[min(drop, len(days) - 1)] for days in starts)
        self._late_bars = late_bars
        self._expired = False
        self._root: Path | None = None
        self._planted: pl.DataFrame | None = None

    def __repr__(self) -> str:
        return f"RemadeLake({self.perturbation!r}, {self.at_ns})"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any writer of a lake
        """Refuse to write."""
        if name in {"add_bars", "add_news", "add_actions", "add_universe", "enrich"}:
            return refused(name)
        raise AttributeError(f"an audit's lake has no {name!r}; it reads as catalyst.Lake does")

    @property
    def root(self) -> Path:
        """Return a folder with the same lake as files, made when it is first asked for."""
        self._count()
        if self._root is None:
            self._root = self._written()
        return self._root

    def timeframes(self) -> list[str]:
        """List the timeframes of which there are bars, finest first."""
        self._count()
        return [name for name in NAMES if name in self._original.timeframes and self._days(name)]

    def days(self, timeframe: str) -> list[dt.date]:
        """List the sessions of which there are bars of a timeframe, ascending."""
        self._count()
        return self._days(timeframe_named(timeframe))

    def symbols(self, timeframe: str) -> list[str]:
        """List the symbols of which there are bars of a timeframe, ascending."""
        return self.series(timeframe)["symbol"].unique().sort().to_list()

    def series(self, timeframe: str) -> pl.DataFrame:
        """List the series of bars of a timeframe; see `catalyst.data.series.series_of`."""
        self._count()
        found = self._original.series(timeframe_named(timeframe))
        if self._other:
            return found
        return found.filter(
            pl.col("first_known_at") <= instant(self.at_ns + self._original.grace_ns)
        )

    def read_session(self, timeframe: str, day: dt.date) -> BarRows:
        """Read one session's bars of a timeframe as arrays; no rows if there are none."""
        self._count()
        return self._rows(timeframe_named(timeframe), day)

    def bars(
        self,
        timeframe: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Read bars as a frame; see `catalyst.data.lake.Lake.bars`."""
        self._count()
        name = timeframe_named(timeframe)
        if self._whole:
            return self._original.lake.bars(name, start=start, end=end, symbols=symbols)
        first, from_ns = bounded(start)
        last, to_ns = bounded(end)
        frames = [
            self._frame(name, day)
            for day in self._days(name)
            if (first is None or day >= first) and (last is None or day <= last)
        ]
        none = [frame_of(self._original.session(name, dt.date.min).rows, name)]
        return within(pl.concat(frames or none), "ts", symbols, from_ns, to_ns)

    def news(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Read news as a frame; see `catalyst.data.lake.Lake.news`."""
        self._count()
        if self._whole:
            return self._original.lake.news(start=start, end=end, symbols=symbols)
        first, from_ns = bounded(start, zone=dt.UTC)
        last, to_ns = bounded(end, zone=dt.UTC)
        frames = [
            self._news(day)
            for day in self._news_days()
            if (first is None or day >= first) and (last is None or day <= last)
        ]
        whole = pl.concat([pl.DataFrame(schema=ENRICHED), *frames])
        return within(whole, "known_at", symbols, from_ns, to_ns)

    def read_news(self, day: dt.date) -> pl.DataFrame:
        """Read the news that became known on one UTC day; no rows if there is none."""
        self._count()
        return self._news(day)

    def news_symbols(self) -> list[str]:
        """List the symbols that have news, ascending."""
        self._count()
        known = self._original.news_symbols
        return [name for name, first_ns in known if self._other or first_ns <= self.at_ns]

    def actions(self) -> pl.DataFrame:
        """Read the corporate actions; see `catalyst.data.lake.Lake.actions`."""
        self._count()
        return self._facts(self._original.actions, other_actions)

    def universe(self) -> pl.DataFrame:
        """Read the memberships; see `catalyst.data.lake.Lake.universe`."""
        self._count()
        return self._facts(self._original.universe, other_universe)

    def quarantine(self) -> pl.DataFrame:
        """Give the table of rejected rows without rows: nobody knows when they were known."""
        self._count()
        return self._original.lake.quarantine().clear()

    def digests(self) -> tuple[str, str]:
        """Give the hash of the enrichment and the digest of the data."""
        from catalyst.data.enrichment import enrichment_hash

        return enrichment_hash(), self.digest()

    def digest(self) -> str:
        """Hash what it is made of, the instant and the perturbation: 64 hexadecimal digits."""
        text = f"{self._original.digest}|{self!r}|{self._original.seed}|{self._first}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _count(self) -> None:
        if self._expired:
            raise InputError(
                "a lake was kept from an earlier call and read again; read from the lake that is "
                "given, at each call anew"
            )
        self.reads += 1

    def _days(self, name: str) -> list[dt.date]:
        days = [day for day in self._original.days(name) if day >= self._first]
        if self._other:
            return days
        known = [day for day in days if day <= self._today]
        if known and known[-1] == self._today and not len(self._rows(name, self._today)):
            known.pop()
        return known

    def _plants(self, day: dt.date) -> bool:
        return self._other and self._late_bars and day in {self._today, self._before}

    def _rows(self, name: str, day: dt.date) -> BarRows:
        whole = self._original.session(name, day if day >= self._first else dt.date.min)
        if not self._other:
            return cut_rows(whole, self.at_ns)
        return other_rows(whole, self.at_ns, late_ns=self._late_ns, plant=self._plants(day))

    def _frame(self, name: str, day: dt.date) -> pl.DataFrame:
        # Sessions far behind are as they are in every remade lake; those ahead are all changed.
        if day in {self._today, self._before}:
            return frame_of(self._rows(name, day), name)
        if day > self._today:
            return self._original.frame(name, day, other=True, make=lambda: self._rows(name, day))
        if self._original.last_known_ns(name, day) > self.at_ns:
            return frame_of(self._rows(name, day), name)
        return self._original.frame(
            name, day, other=False, make=lambda: self._original.session(name, day).rows
        )

    def _news_days(self) -> list[dt.date]:
        first = self._first
        days = [day for day in self._original.news_days if day >= first]
        if not self._other:
            return [day for day in days if day <= self._date]
        late = {_utc(self._late_ns)} if days else set()
        return sorted(late.union(days))

    def _news(self, day: dt.date) -> pl.DataFrame:
        if day < self._first:
            return pl.DataFrame(schema=ENRICHED)
        if not self._other and day > self._date:
            return self._original.news(day).rows.clear()
        one = self._original.news(day)
        if day < self._date:
            return one.rows
        end = int(one.known_ns.searchsorted(self.at_ns, side="right"))
        if not self._other:
            return one.rows[:end]
        changed = pl.concat([one.rows[:end], one.other[end:]]) if end else one.other
        if day != _utc(self._late_ns) or not self._original.news_days:
            return changed
        if self._planted is None:
            near = [self._original.news(self._date - dt.timedelta(days=k)) for k in (1, 0)]
            made = planted_news(near, self.at_ns, late_ns=self._late_ns, seed=self._original.seed)
            self._planted = pl.concat([one.rows.clear(), *made])
        return pl.concat([changed, self._planted]).sort("known_at", "news_id", "symbol")

    def _facts(self, rows: pl.DataFrame, other: Any) -> pl.DataFrame:  # noqa: ANN401 - of two kinds
        if not self._other:
            return rows.filter(pl.col("known_at") <= instant(self.at_ns))
        made: pl.DataFrame = other(
            rows,
            self.at_ns,
            self._original.symbols,
            (self._before, self._today, self._after),
            late_ns=self._late_ns,
            seed=self._original.seed,
        )
        return made

    def _written(self) -> Path:
        root = Path(tempfile.mkdtemp(prefix=f"{self.perturbation}-", dir=self._original.scratch))
        for name in self._original.timeframes:
            for day in self._days(name):
                folder = root / "bars" / f"timeframe={name}" / f"date={day}"
                if self._settled(name, day):
                    source = self._original.lake.root / folder.relative_to(root)
                    _link(parts(source), folder)
                elif day > self._today:
                    ahead = self._original.scratch / "ahead" / name / str(day) / _LINKED
                    if not ahead.exists():
                        _write(_in_ticks(self._frame(name, day)), ahead)
                    _link([str(ahead)], folder)
                else:
                    _write(_in_ticks(self._frame(name, day)), folder / _LINKED)
        for day in self._news_days():
            folder = root / "news" / f"date={day}"
            if day < self._date:
                _link(parts(self._original.lake.root / "news" / f"date={day}"), folder)
            elif (rows := self._news(day)).height:
                _write(rows, folder / _LINKED)
        for table in ("actions", "universe"):
            _write(getattr(self, table)(), root / table / _LINKED)
        return root

    def _settled(self, name: str, day: dt.date) -> bool:
        if self.perturbation == "none":
            return True
        if day >= self._before:
            return False
        return self._original.last_known_ns(name, day) <= self.at_ns

    def expire(self) -> None:
        """Refuse to be read from now on, and remove the files that were made, if any."""
        self._expired = True
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = None


def _utc(ns: int) -> dt.date:
    return dt.datetime.fromtimestamp(ns // SECOND_NS, dt.UTC).date()


def _in_ticks(bars: pl.DataFrame) -> pa.Table:
    # As the lake stores them: a plug that reads the files finds one kind of column in all of them.
    table: pa.Table = bars.select(STORED).rechunk().to_arrow()
    encoded = to_ticks([bars[name].to_numpy() for name in PRICES])
    if encoded is None:
        return table
    ticks, scale = encoded
    for name, column in zip(PRICES, ticks, strict=True):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(column))
    return table.replace_schema_metadata({PRICE_SCALE: str(scale)})


def _write(rows: pl.DataFrame | pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    table = rows.rechunk().to_arrow() if isinstance(rows, pl.DataFrame) else rows
    pq.write_table(table, path, compression="zstd", row_group_size=1 << 24)


def _link(paths: Sequence[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        try:
            os.link(path, folder / Path(path).name)
        except OSError:  # another file system
            shutil.copyfile(path, folder / Path(path).name)
