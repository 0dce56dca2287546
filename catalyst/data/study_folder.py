"""The folder of a study: its tables and its page, written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from catalyst.errors import OutputError

if TYPE_CHECKING:
    import polars as pl


def check_study_folder(folder: Path, files: Collection[str], *, force: bool) -> None:
    """Make sure that a study may be written to a folder.

    Parameters
    ----------
    folder
        Where to.
    files
        What such a study writes: a folder with anything else is not replaced.
    force
        Whether an earlier study may be replaced.

    Raises
    ------
    OutputError
        If it exists and `force` is not given, holds something else, or can't be made.
    """
    parent = next(place for place in folder.absolute().parents if place.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise OutputError(
            f"{folder} can't be made: {parent} is not a folder that can be written; choose another "
            "--out"
        )
    if not folder.exists():
        return
    others = sorted({p.name for p in folder.iterdir()} - set(files)) if folder.is_dir() else ["-"]
    if others:
        raise OutputError(f"{folder} holds something that is no such study; choose another --out")
    if not force:
        raise OutputError(f"{folder} exists; choose another --out, or replace it with --force")


def write_study(
    folder: Path,
    *,
    tables: Mapping[str, pl.DataFrame],
    texts: Mapping[str, str],
    force: bool,
    parts: str = "",
) -> Path:
    """Write a study's files by their names.

    Parameters
    ----------
    folder
        Where to; made with its parents.
    tables
        Written as Parquet.
    texts
        Written as UTF-8.
    force
        Replace an earlier study.
    parts
        Name of what an unfinished study leaves in the folder; it goes.

    Raises
    ------
    OutputError
        As `check_study_folder` does.
    """
    check_study_folder(folder, {*tables, *texts, parts}, force=force)
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    try:
        staging.chmod(0o755)  # a study is as readable as its parent
        for name, frame in tables.items():
            frame.write_parquet(staging / name, compression="zstd")
        for name, content in texts.items():
            (staging / name).write_text(content, encoding="utf-8", newline="\n")
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return folder
