"""Files of a lake, to be read: which there are, what is in them, what they hash to."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Name of a partition's folder.
DATE = re.compile(r"date=(\d{4}-\d{2}-\d{2})")


def parts(folder: Path) -> list[str]:
    """List the Parquet files in a folder, whole paths, names ascending; empty if it is missing."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.path
                for entry in entries
                if entry.name.endswith(".parquet") and entry.is_file()
            )
    except FileNotFoundError:
        return []


def dated_folders(folder: Path) -> list[tuple[dt.date, Path]]:
    """List the ``date=YYYY-MM-DD`` partitions of a folder, ascending; empty if it is missing."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except FileNotFoundError:
        return []
    matches = [(name, DATE.fullmatch(name)) for name in names]
    return [(dt.date.fromisoformat(m.group(1)), folder / name) for name, m in matches if m]


def read_parts(paths: Sequence[str | Path], *, columns: Sequence[str] | None = None) -> list[Any]:
    """Read Parquet files as Arrow tables, in the order of `paths`."""
    import pyarrow.parquet as pq

    return [
        pq.ParquetFile(path).read(columns=None if columns is None else list(columns))
        for path in paths
    ]


def digest_of(root: Path, folders: Sequence[str], salt: str) -> str:
    """Hash the Parquet files of some folders, their paths and contents, and a salt with SHA-256."""
    whole = hashlib.sha256()
    for folder in folders:
        for path in sorted((root / folder).rglob("*.parquet")):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            whole.update(path.relative_to(root).as_posix().encode())
            whole.update(content)
    whole.update(salt.encode())
    return whole.hexdigest()


def bar_hashes(root: Path) -> list[tuple[str, str]]:
    """Hash the bars of each timeframe and session: ISO date and 16 hexadecimal digits, sorted."""
    out = []
    for folder in sorted((root / "bars").glob("timeframe=*/date=*")):
        whole = hashlib.sha256(folder.parent.name.encode())
        for path in sorted(folder.glob("*.parquet")):
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        out.append((folder.name.removeprefix("date="), whole.hexdigest()[:16]))
    return out
