"""Blocks of a file: read ahead, looked at before the rest, put together where all must be known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np

from catalyst.data.given import Given
from catalyst.errors import ImportFileError

#: What holds for a whole file is told by so many of its first rows, however they are cut.
HEAD_ROWS = 1_000
#: Actions and memberships are facts of all their rows together, so these are read whole.
WHOLE_ROWS = 2_000_000


def ahead(blocks: Iterator[Given]) -> Iterator[Given]:
    """Read the next block while the last one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block


def head_of(blocks: Iterator[Given], *, file: str) -> tuple[Given, Iterator[Given]]:
    """Look at the first rows of a file.

    Returns
    -------
    (Given, iterator of Given)
        The first `HEAD_ROWS` rows, and all blocks.

    Raises
    ------
    ImportFileError
        If there is no block.
    """
    first: list[Given] = []
    rows = 0
    for block in blocks:
        first.append(block)
        rows += block.frame.height
        if rows >= HEAD_ROWS:
            break
    if not first:
        raise ImportFileError(f"{file} holds no rows; expected column names and rows below them")
    return put_together(first, rows=HEAD_ROWS), chain(_let_go(first), blocks)


def _let_go(blocks: list[Given]) -> Iterator[Given]:
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def whole(blocks: Iterable[Given], *, file: str) -> Given:
    """Read a file whole.

    Raises
    ------
    ImportFileError
        If it has no block, or more than `WHOLE_ROWS` rows.
    """
    held: list[Given] = []
    rows = 0
    for block in blocks:
        held.append(block)
        rows += len(block)
        if rows > WHOLE_ROWS:
            raise ImportFileError(
                f"{file} has more than {WHOLE_ROWS:,} rows, and such tables are read whole; "
                "split it by symbol and import the parts"
            )
    if not held:
        raise ImportFileError(f"{file} holds no rows; expected column names and rows below them")
    return put_together(held)


def put_together(blocks: list[Given], *, rows: int | None = None) -> Given:
    """Put blocks of one file into one, or the first `rows` rows of them."""
    import polars as pl

    if len(blocks) == 1 and rows is None:
        return blocks[0]
    frames = [block.frame for block in blocks]
    frame = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")
    raws = [block.raw for block in blocks if block.raw is not None]
    raw = pl.concat(raws) if raws else None
    if rows is not None:
        return Given(frame.head(rows), blocks[0].file, raw=None if raw is None else raw.head(rows))
    original = None
    if any(block.original is not None for block in blocks):
        originals = [block.frame if block.original is None else block.original for block in blocks]
        original = pl.concat(originals, how="diagonal_relaxed")
    return Given(
        frame,
        blocks[0].file,
        np.concatenate([block.lines(np.arange(block.frame.height)) for block in blocks]),
        [row for block in blocks for row in block.broken],
        tuple(dict.fromkeys(note for block in blocks for note in block.notes)),
        raw=raw,
        original=original,
    )
