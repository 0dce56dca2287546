"""Rows of quarantine imported again: as they were read, but for what is said anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalyst.data.formats.again import opened_again
from catalyst.data.formats.opened import Opened
from catalyst.data.quarantine import Selection, counted, scan_files
from catalyst.data.reports import ImportReport, total
from catalyst.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from catalyst.data.given import Given

#: Imports opened files of a table: table, files, which rows of quarantine leave it.
Import = Callable[[str, list[Opened], Selection], ImportReport]

#: Rules whose rows can be taken as they are, by table, and what that means.
ACCEPTABLE = {("news", "mislinked"), ("bars", "conflict")}

_BLOCK_ROWS = 50_000
# Rows of one pull are merged by its instant, so those of two are two imports.
_INSTANTS = ("fetched_at_ns", "covered_until_ns")


@dataclass(frozen=True, slots=True)
class _Group:
    table: str
    file: str
    options: str
    rows: int


def release(root: Path, selection: Selection, run: Import) -> list[ImportReport]:
    """Import rows of quarantine again.

    Rows that pass, or prove to be exact duplicates, leave quarantine in the commit that puts them
    into their table; the others stay, under the rule that they break now.

    Parameters
    ----------
    root
        The lake's folder.
    selection
        Which rows.
    run
        Imports opened files, whose presets say how their rows were read.

    Returns
    -------
    list of ImportReport
        One of each table; none if no row was selected.
    """
    found = counted(root, selection)
    groups = [_Group(*row) for row in found.select("table", "file", "options", "rows").iter_rows()]
    reports: dict[str, list[ImportReport]] = {}
    for table in sorted({group.table for group in groups}):
        pulls: dict[tuple[Any, ...], list[_Group]] = {}
        for group in groups:
            if group.table == table:
                told = json.loads(group.options)
                pulls.setdefault(tuple(told.get(name) for name in _INSTANTS), []).append(group)
        for members in pulls.values():
            chosen = selection.of(
                table=table,
                options=tuple(sorted({group.options for group in members})),
                expected=sum(group.rows for group in members),
            )
            opened = [_opened(root, chosen, group) for group in members]
            reports.setdefault(table, []).append(run(table, opened, chosen))
    return [total(parts, table=table) for table, parts in reports.items()]


def check_acceptable(table: str | None, rule: str) -> None:
    """Refuse to take rows as they are where that would be a lie.

    Raises
    ------
    InputError
        If rows of this rule can't be accepted.
    """
    tables = {name for name, acceptable in ACCEPTABLE if acceptable == rule}
    if not tables or (table is not None and table not in tables):
        raise InputError(
            f"rows of the rule '{rule}' can't be accepted as they are: what they lack can't be "
            "waived; mend their file and import it again, or say with --release and --tz, --map or "
            "--symbol how they are to be read"
        )


def _opened(root: Path, selection: Selection, group: _Group) -> Opened:
    options: Mapping[str, Any] = json.loads(group.options)
    chosen = selection.of(file=group.file, options=(group.options,))

    def read() -> Iterator[Given]:
        for part in _parts(root, chosen):
            rows = part.select("line", "rule", "row").rows()
            for given in opened_again(rows, file=group.file, options=options).blocks():
                yield _with_texts(given, rows)

    told = opened_again([], file=group.file, options=options)
    preset = {**told.preset, "raw": bool(options.get("raw"))}
    return Opened(group.file, told.format, group.rows, (), read, preset)


def _with_texts(given: Given, rows: list[tuple[int, str, str]]) -> Given:
    import polars as pl

    if given.raw is not None:
        return given
    # What stays in quarantine stays as it is, to the letter.
    broken = set(given.broken)
    texts = [row[2] for row in sorted(rows) if row not in broken]
    return replace(given, raw=pl.Series("raw", texts, dtype=pl.String))


def _parts(root: Path, selection: Selection) -> Iterator[pl.DataFrame]:
    """Read the chosen rows of one file, some lines at a time."""
    import polars as pl

    for scan in scan_files(root, selection):
        lines = scan.select("line").collect()["line"].sort()
        first = None
        for place in range(0, len(lines), _BLOCK_ROWS):
            # All rows of a line are in one part.
            last = lines[min(place + _BLOCK_ROWS, len(lines)) - 1]
            inside = pl.col("line") <= last
            if first is not None:
                inside &= pl.col("line") > first
            part = scan.filter(inside).sort("line", "rule", "row").collect()
            first = last
            if part.height:
                yield part
