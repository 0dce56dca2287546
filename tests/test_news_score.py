"""The catalyst score against a sum in plain Python, and which articles count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builders import DAILY, FIVE, SPEC, at, news, session_of, sessions_from
from hypothesis import given
from hypothesis import strategies as st

from catalyst.strategy.clock import HOUR_NS, MINUTE_NS
from catalyst.strategy.news import NewsHistory, catalyst_scores, category_names, empty_news, sign
from catalyst.strategy.params import CATEGORIES, Params
from catalyst.strategy.values import NewsBatch

NOON = at("12:00")
TIER = {1: 1.0, 2: 0.8, 3: 0.6, 4: 0.4, 5: 0.2}
STATE = {0: 2.0, 1: 1.0, 2: 0.8, 3: 1.0}
CATEGORY = {"fda": 1.5, "merger": 1.3, "earnings": 1.2}


def plain(rows: list[dict[str, Any]], symbol: int) -> tuple[float, float]:
    """Add up section 3 of the page, article by article."""
    total = lean = 0.0
    for row in rows:
        if row["symbol"] != symbol:
            continue
        hours = (NOON - row["published_ns"]) / HOUR_NS
        named = [CATEGORY.get(CATEGORIES[b], 1.0) for b in range(12) if row["categories"] >> b & 1]
        w = TIER[row["tier"]] * math.exp(-hours / 4) * max(named, default=1.0) * STATE[row["state"]]
        w *= 1.0 if row["cluster_rank"] == 0 else 0.25
        total += w
        lean += w * row["sentiment"]
    return 100 * (1 - math.exp(-total)), lean / total if total else 0.0


ARTICLES = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.integers(0, 2),
            "published_ns": st.integers(0, 24 * 60).map(lambda m: NOON - m * MINUTE_NS),
            "tier": st.integers(1, 5),
            "categories": st.integers(0, 2**12 - 1),
            "state": st.integers(0, 3),
            "sentiment": st.floats(-1, 1),
            "cluster_rank": st.integers(0, 3),
        }
    ),
    max_size=12,
)


@given(ARTICLES)
def test_the_score_is_the_sum_of_the_page(rows: list[dict[str, Any]]) -> None:
    score, direction = catalyst_scores(news(*rows) if rows else empty_news(), 3, NOON, SPEC)
    expected = [plain(rows, s) for s in range(3)]

    assert score.tolist() == pytest.approx([e[0] for e in expected], rel=1e-12)
    assert direction.tolist() == pytest.approx([e[1] for e in expected], rel=1e-9, abs=1e-12)


@given(ARTICLES, st.integers(0, 2))
def test_articles_of_other_symbols_change_no_bit(rows: list[dict[str, Any]], symbol: int) -> None:
    mine = [r for r in rows if r["symbol"] == symbol]
    whole = catalyst_scores(news(*rows) if rows else empty_news(), 3, NOON, SPEC)
    alone = catalyst_scores(news(*mine) if mine else empty_news(), 3, NOON, SPEC)

    assert whole[0][symbol] == alone[0][symbol]
    assert whole[1][symbol] == alone[1][symbol]


@pytest.mark.parametrize(
    ("row", "weight"),
    [
        ({}, 1.0),
        ({"tier": 5}, 0.2),
        ({"state": 0}, 2.0),
        ({"state": 2}, 0.8),
        ({"state": 3}, 1.0),
        ({"categories": 1 << CATEGORIES.index("fda")}, 1.5),
        ({"categories": 1 << CATEGORIES.index("legal")}, 1.0),
        ({"categories": 0b111}, 1.5),
        ({"categories": 1 << CATEGORIES.index("earnings") | 1 << CATEGORIES.index("legal")}, 1.2),
        ({"cluster_rank": 1}, 0.25),
        ({"cluster_rank": 7}, 0.25),
        ({"published_ns": NOON - 4 * HOUR_NS}, math.exp(-1)),
        ({"published_ns": NOON - 4 * HOUR_NS, "known_ns": NOON}, math.exp(-1)),
    ],
)
def test_an_article_weighs_what_the_page_says(row: dict[str, Any], weight: float) -> None:
    score, _ = catalyst_scores(news({"published_ns": NOON} | row), 1, NOON, SPEC)

    assert score[0] == pytest.approx(100 * (1 - math.exp(-weight)))


def test_without_news_score_and_direction_are_zero() -> None:
    score, direction = catalyst_scores(empty_news(), 2, NOON, SPEC)

    assert score.tolist() == direction.tolist() == [0.0, 0.0]


def test_weights_of_zero_give_no_direction_and_no_nan() -> None:
    params = SPEC.replace(tier_weights=(0, 0, 0, 0, 0))
    score, direction = catalyst_scores(news({"published_ns": NOON}), 1, NOON, params)

    assert (score[0], direction[0]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("direction", "leaning"), [(0.1, 0), (0.1001, 1), (-0.1, 0), (-0.1001, -1), (0.0, 0)]
)
def test_a_direction_within_the_band_is_neutral(direction: float, leaning: int) -> None:
    assert sign(direction, SPEC) == leaning


def test_incident_17_every_weight_is_a_parameter() -> None:
    row = {
        "published_ns": NOON - HOUR_NS,
        "categories": 0b111,
        "cluster_rank": 1,
        "state": 0,
        "tier": 2,
    }
    base = catalyst_scores(news(row), 1, NOON, SPEC)[0][0]
    for change in (
        {"tau_hours": 5},
        {"tier_weights": (1, 1, 1, 1, 1)},
        {"fda_weight": 2},
        {"state_weights": (3, 1, 1, 1)},
        {"copy_weight": 1},
    ):
        assert catalyst_scores(news(row), 1, NOON, SPEC.replace(**change))[0][0] != base


def test_only_later_news_of_one_symbol_count_when_asked() -> None:
    batch = news(
        {"published_ns": NOON - 2},
        {"published_ns": NOON - 1, "symbol": 1},
        {"published_ns": NOON - 1, "sentiment": -1.0},
    )
    score, direction = catalyst_scores(batch, 2, NOON, SPEC, after_ns=NOON - 2, only=0)

    assert direction[0] == -1.0
    assert score[1] == 0.0


def test_category_names_follow_the_mask() -> None:
    assert category_names(0b101) == ["earnings", "merger"]
    assert category_names(2**12 - 1) == list(CATEGORIES)


# Which articles count


def told(batch: NewsBatch) -> list[int]:
    return [int(i) for i in batch.news_id]


def known(asof_ns: int, *batches: NewsBatch, params: Params = SPEC, after_ns: int = 0) -> NewsBatch:
    history = NewsHistory(FIVE if not after_ns else DAILY, params)
    for batch in batches:
        history.push(batch)
    return history.known(asof_ns, after_ns=after_ns)


def test_an_article_counts_from_the_instant_at_which_it_is_known() -> None:
    batch = news({"published_ns": NOON - HOUR_NS, "known_ns": NOON})

    assert told(known(NOON - 1, batch)) == []
    assert told(known(NOON, batch)) == [1]


def test_an_article_counts_for_24_hours_after_publication() -> None:
    batch = news(
        {"published_ns": NOON - 24 * HOUR_NS},
        {"news_id": 9, "published_ns": NOON - 24 * HOUR_NS + 1},
    )

    assert told(known(NOON, batch)) == [1, 9]
    assert told(known(NOON + 1, batch)) == [9]


def test_an_article_that_came_late_is_born_old() -> None:
    batch = news({"published_ns": NOON - 25 * HOUR_NS, "known_ns": NOON})

    assert told(known(NOON, batch)) == []


def test_with_daily_bars_articles_count_from_the_last_close_on() -> None:
    before, today = sessions_from("2015-03-02", 2)
    batch = news(
        {"published_ns": before.close_ns},
        {"news_id": 2, "published_ns": before.close_ns - HOUR_NS, "known_ns": before.close_ns + 1},
        {"news_id": 3, "published_ns": today.close_ns},
        {"news_id": 4, "published_ns": today.close_ns + 1},
    )

    assert told(known(today.close_ns, batch, after_ns=before.close_ns)) == [2, 3]


def test_a_revision_takes_the_place_of_the_first_version_and_keeps_when_that_was_known() -> None:
    first = news({"news_id": 7, "published_ns": NOON - 60, "sentiment": 0.5})
    second = news({"news_id": 7, "published_ns": NOON - 60, "known_ns": NOON, "sentiment": -0.5})
    before = known(NOON - 1, first)
    after = known(NOON, first, second)

    assert before.sentiment.tolist() == [0.5]
    assert after.sentiment.tolist() == [-0.5]
    assert after.first_known_ns.tolist() == [NOON - 60]


def test_the_same_article_has_one_row_a_symbol() -> None:
    batch = news(
        {"news_id": 7, "published_ns": NOON},
        {"news_id": 7, "symbol": 1, "published_ns": NOON},
        {"news_id": 7, "published_ns": NOON},
    )

    assert [
        (int(s), int(i))
        for s, i in zip(known(NOON, batch).symbol, known(NOON, batch).news_id, strict=True)
    ] == [(1, 7), (0, 7)]


@given(st.lists(st.integers(0, 600), min_size=1, max_size=20), st.integers(0, 700))
def test_news_that_come_later_change_nothing_known_before(minutes: list[int], asof: int) -> None:
    start = session_of().pre_ns
    rows = [
        {"news_id": k + 1, "published_ns": start + m * MINUTE_NS}
        for k, m in enumerate(sorted(minutes))
    ]
    now = start + asof * MINUTE_NS
    early = [r for r in rows if r["published_ns"] <= now]
    part = known(now, news(*early)) if early else known(now)
    whole = known(now, *(news(r) for r in rows))

    for name, column in vars(part).items():
        np.testing.assert_array_equal(column, getattr(whole, name))


def test_old_news_are_let_go_without_changing_what_counts() -> None:
    history = NewsHistory(FIVE, SPEC)
    for hour in range(0, 24 * 20, 2):
        rows = [
            {"news_id": hour * 1000 + k + 1, "published_ns": NOON + hour * HOUR_NS + k}
            for k in range(100)
        ]
        history.push(news(*rows))
    end = NOON + 24 * 20 * HOUR_NS

    assert len(history.known(end, after_ns=0).symbol) == 12 * 100
    assert len(history._rows.symbol) < 8_000
