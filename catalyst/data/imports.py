"""Imports: rows of one or more files into one table of a lake, in one commit, all accounted for.

Files are read a block at a time. What passes the rules waits, sorted by session or day, until all
is read, and is then merged with what the lake holds. Memory stays below `MEMORY_BYTES`, whatever
the size of the files and of the lake, as long as a session has no more than three million bars, a
day of news no more than a hundred thousand rows, and the small tables fit (see `WHOLE_ROWS`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data import action_intake, universe_intake
from catalyst.data.action_intake import ACTION_DEFAULTS, ActionOptions, read_actions
from catalyst.data.bar_intake import BarOptions, bar_reading, read_bars
from catalyst.data.bar_merge import WaitingBars, merge_bars
from catalyst.data.bar_rules import BarRule
from catalyst.data.blocks import ahead, head_of, whole
from catalyst.data.fact_store import FactCounts, Facts, store_facts
from catalyst.data.formats.opened import Opened
from catalyst.data.given import Given
from catalyst.data.news_intake import NewsOptions, NewsRule, news_reading, read_reports
from catalyst.data.news_merge import WaitingNews, enrich_again, merge_news
from catalyst.data.options import options_text, settled
from catalyst.data.partition import Transaction, only_writer
from catalyst.data.quarantine import Rejected, Selection, store_rejected
from catalyst.data.reports import ImportReport
from catalyst.data.spill import Spill
from catalyst.data.universe_intake import UNIVERSE_DEFAULTS, UniverseOptions, read_universe

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from catalyst.data.columns import Columns

#: Most memory that an import of bars or news takes; `make bench` measures it.
MEMORY_BYTES = 2 * 10**9

#: Called with a number more: of rows, or of bytes.
OnRows = Callable[[int], None]
OnBytes = Callable[[int], None]

# Reading counts for so much of a file's bytes, merging for the rest: what progress is measured by.
_READING_SHARE = {"bars": 0.5, "news": 0.1}
_CONFLICT_BYTES = 16 * 2**20


def _none(_: int) -> None:
    pass


class _Account:
    """What an import has seen so far: rows, files, notes, progress."""

    def __init__(self, rejected: Rejected, on_rows: OnRows, on_bytes: OnBytes) -> None:
        self.rejected = rejected
        self.options = ""
        # Number of the first row of each file, and how the file was read.
        self.files: list[tuple[int, str]] = []
        self._on_rows, self._on_bytes = on_rows, on_bytes
        self._given = self._rows = self._bytes = self._merged = 0
        self._share = _READING_SHARE.get(rejected.table, 1.0)
        self._file_byte = 0
        self._notes: dict[str, None] = {}

    def begin(
        self, opened: Opened, head: Given, options: DataclassInstance, columns: Columns
    ) -> None:
        raw = bool(opened.preset.get("raw", head.raw is not None))
        self.options = options_text(options, format_=opened.format, raw=raw)
        self.files.append((self._rows, self.options))
        self._file_byte = 0
        self._notes.update(dict.fromkeys((*opened.notes, *columns.notes)))

    def take(self, given: Given) -> int:
        """Count a block, and give the number of its first row."""
        first = self._rows
        self._rows += given.frame.height
        self._given += len(given)
        self._notes.update(dict.fromkeys(given.notes))
        if given.broken:
            lines, rules, texts = zip(*given.broken, strict=True)
            self.rejected.add(
                given.file, lines=lines, rules=rules, texts=texts, options=self.options
            )
        self._on_rows(len(given))
        if given.end_byte is not None:
            self._read_until(given.end_byte)
        return first

    def end(self, opened: Opened) -> None:
        self._read_until(opened.size_bytes)

    def merged(self, rows: int) -> None:
        before = self._merged
        self._merged += rows
        left = self._bytes * (1 / self._share - 1)
        total = max(self._rows, 1)
        self._on_bytes(int(left * self._merged / total) - int(left * before / total))

    def reject(self, given: Given, rule: NDArray[np.int8], rules: type[IntEnum]) -> None:
        broken = np.flatnonzero(rule)
        if len(broken):
            self.rejected.add(
                given.file,
                lines=given.lines(broken).tolist(),
                rules=[rules(code).name.lower() for code in rule[broken].tolist()],
                texts=given.texts(broken),
                options=self.options,
            )

    def put_aside(self, conflicts: Spill, rows: NDArray[np.int64]) -> None:
        import polars as pl

        starts = [first for first, _ in self.files]
        number = np.searchsorted(starts, rows, side="right") - 1
        conflicts.add(pl.DataFrame({"row": rows}), number)

    def report(
        self, *, imported: int, duplicates: int, links_added: int = 0, links_dropped: int = 0
    ) -> ImportReport:
        return ImportReport(
            self.rejected.table,
            given=self._given,
            imported=imported,
            duplicates=duplicates,
            quarantined=len(self.rejected),
            by_rule=dict(sorted(self.rejected.by_rule.items())),
            notes=tuple(self._notes),
            links_added=links_added,
            links_dropped=links_dropped,
        )

    def _read_until(self, end_byte: int) -> None:
        done = int(self._share * (end_byte - self._file_byte))
        self._file_byte = end_byte
        self._bytes += done
        self._on_bytes(done)


def import_bars(
    root: Path,
    opened: Sequence[Opened],
    options: BarOptions,
    *,
    on_rows: OnRows = _none,
    on_bytes: OnBytes = _none,
    released: Selection | None = None,
    wait_s: float = 0.0,
) -> ImportReport:
    """Add bars to the lake at `root`; see `catalyst.data.lake.Lake.add_bars`.

    Parameters
    ----------
    root
        The lake's folder; made if it is missing.
    opened
        The files; all of them are one commit.
    options
        What the user said; what is None comes from the files' formats, else from the defaults.
    on_rows, on_bytes
        Called with the number of rows read more, and of bytes done more, for progress.
    released
        Rows of quarantine that leave it in the same commit.
    wait_s
        How many seconds to wait for another writer to end.
    """
    with only_writer(root, wait_s=wait_s) as change:
        account = _Account(Rejected("bars", change.scratch), on_rows, on_bytes)
        waiting = WaitingBars(change.scratch)
        for one in opened:
            blocks = ahead(one.blocks())
            head, blocks = head_of(blocks, file=one.file)
            reading = bar_reading(head, options, one.preset)
            account.begin(one, head, reading.options, reading.columns)
            for given in blocks:
                first_row = account.take(given)
                read, rule = read_bars(given, reading)
                account.reject(given, rule, BarRule)
                waiting.add(read, first_row=first_row)
            account.end(one)
        conflicts = Spill(change.scratch, "conflicts", budget_bytes=_CONFLICT_BYTES)
        counts = merge_bars(
            change,
            waiting,
            fetched_at_ns=options.fetched_at_ns,
            covered_until_ns=options.covered_until_ns,
            on_conflict=lambda rows: account.put_aside(conflicts, rows),
            on_rows=account.merged,
        )
        _reject_conflicts(opened, conflicts, account)
        store_rejected(change, account.rejected, released=released)
    return account.report(imported=counts.imported, duplicates=counts.duplicates)


def import_news(
    root: Path,
    opened: Sequence[Opened],
    options: NewsOptions,
    *,
    on_rows: OnRows = _none,
    on_bytes: OnBytes = _none,
    released: Selection | None = None,
    wait_s: float = 0.0,
) -> ImportReport:
    """Add news to the lake at `root`; see `import_bars` and `catalyst.data.lake.Lake.add_news`."""
    with only_writer(root, wait_s=wait_s) as change:
        account = _Account(Rejected("news", change.scratch), on_rows, on_bytes)
        waiting = WaitingNews(change.scratch)
        for one in opened:
            blocks = ahead(one.blocks())
            head, blocks = head_of(blocks, file=one.file)
            reading = news_reading(head, options, one.preset)
            account.begin(one, head, reading.options, reading.columns)
            waiting.files.append((one.file, account.options))
            for given in blocks:
                first_row = account.take(given)
                reports = read_reports(given, reading)
                account.reject(given, reports.rule, NewsRule)
                lines = given.lines(np.arange(given.frame.height))
                waiting.add(reports.links, lines=lines, first_row=first_row)
            account.end(one)
        counts = merge_news(change, waiting, rejected=account.rejected, on_rows=account.merged)
        store_rejected(change, account.rejected, released=released)
    return account.report(
        imported=counts.imported,
        duplicates=counts.duplicates,
        links_added=counts.links_added,
        links_dropped=counts.links_dropped,
    )


def enrich_stored(root: Path, *, on_rows: OnRows) -> tuple[int, int]:
    """Enrich all news of the lake at `root` again; see `catalyst.data.lake.Lake.enrich`."""
    with only_writer(root) as change:
        rejected = Rejected("news", change.scratch)
        found = enrich_again(change, rejected=rejected, on_rows=on_rows)
        store_rejected(change, rejected)
    return found


def import_actions(
    root: Path,
    opened: Sequence[Opened],
    options: ActionOptions,
    *,
    on_rows: OnRows = _none,
    on_bytes: OnBytes = _none,
    released: Selection | None = None,
    wait_s: float = 0.0,
) -> ImportReport:
    """Add corporate actions; see `import_bars` and `catalyst.data.lake.Lake.add_actions`."""
    with only_writer(root, wait_s=wait_s) as change:
        account = _Account(Rejected(action_intake.TABLE, change.scratch), on_rows, on_bytes)
        read = []
        for one in opened:
            given = whole(one.blocks(), file=one.file)
            told = settled(options, one.preset, ACTION_DEFAULTS)
            facts = read_actions(given, told)
            account.begin(one, given, told, facts.columns)
            account.take(given)
            account.end(one)
            read.append((facts, [(given, account.options)]))
        counts = _store(
            change,
            account,
            read,
            key=action_intake.KEY,
            rules=action_intake.ActionRule,
            fetched_at_ns=options.fetched_at_ns,
            covered_until_ns=options.covered_until_ns,
        )
        store_rejected(change, account.rejected, released=released)
    return account.report(imported=counts.imported, duplicates=counts.duplicates)


def import_universe(
    root: Path,
    opened: Sequence[Opened],
    options: UniverseOptions,
    *,
    on_rows: OnRows = _none,
    on_bytes: OnBytes = _none,
    released: Selection | None = None,
    wait_s: float = 0.0,
) -> ImportReport:
    """Add memberships; see `import_bars` and `catalyst.data.lake.Lake.add_universe`."""
    import polars as pl

    with only_writer(root, wait_s=wait_s) as change:
        account = _Account(Rejected(universe_intake.TABLE, change.scratch), on_rows, on_bytes)
        parts = [whole(one.blocks(), file=one.file) for one in opened]
        read = []
        if parts:
            # Snapshots of several days say together who was a member when.
            frame = pl.concat([part.frame for part in parts], how="diagonal_relaxed")
            files = ", ".join(part.file for part in parts)
            told = settled(options, opened[0].preset, UNIVERSE_DEFAULTS)
            facts = read_universe(Given(frame, files), told)
            sources = []
            for one, given in zip(opened, parts, strict=True):
                account.begin(one, given, told, facts.columns)
                account.take(given)
                account.end(one)
                sources.append((given, account.options))
            read.append((facts, sources))
        counts = _store(
            change, account, read, key=universe_intake.KEY, rules=universe_intake.UniverseRule
        )
        store_rejected(change, account.rejected, released=released)
    return account.report(imported=counts.imported, duplicates=counts.duplicates)


def _store(
    change: Transaction,
    account: _Account,
    read: Sequence[tuple[Facts, list[tuple[Given, str]]]],
    *,
    key: Sequence[str],
    rules: type[IntEnum],
    fetched_at_ns: int | None = None,
    covered_until_ns: int | None = None,
) -> FactCounts:
    counts, broken = store_facts(
        change,
        account.rejected.table,
        [facts for facts, _ in read],
        key=key,
        rules=rules,
        fetched_at_ns=fetched_at_ns,
        covered_until_ns=covered_until_ns,
    )
    for (_, sources), rule in zip(read, broken, strict=True):
        start = 0
        for given, options in sources:
            end = start + given.frame.height
            account.options = options
            account.reject(given, rule[start:end], rules)
            start = end
    return counts


def _reject_conflicts(opened: Sequence[Opened], conflicts: Spill, account: _Account) -> None:
    """Read the files of rows that contradict another once more, for the rows whole."""
    for number in conflicts.sizes():
        rows = np.sort(conflicts.read(number, number)["row"].to_numpy())
        first_row, account.options = account.files[number]
        for given in opened[number].blocks():
            start, stop = np.searchsorted(rows, [first_row, first_row + given.frame.height])
            rule = np.zeros(given.frame.height, np.int8)
            rule[rows[start:stop] - first_row] = BarRule.CONFLICT
            account.reject(given, rule, BarRule)
            first_row += given.frame.height
