"""Live's own lake: it begins with the history of another one, up to what was known then."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from catalyst.data import action_intake, universe_intake
from catalyst.data.bar_store import FOLDER as BARS
from catalyst.data.calendar import DAY_NS, date_to_day
from catalyst.data.fact_store import read_facts
from catalyst.data.lake import Lake
from catalyst.data.lake_files import dated_folders, parts
from catalyst.data.news_store import FOLDER as NEWS
from catalyst.data.news_store import read_news, read_news_of
from catalyst.data.partition import PART, Transaction, only_writer
from catalyst.data.synthetic import synthetic_note, write_synthetic_note
from catalyst.errors import LakeError

_WAIT_S = 10.0


def seed_lake(base: Lake, root: Path, before_day: dt.date, *, until_ns: int) -> Lake:
    """Give live's own lake the history that it lacks.

    Sessions of the base lake before a day come along whole, as links to the same files: writers of
    a lake put new files in the place of old ones and never write into them. So do its news, its
    corporate actions and its memberships, each as far as they were known. What live's lake holds
    of its own stays: a session that live saw is not replaced. To be called before each session;
    what is there already costs next to nothing.

    Parameters
    ----------
    base
        The lake with the history.
    root
        Live's own lake; made if it is missing.
    before_day
        The session that live will see for itself: of it no bar comes along.
    until_ns
        When live begins to see, ns UTC: what became known later is left out.

    Returns
    -------
    Lake
        Live's own.

    Raises
    ------
    LakeError
        If live's lake holds a later session already, another process writes to it, or it can't be
        written.
    """
    _check_not_later(root, before_day)
    is_new = not dated_folders(root / NEWS)
    with only_writer(root, wait_s=_WAIT_S) as change:
        for timeframe in base.timeframes():
            _seed_bars(change, base.root, f"{BARS}/timeframe={timeframe}", before_day, until_ns)
        if is_new:
            _seed_news(change, base.root, until_ns)
        empty = {
            action_intake.TABLE: action_intake.empty_actions(),
            universe_intake.TABLE: universe_intake.empty_universe(),
        }
        for table, columns in empty.items():
            _seed_facts(change, base.root, table, columns, until_ns)
    note = synthetic_note(base.root)
    if note is not None and synthetic_note(root) is None:
        write_synthetic_note(root, note)
    lake = Lake(root)
    if not is_new:
        _catch_up(lake, base, until_ns)
    return lake


def _check_not_later(root: Path, before_day: dt.date) -> None:
    for inside in sorted((root / BARS).glob("timeframe=*")):
        days = [day for day, _ in dated_folders(inside)]
        if days and days[-1] > before_day:
            raise LakeError(
                f"{root} holds the session of {days[-1]}, which is later than {before_day}: live "
                "would know its future; begin later, or trade under another account"
            )


def _seed_bars(
    change: Transaction, base: Path, folder: str, before_day: dt.date, until_ns: int
) -> None:
    there = set(change.dates(folder))
    for day, inside in dated_folders(base / folder):
        if day >= before_day or day in there:
            continue
        for path in parts(inside):
            relative = f"{folder}/date={day}/{Path(path).name}"
            if _latest_ns(path) <= until_ns:
                _link(Path(path), change.new_file(relative))
                continue
            table = pl.read_parquet(path, hive_partitioning=False)
            known = table.filter(pl.col("known_at").dt.timestamp("ns") <= until_ns)
            if known.height:
                file = pq.ParquetFile(path)
                said = {k.decode(): v.decode() for k, v in (file.metadata.metadata or {}).items()}
                said.pop("ARROW:schema", None)
                change.write_table(relative, table=known.to_arrow(), metadata=said)


def _seed_news(change: Transaction, base: Path, until_ns: int) -> None:
    for day, inside in dated_folders(base / NEWS):
        begins_ns = date_to_day(day) * DAY_NS
        if begins_ns > until_ns:
            break
        if begins_ns + DAY_NS <= until_ns:
            for path in parts(inside):
                name = Path(path).name
                _link(Path(path), change.new_file(f"{NEWS}/date={day}/{name}"))
            continue
        # The day on which live begins: clusters tell what was known by each article's own time,
        # so the rows up to an instant are as they would be without the later ones.
        known = read_news_of(base, day).filter(pl.col("known_at").dt.timestamp("ns") <= until_ns)
        if known.height:
            change.write_table(f"{NEWS}/date={day}/{PART}", table=known.to_arrow())


def _seed_facts(
    change: Transaction, base: Path, table: str, empty: pl.DataFrame, until_ns: int
) -> None:
    known = read_facts(base, table, empty).filter(pl.col("known_at").dt.timestamp("ns") <= until_ns)
    if known.height and not known.equals(read_facts(change.root, table, empty), null_equal=True):
        change.write_table(f"{table}/{PART}", table=known.to_arrow())


def _catch_up(lake: Lake, base: Lake, until_ns: int) -> None:
    """Add the news of days on which live did not run."""
    last_day, inside = dated_folders(lake.root / NEWS)[-1]
    latest_ns = max(map(_latest_ns, parts(inside)))
    last = dt.datetime.fromtimestamp(until_ns // 10**9, dt.UTC).date()
    known_ns = pl.col("known_at").dt.timestamp("ns")
    missed = read_news(base.root, first=last_day, last=last).filter(
        (known_ns > latest_ns) & (known_ns <= until_ns)
    )
    if missed.height:
        lake.add_news(missed, tz="UTC", file="news of days without live")


def _latest_ns(path: str | Path) -> int:
    """Find when the last row of a file became known, from its statistics if they say."""
    metadata = pq.read_metadata(path)
    column = metadata.schema.names.index("known_at")
    latest = 0
    for group in range(metadata.num_row_groups):
        found = metadata.row_group(group).column(column).statistics
        if found is None or not found.has_min_max:
            rows = pl.read_parquet(path, columns=["known_at"], hive_partitioning=False)
            return int(rows["known_at"].dt.timestamp("ns").max() or 0)  # type: ignore[arg-type]
        latest = max(latest, int(found.max_raw))
    return latest


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(source, target)
