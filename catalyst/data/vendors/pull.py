"""A pull: what is missing is planned, fetched chunk by chunk, stored, and only then marked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from catalyst.data.vendors.landing import finished, land
from catalyst.data.vendors.ledger import Ledger, only_pull
from catalyst.data.vendors.protocol import Chunk, Page, Request, Vendor
from catalyst.errors import VendorError

if TYPE_CHECKING:
    from catalyst.data.reports import ImportReport

# A vendor that fails so often in a row will fail on.
_FAILURES_IN_A_ROW = 3


@dataclass(slots=True)
class TableCounts:
    """Count what a pull did with one table.

    Attributes
    ----------
    given, imported, revised, duplicates, quarantined : int
        Rows the vendor gave; those new to the lake; those of spans that were pulled before,
        revised or added since, known from this pull on; exact copies; rejected rows.
        ``given = imported + revised + duplicates + quarantined``.
    unfinished : int
        Bars that had not ended, left to the next pull; not in the sum.
    pages, chunks : int
        Answers, and pieces of work done.
    """

    given: int = 0
    imported: int = 0
    revised: int = 0
    duplicates: int = 0
    quarantined: int = 0
    unfinished: int = 0
    pages: int = 0
    chunks: int = 0
    by_rule: dict[str, int] = field(default_factory=dict)

    def add(self, report: ImportReport, *, again: bool) -> None:
        """Add the report of one chunk."""
        self.given += report.given
        if again:
            self.revised += report.imported
        else:
            self.imported += report.imported
        self.duplicates += report.duplicates
        self.quarantined += report.quarantined
        for rule, count in report.by_rule.items():
            self.by_rule[rule] = self.by_rule.get(rule, 0) + count


@dataclass(slots=True)
class PullReport:
    """Tell what a pull did.

    Attributes
    ----------
    tables : dict of str to TableCounts
        By table.
    failed : list of (str, str)
        Chunks that could not be had, and why.
    left : int
        Chunks not tried, because the vendor failed too often in a row.
    unknown : dict of str to list of str
        By table, symbols that the vendor does not know.
    without_data : dict of str to list of str
        By table, symbols of which it gave no row.
    notes : list of str
        What was cut or left out, one sentence each.
    """

    tables: dict[str, TableCounts]
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    unknown: dict[str, list[str]] = field(default_factory=dict)
    without_data: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Say whether everything asked for is there."""
        return not self.failed and not self.left and not any(self.unknown.values())


class Screen(Protocol):
    """Be shown how a pull goes."""

    def planned(self, chunks: int) -> None:
        """Learn how many chunks there are."""

    def began(self, chunk: Chunk) -> None:
        """Learn which chunk is fetched now."""

    def paged(self, rows: int) -> None:
        """Learn of rows that arrived."""

    def ended(self, chunk: Chunk) -> None:
        """Learn that it is in the lake, or failed."""


def pull(
    root: Path,
    vendor: Vendor,
    told: Request,
    *,
    now_ns: Callable[[], int],
    screen: Screen,
    start_is_told: bool = True,
    end_is_told: bool = True,
    refresh: bool = False,
) -> PullReport:
    """Pull what a lake has not yet.

    A chunk is fetched, stored in one transaction, and marked as done: a pull that is killed goes on
    with the next chunk, and leaves the lake that it would have left without a break.

    Parameters
    ----------
    root
        The lake's folder; made if it is missing.
    vendor, told
        From whom, and what.
    now_ns
        The time, ns UTC.
    screen
        Shown how it goes.
    start_is_told, end_is_told
        Whether the user named the bounds; what was not named is cut without complaint.
    refresh
        Look for revisions of everything asked for, not only of what may still change.

    Raises
    ------
    InputError
        If more is asked for than the vendor has, or it refuses the keys.
    LakeError
        If another pull or writer is at work in this lake.
    """
    bounds = {"start_is_told": start_is_told, "end_is_told": end_is_told}
    vendor.within_reach(told, now_ns(), **bounds)
    with only_pull(root, vendor.name):
        ledger = Ledger(root, vendor.name)
        words = _words(told, refresh=refresh)
        fetched_ns = ledger.begin(words, now_ns())
        request, notes = vendor.within_reach(told, fetched_ns, **bounds)
        report = PullReport({table: TableCounts() for table in request.tables}, notes=list(notes))
        chunks = _planned(ledger, vendor, request, fetched_ns, now_ns(), refresh=refresh)
        screen.planned(len(chunks))
        rowless = _work(root, vendor, request, ledger, chunks, fetched_ns, report, screen)
        for table, symbols in rowless.items():
            unknown = report.unknown.get(table, [])
            missing = sorted(symbols - set(unknown))
            # Most symbols have no split or dividend in most spans.
            if missing and table != "actions":
                report.without_data[table] = missing
        if not report.failed and not report.left:
            ledger.end(words)
    return report


