"""The lake: bars, news, corporate actions and memberships, stored with the time each was known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalyst.data import action_intake, bar_store, imports, news_store, timeframes, universe_intake
from catalyst.data.action_intake import ActionOptions
from catalyst.data.bar_intake import BarOptions
from catalyst.data.bar_rows import BarRows, read_bar_rows
from catalyst.data.fact_store import read_facts
from catalyst.data.formats.opened import opened_frame
from catalyst.data.given import FRAME
from catalyst.data.lake_files import digest_of, parts
from catalyst.data.lake_folder import TABLES, open_folder
from catalyst.data.news_intake import NewsOptions
from catalyst.data.quarantine import read_quarantine
from catalyst.data.reports import ImportReport
from catalyst.data.spans import bounded, within
from catalyst.data.stamps import Moment
from catalyst.data.universe_intake import UniverseOptions

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TABLES", "Lake"]


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
        If there is no lake at `root`, nothing in it, or an interrupted import can't be finished.
    """

    def __init__(self, root: str | Path, *, create: bool = False) -> None:
        self.root = Path(root)
        open_folder(self.root, create=create)

    def __repr__(self) -> str:
        return f"Lake({str(self.root)!r})"

    def add_bars(
        self,
        data: object,
        *,
        timeframe: str | None = None,
        symbol: str | None = None,
        mapping: Mapping[str, str] | None = None,
        tz: str | None = None,
        stamp: str | None = None,
        source: str | None = None,
        adjustment: str | None = None,
        date_format: str | None = None,
        fetched_at_ns: int | None = None,
        covered_until_ns: int | None = None,
        file: str = FRAME,
    ) -> ImportReport:
        """Add bars; what is stored already is not stored again.

        A bar is known at its end, a daily one at its session's close, and this is marked as
        assumed; a `known_at` column says better. The same bar with a later `known_at` is a
        correction and a row of its own. Prices are stored exactly as given. Rows that break a rule
        (see `catalyst.data.bar_rules`) go to quarantine, whole.

        Parameters
        ----------
        data : polars, pandas or Arrow table
            Columns ts, open, high, low, close, volume and perhaps symbol, timeframe, source,
            adjustment, known_at, known_is_assumed, or other names for them. Prices in US dollars.
            A daily stamp of midnight in its own zone names a date, any other its New York date.
        timeframe : str, optional
            1m, 5m, 15m, 1h or 1d; needed without such a column, and stronger than it.
        symbol : str, optional
            The ticker of all rows; likewise. ``@name``: the name of `file` up to its first dot.
        mapping : mapping, optional
            Names of the columns, ``{"ts": "datetime"}``; what it leaves out is guessed by name.
        tz, stamp, source, adjustment : str, optional
            Zone of times that name none (New York, if left out); what an intraday time names of its
            bar, start or end (start); who says so, where no column does (``user``); what prices are
            adjusted for, raw, split or all, where no column says (raw).
        date_format : str, optional
            strftime letters, for times in a form that is not known here.
        fetched_at_ns, covered_until_ns : int, optional
            When a vendor gave these rows, ns UTC: a bar that differs from the latest stored version
            is a revision, known from then, and so is one that is new though it ended before
            `covered_until_ns`, up to when all had been asked for before.
        file : str
            Name under which rejected rows are kept.

        Returns
        -------
        ImportReport

        Raises
        ------
        ImportFileError, LakeError
            If a column is missing or an option is unknown; if another process is writing.
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
            fetched_at_ns=fetched_at_ns,
            covered_until_ns=covered_until_ns,
        )
        return imports.import_bars(self.root, [opened_frame(data, file, lists=False)], options)

    def add_news(
        self,
        data: object,
        *,
        mapping: Mapping[str, str] | None = None,
        symbol: str | None = None,
        tz: str | None = None,
        source: str | None = None,
        provider: str | None = None,
        latency_s: float | None = None,
        date_format: str | None = None,
        midnight: str | None = None,
        fetched_at_ns: int | None = None,
        covered_until_ns: int | None = None,
        file: str = FRAME,
    ) -> ImportReport:
        """Add news, enrich it, and enrich again what it changes; known articles are not repeated.

        An article is known at the later of publication and collection; without a time of
        collection, `latency_s` after publication, which is marked as assumed. A date without a time
        of day, or with midnight, counts as 20:00 New York time. An article has one row per symbol:
        the provider's links, unless the text shows them wrong, and those that the text makes.

        Parameters
        ----------
        data : polars, pandas or Arrow table
            Columns headline and published_at (or date, time, created_at, ...), and perhaps known_at
            (or collected_at), symbol (one, several in a text, or a list), source, author, url,
            provider, id, retweet_of_id. All columns are kept, as JSON, in the column raw.
        mapping, tz, date_format, file
            As in `add_bars`.
        symbol : str, optional
            The provider's link of all rows, stronger than a column.
        source : str, optional
            The outlet, where no column says.
        provider : str, optional
            Who delivered it, where no column says; by default `source`, else ``user``.
        latency_s : float, optional
            Seconds from publication to knowledge, where no time of collection is given (60).
        midnight : {"date", "time"}, optional
            Whether a time of exactly midnight in its own zone is a date (if left out) or a time.
        fetched_at_ns, covered_until_ns : int, optional
            As in `add_bars`: news that is new though it was known before is known from the fetch.

        Returns and raises what `add_bars` does.
        """
        options = NewsOptions(
            mapping=mapping,
            symbol=symbol,
            tz=tz,
            source=source,
            provider=provider,
            latency_s=latency_s,
            date_format=date_format,
            midnight=midnight,
            fetched_at_ns=fetched_at_ns,
            covered_until_ns=covered_until_ns,
        )
        return imports.import_news(self.root, [opened_frame(data, file)], options)

    def news(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Read news as a frame.

        Parameters
        ----------
        start, end : date, datetime, ISO text or int, optional
            A date bounds the UTC date of `known_at`, both included; an instant bounds `known_at`,
            the end excluded.
        symbols
            Only these.

        Returns
        -------
        DataFrame
            One row per article, symbol and version, by known_at, news_id, symbol; see
            `catalyst.data.enrichment.schema.ENRICHED`.
        """
        first, from_ns = bounded(start, zone=dt.UTC)
        last, to_ns = bounded(end, zone=dt.UTC)
        found = news_store.read_news(self.root, first=first, last=last)
        return within(found, "known_at", symbols, from_ns, to_ns)

    def read_news(self, day: dt.date) -> pl.DataFrame:
        """Read the news that became known on one UTC day; no rows if there is none."""
        return news_store.read_news_of(self.root, day)

    def news_symbols(self) -> list[str]:
        """List the symbols that have news, ascending."""
        return news_store.news_symbols(self.root)

    def add_actions(
        self,
        data: object,
        *,
        mapping: Mapping[str, str] | None = None,
        symbol: str | None = None,
        tz: str | None = None,
        source: str | None = None,
        date_format: str | None = None,
        fetched_at_ns: int | None = None,
        covered_until_ns: int | None = None,
        file: str = FRAME,
    ) -> ImportReport:
        """Add splits, dividends and renames, or rows of cumulative factors that hold them.

        Parameters
        ----------
        data : polars, pandas or Arrow table
            Columns symbol, ex_date (a session), kind (split, dividend, rename), value (new shares
            per old, also written ``7:1``; US dollars a share), new_symbol, and perhaps known_at,
            else 04:00 New York time of the ex-date, marked as assumed. Or LEAN's factors: symbol,
            date, price_factor, split_factor, reference_price.
        mapping, symbol, tz, source, date_format, fetched_at_ns, covered_until_ns, file
            As in `add_bars`.

        Returns and raises what `add_bars` does.
        """
        options = ActionOptions(
            mapping=mapping,
            symbol=symbol,
            tz=tz,
            source=source,
            date_format=date_format,
            fetched_at_ns=fetched_at_ns,
            covered_until_ns=covered_until_ns,
        )
        return imports.import_actions(self.root, [opened_frame(data, file, lists=False)], options)

    def add_universe(
        self,
        data: object,
        *,
        mapping: Mapping[str, str] | None = None,
        tz: str | None = None,
        date_format: str | None = None,
        file: str = FRAME,
    ) -> ImportReport:
        """Add memberships: which symbols could be traded when, as known at the time.

        Give all daily snapshots at once: a later import does not end what an earlier one left open.

        Parameters
        ----------
        data : polars, pandas or Arrow table
            Columns symbol, from, to (last day as a member; empty while it lasts), and perhaps
            known_at. Or daily snapshots: symbol and a date, one row for each member.
        mapping, tz, date_format, file
            As in `add_bars`.

        Returns and raises what `add_bars` does.
        """
        options = UniverseOptions(mapping=mapping, tz=tz, date_format=date_format)
        return imports.import_universe(self.root, [opened_frame(data, file, lists=False)], options)

    def actions(self) -> pl.DataFrame:
        """Read the corporate actions.

        Returns
        -------
        DataFrame
            symbol, ex_date (date), kind (split, dividend, rename), value (new shares per old; US
            dollars a share), new_symbol, known_at, known_is_assumed, source; by symbol, ex_date,
            known_at.
        """
        return read_facts(self.root, action_intake.TABLE, action_intake.empty_actions())

    def universe(self) -> pl.DataFrame:
        """Read the memberships.

        Returns
        -------
        DataFrame
            symbol, from, to (dates, both included; null while it lasts), known_at,
            known_is_assumed; by symbol, from, known_at. The end of a membership is a second row
            with the same `from`, known later.
        """
        return read_facts(self.root, universe_intake.TABLE, universe_intake.empty_universe())

    def enrich(self, *, on_rows: imports.OnRows = lambda _: None) -> tuple[int, int]:
        """Enrich all stored news again, as after a change of the enrichment tables.

        Returns
        -------
        (int, int)
            Rows of news, and files that changed.
        """
        return imports.enrich_stored(self.root, on_rows=on_rows)

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
        first, from_ns = bounded(start)
        last, to_ns = bounded(end)
        found = bar_store.read_bars(
            self.root, timeframes.timeframe_named(timeframe), first=first, last=last
        )
        return within(found, "ts", symbols, from_ns, to_ns)

    def quarantine(self) -> pl.DataFrame:
        """Read the rejected rows; see `catalyst.data.quarantine.read_quarantine`."""
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
            64 hexadecimal characters; any changed byte or name of a file of bars, news, actions or
            universe, and a changed enrichment table or rule change them.
        """
        from catalyst.data.enrichment import enrichment_hash

        return digest_of(self.root, TABLES, enrichment_hash())
