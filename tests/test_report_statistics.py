"""A report's intervals, correlations, forward returns and costs: right, seeded, not flattering."""

from __future__ import annotations

import datetime as dt
import math
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import LOOSE, action_lake, daily_lake, small_lake, small_run

from catalyst import Params, replay
from catalyst.data.report.cautions import cautions_of
from catalyst.data.report.markup import text, usd
from catalyst.data.report.values import Horizon, Interval, ScoreTable
from catalyst.research.bootstrap import mean_interval, rank_correlation
from catalyst.research.forward_returns import forward_returns, horizons_of
from catalyst.research.result import Result
from catalyst.research.score_tables import correlation_sentence, score_tables
from catalyst.research.tape import tape_of
from catalyst.research.trade_groups import closed_trades, costs_of, days_held, exits_of, groups_of
from catalyst.research.verdict import verdict_of

HOUR = Horizon("2h", "2 hours", 1)
CLOSES = ("close", "next", "5s")


@cache
def loose_run() -> Result:
    return replay(small_lake(), Params.load("spec").replace(allow_short=True, **LOOSE))


@cache
def loose_scores() -> tuple[tuple[Horizon, ...], tuple[ScoreTable, ...]]:
    return score_tables(loose_run(), tape_of(loose_run()), seed=1)


@cache
def daily_run() -> Result:
    return replay(daily_lake(), Params.load("daily", timeframe="1d").replace(**LOOSE))


def ns(frame: pl.DataFrame, column: str) -> np.ndarray:
    return frame[column].cast(pl.Int64).to_numpy()


def test_an_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    days = np.repeat(np.arange(60), 4)
    held = 0
    for k in range(200):
        # Values of one day hang together: without its days the interval would be half as wide.
        values = np.repeat(rng.normal(size=60), 4) + rng.normal(size=240)
        found = mean_interval(values, days, seed=k)
        held += found.low <= 0.0 <= found.high

    assert 180 <= held <= 198


def test_an_interval_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    values, days = np.sin(np.arange(90.0)), np.arange(90) // 3

    first, again = (mean_interval(values, days, seed=7) for _ in range(2))

    assert first == again
    assert first != mean_interval(values, days, seed=8)


def test_under_twenty_days_there_is_no_interval() -> None:
    found = mean_interval(np.ones(190), np.arange(190) % 19, seed=1)

    assert math.isnan(found.low)
    assert (found.value, found.count, found.days, found.sign) == (1.0, 190, 19, 0)


def test_values_that_swing_over_days_get_a_wider_interval_in_blocks() -> None:
    days = np.arange(200)
    values = np.sin(days / 15)

    alone = mean_interval(values, days, seed=1)
    blocks = mean_interval(values, days, seed=1, block=20)

    assert blocks.high - blocks.low > 1.5 * (alone.high - alone.low)


def test_no_values_give_an_empty_interval() -> None:
    found = mean_interval(np.array([np.nan]), np.array([3]), seed=1)

    assert (found.count, found.days) == (0, 0)
    assert math.isnan(found.value)


def test_a_rising_day_makes_no_correlation() -> None:
    days = np.repeat(np.arange(40), 25)
    rng = np.random.default_rng(2)
    # On good days scores and returns are both high; within a day they are strangers.
    x = days + rng.random(1_000)
    y = days + rng.random(1_000)

    found = rank_correlation(x, y, days, days, seed=1)

    assert abs(found.value) < 0.1
    assert found.sign == 0


def test_a_score_that_orders_every_day_correlates_fully() -> None:
    days = np.repeat(np.arange(30), 10)
    x = np.tile(np.arange(10.0), 30)

    assert rank_correlation(x, x**3 - days, days, days, seed=1).value == pytest.approx(1.0)
    assert rank_correlation(x, -x, days, days, seed=1).sign == -1


