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
from catalyst.data.lake_files import parts, read_parts
from catalyst.data.partition import PART, Transaction

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
    change: Transaction,
    table: str,
    read: Sequence[Facts],
    *,
    key: Sequence[str],
    rules: type[IntEnum],
    fetched_at_ns: int | None = None,
    covered_until_ns: int | None = None,
) -> tuple[FactCounts, list[NDArray[np.int8]]]:
    """Merge facts into a table of the lake; of two with one key and other values the first stays.

    Parameters
    ----------
    change
        Receives the table.
    table
        Its name.
    read
        Given rows of one or more files.
    key
        Columns that name a fact.
    rules
        The rules of `Facts.rule`, with a member ``CONFLICT``.
    fetched_at_ns, covered_until_ns
        As in `catalyst.data.bar_merge.merge_bars`.

    Returns
    -------
    (FactCounts, list of int8[n])
        What became of the rows, and the rule that each row of each file breaks.
    """
    counts = FactCounts()
    broken = []
    stored: pl.DataFrame | None = None
    height = 0
    for one in read:
        if stored is None:
            stored = read_facts(change.root, table, one.facts.drop("fact").clear())
            height = stored.height
        facts = one.facts
        if fetched_at_ns is not None:
            stored, fates = _revised(stored, facts, key, fetched_at_ns, covered_until_ns or 0)
        else:
            stored, fates = _merged(stored, facts, key)
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
        broken.append(rule)
    if stored is not None and stored.height > height:
        ordered = stored.sort(_order(stored.columns), nulls_last=True)
        change.write_table(f"{table}/{PART}", table=ordered.to_arrow())
    return counts, broken


def _merged(
    stored: pl.DataFrame, facts: pl.DataFrame, key: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    columns = stored.columns
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
    kept = judged.filter(pl.col("fate") == "new").select(columns)
    return kept, judged.filter(pl.col("fact") >= 0).select("fact", "fate")


def _revised(
    stored: pl.DataFrame,
    facts: pl.DataFrame,
    key: Sequence[str],
    fetched_at_ns: int,
    covered_until_ns: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    instant = pl.Datetime("ns", "UTC")
    subject = [name for name in key if name != "known_at"]
    told = ("known_at", "known_is_assumed")
    values = [name for name in stored.columns if name not in {*subject, *told}]
    latest = (
        stored.sort("known_at").unique(subject, keep="last").select(*subject, "known_at", *values)
    )
    firsts = facts.unique(subject, keep="first", maintain_order=True)
    judged = facts.join(
        firsts.select(*subject, "fact", *values),
        on=subject,
        how="left",
        nulls_equal=True,
        suffix="_first",
        maintain_order="left",
    ).join(
        latest,
        on=subject,
        how="left",
        nulls_equal=True,
        suffix="_latest",
        maintain_order="left",
    )

    def same(suffix: str) -> pl.Expr:
        return pl.all_horizontal(pl.col(name).eq_missing(pl.col(name + suffix)) for name in values)

    is_first = pl.col("fact") == pl.col("fact_first")
    is_version = pl.col("known_at_latest").is_not_null()
    judged = judged.with_columns(
        fate=pl.when(is_first & (~is_version | ~same("_latest")))
        .then(pl.lit("new"))
        .when(is_first | same("_first"))
        .then(pl.lit("known"))
        .otherwise(pl.lit("conflict"))
    )
    fetched = pl.lit(fetched_at_ns).cast(instant)
    late = ~is_version & (pl.col("known_at").dt.timestamp("ns") <= covered_until_ns)
    after = pl.max_horizontal(fetched, pl.col("known_at_latest") + pl.duration(nanoseconds=1))
    new = judged.filter(pl.col("fate") == "new").with_columns(
        known_at=pl.when(is_version)
        .then(after)
        .when(late)
        .then(pl.max_horizontal(fetched, "known_at"))
        .otherwise("known_at"),
        known_is_assumed=pl.col("known_is_assumed") & ~is_version & ~late,
    )
    kept = pl.concat([stored, new.select(stored.columns)])
    return kept, judged.select("fact", "fate")


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
