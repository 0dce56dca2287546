"""Imports: given rows of one or more files, into one table of a lake, all accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path

from catalyst.data import action_intake, universe_intake
from catalyst.data.action_intake import ActionOptions, read_actions
from catalyst.data.bar_intake import BarOptions, stage
from catalyst.data.bar_store import store_bars
from catalyst.data.columns import Columns
from catalyst.data.fact_store import Facts, store_facts
from catalyst.data.given import Given, given_together
from catalyst.data.news_intake import NewsOptions, read_reports
from catalyst.data.news_store import store_news
from catalyst.data.partition import only_writer
from catalyst.data.quarantine import Rejected, store_rejected
from catalyst.data.reports import ImportReport
from catalyst.data.universe_intake import UniverseOptions, read_universe

#: Called with the number of rows done, for progress.
OnRows = Callable[[int], None]


def import_bars(
    root: Path, given: Sequence[Given], options: BarOptions, *, on_rows: OnRows | None = None
) -> ImportReport:
    """Add bars to the lake at `root`; see `catalyst.data.lake.Lake.add_bars`."""
    staged = [stage(one, options) for one in given]
    rejected = Rejected("bars")
    with only_writer(root):
        counts = store_bars(root, staged, rejected=rejected, on_rows=on_rows)
        store_rejected(root, rejected)
    return _report(
        rejected,
        given,
        imported=counts.imported,
        duplicates=counts.duplicates,
        columns=[one.columns for one in staged],
    )


def import_news(
    root: Path, given: Sequence[Given], options: NewsOptions, *, on_rows: OnRows | None = None
) -> ImportReport:
    """Add news to the lake at `root`; see `catalyst.data.lake.Lake.add_news`."""
    reports = [read_reports(one, options) for one in given]
    rejected = Rejected("news")
    with only_writer(root):
        counts = store_news(root, reports, rejected=rejected, on_rows=on_rows)
        store_rejected(root, rejected)
    return _report(
        rejected,
        given,
        imported=counts.imported,
        duplicates=counts.duplicates,
        columns=[one.columns for one in reports],
        links_added=counts.links_added,
        links_dropped=counts.links_dropped,
    )


def import_actions(root: Path, given: Sequence[Given], options: ActionOptions) -> ImportReport:
    """Add corporate actions to the lake at `root`; see `catalyst.data.lake.Lake.add_actions`."""
    read = [read_actions(one, options) for one in given]
    return _import_facts(
        root, action_intake.TABLE, read, key=action_intake.KEY, rules=action_intake.ActionRule
    )


def import_universe(root: Path, given: Sequence[Given], options: UniverseOptions) -> ImportReport:
    """Add memberships to the lake at `root`; see `catalyst.data.lake.Lake.add_universe`."""
    read = [read_universe(given_together(given), options)] if given else []
    return _import_facts(
        root,
        universe_intake.TABLE,
        read,
        key=universe_intake.KEY,
        rules=universe_intake.UniverseRule,
    )


def _import_facts(
    root: Path, table: str, read: Sequence[Facts], *, key: Sequence[str], rules: type[IntEnum]
) -> ImportReport:
    rejected = Rejected(table)
    with only_writer(root):
        counts = store_facts(root, table, read, key=key, rules=rules, rejected=rejected)
        store_rejected(root, rejected)
    return _report(
        rejected,
        [one.given for one in read],
        imported=counts.imported,
        duplicates=counts.duplicates,
        columns=[one.columns for one in read],
    )


def _report(
    rejected: Rejected,
    given: Sequence[Given],
    *,
    imported: int,
    duplicates: int,
    columns: Sequence[Columns],
    links_added: int = 0,
    links_dropped: int = 0,
) -> ImportReport:
    said = [
        note
        for one, found in zip(given, columns, strict=True)
        for note in (*one.notes, *found.notes)
    ]
    return ImportReport(
        rejected.table,
        given=sum(len(one) for one in given),
        imported=imported,
        duplicates=duplicates,
        quarantined=len(rejected),
        by_rule=dict(sorted(rejected.by_rule.items())),
        notes=tuple(dict.fromkeys(said)),
        links_added=links_added,
        links_dropped=links_dropped,
    )
