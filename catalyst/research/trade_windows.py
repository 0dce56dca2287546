"""A trade's bars and news, cut out of the lake to be drawn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from catalyst.data.report.values import TradeWindow
from catalyst.research.result import Result
from catalyst.research.tape import Stretch, Tape
from catalyst.strategy.clock import timeframe_label
from catalyst.strategy.values import Ints

MOST_WINDOWS = 300
_BEFORE, _AFTER = 40, 20
_MOST_BARS = 180
_MOST_NEWS = 12
_LONGEST_HEADLINE = 200
_NEWS_BACK = dt.timedelta(days=1)
_NEW_YORK = ZoneInfo("America/New_York")


def trade_windows(
    result: Result, tape: Tape, trades: pl.DataFrame
) -> tuple[dict[str, TradeWindow], str]:
    """Cut out the bars and news around the closed trades that moved most money.

    Parameters
    ----------
    result
        The run.
    tape
        Its bars.
    trades
        From `catalyst.research.trade_groups.closed_trades`.

    Returns
    -------
    windows, note
        By trade_id, and which trades they are, empty where all.
    """
    chosen = trades.sort(
        pl.col("pnl").abs(), "trade_id", descending=[True, False], maintain_order=True
    ).head(MOST_WINDOWS)
    note = ""
    if chosen.height < trades.height:
        note = (
            f"Prices are drawn for the {chosen.height:,} of {trades.height:,} closed trades that "
            "gained or lost most."
        )
    news = _NewsShelf(result, tape)
    fills = _fills_by_trade(result, trades)
    signals = result.signals.select("signal_id", "stop", "target_1", "target_2", "decided_at")
    levels = {row["signal_id"]: row for row in signals.iter_rows(named=True)}
    windows = {}
    for trade in chosen.sort("entry_ts", "trade_id").iter_rows(named=True):
        found = _window(
            tape, trade, fills[trade["trade_id"]], levels[trade["signal_id"]], shelf=news
        )
        if found is not None:
            windows[trade["trade_id"]] = found
    return windows, note


def _fills_by_trade(result: Result, trades: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    from catalyst.strategy.ids import content_id

    by_trade: dict[str, list[dict[str, Any]]] = {name: [] for name in trades["trade_id"]}
    columns = ("entry_id", "side", "role", "quantity", "price", "filled_at")
    rows = result.fills.select(*columns[:-1], pl.col("filled_at").cast(pl.Int64).alias("filled_ns"))
    ids = {name: content_id("trade", name) for name in rows["entry_id"].unique()}
    for row in rows.iter_rows(named=True):
        by_trade.get(ids[row["entry_id"]], []).append(row)
    return by_trade


def _window(
    tape: Tape,
    trade: Mapping[str, Any],
    fills: list[dict[str, Any]],
    levels: Mapping[str, Any],
    *,
    shelf: _NewsShelf,
) -> TradeWindow | None:
    first_ns, last_ns = fills[0]["filled_ns"], fills[-1]["filled_ns"]
    ends = tape.session_at(np.array([first_ns, last_ns], np.int64)).tolist()
    reach = _BEFORE if tape.feed.grid.daily else 1
    bars = tape.stretch(tape.index[trade["symbol"]], ends[0] - reach, ends[1] + reach)
    if not len(bars.ts_ns):
        return None
    entered = max(int(np.searchsorted(bars.ts_ns, first_ns, side="right")) - 1, 0)
    left = max(int(np.searchsorted(bars.ts_ns, last_ns, side="right")) - 1, entered)
    bars = _cut(bars, max(entered - _BEFORE, 0), min(left + _AFTER + 1, len(bars.ts_ns)))
    length = tape.feed.grid.timeframe_ns
    step = -(-len(bars.ts_ns) // _MOST_BARS)
    bars = _coarser(bars, step)
    label = timeframe_label(length) if step == 1 else f"{step} x {timeframe_label(length)}"
    marks = tuple(
        {
            "x": _place(bars, fill["filled_ns"]),
            "y": round(fill["price"] / _ratio(bars, fill["filled_ns"]), 4),
            "way": "in" if fill["role"] == "entry" else "out",
            "text": f"{fill['side']} {fill['quantity']:,} at {fill['price']:,.4f}, "
            f"{fill['role'].replace('_', ' ')}, {_new_york(fill['filled_ns'])}",
        }
        for fill in fills
    )
    return TradeWindow(
        bars={
            "t": [_new_york(ts, daily=tape.feed.grid.daily) for ts in bars.ts_ns.tolist()],
            **{
                name[0]: np.round(getattr(bars, name), 4).tolist()
                for name in ("open", "high", "low", "close")
            },
            "v": np.round(bars.volume).astype(np.int64).tolist(),
        },
        marks=marks,
        news=shelf.news_of(trade, bars),
        levels={
            name: round(levels[name] / _ratio(bars, first_ns), 4)
            for name in ("stop", "target_1", "target_2")
        },
        bar_label=label,
    )


def _cut(bars: Stretch, first: int, last: int) -> Stretch:
    return Stretch(**{name: column[first:last] for name, column in vars(bars).items()})


def _coarser(bars: Stretch, step: int) -> Stretch:
    """Join every few bars into one."""
    if step == 1:
        return bars
    at: Ints = np.arange(0, len(bars.ts_ns), step)
    last = np.minimum(at + step, len(bars.ts_ns)) - 1
    return Stretch(
        ts_ns=bars.ts_ns[at],
        ends_ns=bars.ends_ns[last],
        session=bars.session[at],
        open=bars.open[at],
        high=np.maximum.reduceat(bars.high, at),
        low=np.minimum.reduceat(bars.low, at),
        close=bars.close[last],
        volume=np.add.reduceat(bars.volume, at),
        ratio=bars.ratio[at],
    )


def _place(bars: Stretch, at_ns: int) -> float:
    """Return where an instant lies along the bars: bar k reaches from k - 0.5 to k + 0.5."""
    k = int(np.searchsorted(bars.ts_ns, at_ns, side="right")) - 1
    if k < 0:
        return -0.5
    length = max(int(bars.ends_ns[k] - bars.ts_ns[k]), 1)
    return round(k - 0.5 + min((at_ns - int(bars.ts_ns[k])) / length, 1.0), 3)


def _ratio(bars: Stretch, at_ns: int) -> float:
    """Return what a price of an instant is divided by to stand on the bars' scale."""
    k = max(int(np.searchsorted(bars.ts_ns, at_ns, side="right")) - 1, 0)
    return float(bars.ratio[k])


