"""The bundled scoring variants: what they are, and what they score, beside a plain twin."""

from __future__ import annotations

import datetime as dt
import math
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import naive
import numpy as np
import polars as pl
import pytest
from builders import at, survey
from worlds import LOOSE, daily_lake, small_lake

from catalyst import Params
from catalyst.data import variants
from catalyst.errors import ParamsError
from catalyst.research.contenders import contender
from catalyst.research.explanation import explain
from catalyst.research.result import Result
from catalyst.research.together import replay_together
from catalyst.strategy.moves import (
    momentum_chase_scores,
    move_scores,
    moves,
    pullback_scores,
    rsi_of,
)
from catalyst.strategy.values import BarPanel

NEW_YORK = ZoneInfo("America/New_York")
SEVEN = ("spec", "momentum_chase", "pullback", "news_only", "pattern_only", "random", "learned")
CHASE, PULLBACK = Params.load("momentum_chase"), Params.load("pullback")
# ZQAA goes from 1 to 1/8 share on the second day, ZQAB from 1 to 3 shares on the fourth.
START, END = dt.date(2023, 6, 27), dt.date(2023, 7, 3)
NAN = math.nan


@cache
def runs() -> dict[str, Result]:
    loose = [Params.load(name).replace(**LOOSE) for name in ("momentum_chase", "pullback")]
    asked = [*loose, Params.load("news_only")]
    made = replay_together(small_lake(), asked, start=START, end=END, ledger=None)
    return {result.params.variant: result for result in made}


# What they are


def test_the_seven_variants_are_bundled() -> None:
    assert set(SEVEN) <= set(variants.names())


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("momentum_chase", {"technical_score"}),
        ("pullback", {"technical_score"}),
        ("news_only", {"scored", "signal.direction_from_catalyst"}),
        ("pattern_only", {"scored", "screen.catalyst_required"}),
        ("random", {"scored", "control.seed"}),
        ("learned", set()),
    ],
)
def test_a_variant_changes_this_and_nothing_else(name: str, changed: set[str]) -> None:
    assert set(variants.unfitted(name).differences()) == changed


def test_daily_bars_lay_their_numbers_under_the_control() -> None:
    params = Params.load("random", timeframe="1d")

    assert params.screen.rvol_min == 1.2
    assert (params.control.seed, params.scored[0][0].name) == (0, "half_size")


def test_what_is_fitted_cannot_be_loaded_without_a_lake(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("over: learned\nscreen: {price_max: 1000}\n")

    for source in ("learned", mine):
        with pytest.raises(ParamsError, match="fitted on a lake; run it on one with catalyst"):
            Params.load(source)
    assert variants.fitted(mine) == "monthly"
    assert variants.unfitted(mine).screen.price_max == 1000
    assert variants.fitted("spec") is None


def test_only_a_monthly_fit_is_known(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("fitted: weekly\n")

    with pytest.raises(ParamsError, match="fitted: 'weekly'; expected monthly"):
        variants.fitted(mine)


def test_a_contender_is_the_variant_on_the_lakes_bars() -> None:
    assert contender("pullback", small_lake()) == PULLBACK
    assert contender("thin", daily_lake(), settings=["screen.price_max=50"]) == Params.load(
        "thin", timeframe="1d", settings=["screen.price_max=50"]
    )


# What they score


def test_a_move_is_the_last_price_over_the_fifth_close_before_today() -> None:
    closes = np.full((2, 20), 200.0)
    closes[:, -5] = [80.0, NAN]
    found = survey(at("12:00"), 2, price=np.array([100.0, 100.0]), session_close=closes)

    np.testing.assert_array_equal(moves(found, np.array([0, 1], np.int32), 5), [0.25, NAN])


def test_chasing_scores_500_points_a_whole_return_clipped() -> None:
    move = np.array([0.0, 0.02, -0.02, 0.1, 0.3, -0.1, -0.9, NAN])

    np.testing.assert_allclose(
        momentum_chase_scores(move, CHASE), [50, 60, 40, 100, 100, 0, 0, 50], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("move", "rsi", "score"),
    [
        (0.05, 50.0, 100.0),
        (-0.05, 50.0, 100.0),
        (0.03, 40.0, 100.0),
        (0.07, 60.0, 100.0),
        (0.0299, 50.0, 50.0),
        (-0.0701, 50.0, 50.0),
        (0.05, 39.9, 50.0),
        (0.05, 60.1, 50.0),
        (0.2, 80.0, 0.0),
        (NAN, 50.0, 75.0),
        (0.05, NAN, 75.0),
        (NAN, NAN, 50.0),
    ],
)
def test_a_pullback_is_a_middling_move_that_has_calmed(
    move: float, rsi: float, score: float
) -> None:
    assert pullback_scores(np.array([move]), np.array([rsi]), PULLBACK).tolist() == [score]


def test_the_points_of_a_move_are_parameters() -> None:
    params = PULLBACK.replace(move_low=0.01, move_points=10, calm_rsi_points=5)

    assert pullback_scores(np.array([0.02]), np.array([70.0]), params).tolist() == [55.0]
    assert momentum_chase_scores(np.array([0.1]), CHASE.replace(chase_points=100)).tolist() == [60]


@pytest.mark.parametrize("params", [CHASE, PULLBACK], ids=["momentum_chase", "pullback"])
def test_a_score_by_moves_heeds_its_own_symbol_and_window_only(params: Params) -> None:
    rng = np.random.default_rng(5)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.003, (4, 300)), axis=1))
    count = np.array([300, 300, 300, 40], np.int32)
    ts = np.tile(np.arange(300, dtype=np.int64), (4, 1))
    bars = BarPanel(ts, close, close, close, close.copy(), close, count)
    closes = close[:, :20] * 1.02
    found = survey(at("12:00"), 4, price=close[:, -1], session_close=closes)
    every = np.arange(4, dtype=np.int32)
    whole = move_scores(bars, found, every, params)

    for k in range(4):
        alone = BarPanel(*(getattr(bars, f)[k : k + 1] for f in bars.__dataclass_fields__))
        assert move_scores(alone, found, every[k : k + 1], params)[0] == whole[k]
    # Bars after the last, and those that have left the window, say nothing.
    bars.close[:, 300:] = NAN
    bars.close[:3, :50] = 1e9
    np.testing.assert_array_equal(move_scores(bars, found, every, params), whole)
    assert np.isnan(rsi_of(bars, params)).tolist() == [False, False, False, True]


