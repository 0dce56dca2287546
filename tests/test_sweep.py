"""Sweeps: what a grid may say, the same bytes however they are run, and a page of all trials."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browser import browser, opened
from worlds import scratch, small_lake

from catalyst import Params, replay
from catalyst.data.search_ledger import SearchLedger
from catalyst.errors import InputError, OutputError
from catalyst.research.outcome import outcome_of
from catalyst.research.sweep import Chunk, Span, Workers, plan_of, run_chunk, run_points
from catalyst.research.sweep_folder import Sweep, sweep
from catalyst.research.sweep_grid import Grid, read_grid
from catalyst.research.sweep_parts import Parts
from catalyst.research.sweep_points import Point, count_points, points_again, searched
from catalyst.research.sweep_records import sweep_records
from catalyst.research.trial_records import lake_trials

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser"]

GRID = """
grid:
  risk.stop_frac: [0.01, 0.02]
  risk.target_1_r: [1, 2.5]
"""
FILES = ("trials.parquet", "returns.parquet", "sweep.json", "sweep.html")


def grid_of(folder: Path, text: str) -> Grid:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return read_grid(path)


def span(sessions: int = 5) -> Span:
    days = small_lake().days("5m")
    return Span("5m", days[12], days[11 + sessions])


def swept(folder: Path, text: str = GRID, **asked: Any) -> Sweep:  # noqa: ANN401 - options of `sweep`
    folder.mkdir(parents=True, exist_ok=True)
    return sweep(
        small_lake(),
        grid_of(folder, text),
        Params.load("spec"),
        folder / "out",
        span=span(),
        **({"workers": Workers(1)} | asked),
    )


@cache
def own() -> Path:
    """A folder of this module's: another file of tests may import it a second time."""
    return Path(tempfile.mkdtemp(dir=scratch()))


@cache
def whole() -> Sweep:
    return swept(own() / "whole", ledger=SearchLedger(own() / "sweep.sqlite"))


def content(done: Sweep) -> dict[str, bytes]:
    return {name: (done.folder / name).read_bytes() for name in FILES}


