"""The bundled sample is synthetic, calibrated, reproducible, and has the edge it says, no other."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst.data import calendar
from catalyst.data.enrichment import enrich
from catalyst.data.sample import (
    FIRST_SESSION,
    NULL_DIGEST,
    SAMPLE_DIGEST,
    SEED,
    Sample,
    digest,
    simulate,
)
from catalyst.data.sample_facts import drift_after_known, facts
from catalyst.errors import InputError

ROOT = Path(__file__).parents[1]
TARGETS = yaml.safe_load((ROOT / "datasets" / "targets.yaml").read_text(encoding="utf-8"))


def small_sample(seed: int = SEED) -> Sample:
    return simulate(seed=seed, n_symbols=20, n_sessions=40)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return simulate()


@pytest.fixture(scope="module")
def null() -> Sample:
    return simulate(edge=False)


@pytest.fixture(scope="module")
def measured(sample: Sample) -> dict[str, float]:
    return facts(sample)


@pytest.fixture(scope="module")
def small() -> Sample:
    return small_sample()


def sessions_of(sample: Sample) -> tuple[calendar.Sessions, np.ndarray, np.ndarray]:
    ts = sample.bars["ts"].to_physical().to_numpy()
    every = calendar.sessions(FIRST_SESSION, dt.date(2024, 12, 31))
    return every, ts, every.containing(ts)


def closes(sample: Sample) -> pl.DataFrame:
    every, ts, at = sessions_of(sample)
    regular = (ts >= every.open_ns[at]) & (ts < every.close_ns[at])
    return (
        sample.bars.with_columns(t=pl.Series(at), regular=pl.Series(regular))
        .filter("regular")
        .group_by("symbol", "t", maintain_order=True)
        .agg(open=pl.col("open").first(), close=pl.col("close").last())
    )


# Calibration


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_statistic_lies_within_its_tolerance_of_the_real_one(
    measured: dict[str, float], name: str
) -> None:
    target, tolerance = TARGETS[name]["target"], TARGETS[name]["tolerance"]

    assert measured[name] == pytest.approx(target, abs=tolerance)


def test_at_least_thirty_statistics_have_a_target_and_say_what_they_measure(
    measured: dict[str, float],
) -> None:
    assert len(TARGETS) >= 30
    assert set(TARGETS) - set(measured) == set()
    assert all(set(entry) == {"target", "tolerance", "of"} for entry in TARGETS.values())


def test_no_tolerance_is_so_wide_that_a_market_without_the_trait_would_pass() -> None:
    # What a Gaussian market with Poisson news at any hour would show.
    without = {
        "news_dispersion_median": 1.0,
        "news_count_acf1": 0.0,
        "wire_share_pre_market": 5.5 / 24,
        "daily_excess_kurtosis_median": 0.0,
        "daily_beyond_3_sigma_share": 0.0027,
        "daily_abs_return_acf1": 0.0,
        "daily_pairwise_corr": 0.0,
        "log_volume_acf1": 0.0,
        "relative_volume_beyond_2_share": 0.0,
        "abs_return_log_volume_corr": 0.0,
        "volume_share_first_half_hour": 1 / 13,
        "abs_return_first_half_hour_ratio": 1.0,
        "news_burst_abs_return_ratio": 1.0,
        "news_burst_relative_volume_ratio": 1.0,
        "news_after_abs_return_corr": 0.0,
    }

    passing = {
        name
        for name, value in without.items()
        if abs(value - TARGETS[name]["target"]) <= TARGETS[name]["tolerance"]
    }

    assert passing == set()


# The edge


def test_prices_go_on_after_eligible_catalysts_are_known(sample: Sample) -> None:
    drift = drift_after_known(sample, eligible=True)

    assert drift.n >= 100
    assert drift.t > 5
    assert 0.30 < drift.mean_sigma < 0.60


def test_the_null_sample_has_no_drift_at_the_same_times(sample: Sample, null: Sample) -> None:
    drift = drift_after_known(null, eligible=True)

    assert drift.n == drift_after_known(sample, eligible=True).n
    assert abs(drift.t) < 2
    assert not null.truth["planted"].any()
    assert null.truth["drift_bps"].abs().sum() == 0


def test_other_catalysts_have_no_drift(sample: Sample) -> None:
    drift = drift_after_known(sample, eligible=False)

    assert drift.n >= 300
    assert abs(drift.t) < 2


def test_a_planted_drift_is_less_than_one_daily_sigma(sample: Sample) -> None:
    planted = sample.truth.filter("planted")
    size = planted["drift_sigma"].abs()
    bps = planted["drift_sigma"] * planted["daily_sigma_bps"]

    assert planted.height >= 100
    assert size.min() >= 0.30  # type: ignore[operator]
    assert size.max() <= 0.60  # type: ignore[operator]
    assert np.allclose(bps, planted["drift_bps"], atol=0.01)


def test_the_daily_sigma_of_the_truth_is_that_of_the_prices(null: Sample) -> None:
    moves = closes(null).with_columns(
        r=(pl.col("close") / pl.col("close").shift().over("symbol")).log()
    )
    split = set(null.actions.filter(pl.col("kind") == "split")["symbol"])
    spread = moves.group_by("symbol").agg(sd=pl.col("r").std() * 1e4)
    sigma = null.truth.group_by("symbol").agg(sigma=pl.col("daily_sigma_bps").first())
    both = spread.join(sigma, on="symbol").filter(~pl.col("symbol").is_in(sorted(split)))
    ratio = (both["sd"] / both["sigma"]).median()

    assert ratio == pytest.approx(1.0, abs=0.15)


def test_a_drift_begins_after_the_story_is_known_and_ends_before_the_close(sample: Sample) -> None:
    planted = sample.truth.filter("planted")
    start = planted["drift_from"].to_physical().to_numpy()
    end = planted["drift_until"].to_physical().to_numpy()
    every = calendar.sessions(FIRST_SESSION, dt.date(2024, 12, 31))
    at = every.containing(start)

    assert (planted["known_at"] <= planted["drift_from"]).all()
    assert (start >= every.open_ns[at]).all()
    assert (end < every.close_ns[at]).all()
    assert (end - start <= 185 * calendar.MINUTE_NS).all()


def test_only_clear_stories_of_tier_1_and_2_about_three_kinds_are_planted(sample: Sample) -> None:
    planted = sample.truth.filter("planted")

    assert set(planted["kind"]) == {"earnings", "fda", "merger"}
    assert set(planted["tier"]) == {1, 2}
    assert set(planted["direction"]) == {-1, 1}
    assert planted["drift_bps"].sign().cast(pl.Int64).to_list() == planted["direction"].to_list()
    assert planted.height < sample.truth.height / 3


def test_the_jump_says_nothing_of_the_drift(sample: Sample) -> None:
    planted = sample.truth.filter("planted")
    jump = planted["jump_bps"] / planted["daily_sigma_bps"]
    corr = np.corrcoef(jump.abs().to_numpy(), planted["drift_sigma"].abs().to_numpy())[0, 1]

    assert abs(corr) < 2 / np.sqrt(planted.height)


def test_without_the_edge_all_else_is_the_same(sample: Sample, null: Sample) -> None:
    first = sample.truth.filter("planted")["drift_from"].min()
    shape = ["symbol", "ts", "volume"]

    assert null.news.equals(sample.news)
    assert null.universe.equals(sample.universe)
    assert null.actions.equals(sample.actions)
    assert null.bars.select(shape).equals(sample.bars.select(shape))
    assert null.bars.filter(pl.col("ts") < first).equals(sample.bars.filter(pl.col("ts") < first))
    assert not null.bars.equals(sample.bars)


def test_the_null_market_has_no_free_drift(null: Sample) -> None:
    daily = closes(null).with_columns(
        r=pl.col("close") / pl.col("close").shift().over("symbol") - 1.0
    )
    split = null.actions.filter(pl.col("kind") == "split")["symbol"].to_list()
    mean = daily.filter(~pl.col("symbol").is_in(split)).group_by("t").agg(pl.col("r").mean())
    r = mean["r"].drop_nulls().to_numpy()

    assert abs(r.mean() / (r.std(ddof=1) / np.sqrt(len(r)))) < 2


# Reproduction


def test_the_digests_are_those_pinned_in_the_code(sample: Sample, null: Sample) -> None:
    assert digest(sample) == SAMPLE_DIGEST
    assert digest(null) == NULL_DIGEST


def test_the_readme_of_the_datasets_names_the_pinned_digests() -> None:
    text = (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")

    assert SAMPLE_DIGEST in text
    assert NULL_DIGEST in text


def test_the_same_arguments_give_the_same_tables(small: Sample) -> None:
    again = small_sample()

    for name in ("bars", "news", "universe", "actions", "truth"):
        assert getattr(again, name).equals(getattr(small, name)), name


@pytest.mark.parametrize(("hash_seed", "threads"), [("0", "1"), ("4711", "2")])
def test_neither_the_hash_seed_nor_the_threads_change_the_digest(
    small: Sample, hash_seed: str, threads: str
) -> None:
    code = (
        "from catalyst.data.sample import digest, simulate;"
        "print(digest(simulate(n_symbols=20, n_sessions=40)))"
    )
    variables = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "POLARS_MAX_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=variables,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert run.stdout.strip() == digest(small)


def test_another_seed_gives_another_market(small: Sample) -> None:
    assert digest(small_sample(seed=1)) != digest(small)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_change_of_one_value_changes_the_digest(small: Sample, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["open", "high", "low", "close", "volume", "symbol", "ts"]))
    row = data.draw(st.integers(0, small.bars.height - 1))
    value = small.bars[name][row]
    step = {"symbol": "X", "ts": dt.timedelta(minutes=5), "volume": 1}.get(name, 0.01)
    column = small.bars[name].clone()
    column[row] = value + step
    changed = Sample(
        small.bars.with_columns(column), small.news, small.universe, small.actions, small.truth
    )

    assert digest(changed) != digest(small)


# Bars


def test_every_bar_lies_on_the_grid_of_a_session(sample: Sample) -> None:
    every, ts, at = sessions_of(sample)

    assert (at >= 0).all()
    assert ((ts - every.pre_ns[at]) % (5 * calendar.MINUTE_NS) == 0).all()
    assert len(np.unique(at)) == 120
    assert sample.bars.select("symbol", "ts").is_duplicated().sum() == 0


def test_a_half_day_goes_on_after_hours_from_its_early_close(sample: Sample) -> None:
    every, ts, at = sessions_of(sample)
    half = np.flatnonzero(every.close_ns - every.open_ns < 390 * calendar.MINUTE_NS)
    volume = sample.bars["volume"].to_numpy()
    seen = 0
    for t in half[half < 120]:
        before = volume[(at == t) & (ts < every.close_ns[t])].sum()
        after = volume[(at == t) & (ts >= every.close_ns[t])].sum()
        seen += 1

        assert 0 < after < 0.2 * before
    assert seen == 2


def test_bars_are_consistent_and_on_the_tick(sample: Sample) -> None:
    bars = sample.bars
    low, high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
    prices = bars.select("open", "high", "low", "close").to_numpy()

    assert bars.select((pl.col("low") <= low).all()).item()
    assert bars.select((pl.col("high") >= high).all()).item()
    assert (prices > 0).all()
    assert (np.rint(prices * 100) / 100 == prices).all()
    assert bars["volume"].dtype == pl.Int64
    assert bars["volume"].min() >= 1  # type: ignore[operator]


def test_slots_without_a_trade_have_no_bar(sample: Sample) -> None:
    every, ts, at = sessions_of(sample)
    regular = (ts >= every.open_ns[at]) & (ts < every.close_ns[at])
    counts = sample.bars.group_by("symbol").len()["len"].to_numpy() / (192 * 120)
    share_regular = regular.sum() / (118 * 78 + 2 * 42) / 100

    assert counts.min() < 0.7
    assert counts.max() > 0.95
    assert 0.9 < share_regular < 1.0


def test_most_prices_lie_between_5_and_500_dollars(sample: Sample) -> None:
    last = closes(sample).group_by("symbol").agg(pl.col("close").last())["close"].to_numpy()

    assert np.mean((last >= 5) & (last <= 500)) > 0.9
    assert np.any(last < 5) or np.any(last > 500)


# Companies


def test_a_split_changes_raw_prices_by_its_ratio_overnight(sample: Sample) -> None:
    splits = sample.actions.filter(pl.col("kind") == "split")
    daily = closes(sample).sort("symbol", "t")
    every = calendar.sessions(FIRST_SESSION, dt.date(2024, 12, 31))
    for symbol, ex_date, value in splits.select("symbol", "ex_date", "value").iter_rows():
        t = every.index_of(ex_date)
        before = daily.filter((pl.col("symbol") == symbol) & (pl.col("t") == t - 1))["close"].item()
        after = daily.filter((pl.col("symbol") == symbol) & (pl.col("t") == t))["open"].item()

        assert before / after == pytest.approx(value, rel=0.12)
    assert {2.0, 3.0} <= set(splits["value"])
    assert splits["value"].min() < 1  # type: ignore[operator]


def test_actions_are_known_before_they_happen(sample: Sample) -> None:
    early = sample.actions.filter(pl.col("known_at").dt.date() >= pl.col("ex_date"))

    assert sample.actions.height > 20
    assert early.height == 0
    assert set(sample.actions["kind"]) == {"split", "dividend", "rename"}


def test_a_renamed_symbol_trades_under_one_name_at_a_time(sample: Sample) -> None:
    rename = sample.actions.filter(pl.col("kind") == "rename")
    old, new, day = rename.select("symbol", "new_symbol", "ex_date").row(0)
    dates = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()
    bars = sample.bars.with_columns(date=dates)

    assert bars.filter(pl.col("symbol") == old)["date"].max() < day
    assert bars.filter(pl.col("symbol") == new)["date"].min() == day


def test_a_symbol_has_bars_only_while_it_is_a_member(sample: Sample) -> None:
    final = sample.universe.sort("known_at").group_by("symbol", maintain_order=True).last()
    dates = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()
    spans = sample.bars.group_by("symbol").agg(
        first=dates.min().alias("first"), last=dates.max().alias("last")
    )
    both = spans.join(final, on="symbol")

    assert both.height == spans.height == 101
    assert (both["first"] == both["from"]).all()
    assert both.filter(pl.col("to").is_not_null() & (pl.col("last") >= pl.col("to"))).height == 0
    assert final["to"].is_not_null().sum() == 2
    assert sample.universe.filter(pl.col("from") > FIRST_SESSION).height >= 2


# News


def test_news_is_known_after_it_is_published_and_before_long(sample: Sample) -> None:
    delay = sample.news["collected_at"] - sample.news["published_at"]

    assert delay.min() >= dt.timedelta(seconds=1)  # type: ignore[operator]
    assert delay.max() <= dt.timedelta(hours=2)  # type: ignore[operator]
    assert delay.median() < dt.timedelta(seconds=20)  # type: ignore[operator]
    assert not sample.news["collected_at"].is_sorted()


def test_enrichment_reads_the_planted_facts_from_the_headlines(sample: Sample) -> None:
    leads = sample.news.join(sample.truth, on=["url", "headline", "published_at"], how="semi")
    given_rows = leads.explode("symbols").rename({"symbols": "symbol", "collected_at": "known_at"})
    read = enrich(given_rows).news.join(
        sample.truth.select("url", "symbol", "kind", "direction", truth_tier="tier"),
        on=["url", "symbol"],
    )
    side = pl.when(pl.col("sentiment").abs() > 0.1).then(pl.col("sentiment").sign()).otherwise(0)

    assert read.height == sample.truth.height
    assert read.select((pl.col("tier") == pl.col("truth_tier")).mean()).item() == 1.0
    assert read.select(pl.col("categories").list.contains(pl.col("kind")).mean()).item() == 1.0
    assert read.select((side == pl.col("direction")).mean()).item() > 0.95


def test_some_links_of_the_provider_are_wrong(sample: Sample) -> None:
    tweets = sample.news.filter(pl.col("headline").str.contains("$", literal=True))
    given_rows = tweets.tail(3000).explode("symbols")
    wrong = enrich(given_rows.rename({"symbols": "symbol", "collected_at": "known_at"})).mislinked

    assert 0.002 < wrong.height / given_rows.height < 0.05


# Honesty


def test_every_table_says_that_it_is_synthetic(sample: Sample) -> None:
    for name in ("bars", "universe", "actions", "truth"):
        assert getattr(sample, name)["source"].unique().to_list() == ["synthetic"], name
    assert sample.news["provider"].unique().to_list() == ["synthetic"]
    assert sample.news["url"].str.starts_with("https://synthetic.invalid/").all()
    assert sample.bars["symbol"].str.contains(r"^Z[QX][A-Z]{2}$").all()


# Wrong use


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("n_symbols", 7),
        ("n_symbols", 677),
        ("n_sessions", 9),
        ("n_sessions", 50_000),
        ("bar_minutes", 7),
        ("bar_minutes", 0),
        ("seed", -1),
    ],
)
def test_a_size_out_of_range_is_refused_with_its_value(argument: str, value: int) -> None:
    arguments: dict[str, Any] = {argument: value}

    with pytest.raises(InputError, match=str(value)):
        simulate(**arguments)


@pytest.mark.parametrize("bar_minutes", [1, 15])
def test_other_bar_lengths_keep_the_day(bar_minutes: int) -> None:
    other = simulate(n_symbols=8, n_sessions=10, bar_minutes=bar_minutes)
    step = other.bars["ts"].unique().sort().diff().drop_nulls().min()

    assert step == dt.timedelta(minutes=bar_minutes)
    assert other.bars["ts"].dt.minute().unique().sort().to_list() == list(range(0, 60, bar_minutes))
