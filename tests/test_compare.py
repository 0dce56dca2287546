"""Variants beside each other: figures, folders, MLflow's runs, and one that fails."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from test_tracking import empty_store
from worlds import small_lake, small_run

from catalyst.cli import app as cli
from catalyst.data.report.curve_image import curve_image
from catalyst.data.settings import settings
from catalyst.errors import InputError
from catalyst.research.announced import left_behind
from catalyst.research.comparison import compare, resolved, run
from catalyst.research.replay import replay
from catalyst.research.tracking import client_of, home, settle, store_uri
from catalyst.strategy.params import Params

if TYPE_CHECKING:
    from mlflow.entities import Run

FELL = """
import numpy as np

def score(bars, params):
    if params.screen.price_max > 600:
        raise ValueError("no idea of prices above 600")
    return np.full(bars.close.shape[0], 50.0)
"""


#: Enough where it does not matter what came of a run.
FIRST, LAST = dt.date(2023, 7, 11), dt.date(2023, 7, 14)
SHORT = ("--lake", small_lake, "--start", FIRST, "--end", LAST, "--control", 0)


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


def catalyst(*arguments: object) -> Ended:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        words = [str(one().root if one is small_lake else one) for one in arguments]
        patch.setattr(sys, "argv", ["catalyst", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
    return Ended(int(stop.value.code or 0), out.getvalue(), err.getvalue())


@contextmanager
def somewhere(folder: Path) -> Iterator[Path]:
    """Give the command line an empty folder, and a store whose tables are made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CATALYST_HOME", str(folder / "home"))
        patch.setenv("COLUMNS", "200")
        for name in ("CATALYST_LAKE", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        settings.cache_clear()
        home().mkdir(parents=True)
        shutil.copyfile(empty_store(), home() / "mlflow.db")
        yield folder
    settings.cache_clear()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    with somewhere(tmp_path) as folder:
        yield folder


@dataclass(frozen=True)
class Told:
    """What one comparison of two variants left behind."""

    folder: Path
    ended: Ended
    told: dict[str, Any]
    runs: dict[str, Run]


def runs() -> list[Run]:
    """All runs, the oldest first."""
    with client_of(store_uri(), lambda _: None) as client:
        everywhere = [one.experiment_id for one in client.search_experiments()]
        return list(client.search_runs(everywhere, order_by=["attributes.start_time ASC"]))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    words = ("compare", "spec", "thin", "--lake", small_lake().root, "--control", 1)
    with somewhere(tmp_path_factory.mktemp("compared")) as folder:
        ended = catalyst(*words, "--json", "--experiment", "earnings")
        found = {run.info.run_name: run for run in runs()}
        yield Told(folder, ended, json.loads(ended.out), found)


# --- what is told -------------------------------------------------------------------------------


def test_a_comparison_ends_well_and_says_where_its_runs_are(compared: Told) -> None:
    assert compared.ended.status == 0
    assert compared.ended.err == (
        "logged in MLflow, experiment earnings: see it with catalyst mlflow --experiment earnings\n"
    )


def test_json_tells_each_variant_with_its_figures_hashes_and_edge(compared: Told) -> None:
    spec, thin = compared.told["variants"]
    summary = small_run().summary
    shared = ("net_return", "sharpe", "max_drawdown", "hit_rate", "expectancy", "turnover")

    assert [spec["variant"], thin["variant"]] == ["spec", "thin"]
    assert {name: spec["metrics"][name] for name in shared} == {n: summary[n] for n in shared}
    assert spec["decision_digest"] == summary["decision_digest"]
    assert compared.told["edge"] == "edge: not shown"
    assert spec["edge"] == "not shown"
    assert spec["intervals"]["net_return"].keys() == {"low", "high"}
    assert spec["controls"]["count"] == 1
    assert compared.told["benchmarks"] == summary["benchmarks"]


def test_the_table_begins_with_the_edge_and_shows_both_and_the_benchmarks(place: Path) -> None:
    told = catalyst("compare", "spec", "thin", *SHORT, "--no-mlflow", "--no-report", "--no-save")

    assert (told.status, told.err) == (0, "")
    assert told.out.startswith("edge: not shown\n")
    for word in ("spec", "thin", "buy and hold", "information coefficient", "95 % interval"):
        assert word in told.out
    assert not (place / "runs").exists()
    assert list((place / "home" / "mlflow").iterdir()) == [place / "home" / "mlflow" / "mlflow.db"]


def test_a_notebook_gets_the_same_as_a_table_and_curves() -> None:
    found = compare(small_lake(), ["spec", Params.load("thin")], ledger=None, start=FIRST, end=LAST)
    spec = found.variants[0].result

    assert found.table["variant"].to_list() == ["spec", "thin", "buy_and_hold", "equal_weight"]
    assert spec is not None
    assert found.table["net_return"][0] == spec.summary["net_return"]
    assert found.curves.columns == ["ts", "spec", "thin", "buy_and_hold", "equal_weight"]
    assert found.curves["spec"].to_list() == spec.benchmarks["strategy"].to_list()


# --- what is left behind ------------------------------------------------------------------------


def test_each_run_leaves_the_folder_that_backtest_would_leave(compared: Told) -> None:
    folder = Path(compared.told["variants"][0]["folder"])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(compared.folder)
        told = catalyst("backtest", "--lake", small_lake().root, "--out", "alone", "--no-report")
        named = catalyst("backtest", "--lake", small_lake().root)
    alone = {path.name: path.read_bytes() for path in (compared.folder / "alone").iterdir()}
    beside = {
        path.name: path.read_bytes()
        for path in (compared.folder / folder).iterdir()
        if path.name != "report.html"
    }

    assert told.status == 0
    assert beside == alone
    # It has the very name that backtest would give it.
    assert named.status == 2
    assert f"{folder} exists already" in named.err
    assert (compared.folder / folder / "report.html").stat().st_size > 1e6
    assert (compared.folder / "runs" / "latest").resolve().name == folder.name


def test_each_run_is_nested_in_mlflow_with_all_there_is_to_compare(compared: Told) -> None:
    parent, spec, thin = (compared.runs[name] for name in ("spec, thin", "spec", "thin"))
    told = {one["variant"]: one["metrics"] for one in compared.told["variants"]}
    with client_of(f"sqlite:///{compared.folder / 'home/mlflow/mlflow.db'}", print) as client:
        files = {one.path for one in client.list_artifacts(spec.info.run_id)}
        common = {one.path for one in client.list_artifacts(parent.info.run_id)}
        steps = client.get_metric_history(spec.info.run_id, "equity")

    assert compared.told["mlflow_run_id"] == parent.info.run_id
    assert {run.info.status for run in compared.runs.values()} == {"FINISHED"}
    assert thin.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert thin.data.params["screen.price_max"] == "10000"
    assert {n: v for n, v in spec.data.metrics.items() if n in told["spec"]} == {
        name: value for name, value in told["spec"].items() if value is not None
    }
    assert [point.step for point in steps] == list(range(1, 26))
    assert files == {
        "report.html",
        "trades.parquet",
        "equity.parquet",
        "summary.json",
        "equity.svg",
    }
    assert common == {"comparison.csv", "comparison.json", "curves.parquet", "curves.svg"}
    assert spec.data.tags["data_digest"] == small_run().summary["data_digest"]
    assert {"params_hash", "code_version", "lock_hash", "enrichment_hash"} <= spec.data.tags.keys()


def test_no_tag_and_no_parameter_names_a_folder_of_this_machine(compared: Told) -> None:
    told = [
        text
        for run in compared.runs.values()
        for text in (*run.data.tags.values(), *run.data.params.values())
    ]

    assert [text for text in told if str(compared.folder) in text] == []
    assert [text for text in told if str(small_lake().root) in text] == []


def test_the_same_comparison_again_is_a_second_parent_with_the_same_metrics(place: Path) -> None:
    words = ("compare", "spec", "thin", *SHORT, "--no-report")
    first = catalyst(*words)
    folders = [path.stat().st_ino for path in sorted((place / "runs").iterdir())]
    second = catalyst(*words)
    found = runs()

    assert (first.status, second.status) == (0, 0)
    assert [run.info.run_name for run in found] == ["spec, thin", "spec", "thin"] * 2
    assert [run.data.metrics for run in found[:3]] == [run.data.metrics for run in found[3:]]
    # What is there already is left as it is.
    assert [path.stat().st_ino for path in sorted((place / "runs").iterdir())][1:] == folders[1:]


# --- what fails ---------------------------------------------------------------------------------


def test_a_variant_whose_component_fails_is_marked_and_the_others_are_whole(place: Path) -> None:
    (place / "fell.py").write_text(FELL, encoding="utf-8")
    (place / "bold.yaml").write_text(
        "technical_score: fell.py:score\nscreen: {price_max: 900}", encoding="utf-8"
    )
    told = catalyst("compare", "spec", "bold.yaml", *SHORT, "--json", "--no-report")
    found = {run.info.run_name: run for run in runs()}
    whole, failed = json.loads(told.out)["variants"]

    assert told.status == 2
    assert whole["metrics"]["n_trades"] > 0
    assert "no idea of prices above 600" in failed["error"]
    assert told.err.splitlines()[-1] == f"catalyst: variant bold failed: {failed['error']}"
    assert (found["bold"].info.status, found["bold"].data.metrics) == ("FAILED", {})
    assert found["bold"].data.tags["error"] == failed["error"]
    assert found["spec"].info.status == "FINISHED"


def test_a_variant_that_shares_a_failing_component_but_does_not_fail_is_whole(
    tmp_path: Path,
) -> None:
    (tmp_path / "fell.py").write_text(FELL, encoding="utf-8")
    variants = []
    for name, price_max in (("bold", 900), ("meek", 500)):
        (tmp_path / f"{name}.yaml").write_text(
            f"technical_score: fell.py:score\nscreen: {{price_max: {price_max}}}", encoding="utf-8"
        )
        variants.append(Params.load(tmp_path / f"{name}.yaml"))
    found = run(small_lake(), [*variants, Params()], ledger=None, start=FIRST, end=LAST)
    alone = replay(small_lake(), Params(), ledger=None, start=FIRST, end=LAST)

    assert [bool(one.error) for one in found] == [True, False, False]
    assert found[2].result is not None
    assert found[2].result.summary == alone.summary


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        (["spec"], "1 variant to compare"),
        (["spec", "thin", "spec"], "are the same"),
        (["spec", "specc"], "specc"),
    ],
)
def test_a_comparison_that_compares_nothing_is_refused(variants: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolved(small_lake(), variants)


def test_a_server_that_is_away_is_told_before_anything_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:hush-hush@127.0.0.1:9")
    settings.cache_clear()
    told = catalyst("compare", "spec", "thin", "--lake", small_lake().root)

    assert (told.status, told.out) == (2, "")
    assert told.err.startswith("catalyst: MLflow at http://127.0.0.1:9 does not answer")
    assert "hush" not in told.err
    assert not (place / "runs").exists()


def test_a_comparison_that_is_interrupted_is_marked_so_when_mlflow_is_opened_next(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(place / "tmp"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    program = "from catalyst.cli.start import main; main()"
    words = ["compare", "spec", "thin", "--lake", str(small_lake().root)]
    running = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not any((place / "tmp").rglob("*.parquet")):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    before = runs()
    announced = left_behind(home())
    settle(lambda _: None)
    found = {run.info.run_name: (run.info.status, run.data.metrics) for run in runs()}

    assert running.returncode == 143
    assert (out, err) == ("", "catalyst: interrupted; nothing was left half done\n")
    assert before == []
    assert len(announced) == 1
    assert found == dict.fromkeys(["spec, thin", "spec", "thin"], ("KILLED", {}))
    assert list((place / "tmp").iterdir()) == []


# --- the image ----------------------------------------------------------------------------------


def test_curves_are_drawn_alike_each_time_and_labels_are_no_markup() -> None:
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 3, 1), eager=True).to_list()
    growth = np.linspace(1.0, 1.2, len(days))
    drawn = [curve_image("a < b", days, [("<x>", growth)], [("held", growth)]) for _ in range(2)]

    assert drawn[0] == drawn[1]
    assert "&lt;x&gt; +20.0%" in drawn[0]
    assert "a &lt; b" in drawn[0]
    assert drawn[0].count("<polyline") == 2
    assert drawn[0].count("stroke-dasharray") == 2


def test_an_image_of_nothing_is_an_image() -> None:
    drawn = curve_image("none", [], [("a", np.empty(0))])

    assert drawn.startswith("<svg")
    assert "nan" not in drawn
