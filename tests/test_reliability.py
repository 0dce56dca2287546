"""Reliability of sources: it converges to what was planted, follows a change, knows no future."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from learning_worlds import fitted_at, learned_from
from worlds import small_lake

from catalyst.errors import ParamsError
from catalyst.research.labels import labels
from catalyst.research.learning import outcomes_of
from catalyst.research.reliability import (
    Prior,
    learn_sources,
    observations_of,
    reliability,
    tier_weights,
)

DAY_NS = 86_400_000_000_000
TRUE = {"A": 0.2, "B": 0.35, "C": 0.5, "D": 0.65, "E": 0.8}
FOR_EVER = Prior(half_life_days=float("inf"))


def planted(shares: dict[str, float], first: int, last: int, *, seed: int = 0) -> pl.DataFrame:
    """Five outcomes a day and source from one day to another, good with each source's share."""
    chance = np.random.default_rng([seed, first])
    rows = [
        (name, tier + 1, int(chance.uniform() < share), day * DAY_NS + k, 1.0)
        for day in range(first, last)
        for tier, (name, share) in enumerate(shares.items())
        for k in range(5)
    ]
    columns = {"source": pl.String, "tier": pl.Int8, "label": pl.Int8, "known_ns": pl.Int64}
    return pl.DataFrame(rows, schema={**columns, "count": pl.Float64}, orient="row")


def _error(observations: pl.DataFrame, day: int, prior: Prior) -> float:
    found = reliability(observations, day * DAY_NS, prior=prior)
    return float((found["mean"] - pl.Series(list(TRUE.values()))).abs().mean())  # type: ignore[arg-type]


def test_it_converges_to_the_planted_shares() -> None:
    observations = planted(TRUE, 0, 400)
    found = reliability(observations, 400 * DAY_NS, prior=FOR_EVER)
    inside = [
        low <= share <= high
        for low, share, high in zip(found["low"], TRUE.values(), found["high"], strict=True)
    ]
    errors = [_error(observations, day, FOR_EVER) for day in (1, 10, 100, 400)]

    assert found["source"].to_list() == list(TRUE)
    assert inside == [True] * 5
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02


def test_its_intervals_hold_the_planted_share_as_often_as_they_say() -> None:
    held = []
    for seed in range(40):
        found = reliability(planted(TRUE, 0, 20, seed=seed), 20 * DAY_NS, prior=FOR_EVER)
        pairs = zip(found["low"], TRUE.values(), found["high"], strict=True)
        held += [low <= share <= high for low, share, high in pairs]

    assert 0.9 <= sum(held) / len(held) <= 0.99


def test_with_forgetting_it_follows_a_change() -> None:
    turned = dict(zip(TRUE, reversed(TRUE.values()), strict=True))
    observations = pl.concat([planted(TRUE, 0, 200), planted(turned, 200, 300)])
    found = reliability(observations, 300 * DAY_NS, prior=Prior(half_life_days=15.0))
    kept = reliability(observations, 300 * DAY_NS, prior=FOR_EVER)
    ends = pl.col("source").is_in(["A", "E"])

    assert found.filter(ends)["mean"].to_list() == pytest.approx([0.8, 0.2], abs=0.12)
    assert kept.filter(ends)["mean"].to_list() == pytest.approx([0.4, 0.6], abs=0.12)


def test_an_outcome_counts_half_after_a_half_life() -> None:
    observations = planted({"A": 1.0}, 0, 1)
    (count,) = reliability(observations, 30 * DAY_NS, prior=Prior(half_life_days=30.0))["count"]

    assert count == pytest.approx(2.5)


def test_a_source_with_few_outcomes_is_believed_to_be_as_all_are() -> None:
    one = planted({"new": 1.0}, 99, 100).head(1)
    found = reliability(pl.concat([planted(TRUE, 0, 100), one]), 100 * DAY_NS, prior=FOR_EVER)
    row = found.filter(source="new").to_dicts()[0]
    share = row["prior"]

    assert row["mean"] == pytest.approx((10 * share + 1) / 11)
    assert share == pytest.approx(0.5, abs=0.03)


def test_what_becomes_known_at_the_instant_or_later_is_not_used() -> None:
    before, after = planted(TRUE, 0, 50), planted(TRUE, 50, 90, seed=1)
    found = reliability(pl.concat([before, after]), 50 * DAY_NS)

    assert found.equals(reliability(before, 50 * DAY_NS))
    assert reliability(after, 50 * DAY_NS).height == 0


def test_forgetting_at_once_is_refused() -> None:
    with pytest.raises(ParamsError, match="half_life_days"):
        reliability(planted(TRUE, 0, 1), DAY_NS, prior=Prior(half_life_days=0.0))


# Tier weights -------------------------------------------------------------------------------------


def test_tiers_weigh_as_their_sources_are_reliable() -> None:
    table = reliability(planted(TRUE, 0, 400), 400 * DAY_NS, prior=FOR_EVER)
    weights = tier_weights(table, (1.0, 0.8, 0.6, 0.4, 0.2))
    ratios = [weight / share for weight, share in zip(weights, TRUE.values(), strict=True)]

    assert list(weights) == sorted(weights)
    assert ratios == pytest.approx([ratios[0]] * 5, rel=0.08)
    assert sum(weights) == pytest.approx(3.0, abs=1e-3)


def test_a_tier_that_nobody_used_keeps_its_weight() -> None:
    table = reliability(planted({"A": 0.5, "B": 0.5}, 0, 50), 50 * DAY_NS)
    weights = tier_weights(table, (1.0, 0.8, 0.6, 0.4, 0.2))

    assert weights[2:] == (0.6, 0.4, 0.2)
    assert tier_weights(table.clear(), (1.0, 0.8, 0.6, 0.4, 0.2)) == (1.0, 0.8, 0.6, 0.4, 0.2)


# Of a run -----------------------------------------------------------------------------------------


def test_a_signals_sources_share_its_outcome() -> None:
    found = observations_of(learned_from())
    told = outcomes_of(learned_from()).drop_nulls("label")

    assert found.height >= told.height
    assert found["count"].sum() == pytest.approx(told["uniqueness"].sum(), rel=1e-9)
    assert set(found["source"]) <= set(small_lake().news()["source"])


def test_a_signal_with_one_source_counts_by_its_uniqueness() -> None:
    signals = learned_from().signals
    news = small_lake().news().select("news_id", "source").unique()
    sources = dict(news.rows())
    alone = {
        row["signal_id"]: sources[row["news_ids"][0]]
        for row in signals.to_dicts()
        if len({sources[i] for i in row["news_ids"]}) == 1
    }
    own = labels(learned_from()).drop_nulls("label").filter(pl.col("signal_id").is_in(list(alone)))
    able = outcomes_of(learned_from())["signal_id"].to_list()
    told = {
        (alone[i], known, unique)
        for i, known, unique in own.select("signal_id", "known_ns", "uniqueness").iter_rows()
        if i in set(able)
    }
    found = set(observations_of(learned_from()).select("source", "known_ns", "count").iter_rows())

    assert len(told) > 20
    assert told <= found


def test_tier_weights_take_effect_on_the_day_they_were_learned_for() -> None:
    learned = learn_sources(learned_from(), fitted_at())
    told = {day: one.catalyst.tier_weights for day, one in learned.params.by_date}

    assert list(told) == [session.day for session in fitted_at()]
    assert list(told.values()) == list(learned.weights)
    assert learned.params.catalyst.tier_weights == learned_from().params.catalyst.tier_weights
