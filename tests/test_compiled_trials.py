"""The compiled loop trades as the step does: to the trade, to the micro-dollar, or not at all."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from worlds import LOOSE, action_lake, daily_lake, small_lake, with_bars

from catalyst import Lake, Params
from catalyst.data.feed import Feed
from catalyst.data.search_ledger import SearchLedger
from catalyst.errors import ConservationError
from catalyst.research import trials
from catalyst.research.compiled_outcomes import check_equal
from catalyst.research.compiled_trials import Compiled, group_key, trade
from catalyst.research.finalists import Finals, record_finals
from catalyst.research.outcome import outcome_of
from catalyst.research.result import Result
from catalyst.research.together import replay_together
from catalyst.research.trade_kernels_exchange import fee_nb, on_tick_nb
from catalyst.strategy.exchange import _fee_micro
from catalyst.strategy.money import MICRO, on_tick
from catalyst.strategy.reasons import Role, Side

SPEC = Params.load("spec").replace(**LOOSE)
DAILY = Params.load("spec", timeframe="1d").replace(**LOOSE)
MONEY = ("fees", "pnl")
_LATE = [0.8, 0.05, 0.05, 0.05, 0.05]


def drawn(base: Params, count: int, seed: int) -> list[Params]:
    """Draw trials that differ in everything the compiled loop may differ in."""
    rng = random.Random(seed)  # noqa: S311 - drawn for a test
    return [_drawn(base, rng) for _ in range(count)]


def _drawn(base: Params, rng: random.Random) -> Params:
    scored = rng.sample(["catalyst", "pattern", "technical", "volume", "half_size"], 3)
    exits = rng.sample(["news_reversal", "time_stop", "flatten"], rng.randint(1, 3))
    quarter = rng.uniform(0, 12)
    half = rng.uniform(quarter, 25)
    first = rng.uniform(0.2, 1.5)
    weights = {name: round(rng.uniform(0.1, 0.33), 3) for name in scored}
    return base.updated({"scored": weights, "exits": exits}).replace(
        quarter_from=quarter,
        half_from=half,
        full_above=rng.uniform(half, 50),
        bands=(1.0, rng.uniform(0.3, 0.8), rng.uniform(0, 0.3)),
        allow_short=rng.random() < 0.6,
        direction_from_catalyst=rng.random() < 0.3,
        initial_equity_usd=rng.choice([5_000, 100_000, 1_000_000]),
        stop_frac=rng.choice([0.002, 0.005, 0.01, 0.03]),
        stop_tight_from=rng.uniform(40, 80),
        stop_tight=rng.uniform(0.5, 1),
        stop_wide_below=rng.uniform(10, 40),
        stop_wide=rng.uniform(1, 2),
        target_1_r=first,
        target_2_r=first + rng.uniform(0.1, 2),
        cap_frac=rng.uniform(0.05, 0.5),
        cap_frac_pre_market=rng.uniform(0.05, 0.3),
        volume_frac=rng.choice([0.005, 0.05, 0.5]),
        volume_bars=rng.randint(1, 60),
        positions_max=rng.randint(2, 9),
        entries_a_day=rng.randint(3, 30),
        daily_loss_frac=rng.choice([0.001, 0.01, 0.05]),
        quiet_minutes=rng.choice([0, 30, 120]),
        trail_frac=rng.choice([0.001, 0.005, 0.01]),
        reversal_min=rng.uniform(0, 30),
        time_stop_hours=rng.uniform(0.1, 3),
        time_stop_bars=rng.randint(1, 4),
        flatten_at_close=rng.random() < 0.6,
        flatten_minutes=rng.choice([0, 5, 17]),
        entry_collar_bps=rng.choice([0, 5, 50]),
        extended_collar_bps=rng.choice([0, 10, 50]),
        entry_bars=rng.randint(1, 6),
        watch_frac=rng.choice([0, 0.001, 0.01]),
        slippage_bps=rng.uniform(0, 5),
        impact_bps=rng.uniform(0, 20),
        participation_frac=rng.choice([0.002, 0.02, 0.1]),
        sec_fee_rate=rng.choice([0, 0.0000278]),
        taf_fee_usd=rng.choice([0, 0.000166]),
    )


def recorded(lake: Lake, params: Params, first: int | None = None) -> Finals:
    feed = Feed(lake)
    start = None if first is None else lake.days(str(feed.timeframe))[first]
    return record_finals(feed, params, feed.span(start, None), depth=60)


def replayed(finals: Finals, variants: Sequence[Params]) -> list[Result]:
    start = np.datetime64(finals.sessions[0].day, "D").astype(object)
    lake = finals.feed.lake
    return replay_together(lake, variants, start=start, tables="money", ledger=None)


def roles(trade_row: np.void) -> str:
    packed, out = int(trade_row["reasons"]), []
    while packed:
        out.append(Role(packed & 15).label)
        packed >>= 4
    return "+".join(reversed(out))


def compiled_rows(finals: Finals, compiled: Compiled) -> list[tuple[object, ...]]:
    return [
        (
            finals.feed.names[row["symbol"]],
            "long" if row["side"] > 0 else "short",
            int(row["quantity"]),
            int(row["decided"]),
            int(row["entry_ns"]),
            int(row["exit_ns"]),
            row["cost"] / row["quantity"] / MICRO,
            row["proceeds"] / row["quantity"] / MICRO,
            roles(row),
            row["confidence"],
            int(row["fees"]),
            int(row["pnl"]),
        )
        for row in compiled.trades
    ]


def replayed_rows(result: Result) -> list[tuple[object, ...]]:
    instants = (pl.col(name).cast(pl.Int64) for name in ("decided_at", "entry_ts", "exit_ts"))
    money = ((pl.col(name) * MICRO).cast(pl.Int64) for name in MONEY)
    columns = ("entry_price", "exit_price", "exit_reason", "confidence")
    return result.trades.select("symbol", "side", "quantity", *instants, *columns, *money).rows()


def growth(params: Params, compiled: Compiled) -> list[float]:
    equity: list[float] = (
        compiled.days["equity"] / MICRO / params.risk.initial_equity_usd
    ).tolist()
    return equity


def compare(finals: Finals, variants: Sequence[Params]) -> set[str]:
    """Compare every trial with its replay; return why its trades ended."""
    found = trade(finals, variants)
    results = replayed(finals, variants)
    reasons: set[str] = set()
    for params, compiled, result in zip(variants, found, results, strict=True):
        if compiled is None:
            continue

        assert compiled_rows(finals, compiled) == replayed_rows(result)
        assert growth(params, compiled) == result.benchmarks["strategy"].to_list()
        reasons |= {role for row in compiled.trades for role in roles(row).split("+")}
    assert any(found)
    return reasons


def test_intraday_trials_trade_as_their_replays_do() -> None:
    variants = drawn(SPEC, 12, seed=5)
    reasons = compare(recorded(small_lake(), variants[0], first=-3), variants)

    assert reasons == {role.label for role in Role} - {"entry", "manual"}


def test_daily_trials_trade_as_their_replays_do() -> None:
    variants = drawn(DAILY, 20, seed=2)
    reasons = compare(recorded(daily_lake(), variants[0], first=-50), variants)

    assert reasons >= {"stop", "target_1", "trailing_stop", "news_reversal", "time_stop"}


def test_late_and_corrected_bars_are_seen_as_the_step_sees_them(tmp_path: Path) -> None:
    minutes = np.random.default_rng(4).choice([0, 5, 20, 45, 900], 100_000, p=_LATE)
    seen = [0]

    def late(bars: pl.DataFrame) -> pl.DataFrame:
        delays = pl.Series(minutes[seen[0] : seen[0] + bars.height] * 60_000_000)
        seen[0] += bars.height
        moved = bars.with_columns(known_at=pl.col("known_at") + delays.cast(pl.Duration("us")))
        wrong = moved.filter(delays > 0).with_columns(
            pl.col("known_at") + dt.timedelta(minutes=7),
            *((pl.col(n) * 1.01).round(2) for n in ("open", "high", "low", "close")),
        )
        return pl.concat([moved, wrong]).sort("symbol", "ts", "known_at")

    days = small_lake().days("5m")[-4:]
    variants = [*drawn(SPEC, 5, seed=3), SPEC.replace(flatten_at_close=False)]
    finals = recorded(with_bars(small_lake(), tmp_path / "lake", days, late), SPEC, first=-3)

    assert len(np.unique(finals.tape.bars["ts"])) < len(finals.tape.bars)
    compare(finals, variants)


def test_a_trial_that_holds_through_a_split_is_left_to_replay() -> None:
    held = SPEC.replace(flatten_at_close=False).updated({"exits": ["news_reversal"]})
    finals = recorded(action_lake(), held)

    assert trade(finals, [held]) == [None]


def test_dividends_are_booked_on_what_is_held() -> None:
    held = SPEC.replace(flatten_at_close=False, time_stop_hours=3, entries_a_day=1)
    finals = recorded(action_lake(), held, first=-4)

    assert len(finals.tape.actions) > 0
    compare(finals, [held, held.replace(allow_short=True)])


def test_prices_lie_on_the_ticks_that_they_lie_on_in_the_step() -> None:
    rng = np.random.default_rng(1)
    prices = np.concatenate([rng.uniform(-3, 3, 2_000), rng.uniform(3, 900, 2_000)])
    prices = np.concatenate([prices, np.round(prices, 2), np.round(prices, 2) + 0.005])

    for up in (True, False):
        assert [on_tick_nb(p, up) for p in prices] == [on_tick(p, up=up) for p in prices.tolist()]


def test_fees_are_rounded_as_python_rounds() -> None:
    rng = random.Random(3)  # noqa: S311 - drawn for a test
    costs = Params().execution
    for _ in range(3_000):
        price, quantity = round(rng.uniform(0.5, 900), 4), rng.randint(1, 5_000)
        # Fees that end on half a thousandth of a micro-dollar, as nearly as a double can.
        rate = rng.choice([0.0000278, float(Fraction(5, 10**10 * 2))])
        own = replace(costs, sec_fee_rate=rate, taf_fee_usd=rng.choice([0.0, 0.000166]))

        found = fee_nb(price, quantity, -1, own.sec_fee_rate, own.taf_fee_usd)
        assert found == _fee_micro(price, quantity, Side.SELL, own)


def short_trials(lake: Lake, ledger: SearchLedger | None) -> tuple[list[Params], list[object]]:
    variants = [*drawn(SPEC, 4, seed=8), SPEC.replace(catalyst_min=20)]
    start = lake.days("5m")[-2]
    return variants, list(trials.run_trials(lake, variants, start=start, ledger=ledger))


def test_a_search_has_the_same_outcomes_with_and_without_the_compiled_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trials, "_WORTH", 4)
    ledger = SearchLedger(tmp_path / "trials.sqlite")
    variants, compiled = short_trials(small_lake(), ledger)
    monkeypatch.setattr(trials, "_WORTH", 100)
    other = SearchLedger(tmp_path / "other.sqlite")
    _, alone = short_trials(small_lake(), other)

    for one, two in zip(compiled, alone, strict=True):
        check_equal(one, two)  # type: ignore[arg-type]
    assert [one.params_hash for one in compiled] == [v.hash for v in variants]  # type: ignore[attr-defined]
    bearing = [trial_ids(one) for one in (ledger, other)]
    assert bearing[0] == bearing[1]
    assert len(bearing[0]) == len(variants)


def trial_ids(ledger: SearchLedger) -> list[tuple[object, ...]]:
    import sqlite3

    with sqlite3.connect(ledger.path) as rows:
        return rows.execute("SELECT * FROM trials ORDER BY trial_id").fetchall()


def test_a_compiled_trial_that_differs_from_its_replay_stops_the_search() -> None:
    start = small_lake().days("5m")[-1]
    [result] = replay_together(small_lake(), [SPEC], start=start, tables="money", ledger=None)
    outcome = outcome_of(result)
    other = replace(outcome, returns=outcome.returns + 1e-12)

    with pytest.raises(ConservationError, match=r"another returns than its replay"):
        check_equal(other, outcome)


def own_score(view: object, row: int, side: int, params: object) -> float:
    return 50.0


def test_what_reads_any_parameter_is_left_to_replay() -> None:
    own = SPEC.updated({"scored": [(own_score, 0.5)]})
    control = Params.load("random")

    assert [group_key(p) is None for p in (own, control, SPEC)] == [True, True, False]


def test_trials_that_see_or_score_alike_are_one_group() -> None:
    same = [group_key(params) for params in drawn(SPEC, 5, seed=1)]
    others = [
        SPEC.replace(catalyst_min=7),
        SPEC.replace(bar_grace_s=9),
        SPEC.updated({"technical_score": "pullback"}),
    ]

    assert len(set(same)) == 1
    assert not {group_key(other) for other in others} & set(same)
