"""An account is held against the market at the times at which it held something itself."""

from __future__ import annotations

import datetime as dt
from functools import cache

import numpy as np
import polars as pl
import pytest
from worlds import scratch, small_lake

from catalyst import Lake, Params, replay
from catalyst.data.sample import simulate
from catalyst.research.edge import edge_of_outcome
from catalyst.research.outcome import Outcome, outcome_of
from catalyst.research.result import Result

QUARTER = dt.timedelta(minutes=15)
SLOTS = 26
LOT = {
    "variant": "by lot",
    "control": {"seed": 0},
    "screen": {"catalyst_required": False, "volume_min": 0, "sessions_min": 1},
    "risk": {
        "stop_frac": 0.3,
        "stop_tight": 1.0,
        "cap_frac": 0.2,
        "volume_frac": 0.1,
        "entries_a_day": 1_000,
    },
    "signal": {"bands": [1.0, 1.0, 1.0]},
    "exits": ["flatten"],
}


@cache
def market(name: str, overnight: float, hours: float) -> Lake:
    """12 symbols, 30 sessions: what all gain from close to open and from open to close, a day."""
    base = simulate(n_symbols=12, n_sessions=30, bar_minutes=15, edge=False)
    days = base.bars.select(
        pl.col("ts").dt.convert_time_zone("America/New_York").dt.date().unique().sort()
    )["ts"].to_list()
    rng = np.random.default_rng(7)
    rows = []
    for symbol in sorted(base.bars["symbol"].unique()):
        level = np.log(40.0)
        for day in days:
            level += overnight + rng.normal(0, 0.001)
            opened = dt.datetime.combine(day, dt.time(9, 30))
            for slot in range(SLOTS):
                before = level
                level += hours / SLOTS + rng.normal(0, 0.0005)
                rows.append((symbol, opened + slot * QUARTER, before, level))
    usd = (pl.col(c).exp().round(4) for c in ("open", "close"))
    frame = pl.DataFrame(rows, schema=["symbol", "ts", "open", "close"], orient="row").with_columns(
        pl.col("ts").dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC"), *usd
    )
    lake = Lake(scratch() / name, create=True)
    lake.add_bars(
        frame.with_columns(
            high=pl.max_horizontal("open", "close"),
            low=pl.min_horizontal("open", "close"),
            volume=pl.lit(500_000),
        ),
        timeframe="15m",
        source="made up",
    )
    lake.add_news(base.news)
    return lake


@cache
def by_lot(name: str, overnight: float, hours: float) -> Outcome:
    lake = market(name, overnight, hours)
    return outcome_of(replay(lake, Params.load("random").updated(LOT), ledger=None))


def by_hand(result: Result, lake: Lake) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Growth of all symbols held equally at each row of equity, from the lake's bars."""
    length = dt.timedelta(minutes=5)
    closes = (
        lake.bars("5m", start=result.summary["start"])
        .with_columns(end=pl.col("ts") + length)
        .pivot(on="symbol", index="end", values="close")
        .sort("end")
        .fill_null(strategy="forward")
    )
    at = np.searchsorted(closes["end"].to_numpy(), result.equity["ts"].to_numpy(), side="right")
    usd = closes.drop("end").to_numpy()
    steps = np.nanmean(usd[1:] / usd[:-1] - 1.0, axis=1)
    grown = np.concatenate([[1.0], np.cumprod(1.0 + np.where(np.isfinite(steps), steps, 0.0))])
    return grown[np.maximum(at - 1, 0)]


def test_the_market_s_growth_is_that_of_the_lake_s_bars() -> None:
    lake = small_lake()
    day = lake.days("5m")[6]
    result = replay(lake, Params.load("spec"), start=day, end=day, ledger=None)
    own = result.equity["market"].to_numpy()
    other = by_hand(result, lake)

    # From the first bar of the day on: what happened overnight is in the first bar of each symbol.
    open_ = np.flatnonzero(np.diff(own) != 0)[0] + 40
    assert own[-1] / own[open_] == pytest.approx(other[-1] / other[open_], abs=2e-4)
    assert abs(own[-1] / own[open_] - 1) > 1e-3


@pytest.mark.parametrize(
    ("overnight", "hours"), [(0.0, 0.004), (-0.003, 0.0), (0.003, 0.0), (0.003, -0.004)]
)
def test_no_skill_earns_nothing_beside_a_market_whatever_its_hours(
    overnight: float, hours: float
) -> None:
    outcome = by_lot(f"drift {overnight} {hours}", overnight, hours)
    by_session = outcome.gross_excess * 1e4

    assert outcome.exposure.mean() > 0.2
    assert abs(by_session.mean()) < 3.0
    # The same against close to close with the session's mean exposure, a day trader's illusion.
    illusion = (outcome.returns + outcome.costs - outcome.exposure * outcome.market)[1:] * 1e4
    assert abs(illusion.mean()) > 3.0


def test_a_rising_market_is_no_edge() -> None:
    outcome = by_lot("drift 0.0 0.004", 0.0, 0.004)

    assert edge_of_outcome(outcome, trials=[]).word == "not shown"
    assert outcome.returns.mean() > 10e-4


def test_a_position_that_is_left_has_had_its_share_of_the_fall() -> None:
    result = replay(market("drift 0.0 0.004", 0.0, 0.004), Params.load("random").updated(LOT))
    rows = result.equity
    held = (rows["positions_value"].cast(pl.Float64) / rows["equity"].cast(pl.Float64)).to_numpy()
    grown = rows["market"].to_numpy()

    assert outcome_of(result).beside.sum() == pytest.approx(
        sum(held[k] * (grown[k + 1] / grown[k] - 1) for k in range(len(held) - 1))
    )
