"""The lake: bars, news, corporate actions and memberships, stored with the time each was known."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalyst.data import bar_store, timeframes
from catalyst.data.bar_intake import BarOptions, stage
from catalyst.data.bar_rows import BarRows, read_bar_rows
from catalyst.data.bar_store import read_bars, store_bars
from catalyst.data.calendar import NEW_YORK
from catalyst.data.given import FRAME, Given, frame_given
from catalyst.data.partition import only_writer, parts
from catalyst.data.quarantine import Rejected, read_quarantine, store_rejected
from catalyst.data.reports import ImportReport
from catalyst.data.stamps import NEW_YORK_NAME, Moment, stamp_ns
from catalyst.data.symbols import joined_symbol
from catalyst.errors import LakeError

if TYPE_CHECKING:
    import polars as pl

TABLES = ("bars", "news", "actions", "universe")


class Lake:
    """Open a folder of Parquet files that holds what was known, and when.

    Parameters
    ----------
    root : str or Path
        The folder; ``bars``, ``news``, ``actions``, ``universe`` and ``quarantine`` lie in it.
    create : bool
        Make the folder if it is missing; otherwise a missing or empty lake is an error.

    Raises
    ------
    LakeError
        If there is no lake at `root`, or nothing in it.
    """

    def __init__(self, root: str | Path, *, create: bool = False) -> None:
        self.root = Path(root)
        if create:
            if self.root.exists() and not self.root.is_dir():
                raise LakeError(f"{self.root} is a file; expected a folder for the lake")
            self.root.mkdir(parents=True, exist_ok=True)
        elif not self.root.is_dir():
            raise LakeError(
                f"there is no lake at {self.root}; run `catalyst data import bars PATH --lake "
                f"{self.root}` or name another with --lake"
            )
        elif not any((self.root / table).is_dir() for table in TABLES):
            raise LakeError(
                f"the lake {self.root} is empty; run `catalyst data import bars PATH --lake "
                f"{self.root}`"
            )

    def __repr__(self) -> str:
        return f"Lake({str(self.root)!r})"

    def add_bars(
        self,
        data: object,
        *,
        timeframe: str | None = None,
        symbol: str | None = None,
        mapping: Mapping[str, str] | None = None,
        tz: str = NEW_YORK_NAME,
        stamp: str = "start",
        source: str = "user",
        adjustment: str = "raw",
        date_format: str | None = None,
        file: str = FRAME,
    ) -> ImportReport:
        """Add bars; what is stored already is not stored again.

        A bar is known at its end, a daily one at its session's close, and this is marked as
        assumed; a `known_at` column says better. The same bar with a later `known_at` is a
        correction and becomes a row of its own. Prices are stored exactly as given. Rows that break
        a rule (see `catalyst.data.bar_rules`) go to quarantine, whole. Memory beyond `data` is
        bounded.

        Parameters
        ----------
        data : polars, pandas or Arrow table
            Columns ts, open, high, low, close, volume and perhaps symbol, timeframe, source,
            adjustment, known_at, known_is_assumed, or other names for them. Prices in US dollars.
            A daily stamp that is midnight in its own zone names a date; any other its New York
            date.
        timeframe : str, optional
            1m, 5m, 15m, 1h or 1d; needed without such a column, and stronger than it.
        symbol : str, optional
            The ticker of all rows; likewise.
        mapping : mapping, optional
            Names of the columns, ``{"ts": "datetime"}``; what it leaves out is guessed by name.
        tz : str
            Zone of times that name none.
        stamp : {"start", "end"}
            What an intraday time names of its bar; daily stamps name their session either way.
        source : str
            Who says so, where no column does.
        adjustment : {"raw", "split", "all"}
            What prices are adjusted for, where no column says.
        date_format : str, optional
            strftime letters, for times in a form that is not known here.
        file : str
            Name under which rejected rows are kept.

        Returns
        -------
        ImportReport

        Raises
        ------
        ImportFileError
            If a column is missing or an option is unknown.
        LakeError
            If another process is writing.
        """
        options = BarOptions(
            timeframe=timeframe,
            symbol=symbol,
            mapping=mapping,
            tz=tz,
            stamp=stamp,
            source=source,
            adjustment=adjustment,
            date_format=date_format,
        )
        return self.add_given_bars([Given(frame_given(data), file)], options)

    def add_given_bars(
        self,
        given: Sequence[Given],
        options: BarOptions,
        *,
        on_rows: Callable[[int], None] | None = None,
    ) -> ImportReport:
        """Add the bars of several files at once; see `add_bars`.

        Parameters
        ----------
        given
            Their rows.
        options
            How to read them.
        on_rows
            Called with the number of rows done, for progress.
        """
        staged = [stage(one, options) for one in given]
        rejected = Rejected("bars")
        with only_writer(self.root):
            counts = store_bars(self.root, staged, rejected=rejected, on_rows=on_rows)
            store_rejected(self.root, rejected)
        return ImportReport(
            "bars",
            given=sum(len(one) for one in given),
            imported=counts.imported,
            duplicates=counts.duplicates,
            quarantined=len(rejected),
            by_rule=dict(sorted(rejected.by_rule.items())),
            notes=tuple(
                dict.fromkeys(
                    note for one in staged for note in (*one.given.notes, *one.columns.notes)
                )
            ),
        )

    def timeframes(self) -> list[str]:
        """List the timeframes of which there are bars, finest first."""
        return [name for name in timeframes.NAMES if bar_store.days(self.root, name)]

    def days(self, timeframe: str) -> list[dt.date]:
        """List the sessions of which there are bars of a timeframe, ascending."""
        return bar_store.days(self.root, timeframes.timeframe_named(timeframe))

    def symbols(self, timeframe: str) -> list[str]:
        """List the symbols of which there are bars of a timeframe, ascending."""
        return bar_store.symbols(self.root, timeframes.timeframe_named(timeframe))

    def read_session(self, timeframe: str, day: dt.date) -> BarRows:
        """Read one session's bars of a timeframe as arrays; no rows if there are none.

        Source of the layout: one Parquet file per session, rows by symbol, ts and known_at.
        """
        name = timeframes.timeframe_named(timeframe)
        return read_bar_rows(parts(self.root / "bars" / f"timeframe={name}" / f"date={day}"))

    def bars(
        self,
        timeframe: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Read bars as a frame.

        Parameters
        ----------
        timeframe
            1m, 5m, 15m, 1h or 1d.
        start, end : date, datetime, ISO text or int, optional
            A date bounds the sessions, both included; an instant bounds `ts`, the end excluded.
        symbols
            Only these.

        Returns
        -------
        DataFrame
            symbol, ts (datetime[ns, UTC]), timeframe, open, high, low, close (float64 US dollars),
            volume, source, adjustment, known_at, known_is_assumed, in the order of session, symbol,
            ts, known_at.
        """
        import polars as pl

        first, from_ns = _bound(start)
        last, to_ns = _bound(end)
        found = read_bars(self.root, timeframes.timeframe_named(timeframe), first=first, last=last)
        if symbols is not None:
            wanted = sorted({joined_symbol(symbol) for symbol in symbols})
            found = found.filter(pl.col("symbol").is_in(wanted))
        if from_ns is not None:
            found = found.filter(pl.col("ts").dt.timestamp("ns") >= from_ns)
        if to_ns is not None:
            found = found.filter(pl.col("ts").dt.timestamp("ns") < to_ns)
        return found

    def quarantine(self) -> pl.DataFrame:
        """Read the rejected rows: table, file, line, rule, row (JSON text)."""
        return read_quarantine(self.root)

    def digests(self) -> tuple[str, str]:
        """Give the hash of the enrichment and the digest of the data; see `digest`."""
        from catalyst.data.enrichment import enrichment_hash

        return enrichment_hash(), self.digest()

    def digest(self) -> str:
        """Hash what a replay can see: SHA-256 over the tables' files and the enrichment's hash.

        Returns
        -------
        str
            64 hexadecimal characters; any changed byte of a file of bars, news, actions or
            universe, a renamed file, and a changed enrichment table or rule change them.
        """
        from catalyst.data.enrichment import enrichment_hash

        whole = hashlib.sha256()
        for table in TABLES:
            for path in sorted((self.root / table).rglob("*.parquet")):
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
                whole.update(path.relative_to(self.root).as_posix().encode())
                whole.update(content)
        whole.update(enrichment_hash().encode())
        return whole.hexdigest()


def _bound(moment: Moment | None) -> tuple[dt.date | None, int | None]:
    if moment is None:
        return None, None
    if isinstance(moment, str) and len(moment) == len("2014-06-09"):
        return dt.date.fromisoformat(moment), None
    if isinstance(moment, dt.date) and not isinstance(moment, dt.datetime):
        return moment, None
    ns = stamp_ns(moment)
    return dt.datetime.fromtimestamp(ns // 1_000_000_000, NEW_YORK).date(), ns
