"""Null worlds: the tie between news and returns is broken, and everything else left as it was."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from worlds import daily_lake, scratch, small_lake

from catalyst import Lake
from catalyst.data.sample import digest, simulate
from catalyst.errors import InputError
from catalyst.research.null_returns import drawn_sessions
from catalyst.research.null_worlds import (
    KINDS,
    SimulatedSize,
    cycle,
    null_world,
    simulated_world,
)

SMALL = SimulatedSize(symbols=8, sessions=16, bar_minutes=15)


@cache
def source() -> Lake:
    return simulated_world(scratch() / "source", seed=3, size=SMALL, edge_scale=1.0)


@cache
def world(kind: str, seed: int = 1) -> Lake:
    root = scratch() / f"null-{kind}-{seed}"
    return null_world(kind, source(), root, seed=seed, timeframe="15m")


def local(lake: Lake) -> pl.DataFrame:
    at = pl.col("known_at").dt.convert_time_zone("America/New_York")
    return lake.news().with_columns(day=at.dt.date(), time=at.dt.time())


@pytest.mark.parametrize("kind", KINDS)
def test_a_world_is_the_same_for_the_same_seed_and_another_for_another(
    kind: str, tmp_path: Path
) -> None:
    again = null_world(kind, source(), tmp_path / "again", seed=1, timeframe="15m")
    other = null_world(kind, source(), tmp_path / "other", seed=2, timeframe="15m")

    assert again.digest() == world(kind).digest()
    assert other.digest() != again.digest()
    assert again.digest() != source().digest()


def test_moved_news_keeps_symbol_headline_and_time_of_day() -> None:
    columns = ["symbol", "headline", "source", "time"]

    before, after = (
        local(lake).select(columns).sort(columns) for lake in (source(), world("news"))
    )

    assert after.equals(before)


def test_no_article_stays_on_its_day() -> None:
    columns = ["symbol", "headline", "source", "time"]
    # Of articles that are alone in what they say, so that before and after can be told to be one.
    alone = local(source()).filter(pl.len().over(columns) == 1)

    both = alone.join(local(world("news")), on=columns, how="inner", suffix="_after")

    assert both.height > 150
    assert both.filter(pl.col("day") == pl.col("day_after")).height == 0


def test_news_of_one_day_moves_together_and_with_its_delay() -> None:
    columns = ["symbol", "headline", "source", "time"]
    alone = local(source()).filter(pl.len().over(columns) == 1)
    both = alone.join(local(world("news")), on=columns, how="inner", suffix="_after")

    days = both.group_by("symbol", "day").agg(pl.col("day_after").n_unique())
    delay = (pl.col("known_at") - pl.col("published_at")) - (
        pl.col("known_at_after") - pl.col("published_at_after")
    )

    assert days["day_after"].max() == 1
    assert both.select(delay.abs().max()).item().total_seconds() == 0


def test_clusters_of_moved_news_are_found_anew() -> None:
    moved = world("news").news()

    # An article joins a cluster that began within a day before it, never one of another time.
    first = moved.group_by("symbol", "cluster_id").agg(
        (pl.col("known_at").max() - pl.col("known_at").min()).alias("reach")
    )
    assert first["reach"].max().total_seconds() <= 86_400  # type: ignore[union-attr]


def test_exchanged_tickers_leave_no_symbol_its_news() -> None:
    columns = ["headline", "known_at", "source"]
    before = source().news().group_by(columns).agg(pl.col("symbol").sort().alias("before"))

    after = world("tickers").news().join(before, on=columns, how="inner")

    assert after.height > 150
    # An article about two companies may give one the other's ticker; about one, never its own.
    assert after.filter(
        (pl.col("before").list.len() == 1) & (pl.col("before").list.first() == pl.col("symbol"))
    ).is_empty()


@pytest.mark.parametrize("kind", ["news", "tickers"])
def test_bars_stay_where_news_moves(kind: str) -> None:
    assert world(kind).bars("15m").equals(source().bars("15m"))


def test_news_stays_where_returns_are_drawn() -> None:
    assert world("returns").news().equals(source().news())


def test_drawn_sessions_keep_their_shape_and_every_symbol_the_same_draw() -> None:
    drawn = _shapes(world("returns"))
    given = {shape: day for (_, day), shape in _shapes(source()).items()}

    origins: dict[object, set[object]] = {}
    for (_, day), shape in drawn.items():
        if shape in given:
            origins.setdefault(day, set()).add(given[shape])

    assert len(origins) >= 14
    assert {len(found) for found in origins.values()} == {1}
    assert all(day not in found for day, found in origins.items())


def _shapes(lake: Lake) -> dict[tuple[str, object], tuple[object, ...]]:
    """The times and volumes of a symbol's day, which no scale of prices changes."""
    at = pl.col("ts").dt.convert_time_zone("America/New_York")
    bars = lake.bars("15m").with_columns(day=at.dt.date(), time=at.dt.time())
    split = lake.actions().filter(pl.col("kind") == "split")["symbol"].unique().to_list()
    days = (
        bars.filter(~pl.col("symbol").is_in(split)).group_by("symbol", "day").agg("time", "volume")
    )
    return {(symbol, day): (*times, *volumes) for symbol, day, times, volumes in days.iter_rows()}


