"""A chunk of a vendor's pages becomes one import: in the lake wholly or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catalyst.data import timeframes
from catalyst.data.formats.opened import Opened
from catalyst.data.given import Given
from catalyst.data.vendors.chunks import last_finished_session, span_of
from catalyst.data.vendors.protocol import Chunk, Page

if TYPE_CHECKING:
    import polars as pl

    from catalyst.data.reports import ImportReport

#: Seconds for which a pull waits while another process writes to the lake.
WAIT_S = 600.0


def finished(frame: pl.DataFrame, timeframe: str, *, fetched_ns: int) -> pl.DataFrame:
    """Keep the bars that had ended when the pull began; the others are the next pull's."""
    import polars as pl

    if timeframe == timeframes.DAILY:
        last = last_finished_session(fetched_ns)
        if frame["ts"].dtype == pl.String:
            return frame.filter(pl.col("ts") <= str(last))
        return frame.filter(pl.col("ts").dt.timestamp("ns") < span_of(last, last).end_ns)
    if frame["ts"].dtype == pl.String:
        return frame
    length_ns = timeframes.LENGTH_NS[timeframe]
    return frame.filter(pl.col("ts").dt.timestamp("ns") + length_ns <= fetched_ns)


def land(
    root: Path,
    vendor: str,
    chunk: Chunk,
    pages: Sequence[Page],
    options: Mapping[str, Any],
    *,
    fetched_ns: int,
) -> ImportReport | None:
    """Import the pages of a chunk; None if they are empty.

    Raises
    ------
    LakeError
        If another process keeps writing to the lake.
    """
    from catalyst.data.action_intake import ActionOptions
    from catalyst.data.bar_intake import BarOptions
    from catalyst.data.imports import import_actions, import_bars, import_news
    from catalyst.data.news_intake import NewsOptions

    filled = [page for page in pages if page.frame.height]
    if not filled:
        return None
    opened = [_opened(f"{vendor} {chunk.table}", filled)]
    told = dict(options) | {
        "fetched_at_ns": fetched_ns,
        "covered_until_ns": chunk.span.end_ns if chunk.again else None,
    }
    if chunk.table == "bars":
        return import_bars(root, opened, BarOptions(**told), wait_s=WAIT_S)
    if chunk.table == "news":
        return import_news(root, opened, NewsOptions(**told), wait_s=WAIT_S)
    return import_actions(root, opened, ActionOptions(**told), wait_s=WAIT_S)


def _opened(name: str, pages: Sequence[Page]) -> Opened:
    def read() -> Iterator[Given]:
        for page in pages:
            # A vendor's rows have no place: one that is rejected in every pull is kept once.
            line = np.zeros(page.frame.height, np.int64)
            yield Given(page.frame, name, line, raw=page.raw)

    return Opened(name, "vendor", 0, (), read)
