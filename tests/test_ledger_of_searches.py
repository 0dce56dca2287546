"""The ledger of searches: every trial once, whoever writes, and those that bear on the data."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from worlds import copied, small_lake, small_run

from catalyst import Params
from catalyst.cli.app import app
from catalyst.data.search_ledger import SearchLedger, Trial, default_ledger
from catalyst.data.settings import settings
from catalyst.errors import OutputError
from catalyst.research.outcome import outcome_of
from catalyst.research.replay import replay
from catalyst.research.trial_records import bearing_trials, lake_trials, moments, record, trial_of


@cache
def own() -> Trial:
    result = small_run()
    return trial_of(result.summary, result.params, small_lake(), outcome_of(result))


def others(n: int) -> list[Trial]:
    return [
        replace(own(), trial_id=f"t{k:03}", params_hash=f"p{k}", excess_sharpe=0.01 * k)
        for k in range(n)
    ]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchLedger]:
    monkeypatch.setenv("CATALYST_LEDGER", str(tmp_path / "ledger" / "trials.sqlite"))
    settings.cache_clear()
    yield default_ledger()
    settings.cache_clear()


def bearing(ledger: SearchLedger, first: int = 0, last: int = 100_000) -> list[str]:
    one = own()
    return [t.trial_id for t in ledger.bearing(one.lake, one.data_digest, first, last)]


# --- counting ----------------------------------------------------------------------------------


def test_a_trial_comes_back_as_it_was_counted(ledger: SearchLedger) -> None:
    ledger.record([own()])

    assert ledger.bearing(own().lake, "", 0, 100_000) == [own()]


def test_the_same_trial_is_counted_once(ledger: SearchLedger) -> None:
    for _ in range(3):
        ledger.record([own(), own()])

    assert bearing(ledger) == [own().trial_id]


def test_a_replay_is_counted_where_it_is_told_and_nowhere_if_told_so(
    ledger: SearchLedger, tmp_path: Path
) -> None:
    params, day = Params.load("spec"), small_lake().days("5m")[6]
    scratch = SearchLedger(tmp_path / "scratch.sqlite")
    for counted in (scratch, None):
        replay(small_lake(), params, start=day, end=day, ledger=counted)

    assert len(lake_trials(small_lake(), scratch)) == 1
    assert lake_trials(small_lake(), ledger) == []

    replay(small_lake(), params, start=day, end=day)

    assert len(lake_trials(small_lake(), ledger)) == 1


def test_writers_at_the_same_time_all_count(ledger: SearchLedger) -> None:
    trials = others(80)

    def write(part: list[Trial]) -> None:
        for one in part:
            SearchLedger(ledger.path).record([one])

    writers = [threading.Thread(target=write, args=(trials[k::4],)) for k in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert bearing(ledger) == [t.trial_id for t in trials]


def test_of_trials_of_which_one_can_t_be_kept_none_is_counted(ledger: SearchLedger) -> None:
    bad = replace(own(), trial_id="bad", lake=None)  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="can't be used"):
        ledger.record([*others(3), bad])

    assert bearing(ledger) == []


def test_a_ledger_that_is_none_is_told_in_a_sentence(ledger: SearchLedger) -> None:
    ledger.path.parent.mkdir()
    ledger.path.write_text("not a ledger " * 100, encoding="utf-8")
    with pytest.raises(OutputError, match=r"trials\.sqlite can't be used .* make the file"):
        ledger.record([own()])


def test_asking_makes_no_file(ledger: SearchLedger) -> None:
    assert bearing(ledger) == []
    assert lake_trials(small_lake(), ledger) == []
    assert not ledger.path.exists()


def test_a_trial_s_sharpe_ratio_beside_the_market_is_its_outcome_s() -> None:
    outcome = outcome_of(small_run())

    assert own().excess_sharpe == moments(outcome.excess)[0]
    assert own().sharpe == moments(outcome.returns)[0]
    assert np.frombuffer(own().returns).tolist() == outcome.returns.tolist()


def test_naming_every_symbol_is_naming_none_and_naming_some_is_not() -> None:
    result, lake = small_run(), small_lake()
    symbols = lake.symbols("5m")

    def asking(*names: str) -> Trial:
        asked = {"symbols": sorted(names), "sources": None}
        return trial_of(result.summary | {"asked": asked}, result.params, lake, outcome_of(result))

    assert own().asked == ""
    assert asking(*symbols) == own()
    assert asking(*symbols[1:]).asked == asking(*symbols[1:], *symbols[1:]).asked
    assert len({own().asked, asking(*symbols[1:]).asked, asking(*symbols[:-1]).asked}) == 3


# --- files of before ---------------------------------------------------------------------------


OLD = """
CREATE TABLE trials (
    trial_id TEXT PRIMARY KEY, lake TEXT NOT NULL, data_digest TEXT NOT NULL,
    params_hash TEXT NOT NULL, score_hash TEXT NOT NULL, variant TEXT NOT NULL,
    timeframe TEXT NOT NULL, first_day INTEGER NOT NULL, last_day INTEGER NOT NULL,
    n_sessions INTEGER NOT NULL, sharpe REAL, skewness REAL, kurtosis REAL,
    excess_sharpe REAL, n_trades INTEGER NOT NULL, returns BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX trials_by_lake ON trials (lake, last_day);
CREATE TABLE sessions (
    data_digest TEXT NOT NULL, day INTEGER NOT NULL, bars TEXT NOT NULL,
    PRIMARY KEY (data_digest, day, bars)
) WITHOUT ROWID;
CREATE INDEX sessions_by_bars ON sessions (bars, data_digest);
"""


def test_a_ledger_of_the_schema_before_is_moved_with_all_its_trials(ledger: SearchLedger) -> None:
    ledger.path.parent.mkdir()
    with closing(sqlite3.connect(ledger.path)) as connection, connection:
        connection.executescript(OLD)
        rows = [astuple(one)[:-1] for one in others(3)]
        connection.executemany(
            "INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )

    assert ledger.bearing(own().lake, "", 0, 100_000) == others(3)

    ledger.record([own()])

    assert bearing(ledger) == sorted([own().trial_id, *(t.trial_id for t in others(3))])


def test_a_ledger_of_a_newer_version_is_refused_in_a_sentence(ledger: SearchLedger) -> None:
    ledger.record([own()])
    with closing(sqlite3.connect(ledger.path)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(OutputError, match="is of version 99, written by a newer catalyst"):
        ledger.record([own()])


# --- what bears --------------------------------------------------------------------------------


def test_a_trial_bears_on_sessions_that_it_saw_and_on_no_others(ledger: SearchLedger) -> None:
    early = replace(own(), trial_id="early", first_day=100, last_day=199)
    late = replace(own(), trial_id="late", first_day=200, last_day=299)
    ledger.record([late, early])

    assert bearing(ledger, 150, 160) == ["early"]
    assert bearing(ledger, 199, 200) == ["early", "late"]
    assert bearing(ledger, 300, 400) == []


def test_other_data_in_the_same_folder_is_still_that_folder_s(ledger: SearchLedger) -> None:
    ledger.record([replace(own(), data_digest="before a row was added")])

    assert bearing(ledger) == [own().trial_id]


def test_a_copy_that_was_never_replayed_finds_its_trials_by_its_bars(
    ledger: SearchLedger, tmp_path: Path
) -> None:
    record([own()], small_lake(), ledger)
    copy = copied(small_lake(), tmp_path / "copy")

    assert [t.trial_id for t in lake_trials(copy, ledger)] == [own().trial_id]
    assert [t.trial_id for t in bearing_trials(small_run().summary, copy, ledger)] == [
        own().trial_id
    ]


def test_a_trial_that_is_run_again_in_a_copy_still_bears_on_where_it_was_run_first(
    ledger: SearchLedger,
) -> None:
    first = others(4)
    ledger.record(first)
    ledger.record([replace(one, lake="copy") for one in first])

    # The first folder's data is restated: no bars in common any more.
    assert ledger.bearing(own().lake, "restated", 0, 100_000) == first
    assert ledger.bearing("copy", own().data_digest, 0, 100_000) == [
        replace(one, lake="copy") for one in first
    ]


def test_another_market_in_another_folder_has_seen_nothing(ledger: SearchLedger) -> None:
    record([own()], small_lake(), ledger)

    assert ledger.bearing("elsewhere", "other data", 0, 100_000) == []


# --- the command -------------------------------------------------------------------------------


def told(*words: str) -> str:
    answer = CliRunner().invoke(app, ["ledger", "--lake", str(small_lake().root), *words])

    assert answer.exit_code == 0

    return answer.stdout


def test_a_ledger_tells_how_often_data_was_asked_and_what_luck_would_reach(
    ledger: SearchLedger,
) -> None:
    ledger.record(others(30))
    answer = json.loads(told("--json", "--limit", "3"))

    assert (answer["trials"], answer["scores"]) == (30, 1)
    assert [row["params_hash"] for row in answer["best"]] == ["p29", "p28", "p27"]
    assert answer["best_excess_sharpe_annual"] == pytest.approx(0.29 * np.sqrt(252))
    assert answer["sharpe_of_luck_annual"] > 0
    assert answer["ledger"] == str(ledger.path)


def test_a_high_sharpe_ratio_of_few_sessions_is_not_the_best(ledger: SearchLedger) -> None:
    few = replace(own(), trial_id="few", variant="few", n_sessions=4, excess_sharpe=0.5)
    many = replace(own(), trial_id="many", variant="many", n_sessions=400, excess_sharpe=0.1)
    none = replace(own(), trial_id="none", variant="none", excess_sharpe=None, sharpe=None)
    ledger.record([few, many, none])
    rows = json.loads(told("--json"))["best"]

    assert [row["variant"] for row in rows] == ["many", "few", "none"]


def test_data_that_nobody_has_asked_says_so(ledger: SearchLedger) -> None:
    assert told() == "No trial has looked at this data yet.\n"
    assert json.loads(told("--json"))["trials"] == 0


def test_people_read_the_count_first(ledger: SearchLedger) -> None:
    ledger.record(others(12))

    assert told().startswith("12 trials have looked at this data: the best of so many would reach")
    assert "12 trials, 1 different score\n" in told()
