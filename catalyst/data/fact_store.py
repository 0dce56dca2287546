"""Corporate actions and memberships on disk: small tables, one file each, rows never edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data.columns import Columns
from catalyst.data.given import Given
from catalyst.data.partition import PART, parts, read_parts, write_table
from catalyst.data.quarantine import Rejected

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Hold given rows read as facts.

    Attributes
    ----------
    given, columns
        The rows, and where their values are.
    facts : DataFrame
        The table's columns, and fact: their number, ascending.
    origin : DataFrame
        Columns row (position in the given frame) and fact: which row says what. A row may say
        several things, and several rows the same.
    repeated : bool[n]
        Given rows that only repeat another of them.
    rule : int8[n]
        First rule that each given row breaks, 0 for none.
    """

    given: Given
    columns: Columns
    facts: pl.DataFrame
    origin: pl.DataFrame
    repeated: NDArray[np.bool_]
    rule: NDArray[np.int8]


@dataclass(slots=True)
class FactCounts:
    """Count what became of the rows of an import."""

    imported: int = 0
    duplicates: int = 0


def facts_of_rows(
    given: Given, columns: Columns, rows: pl.DataFrame, rule: NDArray[np.int8]
) -> Facts:
    """Make facts of rows that each say their own; `rows` has the table's columns and row."""
    import polars as pl

    numbered = rows.with_row_index("fact").cast({"fact": pl.Int64})
    repeated = np.full(len(rule), fill_value=False)
    return Facts(
        given, columns, numbered.drop("row"), numbered.select("row", "fact"), repeated, rule
    )


def store_facts(
    root: Path,
    table: str,
    read: Sequence[Facts],
    *,
    key: Sequence[str],
    rules: type[IntEnum],
    rejected: Rejected,
) -> FactCounts:
    """Merge facts into a table of the lake; of two with one key and other values the first stays.

    Parameters
    ----------
    root, table
        The lake's folder, whose lock the caller holds, and the table's name.
    read
        Given rows of one or more files.
    key
        Columns that name a fact.
    rules
        The rules of `Facts.rule`, with a member ``CONFLICT``.
    rejected
        Receives the rows that break a rule.
    """
    counts = FactCounts()
    for one in read:
        fates = _merge(root, table, one.facts, key=key)
        found = one.origin.join(fates, on="fact", how="left")
        by_row: dict[int, set[str]] = {}
        for row, fate in found.select("row", "fate").iter_rows():
            by_row.setdefault(row, set()).add(fate)
        rule = one.rule.copy()
        for row in np.flatnonzero(rule == 0).tolist():
            if one.repeated[row] or ("known" in (fate := by_row[row]) and "new" not in fate):
                counts.duplicates += 1
            elif "new" in by_row[row]:
                counts.imported += 1
            else:
                rule[row] = rules["CONFLICT"]
        broken = np.flatnonzero(rule)
        labels = [rules(code).name.lower() for code in rule[broken].tolist()]
        lines = one.given.lines(broken).tolist()
        rejected.add(one.given.file, one.given.broken)
        rejected.add(one.given.file, zip(lines, labels, one.given.texts(broken), strict=True))
    return counts


def _merge(root: Path, table: str, facts: pl.DataFrame, *, key: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    columns = [name for name in facts.columns if name != "fact"]
    stored = read_facts(root, table, facts.select(columns).clear())
    before = stored.with_columns(pl.lit(-1, pl.Int64).alias("fact"))
    whole = pl.concat([before, facts.select(before.columns)]).with_row_index("order")
    values = [name for name in columns if name not in key]
    first = pl.col("order") == pl.col("order").min().over(key)
    same = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(name).first().over(key)) for name in values
    )
    judged = whole.with_columns(
        fate=pl.when(first)
        .then(pl.lit("new"))
        .when(same)
        .then(pl.lit("known"))
        .otherwise(pl.lit("conflict"))
    )
    kept = (
        judged.filter(pl.col("fate") == "new")
        .select(columns)
        .sort(_order(columns), nulls_last=True)
    )
    if kept.height > stored.height:
        write_table(root, f"{table}/{PART}", table=kept.to_arrow())
    return judged.filter(pl.col("fact") >= 0).select("fact", "fate")


def read_facts(root: Path, table: str, empty: pl.DataFrame) -> pl.DataFrame:
    """Read a table of facts, by subject and day, then as they became known.

    Parameters
    ----------
    root, table
        The lake's folder and the table's name.
    empty
        The table without rows: its columns and types.
    """
    import polars as pl

    frames = [pl.DataFrame(part) for part in read_parts(parts(root / table), columns=empty.columns)]
    whole = pl.concat([empty, *(frame.cast(empty.schema) for frame in frames)])
    return whole.sort(_order(empty.columns), nulls_last=True)


def _order(columns: Sequence[str]) -> list[str]:
    subject_and_day = list(columns[:2])
    others = [name for name in columns[2:] if name != "known_at"]
    return [*subject_and_day, "known_at", *others]
