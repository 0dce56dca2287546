"""Components as users write them: clean ones, and ones that take from where no audit can follow."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import logging
import math
import os
import random
import subprocess
import time
from collections import deque
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from catalyst import Lake
from catalyst.data.calendar import day_to_date
from catalyst.strategy.clock import MINUTE_NS
from catalyst.strategy.indicators import atr_at_nb, ema_at_nb, rsi_at_nb, sma_at_nb
from catalyst.strategy.news import catalyst_scores

# What components take and give is the subject here, and annotated as loosely as users do.
Any_ = Any
Floats = npt.NDArray[np.float64]

LEVELS = (3.0, 2.0, 1.2)
POINTS = (95.0, 80.0, 40.0, 20.0)
SECTORS = {f"{chr(65 + k % 26)}{k:04d}": ("tech", "bank", "oil")[k % 3] for k in range(5_000)}
WEIGHTS = np.exp(-np.arange(20) / 5.0)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
LONG_WEIGHTS = 0.97 ** np.arange(250)
BANNED = frozenset({"GME", "AMC"})
LN2 = math.log(2.0)


# --- clean ----------------------------------------------------------------------------------------


def rvol_levels(rvol: Any_, params: Any_) -> Any_:
    out = np.full(len(rvol), POINTS[-1])
    for level, points in zip(reversed(LEVELS), reversed(POINTS[:-1]), strict=True):
        out[rvol >= level] = points
    return out


def rvol_log(rvol: Any_, params: Any_) -> Any_:
    known = np.nan_to_num(rvol, nan=1.0)
    return np.clip(50.0 + 25.0 * np.log2(np.maximum(known, 1e-9)), 0.0, 100.0)


def flat_score(bars: Any_, params: Any_) -> Any_:
    return np.full(len(bars.count), 50.0)


@njit(cache=False)
def _rsi_rows(close: Floats, count: Any_, period: int) -> Floats:
    out = np.full(close.shape[0], 50.0)
    for i in range(close.shape[0]):
        if count[i] > period:
            out[i] = 100.0 - rsi_at_nb(close[i], count[i] - 1, period, 250)
    return out


def rsi_fade(bars: Any_, params: Any_) -> Any_:
    return np.nan_to_num(_rsi_rows(bars.close, bars.count, 14), nan=50.0)


def sma50_position(bars: Any_, params: Any_) -> Any_:
    out = np.full(len(bars.count), 50.0)
    for row, n in enumerate(bars.count):
        mean = sma_at_nb(bars.close[row], int(n) - 1, 50)
        if mean > 0.0:
            out[row] = 75.0 if bars.close[row, n - 1] > mean else 25.0
    return out


def ema_window(bars: Any_, params: Any_) -> Any_:
    out = np.full(len(bars.count), 50.0)
    for row, n in enumerate(bars.count):
        value = ema_at_nb(bars.close[row], int(n) - 1, 9, 250)
        if value > 0.0:
            out[row] = np.clip(50.0 + 500.0 * (bars.close[row, n - 1] / value - 1.0), 0.0, 100.0)
    return out


def weighted_mean(bars: Any_, params: Any_) -> Any_:
    out = np.full(len(bars.count), 50.0)
    for row, n in enumerate(bars.count):
        if n >= len(WEIGHTS):
            last = bars.close[row, n - len(WEIGHTS) : n][::-1]
            out[row] = 60.0 if last[0] > float((last * WEIGHTS).sum()) else 40.0
    return out


def long_weights(bars: Any_, params: Any_) -> Any_:
    out = np.empty(len(bars.count))
    for row, n in enumerate(bars.count):
        w = LONG_WEIGHTS[:n]
        last = bars.close[row, :n][::-1][: len(w)]
        mean = float((last * w).sum() / w.sum()) if n else math.nan
        out[row] = 50.0 if not mean > 0.0 else 100.0 / (1.0 + math.exp(-LN2 * (last[0] - mean)))
    return np.nan_to_num(out, nan=50.0)


def _body(open_: Any_, close: Any_) -> Any_:
    return abs(close[-1] - open_[-1])


def big_body(open_: Any_, high: Any_, low: Any_, close: Any_, volume: Any_) -> int:
    spread = high[-1] - low[-1]
    if spread <= 0.0 or _body(open_, close) < 0.8 * spread:
        return 0
    return 100 if close[-1] > open_[-1] else -100


@njit(cache=False)
def three_up(open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> int:
    if close.shape[0] < 3:
        return 0
    for i in range(close.shape[0] - 3, close.shape[0]):
        if close[i] <= open_[i]:
            return 0
    return 100


def inside_bar(open_: Any_, high: Any_, low: Any_, close: Any_, volume: Any_) -> int:
    if len(close) < 2:
        return 0
    return 100 if high[-1] < high[-2] and low[-1] > low[-2] else 0


def sector_filter(view: Any_, rows: Any_, params: Any_) -> Any_:
    symbols = [view.names[view.symbols[row]] for row in rows]
    return np.array([SECTORS.get(name, "none") != "oil" for name in symbols], np.bool_)


def banned_filter(view: Any_, rows: Any_, params: Any_) -> Any_:
    return np.array([view.names[view.symbols[row]] not in BANNED for row in rows], np.bool_)


def morning_filter(view: Any_, rows: Any_, params: Any_) -> Any_:
    return np.full(len(rows), view.asof_ns < view.session.open_ns + 120 * MINUTE_NS)


def weekday_filter(view: Any_, rows: Any_, params: Any_) -> Any_:
    return np.full(len(rows), day_to_date(view.session.day).weekday() != 4)


def atr_filter(view: Any_, rows: Any_, params: Any_) -> Any_:
    out = np.zeros(len(rows), np.bool_)
    for k, row in enumerate(rows):
        n = int(view.base.count[row])
        if n > 15:
            bars = view.base
            atr = atr_at_nb(bars.high[row], bars.low[row], bars.close[row], n - 1, 14, 250)
            out[k] = atr < 0.05 * view.base.close[row, n - 1]
    return out


def quick_loss(view: Any_, row: Any_, entry: Any_, params: Any_) -> bool:
    n = int(view.base.count[row])
    return n > 0 and bool((view.base.close[row, n - 1] - entry.stop) * entry.side < 0.0)


def late_day(view: Any_, row: Any_, entry: Any_, params: Any_) -> bool:
    return bool(view.asof_ns > view.session.close_ns - 45 * MINUTE_NS)


def gap_scored(view: Any_, row: Any_, side: Any_, params: Any_) -> float:
    symbol = view.symbols[row]
    gap = view.survey.price[symbol] / view.survey.previous_close[symbol] - 1.0
    return float(np.clip(50.0 + side * 1_000.0 * gap, 0.0, 100.0)) if math.isfinite(gap) else 50.0


def news_count(view: Any_, row: Any_, side: Any_, params: Any_) -> float:
    n = int((view.survey.news.symbol == view.symbols[row]).sum())
    return min(100.0, 20.0 * n)


def halved_catalyst(news: Any_, n_symbols: Any_, asof_ns: Any_, params: Any_) -> Any_:
    score, direction = catalyst_scores(news, n_symbols, asof_ns, params)
    return 0.5 * score, direction


def made_with(threshold: float, names: tuple[str, ...]) -> Any_:
    def closes_above(view: Any_, rows: Any_, params: Any_) -> Any_:
        close = np.array([view.survey.price[view.symbols[row]] for row in rows])
        chosen = [view.names[view.symbols[row]] not in names for row in rows]
        return (close > threshold) & np.array(chosen, np.bool_)

    return closes_above


class Breakout:
    def __init__(self, bars: int) -> None:
        self.bars = bars

    def __call__(self, bars: Any_, params: Any_) -> Any_:  # noqa: ARG002 - the kind's signature
        out = np.full(len(bars.count), 50.0)
        for row, n in enumerate(bars.count):
            if n > self.bars:
                before = bars.high[row, n - 1 - self.bars : n - 1].max()
                out[row] = 80.0 if bars.close[row, n - 1] > before else 40.0
        return out


def momentum(bars: Any_, params: Any_, length: int = 5) -> Any_:
    out = []
    for close, n in zip(bars.close, bars.count.tolist(), strict=True):
        out.append(
            50.0 if n <= length else 50.0 + 500.0 * (close[n - 1] / close[n - 1 - length] - 1)
        )
    return np.clip(np.nan_to_num(np.array(out), nan=50.0), 0.0, 100.0)


ten_bars = functools.partial(momentum, length=10)


NEW_YORK = ZoneInfo("America/New_York")


def lunch(view: Any_, rows: Any_, params: Any_) -> Any_:
    at = dt.datetime.fromtimestamp(view.asof_ns // 10**9, NEW_YORK)
    return np.full(len(rows), at.hour != 12)


def narrow(view: Any_, rows: Any_, params: Any_) -> Any_:
    close = [view.base.close[row, : view.base.count[row]][-20:] for row in rows]
    return np.array([c.max() / c.min() < 1.05 for c in close])


BELL = [math.exp(-(((k - 100) / 30.0) ** 2)) for k in range(300)]
PENALTY = {f"Z{chr(65 + k)}": math.sqrt(k + 2.0) for k in range(20)}


def bell_scored(view: Any_, row: Any_, side: Any_, params: Any_) -> float:
    return 100.0 * BELL[min(299, int((view.asof_ns // MINUTE_NS) % 300))]


def penalised(view: Any_, rows: Any_, params: Any_) -> Any_:
    names = [view.names[view.symbols[row]] for row in rows]
    return np.array([PENALTY.get(name, 1.0) < 5.0 for name in names], np.bool_)


CLEAN: dict[str, tuple[str, Any_]] = {
    "rvol_levels": ("volume_score", rvol_levels),
    "rvol_log": ("volume_score", rvol_log),
    "flat_score": ("technical_score", flat_score),
    "rsi_fade": ("technical_score", rsi_fade),
    "sma50_position": ("technical_score", sma50_position),
    "ema_window": ("technical_score", ema_window),
    "weighted_mean": ("technical_score", weighted_mean),
    "long_weights": ("technical_score", long_weights),
    "momentum": ("technical_score", momentum),
    "big_body": ("patterns", big_body),
    "three_up": ("patterns", three_up),
    "inside_bar": ("patterns", inside_bar),
    "sector_filter": ("entry_filters", sector_filter),
    "banned_filter": ("entry_filters", banned_filter),
    "morning_filter": ("entry_filters", morning_filter),
    "weekday_filter": ("entry_filters", weekday_filter),
    "atr_filter": ("entry_filters", atr_filter),
    "closes_above": ("entry_filters", made_with(5.0, ("GME",))),
    "quick_loss": ("exits", quick_loss),
    "late_day": ("exits", late_day),
    "gap_scored": ("scored", gap_scored),
    "news_count": ("scored", news_count),
    "halved_catalyst": ("catalyst_score", halved_catalyst),
    "breakout": ("technical_score", Breakout(20)),
    "ten_bars": ("technical_score", ten_bars),
    "bell_scored": ("scored", bell_scored),
    "lunch": ("entry_filters", lunch),
    "narrow": ("entry_filters", narrow),
    "penalised": ("entry_filters", penalised),
}


# --- impure ---------------------------------------------------------------------------------------

FRAME = pl.DataFrame({"symbol": ["A", "B"], "close": [1.0, 2.0]})
CLOSES = np.random.default_rng(1).normal(100.0, 5.0, 500)
BY_DAY = {"2015-03-02": 1.5, "2015-03-03": 2.5}
BY_INSTANT = {1_425_306_600_000_000_000: 99.5}
MEANS = {f"SY{chr(65 + k)}": float(CLOSES[k]) for k in range(12)}
RETURNS = (np.diff(CLOSES) / CLOSES[:-1]).tolist()
MEAN_CLOSE = float(CLOSES.mean())
SEEN: dict[str, float] = {}
RECENT: deque[float] = deque(maxlen=5)
COUNTER = itertools.count()
CALLS = 0
LAST: list[float] = [0.0]


class Bag:
    def __init__(self) -> None:
        self.closes = CLOSES
        self.calls = 0

    def __call__(self, bars: Any_, params: Any_) -> Any_:  # noqa: ARG002 - the kind's signature
        self.calls += 1
        return np.full(len(bars.count), 50.0)


def reads_file(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), float(len(open("/etc/hostname").read())))  # noqa: PTH123


def reads_path(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), float(Path("best.txt").exists()))


def reads_lake(bars: Any_, params: Any_) -> Any_:
    close = Lake("lake").bars("5m")["close"].to_numpy()
    return np.full(len(bars.count), float(close.mean()))


def reads_parquet(bars: Any_, params: Any_) -> Any_:
    return np.full(len(bars.count), float(pl.read_parquet("x.parquet")["close"].mean()))  # type: ignore[arg-type]


def reads_clock(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), float(dt.datetime.now(dt.UTC).hour))


def reads_clock_numpy(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), float(np.datetime64("now").astype(np.int64) % 100))


def times_itself(rvol: Any_, params: Any_) -> Any_:
    from time import perf_counter as now

    return np.full(len(rvol), now() % 100.0)


def draws(rvol: Any_, params: Any_) -> Any_:
    return np.array([100.0 * random.random() for _ in rvol])  # noqa: S311


def draws_numpy(rvol: Any_, params: Any_) -> Any_:
    return 100.0 * np.random.default_rng(1).random(len(rvol))


@njit(cache=False)
def draws_compiled(rvol: Floats, n: int) -> Floats:
    out = np.empty(rvol.shape[0])
    for i in range(out.shape[0]):
        out[i] = 100.0 * np.random.random()  # noqa: NPY002
    return out


def draws_in_kernel(rvol: Any_, params: Any_) -> Any_:
    return draws_compiled(rvol, 1)


def asks_the_environment(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), float(os.environ.get("SCORE", "50")))


def runs_a_program(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), float(len(subprocess.check_output(["date"]))))


def prints(rvol: Any_, params: Any_) -> Any_:
    print(len(rvol))  # noqa: T201
    return np.full(len(rvol), 50.0)


def logs(rvol: Any_, params: Any_) -> Any_:
    logging.getLogger("x").info("scored")
    return np.full(len(rvol), 50.0)


def counts_calls(rvol: Any_, params: Any_) -> Any_:
    global CALLS  # noqa: PLW0603
    CALLS += 1
    return np.full(len(rvol), float(CALLS % 100))


def remembers(bars: Any_, params: Any_) -> Any_:
    SEEN["last"] = float(bars.close[0, 0]) if len(bars.count) else 0.0
    return np.full(len(bars.count), 50.0)


def remembers_by_alias(bars: Any_, params: Any_) -> Any_:
    memory = RECENT
    memory.append(float(len(bars.count)))
    return np.full(len(bars.count), min(100.0, sum(memory)))


def remembers_in_default(rvol: Any_, params: Any_, memo: Any_ = {}) -> Any_:  # noqa: B006
    memo[len(rvol)] = memo.get(len(rvol), 0) + 1
    return np.full(len(rvol), float(memo[len(rvol)] % 100))


def remembers_on_itself(rvol: Any_, params: Any_) -> Any_:
    remembers_on_itself.n = getattr(remembers_on_itself, "n", 0) + 1  # type: ignore[attr-defined]
    return np.full(len(rvol), 50.0)


def remembers_in_closure() -> Any_:
    total = 0.0

    def running(rvol: Any_, params: Any_) -> Any_:
        nonlocal total
        total += float(np.nansum(rvol))
        return np.full(len(rvol), min(100.0, total))

    return running


def counts_on(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), float(next(COUNTER) % 100))


@functools.cache
def _looked_up(n: int) -> float:
    return 50.0 + n % 2


def caches(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), _looked_up(len(rvol)))


def global_frame(bars: Any_, params: Any_) -> Any_:
    return np.full(len(bars.count), float(FRAME["close"].mean()))  # type: ignore[arg-type]


def global_closes(bars: Any_, params: Any_) -> Any_:
    return np.full(len(bars.count), 50.0 if CLOSES.mean() > 100.0 else 40.0)


def _mean_of_all() -> float:
    return float(CLOSES.mean())


def through_a_helper(bars: Any_, params: Any_) -> Any_:
    return np.full(len(bars.count), min(100.0, _mean_of_all()))


def by_day(view: Any_, rows: Any_, params: Any_) -> Any_:
    return np.full(len(rows), BY_DAY.get(str(day_to_date(view.session.day)), 0.0) > 1.0)


def by_instant(view: Any_, rows: Any_, params: Any_) -> Any_:
    return np.full(len(rows), view.asof_ns in BY_INSTANT)


def by_symbol(view: Any_, rows: Any_, params: Any_) -> Any_:
    return np.array(
        [
            view.survey.price[view.symbols[r]] > MEANS.get(view.names[view.symbols[r]], 0.0)
            for r in rows
        ],
        np.bool_,
    )


def list_of_returns(bars: Any_, params: Any_) -> Any_:
    return np.full(len(bars.count), 50.0 + RETURNS[len(bars.count)])


def captured_series() -> Any_:
    closes = pl.Series([1.0, 2.0, 3.0])

    def above_mean(view: Any_, rows: Any_, params: Any_) -> Any_:
        return np.full(len(rows), float(closes.mean()) > 1.0)  # type: ignore[arg-type]

    return above_mean


def writes_arguments(bars: Any_, params: Any_) -> Any_:
    bars.close[:, 0] = 1.0
    return np.full(len(bars.count), 50.0)


def evaluates(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), float(eval("50")))  # noqa: S307


@njit(cache=False, fastmath=True)
def fast(rvol: Floats, n: int) -> Floats:
    return rvol * 2.0


def uses_fast(rvol: Any_, params: Any_) -> Any_:
    return np.clip(fast(np.nan_to_num(rvol), 1), 0.0, 100.0)


def holds_monotonic(rvol: Any_, params: Any_) -> Any_:
    return np.full(len(rvol), time.monotonic() % 100.0)


def one_number(bars: Any_, params: Any_) -> Any_:
    return np.full(len(bars.count), 50.0 if MEAN_CLOSE > 100.0 else 40.0)


def _made_on(mean: float) -> Any_:
    def above(view: Any_, rows: Any_, params: Any_) -> Any_:
        return np.array([view.survey.price[view.symbols[row]] > mean for row in rows], np.bool_)

    return above


made_on_data = _made_on(MEAN_CLOSE)


def _made_inside(closes: Any_) -> Any_:
    mean = closes.mean()

    def below(view: Any_, rows: Any_, params: Any_) -> Any_:
        return np.array([view.survey.price[view.symbols[row]] < mean for row in rows], np.bool_)

    return below


IMPURE: dict[str, tuple[str, Any_, str]] = {
    "reads_file": ("volume_score", reads_file, "files"),
    "reads_path": ("volume_score", reads_path, "files"),
    "reads_lake": ("technical_score", reads_lake, "files"),
    "reads_parquet": ("technical_score", reads_parquet, "files"),
    "reads_clock": ("volume_score", reads_clock, "clock"),
    "reads_clock_numpy": ("volume_score", reads_clock_numpy, "clock"),
    "times_itself": ("volume_score", times_itself, "clock"),
    "holds_monotonic": ("volume_score", holds_monotonic, "clock"),
    "draws": ("volume_score", draws, "chance"),
    "draws_numpy": ("volume_score", draws_numpy, "chance"),
    "draws_in_kernel": ("volume_score", draws_in_kernel, "chance"),
    "asks_the_environment": ("volume_score", asks_the_environment, "os.environ.get"),
    "runs_a_program": ("volume_score", runs_a_program, "processes"),
    "prints": ("volume_score", prints, "prints"),
    "logs": ("volume_score", logs, "logs"),
    "counts_calls": ("volume_score", counts_calls, "CALLS"),
    "remembers": ("technical_score", remembers, "SEEN"),
    "remembers_by_alias": ("technical_score", remembers_by_alias, "RECENT"),
    "remembers_in_default": ("volume_score", remembers_in_default, "memo"),
    "remembers_on_itself": ("volume_score", remembers_on_itself, "remembers_on_itself"),
    "remembers_in_closure": ("volume_score", remembers_in_closure(), "total"),
    "counts_on": ("volume_score", counts_on, "last call"),
    "caches": ("volume_score", caches, "earlier calls"),
    "global_frame": ("technical_score", global_frame, "polars.DataFrame"),
    "global_closes": ("technical_score", global_closes, "CLOSES"),
    "through_a_helper": ("technical_score", through_a_helper, "CLOSES"),
    "by_day": ("entry_filters", by_day, "by date"),
    "by_instant": ("entry_filters", by_instant, "by instant"),
    "by_symbol": ("entry_filters", by_symbol, "by symbol"),
    "list_of_returns": ("technical_score", list_of_returns, "RETURNS"),
    "captured_series": ("entry_filters", captured_series(), "polars.Series"),
    "bag": ("technical_score", Bag(), "closes"),
    "writes_arguments": ("technical_score", writes_arguments, "argument"),
    "evaluates": ("volume_score", evaluates, "as code"),
    "one_number": ("technical_score", one_number, "computed from data"),
    "made_on_data": ("entry_filters", made_on_data, "computed from data"),
    "made_inside": ("entry_filters", _made_inside(CLOSES), "computed from data"),
    "uses_fast": ("volume_score", uses_fast, "fastmath"),
}
