"""Files for tests of the formats: written, packed, and read back."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.formats import open_file
from catalyst.data.given import Given


def written(path: Path, content: str | bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped(path: Path, members: dict[str, str | bytes]) -> Path:
    """Write a zip of these members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def gzipped(path: Path, content: bytes) -> Path:
    """Write a gzip file."""
    return written(path, gzip.compress(content, mtime=0))


def blocks(path: Path, table: str = "bars", format_: str | None = None) -> list[Given]:
    """Read every block of a file."""
    return list(open_file(path, table=table, format_=format_).blocks())


def rows(path: Path, table: str = "bars", format_: str | None = None) -> list[dict[str, Any]]:
    """Read the rows of a file that could be split into columns."""
    found = blocks(path, table, format_)
    return pl.concat([one.frame for one in found]).to_dicts()


def lines(path: Path, table: str = "bars", format_: str | None = None) -> list[int]:
    """Read the lines on which those rows start."""
    found = blocks(path, table, format_)
    return [line for one in found for line in one.lines(np.arange(one.frame.height)).tolist()]


def broken(path: Path, table: str = "bars", format_: str | None = None) -> list[tuple[Any, ...]]:
    """Read the rows that could not be split: line, rule, the row as it stood."""
    found = [row for one in blocks(path, table, format_) for row in one.broken]
    return [(line, rule, json.loads(text)) for line, rule, text in found]


def notes(path: Path, table: str = "bars", format_: str | None = None) -> list[str]:
    """Read what was guessed, of the file and in its blocks, each once."""
    opened = open_file(path, table=table, format_=format_)
    said = [*opened.notes, *(note for one in opened.blocks() for note in one.notes)]
    return list(dict.fromkeys(said))