def test_scores_by_moves_equal_those_of_a_plain_twin() -> None:
    for name in ("momentum_chase", "pullback"):
        signals = runs()[name].signals.filter(pl.col("side") == "long")
        assert signals.height > 150
        assert signals["technical_score"].n_unique() > 2
        for row in signals[:: 1 + signals.height // 120].iter_rows(named=True):
            expected = twin(name, row["symbol"], row["decided_at"])
            assert math.isclose(row["technical_score"], expected, rel_tol=1e-9), row


@cache
def bars_of(symbol: str) -> pl.DataFrame:
    bars = small_lake().bars("5m", symbols=[symbol])
    # A bar that arrives within two seconds of its end counts as known at its end.
    end = pl.col("ts") + dt.timedelta(minutes=5)
    in_time = pl.col("known_at") <= end + dt.timedelta(seconds=2)
    bars = bars.with_columns(known_at=pl.when(in_time).then(end).otherwise(pl.col("known_at")))
    local = pl.col("ts").dt.convert_time_zone("America/New_York")
    return bars.with_columns(date=local.dt.date(), local=local)


def twin(name: str, symbol: str, asof: dt.datetime) -> float:
    """Score from nothing but bars and splits."""
    today = asof.astimezone(NEW_YORK).date()
    splits = [
        (row["ex_date"], row["value"])
        for row in small_lake().actions().iter_rows(named=True)
        if row["symbol"] == symbol and row["kind"] == "split" and row["ex_date"] <= today
    ]
    known = bars_of(symbol).filter(pl.col("known_at") <= asof).sort("ts")
    closes = [
        close / math.prod(ratio for ex, ratio in splits if date < ex)
        for date, close in known.select("date", "close").iter_rows()
    ]
    # A session's close is that of 16:00; what is traded after hours does not move it.
    rows = zip(known["date"].to_list(), known["local"].to_list(), closes, strict=True)
    by_session = {date: close for date, local, close in rows if local.hour < 16}
    before = [close for date, close in by_session.items() if date < today]
    move = float(closes[-1] / before[-5] - 1.0)
    if name == "momentum_chase":
        return min(max(50.0 + 500.0 * move, 0.0), 100.0)
    strength = naive.rsi(closes, len(closes) - 1, 14, 250)
    return 50.0 + (25 if 0.03 <= abs(move) <= 0.07 else -25) + (25 if 40 <= strength <= 60 else -25)


def test_the_twin_met_symbols_whose_shares_had_split() -> None:
    signals = runs()["momentum_chase"].signals
    split = signals.filter(
        (
            (pl.col("symbol") == "ZQAA")
            & (pl.col("decided_at") > dt.datetime(2023, 6, 28, 8, tzinfo=dt.UTC))
        )
        | (pl.col("symbol") == "ZQAB")
    )

    assert split.height > 5


def test_news_alone_gives_the_direction_and_asks_for_no_pattern() -> None:
    signals = runs()["news_only"].signals

    assert {"no_pattern", "undirected", "cancelled_out"}.isdisjoint(signals["rule"].unique())
    assert (signals["confidence"] == signals["catalyst_score"]).all()
    long = signals.filter(pl.col("direction") > 0.1)
    assert long.height > 10
    assert (long["side"] == "long").all()


def test_another_symbol_changes_no_score_by_moves() -> None:
    some = sorted(runs()["pullback"].signals["symbol"].unique().to_list())[::2]
    asked = [Params.load(n).replace(**LOOSE) for n in ("momentum_chase", "pullback")]
    alone = replay_together(small_lake(), asked, symbols=some, start=END, end=END, ledger=None)

    for one in alone:
        columns = ["decided_at", "symbol", "technical_score", "confidence"]
        own = one.signals.select(columns)
        both = own.join(runs()[one.params.variant].signals.select(columns), on=columns)
        met = own.join(runs()[one.params.variant].signals, on=["decided_at", "symbol"], how="semi")
        assert both.height == met.height > 20


@pytest.mark.parametrize("name", ["momentum_chase", "pullback"])
def test_a_story_tells_the_points_of_a_move(name: str) -> None:
    result = runs()[name]
    row = result.signals.filter(pl.col("side") == "long").row(-1, named=True)
    story = explain(result, row["signal_id"])
    facts = next(s for s in story.sections if s.title.startswith("Technical")).facts
    points = [float(str(fact.values["points"])) for fact in facts if "points" in fact.values]

    assert len(points) == (2 if name == "momentum_chase" else 3)
    assert math.isclose(min(max(sum(points), 0), 100), row["technical_score"])


def test_every_variant_trades_daily_bars() -> None:
    lake = daily_lake()
    names = [name for name in SEVEN if name != "learned"]
    made = replay_together(
        lake,
        [contender(name, lake) for name in names],
        start=lake.days("1d")[-50],
        ledger=None,
    )

    assert {r.params.variant: r.summary["n_trades"] > 0 for r in made} == dict.fromkeys(names, True)
