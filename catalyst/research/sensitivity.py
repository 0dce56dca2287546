"""What is left of a run when news came later than was assumed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from catalyst.data.feed import Feed
from catalyst.research.bootstrap import mean_interval
from catalyst.research.replay import replay
from catalyst.research.result import Result
from catalyst.research.tape import lake_of_run
from catalyst.research.trade_groups import closed_trades, days_held
from catalyst.strategy.clock import MINUTE_NS

FILE = "sensitivity.parquet"
MINUTES = (5, 15, 60)
"""How much later assumed news times are made."""
_SEED_DIGITS = 15
_SCHEMA = {
    "minutes": pl.Int64,
    "articles": pl.Int64,
    "moved": pl.Int64,
    "decisions": pl.Int64,
    "changed": pl.Int64,
    "trades": pl.Int64,
    "days": pl.Int64,
    "net_pnl": pl.Float64,
    "net_return": pl.Float64,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "hit_rate": pl.Float64,
}
Progress = Callable[[int, int, dt.date], None]


def sensitivity(
    result: Result, *, minutes: Sequence[int] = MINUTES, progress: Progress | None = None
) -> pl.DataFrame:
    """Replay a run with its assumed news times moved later, and put the outcomes side by side.

    Only times that are marked as assumed move; an article's age and state stay those of its
    publication, and clusters stay as they were stored. Written beside the run's tables, as
    ``sensitivity.parquet``, so that its report shows it.

    Parameters
    ----------
    result
        A run with its lake.
    minutes
        Delays beside 0, which is the run itself.
    progress
        Called after each session with sessions done, sessions in all, and the date.

    Returns
    -------
    DataFrame
        minutes; articles read (a row per symbol), and how many of them moved; decisions, and how
        many changed; closed trades and their days; net_pnl (USD, with open positions), net_return;
        mean P&L of a closed trade with its 95 % interval (USD); hit_rate. Only the first row where
        no time is assumed.

    Raises
    ------
    InputError
        If the run was opened without its lake.
    """
    lake, summary = lake_of_run(result), result.summary
    asked = summary["asked"]
    start, end = (dt.date.fromisoformat(summary[name]) for name in ("start", "end"))
    digests = result.decisions.select("decided_at", "digest")
    seed = int(summary["decision_digest"][:_SEED_DIGITS], 16)
    articles, assumed = summary["news"]["articles"], summary["news"]["assumed"]
    rows = [_row(0, result, (articles, 0), digests, seed=seed)]
    for k, delay in enumerate(minutes if assumed else ()):
        feed = Feed(
            lake,
            summary["timeframe"],
            asked["symbols"],
            asked["sources"],
            assumed_delay_ns=delay * MINUTE_NS,
        )
        run = replay(
            lake,
            result.params,
            start=start,
            end=end,
            feed=feed,
            progress=_part(progress, k, len(minutes)),
            ledger=None,
        )
        rows.append(_row(delay, run, (feed.articles, feed.assumed_articles), digests, seed=seed))
    found = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    found.write_parquet(result.folder / FILE)
    return found


def read_sensitivity(folder: Path) -> pl.DataFrame | None:
    """Read what `sensitivity` left in a run's folder; None where it was not asked for."""
    path = folder / FILE
    return pl.read_parquet(path) if path.exists() else None


def _row(
    minutes: int, run: Result, news: tuple[int, int], digests: pl.DataFrame, *, seed: int
) -> tuple[Any, ...]:
    trades = closed_trades(run)
    mean = mean_interval(
        trades["pnl"].to_numpy(),
        trades["day"].to_numpy(),
        seed=seed,
        block=days_held(trades),
    )
    same = run.decisions.select("decided_at", "digest").join(digests, on=["decided_at", "digest"])
    total = run.decisions.height
    s = run.summary
    return (
        minutes,
        *news,
        total,
        total - same.height,
        trades.height,
        mean.days,
        s["net_pnl"],
        s["net_return"],
        mean.value,
        mean.low,
        mean.high,
        s["hit_rate"],
    )


def _part(progress: Progress | None, k: int, parts: int) -> Progress | None:
    if progress is None:
        return None
    tell = progress

    def told(done: int, total: int, day: dt.date) -> None:
        tell(k * total + done, parts * total, day)

    return told
