"""Replay is deterministic, and bars with faults do what the docstrings say."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from worlds import (
    FIVE_MINUTES,
    INSTANT,
    LOOSE,
    copied,
    digests,
    scratch,
    small_lake,
    small_run,
    small_sample,
    with_bars,
)

from catalyst import Lake, Params, replay
from catalyst.errors import LakeError
from catalyst.research.result import Result

START = dt.date(2023, 7, 10)
_SAVE = """
import datetime as dt, sys
from catalyst import Lake, Params, replay
replay(Lake(sys.argv[1]), Params.load("spec"), start=dt.date(2023, 7, 10)).save(sys.argv[2])
"""


def _params() -> Params:
    return Params.load("spec").replace(**LOOSE)


def _run(lake: Lake) -> Result:
    return replay(lake, _params(), start=START)


@cache
def _whole() -> Result:
    return _run(small_lake())


def _days() -> list[dt.date]:
    return [day for day in small_lake().days("5m") if day >= START]


def _files(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def _busiest() -> tuple[str, dt.date]:
    """Name a symbol and a session with a fill in its regular hours."""
    fills = _whole().fills.with_columns(day=pl.col("filled_at").dt.date())
    row = fills.group_by("symbol", "day").len().sort("len", "symbol", "day").row(-1)
    return row[0], row[1]


def assert_every_fill_met_a_bar(lake: Lake, result: Result, *, timeframe: str = "5m") -> None:
    """Find each fill's bar in the lake: in time, with volume, and the fill's price in reach."""
    bars = lake.bars(timeframe).filter(pl.col("known_at") <= pl.col("ts") + 2 * FIVE_MINUTES)
    bars = bars.with_columns(end=(pl.col("ts") + FIVE_MINUTES).cast(INSTANT))
    fills = result.fills.select("fill_id", "symbol", "filled_at", "price", "quantity")
    met = pl.concat(
        [
            fills.join(bars, left_on=["symbol", "filled_at"], right_on=["symbol", instant])
            for instant in ("ts", "end")
        ],
        how="diagonal",
    ).filter(
        (pl.col("volume") > 0)
        & (pl.col("quantity") <= pl.col("volume"))
        & (pl.col("price") > pl.col("low") * 0.997)
        & (pl.col("price") < pl.col("high") * 1.003)
    )

    assert set(fills["fill_id"]) <= set(met["fill_id"])


def test_two_processes_write_the_same_bytes_whatever_the_seed_and_threads(tmp_path: Path) -> None:
    settings = [
        {"PYTHONHASHSEED": "1", "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"},
        {"PYTHONHASHSEED": "77", "POLARS_MAX_THREADS": "4", "OMP_NUM_THREADS": "3"},
    ]
    folders = []
    for k, more in enumerate(settings):
        folder = tmp_path / f"run{k}"
        threads = {"NUMBA_NUM_THREADS": str(k + 1)}
        subprocess.run(
            [sys.executable, "-c", _SAVE, str(small_lake().root), str(folder)],
            check=True,
            env=os.environ | more | threads,
        )
        folders.append(_files(folder))

    assert len(folders[0]) == 12
    assert folders[0] == folders[1]


def test_the_same_facts_imported_in_another_order_give_the_same_decisions(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    sample = small_sample()
    bars = sample.bars.with_columns(known_at=pl.col("ts") + FIVE_MINUTES)
    parts = [bars.filter(pl.col("symbol").hash(7) % 3 == k).reverse() for k in range(3)]
    for part in parts:
        lake.add_bars(part, timeframe="5m", source="synthetic")
    lake.add_news(sample.news.reverse())
    lake.add_actions(sample.actions.reverse())
    lake.add_universe(
        sample.universe.select("symbol", "from", pl.col("to").dt.offset_by("-1d"), "known_at")
    )

    assert lake.digest() == small_lake().digest()
    assert digests(_run(lake)) == digests(_whole())


def test_progress_names_every_session_in_order() -> None:
    seen: list[tuple[int, int, dt.date]] = []
    days = _days()[:3]
    replay(
        small_lake(),
        Params.load("spec"),
        start=days[0],
        end=days[-1],
        progress=lambda *told: seen.append(told),
    )

    assert seen == [(k + 1, 3, day) for k, day in enumerate(days)]


# --- symbols beside each other -----------------------------------------------------------------


@cache
def _quiet() -> list[str]:
    """Name the symbols without news in the window, after some lost theirs."""
    return small_lake().symbols("5m")[::3]


@cache
def _lakes_with_and_without_quiet_symbols() -> tuple[Lake, Lake]:
    root = scratch() / "quiet"
    news = small_sample().news.filter(
        pl.col("symbols").list.set_intersection(_quiet()).list.len() == 0
    )
    bars = small_sample().bars.with_columns(known_at=pl.col("ts") + FIVE_MINUTES)
    lakes = []
    for name, kept in (("with", bars), ("without", bars.filter(~pl.col("symbol").is_in(_quiet())))):
        lake = Lake(root / name, create=True)
        lake.add_bars(kept, timeframe="5m", source="synthetic")
        lake.add_news(news)
        lakes.append(lake)
    return lakes[0], lakes[1]


def test_symbols_without_news_change_nothing_about_the_others() -> None:
    with_them, without = map(_run, _lakes_with_and_without_quiet_symbols())

    assert without.candidates.height > 1_000
    assert set(with_them.candidates["symbol"]).isdisjoint(_quiet())
    assert digests(without) == digests(with_them)
    for table in ("candidates", "patterns", "signals", "orders", "fills", "trades"):
        assert getattr(without, table).equals(getattr(with_them, table)), table


def test_restricting_symbols_leaves_the_candidates_of_the_others_as_they_were() -> None:
    kept = [s for s in small_lake().symbols("5m") if s not in _quiet()]
    part = replay(small_lake(), _params(), start=START, symbols=kept)
    own = pl.col("symbol").is_in(kept) & (pl.col("stage") == 20) & (pl.col("reason") != "rank")
    facts = ["decided_at", "symbol", "catalyst_score", "direction", "price", "volume", "rvol"]
    found = part.candidates.filter(own).select(facts)

    assert found.height > 1_000
    assert found.equals(_whole().candidates.filter(own).select(facts))


def test_a_symbol_more_changes_no_pattern_of_another_one() -> None:
    kept = [s for s in small_lake().symbols("5m") if s not in _quiet()]
    params = _params().replace(final_count=100, catalyst_count=100)
    part = replay(small_lake(), params, start=START, symbols=kept)
    whole = replay(small_lake(), params, start=START)

    assert part.patterns.height > 100
    assert part.patterns.equals(whole.patterns.filter(pl.col("symbol").is_in(kept)))
    assert set(part.signals["signal_id"]) == set(
        whole.signals.filter(pl.col("symbol").is_in(kept))["signal_id"]
    )


# --- bars with faults --------------------------------------------------------------------------


def test_bars_given_twice_change_nothing(tmp_path: Path) -> None:
    lake = copied(small_lake(), tmp_path / "lake")
    report = lake.add_bars(small_lake().bars("5m", start=START).reverse())

    assert report.imported == 0
    assert lake.digest() == small_lake().digest()


def test_the_same_bars_of_a_second_source_change_no_decision(tmp_path: Path) -> None:
    lake = copied(small_lake(), tmp_path / "lake")
    again = small_lake().bars("5m", start=START)
    report = lake.add_bars(again.with_columns(source=pl.lit("zz second")))

    assert report.imported == again.height
    assert digests(_run(lake)) == digests(_whole())


def test_a_bar_known_late_fills_nothing_and_is_counted(tmp_path: Path) -> None:
    symbol, day = _busiest()
    late = pl.when(pl.col("symbol") == symbol).then(pl.col("ts") + 6 * FIVE_MINUTES)
    lake = with_bars(
        small_lake(),
        tmp_path / "lake",
        [day],
        lambda bars: bars.with_columns(known_at=late.otherwise(pl.col("known_at"))),
    )
    run = _run(lake)
    that = (pl.col("symbol") == symbol) & (pl.col("filled_at").dt.date() == day)
    n_late = lake.bars("5m", start=day, end=day, symbols=[symbol]).height

    assert _whole().fills.filter(that).height > 0
    assert run.fills.filter(that).height == 0
    assert f"{n_late:,} bars were known too late to fill anything" in run.summary["warnings"]


def test_a_price_known_late_is_seen_late(tmp_path: Path) -> None:
    symbol, day = _busiest()
    delay = dt.timedelta(minutes=30)
    own = pl.col("symbol") == symbol
    lake = with_bars(
        small_lake(),
        tmp_path / "lake",
        [day],
        lambda bars: bars.with_columns(
            known_at=pl.when(own).then(pl.col("known_at") + delay).otherwise(pl.col("known_at"))
        ),
    )
    bars = lake.bars("5m", symbols=[symbol]).select("known_at", "close").sort("known_at")
    seen = (
        _run(lake)
        .candidates.filter(own & (pl.col("stage") == 20))
        .filter(pl.col("decided_at").dt.date() == day)
        .sort("decided_at")
        .join_asof(bars, left_on="decided_at", right_on="known_at")
    )

    assert seen.height > 50
    assert seen["price"].equals(seen["close"].alias("price"))


def test_a_correction_counts_from_when_it_is_known_and_fills_nothing(tmp_path: Path) -> None:
    symbol, day = _busiest()
    own = pl.col("symbol") == symbol
    lake = copied(small_lake(), tmp_path / "lake")
    bars = small_lake().bars("5m", start=day, end=day, symbols=[symbol])
    wrong = bars.filter(pl.col("ts").dt.time() > dt.time(15)).with_columns(
        *(pl.col(name) * 5 for name in ("open", "high", "low", "close")),
        known_at=pl.col("known_at") + dt.timedelta(minutes=7),
    )
    lake.add_bars(wrong)
    run = _run(lake)
    first = wrong["known_at"].min()
    filled = run.fills.filter(own & (pl.col("filled_at").dt.date() == day))

    assert isinstance(first, dt.datetime)
    assert digests(run, until=first - FIVE_MINUTES) == digests(_whole(), until=first - FIVE_MINUTES)
    assert digests(run) != digests(_whole())
    assert (filled["price"] < 3 * bars["high"].to_numpy().max()).all()
    assert_every_fill_met_a_bar(small_lake(), run)


@pytest.mark.parametrize("hours", [1, 24])
def test_a_halt_fills_nothing_and_invents_no_bar(hours: int, tmp_path: Path) -> None:
    symbol, day = _busiest()
    that = (pl.col("symbol") == symbol) & (pl.col("filled_at").dt.date() == day)
    start = _whole().fills.filter(that)["filled_at"].min()

    assert isinstance(start, dt.datetime)

    begin = start - dt.timedelta(minutes=10) if hours == 1 else start - dt.timedelta(hours=24)
    end = begin + dt.timedelta(hours=hours if hours == 1 else 48)
    halted = (pl.col("symbol") == symbol) & (pl.col("ts") >= begin) & (pl.col("ts") < end)
    lake = with_bars(small_lake(), tmp_path / "lake", [day], lambda bars: bars.filter(~halted))
    run = _run(lake)
    within = (pl.col("symbol") == symbol) & (pl.col("filled_at") > begin)
    # A fill is stamped with its bar's end at the latest.
    inside = run.fills.filter(
        within & (pl.col("filled_at") <= end) & (pl.col("filled_at").dt.date() == day)
    )
    seen = run.candidates.filter(
        (pl.col("symbol") == symbol)
        & (pl.col("stage") == 20)
        & (pl.col("decided_at") > begin + FIVE_MINUTES)
        & (pl.col("decided_at") < end)
        & (pl.col("decided_at").dt.date() == day)
    )

    assert inside.height == 0
    assert seen["price"].n_unique() <= 1
    assert_every_fill_met_a_bar(lake, run)


def test_holes_stay_holes(tmp_path: Path) -> None:
    def thinned(bars: pl.DataFrame) -> pl.DataFrame:
        keep = np.random.default_rng(bars.height).random(bars.height) > 0.4
        return bars.filter(pl.Series(keep))

    lake = with_bars(small_lake(), tmp_path / "lake", small_lake().days("5m"), thinned)
    run = _run(lake)
    bars = lake.bars("5m").select("symbol", pl.col("ts").alias("bar_ts"))
    own = run.patterns.filter(pl.col("timeframe") == "5m")

    assert run.fills.height > 10
    assert_every_fill_met_a_bar(lake, run)
    assert own.height > 10
    assert own.join(bars, on=["symbol", "bar_ts"]).height == own.height


def test_a_larger_bar_without_any_base_bar_does_not_exist(tmp_path: Path) -> None:
    def some_quarters(bars: pl.DataFrame) -> pl.DataFrame:
        return bars.filter(pl.col("ts").dt.minute() % 30 < 15)

    lake = with_bars(small_lake(), tmp_path / "lake", small_lake().days("5m"), some_quarters)
    run = _run(lake)
    quarters = run.patterns.filter(pl.col("timeframe") == "15m")

    assert quarters.height > 10
    assert (quarters["bar_ts"].dt.minute() % 30 == 0).all()


def test_bars_without_volume_fill_nothing(tmp_path: Path) -> None:
    symbol, day = _busiest()
    silent = pl.when(pl.col("symbol") == symbol).then(0.0).otherwise(pl.col("volume"))
    lake = with_bars(
        small_lake(), tmp_path / "lake", [day], lambda bars: bars.with_columns(volume=silent)
    )
    run = _run(lake)
    that = (pl.col("symbol") == symbol) & (pl.col("filled_at").dt.date() == day)

    assert run.fills.filter(that).height == 0
    assert_every_fill_met_a_bar(lake, run)


def test_a_session_without_bars_is_a_session_without_fills(tmp_path: Path) -> None:
    day = _days()[3]
    lake = with_bars(small_lake(), tmp_path / "lake", [day], lambda bars: bars.head(0))
    run = _run(lake)
    on = pl.col("decided_at").dt.date() == day

    assert run.summary["sessions"] == _whole().summary["sessions"]
    assert run.decisions.filter(on).height > 0
    assert run.fills.filter(pl.col("filled_at").dt.date() == day).height == 0
    assert run.fills.filter(pl.col("filled_at").dt.date() > day).height > 0


def test_a_symbol_with_one_bar_has_no_history(tmp_path: Path) -> None:
    day = _days()[0]
    lake = copied(small_lake(), tmp_path / "lake")
    one = small_lake().bars("5m", start=day, end=day).filter(pl.col("ts").dt.hour() == 14).head(1)
    lake.add_bars(one.with_columns(symbol=pl.lit("ONE")))
    text = "ONE Corp beats on earnings and raises guidance"
    lake.add_news(
        pl.DataFrame({"headline": [text], "published_at": one["ts"], "symbol": ["ONE"]}),
        source="Reuters",
    )
    found = _run(lake).candidates.filter(pl.col("symbol") == "ONE")

    assert set(found["stage"]) == {50}
    assert set(found["reason"]) <= {"no_history", "not_in_universe"}


@pytest.mark.parametrize("first", [True, False])
def test_a_run_over_one_session_works_at_either_end(*, first: bool) -> None:
    day = small_lake().days("5m")[0 if first else -1]
    run = replay(small_lake(), Params.load("spec"), start=day, end=day)

    assert run.summary["sessions"] == 1
    assert run.decisions.height > 100


def test_a_window_without_sessions_is_refused_with_what_there_is() -> None:
    with pytest.raises(LakeError, match="the lake has them from 2023-06-12 to 2023-07-18"):
        replay(small_lake(), Params.load("spec"), start=dt.date(2024, 1, 2))


def test_an_unknown_symbol_and_timeframe_are_refused_by_name() -> None:
    with pytest.raises(LakeError, match="no 5m bars of NOPE"):
        replay(small_lake(), Params.load("spec"), symbols=["NOPE"])
    with pytest.raises(LakeError, match="has no 1m bars; it has 5m"):
        replay(small_lake(), Params.load("spec"), timeframe="1m")


def test_the_summary_tells_why_nothing_was_traded() -> None:
    params = Params.load("spec").replace(price_max=2.0)
    summary = replay(small_lake(), params, start=START).summary

    assert summary["n_trades"] == 0
    assert any(
        rule["rule"] == "price_max" and rule["text"].startswith("no trades: ")
        for rule in summary["binding_rules"]
    )


def test_a_result_prints_as_one_line() -> None:
    text = repr(small_run())

    assert "\n" not in text
    assert f"{small_run().summary['n_trades']} trades" in text
