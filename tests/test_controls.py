"""The random control: who is drawn, what it skips, and how often it may enter."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from builders import at, panel, session_of, survey
from worlds import small_lake, small_run

from catalyst import Params, replay
from catalyst.errors import ParamsError
from catalyst.research.controls import control_params, matched, shortfall
from catalyst.research.explanation import explain
from catalyst.research.result import Result
from catalyst.research.together import replay_together
from catalyst.strategy.draw import entries_due, lot, open_stages
from catalyst.strategy.funnel import long_scores
from catalyst.strategy.reasons import Reason

RANDOM = Params.load("random")


@cache
def free() -> dict[int, Result]:
    """Draw with two seeds over three sessions."""
    start = small_lake().days("5m")[-3]
    asked = [RANDOM, RANDOM.replace(seed=1)]
    made = replay_together(small_lake(), asked, start=start, ledger=None)
    return {result.params.control.seed: result for result in made}


@cache
def control() -> Result:
    """Match spec over the whole small lake."""
    return replay(small_lake(), matched(small_run(), seed=0), ledger=None)


# Who is drawn


def plain_lot(seed: int, asof: dt.datetime, name: str) -> int:
    instant = int(asof.timestamp()) * 10**9
    return int(hashlib.sha256(f"{seed}|{instant}|{name}".encode()).hexdigest()[:16], 16) >> 11


def test_the_five_are_those_of_the_active_with_the_smallest_hash() -> None:
    for seed, result in free().items():
        last = result.candidates.filter(pl.col("stage") == 5)
        scans = last.partition_by("decided_at", maintain_order=True)
        assert len(scans) > 200
        for scan in scans[::5]:
            asof, names = scan["decided_at"][0], scan["symbol"].to_list()
            expected = sorted(names, key=lambda name: plain_lot(seed, asof, name))[:5]
            drawn = result.signals.filter(pl.col("decided_at") == asof)["symbol"].to_list()

            assert drawn == expected


def test_the_lot_is_the_documented_one() -> None:
    digest = hashlib.sha256(b"0|1700000000000000000|AAPL").digest()
    first_53_bits = int.from_bytes(digest[:7], "big") >> 3

    assert lot(0, 1_700_000_000_000_000_000, "AAPL") == 1.0 - first_53_bits / 2**53


def test_everyone_with_a_price_is_let_through_to_the_draw() -> None:
    candidates = free()[0].candidates
    second, last = (candidates.filter(pl.col("stage") == n) for n in (20, 5))
    chosen = candidates.filter((pl.col("stage") == 50) & pl.col("passed"))

    assert second["passed"].all()
    assert second.filter(pl.col("catalyst_score") < 30).height > 100
    assert set(last["reason"].unique()) <= {"passed", "rank", ""}
    assert last.filter(pl.col("rvol") < 1.5).height > 100
    assert set(second["symbol"].unique()) == set(chosen["symbol"].unique())


def test_only_what_has_no_price_cannot_be_drawn() -> None:
    found = survey(
        at("12:00"),
        3,
        price=np.array([10.0, np.nan, 700.0]),
        n_bars=np.array([3, 0, 250], np.int32),
        rvol=np.array([np.nan, 1.0, 0.1]),
    )
    ranked, validated = open_stages(np.array([0, 1, 2], np.int32), np.zeros(3), found)

    assert ranked[1].tolist() == [0, 0, 0]
    assert validated[1].tolist() == [0, int(Reason.BARS_MIN), 0]
    assert (validated[2][1], validated[3][1]) == (0.0, 1.0)


def test_a_drawn_symbol_with_few_bars_has_a_middling_technical_score() -> None:
    bars = panel([])
    found = survey(at("12:00"), 1, n_bars=np.zeros(1, np.int32))
    asked = (bars, found, np.zeros(1, np.int32))

    assert long_scores(*asked, RANDOM, names=("A",)).tolist() == [50.0]
    assert np.isnan(long_scores(*asked, Params(), names=("A",))).all()


def test_what_is_drawn_is_long_at_half_size_and_asks_for_no_pattern() -> None:
    signals = free()[0].signals

    assert set(signals["side"].unique()) == {"long"}
    assert set(signals["outcome"].unique()) <= {"intent", "refused"}
    assert set(signals["confidence"].unique()) == {RANDOM.signal.half_from}
    assert set(signals["position_size_frac"].unique()) == {0.05, 0.10}
    assert free()[0].patterns.height == 0


def test_bad_news_does_not_keep_the_control_from_a_draw() -> None:
    signals = free()[0].signals

    assert signals.filter(pl.col("direction") < -0.1).height > 20


def test_a_seed_is_a_draw() -> None:
    again = replay(small_lake(), RANDOM, start=small_lake().days("5m")[-3], ledger=None)

    assert again.summary["decision_digest"] == free()[0].summary["decision_digest"]
    assert free()[1].summary["decision_digest"] != free()[0].summary["decision_digest"]


def test_another_symbol_changes_no_lot() -> None:
    day = small_lake().days("5m")[-1]
    some = small_lake().symbols("5m")[::2]
    alone = replay(small_lake(), RANDOM, symbols=some, start=day, ledger=None)
    columns = ["decided_at", "symbol", "value"]
    lots = [
        result.candidates.filter((pl.col("stage") == 5) & (pl.col("reason") != "bars_min"))
        for result in (alone, free()[0])
    ]
    own, whole = (frame.select(columns) for frame in lots)
    met = own.join(whole, on=["decided_at", "symbol"], how="semi")

    assert met.height > 100
    assert own.join(whole, on=columns).height == met.height


# What a variant's control keeps


def test_the_control_of_a_variant_keeps_its_exits_limits_and_costs() -> None:
    variant = Params.load("thin").replace(
        trail_frac=0.02,
        slippage_bps=7,
        exits=["flatten"],
        direction_from_catalyst=True,
        technical_score="pullback",
    )
    found = control_params(variant, 5)

    assert (found.risk, found.execution, found.exits) == (
        variant.risk,
        variant.execution,
        variant.exits,
    )
    assert found.screen == variant.screen
    assert (found.control.seed, found.control.entry_instants) == (5, ())
    assert [(c.name, w) for c, w in found.scored] == [("half_size", 1.0)]
    assert not found.signal.direction_from_catalyst
    assert found.variant == "random-5"


def test_the_control_of_a_variant_by_date_follows_its_exits_only() -> None:
    weights = {"2023-07-03": {"scored": {"catalyst": 1.0}}}
    exits = {"2023-07-03": {"risk": {"trail_frac": 0.02}}}

    assert control_params(Params().updated({"by_date": weights}), 0).by_date == ()
    kept = control_params(Params().updated({"by_date": exits}), 0)
    assert kept.on(30_000).risk.trail_frac == 0.02
    assert kept.on(30_000).control.seed == kept.control.seed == 0


def test_a_seed_below_zero_is_no_draw() -> None:
    with pytest.raises(ParamsError, match="the seed of a control is -1; expected a whole number"):
        control_params(Params(), -1)


# Matched


def test_a_matched_control_enters_as_often_on_the_same_days() -> None:
    told = shortfall(small_run(), control())

    assert (told.asked, told.placed) == (39, 39)
    assert told.days == ()


def test_it_never_runs_ahead_of_the_run_it_controls() -> None:
    instants = np.array(control().params.control.entry_instants)
    placed = control().signals.filter(pl.col("outcome") == "intent")["decided_at"]
    ns = placed.dt.timestamp("ns").to_numpy()

    assert all((instants <= t).sum() >= k + 1 for k, t in enumerate(np.sort(ns)))


def test_its_wait_is_a_refusal_with_the_two_numbers() -> None:
    waits = control().signals.filter(pl.col("rule") == "control_pace")

    assert waits.height > 1000
    assert (waits["value"] >= waits["threshold"]).all()
    story = explain(control(), waits["signal_id"][-1])
    assert "before the run it controls had entered as often" in story.headline.text


def test_an_entry_is_due_from_the_instant_it_was_made_at_until_the_day_ends() -> None:
    session = session_of()
    params = RANDOM.replace(entry_instants=(5, at("10:00"), at("10:00"), at("11:00")))

    assert entries_due(params, session, at("09:55")) == 0
    assert entries_due(params, session, at("10:00")) == 2
    assert entries_due(params, session, at("15:00")) == 3
    assert entries_due(RANDOM, session, at("15:00")) is None
    assert entries_due(params.replace(seed=-1), session, at("15:00")) is None


def test_a_run_that_entered_nothing_has_a_control_that_enters_nothing() -> None:
    start = small_lake().days("5m")[-1]
    nothing = Params.load("spec").replace(catalyst_min=100)
    (idle,) = replay_together(small_lake(), [nothing], start=start, tables="money", ledger=None)
    made = replay(small_lake(), matched(idle, seed=2), start=start, ledger=None)

    assert idle.summary["n_trades"] == made.summary["n_trades"] == 0
    assert made.signals.height > 100


def test_what_could_not_be_matched_is_counted() -> None:
    params = replace(control().params, variant="short").replace(entries_a_day=1)
    made = replay(small_lake(), params, start=small_lake().days("5m")[-6], ledger=None)
    told = shortfall(small_run(), made)

    assert told.placed < told.asked
    assert all(placed <= 1 for _, _, placed in told.days)
    assert sum(asked - placed for _, asked, placed in told.days) == told.asked - told.placed
