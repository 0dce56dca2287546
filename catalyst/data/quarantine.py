"""Rejected rows, kept whole: which table they were for, where they came from, and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from catalyst.data.partition import parts, read_parts, write_table

if TYPE_CHECKING:
    import polars as pl

FOLDER = "quarantine"
COLUMNS = ("table", "file", "line", "rule", "row")

_NAME_LETTERS = 16


@dataclass(slots=True)
class Rejected:
    """Collect the rejected rows of one import."""

    table: str
    rows: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    by_rule: Counter[str] = field(default_factory=Counter)

    def add(self, file: str, rows: Iterable[tuple[int, str, str]]) -> None:
        """Add rows of one file: line, rule and JSON text of each."""
        kept = list(rows)
        if kept:
            self.rows.setdefault(file, []).extend(kept)
            self.by_rule.update(rule for _, rule, _ in kept)

    def __len__(self) -> int:
        return sum(self.by_rule.values())


def store_rejected(root: Path, rejected: Rejected) -> None:
    """Merge rejected rows into the lake, one file of it per table and file given.

    The same row of the same file is stored once, however often it is given.
    """
    import polars as pl

    for file, rows in sorted(rejected.rows.items()):
        line, rule, text = zip(*rows, strict=True)
        frame = pl.DataFrame(
            {"line": line, "rule": rule, "row": text},
            schema={"line": pl.Int64, "rule": pl.String, "row": pl.String},
        ).select(pl.lit(rejected.table).alias("table"), pl.lit(file).alias("file"), pl.all())
        digest = hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()
        merge_rows(root, f"{rejected.table}-{digest[:_NAME_LETTERS]}", frame)


def merge_rows(root: Path, name: str, frame: pl.DataFrame, *, replace: bool = False) -> None:
    """Write quarantine rows to a named file of the lake, beside or instead of those there."""
    import polars as pl

    relative = f"{FOLDER}/{name}.parquet"
    stored = [] if replace or not (root / relative).exists() else [str(root / relative)]
    before = [pl.DataFrame(table) for table in read_parts(stored)]
    whole = pl.concat([*before, frame]).unique().sort("file", "line", "rule", "row")
    if before and whole.height == before[0].height:
        return
    write_table(root, relative, table=whole.to_arrow())


def read_quarantine(root: Path) -> pl.DataFrame:
    """Read every rejected row, in the order of table, file, line and rule."""
    import polars as pl

    schema = dict.fromkeys(COLUMNS, pl.String) | {"line": pl.Int64}
    frames = [pl.DataFrame(table) for table in read_parts(parts(root / FOLDER))]
    return pl.concat([pl.DataFrame(schema=schema), *frames]).sort("table", "file", "line", "rule")
