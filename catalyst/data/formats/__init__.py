"""Formats: files of many kinds, found in folders and opened as blocks of rows.

    files_in(paths) ──▶ look_at(file): what it holds, its name ──▶ open_file ──▶ Opened.blocks()

`content` reads bytes, packed or not; `chunks` cuts text into whole records; `tables` splits records
into columns; the module of a format says what its columns mean.
"""

from __future__ import annotations

from catalyst.data.formats.again import opened_again
from catalyst.data.formats.files import BLOCK_BYTES, FORMATS, open_file
from catalyst.data.formats.folders import Found, files_in
from catalyst.data.formats.opened import Opened, opened_frame

__all__ = [
    "BLOCK_BYTES",
    "FORMATS",
    "Found",
    "Opened",
    "files_in",
    "open_file",
    "opened_again",
    "opened_frame",
]
