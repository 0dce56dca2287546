"""What became of signals: a slow twin, bar by bar, and what may not be known early."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from collections.abc import Callable
from functools import cache
from typing import Any

import polars as pl
import pytest
from learning_worlds import base, learned_from
from worlds import LOOSE, action_lake, daily_lake

from catalyst import Lake, Params, replay
from catalyst.data.feed import Feed
from catalyst.research.labels import COLUMNS, labels
from catalyst.research.result import Result
from catalyst.strategy.clock import flatten_instant

MINUTE_NS = 60_000_000_000
Row = dict[Any, Any]


@cache
def _bars_of(lake: Lake, timeframe: str) -> dict[str, list[Row]]:
    frame = lake.bars(timeframe).with_columns(
        ns=pl.col("ts").cast(pl.Int64),
        day=pl.col("ts").dt.convert_time_zone("America/New_York").dt.date(),
    )
    return {
        str(key[0]): rows.to_dicts()
        for key, rows in frame.partition_by("symbol", as_dict=True).items()
    }


@cache
def _calendar_of(lake: Lake, timeframe: str) -> tuple[Feed, Row, list[dt.date], list[int]]:
    feed, days = Feed(lake, timeframe), lake.days(timeframe)
    splits: Row = {
        (row["symbol"], row["ex_date"]): row["value"]
        for row in lake.actions().filter(pl.col("kind") == "split").to_dicts()
    }
    return feed, splits, days, [feed.session(day).post_ns for day in days]


def _naive(signal: Row, result: Result, lake: Lake) -> tuple[Any, ...]:
    """Say barrier, return and when it was known, looking at one bar after another."""
    feed, splits, days, ends = _calendar_of(lake, result.summary["timeframe"])
    daily, f = feed.grid.daily, feed.grid.timeframe_ns
    risk = result.params.risk
    decided = int(signal["decided_at"])
    long = signal["side"] == "long"
    stop, target, entry = signal["stop"], signal["target_1"], math.nan
    own_day = next(day for day, end in zip(days, ends, strict=True) if decided <= end)
    entry_day = days[days.index(own_day) + 1] if daily and own_day != days[-1] else own_day
    entry_ns, held, day_seen = -1, 0, own_day
    bars = _bars_of(lake, result.summary["timeframe"])[signal["symbol"]]
    for bar in bars[bisect_left(bars, decided, key=lambda bar: bar["ns"]) :]:
        day = bar["day"]
        session = feed.session(day)
        end = session.close_ns if daily else bar["ns"] + f
        flatten = flatten_instant(session, feed.grid, result.params)
        if day != day_seen and (signal["symbol"], day) in splits:
            ratio = splits[signal["symbol"], day]
            stop, target, entry = stop / ratio, target / ratio, entry / ratio
        day_seen = day
        if entry_ns < 0:
            late = not daily and bar["ns"] - decided >= result.params.execution.entry_bars * f
            quiet = flatten is not None and decided >= flatten - risk.quiet_minutes * MINUTE_NS
            gone = bar["open"] >= target if long else bar["open"] <= target
            if day != entry_day or late or quiet or gone or (flatten and end > flatten):
                return ("no_entry", None, None)
            entry_ns, entry = bar["ns"], bar["open"]
        if flatten is not None and end > flatten:
            break
        held = held + 1
        if bar["low"] <= stop if long else bar["high"] >= stop:
            exit_ = min(stop, bar["open"]) if long else max(stop, bar["open"])
            return ("stop", exit_ / entry, end)
        if bar["high"] > target if long else bar["low"] < target:
            exit_ = max(target, bar["open"]) if long else min(target, bar["open"])
            return ("target", exit_ / entry, end)
        hours = risk.time_stop_hours * 60 * MINUTE_NS
        due = held >= risk.time_stop_bars if daily else end >= entry_ns + hours
        if due and (bar["close"] <= entry if long else bar["close"] >= entry):
            return ("time", bar["close"] / entry, end)
        last = bar["close"]
    if entry_ns < 0:
        return ("no_entry", None, None)
    flatten = flatten_instant(feed.session(day_seen), feed.grid, result.params)
    if flatten is not None:
        return ("flatten", last / entry, flatten)
    return ("open", None, None)


@cache
def _daily() -> Result:
    return replay(daily_lake(), Params.load("spec", timeframe="1d").replace(**LOOSE), ledger=None)


@cache
def _tight() -> Result:
    params = Params.load("spec", timeframe="1d").replace(**LOOSE, stop_frac=0.004)
    return replay(daily_lake(), params, ledger=None)


@cache
def _splits() -> Result:
    params = base().replace(flatten_at_close=False, scan_minutes=180)
    return replay(action_lake(), params, end=action_lake().days("5m")[20], ledger=None)


@pytest.mark.parametrize("run", [learned_from, _daily, _tight, _splits])
def test_outcomes_equal_a_walk_bar_by_bar(run: Callable[[], Result]) -> None:
    result = run()
    lake = result.lake
    assert lake is not None
    found = labels(result)
    signals = result.signals.filter(pl.col("side") != "none").with_columns(
        pl.col("decided_at").cast(pl.Int64)
    )
    rows = list(zip(found.iter_rows(named=True), signals.iter_rows(named=True), strict=True))
    told = [
        (row["barrier"], None if row["return"] is None else row["return"], row["known_ns"])
        for row, _ in rows[::3]
    ]
    expected = []
    for _, signal in rows[::3]:
        barrier, growth, known = _naive(signal, result, lake)
        sign = 1 if signal["side"] == "long" else -1
        expected.append((barrier, None if growth is None else sign * (growth - 1.0), known))

    assert [(b, k) for b, _, k in told] == [(b, k) for b, _, k in expected]
    assert [r for _, r, _ in told] == pytest.approx([r for _, r, _ in expected], abs=1e-12)


def test_the_runs_compared_end_in_every_way() -> None:
    barriers = {
        name for run in (learned_from, _daily) for name in labels(run())["barrier"].to_list()
    }

    assert barriers == {"target", "stop", "time", "flatten", "open", "no_entry"}


def test_in_a_bar_that_reaches_both_the_stop_is_first() -> None:
    found = (
        labels(_tight())
        .drop_nulls("label")
        .with_columns(day=pl.from_epoch("known_ns", time_unit="ns").dt.date())
    )
    bars = daily_lake().bars("1d").with_columns(day=pl.col("ts").dt.date())
    levels = _tight().signals.select("signal_id", "stop", "target_1")
    both = (
        found.join(bars, on=["symbol", "day"], suffix="_of_bar")
        .join(levels, on="signal_id")
        .filter(
            (pl.min_horizontal("stop", "target_1") > pl.col("low"))
            & (pl.max_horizontal("stop", "target_1") < pl.col("high"))
        )
    )

    assert both.height > 10
    assert set(both["barrier"]) == {"stop"}


def test_only_a_target_is_a_success() -> None:
    found = labels(learned_from()).drop_nulls("label")

    assert (found["label"] == 1).to_list() == (found["barrier"] == "target").to_list()
    assert set(labels(learned_from()).columns) == set(COLUMNS)


def test_a_label_is_known_after_its_entry_and_not_before_the_decision() -> None:
    found = labels(learned_from()).drop_nulls("label")
    entry = found["entry_at"].cast(pl.Int64)

    assert bool((found["known_ns"] > entry).all())
    assert bool((entry >= found["decided_at"].cast(pl.Int64)).all())


def test_uniqueness_is_the_share_of_time_that_a_label_had_for_itself() -> None:
    found = labels(learned_from()).filter(pl.col("barrier") != "no_entry")
    rows = found.with_columns(pl.col("entry_at").cast(pl.Int64)).to_dicts()
    chosen = [row for row in rows if row["label"] is not None][::37]
    expected = []
    for row in chosen:
        minutes = range(row["entry_at"], row["known_ns"], MINUTE_NS)
        fellows = [r for r in rows if r["symbol"] == row["symbol"]]
        shares = [
            1 / sum(r["entry_at"] <= t and (r["known_ns"] or 2**62) > t for r in fellows)
            for t in minutes
        ]
        expected.append(sum(shares) / len(shares))

    assert [row["uniqueness"] for row in chosen] == pytest.approx(expected, abs=1e-9)
