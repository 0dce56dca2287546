"""Variants in one pass leave what each leaves alone, and each is counted."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
from worlds import LOOSE, daily_lake, scratch, small_lake

from catalyst import Lake, Params, replay
from catalyst.data.search_ledger import SearchLedger
from catalyst.research.outcome import outcome_of
from catalyst.research.result import Result
from catalyst.research.together import replay_together
from catalyst.research.trial_records import bearing_trials, moments
from catalyst.research.trials import run_trials
from catalyst.strategy.param_content import score_hash

SPEC = Params.load("spec")


def always_out(view: object, row: int, entry: object, params: object) -> bool:
    return bool(view.base.count[row] > 60)  # type: ignore[attr-defined]


def contents(result: Result) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(result.folder.iterdir())}


def last(sessions: int) -> dt.date:
    """Return the date of one of the first sessions: more would only take longer."""
    return small_lake().days("5m")[sessions - 1]


def loose() -> Params:
    return SPEC.replace(variant="loose", **LOOSE)


def test_every_variant_in_a_pass_leaves_the_bytes_that_it_leaves_alone() -> None:
    variants = [
        SPEC,
        loose(),
        loose().replace(variant="own exit", exits=(always_out,)),
        SPEC.updated({"technical": {"window": 200}, "variant": "another history"}),
    ]
    found = replay_together(small_lake(), variants, end=last(10), ledger=None)

    alone = [contents(replay(small_lake(), v, end=last(10), ledger=None)) for v in variants]
    assert [contents(r) for r in found] == alone
    assert min(r.summary["n_trades"] for r in found[1:]) > 0


def test_daily_variants_in_a_pass_leave_the_bytes_that_they_leave_alone() -> None:
    variants = [Params.load(name, timeframe="1d").replace(**LOOSE) for name in ("spec", "thin")]
    found = replay_together(daily_lake(), variants, ledger=None)

    alone = [contents(replay(daily_lake(), v, ledger=None)) for v in variants]
    assert [contents(r) for r in found] == alone


def test_money_only_gives_the_same_trades_and_equity() -> None:
    whole = replay(small_lake(), loose(), end=last(9), ledger=None)
    lean = replay_together(small_lake(), [loose()], end=last(9), tables="money", ledger=None)[0]

    for name in ("trades", "fills", "equity", "marks", "benchmarks"):
        assert getattr(lean, name).equals(getattr(whole, name))
    assert lean.signals.height == 0
    assert lean.summary["net_pnl"] == whole.summary["net_pnl"]
    assert lean.summary["decision_digest"] == ""


def test_trials_do_not_depend_on_what_else_is_tried() -> None:
    variants = [loose().replace(stop_frac=f) for f in (0.01, 0.02)]
    both = run_trials(small_lake(), variants, end=last(9), ledger=None)
    second = run_trials(small_lake(), variants[1:], end=last(9), ledger=None)[0]

    assert both[1].metrics == second.metrics
    assert both[1].returns.tobytes() == second.returns.tobytes()
    assert both[0].returns.tobytes() != second.returns.tobytes()


def test_an_outcome_adds_up_to_the_run_s_summary() -> None:
    result = replay(small_lake(), loose(), ledger=None)
    outcome = outcome_of(result)

    assert np.isclose(np.prod(1 + outcome.returns) - 1, result.summary["net_return"])
    grown = np.prod(1 + outcome.market) - 1
    assert np.isclose(grown, result.summary["benchmarks"]["equal_weight"]["net_return"])
    paid = result.summary["slippage_usd"] + float(result.fills["fee"].cast(pl.Float64).sum())
    opened = np.concatenate([[1.0], np.cumprod(1 + outcome.returns)[:-1]])
    assert np.isclose((outcome.costs * opened).sum() * 100_000, paid)


def ledger(name: str) -> SearchLedger:
    return SearchLedger(scratch() / f"{name}.sqlite")


def bearing(result: Result, lake: Lake, counted: SearchLedger) -> int:
    return len(bearing_trials(result.summary, lake, counted))


def test_a_replay_is_counted_once_however_often_it_is_repeated() -> None:
    counted = ledger("repeated")
    result = replay(small_lake(), SPEC, end=last(2), ledger=counted)
    replay(small_lake(), SPEC, end=last(2), ledger=counted)
    assert bearing(result, small_lake(), counted) == 1

    replay(small_lake(), SPEC.replace(stop_frac=0.01), end=last(2), ledger=counted)

    assert bearing(result, small_lake(), counted) == 2


def test_only_trials_that_saw_a_session_of_the_run_bear_on_it() -> None:
    counted = ledger("spans")
    days = small_lake().days("5m")
    early = replay(small_lake(), SPEC, end=days[1], ledger=counted)
    late = replay(small_lake(), SPEC, start=days[2], end=days[3], ledger=counted)
    assert [bearing(r, small_lake(), counted) for r in (early, late)] == [1, 1]

    replay(small_lake(), SPEC, start=days[1], end=days[2], ledger=counted)

    assert [bearing(r, small_lake(), counted) for r in (early, late)] == [2, 2]


def test_a_row_more_or_another_folder_does_not_set_the_count_to_zero(tmp_path: Path) -> None:
    counted = ledger("moved")
    days = small_lake().days("5m")
    replay(small_lake(), SPEC, end=days[2], ledger=counted)
    copy = Lake(tmp_path / "copy", create=True)
    bars = small_lake().bars("5m", end=days[2])
    copy.add_bars(bars, timeframe="5m", source="synthetic")
    news = pl.DataFrame(
        {
            "symbol": [bars["symbol"][0]],
            "published_at": [dt.datetime.combine(days[1], dt.time(15), dt.UTC)],
            "headline": ["One more headline that changes the digest"],
            "source": ["Reuters"],
        }
    )
    copy.add_news(news)
    result = replay(copy, SPEC, ledger=counted)

    same_bytes = bearing(result, copy, counted) == 2
    first = copy.days("5m")[0]
    one = next((copy.root / "bars" / "timeframe=5m" / f"date={first}").glob("*.parquet"))
    other = next((small_lake().root / "bars" / "timeframe=5m" / f"date={first}").glob("*.parquet"))
    assert same_bytes == (one.read_bytes() == other.read_bytes())
    assert same_bytes


def test_a_run_that_nobody_chooses_by_is_not_counted() -> None:
    counted = ledger("not chosen by")
    result = replay(small_lake(), SPEC, end=last(1), ledger=None)

    assert bearing(result, small_lake(), counted) == 0


def test_a_feed_of_one_s_own_is_counted_like_any_other() -> None:
    from catalyst.data.feed import Feed

    counted = ledger("own feed")
    feed = Feed(small_lake(), "5m")
    result = replay(small_lake(), SPEC, feed=feed, end=last(1), ledger=counted)

    assert bearing(result, small_lake(), counted) == 1


def test_exits_and_sizes_share_a_score_and_weights_do_not() -> None:
    exits = SPEC.replace(stop_frac=0.01, cap_frac=0.1, entry_collar_bps=20)
    weights = SPEC.updated({"scored": {"catalyst": 1.0}})

    assert score_hash(exits) == score_hash(SPEC)
    assert score_hash(weights) != score_hash(SPEC)


def test_the_ledger_never_enters_a_run_s_folder() -> None:
    counted = ledger("outside")
    before = contents(replay(small_lake(), SPEC, end=last(2), ledger=counted))
    for frac in (0.011, 0.012):
        replay(small_lake(), SPEC.replace(stop_frac=frac), end=last(2), ledger=counted)
    after = contents(replay(small_lake(), SPEC, end=last(2), ledger=counted))

    assert before == after


def test_moments_are_those_of_scipy() -> None:
    from scipy import stats

    values = np.random.default_rng(3).standard_t(5, 500) * 0.01 + 0.001
    sharpe, skewness, kurtosis = moments(values)

    assert np.isclose(sharpe or 0, values.mean() / values.std(ddof=1))
    assert np.isclose(skewness or 0, stats.skew(values))
    assert np.isclose(kurtosis or 0, stats.kurtosis(values, fisher=False))


def test_returns_without_variance_have_no_moments() -> None:
    assert moments(np.zeros(30)) == (None, None, None)
