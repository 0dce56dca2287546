"""The verdict on a run: an edge that is there is found, and luck, costs and markets are none."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from typer.testing import CliRunner
from worlds import small_lake, small_run

from catalyst.cli.app import app
from catalyst.data.report.values import Horizon, Interval
from catalyst.data.search_ledger import SearchLedger, Trial
from catalyst.errors import InputError
from catalyst.research.bootstrap import Draws
from catalyst.research.edge import Edge, edge_of, edge_of_outcome
from catalyst.research.edge_comparison import compare_edges
from catalyst.research.edge_luck import luck_of, scores_tried, sentence_of
from catalyst.research.edge_score import judged
from catalyst.research.honesty import expected_best_sharpe
from catalyst.research.outcome import METRICS, Outcome, outcome_of
from catalyst.research.trial_records import bearing_trials, trial_of

Series = npt.NDArray[np.float64]
N = 250


def noise(seed: int, n: int = N) -> Series:
    return np.random.default_rng(seed).normal(size=n) / 100


def outcome(returns: Series, **given: Any) -> Outcome:  # noqa: ANN401 - any field
    """An outcome that traded every day, without costs, beside a market that stood still."""
    n = len(returns)
    usual = {
        "params_hash": "own",
        "variant": "mine",
        "days": np.arange(n) + 16_000,
        "market": np.zeros(n),
        "exposure": np.full(n, 0.5),
        "beside": np.zeros(n),
        "costs": np.zeros(n),
        "metrics": dict.fromkeys(METRICS, None) | {"n_trades": 500.0},
    }
    return Outcome(returns=returns, **(usual | given))


def trial(name: str, sharpe: float | None, **given: Any) -> Trial:  # noqa: ANN401 - any field
    usual: dict[str, Any] = {
        "lake": "lake",
        "data_digest": "data",
        "score_hash": name,
        "variant": name,
        "timeframe": "1d",
        "first_day": 16_000,
        "last_day": 16_000 + N - 1,
        "n_sessions": N,
        "skewness": 0.0,
        "kurtosis": 3.0,
        "n_trades": 10,
        "returns": b"",
    }
    return Trial(
        trial_id=name, params_hash=name, sharpe=sharpe, excess_sharpe=sharpe, **(usual | given)
    )


def searched(n: int, spread: float = 1 / math.sqrt(N), *, n_sessions: int = N) -> list[Trial]:
    draws = np.random.default_rng(9).normal(size=n) * spread
    return [trial(f"t{k}", float(sharpe), n_sessions=n_sessions) for k, sharpe in enumerate(draws)]


def word(one: Outcome, trials: list[Trial] | None = None) -> str:
    return edge_of_outcome(one, trials=trials or []).word


# --- money -------------------------------------------------------------------------------------


def test_a_planted_edge_is_supported() -> None:
    edge = edge_of_outcome(outcome(noise(1) + 0.0025), trials=[])

    assert edge.word == "supported"
    assert edge.money.low < 25 + noise(1).mean() * 1e4 < edge.money.high
    assert edge.headline == "edge: supported"


def test_noise_is_not_shown_and_neither_is_a_small_edge_of_a_few_days() -> None:
    assert word(outcome(noise(1))) == "not shown"
    assert word(outcome(noise(1, 40) + 0.001)) == "not shown"


def test_the_same_edge_is_not_shown_when_it_is_the_best_of_thousands() -> None:
    mine = outcome(noise(2) + 0.0015)

    assert word(mine) == "supported"
    assert word(mine, searched(2_000)) == "not shown"


def test_what_a_rising_market_gave_is_no_edge() -> None:
    market = noise(3) + 0.004
    held = outcome(0.8 * market, market=market, exposure=np.full(N, 0.8), beside=0.8 * market)

    assert held.returns.mean() > 0.002
    assert word(held) == "not shown"


def test_losing_more_surely_than_chance_before_costs_is_contradicted() -> None:
    assert word(outcome(noise(4) - 0.003)) == "contradicted"


def test_what_only_costs_have_lost_is_not_contradicted() -> None:
    costs = np.full(N, 0.003)
    lost = outcome(noise(5) - costs, costs=costs)

    assert edge_of_outcome(lost, trials=[]).money.high < 0
    assert word(lost) == "not shown"


def test_the_worst_of_thousands_is_not_contradicted_by_that() -> None:
    mine = outcome(noise(2) - 0.0021)

    assert word(mine) == "contradicted"
    assert word(mine, searched(2_000)) == "not shown"


@pytest.mark.parametrize(("trades", "days"), [(29, N), (500, 39), (0, 0)])
def test_too_few_trades_or_days_show_nothing(trades: int, days: int) -> None:
    returns = (noise(6) + 0.01) * (np.arange(N) < days)
    mine = outcome(
        returns,
        exposure=np.where(np.arange(N) < days, 0.5, 0.0),
        metrics=dict.fromkeys(METRICS, None) | {"n_trades": float(trades)},
    )
    edge = edge_of_outcome(mine, trials=[])

    assert edge.word == "not shown"
    assert f"{trades} closed trades on {days} days" in edge.reasons[0]
    assert math.isnan(edge.money.p_value)


def test_without_an_edge_one_trial_in_forty_is_claimed() -> None:
    claims = sum(word(outcome(noise(1_000 + k, 60))) == "supported" for k in range(400))

    assert scipy.stats.binomtest(claims, 400, 0.025, alternative="greater").pvalue > 0.01


def test_the_best_of_a_search_is_claimed_no_more_often_than_one_trial() -> None:
    claims = 0
    for k in range(100):
        tried = [noise(10_000 + 100 * k + j, 60) for j in range(25)]
        sharpes = [float(one.mean() / one.std(ddof=1)) for one in tried]
        trials = [trial(f"t{j}", s, n_sessions=60) for j, s in enumerate(sharpes)]
        best = outcome(tried[int(np.argmax(sharpes))])
        claims += word(replace(best, params_hash="t0"), trials) == "supported"

    assert scipy.stats.binomtest(claims, 100, 0.05, alternative="greater").pvalue > 0.01


def test_an_excess_that_never_varies_is_told_as_that() -> None:
    edge = edge_of_outcome(outcome(np.full(N, 0.0001)), trials=[])

    assert edge.word == "not shown"
    assert edge.reasons[0] == (
        "Beside the market it earned +1.00 bps in every session alike: without a spread luck can't "
        "be told from an edge."
    )


def test_a_gain_says_how_large_a_loss_would_undo_it() -> None:
    returns = np.tile([0.002, -0.001], 50)

    assert edge_of_outcome(outcome(returns), trials=[]).reasons[2] == (
        "The worst session lost 10.00 bps; one more that lost 500.00 would undo all that 100 "
        "earned."
    )


# --- luck --------------------------------------------------------------------------------------


STRANGERS = 1 / math.sqrt(N)


def test_luck_is_the_expected_best_of_so_many_different_scores_as_strangers_lie() -> None:
    luck = luck_of(searched(100), N)

    assert luck.sharpe == pytest.approx(expected_best_sharpe(100, STRANGERS))


def stops(n: int, spread: float) -> list[Trial]:
    """Trials of one score."""
    return [replace(one, score_hash="one") for one in searched(n, spread)]


def test_trials_of_one_score_reach_half_of_how_far_apart_they_lie() -> None:
    trials = stops(100, STRANGERS / 4)
    sharpes = [t.excess_sharpe or 0.0 for t in trials]
    luck = luck_of(trials, N)

    assert luck.sharpe == pytest.approx((max(sharpes) - min(sharpes)) / 2)
    assert luck.sharpe == pytest.approx(expected_best_sharpe(luck.best_of, luck.sharpe_std))


def test_trials_that_lie_far_apart_reach_no_more_than_strangers() -> None:
    ruined = trial("ruined", -5.0, score_hash="one")

    assert luck_of([*stops(99, STRANGERS), ruined], N).sharpe == pytest.approx(
        expected_best_sharpe(100, STRANGERS)
    )


def test_a_few_sessions_count_but_do_not_say_how_far_apart_trials_lie() -> None:
    near = stops(50, STRANGERS / 10)
    smoke = trial("smoke", 30.0, score_hash="one", n_sessions=2)
    before, after = luck_of(near, N), luck_of([*near, smoke], N)

    assert (after.n_trials, after.sharpe) == (51, before.sharpe)


@pytest.mark.parametrize("start", [[], stops(9, STRANGERS), stops(60, 0.01), searched(50)])
def test_a_trial_more_never_lowers_what_luck_reaches(start: list[Trial]) -> None:
    rng = np.random.default_rng(4)
    trials = [*start, trial("first", 0.1)]
    bar = luck_of(trials, N).sharpe
    for k in range(300):
        some = trials[int(rng.integers(len(trials)))]
        more = {
            0: trial(f"idle {k}", None, score_hash="one"),
            1: trial(f"flat {k}", 0.0),
            2: replace(some, trial_id=f"copy {k}"),
            3: replace(some, trial_id=f"near {k}", excess_sharpe=(some.excess_sharpe or 0) + 1e-4),
            4: trial(f"short {k}", float(rng.normal()), n_sessions=int(rng.integers(2, 200))),
            5: trial(f"wide {k}", float(rng.normal()), score_hash="one"),
        }[k % 6]
        trials.append(more)
        next_bar = luck_of(trials, N).sharpe

        assert next_bar >= bar

        bar = next_bar


# --- how many scores ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "scores"),
    [
        ({}, 1),
        ({"params_hash": "another stop"}, 1),
        ({"score_hash": "another"}, 2),
        ({"timeframe": "5m"}, 2),
        ({"asked": "half of the symbols"}, 2),
        ({"first_day": 16_010, "n_sessions": N - 10}, 2),
        ({"last_day": 16_060, "n_sessions": 60}, 1),
    ],
)
def test_a_score_is_another_question_on_other_bars_symbols_and_spans_but_parts(
    given: dict[str, Any], scores: int
) -> None:
    own = trial("a", 0.0)

    assert scores_tried([own, replace(own, trial_id="b", **given)], N) == scores
    assert luck_of([own, replace(own, trial_id="b", **given)], N).n_scores == scores


def test_the_score_of_a_run_is_corrected_for_the_choices_of_symbols_that_were_tried() -> None:
    result, lake = small_run(), small_lake()
    own = trial_of(result.summary, result.params, lake, outcome_of(result))
    halves = [replace(own, trial_id=f"half {k}", asked=f"half {k}") for k in range(7)]

    assert edge_of(result, trials=[own, *halves]).score.tests == 8
    assert edge_of(result, trials=halves).score.tests == 8
    assert compare_edges([result], trials=halves).edges[0].score.tests == 8


def test_few_ideas_are_taken_to_lie_apart_as_strangers_do() -> None:
    luck = luck_of([trial("a", 0.01), trial("b", 0.0101)], N)

    assert luck.sharpe == pytest.approx(expected_best_sharpe(2, 1 / math.sqrt(N)))


def test_a_thousand_stops_of_one_idea_don_t_hide_that_ten_ideas_were_tried() -> None:
    ideas = searched(8)
    stops = [trial(f"s{k}", 0.01 + 1e-5 * k, score_hash="one") for k in range(1_000)]
    alone, together = luck_of(ideas, N), luck_of([*ideas, *stops], N)

    assert (together.n_trials, together.n_scores) == (1_008, 9)
    assert together.sharpe > alone.sharpe


def test_the_sharpe_ratio_of_a_short_span_is_brought_to_the_run_s() -> None:
    short = searched(50, 1 / math.sqrt(25), n_sessions=25)

    assert luck_of(short, N).sharpe == pytest.approx(
        luck_of(searched(50, 1 / math.sqrt(N)), N).sharpe
    )


def test_a_trial_without_trades_counts() -> None:
    idle = [trial(f"i{k}", None) for k in range(5)]

    assert luck_of([*searched(20), *idle], N).n_trials == 25


def test_a_run_counts_itself_once_whether_the_ledger_knows_it_or_not() -> None:
    mine, others = outcome(noise(1)), searched(3)
    own = trial("own", 0.1)

    assert edge_of_outcome(mine, trials=others).figures["n_trials"] == 4
    assert edge_of_outcome(mine, trials=[*others, own]).figures["n_trials"] == 4
    assert edge_of_outcome(mine, trials=[]).figures["n_trials"] == 1


def test_the_sentence_of_luck_tells_a_year_s_sharpe_ratio() -> None:
    luck = luck_of(searched(100), N)

    assert sentence_of(luck).startswith("100 trials have looked at this data")
    assert f"{luck.sharpe * math.sqrt(252):.2f} a year" in sentence_of(luck)
    assert sentence_of(luck_of([trial("a", 0.0)], N)) == (
        "The ledger knows no other trial on this data, and vouches for nothing else."
    )


# --- a set of variants -------------------------------------------------------------------------


def variants(*returns: Series) -> list[Outcome]:
    return [outcome(one, variant=f"v{k}", params_hash=f"v{k}") for k, one in enumerate(returns)]


def test_of_a_set_the_one_with_an_edge_stands() -> None:
    ran = variants(noise(1), noise(2) + 0.004, noise(3), noise(4))
    trials = [trial(one.params_hash, float(one.returns.mean() * 100)) for one in ran]
    found = compare_edges(ran, trials=trials)

    assert (found.word, found.stands) == ("supported", (False, True, False, False))
    assert found.reasons[0] == "Of 4 variants an edge is supported for v1."
    assert found.spa is not None
    assert found.spa.p_value < 0.025
    assert found.overfitting < 0.1


def test_of_a_set_without_an_edge_none_stands() -> None:
    found = compare_edges(variants(*(noise(k) for k in range(20, 28))), trials=searched(8))

    assert (found.word, any(found.stands)) == ("not shown", False)
    assert found.reasons[0] == "Of 8 variants an edge is not shown."
    assert found.overfitting > 0.2


def test_a_set_that_loses_throughout_is_contradicted_and_named() -> None:
    found = compare_edges(variants(noise(1) - 0.004, noise(2) - 0.004), trials=[])

    assert found.word == "contradicted"
    assert found.reasons[0] == "Of 2 variants an edge is contradicted for v0 and v1."


def test_a_set_counts_all_of_itself_where_the_ledger_does_not_know_it() -> None:
    ran = variants(*(noise(k) for k in range(6)))
    found = compare_edges(ran, trials=[trial("v2", 0.0), trial("another", 0.0)])

    assert {edge.figures["n_trials"] for edge in found.edges} == {7}


def test_a_variant_that_never_trades_does_not_spoil_a_set() -> None:
    idle = outcome(
        np.zeros(N),
        exposure=np.zeros(N),
        metrics=dict.fromkeys(METRICS, None) | {"n_trades": 0.0},
    )
    found = compare_edges([idle, *variants(noise(2) + 0.005)], trials=[])

    assert found.stands == (False, True)
    assert json.loads(json.dumps(found.as_mapping(), allow_nan=False))["stands"] == [False, True]


def test_variants_of_different_spans_are_not_compared() -> None:
    with pytest.raises(InputError, match="v1 ran over 60 sessions, not over the 250 of v0"):
        compare_edges(variants(noise(1), noise(2, 60)), trials=[])


def test_nothing_is_not_compared() -> None:
    with pytest.raises(InputError, match="at least one run"):
        compare_edges([], trials=[])


# --- a real run --------------------------------------------------------------------------------


def run_edge() -> Edge:
    return edge_of(small_run(), trials=[])


def test_a_run_s_intervals_hold_the_figures_of_its_summary() -> None:
    edge, summary = run_edge(), small_run().summary
    shared = ("net_return", "sharpe", "max_drawdown", "hit_rate", "expectancy", "turnover")
    values = {name: edge.intervals[name].value for name in shared}
    metrics = outcome_of(small_run()).metrics

    assert values == pytest.approx({name: summary[name] for name in shared})
    assert edge.intervals["exposure"].value == pytest.approx(metrics["exposure"])
    assert edge.intervals["slippage_share"].value == pytest.approx(metrics["slippage_share"])
    assert all(i.low <= i.value <= i.high for i in edge.intervals.values())
    assert isinstance(edge.intervals["mean_excess_bps"], Interval)


def test_a_run_s_verdict_is_the_same_each_time() -> None:
    assert run_edge().as_mapping() == run_edge().as_mapping()


def ranked(value: float, *, days: int = 60) -> Draws:
    drawn = value + np.random.default_rng(1).normal(size=2_000) * 0.02
    above = float(scipy.stats.norm.sf(value / 0.02))
    return Draws(value, drawn, count=600, days=days, above=above, below=1 - above)


CLOSE = Horizon("close", "to the close", 1)


@pytest.mark.parametrize(
    ("value", "tried", "word"),
    [
        (0.05, 1, "supported"),
        (0.05, 20, "not shown"),
        (0.0, 1, "not shown"),
        (-0.05, 1, "contradicted"),
        (-0.05, 20, "not shown"),
    ],
)
def test_a_score_is_judged_by_how_many_were_tried(value: float, tried: int, word: str) -> None:
    leg = judged(ranked(value), CLOSE, n_scores=tried).leg

    assert (leg.word, leg.value, leg.tests, leg.days) == (word, value, tried, 60)
    assert leg.p_value == pytest.approx(min(1.0, tried * leg.alone))


def test_a_score_that_never_varies_has_no_leg() -> None:
    nothing = Draws(math.nan, np.zeros(0), count=0, days=0)
    leg = judged(nothing, CLOSE, n_scores=3).leg

    assert leg.word == "not shown"
    assert math.isnan(leg.p_value)


def test_a_run_without_its_table_of_signals_has_no_score_to_judge() -> None:
    edge = edge_of_outcome(outcome_of(small_run()), trials=[])

    assert edge.score.word == "not shown"
    assert math.isnan(edge.score.value)
    assert edge.money.as_mapping() == run_edge().money.as_mapping()


def test_the_verdict_reads_the_ledger_of_now_and_leaves_the_run_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = SearchLedger(tmp_path / "trials.sqlite")
    result, lake = small_run(), small_lake()
    own = trial_of(result.summary, result.params, lake, outcome_of(result))
    ledger.record([own])
    ledger.record([replace(own, trial_id=f"{k}", params_hash=f"{k}") for k in range(40)])
    folder = result.folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setenv("CATALYST_LEDGER", str(ledger.path))
    from catalyst.data.settings import settings

    settings.cache_clear()
    words = ["edge", str(folder), "--lake", str(lake.root), "--json"]
    told = CliRunner().invoke(app, words)
    settings.cache_clear()
    answer = json.loads(told.stdout)

    assert told.exit_code == 0
    assert answer["figures"]["n_trials"] == 41
    assert (
        answer["edge"] == edge_of(result, trials=bearing_trials(result.summary, lake, ledger)).word
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_people_read_the_word_first() -> None:
    told = CliRunner().invoke(
        app, ["edge", str(small_run().folder), "--lake", str(small_lake().root)]
    )

    assert told.exit_code == 0
    assert told.stdout.startswith("spec: edge after costs: not shown\nscore before costs: ")
