"""Rejected rows, kept whole: which table they were for, where they came from, why, and how read.

A file of quarantine holds the rows of one table and one file given, by line, rule, text and
options; the same row is in it once. It is written a range of lines at a time, so its size does not
matter.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catalyst.data.lake_files import parts
from catalyst.data.partition import Transaction
from catalyst.data.spill import Spill
from catalyst.errors import LakeError

if TYPE_CHECKING:
    import polars as pl

FOLDER = "quarantine"
COLUMNS = ("table", "file", "line", "rule", "row", "options")

_NAME_LETTERS = 16
_ORDER = ("line", "rule", "row", "options")
_BUDGET_BYTES = 64 * 2**20
# Lines are taken up in ranges of so many; files have up to 2**40 of them.
_RANGE_BITS, _LINE_BITS = 15, 40
_GROUP_ROWS = 32_768
_COMPRESSION_LEVEL = 3
# Rows kept before options were: nobody knows how they were read.
_INSTANTS = r'"(?:fetched_at_ns|covered_until_ns)":\d+,?'
_NO_OPTIONS = "{}"


class Rejected:
    """Collect the rejected rows of one import.

    Parameters
    ----------
    table
        ``bars``, ``news``, ``actions`` or ``universe``.
    scratch
        Folder for rows that memory does not hold.
    """

    def __init__(self, table: str, scratch: Path) -> None:
        self.table = table
        self.by_rule: Counter[str] = Counter()
        self.files: dict[str, int] = {}
        self.spill = Spill(scratch, f"rejected-{table}", budget_bytes=_BUDGET_BYTES)

    def __len__(self) -> int:
        return self.by_rule.total()

    def add(
        self,
        file: str,
        *,
        lines: Sequence[int],
        rules: Sequence[str],
        texts: Sequence[str],
        options: str = _NO_OPTIONS,
        is_given: bool = True,
    ) -> None:
        """Add rows of one file.

        Parameters
        ----------
        file
            Its name as the user wrote it.
        lines, rules, texts
            Where each row begins in it, the rule it broke, and the row as JSON text.
        options
            How they were read, as `catalyst.data.options.options_text` writes it.
        is_given
            Whether they count as rows given; a stored row that leaves its table does not.
        """
        import polars as pl

        if not len(lines):
            return
        # A name that is no UTF-8 can't be stored as it is.
        shown = file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        number = self.files.setdefault(shown, len(self.files))
        frame = pl.DataFrame(
            {"line": lines, "rule": rules, "row": texts, "options": options},
            schema={"line": pl.Int64, "rule": pl.String, "row": pl.String, "options": pl.String},
        )
        ranges = frame["line"].to_numpy() >> _RANGE_BITS
        self.spill.add(frame, (number << _LINE_BITS) + np.maximum(ranges, 0))
        if is_given:
            self.by_rule.update(rules)


@dataclass(frozen=True, slots=True)
class Selection:
    """Choose rows of quarantine; None: any.

    Attributes
    ----------
    table, file, rule : str or None
        Exactly these.
    line : int or None
        Line in the file.
    options : tuple of str or None
        One of these texts of how the row was read.
    expected : int or None
        How many rows it chose when it was made; if it chooses others when they are to leave, that
        is an error.
    """

    table: str | None = None
    file: str | None = None
    rule: str | None = None
    line: int | None = None
    options: tuple[str, ...] | None = None
    expected: int | None = None

    def of(self, **narrower: Any) -> Selection:  # noqa: ANN401 - values of the attributes
        """Give the same choice but for these attributes."""
        return replace(self, **narrower)

    def expression(self) -> pl.Expr:
        """Give the choice as an expression over the columns of quarantine."""
        import polars as pl

        wanted = {name: getattr(self, name) for name in ("table", "file", "rule", "line")}
        told = [pl.col(name) == value for name, value in wanted.items() if value is not None]
        if self.options is not None:
            told.append(pl.col("options").is_in(list(self.options)))
        return pl.all_horizontal(told) if told else pl.lit(value=True)


def store_rejected(
    change: Transaction, rejected: Rejected, *, released: Selection | None = None
) -> None:
    """Merge rejected rows into the lake, one file of it per table and file given.

    Parameters
    ----------
    change
        Receives the files.
    rejected
        Rows of one table.
    released
        Stored rows of this choice leave first.
    """
    names = {_name(rejected.table, file): file for file in rejected.files}
    if released is not None:
        leaving = 0
        for path in parts(change.root / FOLDER):
            rows = _count(_scan([path]).filter(released.expression()))
            leaving += rows
            if rows:
                names.setdefault(Path(path).stem, "")
        if released.expected not in {None, leaving}:
            raise LakeError(
                f"the quarantine of {change.root} changed while its rows were read; repeat the "
                "command"
            )
    for name, file in sorted(names.items()):
        _merge_file(change, name, rejected, file, released)


def read_quarantine(root: Path) -> pl.DataFrame:
    """Read every rejected row, in the order of table, file, line and rule.

    Returns
    -------
    DataFrame
        table, file, line, rule, row (the row whole, as JSON text), options (how it was read, as
        JSON text: format, mapping, symbol, timeframe, tz, stamp, source, adjustment, ...).
    """
    return scan_quarantine(root).sort("table", "file", "line", "rule").collect()


def scan_quarantine(root: Path) -> pl.LazyFrame:
    """Scan the rejected rows, in no order; see `read_quarantine`."""
    return _scan(parts(root / FOLDER))


def counted(root: Path, selection: Selection) -> pl.DataFrame:
    """Count the chosen rows: table, file, options, rows; in that order."""
    import polars as pl

    found = scan_quarantine(root).filter(selection.expression())
    groups = found.group_by("table", "file", "options").agg(pl.len().alias("rows"))
    return groups.collect(engine="streaming").sort("table", "file", "options")


def counted_by_rule(root: Path, selection: Selection) -> pl.DataFrame:
    """Count the chosen rows: table, file, rule, rows; in that order."""
    import polars as pl

    found = scan_quarantine(root).filter(selection.expression())
    groups = found.group_by("table", "file", "rule").agg(pl.len().alias("rows"))
    return groups.collect(engine="streaming").sort("table", "file", "rule")


def first_rows(root: Path, selection: Selection, limit: int) -> pl.DataFrame:
    """Read the first of the chosen rows, in the order of table, file, line and rule."""
    import polars as pl

    held = [_scan([path]) for path in parts(root / FOLDER)]
    names = [scan.select("table", "file").head(1).collect().rows() for scan in held]
    ordered = sorted(zip(names, range(len(held)), strict=True))
    found = [_scan([]).collect()]
    left = limit
    for _, place in ordered:
        if left <= 0:
            break
        found.append(held[place].filter(selection.expression()).head(left).collect())
        left -= found[-1].height
    return pl.concat(found)


def scan_files(root: Path, selection: Selection) -> Iterator[pl.LazyFrame]:
    """Scan the chosen rows, a file of quarantine at a time."""
    for path in parts(root / FOLDER):
        scan = _scan([path]).filter(selection.expression())
        if _count(scan):
            yield scan


def _count(scan: pl.LazyFrame) -> int:
    import polars as pl

    return int(scan.select(pl.len()).collect().item())


def _scan(paths: Sequence[str]) -> pl.LazyFrame:
    import polars as pl

    schema = {name: pl.Int64() if name == "line" else pl.String() for name in COLUMNS}
    if not paths:
        return pl.LazyFrame(schema=schema)
    found = pl.scan_parquet(
        list(paths), schema=schema, missing_columns="insert", hive_partitioning=False, glob=False
    )
    return found.with_columns(pl.col("options").fill_null(_NO_OPTIONS))


def _name(table: str, file: str) -> str:
    digest = hashlib.sha256(file.encode()).hexdigest()
    return f"{table}-{digest[:_NAME_LETTERS]}"


def _merge_file(
    change: Transaction,
    name: str,
    rejected: Rejected,
    file: str,
    released: Selection | None,
) -> None:
    import pyarrow.parquet as pq

    relative = f"{FOLDER}/{name}.parquet"
    path = change.path(relative)
    stored = None if path is None else _scan([str(path)])
    if stored is not None and released is not None:
        stored = stored.filter(~released.expression())
    height = 0
    writer = None
    target = change.new_file(relative)
    for group in _groups(_merged(rejected, file, stored)):
        table = group.select(COLUMNS).to_arrow()
        if writer is None:
            writer = pq.ParquetWriter(
                target, table.schema, compression="zstd", compression_level=_COMPRESSION_LEVEL
            )
        writer.write_table(table, row_group_size=_GROUP_ROWS)
        height += group.height
    if writer is not None:
        writer.close()
    if not height:
        change.forget(relative)
        change.remove(relative)
    elif path is not None and released is None and height == pq.read_metadata(path).num_rows:
        change.forget(relative)


def _merged(rejected: Rejected, file: str, stored: pl.LazyFrame | None) -> Iterator[pl.DataFrame]:
    import polars as pl

    number = rejected.files.get(file, -1) << _LINE_BITS
    sizes = rejected.spill.sizes() if file in rejected.files else {}
    new = {key - number for key in sizes if key >> _LINE_BITS == number >> _LINE_BITS}
    line_range = pl.col("line").clip(0) // (1 << _RANGE_BITS)
    held = set() if stored is None else set(stored.select(line_range.unique()).collect()["line"])
    for one in sorted(new | held):
        pieces = []
        if stored is not None and one in held:
            pieces.append(stored.filter(line_range == one).collect())
        if one in new:
            found = rejected.spill.read(number + one, number + one)
            named = (pl.lit(rejected.table).alias("table"), pl.lit(file).alias("file"))
            pieces.append(found.with_columns(*named).select(COLUMNS))
        # A vendor's row that is rejected in every pull is one row, whenever it was fetched.
        same = pl.col("options").str.replace_all(_INSTANTS, "").alias("read")
        told = pl.concat(pieces).with_columns(same)
        key = [name for name in told.columns if name != "options"]
        once = told.unique(subset=key, keep="first", maintain_order=True)
        yield once.select(COLUMNS).sort(_ORDER)


def _groups(pieces: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    import polars as pl

    # Groups of one size, so that a file's bytes depend on its rows only.
    waiting: list[pl.DataFrame] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(one.height for one in waiting) >= _GROUP_ROWS:
            whole = pl.concat(waiting)
            n_full = whole.height // _GROUP_ROWS
            for place in range(n_full):
                yield whole[place * _GROUP_ROWS : (place + 1) * _GROUP_ROWS]
            waiting = [whole[n_full * _GROUP_ROWS :]]
    rest = pl.concat(waiting) if waiting else None
    if rest is not None and rest.height:
        yield rest