def test_a_score_that_never_varies_has_no_correlation() -> None:
    days = np.arange(40)
    found = rank_correlation(np.ones(40), np.arange(40.0), days // 4, days, seed=1)

    assert math.isnan(found.value)


@pytest.mark.parametrize(
    ("interval", "verb"),
    [
        (Interval(0.1, 0.02, 0.2, 50, 30), "paid over 2 hours"),
        (Interval(0.1, -0.02, 0.2, 50, 30), "did not measurably pay over 2 hours"),
        (Interval(-0.1, -0.2, -0.02, 50, 30), "paid less over 2 hours"),
        (Interval(0.1, math.nan, math.nan, 50, 3), "can't be told yet"),
        (Interval(math.nan, math.nan, math.nan, 0, 0), "nothing to compare"),
    ],
)
def test_a_sentence_claims_no_more_than_its_interval(interval: Interval, verb: str) -> None:
    said = correlation_sentence(interval, HOUR, subject="higher confidence", within="within a day")

    assert verb in said


def test_forward_returns_start_at_the_next_bars_open_and_end_at_the_horizon() -> None:
    run = loose_run()
    tape = tape_of(run)
    bars = small_lake().bars("5m").filter(pl.col("symbol") == tape.feed.names[0])
    day = bars.filter(pl.col("ts").dt.date() == bars["ts"][2_000].date())
    regular = day.filter(pl.col("ts").dt.convert_time_zone("America/New_York").dt.hour() == 11)
    at = regular["ts"][0]
    close = day.filter(
        pl.col("ts").dt.convert_time_zone("America/New_York").dt.time() < pl.time(16, 0)
    )["close"][-1]

    found = forward_returns(
        tape, np.array([0], np.int32), np.array([int(at.timestamp()) * 10**9], np.int64)
    )

    after = day.filter(pl.col("ts") >= at)
    entry = after["open"][0]
    # Sought by time and not by number: the symbol rests now and then.
    ends = [
        after.filter(pl.col("ts") < at + dt.timedelta(minutes=n))["close"][-1]
        for n in (15, 30, 60, 120)
    ]
    assert found.own[0, :5] == pytest.approx([x / entry - 1 for x in (*ends, close)])
    assert [h.key for h in horizons_of(tape)] == ["15m", "30m", "1h", "2h", *CLOSES]


def test_the_market_of_a_forward_return_is_the_mean_of_all_symbols() -> None:
    tape = tape_of(loose_run())
    at = int(tape.sessions[4].open_ns) + 3_600 * 10**9
    m = len(tape.feed.names)

    found = forward_returns(tape, np.arange(m, dtype=np.int32), np.full(m, at))

    assert found.market[:, 1] == pytest.approx(np.full(m, np.nanmean(found.own[:, 1])))


def test_what_the_lake_ends_before_has_no_forward_return() -> None:
    tape = tape_of(loose_run())
    last = tape.sessions[-1]
    at = np.array([last.open_ns, last.post_ns], np.int64)

    found = forward_returns(tape, np.zeros(2, np.int32), at)

    assert np.isfinite(found.own[0, :5]).all()
    assert np.isnan(found.own[0, 5:]).all()
    assert np.isnan(found.own[1]).all()


def test_a_daily_decision_enters_at_the_next_sessions_open() -> None:
    tape = tape_of(daily_run())
    bars = daily_lake().bars("1d").filter(pl.col("symbol") == tape.feed.names[0])
    at = tape.sessions[10].close_ns
    later = bars.filter(pl.col("ts").cast(pl.Int64) > at)

    found = forward_returns(tape, np.zeros(1, np.int32), np.array([at], np.int64))

    entry = later["open"][0]
    assert found.own[0] == pytest.approx([later["close"][k] / entry - 1 for k in (0, 1, 4, 9, 19)])


def test_a_split_makes_no_forward_return() -> None:
    params = Params.load("spec").replace(flatten_at_close=False, **LOOSE)
    tape = tape_of(replay(action_lake(), params))
    before = np.array([s.close_ns - 3_600 * 10**9 for s in tape.sessions[9:22]], np.int64)
    m = len(tape.feed.names)
    symbols = np.tile(np.arange(m, dtype=np.int32), len(before))

    found = forward_returns(tape, symbols, np.repeat(before, m))

    # Splits of 2, 0.1, 1.5 and 7 lie between, one a symbol: raw prices would show -86 % to +900 %.
    # Two symbols of the sample have a split of their own that this lake does not record.
    assert (np.abs(found.own[:, 5]) > 0.4).sum() == 2


def test_every_bucket_has_its_place_and_empty_ones_are_empty() -> None:
    run = loose_run()

    horizons, tables = loose_scores()

    confidence = tables[0]
    directed = run.signals.filter(pl.col("side") != "none")
    assert len(confidence.buckets) == 10
    assert [cell.count for cell in confidence.cells[0]] == [0] * len(horizons)
    for h in range(len(horizons)):
        counted = sum(row[h].count for row in confidence.cells)
        assert counted + confidence.dropped[h] == directed.height


def test_each_scored_component_has_its_table() -> None:
    _, tables = loose_scores()

    assert [table.name for table in tables] == [
        "confidence",
        "catalyst score",
        "pattern score",
        "technical score",
        "volume score",
        "catalyst score of candidates",
        "rank of finalists",
    ]


def test_ranks_are_held_against_the_finalists_of_the_same_decision() -> None:
    _, tables = loose_scores()

    cells = [row[0] for row in tables[-1].cells]
    weighted = sum(cell.value * cell.count for cell in cells if cell.count)
    assert weighted == pytest.approx(0.0, abs=1e-6)


def test_costs_twice_take_exactly_what_the_fills_slipped() -> None:
    run = loose_run()
    trades = closed_trades(run)

    none, modelled, twice, _ = costs_of(trades, seed=1, block=1).levels

    slipped = float(run.fills["slippage"].sum())
    assert modelled.pnl_usd == pytest.approx(float(run.trades["pnl"].sum()))
    assert none.pnl_usd - modelled.pnl_usd == pytest.approx(slipped)
    assert modelled.pnl_usd - twice.pnl_usd == pytest.approx(slipped)


def test_at_the_break_even_cost_nothing_is_left() -> None:
    trades = closed_trades(loose_run())

    found = costs_of(trades, seed=1, block=1)

    before = found.levels[0].pnl_usd + float(trades["fees"].sum())
    assert before == pytest.approx(found.break_even_bps * 1e-4 * float(trades["traded"].sum()))


def test_groups_and_exits_add_up_to_all_trades() -> None:
    trades = closed_trades(loose_run())
    total = float(trades["pnl"].sum())

    by_side, by_hour, _, by_symbol = groups_of(trades, daily=False)

    for found in (exits_of(trades), by_side, by_hour, by_symbol):
        assert sum(group.trades for group in found.groups) == trades.height
        assert sum(group.pnl_usd for group in found.groups) == pytest.approx(total)


def made_up(pnl: list[float], days: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "trade_id": [f"{k:020x}" for k in range(len(pnl))],
            "symbol": ["AAA", "BBB"] * (len(pnl) // 2),
            "pnl": pnl,
            "pnl_bps": pnl,
            "entered": [1_000.0] * len(pnl),
            "day": [k % days for k in range(len(pnl))],
        }
    )


def first_sentence(pnl: list[float], days: int) -> tuple[str, str]:
    summary = {**small_run().summary, "synthetic": None}
    curve = small_run().benchmarks
    nothing = np.zeros(curve.height)
    found = verdict_of(summary, made_up(pnl, days), curve, nothing, nothing, seed=1, block=1)
    return found.tone, found.sentences[0]


def test_a_verdict_on_few_trades_or_days_is_no_conclusion() -> None:
    assert first_sentence([9.0] * 20, 20)[1].startswith("No conclusion: 20 closed trades")
    assert first_sentence([9.0] * 200, 4)[1].startswith("No conclusion: 200 closed trades on 4")


def test_a_verdict_claims_no_edge_that_the_interval_does_not_show() -> None:
    wide = [100.0, -98.0] * 50

    assert first_sentence(wide, 40) == (
        "open",
        "No edge is shown: the mean profit of a trade can't be told from zero.",
    )


def test_a_verdict_tells_a_sure_loss_and_a_sure_gain_apart() -> None:
    assert first_sentence([-5.0, -6.0] * 50, 40)[0] == "loss"
    tone, said = first_sentence([5.0, 6.0] * 50, 40)
    assert tone == "gain"
    assert "not yet an edge" in said


def test_a_run_without_trades_says_what_binds() -> None:
    run = replay(small_lake(), Params.load("spec").replace(price_max=1.5))
    trades = closed_trades(run)

    nothing = np.zeros(run.benchmarks.height)
    found = verdict_of(run.summary, trades, run.benchmarks, nothing, nothing, seed=1, block=1)

    assert found.tone == "none"
    assert found.sentences[0] == "There are no trades, so there is nothing to judge."
    assert any("candidates of stage 5 failed price_max 1.5" in text for text in found.sentences)


def test_the_curve_of_the_folder_ends_where_the_summary_says() -> None:
    run = small_run()
    last = run.benchmarks.tail(1).row(0, named=True)

    assert last["strategy"] - 1 == pytest.approx(run.summary["net_return"])
    for name in ("buy_and_hold", "equal_weight"):
        assert last[name] - 1 == pytest.approx(run.summary["benchmarks"][name]["net_return"])
    assert run.benchmarks.height == run.summary["sessions"]


@given(st.text())
def test_any_text_comes_out_as_text_of_one_line(given_text: str) -> None:
    shown = text(given_text)

    assert not set("<>\"'\n") & set(shown)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-1324.97, "−$1,324.97"), (0.001, "$0.00"), (12_345.6, "+$12,346"), (math.nan, "–")],
)
def test_money_has_its_sign_and_separators(value: float, shown: str) -> None:
    assert usd(value) == shown


