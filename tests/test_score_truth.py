"""What a score told: an edge planted in it is found, its opposite called what it is, luck not."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from browser import browser, opened
from typer.testing import CliRunner
from worlds import LOOSE, scratch, small_lake, small_run

from catalyst import Lake, Params, replay
from catalyst.cli.app import app
from catalyst.cli.study_scores import _scores_tried
from catalyst.data.report.values import Horizon, Interval
from catalyst.data.sample import simulate
from catalyst.data.sample_lake import write_sample
from catalyst.data.search_ledger import SearchLedger
from catalyst.data.settings import settings
from catalyst.errors import InputError
from catalyst.research.bootstrap import rank_draws
from catalyst.research.forward_returns import forward_returns, horizons_of
from catalyst.research.monotonicity import monotonicity
from catalyst.research.outcome import outcome_of
from catalyst.research.result import Result
from catalyst.research.score_tables import fifths, quantiles, ranks
from catalyst.research.score_truth import ScoreTruth, score_truth
from catalyst.research.score_verdict import score_verdict
from catalyst.research.scored_rows import scored_rows
from catalyst.research.tape import tape_of
from catalyst.research.trial_records import trial_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser"]

CLOSE = Horizon("close", "to the close", 1)
RUNNER = CliRunner()


@cache
def lake() -> Lake:
    sample = simulate(n_symbols=20, n_sessions=34, bar_minutes=15)
    return write_sample(sample, scratch() / "quarter-hours", bar_minutes=15)


@cache
def run() -> Result:
    params = Params.load("spec", timeframe="15m").replace(allow_short=True, **LOOSE)
    return replay(lake(), params, ledger=None)


@cache
def planted(name: str) -> Result:
    """The run with another confidence: it knows the return to the close, its opposite, or noise."""
    found = scored_rows(run(), tape_of(run()))
    place = [h.key for h in found.horizons].index("close")
    returns = np.nan_to_num(found.signals.returns[:, place])
    noise = np.random.default_rng(7).normal(size=len(returns))
    way = {"good": 0.4, "bad": -0.4, "noise": 0.0}[name]
    score = 50 + 10 * np.clip(way * returns / returns.std() + noise, -4, 4)
    folder = scratch() / f"planted-{name}"
    shutil.copytree(run().folder, folder)
    signals, directed = run().signals, pl.col("side").is_in(["long", "short"])
    place_of = directed.cum_sum().cast(pl.Int64) - 1
    changed = signals.with_columns(
        confidence=pl.when(directed).then(pl.lit(pl.Series(score)).gather(place_of)).otherwise(0.0)
    )
    changed.write_parquet(folder / "signals.parquet")
    return Result.open(folder, lake())


@cache
def truth(name: str) -> ScoreTruth:
    return score_truth(planted(name))


@pytest.mark.parametrize(
    ("name", "word"), [("good", "supported"), ("bad", "contradicted"), ("noise", "not shown")]
)
def test_a_planted_score_is_judged_by_what_it_knows(name: str, word: str) -> None:
    verdict = truth(name).verdict

    assert verdict.word == word
    assert verdict.sentence.startswith(f"Edge in the score: {word}: ")


def test_every_score_is_tested_over_every_horizon_and_one_test_is_named() -> None:
    found = truth("noise")

    assert found.tests["score"].unique(maintain_order=True).to_list() == [
        "confidence",
        "catalyst score",
        "pattern score",
        "technical score",
        "volume score",
        "catalyst score of candidates",
        "combined score of finalists",
    ]
    assert found.tests.height == 7 * len(found.horizons)
    assert found.tests.filter(pl.col("named")).select("score", "horizon").rows() == [
        ("confidence", "close")
    ]


def test_the_named_test_is_not_corrected_for_the_explored_ones() -> None:
    tests = truth("good").tests

    assert tests["stands"].is_null().to_list()[0]
    assert tests.row(0, named=True)["named"]
    assert tests["stands"].drop_nulls().len() == tests["p_value"].drop_nulls().len() - 1


def test_a_planted_score_orders_its_buckets_and_an_inverse_one_the_other_way() -> None:
    good, bad = (truth(name).named for name in ("good", "bad"))

    assert good.rising < 0.05 < good.falling
    assert bad.falling < 0.05 < bad.rising
    assert good.spread_low > 0 > bad.spread_high


def test_many_scores_tried_take_the_edge_of_one_away() -> None:
    found = truth("good").verdict
    tried = math.ceil(0.025 / found.p_better) + 1

    again = score_verdict(
        truth("good").cards[0].by_level.correlations[3].interval,
        chances=(found.p_better, found.p_worse),
        horizon=CLOSE,
        scores_tried=tried,
    )

    assert found.word == "supported"
    assert again.word == "not shown"
    assert f"the best of the {tried:,} different scores tried" in again.reasons[1]


@pytest.mark.parametrize(
    ("tried", "told"),
    [
        (1, "is 0.31"),
        (2, "is 0.31 alone; {} the 2 {} with a chance of at most 0.62"),
        (7, "is 0.31 alone; {} the 7 {} almost surely"),
    ],
)
def test_a_chance_is_told_alone_and_with_what_the_scores_tried_make_of_it(
    tried: int, told: str
) -> None:
    verdict = score_verdict(
        Interval(0.01, -0.02, 0.04, 500, 60),
        chances=(0.31, 0.69),
        horizon=CLOSE,
        scores_tried=tried,
    )
    words = ("the best of", "different scores tried on this data would be so far by luck")

    assert verdict.reasons[1].endswith(f"edge {told.format(*words)}; 0.025 is asked for.")


def test_a_score_tried_no_times_is_refused() -> None:
    with pytest.raises(InputError, match="scores_tried is 0; expected at least 1"):
        score_truth(planted("noise"), scores_tried=0)


def test_the_bucket_means_add_up_to_the_mean_of_all_rows() -> None:
    rows = truth("noise").buckets.filter(
        (pl.col("score") == "confidence") & (pl.col("kind") == "level")
    )
    found = scored_rows(planted("noise"), tape_of(planted("noise")))
    weighted = (
        rows.group_by("horizon", maintain_order=True)
        .agg((pl.col("mean_bps") * pl.col("count")).sum() / pl.col("count").sum())
        .to_series(1)
    )

    assert weighted.to_numpy() == pytest.approx(np.nanmean(found.signals.returns, axis=0))


def test_under_twenty_days_nothing_is_claimed() -> None:
    verdict = score_verdict(
        Interval(0.9, math.nan, math.nan, 500, 19), chances=(math.nan, math.nan), horizon=CLOSE
    )

    assert verdict.word == "not shown"
    assert "20 days are needed" in verdict.reasons[0]


def test_a_score_that_never_varies_is_not_shown() -> None:
    verdict = score_verdict(
        Interval(math.nan, math.nan, math.nan, 500, 60), chances=(math.nan, math.nan), horizon=CLOSE
    )

    assert verdict.word == "not shown"
    assert verdict.reasons[0].startswith("No two signals of one decision differ")


def test_the_named_test_keeps_its_level_where_few_days_are_much_busier_than_others() -> None:
    rng = np.random.default_rng(8)
    claimed = 0
    for seed in range(200):
        # Of 25 days some have two scans and some fifty, of the same scores and returns each time.
        scans = np.clip(rng.lognormal(2.0, 1.2, 25), 1, 50).astype(int)
        day = np.repeat(np.arange(25), 4 * scans)
        decision = np.repeat(np.arange(scans.sum()), 4)
        score, returns = rng.normal(size=(2, 25, 4))
        which = np.tile(np.arange(4), scans.sum())

        found = rank_draws(score[day, which], returns[day, which], decision, day, seed=seed)
        claimed += found.above <= 0.025

    # 11 or more of 200 have a chance of 1.4 % at the level of 2.5 %.
    assert claimed <= 10


def test_signs_are_flipped_for_days_of_a_block_together() -> None:
    x, day = np.tile([1.0, 2.0], 60), np.repeat(np.arange(60), 2)

    alone, blocks = (rank_draws(x, x, day, day, seed=1, block=block) for block in (1, 20))

    assert alone.above < 0.001
    assert blocks.above == pytest.approx(1 / 8, abs=0.02)


def test_a_rise_at_every_step_is_found_and_pure_luck_seldom() -> None:
    rng = np.random.default_rng(3)
    days, bucket = np.repeat(np.arange(60), 50), rng.integers(0, 5, 3_000)
    claimed = 0
    for k in range(100):
        values = rng.normal(size=3_000) + np.repeat(rng.normal(size=60), 50)
        claimed += monotonicity(values, bucket, days, seed=k).rising <= 0.05
    stairs = rng.normal(size=3_000) + 0.15 * bucket

    assert claimed <= 10
    assert monotonicity(stairs, bucket, days, seed=1).rising <= 0.05
    assert monotonicity(-stairs, bucket, days, seed=1).falling <= 0.05


def test_a_step_back_in_the_middle_is_no_rise() -> None:
    rng = np.random.default_rng(4)
    days, bucket = np.repeat(np.arange(60), 50), rng.integers(0, 5, 3_000)
    values = rng.normal(size=3_000) + np.array([0.0, 0.4, 0.0, 0.4, 0.8])[bucket]

    found = monotonicity(values, bucket, days, seed=1)

    assert found.rising > 0.2
    assert found.spread.low > 0


def test_buckets_hold_equal_counts_and_keep_equal_scores_together() -> None:
    score = np.array([30.0] * 40 + [50.0] * 10 + [70.0] * 25 + [90.0] * 25 + [math.nan])

    found = quantiles(score, parts=4)

    assert found.labels == ("30 to 50", "70", "90")
    assert np.bincount(found.bucket[:-1]).tolist() == [50, 25, 25]
    assert found.bucket[-1] == -1


def test_ranks_and_fifths_are_taken_within_a_decision() -> None:
    score = np.array([5.0, 9.0, 9.0, 1.0, math.nan, 2.0])
    decision = np.array([1, 1, 1, 1, 1, 2])

    assert ranks(score, decision, most=3).bucket.tolist() == [2, 0, 0, -1, -1, 0]
    assert fifths(score, decision).bucket.tolist() == [3, 1, 1, 4, -1, 2]


def test_the_fifth_close_is_that_of_the_fifth_session_after_the_entry() -> None:
    tape = tape_of(run())
    k = 6
    at = np.array([tape.sessions[k].open_ns + 3_600 * 10**9], np.int64)
    bars = tape.stretch(0, k, k + 5)
    last = np.flatnonzero((bars.session == k + 5) & (bars.ends_ns <= tape.closes_ns[k + 5]))[-1]
    entry = np.searchsorted(bars.ts_ns, at[0])

    found = forward_returns(tape, np.zeros(1, np.int32), at)

    place = [h.key for h in horizons_of(tape)].index("5s")
    assert found.own[0, place] == pytest.approx(bars.close[last] / bars.open[entry] - 1)


def test_the_command_speaks_json_and_writes_its_study_whole(tmp_path: Path) -> None:
    out = tmp_path / "study"
    asked = ["study", "scores", str(planted("good").folder), "--lake", str(lake().root)]

    first = RUNNER.invoke(app, [*asked, "--json", "--out", str(out)])
    again = RUNNER.invoke(app, [*asked, "--out", str(out)])

    found = json.loads(first.stdout)
    assert found["edge"] == "supported"
    assert len(found["tests"]) == pl.read_parquet(out / "tests.parquet").height
    assert sorted(p.name for p in out.iterdir()) == [
        "buckets.parquet",
        "scores.html",
        "tests.parquet",
    ]
    # What is there is not replaced unasked.
    assert "--force" in str(again.exception)


def test_the_page_draws_its_charts_without_a_network(browser: Browser, tmp_path: Path) -> None:
    from catalyst.research.score_page import score_page

    path = tmp_path / "scores.html"
    path.write_text(score_page(truth("good"), planted("good").summary), encoding="utf-8")

    with opened(browser, path, width=390, scheme="dark") as (page, asked, said):
        drawn = page.locator(".plot .main-svg").count()
        width = page.evaluate("document.documentElement.scrollWidth")

    assert said == []
    assert all(url.startswith("file:") for url in asked)
    assert drawn >= 3 * 7
    assert width <= 390


def test_a_study_counts_choices_of_symbols_as_the_edge_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = SearchLedger(tmp_path / "trials.sqlite")
    result, lake = small_run(), small_lake()
    own = trial_of(result.summary, result.params, lake, outcome_of(result))
    ledger.record([replace(own, trial_id=f"half {k}", asked=f"half {k}") for k in range(4)])
    monkeypatch.setenv("CATALYST_LEDGER", str(ledger.path))
    settings.cache_clear()
    tried = _scores_tried(result)
    settings.cache_clear()

    assert tried == 5
