"""Working orders against a session's bars, in the order in which the bars ended."""

from __future__ import annotations

from catalyst.data.feed import SessionBars
from catalyst.strategy.clock import is_regular_bar
from catalyst.strategy.decisions import Fill
from catalyst.strategy.exchange import Bar, Book
from catalyst.strategy.params import ExecutionParams
from catalyst.strategy.values import Grid, Session


def match(
    book: Book,
    today: SessionBars,
    session: Session,
    grid: Grid,
    span_ns: tuple[int, int],
    execution: ExecutionParams,
) -> tuple[Book, tuple[Fill, ...]]:
    """Match a book against the bars that ended after the first instant and by the second.

    Parameters
    ----------
    book
        The working orders of one account.
    today
        The session's bars.
    session, grid
        Say which of them are regular hours.
    span_ns
        Two instants, ns UTC.
    execution
        The fill model's numbers.

    Returns
    -------
    book, fills
    """
    met: list[tuple[int, int, int]] = []
    for symbol in book.working:
        start, stop = int(today.start[symbol]), int(today.start[symbol + 1])
        ends = today.ends_ns[start:stop]
        first, last = ends.searchsorted(span_ns, side="right").tolist()
        met += [(int(ends[r]), symbol, start + r) for r in range(first, last)]
    fills: list[Fill] = []
    rows = today.traded
    for end_ns, symbol, r in sorted(met):
        ts = int(rows.ts_ns[r])
        bar = Bar(
            ts,
            end_ns,
            float(rows.open[r]),
            float(rows.high[r]),
            float(rows.low[r]),
            float(rows.close[r]),
            float(rows.volume[r]),
            grid.daily or is_regular_bar(session, ts, grid.timeframe_ns),
        )
        book, new = book.match(symbol, bar, execution)
        fills += new
    return book, tuple(fills)
