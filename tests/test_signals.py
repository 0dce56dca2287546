"""Confidence, bands, levels, holds, seen through a whole step with made-up bars and news."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import FIVE, NAMES, SPEC, at, news, panel, session_of, survey
from hypothesis import given
from hypothesis import strategies as st

from catalyst.strategy.decisions import Signal
from catalyst.strategy.exchange import Bar
from catalyst.strategy.funnel import Finalists, Narrowed
from catalyst.strategy.money import on_tick
from catalyst.strategy.params import Params
from catalyst.strategy.reasons import Outcome, Reason
from catalyst.strategy.signals import score
from catalyst.strategy.values import MarketState, MarketView

NOON = at("12:00")
NONE = np.empty(0)
HOLD_ROWS = (np.empty(0, np.int32), np.empty(0, np.int8), NONE, NONE)


def up(*args: Any) -> int:  # noqa: ANN401 - five series
    return 100


def down(*args: Any) -> int:  # noqa: ANN401 - five series
    return -100


def nothing(*args: Any) -> int:  # noqa: ANN401 - five series
    return 0


UP = SPEC.replace(patterns=[up], agree_boost=1, aligned_boost=1, opposed_factor=1)
DOWN = SPEC.replace(patterns=[down], agree_boost=1, aligned_boost=1, opposed_factor=1)
NOTHING = SPEC.replace(patterns=[nothing])


def scored(
    params: Params = UP,
    *,
    catalyst: float = 60.0,
    direction: float = 0.5,
    technical: float = 60.0,
    volume: float = 90.0,
    price: float = 100.0,
    state: MarketState = MarketState.REGULAR,
) -> Signal:
    """Score one finalist whose only pattern is the user's own, of confidence 65."""
    f = FIVE.timeframe_ns
    bars = [
        Bar(NOON - (30 - k) * f, NOON - (29 - k) * f, price, price, price, price, 1e5, regular=True)
        for k in range(30)
    ]
    frame = panel(bars)
    view = MarketView(
        NOON,
        NAMES,
        session_of(),
        FIVE,
        state,
        True,
        False,
        survey(
            NOON,
            news=news({"published_ns": NOON - 1, "categories": 0b11}),
            price=np.full(len(NAMES), price),
        ),
        np.array([0], np.int32),
        frame,
        (frame,),
        (f,),
        (NOON - f,),
    )
    m = len(NAMES)
    narrowed = Narrowed(
        np.full(m, catalyst),
        np.full(m, direction),
        None,
        np.array([0], np.int32),
        HOLD_ROWS,
        HOLD_ROWS,
        np.array([0], np.int32),
    )
    finalists = Finalists(
        np.array([0]), np.array([0], np.int32), np.array([technical]), np.array([volume])
    )
    return score(view, narrowed, finalists, params)[0][0]


def test_confidence_is_the_weighted_sum_of_its_four_parts() -> None:
    made = scored()

    assert (made.catalyst_score, made.pattern_score, made.technical_score, made.volume_score) == (
        60,
        65,
        60,
        90,
    )
    assert made.confidence == pytest.approx(0.35 * 60 + 0.35 * 65 + 0.2 * 60 + 0.1 * 90)


def test_a_short_takes_100_minus_the_technical_score() -> None:
    made = scored(DOWN.replace(allow_short=True), direction=-0.5)

    assert (made.side, made.technical_score) == (-1, 40)


BANDS = [(70.0001, 0.2), (70.0, 0.1), (50.0, 0.1), (49.9999, 0.05), (30.0, 0.05), (29.9999, 0.0)]


@pytest.mark.parametrize(("confidence", "size"), BANDS)
def test_bands_begin_where_the_page_says(confidence: float, size: float) -> None:
    made = scored(UP.replace(scored={"catalyst": 1.0}), catalyst=confidence)

    assert made.size_frac == pytest.approx(size)


@pytest.mark.parametrize(("confidence", "size"), BANDS)
def test_before_the_open_sizes_are_half_of_that(confidence: float, size: float) -> None:
    params = UP.replace(scored={"catalyst": 1.0})
    made = scored(params, catalyst=confidence, state=MarketState.PRE_MARKET)

    assert made.size_frac == pytest.approx(size / 2)


def test_too_little_confidence_is_a_hold_with_both_numbers() -> None:
    made = scored(UP.replace(scored={"catalyst": 1.0}), catalyst=29.0)

    assert made.outcome is Outcome.HOLD
    assert (made.rule, made.value, made.threshold) == (Reason.CONFIDENCE_MIN, 29.0, 30.0)


