"""Time replay: memory over a long history, minute bars of a wide market, one step, real data.

Every replay runs in a process of its own, so that its peak of memory is its own. What is simulated
goes to a temporary folder; the largest lake takes a minute or two and 3.5 GB of memory to make.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Any

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_PREPARE = """
import sys
from pathlib import Path
from catalyst.data.sample import simulate
from catalyst.data.sample_lake import write_sample
import datetime as dt
symbols, sessions, minutes = map(int, sys.argv[2:5])
sample = simulate(
    n_symbols=symbols, n_sessions=sessions, bar_minutes=minutes, first_session=dt.date(2021, 1, 4)
)
write_sample(sample, Path(sys.argv[1]), bar_minutes=minutes)
print(sample.bars.height)
"""
_REPLAY = """
import json, resource, sys, time
from catalyst import Lake, Params, replay
root, variant, timeframe, start, end = sys.argv[1:6]
symbols = sys.argv[6].split(",") if sys.argv[6] else None
begun = time.perf_counter()
run = replay(
    Lake(root), Params.load(variant, timeframe=timeframe), timeframe=timeframe,
    start=start or None, end=end or None, symbols=symbols,
)
taken = time.perf_counter() - begun
try:
    # On Linux ru_maxrss begins at what the parent held when it forked; the high-water mark doesn't.
    status = open("/proc/self/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
except OSError:
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
keys = ("sessions", "n_trades", "n_closed_trades", "net_pnl")
found = {key: run.summary[key] for key in keys}
if not run.summary["n_trades"]:
    found["binds"] = run.summary["binding_rules"][0]["text"]
print(json.dumps(found | {"seconds": taken, "peak_gb": peak / 1e9}))
"""
# A history ten times longer may not take more memory than this much of the short one.
_GROWTH = 1.25
_STEP_SYMBOLS = 200


def main() -> None:
    """Print each figure beside its target."""
    with tempfile.TemporaryDirectory(prefix="catalyst-bench-") as folder:
        root = Path(folder)
        _step(root / "step")
        _memory(root / "long")
        _wide(root / "wide")
        if _SHARED.is_dir():
            _real(root)
        else:
            print(f"real data: left out, {_SHARED} is no folder")


def _prepared(root: Path, *, symbols: int, sessions: int, minutes: int) -> int:
    told = _python(_PREPARE, str(root), str(symbols), str(sessions), str(minutes))
    return int(told)


def _replayed(
    root: Path, variant: str, timeframe: str, *, start: str = "", end: str = "", symbols: str = ""
) -> dict[str, Any]:
    told = _python(_REPLAY, str(root), variant, timeframe, start, end, symbols)
    found: dict[str, Any] = json.loads(told)
    return found


def _python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(  # noqa: S603 - our own code
        command, check=True, stdout=subprocess.PIPE, text=True
    )
    return ended.stdout


def _memory(root: Path) -> None:
    _prepared(root, symbols=12, sessions=600, minutes=5)
    days = sorted(
        path.name.removeprefix("date=") for path in (root / "bars/timeframe=5m").iterdir()
    )
    _replayed(root, "spec", "5m", start=days[-2])  # compiles, so that neither run below does
    short = _replayed(root, "spec", "5m", start=days[-60])
    long = _replayed(root, "spec", "5m")
    growth = long["peak_gb"] / short["peak_gb"]
    for run in (short, long):
        print(f"12 symbols x {run['sessions']} sessions of 5m bars: {_figures(run)}")
    print(f"memory of the longer history: {growth:.2f} times (target below {_GROWTH})")


def _wide(root: Path) -> None:
    begun = perf_counter()
    bars = _prepared(root, symbols=500, sessions=60, minutes=1)
    made = perf_counter() - begun
    run = _replayed(root, "spec", "1m")
    print(f"500 symbols x 60 sessions of 1m bars, {bars:,} bars (made in {made:.0f} s):")
    print(f"    {_figures(run)} (target below 60 s and 2 GB)")


def _figures(run: dict[str, Any]) -> str:
    binds = f"; {run['binds']}" if "binds" in run else ""
    return f"{run['seconds']:.1f} s, peak {run['peak_gb']:.2f} GB, {run['n_trades']} trades{binds}"


def _step(root: Path) -> None:
    """Time `step` alone on the views of real scans with 50 candidates and a day of news."""
    _prepared(root, symbols=_STEP_SYMBOLS, sessions=25, minutes=5)
    from catalyst import Lake, Params
    from catalyst.data.feed import Feed
    from catalyst.data.market import Market
    from catalyst.strategy.clock import bar_ends
    from catalyst.strategy.funnel import narrow
    from catalyst.strategy.ledger import begin
    from catalyst.strategy.session import Look
    from catalyst.strategy.step import step

    # Every gate open and the last place wide, so that all 50 are carried through the second stage.
    params = Params.load("spec").replace(catalyst_min=0, catalyst_count=50, rvol_min=0)
    feed = Feed(Lake(root), "5m")
    before, sessions = feed.span(None, None)
    market = Market(feed, params)
    market.warm_up([*before, *sessions[:-3]])
    taken: list[int] = []
    candidates, articles = [], []
    for session in sessions[-3:]:
        market.open_session(session)
        state = begin(params)
        for k, asof_ns in enumerate(bar_ends(session, feed.grid)):
            _, survey = market.advance(asof_ns)
            if asof_ns > session.close_ns:
                continue
            narrowed = narrow(survey, state.active, params, choose=k % 6 == 0)
            look = Look(asof_ns, narrowed.passed, survey, scan=True, choose=k % 6 == 0)
            view = market.look(look)
            for _ in range(3):
                start = perf_counter_ns()
                after, _ = step(state, view, (), params)
                taken.append(perf_counter_ns() - start)
            state = after
            candidates.append(len(narrowed.active))
            day_ns = 24 * 3_600 * 10**9
            articles.append(int((survey.news.known_ns > asof_ns - day_ns).sum()))
        market.close_session()
    steady = sorted(taken[len(taken) // 4 :])
    print(
        f"step with {median(candidates):.0f} candidates, {median(articles):.0f} articles of 24 h:"
        f" median {median(steady) / 1e6:.2f} ms, 99th percentile"
        f" {steady[int(0.99 * len(steady))] / 1e6:.2f} ms (target: median below 1 ms)"
    )


def _real(root: Path) -> None:
    import polars as pl

    from catalyst import Lake

    since = pl.lit(dt.datetime(2013, 11, 1, tzinfo=dt.UTC))
    two = pl.col("symbol").is_in(["AAPL", "BAC"])
    tweets = pl.read_parquet(_SHARED / "stocknet/news.parquet")
    daily = Lake(root / "stocknet", create=True)
    bars = pl.read_parquet(_SHARED / "stocknet/bars_1d.parquet")
    daily.add_bars(bars, timeframe="1d", adjustment="split")
    daily.add_news(tweets, provider="twitter")
    lean = Lake(root / "lean", create=True)
    hourly = pl.read_parquet(_SHARED / "lean/bars_1h.parquet")
    lean.add_bars(hourly.filter(two & (pl.col("ts") >= since)), timeframe="1h", source="lean")
    minutes = pl.read_parquet(_SHARED / "lean/bars_1m.parquet").filter(pl.col("symbol") == "AAPL")
    lean.add_bars(minutes.filter(pl.col("ts") >= since), timeframe="1m", source="lean")
    factors = pl.read_parquet(_SHARED / "lean/factors.parquet")
    lean.add_actions(factors.filter(two), source="lean")
    lean.add_news(tweets.filter(two), provider="twitter")
    window = {"start": "2014-01-01", "end": "2015-09-30"}
    runs = {
        "stocknet, 70 symbols, 1d": _replayed(daily.root, "daily", "1d", **window),
        "lean AAPL and BAC, 1h": _replayed(lean.root, "hourly", "1h", symbols="AAPL,BAC", **window),
        "lean AAPL, 1m, through the split": _replayed(
            lean.root, "short_history", "1m", start="2014-06-05", end="2014-06-09"
        ),
    }
    for name, run in runs.items():
        print(f"{name}: {run['sessions']} sessions, {_figures(run)}")


if __name__ == "__main__":
    main()