def test_every_warning_of_a_run_has_a_meaning() -> None:
    from catalyst.data.books import ClosedTrade
    from catalyst.data.metrics import Jump, warnings

    few = [ClosedTrade(5, 5, "AAA")] * 2
    many = [ClosedTrade(5, 5, "AAA")] * 40
    said = {
        text
        for closed in (few, many)
        for text in warnings(
            closed,
            3,
            {"adjusted": 0.5, "assumed_news": 0.5, "assumed_bars": 0.5},
            bars=(3, 3),
            synthetic=True,
            newsless=2,
            jumps=[Jump("AAA", "2024-01-02", -0.5, raw) for raw in (True, False)],
            contested=2,
            open_positions={"AAA": 3},
        )
    }

    assert [text for text, meaning in cautions_of(sorted(said)) if not meaning] == []
    assert len(said) == 14


def test_days_are_drawn_together_over_as_many_as_trades_are_held() -> None:
    def held(nights: int) -> pl.DataFrame:
        entry = dt.datetime(2024, 1, 2, 15, tzinfo=dt.UTC)
        times = pl.DataFrame({"entry_ts": [entry], "exit_ts": [entry + dt.timedelta(days=nights)]})
        return times.cast(pl.Datetime("ns", "UTC"))

    assert [days_held(held(nights)) for nights in (0, 1, 7, 300)] == [1, 2, 6, 21]
    assert days_held(held(0).clear()) == 1