@pytest.mark.parametrize(
    ("catalyst", "frac"),
    [(70.0, 0.015), (69.999, 0.02), (40.0, 0.02), (39.999, 0.03), (100.0, 0.015), (30.0, 0.03)],
)
@pytest.mark.parametrize("side", [1, -1])
def test_the_stop_is_tighter_for_a_strong_catalyst_and_wider_for_a_weak_one(
    side: int, catalyst: float, frac: float
) -> None:
    made = scored(UP if side > 0 else DOWN, catalyst=catalyst, direction=0.5 * side)
    risk = 100 * frac

    assert (made.stop, made.target_1, made.target_2) == pytest.approx(
        (100 - side * risk, 100 + side * 1.5 * risk, 100 + side * 3 * risk)
    )


@given(st.integers(100, 500_000), st.sampled_from((1, -1)), st.sampled_from((35.0, 50.0, 80.0)))
def test_incident_01_levels_are_on_the_tick_rounded_towards_the_earlier_exit(
    cents: int, side: int, catalyst: float
) -> None:
    price = cents / 100
    made = scored(UP if side > 0 else DOWN, catalyst=catalyst, direction=0.5 * side, price=price)
    risk = price * {35.0: 0.03, 50.0: 0.02, 80.0: 0.015}[catalyst]
    exact = (price - side * risk, price + side * 1.5 * risk, price + side * 3 * risk)

    for level, wanted, towards in zip(
        (made.stop, made.target_1, made.target_2), exact, (1, -1, -1), strict=True
    ):
        assert on_tick(level, up=True) == on_tick(level, up=False) == level
        assert (level - wanted) * side * towards >= -1e-8
        assert abs(level - wanted) < 0.01 + 1e-8


@pytest.mark.parametrize(
    ("params", "direction", "rule", "side"),
    [
        (NOTHING, 0.5, Reason.NO_PATTERN, 0),
        (UP, -0.5, Reason.FIGHTS_CATALYST, 1),
        (DOWN, 0.5, Reason.FIGHTS_CATALYST, -1),
        (UP.replace(patterns=[up, down]), 0.5, Reason.CANCELLED_OUT, 0),
        (UP.replace(direction_from_catalyst=True), 0.05, Reason.NEUTRAL_CATALYST, 0),
    ],
)
def test_a_hold_names_its_reason(params: Params, direction: float, rule: Reason, side: int) -> None:
    made = scored(params, direction=direction)

    assert (made.outcome, made.rule, made.side) == (Outcome.HOLD, rule, side)
    assert math.isnan(made.stop) is (side == 0)


@pytest.mark.parametrize("direction", [0.1, 0.0, -0.1])
def test_a_neutral_catalyst_fights_nothing(direction: float) -> None:
    assert scored(UP, direction=direction).outcome is Outcome.INTENT
    assert scored(DOWN, direction=direction).outcome is Outcome.INTENT


def test_a_variant_may_take_its_direction_from_the_catalyst() -> None:
    params = NOTHING.replace(direction_from_catalyst=True, scored={"catalyst": 1.0})

    assert (scored(params).outcome, scored(params).side) == (Outcome.INTENT, 1)
    assert scored(params, direction=-0.5).side == -1


def test_a_signal_lists_what_made_it() -> None:
    made = scored()

    assert made.news_ids == (1,)
    assert made.categories == 0b11
    assert len(made.pattern_ids) == 1
    assert made.pattern_key == (FIVE.timeframe_ns, NOON - FIVE.timeframe_ns)
    assert made.key_factors[:3] == ("catalyst 60.0", "earnings", "fda")
    assert made.entry == 100.0


def test_a_users_own_part_of_the_score_counts_with_its_weight() -> None:
    def half(view: MarketView, row: int, side: int, params: Params) -> float:
        return 50.0 * side

    made = scored(UP.replace(scored=[(half, 0.5), ("catalyst", 0.5)]), catalyst=80.0)

    assert made.confidence == pytest.approx(65.0)


def test_the_same_numbers_give_the_same_id_and_other_parameters_another() -> None:
    assert scored().signal_id == scored().signal_id
    assert scored().signal_id != scored(UP.replace(price_max=400)).signal_id
    assert replace(SPEC, variant="x").hash == SPEC.hash