def _new_york(at_ns: int, *, daily: bool = False) -> str:
    local = dt.datetime.fromtimestamp(at_ns // 10**9, _NEW_YORK)
    return f"{local:%Y-%m-%d}" if daily else f"{local:%Y-%m-%d %H:%M}"


class _NewsShelf:
    """Fetch articles day by day, and keep the last few days."""

    def __init__(self, result: Result, tape: Tape) -> None:
        self._lake = tape.feed.lake
        self._days: dict[dt.date, pl.DataFrame] = {}
        self._symbols = set(result.trades["symbol"])

    def news_of(self, trade: Mapping[str, Any], bars: Stretch) -> tuple[Mapping[str, Any], ...]:
        """Return the signal's articles, then the symbol's others, those known while bars ran."""
        own = set(trade["news_ids"])
        first_ns, last_ns = int(bars.ts_ns[0]), int(bars.ends_ns[-1])
        first = dt.datetime.fromtimestamp(first_ns // 10**9, dt.UTC).date() - _NEWS_BACK
        last = dt.datetime.fromtimestamp(last_ns // 10**9, dt.UTC).date()
        frames = [self._day(first + dt.timedelta(days=k)) for k in range((last - first).days + 1)]
        found = pl.concat(frames).filter(pl.col("symbol") == trade["symbol"])
        mine = pl.col("news_id").is_in(own)
        inside = pl.col("known_ns").is_between(first_ns, last_ns)
        found = (
            found.filter(mine | inside)
            .unique("news_id", keep="first", maintain_order=True)
            .with_columns(own=mine)
            .sort("own", "tier", "known_ns", "news_id", descending=[True, False, True, False])
            .head(_MOST_NEWS)
            .sort("known_ns", "news_id")
        )
        return tuple(
            {
                "x": _place(bars, row["known_ns"]),
                "known": _new_york(row["known_ns"]),
                "published": _new_york(row["published_ns"]),
                "assumed": row["known_is_assumed"],
                "headline": (row["headline"] or "")[:_LONGEST_HEADLINE],
                "source": row["source"] or "",
                "tier": row["tier"],
                "own": row["own"],
            }
            for row in found.iter_rows(named=True)
        )

    def _day(self, day: dt.date) -> pl.DataFrame:
        if day not in self._days:
            self._days[day] = (
                self._lake.read_news(day)
                .filter(pl.col("symbol").is_in(self._symbols))
                .select(
                    *("news_id", "symbol", "known_is_assumed", "headline", "source", "tier"),
                    known_ns=pl.col("known_at").cast(pl.Int64),
                    published_ns=pl.col("published_at").cast(pl.Int64),
                )
                .sort("known_ns", "news_id")
            )
            if len(self._days) > 90:
                del self._days[next(iter(self._days))]
        return self._days[day]
