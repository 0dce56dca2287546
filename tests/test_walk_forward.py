"""Walk-forward: nothing that judges is seen while choosing, and the curve is a run of its own."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from test_sweep import grid_of
from worlds import LOOSE, scratch, small_lake, with_bars

from catalyst import Lake, Params, replay
from catalyst.errors import InputError
from catalyst.research.cross_validation import Groups, choose, cross_validate
from catalyst.research.folds import combinatorial_folds
from catalyst.research.outcome import outcome_of
from catalyst.research.result import Result
from catalyst.research.sweep import Span, Workers
from catalyst.research.trials import run_trials
from catalyst.research.walk_forward import Windows, check_by_date, walk_forward

GRID = """
objective: net_return
grid:
  risk.stop_frac: [0.005, 0.03]
"""
WINDOWS = Windows(train=3, test=2, embargo=1)


def base() -> Params:
    return Params().replace(**LOOSE)


def days() -> list[dt.date]:
    return small_lake().days("5m")[12:20]


def walked(folder: Path, lake: Lake, text: str = GRID, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - options of `walk_forward`
    folder.mkdir(parents=True, exist_ok=True)
    return walk_forward(
        lake,
        grid_of(folder, text),
        base(),
        folder / "out",
        span=Span("5m", days()[0], days()[-1]),
        workers=Workers(1),
        ledger=None,
        **{"windows": WINDOWS, **asked},
    )


@cache
def walk() -> tuple[Path, dict[str, Any]]:
    folder = scratch() / "walk"
    summary = walked(folder, small_lake())
    return folder / "out", summary


def table(name: str) -> pl.DataFrame:
    return pl.read_parquet(walk()[0] / f"{name}.parquet")


def test_windows_follow_one_another_with_sessions_kept_aside() -> None:
    folds = table("folds")
    told = folds.select("train_start", "train_end", "test_start", "test_end").rows()
    d = days()

    assert told == [(d[0], d[2], d[4], d[5]), (d[2], d[4], d[6], d[7])]


def test_a_fold_chooses_the_best_of_its_own_window_replayed_alone() -> None:
    d = days()
    variants = [base().replace(stop_frac=x) for x in (0.005, 0.03)]
    alone = run_trials(small_lake(), variants, start=d[2], end=d[4], ledger=None)
    gains = [one.metrics["net_return"] for one in alone]
    row = table("folds").row(1, named=True)

    assert gains[0] != gains[1]
    assert row["in_net_return"] == max(g for g in gains if g is not None)
    assert row["params_hash"] == variants[int(np.argmax(np.array(gains)))].hash


def test_the_curve_is_the_run_of_the_choice_by_date_and_can_be_backtested() -> None:
    folder, summary = walk()
    d = days()
    params = Params.load(folder / "variant.yaml")
    anew = outcome_of(replay(small_lake(), params, start=d[4], end=d[7], ledger=None))
    run = Result.open(folder / "out_of_sample", small_lake())

    assert params.hash == summary["variant_hash"] == run.params.hash
    assert table("equity")["returns"].to_list() == anew.returns.tolist()
    assert table("equity")["day"].to_list() == d[4:8]
    assert summary["out_of_sample"]["n_trades"] == anew.metrics["n_trades"] == run.trades.height


def test_nothing_of_a_session_that_judges_changes_what_was_chosen(tmp_path: Path) -> None:
    judged = days()[6:]

    def other(bars: pl.DataFrame) -> pl.DataFrame:
        # All that judges the last fold turns round, within each bar's own range.
        low, high = pl.col("low"), pl.col("high")
        return bars.with_columns(
            open=(low + high - pl.col("open")).round(4),
            close=(low + high - pl.col("close")).round(4),
        )

    lake = with_bars(small_lake(), tmp_path / "lake", judged, other)
    walked(tmp_path / "walk", lake)
    before, after = table("folds"), pl.read_parquet(tmp_path / "walk" / "out" / "folds.parquet")
    chosen = ["params_hash", "in_net_return", "in_sharpe", "in_excess_sharpe", "in_max_drawdown"]

    assert after.select(chosen).rows() == before.select(chosen).rows()
    assert after["out_net_return"][0] == before["out_net_return"][0]
    assert after["out_net_return"][1] != before["out_net_return"][1]


def test_a_finished_walk_is_resumed_without_a_trial() -> None:
    told: list[float] = []
    again = walked(
        walk()[0].parent, small_lake(), resume=True, tell=lambda done, _: told.append(done)
    )

    assert (again, told) == (walk()[1], [])


def test_what_can_not_change_between_two_days_is_not_walked(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, "grid: {technical.window: [200, 250]}")

    with pytest.raises(InputError, match=r"technical.window can't change between two days"):
        check_by_date(grid, base())
    with pytest.raises(InputError, match="spec changes by date already"):
        check_by_date(
            grid_of(tmp_path, GRID), base().updated({"by_date": {"2023-07-03": {"risk": {}}}})
        )


# --- combinatorial cross-validation -------------------------------------------------------------


def test_a_choice_looks_at_nothing_but_the_sessions_that_choose() -> None:
    chance = np.random.default_rng(5)
    returns, excess = chance.standard_normal((2, 24, 6)) / 100
    folds = combinatorial_folds(24, groups=6, held_out=2, reach=2, embargo=1)
    chosen = choose(folds, returns, excess, "excess_sharpe")
    for fold, choice in zip(folds, chosen, strict=True):
        aside = np.setdiff1d(np.arange(24), fold.train)
        other = excess.copy()
        other[aside] = -other[aside] * 50

        assert choose([fold], returns, other, "excess_sharpe") == [choice]

    assert len(set(chosen)) > 1


def validated(folder: Path, text: str = GRID, **cut: int) -> dict[str, Any]:
    return cross_validate(
        small_lake(),
        grid_of(folder, text),
        base(),
        folder / "out",
        span=Span("5m", days()[0], days()[5]),
        groups=replace(Groups(3, 1), **cut),
        workers=Workers(1),
        ledger=None,
    )


def test_each_group_is_replayed_from_flat_and_put_into_paths(tmp_path: Path) -> None:
    summary = validated(tmp_path)
    d = days()
    splits = pl.read_parquet(tmp_path / "out" / "splits.parquet")
    paths = pl.read_parquet(tmp_path / "out" / "path_returns.parquet")
    stop = splits.filter(pl.col("groups") == "1")["risk.stop_frac"][0]
    params = base().replace(stop_frac=stop)
    (alone,) = run_trials(small_lake(), [params], start=d[2], end=d[3], ledger=None)

    assert (summary["splits"], summary["paths"], summary["whole_trials"]) == (3, 1, 2)
    assert paths["day"].to_list() == d[:6]
    assert paths["0"].to_list()[2:4] == alone.returns.tolist()
    assert 0 <= summary["below_median"] <= 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GRID.replace("net_return", "hit_rate"), "which gives no hit_rate; expected one of sharpe"),
        ("search: optuna\ntrials: 2" + GRID, "but Optuna asks for other trials in each"),
    ],
)
def test_a_search_that_can_not_be_cross_validated_says_why(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        validated(tmp_path, text)