def test_drawn_prices_go_on_from_the_close_before() -> None:
    bars = world("returns").bars("15m")
    gaps = bars.sort("symbol", "ts").select(
        (pl.col("open") / pl.col("close").shift(1) - 1).abs().over("symbol").alias("gap")
    )

    # A split of 3 that stayed in, or a scale forgotten, would gape by more than any news does.
    assert gaps["gap"].max() < 0.45  # type: ignore[operator]
    assert bars.filter(pl.col("low") > pl.min_horizontal("open", "close")).is_empty()
    assert bars.filter(pl.col("high") < pl.max_horizontal("open", "close")).is_empty()


def test_returns_are_drawn_of_daily_bars_too(tmp_path: Path) -> None:
    drawn = null_world("returns", daily_lake(), tmp_path / "drawn", seed=5, timeframe="1d")

    assert drawn.days("1d") == daily_lake().days("1d")
    assert drawn.bars("1d").height > 0.9 * daily_lake().bars("1d").height


def test_no_session_is_drawn_near_itself() -> None:
    for seed in range(200):
        n = 12 + seed % 40
        apart = (drawn_sessions(n, np.random.default_rng(seed)) - np.arange(n)) % n

        assert apart.min() > 5
        assert apart.max() < n - 5


def test_a_cycle_moves_everything_and_comes_back_after_all() -> None:
    for n in (2, 3, 17):
        found = cycle(n, np.random.default_rng(n))
        seen, at = [], 0
        for _ in range(n):
            at = int(found[at])
            seen.append(at)

        assert sorted(seen) == list(range(n))


def test_an_unknown_kind_or_too_few_sessions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no null world 'moon'"):
        null_world("moon", source(), tmp_path / "a", seed=1, timeframe="15m")
    with pytest.raises(InputError, match="5 sessions of 5m bars; 12 are needed"):
        null_world("returns", _short(tmp_path), tmp_path / "b", seed=1, timeframe="5m")


def _short(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "short", create=True)
    lake.add_bars(small_lake().bars("5m", end=small_lake().days("5m")[4]))
    return lake


def test_an_edge_of_twice_the_size_drifts_twice_as_far_and_nothing_else_changes() -> None:
    usual, twice = (
        simulate(n_symbols=8, n_sessions=16, bar_minutes=15, edge_scale=scale) for scale in (1, 2)
    )

    assert twice.truth["drift_sigma"].to_numpy() == pytest.approx(
        2 * usual.truth["drift_sigma"].to_numpy(), abs=1e-5
    )
    assert twice.news.equals(usual.news)
    assert digest(usual) == digest(simulate(n_symbols=8, n_sessions=16, bar_minutes=15))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_an_edge_without_a_size_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match="edge_scale"):
        simulate(n_symbols=8, n_sessions=16, edge_scale=scale)