# --- the grid ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("grid: {risk.stop_frac: [0.01", "is not YAML at line"),
        ("variant: spec", "has no grid; expected parameters"),
        ("serch: grid\n" + GRID, "line 1: there is no setting 'serch' of a sweep; did you mean se"),
        ("search: all\n" + GRID, "line 1: search is 'all'; expected one of grid, random, optuna"),
        ("objective: luck\n" + GRID, "line 1: objective is 'luck'; expected one of sharpe, "),
        ("grid:\n  risk.stop: [1]", "line 2: there is no parameter 'risk.stop'"),
        ("grid:\n  stop_frac: [1]", "did you mean risk.stop_frac?"),
        ("grid:\n  risk: [1]", "line 2: risk is a whole section; expected one of its fields"),
        ("grid:\n  risk.stop_frac: 0.01", "line 2: risk.stop_frac is 0.01; expected a list"),
        ("grid:\n  risk.stop_frac: []", "line 2: risk.stop_frac has an empty list"),
        ("grid:\n  risk.stop_frac: [9]", "line 2: risk.stop_frac is 9; expected a number from"),
        ("grid:\n  risk.stop_frac: [x]", "line 2: risk.stop_frac is 'x'; expected a number from"),
        ("grid:\n  risk.stop_frac: [0.01, 0.01]", "has 0.01 twice; expected each value once"),
        ("grid:\n  risk.stop_frac: [0.01]\n  risk.stop_frac: [1]", "line 3: risk.stop_frac stands"),
        ("grid:\n  risk.stop_frac: {low: 0.01, high: 0.02}", "is a range, of which a grid can't"),
        ("search: random\n" + GRID, "line 1: search: random needs trials"),
        ("trials: 3\n" + GRID, "line 1: a grid tries all its combinations"),
        ("search: random\ntrials: 9\n" + GRID, "line 2: 9 trials of 4 combinations are asked for"),
        ("seed: -1\n" + GRID, "line 1: seed is -1; expected a whole number"),
        ("start: soon\n" + GRID, "line 1: start is 'soon'; expected a date"),
        ("symbols: [true]\n" + GRID, "line 1: symbols is [True]; expected names"),
        ("grid:\n  scored.luck: [0.1]", "there is no scored component 'luck'; known are catalyst"),
        ("grid:\n  technical_score: [luck]", "technical_score is 'luck'; expected one of: spec"),
        ("grid:\n  exits: [flatten]", "exits is 'flatten'; expected a list of component names"),
        (
            "search: random\ntrials: 1\ngrid:\n  risk.stop_frac: {low: 0.1, high: 0.01}",
            "line 4: risk.stop_frac goes from 0.1 to 0.01; expected low below high",
        ),
        (
            "search: random\ntrials: 1\ngrid:\n  risk.flatten_at_close: {low: 0, high: 1}",
            "line 4: risk.flatten_at_close is no single number",
        ),
        (
            "grid:\n  risk.stop_frac: {low: 0.0001, high: 0.5, step: 0.000001}",
            "line 2: risk.stop_frac has 499,901 steps; expected at most 100,000",
        ),
    ],
)
def test_a_mistake_in_a_grid_is_told_in_one_sentence_with_its_line(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(InputError) as found:
        grid_of(tmp_path, text)

    assert told in str(found.value)
    assert str(tmp_path / "mine.yaml") in str(found.value)


def test_a_grid_tries_every_combination_once(tmp_path: Path) -> None:
    (points,) = searched(grid_of(tmp_path, GRID), Params())
    tried = [(p.params.risk.stop_frac, p.params.risk.target_1_r) for p in points if p.params]

    assert tried == [(0.01, 1), (0.01, 2.5), (0.02, 1), (0.02, 2.5)]


def test_a_range_with_a_step_is_a_list(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, "grid: {risk.stop_frac: {low: 0.01, high: 0.04, step: 0.01}}")

    assert grid.axes[0].values == (0.01, 0.02, 0.03, 0.04)


def test_a_combination_that_can_not_be_is_a_trial_with_its_reason(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, "grid: {screen.price_min: [1, 600], screen.price_max: [500, 700]}")
    (points,) = searched(grid, Params())

    assert [p.error for p in points] == [
        None,
        None,
        "screen.price_min is 600.0, above screen.price_max 500.0; expected at most that",
        None,
    ]


def test_components_and_single_weights_vary(tmp_path: Path) -> None:
    text = "grid: {exits: [[flatten], [time_stop, flatten]], scored.volume: [0, 0.1]}"
    (points,) = searched(grid_of(tmp_path, text), Params())
    tried = [
        ([c.name for c in p.params.exits], {c.name: w for c, w in p.params.scored}["volume"])
        for p in points
        if p.params
    ]

    assert tried == [
        (["flatten"], 0.0),
        (["flatten"], 0.1),
        (["time_stop", "flatten"], 0.0),
        (["time_stop", "flatten"], 0.1),
    ]


RANDOM = """
search: random
trials: 20
seed: 3
grid:
  risk.stop_frac: {low: 0.001, high: 0.1, log: true}
  risk.positions_max: {low: 1, high: 9}
  risk.target_1_r: [1, 1.5, 2]
"""


def test_a_random_search_draws_distinct_points_within_its_ranges(tmp_path: Path) -> None:
    (points,) = searched(grid_of(tmp_path, RANDOM), Params())
    stops = np.array([p.values[0] for p in points])

    assert len({p.params.hash for p in points if p.params}) == 20
    assert ((stops >= 0.001) & (stops <= 0.1)).all()
    # Half of them below the middle by ratio, not by difference.
    assert 4 <= (stops < 0.01).sum() <= 16
    assert {type(p.values[1]) for p in points} == {int}


def test_more_random_trials_begin_with_the_same_ones(tmp_path: Path) -> None:
    (few,) = searched(grid_of(tmp_path, RANDOM), Params())
    (more,) = searched(grid_of(tmp_path, RANDOM.replace("20", "30")), Params())
    (other,) = searched(grid_of(tmp_path, RANDOM.replace("seed: 3", "seed: 4")), Params())

    assert [p.values for p in more[:20]] == [p.values for p in few]
    assert [p.values for p in other] != [p.values for p in few]


def test_optuna_asks_the_same_again_and_goes_where_it_is_better(tmp_path: Path) -> None:
    text = RANDOM.replace("random", "optuna").replace("20", "50")
    grid = grid_of(tmp_path, text)

    def searched_through() -> list[float]:
        search = searched(grid, Params())
        batch, seen = next(search), []
        while True:
            seen += [p.values[0] for p in batch]
            try:
                batch = search.send([-abs(p.values[0] - 0.02) for p in batch])
            except StopIteration:
                return seen

    first, again = searched_through(), searched_through()
    away = np.abs(np.log(np.array(first) / 0.02))

    assert (len(first), count_points(grid)) == (50, 50)
    assert first == again
    assert np.median(away[-20:]) < np.median(away[:16]) / 2


# --- what a sweep is a function of -------------------------------------------------------------


def test_a_trial_of_a_sweep_is_what_its_replay_gives() -> None:
    done = whole()
    params = Params.load("spec", settings=["risk.stop_frac=0.01", "risk.target_1_r=2.5"])
    alone = outcome_of(
        replay(small_lake(), params, start=span().start, end=span().end, ledger=None)
    )
    row = done.trials.row(1, named=True)

    assert row["params_hash"] == params.hash
    assert {name: row[name] for name in alone.metrics} == alone.metrics
    assert done.returns["1"].to_list() == alone.returns.tolist()
    assert alone.metrics["n_trades"]


def test_two_processes_give_the_bytes_of_one(tmp_path: Path) -> None:
    assert content(swept(tmp_path, workers=Workers(2), ledger=None)) == content(whole())


def test_every_trial_is_counted_once_by_whoever_started_the_sweep() -> None:
    done = whole()
    ledger = SearchLedger(own() / "sweep.sqlite")
    lake = small_lake()
    params = Params.load("spec", settings=["risk.stop_frac=0.01", "risk.target_1_r=2.5"])
    counted = {trial.params_hash for trial in lake_trials(lake, ledger)}
    replay(lake, params, timeframe="5m", start=span().start, end=span().end, ledger=ledger)

    assert counted == set(done.trials["params_hash"])
    assert len(lake_trials(lake, ledger)) == 4


def test_a_component_that_fails_fails_its_own_trials(tmp_path: Path) -> None:
    (tmp_path / "ideas.py").write_text(
        "def broken(view, row, entry, params):\n    raise ValueError('no luck')\n",
        encoding="utf-8",
    )
    done = swept(tmp_path, 'grid: {exits: [[flatten], ["ideas.py:broken", flatten]]}', ledger=None)

    assert done.trials["error"][0] is None
    assert "no luck" in done.trials["error"][1]
    assert done.trials["net_return"].is_null().to_list() == [False, True]
    assert done.summary["failed"] == 1


def test_equal_parameters_run_once_and_are_told_twice(tmp_path: Path) -> None:
    # The single weight wins over that of the list.
    text = "grid: {scored.catalyst: [0.35, 0.2], scored: [{catalyst: 0.35}, {catalyst: 0.3}]}"
    done = swept(tmp_path, text, ledger=None)

    assert (done.summary["trials"], done.summary["distinct"]) == (4, 2)
    assert done.trials["net_pnl"][0] == done.trials["net_pnl"][1]


def test_a_sweep_killed_at_any_moment_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GRID, encoding="utf-8")
    first, last = span().start, span().end
    words = f"sweep mine.yaml --lake {small_lake().root} --start {first} --end {last} --out out"
    # Four trials in chunks of one, so that there is a part before the end.
    program = (
        "import sys, catalyst.research.sweep as s; s._CHUNK = 1\n"
        f"sys.argv = ['catalyst', *{words.split()!r}, '--workers', '1', *sys.argv[1:]]\n"
        "from catalyst.cli.start import main; main()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    start = [sys.executable, "-c", program]
    victim = subprocess.Popen(start, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while len(list(tmp_path.glob("out/.parts/part-*"))) < 2:
        assert time.monotonic() < until
        assert victim.poll() is None

        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    parts = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/.parts/part-*")}
    refused = subprocess.run(
        start, cwd=tmp_path, env=environment, capture_output=True, check=False, text=True
    )

    assert not (tmp_path / "out" / "sweep.json").exists()
    assert "holds an unfinished sweep; pass --resume to go on" in refused.stderr
    assert refused.returncode == 2

    grid = read_grid(tmp_path / "mine.yaml")
    done = sweep(
        small_lake(),
        grid,
        Params.load("spec"),
        tmp_path / "out",
        span=span(),
        workers=Workers(1),
        resume=True,
    )

    assert len(parts) >= 2
    assert content(done) == content(whole())
    assert not (done.folder / ".parts").exists()


def test_a_finished_sweep_is_resumed_without_a_trial_and_replaced_by_force_only(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "out"
    shutil.copytree(whole().folder, copy)
    told: list[float] = []
    again = swept(tmp_path, resume=True, tell=lambda done, _: told.append(done), ledger=None)

    assert (content(again), told) == (content(whole()), [])

    with pytest.raises(OutputError, match="holds a finished sweep; pass --force"):
        swept(tmp_path)
    with pytest.raises(OutputError, match="of another grid, data, span or code"):
        swept(tmp_path, GRID.replace("2.5", "3"), resume=True)


def counted_in(ledger: SearchLedger) -> list[tuple[object, ...]]:
    return [
        (t.trial_id, t.score_hash, t.n_trades, t.sharpe, t.returns)
        for t in lake_trials(small_lake(), ledger)
    ]


def test_a_finished_sweep_that_is_resumed_is_counted_where_it_wasn_t(tmp_path: Path) -> None:
    shutil.copytree(whole().folder, tmp_path / "out")
    ledger = SearchLedger(tmp_path / "trials.sqlite")
    for _ in range(2):
        swept(tmp_path, resume=True, ledger=ledger)

    kept = counted_in(SearchLedger(own() / "sweep.sqlite"))

    assert counted_in(ledger) == kept
    assert len(kept) == 4


def test_what_an_earlier_start_has_finished_is_counted_too(tmp_path: Path) -> None:
    ledger = SearchLedger(tmp_path / "trials.sqlite")
    given = (small_lake(), grid_of(tmp_path, GRID), Params.load("spec"), span())
    parts = Parts(tmp_path / "out", plan_of(*given))
    run_points(*given, parts=parts, workers=Workers(1), ledger=None)
    swept(tmp_path, resume=True, ledger=ledger)

    assert len(counted_in(ledger)) == 4


def test_the_trials_of_a_search_that_is_over_are_found_again(tmp_path: Path) -> None:
    text = "search: optuna\ntrials: 20\ngrid:\n  risk.stop_frac: {low: 0.005, high: 0.05}"
    grid, base = grid_of(tmp_path, text), Params.load("spec")
    points: list[Point] = []
    values: list[float | None] = []
    search = searched(grid, base)
    batch = next(search)
    while True:
        points += batch
        told = [-abs(float(one.values[0]) - 0.02) for one in batch]
        values += told
        try:
            batch = search.send(list(told))
        except StopIteration:
            break

    assert points_again(grid, base, values) == points


def test_a_worker_with_another_lake_or_none_says_so(tmp_path: Path) -> None:
    from catalyst.data.version import code_version

    there = Chunk(str(small_lake().root), (Params(),), span(), (code_version(), "0" * 64))
    nowhere = dataclasses.replace(there, root=str(tmp_path / "nowhere"))

    with pytest.raises(InputError, match="of a worker holds other data"):
        run_chunk(there)
    with pytest.raises(InputError, match="a worker of the cluster has no lake at"):
        run_chunk(nowhere)


# --- what it shows -----------------------------------------------------------------------------


def test_the_best_is_the_first_by_objective_and_can_be_backtested() -> None:
    done = whole()
    best = done.summary["best"]
    order = done.trials.sort("sharpe", "trial", descending=[True, False], nulls_last=True)
    params = Params.load(done.folder / "best.yaml")

    assert best["trial"] == order["trial"][0]
    assert params.hash == order["params_hash"][0]


def test_the_page_shows_any_two_parameters_of_all_trials_and_asks_for_nothing(
    browser: Browser,
) -> None:
    done = whole()
    with opened(browser, done.folder / "sweep.html") as (page, asked, said):
        first = page.inner_text("#heat-title")
        page.select_option("#figure", label="trades")
        page.select_option("#fold", "best")
        page.select_option("#up", label="risk.stop_frac")
        page.select_option("#across", label="risk.target_1_r")
        page.click("#heat summary")
        title, cells = page.inner_text("#heat-title"), page.inner_text("#heat-table")

    trades = done.trials["n_trades"].to_list()

    assert first == "Median Sharpe ratio of all 4 trials: by risk.target_1_r and risk.stop_frac"
    assert title == "Best trades of all 4 trials: by risk.stop_frac and risk.target_1_r"
    assert cells.split() == [
        *("0.02", f"{trades[2]}.00", "(1)", f"{trades[3]}.00", "(1)"),
        *("0.01", f"{trades[0]}.00", "(1)", f"{trades[1]}.00", "(1)"),
    ]
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert said == []


def test_the_command_tells_what_luck_would_reach(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GRID, encoding="utf-8")
    shown = subprocess.run(
        [
            *(sys.executable, "-c", "from catalyst.cli.start import main; main()", "sweep"),
            *("mine.yaml", "--lake", small_lake().root, "--resume", "--json"),
            *("--start", str(span().start), "--end", str(span().end), "--workers", "1"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
        text=True,
    )

    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout) == whole().summary
    assert len(list((tmp_path / "runs").glob("sweep-mine-*/sweep.json"))) == 1


def test_mlflow_is_told_of_all_trials_in_one_run_and_of_the_best_nested_in_it() -> None:
    done = whole()
    parent, nested = sweep_records(done, lake="small")
    best = done.summary["best"]

    assert parent.files["trials.parquet"] == done.folder / "trials.parquet"
    assert parent.metrics["trials"] == 4
    assert parent.metrics["best_net_pnl"] == best["figures"]["net_pnl"]
    assert nested[0].name == f"trial {best['trial']}"
    assert nested[0].params["risk.stop_frac"] == str(best["values"]["risk.stop_frac"])
    assert nested[0].tags["params_hash"] == best["params_hash"]