def described(chunk: Chunk) -> str:
    """Name a chunk for people: its table, symbols and dates."""
    from catalyst.data.vendors.chunks import date_of, last_date_of

    names = ",".join(chunk.symbols[:2])
    if len(chunk.symbols) > 2:
        names = f"{chunk.symbols[0]}..{chunk.symbols[-1]}"
    return f"{chunk.table} {names} {date_of(chunk.span.start_ns)} to {last_date_of(chunk.span)}"


def _words(request: Request, *, refresh: bool) -> str:
    parts = [request.tables, request.symbols, request.span, request.timeframe, request.feed]
    return json.dumps([*parts, refresh], separators=(",", ":"))


def _planned(
    ledger: Ledger,
    vendor: Vendor,
    request: Request,
    fetched_ns: int,
    now_ns: int,
    *,
    refresh: bool,
) -> list[Chunk]:
    chunks = []
    for table in request.tables:
        missing = ledger.missing(
            vendor.source(request, table),
            request.symbols,
            request.span,
            fetched_ns=fetched_ns,
            now_ns=now_ns,
            refresh=refresh,
        )
        found = [replace(c, again=True) for c in vendor.plan(request, table, missing.again)]
        found += vendor.plan(request, table, missing.fresh)
        chunks += sorted(found, key=lambda chunk: (chunk.span, chunk.symbols))
    return chunks


def _work(
    root: Path,
    vendor: Vendor,
    request: Request,
    ledger: Ledger,
    chunks: list[Chunk],
    fetched_ns: int,
    report: PullReport,
    screen: Screen,
) -> dict[str, set[str]]:
    asked: dict[str, set[str]] = {}
    had: dict[str, set[str]] = {}
    in_a_row = 0
    for number, chunk in enumerate(chunks):
        screen.began(chunk)
        counts = report.tables[chunk.table]
        try:
            pages = _fetched(vendor, request, chunk, fetched_ns, counts, screen)
        except VendorError as error:
            report.failed.append((described(chunk), str(error)))
            screen.ended(chunk)
            in_a_row += 1
            if in_a_row == _FAILURES_IN_A_ROW:
                report.left = len(chunks) - number - 1
                break
            continue
        in_a_row = 0
        found = land(
            root,
            vendor.name,
            chunk,
            pages,
            vendor.options(request, chunk.table),
            fetched_ns=fetched_ns,
        )
        if found is not None:
            counts.add(found, again=chunk.again)
        counts.chunks += 1
        unknown = {symbol for page in pages for symbol in page.unknown}
        known = [symbol for symbol in chunk.symbols if symbol not in unknown]
        ledger.add(
            vendor.source(request, chunk.table),
            known,
            chunk.span,
            fetched_ns=fetched_ns,
            settled_ns=vendor.settled_ns(chunk.table),
        )
        if unknown:
            before = report.unknown.get(chunk.table, [])
            report.unknown[chunk.table] = sorted({*before, *unknown})
        report.notes += [note for page in pages for note in page.notes if note not in report.notes]
        if not chunk.again:
            asked.setdefault(chunk.table, set()).update(known)
        had.setdefault(chunk.table, set()).update(_symbols_in(pages))
        screen.ended(chunk)
    return {table: symbols - had.get(table, set()) for table, symbols in asked.items()}


def _fetched(
    vendor: Vendor,
    request: Request,
    chunk: Chunk,
    fetched_ns: int,
    counts: TableCounts,
    screen: Screen,
) -> list[Page]:
    pages = []
    for page in vendor.fetch(request, chunk):
        counts.pages += not page.unknown or page.frame.height > 0
        screen.paged(page.frame.height)
        if chunk.table == "bars":
            kept = finished(page.frame, request.timeframe, fetched_ns=fetched_ns)
            counts.unfinished += page.frame.height - kept.height
            pages.append(replace(page, frame=kept))
        else:
            pages.append(page)
    return pages


def _symbols_in(pages: list[Page]) -> set[str]:
    import polars as pl

    found: set[str] = set()
    for page in pages:
        column = page.frame["symbol"] if page.frame.height else pl.Series([], dtype=pl.String)
        if isinstance(column.dtype, pl.List):
            column = column.explode()
        found.update(column.drop_nulls().unique().to_list())
    return found
