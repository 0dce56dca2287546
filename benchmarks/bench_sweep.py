"""Time 1,000 variants of exits and weights on the bundled sample, beside vectorbt's stops.

vectorbt is given what it can do: pairs of stop and target, on the same bars, entering where the
specification decided to; no shared cash, no partial fills, no slots, one exit order an entry. It
runs every tenth of the pairs: its time is linear in their number, and ten times it are minutes.
Both run in processes of their own, so that each peak of memory is its own, and take turns, so that
a busy machine is busy for both.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

_TRIALS = 1_000
_TURNS = 10
_ONE_IN = 10
# 2.3 million cells a variant: more at once would take gigabytes for each of vectorbt's arrays.
_AT_ONCE = 5
_STOPS, _REWARDS = (0.005, 0.04), (0.8, 3.0)


def main() -> None:
    """Print seconds, trials and bars a second, and peak memory of both."""
    from catalyst.data.sample_lake import fill_sample

    with tempfile.TemporaryDirectory(prefix="catalyst-bench-") as folder:
        root = Path(folder)
        fill_sample(root / "lake", null=False, tell=lambda _: None)
        ours = _child("ours", root)
        made = _told(ours)
        theirs = _child("theirs", root)
        _told(theirs)
        taken: dict[str, float] = {"ours": 0.0, "theirs": 0.0}
        peaks: dict[str, float] = {}
        for turn in range(_TURNS):
            for name, child in (("ours", ours), ("theirs", theirs)):
                answer = _asked(child, turn)
                taken[name] += answer["seconds"]
                peaks[name] = answer["peak_mib"]
        for child in (ours, theirs):
            child.communicate()
    bars, whole = made["bars"], made["record_seconds"] + taken["ours"]
    print(
        f"{_TRIALS:,} variants on {made['symbols']} symbols, {made['sessions']} sessions,"
        f" {bars:,} bars, {made['scans']:,} scans"
    )
    print(f"one pass that records {made['finalists']:,} finalists: {made['record_seconds']:.1f} s")
    few = _TRIALS // _ONE_IN
    for label, name, seconds, trials in (
        ("compiled trials", "ours", taken["ours"], _TRIALS),
        ("compiled trials with the pass", "ours", whole, _TRIALS),
        ("vectorbt, stops and targets", "theirs", taken["theirs"], few),
    ):
        print(
            f"{label}: {trials:,} in {seconds:.1f} s, {trials / seconds:,.1f} trials a second,"
            f" {trials * bars / seconds / 1e6:,.0f} million variant-bars a second,"
            f" peak {peaks[name]:,.0f} MiB"
        )


def ours(folder: str) -> None:
    """Record the sample, then trade a part of the variants for each number read."""
    from catalyst import Lake, Params
    from catalyst.data.feed import Feed
    from catalyst.research.compiled_trials import trade
    from catalyst.research.finalists import record_finals

    spec = Params.load("spec")
    feed = Feed(Lake(Path(folder) / "lake"))
    span = feed.span(None, None)
    record_finals(feed, spec, (span[0][-2:], span[1][:1]), depth=20)  # compiles
    begun = perf_counter()
    finals = record_finals(feed, spec, span, depth=20)
    taken = perf_counter() - begun
    [first] = trade(finals, [spec])
    tape, rows = finals.tape, []
    if first is not None:
        rows = [(feed.names[t["symbol"]], int(t["decided"])) for t in first.trades]
    Path(folder, "entries.json").write_text(json.dumps(rows), encoding="utf-8")
    made = {
        "record_seconds": taken,
        "symbols": len(feed.names),
        "sessions": len(finals.sessions),
        "bars": len(tape.bars),
        "scans": len(tape.scan_start) - 1,
        "finalists": len(tape.finalists),
    }
    print(json.dumps(made), flush=True)
    drawn = _pairs()
    weights = random.Random(2)  # noqa: S311 - drawn for a benchmark
    variants = [
        spec.updated({"scored": {name: weights.uniform(0.1, 0.25) for name in _SCORED}}).replace(
            stop_frac=stop,
            target_1_r=reward,
            target_2_r=reward + 1,
            trail_frac=weights.uniform(0.003, 0.02),
            time_stop_hours=weights.uniform(0.5, 4),
        )
        for stop, reward in drawn
    ]
    for turn in map(int, sys.stdin):
        part = variants[turn::_TURNS]
        begun = perf_counter()
        done = trade(finals, part)
        _tell(perf_counter() - begun)
        if None in done:
            raise SystemExit("a trial of the sample was left to replay; expected none")


_SCORED = ("catalyst", "pattern", "technical", "volume")


def theirs(folder: str) -> None:
    """Lay the sample's bars out as columns, then simulate a part of the pairs for each number."""
    import numpy as np
    import polars as pl
    import vectorbt as vbt

    from catalyst import Lake

    bars = Lake(Path(folder) / "lake").bars("5m").sort("ts", "symbol")
    wide = {
        name: bars.pivot(on="symbol", index="ts", values=name, sort_columns=True)
        for name in ("open", "high", "low", "close")
    }
    stamps = wide["close"]["ts"].cast(pl.Int64).to_numpy()
    names = wide["close"].columns[1:]
    filled = wide["close"].select(pl.col(names).forward_fill().backward_fill())
    close = filled.to_numpy()
    prices = {
        name: np.where(np.isnan(own := wide[name].select(names).to_numpy()), close, own)
        for name in ("open", "high", "low")
    }
    entries = np.zeros(close.shape, np.bool_)
    for symbol, decided in json.loads(Path(folder, "entries.json").read_text(encoding="utf-8")):
        row = min(int(np.searchsorted(stamps, decided)), len(stamps) - 1)
        entries[row, names.index(symbol)] = True
    never = np.zeros((1, 1), np.bool_)
    pairs = np.array(_pairs())[::_ONE_IN]

    # The same columns for each pair: they are laid out before the clock starts.
    tiled = {name: np.tile(values, (1, _AT_ONCE)) for name, values in prices.items()}
    all_close, all_entries = np.tile(close, (1, _AT_ONCE)), np.tile(entries, (1, _AT_ONCE))

    def run(part: Any) -> None:  # noqa: ANN401 - pairs, float64[n, 2]
        for first in range(0, len(part), _AT_ONCE):
            some = part[first : first + _AT_ONCE]
            vbt.Portfolio.from_signals(
                all_close,
                all_entries,
                never,
                sl_stop=np.repeat(some[:, 0], len(names))[None, :],
                tp_stop=np.repeat(some[:, 0] * some[:, 1], len(names))[None, :],
                slippage=0.0002,
                engine="rust",
                **tiled,
            ).orders.count()

    run(pairs[:_AT_ONCE])
    print(json.dumps({"cells": close.size}), flush=True)
    for turn in map(int, sys.stdin):
        part = pairs[turn::_TURNS]
        begun = perf_counter()
        run(part)
        _tell(perf_counter() - begun)


def _pairs() -> list[tuple[float, float]]:
    rng = random.Random(1)  # noqa: S311 - drawn for a benchmark
    return [(rng.uniform(*_STOPS), rng.uniform(*_REWARDS)) for _ in range(_TRIALS)]


def _tell(seconds: float) -> None:
    status = Path("/proc/self/status")
    peak = float("nan")
    if status.is_file():
        text = status.read_text(encoding="utf-8")
        peak = int(text.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak}), flush=True)


def _child(name: str, root: Path) -> subprocess.Popen[str]:
    code = f"from benchmarks.bench_sweep import {name}; {name}({str(root)!r})"
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _told(child: subprocess.Popen[str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(child.stdout.readline() if child.stdout else "")
    return answer


def _asked(child: subprocess.Popen[str], turn: int) -> dict[str, Any]:
    if child.stdin is not None:
        child.stdin.write(f"{turn}\n")
        child.stdin.flush()
    return _told(child)


if __name__ == "__main__":
    main()
